/* name_test.c - identifier rules: their texts and their order. */
#include <stdio.h>

#include "registry_fixture.h"

typedef kdb_status (*check)(kdb_sv name, kdb_err *err);

static void assert_refused(check fn, const char *name, const char *text)
{
    kdb_err err;
    assert_int_equal(fn(kdb_sv_cstr(name), &err), KDB_INVALID_OPERATION);
    assert_string_equal(err.text, text);
}

static void assert_accepted(check fn, const char *name)
{
    assert_int_equal(fn(kdb_sv_cstr(name), NULL), KDB_OK);
}

static void names_are_checked_in_the_references_order(void **state)
{
    (void)state;
    assert_refused(kdb_registry_check_name, "", "Name cannot be empty");
    assert_refused(kdb_registry_check_name, "_ a34567890123456789012345678901234567890123456789012345678901234",
                   "Name is too long (65 characters, max 64)");
    assert_refused(kdb_registry_check_name, "_a b", "Name cannot contain spaces");
    assert_refused(kdb_registry_check_name, "_seq", "Name cannot start with underscore (reserved for system columns)");
    assert_refused(kdb_registry_check_name, "1-a", "Name cannot start with a number");
    assert_refused(kdb_registry_check_name, "a-b",
                   "Name 'a-b' contains invalid characters (only alphanumeric and underscore allowed)");
    assert_refused(kdb_registry_check_name, "gr\xc3\xbc",
                   "Name 'gr\xc3\xbc' contains invalid characters (only alphanumeric and underscore allowed)");
    assert_refused(kdb_registry_check_name, "select", "Name 'select' is a reserved SQL keyword and cannot be used");
    assert_refused(kdb_registry_check_name, "Match_Recognize",
                   "Name 'Match_Recognize' is a reserved SQL keyword and cannot be used");
}

static void ordinary_words_are_names(void **state)
{
    (void)state;
    static const char *const words[] = {
        "user",
        "role",
        "type",
        "key",
        "value",
        "status",
        "name",
        "text",
        "timestamp",
        "a",
        "a_1",
        "Orders2",
        "a234567890123456789012345678901234567890123456789012345678901234",
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(words); i++) {
        assert_accepted(kdb_registry_check_name, words[i]);
        assert_accepted(kdb_registry_check_column_name, words[i]);
        assert_accepted(kdb_registry_check_namespace_name, words[i]);
    }
}

static void reserved_namespaces_come_first(void **state)
{
    (void)state;
    static const char *const words[] = {
        "system",
        "sys",
        "root",
        "kalamdb",
        "kalam",
        "main",
        "default",
        "sql",
        "admin",
        "internal",
        "information_schema",
        "pg_catalog",
        "datafusion",
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(words); i++) {
        char text[100];
        (void)snprintf(text, sizeof(text), "Namespace '%s' is reserved and cannot be used", words[i]);
        assert_refused(kdb_registry_check_namespace_name, words[i], text);
    }
    assert_refused(kdb_registry_check_namespace_name, "MAIN", "Namespace 'MAIN' is reserved and cannot be used");
    assert_refused(kdb_registry_check_namespace_name, "table",
                   "Name 'table' is a reserved SQL keyword and cannot be used");
}

static void reserved_columns_come_first(void **state)
{
    (void)state;
    assert_refused(kdb_registry_check_column_name, "_seq", "Column name '_seq' is reserved and cannot be used");
    assert_refused(kdb_registry_check_column_name, "_HASH", "Column name '_HASH' is reserved and cannot be used");
    assert_refused(kdb_registry_check_column_name, "_other",
                   "Name cannot start with underscore (reserved for system columns)");
}

static void four_namespaces_are_protected(void **state)
{
    (void)state;
    assert_true(kdb_registry_is_protected(KDB_SV("system")));
    assert_true(kdb_registry_is_protected(KDB_SV("information_schema")));
    assert_true(kdb_registry_is_protected(KDB_SV("pg_catalog")));
    assert_true(kdb_registry_is_protected(KDB_SV("datafusion")));
    assert_false(kdb_registry_is_protected(KDB_SV("default")));
    assert_false(kdb_registry_is_protected(KDB_SV("dba")));
    assert_false(kdb_registry_is_protected(KDB_SV("")));
}

static void assert_codes_differ(const kdbi_code_def *defs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_non_null(defs[i].name);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(defs[i].code, defs[j].code);
        }
    }
}

static void every_row_has_a_code_of_its_own(void **state)
{
    (void)state;
    assert_codes_differ(kdbi_table_type_defs, KDB_ARRAY_LEN(kdbi_table_type_defs));
    assert_codes_differ(kdbi_access_level_defs, KDB_ARRAY_LEN(kdbi_access_level_defs));
    assert_codes_differ(kdbi_default_defs, KDB_ARRAY_LEN(kdbi_default_defs));
    assert_string_equal(kdb_table_type_name(KDB_TABLE_STREAM), "stream");
    assert_string_equal(kdb_access_level_name(KDB_ACCESS_RESTRICTED), "restricted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_checked_in_the_references_order),
        cmocka_unit_test(ordinary_words_are_names),
        cmocka_unit_test(reserved_namespaces_come_first),
        cmocka_unit_test(reserved_columns_come_first),
        cmocka_unit_test(four_namespaces_are_protected),
        cmocka_unit_test(every_row_has_a_code_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
