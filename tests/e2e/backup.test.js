// backup.test.js - BACKUP and RESTORE DATABASE: what comes out of a restore is what went into the backup, while others wrote; and whatever
// cuts them short leaves the data as it was.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { Server, startServer, newDataDir } = require('../lib/server.js');
const { ended, idsIn, jobRow, runJob, runJobs } = require('../lib/jobs.js');

const places = newDataDir(); // of backups and storages
test.after(() => fs.rmSync(places, { recursive: true, force: true }));
const place = (name) => path.join(places, name);

async function withServer(use, settings) {
    const server = await startServer(settings);
    try {
        await use(server);
    } finally {
        await server.stop();
    }
}

const USERS = ['alice', 'bob'];

async function fill(server) {
    fs.rmSync(place('disk'), { recursive: true, force: true });
    await server.setUp();
    const root = server.root;
    await root.results(`CREATE NAMESPACE app;
        CREATE STORAGE disk TYPE filesystem PATH '${place('disk')}';
        CREATE USER TABLE app.notes (id INT PRIMARY KEY, t TEXT, at TIMESTAMP);
        CREATE SHARED TABLE app.items (id INT PRIMARY KEY, t TEXT, d DECIMAL(10,2), v EMBEDDING(2), b BYTES) WITH (ACCESS_LEVEL = 'PUBLIC', STORAGE_ID = 'disk');
        CREATE SHARED TABLE app.plain (line TEXT);
        CREATE VIEW app.cheap AS SELECT id, d FROM app.items WHERE d < 100`);
    await root.sql('CREATE POLICY few ON app.items USING (id < 900)');
    await root.sql(`INSERT INTO app.items ${values(1000, (i) => `(${i}, 'item ${i}', ${i}.25, '[${i},1]', X'00ff')`)}`);
    await root.sql("INSERT INTO app.plain VALUES ('one'), ('two')");
    for (const name of USERS) {
        const user = await server.createUser(name);
        await user.sql(`INSERT INTO app.notes ${values(300, (i) => `(${i}, '${name} ${i}', '2026-01-01 00:00:00')`)}`);
    }
    for (const job of await runJobs(root, 'STORAGE FLUSH ALL IN app')) {
        assert.ok(['completed', 'skipped'].includes(job.status), JSON.stringify(job));
    }
    await root.sql('DELETE FROM app.items WHERE id % 10 = 3'); // dead rows in files
    await root.sql("UPDATE app.items SET t = 'changed' WHERE id % 10 = 4");
    await root.sql(`INSERT INTO app.items VALUES (5000, 'hot', 1, NULL, NULL)`);
}

function values(count, row) {
    return `VALUES ${Array.from({ length: count }, (_, i) => row(i)).join(', ')}`;
}

// All that queries tell, as the JSON text of the answers.
async function state(server) {
    const root = await server.signIn('root');
    const out = {};
    for (const sql of ['SELECT * FROM app.items ORDER BY id', 'SELECT *, _seq FROM app.items ORDER BY id', 'SELECT * FROM app.plain ORDER BY line',
        'SELECT * FROM app.cheap ORDER BY id', 'SELECT count(*), sum(d) FROM app.items', "SELECT id, t FROM app.items WHERE id = 444",
        'SELECT user_id, role, password_hash, created_at FROM system.users ORDER BY 1', 'SELECT * FROM system.storages ORDER BY 1',
        'SELECT namespace_id, table_name, version, options FROM system.tables ORDER BY 1, 2', 'SELECT * FROM system.policies ORDER BY 1, 2, 3']) {
        const answer = await root.sqlRaw(sql);
        out[sql] = JSON.stringify(answer.json.results ?? answer.json);
    }
    for (const name of USERS) {
        const user = await server.signIn(name);
        out[`notes of ${name}`] = JSON.stringify((await user.sqlRaw('SELECT *, _seq FROM app.notes ORDER BY id')).json.results);
        out[`items of ${name}`] = JSON.stringify((await user.sqlRaw('SELECT * FROM app.items ORDER BY id')).json.results);
    }
    return out;
}

// What tells that it is storage `disk` stays.
function emptyDisk() {
    for (const entry of fs.readdirSync(place('disk')).filter((name) => !name.startsWith('.'))) {
        fs.rmSync(path.join(place('disk'), entry), { recursive: true });
    }
}

const names = (dir) => fs.readdirSync(dir).sort();

async function restoreInto(server, from) {
    await server.setUp();
    const job = await runJob(server.root, `RESTORE DATABASE FROM '${from}'`);
    assert.match(job.message, /next start of the server/);
    await server.restart();
}

for (const name of ['tree', 'packed.tar.gz']) {
    test(`what a backup (${name}) holds comes back in a new place, byte for byte`, async () => {
        const path_ = place(name);
        let before;
        await withServer(async (server) => {
            await fill(server);
            before = await state(server);
            const answer = await server.root.sql(`BACKUP DATABASE TO '${path_}'`);
            assert.match(answer.message, new RegExp(`^Database backup started to '${path_}'. Job ID: BK-`));
            const job = await ended(server.root, idsIn(answer.message)[0]);
            assert.strictEqual(job.status, 'completed', JSON.stringify(job));
            assert.match(job.message, /: 4 file\(s\) of the cold tier/);
            await server.root.sql('DELETE FROM app.items WHERE id >= 0'); // whatever happens to it later
            await runJobs(server.root, 'STORAGE FLUSH ALL IN app');
        });
        emptyDisk();
        assert.ok(!fs.existsSync(`${path_}.partial`));
        await withServer(async (server) => {
            await restoreInto(server, path_);
            assert.deepStrictEqual(await state(server), before);
            assert.deepStrictEqual(names(server.dataPath).filter((entry) => entry.startsWith('re')).map((entry) => entry.slice(0, 9)), ['replaced-']);
            const states = await (await server.signIn('root')).rows('SELECT DISTINCT sync_state, etag FROM system.manifest');
            assert.deepStrictEqual(states, [['pending_write', null]]); // no manifest.json is in a backup
            await server.restart({ kill: true });
            assert.deepStrictEqual(await state(server), before);
            const root = await server.signIn('root');
            await root.sql("INSERT INTO app.items VALUES (7000, 'new', 1, NULL, NULL)");
            assert.deepStrictEqual(await root.rows('SELECT t FROM app.items WHERE id = 7000'), [['new']]);
        });
        fs.rmSync(place('disk'), { recursive: true, force: true });
        fs.rmSync(path_, { recursive: true, force: true });
    });
}

test('a backup that is made while others write holds what was committed before it, and no half of a statement', async () => {
    const to = place('busy');
    await withServer(async (server) => {
        await server.setUp();
        await server.root.results("CREATE NAMESPACE app; CREATE SHARED TABLE app.pairs (id INT PRIMARY KEY, other INT); CREATE SHARED TABLE app.counts (id INT PRIMARY KEY, n INT); INSERT INTO app.counts VALUES (1, 0)");
        let stop = false;
        let acknowledged = 0;
        let tellBusy;
        const busy = new Promise((resolve) => { tellBusy = resolve; });
        const writer = (async () => {
            for (let i = 0; !stop; i++) {
                await server.root.results(`INSERT INTO app.pairs VALUES (${2 * i}, ${2 * i + 1}), (${2 * i + 1}, ${2 * i}); UPDATE app.counts SET n = ${i + 1} WHERE id = 1`);
                acknowledged = i + 1;
                if (acknowledged === 20) {
                    tellBusy();
                }
            }
        })();
        const flusher = (async () => {
            while (!stop) {
                await runJobs(server.admin, 'STORAGE FLUSH TABLE app.pairs');
            }
        })();
        await Promise.race([busy, writer, flusher]); // those that fail are told of
        const before = acknowledged;
        await runJob(server.root, `BACKUP DATABASE TO '${to}'`);
        stop = true;
        await Promise.all([writer, flusher]);
        await withServer(async (other) => {
            await restoreInto(other, to);
            const root = await other.signIn('root');
            const [[count]] = await root.rows('SELECT n FROM app.counts');
            const [[rows, distinct, whole]] = await root.rows('SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE other IN (SELECT id FROM app.pairs)) FROM app.pairs');
            assert.ok(Number(count) >= before, `${count} of ${before}`);
            assert.ok([2 * count, 2 * count + 2].includes(Number(rows)), `${rows} rows at ${count}`); // the INSERT comes before the UPDATE
            assert.deepStrictEqual([distinct, whole].map(Number), [Number(rows), Number(rows)]);
        });
    });
});

test('a path where something is, a path in the data directory and what is no backup are refused', async () => {
    await withServer(async (server) => {
        await server.setUp();
        assert.match((await server.root.fails("BACKUP DATABASE TO 's3://bucket/backup'")).text, /not a URL/); // it would be a directory named s3:
        fs.mkdirSync(place('full'), { recursive: true });
        fs.writeFileSync(path.join(place('full'), 'mine'), 'x');
        const taken = await runJob(server.root, `BACKUP DATABASE TO '${place('full')}'`, 'failed');
        assert.match(taken.message, /is there already/);
        assert.deepStrictEqual(names(place('full')), ['mine']);
        const inside = await runJob(server.root, `BACKUP DATABASE TO '${path.join(server.dataPath, 'rocksdb', 'b')}'`, 'failed');
        assert.match(inside.message, /lies in the server's data directory/);
        const none = await runJob(server.root, `RESTORE DATABASE FROM '${place('full')}'`, 'failed');
        assert.match(none.message, /There is no backup at/);
        fs.writeFileSync(place('text.tgz'), 'no archive');
        const text = await runJob(server.root, `RESTORE DATABASE FROM '${place('text.tgz')}'`, 'failed');
        assert.match(text.message, /archive/);
        for (const sql of [`RESTORE DATABASE FROM '${place('absent')}'`, "BACKUP DATABASE TO ''", "BACKUP DATABASE TO '/etc/x'", "BACKUP DATABASE TO '/tmp/../x'"]) {
            assert.strictEqual((await server.root.sqlRaw(sql)).status, 400, sql);
        }
        const user = await server.createUser('carol');
        assert.strictEqual((await user.sqlRaw(`BACKUP DATABASE TO '${place('carol')}'`)).status, 403);
        assert.ok(!fs.existsSync(path.join(server.dataPath, 'restore')));
        const before = JSON.stringify(await server.root.rows('SELECT user_id FROM system.users ORDER BY 1'));
        await server.restart();
        assert.strictEqual(JSON.stringify(await (await server.signIn('root')).rows('SELECT user_id FROM system.users ORDER BY 1')), before);
    });
});

test('a backup that lacks a file is refused, and names it', async () => {
    await withServer(async (server) => {
        await server.setUp();
        await server.root.results("CREATE NAMESPACE app; CREATE SHARED TABLE app.items (id INT PRIMARY KEY); INSERT INTO app.items VALUES (1), (2)");
        await runJob(server.root, 'STORAGE FLUSH TABLE app.items');
        await runJob(server.root, `BACKUP DATABASE TO '${place('lacking')}'`);
        fs.rmSync(path.join(place('lacking'), 'storage/local/app/items/batch-0.parquet'));
        const job = await runJob(server.root, `RESTORE DATABASE FROM '${place('lacking')}'`, 'failed');
        assert.match(job.message, /lacks the file 'storage\/local\/app\/items\/batch-0.parquet'/);
        assert.deepStrictEqual(names(server.dataPath).filter((entry) => entry.startsWith('restore')), []);
    });
});

test('a backup that lacks part of its store, or its key, is refused: nothing is staged', async () => {
    await withServer(async (server) => {
        await server.setUp();
        await server.root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.items (id INT PRIMARY KEY); INSERT INTO app.items VALUES (1), (2)');
        const tree = place('parts');
        const store = path.join(tree, 'rocksdb');
        const first = (suffix) => path.join(store, names(store).filter((name) => name.endsWith(suffix) && fs.statSync(path.join(store, name)).size !== 0)[0]);
        const cut = (file) => { // not the server's file, to which it is a link
            const half = fs.readFileSync(file).subarray(0, fs.statSync(file).size / 2);
            fs.rmSync(file);
            fs.writeFileSync(file, half);
        };
        const damage = {
            'the whole store': [/lacks a file of 'rocksdb'/, () => fs.rmSync(store, { recursive: true })],
            'what is in it': [/lacks a file of 'rocksdb'/, () => names(store).forEach((name) => fs.rmSync(path.join(store, name)))],
            CURRENT: [/lacks a file of 'rocksdb'/, () => fs.rmSync(path.join(store, 'CURRENT'))],
            'a table file': [/lacks a file of 'rocksdb'/, () => fs.rmSync(first('.sst'))],
            'the end of a table file': [/lacks a file of 'rocksdb'/, () => cut(first('.sst'))],
            'the key': [/lacks the file 'server.key'/, () => fs.rmSync(path.join(tree, 'server.key'))],
            'a sound key': [/the server key file is damaged/, () => fs.writeFileSync(path.join(tree, 'server.key'), 'no key')],
        };
        for (const [what, [message, act]] of Object.entries(damage)) {
            await runJob(server.root, `BACKUP DATABASE TO '${tree}'`);
            act();
            const job = await runJob(server.root, `RESTORE DATABASE FROM '${tree}'`, 'failed');
            assert.match(job.message, message, what);
            assert.deepStrictEqual(names(server.dataPath).filter((entry) => entry.startsWith('restore')), [], what);
            fs.rmSync(tree, { recursive: true });
        }
        await server.restart();
        assert.deepStrictEqual(await (await server.signIn('root')).rows('SELECT id FROM app.items ORDER BY id'), [[1], [2]]);
    });
});

test('a restore that is refused leaves the one before it as it is', async () => {
    await withServer(async (server) => {
        await server.setUp();
        await server.root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.items (id INT PRIMARY KEY); INSERT INTO app.items VALUES (1), (2)');
        await runJob(server.root, `BACKUP DATABASE TO '${place('good')}'`);
        await runJob(server.root, `BACKUP DATABASE TO '${place('bad')}'`);
        fs.rmSync(path.join(place('bad'), 'rocksdb/CURRENT'));
        await server.root.sql('DELETE FROM app.items WHERE id > 0');
        await runJob(server.root, `RESTORE DATABASE FROM '${place('good')}'`);
        await runJob(server.root, `RESTORE DATABASE FROM '${place('bad')}'`, 'failed');
        await server.restart();
        assert.deepStrictEqual(await (await server.signIn('root')).rows('SELECT id FROM app.items ORDER BY id'), [[1], [2]]);
    });
});

test('a backup of a server that says less of itself is taken in', async () => {
    await withServer(async (server) => {
        await server.setUp();
        await server.root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.items (id INT PRIMARY KEY); INSERT INTO app.items VALUES (1), (2)');
        await runJob(server.root, `BACKUP DATABASE TO '${place('older')}'`);
        const head = path.join(place('older'), 'backup.json');
        const { format, data_format, created_at, cold_files, cold_bytes } = JSON.parse(fs.readFileSync(head, 'utf8'));
        fs.writeFileSync(head, JSON.stringify({ format, data_format, created_at, cold_files, cold_bytes }));
        await server.root.sql('DELETE FROM app.items WHERE id > 0');
        await runJob(server.root, `RESTORE DATABASE FROM '${place('older')}'`);
        await server.restart();
        assert.deepStrictEqual(await (await server.signIn('root')).rows('SELECT id FROM app.items ORDER BY id'), [[1], [2]]);
    });
});

test('kill -9 while a backup is made, and while a restore is staged: the data is as it was, and both can be done again', async () => {
    await withServer(async (server) => {
        await fill(server);
        const before = await state(server);
        for (const to of [place('cut'), place('cut.tgz')]) {
            await server.root.sql(`BACKUP DATABASE TO '${to}'`);
            await server.kill(); // at whatever it does
            await server.start();
            assert.deepStrictEqual(await state(server), before);
            server.root = await server.signIn('root');
            while ((await server.root.rows("SELECT job_id FROM system.jobs WHERE job_type = 'backup' AND status IN ('queued', 'running')")).length !== 0) {} // one that had waited
            if (!fs.existsSync(to)) {
                await runJob(server.root, `BACKUP DATABASE TO '${to}'`);
            }
            assert.ok(!fs.existsSync(`${to}.partial`));
        }
        await server.root.sql("INSERT INTO app.plain VALUES ('after the backup')");
        const after = await state(server);
        await server.root.sql(`RESTORE DATABASE FROM '${place('cut')}'`);
        await server.kill();
        await server.start();
        const found = await state(server);
        assert.ok([JSON.stringify(before), JSON.stringify(after)].includes(JSON.stringify(found)), 'the old data or the new');
        server.root = await server.signIn('root');
        await runJob(server.root, `RESTORE DATABASE FROM '${place('cut')}'`);
        await server.restart({ kill: true });
        assert.deepStrictEqual(await state(server), before);
    });
});

test('KILL JOB ends a backup that runs; nothing is left of it, and it can be made again', async () => {
    await withServer(async (server) => {
        await server.setUp();
        const { root } = server;
        await root.sql('CREATE NAMESPACE app');
        await root.sql('CREATE SHARED TABLE app.items (id INT PRIMARY KEY, t TEXT)');
        for (let from = 0; from < 300000; from += 100000) { // enough that packing them takes a while
            await root.sql(`INSERT INTO app.items SELECT i, md5(i || 'a') || md5(i || 'b') || md5(i || 'c') FROM generate_series(${from}, ${from + 99999}) AS g(i)`);
        }
        await runJob(root, 'STORAGE FLUSH TABLE app.items');
        const inData = () => names(server.dataPath).concat(names(path.join(server.dataPath, 'tmp')));
        const before = inData();
        const to = place('killed.tar.gz');
        const dir = () => names(places).filter((name) => name.startsWith('killed'));
        let row;
        for (let i = 0; row?.status !== 'cancelled'; i++) {
            assert.ok(i < 20, 'no backup is caught at work');
            fs.rmSync(to, { force: true });
            const { message } = await root.sql(`BACKUP DATABASE TO '${to}'`);
            const [id] = idsIn(message);
            while (['new', 'queued'].includes((await jobRow(root, id)).status)) {}
            const answer = await root.sqlRaw(`KILL JOB '${id}'`);
            assert.ok(answer.status === 200 || /Cannot cancel job in status completed/.test(answer.text), answer.text);
            row = await ended(root, id);
            assert.ok(['cancelled', 'completed'].includes(row.status), JSON.stringify(row));
        }
        assert.strictEqual(row.message, 'Killed while it ran');
        assert.deepStrictEqual(dir(), []);
        assert.deepStrictEqual(inData(), before);
        await root.sql("UPDATE app.items SET t = 'x' WHERE id < 100");
        await runJob(root, 'STORAGE COMPACT TABLE app.items');
        const files = () => fs.readdirSync(path.join(server.dataPath, 'storage/app/items')).filter((name) => name.endsWith('.parquet'));
        for (let i = 0; files().length !== 1; i++) { // it holds no files back: those that were replaced go
            assert.ok(i < 1000, String(files()));
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        await runJob(root, `BACKUP DATABASE TO '${to}'`);
        assert.deepStrictEqual(dir(), ['killed.tar.gz']);
    });
});
