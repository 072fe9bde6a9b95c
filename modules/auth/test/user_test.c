/* user_test.c - making, changing and dropping users: the rules for them and who may do it. */
#include <stdio.h>

#include "auth_fixture.h"

static void a_new_store_has_root_without_a_password(void **state)
{
    fixture *fix = *state;
    kdb_user root = find_user(fix, "root");
    assert_int_equal(root.role, KDB_ROLE_SYSTEM);
    assert_int_equal(root.auth_type, KDB_AUTH_INTERNAL);
    assert_int_equal(root.password_hash.len, 0);
    assert_true(root.created_us > 0);
    assert_true(kdb_auth_needs_setup(fix->auth));
    fixture_reopen(fix);
    assert_int_equal(find_user(fix, "root").created_us, root.created_us);
}

static void ids_are_checked(void **state)
{
    fixture *fix = *state;
    static const struct {
        kdb_sv id;
        const char *text;
    } refused[] = {
        { { "", 0 }, "User ID cannot be empty" },
        { { "a..b", 4 }, "User ID cannot contain '..' (path traversal)" },
        { { "a/b", 3 }, "User ID cannot contain '/' (directory separator)" },
        { { "a\\b", 3 }, "User ID cannot contain '\\' (directory separator)" },
        { { "a\0b", 3 }, "User ID cannot contain null bytes" },
        { { "a\xff", 2 }, "User ID is not valid UTF-8" },
    };
    char long_id[129];
    memset(long_id, 'a', sizeof(long_id));
    for (size_t i = 0; i < KDB_ARRAY_LEN(refused); i++) {
        assert_failure(fix, kdb_auth_check_user_id(refused[i].id, &fix->err), KDB_INVALID_OPERATION, refused[i].text);
    }
    assert_failure(fix, kdb_auth_check_user_id(kdb_sv_of(long_id, 129), &fix->err), KDB_INVALID_OPERATION,
                   "User ID is too long (129 bytes, max 128)");
    assert_ok(fix, kdb_auth_check_user_id(kdb_sv_of(long_id, 128), &fix->err));
    assert_ok(fix, kdb_auth_check_user_id(KDB_SV("J\xc3\xbcrgen Doe@x.org"), &fix->err));
}

static void names_stay_taken(void **state)
{
    fixture *fix = *state;
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_ok(fix, create_user(fix, "Alice", KDB_ROLE_USER));
    assert_failure(fix, create_user(fix, "alice", KDB_ROLE_USER), KDB_ALREADY_EXISTS, "User 'alice' already exists");
    assert_failure(fix, create_user(fix, "root", KDB_ROLE_USER), KDB_ALREADY_EXISTS, "User 'root' already exists");
    assert_failure(fix, create_user(fix, "system", KDB_ROLE_USER), KDB_ALREADY_EXISTS, "User 'system' already exists");
    assert_failure(fix, create_user(fix, "anonymous", KDB_ROLE_USER), KDB_ALREADY_EXISTS,
                   "User 'anonymous' already exists");
    assert_ok(fix, kdb_auth_drop_user(fix->auth, &root_actor, user_id("alice"), &fix->err));
    assert_true(find_user(fix, "alice").deleted_us > 0);
    for (int round = 0; round < 2; round++) {
        assert_failure(fix, create_user(fix, "alice", KDB_ROLE_USER), KDB_ALREADY_EXISTS,
                       "User 'alice' already exists");
        assert_failure(fix, kdb_auth_drop_user(fix->auth, &root_actor, user_id("alice"), &fix->err), KDB_NOT_FOUND,
                       "User 'alice' not found");
        assert_failure(fix, kdb_auth_set_email(fix->auth, &root_actor, user_id("alice"), KDB_SV("a@b"), &fix->err),
                       KDB_NOT_FOUND, "User 'alice' not found");
        fixture_reopen(fix);
    }
}

static kdb_status create_oauth(fixture *fix, const char *data)
{
    kdb_user user = {
        .id = user_id("olga"), .role = KDB_ROLE_USER, .auth_type = KDB_AUTH_OAUTH, .auth_data = kdb_sv_cstr(data)
    };
    return kdb_auth_create_user(fix->auth, &root_actor, &user, &fix->err);
}

static void oauth_users_need_provider_and_subject(void **state)
{
    fixture *fix = *state;
    static const char whole[] = "OAuth user requires JSON payload with provider and subject";
    assert_failure(fix, create_oauth(fix, ""), KDB_INVALID_OPERATION, whole);
    assert_failure(fix, create_oauth(fix, "[1]"), KDB_INVALID_OPERATION, whole);
    assert_failure(fix, create_oauth(fix, "{"), KDB_INVALID_OPERATION, whole);
    assert_failure(fix, create_oauth(fix, "{\"subject\":\"1\"}"), KDB_INVALID_OPERATION,
                   "OAuth user requires 'provider' field");
    assert_failure(fix, create_oauth(fix, "{\"provider\":\"google\",\"subject\":1}"), KDB_INVALID_OPERATION,
                   "OAuth user requires 'subject' field");
    assert_ok(fix, create_oauth(fix, "{\"provider\":\"google\",\"subject\":\"1\"}"));
    assert_failure(fix, kdb_auth_set_password(fix->auth, &root_actor, user_id("olga"), KDB_SV("x"), &fix->err),
                   KDB_INVALID_OPERATION, "User 'olga' signs in with OAuth and has no password");
    fixture_reopen(fix);
    assert_text(find_user(fix, "olga").auth_data, "{\"provider\":\"google\",\"subject\":\"1\"}");
    assert_int_equal(find_user(fix, "olga").auth_type, KDB_AUTH_OAUTH);
}

static void a_password_user_needs_a_password(void **state)
{
    fixture *fix = *state;
    kdb_user user = { .id = user_id("paul"), .role = KDB_ROLE_USER };
    assert_failure(fix, kdb_auth_create_user(fix->auth, &root_actor, &user, &fix->err), KDB_INVALID_OPERATION,
                   "Password required for WITH PASSWORD");
    user.auth_type = KDB_AUTH_INTERNAL;
    user.role = KDB_ROLE_ANONYMOUS;
    assert_failure(fix, kdb_auth_create_user(fix->auth, &root_actor, &user, &fix->err), KDB_INVALID_OPERATION,
                   "Role 'anonymous' cannot be given to a user");
    user.role = KDB_ROLE_SERVICE;
    assert_ok(fix, kdb_auth_create_user(fix->auth, &root_actor, &user, &fix->err));
    assert_int_equal(log_in(fix, "paul", "", NULL), KDB_INVALID_CREDENTIALS);
}

static void emails_are_checked(void **state)
{
    fixture *fix = *state;
    char long_email[255];
    memset(long_email, 'a', sizeof(long_email));
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_failure(fix,
                   kdb_auth_set_email(fix->auth, &root_actor, user_id("alice"), kdb_sv_of(long_email, 255), &fix->err),
                   KDB_INVALID_OPERATION, "E-mail address is too long (255 bytes, max 254)");
    assert_failure(fix, kdb_auth_set_email(fix->auth, &root_actor, user_id("alice"), KDB_SV("a\nb@c"), &fix->err),
                   KDB_INVALID_OPERATION, "E-mail address contains invalid characters");
    assert_ok(fix, kdb_auth_set_email(fix->auth, &root_actor, user_id("alice"), KDB_SV("alice@x.org"), &fix->err));
    assert_text(find_user(fix, "alice").email, "alice@x.org");
    fixture_reopen(fix);
    assert_text(find_user(fix, "alice").email, "alice@x.org");
}

/* ---- rights ---- */

static void users_manage_themselves_and_nobody_else(void **state)
{
    fixture *fix = *state;
    kdb_principal alice = actor_of("alice", KDB_ROLE_USER);
    kdb_principal service = actor_of("sam", KDB_ROLE_SERVICE);
    kdb_user user = { .id = user_id("eve"), .role = KDB_ROLE_USER, .auth_type = KDB_AUTH_INTERNAL };
    kdb_sv hash = hash_of(fix, "Another-One-9");
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_ok(fix, create_user(fix, "bob", KDB_ROLE_USER));
    assert_ok(fix, kdb_auth_set_password(fix->auth, &alice, user_id("alice"), hash, &fix->err));
    assert_ok(fix, kdb_auth_set_email(fix->auth, &alice, user_id("alice"), KDB_SV("a@b"), &fix->err));
    assert_failure(fix, kdb_auth_set_password(fix->auth, &alice, user_id("bob"), hash, &fix->err),
                   KDB_PERMISSION_DENIED, "Only admins can change other users' passwords");
    assert_failure(fix, kdb_auth_set_password(fix->auth, &service, user_id("no-such"), hash, &fix->err),
                   KDB_PERMISSION_DENIED, "Only admins can change other users' passwords");
    assert_failure(fix, kdb_auth_set_email(fix->auth, &service, user_id("bob"), KDB_SV("a@b"), &fix->err),
                   KDB_PERMISSION_DENIED, "Only admins can update other users' emails");
    assert_failure(fix, kdb_auth_set_role(fix->auth, &alice, user_id("alice"), KDB_ROLE_DBA, &fix->err),
                   KDB_PERMISSION_DENIED, "Only admins can change roles");
    assert_failure(fix, kdb_auth_drop_user(fix->auth, &alice, user_id("alice"), &fix->err), KDB_PERMISSION_DENIED,
                   "DROP USER requires DBA or System role");
    assert_failure(fix, kdb_auth_create_user(fix->auth, &service, &user, &fix->err), KDB_PERMISSION_DENIED,
                   "CREATE USER requires DBA or System role");
}

static void a_dba_does_not_touch_system_accounts(void **state)
{
    fixture *fix = *state;
    static const char managed[] = "DBA cannot manage an account with System role";
    kdb_user user = { .id = user_id("eve"), .role = KDB_ROLE_SYSTEM, .auth_type = KDB_AUTH_INTERNAL };
    kdb_sv hash = hash_of(fix, "Another-One-9");
    assert_ok(fix, create_user(fix, "sys2", KDB_ROLE_SYSTEM));
    assert_ok(fix, create_user(fix, "bob", KDB_ROLE_USER));
    assert_failure(fix, kdb_auth_create_user(fix->auth, &dba_actor, &user, &fix->err), KDB_PERMISSION_DENIED,
                   "DBA cannot grant System role");
    assert_failure(fix, kdb_auth_set_role(fix->auth, &dba_actor, user_id("bob"), KDB_ROLE_SYSTEM, &fix->err),
                   KDB_PERMISSION_DENIED, "DBA cannot grant System role");
    assert_failure(fix, kdb_auth_set_role(fix->auth, &dba_actor, user_id("sys2"), KDB_ROLE_USER, &fix->err),
                   KDB_PERMISSION_DENIED, managed);
    assert_failure(fix, kdb_auth_set_password(fix->auth, &dba_actor, user_id("sys2"), hash, &fix->err),
                   KDB_PERMISSION_DENIED, managed);
    assert_failure(fix, kdb_auth_set_email(fix->auth, &dba_actor, user_id("root"), KDB_SV("a@b"), &fix->err),
                   KDB_PERMISSION_DENIED, managed);
    assert_failure(fix, kdb_auth_drop_user(fix->auth, &dba_actor, user_id("sys2"), &fix->err), KDB_PERMISSION_DENIED,
                   managed);
    assert_ok(fix, kdb_auth_set_role(fix->auth, &dba_actor, user_id("bob"), KDB_ROLE_DBA, &fix->err));
    assert_ok(fix, kdb_auth_drop_user(fix->auth, &dba_actor, user_id("bob"), &fix->err));
    assert_ok(fix, kdb_auth_drop_user(fix->auth, &root_actor, user_id("sys2"), &fix->err));
}

/* ---- every role on every role ---- */

/* What somebody may try on somebody else. */
static kdb_status try_create(fixture *fix, const kdb_principal *actor, kdb_role target)
{
    static int made;
    char name[32];
    (void)snprintf(name, sizeof(name), "made-%d", made++);
    const kdb_user user = { .id = user_id(name), .role = target, .auth_type = KDB_AUTH_INTERNAL };
    return kdb_auth_create_user(fix->auth, actor, &user, &fix->err);
}

static const char *const target_names[] = { NULL, "target-user", "target-service", "target-dba", "target-system" };

static kdb_status try_password(fixture *fix, const kdb_principal *actor, kdb_role target)
{
    return kdb_auth_set_password(fix->auth, actor, user_id(target_names[target]), KDB_SV("$2b$04$x"), &fix->err);
}

static kdb_status try_email(fixture *fix, const kdb_principal *actor, kdb_role target)
{
    return kdb_auth_set_email(fix->auth, actor, user_id(target_names[target]), KDB_SV("a@b"), &fix->err);
}

static kdb_status try_same_role(fixture *fix, const kdb_principal *actor, kdb_role target)
{
    return kdb_auth_set_role(fix->auth, actor, user_id(target_names[target]), target, &fix->err);
}

/* Down to a role that the actor has power over. */
static kdb_status try_demote(fixture *fix, const kdb_principal *actor, kdb_role target)
{
    const kdb_status status =
        kdb_auth_set_role(fix->auth, actor, user_id(target_names[target]), KDB_ROLE_USER, &fix->err);
    if (status == KDB_OK) {
        kdb_err err;
        assert_ok(fix, kdb_auth_set_role(fix->auth, &root_actor, user_id(target_names[target]), target, &err));
    }
    return status;
}

static kdb_status try_ask(fixture *fix, const kdb_principal *actor, kdb_role target)
{
    return kdb_auth_may_manage(fix->auth, actor, user_id(target_names[target]), false, &fix->err);
}

/* Last: the target is gone after it. */
static kdb_status try_drop(fixture *fix, const kdb_principal *actor, kdb_role target)
{
    const kdb_status status = kdb_auth_drop_user(fix->auth, actor, user_id(target_names[target]), &fix->err);
    if (status == KDB_OK) {
        kdb_user user = find_user(fix, target_names[target]);
        user.deleted_us = 0;
        kdbi_auth_change_begin(fix->auth);
        assert_ok(fix, kdbi_auth_put_users(fix->auth, &user, 1, &fix->err));
        kdbi_auth_change_end(fix->auth);
    }
    return status;
}

static void nobody_acts_on_a_higher_role(void **state)
{
    fixture *fix = *state;
    static kdb_status (*const tries[])(fixture * fix, const kdb_principal *actor,
                                       kdb_role target) = { try_create, try_password, try_email, try_same_role,
                                                            try_demote, try_ask,      try_drop };
    int cells = 0;
    for (kdb_role target = KDB_ROLE_USER; target <= KDB_ROLE_SYSTEM; target++) {
        assert_ok(fix, create_user(fix, target_names[target], target));
    }
    for (kdb_role role = KDB_ROLE_ANONYMOUS; role <= KDB_ROLE_SYSTEM; role++) {
        const kdb_principal actor = actor_of("somebody", role);
        for (kdb_role target = KDB_ROLE_USER; target <= KDB_ROLE_SYSTEM; target++) {
            for (size_t i = 0; i < KDB_ARRAY_LEN(tries); i++) {
                const bool may = role >= KDB_ROLE_DBA && role >= target;
                const kdb_status status = tries[i](fix, &actor, target);
                if (status != (may ? KDB_OK : KDB_PERMISSION_DENIED)) {
                    fail_msg("%s on %s, try %zu: %s", kdb_role_name(role), kdb_role_name(target), i,
                             kdb_status_defs[status].name);
                }
                assert_int_equal(find_user(fix, target_names[target]).role, target);
                cells++;
            }
        }
    }
    assert_int_equal(cells, 5 * 4 * (int)KDB_ARRAY_LEN(tries));
}

static void root_stays(void **state)
{
    fixture *fix = *state;
    assert_failure(fix, kdb_auth_drop_user(fix->auth, &root_actor, user_id("root"), &fix->err), KDB_INVALID_OPERATION,
                   "User 'root' cannot be dropped");
    assert_failure(fix, kdb_auth_set_role(fix->auth, &root_actor, user_id("root"), KDB_ROLE_USER, &fix->err),
                   KDB_INVALID_OPERATION, "The role of user 'root' cannot be changed");
}

static void rights_can_be_asked_before_hashing(void **state)
{
    fixture *fix = *state;
    kdb_principal alice = actor_of("alice", KDB_ROLE_USER);
    kdb_principal nobody = actor_of("alice", KDB_ROLE_ANONYMOUS);
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_USER));
    assert_ok(fix, kdb_auth_may_manage(fix->auth, &alice, user_id("alice"), false, &fix->err));
    assert_ok(fix, kdb_auth_may_manage(fix->auth, &dba_actor, user_id("alice"), false, &fix->err));
    assert_ok(fix, kdb_auth_may_manage(fix->auth, &dba_actor, user_id("new"), true, &fix->err));
    assert_int_equal(kdb_auth_may_manage(fix->auth, &nobody, user_id("alice"), false, &fix->err),
                     KDB_PERMISSION_DENIED);
    assert_int_equal(kdb_auth_may_manage(fix->auth, &alice, user_id("bob"), false, &fix->err), KDB_PERMISSION_DENIED);
    assert_int_equal(kdb_auth_may_manage(fix->auth, &alice, user_id("bob"), true, &fix->err), KDB_PERMISSION_DENIED);
    assert_int_equal(kdb_auth_may_manage(fix->auth, &dba_actor, user_id("root"), false, &fix->err),
                     KDB_PERMISSION_DENIED);
    assert_int_equal(kdb_auth_may_manage(fix->auth, &dba_actor, user_id("bob"), false, &fix->err), KDB_NOT_FOUND);
}

static void lists_are_sorted_copies(void **state)
{
    fixture *fix = *state;
    kdb_user *list;
    size_t count;
    assert_ok(fix, create_user(fix, "zoe", KDB_ROLE_USER));
    assert_ok(fix, create_user(fix, "alice", KDB_ROLE_SERVICE));
    kdb_auth_list_users(fix->auth, fix->arena, &list, &count);
    assert_int_equal(count, 3);
    assert_text(list[0].id.text, "alice");
    assert_text(list[1].id.text, "root");
    assert_text(list[2].id.text, "zoe");
    assert_int_equal(list[0].role, KDB_ROLE_SERVICE);
    kdb_user user;
    assert_failure(fix, kdb_auth_find_user(fix->auth, user_id("nobody"), fix->arena, &user, &fix->err), KDB_NOT_FOUND,
                   "User 'nobody' not found");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_new_store_has_root_without_a_password),
        CASE(ids_are_checked),
        CASE(names_stay_taken),
        CASE(oauth_users_need_provider_and_subject),
        CASE(a_password_user_needs_a_password),
        CASE(emails_are_checked),
        CASE(users_manage_themselves_and_nobody_else),
        CASE(a_dba_does_not_touch_system_accounts),
        CASE(nobody_acts_on_a_higher_role),
        CASE(root_stays),
        CASE(rights_can_be_asked_before_hashing),
        CASE(lists_are_sorted_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
