// overload.test.js - more work than the server takes: clients get 503 with Retry-After at once, what was acknowledged is
// there, and when the load is gone everything is as before.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const net = require('node:net');
const { startServer, useServer, within, slowness } = require('../lib/server.js');

const server = useServer(test, { options: { 'server.workers': 1, 'server.queue_length': 4 } });
let root;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.n (id INT PRIMARY KEY, t TEXT)');
});

const COUNT = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT count(*) FROM n';

// A plain INSERT of values runs on the net thread and would never meet the queue.
const FOR_A_WORKER = 'INSERT INTO app.n SELECT $1::INT, $2::TEXT';

test('a full queue answers 503 with Retry-After, and nothing acknowledged is lost', async () => {
    const slow = Array.from({ length: 3 }, () => root.sqlRaw(COUNT));
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => root.sqlRaw(FOR_A_WORKER, [i, 'x'])));
    const counts = new Map();
    for (const answer of answers) {
        counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
        assert.ok(answer.status === 200 || answer.status === 503, `${answer.status} ${answer.text}`);
        if (answer.status === 503) {
            assert.match(answer.headers['retry-after'], /^\d+$/);
            assert.strictEqual(answer.json.status, 'error');
            assert.strictEqual(typeof answer.json.error.code, 'string');
            assert.strictEqual(typeof answer.json.error.message, 'string');
        }
    }
    (await Promise.all(slow)).forEach((answer) => assert.ok([200, 503].includes(answer.status), answer.text));
    assert.ok(counts.get(503) > 0, `some are refused: ${JSON.stringify([...counts])}`);
    const there = new Set((await root.rows('SELECT id FROM app.n')).flat());
    const acknowledged = answers.map((answer, i) => (answer.status === 200 ? i : -1)).filter((i) => i >= 0);
    assert.deepStrictEqual([...there].sort((a, b) => a - b), acknowledged, 'exactly the acknowledged rows');
});

test('other routes answer meanwhile', async () => {
    const slow = Array.from({ length: 5 }, () => root.sqlRaw(COUNT));
    const health = await Promise.all(Array.from({ length: 20 }, () => server.client().get('/health')));
    health.forEach((answer) => assert.strictEqual(answer.status, 200));
    assert.strictEqual((await root.get('/v1/api/auth/me')).status, 200);
    await Promise.all(slow);
});

test('retrying gets everything done', async () => {
    const insert = async (id) => {
        for (;;) {
            const answer = await root.sqlRaw('INSERT INTO app.n VALUES ($1, $2)', [id, 'retried']);
            if (answer.status === 200) {
                return;
            }
            assert.strictEqual(answer.status, 503, answer.text);
        }
    };
    await Promise.all(Array.from({ length: 100 }, (_, i) => insert(10000 + i)));
    assert.strictEqual(await root.value("SELECT count(*) FROM app.n WHERE t = 'retried'"), '100');
});

test('after the storm everything runs', async () => {
    for (let i = 0; i < 20; i++) {
        assert.strictEqual((await root.sql('UPDATE app.n SET t = $1 WHERE id = 10000', [`turn ${i}`])).row_count, 1);
    }
});

test('connections over the limit are refused, those within it go on', async () => {
    const small = await startServer({ options: { 'performance.max_connections': 10 } });
    try {
        const { root: client } = await small.setUp();
        const answers = await Promise.all(Array.from({ length: 40 }, () => client.sqlRaw('SELECT 1 AS n').then((answer) => answer.status, (error) => error.code)));
        assert.ok(answers.includes(200), answers.join());
        assert.ok(answers.every((answer) => [200, 503, 'ECONNRESET', 'EPIPE'].includes(answer)), answers.join());
        assert.ok(answers.some((answer) => answer !== 200), 'some are refused');
        client.close();
        const later = small.client(client.token);
        for (let tries = 0; ; tries++) {
            const answer = await later.sqlRaw('SELECT 1 AS n').catch(() => null);
            if (answer?.status === 200) {
                break;
            }
            assert.ok(tries < 1000, 'places are free again');
        }
    } finally {
        await small.stop();
    }
});

test('many sign-ins at once neither block statements nor get lost', async () => {
    const busy = await startServer({ options: { 'auth.bcrypt_cost': 10 } });
    try {
        const { root: client } = await busy.setUp();
        const signIns = Promise.all(Array.from({ length: 30 }, () => client.with(null).post('/v1/api/auth/login', { user: 'admin', password: 'correct horse battery' })));
        let done = false;
        signIns.then(() => { done = true; });
        let answered = 0;
        while (!done) {
            assert.strictEqual(await client.value('SELECT 1 AS n'), '1');
            answered += 1;
        }
        (await signIns).forEach((answer) => assert.ok([200, 503].includes(answer.status), answer.text));
        assert.ok(answered > 10, `${answered} statements meanwhile`);
    } finally {
        await busy.stop();
    }
});

test('clients that do not finish a request, or say nothing more, are cut off', async () => {
    const strict = await startServer({ options: { 'performance.request_timeout': 1, 'performance.keepalive_timeout': 1 } });
    try {
        const { root: client } = await strict.setUp();
        // What a connection that sends `bytes` and then nothing got until the server closed it.
        const patience = (bytes) => within(60000 * slowness, 'the server closes', new Promise((resolve, reject) => {
            const socket = net.connect(strict.port, '127.0.0.1', () => socket.write(bytes));
            let got = '';
            socket.on('data', (part) => { got += part; });
            socket.on('error', (error) => (error.code === 'ECONNRESET' ? resolve(got) : reject(error)));
            socket.on('end', () => socket.end());
            socket.on('close', () => resolve(got));
        }));
        const cases = { 'half a line': 'GET /hea', 'half a head': 'GET /health HTTP/1.1\r\nHost: x\r\n', 'half a body': `POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\nContent-Length: 100\r\n\r\n{"sql":`, nothing: '', 'a whole request': 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n' };
        const answers = await Promise.all(Object.values(cases).map(patience));
        const [line, head, body, nothing, whole] = answers;
        for (const answer of [line, head, body, nothing]) {
            assert.ok(answer === '' || /^HTTP\/1\.1 4\d\d/.test(answer), answer);
        }
        assert.match(whole, /^HTTP\/1\.1 200/, 'answered, and closed when idle');
        assert.strictEqual(await strict.client(client.token).value('SELECT 1 AS n'), '1');
    } finally {
        await strict.stop();
    }
});

test('a slow statement of one user does not keep others waiting for ever', async () => {
    const few = await startServer({ options: { 'server.workers': 2, 'execution.handler_timeout_seconds': 2 * slowness } });
    try {
        const { root: client } = await few.setUp();
        const endless = Array.from({ length: 4 }, () => client.sqlRaw('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT (i + 1) % 1000 FROM n) SELECT count(*) FROM n'));
        assert.strictEqual(await client.value('SELECT 1 AS n'), '1');
        for (const answer of await Promise.all(endless)) {
            assert.strictEqual(answer.status, 400, answer.text);
            assert.match(answer.json.error.message, /Handler execution timeout: exceeded \d+s/);
        }
    } finally {
        await few.stop();
    }
});
