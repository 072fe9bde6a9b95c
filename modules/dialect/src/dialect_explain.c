/* dialect_explain.c - EXPLAIN [ANALYZE] [VERBOSE] statement, also as EXPLAIN (ANALYZE, VERBOSE) statement. */
#include "dialect_int.h"

static bool accept_option(kdbi_cursor *cur, kdb_explain_stmt *explain)
{
    if (kdbi_accept_word(cur, "ANALYZE")) {
        explain->analyze = true;
        return true;
    }
    if (kdbi_accept_word(cur, "VERBOSE")) {
        explain->verbose = true;
        return true;
    }
    return false;
}

/* `(SELECT ..)` is a query in brackets, and `(` before another word a list of options. */
static kdb_status parse_options(kdbi_cursor *cur, kdb_explain_stmt *explain)
{
    kdbi_cursor ahead = *cur;
    if (!kdbi_accept_symbol(&ahead, '(') || ahead.token.kind != KDBI_TOKEN_WORD || kdbi_at_word(&ahead, "SELECT") ||
        kdbi_at_word(&ahead, "WITH") || kdbi_at_word(&ahead, "VALUES")) {
        while (accept_option(cur, explain)) {}
        return KDB_OK;
    }
    do {
        if (!accept_option(&ahead, explain)) {
            return KDB_FAIL_AT(cur->err, (int32_t)ahead.token.offset, KDB_INVALID_SQL,
                               "EXPLAIN option \"%.*s\" is not supported", KDB_SV_ARG(ahead.token.text));
        }
    } while (kdbi_accept_symbol(&ahead, ','));
    *cur = ahead;
    return kdbi_expect_symbol(cur, ')');
}

static kdb_status check_explained(kdbi_cursor *cur, kdb_explain_stmt *explain, const kdb_stmt *inner)
{
    switch (inner->kind) {
    case KDB_STMT_QUERY:
        return KDB_OK;
    case KDB_STMT_INSERT:
    case KDB_STMT_UPDATE:
    case KDB_STMT_DELETE:
        break;
    default: /* all others have no plan */
        return KDB_FAIL_AT(cur->err, explain->position, KDB_INVALID_SQL,
                           "EXPLAIN takes a SELECT, INSERT, UPDATE or DELETE");
    }
    if (explain->analyze) {
        return KDB_FAIL_AT(cur->err, explain->position, KDB_INVALID_SQL,
                           "EXPLAIN ANALYZE would run the statement: it takes a SELECT only");
    }
    return KDB_OK;
}

kdb_status kdbi_parse_explain(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_explain_stmt *explain = &stmt->as.explain;
    KDB_TRY(parse_options(cur, explain));
    const size_t start = cur->token.offset;
    explain->text = kdb_sv_of(stmt->text.ptr + start, stmt->text.len - start);
    explain->position = (int32_t)start;
    if (kdbi_at_end(cur) || kdbi_at_word(cur, "EXPLAIN")) {
        return kdbi_syntax_error(cur);
    }
    kdb_stmt *inner = NULL;
    const kdb_status status = kdb_dialect_parse(explain->text, NULL, cur->arena, &inner, cur->err);
    if (status != KDB_OK) {
        if (cur->err != NULL && cur->err->position >= 0) {
            cur->err->position += explain->position;
        }
        return status;
    }
    explain->kind = inner->kind;
    stmt->nparams = inner->nparams;
    return check_explained(cur, explain, inner);
}
