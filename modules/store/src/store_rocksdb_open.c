/* store_rocksdb_open.c - opens and closes RocksDB: memory, files, the log and what a crash may cost.
 *
 * The log is RocksDB's as it comes. Overwriting old log files (recycle_log_file_num) would make an fsync about a quarter
 * cheaper, but in 7.8 it is not to be trusted: docs/decisions/one-family-no-recycling.md.
 *
 * Nor is memtable_insert_with_hint_prefix_extractor, with which a row and its index entry alone would cost 3.2 us instead of 8:
 * until RocksDB 9.2 (its pull request 12558) one hint serves rows and deleted ranges, and leads the one into the other's list. */
#include "store_rocksdb.h"

enum { BLOCK_BYTES = 16 * 1024, BLOOM_BITS_PER_KEY = 10, CACHE_SHARD_BITS = 4, BYTES_PER_SYNC = 1024 * 1024 };
/* RocksDB's kXXH3, which its C header does not name. Debian's RocksDB computes CRC32 without the processor's help: 16 KiB
 * cost some 10 us then, against 1 us, and every block read from a file is checked. */
enum { CHECKSUM_XXH3 = 4 };
enum { WRITE_BUFFERS = 3 };
/* Of a write buffer, for a Bloom filter over its keys: some 16 bits each. Every INSERT asks for a key that is not there,
 * which else is a walk down a skip list of half a million keys (3.4 us; 0.4 us with the filter). */
#define MEMTABLE_BLOOM_SHARE 0.02
/* RocksDB's own diary: small, few, warnings only. */
enum { INFO_LOG_WARN = 2, INFO_LOG_BYTES = 1024 * 1024, INFO_LOG_FILES = 2 };

/* Index and filter blocks live in the one cache, so that the option bounds all memory but the write buffers. */
static void set_table_format(rocksdb_options_t *options, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_size(table, BLOCK_BYTES);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_format_version(table, 5);
    rocksdb_block_based_options_set_checksum(table, CHECKSUM_XXH3);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS_PER_KEY));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

static void set_info_log(rocksdb_options_t *options)
{
    rocksdb_options_set_info_log_level(options, INFO_LOG_WARN);
    rocksdb_options_set_max_log_file_size(options, INFO_LOG_BYTES);
    rocksdb_options_set_keep_log_file_num(options, INFO_LOG_FILES);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
}

/* The write buffer is had in halves, one filling while another is written out. A half also bounds the log, which is what
 * a start after a crash replays, at about 2 us a row. */
static rocksdb_options_t *new_options(const kdb_store_options *in, rocksdb_cache_t *cache)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_write_buffer_size(options, (size_t)in->write_buffer_bytes / 2);
    rocksdb_options_set_max_write_buffer_number(options, WRITE_BUFFERS);
    rocksdb_options_set_max_background_jobs(options, in->background_jobs);
    rocksdb_options_set_max_open_files(options, in->max_open_files);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_bytes_per_sync(options, BYTES_PER_SYNC);
    rocksdb_options_set_skip_stats_update_on_db_open(options, 1);
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, MEMTABLE_BLOOM_SHARE);
    rocksdb_options_set_memtable_whole_key_filtering(options, 1);
    set_table_format(options, cache);
    rocksdb_options_set_wal_recovery_mode(options, rocksdb_point_in_time_recovery);
    set_info_log(options);
    return options;
}

static rocksdb_cache_t *new_cache(int64_t bytes)
{
    rocksdb_lru_cache_options_t *options = rocksdb_lru_cache_options_create();
    rocksdb_lru_cache_options_set_capacity(options, (size_t)bytes);
    rocksdb_lru_cache_options_set_num_shard_bits(options, CACHE_SHARD_BITS);
    rocksdb_cache_t *cache = rocksdb_cache_create_lru_opts(options);
    rocksdb_lru_cache_options_destroy(options);
    return cache;
}

static kdb_status open_database(kdbi_rocks *rocks, const kdb_store_options *in, kdb_err *err)
{
    const char *name = "default";
    rocksdb_options_t *options = new_options(in, rocks->cache);
    const rocksdb_options_t *family = options;
    char *text = NULL;
    rocks->db = rocksdb_open_column_families(options, in->path, 1, &name, &family, &rocks->family, &text);
    rocksdb_options_destroy(options);
    if (text == NULL) {
        return KDB_OK;
    }
    const kdb_status status = kdbi_rocks_fail(text, "RocksDB", err);
    kdb_err_context(err, "opening the store in '%s'", in->path);
    return status;
}

static void close_database(kdbi_rocks *rocks)
{
    rocksdb_cancel_all_background_work(rocks->db, 1);
    rocksdb_column_family_handle_destroy(rocks->family);
    rocksdb_close(rocks->db);
    rocks->db = NULL;
}

void kdbi_rocks_close(kdb_store *store)
{
    kdbi_rocks *rocks = kdbi_rocks_of(store);
    if (rocks->db != NULL) {
        if (!atomic_load(&rocks->base.disk.failed)) {
            store->backend->write_out(store); /* so that the next start has no log to replay */
        }
        close_database(rocks);
    }
    rocksdb_writebatch_destroy(rocks->merged);
    kdb_free(rocks->window);
    rocksdb_writeoptions_destroy(rocks->write);
    for (kdbi_reach reach = 0; reach < KDBI_REACH_COUNT; reach++) {
        rocksdb_readoptions_destroy(rocks->latest[reach]);
    }
    rocksdb_cache_destroy(rocks->cache);
    kdbi_disk_done(&rocks->base.disk);
    kdbi_garbage_done(&rocks->garbage);
    kdb_free(rocks);
}

kdb_status kdb_store_open(const kdb_store_options *options, kdb_store **out, kdb_err *err)
{
    kdbi_rocks *rocks = KDB_NEW(kdbi_rocks);
    rocks->base.backend = &kdbi_rocks_backend;
    kdbi_disk_init(&rocks->base.disk, options);
    kdbi_garbage_init(&rocks->garbage);
    rocks->cache = new_cache(options->block_cache_bytes);
    for (kdbi_reach reach = 0; reach < KDBI_REACH_COUNT; reach++) {
        rocks->latest[reach] = kdbi_rocks_read_options(reach);
    }
    rocks->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocks->write, options->sync);
    rocks->merged = rocksdb_writebatch_create();
    rocks->window = KDB_NEW(kdbi_rocks_window);
    const kdb_status status = open_database(rocks, options, err);
    if (status != KDB_OK) {
        kdbi_rocks_close(&rocks->base);
        return status;
    }
    kdbi_committer_start(&rocks->base.committer, &rocks->base);
    *out = &rocks->base;
    return KDB_OK;
}
