/* http_sql.c - POST /v1/api/sql and POST /api/sql: the net thread decodes the body and runs the statement itself where core's
 * lane takes it, else hands the request to core; then workers (or the committer) encode the answer; the net thread sends
 * it. */
#include "net_int.h"

/* ---- kdb_reply: called by the threads that run the statements ---- */

static void on_rows_begin(void *self, const kdb_result_column *columns, size_t ncolumns)
{
    kdbi_exchange *ex = self;
    kdbi_reply_rows_begin(&ex->reply, columns, ncolumns);
}

static kdb_status on_rows(void *self, const kdb_chunk *chunk, kdb_err *err)
{
    kdbi_exchange *ex = self;
    for (size_t row = 0; row < chunk->nrows; row++) {
        KDB_TRY(ex->reply.form->row(&ex->reply, chunk, row, err));
        if (KDB_UNLIKELY(ex->reply.out->len >= KDBI_PIECE_BYTES)) {
            KDB_TRY(kdbi_exchange_piece_full(ex, err));
        }
    }
    return KDB_OK;
}

static void on_rows_end(void *self, uint64_t row_count, bool truncated)
{
    kdbi_exchange *ex = self;
    ex->reply.form->rows_end(&ex->reply, row_count, truncated);
}

static void on_message(void *self, uint64_t row_count, kdb_sv message)
{
    kdbi_exchange *ex = self;
    ex->reply.form->message(&ex->reply, row_count, message);
}

static void on_acting(void *self, kdb_sv user)
{
    kdbi_exchange *ex = self;
    ex->reply.as_user = user;
}

static void log_failure(const kdb_failure *failure)
{
    if (kdb_status_defs[failure->status].http >= 500) {
        kdb_log_error("request failed status=%s statement=%u err=\"%.*s\"", kdb_status_defs[failure->status].name,
                      failure->statement, KDB_SV_ARG(failure->text));
    }
}

static void on_done(void *self, const kdb_failure *failure)
{
    kdbi_exchange *ex = self;
    const int64_t took_us = kdb_monotonic_us() - ex->started_us;
    bool broken = false;
    if (failure == NULL) {
        ex->reply.form->close(&ex->reply, took_us);
        ex->http_status = 200;
    } else {
        log_failure(failure);
        broken = !kdbi_exchange_rewind(ex);
        if (!broken) {
            ex->reply.form->failure(kdbi_exchange_out(ex), failure, ex->reply.admin, took_us);
            ex->http_status = ex->reply.form->http_status(failure->status);
        }
    }
    kdbi_exchange_finish(ex, broken);
}

/* ---- the net thread ---- */

static void send_answer(kdbi_exchange *ex)
{
    kdbi_exchange_send(ex, ex->http_status);
}

/* A failure of the edge, in the form that the endpoint's other failures have. */
static void respond_failure(kdbi_call *call, const kdbi_reply_form *form, const kdb_err *err)
{
    kdbi_exchange *ex = call->ex;
    const kdb_failure failure = kdbi_failure_of(err);
    kdb_buf *out = kdbi_exchange_out(ex);
    out->len = 0;
    form->failure(out, &failure, kdb_role_is_admin(call->principal.role), kdb_monotonic_us() - ex->started_us);
    kdbi_exchange_send(ex, form->http_status(err->status));
}

static kdb_status check_rate(kdbi_call *call, kdb_err *err)
{
    if (call->api->queries != NULL &&
        !kdbi_rate_limit_take(call->api->queries, kdb_hash64(call->principal.user.text), call->ex->started_us)) {
        return KDB_FAIL(err, KDB_RATE_LIMITED, "Too many queries per second; try again shortly");
    }
    return KDB_OK;
}

static kdb_status check_content_type(const kdbi_call *call, kdb_err *err)
{
    const kdb_sv type = kdb_sv_trim(kdbi_header(call->req, H2O_TOKEN_CONTENT_TYPE));
    const kdb_sv multipart = KDB_SV("multipart/");
    if (type.len >= multipart.len && kdb_sv_ieq(kdb_sv_of(type.ptr, multipart.len), multipart)) {
        return KDB_FAIL(err, KDB_INVALID, "Multipart requests are not supported");
    }
    return KDB_OK;
}

static kdb_status decode(kdbi_call *call, kdb_err *err)
{
    kdbi_exchange *ex = call->ex;
    kdbi_sql_request request;
    KDB_TRY(check_rate(call, err));
    KDB_TRY(check_content_type(call, err));
    KDB_TRY(kdbi_sql_request_decode(kdb_sv_of(call->req->entity.base, call->req->entity.len), &call->api->set.sql,
                                    ex->arena, &request, err));
    ex->request = (kdb_request){ .sql = request.sql,
                                 .params = request.params,
                                 .nparams = request.nparams,
                                 .ns = request.ns,
                                 .caller = call->principal,
                                 .address = kdbi_call_addr(call) };
    return KDB_OK;
}

/* Runs the request on this thread, or hands it to the workers. Its answer may come before the call returns. */
static kdb_status start(kdbi_exchange *ex, kdb_err *err)
{
    if (kdb_core_lane_run(ex->loop->lane, &ex->request)) {
        return KDB_OK;
    }
    return kdb_core_submit(ex->loop->api->core, &ex->request, err);
}

static kdb_status submit(kdbi_exchange *ex, const kdbi_reply_form *form, kdb_err *err)
{
    ex->request.reply = (kdb_reply){ ex, on_rows_begin, on_rows, on_rows_end, on_message, on_done, on_acting };
    kdbi_reply_init(&ex->reply, form, &ex->request.caller, kdbi_exchange_out(ex), ex->arena);
    form->open(&ex->reply);
    kdbi_exchange_begin_here(ex);
    const kdb_status status = start(ex, err);
    if (kdbi_exchange_end_here(ex)) {
        send_answer(ex);
    } else if (status == KDB_OK) {
        kdbi_exchange_hand_out(ex, send_answer);
    }
    return status;
}

static void run_sql(kdbi_call *call, const kdbi_reply_form *form)
{
    kdb_err err;
    if (decode(call, &err) != KDB_OK || submit(call->ex, form, &err) != KDB_OK) {
        respond_failure(call, form, &err);
    }
}

void kdbi_post_sql(kdbi_call *call)
{
    run_sql(call, &kdbi_form_v1);
}

void kdbi_post_legacy_sql(kdbi_call *call)
{
    run_sql(call, &kdbi_form_legacy);
}
