// backup_storages.test.js - BACKUP and RESTORE of tables whose files lie in storages of other places: a bucket, a directory elsewhere. They are
// there after a restore, and where they cannot be, they wait, and statements that need them say so.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { startServer, newDataDir } = require('../lib/server.js');
const { runJob } = require('../lib/jobs.js');
const { startS3, ACCESS_KEY, SECRET_KEY } = require('../lib/s3.js');

const places = newDataDir();
test.after(() => fs.rmSync(places, { recursive: true, force: true }));
const place = (name) => path.join(places, name);

const OPTIONS = { 'storage.remote_timeouts.request_timeout_secs': 2, 'storage.remote_timeouts.connect_timeout_secs': 2, 'retention.enable_dba_stats': false };

async function withServer(use) {
    const server = await startServer({ options: OPTIONS });
    try {
        await server.setUp();
        await use(server);
    } finally {
        await server.stop();
    }
}

// A way to an S3 server that can be cut: the address stays.
async function startGate(endpoint) {
    const { port } = new URL(endpoint);
    const sockets = new Set();
    let open = true;
    const gate = net.createServer((socket) => {
        if (!open) {
            socket.destroy();
            return;
        }
        const inner = net.connect(Number(port), '127.0.0.1');
        for (const [from, to] of [[socket, inner], [inner, socket]]) {
            sockets.add(from);
            from.on('error', () => {});
            from.on('close', () => {
                sockets.delete(from);
                to.destroy();
            });
            from.pipe(to);
        }
    });
    const cut = () => sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => gate.listen(0, '127.0.0.1', resolve));
    return {
        endpoint: `http://127.0.0.1:${gate.address().port}`,
        shut() {
            open = false;
            cut();
        },
        open() {
            open = true;
        },
        stop() {
            cut();
            gate.close();
        },
    };
}

const SQL = ['SELECT *, _seq FROM app.far ORDER BY id', 'SELECT count(*), sum(id) FROM app.far', "SELECT t FROM app.far WHERE id = 77"];
const state = async (client) => JSON.stringify(await Promise.all(SQL.map((sql) => client.rows(sql))));

// Rows in files of storage `far`, some dead, one changed, one hot.
async function fill(root, create) {
    await root.results(`CREATE NAMESPACE app; CREATE SHARED TABLE app.near (id INT PRIMARY KEY)`);
    await root.sql(create);
    await root.results("CREATE SHARED TABLE app.far (id INT PRIMARY KEY, t TEXT) WITH (STORAGE_ID = 'far')");
    await root.results("INSERT INTO app.far SELECT i, 'text ' || i FROM generate_series(1, 500) AS g(i); INSERT INTO app.near VALUES (1), (2)");
    await runJob(root, 'STORAGE FLUSH TABLE app.far');
    await runJob(root, 'STORAGE FLUSH TABLE app.near');
    await root.results("DELETE FROM app.far WHERE id % 5 = 0; UPDATE app.far SET t = 'changed' WHERE id = 77; INSERT INTO app.far VALUES (1000, 'hot')");
}

const objectsOf = (s3) => fs.readdirSync(s3.directory, { recursive: true }).filter((name) => /batch-\d+\.parquet\._S3rver_object$/.test(name)).map((name) => path.join(s3.directory, name));

async function inBuckets(use) {
    const s3 = await startS3();
    const gate = await startGate(s3.endpoint);
    try {
        const credentials = JSON.stringify({ access_key_id: ACCESS_KEY, secret_access_key: SECRET_KEY });
        await use(s3, gate, `CREATE STORAGE far TYPE s3 BASE_DIRECTORY 's3://cold/k' CONFIG '{"endpoint":"${gate.endpoint}","region":"eu-west-1"}' CREDENTIALS '${credentials}'`);
    } finally {
        gate.stop();
        await s3.stop();
    }
}

test('a bucket: its files are in the backup, and in the bucket again after a restore', async () => {
    await inBuckets(async (s3, gate, create) => {
        let before;
        await withServer(async ({ root }) => {
            await fill(root, create);
            before = await state(root);
            const { message } = await runJob(root, `BACKUP DATABASE TO '${place('s3')}'`);
            assert.match(message, /2 file\(s\) of the cold tier/);
            assert.ok(fs.existsSync(place('s3/storage/far/app/far/batch-0.parquet')));
        });
        assert.strictEqual(objectsOf(s3).length, 1);
        objectsOf(s3).forEach((file) => fs.rmSync(file)); // whatever happens to the bucket afterwards
        await withServer(async (server) => {
            await runJob(server.root, `RESTORE DATABASE FROM '${place('s3')}'`);
            await server.restart();
            const root = await server.signIn('root');
            assert.strictEqual(await state(root), before);
            assert.strictEqual(objectsOf(s3).length, 1);
            assert.ok(!fs.existsSync(path.join(server.dataPath, 'restored')));
            await root.sql("UPDATE app.far SET t = 'again' WHERE id = 78");
            await runJob(root, 'STORAGE FLUSH TABLE app.far');
            await runJob(root, 'STORAGE COMPACT TABLE app.far');
            assert.deepStrictEqual(await root.rows('SELECT count(*) FROM app.far'), [['401']]);
            await root.sql('DROP TABLE app.far');
        });
    });
});

test('a bucket that cannot be reached: a backup fails and leaves nothing; restored files wait for it', async () => {
    await inBuckets(async (s3, gate, create) => {
        let before;
        await withServer(async (server) => {
            await fill(server.root, create);
            before = await state(server.root);
            await runJob(server.root, `BACKUP DATABASE TO '${place('away')}'`);
            gate.shut();
            await server.halt();
            fs.rmSync(path.join(server.dataPath, 'storages/far'), { recursive: true, force: true }); // copies of its files
            await server.restart({ options: { 'jobs.max_retries': 0 } });
            const root = await server.signIn('root');
            const job = await runJob(root, `BACKUP DATABASE TO '${place('away2')}'`, 'failed');
            assert.match(job.message, /far/);
            assert.deepStrictEqual(fs.readdirSync(places).filter((name) => name.startsWith('away2')), []);
        });
        await withServer(async (server) => {
            await runJob(server.root, `RESTORE DATABASE FROM '${place('away')}'`);
            await server.restart();
            let root = await server.signIn('root');
            assert.deepStrictEqual(await root.rows('SELECT count(*) FROM app.near'), [['2']]);
            const error = await root.fails(SQL[0]);
            assert.match(error.text, /far/);
            assert.ok(fs.existsSync(path.join(server.dataPath, 'restored/far/app/far/batch-0.parquet')));
            await root.sql("INSERT INTO app.near VALUES (3)"); // the rest goes on
            gate.open();
            await server.restart();
            root = await server.signIn('root');
            assert.strictEqual(await state(root), before);
            assert.ok(!fs.existsSync(path.join(server.dataPath, 'restored')));
            await root.sql('DROP TABLE app.far');
        });
    });
});

// Where files can be neither linked nor, by many kernels, copied by the kernel.
const elsewhere = ['/dev/shm', '/run', '/var/tmp'].find((dir) => {
    try {
        fs.accessSync(dir, fs.constants.W_OK);
        return fs.statSync(dir).dev !== fs.statSync(places).dev;
    } catch {
        return false;
    }
});

test('a backup on another file system, of a storage on another one', { skip: elsewhere === undefined }, async () => {
    const there = fs.mkdtempSync(path.join(elsewhere, 'kalamdb-test-'));
    try {
        let before;
        await withServer(async ({ root }) => {
            await fill(root, `CREATE STORAGE far TYPE filesystem PATH '${there}/disk'`);
            before = await state(root);
            await runJob(root, `BACKUP DATABASE TO '${there}/tree'`);
            await runJob(root, `BACKUP DATABASE TO '${there}/packed.tgz'`);
        });
        fs.rmSync(path.join(there, 'disk/app'), { recursive: true });
        for (const name of ['tree', 'packed.tgz']) {
            await withServer(async (server) => {
                await runJob(server.root, `RESTORE DATABASE FROM '${there}/${name}'`);
                await server.restart();
                assert.strictEqual(await state(await server.signIn('root')), before, name);
                assert.deepStrictEqual(fs.readdirSync(path.join(there, 'disk/app/far')), ['batch-0.parquet']);
            });
        }
    } finally {
        fs.rmSync(there, { recursive: true, force: true });
    }
});

test('files that wait for their storage go with their table, and with the storage', async () => {
    await inBuckets(async (s3, gate, create) => {
        await withServer(async (server) => {
            await fill(server.root, create);
            await runJob(server.root, `BACKUP DATABASE TO '${place('waits')}'`);
            await server.root.sql('DROP TABLE app.far');
            while ((await server.root.sqlRaw('DROP STORAGE far')).status !== 200) {} // it sweeps
        });
        assert.deepStrictEqual(objectsOf(s3), []);
        gate.shut();
        await withServer(async (server) => {
            const waits = path.join(server.dataPath, 'restored/far/app/far/batch-0.parquet');
            await runJob(server.root, `RESTORE DATABASE FROM '${place('waits')}'`);
            await server.restart();
            let root = await server.signIn('root');
            assert.ok(fs.existsSync(waits));
            await root.sql('DROP TABLE app.far');
            gate.open();
            await root.results("CREATE SHARED TABLE app.far (id INT PRIMARY KEY, t TEXT) WITH (STORAGE_ID = 'far'); INSERT INTO app.far VALUES (1, 'of the new table')");
            await runJob(root, 'STORAGE FLUSH TABLE app.far');
            await root.fails('DROP STORAGE far'); // it sweeps
            assert.ok(!fs.existsSync(waits));
            await server.restart();
            root = await server.signIn('root');
            assert.deepStrictEqual(await root.rows('SELECT id, t FROM app.far'), [[1, 'of the new table']]);
            assert.strictEqual(objectsOf(s3).length, 1);
            await root.sql('DROP TABLE app.far');
            while ((await root.sqlRaw('DROP STORAGE far')).status !== 200) {}

            gate.shut();
            await runJob(root, `RESTORE DATABASE FROM '${place('waits')}'`);
            await server.restart({ kill: true });
            root = await server.signIn('root');
            assert.ok(fs.existsSync(waits));
            fs.rmSync(path.join(server.dataPath, 'storages/far'), { recursive: true, force: true });
            await root.sql('DROP TABLE app.far');
            gate.open();
            while ((await root.sqlRaw('DROP STORAGE far')).status !== 200) {}
            assert.ok(!fs.existsSync(path.dirname(path.dirname(path.dirname(waits)))));
            await root.sql(create);
            await server.restart();
            assert.deepStrictEqual(objectsOf(s3), []);
        });
    });
});

test('a directory elsewhere: without its mark nothing is written to it; with it, restored files come back', async () => {
    const disk = place('disk');
    const mark = path.join(disk, '.kalamdb-storage');
    let before;
    let text;
    await withServer(async ({ root }) => {
        await fill(root, `CREATE STORAGE far TYPE filesystem PATH '${disk}'`);
        before = await state(root);
        text = fs.readFileSync(mark);
        await runJob(root, `BACKUP DATABASE TO '${place('dir')}'`);
    });
    fs.rmSync(disk, { recursive: true });
    await withServer(async (server) => {
        await runJob(server.root, `RESTORE DATABASE FROM '${place('dir')}'`);
        const waits = path.join(server.dataPath, 'restored/far/app/far/batch-0.parquet');
        for (const prepare of [() => {}, () => fs.mkdirSync(disk), () => fs.writeFileSync(mark, 'other\n')]) { // no directory; no mark; another's
            prepare();
            await server.restart();
            const root = await server.signIn('root');
            assert.deepStrictEqual(await root.rows('SELECT count(*) FROM app.near'), [['2']]);
            assert.match((await root.fails(SQL[0])).text, /far|disk/);
            assert.ok(fs.existsSync(waits));
            assert.ok(!fs.existsSync(disk) || fs.readdirSync(disk).every((name) => name === '.kalamdb-storage'));
        }
        fs.writeFileSync(mark, text);
        await server.restart();
        assert.strictEqual(await state(await server.signIn('root')), before);
        assert.ok(!fs.existsSync(waits));
        assert.deepStrictEqual(fs.readdirSync(path.join(disk, 'app/far')), ['batch-0.parquet']);
    });
});
