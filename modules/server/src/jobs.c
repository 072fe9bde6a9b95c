/* jobs.c - what core asks of the job manager, which is opened after it. */
#include "server_int.h"

static kdb_status submit(void *self, kdb_job_request *requests, size_t count, const kdb_commit_with *with,
                         kdb_arena *arena, kdb_err *err)
{
    return kdb_jobs_submit(((kdb_server *)self)->jobs, requests, count, with, arena, err);
}

static kdb_status kill_job(void *self, kdb_sv id, const kdb_commit_with *with, kdb_err *err)
{
    return kdb_jobs_kill(((kdb_server *)self)->jobs, id, with, err);
}

kdb_job_control kdbi_server_job_control(kdb_server *server)
{
    return (kdb_job_control){ .self = server, .submit = submit, .kill = kill_job, .url = kdbi_server_http_url };
}
