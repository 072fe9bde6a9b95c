/* program_test.c - programs as their callers use them: compiled, bound, run over rows. What they compute is compared with
 * the engine in engine_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* Those above come first: cmocka.h needs them. */
#include <cmocka.h>

#include "kdb/expr.h"

enum { COL_SMALL, COL_INT, COL_BIG, COL_TEXT, COL_JSON, NCOLUMNS };

static const kdb_field columns[NCOLUMNS] = {
    { { "s", 1 }, { KDB_TYPE_SMALLINT, 0, 0, 0 } }, { { "i", 1 }, { KDB_TYPE_INT, 0, 0, 0 } },
    { { "b", 1 }, { KDB_TYPE_BIGINT, 0, 0, 0 } },   { { "t", 1 }, { KDB_TYPE_TEXT, 0, 0, 0 } },
    { { "j", 1 }, { KDB_TYPE_JSON, 0, 0, 0 } },
};

static kdb_arena *arena;

static int up(void **state)
{
    (void)state;
    arena = kdb_arena_new(0);
    return 0;
}

static int down(void **state)
{
    (void)state;
    kdb_arena_free(arena);
    return 0;
}

/* ---- trees ---- */

static kdb_node *node(kdb_node_kind kind, size_t nargs, ...)
{
    kdb_node *made = KDB_ARENA_NEW(arena, kdb_node);
    *made = (kdb_node){ .kind = kind, .position = -1, .nargs = nargs };
    made->args = KDB_ARENA_ARRAY(arena, kdb_node *, nargs + 1);
    va_list args;
    va_start(args, nargs);
    for (size_t i = 0; i < nargs; i++) {
        made->args[i] = va_arg(args, kdb_node *);
    }
    va_end(args);
    return made;
}

static kdb_node *column(uint32_t index)
{
    kdb_node *made = node(KDB_NODE_COLUMN, 0);
    made->column = index;
    return made;
}

static kdb_node *param(uint32_t number)
{
    kdb_node *made = node(KDB_NODE_PARAM, 0);
    made->param = number;
    return made;
}

static kdb_node *number(int32_t value)
{
    kdb_node *made = node(KDB_NODE_LITERAL, 0);
    made->value = kdb_value_int(value);
    return made;
}

static kdb_value value_at(void *self, uint32_t index)
{
    return ((const kdb_value *)self)[index];
}

static kdb_value row_values[NCOLUMNS];

static const kdb_expr_row *row_of(int16_t s, int32_t i, int64_t b, const char *t)
{
    static const kdb_expr_row row = { .self = row_values, .column = value_at };
    row_values[COL_SMALL] = (kdb_value){ .type = columns[COL_SMALL].type, .as.i16 = s };
    row_values[COL_INT] = kdb_value_int(i);
    row_values[COL_BIG] = kdb_value_bigint(b);
    row_values[COL_TEXT] = t == NULL ? kdb_value_null(columns[COL_TEXT].type) : kdb_value_text(kdb_sv_cstr(t));
    row_values[COL_JSON] = kdb_value_null(columns[COL_JSON].type);
    return &row;
}

static const kdb_expr *compiled(const kdb_node *tree, const kdb_type *params, size_t nparams)
{
    return kdb_expr_compile(tree, columns, NCOLUMNS, params, nparams, arena);
}

/* ---- cases ---- */

static void a_filter_matches_only_rows_it_is_true_for(void **state)
{
    (void)state;
    const kdb_type params[] = { kdb_type_of(KDB_TYPE_BIGINT), kdb_type_of(KDB_TYPE_TEXT) };
    const kdb_value values[] = { kdb_value_bigint(7), kdb_value_text(KDB_SV("m")) };
    const kdb_node *tree = node(KDB_NODE_AND, 2, node(KDB_NODE_EQ, 2, column(COL_BIG), param(1)),
                                node(KDB_NODE_LT, 2, column(COL_TEXT), param(2)));
    const kdb_expr *expr = compiled(tree, params, 2);
    assert_non_null(expr);
    const kdb_expr_consts *consts;
    kdb_err err;
    bool matches = false;
    assert_int_equal(kdb_expr_bind(expr, values, 2, arena, &consts, &err), KDB_OK);
    assert_int_equal(kdb_expr_matches(expr, consts, row_of(0, 0, 7, "a"), arena, &matches, &err), KDB_OK);
    assert_true(matches);
    assert_int_equal(kdb_expr_matches(expr, consts, row_of(0, 0, 7, "z"), arena, &matches, &err), KDB_OK);
    assert_false(matches);
    assert_int_equal(kdb_expr_matches(expr, consts, row_of(0, 0, 8, "a"), arena, &matches, &err), KDB_OK);
    assert_false(matches);
    assert_int_equal(kdb_expr_matches(expr, consts, row_of(0, 0, 7, NULL), arena, &matches, &err), KDB_OK);
    assert_false(matches);
}

static void overflow_is_an_error_of_the_row(void **state)
{
    (void)state;
    const kdb_expr *expr = compiled(node(KDB_NODE_ADD, 2, column(COL_INT), number(1)), NULL, 0);
    assert_non_null(expr);
    assert_int_equal(kdb_expr_type(expr).kind, KDB_TYPE_INT);
    assert_true(kdb_expr_can_fail(expr));
    const kdb_expr_consts *consts;
    kdb_err err;
    kdb_value value;
    assert_int_equal(kdb_expr_bind(expr, NULL, 0, arena, &consts, &err), KDB_OK);
    assert_int_equal(kdb_expr_eval(expr, consts, row_of(0, 41, 0, ""), arena, &value, &err), KDB_OK);
    assert_int_equal(value.as.i32, 42);
    assert_int_equal(kdb_expr_eval(expr, consts, row_of(0, INT32_MAX, 0, ""), arena, &value, &err), KDB_ARITHMETIC);
    assert_string_equal(err.text, "Overflow in addition of INT (2147483647 + 1)!");
}

static void a_parameter_that_does_not_convert_is_named(void **state)
{
    (void)state;
    const kdb_type params[] = { kdb_type_of(KDB_TYPE_TEXT) };
    const kdb_value good = kdb_value_text(KDB_SV("5"));
    const kdb_value bad = kdb_value_text(KDB_SV("five"));
    const kdb_expr *expr = compiled(node(KDB_NODE_EQ, 2, column(COL_INT), param(1)), params, 1);
    assert_non_null(expr);
    const kdb_expr_consts *consts;
    kdb_err err;
    bool matches = false;
    assert_int_equal(kdb_expr_bind(expr, &bad, 1, arena, &consts, &err), KDB_PARAMETER);
    assert_true(kdb_sv_has_prefix(kdb_sv_cstr(err.text), KDB_SV("$1: ")));
    assert_int_equal(kdb_expr_bind(expr, &good, 1, arena, &consts, &err), KDB_OK);
    assert_int_equal(kdb_expr_matches(expr, consts, row_of(0, 5, 0, ""), arena, &matches, &err), KDB_OK);
    assert_true(matches);
}

static kdb_status asked(const kdb_node *tree, const kdb_expr_row *row, bool *out)
{
    const kdb_expr *expr = compiled(tree, NULL, 0);
    const kdb_expr_consts *consts = NULL;
    kdb_err err;
    assert_non_null(expr);
    assert_int_equal(kdb_expr_bind(expr, NULL, 0, arena, &consts, &err), KDB_OK);
    return kdb_expr_matches(expr, consts, row, arena, out, &err);
}

static void an_error_beside_what_decides_is_none(void **state)
{
    (void)state;
    kdb_node *divides = node(KDB_NODE_GT, 2, node(KDB_NODE_DIV, 2, number(10), column(COL_INT)), number(1));
    kdb_node *is_other = node(KDB_NODE_NE, 2, column(COL_INT), number(0));
    kdb_node *is_zero = node(KDB_NODE_EQ, 2, column(COL_INT), number(0));
    kdb_node *null = node(KDB_NODE_EQ, 2, column(COL_BIG), node(KDB_NODE_LITERAL, 0));
    null->args[1]->value = kdb_value_null(kdb_type_of(KDB_TYPE_NULL));
    bool matches = true;
    /* either way round */
    assert_int_equal(asked(node(KDB_NODE_AND, 2, is_other, divides), row_of(0, 0, 0, ""), &matches), KDB_OK);
    assert_false(matches);
    assert_int_equal(asked(node(KDB_NODE_AND, 2, divides, is_other), row_of(0, 0, 0, ""), &matches), KDB_OK);
    assert_false(matches);
    assert_int_equal(asked(node(KDB_NODE_OR, 2, divides, is_zero), row_of(0, 0, 0, ""), &matches), KDB_OK);
    assert_true(matches);
    /* a NULL decides an AND of WHERE, and no OR */
    assert_int_equal(asked(node(KDB_NODE_AND, 2, divides, null), row_of(0, 0, 0, ""), &matches), KDB_OK);
    assert_false(matches);
    assert_int_equal(asked(node(KDB_NODE_OR, 2, divides, null), row_of(0, 0, 0, ""), &matches), KDB_ARITHMETIC);
    /* nothing decides */
    assert_int_equal(asked(node(KDB_NODE_AND, 2, divides, is_zero), row_of(0, 0, 0, ""), &matches), KDB_ARITHMETIC);
    assert_int_equal(asked(node(KDB_NODE_AND, 2, divides, is_other), row_of(0, 4, 0, ""), &matches), KDB_OK);
    assert_true(matches);
    assert_true(kdb_expr_forgives(compiled(node(KDB_NODE_AND, 2, divides, is_other), NULL, 0)));
    assert_false(kdb_expr_forgives(compiled(divides->args[0], NULL, 0)));
    assert_false(kdb_expr_forgives(compiled(is_other, NULL, 0)));
}

static void sums_beside_a_constant_have_no_end(void **state)
{
    (void)state;
    kdb_node *sum = node(KDB_NODE_ADD, 2, column(COL_INT), number(1));
    bool matches = false;
    assert_int_equal(asked(node(KDB_NODE_GT, 2, sum, number(5)), row_of(0, INT32_MAX, 0, ""), &matches), KDB_OK);
    assert_true(matches);
    assert_int_equal(asked(node(KDB_NODE_LT, 2, sum, number(5)), row_of(0, INT32_MAX, 0, ""), &matches), KDB_OK);
    assert_false(matches);
    assert_int_equal(asked(node(KDB_NODE_GT, 2, sum, column(COL_BIG)), row_of(0, INT32_MAX, 5, ""), &matches),
                     KDB_ARITHMETIC);
}

static void statements_whose_parameters_disagree_are_left_to_the_engine(void **state)
{
    (void)state;
    const kdb_type params[] = { kdb_type_of(KDB_TYPE_TEXT) };
    const kdb_expr *as_int = compiled(node(KDB_NODE_EQ, 2, column(COL_INT), param(1)), params, 1);
    const kdb_expr *as_text = compiled(node(KDB_NODE_EQ, 2, column(COL_TEXT), param(1)), params, 1);
    const kdb_expr *const apart[] = { as_int, as_text };
    const kdb_expr *const alike[] = { as_int, as_int };
    assert_false(kdb_expr_params_agree(apart, 2, arena));
    assert_true(kdb_expr_params_agree(alike, 2, arena));
}

static void a_bare_column_keeps_its_type(void **state)
{
    (void)state;
    const kdb_expr *expr = compiled(column(COL_JSON), NULL, 0);
    bool used[NCOLUMNS] = { false };
    assert_int_equal(kdb_expr_column(expr), COL_JSON);
    assert_int_equal(kdb_expr_type(expr).kind, KDB_TYPE_JSON);
    kdb_expr_columns(expr, used);
    assert_true(used[COL_JSON]);
    assert_false(used[COL_TEXT]);
    const kdb_expr *computed = compiled(node(KDB_NODE_ADD, 2, column(COL_SMALL), column(COL_BIG)), NULL, 0);
    assert_int_equal(kdb_expr_column(computed), -1);
    assert_int_equal(kdb_expr_type(computed).kind, KDB_TYPE_BIGINT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_filter_matches_only_rows_it_is_true_for),
        TEST(overflow_is_an_error_of_the_row),
        TEST(a_parameter_that_does_not_convert_is_named),
        TEST(an_error_beside_what_decides_is_none),
        TEST(sums_beside_a_constant_have_no_end),
        TEST(statements_whose_parameters_disagree_are_left_to_the_engine),
        TEST(a_bare_column_keeps_its_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
