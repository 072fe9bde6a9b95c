/* table_scan.c - one reading of a table: which keys, which columns, as of when, split into parts that its readers take
 * in turn. Fixed once made, but for the counter of parts taken, so readers share it without a lock. */
#include "tables_int.h"

/* More parts than readers, so that one reader's slow part does not leave the others idle. */
enum { PARTS_PER_READER = 4, MAX_PARTS = 256 };

const kdb_field *kdb_table_fields(const kdb_table *table, kdb_arena *arena, size_t *count)
{
    const kdb_schema *schema = table->schema;
    kdb_field *fields = KDB_ARENA_ARRAY(arena, kdb_field, schema->ncolumns + 3);
    size_t n = 0;
    for (; n < schema->ncolumns; n++) {
        fields[n] = (kdb_field){ schema->columns[n].name, schema->columns[n].type };
    }
    fields[n++] = (kdb_field){ KDB_SV("_seq"), kdb_type_of(KDB_TYPE_BIGINT) };
    if (table->type != KDB_TABLE_STREAM) {
        fields[n++] = (kdb_field){ KDB_SV("_deleted"), kdb_type_of(KDB_TYPE_BOOLEAN) };
    }
    fields[n] = (kdb_field){ KDB_SV("_key"), kdb_type_of(KDB_TYPE_BYTES) };
    *count = n;
    return fields;
}

/* Moves a STREAM range's start past the rows that the TTL hides, when the range is one user's. */
static kdb_sv raise_to_ttl(kdb_sv from, kdb_sv to, int64_t oldest_ms, kdb_arena *arena)
{
    const size_t user_len = kdbi_key_bytes_length(from);
    if (user_len == 0 || oldest_ms < 0) {
        return from;
    }
    const kdb_sv user = { from.ptr, user_len };
    kdb_sv end;
    if (to.len == 0 || !kdbi_key_successor(user, arena, &end) || kdb_sv_cmp(to, end) > 0) {
        return from;
    }
    char *bytes = kdb_arena_alloc_raw(arena, user_len + 8);
    memcpy(bytes, from.ptr, user_len);
    (void)kdbi_key_i64_put(bytes + user_len, oldest_ms);
    const kdb_sv raised = { bytes, user_len + 8 };
    return kdb_sv_cmp(raised, from) > 0 ? raised : from;
}

static void make_parts(kdb_table_scan *scan)
{
    const kdb_scan_spec *spec = &scan->spec;
    kdb_sv from = spec->keys.from;
    if (spec->table->type == KDB_TABLE_STREAM) {
        from = raise_to_ttl(from, spec->keys.to, scan->oldest_ms, scan->arena);
    }
    size_t wanted = spec->max_readers > 1 ? spec->max_readers * PARTS_PER_READER : 1;
    wanted = wanted > MAX_PARTS ? MAX_PARTS : wanted;
    scan->bounds = KDB_ARENA_ARRAY(scan->arena, kdb_sv, wanted + 1);
    size_t nsplits = 0;
    if (wanted > 1) {
        nsplits = kdb_store_splits(spec->store, scan->partition, from, spec->keys.to, wanted - 1, scan->arena,
                                   scan->bounds + 1);
    }
    scan->bounds[0] = from;
    scan->bounds[nsplits + 1] = spec->keys.to;
    scan->nparts = nsplits + 1;
}

static int64_t oldest_visible(const kdb_scan_spec *spec)
{
    int64_t ttl_ms = 0;
    if (spec->table->type != KDB_TABLE_STREAM || __builtin_mul_overflow(spec->table->ttl_seconds, 1000, &ttl_ms)) {
        return INT64_MIN;
    }
    return spec->now_ms - ttl_ms + 1;
}

kdb_status kdb_table_scan_new(const kdb_scan_spec *spec, kdb_table_scan **out, kdb_err *err)
{
    if (atomic_load(&spec->table->dropped)) {
        return KDB_FAIL(err, KDB_TABLE_NOT_FOUND, "Table '%.*s' not found in namespace '%.*s'",
                        KDB_SV_ARG(spec->table->name), KDB_SV_ARG(spec->table->ns));
    }
    kdb_table_scan *scan = KDB_NEW(kdb_table_scan);
    scan->spec = *spec;
    scan->partition = kdb_table_partition(spec->table);
    scan->arena = kdb_arena_new(0);
    scan->oldest_ms = oldest_visible(spec);
    if (spec->keys.points) {
        scan->nparts = 1;
    } else {
        make_parts(scan);
    }
    *out = scan;
    return KDB_OK;
}

void kdb_table_scan_free(kdb_table_scan *scan)
{
    if (scan == NULL) {
        return;
    }
    kdb_arena_free(scan->arena);
    kdb_free(scan);
}

size_t kdb_table_scan_readers(const kdb_table_scan *scan)
{
    const size_t most = scan->spec.max_readers == 0 ? 1 : scan->spec.max_readers;
    return scan->nparts < most ? scan->nparts : most;
}
