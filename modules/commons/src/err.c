/* err.c - the rows of all statuses and the filling of error objects. Nothing here allocates, so that running out of memory
 * can be reported too. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "commons_int.h"

#define EXECUTION_CODE "SQL_EXECUTION_ERROR"
#define EXECUTION_HIDDEN "SQL statement failed"
#define INTERNAL_CODE "INTERNAL_ERROR"
#define INTERNAL_HIDDEN "SQL request failed"
#define BAD_CREDENTIALS "Invalid credentials"

/* What is shown to everybody is the "kept verbatim" list of sql.md section 2. The texts of the authentication rows are
 * what clients get whatever the reason was (wire-protocol.md 3.4); the reason itself is for the log. */
const kdb_status_def kdb_status_defs[KDB_STATUS_COUNT] = {
    /* name, code, http, sqlstate, prefix, everybody, retryable, public_text */
    [KDB_OK] = { "OK", "OK", 200, "00000", "", true, false, NULL },

    [KDB_INVALID] = { "INVALID", "INVALID_INPUT", 400, "22023", "", true, false, NULL },
    [KDB_EMPTY_SQL] = { "EMPTY_SQL", "EMPTY_SQL", 400, "42601", "", true, false, NULL },
    [KDB_BATCH_PARSE] = { "BATCH_PARSE", "BATCH_PARSE_ERROR", 400, "42601", "", false, false,
                          "Failed to parse SQL batch" },
    [KDB_PARAMS_WITH_BATCH] = { "PARAMS_WITH_BATCH", "PARAMS_WITH_BATCH", 400, "08P01", "", true, false, NULL },
    [KDB_INVALID_PARAMETER] = { "INVALID_PARAMETER", "INVALID_PARAMETER", 400, "22023", "", true, false, NULL },
    [KDB_INVALID_SQL] = { "INVALID_SQL", "INVALID_SQL", 400, "42601", "", false, false,
                          "SQL statement is invalid or not allowed" },
    [KDB_RATE_LIMITED] = { "RATE_LIMITED", "RATE_LIMIT_EXCEEDED", 429, "53400", "", true, true, NULL },
    [KDB_TOO_LARGE] = { "TOO_LARGE", "BODY_TOO_LARGE", 413, "54000", "", true, false, NULL },
    [KDB_OVERLOADED] = { "OVERLOADED", "OVERLOADED", 503, "53000", "", true, true, NULL },

    [KDB_MISSING_AUTHORIZATION] = { "MISSING_AUTHORIZATION", "MISSING_AUTHORIZATION", 401, "28000", "", false, false,
                                    "Authentication required" },
    [KDB_TOKEN_EXPIRED] = { "TOKEN_EXPIRED", "TOKEN_EXPIRED", 401, "28000", "", false, false, BAD_CREDENTIALS },
    [KDB_INVALID_CREDENTIALS] = { "INVALID_CREDENTIALS", "INVALID_CREDENTIALS", 401, "28P01", "", false, false,
                                  BAD_CREDENTIALS },
    [KDB_ACCOUNT_LOCKED] = { "ACCOUNT_LOCKED", "ACCOUNT_LOCKED", 401, "28000", "", false, true, "Account locked" },
    [KDB_SETUP_REQUIRED] = { "SETUP_REQUIRED", "SETUP_REQUIRED", 401, "28000", "", false, false,
                             "Server requires initial setup" },
    [KDB_REMOTE_DENIED] = { "REMOTE_DENIED", "REMOTE_ACCESS_DENIED", 403, "28000", "", false, false, "Access denied" },
    [KDB_PERMISSION_DENIED] = { "PERMISSION_DENIED", "PERMISSION_DENIED", 403, "42501", "Permission denied: ", true,
                                false, NULL },

    [KDB_NOT_FOUND] = { "NOT_FOUND", EXECUTION_CODE, 400, "42704", "Not found: ", true, false, NULL },
    [KDB_NAMESPACE_NOT_FOUND] = { "NAMESPACE_NOT_FOUND", EXECUTION_CODE, 400, "3F000", "Not found: ", true, false,
                                  NULL },
    [KDB_TABLE_NOT_FOUND] = { "TABLE_NOT_FOUND", EXECUTION_CODE, 400, "42P01", "Not found: ", false, false,
                              EXECUTION_HIDDEN },
    [KDB_COLUMN_NOT_FOUND] = { "COLUMN_NOT_FOUND", EXECUTION_CODE, 400, "42703", "Execution error: ", true, false,
                               NULL },
    [KDB_ALREADY_EXISTS] = { "ALREADY_EXISTS", EXECUTION_CODE, 400, "42710", "Already exists: ", true, false, NULL },
    [KDB_INVALID_OPERATION] = { "INVALID_OPERATION", EXECUTION_CODE, 400, "55000", "Invalid operation: ", true, false,
                                NULL },
    [KDB_UNAUTHORIZED] = { "UNAUTHORIZED", EXECUTION_CODE, 400, "42501", "Unauthorized: ", false, false,
                           EXECUTION_HIDDEN },
    [KDB_STMT_INVALID_SQL] = { "STMT_INVALID_SQL", EXECUTION_CODE, 400, "42601", "Invalid SQL: ", true, false, NULL },
    [KDB_EXECUTION] = { "EXECUTION", EXECUTION_CODE, 400, "22000", "Execution error: ", false, false,
                        EXECUTION_HIDDEN },
    [KDB_ARITHMETIC] = { "ARITHMETIC", EXECUTION_CODE, 400, "22003", "Execution error: ", true, false, NULL },
    [KDB_CONSTRAINT] = { "CONSTRAINT", EXECUTION_CODE, 400, "23000", "Constraint violation: ", true, false, NULL },
    [KDB_CONFLICT] = { "CONFLICT", EXECUTION_CODE, 400, "40001", "Conflict: ", true, true, NULL },
    [KDB_IDEMPOTENT_CONFLICT] = { "IDEMPOTENT_CONFLICT", EXECUTION_CODE, 400, "23505", "Idempotent conflict: ", true,
                                  false, NULL },
    /* The reference hides these; the value and the column are the caller's own, who has to know which does not fit. */
    [KDB_SCHEMA] = { "SCHEMA", EXECUTION_CODE, 400, "22018", "Schema error: ", true, false, NULL },
    [KDB_PARAMETER] = { "PARAMETER", EXECUTION_CODE, 400, "42P02", "Parameter binding error: ", true, false, NULL },
    [KDB_TIMEOUT] = { "TIMEOUT", EXECUTION_CODE, 400, "57014", "", true, true, NULL },
    /* Our own limits reveal nothing, and who runs into one has to know which. */
    [KDB_LIMIT] = { "LIMIT", EXECUTION_CODE, 400, "54000", "", true, false, NULL },
    [KDB_CANCELLED] = { "CANCELLED", EXECUTION_CODE, 400, "57014", "", true, true, NULL },

    [KDB_WOULD_BLOCK] = { "WOULD_BLOCK", INTERNAL_CODE, 500, "XX000", "", false, true, INTERNAL_HIDDEN },

    [KDB_IO] = { "IO", INTERNAL_CODE, 500, "58030", "", false, false, INTERNAL_HIDDEN },
    [KDB_CORRUPT] = { "CORRUPT", INTERNAL_CODE, 500, "XX001", "", false, false, INTERNAL_HIDDEN },
    [KDB_INTERNAL] = { "INTERNAL", INTERNAL_CODE, 500, "XX000", "", false, false, INTERNAL_HIDDEN },
};

/* A message may quote bytes from outside: what is not UTF-8 becomes '?', and a character cut by the end goes. */
static void make_utf8(char *text, bool was_cut)
{
    size_t len = strlen(text);
    if (kdb_utf8_valid(kdb_sv_of(text, len))) {
        return;
    }
    for (size_t i = 0; i < len;) {
        size_t step = kdbi_utf8_sequence((const unsigned char *)text + i, len - i);
        if (step == 0 && was_cut && len - i < 4 && (unsigned char)text[i] >= 0xC2) {
            text[i] = '\0';
            return;
        }
        if (step == 0) {
            text[i] = '?';
            step = 1;
        }
        i += step;
    }
}

/* Formats apart first: an argument may point into err->text. */
static void set_text(kdb_err *err, const char *fmt, va_list args)
{
    char text[KDB_ERR_TEXT_MAX];
    int len = vsnprintf(text, sizeof(text), fmt, args);
    if (len < 0) {
        text[0] = '\0';
    }
    make_utf8(text, len >= KDB_ERR_TEXT_MAX);
    memcpy(err->text, text, strlen(text) + 1);
}

kdb_status kdb_err_fill(kdb_err *err, const char *file, int line, kdb_status status, const char *fmt, ...)
{
    if (err != NULL) {
        err->status = status;
        err->source_file = file;
        err->source_line = line;
        err->position = -1;
        va_list args;
        va_start(args, fmt);
        set_text(err, fmt, args);
        va_end(args);
    }
    return status;
}

kdb_status kdb_err_fill_at(kdb_err *err, const char *file, int line, int32_t position, kdb_status status,
                           const char *fmt, ...)
{
    if (err != NULL) {
        err->status = status;
        err->source_file = file;
        err->source_line = line;
        err->position = position;
        va_list args;
        va_start(args, fmt);
        set_text(err, fmt, args);
        va_end(args);
    }
    return status;
}

void kdb_err_context(kdb_err *err, const char *fmt, ...)
{
    if (err == NULL) {
        return;
    }
    char cause[KDB_ERR_TEXT_MAX];
    memcpy(cause, err->text, strlen(err->text) + 1);
    va_list args;
    va_start(args, fmt);
    set_text(err, fmt, args);
    va_end(args);
    size_t len = strlen(err->text);
    int added = snprintf(err->text + len, sizeof(err->text) - len, ": %s", cause);
    make_utf8(err->text, added >= 0 && (size_t)added >= sizeof(err->text) - len);
}

void kdb_err_at(kdb_err *err, int32_t position)
{
    if (err != NULL && err->position < 0) {
        err->position = position;
    }
}
