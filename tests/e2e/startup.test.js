// startup.test.js - how long a server with 1,000 tables and 1M rows takes from its start to the first answer. The budget is
// 1 s on a quiet machine. What is asserted, for release only, is the processor time: it does not depend on what else runs.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { startServer, preset, sanitized } = require('../lib/server.js');
const { insertNumbers } = require('../lib/rows.js');

const TABLES = sanitized ? 100 : 1000;
const ROWS = sanitized ? 50000 : 1000000;
const LIMIT_S = 1;
const IDLE_LIMIT = 64 * 1024 * 1024;

test(`start with ${TABLES} tables and ${ROWS} rows`, async () => {
    const server = await startServer();
    try {
        const { root } = await server.setUp();
        await root.sql('CREATE NAMESPACE app');
        for (let from = 0; from < TABLES; from += 50) {
            await root.results(Array.from({ length: 50 }, (_, i) => `CREATE SHARED TABLE app.t${from + i} (id INT PRIMARY KEY, name TEXT NOT NULL, n BIGINT DEFAULT 5, at TIMESTAMP DEFAULT NOW())`).join(';'));
        }
        await insertNumbers(root, 'app.t0 (id, name, n)', ROWS, "i, 'name of row ' || i, i");
        for (const kill of [false, true]) {
            const { token } = server.root;
            await (kill ? server.kill() : server.halt());
            const started = process.hrtime.bigint();
            await server.start();
            const listening = Number(process.hrtime.bigint() - started) / 1e6;
            server.root = server.client(token, 'root');
            assert.deepStrictEqual(await server.root.rows('SELECT name FROM app.t0 WHERE id = 777'), [['name of row 777']]);
            const first = Number(process.hrtime.bigint() - started) / 1e6;
            const cpu = server.cpuSeconds();
            console.log(`# after ${kill ? 'kill -9' : 'a clean stop'}: listening after ${listening.toFixed(0)} ms, first row after ${first.toFixed(0)} ms, ${cpu} s of processor time, ${(server.rss() / 1048576).toFixed(0)} MiB resident`);
            assert.ok(preset !== 'release' || cpu < LIMIT_S, `${cpu} s`);
        }
        assert.strictEqual(await server.root.value('SELECT count(*) FROM app.t0'), String(ROWS));
        assert.strictEqual(await server.root.value("SELECT count(*) FROM system.tables WHERE namespace_id = 'app'"), String(TABLES));
    } finally {
        await server.stop();
    }
});

test('an idle server is small', async () => {
    const server = await startServer();
    try {
        const { root } = await server.setUp();
        assert.strictEqual(await root.value('SELECT 1 AS n'), '1');
        await root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1); SELECT * FROM app.t');
        const rss = server.rss();
        console.log(`# ${(rss / 1048576).toFixed(1)} MiB resident`);
        assert.ok(preset !== 'release' || rss < 2 * IDLE_LIMIT, `${rss}`);
    } finally {
        await server.stop();
    }
});
