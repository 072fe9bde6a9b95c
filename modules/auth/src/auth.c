/* auth.c - the object as a whole: opened from the store, made ready on a new one, closed. */
#include "auth_int.h"

enum { TOKEN_QUEUE = 4096 /* a second or two of commits */, KEY_QUEUE = 1024, KEY_THREADS_MAX = 4 };

static kdb_status make_root(kdb_auth *auth, kdb_err *err)
{
    kdb_user root = kdbi_user_new((kdb_user_id){ KDB_SV("root") }, KDB_ROLE_SYSTEM, KDB_AUTH_INTERNAL);
    return kdbi_auth_put_users(auth, &root, 1, err);
}

/* Sets root's password unless it is that already: a restart must not sign everybody out. The operator's word is law, so
 * only what bcrypt cannot take is refused; a weak one is said in the log. */
static kdb_status set_root_password(kdb_auth *auth, kdb_sv password, kdb_arena *arena, kdb_err *err)
{
    kdb_user root;
    kdb_sv hash;
    if (password.len > KDBI_PASSWORD_MAX || memchr(password.ptr, '\0', password.len) != NULL) {
        return KDB_FAIL(err, KDB_INVALID, "auth.root_password must have at most %d bytes and no null byte",
                        KDBI_PASSWORD_MAX);
    }
    bool found = kdbi_auth_lookup_user(auth, KDB_SV("root"), arena, &root);
    KDB_ASSERT(found);
    if (kdbi_bcrypt_matches(password, root.password_hash)) {
        return KDB_OK;
    }
    if (kdb_auth_check_password(auth, password, NULL) != KDB_OK) {
        kdb_log_warn("weak root password option=auth.root_password");
    }
    KDB_TRY(kdbi_bcrypt_hash(password, auth->bcrypt_cost, arena, &hash, err));
    kdbi_user_set_password(&root, hash);
    return kdbi_auth_put_users(auth, &root, 1, err);
}

static kdb_status load(kdb_auth *auth, const kdb_auth_options *options, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_TRY(kdbi_bcrypt_dummy(auth->bcrypt_cost, auth->dummy_hash, err));
    KDB_TRY(kdbi_auth_load_secret(auth, options->jwt_secret, err));
    KDB_TRY(kdbi_auth_load_users(auth, err));
    KDB_TRY(kdbi_session_load(auth, err));
    KDB_TRY(kdbi_issuer_open_all(auth, options, err));
    if (kdb_map_lookup(auth->accounts, KDB_SV("root")) == NULL) {
        KDB_TRY(make_root(auth, err));
    }
    return options->root_password.len == 0 ? KDB_OK : set_root_password(auth, options->root_password, arena, err);
}

static kdb_auth *new_auth(kdb_store *store, const kdb_auth_options *options)
{
    kdb_auth *auth = KDB_NEW(kdb_auth);
    auth->store = store;
    auth->seal = options->seal;
    auth->arena = kdb_arena_new(0);
    auth->access_seconds = options->access_seconds;
    auth->refresh_reuse_seconds = options->refresh_reuse_seconds;
    auth->bcrypt_cost = options->bcrypt_cost;
    auth->min_password = options->min_password;
    auth->complexity = options->complexity;
    auth->provision = options->provision;
    auth->provision_role = options->provision_role;
    auth->commit_provisioned = options->commit_provisioned;
    auth->commit_self = options->commit_self;
    auth->open_http = options->open_http;
    auth->fetch = kdb_http_get;
    atomic_init(&auth->closing, false);
    kdb_mutex_init(&auth->lock, KDB_LOCK_AUTH);
    kdb_cond_init(&auth->change_done);
    auth->accounts = kdb_map_new();
    auth->strangers = kdbi_strangers_new();
    auth->identities = kdb_map_new();
    auth->sessions = kdb_map_new();
    kdbi_cache_init(&auth->cache);
    return auth;
}

kdb_status kdb_auth_open(kdb_store *store, const kdb_auth_options *options, kdb_auth **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_auth_closep) kdb_auth *auth = new_auth(store, options);
    KDB_TRY(load(auth, options, err));
    kdbi_pool_start(auth, KDBI_POOL_HASHING, options->hash_threads, options->hash_queue);
    kdbi_pool_start(auth, KDBI_POOL_TOKENS, 1, TOKEN_QUEUE);
    kdbi_pool_start(auth, KDBI_POOL_KEYS, auth->nissuers < KEY_THREADS_MAX ? (int32_t)auth->nissuers : KEY_THREADS_MAX,
                    KEY_QUEUE);
    *out = KDB_TAKE(auth);
    return KDB_OK;
}

void kdb_auth_close(kdb_auth *auth)
{
    if (auth == NULL) {
        return;
    }
    atomic_store(&auth->closing, true);
    kdbi_pool_stop_all(auth);
    kdbi_issuer_close_all(auth);
    kdbi_cache_done(&auth->cache);
    kdbi_session_free_all(auth);
    kdb_map_free(auth->identities);
    kdbi_strangers_free(auth->strangers);
    kdbi_auth_free_accounts(auth);
    kdb_cond_done(&auth->change_done);
    kdb_mutex_done(&auth->lock);
    kdb_arena_free(auth->arena);
    kdb_free(auth);
}
