/* cold_test.c - rows spread over the hot tier and files of several schema versions, some of them dead, read in every way that
 * there is: scans by one reader and by several, in order and not, walks either way and by `_seq`, points, look-ups. What they
 * give is compared with a plain list of what was written. */
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cold_int.h"

/* ---- the table: two columns that never change in front, as keys; then three versions of the rest ---- */

#define KEY_COLUMNS                                                                                                    \
    { 1, "name", { .kind = KDB_TYPE_TEXT } },                                                                          \
    {                                                                                                                  \
        2, "id",                                                                                                       \
        {                                                                                                              \
            .kind = KDB_TYPE_INT                                                                                       \
        }                                                                                                              \
    }

static const fixture_column first_columns[] = {
    KEY_COLUMNS,
    { 3, "a", { .kind = KDB_TYPE_INT } },
    { 4, "b", { .kind = KDB_TYPE_TEXT } },
    { 5, "vec", { .kind = KDB_TYPE_EMBEDDING, .dim = 3 } },
    { 6, "gone", { .kind = KDB_TYPE_TEXT } },
};
/* a widened, b renamed, gone dropped, fresh added with a value for rows that were there */
static const fixture_column second_columns[] = {
    KEY_COLUMNS,
    { 5, "vec", { .kind = KDB_TYPE_EMBEDDING, .dim = 3 } },
    { 3, "a", { .kind = KDB_TYPE_BIGINT } },
    { 4, "b2", { .kind = KDB_TYPE_TEXT } },
    { 7, "fresh", { .kind = KDB_TYPE_DOUBLE } },
};
/* gone again, as another column; every other type; names that mean something to who reads Parquet */
static const fixture_column third_columns[] = {
    KEY_COLUMNS,
    { 3, "a", { .kind = KDB_TYPE_BIGINT } },
    { 4, "b2", { .kind = KDB_TYPE_TEXT } },
    { 7, "fresh", { .kind = KDB_TYPE_DOUBLE } },
    { 5, "vec", { .kind = KDB_TYPE_EMBEDDING, .dim = 3 } },
    { 8, "gone", { .kind = KDB_TYPE_INT } },
    { 9, "file_row_number", { .kind = KDB_TYPE_BIGINT } },
    { 10, "file_index", { .kind = KDB_TYPE_BOOLEAN } },
    { 11, "filename", { .kind = KDB_TYPE_SMALLINT } },
    { 12, "say \"it's\"", { .kind = KDB_TYPE_FLOAT } },
    { 13, "dec", { .kind = KDB_TYPE_DECIMAL, .precision = 38, .scale = 10 } },
    { 14, "bytes", { .kind = KDB_TYPE_BYTES } },
    { 15, "json", { .kind = KDB_TYPE_JSON } },
    { 16, "ts", { .kind = KDB_TYPE_TIMESTAMP } },
    { 17, "day", { .kind = KDB_TYPE_DATE } },
    { 18, "dt", { .kind = KDB_TYPE_DATETIME } },
    { 19, "t", { .kind = KDB_TYPE_TIME } },
    { 20, "uid", { .kind = KDB_TYPE_UUID } },
    { 21, "file", { .kind = KDB_TYPE_FILE } },
    { 22, "small_dec", { .kind = KDB_TYPE_DECIMAL, .precision = 4, .scale = 2 } },
};
static const fixture_schema schemas[] = {
    { first_columns, KDB_ARRAY_LEN(first_columns) },
    { second_columns, KDB_ARRAY_LEN(second_columns) },
    { third_columns, KDB_ARRAY_LEN(third_columns) },
};
enum { NVERSIONS = 3, FRESH_ID = 7, ROWS_MAX = 4000, USERS = 3, NAMES = 6 };
static const uint32_t name_id[] = { 0, 1 };

static const char *const users[USERS] = { "ann", "ann2", "a\\b" };
static const kdb_sv names[NAMES] = {
    { "", 0 }, { "a", 1 }, { "a\0", 2 }, { "a\0b", 3 }, { "aa", 2 }, { "\xC3\xBC", 2 },
};

typedef struct row {
    kdb_sv key;
    kdb_sv bytes; /* empty: there is none */
    uint64_t seq;
    kdb_cold_place place; /* segment 0: it is hot */
    bool deleted;
} row;

typedef struct partition {
    kdb_user_id user;
    row rows[ROWS_MAX]; /* by key */
    size_t nrows;
    uint32_t next_segment;
} partition;

typedef struct world {
    kdb_arena *arena;
    const char *data;
    kdb_datadir *datadir;
    kdb_object_stores *stores;
    kdb_objects *objects;
    kdb_engine *engine;
    kdb_store *store;
    kdb_cold *cold;
    kdb_cold_writer *writer;
    kdb_table *table;               /* the latest */
    kdb_table *versions[NVERSIONS]; /* as older writers saw it */
    partition *parts;
    size_t nparts;
    uint64_t seq;
    fixture_random random;
    kdb_overlay *overlay; /* what the partitions' rows are besides, when a test lays one over what is stored */
} world;

static void set_initial(kdb_table *table)
{
    for (size_t v = 0; v < table->nversions; v++) {
        kdb_column *columns = (kdb_column *)(uintptr_t)table->versions[v].columns;
        for (size_t i = 0; i < table->versions[v].ncolumns; i++) {
            if (columns[i].id == FRESH_ID) {
                columns[i].has_initial = true;
                columns[i].initial = kdb_value_double(2.5);
            }
        }
    }
}

static void open_storage(world *w)
{
    char parent[] = "cold-XXXXXX";
    char cwd[512];
    kdb_err err = { .status = KDB_OK };
    assert_non_null(mkdtemp(parent));
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    w->data = kdb_sv_printf(w->arena, "%s/%s/data%c", cwd, parent, '\0').ptr;
    assert_int_equal(kdb_datadir_open(kdb_sv_cstr(w->data), &w->datadir, &err), KDB_OK);
    w->stores = kdb_object_stores_new(&(kdb_object_stores_options){ .datadir = w->datadir });
    const kdb_objects_spec spec = { .id = KDB_SV("local"), .type = KDB_SV("filesystem") };
    if (kdb_objects_open(w->stores, &spec, &w->objects, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    kdb_object_stores_put(w->stores, kdb_objects_ref(w->objects));
}

static void open_cold(world *w)
{
    const kdb_engine_options options = {
        .memory_limit = INT64_C(256) << 20,
        .threads = 1,
        .allowed_directory = kdb_sv_printf(w->arena, "%s/storages%c", w->data, '\0').ptr,
        .temp_directory = kdb_sv_printf(w->arena, "%s/temp%c", w->data, '\0').ptr,
    };
    kdb_err err = { .status = KDB_OK };
    assert_int_equal(kdb_engine_open(&options, &w->engine, &err), KDB_OK);
    const kdb_cold_options cold = { .store = w->store, .reader = w->engine, .objects = w->stores };
    assert_int_equal(kdb_cold_open(&cold, &w->cold, &err), KDB_OK);
    assert_int_equal(kdb_cold_writer_new(w->cold, &w->writer, &err), KDB_OK);
}

static world *world_new(kdb_table_type type, const uint32_t *key, size_t nkey, uint64_t seed)
{
    kdb_arena *arena = kdb_arena_new(0);
    world *w = KDB_ARENA_NEW(arena, world);
    *w = (world){ .arena = arena, .store = kdb_store_open_memory(), .seq = 1000, .random = { seed } };
    w->table = fixture_table(arena, type, schemas, NVERSIONS, key, nkey);
    set_initial(w->table);
    for (size_t v = 0; v < NVERSIONS; v++) {
        w->versions[v] = v + 1 == NVERSIONS ? w->table : fixture_table_at(arena, w->table, v + 1);
    }
    w->nparts = type == KDB_TABLE_SHARED ? 1 : USERS;
    w->parts = KDB_ARENA_ARRAY(arena, partition, w->nparts);
    for (size_t i = 0; i < w->nparts; i++) {
        w->parts[i].user = type == KDB_TABLE_SHARED ? (kdb_user_id){ { NULL, 0 } } : fixture_user(users[i]);
        w->parts[i].next_segment = 1;
    }
    open_storage(w);
    open_cold(w);
    return w;
}

static void world_free(world *w)
{
    kdb_cold_writer_free(w->writer);
    kdb_cold_close(w->cold);
    kdb_engine_close(w->engine);
    kdb_objects_unref(w->objects);
    kdb_object_stores_free(w->stores);
    kdb_datadir_close(w->datadir);
    kdb_store_close(w->store);
    kdb_arena_free(w->arena);
}
KDB_DEFINE_CLEANUP(world, world_free)

/* ---- writing ---- */

/* Times as values of tables are: fixture_value makes any. */
static kdb_value value_of(world *w, kdb_type type)
{
    kdb_value value = fixture_value(&w->random, type, true, w->arena);
    const int64_t day = INT64_C(86400000000), years = 4000 * 365 * day;
    switch (type.kind) {
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATETIME:
        value.as.i64 %= years;
        break;
    case KDB_TYPE_DATE:
        value.as.i32 %= 700000;
        break;
    case KDB_TYPE_TIME:
        value.as.i64 = value.as.i64 < 0 ? 0 : value.as.i64 % day;
        break;
    case KDB_TYPE_DECIMAL:
        value.as.i128 %= type.precision == 4 ? 10000 : (kdb_i128)1 << 120;
        break;
    default:
        break;
    }
    return value;
}

static row *find_row(partition *part, kdb_sv key, size_t *at)
{
    size_t low = 0;
    for (size_t high = part->nrows; low < high;) {
        const size_t middle = low + (high - low) / 2;
        if (kdb_sv_cmp(part->rows[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *at = low;
    return low < part->nrows && kdb_sv_eq(part->rows[low].key, key) ? &part->rows[low] : NULL;
}

static row *add_row(partition *part, kdb_sv key)
{
    size_t at = 0;
    row *found = find_row(part, key, &at);
    if (found != NULL) {
        return found;
    }
    assert_true(part->nrows < ROWS_MAX);
    memmove(&part->rows[at + 1], &part->rows[at], (part->nrows - at) * sizeof(row));
    part->rows[at] = (row){ .key = key };
    part->nrows++;
    return &part->rows[at];
}

/* A row as a writer of the version writes it: puts it in the store, and what lay cold is dead. */
static void put_row(world *w, partition *part, size_t version, kdb_sv key, const kdb_value *values, bool deleted,
                    kdb_batch *batch)
{
    kdb_table *table = w->versions[version];
    row *r = add_row(part, key);
    const uint64_t old_seq = r->bytes.len != 0 && r->place.segment == 0 ? r->seq : 0;
    if (r->place.segment != 0) {
        kdb_cold_stage_dead(w->table, part->user, r->place, key, w->seq, batch);
    }
    r->seq = w->seq++;
    r->place = (kdb_cold_place){ 0 };
    r->deleted = deleted;
    assert_int_equal(kdb_row_encode(table, values, r->seq, deleted, w->arena, &r->bytes, NULL), KDB_OK);
    kdb_tables_stage_put(table, part->user, key, r->bytes, r->seq, old_seq, batch);
}

static kdb_sv key_of(world *w, const partition *part, const kdb_value *values)
{
    kdb_sv key;
    if (w->table->nkey == 0) {
        return kdb_row_key_hidden(w->table, part->user, w->seq, w->arena);
    }
    kdb_value parts[2];
    for (size_t i = 0; i < w->table->nkey; i++) {
        parts[i] = values[w->table->key[i]];
    }
    assert_int_equal(kdb_row_key(w->table, part->user, parts, w->arena, &key, NULL), KDB_OK);
    return key;
}

static void write_rows(world *w, partition *part, size_t version, size_t count, int32_t ids)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    const kdb_schema *schema = w->versions[version]->schema;
    kdb_value values[KDB_ARRAY_LEN(third_columns)];
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < schema->ncolumns; c++) {
            values[c] = value_of(w, schema->columns[c].type);
        }
        values[0] = kdb_value_text(names[fixture_below(&w->random, NAMES)]);
        values[1] = kdb_value_int((int32_t)fixture_below(&w->random, (uint64_t)ids) - ids / 2);
        put_row(w, part, version, key_of(w, part, values), values, fixture_below(&w->random, 6) == 0, batch);
    }
    fixture_commit(w->store, batch);
}

/* Which rows a file is made of. */
typedef struct flushed {
    world *w;
    partition *part;
    row **rows;
    size_t nrows, next;
} flushed;

static kdb_status next_flushed(void *self, bool *more, kdb_sv *key, kdb_sv *bytes, KDB_UNUSED kdb_err *err)
{
    flushed *f = self;
    *more = f->next < f->nrows;
    if (*more) {
        *key = f->rows[f->next]->key;
        *bytes = f->rows[f->next]->bytes;
        f->next++;
    }
    return KDB_OK;
}

static void unstage_hot(world *w, const partition *part, const row *r, kdb_batch *batch)
{
    char seq[8];
    kdb_sv prefix, end;
    kdb_batch_delete(batch, kdb_table_partition(w->table), r->key);
    kdb_put_be64(seq, r->seq);
    kdb_row_user_range(w->table, part->user, w->arena, &prefix, &end);
    char *key = kdb_arena_alloc(w->arena, prefix.len + 8);
    if (prefix.len != 0) {
        memcpy(key, prefix.ptr, prefix.len);
    }
    memcpy(key + prefix.len, seq, 8);
    kdb_batch_delete(batch, kdb_table_seq_partition(w->table), kdb_sv_of(key, prefix.len + 8));
}

/* About `share` in 8 of the partition's live hot rows become a file, written by who knows that version at most. */
static void flush_rows(world *w, partition *part, size_t version, unsigned share)
{
    row *chosen[ROWS_MAX];
    flushed f = { .w = w, .part = part, .rows = chosen };
    for (size_t i = 0; i < part->nrows; i++) {
        row *r = &part->rows[i];
        const bool known = r->bytes.len != 0 && kdbi_row_header_version(r->bytes) <= version + 1;
        if (known && !r->deleted && r->place.segment == 0 && fixture_below(&w->random, 8) < share) {
            chosen[f.nrows++] = r;
        }
    }
    if (f.nrows == 0) {
        return;
    }
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    const kdb_cold_rows rows = { &f, next_flushed };
    const kdb_sv path =
        kdb_sv_printf(w->arena, "t/%zu/batch-%u.parquet", (size_t)(part - w->parts), part->next_segment);
    const kdb_segment_spec spec = { .table = w->versions[version],
                                    .rows = &rows,
                                    .max_rows = UINT64_MAX,
                                    .max_bytes = UINT64_MAX,
                                    .row_group_rows = 2048,
                                    .compression = KDB_SV("zstd"),
                                    .id = part->next_segment,
                                    .objects = w->objects,
                                    .storage_id = KDB_SV("local"),
                                    .path = path };
    kdb_new_segment *segment = NULL;
    kdb_err err = { .status = KDB_OK };
    if (kdb_cold_write(w->writer, &spec, w->arena, &segment, &err) != KDB_OK ||
        kdb_objects_commit(w->objects, &path, 1, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    kdb_cold_note(w->cold, w->table->id);
    kdb_cold_stage_segment(w->table, part->user, segment, w->seq++, batch);
    uint32_t *ids = KDB_ARENA_ARRAY(w->arena, uint32_t, part->next_segment);
    for (uint32_t i = 0; i < part->next_segment; i++) {
        ids[i] = i + 1;
    }
    kdb_cold_stage_roster(w->table, part->user, part->next_segment + 1, ids, part->next_segment, w->seq++, batch);
    for (size_t i = 0; i < f.nrows; i++) {
        unstage_hot(w, part, chosen[i], batch);
        chosen[i]->place = (kdb_cold_place){ .segment = part->next_segment, .row = (uint32_t)i };
    }
    fixture_commit(w->store, batch);
    kdb_new_segment_done(segment);
    part->next_segment++;
}

/* Rows of several versions, hot and in some files, of which some rows are dead. */
static void spread_rows(world *w, size_t rounds, size_t count, int32_t ids)
{
    for (size_t round = 0; round < rounds; round++) {
        const size_t version = round * NVERSIONS / rounds;
        for (size_t i = 0; i < w->nparts; i++) {
            write_rows(w, &w->parts[i], version, count, ids);
            if (fixture_below(&w->random, 4) != 0) {
                flush_rows(w, &w->parts[i], version, 2 + (unsigned)fixture_below(&w->random, 7));
            }
        }
    }
}

/* ---- what is to be read ---- */

typedef struct wanted {
    const row *rows[ROWS_MAX];
    size_t nrows;
} wanted;

static bool is_asked_for(const row *r, const kdb_key_set *keys)
{
    if (!keys->points) {
        return kdb_sv_cmp(r->key, keys->from) >= 0 && (keys->to.len == 0 || kdb_sv_cmp(r->key, keys->to) < 0);
    }
    for (size_t i = 0; i < keys->nkeys; i++) {
        if (kdb_sv_eq(keys->keys[i], r->key)) {
            return true;
        }
    }
    return false;
}

static void want_rows(const partition *part, const kdb_key_set *keys, bool sees_deleted, wanted *out)
{
    out->nrows = 0;
    for (size_t i = 0; i < part->nrows; i++) {
        const row *r = &part->rows[i];
        if (r->bytes.len != 0 && (!r->deleted || sees_deleted) && is_asked_for(r, keys)) {
            out->rows[out->nrows++] = r;
        }
    }
}

static kdb_value field_of(const world *w, const row *r, size_t field, kdb_arena *arena)
{
    const size_t ncolumns = w->table->schema->ncolumns;
    if (field == ncolumns) {
        return kdb_value_bigint((int64_t)r->seq);
    }
    if (field == ncolumns + 1) {
        return kdb_value_bool(r->deleted);
    }
    if (field == ncolumns + 2) {
        return (kdb_value){ .type = kdb_type_of(KDB_TYPE_BYTES), .as.bytes = r->key };
    }
    kdb_row opened;
    kdb_value *values = KDB_ARENA_ARRAY(arena, kdb_value, ncolumns);
    assert_int_equal(kdb_row_open(w->table, r->bytes, &opened, NULL), KDB_OK);
    assert_int_equal(kdb_row_values(w->table, &opened, arena, values, NULL), KDB_OK);
    return values[field];
}

static void assert_same(const world *w, const row *r, size_t field, kdb_value got, kdb_arena *arena)
{
    const kdb_value want = field_of(w, r, field, arena);
    if (!kdb_value_same(&got, &want)) {
        const kdb_sv a = kdb_value_to_text(&got, arena), b = kdb_value_to_text(&want, arena);
        fail_msg("field %zu of a row in segment %u, row %u: got %.*s, not %.*s", field, r->place.segment, r->place.row,
                 KDB_SV_ARG(a), KDB_SV_ARG(b));
    }
}

/* ---- walks ---- */

static int by_seq(const void *a, const void *b)
{
    const row *const *x = a, *const *y = b;
    return ((*x)->seq > (*y)->seq) - ((*x)->seq < (*y)->seq);
}

static void assert_walk(const world *w, const kdb_walk_spec *spec, wanted *want)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *values = kdb_arena_new(0);
    KDB_CLEANUP(kdb_row_walk_donep) kdb_row_walk *walk = NULL;
    kdb_walk_spec whole = *spec;
    kdb_err err = { .status = KDB_OK };
    bool more = true;
    whole.decoder = kdb_row_decoder_new(spec->table, arena);
    whole.scratch = scratch;
    assert_int_equal(kdb_row_walk_new(&whole, arena, &walk, &err), KDB_OK);
    for (size_t i = 0; i < want->nrows; i++) {
        const row *r = want->rows[spec->descending ? want->nrows - 1 - i : i];
        kdb_arena_reset(values);
        if (kdb_row_walk_next(walk, &more, &err) != KDB_OK) {
            fail_msg("%s", err.text);
        }
        assert_true(more);
        assert_same(w, r, w->table->schema->ncolumns + 2,
                    kdb_row_walk_value(walk, (uint32_t)w->table->schema->ncolumns + 2), values);
        for (size_t field = 0; field < w->table->schema->ncolumns + 2; field++) {
            assert_same(w, r, field, kdb_row_walk_value(walk, (uint32_t)field), values);
        }
    }
    assert_int_equal(kdb_row_walk_next(walk, &more, &err), KDB_OK);
    assert_false(more);
}

static kdb_walk_spec walk_spec(const world *w, const partition *part, const kdb_key_set *keys, bool sees_deleted)
{
    return (kdb_walk_spec){ .store = w->store,
                            .table = w->table,
                            .keys = *keys,
                            .user = part->user,
                            .sees_deleted = sees_deleted,
                            .overlay = w->overlay,
                            .cold = w->cold };
}

static void assert_walks(const world *w, const partition *part, const kdb_key_set *keys, bool sees_deleted)
{
    static wanted want;
    kdb_walk_spec spec = walk_spec(w, part, keys, sees_deleted);
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(w->store);
    want_rows(part, keys, sees_deleted, &want);
    assert_walk(w, &spec, &want);
    spec.descending = true;
    assert_walk(w, &spec, &want);
    spec.snapshot = snapshot;
    assert_walk(w, &spec, &want);
}

static void assert_walks_by_seq(const world *w, const partition *part, uint64_t above)
{
    static wanted want;
    const kdb_key_set all = { .points = false };
    kdb_walk_spec spec = walk_spec(w, part, &all, true);
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(w->store);
    want_rows(part, &all, true, &want);
    size_t kept = 0;
    for (size_t i = 0; i < want.nrows; i++) {
        want.rows[kept] = want.rows[i];
        kept += want.rows[i]->seq > above;
    }
    want.nrows = kept;
    qsort(want.rows, want.nrows, sizeof(*want.rows), by_seq);
    spec.snapshot = snapshot;
    spec.by_seq = true;
    spec.seq_above = above;
    assert_walk(w, &spec, &want);
    spec.descending = true;
    assert_walk(w, &spec, &want);
}

/* ---- scans ---- */

/* All chunks of a scan, read by one thread as several readers in turn. */
typedef struct scanned {
    kdb_arena *arena;
    kdb_value (*rows)[KDB_ARRAY_LEN(third_columns) + 3];
    size_t nrows;
} scanned;

static void take_chunk(const kdb_scan_spec *spec, const kdb_chunk *chunk, scanned *out)
{
    for (size_t i = 0; i < chunk->nrows; i++) {
        assert_true(out->nrows < ROWS_MAX);
        for (size_t c = 0; c < spec->nprojection; c++) {
            const kdb_value value = kdb_vec_get(&chunk->cols[c], i);
            out->rows[out->nrows][c] = kdb_value_dup(&value, out->arena);
        }
        out->nrows++;
    }
}

static kdb_chunk *new_chunk(const kdb_scan_spec *spec, kdb_arena *arena)
{
    size_t count = 0;
    const kdb_field *fields = kdb_table_fields(spec->table, arena, &count);
    kdb_type types[KDB_ARRAY_LEN(third_columns) + 3];
    for (size_t i = 0; i < spec->nprojection; i++) {
        types[i] = fields[spec->projection[i]].type;
    }
    return kdb_chunk_new(arena, types, spec->nprojection);
}

static kdb_status read_scan(const kdb_scan_spec *spec, scanned *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_table_scan_freep) kdb_table_scan *scan = NULL;
    kdb_table_reader *readers[4] = { NULL };
    out->rows = kdb_arena_alloc(out->arena, sizeof(*out->rows) * ROWS_MAX);
    kdb_status status = kdb_table_scan_new(spec, &scan, err);
    const size_t nreaders = status == KDB_OK ? kdb_table_scan_readers(scan) : 0;
    assert_true(nreaders <= 4);
    bool more = status == KDB_OK;
    for (bool ended[4] = { false }; more && status == KDB_OK;) {
        more = false;
        for (size_t i = 0; i < nreaders && status == KDB_OK; i++) {
            if (readers[i] == NULL) {
                status = kdb_table_reader_new(scan, &readers[i], err);
            }
            kdb_chunk *chunk = new_chunk(spec, out->arena);
            status = status != KDB_OK || ended[i] ? status : kdb_table_reader_next(readers[i], chunk, err);
            if (status == KDB_OK && !ended[i]) {
                take_chunk(spec, chunk, out);
                ended[i] = chunk->nrows == 0;
                more = more || !ended[i];
            }
        }
    }
    for (size_t i = 0; i < 4; i++) {
        kdb_table_reader_free(readers[i]);
    }
    return status;
}

static int by_first_cell(const void *a, const void *b)
{
    return kdb_sv_cmp(((const kdb_value *)a)->as.bytes, ((const kdb_value *)b)->as.bytes);
}

/* The first column is the key. */
static void assert_scan(const world *w, const kdb_scan_spec *spec, const wanted *want)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    scanned got = { .arena = arena };
    kdb_err err = { .status = KDB_OK };
    if (read_scan(spec, &got, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    if (!spec->in_order) {
        qsort(got.rows, got.nrows, sizeof(*got.rows), by_first_cell);
    }
    assert_int_equal(got.nrows, want->nrows);
    for (size_t i = 0; i < got.nrows; i++) {
        for (size_t c = 0; c < spec->nprojection; c++) {
            assert_same(w, want->rows[i], spec->projection[c], got.rows[i][c], arena);
        }
    }
}

static void assert_scans(world *w, const partition *part, const kdb_key_set *keys, bool sees_deleted)
{
    static wanted want;
    size_t projection[KDB_ARRAY_LEN(third_columns) + 3];
    const size_t nfields = w->table->schema->ncolumns + 3;
    size_t n = 0;
    projection[n++] = nfields - 1;
    for (size_t more = fixture_below(&w->random, nfields); n <= more;) {
        projection[n++] = fixture_below(&w->random, nfields);
    }
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(w->store);
    kdb_scan_spec spec = { .store = w->store,
                           .table = w->table,
                           .snapshot = snapshot,
                           .keys = *keys,
                           .sees_deleted = sees_deleted,
                           .projection = projection,
                           .nprojection = n,
                           .max_readers = 1 + fixture_below(&w->random, 4),
                           .overlay = w->overlay,
                           .cold = w->cold,
                           .user = part->user };
    want_rows(part, keys, sees_deleted, &want);
    assert_scan(w, &spec, &want);
    spec.in_order = true;
    assert_scan(w, &spec, &want);
}

/* ---- look-ups ---- */

static void assert_finds(world *w, const partition *part)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    kdb_err err = { .status = KDB_OK };
    assert_int_equal(kdb_manifest_get(w->cold, NULL, w->table, part->user, false, &manifest, &err), KDB_OK);
    if (manifest == NULL) {
        return;
    }
    kdb_sv keys[300], rows[300];
    kdb_cold_place places[300];
    const row *asked[300];
    size_t count = 0;
    for (size_t i = 0; i < part->nrows && count < 298; i++) {
        if (fixture_below(&w->random, 3) == 0) {
            asked[count] = &part->rows[i];
            keys[count++] = part->rows[i].key;
        }
    }
    asked[count] = NULL;
    keys[count++] = kdb_sv_printf(arena, "%.*sz", KDB_SV_ARG(manifest->prefix));
    if (kdb_cold_find(w->cold, w->table, manifest, keys, count, false, arena, places, rows, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < count; i++) {
        const kdb_cold_place want = asked[i] == NULL ? (kdb_cold_place){ 0 } : asked[i]->place;
        assert_int_equal(places[i].segment, want.segment);
        assert_int_equal(places[i].row, want.row);
        assert_int_equal(rows[i].len != 0, want.segment != 0);
        for (size_t field = 0; rows[i].len != 0 && field < w->table->schema->ncolumns; field++) {
            const row found = { .bytes = rows[i] };
            assert_same(w, asked[i], field, field_of(w, &found, field, arena), arena);
        }
    }
    /* A row found before needs no file any more; one that was not found may be in a file as far as filters tell. */
    const kdb_cold_place first = places[0];
    const kdb_status status = kdb_cold_find(w->cold, w->table, manifest, keys, 1, true, arena, places, rows, &err);
    assert_true(status == KDB_OK || (status == KDB_WOULD_BLOCK && first.segment == 0));
    if (status == KDB_OK) {
        assert_int_equal(places[0].segment, first.segment);
        assert_int_equal(places[0].row, first.row);
        assert_int_equal(rows[0].len != 0, first.segment != 0);
    }
}

/* ---- everything ---- */

static kdb_sv any_bound(world *w, const partition *part, kdb_sv beside)
{
    if (part->nrows == 0 || fixture_below(&w->random, 4) == 0) {
        return beside;
    }
    const kdb_sv key = part->rows[fixture_below(&w->random, part->nrows)].key;
    kdb_sv prefix, end;
    kdb_row_user_range(w->table, part->user, w->arena, &prefix, &end);
    switch (fixture_below(&w->random, 3)) {
    case 0: /* a piece of a key, as a range of the first columns gives it */
        return kdb_sv_of(key.ptr, prefix.len + fixture_below(&w->random, key.len - prefix.len + 1));
    case 1:
        return kdbi_key_successor(key, w->arena, &end) ? end : key;
    default:
        return key;
    }
}

static kdb_key_set any_keys(world *w, const partition *part)
{
    kdb_key_set keys = { .points = fixture_below(&w->random, 3) == 0 };
    if (!keys.points) {
        kdb_sv from, to;
        kdb_row_user_range(w->table, part->user, w->arena, &from, &to);
        keys.from = any_bound(w, part, from);
        keys.to = any_bound(w, part, to);
        return keys;
    }
    keys.keys = KDB_ARENA_ARRAY(w->arena, kdb_sv, part->nrows + 1);
    for (size_t i = 0; i < part->nrows; i++) {
        if (fixture_below(&w->random, 9) == 0) {
            keys.keys[keys.nkeys++] = part->rows[i].key;
        }
    }
    return keys;
}

static void read_all_ways(world *w, size_t rounds)
{
    for (size_t round = 0; round < rounds; round++) {
        const partition *part = &w->parts[fixture_below(&w->random, w->nparts)];
        const kdb_key_set keys = any_keys(w, part);
        const bool sees_deleted = fixture_below(&w->random, 2) == 0;
        assert_walks(w, part, &keys, sees_deleted);
        assert_scans(w, part, &keys, sees_deleted);
        assert_walks_by_seq(w, part,
                            fixture_below(&w->random, 2) == 0 ? 0 : 1000 + fixture_below(&w->random, w->seq - 1000));
        assert_finds(w, part);
    }
}

static void rows_of_users_are_found_wherever_they_lie(void **state)
{
    (void)state;
    KDB_CLEANUP(world_freep) world *w = world_new(KDB_TABLE_USER, name_id, 2, 71);
    spread_rows(w, 7, 60, 80);
    read_all_ways(w, 12);
}

static void rows_of_a_shared_table_too(void **state)
{
    (void)state;
    static const uint32_t id[] = { 1 };
    KDB_CLEANUP(world_freep) world *w = world_new(KDB_TABLE_SHARED, id, 1, 72);
    spread_rows(w, 8, 200, 1500);
    read_all_ways(w, 12);
}

static void rows_without_a_key_too(void **state)
{
    (void)state;
    KDB_CLEANUP(world_freep) world *w = world_new(KDB_TABLE_USER, NULL, 0, 73);
    spread_rows(w, 6, 70, 80);
    read_all_ways(w, 10);
}

/* ---- a transaction's own rows ---- */

/* Some rows are changed, some deleted, some new ones come; the partition's list shows what the transaction sees. */
static void lay_over(world *w, partition *part)
{
    const kdb_schema *schema = w->table->schema;
    kdb_value values[KDB_ARRAY_LEN(third_columns)];
    w->overlay = kdb_overlay_new(w->arena);
    for (size_t i = 0; i < 60; i++) {
        for (size_t c = 0; c < schema->ncolumns; c++) {
            values[c] = value_of(w, schema->columns[c].type);
        }
        values[0] = kdb_value_text(names[fixture_below(&w->random, NAMES)]);
        values[1] = kdb_value_int((int32_t)fixture_below(&w->random, 100) - 50);
        row *r = add_row(part, key_of(w, part, values));
        r->seq = w->seq++;
        r->place = (kdb_cold_place){ 0 };
        r->deleted = fixture_below(&w->random, 3) == 0;
        assert_int_equal(kdb_row_encode(w->table, values, r->seq, r->deleted, w->arena, &r->bytes, NULL), KDB_OK);
        kdb_overlay_add(w->overlay, r->key)->row = r->bytes;
    }
}

static void own_rows_hide_cold_ones(void **state)
{
    (void)state;
    KDB_CLEANUP(world_freep) world *w = world_new(KDB_TABLE_USER, name_id, 2, 74);
    spread_rows(w, 6, 60, 80);
    w->nparts = 1;
    lay_over(w, &w->parts[0]);
    for (size_t round = 0; round < 6; round++) {
        const kdb_key_set keys = any_keys(w, &w->parts[0]);
        const bool sees_deleted = fixture_below(&w->random, 2) == 0;
        assert_walks(w, &w->parts[0], &keys, sees_deleted);
        assert_scans(w, &w->parts[0], &keys, sees_deleted);
        assert_walks_by_seq(w, &w->parts[0], 0);
    }
}

/* ---- filters ---- */

static kdb_node *node(world *w, kdb_node_kind kind, kdb_node *left, kdb_node *right)
{
    kdb_node *made = KDB_ARENA_NEW(w->arena, kdb_node);
    made->kind = kind;
    made->args = KDB_ARENA_ARRAY(w->arena, kdb_node *, 2);
    made->args[0] = left;
    made->args[1] = right;
    made->nargs = 2;
    return made;
}

static kdb_node *column_node(world *w, uint32_t column)
{
    kdb_node *made = KDB_ARENA_NEW(w->arena, kdb_node);
    *made = (kdb_node){ .kind = KDB_NODE_COLUMN, .column = column };
    return made;
}

static kdb_node *number_node(world *w, int32_t number)
{
    kdb_node *made = KDB_ARENA_NEW(w->arena, kdb_node);
    *made = (kdb_node){ .kind = KDB_NODE_LITERAL, .value = kdb_value_int(number) };
    return made;
}

static kdb_row_test test_of(world *w, const kdb_node *condition)
{
    kdb_row_test test;
    size_t count = 0;
    const kdb_field *fields = kdb_table_fields(w->table, w->arena, &count);
    test.expr = kdb_expr_compile(condition, fields, count, NULL, 0, w->arena);
    assert_non_null(test.expr);
    assert_int_equal(kdb_expr_bind(test.expr, NULL, 0, w->arena, &test.consts, NULL), KDB_OK);
    return test;
}

static kdb_status go_on(KDB_UNUSED const void *self, KDB_UNUSED kdb_err *err)
{
    return KDB_OK;
}

enum { A = 2, FRESH = 4, GONE = 6 }; /* in the latest version */

static bool is_above(const world *w, const row *r, size_t field, int64_t number, kdb_arena *arena)
{
    const kdb_value value = field_of(w, r, field, arena);
    return !value.is_null && (value.type.kind == KDB_TYPE_DOUBLE ? value.as.f64 > (double)number
                              : value.type.kind == KDB_TYPE_INT  ? value.as.i32 > number
                                                                 : value.as.i64 > number);
}

/* (a > 5 OR fresh > 2) AND id > -20 */
static kdb_row_filter filter_of(world *w)
{
    kdb_row_test *tests = KDB_ARENA_ARRAY(w->arena, kdb_row_test, 3);
    kdb_row_tests *groups = KDB_ARENA_ARRAY(w->arena, kdb_row_tests, 2);
    tests[0] = test_of(w, node(w, KDB_NODE_GT, column_node(w, A), number_node(w, 5)));
    tests[1] = test_of(w, node(w, KDB_NODE_GT, column_node(w, FRESH), number_node(w, 2)));
    tests[2] = test_of(w, node(w, KDB_NODE_GT, column_node(w, 1), number_node(w, -20)));
    groups[0] = (kdb_row_tests){ tests, 2 };
    groups[1] = (kdb_row_tests){ tests + 2, 1 };
    return (kdb_row_filter){
        .groups = groups, .ngroups = 2, .decoder = kdb_row_decoder_new(w->table, w->arena), .go_on = go_on
    };
}

static void leave_admitted(const world *w, wanted *want, kdb_arena *arena)
{
    size_t kept = 0;
    for (size_t i = 0; i < want->nrows; i++) {
        const row *r = want->rows[i];
        want->rows[kept] = r;
        kept += (is_above(w, r, A, 5, arena) || is_above(w, r, FRESH, 2, arena)) && is_above(w, r, 1, -20, arena);
    }
    want->nrows = kept;
}

static kdb_scan_spec filtered_spec(const world *w, const kdb_row_filter *filter, const kdb_snapshot *snapshot,
                                   const size_t *projection, size_t nprojection)
{
    return (kdb_scan_spec){ .store = w->store,
                            .table = w->table,
                            .snapshot = snapshot,
                            .filter = filter,
                            .projection = projection,
                            .nprojection = nprojection,
                            .max_readers = 2,
                            .cold = w->cold,
                            .user = w->parts[0].user };
}

static void a_filter_is_asked_of_cold_rows(void **state)
{
    (void)state;
    static wanted want;
    KDB_CLEANUP(world_freep) world *w = world_new(KDB_TABLE_SHARED, name_id, 2, 75);
    spread_rows(w, 6, 150, 200);
    const size_t projection[] = { w->table->schema->ncolumns + 2, GONE };
    const kdb_row_filter filter = filter_of(w);
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(w->store);
    for (size_t round = 0; round < 10; round++) {
        kdb_scan_spec spec = filtered_spec(w, &filter, snapshot, projection, 2);
        spec.keys = any_keys(w, &w->parts[0]);
        spec.in_order = fixture_below(&w->random, 2) == 0;
        want_rows(&w->parts[0], &spec.keys, false, &want);
        leave_admitted(w, &want, w->arena);
        assert_scan(w, &spec, &want);
    }
}

static void a_filter_that_fails_tells_nothing_of_the_row(void **state)
{
    (void)state;
    KDB_CLEANUP(world_freep) world *w = world_new(KDB_TABLE_SHARED, name_id, 2, 76);
    spread_rows(w, 3, 150, 200);
    flush_rows(w, &w->parts[0], 2, 8);
    kdb_row_filter filter = filter_of(w);
    kdb_row_tests *groups = (kdb_row_tests *)(uintptr_t)filter.groups;
    kdb_node *quotient = node(w, KDB_NODE_DIV, number_node(w, 10), column_node(w, A)); /* some are 0 */
    const kdb_row_test fails = test_of(w, node(w, KDB_NODE_GT, quotient, number_node(w, -100)));
    groups[0] = (kdb_row_tests){ &fails, 1 };
    const size_t projection[] = { 1 };
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(w->store);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_scan_spec spec = filtered_spec(w, &filter, snapshot, projection, 1);
    scanned got = { .arena = arena };
    kdb_err err = { .status = KDB_OK };
    assert_int_equal(read_scan(&spec, &got, &err), KDB_EXECUTION);
    assert_string_equal(err.text, "A condition of a row policy of table 'ns.t' failed on a row");
}

/* ---- predicates ---- */

static void predicates_leave_out_no_row_that_meets_them(void **state)
{
    (void)state;
    static wanted want;
    KDB_CLEANUP(world_freep) world *w = world_new(KDB_TABLE_SHARED, name_id, 2, 77);
    spread_rows(w, 6, 150, 200);
    static const kdb_pred_op ops[] = { KDB_PRED_EQ, KDB_PRED_LT, KDB_PRED_LE, KDB_PRED_GT, KDB_PRED_GE };
    const size_t key = w->table->schema->ncolumns + 2;
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(w->store);
    for (size_t round = 0; round < 80; round++) {
        const row *like = &w->parts[0].rows[fixture_below(&w->random, w->parts[0].nrows)];
        const uint32_t column = (uint32_t)fixture_below(&w->random, w->table->schema->ncolumns + 1);
        const kdb_type_kind kind = column == key - 2 ? KDB_TYPE_BIGINT : w->table->schema->columns[column].type.kind;
        kdb_pred_operand operand = { .literal = field_of(w, like, column, w->arena) };
        const kdb_pred pred = { column, ops[fixture_below(&w->random, KDB_ARRAY_LEN(ops))], &operand, 1 };
        if (operand.literal.is_null || kdb_type_layout(kdb_type_of(kind)) == KDB_LAYOUT_F32S) {
            continue;
        }
        const size_t projection[] = { key, column };
        kdb_scan_spec spec = filtered_spec(w, NULL, snapshot, projection, 2);
        spec.preds = &pred;
        spec.npreds = 1;
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        scanned got = { .arena = arena };
        kdb_err err = { .status = KDB_OK };
        if (read_scan(&spec, &got, &err) != KDB_OK) {
            fail_msg("%s", err.text);
        }
        qsort(got.rows, got.nrows, sizeof(*got.rows), by_first_cell);
        want_rows(&w->parts[0], &spec.keys, false, &want);
        size_t at = 0;
        for (size_t i = 0; i < want.nrows; i++) {
            const kdb_value value = field_of(w, want.rows[i], column, arena);
            const int order = value.is_null ? 0 : fixture_compare(&value, &operand.literal);
            const bool meets = !value.is_null && (pred.op == KDB_PRED_EQ   ? order == 0
                                                  : pred.op == KDB_PRED_LT ? order < 0
                                                  : pred.op == KDB_PRED_LE ? order <= 0
                                                  : pred.op == KDB_PRED_GT ? order > 0
                                                                           : order >= 0);
            while (at < got.nrows && kdb_sv_cmp(got.rows[at][0].as.bytes, want.rows[i]->key) < 0) {
                at++;
            }
            assert_true(!meets || (at < got.nrows && kdb_sv_eq(got.rows[at][0].as.bytes, want.rows[i]->key)));
        }
    }
}

/* ---- files that cannot be read, and files that need not be ---- */

static kdb_status read_all(world *w, const partition *part, size_t *count, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(w->store);
    size_t projection[KDB_ARRAY_LEN(third_columns)];
    for (size_t i = 0; i < KDB_ARRAY_LEN(projection); i++) {
        projection[i] = i;
    }
    kdb_scan_spec spec = filtered_spec(w, NULL, snapshot, projection, KDB_ARRAY_LEN(projection));
    spec.user = part->user;
    kdb_row_user_range(w->table, part->user, w->arena, &spec.keys.from, &spec.keys.to);
    scanned got = { .arena = arena };
    const kdb_status status = read_scan(&spec, &got, err);
    *count = got.nrows;
    return status;
}

static const char *file_of(world *w, size_t part, uint32_t segment)
{
    return kdb_sv_printf(w->arena, "%s/storage/t/%zu/batch-%u.parquet%c", w->data, part, segment, '\0').ptr;
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    KDB_CLEANUP(world_freep) world *w = world_new(KDB_TABLE_USER, name_id, 2, 78);
    kdb_err err = { .status = KDB_OK };
    size_t all = 0, count = 0;
    for (size_t i = 0; i < w->nparts; i++) {
        write_rows(w, &w->parts[i], 2, 50, 80);
        flush_rows(w, &w->parts[i], 2, 4);
        flush_rows(w, &w->parts[i], 2, 8);
    }
    assert_int_equal(read_all(w, &w->parts[1], &all, &err), KDB_OK);
    const char *file = file_of(w, 1, 2);
    const char *aside = kdb_sv_printf(w->arena, "%s.aside%c", file, '\0').ptr;
    assert_int_equal(rename(file, aside), 0);
    assert_int_equal(read_all(w, &w->parts[1], &count, &err), KDB_CORRUPT);
    assert_non_null(strstr(err.text, "Cold file 't/1/batch-2.parquet' of table 'ns.t'"));
    assert_int_equal(read_all(w, &w->parts[0], &count, &err), KDB_OK);
    assert_int_equal(rename(aside, file), 0);
    assert_int_equal(read_all(w, &w->parts[1], &count, &err), KDB_OK);
    assert_int_equal(count, all);
}

static size_t slurp(const char *path, char *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t len = fread(bytes, 1, room, file);
    assert_true(len < room);
    (void)fclose(file);
    return len;
}

/* Files of the cold tier never change: the engine, which keeps what their ends say, tells one from another of the same path and size by
 * the second in which it was written. Each comes a second after the one before. */
static void spill(const char *path, const char *bytes, size_t len)
{
    static time_t written = 1000000000;
    written++;
    const struct timespec times[2] = { { .tv_sec = written }, { .tv_sec = written } };
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Whatever is wrong with a file, reading it ends, and what is not wrong can be read afterwards. */
static void a_damaged_file_harms_nobody_else(void **state)
{
    (void)state;
    static char good[1 << 20], bad[1 << 20];
    KDB_CLEANUP(world_freep) world *w = world_new(KDB_TABLE_USER, name_id, 2, 79);
    kdb_err err = { .status = KDB_OK };
    size_t count = 0, failed = 0;
    for (size_t i = 0; i < 2; i++) {
        write_rows(w, &w->parts[i], 2, 200, 800);
        flush_rows(w, &w->parts[i], 2, 4);
        flush_rows(w, &w->parts[i], 2, 8);
    }
    const char *file = file_of(w, 0, 1);
    const size_t len = slurp(file, good, sizeof(good));
    for (size_t round = 0; round < 60; round++) {
        memcpy(bad, good, len);
        for (size_t i = 1 + fixture_below(&w->random, 3); i-- > 0;) {
            bad[fixture_below(&w->random, len)] = (char)fixture_next(&w->random);
        }
        spill(file, bad, fixture_below(&w->random, 4) == 0 ? fixture_below(&w->random, len) : len);
        const kdb_status status = read_all(w, &w->parts[0], &count, &err);
        if (status != KDB_OK) {
            failed++;
            assert_true(status == KDB_CORRUPT || status == KDB_LIMIT);
            assert_true(status == KDB_LIMIT || strstr(err.text, "Cold file 't/0/batch-1.parquet'") != NULL);
        }
        assert_int_equal(read_all(w, &w->parts[1], &count, &err), KDB_OK);
    }
    assert_true(failed > 10);
    spill(file, good, len);
    assert_int_equal(read_all(w, &w->parts[0], &count, &err), KDB_OK);
}

/* Rows behind all cold ones are read without them. */
static void files_are_opened_when_a_walk_comes_to_them(void **state)
{
    (void)state;
    static const uint32_t id[] = { 1 };
    KDB_CLEANUP(world_freep) world *w = world_new(KDB_TABLE_SHARED, id, 1, 80);
    partition *part = &w->parts[0];
    write_rows(w, part, 2, 300, 400);
    flush_rows(w, part, 2, 8);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_value values[KDB_ARRAY_LEN(third_columns)];
    for (int32_t i = 0; i < 20; i++) {
        for (size_t c = 0; c < w->table->schema->ncolumns; c++) {
            values[c] = value_of(w, w->table->schema->columns[c].type);
        }
        values[0] = kdb_value_text(KDB_SV("x"));
        values[1] = kdb_value_int(1000 + i);
        put_row(w, part, 2, key_of(w, part, values), values, false, batch);
    }
    fixture_commit(w->store, batch);
    assert_int_equal(unlink(file_of(w, 0, 1)), 0);
    for (unsigned how = 0; how < 4; how++) {
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
        KDB_CLEANUP(kdb_row_walk_donep) kdb_row_walk *walk = NULL;
        KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(w->store);
        const kdb_key_set all = { .points = false };
        kdb_walk_spec spec = walk_spec(w, part, &all, false);
        kdb_err err = { .status = KDB_OK };
        bool more = false;
        spec.descending = true;
        spec.snapshot = snapshot;
        spec.by_seq = (how & 1) != 0;
        spec.memory_only = (how & 2) != 0;
        spec.decoder = kdb_row_decoder_new(w->table, arena);
        spec.scratch = scratch;
        assert_int_equal(kdb_row_walk_new(&spec, arena, &walk, &err), KDB_OK);
        for (int32_t i = 0; i < 20; i++) {
            assert_int_equal(kdb_row_walk_next(walk, &more, &err), KDB_OK);
            assert_int_equal(kdb_row_walk_value(walk, 1).as.i32, 1019 - i);
        }
        kdb_status status = KDB_OK;
        do { /* by `_seq` there are tombstones in between */
            status = kdb_row_walk_next(walk, &more, &err);
        } while (status == KDB_OK && more);
        assert_int_equal(status, spec.memory_only ? KDB_WOULD_BLOCK : KDB_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_users_are_found_wherever_they_lie),
        cmocka_unit_test(rows_of_a_shared_table_too),
        cmocka_unit_test(rows_without_a_key_too),
        cmocka_unit_test(own_rows_hide_cold_ones),
        cmocka_unit_test(a_filter_is_asked_of_cold_rows),
        cmocka_unit_test(a_filter_that_fails_tells_nothing_of_the_row),
        cmocka_unit_test(predicates_leave_out_no_row_that_meets_them),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_damaged_file_harms_nobody_else),
        cmocka_unit_test(files_are_opened_when_a_walk_comes_to_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
