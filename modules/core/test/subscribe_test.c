/* subscribe_test.c - SUBSCRIBE TO and KILL LIVE QUERY: what they answer, whom they refuse, what they leave in the audit log. */
#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static fixture f;

static int setup(void **state)
{
    (void)state;
    fixture_open(&f, NULL, NULL, 0);
    expect(&f, "root",
           "CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY, body TEXT); "
           "CREATE USER TABLE plain (id INT PRIMARY KEY, options INT); "
           "CREATE SHARED TABLE app.hidden (id INT PRIMARY KEY); CREATE VIEW app.v AS SELECT id FROM app.notes",
           "[0 Namespace 'app' created successfully]\n[0 Table app.notes created successfully]\n"
           "[0 Table default.plain created successfully]\n[0 Table app.hidden created successfully]\n"
           "[0 View app.v created successfully]\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

#define HEAD "status|ws_url|subscription|message\nactive|ws://localhost:8080/v1/ws|{\"id\":\"sub-"
#define TAIL "}|WebSocket subscription created. Connect to ws_url to receive updates.\n"

/* The answer without the UUID, which must be there. */
static void expect_subscription(const char *sql, const char *table, const char *query, const char *options)
{
    char expected[1024];
    answer a = run(&f, "alice", sql);
    (void)snprintf(expected, sizeof(expected), HEAD "%s-\",\"sql\":\"%s\"%s" TAIL, table, query, options);
    char *uuid = a.text + strlen(HEAD) + strlen(table) + 1;
    if (strlen(a.text) > strlen(HEAD) + 40) {
        memmove(uuid, uuid + 36, strlen(uuid + 36) + 1);
    }
    assert_string_equal(a.text, expected);
    answer_done(&a);
}

static void a_subscription_is_what_a_client_has_to_send(void **state)
{
    (void)state;
    expect_subscription("SUBSCRIBE TO app.notes", "app-notes", "SELECT * FROM app.notes", "");
    expect_subscription("SUBSCRIBE TO app.notes WHERE body = 'say \"x\"' OPTIONS (last_rows=5, batch_size=2)",
                        "app-notes", "SELECT * FROM app.notes WHERE body = 'say \\\"x\\\"'",
                        ",\"options\":{\"last_rows\":5,\"batch_size\":2}");
    expect_subscription("SUBSCRIBE TO SELECT id FROM app.notes OPTIONS (from=9007199254740993)", "app-notes",
                        "SELECT id FROM app.notes", ",\"options\":{\"from\":\"9007199254740993\"}");
    expect_subscription("SUBSCRIBE TO app.notes LAST 0", "app-notes", "SELECT * FROM app.notes",
                        ",\"options\":{\"last_rows\":0}");
}

static void unqualified_tables_are_those_of_namespace_default(void **state)
{
    (void)state;
    expect_subscription("SUBSCRIBE TO plain WHERE options = 1", "default-plain",
                        "SELECT * FROM \\\"default\\\".plain WHERE options = 1", "");
    expect_failure(&f, "alice", "USE app; SUBSCRIBE TO notes", KDB_TABLE_NOT_FOUND, "notes");
}

static void what_cannot_be_live_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *part;
        uint32_t column;
    } cases[] = {
        { "SUBSCRIBE TO SELECT id + 1 AS n FROM app.notes", "expressions", 21 },
        { "SUBSCRIBE TO SELECT DISTINCT body FROM app.notes", "DISTINCT", 0 },
        { "SUBSCRIBE TO app.notes WHERE id IN (SELECT 1)", "subqueries", 0 },
        { "SUBSCRIBE TO app.v", "views", 0 },
        { "SUBSCRIBE TO SELECT id FROM app.notes ORDER BY id", "LIMIT", 21 },
        { "SUBSCRIBE TO plain WHERE nothing = 1", "No field named nothing", 26 },
        { "SUBSCRIBE TO app.notes WHERE nothing = 1", "No field named nothing", 30 },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        answer a = run(&f, "alice", cases[i].sql);
        if (strstr(a.text, cases[i].part) == NULL || a.column != cases[i].column) {
            print_error("%s: column %u: %s", cases[i].sql, a.column, a.text);
        }
        assert_int_not_equal(a.status, KDB_OK);
        assert_non_null(strstr(a.text, cases[i].part));
        assert_int_equal(a.column, cases[i].column);
        answer_done(&a);
    }
    expect_failure(&f, "alice", "SUBSCRIBE TO app.hidden", KDB_PERMISSION_DENIED, "app.hidden");
    expect_failure(&f, "alice", "SUBSCRIBE TO app.nothing", KDB_TABLE_NOT_FOUND, "nothing");
}

static void a_live_query_is_its_owners_or_an_admins_to_kill(void **state)
{
    (void)state;
    static const char kill[] = "KILL LIVE QUERY '" FIXTURE_LIVE_ID "'";
    static const char killed[] = "[0 Live query killed: " FIXTURE_LIVE_ID "]\n";
    expect_failure(&f, "bob", kill, KDB_PERMISSION_DENIED, "another user's");
    expect_failure(&f, "alice", "KILL LIVE QUERY 'alice-7-sub'", KDB_NOT_FOUND, "Live query 'alice-7-sub' not found");
    expect(&f, "alice", kill, killed);
    expect(&f, "root", kill, killed);
    expect(
        &f, "root",
        "SELECT actor_user_id, target FROM system.audit_log WHERE action = 'KILL_LIVE_QUERY' ORDER BY timestamp, audit_id",
        "actor_user_id|target\nalice|" FIXTURE_LIVE_ID "\nroot|" FIXTURE_LIVE_ID "\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_subscription_is_what_a_client_has_to_send),
        TEST(unqualified_tables_are_those_of_namespace_default),
        TEST(what_cannot_be_live_is_refused_with_its_place),
        TEST(a_live_query_is_its_owners_or_an_admins_to_kill),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
