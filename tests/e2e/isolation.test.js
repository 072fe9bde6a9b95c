// isolation.test.js - the tenant wall: what one user writes is never seen, counted, changed or hinted at for another, by
// whatever statement. Each user's rows carry a mark; every answer to the other one is searched for it.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer } = require('../lib/server.js');

const server = useServer(test);
const MARKS = { alice: 'ALICE-SECRET-MARK', bob: 'BOB-SECRET-MARK' };
const users = {};
let root;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.results(`CREATE NAMESPACE app;
        CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT NOT NULL, n INT);
        CREATE USER TABLE app.tags (note INT, tag TEXT, PRIMARY KEY (note, tag));
        CREATE USER TABLE app.log (line TEXT);
        CREATE STREAM TABLE app.events (id TEXT, note TEXT) WITH (TTL_SECONDS = 3600);
        CREATE SHARED TABLE app.public_items (id INT PRIMARY KEY, name TEXT) WITH (ACCESS_LEVEL = 'PUBLIC');
        CREATE SHARED TABLE app.private_items (id INT PRIMARY KEY, name TEXT);
        INSERT INTO app.public_items VALUES (1, 'pub');
        INSERT INTO app.private_items VALUES (1, 'PRIVATE-SHARED-MARK')`);
    for (const [name, mark] of Object.entries(MARKS)) {
        const client = users[name] = await server.createUser(name);
        await client.sql(`INSERT INTO app.notes VALUES (1, '${mark}', 1), (2, '${mark} two', 2), (3, '${mark} three', 3)`);
        await client.sql(`INSERT INTO app.tags VALUES (1, '${mark}'), (2, 'tag')`);
        await client.sql(`INSERT INTO app.log VALUES ('${mark}')`);
        await client.sql(`INSERT INTO app.events VALUES ('${mark}', '${mark}')`);
    }
    await users.alice.sql("INSERT INTO app.notes VALUES (100, 'ALICE-SECRET-MARK', 12345)");
});

// Everything that the other has, as the other sees it.
async function everythingOf(client) {
    const parts = [];
    for (const table of ['notes', 'tags', 'log', 'events']) {
        parts.push(await client.rows(`SELECT * FROM app.${table} ORDER BY _seq`));
    }
    return parts;
}

const READS = [
    'SELECT * FROM app.notes',
    'SELECT * FROM app.notes WHERE id = 1',
    'SELECT * FROM app.notes WHERE id = 100',
    'SELECT * FROM app.notes WHERE id IN (1, 100)',
    'SELECT * FROM app.notes WHERE id > 0 ORDER BY id DESC LIMIT 10',
    'SELECT * FROM app.notes ORDER BY _seq',
    'SELECT * FROM app.notes WHERE _deleted OR NOT _deleted',
    "SELECT * FROM app.notes WHERE title LIKE '%SECRET%' OR 1 = 1",
    'SELECT count(*), max(title), min(title), string_agg(title, \',\') FROM app.notes',
    'SELECT a.title, b.title FROM app.notes a, app.notes b',
    'SELECT a.title, t.tag FROM app.notes a LEFT JOIN app.tags t ON t.note = a.id',
    'SELECT a.title, t.tag FROM app.notes a FULL JOIN app.tags t ON false',
    'SELECT l.line, n.title FROM app.log l CROSS JOIN app.notes n',
    'SELECT p.name, n.title FROM app.public_items p LEFT JOIN app.notes n ON true',
    'SELECT (SELECT string_agg(title, \',\') FROM app.notes)',
    'SELECT id FROM app.notes WHERE title IN (SELECT tag FROM app.tags)',
    'SELECT * FROM (SELECT * FROM (SELECT * FROM app.notes) a) b',
    'WITH x AS (SELECT * FROM app.notes) SELECT * FROM x',
    'WITH x AS MATERIALIZED (SELECT * FROM app.notes) SELECT * FROM x a, x b',
    'WITH RECURSIVE x AS (SELECT id, title FROM app.notes UNION SELECT n.id, n.title FROM app.notes n JOIN x ON true) SELECT * FROM x',
    'SELECT title FROM app.notes UNION ALL SELECT tag FROM app.tags UNION ALL SELECT line FROM app.log UNION ALL SELECT note FROM app.events',
    'SELECT * FROM app.events',
    'SELECT * FROM app.log',
    'SELECT n.*, row_number() OVER () FROM app.notes n',
    'SELECT * FROM "app"."notes"',
    'SELECT * FROM kalam.app.notes',
    'SELECT * FROM APP.NOTES',
    'SHOW TABLES IN app',
    'SHOW STATS FOR TABLE app.notes',
    'DESCRIBE TABLE app.notes',
    'SELECT * FROM information_schema.tables',
    'SELECT * FROM information_schema.columns',
];

for (const sql of READS) {
    test(`reads only one's own: ${sql.slice(0, 70)}`, async () => {
        for (const [name, other] of [['alice', 'bob'], ['bob', 'alice']]) {
            const { text, status } = await users[name].sqlRaw(sql);
            assert.strictEqual(status, 200, text);
            assert.ok(!text.includes(MARKS[other]), `${name} sees ${text.slice(0, 400)}`);
            assert.ok(!text.includes('PRIVATE-SHARED-MARK'), text.slice(0, 400));
        }
    });
}

test('the same plan, used by one after the other, keeps them apart', async () => {
    // Prepared statements are cached per worker by their text: run the same text as both, many times, on all workers.
    const sql = 'SELECT title FROM app.notes WHERE id = $1';
    const scans = 'SELECT title, count(*) OVER () FROM app.notes';
    const runs = [];
    for (let i = 0; i < 100; i++) {
        for (const name of ['alice', 'bob']) {
            runs.push(users[name].rows(sql, [1]).then((rows) => assert.deepStrictEqual(rows, [[MARKS[name]]])));
            runs.push(users[name].rows(scans).then((rows) => rows.forEach(([title]) => assert.ok(title.startsWith(MARKS[name])))));
        }
    }
    await Promise.all(runs);
});

test('counts are one’s own', async () => {
    assert.strictEqual(await users.alice.value('SELECT count(*) FROM app.notes'), '4');
    assert.strictEqual(await users.bob.value('SELECT count(*) FROM app.notes'), '3');
    assert.strictEqual(await users.bob.value('SELECT count(*) FROM app.notes WHERE id = 100'), '0');
    assert.strictEqual(await users.bob.value('SELECT max(id) FROM app.notes'), 3);
});

test('admins do not see users’ rows either', async () => {
    for (const client of [root, server.admin]) {
        assert.strictEqual(await client.value('SELECT count(*) FROM app.notes'), '0');
        assert.strictEqual(await client.value('SELECT count(*) FROM app.events'), '0');
        const { text } = await client.sqlRaw('SHOW STATS FOR TABLE app.notes');
        assert.ok(!text.includes('MARK'));
    }
});

test('UPDATE changes only one’s own', async () => {
    const before = await everythingOf(users.alice);
    assert.strictEqual((await users.bob.sql('UPDATE app.notes SET n = n + 100 WHERE id > 0')).row_count, 3);
    assert.strictEqual((await users.bob.sql('UPDATE app.notes SET n = 0 WHERE id = 100')).row_count, 0);
    assert.strictEqual((await users.bob.sql(`UPDATE app.notes SET title = title || '!' WHERE title LIKE '%ALICE%'`)).row_count, 0);
    assert.strictEqual((await users.bob.sql('UPDATE app.notes SET n = (SELECT max(n) FROM app.notes) WHERE id = 1')).row_count, 1);
    assert.deepStrictEqual(await users.bob.rows('SELECT n FROM app.notes WHERE id = 1'), [[103]], 'the subquery saw his rows only');
    assert.deepStrictEqual(await everythingOf(users.alice), before);
});

test('DELETE removes only one’s own', async () => {
    const before = await everythingOf(users.alice);
    assert.strictEqual((await users.bob.sql('DELETE FROM app.notes WHERE id = 100')).row_count, 0);
    assert.strictEqual((await users.bob.sql('DELETE FROM app.notes WHERE id >= 2')).row_count, 2);
    assert.strictEqual((await users.bob.sql('DELETE FROM app.events WHERE true')).row_count, 1);
    assert.strictEqual((await users.bob.sql('DELETE FROM app.log WHERE true')).row_count, 1);
    assert.deepStrictEqual(await everythingOf(users.alice), before);
    const tombstones = await users.alice.sqlRaw('SELECT * FROM app.notes WHERE _deleted = true');
    assert.ok(!tombstones.text.includes(MARKS.bob));
});

test('INSERT .. SELECT copies only one’s own, to oneself', async () => {
    await users.bob.sql('INSERT INTO app.log SELECT title FROM app.notes');
    const lines = await users.bob.rows('SELECT line FROM app.log');
    assert.ok(lines.length > 0 && lines.every(([line]) => line.startsWith(MARKS.bob)), JSON.stringify(lines));
    assert.deepStrictEqual(await users.alice.rows('SELECT line FROM app.log'), [[MARKS.alice]]);
});

test('keys of others are free, and no error speaks of them', async () => {
    const inserted = await users.bob.sql(`INSERT INTO app.notes VALUES (100, '${MARKS.bob}', 0)`);
    assert.strictEqual(inserted.row_count, 1);
    const error = await users.bob.fails(`INSERT INTO app.notes VALUES (100, '${MARKS.bob}', 0)`);
    assert.ok(!error.answer.text.includes(MARKS.alice));
    await users.bob.sql('DELETE FROM app.notes WHERE id = 100');
    assert.deepStrictEqual(await users.alice.rows('SELECT n FROM app.notes WHERE id = 100'), [[12345]]);
});

test('user ids that are prefixes of each other, or look like key bytes, stay apart', async () => {
    const names = ['a', 'aa', 'a b', 'A', 'ab', 'a\u0001', 'a\u00ff', 'é', '100%', "o'x", 'x'.repeat(128)];
    const clients = [];
    for (const name of names) {
        const client = await server.createUser(name);
        clients.push(client);
        await client.sql('INSERT INTO app.notes VALUES ($1, $2, $3)', [1, `row of ${name}`, 1]);
    }
    for (const [i, client] of clients.entries()) {
        assert.deepStrictEqual(await client.rows('SELECT title FROM app.notes'), [[`row of ${names[i]}`]]);
        assert.strictEqual((await client.sql('UPDATE app.notes SET n = n + 1 WHERE id > 0')).row_count, 1);
    }
    for (const client of clients) {
        assert.deepStrictEqual(await client.rows('SELECT n FROM app.notes'), [[2]]);
        assert.strictEqual((await client.sql('DELETE FROM app.notes WHERE true')).row_count, 1);
    }
});

test('no statement runs as somebody else', async () => {
    for (const sql of ["EXECUTE AS USER 'alice' (SELECT * FROM app.notes)", "EXECUTE AS 'alice' (SELECT * FROM app.notes)", "SELECT * FROM app.notes AS USER 'alice'", "SET ROLE 'alice'", "SET SESSION AUTHORIZATION 'alice'", 'SELECT * FROM app.notes."alice"', 'SELECT * FROM alice.app.notes']) {
        const { text, status } = await users.bob.sqlRaw(sql);
        assert.ok(status >= 400, `${sql}: ${text}`);
        assert.ok(!text.includes(MARKS.alice));
    }
    const answer = await users.bob.post('/v1/api/sql', { sql: 'SELECT CURRENT_USER', user: 'alice', user_id: 'alice', as_user: 'alice' }, { headers: { 'x-user-id': 'alice' } });
    assert.strictEqual(answer.json.results[0].rows[0][0], 'bob');
});

test('a dropped and recreated user table starts empty for everyone', async () => {
    await root.results('CREATE USER TABLE app.short (id INT PRIMARY KEY, t TEXT)');
    await users.alice.sql(`INSERT INTO app.short VALUES (1, '${MARKS.alice}')`);
    await root.results('DROP TABLE app.short; CREATE USER TABLE app.short (id INT PRIMARY KEY, t TEXT)');
    for (const client of [users.alice, users.bob]) {
        assert.deepStrictEqual(await client.rows('SELECT * FROM app.short'), []);
        assert.deepStrictEqual(await client.rows('SELECT * FROM app.short WHERE _deleted = true'), []);
    }
});

test('system tables, errors and the health page hold no user’s rows', async () => {
    const tables = (await root.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'system'")).map(([name]) => name);
    assert.ok(tables.length > 5, tables.join());
    for (const table of tables) {
        const { text, status } = await root.sqlRaw(`SELECT * FROM system.${table}`);
        assert.strictEqual(status, 200, `${table}: ${text}`);
        assert.ok(!text.includes('SECRET-MARK'), `system.${table}`);
    }
    const failed = await users.alice.sqlRaw("INSERT INTO app.notes SELECT id, title, n FROM app.notes");
    assert.strictEqual(failed.status, 400);
    assert.ok(!failed.text.includes(MARKS.bob));
});
