/* row_stage.c - the store changes that one row change takes: the row itself and, but for STREAM, its entry in the seq
 * index: the user's part and the `_seq` (8 bytes big-endian) lead to the rest of the row's key. */
#include "tables_int.h"

/* Seq keys of one user: they share all but their last 8 bytes. Made for every row, so without an arena. */
typedef struct seq_keys {
    size_t user_len;
    char *bytes; /* `small`, or allocated */
    char small[256];
} seq_keys;

static void seq_keys_init(seq_keys *keys, const kdb_table *table, kdb_sv key)
{
    keys->user_len = kdbi_table_has_user(table) ? kdbi_key_bytes_length(key) : 0;
    keys->bytes = keys->user_len + 8 <= sizeof(keys->small) ? keys->small : kdb_alloc(keys->user_len + 8);
    if (keys->user_len != 0) {
        memcpy(keys->bytes, key.ptr, keys->user_len);
    }
}

static void seq_keys_done(seq_keys *keys)
{
    if (keys->bytes != keys->small) {
        kdb_free(keys->bytes);
    }
}

/* Until the next call. */
static kdb_sv seq_keys_at(seq_keys *keys, uint64_t seq)
{
    kdb_put_be64(keys->bytes + keys->user_len, seq);
    return (kdb_sv){ keys->bytes, keys->user_len + 8 };
}

static void stage_seq(const kdb_table *table, kdb_sv key, uint64_t seq, uint64_t old_seq, kdb_batch *batch)
{
    const kdb_partition part = kdb_table_seq_partition(table);
    KDB_CLEANUP(seq_keys_done) seq_keys keys;
    seq_keys_init(&keys, table, key);
    if (old_seq != 0) {
        kdb_batch_delete(batch, part, seq_keys_at(&keys, old_seq));
    }
    kdb_batch_put(batch, part, seq_keys_at(&keys, seq), (kdb_sv){ key.ptr + keys.user_len, key.len - keys.user_len });
}

void kdb_tables_stage_put(const kdb_table *table, kdb_user_id user, kdb_sv key, kdb_sv row, uint64_t seq,
                          uint64_t old_seq, kdb_batch *batch)
{
    KDB_ASSERT(kdb_row_key_owned(table, user, key));
    kdb_batch_put(batch, kdb_table_partition(table), key, row);
    if (table->type != KDB_TABLE_STREAM) {
        stage_seq(table, key, seq, old_seq, batch);
    }
}

void kdb_tables_stage_purge(const kdb_table *table, kdb_sv key, uint64_t seq, kdb_batch *batch)
{
    KDB_CLEANUP(seq_keys_done) seq_keys keys;
    KDB_ASSERT(table->type != KDB_TABLE_STREAM);
    seq_keys_init(&keys, table, key);
    kdb_batch_delete(batch, kdb_table_partition(table), key);
    kdb_batch_delete(batch, kdb_table_seq_partition(table), seq_keys_at(&keys, seq));
}

void kdb_tables_stage_remove(const kdb_table *table, kdb_sv key, kdb_batch *batch)
{
    KDB_ASSERT(table->type == KDB_TABLE_STREAM);
    kdb_batch_delete(batch, kdb_table_partition(table), key);
}

void kdb_tables_stage_drop(const kdb_table *table, kdb_batch *batch)
{
    const kdb_sv all = { NULL, 0 };
    kdb_batch_delete_range(batch, kdb_table_partition(table), all, all);
    if (table->type != KDB_TABLE_STREAM) {
        kdb_batch_delete_range(batch, kdb_table_seq_partition(table), all, all);
    }
}
