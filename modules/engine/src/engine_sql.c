/* engine_sql.c - just enough lexing of engine SQL to find its parameters. DuckDB's C API can bind only parameters that
 * are numbered without gaps, and an untyped one keeps it from planning, so the text is rewritten before DuckDB sees it.
 * The rules are PostgreSQL's lexer's, which DuckDB inherited. */
#include "engine_int.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
    return is_name_start(c) || is_digit(c) || c == '$';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char char_at(kdb_sv sql, size_t i)
{
    return i < sql.len ? sql.ptr[i] : '\0';
}

/* The skip_ functions return the offset behind what begins at `i`. A doubled quote reads as two strings: same end. */
static size_t skip_quoted(kdb_sv sql, size_t i)
{
    const char quote = sql.ptr[i];
    for (i++; i < sql.len && sql.ptr[i] != quote; i++) {}
    return i + 1;
}

static size_t skip_escaped(kdb_sv sql, size_t i)
{
    for (i++; i < sql.len && sql.ptr[i] != '\''; i++) {
        if (sql.ptr[i] == '\\') {
            i++;
        }
    }
    return i + 1;
}

/* A name, or an E'..' string. */
static size_t skip_word(kdb_sv sql, size_t i)
{
    const size_t start = i;
    while (i < sql.len && is_name(sql.ptr[i])) {
        i++;
    }
    const bool escape = i - start == 1 && (sql.ptr[start] == 'e' || sql.ptr[start] == 'E');
    return escape && char_at(sql, i) == '\'' ? skip_escaped(sql, i) : i;
}

static size_t skip_line(kdb_sv sql, size_t i)
{
    while (i < sql.len && sql.ptr[i] != '\n') {
        i++;
    }
    return i;
}

/* These comments nest. */
static size_t skip_block(kdb_sv sql, size_t i)
{
    size_t depth = 0;
    do {
        if (char_at(sql, i) == '/' && char_at(sql, i + 1) == '*') {
            depth++;
            i += 2;
        } else if (char_at(sql, i) == '*' && char_at(sql, i + 1) == '/') {
            depth--;
            i += 2;
        } else {
            i++;
        }
    } while (depth > 0 && i < sql.len);
    return i;
}

/* $tag$ .. $tag$; a lone dollar is skipped as it is. */
static size_t skip_dollar(kdb_sv sql, size_t i)
{
    size_t open_end = i + 1;
    while (open_end < sql.len && sql.ptr[open_end] != '$' && is_name(sql.ptr[open_end])) {
        open_end++;
    }
    if (char_at(sql, open_end) != '$') {
        return i + 1;
    }
    open_end++;
    const size_t tag_len = open_end - i;
    const char *close = memmem(sql.ptr + open_end, sql.len - open_end, sql.ptr + i, tag_len);
    return close == NULL ? sql.len : (size_t)(close - sql.ptr) + tag_len;
}

/* What is not a parameter. */
static size_t skip_token(kdb_sv sql, size_t i)
{
    const char c = sql.ptr[i];
    const char next = char_at(sql, i + 1);
    if (is_name_start(c)) {
        return skip_word(sql, i);
    }
    if (c == '\'' || c == '"') {
        return skip_quoted(sql, i);
    }
    if (c == '-' && next == '-') {
        return skip_line(sql, i);
    }
    if (c == '/' && next == '*') {
        return skip_block(sql, i);
    }
    return c == '$' ? skip_dollar(sql, i) : i + 1;
}

static size_t read_number(kdb_sv sql, size_t *pos)
{
    size_t number = 0;
    for (; *pos < sql.len && is_digit(sql.ptr[*pos]); (*pos)++) {
        if (number <= KDBI_PARAM_MAX) {
            number = number * 10 + (size_t)(sql.ptr[*pos] - '0');
        }
    }
    return number <= KDBI_PARAM_MAX ? number : 0;
}

bool kdbi_sql_next_param(kdb_sv sql, size_t *pos, size_t *start, size_t *number)
{
    size_t i = *pos;
    while (i < sql.len) {
        if (sql.ptr[i] == '$' && is_digit(char_at(sql, i + 1))) {
            *start = i;
            *pos = i + 1;
            *number = read_number(sql, pos);
            return true;
        }
        i = skip_token(sql, i);
    }
    return false;
}

/* `(n)` at `*pos`, which is then behind it. */
static bool take_number_argument(kdb_sv sql, size_t *pos, size_t *number)
{
    size_t i = *pos + 1;
    if (char_at(sql, *pos) != '(' || !is_digit(char_at(sql, i))) {
        return false;
    }
    *number = read_number(sql, &i);
    *pos = i + 1;
    return char_at(sql, i) == ')';
}

bool kdbi_sql_next_call(kdb_sv sql, kdb_sv function, size_t *pos, size_t *start, size_t *number)
{
    size_t i = *pos;
    while (i < sql.len) {
        const size_t end = skip_token(sql, i);
        *pos = end;
        if (is_name_start(sql.ptr[i]) && kdb_sv_eq(kdb_sv_of(sql.ptr + i, end - i), function) &&
            take_number_argument(sql, pos, number)) {
            *start = i;
            return true;
        }
        i = end;
    }
    return false;
}

kdb_sv kdbi_sql_trim(kdb_sv sql)
{
    while (sql.len != 0 && (is_space(sql.ptr[sql.len - 1]) || sql.ptr[sql.len - 1] == ';')) {
        sql.len--;
    }
    return sql;
}

/* Cuts white space and then, if it comes next, the key word off *sql. */
static bool take_word(kdb_sv *sql, kdb_sv word)
{
    *sql = kdb_sv_trim(*sql);
    size_t len = 0;
    while (len < sql->len && is_name(sql->ptr[len])) {
        len++;
    }
    if (!kdb_sv_ieq(kdb_sv_of(sql->ptr, len), word)) {
        return false;
    }
    *sql = kdb_sv_of(sql->ptr + len, sql->len - len);
    return true;
}

/* EXPLAIN SELECT ..; EXPLAIN ANALYZE SELECT ..; EXPLAIN (ANALYZE) SELECT .., as PostgreSQL's deparser writes it. */
kdb_sv kdbi_sql_explained(kdb_sv sql)
{
    (void)take_word(&sql, KDB_SV("EXPLAIN"));
    if (take_word(&sql, KDB_SV("ANALYZE")) || char_at(sql, 0) != '(') {
        return sql;
    }
    kdb_sv options = kdb_sv_of(sql.ptr + 1, sql.len - 1);
    const size_t end = skip_line(sql, 0);
    const char *close = memchr(sql.ptr, ')', end);
    if (close == NULL || !take_word(&options, KDB_SV("ANALYZE"))) {
        return sql;
    }
    return kdb_sv_of(close + 1, sql.len - (size_t)(close + 1 - sql.ptr));
}
