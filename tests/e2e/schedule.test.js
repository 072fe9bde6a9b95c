// schedule.test.js - what a server begins by itself a minute after its start: tombstones and exports that were kept long enough go. What is
// old was made by a server whose clock was behind.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: pause } = require('node:timers/promises');
const { Server, sanitized, slowness } = require('../lib/server.js');
const { connectOfficial } = require('../lib/official_client.js');
const { runJob } = require('../lib/jobs.js');
const { shiftedClock } = require('../lib/tools.js');

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const PATIENCE_MS = 120000 * slowness;

async function until(what, ask) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
        const answer = await ask();
        if (answer) {
            return answer;
        }
        assert.ok(Date.now() < deadline, `${what} has not come`);
        await pause(200);
    }
}

const completed = (client, type) => until(type, async () => (await client.rows(`SELECT message FROM system.jobs WHERE job_type = '${type}' AND status = 'completed'`))[0]?.[0]);

async function refusal(client, sql, from) {
    try {
        await client.subscribe(sql, { from });
    } catch (error) {
        return error;
    }
    return assert.fail(`resumed from ${from}`);
}

test('tombstones go after their time; who would have had to hear of them begins afresh', { skip: sanitized }, async () => {
    const server = new Server({ options: { 'retention.default_deleted_retention_hours': 1, 'retention.enable_dba_stats': false }, env: shiftedClock(-3 * HOUR_S) });
    const sql = 'SELECT id, t FROM app.notes';
    try {
        await server.start();
        await server.setUp();
        await server.root.results('CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY, t TEXT); CREATE USER TABLE app.calm (id INT PRIMARY KEY, t TEXT)');
        let alice = await server.createUser('alice');
        await alice.results("INSERT INTO app.notes VALUES (1, 'stays'), (2, 'goes'), (3, 'stays'); INSERT INTO app.calm VALUES (1, 'stays')");
        let client = await connectOfficial(server, alice);
        const seen = await client.subscribe(sql);
        const calm = await client.subscribe('SELECT id, t FROM app.calm');
        assert.strictEqual(seen.rows.size, 3);
        await client.socket.close();
        await alice.sql('DELETE FROM app.notes WHERE id = 2');
        const reached = seen.checkpoint;

        server.env = {};
        await server.restart();
        const root = await server.signIn('root');
        assert.strictEqual(await completed(root, 'retention'), 'Removed 1 tombstone(s)');
        alice = await server.signIn('alice');
        client = await connectOfficial(server, alice);
        assert.strictEqual((await refusal(client, sql, reached)).code, 'RESYNC'); // older than an hour
        await client.socket.close();

        // They are to be kept for a week now, but what has gone is gone.
        await server.restart({ options: { 'retention.default_deleted_retention_hours': 168 } });
        alice = await server.signIn('alice');
        client = await connectOfficial(server, alice);
        const error = await refusal(client, sql, reached);
        assert.strictEqual(error.code, 'RESYNC');
        assert.match(error.message, /The cursor is older than deletions are kept for: subscribe again without it/);
        const again = await client.subscribe(sql);
        assert.deepStrictEqual([...again.rows.values()].map((row) => [row.id, row.t]), [[1, 'stays'], [3, 'stays']]);
        await alice.results("INSERT INTO app.notes VALUES (2, 'new')");
        await client.until(again, () => again.rows.size === 3);
        client.unsubscribe(again);
        const resumed = await client.subscribe(sql, { from: again.checkpoint }); // that one is younger
        assert.deepStrictEqual(resumed.rows.size, 0);
        const elsewhere = await client.subscribe('SELECT id, t FROM app.calm', { from: calm.checkpoint }); // where nothing was forgotten
        assert.deepStrictEqual(elsewhere.rows.size, 0);
        await client.socket.close();
    } finally {
        await server.stop();
    }
});

test('an export is there for a week; whoever fetches it then gets it whole', { skip: sanitized }, async () => {
    const server = new Server({ options: { 'retention.enable_dba_stats': false }, env: shiftedClock(-8 * DAY_S) });
    try {
        await server.start();
        await server.setUp();
        await server.root.results('CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY, t TEXT)');
        let alice = await server.createUser('alice');
        for (let from = 0; from < 600000; from += 150000) {
            await alice.sql(`INSERT INTO app.notes SELECT i, md5(i || 'a') || md5(i || 'b') || md5(i || 'c') FROM generate_series(${from}, ${from + 149999}) AS g(i)`);
        }
        await runJob(server.root, 'STORAGE FLUSH TABLE app.notes');
        const { message } = await alice.sql('EXPORT USER DATA');
        const [id] = /UE-[0-9a-f]+/.exec(message);
        await until('the export', async () => (await server.root.rows(`SELECT 1 FROM system.jobs WHERE job_id = '${id}' AND status = 'completed'`)).length === 1);
        const { download_url: url } = (await alice.objects('SHOW EXPORT'))[0];
        const dir = path.join(server.dataPath, 'exports/alice');
        const [name] = fs.readdirSync(dir);
        const whole = fs.statSync(path.join(dir, name)).size;
        const then = Date.now() / 1000 - 8 * DAY_S; // as that server's clock had it
        fs.utimesSync(path.join(dir, name), then, then);

        server.env = {};
        await server.restart();
        alice = await server.signIn('alice');
        const target = new URL(url).pathname;
        assert.strictEqual((await alice.objects('SHOW EXPORT'))[0].download_url, null, 'what may go at any moment is not offered');
        const answer = await fetch(server.url + target, { headers: { authorization: `Bearer ${alice.token}` } });
        assert.strictEqual(answer.status, 200);
        const reader = answer.body.getReader();
        let bytes = 0;
        const read = async () => {
            const { done, value } = await reader.read();
            bytes += done ? 0 : value.length;
            return !done;
        };
        const root = await server.signIn('root');
        await until('the end of the file', async () => { // slowly, but always on
            assert.ok(await read(), 'the file is larger than what is read in that time');
            await pause(800);
            return !fs.existsSync(path.join(dir, name));
        });
        while (await read()) {}
        assert.strictEqual(await completed(root, 'job_cleanup'), 'Removed 0 job(s) and 1 export(s)');
        assert.strictEqual(bytes, whole);
        const late = await fetch(server.url + target, { headers: { authorization: `Bearer ${alice.token}` } });
        assert.strictEqual(late.status, 404);
        assert.deepStrictEqual((await alice.objects('SHOW EXPORT')).map((row) => [row.status, row.download_url]), [['completed', null]]);
    } finally {
        await server.stop();
    }
});
