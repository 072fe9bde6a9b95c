/* store_rocksdb_open.c - opens and closes RocksDB: memory, files, the log and what a crash may cost.
 *
 * The log. An fsync costs a third less on a file that does not grow, so in sync mode old log files are overwritten
 * (recycle_log_file_num). RocksDB 7.8 has three traps there, which shape this file:
 * - With several column families a flush that meets a closed log reads through NULL (DBImpl::MarkLogsSynced). So all
 *   our families are key prefixes in the default column family, where that code does not run.
 * - It reuses files only in the recovery mode that skips damaged records, and in that mode the recovery of a reused file
 *   never ends (log::Reader does not step over an old record). So the store is opened twice: once without reuse, in the
 *   mode that stops at the first damage, which recovers whatever a crash left and writes it to a table; then with reuse,
 *   when there is no log left to recover.
 * - Only files of this run are reused, so two are made ahead: see kdbi_rocks_prepare. */
#include "store_rocksdb.h"

enum { BLOCK_BYTES = 16 * 1024, BLOOM_BITS_PER_KEY = 10, CACHE_SHARD_BITS = 4, BYTES_PER_SYNC = 1024 * 1024 };
enum { LOG_RECYCLED_FILES = 4, LOG_READY_BYTES = 16 * 1024 * 1024, WRITE_BUFFERS = 3 };
/* RocksDB's own diary: small, few, warnings only. */
enum { INFO_LOG_WARN = 2, INFO_LOG_BYTES = 1024 * 1024, INFO_LOG_FILES = 2 };

/* Index and filter blocks live in the one cache, so that the option bounds all memory but the write buffers. */
static void set_table_format(rocksdb_options_t *options, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_size(table, BLOCK_BYTES);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_format_version(table, 5);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS_PER_KEY));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

typedef enum log_use { LOG_RECOVER, LOG_REUSE } log_use;

static void set_log(rocksdb_options_t *options, log_use use)
{
    switch (use) {
    case LOG_RECOVER:
        rocksdb_options_set_wal_recovery_mode(options, rocksdb_point_in_time_recovery);
        return;
    case LOG_REUSE:
        rocksdb_options_set_wal_recovery_mode(options, rocksdb_skip_any_corrupted_records_recovery);
        rocksdb_options_set_recycle_log_file_num(options, LOG_RECYCLED_FILES);
        return;
    }
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
static rocksdb_options_t *new_options(const kdb_store_options *in, rocksdb_cache_t *cache, log_use use)
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
    set_table_format(options, cache);
    set_log(options, use);
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

static kdb_status open_database(kdbi_rocks *rocks, const kdb_store_options *in, log_use use, kdb_err *err)
{
    const char *name = "default";
    rocksdb_options_t *options = new_options(in, rocks->cache, use);
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

static kdb_status recover_and_open(kdbi_rocks *rocks, const kdb_store_options *in, kdb_err *err)
{
    KDB_TRY(open_database(rocks, in, LOG_RECOVER, err));
    if (!in->sync) {
        return KDB_OK;
    }
    close_database(rocks);
    const size_t filled = (size_t)in->write_buffer_bytes / 2; /* about what a log file holds when it is switched */
    rocks->ready_log_bytes = filled < LOG_READY_BYTES ? filled : LOG_READY_BYTES;
    return open_database(rocks, in, LOG_REUSE, err);
}

/* For work that nobody waits for: an error ends here. `text` is taken. */
static bool logged_ok(char *text, const char *doing)
{
    if (text == NULL) {
        return true;
    }
    kdb_log_warn("%s failed err=%s", doing, text);
    rocksdb_free(text);
    return false;
}

/* Writes out what is in memory; the log begins a new file then. */
static bool flush_memory(kdbi_rocks *rocks)
{
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    char *text = NULL;
    rocksdb_flush(rocks->db, flush, &text);
    rocksdb_flushoptions_destroy(flush);
    return logged_ok(text, "flushing store");
}

/* Fills the log file in use with `bytes` of no meaning, and memory with a change that cancels itself, so that a flush
 * finds something to do but makes no table. */
static bool fill_log(kdbi_rocks *rocks, size_t bytes)
{
    enum { PIECE_BYTES = 1024 * 1024 };
    char *piece = kdb_alloc(PIECE_BYTES);
    char *text = NULL;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocksdb_writebatch_put(batch, "", 0, "", 0);
    rocksdb_writebatch_singledelete(batch, "", 0);
    rocksdb_writebatch_put_log_data(batch, piece, PIECE_BYTES);
    rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
    for (size_t done = 0; done < bytes && text == NULL; done += PIECE_BYTES) {
        rocksdb_writeoptions_set_sync(write, done + PIECE_BYTES >= bytes);
        rocksdb_write(rocks->db, write, batch, &text);
    }
    rocksdb_writeoptions_destroy(write);
    rocksdb_writebatch_destroy(batch);
    kdb_free(piece);
    return logged_ok(text, "preparing store log");
}

/* Makes two log files to reuse, the one in use and the next: later ones come from flushes. */
void kdbi_rocks_prepare(kdb_store *store)
{
    kdbi_rocks *rocks = kdbi_rocks_of(store);
    for (int file = 0; file < 2 && rocks->ready_log_bytes != 0; file++) {
        if (!fill_log(rocks, rocks->ready_log_bytes) || !flush_memory(rocks)) {
            return; /* a disk that is full or failing: the first commit will say so */
        }
    }
}

void kdbi_rocks_close(kdb_store *store)
{
    kdbi_rocks *rocks = kdbi_rocks_of(store);
    if (rocks->db != NULL) {
        (void)flush_memory(rocks); /* so that the next start has no log to replay */
        close_database(rocks);
    }
    rocksdb_writebatch_destroy(rocks->merged);
    rocksdb_writeoptions_destroy(rocks->write);
    rocksdb_readoptions_destroy(rocks->read_latest);
    rocksdb_cache_destroy(rocks->cache);
    kdb_free(rocks);
}

kdb_status kdb_store_open(const kdb_store_options *options, kdb_store **out, kdb_err *err)
{
    kdbi_rocks *rocks = KDB_NEW(kdbi_rocks);
    rocks->base.backend = &kdbi_rocks_backend;
    rocks->cache = new_cache(options->block_cache_bytes);
    rocks->read_latest = rocksdb_readoptions_create();
    rocks->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocks->write, options->sync);
    rocks->merged = rocksdb_writebatch_create();
    const kdb_status status = recover_and_open(rocks, options, err);
    if (status != KDB_OK) {
        kdbi_rocks_close(&rocks->base);
        return status;
    }
    kdbi_committer_start(&rocks->base.committer, &rocks->base);
    *out = &rocks->base;
    return KDB_OK;
}
