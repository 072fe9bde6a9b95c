/* dialect_with.c - WITH: each query becomes `kdb_cte_N` with its columns listed, so that the engine never sees its
 * name. */
#include "dialect_int.h"

static kdb_status check_cte(kdbi_binding *b, const PgQuery__CommonTableExpr *cte)
{
    if (cte->search_clause != NULL || cte->cycle_clause != NULL) {
        return KDBI_REFUSE(b, cte->location, "SEARCH and CYCLE are not supported");
    }
    if (cte->ctequery == NULL || cte->ctequery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
        return KDBI_REFUSE(b, cte->location, "WITH holds a statement that is not a SELECT");
    }
    return KDB_OK;
}

static kdb_status name_cte_columns(kdbi_binding *b, kdbi_cte *cte, const PgQuery__CommonTableExpr *expr)
{
    bool renamed = false;
    if (expr->n_aliascolnames > cte->columns.count) {
        return KDBI_REFUSE(b, expr->location, "WITH query \"%s\" has %zu columns available but %zu columns specified",
                           expr->ctename, cte->columns.count, expr->n_aliascolnames);
    }
    for (size_t i = 0; i < expr->n_aliascolnames; i++) {
        const char *name = kdbi_node_string(expr->aliascolnames[i]);
        cte->columns.items[i].name = kdb_sv_cstr(name == NULL ? "" : name);
    }
    return kdbi_columns_unique(b, &cte->columns, expr->location, &renamed);
}

static void emit_cte_head(const kdbi_cte *cte, const PgQuery__CommonTableExpr *expr, kdb_buf *out)
{
    kdbi_emit_name(cte->engine, out);
    for (size_t i = 0; i < cte->columns.count; i++) {
        kdb_buf_append_sv(out, i == 0 ? KDB_SV("(") : KDB_SV(", "));
        kdbi_emit_name(cte->columns.items[i].engine, out);
    }
    kdb_buf_append_lit(out, ") AS ");
    if (expr->ctematerialized == PG_QUERY__CTEMATERIALIZE__CTEMaterializeAlways) {
        kdb_buf_append_lit(out, "MATERIALIZED ");
    } else if (expr->ctematerialized == PG_QUERY__CTEMATERIALIZE__CTEMaterializeNever) {
        kdb_buf_append_lit(out, "NOT MATERIALIZED ");
    }
}

/* UNION without what would be in the way of recursion. */
static bool may_recurse(const PgQuery__SelectStmt *select)
{
    return select->op == PG_QUERY__SET_OPERATION__SETOP_UNION && select->n_sort_clause == 0 &&
           select->limit_count == NULL && select->limit_offset == NULL && select->with_clause == NULL;
}

/* `<base> UNION <step>`, where the step sees the query itself with the base's columns. */
static kdb_status emit_recursive_body(kdbi_binding *b, const kdbi_context *context, kdbi_cte *cte,
                                      const PgQuery__CommonTableExpr *expr, kdb_buf *out)
{
    const PgQuery__SelectStmt *select = expr->ctequery->select_stmt;
    KDB_TRY(kdbi_emit_side(b, context, select->larg, out, &cte->columns));
    KDB_TRY(name_cte_columns(b, cte, expr));
    for (size_t i = 0; i < cte->columns.count; i++) {
        cte->columns.items[i].slot = -1;
        cte->columns.items[i].constant = false;
    }
    kdb_buf_append_sv(out, kdbi_set_words(select));
    const kdbi_context step = { context->outer, cte };
    kdbi_columns results = { 0 };
    KDB_TRY(kdbi_emit_side(b, &step, select->rarg, out, &results));
    if (results.count != cte->columns.count) {
        return KDBI_REFUSE(b, expr->location, "each query of a set operation must have the same number of columns");
    }
    return KDB_OK;
}

static kdb_status emit_cte_body(kdbi_binding *b, const kdbi_context *context, kdbi_cte *cte,
                                const PgQuery__CommonTableExpr *expr, bool recursive, kdb_buf *out)
{
    if (recursive && may_recurse(expr->ctequery->select_stmt)) {
        return emit_recursive_body(b, context, cte, expr, out);
    }
    KDB_TRY(kdbi_emit_query(b, context, expr->ctequery->select_stmt, out, &cte->columns));
    return name_cte_columns(b, cte, expr);
}

/* The columns come out of the body, so that is written aside and the head, which lists them, before it. */
static kdb_status emit_cte(kdbi_binding *b, kdbi_context *context, const PgQuery__CommonTableExpr *expr, bool recursive,
                           kdb_buf *out)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf body = { .limit = KDBI_TEXT_MAX };
    KDB_TRY(check_cte(b, expr));
    if (b->nctes == KDBI_WITHS_MAX) {
        return KDBI_REFUSE(b, expr->location, "the statement has more than %d WITH queries", KDBI_WITHS_MAX);
    }
    kdbi_cte *cte = KDB_ARENA_NEW(b->arena, kdbi_cte);
    cte->next = context->ctes;
    cte->name = kdb_sv_cstr(expr->ctename);
    cte->engine = kdb_sv_printf(b->arena, "kdb_cte_%u", b->nctes++);
    KDB_TRY(emit_cte_body(b, context, cte, expr, recursive, &body));
    emit_cte_head(cte, expr, out);
    kdb_buf_append_byte(out, '(');
    KDB_TRY(kdbi_append_part(b, out, &body));
    kdb_buf_append_byte(out, ')');
    context->ctes = cte;
    return KDB_OK;
}

/* Two queries of one list have two names; those of lists around it may be hidden. */
static kdb_status check_name(kdbi_binding *b, const kdbi_cte *ctes, const kdbi_cte *outer,
                             const PgQuery__CommonTableExpr *expr)
{
    for (; ctes != outer; ctes = ctes->next) {
        if (kdb_sv_eq(ctes->name, kdb_sv_cstr(expr->ctename))) {
            return KDBI_REFUSE(b, expr->location, "WITH query name \"%s\" specified more than once", expr->ctename);
        }
    }
    return KDB_OK;
}

/* Adds to context->ctes: each name is visible to those after it and to the query. */
kdb_status kdbi_emit_with(kdbi_binding *b, kdbi_context *context, const PgQuery__WithClause *with, kdb_buf *out)
{
    const kdbi_cte *outer = context->ctes;
    if (with != NULL && with->n_ctes > KDBI_TABLES_MAX) {
        return KDBI_REFUSE(b, with->location, "WITH has more than %d queries", KDBI_TABLES_MAX);
    }
    for (size_t i = 0; with != NULL && i < with->n_ctes; i++) {
        const kdb_sv words = with->recursive ? KDB_SV("WITH RECURSIVE ") : KDB_SV("WITH ");
        kdb_buf_append_sv(out, i == 0 ? words : KDB_SV(", "));
        if (with->ctes[i]->node_case != PG_QUERY__NODE__NODE_COMMON_TABLE_EXPR) {
            return KDBI_REFUSE(b, with->location, "this form of WITH is not supported");
        }
        KDB_TRY(check_name(b, context->ctes, outer, with->ctes[i]->common_table_expr));
        KDB_TRY(emit_cte(b, context, with->ctes[i]->common_table_expr, with->recursive, out));
    }
    if (with != NULL && with->n_ctes != 0) {
        kdb_buf_append_byte(out, ' ');
    }
    return KDB_OK;
}
