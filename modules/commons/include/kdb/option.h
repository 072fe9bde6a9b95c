/* option.h - every setting of the server, one row each; file, environment, flags, --help and the sample file print from
 * the rows. Options are fixed after start: read from any thread. */
#ifndef KDB_OPTION_H
#define KDB_OPTION_H

#include "kdb/str.h"

/* The options of one provider in [oauth.providers.<name>]; all providers have the same, in this order. */
#define KDB_OPT_OAUTH_PROVIDER(name)                                                                                   \
    KDB_OPT_OAUTH_##name##_ENABLED, KDB_OPT_OAUTH_##name##_ISSUER, KDB_OPT_OAUTH_##name##_JWKS_URI,                    \
        KDB_OPT_OAUTH_##name##_CLIENT_ID, KDB_OPT_OAUTH_##name##_CLIENT_SECRET, KDB_OPT_OAUTH_##name##_TENANT

typedef enum kdb_option_id {
    KDB_OPT_SERVER_HOST,
    KDB_OPT_SERVER_PORT,           /* 0: any free port, printed at start */
    KDB_OPT_SERVER_PUBLIC_ORIGIN,  /* "https://db.example.org"; empty: not known */
    KDB_OPT_SERVER_WORKERS,        /* SQL workers; 0: twice the cores, at least 4 */
    KDB_OPT_SERVER_NET_THREADS,    /* event loops; 0: half the cores, at least 1 */
    KDB_OPT_SERVER_QUEUE_LENGTH,   /* statements waiting for a worker before 503 */
    KDB_OPT_SERVER_SHUTDOWN_GRACE, /* seconds */
    KDB_OPT_SERVER_TLS_CERT,       /* path; empty: plain HTTP */
    KDB_OPT_SERVER_TLS_KEY,
    KDB_OPT_SERVER_TLS_MIN, /* "1.2" | "1.3" */
    KDB_OPT_STORAGE_DATA_PATH,
    KDB_OPT_STORAGE_KEY_FILE,
    KDB_OPT_STORAGE_DURABILITY, /* "sync" | "async" */
    KDB_OPT_STORAGE_MIN_FREE,   /* bytes of the data directory's disk; 0: it is not looked at */
    KDB_OPT_STORAGE_SHARED_TEMPLATE,
    KDB_OPT_STORAGE_USER_TEMPLATE,
    KDB_OPT_STORAGE_REMOTE_CACHE,    /* bytes */
    KDB_OPT_STORAGE_REQUEST_TIMEOUT, /* seconds, as the next */
    KDB_OPT_STORAGE_CONNECT_TIMEOUT,
    KDB_OPT_ROCKSDB_BLOCK_CACHE,  /* bytes */
    KDB_OPT_ROCKSDB_WRITE_BUFFER, /* bytes, family hot */
    KDB_OPT_ROCKSDB_BACKGROUND_JOBS,
    KDB_OPT_ROCKSDB_MAX_OPEN_FILES,
    KDB_OPT_ENGINE_MEMORY_LIMIT,    /* bytes; the reference's datafusion.memory_limit */
    KDB_OPT_ENGINE_SPILL,           /* bytes on disk */
    KDB_OPT_ENGINE_THREADS,         /* 0: cores */
    KDB_OPT_ENGINE_DIRECT_ROWS,     /* 0: never */
    KDB_OPT_LIMITS_MAX_QUERY,       /* rows; 0 off */
    KDB_OPT_LIMITS_DEFAULT_QUERY,   /* rows; 0 off */
    KDB_OPT_LIMITS_STATEMENT_WRITE, /* bytes one statement may write */
    KDB_OPT_LIMITS_RESULT_BYTES,    /* 0 off */
    KDB_OPT_LOG_LEVEL,
    KDB_OPT_LOG_FORMAT, /* "compact" | "json" */
    KDB_OPT_LOG_SLOW_QUERY_MS,
    KDB_OPT_PERF_MAX_CONNECTIONS,
    KDB_OPT_PERF_BACKLOG,
    KDB_OPT_PERF_REQUEST_TIMEOUT,   /* seconds to read a request */
    KDB_OPT_PERF_HEAD_TIMEOUT,      /* seconds to read a request's head */
    KDB_OPT_PERF_MAX_HEADER,        /* bytes */
    KDB_OPT_PERF_KEEPALIVE_TIMEOUT, /* seconds */
    KDB_OPT_PERF_STALLED_CLIENT,    /* seconds a client may stop reading a streamed result */
    KDB_OPT_RATE_QUERIES_PER_SEC,   /* per user; 0 off */
    KDB_OPT_RATE_CONNECTIONS,       /* per address; 0 off */
    KDB_OPT_RATE_AUTH_PER_SEC,      /* per address; 0 off */
    KDB_OPT_RATE_REQUESTS_PER_SEC,  /* per address; 0 off */
    KDB_OPT_RATE_BAN_SECONDS,       /* 0 off */
    KDB_OPT_RATE_MESSAGES_PER_SEC,  /* per WebSocket; 0 off */
    KDB_OPT_RATE_SUBSCRIPTIONS,     /* per user; 0 off */
    KDB_OPT_WS_AUTH_TIMEOUT,        /* seconds, as the next two */
    KDB_OPT_WS_CLIENT_TIMEOUT,
    KDB_OPT_WS_HEARTBEAT,
    KDB_OPT_WS_QUEUE_TOTAL,          /* of all connections */
    KDB_OPT_WS_QUEUE_BYTES,          /* per connection */
    KDB_OPT_SECURITY_MAX_WS_MESSAGE, /* bytes */
    KDB_OPT_SECURITY_STRICT_ORIGIN,
    KDB_OPT_SECURITY_MAX_BODY,     /* bytes */
    KDB_OPT_SECURITY_CORS_ORIGINS, /* comma-separated; empty or * = any */
    KDB_OPT_SECURITY_CORS_METHODS,
    KDB_OPT_SECURITY_CORS_HEADERS,
    KDB_OPT_SECURITY_CORS_EXPOSE,
    KDB_OPT_SECURITY_CORS_CREDENTIALS,
    KDB_OPT_SECURITY_CORS_MAX_AGE, /* seconds */
    KDB_OPT_SECURITY_CORS_PRIVATE,
    KDB_OPT_SECURITY_TRUSTED_PROXIES, /* comma-separated CIDR */
    KDB_OPT_AUTH_ROOT_PASSWORD,       /* secret */
    KDB_OPT_AUTH_JWT_SECRET,          /* secret; empty: generated at first start and kept in the data directory */
    KDB_OPT_AUTH_JWT_EXPIRY_HOURS,
    KDB_OPT_AUTH_REFRESH_REUSE, /* seconds */
    KDB_OPT_AUTH_COOKIE_SECURE,
    KDB_OPT_AUTH_BCRYPT_COST,
    KDB_OPT_AUTH_MIN_PASSWORD,
    KDB_OPT_AUTH_COMPLEXITY,
    KDB_OPT_AUTH_ALLOW_REMOTE_SETUP,
    KDB_OPT_AUTH_HASH_THREADS,
    KDB_OPT_AUTH_TRUSTED_ISSUERS, /* comma-separated URLs */
    KDB_OPT_OAUTH_ENABLED,
    KDB_OPT_OAUTH_AUTO_PROVISION,
    KDB_OPT_OAUTH_DEFAULT_ROLE,
    KDB_OPT_OAUTH_AUDIENCE, /* comma-separated; of the issuers in KDB_OPT_AUTH_TRUSTED_ISSUERS */
    KDB_OPT_OAUTH_ALLOW_HTTP,
    KDB_OPT_OAUTH_PROVIDER(GOOGLE),
    KDB_OPT_OAUTH_PROVIDER(GITHUB),
    KDB_OPT_OAUTH_PROVIDER(AZURE),
    KDB_OPT_OAUTH_PROVIDER(FIREBASE),
    KDB_OPT_OAUTH_PROVIDER(OIDC),
    KDB_OPT_EXEC_TIMEOUT, /* seconds per statement */
    KDB_OPT_EXEC_MAX_PARAMETERS,
    KDB_OPT_EXEC_MAX_PARAMETER_SIZE,
    KDB_OPT_EXEC_PLAN_CACHE, /* entries per worker */
    KDB_OPT_FLUSH_ROW_GROUP_ROWS,
    KDB_OPT_STREAM_EVICTION_INTERVAL, /* seconds */
    KDB_OPT_JOBS_MAX_CONCURRENT,      /* 0: half the cores, at least 2 */
    KDB_OPT_JOBS_MAX_RETRIES,
    KDB_OPT_JOBS_RETRY_BACKOFF, /* ms before the first */
    KDB_OPT_TXN_TIMEOUT,        /* seconds between two statements */
    KDB_OPT_TXN_BUFFER,         /* bytes one transaction may stage */
    KDB_OPT_EXEC_NATIVE,
    KDB_OPT_EXEC_HOT_ROWS,        /* bytes */
    KDB_OPT_FLUSH_ROW_LIMIT,      /* of tables without a policy; 0 off, as the next */
    KDB_OPT_FLUSH_TIME_INTERVAL,  /* seconds */
    KDB_OPT_FLUSH_CHECK_INTERVAL, /* seconds */
    KDB_OPT_RETENTION_DELETED_HOURS,
    KDB_OPT_RETENTION_DBA_STATS,
    KDB_OPT_RETENTION_DBA_STATS_DAYS,
    KDB_OPT_USER_GRACE_DAYS,
    KDB_OPT_USER_CLEANUP_SCHEDULE, /* "m h dom mon dow" */
    KDB_OPT_LIVE_THREADS,          /* 0: a quarter of the cores, at least 1 */
    KDB_OPT_LIVE_BACKLOG,          /* bytes per thread */
    KDB_OPT_LIVE_HELD,             /* bytes per subscription */
    KDB_OPT_NODE_ID,               /* cluster.node_id, 0-1023 */
    KDB_OPT_COUNT
} kdb_option_id;

typedef enum kdb_option_type {
    KDB_OPT_TEXT,
    KDB_OPT_I64,
    KDB_OPT_BOOL,
    KDB_OPT_CHOICE,
    KDB_OPT_SECRET
} kdb_option_type;

typedef struct kdb_option_def {
    const char *section; /* "server" */
    const char *key;     /* "port" */
    const char *env;     /* historical name, "KALAMDB_SERVER_PORT"; NULL: KALAMDB_<SECTION>_<KEY> alone */
    kdb_option_type type;
    const char *fallback; /* default, as text */
    int64_t min, max;     /* KDB_OPT_I64 */
    const char *choices;  /* KDB_OPT_CHOICE: "sync|async" */
    const char *help;     /* one sentence, with the unit */
} kdb_option_def;

extern const kdb_option_def kdb_option_defs[KDB_OPT_COUNT];

typedef struct kdb_options kdb_options;

kdb_options *kdb_options_new(void); /* all defaults */
void kdb_options_free(kdb_options *options);
KDB_DEFINE_CLEANUP(kdb_options, kdb_options_free)
/* Later calls win: file, then environment, then flags. Unknown names and values out of range are KDB_INVALID with the
 * name, the value (never a secret's) and what is allowed. */
KDB_NODISCARD kdb_status kdb_options_load_file(kdb_options *options, const char *path, kdb_err *err);
KDB_NODISCARD kdb_status kdb_options_load_env(kdb_options *options, char **environ, kdb_err *err);
/* "server.port" = "8080". */
KDB_NODISCARD kdb_status kdb_options_set(kdb_options *options, kdb_sv name, kdb_sv value, kdb_err *err);

int64_t kdb_opt_i64(const kdb_options *options, kdb_option_id id);
bool kdb_opt_bool(const kdb_options *options, kdb_option_id id);
kdb_sv kdb_opt_text(const kdb_options *options, kdb_option_id id); /* also choices and secrets */
/* The value as system.settings shows it: secrets are "***" when set. */
kdb_sv kdb_opt_shown(const kdb_options *options, kdb_option_id id, kdb_arena *arena);
bool kdb_opt_is_default(const kdb_options *options, kdb_option_id id);

/* Appends the option part of --help, or a server.toml with every option, its default and its help as a comment. */
void kdb_options_print_help(kdb_buf *out);
void kdb_options_print_sample(kdb_buf *out);

#endif
