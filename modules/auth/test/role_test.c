/* role_test.c - roles and the words for them. */
#include "auth_fixture.h"

static void every_role_has_a_name_a_title_and_a_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < KDB_ARRAY_LEN(kdbi_role_defs); i++) {
        assert_int_not_equal(kdbi_role_defs[i].code, 0);
        assert_true(kdb_sv_ieq(kdb_sv_cstr(kdb_role_name((kdb_role)i)), kdb_sv_cstr(kdb_role_title((kdb_role)i))));
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(kdbi_role_defs[i].code, kdbi_role_defs[j].code);
        }
    }
    assert_string_equal(kdb_role_name(KDB_ROLE_DBA), "dba");
    assert_string_equal(kdb_role_title(KDB_ROLE_USER), "User");
    assert_true(kdb_role_is_admin(KDB_ROLE_DBA));
    assert_false(kdb_role_is_admin(KDB_ROLE_SERVICE));
}

static void the_references_words_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        kdb_role role;
    } words[] = {
        { "dba", KDB_ROLE_DBA },           { "admin", KDB_ROLE_DBA },       { "service", KDB_ROLE_SERVICE },
        { "DEVELOPER", KDB_ROLE_SERVICE }, { "analyst", KDB_ROLE_SERVICE }, { "user", KDB_ROLE_USER },
        { "Viewer", KDB_ROLE_USER },       { "readonly", KDB_ROLE_USER },   { "system", KDB_ROLE_SYSTEM },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(words); i++) {
        kdb_role role;
        assert_int_equal(kdb_role_parse(kdb_sv_cstr(words[i].word), &role, NULL), KDB_OK);
        assert_int_equal(role, words[i].role);
    }
}

static void other_words_get_the_hint(void **state)
{
    (void)state;
    kdb_err err;
    kdb_role role;
    assert_int_equal(kdb_role_parse(KDB_SV("anonymous"), &role, &err), KDB_INVALID_OPERATION);
    assert_string_equal(err.text,
                        "Invalid role 'anonymous'. Hint: Valid roles: dba, admin, developer, analyst, viewer, "
                        "user, service, system");
    assert_int_equal(kdb_role_parse(KDB_SV(""), &role, NULL), KDB_INVALID_OPERATION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_has_a_name_a_title_and_a_code),
        cmocka_unit_test(the_references_words_are_understood),
        cmocka_unit_test(other_words_get_the_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
