// type_matrix.test.js - every type x every place a value may stand: least, greatest, zero, empty, usual values and NULL go in
// and come out alike wherever they are written; what does not fit is refused everywhere, and nothing changes.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer } = require('../lib/server.js');

const server = useServer(test);
let alice;

const U = (text) => `'${text}'`;
const micros = (iso) => Date.parse(iso) * 1000;
const digits = (n) => '9'.repeat(n);

// type: [literal, what is read, the same as a parameter] in ascending order; `bad`: [literal, parameter] that fit nowhere;
// `key: false`: no primary key; `compare: false`: NULL tests only in WHERE.
const TYPES = {
    BOOLEAN: { values: [['false', false, false], ['true', true, true]], bad: [["'perhaps'", 'perhaps'], ["''", '']] },
    SMALLINT: { values: [['-32768', -32768, -32768], ['0', 0, 0], ['7', 7, '7'], ['32767', 32767, 32767]], bad: [['32768', 32768], ['-32769', -32769], ["'x'", 'x'], ["''", '']] },
    INT: { values: [['-2147483648', -2147483648, -2147483648], ['-1', -1, '-1'], ['0', 0, 0], ['2147483647', 2147483647, 2147483647]], bad: [['2147483648', 2147483648], ['-2147483649', -2147483649], ["'1x'", '1x'], ["''", '']] },
    BIGINT: {
        values: [['-9223372036854775808', '-9223372036854775808', '-9223372036854775808'], ['-9007199254740993', '-9007199254740993', '-9007199254740993'], ['0', '0', 0], ['9007199254740993', '9007199254740993', '9007199254740993'], ['9223372036854775807', '9223372036854775807', '9223372036854775807']],
        bad: [['9223372036854775808', '9223372036854775808'], ['-9223372036854775809', '-9223372036854775809'], ["'five'", 'five']],
    },
    FLOAT: { values: [['-3.4028234663852886e38', -3.4028234663852886e38, -3.4028234663852886e38], ['0', 0, 0], ['1.5', 1.5, 1.5], ['3.4028234663852886e38', 3.4028234663852886e38, 3.4028234663852886e38]], bad: [['1e39', 1e39], ["'x'", 'x'], ["''", '']], key: false },
    'DOUBLE PRECISION': { values: [['-1.7976931348623157e308', -1.7976931348623157e308, -1.7976931348623157e308], ['0', 0, 0], ['5e-324', 5e-324, 5e-324], ['0.1', 0.1, 0.1], ['1.7976931348623157e308', 1.7976931348623157e308, 1.7976931348623157e308]], bad: [["'x'", 'x'], ["''", '']], key: false },
    'DECIMAL(5,2)': { values: [['-999.99', '-999.99', '-999.99'], ['0', '0.00', 0], ['0.01', '0.01', '0.01'], ['1.50', '1.50', 1.5], ['999.99', '999.99', '999.99']], bad: [['1000', 1000], ['-1000.00', '-1000.00'], ["'x'", 'x']] },
    'DECIMAL(38,0)': { values: [[`-${digits(38)}`, `-${digits(38)}`, `-${digits(38)}`], ['0', '0', 0], [digits(38), digits(38), digits(38)]], bad: [[U(`1${'0'.repeat(38)}`), `1${'0'.repeat(38)}`], ["'x'", 'x']] },
    'DECIMAL(38,10)': { values: [[`-${digits(28)}.${digits(10)}`, `-${digits(28)}.${digits(10)}`, `-${digits(28)}.${digits(10)}`], ['0.0000000001', '0.0000000001', '0.0000000001'], [`${digits(28)}.${digits(10)}`, `${digits(28)}.${digits(10)}`, `${digits(28)}.${digits(10)}`]], bad: [[U(`1${'0'.repeat(28)}`), `1${'0'.repeat(28)}`]] },
    TEXT: { values: [["''", '', ''], ["'5'", '5', '5'], ["'a'", 'a', 'a'], ["'it''s'", "it's", "it's"], ["'é'", 'é', 'é'], ["'日本 🙂'", '日本 🙂', '日本 🙂']], bad: [] },
    JSON: { values: [['\'{"a":[1,2]}\'', '{"a":[1,2]}', '{"a":[1,2]}']], bad: [], key: false },
    BYTES: { values: [["''", [], ''], ["X'00'", [0], '\\x00'], ["'\\x00ff'", [0, 255], '\\x00ff'], ["'a'", [97], 'a'], ["'é'", [195, 169], 'é']], bad: [["'\\x0g'", '\\x0g'], ["'\\x123'", '\\x123']] },
    TIMESTAMP: {
        values: [["'0001-01-01'", -62135596800000000, '0001-01-01'], ["'1969-12-31T23:59:59.999999Z'", -1, '1969-12-31T23:59:59.999999Z'], ["'1970-01-01'", 0, '1970-01-01'], ["'2026-03-08T10:00:00+02:00'", micros('2026-03-08T08:00:00Z'), '2026-03-08T10:00:00+02:00'],
            ["'2026-03-08 10:00:00.5'", micros('2026-03-08T10:00:00.500Z'), '2026-03-08 10:00:00.5'], ["'9999-12-31 23:59:59.999999'", 253402300799999999, '9999-12-31 23:59:59.999999']],
        bad: [["'2026-02-30'", '2026-02-30'], ["'10000-01-01'", '10000-01-01'], ["'soon'", 'soon'], ["''", '']],
    },
    DATETIME: { values: [["'1970-01-01'", 0, '1970-01-01'], ["'2026-03-08T10:00:00-05:30'", micros('2026-03-08T15:30:00Z'), '2026-03-08T10:00:00-05:30']], bad: [["'soon'", 'soon']] },
    DATE: { values: [["'0001-01-01'", -719162, '0001-01-01'], ["'1970-01-01'", 0, '1970-01-01'], ["'2024-02-29'", 19782, '2024-02-29'], ["'9999-12-31'", 2932896, '9999-12-31']], bad: [["'2026-02-29'", '2026-02-29'], ["'x'", 'x'], ["''", '']] },
    TIME: { values: [["'00:00:00'", 0, '00:00:00'], ["'10:30:00.5'", 37800500000, '10:30:00.5'], ["'23:59:59.999999'", 86399999999, '23:59:59.999999']], bad: [["'25:00:00'", '25:00:00'], ["'x'", 'x'], ["''", '']] },
    UUID: {
        values: [["'00000000-0000-0000-0000-000000000000'", '00000000-0000-0000-0000-000000000000', '00000000000000000000000000000000'], ["'550E8400E29B41D4A716446655440000'", '550e8400-e29b-41d4-a716-446655440000', '550e8400-e29b-41d4-a716-446655440000'],
            ["'ffffffff-ffff-ffff-ffff-ffffffffffff'", 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF']],
        bad: [["'550e8400-e29b-41d4-a716-44665544000'", '550e8400-e29b-41d4-a716-44665544000'], ["''", '']],
    },
    'EMBEDDING(3)': { values: [["'[0,-1.5,1e2]'", [0, -1.5, 100], '[0,-1.5,1e2]']], bad: [["'[1,2]'", '[1,2]'], ["'[1,2,3,4]'", '[1,2,3,4]'], ["'x'", 'x']], key: false, compare: false },
};

const name = (type) => type.toLowerCase().replace(/\W+/g, '_').replace(/_$/, '');

test.before(async () => {
    await server.ready;
    await server.root.sql('CREATE NAMESPACE app');
    alice = await server.createUser('alice');
});

// Answers of bad input: the caller's fault, told in words, and never "statement failed" alone.
async function refused(sql, params) {
    const answer = await alice.sqlRaw(sql, params);
    assert.strictEqual(answer.status, 400, `${sql} ${JSON.stringify(params)}: ${answer.text.slice(0, 300)}`);
    assert.ok(['SQL_EXECUTION_ERROR', 'INVALID_SQL', 'INVALID_PARAMETER'].includes(answer.json.error.code), answer.text);
    return answer.json.error.message;
}

for (const [type, { values, bad, key = true, compare = true }] of Object.entries(TYPES)) {
    const table = `app.m_${name(type)}`;

    test(`${type}: the same wherever it is written`, async () => {
        await alice.sql(`CREATE USER TABLE ${table} (id INT PRIMARY KEY, v ${type}, w ${type})`);
        for (const [i, [literal, read, param]] of values.entries()) {
            await alice.sql(`INSERT INTO ${table} (id, v, w) VALUES (${i}, ${literal}, NULL)`);
            assert.deepStrictEqual(await alice.rows(`SELECT v, w FROM ${table} WHERE id = ${i}`), [[read, null]], `INSERT ${literal}`);
            await alice.sql(`INSERT INTO ${table} (id, v) VALUES ($1, $2)`, [i + 100, param]);
            assert.deepStrictEqual(await alice.rows(`SELECT v FROM ${table} WHERE id = $1`, [i + 100]), [[read]], `INSERT $1 = ${param}`);
            await alice.sql(`UPDATE ${table} SET w = ${literal} WHERE id = ${i}`);
            await alice.sql(`UPDATE ${table} SET w = $1 WHERE id = $2`, [param, i + 100]);
            assert.deepStrictEqual(await alice.rows(`SELECT w FROM ${table} WHERE id IN (${i}, ${i + 100})`), [[read], [read]], `UPDATE ${literal}`);
            assert.strictEqual((await alice.sql(`UPDATE ${table} SET v = ${literal}, w = $1 WHERE id = ${i}`, [param])).row_count, 0, 'equal values are no change');
            await alice.sql(`INSERT INTO ${table} (id, v) SELECT ${i + 200}, v FROM ${table} WHERE id = ${i}`);
            assert.deepStrictEqual(await alice.rows(`SELECT v FROM ${table} WHERE id = ${i + 200}`), [[read]], `INSERT .. SELECT ${literal}`);
        }
        await alice.sql(`INSERT INTO ${table} (id, v) VALUES (1000, NULL), (1001, $1)`, [null]);
        assert.deepStrictEqual(await alice.rows(`SELECT v FROM ${table} WHERE v IS NULL ORDER BY id`), [[null], [null]]);
    });

    test(`${type}: CAST`, async () => {
        for (const [literal, read, param] of values) {
            const result = await alice.sql(`SELECT CAST(${literal} AS ${type}) AS v, CAST($1 AS ${type}) AS p`, [param]);
            assert.deepStrictEqual(result.rows, [[read, read]], `CAST(${literal})`);
            const shown = (await alice.sql(`SELECT v FROM ${table} LIMIT 0`)).schema[0].data_type;
            assert.deepStrictEqual(result.schema.map((column) => column.data_type), [shown, shown], 'a cast has the type on the wire');
            assert.deepStrictEqual((await alice.sql(`SELECT s.v FROM (SELECT CAST(${literal} AS ${type}) AS v) s`)).schema[0].data_type, shown, 'through a subquery');
        }
        assert.deepStrictEqual(await alice.rows(`SELECT CAST(NULL AS ${type}) AS v`), [[null]]);
    });

    test(`${type}: what does not fit is refused in every place`, async () => {
        const before = await alice.rows(`SELECT id, v, w FROM ${table} ORDER BY id`);
        for (const [literal, param] of bad) {
            const told = [await refused(`INSERT INTO ${table} (id, v) VALUES (5000, ${literal})`), await refused(`INSERT INTO ${table} (id, v) VALUES (5000, $1)`, [param]),
                await refused(`UPDATE ${table} SET v = ${literal} WHERE id = 0`), await refused(`UPDATE ${table} SET v = $1 WHERE id = 0`, [param])];
            for (const message of told) {
                assert.match(message, /column 'v'|\$1|out of range|Invalid/i, `${literal}: ${message}`);
            }
            await refused(`SELECT CAST(${literal} AS ${type}) AS v`);
            await refused(`SELECT CAST($1 AS ${type}) AS v`, [param]);
            if (compare && literal.startsWith("'") && !/^'\d+'$/.test(literal)) {
                assert.match(await refused(`SELECT id FROM ${table} WHERE v = ${literal} AND id = -1`), /invalid input syntax for type/, 'no row is needed to see it');
                assert.match(await refused(`DELETE FROM ${table} WHERE v IN (${literal})`), /invalid input syntax for type/);
            }
        }
        assert.deepStrictEqual(await alice.rows(`SELECT id, v, w FROM ${table} ORDER BY id`), before);
    });

    if (compare) {
        test(`${type}: WHERE and ORDER BY`, async () => {
            for (const [i, [literal, , param]] of values.entries()) {
                const wanted = [[i], [i + 100], [i + 200]];
                assert.deepStrictEqual(await alice.rows(`SELECT id FROM ${table} WHERE v = ${literal} ORDER BY id`), wanted, `= ${literal}`);
                assert.deepStrictEqual(await alice.rows(`SELECT id FROM ${table} WHERE v = $1 ORDER BY id`, [param]), wanted, `= $1 with ${param}`);
                assert.deepStrictEqual(await alice.rows(`SELECT id FROM ${table} WHERE (v = ${literal}) IS TRUE ORDER BY id`), wanted, `(= ${literal}) IS TRUE`);
                const below = values.slice(0, i).map((_, at) => [at]);
                assert.deepStrictEqual(await alice.rows(`SELECT id FROM ${table} WHERE v < ${literal} AND id < 100 ORDER BY v`), below, `< ${literal}`);
            }
            const nulls = [[1000], [1001]];
            const order = values.map((_, i) => [i]);
            assert.deepStrictEqual(await alice.rows(`SELECT id FROM ${table} WHERE id < 100 OR v IS NULL ORDER BY v, id`), [...order, ...nulls], 'NULL comes last');
            assert.deepStrictEqual(await alice.rows(`SELECT id FROM ${table} WHERE id < 100 OR v IS NULL ORDER BY v DESC, id`), [...nulls, ...order.reverse()], 'and first when descending');
        });
    }

    if (key) {
        test(`${type}: as primary key`, async () => {
            const keyed = `app.k_${name(type)}`;
            await alice.sql(`CREATE USER TABLE ${keyed} (k ${type} PRIMARY KEY, n INT)`);
            for (const [i, [literal, , param]] of values.entries()) {
                await alice.sql(`INSERT INTO ${keyed} (k, n) VALUES ($1, ${i})`, [param]);
                assert.match(await refused(`INSERT INTO ${keyed} (k, n) VALUES (${literal}, ${i})`), /Primary key violation/);
            }
            assert.deepStrictEqual(await alice.rows(`SELECT k, n FROM ${keyed}`), values.map(([, read], i) => [read, i]), 'in key order');
            for (const [i, [literal, read, param]] of values.entries()) {
                assert.deepStrictEqual(await alice.rows(`SELECT k, n FROM ${keyed} WHERE k = ${literal}`), [[read, i]]);
                assert.deepStrictEqual(await alice.rows(`SELECT n FROM ${keyed} WHERE k >= $1`, [param]), values.slice(i).map((_, at) => [at + i]));
                assert.strictEqual((await alice.sql(`UPDATE ${keyed} SET n = n + 10 WHERE k = ${literal}`)).row_count, 1);
            }
            for (const [literal, param] of bad) {
                await refused(`INSERT INTO ${keyed} (k, n) VALUES (${literal}, 0)`);
                await refused(`INSERT INTO ${keyed} (k, n) VALUES ($1, 0)`, [param]);
            }
            await refused(`INSERT INTO ${keyed} (k, n) VALUES (NULL, 0)`);
            assert.strictEqual((await alice.sql(`DELETE FROM ${keyed} WHERE k IN (${values.map(([literal]) => literal).join()})`)).row_count, values.length);
            assert.deepStrictEqual(await alice.rows(`SELECT k FROM ${keyed}`), []);
        });
    }
}
