/* row_key.c - whole row keys: the user in front (but for SHARED), then the key columns, the hidden row id, or a
 * STREAM's time and row id. The user's part is escaped and ended, so one user's range never holds another's keys,
 * whatever bytes the ids are made of. */
#include "tables_int.h"

static size_t user_size(const kdb_table *table, kdb_user_id user)
{
    return kdbi_table_has_user(table) ? kdbi_key_bytes_size(user.text) : 0;
}

static char *put_user(char *at, const kdb_table *table, kdb_user_id user)
{
    return kdbi_table_has_user(table) ? kdbi_key_bytes_put(at, user.text) : at;
}

static kdb_status check_key_value(const kdb_column *column, const kdb_value *value, kdb_err *err)
{
    if (value->is_null) {
        return KDB_FAIL(err, KDB_CONSTRAINT, "Primary key column '%.*s' has unsupported or NULL value",
                        KDB_SV_ARG(column->name));
    }
    KDB_ASSERT(value->type.kind == column->type.kind);
    return KDB_OK;
}

kdb_status kdb_row_key(const kdb_table *table, kdb_user_id user, const kdb_value *values, kdb_arena *arena, kdb_sv *out,
                       kdb_err *err)
{
    KDB_ASSERT(table->nkey > 0 && table->type != KDB_TABLE_STREAM);
    size_t size = user_size(table, user);
    for (size_t i = 0; i < table->nkey; i++) {
        KDB_TRY(check_key_value(&table->schema->columns[table->key[i]], &values[i], err));
        size += kdbi_key_part_size(&values[i]);
    }
    char *bytes = kdb_arena_try_alloc(arena, size);
    if (bytes == NULL) {
        return KDB_FAIL(err, KDB_LIMIT, "a primary key of %zu bytes is too large for this statement", size);
    }
    char *at = put_user(bytes, table, user);
    for (size_t i = 0; i < table->nkey; i++) {
        at = kdbi_key_part_put(at, &values[i]);
    }
    *out = (kdb_sv){ bytes, size };
    return KDB_OK;
}

char *kdbi_stream_tail_put(char *at, uint64_t seq)
{
    at = kdbi_key_i64_put(at, kdb_snowflake_us(seq) / 1000);
    kdb_put_be64(at, seq);
    return at + 8;
}

kdb_sv kdb_row_key_hidden(const kdb_table *table, kdb_user_id user, uint64_t seq, kdb_arena *arena)
{
    char *bytes = kdb_arena_alloc_raw(arena, user_size(table, user) + KDBI_STREAM_TAIL);
    char *at = put_user(bytes, table, user);
    if (table->type == KDB_TABLE_STREAM) {
        at = kdbi_stream_tail_put(at, seq);
    } else {
        kdb_put_be64(at, seq);
        at += 8;
    }
    return (kdb_sv){ bytes, (size_t)(at - bytes) };
}

void kdb_row_user_range(const kdb_table *table, kdb_user_id user, kdb_arena *arena, kdb_sv *from, kdb_sv *to)
{
    *from = (kdb_sv){ NULL, 0 };
    *to = (kdb_sv){ NULL, 0 };
    if (!kdbi_table_has_user(table)) {
        return;
    }
    size_t size = user_size(table, user);
    char *bytes = kdb_arena_alloc_raw(arena, size);
    (void)put_user(bytes, table, user);
    *from = (kdb_sv){ bytes, size };
    bool bounded = kdbi_key_successor(*from, arena, to);
    KDB_ASSERT(bounded);
}

kdb_status kdb_table_next_user(kdb_store *store, const kdb_snapshot *snapshot, kdb_partition part, kdb_arena *arena,
                               kdb_sv *from, kdb_user_id *out, bool *out_found, kdb_err *err)
{
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(store, snapshot, part, (kdb_iter_range){ .from = *from });
    *out_found = kdb_iter_valid(iter);
    if (!*out_found) {
        return kdb_iter_status(iter, err);
    }
    const size_t len = kdbi_key_bytes_length(kdb_iter_key(iter));
    if (len == 0) {
        return KDB_FAIL(err, KDB_CORRUPT, "a key of a USER table begins with no user");
    }
    const kdb_sv user = kdb_sv_dup(arena, kdb_sv_of(kdb_iter_key(iter).ptr, len));
    out->text = kdbi_key_bytes_get(user, arena);
    const bool bounded = kdbi_key_successor(user, arena, from);
    KDB_ASSERT(bounded);
    return KDB_OK;
}

bool kdb_row_key_owned(const kdb_table *table, kdb_user_id user, kdb_sv key)
{
    if (!kdbi_table_has_user(table)) {
        return true;
    }
    size_t len = kdbi_key_bytes_length(key);
    /* Equal as parts, which escape in one way only: walk both without making the user's. */
    size_t at = 0;
    for (size_t i = 0; i < user.text.len; i++) {
        if (at >= len || key.ptr[at] != user.text.ptr[i]) {
            return false;
        }
        at += user.text.ptr[i] == 0 ? 2 : 1;
    }
    return len != 0 && at + 2 == len;
}
