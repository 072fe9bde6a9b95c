/* auth_login.c - sign-in with a password, on a hashing thread. Whatever the user is, one hash of the configured cost is
 * made and one commit is waited for, so that the time of an answer does not tell which users exist; nor does the lock, which
 * names that nobody has get too. The state is looked at again after hashing: guesses that were hashed side by side are counted one by one, and once the account is locked
 * even the right one of them is refused. */
#include "auth_int.h"

static kdb_status refused(kdb_err *err)
{
    return KDB_FAIL(err, KDB_INVALID_CREDENTIALS, "Invalid credentials");
}

/* A user that a password can sign in: not deleted, and with a password of its own. */
static bool can_sign_in(const kdb_user *user)
{
    return user->deleted_us == 0 && user->password_hash.len != 0 && user->auth_type != KDB_AUTH_OAUTH;
}

static kdb_status check_lock(const kdb_user *user, kdb_err *err)
{
    if (user->locked_until_us > kdb_now_us()) {
        return KDB_FAIL(err, KDB_ACCOUNT_LOCKED, "Account locked");
    }
    return KDB_OK;
}

static kdb_status check_stranger(kdb_auth *auth, kdb_sv name, kdb_err *err)
{
    if (kdbi_stranger_is_locked(auth, name)) {
        return KDB_FAIL(err, KDB_ACCOUNT_LOCKED, "Account locked");
    }
    return KDB_OK;
}

/* wire-protocol.md 4.1: root without a password is told to set up, from this machine only. */
static kdb_status check_setup(kdb_auth *auth, const kdb_auth_job *job, kdb_err *err)
{
    if (job->password.len != 0 || !kdb_sv_eq(job->user, KDB_SV("root")) || !kdb_auth_needs_setup(auth)) {
        return KDB_OK;
    }
    if (!job->from_loopback) {
        return KDB_FAIL(err, KDB_REMOTE_DENIED, "Access denied");
    }
    return KDB_FAIL(err, KDB_SETUP_REQUIRED, "Server requires initial setup");
}

/* The write that a failure of a known user costs, for one that is not known. */
static kdb_status note_unknown(kdb_auth *auth, kdb_sv name, kdb_err *err)
{
    kdbi_stranger_failed(auth, name);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    char now[8];
    kdb_put_le64(now, (uint64_t)kdb_now_us());
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS), KDB_SV("last_unknown_sign_in"),
                  kdb_sv_of(now, sizeof(now)));
    KDB_TRY(kdb_store_commit(auth->store, batch, err));
    return refused(err);
}

void kdbi_count_failure(uint32_t *failures, int64_t *locked_until_us, int64_t now_us)
{
    if (*locked_until_us != 0) {
        *locked_until_us = 0;
        *failures = 0;
    }
    (*failures)++;
    if (*failures >= KDBI_FAILURES_ALLOWED) {
        *locked_until_us = now_us + (int64_t)KDBI_LOCK_SECONDS * 1000000;
    }
}

static kdb_status note_failure(kdb_auth *auth, kdb_user *user, kdb_err *err)
{
    kdbi_count_failure(&user->failed_logins, &user->locked_until_us, kdb_now_us());
    KDB_TRY(kdbi_auth_put_users(auth, user, 1, err));
    return refused(err);
}

static kdb_status note_success(kdb_auth *auth, kdb_user *user, kdb_err *err)
{
    user->failed_logins = 0;
    user->locked_until_us = 0;
    user->last_login_us = kdb_now_us();
    user->last_seen_us = user->last_login_us;
    return kdbi_auth_put_users(auth, user, 1, err);
}

/* Within a change. `hash` is what the password was compared with. */
static kdb_status conclude(kdb_auth *auth, kdb_auth_job *job, kdb_sv hash, bool matches, kdb_err *err)
{
    kdb_user user;
    if (!kdbi_auth_lookup_user(auth, job->user, job->arena, &user) || !can_sign_in(&user)) {
        KDB_TRY(check_stranger(auth, job->user, err));
        return note_unknown(auth, job->user, err);
    }
    KDB_TRY(check_lock(&user, err));
    if (!matches || !kdb_sv_eq(user.password_hash, hash)) {
        return note_failure(auth, &user, err);
    }
    KDB_TRY(note_success(auth, &user, err));
    return kdbi_token_issue(auth, &user, kdbi_session_new_id(job->arena), 0, job->arena, &job->pair, err);
}

kdb_status kdbi_auth_login(kdb_auth *auth, kdb_auth_job *job, kdb_err *err)
{
    KDB_TRY(check_setup(auth, job, err));
    kdb_user user;
    kdb_sv hash = kdb_sv_cstr(auth->dummy_hash);
    if (kdbi_auth_lookup_user(auth, job->user, job->arena, &user) && can_sign_in(&user)) {
        KDB_TRY(check_lock(&user, err));
        hash = user.password_hash;
    } else {
        KDB_TRY(check_stranger(auth, job->user, err));
    }
    bool matches = kdbi_bcrypt_matches(job->password, hash);
    kdbi_auth_change_begin(auth);
    kdb_status status = conclude(auth, job, hash, matches, err);
    kdbi_auth_change_end(auth);
    return status;
}
