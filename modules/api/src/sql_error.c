/* sql_error.c - puts a failure into words (sql.md 2). What a message says of tables, engine and server is for admins; other
 * callers get the fixed text of the status's row, unless the row says that its messages are for everybody. */
#include <stdio.h>

#include "api_int.h"

kdb_failure kdbi_failure_of(const kdb_err *err)
{
    return (kdb_failure){ .status = err->status, .text = kdb_sv_cstr(err->text) };
}

static void put_full_text(kdb_buf *out, const kdb_failure *failure, bool admin, kdb_sv lead)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    if (failure->statement != 0) {
        kdb_buf_append_sv(&text, lead);
        kdb_buf_append_sv(&text, kdb_sv_cstr(kdb_status_defs[failure->status].prefix));
    }
    kdb_buf_append_sv(&text, failure->text);
    const bool placed = (admin && failure->status == KDB_INVALID_SQL) || failure->status == KDB_STMT_INVALID_SQL;
    if (placed && failure->line != 0) {
        kdb_buf_printf(&text, " (line %u, column %u)", failure->line, failure->column);
    }
    kdb_json_put_string(out, kdb_buf_sv(&text));
    kdb_buf_done(&text);
}

void kdbi_put_failure_text(kdb_buf *out, const kdb_failure *failure, bool admin, kdb_sv lead)
{
    const kdb_status_def *def = &kdb_status_defs[failure->status];
    if (admin || def->everybody) {
        put_full_text(out, failure, admin, lead);
    } else {
        kdb_json_put_string(out, kdb_sv_cstr(def->public_text));
    }
}

void kdbi_put_failure_place(kdb_buf *out, const kdb_failure *failure, bool admin)
{
    if (admin && failure->statement_text.len > 0) {
        kdb_buf_append_lit(out, ",\"details\":");
        kdb_json_put_string(out, failure->statement_text);
    }
    if (failure->line != 0) {
        kdb_buf_printf(out, ",\"line\":%u,\"column\":%u", failure->line, failure->column);
    }
}

void kdbi_put_sql_error(kdb_buf *out, const kdb_failure *failure, bool admin, int64_t took_us)
{
    char lead[48];
    const int lead_len = snprintf(lead, sizeof lead, "Statement %u failed: ", failure->statement);
    kdb_buf_append_lit(out, "{\"status\":\"error\",\"results\":[],\"took\":");
    kdbi_put_took(out, took_us);
    kdb_buf_printf(out, ",\"error\":{\"code\":\"%s\",\"message\":", kdb_status_defs[failure->status].code);
    kdbi_put_failure_text(out, failure, admin, kdb_sv_of(lead, (size_t)lead_len));
    kdbi_put_failure_place(out, failure, admin);
    kdb_buf_append_lit(out, "}}");
}
