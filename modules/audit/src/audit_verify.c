/* audit_verify.c - walks the chain from its first record to its end, over one snapshot, and says where it breaks. */
#include "audit_int.h"

enum { ASK_EVERY = 1024 };

typedef struct walk {
    kdb_iter *iter;
    kdbi_head at; /* the last record in order */
    kdb_arena *arena;
    kdb_sv bad;
} walk;

/* A record that does not decode has no id to be named by. */
static kdb_sv name_of(const walk *w)
{
    kdb_audit_row row;
    const kdb_sv value = kdb_iter_value(w->iter);
    if (kdb_audit_decode(kdb_iter_key(w->iter), value, w->arena, &row, NULL) == KDB_OK) {
        return row.id;
    }
    return kdb_sv_printf(w->arena, "record %llu: damaged", (unsigned long long)w->at.count + 1);
}

static kdb_sv missing(const walk *w)
{
    return kdb_sv_printf(w->arena, "record %llu: missing", (unsigned long long)w->at.count + 1);
}

/* Looks at the record the iterator is at; w->bad says what is wrong with it. */
static void step(walk *w)
{
    char key[KDBI_AUDIT_KEY_BYTES];
    kdb_digest stored;
    kdb_digest made;
    kdb_audit_row row;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_audit_key(w->at.count + 1, key);
    const kdb_sv value = kdb_iter_value(w->iter);
    if (!kdb_sv_eq(kdb_iter_key(w->iter), kdb_sv_of(key, sizeof(key)))) {
        w->bad = missing(w);
    } else if (kdb_audit_decode(kdb_iter_key(w->iter), value, arena, &row, NULL) != KDB_OK ||
               kdbi_audit_hashes(value, &w->at.hash, &stored, &made, NULL) != KDB_OK ||
               memcmp(stored.bytes, made.bytes, KDB_DIGEST_BYTES) != 0) {
        w->bad = name_of(w);
    } else {
        w->at.hash = made;
        w->at.count++;
    }
}

static kdb_status walk_records(walk *w, kdb_status (*go_on)(void *arg, kdb_err *err), void *arg, kdb_err *err)
{
    while (kdb_iter_valid(w->iter) && w->bad.len == 0) {
        if (w->at.count % ASK_EVERY == 0) {
            KDB_TRY(go_on(arg, err));
        }
        step(w);
        kdb_iter_next(w->iter);
    }
    return kdb_iter_status(w->iter, err);
}

/* What the log should end with. */
static kdb_status check_end(kdb_audit *audit, const kdb_snapshot *snapshot, walk *w, kdb_err *err)
{
    kdbi_head head;
    const kdb_status status = kdbi_head_load(audit->store, snapshot, audit->seal, &head, err);
    if (status == KDB_NOT_FOUND || status == KDB_CORRUPT) {
        w->bad = kdb_sv_printf(w->arena, "head: %s", status == KDB_NOT_FOUND ? "missing" : "not the server's");
        return KDB_OK;
    }
    KDB_TRY(status);
    if (head.count > w->at.count) {
        w->bad = missing(w);
    } else if (head.count < w->at.count || memcmp(head.hash.bytes, w->at.hash.bytes, KDB_DIGEST_BYTES) != 0) {
        w->bad =
            kdb_sv_printf(w->arena, "record %llu: not the end that the head names", (unsigned long long)w->at.count);
    }
    return KDB_OK;
}

kdb_status kdb_audit_verify(kdb_audit *audit, kdb_status (*go_on)(void *arg, kdb_err *err), void *arg, kdb_arena *arena,
                            kdb_audit_report *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(audit->store);
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_audit_iter_new(audit->store, snapshot);
    walk w = { .iter = iter, .arena = arena };
    KDB_TRY(walk_records(&w, go_on, arg, err));
    if (w.bad.len == 0) {
        KDB_TRY(check_end(audit, snapshot, &w, err));
    }
    *out = (kdb_audit_report){ .count = w.at.count, .first_bad = w.bad, .head = w.at.hash };
    return KDB_OK;
}
