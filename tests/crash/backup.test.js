// backup.test.js - the server dies at each failpoint of a backup, of a restore, and of the start that puts what was restored in the place of
// the data: the data is the old or the new and never a mixture, both can be done again, and nothing half done lies about.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { Server, newDataDir, preset, within, slowness } = require('../lib/server.js');
const { runJob, runJobs } = require('../lib/jobs.js');

const STRIKE_MS = 60000 * slowness;
const places = newDataDir();
test.after(() => fs.rmSync(places, { recursive: true, force: true }));
const place = (name) => path.join(places, name);
const skip = preset === 'release'; // it has no failpoints

const list = (count, row) => Array.from({ length: count }, (_, i) => row(i)).join(', ');

async function fill(server) {
    const disk = fs.mkdtempSync(place('disk-'));
    await server.setUp();
    await server.root.results(`CREATE NAMESPACE app; CREATE STORAGE disk TYPE filesystem PATH '${disk}';
        CREATE USER TABLE app.own (id INT PRIMARY KEY, t TEXT);
        CREATE SHARED TABLE app.far (id INT PRIMARY KEY, t TEXT) WITH (STORAGE_ID = 'disk')`);
    const alice = await server.createUser('alice');
    await alice.sql(`INSERT INTO app.own VALUES ${list(200, (i) => `(${i}, 'alice ${i}')`)}`);
    await server.root.sql(`INSERT INTO app.far VALUES ${list(200, (i) => `(${i}, 'far ${i}')`)}`);
    await runJobs(server.root, 'STORAGE FLUSH ALL IN app');
    await server.root.results("DELETE FROM app.far WHERE id % 7 = 0; UPDATE app.far SET t = 'hot' WHERE id % 7 = 1");
}

async function state(server) {
    const [root, alice] = [await server.signIn('root'), await server.signIn('alice')];
    const asked = [[root, 'SELECT *, _seq FROM app.far ORDER BY id'], [root, 'SELECT count(*) FROM app.far'], [alice, 'SELECT *, _seq FROM app.own ORDER BY id']];
    const out = [];
    for (const [client, sql] of asked) {
        out.push(JSON.stringify((await client.sql(sql)).rows ?? (await client.rows(sql))));
    }
    server.root = root;
    return out;
}

// Runs a statement that starts a job, at one of whose failpoints the server dies, and starts the server again.
async function strike(server, point, sql) {
    await again(server, { KALAMDB_FAILPOINT: point });
    const died = server.exited;
    const client = await server.signIn('root');
    await client.sqlRaw(sql).catch(() => null);
    const { signal } = await within(STRIKE_MS, point, died);
    assert.strictEqual(signal, 'SIGKILL', server.output);
    await again(server);
}

async function again(server, env = {}) {
    server.clients.forEach((client) => client.close());
    server.clients.clear();
    if (server.alive) {
        await server.kill();
    }
    server.env = env;
    await server.start();
}

const isWhole = (to) => fs.existsSync(to) && !fs.existsSync(path.join(to, 'UNFINISHED'));

test('a backup that is cut off is known for one, and can be made again', { skip }, async (t) => {
    const server = new Server();
    try {
        await server.start();
        await fill(server);
        const before = await state(server);
        const points = ['tree.made', 'tree.begun', 'tree.file:1', 'tree.file:3', 'backup.checkpoint', 'backup.head', 'tree.moved', 'tree.finished'];
        for (const [to, point] of [...points.map((each) => ['cut', each]), ['cut.tgz', 'backup.head'], ['cut.tgz', 'tree.removing']]) {
            await t.test(`${to}, ${point}`, async () => {
                await strike(server, point, `BACKUP DATABASE TO '${place(to)}'`);
                assert.deepStrictEqual(await state(server), before);
                const whole = isWhole(place(to));
                assert.strictEqual(whole, point === 'tree.finished' || point === 'tree.removing');
                if (!whole) {
                    const [row] = await runJobs(server.root, `RESTORE DATABASE FROM '${place(to)}'`).catch(() => [{ status: 'failed' }]);
                    assert.strictEqual(row.status, 'failed', 'half a backup is restored');
                    await runJob(server.root, `BACKUP DATABASE TO '${place(to)}'`);
                    assert.ok(!fs.existsSync(`${place(to)}.partial`));
                }
                await runJob(server.root, `RESTORE DATABASE FROM '${place(to)}'`); // is looked through
                await again(server);
                assert.deepStrictEqual(await state(server), before);
                fs.rmSync(place(to), { recursive: true });
                fs.rmSync(`${place(to)}.partial`, { recursive: true, force: true });
            });
        }
        await t.test('one that is cleared away for the next', async () => {
            await strike(server, 'backup.head', `BACKUP DATABASE TO '${place('twice')}'`);
            await strike(server, 'tree.removing', `BACKUP DATABASE TO '${place('twice')}'`);
            await runJob(await server.signIn('root'), `BACKUP DATABASE TO '${place('twice')}'`);
            assert.ok(!fs.existsSync(`${place('twice')}.partial`));
        });
    } finally {
        await server.stop();
    }
});

test('a restore that is cut off leaves the old data or the new', { skip }, async (t) => {
    const server = new Server();
    const left = () => fs.readdirSync(server.dataPath).filter((name) => /^restore/.test(name));
    let next = 1000;
    // Other rows than the backup has, hot and cold.
    const change = async () => {
        await server.root.results(`INSERT INTO app.far VALUES (${next}, 'later'); DELETE FROM app.far WHERE id < 50`);
        await runJobs(server.root, 'STORAGE FLUSH ALL IN app');
        await server.root.sql(`INSERT INTO app.far VALUES (${next + 1}, 'later, and hot')`);
        next += 2;
        return state(server);
    };
    try {
        await server.start();
        await fill(server);
        const saved = await state(server);
        await runJob(server.root, `BACKUP DATABASE TO '${place('good')}'`);
        const restore = `RESTORE DATABASE FROM '${place('good')}'`;
        for (const point of ['tree.made', 'tree.begun', 'tree.file:1', 'tree.file:5', 'tree.moved', 'tree.finished']) {
            await t.test(`while it is staged, ${point}`, async () => {
                const changed = await change();
                await strike(server, point, restore);
                assert.deepStrictEqual(await state(server), point === 'tree.finished' ? saved : changed);
                assert.deepStrictEqual(left(), []);
            });
        }
        await t.test('while one that was staged is taken away for another', async () => {
            const changed = await change();
            await again(server, { KALAMDB_FAILPOINT: 'tree.removing' });
            const died = server.exited;
            const root = await server.signIn('root');
            await runJob(root, restore);
            await root.sqlRaw(restore).catch(() => null);
            assert.strictEqual((await within(STRIKE_MS, 'tree.removing', died)).signal, 'SIGKILL');
            await again(server);
            assert.deepStrictEqual(await state(server), changed);
            assert.deepStrictEqual(left(), []);
        });
        for (const point of ['restore.moved', 'restore.kept', 'tree.removing', 'restore.put']) {
            await t.test(`while a start puts it in the place of the data, ${point}`, async () => {
                let nth = 1;
                for (let died = true; died; nth++) {
                    await change();
                    await runJob(server.root, restore);
                    server.clients.clear();
                    await server.kill();
                    server.env = { KALAMDB_FAILPOINT: `${point}:${nth}` };
                    died = await server.start().then(() => false, ({ signal }) => signal === 'SIGKILL' || assert.fail(server.output));
                    await again(server);
                    assert.deepStrictEqual(await state(server), saved);
                    assert.deepStrictEqual(left(), []);
                    fs.readdirSync(server.dataPath).filter((name) => name.startsWith('replaced-')).forEach((name) => fs.rmSync(path.join(server.dataPath, name), { recursive: true }));
                }
                assert.ok(nth > 2, `${point} was not passed`);
            });
        }
    } finally {
        await server.stop();
    }
});
