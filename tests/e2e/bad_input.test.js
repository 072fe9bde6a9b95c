// bad_input.test.js - whatever comes in, the answer is a clear 4xx that says what is wrong and where, and the server goes on.
// After every request here the server is asked for something ordinary.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const net = require('node:net');
const { useServer } = require('../lib/server.js');

const server = useServer(test);
let root;
let alice;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.results(`CREATE NAMESPACE app;
        CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT NOT NULL, small SMALLINT, created DATE);
        CREATE SHARED TABLE app.products (sku TEXT PRIMARY KEY, name TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')`);
    alice = await server.createUser('alice');
    await alice.sql("INSERT INTO app.notes (id, title) VALUES (1, 'one')");
    await root.sql("INSERT INTO app.notes (id, title, small) VALUES (1, 'one', 1)");
});

async function assertAlive() {
    assert.deepStrictEqual(await alice.rows('SELECT id, title FROM app.notes'), [[1, 'one']]);
}

// ---- bodies ----

const BODIES = {
    'no body': '',
    'not JSON': 'SELECT 1',
    'cut off': '{"sql":"SELECT 1',
    'a number': '5',
    'an array': '["SELECT 1"]',
    'two values': '{"sql":"SELECT 1"}{"sql":"SELECT 1"}',
    'a trailing comma': '{"sql":"SELECT 1",}',
    'single quotes': "{'sql':'SELECT 1'}",
    'no sql': '{"query":"SELECT 1"}',
    'sql is a number': '{"sql":1}',
    'sql is a list': '{"sql":["SELECT 1"]}',
    'params are text': '{"sql":"SELECT $1","params":"1"}',
    'params are an object': '{"sql":"SELECT $1","params":{"1":1}}',
    'invalid UTF-8 in the text': Buffer.concat([Buffer.from('{"sql":"SELECT \''), Buffer.from([0xff, 0xfe]), Buffer.from('\'"}')]),
    'an overlong encoding': Buffer.concat([Buffer.from('{"sql":"SELECT \''), Buffer.from([0xc0, 0xaf]), Buffer.from('\'"}')]),
    'a lone surrogate escape': '{"sql":"SELECT \'\\ud800\'"}',
    'a NUL': '{"sql":"SELECT \\u0000 1"}',
    'a bad escape': '{"sql":"SELECT \'\\x\'"}',
    'UTF-16': Buffer.from('\ufeff{"sql":"SELECT 1"}', 'utf16le'),
    'deep nesting': '['.repeat(100000),
    'deep nesting in params': `{"sql":"SELECT 1","params":${'['.repeat(50000)}${']'.repeat(50000)}}`,
    'a number of a million digits': `{"sql":"SELECT $1","params":[${'9'.repeat(1000000)}]}`,
    'binary': Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 256)),
};

for (const [name, body] of Object.entries(BODIES)) {
    test(`body: ${name}`, async () => {
        const answer = await alice.post('/v1/api/sql', body);
        assert.strictEqual(answer.status, 400, answer.text.slice(0, 300));
        assert.ok(['INVALID_INPUT', 'INVALID_PARAMETER', 'INVALID_SQL'].includes(answer.json.error.code), answer.text);
        assert.ok(answer.json.error.message.length > 5 && answer.json.error.message.length < 2000);
        await assertAlive();
    });
}

test('a body over the limit', async () => {
    const answer = await alice.post('/v1/api/sql', `{"sql":"SELECT '${'x'.repeat(10485760)}'"}`);
    assert.strictEqual(answer.status, 413, answer.text.slice(0, 200));
    await assertAlive();
});

test('other content types and none', async () => {
    for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded']) {
        const answer = await alice.post('/v1/api/sql', '<sql/>', { headers: { 'content-type': type } });
        assert.ok(answer.status >= 400 && answer.status < 500, `${type}: ${answer.status}`);
    }
    await assertAlive();
});

// ---- HTTP itself ----

// Sends bytes, closes its side, and resolves with what came back.
function raw(bytes) {
    return new Promise((resolve, reject) => {
        const socket = net.connect(server.port, '127.0.0.1', () => socket.end(bytes));
        const parts = [];
        socket.on('data', (part) => parts.push(part));
        socket.on('error', (error) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(Buffer.concat(parts).toString()) : reject(error)));
        socket.on('close', () => resolve(Buffer.concat(parts).toString()));
    });
}

const REQUESTS = {
    nothing: '',
    garbage: Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 31) % 256)),
    'half a line': 'GET /hea',
    'no version': 'GET /health\r\n\r\n',
    'HTTP/9': 'GET /health HTTP/9.9\r\n\r\n',
    'TLS': Buffer.from('160301020001000001fc0303', 'hex'),
    'a bad header': 'GET /health HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n',
    'NUL in a header': 'GET /health HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n',
    'headers of 1 MB': `GET /health HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(1000000)}\r\n\r\n`,
    'ten thousand headers': `GET /health HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(10000)}\r\n`,
    'a path of 100 KB': `GET /${'x'.repeat(100000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    'a negative length': 'POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n',
    'a length that is no number': 'POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\nx',
    'a huge length': 'POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nx',
    'less than it says': 'POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"sql":',
    'a bad chunk': 'POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n',
    'two lengths': 'POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde',
    'length and chunks': 'POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'a path with escapes': 'GET /%00%ff%2e%2e%2f HTTP/1.1\r\nHost: x\r\n\r\n',
    'HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'an upgrade': 'GET /v1/api/sql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
};

for (const [name, bytes] of Object.entries(REQUESTS)) {
    test(`request: ${name}`, async () => {
        const answer = await raw(bytes);
        if (answer !== '') {
            const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1]);
            assert.ok((status >= 400 && status < 500) || (status === 200 && /version|upgrade|HTTP\/9|bad header|headers|NUL/.test(name)), answer.slice(0, 300));
        }
        await assertAlive();
    });
}

test('many connections that say nothing', async () => {
    const sockets = await Promise.all(Array.from({ length: 300 }, () => new Promise((resolve, reject) => {
        const socket = net.connect(server.port, '127.0.0.1', () => resolve(socket));
        socket.on('error', reject);
    })));
    await assertAlive();
    sockets.forEach((socket) => socket.destroy());
    await assertAlive();
});

test('clients that leave while their statement runs', async () => {
    for (let i = 0; i < 20; i++) {
        const stop = new AbortController();
        const asked = alice.request('POST', '/v1/api/sql', { body: { sql: 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT i FROM n' }, signal: stop.signal });
        setImmediate(() => stop.abort());
        await assert.rejects(asked, { name: 'AbortError' });
    }
    await assertAlive();
});

// ---- SQL: where it is wrong, and what was meant ----

// sql, line, column, what the message names
const PLACES = [
    ['SELEC 1', 1, 1, /SELEC/],
    ['SELECT 1 +* 2', 1, null, /./],
    ['SELECT\n  1,\n  2 FROM FROM app.notes', 3, 10, /FROM/],
    ['SELECT id\nFROM app.notes\nWHERE titel = \'x\'', 3, 7, /titel/],
    ['SELECT sku, nmae FROM app.products', 1, 13, /nmae/],
    ["SELECT 'äöü', wombat FROM app.notes", 1, 15, /wombat/],
    ['SELECT * FROM app.nots', 1, 15, /nots/],
    ['SELECT 1;\nSELECT 2;\n  SELEC 3', 3, 3, /SELEC/],
    ['SELECT 1;\nSELECT wombat FROM app.notes', 2, 8, /wombat/],
    ['CREATE TABLE app.x (\n  id INT PRIMARY KEY,\n  a WOMBAT\n)', 3, 5, /WOMBAT/i],
    ['INSERT INTO app.notes (id, titel) VALUES (1, 2)', 1, 28, /titel/],
    ['UPDATE app.notes SET titel = 1 WHERE id = 1', 1, 22, /titel/],
    ['SELECT lenght(title) FROM app.notes', 1, 8, /lenght/],
    ['SELECT pg_sleep(1)', 1, 8, /pg_sleep/],
];

for (const [sql, line, column, names] of PLACES) {
    test(`the place of the mistake: ${JSON.stringify(sql)}`, async () => {
        const error = await root.fails(sql);
        assert.strictEqual(error.status, 400);
        assert.match(error.text, names);
        const told = error.answer.json.error;
        assert.strictEqual(told.line, line, error.answer.text);
        if (column !== null) {
            assert.strictEqual(told.column, column, error.answer.text);
        }
        await assertAlive();
    });
}

const NEAREST = [
    ['SELECT titel FROM app.notes', 'title'],
    ['SELECT n.titel FROM app.notes n', 'title'],
    ['SELECT id FROM app.notes WHERE crated IS NULL', 'created'],
    ['SELECT * FROM app.note', 'notes'],
    ['SELECT * FROM app.product', 'products'],
    ['SELECT * FROM ap.notes', 'app'],
    ['INSERT INTO app.notes (id, titl) VALUES (1, 2)', 'title'],
    ['UPDATE app.notes SET tite = 1 WHERE id = 1', 'title'],
    ['DELETE FROM app.notes WHERE tittle = 1', 'title'],
    ['SELECT * FROM system.user', 'users'],
    ['DESCRIBE app.note', 'notes'],
    ['DROP TABLE app.noets', 'notes'],
];

for (const [sql, nearest] of NEAREST) {
    test(`the nearest name: ${sql}`, async () => {
        const error = await root.fails(sql);
        assert.match(error.text, new RegExp(`Did you mean.*\\b${nearest}\\b`), error.text);
    });
}

test('names that resemble nothing are not explained by others', async () => {
    for (const sql of ['SELECT xyzzyplugh FROM app.notes', 'SELECT * FROM app.xyzzyplugh']) {
        assert.ok(!/did you mean/i.test((await root.fails(sql)).text), sql);
    }
});

const VALUES = [
    ["INSERT INTO app.notes (id, title) VALUES (1, 'again')", /Primary key violation: value '1' already exists in column 'id'/],
    ["INSERT INTO app.notes (id, title) VALUES (7, 'a'), (7, 'b')", /Primary key violation: value '7' appears multiple times in the insert batch for column 'id'/],
    ['INSERT INTO app.notes (id) VALUES (2)', /NOT NULL constraint violation: column 'title' cannot be NULL \(row 1\)/],
    ["INSERT INTO app.notes (id, title, small) VALUES (2, 'x', 40000)", /small/],
    ["INSERT INTO app.notes (id, title, small) VALUES (2, 'x', 'abc')", /small/],
    ["INSERT INTO app.notes (id, title, created) VALUES (2, 'x', '2026-02-30')", /created/],
    ["INSERT INTO app.notes (id, title) VALUES (99999999999, 'x')", /id/],
    ['INSERT INTO app.notes (id, title) VALUES (1)', /./],
    ['UPDATE app.notes SET small = 40000 WHERE id = 1', /small/],
    ['UPDATE app.notes SET small = small + 1 / 0 WHERE id = 1', /division by zero/],
    ['SELECT 9223372036854775807 + 1', /./],
    ["SELECT CAST('x' AS INT)", /./],
    ["SELECT id FROM app.notes WHERE id = 'x'", /./],
];

for (const [sql, message] of VALUES) {
    test(`values: ${sql}`, async () => {
        const error = await root.fails(sql);
        assert.strictEqual(error.status, 400);
        assert.match(error.text, message);
        await assertAlive();
    });
}

test('users are told what does not fit, too', async () => {
    for (const sql of ["INSERT INTO app.notes (id, title, small) VALUES (2, 'x', 40000)", 'UPDATE app.notes SET small = 40000 WHERE id = 1', "INSERT INTO app.notes (id, title, created) VALUES (2, 'x', 'soon')"]) {
        assert.match((await alice.fails(sql)).text, /small|created/, sql);
    }
    await assertAlive();
});

test('NULL and other parameters wherever one may stand', async () => {
    const places = ['SELECT count($1) AS x', 'SELECT max($1) AS x', 'SELECT ($1, 1) AS x', 'SELECT ARRAY[$1] AS x', "SELECT $1::JSON -> 'a' AS x", "SELECT $1 ->> 'a' AS x", 'SELECT (SELECT $1) AS x', 'SELECT $1 AS x',
        'SELECT id FROM app.notes WHERE (id, title) < ($1, title)', 'SELECT id FROM app.notes WHERE (id, title) IN (($1, title))', 'SELECT id FROM app.notes WHERE id = $1', 'SELECT id FROM app.notes WHERE id IN ($1)', 'SELECT id FROM app.notes WHERE $1',
        'SELECT id FROM app.notes WHERE id = ANY (ARRAY[$1])', 'SELECT id FROM app.notes LIMIT $1', 'SELECT id FROM app.notes OFFSET $1', 'SELECT id FROM app.notes ORDER BY $1', 'SELECT id FROM app.notes GROUP BY id, $1', 'SELECT id FROM app.notes GROUP BY id HAVING $1',
        'SELECT CASE $1 WHEN 1 THEN 2 END AS x', 'SELECT CASE WHEN $1 THEN 2 END AS x', 'SELECT coalesce($1) AS x', 'SELECT nullif($1, $1) AS x', 'SELECT upper($1) AS x', 'SELECT abs($1) AS x', 'SELECT now() - $1 AS x', 'SELECT extract(year FROM $1) AS x', 'SELECT repeat($1, 3) AS x',
        'SELECT lag($1) OVER () AS x FROM app.notes', 'SELECT sum($1) OVER (PARTITION BY $1) AS x FROM app.notes', 'SELECT string_agg($1, $1) AS x', 'VALUES ($1)', 'SELECT * FROM (VALUES ($1)) t (a)', 'SELECT 1 UNION SELECT $1', 'WITH x AS (SELECT $1 AS a) SELECT a FROM x', 'WITH RECURSIVE n (i) AS (SELECT $1 UNION ALL SELECT i FROM n WHERE false) SELECT i FROM n',
        "SELECT $1 LIKE 'a' AS x", 'SELECT $1 IS NULL AS x', 'SELECT $1 BETWEEN $1 AND $1 AS x', 'SELECT -$1 AS x', 'SELECT NOT $1 AS x', 'SELECT $1 || $1 AS x', 'SELECT $1::UUID AS x', 'SELECT $1::BYTES AS x', 'SELECT CAST($1 AS DECIMAL(5,2)) AS x', 'SELECT INTERVAL $1 AS x',
        'INSERT INTO app.products (sku, name) SELECT $1, $1 WHERE false', 'UPDATE app.notes SET title = $1 WHERE id = $1 AND false', 'DELETE FROM app.notes WHERE title = $1 AND false', 'SELECT cosine_distance($1, $1) AS x', "SELECT json_get_str($1, 'a') AS x", 'SELECT n.id FROM app.notes n JOIN app.notes m ON n.id = $1'];
    for (const sql of places) {
        for (const value of [null, 1, 1.5, true, 'x', '', '2026-01-01', 9007199254740993n, -1, 1e308]) {
            const body = JSON.stringify({ sql, params: [typeof value === 'bigint' ? 'BIG' : value] }).replace('"BIG"', String(value));
            const answer = await root.post('/v1/api/sql', body).catch((error) => assert.fail(`${sql} [${value}]: ${error.message}`));
            assert.ok(answer.status === 200 || answer.status === 400, `${sql} [${value}]: ${answer.text}`);
            const columns = answer.json.results[0]?.schema;
            assert.ok(columns === undefined || columns.length > 0, `${sql} [${value}]: no columns: ${answer.text}`);
        }
    }
    await assertAlive();
});

test('statements that are too much', async () => {
    const cases = [
        `SELECT ${'('.repeat(5000)}1${')'.repeat(5000)}`,
        `SELECT ${'-'.repeat(1).concat('(').repeat(20000)}`,
        `SELECT ${Array(20000).fill('1').join(' + ')}`,
        `SELECT ${Array(30000).fill('1').join(', ')}`,
        `SELECT 1 WHERE ${Array(10000).fill('1 = 1').join(' OR ')}`,
        `SELECT ${'NOT '.repeat(20000)}true`,
        `SELECT ${'CASE WHEN true THEN '.repeat(2000)}1${' END'.repeat(2000)}`,
        `SELECT * FROM ${'(SELECT * FROM '.repeat(1000)}app.notes${') x'.repeat(1000)}`,
        `${'WITH x AS ('.repeat(1000)}SELECT 1${') SELECT * FROM x'.repeat(1000)}`,
        Array(3000).fill('SELECT 1').join(' UNION ALL '),
        `SELECT * FROM ${Array(300).fill('app.notes').map((name, i) => `${name} t${i}`).join(', ')}`,
        `SELECT '${'x'.repeat(900000)}' LIKE '${'%x'.repeat(1000)}y'`,
        `SELECT id FROM app.notes WHERE id IN (${Array.from({ length: 100000 }, (_, i) => i).join()})`,
        `INSERT INTO app.products (sku, ${Array.from({ length: 5000 }, (_, i) => `c${i}`).join()}) VALUES (1)`,
        Array(20000).fill('SELECT 1').join(';'),
        `CREATE TABLE app.toomany (id INT PRIMARY KEY, ${Array.from({ length: 20000 }, (_, i) => `c${i} INT`).join()})`,
    ];
    for (const sql of cases) {
        const answer = await root.sqlRaw(sql);
        assert.ok(answer.status === 200 || answer.status === 400, `${sql.slice(0, 60)}..: ${answer.status} ${answer.text.slice(0, 200)}`);
        assert.ok(answer.json !== undefined);
        await assertAlive();
    }
    assert.ok(server.alive);
});
