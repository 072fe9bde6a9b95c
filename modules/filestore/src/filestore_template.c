/* filestore_template.c - path templates: which directory of a storage holds a table's, or one user's, cold files.
 * What a checked template puts is a name that filestore_name.c accepts, whatever the user's id; and two users, or two tables,
 * never share a directory by one template: placeholders in one part are kept apart by a byte that no name has, and what a
 * template leaves out is appended. */
#include "filestore_int.h"

enum { SHARDS = 64, TEMPLATE_MAX = 256, TEMPLATE_PARTS_MAX = 16, OLD_SPELLINGS_MAX = 3, SHARD_PART_MAX = 8 };
/* A longer id goes on in a directory below: its escapes may take three times its bytes, more than a file system's name has. */
enum { NAME_MOST = 64, ID_PART_MAX = 100, PART_MAX = 255 };

/* In the order that a user's template must keep. */
typedef enum token_kind { NAMESPACE, TABLE, SHARD, USER, PLACEHOLDERS, TEXT = PLACEHOLDERS, SLASH, BAD } token_kind;

typedef struct placeholder_def {
    const char *name;
    const char *old[OLD_SPELLINGS_MAX]; /* ends with NULL, or full */
    size_t most;                        /* bytes that it puts into one part */
} placeholder_def;

static const placeholder_def placeholder_defs[PLACEHOLDERS] = {
    [NAMESPACE] = { "{namespace}", { "{namespace_id}", "{namespaceId}", "{namespace-id}" }, NAME_MOST },
    [TABLE] = { "{tableName}", { "{table_name}", "{table-name}", "{table-id}" }, NAME_MOST },
    [SHARD] = { "{shard}", { "{shard_id}", "{shard-id}" }, SHARD_PART_MAX },
    [USER] = { "{userId}", { "{user_id}", "{user-id}" }, ID_PART_MAX + 2 },
};

typedef struct kind_def {
    const char *title;
    bool allowed[PLACEHOLDERS];
} kind_def;

static const kind_def kind_defs[] = {
    [KDB_TEMPLATE_SHARED] = { "Shared table template", { [NAMESPACE] = true, [TABLE] = true } },
    [KDB_TEMPLATE_USER] = { "User table template", { true, true, true, true } },
};

/* ---- tokens ---- */

typedef struct token {
    token_kind kind;
    kdb_sv text; /* as written */
} token;

static bool is_spelling(const placeholder_def *def, kdb_sv text)
{
    if (kdb_sv_eq(text, kdb_sv_cstr(def->name))) {
        return true;
    }
    for (size_t i = 0; i < OLD_SPELLINGS_MAX && def->old[i] != NULL; i++) {
        if (kdb_sv_eq(text, kdb_sv_cstr(def->old[i]))) {
            return true;
        }
    }
    return false;
}

static token_kind placeholder_of(kdb_sv text)
{
    for (int kind = 0; kind < PLACEHOLDERS; kind++) {
        if (is_spelling(&placeholder_defs[kind], text)) {
            return (token_kind)kind;
        }
    }
    return BAD;
}

static size_t literal_len(kdb_sv text)
{
    size_t len = 0;
    while (len < text.len && kdbi_name_byte(text.ptr[len]) && text.ptr[len] != '%') {
        len++;
    }
    return len;
}

/* How long the token at the start of `text`, which is not empty, is. */
static size_t token_len(kdb_sv text)
{
    if (text.ptr[0] == '{') {
        const char *close = memchr(text.ptr, '}', text.len);
        return close == NULL ? text.len : (size_t)(close - text.ptr) + 1;
    }
    const size_t len = literal_len(text);
    return len == 0 ? 1 : len;
}

static bool take_token(kdb_sv *rest, token *out)
{
    if (rest->len == 0) {
        return false;
    }
    const kdb_sv text = kdb_sv_of(rest->ptr, token_len(*rest));
    *rest = kdb_sv_of(rest->ptr + text.len, rest->len - text.len);
    if (text.ptr[0] == '{') {
        *out = (token){ placeholder_of(text), text };
    } else if (text.ptr[0] == '/') {
        *out = (token){ SLASH, text };
    } else {
        *out = (token){ literal_len(text) == 0 ? BAD : TEXT, text };
    }
    return true;
}

/* ---- checking ---- */

typedef struct check {
    kdb_template_kind kind;
    int place[PLACEHOLDERS]; /* 0: absent; else where among the placeholders */
    int seen;
    token_kind before; /* SLASH at the start of a part */
    int last_in_part;  /* the placeholder before this one in the same part; -1: none */
    bool separated;    /* from it, by a byte that no name has */
    size_t part_bytes; /* at most */
    size_t parts;
    kdb_buf *out;
} check;

static kdb_status fail_template(const check *c, kdb_err *err, const char *problem)
{
    return KDB_FAIL(err, KDB_INVALID, "%s: %s", kind_defs[c->kind].title, problem);
}

/* The first thing wrong with the placeholders there are, in the reference's words. */
static kdb_status check_shared(const check *c, kdb_err *err)
{
    const int ns = c->place[NAMESPACE];
    const int table = c->place[TABLE];
    if (ns == 0 && table == 0) {
        return fail_template(c, err, "Both {namespace} and {tableName} are required");
    }
    if (ns == 0) {
        return fail_template(c, err, "{namespace} is required");
    }
    if (table == 0) {
        return fail_template(c, err, "{tableName} is required");
    }
    return ns < table ? KDB_OK : fail_template(c, err, "{namespace} must appear before {tableName}");
}

static kdb_status check_order(const check *c, kdb_err *err)
{
    int before = -1;
    for (int kind = 0; kind < PLACEHOLDERS; kind++) {
        if (c->place[kind] == 0) {
            continue;
        }
        if (before >= 0 && c->place[before] > c->place[kind]) {
            return KDB_FAIL(err, KDB_INVALID, "%s: %s must appear before %s", kind_defs[c->kind].title,
                            placeholder_defs[before].name, placeholder_defs[kind].name);
        }
        before = kind;
    }
    return KDB_OK;
}

static kdb_status check_placeholders(const check *c, kdb_err *err)
{
    if (c->kind == KDB_TEMPLATE_SHARED) {
        return check_shared(c, err);
    }
    if (c->place[USER] == 0) {
        return fail_template(c, err, "{userId} is required");
    }
    return check_order(c, err);
}

/* Where the placeholders are, before anything else is looked at. */
static void find_placeholders(kdb_sv text, check *c)
{
    token next;
    while (take_token(&text, &next)) {
        if (next.kind < PLACEHOLDERS && c->place[next.kind] == 0) {
            c->place[next.kind] = ++c->seen;
        }
    }
}

static bool separates(kdb_sv text)
{
    return strcspn(text.ptr, "-.@") < text.len; /* a tokenised text is followed by a byte of another kind, or by NUL */
}

static kdb_status check_text(check *c, kdb_sv text, kdb_err *err)
{
    if (c->before == SLASH && text.ptr[0] == '.') {
        return fail_template(c, err, "no part may begin with a dot");
    }
    c->separated = c->separated || separates(text);
    c->part_bytes += text.len;
    kdb_buf_append_sv(c->out, text);
    return KDB_OK;
}

static kdb_status check_placeholder(check *c, token_kind kind, bool again, kdb_err *err)
{
    const char *name = placeholder_defs[kind].name;
    if (!kind_defs[c->kind].allowed[kind] || again) {
        return KDB_FAIL(err, KDB_INVALID, "%s: %s %s", kind_defs[c->kind].title, name,
                        again ? "may appear only once" : "is not allowed");
    }
    if (c->last_in_part >= 0 && !c->separated) {
        return KDB_FAIL(err, KDB_INVALID, "%s: %s and %s need a '/' or '-' between them", kind_defs[c->kind].title,
                        placeholder_defs[c->last_in_part].name, name);
    }
    c->last_in_part = (int)kind;
    c->separated = false;
    c->part_bytes += placeholder_defs[kind].most;
    kdb_buf_append_sv(c->out, kdb_sv_cstr(name));
    return KDB_OK;
}

/* Several slashes are one, and those at the ends none. */
static void begin_part(check *c)
{
    if (c->before == SLASH && c->parts > 0) {
        kdb_buf_append_byte(c->out, '/');
    }
    if (c->before == SLASH) {
        c->parts++;
        c->part_bytes = 0;
        c->last_in_part = -1;
        c->separated = false;
    }
}

static kdb_status fail_bad(const check *c, kdb_sv text, kdb_err *err)
{
    if (text.ptr[0] == '{') {
        return KDB_FAIL(err, KDB_INVALID, "%s: unknown placeholder %.*s", kind_defs[c->kind].title, KDB_SV_ARG(text));
    }
    return fail_template(c, err, "only letters, digits, '_', '-', '.', '@', '/' and placeholders are allowed");
}

static kdb_status check_token(check *c, const token *next, kdb_err *err)
{
    if (next->kind == BAD) {
        return fail_bad(c, next->text, err);
    }
    if (next->kind == SLASH) {
        c->before = SLASH;
        return KDB_OK;
    }
    begin_part(c);
    if (next->kind == TEXT) {
        KDB_TRY(check_text(c, next->text, err));
    } else {
        const bool again = c->place[next->kind] < 0;
        KDB_TRY(check_placeholder(c, next->kind, again, err));
        c->place[next->kind] = -1;
    }
    c->before = next->kind;
    return c->part_bytes <= PART_MAX && c->parts <= TEMPLATE_PARTS_MAX ? KDB_OK : fail_template(c, err, "too long");
}

kdb_status kdb_template_check(kdb_sv text, kdb_template_kind kind, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf buf;
    check c = { .kind = kind, .before = SLASH, .last_in_part = -1, .out = &buf };
    kdb_buf_init(&buf, 0);
    if (text.len > TEMPLATE_MAX) {
        return fail_template(&c, err, "too long");
    }
    const kdb_sv copy =
        kdb_sv_cstr(kdb_sv_dup_cstr(arena, kdb_sv_trim(text))); /* a NUL inside ends it: see the check below */
    if (copy.len != kdb_sv_trim(text).len) {
        return fail_bad(&c, KDB_SV("\1"), err);
    }
    find_placeholders(copy, &c);
    if (copy.len != 0) {
        KDB_TRY(check_placeholders(&c, err));
    }
    kdb_sv rest = copy;
    for (token next; take_token(&rest, &next);) {
        KDB_TRY(check_token(&c, &next, err));
    }
    *out = kdb_sv_dup(arena, kdb_buf_sv(&buf));
    return KDB_OK;
}

/* ---- putting ---- */

static bool is_plain(kdb_sv id, size_t i)
{
    const char byte = id.ptr[i];
    return byte != '%' && kdbi_name_byte(byte) && (byte != '.' || (i != 0 && i + 1 != id.len));
}

/* "%/%" cannot come of an escape, so that a cut id is nobody else's, and its first part nobody's directory. */
static void put_id(kdb_sv id, kdb_buf *out)
{
    size_t in_part = 0;
    for (size_t i = 0; i < id.len; i++) {
        if (in_part + 3 > ID_PART_MAX) {
            kdb_buf_append_lit(out, "%/%");
            in_part = 1;
        }
        if (is_plain(id, i)) {
            kdb_buf_append_byte(out, (uint8_t)id.ptr[i]);
            in_part++;
        } else {
            kdb_buf_printf(out, "%%%02X", (unsigned char)id.ptr[i]);
            in_part += 3;
        }
    }
}

typedef struct place {
    kdb_sv ids[PLACEHOLDERS]; /* SHARD: of the user */
    bool done[PLACEHOLDERS];
    kdb_buf *out;
} place;

static void put_placeholder(place *p, token_kind kind)
{
    p->done[kind] = true;
    if (kind == SHARD) {
        kdb_buf_printf(p->out, "shard_%u", (unsigned)(kdb_hash64(p->ids[USER]) % SHARDS));
    } else {
        put_id(p->ids[kind], p->out);
    }
}

void kdb_template_put(kdb_sv text, kdb_sv ns, kdb_sv table, kdb_sv user, kdb_buf *out)
{
    place p = { .ids = { [NAMESPACE] = ns, [TABLE] = table, [USER] = user }, .out = out };
    const size_t start = out->len;
    for (token next; take_token(&text, &next);) {
        KDB_ASSERT(next.kind != BAD); /* checked */
        if (next.kind < PLACEHOLDERS) {
            put_placeholder(&p, next.kind);
        } else {
            kdb_buf_append_sv(out, next.text);
        }
    }
    for (int kind = 0; kind < PLACEHOLDERS; kind++) {
        if (kind != SHARD && !p.done[kind] && p.ids[kind].len != 0) {
            kdb_buf_append_sv(out, out->len == start ? KDB_SV("") : KDB_SV("/"));
            put_placeholder(&p, (token_kind)kind);
        }
    }
}

/* ---- taking apart ---- */

/* A directory around what is the user's: a user of one byte that every name escapes marks the place. Its shard is one of 64. */
typedef struct frame {
    kdb_sv before, between, after; /* the shard lies before `between`, if there is one; the user behind it */
    bool has_shard;
} frame;

static frame frame_of(kdb_sv text, kdb_sv ns, kdb_sv table, kdb_arena *arena)
{
    static const char shown[] = "%01";
    const kdb_sv mark = KDB_SV("\1");
    kdb_buf directory, shard;
    kdb_buf_init(&directory, 0);
    kdb_buf_init(&shard, 0);
    kdb_template_put(text, ns, table, mark, &directory);
    kdb_template_put(KDB_SV("{shard}"), (kdb_sv){ NULL, 0 }, (kdb_sv){ NULL, 0 }, mark, &shard);
    const kdb_sv whole = kdb_sv_dup(arena, kdb_buf_sv(&directory));
    shard.len -= sizeof(shown); /* "/%01" follows */
    const char *user = memmem(whole.ptr, whole.len, shown, sizeof(shown) - 1);
    const size_t at = (size_t)(user - whole.ptr);
    frame f = { .before = kdb_sv_of(whole.ptr, at),
                .after = kdb_sv_of(user + sizeof(shown) - 1, whole.len - at - (sizeof(shown) - 1)) };
    if (memmem(text.ptr, text.len, "{shard}", strlen("{shard}")) != NULL) {
        size_t from = at - shard.len; /* the last that is before the user */
        while (memcmp(whole.ptr + from, shard.ptr, shard.len) != 0) {
            from--;
        }
        f.has_shard = true;
        f.before = kdb_sv_of(whole.ptr, from);
        f.between = kdb_sv_of(whole.ptr + from + shard.len, at - from - shard.len);
    }
    kdb_buf_done(&shard);
    kdb_buf_done(&directory);
    return f;
}

static bool take_prefix(kdb_sv *rest, kdb_sv prefix)
{
    if (!kdb_sv_has_prefix(*rest, prefix)) {
        return false;
    }
    *rest = kdb_sv_of(rest->ptr + prefix.len, rest->len - prefix.len);
    return true;
}

static bool take_shard(kdb_sv *rest)
{
    if (!take_prefix(rest, KDB_SV("shard_"))) {
        return false;
    }
    while (rest->len != 0 && rest->ptr[0] >= '0' && rest->ptr[0] <= '9') {
        *rest = kdb_sv_of(rest->ptr + 1, rest->len - 1);
    }
    return true;
}

static int hex_of(char byte)
{
    return byte >= '0' && byte <= '9' ? byte - '0' : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* What put_id made. What no put_id would make comes out as something, or not at all: the caller puts it again. */
static bool get_id(kdb_sv text, kdb_arena *arena, kdb_sv *out)
{
    char *id = kdb_arena_alloc_raw(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            id[len++] = text.ptr[i];
            continue;
        }
        if (i + 2 >= text.len) {
            return false;
        }
        const int high = hex_of(text.ptr[i + 1]), low = hex_of(text.ptr[i + 2]);
        if (text.ptr[i + 1] != '/') { /* else a cut */
            if (high < 0 || low < 0) {
                return false;
            }
            id[len++] = (char)(high << 4 | low);
        }
        i += 2;
    }
    *out = kdb_sv_of(id, len);
    return true;
}

bool kdb_template_user(kdb_sv text, kdb_sv ns, kdb_sv table, kdb_sv directory, kdb_arena *arena, kdb_sv *out)
{
    const frame f = frame_of(text, ns, table, arena);
    kdb_sv rest = directory;
    kdb_sv id;
    if (!take_prefix(&rest, f.before) || (f.has_shard && (!take_shard(&rest) || !take_prefix(&rest, f.between))) ||
        rest.len <= f.after.len || memcmp(rest.ptr + rest.len - f.after.len, f.after.ptr, f.after.len) != 0 ||
        !get_id(kdb_sv_of(rest.ptr, rest.len - f.after.len), arena, &id)) {
        return false;
    }
    kdb_buf again;
    kdb_buf_init(&again, 0);
    kdb_template_put(text, ns, table, id, &again);
    const bool same = kdb_sv_eq(kdb_buf_sv(&again), directory);
    kdb_buf_done(&again);
    *out = id;
    return same;
}

kdb_sv kdb_template_root(kdb_sv text, kdb_sv ns, kdb_sv table, kdb_arena *arena)
{
    const frame f = frame_of(text, ns, table, arena);
    size_t len = f.before.len;
    while (len > 0 && f.before.ptr[len - 1] != '/') {
        len--;
    }
    return kdb_sv_of(f.before.ptr, len == 0 ? 0 : len - 1);
}
