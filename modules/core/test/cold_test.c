/* cold_test.c - where rows lie must not show: the same statements are run on a server whose rows go cold at random moments and on one
 * whose rows stay hot, and every answer is compared. KALAMDB_SEED repeats a run. */
#include "core_fixture.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

typedef struct twins {
    fixture cold, hot;
    uint64_t random;
    size_t flushed, compacted;
} twins;

static uint64_t draw(twins *t, uint64_t below)
{
    t->random = t->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (t->random >> 33) % below;
}

static void both(twins *t, const char *user, const char *sql)
{
    answer a = run(&t->cold, user, sql);
    answer b = run(&t->hot, user, sql);
    if (strcmp(a.text, b.text) != 0) {
        fail_msg("%s, as %s:\n-- some rows cold:\n%s\n-- all rows hot:\n%s", sql, user, a.text, b.text);
    }
    answer_done(&a);
    answer_done(&b);
}

static void both_f(twins *t, const char *user, const char *fmt, ...) KDB_PRINTF(3, 4);
static void both_f(twins *t, const char *user, const char *fmt, ...)
{
    char sql[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(sql, sizeof(sql), fmt, args);
    va_end(args);
    both(t, user, sql);
}

static kdb_table *table_of(twins *t, const char *name)
{
    kdb_table *table = kdb_registry_lookup_table(t->cold.registry, KDB_SV("app"), kdb_sv_cstr(name));
    assert_non_null(table);
    return table;
}

static void flush(twins *t, const char *name)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of(t, name);
    const kdb_flush_spec spec = { .table = table, .all = true };
    kdb_cold_result result;
    kdb_err err;
    if (kdb_core_flush(t->cold.core, &spec, NULL, &result, &err) != KDB_OK) {
        fail_msg("flush of %s: %s", name, err.text);
    }
    t->flushed += result.rows;
}

static void compact(twins *t, const char *name, bool all)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of(t, name);
    kdb_cold_result result;
    kdb_err err;
    if (kdb_core_compact(t->cold.core, table, all, NULL, &result, &err) != KDB_OK) {
        fail_msg("compaction of %s: %s", name, err.text);
    }
    t->compacted += result.partitions;
}

static const char *const users[] = { "alice", "bob" };
static const char *const tables[] = { "chat", "log", "pairs" };

static void setup(twins *t, const char *const *settings)
{
    fixture_open(&t->cold, settings, NULL, 0);
    fixture_open(&t->hot, NULL, NULL, 0);
    both(t, "root", "CREATE NAMESPACE app");
    both(t, "root",
         "CREATE TABLE app.chat (id BIGINT PRIMARY KEY, body TEXT, n INT, at TIMESTAMP, price DECIMAL(12,2), v "
         "EMBEDDING(2)) WITH (TYPE='USER')");
    both(t, "root", "CREATE TABLE app.log (line TEXT, n INT) WITH (TYPE='USER')");
    both(t, "root",
         "CREATE TABLE app.pairs (a TEXT, b INT, c DOUBLE, PRIMARY KEY (a, b)) WITH (TYPE='SHARED', "
         "ACCESS_LEVEL='PUBLIC')");
}

static void teardown(twins *t)
{
    fixture_close(&t->cold);
    fixture_close(&t->hot);
}

/* In which order a statement changes its rows is nobody's business, so `_seq` differ: two ways to ask for them must agree. */
static void alike(twins *t, const char *user, const char *one, const char *other)
{
    answer a = run(&t->cold, user, one);
    answer b = run(&t->cold, user, other);
    if (strcmp(a.text, b.text) != 0) {
        fail_msg("as %s:\n-- %s\n%s\n-- %s\n%s", user, one, a.text, other, b.text);
    }
    answer_done(&a);
    answer_done(&b);
}

static void compare_all(twins *t)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(users); i++) {
        const char *user = users[i];
        both(t, user, "SELECT id, body, n, at, price, v, _deleted FROM app.chat ORDER BY id");
        both(t, user, "SELECT id, n FROM app.chat ORDER BY id DESC LIMIT 7");
        alike(t, user, "SELECT id, _seq FROM app.chat ORDER BY _seq",
              "SELECT id, _seq FROM app.chat ORDER BY _seq + 0");
        alike(t, user, "SELECT id FROM app.chat ORDER BY _seq DESC LIMIT 9",
              "SELECT id FROM app.chat ORDER BY -_seq LIMIT 9");
        both(t, user, "SELECT count(*), sum(n), min(id), max(at), sum(price) FROM app.chat");
        both(t, user, "SELECT n % 5 AS k, count(*) FROM app.chat GROUP BY 1 ORDER BY 1");
        both(t, user, "SELECT id, body FROM app.chat WHERE n > 20 AND id < 60 ORDER BY n, id");
        both_f(t, user, "SELECT id, body, n FROM app.chat WHERE id = %llu", (unsigned long long)draw(t, 100));
        both_f(t, user, "SELECT id, body FROM app.chat WHERE id IN (%llu, %llu, %llu) ORDER BY id",
               (unsigned long long)draw(t, 100), (unsigned long long)draw(t, 100), (unsigned long long)draw(t, 100));
        both_f(t, user, "SELECT id FROM app.chat WHERE id BETWEEN %llu AND 70 ORDER BY id DESC OFFSET 2",
               (unsigned long long)draw(t, 60));
        both(t, user, "SELECT line, n FROM app.log ORDER BY line, n");
        alike(t, user, "SELECT line, n FROM app.log", "SELECT line, n FROM app.log ORDER BY _seq + 0");
        both(t, user, "SELECT count(*) FROM app.log WHERE line LIKE '%3%'");
    }
    both(t, "alice", "SELECT a, b, c FROM app.pairs ORDER BY a, b");
    both(t, "alice", "SELECT a, b, c FROM app.pairs ORDER BY a DESC, b DESC LIMIT 5");
    both(t, "alice", "SELECT a, count(*), sum(b) FROM app.pairs WHERE b > 3 GROUP BY a ORDER BY a");
    both(t, "alice", "SELECT p.a, c.id FROM app.pairs p JOIN app.chat c ON c.n = p.b ORDER BY 1, 2 LIMIT 20");
    both_f(t, "alice", "SELECT c FROM app.pairs WHERE a = 'k%llu' AND b = %llu", (unsigned long long)draw(t, 6),
           (unsigned long long)draw(t, 12));
}

static void insert_chat(twins *t, const char *user)
{
    static const char *const ends[] = { "", " ON CONFLICT (id) DO NOTHING",
                                        " ON CONFLICT (id) DO UPDATE SET n = chat.n + EXCLUDED.n",
                                        " RETURNING id, body, n" };
    const unsigned long long id = draw(t, 100), n = draw(t, 50);
    both_f(t, user,
           "INSERT INTO app.chat (id, body, n, at, price, v) VALUES (%llu, 'text of %llu', %llu, '2024-01-%02llu "
           "10:00:00', %llu.25, '[1,%llu]'), (%llu, NULL, NULL, NULL, NULL, NULL)%s",
           id, n, n, n % 28 + 1, n, n, id + 1 + draw(t, 40), ends[draw(t, KDB_ARRAY_LEN(ends))]);
}

static void step(twins *t)
{
    const char *user = users[draw(t, KDB_ARRAY_LEN(users))];
    switch (draw(t, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        insert_chat(t, user);
        break;
    case 4:
        both_f(t, user, "UPDATE app.chat SET n = coalesce(n, 0) + 1, body = 'again' WHERE id %% 7 = %llu",
               (unsigned long long)draw(t, 7));
        break;
    case 5:
        both_f(t, user, "UPDATE app.chat SET body = 'one' WHERE id = %llu", (unsigned long long)draw(t, 100));
        break;
    case 6:
        both_f(t, user, "DELETE FROM app.chat WHERE id %% 11 = %llu", (unsigned long long)draw(t, 11));
        break;
    case 7:
        both_f(t, user, "DELETE FROM app.chat WHERE id = %llu RETURNING id, body", (unsigned long long)draw(t, 100));
        break;
    case 8:
        both_f(t, user, "INSERT INTO app.log VALUES ('line %llu', %llu), ('next', NULL)",
               (unsigned long long)draw(t, 100), (unsigned long long)draw(t, 10));
        break;
    case 9:
        both_f(t, user, "UPDATE app.log SET n = coalesce(n, 0) + 10 WHERE line LIKE '%%%llu%%'",
               (unsigned long long)draw(t, 10));
        both_f(t, user, "DELETE FROM app.log WHERE n > 90");
        break;
    case 10:
        both_f(t, "root",
               "INSERT INTO app.pairs VALUES ('k%llu', %llu, 1.5), ('k%llu', %llu, NULL) ON CONFLICT DO NOTHING",
               (unsigned long long)draw(t, 6), (unsigned long long)draw(t, 12), (unsigned long long)draw(t, 6),
               (unsigned long long)draw(t, 12));
        both_f(t, "root", "UPDATE app.pairs SET c = coalesce(c, 0) + 1 WHERE b = %llu",
               (unsigned long long)draw(t, 12));
        both_f(t, "root", "DELETE FROM app.pairs WHERE a = 'k%llu' AND b < 4", (unsigned long long)draw(t, 6));
        break;
    case 11:
        both_f(t, user,
               "UPDATE app.chat SET n = 1 WHERE id < %llu; DELETE FROM app.chat WHERE id = %llu; SELECT id, n FROM "
               "app.chat ORDER BY id; SELECT count(*) FROM app.chat WHERE n = 1",
               (unsigned long long)draw(t, 20), (unsigned long long)draw(t, 20));
        break;
    case 12:
        compact(t, tables[draw(t, KDB_ARRAY_LEN(tables))], draw(t, 2) == 0);
        break;
    default:
        flush(t, tables[draw(t, KDB_ARRAY_LEN(tables))]);
        break;
    }
}

/* Columns come, get other names and types, and go, while rows of all versions lie in files. What makes no sense fails on both. */
static void alter(twins *t)
{
    const unsigned long long k = draw(t, 4);
    switch (draw(t, 6)) {
    case 0:
        both_f(t, "root", "ALTER TABLE app.chat ADD COLUMN extra%llu INT", k);
        both_f(t, "alice", "UPDATE app.chat SET extra%llu = n + 1 WHERE id %% 3 = 0", k);
        break;
    case 1:
        both_f(t, "root", "ALTER TABLE app.chat ADD COLUMN extra%llu TEXT DEFAULT 'd'", k);
        break;
    case 2:
        both_f(t, "root", "ALTER TABLE app.chat RENAME COLUMN extra%llu TO more%llu", k,
               (unsigned long long)draw(t, 4));
        break;
    case 3:
        both_f(t, "root", "ALTER TABLE app.chat DROP COLUMN %s%llu", draw(t, 2) == 0 ? "extra" : "more", k);
        break;
    case 4:
        both_f(t, "root", "ALTER TABLE app.chat MODIFY COLUMN extra%llu %s", k, draw(t, 2) == 0 ? "BIGINT" : "TEXT");
        break;
    default:
        both(t, "root",
             draw(t, 2) == 0 ? "ALTER TABLE app.pairs MODIFY COLUMN c TEXT"
                             : "ALTER TABLE app.chat MODIFY COLUMN price DECIMAL(20,2)");
        break;
    }
    for (unsigned long long i = 0; i < 4; i++) {
        both_f(t, "alice", "SELECT id, extra%llu FROM app.chat ORDER BY id", i);
        both_f(t, "alice", "SELECT more%llu, count(*) FROM app.chat GROUP BY 1 ORDER BY 1", i);
        both_f(t, "alice", "SELECT id FROM app.chat WHERE extra%llu IS NOT NULL AND id > 10 ORDER BY id DESC LIMIT 3",
               i);
    }
}

/* A transaction sees cold rows under its own, and changes them. */
static void transact(twins *t, const char *user)
{
    const unsigned long long id = draw(t, 100);
    answer a = run(&t->cold, user, "BEGIN; SELECT 1; ROLLBACK");
    answer_done(&a);
    char sql[1024];
    (void)snprintf(
        sql, sizeof(sql),
        "BEGIN; INSERT INTO app.chat (id, n) VALUES (%llu, 5) ON CONFLICT (id) DO UPDATE SET n = 500; UPDATE "
        "app.chat SET n = 77 WHERE id %% 9 = 2; DELETE FROM app.chat WHERE id %% 13 = 1; SELECT id, n FROM "
        "app.chat ORDER BY id; SELECT id FROM app.chat ORDER BY id DESC LIMIT 4; SELECT count(*), sum(n) FROM "
        "app.chat; SELECT n FROM app.chat WHERE id = %llu; COMMIT",
        id, id);
    answer b = run(&t->cold, user, sql);
    answer c = run(&t->hot, user, sql);
    assert_int_equal(b.status, KDB_OK);
    /* The ids of transactions differ: compared up to there. */
    const char *const left = strstr(b.text, "\nid"), *const right = strstr(c.text, "\nid");
    assert_true(left != NULL && right != NULL);
    const size_t same = (size_t)(strstr(left, "[0 Transaction committed") - left);
    if (strncmp(left, right, same) != 0) {
        fail_msg("a transaction of %s:\n-- some rows cold:\n%s\n-- all rows hot:\n%s", user, b.text, c.text);
    }
    answer_done(&b);
    answer_done(&c);
}

static kdb_core_stats stats_of(twins *t)
{
    kdb_core_stats stats;
    kdb_core_stats_get(t->cold.core, &stats);
    return stats;
}

static void live_through_it(twins *t, const char *const *settings)
{
    setup(t, settings);
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 12; i++) {
            step(t);
        }
        transact(t, users[round % 2]);
        alter(t);
        compare_all(t);
    }
    assert_true(t->flushed > 0);
}

static void rows_are_the_same_wherever_they_lie(KDB_UNUSED void **state)
{
    twins t = { .random = test_seed() };
    live_through_it(&t, NULL);
    assert_int_equal(stats_of(&t).direct, 0);
    teardown(&t);
}

/* The engine reads what it can. */
static const char *const reads_files[] = { "engine.direct_rows=1", "execution.hot_rows_cache_bytes=0", NULL };

static void rows_are_the_same_whoever_reads_the_files(KDB_UNUSED void **state)
{
    twins t = { .random = test_seed() };
    live_through_it(&t, reads_files);
    const kdb_core_stats stats = stats_of(&t);
    assert_true(stats.direct > 20);
    assert_int_equal(stats.direct_failed, 0);
    teardown(&t);
}

/* ---- what the engine reads itself ---- */

static void flush_table(fixture *f, const char *name)
{
    KDB_CLEANUP(kdb_table_unrefp)
    kdb_table *table = kdb_registry_lookup_table(f->registry, KDB_SV("app"), kdb_sv_cstr(name));
    const kdb_flush_spec spec = { .table = table, .all = true };
    kdb_cold_result result;
    kdb_err err;
    assert_non_null(table);
    assert_int_equal(kdb_core_flush(f->core, &spec, NULL, &result, &err), KDB_OK);
    assert_true(result.rows > 0);
}

/* That the answer does not change with the flush, and the files were read without a scan. */
static void expect_same_cold(fixture *f, const char *table, const char *user, const char *sql)
{
    kdb_core_stats before, after;
    answer hot = run(f, user, sql);
    assert_int_equal(hot.status, KDB_OK);
    flush_table(f, table);
    kdb_core_stats_get(f->core, &before);
    answer cold = run(f, user, sql);
    kdb_core_stats_get(f->core, &after);
    assert_string_equal(cold.text, hot.text);
    assert_int_equal(after.direct, before.direct + 1);
    answer_done(&hot);
    answer_done(&cold);
}

static void every_type_comes_out_as_it_went_in(KDB_UNUSED void **state)
{
    fixture f;
    fixture_open(&f, reads_files, NULL, 0);
    expect(&f, "root", "CREATE NAMESPACE app", "[0 Namespace 'app' created successfully]\n");
    answer made =
        run(&f, "root",
            "CREATE SHARED TABLE app.kinds (id BIGINT PRIMARY KEY, b BOOLEAN, s SMALLINT, i INT, l BIGINT, f FLOAT, d "
            "DOUBLE, n DECIMAL(38,5), t TEXT, j JSON, x BYTES, u UUID, da DATE, ti TIME, ts TIMESTAMP, dt "
            "DATETIME, e EMBEDDING(3)); INSERT INTO app.kinds VALUES (1, true, -32768, 2147483647, "
            "-9223372036854775808, 1.5, -2.5e-300, -12345678901234567890123456789.12345, 'it''s \xC3\xA9', "
            "'{\"a\": [1, null]}', '\\x00ff', '123e4567-e89b-12d3-a456-426614174000', '0001-01-01', "
            "'23:59:59.999999', '2024-02-29 12:00:00.000001+02', '1969-12-31 23:59:59', '[1, -2.5, 3]'), (2, "
            "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), "
            "(3, false, 0, 0, 0, -3.25, 1e300, 0, '', '{}', '', "
            "'00000000-0000-0000-0000-000000000000', '9999-12-31', '00:00:00', '9999-12-31 23:59:59Z', "
            "'2024-01-01', '[0, 0, 0]')");
    assert_int_equal(made.status, KDB_OK);
    answer_done(&made);
    expect_same_cold(
        &f, "kinds", "root",
        "SELECT id, b, s, i, l, f, d, n, t, j, x, u, da, ti, ts, dt, e, _deleted, count(*) FROM app.kinds GROUP "
        "BY id, b, s, i, l, f, d, n, t, j, x, u, da, ti, ts, dt, e, _deleted ORDER BY id");
    answer a = run(&f, "root", "SELECT count(*) = count(DISTINCT _seq) FROM app.kinds");
    assert_string_equal(a.text, "count(*) = count(DISTINCT _seq)\ntrue\n");
    answer_done(&a);
    fixture_close(&f);
}

/* Scans alone know what hides a row. */
static void what_hides_rows_is_heeded(KDB_UNUSED void **state)
{
    fixture f;
    fixture_open(&f, reads_files, NULL, 0);
    answer made =
        run(&f, "root",
            "CREATE NAMESPACE app; CREATE SHARED TABLE app.notes (id INT PRIMARY KEY, owner TEXT, n INT) WITH "
            "(ACCESS_LEVEL='PUBLIC'); INSERT INTO app.notes SELECT i, CASE WHEN i % 3 = 0 THEN 'alice' ELSE 'bob' END, "
            "i FROM generate_series(1, 30) AS s(i)");
    assert_int_equal(made.status, KDB_OK);
    answer_done(&made);
    flush_table(&f, "notes");
    static const char sum[] = "SELECT owner, count(*) AS c, sum(n) AS s FROM app.notes GROUP BY owner ORDER BY owner";
    expect(&f, "alice", sum, "owner|c|s\nalice|10|165\nbob|20|300\n");
    expect(&f, "root", "DELETE FROM app.notes WHERE id = 30", "[1 Deleted 1 row(s)]\n");
    expect(&f, "alice", sum, "owner|c|s\nalice|9|135\nbob|20|300\n");
    answer a = run(&f, "root", "CREATE POLICY own ON app.notes FOR SELECT TO user USING (owner = CURRENT_USER())");
    assert_int_equal(a.status, KDB_OK);
    answer_done(&a);
    expect(&f, "alice", sum, "owner|c|s\nalice|9|135\n");
    expect(&f, "root", sum, "owner|c|s\nalice|9|135\nbob|20|300\n");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_the_same_wherever_they_lie),
        cmocka_unit_test(rows_are_the_same_whoever_reads_the_files),
        cmocka_unit_test(every_type_comes_out_as_it_went_in),
        cmocka_unit_test(what_hides_rows_is_heeded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
