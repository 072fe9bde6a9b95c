/* cold_export.c - manifest.json beside a partition's files (catalog.md 7): what the store knows of them, for people, other tools, and
 * rebuilding. The store's is the one that counts: this one is written after it. The commit that made the last one untrue has named it among
 * the files that nobody needs, so that a start after a crash removes it with what is left of the next one; now the name is taken back. */
#include "cold_work.h"

#include "kdb/json.h"

static void put_segment(kdb_buf *out, const kdb_segment *segment)
{
    const kdb_sv path = segment->path;
    const char *slash = memrchr(path.ptr, '/', path.len);
    const size_t before = slash == NULL ? 0 : (size_t)(slash - path.ptr) + 1;
    const kdb_sv name = kdb_sv_of(path.ptr + before, path.len - before);
    kdb_buf_printf(out, "{\"id\":%u,\"path\":", segment->id);
    kdb_json_put_string(out, name);
    kdb_buf_printf(out,
                   ",\"min_seq\":%llu,\"max_seq\":%llu,\"row_count\":%llu,\"size_bytes\":%llu,\"created_at\":%lld,"
                   "\"schema_version\":%u,\"status\":\"committed\",\"deleted_rows\":%zu,"
                   "\"column_stats\":{\"0\":{\"min\":%llu,\"max\":%llu,\"null_count\":0}}}",
                   (unsigned long long)segment->min_seq, (unsigned long long)segment->max_seq,
                   (unsigned long long)segment->rows, (unsigned long long)segment->bytes,
                   (long long)segment->created_ms, segment->schema_version, segment->ndead,
                   (unsigned long long)segment->min_seq, (unsigned long long)segment->max_seq);
}

void kdb_core_manifest_json(const kdb_table *table, const kdb_manifest *manifest, kdb_buf *out)
{
    int64_t created_ms = 0, updated_ms = 0;
    for (size_t i = 0; i < manifest->nsegments; i++) {
        const int64_t at = manifest->segments[i].created_ms;
        created_ms = created_ms == 0 || at < created_ms ? at : created_ms;
        updated_ms = at > updated_ms ? at : updated_ms;
    }
    kdb_buf_append_lit(out, "{\"table_id\":");
    kdb_buf name;
    kdb_buf_init(&name, 0);
    kdb_buf_printf(&name, "%.*s.%.*s", KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name));
    kdb_json_put_string(out, kdb_buf_sv(&name));
    kdb_buf_done(&name);
    kdb_buf_append_lit(out, ",\"user_id\":");
    if (table->type == KDB_TABLE_SHARED) {
        kdb_buf_append_lit(out, "null");
    } else {
        kdb_json_put_string(out, manifest->user.text);
    }
    const uint32_t last = manifest->nsegments == 0 ? 0 : manifest->segments[manifest->nsegments - 1].id;
    kdb_buf_printf(out, ",\"version\":%u,\"created_at\":%lld,\"updated_at\":%lld,\"segments\":[", last,
                   (long long)created_ms, (long long)updated_ms);
    for (size_t i = 0; i < manifest->nsegments; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(","));
        put_segment(out, &manifest->segments[i]);
    }
    kdb_buf_printf(out, "],\"last_sequence_number\":%u,\"files\":null,\"vector_indexes\":{}}",
                   last == 0 ? 0 : last - 1);
}

static kdb_status write_manifest(kdbi_cold_work *work, kdb_user_id user, kdb_batch *batch, kdb_err *err)
{
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_TRY(kdb_manifest_get(work->core->cold, NULL, work->table, user, false, &manifest, err));
    const kdb_sv name = kdbi_cold_manifest_path(work, user, arena);
    if (manifest == NULL) {
        return kdb_objects_remove(work->objects, &name, 1, err);
    }
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_core_manifest_json(work->table, manifest, &json);
    kdb_object_etag etag;
    const kdb_status status = kdb_objects_put_tagged(work->objects, name, kdb_buf_sv(&json), false, &etag, err);
    kdb_buf_done(&json);
    KDB_TRY(status);
    kdb_cold_stage_exported(work->table, manifest, kdb_sv_cstr(etag.text), kdb_now_ms(), batch);
    return KDB_OK;
}

static kdb_status export_part(kdbi_cold_work *work, kdb_user_id user, kdb_batch *batch, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_TRY(write_manifest(work, user, batch, err));
    kdb_cold_stage_wanted(work->table->storage_id, kdbi_cold_manifest_path(work, user, arena), batch);
    return kdb_failpoint_pass(KDB_FAILPOINT_COLD_EXPORTED, err);
}

static void warn(const kdbi_cold_work *work, const kdb_err *err)
{
    kdb_log_warn("manifest.json is not written table=%.*s.%.*s err=\"%s\"", KDB_SV_ARG(work->table->ns),
                 KDB_SV_ARG(work->table->name), err->text);
}

/* A DROP TABLE that came while this was written has named the files, and they may have been removed before this one came. */
static kdb_status leave_again(kdbi_cold_work *work, const kdbi_cold_part *parts, kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (const kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        kdb_cold_stage_unwanted(work->table->storage_id, kdbi_cold_manifest_path(work, part->user, work->arena), batch);
    }
    KDB_TRY(kdb_store_commit(work->core->store, batch, err));
    for (const kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        const kdb_segment file = { .storage_id = work->table->storage_id,
                                   .path = kdbi_cold_manifest_path(work, part->user, work->arena) };
        kdb_cold_doom(work->core->cold, work->table->id, part->user, &file);
    }
    return KDB_OK;
}

/* Holds the DDL gate. */
static kdb_status commit_gated(kdbi_cold_work *work, const kdbi_cold_part *parts, kdb_batch *batch, bool *out_gone,
                               kdb_err *err)
{
    kdb_core *core = work->core;
    KDB_CLEANUP(kdb_table_unrefp)
    kdb_table *table = kdb_registry_lookup_table(core->registry, work->table->ns, work->table->name);
    *out_gone = table == NULL || table->id != work->table->id;
    if (*out_gone) {
        return leave_again(work, parts, err);
    }
    return kdb_batch_count(batch) == 0 ? KDB_OK : kdb_store_commit(core->store, batch, err);
}

/* Not by a sweep alone: the storage may have been dropped as well. */
static kdb_status remove_again(kdbi_cold_work *work, const kdbi_cold_part *parts, kdb_err *err)
{
    for (const kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        const kdb_sv name = kdbi_cold_manifest_path(work, part->user, work->arena);
        KDB_TRY(kdb_objects_remove(work->objects, &name, 1, err));
    }
    return KDB_OK;
}

static kdb_status commit(kdbi_cold_work *work, const kdbi_cold_part *parts, kdb_batch *batch, kdb_err *err)
{
    bool gone = false;
    kdb_mutex_lock(&work->core->ddl);
    const kdb_status status = commit_gated(work, parts, batch, &gone, err);
    kdb_mutex_unlock(&work->core->ddl);
    return gone ? remove_again(work, parts, err) : status;
}

bool kdbi_cold_export(kdbi_cold_work *work, const kdbi_cold_part *parts)
{
    kdb_err err;
    bool all = true;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (const kdbi_cold_part *part = parts; part != NULL; part = part->next) {
        if (export_part(work, part->user, batch, &err) != KDB_OK) {
            warn(work, &err);
            all = false;
        }
    }
    if (commit(work, parts, batch, &err) != KDB_OK) { /* one that failed may have been written all the same */
        warn(work, &err);
        all = false;
    }
    return all;
}
