/* cold_drop.c - segments that go with their table, or with one of its users. */
#include "cold_int.h"

/* "<dir>/manifest.json" beside a file. */
static kdb_sv export_beside(kdb_sv path, kdb_arena *arena)
{
    size_t dir = path.len;
    while (dir > 0 && path.ptr[dir - 1] != '/') {
        dir--;
    }
    return kdb_sv_printf(arena, "%.*smanifest.json", (int)dir, path.ptr);
}

static void leave(kdb_cold *cold, uint32_t table_id, kdb_user_id user, const kdb_segment *segment, kdb_batch *batch)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_segment beside = *segment;
    beside.path = export_beside(segment->path, arena);
    kdb_cold_stage_unwanted(segment->storage_id, segment->path, batch);
    kdb_cold_stage_unwanted(beside.storage_id, beside.path, batch);
    kdbi_cold_leaving_add(cold, table_id, user, segment);
    kdbi_cold_leaving_add(cold, table_id, user, &beside);
}

/* Keys of [from, to) of the table's partition in family manifest. A damaged record does not keep a table alive. */
static kdb_status stage_range(kdb_cold *cold, const kdb_table *table, kdb_sv from, kdb_sv to, kdb_batch *batch,
                              kdb_err *err)
{
    const kdb_partition part = kdbi_cold_partition(table->id);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(cold->store, NULL, part, (kdb_iter_range){ .from = from, .to = to, .scan = true });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        const kdb_sv key = kdb_iter_key(iter);
        const size_t user_len = kdbi_table_has_user(table) ? kdbi_key_bytes_length(key) : 0;
        kdb_segment segment;
        kdb_err why = { .status = KDB_OK };
        if (!kdbi_cold_key_is(key, user_len, KDBI_COLD_SEGMENT, 1)) {
            continue;
        }
        if (kdbi_segment_read(kdb_iter_value(iter), &segment, &why) != KDB_OK) {
            kdb_log_warn("the file of a segment stays: %s table=%.*s.%.*s segment=%u", why.text, KDB_SV_ARG(table->ns),
                         KDB_SV_ARG(table->name), kdbi_cold_key_segment(key, user_len));
            continue;
        }
        segment.id = kdbi_cold_key_segment(key, user_len);
        const kdb_user_id user = { user_len == 0 ? (kdb_sv){ NULL, 0 }
                                                 : kdbi_key_bytes_get(kdb_sv_of(key.ptr, user_len), arena) };
        leave(cold, table->id, user, &segment, batch);
    }
    kdb_batch_delete_range(batch, part, from, to);
    return kdb_iter_status(iter, err);
}

kdb_status kdb_cold_stage_drop(kdb_cold *cold, const kdb_table *table, kdb_batch *batch, kdb_err *err)
{
    const kdb_sv all = { NULL, 0 };
    return cold == NULL ? KDB_OK : stage_range(cold, table, all, all, batch, err);
}

kdb_status kdb_cold_stage_drop_user(kdb_cold *cold, const kdb_table *table, kdb_user_id user, kdb_batch *batch,
                                    kdb_err *err)
{
    KDB_ASSERT(kdbi_table_has_user(table));
    if (cold == NULL) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv from, to;
    kdb_row_user_range(table, user, arena, &from, &to);
    return stage_range(cold, table, from, to, batch, err);
}
