/* row_decoder.c - where each column of a table's rows lies, in every schema version: worked out once for a plan that reads the
 * table again and again. */
#include "tables_int.h"

kdb_row_decoder *kdb_row_decoder_new(const kdb_table *table, kdb_arena *arena)
{
    kdb_row_decoder *decoder = KDB_ARENA_NEW(arena, kdb_row_decoder);
    decoder->table = table;
    decoder->fields = kdb_table_fields(table, arena, &decoder->nfields);
    decoder->plans = KDB_ARENA_ARRAY(arena, const kdbi_reader_plan *, table->nversions);
    size_t *all = KDB_ARENA_ARRAY(arena, size_t, decoder->nfields + 1);
    for (size_t i = 0; i <= decoder->nfields; i++) {
        all[i] = i;
    }
    const kdb_scan_spec spec = { .table = table, .projection = all, .nprojection = decoder->nfields + 1 };
    for (size_t i = 0; i < table->nversions; i++) {
        decoder->plans[i] = kdbi_reader_plan_new(&spec, &table->versions[i], arena);
    }
    return decoder;
}
