// wall.test.js - the tenant wall, attacked construct by construct over HTTP: a row per attack, sent by a user and by a dba. An
// attack is refused, or gives its sender what is the sender's own and nothing else. Files and the network have security.test.js
// besides; core.wall makes statements by machine.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { useServer } = require('../lib/server.js');

const server = useServer(test);
const MARKS = { alice: 'MARK-OF-ALICE', bob: 'MARK-OF-BOB', dora: 'MARK-OF-DORA' };
const CLOSED = 'MARK-OF-NOBODY';
const FILE = 'MARK-IN-A-FILE';
const people = {};
let bait;

test.before(async () => {
    await server.ready;
    bait = path.join(server.dir, 'bait.csv');
    fs.writeFileSync(bait, `id,body\n1,${FILE}\n`);
    await server.root.results(`CREATE NAMESPACE app;
        CREATE USER TABLE app.notes (id INT PRIMARY KEY, body TEXT, n BIGINT);
        CREATE SHARED TABLE app.closed (id INT PRIMARY KEY, body TEXT);
        CREATE SHARED TABLE app.mine (id INT PRIMARY KEY, owner TEXT, body TEXT) WITH (ACCESS_LEVEL = 'PUBLIC');
        CREATE POLICY own ON app.mine USING (owner = CURRENT_USER) WITH CHECK (owner = CURRENT_USER);
        CREATE STREAM TABLE app.events (id TEXT PRIMARY KEY, body TEXT) WITH (TTL_SECONDS = 3600);
        CREATE VIEW app.v1 AS SELECT id, body FROM app.notes;
        CREATE VIEW app.v2 AS SELECT v.id, v.body, m.body AS other FROM app.v1 v LEFT JOIN app.mine m ON true;
        CREATE VIEW app.v3 AS SELECT * FROM app.v2 UNION ALL SELECT id, body, owner FROM app.mine;
        CREATE VIEW app.vc AS SELECT id, body FROM app.closed;
        INSERT INTO app.closed VALUES (1, '${CLOSED}')`);
    for (const [name, role] of [['alice', 'user'], ['bob', 'user'], ['dora', 'dba']]) {
        people[name] = await server.createUser(name, role);
        await people[name].results(`INSERT INTO app.notes VALUES (1, '${MARKS[name]}', 5), (2, '${MARKS[name]} too', 6);
            INSERT INTO app.events VALUES ('e', '${MARKS[name]}')`);
        const key = 1 + Object.keys(people).length;
        await people[name].sql(`INSERT INTO app.mine VALUES (${key}, '${name}', '${MARKS[name]}')`);
    }
});

// What a sender must never see. A dba reads shared tables and policies' rows by right: bob's USER rows and files never.
function forbidden(name) {
    return name === 'alice' ? [MARKS.bob, MARKS.dora, CLOSED, FILE] : [FILE];
}

const OWN = 'own'; // succeeds, with the sender's mark and no other's
const EMPTY = 'empty'; // succeeds, with no mark at all
const REFUSED = 'refused';

// construct: [[statement, what a user gets, what a dba gets (the same, if not said), parameters], ..]
const ATTACKS = {
    'quoted path names': [
        [`SELECT * FROM "${'{bait}'}"`, REFUSED], [`SELECT * FROM '${'{bait}'}'`, REFUSED], [`SELECT * FROM app."${'{bait}'}"`, REFUSED], [`SELECT * FROM "file:{bait}"`, REFUSED],
        ['SELECT * FROM "/etc/passwd"', REFUSED], ['SELECT * FROM app."../app/notes"', REFUSED], ['SELECT * FROM "s3://x/y.parquet"', REFUSED], ['SELECT * FROM "http://127.0.0.1:1/x.csv"', REFUSED],
        ['SELECT * FROM "app/notes.parquet"', REFUSED], [`INSERT INTO "{bait}" VALUES (1)`, REFUSED], [`UPDATE "{bait}" SET id = 1 WHERE true`, REFUSED], [`SELECT * FROM U&"\\002Fetc\\002Fpasswd"`, REFUSED],
    ],
    'nested views': [
        ['SELECT * FROM app.v1', OWN], ['SELECT id, body FROM app.v2', OWN], ['SELECT body FROM app.v2 WHERE other IS NOT NULL', OWN], ['SELECT count(*) FROM app.v3', EMPTY], ['SELECT a.body FROM app.v1 a, app.v1 b', OWN],
        ['SELECT * FROM (SELECT * FROM app.v1) x', OWN], ['SELECT * FROM app.v1 WHERE body IN (SELECT body FROM app.v1)', OWN], ['WITH v1 AS (SELECT * FROM app.v1) SELECT * FROM v1', OWN],
        ['SELECT id FROM app.vc', REFUSED, EMPTY], ['SELECT (SELECT max(body) FROM app.vc)', REFUSED, 'any'], ['INSERT INTO app.v1 VALUES (9, \'x\')', REFUSED], ['UPDATE app.v1 SET body = \'x\' WHERE id = 1', REFUSED], ['DELETE FROM app.v2 WHERE true', REFUSED],
        ['CREATE VIEW app.evil AS SELECT * FROM app.closed', REFUSED, 'skip'], ['CREATE OR REPLACE VIEW app.v1 AS SELECT id, body FROM app.closed', REFUSED, 'skip'], ['DROP VIEW app.v1', REFUSED, 'skip'],
    ],
    'CTEs that take a name': [
        ['WITH notes AS (SELECT 1 AS id) SELECT * FROM notes', EMPTY], ['WITH notes AS (SELECT * FROM app.notes) SELECT body FROM notes', OWN], ['WITH closed AS (SELECT * FROM app.notes) SELECT body FROM closed', OWN],
        ['WITH closed AS (SELECT * FROM app.notes) SELECT body FROM app.closed', REFUSED, 'any'], ['WITH app AS (SELECT 1) SELECT * FROM app.closed', REFUSED, 'any'], ['WITH notes AS (SELECT * FROM app.closed) SELECT 1 FROM notes', REFUSED, 'any'],
        ['WITH RECURSIVE notes AS (SELECT id, body FROM app.notes UNION ALL SELECT id + 10, body FROM notes WHERE id < 20) SELECT body FROM notes', OWN],
        ['WITH a AS (WITH closed AS (SELECT 1 AS id) SELECT * FROM closed) SELECT * FROM a', EMPTY], ['WITH a AS (SELECT 1 AS id) SELECT * FROM (WITH a AS (SELECT body FROM app.notes) SELECT * FROM a) x', OWN],
        ['WITH a AS (SELECT 1), a AS (SELECT 2) SELECT * FROM a', REFUSED], ['WITH a AS (SELECT * FROM b), b AS (SELECT * FROM app.closed) SELECT * FROM a', REFUSED], ['WITH "app.closed" AS (SELECT 7 AS id) SELECT * FROM "app.closed"', EMPTY],
        ['WITH x AS (DELETE FROM app.notes WHERE true RETURNING *) SELECT * FROM x', REFUSED], ['WITH kdb_cte_0 AS (SELECT body FROM app.notes) SELECT * FROM kdb_cte_0', OWN],
    ],
    'LATERAL and aliases that take a name': [
        ['SELECT closed.body FROM app.notes closed', OWN], ['SELECT l.* FROM app.notes n CROSS JOIN LATERAL (SELECT n.body) l', OWN], ['SELECT l.* FROM app.notes n CROSS JOIN LATERAL (SELECT body FROM app.closed) l', REFUSED, 'any'],
        ['SELECT n.body FROM app.notes n JOIN LATERAL (SELECT * FROM app.notes m WHERE m.id = n.id) l ON true', OWN], ['SELECT app.body FROM app.notes app', OWN], ['SELECT users.body FROM app.notes AS users', OWN],
        ['SELECT * FROM app.notes n, LATERAL read_csv(n.body) c', REFUSED], [`SELECT * FROM app.notes n, LATERAL read_text('{bait}') c`, REFUSED], ['SELECT "app.closed".body FROM app.notes AS "app.closed"', OWN],
    ],
    'case and Unicode': [
        ['SELECT body FROM APP.NOTES', OWN], ['SELECT BODY FROM App.Notes', OWN], ['SELECT body FROM "app"."notes"', OWN], ['SELECT body FROM APP.CLOSED', REFUSED, 'any'], ['SELECT body FROM app.Closed', REFUSED, 'any'],
        ['SELECT body FROM app.ｃlosed', REFUSED], ['SELECT body FROM app.closed\u200b', REFUSED], ['SELECT body FROM app."closed\u0000"', REFUSED], ['SELECT body FROM app.clo\u017fed', REFUSED], ['SELECT body FROM app.nötes', REFUSED], ['SELECT body FROM U&"app".U&"\\0063losed"', REFUSED, 'any'],
        ['SELECT body FROM kalam.app.closed', REFUSED, 'any'], ['SELECT body FROM\u00a0app.closed', REFUSED], ['\ufeffSELECT body FROM app.closed', REFUSED, 'any'], ['SELECT * FROM SYSTEM.USERS', REFUSED, 'any'], ['SELECT * FROM "System"."Users"', REFUSED, 'any'], ['SELECT * FROM system_users', REFUSED, 'any'],
    ],
    'comments and dollar quotes': [
        ['SELECT body FROM app./**/closed', REFUSED, 'any'], ['SELECT body FROM app.notes -- \n, app.closed', REFUSED, 'any'], ['SELECT body FROM app.notes /* , app.closed */', OWN], ['SELECT body /* /* nested */ */ FROM app.notes', OWN],
        ['SELECT $$x$$ AS t, body FROM app.notes', OWN], ["SELECT $a$'; SELECT * FROM app.closed; --$a$", EMPTY], ['SELECT * FROM $$app.closed$$', REFUSED], ['DO $$ SELECT 1 $$', REFUSED], ["SELECT 'a' /*", REFUSED], ["SELECT 'a", REFUSED], ['SELECT $a$ x $b$', REFUSED],
        ["SELECT E'\\'; SELECT body FROM app.closed; --'", EMPTY], ['SELECT 1; SELECT body FROM app.closed', REFUSED, 'any'], ['SELECT body FROM app.notes;;', OWN], ['/* */', REFUSED], [';', REFUSED],
    ],
    EXPLAIN: [
        ['EXPLAIN SELECT body FROM app.notes', EMPTY], ['EXPLAIN ANALYZE SELECT body FROM app.notes', EMPTY], ['EXPLAIN SELECT body FROM app.closed', REFUSED, EMPTY], ['EXPLAIN ANALYZE SELECT body FROM app.closed', REFUSED, EMPTY], ['EXPLAIN SELECT * FROM system.users', REFUSED, 'any'],
        [`EXPLAIN COPY app.notes TO '{bait}.out'`, REFUSED], [`EXPLAIN ANALYZE COPY app.notes TO '{bait}.out'`, REFUSED], [`EXPLAIN SELECT * FROM read_csv('{bait}')`, REFUSED], ['EXPLAIN (FORMAT json) SELECT 1', REFUSED], ['EXPLAIN EXPLAIN SELECT 1', REFUSED], ['EXPLAIN ANALYZE DROP TABLE app.notes', REFUSED],
        ['EXPLAIN EXECUTE AS USER \'bob\' (SELECT body FROM app.notes)', REFUSED],
    ],
    'parameters where names belong': [
        ['SELECT * FROM $1', REFUSED, REFUSED, ['app.closed']], ['SELECT * FROM app.$1', REFUSED, REFUSED, ['closed']], ['SELECT * FROM "$1"', REFUSED, REFUSED, ['app.closed']], ['SELECT $1 FROM app.notes', EMPTY, EMPTY, ['body']], ['SELECT "$1" FROM app.notes', REFUSED, REFUSED, ['body']],
        ['SELECT body FROM app.notes ORDER BY $1', 'any', 'any', ['(SELECT body FROM app.closed)']], ['SELECT body FROM app.notes WHERE body = $1', EMPTY, EMPTY, ["x' OR '1'='1"]], ['SELECT body FROM app.notes LIMIT $1', 'any', 'any', ['1; DROP TABLE app.notes']], ['INSERT INTO $1 VALUES (1)', REFUSED, REFUSED, ['app.notes']],
        ['SELECT read_text($1)', REFUSED, REFUSED, ['/etc/passwd']], ['SELECT * FROM read_csv($1)', REFUSED, REFUSED, ['/etc/passwd']], ["EXECUTE AS USER $1 (SELECT body FROM app.notes)", REFUSED, REFUSED, ['bob']], ['SELECT $1::regclass', REFUSED, REFUSED, ['app.closed']], ['SELECT body FROM app.notes WHERE $1', 'any', 'any', ['true OR EXISTS (SELECT 1 FROM app.closed)']],
        ['USE $1', REFUSED, REFUSED, ['system']], ['SET $1 = 1', REFUSED, REFUSED, ['threads']],
    ],
    'functions that run SQL text': [
        ["SELECT * FROM query('SELECT body FROM app.closed')", REFUSED], ["SELECT * FROM query_table('app.closed')", REFUSED], ["SELECT query_to_xml('SELECT body FROM app.closed', true, true, '')", REFUSED], ["SELECT json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", REFUSED], ["SELECT * FROM json_execute_serialized_sql('{}')", REFUSED],
        ["SELECT dblink('dbname=x', 'SELECT 1')", REFUSED], ["SELECT sql_auto_complete('SEL')", REFUSED], ["SELECT parse_sql('SELECT 1')", REFUSED], ["EXECUTE 'SELECT 1'", REFUSED], ["PREPARE p AS SELECT 1", REFUSED], ["SELECT table_to_xml('app.closed', true, true, '')", REFUSED], ["CALL query('SELECT 1')", REFUSED], ["SELECT cursor_to_xml('x', 1, true, true, '')", REFUSED],
    ],
    'the engine’s own': [
        ['SELECT * FROM duckdb_tables()', REFUSED], ['SELECT * FROM pragma_table_info(\'notes\')', REFUSED], ['SELECT * FROM sqlite_master', REFUSED], ['SELECT * FROM main.notes', REFUSED], ['SELECT * FROM temp.notes', REFUSED], ['SELECT * FROM kdb_scan(0)', REFUSED], ['PRAGMA database_list', REFUSED], ['SET threads = 1', REFUSED], ['SET search_path TO main', REFUSED], ['ATTACH \':memory:\' AS m', REFUSED], ['INSTALL httpfs', REFUSED], ['LOAD httpfs', REFUSED], ['CALL duckdb_settings()', REFUSED],
        ['SELECT current_setting(\'threads\')', REFUSED], ['SELECT _key FROM app.notes', REFUSED], ['SELECT rowid FROM app.notes', REFUSED], ['SUMMARIZE app.notes', REFUSED], ['SHOW TABLES FROM memory', REFUSED], ['DESCRIBE SELECT * FROM app.closed', REFUSED], ['PIVOT app.notes ON id', REFUSED], ['FROM app.notes SELECT body', REFUSED], [`COPY (SELECT 1) TO '{bait}.out'`, REFUSED],
    ],
    'acting as others': [
        ["EXECUTE AS USER 'bob' (SELECT body FROM app.notes)", REFUSED, 'skip'], ["EXECUTE AS USER 'BOB' (SELECT body FROM app.notes)", REFUSED, 'any'], ["EXECUTE AS USER 'root' (SELECT * FROM system.users)", REFUSED], ["EXECUTE AS USER 'alice' (SELECT * FROM app.closed)", REFUSED], ["EXECUTE AS USER 'bob' (EXECUTE AS USER 'alice' (SELECT 1))", REFUSED],
        ["EXECUTE AS USER 'alice' (SELECT 1; SELECT body FROM app.closed)", REFUSED], ["EXECUTE AS USER 'alice') (SELECT 1", REFUSED], ["EXECUTE AS USER 'bo' 'b' (SELECT body FROM app.notes)", REFUSED], ["SELECT body FROM app.notes AS USER 'bob'", REFUSED], ["SET ROLE bob", REFUSED], ["SET SESSION AUTHORIZATION 'bob'", REFUSED], ["SELECT set_config('role', 'bob', true)", REFUSED],
        ["INSERT INTO app.mine VALUES (77, 'bob', 'planted')", REFUSED, 'skip'], ["UPDATE app.mine SET owner = 'bob' WHERE owner = 'alice'", REFUSED, 'skip'], ["SELECT body FROM app.notes WHERE user_id = 'bob'", REFUSED],
    ],
    'errors and counts that tell': [
        ["SELECT CAST(body AS INT) FROM app.mine WHERE owner <> CURRENT_USER", EMPTY, 'any'], ["SELECT 1 / (CASE WHEN owner = 'bob' THEN 0 ELSE 1 END) FROM app.mine", EMPTY, 'any'], ["SELECT count(*) FROM app.mine WHERE body LIKE 'MARK-OF-B%'", EMPTY, 'any'], ["SELECT body FROM app.mine WHERE _deleted = true OR true", OWN, 'any'], ["SELECT body FROM app.mine ORDER BY (SELECT count(*) FROM app.mine)", OWN, 'any'],
        ["INSERT INTO app.mine VALUES (3, 'alice', 'x') ON CONFLICT (id) DO UPDATE SET body = excluded.body || app.mine.body RETURNING *", REFUSED, 'skip'], ["DELETE FROM app.mine WHERE id = 3 RETURNING *", EMPTY, 'skip'], ["UPDATE app.mine SET body = 'x' WHERE id = 3 RETURNING *", EMPTY, 'skip'], ['SHOW STATS FOR TABLE app.closed', 'any'], ['SELECT max(body) OVER () FROM app.mine', OWN, 'any'],
    ],
};

function judge(name, sql, expected, answer) {
    const told = `${name}: ${sql}\n  ${answer.status} ${answer.text.slice(0, 400)}`;
    for (const mark of forbidden(name)) {
        assert.ok(!answer.text.includes(mark), `${mark} reached ${told}`);
    }
    if (name === 'dora' && !/app\.(mine|v2|v3)/i.test(sql)) { // a dba's USER rows are the dba's own
        assert.ok(!answer.text.includes(MARKS.alice) && !answer.text.includes(MARKS.bob), told);
    }
    if (expected === REFUSED) {
        assert.ok(answer.status === 400 || answer.status === 403, told);
        assert.strictEqual(answer.json.status, 'error', told);
    } else if (expected === OWN || expected === EMPTY) {
        assert.strictEqual(answer.status, 200, told);
        assert.strictEqual(answer.text.includes(MARKS[name]), expected === OWN, told);
    }
}

for (const [construct, rows] of Object.entries(ATTACKS)) {
    test(`${construct}: ${rows.length} attacks`, async () => {
        for (const [text, asUser, asDba = asUser, params] of rows) {
            const sql = text.replaceAll('{bait}', bait);
            judge('alice', sql, asUser, await people.alice.sqlRaw(sql, params));
            if (asDba !== 'skip') {
                judge('dora', sql, asDba, await people.dora.sqlRaw(sql, params));
            }
        }
    });
}

test('after all of it everybody’s rows are as they were, and no file was made', async () => {
    assert.deepStrictEqual(await people.bob.rows('SELECT id, body, n FROM app.notes ORDER BY id'), [[1, MARKS.bob, '5'], [2, `${MARKS.bob} too`, '6']]);
    assert.deepStrictEqual(await people.bob.rows('SELECT body FROM app.events'), [[MARKS.bob]]);
    assert.deepStrictEqual(await people.bob.rows('SELECT owner, body FROM app.mine'), [['bob', MARKS.bob]]);
    assert.deepStrictEqual(await server.root.rows('SELECT body FROM app.closed'), [[CLOSED]]);
    assert.deepStrictEqual(fs.readdirSync(server.dir).sort(), ['bait.csv', 'data']);
});

test('names of users that are near each other are different users', async () => {
    const names = ['al', 'alice2', 'Alice', 'ALICE', 'alic\u00e9', 'alice\u0301', 'a', 'alice ', ' alice', 'alice%', 'ali_e', 'аlice', 'alice\u200b', 'alice.notes', 'alice:1', '日本'];
    const clients = [];
    for (const [i, name] of names.entries()) {
        const client = await server.createUser(name);
        await client.sql('INSERT INTO app.notes VALUES (1, $1, 0)', [`only ${i}`]);
        clients.push(client);
    }
    for (const [i, client] of clients.entries()) {
        assert.deepStrictEqual(await client.rows('SELECT body FROM app.notes'), [[`only ${i}`]], names[i]);
        assert.deepStrictEqual(await client.rows('SELECT body FROM app.notes WHERE id >= 0'), [[`only ${i}`]], names[i]);
    }
    assert.deepStrictEqual(await people.alice.rows('SELECT body FROM app.notes ORDER BY id'), [[MARKS.alice], [`${MARKS.alice} too`]]);
});
