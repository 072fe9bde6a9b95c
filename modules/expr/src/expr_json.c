/* expr_json.c - what dialect makes of json_get and its kin and of `->`, `->>` and `?`: the engine parses the document, walks
 * one path and writes what it finds anew. Documents are text that nothing checked: one that is no JSON is NULL. */
#include <ctype.h>
#include <stdlib.h>

#include "expr_int.h"

/* ---- reading ---- */

typedef struct reader {
    kdb_sv text;
    size_t at;
} reader;

static char peek(const reader *in)
{
    return in->at < in->text.len ? in->text.ptr[in->at] : '\0';
}

static bool take(reader *in, char c)
{
    if (in->at < in->text.len && in->text.ptr[in->at] == c) {
        in->at++;
        return true;
    }
    return false;
}

static void skip_space(reader *in)
{
    while (in->at < in->text.len && memchr(" \t\n\r", in->text.ptr[in->at], 4) != NULL) {
        in->at++;
    }
}

static bool take_word(reader *in, const char *word)
{
    const size_t len = strlen(word);
    if (in->text.len - in->at < len || strncmp(in->text.ptr + in->at, word, len) != 0) {
        return false;
    }
    in->at += len;
    return true;
}

static bool take_any_case(reader *in, const char *word)
{
    const size_t len = strlen(word);
    if (in->text.len - in->at < len || strncasecmp(in->text.ptr + in->at, word, len) != 0) {
        return false;
    }
    in->at += len;
    return true;
}

static bool take_digits(reader *in)
{
    const size_t start = in->at;
    while (peek(in) >= '0' && peek(in) <= '9') {
        in->at++;
    }
    return in->at > start;
}

/* The engine reads infinities and NaN too. */
static bool take_number(reader *in)
{
    (void)take(in, '-');
    if (take_any_case(in, "infinity") || take_any_case(in, "inf") || take_any_case(in, "nan")) {
        return true;
    }
    if (!take(in, '0') && !take_digits(in)) {
        return false;
    }
    if (take(in, '.') && !take_digits(in)) {
        return false;
    }
    if (take(in, 'e') || take(in, 'E')) {
        (void)(take(in, '+') || take(in, '-'));
        return take_digits(in);
    }
    return !(peek(in) >= '0' && peek(in) <= '9'); /* 01 */
}

static bool take_hex4(reader *in, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, in->at++) {
        const char c = peek(in);
        if (!isxdigit((unsigned char)c)) {
            return false;
        }
        *out = *out * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return true;
}

/* Behind `\u`: a character, of two escapes beyond 0xffff. */
static bool take_unicode(reader *in, uint32_t *out)
{
    uint32_t low = 0;
    if (!take_hex4(in, out)) {
        return false;
    }
    if (*out < 0xd800 || *out > 0xdfff) {
        return true;
    }
    if (*out > 0xdbff || !take(in, '\\') || !take(in, 'u') || !take_hex4(in, &low) || low < 0xdc00 || low > 0xdfff) {
        return false;
    }
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* One character or escape inside a string; `out` gets its bytes, 4 at most. */
static bool take_string_part(reader *in, char *out, size_t *len)
{
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char c = in->text.ptr[in->at++];
    *len = 1;
    out[0] = c;
    if (c != '\\') {
        return (unsigned char)c >= 0x20;
    }
    const char kind = peek(in);
    in->at++;
    if (kind == 'u') {
        uint32_t character = 0;
        const bool good = take_unicode(in, &character);
        *len = good ? kdbi_put_character(character, out) : 0;
        return good;
    }
    const char *known = kind == '\0' ? NULL : strchr(escapes, kind);
    out[0] = known == NULL ? '\0' : meanings[known - escapes];
    return known != NULL;
}

static bool take_string(reader *in)
{
    char bytes[4];
    size_t len;
    if (!take(in, '"')) {
        return false;
    }
    while (in->at < in->text.len && peek(in) != '"') {
        if (!take_string_part(in, bytes, &len)) {
            return false;
        }
    }
    return take(in, '"');
}

static bool take_scalar(reader *in)
{
    const char c = peek(in);
    if (c == '"') {
        return take_string(in);
    }
    return take_word(in, "true") || take_word(in, "false") || take_word(in, "null") || take_number(in);
}

/* ---- documents ---- */

/* Behind a value inside containers: closes what ends here, to the next value's place. False when it is no JSON. */
static bool close_containers(reader *in, const char *stack, size_t *depth)
{
    while (*depth > 0) {
        const char open = stack[*depth - 1];
        const char close = open == '{' ? '}' : ']';
        skip_space(in);
        const bool more = take(in, ',');
        skip_space(in);
        if (take(in, close)) { /* a comma before it is fine with the engine */
            *depth -= 1;
            continue;
        }
        return more;
    }
    return true;
}

static bool take_key(reader *in)
{
    skip_space(in);
    if (!take_string(in)) {
        return false;
    }
    skip_space(in);
    return take(in, ':');
}

/* The containers open at once are no more than the text has bytes. */
static bool is_document(kdb_sv text, kdb_arena *arena)
{
    reader in = { .text = text };
    char small[64];
    char *stack = text.len < sizeof(small) ? small : kdb_arena_alloc_raw(arena, text.len + 1);
    size_t depth = 0;
    do {
        if (depth > 0 && stack[depth - 1] == '{' && !take_key(&in)) {
            return false;
        }
        skip_space(&in);
        const char c = peek(&in);
        if (c == '{' || c == '[') {
            in.at++;
            skip_space(&in);
            if (!take(&in, c == '{' ? '}' : ']')) {
                stack[depth++] = c;
                continue;
            }
        } else if (!take_scalar(&in)) {
            return false;
        }
        if (!close_containers(&in, stack, &depth)) {
            return false;
        }
    } while (depth > 0);
    skip_space(&in);
    return in.at == text.len;
}

/* To behind the value that starts here, in a document. */
static void skip_value(reader *in)
{
    size_t depth = 0;
    do {
        const char c = peek(in);
        if (c == '"') {
            (void)take_string(in);
        } else if (c == '{' || c == '[') {
            depth++;
            in->at++;
        } else if (c == '}' || c == ']') {
            depth--;
            in->at++;
        } else if (memchr(",: \t\n\r", c, 6) != NULL) {
            in->at++;
        } else {
            (void)take_scalar(in);
        }
    } while (depth > 0);
}

static kdb_sv take_value(reader *in)
{
    skip_space(in);
    const size_t start = in->at;
    skip_value(in);
    return kdb_sv_of(in->text.ptr + start, in->at - start);
}

static kdb_sv trimmed(kdb_sv text)
{
    reader in = { .text = text };
    return take_value(&in);
}

/* ---- paths ---- */

static bool key_is(kdb_sv quoted, kdb_sv key)
{
    reader in = { .text = quoted, .at = 1 };
    size_t at = 0;
    while (peek(&in) != '"') {
        char bytes[4];
        size_t len = 0;
        (void)take_string_part(&in, bytes, &len);
        if (key.len - at < len || memcmp(key.ptr + at, bytes, len) != 0) {
            return false;
        }
        at += len;
    }
    return at == key.len;
}

static bool find_key(kdb_sv object, kdb_sv key, kdb_sv *out)
{
    reader in = { .text = object, .at = 1 };
    for (;;) {
        skip_space(&in);
        if (peek(&in) == '}') {
            return false;
        }
        const kdb_sv name = take_value(&in);
        skip_space(&in);
        (void)take(&in, ':');
        *out = take_value(&in);
        if (key_is(name, key)) {
            return true;
        }
        skip_space(&in);
        (void)take(&in, ',');
    }
}

/* Elements of an array, or members of an object. */
static int64_t count_items(kdb_sv container)
{
    const bool keyed = container.ptr[0] == '{';
    reader in = { .text = container, .at = 1 };
    int64_t n = 0;
    for (;; n++) {
        skip_space(&in);
        if (peek(&in) == (keyed ? '}' : ']')) {
            return n;
        }
        if (keyed) {
            (void)take_key(&in);
            skip_space(&in);
        }
        (void)take_value(&in);
        skip_space(&in);
        (void)take(&in, ',');
    }
}

/* Negative: from the end. */
static bool find_element(kdb_sv array, int64_t index, kdb_sv *out)
{
    reader in = { .text = array, .at = 1 };
    if (index < 0) {
        index += count_items(array);
    }
    for (; index >= 0; index--) {
        skip_space(&in);
        if (peek(&in) == ']') {
            return false;
        }
        *out = take_value(&in);
        skip_space(&in);
        (void)take(&in, ',');
        if (index == 0) {
            return true;
        }
    }
    return false;
}

/* A key of digits is an index into an array. */
static bool index_of_key(kdb_sv key, int64_t *out)
{
    const bool plain = key.len > 0 && key.len < 18 && (key.ptr[0] != '0' || key.len == 1);
    *out = 0;
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < '0' || key.ptr[i] > '9') {
            return false;
        }
        *out = plain ? *out * 10 + (key.ptr[i] - '0') : 0;
    }
    return plain;
}

static bool find_path(kdb_sv value, const kdb_value *path, bool is_index, kdb_sv *out)
{
    int64_t index = 0;
    const char kind = value.ptr[0];
    if (is_index) {
        return kind == '[' && find_element(value, path->as.i64, out);
    }
    if (kind == '{') {
        return find_key(value, path->as.bytes, out);
    }
    return kind == '[' && index_of_key(path->as.bytes, &index) && find_element(value, index, out);
}

/* ---- writing ---- */

static void put_string(kdb_buf *out, kdb_sv quoted)
{
    static const char short_forms[] = "btn\0fr"; /* 8 to 13 */
    reader in = { .text = quoted, .at = 1 };
    kdb_buf_append_byte(out, '"');
    while (peek(&in) != '"') {
        char bytes[4];
        size_t len = 0;
        (void)take_string_part(&in, bytes, &len);
        const unsigned char c = (unsigned char)bytes[0];
        if (c == '"' || c == '\\') {
            kdb_buf_printf(out, "\\%c", c);
        } else if (c >= 8 && c <= 13 && c != 11) {
            kdb_buf_printf(out, "\\%c", short_forms[c - 8]);
        } else if (c < 0x20) {
            kdb_buf_printf(out, "\\u%04X", c);
        } else {
            kdb_buf_append(out, bytes, len);
        }
    }
    kdb_buf_append_byte(out, '"');
}

static kdb_sv unescaped(kdb_sv quoted, kdb_arena *arena)
{
    reader in = { .text = quoted, .at = 1 };
    char *out = kdb_arena_alloc_raw(arena, quoted.len + 4);
    size_t at = 0;
    while (peek(&in) != '"') {
        size_t len = 0;
        (void)take_string_part(&in, out + at, &len);
        at += len;
    }
    return kdb_sv_of(out, at);
}

typedef enum number_kind { NUMBER_INTEGER, NUMBER_REAL, NUMBER_RAW } number_kind;

/* Integers of 64 bits; finite reals; what is neither stays the text it is. */
static number_kind kind_of_number(kdb_sv text, double *out)
{
    char copy[64];
    const bool negative = text.ptr[0] == '-';
    const char first = text.ptr[negative];
    const bool integer = memchr(text.ptr, '.', text.len) == NULL && memchr(text.ptr, 'e', text.len) == NULL &&
                         memchr(text.ptr, 'E', text.len) == NULL;
    if (first < '0' || first > '9') {
        return NUMBER_RAW;
    }
    if (integer) {
        uint64_t magnitude = 0;
        const bool fits =
            kdb_parse_u64(kdb_sv_of(text.ptr + negative, text.len - negative), &magnitude, NULL) == KDB_OK;
        return fits && (!negative || magnitude <= (uint64_t)INT64_MAX + 1) ? NUMBER_INTEGER : NUMBER_RAW;
    }
    char *z = text.len < sizeof(copy) ? copy : kdb_alloc(text.len + 1);
    memcpy(z, text.ptr, text.len);
    z[text.len] = '\0';
    *out = strtod(z, NULL);
    if (z != copy) {
        kdb_free(z);
    }
    return *out - *out == 0 ? NUMBER_REAL : NUMBER_RAW;
}

static void put_number(kdb_buf *out, kdb_sv text, kdb_arena *arena)
{
    double real = 0;
    switch (kind_of_number(text, &real)) {
    case NUMBER_REAL:
        kdb_buf_append_sv(out, kdbi_json_real(real, arena));
        return;
    case NUMBER_INTEGER:
        kdb_buf_append_sv(out, kdb_sv_eq(text, KDB_SV("-0")) ? KDB_SV("0") : text);
        return;
    case NUMBER_RAW:
        kdb_buf_append_sv(out, text);
        return;
    }
}

/* Anew without white space. */
static kdb_sv written(kdb_sv value, kdb_arena *arena)
{
    reader in = { .text = value };
    kdb_buf out;
    kdb_buf_init(&out, 0);
    while (in.at < value.len) {
        const char c = peek(&in);
        const size_t start = in.at;
        if (c == '"') {
            (void)take_string(&in);
            put_string(&out, kdb_sv_of(value.ptr + start, in.at - start));
        } else if (memchr(" \t\n\r", c, 4) != NULL) {
            in.at++;
        } else if (memchr("{}[]:,", c, 6) != NULL) {
            in.at++;
            const bool trailing = (c == '}' || c == ']') && out.len > 0 && out.ptr[out.len - 1] == ',';
            out.len -= trailing;
            kdb_buf_append_byte(&out, (uint8_t)c);
        } else {
            (void)take_scalar(&in);
            const kdb_sv scalar = kdb_sv_of(value.ptr + start, in.at - start);
            if (c == 't' || c == 'f' || (c == 'n' && scalar.len == 4)) {
                kdb_buf_append_sv(&out, scalar);
            } else {
                put_number(&out, scalar, arena);
            }
        }
    }
    const kdb_sv kept = kdb_sv_dup(arena, kdb_buf_sv(&out));
    kdb_buf_done(&out);
    return kept;
}

/* ---- steps ---- */

/* Sets *value to what the paths lead to. False: NULL, or nothing there (*known then). */
static kdb_status find_value(const kdbi_step *step, kdbi_run *run, kdb_sv *value, bool *found, bool *known)
{
    kdb_value arg;
    *found = false;
    *known = false;
    KDB_TRY(kdbi_arg(step, 0, run, &arg));
    if (arg.is_null || !is_document(arg.as.bytes, run->scratch)) {
        return KDB_OK;
    }
    *value = trimmed(arg.as.bytes);
    for (size_t i = 1; i < step->nargs; i++) {
        KDB_TRY(kdbi_arg(step, i, run, &arg));
        *known = !arg.is_null && i + 1 == step->nargs;
        if (arg.is_null || !find_path(*value, &arg, kdbi_is_integer(step->args[i]->type), value)) {
            return KDB_OK;
        }
    }
    *found = true;
    return KDB_OK;
}

static bool is_json_null(kdb_sv value)
{
    return kdb_sv_eq(value, KDB_SV("null"));
}

static kdb_status run_json(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    bool found;
    bool known;
    kdb_sv value;
    KDB_TRY(find_value(step, run, &value, &found, &known));
    out->is_null = !found;
    if (found) {
        out->as.bytes = written(value, run->scratch);
    }
    return KDB_OK;
}

static kdb_status run_text(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    bool found;
    bool known;
    kdb_sv value;
    KDB_TRY(find_value(step, run, &value, &found, &known));
    out->is_null = !found || is_json_null(value);
    if (!out->is_null) {
        out->as.bytes = value.ptr[0] == '"' ? unescaped(value, run->scratch) : written(value, run->scratch);
    }
    return KDB_OK;
}

static kdb_status run_exists(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    bool found;
    bool known;
    kdb_sv value;
    KDB_TRY(find_value(step, run, &value, &found, &known));
    out->is_null = !known;
    out->as.b = found;
    return KDB_OK;
}

static kdb_status run_string(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    bool found;
    bool known;
    kdb_sv value;
    KDB_TRY(find_value(step, run, &value, &found, &known));
    out->is_null = !found || value.ptr[0] != '"';
    if (!out->is_null) {
        out->as.bytes = unescaped(value, run->scratch);
    }
    return KDB_OK;
}

static kdb_status run_array(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    bool found;
    bool known;
    kdb_sv value;
    KDB_TRY(find_value(step, run, &value, &found, &known));
    out->is_null = !found || value.ptr[0] != '[';
    if (!out->is_null) {
        out->as.bytes = written(value, run->scratch);
    }
    return KDB_OK;
}

static kdb_status run_bool(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    bool found;
    bool known;
    kdb_sv value;
    KDB_TRY(find_value(step, run, &value, &found, &known));
    const bool yes = found && kdb_sv_eq(value, KDB_SV("true"));
    out->is_null = !yes && !(found && kdb_sv_eq(value, KDB_SV("false")));
    out->as.b = yes;
    return KDB_OK;
}

static bool is_number(kdb_sv value)
{
    return value.ptr[0] == '-' || (value.ptr[0] >= '0' && value.ptr[0] <= '9');
}

static kdb_status run_int(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    bool found;
    bool known;
    kdb_sv value;
    double real;
    KDB_TRY(find_value(step, run, &value, &found, &known));
    out->is_null = !found || !is_number(value) || kind_of_number(value, &real) != NUMBER_INTEGER ||
                   kdb_parse_i64(value, &out->as.i64, NULL) != KDB_OK;
    return KDB_OK;
}

/* NaN, Infinity, -inf: the engine reads more than JSON has. */
static bool is_real_word(kdb_sv value)
{
    const bool negative = value.len != 0 && value.ptr[0] == '-';
    const kdb_sv word = kdb_sv_of(value.ptr + negative, value.len - negative);
    return kdb_sv_ieq(word, KDB_SV("nan")) || kdb_sv_ieq(word, KDB_SV("inf")) || kdb_sv_ieq(word, KDB_SV("infinity"));
}

static kdb_status run_float(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    bool found;
    bool known;
    kdb_sv value;
    KDB_TRY(find_value(step, run, &value, &found, &known));
    out->is_null = !found || !(is_number(value) || is_real_word(value));
    out->as.f64 = out->is_null ? 0 : strtod(kdb_sv_dup_cstr(run->scratch, value), NULL);
    return KDB_OK;
}

/* Of what stands in an array or an object. */
static kdb_status run_length(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    bool found;
    bool known;
    kdb_sv value;
    KDB_TRY(find_value(step, run, &value, &found, &known));
    out->is_null = !found || (value.ptr[0] != '[' && value.ptr[0] != '{');
    if (!out->is_null) {
        out->as.i64 = count_items(value);
    }
    return KDB_OK;
}

/* ---- compiling ---- */

typedef struct json_row {
    const char *name;
    kdb_type_kind type;
    kdbi_step_fn run;
} json_row;

static const json_row json_rows[] = {
    { "json_get", KDB_TYPE_JSON, run_json },          { "json_get_json", KDB_TYPE_JSON, run_json },
    { "json_as_text", KDB_TYPE_TEXT, run_text },      { "json_contains", KDB_TYPE_BOOLEAN, run_exists },
    { "json_get_str", KDB_TYPE_TEXT, run_string },    { "json_get_int", KDB_TYPE_BIGINT, run_int },
    { "json_get_bool", KDB_TYPE_BOOLEAN, run_bool },  { "json_get_array", KDB_TYPE_TEXT, run_array },
    { "json_get_float", KDB_TYPE_DOUBLE, run_float }, { "json_length", KDB_TYPE_BIGINT, run_length },
};

static const json_row *row_of(kdb_sv name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(json_rows); i++) {
        if (kdb_sv_eq(name, kdb_sv_cstr(json_rows[i].name))) {
            return &json_rows[i];
        }
    }
    return NULL;
}

/* A key is text, an index a literal integer. */
static bool is_path(const kdbi_compiler *c, const kdbi_step *step)
{
    const kdb_value *literal = kdbi_literal(c, step);
    if (step->is_param) {
        return false;
    }
    return step->type.kind == KDB_TYPE_TEXT || (literal != NULL && !literal->is_null && kdbi_is_integer(step->type));
}

const kdbi_step *kdbi_compile_json(kdbi_compiler *c, const kdb_node *node)
{
    const json_row *row = row_of(node->name);
    const kdbi_step **args = kdbi_compile_args(c, node);
    if (row == NULL || args == NULL || node->nargs < (row->run == run_length ? 1U : 2U) ||
        kdbi_has_null(c, args, node->nargs) || args[0]->is_param || args[0]->is_constant ||
        (args[0]->type.kind != KDB_TYPE_TEXT && args[0]->type.kind != KDB_TYPE_JSON)) {
        return NULL;
    }
    for (size_t i = 0; i < node->nargs; i++) {
        if (args[i]->can_fail || (i > 0 && !is_path(c, args[i]))) {
            return NULL;
        }
    }
    return kdbi_step_new(c, row->run, kdb_type_of(row->type), args, node->nargs);
}
