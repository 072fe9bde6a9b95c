// streaming.test.js - answers of any size take bounded memory, a client that stops reading holds nobody up, and configured
// caps cut results visibly.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const http = require('node:http');
const { startServer, useServer, sanitized, slowness } = require('../lib/server.js');
const { insertNumbers } = require('../lib/rows.js');

const ROWS = sanitized ? 100000 : 1000000;
const MIB = 1024 * 1024;

const server = useServer(test, { options: { 'server.workers': 4, 'performance.stalled_client_timeout': 2, 'execution.handler_timeout_seconds': 600 } });
let root;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.big (id INT PRIMARY KEY, name TEXT, n BIGINT)');
    await insertNumbers(root, 'app.big', ROWS, "i, 'name of row ' || i, i * 1000");
});

// Sends a statement and hands the response on as it begins.
function open(sql, client = root) {
    return new Promise((resolve, reject) => {
        const body = JSON.stringify({ sql });
        const request = http.request({ host: '127.0.0.1', port: server.port, method: 'POST', path: '/v1/api/sql', agent: false, headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, resolve);
        request.on('error', reject);
        request.end(body);
    });
}

// Reads to the end without keeping it: {bytes, rows, head, tail}.
async function drain(response) {
    let bytes = 0;
    let opening = 0;
    let head = '';
    let tail = '';
    for await (const part of response) {
        bytes += part.length;
        head = head.length < 2000 ? head + part.toString() : head;
        tail = (tail + part.toString().slice(-2000)).slice(-2000);
        for (const byte of part) {
            opening += byte === 0x5b ? 1 : 0;
        }
    }
    return { bytes, opening, head, tail };
}

test(`SELECT * of ${ROWS} rows streams in bounded memory`, async () => {
    assert.strictEqual(await root.value('SELECT count(*) FROM app.big'), String(ROWS));
    await drain(await open('SELECT * FROM app.big LIMIT 1000'));
    const before = server.rss();
    server.resetPeak();
    const response = await open('SELECT * FROM app.big');
    assert.strictEqual(response.statusCode, 200);
    const { bytes, tail, opening } = await drain(response);
    const growth = server.peakRss() - before;
    assert.match(tail, new RegExp(`"row_count":${ROWS}\\b`));
    assert.ok(tail.endsWith('}'), tail.slice(-50));
    assert.ok(opening >= ROWS, `${opening} rows`);
    assert.ok(bytes > ROWS * 40, `${bytes} bytes`);
    console.log(`# ${(bytes / MIB).toFixed(0)} MiB sent, resident memory grew by ${(growth / MIB).toFixed(1)} MiB at most`);
    assert.ok(sanitized || growth < 64 * MIB, `${(growth / MIB).toFixed(1)} MiB`);
});

test('the whole of it is valid JSON, with every row once', async () => {
    const result = await root.sql(`SELECT id, n FROM app.big WHERE id < 100000`);
    assert.strictEqual(result.row_count, 100000);
    result.rows.forEach(([id, n], i) => {
        if (id !== i || n !== String(i * 1000)) {
            assert.fail(`row ${i} is ${id}, ${n}`);
        }
    });
});

test('four large answers at once', async () => {
    const before = server.rss();
    server.resetPeak();
    const answers = await Promise.all(Array.from({ length: 4 }, async () => drain(await open('SELECT * FROM app.big ORDER BY id'))));
    const growth = server.peakRss() - before;
    answers.forEach(({ tail }) => assert.match(tail, new RegExp(`"row_count":${ROWS}\\b`)));
    console.log(`# resident memory grew by ${(growth / MIB).toFixed(1)} MiB at most`);
});

test('a client that stops reading does not hold a worker for ever', async () => {
    // One stalled client for each of the four workers: until the server gives up on them nothing else runs.
    const stalled = await Promise.all(Array.from({ length: 4 }, () => open('SELECT * FROM app.big')));
    const ended = stalled.map((response) => new Promise((resolve) => {
        response.pause();
        response.on('close', resolve);
        response.on('error', () => {});
    }));
    const started = Date.now();
    // This needs a worker: the net thread itself takes only what begins with SELECT.
    assert.strictEqual(await root.value('WITH few AS (SELECT * FROM app.big WHERE id < 10) SELECT count(*) FROM few'), '10');
    const waited = Date.now() - started;
    assert.ok(waited < 60000 * slowness, `${waited} ms`);
    // Whoever was given up on sees the connection go without the end of the answer; the others may still read theirs.
    const rests = await Promise.all(stalled.map((response) => drain(response).then(({ tail }) => tail, (error) => error)));
    const cut = rests.filter((rest) => rest instanceof Error || !rest.includes('"row_count"'));
    assert.ok(cut.length > 0, 'one at least was given up on');
    await Promise.all(ended);
    assert.strictEqual(await root.value('SELECT 1 AS n'), '1');
});

test('a client that reads slowly but steadily gets everything', async () => {
    const response = await open(`SELECT * FROM app.big WHERE id < 200000`);
    let read = 0;
    let tail = '';
    for await (const part of response) {
        read += part.length;
        tail = (tail + part).slice(-500);
        await new Promise((resolve) => { setImmediate(resolve); });
    }
    assert.ok(read > 0);
    assert.match(tail, new RegExp(`"row_count":${Math.min(200000, ROWS)}\\b`));
});

test('clients that leave in the middle of an answer free their workers', async () => {
    for (let i = 0; i < 12; i++) {
        const response = await open('SELECT * FROM app.big');
        await new Promise((resolve) => { response.once('data', resolve); });
        response.destroy();
    }
    assert.strictEqual(await root.value('SELECT count(*) FROM app.big WHERE id < 10'), '10');
});

test('an error in the middle of an answer is not taken for its end', async () => {
    const response = await open(`SELECT id, name, 1000 / (${ROWS - 10} - id) AS x FROM app.big`);
    if (response.statusCode === 400) {
        const { head } = await drain(response);
        assert.match(head, /division by zero/);
    } else {
        const rest = await drain(response).then(({ tail }) => tail, (error) => error);
        assert.ok(rest instanceof Error || !/"status":"success"\}?$|"took":[\d.]+\}$/.test(rest), String(rest).slice(-300));
    }
    assert.strictEqual(await root.value('SELECT 1 AS n'), '1');
});

test('wide rows and large cells', async () => {
    await root.sql('CREATE SHARED TABLE app.cells (id INT PRIMARY KEY, t TEXT)');
    for (let i = 0; i < 20; i++) {
        await root.sql('INSERT INTO app.cells VALUES ($1, repeat($2, 2000))', [i, 'x'.repeat(1000)]);
    }
    const before = server.rss();
    server.resetPeak();
    const { bytes } = await drain(await open('SELECT * FROM app.cells'));
    assert.ok(bytes > 20 * 2000000);
    console.log(`# ${(bytes / MIB).toFixed(0)} MiB in 20 rows, resident memory grew by ${((server.peakRss() - before) / MIB).toFixed(1)} MiB at most`);
});

test('one value may not take all memory', async () => {
    for (const expression of ["repeat('x', 2000000000)", "lpad('x', 2000000000, 'y')", "rpad('x', 2000000000, 'y')", "repeat(repeat('x', 40000), 40000)", "replace(repeat('x', 1000000), 'x', repeat('y', 1000))"]) {
        const before = server.rss();
        server.resetPeak();
        const response = await open(`SELECT ${expression} AS t`);
        await drain(response);
        assert.strictEqual(response.statusCode, 400, expression);
        const growth = server.peakRss() - before;
        assert.ok(sanitized || growth < 512 * MIB, `${expression}: ${(growth / MIB).toFixed(0)} MiB`);
    }
});

test('configured caps cut the outermost result, and say so', async () => {
    const capped = await startServer({ options: { 'limits.default_query_limit': 50, 'limits.max_query_limit': 100 } });
    try {
        const { root: client } = await capped.setUp();
        await client.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY)');
        await client.sql(`INSERT INTO app.t VALUES ${Array.from({ length: 500 }, (_, i) => `(${i})`).join()}`);
        const cases = [
            ['SELECT id FROM app.t', 50, true],
            ['SELECT id FROM app.t WHERE id < 50', 50, false],
            ['SELECT id FROM app.t LIMIT 70', 70, false],
            ['SELECT id FROM app.t LIMIT 100', 100, false],
            ['SELECT id FROM app.t LIMIT 200', 100, true],
            ['SELECT id FROM (SELECT id FROM app.t LIMIT 400) x', 50, true],
            ['SELECT count(*) FROM (SELECT id FROM app.t) x', 1, false],
            ['SELECT id FROM app.t UNION ALL SELECT id FROM app.t', 50, true],
        ];
        for (const [sql, count, truncated] of cases) {
            const result = await client.sql(sql);
            assert.strictEqual(result.row_count, count, sql);
            assert.strictEqual(result.rows.length, count, sql);
            assert.strictEqual(result.truncated ?? false, truncated, sql);
        }
        assert.strictEqual(await client.value('SELECT count(*) FROM app.t'), '500');
        assert.strictEqual((await client.sql('INSERT INTO app.t SELECT id + 1000 FROM app.t')).row_count, 500, 'not of what is written');
    } finally {
        await capped.stop();
    }
});

test('a cap on bytes', async () => {
    const capped = await startServer({ options: { 'limits.max_result_bytes': 100000 } });
    try {
        const { root: client } = await capped.setUp();
        assert.strictEqual((await client.sqlRaw("SELECT repeat('x', 50000) AS t")).status, 200);
        const error = await client.fails("SELECT repeat('x', 500000) AS t");
        assert.strictEqual(error.status, 400);
        assert.match(error.text, /max_result_bytes/);
    } finally {
        await capped.stop();
    }
});
