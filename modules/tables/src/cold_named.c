/* cold_named.c - what a store's manifests hold, found without its tables: the files that they name, which a backup holds and a restore
 * asks for. A key of family manifest is taken apart by its partition's kind, and a partition of a SHARED table has the key 'G' alone. */
#include "cold_int.h"

typedef struct tagged {
    kdb_store *store;
    kdbi_cold_tag tag;
    size_t nparts; /* numbers behind the tag */
    kdb_status (*visit)(void *self, kdb_partition part, kdb_sv key, kdb_sv value, kdb_err *err);
    void *self;
} tagged;

static kdb_status is_shared(const tagged *t, kdb_partition part, bool *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv key = kdbi_cold_key((kdb_sv){ NULL, 0 }, KDBI_COLD_GENERATION, 0, 0, 0, arena);
    kdb_sv value;
    const kdb_status status = kdb_store_get(t->store, NULL, part, key, arena, &value, err);
    *out = status == KDB_OK;
    return status == KDB_NOT_FOUND ? KDB_OK : status;
}

static bool is_wanted(const tagged *t, kdb_sv key, bool shared)
{
    return kdbi_cold_key_is(key, shared ? 0 : kdbi_key_bytes_length(key), t->tag, t->nparts);
}

static kdb_status visit_partition(const tagged *t, kdb_partition part, kdb_err *err)
{
    const kdb_iter_range all = { .scan = true };
    bool shared;
    KDB_TRY(is_shared(t, part, &shared, err));
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(t->store, NULL, part, all);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        if (is_wanted(t, kdb_iter_key(iter), shared)) {
            KDB_TRY(t->visit(t->self, part, kdb_iter_key(iter), kdb_iter_value(iter), err));
        }
    }
    return kdb_iter_status(iter, err);
}

kdb_status kdbi_cold_visit_tag(kdb_store *store, kdbi_cold_tag tag, size_t nparts,
                               kdb_status (*visit)(void *self, kdb_partition part, kdb_sv key, kdb_sv value,
                                                   kdb_err *err),
                               void *self, kdb_err *err)
{
    const tagged t = { store, tag, nparts, visit, self };
    uint32_t at = KDBI_COLD_FILES;
    for (;;) {
        bool found = false;
        KDB_TRY(kdb_store_next_partition(store, KDB_FAMILY_MANIFEST, at + 1, &at, &found, err));
        if (!found) {
            return KDB_OK;
        }
        KDB_TRY(visit_partition(&t, kdbi_cold_partition(at), err));
    }
}

/* ---- files ---- */

typedef struct named {
    kdb_status (*visit)(void *self, const kdb_segment *segment, kdb_err *err);
    void *self;
} named;

static kdb_status visit_file(void *self, kdb_partition part, kdb_sv key, kdb_sv record, kdb_err *err)
{
    const named *n = self;
    kdb_segment segment;
    const kdb_status status = kdbi_segment_read(record, &segment, err);
    if (status != KDB_OK) {
        kdb_err_context(err, "segment %u of the table with id %u", kdbi_cold_key_segment(key, key.len - 5),
                        part.prefix);
        return status;
    }
    return n->visit(n->self, &segment, err);
}

kdb_status kdb_cold_visit_files(kdb_store *store,
                                kdb_status (*visit)(void *self, const kdb_segment *segment, kdb_err *err), void *self,
                                kdb_err *err)
{
    named n = { visit, self };
    return kdbi_cold_visit_tag(store, KDBI_COLD_SEGMENT, 1, visit_file, &n, err);
}
