/* s3_list.c - the objects of a bucket, page by page (ListObjectsV2). */
#include "s3_int.h"

enum { PAGE_KEYS = 1000, TOKEN_MAX = 4096 };
#define PAGE_BYTES_MAX (UINT64_C(8) << 20)

typedef struct listing {
    kdbi_s3 *s3;
    bool (*visit)(void *self, const kdb_object_info *info);
    void *self;
    bool ended;    /* by the visitor */
    bool complete; /* a whole page was read */
    bool more;
    kdb_buf key;    /* of the object that is read */
    int64_t bytes;  /* of it; -1 while not known */
    kdb_buf token;  /* percent-encoded; of the next page */
    kdb_buf before; /* of this one */
} listing;

static void listing_done(listing *list)
{
    kdb_buf_done(&list->key);
    kdb_buf_done(&list->token);
    kdb_buf_done(&list->before);
}

/* Objects of ours only: other keys are passed over. */
static void visit_object(listing *list)
{
    const kdb_sv key = kdb_buf_sv(&list->key);
    const kdb_sv prefix = kdb_sv_cstr(list->s3->prefix);
    if (list->bytes >= 0 && kdb_sv_has_prefix(key, prefix)) {
        const kdb_sv name = kdb_sv_of(key.ptr + prefix.len, key.len - prefix.len);
        const kdb_object_info info = { name, (uint64_t)list->bytes, false };
        list->ended = kdbi_name_classify(name) == KDBI_NAME_OBJECT && !list->visit(list->self, &info);
    }
    list->key.len = 0;
    list->bytes = -1;
}

static bool read_element(void *self, kdb_sv path, kdb_sv text)
{
    listing *list = self;
    if (!kdb_sv_has_prefix(path, KDB_SV("ListBucketResult"))) {
        return false;
    }
    const kdb_sv leaf = kdb_sv_of(path.ptr + strlen("ListBucketResult"), path.len - strlen("ListBucketResult"));
    if (kdb_sv_eq(leaf, KDB_SV("/Contents/Key"))) {
        list->key.len = 0;
        kdb_buf_append_sv(&list->key, text);
    } else if (kdb_sv_eq(leaf, KDB_SV("/Contents/Size"))) {
        list->bytes = kdb_parse_i64(kdb_sv_trim(text), &list->bytes, NULL) == KDB_OK ? list->bytes : -1;
    } else if (kdb_sv_eq(leaf, KDB_SV("/Contents"))) {
        visit_object(list);
    } else if (kdb_sv_eq(leaf, KDB_SV("/IsTruncated"))) {
        list->more = kdb_sv_eq(kdb_sv_trim(text), KDB_SV("true"));
    } else if (kdb_sv_eq(leaf, KDB_SV("/NextContinuationToken")) && text.len <= TOKEN_MAX) {
        kdbi_s3_encode(&list->token, text, false);
    } else if (leaf.len == 0) {
        list->complete = true;
    }
    return !list->ended;
}

static void put_query(const listing *list, kdb_sv prefix, kdb_buf *out)
{
    if (list->before.len != 0) {
        kdb_buf_printf(out, "continuation-token=%.*s&", KDB_SV_ARG(kdb_buf_sv(&list->before)));
    }
    kdb_buf_printf(out, "list-type=2&max-keys=%d&prefix=", PAGE_KEYS);
    kdbi_s3_encode(out, kdb_sv_cstr(list->s3->prefix), false);
    if (prefix.len != 0) {
        kdbi_s3_encode(out, prefix, false);
        kdbi_s3_encode(out, KDB_SV("/"), false);
    }
}

static kdb_status list_page(listing *list, kdb_sv prefix, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf query;
    KDB_CLEANUP(kdb_buf_done) kdb_buf body;
    kdb_buf_init(&query, 0);
    kdb_buf_init(&body, PAGE_BYTES_MAX);
    put_query(list, prefix, &query);
    kdb_http_reply reply = { .body = &body };
    const kdbi_s3_call call = { .verb = KDB_HTTP_GET, .query = kdb_buf_sv(&query) };
    list->more = false;
    list->complete = false;
    list->bytes = -1;
    KDB_TRY(kdbi_s3_expect(list->s3, &call, &reply, err));
    KDB_TRY(kdbi_xml_walk(kdb_buf_sv(&body), read_element, list, err));
    return list->complete || list->ended
               ? KDB_OK
               : KDB_FAIL(err, KDB_IO, "storage '%s': an answer that is no listing", list->s3->base.id);
}

/* The next page's token must be another one, or the listing would not end. */
static kdb_status turn_page(listing *list, kdb_err *err)
{
    if (list->token.len == 0 || kdb_sv_eq(kdb_buf_sv(&list->token), kdb_buf_sv(&list->before))) {
        return KDB_FAIL(err, KDB_IO, "storage '%s': a listing that does not go on", list->s3->base.id);
    }
    list->before.len = 0;
    kdb_buf_append_sv(&list->before, kdb_buf_sv(&list->token));
    list->token.len = 0;
    return KDB_OK;
}

kdb_status kdbi_s3_list(kdbi_s3 *s3, kdb_sv prefix, bool (*visit)(void *self, const kdb_object_info *info), void *self,
                        kdb_err *err)
{
    KDB_CLEANUP(listing_done) listing list = { .s3 = s3, .visit = visit, .self = self };
    kdb_buf_init(&list.key, 0);
    kdb_buf_init(&list.token, 0);
    kdb_buf_init(&list.before, 0);
    for (;;) {
        KDB_TRY(list_page(&list, prefix, err));
        if (!list.more || list.ended) {
            return KDB_OK;
        }
        KDB_TRY(turn_page(&list, err));
    }
}
