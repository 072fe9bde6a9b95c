/* made.c - results that a statement makes itself, row by row, rather than by a query: SHOW, DESCRIBE, EXPLAIN. */
#include "core_int.h"

void kdbi_made_begin(kdbi_made *m, kdb_exec *exec, const kdbi_made_column *columns, size_t ncolumns)
{
    kdb_result_column *shown = KDB_ARENA_ARRAY(exec->arena, kdb_result_column, ncolumns);
    kdb_type *types = KDB_ARENA_ARRAY(exec->arena, kdb_type, ncolumns);
    for (size_t i = 0; i < ncolumns; i++) {
        types[i] = kdb_type_of(columns[i].kind);
        shown[i] = (kdb_result_column){ .name = kdb_sv_cstr(columns[i].name),
                                        .type = types[i],
                                        .not_null = columns[i].not_null };
    }
    *m = (kdbi_made){ .exec = exec, .chunk = kdb_chunk_new(exec->arena, types, ncolumns) };
    exec->sending = true;
    exec->request->reply.rows_begin(exec->request->reply.self, shown, ncolumns);
}

static kdb_status flush(kdbi_made *m, kdb_err *err)
{
    m->count += m->chunk->nrows;
    const kdb_reply *reply = &m->exec->request->reply;
    const kdb_status status = m->chunk->nrows == 0 ? KDB_OK : reply->rows(reply->self, m->chunk, err);
    m->chunk->nrows = 0;
    return status;
}

kdb_status kdbi_made_row(kdbi_made *m, const kdb_value *cells, kdb_err *err)
{
    for (size_t i = 0; i < m->chunk->ncols; i++) {
        kdb_vec_put(&m->chunk->cols[i], m->chunk->nrows, &cells[i]);
    }
    return ++m->chunk->nrows == KDB_CHUNK_ROWS ? flush(m, err) : KDB_OK;
}

kdb_status kdbi_made_end(kdbi_made *m, kdb_err *err)
{
    KDB_TRY(flush(m, err));
    m->exec->request->reply.rows_end(m->exec->request->reply.self, m->count, false);
    return KDB_OK;
}
