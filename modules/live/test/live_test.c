/* live_test.c - what one subscriber is told: acknowledgement, first rows, changes, filters, cursors, ends. */
#include "live_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static fixture f;

static int setup(KDB_UNUSED void **state)
{
    fixture_open(&f, NULL);
    run_ok(&f, "root", "CREATE NAMESPACE app");
    run_ok(&f, "root", "CREATE USER TABLE app.notes (id INT PRIMARY KEY, body TEXT, n INT)");
    return 0;
}

static int teardown(KDB_UNUSED void **state)
{
    fixture_close(&f);
    return 0;
}

static const kdb_live_spec all = { .start = KDB_LIVE_ALL };

/* Puts "#" where a message has a `_seq`: they are not known beforehand. */
static const char *plain(subscriber *s, size_t index)
{
    static char out[65536];
    const char *in = text_at(s, index);
    size_t n = 0;
    while (*in != '\0') {
        if (strncmp(in, "\"_seq\":\"", 8) == 0) {
            n += (size_t)sprintf(out + n, "\"_seq\":\"#\"");
            in = strchr(in + 8, '"') + 1;
        } else if (strncmp(in, "\"last_seq_id\":", 14) == 0 && in[14] != 'n') {
            n += (size_t)sprintf(out + n, "\"last_seq_id\":#");
            in += 14 + strspn(in + 14, "0123456789");
        } else {
            out[n++] = *in++;
        }
    }
    out[n] = '\0';
    return out;
}

static void expect_plain(subscriber *s, size_t index, const char *text)
{
    assert_string_equal(plain(s, index), text);
}

static void a_table_is_sent_and_then_what_changes(KDB_UNUSED void **state)
{
    run_ok(&f, "ann", "INSERT INTO app.notes (id, body, n) VALUES (2, 'two', NULL), (1, 'one', 10)");
    run_ok(&f, "bob", "INSERT INTO app.notes (id, body) VALUES (7, 'not ann''s')");
    subscriber *s = subscribe(&f, "ann", "SELECT * FROM app.notes", all);
    expect_plain(
        s, 0,
        "{\"type\":\"subscription_ack\",\"subscription_id\":\"s\",\"total_rows\":0,"
        "\"batch_control\":{\"batch_num\":0,\"has_more\":false,\"status\":\"ready\",\"last_seq_id\":#,\"snapshot_end_seq\":null},"
        "\"schema\":[{\"name\":\"id\",\"data_type\":\"Int\",\"index\":0,\"flags\":[\"pk\",\"nn\",\"uq\"]},"
        "{\"name\":\"body\",\"data_type\":\"Text\",\"index\":1},{\"name\":\"n\",\"data_type\":\"Int\",\"index\":2},"
        "{\"name\":\"_seq\",\"data_type\":\"BigInt\",\"index\":3,\"flags\":[\"nn\"]},"
        "{\"name\":\"_deleted\",\"data_type\":\"Boolean\",\"index\":4,\"flags\":[\"nn\"]}]}");
    expect_plain(
        s, 1,
        "{\"type\":\"initial_data_batch\",\"subscription_id\":\"s\",\"rows\":["
        "{\"id\":2,\"body\":\"two\",\"n\":null,\"_seq\":\"#\",\"_deleted\":false},"
        "{\"id\":1,\"body\":\"one\",\"n\":10,\"_seq\":\"#\",\"_deleted\":false}],"
        "\"batch_control\":{\"batch_num\":0,\"has_more\":false,\"status\":\"ready\",\"last_seq_id\":#,\"snapshot_end_seq\":null}}");
    run_ok(&f, "bob", "INSERT INTO app.notes (id, body) VALUES (8, 'nor this')");
    run_ok(&f, "ann", "INSERT INTO app.notes (id, body) VALUES (3, 'three')");
    expect_plain(s, 2,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"insert\",\"rows\":["
                 "{\"id\":3,\"body\":\"three\",\"n\":null,\"_seq\":\"#\",\"_deleted\":false}]}");
    run_ok(&f, "ann", "UPDATE app.notes SET body = 'uno', n = NULL WHERE id = 1");
    expect_plain(s, 3,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"update\",\"rows\":["
                 "{\"id\":1,\"body\":\"uno\",\"_seq\":\"#\"}],\"old_values\":["
                 "{\"id\":1,\"body\":\"one\",\"n\":10,\"_seq\":\"#\"}]}");
    run_ok(&f, "ann", "DELETE FROM app.notes WHERE id = 2");
    expect_plain(s, 4,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"delete\",\"old_values\":["
                 "{\"id\":2,\"body\":\"two\",\"n\":null,\"_seq\":\"#\",\"_deleted\":true}]}");
    run_ok(&f, "ann", "INSERT INTO app.notes (id, body) VALUES (2, 'again')");
    expect_plain(s, 5,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"insert\",\"rows\":["
                 "{\"id\":2,\"body\":\"again\",\"n\":null,\"_seq\":\"#\",\"_deleted\":false}]}");
    unsubscribe(s);
}

static void rows_move_into_and_out_of_a_filter(KDB_UNUSED void **state)
{
    run_ok(&f, "cat", "INSERT INTO app.notes (id, body, n) VALUES (1, 'a', 5), (2, 'b', 50)");
    subscriber *s = subscribe(&f, "cat", "SELECT body, n FROM app.notes WHERE n > 10", all);
    expect_plain(
        s, 1,
        "{\"type\":\"initial_data_batch\",\"subscription_id\":\"s\",\"rows\":[{\"body\":\"b\",\"n\":50,\"_seq\":\"#\"}],"
        "\"batch_control\":{\"batch_num\":0,\"has_more\":false,\"status\":\"ready\",\"last_seq_id\":#,\"snapshot_end_seq\":null}}");
    run_ok(&f, "cat", "UPDATE app.notes SET n = 11 WHERE id = 1");
    expect_plain(s, 2,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"insert\",\"rows\":["
                 "{\"body\":\"a\",\"n\":11,\"_seq\":\"#\"}]}");
    run_ok(&f, "cat", "UPDATE app.notes SET n = 12 WHERE id = 1");
    expect_plain(
        s, 3,
        "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"update\",\"rows\":["
        "{\"id\":1,\"body\":\"a\",\"n\":12,\"_seq\":\"#\"}],\"old_values\":[{\"id\":1,\"n\":11,\"_seq\":\"#\"}]}");
    run_ok(&f, "cat", "UPDATE app.notes SET n = 3 WHERE id > 0");
    expect_plain(s, 4,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"delete\",\"old_values\":["
                 "{\"id\":1,\"body\":\"a\",\"n\":12,\"_seq\":\"#\"}]}");
    expect_plain(s, 5,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"delete\",\"old_values\":["
                 "{\"id\":2,\"body\":\"b\",\"n\":50,\"_seq\":\"#\"}]}");
    run_ok(&f, "cat", "UPDATE app.notes SET n = 4 WHERE id > 0");
    run_ok(&f, "cat", "INSERT INTO app.notes (id, body, n) VALUES (9, 'end', 99)");
    expect_plain(s, 6,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"insert\",\"rows\":["
                 "{\"body\":\"end\",\"n\":99,\"_seq\":\"#\"}]}");
    unsubscribe(s);
}

static void batches_wait_for_their_client(KDB_UNUSED void **state)
{
    run_ok(&f, "dan", "INSERT INTO app.notes (id) VALUES (1), (2), (3)");
    subscriber *s = subscribe(&f, "dan", "SELECT id FROM app.notes", (kdb_live_spec){ .batch_rows = 1 });
    expect_plain(
        s, 1,
        "{\"type\":\"initial_data_batch\",\"subscription_id\":\"s\",\"rows\":[{\"id\":1,\"_seq\":\"#\"}],"
        "\"batch_control\":{\"batch_num\":0,\"has_more\":true,\"status\":\"loading\",\"last_seq_id\":#,\"snapshot_end_seq\":null}}");
    run_ok(&f, "dan", "INSERT INTO app.notes (id) VALUES (4)"); /* held back */
    next_batch(s);
    expect_plain(
        s, 2,
        "{\"type\":\"initial_data_batch\",\"subscription_id\":\"s\",\"rows\":[{\"id\":2,\"_seq\":\"#\"}],"
        "\"batch_control\":{\"batch_num\":1,\"has_more\":true,\"status\":\"loading_batch\",\"last_seq_id\":#,\"snapshot_end_seq\":null}}");
    assert_int_equal(messages_now(s), 3);
    drain(s);
    expect_plain(
        s, 3,
        "{\"type\":\"initial_data_batch\",\"subscription_id\":\"s\",\"rows\":[{\"id\":3,\"_seq\":\"#\"}],"
        "\"batch_control\":{\"batch_num\":2,\"has_more\":false,\"status\":\"ready\",\"last_seq_id\":#,\"snapshot_end_seq\":null}}");
    expect_plain(s, 4,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"insert\",\"rows\":["
                 "{\"id\":4,\"_seq\":\"#\"}]}");
    unsubscribe(s);
}

static uint64_t seq_of(const char *user, int id)
{
    char sql[128];
    char *text = NULL;
    (void)snprintf(sql, sizeof(sql), "SELECT _seq FROM app.notes WHERE id = %d AND _deleted IN (true, false)", id);
    assert_true(fixture_sql(&f, user, sql, &text));
    const uint64_t seq = strtoull(text, NULL, 10);
    kdb_free(text);
    return seq;
}

static void a_cursor_brings_what_has_changed_since(KDB_UNUSED void **state)
{
    run_ok(&f, "eve", "INSERT INTO app.notes (id, n) VALUES (1, 1), (2, 2), (3, 3), (4, 4)");
    const uint64_t from = seq_of("eve", 4);
    run_ok(&f, "eve", "UPDATE app.notes SET n = 20 WHERE id = 2");
    run_ok(&f, "eve", "DELETE FROM app.notes WHERE id = 3");
    run_ok(&f, "eve", "UPDATE app.notes SET n = -1 WHERE id = 4");
    subscriber *s = subscribe(&f, "eve", "SELECT id, n FROM app.notes WHERE n > 0",
                              (kdb_live_spec){ .start = KDB_LIVE_FROM, .from = from });
    expect_plain(
        s, 1,
        "{\"type\":\"initial_data_batch\",\"subscription_id\":\"s\",\"rows\":[{\"id\":2,\"n\":20,\"_seq\":\"#\"}],"
        "\"batch_control\":{\"batch_num\":0,\"has_more\":true,\"status\":\"loading\",\"last_seq_id\":#,\"snapshot_end_seq\":null}}");
    expect_plain(s, 2,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"delete\",\"old_values\":["
                 "{\"id\":3,\"n\":3,\"_seq\":\"#\"}]}");
    expect_plain(s, 3,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"delete\",\"old_values\":["
                 "{\"id\":4,\"_seq\":\"#\"}]}");
    expect_plain(
        s, 4,
        "{\"type\":\"initial_data_batch\",\"subscription_id\":\"s\",\"rows\":[],\"batch_control\":{\"batch_num\":1,"
        "\"has_more\":false,\"status\":\"ready\",\"last_seq_id\":null,\"snapshot_end_seq\":null}}");
    unsubscribe(s);
    s = subscribe(&f, "eve", "SELECT * FROM app.notes", (kdb_live_spec){ .start = KDB_LIVE_FROM, .from = 4096 });
    expect_message(
        s, 0,
        "{\"type\":\"error\",\"subscription_id\":\"s\",\"code\":\"RESYNC\",\"message\":\"The cursor is older than "
        "deletions are kept for: subscribe again without it\"}");
    unsubscribe(s);
}

/* As if both changes had been in the snapshot, but above the floor: the rows left them out. */
static void leave_out(kdb_live_sub *sub, uint64_t first, uint64_t second)
{
    sub->fence.skipped = kdb_alloc_array(2, sizeof(uint64_t));
    sub->fence.skipped[0] = first;
    sub->fence.skipped[1] = second;
    sub->fence.nskipped = 2;
    sub->fence.version = UINT64_MAX;
}

static void a_cursor_brings_what_has_gone_above_the_floor(KDB_UNUSED void **state)
{
    run_ok(&f, "kim", "INSERT INTO app.notes (id, n) VALUES (1, 1), (2, 2), (3, 3), (4, 4)");
    const uint64_t from = seq_of("kim", 2);
    subscriber *s =
        subscribe(&f, "kim", "SELECT id, n FROM app.notes WHERE n > 0",
                  (kdb_live_spec){ .start = KDB_LIVE_FROM, .from = from, .batch_rows = 1 }); /* waits between 3 and 4 */
    (void)text_at(s, 1);
    run_ok(&f, "kim", "DELETE FROM app.notes WHERE id = 1");
    run_ok(&f, "kim", "UPDATE app.notes SET n = -1 WHERE id = 2");
    leave_out(s->sub, seq_of("kim", 1), seq_of("kim", 2));
    drain(s);
    (void)text_at(s, 2);
    drain(s);
    expect_plain(s, 4,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"delete\",\"old_values\":["
                 "{\"id\":1,\"n\":1,\"_seq\":\"#\"}]}");
    expect_plain(s, 5,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"delete\",\"old_values\":["
                 "{\"id\":2,\"_seq\":\"#\"}]}");
    unsubscribe(s);
}

static void the_newest_rows_come_in_their_order(KDB_UNUSED void **state)
{
    run_ok(&f, "fay", "INSERT INTO app.notes (id) VALUES (5), (4), (3), (2), (1)");
    subscriber *s =
        subscribe(&f, "fay", "SELECT id FROM app.notes", (kdb_live_spec){ .start = KDB_LIVE_LAST, .last_rows = 2 });
    expect_plain(
        s, 1,
        "{\"type\":\"initial_data_batch\",\"subscription_id\":\"s\",\"rows\":[{\"id\":2,\"_seq\":\"#\"},"
        "{\"id\":1,\"_seq\":\"#\"}],\"batch_control\":{\"batch_num\":0,\"has_more\":false,\"status\":\"ready\","
        "\"last_seq_id\":#,\"snapshot_end_seq\":null}}");
    unsubscribe(s);
    s = subscribe(&f, "fay", "SELECT id FROM app.notes", (kdb_live_spec){ .start = KDB_LIVE_NONE });
    assert_non_null(strstr(text_at(s, 0), "subscription_ack"));
    run_ok(&f, "fay", "DELETE FROM app.notes WHERE id = 5");
    assert_non_null(strstr(text_at(s, 1), "\"delete\""));
    unsubscribe(s);
}

static const struct {
    const char *sql;
    const char *code;
    const char *part;
} refused[] = {
    { "SELECT", "INVALID_SQL", "" },
    { "SELECT * FROM nowhere.t", "NOT_FOUND", "nowhere" },
    { "SELECT * FROM notes", "INVALID_SQL", "namespace" },
    { "SELECT 1", "INVALID_SQL", "read a table" },
    { "SELECT * FROM (SELECT * FROM app.notes) q", "INVALID_SQL", "no joins, subqueries" },
    { "BEGIN", "INVALID_SQL", "A live query is a SELECT" },
    { "DELETE FROM app.notes WHERE id = 1", "INVALID_SQL", "is a SELECT" },
    { "SELECT * FROM app.notes a, app.notes b", "INVALID_SQL", "one table" },
    { "SELECT count(*) + 1 FROM app.notes", "INVALID_SQL", "aggregates" },
    { "SELECT avg(body) FROM app.notes", "INVALID_SQL", "" },
    { "SELECT * FROM app.notes ORDER BY n LIMIT 5000", "INVALID_SQL", "1000" },
    { "SELECT DISTINCT id FROM app.notes", "INVALID_SQL", "one table" },
    { "WITH x AS (SELECT 1) SELECT * FROM app.notes", "INVALID_SQL", "one table" },
    { "SELECT * FROM app.notes ORDER BY id", "INVALID_SQL", "ORDER BY" },
    { "SELECT * FROM app.notes LIMIT 3", "INVALID_SQL", "ORDER BY" },
    { "SELECT id + 1 FROM app.notes", "INVALID_SQL", "columns" },
    { "SELECT * FROM app.notes WHERE id IN (SELECT 1)", "INVALID_SQL", "" },
    { "SELECT * FROM app.notes WHERE NOW() > NOW()", "INVALID_SQL", "time of day" },
    { "SELECT * FROM app.notes WHERE id = $1", "INVALID_SQL", "parameters" },
    { "SELECT * FROM app.notes; SELECT 1", "INVALID_SQL", "one SELECT" },
    { "SELECT * FROM system.users", "UNAUTHORIZED", "" },
    { "SELECT missing FROM app.notes", "INVALID_SQL", "missing" },
};

static void what_is_no_live_query_is_refused(KDB_UNUSED void **state)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(refused); i++) {
        subscriber *s = subscribe(&f, "ann", refused[i].sql, all);
        const char *text = text_at(s, 0);
        if (strstr(text, "\"type\":\"error\"") == NULL || strstr(text, refused[i].code) == NULL ||
            strstr(text, refused[i].part) == NULL) {
            fail_msg("%s\n%s", refused[i].sql, text);
        }
        unsubscribe(s);
    }
}

static void dropping_a_table_ends_its_subscriptions(KDB_UNUSED void **state)
{
    run_ok(&f, "root", "CREATE SHARED TABLE app.gone (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'PUBLIC')");
    subscriber *s = subscribe(&f, "ann", "SELECT * FROM app.gone", all);
    (void)text_at(s, 1);
    run_ok(&f, "root", "DROP TABLE app.gone");
    expect_message(s, 2,
                   "{\"type\":\"error\",\"subscription_id\":\"s\",\"code\":\"NOT_FOUND\",\"message\":\"The table was "
                   "dropped\"}");
    assert_null(message_at(s, 3));
    unsubscribe(s);
}

static void altering_a_table_goes_on_where_it_can(KDB_UNUSED void **state)
{
    run_ok(&f, "root", "CREATE USER TABLE app.alt (id INT PRIMARY KEY, a TEXT, b TEXT)");
    run_ok(&f, "ann", "INSERT INTO app.alt (id, a, b) VALUES (1, 'x', 'y')");
    subscriber *kept = subscribe(&f, "ann", "SELECT id, a FROM app.alt", all);
    subscriber *broken = subscribe(&f, "ann", "SELECT id, b FROM app.alt", all);
    subscriber *star = subscribe(&f, "ann", "SELECT * FROM app.alt", all);
    (void)text_at(kept, 1);
    (void)text_at(broken, 1);
    (void)text_at(star, 1);
    run_ok(&f, "root", "ALTER TABLE app.alt ADD COLUMN c INT");
    assert_non_null(strstr(text_at(star, 2), "RESYNC"));
    run_ok(&f, "ann", "UPDATE app.alt SET a = 'z', c = 4 WHERE id = 1");
    expect_plain(kept, 2,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"update\",\"rows\":["
                 "{\"id\":1,\"a\":\"z\",\"_seq\":\"#\"}],\"old_values\":[{\"id\":1,\"a\":\"x\",\"_seq\":\"#\"}]}");
    assert_non_null(strstr(text_at(broken, 2), "update"));
    run_ok(&f, "root", "ALTER TABLE app.alt DROP COLUMN b");
    assert_non_null(strstr(text_at(broken, 3), "\"error\""));
    run_ok(&f, "ann", "DELETE FROM app.alt WHERE id = 1");
    assert_non_null(strstr(text_at(kept, 3), "\"delete\""));
    unsubscribe(kept);
    unsubscribe(broken);
    unsubscribe(star);
}

static void policies_hold_for_changes_too(KDB_UNUSED void **state)
{
    run_ok(&f, "root", "CREATE SHARED TABLE app.doc (id INT PRIMARY KEY, owner TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')");
    run_ok(&f, "root", "CREATE POLICY own ON app.doc FOR SELECT USING (owner = CURRENT_USER)");
    run_ok(&f, "root", "INSERT INTO app.doc (id, owner) VALUES (1, 'ann'), (2, 'bob')");
    subscriber *ann = subscribe(&f, "ann", "SELECT id FROM app.doc", all);
    subscriber *bob = subscribe(&f, "bob", "SELECT id FROM app.doc", all);
    assert_null(strstr(text_at(ann, 1), "\"id\":2"));
    assert_null(strstr(text_at(bob, 1), "\"id\":1"));
    run_ok(&f, "root", "UPDATE app.doc SET owner = 'bob' WHERE id = 1");
    assert_non_null(strstr(text_at(ann, 2), "\"delete\""));
    assert_non_null(strstr(text_at(bob, 2), "\"insert\""));
    run_ok(&f, "root", "DROP POLICY own ON app.doc");
    assert_non_null(strstr(text_at(ann, 3), "RESYNC"));
    unsubscribe(ann);
    unsubscribe(bob);
}

static void the_first_rows_of_an_order_are_kept(KDB_UNUSED void **state)
{
    run_ok(&f, "hal", "INSERT INTO app.notes (id, n) VALUES (1, 10), (2, 20), (3, 30), (4, NULL)");
    subscriber *s = subscribe(&f, "hal", "SELECT id, n FROM app.notes ORDER BY n DESC NULLS LAST LIMIT 2", all);
    expect_plain(
        s, 1,
        "{\"type\":\"initial_data_batch\",\"subscription_id\":\"s\",\"rows\":[{\"id\":3,\"n\":30,\"_seq\":\"#\"},"
        "{\"id\":2,\"n\":20,\"_seq\":\"#\"}],\"batch_control\":{\"batch_num\":0,\"has_more\":false,\"status\":\"ready\","
        "\"last_seq_id\":null,\"snapshot_end_seq\":null}}");
    run_ok(&f, "hal", "UPDATE app.notes SET n = 25 WHERE id = 1");
    expect_plain(s, 2,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"delete\",\"old_values\":["
                 "{\"id\":2,\"n\":20,\"_seq\":\"#\"}]}");
    expect_plain(s, 3,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"insert\",\"rows\":["
                 "{\"id\":1,\"n\":25,\"_seq\":\"#\"}]}");
    run_ok(&f, "hal", "DELETE FROM app.notes WHERE id = 3");
    assert_non_null(strstr(text_at(s, 4), "\"delete\""));
    expect_plain(s, 5,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"insert\",\"rows\":["
                 "{\"id\":2,\"n\":20,\"_seq\":\"#\"}]}");
    unsubscribe(s);
}

static void aggregates_are_kept(KDB_UNUSED void **state)
{
    run_ok(&f, "ivy", "INSERT INTO app.notes (id, body, n) VALUES (1, 'a', 10), (2, 'b', 20), (3, 'a', 30)");
    subscriber *total = subscribe(&f, "ivy", "SELECT count(*), sum(n) AS total FROM app.notes", all);
    subscriber *groups = subscribe(
        &f, "ivy", "SELECT body, count(*) AS c, avg(n), min(n), max(n) FROM app.notes WHERE n > 5 GROUP BY body", all);
    expect_plain(
        total, 1,
        "{\"type\":\"initial_data_batch\",\"subscription_id\":\"s\",\"rows\":[{\"count(*)\":\"3\",\"total\":\"60\"}],"
        "\"batch_control\":{\"batch_num\":0,\"has_more\":false,\"status\":\"ready\",\"last_seq_id\":null,"
        "\"snapshot_end_seq\":null}}");
    assert_non_null(
        strstr(text_at(groups, 1), "{\"body\":\"a\",\"c\":\"2\",\"avg(n)\":20.0,\"min(n)\":10,\"max(n)\":30}"));
    run_ok(&f, "ivy", "UPDATE app.notes SET body = 'c' WHERE id = 2");
    run_ok(&f, "ivy", "DELETE FROM app.notes WHERE id = 3");
    expect_plain(total, 2,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"update\",\"rows\":["
                 "{\"count(*)\":\"2\",\"total\":\"30\"}],\"old_values\":[{\"count(*)\":\"3\",\"total\":\"60\"}]}");
    const char *moved = text_at(groups, 2);
    const bool first_gone = strstr(moved, "\"delete\"") != NULL;
    assert_non_null(strstr(text_at(groups, first_gone ? 3 : 2), "\"insert\",\"rows\":[{\"body\":\"c\",\"c\":\"1\""));
    expect_plain(groups, 4,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"update\",\"rows\":["
                 "{\"body\":\"a\",\"c\":\"1\",\"avg(n)\":10.0,\"min(n)\":10,\"max(n)\":10}],\"old_values\":["
                 "{\"body\":\"a\",\"c\":\"2\",\"avg(n)\":20.0,\"max(n)\":30}]}");
    run_ok(&f, "ivy", "DELETE FROM app.notes WHERE id > 0");
    expect_plain(total, 3,
                 "{\"type\":\"change\",\"subscription_id\":\"s\",\"change_type\":\"update\",\"rows\":["
                 "{\"count(*)\":\"0\",\"total\":null}],\"old_values\":[{\"count(*)\":\"2\",\"total\":\"30\"}]}");
    unsubscribe(total);
    unsubscribe(groups);
    subscriber *resumed = subscribe(&f, "ivy", "SELECT count(*) FROM app.notes",
                                    (kdb_live_spec){ .start = KDB_LIVE_FROM, .from = kdb_snowflake_next() });
    assert_non_null(strstr(text_at(resumed, 0), "RESYNC"));
    unsubscribe(resumed);
}

static void a_write_that_is_too_large_is_not_lost_silently(KDB_UNUSED void **state)
{
    static const char *const settings[] = { "live.max_backlog_bytes=1048576", NULL };
    enum { BODY = 1200000 };
    fixture own;
    fixture_open(&own, settings);
    run_ok(&own, "root", "CREATE NAMESPACE app");
    run_ok(&own, "root", "CREATE USER TABLE app.notes (id INT PRIMARY KEY, body TEXT)");
    subscriber *s = subscribe(&own, "ann", "SELECT id FROM app.notes", all);
    (void)text_at(s, 1);
    char *sql = kdb_alloc(BODY + 128);
    const int head = sprintf(sql, "INSERT INTO app.notes (id, body) VALUES (1, '");
    memset(sql + head, 'x', BODY);
    (void)sprintf(sql + head + BODY, "')");
    run_ok(&own, "ann", sql);
    kdb_free(sql);
    assert_non_null(strstr(text_at(s, 2), "RESYNC"));
    unsubscribe(s);
    s = subscribe(&own, "ann", "SELECT id FROM app.notes", all);
    assert_non_null(strstr(text_at(s, 1), "\"rows\":[{\"id\":1,"));
    unsubscribe(s);
    fixture_close(&own);
}

static void the_number_of_a_users_subscriptions_is_limited(KDB_UNUSED void **state)
{
    subscriber *s[11];
    for (size_t i = 0; i < 11; i++) {
        s[i] = subscribe(&f, "gus", "SELECT * FROM app.notes", all);
        assert_int_equal(s[i]->refused, i < 10 ? KDB_OK : KDB_LIMIT);
    }
    for (size_t i = 0; i < 10; i++) {
        (void)text_at(s[i], 1);
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_live_row *rows = NULL;
    size_t count = 0;
    kdb_live_list(f.live, arena, &rows, &count);
    assert_int_equal(count, 10);
    const kdb_principal bob = { .user.text = KDB_SV("bob"), .role = KDB_ROLE_USER };
    const kdb_principal gus = { .user.text = KDB_SV("gus"), .role = KDB_ROLE_USER };
    kdb_err err;
    assert_int_equal(kdb_live_kill(f.live, KDB_SV("gus-x"), &gus, &err), KDB_NOT_FOUND);
    assert_int_equal(kdb_live_kill(f.live, rows[9].live_id, &bob, &err), KDB_PERMISSION_DENIED);
    assert_int_equal(kdb_live_kill(f.live, rows[9].live_id, &gus, &err), KDB_OK);
    assert_non_null(strstr(text_at(s[0], 2), "KILLED"));
    for (size_t i = 0; i < 11; i++) {
        unsubscribe(s[i]);
    }
    kdb_live_stats stats;
    kdb_live_stats_get(f.live, &stats);
    assert_int_equal(stats.subscriptions, 0);
    assert_true(stats.subscriptions_peak >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_sent_and_then_what_changes),
        cmocka_unit_test(rows_move_into_and_out_of_a_filter),
        cmocka_unit_test(batches_wait_for_their_client),
        cmocka_unit_test(a_cursor_brings_what_has_changed_since),
        cmocka_unit_test(a_cursor_brings_what_has_gone_above_the_floor),
        cmocka_unit_test(the_newest_rows_come_in_their_order),
        cmocka_unit_test(what_is_no_live_query_is_refused),
        cmocka_unit_test(dropping_a_table_ends_its_subscriptions),
        cmocka_unit_test(altering_a_table_goes_on_where_it_can),
        cmocka_unit_test(policies_hold_for_changes_too),
        cmocka_unit_test(the_first_rows_of_an_order_are_kept),
        cmocka_unit_test(aggregates_are_kept),
        cmocka_unit_test(a_write_that_is_too_large_is_not_lost_silently),
        cmocka_unit_test(the_number_of_a_users_subscriptions_is_limited),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
