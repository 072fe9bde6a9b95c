/* engine_test.c - programs against the engine: random expressions over random rows, their types, values and errors.
 * KALAMDB_SEED and KDB_EXPR_COUNT choose others than the usual; a failure prints its seed and statement. */
#include "seed.h"
#include "sentences.h"

#include <stdlib.h>

enum { STATEMENTS = 4000, ROWS_LAST = 50 /* statements that see the same rows */ };

typedef struct tally {
    size_t statements;  /* that the engine runs */
    size_t compiled;    /* of those, here too */
    size_t evaluations; /* rows compared */
    size_t sieved;      /* filters decided for many rows at a time */
    size_t errors;      /* rows that fail in both */
    size_t forgiven;    /* that fail in the engine, and may not here */
    size_t wrong;
    size_t other_text; /* errors of one status and two texts */
} tally;

typedef struct trial {
    rows *rows;
    tally *tally;
    kdb_arena *arena;
    const char *sql;
    uint64_t seed;
    kdb_value params[SENTENCE_PARAMS];
    uint32_t nparams;
    kdb_bound *bound;
    const kdb_expr *expr;
    const kdb_expr_consts *consts;
    kdb_engine_plan *plan;
} trial;

/* ---- dialect ---- */

static kdb_status find_table(KDB_UNUSED void *self, KDB_UNUSED const kdb_table_name *name, KDB_UNUSED bool dml_target,
                             kdb_bind_table *out, KDB_UNUSED kdb_err *err)
{
    *out = (kdb_bind_table){ .columns = rows_columns, .ncolumns = ROWS_COLUMNS };
    return KDB_OK;
}

static bool bind(trial *t)
{
    kdb_stmt *stmt = NULL;
    kdb_err err;
    const kdb_binder binder = { .scan_function = kdb_engine_scan_function(t->rows->conn), .table = find_table };
    if (kdb_dialect_parse(kdb_sv_cstr(t->sql), NULL, t->arena, &stmt, &err) != KDB_OK ||
        kdb_dialect_bind(stmt->as.query, stmt->nparams, &binder, t->arena, &t->bound, &err) != KDB_OK) {
        return false;
    }
    t->nparams = stmt->nparams;
    return t->bound->nextras == 0;
}

static void compile(trial *t, bool filter)
{
    kdb_type types[SENTENCE_PARAMS];
    for (size_t i = 0; i < t->nparams; i++) {
        types[i] = t->params[i].is_null ? kdb_type_of(KDB_TYPE_NULL) : t->params[i].type;
    }
    if (t->bound->single == NULL) {
        return;
    }
    t->expr = kdb_expr_compile(filter ? t->bound->single->where : t->bound->single->targets[0], rows_columns,
                               ROWS_COLUMNS, types, t->nparams, t->arena);
    if (t->expr != NULL && !kdb_expr_params_agree(&t->expr, 1, t->arena)) {
        t->expr = NULL;
    }
}

/* ---- differences ---- */

static void complain(trial *t, const char *what, const char *engine, const char *ours)
{
    t->tally->wrong++;
    if (t->tally->wrong <= 20) {
        print_error("%s (KALAMDB_SEED=%llu)\n  %s\n  engine: %s\n  ours:   %s\n", what, (unsigned long long)t->seed,
                    t->sql, engine, ours);
        for (size_t i = 0; i < t->nparams; i++) {
            print_error("  $%zu = %s %s\n", i + 1, kdb_type_defs[t->params[i].type.kind].sql_name,
                        kdb_sv_dup_cstr(t->arena, kdb_value_to_text(&t->params[i], t->arena)));
        }
    }
}

static const char *shown(const trial *t, const kdb_value *value)
{
    if (value->type.kind == KDB_TYPE_DOUBLE && !value->is_null) {
        return kdb_sv_printf(t->arena, "%a %.17g%c", value->as.f64, value->as.f64, '\0').ptr;
    }
    return kdb_sv_dup_cstr(t->arena, kdb_value_to_text(value, t->arena));
}

static void show_row(const trial *t, size_t row)
{
    bool used[ROWS_COLUMNS] = { false };
    kdb_expr_columns(t->expr, used);
    for (size_t i = 0; i < ROWS_COLUMNS; i++) {
        if (used[i]) {
            print_error("  %s = %s\n", rows_columns[i].name.ptr, shown(t, &t->rows->cells[row][i]));
        }
    }
}

/* NaN has many forms, and only one meaning. */
static bool same(const kdb_value *a, const kdb_value *b)
{
    if (!a->is_null && !b->is_null && a->type.kind == b->type.kind) {
        if (a->type.kind == KDB_TYPE_DOUBLE && a->as.f64 != a->as.f64) {
            return b->as.f64 != b->as.f64;
        }
        if (a->type.kind == KDB_TYPE_FLOAT && a->as.f32 != a->as.f32) {
            return b->as.f32 != b->as.f32;
        }
    }
    return kdb_value_same(a, b);
}

static bool is_forgivable(kdb_status status)
{
    return status == KDB_ARITHMETIC || status == KDB_LIMIT;
}

/* What the engine said of one row, against ours. */
static void compare_row(trial *t, size_t row, kdb_status status, const kdb_value *engine, const kdb_err *engine_err)
{
    kdb_value ours = kdb_value_null(kdb_type_of(KDB_TYPE_NULL));
    kdb_err err;
    const kdb_expr_row face = rows_at(t->rows, row);
    const kdb_status our_status = kdb_expr_eval(t->expr, t->consts, &face, t->arena, &ours, &err);
    t->tally->evaluations++;
    if (our_status == KDB_OK && is_forgivable(status) && kdb_expr_forgives(t->expr)) {
        t->tally->forgiven++;
        return;
    }
    if (our_status != status) {
        complain(t, "one fails and the other does not, or otherwise",
                 status == KDB_OK ? shown(t, engine) : engine_err->text,
                 our_status == KDB_OK ? shown(t, &ours) : err.text);
        show_row(t, row);
        return;
    }
    if (status != KDB_OK) {
        t->tally->errors++;
        t->tally->other_text += strcmp(err.text, engine_err->text) != 0;
        if (getenv("KDB_EXPR_TEXTS") != NULL && strcmp(err.text, engine_err->text) != 0) {
            print_message("%s\n  %s\n  %s\n", t->sql, engine_err->text, err.text);
        }
        return;
    }
    if (!same(&ours, engine)) {
        complain(t, "values differ", shown(t, engine), shown(t, &ours));
        show_row(t, row);
    }
}

/* ---- running ---- */

/* False when a row fails. */
static bool run_all(trial *t, kdb_status *status, kdb_err *err)
{
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    const kdb_chunk *chunk = NULL;
    size_t at = t->rows->first;
    *status = kdb_engine_execute(t->plan, t->params, t->nparams, &t->rows->source, &cursor, err);
    while (*status == KDB_OK) {
        *status = kdb_engine_fetch(cursor, &chunk, err);
        if (*status != KDB_OK || chunk->nrows == 0) {
            break;
        }
        if (at == t->rows->first && !kdb_type_eq(chunk->cols[0].type, kdb_expr_type(t->expr))) {
            complain(t, "types differ", kdb_type_sql_text(chunk->cols[0].type, t->arena).ptr,
                     kdb_type_sql_text(kdb_expr_type(t->expr), t->arena).ptr);
            return true;
        }
        for (size_t i = 0; i < chunk->nrows; i++) {
            const kdb_value value = kdb_vec_get(&chunk->cols[0], i);
            compare_row(t, at++, KDB_OK, &value, NULL);
        }
    }
    return *status == KDB_OK;
}

static void run_row(trial *t, size_t row)
{
    kdb_status status;
    kdb_err err;
    t->rows->first = row;
    t->rows->count = 1;
    if (!run_all(t, &status, &err)) {
        compare_row(t, row, status, NULL, &err);
    }
    t->rows->first = 0;
    t->rows->count = ROWS;
}

static void run_compiled(trial *t)
{
    kdb_err err;
    kdb_err engine_err;
    kdb_status status;
    if (kdb_expr_bind(t->expr, t->params, t->nparams, t->arena, &t->consts, &err) != KDB_OK) {
        if (run_all(t, &status, &engine_err) || status != err.status) {
            complain(t, "binding fails", status == KDB_OK ? "no error" : engine_err.text, err.text);
        }
        return;
    }
    const tally before = *t->tally;
    if (run_all(t, &status, &engine_err)) {
        return;
    }
    *t->tally = before;
    for (size_t row = 0; row < ROWS; row++) {
        run_row(t, row);
    }
}

/* SELECT i FROM t WHERE ..: what the engine makes of a filter is more than of a value. */
static bool run_filter(trial *t, kdb_status *status, kdb_err *err, size_t *out_rows)
{
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    const kdb_chunk *chunk = NULL;
    *out_rows = 0;
    *status = kdb_engine_execute(t->plan, t->params, t->nparams, &t->rows->source, &cursor, err);
    while (*status == KDB_OK) {
        *status = kdb_engine_fetch(cursor, &chunk, err);
        if (*status != KDB_OK || chunk->nrows == 0) {
            break;
        }
        *out_rows += chunk->nrows;
    }
    return *status == KDB_OK;
}

static void compare_filter_row(trial *t, size_t row)
{
    kdb_status status;
    kdb_err engine_err;
    kdb_err err;
    size_t rows_found = 0;
    bool match = false;
    t->rows->first = row;
    t->rows->count = 1;
    (void)run_filter(t, &status, &engine_err, &rows_found);
    t->rows->first = 0;
    t->rows->count = ROWS;
    const kdb_expr_row face = rows_at(t->rows, row);
    const kdb_status ours = kdb_expr_matches(t->expr, t->consts, &face, t->arena, &match, &err);
    t->tally->evaluations++;
    t->tally->errors += ours != KDB_OK;
    if (ours == KDB_OK && is_forgivable(status) && kdb_expr_forgives(t->expr)) {
        t->tally->forgiven++;
        return;
    }
    if (ours != status || (ours == KDB_OK && match != (rows_found == 1))) {
        complain(t, "filters differ", status == KDB_OK ? (rows_found == 1 ? "true" : "not true") : engine_err.text,
                 ours == KDB_OK ? (match ? "true" : "not true") : err.text);
        show_row(t, row);
    }
}

/* ---- rows decided many at a time ---- */

enum { SIEVED = 3 * ROWS }; /* rows, each three times over: more than a word of bits */

/* Columns as they lie decoded; some are not. */
static const kdb_vec **decode_rows(const trial *t, chance *c)
{
    const kdb_vec **columns = KDB_ARENA_ARRAY(t->arena, const kdb_vec *, ROWS_COLUMNS);
    kdb_type types[ROWS_COLUMNS];
    for (size_t i = 0; i < ROWS_COLUMNS; i++) {
        types[i] = rows_columns[i].type;
    }
    kdb_chunk *chunk = kdb_chunk_new_sized(t->arena, types, ROWS_COLUMNS, SIEVED);
    for (size_t i = 0; i < ROWS_COLUMNS; i++) {
        for (size_t row = 0; row < SIEVED; row++) {
            kdb_vec_put(&chunk->cols[i], row, &t->rows->cells[row % ROWS][i]);
        }
        columns[i] = chance_of(c, 8) == 0 ? NULL : &chunk->cols[i];
    }
    return columns;
}

/* What a sieve takes out does not match, and what it leaves does where it says so. */
static void compare_sieve(trial *t, const bool *matches)
{
    chance c = { .state = t->seed };
    uint64_t bits[SIEVED / 64 + 1];
    const kdb_vec **columns = decode_rows(t, &c);
    const size_t from = chance_of(&c, SIEVED), to = from + chance_of(&c, (uint32_t)(SIEVED - from)) + 1;
    memset(bits, 0xFF, sizeof(bits));
    const bool decided = kdb_expr_sieve(t->expr, t->consts, columns, from, to, bits);
    for (size_t row = from; row < to; row++) {
        const bool left = (bits[row >> 6] >> (row & 63) & 1) != 0;
        if ((matches[row % ROWS] && !left) || (decided && left != matches[row % ROWS])) {
            complain(t, "the sieve differs", matches[row % ROWS] ? "true" : "not true", left ? "left in" : "taken out");
            show_row(t, row % ROWS);
        }
    }
    t->tally->sieved += decided;
}

/* All rows at once; one by one only when the numbers of rows differ, or one fails. */
static void run_compiled_filter(trial *t)
{
    kdb_err err;
    kdb_status status;
    size_t found = 0;
    size_t matched = 0;
    bool failed = false;
    bool matches[ROWS] = { false };
    if (kdb_expr_bind(t->expr, t->params, t->nparams, t->arena, &t->consts, &err) != KDB_OK) {
        return;
    }
    for (size_t row = 0; row < ROWS && !failed; row++) {
        const kdb_expr_row face = rows_at(t->rows, row);
        failed = kdb_expr_matches(t->expr, t->consts, &face, t->arena, &matches[row], &err) != KDB_OK;
        matched += matches[row];
    }
    if (!failed) {
        compare_sieve(t, matches);
    }
    if (run_filter(t, &status, &err, &found) && !failed && found == matched) {
        t->tally->evaluations += ROWS;
        return;
    }
    for (size_t row = 0; row < ROWS; row++) {
        compare_filter_row(t, row);
    }
}

static void try_one(rows *r, tally *sum, uint64_t seed)
{
    chance c = { .state = seed };
    kdb_buf sql;
    kdb_err err;
    kdb_buf_init(&sql, 0);
    sentence s = { .out = &sql, .chance = &c };
    const bool filter = seed % 4 == 0;
    if (filter) {
        kdb_buf_append_lit(&sql, "SELECT i FROM t WHERE ");
        sentence_truth(&s);
    } else {
        kdb_buf_append_lit(&sql, "SELECT ");
        sentence_any(&s);
        kdb_buf_append_lit(&sql, " FROM t");
    }
    trial t = { .rows = r, .tally = sum, .arena = r->arena, .seed = seed };
    t.sql = kdb_sv_dup_cstr(r->arena, kdb_buf_sv(&sql));
    memcpy(t.params, s.params, sizeof(t.params));
    kdb_buf_done(&sql);
    if (!bind(&t)) {
        return;
    }
    compile(&t, filter);
    const kdb_status status = kdb_engine_prepare(r->conn, t.bound->sql, &r->scan, 1, &t.plan, &err);
    if (status == KDB_OK) {
        sum->statements++;
        sum->compiled += t.expr != NULL;
    } else if (t.expr != NULL) {
        complain(&t, "the engine refuses it", err.text, "compiled");
    }
    if (status == KDB_OK && t.expr != NULL && filter) {
        run_compiled_filter(&t);
    } else if (status == KDB_OK && t.expr != NULL) {
        run_compiled(&t);
    } else if (status == KDB_OK && getenv("KDB_EXPR_REFUSED") != NULL) {
        print_message("%s\n", t.sql);
    }
    kdb_engine_plan_free(t.plan);
    kdb_arena_reset(r->arena);
}

static uint64_t setting(const char *name, uint64_t usual)
{
    const char *text = getenv(name);
    return text == NULL ? usual : strtoull(text, NULL, 10);
}

/* Lower and upper case of every character, and the characters that trim() takes away. */
static void characters_fold_as_in_the_engine(void **state)
{
    (void)state;
    rows *r = rows_open();
    trial t = { .rows = r, .arena = r->arena };
    tally sum = { 0 };
    t.tally = &sum;
    static const char *const statements[] = { "SELECT lower(t) FROM t", "SELECT upper(t) FROM t",
                                              "SELECT trim(t) FROM t", "SELECT ascii(t) FROM t",
                                              "SELECT (t ILIKE lower(t)) FROM t" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(statements); i++) {
        kdb_err err;
        t.sql = statements[i];
        assert_true(bind(&t));
        compile(&t, false);
        assert_non_null(t.expr);
        assert_int_equal(kdb_expr_bind(t.expr, NULL, 0, r->arena, &t.consts, &err), KDB_OK);
        assert_int_equal(kdb_engine_prepare(r->conn, t.bound->sql, &r->scan, 1, &t.plan, &err), KDB_OK);
        kdb_arena *kept = r->arena;
        for (uint32_t first = 1; first < 0x110000; first += ROWS * ROWS_CHARACTERS) {
            t.arena = kdb_arena_new(0);
            kdb_status status;
            rows_fill_characters(r, first, t.arena);
            assert_true(run_all(&t, &status, &err));
            kdb_arena_free(t.arena);
        }
        t.arena = kept;
        kdb_engine_plan_free(t.plan);
    }
    rows_close(r);
    assert_int_equal(sum.wrong, 0);
}

static void programs_compute_what_the_engine_does(void **state)
{
    (void)state;
    rows *r = rows_open();
    tally sum = { 0 };
    const uint64_t first = test_seed();
    const uint64_t count = setting("KDB_EXPR_COUNT", STATEMENTS);
    for (uint64_t seed = first; seed < first + count; seed++) {
        if (seed == first || seed % ROWS_LAST == 0) {
            chance c = { .state = seed / ROWS_LAST };
            rows_fill(r, &c);
        }
        try_one(r, &sum, seed);
    }
    rows_close(r);
    print_message("%zu statements, %zu compiled, %zu evaluations, %zu errors, %zu forgiven, %zu of other text, %zu "
                  "sieved\n",
                  sum.statements, sum.compiled, sum.evaluations, sum.errors, sum.forgiven, sum.other_text, sum.sieved);
    assert_int_equal(sum.wrong, 0);
    if (count == STATEMENTS) {
        assert_true(sum.compiled * 2 > sum.statements);
        assert_true(sum.evaluations >= 100000 || sum.compiled == 0);
        assert_true(sum.sieved > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_fold_as_in_the_engine),
        cmocka_unit_test(programs_compute_what_the_engine_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
