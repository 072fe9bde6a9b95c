/* rights_test.c - the matrix of catalog.md 4 and sql.md 23, cell by cell: every kind of statement is run by every role on every
 * kind of table, and EXECUTE AS USER and user management by every role on every role. What is expected is written here from
 * the reference; what is asked is a whole server core. */
#include "core_fixture.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

enum { SQL_MAX = 512 };

static fixture f;
static unsigned number; /* of the statements that need a name or key of their own */
static size_t cells;

/* ---- who ---- */

typedef struct actor {
    const char *name;
    kdb_role role;
    char letter;
} actor;

static const actor actors[] = {
    { "anonymous", KDB_ROLE_ANONYMOUS, 'a' }, { "alice", KDB_ROLE_USER, 'u' },  { "svc", KDB_ROLE_SERVICE, 's' },
    { "admin", KDB_ROLE_DBA, 'd' },           { "root", KDB_ROLE_SYSTEM, 'y' },
};

/* ---- on what ---- */

typedef struct table_kind {
    const char *name; /* the table that statements name */
    const char *make; /* run by root before each cell; NULL: it is always there */
    const char *create;
} table_kind;

#define REMAKE(type, options)                                                                                          \
    "DROP TABLE IF EXISTS app.t; CREATE " type " TABLE app.t (id INT PRIMARY KEY, note TEXT)" options
#define CREATE(type, options) "CREATE " type " TABLE app.new%u (id INT PRIMARY KEY)" options
#define LEVEL(level) " WITH (ACCESS_LEVEL = '" level "')"
#define POLICY "; CREATE POLICY p ON app.t USING (true)"

static const table_kind kinds[] = {
    { "app.t", REMAKE("USER", ""), CREATE("USER", "") },
    { "app.t", "DROP TABLE IF EXISTS app.t; CREATE STREAM TABLE app.t (id INT, note TEXT) WITH (TTL_SECONDS = 60)",
      "CREATE STREAM TABLE app.new%u (id INT) WITH (TTL_SECONDS = 60)" },
    { "app.t", REMAKE("SHARED", LEVEL("PUBLIC")), CREATE("SHARED", LEVEL("PUBLIC")) },
    { "app.t", REMAKE("SHARED", LEVEL("PRIVATE")), CREATE("SHARED", "") },
    { "app.t", REMAKE("SHARED", LEVEL("RESTRICTED")), CREATE("SHARED", LEVEL("RESTRICTED")) },
    { "app.t", REMAKE("SHARED", LEVEL("DBA")), CREATE("SHARED", LEVEL("DBA")) },
    { "app.t", REMAKE("SHARED", LEVEL("PUBLIC")) POLICY, NULL },
    { "app.t", REMAKE("SHARED", LEVEL("PRIVATE")) POLICY, NULL },
    { "app.t", REMAKE("SHARED", LEVEL("DBA")) POLICY, NULL },
    { "app.v", "CREATE OR REPLACE VIEW app.v AS SELECT id, note FROM app.own", NULL },
    { "system.users", NULL, "CREATE SHARED TABLE system.new%u (id INT)" },
    { "information_schema.tables", NULL, "CREATE SHARED TABLE information_schema.new%u (id INT)" },
};
enum { KINDS = KDB_ARRAY_LEN(kinds) };

/* ---- what, and who may: a letter per kind of table, the least role ----
 * A capital: whoever may is then refused for another reason. `-`: nobody may. `.`: no such statement. */

typedef struct expectation {
    const char *sql; /* %t: the table, %u: a number */
    const char *least;
} expectation;

static const expectation on_tables[] = {
    /*                                  USER STREAM PUBLIC PRIVATE RESTRICTED DBA  policed: PUBLIC PRIVATE DBA
                                                                                   view system information_schema */
    { "SELECT * FROM %t", "uuassdaududu" },
    { "SELECT count(*) AS n FROM %t", "uuassdaududu" },
    { "WITH x AS (SELECT * FROM %t) SELECT 1 AS one", "uuassdaududu" },
    { "SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM %t)", "uuassdaududu" },
    { "SELECT a.id FROM app.board a LEFT JOIN %t ON false", "uuassdaududu" },
    { "INSERT INTO %t (id) VALUES (%u)", "uusssduudUUU" },
    { "INSERT INTO app.own (id) SELECT %u FROM %t WHERE false", "uuussduududu" },
    { "INSERT INTO %t (id) VALUES (%u) RETURNING id", "uusssduudUUU" },
    { "UPDATE %t SET note = 'x' WHERE id = 0", "uUsssduudUUU" },
    { "UPDATE app.own SET note = 'x' WHERE EXISTS (SELECT 1 FROM %t)", "uuussduududu" },
    { "DELETE FROM %t WHERE id = 0", "uusssduudUUU" },
    { "DELETE FROM app.own WHERE id IN (SELECT 1 FROM %t)", "uuussduududu" },
    { "EXPLAIN SELECT * FROM %t", "uuussduududu" },
    { "EXPLAIN ANALYZE SELECT * FROM %t", "uuussduududu" },
    { "EXPLAIN DELETE FROM %t WHERE id = 0", "uusssduudUUU" },
    { "ALTER TABLE %t ADD COLUMN extra TEXT", "uusssddddUUU" },
    { "ALTER TABLE %t SET ACCESS LEVEL RESTRICTED", "UUsssddddUUU" },
    { "DROP TABLE %t", "dddddddddDDD" },
    { "DESCRIBE TABLE %t", "uuuuuuuuuuuu" },
    { "SHOW STATS FOR TABLE %t", "uuussduudUUU" },
    { "SUBSCRIBE TO %t", "uuussduudUDU" },
    { "SUBSCRIBE TO SELECT id FROM %t WHERE id > 0 OPTIONS (last_rows=5)", "uuussduudUDU" },
    { "CREATE OR REPLACE VIEW app.w AS SELECT * FROM %t", "dddddddddddd" },
    { "DROP VIEW %t", "DDDDDDDDDdDD" },
    { "CREATE POLICY q ON %t USING (true)", "DDdddddddDDD" },
    { "ALTER POLICY p ON %t USING (id > 0)", "DDDDDDdddDDD" },
    { "DROP POLICY p ON %t", "DDDDDDdddDDD" },
    { "SHOW POLICIES ON %t", "DDdddddddDDD" },
    { "STORAGE FLUSH TABLE %t", "sSsssssssSSS" },
    { "STORAGE COMPACT TABLE %t", "sSsssssssSSS" },
    { "STORAGE REBUILD MANIFEST TABLE %t", "dDdddddddDDD" },
    { "BEGIN; SELECT * FROM %t; COMMIT", "uUussduuduDU" },
    /* the rights of role user, whoever acts */
    { "EXECUTE AS USER 'bob' (SELECT * FROM %t)", "sss---ss-s-s" },
    { "EXECUTE AS USER 'bob' (EXPLAIN SELECT * FROM %t)", "sss---ss-s-s" },
    { "EXECUTE AS USER 'bob' (INSERT INTO %t (id) VALUES (%u))", "ssSSSSSSSSSS" },
    { "EXECUTE AS USER 'bob' (UPDATE %t SET note = 'x' WHERE id = 0)", "sSSSSSSSSSSS" },
    { "EXECUTE AS USER 'bob' (DELETE FROM %t WHERE id = 0)", "ssSSSSSSSSSS" },
    { "EXECUTE AS USER 'bob' (DROP TABLE %t)", "SSSSSSSSSSSS" },
    { "EXECUTE AS USER 'bob' (DESCRIBE TABLE %t)", "SSSSSSSSSSSS" },
};

static const char create_least[] = "uussss....SS";

static const expectation on_nothing[] = {
    { "SELECT 1 AS one", "a" },
    { "CREATE NAMESPACE n%u", "d" },
    { "ALTER NAMESPACE app SET DESCRIPTION 'x'", "d" },
    { "DROP NAMESPACE IF EXISTS nothing", "d" },
    { "USE app", "u" },
    { "SHOW NAMESPACES", "u" },
    { "SHOW search_path", "u" },
    { "SHOW TABLES", "u" },
    { "SHOW TABLES IN app", "u" },
    { "SHOW STORAGES", "u" },
    { "CREATE STORAGE n%u TYPE wombat PATH '/nowhere'", "D" },
    { "ALTER STORAGE local SET NAME 'here'", "d" },
    { "DROP STORAGE IF EXISTS nothing", "d" },
    { "STORAGE CHECK local", "d" },
    { "SHOW MANIFEST", "u" },
    { "SHOW ALL", "d" },
    { "SHOW POLICIES", "d" },
    { "CREATE USER n%u WITH PASSWORD 'a long phrase of words' ROLE user", "d" },
    { "ALTER USER 'bob' SET EMAIL 'b@example.org'", "d" },
    { "DROP USER IF EXISTS nobody", "d" },
    { "BEGIN; COMMIT", "u" },
    { "BEGIN", "U" },
    { "COMMIT", "U" },
    { "ROLLBACK", "U" },
    { "SAVEPOINT s", "U" },
    { "ROLLBACK TO s", "U" },
    { "RELEASE s", "U" },
    { "VERIFY AUDIT LOG", "d" },
    { "KILL LIVE QUERY 'no-such-query'", "U" },
    { "STORAGE FLUSH ALL IN app", "s" },
    { "STORAGE COMPACT ALL IN app", "s" },
    { "KILL JOB 'no-such-job'", "D" },
    { "KILL JOB 'FL-000000000001'", "d" },
    { "BACKUP DATABASE TO '/backups/b'", "d" },
    { "RESTORE DATABASE FROM '/no/such/directory'", "D" },
    { "EXPORT USER DATA", "u" },
    { "SHOW EXPORT", "u" },
};

/* ---- one cell ---- */

static void fill_in(const char *text, const char *table, char *out)
{
    char *end = out;
    for (; *text != '\0'; text++) {
        const char *part = text[0] != '%' ? NULL : text[1] == 't' ? table : NULL;
        if (part != NULL) {
            end += snprintf(end, SQL_MAX - (size_t)(end - out), "%s", part);
        } else if (text[0] == '%') {
            end += snprintf(end, SQL_MAX - (size_t)(end - out), "%u", ++number);
        } else {
            *end++ = *text;
        }
        text += text[0] == '%';
    }
    *end = '\0';
}

static kdb_role role_of(char letter)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(actors); i++) {
        if (actors[i].letter == letter) {
            return actors[i].role;
        }
    }
    return (kdb_role)(KDB_ROLE_SYSTEM + 1);
}

static void must(const char *sql)
{
    answer a = run(&f, "root", sql);
    if (a.status != KDB_OK) {
        print_error("%s: %s", sql, a.text);
    }
    assert_int_equal(a.status, KDB_OK);
    answer_done(&a);
}

/* A denial says why; nothing else is one. */
static bool is_as_expected(const answer *a, kdb_role role, char letter)
{
    if (letter == '-' || role < role_of((char)tolower(letter))) {
        return a->status == KDB_PERMISSION_DENIED && strlen(a->text) > strlen("! PERMISSION_DENIED \n");
    }
    return isupper((unsigned char)letter) ? a->status != KDB_OK && a->status != KDB_PERMISSION_DENIED
                                          : a->status == KDB_OK;
}

static void check_cell(const actor *who, const char *sql, const char *kind, char letter)
{
    answer a = run_as(&f, who->name, who->role, sql, NULL, 0);
    cells++;
    if (!is_as_expected(&a, who->role, letter)) {
        print_error("%s as %s on [%s], least role '%c': %s", sql, kdb_role_name(who->role), kind, letter, a.text);
    }
    assert_true(is_as_expected(&a, who->role, letter));
    answer_done(&a);
}

static void check_on_kind(const char *statement, const table_kind *kind, char letter)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(actors) && letter != '.'; i++) {
        char sql[SQL_MAX];
        if (kind->make != NULL) {
            must(kind->make);
        }
        fill_in(statement, kind->name, sql);
        check_cell(&actors[i], sql, kind->make != NULL ? kind->make : kind->name, letter);
        must("DROP VIEW IF EXISTS app.w");
    }
}

/* ---- the matrices ---- */

static void open_core(void)
{
    fixture_open(&f, NULL, NULL, 0);
    cells = 0;
    must(
        "CREATE NAMESPACE app; CREATE USER TABLE app.own (id INT PRIMARY KEY, note TEXT); CREATE SHARED TABLE app.board (id "
        "INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'PUBLIC'); INSERT INTO app.board VALUES (1)");
    must("CREATE USER bob WITH PASSWORD 'a long phrase of words' ROLE user");
}

static void every_statement_by_every_role_on_every_kind_of_table(void **state)
{
    (void)state;
    open_core();
    for (size_t i = 0; i < KDB_ARRAY_LEN(on_tables); i++) {
        const expectation *row = &on_tables[i];
        for (size_t k = 0; k < KINDS; k++) {
            check_on_kind(row->sql, &kinds[k], row->least[k]);
        }
    }
    for (size_t k = 0; k < KINDS; k++) {
        if (kinds[k].create != NULL) {
            check_on_kind(kinds[k].create, &kinds[k], create_least[k]);
        }
    }
    static const table_kind nothing = { "", NULL, NULL };
    for (size_t i = 0; i < KDB_ARRAY_LEN(on_nothing); i++) {
        check_on_kind(on_nothing[i].sql, &nothing, on_nothing[i].least[0]);
    }
    print_message("%zu cells: statements x roles x kinds of table\n", cells);
    fixture_close(&f);
}

/* What a user may do acting as itself is what it may do. */
static void acting_as_oneself(void **state)
{
    (void)state;
    open_core();
    expect(&f, "alice", "EXECUTE AS USER 'alice' (SELECT id FROM app.board)", "id\n1\n");
    expect_failure(&f, "alice", "EXECUTE AS USER 'bob' (SELECT id FROM app.board)", KDB_PERMISSION_DENIED,
                   "actor 'alice' with role user cannot target 'bob' with role user");
    fixture_close(&f);
}

/* ---- roles and roles ---- */

static const char *const role_names[] = { "user", "service", "dba", "system" };

static void make_targets(void)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(role_names); i++) {
        char sql[SQL_MAX];
        (void)snprintf(sql, sizeof(sql), "CREATE USER t_%s WITH PASSWORD 'a long phrase of words' ROLE %s",
                       role_names[i], role_names[i]);
        must(sql);
    }
}

static void check_on_roles(const char *form, const char least[4])
{
    for (size_t t = 0; t < 4; t++) {
        for (size_t i = 0; i < KDB_ARRAY_LEN(actors); i++) {
            char sql[SQL_MAX], numbered[SQL_MAX];
            (void)snprintf(numbered, sizeof(numbered), "%s", form);
            fill_in(numbered, role_names[t], sql);
            check_cell(&actors[i], sql, role_names[t], least[t]);
        }
    }
}

static void every_role_on_accounts_of_every_role(void **state)
{
    (void)state;
    open_core();
    make_targets();
    check_on_roles("EXECUTE AS USER 't_%t' (SELECT CURRENT_ROLE() AS r)", "ssdy");
    check_on_roles("CREATE USER n%u WITH PASSWORD 'a long phrase of words' ROLE %t", "dddy");
    check_on_roles("ALTER USER 't_%t' SET PASSWORD 'another phrase of words'", "dddy");
    check_on_roles("ALTER USER 't_%t' SET EMAIL 'x%u@example.org'", "dddy");
    check_on_roles("ALTER USER 't_%t' SET ROLE %t", "dddy");
    check_on_roles("ALTER USER 't_user' SET ROLE %t; ALTER USER 't_user' SET ROLE user", "dddy");
    for (size_t t = 0; t < 4; t++) { /* each drops one that is there */
        for (size_t i = 0; i < KDB_ARRAY_LEN(actors); i++) {
            char make[SQL_MAX], drop[SQL_MAX];
            (void)snprintf(make, sizeof(make), "CREATE USER gone%u WITH PASSWORD 'a long phrase of words' ROLE %s",
                           ++number, role_names[t]);
            (void)snprintf(drop, sizeof(drop), "DROP USER gone%u", number);
            must(make);
            check_cell(&actors[i], drop, role_names[t], "dddy"[t]);
        }
    }
    print_message("%zu cells: roles x roles\n", cells);
    fixture_close(&f);
}

/* ---- nothing is left out ---- */

static bool is_tried(kdb_stmt_kind kind)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const struct {
        const expectation *rows;
        size_t count;
    } lists[] = { { on_tables, KDB_ARRAY_LEN(on_tables) }, { on_nothing, KDB_ARRAY_LEN(on_nothing) } };
    for (size_t l = 0; l < KDB_ARRAY_LEN(lists); l++) {
        for (size_t i = 0; i < lists[l].count; i++) {
            char sql[SQL_MAX];
            kdb_stmt *stmt = NULL;
            fill_in(lists[l].rows[i].sql, "app.t", sql);
            if (kdb_dialect_parse(kdb_sv_cstr(sql), NULL, arena, &stmt, NULL) == KDB_OK && stmt->kind == kind) {
                return true;
            }
        }
    }
    return kind == KDB_STMT_CREATE_TABLE; /* a text per kind of table */
}

static void every_statement_has_a_row_a_runner_and_its_cells(void **state)
{
    (void)state;
    for (int i = 0; i < KDB_STMT_KIND_COUNT; i++) {
        assert_non_null(kdb_stmt_defs[i].name);
        assert_non_null(kdb_stmt_defs[i].denied);
        assert_true(kdb_stmt_defs[i].flags != 0);
        assert_true(kdbi_stmt_runs[i] != NULL);
        if (!is_tried((kdb_stmt_kind)i)) {
            print_error("%s has no row in this matrix\n", kdb_stmt_defs[i].name);
        }
        assert_true(is_tried((kdb_stmt_kind)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(kdb_stmt_defs[i].name, kdb_stmt_defs[j].name);
        }
    }
}

static void system_tables_are_for_admins(void **state)
{
    (void)state;
    for (size_t i = 0; i < kdb_system_table_defs_count; i++) {
        const kdb_system_table_def *def = &kdb_system_table_defs[i];
        for (int role = KDB_ROLE_ANONYMOUS; role <= KDB_ROLE_SYSTEM; role++) {
            const bool may = role >= (def->admin_only ? KDB_ROLE_DBA : KDB_ROLE_USER);
            assert_int_equal(kdbi_rights_check_system((kdb_role)role, def, KDBI_READ, NULL),
                             may ? KDB_OK : KDB_PERMISSION_DENIED);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_by_every_role_on_every_kind_of_table),
        cmocka_unit_test(acting_as_oneself),
        cmocka_unit_test(every_role_on_accounts_of_every_role),
        cmocka_unit_test(every_statement_has_a_row_a_runner_and_its_cells),
        cmocka_unit_test(system_tables_are_for_admins),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
