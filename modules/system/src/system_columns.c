/* system_columns.c - system.columns: the columns of each table's latest version. */
#include "system_int.h"

bool kdbi_next_column(kdb_system_scan *scan, const kdb_table **table, size_t *column)
{
    while (scan->at < scan->ntables && scan->sub == scan->tables[scan->at]->schema->ncolumns) {
        scan->at++;
        scan->sub = 0;
    }
    if (scan->at == scan->ntables) {
        return false;
    }
    *table = scan->tables[scan->at];
    *column = scan->sub++;
    return true;
}

size_t kdbi_key_position(const kdb_table *table, size_t column)
{
    for (size_t i = 0; i < table->nkey; i++) {
        if (table->key[i] == column) {
            return i + 1;
        }
    }
    return 0;
}

bool kdbi_columns_next(kdb_system_scan *scan, kdb_value *cells)
{
    const kdb_table *table = NULL;
    size_t index = 0;
    if (!kdbi_next_column(scan, &table, &index)) {
        return false;
    }
    const kdb_column *column = &table->schema->columns[index];
    const size_t key_position = kdbi_key_position(table, index);
    cells = kdbi_put_text(cells, table->ns);
    cells = kdbi_put_text(cells, table->name);
    cells = kdbi_put_bigint(cells, table->schema->version);
    cells = kdbi_put_bigint(cells, column->id);
    cells = kdbi_put_text(cells, column->name);
    cells = kdbi_skip(cells); /* comment */
    cells = kdbi_put_text(cells, kdb_type_sql_text(column->type, scan->row_arena));
    cells = kdbi_put_text_or_null(cells, kdb_column_default_text(column, scan->row_arena));
    cells = kdbi_put_bigint(cells, (int64_t)index + 1);
    cells = kdbi_put_bool(cells, !column->not_null);
    cells = kdbi_put_bool(cells, key_position != 0);
    if (key_position != 0) {
        (void)kdbi_put_bigint(cells, (int64_t)key_position);
    }
    return true;
}
