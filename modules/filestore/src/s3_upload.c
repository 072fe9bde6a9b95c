/* s3_upload.c - a file becomes an object: by one PUT, or, when it is large, in parts, some at a time. Nothing is seen under the name until
 * all of it is there. An upload in parts that fails is aborted, as its parts would be kept, and paid for. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "s3_int.h"

enum {
    PARTS_MAX = 10000,
    PARTS_AT_ONCE = 4,
    REPLY_MAX = 65536,
    UPLOAD_ID_MAX = 2048,
    UNFINISHED_MOST = 100,
    LIST_MAX = 1 << 20
};
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
    KDB_TRY(kdbi_s3_expect(up->s3, &call, &reply, err));
    return kdb_failpoint_pass(KDB_FAILPOINT_UPLOAD_PUT, err);
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
    return kdb_failpoint_pass(KDB_FAILPOINT_UPLOAD_PART, err);
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
    return completed ? kdb_failpoint_pass(KDB_FAILPOINT_UPLOAD_COMPLETED, err)
                     : kdbi_s3_fail(up->s3, &call, &reply, err);
}

/* `id` is percent-encoded. */
static void abort_upload(kdbi_s3 *s3, kdb_sv name, kdb_sv id)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    KDB_CLEANUP(kdb_buf_done) kdb_buf query;
    kdb_err err;
    kdb_buf_init(&body, REPLY_MAX);
    kdb_buf_init(&query, 0);
    kdb_buf_printf(&query, "uploadId=%.*s", KDB_SV_ARG(id));
    kdb_http_reply reply = { .body = &body };
    const kdbi_s3_call call = { .verb = KDB_HTTP_DELETE, .name = name, .query = kdb_buf_sv(&query) };
    if (kdbi_s3_send(s3, &call, &reply, &err) != KDB_OK) {
        kdb_log_warn("abort upload failed err=\"%s\"",
                     err.text); /* its parts stay until the bucket's rules remove them */
    }
}

/* ---- what a crash has left ---- */

typedef struct unfinished {
    kdbi_s3 *s3;
    kdb_sv name;
    kdb_buf key, id; /* of the upload that is read; the id percent-encoded */
    size_t left;     /* how many are read, whatever is there */
} unfinished;

static void unfinished_done(unfinished *u)
{
    kdb_buf_done(&u->key);
    kdb_buf_done(&u->id);
}

/* Uploads of other objects whose names begin alike are listed too. */
static void abort_listed(unfinished *u)
{
    const kdb_sv prefix = kdb_sv_cstr(u->s3->prefix);
    const kdb_sv key = kdb_buf_sv(&u->key);
    if (u->id.len != 0 && key.len == prefix.len + u->name.len && kdb_sv_has_prefix(key, prefix) &&
        memcmp(key.ptr + prefix.len, u->name.ptr, u->name.len) == 0) {
        kdb_log_info("an upload that was cut off is aborted object=\"%.*s\"", KDB_SV_ARG(u->name));
        abort_upload(u->s3, u->name, kdb_buf_sv(&u->id));
    }
    u->key.len = 0;
    u->id.len = 0;
}

static bool read_unfinished(void *self, kdb_sv path, kdb_sv text)
{
    unfinished *u = self;
    if (kdb_sv_eq(path, KDB_SV("ListMultipartUploadsResult/Upload/Key"))) {
        u->key.len = 0;
        kdb_buf_append_sv(&u->key, text);
    } else if (kdb_sv_eq(path, KDB_SV("ListMultipartUploadsResult/Upload/UploadId")) && text.len <= UPLOAD_ID_MAX) {
        u->id.len = 0;
        kdbi_s3_encode(&u->id, text, false);
    } else if (kdb_sv_eq(path, KDB_SV("ListMultipartUploadsResult/Upload"))) {
        abort_listed(u);
        return --u->left != 0;
    }
    return true;
}

void kdbi_s3_abort(kdbi_s3 *s3, kdb_sv name)
{
    KDB_CLEANUP(unfinished_done) unfinished u = { .s3 = s3, .name = name, .left = UNFINISHED_MOST };
    KDB_CLEANUP(kdb_buf_done) kdb_buf query;
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    kdb_err err;
    kdb_buf_init(&u.key, 0);
    kdb_buf_init(&u.id, 0);
    kdb_buf_init(&query, 0);
    kdb_buf_init(&body, LIST_MAX);
    kdb_buf_append_lit(&query, "prefix=");
    kdbi_s3_encode(&query, kdb_sv_cstr(s3->prefix), false);
    kdbi_s3_encode(&query, name, false);
    kdb_buf_append_lit(&query, "&uploads=");
    kdb_http_reply reply = { .body = &body };
    const kdbi_s3_call call = { .verb = KDB_HTTP_GET, .query = kdb_buf_sv(&query) };
    if (kdbi_s3_send(s3, &call, &reply, &err) != KDB_OK || reply.code != 200 ||
        kdbi_xml_walk(kdb_buf_sv(&body), read_unfinished, &u, &err) != KDB_OK) {
        /* Some services have no such list, and some keys must not see it. */
        kdb_log_info("uploads that were cut off are not listed, the bucket's rules have to remove them object=\"%.*s\"",
                     KDB_SV_ARG(name));
    }
}

static kdb_status put_in_parts(upload *up, kdb_err *err)
{
    const uint64_t least = (up->bytes + PARTS_MAX - 1) / PARTS_MAX;
    up->part_bytes = least > PART_BYTES ? least : PART_BYTES;
    up->parts = (size_t)((up->bytes + up->part_bytes - 1) / up->part_bytes);
    up->done = kdb_alloc_array(up->parts, sizeof(part));
    KDB_TRY(begin(up, err));
    kdb_status status = kdb_failpoint_pass(KDB_FAILPOINT_UPLOAD_BEGUN, err);
    status = status != KDB_OK ? status : kdbi_parallel(up->parts, PARTS_AT_ONCE, put_part, up, err);
    status = status == KDB_OK ? complete(up, err) : status;
    if (status != KDB_OK) {
        abort_upload(up->s3, up->name, kdb_buf_sv(&up->id));
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
