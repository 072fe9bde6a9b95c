// cold_damage.test.js - a Parquet file that is damaged or gone spoils the answers that need it, and nothing else: the error names the file,
// other users, other tables, rows by key and the next start go on.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { Server } = require('../lib/server.js');
const { runJob } = require('../lib/jobs.js');

const FILE = 'batch-0.parquet';
const ROWS = 500;

const damages = {
    'is gone': (file) => fs.rmSync(file),
    'is empty': (file) => fs.truncateSync(file, 0),
    'is cut in half': (file) => fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2)),
    'has another end': (file) => flip(file, fs.statSync(file).size - 6, 5),
    'has flipped bits in its rows': (file) => flip(file, 4, Math.floor(fs.statSync(file).size / 2)),
    'is something else': (file) => fs.writeFileSync(file, 'no Parquet at all'.repeat(100)),
    'is a directory': (file) => { fs.rmSync(file); fs.mkdirSync(file); },
};

function flip(file, at, count) {
    const bytes = fs.readFileSync(file);
    for (let i = at; i < at + count; i++) {
        bytes[i] ^= 0x5a;
    }
    fs.writeFileSync(file, bytes);
}

async function flush(root, table) {
    const { message } = await root.sql(`STORAGE FLUSH TABLE ${table}`);
    const id = /Job ID: (\S+)/.exec(message)[1];
    for (let status = ''; status !== 'completed';) {
        [[status]] = await root.rows('SELECT status FROM system.jobs WHERE job_id = $1', [id]);
        assert.ok(status !== 'failed' && status !== 'cancelled', status);
    }
}

async function insert(client, table, from) {
    const values = Array.from({ length: ROWS }, (x, i) => `(${from + i}, 'text ${from + i}')`);
    await client.sql(`INSERT INTO ${table} VALUES ${values}`);
}

// Rows 0.. in batch-0, 1000.. in batch-1, 2000.. hot.
async function fill(root, client, table) {
    await insert(client, table, 0);
    await flush(root, table);
    await insert(client, table, 1000);
    await flush(root, table);
    await insert(client, table, 2000);
}

async function checkShared(root) {
    for (const sql of ["SELECT count(t) FROM app.shared WHERE t LIKE 'text%'", 'SELECT id, t FROM app.shared ORDER BY id', 'SELECT t FROM app.shared WHERE id = 7']) {
        const error = await root.fails(sql);
        assert.ok(error.text.includes(FILE), `${sql}: ${error.text}`);
    }
    // What is known not to lie there is found.
    assert.deepStrictEqual(await root.rows('SELECT t FROM app.shared WHERE id = 1007'), [['text 1007']]);
    assert.deepStrictEqual(await root.rows('SELECT t FROM app.shared WHERE id = 2007'), [['text 2007']]);
    assert.strictEqual((await root.rows('SELECT id FROM app.shared WHERE id BETWEEN 1000 AND 2999 ORDER BY id')).length, 2 * ROWS);
    await root.fails("UPDATE app.shared SET t = 'new' WHERE id = 7");
    await root.sql("INSERT INTO app.shared VALUES (5000, 'after') ON CONFLICT (id) DO UPDATE SET t = 'after'");
    assert.deepStrictEqual(await root.rows('SELECT t FROM app.shared WHERE id = 5000'), [['after']]);
}

async function checkOwn(alice, bob) {
    await alice.fails("SELECT count(t) FROM app.own WHERE t LIKE 'text%'");
    assert.deepStrictEqual(await alice.rows('SELECT t FROM app.own WHERE id = 2007'), [['text 2007']]);
    assert.strictEqual(Number(await bob.value("SELECT count(t) FROM app.own WHERE t LIKE 'text%'")), 3 * ROWS);
}

// Who reads the files, our scans or the engine itself, does not show.
const readers = { '': 0, ', read by the engine itself': 1 };

for (const [what, who] of Object.keys(damages).flatMap((what) => Object.keys(readers).map((who) => [what, who]))) {
    test(`a file that ${what}${who}`, async () => {
        const damage = damages[what];
        const server = new Server({ options: { 'flush.check_interval_seconds': 86400, 'engine.direct_rows': readers[who] } });
        await server.start();
        try {
            await server.setUp();
            await server.root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.shared (id INT PRIMARY KEY, t TEXT); CREATE USER TABLE app.own (id INT PRIMARY KEY, t TEXT)');
            let [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
            const storage = path.join(server.dataPath, 'storage');
            await fill(server.root, server.root, 'app.shared');
            await fill(server.root, alice, 'app.own');
            await fill(server.root, bob, 'app.own');
            await server.restart(); // nothing of the files is in memory
            damage(path.join(storage, 'app/shared', FILE));
            damage(path.join(storage, 'app/own/alice', FILE));
            fs.writeFileSync(path.join(storage, 'app/shared/manifest.json'), '{"segments": [');
            const job = await runJob(await server.signIn('root'), 'STORAGE REBUILD MANIFEST TABLE app.shared');
            assert.ok(job.message.startsWith('Rebuilt 1 partition(s): '), job.message);
            assert.ok(job.message.includes(`app/shared/${FILE} (`), job.message);
            assert.ok(JSON.parse(fs.readFileSync(path.join(storage, 'app/shared/manifest.json'), 'utf8')).segments.length === 2);
            fs.writeFileSync(path.join(storage, 'app/shared/manifest.json'), '{"segments": [');
            for (let start = 0; start < 2; start++) {
                const root = await server.signIn('root');
                [alice, bob] = [await server.signIn('alice'), await server.signIn('bob')];
                await checkShared(root);
                await checkOwn(alice, bob);
                await flush(root, 'app.shared');
                assert.ok(JSON.parse(fs.readFileSync(path.join(storage, 'app/shared/manifest.json'), 'utf8')).segments.length > 2);
                await insert(root, 'app.shared', 10000 * (start + 1));
                await server.restart();
            }
        } finally {
            await server.stop();
        }
    });
}
