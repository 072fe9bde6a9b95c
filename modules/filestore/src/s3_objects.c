/* s3_objects.c - a storage that is a bucket. What is written is staged here and uploaded by the commit; what is read is a copy in the
 * cache, where a commit leaves its file too. Each opening has a folder of its own, as another configuration may be another bucket. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "s3_int.h"

enum { AT_ONCE = 8, REPLY_MAX = 65536 };

static kdbi_s3 *s3_of(kdb_objects *objects)
{
    return KDB_CONTAINER_OF(objects, kdbi_s3, base);
}

static kdbi_cache *cache_of(const kdbi_s3 *s3)
{
    return kdbi_object_stores_cache(s3->base.stores);
}

static void close_s3(kdb_objects *objects)
{
    kdbi_s3 *s3 = s3_of(objects);
    kdb_http_client_free(s3->http);
    kdb_free(s3->url);
    kdb_free(s3->prefix);
    kdb_free(s3);
}

static void purge_s3(kdb_objects *objects)
{
    kdbi_cache_purge(cache_of(s3_of(objects)), &objects->folder);
    kdbi_dir_discard(objects->folder.path);
}

/* ---- writing ---- */

typedef struct names {
    kdbi_s3 *s3;
    const kdb_sv *list;
} names;

/* The copy need not last: it is not synced. */
static kdb_status keep_copy(kdbi_s3 *s3, kdb_sv name, uint64_t bytes, kdb_err *err)
{
    KDB_CLEANUP(kdb_freep) char *staged = kdbi_folder_path(&s3->base.folder, name, KDBI_STAGED);
    KDB_CLEANUP(kdb_freep) char *path = kdbi_folder_path(&s3->base.folder, name, "");
    if (rename(staged, path) != 0) {
        return KDBI_FAIL_OS(err, errno, "renaming", staged);
    }
    kdbi_cache_adopt(cache_of(s3), &s3->base.folder, name, bytes);
    return KDB_OK;
}

static kdb_status upload_one(void *arg, size_t i, kdb_err *err)
{
    const names *n = arg;
    uint64_t bytes;
    KDB_CLEANUP(kdb_freep) char *staged = kdbi_folder_path(&n->s3->base.folder, n->list[i], KDBI_STAGED);
    KDB_TRY(kdbi_s3_upload(n->s3, n->list[i], staged, &bytes, err));
    return keep_copy(n->s3, n->list[i], bytes, err);
}

static kdb_status commit_s3(kdb_objects *objects, const kdb_sv *list, size_t count, kdb_err *err)
{
    names n = { s3_of(objects), list };
    return kdbi_parallel(count, AT_ONCE, upload_one, &n, err);
}

static kdb_status send_tagged(kdbi_s3 *s3, const kdbi_s3_call *call, kdb_object_etag *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    kdb_buf_init(&body, REPLY_MAX);
    kdb_http_reply reply = { .body = &body };
    KDB_TRY(kdbi_s3_expect(s3, call, &reply, err));
    const char *tag = reply.etag + (reply.etag[0] == '"');
    (void)snprintf(out->text, sizeof(out->text), "%.*s", (int)strcspn(tag, "\""), tag);
    return KDB_OK;
}

static kdb_status send_small(kdbi_s3 *s3, const kdbi_s3_call *call, kdb_err *err)
{
    kdb_object_etag etag;
    return send_tagged(s3, call, &etag, err);
}

static kdb_status put_s3(kdb_objects *objects, kdb_sv name, kdb_sv content, KDB_UNUSED bool durable,
                         kdb_object_etag *out, kdb_err *err)
{
    const kdbi_s3_call call = { .verb = KDB_HTTP_PUT, .name = name, .body = content };
    KDB_TRY(send_tagged(s3_of(objects), &call, out, err));
    kdbi_cache_drop(cache_of(s3_of(objects)), &objects->folder, name);
    return KDB_OK;
}

static kdb_status remove_one(void *arg, size_t i, kdb_err *err)
{
    const names *n = arg;
    const kdbi_s3_call call = { .verb = KDB_HTTP_DELETE, .name = n->list[i] };
    kdb_status status = send_small(n->s3, &call, err);
    status = status == KDB_NOT_FOUND ? KDB_OK : status;
    if (status == KDB_OK) {
        kdbi_cache_drop(cache_of(n->s3), &n->s3->base.folder, n->list[i]);
    }
    return status;
}

static kdb_status remove_s3(kdb_objects *objects, const kdb_sv *list, size_t count, kdb_err *err)
{
    names n = { s3_of(objects), list };
    return kdbi_parallel(count, AT_ONCE, remove_one, &n, err);
}

/* ---- reading ---- */

static kdb_status download_to(kdbi_s3 *s3, kdb_sv name, int fd, uint64_t *bytes, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    kdb_buf_init(&body, REPLY_MAX);
    kdb_http_reply reply = { .body = &body };
    kdb_http_file file = { .fd = fd };
    const kdbi_s3_call call = { .verb = KDB_HTTP_GET, .name = name, .save = &file };
    KDB_TRY(kdbi_s3_expect(s3, &call, &reply, err));
    if (reply.length >= 0 && (uint64_t)reply.length != file.bytes) {
        return KDB_FAIL(err, KDB_IO, "storage '%s': object '%.*s' came with %llu of %lld bytes", s3->base.id,
                        KDB_SV_ARG(name), (unsigned long long)file.bytes, (long long)reply.length);
    }
    *bytes = file.bytes; /* an attempt that failed may have left more */
    return ftruncate(fd, (off_t)file.bytes) == 0 ? KDB_OK : KDB_FAIL(err, KDB_IO, "%s", kdbi_errno_text(errno));
}

static kdb_status download(kdbi_s3 *s3, kdb_sv name, const char *path, uint64_t *bytes, kdb_err *err)
{
    KDB_CLEANUP(kdbi_fd_close) int fd = -1;
    KDB_CLEANUP(kdb_freep) char *temporary = kdbi_file_temporary(path, &fd);
    if (fd < 0) {
        return KDBI_FAIL_OS(err, errno, "making temporary file", temporary);
    }
    kdb_status status = download_to(s3, name, fd, bytes, err);
    if (status == KDB_OK && rename(temporary, path) != 0) {
        status = KDBI_FAIL_OS(err, errno, "renaming", temporary);
    }
    if (status != KDB_OK) {
        (void)unlink(temporary); /* the folder is emptied at the next start */
    }
    return status;
}

static kdb_status fetch(void *arg, kdb_sv name, const char *path, uint64_t *bytes, kdb_err *err)
{
    kdbi_s3 *s3 = arg;
    KDB_TRY(kdbi_folder_hold(&s3->base.folder, name, err));
    const kdb_status status = download(s3, name, path, bytes, err);
    kdbi_folder_release(&s3->base.folder, name);
    return status;
}

static kdb_status lease_s3(kdb_objects *objects, kdb_sv name, kdb_err *err)
{
    const kdbi_fetcher fetcher = { fetch, s3_of(objects) };
    return kdbi_cache_lease(cache_of(s3_of(objects)), &objects->folder, name, &fetcher, err);
}

static void lease_end_s3(kdb_objects *objects, kdb_sv name)
{
    kdbi_cache_end(cache_of(s3_of(objects)), &objects->folder, name);
}

static void spoil_s3(kdb_objects *objects, kdb_sv name)
{
    kdbi_cache_spoil(cache_of(s3_of(objects)), &objects->folder, name);
}

static kdb_status get_s3(kdb_objects *objects, kdb_sv name, size_t limit, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    kdb_buf_init(&body, limit == 0 ? 1 : limit);
    kdb_http_reply reply = { .body = &body };
    const kdbi_s3_call call = { .verb = KDB_HTTP_GET, .name = name };
    KDB_TRY(kdbi_s3_expect(s3_of(objects), &call, &reply, err));
    if (body.len > limit) {
        return KDB_FAIL(err, KDB_LIMIT, "object '%.*s' is larger than %zu bytes", KDB_SV_ARG(name), limit);
    }
    *out = kdb_sv_dup(arena, kdb_buf_sv(&body));
    return KDB_OK;
}

static kdb_status list_s3(kdb_objects *objects, kdb_sv prefix, bool (*visit)(void *self, const kdb_object_info *info),
                          void *self, kdb_err *err)
{
    return kdbi_s3_list(s3_of(objects), prefix, visit, self, err);
}

static int64_t capacity_s3(KDB_UNUSED kdb_objects *objects)
{
    return -1;
}

static void abort_s3(kdb_objects *objects, kdb_sv name)
{
    kdbi_s3_abort(s3_of(objects), name);
}

static const kdbi_objects_ops s3_ops = {
    .type = "s3",
    .close = close_s3,
    .purge = purge_s3,
    .commit = commit_s3,
    .put = put_s3,
    .remove = remove_s3,
    .abort = abort_s3,
    .lease = lease_s3,
    .lease_end = lease_end_s3,
    .spoil = spoil_s3,
    .get = get_s3,
    .list = list_s3,
    .capacity = capacity_s3,
    .lists_at_once = AT_ONCE,
};

/* ---- opening ---- */

static kdb_http_client *make_client(const kdb_object_stores *stores, const kdbi_s3_spec *spec)
{
    const kdb_object_stores_options *options = kdbi_object_stores_options(stores);
    return kdb_http_client_new(&(kdb_http_client_options){
        .connect_timeout_ms = options->connect_timeout_ms,
        .stall_timeout_ms = options->request_timeout_ms,
        .stop = kdbi_object_stores_stop(stores),
        .access_key = spec->access_key,
        .secret_key = spec->secret_key,
        .session_token = spec->session_token,
        .region = spec->region,
    });
}

/* "<data>/storages/<id>/<n>", empty; what is not a directory at <id>, or is one that nobody uses, goes first. */
static kdb_status make_folder(kdb_object_stores *stores, kdb_sv id, char **out, kdb_err *err)
{
    static atomic_uint openings;
    KDB_CLEANUP(kdb_freep) char *all = kdbi_objects_folder(stores, id);
    if (kdbi_object_stores_opened(stores, id) == NULL) {
        KDB_TRY(kdbi_dir_clear(all, err));
    }
    const size_t size = strlen(all) + 16;
    KDB_CLEANUP(kdb_freep) char *own = kdb_alloc(size);
    (void)snprintf(own, size, "%s/%u", all, atomic_fetch_add(&openings, 1));
    KDB_TRY(kdbi_dir_make(own, err));
    *out = KDB_TAKE(own);
    return KDB_OK;
}

static kdb_status open_in(kdb_arena *arena, kdb_object_stores *stores, const kdb_objects_spec *spec, kdb_objects **out,
                          kdb_err *err)
{
    kdbi_s3_spec read;
    KDB_CLEANUP(kdb_freep) char *folder = NULL;
    KDB_TRY(kdbi_s3_spec_read(spec, arena, &read, err));
    KDB_TRY(make_folder(stores, spec->id, &folder, err));
    kdbi_s3 *s3 = KDB_NEW(kdbi_s3);
    s3->base.ops = &s3_ops;
    s3->http = make_client(stores, &read);
    s3->url = kdb_sv_heap_cstr(read.url);
    s3->prefix = kdb_sv_heap_cstr(read.prefix);
    s3->patience_ms = kdbi_object_stores_options(stores)->request_timeout_ms;
    s3->stop = kdbi_object_stores_stop(stores);
    kdbi_folder_init(&s3->base.folder, kdb_sv_cstr(folder));
    *out = &s3->base;
    return KDB_OK;
}

kdb_status kdbi_s3_open(kdb_object_stores *stores, const kdb_objects_spec *spec, kdb_objects **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    return open_in(arena, stores, spec, out, err);
}
