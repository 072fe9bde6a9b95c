/* alter_test.c - the next version of a table: what it is, that it is so after a restart too, and that the version before
 * stays as it was for whoever holds it. */
#include "registry_fixture.h"

static kdb_alter_table of(kdb_alter_op op, const char *column)
{
    return (kdb_alter_table){ .op = op, .column = { .name = kdb_sv_cstr(column), .position = 9 } };
}

static kdb_alter_table adding(const char *column, kdb_type type)
{
    kdb_alter_table spec = of(KDB_ALTER_ADD_COLUMN, column);
    spec.column.type = type;
    return spec;
}

static kdb_alter_table retyping(const char *column, kdb_type type)
{
    kdb_alter_table spec = of(KDB_ALTER_MODIFY_COLUMN, column);
    spec.column.type = type;
    return spec;
}

static kdb_alter_table renaming(const char *column, const char *to)
{
    kdb_alter_table spec = of(KDB_ALTER_RENAME_COLUMN, column);
    spec.new_name = (kdb_table_name){ .name = kdb_sv_cstr(to), .position = 12 };
    return spec;
}

/* Stage, commit, publish. *table becomes the next version. */
static kdb_status alter(fixture *fix, kdb_table **table, kdb_alter_table spec, kdb_alter_need *need)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_alteration made;
    KDB_TRY(kdb_registry_stage_alter_table(fix->registry, *table, &spec, batch, &made, &fix->err));
    *need = made.need;
    if (made.table != NULL) {
        KDB_TRY(kdb_store_commit(fix->store, batch, &fix->err));
        kdb_registry_publish_alter_table(fix->registry, made.table);
        kdb_table_unref(*table);
        *table = kdb_table_ref(made.table);
    }
    return KDB_OK;
}

static void must(fixture *fix, kdb_table **table, kdb_alter_table spec, kdb_alter_need need)
{
    kdb_alter_need got = KDB_ALTER_NEEDS_NOTHING;
    const size_t before = (*table)->nversions;
    assert_ok(fix, alter(fix, table, spec, &got));
    assert_int_equal(got, need);
    assert_int_equal((*table)->nversions, before + 1);
    assert_int_equal((*table)->schema->version, before + 1);
}

static void must_not(fixture *fix, kdb_table **table, kdb_alter_table spec, kdb_status status, const char *text)
{
    kdb_alter_need need;
    const kdb_table *before = *table;
    assert_failure(fix, alter(fix, table, spec, &need), status, text);
    assert_ptr_equal(*table, before);
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *now = kdb_registry_lookup_table(fix->registry, before->ns, before->name);
    assert_ptr_equal(now, before);
}

/* "id:1 body:2*" : names, ids, * NOT NULL, ! key */
static void assert_columns(const kdb_table *table, const char *expected)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    for (size_t i = 0; i < table->schema->ncolumns; i++) {
        const kdb_column *column = &table->schema->columns[i];
        kdb_buf_printf(&text, "%s%.*s:%u%s%s", i == 0 ? "" : " ", KDB_SV_ARG(column->name), column->id,
                       column->not_null ? "*" : "", kdbi_table_is_key(table, column->id) ? "!" : "");
    }
    assert_text(kdb_buf_sv(&text), expected);
    kdb_buf_done(&text);
}

static kdb_table *reopened(fixture *fix, kdb_table *table)
{
    kdb_table_unref(table);
    fixture_reopen(fix);
    kdb_table *again = kdb_registry_lookup_table(fix->registry, KDB_SV("app"), KDB_SV("t"));
    assert_non_null(again);
    return again;
}

/* app.t (body TEXT, id BIGINT key, n INT DEFAULT 3): the key is not the first column. */
static kdb_table *new_table(fixture *fix)
{
    static uint32_t second = 1;
    kdb_column_spec columns[] = { column_spec("body", KDB_TYPE_TEXT), column_spec("id", KDB_TYPE_BIGINT),
                                  column_spec("n", KDB_TYPE_INT) };
    columns[2].default_kind = KDB_DEFAULT_LITERAL;
    columns[2].default_literal = kdb_value_bigint(3);
    kdb_create_table spec = table_spec("t", columns, 3);
    spec.key = &second;
    assert_ok(fix, create_namespace(fix, "app"));
    assert_ok(fix, create_table(fix, &spec, "app"));
    return kdb_registry_lookup_table(fix->registry, KDB_SV("app"), KDB_SV("t"));
}

static void columns_come_and_go_and_ids_are_not_used_again(void **state)
{
    fixture *fix = *state;
    kdb_table *table = new_table(fix);
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *first = kdb_table_ref(table);
    must(fix, &table, adding("x", kdb_type_of(KDB_TYPE_INT)), KDB_ALTER_NEEDS_NOTHING);
    assert_columns(table, "body:1 id:2*! n:3 x:4");
    must(fix, &table, of(KDB_ALTER_DROP_COLUMN, "x"), KDB_ALTER_NEEDS_NOTHING);
    must(fix, &table, of(KDB_ALTER_DROP_COLUMN, "body"), KDB_ALTER_NEEDS_NOTHING);
    assert_columns(table, "id:2*! n:3");
    assert_int_equal(table->key[0], 0);
    must(fix, &table, adding("x", kdb_type_of(KDB_TYPE_TEXT)), KDB_ALTER_NEEDS_NOTHING);
    must(fix, &table, renaming("id", "number"), KDB_ALTER_NEEDS_NOTHING);
    must(fix, &table, renaming("x", "id"), KDB_ALTER_NEEDS_NOTHING);
    assert_columns(table, "number:2*! n:3 id:5");
    table = reopened(fix, table);
    assert_columns(table, "number:2*! n:3 id:5");
    assert_int_equal(table->nversions, 7);
    assert_int_equal(table->versions[1].ncolumns, 4);
    assert_text(table->versions[1].columns[3].name, "x");
    assert_columns(first, "body:1 id:2*! n:3"); /* as it was, although another has its place */
    assert_int_equal(first->nversions, 1);
    kdb_table_unref(table);
}

static void what_would_lose_or_falsify_is_refused(void **state)
{
    fixture *fix = *state;
    kdb_table *table = new_table(fix);
    kdb_alter_table null_key = of(KDB_ALTER_DROP_NOT_NULL, "id");
    must_not(fix, &table, of(KDB_ALTER_DROP_COLUMN, "id"), KDB_INVALID_OPERATION,
             "Cannot drop column 'id': it is part of the PRIMARY KEY");
    must_not(fix, &table, of(KDB_ALTER_DROP_COLUMN, "_seq"), KDB_INVALID_OPERATION,
             "Cannot drop column '_seq': system column cannot be modified");
    must_not(fix, &table, of(KDB_ALTER_DROP_COLUMN, "missing"), KDB_COLUMN_NOT_FOUND,
             "Column 'missing' does not exist");
    must_not(fix, &table, of(KDB_ALTER_DROP_COLUMN, "bodi"), KDB_COLUMN_NOT_FOUND,
             "Column 'bodi' does not exist. Did you mean 'body'?");
    must_not(fix, &table, null_key, KDB_INVALID_OPERATION, "Column 'id' is a PRIMARY KEY and cannot be nullable");
    must_not(fix, &table, retyping("id", kdb_type_of(KDB_TYPE_TEXT)), KDB_INVALID_OPERATION,
             "Cannot change column 'id' from BIGINT to TEXT: the type of a PRIMARY KEY column is fixed");
    must_not(fix, &table, adding("BODY", kdb_type_of(KDB_TYPE_INT)), KDB_ALREADY_EXISTS,
             "Column 'BODY' already exists");
    must_not(fix, &table, adding("_deleted", kdb_type_of(KDB_TYPE_INT)), KDB_INVALID_OPERATION,
             "Cannot add column '_deleted': reserved system column name");
    must_not(fix, &table, of(KDB_ALTER_SET_ACCESS, ""), KDB_INVALID_OPERATION,
             "ACCESS LEVEL can only be set on SHARED tables");
    kdb_table_unref(table);
}

/* Every pair of types: only those that hold all values of the other, and back to none. */
static void types_are_widened_only(void **state)
{
    static const kdb_type_kind wider[][2] = { { KDB_TYPE_SMALLINT, KDB_TYPE_INT },
                                              { KDB_TYPE_SMALLINT, KDB_TYPE_BIGINT },
                                              { KDB_TYPE_INT, KDB_TYPE_BIGINT },
                                              { KDB_TYPE_FLOAT, KDB_TYPE_DOUBLE } };
    fixture *fix = *state;
    kdb_table *table = new_table(fix);
    for (int from = KDB_TYPE_NULL + 1; from < KDB_TYPE_KIND_COUNT; from++) {
        for (int to = KDB_TYPE_NULL + 1; to < KDB_TYPE_KIND_COUNT; to++) {
            kdb_type types[] = { kdb_type_of((kdb_type_kind)from), kdb_type_of((kdb_type_kind)to) };
            for (size_t i = 0; i < 2; i++) {
                types[i].precision = types[i].kind == KDB_TYPE_DECIMAL ? 9 : 0;
                types[i].dim = types[i].kind == KDB_TYPE_EMBEDDING ? 3 : 0;
            }
            bool allowed = from == to || to == KDB_TYPE_TEXT;
            for (size_t i = 0; i < KDB_ARRAY_LEN(wider); i++) {
                allowed = allowed || ((int)wider[i][0] == from && (int)wider[i][1] == to);
            }
            kdb_alter_need need = KDB_ALTER_NEEDS_NOTHING;
            assert_ok(fix, alter(fix, &table, adding("c", types[0]), &need));
            const kdb_status status = alter(fix, &table, retyping("c", types[1]), &need);
            assert_int_equal(status, allowed ? KDB_OK : KDB_INVALID_OPERATION);
            assert_int_equal(need, from == KDB_TYPE_BYTES && to == KDB_TYPE_TEXT ? KDB_ALTER_NEEDS_UTF8
                                                                                 : KDB_ALTER_NEEDS_NOTHING);
            assert_ok(fix, alter(fix, &table, of(KDB_ALTER_DROP_COLUMN, "c"), &need));
        }
    }
    kdb_table_unref(table);
}

static void decimals_grow_at_the_same_scale(void **state)
{
    fixture *fix = *state;
    kdb_table *table = new_table(fix);
    const kdb_type narrow = { .kind = KDB_TYPE_DECIMAL, .precision = 5, .scale = 2 };
    const kdb_type wide = { .kind = KDB_TYPE_DECIMAL, .precision = 38, .scale = 2 };
    const kdb_type finer = { .kind = KDB_TYPE_DECIMAL, .precision = 38, .scale = 3 };
    kdb_alter_need need;
    must(fix, &table, adding("d", narrow), KDB_ALTER_NEEDS_NOTHING);
    assert_int_equal(alter(fix, &table, retyping("d", finer), &need), KDB_INVALID_OPERATION);
    must(fix, &table, retyping("d", wide), KDB_ALTER_NEEDS_NOTHING);
    assert_int_equal(alter(fix, &table, retyping("d", narrow), &need), KDB_INVALID_OPERATION);
    kdb_table_unref(table);
}

static void not_null_asks_for_the_rows(void **state)
{
    fixture *fix = *state;
    kdb_table *table = new_table(fix);
    kdb_alter_table column = adding("a", kdb_type_of(KDB_TYPE_INT));
    column.column.not_null = true;
    must(fix, &table, column, KDB_ALTER_NEEDS_NO_ROWS);
    column = adding("b", kdb_type_of(KDB_TYPE_BIGINT));
    column.column.not_null = true;
    column.column.default_kind = KDB_DEFAULT_SNOWFLAKE_ID;
    must(fix, &table, column, KDB_ALTER_NEEDS_NO_ROWS);
    must(fix, &table, of(KDB_ALTER_SET_NOT_NULL, "body"), KDB_ALTER_NEEDS_NO_NULLS);
    must(fix, &table, of(KDB_ALTER_DROP_NOT_NULL, "body"), KDB_ALTER_NEEDS_NOTHING);
    kdb_alter_table modify = retyping("n", kdb_type_of(KDB_TYPE_BIGINT));
    modify.says_null = true;
    modify.column.not_null = true;
    must(fix, &table, modify, KDB_ALTER_NEEDS_NO_NULLS);
    kdb_table_unref(table);
}

static void a_literal_default_is_what_older_rows_have(void **state)
{
    fixture *fix = *state;
    kdb_table *table = new_table(fix);
    kdb_alter_table column = adding("v", kdb_type_of(KDB_TYPE_SMALLINT));
    column.column.not_null = true;
    column.column.default_kind = KDB_DEFAULT_LITERAL;
    column.column.default_literal = kdb_value_bigint(7);
    must(fix, &table, column, KDB_ALTER_NEEDS_NOTHING);
    column = adding("e", (kdb_type){ .kind = KDB_TYPE_EMBEDDING, .dim = 2 });
    column.column.not_null = true;
    column.column.default_kind = KDB_DEFAULT_LITERAL;
    column.column.default_literal = kdb_value_text(KDB_SV("[1,2]"));
    must(fix, &table, column, KDB_ALTER_NEEDS_NOTHING);
    must(fix, &table, retyping("v", kdb_type_of(KDB_TYPE_BIGINT)), KDB_ALTER_NEEDS_NOTHING);
    must(fix, &table, of(KDB_ALTER_DROP_DEFAULT, "v"), KDB_ALTER_NEEDS_NOTHING);
    must(fix, &table, of(KDB_ALTER_DROP_NOT_NULL, "v"), KDB_ALTER_NEEDS_NOTHING);
    must(fix, &table, retyping("v", kdb_type_of(KDB_TYPE_TEXT)), KDB_ALTER_NEEDS_NOTHING);
    table = reopened(fix, table);
    const kdb_column *v = &table->schema->columns[3];
    const kdb_column *e = &table->schema->columns[4];
    assert_true(v->has_initial);
    assert_int_equal(v->default_kind, KDB_DEFAULT_NONE);
    assert_text(v->initial.as.bytes, "7");
    assert_true(e->has_initial);
    assert_true(e->initial.as.f32s[0] == 1.0F && e->initial.as.f32s[1] == 2.0F);
    assert_false(table->schema->columns[2].has_initial);
    kdb_table_unref(table);
}

static void defaults_follow_the_type(void **state)
{
    fixture *fix = *state;
    kdb_table *table = new_table(fix);
    must(fix, &table, retyping("n", kdb_type_of(KDB_TYPE_TEXT)), KDB_ALTER_NEEDS_NOTHING);
    assert_text(table->schema->columns[2].default_literal.as.bytes, "3");
    kdb_alter_table spec = of(KDB_ALTER_SET_DEFAULT, "n");
    spec.column.default_kind = KDB_DEFAULT_LITERAL;
    spec.column.default_literal = kdb_value_text(KDB_SV("x"));
    must(fix, &table, spec, KDB_ALTER_NEEDS_NOTHING);
    const kdb_table *before = table;
    kdb_alter_need need;
    assert_ok(fix, alter(fix, &table, spec, &need)); /* the same again: no new version */
    assert_ptr_equal(table, before);
    spec = of(KDB_ALTER_SET_DEFAULT, "id");
    spec.column.default_kind = KDB_DEFAULT_NOW;
    must_not(fix, &table, spec, KDB_SCHEMA, "Default NOW() does not fit column 'id' of type BIGINT");
    kdb_table_unref(table);
}

static void a_float_that_became_a_double_does_not_become_text(void **state)
{
    fixture *fix = *state;
    kdb_table *table = new_table(fix);
    must(fix, &table, adding("f", kdb_type_of(KDB_TYPE_FLOAT)), KDB_ALTER_NEEDS_NOTHING);
    must(fix, &table, retyping("f", kdb_type_of(KDB_TYPE_DOUBLE)), KDB_ALTER_NEEDS_NOTHING);
    must_not(fix, &table, retyping("f", kdb_type_of(KDB_TYPE_TEXT)), KDB_INVALID_OPERATION,
             "Cannot change column 'f' from DOUBLE to TEXT: rows from before it was widened from FLOAT would read as "
             "other texts");
    kdb_table_unref(table);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(columns_come_and_go_and_ids_are_not_used_again),
        CASE(what_would_lose_or_falsify_is_refused),
        CASE(types_are_widened_only),
        CASE(decimals_grow_at_the_same_scale),
        CASE(not_null_asks_for_the_rows),
        CASE(a_literal_default_is_what_older_rows_have),
        CASE(defaults_follow_the_type),
        CASE(a_float_that_became_a_double_does_not_become_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
