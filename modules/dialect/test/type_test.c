/* type_test.c - type names both ways, the words that cannot be names, and names of 64 bytes. */
#include "dialect_fixture.h"

static void types_survive_their_own_text(void **state)
{
    (void)state;
    for (kdb_type_kind kind = KDB_TYPE_NULL + 1; kind < KDB_TYPE_KIND_COUNT; kind++) {
        kdb_type type = kdb_type_of(kind);
        type.precision = kind == KDB_TYPE_DECIMAL ? 12 : 0;
        type.scale = kind == KDB_TYPE_DECIMAL ? 3 : 0;
        type.dim = kind == KDB_TYPE_EMBEDDING ? 768 : 0;
        kdb_type read = { KDB_TYPE_NULL, 0, 0, 0 };
        kdb_err err = { .position = -1 };
        assert_int_equal(kdb_dialect_parse_type(kdb_type_sql_text(type, test_arena()), &read, &err), KDB_OK);
        assert_true(kdb_type_eq(type, read));
    }
}

static void what_is_no_type_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "INT INT", "INT)", "5", "'INT'", "VARCHAR(", "nothing", "TINYINT" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(texts); i++) {
        kdb_type type;
        kdb_err err = { .position = -1 };
        assert_int_equal(kdb_dialect_parse_type(kdb_sv_cstr(texts[i]), &type, &err), KDB_INVALID_SQL);
    }
}

static void reserved_words_are_known_in_any_case(void **state)
{
    (void)state;
    assert_true(kdb_dialect_is_reserved(KDB_SV("select")));
    assert_true(kdb_dialect_is_reserved(KDB_SV("Tables")));
    assert_true(kdb_dialect_is_reserved(KDB_SV("ALTER")));
    assert_false(kdb_dialect_is_reserved(KDB_SV("user")));
    assert_false(kdb_dialect_is_reserved(KDB_SV("selects")));
    assert_false(kdb_dialect_is_reserved(KDB_SV("")));
}

/* PostgreSQL keeps 63 bytes of a name, KalamDB 64. */
static kdb_status long_table(void *self, const kdb_table_name *name, bool dml_target, kdb_bind_table *out, kdb_err *err)
{
    static const kdb_field fields[] = {
        { KDB_SV("c123456789012345678901234567890123456789012345678901234567890123"), { .kind = KDB_TYPE_INT } },
        { KDB_SV("c123456789012345678901234567890123456789012345678901234567890124"), { .kind = KDB_TYPE_INT } },
    };
    (void)self;
    (void)dml_target;
    if (!kdb_sv_eq(name->name, KDB_SV("t123456789012345678901234567890123456789012345678901234567890123"))) {
        return KDB_FAIL(err, KDB_TABLE_NOT_FOUND, "no table %.*s", KDB_SV_ARG(name->name));
    }
    *out = (kdb_bind_table){ .columns = fields, .ncolumns = KDB_ARRAY_LEN(fields) };
    return KDB_OK;
}

static void names_of_64_bytes_are_kept_whole(void **state)
{
    (void)state;
    const kdb_binder binder = { .scan_function = "kdb_scan", .table = long_table };
    const kdb_sv sql = KDB_SV("SELECT t123456789012345678901234567890123456789012345678901234567890123 . "
                              "C123456789012345678901234567890123456789012345678901234567890124 AS x "
                              "FROM T123456789012345678901234567890123456789012345678901234567890123 "
                              "WHERE c123456789012345678901234567890123456789012345678901234567890123 = 1");
    kdb_stmt *stmt = NULL;
    kdb_bound *out = NULL;
    kdb_err err = { .position = -1 };
    assert_int_equal(kdb_dialect_parse(sql, NULL, test_arena(), &stmt, &err), KDB_OK);
    if (kdb_dialect_bind(stmt->as.query, stmt->nparams, &binder, test_arena(), &out, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(out->columns[0].column, 1);
    assert_int_equal(out->tables[0].npreds, 1);
    assert_int_equal(out->tables[0].preds[0].column, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(types_survive_their_own_text),
        TEST(what_is_no_type_is_refused),
        TEST(reserved_words_are_known_in_any_case),
        TEST(names_of_64_bytes_are_kept_whole),
    };
    return cmocka_run_group_tests_name("type", tests, NULL, NULL);
}
