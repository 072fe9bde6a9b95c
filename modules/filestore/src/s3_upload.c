/* s3_upload.c - a file becomes an object: by one PUT, or, when it is large, in parts, some at a time. Nothing is seen under the name until
 * all of it is there. An upload in parts that fails is aborted, as its parts would be kept, and paid for. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "s3_int.h"

enum { PARTS_MAX = 10000, PARTS_AT_ONCE = 4, REPLY_MAX = 65536, UPLOAD_ID_MAX = 2048 };
#define MULTIPART_ABOVE (UINT64_C(16) << 20)
#define PART_BYTES (UINT64_C(8) << 20)

typedef struct part {
    char etag[KDB_HTTP_ETAG_MAX];
} part;

typedef struct upload {
    kdbi_s3 *s3;
    kdb_sv name;
    int fd;
    uint64_t bytes;
    uint64_t part_bytes;
    size_t parts;
    part *done;
    kdb_buf id; /* percent-encoded */
} upload;

static void upload_done(upload *up)
{
    kdbi_fd_close(&up->fd);
    kdb_free(up->done);
    kdb_buf_done(&up->id);
}

static kdb_status put_whole(upload *up, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    kdb_buf_init(&body, REPLY_MAX);
    kdb_http_reply reply = { .body = &body };
    const kdb_http_file file = { .fd = up->fd, .bytes = up->bytes };
    const kdbi_s3_call call = { .verb = KDB_HTTP_PUT, .name = up->name, .send = &file };
    return kdbi_s3_expect(up->s3, &call, &reply, err);
}

/* ---- in parts ---- */

static bool look_for_id(void *self, kdb_sv path, kdb_sv text)
{
    upload *up = self;
    if (kdb_sv_eq(path, KDB_SV("InitiateMultipartUploadResult/UploadId")) && text.len <= UPLOAD_ID_MAX) {
        kdbi_s3_encode(&up->id, text, false);
        return false;
    }
    return true;
}

static kdb_status begin(upload *up, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    kdb_buf_init(&body, REPLY_MAX);
    kdb_http_reply reply = { .body = &body };
    const kdbi_s3_call call = { .verb = KDB_HTTP_POST, .name = up->name, .query = KDB_SV("uploads=") };
    KDB_TRY(kdbi_s3_expect(up->s3, &call, &reply, err));
    if (kdbi_xml_walk(kdb_buf_sv(&body), look_for_id, up, err) != KDB_OK || up->id.len == 0) {
        return KDB_FAIL(err, KDB_IO, "storage '%s': an upload in parts was not begun", up->s3->base.id);
    }
    return KDB_OK;
}

static kdb_status put_part(void *arg, size_t i, kdb_err *err)
{
    upload *up = arg;
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    KDB_CLEANUP(kdb_buf_done) kdb_buf query;
    kdb_buf_init(&body, REPLY_MAX);
    kdb_buf_init(&query, 0);
    kdb_buf_printf(&query, "partNumber=%zu&uploadId=%.*s", i + 1, KDB_SV_ARG(kdb_buf_sv(&up->id)));
    const uint64_t offset = i * up->part_bytes;
    const uint64_t left = up->bytes - offset;
    const kdb_http_file file = { up->fd, offset, left < up->part_bytes ? left : up->part_bytes };
    kdb_http_reply reply = { .body = &body };
    const kdbi_s3_call call = { .verb = KDB_HTTP_PUT, .name = up->name, .query = kdb_buf_sv(&query), .send = &file };
    KDB_TRY(kdbi_s3_expect(up->s3, &call, &reply, err));
    if (reply.etag[0] == '\0' || strpbrk(reply.etag, "<>&") != NULL) {
        return KDB_FAIL(err, KDB_IO, "storage '%s': a part of an upload has no ETag", up->s3->base.id);
    }
    memcpy(up->done[i].etag, reply.etag, sizeof(reply.etag));
    return KDB_OK;
}

static void put_part_list(const upload *up, kdb_buf *out)
{
    kdb_buf_append_lit(out, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < up->parts; i++) {
        kdb_buf_printf(out, "<Part><PartNumber>%zu</PartNumber><ETag>%s</ETag></Part>", i + 1, up->done[i].etag);
    }
    kdb_buf_append_lit(out, "</CompleteMultipartUpload>");
}

static bool is_completed(void *self, kdb_sv path, kdb_sv text)
{
    (void)text;
    *(bool *)self = kdb_sv_eq(path, KDB_SV("CompleteMultipartUploadResult"));
    return true;
}

/* When the answer to an attempt is lost, the next is told that there is no such upload, though the object is there. */
static kdb_status is_there(upload *up, bool *there, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    kdb_buf_init(&body, REPLY_MAX);
    kdb_http_reply reply = { .body = &body };
    const kdbi_s3_call call = { .verb = KDB_HTTP_HEAD, .name = up->name };
    KDB_TRY(kdbi_s3_send(up->s3, &call, &reply, err));
    *there = reply.code == 200 && reply.length == (int64_t)up->bytes;
    return KDB_OK;
}

/* A completion can fail after its answer has begun with 200. */
static kdb_status complete(upload *up, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    KDB_CLEANUP(kdb_buf_done) kdb_buf query;
    KDB_CLEANUP(kdb_buf_done) kdb_buf list;
    bool completed = false;
    kdb_buf_init(&body, REPLY_MAX);
    kdb_buf_init(&query, 0);
    kdb_buf_init(&list, 0);
    kdb_buf_printf(&query, "uploadId=%.*s", KDB_SV_ARG(kdb_buf_sv(&up->id)));
    put_part_list(up, &list);
    kdb_http_reply reply = { .body = &body };
    const kdbi_s3_call call = {
        .verb = KDB_HTTP_POST, .name = up->name, .query = kdb_buf_sv(&query), .body = kdb_buf_sv(&list)
    };
    KDB_TRY(kdbi_s3_send(up->s3, &call, &reply, err));
    if (reply.code == 404) {
        KDB_TRY(is_there(up, &completed, err));
    } else if (reply.code == 200) {
        KDB_TRY(kdbi_xml_walk(kdb_buf_sv(&body), is_completed, &completed, err));
    }
    return completed ? KDB_OK : kdbi_s3_fail(up->s3, &call, &reply, err);
}

static void abort_upload(upload *up)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    KDB_CLEANUP(kdb_buf_done) kdb_buf query;
    kdb_err err;
    kdb_buf_init(&body, REPLY_MAX);
    kdb_buf_init(&query, 0);
    kdb_buf_printf(&query, "uploadId=%.*s", KDB_SV_ARG(kdb_buf_sv(&up->id)));
    kdb_http_reply reply = { .body = &body };
    const kdbi_s3_call call = { .verb = KDB_HTTP_DELETE, .name = up->name, .query = kdb_buf_sv(&query) };
    if (kdbi_s3_send(up->s3, &call, &reply, &err) != KDB_OK) {
        kdb_log_warn("abort upload failed err=\"%s\"",
                     err.text); /* its parts stay until the bucket's rules remove them */
    }
}

static kdb_status put_in_parts(upload *up, kdb_err *err)
{
    const uint64_t least = (up->bytes + PARTS_MAX - 1) / PARTS_MAX;
    up->part_bytes = least > PART_BYTES ? least : PART_BYTES;
    up->parts = (size_t)((up->bytes + up->part_bytes - 1) / up->part_bytes);
    up->done = kdb_alloc_array(up->parts, sizeof(part));
    KDB_TRY(begin(up, err));
    kdb_status status = kdbi_parallel(up->parts, PARTS_AT_ONCE, put_part, up, err);
    status = status == KDB_OK ? complete(up, err) : status;
    if (status != KDB_OK) {
        abort_upload(up);
    }
    return status;
}

kdb_status kdbi_s3_upload(kdbi_s3 *s3, kdb_sv name, const char *path, uint64_t *bytes, kdb_err *err)
{
    KDB_CLEANUP(upload_done)
    upload up = { .s3 = s3, .name = name, .fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) };
    struct stat info;
    kdb_buf_init(&up.id, 0);
    if (up.fd < 0 || fstat(up.fd, &info) != 0) {
        const int errnum = errno;
        return errnum == ENOENT ? KDB_FAIL(err, KDB_NOT_FOUND, "object '%.*s' was not staged", KDB_SV_ARG(name))
                                : KDBI_FAIL_OS(err, errnum, "opening", path);
    }
    up.bytes = (uint64_t)info.st_size;
    *bytes = up.bytes;
    return up.bytes <= MULTIPART_ABOVE ? put_whole(&up, err) : put_in_parts(&up, err);
}
