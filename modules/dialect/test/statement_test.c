/* statement_test.c - first words to statements: KalamDB's own, those it does not serve, and what the grammar says. */
#include "dialect_fixture.h"

static void namespaces_are_made_dropped_and_used(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "CREATE NAMESPACE app", "CREATE NAMESPACE 'app'" },
        { "create namespace if not exists \"App\"", "CREATE NAMESPACE 'app' if" },
        { "CREATE SCHEMA s", "CREATE NAMESPACE 's'" },
        { "CREATE NAMESPACE", "INVALID_SQL@16 syntax error at end of input" },
        { "CREATE NAMESPACE a b", "INVALID_SQL@19 syntax error at or near \"b\"" },
        { "DROP NAMESPACE app", "DROP NAMESPACE 'app'" },
        { "DROP NAMESPACE IF EXISTS app CASCADE", "DROP NAMESPACE 'app' if cascade" },
        { "DROP SCHEMA s RESTRICT", "DROP NAMESPACE 's'" },
        { "USE app", "USE 'app'" },
        { "USE NAMESPACE app", "USE 'app'" },
        { "USE namespace", "USE 'namespace'" },
        { "SET NAMESPACE app", "USE 'app'" },
        { "SET search_path TO app", "USE 'app'" },
    };
    CHECK_CASES(cases, parsed);
}

static void tables_are_shown_described_and_dropped(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SHOW NAMESPACES", "SHOW NAMESPACES" },
        { "SHOW NAMESPACES x", "INVALID_SQL@16 syntax error at or near \"x\"" },
        { "SHOW TABLES", "SHOW TABLES ''" },
        { "SHOW TABLES IN app", "SHOW TABLES 'app'" },
        { "SHOW TABLES IN NAMESPACE app", "SHOW TABLES 'app'" },
        { "SHOW TABLES IN namespace", "SHOW TABLES 'namespace'" },
        { "SHOW STORAGES", "SHOW STORAGES" },
        { "SHOW MANIFEST", "SHOW MANIFEST" },
        { "SHOW MANIFEST CACHE", "SHOW MANIFEST" },
        { "SHOW ALL", "SHOW ALL" },
        { "SHOW ALL x", "INVALID_SQL@9 syntax error at or near \"x\"" },
        { "SHOW STATS FOR TABLE app.t", "SHOW STATS app.t" },
        { "SHOW TABLE STATS t", "SHOW STATS .t" },
        { "SHOW COLUMNS FROM t", "DESCRIBE .t" },
        { "DESCRIBE TABLE app.t", "DESCRIBE app.t" },
        { "DESC TABLE t HISTORY", "DESCRIBE .t" },
        { "DESCRIBE t", "DESCRIBE .t" },
        { "desc \"table\"", "DESCRIBE .table" },
        { "DESCRIBE app.t x", "INVALID_SQL@15 syntax error at or near \"x\"" },
        { "DROP TABLE t", "DROP TABLE .t" },
        { "DROP USER TABLE IF EXISTS app.t", "DROP TABLE app.t if-exists" },
        { "DROP SHARED TABLE kalam.app.t", "DROP TABLE app.t" },
        { "DROP STREAM TABLE app.user.t", "DROP TABLE app.t" },
        { "DROP TABLE a.b.c", "INVALID_SQL@11 Table name has too many parts: expected namespace.table" },
        { "DROP TABLE a.b.c.d.e", "INVALID_SQL@19 syntax error at or near \"e\"" },
        { "DROP TABLE 'x'", "INVALID_SQL@11 syntax error at a string literal" },
    };
    CHECK_CASES(cases, parsed);
}

static void statements_are_explained(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "EXPLAIN SELECT 1", "EXPLAIN @8 <SELECT 1>" },
        { "explain analyze verbose select $1", "EXPLAIN ANALYZE VERBOSE @24 <select $1> params=1" },
        { "EXPLAIN (VERBOSE, ANALYZE) WITH a AS (SELECT 1) SELECT * FROM a",
          "EXPLAIN ANALYZE VERBOSE @27 <WITH a AS (SELECT 1) SELECT * FROM a>" },
        { "EXPLAIN (SELECT 1)", "EXPLAIN @8 <(SELECT 1)>" },
        { "EXPLAIN DELETE FROM t WHERE id = 1", "EXPLAIN @8 <DELETE FROM t WHERE id = 1>" },
        { "EXPLAIN ANALYZE DELETE FROM t WHERE id = 1",
          "INVALID_SQL@16 EXPLAIN ANALYZE would run the statement: it takes a SELECT only" },
        { "EXPLAIN DROP TABLE t", "INVALID_SQL@8 EXPLAIN takes a SELECT, INSERT, UPDATE or DELETE" },
        { "EXPLAIN (FORMAT json) SELECT 1", "INVALID_SQL@9 EXPLAIN option \"FORMAT\" is not supported" },
        { "EXPLAIN", "INVALID_SQL@7 syntax error at end of input" },
        { "EXPLAIN EXPLAIN SELECT 1", "INVALID_SQL@8 syntax error at or near \"EXPLAIN\"" },
        { "EXPLAIN SELECT 1 FORM t", "INVALID_SQL@22 syntax error at or near \"t\"" },
    };
    CHECK_CASES(cases, parsed);
}

static void policies_are_made_altered_and_dropped(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "CREATE POLICY p ON app.t USING (a = 1)", "CREATE POLICY 'p' app.t ALL using @32 <a = 1>" },
        { "create policy \"Own rows\" on t as restrictive for update to public, USER, service using ((a) = f(')')) "
          "with check (a IN (1, 2) -- )\n)",
          "CREATE POLICY 'Own rows' .t restrictive UPDATE to=public, user, service using @88 <(a) = f(')')> check @114 "
          "<a IN (1, 2) -- )\n>" },
        { "CREATE POLICY p ON t FOR INSERT WITH CHECK ($$)$$ = a)",
          "CREATE POLICY 'p' .t INSERT check @44 <$$)$$ = a>" },
        { "CREATE POLICY p ON t", "CREATE POLICY 'p' .t ALL" },
        { "CREATE POLICY p ON t USING (a) USING (b)", "INVALID_SQL@31 syntax error at or near \"USING\"" },
        { "CREATE POLICY p ON t USING (a; b)", "INVALID_SQL@29 syntax error at or near \";\"" },
        { "CREATE POLICY p ON t USING (a) ; SELECT 1", "INVALID_SQL@31 syntax error at or near \";\"" },
        { "CREATE POLICY p ON t USING (a) OR (b)", "INVALID_SQL@31 syntax error at or near \"OR\"" },
        { "CREATE POLICY p ON t USING (a LIMIT 1)", "INVALID_SQL@30 syntax error at or near \"LIMIT\"" },
        { "CREATE POLICY p ON t USING (a = $1)", "INVALID_SQL@28 a policy's condition cannot have parameters" },
        { "CREATE POLICY p ON t USING a", "INVALID_SQL@27 syntax error at or near \"a\"" },
        { "CREATE POLICY p ON t USING (a", "INVALID_SQL@29 syntax error at end of input" },
        { "CREATE POLICY p ON t USING ('a)", "INVALID_SQL@28 unterminated quoted string" },
        { "CREATE POLICY p ON t FOR ALL TO", "INVALID_SQL@31 syntax error at end of input" },
        { "CREATE POLICY p ON t AS x USING (a)", "INVALID_SQL@24 syntax error at or near \"x\"" },
        { "CREATE POLICY ON t USING (a)", "INVALID_SQL@17 syntax error at or near \"t\"" },
        { "ALTER POLICY p ON t RENAME TO q", "ALTER POLICY 'p' .t ALL name=q" },
        { "ALTER POLICY p ON t TO service WITH CHECK (b)", "ALTER POLICY 'p' .t ALL to=service check @43 <b>" },
        { "ALTER POLICY p ON t FOR SELECT USING (b)", "INVALID_SQL@20 syntax error at or near \"FOR\"" },
        { "ALTER POLICY p ON t", "INVALID_SQL@19 syntax error at end of input" },
        { "DROP POLICY IF EXISTS p ON app.t", "DROP POLICY 'p' app.t if-exists ALL" },
        { "DROP POLICY p ON t CASCADE", "DROP POLICY 'p' .t ALL" },
        { "DROP POLICY p", "INVALID_SQL@13 syntax error at end of input" },
        { "SHOW POLICIES", "SHOW POLICIES '' . ALL" },
        { "SHOW POLICIES ON TABLE app.t", "SHOW POLICIES '' app.t ALL" },
        { "SHOW POLICIES FROM t", "SHOW POLICIES '' .t ALL" },
    };
    CHECK_CASES(cases, parsed);
}

static void views_are_made_and_dropped(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "CREATE VIEW app.v AS SELECT 1", "CREATE VIEW app.v @21 <SELECT 1>" },
        { "create or replace view v (a, \"B\") as with x as (select 1) select * from x",
          "CREATE OR REPLACE VIEW .v [a] [B] @37 <with x as (select 1) select * from x>" },
        { "CREATE VIEW v AS VALUES (1)", "CREATE VIEW .v @17 <VALUES (1)>" },
        { "CREATE VIEW v", "INVALID_SQL@13 Invalid CREATE VIEW statement: syntax error at end of input" },
        { "CREATE VIEW v () AS SELECT 1",
          "INVALID_SQL@15 Invalid CREATE VIEW statement: syntax error at or near \")\"" },
        { "CREATE VIEW v AS DELETE FROM t",
          "INVALID_SQL@17 Invalid CREATE VIEW statement: a view is made of a SELECT" },
        { "CREATE VIEW v AS SELECT $1", "INVALID_SQL@17 Invalid CREATE VIEW statement: a view cannot have parameters" },
        { "CREATE VIEW v AS SELECT 1 FORM t",
          "INVALID_SQL@31 Invalid CREATE VIEW statement: syntax error at or near \"t\"" },
        { "CREATE VIEW IF NOT EXISTS v AS SELECT 1",
          "INVALID_SQL@15 Invalid CREATE VIEW statement: syntax error at or near \"NOT\"" },
        { "CREATE MATERIALIZED VIEW v AS SELECT 1",
          "INVALID_SQL@0 Invalid CREATE VIEW statement: MATERIALIZED VIEWS are not supported yet" },
        { "CREATE OR REPLACE TEMP VIEW v AS SELECT 1",
          "INVALID_SQL@0 Invalid CREATE VIEW statement: TEMPORARY VIEWS are not supported" },
        { "DROP VIEW app.v", "DROP VIEW app.v" },
        { "DROP VIEW IF EXISTS v", "DROP VIEW .v if-exists" },
        { "DROP VIEW v CASCADE", "DROP VIEW .v" },
    };
    CHECK_CASES(cases, parsed);
}

static void users_are_made_changed_and_dropped_without_echoing_secrets(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "CREATE USER bob WITH PASSWORD 'it''s' ROLE dba",
          "CREATE USER 'bob' password change=0 secret=it's role=dba secret" },
        { "CREATE USER 'Bob@x' WITH PASSWORD 'p' ROLE 'user' EMAIL 'b@x'",
          "CREATE USER 'Bob@x' password change=0 secret=p role=user email=b@x secret" },
        { "CREATE USER Bob WITH OAUTH '{\"provider\":\"g\",\"subject\":\"1\"}' ROLE user",
          "CREATE USER 'Bob' oauth change=0 secret={\"provider\":\"g\",\"subject\":\"1\"} role=user secret" },
        { "CREATE USER b WITH OIDC '{}' ROLE user", "CREATE USER 'b' oauth change=0 secret={} role=user secret" },
        { "CREATE USER b WITH INTERNAL ROLE system", "CREATE USER 'b' internal change=0 role=system secret" },
        { "CREATE USER b WITH PASSWORD ROLE user", "INVALID_SQL@28 Password required for WITH PASSWORD" },
        { "CREATE USER b WITH PASSWORD 'p'", "INVALID_SQL@31 CREATE USER requires a ROLE clause" },
        { "CREATE USER b WITH OAUTH ROLE user",
          "INVALID_SQL@25 OAuth user requires JSON payload with provider and subject" },
        { "CREATE USER b WITH PASSWORD 'p' 'q' ROLE user", "INVALID_SQL@32 syntax error at a string literal" },
        { "CREATE USER b PASSWORD 'p'", "INVALID_SQL@14 syntax error at or near \"PASSWORD\"" },
        { "ALTER USER b SET PASSWORD 'new'", "ALTER USER 'b' password change=0 secret=new secret" },
        { "ALTER USER b SET ROLE service", "ALTER USER 'b' password change=1 role=service secret" },
        { "ALTER USER \"B\" SET EMAIL 'x@y'", "ALTER USER 'B' password change=2 email=x@y secret" },
        { "ALTER USER b SET NAME 'x'", "INVALID_SQL@17 syntax error at or near \"NAME\"" },
        { "DROP USER b", "DROP USER 'b' password change=0" },
        { "DROP USER IF EXISTS 'b'", "DROP USER 'b' if-exists password change=0" },
    };
    CHECK_CASES(cases, parsed);
}

static void tables_and_namespaces_are_altered(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "ALTER TABLE t ADD x INT", "ALTER .t ADD x INT" },
        { "ALTER USER TABLE a.t ADD COLUMN X TEXT NOT NULL DEFAULT 'y'",
          "ALTER a.t ADD x TEXT not-null default TEXT y" },
        { "ALTER SHARED TABLE t ADD COLUMN x BIGSERIAL", "ALTER .t ADD x BIGINT default snowflake()" },
        { "ALTER STREAM TABLE t DROP x", "ALTER .t DROP x" },
        { "ALTER TABLE t DROP COLUMN x", "ALTER .t DROP x" },
        { "ALTER TABLE t MODIFY x BIGINT", "ALTER .t MODIFY x BIGINT" },
        { "ALTER TABLE t MODIFY COLUMN x DECIMAL(9,2) NOT NULL", "ALTER .t MODIFY x DECIMAL(9,2) not-null" },
        { "ALTER TABLE t MODIFY x TEXT NULL", "ALTER .t MODIFY x TEXT null" },
        { "ALTER TABLE t ALTER x TYPE BIGINT", "ALTER .t MODIFY x BIGINT" },
        { "ALTER TABLE t ALTER COLUMN x SET DATA TYPE BIGINT", "ALTER .t MODIFY x BIGINT" },
        { "ALTER TABLE t ALTER x SET NOT NULL", "ALTER .t SET NOT NULL x" },
        { "ALTER TABLE t ALTER COLUMN x DROP NOT NULL", "ALTER .t DROP NOT NULL x" },
        { "ALTER TABLE t ALTER x SET DEFAULT -1", "ALTER .t SET DEFAULT x default BIGINT -1" },
        { "ALTER TABLE t ALTER x SET DEFAULT NOW()", "ALTER .t SET DEFAULT x default now()" },
        { "ALTER TABLE t ALTER x DROP DEFAULT", "ALTER .t DROP DEFAULT x" },
        { "ALTER TABLE t RENAME a TO B", "ALTER .t RENAME a to=b" },
        { "ALTER TABLE t RENAME COLUMN a TO b", "ALTER .t RENAME a to=b" },
        { "ALTER TABLE t SET ACCESS LEVEL dba", "ALTER .t ACCESS 4" },
        { "ALTER TABLE t SET TBLPROPERTIES (ACCESS_LEVEL = 'PUBLIC')", "ALTER .t ACCESS 1" },
        { "ALTER TABLE t ADD x INT, ADD y INT",
          "INVALID_SQL@23 Only one ALTER TABLE operation is supported per statement" },
        { "ALTER TABLE t DROP x, DROP y", "INVALID_SQL@20 Only one ALTER TABLE operation is supported per statement" },
        { "ALTER TABLE t ADD x INT FIRST",
          "INVALID_SQL@24 FIRST and AFTER are not supported: a new column comes last" },
        { "ALTER TABLE t ADD x INT AFTER y",
          "INVALID_SQL@24 FIRST and AFTER are not supported: a new column comes last" },
        { "ALTER TABLE t DROP x CASCADE", "INVALID_SQL@21 DROP COLUMN with CASCADE or RESTRICT is not supported" },
        { "ALTER TABLE t ADD x INT PRIMARY KEY", "INVALID_SQL@24 A PRIMARY KEY cannot be added to a table" },
        { "ALTER TABLE t ADD x INT UNIQUE", "INVALID_SQL@24 UNIQUE constraints are not supported" },
        { "ALTER TABLE t ADD x INT CHECK (x > 0)", "INVALID_SQL@24 CHECK constraints are not supported" },
        { "ALTER TABLE t ADD x INT REFERENCES u (id)", "INVALID_SQL@24 FOREIGN KEY constraints are not supported" },
        { "ALTER TABLE t ADD CONSTRAINT c UNIQUE (x)", "INVALID_SQL@31 UNIQUE constraints are not supported" },
        { "ALTER TABLE t ADD UNIQUE (x)", "INVALID_SQL@18 UNIQUE constraints are not supported" },
        { "ALTER TABLE t ADD CHECK (x > 0)", "INVALID_SQL@18 CHECK constraints are not supported" },
        { "ALTER TABLE t ADD CONSTRAINT c CHECK (x > 0)", "INVALID_SQL@31 CHECK constraints are not supported" },
        { "ALTER TABLE t ADD PRIMARY KEY (x)", "INVALID_SQL@18 A PRIMARY KEY cannot be added to a table" },
        { "ALTER TABLE t ADD FOREIGN KEY (x) REFERENCES u (id)",
          "INVALID_SQL@18 FOREIGN KEY constraints are not supported" },
        { "ALTER TABLE t ADD CONSTRAINT c EXCLUDE USING gist (x WITH =)",
          "INVALID_SQL@31 EXCLUDE constraints are not supported" },
        { "ALTER TABLE t ADD INDEX i (x)", "INVALID_SQL@18 Secondary indexes are not supported" },
        { "ALTER TABLE t ADD COLUMN x INT DEFAULT 1 + 1",
          "INVALID_SQL@41 DEFAULT must be a literal, NULL, or NOW(), CURRENT_TIMESTAMP, SNOWFLAKE_ID(), UUID_V7(), "
          "ULID() or CURRENT_USER()" },
        { "ALTER TABLE t DROP CONSTRAINT c",
          "INVALID_SQL@19 DROP CONSTRAINT is not supported: tables have no named constraints" },
        { "ALTER TABLE t MODIFY x BIGSERIAL", "INVALID_SQL@23 Only a new column can be SERIAL" },
        { "ALTER TABLE t MODIFY x INT UNIQUE", "INVALID_SQL@27 UNIQUE constraints are not supported" },
        { "ALTER TABLE t MODIFY x INT DEFAULT 3", "INVALID_SQL@27 syntax error at or near \"DEFAULT\"" },
        { "ALTER TABLE t ALTER x TYPE INT USING x::int", "INVALID_SQL@31 syntax error at or near \"USING\"" },
        { "ALTER TABLE t CREATE VECTOR INDEX x USING COSINE", "INVALID_SQL@14 Vector indexes are not supported" },
        { "ALTER TABLE t CREATE INDEX x", "INVALID_SQL@14 Vector indexes and secondary indexes are not supported" },
        { "ALTER TABLE t DROP VECTOR INDEX x", "INVALID_SQL@14 Vector indexes are not supported" },
        { "ALTER TABLE t SET ACCESS LEVEL secret",
          "INVALID_SQL@31 Invalid ACCESS_LEVEL 'secret'. Expected PUBLIC, PRIVATE, RESTRICTED or DBA" },
        { "ALTER TABLE t SET TBLPROPERTIES (OWNER = 'x')",
          "INVALID_SQL@33 Unknown table property 'owner'. Only ACCESS_LEVEL can be set" },
        { "ALTER TABLE t RENAME TO u", "INVALID_SQL@21 Renaming a table is not supported" },
        { "ALTER TABLE t OWNER TO bob", "INVALID_SQL@14 syntax error at or near \"OWNER\"" },
        { "ALTER TABLE t", "INVALID_SQL@13 syntax error at end of input" },
        { "ALTER TABLE", "INVALID_SQL@11 syntax error at end of input" },
        { "ALTER TABLE a.b.c ADD x INT", "INVALID_SQL@12 Table name has too many parts: expected namespace.table" },
        { "ALTER NAMESPACE N SET OPTIONS (a = 1, B = 'x''y', \"c.d\" = true, e = -2.5, f = FALSE)",
          "ALTER NAMESPACE 'n' [a = BIGINT 1] [b = TEXT x'y] [c.d = BOOLEAN true] [e = DOUBLE -2.5] [f = BOOLEAN "
          "false]" },
        { "ALTER SCHEMA n SET DESCRIPTION 'd'", "ALTER NAMESPACE 'n' [description = TEXT d]" },
        { "ALTER NAMESPACE n", "INVALID_SQL@17 Expected SET OPTIONS clause" },
        { "ALTER NAMESPACE n SET x = 1", "INVALID_SQL@18 Expected SET OPTIONS clause" },
        { "ALTER NAMESPACE n SET OPTIONS ()", "INVALID_SQL@31 syntax error at or near \")\"" },
        { "ALTER NAMESPACE n SET OPTIONS (a = NULL)", "INVALID_SQL@35 syntax error at or near \"NULL\"" },
        { "ALTER NAMESPACE n SET OPTIONS (\"a b\" = 1)",
          "INVALID_SQL@31 An option's name has 1 to 64 letters, digits and the characters _ . -" },
        { "ALTER SCHEMA n RENAME TO m", "INVALID_SQL@15 Renaming a namespace is not supported" },
    };
    CHECK_CASES(cases, parsed);
}

static void transactions_and_savepoints(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "begin", "BEGIN" },
        { "BEGIN TRANSACTION", "BEGIN" },
        { "BEGIN WORK", "BEGIN" },
        { "START TRANSACTION", "BEGIN" },
        { "START TRANSACTION READ ONLY", "INVALID_SQL@18 syntax error at or near \"READ\"" },
        { "BEGIN ISOLATION LEVEL SERIALIZABLE", "INVALID_SQL@6 syntax error at or near \"ISOLATION\"" },
        { "COMMIT", "COMMIT" },
        { "COMMIT WORK", "COMMIT" },
        { "COMMIT AND CHAIN", "INVALID_SQL@7 syntax error at or near \"AND\"" },
        { "COMMIT PREPARED 'x'", "INVALID_SQL@0 Unsupported statement type: COMMIT PREPARED" },
        { "ROLLBACK", "ROLLBACK" },
        { "ROLLBACK WORK", "ROLLBACK" },
        { "ROLLBACK PREPARED 'x'", "INVALID_SQL@0 Unsupported statement type: ROLLBACK PREPARED" },
        { "SAVEPOINT Here", "SAVEPOINT name=here" },
        { "SAVEPOINT \"Here\"", "SAVEPOINT name=Here" },
        { "SAVEPOINT", "INVALID_SQL@9 syntax error at end of input" },
        { "SAVEPOINT a b", "INVALID_SQL@12 syntax error at or near \"b\"" },
        { "ROLLBACK TO here", "ROLLBACK TO name=here" },
        { "ROLLBACK TO SAVEPOINT here", "ROLLBACK TO name=here" },
        { "RELEASE here", "RELEASE name=here" },
        { "RELEASE SAVEPOINT here", "RELEASE name=here" },
    };
    CHECK_CASES(cases, parsed);
}

static void tables_and_selects_are_subscribed_to(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SUBSCRIBE TO app.notes", "SUBSCRIBE app.notes <SELECT * FROM app.notes>" },
        { "SUBSCRIBE TO Notes", "SUBSCRIBE default.notes <SELECT * FROM \"default\".Notes>" },
        { "subscribe to app.notes where done = false options (last_rows = 10)",
          "SUBSCRIBE app.notes <SELECT * FROM app.notes where done = false> last_rows=10" },
        { "SUBSCRIBE TO app.notes OPTIONS (last_rows=0, batch_size=50, from='123456789012345678',)",
          "SUBSCRIBE app.notes <SELECT * FROM app.notes> last_rows=0 batch_size=50 from=123456789012345678" },
        { "SUBSCRIBE TO app.notes OPTIONS (FROM_SEQ_ID=7)", "SUBSCRIBE app.notes <SELECT * FROM app.notes> from=7" },
        { "SUBSCRIBE TO app.notes OPTIONS ()", "SUBSCRIBE app.notes <SELECT * FROM app.notes>" },
        { "SUBSCRIBE TO app.notes LAST 20", "SUBSCRIBE app.notes <SELECT * FROM app.notes> last_rows=20" },
        { "SUBSCRIBE TO notes n WHERE n.id > 3 LAST 5",
          "SUBSCRIBE default.notes <SELECT * FROM \"default\".notes n WHERE n.id > 3> last_rows=5" },
        { "SUBSCRIBE TO SELECT id, body FROM app.notes WHERE id IN (1, 2) OPTIONS (batch_size=5)",
          "SUBSCRIBE app.notes <SELECT id, body FROM app.notes WHERE id IN (1, 2)> batch_size=5" },
        { "SUBSCRIBE TO SELECT * FROM `Notes` -- all of them",
          "SUBSCRIBE default.notes <SELECT * FROM \"default\".`Notes` -- all of them>" },
        { "SUBSCRIBE TO SELECT * FROM app.notes ORDER BY at DESC LIMIT 3",
          "SUBSCRIBE app.notes <SELECT * FROM app.notes ORDER BY at DESC LIMIT 3>" },
        { "SUBSCRIBE TO SELECT options, last FROM app.t WHERE options = 1 AND (options) IS NULL OPTIONS (last_rows=1)",
          "SUBSCRIBE app.t <SELECT options, last FROM app.t WHERE options = 1 AND (options) IS NULL> last_rows=1" },
        { "SUBSCRIBE TO app.t WHERE a = options", "SUBSCRIBE app.t <SELECT * FROM app.t WHERE a = options>" },
        { "SUBSCRIBE TO app.t WHERE options", "SUBSCRIBE app.t <SELECT * FROM app.t WHERE options>" },
        { "SUBSCRIBE TO app.options", "SUBSCRIBE app.options <SELECT * FROM app.options>" },
        { "SUBSCRIBE TO app.t WHERE a = ' OPTIONS (x=1)'",
          "SUBSCRIBE app.t <SELECT * FROM app.t WHERE a = ' OPTIONS (x=1)'>" },
    };
    CHECK_CASES(cases, parsed);
}

static void bad_subscriptions_say_where(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SUBSCRIBE TO", "INVALID_SQL@12 syntax error at end of input" },
        { "SUBSCRIBE TO OPTIONS (last_rows=1)", "INVALID_SQL@13 syntax error at or near \"OPTIONS\"" },
        { "SUBSCRIBE TO a.t OPTIONS last_rows=10",
          "INVALID_SQL@25 OPTIONS clause must be wrapped in parentheses, e.g., OPTIONS (last_rows=10)" },
        { "SUBSCRIBE TO a.t OPTIONS",
          "INVALID_SQL@24 OPTIONS clause must be wrapped in parentheses, e.g., OPTIONS (last_rows=10)" },
        { "SUBSCRIBE TO a.t OPTIONS (rows=10)",
          "INVALID_SQL@26 Unknown subscription option: 'rows'. Valid options are: last_rows, batch_size, from" },
        { "SUBSCRIBE TO a.t OPTIONS (last_rows=-1)", "INVALID_SQL@35 syntax error at or near \"=-\"" },
        { "SUBSCRIBE TO a.t OPTIONS (batch_size=4294967296)",
          "INVALID_SQL@37 Subscription option batch_size must be a whole number from 0 to 4294967295" },
        { "SUBSCRIBE TO a.t OPTIONS (from='x')",
          "INVALID_SQL@31 Subscription option from must be a whole number from 0 to 9223372036854775807" },
        { "SUBSCRIBE TO a.t OPTIONS (from=1, from_seq_id=2)",
          "INVALID_SQL@34 Subscription option from_seq_id is given twice" },
        { "SUBSCRIBE TO a.t OPTIONS (last_rows 1)", "INVALID_SQL@36 syntax error at or near \"1\"" },
        { "SUBSCRIBE TO a.t OPTIONS (last_rows=1", "INVALID_SQL@37 syntax error at end of input" },
        { "SUBSCRIBE TO a.t OPTIONS (last_rows=1) LAST 2", "INVALID_SQL@39 syntax error at or near \"LAST\"" },
        { "SUBSCRIBE TO a.t LAST 1.5",
          "INVALID_SQL@22 Subscription option last_rows must be a whole number from 0 to 4294967295" },
        { "SUBSCRIBE TO a.t, a.u", "INVALID_SQL@13 SUBSCRIBE TO requires exactly one table" },
        { "SUBSCRIBE TO a.t JOIN a.u ON true", "INVALID_SQL@13 SUBSCRIBE TO requires exactly one table" },
        { "SUBSCRIBE TO SELECT 1", "INVALID_SQL@13 SUBSCRIBE TO requires exactly one table" },
        { "SUBSCRIBE TO SELECT id FROM a.t UNION SELECT id FROM a.u",
          "INVALID_SQL@13 SUBSCRIBE TO requires exactly one table" },
        { "SUBSCRIBE TO (SELECT * FROM a.t) x", "INVALID_SQL@13 SUBSCRIBE TO requires direct table reference" },
        { "SUBSCRIBE TO generate_series(1, 2)", "INVALID_SQL@13 SUBSCRIBE TO requires direct table reference" },
        { "SUBSCRIBE TO a.t WHERE id = $1", "INVALID_SQL@13 SUBSCRIBE TO takes no parameters: a live query has none" },
        { "SUBSCRIBE TO a.t WHERE", "INVALID_SQL@22 syntax error at end of input" },
        { "SUBSCRIBE TO a.t WHER id = 1", "INVALID_SQL@22 syntax error at or near \"id\"" },
        { "SUBSCRIBE TO SELECT * FORM a.t", "INVALID_SQL@22 syntax error at or near \"FORM\"" },
        { "SUBSCRIBE TO a.t WHERE x = 'y", "INVALID_SQL@27 unterminated quoted string" },
        { "SUBSCRIBE TO a.t; SELECT 1", "INVALID_SQL@-1 cannot run more than one statement at a time" },
    };
    CHECK_CASES(cases, parsed);
}

static void live_queries_are_killed_by_id(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "KILL LIVE QUERY 'al-ice-7-sub-1'", "KILL LIVE QUERY id=al-ice-7-sub-1" },
        { "kill live query 'it''s'", "KILL LIVE QUERY id=it's" },
        { "KILL LIVE QUERY", "INVALID_SQL@15 syntax error at end of input" },
        { "KILL LIVE QUERY abc", "INVALID_SQL@16 syntax error at or near \"abc\"" },
        { "KILL LIVE QUERY 'a' 'b'", "INVALID_SQL@20 syntax error at a string literal" },
        { "KILL LIVE", "INVALID_SQL@0 Unsupported statement type: KILL" },
    };
    CHECK_CASES(cases, parsed);
}

static void jobs_are_started_and_killed(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "STORAGE FLUSH TABLE App.T", "FLUSH app.t" },
        { "FLUSH TABLE app.t", "FLUSH app.t" },
        { "storage flush table kalam.app.\"T\"", "FLUSH app.t" },
        { "STORAGE COMPACT TABLE app.t", "COMPACT app.t" },
        { "storage rebuild manifest table App.t", "REBUILD MANIFEST app.t" },
        { "STORAGE REBUILD MANIFEST TABLE t", "INVALID_SQL@31 a table is named with its namespace here: namespace.t" },
        { "STORAGE REBUILD MANIFEST TABLE app.t again", "INVALID_SQL@37 syntax error at or near \"again\"" },
        { "STORAGE FLUSH TABLE t", "INVALID_SQL@20 a table is named with its namespace here: namespace.t" },
        { "STORAGE FLUSH TABLE", "INVALID_SQL@19 syntax error at end of input" },
        { "STORAGE FLUSH TABLE app.t now", "INVALID_SQL@26 syntax error at or near \"now\"" },
        { "STORAGE FLUSH ALL", "FLUSH ALL" },
        { "STORAGE FLUSH ALL IN App", "FLUSH ALL ns=app" },
        { "STORAGE FLUSH ALL IN NAMESPACE app", "FLUSH ALL ns=app" },
        { "STORAGE FLUSH ALL IN namespace", "FLUSH ALL ns=namespace" },
        { "STORAGE FLUSH ALL app", "INVALID_SQL@18 syntax error at or near \"app\"" },
        { "STORAGE FLUSH ALL IN", "INVALID_SQL@20 syntax error at end of input" },
        { "STORAGE FLUSH ALL IN 'app'", "INVALID_SQL@21 syntax error at a string literal" },
        { "FLUSH ALL TABLES IN app", "FLUSH ALL ns=app" },
        { "STORAGE COMPACT ALL IN app", "COMPACT ALL ns=app" },
        { "KILL JOB 'FL-1'", "KILL JOB id=FL-1" },
        { "KILL JOB", "INVALID_SQL@8 syntax error at end of input" },
        { "KILL JOB abc", "INVALID_SQL@9 syntax error at or near \"abc\"" },
        { "BACKUP DATABASE TO '/b''s'", "BACKUP path=/b's" },
        { "BACKUP DATABASE TO '/b' x", "INVALID_SQL@24 syntax error at or near \"x\"" },
        { "RESTORE DATABASE FROM '/b'", "RESTORE path=/b" },
        { "RESTORE DATABASE FROM b", "INVALID_SQL@22 syntax error at or near \"b\"" },
        { "EXPORT USER DATA", "EXPORT USER DATA" },
        { "EXPORT USER DATA 'x'", "INVALID_SQL@17 syntax error at a string literal" },
        { "SHOW EXPORT", "SHOW EXPORT" },
    };
    CHECK_CASES(cases, parsed);
}

static void storages_are_made_altered_checked_and_dropped(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "CREATE STORAGE disk TYPE filesystem PATH '/srv/cold'",
          "CREATE STORAGE 'disk'@15 type@25=<filesystem> path@41=</srv/cold> secret" },
        { "create storage 'My.Disk' type 'filesystem' base_directory '/x' name 'it''s' description ''",
          "CREATE STORAGE 'My.Disk'@15 type@30=<filesystem> path@58=</x> name@68=<it's> description@88=<> secret" },
        { "CREATE STORAGE Big TYPE S3 BUCKET 'b' REGION 'eu' SHARED_TABLES_TEMPLATE '{namespace}/{tableName}' "
          "USER_TABLES_TEMPLATE 'u' CREDENTIALS '{\"a\":1}' CONFIG $${}$$",
          "CREATE STORAGE 'Big'@15 type@24=<S3> bucket@34=<b> region@45=<eu> shared@73=<{namespace}/{tableName}> "
          "user@120=<u> credentials@136=<{\"a\":1}> config@153=<{}> secret" },
        { "CREATE STORAGE x CONFIG '{}' TYPE wombat", "CREATE STORAGE 'x'@15 type@34=<wombat> config@24=<{}> secret" },
        { "CREATE STORAGE", "INVALID_SQL@14 syntax error at end of input" },
        { "CREATE STORAGE x", "INVALID_SQL@16 CREATE STORAGE requires a TYPE clause" },
        { "CREATE STORAGE x TYPE", "INVALID_SQL@21 syntax error at end of input" },
        { "CREATE STORAGE x TYPE s3 TYPE s3", "INVALID_SQL@25 TYPE is said twice" },
        { "CREATE STORAGE x TYPE filesystem PATH '/a' BASE_DIRECTORY '/b'",
          "INVALID_SQL@43 BASE_DIRECTORY is said twice" },
        { "CREATE STORAGE x TYPE s3 PATH 's3://a' BUCKET 'b'",
          "INVALID_SQL@46 A storage has one of PATH, BASE_DIRECTORY and BUCKET" },
        { "CREATE STORAGE x TYPE s3 BUCKET b", "INVALID_SQL@32 BUCKET is followed by a text in single quotes" },
        { "CREATE STORAGE x TYPE s3 CREDENTIALS \"Sesame\"",
          "INVALID_SQL@37 CREDENTIALS is followed by a text in single quotes" },
        { "CREATE STORAGE x TYPE s3 CREDENTIALS 'Sesame' 'b'", "INVALID_SQL@46 syntax error at a string literal" },
        { "CREATE STORAGE x TYPE s3 CREDENTIALS 'Sesame", "INVALID_SQL@37 unterminated quoted string" },
        { "CREATE STORAGE x TYPE s3 CREDENTIALS $1", "INVALID_SQL@37 syntax error at or near \"$1\"" },
        { "CREATE STORAGE x TYPE s3 WOMBAT 'b'", "INVALID_SQL@25 syntax error at or near \"WOMBAT\"" },
        { "CREATE STORAGE IF NOT EXISTS x TYPE s3", "INVALID_SQL@18 syntax error at or near \"NOT\"" },
        { "ALTER STORAGE x SET NAME 'n'", "ALTER STORAGE 'x'@14 name@25=<n> secret" },
        { "ALTER STORAGE x SET NAME 'n' SET CONFIG '{}' SET CREDENTIALS '{}'",
          "ALTER STORAGE 'x'@14 name@25=<n> credentials@61=<{}> config@40=<{}> secret" },
        { "ALTER STORAGE x SET SHARED_TABLES_TEMPLATE '', USER_TABLES_TEMPLATE 'u', SET DESCRIPTION 'd'",
          "INVALID_SQL@73 syntax error at or near \"SET\"" },
        { "ALTER STORAGE x SET SHARED_TABLES_TEMPLATE '', USER_TABLES_TEMPLATE 'u' SET DESCRIPTION 'd'",
          "ALTER STORAGE 'x'@14 description@88=<d> shared@43=<> user@68=<u> secret" },
        { "ALTER STORAGE x", "INVALID_SQL@15 syntax error at end of input" },
        { "ALTER STORAGE x SET", "INVALID_SQL@19 syntax error at end of input" },
        { "ALTER STORAGE x SET NAME 'a' SET NAME 'b'", "INVALID_SQL@33 NAME is said twice" },
        { "ALTER STORAGE x SET PATH '/a'",
          "INVALID_SQL@20 The PATH of a storage cannot be changed: its files lie there" },
        { "ALTER STORAGE x RENAME TO y", "INVALID_SQL@16 syntax error at or near \"RENAME\"" },
        { "DROP STORAGE x", "DROP STORAGE 'x'@13" },
        { "DROP STORAGE IF EXISTS 'x y'", "DROP STORAGE 'x y'@23 if-exists" },
        { "DROP STORAGE x CASCADE", "INVALID_SQL@15 syntax error at or near \"CASCADE\"" },
        { "STORAGE CHECK local", "STORAGE CHECK 'local'@14" },
        { "storage check 'local' extended", "STORAGE CHECK 'local'@14 extended" },
        { "STORAGE CHECK", "INVALID_SQL@13 syntax error at end of input" },
        { "STORAGE CHECK local now", "INVALID_SQL@20 syntax error at or near \"now\"" },
        { "STORAGE WOMBAT", "INVALID_SQL@0 Unsupported statement type: STORAGE" },
    };
    CHECK_CASES(cases, parsed);
}

static void statements_of_other_systems_are_refused_by_name(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SUBSCRIBE t", "INVALID_SQL@0 Unsupported statement type: SUBSCRIBE" },
        { "STORAGE FLUSH t", "INVALID_SQL@0 Unsupported statement type: STORAGE FLUSH" },
        { "BACKUP DATABASE app TO 'x'", "INVALID_SQL@0 Unsupported statement type: BACKUP" },
        { "EXECUTE AS USER 'x' (SELECT 1)", "INVALID_SQL@0 Unsupported statement type: EXECUTE AS USER" },
        { "CREATE TOPIC a.b", "INVALID_SQL@0 Unsupported statement type: CREATE TOPIC" },
        { "CLUSTER LIST", "INVALID_SQL@0 Unsupported statement type: CLUSTER" },
        { "KILL 'x'", "INVALID_SQL@0 Unsupported statement type: KILL" },
        { "SHOW WOMBATS", "INVALID_SQL@0 Unsupported statement type: SHOW WOMBATS" },
        { "SHOW timezone", "INVALID_SQL@0 Unsupported statement type: SHOW timezone" },
        { "SET threads = 4", "INVALID_SQL@0 Unsupported statement type: SET threads" },
        { "RESET threads", "INVALID_SQL@0 Unsupported statement type: RESET threads" },
        { "TRUNCATE t", "INVALID_SQL@0 Unsupported statement type: TRUNCATE" },
        { "GRANT ALL ON t TO x", "INVALID_SQL@0 Unsupported statement type: GRANT" },
        { "COPY t TO '/tmp/x'", "INVALID_SQL@0 Unsupported statement type: COPY" },
        { "COPY (SELECT 1) TO '/tmp/x'", "INVALID_SQL@0 Unsupported statement type: COPY" },
        { "ATTACH '/tmp/x.db'", "INVALID_SQL@0 Unsupported statement type: ATTACH" },
        { "PRAGMA database_list", "INVALID_SQL@0 Unsupported statement type: PRAGMA" },
        { "INSTALL httpfs", "INVALID_SQL@0 Unsupported statement type: INSTALL" },
        { "LOAD httpfs", "INVALID_SQL@0 Unsupported statement type: LOAD" },
        { "CALL pragma_version()", "INVALID_SQL@0 Unsupported statement type: CALL" },
        { "DO $$ x $$", "INVALID_SQL@0 Unsupported statement type: DO" },
        { "VACUUM", "INVALID_SQL@0 Unsupported statement type: VACUUM" },
        { "CHECKPOINT", "INVALID_SQL@0 Unsupported statement type: CHECKPOINT" },
        { "CREATE UNIQUE INDEX i ON t (a)", "INVALID_SQL@0 Unsupported statement type: CREATE UNIQUE INDEX" },
        { "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'x'",
          "INVALID_SQL@0 Unsupported statement type: CREATE FUNCTION" },
        { "PREPARE p AS SELECT 1", "INVALID_SQL@0 Unsupported statement type: PREPARE" },
        { "MERGE INTO t USING s ON a = b WHEN MATCHED THEN DELETE", "INVALID_SQL@0 Unsupported statement type: MERGE" },
        { "IMPORT DATABASE 'x'", "INVALID_SQL@0 Unsupported statement type: IMPORT" },
    };
    CHECK_CASES(cases, parsed);
}

static void the_grammar_says_where_it_stops(void **state)
{
    (void)state;
    static const text_case cases[] = {
        { "SELEC 1", "INVALID_SQL@0 syntax error at or near \"SELEC\"" },
        { "FOO", "INVALID_SQL@0 syntax error at or near \"FOO\"" },
        { "CREATE FOO", "INVALID_SQL@7 syntax error at or near \"FOO\"" },
        { "SELECT * FORM users", "INVALID_SQL@9 syntax error at or near \"FORM\"" },
        { "SELECT '\xC3"
          "\xA4"
          "', * FORM users",
          "INVALID_SQL@15 syntax error at or near \"FORM\"" },
        { "SELECT 1 +", "INVALID_SQL@10 syntax error at end of input" },
        { "SELECT $0", "INVALID_SQL@7 there is no parameter $0" },
        { "SELECT $70000", "INVALID_SQL@7 there is no parameter $70000" },
        { "SELECT \"a", "INVALID_SQL@7 unterminated quoted string" },
        { "()", "INVALID_SQL@1 syntax error at or near \")\"" },
        { "VALUES (1)", "QUERY" },
        { "WITH a AS (SELECT 1) SELECT * FROM a", "QUERY" },
        { "TABLE users", "QUERY" },
        { "(SELECT 1)", "QUERY" },
        { "SELECT $3, $1", "QUERY params=3" },
        { "SELECT 1; SELECT 2", "INVALID_SQL@-1 cannot run more than one statement at a time" },
    };
    CHECK_CASES(cases, parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(namespaces_are_made_dropped_and_used),
        TEST(tables_are_shown_described_and_dropped),
        TEST(statements_are_explained),
        TEST(policies_are_made_altered_and_dropped),
        TEST(views_are_made_and_dropped),
        TEST(tables_and_namespaces_are_altered),
        TEST(users_are_made_changed_and_dropped_without_echoing_secrets),
        TEST(transactions_and_savepoints),
        TEST(tables_and_selects_are_subscribed_to),
        TEST(bad_subscriptions_say_where),
        TEST(live_queries_are_killed_by_id),
        TEST(jobs_are_started_and_killed),
        TEST(storages_are_made_altered_checked_and_dropped),
        TEST(statements_of_other_systems_are_refused_by_name),
        TEST(the_grammar_says_where_it_stops),
    };
    return cmocka_run_group_tests_name("statement", tests, NULL, NULL);
}
