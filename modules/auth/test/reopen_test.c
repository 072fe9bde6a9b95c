/* reopen_test.c - users and the made secret over RocksDB: all of it is there after a restart. */
#include "auth_fixture.h"

static void open_disk(fixture *fix)
{
    kdb_store_options store = { .path = "auth-rocksdb",
                                .sync = true,
                                .block_cache_bytes = 8 << 20,
                                .write_buffer_bytes = 8 << 20,
                                .background_jobs = 2,
                                .max_open_files = 64 };
    assert_ok(fix, kdb_store_open(&store, &fix->store, &fix->err));
    assert_ok(fix, kdb_auth_open(fix->store, &fix->options, &fix->auth, &fix->err));
}

static void close_disk(fixture *fix)
{
    kdb_auth_close(fix->auth);
    kdb_store_close(fix->store);
}

static void users_and_secret_survive_a_restart(void **state)
{
    (void)state;
    fixture fix = { .arena = kdb_arena_new(0), .options = test_options };
    fix.options.jwt_secret = KDB_SV("");
    fix.seal = test_seal(1);
    fix.options.seal = fix.seal;
    open_disk(&fix);
    assert_ok(&fix, create_user(&fix, "alice", KDB_ROLE_SERVICE));
    kdb_sv token = access_token(&fix, "alice");
    close_disk(&fix);
    open_disk(&fix);
    kdb_principal who;
    assert_ok(&fix, verify(&fix, token, &who));
    assert_int_equal(who.role, KDB_ROLE_SERVICE);
    assert_ok(&fix, log_in(&fix, "alice", GOOD_PASSWORD, NULL));
    assert_ok(&fix, kdb_auth_drop_user(fix.auth, &root_actor, user_id("alice"), &fix.err));
    close_disk(&fix);
    open_disk(&fix);
    assert_int_equal(verify(&fix, token, NULL), KDB_INVALID_CREDENTIALS);
    close_disk(&fix);
    kdb_seal_free(fix.seal);
    kdb_arena_free(fix.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_and_secret_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
