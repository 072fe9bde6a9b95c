/* stmt_export.c - EXPORT USER DATA and SHOW EXPORT (sql.md 19): a user's own data, once a day, and what has become of it. */
#include "core_int.h"

#include <stdlib.h>

/* ---- the exports of a user ---- */

typedef struct export_row {
    kdb_sv job_id, status, message, key, export_id;
    int64_t created_us, finished_us;
} export_row;

typedef struct exports {
    kdb_sv user;
    kdb_arena *arena;
    export_row *rows;
    size_t count;
} exports;

static export_row *add_row(exports *all)
{
    return KDB_ARENA_PUSH(all->arena, all->rows, all->count);
}

static kdb_sv member(const kdb_json *object, kdb_sv key)
{
    const kdb_json *found = object->kind == KDB_JSON_OBJECT ? kdb_json_lookup(object, key) : NULL;
    return found != NULL && found->kind == KDB_JSON_STRING ? found->string : (kdb_sv){ NULL, 0 };
}

/* Other users' exports leave nothing in the arena. */
static void visit(void *self, const kdb_job_row *job)
{
    exports *all = self;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
    kdb_json *parameters = NULL;
    if (!kdb_sv_eq(job->type, KDB_SV("user_export")) ||
        kdb_json_parse(job->parameters_json, scratch, &parameters, NULL) != KDB_OK ||
        !kdb_sv_eq(member(parameters, KDB_SV("user_id")), all->user)) {
        return;
    }
    *add_row(all) = (export_row){ .job_id = kdb_sv_dup(all->arena, job->id),
                                  .status = kdb_sv_dup(all->arena, job->status),
                                  .message = kdb_sv_dup(all->arena, job->message),
                                  .key = kdb_sv_dup(all->arena, job->idempotency_key),
                                  .export_id = kdb_sv_dup(all->arena, member(parameters, KDB_SV("export_id"))),
                                  .created_us = job->created_us,
                                  .finished_us = job->finished_us };
}

static kdb_status find_exports(kdb_exec *exec, exports *out, kdb_err *err)
{
    *out = (exports){ .user = exec->request->caller.user.text, .arena = exec->arena };
    return kdb_system_visit_jobs(exec->core->store, KDB_SV("UE-"), visit, out, err);
}

/* ---- EXPORT USER DATA ---- */

static kdb_sv key_of(kdb_sv user, int64_t now_us, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "user_export:%.*s:%.*s", KDB_SV_ARG(user),
                         KDB_SV_ARG(kdb_utc_text(now_us, "%Y%m%d", arena)));
}

static kdb_sv parameters_of(kdb_sv user, kdb_arena *arena)
{
    char id[37];
    kdb_buf json;
    kdb_uuid_v7_text(id);
    kdb_buf_init(&json, 0);
    kdb_buf_append_lit(&json, "{\"user_id\":");
    kdb_json_put_string(&json, user);
    kdb_buf_printf(&json, ",\"export_id\":\"%s\"}", id);
    const kdb_sv out = kdb_sv_dup(arena, kdb_buf_sv(&json));
    kdb_buf_done(&json);
    return out;
}

/* One that is under way has the key; one that has ended well has had it. */
static kdb_status check_once_a_day(kdb_exec *exec, kdb_sv key, kdb_err *err)
{
    exports all;
    KDB_TRY(find_exports(exec, &all, err));
    for (size_t i = 0; i < all.count; i++) {
        if (kdb_sv_eq(all.rows[i].key, key) && kdb_sv_eq(all.rows[i].status, KDB_SV("completed"))) {
            return KDB_FAIL(err, KDB_IDEMPOTENT_CONFLICT, "Today's export of your data is there: see SHOW EXPORT");
        }
    }
    return KDB_OK;
}

kdb_status kdbi_run_export_user_data(kdb_exec *exec, KDB_UNUSED kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    const kdb_sv user = exec->request->caller.user.text;
    kdb_job_request request = { .kind = KDB_JOB_USER_EXPORT,
                                .parameters_json = parameters_of(user, exec->arena),
                                .idempotency_key = key_of(user, exec->now_us, exec->arena) };
    KDB_TRY(check_once_a_day(exec, request.idempotency_key, err));
    KDB_TRY(kdbi_submit_jobs(exec, &request, 1, user, KDB_SV(""), err));
    kdbi_exec_message(exec,
                      "User data export started. Job ID: %.*s. Use SHOW EXPORT to check status and get the download "
                      "link.",
                      KDB_SV_ARG(request.id));
    return KDB_OK;
}

/* ---- SHOW EXPORT ---- */

static const kdbi_made_column export_columns[] = {
    { "job_id", KDB_TYPE_TEXT, true },          { "status", KDB_TYPE_TEXT, true },
    { "created_at", KDB_TYPE_TIMESTAMP, true }, { "message", KDB_TYPE_TEXT, false },
    { "download_url", KDB_TYPE_TEXT, false },
};

static int newest_first(const void *a, const void *b)
{
    const export_row *x = a;
    const export_row *y = b;
    return x->created_us != y->created_us ? (x->created_us < y->created_us ? 1 : -1) : kdb_sv_cmp(x->job_id, y->job_id);
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '~';
}

static kdb_sv url_part(kdb_sv text, kdb_arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = kdb_arena_alloc_raw(arena, 3 * text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (is_plain(text.ptr[i])) {
            out[len++] = text.ptr[i];
            continue;
        }
        out[len++] = '%';
        out[len++] = digits[c >> 4];
        out[len++] = digits[c & 15];
    }
    return kdb_sv_of(out, len);
}

/* From when on it may be removed at any moment. */
static bool is_expired(const kdb_exec *exec, const export_row *row)
{
    return row->finished_us < exec->now_us - KDB_EXPORT_KEPT_S * INT64_C(1000000);
}

/* NULL until there is something to fetch, and when that has gone. */
static kdb_value url_of(kdb_exec *exec, const export_row *row)
{
    const kdb_job_control *jobs = &exec->core->job_control;
    if (jobs->url == NULL || row->export_id.len == 0 || !kdb_sv_eq(row->status, KDB_SV("completed")) ||
        is_expired(exec, row)) {
        return kdb_value_null(kdb_type_of(KDB_TYPE_TEXT));
    }
    const kdb_sv user = url_part(exec->request->caller.user.text, exec->arena);
    return kdb_value_text(kdb_sv_printf(exec->arena, "%.*s/v1/exports/%.*s/%.*s",
                                        KDB_SV_ARG(jobs->url(jobs->self, exec->arena)), KDB_SV_ARG(user),
                                        KDB_SV_ARG(row->export_id)));
}

kdb_status kdbi_run_show_export(kdb_exec *exec, KDB_UNUSED kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    exports all;
    KDB_TRY(find_exports(exec, &all, err));
    if (all.count != 0) {
        qsort(all.rows, all.count, sizeof(*all.rows), newest_first);
    }
    kdbi_made made;
    kdbi_made_begin(&made, exec, export_columns, KDB_ARRAY_LEN(export_columns));
    for (size_t i = 0; i < all.count; i++) {
        const export_row *row = &all.rows[i];
        const kdb_value cells[] = { kdb_value_text(row->job_id), kdb_value_text(row->status),
                                    kdb_value_timestamp(row->created_us),
                                    row->message.len == 0 ? kdb_value_null(kdb_type_of(KDB_TYPE_TEXT))
                                                          : kdb_value_text(row->message),
                                    url_of(exec, row) };
        KDB_TRY(kdbi_made_row(&made, cells, err));
    }
    return kdbi_made_end(&made, err);
}
