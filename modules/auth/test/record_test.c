/* record_test.c - bytes of users: what is written reads back equal, and bytes of any other origin are KDB_CORRUPT. */
#include "auth_fixture.h"

static kdb_user random_user(uint64_t *seed)
{
    return (kdb_user){
        .id = user_id("alice"),
        .role = (kdb_role)(next_random(seed) % KDB_ARRAY_LEN(kdbi_role_defs)),
        .auth_type = (kdb_auth_type)(next_random(seed) % 3),
        .password_hash = KDB_SV("$2b$04$abcdefghijklmnopqrstuv"),
        .auth_data = next_random(seed) % 2 == 0 ? KDB_SV("") : KDB_SV("{\"provider\":\"x\"}"),
        .email = KDB_SV("alice@x.org"),
        .failed_logins = (uint32_t)next_random(seed),
        .locked_until_us = (int64_t)next_random(seed),
        .last_login_us = (int64_t)next_random(seed),
        .last_seen_us = (int64_t)next_random(seed),
        .created_us = (int64_t)next_random(seed),
        .updated_us = (int64_t)next_random(seed),
        .deleted_us = (int64_t)next_random(seed),
        .token_epoch = next_random(seed),
    };
}

static void assert_same_user(const kdb_user *a, const kdb_user *b)
{
    assert_true(kdb_sv_eq(a->id.text, b->id.text));
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->auth_type, b->auth_type);
    assert_true(kdb_sv_eq(a->password_hash, b->password_hash));
    assert_true(kdb_sv_eq(a->auth_data, b->auth_data));
    assert_true(kdb_sv_eq(a->email, b->email));
    assert_int_equal(a->failed_logins, b->failed_logins);
    assert_true(a->locked_until_us == b->locked_until_us && a->last_login_us == b->last_login_us &&
                a->last_seen_us == b->last_seen_us && a->created_us == b->created_us &&
                a->updated_us == b->updated_us && a->deleted_us == b->deleted_us && a->token_epoch == b->token_epoch);
}

static void users_read_back_equal(void **state)
{
    fixture *fix = *state;
    uint64_t seed = 5;
    for (int round = 0; round < 500; round++) {
        kdb_user user = random_user(&seed);
        kdb_user back;
        kdb_buf bytes;
        kdb_buf_init(&bytes, 0);
        kdbi_user_encode(&user, &bytes);
        assert_ok(fix, kdbi_user_decode(user.id.text, kdb_buf_sv(&bytes), &back, &fix->err));
        assert_same_user(&user, &back);
        kdb_buf_done(&bytes);
    }
}

/* From a heap block of the exact size, so that AddressSanitizer sees a step past the end. */
static kdb_status decode_exactly(kdb_sv bytes)
{
    char *copy = kdb_alloc(bytes.len + (bytes.len == 0));
    kdb_user user;
    kdb_err err;
    if (bytes.len != 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    kdb_status status = kdbi_user_decode(KDB_SV("alice"), kdb_sv_of(copy, bytes.len), &user, &err);
    kdb_free(copy);
    assert_true(status == KDB_OK || status == KDB_CORRUPT);
    return status;
}

static void foreign_bytes_are_corrupt_and_no_more(void **state)
{
    (void)state;
    uint64_t seed = 9;
    kdb_user user = random_user(&seed);
    kdb_buf bytes;
    kdb_buf_init(&bytes, 0);
    kdbi_user_encode(&user, &bytes);
    assert_int_equal(decode_exactly(kdb_buf_sv(&bytes)), KDB_OK);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(decode_exactly(kdb_sv_of(bytes.ptr, len)), KDB_CORRUPT);
    }
    for (int round = 0; round < 20000; round++) {
        bytes.ptr[next_random(&seed) % bytes.len] = (char)next_random(&seed);
        bytes.ptr[0] = KDBI_RECORD_FORMAT;
        (void)decode_exactly(kdb_sv_of(bytes.ptr, next_random(&seed) % (bytes.len + 1)));
    }
    kdb_buf_append_byte(&bytes, 0);
    assert_int_equal(decode_exactly(kdb_buf_sv(&bytes)), KDB_CORRUPT);
    kdb_buf_done(&bytes);
}

static void put_raw(fixture *fix, kdb_system_partition part, kdb_sv key, kdb_sv value)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, kdb_partition_system(part), key, value);
    assert_ok(fix, kdb_store_commit(fix->store, batch, &fix->err));
}

static void a_bad_record_stops_the_start(void **state)
{
    fixture *fix = *state;
    put_raw(fix, KDB_PART_SYSTEM_USERS, KDB_SV("eve"), KDB_SV("nonsense"));
    assert_failure(fix, fixture_try_reopen(fix), KDB_CORRUPT, "bad user record of 8 bytes");
}

static void a_short_stored_secret_stops_the_start(void **state)
{
    fixture *fix = *state;
    put_raw(fix, KDB_PART_SYSTEM_SETTINGS, KDB_SV("jwt_secret"),
            kdb_seal_close(fix->seal, KDB_SV("system_settings/jwt_secret"), KDB_SV("short"), fix->arena));
    fix->options.jwt_secret = KDB_SV("");
    assert_failure(fix, fixture_try_reopen(fix), KDB_CORRUPT, "the stored token secret has 5 bytes");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(users_read_back_equal),
        CASE(foreign_bytes_are_corrupt_and_no_more),
        CASE(a_bad_record_stops_the_start),
        CASE(a_short_stored_secret_stops_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
