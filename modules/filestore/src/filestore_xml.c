/* filestore_xml.c - reads the XML of S3's answers: elements and their text, nothing else. Strict, of bounded depth, without entities but
 * the five that XML has and numbers, without document types and CDATA, which no such answer holds. */
#include "filestore_int.h"

enum { PATH_MAX_BYTES = 256 };

typedef struct reader {
    kdb_sv rest;
    char path[PATH_MAX_BYTES]; /* "a/b" of what is open */
    size_t path_len;
    bool began; /* the root */
    kdb_buf text;
    kdbi_xml_visit visit;
    void *self;
} reader;

static kdb_sv skip(kdb_sv text, size_t len)
{
    return kdb_sv_of(text.ptr + len, text.len - len);
}

/* Takes what stands before `end`, and `end`; false when it does not come. */
static bool take_until(kdb_sv *rest, kdb_sv end, kdb_sv *out)
{
    const char *at = rest->len < end.len ? NULL : memmem(rest->ptr, rest->len, end.ptr, end.len);
    if (at == NULL) {
        return false;
    }
    *out = kdb_sv_of(rest->ptr, (size_t)(at - rest->ptr));
    *rest = skip(*rest, out->len + end.len);
    return true;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* ---- text ---- */

static void put_utf8(kdb_buf *out, uint32_t c)
{
    if (c < 0x80) {
        kdb_buf_append_byte(out, (uint8_t)c);
        return;
    }
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = { 0, 0xC0, 0xE0, 0xF0 };
    kdb_buf_append_byte(out, (uint8_t)(leads[more] | (c >> (6 * more))));
    for (int i = more - 1; i >= 0; i--) {
        kdb_buf_append_byte(out, (uint8_t)(0x80 | ((c >> (6 * i)) & 0x3F)));
    }
}

static int digit_of(char byte, uint32_t base)
{
    const int value = byte >= '0' && byte <= '9'   ? byte - '0'
                      : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                      : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                                   : 99;
    return value < (int)base ? value : -1;
}

static bool put_number(kdb_buf *out, kdb_sv digits)
{
    const uint32_t base = digits.len != 0 && digits.ptr[0] == 'x' ? 16 : 10;
    uint32_t c = 0;
    digits = base == 16 ? skip(digits, 1) : digits;
    if (digits.len == 0 || digits.len > 7) {
        return false;
    }
    for (size_t i = 0; i < digits.len; i++) {
        const int digit = digit_of(digits.ptr[i], base);
        if (digit < 0) {
            return false;
        }
        c = c * base + (uint32_t)digit;
    }
    put_utf8(out, c);
    return c != 0 && c < 0x110000 && (c < 0xD800 || c > 0xDFFF);
}

static bool put_entity(kdb_buf *out, kdb_sv name)
{
    static const struct {
        const char *name;
        char byte;
    } entities[] = { { "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "quot", '"' }, { "apos", '\'' } };
    for (size_t i = 0; i < KDB_ARRAY_LEN(entities); i++) {
        if (kdb_sv_eq(name, kdb_sv_cstr(entities[i].name))) {
            kdb_buf_append_byte(out, (uint8_t)entities[i].byte);
            return true;
        }
    }
    return name.len > 1 && name.ptr[0] == '#' && put_number(out, skip(name, 1));
}

static bool put_text(kdb_buf *out, kdb_sv text)
{
    while (text.len != 0) {
        const char *amp = memchr(text.ptr, '&', text.len);
        const size_t plain = amp == NULL ? text.len : (size_t)(amp - text.ptr);
        kdb_buf_append(out, text.ptr, plain);
        text = skip(text, plain);
        kdb_sv name;
        if (amp != NULL) {
            text = skip(text, 1);
            if (!take_until(&text, KDB_SV(";"), &name) || !put_entity(out, name)) {
                return false;
            }
        }
    }
    return true;
}

/* ---- elements ---- */

static size_t name_len(kdb_sv text)
{
    size_t len = 0;
    while (len < text.len && !is_space(text.ptr[len]) && strchr("/>=\"'<&", text.ptr[len]) == NULL) {
        len++;
    }
    return len;
}

static bool open_element(reader *r, kdb_sv name)
{
    const size_t slash = r->path_len == 0 ? 0 : 1;
    if (name.len == 0 || r->path_len + slash + name.len > sizeof(r->path) || (r->path_len == 0 && r->began)) {
        return false;
    }
    if (slash != 0) {
        r->path[r->path_len] = '/';
    }
    memcpy(r->path + r->path_len + slash, name.ptr, name.len);
    r->path_len += slash + name.len;
    r->began = true;
    r->text.len = 0;
    return true;
}

/* 1 when the walk goes on, 0 when the visitor ends it, -1 when the text is no XML. */
static int close_element(reader *r, kdb_sv name)
{
    const kdb_sv path = kdb_sv_of(r->path, r->path_len);
    const kdb_sv parent = kdbi_name_directory(path);
    const size_t start = parent.len == 0 ? 0 : parent.len + 1;
    if (path.len == 0 || !kdb_sv_eq(kdb_sv_of(path.ptr + start, path.len - start), name)) {
        return -1;
    }
    const bool goes_on = r->visit(r->self, path, kdb_buf_sv(&r->text));
    r->path_len = parent.len;
    r->text.len = 0;
    return goes_on ? 1 : 0;
}

/* Takes attributes, which say nothing here, and the end of a tag; *empty for "/>". */
static bool take_attributes(reader *r, bool *empty)
{
    char quote = '\0';
    for (size_t i = 0; i < r->rest.len; i++) {
        const char byte = r->rest.ptr[i];
        if (quote != '\0') {
            quote = byte == quote ? '\0' : quote;
        } else if (byte == '"' || byte == '\'') {
            quote = byte;
        } else if (byte == '<') {
            return false;
        } else if (byte == '>') {
            *empty = i != 0 && r->rest.ptr[i - 1] == '/';
            r->rest = skip(r->rest, i + 1);
            return true;
        }
    }
    return false;
}

static int take_start(reader *r)
{
    const kdb_sv name = kdb_sv_of(r->rest.ptr, name_len(r->rest));
    bool empty;
    r->rest = skip(r->rest, name.len);
    if (!take_attributes(r, &empty) || !open_element(r, name)) {
        return -1;
    }
    return empty ? close_element(r, name) : 1;
}

static int take_end(reader *r)
{
    kdb_sv inside;
    if (!take_until(&r->rest, KDB_SV(">"), &inside)) {
        return -1;
    }
    return close_element(r, kdb_sv_trim(inside));
}

static bool take_prefix(kdb_sv *rest, kdb_sv prefix)
{
    const bool there = kdb_sv_has_prefix(*rest, prefix);
    *rest = there ? skip(*rest, prefix.len) : *rest;
    return there;
}

static int take_markup(reader *r)
{
    kdb_sv ignored;
    if (take_prefix(&r->rest, KDB_SV("?"))) {
        return take_until(&r->rest, KDB_SV("?>"), &ignored) ? 1 : -1;
    }
    if (take_prefix(&r->rest, KDB_SV("!--"))) {
        return take_until(&r->rest, KDB_SV("-->"), &ignored) ? 1 : -1;
    }
    if (take_prefix(&r->rest, KDB_SV("/"))) {
        return take_end(r);
    }
    return take_start(r);
}

static int walk(reader *r)
{
    kdb_sv text;
    int goes_on = 1;
    while (goes_on == 1 && take_until(&r->rest, KDB_SV("<"), &text)) {
        if (r->path_len == 0 ? kdb_sv_trim(text).len != 0 : !put_text(&r->text, text)) {
            return -1;
        }
        goes_on = take_markup(r);
    }
    const bool ended = r->began && r->path_len == 0 && kdb_sv_trim(r->rest).len == 0;
    return goes_on == 1 && !ended ? -1 : goes_on;
}

kdb_status kdbi_xml_walk(kdb_sv text, kdbi_xml_visit visit, void *self, kdb_err *err)
{
    reader r = { .rest = take_prefix(&text, KDB_SV("\xEF\xBB\xBF")) ? text : text, .visit = visit, .self = self };
    kdb_buf_init(&r.text, 0);
    const int outcome = walk(&r);
    kdb_buf_done(&r.text);
    return outcome >= 0 ? KDB_OK : KDB_FAIL(err, KDB_IO, "an answer that is not well-formed XML");
}
