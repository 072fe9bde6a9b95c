/* legacy_reply.c - the answer of POST /api/sql (wire-protocol.md 16): rows are objects, integers are numbers of any size,
 * columns are a list of names, and there are two error codes. */
#include <stdio.h>

#include "api_int.h"

static void open_body(kdbi_reply *reply)
{
    kdb_buf_append_lit(reply->out, "{\"status\":\"success\",\"results\":[");
}

/* `"name":`, made once for all rows. */
static kdb_sv encode_key(kdb_sv name, kdb_arena *arena)
{
    kdb_buf key;
    kdb_buf_init(&key, 0);
    kdb_json_put_string(&key, name);
    kdb_buf_append_byte(&key, ':');
    const kdb_sv kept = kdb_sv_dup(arena, kdb_buf_sv(&key));
    kdb_buf_done(&key);
    return kept;
}

static void rows_begin(kdbi_reply *reply)
{
    kdbi_reply_next_result(reply);
    reply->keys = KDB_ARENA_ARRAY(reply->arena, kdb_sv, reply->ncolumns);
    for (size_t i = 0; i < reply->ncolumns; i++) {
        reply->keys[i] = encode_key(reply->columns[i].name, reply->arena);
    }
    kdb_buf_append_lit(reply->out, "{\"rows\":[");
}

static kdb_status put_cell(kdbi_reply *reply, const kdb_chunk *chunk, size_t col, size_t row, kdb_err *err)
{
    const kdb_vec *vec = &chunk->cols[col];
    if (vec->type.kind == KDB_TYPE_BIGINT && !kdb_vec_is_null(vec, row) && !kdbi_reply_is_masked(reply, col)) {
        kdb_buf_append_i64(reply->out, ((const int64_t *)vec->data)[row]);
        return KDB_OK;
    }
    return kdbi_reply_cell(reply, chunk, col, row, err);
}

static kdb_status put_row(kdbi_reply *reply, const kdb_chunk *chunk, size_t row, kdb_err *err)
{
    if (reply->nrows++ > 0) {
        kdb_buf_append_byte(reply->out, ',');
    }
    kdb_buf_append_byte(reply->out, '{');
    for (size_t i = 0; i < chunk->ncols; i++) {
        if (i > 0) {
            kdb_buf_append_byte(reply->out, ',');
        }
        kdb_buf_append_sv(reply->out, reply->keys[i]);
        KDB_TRY(put_cell(reply, chunk, i, row, err));
    }
    kdb_buf_append_byte(reply->out, '}');
    return KDB_OK;
}

static void rows_end(kdbi_reply *reply, uint64_t row_count, bool truncated)
{
    kdb_buf_append_lit(reply->out, "],\"row_count\":");
    kdb_buf_append_u64(reply->out, row_count);
    kdb_buf_append_lit(reply->out, ",\"columns\":[");
    for (size_t i = 0; i < reply->ncolumns; i++) {
        if (i > 0) {
            kdb_buf_append_byte(reply->out, ',');
        }
        kdb_json_put_string(reply->out, reply->columns[i].name);
    }
    kdb_buf_append_byte(reply->out, ']');
    if (truncated) {
        kdb_buf_append_lit(reply->out, ",\"truncated\":true");
    }
    kdb_buf_append_byte(reply->out, '}');
}

static void put_message(kdbi_reply *reply, uint64_t row_count, kdb_sv message)
{
    kdbi_reply_next_result(reply);
    kdb_buf_append_lit(reply->out, "{\"row_count\":");
    kdb_buf_append_u64(reply->out, row_count);
    kdb_buf_append_lit(reply->out, ",\"columns\":[],\"message\":");
    kdb_json_put_string(reply->out, message);
    kdb_buf_append_byte(reply->out, '}');
}

static void close_body(kdbi_reply *reply, int64_t took_us)
{
    kdb_buf_append_lit(reply->out, "],\"execution_time_ms\":");
    kdb_buf_append_i64(reply->out, (took_us + 500) / 1000);
    kdb_buf_append_byte(reply->out, '}');
}

static void put_failure(kdb_buf *out, const kdb_failure *failure, bool admin, int64_t took_us)
{
    char lead[48];
    const int lead_len = snprintf(lead, sizeof lead, "Error executing statement %u: ", failure->statement);
    kdb_buf_append_lit(out, "{\"status\":\"error\",\"results\":[],\"execution_time_ms\":");
    kdb_buf_append_i64(out, (took_us + 500) / 1000);
    kdb_buf_printf(out, ",\"error\":{\"code\":\"%s\",\"message\":",
                   failure->status == KDB_EMPTY_SQL ? "EMPTY_SQL" : "SQL_EXECUTION_ERROR");
    kdbi_put_failure_text(out, failure, admin, kdb_sv_of(lead, (size_t)lead_len));
    kdbi_put_failure_place(out, failure, admin);
    kdb_buf_append_lit(out, "}}");
}

/* What the server could not do now is still told apart; the client's errors are all one. */
static int http_status(kdb_status status)
{
    const int http = kdb_status_defs[status].http;
    return http >= 429 ? http : 400;
}

const kdbi_reply_form kdbi_form_legacy = {
    .open = open_body,
    .rows_begin = rows_begin,
    .row = put_row,
    .rows_end = rows_end,
    .message = put_message,
    .close = close_body,
    .failure = put_failure,
    .http_status = http_status,
};
