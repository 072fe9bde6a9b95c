/* stmt_backup.c - BACKUP DATABASE and RESTORE DATABASE (sql.md 19): whether the path may be used, and the job that uses it. */
#include "core_int.h"

#include <sys/stat.h>

/* ---- paths ---- */

/* In the form that kept_out has its rows in: one slash where there are several, no `.` parts, small letters. */
static kdb_sv normal_path(kdb_sv path, kdb_arena *arena)
{
    const kdb_sv lower = kdb_sv_dup_lower(arena, path);
    char *out = kdb_arena_alloc_raw(arena, lower.len + 2);
    size_t len = 0;
    for (size_t i = 0; i < lower.len; i++) {
        const char c = lower.ptr[i];
        const bool after_slash = len != 0 && out[len - 1] == '/';
        const bool dot = c == '.' && after_slash && (i + 1 == lower.len || lower.ptr[i + 1] == '/');
        if ((c == '/' && after_slash) || dot) {
            continue;
        }
        out[len++] = c;
    }
    if (len != 0 && out[len - 1] != '/') { /* the directory itself is kept out, too */
        out[len++] = '/';
    }
    return kdb_sv_of(out, len);
}

static const char *const kept_out[] = { "/etc/", "/root/", "/var/log/", "c:\\windows\\" };

static const char *lies_under(kdb_sv path, kdb_arena *arena)
{
    const kdb_sv normal = normal_path(path, arena);
    for (size_t i = 0; i < KDB_ARRAY_LEN(kept_out); i++) {
        if (kdb_sv_has_prefix(normal, kdb_sv_cstr(kept_out[i]))) {
            return kept_out[i];
        }
    }
    return NULL;
}

static kdb_status check_path(kdb_exec *exec, const kdb_backup_stmt *stmt, kdb_err *err)
{
    const kdb_sv path = stmt->path;
    if (kdb_sv_trim(path).len == 0) {
        return KDB_FAIL_AT(err, stmt->position, KDB_INVALID_OPERATION, "Backup path must not be empty");
    }
    if (memchr(path.ptr, '\0', path.len) != NULL) {
        return KDB_FAIL_AT(err, stmt->position, KDB_INVALID_OPERATION, "Backup path must not contain NUL");
    }
    if (memmem(path.ptr, path.len, "..", 2) != NULL) {
        return KDB_FAIL_AT(err, stmt->position, KDB_INVALID_OPERATION, "Backup path must not contain '..'");
    }
    if (memmem(path.ptr, path.len, "://", 3) != NULL) {
        return KDB_FAIL_AT(err, stmt->position, KDB_INVALID_OPERATION,
                           "Backup path must be a path of this machine's file system, not a URL");
    }
    const char *under = lies_under(path, exec->arena);
    return under == NULL
               ? KDB_OK
               : KDB_FAIL_AT(err, stmt->position, KDB_INVALID_OPERATION, "Backup path must not be under '%s'", under);
}

static bool has_suffix(kdb_sv text, kdb_sv suffix)
{
    return text.len >= suffix.len && kdb_sv_ieq(kdb_sv_of(text.ptr + text.len - suffix.len, suffix.len), suffix);
}

static bool is_archive(kdb_sv path)
{
    return has_suffix(path, KDB_SV(".tar.gz")) || has_suffix(path, KDB_SV(".tgz"));
}

static kdb_status check_source(kdb_exec *exec, kdb_sv path, kdb_err *err)
{
    struct stat st;
    const bool archive = is_archive(path);
    if (stat(kdb_sv_dup_cstr(exec->arena, path), &st) != 0) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "Backup %s '%.*s' not found", archive ? "archive" : "directory",
                        KDB_SV_ARG(path));
    }
    if (archive && !S_ISREG(st.st_mode)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "'%.*s' is not an archive", KDB_SV_ARG(path));
    }
    if (!archive && !S_ISDIR(st.st_mode)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION,
                        "'%.*s' is not a directory. RESTORE DATABASE expects a backup directory, not a file.",
                        KDB_SV_ARG(path));
    }
    return KDB_OK;
}

/* ---- the jobs ---- */

static kdb_sv parameters_of(kdb_sv path, kdb_arena *arena)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_buf_append_lit(&json, "{\"backup_path\":");
    kdb_json_put_string(&json, path);
    kdb_buf_append_byte(&json, '}');
    const kdb_sv out = kdb_sv_dup(arena, kdb_buf_sv(&json));
    kdb_buf_done(&json);
    return out;
}

/* "backup:<path>:20261122-013000" */
static kdb_sv key_of(const char *verb, kdb_sv path, int64_t now_us, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%s:%.*s:%.*s", verb, KDB_SV_ARG(path),
                         KDB_SV_ARG(kdb_utc_text(now_us, "%Y%m%d-%H%M%S", arena)));
}

static kdb_status submit(kdb_exec *exec, kdb_job_kind kind, const char *verb, kdb_sv path, kdb_sv *out_id, kdb_err *err)
{
    kdb_job_request request = { .kind = kind,
                                .parameters_json = parameters_of(path, exec->arena),
                                .idempotency_key = key_of(verb, path, exec->now_us, exec->arena) };
    KDB_TRY(kdbi_submit_jobs(exec, &request, 1, path, KDB_SV(""), err));
    *out_id = request.id;
    return KDB_OK;
}

kdb_status kdbi_run_backup(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    const kdb_backup_stmt *stmt = &plan->stmt->as.backup;
    kdb_sv id;
    KDB_TRY(check_path(exec, stmt, err));
    KDB_TRY(submit(exec, KDB_JOB_BACKUP, "backup", stmt->path, &id, err));
    kdbi_exec_say(exec, kdb_sv_printf(exec->arena, "Database backup started to '%.*s'. Job ID: %.*s",
                                      KDB_SV_ARG(stmt->path), KDB_SV_ARG(id)));
    return KDB_OK;
}

kdb_status kdbi_run_restore(kdb_exec *exec, kdbi_plan *plan, KDB_UNUSED bool *pending, kdb_err *err)
{
    const kdb_backup_stmt *stmt = &plan->stmt->as.backup;
    kdb_sv id;
    KDB_TRY(check_path(exec, stmt, err));
    KDB_TRY(check_source(exec, stmt->path, err));
    KDB_TRY(submit(exec, KDB_JOB_RESTORE, "restore", stmt->path, &id, err));
    kdbi_exec_say(exec, kdb_sv_printf(exec->arena,
                                      "Database restore started from '%.*s'. Job ID: %.*s. Server restart required "
                                      "after completion.",
                                      KDB_SV_ARG(stmt->path), KDB_SV_ARG(id)));
    return KDB_OK;
}
