// stream_eviction.test.js - rows of STREAM tables that have outlived their TTL leave the disk by themselves. Nobody sees them
// any more, so what tells is the record of each run: it removes all that has expired, and says how many rows that were.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { setTimeout: pause } = require('node:timers/promises');
const { startServer, slowness } = require('../lib/server.js');

const EVERY_SECOND = { options: { 'stream.eviction_interval_seconds': 1 } };
const PATIENCE_MS = 60000 * slowness;

async function withServer(use) {
    const server = await startServer(EVERY_SECOND);
    try {
        await server.setUp();
        await use(server);
    } finally {
        await server.stop();
    }
}

const jobs = (client) => client.objects("SELECT * FROM system.jobs WHERE job_type = 'stream_eviction' ORDER BY created_at");

function evicted(list) {
    return list.filter((job) => job.status === 'completed').reduce((sum, job) => sum + Number(/^Evicted (\d+) row/.exec(job.message)[1]), 0);
}

// Asks again until `found` says so.
async function until(what, ask, found) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
        const answer = await ask();
        if (found(answer)) {
            return answer;
        }
        assert.ok(Date.now() < deadline, `${what}: ${JSON.stringify(answer)}`);
        await pause(50);
    }
}

test('expired rows of all users go, others stay, and each run is a job', async () => {
    await withServer(async (server) => {
        const { root } = server;
        await root.results(`CREATE NAMESPACE app; CREATE STREAM TABLE app.short (n INT) WITH (TTL_SECONDS = 1);
            CREATE STREAM TABLE app.long (n INT) WITH (TTL_SECONDS = 86400)`);
        const users = [await server.createUser('ann'), await server.createUser('bob'), root];
        for (const user of users) {
            await user.sql('INSERT INTO app.short SELECT * FROM generate_series(1, 700)');
            await user.sql('INSERT INTO app.long SELECT * FROM generate_series(1, 7)');
        }
        const first = await until('the first runs', () => jobs(root), (list) => evicted(list) === 2100);
        for (const job of first) {
            assert.match(job.job_id, /^SE-[0-9a-f]{12}$/);
            assert.match(job.idempotency_key, /^SE:app:short:\d{4}-\d\d-\d\d-\d\d$/);
            assert.deepStrictEqual(JSON.parse(job.parameters), { table_id: 'app:short', table_type: 'stream', ttl_seconds: 1, batch_size: 1000 });
            assert.ok(job.started_at !== null && job.finished_at !== null);
        }
        await users[0].sql('INSERT INTO app.short VALUES (1), (2), (3)');
        const second = await until('the next run', () => jobs(root), (list) => list.length > first.length);
        assert.strictEqual(evicted(second), 2103, 'nothing was left on disk but these three');
        for (const user of users) {
            assert.deepStrictEqual(await user.rows('SELECT count(*) AS n FROM app.long'), [['7']]);
        }
    });
});

test('kill -9 in the middle of a run: the run has failed, the next one removes the rest', async () => {
    await withServer(async (server) => {
        const { root } = server;
        await root.results(`CREATE NAMESPACE app; CREATE STREAM TABLE app.short (n INT) WITH (TTL_SECONDS = 1);
            CREATE STREAM TABLE app.long (n INT) WITH (TTL_SECONDS = 86400);
            INSERT INTO app.long SELECT * FROM generate_series(1, 1000)`);
        for (let i = 0; i < 4; i++) {
            await server.createUser(`user${i}`);
        }
        // A run of many steps is on record while it runs; one that ends before it is hit is tried again.
        let again = root;
        let rows = 0;
        let after = [];
        while (!after.some((job) => job.status === 'failed')) {
            const { token } = root;
            const before = (await jobs(again)).length;
            for (let i = 0; i < 4; i++) {
                const user = await server.signIn(`user${i}`);
                await user.sql('INSERT INTO app.short SELECT * FROM generate_series(1, 20000)');
                rows += 20000;
            }
            await until('a run', () => jobs(again), (now) => now.length > before);
            await server.restart({ kill: true });
            again = server.client(token, 'root');
            after = await jobs(again);
        }
        assert.strictEqual(after.find((job) => job.status === 'failed').message, 'Server restarted');
        assert.ok(after.every((job) => job.status !== 'running' || job.created_at > after.find(({ status }) => status === 'failed').finished_at));
        const rest = await until('the next run', () => jobs(again), (list) => list.at(-1).status === 'completed');
        assert.ok(evicted(rest) <= rows);
        assert.deepStrictEqual(await again.rows('SELECT count(*) AS n FROM app.long'), [['1000']]);
        // What is on disk besides these would be told of with them, or before them.
        await until('an empty table', async () => {
            const known = (await jobs(again)).length;
            await again.sql('INSERT INTO app.short VALUES (1), (2)');
            const list = await until('a run', () => jobs(again), (now) => now.length > known && now.at(-1).status !== 'running');
            return list.at(-1).message;
        }, (message) => message === 'Evicted 2 row(s)');
        assert.deepStrictEqual(await again.rows('SELECT count(*) AS n FROM app.short'), [['0']]);
    });
});
