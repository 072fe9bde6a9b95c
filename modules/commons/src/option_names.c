/* option_names.c - finding an option by the names that files, flags and the environment use, older ones included. */
#include <stdio.h>

#include "commons_int.h"

enum { NEAR_ENOUGH = 6, SHOWN_MAX = 64 };

/* Names of the reference server that moved. */
static const struct {
    const char *old;
    const char *name;
} renamed[] = {
    { "datafusion.memory_limit", "engine.memory_limit" },
};

static const struct {
    const char *old;
    const char *section;
} renamed_sections[] = {
    { "authentication", "auth" },
};

static const struct {
    const char *env;
    kdb_option_id id;
} more_env[] = {
    { "KALAMDB_CLUSTER_NODE_ID", KDB_OPT_NODE_ID },
};

kdb_sv kdbi_option_name(kdb_option_id id, char out[KDBI_OPTION_NAME_MAX])
{
    const kdb_option_def *def = &kdb_option_defs[id];
    int len = snprintf(out, KDBI_OPTION_NAME_MAX, "%s.%s", def->section, def->key);
    return kdb_sv_of(out, (size_t)len);
}

kdb_sv kdbi_option_env_name(kdb_option_id id, char out[KDBI_OPTION_NAME_MAX])
{
    const kdb_option_def *def = &kdb_option_defs[id];
    int len = snprintf(out, KDBI_OPTION_NAME_MAX, "KALAMDB_%s_%s", def->section, def->key);
    for (char *c = out; *c != '\0'; c++) {
        if (*c == '.') {
            *c = '_';
        } else if (*c >= 'a' && *c <= 'z') {
            *c = (char)(*c - ('a' - 'A'));
        }
    }
    return kdb_sv_of(out, (size_t)len);
}

/* True when `name` is "section.key". */
static bool is_name(kdb_sv name, kdb_sv section, kdb_sv key)
{
    return name.len == section.len + 1 + key.len && kdb_sv_has_prefix(name, section) && name.ptr[section.len] == '.' &&
           kdb_sv_eq(kdb_sv_of(name.ptr + section.len + 1, key.len), key);
}

static bool is_named(kdb_option_id id, kdb_sv name)
{
    kdb_sv section = kdb_sv_cstr(kdb_option_defs[id].section);
    kdb_sv key = kdb_sv_cstr(kdb_option_defs[id].key);
    if (is_name(name, section, key)) {
        return true;
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(renamed_sections); i++) {
        if (kdb_sv_eq(section, kdb_sv_cstr(renamed_sections[i].section)) &&
            is_name(name, kdb_sv_cstr(renamed_sections[i].old), key)) {
            return true;
        }
    }
    return false;
}

kdb_option_id kdbi_option_find(kdb_sv name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(renamed); i++) {
        if (kdb_sv_eq(name, kdb_sv_cstr(renamed[i].old))) {
            name = kdb_sv_cstr(renamed[i].name);
        }
    }
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        if (is_named(id, name)) {
            return id;
        }
    }
    return KDB_OPT_COUNT;
}

kdb_status kdbi_option_unknown(kdb_sv name, kdb_err *err)
{
    char best[KDBI_OPTION_NAME_MAX] = "";
    size_t least = NEAR_ENOUGH;
    for (kdb_option_id id = 0; id < KDB_OPT_COUNT; id++) {
        char candidate[KDBI_OPTION_NAME_MAX];
        size_t distance = kdb_sv_distance(name, kdbi_option_name(id, candidate), least);
        if (distance < least) {
            least = distance;
            memcpy(best, candidate, sizeof(best));
        }
    }
    kdb_sv shown = kdb_utf8_cut(name, SHOWN_MAX);
    if (best[0] == '\0') {
        return KDB_FAIL(err, KDB_INVALID, "unknown option '%.*s'", KDB_SV_ARG(shown));
    }
    return KDB_FAIL(err, KDB_INVALID, "unknown option '%.*s'; did you mean '%s'?", KDB_SV_ARG(shown), best);
}

/* The value of one variable, or NULL. */
static const char *find_variable(char **environ, kdb_sv name)
{
    for (; *environ != NULL; environ++) {
        if (strncmp(*environ, name.ptr, name.len) == 0 && (*environ)[name.len] == '=') {
            return *environ + name.len + 1;
        }
    }
    return NULL;
}

/* Tries one more name; a later find wins. */
static void look(char **environ, kdb_sv name, kdbi_option_variable *found)
{
    const char *value = find_variable(environ, name);
    if (value != NULL) {
        found->value = value;
        memcpy(found->name, name.ptr, name.len);
        found->name[name.len] = '\0';
    }
}

bool kdbi_option_find_variable(kdb_option_id id, char **environ, kdbi_option_variable *out)
{
    char name[KDBI_OPTION_NAME_MAX];
    out->value = NULL;
    for (size_t i = 0; i < KDB_ARRAY_LEN(more_env); i++) {
        if (more_env[i].id == id) {
            look(environ, kdb_sv_cstr(more_env[i].env), out);
        }
    }
    if (kdb_option_defs[id].env != NULL) {
        look(environ, kdb_sv_cstr(kdb_option_defs[id].env), out);
    }
    look(environ, kdbi_option_env_name(id, name), out);
    return out->value != NULL;
}
