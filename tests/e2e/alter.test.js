// alter.test.js - tables altered while they are used, and after a restart. The forms and their errors are in
// tests/sql/alter_table.sql.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer, startServer } = require('../lib/server.js');

const server = useServer(test);
let root;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.sql('CREATE NAMESPACE app');
});

// Everything that a table altered in every way shows of itself.
async function shown(client) {
    return {
        rows: await client.rows('SELECT * FROM app.old ORDER BY id'),
        byKey: await client.rows('SELECT * FROM app.old WHERE id = 1'),
        deleted: await client.rows('SELECT * FROM app.old WHERE _deleted ORDER BY id'),
        computed: await client.rows('SELECT n, count(*), min(w), max(big) FROM app.old GROUP BY n ORDER BY n'),
        schemas: await client.rows("SELECT * FROM system.schemas WHERE namespace_id = 'app' ORDER BY table_name, schema_version"),
        columns: await client.rows("SELECT * FROM system.columns WHERE namespace_id = 'app' ORDER BY table_name, ordinal"),
        described: await client.rows('DESCRIBE app.old'),
        mine: await client.rows('SELECT * FROM app.mine'),
        events: await client.rows('SELECT * FROM app.events ORDER BY _seq'),
        options: await client.rows("SELECT options FROM system.namespaces WHERE namespace_id = 'app'"),
    };
}

const EVERY_FORM = [
    "CREATE SHARED TABLE app.old (gone TEXT, id INT PRIMARY KEY, w SMALLINT, f FLOAT, d DECIMAL(5,2), e EMBEDDING(2), y BYTES, j JSON, t TIMESTAMP, u UUID)",
    'CREATE USER TABLE app.mine (id INT PRIMARY KEY, a INT)',
    'CREATE STREAM TABLE app.events (a INT) WITH (TTL_SECONDS = 3600)',
    "INSERT INTO app.old VALUES ('g', 1, -1, 0.5, 1.25, '[1,2]', 'bytes', '{\"a\":1}', '2026-01-31 10:00:00', '550e8400-e29b-41d4-a716-446655440000'), ('g', 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('g', 3, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    'INSERT INTO app.mine VALUES (1, 1)',
    'INSERT INTO app.events VALUES (1)',
    'DELETE FROM app.old WHERE id = 3',
    'ALTER TABLE app.old ADD COLUMN n INT NOT NULL DEFAULT 7',
    "ALTER TABLE app.old ADD COLUMN v EMBEDDING(3) NOT NULL DEFAULT '[0.5,1,2]'",
    "ALTER TABLE app.old ADD COLUMN late TEXT DEFAULT 'later'",
    'INSERT INTO app.old (id, w) VALUES (4, 4)',
    'ALTER TABLE app.old DROP COLUMN gone',
    'ALTER TABLE app.old MODIFY w BIGINT',
    'ALTER TABLE app.old ALTER COLUMN f TYPE DOUBLE',
    'ALTER TABLE app.old MODIFY d DECIMAL(20,2)',
    'INSERT INTO app.old (id, w, d) VALUES (5, 5000000000, 1234567.89)',
    'ALTER TABLE app.old ADD COLUMN gone INT',
    'ALTER TABLE app.old ADD COLUMN big BIGINT DEFAULT SNOWFLAKE_ID()',
    'ALTER TABLE app.old MODIFY e TEXT',
    'ALTER TABLE app.old MODIFY y TEXT',
    'ALTER TABLE app.old MODIFY j TEXT',
    'ALTER TABLE app.old MODIFY t TEXT',
    'ALTER TABLE app.old MODIFY u TEXT',
    'ALTER TABLE app.old MODIFY n BIGINT',
    'ALTER TABLE app.old RENAME COLUMN j TO json',
    'ALTER TABLE app.old ALTER n SET DEFAULT 8',
    'UPDATE app.old SET late = \'touched\' WHERE id = 2',
    'INSERT INTO app.old (id, gone) VALUES (6, 6)',
    'ALTER TABLE app.old SET ACCESS LEVEL PUBLIC',
    'ALTER TABLE app.mine ALTER a SET NOT NULL',
    'ALTER STREAM TABLE app.events ADD b TEXT',
    "INSERT INTO app.events VALUES (2, 'b')",
    "ALTER NAMESPACE app SET OPTIONS (tier = 'gold', n = 1)",
];

for (const kill of [false, true]) {
    test(`after ${kill ? 'kill -9' : 'a clean stop'} an altered table is as it was`, async () => {
        const own = await startServer();
        try {
            await own.setUp();
            await own.root.sql('CREATE NAMESPACE app');
            for (const sql of EVERY_FORM) {
                await own.root.sql(sql);
            }
            const before = await shown(own.root);
            assert.deepStrictEqual(before.rows.map((row) => row[0]), [1, 2, 4, 5, 6]);
            assert.deepStrictEqual(before.computed[0].slice(0, 2), ['7', '4'], 'older rows have the default that the column came with');
            await own.restart({ kill });
            const again = await own.signIn('root');
            assert.deepStrictEqual(await shown(again), before);
            await again.sql('INSERT INTO app.old (id) VALUES (7)');
            assert.deepStrictEqual(await again.rows('SELECT w, n, late, gone FROM app.old WHERE id = 7'), [[null, '8', 'later', null]]);
            assert.match((await again.fails('INSERT INTO app.mine VALUES (2, NULL)')).text, /NOT NULL constraint violation/);
            assert.match((await again.sql('ALTER TABLE app.old ADD COLUMN more INT')).message, /altered successfully: ADD COLUMN more INT \(version 20\)/);
            const ids = (await again.rows('DESCRIBE app.old')).map((row) => Number(row[2]));
            assert.strictEqual(new Set(ids).size, ids.length);
            assert.strictEqual(Math.max(...ids), 16, 'the id of the dropped column is not used again');
        } finally {
            await own.stop();
        }
    });
}

test('an acknowledged ALTER outlives kill -9, every time', async () => {
    const own = await startServer();
    try {
        await own.setUp();
        await own.root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY)');
        let client = own.root;
        for (let round = 1; round <= 5; round++) {
            await client.sql(`INSERT INTO app.t (id) VALUES (${round})`);
            await client.sql(`ALTER TABLE app.t ADD COLUMN c${round} INT NOT NULL DEFAULT ${round}`);
            await own.restart({ kill: true });
            client = await own.signIn('root');
            const [row] = await client.rows('SELECT * FROM app.t WHERE id = 1');
            assert.deepStrictEqual(row.slice(0, -2), [1, ...Array.from({ length: round }, (_, i) => i + 1)]);
        }
    } finally {
        await own.stop();
    }
});

test('an ALTER that a kill interrupts is done or not, and the table is whole', async () => {
    const own = await startServer();
    try {
        await own.setUp();
        await own.root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY, n INT)');
        let client = own.root;
        let acknowledged = 0;
        for (let round = 1; round <= 5; round++) {
            const alters = (async () => {
                for (let i = 0; ; i++) {
                    await client.sql(`ALTER TABLE app.t ALTER n SET DEFAULT ${round * 100000 + i}`);
                    acknowledged = round * 100000 + i;
                }
            })();
            const ended = assert.rejects(alters);
            const writes = (async () => {
                for (let i = 0; ; i++) {
                    await client.sql(`INSERT INTO app.t (id) VALUES (${round * 100000 + i})`);
                }
            })();
            const ended2 = assert.rejects(writes);
            while (acknowledged < round * 100000 + 20) {
                await client.rows('SELECT 1');
            }
            await own.restart({ kill: true });
            await Promise.all([ended, ended2]);
            client = await own.signIn('root');
            const [, [, , , , , , text]] = await client.rows('DESCRIBE app.t');
            assert.ok([acknowledged, acknowledged + 1].includes(Number(text)), `${text} after ${acknowledged}`);
            assert.strictEqual(await client.value(`SELECT count(*) FROM app.t WHERE n IS NULL AND id > ${100000 + 100}`), '0');
        }
    } finally {
        await own.stop();
    }
});

test('many clients use a table while it is altered', async () => {
    const WRITERS = 4;
    await root.sql('CREATE SHARED TABLE app.busy (id INT PRIMARY KEY, n INT, b TEXT)');
    await root.sql("INSERT INTO app.busy VALUES (0, 0, 'b0')");
    let altering = true;
    let counted = 0;
    // What may be missing while a column is renamed or not yet, or no longer, there.
    const missing = (answer, column) => answer.status === 400 && new RegExp(`(named|Column|')\\s*'?${column}\\b`).test(answer.json.error.message);
    const writer = async (w) => {
        for (let i = 1; altering; i++) {
            const id = i * WRITERS + w;
            const insert = await root.sqlRaw('INSERT INTO app.busy (id, n, b) VALUES ($1, $2, $3)', [id, 0, `b${id}`]);
            assert.ok(insert.status === 200 || missing(insert, 'b'), insert.text);
            const update = await root.sqlRaw('UPDATE app.busy SET n = n + 1 WHERE id = 0');
            assert.strictEqual(update.status, 200, update.text);
            assert.strictEqual(update.json.results[0].row_count, 1);
            counted++;
        }
    };
    const reader = async () => {
        while (altering) {
            const all = await root.sqlRaw('SELECT id, b FROM app.busy');
            assert.ok(all.status === 200 || missing(all, 'b'), all.text);
            (all.json.results[0]?.rows ?? []).forEach(([id, b]) => assert.strictEqual(b, `b${id}`));
            const one = await root.sqlRaw('SELECT * FROM app.busy WHERE id = $1', [0]);
            assert.strictEqual(one.status, 200, one.text);
            assert.strictEqual(one.json.results[0].rows.length, 1);
            assert.strictEqual(one.json.results[0].rows[0].length, one.json.results[0].schema.length);
            const sevens = await root.sqlRaw('SELECT x FROM app.busy WHERE x IS NULL OR x <> 7');
            assert.ok(sevens.status === 200 || missing(sevens, 'x'), sevens.text);
            assert.deepStrictEqual(sevens.json.results[0]?.rows ?? [], []);
        }
    };
    const work = [...Array.from({ length: WRITERS }, (_, w) => writer(w)), reader(), reader()];
    for (let round = 0; round < 15; round++) {
        for (const change of ['ADD COLUMN x SMALLINT NOT NULL DEFAULT 7', 'MODIFY x INT', 'RENAME b TO c', 'RENAME c TO b', 'ALTER b SET NOT NULL', 'MODIFY x BIGINT', 'ALTER b DROP NOT NULL', 'DROP COLUMN x']) {
            assert.match((await root.sql(`ALTER TABLE app.busy ${change}`)).message, /altered successfully/);
        }
    }
    altering = false;
    await Promise.all(work);
    assert.ok(counted > 0);
    assert.strictEqual(await root.value('SELECT n FROM app.busy WHERE id = 0'), counted);
});
