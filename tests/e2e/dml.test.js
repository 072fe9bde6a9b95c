// dml.test.js - what golden files cannot show of INSERT, UPDATE and DELETE: statements that race, batches that fail in the
// middle, `_seq` over time, STREAM rows that expire.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer, startServer, slowness } = require('../lib/server.js');

const server = useServer(test);
let root;
let alice;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.results(`CREATE NAMESPACE app;
        CREATE SHARED TABLE app.items (id INT PRIMARY KEY, n INT NOT NULL, t TEXT);
        CREATE USER TABLE app.notes (id INT PRIMARY KEY, n INT NOT NULL, t TEXT);
        CREATE SHARED TABLE app.log (line TEXT)`);
    alice = await server.createUser('alice');
});


const both = () => [[root, 'app.items'], [alice, 'app.notes']];

for (const which of [0, 1]) {
    const kind = ['SHARED', 'USER'][which];

    test(`${kind}: of 16 inserts of one key at once, one wins`, async () => {
        const [client, table] = both()[which];
        for (let key = 0; key < 20; key++) {
            const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => client.sqlRaw(`INSERT INTO ${table} VALUES ($1, $2, 'x')`, [1000 + key, i])));
            const won = answers.filter((answer) => answer.status === 200);
            assert.strictEqual(won.length, 1, `${won.length} winners`);
            answers.filter((answer) => answer.status !== 200).forEach((answer) => assert.match(answer.json.error.message, /Primary key violation: value '\d+' already exists in column 'id'/));
            const rows = await client.rows(`SELECT n FROM ${table} WHERE id = ${1000 + key}`);
            assert.deepStrictEqual(rows, [[answers.indexOf(won[0])]], 'the row is the winner’s');
        }
    });

    test(`${kind}: no increment of a counter is lost`, async () => {
        const [client, table] = both()[which];
        await client.sql(`INSERT INTO ${table} VALUES (1, 0, 'counter')`);
        const results = await Promise.all(Array.from({ length: 200 }, () => client.sql(`UPDATE ${table} SET n = n + 1 WHERE id = 1`)));
        assert.ok(results.every((result) => result.row_count === 1));
        assert.deepStrictEqual(await client.rows(`SELECT n FROM ${table} WHERE id = 1`), [[200]]);
    });

    test(`${kind}: increments of many rows in overlapping statements are all there`, async () => {
        const [client, table] = both()[which];
        await client.sql(`INSERT INTO ${table} VALUES ${Array.from({ length: 20 }, (_, i) => `(${2000 + i}, 0, NULL)`).join()}`);
        // Overlapping ranges in different orders: locks taken in any other than one order would deadlock.
        await Promise.all(Array.from({ length: 100 }, (_, i) => {
            const from = 2000 + (i % 10);
            return client.sql(`UPDATE ${table} SET n = n + 1 WHERE id >= ${from} AND id < ${from + 10}`);
        }));
        const rows = await client.rows(`SELECT n FROM ${table} WHERE id >= 2000 AND id < 2020`);
        const expected = Array.from({ length: 20 }, (_, at) => [Array.from({ length: 10 }, (__, from) => (at >= from && at < from + 10 ? 10 : 0)).reduce((a, b) => a + b)]);
        assert.deepStrictEqual(rows, expected);
    });

    test(`${kind}: moving amounts between rows keeps the sum in every statement`, async () => {
        const [client, table] = both()[which];
        await client.sql(`INSERT INTO ${table} VALUES (3000, 500, 'a'), (3001, 500, 'b')`);
        let stop = false;
        const watcher = (async () => {
            let seen = 0;
            while (!stop) {
                assert.strictEqual(await client.value(`SELECT sum(n) FROM ${table} WHERE id IN (3000, 3001)`), '1000');
                seen += 1;
            }
            return seen;
        })();
        await Promise.all(Array.from({ length: 100 }, (_, i) => client.sql(`UPDATE ${table} SET n = n + CASE WHEN id = 3000 THEN ${i % 2 ? 1 : -1} ELSE ${i % 2 ? -1 : 1} END WHERE id IN (3000, 3001)`)));
        stop = true;
        assert.ok(await watcher > 0);
        assert.deepStrictEqual(await client.rows(`SELECT n FROM ${table} WHERE id IN (3000, 3001)`), [[500], [500]]);
    });

    test(`${kind}: one of many deletes counts the row`, async () => {
        const [client, table] = both()[which];
        await client.sql(`INSERT INTO ${table} VALUES (4000, 1, NULL)`);
        const results = await Promise.all(Array.from({ length: 16 }, () => client.sql(`DELETE FROM ${table} WHERE id = 4000`)));
        assert.strictEqual(results.reduce((sum, result) => sum + result.row_count, 0), 1);
    });

    test(`${kind}: a failing row undoes its statement, whatever its place`, async () => {
        const [client, table] = both()[which];
        await client.sql(`INSERT INTO ${table} VALUES (5000, 1, 'there')`);
        for (const at of [0, 25, 49]) {
            const rows = Array.from({ length: 50 }, (_, i) => (i === at ? "(5000, 1, 'again')" : `(${5001 + i}, 1, 'new')`));
            assert.match((await client.fails(`INSERT INTO ${table} VALUES ${rows.join()}`)).text, /Primary key violation/);
            const nulls = Array.from({ length: 50 }, (_, i) => (i === at ? `(${5001 + i}, NULL, 'null')` : `(${5001 + i}, 1, 'new')`));
            assert.match((await client.fails(`INSERT INTO ${table} VALUES ${nulls.join()}`)).text, new RegExp(`NOT NULL constraint violation: column 'n' cannot be NULL \\(row ${at + 1}\\)`));
        }
        assert.strictEqual(await client.value(`SELECT count(*) FROM ${table} WHERE id >= 5000 AND id < 5100`), '1');
        assert.match((await client.fails(`UPDATE ${table} SET n = CASE WHEN id = 3000 THEN NULL ELSE 0 END WHERE id >= 2000`)).text, /NOT NULL constraint violation/);
        assert.strictEqual(await client.value(`SELECT count(*) FROM ${table} WHERE n = 0 AND id >= 3000`), '0');
    });

    test(`${kind}: _seq rises with every change and only then`, async () => {
        const [client, table] = both()[which];
        const seq = async () => BigInt(await client.value(`SELECT _seq FROM ${table} WHERE id = 6000`));
        await client.sql(`INSERT INTO ${table} VALUES (6000, 1, 'a')`);
        const inserted = await seq();
        assert.strictEqual((await client.sql(`UPDATE ${table} SET n = 1 WHERE id = 6000`)).row_count, 0);
        assert.strictEqual(await seq(), inserted, 'no change, no new version');
        await client.sql(`UPDATE ${table} SET n = 2 WHERE id = 6000`);
        const updated = await seq();
        assert.ok(updated > inserted);
        const ms = Number(updated >> 22n) + 1704067200000;
        assert.ok(Math.abs(ms - Date.now()) < 60000, 'its upper bits are the time');
        await client.sql(`DELETE FROM ${table} WHERE id = 6000`);
        const deleted = BigInt(await client.value(`SELECT _seq FROM ${table} WHERE id = 6000 AND _deleted = true`));
        assert.ok(deleted > updated);
        await client.sql(`INSERT INTO ${table} VALUES (6000, 3, 'again')`);
        assert.ok(await seq() > deleted);
        const all = await client.rows(`SELECT _seq FROM ${table} WHERE _deleted OR NOT _deleted`);
        assert.strictEqual(new Set(all.map(([value]) => value)).size, all.length, 'no _seq twice');
        const [[from, now]] = await client.rows(`SELECT _updated, now() FROM ${table} WHERE id = 6000`);
        assert.ok(now - from >= -60e6 && now - from < 600e6);
    });

    test(`${kind}: large statements`, async () => {
        const [client, table] = both()[which];
        const values = Array.from({ length: 5000 }, (_, i) => `(${10000 + i}, ${i}, 'row ${i}')`).join();
        assert.strictEqual((await client.sql(`INSERT INTO ${table} VALUES ${values}`)).row_count, 5000);
        assert.strictEqual((await client.sql(`UPDATE ${table} SET t = 'changed' WHERE id >= 10000`)).row_count, 5000);
        assert.strictEqual((await client.sql(`UPDATE ${table} SET t = 'changed' WHERE id >= 10000`)).row_count, 0);
        assert.strictEqual((await client.sql(`INSERT INTO ${table} SELECT id + 5000, n, t FROM ${table} WHERE id >= 10000`)).row_count, 5000);
        assert.strictEqual((await client.sql(`DELETE FROM ${table} WHERE id >= 10000`)).row_count, 10000);
        assert.strictEqual(await client.value(`SELECT count(*) FROM ${table} WHERE id >= 10000`), '0');
    });

    test(`${kind}: inserts, updates and deletes of one key, all at once, end in one state`, async () => {
        const [client, table] = both()[which];
        const answers = await Promise.all(Array.from({ length: 120 }, (_, i) => client.sqlRaw([
            `INSERT INTO ${table} VALUES (7000, ${i}, 'i')`, `UPDATE ${table} SET n = ${i}, t = 'u' WHERE id = 7000`, `DELETE FROM ${table} WHERE id = 7000`,
        ][i % 3])));
        for (const answer of answers) {
            assert.ok(answer.status === 200 || /Primary key violation/.test(answer.json.error.message), answer.text);
        }
        const inserted = answers.filter((answer, i) => i % 3 === 0 && answer.status === 200).length;
        const deleted = answers.filter((answer, i) => i % 3 === 2).reduce((sum, answer) => sum + answer.json.results[0].row_count, 0);
        const left = Number(await client.value(`SELECT count(*) FROM ${table} WHERE id = 7000`));
        assert.strictEqual(inserted - deleted, left);
        assert.strictEqual((await client.rows(`SELECT id FROM ${table} WHERE id = 7000 AND (_deleted OR NOT _deleted)`)).length, 1, 'one version');
    });
}

test('rows without a key are all kept, in the order of writing', async () => {
    await Promise.all(Array.from({ length: 100 }, () => root.sql("INSERT INTO app.log VALUES ('same')")));
    assert.strictEqual(await root.value('SELECT count(*) FROM app.log'), '100');
    await root.sql("INSERT INTO app.log VALUES ('x'), ('y'), ('z')");
    assert.deepStrictEqual((await root.rows('SELECT line FROM app.log')).slice(100), [['x'], ['y'], ['z']]);
    assert.strictEqual((await root.sql("UPDATE app.log SET line = 'changed' WHERE line = 'same'")).row_count, 100);
    assert.strictEqual((await root.sql("DELETE FROM app.log WHERE line = 'changed'")).row_count, 100);
});

test('generated keys never repeat', async () => {
    await root.sql('CREATE SHARED TABLE app.generated (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), u TEXT DEFAULT UUID_V7(), l TEXT DEFAULT ULID(), n INT)');
    await Promise.all(Array.from({ length: 50 }, (_, i) => root.sql(`INSERT INTO app.generated (n) VALUES ${Array.from({ length: 100 }, () => `(${i})`).join()}`)));
    assert.deepStrictEqual(await root.rows('SELECT count(*), count(DISTINCT id), count(DISTINCT u), count(DISTINCT l) FROM app.generated'), [['5000', '5000', '5000', '5000']]);
    const uuids = (await root.rows('SELECT u FROM app.generated LIMIT 100')).flat();
    uuids.forEach((uuid) => assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/));
});

test('NOW() is one instant in a statement', async () => {
    await root.sql('CREATE SHARED TABLE app.instants (id INT PRIMARY KEY, t TIMESTAMP DEFAULT NOW())');
    await root.sql(`INSERT INTO app.instants (id) VALUES ${Array.from({ length: 1000 }, (_, i) => `(${i})`).join()}`);
    assert.strictEqual(await root.value('SELECT count(DISTINCT t) FROM app.instants'), '1');
});

test('a statement may not write without bound', async () => {
    const small = await startServer({ options: { 'limits.max_statement_write_bytes': 65536 } });
    try {
        const { root: client } = await small.setUp();
        await client.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY, t TEXT)');
        const error = await client.fails(`INSERT INTO app.t VALUES (1, 'first'), (2, '${'x'.repeat(100000)}')`);
        assert.strictEqual(error.status, 400);
        assert.match(error.text, /max_statement_write_bytes/);
        assert.strictEqual(await client.value('SELECT count(*) FROM app.t'), '0');
        assert.strictEqual((await client.sql("INSERT INTO app.t VALUES (1, 'fits')")).row_count, 1);
    } finally {
        await small.stop();
    }
});

test('STREAM rows are gone once they are older than the TTL', async () => {
    await root.sql(`CREATE STREAM TABLE app.brief (id INT, t TEXT) WITH (TTL_SECONDS = ${slowness > 4 ? 10 : 1})`);
    const [[made]] = await root.rows("INSERT INTO app.brief VALUES (1, 'x') RETURNING _seq");
    const written = Number(BigInt(made) >> 22n) + 1704067200000;
    // The clock is the event here: ask until the row is gone, and check when that was.
    let rows;
    do {
        rows = await root.rows('SELECT id FROM app.brief');
    } while (rows.length > 0);
    assert.ok(Date.now() - written >= (slowness > 4 ? 10000 : 1000) - 5, 'not before its time');
    assert.strictEqual(await root.value('SELECT count(*) FROM app.brief'), '0');
    const [after] = await root.results("INSERT INTO app.brief VALUES (2, 'y'); SELECT id FROM app.brief"); // counts come last
    assert.deepStrictEqual(after.rows, [[2]]);
});
