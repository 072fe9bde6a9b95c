/* store_rocksdb_iter.c - walks of the RocksDB backend. Each move stores key and value in the iterator's head, so that
 * reading them costs no call. RocksDB keeps pointers to the bounds, which live behind the iterator. */
#include "store_rocksdb.h"

/* Read-ahead of a long scan: a few blocks per system call, without holding much for a scan that stops early. */
enum { SCAN_READAHEAD_BYTES = 256 * 1024 };

static void load(kdbi_rocks_iter *iter)
{
    iter->base.valid = rocksdb_iter_valid(iter->walk) != 0;
    if (iter->base.valid) {
        iter->base.key.ptr = rocksdb_iter_key(iter->walk, &iter->base.key.len);
        iter->base.value.ptr = rocksdb_iter_value(iter->walk, &iter->base.value.len);
    }
}

static rocksdb_readoptions_t *walk_options(const kdb_iter *iter, const kdb_snapshot *snapshot)
{
    rocksdb_readoptions_t *read = kdbi_rocks_read_options(iter->memory_only ? KDBI_REACH_MEMORY : KDBI_REACH_DISK);
    rocksdb_readoptions_set_iterate_lower_bound(read, iter->bounds.lower.ptr, iter->bounds.lower.len);
    rocksdb_readoptions_set_iterate_upper_bound(read, iter->bounds.upper.ptr, iter->bounds.upper.len);
    if (snapshot != NULL) {
        rocksdb_readoptions_set_snapshot(read, ((const kdbi_rocks_snapshot *)snapshot)->at);
    }
    if (iter->scan) {
        rocksdb_readoptions_set_readahead_size(read, SCAN_READAHEAD_BYTES);
        rocksdb_readoptions_set_fill_cache(read, 0);
    }
    return read;
}

void kdbi_rocks_iter_open(kdb_iter *base, const kdb_snapshot *snapshot)
{
    kdbi_rocks_iter *iter = KDB_CONTAINER_OF(base, kdbi_rocks_iter, base);
    const kdbi_rocks *rocks = kdbi_rocks_of(base->store);
    iter->read = walk_options(base, snapshot);
    iter->walk = rocksdb_create_iterator(rocks->db, iter->read);
    if (base->descending) {
        rocksdb_iter_seek_to_last(iter->walk);
    } else {
        rocksdb_iter_seek_to_first(iter->walk);
    }
    load(iter);
}

void kdbi_rocks_iter_next(kdb_iter *base)
{
    kdbi_rocks_iter *iter = KDB_CONTAINER_OF(base, kdbi_rocks_iter, base);
    if (base->descending) {
        rocksdb_iter_prev(iter->walk);
    } else {
        rocksdb_iter_next(iter->walk);
    }
    load(iter);
}

kdb_status kdbi_rocks_iter_status(const kdb_iter *base, kdb_err *err)
{
    char *text = NULL;
    rocksdb_iter_get_error(((const kdbi_rocks_iter *)base)->walk, &text);
    return text == NULL ? KDB_OK : kdbi_rocks_fail(text, "reading the store", err);
}

void kdbi_rocks_iter_close(kdb_iter *base)
{
    kdbi_rocks_iter *iter = KDB_CONTAINER_OF(base, kdbi_rocks_iter, base);
    rocksdb_iter_destroy(iter->walk);
    rocksdb_readoptions_destroy(iter->read);
}
