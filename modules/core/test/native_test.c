/* native_test.c - two executors, one meaning: random statements over one table, run natively, in a lane and by the engine, give the
 * same rows, columns and errors. And what the native executor is for is run by it. */
#include "core_fixture.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

enum { COMPARED = 20000, RUNS_PER_TEXT = 10, ROWS = 150, PARAMS_MAX = 8 };

typedef struct generator {
    uint64_t state;
    kdb_buf sql;
    char kinds[PARAMS_MAX]; /* of the parameters in the text: i, t, d */
    size_t nparams;
} generator;

static uint64_t next_random(generator *g)
{
    g->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = g->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static size_t below(generator *g, size_t bound)
{
    return (size_t)(next_random(g) % bound);
}

static void put(generator *g, const char *text)
{
    kdb_buf_append_sv(&g->sql, kdb_sv_cstr(text));
}

static const char *pick(generator *g, const char *const *texts)
{
    size_t count = 0;
    while (texts[count] != NULL) {
        count++;
    }
    return texts[below(g, count)];
}

/* ---- the tables ---- */

typedef struct table {
    const char *name;
    const char *ddl;
    const char *unique; /* an ORDER BY that leaves nothing open */
    bool has_deleted;
} table;

#define COLUMNS                                                                                                        \
    "a INT NOT NULL, b TEXT NOT NULL, c BIGINT, f DOUBLE, d DECIMAL(10,2), ok BOOLEAN, ts TIMESTAMP, day DATE, s "     \
    "SMALLINT, t TEXT"

static const table tables[] = {
    { "n.two", "CREATE TABLE n.two (" COLUMNS ", PRIMARY KEY (a, b)) WITH (TYPE = 'USER')", "a, b", true },
    { "n.one",
      "CREATE TABLE n.one (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), " COLUMNS ") WITH (TYPE = 'SHARED', "
      "ACCESS_LEVEL = 'PUBLIC')",
      "id", true },
    { "n.none", "CREATE TABLE n.none (" COLUMNS ") WITH (TYPE = 'USER')", "_seq", true },
    { "n.stream", "CREATE TABLE n.stream (" COLUMNS ") WITH (TYPE = 'STREAM', TTL_SECONDS = 100000)", "_seq", false },
};

static const char *const words[] = {
    "''", "'a'", "'b'", "'ab'", "'B_b'", "'\xC3\xA9t\xC3\xA9'", "'zz%'", "'10'", NULL
};

static void put_cell(generator *g, const char *format, size_t bound)
{
    if (below(g, 6) == 0) {
        put(g, ", NULL");
        return;
    }
    kdb_buf_append_lit(&g->sql, ", ");
    char text[64];
    (void)snprintf(text, sizeof text, format, (int)below(g, bound) - (int)bound / 4, (int)below(g, 10));
    put(g, text);
}

static void fill(fixture *f, generator *g, const table *t, const char *user, int first)
{
    for (int i = 0; i < ROWS; i++) {
        g->sql.len = 0;
        kdb_buf_printf(&g->sql, "INSERT INTO %s (a, b, c, f, d, ok, ts, day, s, t) VALUES (%d, 'k%d'", t->name,
                       (i + first) / 5, i);
        put_cell(g, "%d", 40);
        put_cell(g, "%d.%d", 40);
        put_cell(g, "%d.%d", 400);
        put(g, pick(g, (const char *const[]){ ", true", ", false", ", NULL", NULL }));
        put_cell(g, "%d000000", 200000);
        put_cell(g, "%d", 20000);
        put_cell(g, "%d", 100);
        put(g, ", ");
        put(g, below(g, 6) == 0 ? "NULL" : pick(g, words));
        put(g, ")");
        kdb_buf_append_byte(&g->sql, 0);
        answer a = run(f, user, g->sql.ptr);
        assert_int_equal(a.status, KDB_OK);
        answer_done(&a);
    }
}

static void make_tables(fixture *f, generator *g)
{
    expect(f, "root", "CREATE NAMESPACE n", "[0 Namespace 'n' created successfully]\n");
    for (size_t i = 0; i < KDB_ARRAY_LEN(tables); i++) {
        answer made = run(f, "root", tables[i].ddl);
        assert_int_equal(made.status, KDB_OK);
        answer_done(&made);
        fill(f, g, &tables[i], i == 1 ? "svc" : "alice", 0);
        fill(f, g, &tables[i], i == 1 ? "svc" : "bob", 300);
        if (tables[i].has_deleted) {
            char sql[128];
            (void)snprintf(sql, sizeof sql, "DELETE FROM %s WHERE c %% 7 = 3", tables[i].name);
            answer deleted = run(f, i == 1 ? "svc" : "alice", sql);
            assert_int_equal(deleted.status, KDB_OK);
            answer_done(&deleted);
        }
    }
}

/* ---- expressions ---- */

static void put_number(generator *g, int depth);
static void put_text(generator *g, int depth);

static void put_param(generator *g, char kind, const char *otherwise)
{
    if (g->nparams == PARAMS_MAX || below(g, 3) == 0) {
        put(g, otherwise);
        return;
    }
    g->kinds[g->nparams++] = kind;
    kdb_buf_printf(&g->sql, "$%zu", g->nparams);
}

static const char *const integers[] = { "0", "1", "-1", "7", "12", "29", "3000000000", NULL };

static void put_integer_literal(generator *g)
{
    put_param(g, 'i', pick(g, integers));
}

static void put_condition(generator *g, int depth)
{
    static const char *const compare[] = { " = ", " <> ", " < ", " <= ", " > ", " >= ", NULL };
    static const char *const number_columns[] = { "a", "c", "a", "s", "d", "f", NULL };
    switch (below(g, depth > 0 ? 13 : 8)) {
    case 0:
    case 1:
        put(g, pick(g, number_columns));
        put(g, pick(g, compare));
        put_integer_literal(g);
        return;
    case 2:
        put(g, pick(g, (const char *const[]){ "t", "b", NULL }));
        put(g, pick(g, compare));
        put_param(g, 't', pick(g, words));
        return;
    case 3:
        put(g, pick(g, (const char *const[]){ "c", "t", "ok", "ts", "d", NULL }));
        put(g, below(g, 2) == 0 ? " IS NULL" : " IS NOT NULL");
        return;
    case 4:
        put(g, pick(g, number_columns));
        put(g, below(g, 3) == 0 ? " NOT IN (" : " IN (");
        put_integer_literal(g);
        put(g, ", 5, ");
        put(g, pick(g, integers));
        put(g, ")");
        return;
    case 5:
        put(g, pick(g, number_columns));
        put(g, " BETWEEN ");
        put_integer_literal(g);
        put(g, " AND 20");
        return;
    case 6:
        put(g, pick(g, (const char *const[]){ "t", "b", NULL }));
        put(g, pick(g, (const char *const[]){ " LIKE ", " NOT LIKE ", " ILIKE ", NULL }));
        put(g, pick(g, (const char *const[]){ "'%b%'", "'a_'", "'%'", "''", "'B\\_%'", "'k1%'", NULL }));
        return;
    case 7:
        put(g, pick(g, (const char *const[]){ "ok", "NOT ok", "ok IS TRUE", "ts < TIMESTAMP '1970-01-02'",
                                              "day >= DATE '1990-01-01'", "_deleted", "_seq > 0", NULL }));
        return;
    case 8:
        put_number(g, depth - 1);
        put(g, pick(g, compare));
        put_number(g, depth - 1);
        return;
    case 9:
        put_text(g, depth - 1);
        put(g, pick(g, (const char *const[]){ " = ", " < ", " IS DISTINCT FROM ", NULL }));
        put_text(g, depth - 1);
        return;
    default:
        put(g, below(g, 4) == 0 ? "NOT (" : "(");
        put_condition(g, depth - 1);
        put(g, below(g, 3) == 0 ? " OR " : " AND ");
        put_condition(g, depth - 1);
        put(g, ")");
        return;
    }
}

static void put_number(generator *g, int depth)
{
    switch (below(g, depth > 0 ? 8 : 3)) {
    case 0:
        put(g, pick(g, (const char *const[]){ "a", "c", "s", "f", "d", NULL }));
        return;
    case 1:
        put(g, pick(g, (const char *const[]){ "a", "c", NULL }));
        return;
    case 2:
        put(g, pick(g, integers));
        return;
    case 3:
    case 4:
        put(g, "(");
        put_number(g, depth - 1);
        put(g, pick(g, (const char *const[]){ " + ", " - ", " * ", " / ", " % ", NULL }));
        put_number(g, depth - 1);
        put(g, ")");
        return;
    case 5:
        put(g, "COALESCE(");
        put_number(g, depth - 1);
        put(g, ", 3)");
        return;
    case 6:
        put(g, "CASE WHEN ");
        put_condition(g, depth - 1);
        put(g, " THEN ");
        put_number(g, depth - 1);
        put(g, " ELSE ");
        put_number(g, depth - 1);
        put(g, " END");
        return;
    default:
        put(g, pick(g, (const char *const[]){ "abs(", "CAST(", NULL }));
        const bool cast = g->sql.ptr[g->sql.len - 2] == 'T';
        put_number(g, depth - 1);
        put(g, cast ? " AS DOUBLE)" : ")");
        return;
    }
}

static void put_text(generator *g, int depth)
{
    switch (below(g, depth > 0 ? 5 : 2)) {
    case 0:
        put(g, pick(g, (const char *const[]){ "t", "b", NULL }));
        return;
    case 1:
        put(g, pick(g, words));
        return;
    case 2:
        put(g, pick(g, (const char *const[]){ "lower(", "upper(", "trim(", NULL }));
        put_text(g, depth - 1);
        put(g, ")");
        return;
    default:
        put(g, "(");
        put_text(g, depth - 1);
        put(g, " || ");
        put_text(g, depth - 1);
        put(g, ")");
        return;
    }
}

/* ---- statements ---- */

static void put_targets(generator *g)
{
    switch (below(g, 6)) {
    case 0:
        put(g, "*");
        return;
    case 1:
        put(g, "count(*)");
        return;
    case 2:
        put(g, "b, _seq");
        return;
    case 3:
        put(g, "t, c, a AS x, d, f, ts, day, ok");
        return;
    default:
        put(g, "a, ");
        put_number(g, 2);
        put(g, " AS y, ");
        put_text(g, 1);
        return;
    }
}

/* Without LIMIT rows with equal sort keys may come in any order, so the order is always whole. */
static void put_order(generator *g, const table *t)
{
    static const char *const first[] = { "c", "f", "t", "ts", "d", "a", "ok", "s + a", "_seq", NULL };
    put(g, " ORDER BY ");
    if (below(g, 2) == 0) {
        put(g, pick(g, first));
        put(g, pick(g, (const char *const[]){ "", " DESC", " NULLS FIRST", " DESC NULLS LAST", " ASC", NULL }));
        put(g, ", ");
    }
    put(g, t->unique);
    put(g, below(g, 2) == 0 ? " DESC" : "");
}

static void put_statement(generator *g)
{
    const table *t = &tables[below(g, KDB_ARRAY_LEN(tables))];
    g->sql.len = 0;
    g->nparams = 0;
    put(g, "SELECT ");
    const size_t from = g->sql.len;
    put_targets(g);
    const bool count = memcmp(g->sql.ptr + from, "count", 5) == 0;
    put(g, " FROM ");
    put(g, t->name);
    if (below(g, 5) != 0) {
        put(g, " WHERE ");
        put_condition(g, 2);
    }
    if (!count && below(g, 3) != 0) {
        put_order(g, t);
    }
    if (!count && below(g, 2) == 0) {
        kdb_buf_printf(&g->sql, " LIMIT %zu", below(g, 40));
        if (below(g, 3) == 0) {
            kdb_buf_printf(&g->sql, " OFFSET %zu", below(g, 10));
        }
    }
    kdb_buf_append_byte(&g->sql, 0);
}

static void make_params(generator *g, kdb_value *params)
{
    static const char *const texts[] = { "", "a", "b", "ab", "k12", NULL };
    for (size_t i = 0; i < g->nparams; i++) {
        if (below(g, 12) == 0) {
            params[i] = kdb_value_null(kdb_type_of(KDB_TYPE_NULL));
        } else if (g->kinds[i] == 't') {
            params[i] = kdb_value_text(kdb_sv_cstr(pick(g, texts)));
        } else {
            params[i] = below(g, 8) == 0 ? kdb_value_double((double)below(g, 9) / 2)
                                         : kdb_value_bigint((int64_t)below(g, 40) - 5);
        }
    }
}

/* ---- the comparison ---- */

typedef struct tally {
    size_t texts, native_texts, compared, laned, failed, forgiven;
} tally;

/* Whether a part fails that something else decides without, the engine notices or not (kdb_expr_forgives): few statements are
 * so, and of those that succeed here nothing is known. */
static void compare(const generator *g, const char *what, const answer *got, const answer *want, tally *count)
{
    if (got->status == KDB_OK && want->status == KDB_ARITHMETIC) {
        count->forgiven++;
        return;
    }
    const bool same =
        got->status == want->status &&
        (want->status != KDB_OK || (strcmp(got->text, want->text) == 0 && strcmp(got->columns, want->columns) == 0));
    if (!same) {
        fail_msg("%s differs\n%s\n-- %s\n%s\n%s\n-- engine\n%s\n%s", what, g->sql.ptr, what, got->columns, got->text,
                 want->columns, want->text);
    }
}

static void compare_ways(fixture *f, kdb_core_lane *lane, const generator *g, const kdb_value *params,
                         const answer *native, tally *count)
{
    bool in_lane = false;
    answer laned = run_in_lane(f, lane, "alice", g->sql.ptr, params, g->nparams, &in_lane);
    kdbi_hot_cache *kept = f->core->hot;
    f->core->use_native = false;
    f->core->hot = kdbi_hot_cache_new(f->core->sequencer, 0); /* the engine reads the store */
    answer engine = run_as(f, "alice", KDB_ROLE_USER, g->sql.ptr, params, g->nparams);
    f->core->use_native = true;
    kdbi_hot_cache_free(f->core->hot);
    f->core->hot = kept;
    /* A LIMIT may end a walk before the row whose value fails: which rows are looked at is nobody's promise. */
    const bool cut = strstr(g->sql.ptr, " LIMIT ") != NULL && (native->status != KDB_OK) != (engine.status != KDB_OK);
    if (!cut) {
        compare(g, "native", native, &engine, count);
        compare(g, "lane", &laned, &engine, count);
    }
    count->compared++;
    count->laned += in_lane;
    count->failed += engine.status != KDB_OK;
    answer_done(&laned);
    answer_done(&engine);
}

/* False: the native executor leaves the statement to the engine, so that there is nothing to compare. */
static bool run_once(fixture *f, kdb_core_lane *lane, generator *g, tally *count)
{
    kdb_value params[PARAMS_MAX];
    kdb_core_stats before, after;
    make_params(g, params);
    kdb_core_stats_get(f->core, &before);
    answer native = run_as(f, "alice", KDB_ROLE_USER, g->sql.ptr, params, g->nparams);
    kdb_core_stats_get(f->core, &after);
    const bool ran = after.native > before.native;
    if (ran) {
        compare_ways(f, lane, g, params, &native, count);
    }
    answer_done(&native);
    return ran;
}

static void run_text(fixture *f, kdb_core_lane *lane, generator *g, tally *count)
{
    const size_t before = count->compared;
    for (size_t i = 0; i < RUNS_PER_TEXT && run_once(f, lane, g, count); i++) {}
    count->texts++;
    count->native_texts += count->compared > before;
}

static void random_statements_agree(void **state)
{
    (void)state;
    generator g = { .state = test_seed() };
    kdb_buf_init(&g.sql, 0);
    fixture f;
    static const char *const settings[] = { "server.workers=1", NULL }; /* each prepares the texts it meets */
    fixture_open(&f, settings, NULL, 0);
    make_tables(&f, &g);
    kdb_core_lane *lane = kdb_core_lane_new(f.core);
    tally count = { 0 };
    while (count.compared < COMPARED) {
        put_statement(&g);
        run_text(&f, lane, &g, &count);
    }
    print_message("%zu executions compared, %zu of them also in a lane, %zu failed alike; %zu of %zu texts native\n",
                  count.compared, count.laned, count.failed, count.native_texts, count.texts);
    assert_true(count.native_texts > count.texts / 4);
    assert_true(count.laned > COMPARED / 50);
    assert_true(count.forgiven < COMPARED / 100);
    assert_true(count.failed < COMPARED / 3);
    kdb_core_lane_free(lane);
    fixture_close(&f);
    kdb_buf_done(&g.sql);
}

int main(void)
{
    const struct CMUnitTest cases[] = { cmocka_unit_test(random_statements_agree) };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
