/* http_export.c - GET /v1/exports/{user}/{export_id}: an export of a user's data, for them and for admins. A worker reads the file, no faster
 * than the client takes it. For everybody else, and whatever else is asked for, there is nothing. */
#include "kdb/tree.h"
#include "net_int.h"

/* In the exchange's arena. */
typedef struct download {
    kdb_core_task task;
    kdbi_exchange *ex;
    const char *path;
} download;

/* ---- the worker ---- */

static kdb_status send_file(const download *d, kdb_err *err)
{
    KDB_CLEANUP(kdb_file_reader_closep) kdb_file_reader *reader = NULL;
    KDB_TRY(kdb_file_reader_open(d->path, &reader, err));
    for (;;) {
        kdb_buf *out = kdbi_exchange_out(d->ex);
        const size_t before = out->len;
        KDB_TRY(kdb_file_reader_next(reader, KDBI_PIECE_BYTES, out, err));
        if (out->len == before) {
            return KDB_OK;
        }
        KDB_TRY(kdbi_exchange_piece_full(d->ex, err));
    }
}

static void put_not_found(kdb_buf *out)
{
    kdb_buf_append_lit(out, "{\"error\":\"Not found\",\"code\":\"NOT_FOUND\"}");
}

static void run(kdb_core_task *task, KDB_UNUSED kdb_core_turn *turn)
{
    const download *d = KDB_CONTAINER_OF(task, download, task);
    kdbi_exchange *ex = d->ex;
    kdb_err err;
    const kdb_status status = send_file(d, &err);
    const bool broken = status != KDB_OK && !kdbi_exchange_rewind(ex);
    ex->http_status = status == KDB_OK ? 200 : 404;
    if (status != KDB_OK && status != KDB_NOT_FOUND && status != KDB_CANCELLED) {
        kdb_log_error("an export is not sent path=\"%s\" err=\"%s\"", d->path, err.text);
    }
    if (status != KDB_OK && !broken) {
        put_not_found(kdbi_exchange_out(ex));
    }
    kdbi_exchange_finish(ex, broken);
}

/* ---- the net thread ---- */

static void answer(kdbi_exchange *ex)
{
    kdbi_exchange_send(ex, ex->http_status);
}

/* "{user}/{export_id}" is decoded; a user's name may have slashes. NULL: that is no export of anybody the caller may read. */
static const char *find_path(const kdbi_call *call)
{
    const size_t skip = strlen("/v1/exports/");
    const kdb_sv rest = kdb_sv_of(call->req->path_normalized.base + skip, call->req->path_normalized.len - skip);
    const char *slash = memrchr(rest.ptr, '/', rest.len);
    const size_t len = slash == NULL ? 0 : (size_t)(slash - rest.ptr);
    const kdb_sv user = kdb_sv_of(rest.ptr, len);
    const bool may = kdb_sv_eq(user, call->principal.user.text) || kdb_role_is_admin(call->principal.role);
    return slash == NULL || !may || call->api->datadir == NULL
               ? NULL
               : kdb_datadir_export(call->api->datadir, user, kdb_sv_of(slash + 1, rest.len - len - 1),
                                    call->ex->arena);
}

void kdbi_get_export(kdbi_call *call)
{
    kdbi_exchange *ex = call->ex;
    kdb_err err;
    const char *path = find_path(call);
    if (path == NULL) {
        put_not_found(kdbi_exchange_out(ex));
        kdbi_exchange_send(ex, 404);
        return;
    }
    download *d = KDB_ARENA_NEW(ex->arena, download);
    *d = (download){ .task = { run }, .ex = ex, .path = path };
    ex->content_type = "application/zip";
    kdbi_exchange_hand_out(ex, answer);
    if (kdb_core_task_submit(call->api->core, &d->task, true, &err) != KDB_OK) {
        kdbi_exchange_take_back(ex);
        ex->content_type = NULL;
        kdbi_respond_failure(call, &err);
    }
}
