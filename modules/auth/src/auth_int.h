/* auth_int.h - what the files of auth share: the object's fields, accounts and how they are changed, passwords, tokens
 * and their cache. */
#ifndef KDB_AUTH_INT_H
#define KDB_AUTH_INT_H

#include <stdatomic.h>

#include "kdb/auth.h"
#include "kdb/http.h"
#include "kdb/record.h"

enum {
    KDBI_USER_ID_MAX = 128,
    KDBI_EMAIL_MAX = 254,
    KDBI_AUTH_DATA_MAX = 4096,
    KDBI_PASSWORD_MAX = 72,    /* bytes that bcrypt looks at */
    KDBI_FAILURES_ALLOWED = 5, /* consecutive; the last one locks */
    KDBI_LOCK_SECONDS = 15 * 60,
    KDBI_REFRESH_FACTOR = 7,  /* lives of an access token that a refresh token lives */
    KDBI_LEEWAY_SECONDS = 60, /* between clocks, for exp, nbf and iat */
    KDBI_SECRET_MIN = 32,     /* bytes of a configured secret that is taken seriously */
    KDBI_RECORD_FORMAT = 1    /* first byte of every record */
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
    size_t nsessions;             /* guarded by the same, as the next */
    struct kdbi_account *next_removed;
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
    int64_t created_us;
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
/* The same for one user that `actor` changes, committed as the actor says. */
KDB_NODISCARD kdb_status kdbi_auth_put_user_for(kdb_auth *auth, const kdb_principal *actor, const kdb_user *user,
                                                kdb_err *err);

/* A new user with nothing but its id, role, kind and times. */
kdb_user kdbi_user_new(kdb_user_id id, kdb_role role, kdb_auth_type auth_type);
/* Sets the hash, forgets failures and makes all older tokens worthless. */
void kdbi_user_set_password(kdb_user *user, kdb_sv hash);
/* Stores a user of whom all but what is unique has been checked; within a change. */
KDB_NODISCARD kdb_status kdbi_auth_create_in_change(kdb_auth *auth, const kdb_principal *actor, const kdb_user *user,
                                                    kdb_err *err);
/* Checks the id of a user to be made; the built-in names are taken. */
KDB_NODISCARD kdb_status kdbi_auth_check_new_id(kdb_auth *auth, kdb_user_id id, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_auth_check_email(kdb_sv email, kdb_err *err);

/* ---- failed sign-ins ---- */

/* One more, the fifth of which locks (auth_login.c). A lock that has run out takes its failures along: five more are allowed. */
void kdbi_count_failure(uint32_t *failures, int64_t *locked_until_us, int64_t now_us);
/* Names that no password can sign in (auth_stranger.c). */
typedef struct kdbi_strangers kdbi_strangers;
kdbi_strangers *kdbi_strangers_new(void);
void kdbi_strangers_free(kdbi_strangers *all); /* NULL is fine */
bool kdbi_stranger_is_locked(kdb_auth *auth, kdb_sv name);
void kdbi_stranger_failed(kdb_auth *auth, kdb_sv name);

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

typedef enum kdbi_token_type { KDBI_TOKEN_ACCESS, KDBI_TOKEN_REFRESH, KDBI_TOKEN_ANY } kdbi_token_type;

/* What a good token of ours says. */
typedef struct kdbi_token {
    kdbi_standing standing;
    int64_t expires_s;
    kdb_sv session; /* key of its sign-in: see auth_session.c */
    uint32_t generation;
    bool made; /* the account, for this token */
} kdbi_token;
/* Three parts of base64url and no longer than tokens are: what anybody may send is looked at before a library parses it. */
bool kdbi_token_is_shaped(kdb_sv token);
/* Everything but whether its sign-in has ended. KDB_TOKEN_EXPIRED or KDB_INVALID_CREDENTIALS. */
KDB_NODISCARD kdb_status kdbi_token_check(kdb_auth *auth, kdb_sv token, kdbi_token_type type, kdb_arena *arena,
                                          kdbi_token *out, kdb_err *err);
/* kdb_auth_verify without its cache, and what the token says. */
KDB_NODISCARD kdb_status kdbi_token_verify(kdb_auth *auth, kdb_sv token, kdb_arena *arena, kdbi_token *out,
                                           kdb_err *err);
/* A pair that belongs to the sign-in `session`; its refresh token is of this generation. */
KDB_NODISCARD kdb_status kdbi_token_issue(kdb_auth *auth, const kdb_user *user, kdb_sv session, uint32_t generation,
                                          kdb_arena *arena, kdb_token_pair *out, kdb_err *err);

/* ---- sign-ins (auth_session.c) ---- */

enum {
    KDBI_SESSION_ID_LEN = 32,      /* of a sign-in of ours, in lower-case hex */
    KDBI_SESSIONS_PER_USER = 1000, /* records */
    KDBI_SESSIONS_MAX = 1000000    /* of all users */
};

typedef struct kdbi_session {
    kdbi_account *account;
    uint32_t generation; /* of the newest refresh token */
    bool ended;
    int64_t rotated_us; /* when that was given out */
    int64_t expires_s;  /* when the last token of it is out of time */
} kdbi_session;

/* A new id, in `arena`. */
kdb_sv kdbi_session_new_id(kdb_arena *arena);
/* What a token without such an id goes by: a digest of its text. */
KDB_NODISCARD kdb_status kdbi_session_key_of_text(kdb_sv token, kdb_arena *arena, kdb_sv *out, kdb_err *err);
/* A record without news (generation 0, not ended) when there is none. */
kdbi_session kdbi_session_find(kdb_auth *auth, kdb_sv key, kdbi_account *account);
/* Stores durably, then shows; within a change. When there are too many records the user's tokens are ended instead, all of
 * them. */
KDB_NODISCARD kdb_status kdbi_session_put(kdb_auth *auth, kdb_sv key, const kdbi_session *session, kdb_err *err);
/* Forgets the sign-ins of an account. Within a change. */
KDB_NODISCARD kdb_status kdbi_session_drop(kdb_auth *auth, const kdbi_account *account, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_session_load(kdb_auth *auth, kdb_err *err);
void kdbi_session_free_all(kdb_auth *auth);

/* ---- other issuers ---- */

/* False when it is not base64url without padding. */
bool kdbi_base64url_decode(kdb_sv text, kdb_arena *arena, kdb_sv *out);

/* Keys (oidc_key.c). */
typedef enum kdbi_key_kind { KDBI_KEY_RSA, KDBI_KEY_P256, KDBI_KEY_P384 } kdbi_key_kind;
typedef struct kdbi_alg {
    const char *name; /* "RS256" */
    kdbi_key_kind kind;
    const char *digest; /* OpenSSL's name */
    bool pss;
} kdbi_alg;
const kdbi_alg *kdbi_alg_lookup(kdb_sv name); /* NULL: not one that is taken */
typedef struct kdbi_jwk {
    kdb_sv kid; /* empty: has none */
    kdb_sv alg; /* empty: any that its kind can */
    kdbi_key_kind kind;
    struct evp_pkey_st *key;
} kdbi_jwk;
typedef struct kdbi_keyset {
    atomic_uint refs;
    kdb_arena *arena; /* holds the set itself */
    kdbi_jwk *keys;
    size_t count;
} kdbi_keyset;
KDB_NODISCARD kdb_status kdbi_keyset_parse(kdb_sv text, kdbi_keyset **out, kdb_err *err);
kdbi_keyset *kdbi_keyset_ref(kdbi_keyset *set);
void kdbi_keyset_unref(kdbi_keyset *set); /* NULL is fine */
/* The key of that id for that algorithm; without an id the only one for it. NULL: none. */
const kdbi_jwk *kdbi_keyset_lookup(const kdbi_keyset *set, kdb_sv kid, const kdbi_alg *alg);
/* The key must be of the algorithm's kind. */
bool kdbi_signature_holds(const kdbi_alg *alg, const kdbi_jwk *key, kdb_sv text, kdb_sv signature);

/* Issuers (oidc_issuer.c). */
typedef struct kdbi_issuer {
    kdb_sv name, url, audiences;
    kdb_sv jwks_uri;    /* empty: by discovery */
    kdbi_keyset *keys;  /* guarded by the auth object's lock, as all below; NULL: never had any */
    int64_t fetched_us; /* kdb_monotonic_us */
    int64_t full_us;    /* when all fetches will be allowed again */
} kdbi_issuer;
KDB_NODISCARD kdb_status kdbi_issuer_open_all(kdb_auth *auth, const kdb_auth_options *options, kdb_err *err);
void kdbi_issuer_close_all(kdb_auth *auth);
kdbi_issuer *kdbi_issuer_lookup(kdb_auth *auth, kdb_sv url); /* NULL: not trusted */
typedef enum kdbi_keys_state { KDBI_KEYS_NONE, KDBI_KEYS_STALE, KDBI_KEYS_FRESH } kdbi_keys_state;
/* *out is the caller's to unref; NULL when the state is _NONE. */
kdbi_keys_state kdbi_issuer_keys(kdb_auth *auth, kdbi_issuer *issuer, kdbi_keyset **out);
/* Whether they may be fetched now; `take` counts it as done. */
bool kdbi_issuer_may_fetch(kdb_auth *auth, kdbi_issuer *issuer, bool take);
/* Waits for the network. A failure is logged and changes nothing. */
void kdbi_issuer_fetch(kdb_auth *auth, kdbi_issuer *issuer);

/* Subjects (auth_identity.c). */
void kdbi_identity_show(kdb_auth *auth, kdbi_account *account);       /* a new account; under the auth object's lock */
void kdbi_identity_hide(kdb_auth *auth, const kdbi_account *account); /* the same of one that goes */
/* KDB_ALREADY_EXISTS when an account has the same provider and subject. */
KDB_NODISCARD kdb_status kdbi_identity_check_new(kdb_auth *auth, const kdb_user *user, kdb_err *err);
bool kdbi_identity_lookup(kdb_auth *auth, const kdbi_issuer *issuer, kdb_sv subject, kdb_arena *arena, kdb_sv *id);
/* Makes an account; waits for its commit. */
KDB_NODISCARD kdb_status kdbi_identity_provision(kdb_auth *auth, const kdbi_issuer *issuer, kdb_sv subject,
                                                 const kdb_json *claims, kdb_arena *arena, kdb_sv *id, kdb_err *err);

/* Tokens (oidc_token.c). */
/* True when the token says that it is signed with a key of another issuer. */
bool kdbi_outside_is(kdb_sv token, kdb_arena *arena);
/* As kdbi_token_check. KDB_WOULD_BLOCK, unless it `may_wait`, when a key must be fetched or an account be made first;
 * KDB_OVERLOADED when there are no keys and none can be had. */
KDB_NODISCARD kdb_status kdbi_outside_check(kdb_auth *auth, kdb_sv token, bool may_wait, kdb_arena *arena,
                                            kdbi_token *out, kdb_err *err);

/* ---- the key that signs (auth_secret.c) ---- */

/* The configured secret, or the one kept in the store, made when there is none. */
KDB_NODISCARD kdb_status kdbi_auth_load_secret(kdb_auth *auth, kdb_sv configured, kdb_err *err);

/* ---- jobs ---- */

KDB_NODISCARD kdb_status kdbi_auth_login(kdb_auth *auth, kdb_auth_job *job, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_auth_setup(kdb_auth *auth, kdb_auth_job *job, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_auth_refresh(kdb_auth *auth, kdb_auth_job *job, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_auth_logout(kdb_auth *auth, kdb_auth_job *job, kdb_err *err);
KDB_NODISCARD kdb_status kdbi_auth_verify(kdb_auth *auth, kdb_auth_job *job, kdb_err *err);

/* Who runs jobs (auth_pool.c). A pool for each kind of waiting, so that none holds up the others. */
typedef enum kdbi_pool_id { KDBI_POOL_HASHING, KDBI_POOL_TOKENS, KDBI_POOL_KEYS, KDBI_POOL_COUNT } kdbi_pool_id;
typedef struct kdbi_pool {
    kdb_queue *jobs; /* any thread pushes, the pool's threads pop */
    kdb_thread *threads;
    size_t nthreads;
} kdbi_pool;
void kdbi_pool_start(kdb_auth *auth, kdbi_pool_id id, int32_t threads, int32_t waiting);
/* Runs what is queued and ends the threads of all pools. */
void kdbi_pool_stop_all(kdb_auth *auth);

struct kdb_auth {
    const kdb_seal *seal; /* fixed */
    /* fixed after open */
    kdb_store *store;
    kdb_arena *arena; /* of the fixed fields */
    kdb_sv secret;
    bool secret_is_default;
    int64_t access_seconds;
    int64_t refresh_reuse_seconds;
    int32_t bcrypt_cost;
    int32_t min_password;
    bool complexity;
    char dummy_hash[KDBI_DUMMY_HASH_SIZE];
    kdbi_pool pools[KDBI_POOL_COUNT];
    bool provision; /* makes accounts for subjects that have none */
    kdb_role provision_role;
    kdb_status (*commit_provisioned)(void *self, const kdb_user *user, kdb_batch *batch, kdb_err *err);
    void *commit_self;
    bool open_http;       /* takes keys that come in the clear */
    kdbi_issuer *issuers; /* their keys change */
    size_t nissuers;
    kdb_status (*fetch)(kdb_sv url, const kdb_http_limits *limits, kdb_buf *out,
                        kdb_err *err); /* tests have their own */
    atomic_bool closing;

    kdb_mutex lock;            /* rank KDB_LOCK_AUTH: nothing is locked while this is held */
    kdb_cond change_done;      /* `changing` became false */
    bool changing;             /* guarded by lock; a flag and not a lock, because it stays over the commit */
    kdb_map *accounts;         /* guarded by lock: user id -> kdbi_account, owned */
    kdbi_account *removed;     /* guarded by lock: those whose names are free again */
    kdbi_strangers *strangers; /* guarded by lock */
    kdb_map *identities;       /* guarded by lock: provider and subject -> kdbi_account */
    kdb_map *sessions;         /* guarded by lock: key -> kdbi_session, owned */
    size_t sweep_at;           /* within a change: so many records make a sweep worth while */

    kdbi_token_cache cache; /* has locks of its own */
};

/* How long a refresh token lives. */
static inline int64_t kdbi_refresh_seconds(const kdb_auth *auth)
{
    return auth->access_seconds * KDBI_REFRESH_FACTOR;
}

#endif
