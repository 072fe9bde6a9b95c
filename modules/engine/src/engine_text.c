/* engine_text.c - repeat, lpad, rpad, replace, || of text, concat and concat_ws. DuckDB's own make strings that its
 * memory_limit does not count and that no interrupt stops, so one call could take all memory. Ours work out the sizes of
 * a whole vector before they make the first value, and fail when a value or the vector is too large.
 * Where DuckDB's own function is needed, one of its arguments goes through a function here, which fails when the call
 * would be too much: regexp_replace (a string of the C++ heap) and comparisons of all characters with all. */
#include "engine_int.h"

enum { COUNT_COLUMN = 1, REPEATED_MAX = 1000 /* RE2 refuses more */ };

#define VALUE_MAX ((size_t)64 << 20)
#define VECTOR_MAX ((size_t)256 << 20)
#define TOO_LARGE SIZE_MAX

/* Instead of a size. */
#define ROW_NULL SIZE_MAX
#define ROW_SAME (SIZE_MAX - 1) /* its arguments are those of the row before */

typedef struct text_args {
    kdb_sv *text; /* by column; where NULLs are skipped, they have no pointer */
    size_t ncolumns;
    int64_t count; /* of COUNT_COLUMN, which then has no text */
} text_args;

typedef enum text_nulls {
    NULLS_GIVE_NULL,
    NULLS_SKIPPED,
    NULLS_SKIPPED_BUT_FIRST /* whose NULL gives NULL */
} text_nulls;

typedef struct text_function {
    bool counts; /* COUNT_COLUMN is a BIGINT */
    text_nulls nulls;
    /* The bytes of the value, or TOO_LARGE for more than VALUE_MAX. */
    size_t (*size)(const text_args *args);
    /* Writes the value, whose size it was told to be `size`. */
    void (*fill)(const text_args *args, size_t size, char *out);
    /* What the engine will do with the value; NULL: nothing of note. */
    uint64_t (*work)(const text_args *args);
    uint64_t work_max;       /* for one value */
    uint64_t work_total_max; /* for a vector; 0: no limit */
    const char *work_fault;
} text_function;

static size_t limited(size_t size)
{
    return size > VALUE_MAX ? TOO_LARGE : size;
}

/* ---- filling ---- */

/* `unit` over and over, cut at `size`. */
static void fill_repeated(kdb_sv unit, size_t size, char *out)
{
    size_t done = unit.len < size ? unit.len : size;
    if (done == 0) {
        return;
    }
    memcpy(out, unit.ptr, done);
    while (done < size) {
        const size_t n = done < size - done ? done : size - done;
        memcpy(out + done, out, n);
        done += n;
    }
}

/* ---- repeat(text, count) ---- */

static size_t repeat_size(const text_args *args)
{
    if (args->count <= 0 || args->text[0].len == 0) {
        return 0;
    }
    return (uint64_t)args->count > VALUE_MAX / args->text[0].len ? TOO_LARGE : args->text[0].len * (size_t)args->count;
}

static void repeat_fill(const text_args *args, size_t size, char *out)
{
    fill_repeated(args->text[0], size, out);
}

/* ---- lpad(text, count, pad), rpad ---- */

static size_t pad_size(const text_args *args)
{
    const kdb_sv text = args->text[0];
    const kdb_sv pad = args->text[2];
    const uint64_t wanted = args->count < 0 ? 0 : (uint64_t)args->count;
    const size_t has = kdb_utf8_count(text);
    if (wanted <= has) {
        return limited(kdb_utf8_offset(text, (size_t)wanted));
    }
    if (pad.len == 0) {
        return limited(text.len);
    }
    if (wanted > VALUE_MAX) { /* a character is a byte at least; the products below stay small */
        return TOO_LARGE;
    }
    const size_t missing = (size_t)wanted - has;
    const size_t pad_has = kdb_utf8_count(pad);
    return limited(text.len + missing / pad_has * pad.len + kdb_utf8_offset(pad, missing % pad_has));
}

static void lpad_fill(const text_args *args, size_t size, char *out)
{
    const kdb_sv text = args->text[0];
    const size_t padding = size > text.len ? size - text.len : 0;
    fill_repeated(args->text[2], padding, out);
    fill_repeated(text, size - padding, out + padding);
}

static void rpad_fill(const text_args *args, size_t size, char *out)
{
    const kdb_sv text = args->text[0];
    const size_t padding = size > text.len ? size - text.len : 0;
    fill_repeated(text, size - padding, out);
    fill_repeated(args->text[2], padding, out + size - padding);
}

/* ---- replace(text, from, to) ---- */

/* The offset of `what` in `text` at or behind `pos`; `text.len` when there is none, as for an empty `what`. */
static size_t find_from(kdb_sv text, size_t pos, kdb_sv what)
{
    const char *at =
        what.len == 0 || pos == text.len ? NULL : memmem(text.ptr + pos, text.len - pos, what.ptr, what.len);
    return at == NULL ? text.len : (size_t)(at - text.ptr);
}

static size_t replace_size(const text_args *args)
{
    const kdb_sv text = args->text[0];
    const kdb_sv from = args->text[1];
    const kdb_sv to = args->text[2];
    size_t size = text.len;
    for (size_t at = find_from(text, 0, from); at != text.len; at = find_from(text, at + from.len, from)) {
        size = size - from.len + to.len;
        if (size > VALUE_MAX && to.len >= from.len) { /* it would only grow on */
            return TOO_LARGE;
        }
    }
    return limited(size);
}

static void replace_fill(const text_args *args, KDB_UNUSED size_t size, char *out)
{
    const kdb_sv text = args->text[0];
    const kdb_sv from = args->text[1];
    const kdb_sv to = args->text[2];
    size_t pos = 0;
    for (size_t at = find_from(text, 0, from); at != text.len; at = find_from(text, pos, from)) {
        fill_repeated(kdb_sv_of(text.ptr + pos, at - pos), at - pos, out);
        out += at - pos;
        fill_repeated(to, to.len, out);
        out += to.len;
        pos = at + from.len;
    }
    fill_repeated(kdb_sv_of(text.ptr + pos, text.len - pos), text.len - pos, out);
}

/* ---- a || b, concat(text, ..), concat_ws(separator, text, ..) ---- */

/* The texts from column `first` on, those that are NULL left out, with `between` them. */
static size_t joined_size(const text_args *args, size_t first, kdb_sv between)
{
    size_t size = 0;
    bool any = false;
    for (size_t c = first; c < args->ncolumns && size <= VALUE_MAX; c++) {
        if (args->text[c].ptr != NULL) {
            size += args->text[c].len + (any ? between.len : 0);
            any = true;
        }
    }
    return limited(size);
}

static void fill_joined(const text_args *args, size_t first, kdb_sv between, char *out)
{
    bool any = false;
    for (size_t c = first; c < args->ncolumns; c++) {
        if (args->text[c].ptr != NULL) {
            fill_repeated(between, any ? between.len : 0, out);
            out += any ? between.len : 0;
            fill_repeated(args->text[c], args->text[c].len, out);
            out += args->text[c].len;
            any = true;
        }
    }
}

static size_t concat_size(const text_args *args)
{
    return joined_size(args, 0, KDB_SV(""));
}

static void concat_fill(const text_args *args, KDB_UNUSED size_t size, char *out)
{
    fill_joined(args, 0, KDB_SV(""), out);
}

static size_t concat_ws_size(const text_args *args)
{
    return joined_size(args, 1, args->text[0]);
}

static void concat_ws_fill(const text_args *args, KDB_UNUSED size_t size, char *out)
{
    fill_joined(args, 1, args->text[0], out);
}

/* ---- arguments of the engine's own functions ---- */

static size_t last_size(const text_args *args)
{
    return limited(args->text[1].len);
}

static void last_fill(const text_args *args, size_t size, char *out)
{
    fill_repeated(args->text[1], size, out);
}

/* Both may be as large as VALUE_MAX: no product overflows. */
static uint64_t compared_work(const text_args *args)
{
    return (uint64_t)args->text[0].len * args->text[1].len;
}

/* Bytes are compared many at a time. */
static uint64_t found_work(const text_args *args)
{
    return compared_work(args) / 16;
}

/* The steps of a regular expression's program for each character, as if none were shared, and of making it. A count in
 * braces repeats a part of the pattern: taken for all of it. */
static uint64_t searched_work(const text_args *args)
{
    const kdb_sv pattern = args->text[0];
    uint64_t most = 1;
    uint64_t count = 0;
    for (size_t i = 0; i < pattern.len; i++) {
        const bool digit = pattern.ptr[i] >= '0' && pattern.ptr[i] <= '9';
        count = digit ? count * 10 + (uint64_t)(pattern.ptr[i] - '0') : 0;
        count = count > REPEATED_MAX ? REPEATED_MAX : count;
        most = count > most ? count : most;
    }
    return (uint64_t)pattern.len * most * (args->text[1].len + 64);
}

/* The most that regexp_replace(text, pattern, rewrite, 'g') can make: the rewrite before every byte and at the end, and with
 * each of its references all of the text. */
static uint64_t rewrite_work(const text_args *args)
{
    const kdb_sv rewrite = args->text[1];
    uint64_t references = 1; /* what does not match stays */
    for (size_t i = 0; i < rewrite.len; i++) {
        references += rewrite.ptr[i] == '\\';
    }
    return ((uint64_t)args->text[0].len + 1) * rewrite.len + references * args->text[0].len;
}

/* ---- vectors ---- */

typedef struct text_call {
    const text_function *function;
    size_t ncolumns;
    void **data;
    uint64_t **validity; /* NULL: nothing is NULL */
    kdb_sv *texts;       /* of the row looked at */
    size_t nrows;
    size_t *sizes; /* of each row's value, or ROW_* */
    size_t largest;
} text_call;

static bool is_count(const text_call *call, size_t column)
{
    return call->function->counts && column == COUNT_COLUMN;
}

static bool is_null(const text_call *call, size_t column, size_t row)
{
    return call->validity[column] != NULL && !duckdb_validity_row_is_valid(call->validity[column], row);
}

/* A NULL that makes the value NULL. */
static bool has_null(const text_call *call, size_t row)
{
    const text_nulls nulls = call->function->nulls;
    const size_t until = nulls == NULLS_SKIPPED ? 0 : nulls == NULLS_GIVE_NULL ? call->ncolumns : 1;
    for (size_t c = 0; c < until; c++) {
        if (is_null(call, c, row)) {
            return true;
        }
    }
    return false;
}

/* Constants come as vectors of one value many times, which then is made once. */
static bool same_as_before(const text_call *call, size_t row)
{
    if (row == 0 || call->sizes[row - 1] == ROW_NULL || call->function->work != NULL) {
        return false;
    }
    for (size_t c = 0; c < call->ncolumns; c++) {
        const size_t width = is_count(call, c) ? sizeof(int64_t) : sizeof(duckdb_string_t);
        if (is_null(call, c, row) || is_null(call, c, row - 1)) {
            return false;
        }
        const char *here = (const char *)call->data[c] + row * width;
        if (memcmp(here, here - width, width) != 0) {
            return false;
        }
    }
    return true;
}

static void read_args(const text_call *call, size_t row, text_args *args)
{
    args->text = call->texts;
    args->ncolumns = call->ncolumns;
    for (size_t c = 0; c < call->ncolumns; c++) {
        if (is_count(call, c)) {
            args->count = ((const int64_t *)call->data[c])[row];
        } else if (is_null(call, c, row)) {
            args->text[c] = (kdb_sv){ 0 };
        } else {
            duckdb_string_t *string = (duckdb_string_t *)call->data[c] + row;
            args->text[c] = kdb_sv_of(duckdb_string_t_data(string), duckdb_string_t_length(*string));
        }
    }
}

/* What is wrong with what the engine will do with the value, or NULL. */
static const char *measure_work(const text_function *function, const text_args *args, uint64_t *total)
{
    if (function->work == NULL) {
        return NULL;
    }
    const uint64_t work = function->work(args);
    *total += work;
    const bool too_much =
        work > function->work_max || (function->work_total_max != 0 && *total > function->work_total_max);
    return too_much ? function->work_fault : NULL;
}

/* What is wrong with the sizes, or NULL. */
static const char *measure(text_call *call)
{
    size_t total = 0;
    uint64_t work = 0;
    for (size_t i = 0; i < call->nrows; i++) {
        if (has_null(call, i)) {
            call->sizes[i] = ROW_NULL;
        } else if (same_as_before(call, i)) {
            call->sizes[i] = ROW_SAME;
        } else {
            text_args args;
            read_args(call, i, &args);
            call->sizes[i] = call->function->size(&args);
            if (call->sizes[i] == TOO_LARGE) {
                return KDBI_VALUE_TOO_LARGE;
            }
            const char *fault = measure_work(call->function, &args, &work);
            if (fault != NULL) {
                return fault;
            }
            total += call->sizes[i];
            if (total > VECTOR_MAX) {
                return KDBI_VECTOR_TOO_LARGE;
            }
            call->largest = call->sizes[i] > call->largest ? call->sizes[i] : call->largest;
        }
    }
    return NULL;
}

static void put_null(duckdb_vector output, size_t row)
{
    duckdb_vector_ensure_validity_writable(output);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), row);
}

static void make(const text_call *call, kdb_arena *arena, duckdb_vector output)
{
    duckdb_string_t *out = duckdb_vector_get_data(output);
    char *value = kdb_arena_alloc_raw(arena, call->largest + 1);
    for (size_t i = 0; i < call->nrows; i++) {
        const size_t size = call->sizes[i];
        if (size == ROW_NULL) {
            put_null(output, i);
        } else if (size == ROW_SAME) {
            out[i] = out[i - 1];
        } else {
            text_args args;
            read_args(call, i, &args);
            call->function->fill(&args, size, value);
            duckdb_vector_assign_string_element_len(output, i, value, size);
        }
    }
}

/* Where the engine's memory ends, assigning a string throws through this: the file is built so that the arena goes then too. */
static void run(const text_function *function, duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    kdbi_turn_begin();
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    text_call call = {
        .function = function,
        .ncolumns = duckdb_data_chunk_get_column_count(input),
        .nrows = duckdb_data_chunk_get_size(input),
    };
    call.data = kdb_arena_alloc(arena, (call.ncolumns + 1) * sizeof(*call.data));
    call.validity = kdb_arena_alloc(arena, (call.ncolumns + 1) * sizeof(*call.validity));
    call.texts = kdb_arena_alloc(arena, (call.ncolumns + 1) * sizeof(*call.texts));
    for (size_t c = 0; c < call.ncolumns; c++) {
        const duckdb_vector column = duckdb_data_chunk_get_vector(input, c);
        call.data[c] = duckdb_vector_get_data(column);
        call.validity[c] = duckdb_vector_get_validity(column);
    }
    call.sizes = kdb_arena_alloc(arena, (call.nrows + 1) * sizeof(*call.sizes));
    const char *fault = measure(&call);
    if (fault == NULL) {
        make(&call, arena, output);
    } else {
        duckdb_scalar_function_set_error(info, fault);
    }
    kdbi_turn_end();
}

void kdbi_text_repeat(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    static const text_function function = { .counts = true, .size = repeat_size, .fill = repeat_fill };
    run(&function, info, input, output);
}

void kdbi_text_lpad(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    static const text_function function = { .counts = true, .size = pad_size, .fill = lpad_fill };
    run(&function, info, input, output);
}

void kdbi_text_rpad(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    static const text_function function = { .counts = true, .size = pad_size, .fill = rpad_fill };
    run(&function, info, input, output);
}

void kdbi_text_replace(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    static const text_function function = { .size = replace_size, .fill = replace_fill };
    run(&function, info, input, output);
}

void kdbi_text_join(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    static const text_function function = { .size = concat_size, .fill = concat_fill };
    run(&function, info, input, output);
}

void kdbi_text_concat(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    static const text_function function = { .nulls = NULLS_SKIPPED, .size = concat_size, .fill = concat_fill };
    run(&function, info, input, output);
}

void kdbi_text_concat_ws(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    static const text_function function = { .nulls = NULLS_SKIPPED_BUT_FIRST,
                                            .size = concat_ws_size,
                                            .fill = concat_ws_fill };
    run(&function, info, input, output);
}

void kdbi_text_compared(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    static const text_function function = { .size = last_size,
                                            .fill = last_fill,
                                            .work = compared_work,
                                            .work_max = UINT64_C(1) << 25, /* a matrix of 256 MiB */
                                            .work_total_max = UINT64_C(1) << 30,
                                            .work_fault = KDBI_COMPARE_TOO_LONG };
    run(&function, info, input, output);
}

void kdbi_text_rewrite(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    static const text_function function = { .size = last_size,
                                            .fill = last_fill,
                                            .work = rewrite_work,
                                            .work_max = UINT64_C(256) << 20,
                                            .work_fault = KDBI_REWRITE_TOO_LARGE };
    run(&function, info, input, output);
}

void kdbi_text_found(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    static const text_function function = { .size = last_size,
                                            .fill = last_fill,
                                            .work = found_work,
                                            .work_max = UINT64_C(1) << 31,
                                            .work_total_max = UINT64_C(1) << 33,
                                            .work_fault = KDBI_SEARCH_TOO_LONG };
    run(&function, info, input, output);
}

void kdbi_text_searched(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    static const text_function function = { .size = last_size,
                                            .fill = last_fill,
                                            .work = searched_work,
                                            .work_max = UINT64_C(1) << 31,
                                            .work_total_max = UINT64_C(1) << 33,
                                            .work_fault = KDBI_SEARCH_TOO_LONG };
    run(&function, info, input, output);
}
