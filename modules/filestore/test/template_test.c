/* template_test.c - path templates: what is accepted, in which words the rest is refused, and what they put for whom. */
#include "filestore_fixture.h"

#include "kdb/objects.h"

static void check_gives(kdb_arena *arena, kdb_template_kind kind, const char *text, const char *want)
{
    kdb_sv out;
    kdb_err err = { 0 };
    if (kdb_template_check(kdb_sv_cstr(text), kind, arena, &out, &err) != KDB_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    assert_string_equal(kdb_sv_dup_cstr(arena, out), want);
}

static void check_fails(kdb_arena *arena, kdb_template_kind kind, kdb_sv text, const char *want)
{
    kdb_sv out;
    kdb_err err = { 0 };
    assert_int_equal(kdb_template_check(text, kind, arena, &out, &err), KDB_INVALID);
    assert_string_equal(err.text, want);
}

static void old_spellings_become_todays(void **state)
{
    static const char *const namespaces[] = { "{namespace}", "{namespace_id}", "{namespaceId}", "{namespace-id}" };
    static const char *const tables[] = { "{tableName}", "{table_name}", "{table-name}", "{table-id}" };
    static const char *const shards[] = { "{shard}", "{shard_id}", "{shard-id}" };
    static const char *const users[] = { "{userId}", "{user_id}", "{user-id}" };
    for (size_t i = 0; i < 4; i++) {
        const char *shared = kdb_sv_printf(*state, "%s/%s%c", namespaces[i], tables[i], '\0').ptr;
        check_gives(*state, KDB_TEMPLATE_SHARED, shared, "{namespace}/{tableName}");
        const char *user =
            kdb_sv_printf(*state, "%s/%s/%s/%s%c", namespaces[i], tables[i], shards[i % 3], users[i % 3], '\0').ptr;
        check_gives(*state, KDB_TEMPLATE_USER, user, "{namespace}/{tableName}/{shard}/{userId}");
    }
}

static void slashes_are_put_in_order(void **state)
{
    check_gives(*state, KDB_TEMPLATE_SHARED, " /cold//{namespace}/{tableName}/ ", "cold/{namespace}/{tableName}");
    check_gives(*state, KDB_TEMPLATE_USER, "u-{userId}", "u-{userId}");
    check_gives(*state, KDB_TEMPLATE_USER, "{namespace}-{tableName}-{shard}-{userId}",
                "{namespace}-{tableName}-{shard}-{userId}");
    check_gives(*state, KDB_TEMPLATE_USER, "", "");
    check_gives(*state, KDB_TEMPLATE_SHARED, "", "");
}

static void a_shared_template_names_namespace_and_table(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "x", "Shared table template: Both {namespace} and {tableName} are required" },
        { "x/{tableName}", "Shared table template: {namespace} is required" },
        { "{namespace}/x", "Shared table template: {tableName} is required" },
        { "{tableName}/{namespace}", "Shared table template: {namespace} must appear before {tableName}" },
        { "{namespace}/{tableName}/{userId}", "Shared table template: {userId} is not allowed" },
        { "{namespace}/{tableName}/{tableName}", "Shared table template: {tableName} may appear only once" },
        { "{namespace}/{tableName}/{x}", "Shared table template: unknown placeholder {x}" },
        { "{namespace}/{tableName}/{x", "Shared table template: unknown placeholder {x" },
        { "{namespace}_{tableName}",
          "Shared table template: {namespace} and {tableName} need a '/' or '-' between them" },
        { "{namespace}{tableName}",
          "Shared table template: {namespace} and {tableName} need a '/' or '-' between them" },
        { "../{namespace}/{tableName}", "Shared table template: no part may begin with a dot" },
        { "{namespace}/./{tableName}", "Shared table template: no part may begin with a dot" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        check_fails(*state, KDB_TEMPLATE_SHARED, kdb_sv_cstr(cases[i].text), cases[i].want);
    }
}

static void a_users_template_names_the_user_and_keeps_the_order(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "{namespace}/{tableName}", "User table template: {userId} is required" },
        { "{tableName}/{namespace}/{userId}", "User table template: {namespace} must appear before {tableName}" },
        { "{shard}/{namespace}/{userId}", "User table template: {namespace} must appear before {shard}" },
        { "{shard}/{tableName}/{userId}", "User table template: {tableName} must appear before {shard}" },
        { "{userId}/{shard}", "User table template: {shard} must appear before {userId}" },
        { "{userId}/{tableName}", "User table template: {tableName} must appear before {userId}" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        check_fails(*state, KDB_TEMPLATE_USER, kdb_sv_cstr(cases[i].text), cases[i].want);
    }
}

static void bytes_that_mean_something_elsewhere_are_refused(void **state)
{
    static const char bad[] = "*?[]\\ '\"%}=:;|<>~$&+,\n\x01\x7f\xc3\xa9";
    const char *want =
        "User table template: only letters, digits, '_', '-', '.', '@', '/' and placeholders are allowed";
    for (size_t i = 0; i < sizeof(bad); i++) {
        check_fails(*state, KDB_TEMPLATE_USER, kdb_sv_printf(*state, "{userId}/a%cb", bad[i]), want);
    }
}

static void long_templates_are_refused(void **state)
{
    char text[400];
    memset(text, 'a', sizeof(text));
    memcpy(text, "{userId}", 8);
    check_fails(*state, KDB_TEMPLATE_USER, kdb_sv_of(text, 200), "User table template: too long");
    check_fails(*state, KDB_TEMPLATE_USER, kdb_sv_of(text, sizeof(text)), "User table template: too long");
    for (size_t i = 8; i < sizeof(text); i += 2) {
        text[i] = '/';
    }
    check_fails(*state, KDB_TEMPLATE_USER, kdb_sv_of(text, 60), "User table template: too long");
}

static const char *put(kdb_arena *arena, const char *text, const char *table, kdb_sv user)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf buf;
    kdb_buf_init(&buf, 0);
    kdb_template_put(kdb_sv_cstr(text), KDB_SV("app"), kdb_sv_cstr(table), user, &buf);
    return kdb_sv_dup_cstr(arena, kdb_buf_sv(&buf));
}

static void placeholders_are_put(void **state)
{
    assert_string_equal(put(*state, "{namespace}/{tableName}", "notes", KDB_SV("")), "app/notes");
    assert_string_equal(put(*state, "{namespace}/{tableName}/{userId}", "notes", KDB_SV("u_1-x")), "app/notes/u_1-x");
    assert_string_equal(put(*state, "c/{tableName}-{userId}", "notes", KDB_SV("Ann@x.org")), "c/notes-Ann@x.org/app");
    assert_string_equal(put(*state, "{userId}", "notes", KDB_SV("u")), "u/app/notes");
    assert_string_equal(put(*state, "", "notes", KDB_SV("u")), "app/notes/u");
    const char *shard = put(*state, "{shard}/{userId}", "notes", KDB_SV("u"));
    assert_int_equal(strncmp(shard, "shard_", 6), 0);
    assert_true(strtoul(shard + 6, NULL, 10) < 64);
}

static void hostile_ids_stay_inside_their_directory(void **state)
{
    static const struct {
        const char *id, *want;
    } cases[] = {
        { "..", "%2E%2E" },
        { ".", "%2E" },
        { ".hidden.", "%2Ehidden%2E" },
        { "../../etc", "%2E.%2F..%2Fetc" },
        { "a/b", "a%2Fb" },
        { "a\\b", "a%5Cb" },
        { "*", "%2A" },
        { "a%2Fb", "a%252Fb" },
        { "a b", "a%20b" },
        { "[x]?", "%5Bx%5D%3F" },
        { "\xc3\xa9", "%C3%A9" },
        { "{userId}", "%7BuserId%7D" },
        { "a..b", "a..b" },
        { "%", "%25" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        const char *got = put(*state, "{namespace}/{tableName}/{userId}", "t", kdb_sv_cstr(cases[i].id));
        assert_string_equal(got, kdb_sv_printf(*state, "app/t/%s%c", cases[i].want, '\0').ptr);
    }
    assert_string_equal(put(*state, "{userId}", "t", kdb_sv_of("a\0b", 3)), "a%00b/app/t");
}

/* Ids that differ in one byte, at any length, have directories that differ, and none lies in another's. */
static void no_two_ids_share_a_directory(void **state)
{
    KDB_CLEANUP(kdb_map_freep) kdb_map *seen = kdb_map_new();
    static const char bytes[] = { 'a', '%', '/', '.', '2' };
    char id[128];
    for (size_t len = 1; len <= sizeof(id); len++) {
        for (size_t b = 0; b < sizeof(bytes) * 2; b++) {
            memset(id, bytes[b % sizeof(bytes)], len);
            id[len - 1] = b < sizeof(bytes) ? id[len - 1] : 'z';
            const char *directory = put(*state, "{namespace}/{tableName}/{userId}", "t", kdb_sv_of(id, len));
            const bool twice = kdb_map_put(seen, kdb_sv_cstr(directory), id) != NULL;
            assert_true(!twice || (len == 1 && b >= sizeof(bytes)));
            const char *part = directory + strlen("app/t/");
            for (const char *slash = strchr(part, '/'); slash != NULL; part = slash + 1, slash = strchr(part, '/')) {
                assert_null(kdb_map_lookup(seen, kdb_sv_of(directory, (size_t)(slash - directory))));
                assert_true(slash - part < 255);
            }
            assert_true(strlen(part) < 255);
            assert_true(strlen(directory) < 600);
        }
    }
}

static void a_directory_tells_whose_it_is(void **state)
{
    static const char *const templates[] = { "",
                                             "{userId}",
                                             "{namespace}/{tableName}/{userId}",
                                             "c/{tableName}-{userId}",
                                             "{shard}/{userId}",
                                             "shard_1/{namespace}/{shard}/x-{userId}/y" };
    static const char *const roots[] = { "app/notes", "", "app/notes", "c", "", "shard_1/app" };
    char id[256];
    for (size_t t = 0; t < KDB_ARRAY_LEN(templates); t++) {
        const kdb_sv text = kdb_sv_cstr(templates[t]);
        const kdb_sv root = kdb_template_root(text, KDB_SV("app"), KDB_SV("notes"), *state);
        assert_string_equal(kdb_sv_dup_cstr(*state, root), roots[t]);
        for (size_t len = 1; len < sizeof(id); len += 1 + len / 8) {
            for (size_t i = 0; i < len; i++) {
                id[i] = "ab%/.\1\xff-"[(i * 7 + len) % 8];
            }
            const kdb_sv want = kdb_sv_of(id, len);
            const char *directory = put(*state, templates[t], "notes", want);
            kdb_sv got;
            assert_true(kdb_template_user(text, KDB_SV("app"), KDB_SV("notes"), kdb_sv_cstr(directory), *state, &got));
            assert_true(kdb_sv_eq(got, want));
            assert_false(kdb_template_user(text, KDB_SV("app"), KDB_SV("other"), kdb_sv_cstr(directory), *state, &got));
        }
    }
    static const char *const nobodys[] = { "app/notes",     "app/notes/",    "app/notes/%",   "app/notes/%2",
                                           "app/notes/%61", "app/notes/a/b", "app/notes/%zz", "app" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(nobodys); i++) {
        kdb_sv got;
        assert_false(kdb_template_user(KDB_SV("{namespace}/{tableName}/{userId}"), KDB_SV("app"), KDB_SV("notes"),
                                       kdb_sv_cstr(nobodys[i]), *state, &got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(old_spellings_become_todays),
        CASE(slashes_are_put_in_order),
        CASE(a_shared_template_names_namespace_and_table),
        CASE(a_users_template_names_the_user_and_keeps_the_order),
        CASE(bytes_that_mean_something_elsewhere_are_refused),
        CASE(long_templates_are_refused),
        CASE(placeholders_are_put),
        CASE(hostile_ids_stay_inside_their_directory),
        CASE(no_two_ids_share_a_directory),
        CASE(a_directory_tells_whose_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
