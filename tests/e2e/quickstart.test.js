// quickstart.test.js - the first hour with KalamDB, in order: set up, sign in, make tables of each kind, use them as two
// people, look around, stop and start again. Each step is a test of its own and builds on those before it.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { Server, PASSWORD } = require('../lib/server.js');

const server = new Server();
const who = {};
let step = 0;

function steps(name, run) {
    step += 1;
    test(`${String(step).padStart(2, '0')} ${name}`, run);
}

test.before(() => server.start());
test.after(() => server.stop());

steps('the server is healthy', async () => {
    const { status, json } = await server.client().get('/health');
    assert.strictEqual(status, 200);
    assert.strictEqual(json.status, 'healthy');
});

steps('it says that it needs setting up', async () => {
    const { status, json } = await server.client().get('/v1/api/auth/status');
    assert.strictEqual(status, 200);
    assert.strictEqual(json.needs_setup, true);
});

steps('set-up gives root a password and makes a dba', async () => {
    const answer = await server.client().post('/v1/api/auth/setup', { user: 'admin', password: PASSWORD, root_password: PASSWORD, email: 'admin@example.com' });
    assert.strictEqual(answer.status, 200, answer.text);
    assert.strictEqual(answer.json.user.id, 'admin');
    assert.strictEqual(answer.json.user.role, 'dba');
});

steps('it no longer needs setting up', async () => {
    const { json } = await server.client().get('/v1/api/auth/status');
    assert.strictEqual(json.needs_setup, false);
});

steps('root signs in', async () => {
    who.root = server.root = await server.signIn('root');
    assert.strictEqual(await who.root.value('SELECT CURRENT_USER'), 'root');
});

steps('the dba signs in', async () => {
    who.admin = await server.signIn('admin');
    assert.strictEqual(await who.admin.value('SELECT CURRENT_ROLE()'), 'dba');
});

steps('CREATE NAMESPACE', async () => {
    const result = await who.admin.sql('CREATE NAMESPACE app');
    assert.strictEqual(result.message, "Namespace 'app' created successfully");
    assert.strictEqual(result.row_count, 0);
});

steps('SHOW NAMESPACES lists it', async () => {
    const names = (await who.admin.objects('SHOW NAMESPACES')).map((row) => row.namespace_id);
    assert.ok(names.includes('app') && names.includes('default'));
});

steps('CREATE USER TABLE', async () => {
    const result = await who.admin.sql(`CREATE USER TABLE app.notes (
        id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(),
        title TEXT NOT NULL,
        done BOOLEAN NOT NULL DEFAULT false,
        created TIMESTAMP DEFAULT NOW())`);
    assert.strictEqual(result.message, 'Table app.notes created successfully');
});

steps('CREATE SHARED TABLE', async () => {
    const result = await who.admin.sql("CREATE SHARED TABLE app.products (sku TEXT PRIMARY KEY, name TEXT NOT NULL, price DECIMAL(10,2)) WITH (ACCESS_LEVEL = 'PUBLIC')");
    assert.strictEqual(result.message, 'Table app.products created successfully');
});

steps('CREATE STREAM TABLE', async () => {
    const result = await who.admin.sql('CREATE STREAM TABLE app.events (id TEXT, kind TEXT) WITH (TTL_SECONDS = 3600)');
    assert.strictEqual(result.message, 'Table app.events created successfully');
});

steps('SHOW TABLES IN lists all three', async () => {
    const tables = await who.admin.objects('SHOW TABLES IN app');
    assert.deepStrictEqual(tables.map((row) => [row.table_name, row.table_type]).sort(), [['events', 'stream'], ['notes', 'user'], ['products', 'shared']]);
});

steps('DESCRIBE TABLE', async () => {
    const columns = await who.admin.objects('DESCRIBE TABLE app.notes');
    assert.deepStrictEqual(columns.slice(0, 4).map((row) => row.column_name), ['id', 'title', 'done', 'created']);
    assert.strictEqual(columns[0].is_primary_key, true);
    assert.strictEqual(columns[1].is_nullable, false);
});

steps('CREATE USER, twice', async () => {
    who.alice = await server.createUser('alice');
    who.bob = await server.createUser('bob');
    assert.strictEqual(await who.alice.value('SELECT CURRENT_USER'), 'alice');
});

steps('alice inserts one row', async () => {
    const result = await who.alice.sql("INSERT INTO app.notes (id, title) VALUES (1, 'buy milk')");
    assert.strictEqual(result.row_count, 1);
    assert.strictEqual(result.message, 'Inserted 1 row(s)');
    assert.strictEqual(result.as_user, 'alice');
});

steps('and several, with parameters', async () => {
    const result = await who.alice.sql('INSERT INTO app.notes (id, title, done) VALUES ($1, $2, $3), ($4, $5, $6)', [2, 'call Bob', false, 3, "it's fine", true]);
    assert.strictEqual(result.row_count, 2);
});

steps('alice reads her rows', async () => {
    const result = await who.alice.sql('SELECT id, title, done FROM app.notes ORDER BY id');
    assert.deepStrictEqual(result.rows, [['1', 'buy milk', false], ['2', 'call Bob', false], ['3', "it's fine", true]]);
    assert.deepStrictEqual(result.schema[0], { name: 'id', data_type: 'BigInt', index: 0, flags: ['pk', 'nn', 'uq'] });
});

steps('SELECT * has the system columns last', async () => {
    const result = await who.alice.sql('SELECT * FROM app.notes WHERE id = 1');
    assert.deepStrictEqual(result.schema.map((column) => column.name), ['id', 'title', 'done', 'created', '_seq', '_deleted']);
});

steps('the same statement gives bob none of them', async () => {
    assert.deepStrictEqual(await who.bob.rows('SELECT id, title, done FROM app.notes ORDER BY id'), []);
});

steps('bob may use the same keys', async () => {
    await who.bob.sql("INSERT INTO app.notes (id, title) VALUES (1, 'mine')");
    assert.deepStrictEqual(await who.bob.rows('SELECT title FROM app.notes'), [['mine']]);
});

steps('UPDATE', async () => {
    const result = await who.alice.sql('UPDATE app.notes SET done = true WHERE id = 1');
    assert.strictEqual(result.message, 'Updated 1 row(s)');
    assert.deepStrictEqual(await who.alice.rows('SELECT done FROM app.notes WHERE id = 1'), [[true]]);
    assert.deepStrictEqual(await who.bob.rows('SELECT done FROM app.notes WHERE id = 1'), [[false]]);
});

steps('DELETE', async () => {
    const result = await who.alice.sql('DELETE FROM app.notes WHERE id = 2');
    assert.strictEqual(result.message, 'Deleted 1 row(s)');
    assert.deepStrictEqual(await who.alice.rows('SELECT id FROM app.notes'), [['1'], ['3']]);
});

steps('the dba fills the shared table', async () => {
    const result = await who.admin.sql("INSERT INTO app.products VALUES ('p1', 'Pen', 1.5), ('p2', 'Paper', 4.25)");
    assert.strictEqual(result.row_count, 2);
});

steps('everybody reads it', async () => {
    for (const client of [who.alice, who.bob]) {
        assert.deepStrictEqual(await client.rows('SELECT sku, price FROM app.products'), [['p1', '1.50'], ['p2', '4.25']]);
    }
});

steps('but not everybody writes it', async () => {
    const error = await who.alice.fails("INSERT INTO app.products VALUES ('p3', 'Pin', 1)");
    assert.strictEqual(error.status, 403);
    assert.strictEqual(error.code, 'PERMISSION_DENIED');
});

steps('alice joins her rows with the shared ones', async () => {
    const rows = await who.alice.rows("SELECT n.title, p.name FROM app.notes n JOIN app.products p ON p.sku = 'p' || n.id ORDER BY n.id");
    assert.deepStrictEqual(rows, [['buy milk', 'Pen']]);
});

steps('an aggregate and a CTE', async () => {
    assert.deepStrictEqual(await who.alice.rows('SELECT done, count(*) FROM app.notes GROUP BY done'), [[true, '2']]);
    assert.strictEqual(await who.alice.value('WITH x AS (SELECT id FROM app.notes WHERE done) SELECT count(*) FROM x'), '2');
});

steps('stream rows', async () => {
    await who.alice.sql("INSERT INTO app.events VALUES ('e1', 'typing'), ('e2', 'typing')");
    assert.strictEqual(await who.alice.value('SELECT count(*) FROM app.events'), '2');
    assert.strictEqual(await who.bob.value('SELECT count(*) FROM app.events'), '0');
});

steps('several statements in one request', async () => {
    const results = await who.alice.results("INSERT INTO app.notes (id, title) VALUES (4, 'four'); SELECT count(*) FROM app.notes; SELECT CURRENT_USER");
    assert.deepStrictEqual(results.map((result) => result.message ?? result.rows[0][0]), ['3', 'alice', 'Inserted 1 row(s)']);
});

steps('system tables are for admins', async () => {
    const users = await who.admin.rows('SELECT user_id, role FROM system.users ORDER BY user_id');
    assert.deepStrictEqual(users, [['admin', 'dba'], ['alice', 'user'], ['bob', 'user'], ['root', 'system']]);
    assert.strictEqual((await who.alice.fails('SELECT * FROM system.users')).code, 'PERMISSION_DENIED');
});

steps('SHOW STATS and information_schema are for all', async () => {
    const [stats] = await who.alice.objects('SHOW STATS FOR TABLE app.notes');
    assert.strictEqual(stats.table_name, 'notes');
    const names = await who.alice.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'app' ORDER BY table_name");
    assert.deepStrictEqual(names, [['events'], ['notes'], ['products']]);
});

steps('a mistake is explained', async () => {
    const error = await who.alice.fails('SELECT titel FROM app.notes');
    assert.strictEqual(error.status, 400);
    assert.match(error.text, /titel/);
    assert.match(error.text, /title/, 'it names the nearest column');
});

steps('after a restart everything is there', async () => {
    await server.restart();
    who.alice = await server.signIn('alice');
    who.bob = await server.signIn('bob');
    who.admin = await server.signIn('admin');
    assert.deepStrictEqual(await who.alice.rows('SELECT id, title, done FROM app.notes'), [['1', 'buy milk', true], ['3', "it's fine", true], ['4', 'four', false]]);
    assert.deepStrictEqual(await who.bob.rows('SELECT title FROM app.notes'), [['mine']]);
    assert.deepStrictEqual(await who.bob.rows('SELECT sku FROM app.products'), [['p1'], ['p2']]);
    assert.strictEqual(await who.alice.value('SELECT count(*) FROM app.events'), '2');
});

steps('DROP TABLE and DROP NAMESPACE', async () => {
    const dropped = await who.admin.sql('DROP TABLE app.products');
    assert.match(dropped.message, /^Table app\.products dropped successfully/);
    assert.match((await who.admin.fails('DROP NAMESPACE app')).text, /Namespace 'app' is not empty: 2 table\(s\)/);
    assert.strictEqual((await who.admin.sql('DROP NAMESPACE app CASCADE')).message, "Namespace 'app' dropped successfully");
    assert.match((await who.alice.fails('SELECT * FROM app.notes')).text, /./);
});
