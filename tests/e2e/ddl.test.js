// ddl.test.js - what golden files cannot show of CREATE and DROP: many at once, names that race, tables in use while they
// go. Spellings and errors are in tests/sql/create_table.sql, drop_table.sql and namespace.sql.
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

const outcomes = (answers) => answers.map((answer) => answer.status).sort();

test('one of many CREATE TABLEs of one name wins', async () => {
    const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => root.sqlRaw(`CREATE SHARED TABLE app.race (id INT PRIMARY KEY, c${i} INT)`)));
    assert.deepStrictEqual(outcomes(answers), [200, ...Array(15).fill(400)]);
    answers.filter((answer) => answer.status === 400).forEach((answer) => assert.match(answer.json.error.message, /Already exists: Table app\.race already exists/));
    assert.strictEqual((await root.rows('DESCRIBE app.race')).length, 2);
});

test('IF NOT EXISTS makes it once and fails for nobody', async () => {
    const answers = await Promise.all(Array.from({ length: 16 }, () => root.sqlRaw('CREATE SHARED TABLE IF NOT EXISTS app.once (id INT PRIMARY KEY)')));
    assert.deepStrictEqual(outcomes(answers), Array(16).fill(200));
    const messages = answers.map((answer) => answer.json.results[0].message);
    assert.strictEqual(messages.filter((message) => message === 'Table app.once created successfully').length, 1, messages.join());
    assert.strictEqual(messages.filter((message) => message === 'Table app.once already exists (skipped)').length, 15);
});

test('one of many DROP TABLEs wins', async () => {
    const answers = await Promise.all(Array.from({ length: 16 }, () => root.sqlRaw('DROP TABLE app.once')));
    assert.deepStrictEqual(outcomes(answers), [200, ...Array(15).fill(400)]);
});

test('namespaces race the same way', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => root.sqlRaw('CREATE NAMESPACE race')));
    assert.deepStrictEqual(outcomes(made), [200, ...Array(7).fill(400)]);
    // A table created while its namespace is dropped is either dropped with it or refused.
    for (let round = 0; round < 10; round++) {
        const [created, dropped] = await Promise.all([root.sqlRaw('CREATE SHARED TABLE race.t (id INT PRIMARY KEY)'), root.sqlRaw('DROP NAMESPACE race CASCADE')]);
        assert.strictEqual(dropped.status, 200, dropped.text);
        assert.ok([200, 400].includes(created.status), created.text);
        assert.strictEqual((await root.sqlRaw('SELECT * FROM race.t')).status, 400);
        await root.sql('CREATE NAMESPACE race');
        assert.strictEqual((await root.sqlRaw('SELECT * FROM race.t')).status, 400, 'nothing is left of it');
    }
});

test('a table that goes while it is written to takes its rows along', async () => {
    for (let round = 0; round < 10; round++) {
        await root.sql('CREATE SHARED TABLE app.brief (id INT PRIMARY KEY, n INT)');
        const writes = Array.from({ length: 40 }, (_, i) => root.sqlRaw(`INSERT INTO app.brief VALUES (${i}, ${round})`));
        const drop = root.sqlRaw('DROP TABLE app.brief');
        const answers = await Promise.all(writes);
        assert.strictEqual((await drop).status, 200);
        for (const answer of answers) {
            assert.ok(answer.status === 200 || /not found/i.test(answer.json.error.message), answer.text);
        }
        await root.sql('CREATE SHARED TABLE app.brief (id INT PRIMARY KEY, n INT)');
        assert.strictEqual(await root.value('SELECT count(*) FROM app.brief'), '0', 'no row of the old table');
        await root.sql('DROP TABLE app.brief');
    }
});

test('a table that goes while it is read ends the reading cleanly', async () => {
    for (let round = 0; round < 5; round++) {
        await root.sql('CREATE SHARED TABLE app.read_brief (id INT PRIMARY KEY, t TEXT)');
        await root.sql('INSERT INTO app.read_brief WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT i, repeat(\'x\', 100) FROM n');
        const reads = Array.from({ length: 8 }, () => root.sqlRaw('SELECT count(*), max(t) FROM app.read_brief'));
        const drop = root.sqlRaw('DROP TABLE app.read_brief');
        for (const answer of await Promise.all(reads)) {
            if (answer.status === 200) {
                assert.ok(['2000', '0'].includes(answer.json.results[0].rows[0][0]), 'all rows, or none');
            } else {
                assert.match(answer.json.error.message, /not found/i);
            }
        }
        assert.strictEqual((await drop).status, 200);
    }
});

test('plans made before a table changed its meaning are not used after', async () => {
    const select = () => root.rows('SELECT * FROM app.shifty');
    for (const columns of ['a INT PRIMARY KEY', 'a TEXT PRIMARY KEY, b INT', 'b DECIMAL(5,2) PRIMARY KEY']) {
        await root.sql(`CREATE SHARED TABLE app.shifty (${columns})`);
        const first = columns.startsWith('a TEXT') ? ["'x', 5", ['x', 5]] : columns.startsWith('b') ? ['1.5', ['1.50']] : ['7', [7]];
        await root.sql(`INSERT INTO app.shifty VALUES (${first[0]})`);
        // As many at once as there are workers, so that each has cached it.
        const answers = await Promise.all(Array.from({ length: 20 }, select));
        answers.forEach((rows) => assert.deepStrictEqual(rows.map((row) => row.slice(0, -2)), [first[1]]));
        await root.sql('DROP TABLE app.shifty');
        assert.strictEqual((await root.fails('SELECT * FROM app.shifty')).code, 'SQL_EXECUTION_ERROR');
    }
});

test('many columns, and long names', async () => {
    const columns = Array.from({ length: 500 }, (_, i) => `column_number_${i} INT`);
    await root.sql(`CREATE SHARED TABLE app.wide (id INT PRIMARY KEY, ${columns.join()})`);
    await root.sql('INSERT INTO app.wide (id, column_number_499) VALUES (1, 42)');
    const [row] = await root.rows('SELECT * FROM app.wide');
    assert.strictEqual(row.length, 503);
    assert.strictEqual(row[500], 42);
    const long = 'n'.repeat(64);
    await root.sql(`CREATE SHARED TABLE app.${long} (${long} INT PRIMARY KEY)`);
    assert.strictEqual((await root.sql(`SELECT ${long} FROM app.${long}`)).schema[0].name, long);
});

test('hundreds of tables at once', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `many_${i}`);
    await Promise.all(names.map((name) => root.sql(`CREATE USER TABLE app.${name} (id INT PRIMARY KEY)`)));
    assert.strictEqual(await root.value("SELECT count(*) FROM system.tables WHERE table_name LIKE 'many\\_%'"), '200');
    assert.match((await root.fails('DROP NAMESPACE app')).text, /Namespace 'app' is not empty: 20\d table\(s\)\. Use DROP NAMESPACE app CASCADE/);
    await root.sql('DROP NAMESPACE app CASCADE');
    assert.strictEqual(await root.value("SELECT count(*) FROM system.tables WHERE namespace_id = 'app'"), '0');
});
