/* engine_error.c - DuckDB's messages become ours. The C API gives a type with some errors and only text with others
 * (prepare, pending), so the type is always read off the text: "Binder Error: Referenced column ..".
 * Only the first line is kept: what follows are hints, candidates and an excerpt of SQL that the user did not write. */
#include "engine_int.h"

typedef struct error_row {
    kdb_sv prefix; /* of DuckDB's message, before " Error: " */
    kdb_status status;
    const char *text; /* shown instead of DuckDB's; NULL: its own */
} error_row;

/* Whatever is not here is KDB_EXECUTION with DuckDB's text. What a statement does wrong by itself (Binder) or with its own
 * values (Conversion, Invalid Input) is told to everybody: who wrote it has to know. */
static const error_row error_rows[] = {
    { KDB_SV("Parser"), KDB_STMT_INVALID_SQL, NULL },
    { KDB_SV("Syntax"), KDB_STMT_INVALID_SQL, NULL },
    { KDB_SV("Binder"), KDB_STMT_INVALID_SQL, NULL },
    { KDB_SV("Conversion"), KDB_ARITHMETIC, NULL },
    { KDB_SV("Invalid Input"), KDB_ARITHMETIC, NULL },
    { KDB_SV("Out of Range"), KDB_ARITHMETIC, NULL },
    { KDB_SV("Out of Memory"), KDB_LIMIT, KDBI_OUT_OF_MEMORY },
    { KDB_SV("INTERRUPT"), KDB_CANCELLED, "statement interrupted" },
    { KDB_SV("IO"), KDB_IO, NULL },
    { KDB_SV("INTERNAL"), KDB_INTERNAL, NULL },
    { KDB_SV("FATAL"), KDB_INTERNAL, NULL },
};

static const error_row other_error = { .status = KDB_EXECUTION };
/* What dialect makes of a divisor that is zero, or of vectors without a distance: DuckDB calls it invalid input. */
static const error_row refused_value = { .status = KDB_ARITHMETIC };
/* LIMIT $1: nothing else has this type. DuckDB's words for LIMIT -1 itself. */
static const error_row negative_limit = { .status = KDB_STMT_INVALID_SQL, .text = "LIMIT/OFFSET cannot be negative" };
/* What our functions refuse to do: invalid input too. */
static const error_row too_large = { .status = KDB_LIMIT };
static const kdb_sv too_large_texts[] = { KDB_SV(KDBI_VALUE_TOO_LARGE),   KDB_SV(KDBI_VECTOR_TOO_LARGE),
                                          KDB_SV(KDBI_REWRITE_TOO_LARGE), KDB_SV(KDBI_COMPARE_TOO_LONG),
                                          KDB_SV(KDBI_SEARCH_TOO_LONG),   KDB_SV(KDB_LIKE_TOO_LONG_TEXT) };

/* The offset of `what` in `text`, or `text.len`. */
static size_t find(kdb_sv text, kdb_sv what)
{
    const char *at = text.len == 0 ? NULL : memmem(text.ptr, text.len, what.ptr, what.len);
    return at == NULL ? text.len : (size_t)(at - text.ptr);
}

static kdb_sv skip(kdb_sv text, size_t n)
{
    return n >= text.len ? kdb_sv_of(NULL, 0) : kdb_sv_of(text.ptr + n, text.len - n);
}

/* Cuts "Binder Error: " off *text and returns "Binder". */
static kdb_sv take_prefix(kdb_sv *text)
{
    const kdb_sv mark = KDB_SV(" Error: ");
    const size_t at = find(*text, mark);
    if (at == text->len || memchr(text->ptr, '\n', at) != NULL) {
        return KDB_SV("");
    }
    const kdb_sv prefix = kdb_sv_of(text->ptr, at);
    *text = skip(*text, at + mark.len);
    return prefix;
}

static const error_row *row_of(kdb_sv prefix, kdb_sv text)
{
    if (kdb_sv_eq(text, KDB_SV("division by zero")) || kdb_sv_has_prefix(text, KDB_SV("COSINE_DISTANCE() "))) {
        return &refused_value;
    }
    if (find(text, KDB_SV("out of range for the destination type UINT64")) != text.len) {
        return &negative_limit;
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(too_large_texts); i++) {
        if (kdb_sv_eq(text, too_large_texts[i])) {
            return &too_large;
        }
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(error_rows); i++) {
        if (kdb_sv_eq(error_rows[i].prefix, prefix)) {
            return &error_rows[i];
        }
    }
    return &other_error;
}

/* The next "name" in double quotes, *text then being what follows it; an empty view when there is none. */
static kdb_sv next_quoted(kdb_sv *text)
{
    const kdb_sv from = skip(*text, find(*text, KDB_SV("\"")) + 1);
    const size_t len = find(from, KDB_SV("\""));
    if (len == from.len) {
        *text = kdb_sv_of(NULL, 0);
        return *text;
    }
    *text = skip(from, len + 1);
    return kdb_sv_of(from.ptr, len);
}

/* The column that a message says is missing; an empty view when that is not what it says. */
static kdb_sv missing_column(kdb_sv text)
{
    static const kdb_sv marks[] = { KDB_SV("Referenced column "), KDB_SV("does not have a column named ") };
    for (size_t i = 0; i < KDB_ARRAY_LEN(marks); i++) {
        const size_t at = find(text, marks[i]);
        if (at != text.len) {
            kdb_sv rest = skip(text, at + marks[i].len);
            return next_quoted(&rest);
        }
    }
    return KDB_SV("");
}

/* `Candidate bindings: "t.a", "b"`: the one most like `name`, if any is like it. DuckDB lists unlike ones too. */
static kdb_sv nearest_candidate(kdb_sv text, kdb_sv name)
{
    kdb_sv rest = skip(text, find(text, KDB_SV("Candidate bindings:")));
    rest.len = find(rest, KDB_SV("\n"));
    kdb_sv best = KDB_SV("");
    size_t best_distance = 1 + name.len / 3;
    for (kdb_sv candidate = next_quoted(&rest); candidate.len != 0; candidate = next_quoted(&rest)) {
        const size_t dot = find(candidate, KDB_SV("."));
        const kdb_sv column = dot == candidate.len ? candidate : skip(candidate, dot + 1);
        const size_t distance = kdb_sv_distance(name, column, best_distance + 1);
        if (distance <= best_distance) {
            best = column;
            best_distance = distance == 0 ? 0 : distance - 1;
        }
    }
    return best;
}

static kdb_status fail_missing_column(kdb_sv text, kdb_sv name, kdb_err *err)
{
    const kdb_sv candidate = nearest_candidate(text, name);
    if (candidate.len == 0) {
        return KDB_FAIL(err, KDB_COLUMN_NOT_FOUND, "No field named %.*s", KDB_SV_ARG(name));
    }
    return KDB_FAIL(err, KDB_COLUMN_NOT_FOUND, "No field named %.*s. Did you mean \"%.*s\"?", KDB_SV_ARG(name),
                    KDB_SV_ARG(candidate));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* DuckDB's names of types, and what they are called here. */
static const struct {
    kdb_sv duck;
    kdb_sv ours;
} type_names[] = {
    { KDB_SV("VARCHAR"), KDB_SV("TEXT") },           { KDB_SV("STRING_LITERAL"), KDB_SV("TEXT") },
    { KDB_SV("INTEGER_LITERAL"), KDB_SV("BIGINT") }, { KDB_SV("INTEGER"), KDB_SV("INT") },
    { KDB_SV("INT16"), KDB_SV("SMALLINT") },         { KDB_SV("INT32"), KDB_SV("INT") },
    { KDB_SV("INT64"), KDB_SV("BIGINT") },           { KDB_SV("BLOB"), KDB_SV("BYTES") },
    { KDB_SV("BOOL"), KDB_SV("BOOLEAN") },
};

static bool is_word(char c)
{
    return is_digit(c) || c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static kdb_sv our_type_name(kdb_sv word)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(type_names); i++) {
        if (kdb_sv_eq(type_names[i].duck, word)) {
            return type_names[i].ours;
        }
    }
    return word;
}

/* Where DuckDB's own words begin: a value that it could not convert is quoted first, and may hold any. */
static size_t after_value(kdb_sv text)
{
    static const kdb_sv leads[] = { KDB_SV("Could not convert "), KDB_SV("Could not cast ") };
    bool quotes = false;
    for (size_t i = 0; i < KDB_ARRAY_LEN(leads); i++) {
        quotes = quotes || kdb_sv_has_prefix(text, leads[i]);
    }
    size_t at = quotes ? text.len : 0;
    while (at > 0 && text.ptr[at - 1] != '\'') {
        at--;
    }
    return at;
}

static void put_typed(kdb_buf *out, kdb_sv text)
{
    size_t at = after_value(text);
    kdb_buf_append(out, text.ptr, at);
    while (at < text.len) {
        size_t end = at;
        while (end < text.len && is_word(text.ptr[end])) {
            end++;
        }
        kdb_buf_append_sv(out, our_type_name(kdb_sv_of(text.ptr + at, end - at)));
        if (end < text.len) {
            kdb_buf_append(out, text.ptr + end++, 1);
        }
        at = end;
    }
}

/* Copies the first line, `kdb_scan_12` (a table of the user's under our name) becoming `table`. */
static void put_clean(kdb_buf *out, kdb_sv text)
{
    const kdb_sv ours = KDB_SV("kdb_scan_");
    text.len = find(text, KDB_SV("\n"));
    for (size_t at = find(text, ours); at != text.len; at = find(text, ours)) {
        kdb_buf_append(out, text.ptr, at);
        kdb_buf_append_lit(out, "table");
        text = skip(text, at + ours.len);
        while (text.len != 0 && is_digit(text.ptr[0])) {
            text = skip(text, 1);
        }
    }
    kdb_buf_append_sv(out, kdb_sv_trim(text));
}

static kdb_status fail_cleaned(kdb_status status, kdb_sv text, kdb_err *err)
{
    kdb_buf clean;
    kdb_buf typed;
    kdb_buf_init(&clean, 0);
    kdb_buf_init(&typed, 0);
    put_clean(&clean, text);
    put_typed(&typed, kdb_buf_sv(&clean));
    (void)KDB_FAIL(err, status, "%.*s", KDB_SV_ARG(kdb_buf_sv(&typed)));
    kdb_buf_done(&typed);
    kdb_buf_done(&clean);
    return status;
}

kdb_status kdbi_engine_fail(kdb_engine *engine, const char *message, kdb_err *err)
{
    kdb_sv text = kdb_sv_cstr(message);
    if (text.len == 0) {
        return KDB_FAIL(err, KDB_INTERNAL, "the engine failed without a message");
    }
    const kdb_sv prefix = take_prefix(&text);
    const error_row *row = row_of(prefix, text);
    if (kdb_sv_eq(prefix, KDB_SV("FATAL"))) {
        atomic_store(&engine->broken, true);
    }
    if (row->text != NULL) {
        return KDB_FAIL(err, row->status, "%s", row->text);
    }
    const kdb_sv column = kdb_sv_eq(prefix, KDB_SV("Binder")) ? missing_column(text) : KDB_SV("");
    return column.len != 0 ? fail_missing_column(text, column, err) : fail_cleaned(row->status, text, err);
}
