/* embedding.c - vectors from JSON array text, '[0.5,1,2]'. A reader of its own: a tree of a thousand JSON nodes for every
 * vector inserted would cost more than storing it. */
#include <math.h>

#include "commons_int.h"

typedef struct reader {
    const char *at;
    const char *start;
    const char *end;
} reader;

static void skip_blanks(reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r')) {
        in->at++;
    }
}

/* The next token is `c`; blanks around it are passed over. */
static bool take(reader *in, char c)
{
    skip_blanks(in);
    if (in->at == in->end || *in->at != c) {
        return false;
    }
    in->at++;
    skip_blanks(in);
    return true;
}

static kdb_status unexpected(const reader *in, const char *wanted, kdb_err *err)
{
    return KDB_FAIL(err, KDB_INVALID, "expected %s at position %zu", wanted, (size_t)(in->at - in->start) + 1);
}

static bool is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static kdb_status take_number(reader *in, float *out, kdb_err *err)
{
    const char *from = in->at;
    while (in->at < in->end && is_number_char(*in->at)) {
        in->at++;
    }
    kdb_sv token = kdb_sv_of(from, (size_t)(in->at - from));
    if (token.len == 0) {
        return unexpected(in, "a number", err);
    }
    double value;
    KDB_TRY(kdb_parse_f64(token, &value, err));
    *out = (float)value;
    if (!isfinite(*out)) {
        return KDB_FAIL(err, KDB_LIMIT, "number at position %zu is out of range", (size_t)(from - in->start) + 1);
    }
    return KDB_OK;
}

kdb_status kdbi_embedding_parse(kdb_sv text, float *out, size_t dim, size_t *count, kdb_err *err)
{
    reader in = { text.ptr, text.ptr, text.len == 0 ? text.ptr : text.ptr + text.len };
    if (!take(&in, '[')) {
        return unexpected(&in, "'['", err);
    }
    size_t found = 0;
    if (!take(&in, ']')) {
        do {
            float value = 0;
            KDB_TRY(take_number(&in, &value, err));
            if (found < dim) {
                out[found] = value;
            }
            found++;
        } while (take(&in, ','));
        if (!take(&in, ']')) {
            return unexpected(&in, "',' or ']'", err);
        }
    }
    if (in.at != in.end) {
        return unexpected(&in, "the end", err);
    }
    *count = found;
    return KDB_OK;
}
