/* rows.c - see rows.h. */
#include "rows.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t chance_next(chance *c)
{
    c->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = c->state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

#define COLUMN(column_name, ...)                                                                                       \
    {                                                                                                                  \
        KDB_SV(column_name),                                                                                           \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
const kdb_field rows_columns[ROWS_COLUMNS] = {
    COLUMN("s", KDB_TYPE_SMALLINT, 0, 0, 0),  COLUMN("s2", KDB_TYPE_SMALLINT, 0, 0, 0),
    COLUMN("i", KDB_TYPE_INT, 0, 0, 0),       COLUMN("i2", KDB_TYPE_INT, 0, 0, 0),
    COLUMN("b", KDB_TYPE_BIGINT, 0, 0, 0),    COLUMN("b2", KDB_TYPE_BIGINT, 0, 0, 0),
    COLUMN("f", KDB_TYPE_FLOAT, 0, 0, 0),     COLUMN("d", KDB_TYPE_DOUBLE, 0, 0, 0),
    COLUMN("d2", KDB_TYPE_DOUBLE, 0, 0, 0),   COLUMN("m", KDB_TYPE_DECIMAL, 9, 2, 0),
    COLUMN("m2", KDB_TYPE_DECIMAL, 18, 4, 0), COLUMN("m3", KDB_TYPE_DECIMAL, 38, 10, 0),
    COLUMN("t", KDB_TYPE_TEXT, 0, 0, 0),      COLUMN("t2", KDB_TYPE_TEXT, 0, 0, 0),
    COLUMN("j", KDB_TYPE_JSON, 0, 0, 0),      COLUMN("ts", KDB_TYPE_TIMESTAMP, 0, 0, 0),
    COLUMN("da", KDB_TYPE_DATE, 0, 0, 0),     COLUMN("ok", KDB_TYPE_BOOLEAN, 0, 0, 0),
};

const char *rows_column_name(chance *c, kdb_type_kind kind)
{
    for (;;) {
        const kdb_field *field = &rows_columns[chance_of(c, ROWS_COLUMNS)];
        if (kind == KDB_TYPE_NULL || field->type.kind == kind) {
            return field->name.ptr;
        }
    }
}

/* ---- values ---- */

static const int64_t integers[] = { 0,         1,         -1,
                                    2,         3,         5,
                                    7,         10,        100,
                                    -100,      127,       INT16_MAX,
                                    INT16_MIN, INT32_MAX, INT32_MIN,
                                    INT64_MAX, INT64_MIN, INT16_MAX - 1,
                                    40000,     1000000,   123456789012345,
                                    42,        -7,        365 };
static const double reals[] = { 0.0,  -0.0, 1.0,   -1.0,   0.5,          1.5,    2.5,  -2.5, 0.1,      1e-7,  3.14159,
                                1e15, 1e16, 1e300, -1e300, 2147483647.5, 9.3e18, 1e39, 42.0, 32767.49, 100.0, 1e-320 };
static const char *const texts[] = {
    "",
    " ",
    "a",
    "A",
    "abc",
    "ABC",
    "Abc",
    "abcdef",
    "  padded  ",
    "5",
    "-5",
    "42",
    "5.5",
    "1e3",
    "abc_def",
    "50%",
    "a\\b",
    "%",
    "_",
    "\xc3\xa9t\xc3\xa9",
    "\xc3\x89T\xc3\x89",
    "\xe6\x97\xa5\xe6\x9c\xac",
    "\xf0\x9f\x98\x80 ok",
    "e\xcc\x81",
    "true",
    "2026-01-02",
    "2026-01-02 03:04:05",
    "null",
    "it's",
    "x,y,z",
    "line\nbreak",
    "\xc3\x9f",
    "\xc4\xb0",
    "a longer text that does not fit into twelve bytes",
    "9223372036854775807",
    "0.1",
    "\t tab",
    "12",
    "-3.5",
    " 7 ",
    "1e3",
    "0x1F",
    "true",
    "1_000",
    "2.5",
    "-0",
    "1e400",
    "nan",
    "9223372036854775807.4",
    "40000",
    "no",
    "+-5",
    "1e ",
    "15e-1 ",
};
static const char *const documents[] = {
    "{\"a\":1}",
    "{\"a\":\"x\",\"b\":[1,2,3]}",
    "[1,\"two\",null,{\"k\":true}]",
    "\"text\"",
    "5",
    "5.0",
    "1e3",
    "true",
    "null",
    "{}",
    "[]",
    "not json",
    "",
    "{\"a\":{\"b\":{\"c\":\"deep\"}}}",
    "{\"a\":null}",
    "{\"a\":\"\\u00e9\\n\\\"q\"}",
    "{\"a\":1,\"a\":2}",
    " { \"a\" : 1.50 } ",
    "{\"a/b\":1,\"c~d\":2}",
    "[[1,2],[3]]",
    "{\"a\":12345678901234567890}",
    "[1,2,]",
    "{\"a\":1,}",
    "{\"a\":[1e3,1.5e-9,1E22,0.1e1,123456789012345678901,-1.0e-5,1e400]}",
    "[[[[[[1]]]]]]",
    "{\"a\":\"\\ud83d\\ude00\\u0001\\u007f\\/\\b\"}",
    "[\"\\ud800\"]",
    "[01]",
    "[1",
    "{\"a\" 1}",
    "[1,,2]",
    "{,}",
    "[,]",
    "{\"a\":{\"a\":[true,false,null,\"x\"]}}",
    "[nan,Infinity,-inf]",
    "{\"a\":1e-400}",
    "[\t1 , 2\n]",
    "{\"k\":[{\"a\":[0]}]}",
    "{\"a\":-0.0}",
    "{\"a\":[]}",
    "{\"a\":false}",
    "{\"\":7}",
    "{\"a\":9223372036854775807}",
    "{\"a\":\"5\"}",
};

static kdb_i128 power_of_ten(unsigned n)
{
    kdb_i128 p = 1;
    while (n-- > 0) {
        p *= 10;
    }
    return p;
}

static int64_t any_integer(chance *c)
{
    switch (chance_of(c, 4)) {
    case 0:
        return (int64_t)chance_next(c) >> chance_of(c, 60);
    case 1:
        return (int64_t)chance_of(c, 20) - 5;
    default:
        return integers[chance_of(c, KDB_ARRAY_LEN(integers))];
    }
}

static double any_real(chance *c)
{
    switch (chance_of(c, 8)) {
    case 0:
        return (double)(int64_t)chance_next(c) / (double)(1 + chance_of(c, 100000));
    case 1:
        return (double)any_integer(c);
    case 2:
        return (double)(int32_t)chance_next(c) / 100;
    case 3: {
        static const double odd[] = { NAN, INFINITY, -INFINITY, DBL_MAX, DBL_MIN };
        return odd[chance_of(c, KDB_ARRAY_LEN(odd))];
    }
    default:
        return reals[chance_of(c, KDB_ARRAY_LEN(reals))];
    }
}

static kdb_i128 any_decimal(chance *c, unsigned precision)
{
    const kdb_i128 limit = power_of_ten(precision);
    const kdb_i128 wide = (kdb_i128)(int64_t)chance_next(c) * ((kdb_i128)1 << chance_of(c, 60));
    switch (chance_of(c, 6)) {
    case 0:
        return limit - 1;
    case 1:
        return -(limit - 1);
    case 2:
        return (kdb_i128)any_integer(c) % limit;
    case 3:
        return wide % limit;
    default:
        return (kdb_i128)((int64_t)chance_of(c, 100000) - 30000) % limit;
    }
}

/* Years 1 to 9999, most near today's. */
static int64_t any_instant(chance *c)
{
    static const int64_t odd[] = { 0,
                                   -1,
                                   1,
                                   INT64_C(-62135596800000000),
                                   INT64_C(253402300799999999),
                                   INT64_C(1767323045678000),
                                   INT64_C(1767225600000000),
                                   INT64_C(1709164800000000) };
    if (chance_of(c, 3) == 0) {
        return odd[chance_of(c, KDB_ARRAY_LEN(odd))];
    }
    return INT64_C(-62135596800000000) + (int64_t)(chance_next(c) % UINT64_C(315537897600000000));
}

/* ---- text that nearly reads as something ---- */

/* One piece of each row in turn, most often one of the first, which are sound; it may begin late and end early. */
static const char *const time_pieces[][8] = {
    { "", "", "", "", " ", "\t ", "-", "x" },
    { "2026", "1969", "0001", "9999", "12345", "0", "5881580", "294247" },
    { "-", "-", "-", "-", "/", "\\", " ", "." },
    { "01", "1", "12", "02", "07", "13", "0", "006" },
    { "-", "-", "-", "-", "/", "\\", " ", "." },
    { "02", "2", "31", "29", "10", "11", "0", "032" },
    { "", "", "", " (BC)", " (bc)", "(BC)", " ", "x" },
    { " ", " ", " ", "T", "T", "", "  ", "t" },
    { "03", "3", "23", "24", "04", "0", "25", "123456789" },
    { ":", ":", ":", ":", ":", ":", "", "-" },
    { "04", "4", "59", "00", "00", "60", "", "0" },
    { ":", ":", ":", ":", ":", ":", "", " " },
    { "05", "5", "59", "00", "00", "60", "", "0" },
    { "", "", "", ".5", ".123456", ".9999999", ".", ".x" },
    { "", "", "Z", "+02", "-02:30", "+0230:15", " UTC", " utc " },
    { "", "", "", "", " ", "  ", "x", "+" },
};
static const char *const number_pieces[][8] = {
    { "", "", "", "", " ", "\t", "x", "_" },         { "", "", "", "-", "-", "+", "--", "+-" },
    { "", "0", "00", "1", "12", "999", "1_0", "9" }, { "", "0", "5", "45", "99999", "4_4", "123456789", "_" },
    { "", ".", ".", ".", ".", ".", "..", "_." },     { "", "0", "5", "45", "995", "00451", "4_5", "123456789123" },
    { "", "", "5", "49", "99999999", "0", "_", "" }, { "", "", "", "", "", "e", "E", "e" },
    { "", "", "", "", "-", "+", "-", "" },           { "", "", "", "0", "1", "2", "3", "17" },
    { "", "", "", "", " ", "  ", " 1", "x" },
};

static void put_pieces(const char *const (*pieces)[8], size_t npieces, chance *c, char *room)
{
    size_t len = 0;
    const uint32_t first = chance_of(c, 4) == 0 ? chance_of(c, (uint32_t)npieces) : 0;
    for (size_t i = first; i < npieces && chance_of(c, 24) != 0; i++) {
        const char *piece = pieces[i][chance_of(c, chance_of(c, 3) == 0 ? 8 : 4)];
        len += (size_t)snprintf(room + len, ROWS_TEXT - len, "%s", piece);
    }
    room[len] = '\0';
}

static const char *any_text(chance *c, char *room)
{
    static const char *const words[] = {
        "infinity", "-Infinity", "inf ", "epoch", "-epoch", " EPOCH", "infinityx", "-"
    };
    switch (chance_of(c, 6)) {
    case 0:
        put_pieces(time_pieces, KDB_ARRAY_LEN(time_pieces), c, room);
        return room;
    case 1:
        put_pieces(number_pieces, KDB_ARRAY_LEN(number_pieces), c, room);
        return room;
    case 2:
        return chance_of(c, 4) == 0 ? words[chance_of(c, KDB_ARRAY_LEN(words))] : "2026-01-02 03:04:05";
    default:
        return texts[chance_of(c, KDB_ARRAY_LEN(texts))];
    }
}

static void put_any(kdb_value *out, chance *c, char *room)
{
    switch (out->type.kind) {
    case KDB_TYPE_SMALLINT:
        out->as.i16 = (int16_t)any_integer(c);
        return;
    case KDB_TYPE_INT:
        out->as.i32 = (int32_t)any_integer(c);
        return;
    case KDB_TYPE_BIGINT:
        out->as.i64 = any_integer(c);
        return;
    case KDB_TYPE_FLOAT:
        out->as.f32 = (float)any_real(c);
        return;
    case KDB_TYPE_DOUBLE:
        out->as.f64 = any_real(c);
        return;
    case KDB_TYPE_DECIMAL:
        out->as.i128 = any_decimal(c, out->type.precision);
        return;
    case KDB_TYPE_TEXT:
        out->as.bytes = kdb_sv_cstr(any_text(c, room));
        return;
    case KDB_TYPE_JSON:
        out->as.bytes = kdb_sv_cstr(documents[chance_of(c, KDB_ARRAY_LEN(documents))]);
        return;
    case KDB_TYPE_TIMESTAMP:
        out->as.i64 = any_instant(c);
        return;
    case KDB_TYPE_DATE: {
        const int64_t day = INT64_C(86400000000);
        const int64_t us = any_instant(c);
        out->as.i32 = (int32_t)((us - ((us % day) + day) % day) / day);
        return;
    }
    default:
        out->as.b = chance_of(c, 2) == 0;
        return;
    }
}

void rows_fill(rows *r, chance *c)
{
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = 0; i < ROWS_COLUMNS; i++) {
            r->cells[row][i] = (kdb_value){ .type = rows_columns[i].type, .is_null = chance_of(c, 7) == 0 };
            put_any(&r->cells[row][i], c, r->texts[row][i]);
        }
    }
}

static size_t put_character(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = len; i-- > 0; c >>= 6) {
        out[i] = (char)(i == 0 ? marks[len] | c : 0x80 | (c & 0x3f));
    }
    return len;
}

void rows_fill_characters(rows *r, uint32_t first, kdb_arena *arena)
{
    size_t column = 0;
    while (!kdb_sv_eq(rows_columns[column].name, KDB_SV("t"))) {
        column++;
    }
    for (size_t row = 0; row < ROWS; row++) {
        char *text = kdb_arena_alloc_raw(arena, ROWS_CHARACTERS * 4);
        size_t len = 0;
        for (size_t i = 0; i < ROWS_CHARACTERS; i++, first++) {
            if (first < 0x110000 && (first < 0xd800 || first > 0xdfff)) {
                len += put_character(first, text + len);
            }
        }
        r->cells[row][column] = kdb_value_text(kdb_sv_of(text, len));
    }
}

static kdb_value value_at(void *self, uint32_t column)
{
    return ((const kdb_value *)self)[column];
}

kdb_expr_row rows_at(const rows *r, size_t row)
{
    return (kdb_expr_row){ .self = (void *)(uintptr_t)r->cells[row], .column = value_at };
}

/* ---- the engine's side ---- */

typedef struct scan {
    size_t projection[ROWS_COLUMNS];
    size_t nprojection;
    bool done;
} scan;

static kdb_status scan_open(KDB_UNUSED void *self, KDB_UNUSED size_t slot, const size_t *projection, size_t nprojection,
                            void **out, size_t *max_threads, KDB_UNUSED kdb_err *err)
{
    scan *s = KDB_NEW(scan);
    KDB_ASSERT(nprojection <= ROWS_COLUMNS);
    memcpy(s->projection, projection, nprojection * sizeof(*projection));
    s->nprojection = nprojection;
    *out = s;
    *max_threads = 1;
    return KDB_OK;
}

static kdb_status scan_open_local(KDB_UNUSED void *self, KDB_UNUSED void *state, void **out_local,
                                  KDB_UNUSED kdb_err *err)
{
    *out_local = NULL;
    return KDB_OK;
}

static kdb_status scan_next(void *self, void *state, KDB_UNUSED void *local, kdb_chunk *chunk, KDB_UNUSED kdb_err *err)
{
    const rows *r = self;
    scan *s = state;
    chunk->nrows = s->done ? 0 : r->count;
    for (size_t row = 0; row < chunk->nrows; row++) {
        for (size_t i = 0; i < s->nprojection; i++) {
            kdb_vec_put(&chunk->cols[i], row, &r->cells[r->first + row][s->projection[i]]);
        }
    }
    s->done = true;
    return KDB_OK;
}

static void scan_close_local(KDB_UNUSED void *self, KDB_UNUSED void *state, KDB_UNUSED void *local)
{
}

static void scan_close(KDB_UNUSED void *self, void *state)
{
    kdb_free(state);
}

rows *rows_open(void)
{
    rows *r = KDB_NEW(rows);
    char template[] = "expr-XXXXXX";
    kdb_err err;
    r->arena = kdb_arena_new(0);
    assert_non_null(mkdtemp(template));
    r->directory = realpath(template, NULL);
    assert_non_null(r->directory);
    const kdb_engine_options options = {
        .memory_limit = 256 << 20, .threads = 1, .allowed_directory = r->directory, .temp_directory = r->directory
    };
    assert_int_equal(kdb_engine_open(&options, &r->engine, &err), KDB_OK);
    assert_int_equal(kdb_engine_connect(r->engine, &r->conn, &err), KDB_OK);
    r->scan = (kdb_scan_table){ .columns = rows_columns, .ncolumns = ROWS_COLUMNS, .cardinality = ROWS };
    r->source = (kdb_scan_source){ .self = r,
                                   .open = scan_open,
                                   .open_local = scan_open_local,
                                   .next = scan_next,
                                   .close_local = scan_close_local,
                                   .close = scan_close };
    r->count = ROWS;
    return r;
}

void rows_close(rows *r)
{
    kdb_engine_disconnect(r->conn);
    kdb_engine_close(r->engine);
    kdb_arena_free(r->arena);
    (void)rmdir(r->directory);
    free(r->directory);
    kdb_free(r);
}
