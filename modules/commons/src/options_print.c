/* options_print.c - --help and the sample server.toml, from the rows. */
#include "commons_int.h"

static void put_allowed(kdb_buf *out, const kdb_option_def *def)
{
    if (def->type == KDB_OPT_I64) {
        kdb_buf_printf(out, " From %lld to %lld.", (long long)def->min, (long long)def->max);
    } else if (def->type == KDB_OPT_CHOICE) {
        kdb_buf_printf(out, " One of %s.", def->choices);
    }
}

static const char *placeholder(kdb_option_type type)
{
    switch (type) {
    case KDB_OPT_TEXT:
    case KDB_OPT_SECRET:
        return "text";
    case KDB_OPT_I64:
        return "integer";
    case KDB_OPT_BOOL:
        return "true|false";
    case KDB_OPT_CHOICE:
        return "choice";
    }
    return "";
}

static void put_help(kdb_buf *out, kdb_option_id id)
{
    const kdb_option_def *def = &kdb_option_defs[id];
    char env[KDBI_OPTION_NAME_MAX];
    kdb_sv generic = kdbi_option_env_name(id, env);
    bool has_other = def->env != NULL && !kdb_sv_eq(kdb_sv_cstr(def->env), generic);
    kdb_buf_printf(out, "  --%s.%s=<%s>", def->section, def->key, placeholder(def->type));
    if (def->fallback[0] != '\0') {
        kdb_buf_printf(out, "  [%s]", def->fallback);
    }
    kdb_buf_printf(out, "\n      %s", def->help);
    put_allowed(out, def);
    kdb_buf_printf(out, "\n      Environment: %s%s%s\n", env, has_other ? ", " : "", has_other ? def->env : "");
}

static void put_sample(kdb_buf *out, kdb_option_id id)
{
    const kdb_option_def *def = &kdb_option_defs[id];
    bool bare = def->type == KDB_OPT_I64 || def->type == KDB_OPT_BOOL;
    const char *quote = bare ? "" : "\"";
    kdb_buf_printf(out, "\n# %s", def->help);
    put_allowed(out, def);
    kdb_buf_printf(out, "\n%s = %s%s%s\n", def->key, quote, def->fallback, quote);
}

/* True for the first row of its section. */
static bool opens_section(kdb_option_id id)
{
    for (kdb_option_id earlier = 0; earlier < id; earlier++) {
        if (strcmp(kdb_option_defs[earlier].section, kdb_option_defs[id].section) == 0) {
            return false;
        }
    }
    return true;
}

static void put_section(kdb_buf *out, const char *section, void (*put)(kdb_buf *out, kdb_option_id id))
{
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        if (strcmp(kdb_option_defs[id].section, section) == 0) {
            put(out, id);
        }
    }
}

void kdb_options_print_help(kdb_buf *out)
{
    kdb_buf_append_lit(out, "Options, in the order file, environment, flags; what comes later wins:\n\n");
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        if (opens_section(id)) {
            put_section(out, kdb_option_defs[id].section, put_help);
        }
    }
}

void kdb_options_print_sample(kdb_buf *out)
{
    kdb_buf_append_lit(out,
                       "# server.toml with every option at its default. Each can also be set in the environment as\n"
                       "# KALAMDB_<SECTION>_<KEY> and on the command line as --section.key=value.\n");
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        if (opens_section(id)) {
            kdb_buf_printf(out, "\n[%s]\n", kdb_option_defs[id].section);
            put_section(out, kdb_option_defs[id].section, put_sample);
        }
    }
}
