// bounds.test.js - statements made to hold a worker, the planner or the memory: each is answered within seconds, by its
// result or by an error that says why, and the same worker runs the next one. The servers have one worker, so that any
// that hangs or stays broken is noticed.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const { startServer, useServer, slowness, sanitized } = require('../lib/server.js');

const ROWS = 1000;
const ANSWER_MS = 30000 * slowness; // a tenth of that would do where nothing else runs
const LIMIT_S = 2 * slowness;
const server = useServer(test, { options: { 'server.workers': 1, 'execution.handler_timeout_seconds': 300 } });
const hasty = useServer(test, { options: { 'server.workers': 1, 'execution.handler_timeout_seconds': LIMIT_S } });
let root;

test.before(async () => {
    await Promise.all([server.ready, hasty.ready]);
    root = server.root;
    await Promise.all([fill(root), fill(hasty.root)]);
});

async function fill(client) {
    await client.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, n BIGINT)');
    await client.sql(`INSERT INTO app.t VALUES ${times(ROWS, (i) => `(${i}, ${i % 100})`).join()}`);
}

const times = (n, f) => Array.from({ length: n }, (_, i) => f(i));
const nest = (depth, f, x) => times(depth, (i) => i).reduce((inner, i) => f(inner, i), x);

async function answer(sql, client = root) {
    const start = Date.now();
    const result = await client.sqlRaw(sql);
    assert.ok(Date.now() - start < ANSWER_MS, `answered after ${Date.now() - start} ms`);
    assert.strictEqual(await client.value('SELECT count(*) AS n FROM app.t'), String(ROWS), 'the next statement');
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
    'many computed items': [`SELECT count(*) FROM app.t WHERE n IN (${times(20000, (i) => `n + ${i}.5`).join()})`, /too many values for each row/],
    'many calls': [`SELECT count(concat(${times(5000, (i) => `md5(n || '${i}')`).join()})) FROM generate_series(1, 5000) AS s(n)`, /too many values for each row/],
    'comparing long texts': ["SELECT levenshtein(repeat('a', 100000), repeat('b', 100000))", /comparing the texts would take too long/],
    'long patterns': ["SELECT count(*) FROM generate_series(1, 100) AS s(i) WHERE repeat('x,', 50000) || i ~ (repeat('x?', 50000) || i)", /searching would take too long/],
    'long rewrites': ["SELECT length(regexp_replace(repeat('x', 1000000), 'x', repeat('y', 1000000), 'g'))", /more than 256 MiB/],
    'LIKE of much': ["SELECT repeat('a', 10000000) LIKE '%_' || repeat('a_', 500000) || 'b'", /LIKE would take too long/],
    'LIKE of long parts': ["SELECT repeat('a', 10000000) LIKE '%' || repeat('a', 100000) || '_b'", /LIKE would take too long/],
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
    'many literals': `SELECT count(*) FROM app.t WHERE n NOT IN (${times(20000, (i) => `-${i}`).join()})`,
    'many computed items': `SELECT count(*) FROM app.t WHERE n IN (${times(5000, (i) => `n + ${i}`).join()})`,
    'many computed rows': `SELECT count(*) FROM (VALUES ${times(20000, (i) => `(abs(${i}))`).join()}) v(x)`,
    'LIKE with many wildcards': "SELECT count(*) FROM generate_series(1, 5000) AS s(i) WHERE repeat('a', 300) || i LIKE '%a_%a_%a_%a_%b'",
    'ILIKE with many wildcards': "SELECT count(*) FROM generate_series(1, 5000) AS s(i) WHERE repeat('a', 300) || i ILIKE '%a%a%a%a%a%b'",
    'LIKE over large texts': "SELECT count(*) FROM generate_series(1, 2000) AS s(i) WHERE repeat('a', 10000) || i LIKE '%_x%'",
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
        const ended = await answer(sql, hasty.root);
        assert.strictEqual(ended.status, 400, ended.text.slice(0, 300));
        assert.match(ended.json.error.message, new RegExp(`Handler execution timeout: exceeded ${LIMIT_S}s|needs more memory`));
    });
}

// ---- memory ----

const MIB = 1 << 20;
const MEMORY = { 'server.workers': 1, 'execution.handler_timeout_seconds': 300, 'engine.memory_limit': 64 * MIB, 'engine.max_spill_bytes': 32 * MIB };

const HUNGRY = {
    'a sort': 'SELECT x, repeat(\'y\', 100) AS y FROM generate_series(1, 5000000) s(x) ORDER BY x % 1000, y OFFSET 4999999',
    'a hash join': 'SELECT count(*) FROM generate_series(1, 8000000) a(x) JOIN (SELECT x, repeat(\'y\', 100) || x AS y FROM generate_series(1, 8000000) s(x)) b ON a.x = b.x WHERE b.y <> \'\'',
    'groups': 'SELECT count(*) FROM (SELECT repeat(\'y\', 100) || x AS y, count(*) FROM generate_series(1, 8000000) s(x) GROUP BY y) g',
    'string_agg': 'SELECT length(string_agg(repeat(\'y\', 1000), \',\')) FROM generate_series(1, 5000000) s(x)',
    'a list': 'SELECT length(array_agg(x)) FROM generate_series(1, 50000000) s(x)',
    'states of an aggregate': 'SELECT mode(x) FROM generate_series(1, 1000000000) s(x)',
    'a histogram': 'SELECT length(CAST(histogram(x) AS TEXT)) FROM generate_series(1, 1000000000) s(x)',
    'values of a function': "SELECT sum(octet_length(b || b)) FROM (SELECT CAST(repeat('x', 300000) || x AS BYTES) AS b FROM generate_series(1, 2048) s(x)) q",
    'texts that double': `SELECT length(x) FROM ${nest(40, (from, i) => `(SELECT x || x AS x FROM ${from}) q${i}`, '(SELECT repeat(\'y\', 1000) AS x) q')}`,
    'texts that concat() doubles': `SELECT length(x) FROM ${nest(40, (from, i) => `(SELECT concat(x, NULL, x) AS x FROM ${from}) q${i}`, '(SELECT repeat(\'y\', 1000) AS x) q')}`,
    'texts that concat_ws() doubles': `SELECT length(x) FROM ${nest(40, (from, i) => `(SELECT concat_ws('-', x, x) AS x FROM ${from}) q${i}`, '(SELECT repeat(\'y\', 1000) AS x) q')}`,
};

test('statements that need too much memory are refused, and give it back', async (t) => {
    const small = await startServer({ options: MEMORY });
    try {
        const { root: client } = await small.setUp();
        const resident = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${small.child.pid}/status`, 'utf8'))[1]) / 1024;
        await client.value('SELECT 1 AS n');
        const before = resident();
        for (const [name, sql] of Object.entries(HUNGRY)) {
            await t.test(name, async () => {
                const refused = await client.sqlRaw(sql);
                assert.strictEqual(refused.status, 400, refused.text.slice(0, 300));
                assert.match(refused.json.error.message, /more memory|more than 64 MiB|more than 256 MiB|disk/);
                assert.strictEqual(await client.value('SELECT 1 AS n'), '1');
            });
            t.diagnostic(`${name}: ${Math.round(resident())} MiB resident, ${Math.round(before)} at first`);
        }
        // It is tried again until it has come back, or for some seconds: less than 64 MiB are not worth it.
        const until = Date.now() + 3 * ANSWER_MS;
        while (!sanitized && resident() > before + 80) {
            assert.ok(Date.now() < until, `${resident()} MiB resident, ${before} at first`);
            await new Promise((done) => setTimeout(done, 20));
        }
    } finally {
        await small.stop();
    }
});

test('texts are joined as ever', async () => {
    assert.deepStrictEqual(await root.rows("SELECT 'a' || 1 || NULL AS a, concat('a', NULL, 1, TRUE) AS b, concat_ws('-', 'a', NULL, 2) AS c, concat_ws(NULL, 'a') AS d, concat(NULL) AS e"),
        [[null, 'a1true', 'a-2', null, '']]);
    assert.strictEqual(await root.value('SELECT count(*) AS n FROM app.t WHERE n || \'\' || id = \'77\''), '1');
    assert.strictEqual(await root.value('SELECT max(CAST(id AS TEXT) || n) AS m FROM app.t a WHERE id IN (SELECT b.id FROM app.t b WHERE b.n || $1 = \'7x\')', ['x']), '907' + '7');
});

test('large statements', async () => {
    const half = 'x'.repeat(512 << 10);
    const lengths = await root.sqlRaw(`SELECT ${times(15, (i) => `length($${i + 1})`).join(' + ')} AS n`, times(15, () => half));
    assert.strictEqual(lengths.status, 200, lengths.text.slice(0, 300));
    assert.strictEqual(await root.value(`SELECT length('${'x'.repeat(1000000)}') AS n`), '1000000');
    const fifty = await root.sqlRaw(`SELECT ${times(50, (i) => `length($${i + 1})`).join(' + ')} AS n`, times(50, () => half));
    assert.strictEqual(fifty.status, 413, fifty.text.slice(0, 300));
    const list = await answer(`SELECT count(*) FROM app.t WHERE id IN (${times(20000, (i) => i).join()})`);
    assert.strictEqual(list.status, 200, list.text.slice(0, 300));
});
