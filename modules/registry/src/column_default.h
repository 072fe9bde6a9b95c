/* column_default.h - the default of a column being created; private to registry. */
#ifndef KDB_COLUMN_DEFAULT_H
#define KDB_COLUMN_DEFAULT_H

#include "registry_int.h"

/* Fills column's default from the spec; column's name and type are set, and lie in `arena`. KDB_SCHEMA when the default
 * cannot become the column's type. */
KDB_NODISCARD kdb_status kdbi_column_set_default(const kdb_column_spec *spec, kdb_column *column, kdb_arena *arena,
                                                 kdb_err *err);

#endif
