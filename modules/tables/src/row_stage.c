/* row_stage.c - the store changes that one row change takes: the row itself and, but for STREAM, its entry in the seq
 * index: the user's part and the `_seq` (8 bytes big-endian) lead to the rest of the row's key. */
#include "tables_int.h"

/* Seq keys of one user share all but their last 8 bytes. */
static void stage_seq(const kdb_table *table, kdb_sv key, uint64_t seq, uint64_t old_seq, kdb_batch *batch)
{
    const size_t user_len = kdbi_table_has_user(table) ? kdbi_key_bytes_length(key) : 0;
    const kdb_partition part = kdb_table_seq_partition(table);
    char small[256];
    char *bytes = user_len + 8 <= sizeof(small) ? small : kdb_alloc(user_len + 8);
    if (user_len != 0) {
        memcpy(bytes, key.ptr, user_len);
    }
    if (old_seq != 0) {
        kdb_put_be64(bytes + user_len, old_seq);
        kdb_batch_delete(batch, part, (kdb_sv){ bytes, user_len + 8 });
    }
    kdb_put_be64(bytes + user_len, seq);
    kdb_batch_put(batch, part, (kdb_sv){ bytes, user_len + 8 }, (kdb_sv){ key.ptr + user_len, key.len - user_len });
    if (bytes != small) {
        kdb_free(bytes);
    }
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
    const size_t user_len = kdbi_table_has_user(table) ? kdbi_key_bytes_length(key) : 0;
    char small[256];
    char *bytes = user_len + 8 <= sizeof(small) ? small : kdb_alloc(user_len + 8);
    KDB_ASSERT(table->type != KDB_TABLE_STREAM);
    if (user_len != 0) {
        memcpy(bytes, key.ptr, user_len);
    }
    kdb_put_be64(bytes + user_len, seq);
    kdb_batch_delete(batch, kdb_table_partition(table), key);
    kdb_batch_delete(batch, kdb_table_seq_partition(table), (kdb_sv){ bytes, user_len + 8 });
    if (bytes != small) {
        kdb_free(bytes);
    }
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
