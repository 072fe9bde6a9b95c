/* auth.h - users, roles, passwords (bcrypt on threads of its own) and tokens (JWT). Users live in the store's
 * system_users partition and in memory. Any thread, unless said. Secrets never reach a log or an error. */
#ifndef KDB_AUTH_H
#define KDB_AUTH_H

#include <stdatomic.h>

#include "kdb/seal.h"
#include "kdb/store.h"

typedef enum kdb_role { KDB_ROLE_ANONYMOUS, KDB_ROLE_USER, KDB_ROLE_SERVICE, KDB_ROLE_DBA, KDB_ROLE_SYSTEM } kdb_role;
const char *kdb_role_name(kdb_role role);  /* "user": as on the wire */
const char *kdb_role_title(kdb_role role); /* "User": as in denial texts */
static inline bool kdb_role_is_admin(kdb_role role)
{
    return role >= KDB_ROLE_DBA;
}
/* The role words of sql.md 16; KDB_INVALID_OPERATION with the hint otherwise. */
KDB_NODISCARD kdb_status kdb_role_parse(kdb_sv word, kdb_role *out, kdb_err *err);

typedef enum kdb_auth_type { KDB_AUTH_PASSWORD, KDB_AUTH_OAUTH, KDB_AUTH_INTERNAL } kdb_auth_type;

/* A copy in the caller's arena. */
typedef struct kdb_user {
    kdb_user_id id;
    kdb_role role;
    kdb_auth_type auth_type;
    kdb_sv password_hash; /* "" none */
    kdb_sv auth_data;     /* JSON; empty: none */
    kdb_sv email;         /* empty: none */
    uint32_t failed_logins;
    int64_t locked_until_us;                                                 /* 0: not locked */
    int64_t last_login_us, last_seen_us, created_us, updated_us, deleted_us; /* 0: never */
    uint64_t token_epoch; /* raised by a password change or sign-out everywhere: older tokens fail */
} kdb_user;

/* Who a request acts as. */
typedef struct kdb_principal {
    kdb_user_id user;
    kdb_role role;
    const kdb_commit_with *with; /* how the changes of users that it makes are committed; NULL: as they are */
} kdb_principal;

/* Another issuer whose tokens are taken. */
typedef struct kdb_auth_issuer {
    kdb_sv name;      /* what `auth_data` may call it, besides its URL */
    kdb_sv url;       /* claim `iss` */
    kdb_sv jwks_uri;  /* empty: by discovery */
    kdb_sv audiences; /* comma-separated, one of which claim `aud` must name; "*": any */
} kdb_auth_issuer;

typedef struct kdb_auth kdb_auth;
typedef struct kdb_auth_options {
    const kdb_seal *seal;          /* for secrets kept in the store; outlives auth */
    kdb_sv jwt_secret;             /* empty: the one kept in the store, made on first use */
    int64_t access_seconds;        /* refresh tokens live seven times as long */
    int64_t refresh_reuse_seconds; /* that a refresh token still works after it was used */
    int32_t bcrypt_cost;
    int32_t hash_threads;
    int32_t hash_queue; /* jobs waiting before KDB_OVERLOADED */
    int32_t min_password;
    bool complexity;
    kdb_sv root_password; /* empty: unset; else becomes root's password at open */
    const kdb_auth_issuer *issuers;
    size_t nissuers;
    bool provision; /* makes an account for a subject that has none */
    kdb_role provision_role;
    /* Commits the batch of an account made at first sight, with what has to be durable with it (its audit record); NULL: it is
     * committed as it is. */
    kdb_status (*commit_provisioned)(void *self, const kdb_user *user, kdb_batch *batch, kdb_err *err);
    void *commit_self;
    bool open_http; /* takes issuers' keys over plain HTTP from other machines too */
} kdb_auth_options;

/* Loads users; creates `root` (role system, no password) on a new store. */
KDB_NODISCARD kdb_status kdb_auth_open(kdb_store *store, const kdb_auth_options *options, kdb_auth **out, kdb_err *err);
void kdb_auth_close(kdb_auth *auth); /* waits for hashing jobs; NULL is fine */
KDB_DEFINE_CLEANUP(kdb_auth, kdb_auth_close)
/* True while root has no password: sign-in works from loopback for set-up only. */
bool kdb_auth_needs_setup(kdb_auth *auth);
/* True when the configured secret is the well-known placeholder: anybody can sign with it. */
bool kdb_auth_secret_is_default(const kdb_auth *auth);

/* ---- tokens (wire-protocol.md 3.3) ---- */

typedef struct kdb_token_pair {
    kdb_sv access, refresh;
    int64_t access_expires_us, refresh_expires_us;
    kdb_user user;
} kdb_token_pair;

/* Checks an access token against signature, times, issuer, type and the stored user. Fast when seen before (cached by
 * token and user state). *out borrows from `arena`. KDB_TOKEN_EXPIRED or KDB_INVALID_CREDENTIALS. A locked account's
 * tokens stay good: or failed sign-ins would sign their victim out. A token of another issuer may need its key fetched or its
 * account made: KDB_WOULD_BLOCK, and KDB_AUTH_VERIFY is the job to submit; KDB_OVERLOADED when the key cannot be had. */
KDB_NODISCARD kdb_status kdb_auth_verify(kdb_auth *auth, kdb_sv token, kdb_arena *arena, kdb_principal *out,
                                         kdb_err *err);
/* The user behind a valid access token; fails as kdb_auth_verify does. */
KDB_NODISCARD kdb_status kdb_auth_me(kdb_auth *auth, kdb_sv token, kdb_arena *arena, kdb_user *out, kdb_err *err);

/* ---- passes: what a connection that stays open keeps of the token that it was opened with ---- */

typedef struct kdb_auth_pass kdb_auth_pass;
/* As kdb_auth_verify, with the same failures; never from the cache. */
KDB_NODISCARD kdb_status kdb_auth_pass_new(kdb_auth *auth, kdb_sv token, kdb_auth_pass **out, kdb_err *err);
void kdb_auth_pass_free(kdb_auth_pass *pass); /* NULL is fine */
KDB_DEFINE_CLEANUP(kdb_auth_pass, kdb_auth_pass_free)
/* Its user's id lives as long as auth does. */
kdb_principal kdb_auth_pass_who(const kdb_auth_pass *pass);
/* Whether the token would still be taken: KDB_TOKEN_EXPIRED or KDB_INVALID_CREDENTIALS (signed out, another password or role,
 * dropped). One comparison when nothing has happened to the account. One thread at a time. */
KDB_NODISCARD kdb_status kdb_auth_pass_check(kdb_auth *auth, kdb_auth_pass *pass, kdb_err *err);

/* ---- work that takes long: runs on auth's own threads, `done` is called there exactly once ---- */

typedef enum kdb_auth_job_kind {
    KDB_AUTH_LOGIN,
    KDB_AUTH_SETUP,
    KDB_AUTH_HASH,
    KDB_AUTH_REFRESH, /* a new pair for a good refresh token, which is used up thereby */
    KDB_AUTH_VERIFY,  /* kdb_auth_verify where that would block */
    KDB_AUTH_LOGOUT   /* ends the sign-ins that the tokens belong to; tokens that are no good are passed over */
} kdb_auth_job_kind;
/* What should go on record besides the result, of user `news_of`. */
typedef enum kdb_auth_news {
    KDB_AUTH_NO_NEWS,
    KDB_AUTH_TOKEN_REUSED, /* REFRESH: somebody has a copy of the token; the sign-in was ended */
    KDB_AUTH_ACCOUNT_MADE  /* VERIFY: at first sight */
} kdb_auth_news;
/* The caller's storage, borrowed until done. Inputs must stay valid until then. */
typedef struct kdb_auth_job {
    kdb_auth_job_kind kind;
    kdb_sv user;          /* LOGIN, SETUP */
    kdb_sv password;      /* LOGIN, SETUP, HASH */
    kdb_sv root_password; /* SETUP */
    kdb_sv email;         /* SETUP; empty: none */
    kdb_sv tokens[2];     /* REFRESH, VERIFY: the first; LOGOUT: empty ones count for nothing */
    bool from_loopback;   /* LOGIN: root without a password signs in from loopback only */
    kdb_arena *arena;     /* results lie here; not used by others until done */
    kdb_token_pair pair;  /* LOGIN, REFRESH: result */
    kdb_user created;     /* SETUP: result */
    kdb_principal who;    /* VERIFY: result */
    kdb_auth_news news;   /* result */
    kdb_sv news_of;
    atomic_bool cancelled; /* any thread sets it when nobody waits any more: KDB_CANCELLED if it has not begun */
    kdb_sv hash;           /* HASH: result; rules of catalog.md 4 are checked first */
    /* `err` is NULL when status is KDB_OK. May free the job. */
    void (*done)(struct kdb_auth_job *job, kdb_status status, const kdb_err *err);
} kdb_auth_job;
/* KDB_OVERLOADED when the queue is full (done is not called then). LOGIN takes the same time for unknown users.
 * Results: KDB_INVALID_CREDENTIALS, KDB_ACCOUNT_LOCKED, KDB_SETUP_REQUIRED, KDB_REMOTE_DENIED; SETUP also
 * KDB_CONFLICT (already set up), KDB_ALREADY_EXISTS (user), KDB_CONSTRAINT (password), KDB_INVALID (user name);
 * REFRESH and VERIFY KDB_TOKEN_EXPIRED or KDB_INVALID_CREDENTIALS. */
KDB_NODISCARD kdb_status kdb_auth_submit(kdb_auth *auth, kdb_auth_job *job, kdb_err *err);

/* ---- users ---- */

/* The role of an account, of a dropped one too; false when there is none. One look-up in memory. */
bool kdb_auth_role_of(kdb_auth *auth, kdb_user_id id, kdb_role *out);
/* KDB_NOT_FOUND `User 'x' not found`; soft-deleted users are found with deleted_us set. */
KDB_NODISCARD kdb_status kdb_auth_find_user(kdb_auth *auth, kdb_user_id id, kdb_arena *arena, kdb_user *out,
                                            kdb_err *err);
void kdb_auth_list_users(kdb_auth *auth, kdb_arena *arena, kdb_user **out, size_t *count); /* sorted by id */
/* KDB_INVALID_OPERATION with catalog.md 3's text. */
KDB_NODISCARD kdb_status kdb_auth_check_user_id(kdb_sv id, kdb_err *err);
/* KDB_CONSTRAINT with catalog.md 4's text. */
KDB_NODISCARD kdb_status kdb_auth_check_password(const kdb_auth *auth, kdb_sv password, kdb_err *err);

/* Changes to users; each stores durably (waits for the commit: not on the committer) and then shows in memory. They
 * enforce who may do what to whom (sql.md 16, rule 37): `actor` is the caller. */
KDB_NODISCARD kdb_status kdb_auth_create_user(kdb_auth *auth, const kdb_principal *actor, const kdb_user *user,
                                              kdb_err *err);
KDB_NODISCARD kdb_status kdb_auth_set_password(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, kdb_sv hash,
                                               kdb_err *err);
KDB_NODISCARD kdb_status kdb_auth_set_role(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, kdb_role role,
                                           kdb_err *err);
KDB_NODISCARD kdb_status kdb_auth_set_email(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, kdb_sv email,
                                            kdb_err *err);
KDB_NODISCARD kdb_status kdb_auth_drop_user(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, kdb_err *err);
/* Removes for good an account that was dropped before that time: its name is free then. KDB_NOT_FOUND when there is none such. What
 * it has in tables is the caller's to remove first. */
KDB_NODISCARD kdb_status kdb_auth_remove_user(kdb_auth *auth, kdb_user_id id, int64_t before_us, kdb_err *err);
/* Checks the rights part of CREATE/ALTER alone, before any hashing is done for it; when altering, also that the user
 * is there. */
KDB_NODISCARD kdb_status kdb_auth_may_manage(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, bool create,
                                             kdb_err *err);

#endif
