/* storage_record.c - storages as bytes, in partition system_storages (key = id). Credentials are sealed for that place before
 * they are stored; what may be shown of them is kept beside them, so that nothing is opened to show it.
 *
 * record: u8 format | u64 created_us, updated_us | text name, description, type, base_directory, shared_template,
 *         user_template | format 2: text config_json, credentials (shown), sealed credentials */
#include "registry_int.h"

void kdbi_storage_encode(const kdb_storage *storage, kdb_sv sealed, kdb_buf *out)
{
    const bool plain = storage->config_json.len == 0 && sealed.len == 0;
    kdb_buf_append_byte(out, plain ? KDBI_RECORD_FORMAT : KDBI_STORAGE_FORMAT);
    kdb_record_write_u64(out, (uint64_t)storage->created_us);
    kdb_record_write_u64(out, (uint64_t)storage->updated_us);
    kdb_record_write_text(out, storage->name);
    kdb_record_write_text(out, storage->description);
    kdb_record_write_text(out, storage->type);
    kdb_record_write_text(out, storage->base_directory);
    kdb_record_write_text(out, storage->shared_template);
    kdb_record_write_text(out, storage->user_template);
    if (!plain) {
        kdb_record_write_text(out, storage->config_json);
        kdb_record_write_text(out, storage->credentials);
        kdb_record_write_text(out, sealed);
    }
}

void kdbi_storage_stage(const kdb_storage *storage, kdb_sv sealed, kdb_batch *batch)
{
    kdb_buf record;
    kdb_buf_init(&record, 0);
    kdbi_storage_encode(storage, sealed, &record);
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_STORAGES), storage->id, kdb_buf_sv(&record));
    kdb_buf_done(&record);
}

kdb_status kdbi_storage_decode(kdb_sv id, kdb_sv bytes, kdb_storage *out, kdb_sv *sealed, kdb_err *err)
{
    kdb_record_reader reader = { .rest = bytes };
    kdb_storage storage = { .id = id };
    kdb_sv kept = { NULL, 0 };
    uint8_t format = kdb_record_read_u8(&reader);
    storage.created_us = (int64_t)kdb_record_read_u64(&reader);
    storage.updated_us = (int64_t)kdb_record_read_u64(&reader);
    storage.name = kdb_record_read_text(&reader);
    storage.description = kdb_record_read_text(&reader);
    storage.type = kdb_record_read_text(&reader);
    storage.base_directory = kdb_record_read_text(&reader);
    storage.shared_template = kdb_record_read_text(&reader);
    storage.user_template = kdb_record_read_text(&reader);
    if (format == KDBI_STORAGE_FORMAT) {
        storage.config_json = kdb_record_read_text(&reader);
        storage.credentials = kdb_record_read_text(&reader);
        kept = kdb_record_read_text(&reader);
    }
    if (!kdb_record_complete(&reader) || format == 0 || format > KDBI_STORAGE_FORMAT || id.len == 0 ||
        storage.type.len == 0 || (kept.len == 0) != (storage.credentials.len == 0)) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad storage record of %zu bytes", bytes.len);
    }
    *out = storage;
    *sealed = kept;
    return KDB_OK;
}

/* ---- credentials ---- */

/* A sealed text opens nowhere but in the record of its storage. */
static kdb_sv place_of(kdb_sv id, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "system_storages/%.*s", KDB_SV_ARG(id));
}

kdb_sv kdbi_storage_seal(const kdb_registry *registry, kdb_sv id, kdb_sv plain, kdb_arena *arena)
{
    return plain.len == 0 ? plain : kdb_seal_close(registry->seal, place_of(id, arena), plain, arena);
}

kdb_status kdbi_storage_unseal(const kdb_registry *registry, kdb_sv id, kdb_sv sealed, kdb_arena *arena, kdb_sv *out,
                               kdb_err *err)
{
    if (sealed.len == 0) {
        *out = sealed;
        return KDB_OK;
    }
    if (kdb_seal_open(registry->seal, place_of(id, arena), sealed, arena, out, NULL) == KDB_OK) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_CORRUPT,
                    "The credentials of storage '%.*s' cannot be opened with the server's keys. Set them again: ALTER "
                    "STORAGE %.*s SET CREDENTIALS '{..}'",
                    KDB_SV_ARG(id), KDB_SV_ARG(id));
}
