/* dialect_dml.c - INSERT, UPDATE and DELETE out of PostgreSQL's trees. Plain cells, literals and parameters above
 * all, become values here, because they are the hottest writes; everything else becomes a query for the binder. */
#include "dialect_int.h"

kdb_query *kdbi_query_new(kdb_arena *arena, kdb_sv text, const PgQuery__SelectStmt *select)
{
    kdb_query *query = KDB_ARENA_NEW(arena, kdb_query);
    query->text = text;
    query->select = select;
    return query;
}

static kdb_status refuse(kdb_err *err, int32_t position, const char *what)
{
    return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "%s is not supported", what);
}

kdb_status kdbi_range_var_name(const PgQuery__RangeVar *var, kdb_sv text, kdb_arena *arena, kdb_table_name *out,
                               kdb_err *err)
{
    kdb_sv parts[3];
    size_t nparts = 0;
    if (var->catalogname[0] != '\0') {
        parts[nparts++] = kdb_sv_cstr(var->catalogname);
    }
    if (var->schemaname[0] != '\0') {
        parts[nparts] = kdbi_full_name(text, var->location, nparts, var->schemaname, arena);
        nparts++;
    }
    parts[nparts] = kdbi_full_name(text, var->location, nparts, var->relname, arena);
    nparts++;
    return kdbi_table_name_of(parts, nparts, var->location, arena, out, err);
}

static kdb_table_name column_name(const PgQuery__ResTarget *target, kdb_sv text, kdb_arena *arena)
{
    const kdb_sv name = kdbi_full_name(text, target->location, 0, target->name, arena);
    return (kdb_table_name){ kdb_sv_of("", 0), kdb_sv_dup_lower(arena, name), target->location };
}

static kdb_status check_duplicate_columns(const kdb_table_name *columns, size_t ncolumns, kdb_err *err)
{
    const kdb_table_name *last = &columns[ncolumns - 1];
    for (size_t i = 0; i + 1 < ncolumns; i++) {
        if (kdb_sv_eq(columns[i].name, last->name)) {
            return KDB_FAIL_AT(err, last->position, KDB_INVALID_SQL, "column \"%.*s\" specified more than once",
                               KDB_SV_ARG(last->name));
        }
    }
    return KDB_OK;
}

/* The column names of INSERT's list or UPDATE's SET. */
static kdb_status target_columns(PgQuery__Node *const *targets, size_t ntargets, kdb_sv text, kdb_arena *arena,
                                 kdb_table_name **out, kdb_err *err)
{
    if (ntargets > KDBI_COLUMNS_MAX) {
        return KDB_FAIL(err, KDB_INVALID_SQL, "more than %d target columns", KDBI_COLUMNS_MAX);
    }
    kdb_table_name *columns = KDB_ARENA_ARRAY(arena, kdb_table_name, ntargets);
    for (size_t i = 0; i < ntargets; i++) {
        const PgQuery__ResTarget *target = targets[i]->res_target;
        if (target->n_indirection != 0) {
            return refuse(err, target->location, "Assigning to a part of a column");
        }
        columns[i] = column_name(target, text, arena);
        KDB_TRY(check_duplicate_columns(columns, i + 1, err));
    }
    *out = columns;
    return KDB_OK;
}

/* ---- cells ---- */

typedef struct cell_builder {
    kdb_arena *arena;
    kdb_stmt *stmt;             /* whose shape's literals may become cells; NULL: they may not */
    PgQuery__SelectStmt *exprs; /* selects what is not a plain cell; NULL until there is one */
} cell_builder;

static void add_expr(cell_builder *builder, PgQuery__Node *val, kdb_cell *cell)
{
    kdb_arena *arena = builder->arena;
    PgQuery__SelectStmt *exprs = builder->exprs;
    if (exprs == NULL) {
        exprs = builder->exprs = KDB_ARENA_NEW(arena, PgQuery__SelectStmt);
        pg_query__select_stmt__init(exprs);
        exprs->op = PG_QUERY__SET_OPERATION__SETOP_NONE;
    }
    PgQuery__ResTarget *target = KDB_ARENA_NEW(arena, PgQuery__ResTarget);
    pg_query__res_target__init(target);
    target->val = val;
    target->location = kdbi_node_location(val);
    PgQuery__Node *node = KDB_ARENA_NEW(arena, PgQuery__Node);
    pg_query__node__init(node);
    node->node_case = PG_QUERY__NODE__NODE_RES_TARGET;
    node->res_target = target;
    cell->kind = KDB_CELL_EXPR;
    cell->index = (uint32_t)exprs->n_target_list;
    *KDB_ARENA_PUSH(arena, exprs->target_list, exprs->n_target_list) = node;
}

static kdb_default_kind value_function_kind(const PgQuery__SQLValueFunction *function)
{
    if (function->op == PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP) {
        return KDB_DEFAULT_NOW;
    }
    return function->op == PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_USER ? KDB_DEFAULT_CURRENT_USER
                                                                              : KDB_DEFAULT_NONE;
}

/* NOW(), CURRENT_USER ..: KDB_DEFAULT_NONE for all other expressions. */
static kdb_default_kind cell_function(const PgQuery__Node *node)
{
    if (node->node_case == PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION) {
        return value_function_kind(node->sqlvalue_function);
    }
    if (node->node_case != PG_QUERY__NODE__NODE_FUNC_CALL) {
        return KDB_DEFAULT_NONE;
    }
    const PgQuery__FuncCall *call = node->func_call;
    const bool plain = call->n_funcname == 1 && call->n_args == 0 && call->over == NULL && call->agg_filter == NULL &&
                       call->n_agg_order == 0 && !call->agg_star && !call->agg_distinct;
    const char *name = plain ? kdbi_node_string(call->funcname[0]) : NULL;
    return name == NULL ? KDB_DEFAULT_NONE : kdbi_default_function(kdb_sv_cstr(name));
}

/* A literal of the shape, a minus before it maybe: by their places in the text. */
static bool lift_cell(const cell_builder *builder, const PgQuery__Node *node, kdb_cell *cell)
{
    kdb_stmt *stmt = builder->stmt;
    if (stmt == NULL || stmt->shape == NULL || node->node_case != PG_QUERY__NODE__NODE_A_CONST ||
        node->a_const->isnull || node->a_const->location < 0) {
        return false;
    }
    size_t at = (size_t)node->a_const->location;
    cell->negative = at < stmt->text.len && stmt->text.ptr[at] == '-';
    for (at += cell->negative; cell->negative && at < stmt->text.len && stmt->text.ptr[at] == ' ';) {
        at++;
    }
    if (!kdbi_shape_literal_at(stmt->shape, (int32_t)at, &cell->index)) {
        cell->negative = false;
        return false;
    }
    cell->kind = KDB_CELL_LIFTED;
    stmt->lifted[cell->index] = true;
    return true;
}

/* As kdbi_node_location, which looks a field up by its name, for what cells mostly are. */
static int32_t cell_position(const PgQuery__Node *node)
{
    if (node->node_case == PG_QUERY__NODE__NODE_A_CONST) {
        return node->a_const->location;
    }
    return node->node_case == PG_QUERY__NODE__NODE_PARAM_REF ? node->param_ref->location : kdbi_node_location(node);
}

static void build_cell(cell_builder *builder, PgQuery__Node *node, kdb_cell *cell)
{
    cell->position = cell_position(node);
    if (node->node_case == PG_QUERY__NODE__NODE_PARAM_REF && node->param_ref->number > 0) {
        cell->kind = KDB_CELL_PARAM;
        cell->index = (uint32_t)node->param_ref->number;
        return;
    }
    if (node->node_case == PG_QUERY__NODE__NODE_SET_TO_DEFAULT) {
        cell->kind = KDB_CELL_DEFAULT;
        return;
    }
    if (lift_cell(builder, node, cell)) {
        return;
    }
    if (kdbi_literal_value(node, builder->arena, &cell->literal)) {
        cell->kind = KDB_CELL_LITERAL;
        return;
    }
    cell->function = cell_function(node);
    if (cell->function != KDB_DEFAULT_NONE) {
        cell->kind = KDB_CELL_FUNCTION;
        return;
    }
    add_expr(builder, node, cell);
}

/* ---- INSERT ---- */

typedef struct insert_builder {
    kdb_sv text;
    kdb_insert *insert;
    cell_builder cells;
} insert_builder;

static kdb_status check_width(const kdb_insert *insert, size_t width, int32_t position, kdb_err *err)
{
    if (insert->columns == NULL || insert->ncolumns == width) {
        return KDB_OK;
    }
    return KDB_FAIL_AT(err, position, KDB_INVALID_SQL,
                       width > insert->ncolumns ? "INSERT has more expressions than target columns"
                                                : "INSERT has more target columns than expressions");
}

static int32_t row_position(const PgQuery__List *row)
{
    return row->n_items == 0 ? -1 : kdbi_node_location(row->items[0]);
}

static kdb_status build_values(insert_builder *builder, const PgQuery__SelectStmt *values, kdb_err *err)
{
    kdb_insert *insert = builder->insert;
    insert->nrows = values->n_values_lists;
    insert->width = values->values_lists[0]->list->n_items;
    KDB_TRY(check_width(insert, insert->width, row_position(values->values_lists[0]->list), err));
    insert->cells = KDB_ARENA_ARRAY(builder->cells.arena, kdb_cell, insert->nrows * insert->width);
    kdb_cell *cell = insert->cells;
    for (size_t r = 0; r < insert->nrows; r++) {
        const PgQuery__List *row = values->values_lists[r]->list;
        if (row->n_items != insert->width) {
            return KDB_FAIL_AT(err, row_position(row), KDB_INVALID_SQL, "VALUES lists must all be the same length");
        }
        for (size_t c = 0; c < row->n_items; c++) {
            build_cell(&builder->cells, row->items[c], cell++);
        }
    }
    return KDB_OK;
}

/* Plain rows, with nothing that makes it a query. */
static bool is_values(const PgQuery__SelectStmt *select)
{
    return select->n_values_lists != 0 && select->n_sort_clause == 0 && select->limit_count == NULL &&
           select->limit_offset == NULL && select->with_clause == NULL;
}

/* WITH before INSERT, UPDATE and DELETE is the query's own. */
static kdb_status attach_with(PgQuery__SelectStmt *select, PgQuery__WithClause *with, kdb_err *err)
{
    if (with != NULL && select->with_clause != NULL) {
        return refuse(err, with->location, "A second WITH");
    }
    if (with != NULL) {
        select->with_clause = with;
    }
    return KDB_OK;
}

static kdb_status check_insert(const PgQuery__InsertStmt *insert, kdb_err *err)
{
    const bool overrides = insert->override != PG_QUERY__OVERRIDING_KIND__OVERRIDING_NOT_SET &&
                           insert->override != PG_QUERY__OVERRIDING_KIND__OVERRIDING_KIND_UNDEFINED;
    return overrides ? refuse(err, -1, "OVERRIDING") : KDB_OK;
}

static kdb_status build_rows(insert_builder *builder, const PgQuery__InsertStmt *stmt, kdb_err *err)
{
    kdb_insert *insert = builder->insert;
    if (stmt->select_stmt == NULL) { /* DEFAULT VALUES */
        insert->nrows = 1;
        return KDB_OK;
    }
    PgQuery__SelectStmt *select = stmt->select_stmt->select_stmt;
    if (!is_values(select)) {
        KDB_TRY(attach_with(select, stmt->with_clause, err));
        insert->select = kdbi_query_new(builder->cells.arena, builder->text, select);
        insert->select->insert_source = true;
        insert->select->stored = true;
        return KDB_OK;
    }
    KDB_TRY(build_values(builder, select, err));
    if (builder->cells.exprs != NULL) {
        KDB_TRY(attach_with(builder->cells.exprs, stmt->with_clause, err));
        insert->exprs = kdbi_query_new(builder->cells.arena, builder->text, builder->cells.exprs);
        insert->exprs->stored = true;
        insert->exprs->untitled = true;
    }
    return KDB_OK;
}

kdb_status kdbi_parse_insert(const PgQuery__InsertStmt *insert, kdb_arena *arena, kdb_stmt *stmt, kdb_err *err)
{
    insert_builder builder = { .text = stmt->text,
                               .insert = &stmt->as.insert,
                               .cells = { .arena = arena, .stmt = stmt } };
    KDB_TRY(check_insert(insert, err));
    KDB_TRY(kdbi_range_var_name(insert->relation, stmt->text, arena, &stmt->as.insert.table, err));
    if (insert->n_cols != 0) {
        stmt->as.insert.ncolumns = insert->n_cols;
        KDB_TRY(target_columns(insert->cols, insert->n_cols, stmt->text, arena, &stmt->as.insert.columns, err));
    }
    stmt->kind = KDB_STMT_INSERT;
    KDB_TRY(build_rows(&builder, insert, err));
    KDB_TRY(kdbi_parse_conflict(insert, stmt, arena, err));
    kdbi_parse_returning(&stmt->as.insert.rows, insert->returning_list, insert->n_returning_list, stmt->text,
                         insert->relation, arena);
    return KDB_OK;
}

/* ---- UPDATE and DELETE ---- */

static PgQuery__Node *range_var_node(kdb_arena *arena, PgQuery__RangeVar *var)
{
    PgQuery__Node *node = KDB_ARENA_NEW(arena, PgQuery__Node);
    pg_query__node__init(node);
    node->node_case = PG_QUERY__NODE__NODE_RANGE_VAR;
    node->range_var = var;
    return node;
}

/* SELECT <added later> FROM target, others WHERE where. */
static PgQuery__SelectStmt *change_select(kdb_arena *arena, PgQuery__RangeVar *target, PgQuery__Node **others,
                                          size_t nothers, PgQuery__Node *where, PgQuery__WithClause *with)
{
    PgQuery__SelectStmt *select = KDB_ARENA_NEW(arena, PgQuery__SelectStmt);
    pg_query__select_stmt__init(select);
    select->op = PG_QUERY__SET_OPERATION__SETOP_NONE;
    select->where_clause = where;
    select->with_clause = with;
    select->n_from_clause = nothers + 1;
    select->from_clause = KDB_ARENA_ARRAY(arena, PgQuery__Node *, nothers + 1);
    select->from_clause[0] = range_var_node(arena, target);
    if (nothers != 0) {
        memcpy(select->from_clause + 1, others, nothers * sizeof(void *));
    }
    return select;
}

/* SET (a, b) = (1, 2) comes as one reference per column to the row on the right. */
static kdb_status set_value(const PgQuery__ResTarget *target, PgQuery__Node **out, kdb_err *err)
{
    if (target->val->node_case != PG_QUERY__NODE__NODE_MULTI_ASSIGN_REF) {
        *out = target->val;
        return KDB_OK;
    }
    const PgQuery__MultiAssignRef *ref = target->val->multi_assign_ref;
    if (ref->source == NULL || ref->source->node_case != PG_QUERY__NODE__NODE_ROW_EXPR) {
        return refuse(err, target->location, "Assigning several columns from anything but a row");
    }
    const PgQuery__RowExpr *row = ref->source->row_expr;
    if (ref->colno < 1 || row->n_args != (size_t)ref->ncolumns || (size_t)ref->colno > row->n_args) {
        return KDB_FAIL_AT(err, target->location, KDB_INVALID_SQL, "number of columns does not match number of values");
    }
    *out = row->args[ref->colno - 1];
    return KDB_OK;
}

kdb_status kdbi_parse_assignments(kdbi_assignments *set, PgQuery__Node *const *targets, size_t ntargets, kdb_err *err)
{
    cell_builder builder = { .arena = set->arena, .stmt = set->stmt, .exprs = set->exprs };
    KDB_TRY(target_columns(targets, ntargets, set->stmt->text, set->arena, &set->columns, err));
    set->cells = KDB_ARENA_ARRAY(set->arena, kdb_cell, ntargets);
    for (size_t i = 0; i < ntargets; i++) {
        PgQuery__Node *value = NULL;
        KDB_TRY(set_value(targets[i]->res_target, &value, err));
        build_cell(&builder, value, &set->cells[i]);
    }
    set->exprs = builder.exprs;
    return KDB_OK;
}

kdb_status kdbi_parse_update(const PgQuery__UpdateStmt *update, kdb_arena *arena, kdb_stmt *stmt, kdb_err *err)
{
    kdb_change *change = &stmt->as.change;
    stmt->kind = KDB_STMT_UPDATE;
    if (update->where_clause == NULL) {
        return KDB_FAIL(err, KDB_STMT_INVALID_SQL, "UPDATE requires a WHERE clause");
    }
    KDB_TRY(kdbi_range_var_name(update->relation, stmt->text, arena, &change->table, err));
    PgQuery__SelectStmt *select = change_select(arena, update->relation, update->from_clause, update->n_from_clause,
                                                update->where_clause, update->with_clause);
    kdbi_assignments set = { .stmt = stmt, .arena = arena, .exprs = select };
    KDB_TRY(kdbi_parse_assignments(&set, update->target_list, update->n_target_list, err));
    change->columns = set.columns;
    change->cells = set.cells;
    change->ncolumns = update->n_target_list;
    change->select = kdbi_query_new(arena, stmt->text, select);
    change->select->stored = true;
    change->select->change = true;
    kdbi_parse_returning(&change->rows, update->returning_list, update->n_returning_list, stmt->text, update->relation,
                         arena);
    return KDB_OK;
}

kdb_status kdbi_parse_delete(const PgQuery__DeleteStmt *del, kdb_arena *arena, kdb_stmt *stmt, kdb_err *err)
{
    kdb_change *change = &stmt->as.change;
    stmt->kind = KDB_STMT_DELETE;
    if (del->where_clause == NULL) {
        return KDB_FAIL(err, KDB_STMT_INVALID_SQL, "DELETE requires a WHERE clause");
    }
    KDB_TRY(kdbi_range_var_name(del->relation, stmt->text, arena, &change->table, err));
    PgQuery__SelectStmt *select = change_select(arena, del->relation, del->using_clause, del->n_using_clause,
                                                del->where_clause, del->with_clause);
    change->select = kdbi_query_new(arena, stmt->text, select);
    change->select->change = true;
    kdbi_parse_returning(&change->rows, del->returning_list, del->n_returning_list, stmt->text, del->relation, arena);
    return KDB_OK;
}
