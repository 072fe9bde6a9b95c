/* job_record.c - a job as the value of its record in partition system_jobs, whose key is the job id.
 *
 *   u8 format, 3 | u32 length and bytes of each of type, status, parameters, message, idempotency key, trace, queue
 *   | i64 created, updated, started, finished | i16 retries, most retries | i64 node | i32 priority | i64 processor time
 * little-endian; times are microseconds since 1970, 0 for none; the last is microseconds, -1 for unknown. Format 2 has no processor
 * time; format 1 neither that, nor trace and queue, nor the priority. */
#include "system_int.h"

enum {
    FORMAT = 3,
    NTEXTS = 7,
    NTIMES = 4,
    AT_PRIORITY = 8 * NTIMES + 2 * 2 + 8,
    AT_CPU = AT_PRIORITY + 4,
    TAIL = AT_CPU + 8
};

/* How much of it each format has. */
static const struct {
    size_t texts, tail;
} formats[] = { [1] = { 5, AT_PRIORITY }, [2] = { NTEXTS, AT_CPU }, [FORMAT] = { NTEXTS, TAIL } };

static void put_text(kdb_buf *out, kdb_sv text)
{
    char length[4];
    kdb_put_le32(length, (uint32_t)text.len);
    kdb_buf_append(out, length, sizeof(length));
    kdb_buf_append_sv(out, text);
}

void kdbi_job_encode(const kdb_job_row *job, kdb_buf *out)
{
    const kdb_sv texts[NTEXTS] = { job->type,    job->status,          job->parameters_json,
                                   job->message, job->idempotency_key, job->exception_trace,
                                   job->queue };
    const int64_t times[NTIMES] = { job->created_us, job->updated_us, job->started_us, job->finished_us };
    char tail[TAIL];
    kdb_buf_append_byte(out, FORMAT);
    for (size_t i = 0; i < NTEXTS; i++) {
        put_text(out, texts[i]);
    }
    for (size_t i = 0; i < NTIMES; i++) {
        kdb_put_le64(tail + 8 * i, (uint64_t)times[i]);
    }
    kdb_put_le16(tail + 8 * NTIMES, (uint16_t)job->retry_count);
    kdb_put_le16(tail + 8 * NTIMES + 2, (uint16_t)job->max_retries);
    kdb_put_le64(tail + 8 * NTIMES + 4, (uint64_t)job->node_id);
    kdb_put_le32(tail + AT_PRIORITY, (uint32_t)job->priority);
    kdb_put_le64(tail + AT_CPU, (uint64_t)job->cpu_us);
    kdb_buf_append(out, tail, sizeof(tail));
}

static bool take_text(kdb_sv *rest, kdb_sv *out)
{
    if (rest->len < 4) {
        return false;
    }
    const size_t len = kdb_get_le32(rest->ptr);
    if (len > rest->len - 4) {
        return false;
    }
    *out = (kdb_sv){ rest->ptr + 4, len };
    *rest = (kdb_sv){ rest->ptr + 4 + len, rest->len - 4 - len };
    return true;
}

static bool decode(kdb_sv rest, kdb_job_row *out)
{
    kdb_sv *const texts[NTEXTS] = { &out->type,    &out->status,          &out->parameters_json,
                                    &out->message, &out->idempotency_key, &out->exception_trace,
                                    &out->queue };
    int64_t *const times[NTIMES] = { &out->created_us, &out->updated_us, &out->started_us, &out->finished_us };
    const size_t format = rest.len == 0 ? 0 : (unsigned char)rest.ptr[0];
    if (format == 0 || format > FORMAT) {
        return false;
    }
    rest = (kdb_sv){ rest.ptr + 1, rest.len - 1 };
    for (size_t i = 0; i < formats[format].texts; i++) {
        if (!take_text(&rest, texts[i])) {
            return false;
        }
    }
    if (rest.len != formats[format].tail) {
        return false;
    }
    for (size_t i = 0; i < NTIMES; i++) {
        *times[i] = (int64_t)kdb_get_le64(rest.ptr + 8 * i);
    }
    out->retry_count = (int16_t)kdb_get_le16(rest.ptr + 8 * NTIMES);
    out->max_retries = (int16_t)kdb_get_le16(rest.ptr + 8 * NTIMES + 2);
    out->node_id = (int64_t)kdb_get_le64(rest.ptr + 8 * NTIMES + 4);
    out->priority = format < 2 ? 0 : (int32_t)kdb_get_le32(rest.ptr + AT_PRIORITY);
    out->cpu_us = format < 3 ? -1 : (int64_t)kdb_get_le64(rest.ptr + AT_CPU);
    return true;
}

kdb_status kdbi_job_decode(kdb_sv id, kdb_sv bytes, kdb_job_row *out, kdb_err *err)
{
    kdb_job_row job = { .id = id };
    if (!decode(bytes, &job)) {
        return KDB_FAIL(err, KDB_CORRUPT, "the record of job '%.*s' was never written", KDB_SV_ARG(id));
    }
    *out = job;
    return KDB_OK;
}
