/* option_defs.c - the rows of all options: names and defaults of the reference server (catalog.md section 8) where it has
 * them. A default that differs says why in its help. */
#include "commons_int.h"

#define MIB(n) ((int64_t)(n)*1024 * 1024)
#define MOST_BYTES (INT64_C(1) << 50)
#define MOST_COUNT INT64_C(1000000000)
#define MOST_SECONDS INT64_C(31536000)

#define TEXT(default) KDB_OPT_TEXT, default, 0, 0, NULL
#define SECRET KDB_OPT_SECRET, "", 0, 0, NULL
#define INTEGER(default, min, max) KDB_OPT_I64, default, min, max, NULL
#define BOOLEAN(default) KDB_OPT_BOOL, default, 0, 0, NULL
#define CHOICE(default, choices) KDB_OPT_CHOICE, default, 0, 0, choices

#define PROVIDER(name, section, issuer, tenant_help)                                                                   \
    [KDB_OPT_OAUTH_##name##_ENABLED] = { section, "enabled", NULL, BOOLEAN("false"),                                   \
                                         "Takes tokens of this provider." },                                           \
    [KDB_OPT_OAUTH_##name##_ISSUER] = { section, "issuer", NULL, TEXT(issuer), "URL in claim iss of its tokens." },    \
    [KDB_OPT_OAUTH_##name##_JWKS_URI] = { section, "jwks_uri", NULL, TEXT(""),                                         \
                                          "URL of its keys; empty: the issuer's discovery document says it." },        \
    [KDB_OPT_OAUTH_##name##                                                                                            \
        _CLIENT_ID] = { section, "client_id", NULL, TEXT(""),                                                          \
                        "Comma-separated client ids, one of which claim aud must name; * is any." },                   \
    [KDB_OPT_OAUTH_##name##_CLIENT_SECRET] = { section, "client_secret", NULL, SECRET,                                 \
                                               "Not needed to check tokens; taken from files of the reference." },     \
    [KDB_OPT_OAUTH_##name##_TENANT] = { section, "tenant", NULL, TEXT(""), tenant_help }

/* section, key, historical environment name, type with default and range, help */
const kdb_option_def kdb_option_defs[KDB_OPT_COUNT] = {
    [KDB_OPT_SERVER_HOST] = { "server", "host", NULL, TEXT("127.0.0.1"), "Address to listen on; 0.0.0.0 is all." },
    [KDB_OPT_SERVER_PORT] = { "server", "port", NULL, INTEGER("8080", 0, 65535),
                              "TCP port; 0 takes any free port and prints it at start." },
    [KDB_OPT_SERVER_PUBLIC_ORIGIN] = { "server", "public_origin", NULL, TEXT(""),
                                       "URL under which clients reach the server, https://db.example.org, for the "
                                       "addresses that it tells; empty: made of host and port." },
    [KDB_OPT_SERVER_WORKERS] = { "server", "workers", NULL, INTEGER("0", 0, 1024),
                                 "Threads that run SQL; 0 is twice the cores, at least 4." },
    [KDB_OPT_SERVER_NET_THREADS] = { "server", "net_threads", NULL, INTEGER("0", 0, 256),
                                     "Event loops; 0 is half the cores, at least 1." },
    [KDB_OPT_SERVER_QUEUE_LENGTH] = { "server", "queue_length", NULL, INTEGER("4096", 1, 1000000),
                                      "Statements that may wait for a worker before clients get 503." },
    [KDB_OPT_SERVER_SHUTDOWN_GRACE] = { "server", "shutdown_grace_seconds", NULL, INTEGER("10", 0, 3600),
                                        "Seconds that running requests get when the server stops." },

    [KDB_OPT_SERVER_TLS_CERT] = { "server", "tls_cert_file", NULL, TEXT(""),
                                  "PEM file of the certificate and the chain above it; with it the port speaks TLS "
                                  "only. SIGHUP reads it again." },
    [KDB_OPT_SERVER_TLS_KEY] = { "server", "tls_key_file", NULL, TEXT(""), "PEM file of the certificate's key." },
    [KDB_OPT_SERVER_TLS_MIN] = { "server", "tls_min_version", NULL, CHOICE("1.2", "1.2|1.3"),
                                 "Oldest version of TLS that clients may speak." },

    [KDB_OPT_STORAGE_DATA_PATH] = { "storage", "data_path", "KALAMDB_DATA_DIR", TEXT("./data"),
                                    "Directory of all data; made when missing." },
    [KDB_OPT_STORAGE_KEY_FILE] = { "storage", "key_file", NULL, TEXT(""),
                                   "File of the keys that seal stored secrets, made at first start; empty: "
                                   "server.key in the data directory. Elsewhere, a copy of the data directory alone "
                                   "reveals no secret." },
    [KDB_OPT_STORAGE_DURABILITY] = { "storage", "durability", NULL, CHOICE("sync", "sync|async"),
                                     "sync: acknowledged means on disk; async: the last moments may be lost with the "
                                     "machine." },
    [KDB_OPT_STORAGE_MIN_FREE] = { "storage", "min_free_bytes", NULL, INTEGER("134217728", 0, MOST_BYTES),
                                   "Bytes that the data directory's disk keeps free: below that, writes get 503 until there "
                                   "is room again, and reads go on; 0: the disk is used to its end." },
    [KDB_OPT_STORAGE_SHARED_TEMPLATE] = { "storage", "shared_tables_template", NULL, TEXT("{namespace}/{tableName}"),
                                          "Folder of a shared table's cold files below its storage." },
    [KDB_OPT_STORAGE_USER_TEMPLATE] = { "storage", "user_tables_template", NULL,
                                        TEXT("{namespace}/{tableName}/{userId}"),
                                        "Folder of one user's cold files of a user table below its storage." },
    [KDB_OPT_STORAGE_REMOTE_CACHE] = { "storage", "remote_cache_bytes", NULL,
                                       INTEGER("1073741824", MIB(16), MOST_BYTES),
                                       "Bytes of local copies of remote files (S3) that are kept while nobody reads "
                                       "them; what is being read comes on top." },
    [KDB_OPT_STORAGE_REQUEST_TIMEOUT] = { "storage.remote_timeouts", "request_timeout_secs", NULL,
                                          INTEGER("60", 1, 3600),
                                          "Seconds that one request to remote storage (S3) may take; while a file "
                                          "is transferred, seconds without progress." },
    [KDB_OPT_STORAGE_CONNECT_TIMEOUT] = { "storage.remote_timeouts", "connect_timeout_secs", NULL,
                                          INTEGER("10", 1, 600),
                                          "Seconds that connecting to remote storage may take." },

    [KDB_OPT_ROCKSDB_BLOCK_CACHE] = { "storage.rocksdb", "block_cache_size", NULL, INTEGER("0", 0, MOST_BYTES),
                                      "Bytes of hot rows kept in memory as files hold them; 0: a sixteenth of the "
                                      "machine's memory, from 64 to 256 MiB. The reference's 2 MiB would read most rows "
                                      "from disk." },
    [KDB_OPT_ROCKSDB_WRITE_BUFFER] = { "storage.rocksdb", "write_buffer_size", NULL,
                                       INTEGER("67108864", 65536, MOST_BYTES),
                                       "Bytes of new rows kept in memory before they are sorted into a file; few "
                                       "column families share it, where the reference has many small ones." },
    [KDB_OPT_ROCKSDB_BACKGROUND_JOBS] = { "storage.rocksdb", "max_background_jobs", NULL, INTEGER("2", 1, 64),
                                          "Threads that write and merge RocksDB's files." },
    [KDB_OPT_ROCKSDB_MAX_OPEN_FILES] = { "storage.rocksdb", "max_open_files", NULL, INTEGER("512", -1, 1000000),
                                         "RocksDB files open at once; -1 is no limit." },

    [KDB_OPT_ENGINE_MEMORY_LIMIT] = { "engine", "memory_limit", NULL, INTEGER("1073741824", MIB(32), MOST_BYTES),
                                      "Bytes that running queries may use together." },
    [KDB_OPT_ENGINE_SPILL] = { "engine", "max_spill_bytes", NULL, INTEGER("10737418240", MIB(1), MOST_BYTES),
                               "Bytes of disk that running queries may use together when memory does not do." },
    [KDB_OPT_ENGINE_THREADS] = { "engine", "threads", NULL, INTEGER("0", 0, 1024),
                                 "Threads that one large query may use; 0 is the cores." },
    [KDB_OPT_ENGINE_DIRECT_ROWS] = { "engine", "direct_rows", NULL, INTEGER("100000", 0, MOST_COUNT),
                                     "Rows in a partition's cold files from which on a query that gathers has the "
                                     "engine read the files itself; 0 is never." },

    [KDB_OPT_LIMITS_MAX_QUERY] = { "limits", "max_query_limit", NULL, INTEGER("0", 0, MOST_COUNT),
                                   "Most rows that one query may return; 0 is no limit." },
    [KDB_OPT_LIMITS_DEFAULT_QUERY] = { "limits", "default_query_limit", NULL, INTEGER("0", 0, MOST_COUNT),
                                       "Rows that a query without LIMIT returns; 0 is all." },
    [KDB_OPT_LIMITS_STATEMENT_WRITE] = { "limits", "max_statement_write_bytes", NULL,
                                         INTEGER("104857600", 65536, MOST_BYTES),
                                         "Bytes that one statement may write." },
    [KDB_OPT_LIMITS_RESULT_BYTES] = { "limits", "max_result_bytes", NULL, INTEGER("0", 0, MOST_BYTES),
                                      "Bytes of one answer; 0 is no limit." },

    [KDB_OPT_LOG_LEVEL] = { "logging", "level", "KALAMDB_LOG_LEVEL", CHOICE("info", "error|warn|info|debug|trace"),
                            "Least severe events that are logged." },
    [KDB_OPT_LOG_FORMAT] = { "logging", "format", NULL, CHOICE("compact", "compact|json"), "Shape of log lines." },
    [KDB_OPT_LOG_SLOW_QUERY_MS] = { "logging", "slow_query_threshold_ms", NULL, INTEGER("1200", 0, 86400000),
                                    "Milliseconds after which a statement is logged as slow; 0 logs none." },

    [KDB_OPT_PERF_MAX_CONNECTIONS] = { "performance", "max_connections", NULL, INTEGER("25000", 1, 1000000),
                                       "Connections open at once." },
    [KDB_OPT_PERF_BACKLOG] = { "performance", "backlog", NULL, INTEGER("4096", 1, 65535),
                               "Connections that may wait to be accepted." },
    [KDB_OPT_PERF_REQUEST_TIMEOUT] = { "performance", "request_timeout", NULL, INTEGER("30", 1, 3600),
                                       "Seconds that a client has to send a request." },
    [KDB_OPT_PERF_HEAD_TIMEOUT] = { "performance", "client_request_timeout", NULL, INTEGER("5", 1, 3600),
                                    "Seconds that a client has to send the head of a request it has begun." },
    [KDB_OPT_PERF_MAX_HEADER] = { "performance", "max_header_size", NULL, INTEGER("16384", 1024, 262144),
                                  "Bytes of a request's head." },
    [KDB_OPT_PERF_KEEPALIVE_TIMEOUT] = { "performance", "keepalive_timeout", NULL, INTEGER("75", 1, 86400),
                                         "Seconds that an idle connection stays open." },
    [KDB_OPT_PERF_STALLED_CLIENT] = { "performance", "stalled_client_timeout", NULL, INTEGER("30", 1, 3600),
                                      "Seconds that a client may stop reading its answer." },

    [KDB_OPT_RATE_QUERIES_PER_SEC] = { "rate_limit", "max_queries_per_sec", NULL, INTEGER("0", 0, MOST_COUNT),
                                       "SQL requests per user and second; 0 is no limit, and the default because a "
                                       "back end may send all its traffic as one user (the reference has 100)." },
    [KDB_OPT_RATE_CONNECTIONS] = { "rate_limit", "max_connections_per_ip", NULL, INTEGER("100", 0, MOST_COUNT),
                                   "Connections open at once from one address; 0 is no limit. This machine and trusted "
                                   "proxies have none." },
    [KDB_OPT_RATE_AUTH_PER_SEC] = { "rate_limit", "max_auth_requests_per_ip_per_sec",
                                    "KALAMDB_RATE_LIMIT_AUTH_REQUESTS_PER_IP_PER_SEC", INTEGER("20", 0, MOST_COUNT),
                                    "Sign-in requests per address and second; 0 is no limit." },
    [KDB_OPT_RATE_REQUESTS_PER_SEC] = { "rate_limit", "max_requests_per_ip_per_sec", NULL, INTEGER("0", 0, MOST_COUNT),
                                        "Requests per address and second; 0 is no limit, and the default because a back "
                                        "end sends all its traffic from one address (the reference has 200). This machine "
                                        "has none." },
    [KDB_OPT_RATE_BAN_SECONDS] = { "rate_limit", "ban_duration_seconds", NULL, INTEGER("300", 0, MOST_SECONDS),
                                   "Seconds for which an address is shut out that goes on asking over that limit; 0 shuts "
                                   "out none." },

    [KDB_OPT_RATE_MESSAGES_PER_SEC] = { "rate_limit", "max_messages_per_sec", NULL, INTEGER("50", 0, MOST_COUNT),
                                        "WebSocket messages per connection and second, after a pause twice as many; 0 is "
                                        "no limit." },
    [KDB_OPT_RATE_SUBSCRIPTIONS] = { "rate_limit", "max_subscriptions_per_user", NULL, INTEGER("10", 0, MOST_COUNT),
                                     "Live queries of one user; 0 is no limit." },

    [KDB_OPT_WS_AUTH_TIMEOUT] = { "websocket", "auth_timeout_secs", "KALAMDB_WEBSOCKET_AUTH_TIMEOUT_SECS",
                                  INTEGER("3", 1, 3600), "Seconds that a client has to sign in on a WebSocket." },
    [KDB_OPT_WS_CLIENT_TIMEOUT] = { "websocket", "client_timeout_secs", "KALAMDB_WEBSOCKET_CLIENT_TIMEOUT_SECS",
                                    INTEGER("10", 1, 86400), "Seconds after which a silent client is given up." },
    [KDB_OPT_WS_HEARTBEAT] = { "websocket", "heartbeat_interval_secs", "KALAMDB_WEBSOCKET_HEARTBEAT_INTERVAL_SECS",
                               INTEGER("5", 1, 3600),
                               "Seconds between two looks at a WebSocket: is its client there (a silent one is pinged), "
                               "is its token still good." },
    [KDB_OPT_WS_QUEUE_TOTAL] = { "websocket", "max_queue_total_bytes", NULL, INTEGER("268435456", MIB(1), MOST_BYTES),
                                 "Bytes that wait for all clients together; beyond it those who read slowly are cut off "
                                 "sooner." },
    [KDB_OPT_WS_QUEUE_BYTES] = { "websocket", "max_queue_bytes", NULL, INTEGER("4194304", 16384, MOST_BYTES),
                                 "Bytes that wait for a client that reads slowly, before it is cut off." },

    [KDB_OPT_SECURITY_MAX_WS_MESSAGE] = { "security", "max_ws_message_size", NULL,
                                          INTEGER("1048576", 1024, INT64_C(1) << 30),
                                          "Bytes of one WebSocket message." },
    [KDB_OPT_SECURITY_STRICT_ORIGIN] = { "security", "strict_ws_origin_check", NULL, BOOLEAN("false"),
                                         "WebSockets without an Origin header are refused." },
    [KDB_OPT_SECURITY_MAX_BODY] = { "security", "max_request_body_size", NULL,
                                    INTEGER("10485760", 1024, INT64_C(1) << 32), "Bytes of one request's body." },
    [KDB_OPT_SECURITY_CORS_ORIGINS] = { "security.cors", "allowed_origins", NULL, TEXT(""),
                                        "Comma-separated web origins that browsers may call from; empty or * is "
                                        "any." },
    [KDB_OPT_SECURITY_CORS_METHODS] = { "security.cors", "allowed_methods", NULL,
                                        TEXT("GET, POST, PUT, DELETE, PATCH, OPTIONS"),
                                        "Methods that browsers may use from other origins." },
    [KDB_OPT_SECURITY_CORS_HEADERS] = { "security.cors", "allowed_headers", NULL,
                                        TEXT("Authorization, Content-Type, Accept, Origin, X-Requested-With"),
                                        "Request headers that browsers may send from other origins." },
    [KDB_OPT_SECURITY_CORS_EXPOSE] = { "security.cors", "expose_headers", NULL, TEXT(""),
                                       "Response headers that scripts of other origins may read." },
    [KDB_OPT_SECURITY_CORS_CREDENTIALS] = { "security.cors", "allow_credentials", NULL, BOOLEAN("true"),
                                            "Browsers may send cookies from other origins." },
    [KDB_OPT_SECURITY_CORS_MAX_AGE] = { "security.cors", "max_age", NULL, INTEGER("3600", 0, 86400),
                                        "Seconds that browsers may remember the answer to a preflight." },
    [KDB_OPT_SECURITY_CORS_PRIVATE] = { "security.cors", "allow_private_network", NULL, BOOLEAN("false"),
                                        "Pages of public sites may call a server in a private network." },
    [KDB_OPT_SECURITY_TRUSTED_PROXIES] = { "security", "trusted_proxy_ranges", "KALAMDB_TRUSTED_PROXY_RANGES", TEXT(""),
                                           "Comma-separated addresses or CIDR ranges whose X-Forwarded-For is "
                                           "believed." },

    [KDB_OPT_AUTH_ROOT_PASSWORD] = { "auth", "root_password", "KALAMDB_ROOT_PASSWORD", SECRET,
                                     "Password that account root gets at start; empty leaves it as it is." },
    [KDB_OPT_AUTH_JWT_SECRET] = { "auth", "jwt_secret", "KALAMDB_JWT_SECRET", SECRET,
                                  "Key that signs tokens, 32 characters or more; empty: made at first start and kept "
                                  "in the data directory." },
    [KDB_OPT_AUTH_JWT_EXPIRY_HOURS] = { "auth", "jwt_expiry_hours", "KALAMDB_JWT_EXPIRY_HOURS", INTEGER("24", 1, 8760),
                                        "Hours that an access token is good for; a refresh token seven times that." },
    [KDB_OPT_AUTH_REFRESH_REUSE] = { "auth", "refresh_reuse_seconds", NULL, INTEGER("60", 0, MOST_SECONDS),
                                     "Seconds that a used refresh token still works, for answers that got lost and "
                                     "pages that refresh together; used later it ends the whole sign-in." },
    [KDB_OPT_AUTH_COOKIE_SECURE] = { "auth", "cookie_secure", "KALAMDB_COOKIE_SECURE", BOOLEAN("true"),
                                     "Cookies set over HTTPS are sent back over HTTPS only." },
    [KDB_OPT_AUTH_BCRYPT_COST] = { "auth", "bcrypt_cost", NULL, INTEGER("12", 4, 15),
                                   "Work of one password check; each step doubles it." },
    [KDB_OPT_AUTH_MIN_PASSWORD] = { "auth", "min_password_length", NULL, INTEGER("8", 1, 72),
                                    "Bytes that a new password has at least." },
    [KDB_OPT_AUTH_COMPLEXITY] = { "auth", "enforce_password_complexity", NULL, BOOLEAN("false"),
                                  "New passwords need upper case, lower case, a digit and a special character." },
    [KDB_OPT_AUTH_ALLOW_REMOTE_SETUP] = { "auth", "allow_remote_setup", "KALAMDB_ALLOW_REMOTE_SETUP", BOOLEAN("false"),
                                          "The first-run set-up may come from another machine." },
    [KDB_OPT_AUTH_HASH_THREADS] = { "auth", "hash_threads", NULL, INTEGER("1", 1, 64),
                                    "Threads that check passwords." },
    [KDB_OPT_AUTH_TRUSTED_ISSUERS] = { "auth", "jwt_trusted_issuers", "KALAMDB_JWT_TRUSTED_ISSUERS", TEXT(""),
                                       "Comma-separated URLs of OpenID Connect issuers whose tokens are taken; "
                                       "oauth.audience says for whom they must be." },

    [KDB_OPT_OAUTH_ENABLED] = { "oauth", "enabled", NULL, BOOLEAN("false"),
                                "Takes tokens of the providers below that are enabled." },
    [KDB_OPT_OAUTH_AUTO_PROVISION] = { "oauth", "auto_provision", NULL, BOOLEAN("false"),
                                       "Makes an account for a subject that has none; otherwise CREATE USER .. WITH OAUTH "
                                       "must have made it." },
    [KDB_OPT_OAUTH_DEFAULT_ROLE] = { "oauth", "default_role", NULL, CHOICE("user", "user|service"),
                                     "Role of accounts made so." },
    [KDB_OPT_OAUTH_AUDIENCE] = { "oauth", "audience", NULL, TEXT(""),
                                 "Comma-separated client ids for the issuers in auth.jwt_trusted_issuers, one of which "
                                 "claim aud must name; * is any." },
    [KDB_OPT_OAUTH_ALLOW_HTTP] = { "oauth", "allow_http", NULL, BOOLEAN("false"),
                                   "Takes issuers on other machines without TLS: whoever is on the way can sign in as "
                                   "anybody." },
    PROVIDER(GOOGLE, "oauth.providers.google", "https://accounts.google.com", "Not used by this provider."),
    PROVIDER(GITHUB, "oauth.providers.github", "", "Not used by this provider."),
    PROVIDER(AZURE, "oauth.providers.azure", "", "Directory id; makes the issuer's URL when that is empty."),
    PROVIDER(FIREBASE, "oauth.providers.firebase", "", "Project id; makes the issuer's URL when that is empty."),
    PROVIDER(OIDC, "oauth.providers.oidc", "", "Not used by this provider."),

    [KDB_OPT_EXEC_TIMEOUT] = { "execution", "handler_timeout_seconds", NULL, INTEGER("30", 1, 86400),
                               "Seconds that one statement may run." },
    [KDB_OPT_EXEC_MAX_PARAMETERS] = { "execution", "max_parameters", NULL, INTEGER("50", 0, 65535),
                                      "Parameters of one statement." },
    [KDB_OPT_EXEC_MAX_PARAMETER_SIZE] = { "execution", "max_parameter_size_bytes", NULL,
                                          INTEGER("524288", 1024, INT64_C(1) << 32), "Bytes of one parameter." },
    [KDB_OPT_EXEC_PLAN_CACHE] = { "execution", "sql_plan_cache_max_entries", NULL, INTEGER("200", 0, 100000),
                                  "Prepared statements that each worker keeps." },
    [KDB_OPT_EXEC_NATIVE] = { "execution", "native_executor", NULL, BOOLEAN("true"),
                              "Run statements over one table without the SQL engine where that gives the same result; off "
                              "only to look for a difference." },
    [KDB_OPT_EXEC_HOT_ROWS] = { "execution", "hot_rows_cache_bytes", NULL, INTEGER("67108864", 0, INT64_C(1) << 40),
                                "Memory for the rows of small tables (a user's part of a USER table) that are read whole again "
                                "and again; 0 keeps none." },

    [KDB_OPT_FLUSH_ROW_GROUP_ROWS] = { "flush", "row_group_rows", NULL, INTEGER("61440", 2048, 1048576),
                                       "Rows that Parquet files keep together: what a read of one row takes apart." },
    [KDB_OPT_STREAM_EVICTION_INTERVAL] = { "stream", "eviction_interval_seconds", NULL, INTEGER("60", 1, 86400),
                                           "Seconds between two looks for rows of STREAM tables that have outlived their "
                                           "TTL, which nobody sees any more, to take them off the disk." },

    [KDB_OPT_JOBS_MAX_CONCURRENT] = { "jobs", "max_concurrent", NULL, INTEGER("0", 0, 64),
                                      "Jobs that run at once; 0 is half the cores, at least 2 and at most 10 (the "
                                      "reference has 10): each may keep a core and a disk busy that clients wait for." },
    [KDB_OPT_JOBS_MAX_RETRIES] = { "jobs", "max_retries", NULL, INTEGER("3", 0, 100),
                                   "Times that a job which failed is tried again, unless it would fail the same." },
    [KDB_OPT_JOBS_RETRY_BACKOFF] = { "jobs", "retry_backoff_ms", NULL, INTEGER("100", 1, 60000),
                                     "Milliseconds before a job is tried again; each time twice as long, up to a "
                                     "minute." },

    [KDB_OPT_TXN_TIMEOUT] = { "transactions", "timeout_seconds", NULL, INTEGER("300", 1, 86400),
                              "Seconds that a transaction may stay idle." },
    [KDB_OPT_TXN_BUFFER] = { "transactions", "max_buffer_bytes", NULL, INTEGER("104857600", 65536, MOST_BYTES),
                             "Bytes that one transaction may write, rows that it replaces or rolls back included." },

    [KDB_OPT_RETENTION_DELETED_HOURS] = { "retention", "default_deleted_retention_hours", NULL,
                                          INTEGER("168", 0, MOST_COUNT / 1000),
                                          "Hours for which deletions are kept for clients that resume, of tables that do not say." },
    [KDB_OPT_RETENTION_DBA_STATS] = { "retention", "enable_dba_stats", NULL, BOOLEAN("true"),
                                      "Every five minutes the figures of system.stats are added to table dba.stats." },
    [KDB_OPT_RETENTION_DBA_STATS_DAYS] = { "retention", "dba_stats_retention_days", NULL, INTEGER("7", 1, 36500),
                                           "Days that they are kept there." },

    [KDB_OPT_FLUSH_ROW_LIMIT] = { "flush", "default_row_limit", NULL, INTEGER("10000", 0, MOST_COUNT),
                                  "Rows of a partition (a user's part of a USER table) from which on they are moved to "
                                  "Parquet, of tables without a FLUSH_POLICY; 0 is no limit." },
    [KDB_OPT_FLUSH_TIME_INTERVAL] = { "flush", "default_time_interval", NULL, INTEGER("0", 0, MOST_SECONDS),
                                      "Seconds after which its rows are moved however few they are, of the same tables; "
                                      "0 is never, and the default because few rows are read faster where they are (the "
                                      "reference has 300)." },
    [KDB_OPT_FLUSH_CHECK_INTERVAL] = { "flush", "check_interval_seconds", NULL, INTEGER("60", 1, 86400),
                                       "Seconds between two looks for tables to flush." },

    [KDB_OPT_USER_GRACE_DAYS] = { "user_management", "deletion_grace_period_days", NULL, INTEGER("30", 0, 36500),
                                  "Days after DROP USER before the user's rows and the account are removed for good." },
    [KDB_OPT_USER_CLEANUP_SCHEDULE] = { "user_management", "cleanup_job_schedule", NULL, TEXT("0 2 * * *"),
                                        "When that is looked at: minute, hour, day of month, month and day of week, in "
                                        "UTC." },

    [KDB_OPT_LIVE_THREADS] = { "live", "threads", NULL, INTEGER("0", 0, 64),
                               "Threads that match changes to live queries; 0 is a quarter of the cores, at least 1." },
    [KDB_OPT_LIVE_BACKLOG] = { "live", "max_backlog_bytes", NULL, INTEGER("268435456", 1048576, MOST_BYTES),
                               "Bytes of changes that may wait for such a thread before its subscribers are told to "
                               "subscribe again." },
    [KDB_OPT_LIVE_HELD] = { "live", "max_held_bytes", NULL, INTEGER("67108864", 65536, MOST_BYTES),
                            "Bytes of changes held back while a subscription's first rows are sent, before it is told to "
                            "subscribe again." },
    [KDB_OPT_NODE_ID] = { "cluster", "node_id", "KALAMDB_NODE_ID", INTEGER("0", 0, 1023),
                          "Number of this server in the ids that it makes; servers whose data will meet need "
                          "different ones." },
};
