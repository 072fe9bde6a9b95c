// functions.test.js - the server's own functions through a real server: JSON paths over good and bad documents, vectors and
// their distances, the clock and the session, and the operators whose meaning is PostgreSQL's (SQL reference sections 5, 13).
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer } = require('../lib/server.js');

const server = useServer(test);
let alice;

const DOC = '{"a":{"b":[10,20,{"c":"x"}]},"s":"str","n":5,"f":1.5,"t":true,"z":null,"a/b":1,"m~n":2,"big":9223372036854775807,"huge":18446744073709551615}';

test.before(async () => {
    await server.ready;
    await server.root.sql('CREATE NAMESPACE app');
    alice = await server.createUser('alice');
    await alice.sql('CREATE USER TABLE app.d (id INT PRIMARY KEY, doc JSON, k TEXT, i INT, day DATE, v EMBEDDING(3))');
    await alice.sql("INSERT INTO app.d VALUES (1, $1, 'a', 1, '2026-03-08', '[1,0,0]'), (2, 'not json', 'a', 0, NULL, '[0,1,0]'), (3, NULL, NULL, NULL, NULL, NULL), (4, '[1,[2,3]]', '1', -1, NULL, '[-2,0,0]')", [DOC]);
});

const one = (expression, params) => alice.value(`SELECT ${expression} AS v FROM app.d WHERE id = 1`, params);

// expression -> value for the good document; every one is NULL (false for json_contains) where there is no such document.
const PATHS = {
    "json_get(doc, 'a', 'b', 2, 'c')": '"x"', "json_get_str(doc, 'a', 'b', 2, 'c')": 'x', "json_get_int(doc, 'a', 'b', 0)": '10', "json_get_int(doc, 'a', 'b', -2)": '20', "json_get_int(doc, 'big')": '9223372036854775807',
    "json_get_int(doc, 'huge')": null, "json_get_int(doc, 's')": null, "json_get_int(doc, 'f')": null, "json_get_float(doc, 'f')": 1.5, "json_get_float(doc, 'n')": 5, "json_get_float(doc, 's')": null, "json_get_bool(doc, 't')": true, "json_get_bool(doc, 'n')": null,
    "json_get_str(doc, 'n')": null, "json_get_json(doc, 'a')": '{"b":[10,20,{"c":"x"}]}', "json_get_array(doc, 'a', 'b')": '[10,20,{"c":"x"}]', "json_get_array(doc, 'a')": null, "json_as_text(doc, 's')": 'str', "json_as_text(doc, 'a', 'b', 1)": '20',
    "json_length(doc, 'a', 'b')": '3', "json_length(doc, 'a')": '1', "json_length(doc, 'n')": null, "json_object_keys(doc, 'a')": '["b"]', "doc -> 'a' -> 'b' -> 1": '20', "doc -> 'a' -> 'b' -> 2 ->> 'c'": 'x', "doc ->> 's'": 'str', "doc ->> 'nope'": null, "doc ->> 'z'": null,
    "doc -> 'a/b'": '1', "doc -> 'm~n'": '2', "doc ->> 'big'": '9223372036854775807', 'doc -> k': '{"b":[10,20,{"c":"x"}]}', "json_get(doc, k, 'b', i)": '20',
};

test('JSON paths of keys and indexes', async () => {
    for (const [expression, wanted] of Object.entries(PATHS)) {
        assert.deepStrictEqual(await one(expression), wanted, expression);
        assert.deepStrictEqual(await alice.rows(`SELECT ${expression} AS v FROM app.d WHERE id IN (2, 3)`), [[null], [null]], `${expression} of what is no document`);
    }
    assert.deepStrictEqual(await one('json_get(doc, $1, $2)', ['a', 'b']), '[10,20,{"c":"x"}]');
    assert.deepStrictEqual(await alice.rows("SELECT doc -> -1, doc -> 1 -> 0, json_get_int(doc, 0), json_length(doc) FROM app.d WHERE id = 4"), [['[2,3]', '2', '1', '2']]);
});

test('json_contains and ? say whether a key is there', async () => {
    assert.deepStrictEqual(await alice.rows("SELECT doc ? 'z', doc ? 'nope', json_contains(doc, 'a', 'b', 2), json_contains(doc, 'a', 'b', 3) FROM app.d WHERE id = 1"), [[true, false, true, false]]);
    assert.deepStrictEqual(await alice.rows("SELECT id FROM app.d WHERE doc ? 's'"), [[1]]);
    assert.deepStrictEqual(await alice.rows("SELECT id FROM app.d WHERE doc ->> 's' = 'str' AND json_get_int(doc, 'n') > 4"), [[1]]);
});

test('JSON functions refuse what is no path', async () => {
    for (const sql of ['SELECT json_get() AS v', 'SELECT json_get(doc, 1.5) FROM app.d', 'SELECT json_contains(doc) FROM app.d', "SELECT doc ->> 'n' = 5 FROM app.d"]) {
        assert.match((await alice.fails(sql)).text, /does not take|text or an integer|operator does not exist/, sql);
    }
});

test('COSINE_DISTANCE by scan', async () => {
    assert.deepStrictEqual(await alice.rows("SELECT id, COSINE_DISTANCE(v, '[2,0,0]') AS d FROM app.d ORDER BY COSINE_DISTANCE(v, '[2,0,0]'), id"), [[1, 0], [2, 1], [4, 2], [3, null]]);
    assert.deepStrictEqual(await alice.rows('SELECT id FROM app.d ORDER BY COSINE_DISTANCE(v, $1) LIMIT 1', ['[0,3,0]']), [[2]]);
    assert.deepStrictEqual(await alice.rows('SELECT id FROM app.d WHERE COSINE_DISTANCE(v, ARRAY[1, 0, 0]) < 0.5'), [[1]]);
    assert.deepStrictEqual(await alice.rows("SELECT COSINE_DISTANCE('[0,0]', '[1,2]') AS d"), [[1]], 'a vector of zeros has no direction');
    for (const [args, text] of [['v', /COSINE_DISTANCE\(\) expects exactly 2 arguments/], ["v, '[1,0]'", /COSINE_DISTANCE\(\) dimension mismatch: row has 3, query has 2/], ["v, '[]'", /COSINE_DISTANCE\(\) query vector cannot be empty/],
        ['v, NULL', /COSINE_DISTANCE\(\) query vector cannot be NULL/], ["id, '[1]'", /COSINE_DISTANCE\(\) takes vectors, not INT/]]) {
        assert.match((await alice.fails(`SELECT COSINE_DISTANCE(${args}) AS d FROM app.d`)).text, text, args);
    }
    assert.match((await alice.fails("SELECT * FROM vector_search('app.d', 'v', '[1,0,0]', 3)")).text, /vector_search\(\) is not available yet/);
});

test('one clock per statement', async () => {
    assert.deepStrictEqual(await alice.rows('WITH x AS (SELECT now() AS n FROM app.d) SELECT count(DISTINCT n), max(n) = now(), (SELECT now()) = CURRENT_TIMESTAMP FROM x'), [['1', true, true]]);
    await alice.sql('CREATE USER TABLE app.clock (id INT PRIMARY KEY, a TIMESTAMP, b TIMESTAMP DEFAULT NOW(), c BIGINT DEFAULT SNOWFLAKE_ID(), d TEXT DEFAULT ULID(), e TEXT DEFAULT UUID_V7(), f TEXT DEFAULT CURRENT_USER)');
    await alice.sql(`INSERT INTO app.clock (id, a) VALUES ${Array.from({ length: 50 }, (_, i) => `(${i}, now())`).join()}`);
    assert.deepStrictEqual(await alice.rows('SELECT count(DISTINCT a), count(DISTINCT b), count(DISTINCT c), count(DISTINCT d), count(DISTINCT e), min(f), bool_and(a = b) FROM app.clock'), [['1', '1', '50', '50', '50', 'alice', true]]);
    assert.deepStrictEqual(await alice.rows('SELECT CURRENT_USER, CURRENT_USER(), CURRENT_USER_ID(), CURRENT_ROLE, CURRENT_ROLE()'), [['alice', 'alice', 'alice', 'user', 'user']]);
    assert.deepStrictEqual(await alice.rows('SELECT count(DISTINCT snowflake_id()), count(DISTINCT uuid_v7()), count(DISTINCT ulid()) FROM app.clock'), [['50', '50', '50']]);
});

test("PostgreSQL's meaning of operators", async () => {
    assert.deepStrictEqual(await alice.rows("SELECT 7 / 2, -7 / 2, -7 % 3, 7 / 2.0, 'abc' ~ 'B', 'abc' ~* 'B', 'abc' !~ 'b', 'abc' !~* 'Z', 'abc' SIMILAR TO '(a|b)%', 'a' || 'b'"), [['3', '-3', '-1', 3.5, false, true, false, true, true, 'ab']]);
    assert.deepStrictEqual(await alice.rows("SELECT extract(year FROM day), extract(dow FROM day), extract(isodow FROM day), extract(doy FROM day), extract(week FROM day), extract(quarter FROM day) FROM app.d WHERE id = 1"), [['2026', '0', '7', '67', '10', '1']]);
    const truncated = await alice.sql("SELECT date_trunc('month', day) AS m FROM app.d WHERE id = 1");
    assert.deepStrictEqual([truncated.schema[0].data_type, truncated.rows], ['Timestamp', [[Date.parse('2026-03-01T00:00:00Z') * 1000]]]);
    assert.deepStrictEqual(await alice.rows("SELECT string_agg(k, ',' ORDER BY id DESC), array_agg(id ORDER BY id), array_agg(k ORDER BY id), median(id), stddev(id) > 1, var_pop(id), approx_distinct(id) FROM app.d"), [['1,a,a', '[1,2,3,4]', '["a","a",null,"1"]', 2.5, true, 1.25, '4']]);
});
