/* auth_removal.c - accounts that were dropped are removed for good: from then on their names are free. What is in memory of one
 * stays where it is, out of everybody's sight, since passes and cached tokens point at it. */
#include "auth_int.h"

static bool is_removable(kdb_auth *auth, kdb_user_id id, int64_t before_us, kdbi_account **out)
{
    kdb_mutex_lock(&auth->lock);
    kdbi_account *account = kdb_map_lookup(auth->accounts, id.text);
    const bool removable = account != NULL && account->user->deleted_us != 0 && account->user->deleted_us < before_us;
    kdb_mutex_unlock(&auth->lock);
    *out = account;
    return removable;
}

static void hide(kdb_auth *auth, kdbi_account *account)
{
    kdb_mutex_lock(&auth->lock);
    (void)kdb_map_remove(auth->accounts, kdbi_account_id(account));
    kdbi_identity_hide(auth, account);
    atomic_fetch_add(&account->version, 1);
    account->next_removed = auth->removed;
    auth->removed = account;
    kdb_mutex_unlock(&auth->lock);
}

/* The sign-ins first: a crash in between leaves an account that is removed next time. */
static kdb_status remove_in_change(kdb_auth *auth, kdb_user_id id, int64_t before_us, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdbi_account *account = NULL;
    if (!is_removable(auth, id, before_us, &account)) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "User '%.*s' was not dropped so long ago", KDB_SV_ARG(id.text));
    }
    KDB_TRY(kdbi_session_drop(auth, account, err));
    kdb_batch_delete(batch, kdb_partition_system(KDB_PART_SYSTEM_USERS), id.text);
    KDB_TRY(kdb_store_commit(auth->store, batch, err));
    hide(auth, account);
    return KDB_OK;
}

kdb_status kdb_auth_remove_user(kdb_auth *auth, kdb_user_id id, int64_t before_us, kdb_err *err)
{
    kdbi_auth_change_begin(auth);
    const kdb_status status = remove_in_change(auth, id, before_us, err);
    kdbi_auth_change_end(auth);
    return status;
}
