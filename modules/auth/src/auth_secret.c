/* auth_secret.c - the key that signs tokens: the configured one, or one made at first start and kept in partition
 * system_settings, so that tokens outlive a restart. */
#include "auth_int.h"

static const kdb_sv secret_key = { "jwt_secret", sizeof("jwt_secret") - 1 };

static kdb_status make_secret(kdb_auth *auth, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    char bytes[KDBI_SECRET_MIN];
    kdb_random_bytes(bytes, sizeof(bytes));
    auth->secret = kdb_hex_encode(auth->arena, kdb_sv_of(bytes, sizeof(bytes)));
    explicit_bzero(bytes, sizeof(bytes));
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS), secret_key, auth->secret);
    return kdb_store_commit(auth->store, batch, err);
}

static kdb_status load_or_make(kdb_auth *auth, kdb_err *err)
{
    kdb_status status = kdb_store_get(auth->store, NULL, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS), secret_key,
                                      auth->arena, &auth->secret, err);
    if (status == KDB_NOT_FOUND) {
        return make_secret(auth, err);
    }
    KDB_TRY(status);
    if (auth->secret.len < KDBI_SECRET_MIN) {
        return KDB_FAIL(err, KDB_CORRUPT, "the stored token secret has %zu bytes", auth->secret.len);
    }
    return KDB_OK;
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
