// storages.test.js - what golden files cannot show of storages: directories that are there, are not, come back or belong to
// another; credentials at rest; restarts; DDL that races. Wrong spellings are in tests/sql/storages.sql.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { startServer, useServer, newDataDir, binary } = require('../lib/server.js');
const { runJobs } = require('../lib/jobs.js');

const run = promisify(execFile);
const server = useServer(test);
const places = newDataDir(); // of the storages
let root;

test.before(async () => {
    await server.ready;
    root = server.root;
});
test.after(() => fs.rmSync(places, { recursive: true, force: true }));

const MARK = '.kalamdb-storage';
const place = (name) => path.join(places, name);
const disk = (id, name = id) => `CREATE STORAGE ${id} TYPE filesystem PATH '${place(name)}'`;
const check = async (client, id, more = '') => (await client.objects(`STORAGE CHECK ${id} ${more}`))[0];

async function fails(client, sql, text) {
    const answer = await client.sqlRaw(sql);
    assert.strictEqual(answer.status, 400, sql);
    assert.match(answer.json.error.message, text, sql);
    return answer.json.error;
}

function filesBelow(dir) {
    return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
        const at = path.join(dir, entry.name);
        return entry.isDirectory() ? filesBelow(at) : entry.isFile() ? [at] : [];
    });
}

test('a storage is made with its directory, checked, used, kept while it is used, and dropped', async () => {
    assert.strictEqual((await root.sql(disk('disk', 'deep/er'))).message, "Storage 'disk' created successfully");
    assert.ok(fs.statSync(place('deep/er')).isDirectory());
    assert.deepStrictEqual(filesBelow(place('deep/er')), [path.join(place('deep/er'), MARK)], 'the check leaves nothing');
    const { latency_ms: latency, total_bytes: total, used_bytes: used, tested_at: at, ...rest } = await check(root, 'disk', 'EXTENDED');
    assert.deepStrictEqual(rest, { storage_id: 'disk', status: 'healthy', readable: true, writable: true, listable: true, deletable: true, error: null });
    assert.ok(Number(latency) >= 0 && Number(total) > 0 && Number(used) >= 0 && at % 1000 === 0);
    assert.ok(Math.abs(at / 1000 - Date.now()) < 600000);
    await root.sql("CREATE TABLE kept (id INT PRIMARY KEY) WITH (STORAGE_ID = 'disk')");
    await root.sql("CREATE USER TABLE own (id INT PRIMARY KEY) WITH (STORAGE_ID = 'disk')");
    await fails(root, 'DROP STORAGE disk', /Invalid operation: Cannot drop storage 'disk': 2 table\(s\) still using it$/);
    await root.sql('DROP TABLE kept');
    await root.sql('DROP TABLE own');
    assert.strictEqual((await root.sql('DROP STORAGE disk')).message, "Storage 'disk' dropped successfully");
    await fails(root, 'STORAGE CHECK disk', /Not found: Storage 'disk' not found$/);
    assert.deepStrictEqual(fs.readdirSync(place('deep/er')), [], 'the directory is the user\'s');
});

// Dropped once the files of dropped tables are gone, which another may be removing at the moment.
async function dropStorage(client, id) {
    for (;;) {
        const answer = await client.sqlRaw(`DROP STORAGE ${id}`);
        if (answer.status === 200) {
            return;
        }
        assert.match(answer.json.error.message, /files of dropped tables are being removed from it\. Try again shortly$/);
    }
}

async function flush(client, table) {
    const [, job] = /Job ID: (\S+)$/.exec((await client.sql(`STORAGE FLUSH TABLE ${table}`)).message);
    for (;;) {
        const [[status, message]] = await client.rows(`SELECT status, message FROM system.jobs WHERE job_id = '${job}'`);
        if (!['new', 'queued', 'running', 'retrying'].includes(status)) {
            assert.strictEqual(status, 'completed', message);
            return;
        }
    }
}

test('cold files lie in the storage of their table, are missed while it is away, and go with the table', async () => {
    const own = await startServer();
    try {
        await own.setUp();
        await own.root.sql(`${disk('cold')} USER_TABLES_TEMPLATE 'u/{namespace}/{tableName}/{userId}'`);
        await own.root.sql("CREATE USER TABLE t (id INT PRIMARY KEY, v TEXT) WITH (STORAGE_ID = 'cold')");
        await own.root.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
        await flush(own.root, 'default.t');
        const parquet = () => filesBelow(place('cold')).filter((file) => file.endsWith('.parquet')).map((file) => path.relative(place('cold'), file));
        assert.deepStrictEqual(parquet(), ['u/default/t/root/batch-0.parquet']);
        await own.halt();
        fs.renameSync(place('cold'), place('gone'));
        fs.mkdirSync(place('cold'));
        await own.start();
        const client = await own.signIn('root');
        const answer = await client.sqlRaw('SELECT id, v FROM t');
        assert.notStrictEqual(answer.status, 200);
        assert.match(answer.json.error.message, /storage 'cold' cannot be opened: .* is its disk there\?/);
        await client.sql("INSERT INTO t VALUES (3, 'c')");
        assert.deepStrictEqual(await client.rows('SELECT v FROM t WHERE id = 3'), [['c']], 'hot rows are there');
        fs.rmdirSync(place('cold'));
        fs.renameSync(place('gone'), place('cold'));
        assert.deepStrictEqual(await client.rows('SELECT id, v FROM t ORDER BY id'), [[1, 'a'], [2, 'b'], [3, 'c']]);
        await client.sql('DROP TABLE t');
        assert.deepStrictEqual(filesBelow(place('cold')).map((file) => path.basename(file)), [MARK], 'they are gone when it answers');
        await dropStorage(client, 'cold');
    } finally {
        await own.stop();
    }
});

test('a disk that goes away while the server runs: flushes fail, and come through once it is back', async () => {
    const own = await startServer();
    const flushed = async () => runJobs(own.root, 'STORAGE FLUSH TABLE default.t');
    try {
        await own.setUp();
        await own.root.results(`${disk('leaving')}; CREATE TABLE t (id INT PRIMARY KEY, v TEXT) WITH (STORAGE_ID = 'leaving'); INSERT INTO t VALUES (1, 'a'), (2, 'b')`);
        for (const name of ['dropped_false', 'dropped_true']) {
            await own.root.results(`CREATE TABLE ${name} (id INT PRIMARY KEY) WITH (STORAGE_ID = 'leaving'); INSERT INTO ${name} VALUES (1)`);
            await runJobs(own.root, `STORAGE FLUSH TABLE default.${name}`);
        }
        assert.strictEqual((await flushed())[0].status, 'completed');
        await own.root.sql("INSERT INTO t VALUES (3, 'c')");
        for (const mountPoint of [false, true]) {
            fs.renameSync(place('leaving'), place('left'));
            if (mountPoint) {
                fs.mkdirSync(place('leaving'));
            }
            const [job] = await flushed();
            assert.strictEqual(job.status, 'failed', JSON.stringify(job));
            assert.ok(!fs.existsSync(path.join(place('leaving'), 'default')), 'nothing is written to what lies in its place');
            if (!mountPoint) { // later they are kept in memory
                assert.match((await own.root.fails('SELECT max(v) FROM t')).text, /is its disk there\?/);
            }
            assert.deepStrictEqual(await own.root.rows('SELECT v FROM t WHERE id = 3'), [['c']]);
            assert.strictEqual((await check(own.root, 'leaving')).status, 'unreachable');
            const name = `dropped_${mountPoint}`; // its files are on the disk
            await own.root.sql(`DROP TABLE ${name}`);
            assert.match((await own.root.fails('DROP STORAGE leaving')).text, /still using it/); // it has swept
            if (mountPoint) {
                fs.rmdirSync(place('leaving'));
            }
            fs.renameSync(place('left'), place('leaving'));
            assert.deepStrictEqual(await own.root.rows('SELECT id FROM t ORDER BY id'), [[1], [2], [3]]);
        }
        assert.strictEqual((await flushed())[0].status, 'completed');
        assert.deepStrictEqual(await own.root.rows('SELECT id FROM t ORDER BY id'), [[1], [2], [3]]);
        await own.root.fails('DROP STORAGE leaving'); // it sweeps first
        const wanted = (await own.root.rows('SELECT manifest_json FROM system.manifest')).flatMap(([json]) => JSON.parse(json).segments.map((segment) => segment.path));
        assert.deepStrictEqual(filesBelow(place('leaving')).map((file) => path.basename(file)).sort(), [MARK, ...wanted, 'manifest.json'].sort());
    } finally {
        await own.stop();
    }
});

test('what cannot be written to is not made, and not left half made', async () => {
    await fails(root, "CREATE STORAGE proc TYPE filesystem PATH '/proc'", /Invalid operation: Storage connectivity check failed \(latency \d+ ms\): ./);
    fs.writeFileSync(place('file'), 'a file');
    await fails(root, disk('file'), /Storage connectivity check failed \(latency \d+ ms\): .*file/);
    await fails(root, disk('file', 'file/below'), /Invalid operation: base directory '.*' cannot be made$/);
    await fails(root, `CREATE STORAGE inner TYPE filesystem PATH '${path.join(server.dataPath, 'rocksdb')}'`, /what the server keeps for itself$/);
    await fails(root, `CREATE STORAGE outer TYPE filesystem PATH '${server.dir}'`, /what the server keeps for itself$/);
    await fails(root, "CREATE STORAGE top TYPE filesystem PATH '/'", /what the server keeps for itself$/);
    assert.deepStrictEqual(await root.rows('SELECT storage_id FROM system.storages'), [['local']]);
    assert.deepStrictEqual(fs.readdirSync(path.join(server.dataPath, 'storages')), ['local']);
    assert.deepStrictEqual(await root.rows("SELECT target FROM system.audit_log WHERE action = 'CREATE_STORAGE' AND target <> 'disk'"), []);
});

test('two storages share no directory, whatever it is called', async () => {
    await root.sql(disk('one'));
    fs.symlinkSync(place('one'), place('alias'));
    for (const name of ['one', 'one/below', 'alias', '']) {
        await fails(root, disk('two', name), /base directory '.*' holds, or lies in, that of storage 'one'$/);
    }
    await fails(root, `CREATE STORAGE two TYPE filesystem PATH '${path.join(server.dataPath, 'storage')}'`, /that of storage 'local'$/);
    await root.sql(disk('two', 'one-more'));
    await root.sql('DROP STORAGE one');
    await root.sql('DROP STORAGE two');
    await root.sql(disk('two', 'alias'));
    await root.sql('DROP STORAGE two');
});

test('one of many that make the same storage in different places succeeds', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => root.sqlRaw(disk('race', `race${i}`))));
    const made = answers.flatMap(({ status }, i) => (status === 200 ? [i] : []));
    assert.strictEqual(made.length, 1);
    answers.filter(({ status }) => status !== 200).forEach(({ json }) => assert.match(json.error.message, /Storage 'race' (already exists|is being changed by another statement)/));
    assert.deepStrictEqual(await root.rows("SELECT base_directory FROM system.storages WHERE storage_id = 'race'"), [[place(`race${made[0]}`)]]);
    assert.strictEqual(fs.realpathSync(path.join(server.dataPath, 'storages', 'race')), fs.realpathSync(place(`race${made[0]}`)));
    await root.sql('DROP STORAGE race');
});

test('no table is left without its storage when it is dropped meanwhile', async () => {
    for (let round = 0; round < 20; round++) {
        await root.sql(disk('fleeting'));
        const [table, drop] = await Promise.all([
            root.sqlRaw(`CREATE TABLE fleeting${round} (id INT PRIMARY KEY) WITH (STORAGE_ID = 'fleeting')`),
            root.sqlRaw('DROP STORAGE fleeting'),
        ]);
        assert.notStrictEqual(table.status === 200, drop.status === 200, JSON.stringify([table.json, drop.json]));
        if (table.status === 200) {
            await root.sql(`DROP TABLE fleeting${round}`);
            await root.sql('DROP STORAGE fleeting');
        }
    }
});

test('changes of one storage made at once are all there or refused', async () => {
    await root.sql(disk('busy'));
    const changes = ['NAME', 'DESCRIPTION', 'CONFIG', 'CREDENTIALS'].map((word) => [word, word === 'NAME' || word === 'DESCRIPTION' ? 'x' : '{"x":"y"}']);
    const answers = await Promise.all(changes.map(([word, text]) => root.sqlRaw(`ALTER STORAGE busy SET ${word} '${text}'`)));
    const [row] = await root.rows("SELECT storage_name = 'x', description IS NOT NULL, config_json IS NOT NULL, credentials IS NOT NULL FROM system.storages WHERE storage_id = 'busy'");
    assert.deepStrictEqual(row, answers.map(({ status }) => status === 200));
    assert.ok(row.includes(true));
    await root.sql('DROP STORAGE busy');
});

test('who is no admin does nothing to storages, and sees no credentials', async () => {
    await root.sql(`${disk('shown')} CREDENTIALS '{"key":"Open-Sesame"}'`);
    const alice = await server.createUser('alice');
    for (const sql of [disk('mine'), "ALTER STORAGE shown SET NAME 'x'", 'DROP STORAGE shown', 'STORAGE CHECK shown']) {
        assert.strictEqual((await alice.sqlRaw(sql)).status, 403, sql);
    }
    assert.ok(!fs.existsSync(place('mine')));
    for (const client of [alice, root, server.admin]) {
        const answer = await client.sqlRaw('SHOW STORAGES');
        assert.strictEqual(answer.status, 200);
        assert.ok(!answer.text.includes('Open-Sesame'));
    }
    assert.deepStrictEqual(await root.rows("SELECT credentials FROM system.storages WHERE storage_id = 'shown'"), [['{"key":"***"}']]);
    await root.sql('DROP STORAGE shown');
});

test('a statement that fails does not show its credentials', async () => {
    const error = await fails(root, "CREATE STORAGE s TYPE wombat CREDENTIALS '{\"key\":\"Open-Sesame\"}'", /Invalid storage type/);
    assert.ok(!JSON.stringify(error).includes('Open-Sesame'), JSON.stringify(error));
    const syntax = await root.sqlRaw("CREATE STORAGE s TYPE s3 CREDENTIALS '{\"key\":\"Open-Sesame\"}' WOMBAT");
    assert.ok(!syntax.text.includes('Open-Sesame'), syntax.text);
    assert.ok(!server.output.includes('Open-Sesame'));
});

// ---- restarts: servers of their own ----

// True when `text` lies in a file of the data directory, as it is, in hex or in base64.
function dataHolds(own, text) {
    const forms = [text, Buffer.from(text).toString('hex'), Buffer.from(text).toString('base64').replace(/=+$/, '')];
    return filesBelow(own.dataPath).some((file) => {
        const bytes = fs.readFileSync(file, 'latin1');
        return forms.some((form) => bytes.includes(form));
    });
}

test('storages outlive stops, kills and new keys, and their credentials lie nowhere in the open', async () => {
    const own = await startServer({ options: { 'logging.level': 'debug' } });
    try {
        await own.setUp();
        await own.root.sql(`${disk('vault')} NAME 'Findable-Name' CONFIG '{"tier":2}' CREDENTIALS '{"access_key_id":"AKID-Sesame","secret_access_key":"Open-Sesame-At-Rest"}'`);
        await own.root.sql("ALTER STORAGE vault SET CREDENTIALS '{\"access_key_id\":\"AKID-Sesame\",\"secret_access_key\":\"Other-Sesame-At-Rest\"}'");
        const shown = (client) => client.objects('SELECT * FROM system.storages ORDER BY storage_id');
        const before = await shown(own.root);
        const sealed = () => ['Open-Sesame-At-Rest', 'Other-Sesame-At-Rest', 'AKID-Sesame'].forEach((secret) => {
            assert.ok(!dataHolds(own, secret), secret);
            assert.ok(!own.output.includes(secret), secret);
        });
        assert.ok(dataHolds(own, 'Findable-Name'), 'the search finds what is there');
        sealed();
        for (const kill of [false, true]) {
            await own.restart({ kill });
            const client = await own.signIn('root');
            assert.deepStrictEqual(await shown(client), before);
            assert.strictEqual((await check(client, 'vault')).status, 'healthy');
            sealed();
        }
        await own.halt();
        await run(binary, ['--rotate-key', `--storage.data_path=${own.dataPath}`], { cwd: own.dir });
        await own.start();
        sealed();
        const key = path.join(own.dataPath, 'server.key');
        await own.halt();
        const lines = fs.readFileSync(key, 'latin1').split('\n');
        fs.writeFileSync(key, `${lines[0]}\n${lines[1]}\n`, { mode: 0o600 }); // the old key goes
        await own.start();
        const client = await own.signIn('root');
        assert.strictEqual((await check(client, 'vault')).status, 'healthy', 'sealed with the new key');
    } finally {
        await own.stop();
    }
});

test('credentials whose key is lost keep nothing else from working, and can be set again', async () => {
    const own = await startServer();
    try {
        await own.setUp();
        await own.root.sql(`${disk('locked')} CREDENTIALS '{"key":"Open-Sesame"}'`);
        await own.halt();
        fs.rmSync(path.join(own.dataPath, 'server.key'));
        await own.start();
        const client = await own.signIn('root');
        const report = await check(client, 'locked');
        assert.strictEqual(report.status, 'unreachable');
        assert.match(report.error, /credentials of storage 'locked' cannot be opened .* ALTER STORAGE locked SET CREDENTIALS/);
        assert.strictEqual((await check(client, 'local')).status, 'healthy');
        await client.sql("ALTER STORAGE locked SET CREDENTIALS '{\"key\":\"Open-Sesame\"}'");
        assert.strictEqual((await check(client, 'locked')).status, 'healthy');
    } finally {
        await own.stop();
    }
});

test('a storage that is away does not keep the server from starting, and is found when it is back', async () => {
    const own = await startServer();
    try {
        await own.setUp();
        await own.root.sql(disk('away'));
        await own.root.sql("CREATE TABLE t (id INT PRIMARY KEY) WITH (STORAGE_ID = 'away')");
        await own.halt();
        fs.renameSync(place('away'), place('moved'));
        fs.writeFileSync(place('away'), 'not a directory');
        await own.start();
        assert.match(own.output, /storage not opened, tried again when it is needed storage_id=away/);
        const client = await own.signIn('root');
        const report = await check(client, 'away');
        assert.deepStrictEqual([report.status, report.readable, report.writable], ['unreachable', false, false]);
        assert.match(report.error, /storage 'away' cannot be opened: /);
        await client.sql('INSERT INTO t VALUES (1)');
        assert.deepStrictEqual(await client.rows('SELECT id FROM t'), [[1]]);
        fs.rmSync(place('away'));
        fs.mkdirSync(place('away')); // a mount point without its disk
        assert.match((await check(client, 'away')).error, /is its disk there\?$/);
        await fails(client, "ALTER STORAGE away SET NAME 'x'", /Storage connectivity check failed .* is its disk there\?$/);
        fs.rmdirSync(place('away'));
        fs.renameSync(place('moved'), place('away'));
        assert.strictEqual((await check(client, 'away')).status, 'healthy');
        await client.sql("ALTER STORAGE away SET NAME 'back'");
        fs.renameSync(place('away'), place('moved')); // while the server runs
        fs.mkdirSync(place('away'));
        assert.notStrictEqual((await check(client, 'away')).status, 'healthy');
        assert.deepStrictEqual(fs.readdirSync(place('away')), []);
        fs.rmdirSync(place('away'));
        fs.renameSync(place('moved'), place('away'));
        assert.strictEqual((await check(client, 'away')).status, 'healthy');
    } finally {
        await own.stop();
    }
});

test('a directory that is another server\'s storage is not taken', async () => {
    const own = await startServer();
    try {
        await own.setUp();
        await root.sql(disk('theirs'));
        await fails(own.root, disk('ours', 'theirs'), /is a storage already: drop that one first, or remove the file '\.kalamdb-storage'/);
        await root.sql('DROP STORAGE theirs');
        await own.root.sql(disk('ours', 'theirs'));
    } finally {
        await own.stop();
    }
});

test('templates of the configuration are checked at the start', async () => {
    await assert.rejects(startServer({ options: { 'storage.user_tables_template': '{namespace}/{tableName}' } }), /User table template: \{userId\} is required/);
});
