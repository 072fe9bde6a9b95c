/* auth_session.c - what became of sign-ins. All tokens of a sign-in carry its id (claim `sid`), and each refresh raises the
 * generation (claim `gen`) of its refresh token. A sign-in that was neither refreshed nor ended has no record, so most cost
 * nothing; one that was has a record until its last token is out of time, in memory and in partition system_sessions.
 * Tokens without such an id (signed elsewhere with our secret, or by an older server) go by a digest of their text.
 *
 * Records are bounded per user and in all. Where a bound is reached, the user's token_epoch is raised instead: that ends
 * all tokens of the user, which is more than was asked, but never less. */
#include <openssl/evp.h>

#include "auth_int.h"

enum { SWEEP_MIN = 1024, DIGEST_LEN = 32, FLAG_ENDED = 1 };

/* ---- keys ---- */

kdb_sv kdbi_session_new_id(kdb_arena *arena)
{
    char bytes[KDBI_SESSION_ID_LEN / 2];
    kdb_random_bytes(bytes, sizeof(bytes));
    return kdb_hex_encode(arena, kdb_sv_of(bytes, sizeof(bytes)));
}

kdb_status kdbi_session_key_of_text(kdb_sv token, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    unsigned char digest[DIGEST_LEN];
    if (EVP_Digest(token.ptr, token.len, digest, NULL, EVP_sha256(), NULL) != 1) {
        return KDB_FAIL(err, KDB_INTERNAL, "a token could not be digested");
    }
    *out = kdb_hex_encode(arena, kdb_sv_of((const char *)digest, sizeof(digest)));
    return KDB_OK;
}

/* ---- records ----
 * u8 format | u8 flags | u32 generation | u64 rotated_us, expires_s | text user */

static kdb_partition partition(void)
{
    return kdb_partition_system(KDB_PART_SYSTEM_SESSIONS);
}

static void stage(const kdbi_session *session, kdb_sv key, kdb_batch *batch)
{
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdb_buf_append_byte(&record, KDBI_RECORD_FORMAT);
    kdb_buf_append_byte(&record, session->ended ? FLAG_ENDED : 0);
    kdb_record_write_u32(&record, session->generation);
    kdb_record_write_u64(&record, (uint64_t)session->rotated_us);
    kdb_record_write_u64(&record, (uint64_t)session->expires_s);
    kdb_record_write_text(&record, kdbi_account_id(session->account));
    kdb_batch_put(batch, partition(), key, kdb_buf_sv(&record));
    kdb_buf_done(&record);
}

static kdb_status decode(kdb_sv bytes, kdbi_session *out, kdb_sv *user, kdb_err *err)
{
    kdb_record_reader in = { .rest = bytes };
    uint8_t format = kdb_record_read_u8(&in);
    uint8_t flags = kdb_record_read_u8(&in);
    kdbi_session session = { .ended = (flags & FLAG_ENDED) != 0 };
    session.generation = kdb_record_read_u32(&in);
    session.rotated_us = (int64_t)kdb_record_read_u64(&in);
    session.expires_s = (int64_t)kdb_record_read_u64(&in);
    *user = kdb_record_read_text(&in);
    if (in.failed || in.rest.len != 0 || format != KDBI_RECORD_FORMAT) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad session record of %zu bytes", bytes.len);
    }
    *out = session;
    return KDB_OK;
}

/* ---- memory ---- */

/* A record that ends a sign-in makes what was verified of the user old. */
static void show(kdb_auth *auth, kdb_sv key, const kdbi_session *session)
{
    kdb_mutex_lock(&auth->lock);
    kdbi_session *known = kdb_map_lookup(auth->sessions, key);
    if (known == NULL) {
        known = KDB_NEW(kdbi_session);
        (void)kdb_map_put(auth->sessions, key, known);
        session->account->nsessions++;
    }
    *known = *session;
    if (session->ended) {
        atomic_fetch_add(&session->account->version, 1);
    }
    kdb_mutex_unlock(&auth->lock);
}

static void forget(kdb_auth *auth, kdb_sv key)
{
    kdb_mutex_lock(&auth->lock);
    kdbi_session *known = kdb_map_remove(auth->sessions, key);
    known->account->nsessions--;
    kdb_mutex_unlock(&auth->lock);
    kdb_free(known);
}

kdbi_session kdbi_session_find(kdb_auth *auth, kdb_sv key, kdbi_account *account)
{
    kdb_mutex_lock(&auth->lock);
    const kdbi_session *known = kdb_map_lookup(auth->sessions, key);
    kdbi_session session = known != NULL ? *known : (kdbi_session){ .account = account };
    kdb_mutex_unlock(&auth->lock);
    return session;
}

void kdbi_session_free_all(kdb_auth *auth)
{
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    while (kdb_map_next(auth->sessions, &cursor, &key, &value)) {
        kdb_free(value);
    }
    kdb_map_free(auth->sessions);
}

/* ---- bounds ---- */

static bool is_over(const kdbi_session *session)
{
    return !kdbi_token_in_time(session->expires_s, kdb_now_us() / 1000000);
}

/* Keys of the records that are over, or of this account's when it is not NULL. */
static kdb_sv *collect(kdb_auth *auth, const kdbi_account *account, kdb_arena *arena, size_t *count)
{
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    *count = 0;
    kdb_mutex_lock(&auth->lock);
    kdb_sv *keys = KDB_ARENA_ARRAY(arena, kdb_sv, kdb_map_count(auth->sessions));
    while (kdb_map_next(auth->sessions, &cursor, &key, &value)) {
        const kdbi_session *session = value;
        if (account != NULL ? session->account == account : is_over(session)) {
            keys[(*count)++] = kdb_sv_dup(arena, key);
        }
    }
    kdb_mutex_unlock(&auth->lock);
    return keys;
}

/* NULL: of those whose time is over. */
static kdb_status drop_records(kdb_auth *auth, const kdbi_account *account, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    size_t count;
    const kdb_sv *keys = collect(auth, account, arena, &count);
    if (count == 0) {
        return KDB_OK;
    }
    for (size_t i = 0; i < count; i++) {
        kdb_batch_delete(batch, partition(), keys[i]);
    }
    KDB_TRY(kdb_store_commit(auth->store, batch, err));
    for (size_t i = 0; i < count; i++) {
        forget(auth, keys[i]);
    }
    return KDB_OK;
}

/* Each time the records have doubled since the last sweep. */
static kdb_status sweep(kdb_auth *auth, kdb_err *err)
{
    if (kdb_map_count(auth->sessions) < auth->sweep_at) {
        return KDB_OK;
    }
    KDB_TRY(drop_records(auth, NULL, err));
    size_t left = kdb_map_count(auth->sessions);
    auth->sweep_at = 2 * left < SWEEP_MIN ? SWEEP_MIN : 2 * left;
    return KDB_OK;
}

static bool has_room(kdb_auth *auth, kdb_sv key, const kdbi_account *account)
{
    kdb_mutex_lock(&auth->lock);
    bool room = kdb_map_lookup(auth->sessions, key) != NULL ||
                (account->nsessions < KDBI_SESSIONS_PER_USER && kdb_map_count(auth->sessions) < KDBI_SESSIONS_MAX);
    kdb_mutex_unlock(&auth->lock);
    return room;
}

/* The users first: a crash in between leaves records that nobody needs. */
static kdb_status end_all(kdb_auth *auth, kdbi_account *account, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_user user;
    bool found = kdbi_auth_lookup_user(auth, kdbi_account_id(account), arena, &user);
    KDB_ASSERT(found);
    kdb_log_warn("too many sign-ins, all ended user=%.*s", KDB_SV_ARG(user.id.text));
    user.token_epoch++;
    KDB_TRY(kdbi_auth_put_users(auth, &user, 1, err));
    return drop_records(auth, account, err);
}

kdb_status kdbi_session_put(kdb_auth *auth, kdb_sv key, const kdbi_session *session, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(sweep(auth, err));
    if (!has_room(auth, key, session->account)) {
        return end_all(auth, session->account, err);
    }
    stage(session, key, batch);
    KDB_TRY(kdb_store_commit(auth->store, batch, err));
    show(auth, key, session);
    return KDB_OK;
}

kdb_status kdbi_session_drop(kdb_auth *auth, const kdbi_account *account, kdb_err *err)
{
    return drop_records(auth, account, err);
}

/* ---- start ---- */

/* A record of a user who is gone says nothing any more. */
static kdb_status load_one(kdb_auth *auth, kdb_sv key, kdb_sv bytes, kdb_err *err)
{
    kdbi_session session;
    kdb_sv user;
    KDB_TRY(decode(bytes, &session, &user, err));
    session.account = kdb_map_lookup(auth->accounts, user);
    if (session.account != NULL) {
        show(auth, key, &session);
    }
    return KDB_OK;
}

kdb_status kdbi_session_load(kdb_auth *auth, kdb_err *err)
{
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(auth->store, NULL, partition(), (kdb_iter_range){ 0 });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        KDB_TRY(load_one(auth, kdb_iter_key(iter), kdb_iter_value(iter), err));
    }
    return kdb_iter_status(iter, err);
}
