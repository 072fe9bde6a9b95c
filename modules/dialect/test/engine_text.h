/* engine_text.h - checks the wall from outside: reads engine SQL that the binder made and says whether anything in it
 * could be a name that a user chose where the engine looks names up. Bare words must be words the binder itself
 * writes, quoted names followed by a bracket must be functions of the list, and FROM reads scans and our own WITH
 * names only. Header only: the module's tests and the fuzzer use it. */
#ifndef KDB_TEST_ENGINE_TEXT_H
#define KDB_TEST_ENGINE_TEXT_H

#include "kdb/dialect.h"

/* Everything the binder writes without quotes. */
static const char *const engine_words[] = {
    "SELECT", "DISTINCT", "ON", "FROM", "WHERE", "GROUP", "BY", "HAVING", "ORDER", "ASC", "DESC", "NULLS", "FIRST",
    "LAST", "LIMIT", "OFFSET", "WITH", "RECURSIVE", "AS", "MATERIALIZED", "NOT", "VALUES", "UNION", "ALL", "INTERSECT",
    "EXCEPT", "JOIN", "LEFT", "RIGHT", "FULL", "CROSS", "USING", "LATERAL", "AND", "OR", "IS", "NULL", "TRUE", "FALSE",
    "IN", "EXISTS", "ANY", "ARRAY", "CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "TRY_CAST", "COALESCE", "ROW",
    "BETWEEN", "LIKE", "ILIKE", "ESCAPE", "GROUPING", "SETS", "ROLLUP", "CUBE", "FILTER", "WITHIN", "OVER", "WINDOW",
    "PARTITION", "RANGE", "ROWS", "GROUPS", "UNBOUNDED", "PRECEDING", "FOLLOWING", "CURRENT", "EXCLUDE", "TIES",
    /* types */
    "BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "FLOAT", "VARCHAR", "TIMESTAMP", "TIMESTAMPTZ", "DATE", "TIME", "BLOB",
    "UUID", "DECIMAL", "SMALLINT", "JSON", "INTERVAL",
    /* functions that stand for syntax */
    "abs", "cbrt", "concat", "date_part", "epoch_ms", "error", "from_base64", "generate_series", "greatest", "hex",
    "json_array_length", "json_exists", "json_extract", "json_extract_string", "json_keys", "json_type", "least", "len",
    "list_has_all", "list_has_any", "list_count", "list_inner_product", "list_resize", "list_cosine_distance", "lower",
    "ltrim", "nullif", "pow", "range", "regexp_full_match", "regexp_matches", "replace", "rtrim", "sqrt", "strpos",
    "substring", "timezone", "to_base64", "to_days", "to_hours", "to_minutes", "to_months", "to_seconds", "to_years",
    "trim", "unhex", "unnest", "xor", "kdb_join", "kdb_like", "kdb_compared", "kdb_found", "kdb_searched",
    "kdb_rewrite", "kdb_scan"
};

typedef struct engine_token {
    enum { ENGINE_END, ENGINE_WORD, ENGINE_QUOTED, ENGINE_STRING, ENGINE_OTHER } kind;
    kdb_sv text; /* without quotes */
} engine_token;

static inline bool engine_is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* To behind the quote that closes the one at `pos`; past the end when there is none. */
static inline size_t engine_skip_quotes(kdb_sv sql, size_t pos)
{
    const char quote = sql.ptr[pos++];
    while (pos < sql.len) {
        if (sql.ptr[pos] != quote) {
            pos++;
        } else if (pos + 1 < sql.len && sql.ptr[pos + 1] == quote) {
            pos += 2;
        } else {
            return pos + 1;
        }
    }
    return sql.len + 1;
}

/* False for text that ends inside quotes. */
static inline bool engine_next(kdb_sv sql, size_t *pos, engine_token *out)
{
    while (*pos < sql.len && sql.ptr[*pos] == ' ') {
        *pos += 1;
    }
    const size_t start = *pos;
    *out = (engine_token){ .kind = ENGINE_END };
    if (start >= sql.len) {
        return true;
    }
    const char c = sql.ptr[start];
    if (c == '"' || c == '\'') {
        *pos = engine_skip_quotes(sql, start);
        out->kind = c == '"' ? ENGINE_QUOTED : ENGINE_STRING;
        out->text = kdb_sv_of(sql.ptr + start + 1, *pos - start - 2);
        return *pos <= sql.len;
    }
    if ((c >= '0' && c <= '9') || c == '.') { /* 1.5e-3: a sign follows the e only */
        while (*pos < sql.len && (engine_is_word_char(sql.ptr[*pos]) || sql.ptr[*pos] == '.' ||
                                  ((sql.ptr[*pos] == '-' || sql.ptr[*pos] == '+') && *pos > start &&
                                   (sql.ptr[*pos - 1] | 0x20) == 'e'))) {
            *pos += 1;
        }
        out->kind = ENGINE_OTHER;
    } else if (engine_is_word_char(c)) {
        while (*pos < sql.len && engine_is_word_char(sql.ptr[*pos])) {
            *pos += 1;
        }
        out->kind = ENGINE_WORD;
    } else {
        *pos += 1;
        out->kind = ENGINE_OTHER;
    }
    out->text = kdb_sv_of(sql.ptr + start, *pos - start);
    return true;
}

static inline bool engine_is(const engine_token *token, const char *text)
{
    return (token->kind == ENGINE_WORD || token->kind == ENGINE_OTHER) && kdb_sv_eq(token->text, kdb_sv_cstr(text));
}

static inline bool engine_word_known(kdb_sv word)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(engine_words); i++) {
        if (kdb_sv_eq(word, kdb_sv_cstr(engine_words[i]))) {
            return true;
        }
    }
    return false;
}

static inline bool engine_function_known(kdb_sv name)
{
    for (size_t i = 0; i < kdb_function_defs_count; i++) {
        const kdb_function_def *def = &kdb_function_defs[i];
        if (kdb_sv_eq(name, kdb_sv_cstr(def->engine == NULL ? def->name : def->engine))) {
            return true;
        }
    }
    return false;
}

static inline bool engine_own_name(kdb_sv name)
{
    return kdb_sv_has_prefix(name, KDB_SV("kdb_cte_")) || kdb_sv_eq(name, KDB_SV("kdb_unused"));
}

static inline bool engine_may_follow_from(const engine_token *token)
{
    if (token->kind == ENGINE_QUOTED) {
        return engine_own_name(token->text);
    }
    return engine_is(token, "(") || engine_is(token, "LATERAL") || engine_is(token, "kdb_scan") ||
           engine_is(token, "generate_series") || engine_is(token, "range") || engine_is(token, "unnest");
}

/* NULL when the text is what it should be, otherwise what is wrong with it. */
static inline const char *engine_text_fault(kdb_sv sql)
{
    engine_token before = { .kind = ENGINE_END };
    engine_token prev = { .kind = ENGINE_END };
    engine_token token;
    size_t pos = 0;
    do {
        if (!engine_next(sql, &pos, &token)) {
            return "the text ends inside quotes";
        }
        if (token.kind == ENGINE_WORD && !engine_word_known(token.text) && !engine_is(&prev, "$")) {
            return "a bare word that the binder does not write";
        }
        const bool called = prev.kind == ENGINE_QUOTED && engine_is(&token, "(");
        if (called && !engine_is(&before, "AS") && !engine_own_name(prev.text) && !engine_function_known(prev.text) &&
            !engine_is(&before, ".")) {
            return "a function that is not in the list";
        }
        const bool reads = (engine_is(&prev, "FROM") && !engine_is(&before, "DISTINCT")) || engine_is(&prev, "JOIN");
        if (reads && !engine_may_follow_from(&token)) {
            return "FROM reads what is not a scan";
        }
        if (token.kind == ENGINE_OTHER && (engine_is(&token, ";") || engine_is(&token, "\\"))) {
            return "a character that the binder does not write";
        }
        before = prev;
        prev = token;
    } while (token.kind != ENGINE_END);
    return NULL;
}

#endif
