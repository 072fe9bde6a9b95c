// pushdown.test.js - a scan reads only the keys that a WHERE can match. Whatever it leaves out, the answer must be that of
// reading everything: random predicates are run as they are, and once more as `(predicate) IS TRUE`, which no scan looks into.
// KALAMDB_SEED repeats a run.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { SEED } = require('../lib/seed.js');
const { useServer, slowness } = require('../lib/server.js');

const ROUNDS = slowness > 4 ? 60 : 400;

const server = useServer(test);
let alice;

let state = SEED;
function random(below) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
}
const pick = (list) => list[random(list.length)];

const quote = (text) => `'${text.replaceAll("'", "''")}'`;
const numbers = ['-5', '-1', '0', '1', '2', '3', '7', '10', '12', '13'];
const texts = ['', 'a', 'aa', 'ab', 'b', 'B', 'é', '日本', 'a\u0001', '%', '5'];
const stamps = ['1969-12-31 23:59:59', '1970-01-01', '2026-01-01', '2026-01-01 00:00:00.000001', '2026-03-08T10:00:00Z', '2026-03-08T12:00:00+02:00', '2027-01-01'];
const uuids = ['00000000-0000-0000-0000-000000000001', '550e8400-e29b-41d4-a716-446655440000', '550E8400-E29B-41D4-A716-446655440000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];

// type: values to store (SQL), operands to compare with: SQL text, or {param}.
const TYPES = {
    INT: { values: numbers, operands: [...numbers, ...numbers.map(quote), '2.5', '3.0', '99999999999', '-99999999999', { param: 2 }, { param: 2.5 }, { param: '3' }, { param: 99999999999 }, { param: -1 }, 'NULL', '1 + 1', 'CAST(3 AS BIGINT)'] },
    SMALLINT: { values: numbers, operands: [...numbers, '40000', '-40000', '1.5', { param: 7 }, { param: 40000 }, { param: 1.5 }] },
    BIGINT: { values: [...numbers, '9223372036854775807', '-9223372036854775808'], operands: [...numbers, '9223372036854775807', '-9223372036854775808', '9223372036854775808', "'7'", { param: 10 }, { param: '9223372036854775807' }, { param: 2.5 }] },
    'DECIMAL(8,2)': { values: ['-1.50', '-0.01', '0', '0.01', '1', '1.5', '2.25', '100'], operands: ['-1.5', '1.50', '1.500', '1.505', '0', "'2.25'", '2', '100.001', { param: 1.5 }, { param: '2.25' }, { param: 1 }, '1e2', '99999999999'] },
    TEXT: { values: texts.map(quote), operands: [...texts.map(quote), { param: 'a' }, { param: '' }, { param: 'é' }, { param: 'zz' }] },
    TIMESTAMP: { values: ['1969-12-31 23:59:59', '1970-01-01', '2026-01-01', '2026-01-01 00:00:00.000001', '2026-03-08 10:00:00', '2027-01-01'].map(quote), operands: [...stamps.map(quote), ...stamps.map((stamp) => ({ param: stamp })), "TIMESTAMP '2026-01-01 00:00:00'", "DATE '2026-01-01'", "'2026-01-01'::DATE"] },
    DATE: { values: ['1969-12-31', '1970-01-01', '2026-01-01', '2026-03-08'].map(quote), operands: ["'1970-01-01'", "'2026-01-01'", "DATE '2026-03-08'", { param: '2026-01-01' }, "TIMESTAMP '2026-01-01 12:00:00'"] },
    UUID: { values: [uuids[0], uuids[1], uuids[3]].map(quote), operands: [...uuids.map(quote), ...uuids.map((uuid) => ({ param: uuid }))] },
    BOOLEAN: { values: ['true', 'false'], operands: ['true', 'false', "'true'", { param: true }, { param: false }] },
    BYTES: { values: ["X''", "X'00'", "X'0000'", "X'00ff'", "X'61'"], operands: ["X'00'", "X'61'", "'\\x00'", "'a'", { param: 'a' }, { param: '\\x00ff' }] },
};

const COLUMNS = ['k1', 'k2', 'v'];

test.before(async () => {
    await server.ready;
    const { root } = server;
    await root.sql('CREATE NAMESPACE app');
    alice = await server.createUser('alice');
    for (const [i, [type, { values }]] of Object.entries(TYPES).entries()) {
        // One column, two columns with the type first and last, and no key; the value column holds it too.
        await root.results(`CREATE USER TABLE app.one${i} (k1 ${type} PRIMARY KEY, k2 INT, v ${type});
            CREATE USER TABLE app.two${i} (k1 ${type}, k2 INT, v ${type}, PRIMARY KEY (k1, k2));
            CREATE USER TABLE app.rev${i} (k2 INT, k1 ${type}, v ${type}, PRIMARY KEY (k2, k1));
            CREATE USER TABLE app.none${i} (k1 ${type}, k2 INT, v ${type})`);
        const singles = values.map((value, at) => `(${value}, ${at % 4}, ${at % 3 === 0 ? 'NULL' : value})`).join();
        const pairs = values.flatMap((value, at) => [0, 1, 2].map((k2) => `(${value}, ${k2}, ${at % 3 === k2 ? 'NULL' : values[(at + k2) % values.length]})`)).join();
        for (const [table, rows] of [['one', singles], ['two', pairs], ['rev', pairs], ['none', pairs]]) {
            await alice.sql(`INSERT INTO app.${table}${i} (k1, k2, v) VALUES ${rows}`);
        }
        await alice.sql(`DELETE FROM app.two${i} WHERE k2 = 1 AND k1 = ${values[0]}`);
    }
});

function operand(type, params) {
    const chosen = pick(TYPES[type].operands);
    if (typeof chosen === 'string') {
        return chosen;
    }
    params.push(chosen.param);
    return `$${params.length}`;
}

function condition(type, params) {
    const column = pick(COLUMNS);
    const of = column === 'k2' ? () => pick(['0', '1', '2', "'1'", '1.5', '7']) : () => operand(type, params);
    switch (random(10)) {
        case 0: case 1: case 2: return `${column} = ${of()}`;
        case 3: return `${column} ${pick(['<', '<=', '>', '>='])} ${of()}`;
        case 4: return `${of()} ${pick(['=', '<', '>='])} ${column}`;
        case 5: return `${column} IN (${Array.from({ length: 1 + random(4) }, of).join(', ')})`;
        case 6: return `${column} BETWEEN ${of()} AND ${of()}`;
        case 7: return `${column} ${pick(['<>', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM'])} ${of()}`;
        case 8: return `${column} IS ${pick(['NULL', 'NOT NULL'])}`;
        default:
            // One per predicate: the engine makes a BETWEEN of two, which it does not have for rows.
            const operator = params.ordered ? '=' : pick(['=', '<', '>=']);
            params.ordered = true;
            return `(k1, k2) ${operator} (${operand(type, params)}, ${pick(['0', '1', '2'])})`;
    }
}

function predicate(type, params, depth = 2) {
    switch (depth === 0 ? 9 : random(6)) {
        case 0: return `(${predicate(type, params, depth - 1)} OR ${predicate(type, params, depth - 1)})`;
        case 1: return `NOT (${predicate(type, params, depth - 1)})`;
        case 2: case 3: return `${predicate(type, params, depth - 1)} AND ${predicate(type, params, depth - 1)}`;
        default: return condition(type, params);
    }
}

const shapes = [(where) => `SELECT k1, k2, v FROM TABLE WHERE ${where}`, (where) => `SELECT count(*), max(k2) FROM TABLE WHERE ${where}`, (where) => `SELECT k2, k1 FROM TABLE WHERE ${where} ORDER BY k1 DESC, k2 LIMIT 3`,
    (where) => `SELECT k1 FROM (SELECT * FROM TABLE WHERE ${where}) s ORDER BY k1`, (where) => `SELECT a.k1, a.k2 FROM TABLE a WHERE ${where} ORDER BY a.k1, a.k2`];

for (const type of Object.keys(TYPES)) {
    test(`${type}: ${ROUNDS} random predicates (seed ${SEED})`, async () => {
        let answered = 0;
        for (let round = 0; round < ROUNDS; round++) {
            const params = [];
            const where = predicate(type, params);
            const shape = pick(shapes);
            const name = pick(['one', 'two', 'rev', 'none']);
            const table = `app.${name}${Object.keys(TYPES).indexOf(type)}`;
            const [pushed, whole] = [where, `(${where}) IS TRUE`].map((text) => shape(text).replaceAll('TABLE', table));
            const sent = params.length > 0 ? params : undefined;
            const ask = (text) => alice.sqlRaw(text, sent).catch((error) => assert.fail(`${error.message}: ${text} ${JSON.stringify(params)}`));
            const [fast, slow] = [await ask(pushed), await ask(whole)];
            if (fast.status === 200 && slow.status === 200) {
                answered += 1;
                assert.deepStrictEqual(fast.json.results[0].rows, slow.json.results[0].rows, `${pushed} ${JSON.stringify(params)}`);
            } else {
                // Types that do not compare: then in both ways, unless there was nothing to compare.
                assert.ok([fast, slow].every((answer) => answer.status === 400 || answer.json.results[0].rows.length <= 1), `${pushed} ${JSON.stringify(params)}\n${fast.text.slice(0, 300)}\n${slow.text.slice(0, 300)}`);
            }
        }
        assert.ok(answered > ROUNDS / 2, `${answered} of ${ROUNDS} answered`);
    });
}

test(`UPDATE and DELETE meet the same rows (seed ${SEED})`, async () => {
    await server.root.sql('CREATE SHARED TABLE app.changing (k1 INT, k2 TEXT, n INT NOT NULL, PRIMARY KEY (k1, k2))');
    const rows = numbers.flatMap((k1) => ['a', 'b', 'é'].map((k2) => `(${k1}, '${k2}', 0)`)).join();
    for (let round = 0; round < ROUNDS / 8; round++) {
        await server.root.sql(`INSERT INTO app.changing VALUES ${rows}`);
        const where = `${pick(['k1', 'k1', 'n'])} ${pick(['=', '<', '>=', '<>'])} ${pick(numbers)} AND k2 ${pick(['=', '>', '<=', 'IN'])} (${pick(["'a'", "'b'", "'é'"])})`;
        const expected = Number(await server.root.value(`SELECT count(*) FROM app.changing WHERE (${where}) IS TRUE`));
        assert.strictEqual((await server.root.sql(`UPDATE app.changing SET n = n + 1000 WHERE ${where}`)).row_count, expected, where);
        assert.strictEqual(Number(await server.root.value('SELECT count(*) FROM app.changing WHERE n = 1000')), expected, where);
        assert.strictEqual((await server.root.sql('DELETE FROM app.changing WHERE n = 1000')).row_count, expected, where);
        assert.strictEqual((await server.root.sql('DELETE FROM app.changing WHERE k1 > -100')).row_count, numbers.length * 3 - expected, where);
    }
});
