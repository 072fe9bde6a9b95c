/* dialect_bind.c - a parsed query to engine SQL (design 6). The tree is read, never changed: every part of the engine's
 * text is written by us from what we understand, so that what we do not understand cannot reach the engine. */
#include "dialect_int.h"

/* ---- pieces of text ---- */

void kdbi_emit_name(kdb_sv name, kdb_buf *out)
{
    kdb_buf_append_quoted(out, name, '"');
}

kdb_status kdbi_emit_text(kdbi_binding *b, kdb_sv text, int32_t position, kdb_buf *out)
{
    if (!kdb_utf8_valid(text)) { /* E'\xff' */
        return KDBI_REFUSE(b, position, "a string literal is not valid UTF-8");
    }
    kdb_buf_append_quoted(out, text, '\'');
    return KDB_OK;
}

kdb_status kdbi_append_part(kdbi_binding *b, kdb_buf *out, kdb_buf *part)
{
    if (part->overflow || out->overflow) {
        return KDBI_REFUSE(b, -1, "the statement is too large");
    }
    kdb_buf_append_sv(out, kdb_buf_sv(part));
    kdb_buf_done(part);
    return KDB_OK;
}

uint32_t kdbi_extra_param(kdbi_binding *b, kdb_extra_kind kind)
{
    kdb_bound *bound = b->bound;
    size_t index = 0;
    while (index < bound->nextras && bound->extras[index].kind != kind) {
        index++;
    }
    if (index == bound->nextras) {
        bound->extras[bound->nextras++] = (kdb_extra){ .kind = kind };
    }
    return b->nparams + (uint32_t)index + 1;
}

void kdbi_emit_extra(kdbi_binding *b, kdb_extra_kind kind, kdb_buf *out)
{
    kdb_buf_printf(out, "$%u", kdbi_extra_param(b, kind));
}

/* ---- UPDATE and DELETE ---- */

/* A target row that meets several rows of the other tables is changed once. */
static void emit_key_columns(const kdbi_relation *target, bool joined, kdb_buf *out)
{
    kdb_buf_append_lit(out, "SELECT ");
    if (joined) {
        kdb_buf_append_lit(out, "DISTINCT ON (");
        kdbi_emit_name(target->engine, out);
        kdb_buf_append_lit(out, ".\"_key\") ");
    }
    kdbi_emit_name(target->engine, out);
    kdb_buf_append_lit(out, ".\"_key\", ");
    kdbi_emit_name(target->engine, out);
    kdb_buf_append_lit(out, ".\"_seq\"");
}

static kdb_status emit_set_values(const kdbi_expr *e, const PgQuery__SelectStmt *select, kdb_buf *out)
{
    for (size_t i = 0; i < select->n_target_list; i++) {
        kdb_buf_append_lit(out, ", ");
        KDB_TRY(kdbi_emit_expr(e, select->target_list[i]->res_target->val, out));
    }
    return KDB_OK;
}

/* The target takes slot 0 before WITH is looked at; no WITH name hides it. */
static kdb_status emit_change(kdbi_binding *b, const PgQuery__SelectStmt *select, kdb_buf *out)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf from = { .limit = KDBI_TEXT_MAX };
    kdbi_context context = { 0 };
    kdbi_scope scope = { 0 };
    kdb_buf_append_lit(&from, " FROM ");
    KDB_TRY(kdbi_emit_target(b, &scope, select->from_clause[0]->range_var, &from));
    KDB_TRY(kdbi_emit_with(b, &context, select->with_clause, out));
    KDB_TRY(kdbi_emit_from_list(b, &context, &scope, select, 1, &from));
    kdbi_expr e = kdbi_expr_in(b, &context, &scope);
    emit_key_columns(scope.relations[0], select->n_from_clause > 1, out);
    KDB_TRY(emit_set_values(&e, select, out));
    KDB_TRY(kdbi_append_part(b, out, &from));
    KDB_TRY(kdbi_emit_where(&e, select, out));
    kdbi_single_of_change(b, &context, &scope, select);
    return KDB_OK;
}

/* ---- the whole ---- */

static kdb_type_kind shown_as(const kdbi_column *result)
{
    const kdb_type_kind kind = result->slot < 0 ? result->type.kind : KDB_TYPE_NULL;
    return kind == KDB_TYPE_JSON || kind == KDB_TYPE_FILE || kind == KDB_TYPE_DATETIME ? kind : KDB_TYPE_NULL;
}

static void bound_columns(kdbi_binding *b, const kdbi_columns *results)
{
    kdb_bound *bound = b->bound;
    bound->ncolumns = results->count;
    bound->columns = KDB_ARENA_ARRAY(b->arena, kdb_bound_column, results->count);
    for (size_t i = 0; i < results->count; i++) {
        const kdbi_column *result = &results->items[i];
        bound->columns[i] = (kdb_bound_column){ .slot = result->slot,
                                                .column = result->column,
                                                .position = result->place - 1,
                                                .constant = result->constant,
                                                .cast = shown_as(result) };
    }
}

static kdb_status emit_statement(kdbi_binding *b, kdb_buf *out)
{
    if (b->query->change) {
        return emit_change(b, b->query->select, out);
    }
    const kdbi_context context = { 0 };
    kdbi_columns results = { 0 };
    KDB_TRY(kdbi_emit_query(b, &context, b->query->select, out, &results));
    bound_columns(b, &results);
    return KDB_OK;
}

/* `name AS (SELECT $1, ..)` for the parameters that the text does not use. */
static void emit_unused_params(const kdbi_binding *b, kdb_buf *out)
{
    for (uint32_t i = 0; i < b->nparams; i++) {
        if (!b->param_used[i]) {
            kdb_buf_append_sv(out, out->len == 0 ? KDB_SV("\"kdb_unused\" AS (SELECT ") : KDB_SV(", "));
            kdb_buf_printf(out, "CAST($%u AS VARCHAR)", i + 1);
        }
    }
    if (out->len != 0) {
        kdb_buf_append_byte(out, ')');
    }
}

/* The engine numbers parameters without gaps: one that is not used must be named all the same, so a WITH query that
 * nobody reads names it. */
static kdb_status finish(kdbi_binding *b, const kdb_buf *text)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf unused = { .limit = KDBI_TEXT_MAX };
    kdb_sv sql = kdb_buf_sv(text);
    if (text->overflow) {
        return KDBI_REFUSE(b, -1, "the statement is too large");
    }
    emit_unused_params(b, &unused);
    if (unused.len == 0) {
        b->bound->sql = kdb_sv_dup(b->arena, sql);
        return KDB_OK;
    }
    kdb_sv words = KDB_SV("WITH RECURSIVE ");
    if (!kdb_sv_has_prefix(sql, words)) {
        words = KDB_SV("WITH ");
    }
    const bool has_with = kdb_sv_has_prefix(sql, words);
    const kdb_sv rest = has_with ? kdb_sv_of(sql.ptr + words.len, sql.len - words.len) : sql;
    b->bound->sql = kdb_sv_printf(b->arena, "%.*s%.*s%s%.*s", KDB_SV_ARG(words), KDB_SV_ARG(kdb_buf_sv(&unused)),
                                  has_with ? ", " : " ", KDB_SV_ARG(rest));
    return KDB_OK;
}

kdb_status kdb_dialect_bind(const kdb_query *query, uint32_t nparams, const kdb_binder *binder, kdb_arena *arena,
                            kdb_bound **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf text = { .limit = KDBI_TEXT_MAX };
    kdbi_binding b = { .query = query, .binder = binder, .arena = arena, .err = err, .nparams = nparams };
    b.bound = KDB_ARENA_NEW(arena, kdb_bound);
    kdbi_begin_lifting(&b);
    b.param_used = KDB_ARENA_ARRAY(arena, bool, nparams + 1);
    KDB_TRY(emit_statement(&b, &text));
    KDB_TRY(finish(&b, &text));
    *out = b.bound;
    return KDB_OK;
}
