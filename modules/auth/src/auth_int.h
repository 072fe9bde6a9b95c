/* auth_int.h - what the files of auth share: the object's fields, accounts and how they are changed, passwords, tokens
 * and their cache. */
#ifndef KDB_AUTH_INT_H
#define KDB_AUTH_INT_H

#include <stdatomic.h>

#include "kdb/auth.h"

enum {
    KDBI_USER_ID_MAX = 128,
    KDBI_EMAIL_MAX = 254,
    KDBI_AUTH_DATA_MAX = 4096,
    KDBI_PASSWORD_MAX = 72,    /* bytes that bcrypt looks at */
    KDBI_FAILURES_ALLOWED = 5, /* consecutive; the last one locks */
    KDBI_LOCK_SECONDS = 15 * 60,
    KDBI_LEEWAY_SECONDS = 60, /* between clocks, for exp, nbf and iat */
    KDBI_SECRET_MIN = 32,     /* bytes of a configured secret that is taken seriously */
    KDBI_RECORD_FORMAT = 1    /* first byte of every user record */
};

/* ---- users as bytes and as copies (user_record.c) ---- */

void kdbi_user_encode(const kdb_user *user, kdb_buf *out);
/* Views borrow from `id` and `bytes`. */
KDB_NODISCARD kdb_status kdbi_user_decode(kdb_sv id, kdb_sv bytes, kdb_user *out, kdb_err *err);
kdb_user kdbi_user_copy(const kdb_user *user, kdb_arena *arena);

/* ---- accounts (auth_account.c) ---- */

/* One user. Never freed before the auth object, so that the token cache may point to it. */
typedef struct kdbi_account {
    atomic_uint_fast64_t version; /* raised by every change after which an older token may be worth less */
    kdb_user *user;               /* guarded by the auth object's lock; replaced whole; one heap block */
    size_t id_len;
    char id[]; /* fixed */
} kdbi_account;

static inline kdb_sv kdbi_account_id(const kdbi_account *account)
{
    return kdb_sv_of(account->id, account->id_len);
}

/* What a token is checked against, read in one go. */
typedef struct kdbi_standing {
    kdbi_account *account;
    uint64_t version; /* from before the rest was read: a change in between makes it old */
    kdb_role role;
    uint64_t token_epoch;
} kdbi_standing;

/* False when there is no such user or it is deleted. */
bool kdbi_auth_standing(kdb_auth *auth, kdb_sv id, kdbi_standing *out);
/* Soft-deleted users are found too. */
bool kdbi_auth_lookup_user(kdb_auth *auth, kdb_sv id, kdb_arena *arena, kdb_user *out);
KDB_NODISCARD kdb_status kdbi_auth_load_users(kdb_auth *auth, kdb_err *err);
void kdbi_auth_free_accounts(kdb_auth *auth);

/* One change at a time: between begin and end the caller may read users, decide, store and show the result, and nobody
 * else changes any. */
void kdbi_auth_change_begin(kdb_auth *auth);
void kdbi_auth_change_end(kdb_auth *auth);
/* Stores the users durably in one batch, then shows them. Within a change only. */
KDB_NODISCARD kdb_status kdbi_auth_put_users(kdb_auth *auth, const kdb_user *users, size_t count, kdb_err *err);

/* A new user with nothing but its id, role, kind and times. */
kdb_user kdbi_user_new(kdb_user_id id, kdb_role role, kdb_auth_type auth_type);
/* Sets the hash, forgets failures and makes all older tokens worthless. */
void kdbi_user_set_password(kdb_user *user, kdb_sv hash);
/* Checks the id of a user to be made; the built-in names are taken. */
KDB_NODISCARD kdb_status kdbi_auth_check_new_id(kdb_auth *auth, kdb_user_id id, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_auth_check_email(kdb_sv email, kdb_err *err);

/* ---- roles (auth_role.c): one row each ---- */

typedef struct kdbi_role_def {
    uint8_t code; /* on disk */
    const char *name;
    const char *title;
} kdbi_role_def;
extern const kdbi_role_def kdbi_role_defs[KDB_ROLE_SYSTEM + 1];

/* ---- rights (auth_rights.c): one row per kind of change ---- */

typedef enum kdbi_right {
    KDBI_RIGHT_CREATE,
    KDBI_RIGHT_PASSWORD,
    KDBI_RIGHT_ROLE,
    KDBI_RIGHT_EMAIL,
    KDBI_RIGHT_DROP,
    KDBI_RIGHT_COUNT
} kdbi_right;
/* Whether the actor may do this at all to the user of that id; says nothing of whether there is one. */
KDB_NODISCARD kdb_status kdbi_auth_check_right(kdbi_right right, const kdb_principal *actor, kdb_user_id id,
                                               kdb_err *err);
/* Whether an actor with that right may use it on an account of this role (sql.md 24 rule 37). */
KDB_NODISCARD kdb_status kdbi_auth_check_target(const kdb_principal *actor, kdb_role role, kdb_err *err);

/* ---- passwords ---- */

bool kdbi_password_is_common(kdb_sv password);
/* bcrypt of a password of 1 to 72 bytes without NUL. */
KDB_NODISCARD kdb_status kdbi_bcrypt_hash(kdb_sv password, int32_t cost, kdb_arena *arena, kdb_sv *out, kdb_err *err);
/* Takes as long as the hash's cost says, whatever the answer. A password that cannot be right (too long, NUL) never
 * matches. */
bool kdbi_bcrypt_matches(kdb_sv password, kdb_sv hash);
/* What a password is compared with when there is no user: of the given cost, and nothing matches it. */
enum { KDBI_DUMMY_HASH_SIZE = 64 };
KDB_NODISCARD kdb_status kdbi_bcrypt_dummy(int32_t cost, char out[KDBI_DUMMY_HASH_SIZE], kdb_err *err);

/* ---- tokens ---- */

/* Tokens verified lately. An entry is good as long as its account has the same version. */
enum { KDBI_CACHE_ENTRIES = 4096, KDBI_CACHE_SHARDS = 64 };
typedef struct kdbi_cache_entry {
    char *token; /* heap; NULL: empty */
    size_t len;
    uint64_t hash;
    const kdbi_account *account;
    uint64_t version;
    kdb_role role;
    int64_t expires_s;
} kdbi_cache_entry;
typedef struct kdbi_token_cache {
    kdb_mutex locks[KDBI_CACHE_SHARDS]; /* rank KDB_LOCK_AUTH: nothing is locked while one is held */
    kdbi_cache_entry *entries;          /* entry i is guarded by locks[i % KDBI_CACHE_SHARDS] */
} kdbi_token_cache;
void kdbi_cache_init(kdbi_token_cache *cache);
void kdbi_cache_done(kdbi_token_cache *cache);
/* Fills the account and role of a token that is still good. */
bool kdbi_cache_find(kdbi_token_cache *cache, kdb_sv token, const kdbi_account **account, kdb_role *role);
void kdbi_cache_put(kdbi_token_cache *cache, kdb_sv token, const kdbi_standing *standing, int64_t expires_s);

/* True while a token that ends at `expires_s` may be used, leeway included. */
static inline bool kdbi_token_in_time(int64_t expires_s, int64_t now_s)
{
    return expires_s >= now_s - KDBI_LEEWAY_SECONDS;
}
KDB_NODISCARD kdb_status kdbi_auth_issue(kdb_auth *auth, const kdb_user *user, kdb_arena *arena, kdb_token_pair *out,
                                         kdb_err *err);
/* The configured secret, or the one kept in the store, made when there is none. */
KDB_NODISCARD kdb_status kdbi_auth_load_secret(kdb_auth *auth, kdb_sv configured, kdb_err *err);

/* ---- jobs ---- */

KDB_NODISCARD kdb_status kdbi_auth_login(kdb_auth *auth, kdb_auth_job *job, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_auth_setup(kdb_auth *auth, kdb_auth_job *job, kdb_err *err);
void kdbi_hasher_start(kdb_auth *auth, int32_t threads, int32_t waiting);
/* Runs what is queued and ends the threads. */
void kdbi_hasher_stop(kdb_auth *auth);

struct kdb_auth {
    /* fixed after open */
    kdb_store *store;
    kdb_arena *arena; /* of the fixed fields */
    kdb_sv secret;
    bool secret_is_default;
    int64_t access_seconds;
    int32_t bcrypt_cost;
    int32_t min_password;
    bool complexity;
    char dummy_hash[KDBI_DUMMY_HASH_SIZE];
    kdb_queue *jobs; /* any thread pushes, hashing threads pop */
    kdb_thread *threads;
    size_t nthreads;

    kdb_mutex lock;       /* rank KDB_LOCK_AUTH: nothing is locked while this is held */
    kdb_cond change_done; /* `changing` became false */
    bool changing;        /* guarded by lock; a flag and not a lock, because it stays over the commit */
    kdb_map *accounts;    /* guarded by lock: user id -> kdbi_account, owned, never removed */

    kdbi_token_cache cache; /* has locks of its own */
};

#endif
