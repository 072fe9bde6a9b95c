/* normalise_test.c - the plan cache by shapes: texts that differ in their values only give what each gives when it is planned
 * by itself, in few plans. */
#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

enum { ROUNDS = 700, ROWS = 40, COMMENT = 65 << 10 };

static uint64_t seed = 20261121;

static size_t below(size_t bound)
{
    seed += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (size_t)((z ^ (z >> 31)) % bound);
}

/* `#` an integer, `|` a decimal, `@` a string, `^` a UUID, `~` a date, `%` a list of integers, `&` one of strings. */
static const char *const queries[] = {
    "SELECT id, s FROM app.t WHERE id = # OR i > # AND s = @",
    "SELECT id FROM app.t WHERE id IN (%)",
    "SELECT id, i FROM app.t WHERE id IN (%) AND i NOT IN (%) LIMIT #",
    "SELECT id FROM app.t WHERE s IN (&) ORDER BY id DESC LIMIT # OFFSET #",
    "SELECT id FROM app.t ORDER BY i, id LIMIT # OFFSET #",
    "SELECT id, p, p * | AS q, f * | AS g FROM app.t WHERE p > | AND f <> | OR p = #",
    "SELECT id FROM app.t WHERE p IN (|, -|, #) OR f BETWEEN -| AND |",
    "SELECT id, i + # AS a, @ AS b, # AS c, -| AS d, lower(s) = @ AS e FROM app.t WHERE id < #",
    "SELECT i + #, @, | FROM app.t WHERE length(s) = # LIMIT #",
    "SELECT id FROM app.t WHERE d > ~ AND d <> DATE ~ OR u = ^ OR u = ^::uuid LIMIT #",
    "SELECT count(*) FROM app.t WHERE id IN (%) AND s LIKE @ AND p < |",
    "SELECT i % 3 AS k, count(*), sum(p) + | AS total FROM app.t WHERE id IN (%) GROUP BY i % 3 ORDER BY 1 LIMIT #",
    "SELECT DISTINCT i + # AS a FROM app.t ORDER BY a LIMIT #",
    "SELECT a.id, b.s FROM app.t a JOIN app.t b ON b.id = a.i AND b.id IN (%) WHERE a.p > | ORDER BY 1, 2 LIMIT #",
    "SELECT id, (SELECT max(b.i) FROM app.t b WHERE b.id < # AND b.s <> @) AS m FROM app.t WHERE id = #",
    "SELECT # AS a UNION SELECT i FROM app.t WHERE id = # ORDER BY 1",
    "SELECT id FROM app.t WHERE i / # > # ORDER BY id LIMIT #",
};

static const char *const writes[] = {
    "INSERT INTO app.t (id, i, s, p, f) VALUES (10#, #, @, |, -|), (- 9#, i1(#), @, - |, 1e#)",
    ("INSERT INTO app.t (id, s) VALUES (#, @) ON CONFLICT (id) DO UPDATE SET i = t.i + #, s = @, p = t.p - | WHERE t.i > # "
     "AND t.s <> @ RETURNING id, i + # AS n, s || @ AS x, @ AS y, # AS z"),
    "INSERT INTO app.t (id, i) SELECT id + 1000 + #, # FROM app.t WHERE id IN (%) AND s > @ LIMIT #",
    "UPDATE app.t SET i = i - #, p = |, s = @ WHERE id IN (%) OR p < | RETURNING id, p + | AS p, i",
    "UPDATE app.t SET s = @, i = # WHERE id IN (%) AND s IN (&)",
    "UPDATE app.t SET p = #, i = 7 - # WHERE id IN (%) AND p < |",
    "INSERT INTO app.t (id, s, i) VALUES (1#, @, #), (2#, @, #), (3#, @, 1#00000000)",
    "INSERT INTO app.t (id, s, i) SELECT id + 1000, @, # + 2000000000 FROM app.t WHERE id IN (%) AND i > #",
    "INSERT INTO app.t (id, s) VALUES (#, @) ON CONFLICT (id) DO UPDATE SET s = @, i = #00000000, p = #",
    "DELETE FROM app.t WHERE id IN (%) OR s = @ RETURNING id, i * # AS n, s = @ AS same, i + #",
};

static void put_one(kdb_buf *out, char hole)
{
    static const char *const strings[] = { "''", "'a'", "'B'", "'it''s'", "'%a_'", "'word 7'", "'\xC3\xBC'" };
    static const char *const decimals[] = { "0.5",   "1.25",  "12.5",        "0.75",
                                            "10.25", "1.005", "99999999.99", "123456789.5" };
    static const char *const uuids[] = { "'00000000-0000-0000-0000-000000000003'",
                                         "'00000000000000000000000000000007'" };
    static const char *const dates[] = { "'2026-01-05'", "'2025-12-31'", "'2026-02-28'" };
    switch (hole) {
    case '@':
        kdb_buf_append_sv(out, kdb_sv_cstr(strings[below(KDB_ARRAY_LEN(strings))]));
        break;
    case '|':
        kdb_buf_append_sv(out, kdb_sv_cstr(decimals[below(KDB_ARRAY_LEN(decimals))]));
        break;
    case '^':
        kdb_buf_append_sv(out, kdb_sv_cstr(uuids[below(KDB_ARRAY_LEN(uuids))]));
        break;
    case '~':
        kdb_buf_append_sv(out, kdb_sv_cstr(dates[below(KDB_ARRAY_LEN(dates))]));
        break;
    default:
        kdb_buf_append_i64(out, (int64_t)below(below(20) == 0 ? 5000000000 : ROWS));
        break;
    }
}

static void put_hole(kdb_buf *out, char hole)
{
    if (hole != '%' && hole != '&') {
        put_one(out, hole);
        return;
    }
    const size_t count = 1 + below(40);
    for (size_t i = 0; i < count; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(", "));
        if (hole == '%') {
            kdb_buf_append_i64(out, (int64_t)below(ROWS));
        } else {
            put_one(out, '@');
        }
    }
}

static void fill(kdb_buf *out, const char *pattern)
{
    for (const char *c = pattern; *c != '\0'; c++) {
        const bool modulo = c[0] == '%' && c[1] == ' ';
        const bool join = c[0] == '|' && (c[1] == '|' || (c != pattern && c[-1] == '|'));
        if (strchr("#|@^~%&", *c) != NULL && !modulo && !join) {
            put_hole(out, *c);
        } else if (strncmp(c, "i1(", 3) == 0) { /* an expression for the engine */
            kdb_buf_append_sv(out, KDB_SV("abs("));
            c += 2;
        } else {
            kdb_buf_append_byte(out, (uint8_t)*c);
        }
    }
}

/* Behind the first word; too long a text has no shape. */
static char *with_comment(const char *sql)
{
    const size_t word = strcspn(sql, " ");
    const size_t len = strlen(sql);
    char *out = malloc(len + COMMENT + 1);
    assert_non_null(out);
    memcpy(out, sql, word);
    memcpy(out + word, " /*", 3);
    memset(out + word + 3, 'x', COMMENT - 5);
    memcpy(out + word + COMMENT - 2, "*/", 2);
    memcpy(out + word + COMMENT, sql + word, len - word + 1);
    return out;
}

static answer ask(fixture *f, const char *statement, bool write)
{
    if (!write) {
        return run(f, "root", statement);
    }
    kdb_buf sql;
    kdb_buf_init(&sql, 0);
    kdb_buf_printf(&sql, "BEGIN; %s; SELECT id, i, s, p, f FROM app.t ORDER BY id; ROLLBACK", statement);
    kdb_buf_append_byte(&sql, '\0');
    answer a = run(f, "root", (const char *)sql.ptr);
    kdb_buf_done(&sql);
    return a;
}

/* Without the transaction's id. */
static const char *told(const answer *a)
{
    enum { ID = 36 };
    for (char *at = strchr(a->text, '('); at != NULL; at = strchr(at + 1, '(')) {
        if (strlen(at) > ID + 1 && at[ID + 1] == ')') {
            memset(at + 1, 'x', ID);
        }
    }
    return a->text;
}

static void compare(fixture *f, const char *statement, bool write, size_t *succeeded, size_t *placed)
{
    char *alone = with_comment(statement);
    answer own = ask(f, alone, write);
    answer shared = ask(f, statement, write);
    if (own.status != shared.status || strcmp(told(&own), told(&shared)) != 0 ||
        strcmp(own.columns, shared.columns) != 0) {
        const char *a = told(&own);
        const char *b = told(&shared);
        size_t same = 0;
        while (a[same] != '\0' && a[same] == b[same]) {
            same++;
        }
        fail_msg("%s\n  alone  %s\n..%.200s\n  shared %s\n..%.200s", statement, own.columns, a + same, shared.columns,
                 b + same);
    }
    if (own.line != shared.line || own.column != (shared.column == 0 ? 0 : shared.column + COMMENT)) {
        fail_msg("%s\n  %s\n  place %u:%u alone, %u:%u shared", statement, shared.text, own.line,
                 own.column == 0 ? 0 : own.column - COMMENT, shared.line, shared.column);
    }
    *placed += shared.column != 0;
    *succeeded += own.status == KDB_OK;
    answer_done(&own);
    answer_done(&shared);
    free(alone);
}

static void fill_table(fixture *f)
{
    answer a =
        run(f, "root",
            "CREATE NAMESPACE app; CREATE TABLE app.t (id BIGINT PRIMARY KEY, i INT, s TEXT, p DECIMAL(10, 2), f "
            "DOUBLE, d DATE, u UUID)");
    assert_int_equal(a.status, KDB_OK);
    answer_done(&a);
    for (size_t i = 0; i < ROWS; i++) {
        char sql[400];
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO app.t VALUES (%zu, %zu, %s, %zu.%02zu, %zu.25, '2026-01-%02zu', "
                       "'00000000-0000-0000-0000-%012zu')",
                       i, i * 7 % 11,
                       i % 5 == 0   ? "NULL"
                       : i % 3 == 0 ? "'a'"
                                    : "'word 7'",
                       i, i * 25 % 100, i, i % 28 + 1, i % 9);
        a = run(f, "root", sql);
        assert_int_equal(a.status, KDB_OK);
        answer_done(&a);
    }
}

static void compare_all(const char *const *settings)
{
    fixture f;
    size_t succeeded = 0;
    size_t placed = 0;
    fixture_open(&f, settings, NULL, 0);
    fill_table(&f);
    for (size_t i = 0; i < ROUNDS; i++) {
        const bool write = i % 4 == 3;
        const char *pattern = write ? writes[i / 4 % KDB_ARRAY_LEN(writes)] : queries[i % KDB_ARRAY_LEN(queries)];
        kdb_buf sql;
        kdb_buf_init(&sql, 0);
        fill(&sql, pattern);
        kdb_buf_append_byte(&sql, '\0');
        compare(&f, (const char *)sql.ptr, write, &succeeded, &placed);
        kdb_buf_done(&sql);
    }
    assert_true(succeeded > ROUNDS * 2 / 3);
    assert_true(placed > 10);
    fixture_close(&f);
}

static void texts_of_one_shape_mean_what_each_means_alone(void **state)
{
    (void)state;
    static const char *const settings[] = { "server.workers=1", NULL };
    compare_all(settings);
}

static void so_they_do_in_the_engine(void **state)
{
    (void)state;
    static const char *const settings[] = { "server.workers=1", "execution.native_executor=false", NULL };
    compare_all(settings);
}

/* ---- how many plans ---- */

static size_t plans_after(fixture *f, const char *pattern, size_t times)
{
    kdbi_plan_cache *plans = f->core->workers[0].plans;
    const size_t before = kdbi_plan_cache_count(plans);
    for (size_t i = 0; i < times; i++) {
        kdb_buf sql;
        kdb_buf_init(&sql, 0);
        for (const char *c = pattern; *c != '\0'; c++) {
            if (*c == '#') {
                kdb_buf_append_i64(&sql, (int64_t)(i * 13 + 1));
            } else if (*c == '%') { /* 9 to 16 */
                for (size_t k = 0; k < 9 + i % 8; k++) {
                    kdb_buf_printf(&sql, "%s%zu", k == 0 ? "" : ", ", i * 20 + k);
                }
            } else {
                kdb_buf_append_byte(&sql, (uint8_t)*c);
            }
        }
        kdb_buf_append_byte(&sql, '\0');
        answer a = run(f, "root", (const char *)sql.ptr);
        if (a.status != KDB_OK) {
            fail_msg("%s: %s", (const char *)sql.ptr, a.text);
        }
        answer_done(&a);
        kdb_buf_done(&sql);
    }
    return kdbi_plan_cache_count(plans) - before;
}

static void many_texts_make_one_plan(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "SELECT id FROM app.t WHERE id = # AND s = 'a#'",
        "SELECT id, s FROM app.t ORDER BY id LIMIT # OFFSET #",
        "SELECT id FROM app.t WHERE p > #.5 AND f < #.25 AND d > '2026-01-05'",
        "SELECT id FROM app.t WHERE id IN (%)",
        "SELECT id FROM app.t WHERE id IN (#, #, #, #, #, #, #, #, #, #, #, #, #, #, #, #, #, #, #, #)",
        "SELECT id, i + # AS n, 'a#' AS tag, # AS k FROM app.t WHERE lower(s) = 'b#'",
        ("INSERT INTO app.t (id, s, p) VALUES (100#, 'a#', #.25) ON CONFLICT (id) DO UPDATE SET i = t.i + #, s = 'c#' "
         "WHERE t.i > # RETURNING id, i + # AS n, 'd#' AS tag"),
        "INSERT INTO app.t (id, f) VALUES (200#, 1.5), (300#, -#.5), (400#, 1e1)",
        "UPDATE app.t SET p = #.25, i = i + # WHERE id = # RETURNING i * # AS n",
        "DELETE FROM app.t WHERE id IN (%) AND i > #",
    };
    static const char *const settings[] = { "server.workers=1", NULL };
    fixture f;
    fixture_open(&f, settings, NULL, 0);
    fill_table(&f);
    for (size_t i = 0; i < KDB_ARRAY_LEN(patterns); i++) {
        assert_int_equal(plans_after(&f, patterns[i], 12), 1);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_one_shape_mean_what_each_means_alone),
        cmocka_unit_test(so_they_do_in_the_engine),
        cmocka_unit_test(many_texts_make_one_plan),
    };
    return cmocka_run_group_tests_name("normalise", tests, NULL, NULL);
}
