/* cold_named.c - the files that a store's manifests name, found without its tables: what a backup holds and a restore asks for. A key
 * of family manifest is taken apart by its partition's kind, and a partition of a SHARED table has the key 'G' alone. */
#include "cold_int.h"

typedef struct named {
    kdb_store *store;
    kdb_status (*visit)(void *self, const kdb_segment *segment, kdb_err *err);
    void *self;
} named;

static kdb_status is_shared(const named *n, kdb_partition part, bool *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv key = kdbi_cold_key((kdb_sv){ NULL, 0 }, KDBI_COLD_GENERATION, 0, 0, 0, arena);
    kdb_sv value;
    const kdb_status status = kdb_store_get(n->store, NULL, part, key, arena, &value, err);
    *out = status == KDB_OK;
    return status == KDB_NOT_FOUND ? KDB_OK : status;
}

static bool is_segment(kdb_sv key, bool shared)
{
    const size_t at = shared ? 0 : kdbi_key_bytes_length(key);
    return key.len == at + 5 && key.ptr[at] == (char)KDBI_COLD_SEGMENT;
}

static kdb_status visit_partition(const named *n, kdb_partition part, kdb_err *err)
{
    const kdb_iter_range all = { .scan = true };
    bool shared;
    KDB_TRY(is_shared(n, part, &shared, err));
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(n->store, NULL, part, all);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        kdb_segment segment;
        if (is_segment(kdb_iter_key(iter), shared)) {
            KDB_TRY(kdbi_segment_read(kdb_iter_value(iter), &segment, err));
            KDB_TRY(n->visit(n->self, &segment, err));
        }
    }
    return kdb_iter_status(iter, err);
}

kdb_status kdb_cold_visit_files(kdb_store *store,
                                kdb_status (*visit)(void *self, const kdb_segment *segment, kdb_err *err), void *self,
                                kdb_err *err)
{
    const named n = { store, visit, self };
    uint32_t at = KDBI_COLD_FILES;
    for (;;) {
        bool found = false;
        KDB_TRY(kdb_store_next_partition(store, KDB_FAMILY_MANIFEST, at + 1, &at, &found, err));
        if (!found) {
            return KDB_OK;
        }
        KDB_TRY(visit_partition(&n, kdbi_cold_partition(at), err));
    }
}
