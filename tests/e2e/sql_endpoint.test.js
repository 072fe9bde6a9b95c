// sql_endpoint.test.js - POST /v1/api/sql: requests, answers, errors, batches and limits (wire protocol, sections 1, 2, 5
// and 16). What statements mean is tested elsewhere.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer, startServer } = require('../lib/server.js');

const server = useServer(test);
let root;
let alice;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.results(`CREATE NAMESPACE app;
        CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY, title TEXT NOT NULL, n INT);
        CREATE SHARED TABLE plain (id INT PRIMARY KEY)`);
    alice = await server.createUser('alice');
});

function assertError(answer, status, code, message) {
    assert.strictEqual(answer.status, status, answer.text);
    assert.strictEqual(answer.json.status, 'error');
    assert.deepStrictEqual(answer.json.results, []);
    assert.strictEqual(typeof answer.json.took, 'number');
    assert.strictEqual(answer.json.error.code, code, answer.text);
    if (message !== undefined) {
        assert.match(answer.json.error.message, message);
    }
}

test('the shape of a result with rows', async () => {
    await alice.sql("INSERT INTO app.notes VALUES (1, 'one', 10), (2, 'two', NULL)");
    const answer = await alice.sqlRaw('SELECT id, title, n, id + 1 AS next FROM app.notes ORDER BY id');
    assert.strictEqual(answer.status, 200);
    assert.match(answer.headers['content-type'], /^application\/json/);
    const { took, ...rest } = answer.json;
    assert.ok(took >= 0 && took < 60000 && Number(took.toFixed(3)) === took, `took ${took}`);
    delete rest.error;
    assert.deepStrictEqual(rest, {
        status: 'success',
        results: [{
            schema: [
                { name: 'id', data_type: 'BigInt', index: 0, flags: ['pk', 'nn', 'uq'] },
                { name: 'title', data_type: 'Text', index: 1, flags: ['nn'] },
                { name: 'n', data_type: 'Int', index: 2 },
                { name: 'next', data_type: 'BigInt', index: 3 },
            ],
            rows: [['1', 'one', 10, '2'], ['2', 'two', null, '3']],
            row_count: 2,
            as_user: 'alice',
        }],
    });
});

test('no rows still have a schema', async () => {
    const result = await alice.sql('SELECT title FROM app.notes WHERE false');
    assert.deepStrictEqual(result, { schema: [{ name: 'title', data_type: 'Text', index: 0, flags: ['nn'] }], rows: [], row_count: 0, as_user: 'alice' });
});

test('the shape of a result without rows', async () => {
    assert.deepStrictEqual(await alice.sql("INSERT INTO app.notes VALUES (3, 'three', 3)"), { row_count: 1, message: 'Inserted 1 row(s)', as_user: 'alice' });
    assert.deepStrictEqual(await alice.sql('UPDATE app.notes SET n = 4 WHERE id = 3'), { row_count: 1, message: 'Updated 1 row(s)', as_user: 'alice' });
    assert.deepStrictEqual(await alice.sql('DELETE FROM app.notes WHERE id = 3'), { row_count: 1, message: 'Deleted 1 row(s)', as_user: 'alice' });
    assert.deepStrictEqual(await alice.sql('DELETE FROM app.notes WHERE id = 3'), { row_count: 0, message: 'Deleted 0 row(s)', as_user: 'alice' });
    const created = await root.sql('CREATE NAMESPACE shape');
    assert.deepStrictEqual(created, { row_count: 0, message: "Namespace 'shape' created successfully", as_user: 'root' });
});

test('namespace_id is the namespace of unqualified names', async () => {
    assert.strictEqual(await alice.value('SELECT count(*) FROM notes', undefined, 'app'), '2');
    assert.strictEqual(await alice.value('SELECT count(*) FROM app.notes', undefined, 'default'), '2');
    assert.strictEqual(await root.value('SELECT count(*) FROM plain'), '0');
    assert.strictEqual(await root.value('SELECT count(*) FROM plain', undefined, ''), '0');
    assertError(await alice.sqlRaw('SELECT count(*) FROM notes'), 400, 'SQL_EXECUTION_ERROR');
    assertError(await root.sqlRaw('SELECT count(*) FROM notes', undefined, 'nowhere'), 400, 'SQL_EXECUTION_ERROR', /nowhere/);
});

test('results come in the order of the statements, counts of DML at the end', async () => {
    const results = await alice.results(`
        INSERT INTO app.notes VALUES (10, 'a', 1);
        SELECT count(*) FROM app.notes WHERE id >= 10;
        INSERT INTO app.notes VALUES (11, 'b', 1), (12, 'c', 1);
        UPDATE app.notes SET n = 2 WHERE id >= 10;
        SELECT sum(n) FROM app.notes WHERE id >= 10;
        DELETE FROM app.notes WHERE id = 11;
        DELETE FROM app.notes WHERE id = 99;
        SELECT 'end; of -- it' AS "x;y"; -- a comment; with a semicolon
        /* and ; another */ ;;`);
    assert.deepStrictEqual(results.map((result) => result.message ?? result.rows), [
        [['1']], [['6']], [['end; of -- it']], 'Inserted 3 row(s)', 'Updated 3 row(s)', 'Deleted 1 row(s)',
    ]);
    assert.deepStrictEqual(results.slice(3).map((result) => result.row_count), [3, 3, 1]);
    const none = await alice.results('UPDATE app.notes SET n = 1 WHERE id = 99; SELECT 1');
    assert.deepStrictEqual(none.map((result) => result.message ?? result.rows), [[['1']]], 'kinds with a count of 0 are left out');
    await alice.sql('DELETE FROM app.notes WHERE id >= 10');
});

test('the first failing statement ends the request; those before it stay', async () => {
    const answer = await root.sqlRaw("INSERT INTO plain VALUES (1); INSERT INTO plain VALUES (1); INSERT INTO plain VALUES (2)");
    assertError(answer, 400, 'SQL_EXECUTION_ERROR', /^Statement 2 failed: /);
    assert.deepStrictEqual(await root.rows('SELECT id FROM plain'), [[1]]);
    await root.sql('DELETE FROM plain WHERE true');
});

test('nothing runs when a later statement cannot be parsed or is forbidden', async () => {
    assertError(await root.sqlRaw('INSERT INTO plain VALUES (1); SELEC 1'), 400, 'INVALID_SQL');
    assertError(await root.sqlRaw('INSERT INTO plain VALUES (1); COPY plain TO \'x\''), 400, 'INVALID_SQL');
    assertError(await alice.sqlRaw("INSERT INTO app.notes VALUES (50, 'x', 1); CREATE NAMESPACE mine"), 403, 'PERMISSION_DENIED');
    assert.deepStrictEqual(await root.rows('SELECT id FROM plain'), []);
    assert.deepStrictEqual(await alice.rows('SELECT id FROM app.notes WHERE id = 50'), []);
});

test('later statements see what earlier ones made', async () => {
    const results = await root.results('CREATE SHARED TABLE app.made (id INT PRIMARY KEY); INSERT INTO app.made VALUES (5); SELECT id FROM app.made; DROP TABLE app.made');
    assert.deepStrictEqual(results[1].rows, [[5]]);
    assertError(await root.sqlRaw('SELECT * FROM app.made'), 400, 'SQL_EXECUTION_ERROR');
});

test('parameters', async () => {
    const result = await alice.sql('SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $1 AS again', [1, 'x', true, null, 1.5]);
    assert.deepStrictEqual(result.rows, [['1', 'x', true, null, 1.5, '1']]);
    assert.deepStrictEqual(await alice.rows('SELECT id FROM app.notes WHERE id = $1', ['2']), [['2']], 'text for a number');
    assert.deepStrictEqual(await alice.rows('SELECT id FROM app.notes WHERE title = $1', ['two']), [['2']]);
    assert.deepStrictEqual(await alice.rows('SELECT id FROM app.notes WHERE id IN ($1, $2) ORDER BY id', [1, 2]), [['1'], ['2']]);
    assert.deepStrictEqual(await alice.rows("SELECT '$1', id FROM app.notes WHERE id = $1 -- $2", [1]), [['$1', '1']], 'not in texts and comments');
    assert.deepStrictEqual(await alice.rows('SELECT 1 AS n', []), [['1']]);
    assert.strictEqual((await alice.sqlRaw('SELECT 1', null)).status, 200);
    const exact = await alice.post('/v1/api/sql', '{"sql":"SELECT $1 AS n","params":[9223372036854775807]}');
    assert.deepStrictEqual(exact.json.results[0].rows, [['9223372036854775807']]);
    const evil = "x'; DROP TABLE app.notes; --";
    assert.deepStrictEqual(await alice.rows('SELECT $1 AS t', [evil]), [[evil]]);
});

test('parameters that are refused', async () => {
    const cases = [
        ['SELECT $1', [[1]], /Parameter \$1 invalid: Array parameters not yet supported/],
        ['SELECT $1, $2', [1, { a: 1 }], /Parameter \$2 invalid: Object parameters not yet supported/],
        ['SELECT $1, $2', [1], /./],
        ['SELECT $1', [1, 2], /./],
        ['SELECT 1', [1], /./],
        ['SELECT $1', undefined, /./],
        ['SELECT $1', ['x'.repeat(524289)], /Parameter size exceeded/],
        [`SELECT ${Array.from({ length: 51 }, (_, i) => `$${i + 1}`).join()}`, Array(51).fill(1), /Parameter count exceeded: maximum 50 parameters allowed, got 51/],
        ['SELECT $0', [1], /./, 'INVALID_SQL'],
    ];
    for (const [sql, params, message, code = 'INVALID_PARAMETER'] of cases) {
        assertError(await root.sqlRaw(sql, params), 400, code, message);
    }
    assert.strictEqual((await root.sqlRaw('SELECT length($1) AS n', ['x'.repeat(524288)])).json.results[0].rows[0][0], '524288');
    assertError(await root.sqlRaw('SELECT $1; SELECT 2', [1]), 400, 'PARAMS_WITH_BATCH', /Parameters not supported with multi-statement batches/);
    assertError(await root.post('/v1/api/sql', { sql: 'SELECT 1', params: 'x' }), 400, 'INVALID_INPUT');
    assertError(await root.post('/v1/api/sql', { sql: 'SELECT 1', params: { 1: 1 } }), 400, 'INVALID_INPUT');
});

test('bodies that are refused', async () => {
    for (const body of ['', 'x', '{', '[]', '"SELECT 1"', 'null', '{}', '{"sql":null}', '{"sql":5}', '{"sql":["SELECT 1"]}', '{"sql":"SELECT 1"', '{"sql":"SELECT 1"} x', '{"sql":"SELECT 1","namespace_id":5}']) {
        assertError(await root.post('/v1/api/sql', body), 400, 'INVALID_INPUT');
    }
    for (const sql of ['', '   ', ';', ';;\n;', '-- nothing', '/* nothing */']) {
        assertError(await root.sqlRaw(sql), 400, 'EMPTY_SQL', /No SQL statements provided/);
    }
});

test('the error codes of section 5.6', async () => {
    assertError(await root.sqlRaw("SELECT 'open"), 400, 'BATCH_PARSE_ERROR', /Unterminated quoted string in SQL batch/);
    assertError(await root.sqlRaw('SELECT /* open'), 400, 'BATCH_PARSE_ERROR', /Unterminated block comment in SQL batch/);
    assertError(await root.sqlRaw('SELECT 1 +'), 400, 'INVALID_SQL');
    assertError(await root.sqlRaw('VACUUM'), 400, 'INVALID_SQL');
    assertError(await root.sqlRaw('SELECT * FROM app.wombat'), 400, 'SQL_EXECUTION_ERROR', /^Statement 1 failed: Not found: /);
    assertError(await root.sqlRaw('SELECT wombat FROM app.notes'), 400, 'SQL_EXECUTION_ERROR', /^Statement 1 failed: .*wombat/);
    assertError(await root.sqlRaw("INSERT INTO app.notes VALUES (1, 'x', 1), (1, 'y', 1)"), 400, 'SQL_EXECUTION_ERROR', /^Statement 1 failed: Constraint violation: Primary key violation: value '1' appears multiple times in the insert batch for column 'id'/);
    assertError(await root.sqlRaw('SELECT 1 / 0'), 400, 'SQL_EXECUTION_ERROR', /division by zero/);
    assertError(await alice.sqlRaw('CREATE NAMESPACE x'), 403, 'PERMISSION_DENIED', /Admin privileges \(DBA or System role\) required for namespace operations/);
    assertError(await alice.sqlRaw('SELECT * FROM system.users'), 403, 'PERMISSION_DENIED');
});

test('admins get details, others fixed texts where names could leak', async () => {
    const forRoot = await root.sqlRaw('SELECT * FROM app.wombat');
    assert.strictEqual(forRoot.json.error.details, 'SELECT * FROM app.wombat');
    const texts = {
        "SELECT 'open": ['BATCH_PARSE_ERROR', /^Failed to parse SQL batch$/],
        'SELECT 1 +': ['INVALID_SQL', /^SQL statement is invalid or not allowed$/],
        'SELECT * FROM app.wombat': ['SQL_EXECUTION_ERROR', /SQL statement failed$/],
        'SELECT wombat FROM app.notes': ['SQL_EXECUTION_ERROR', /wombat/],
        "INSERT INTO app.notes VALUES (1, 'again', 1)": ['SQL_EXECUTION_ERROR', /Primary key violation: value '1' already exists in column 'id'/],
        'INSERT INTO app.notes VALUES (99, NULL, 1)': ['SQL_EXECUTION_ERROR', /NOT NULL constraint violation: column 'title' cannot be NULL \(row 1\)/],
        'SELECT * FROM nowhere.t': ['SQL_EXECUTION_ERROR', /./],
    };
    for (const [sql, [code, message]] of Object.entries(texts)) {
        const answer = await alice.sqlRaw(sql);
        assertError(answer, 400, code, message);
        assert.ok(answer.json.error.details === undefined || answer.json.error.details === null, sql);
    }
});

test('a table of somebody else’s rights and one that does not exist look alike', async () => {
    await root.sql('CREATE SHARED TABLE app.hidden (id INT PRIMARY KEY)');
    const missing = await alice.fails('SELECT * FROM app.missing');
    assert.ok(!missing.text.includes('hidden'), missing.text);
    await root.sql('DROP TABLE app.hidden');
});

test('SQL text is limited to 1 MiB', async () => {
    const long = `SELECT 1 AS n /* ${'x'.repeat(1048576 - 20)} */`;
    assert.ok(long.length <= 1048576);
    assert.strictEqual((await root.sqlRaw(long)).status, 200);
    const longer = `SELECT '${'x'.repeat(1048576)}'`;
    assertError(await root.sqlRaw(longer), 400, 'INVALID_SQL', new RegExp(`^SQL query too long: ${longer.length} bytes \\(maximum 1048576 bytes\\)`));
});

test('bodies are limited to 10 MiB', async () => {
    const most = 10485760;
    const body = (bytes) => Buffer.from('{"sql":"SELECT 1 AS n"}'.padEnd(bytes));
    assert.strictEqual((await root.post('/v1/api/sql', body(most))).status, 200);
    for (const bytes of [most + 1, 2 * most, 12 * most]) {
        const answer = await root.post('/v1/api/sql', body(bytes)); // though it still sends when the answer comes
        assert.strictEqual(answer.status, 413, answer.text.slice(0, 200));
        assert.strictEqual(answer.json.error, 'BODY_TOO_LARGE');
        assert.strictEqual(answer.json.size_bytes, bytes);
        assert.strictEqual(answer.json.max_bytes, most);
    }
    assert.strictEqual((await root.sqlRaw(`SELECT 1 AS n`, undefined, undefined)).status, 200);
});

test('routes and methods', async () => {
    const client = server.client();
    for (const path of ['/', '/v1', '/v1/api', '/v1/api/sqlx', '/v1/api/sql/', '/wombat', '/v1/api/auth', '/../etc/passwd', '/%2e%2e/x']) {
        assert.strictEqual((await client.get(path)).status, 404, path);
    }
    for (const [method, path] of [['GET', '/v1/api/sql'], ['PUT', '/v1/api/sql'], ['DELETE', '/v1/api/sql'], ['GET', '/v1/api/auth/login'], ['POST', '/health']]) {
        const { status } = await client.request(method, path);
        assert.ok(status === 404 || status === 405, `${method} ${path}: ${status}`);
    }
    assert.strictEqual((await client.get('/health')).status, 200);
    assert.strictEqual((await client.get('/v1/api/healthcheck?x=1')).status, 200);
    const health = (await client.get('/v1/api/healthcheck')).json;
    assert.deepStrictEqual(Object.keys(health).sort(), ['api_version', 'build_date', 'status', 'version']);
    assert.strictEqual(health.api_version, 'v1');
});

test('preflight succeeds for every route, and origins are echoed', async () => {
    const client = server.client();
    for (const path of ['/v1/api/sql', '/v1/api/auth/login', '/health', '/v1/ws']) {
        const answer = await client.request('OPTIONS', path, { headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' } });
        assert.ok(answer.status === 200 || answer.status === 204, `${path}: ${answer.status}`);
        assert.strictEqual(answer.headers['access-control-allow-origin'], 'https://app.example.com');
        assert.strictEqual(answer.headers['access-control-allow-credentials'], 'true');
        assert.match(answer.headers['access-control-allow-methods'], /POST/);
        assert.match(answer.headers['access-control-allow-headers'].toLowerCase(), /authorization/);
        assert.strictEqual(answer.headers['access-control-max-age'], '3600');
    }
    const answer = await root.post('/v1/api/sql', { sql: 'SELECT 1' }, { headers: { origin: 'https://app.example.com' } });
    assert.strictEqual(answer.headers['access-control-allow-origin'], 'https://app.example.com');
});

test('an allow-list of origins', async () => {
    const strict = await startServer({ options: { 'security.cors.allowed_origins': 'https://a.example.com,https://b.example.com' } });
    try {
        for (const [origin, allowed] of [['https://a.example.com', true], ['https://b.example.com', true], ['https://c.example.com', false], ['http://a.example.com', false]]) {
            const answer = await strict.client().request('OPTIONS', '/v1/api/sql', { headers: { origin, 'access-control-request-method': 'POST' } });
            assert.strictEqual(answer.headers['access-control-allow-origin'], allowed ? origin : undefined, origin);
        }
    } finally {
        await strict.stop();
    }
});

test('keep-alive, pipelined work and chunked bodies', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => alice.value(`SELECT ${i} AS n`)));
    assert.deepStrictEqual(answers, Array.from({ length: 50 }, (_, i) => String(i)));
    const chunked = await new Promise((resolve, reject) => {
        const request = require('node:http').request({ host: '127.0.0.1', port: server.port, method: 'POST', path: '/v1/api/sql', headers: { authorization: `Bearer ${alice.token}`, 'content-type': 'application/json', 'transfer-encoding': 'chunked' } }, (response) => {
            let text = '';
            response.on('data', (part) => { text += part; });
            response.on('end', () => resolve({ status: response.statusCode, json: JSON.parse(text) }));
        });
        request.on('error', reject);
        request.write('{"sql":"SEL');
        request.write('ECT 5 AS n"}');
        request.end();
    });
    assert.strictEqual(chunked.status, 200);
    assert.deepStrictEqual(chunked.json.results[0].rows, [['5']]);
});

test('duplicate and odd column names', async () => {
    const result = await alice.sql('SELECT 1 AS a, 2 AS a, 3 AS "A b", 4 AS "quo""te", 5 AS "ünï"');
    assert.deepStrictEqual(result.schema.map((column) => column.name), ['a', 'a', 'A b', 'quo"te', 'ünï']);
    assert.deepStrictEqual(result.rows, [['1', '2', '3', '4', '5']]);
});

test('requests per user are limited when configured', async () => {
    const limited = await startServer({ options: { 'rate_limit.max_queries_per_sec': 5 } });
    try {
        const answers = [];
        const { root: client } = await limited.setUp();
        answers.push(...await Promise.all(Array.from({ length: 200 }, () => client.sqlRaw('SELECT 1'))));
        const refused = answers.filter((answer) => answer.status === 429);
        assert.ok(refused.length > 0 && refused.length < 200, `${refused.length} of 200 refused`);
        assertError(refused[0], 429, 'RATE_LIMIT_EXCEEDED');
    } finally {
        await limited.stop();
    }
});

test('statements end at their time limit', async () => {
    const quick = await startServer({ options: { 'execution.handler_timeout_seconds': 1 } });
    try {
        const { root: client } = await quick.setUp();
        const answer = await client.sqlRaw('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT (i + 1) % 1000000 FROM n) SELECT count(*) FROM n');
        assertError(answer, 400, 'SQL_EXECUTION_ERROR', /Handler execution timeout: exceeded 1s/);
        assert.strictEqual(await client.value('SELECT 1 AS n'), '1');
    } finally {
        await quick.stop();
    }
});

// ---- the legacy alias (section 16) ----

test('POST /api/sql answers objects', async () => {
    const answer = await alice.post('/api/sql', { sql: "INSERT INTO app.notes VALUES (70, 'legacy', NULL); SELECT id, title, n FROM app.notes WHERE id = 70" });
    assert.strictEqual(answer.status, 200, answer.text);
    assert.strictEqual(answer.json.status, 'success');
    assert.ok(Number.isInteger(answer.json.execution_time_ms));
    const [rows] = answer.json.results.filter((result) => result.rows !== undefined);
    const [row] = rows.rows;
    assert.strictEqual(row.id, 70, 'integers are numbers');
    assert.strictEqual(row.title, 'legacy');
    assert.ok(row.n === null || row.n === undefined);
    assert.deepStrictEqual(rows.columns, ['id', 'title', 'n']);
    assert.strictEqual(rows.row_count, 1);
    assert.strictEqual(rows.schema, undefined);
    const command = answer.json.results.find((result) => result.rows === undefined);
    assert.deepStrictEqual(command.columns, []);
    assert.strictEqual(typeof command.message, 'string');
    const exact = await alice.post('/api/sql', { sql: 'SELECT 9223372036854775807 AS big' });
    assert.match(exact.text, /"big":9223372036854775807/);
});

test('POST /api/sql words its errors the older way, and needs a token all the same', async () => {
    const failed = await root.post('/api/sql', { sql: 'SELECT * FROM app.wombat' });
    assert.strictEqual(failed.status, 400, failed.text);
    assert.strictEqual(failed.json.status, 'error');
    assert.strictEqual(failed.json.error.code, 'SQL_EXECUTION_ERROR');
    assert.match(failed.json.error.message, /^Error executing statement 1: /);
    assert.ok(Number.isInteger(failed.json.execution_time_ms));
    assert.strictEqual((await root.post('/api/sql', { sql: '' })).json.error.code, 'EMPTY_SQL');
    assert.strictEqual((await server.client().post('/api/sql', { sql: 'SELECT 1' })).status, 401);
    assert.strictEqual((await server.client().post('/api/sql', { sql: 'SELECT 1' }, { headers: { 'x-user-id': 'alice' } })).status, 401);
});
