/* cold_user.c - a user's rows of a table written to a Parquet file for them: what any statement of theirs would read, by a scan of both
 * tiers. */
#include "cold_int.h"

typedef struct writing {
    kdb_user_file *file;
    kdb_table_scan *scan;
} writing;

static kdb_status open_part(void *self, KDB_UNUSED void *scan, void **out, kdb_err *err)
{
    kdb_table_reader *reader = NULL;
    KDB_TRY(kdb_table_reader_new(((writing *)self)->scan, &reader, err));
    *out = reader;
    return KDB_OK;
}

static kdb_status next_chunk(void *self, KDB_UNUSED void *scan, void *local, kdb_chunk *chunk, kdb_err *err)
{
    kdb_user_file *file = ((writing *)self)->file;
    if (file->stop != NULL && file->stop(file->self)) {
        return KDB_FAIL(err, KDB_CANCELLED, "It was told to end");
    }
    KDB_TRY(kdb_table_reader_next(local, chunk, err));
    file->rows += chunk->nrows;
    return KDB_OK;
}

static void close_part(KDB_UNUSED void *self, KDB_UNUSED void *scan, void *local)
{
    kdb_table_reader_free(local);
}

/* The table's columns and then `_seq`: as kdb_table_fields has them. */
static kdb_status open_scan(kdb_cold *cold, const kdb_user_file *file, size_t ncells, kdb_arena *arena,
                            kdb_table_scan **out, kdb_err *err)
{
    size_t *projection = KDB_ARENA_ARRAY(arena, size_t, ncells);
    for (size_t i = 0; i < ncells; i++) {
        projection[i] = i;
    }
    kdb_scan_spec spec = { .store = file->store,
                           .table = file->table,
                           .snapshot = file->snapshot,
                           .projection = projection,
                           .nprojection = ncells,
                           .max_readers = 1,
                           .cold = cold,
                           .user = file->user };
    kdb_row_user_range(file->table, file->user, arena, &spec.keys.from, &spec.keys.to);
    return kdb_table_scan_new(&spec, out, err);
}

kdb_status kdb_cold_write_user(kdb_cold_writer *writer, kdb_user_file *file, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_table_scan_freep) kdb_table_scan *scan = NULL;
    kdb_parquet_spec parquet = { .path = file->path,
                                 .compression = KDB_SV("snappy"), /* what every reader knows */
                                 .row_group_rows = file->row_group_rows };
    parquet.columns = kdbi_cold_columns(file->table, arena, &parquet.ncolumns);
    parquet.ncolumns = file->table->schema->ncolumns + 1; /* a row id is nobody's but ours */
    KDB_TRY(open_scan(writer->cold, file, parquet.ncolumns, arena, &scan, err));
    writing w = { file, scan };
    const kdb_scan_source source = kdbi_cold_source(&w, open_part, next_chunk, close_part);
    file->rows = 0;
    return kdb_engine_write_parquet(writer->conn, &parquet, &source, err);
}
