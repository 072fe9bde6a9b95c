/* dialect_subscribe.c - SUBSCRIBE TO and KILL LIVE QUERY (sql.md 14). What is subscribed to becomes a SELECT that names its
 * table with the namespace: the text that a client sends when it opens the live query. */
#include "dialect_int.h"

/* ---- where the SELECT ends ---- */

/* False behind what an expression goes on after: `WHERE a = options`, `SELECT a, options`. */
static bool may_end(const kdbi_token *token)
{
    static const char *const open_words[] = { "SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "BY", "IN", "LIKE", "AS" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(open_words); i++) {
        if (kdbi_token_is_word(token, open_words[i])) {
            return false;
        }
    }
    return token->kind != KDBI_TOKEN_OPERATOR && !kdbi_token_is(token, ',') && !kdbi_token_is(token, '.') &&
           !kdbi_token_is(token, '(');
}

/* OPTIONS may be a column too: what follows tells. */
static bool at_options(const kdbi_cursor *cur, const kdbi_token *before)
{
    kdbi_cursor ahead = *cur;
    if (!kdbi_accept_word(&ahead, "OPTIONS")) {
        return false;
    }
    if (kdbi_at_symbol(&ahead, '(')) {
        return true;
    }
    const bool end = kdbi_at_end(&ahead);
    const bool name = ahead.token.kind == KDBI_TOKEN_WORD;
    kdbi_advance(&ahead);
    return may_end(before) && (end || (name && kdbi_at_symbol(&ahead, '=')));
}

static bool at_last(const kdbi_cursor *cur)
{
    kdbi_cursor ahead = *cur;
    return kdbi_accept_word(&ahead, "LAST") && ahead.token.kind == KDBI_TOKEN_NUMBER;
}

/* To OPTIONS or LAST, or to the end. */
static void skip_query(kdbi_cursor *cur)
{
    kdbi_token before = cur->token;
    for (size_t depth = 0; !kdbi_at_end(cur); kdbi_advance(cur)) {
        if (depth == 0 && (at_options(cur, &before) || at_last(cur))) {
            return;
        }
        depth += kdbi_at_symbol(cur, '(') || kdbi_at_symbol(cur, '[');
        depth -= depth != 0 && (kdbi_at_symbol(cur, ')') || kdbi_at_symbol(cur, ']'));
        before = cur->token;
    }
}

/* ---- OPTIONS ---- */

/* Digits, with or without quotes: a `_seq` is a text on the wire. */
static kdb_status expect_count(kdbi_cursor *cur, kdb_sv name, int64_t max, int64_t *out)
{
    const bool string = cur->token.kind == KDBI_TOKEN_STRING;
    const kdb_sv digits = string ? kdbi_token_string(&cur->token, cur->arena) : cur->token.text;
    int64_t value = -1;
    if ((!string && cur->token.kind != KDBI_TOKEN_NUMBER) || kdb_parse_i64(digits, &value, NULL) != KDB_OK ||
        value < 0 || value > max) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL,
                           "Subscription option %.*s must be a whole number from 0 to %lld", KDB_SV_ARG(name),
                           (long long)max);
    }
    *out = value;
    kdbi_advance(cur);
    return KDB_OK;
}

typedef struct option_row {
    const char *name;
    size_t offset; /* of an int64_t in kdb_subscribe_stmt */
    int64_t max;
} option_row;

static const option_row option_rows[] = {
    { "last_rows", offsetof(kdb_subscribe_stmt, last_rows), UINT32_MAX },
    { "batch_size", offsetof(kdb_subscribe_stmt, batch_size), UINT32_MAX },
    { "from", offsetof(kdb_subscribe_stmt, from), INT64_MAX },
    { "from_seq_id", offsetof(kdb_subscribe_stmt, from), INT64_MAX },
};

static const option_row *find_option(kdb_sv name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(option_rows); i++) {
        if (kdb_sv_ieq(name, kdb_sv_cstr(option_rows[i].name))) {
            return &option_rows[i];
        }
    }
    return NULL;
}

static kdb_status expect_option(kdbi_cursor *cur, kdb_subscribe_stmt *subscribe)
{
    const int32_t position = (int32_t)cur->token.offset;
    kdb_sv name;
    KDB_TRY(kdbi_expect_name(cur, &name));
    const option_row *row = find_option(name);
    if (row == NULL) {
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL,
                           "Unknown subscription option: '%.*s'. Valid options are: last_rows, batch_size, from",
                           KDB_SV_ARG(name));
    }
    int64_t *value = (int64_t *)(void *)((char *)subscribe + row->offset);
    if (*value >= 0) {
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "Subscription option %s is given twice", row->name);
    }
    KDB_TRY(kdbi_expect_symbol(cur, '='));
    return expect_count(cur, kdb_sv_cstr(row->name), row->max, value);
}

static kdb_status expect_options(kdbi_cursor *cur, kdb_subscribe_stmt *subscribe)
{
    if (!kdbi_at_symbol(cur, '(')) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL,
                           "OPTIONS clause must be wrapped in parentheses, e.g., OPTIONS (last_rows=10)");
    }
    do {
        kdbi_advance(cur);
        if (kdbi_at_symbol(cur, ')')) { /* a comma may stand behind the last one */
            break;
        }
        KDB_TRY(expect_option(cur, subscribe));
    } while (kdbi_at_symbol(cur, ','));
    return kdbi_expect_symbol(cur, ')');
}

static kdb_status expect_clause(kdbi_cursor *cur, kdb_subscribe_stmt *subscribe)
{
    if (kdbi_accept_word(cur, "OPTIONS")) {
        KDB_TRY(expect_options(cur, subscribe));
    } else if (kdbi_accept_word(cur, "LAST")) {
        KDB_TRY(expect_count(cur, KDB_SV("last_rows"), UINT32_MAX, &subscribe->last_rows));
    }
    return kdbi_expect_end(cur);
}

/* ---- the SELECT ---- */

static const char named_namespace[] = "\"default\".";

static kdb_status check_from(kdbi_cursor *cur, const PgQuery__SelectStmt *select, const PgQuery__RangeVar **out)
{
    const bool one = select->larg == NULL && select->n_values_lists == 0 && select->with_clause == NULL &&
                     select->n_from_clause == 1 && select->from_clause[0]->node_case != PG_QUERY__NODE__NODE_JOIN_EXPR;
    if (!one) {
        return KDB_FAIL_AT(cur->err, 0, KDB_INVALID_SQL, "SUBSCRIBE TO requires exactly one table");
    }
    if (select->from_clause[0]->node_case != PG_QUERY__NODE__NODE_RANGE_VAR) {
        return KDB_FAIL_AT(cur->err, 0, KDB_INVALID_SQL, "SUBSCRIBE TO requires direct table reference");
    }
    *out = select->from_clause[0]->range_var;
    return KDB_OK;
}

static kdb_status read_query(kdbi_cursor *cur, kdb_subscribe_stmt *subscribe, kdb_sv written)
{
    const PgQuery__Node *node = NULL;
    const PgQuery__RangeVar *table = NULL;
    uint32_t nparams = 0;
    KDB_TRY(kdbi_pg_parse(written, cur->arena, &node, &nparams, cur->err));
    if (nparams != 0) {
        return KDB_FAIL_AT(cur->err, 0, KDB_INVALID_SQL, "SUBSCRIBE TO takes no parameters: a live query has none");
    }
    if (node->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
        return KDB_FAIL_AT(cur->err, 0, KDB_INVALID_SQL, "SUBSCRIBE TO requires exactly one table");
    }
    KDB_TRY(check_from(cur, node->select_stmt, &table));
    KDB_TRY(kdbi_range_var_name(table, written, cur->arena, &subscribe->table, cur->err));
    subscribe->query = written;
    if (subscribe->table.ns.len != 0 || table->location < 0) {
        return KDB_OK;
    }
    const size_t at = (size_t)table->location;
    subscribe->query = kdb_sv_printf(cur->arena, "%.*s%s%.*s", (int)at, written.ptr, named_namespace,
                                     (int)(written.len - at), written.ptr + at);
    subscribe->table.ns = KDB_SV("default");
    subscribe->inserted_at = table->location;
    subscribe->inserted = (int32_t)sizeof(named_namespace) - 1;
    return KDB_OK;
}

int32_t kdb_dialect_subscribe_position(const kdb_subscribe_stmt *subscribe, int32_t position)
{
    const int32_t past = position - subscribe->inserted_at;
    if (position < 0) {
        return position;
    }
    const int32_t inserted = past <= 0 ? 0 : past < subscribe->inserted ? past : subscribe->inserted;
    const int32_t behind = position - inserted - subscribe->prefix;
    return subscribe->start + (behind < 0 ? 0 : behind);
}

/* After SUBSCRIBE TO: a SELECT, or what would follow `SELECT * FROM`; then OPTIONS. */
kdb_status kdbi_parse_subscribe(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_subscribe_stmt *subscribe = KDB_ARENA_NEW(cur->arena, kdb_subscribe_stmt);
    *subscribe = (kdb_subscribe_stmt){ .last_rows = -1, .batch_size = -1, .from = -1 };
    stmt->as.subscribe = subscribe;
    const size_t start = cur->token.offset;
    const kdb_sv before = kdbi_at_word(cur, "SELECT") ? KDB_SV("") : KDB_SV("SELECT * FROM ");
    subscribe->start = (int32_t)start;
    subscribe->prefix = (int32_t)before.len;
    skip_query(cur);
    const kdb_sv rest = kdb_sv_trim(kdb_sv_of(stmt->text.ptr + start, cur->token.offset - start));
    if (rest.len == 0) {
        return kdbi_syntax_error(cur);
    }
    KDB_TRY(expect_clause(cur, subscribe));
    const kdb_sv written =
        before.len == 0 ? rest : kdb_sv_printf(cur->arena, "%.*s%.*s", KDB_SV_ARG(before), KDB_SV_ARG(rest));
    const kdb_status status = read_query(cur, subscribe, written);
    if (status != KDB_OK && cur->err != NULL) {
        cur->err->position = kdb_dialect_subscribe_position(subscribe, cur->err->position);
    }
    return status;
}

/* ---- KILL LIVE QUERY ---- */

kdb_status kdbi_parse_kill_live(kdbi_cursor *cur, kdb_stmt *stmt)
{
    KDB_TRY(kdbi_expect_string(cur, &stmt->as.live_id));
    return kdbi_expect_end(cur);
}
