// security.test.js - SQL that tries to reach what SQL must not: files, the network, the engine's own catalog and settings,
// the environment, other processes, other users' passwords. Everything here is refused, for root too, and leaves nothing.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { useServer } = require('../lib/server.js');

const server = useServer(test, { env: { KALAMDB_TEST_CANARY: 'CANARY-IN-THE-ENVIRONMENT' } });
let root;
let alice;
let bait;

test.before(async () => {
    await server.ready;
    root = server.root;
    bait = path.join(server.dir, 'bait.csv');
    fs.writeFileSync(bait, 'a,b\nCANARY-IN-A-FILE,2\n');
    await root.results(`CREATE NAMESPACE app;
        CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT);
        CREATE SHARED TABLE app.secret (id INT PRIMARY KEY, t TEXT);
        INSERT INTO app.secret VALUES (1, 'CANARY-IN-A-TABLE')`);
    alice = await server.createUser('alice');
    await alice.sql("INSERT INTO app.notes VALUES (1, 'mine')");
});

const STATEMENTS = () => [
    // files by function
    ...['read_csv', 'read_csv_auto', 'sniff_csv', 'read_text', 'read_blob', 'read_json', 'read_json_auto', 'read_ndjson', 'read_parquet', 'parquet_scan', 'parquet_metadata', 'parquet_schema', 'glob', 'sqlite_scan', 'postgres_scan', 'mysql_scan', 'iceberg_scan', 'delta_scan', 'st_read', 'read_xlsx']
        .flatMap((name) => [`SELECT * FROM ${name}('${bait}')`, `SELECT * FROM app.notes, ${name}('${bait}')`, `WITH x AS (SELECT * FROM ${name}('${bait}')) SELECT * FROM x`, `SELECT (SELECT count(*) FROM ${name}('${bait}'))`]),
    `SELECT * FROM read_csv(['${bait}'])`,
    `SELECT read_text('${bait}')`,
    `SELECT * FROM "read_csv"('${bait}')`,
    `SELECT * FROM pg_catalog.read_csv('${bait}')`,
    `SELECT * FROM main.read_csv('${bait}')`,
    `SELECT * FROM system.main.read_csv('${bait}')`,
    `SELECT * FROM LATERAL read_csv('${bait}') x`,
    `SELECT * FROM ROWS FROM (read_csv('${bait}'))`,
    `INSERT INTO app.notes SELECT 5, a FROM read_csv('${bait}')`,
    `UPDATE app.notes SET title = (SELECT content FROM read_text('${bait}')) WHERE id = 1`,
    `DELETE FROM app.notes WHERE title = (SELECT content FROM read_text('${bait}'))`,
    "SELECT * FROM pg_read_file('/etc/passwd')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    // files by name
    `SELECT * FROM '${bait}'`,
    `SELECT * FROM "${bait}"`,
    `SELECT * FROM app."${bait}"`,
    `SELECT * FROM "${path.dirname(bait)}"."bait.csv"`,
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    `INSERT INTO "${bait}" VALUES (1)`,
    `DELETE FROM "${bait}" WHERE true`,
    `CREATE SHARED TABLE app."../../x" (id INT PRIMARY KEY)`,
    `CREATE NAMESPACE "../x"`,
    // statements
    `COPY app.notes TO '${bait}.out'`,
    `COPY (SELECT 1) TO '${bait}.out'`,
    `COPY app.notes FROM '${bait}'`,
    "COPY app.notes TO PROGRAM 'id'",
    `ATTACH '${bait}.db' AS x`,
    `ATTACH DATABASE '${bait}.db'`,
    'DETACH x',
    'INSTALL httpfs', 'LOAD httpfs', `LOAD '${bait}'`, 'FORCE INSTALL httpfs', 'UPDATE EXTENSIONS',
    `EXPORT DATABASE '${bait}.dir'`, `IMPORT DATABASE '${bait}.dir'`,
    'PRAGMA version', 'PRAGMA database_list', 'PRAGMA table_info(x)', "PRAGMA enable_logging('HTTP')", 'PRAGMA show_tables', 'CALL pragma_version()', 'CALL duckdb_settings()',
    'SET enable_external_access = true', 'SET GLOBAL threads = 1', 'SET SESSION threads = 1', 'SET LOCAL threads = 1', "SET memory_limit = '1TB'", 'SET lock_configuration = false', "SET allowed_directories = ['/']", "SET temp_directory = '/tmp'", "SET extension_directory = '/tmp'", "SET VARIABLE x = 1", 'RESET enable_external_access', 'SHOW ALL TABLES',
    'CREATE MACRO f(x) AS x', 'CREATE FUNCTION f(x) AS x', 'CREATE TYPE t AS INT', 'CREATE SECRET (TYPE S3)', 'CREATE PERSISTENT SECRET x (TYPE S3)', 'CREATE TEMP TABLE t (a INT)', 'CREATE TEMP VIEW v AS SELECT 1', 'CREATE SCHEMA main', 'CREATE SEQUENCE s', 'DROP SCHEMA main CASCADE', 'DROP TABLE duckdb_tables',
    'CHECKPOINT', 'FORCE CHECKPOINT', 'VACUUM', 'ANALYZE', 'USE memory', 'USE main',
    'PREPARE x AS SELECT 1', 'EXECUTE x', 'DEALLOCATE x', 'EXPLAIN ANALYZE COPY app.notes TO \'/tmp/x\'', 'DO $$ x $$', 'LISTEN x', "NOTIFY x", 'DISCARD ALL', 'CLUSTER', 'REINDEX TABLE x', "SECURITY LABEL ON TABLE x IS 'x'",
    // the engine's catalogs and functions
    ...['duckdb_settings', 'duckdb_tables', 'duckdb_columns', 'duckdb_functions', 'duckdb_databases', 'duckdb_secrets', 'duckdb_extensions', 'duckdb_memory', 'duckdb_temporary_files', 'duckdb_views', 'duckdb_prepared_statements', 'duckdb_variables', 'duckdb_logs', 'duckdb_log_contexts', 'pragma_version', 'pragma_database_size', 'pragma_storage_info', 'pragma_platform', 'test_all_types', 'repeat_row', 'sql_auto_complete', 'json_execute_serialized_sql', 'query', 'query_table', 'which_secret', 'seq_scan', 'checkpoint', 'force_checkpoint', 'enable_logging', 'summary', 'unnest_rows', 'arrow_scan', 'pandas_scan', 'python_map_function', 'kdb_scan', 'kalam_scan']
        .flatMap((name) => [`SELECT * FROM ${name}()`, `SELECT * FROM ${name}('SELECT 1')`, `SELECT * FROM ${name}`]),
    "SELECT * FROM query('SELECT 1')", "SELECT * FROM query_table('notes')", "SELECT json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    'SELECT * FROM sqlite_master', 'SELECT * FROM main.sqlite_master', 'SELECT * FROM pg_catalog.pg_tables', 'SELECT * FROM pg_tables', 'SELECT * FROM pg_class', 'SELECT * FROM pg_catalog.pg_class', 'SELECT * FROM pg_user', 'SELECT * FROM pg_shadow', 'SELECT * FROM system.information_schema.tables', 'SELECT * FROM memory.main.x', 'SELECT * FROM temp.x',
    "SELECT getenv('KALAMDB_TEST_CANARY')", "SELECT \"getenv\"('HOME')", "SELECT current_setting('home_directory')", "SELECT current_setting('threads')", "SELECT set_config('threads', '1', false)", "SELECT getvariable('x')", 'SELECT version()', 'SELECT pg_sleep(10)', 'SELECT pg_terminate_backend(1)', "SELECT nextval('s')", 'SELECT txid_current()', "SELECT dblink('host=localhost')", "SELECT query_to_xml('SELECT 1', true, true, '')", 'SELECT pg_backend_pid()', 'SELECT inet_server_addr()', "SELECT system('id')", "SELECT shell('id')", "SELECT load_extension('x')", "SELECT in_search_path('memory', 'main')", 'SELECT current_database()', "SELECT current_schemas(true)", 'SELECT error(\'x\')', 'SELECT write_log(\'x\')', "SELECT vector_type(1)", 'SELECT add_parquet_key(1)',
    // the scan function of ours, and hidden columns
    'SELECT * FROM kdb_scan(0)', 'SELECT * FROM scan(0)', 'SELECT _key FROM app.notes', 'SELECT rowid FROM app.notes', 'SELECT _commit_seq FROM app.notes', 'SELECT app.notes._key FROM app.notes', 'SELECT filename FROM app.notes',
    'SELECT COLUMNS(*) FROM app.notes', "SELECT COLUMNS('.*') FROM app.notes", 'SELECT * EXCLUDE (id) FROM app.notes', 'SELECT * REPLACE (1 AS id) FROM app.notes', 'FROM app.notes', 'SELECT {\'a\': 1}', 'SELECT [1, 2]', 'SELECT x -> x + 1', 'SELECT list_transform([1], x -> x)', 'SELECT MAP {}', "SELECT 'x'::MAP(INT, INT)", "SELECT 1::STRUCT(a INT)", 'SELECT 1::regclass', "SELECT 'app.secret'::regclass",
    'SELECT * FROM app.notes TABLESAMPLE SYSTEM (10)', 'SELECT * FROM app.notes FOR UPDATE', 'SELECT * INTO app.x FROM app.notes', 'TABLE app.secret', 'SELECT * FROM ONLY app.secret', 'WITH x AS (INSERT INTO app.notes VALUES (9) RETURNING 1) SELECT * FROM x',
];

test('hostile statements are refused, and nothing of the outside comes back', async () => {
    const before = fs.readdirSync(server.dir).sort();
    for (const sql of STATEMENTS()) {
        for (const client of [alice, root]) {
            const answer = await client.sqlRaw(sql);
            assert.ok(!/CANARY-IN/.test(answer.text) || (client === root && /app\.secret/.test(sql)), `${client.user}: ${sql}: ${answer.text.slice(0, 300)}`);
            if (/^TABLE app|ONLY app/.test(sql) && client === root) {
                continue; // root may read that table, in whatever spelling is taken
            }
            assert.ok(answer.status === 400 || answer.status === 403, `${client.user}: ${sql}: ${answer.status} ${answer.text.slice(0, 300)}`);
            assert.strictEqual(answer.json.status, 'error', sql);
        }
    }
    assert.deepStrictEqual(fs.readdirSync(server.dir).sort(), before, 'no file was made');
    assert.strictEqual(fs.readFileSync(bait, 'utf8'), 'a,b\nCANARY-IN-A-FILE,2\n');
    assert.deepStrictEqual(await alice.rows('SELECT id, title FROM app.notes'), [[1, 'mine']]);
});

test('errors do not show where the server keeps its files', async () => {
    for (const sql of STATEMENTS()) {
        const { text } = await alice.sqlRaw(sql);
        assert.ok(!text.includes(server.dataPath), `${sql}: ${text}`);
        assert.ok(!/\.c:\d+|duckdb::|0x[0-9a-f]{8,}/.test(text.replaceAll(bait, '')), `${sql}: ${text}`);
    }
});

test('nothing dials out', async () => {
    let connections = 0;
    const listener = net.createServer((socket) => {
        connections += 1;
        socket.destroy();
    });
    await new Promise((resolve) => { listener.listen(0, '127.0.0.1', resolve); });
    const url = `http://127.0.0.1:${listener.address().port}/x`;
    for (const name of ['read_csv', 'read_parquet', 'read_json', 'read_text', 'read_blob', 'glob']) {
        for (const target of [`${url}.csv`, `s3://127.0.0.1:${listener.address().port}/x`, `https://127.0.0.1:${listener.address().port}/x.parquet`]) {
            assert.strictEqual((await root.sqlRaw(`SELECT * FROM ${name}('${target}')`)).status, 400);
        }
    }
    assert.strictEqual((await root.sqlRaw(`SELECT * FROM '${url}.parquet'`)).status, 400);
    assert.strictEqual((await root.sqlRaw(`ATTACH '${url}.db'`)).status, 400);
    listener.close();
    assert.strictEqual(connections, 0);
});

test('a CTE or alias of a protected name gives nothing but itself', async () => {
    const own = [
        ['WITH secret AS (SELECT 5 AS id) SELECT id FROM secret', '5'],
        ['WITH users AS (SELECT 5 AS id) SELECT id FROM users', '5'],
        ['WITH "system.users" AS (SELECT 5 AS id) SELECT id FROM "system.users"', '5'],
        ['WITH read_csv AS (SELECT 5 AS id) SELECT id FROM read_csv', '5'],
        ['WITH duckdb_settings AS (SELECT 5 AS id) SELECT id FROM duckdb_settings', '5'],
        ['SELECT secret.id FROM (SELECT 5 AS id) secret', '5'],
        ['SELECT x.* FROM (SELECT 5 AS id) AS x', '5'],
    ];
    for (const [sql, value] of own) {
        assert.strictEqual(await alice.value(sql), value, sql);
    }
    const refused = [
        'WITH secret AS (SELECT 5 AS id) SELECT * FROM app.secret',
        'WITH app AS (SELECT 5 AS id) SELECT * FROM app.secret',
        'WITH secret AS (SELECT * FROM app.secret) SELECT 1',
        'WITH secret AS (SELECT * FROM secret) SELECT * FROM secret',
        'WITH RECURSIVE secret AS (SELECT id FROM app.secret UNION SELECT id FROM secret) SELECT * FROM secret',
        'SELECT (SELECT t FROM app.secret LIMIT 1)',
        'SELECT id FROM app.notes WHERE EXISTS (SELECT 1 FROM app.secret)',
        'SELECT id FROM app.notes WHERE id = ANY (SELECT id FROM app.secret)',
        'SELECT id FROM app.notes ORDER BY (SELECT t FROM app.secret)',
        'SELECT id FROM app.notes GROUP BY id HAVING count(*) < (SELECT count(*) FROM app.secret)',
        'SELECT id FROM app.notes LIMIT (SELECT count(*) FROM app.secret)',
        'SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM app.secret)) FROM app.notes',
        'SELECT sum(id) OVER (ORDER BY (SELECT 1 FROM app.secret)) FROM app.notes',
        'SELECT CASE WHEN (SELECT true FROM app.secret) THEN 1 END',
        'SELECT n.id FROM app.notes n JOIN LATERAL (SELECT * FROM app.secret) s ON true',
        'VALUES ((SELECT t FROM app.secret))',
        'SELECT 1 UNION SELECT id FROM app.secret',
        'INSERT INTO app.notes SELECT id, t FROM app.secret',
        'INSERT INTO app.notes VALUES (9, (SELECT t FROM app.secret))',
        'UPDATE app.notes SET title = (SELECT t FROM app.secret) WHERE id = 1',
        'DELETE FROM app.notes WHERE id = (SELECT id FROM app.secret)',
        'UPDATE app.secret SET t = t WHERE id = 1',
        'DROP TABLE app.secret',
        'WITH x AS (SELECT * FROM system.users) SELECT 1',
        'SELECT 1 FROM (SELECT password_hash FROM system.users) x',
    ];
    for (const sql of refused) {
        const answer = await alice.sqlRaw(sql);
        assert.ok(answer.status === 403 || (answer.status === 400 && !/CANARY/.test(answer.text)), `${sql}: ${answer.status} ${answer.text.slice(0, 300)}`);
        if (sql !== 'WITH secret AS (SELECT * FROM secret) SELECT * FROM secret') {
            assert.strictEqual(answer.status, 403, `${sql}: ${answer.text.slice(0, 300)}`);
        }
    }
});

test('text that tries to break out of its quotes stays text', async () => {
    const texts = ["'", "''", "\\'", "'; DROP TABLE app.notes; --", "x' OR '1'='1", '"', '`', '$1', '$$', '--', '/*', '*/', '\\', '\\\\', '%', '_', '\u2019', 'ʼ', '\u0001', '\u00a0', '\u202e', '\ufeff', '\n', '\r\n', '\t', ';', '{}', '?', ':x', '@x', '${x}'];
    await root.sql('CREATE SHARED TABLE app.texts (id INT PRIMARY KEY, t TEXT)');
    for (const [i, text] of texts.entries()) {
        await root.sql('INSERT INTO app.texts VALUES ($1, $2)', [i, text]);
        await root.sql(`INSERT INTO app.texts VALUES (${1000 + i}, '${text.replaceAll("'", "''")}')`);
        assert.deepStrictEqual(await root.rows('SELECT t FROM app.texts WHERE t = $1 AND id IN ($2, $3) ORDER BY id', [text, i, 1000 + i]), [[text], [text]], JSON.stringify(text));
        assert.deepStrictEqual(await root.rows(`SELECT id FROM app.texts WHERE t = '${text.replaceAll("'", "''")}' AND id IN (${i}, ${1000 + i}) ORDER BY id`), [[i], [1000 + i]], JSON.stringify(text));
        await root.sql(`UPDATE app.texts SET t = t || '${text.replaceAll("'", "''")}' WHERE id = ${i} AND (SELECT t FROM app.texts WHERE id = ${i}) = $1`, [text]);
        assert.deepStrictEqual(await root.rows(`SELECT t FROM app.texts WHERE id = ${i}`), [[text + text]]);
    }
    assert.strictEqual(await root.value('SELECT count(*) FROM app.texts'), String(2 * texts.length));
    await root.sql('DROP TABLE app.texts');
});

test('comments and odd spacing hide nothing from the checks', async () => {
    for (const sql of ['SELECT/**/*/**/FROM/**/app.secret', 'SELECT * FROM app . secret', 'SELECT * FROM app/**/./**/secret', 'SELECT * FROM\n\tapp.\nsecret', 'SELECT * FROM "app"."secret"', 'SELECT * FROM APP.SECRET', 'SELECT * FROM kalam.app.secret', 'SELECT * FROM "APP"."SECRET"', 'SELECT * FROM app.secret -- x', '/* x */ SELECT * FROM app.secret', '(SELECT * FROM app.secret)', '((SELECT * FROM app.secret))', 'SELECT * FROM (app.secret)', 'SELECT * FROM U&"app"."secret"', 'SELECT * FROM U&"\\0061pp".secret']) {
        const answer = await alice.sqlRaw(sql);
        assert.ok(answer.status === 403 || answer.status === 400, `${sql}: ${answer.text}`);
        assert.ok(!answer.text.includes('CANARY'), sql);
    }
});

test('the data directory is for its owner only', () => {
    assert.strictEqual(fs.statSync(server.dataPath).mode & 0o077, 0, 'others may not look');
});
