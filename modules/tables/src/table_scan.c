/* table_scan.c - one reading of a table: which keys, which columns, as of when. A range is begun by one reader; what is
 * left after its head is split into parts that all readers take in turn. */
#include "cold_read.h"

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

kdb_sv kdbi_raise_to_ttl(kdb_sv from, kdb_sv to, int64_t oldest_ms, kdb_arena *arena)
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

/* How long a reader waits for the head's reader to split. That one looks up every chunk; it may also have been given up,
 * for the engine stops when it has rows enough, so nobody may wait for it for ever. */
enum { SPLIT_WAIT_US = 20000 };

static void publish_split(kdb_table_scan *scan, size_t nparts)
{
    kdb_mutex_lock(&scan->lock);
    scan->nparts = nparts;
    scan->split = true;
    kdb_cond_broadcast(&scan->split_done);
    kdb_mutex_unlock(&scan->lock);
}

void kdbi_scan_split(kdb_table_scan *scan, kdb_sv rest)
{
    if (rest.len == 0) {
        publish_split(scan, 0);
        return;
    }
    const kdb_scan_spec *spec = &scan->spec;
    size_t wanted = spec->max_readers * PARTS_PER_READER;
    wanted = wanted > MAX_PARTS ? MAX_PARTS : wanted;
    scan->bounds = KDB_ARENA_ARRAY(scan->arena, kdb_sv, wanted + 1);
    scan->bounds[0] = kdb_sv_dup(scan->arena, rest);
    const size_t nsplits = kdb_store_splits(spec->store, scan->partition, scan->bounds[0], spec->keys.to, wanted - 1,
                                            scan->arena, scan->bounds + 1);
    scan->bounds[nsplits + 1] = spec->keys.to;
    publish_split(scan, nsplits + 1);
}

bool kdbi_scan_wait_split(kdb_table_scan *scan)
{
    const int64_t deadline = kdb_monotonic_us() + SPLIT_WAIT_US;
    kdb_mutex_lock(&scan->lock);
    while (!scan->split && kdb_cond_wait_until(&scan->split_done, &scan->lock, deadline)) {}
    const bool split = scan->split;
    kdb_mutex_unlock(&scan->lock);
    return split;
}

int64_t kdbi_oldest_visible(const kdb_table *table, int64_t now_ms)
{
    int64_t ttl_ms = 0;
    if (table->type != KDB_TABLE_STREAM || __builtin_mul_overflow(table->ttl_seconds, 1000, &ttl_ms)) {
        return INT64_MIN;
    }
    return now_ms - ttl_ms + 1;
}

kdb_status kdbi_table_check_there(const kdb_table *table, kdb_err *err)
{
    if (kdb_table_state_of(table) != KDB_TABLE_DROPPED) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_TABLE_NOT_FOUND, "Table '%.*s' not found in namespace '%.*s'", KDB_SV_ARG(table->name),
                    KDB_SV_ARG(table->ns));
}

/* An EMBEDDING stays undecoded: rows are then filled from their bytes, as they are when a filter looks at each. */
static void open_hot(kdb_table_scan *scan)
{
    const kdb_scan_spec *spec = &scan->spec;
    scan->hot_decoded = spec->filter == NULL;
    for (size_t i = 0; i < spec->nprojection && scan->hot_decoded; i++) {
        kdb_hot_rows_decode(spec->hot, (uint32_t)spec->projection[i]);
        scan->hot_decoded = kdbi_hot_rows_column(spec->hot, (uint32_t)spec->projection[i]) != NULL;
    }
    if (!spec->keys.points) {
        scan->hot_begin = kdbi_hot_rows_from(spec->hot, spec->keys.from);
        scan->hot_end = kdbi_hot_rows_to(spec->hot, spec->keys.to);
    }
}

static kdb_status open_cold(kdb_table_scan *scan, kdb_err *err)
{
    const kdb_scan_spec *spec = &scan->spec;
    if (spec->cold == NULL || spec->hot != NULL) {
        return KDB_OK;
    }
    if (spec->direct != NULL) {
        scan->manifest = kdb_manifest_ref(spec->direct->rest);
    } else {
        KDB_TRY(kdb_manifest_get(spec->cold, spec->snapshot, spec->table, spec->user, false, &scan->manifest, err));
    }
    if (scan->manifest == NULL || scan->manifest->nsegments == 0) {
        return KDB_OK;
    }
    KDB_ASSERT(spec->snapshot != NULL); /* rows may have moved since */
    if (spec->keys.points || spec->in_order) {
        scan->decoder = kdb_row_decoder_new(spec->table, scan->arena);
    } else {
        scan->cold = kdbi_cold_scan_new(spec, scan->manifest, scan->arena);
    }
    return KDB_OK;
}

kdb_status kdb_table_scan_new(const kdb_scan_spec *spec, kdb_table_scan **out, kdb_err *err)
{
    KDB_TRY(kdbi_table_check_there(spec->table, err));
    KDB_CLEANUP(kdb_table_scan_freep) kdb_table_scan *scan = KDB_NEW(kdb_table_scan);
    scan->spec = *spec;
    scan->partition = kdb_table_partition(spec->table);
    scan->arena = kdb_arena_new(0);
    scan->oldest_ms = kdbi_oldest_visible(spec->table, spec->now_ms);
    scan->from = spec->keys.from;
    if (!spec->keys.points && spec->table->type == KDB_TABLE_STREAM) {
        scan->from = kdbi_raise_to_ttl(spec->keys.from, spec->keys.to, scan->oldest_ms, scan->arena);
    }
    kdb_mutex_init(&scan->lock, KDB_LOCK_SCAN);
    kdb_cond_init(&scan->split_done);
    if (spec->hot != NULL) {
        open_hot(scan);
    }
    KDB_TRY(open_cold(scan, err));
    *out = KDB_TAKE(scan);
    return KDB_OK;
}

void kdb_table_scan_free(kdb_table_scan *scan)
{
    if (scan == NULL) {
        return;
    }
    kdb_cond_done(&scan->split_done);
    kdb_mutex_done(&scan->lock);
    kdb_manifest_unref(scan->manifest);
    kdb_arena_free(scan->arena);
    kdb_free(scan);
}

size_t kdb_table_scan_readers(const kdb_table_scan *scan)
{
    const kdb_scan_spec *spec = &scan->spec;
    const bool one = spec->keys.points || spec->in_order || spec->hot != NULL || spec->max_readers == 0;
    return one ? 1 : spec->max_readers;
}
