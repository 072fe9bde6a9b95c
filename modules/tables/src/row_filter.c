/* row_filter.c - whether a row is there for who runs a statement. Asked before anything else is, where rows are read: what
 * comes out of a scan or walk is all that the statement, in either executor, can tell by. */
#include "tables_int.h"

static kdb_status passes_one(const kdb_row_tests *group, const kdb_expr_row *row, kdb_arena *scratch, bool *out)
{
    *out = false;
    for (size_t i = 0; i < group->ntests && !*out; i++) {
        KDB_TRY(kdb_expr_matches(group->tests[i].expr, group->tests[i].consts, row, scratch, out, NULL));
    }
    return KDB_OK;
}

kdb_status kdb_row_filter_admits(const kdb_row_filter *filter, const kdb_expr_row *row, kdb_arena *scratch, bool *out,
                                 kdb_err *err)
{
    *out = true;
    for (size_t i = 0; i < filter->ngroups && *out; i++) {
        if (passes_one(&filter->groups[i], row, scratch, out) != KDB_OK) { /* why may be a hidden row's value */
            const kdb_table *table = filter->decoder->table;
            return KDB_FAIL(err, KDB_EXECUTION, "A condition of a row policy of table '%.*s.%.*s' failed on a row",
                            KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name));
        }
    }
    return KDB_OK;
}

/* A row of the store while it is filtered. */
typedef struct stored_row {
    const kdb_row_decoder *decoder;
    const kdbi_reader_plan *plan;
    kdb_sv key;
    kdb_sv row;
    kdb_arena *scratch;
    bool damaged; /* a value did not convert */
} stored_row;

static kdb_value column_of(void *self, uint32_t column)
{
    stored_row *stored = self;
    kdb_value value;
    if (kdbi_row_field(stored->decoder, stored->plan, stored->key, stored->row, column, stored->scratch, &value,
                       NULL) == KDB_OK) {
        return value;
    }
    stored->damaged = true;
    return kdb_value_null(stored->decoder->fields[column].type);
}

kdb_status kdbi_row_filter_admits_stored(const kdb_row_filter *filter, kdb_sv key, kdb_sv row, kdb_arena *scratch,
                                         bool *out, kdb_err *err)
{
    const kdb_row_decoder *decoder = filter->decoder;
    stored_row stored = { .decoder = decoder,
                          .plan = decoder->plans[kdbi_row_header_version(row) - 1],
                          .key = key,
                          .row = row,
                          .scratch = scratch };
    const kdb_expr_row seen = { .self = &stored, .column = column_of };
    KDB_TRY(kdb_row_filter_admits(filter, &seen, scratch, out, err));
    return stored.damaged ? kdbi_row_damaged(decoder->table, err) : KDB_OK;
}
