/* err.h - statuses, the error object that whoever finds a problem fills once, and the macros that pass it up. */
#ifndef KDB_ERR_H
#define KDB_ERR_H

#include "kdb/base.h"

/* One row of kdb_status_defs each; the wire code, HTTP status and texts are in the row. */
typedef enum kdb_status {
    KDB_OK = 0,
    /* request edge (wire-protocol.md 5.6) */
    KDB_INVALID, /* INVALID_INPUT: body, option or argument that cannot be read */
    KDB_EMPTY_SQL,
    KDB_BATCH_PARSE,
    KDB_PARAMS_WITH_BATCH,
    KDB_INVALID_PARAMETER,
    KDB_INVALID_SQL,
    KDB_RATE_LIMITED,
    KDB_TOO_LARGE,  /* request body over its limit: 413 */
    KDB_OVERLOADED, /* a queue is full: 503 with Retry-After */
    /* authentication (wire-protocol.md 3.4) */
    KDB_MISSING_AUTHORIZATION,
    KDB_TOKEN_EXPIRED,
    KDB_INVALID_CREDENTIALS,
    KDB_ACCOUNT_LOCKED,
    KDB_SETUP_REQUIRED,
    KDB_REMOTE_DENIED,
    KDB_PERMISSION_DENIED,
    /* execution: all but the marked are SQL_EXECUTION_ERROR on the wire (sql.md 2) */
    KDB_NOT_FOUND,
    KDB_NAMESPACE_NOT_FOUND,
    KDB_TABLE_NOT_FOUND, /* hidden from non-admins */
    KDB_COLUMN_NOT_FOUND,
    KDB_ALREADY_EXISTS,
    KDB_INVALID_OPERATION,
    KDB_UNAUTHORIZED,
    KDB_STMT_INVALID_SQL, /* "Invalid SQL: .." found while running: shown to everybody */
    KDB_EXECUTION,
    KDB_ARITHMETIC, /* division by zero, overflow, a value without a conversion: shown to everybody */
    KDB_CONSTRAINT,
    KDB_CONFLICT,
    KDB_IDEMPOTENT_CONFLICT,
    KDB_SCHEMA,
    KDB_PARAMETER,
    KDB_TIMEOUT,
    KDB_LIMIT,       /* a size or count over its option */
    KDB_CANCELLED,   /* the client went away or the server stops */
    KDB_WOULD_BLOCK, /* a read limited to memory needs the disk; never reaches a client */
    /* server */
    KDB_IO,
    KDB_CORRUPT,
    KDB_INTERNAL,
    KDB_STATUS_COUNT
} kdb_status;

typedef struct kdb_status_def {
    const char *name; /* "NOT_FOUND", for logs */
    const char *code; /* wire code, "SQL_EXECUTION_ERROR" */
    int http;
    const char *sqlstate;    /* five characters */
    const char *prefix;      /* put before the message of an execution error, "Not found: "; "" for none */
    bool everybody;          /* the message is shown to non-admins as it is */
    bool retryable;          /* the same request may succeed later */
    const char *public_text; /* what non-admins see instead; NULL when everybody */
} kdb_status_def;

extern const kdb_status_def kdb_status_defs[KDB_STATUS_COUNT];

enum { KDB_ERR_TEXT_MAX = 1024 };

/* The caller's storage; valid once a call has failed. No allocation, so that out-of-memory can be reported too. */
typedef struct kdb_err {
    kdb_status status;
    int source_line; /* where in our code it was found */
    const char *source_file;
    int32_t position;            /* byte offset in the statement text, -1 when not known */
    char text[KDB_ERR_TEXT_MAX]; /* plain message, UTF-8, NUL-terminated, cut at a character boundary */
} kdb_err;

/* Fills *err (which may be NULL) and returns `status`. Use through KDB_FAIL. */
kdb_status kdb_err_fill(kdb_err *err, const char *file, int line, kdb_status status, const char *fmt, ...)
    KDB_PRINTF(5, 6) __attribute__((cold));
/* Puts "<text>: " before the message; a caller that knows more adds it once. */
void kdb_err_context(kdb_err *err, const char *fmt, ...) KDB_PRINTF(2, 3);
/* Sets the byte offset of the problem in the statement text when none is set yet. */
void kdb_err_at(kdb_err *err, int32_t position);

/* The compiler cannot see what a function elsewhere returns; told it, it knows that a failed call left by KDB_TRY. */
static inline kdb_status kdb_err_filled(KDB_UNUSED kdb_status filled, kdb_status status)
{
    return status;
}

/* `status` is evaluated twice. */
#define KDB_FAIL(err, status, ...)                                                                                     \
    kdb_err_filled(kdb_err_fill((err), __FILE__, __LINE__, (status), __VA_ARGS__), (status))
/* As KDB_FAIL with the byte offset of the problem in the statement. */
#define KDB_FAIL_AT(err, pos, status, ...)                                                                             \
    kdb_err_filled(kdb_err_fill_at((err), __FILE__, __LINE__, (pos), (status), __VA_ARGS__), (status))
kdb_status kdb_err_fill_at(kdb_err *err, const char *file, int line, int32_t position, kdb_status status,
                           const char *fmt, ...) KDB_PRINTF(6, 7) __attribute__((cold));

/* Returns the status of a failed call to our caller; the only macro that returns. */
#define KDB_TRY(call)                                                                                                  \
    do {                                                                                                               \
        const kdb_status kdb_try_ = (call);                                                                            \
        if (KDB_UNLIKELY(kdb_try_ != KDB_OK)) {                                                                        \
            return kdb_try_;                                                                                           \
        }                                                                                                              \
    } while (0)

#endif
