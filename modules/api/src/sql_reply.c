/* sql_reply.c - the answer of /v1/api/sql as JSON (wire-protocol.md 5.5, 6), and what both forms of answers share. Rows are
 * the hot path: they are encoded where they are made, on the worker, straight into the piece that leaves. */
#include <string.h>

#include "api_int.h"

/* ---- of both forms ---- */

/* Whole milliseconds and three decimals, without floating point. */
void kdbi_put_took(kdb_buf *out, int64_t took_us)
{
    const char decimals[4] = { '.', (char)('0' + took_us / 100 % 10), (char)('0' + took_us / 10 % 10),
                               (char)('0' + took_us % 10) };
    kdb_buf_append_i64(out, took_us / 1000);
    kdb_buf_append(out, decimals, sizeof decimals);
}

void kdbi_reply_init(kdbi_reply *reply, const kdbi_reply_form *form, const kdb_principal *who, kdb_buf *out,
                     kdb_arena *arena)
{
    *reply = (kdbi_reply){
        .form = form, .out = out, .arena = arena, .as_user = who->user.text, .admin = kdb_role_is_admin(who->role)
    };
}

void kdbi_reply_next_result(kdbi_reply *reply)
{
    if (reply->nresults++ > 0) {
        kdb_buf_append_byte(reply->out, ',');
    }
}

/* Columns of those names hold secrets, whatever table they are in (sql.md 2). */
static bool is_secret(kdb_sv name)
{
    return kdb_sv_ieq(name, KDB_SV("credentials")) || kdb_sv_ieq(name, KDB_SV("password_hash"));
}

static void find_masked(kdbi_reply *reply)
{
    reply->masked = NULL;
    for (size_t i = 0; !reply->admin && i < reply->ncolumns; i++) {
        if (!is_secret(reply->columns[i].name)) {
            continue;
        }
        if (reply->masked == NULL) {
            reply->masked = KDB_ARENA_ARRAY(reply->arena, bool, reply->ncolumns);
        }
        reply->masked[i] = true;
    }
}

void kdbi_reply_rows_begin(kdbi_reply *reply, const kdb_result_column *columns, size_t ncolumns)
{
    reply->columns = KDB_ARENA_ARRAY(reply->arena, kdb_result_column, ncolumns);
    reply->ncolumns = ncolumns;
    for (size_t i = 0; i < ncolumns; i++) {
        reply->columns[i] = columns[i];
        reply->columns[i].name = kdb_sv_dup(reply->arena, columns[i].name);
    }
    reply->nrows = 0;
    find_masked(reply);
    reply->form->rows_begin(reply);
}

bool kdbi_reply_is_masked(const kdbi_reply *reply, size_t col)
{
    return KDB_UNLIKELY(reply->masked != NULL) && reply->masked[col];
}

kdb_status kdbi_reply_cell(kdbi_reply *reply, const kdb_chunk *chunk, size_t col, size_t row, kdb_err *err)
{
    const kdb_vec *vec = &chunk->cols[col];
    if (kdbi_reply_is_masked(reply, col) && !kdb_vec_is_null(vec, row)) {
        kdb_buf_append_lit(reply->out, "\"***\"");
        return KDB_OK;
    }
    const kdb_status status = kdb_json_put_cell(reply->out, vec, row, err);
    if (KDB_UNLIKELY(status != KDB_OK)) {
        kdb_err_context(err, "column '%.*s'", KDB_SV_ARG(reply->columns[col].name));
    }
    return status;
}

/* ---- the form of /v1/api/sql ---- */

static void open_body(kdbi_reply *reply)
{
    kdb_buf_append_lit(reply->out, "{\"status\":\"success\",\"results\":[");
}

static void put_as_user(kdbi_reply *reply)
{
    kdb_buf_append_lit(reply->out, ",\"as_user\":");
    kdb_json_put_string(reply->out, reply->as_user);
    kdb_buf_append_byte(reply->out, '}');
}

static void put_column(kdb_buf *out, const kdb_result_column *column, size_t index)
{
    kdb_buf_append_lit(out, "{\"name\":");
    kdb_json_put_string(out, column->name);
    kdb_buf_append_lit(out, ",\"data_type\":");
    kdb_json_put_type(out, column->type);
    kdb_buf_append_lit(out, ",\"index\":");
    kdb_buf_append_u64(out, index);
    if (column->key) {
        kdb_buf_append_lit(out, ",\"flags\":[\"pk\",\"nn\",\"uq\"]");
    } else if (column->not_null) {
        kdb_buf_append_lit(out, ",\"flags\":[\"nn\"]");
    }
    kdb_buf_append_byte(out, '}');
}

static void rows_begin(kdbi_reply *reply)
{
    kdbi_reply_next_result(reply);
    kdb_buf_append_lit(reply->out, "{\"schema\":[");
    for (size_t i = 0; i < reply->ncolumns; i++) {
        if (i > 0) {
            kdb_buf_append_byte(reply->out, ',');
        }
        put_column(reply->out, &reply->columns[i], i);
    }
    kdb_buf_append_lit(reply->out, "],\"rows\":[");
}

static kdb_status put_row(kdbi_reply *reply, const kdb_chunk *chunk, size_t row, kdb_err *err)
{
    if (reply->nrows++ > 0) {
        kdb_buf_append_byte(reply->out, ',');
    }
    kdb_buf_append_byte(reply->out, '[');
    for (size_t i = 0; i < chunk->ncols; i++) {
        if (i > 0) {
            kdb_buf_append_byte(reply->out, ',');
        }
        KDB_TRY(kdbi_reply_cell(reply, chunk, i, row, err));
    }
    kdb_buf_append_byte(reply->out, ']');
    return KDB_OK;
}

static void rows_end(kdbi_reply *reply, uint64_t row_count, bool truncated)
{
    kdb_buf_append_lit(reply->out, "],\"row_count\":");
    kdb_buf_append_u64(reply->out, row_count);
    if (truncated) {
        kdb_buf_append_lit(reply->out, ",\"truncated\":true");
    }
    put_as_user(reply);
}

static void put_message(kdbi_reply *reply, uint64_t row_count, kdb_sv message)
{
    kdbi_reply_next_result(reply);
    kdb_buf_append_lit(reply->out, "{\"row_count\":");
    kdb_buf_append_u64(reply->out, row_count);
    kdb_buf_append_lit(reply->out, ",\"message\":");
    kdb_json_put_string(reply->out, message);
    put_as_user(reply);
}

static void close_body(kdbi_reply *reply, int64_t took_us)
{
    kdb_buf_append_lit(reply->out, "],\"took\":");
    kdbi_put_took(reply->out, took_us);
    kdb_buf_append_byte(reply->out, '}');
}

static int http_status(kdb_status status)
{
    return kdb_status_defs[status].http;
}

const kdbi_reply_form kdbi_form_v1 = {
    .open = open_body,
    .rows_begin = rows_begin,
    .row = put_row,
    .rows_end = rows_end,
    .message = put_message,
    .close = close_body,
    .failure = kdbi_put_sql_error,
    .http_status = http_status,
};
