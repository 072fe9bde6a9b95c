/* expr_text.c - text functions. Text is well-formed UTF-8; positions count characters. */
#include "expr_int.h"

/* The character at *at, which is moved behind it. */
static uint32_t take_character(kdb_sv text, size_t *at)
{
    const unsigned char *c = (const unsigned char *)text.ptr + *at;
    if (c[0] < 0x80) {
        *at += 1;
        return c[0];
    }
    if (c[0] < 0xe0) {
        *at += 2;
        return (uint32_t)(c[0] & 0x1f) << 6 | (c[1] & 0x3f);
    }
    if (c[0] < 0xf0) {
        *at += 3;
        return (uint32_t)(c[0] & 0x0f) << 12 | (uint32_t)(c[1] & 0x3f) << 6 | (c[2] & 0x3f);
    }
    *at += 4;
    return (uint32_t)(c[0] & 0x07) << 18 | (uint32_t)(c[1] & 0x3f) << 12 | (uint32_t)(c[2] & 0x3f) << 6 | (c[3] & 0x3f);
}

size_t kdbi_put_character(uint32_t character, char *out)
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (char)(0xc0 | character >> 6);
        out[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        out[0] = (char)(0xe0 | character >> 12);
        out[1] = (char)(0x80 | (character >> 6 & 0x3f));
        out[2] = (char)(0x80 | (character & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | character >> 18);
    out[1] = (char)(0x80 | (character >> 12 & 0x3f));
    out[2] = (char)(0x80 | (character >> 6 & 0x3f));
    out[3] = (char)(0x80 | (character & 0x3f));
    return 4;
}

/* ---- case ---- */

/* A character's other case takes 4 bytes at most, and 2 for one of 1. */
static kdb_sv folded(kdb_arena *arena, kdb_sv text, uint32_t (*fold)(uint32_t character))
{
    char *out = kdb_arena_alloc_raw(arena, 2 * text.len + 4);
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        len += kdbi_put_character(fold(take_character(text, &at)), out + len);
    }
    return kdb_sv_of(out, len);
}

kdb_sv kdbi_text_lower(kdb_arena *arena, kdb_sv text)
{
    return folded(arena, text, kdbi_fold_lower);
}

kdb_status kdbi_run_lower(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!out->is_null) {
        out->as.bytes = folded(run->scratch, out->as.bytes, kdbi_fold_lower);
    }
    return KDB_OK;
}

kdb_status kdbi_run_upper(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!out->is_null) {
        out->as.bytes = folded(run->scratch, out->as.bytes, kdbi_fold_upper);
    }
    return KDB_OK;
}

/* ---- lengths ---- */

kdb_status kdbi_run_length(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.i64 = out->is_null ? 0 : (int64_t)kdb_utf8_count(out->as.bytes);
    return KDB_OK;
}

kdb_status kdbi_run_byte_length(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.i64 = out->is_null ? 0 : (int64_t)out->as.bytes.len;
    return KDB_OK;
}

kdb_status kdbi_run_bit_length(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    out->as.i64 = out->is_null ? 0 : 8 * (int64_t)out->as.bytes.len;
    return KDB_OK;
}

/* ---- parts ---- */

static kdb_sv characters(kdb_sv text, int64_t start, int64_t end)
{
    const int64_t count = (int64_t)kdb_utf8_count(text);
    const int64_t from = start < 0 ? 0 : start > count ? count : start;
    const int64_t to = end < from ? from : end > count ? count : end;
    const size_t first = kdb_utf8_offset(text, (size_t)from);
    const size_t last = kdb_utf8_offset(text, (size_t)to);
    return kdb_sv_of(text.ptr + first, last - first);
}

/* The engine takes no other places and lengths. */
enum { REACH_BITS = 32 };

static kdb_status check_reach(const kdbi_run *run, int64_t n)
{
    const int64_t reach = INT64_C(1) << REACH_BITS;
    return n >= -reach && n < reach ? KDB_OK : KDB_FAIL(run->err, KDB_ARITHMETIC, "a place in a text is out of range");
}

/* Both arguments; *out is the text. */
static kdb_status text_and(const kdbi_step *step, kdbi_run *run, kdb_value *out, kdb_value *second)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    KDB_TRY(kdbi_arg(step, 1, run, second));
    out->is_null = out->is_null || second->is_null;
    return KDB_OK;
}

kdb_status kdbi_run_left(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value n;
    KDB_TRY(text_and(step, run, out, &n));
    if (out->is_null) {
        return KDB_OK;
    }
    const int64_t end = n.as.i64 >= 0 ? n.as.i64 : (int64_t)kdb_utf8_count(out->as.bytes) + n.as.i64;
    KDB_TRY(check_reach(run, end < 0 ? 0 : end));
    out->as.bytes = characters(out->as.bytes, 0, end);
    return KDB_OK;
}

kdb_status kdbi_run_right(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value n;
    KDB_TRY(text_and(step, run, out, &n));
    if (out->is_null) {
        return KDB_OK;
    }
    const int64_t start = n.as.i64 >= 0           ? (int64_t)kdb_utf8_count(out->as.bytes) - n.as.i64
                          : n.as.i64 == INT64_MIN ? INT64_MAX
                                                  : -n.as.i64;
    out->as.bytes = characters(out->as.bytes, start, INT64_MAX);
    return KDB_OK;
}

/* Counted from 1, from the end when negative; 0 is the place before the first. */
static int64_t start_of(kdb_sv text, int64_t offset)
{
    return offset >= 0 ? offset - 1 : (int64_t)kdb_utf8_count(text) + offset;
}

kdb_status kdbi_run_substring(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value offset;
    kdb_value length = { .as.i64 = INT64_C(1) << 40 }; /* all there is */
    KDB_TRY(text_and(step, run, out, &offset));
    if (step->nargs == 3) {
        KDB_TRY(kdbi_arg(step, 2, run, &length));
    }
    out->is_null = out->is_null || length.is_null;
    if (out->is_null) {
        return KDB_OK;
    }
    KDB_TRY(check_reach(run, offset.as.i64));
    KDB_TRY(step->nargs == 3 ? check_reach(run, length.as.i64) : KDB_OK);
    const int64_t start = start_of(out->as.bytes, offset.as.i64);
    const int64_t other = start + length.as.i64;
    out->as.bytes = characters(out->as.bytes, start < other ? start : other, start < other ? other : start);
    return KDB_OK;
}

static bool has_constant_text(const kdbi_step *step)
{
    if (step->is_constant) {
        return step->type.kind == KDB_TYPE_TEXT;
    }
    for (size_t i = 0; i < step->nargs; i++) {
        if (has_constant_text(step->args[i])) {
            return true;
        }
    }
    return false;
}

/* The engine has a second substring() for text that it knows to be ASCII, which cuts otherwise beyond the ends. */
bool kdbi_check_substring(const kdbi_compiler *c, const kdbi_step *const *args, size_t nargs)
{
    const kdb_value *offset = kdbi_literal(c, args[1]);
    const kdb_value *length = nargs == 3 ? kdbi_literal(c, args[2]) : NULL;
    const bool inside = offset != NULL && !offset->is_null && offset->as.i64 >= 1 &&
                        (nargs == 2 || (length != NULL && !length->is_null && length->as.i64 >= 0));
    return inside || !has_constant_text(args[0]);
}

/* ---- trim ---- */

/* What the engine trims when nothing else is said: Unicode's space separators. */
static bool is_blank(uint32_t c)
{
    return c == 0x20 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

static bool is_one_of(uint32_t c, kdb_sv set)
{
    for (size_t at = 0; at < set.len;) {
        if (take_character(set, &at) == c) {
            return true;
        }
    }
    return false;
}

/* NULL for blanks. */
static bool is_trimmed(uint32_t c, const kdb_sv *set)
{
    return set == NULL ? is_blank(c) : is_one_of(c, *set);
}

static kdb_sv trim_start(kdb_sv text, const kdb_sv *set)
{
    size_t at = 0;
    while (at < text.len) {
        size_t next = at;
        if (!is_trimmed(take_character(text, &next), set)) {
            break;
        }
        at = next;
    }
    return kdb_sv_of(text.ptr + at, text.len - at);
}

static kdb_sv trim_end(kdb_sv text, const kdb_sv *set)
{
    while (text.len > 0) {
        size_t at = text.len - 1;
        while (!kdb_utf8_starts(text.ptr[at])) {
            at--;
        }
        size_t next = at;
        if (!is_trimmed(take_character(text, &next), set)) {
            break;
        }
        text.len = at;
    }
    return text;
}

static kdb_status run_trim(const kdbi_step *step, kdbi_run *run, kdb_value *out, bool start, bool end)
{
    kdb_value set = { .is_null = false };
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (step->nargs == 2) {
        KDB_TRY(kdbi_arg(step, 1, run, &set));
    }
    out->is_null = out->is_null || set.is_null;
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv *given = step->nargs == 2 ? &set.as.bytes : NULL;
    out->as.bytes = start ? trim_start(out->as.bytes, given) : out->as.bytes;
    out->as.bytes = end ? trim_end(out->as.bytes, given) : out->as.bytes;
    return KDB_OK;
}

kdb_status kdbi_run_trim(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    return run_trim(step, run, out, true, true);
}

kdb_status kdbi_run_ltrim(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    return run_trim(step, run, out, true, false);
}

kdb_status kdbi_run_rtrim(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    return run_trim(step, run, out, false, true);
}

/* ---- searching ---- */

static const char *find(kdb_sv text, kdb_sv what)
{
    return what.len == 0 ? text.ptr : text.len == 0 ? NULL : memmem(text.ptr, text.len, what.ptr, what.len);
}

kdb_status kdbi_run_strpos(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value what;
    KDB_TRY(text_and(step, run, out, &what));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv text = out->as.bytes;
    const char *at = find(text, what.as.bytes);
    const bool found = at != NULL || what.as.bytes.len == 0;
    const size_t before = at == NULL ? 0 : (size_t)(at - text.ptr);
    out->as.i64 = found ? 1 + (int64_t)kdb_utf8_count(kdb_sv_of(text.ptr, before)) : 0;
    return KDB_OK;
}

kdb_status kdbi_run_contains(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value what;
    KDB_TRY(text_and(step, run, out, &what));
    if (!out->is_null) {
        out->as.b = what.as.bytes.len == 0 || find(out->as.bytes, what.as.bytes) != NULL;
    }
    return KDB_OK;
}

kdb_status kdbi_run_starts_with(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value what;
    KDB_TRY(text_and(step, run, out, &what));
    if (!out->is_null) {
        out->as.b = kdb_sv_has_prefix(out->as.bytes, what.as.bytes);
    }
    return KDB_OK;
}

kdb_status kdbi_run_ends_with(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value what;
    KDB_TRY(text_and(step, run, out, &what));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv text = out->as.bytes;
    const size_t len = what.as.bytes.len;
    out->as.b = len == 0 || (text.len >= len && memcmp(text.ptr + text.len - len, what.as.bytes.ptr, len) == 0);
    return KDB_OK;
}

kdb_status kdbi_run_first_character(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    size_t at = 0;
    if (!out->is_null) {
        out->as.i64 = out->as.bytes.len == 0 ? (int32_t)step->detail : (int64_t)take_character(out->as.bytes, &at);
    }
    return KDB_OK;
}

/* ---- pieces ---- */

/* Takes the first piece and what it ends with off *rest; false when all of it is the last piece. Without a separator a piece
 * is a character. */
static bool take_piece(kdb_sv *rest, kdb_sv by, kdb_sv *piece)
{
    const char *end = rest->len == 0 ? NULL : find(*rest, by);
    if (end == NULL) {
        return false;
    }
    size_t len = (size_t)(end - rest->ptr);
    if (by.len == 0) {
        (void)take_character(*rest, &len);
        if (len == rest->len) {
            return false;
        }
    }
    *piece = kdb_sv_of(rest->ptr, len);
    *rest = kdb_sv_of(rest->ptr + len + by.len, rest->len - len - by.len);
    return true;
}

static size_t count_pieces(kdb_sv text, kdb_sv by)
{
    size_t count = 1;
    for (kdb_sv piece; take_piece(&text, by, &piece);) {
        count++;
    }
    return count;
}

/* Counted from 1, from the end when negative; empty where there is none. */
static kdb_sv piece_at(kdb_sv text, kdb_sv by, int64_t position)
{
    int64_t before = position > 0 ? position - 1 : position == 0 ? -1 : (int64_t)count_pieces(text, by) + position;
    for (kdb_sv piece; before >= 0 && take_piece(&text, by, &piece); before--) {
        if (before == 0) {
            return piece;
        }
    }
    return before == 0 ? text : KDB_SV("");
}

/* The engine's is a macro that may skip an argument for a NULL in another. */
bool kdbi_check_split_part(const kdbi_compiler *c, const kdbi_step *const *args, size_t nargs)
{
    (void)c;
    for (size_t i = 0; i < nargs; i++) {
        if (args[i]->can_fail) {
            return false;
        }
    }
    return true;
}

kdb_status kdbi_run_split_part(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value by;
    kdb_value position;
    KDB_TRY(text_and(step, run, out, &by));
    KDB_TRY(kdbi_arg(step, 2, run, &position));
    out->is_null = out->is_null || position.is_null;
    if (!out->is_null) {
        out->as.bytes = piece_at(out->as.bytes, by.as.bytes, position.as.i64);
    }
    return KDB_OK;
}

/* ---- joining ---- */

#define VALUE_MAX ((size_t)64 << 20) /* as the engine's */

static kdb_status join(const kdbi_run *run, kdb_sv a, kdb_sv b, kdb_sv *joined)
{
    if (a.len + b.len > VALUE_MAX) {
        return KDB_FAIL(run->err, KDB_LIMIT, "a value of more than 64 MiB would be made");
    }
    char *out = kdb_arena_alloc_raw(run->scratch, a.len + b.len + 1);
    if (a.len != 0) {
        memcpy(out, a.ptr, a.len);
    }
    if (b.len != 0) {
        memcpy(out + a.len, b.ptr, b.len);
    }
    *joined = kdb_sv_of(out, a.len + b.len);
    return KDB_OK;
}

static kdb_status run_join(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    KDB_TRY(text_and(step, run, out, &right));
    if (!out->is_null) {
        return join(run, out->as.bytes, right.as.bytes, &out->as.bytes);
    }
    return KDB_OK;
}

/* NULLs are left out. */
static kdb_status run_concat(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_sv joined = KDB_SV("");
    for (size_t i = 0; i < step->nargs; i++) {
        KDB_TRY(kdbi_arg(step, i, run, out));
        if (!out->is_null && joined.len == 0) {
            joined = out->as.bytes;
        } else if (!out->is_null) {
            KDB_TRY(join(run, joined, out->as.bytes, &joined));
        }
    }
    out->is_null = false;
    out->as.bytes = joined;
    return KDB_OK;
}

static const kdbi_step *joined_as(kdbi_compiler *c, const kdb_node *node, kdbi_step_fn run)
{
    const kdb_type text = kdb_type_of(KDB_TYPE_TEXT);
    const kdbi_step **args = kdbi_compile_args(c, node);
    for (size_t i = 0; args != NULL && i < node->nargs; i++) {
        if (args[i]->is_param && args[i]->type.kind == KDB_TYPE_TEXT) {
            args[i] = kdbi_param_open(c, args[i]);
        }
        if (args[i] == NULL || args[i]->is_param || args[i]->type.kind == KDB_TYPE_BYTES ||
            args[i]->type.kind == KDB_TYPE_EMBEDDING || kdbi_is_null_literal(args[i])) {
            return NULL;
        }
        args[i] = kdbi_cast(c, args[i], text);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    return args == NULL || node->nargs == 0 || kdbi_has_null(c, args, node->nargs)
               ? NULL
               : kdbi_step_new(c, run, text, args, node->nargs);
}

const kdbi_step *kdbi_compile_join(kdbi_compiler *c, const kdb_node *node)
{
    return node->nargs == 2 ? joined_as(c, node, run_join) : NULL;
}

const kdbi_step *kdbi_compile_concat(kdbi_compiler *c, const kdb_node *node)
{
    return joined_as(c, node, run_concat);
}
