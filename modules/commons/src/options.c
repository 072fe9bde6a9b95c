/* options.c - the values of all options. A value is checked before it is kept, so that a bad setting stops the start and
 * never half applies. Fixed after start: readers take no lock. */
#include "commons_int.h"

enum { SHOWN_MAX = 64 };

typedef struct setting {
    char *text;     /* of texts, choices and secrets; NULL for others */
    size_t len;     /* of text */
    int64_t number; /* of integers; of booleans 0 or 1 */
} setting;

struct kdb_options {
    setting settings[KDB_OPT_COUNT];
};

static bool is_textual(kdb_option_type type)
{
    return type == KDB_OPT_TEXT || type == KDB_OPT_CHOICE || type == KDB_OPT_SECRET;
}

static kdb_status read_text(kdb_sv value, kdb_sv *text, kdb_err *err)
{
    if (!kdb_utf8_valid(value) || (value.len != 0 && memchr(value.ptr, '\0', value.len) != NULL)) {
        return KDB_FAIL(err, KDB_INVALID, "the value is not UTF-8 text");
    }
    *text = value;
    return KDB_OK;
}

static kdb_status read_integer(const kdb_option_def *def, kdb_sv value, int64_t *out, kdb_err *err)
{
    int64_t number;
    if (kdb_parse_i64(value, &number, NULL) != KDB_OK || number < def->min || number > def->max) {
        kdb_sv shown = kdb_utf8_cut(value, SHOWN_MAX);
        return KDB_FAIL(err, KDB_INVALID, "'%.*s' is not an integer from %lld to %lld", KDB_SV_ARG(shown),
                        (long long)def->min, (long long)def->max);
    }
    *out = number;
    return KDB_OK;
}

static kdb_status read_bool(kdb_sv value, int64_t *out, kdb_err *err)
{
    static const char *const words[] = { "false", "true", "0", "1", "no", "yes", "off", "on" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(words); i++) {
        if (kdb_sv_ieq(value, kdb_sv_cstr(words[i]))) {
            *out = (int64_t)(i % 2);
            return KDB_OK;
        }
    }
    kdb_sv shown = kdb_utf8_cut(value, SHOWN_MAX);
    return KDB_FAIL(err, KDB_INVALID, "'%.*s' is not true or false", KDB_SV_ARG(shown));
}

/* The choice is kept as its row spells it. */
static kdb_status read_choice(const kdb_option_def *def, kdb_sv value, kdb_sv *out, kdb_err *err)
{
    for (const char *at = def->choices; *at != '\0';) {
        kdb_sv choice = kdb_sv_of(at, strcspn(at, "|"));
        if (kdb_sv_ieq(choice, value)) {
            *out = choice;
            return KDB_OK;
        }
        at += choice.len + (at[choice.len] == '|' ? 1 : 0);
    }
    kdb_sv shown = kdb_utf8_cut(value, SHOWN_MAX);
    return KDB_FAIL(err, KDB_INVALID, "'%.*s' is not one of %s", KDB_SV_ARG(shown), def->choices);
}

static kdb_status read_value(const kdb_option_def *def, kdb_sv value, kdb_sv *text, int64_t *number, kdb_err *err)
{
    switch (def->type) {
    case KDB_OPT_TEXT:
    case KDB_OPT_SECRET:
        return read_text(value, text, err);
    case KDB_OPT_CHOICE:
        return read_choice(def, value, text, err);
    case KDB_OPT_I64:
        return read_integer(def, value, number, err);
    case KDB_OPT_BOOL:
        return read_bool(value, number, err);
    }
    return KDB_OK;
}

static kdb_status assign(kdb_options *options, kdb_option_id id, kdb_sv value, kdb_err *err)
{
    kdb_sv text = { NULL, 0 };
    int64_t number = 0;
    KDB_TRY(read_value(&kdb_option_defs[id], value, &text, &number, err));
    setting *s = &options->settings[id];
    kdb_free(s->text);
    *s = (setting){ .len = text.len, .number = number };
    if (is_textual(kdb_option_defs[id].type)) {
        s->text = kdb_sv_heap_cstr(text);
    }
    return KDB_OK;
}

kdb_options *kdb_options_new(void)
{
    kdb_options *options = KDB_NEW(kdb_options);
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        kdb_status status = assign(options, id, kdb_sv_cstr(kdb_option_defs[id].fallback), NULL);
        KDB_ASSERT(status == KDB_OK);
    }
    return options;
}

void kdb_options_free(kdb_options *options)
{
    if (options == NULL) {
        return;
    }
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        kdb_free(options->settings[id].text);
    }
    kdb_free(options);
}

kdb_status kdb_options_set(kdb_options *options, kdb_sv name, kdb_sv value, kdb_err *err)
{
    kdb_option_id id = kdbi_option_find(name);
    if (id == KDB_OPT_COUNT) {
        return kdbi_option_unknown(name, err);
    }
    kdb_status status = assign(options, id, value, err);
    if (status != KDB_OK) {
        kdb_err_context(err, "option %s.%s", kdb_option_defs[id].section, kdb_option_defs[id].key);
    }
    return status;
}

kdb_status kdb_options_load_env(kdb_options *options, char **environ, kdb_err *err)
{
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        kdbi_option_variable found;
        if (!kdbi_option_find_variable(id, environ, &found)) {
            continue;
        }
        kdb_status status = assign(options, id, kdb_sv_cstr(found.value), err);
        if (status != KDB_OK) {
            kdb_err_context(err, "Invalid %s value", found.name);
            return status;
        }
    }
    return KDB_OK;
}

int64_t kdb_opt_i64(const kdb_options *options, kdb_option_id id)
{
    KDB_ASSERT(kdb_option_defs[id].type == KDB_OPT_I64);
    return options->settings[id].number;
}

bool kdb_opt_bool(const kdb_options *options, kdb_option_id id)
{
    KDB_ASSERT(kdb_option_defs[id].type == KDB_OPT_BOOL);
    return options->settings[id].number != 0;
}

kdb_sv kdb_opt_text(const kdb_options *options, kdb_option_id id)
{
    KDB_ASSERT(is_textual(kdb_option_defs[id].type));
    return kdb_sv_of(options->settings[id].text, options->settings[id].len);
}

kdb_sv kdb_opt_shown(const kdb_options *options, kdb_option_id id, kdb_arena *arena)
{
    const setting *s = &options->settings[id];
    switch (kdb_option_defs[id].type) {
    case KDB_OPT_TEXT:
    case KDB_OPT_CHOICE:
        return kdb_sv_dup(arena, kdb_sv_of(s->text, s->len));
    case KDB_OPT_SECRET:
        return s->len == 0 ? KDB_SV("") : KDB_SV("***");
    case KDB_OPT_I64:
        return kdb_sv_printf(arena, "%lld", (long long)s->number);
    case KDB_OPT_BOOL:
        return s->number != 0 ? KDB_SV("true") : KDB_SV("false");
    }
    return KDB_SV("");
}

bool kdb_opt_is_default(const kdb_options *options, kdb_option_id id)
{
    const kdb_option_def *def = &kdb_option_defs[id];
    const setting *s = &options->settings[id];
    kdb_sv text = { NULL, 0 };
    int64_t number = 0;
    kdb_status status = read_value(def, kdb_sv_cstr(def->fallback), &text, &number, NULL);
    KDB_ASSERT(status == KDB_OK);
    return number == s->number && kdb_sv_eq(text, kdb_sv_of(s->text, s->len));
}
