/* s3_int.h - what the files of S3 storages share. */
#ifndef KDB_S3_INT_H
#define KDB_S3_INT_H

#include "filestore_int.h"
#include "kdb/http.h"

/* Where a bucket is and who we are there. */
typedef struct kdbi_s3_spec {
    kdb_sv url;    /* of the bucket, without a slash at its end */
    kdb_sv prefix; /* of all keys; empty, or ends with '/' */
    kdb_sv region;
    kdb_sv access_key, secret_key, session_token; /* empty: requests are not signed */
} kdbi_s3_spec;
/* In `arena`, which holds secrets then. KDB_INVALID says what is wrong, without the credentials. */
KDB_NODISCARD kdb_status kdbi_s3_spec_read(const kdb_objects_spec *spec, kdb_arena *arena, kdbi_s3_spec *out,
                                           kdb_err *err);

typedef struct kdbi_s3 {
    kdb_objects base;
    kdb_http_client *http;
    char *url;
    char *prefix;
    int64_t patience_ms; /* no new attempt after this */
    const atomic_bool *stop;
} kdbi_s3;

typedef struct kdbi_s3_call {
    kdb_http_verb verb;
    kdb_sv name;  /* of an object; empty: the bucket */
    kdb_sv query; /* percent-encoded, sorted, each with '=' */
    kdb_sv body;
    const kdb_http_file *send;
    kdb_http_file *save;
} kdbi_s3_call;
/* Sends it, again when the server is overloaded, fails or cannot be reached. KDB_OK when an answer came, whatever its code. */
KDB_NODISCARD kdb_status kdbi_s3_send(kdbi_s3 *s3, const kdbi_s3_call *call, kdb_http_reply *reply, kdb_err *err);
/* The same; an answer other than 2xx fails: KDB_NOT_FOUND when the object does not exist, KDB_IO otherwise. */
KDB_NODISCARD kdb_status kdbi_s3_expect(kdbi_s3 *s3, const kdbi_s3_call *call, kdb_http_reply *reply, kdb_err *err);
kdb_status kdbi_s3_fail(const kdbi_s3 *s3, const kdbi_s3_call *call, const kdb_http_reply *reply, kdb_err *err);
/* Appends `text` with everything but letters, digits and "-._~" as %XX; '/' too unless `path`. */
void kdbi_s3_encode(kdb_buf *out, kdb_sv text, bool path);

/* Makes the file `path` the object `name`. */
KDB_NODISCARD kdb_status kdbi_s3_upload(kdbi_s3 *s3, kdb_sv name, const char *path, uint64_t *bytes, kdb_err *err);
/* As kdb_objects_abort. */
void kdbi_s3_abort(kdbi_s3 *s3, kdb_sv name);
/* As kdb_objects_list. */
KDB_NODISCARD kdb_status kdbi_s3_list(kdbi_s3 *s3, kdb_sv prefix,
                                      bool (*visit)(void *self, const kdb_object_info *info), void *self, kdb_err *err);

#endif
