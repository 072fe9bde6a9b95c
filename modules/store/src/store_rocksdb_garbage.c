/* store_rocksdb_garbage.c - the disk's share of what was deleted as ranges: tables that were dropped, rows that moved to cold files. RocksDB
 * lets go of them when it merges the files that hold them, which it does for what is written, not for what is deleted: without this a
 * dropped table would keep its gigabytes while nobody writes, and a full disk could not be made room on. */
#include "store_rocksdb.h"

/* Less than this in files is left to RocksDB. */
#define WORTH_BYTES ((uint64_t)16 * 1024 * 1024)
/* Each try moves a deletion one level of files further down, and there are seven. */
enum { TRIES = 7 };

void kdbi_garbage_init(kdbi_garbage *garbage)
{
    kdb_mutex_init(&garbage->lock, KDB_LOCK_STORE);
}

void kdbi_garbage_done(kdbi_garbage *garbage)
{
    for (size_t i = 0; i < garbage->count; i++) {
        kdb_free(garbage->ranges[i].keys);
    }
    kdb_mutex_done(&garbage->lock);
}

static kdbi_garbage_range new_range(kdb_sv from, kdb_sv to, unsigned tries)
{
    kdbi_garbage_range range = { .keys = kdb_alloc(from.len + to.len), .tries = tries };
    memcpy(range.keys, from.ptr, from.len);
    memcpy(range.keys + from.len, to.ptr, to.len);
    range.from = kdb_sv_of(range.keys, from.len);
    range.to = kdb_sv_of(range.keys + from.len, to.len);
    return range;
}

static void widen(kdbi_garbage_range *range, kdb_sv from, kdb_sv to, unsigned tries)
{
    const kdb_sv least = kdb_sv_cmp(from, range->from) < 0 ? from : range->from;
    const kdb_sv most = kdb_sv_cmp(to, range->to) > 0 ? to : range->to;
    range->tries = tries > range->tries ? tries : range->tries;
    if (least.ptr != range->from.ptr || most.ptr != range->to.ptr) {
        const kdbi_garbage_range wide = new_range(least, most, range->tries);
        kdb_free(range->keys);
        *range = wide;
    }
}

/* That of the same partition; the last one when there is no room for another. */
static kdbi_garbage_range *find_range(kdbi_garbage *garbage, kdb_sv from)
{
    const kdb_sv partition = kdb_sv_of(from.ptr, KDBI_PREFIX_LEN);
    for (size_t i = 0; i < garbage->count; i++) {
        if (kdb_sv_has_prefix(garbage->ranges[i].from, partition)) {
            return &garbage->ranges[i];
        }
    }
    return garbage->count == KDBI_GARBAGE_MAX ? &garbage->ranges[KDBI_GARBAGE_MAX - 1] : NULL;
}

static void note(kdbi_garbage *garbage, kdb_sv from, kdb_sv to, unsigned tries)
{
    kdb_mutex_lock(&garbage->lock);
    kdbi_garbage_range *same = find_range(garbage, from);
    if (same == NULL) {
        garbage->ranges[garbage->count++] = new_range(from, to, tries);
    } else {
        widen(same, from, to, tries);
    }
    kdb_mutex_unlock(&garbage->lock);
}

void kdbi_garbage_note(kdbi_garbage *garbage, kdb_sv from, kdb_sv to)
{
    note(garbage, from, to, TRIES);
}

/* ---- giving it back ---- */

/* Takes all ranges, but for those that hold little. */
static size_t take_worthy(kdbi_rocks *rocks, kdbi_garbage_range *out)
{
    kdbi_garbage *garbage = &rocks->garbage;
    kdb_mutex_lock(&garbage->lock);
    const size_t count = garbage->count;
    memcpy(out, garbage->ranges, count * sizeof(*out));
    garbage->count = 0;
    kdb_mutex_unlock(&garbage->lock);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kdbi_rocks_file_bytes(rocks, out[i].from, out[i].to) >= WORTH_BYTES) {
            out[kept++] = out[i];
        } else {
            kdb_free(out[i].keys);
        }
    }
    return kept;
}

static void suggest(const kdbi_rocks *rocks, const kdbi_garbage_range *range)
{
    char *text = NULL;
    rocksdb_suggest_compact_range(rocks->db, range->from.ptr, range->from.len, range->to.ptr, range->to.len, &text);
    kdbi_rocks_log(text, "merging files of deleted rows");
}

void kdbi_rocks_reclaim(kdb_store *store)
{
    kdbi_rocks *rocks = kdbi_rocks_of(store);
    kdbi_garbage_range ranges[KDBI_GARBAGE_MAX];
    const size_t count = take_worthy(rocks, ranges);
    bool any_new = false; /* such a deletion may be in memory still */
    for (size_t i = 0; i < count; i++) {
        any_new = any_new || ranges[i].tries == TRIES;
    }
    if (any_new) {
        store->backend->write_out(store);
    }
    for (size_t i = 0; i < count; i++) {
        suggest(rocks, &ranges[i]);
        if (ranges[i].tries > 1) {
            note(&rocks->garbage, ranges[i].from, ranges[i].to, ranges[i].tries - 1);
        }
        kdb_free(ranges[i].keys);
    }
}
