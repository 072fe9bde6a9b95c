/* fixture.c - see api_test.h. */
#include "fake_live.h"

#define PASSWORD "correct horse battery"

static void open_auth(fixture *f)
{
    const kdb_auth_options options = { .seal = f->seal,
                                       .jwt_secret = KDB_SV("a secret of tests that is long enough"),
                                       .access_seconds = 3600,
                                       .refresh_reuse_seconds = 60,
                                       .bcrypt_cost = 4,
                                       .hash_threads = 1,
                                       .hash_queue = 16,
                                       .min_password = 8 };
    kdb_err err;
    assert_int_equal(kdb_auth_open(f->store, &options, &f->auth, &err), KDB_OK);
}

static void open_audit(fixture *f)
{
    kdb_buf keys;
    const kdb_audit_options options = { 0 };
    kdb_buf_init(&keys, 0);
    assert_int_equal(kdb_seal_write_keys(NULL, &keys, NULL), KDB_OK);
    assert_int_equal(kdb_seal_new(kdb_buf_sv(&keys), &f->seal, NULL), KDB_OK);
    assert_int_equal(kdb_audit_open(f->store, f->seal, &options, &f->audit, NULL), KDB_OK);
    kdb_buf_done(&keys);
}

static void apply(fixture *f, const char *const *settings)
{
    for (; *settings != NULL; settings++) {
        const char *equals = strchr(*settings, '=');
        kdb_err err;
        assert_non_null(equals);
        assert_int_equal(kdb_options_set(f->options, kdb_sv_of(*settings, (size_t)(equals - *settings)),
                                         kdb_sv_cstr(equals + 1), &err),
                         KDB_OK);
    }
}

static void set_options(fixture *f, const char *const *settings)
{
    static const char *const usual[] = { "server.port=0", "server.net_threads=2",
                                         "rate_limit.max_auth_requests_per_ip_per_sec=0", NULL };
    f->options = kdb_options_new();
    apply(f, usual);
    if (settings != NULL) {
        apply(f, settings);
    }
}

static char *member_of(const char *body, const char *name)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_json *json = NULL;
    kdb_err err;
    assert_int_equal(kdb_json_parse(kdb_sv_cstr(body), arena, &json, &err), KDB_OK);
    const kdb_json *member = kdb_json_lookup(json, kdb_sv_cstr(name));
    assert_non_null(member);
    return kdb_sv_heap_cstr(member->string);
}

static char *sign_in(const fixture *f, const char *user)
{
    char body[256];
    answer a;
    (void)snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"" PASSWORD "\"}", user);
    post(f, "/v1/api/auth/login", NULL, body, &a);
    assert_int_equal(a.status, 200);
    char *token = member_of(a.body, "access_token");
    answer_done(&a);
    return token;
}

/* Hashing is auth's own affair, so the user takes over the hash of an account that has one. */
static void create_user(fixture *f)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_principal root = { .user = { KDB_SV("root") }, .role = KDB_ROLE_SYSTEM };
    kdb_user user;
    kdb_err err;
    assert_int_equal(kdb_auth_find_user(f->auth, (kdb_user_id){ KDB_SV("admin") }, arena, &user, &err), KDB_OK);
    user.id = (kdb_user_id){ KDB_SV("alice") };
    user.role = KDB_ROLE_USER;
    assert_int_equal(kdb_auth_create_user(f->auth, &root, &user, &err), KDB_OK);
}

static void set_up_users(fixture *f)
{
    answer a;
    post(f, "/v1/api/auth/setup", NULL,
         "{\"user\":\"admin\",\"password\":\"" PASSWORD "\",\"root_password\":\"" PASSWORD "\"}", &a);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    create_user(f);
    f->admin = sign_in(f, "admin");
    f->user = sign_in(f, "alice");
}

void fixture_open(fixture *f, const char *const *settings)
{
    kdb_err err;
    *f = (fixture){ .port = 0 };
    kdb_log_setup(KDB_LOG_ERROR, KDB_LOG_COMPACT, -1);
    set_options(f, settings);
    f->store = kdb_store_open_memory();
    open_audit(f);
    open_auth(f);
    f->core = fake_core_new();
    f->live = fake_live_new();
    const kdb_api_options options = { .core = f->core,
                                      .live = f->live,
                                      .auth = f->auth,
                                      .audit = f->audit,
                                      .options = f->options,
                                      .most_connections = UINT32_MAX,
                                      .version = "0.1.0",
                                      .build_date = "2026-01-31" };
    if (kdb_api_open(&options, &f->api, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    f->port = kdb_api_port(f->api);
    set_up_users(f);
}

void fixture_close(fixture *f)
{
    fake_core_release(f->core);
    kdb_api_drain(f->api, 0);
    kdb_api_close(f->api);
    fake_live_free(f->live);
    fake_core_free(f->core);
    kdb_auth_close(f->auth);
    kdb_audit_close(f->audit);
    kdb_store_close(f->store);
    kdb_seal_free(f->seal);
    kdb_options_free(f->options);
    kdb_free(f->admin);
    kdb_free(f->user);
}
