/* dialect_conflict.c - INSERT .. ON CONFLICT out of PostgreSQL's tree. Which columns are the primary key is the
 * caller's to know; what names a constraint or anything but columns is refused here. */
#include "dialect_int.h"

static kdb_status refuse(kdb_err *err, int32_t position, const char *what)
{
    return KDB_FAIL_AT(err, position, KDB_INVALID_SQL,
                       "%s is not supported: ON CONFLICT takes the primary key's columns", what);
}

static kdb_status key_column(const PgQuery__InferClause *infer, size_t index, kdb_sv text, kdb_arena *arena,
                             kdb_table_name *out, kdb_err *err)
{
    const PgQuery__Node *node = infer->index_elems[index];
    const bool plain = node->node_case == PG_QUERY__NODE__NODE_INDEX_ELEM && node->index_elem->expr == NULL &&
                       node->index_elem->n_collation == 0 && node->index_elem->n_opclass == 0;
    if (!plain) {
        return refuse(err, infer->location, "An expression, collation or operator class");
    }
    /* The list begins behind its bracket, a comma between two names. */
    const kdb_sv name = kdbi_full_name(text, infer->location + 1, index, node->index_elem->name, arena);
    *out =
        (kdb_table_name){ .ns = kdb_sv_of("", 0), .name = kdb_sv_dup_lower(arena, name), .position = infer->location };
    return KDB_OK;
}

static kdb_status parse_key(const PgQuery__InferClause *infer, kdb_sv text, kdb_arena *arena, kdb_conflict *conflict,
                            kdb_err *err)
{
    if (infer->conname[0] != '\0') {
        return refuse(err, infer->location, "ON CONSTRAINT");
    }
    if (infer->where_clause != NULL) {
        return refuse(err, kdbi_node_location(infer->where_clause), "WHERE before DO");
    }
    if (infer->n_index_elems > KDBI_COLUMNS_MAX) {
        return KDB_FAIL_AT(err, infer->location, KDB_INVALID_SQL, "more than %d columns", KDBI_COLUMNS_MAX);
    }
    conflict->nkey = infer->n_index_elems;
    conflict->key = KDB_ARENA_ARRAY(arena, kdb_table_name, infer->n_index_elems + 1);
    for (size_t i = 0; i < infer->n_index_elems; i++) {
        KDB_TRY(key_column(infer, i, text, arena, &conflict->key[i], err));
    }
    return KDB_OK;
}

static kdb_status parse_update(const PgQuery__InsertStmt *insert, kdb_stmt *stmt, kdb_arena *arena, kdb_err *err)
{
    const PgQuery__OnConflictClause *clause = insert->on_conflict_clause;
    kdb_conflict *conflict = stmt->as.insert.conflict;
    kdbi_assignments set = { .stmt = stmt, .arena = arena };
    if (conflict->key == NULL) {
        return KDB_FAIL_AT(err, clause->location, KDB_INVALID_SQL,
                           "ON CONFLICT DO UPDATE requires the primary key's columns, as in ON CONFLICT (id)");
    }
    KDB_TRY(kdbi_parse_assignments(&set, clause->target_list, clause->n_target_list, err));
    conflict->update = true;
    conflict->columns = set.columns;
    conflict->cells = set.cells;
    conflict->ncolumns = clause->n_target_list;
    kdb_row_query *rows = kdbi_row_query(&stmt->as.insert.rows, stmt->text, insert->relation, arena);
    rows->set = set.exprs;
    rows->where = clause->where_clause;
    return KDB_OK;
}

kdb_status kdbi_parse_conflict(const PgQuery__InsertStmt *insert, kdb_stmt *stmt, kdb_arena *arena, kdb_err *err)
{
    const PgQuery__OnConflictClause *clause = insert->on_conflict_clause;
    if (clause == NULL) {
        return KDB_OK;
    }
    kdb_conflict *conflict = stmt->as.insert.conflict = KDB_ARENA_NEW(arena, kdb_conflict);
    conflict->position = clause->location;
    if (clause->infer != NULL) {
        KDB_TRY(parse_key(clause->infer, stmt->text, arena, conflict, err));
    }
    switch (clause->action) {
    case PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_NOTHING:
        return KDB_OK;
    case PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_UPDATE:
        return parse_update(insert, stmt, arena, err);
    default:
        return KDB_FAIL_AT(err, clause->location, KDB_INVALID_SQL, "this form of ON CONFLICT is not supported");
    }
}
