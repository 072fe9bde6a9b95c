/* json_read.c - JSON text to a small tree in an arena. What json_plain.c leaves, jansson parses, after one scan of our own:
 * jansson recurses deeper than we allow, takes some 50 bytes of heap for each byte of "[[],[],..", and refuses integers
 * that 64 bits do not hold, which are doubles here. */
#include <jansson.h>

#include "commons_int.h"
#include "kdb/json.h"

enum { MAX_DEPTH = 64, MAX_VALUES = 1000000 };

/* The scan. It need not notice malformed text: jansson will. */
typedef struct scan {
    kdb_sv text;
    size_t at;
    size_t line; /* from 1 */
    size_t line_start;
    size_t values;
    size_t depth;
    kdb_buf patched; /* the text up to `copied` with "e0" after each wide integer; empty when there is none */
    size_t copied;
} scan;

static kdb_status scan_failed(const scan *s, const char *what, kdb_err *err)
{
    return KDB_FAIL(err, KDB_INVALID, "JSON is %s at line %zu column %zu", what, s->line, s->at - s->line_start + 1);
}

static void skip_string(scan *s)
{
    for (s->at++; s->at < s->text.len && s->text.ptr[s->at] != '"'; s->at++) {
        if (s->text.ptr[s->at] == '\\') {
            s->at++;
        }
    }
    s->at++;
}

static bool in_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* An exponent makes a number real for jansson, whatever its size. */
static void skip_number(scan *s)
{
    size_t from = s->at;
    while (s->at < s->text.len && in_number(s->text.ptr[s->at])) {
        s->at++;
    }
    int64_t value;
    if (kdb_parse_i64(kdb_sv_of(s->text.ptr + from, s->at - from), &value, NULL) == KDB_LIMIT) {
        kdb_buf_append(&s->patched, s->text.ptr + s->copied, s->at - s->copied);
        kdb_buf_append_lit(&s->patched, "e0");
        s->copied = s->at;
    }
}

static void step(scan *s)
{
    char c = s->text.ptr[s->at];
    if (c == '"') {
        skip_string(s);
        return;
    }
    if (in_number(c) && c != 'e' && c != 'E') {
        skip_number(s);
        return;
    }
    s->at++;
    if (c == '\n') {
        s->line++;
        s->line_start = s->at;
    } else if (c == '[' || c == '{') {
        s->depth++;
        s->values++;
    } else if ((c == ']' || c == '}') && s->depth > 0) {
        s->depth--;
    } else if (c == ',') {
        s->values++;
    }
}

static kdb_status scan_text(scan *s, kdb_err *err)
{
    while (s->at < s->text.len) {
        step(s);
        if (s->depth > MAX_DEPTH) {
            return scan_failed(s, "nested too deeply", err);
        }
        if (s->values > MAX_VALUES) {
            return KDB_FAIL(err, KDB_LIMIT, "JSON holds more than %d values", MAX_VALUES);
        }
    }
    if (s->patched.len > 0) {
        kdb_buf_append(&s->patched, s->text.ptr + s->copied, s->text.len - s->copied);
    }
    return KDB_OK;
}

/* Our own words: jansson's quote the text, which may hold a password. */
static const char *reason_of(enum json_error_code code)
{
    switch (code) {
    case json_error_invalid_utf8:
        return "not UTF-8";
    case json_error_premature_end_of_input:
        return "cut off";
    case json_error_end_of_input_expected:
        return "followed by other text";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "invalid, a NUL in a name,";
    case json_error_duplicate_key:
        return "ambiguous, a name appears twice,";
    case json_error_numeric_overflow:
        return "invalid, a number is out of range,";
    case json_error_out_of_memory:
    case json_error_stack_overflow:
        return "too large";
    case json_error_unknown:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_value:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
        break;
    }
    return "invalid";
}

static kdb_status load(kdb_sv text, json_t **out, kdb_err *err)
{
    json_error_t error;
    json_t *tree = json_loadb(text.len == 0 ? "" : text.ptr, text.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (tree == NULL) {
        return KDB_FAIL(err, KDB_INVALID, "JSON is %s at line %d column %d", reason_of(json_error_code(&error)),
                        error.line, error.column);
    }
    *out = tree;
    return KDB_OK;
}

/* The conversion stops at the arena's limit: every function below answers false then. */
static bool copy_text(kdb_arena *arena, const char *text, size_t len, kdb_sv *out)
{
    char *copy = kdb_arena_try_alloc(arena, len);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, text, len);
    *out = kdb_sv_of(copy, len);
    return true;
}

static bool convert(kdb_arena *arena, json_t *from, kdb_json **out);

static bool convert_array(kdb_arena *arena, json_t *from, kdb_json *node)
{
    kdb_json **tail = &node->child;
    node->count = json_array_size(from);
    for (size_t i = 0; i < node->count; i++) {
        if (!convert(arena, json_array_get(from, i), tail)) {
            return false;
        }
        tail = &(*tail)->next;
    }
    return true;
}

static bool convert_object(kdb_arena *arena, json_t *from, kdb_json *node)
{
    kdb_json **tail = &node->child;
    node->count = json_object_size(from);
    for (void *i = json_object_iter(from); i != NULL; i = json_object_iter_next(from, i)) {
        if (!convert(arena, json_object_iter_value(i), tail) ||
            !copy_text(arena, json_object_iter_key(i), json_object_iter_key_len(i), &(*tail)->key)) {
            return false;
        }
        tail = &(*tail)->next;
    }
    return true;
}

static bool convert_into(kdb_arena *arena, json_t *from, kdb_json *node)
{
    switch (json_typeof(from)) {
    case JSON_OBJECT:
        node->kind = KDB_JSON_OBJECT;
        return convert_object(arena, from, node);
    case JSON_ARRAY:
        node->kind = KDB_JSON_ARRAY;
        return convert_array(arena, from, node);
    case JSON_STRING:
        node->kind = KDB_JSON_STRING;
        return copy_text(arena, json_string_value(from), json_string_length(from), &node->string);
    case JSON_INTEGER:
        node->kind = KDB_JSON_INT;
        node->integer = json_integer_value(from);
        return true;
    case JSON_REAL:
        node->kind = KDB_JSON_DOUBLE;
        node->number = json_real_value(from);
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        node->kind = KDB_JSON_BOOL;
        node->boolean = json_is_true(from);
        return true;
    case JSON_NULL:
        node->kind = KDB_JSON_NULL;
        return true;
    }
    return false;
}

static bool convert(kdb_arena *arena, json_t *from, kdb_json **out)
{
    kdb_json *node = kdb_arena_try_alloc(arena, sizeof(*node));
    if (node == NULL) {
        return false;
    }
    *out = node;
    return convert_into(arena, from, node);
}

static kdb_status parse_scanned(kdb_sv text, kdb_arena *arena, kdb_json **out, kdb_err *err)
{
    json_t *tree;
    KDB_TRY(load(text, &tree, err));
    kdb_json *root = NULL;
    bool fits = convert(arena, tree, &root);
    json_decref(tree);
    if (!fits) {
        return KDB_FAIL(err, KDB_LIMIT, "JSON takes more memory than this request may use");
    }
    *out = root;
    return KDB_OK;
}

kdb_status kdb_json_parse(kdb_sv text, kdb_arena *arena, kdb_json **out, kdb_err *err)
{
    kdb_json *plain = kdbi_json_read_plain(text, arena);
    if (plain != NULL) {
        *out = plain;
        return KDB_OK;
    }
    scan s = { .text = text, .line = 1 };
    kdb_buf_init(&s.patched, 0);
    kdb_status status = scan_text(&s, err);
    if (status == KDB_OK) {
        status = parse_scanned(s.patched.len > 0 ? kdb_buf_sv(&s.patched) : text, arena, out, err);
    }
    kdb_buf_done(&s.patched);
    return status;
}

const kdb_json *kdb_json_lookup(const kdb_json *object, kdb_sv key)
{
    if (object->kind != KDB_JSON_OBJECT) {
        return NULL;
    }
    for (const kdb_json *member = object->child; member != NULL; member = member->next) {
        if (kdb_sv_eq(member->key, key)) {
            return member;
        }
    }
    return NULL;
}
