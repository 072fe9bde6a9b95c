/* wall_test.c - the tenant wall, attacked by machine: two users with marked rows send statements that a grammar makes, mutated
 * and not, over tables, views, policies and everything that must be refused. Whatever the statement: no answer to one holds a
 * mark of the other or of what users may not read, nobody's rows are changed by anybody else, no file is opened or made, and
 * the engine's settings stay. KALAMDB_SEED and KDB_WALL_STATEMENTS choose other runs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core_fixture.h"
#include "seed.h"

enum {
    USUAL_STATEMENTS = 6000,
    DEPTH_MAX = 7,
    TEXT_MAX = 6000,
    RESET_EVERY = 150,
    CHECK_EVERY = 2500,
    LIVE_PERCENT = 35 /* least share of statements that must succeed: refusing all proves nothing */
};

#define BAIT "wall-bait"

/* ---- chance ---- */

typedef struct chance {
    uint64_t state;
} chance;

static uint64_t draw(chance *c) /* splitmix64 */
{
    uint64_t z = (c->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t below(chance *c, size_t n)
{
    return (size_t)(draw(c) % n);
}

/* ---- the grammar: {name} stands for one of the alternatives of `name`, the first of which ends soon ---- */

typedef struct production {
    const char *name;
    const char *alternatives[40]; /* to a NULL */
} production;

static const production grammar[] = {
    { "start", { "{tame}", "{tame}", "{tame}", "{tame}", "{tame}", "{stmt}", "{stmt}", "{stmt}" } },
    /* statements that mean something, most of them */
    { "tame",
      { "SELECT {tlist} FROM {tfrom} {twhere}",
        "SELECT {tlist} FROM {tfrom} {twhere} ORDER BY {tcol} {dir} LIMIT 5",
        "SELECT * FROM {tfrom} {twhere}",
        "SELECT {tagg}, {tagg} FROM {tfrom} {twhere}",
        "SELECT {tcol}, {tagg} FROM {tfrom} {twhere} GROUP BY 1",
        "SELECT t.id, {window} FROM {ttable} t",
        "SELECT {tlist} FROM {tfrom} {twhere} UNION ALL SELECT {tlist} FROM {tfrom}",
        "SELECT t.body FROM {tfrom} EXCEPT SELECT t.body FROM {tfrom}",
        "WITH {cte} AS (SELECT * FROM {ttable}) SELECT * FROM {cte}",
        "WITH c1 AS (SELECT t.* FROM {tfrom} {twhere}) SELECT t.*, u.* FROM c1 t, c1 u",
        "WITH {cte} AS (SELECT t.id, t.body FROM {ttable} t) SELECT t.body, (SELECT max(body) FROM {cte}) AS m FROM {ttable} t",
        "SELECT * FROM (SELECT t.id AS i, t.body AS b FROM {tfrom} {twhere}) s WHERE s.b LIKE '%{chunk}%'",
        "SELECT t.body, l.z FROM {ttable} t CROSS JOIN LATERAL (SELECT max(x.body) AS z FROM {ttable} x WHERE x.id >= t.id) l",
        "EXPLAIN ANALYZE SELECT {tlist} FROM {tfrom} {twhere}",
        "EXECUTE AS USER '{self}' (SELECT {tlist} FROM {tfrom} {twhere})",
        "EXECUTE AS USER '{other}' (SELECT {tlist} FROM {tfrom} {twhere})",
        "INSERT INTO app.notes (id, owner, body, n) VALUES ({number}, '{self}', '{mark}', {small}) ON CONFLICT (id) DO UPDATE SET body = excluded.body RETURNING *",
        "INSERT INTO app.mine (id, owner, body, n) VALUES ({key}, '{self}', '{mark}', {small}) ON CONFLICT (id) DO UPDATE SET body = {uexpr} RETURNING *",
        "INSERT INTO app.mine (id, owner, body, n) VALUES ({key}, '{self}', '{mark}', {small}) ON CONFLICT DO NOTHING RETURNING id, body",
        "INSERT INTO app.notes (id, owner, body) SELECT {key} + t.id, t.owner, t.body FROM {ttable} t ON CONFLICT DO NOTHING RETURNING *",
        "UPDATE app.notes SET body = {uexpr} WHERE {ucond} RETURNING *",
        "UPDATE app.mine SET body = {uexpr} WHERE {ucond} RETURNING *",
        "UPDATE app.mine SET n = n + 1 WHERE {ucond}",
        "UPDATE app.notes SET body = (SELECT max(x.body) FROM {ttable} x) WHERE {ucond} RETURNING body",
        "DELETE FROM app.notes WHERE {ucond} RETURNING *",
        "DELETE FROM app.mine WHERE {ucond} RETURNING *",
        "BEGIN; UPDATE app.mine SET body = {uexpr} WHERE {ucond}; SELECT * FROM app.mine; ROLLBACK",
        "BEGIN; DELETE FROM app.notes WHERE {ucond}; SELECT t.* FROM {tfrom}; COMMIT",
        "SHOW STATS FOR TABLE app.mine",
        "SELECT * FROM information_schema.tables",
        "SELECT {tcol}, _seq, _deleted FROM app.mine t WHERE _deleted = true OR {tcond}",
        "SELECT {texpr} AS x FROM app.v_nested t",
        "SELECT * FROM app.events",
        "SELECT CAST({tcol} AS {type}) AS x FROM {ttable} t {twhere}" } },
    { "ttable",
      { "app.notes", "app.mine", "app.notes", "app.mine", "app.v_notes", "app.pub", "APP.Mine", "\"app\".\"notes\"",
        "app/**/.mine", "notes" } },
    { "tfrom",
      { "{ttable} t", "{ttable} t", "{ttable} t JOIN {ttable} u ON t.n = u.n",
        "{ttable} t LEFT JOIN {ttable} u ON true", "{ttable} t FULL JOIN {ttable} u ON t.body = u.body",
        "(SELECT * FROM {ttable}) t", "{ttable} t CROSS JOIN generate_series(1, 2) g",
        "{ttable} t RIGHT JOIN {ttable} u ON t.id <> u.id" } },
    { "tcol", { "t.id", "t.body", "t.owner", "t.n", "t.body", "t.owner" } },
    { "tlist",
      { "t.*", "{tcol}", "t.id, t.body", "{tcol}, {texpr} AS x", "*", "count(*)", "{texpr} AS x, {texpr} AS y" } },
    { "texpr",
      { "{tcol}",
        "upper(t.body)",
        "t.body || t.owner",
        "length(t.body)",
        "substr(t.body, {small}, 40)",
        "replace(t.body, 'a', 'b')",
        "reverse(t.body)",
        "COALESCE(t.body, t.owner)",
        "md5(t.body)",
        "CASE WHEN {tcond} THEN t.body ELSE t.owner END",
        "(SELECT max(x.body) FROM {ttable} x)",
        "(SELECT string_agg(x.body, ',') FROM {ttable} x WHERE x.id = t.id)",
        "CURRENT_USER",
        "t.n + {small}",
        "CAST(t.n AS TEXT)",
        "concat_ws('-', t.body, t.owner)",
        "split_part(t.body, 'Q', 1)",
        "ARRAY[t.body, t.owner]",
        "EXISTS (SELECT 1 FROM {ttable} x WHERE x.body <> t.body)",
        "t.body LIKE '%{chunk}%'" } },
    { "tagg",
      { "count(*)", "max(t.body)", "min(t.owner)", "string_agg(t.body, ';')", "array_agg(t.body)", "sum(t.n)",
        "count(DISTINCT t.owner)", "max(t.body) FILTER (WHERE {tcond})", "max(t.id)" } },
    { "tcond",
      { "true", "t.id > {small}", "t.body LIKE '%{chunk}%'", "t.owner <> '{self}'", "t.owner = '{other}'", "t.n = 77",
        "t.body IN (SELECT x.body FROM {ttable} x)", "EXISTS (SELECT 1 FROM {ttable} x WHERE x.owner <> t.owner)",
        "{tcond} OR {tcond}", "NOT {tcond}", "t.n IN (1, 77, 7100)", "t.body > 'M'", "t.id = {key}",
        "length(t.body) > {small}", "1 / (t.n - 3) >= 0" } },
    { "twhere", { "", "", "WHERE {tcond}", "WHERE {tcond} AND {tcond}", "WHERE {tcond} OR true" } },
    { "key", { "7100", "7101", "7300", "7301", "9300", "9301", "1", "2", "3", "50" } },
    { "ucond",
      { "true", "id = {key}", "id > {small}", "owner <> '{self}'", "owner = '{other}'", "body LIKE '%{chunk}%'",
        "n = 77", "{ucond} OR {ucond}", "body IN (SELECT x.body FROM {ttable} x)" } },
    { "uexpr",
      { "body", "body || '{chunk}'", "owner", "'{mark}'", "upper(body)", "substr(body, 1, 30)", "CAST(n AS TEXT)" } },
    /* and whatever comes */
    { "stmt",
      { "{select}", "{select}", "{select}", "{select}", "{select}", "{select}", "{insert}", "{update}", "{delete}",
        "WITH {ctes} {select}", "WITH {ctes} {insert}", "EXPLAIN {select}", "EXPLAIN ANALYZE {select}",
        "EXPLAIN VERBOSE {update}", "{batch}", "{as}", "{admin}", "{hostile}", "VALUES ({expr}, {expr})" } },
    { "batch",
      { "{select}; {select}", "BEGIN; {insert}; {select}; COMMIT",
        "BEGIN; {update}; SAVEPOINT s; {delete}; ROLLBACK TO s; {select}; COMMIT",
        "BEGIN; {insert}; {select}; ROLLBACK", "USE app; {select}", "{insert}; {hostile}" } },
    { "as",
      { "EXECUTE AS USER '{self}' ({select})", "EXECUTE AS USER '{other}' ({select})",
        "EXECUTE AS USER 'root' ({select})", "EXECUTE AS USER '{other}' ({update})",
        "EXECUTE AS USER 'nobody' ({insert})", "EXECUTE AS USER '{other}' (SELECT 1); {select}",
        "EXECUTE AS USER '' ({select})" } },
    { "admin",
      { "SHOW TABLES",
        "SHOW NAMESPACES",
        "DESCRIBE TABLE {table}",
        "SHOW STATS FOR TABLE {table}",
        "SHOW STORAGES",
        "SHOW ALL",
        "SHOW POLICIES",
        "VERIFY AUDIT LOG",
        "CREATE VIEW app.x AS {select}",
        "CREATE OR REPLACE VIEW app.v_notes AS {select}",
        "DROP VIEW app.v_notes",
        "DROP TABLE {table}",
        "ALTER TABLE {table} ADD COLUMN c INT",
        "CREATE USER x WITH PASSWORD 'Abcdef-12345' ROLE dba",
        "ALTER USER {other} SET PASSWORD 'Abcdef-12345'",
        "ALTER USER {self} SET ROLE system",
        "DROP USER {other}",
        "CREATE POLICY p ON app.mine USING (true)",
        "DROP POLICY own ON app.mine",
        "ALTER POLICY own ON app.mine USING (true)",
        "CREATE NAMESPACE main",
        "DROP NAMESPACE app CASCADE",
        "CREATE TABLE app.dir AS {select}",
        "CREATE SHARED TABLE app.\"../x\" (id INT PRIMARY KEY)",
        "BEGIN",
        "COMMIT",
        "ROLLBACK" } },
    { "hostile",
      { "COPY {table} TO {path}",
        "COPY ({select}) TO {path}",
        "COPY {table} FROM {path}",
        "ATTACH {path} AS x",
        "INSTALL httpfs",
        "LOAD {path}",
        "PRAGMA database_list",
        "PRAGMA {setting} = 1",
        "SET {setting} = {literal}",
        "SET GLOBAL {setting} = {literal}",
        "RESET {setting}",
        "EXPORT DATABASE {path}",
        "IMPORT DATABASE {path}",
        "CALL duckdb_settings()",
        "PREPARE p AS {select}",
        "EXECUTE p",
        "CREATE MACRO m(x) AS ({select})",
        "CREATE SECRET (TYPE S3)",
        "CHECKPOINT",
        "VACUUM",
        "DO $${select}$$",
        "USE memory",
        "CREATE TEMP TABLE t AS {select}",
        "SELECT * FROM {path}",
        "INSERT INTO {path} VALUES (1)",
        "FROM {table}",
        "TABLE {table}",
        "SELECT COLUMNS(*) FROM {table}",
        "{select} INTO x",
        "DETACH main",
        "SUMMARIZE {table}",
        "PIVOT {table} ON id" } },
    { "setting",
      { "threads", "enable_external_access", "memory_limit", "lock_configuration", "allowed_directories", "TimeZone",
        "integer_division", "default_null_order", "search_path", "schema", "home_directory", "temp_directory",
        "extension_directory" } },
    { "path",
      { "'" BAIT "/bait.csv'", "\"" BAIT "/bait.csv\"", "'/etc/passwd'", "'" BAIT "/*'", "'" BAIT "/new.csv'",
        "'http://127.0.0.1:9/x'", "$$" BAIT "/bait.csv$$", "'" BAIT "/bait.parquet'" } },
    { "select",
      { "SELECT {list} FROM {table}", "SELECT {list} FROM {from} {where}", "SELECT {list} FROM {from} {where} {group}",
        "SELECT {list} FROM {from} {where} ORDER BY {expr} {dir} LIMIT {small}",
        "SELECT DISTINCT {list} FROM {from} {where}",
        "SELECT {list} FROM {from} {where} UNION ALL SELECT {list} FROM {from}",
        "SELECT {column} FROM {from} EXCEPT SELECT {column} FROM {from}",
        "SELECT {column} FROM {from} INTERSECT SELECT {column} FROM {from}", "SELECT {expr}",
        "SELECT * FROM {table} {where}", "SELECT {agg} FROM {from} {where}",
        "SELECT {columns} FROM {table} WHERE id = {literal}", "SELECT * FROM {from} ORDER BY 1 LIMIT {small}",
        "(SELECT {list} FROM {from})", "SELECT {column}, {window} FROM {from}" } },
    { "list",
      { "*", "{column}", "{columns}", "{expr} AS a, {expr} AS b", "t.*", "{column}, {expr} AS \"x y\"", "count(*)",
        "{agg}" } },
    { "columns", { "id, body", "id, owner, body, n", "{column}, {column}", "_seq, id", "id, _deleted" } },
    { "from",
      { "{table}", "{table} t", "{table} AS \"t\"", "{table} t JOIN {table} u ON t.id = u.id",
        "{table} t LEFT JOIN {from} u ON true", "{table} t, {table} u", "({select}) t", "({select}) AS t (a, b)",
        "{table} t, LATERAL ({select}) l", "{table} t CROSS JOIN LATERAL (SELECT {expr} AS z) l",
        "(VALUES ({expr}, {expr})) v (id, body)", "{cte}", "{cte} t, {table} u", "generate_series(1, {small}) g",
        "unnest(ARRAY[{expr}, {expr}]) u", "{tablefn}", "{table} t NATURAL JOIN {table} u",
        "{table} t JOIN {table} u USING (id)", "({table} t JOIN {table} u ON t.body = u.body)" } },
    { "table",
      { "app.notes",
        "app.notes",
        "app.notes",
        "app.mine",
        "app.mine",
        "app.v_notes",
        "app.v_nested",
        "app.v_mine",
        "app.events",
        "app.pub",
        "app.secret",
        "app.closed",
        "notes",
        "\"app\".\"notes\"",
        "APP.NOTES",
        "\"App\".\"Notes\"",
        "app . notes",
        "app/**/./**/mine",
        "kalam.app.notes",
        "U&\"\\0061pp\".notes",
        "app.\"notes\"",
        "app.\xEF\xBD\x8E\x6Ftes",
        "app.n\xC3\xB6tes",
        "\"app.notes\"",
        "system.users",
        "system.audit_log",
        "system.settings",
        "system.policies",
        "information_schema.tables",
        "information_schema.columns",
        "{path}",
        "{engine}",
        "main.notes",
        "default.notes",
        "app.\"notes\xE2\x80\x8B\"" } },
    { "engine",
      { "duckdb_settings", "duckdb_tables", "sqlite_master", "pg_catalog.pg_class", "main.sqlite_master", "kdb_scan",
        "kdb_cte_0", "temp.x", "memory.main.x", "pg_tables", "\"duckdb_settings()\"" } },
    { "tablefn",
      { "generate_series(1, 3)", "read_csv({path})", "read_text({path})", "glob('*')", "duckdb_settings()",
        "query('{select}')", "query_table('notes')", "kdb_scan(0)", "pragma_version()", "read_parquet([{path}])",
        "\"read_csv\"({path})", "main.read_csv({path})", "ROWS FROM (read_csv({path}))", "sniff_csv({path})",
        "unnest({expr})", "range(3)", "parquet_scan({path})", "arrow_scan(1, 2, 3)", "seq_scan('notes')" } },
    { "cte", { "c1", "notes", "secret", "mine", "users", "\"app.secret\"", "app" } },
    { "ctes",
      { "{cte} AS ({select})", "{cte} (a, b) AS ({select})", "{cte} AS ({select}), c1 AS ({select})",
        "RECURSIVE {cte} AS (SELECT 1 AS id UNION SELECT id + 1 FROM {cte} WHERE id < {small})",
        "{cte} AS MATERIALIZED ({select})", "{cte} AS ({insert} RETURNING *)" } },
    { "where",
      { "", "", "WHERE {cond}", "WHERE {cond}", "WHERE {cond} AND {cond}", "WHERE {cond} OR {cond}",
        "WHERE NOT ({cond})" } },
    { "cond",
      { "true",
        "id = {literal}",
        "id > {small}",
        "{expr} = {expr}",
        "{column} LIKE '%{chunk}%'",
        "{column} ~ '{chunk}'",
        "{column} IN ({expr}, {expr})",
        "{column} IN ({select1})",
        "EXISTS ({select})",
        "{expr} IS NULL",
        "{column} BETWEEN {expr} AND {expr}",
        "owner = '{other}'",
        "owner <> CURRENT_USER",
        "{cond} OR true",
        "_seq > 0",
        "_deleted = true",
        "1 / (n - {number}) > 0",
        "CAST({column} AS INT) > 0",
        "user_id = '{other}'",
        "(id, body) > ({small}, 'a')",
        "{expr} = ANY ({select1})" } },
    { "select1",
      { "SELECT id FROM {table}", "SELECT {column} FROM {from} {where}", "SELECT max({column}) FROM {table}" } },
    { "group",
      { "GROUP BY {column}", "GROUP BY {column} HAVING {agg} > {expr}", "GROUP BY 1",
        "GROUP BY ROLLUP ({column}, {column})" } },
    { "dir", { "", "DESC", "ASC NULLS FIRST" } },
    { "agg",
      { "count(*)", "max({column})", "min({column})", "string_agg(body, ',')", "array_agg({column})", "sum(n)",
        "count(DISTINCT {column})", "any_value({column})", "max(body) FILTER (WHERE {cond})", "list(body)",
        "json_group_array(body)", "first({column})", "avg(n)" } },
    { "window",
      { "row_number() OVER (ORDER BY {column})", "lag({column}) OVER (ORDER BY {column})",
        "first_value({column}) OVER (PARTITION BY {column})", "max({column}) OVER ()",
        "sum(n) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING)" } },
    { "column", { "id",      "body",           "owner",    "n",       "t.id",          "t.body", "u.body",
                  "t.owner", "_seq",           "_deleted", "user_id", "rowid",         "_key",   "\"BODY\"",
                  "j",       "app.notes.body", "*",        "c1.id",   "excluded.body", "at" } },
    { "expr",
      { "{literal}",
        "{column}",
        "{column}",
        "{function}",
        "{function}",
        "{column} || {literal}",
        "({select1})",
        "CAST({expr} AS {type})",
        "{expr}::{type}",
        "CASE WHEN {cond} THEN {expr} ELSE {expr} END",
        "{expr} + {number}",
        "COALESCE({expr}, {expr})",
        "CURRENT_USER",
        "CURRENT_ROLE",
        "NOW()",
        "j -> 'a'",
        "j ->> '{chunk}'",
        "({expr})[1]",
        "{evil}",
        "ARRAY[{expr}, {expr}]",
        "-{number}",
        "{agg}",
        "EXTRACT(year FROM at)",
        "substr({column}, {small}, {small})",
        "1 / (n - {number})",
        "error({column})" } },
    { "function",
      { "upper({column})", "{fn}()", "{fn}({expr})", "{fn}({expr}, {expr})", "{fn}({column}, {literal}, {expr})",
        "{fn}({column})" } },
    { "evil",
      { "getenv('HOME')", "current_setting('threads')", "read_text({path})",
        "json_execute_serialized_sql(json_serialize_sql('{select}'))", "getvariable('x')",
        "set_config('threads', '1', false)", "pg_read_file({path})", "query_to_xml('{select}', true, true, '')",
        "pg_catalog.upper('x')", "\"getenv\"('HOME')", "load_extension({path})", "kdb_scan(0)", "nextval('s')",
        "dblink('{select}')", "1::regclass", "'app.notes'::regclass" } },
    { "type",
      { "INT", "TEXT", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP", "JSON", "UUID", "BYTES", "DECIMAL(10,2)",
        "EMBEDDING(2)", "SMALLINT", "regclass", "STRUCT(a INT)", "MAP(INT, INT)" } },
    { "literal",
      { "{small}", "'{chunk}'", "NULL", "true", "{number}", "1.5", "'{other}'", "$1", "'{\"a\":1}'",
        "DATE '2026-01-02'", "X'00ff'", "E'\\\\x41'", "$${chunk}$$", "$q$'; --$q$", "'[1,2]'" } },
    { "small", { "1", "2", "3", "7", "0" } },
    { "number", { "1", "2", "100", "77", "0", "12", "7100" } },
    { "chunk", { "a", "o", "%", "_", "ark", "M", "Z", "x y", "''", "\\\\", "--", "9", "\xC3\xA9", "b" } },
    { "insert",
      { "INSERT INTO {table} (id, owner, body) VALUES ({small}, '{self}', '{mark}')",
        "INSERT INTO app.notes (id, owner, body, n) VALUES ({small}, '{self}', {expr}, {number})",
        "INSERT INTO app.mine (id, owner, body) VALUES ({number}, '{other}', {expr})",
        "INSERT INTO app.mine (id, owner, body) VALUES ({number}, '{self}', '{mark}') RETURNING *",
        "INSERT INTO {table} (id, body) {select}",
        "INSERT INTO app.notes (id, body) SELECT id, body FROM {from} {where}",
        "INSERT INTO app.notes (id, body) VALUES ({small}, '{mark}') ON CONFLICT (id) DO UPDATE SET body = excluded.body || {column} RETURNING {list}",
        "INSERT INTO app.mine (id, owner, body) VALUES ({number}, '{self}', 'x') ON CONFLICT (id) DO UPDATE SET body = {expr}, owner = '{self}' RETURNING *",
        "INSERT INTO {table} (id, owner, body) VALUES ({literal}, '{self}', {expr}) ON CONFLICT DO NOTHING",
        "INSERT INTO app.events (id, body) VALUES ('{chunk}', '{mark}')",
        "INSERT INTO app.notes (id, body) VALUES ({small}, ({select1}))",
        "INSERT INTO {table} VALUES ({expr}, {expr})" } },
    { "update",
      { "UPDATE app.notes SET body = {expr} WHERE {cond}",
        "UPDATE {table} SET body = {expr} WHERE {cond} RETURNING {list}",
        "UPDATE app.mine SET owner = '{self}' WHERE {cond}",
        "UPDATE app.mine SET body = {expr} WHERE {cond} RETURNING *", "UPDATE {table} SET n = n + 1 WHERE {cond}",
        "UPDATE app.notes SET body = ({select1}) WHERE {cond}",
        "UPDATE {table} t SET body = u.body FROM {from} u WHERE {cond}" } },
    { "delete",
      { "DELETE FROM app.notes WHERE {cond}", "DELETE FROM {table} WHERE {cond} RETURNING {list}",
        "DELETE FROM app.mine WHERE {cond}", "DELETE FROM {table} USING {from} WHERE {cond}" } },
};

/* ---- the attackers ---- */

/* What only its owner's answers may hold. */
typedef struct attacker {
    const char *name, *other;
    const char *mark; /* in its rows' texts, and in what its statements say */
    const char *theirs[6];
} attacker;

#define ALICE_MARK "MarkQaliceQ"
#define BOB_MARK "MarkZbobZ"
#define VICTIM_MARK "MarkXvictimX"
#define CLOSED_MARK "MarkWclosedW"
#define FILE_MARK "MarkVfileV"

static const attacker attackers[] = {
    { "alice", "bob", ALICE_MARK, { BOB_MARK, VICTIM_MARK, CLOSED_MARK, FILE_MARK, "root:x:0" } },
    { "bob", "alice", BOB_MARK, { ALICE_MARK, VICTIM_MARK, CLOSED_MARK, FILE_MARK, "root:x:0" } },
};

typedef struct writer {
    chance *chance;
    const attacker *who;
    kdb_buf *out;
} writer;

static const production *find_production(const char *name, size_t len)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(grammar); i++) {
        if (strlen(grammar[i].name) == len && memcmp(grammar[i].name, name, len) == 0) {
            return &grammar[i];
        }
    }
    return NULL;
}

/* Names that depend on who asks, and the functions that users may call. False: no such name. */
static bool write_special(writer *w, const char *name, size_t len)
{
    const kdb_sv what = kdb_sv_of(name, len);
    const char *text = NULL;
    if (kdb_sv_eq(what, KDB_SV("self"))) {
        text = w->who->name;
    } else if (kdb_sv_eq(what, KDB_SV("other"))) {
        text = below(w->chance, 3) == 0 ? "victim" : w->who->other;
    } else if (kdb_sv_eq(what, KDB_SV("mark"))) {
        text = w->who->mark;
    } else if (kdb_sv_eq(what, KDB_SV("fn"))) {
        text = kdb_function_defs[below(w->chance, kdb_function_defs_count)].name;
    }
    if (text != NULL) {
        kdb_buf_append_sv(w->out, kdb_sv_cstr(text));
    }
    return text != NULL;
}

static void expand(writer *w, const char *text, int depth);

static void write_name(writer *w, const char *name, size_t len, int depth)
{
    const production *p = find_production(name, len);
    if (p == NULL) {
        assert_true(write_special(w, name, len));
        return;
    }
    size_t count = 0;
    while (p->alternatives[count] != NULL) {
        count++;
    }
    const bool deep = depth >= DEPTH_MAX || w->out->len > TEXT_MAX / 2;
    expand(w, p->alternatives[deep ? 0 : below(w->chance, count)], depth + 1);
}

static void expand(writer *w, const char *text, int depth)
{
    for (const char *at = text; *at != '\0'; at++) {
        const char *end = *at == '{' && at[1] >= 'a' && at[1] <= 'z' ? strchr(at, '}') : NULL;
        if (end == NULL) {
            kdb_buf_append_byte(w->out, (uint8_t)*at);
            continue;
        }
        write_name(w, at + 1, (size_t)(end - at) - 1, depth);
        at = end;
    }
}

/* ---- mutation: what the grammar would not say ---- */

static const char *const fragments[] = { "/**/",
                                         "--\n",
                                         "/* ' */",
                                         ";",
                                         "'",
                                         "\"",
                                         "$$",
                                         "\\",
                                         ")",
                                         "(",
                                         ",",
                                         " UNION SELECT body FROM app.mine ",
                                         " FROM app.notes ",
                                         "\xC2\xA0",
                                         "\t",
                                         "\r\n",
                                         "::",
                                         ".",
                                         "*",
                                         " LIMIT 1",
                                         " FOR UPDATE",
                                         "@",
                                         "U&",
                                         "E'",
                                         "\xEF\xBB\xBF",
                                         " AS USER 'bob'",
                                         "{",
                                         "}",
                                         "?",
                                         "$2",
                                         " OR 1=1 --" };

static void mutate_once(chance *c, kdb_buf *text, kdb_buf *scratch)
{
    const size_t at = below(c, text->len + 1);
    const size_t len = below(c, 6);
    const size_t cut = at + len < text->len ? len : text->len - at;
    const char *fragment = fragments[below(c, KDB_ARRAY_LEN(fragments))];
    scratch->len = 0;
    kdb_buf_append(scratch, text->ptr, at);
    switch (below(c, 4)) {
    case 0:
        kdb_buf_append_sv(scratch, kdb_sv_cstr(fragment));
        break;
    case 1: /* says a piece again */
        kdb_buf_append(scratch, text->ptr + at, cut);
        break;
    case 2: /* leaves one out */
        kdb_buf_append(scratch, text->ptr + at + cut, text->len - at - cut);
        text->len = 0;
        kdb_buf_append_sv(text, kdb_buf_sv(scratch));
        return;
    default: /* in the other case */
        for (size_t i = 0; i < cut; i++) {
            const char letter = text->ptr[at + i];
            const bool is_letter = (letter | 0x20) >= 'a' && (letter | 0x20) <= 'z';
            text->ptr[at + i] = is_letter ? (char)(letter ^ 0x20) : letter;
        }
        break;
    }
    kdb_buf_append(scratch, text->ptr + at, text->len - at);
    text->len = 0;
    kdb_buf_append_sv(text, kdb_buf_sv(scratch));
}

static void make_statement(chance *c, const attacker *who, kdb_buf *text, kdb_buf *scratch)
{
    writer w = { c, who, text };
    text->len = 0;
    expand(&w, "{start}", 0);
    for (size_t n = below(c, 5) == 0 ? 1 + below(c, 4) : 0; n > 0; n--) {
        mutate_once(c, text, scratch);
    }
    kdb_buf_append_byte(text, 0);
}

/* ---- the world ---- */

static fixture fix;
static kdb_core_lane *lane;
static int watch_fd;

static void must(const char *user, kdb_role role, const char *sql)
{
    answer a = run_as(&fix, user, role, sql, NULL, 0);
    if (a.status != KDB_OK) {
        fail_msg("%s: %s", sql, a.text);
    }
    answer_done(&a);
}

static void give_rows(const char *user, const char *mark, int base)
{
    char sql[512];
    (void)snprintf(
        sql, sizeof(sql),
        "INSERT INTO app.notes (id, owner, body, n) VALUES (1, '%s', '%s', %d), (2, '%s', '%s two', %d), (3, '%s', '%s three', 77)",
        user, mark, base, user, mark, base + 1, user, mark);
    must(user, KDB_ROLE_USER, sql);
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO app.mine (id, owner, body, n) VALUES (%d, '%s', '%s', 1), (%d, '%s', '%s', 77)", base,
                   user, mark, base + 1, user, mark);
    must(user, KDB_ROLE_USER, sql);
    (void)snprintf(sql, sizeof(sql), "INSERT INTO app.events (id, body) VALUES ('%s', '%s')", user, mark);
    must(user, KDB_ROLE_USER, sql);
}

static void take_rows(const char *user)
{
    must(user, KDB_ROLE_USER, "DELETE FROM app.notes WHERE true");
    must(user, KDB_ROLE_USER, "DELETE FROM app.mine WHERE true");
}

static void lay_bait(void)
{
    assert_true(mkdir(BAIT, 0700) == 0 || errno == EEXIST);
    FILE *file = fopen(BAIT "/bait.csv", "w");
    assert_non_null(file);
    assert_true(fputs("id,body\n1," FILE_MARK "\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(watch_fd >= 0 && inotify_add_watch(watch_fd, BAIT, IN_ALL_EVENTS) >= 0);
}

static int setup(void **state)
{
    (void)state;
    static const char *const settings[] = { "execution.handler_timeout_seconds=3", "logging.slow_query_threshold_ms=0",
                                            NULL };
    static const char *const statements[] = {
        "CREATE NAMESPACE app",
        "CREATE TABLE app.notes (id INT PRIMARY KEY, owner TEXT, body TEXT, n BIGINT, j JSON, at TIMESTAMP) WITH (TYPE = 'USER')",
        "CREATE TABLE app.mine (id INT PRIMARY KEY, owner TEXT, body TEXT, n BIGINT) WITH (TYPE = 'SHARED', ACCESS_LEVEL = 'PUBLIC')",
        "CREATE POLICY own ON app.mine USING (owner = CURRENT_USER) WITH CHECK (owner = CURRENT_USER)",
        "CREATE TABLE app.events (id TEXT PRIMARY KEY, body TEXT) WITH (TYPE = 'STREAM', TTL_SECONDS = 36000)",
        "CREATE TABLE app.pub (id INT PRIMARY KEY, owner TEXT, body TEXT, n BIGINT) WITH (TYPE = 'SHARED', ACCESS_LEVEL = 'PUBLIC')",
        "CREATE TABLE app.secret (id INT PRIMARY KEY, owner TEXT, body TEXT, n BIGINT) WITH (TYPE = 'SHARED')",
        "CREATE TABLE app.closed (id INT PRIMARY KEY, owner TEXT, body TEXT) WITH (TYPE = 'SHARED', ACCESS_LEVEL = 'DBA')",
        "INSERT INTO app.pub VALUES (1, 'root', 'open to all', 5), (2, 'root', 'also open', 77)",
        "INSERT INTO app.secret VALUES (1, 'root', '" CLOSED_MARK "', 5), (2, 'alice', '" CLOSED_MARK "', 77)",
        "INSERT INTO app.closed VALUES (1, 'root', '" CLOSED_MARK "')",
        "CREATE VIEW app.v_notes AS SELECT id, owner, body, n FROM app.notes",
        "CREATE VIEW app.v_nested AS SELECT v.id, v.body, m.owner FROM app.v_notes v LEFT JOIN app.mine m ON v.n = m.n",
        "CREATE VIEW app.v_mine AS SELECT id, owner, body FROM app.mine WHERE body <> ''",
    };
    fixture_open(&fix, settings, NULL, 0);
    for (size_t i = 0; i < KDB_ARRAY_LEN(statements); i++) {
        must("root", KDB_ROLE_SYSTEM, statements[i]);
    }
    give_rows("victim", VICTIM_MARK, 7300);
    lane = kdb_core_lane_new(fix.core);
    lay_bait();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kdb_core_lane_free(lane);
    fixture_close(&fix);
    assert_int_equal(close(watch_fd), 0);
    return 0;
}

/* ---- the oracle ---- */

static void look_for_marks(const attacker *who, const char *sql, const answer *a)
{
    for (size_t i = 0; who->theirs[i] != NULL; i++) {
        if (strstr(a->text, who->theirs[i]) != NULL) {
            fail_msg("%s got \"%s\" by: %s\n%s", who->name, who->theirs[i], sql, a->text);
        }
    }
}

static void expect_rows(const char *user, kdb_role role, const char *sql, const char *rows)
{
    answer a = run_as(&fix, user, role, sql, NULL, 0);
    if (strcmp(a.text, rows) != 0) {
        fail_msg("%s: %s", sql, a.text);
    }
    answer_done(&a);
}

/* What nobody but its owner may change is as it was; so is what the engine's settings decide. */
static void check_world(void)
{
    expect_rows("victim", KDB_ROLE_USER, "SELECT id, owner, body, n FROM app.notes ORDER BY id",
                "id|owner|body|n\n1|victim|" VICTIM_MARK "|7300\n2|victim|" VICTIM_MARK
                " two|7301\n3|victim|" VICTIM_MARK " three|77\n");
    expect_rows("victim", KDB_ROLE_USER, "SELECT id, owner, body, n FROM app.mine ORDER BY id",
                "id|owner|body|n\n7300|victim|" VICTIM_MARK "|1\n7301|victim|" VICTIM_MARK "|77\n");
    expect_rows("victim", KDB_ROLE_USER, "SELECT id, body FROM app.events", "id|body\nvictim|" VICTIM_MARK "\n");
    expect_rows("root", KDB_ROLE_SYSTEM, "SELECT id, body FROM app.pub ORDER BY id",
                "id|body\n1|open to all\n2|also open\n");
    expect_rows("root", KDB_ROLE_SYSTEM, "SELECT count(*), min(body), max(owner) FROM app.secret",
                "count(*)|min(body)|max(owner)\n2|" CLOSED_MARK "|root\n");
    expect_rows("root", KDB_ROLE_SYSTEM,
                "SELECT count(*) AS n FROM app.mine WHERE owner NOT IN ('alice', 'bob', 'victim')", "n\n0\n");
    expect_rows("root", KDB_ROLE_SYSTEM,
                "SELECT count(*) AS n FROM information_schema.tables WHERE table_schema = 'app'", "n\n9\n");
    expect_rows(
        "root", KDB_ROLE_SYSTEM,
        "SELECT 7 / 2 AS q, CAST(TIMESTAMP '2026-01-01 00:00:00' AS TEXT) AS t, (SELECT string_agg(coalesce(x, '-'), '') FROM (SELECT x FROM (VALUES ('a'), (NULL)) v (x) ORDER BY x) s) AS o",
        "q|t|o\n3|2026-01-01 00:00:00|a-\n");
}

static void check_no_file_was_touched(void)
{
    char events[4096];
    const ssize_t got = read(watch_fd, events, sizeof(events));
    assert_true(got < 0 && errno == EAGAIN); /* nobody opened, read or made anything there */
}

/* ---- the run ---- */

typedef struct tally {
    size_t sent, succeeded, in_lane;
} tally;

static void attack(chance *c, const attacker *who, kdb_buf *text, kdb_buf *scratch, tally *t)
{
    const kdb_value param = kdb_value_text(kdb_sv_cstr(below(c, 2) == 0 ? "app.secret" : who->other));
    bool in_lane = false;
    make_statement(c, who, text, scratch);
    const size_t nparams = strstr(text->ptr, "$1") != NULL ? 1 : 0;
    answer a = run_in_lane(&fix, lane, who->name, text->ptr, &param, nparams, &in_lane);
    look_for_marks(who, text->ptr, &a);
    t->sent++;
    t->succeeded += a.status == KDB_OK;
    t->in_lane += in_lane;
    answer_done(&a);
}

/* Both at once, on two workers: what they have in common must not mix them up. */
static void attack_together(chance *c, kdb_buf *text, kdb_buf *scratch, tally *t)
{
    pending_request *pending[KDB_ARRAY_LEN(attackers)];
    char *sent[KDB_ARRAY_LEN(attackers)];
    for (size_t i = 0; i < KDB_ARRAY_LEN(attackers); i++) {
        make_statement(c, &attackers[i], text, scratch);
        sent[i] = kdb_sv_heap_cstr(kdb_sv_cstr(text->ptr));
        pending[i] = start(&fix, attackers[i].name, sent[i]);
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(attackers); i++) {
        answer a = wait_for(pending[i]);
        look_for_marks(&attackers[i], sent[i], &a);
        t->sent++;
        t->succeeded += a.status == KDB_OK;
        answer_done(&a);
        kdb_free(sent[i]);
    }
}

static uint64_t number_from(const char *variable, uint64_t usual)
{
    const char *text = getenv(variable);
    return text == NULL ? usual : strtoull(text, NULL, 10);
}

static void no_statement_gets_through_the_wall(void **state)
{
    (void)state;
    const size_t statements = number_from("KDB_WALL_STATEMENTS", USUAL_STATEMENTS);
    chance c = { test_seed() };
    kdb_buf text, scratch;
    tally t = { 0 };
    print_message("%zu statements\n", statements);
    kdb_buf_init(&text, 0);
    kdb_buf_init(&scratch, 0);
    for (size_t i = 0; t.sent < statements; i++) {
        if (i % RESET_EVERY == 0) {
            take_rows("alice");
            take_rows("bob");
            give_rows("alice", ALICE_MARK, 7100);
            give_rows("bob", BOB_MARK, 9300);
        }
        if (below(&c, 3) == 0) {
            attack_together(&c, &text, &scratch, &t);
        } else {
            attack(&c, &attackers[below(&c, KDB_ARRAY_LEN(attackers))], &text, &scratch, &t);
        }
        if (i % CHECK_EVERY == CHECK_EVERY - 1) {
            check_world();
        }
    }
    check_world();
    check_no_file_was_touched();
    print_message("%zu sent, %zu succeeded, %zu in lanes\n", t.sent, t.succeeded, t.in_lane);
    assert_true(t.succeeded * 100 >= t.sent * LIVE_PERCENT);
    kdb_buf_done(&text);
    kdb_buf_done(&scratch);
}

/* The oracle itself: what it looks for can be found, in each table and in the file. */
static void the_marks_are_there_to_be_found(void **state)
{
    (void)state;
    static const attacker victim = { "victim", "alice", VICTIM_MARK, { ALICE_MARK, BOB_MARK, CLOSED_MARK } };
    static const char *const reads[] = { "SELECT body FROM app.notes",
                                         "SELECT body FROM app.mine",
                                         "SELECT body FROM app.events",
                                         "SELECT * FROM app.v_notes",
                                         "SELECT * FROM app.v_nested",
                                         "SELECT * FROM app.v_mine",
                                         "SELECT CAST(body AS INT) FROM app.notes" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(reads); i++) {
        answer a = run_as(&fix, "victim", KDB_ROLE_USER, reads[i], NULL, 0);
        assert_non_null(strstr(a.text, VICTIM_MARK));
        look_for_marks(&victim, reads[i], &a);
        answer_done(&a);
    }
    FILE *file = fopen(BAIT "/bait.csv", "r");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    char events[4096];
    assert_true(read(watch_fd, events, sizeof(events)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_marks_are_there_to_be_found, setup, teardown),
        cmocka_unit_test_setup_teardown(no_statement_gets_through_the_wall, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
