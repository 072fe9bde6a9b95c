/* key_set_test.c - the keys found from predicates hold every row that meets them, and few others: against a filter that
 * looks at values only, over random tables, rows and predicates of mixed types. */
#include "fixture.h"

enum { ROUNDS = 20000, NROWS = 40 };

/* ---- helpers ---- */

static kdb_value smallint(int16_t v)
{
    kdb_value value = kdb_value_null(kdb_type_of(KDB_TYPE_SMALLINT));
    value.is_null = false;
    value.as.i16 = v;
    return value;
}

static kdb_value decimal(kdb_i128 unscaled, uint8_t scale)
{
    kdb_value value = kdb_value_null((kdb_type){ .kind = KDB_TYPE_DECIMAL, .precision = 38, .scale = scale });
    value.is_null = false;
    value.as.i128 = unscaled;
    return value;
}

static kdb_value date(int32_t days)
{
    kdb_value value = kdb_value_null(kdb_type_of(KDB_TYPE_DATE));
    value.is_null = false;
    value.as.i32 = days;
    return value;
}

static kdb_value text(const char *v)
{
    return kdb_value_text(kdb_sv_cstr(v));
}

static kdb_pred pred(kdb_arena *arena, uint32_t column, kdb_pred_op op, const kdb_value *values, size_t count)
{
    kdb_pred_operand *operands = KDB_ARENA_ARRAY(arena, kdb_pred_operand, count);
    for (size_t i = 0; i < count; i++) {
        operands[i].literal = values[i];
    }
    return (kdb_pred){ column, op, operands, count };
}

static kdb_key_set key_set(const kdb_table *table, kdb_arena *arena, const kdb_pred *preds, size_t npreds)
{
    kdb_key_set set;
    kdb_table_key_set(table, fixture_user("u"), preds, npreds, NULL, 0, arena, &set);
    return set;
}

static bool holds(const kdb_key_set *set, kdb_sv key)
{
    if (!set->points) {
        return kdb_sv_cmp(key, set->from) >= 0 && (set->to.len == 0 || kdb_sv_cmp(key, set->to) < 0);
    }
    for (size_t i = 0; i < set->nkeys; i++) {
        if (kdb_sv_eq(set->keys[i], key)) {
            return true;
        }
    }
    return false;
}

static void assert_well_formed(const kdb_key_set *set)
{
    for (size_t i = 1; set->points && i < set->nkeys; i++) {
        assert_true(kdb_sv_cmp(set->keys[i - 1], set->keys[i]) < 0);
    }
    if (!set->points && set->to.len != 0) {
        assert_true(kdb_sv_cmp(set->from, set->to) < 0);
    }
}

static bool is_empty(const kdb_key_set *set)
{
    return set->points && set->nkeys == 0;
}

/* ---- against a filter ---- */

static const fixture_column columns[] = {
    { 1, "small", { .kind = KDB_TYPE_SMALLINT } },
    { 2, "other", { .kind = KDB_TYPE_TEXT } },
    { 3, "big", { .kind = KDB_TYPE_BIGINT } },
    { 4, "name", { .kind = KDB_TYPE_TEXT } },
    { 5, "price", { .kind = KDB_TYPE_DECIMAL, .precision = 38, .scale = 2 } },
};
static const fixture_schema schema = { columns, KDB_ARRAY_LEN(columns) };

/* Numbers times 10000, so that all that the test makes are whole. */
static kdb_i128 number(const kdb_value *value)
{
    kdb_i128 scaled = 0;
    int64_t whole = 0;
    switch (value->type.kind) {
    case KDB_TYPE_SMALLINT:
        return (kdb_i128)value->as.i16 * 10000;
    case KDB_TYPE_INT:
        return (kdb_i128)value->as.i32 * 10000;
    case KDB_TYPE_BIGINT:
        return (kdb_i128)value->as.i64 * 10000;
    case KDB_TYPE_DOUBLE:
        return (kdb_i128)(value->as.f64 * 10000.0);
    case KDB_TYPE_DECIMAL:
        scaled = value->as.i128;
        for (uint8_t scale = value->type.scale; scale < 4; scale++) {
            scaled *= 10;
        }
        return scaled;
    default:
        assert_int_equal(kdb_parse_i64(value->as.bytes, &whole, NULL), KDB_OK);
        return (kdb_i128)whole * 10000;
    }
}

static int compare(const kdb_value *cell, const kdb_value *operand)
{
    if (cell->type.kind == KDB_TYPE_TEXT) {
        return kdb_sv_cmp(cell->as.bytes, operand->as.bytes);
    }
    const kdb_i128 a = number(cell);
    const kdb_i128 b = number(operand);
    return (a > b) - (a < b);
}

static bool meets_operand(const kdb_value *cell, kdb_pred_op op, const kdb_value *operand)
{
    if (cell->is_null || operand->is_null) {
        return false;
    }
    const int order = compare(cell, operand);
    switch (op) {
    case KDB_PRED_EQ:
    case KDB_PRED_IN:
        return order == 0;
    case KDB_PRED_LT:
        return order < 0;
    case KDB_PRED_LE:
        return order <= 0;
    case KDB_PRED_GT:
        return order > 0;
    case KDB_PRED_GE:
        return order >= 0;
    }
    return false;
}

static bool meets(const kdb_value *row, const kdb_pred *preds, size_t npreds, const kdb_value *params)
{
    for (size_t i = 0; i < npreds; i++) {
        bool any = false;
        for (size_t k = 0; k < preds[i].noperands; k++) {
            const kdb_pred_operand *operand = &preds[i].operands[k];
            const kdb_value *value = operand->param == 0 ? &operand->literal : &params[operand->param - 1];
            any = any || meets_operand(&row[preds[i].column], preds[i].op, value);
        }
        if (!any) {
            return false;
        }
    }
    return true;
}

static kdb_value random_operand(fixture_random *random, kdb_type_kind column, kdb_arena *arena)
{
    const int64_t small = (int64_t)fixture_below(random, 9) - 4;
    const int64_t far = small * INT64_C(1000000007);
    if (fixture_below(random, 20) == 0) {
        return kdb_value_null(kdb_type_of(KDB_TYPE_NULL));
    }
    if (column == KDB_TYPE_TEXT) {
        return fixture_value(random, kdb_type_of(KDB_TYPE_TEXT), false, arena);
    }
    switch (fixture_below(random, 7)) {
    case 0:
        return smallint((int16_t)small);
    case 1:
        return kdb_value_int((int32_t)small);
    case 2:
        return kdb_value_double((double)small / 2.0);
    case 3:
        return decimal(small * 25, 1);
    case 4:
        return decimal(small * 12345, 4);
    case 5:
        return kdb_value_text(kdb_sv_printf(arena, "%lld", (long long)small));
    default:
        return kdb_value_bigint(fixture_below(random, 3) == 0 ? far : small);
    }
}

/* Small values, so that rows and operands meet. */
static kdb_value random_cell(fixture_random *random, kdb_type type, kdb_arena *arena)
{
    kdb_value value = fixture_value(random, type, false, arena);
    const int64_t small = (int64_t)fixture_below(random, 9) - 4;
    if (type.kind == KDB_TYPE_SMALLINT && fixture_below(random, 4) != 0) {
        value.as.i16 = (int16_t)small;
    } else if (type.kind == KDB_TYPE_BIGINT && fixture_below(random, 4) != 0) {
        value.as.i64 = small;
    } else if (type.kind == KDB_TYPE_DECIMAL) {
        value.as.i128 = small * 50;
    }
    return value;
}

static kdb_pred random_pred(fixture_random *random, const kdb_table *table, kdb_value *params, size_t *nparams,
                            kdb_arena *arena)
{
    kdb_pred out = { .column = (uint32_t)fixture_below(random, KDB_ARRAY_LEN(columns)) };
    out.op = fixture_below(random, 2) == 0 ? KDB_PRED_EQ : (kdb_pred_op)fixture_below(random, KDB_PRED_IN + 1);
    out.noperands = out.op == KDB_PRED_IN ? fixture_below(random, 4) : 1;
    out.operands = KDB_ARENA_ARRAY(arena, kdb_pred_operand, out.noperands);
    for (size_t i = 0; i < out.noperands; i++) {
        const kdb_value value = random_operand(random, table->schema->columns[out.column].type.kind, arena);
        if (fixture_below(random, 2) == 0) {
            out.operands[i].literal = value;
        } else {
            params[(*nparams)++] = value;
            out.operands[i].param = (uint32_t)*nparams;
        }
    }
    return out;
}

static void sets_hold_every_row_that_meets_the_predicates(void **state)
{
    (void)state;
    static const uint32_t keys[][3] = { { 0, 0, 0 }, { 2, 3, 0 }, { 3, 0, 2 }, { 4, 0, 0 }, { 2, 4, 0 } };
    static const size_t nkeys[] = { 1, 3, 3, 1, 2 };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    fixture_random random = { 21 };
    size_t excluded = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        kdb_arena_reset(arena);
        const size_t shape = fixture_below(&random, KDB_ARRAY_LEN(nkeys));
        const kdb_table *table = fixture_table(arena, round % 2 == 0 ? KDB_TABLE_USER : KDB_TABLE_SHARED, &schema, 1,
                                               keys[shape], nkeys[shape]);
        kdb_value params[32];
        size_t nparams = 0;
        kdb_pred preds[4];
        const size_t npreds = fixture_below(&random, 5);
        for (size_t i = 0; i < npreds; i++) {
            preds[i] = random_pred(&random, table, params, &nparams, arena);
        }
        kdb_key_set set;
        kdb_table_key_set(table, fixture_user("u"), preds, npreds, params, nparams, arena, &set);
        assert_well_formed(&set);
        for (size_t i = 0; i < NROWS; i++) {
            kdb_value row[KDB_ARRAY_LEN(columns)], parts[3];
            kdb_sv key;
            for (size_t c = 0; c < KDB_ARRAY_LEN(columns); c++) {
                row[c] = random_cell(&random, columns[c].type, arena);
            }
            for (size_t k = 0; k < nkeys[shape]; k++) {
                parts[k] = row[keys[shape][k]];
            }
            assert_int_equal(kdb_row_key(table, fixture_user("u"), parts, arena, &key, NULL), KDB_OK);
            const bool held = holds(&set, key);
            excluded += held ? 0 : 1;
            assert_true(held || !meets(row, preds, npreds, params));
        }
    }
    assert_true(excluded > ROUNDS * NROWS / 4); /* it does narrow */
}

/* ---- how narrow: one case per rule ---- */

static const fixture_column int_columns[] = { { 1, "id", { .kind = KDB_TYPE_INT } },
                                              { 2, "at", { .kind = KDB_TYPE_TIMESTAMP } },
                                              { 3, "day", { .kind = KDB_TYPE_DATE } },
                                              { 4, "uid", { .kind = KDB_TYPE_UUID } },
                                              { 5, "flag", { .kind = KDB_TYPE_BOOLEAN } } };
static const fixture_schema int_schema = { int_columns, KDB_ARRAY_LEN(int_columns) };
static const uint32_t key_id[] = { 0 };
static const uint32_t key_id_day[] = { 0, 2 };

static void equality_on_the_whole_key_is_a_point(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &int_schema, 1, key_id, 1);
    const kdb_value five[] = { kdb_value_int(5),      kdb_value_bigint(5), smallint(5),
                               kdb_value_double(5.0), decimal(500, 2),     text("5") };
    kdb_sv key;
    assert_int_equal(kdb_row_key(table, fixture_user("u"), &five[0], arena, &key, NULL), KDB_OK);
    for (size_t i = 0; i < KDB_ARRAY_LEN(five); i++) {
        const kdb_pred equal = pred(arena, 0, KDB_PRED_EQ, &five[i], 1);
        const kdb_key_set set = key_set(table, arena, &equal, 1);
        assert_true(set.points);
        assert_int_equal(set.nkeys, 1);
        assert_true(kdb_sv_eq(set.keys[0], key));
    }
}

static void what_does_not_convert_exactly_is_ignored(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &int_schema, 1, key_id, 1);
    const kdb_value inexact[] = { kdb_value_double(5.5),   decimal(55, 1),       text("five"),          text("5.0"),
                                  kdb_value_double(1e300), kdb_value_bool(true), kdb_value_timestamp(5) };
    kdb_sv from, to;
    kdb_row_user_range(table, fixture_user("u"), arena, &from, &to);
    for (size_t i = 0; i < KDB_ARRAY_LEN(inexact); i++) {
        const kdb_pred equal = pred(arena, 0, KDB_PRED_EQ, &inexact[i], 1);
        const kdb_key_set set = key_set(table, arena, &equal, 1);
        assert_false(set.points);
        assert_true(kdb_sv_eq(set.from, from) && kdb_sv_eq(set.to, to));
    }
}

static void out_of_range_integers_clamp(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &int_schema, 1, key_id, 1);
    const kdb_value high = kdb_value_bigint(INT64_C(3000000000));
    const kdb_value low = kdb_value_bigint(INT64_C(-3000000000));
    const struct {
        kdb_pred_op op;
        const kdb_value *operand;
        bool empty;
    } cases[] = {
        { KDB_PRED_EQ, &high, true },  { KDB_PRED_EQ, &low, true },  { KDB_PRED_LT, &high, false },
        { KDB_PRED_LE, &high, false }, { KDB_PRED_GT, &high, true }, { KDB_PRED_GE, &high, true },
        { KDB_PRED_LT, &low, true },   { KDB_PRED_LE, &low, true },  { KDB_PRED_GT, &low, false },
        { KDB_PRED_GE, &low, false },
    };
    kdb_sv from, to;
    kdb_row_user_range(table, fixture_user("u"), arena, &from, &to);
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        const kdb_pred one = pred(arena, 0, cases[i].op, cases[i].operand, 1);
        const kdb_key_set set = key_set(table, arena, &one, 1);
        assert_int_equal(is_empty(&set), cases[i].empty);
        assert_true(cases[i].empty || (kdb_sv_eq(set.from, from) && kdb_sv_eq(set.to, to)));
    }
}

static void null_meets_nothing(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_SHARED, &int_schema, 1, key_id, 1);
    const kdb_value values[] = { kdb_value_null(kdb_type_of(KDB_TYPE_NULL)), kdb_value_int(1) };
    for (kdb_pred_op op = KDB_PRED_EQ; op <= KDB_PRED_IN; op++) {
        const kdb_pred one = pred(arena, 0, op, values, 1);
        const kdb_key_set set = key_set(table, arena, &one, 1);
        assert_true(is_empty(&set));
    }
    const kdb_pred in = pred(arena, 0, KDB_PRED_IN, values, 2);
    assert_int_equal(key_set(table, arena, &in, 1).nkeys, 1);
    const kdb_pred in_nothing = pred(arena, 0, KDB_PRED_IN, values, 0);
    const kdb_key_set set = key_set(table, arena, &in_nothing, 1);
    assert_true(is_empty(&set));
}

static void predicates_on_one_column_intersect(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_SHARED, &int_schema, 1, key_id, 1);
    kdb_value values[12];
    for (int32_t i = 0; i < 12; i++) {
        values[i] = kdb_value_int(i);
    }
    const kdb_pred preds[] = { pred(arena, 0, KDB_PRED_IN, values, 9), pred(arena, 0, KDB_PRED_IN, values + 3, 9),
                               pred(arena, 0, KDB_PRED_GT, values + 4, 1), pred(arena, 0, KDB_PRED_LE, values + 7, 1) };
    const kdb_key_set set = key_set(table, arena, preds, 4);
    assert_true(set.points);
    assert_int_equal(set.nkeys, 3); /* 5, 6, 7 */
    assert_true(kdb_sv_eq(set.keys[0], (kdb_sv){ "\x80\0\0\x05", 4 }));
    const kdb_pred none[] = { pred(arena, 0, KDB_PRED_EQ, values, 1), pred(arena, 0, KDB_PRED_EQ, values + 1, 1) };
    const kdb_key_set nothing = key_set(table, arena, none, 2);
    assert_true(is_empty(&nothing));
    const kdb_pred empty[] = { pred(arena, 0, KDB_PRED_GT, values + 7, 1), pred(arena, 0, KDB_PRED_LT, values + 7, 1) };
    const kdb_key_set empty_range = key_set(table, arena, empty, 2);
    assert_true(is_empty(&empty_range));
}

static void bounds_give_the_tightest_range(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_SHARED, &int_schema, 1, key_id, 1);
    const kdb_value low = kdb_value_int(1);
    const kdb_value high = kdb_value_int(9);
    const kdb_pred open[] = { pred(arena, 0, KDB_PRED_GT, &low, 1), pred(arena, 0, KDB_PRED_LT, &high, 1) };
    const kdb_pred closed[] = { pred(arena, 0, KDB_PRED_GE, &low, 1), pred(arena, 0, KDB_PRED_LE, &high, 1) };
    kdb_key_set set = key_set(table, arena, open, 2);
    assert_true(kdb_sv_eq(set.from, (kdb_sv){ "\x80\0\0\x02", 4 }));
    assert_true(kdb_sv_eq(set.to, (kdb_sv){ "\x80\0\0\x09", 4 }));
    set = key_set(table, arena, closed, 2);
    assert_true(kdb_sv_eq(set.from, (kdb_sv){ "\x80\0\0\x01", 4 }));
    assert_true(kdb_sv_eq(set.to, (kdb_sv){ "\x80\0\0\x0A", 4 }));
}

static void the_greatest_value_has_nothing_above(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_SHARED, &int_schema, 1, key_id, 1);
    const kdb_value most = kdb_value_int(INT32_MAX);
    const kdb_pred above = pred(arena, 0, KDB_PRED_GT, &most, 1);
    const kdb_pred up_to = pred(arena, 0, KDB_PRED_LE, &most, 1);
    const kdb_key_set nothing = key_set(table, arena, &above, 1);
    assert_true(is_empty(&nothing));
    const kdb_key_set all = key_set(table, arena, &up_to, 1);
    assert_false(all.points);
    assert_int_equal(all.from.len + all.to.len, 0);
}

static void a_prefix_narrows_the_range(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_SHARED, &int_schema, 1, key_id_day, 2);
    const kdb_value one = kdb_value_int(1);
    const kdb_value days[] = { date(3), date(5) };
    const kdb_pred prefix = pred(arena, 0, KDB_PRED_EQ, &one, 1);
    kdb_key_set set = key_set(table, arena, &prefix, 1);
    assert_true(kdb_sv_eq(set.from, (kdb_sv){ "\x80\0\0\x01", 4 }));
    assert_true(kdb_sv_eq(set.to, (kdb_sv){ "\x80\0\0\x02", 4 }));
    const kdb_pred both[] = { prefix, pred(arena, 2, KDB_PRED_GE, days, 1) };
    set = key_set(table, arena, both, 2);
    assert_true(kdb_sv_eq(set.from, (kdb_sv){ "\x80\0\0\x01\x80\0\0\x03", 8 }));
    assert_true(kdb_sv_eq(set.to, (kdb_sv){ "\x80\0\0\x02", 4 }));
    const kdb_pred points[] = { prefix, pred(arena, 2, KDB_PRED_IN, days, 2) };
    assert_int_equal(key_set(table, arena, points, 2).nkeys, 2);
    /* The second column alone says nothing. */
    set = key_set(table, arena, points + 1, 1);
    assert_false(set.points);
    assert_int_equal(set.from.len + set.to.len, 0);
}

static void too_many_points_become_a_range(void **state)
{
    (void)state;
    enum { MANY = 101 };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_SHARED, &int_schema, 1, key_id_day, 2);
    kdb_value ids[MANY], days[MANY];
    for (int32_t i = 0; i < MANY; i++) {
        ids[i] = kdb_value_int(i);
        days[i] = date(i);
    }
    kdb_pred preds[] = { pred(arena, 0, KDB_PRED_IN, ids, 100), pred(arena, 2, KDB_PRED_IN, days, 100) };
    assert_int_equal(key_set(table, arena, preds, 2).nkeys, 10000);
    preds[0].noperands = 0;
    preds[0] = pred(arena, 0, KDB_PRED_IN, ids, MANY);
    const kdb_key_set set = key_set(table, arena, preds, 2);
    assert_false(set.points);
    assert_true(kdb_sv_eq(set.from, (kdb_sv){ "\x80\0\0\0", 4 }));
    assert_true(kdb_sv_eq(set.to, (kdb_sv){ "\x80\0\0\x65", 4 }));
}

static size_t points_for(const kdb_table *table, kdb_arena *arena, uint32_t column, kdb_value operand)
{
    const kdb_pred equal = pred(arena, column, KDB_PRED_EQ, &operand, 1);
    const kdb_key_set set = key_set(table, arena, &equal, 1);
    return set.points ? set.nkeys : SIZE_MAX;
}

static void times_convert_where_no_moment_is_lost(void **state)
{
    (void)state;
    static const uint32_t key_at[] = { 1 };
    static const uint32_t key_day[] = { 2 };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *by_at = fixture_table(arena, KDB_TABLE_SHARED, &int_schema, 1, key_at, 1);
    const kdb_table *by_day = fixture_table(arena, KDB_TABLE_SHARED, &int_schema, 1, key_day, 1);
    assert_int_equal(points_for(by_at, arena, 1, text("2026-01-31 10:00:00.5")), 1);
    assert_int_equal(points_for(by_at, arena, 1, date(20000)), 1);
    assert_int_equal(points_for(by_at, arena, 1, kdb_value_timestamp(1)), 1);
    assert_int_equal(points_for(by_at, arena, 1, text("2026-01-31 10:00:00.1234567")), SIZE_MAX);
    assert_int_equal(points_for(by_at, arena, 1, kdb_value_bigint(1)), SIZE_MAX);
    assert_int_equal(points_for(by_day, arena, 2, text("2026-01-31")), 1);
    assert_int_equal(points_for(by_day, arena, 2, kdb_value_timestamp(INT64_C(86400000000) * 3)), 1);
    assert_int_equal(points_for(by_day, arena, 2, kdb_value_timestamp(1)), SIZE_MAX);
    assert_int_equal(points_for(by_day, arena, 2, text("")), SIZE_MAX);
}

static void uuids_and_booleans_convert(void **state)
{
    (void)state;
    static const uint32_t key_uid[] = { 3 };
    static const uint32_t key_flag[] = { 4 };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *by_uid = fixture_table(arena, KDB_TABLE_SHARED, &int_schema, 1, key_uid, 1);
    const kdb_table *by_flag = fixture_table(arena, KDB_TABLE_SHARED, &int_schema, 1, key_flag, 1);
    assert_int_equal(points_for(by_uid, arena, 3, text("123e4567-e89b-12d3-a456-426614174000")), 1);
    assert_int_equal(points_for(by_uid, arena, 3, text("no uuid")), SIZE_MAX);
    assert_int_equal(points_for(by_flag, arena, 4, kdb_value_bool(true)), 1);
    assert_int_equal(points_for(by_flag, arena, 4, kdb_value_int(1)), SIZE_MAX);
}

static void decimals_keep_their_scale(void **state)
{
    (void)state;
    static const uint32_t key_price[] = { 4 };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_SHARED, &schema, 1, key_price, 1);
    kdb_i128 huge = INT64_C(1000000000000000000);
    huge *= INT64_C(1000000000000000000); /* 10^36: one more digit at scale 2 does not fit */
    assert_int_equal(points_for(table, arena, 4, decimal(15, 1)), 1);
    assert_int_equal(points_for(table, arena, 4, decimal(1500, 3)), 1);
    assert_int_equal(points_for(table, arena, 4, kdb_value_bigint(7)), 1);
    assert_int_equal(points_for(table, arena, 4, text("7")), 1);
    assert_int_equal(points_for(table, arena, 4, decimal(1501, 3)), SIZE_MAX);
    assert_int_equal(points_for(table, arena, 4, decimal(huge, 0)), SIZE_MAX);
    assert_int_equal(points_for(table, arena, 4, kdb_value_double(1.5)), SIZE_MAX);
}

static void stream_seq_is_its_key(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_STREAM, &int_schema, 1, key_id, 1);
    const uint32_t seq_field = (uint32_t)int_schema.ncolumns;
    const uint64_t seq = UINT64_C(5000) << 22;
    const kdb_sv key = kdb_row_key_hidden(table, fixture_user("u"), seq, arena);
    const kdb_sv before = kdb_row_key_hidden(table, fixture_user("u"), seq - 1, arena);
    const kdb_value at = kdb_value_bigint((int64_t)seq);
    const kdb_value negative = kdb_value_bigint(-1);
    const kdb_pred from = pred(arena, seq_field, KDB_PRED_GE, &at, 1);
    const kdb_key_set later = key_set(table, arena, &from, 1);
    assert_true(holds(&later, key) && !holds(&later, before));
    const kdb_pred equal = pred(arena, seq_field, KDB_PRED_EQ, &at, 1);
    const kdb_key_set one = key_set(table, arena, &equal, 1);
    assert_true(one.nkeys == 1 && holds(&one, key));
    const kdb_pred above_negative = pred(arena, seq_field, KDB_PRED_GT, &negative, 1);
    const kdb_key_set all = key_set(table, arena, &above_negative, 1);
    assert_true(holds(&all, key) && holds(&all, before));
    /* Key columns that a STREAM declares are not in its keys. */
    const kdb_value id = kdb_value_int(1);
    const kdb_pred by_id = pred(arena, 0, KDB_PRED_EQ, &id, 1);
    const kdb_key_set any = key_set(table, arena, &by_id, 1);
    assert_true(holds(&any, key));
}

static void tables_without_a_key_give_the_users_range(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_table *table = fixture_table(arena, KDB_TABLE_USER, &int_schema, 1, NULL, 0);
    const kdb_value id = kdb_value_int(1);
    const kdb_pred by_id = pred(arena, 0, KDB_PRED_EQ, &id, 1);
    const kdb_key_set set = key_set(table, arena, &by_id, 1);
    kdb_sv from, to;
    kdb_row_user_range(table, fixture_user("u"), arena, &from, &to);
    assert_false(set.points);
    assert_true(kdb_sv_eq(set.from, from) && kdb_sv_eq(set.to, to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_hold_every_row_that_meets_the_predicates),
        cmocka_unit_test(equality_on_the_whole_key_is_a_point),
        cmocka_unit_test(what_does_not_convert_exactly_is_ignored),
        cmocka_unit_test(out_of_range_integers_clamp),
        cmocka_unit_test(null_meets_nothing),
        cmocka_unit_test(predicates_on_one_column_intersect),
        cmocka_unit_test(bounds_give_the_tightest_range),
        cmocka_unit_test(the_greatest_value_has_nothing_above),
        cmocka_unit_test(a_prefix_narrows_the_range),
        cmocka_unit_test(too_many_points_become_a_range),
        cmocka_unit_test(times_convert_where_no_moment_is_lost),
        cmocka_unit_test(uuids_and_booleans_convert),
        cmocka_unit_test(decimals_keep_their_scale),
        cmocka_unit_test(stream_seq_is_its_key),
        cmocka_unit_test(tables_without_a_key_give_the_users_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
