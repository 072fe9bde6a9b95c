// types.test.js - every column type: what may be written, as literal and as parameter, what comes back, and what is
// refused (SQL reference section 4, wire protocol section 6).
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer } = require('../lib/server.js');

const server = useServer(test);
let root;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.sql('CREATE NAMESPACE app');
});

const micros = (iso) => Date.parse(iso) * 1000;
const DAY = 86400000000;
const days = (iso) => Date.parse(`${iso}T00:00:00Z`) / 86400000;

// type, its name on the wire, [what is written (a literal, or {param}) -> what is read], [what is refused]
const TYPES = [
    ['BOOLEAN', 'Boolean', [
        ['true', true], ['FALSE', false], ["'t'", true], ["'f'", false], ["'yes'", true], ["'no'", false], ["'1'", true], ["'0'", false], ['1', true], ['0', false],
        [{ param: true }, true], [{ param: false }, false], [{ param: 'true' }, true],
    ], ["'perhaps'", "''", { param: 'maybe' }]],
    ['SMALLINT', 'SmallInt', [
        ['0', 0], ['32767', 32767], ['-32768', -32768], ["'12'", 12], ["'-12'", -12], ['1.9', 1], ['-1.9', -1], [{ param: 7 }, 7], [{ param: '7' }, 7],
    ], ['32768', '-32769', "'32768'", "'x'", "''", "'1x'", { param: 40000 }, { param: 'x' }]],
    ['INT', 'Int', [
        ['2147483647', 2147483647], ['-2147483648', -2147483648], ["'2147483647'", 2147483647], [{ param: -5 }, -5], [{ param: 1.5 }, 1],
    ], ['2147483648', '-2147483649', "'abc'", { param: 2147483648 }, { param: 1e300 }]],
    ['BIGINT', 'BigInt', [
        ['9223372036854775807', '9223372036854775807'], ['-9223372036854775808', '-9223372036854775808'], ['5', '5'], ["'9223372036854775807'", '9223372036854775807'],
        [{ param: 9007199254740991 }, '9007199254740991'], [{ param: '9223372036854775807' }, '9223372036854775807'],
    ], ['9223372036854775808', '-9223372036854775809', "'9223372036854775808'", "'1e5x'", { param: 1e30 }]],
    ['FLOAT', 'Float', [
        ['1.5', 1.5], ['1.1', 1.100000023841858], ['-0.25', -0.25], ["'2.5'", 2.5], ['3', 3], ['1e10', 1e10], [{ param: 1.1 }, 1.100000023841858], [{ param: 3 }, 3],
    ], ["'x'", "''", '1e39']],
    ['DOUBLE', 'Double', [
        ['1.1', 1.1], ['1.7976931348623157e308', 1.7976931348623157e308], ['-5e-324', -5e-324], ['0', 0], ["'1e-7'", 1e-7], ['123456789012345680', 123456789012345680],
        [{ param: 0.1 }, 0.1], [{ param: 5 }, 5], [{ param: '1e3' }, 1000],
    ], ["'x'", '1e309', "'1.2.3'"]],
    ['DECIMAL(10,2)', { Decimal: { precision: 10, scale: 2 } }, [
        ['200.75', '200.75'], ['1', '1.00'], ['-0.5', '-0.50'], ['0', '0.00'], ["'99999999.99'", '99999999.99'], ['-99999999.99', '-99999999.99'], ["'1.5'", '1.50'],
        [{ param: 1.25 }, '1.25'], [{ param: '12345.67' }, '12345.67'], [{ param: 3 }, '3.00'],
    ], ['100000000', "'100000000.00'", "'x'", "''"]],
    ['DECIMAL(38,0)', { Decimal: { precision: 38, scale: 0 } }, [
        ["'99999999999999999999999999999999999999'", '99999999999999999999999999999999999999'], ["'-99999999999999999999999999999999999999'", '-99999999999999999999999999999999999999'], ['7', '7'],
    ], ["'100000000000000000000000000000000000000'"]],
    ['DECIMAL(38,38)', { Decimal: { precision: 38, scale: 38 } }, [
        ["'0.00000000000000000000000000000000000001'", '0.00000000000000000000000000000000000001'], ['0.5', `0.5${'0'.repeat(37)}`],
    ], ['1', "'1.0'"]],
    ['TEXT', 'Text', [
        ["'abc'", 'abc'], ["''", ''], ["'it''s'", "it's"], ["'日本語 🙂'", '日本語 🙂'], ["E'tab\\there'", 'tab\there'], ["$$dollar 'quoted'$$", "dollar 'quoted'"], ["'line\nbreak'", 'line\nbreak'], ["'back\\slash'", 'back\\slash'],
        ['5', '5'], ['true', 'true'], [{ param: '"quotes" and \\ and \u0001' }, '"quotes" and \\ and \u0001'], [{ param: 5 }, '5'], [{ param: 'x'.repeat(100000) }, 'x'.repeat(100000)],
    ], []],
    ['VARCHAR(3)', 'Text', [["'longer than three'", 'longer than three']], []],
    ['JSON', 'Json', [
        ['\'{"a": [1, 2]}\'', '{"a": [1, 2]}'], ["'null'", 'null'], ["'5'", '5'], [{ param: '{"b":1}' }, '{"b":1}'],
    ], []],
    ['BYTES', 'Bytes', [
        ["X'00ff10'", [0, 255, 16]], ["'\\x0aFF'", [10, 255]], ["'abc'", [97, 98, 99]], ["''", []], ["'é'", [195, 169]], [{ param: '\\xdead' }, [222, 173]], [{ param: 'ab' }, [97, 98]],
    ], ["'\\x0g'", "'\\x123'"]],
    ['TIMESTAMP', 'Timestamp', [
        ["'2026-03-08T10:00:00Z'", micros('2026-03-08T10:00:00Z')], ["'2026-03-08 10:00:00'", micros('2026-03-08T10:00:00Z')], ["'2026-03-08T10:00:00.123456Z'", micros('2026-03-08T10:00:00Z') + 123456],
        ["'2026-03-08T10:00:00+02:00'", micros('2026-03-08T08:00:00Z')], ["'2026-03-08T10:00:00-05:30'", micros('2026-03-08T15:30:00Z')], ["'2026-03-08'", micros('2026-03-08T00:00:00Z')],
        ["'2026-03-08 10:00'", micros('2026-03-08T10:00:00Z'), 'optional'], ["TIMESTAMP '2026-03-08 10:00:00'", micros('2026-03-08T10:00:00Z')], ['1772964000000000', 1772964000000000], ['0', 0], ['-1', -1],
        ["'1969-12-31 23:59:59.5'", -500000], ["'0001-01-01'", -62135596800000000], ["'9999-12-31 23:59:59.999999'", 253402300799999999],
        [{ param: '2026-03-08T10:00:00Z' }, micros('2026-03-08T10:00:00Z')], [{ param: 1772964000000000 }, 1772964000000000],
    ], ["'yesterday'", "'2026-02-30'", "'2026-13-01'", "'2026-01-01 25:00:00'", "''", "'2026-03-08T10:00:00+99:00'"]],
    ['DATETIME', 'DateTime', [["'2026-03-08T10:00:00+01:00'", micros('2026-03-08T09:00:00Z')], ["'2026-03-08'", micros('2026-03-08T00:00:00Z')]], ["'x'"]],
    ['DATE', 'Date', [
        ["'2026-03-08'", days('2026-03-08')], ["'1970-01-01'", 0], ["'1969-12-31'", -1], ["'0001-01-01'", -719162], ["'9999-12-31'", 2932896], ["'2024-02-29'", days('2024-02-29')], ["DATE '2026-03-08'", days('2026-03-08')],
        ['20000', 20000], [{ param: '2026-03-08' }, days('2026-03-08')], [{ param: 5 }, 5],
    ], ["'2026-02-29'", "'2026-3-'", "'x'", "''"]],
    ['TIME', 'Time', [
        ["'00:00:00'", 0], ["'23:59:59.999999'", DAY - 1], ["'10:30:00'", 37800000000], ["'10:30:00.5'", 37800500000], [{ param: '01:00:00' }, 3600000000],
    ], ["'24:00:01'", "'10:61:00'", "'x'", "''"]],
    ['UUID', 'Uuid', [
        ["'550e8400-e29b-41d4-a716-446655440000'", '550e8400-e29b-41d4-a716-446655440000'], ["'550E8400-E29B-41D4-A716-446655440000'", '550e8400-e29b-41d4-a716-446655440000'],
        ["'550e8400e29b41d4a716446655440000'", '550e8400-e29b-41d4-a716-446655440000'], ["'00000000-0000-0000-0000-000000000000'", '00000000-0000-0000-0000-000000000000'],
        [{ param: 'ffffffff-ffff-ffff-ffff-ffffffffffff' }, 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    ], ["'550e8400-e29b-41d4-a716-44665544000'", "'not a uuid'", "''", '5']],
    ['EMBEDDING(3)', { Embedding: 3 }, [
        ["'[0.5,1,2]'", [0.5, 1, 2]], ["'[ 0.5 , -1e2, 0 ]'", [0.5, -100, 0]], [{ param: '[1,2,3]' }, [1, 2, 3]],
    ], ["'[1,2]'", "'[1,2,3,4]'", "'[1,2,\"x\"]'", "'x'", "''", "'{}'", "'[]'"]],
    ['FILE', 'File', [[`'{"id":"1","sub":"f0001","name":"a.txt","size":1,"mime":"text/plain","sha256":"00"}'`, '{"id":"1","sub":"f0001","name":"a.txt","size":1,"mime":"text/plain","sha256":"00"}']], []],
];

const tableOf = (type) => `app.t_${type.toLowerCase().replace(/\W+/g, '_').replace(/_$/, '')}`;

for (const [type, wire, good, bad] of TYPES) {
    test(`${type}: written and read`, async () => {
        const table = tableOf(type);
        await root.sql(`CREATE SHARED TABLE ${table} (id INT PRIMARY KEY, v ${type})`);
        let id = 0;
        for (const [written, read, optional] of good) {
            id += 1;
            const shown = JSON.stringify(written).slice(0, 80);
            const answer = typeof written === 'string'
                ? await root.sqlRaw(`INSERT INTO ${table} VALUES (${id}, ${written})`)
                : await root.sqlRaw(`INSERT INTO ${table} VALUES (${id}, $1)`, [written.param]);
            if (optional && answer.status !== 200) {
                continue;
            }
            assert.strictEqual(answer.status, 200, `${shown}: ${answer.text.slice(0, 300)}`);
            assert.deepStrictEqual(await root.rows(`SELECT v FROM ${table} WHERE id = ${id}`), [[read]], shown);
        }
        const result = await root.sql(`SELECT v FROM ${table} LIMIT 0`);
        assert.deepStrictEqual(result.schema[0].data_type, wire);
        await root.sql(`INSERT INTO ${table} (id, v) VALUES (1000, NULL)`);
        await root.sql(`INSERT INTO ${table} (id) VALUES (1001)`);
        await root.sql(`INSERT INTO ${table} (id, v) VALUES (1002, $1)`, [null]);
        assert.deepStrictEqual(await root.rows(`SELECT v FROM ${table} WHERE id >= 1000`), [[null], [null], [null]]);
        assert.strictEqual(await root.value(`SELECT count(*) FROM ${table} WHERE v IS NULL`), '3');
    });

    test(`${type}: refused`, async () => {
        const table = tableOf(type);
        for (const written of bad) {
            const shown = JSON.stringify(written);
            const answer = typeof written === 'string'
                ? await root.sqlRaw(`INSERT INTO ${table} VALUES (5000, ${written})`)
                : await root.sqlRaw(`INSERT INTO ${table} VALUES (5000, $1)`, [written.param]);
            assert.strictEqual(answer.status, 400, `${shown}: ${answer.text.slice(0, 300)}`);
            assert.ok(['SQL_EXECUTION_ERROR', 'INVALID_SQL', 'INVALID_PARAMETER'].includes(answer.json.error.code), answer.text);
            assert.match(answer.json.error.message, /column 'v'|out of range|overflow|Unable to cast|Invalid/i, `${shown} ${answer.text}`);
        }
        assert.strictEqual(await root.value(`SELECT count(*) FROM ${table} WHERE id = 5000`), '0');
    });

    test(`${type}: the same by UPDATE, by INSERT .. SELECT and through a subquery`, async () => {
        const table = tableOf(type);
        const [written, read] = good[0];
        await root.sql(`INSERT INTO ${table} VALUES (6000, NULL)`);
        await root.sql(typeof written === 'string' ? `UPDATE ${table} SET v = ${written} WHERE id = 6000` : 'SELECT 1');
        assert.deepStrictEqual(await root.rows(`SELECT v FROM ${table} WHERE id = 6000`), [[read]]);
        await root.sql(`INSERT INTO ${table} (id, v) SELECT id + 1, v FROM ${table} WHERE id = 6000`);
        const result = await root.sql(`SELECT s.v FROM (SELECT id, v FROM ${table}) s WHERE s.id = 6001`);
        assert.deepStrictEqual(result.rows, [[read]]);
        assert.deepStrictEqual(result.schema[0].data_type, wire, 'the type survives a subquery');
        assert.strictEqual((await root.sql(`UPDATE ${table} SET v = (SELECT v FROM ${table} WHERE id = 6000) WHERE id = 6001`)).row_count, 0, 'equal values are no change');
    });
}

test('comparisons with text literals and parameters of the other kind', async () => {
    const cases = [['INT', "'2147483647'", '2147483647'], ['BIGINT', "'5'", '5'], ['UUID', "'550e8400-e29b-41d4-a716-446655440000'"], ['DATE', "'2026-03-08'"], ['TIMESTAMP', "'2026-03-08T10:00:00Z'"], ['TIME', "'10:30:00'"], ['DECIMAL(10,2)', "'200.75'", '200.75'], ['DOUBLE', "'1.1'", '1.1'], ['BOOLEAN', "'true'"]];
    for (const [type, ...literals] of cases) {
        for (const literal of literals) {
            const count = Number(await root.value(`SELECT count(*) FROM ${tableOf(type)} WHERE v = ${literal}`));
            assert.ok(count >= 1, `${type} = ${literal}`);
            const text = literal.replaceAll("'", '');
            assert.strictEqual(Number(await root.value(`SELECT count(*) FROM ${tableOf(type)} WHERE v = $1`, [text])), count, `${type} = $1 with "${text}"`);
        }
    }
});

test('every key type finds its row again, and keeps order', async () => {
    const keys = {
        BOOLEAN: ['false', 'true'], SMALLINT: ['-32768', '-1', '0', '1', '32767'], INT: ['-2147483648', '-1', '0', '2147483647'],
        BIGINT: ['-9223372036854775808', '-1', '0', '9223372036854775807'], TEXT: ["''", "'a'", "'a' || chr(1)", "'aa'", "'b'", "'é'"],
        TIMESTAMP: ["'1900-01-01'", "'1969-12-31 23:59:59'", "'1970-01-01'", "'2026-01-01'"], DATE: ["'0001-01-01'", "'1969-12-31'", "'1970-01-01'", "'9999-12-31'"],
        TIME: ["'00:00:00'", "'12:00:00'"], UUID: ["'00000000-0000-0000-0000-000000000000'", "'7fffffff-0000-0000-0000-000000000000'", "'80000000-0000-0000-0000-000000000000'"],
        'DECIMAL(10,2)': ['-1000.50', '-0.01', '0', '0.01', '99999999.99'],
        BYTES: ["X''", "X'00'", "X'0000'", "X'00ff'", "X'01'"],
    };
    for (const [type, values] of Object.entries(keys)) {
        const table = `app.key_${type.toLowerCase().replace(/\W.*/, '')}`;
        await root.sql(`CREATE SHARED TABLE ${table} (k ${type} PRIMARY KEY, n INT)`);
        const shuffled = values.map((value, i) => [value, i]).sort(([a], [b]) => (a < b ? 1 : -1));
        for (const [value, i] of shuffled) {
            await root.sql(`INSERT INTO ${table} VALUES (${value}, ${i})`);
        }
        assert.deepStrictEqual(await root.rows(`SELECT n FROM ${table}`), values.map((_, i) => [i]), `${type} in key order`);
        assert.deepStrictEqual(await root.rows(`SELECT n FROM ${table} ORDER BY k DESC`), values.map((_, i) => [i]).reverse(), `${type} descending`);
        for (const [i, value] of values.entries()) {
            assert.deepStrictEqual(await root.rows(`SELECT n FROM ${table} WHERE k = ${value}`), [[i]], `${type} = ${value}`);
            assert.deepStrictEqual(await root.rows(`SELECT n FROM ${table} WHERE k > ${value}`), values.map((_, j) => [j]).slice(i + 1), `${type} > ${value}`);
            assert.match((await root.fails(`INSERT INTO ${table} VALUES (${value}, 0)`)).text, /Primary key violation/, `${type} ${value} twice`);
        }
    }
});

test('types that cannot be keys are refused', async () => {
    for (const type of ['JSON', 'EMBEDDING(3)', 'FILE', 'FLOAT', 'DOUBLE']) {
        assert.strictEqual((await root.fails(`CREATE SHARED TABLE app.badkey (k ${type} PRIMARY KEY)`)).status, 400);
    }
});

test('computed columns have the types of section 6.1', async () => {
    const result = await root.sql(`SELECT 1 AS a, count(*) AS b, sum(n) AS c, avg(n) AS d, 1.5 AS e, 'x' AS f, 1 = 1 AS g, now() AS h, n + 1 AS i, max(n) AS j,
        5::SMALLINT AS l, CAST('1.5' AS DECIMAL(5,2)) AS m, NULL AS o, DATE '2026-01-01' AS p, CAST(n AS DOUBLE PRECISION) AS q FROM app.key_int GROUP BY n LIMIT 1`);
    const names = Object.fromEntries(result.schema.map((column) => [column.name, column.data_type]));
    assert.deepStrictEqual(names, {
        a: 'BigInt', b: 'BigInt', c: 'BigInt', d: 'Double', e: 'Double', f: 'Text', g: 'Boolean', h: 'Timestamp', i: 'Int', j: 'Int',
        l: 'SmallInt', m: { Decimal: { precision: 5, scale: 2 } }, o: 'Text', p: 'Date', q: 'Double',
    });
    assert.ok(result.schema.every((column) => column.flags === undefined));
});

test('values that JSON cannot carry are errors that name the column', async () => {
    for (const expression of ["'NaN'::DOUBLE PRECISION", "'Infinity'::DOUBLE PRECISION", "'-Infinity'::DOUBLE PRECISION"]) {
        const error = await root.fails(`SELECT ${expression} AS odd`);
        assert.strictEqual(error.status, 400);
        assert.match(error.text, /odd/);
    }
});
