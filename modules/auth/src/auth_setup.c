/* auth_setup.c - the first set-up (wire-protocol.md 4.5): gives root its password and makes the first dba, both or
 * neither. Works once: as soon as root has a password there is nothing to set up. */
#include "auth_int.h"

static kdb_status check_open(kdb_auth *auth, kdb_err *err)
{
    if (!kdb_auth_needs_setup(auth)) {
        return KDB_FAIL(err, KDB_CONFLICT, "Server is already configured");
    }
    return KDB_OK;
}

/* The names that are never free are bad names here, not taken ones. */
static kdb_status check_name(kdb_sv id, kdb_err *err)
{
    kdb_err why;
    if (kdb_auth_check_user_id(id, &why) != KDB_OK) {
        return KDB_FAIL(err, KDB_INVALID, "%s", why.text);
    }
    if (kdb_sv_eq(id, KDB_SV("root")) || kdb_sv_eq(id, KDB_SV("system")) || kdb_sv_eq(id, KDB_SV("anonymous"))) {
        return KDB_FAIL(err, KDB_INVALID, "User name '%.*s' is reserved", KDB_SV_ARG(id));
    }
    return KDB_OK;
}

static kdb_status check_email(kdb_sv email, kdb_err *err)
{
    kdb_err why;
    if (kdbi_auth_check_email(email, &why) != KDB_OK) {
        return KDB_FAIL(err, KDB_INVALID, "%s", why.text);
    }
    return KDB_OK;
}

static kdb_status check_passwords(kdb_auth *auth, const kdb_auth_job *job, kdb_err *err)
{
    KDB_TRY(kdb_auth_check_password(auth, job->password, err));
    kdb_status status = kdb_auth_check_password(auth, job->root_password, err);
    if (status != KDB_OK) {
        kdb_err_context(err, "root_password");
    }
    return status;
}

/* Within a change. */
static kdb_status store(kdb_auth *auth, kdb_auth_job *job, kdb_sv hash, kdb_sv root_hash, kdb_err *err)
{
    kdb_user users[2];
    kdb_user_id id = { job->user };
    KDB_TRY(check_open(auth, err)); /* somebody else may have been first */
    KDB_TRY(kdbi_auth_check_new_id(auth, id, err));
    bool found = kdbi_auth_lookup_user(auth, KDB_SV("root"), job->arena, &users[0]);
    KDB_ASSERT(found);
    kdbi_user_set_password(&users[0], root_hash);
    users[1] = kdbi_user_new(id, KDB_ROLE_DBA, KDB_AUTH_PASSWORD);
    users[1].password_hash = hash;
    users[1].email = job->email;
    KDB_TRY(kdbi_auth_put_users(auth, users, 2, err));
    job->created = kdbi_user_copy(&users[1], job->arena);
    return KDB_OK;
}

kdb_status kdbi_auth_setup(kdb_auth *auth, kdb_auth_job *job, kdb_err *err)
{
    kdb_sv hash;
    kdb_sv root_hash;
    KDB_TRY(check_open(auth, err));
    KDB_TRY(check_name(job->user, err));
    KDB_TRY(kdbi_auth_check_new_id(auth, (kdb_user_id){ job->user }, err));
    KDB_TRY(check_email(job->email, err));
    KDB_TRY(check_passwords(auth, job, err));
    KDB_TRY(kdbi_bcrypt_hash(job->password, auth->bcrypt_cost, job->arena, &hash, err));
    KDB_TRY(kdbi_bcrypt_hash(job->root_password, auth->bcrypt_cost, job->arena, &root_hash, err));
    kdbi_auth_change_begin(auth);
    kdb_status status = store(auth, job, hash, root_hash, err);
    kdbi_auth_change_end(auth);
    return status;
}
