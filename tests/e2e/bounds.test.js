// bounds.test.js - statements made to hold a worker, the planner or the memory: each is answered within seconds, by its
// result or by an error that says why, and the same worker runs the next one. The server has one worker, so that any
// that hangs or stays broken is noticed.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer, slowness } = require('../lib/server.js');

const ROWS = 1000;
const ANSWER_MS = 10000 * slowness;
const server = useServer(test, { options: { 'server.workers': 1, 'execution.handler_timeout_seconds': 2 } });
let root;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, n BIGINT)');
    await root.sql(`INSERT INTO app.t VALUES ${times(ROWS, (i) => `(${i}, ${i % 100})`).join()}`);
});

const times = (n, f) => Array.from({ length: n }, (_, i) => f(i));
const nest = (depth, f, x) => times(depth, (i) => i).reduce((inner, i) => f(inner, i), x);

async function answer(sql) {
    const start = Date.now();
    const result = await root.sqlRaw(sql);
    assert.ok(Date.now() - start < ANSWER_MS, `answered after ${Date.now() - start} ms`);
    assert.strictEqual(await root.value('SELECT count(*) AS n FROM app.t'), String(ROWS), 'the next statement');
    return result;
}

// ---- text that the engine's planner would take minutes for ----

const inCase = (depth) => `SELECT ${nest(depth, (x) => `CASE ${x} WHEN 7 THEN 1 WHEN 8 THEN 2 WHEN 9 THEN 3 END`, 'id')} FROM app.t`;
const inNullif = (depth) => `SELECT ${nest(depth, (x, i) => `NULLIF(${x}, ${i})`, 'id')} FROM app.t`;
const aliases = (n) => `SELECT id AS a0${times(n, (i) => `, a${i} + a${i} AS a${i + 1}`).join('')} FROM app.t`;
const cube = (n) => `SELECT count(*) FROM app.t GROUP BY CUBE (${times(n, (i) => `(id % 2 + ${i})`).join()})`;
const subqueries = (depth) => `SELECT ${nest(depth, (x, i) => `(SELECT max(t${i}.n) FROM app.t t${i} WHERE t${i}.id > ${x})`, '1')} AS n`;
const anys = (n) => `SELECT id FROM app.t WHERE ${times(n, (i) => `id = ANY (ARRAY[1, id + ${i}])`).join(' AND ')}`;
const conditions = (n) => `SELECT id FROM app.t WHERE ${times(n, (i) => `n + 1 = ${i + 1}`).join(' OR ')}`;

const REFUSED = {
    'CASE in CASE': [inCase(10), /CASE.*repeat/],
    'NULLIF in NULLIF': [inNullif(20), /NULLIF.*repeat/],
    'AS names of AS names': [aliases(24), /AS names repeat/],
    'a cube of many sides': [cube(15), /more than 128 grouping sets/],
    'subqueries in subqueries': [subqueries(12), /nest at most 6 deep/],
    'many ANY': [anys(300), /more than 64 subqueries/],
    'many conditions': [conditions(10000), /more than 2500 conditions/],
};

for (const [name, [sql, message]] of Object.entries(REFUSED)) {
    test(`refused: ${name}`, async () => {
        const refused = await answer(sql);
        assert.strictEqual(refused.status, 400);
        assert.match(refused.json.error.message, message);
    });
}

const SERVED = {
    'CASE in CASE': inCase(4),
    'NULLIF in NULLIF': inNullif(8),
    'AS names of AS names': aliases(6),
    'a cube': cube(3),
    'subqueries in subqueries': subqueries(5),
    'ANY': anys(20),
    'more literals than a plan has parameters': `SELECT id FROM app.t WHERE ${times(1500, (i) => `n = ${i}`).join(' OR ')}`,
    'those in a join': `SELECT count(*) FROM app.t a JOIN app.t b ON ${times(600, (i) => `(a.id = b.n AND a.n = ${i})`).join(' OR ')}`,
};

for (const [name, sql] of Object.entries(SERVED)) {
    test(`served: ${name}`, async () => {
        const served = await answer(sql);
        assert.strictEqual(served.status, 200, served.text.slice(0, 300));
    });
}

test('literals beyond the parameters of a plan count', async () => {
    const sql = (n) => `SELECT count(*) AS n FROM app.t WHERE ${times(1200, (i) => `id = ${i < 1199 ? -i : n}`).join(' OR ')} OR id = 1 OR n + n = -1`;
    assert.strictEqual(await root.value(sql(999)), '3');
    assert.strictEqual(await root.value(sql(5000)), '2');
});

// ---- executions without end ----

const ENDLESS = {
    'a cross join': 'SELECT sum(a.id * b.id + c.id * d.id) FROM app.t a, app.t b, app.t c, app.t d',
    'a cross join that is sorted': 'SELECT a.id FROM app.t a, app.t b, app.t c ORDER BY a.n * b.n + c.n DESC LIMIT 10',
    'a recursion': 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT (i + 1) % 1000 FROM n) SELECT count(*) FROM n',
    'a long series': 'SELECT sum(x % 7 * (x % 5)) FROM generate_series(1, 100000000000) s(x)',
    'a nested loop join': 'SELECT count(*) FROM app.t a JOIN app.t b ON a.n + b.n > 3 JOIN app.t c ON c.n * b.n <> a.id JOIN app.t d ON d.n + c.n < b.id',
    'windows': 'SELECT count(*) FROM (SELECT sum(a.n) OVER (ORDER BY a.id * b.id + c.id) AS s FROM app.t a, app.t b, app.t c) x',
};

for (const [name, sql] of Object.entries(ENDLESS)) {
    test(`ended: ${name}`, async () => {
        const ended = await answer(sql);
        assert.strictEqual(ended.status, 400, ended.text.slice(0, 300));
        assert.match(ended.json.error.message, /Handler execution timeout: exceeded 2s|needs more memory/);
    });
}
