/* auth_secret.c - the key that signs tokens: the configured one, or one made at first start and kept in partition
 * system_settings, sealed, so that tokens outlive a restart and the store alone makes none. */
#include "auth_int.h"

static const kdb_sv secret_key = { "jwt_secret", sizeof("jwt_secret") - 1 };
#define PLACE KDB_SV("system_settings/jwt_secret")

static kdb_status store_secret(kdb_auth *auth, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS), secret_key,
                  kdb_seal_close(auth->seal, PLACE, auth->secret, auth->arena));
    return kdb_store_commit(auth->store, batch, err);
}

static kdb_status make_secret(kdb_auth *auth, kdb_err *err)
{
    char bytes[KDBI_SECRET_MIN];
    kdb_random_bytes(bytes, sizeof(bytes));
    auth->secret = kdb_hex_encode(auth->arena, kdb_sv_of(bytes, sizeof(bytes)));
    explicit_bzero(bytes, sizeof(bytes));
    return store_secret(auth, err);
}

/* One that does not open is replaced, which signs everybody out: so is one that an older server stored in the open, as
 * copies of it may lie about in the store's files. */
static kdb_status open_secret(kdb_auth *auth, kdb_sv stored, kdb_err *err)
{
    kdb_err why = { .position = -1 };
    if (kdb_seal_open(auth->seal, PLACE, stored, auth->arena, &auth->secret, &why) != KDB_OK) {
        kdb_log_warn("token secret made anew, everybody has to sign in again err=\"%s\"", why.text);
        return make_secret(auth, err);
    }
    if (auth->secret.len < KDBI_SECRET_MIN) {
        return KDB_FAIL(err, KDB_CORRUPT, "the stored token secret has %zu bytes", auth->secret.len);
    }
    return kdb_seal_is_current(auth->seal, stored) ? KDB_OK : store_secret(auth, err);
}

static kdb_status load_or_make(kdb_auth *auth, kdb_err *err)
{
    kdb_sv stored;
    const kdb_status status = kdb_store_get(auth->store, NULL, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS),
                                            secret_key, auth->arena, &stored, err);
    if (status == KDB_NOT_FOUND) {
        return make_secret(auth, err);
    }
    KDB_TRY(status);
    return open_secret(auth, stored, err);
}

kdb_status kdbi_auth_load_secret(kdb_auth *auth, kdb_sv configured, kdb_err *err)
{
    if (configured.len == 0) {
        return load_or_make(auth, err);
    }
    auth->secret = kdb_sv_dup(auth->arena, configured);
    auth->secret_is_default = kdb_sv_eq(configured, KDB_SV("CHANGE_ME_IN_PRODUCTION"));
    if (configured.len < KDBI_SECRET_MIN && !auth->secret_is_default) { /* short enough to be guessed from one token */
        return KDB_FAIL(err, KDB_INVALID, "auth.jwt_secret must have at least %d characters", KDBI_SECRET_MIN);
    }
    return KDB_OK;
}

bool kdb_auth_secret_is_default(const kdb_auth *auth)
{
    return auth->secret_is_default;
}
