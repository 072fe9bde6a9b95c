// storages_s3.test.js - storages that are S3 buckets, through SQL: made, checked, changed, away and back. What requests to S3
// look like and how they fail is tested in tests/s3.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { useServer, startServer } = require('../lib/server.js');
const { ended, idsIn, runJob } = require('../lib/jobs.js');
const { startS3, startFaultyS3, ACCESS_KEY, SECRET_KEY } = require('../lib/s3.js');

const server = useServer(test, { options: { 'storage.remote_timeouts.request_timeout_secs': 2, 'storage.remote_timeouts.connect_timeout_secs': 2 } });
let root;
let s3;
let faulty;

test.before(async () => {
    [s3, faulty] = await Promise.all([startS3({ buckets: ['cold', 'other'] }), startFaultyS3(), server.ready]);
    root = server.root;
});
test.after(async () => {
    faulty.stop();
    await s3.stop();
});

const credentials = JSON.stringify({ access_key_id: ACCESS_KEY, secret_access_key: SECRET_KEY });
const config = (endpoint) => JSON.stringify({ endpoint, region: 'eu-west-1' });
const bucket = (id, base, { endpoint = s3.endpoint, more = `CREDENTIALS '${credentials}'` } = {}) =>
    `CREATE STORAGE ${id} TYPE s3 BASE_DIRECTORY '${base}' CONFIG '${config(endpoint)}' ${more}`;
const check = async (client, id, more = '') => (await client.objects(`STORAGE CHECK ${id} ${more}`))[0];

async function fails(client, sql, text) {
    const answer = await client.sqlRaw(sql);
    assert.strictEqual(answer.status, 400, sql);
    assert.match(answer.json.error.message, text, sql);
    assert.ok(!answer.text.includes(`"${SECRET_KEY}"`), 'no credentials in answers');
}

test('a bucket is made a storage, checked, used, kept while it is used, and dropped', async () => {
    assert.strictEqual((await root.sql(bucket('remote', 's3://cold/kalamdb'))).message, "Storage 'remote' created successfully");
    const { latency_ms: latency, tested_at: at, ...rest } = await check(root, 'remote', 'EXTENDED');
    assert.deepStrictEqual(rest, { storage_id: 'remote', status: 'healthy', readable: true, writable: true, listable: true, deletable: true, total_bytes: null, used_bytes: '0', error: null });
    assert.ok(Number(latency) >= 0 && at > 0);
    await root.sql("CREATE TABLE kept (id INT PRIMARY KEY) WITH (STORAGE_ID = 'remote')");
    await fails(root, 'DROP STORAGE remote', /Cannot drop storage 'remote': 1 table\(s\) still using it$/);
    await root.sql('DROP TABLE kept');
    await root.sql('DROP STORAGE remote');
});

test('files of a bucket are listed and read to make a manifest anew', async () => {
    await root.sql(bucket('listed', 's3://cold/listed'));
    await root.results(`CREATE USER TABLE far (id INT PRIMARY KEY, t TEXT) WITH (STORAGE_ID = 'listed'); INSERT INTO far VALUES (1, 'one'), (2, 'two')`);
    await runJob(root, 'STORAGE FLUSH TABLE default.far');
    await root.results("UPDATE far SET t = 'more' WHERE id = 2; INSERT INTO far VALUES (3, 'three')");
    const job = await runJob(root, 'STORAGE REBUILD MANIFEST TABLE default.far');
    assert.strictEqual(job.message, 'Rebuilt 1 partition(s): 1 segment(s), 2 row(s), 1 of them dead; 0 file(s) left alone');
    assert.deepStrictEqual(await root.rows('SELECT id, t FROM far ORDER BY id'), [[1, 'one'], [2, 'more'], [3, 'three']]);
    await root.sql('DROP TABLE far');
    while ((await root.sqlRaw('DROP STORAGE listed')).status !== 200) {} // its file is being removed
});

test('BUCKET and REGION are short for a base directory and a member of the configuration', async () => {
    await root.sql(`CREATE STORAGE short TYPE 's3' BUCKET 'other' REGION 'eu-west-1' CONFIG '{"endpoint":"${s3.endpoint}"}' CREDENTIALS '${credentials}'`);
    assert.deepStrictEqual(await root.rows("SELECT base_directory, config_json, credentials FROM system.storages WHERE storage_id = 'short'"),
        [['s3://other', `{"region":"eu-west-1","endpoint":"${s3.endpoint}"}`, '{"access_key_id":"***","secret_access_key":"***"}']]);
    await root.sql('DROP STORAGE short');
});

test('what cannot be reached or is not understood is not made', async () => {
    await fails(root, bucket('x', 's3://missing'), /Invalid operation: Storage connectivity check failed \(latency \d+ ms\): ./);
    await fails(root, bucket('x', 's3://cold', { more: `CREDENTIALS '{"access_key_id":"nobody","secret_access_key":"${SECRET_KEY}"}'` }), /Storage connectivity check failed/);
    await fails(root, bucket('x', 's3://cold', { endpoint: 'http://127.0.0.1:9' }), /Storage connectivity check failed/);
    await fails(root, bucket('x', 's3://cold/denied', { endpoint: faulty.endpoint }), /Storage connectivity check failed/);
    await fails(root, bucket('x', 's3://cold', { more: "CREDENTIALS '{\"access_key_id\":\"a\"}'" }), /Invalid operation: Credentials need both/);
    await fails(root, bucket('x', 's3://cold', { more: "CREDENTIALS '{\"wombat\":\"a\"}'" }), /Credentials of an s3 storage has no such member/);
    await fails(root, bucket('x', 's3://C'), /is not the name of a bucket/);
    await fails(root, bucket('x', 's3://cold', { endpoint: 'file:///etc' }), /CONFIG: endpoint must be/);
    await fails(root, `CREATE STORAGE x TYPE s3 BUCKET 'cold' CONFIG '{"path_style":"yes"}'`, /path_style must be a boolean/);
    assert.deepStrictEqual(await root.rows('SELECT storage_id FROM system.storages'), [['local']]);
    assert.deepStrictEqual(fs.readdirSync(path.join(server.dataPath, 'storages')), ['local']);
});

test('two storages share no part of a bucket', async () => {
    await root.sql(bucket('a', 's3://cold/a'));
    for (const base of ['s3://cold', 's3://cold/a', 's3://cold/a/b']) {
        await fails(root, bucket('b', base), /holds, or lies in, the place of storage 'a'$/);
    }
    await root.sql(bucket('b', 's3://cold/ab'));
    await root.sql('DROP STORAGE a');
    await root.sql('DROP STORAGE b');
});

test('nobody waits for a storage that does not answer but who asked for it', async () => {
    const waiting = root.sqlRaw(bucket('slow', 's3://cold/hang', { endpoint: faulty.endpoint }));
    let ended = false;
    waiting.then(() => {
        ended = true;
    });
    let claimed = false;
    for (let round = 0; !claimed && !ended; round++) { // until the other has begun
        const answer = await root.sqlRaw('DROP STORAGE slow');
        claimed = /is being changed by another statement/.test(answer.json.error.message);
    }
    assert.ok(claimed);
    await root.sql('CREATE NAMESPACE meanwhile');
    await root.sql('CREATE SHARED TABLE meanwhile.t (id INT PRIMARY KEY)');
    await root.sql("ALTER STORAGE local SET NAME 'meanwhile'");
    assert.ok(!ended, 'all of it while the first waits');
    const answer = await waiting;
    assert.strictEqual(answer.status, 400);
    assert.match(answer.json.error.message, /Storage connectivity check failed|timeout/);
});

test('a bucket that is away at the start is found where ALTER STORAGE says, with its credentials', async () => {
    const first = await startS3({ buckets: ['cold'] });
    const own = await startServer({ options: { 'storage.remote_timeouts.connect_timeout_secs': 2 } });
    try {
        await own.setUp();
        await own.root.sql(bucket('remote', 's3://cold', { endpoint: first.endpoint }));
        await own.halt();
        await first.stop();
        await own.start();
        const client = await own.signIn('root');
        const report = await check(client, 'remote');
        assert.strictEqual(report.status, 'unreachable');
        assert.ok(report.error.length > 0);
        await fails(client, "ALTER STORAGE remote SET NAME 'x'", /Storage connectivity check failed/);
        await client.sql(`ALTER STORAGE remote SET CONFIG '${config(s3.endpoint)}'`);
        assert.strictEqual((await check(client, 'remote')).status, 'healthy');
        await fails(client, "ALTER STORAGE remote SET CREDENTIALS '{\"access_key_id\":\"nobody\",\"secret_access_key\":\"x\"}'", /Storage connectivity check failed/);
        assert.strictEqual((await check(client, 'remote')).status, 'healthy', 'an ALTER that fails changes nothing');
    } finally {
        await own.stop();
    }
});

test('a table that is dropped while its manifest.json is written leaves nothing', async () => {
    await root.sql(bucket('held', 's3://bucket/held', { endpoint: faulty.endpoint }));
    await root.results("CREATE TABLE short_lived (id INT PRIMARY KEY) WITH (STORAGE_ID = 'held'); INSERT INTO short_lived VALUES (1)");
    const [id] = idsIn((await root.sql('STORAGE FLUSH TABLE default.short_lived')).message);
    await faulty.held;
    await root.sql('DROP TABLE short_lived');
    faulty.release();
    await ended(root, id);
    while ((await root.sqlRaw('DROP STORAGE held')).status !== 200) {} // it sweeps first
    assert.deepStrictEqual([...faulty.objects.keys()].filter((key) => key.startsWith('held/')), []);
});

test('what is left over in a bucket that was away at the start goes once it is back', async () => {
    const own = await startServer({ options: { 'storage.remote_timeouts.request_timeout_secs': 1, 'storage.remote_timeouts.connect_timeout_secs': 1 } });
    const bucketServer = await startFaultyS3();
    try {
        await own.setUp();
        await own.root.sql(bucket('away', 's3://bucket/plain', { endpoint: bucketServer.endpoint }));
        await own.root.results("CREATE TABLE t (id INT PRIMARY KEY) WITH (STORAGE_ID = 'away'); INSERT INTO t VALUES (1)");
        await runJob(own.root, 'STORAGE FLUSH TABLE default.t');
        bucketServer.refuse(true);
        await own.root.sql('DROP TABLE t');
        await own.restart({ kill: true });
        const again = await own.signIn('root');
        assert.match((await again.fails('DROP STORAGE away')).text, /files of dropped tables are being removed/);
        bucketServer.refuse(false);
        while ((await again.sqlRaw('DROP STORAGE away')).status !== 200) {
            assert.ok(bucketServer.objects.size !== 0, 'nothing is left, and it is still said to be removed');
        }
        assert.deepStrictEqual([...bucketServer.objects.keys()], []);
    } finally {
        await own.stop();
        bucketServer.stop();
    }
});

test('a copy that came damaged is fetched again', async () => {
    const own = await startServer();
    try {
        await own.setUp();
        await own.root.sql(bucket('garbled', 's3://bucket/garbled-1', { endpoint: faulty.endpoint }));
        await own.root.results("CREATE TABLE t (id INT PRIMARY KEY, v TEXT) WITH (STORAGE_ID = 'garbled'); INSERT INTO t VALUES (1, 'a'), (2, 'b')");
        await runJob(own.root, 'STORAGE FLUSH TABLE default.t');
        await own.restart(); // without copies
        const again = await own.signIn('root');
        assert.match((await again.fails('SELECT max(v) FROM t')).text, /batch-0.parquet.* cannot be read/);
        assert.deepStrictEqual(await again.rows('SELECT max(v) FROM t'), [['b']]);
    } finally {
        await own.stop();
    }
});

test('a server stops soon while a storage does not answer', async () => {
    const own = await startServer({ options: { 'storage.remote_timeouts.request_timeout_secs': 600, 'server.shutdown_grace_seconds': 1 } });
    try {
        await own.setUp();
        const waiting = own.root.sqlRaw(bucket('slow', 's3://cold/hang', { endpoint: faulty.endpoint })).catch(() => null);
        while (!/is being changed/.test((await own.root.sqlRaw('DROP STORAGE slow')).json.error.message)) {}
        await own.halt();
        await waiting;
    } finally {
        await own.stop();
    }
});
