/* sentences.c - see sentences.h. One function per type; each has rows of forms, a form being text in which `%n`, `%t`, `%b`,
 * `%w`, `%d`, `%j` stand for an expression of a number, text, truth, timestamp, date, JSON, and `%p` for a number's parameter. */
#include "sentences.h"

static const char *const numbers[] = {
    "0",   "1",     "-1",    "2",          "3",          "5",           "10",
    "100", "32767", "40000", "2147483647", "3000000000", "-2147483648", "9223372036854775807",
    "1.5", "0.25",  "-2.75", "100.00",     "1e3",        "2.5e0",       "0.1",
    "NULL"
};
static const char *const words[] = {
    "''",  "'a'", "'abc'", "'A'", "'%'", "'5'", "' '", "'\xc3\xa9'", "'it''s'", "'b'", "'longer than twelve bytes'",
    "NULL"
};
static const char *const patterns[] = {
    "'a%'",    "'%b%'",       "'_b%'", "'abc'",  "'%'",  "''",  "'%c'", "'a\\%'",
    "'%\\_%'", "'\xc3\xa9%'", "'A_C'", "'a%c%'", "'%%'", "'_'", "'__'", "'%\xe6%'"
};
static const char *const instants[] = { "'2026-01-02 03:04:05'", "'2026-01-01'", "TIMESTAMP '2026-01-02 03:04:05.5'",
                                        "'2026-01-02T03:04:05Z'", "'1970-01-01'" };
static const char *const days[] = { "'2026-01-02'", "DATE '2024-02-29'", "'1970-01-01'", "DATE '0001-01-01'" };
static const char *const comparisons[] = {
    "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"
};

static const char *const number_forms[] = {
    "(%n + %n)",
    "(%n - %n)",
    "(%n * %n)",
    "(%n / %n)",
    "(%n % %n)",
    "(- %n)",
    "COALESCE(%n, %n)",
    "CASE WHEN %b THEN %n ELSE %n END",
    "CASE WHEN %b THEN %n END",
    "CASE %n WHEN %n THEN %n WHEN %n THEN %n ELSE %n END",
    "NULLIF(%n, %n)",
    "GREATEST(%n, %n)",
    "LEAST(%n, %n, %n)",
    "CAST(%n AS SMALLINT)",
    "CAST(%n AS INT)",
    "CAST(%n AS BIGINT)",
    "CAST(%n AS DOUBLE)",
    "CAST(%n AS REAL)",
    "CAST(%n AS DECIMAL(9,2))",
    "CAST(%n AS DECIMAL(4,1))",
    "CAST(%n AS DECIMAL(5,2))",
    "CAST(%n AS DECIMAL(38,10))",
    "CAST(%n AS DECIMAL(18,4))",
    "CAST(%b AS INT)",
    "CAST(%t AS INT)",
    "CAST(%t AS INT)",
    "CAST(%t AS BIGINT)",
    "CAST(%t AS SMALLINT)",
    "CAST(%t AS DOUBLE)",
    "CAST(%t AS DECIMAL(9,2))",
    "CAST(%t AS DECIMAL(4,1))",
    "CAST(%t AS DECIMAL(18,4))",
    "CAST(%t AS DECIMAL(38,10))",
    "CAST(%t AS DECIMAL(5,0))",
    "CAST(%t AS REAL)",
    "CAST(%j ->> %k AS INT)",
    "(%j ->> %k)::double precision",
    "length(%t)",
    "strpos(%t, %t)",
    "strlen(%t)",
    "bit_length(%t)",
    "ascii(%t)",
    "unicode(%t)",
    "position(%t IN %t)",
    "char_length(%t)",
    "year(%w)",
    "month(%d)",
    "extract(day FROM %w)",
    "extract(hour FROM %w)",
    "minute(%w)",
    "second(%w)",
    "extract(milliseconds FROM %w)",
    "date_part('microseconds', %w)",
    "extract(dow FROM %d)",
    "extract(isodow FROM %w)",
    "dayofyear(%w)",
    "extract(week FROM %w)",
    "isoyear(%d)",
    "yearweek(%w)",
    "quarter(%d)",
    "extract(epoch FROM %w)",
    "extract(century FROM %w)",
    "extract(decade FROM %d)",
    "extract(millennium FROM %w)",
    "epoch(%d)",
    "epoch_ms(%w)",
    "epoch_us(%d)",
    "abs(%n)",
    "abs(%p)",
    "round(%p)",
    "sqrt(d + abs(%p))",
    "(d + floor(%p))",
    "round(%p, 1)",
    "ceil(%n)",
    "floor(%n)",
    "trunc(%n)",
    "round(%n)",
    "round(%n, 2)",
    "round(%n, 0)",
    "sqrt(%n)",
    "round(%n, 5)",
    "json_get_int(%j, %k)",
    "json_get_float(%j, %k)",
    "json_get_float(%j, %k, %k)",
    "json_length(%j)",
    "json_length(%j, %k)",
    "instr(%t, %t)",
    "ord(%t)",
};
static const char *const text_forms[] = {
    "(%t || %t)",
    "COALESCE(%t, %t)",
    "CASE WHEN %b THEN %t ELSE %t END",
    "NULLIF(%t, %t)",
    "GREATEST(%t, %t)",
    "LEAST(%t, %t)",
    "CAST(%n AS TEXT)",
    "CAST(%b AS TEXT)",
    "CAST(%w AS TEXT)",
    "CAST(%d AS TEXT)",
    "CAST(CAST(%t AS TIME) AS TEXT)",
    "CAST(CAST(%t AS TIMESTAMP) AS TEXT)",
    "lower(%t)",
    "trim(%t)",
    "ltrim(%t)",
    "rtrim(%t)",
    "trim(%t, %t)",
    "rtrim(%t, %t)",
    "left(%t, %n)",
    "right(%t, %n)",
    "substr(%t, %n)",
    "substring(%t, %n, %n)",
    "substr(%t, 2, 3)",
    "left(%t, 2)",
    "right(%t, -1)",
    "substring(%t, -3, 2)",
    "substr(%t, s)",
    "substring(%t, i, s2)",
    "left(%t, i)",
    "left(%t, b)",
    "right(%t, b2)",
    "substr(%t, b, b2)",
    "right(%t, s)",
    "concat(%t, %n, %b)",
    "concat(%t, %t)",
    "ifnull(%t, %t)",
    "(%j ->> %k)",
    "(%j ->> %k)",
    "(%j -> %k ->> %k)",
    "json_get_str(%j, %k)",
    "json_get_array(%j, %k)",
    "(%j -> %k -> %k ->> %k)",
    "json_as_text(%j, %k, %k)",
    "upper(%t)",
    "repeat(%t, 3)",
    "repeat(%t, s)",
    "lpad(%t, 7)",
    "lpad(%t, 5, %t)",
    "rpad(%t, 9, %t)",
    "rpad(%t, s, 'ab')",
    "replace(%t, %t, %t)",
    "replace(%t, 'a', 'bb')",
    "split_part(%t, %t, %n)",
    "split_part(%t, 'b', 2)",
    "split_part(%t, '', i)",
    "split_part(%t || 'bab' || %t, 'b', s)",
    "split_part(%t, %t, -1)",
};
static const char *const truth_forms[] = {
    "(%n = %n)",
    "(%n < %n)",
    "(%n >= %n)",
    "(%n <> %n)",
    "(%t = %t)",
    "(%t < %t)",
    "(%n IS NULL)",
    "(%t IS NOT NULL)",
    "(%b AND %b)",
    "(%b OR %b)",
    "(NOT %b)",
    "(%b IS TRUE)",
    "(%b IS NOT FALSE)",
    "(%b IS UNKNOWN)",
    "(%n IN (%n, %n, %n))",
    "(%t IN (%t, %t))",
    "(%n NOT IN (%n, %n))",
    "(%n BETWEEN %n AND %n)",
    "(%t NOT BETWEEN %t AND %t)",
    "(%w < %w)",
    "(CAST(%t AS TIME) > '03:00:00')",
    "(m = '2.5')",
    "(da > '2026-01-01')",
    "(%w = %d)",
    "(%d >= %d)",
    "(%w BETWEEN %w AND %w)",
    "(%b = %b)",
    "COALESCE(%b, %b)",
    "CASE WHEN %b THEN %b ELSE %b END",
    "(%n BETWEEN SYMMETRIC %n AND %n)",
    "(%n IS DISTINCT FROM %n)",
    "(%t IS NOT DISTINCT FROM %t)",
    "contains(%t, %t)",
    "starts_with(%t, %t)",
    "ends_with(%t, %t)",
    "prefix(%t, %t)",
    "suffix(%t, %t)",
    "CAST(%n AS BOOLEAN)",
    "CAST(%t AS BOOLEAN)",
    "(CAST(%t AS INT) > 5)",
    "(CAST(%t AS INT) = %n)",
    "(%n + 5 > 100)",
    "(i + %n <= 2000000000)",
    "(s * 2 BETWEEN %n AND %n)",
    "(s2 - 5 IN (%n, 7, %n))",
    "(CAST(b AS INT) <> 5)",
    "(10 / %n > 1)",
    "(s <> 0 AND 10 / s > 1)",
    "(%n = 0 OR i % %n = 1)",
    "isnan(%n)",
    "isinf(%n)",
    "isfinite(%n)",
    "(%b AND %b AND %b)",
    "(%b OR %b OR %b)",
};
static const char *const instant_forms[] = { "CAST(%d AS TIMESTAMP)",
                                             "CAST(%t AS TIMESTAMP)",
                                             "CAST(%t AS TIMESTAMP)",
                                             "COALESCE(%w, %w)",
                                             "GREATEST(%w, %w)",
                                             "CASE WHEN %b THEN %w ELSE %w END",
                                             "NULLIF(%w, %w)",
                                             "date_trunc('hour', %w)",
                                             "date_trunc('minute', %d)",
                                             "date_trunc('second', %w)",
                                             "date_trunc('milliseconds', %w)" };
static const char *const day_forms[] = {
    "CAST(%t AS DATE)",       "CAST(%t AS DATE)",       "CAST(%w AS DATE)",          "COALESCE(%d, %d)",
    "LEAST(%d, %d)",          "date_trunc('year', %w)", "date_trunc('quarter', %d)", "date_trunc('month', %w)",
    "date_trunc('week', %w)", "date_trunc('day', %w)"
};
static const char *const keys[] = { "'a'",   "'b'",   "'c'", "'0'",  "0", "1",   "-1",   "-3",    "7",
                                    "'a/b'", "'c~d'", "''",  "'01'", "t", "'k'", "NULL", "'$.a'", "'*'" };
static const char *const like_forms[] = { "(%t LIKE ", "(%t ILIKE ", "(%t NOT LIKE " };

static void put(sentence *s, const char *text)
{
    kdb_buf_append_sv(s->out, kdb_sv_cstr(text));
}

static const char *pick(sentence *s, const char *const *from, size_t n)
{
    return from[chance_of(s->chance, (uint32_t)n)];
}
#define PICK(s, from) pick((s), (from), KDB_ARRAY_LEN(from))

static void put_kind(sentence *s, char kind, unsigned depth);

static void put_form(sentence *s, const char *form, unsigned depth)
{
    for (; *form != '\0'; form++) {
        if (*form == '%' && strchr("ntbwdjkp", form[1]) != NULL && form[1] != '\0') {
            put_kind(s, *++form, depth == 0 ? 0 : depth - 1);
        } else {
            kdb_buf_append_byte(s->out, (uint8_t)*form);
        }
    }
}

/* ---- parameters ---- */

static kdb_value decimal_param(int64_t unscaled)
{
    return (kdb_value){ .type = { KDB_TYPE_DECIMAL, 5, 2, 0 }, .as.i128 = unscaled };
}

static kdb_value any_param(sentence *s, char kind)
{
    chance *c = s->chance;
    if (kind == 'n') {
        const int64_t number = (int64_t)chance_of(c, 200) - 50;
        return chance_of(c, 6) == 0   ? decimal_param(number)
               : chance_of(c, 3) == 0 ? kdb_value_int((int32_t)number)
               : chance_of(c, 4) == 0 ? kdb_value_double((double)number / 4)
                                      : kdb_value_bigint(number);
    }
    if (kind == 'w') {
        return kdb_value_text(KDB_SV("2026-01-02T03:04:05Z"));
    }
    if (kind == 'd') {
        return kdb_value_text(KDB_SV("2026-01-02"));
    }
    return kind == 'b' ? kdb_value_bool(chance_of(c, 2) == 0)
                       : kdb_value_text(chance_of(c, 2) == 0 ? KDB_SV("abc") : KDB_SV("5"));
}

static void put_param(sentence *s, char kind)
{
    uint32_t number = s->nparams;
    if (s->nparams == SENTENCE_PARAMS || (s->nparams > 0 && chance_of(s->chance, 4) == 0)) {
        number = chance_of(s->chance, s->nparams);
    } else {
        s->params[s->nparams++] =
            chance_of(s->chance, 10) == 0 ? kdb_value_null(kdb_type_of(KDB_TYPE_NULL)) : any_param(s, kind);
    }
    kdb_buf_printf(s->out, "$%u", (unsigned)number + 1);
}

/* ---- leaves and forms ---- */

static void put_number_column(sentence *s)
{
    static const kdb_type_kind kinds[] = { KDB_TYPE_SMALLINT, KDB_TYPE_INT,    KDB_TYPE_INT,
                                           KDB_TYPE_BIGINT,   KDB_TYPE_BIGINT, KDB_TYPE_DOUBLE,
                                           KDB_TYPE_DOUBLE,   KDB_TYPE_FLOAT,  KDB_TYPE_DECIMAL };
    put(s, rows_column_name(s->chance, kinds[chance_of(s->chance, KDB_ARRAY_LEN(kinds))]));
}

static void put_leaf(sentence *s, char kind)
{
    const bool literal = chance_of(s->chance, 4) == 0;
    if (chance_of(s->chance, 24) == 0 && kind != 'j' && kind != 'k') {
        put_param(s, kind);
        return;
    }
    switch (kind) {
    case 'n':
        if (literal) {
            put(s, PICK(s, numbers));
        } else {
            put_number_column(s);
        }
        return;
    case 't':
        put(s, literal ? PICK(s, words) : rows_column_name(s->chance, KDB_TYPE_TEXT));
        return;
    case 'w':
        put(s, literal ? PICK(s, instants) : "ts");
        return;
    case 'd':
        put(s, literal ? PICK(s, days) : "da");
        return;
    case 'j':
        put(s, "j");
        return;
    case 'k':
        put(s, PICK(s, keys));
        return;
    default:
        put(s, literal ? "TRUE" : "ok");
        return;
    }
}

/* The filters of most statements: a column against a constant. */
static void put_plain_comparison(sentence *s)
{
    put(s, "(");
    const uint32_t what = chance_of(s->chance, 3);
    if (what == 0) {
        put_number_column(s);
    } else {
        put(s, what == 1 ? rows_column_name(s->chance, KDB_TYPE_TEXT) : "ts");
    }
    put(s, " ");
    put(s, PICK(s, comparisons));
    put(s, " ");
    if (chance_of(s->chance, 3) == 0) {
        put_param(s, what == 0 ? 'n' : what == 1 ? 't' : 'w');
    } else {
        put(s, what == 0 ? PICK(s, numbers) : what == 1 ? PICK(s, words) : PICK(s, instants));
    }
    put(s, ")");
}

static void put_truth(sentence *s, unsigned depth)
{
    switch (chance_of(s->chance, 5)) {
    case 0:
        put_plain_comparison(s);
        return;
    case 1:
        if (chance_of(s->chance, 2) == 0) {
            put_form(s, PICK(s, like_forms), depth);
            put(s, PICK(s, patterns));
            put(s, ")");
            return;
        }
        put_form(s, PICK(s, truth_forms), depth);
        return;
    default:
        put_form(s, PICK(s, truth_forms), depth);
        return;
    }
}

static void put_kind(sentence *s, char kind, unsigned depth)
{
    if (kind == 'p') {
        put_param(s, 'n');
        return;
    }
    if (depth == 0 || chance_of(s->chance, 4) == 0) {
        put_leaf(s, kind);
        return;
    }
    switch (kind) {
    case 'n':
        put_form(s, PICK(s, number_forms), depth);
        return;
    case 't':
        put_form(s, PICK(s, text_forms), depth);
        return;
    case 'w':
        put_form(s, PICK(s, instant_forms), depth);
        return;
    case 'd':
        put_form(s, PICK(s, day_forms), depth);
        return;
    case 'j':
    case 'k':
        put_leaf(s, kind);
        return;
    default:
        put_truth(s, depth);
        return;
    }
}

void sentence_any(sentence *s)
{
    static const char kinds[] = "nnnttbbbbwdj";
    const unsigned depth = 1 + chance_of(s->chance, 3);
    const char kind = kinds[chance_of(s->chance, sizeof(kinds) - 1)];
    if (kind == 'b') {
        put_truth(s, depth);
    } else if (kind == 'n') {
        put_form(s, PICK(s, number_forms), depth);
    } else if (kind == 't') {
        put_form(s, PICK(s, text_forms), depth);
    } else if (kind == 'w') {
        put_form(s, PICK(s, instant_forms), depth);
    } else if (kind == 'j') {
        put_form(s, chance_of(s->chance, 2) == 0 ? "(%j -> %k)" : "json_get(%j, %k, %k)", depth);
    } else {
        put_form(s, PICK(s, day_forms), depth);
    }
}

void sentence_truth(sentence *s)
{
    const unsigned terms = 1 + chance_of(s->chance, 3);
    for (unsigned i = 0; i < terms; i++) {
        put(s, i == 0 ? "" : " AND ");
        put_truth(s, 1 + chance_of(s->chance, 3));
    }
}
