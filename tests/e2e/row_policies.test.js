// row_policies.test.js - two users of one SHARED table with policies: whatever a statement says, no answer to one holds the
// other's mark, nothing of the other's changes, and after a kill the policies are still there.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer } = require('../lib/server.js');

const server = useServer(test);
const MARKS = { alice: 'ALICE-POLICY-MARK', bob: 'BOB-POLICY-MARK' };
const users = {};
let root;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.results(`CREATE NAMESPACE app;
        CREATE SHARED TABLE app.docs (id INT PRIMARY KEY, owner TEXT NOT NULL DEFAULT CURRENT_USER, title TEXT, n INT);
        CREATE VIEW app.titles AS SELECT id, title FROM app.docs;
        CREATE VIEW app.summary AS SELECT count(*) AS c, string_agg(title, ',') AS all_titles FROM app.titles;
        CREATE POLICY own ON app.docs TO user USING (owner = CURRENT_USER)`);
    let id = 0;
    for (const [name, mark] of Object.entries(MARKS)) {
        users[name] = await server.createUser(name);
        for (let i = 0; i < 5; i++) {
            await users[name].sql('INSERT INTO app.docs (id, title, n) VALUES ($1, $2, $3)', [++id, `${mark} ${i}`, i]);
        }
    }
});

const STATEMENTS = [
    'SELECT * FROM app.docs',
    'SELECT * FROM app.docs WHERE id = 1',
    'SELECT * FROM app.docs WHERE id = 7',
    'SELECT * FROM app.docs WHERE id IN (1, 2, 6, 7)',
    'SELECT * FROM app.docs WHERE _deleted OR NOT _deleted',
    'SELECT * FROM app.docs ORDER BY _seq DESC LIMIT 3',
    'SELECT * FROM app.docs ORDER BY title LIMIT 3',
    "SELECT * FROM app.docs WHERE title LIKE '%MARK%' OR true",
    "SELECT string_agg(title, ',') AS t, count(*) AS c, max(title) AS m FROM app.docs",
    'SELECT a.title, b.title AS other FROM app.docs a FULL JOIN app.docs b ON a.n = b.n',
    'WITH docs AS (SELECT * FROM app.docs) SELECT * FROM docs',
    'SELECT * FROM app.titles',
    'SELECT * FROM app.summary',
    'SELECT x.* FROM app.titles x, LATERAL (SELECT title FROM app.docs d WHERE d.id <> x.id) y',
    'SELECT CAST(title AS INT) AS n FROM app.docs',
    'SELECT CAST(title AS INT) AS n FROM app.docs WHERE id > 100',
    "SELECT CASE WHEN owner <> CURRENT_USER THEN CAST(title AS INT) ELSE 0 END AS n FROM app.docs",
    'SELECT 1 / (n - 3) AS n, title FROM app.docs WHERE owner <> CURRENT_USER',
    'EXPLAIN ANALYZE SELECT * FROM app.docs',
    'EXPLAIN VERBOSE SELECT title FROM app.docs GROUP BY title',
    'SHOW STATS FOR TABLE app.docs',
    'UPDATE app.docs SET title = title WHERE true RETURNING *',
    "UPDATE app.docs SET n = n + 1 WHERE CAST(title AS INT) = 1",
    "INSERT INTO app.docs (id, title) VALUES (1, 'x'), (6, 'x') ON CONFLICT (id) DO UPDATE SET title = docs.title RETURNING *",
    "INSERT INTO app.docs (id, title) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET title = 'y' WHERE docs.title LIKE '%MARK%' RETURNING *",
    "INSERT INTO app.docs (id, title) VALUES (6, 'x') ON CONFLICT (id) DO UPDATE SET title = docs.owner || docs.title RETURNING title",
    "INSERT INTO app.docs (id, title) VALUES (1, 'x'), (6, 'x') ON CONFLICT (id) DO NOTHING RETURNING *",
    "INSERT INTO app.docs SELECT id + 1000, owner, title, n FROM app.docs RETURNING *",
    'DELETE FROM app.docs WHERE id > 1000 RETURNING *',
    "BEGIN; INSERT INTO app.docs (id, title) VALUES (2000, 'mine'); SELECT * FROM app.docs; ROLLBACK",
    "BEGIN; DELETE FROM app.docs WHERE true; SELECT count(*) AS c FROM app.docs; ROLLBACK",
];

function rowsOf(name) {
    return root.rows("SELECT id, owner, title FROM app.docs WHERE owner = $1 ORDER BY id", [name]);
}

for (const [me, them] of [['alice', 'bob'], ['bob', 'alice']]) {
    test(`${me} never meets a row of ${them}`, async () => {
        const before = await rowsOf(them);
        for (const sql of STATEMENTS) {
            for (let again = 0; again < 3; again++) { // planned, kept, from memory
                const answer = await users[me].sqlRaw(sql);
                assert.ok(!answer.text.includes(MARKS[them]), `${sql}: ${answer.text}`);
            }
            assert.deepStrictEqual(await rowsOf(them), before, sql);
        }
    });
}

test('rows cannot be written for others, nor given to them', async () => {
    const { alice } = users;
    for (const sql of [
        "INSERT INTO app.docs (id, owner, title) VALUES (3000, 'bob', 'forged')",
        "UPDATE app.docs SET owner = 'bob' WHERE id = 1",
        "INSERT INTO app.docs (id, title) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET owner = 'bob'",
    ]) {
        const error = await alice.fails(sql);
        assert.strictEqual(error.code, 'PERMISSION_DENIED', sql);
        assert.match(error.message, /new row violates row-level security policy for table 'app\.docs'/);
    }
});

test('policies survive a kill and count from the first statement', async () => {
    const before = await users.bob.rows('SELECT id, title FROM app.docs ORDER BY id');
    assert.strictEqual(before.length, 5);
    await server.restart({ kill: true });
    const bob = await server.signIn('bob');
    const again = await server.signIn('root');
    assert.deepStrictEqual(await bob.rows('SELECT id, title FROM app.docs ORDER BY id'), before);
    assert.deepStrictEqual(await again.rows('SELECT policy_name, roles, command, using_expr FROM system.policies'),
        [['own', 'user', 'ALL', 'owner = CURRENT_USER']]);
    await again.sql('DROP POLICY own ON app.docs');
    const error = await bob.fails('SELECT id FROM app.docs');
    assert.match(error.message, /access_level=Private/);
});
