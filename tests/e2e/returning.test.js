// returning.test.js - RETURNING and ON CONFLICT as many clients see them, and random statements against a plain model.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer } = require('../lib/server.js');

const server = useServer(test);
let root;
let alice;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.results(`CREATE NAMESPACE app;
        CREATE SHARED TABLE app.counters (id INT PRIMARY KEY, n INT NOT NULL, hits INT NOT NULL);
        CREATE USER TABLE app.ids (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), worker INT);
        CREATE USER TABLE app.staged (k INT PRIMARY KEY, a INT, b TEXT);
        CREATE USER TABLE app.own (k INT PRIMARY KEY, a INT, b TEXT);
        CREATE SHARED TABLE app.model (k INT PRIMARY KEY, a INT, b TEXT)`);
    alice = await server.createUser('alice');
});

test('upserts of one counter by 8 clients end with the exact sum', async () => {
    const sql = 'INSERT INTO app.counters VALUES (1, $1, 1) ON CONFLICT (id) DO UPDATE SET n = counters.n + EXCLUDED.n, hits = counters.hits + 1 RETURNING n, hits, _seq';
    const seen = new Set();
    let sum = 0;
    await Promise.all(Array.from({ length: 8 }, async (_, client) => {
        for (let i = 0; i < 50; i++) {
            const add = client * 50 + i;
            sum += add;
            const result = await root.sql(sql, [add]);
            assert.strictEqual(result.row_count, 1);
            seen.add(result.rows[0][1]);
        }
    }));
    assert.deepStrictEqual(await root.rows('SELECT n, hits FROM app.counters'), [[sum, 400]]);
    assert.strictEqual(seen.size, 400, 'each saw the row as its own statement left it');
});

test('clients that insert the same keys with DO NOTHING get each key once between them', async () => {
    const given = [];
    await Promise.all(Array.from({ length: 8 }, async () => {
        for (let from = 100; from < 200; from += 10) {
            const values = Array.from({ length: 15 }, (_, i) => `(${from + i}, 0, 0)`).join();
            given.push(...await root.rows(`INSERT INTO app.counters VALUES ${values} ON CONFLICT (id) DO NOTHING RETURNING id`));
        }
    }));
    const ids = given.map(([id]) => id).sort((x, y) => x - y);
    assert.deepStrictEqual(ids, Array.from({ length: 105 }, (_, i) => 100 + i));
});

test('generated keys that RETURNING tells are unique, and are the rows that are there', async () => {
    const given = (await Promise.all(Array.from({ length: 40 }, (_, i) => alice.rows(`INSERT INTO app.ids (worker) VALUES (${i}), (${i}), (${i}) RETURNING id`)))).flat(2);
    assert.strictEqual(new Set(given).size, 120);
    const stored = (await alice.rows('SELECT id FROM app.ids')).flat();
    assert.deepStrictEqual([...given].sort(), [...stored].sort());
});

// ---- a plain model ----

// Numbers below `n`, the same in every run with the seed.
function random(seed) {
    let state = seed;
    return (n) => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        return (state >>> 8) % n;
    };
}

const text = (value) => (value === null ? 'NULL' : typeof value === 'string' ? `'${value}'` : String(value));

class Model {
    constructor(table) {
        this.table = table;
        this.name = table.split('.')[1];
        this.rows = new Map();
    }

    row(pick) {
        return [pick(25), pick(6) === 0 ? null : pick(40) - 10, pick(4) === 0 ? null : 'abcdef'[pick(6)]];
    }

    // Each statement: its text, and what it does to the model: the rows it shows and the rows it counts, or an error.
    insert(pick) {
        const rows = Array.from({ length: 1 + pick(5) }, () => this.row(pick));
        const sql = `INSERT INTO ${this.table} VALUES ${rows.map((row) => `(${row.map(text).join()})`).join()}`;
        const repeated = new Set(rows.map(([k]) => k)).size < rows.length;
        const mode = pick(5);
        if (mode === 0) {
            const fails = repeated || rows.some(([k]) => this.rows.has(k));
            return { sql, apply: () => (fails ? { error: /Primary key violation/ } : { shown: rows, count: rows.length, put: rows }) };
        }
        if (mode === 1) {
            const taken = rows.filter(([k], i) => !this.rows.has(k) && rows.findIndex(([other]) => other === k) === i);
            return { sql: `${sql} ON CONFLICT${pick(2) ? ' (k)' : ''} DO NOTHING`, apply: () => ({ shown: taken, count: taken.length, put: taken }) };
        }
        const sets = [
            [`a = ${this.name}.a + EXCLUDED.a`, (old, row) => [old[0], old[1] === null || row[1] === null ? null : old[1] + row[1], old[2]]],
            ['b = EXCLUDED.b, a = 7', (old, row) => [old[0], 7, row[2]]],
            ['a = EXCLUDED.k, b = NULL', (old, row) => [old[0], row[0], null]],
        ][pick(3)];
        const where = [null, [`${this.name}.a < EXCLUDED.a`, (old, row) => old[1] !== null && row[1] !== null && old[1] < row[1]], [`${this.name}.b IS NOT NULL OR EXCLUDED.a = 3`, (old, row) => old[2] !== null || row[1] === 3]][pick(3)];
        return {
            sql: `${sql} ON CONFLICT (k) DO UPDATE SET ${sets[0]}${where ? ` WHERE ${where[0]}` : ''}`,
            apply: () => {
                if (repeated) {
                    return { error: /cannot affect row a second time/ };
                }
                const met = rows.map((row) => [this.rows.get(row[0]), row]).filter(([old, row]) => !old || !where || where[1](old, row));
                const put = met.map(([old, row]) => (old ? sets[1](old, row) : row));
                const changed = put.filter((row) => JSON.stringify(row) !== JSON.stringify(this.rows.get(row[0])));
                return { shown: put, count: changed.length, put };
            },
        };
    }

    update(pick) {
        const below = pick(40) - 10;
        const add = pick(5) - 2;
        const put = [...this.rows.values()].filter(([, a]) => a !== null && a < below).map(([k, a, b]) => [k, a + add, b]);
        const count = add === 0 ? 0 : put.length;
        return { sql: `UPDATE ${this.table} SET a = a + ${add} WHERE a < ${below}`, apply: () => ({ shown: put, count, put }) };
    }

    remove(pick) {
        const from = pick(25);
        const to = from + pick(4);
        const gone = [...this.rows.values()].filter(([k]) => k >= from && k < to);
        return { sql: `DELETE FROM ${this.table} WHERE k >= ${from} AND k < ${to}`, apply: () => ({ shown: gone, count: gone.length, put: [], gone }) };
    }

    take({ put, gone = [] }) {
        put.forEach((row) => this.rows.set(row[0], row));
        gone.forEach(([k]) => this.rows.delete(k));
    }

    next(pick) {
        return [this.insert, this.insert, this.insert, this.update, this.remove][pick(5)].call(this, pick);
    }
}

// In a transaction each statement meets the rows that those before it left, committed or not.
test('random statements in transactions do what a plain model does', async () => {
    const model = new Model('app.staged');
    const pick = random(23);
    for (let round = 0; round < 40; round++) {
        const undone = pick(4) === 0;
        const before = new Map(model.rows);
        const steps = [];
        while (steps.length < 6) {
            const statement = model.next(pick);
            const expected = statement.apply();
            if (!expected.error) {
                steps.push({ sql: `${statement.sql} RETURNING *`, shown: expected.shown });
                model.take(expected);
            }
        }
        const sql = ['BEGIN', ...steps.map((step) => step.sql), undone ? 'ROLLBACK' : 'COMMIT'].join(';\n');
        const results = await alice.results(sql);
        assert.strictEqual(results.length, steps.length + 2);
        steps.forEach((step, i) => assert.deepStrictEqual(byKey(results[i + 1].rows), byKey(step.shown), `${step.sql}\nin ${sql}`));
        model.rows = undone ? before : model.rows;
        assert.deepStrictEqual(await alice.rows('SELECT k, a, b FROM app.staged'), byKey([...model.rows.values()]), `after ${sql}`);
    }
});

const byKey = (rows) => [...rows].sort((x, y) => x[0] - y[0]);

for (const [kind, table] of [['USER', 'app.own'], ['SHARED', 'app.model']]) {
    test(`${kind}: random statements do what a plain model does`, async () => {
        const client = kind === 'USER' ? alice : root;
        const model = new Model(table);
        const pick = random(kind === 'USER' ? 7 : 11);
        for (let i = 0; i < 400; i++) {
            const statement = model.next(pick);
            const returning = pick(3) > 0;
            const sql = returning ? `${statement.sql} RETURNING *` : statement.sql;
            const expected = statement.apply();
            const answer = await client.sqlRaw(sql);
            if (expected.error) {
                assert.strictEqual(answer.status, 400, sql);
                assert.match(answer.json.error.message, expected.error, sql);
            } else {
                assert.strictEqual(answer.status, 200, `${sql}\n${answer.text}`);
                const [result] = answer.json.results;
                if (returning) {
                    assert.deepStrictEqual(byKey(result.rows), byKey(expected.shown), sql);
                    assert.strictEqual(result.row_count, expected.shown.length);
                } else {
                    assert.strictEqual(result.row_count, expected.count, sql);
                }
                model.take(expected);
            }
            if (i % 20 === 0 || i === 399) {
                assert.deepStrictEqual(await client.rows(`SELECT k, a, b FROM ${table}`), byKey([...model.rows.values()]), `after ${sql}`);
            }
        }
    });
}
