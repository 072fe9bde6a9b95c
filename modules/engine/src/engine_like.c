/* engine_like.c - LIKE by commons' matcher. DuckDB's own looks at a text again for every `%` of most patterns: with four of
 * them 300 characters take minutes, in which no interrupt is seen. */
#include "engine_int.h"

enum { TEXT, PATTERN, ESCAPE, COLUMNS };

typedef struct like_call {
    duckdb_string_t *strings[COLUMNS];
    uint64_t *validity[COLUMNS]; /* NULL: nothing is NULL */
    uint64_t steps;              /* left for the vector */
} like_call;

static bool is_null(const like_call *call, size_t row)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        if (call->validity[c] != NULL && !duckdb_validity_row_is_valid(call->validity[c], row)) {
            return true;
        }
    }
    return false;
}

static kdb_sv text_of(const like_call *call, size_t column, size_t row)
{
    duckdb_string_t *string = call->strings[column] + row;
    return kdb_sv_of(duckdb_string_t_data(string), duckdb_string_t_length(*string));
}

/* Matches within what a row may take and the vector has left. */
static kdb_like_answer match(like_call *call, kdb_sv text, kdb_sv pattern, int escape)
{
    const uint64_t most = call->steps < KDB_LIKE_STEPS_MAX ? call->steps : KDB_LIKE_STEPS_MAX;
    uint64_t left = most;
    const kdb_like_answer answer = kdb_like(text, pattern, escape, &left);
    call->steps -= most - left;
    return answer;
}

/* What is wrong with the row, or NULL. */
static const char *match_row(like_call *call, size_t row, bool *out)
{
    const kdb_sv pattern = text_of(call, PATTERN, row);
    const kdb_sv given = text_of(call, ESCAPE, row);
    if (given.len > 1) {
        return "Invalid escape string. Escape string must be empty or one character.";
    }
    const int escape = given.len == 0 ? KDB_LIKE_NO_ESCAPE : (unsigned char)given.ptr[0];
    if (!kdb_like_valid(pattern, escape)) {
        return KDB_LIKE_INVALID_TEXT;
    }
    const kdb_like_answer answer = match(call, text_of(call, TEXT, row), pattern, escape);
    *out = answer == KDB_LIKE_YES;
    return answer == KDB_LIKE_TOO_LONG ? KDB_LIKE_TOO_LONG_TEXT : NULL;
}

static const char *match_rows(like_call *call, size_t nrows, duckdb_vector output)
{
    bool *out = duckdb_vector_get_data(output);
    for (size_t i = 0; i < nrows; i++) {
        if (is_null(call, i)) {
            duckdb_vector_ensure_validity_writable(output);
            duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), i);
            continue;
        }
        const char *fault = match_row(call, i, &out[i]);
        if (fault != NULL) {
            return fault;
        }
    }
    return NULL;
}

void kdbi_like(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    kdbi_turn_begin();
    like_call call = { .steps = KDB_LIKE_VECTOR_STEPS_MAX };
    for (size_t c = 0; c < COLUMNS; c++) {
        const duckdb_vector column = duckdb_data_chunk_get_vector(input, c);
        call.strings[c] = duckdb_vector_get_data(column);
        call.validity[c] = duckdb_vector_get_validity(column);
    }
    const char *fault = match_rows(&call, duckdb_data_chunk_get_size(input), output);
    if (fault != NULL) {
        duckdb_scalar_function_set_error(info, fault);
    }
    kdbi_turn_end();
}
