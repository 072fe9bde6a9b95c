/* cold_write.c - rows of a partition written to a file that becomes a segment. They come one by one in key order, hot ones from
 * the store or those of segments that are put together, and go into the engine's chunks; what the manifest says of the file (its keys, its
 * `_seq`, its filter) is gathered on the way. */
#include "cold_int.h"

/* A chunk of large rows is a short one. */
enum { CHUNK_BYTES_MAX = 4 << 20 };

kdb_status kdb_cold_writer_new(kdb_cold *cold, kdb_cold_writer **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_cold_writer_freep) kdb_cold_writer *writer = KDB_NEW(kdb_cold_writer);
    writer->cold = cold;
    KDB_TRY(kdb_engine_connect(cold->engine, &writer->conn, err));
    *out = KDB_TAKE(writer);
    return KDB_OK;
}

void kdb_cold_writer_free(kdb_cold_writer *writer)
{
    if (writer != NULL) {
        kdb_engine_disconnect(writer->conn);
        kdb_free(writer);
    }
}

/* One file while it is written. */
typedef struct file {
    const kdb_segment_spec *spec;
    kdb_segment *segment;
    kdbi_bloom_writer *bloom;
    kdb_arena *arena; /* of what stays: keys */
    kdb_arena *plans_arena;
    kdb_arena *scratch; /* of a chunk's conversions */
    kdbi_reader_plan **plans;
    size_t *projection;
    size_t ncells;
    kdb_buf last_key;
    uint64_t bytes; /* of rows, as they lie hot */
    bool through;   /* the rows have come to their end */
} file;

/* ---- rows into chunks ---- */

static const kdbi_reader_plan *plan_of(file *f, kdb_sv row)
{
    const kdb_table *table = f->spec->table;
    const uint32_t version = kdbi_row_header_version(row);
    if (version == 0 || version > table->nversions) {
        return NULL;
    }
    kdbi_reader_plan **plan = &f->plans[version - 1];
    if (*plan == NULL) {
        const kdb_scan_spec scan = { .table = table, .projection = f->projection, .nprojection = f->ncells };
        *plan = kdbi_reader_plan_new(&scan, &table->versions[version - 1], f->plans_arena);
    }
    return *plan;
}

static void note_row(file *f, kdb_sv key, uint64_t seq)
{
    kdb_segment *segment = f->segment;
    if (segment->rows == 0) {
        segment->min_key = kdb_sv_dup(f->arena, key);
        segment->min_seq = segment->max_seq = seq;
    }
    segment->min_seq = seq < segment->min_seq ? seq : segment->min_seq;
    segment->max_seq = seq > segment->max_seq ? seq : segment->max_seq;
    segment->rows++;
    f->last_key.len = 0;
    kdb_buf_append_sv(&f->last_key, key);
    kdbi_bloom_add(f->bloom, key);
}

/* A hidden row id ends the key. */
static void put_row_id(const file *f, kdb_sv key, kdb_chunk *chunk)
{
    if (f->spec->table->nkey == 0) {
        KDB_ASSERT(key.len >= 8);
        ((int64_t *)chunk->cols[f->ncells].data)[chunk->nrows] = (int64_t)kdb_get_be64(key.ptr + key.len - 8);
    }
}

static kdb_status put_row(file *f, kdb_sv key, kdb_sv row, kdb_chunk *chunk, kdb_err *err)
{
    const kdbi_reader_plan *plan = plan_of(f, row);
    if (KDB_UNLIKELY(plan == NULL || !kdbi_row_is_sound(&plan->layout, row))) {
        return kdbi_row_damaged(f->spec->table, err);
    }
    if (kdbi_row_is_deleted(row)) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_reader_plan_fill(plan, f->ncells, key, row, chunk, chunk->nrows, f->scratch, err));
    put_row_id(f, key, chunk);
    note_row(f, key, kdb_get_le64(row.ptr + KDBI_ROW_SEQ_AT));
    chunk->nrows++;
    f->bytes += row.len;
    return KDB_OK;
}

static bool is_full(const file *f)
{
    return f->segment->rows >= f->spec->max_rows || f->bytes >= f->spec->max_bytes;
}

static kdb_status next_chunk(void *self, KDB_UNUSED void *scan, KDB_UNUSED void *local, kdb_chunk *chunk, kdb_err *err)
{
    file *f = self;
    const kdb_cold_rows *rows = f->spec->rows;
    const uint64_t before = f->bytes;
    kdb_arena_reset(f->scratch);
    if (before != 0) {
        KDB_TRY(kdb_failpoint_pass(KDB_FAILPOINT_COLD_WRITING, err));
    }
    while (chunk->nrows < KDB_CHUNK_ROWS && f->bytes - before < CHUNK_BYTES_MAX && !is_full(f) && !f->through) {
        kdb_sv key, row;
        bool more = false;
        KDB_TRY(rows->next(rows->self, &more, &key, &row, err));
        f->through = !more;
        if (more) {
            KDB_TRY(put_row(f, key, row, chunk, err));
        }
    }
    return KDB_OK;
}

static kdb_status open_rows(void *self, KDB_UNUSED size_t slot, KDB_UNUSED const size_t *projection,
                            KDB_UNUSED size_t nprojection, void **out, size_t *max_threads, KDB_UNUSED kdb_err *err)
{
    *out = self;
    *max_threads = 1;
    return KDB_OK;
}

static kdb_status open_part(void *self, KDB_UNUSED void *scan, void **out, KDB_UNUSED kdb_err *err)
{
    *out = self;
    return KDB_OK;
}

static void close_part(KDB_UNUSED void *self, KDB_UNUSED void *scan, KDB_UNUSED void *local)
{
}

static void close_rows(KDB_UNUSED void *self, KDB_UNUSED void *scan)
{
}

kdb_scan_source kdbi_cold_source(void *self, kdb_status (*open)(void *self, void *scan, void **out_local, kdb_err *err),
                                 kdb_status (*next)(void *self, void *scan, void *local, kdb_chunk *chunk,
                                                    kdb_err *err),
                                 void (*close)(void *self, void *scan, void *local))
{
    return (kdb_scan_source){
        self, open_rows, open == NULL ? open_part : open, next, close == NULL ? close_part : close, close_rows
    };
}

/* ---- the file ---- */

kdb_parquet_column *kdbi_cold_columns(const kdb_table *table, kdb_arena *arena, size_t *count)
{
    const kdb_schema *schema = table->schema;
    kdb_parquet_column *columns = KDB_ARENA_ARRAY(arena, kdb_parquet_column, schema->ncolumns + 2);
    size_t n = 0;
    for (; n < schema->ncolumns; n++) {
        const kdb_column *column = &schema->columns[n];
        columns[n] = (kdb_parquet_column){ column->name, column->type, column->id };
    }
    columns[n++] = (kdb_parquet_column){ KDB_SV("_seq"), kdb_type_of(KDB_TYPE_BIGINT), KDBI_FIELD_SEQ };
    if (table->nkey == 0) {
        columns[n++] = (kdb_parquet_column){ KDB_SV("_row_id"), kdb_type_of(KDB_TYPE_BIGINT), KDBI_FIELD_ROW_ID };
    }
    *count = n;
    return columns;
}

static void file_init(file *f, const kdb_segment_spec *spec, kdb_arena *arena, kdb_arena *plans_arena)
{
    *f = (file){ .spec = spec, .arena = arena, .plans_arena = plans_arena };
    f->ncells = spec->table->schema->ncolumns + 1;
    f->projection = KDB_ARENA_ARRAY(plans_arena, size_t, f->ncells);
    for (size_t i = 0; i < f->ncells; i++) {
        f->projection[i] = i; /* columns, then `_seq`: as kdb_table_fields has them */
    }
    f->plans = KDB_ARENA_ARRAY(plans_arena, kdbi_reader_plan *, spec->table->nversions);
    f->scratch = kdb_arena_new(0);
    kdb_buf_init(&f->last_key, 0);
}

static void file_done(file *f)
{
    kdb_buf_done(&f->last_key);
    kdb_arena_free(f->scratch);
}

static kdb_status write_file(kdb_cold_writer *writer, file *f, kdb_sv path, kdb_err *err)
{
    kdb_parquet_spec parquet = { .path = path,
                                 .compression = f->spec->compression,
                                 .row_group_rows = f->spec->row_group_rows,
                                 .note = kdbi_cold_note(f->spec, f->segment->created_ms, f->plans_arena) };
    parquet.columns = kdbi_cold_columns(f->spec->table, f->plans_arena, &parquet.ncolumns);
    const kdb_scan_source source = kdbi_cold_source(f, NULL, next_chunk, NULL);
    return kdb_engine_write_parquet(writer->conn, &parquet, &source, err);
}

static kdb_status write_segment(kdb_cold_writer *writer, const kdb_segment_spec *spec, kdb_new_segment *new,
                                kdb_arena *arena, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *plans_arena = kdb_arena_new(0);
    KDB_CLEANUP(file_done) file f;
    kdb_sv path;
    file_init(&f, spec, arena, plans_arena);
    KDB_TRY(kdb_objects_stage(spec->objects, spec->path, arena, &path, err));
    f.segment = &new->segment;
    f.bloom = new->bloom;
    KDB_TRY(write_file(writer, &f, path, err));
    new->segment.max_key = kdb_sv_dup(arena, kdb_buf_sv(&f.last_key));
    new->more = !f.through;
    return kdb_objects_staged_bytes(spec->objects, spec->path, &new->segment.bytes, err);
}

kdb_status kdb_cold_write(kdb_cold_writer *writer, const kdb_segment_spec *spec, kdb_arena *arena,
                          kdb_new_segment **out, kdb_err *err)
{
    kdb_new_segment *new = KDB_ARENA_NEW(arena, kdb_new_segment);
    new->segment = (kdb_segment){ .id = spec->id,
                                  .storage_id = spec->storage_id,
                                  .path = spec->path,
                                  .schema_version = spec->table->schema->version,
                                  .created_ms = kdb_now_ms() };
    new->bloom = kdbi_bloom_new();
    const kdb_status status = write_segment(writer, spec, new, arena, err);
    if (status != KDB_OK || new->segment.rows == 0) {
        kdb_objects_abandon(spec->objects, spec->path);
    }
    if (status != KDB_OK) {
        kdb_new_segment_done(new);
        return status;
    }
    *out = new;
    return KDB_OK;
}

void kdb_new_segment_done(kdb_new_segment *new)
{
    if (new != NULL) {
        kdbi_bloom_free(new->bloom);
        new->bloom = NULL;
    }
}
