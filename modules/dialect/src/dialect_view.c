/* dialect_view.c - views: CREATE VIEW, whose query is parsed by PostgreSQL's grammar and kept as text, and the use of a
 * view, whose query is bound in place. A view's query sees none of the names around it: no WITH, no outer columns. */
#include "dialect_int.h"

/* ---- CREATE VIEW ---- */

enum { VIEW_COLUMNS_MAX = 1000 };

static kdb_status expect_column_names(kdbi_cursor *cur, kdb_view_stmt *view)
{
    view->columns = KDB_ARENA_ARRAY(cur->arena, kdb_sv, VIEW_COLUMNS_MAX);
    do {
        if (view->ncolumns == VIEW_COLUMNS_MAX) {
            return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL, "a view has at most %d columns",
                               VIEW_COLUMNS_MAX);
        }
        KDB_TRY(kdbi_expect_name(cur, &view->columns[view->ncolumns++]));
    } while (kdbi_accept_symbol(cur, ','));
    return kdbi_expect_symbol(cur, ')');
}

/* What follows AS, which must be a query on its own. */
static kdb_status check_query(kdbi_cursor *cur, kdb_view_stmt *view)
{
    const PgQuery__Node *node = NULL;
    uint32_t nparams = 0;
    KDB_TRY(kdbi_pg_parse(view->query, cur->arena, &node, &nparams, cur->err));
    if (node->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
        return KDB_FAIL_AT(cur->err, 0, KDB_INVALID_SQL, "a view is made of a SELECT");
    }
    if (nparams != 0) {
        return KDB_FAIL_AT(cur->err, 0, KDB_INVALID_SQL, "a view cannot have parameters");
    }
    return KDB_OK;
}

static kdb_status parse_view(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_view_stmt *view = &stmt->as.view;
    view->or_replace = kdbi_accept_words(cur, "OR REPLACE");
    KDB_TRY(kdbi_expect_word(cur, "VIEW"));
    KDB_TRY(kdbi_expect_table_name(cur, &view->view));
    if (kdbi_accept_symbol(cur, '(')) {
        KDB_TRY(expect_column_names(cur, view));
    }
    KDB_TRY(kdbi_expect_word(cur, "AS"));
    const size_t start = cur->token.offset;
    view->query = kdb_sv_of(stmt->text.ptr + start, stmt->text.len - start);
    view->query_position = (int32_t)start;
    if (view->query.len == 0) {
        return kdbi_syntax_error(cur);
    }
    const kdb_status status = check_query(cur, view);
    if (status != KDB_OK && cur->err != NULL && cur->err->position >= 0) {
        cur->err->position += view->query_position;
    }
    return status;
}

kdb_status kdbi_parse_create_view(kdbi_cursor *cur, kdb_stmt *stmt)
{
    const kdb_status status = parse_view(cur, stmt);
    if (status != KDB_OK) {
        kdb_err_context(cur->err, "Invalid CREATE VIEW statement");
    }
    return status;
}

kdb_status kdbi_parse_materialized_view(kdbi_cursor *cur, kdb_stmt *stmt)
{
    (void)stmt;
    return KDB_FAIL_AT(cur->err, 0, KDB_INVALID_SQL,
                       "Invalid CREATE VIEW statement: MATERIALIZED VIEWS are not supported yet");
}

kdb_status kdbi_parse_temporary_view(kdbi_cursor *cur, kdb_stmt *stmt)
{
    (void)stmt;
    return KDB_FAIL_AT(cur->err, 0, KDB_INVALID_SQL,
                       "Invalid CREATE VIEW statement: TEMPORARY VIEWS are not supported");
}

/* ---- the use of a view ---- */

/* The view's columns among its query's: both in the query's order, which may have gained columns in between. */
static kdb_status pick_columns(kdbi_binding *b, const kdb_bind_view *view, kdbi_columns *query, int32_t position,
                               kdbi_columns *out)
{
    size_t at = 0;
    for (size_t i = 0; i < view->ncolumns; i++) {
        while (at < query->count && !kdb_sv_eq(query->items[at].name, view->sources[i])) {
            at++;
        }
        if (at == query->count) {
            return KDBI_REFUSE(b, position, "the view no longer fits what it reads: its column \"%.*s\" is missing",
                               KDB_SV_ARG(view->names[i]));
        }
        kdbi_column *column = kdbi_columns_add(out, b->arena);
        *column = query->items[at++];
        column->name = view->names[i];
    }
    return KDB_OK;
}

/* The query with its columns named apart, and of those the view's. */
static kdb_status emit_view_query(kdbi_binding *b, const kdb_bind_view *view, int32_t position, kdb_buf *out,
                                  kdbi_columns *columns)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf body = { .limit = KDBI_TEXT_MAX };
    const kdbi_context nothing = { 0 };
    kdbi_columns query = { 0 };
    bool renamed = false;
    KDB_TRY(kdbi_emit_query(b, &nothing, view->query->select, &body, &query));
    KDB_TRY(kdbi_columns_unique(b, &query, position, &renamed));
    KDB_TRY(pick_columns(b, view, &query, position, columns));
    columns->is_rows = query.is_rows;
    columns->where = query.where;
    kdb_buf_append_lit(out, "(SELECT ");
    for (size_t i = 0; i < columns->count; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("") : KDB_SV(", "));
        kdbi_emit_name(columns->items[i].engine, out);
    }
    kdb_buf_append_lit(out, " FROM (");
    KDB_TRY(kdbi_append_part(b, out, &body));
    kdb_buf_append_lit(out, ") AS \"kdb_view\"");
    for (size_t i = 0; i < query.count; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("(") : KDB_SV(", "));
        kdbi_emit_name(query.items[i].engine, out);
    }
    kdb_buf_append_lit(out, "))");
    return KDB_OK;
}

/* Nesting through views counts like nesting that is written: the walk recurses all the same. */
static kdb_status enter(kdbi_binding *b, const kdb_bind_view *view, int32_t position)
{
    if (b->view_depth == KDB_VIEW_DEPTH_MAX) {
        return KDBI_REFUSE(b, position, "views nest more than %d deep", KDB_VIEW_DEPTH_MAX);
    }
    if (++b->nviews > KDBI_TABLES_MAX) {
        return KDBI_REFUSE(b, position, "the statement reads more than %d views", KDBI_TABLES_MAX);
    }
    b->nesting += (b->view_depth == 0 ? kdbi_nesting(b->query->text) : 0) + kdbi_nesting(view->query->text);
    if (b->nesting > KDBI_NESTING_MAX) {
        return KDBI_REFUSE(b, position, "Expression nesting limit %d exceeded", KDBI_NESTING_MAX);
    }
    return KDB_OK;
}

/* An error's place in a view's text means nothing to who uses the view: it becomes the place of the view's name. */
static void place_in_view(kdbi_binding *b, const kdb_table_name *name)
{
    if (b->err != NULL && b->view_depth == 0) {
        b->err->position = name->position;
        kdb_err_context(b->err, "view '%.*s'", KDB_SV_ARG(name->name));
    }
}

kdb_status kdbi_emit_view(kdbi_binding *b, const kdb_bind_view *view, const kdb_table_name *name, kdb_buf *out,
                          kdbi_columns *columns)
{
    const kdbi_binding outside = *b;
    KDB_TRY(enter(b, view, name->position));
    b->view_position = name->position;
    b->view_depth++;
    b->query = view->query;
    b->view_ns = view->ns;
    const kdb_status status = emit_view_query(b, view, name->position, out, columns);
    b->view_depth--;
    b->nesting = outside.nesting;
    b->view_position = outside.view_position;
    b->view_ns = outside.view_ns;
    b->query = outside.query;
    if (status != KDB_OK) {
        place_in_view(b, name);
    }
    return status;
}
