/* user_cleanup.c - users who were dropped longer ago than user_management.deletion_grace_period_days go for good: first all they have
 * in tables, then the account, so that a run which is cut off is taken up by the next. */
#include "jobs_int.h"

static int64_t deleted_before_us(const kdb_jobs *jobs, int64_t now_us)
{
    return now_us - kdb_opt_i64(jobs->options.options, KDB_OPT_USER_GRACE_DAYS) * 24 * KDBI_HOUR_US;
}

static bool is_due(kdb_jobs *jobs, const kdb_user *user, int64_t now_us)
{
    return user->deleted_us != 0 && user->deleted_us < deleted_before_us(jobs, now_us);
}

kdb_status kdbi_run_user_cleanup(kdbi_run *run, kdb_err *err)
{
    kdb_jobs *jobs = run->jobs;
    const kdb_user_id id = { kdbi_run_text(run, "user_id") };
    const int64_t now_us = kdb_now_us();
    kdb_user user;
    uint64_t tables = 0;
    if (kdb_auth_find_user(jobs->options.auth, id, run->arena, &user, NULL) != KDB_OK || !is_due(jobs, &user, now_us)) {
        run->skipped = true;
        kdbi_run_result(run, "The user is not one to remove");
        return KDB_OK;
    }
    KDB_TRY(kdb_core_remove_user_rows(jobs->options.core, id, &run->work, &tables, err));
    KDB_TRY(kdbi_exports_forget(jobs, id, err));
    KDB_TRY(kdb_auth_remove_user(jobs->options.auth, id, deleted_before_us(jobs, now_us), err));
    kdbi_run_result(run, "Removed the user, with rows in %llu table(s)", (unsigned long long)tables);
    return KDB_OK;
}

/* ---- when ---- */

static void schedule_user(kdb_jobs *jobs, const kdb_user *user, kdb_arena *arena)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_buf_append_lit(&json, "{\"user_id\":");
    kdb_json_put_string(&json, user->id.text);
    kdb_buf_append_lit(&json, ",\"username\":");
    kdb_json_put_string(&json, user->id.text);
    kdb_buf_append_lit(&json, ",\"cascade\":true}");
    kdbi_jobs_schedule(jobs, KDB_JOB_USER_CLEANUP, kdb_buf_sv(&json),
                       kdb_sv_printf(arena, "UC:%.*s", KDB_SV_ARG(user->id.text)));
    kdb_buf_done(&json);
}

void kdbi_schedule_user_cleanup(kdb_jobs *jobs, int64_t now_us)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_user *users = NULL;
    size_t count = 0;
    kdb_auth_list_users(jobs->options.auth, arena, &users, &count);
    for (size_t i = 0; i < count; i++) {
        if (is_due(jobs, &users[i], now_us)) {
            schedule_user(jobs, &users[i], arena);
        }
    }
}
