// figures.test.js - what the server tells of itself is so: SHOW STATS, SHOW MANIFEST and system.jobs beside what lies on disk, in buckets and
// in its memory.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const crypto = require('node:crypto');
const { startServer, useServer, slowness } = require('../lib/server.js');
const { connectOfficial } = require('../lib/official_client.js');
const { runJob } = require('../lib/jobs.js');
const { startS3, ACCESS_KEY, SECRET_KEY } = require('../lib/s3.js');

const server = useServer(test, { options: { 'retention.enable_dba_stats': false } });
let root;
let alice;
let bob;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.sql('CREATE NAMESPACE app');
    alice = await server.createUser('alice');
    bob = await server.createUser('bob');
});

const stats = async (client, table) => (await client.objects(`SHOW STATS FOR TABLE ${table}`))[0];
const manifests = (client, table) => client.objects(`SELECT * FROM system.manifest WHERE table_name = '${table}' ORDER BY cache_key`);

test('SHOW STATS counts live queries: the caller\'s on own rows, everybody\'s on shared ones', async () => {
    await root.results('CREATE USER TABLE app.own (id INT PRIMARY KEY); CREATE SHARED TABLE app.board (id INT PRIMARY KEY)  WITH (ACCESS_LEVEL = \'PUBLIC\'); CREATE STREAM TABLE app.feed (id INT) TTL 60');
    const streams = async (client, table) => Number((await stats(client, table)).active_streams);
    const clients = await Promise.all([alice, alice, bob].map((user) => connectOfficial(server, user)));
    const subscriptions = [];
    for (const client of clients) {
        for (const table of ['app.own', 'app.board', 'app.feed']) {
            subscriptions.push([client, await client.subscribe(`SELECT id FROM ${table}`)]);
        }
    }
    for (const [table, ofAlice, ofBob, ofRoot] of [['app.own', 2, 1, 0], ['app.feed', 2, 1, 0], ['app.board', 3, 3, 3]]) {
        assert.deepStrictEqual([await streams(alice, table), await streams(bob, table), await streams(root, table)], [ofAlice, ofBob, ofRoot], table);
    }
    await clients[2].socket.close();
    while (await streams(bob, 'app.board') !== 2) {} // the server hears of the end when it does
    assert.strictEqual(await streams(bob, 'app.own'), 0);
    for (const [client, subscription] of subscriptions.slice(0, 6)) {
        client.unsubscribe(subscription);
    }
    await Promise.all(clients.slice(0, 2).map((client) => client.subscribe('SELECT id FROM app.own WHERE id = 1'))); // those before are through
    assert.strictEqual(await streams(alice, 'app.own'), 2);
    assert.strictEqual(await streams(alice, 'app.board'), 0);
    await Promise.all(clients.slice(0, 2).map((client) => client.socket.close()));
});

test('SHOW STATS counts memory that the caller\'s rows take: decoded ones, and the manifest', async () => {
    await root.sql('CREATE USER TABLE app.mem (id INT PRIMARY KEY, t TEXT)');
    const memory = async (client) => Number((await stats(client, 'app.mem')).memory_bytes);
    await alice.sql("INSERT INTO app.mem SELECT i, repeat('x', 100) FROM generate_series(1, 2000) AS g(i)");
    assert.strictEqual(await memory(alice), 0);
    for (let bytes = 0, i = 0; bytes < 2000 * 4; i++, bytes = await memory(alice)) { // what is read again and again is kept
        assert.ok(i < 100, `${bytes} bytes after ${i} reads`);
        await alice.sql(`SELECT count(*) FROM app.mem WHERE t <> '${i % 2}'`);
    }
    assert.strictEqual(await memory(bob), 0);
    await alice.sql('DELETE FROM app.mem WHERE id > 1'); // what is kept is of before
    await alice.sql('SELECT count(*) FROM app.mem');
    await runJob(root, 'STORAGE FLUSH TABLE app.mem');
    const { flushed_segments: segments, memory_bytes: bytes } = await stats(alice, 'app.mem');
    assert.strictEqual(segments, '1');
    assert.ok(Number(bytes) > 0, bytes);
    const all = Object.fromEntries(await root.rows("SELECT metric_name, metric_value FROM system.stats WHERE metric_name IN ('hot_rows_bytes', 'cold_manifest_bytes')"));
    assert.ok(Number(all.cold_manifest_bytes) > 0 && Number(all.cold_manifest_bytes) + Number(all.hot_rows_bytes) >= Number(bytes), JSON.stringify([all, bytes]));
});

// What manifest.json says, wherever it is, and its tag where that can be known (else null): 16 digits that change with it.
async function checkManifest(table, read, tagOf) {
    const now = async () => {
        const [row, ...more] = await manifests(root, table);
        assert.deepStrictEqual(more, []);
        return row;
    };
    const json = (row) => (typeof row.manifest_json === 'string' ? JSON.parse(row.manifest_json) : row.manifest_json);
    await root.sql(`INSERT INTO app.${table} SELECT i, 'text' FROM generate_series(1, 100) AS g(i)`);
    assert.deepStrictEqual(await manifests(root, table), []);
    const from = Date.now() * 1000;
    await runJob(root, `STORAGE FLUSH TABLE app.${table}`);
    const flushed = await now();
    assert.deepStrictEqual([flushed.cache_key, flushed.scope, flushed.sync_state], [`app:${table}:shared`, 'shared', 'in_sync']);
    assert.ok(Number(flushed.last_refreshed) >= from && Number(flushed.last_refreshed) <= Date.now() * 1000);
    assert.ok(Number(flushed.last_accessed) >= Number(flushed.last_refreshed));
    assert.deepStrictEqual(JSON.parse(read()), json(flushed));
    const checkTag = ({ etag }) => (tagOf === null ? assert.match(etag, /^[0-9a-f]{16}$/) : assert.strictEqual(etag, tagOf(read())));
    checkTag(flushed);

    await root.sql(`UPDATE app.${table} SET t = 'other' WHERE id = 7`); // a row of the file is dead: manifest.json does not say so yet
    const updated = await now();
    assert.deepStrictEqual([updated.sync_state, updated.etag, updated.in_memory], ['stale', flushed.etag, true]);
    assert.strictEqual(json(updated).segments[0].deleted_rows, 1);
    assert.strictEqual(JSON.parse(read()).segments[0].deleted_rows, 0);

    await runJob(root, `STORAGE FLUSH TABLE app.${table}`);
    const again = await now();
    assert.strictEqual(again.sync_state, 'in_sync');
    assert.notStrictEqual(again.etag, flushed.etag);
    checkTag(again);
    assert.deepStrictEqual(JSON.parse(read()), json(again));
    assert.strictEqual(json(again).segments.length, 2);
}

test('system.manifest says what manifest.json does, and whether it is of today: a directory', async () => {
    await root.sql('CREATE SHARED TABLE app.local (id INT PRIMARY KEY, t TEXT)');
    const place = path.join(server.dataPath, 'storage/app/local/manifest.json');
    await checkManifest('local', () => fs.readFileSync(place, 'utf8'), null);
});

test('system.manifest says what manifest.json does, and whether it is of today: a bucket, by its ETag', async () => {
    const s3 = await startS3();
    try {
        const credentials = JSON.stringify({ access_key_id: ACCESS_KEY, secret_access_key: SECRET_KEY });
        await root.sql(`CREATE STORAGE remote TYPE s3 BASE_DIRECTORY 's3://cold' CONFIG '{"endpoint":"${s3.endpoint}","region":"eu-west-1"}' CREDENTIALS '${credentials}'`);
        await root.sql("CREATE SHARED TABLE app.far (id INT PRIMARY KEY, t TEXT) WITH (STORAGE_ID = 'remote')");
        const files = () => fs.readdirSync(s3.directory, { recursive: true }).filter((name) => name.includes('manifest.json') && name.includes('object'));
        await checkManifest('far', () => fs.readFileSync(path.join(s3.directory, files()[0]), 'utf8'), (text) => crypto.createHash('md5').update(text).digest('hex'));
    } finally {
        await s3.stop();
    }
});

test('a manifest.json that is not there is written anew by itself: after a restore, say', async () => {
    const own = await startServer();
    const backup = path.join(own.dir, 'backup');
    const states = async (client) => (await client.rows('SELECT DISTINCT sync_state FROM system.manifest')).flat();
    try {
        await own.setUp();
        await own.root.results(`CREATE NAMESPACE app; CREATE USER TABLE app.mine (id INT PRIMARY KEY); CREATE SHARED TABLE app.ours (id INT PRIMARY KEY);
            INSERT INTO app.mine VALUES (1); INSERT INTO app.ours VALUES (1)`);
        await runJob(own.root, 'STORAGE FLUSH TABLE app.mine');
        await runJob(own.root, 'STORAGE FLUSH TABLE app.ours');
        await runJob(own.root, `BACKUP DATABASE TO '${backup}'`);
        await runJob(own.root, `RESTORE DATABASE FROM '${backup}'`);
        await own.restart();
        let client = await own.signIn('root');
        assert.deepStrictEqual(await states(client), ['pending_write']); // a backup has none of them
        await own.restart({ options: { 'flush.check_interval_seconds': 1 } });
        client = await own.signIn('root');
        const until = Date.now() + 20000 * slowness;
        while ((await states(client)).join() !== 'in_sync') {
            assert.ok(Date.now() < until, JSON.stringify(await client.objects('SELECT * FROM system.manifest')));
        }
        for (const [place, table] of [['mine/root', 'mine'], ['ours', 'ours']]) {
            const [[json]] = await client.rows(`SELECT manifest_json FROM system.manifest WHERE table_name = '${table}'`);
            assert.deepStrictEqual(JSON.parse(fs.readFileSync(path.join(own.dataPath, 'storage/app', place, 'manifest.json'), 'utf8')), JSON.parse(json));
        }
    } finally {
        await own.stop();
    }
});

test('users see their own manifests; what is in memory is told apart', async () => {
    await root.sql('CREATE USER TABLE app.notes (id INT PRIMARY KEY)');
    for (const user of [alice, bob]) {
        await user.sql('INSERT INTO app.notes VALUES (1), (2)');
    }
    await runJob(root, 'STORAGE FLUSH TABLE app.notes');
    assert.deepStrictEqual((await manifests(root, 'notes')).map((row) => [row.scope, row.sync_state]), [['alice', 'in_sync'], ['bob', 'in_sync']]);
    const shown = (await alice.objects('SHOW MANIFEST')).filter((row) => row.table_name === 'notes');
    assert.deepStrictEqual(shown.map((row) => row.scope), ['alice']);
    await server.restart();
    root = await server.signIn('root');
    assert.deepStrictEqual((await manifests(root, 'notes')).map((row) => row.in_memory), [false, false]);
    assert.deepStrictEqual((await manifests(root, 'notes')).map((row) => row.in_memory), [true, true]); // looking has read them
});

test('what policies hide is not counted in manifests and memory either', async () => {
    await root.results("CREATE SHARED TABLE app.part (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'PUBLIC'); INSERT INTO app.part VALUES (1), (2), (3)");
    await runJob(root, 'STORAGE FLUSH TABLE app.part');
    alice = await server.signIn('alice');
    const shown = async (client) => (await client.objects('SHOW MANIFEST')).filter((row) => row.table_name === 'part').length;
    assert.strictEqual(await shown(alice), 1);
    await root.sql('CREATE POLICY few ON app.part USING (id < 3)');
    assert.strictEqual(await shown(alice), 0);
    assert.strictEqual(await shown(root), 1);
    const { logical_rows: rows, memory_bytes: memory } = await stats(alice, 'app.part');
    assert.deepStrictEqual([rows, memory], ['2', null]);
});

test('system.jobs tells what a job has cost', async () => {
    await root.sql('CREATE SHARED TABLE app.big (id INT PRIMARY KEY, t TEXT)');
    await root.sql("INSERT INTO app.big SELECT i, md5(i::TEXT) FROM generate_series(1, 100000) AS g(i)");
    const { id } = await runJob(root, 'STORAGE FLUSH TABLE app.big');
    const [job] = await root.objects(`SELECT * FROM system.jobs WHERE job_id = '${id}'`);
    const took = Number(job.finished_at) - Number(job.started_at);
    assert.ok(Number(job.cpu_used) > 10000 && Number(job.cpu_used) <= took + 10000, `${job.cpu_used} of ${took} us`);
    assert.deepStrictEqual([job.memory_used, job.leader_status, job.leader_node_id], [null, null, null]);
});
