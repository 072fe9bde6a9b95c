/* auth_account.c - the users in memory and the one way in which they change. An account keeps its address for good; its
 * user is an immutable block that is replaced under the lock, so readers copy and go on.
 *
 * No lock may be held over a store call, but a change must be decided, stored and shown without another one in between.
 * Hence the flag `changing`: whoever sets it is alone in changing users until it clears it, and readers never wait for
 * it. Changes are rare (each costs a commit, sign-ins cost a quarter of a second of hashing first), so one at a time
 * will do. */
#include <stdlib.h>

#include "auth_int.h"

/* ---- blocks ---- */

static char *keep(char *at, kdb_sv *text)
{
    if (text->len != 0) {
        memcpy(at, text->ptr, text->len);
    }
    text->ptr = at;
    return at + text->len;
}

/* One heap block with the strings behind the struct. */
static kdb_user *user_block(const kdb_user *user, kdb_sv id)
{
    size_t size = user->password_hash.len + user->auth_data.len + user->email.len;
    kdb_user *block = kdb_alloc(sizeof(*block) + size);
    char *at = (char *)(block + 1);
    *block = *user;
    block->id.text = id;
    at = keep(at, &block->password_hash);
    at = keep(at, &block->auth_data);
    (void)keep(at, &block->email);
    return block;
}

static kdbi_account *account_new(kdb_sv id)
{
    kdbi_account *account = kdb_alloc(sizeof(*account) + id.len);
    atomic_init(&account->version, 1);
    account->id_len = id.len;
    memcpy(account->id, id.ptr, id.len);
    return account;
}

static bool tokens_differ(const kdb_user *a, const kdb_user *b)
{
    return a->role != b->role || a->token_epoch != b->token_epoch || a->deleted_us != b->deleted_us;
}

/* Shows `user` from now on. The version rises after the user is replaced, both under the lock: see
 * kdbi_auth_standing. */
static void show_user(kdb_auth *auth, const kdb_user *user)
{
    kdb_mutex_lock(&auth->lock);
    kdbi_account *account = kdb_map_lookup(auth->accounts, user->id.text);
    if (account == NULL) {
        account = account_new(user->id.text);
        (void)kdb_map_put(auth->accounts, user->id.text, account);
    }
    kdb_user *old = account->user;
    account->user = user_block(user, kdbi_account_id(account));
    if (old == NULL) {
        kdbi_identity_show(auth, account); /* nothing changes it later */
    }
    if (old != NULL && tokens_differ(old, user)) {
        atomic_fetch_add(&account->version, 1);
    }
    kdb_mutex_unlock(&auth->lock);
    kdb_free(old);
}

kdb_status kdbi_auth_load_users(kdb_auth *auth, kdb_err *err)
{
    kdb_partition part = kdb_partition_system(KDB_PART_SYSTEM_USERS);
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(auth->store, NULL, part, (kdb_iter_range){ 0 });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        kdb_user user;
        KDB_TRY(kdbi_user_decode(kdb_iter_key(iter), kdb_iter_value(iter), &user, err));
        show_user(auth, &user);
    }
    return kdb_iter_status(iter, err);
}

static void free_account(kdbi_account *account)
{
    kdb_free(account->user);
    kdb_free(account);
}

void kdbi_auth_free_accounts(kdb_auth *auth)
{
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    while (kdb_map_next(auth->accounts, &cursor, &key, &value)) {
        free_account(value);
    }
    for (kdbi_account *account = auth->removed, *next; account != NULL; account = next) {
        next = account->next_removed;
        free_account(account);
    }
    kdb_map_free(auth->accounts);
}

/* ---- reading ---- */

bool kdbi_auth_standing(kdb_auth *auth, kdb_sv id, kdbi_standing *out)
{
    kdb_mutex_lock(&auth->lock);
    kdbi_account *account = kdb_map_lookup(auth->accounts, id);
    bool found = account != NULL && account->user->deleted_us == 0;
    if (found) {
        *out = (kdbi_standing){
            .account = account,
            .version = atomic_load(&account->version),
            .role = account->user->role,
            .token_epoch = account->user->token_epoch,
            .created_us = account->user->created_us,
        };
    }
    kdb_mutex_unlock(&auth->lock);
    return found;
}

bool kdb_auth_role_of(kdb_auth *auth, kdb_user_id id, kdb_role *out)
{
    kdb_mutex_lock(&auth->lock);
    const kdbi_account *account = kdb_map_lookup(auth->accounts, id.text);
    if (account != NULL) {
        *out = account->user->role;
    }
    kdb_mutex_unlock(&auth->lock);
    return account != NULL;
}

bool kdbi_auth_lookup_user(kdb_auth *auth, kdb_sv id, kdb_arena *arena, kdb_user *out)
{
    kdb_mutex_lock(&auth->lock);
    kdbi_account *account = kdb_map_lookup(auth->accounts, id);
    if (account != NULL) {
        *out = kdbi_user_copy(account->user, arena);
    }
    kdb_mutex_unlock(&auth->lock);
    return account != NULL;
}

kdb_status kdb_auth_find_user(kdb_auth *auth, kdb_user_id id, kdb_arena *arena, kdb_user *out, kdb_err *err)
{
    if (!kdbi_auth_lookup_user(auth, id.text, arena, out)) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "User '%.*s' not found", KDB_SV_ARG(id.text));
    }
    return KDB_OK;
}

bool kdb_auth_needs_setup(kdb_auth *auth)
{
    kdb_mutex_lock(&auth->lock);
    kdbi_account *root = kdb_map_lookup(auth->accounts, KDB_SV("root"));
    bool needs = root->user->password_hash.len == 0;
    kdb_mutex_unlock(&auth->lock);
    return needs;
}

static int by_id(const void *a, const void *b)
{
    return kdb_sv_cmp(((const kdb_user *)a)->id.text, ((const kdb_user *)b)->id.text);
}

void kdb_auth_list_users(kdb_auth *auth, kdb_arena *arena, kdb_user **out, size_t *count)
{
    size_t cursor = 0;
    size_t n = 0;
    kdb_sv key;
    void *value;
    kdb_mutex_lock(&auth->lock);
    kdb_user *list = KDB_ARENA_ARRAY(arena, kdb_user, kdb_map_count(auth->accounts));
    while (kdb_map_next(auth->accounts, &cursor, &key, &value)) {
        list[n++] = kdbi_user_copy(((const kdbi_account *)value)->user, arena);
    }
    kdb_mutex_unlock(&auth->lock);
    qsort(list, n, sizeof(*list), by_id);
    *out = list;
    *count = n;
}

/* ---- changing ---- */

void kdbi_auth_change_begin(kdb_auth *auth)
{
    kdb_mutex_lock(&auth->lock);
    while (auth->changing) {
        kdb_cond_wait(&auth->change_done, &auth->lock);
    }
    auth->changing = true;
    kdb_mutex_unlock(&auth->lock);
}

void kdbi_auth_change_end(kdb_auth *auth)
{
    kdb_mutex_lock(&auth->lock);
    auth->changing = false;
    kdb_cond_signal(&auth->change_done);
    kdb_mutex_unlock(&auth->lock);
}

static void stage_user(const kdb_user *user, kdb_batch *batch)
{
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdbi_user_encode(user, &record);
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_USERS), user->id.text, kdb_buf_sv(&record));
    kdb_buf_done(&record);
}

kdb_status kdbi_auth_put_user_for(kdb_auth *auth, const kdb_principal *actor, const kdb_user *user, kdb_err *err)
{
    if (actor->with == NULL) {
        return kdbi_auth_put_users(auth, user, 1, err);
    }
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    stage_user(user, batch);
    KDB_TRY(actor->with->commit(actor->with->self, batch, err));
    show_user(auth, user);
    return KDB_OK;
}

kdb_status kdbi_auth_put_users(kdb_auth *auth, const kdb_user *users, size_t count, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (size_t i = 0; i < count; i++) {
        stage_user(&users[i], batch);
    }
    KDB_TRY(kdb_store_commit(auth->store, batch, err));
    for (size_t i = 0; i < count; i++) {
        show_user(auth, &users[i]); /* disk first; then memory, which cannot fail */
    }
    return KDB_OK;
}
