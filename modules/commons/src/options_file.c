/* options_file.c - options from server.toml: flat TOML, one `key = value` a line under [section] headings. inih finds the
 * lines and their sections; the values are read here. Called at start, before threads: inih is steered by globals. */
#include <errno.h>
#include <ini.h>

#include "commons_int.h"

enum { LONGEST_LINE = 64 * 1024 };

typedef struct load {
    kdb_options *options;
    kdb_err *err;
    kdb_status status; /* of the first line that failed */
} load;

static bool only_comment(const char *at)
{
    at += strspn(at, " \t\r");
    return *at == '\0' || *at == '#';
}

static kdb_status malformed(const char *what, kdb_err *err)
{
    return KDB_FAIL(err, KDB_INVALID, "%s", what);
}

/* The character that a backslash and `c` stand for; NUL for none. */
static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case '"':
    case '\\':
        return c;
    default:
        return '\0';
    }
}

/* "text" with escapes or 'text' without; *at moves behind it. */
static kdb_status take_quoted(const char **at, kdb_buf *out, kdb_err *err)
{
    char quote = **at;
    const char *in = *at + 1;
    for (; *in != quote; in++) {
        char c = *in;
        if (c == '\0') {
            return malformed("a closing quote is missing", err);
        }
        if (c == '\\' && quote == '"') {
            c = unescape(*++in);
            if (c == '\0') {
                return malformed("unknown escape in text; use \\\\, \\\", \\n, \\t or '..'", err);
            }
        }
        kdb_buf_append_byte(out, (uint8_t)c);
    }
    *at = in + 1;
    return KDB_OK;
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

/* ["a", "b"] becomes a,b. */
static kdb_status take_array(const char **at, kdb_buf *out, kdb_err *err)
{
    const char *in = *at + 1;
    in += strspn(in, " \t");
    while (*in != ']') {
        if (!is_quote(*in)) {
            return malformed("a list is written [\"a\", \"b\"] on one line", err);
        }
        if (out->len > 0) {
            kdb_buf_append_byte(out, ',');
        }
        KDB_TRY(take_quoted(&in, out, err));
        in += strspn(in, " \t");
        if (*in == ',') {
            in++;
            in += strspn(in, " \t");
        } else if (*in != ']') {
            return malformed("a list is written [\"a\", \"b\"] on one line", err);
        }
    }
    *at = in + 1;
    return KDB_OK;
}

/* Words and numbers up to a comment; digits may be grouped by '_'. */
static void take_bare(const char **at, kdb_buf *out)
{
    size_t len = strcspn(*at, "#");
    kdb_sv word = kdb_sv_trim(kdb_sv_of(*at, len));
    bool number = word.len > 0 && strchr("+-0123456789", word.ptr[0]) != NULL;
    for (size_t i = 0; i < word.len; i++) {
        if (!number || word.ptr[i] != '_') {
            kdb_buf_append_byte(out, (uint8_t)word.ptr[i]);
        }
    }
    *at += len;
}

static kdb_status take_value(const char *at, kdb_buf *out, kdb_err *err)
{
    if (is_quote(*at)) {
        KDB_TRY(take_quoted(&at, out, err));
    } else if (*at == '[') {
        KDB_TRY(take_array(&at, out, err));
    } else {
        take_bare(&at, out);
    }
    return only_comment(at) ? KDB_OK : malformed("text after the value", err);
}

static kdb_status set_line(load *l, const char *section, const char *key, const char *text)
{
    char storage[KDBI_OPTION_NAME_MAX];
    kdb_buf name = { .ptr = storage, .cap = sizeof(storage), .limit = sizeof(storage) };
    kdb_buf_printf(&name, "%s%s%s", section, section[0] == '\0' ? "" : ".", key);
    if (kdbi_option_find(kdb_buf_sv(&name)) == KDB_OPT_COUNT) {
        return kdbi_option_unknown(kdb_buf_sv(&name), l->err);
    }
    kdb_buf value;
    kdb_buf_init(&value, LONGEST_LINE);
    kdb_status status = take_value(text, &value, l->err);
    if (status != KDB_OK) {
        kdb_err_context(l->err, "option %.*s", KDB_SV_ARG(kdb_buf_sv(&name)));
    } else {
        status = kdb_options_set(l->options, kdb_buf_sv(&name), kdb_buf_sv(&value), l->err);
    }
    kdb_buf_done(&value);
    return status;
}

/* inih's handler: zero makes it stop. */
static int on_line(void *self, const char *section, const char *key, const char *value)
{
    load *l = self;
    l->status = set_line(l, section, key, value);
    return l->status == KDB_OK ? 1 : 0;
}

static void steer_inih(void)
{
    ini_use_stack = false;
    ini_allow_realloc = true;
    ini_max_line = LONGEST_LINE;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false; /* a '#' in quotes is no comment */
    ini_stop_on_first_error = true;
}

kdb_status kdb_options_load_file(kdb_options *options, const char *path, kdb_err *err)
{
    load l = { .options = options, .err = err, .status = KDB_OK };
    steer_inih();
    errno = 0;
    int line = ini_parse(path, on_line, &l);
    if (line < 0) {
        return KDB_FAIL(err, KDB_INVALID, "cannot read %s: %s", path, strerror(errno));
    }
    if (line > 0 && l.status == KDB_OK) {
        l.status = KDB_FAIL(err, KDB_INVALID, "neither [section] nor key = value");
    }
    if (l.status != KDB_OK) {
        kdb_err_context(err, "%s line %d", path, line);
    }
    return l.status;
}
