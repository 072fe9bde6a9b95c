/* system.c - the module's object, and how its tables are found by name. */
#include "system_int.h"

kdb_system *kdb_system_new(kdb_store *store, kdb_registry *registry, kdb_auth *auth, const kdb_options *options)
{
    kdb_system *system = KDB_NEW(kdb_system);
    system->store = store;
    system->registry = registry;
    system->auth = auth;
    system->options = options;
    system->started_us = kdb_monotonic_us();
    return system;
}

void kdb_system_free(kdb_system *system)
{
    kdb_free(system);
}

void kdb_system_set_reporter(kdb_system *system, const kdb_system_reporter *reporter)
{
    system->reporter = *reporter;
}

/* ---- names ---- */

static bool is_called(const kdb_system_table_def *def, kdb_sv name)
{
    return kdb_sv_ieq(kdb_sv_cstr(def->name), name) ||
           (def->alias != NULL && kdb_sv_ieq(kdb_sv_cstr(def->alias), name));
}

static const kdb_system_table_def *lookup_plain(kdb_sv ns, kdb_sv name)
{
    for (size_t i = 0; i < kdb_system_table_defs_count; i++) {
        const kdb_system_table_def *def = &kdb_system_table_defs[i];
        if (kdb_sv_ieq(kdb_sv_cstr(def->ns), ns) && is_called(def, name)) {
            return def;
        }
    }
    return NULL;
}

/* The storage spelling is the namespace, an underscore and the name: `system.system_users`. */
static kdb_sv without_prefix(kdb_sv ns, kdb_sv name)
{
    const bool prefixed =
        name.len > ns.len + 1 && name.ptr[ns.len] == '_' && kdb_sv_ieq((kdb_sv){ name.ptr, ns.len }, ns);
    return prefixed ? (kdb_sv){ name.ptr + ns.len + 1, name.len - ns.len - 1 } : name;
}

const kdb_system_table_def *kdb_system_lookup(kdb_sv ns, kdb_sv name)
{
    const kdb_system_table_def *def = lookup_plain(ns, name);
    return def != NULL ? def : lookup_plain(ns, without_prefix(ns, name));
}

/* Letters that may differ: one, and one more for every four, three at most. */
static size_t nearness(kdb_sv name)
{
    const size_t allowed = 1 + name.len / 4;
    return allowed < 3 ? allowed : 3;
}

kdb_sv kdb_system_nearest(kdb_sv ns, kdb_sv name)
{
    kdb_sv nearest = { NULL, 0 };
    size_t limit = nearness(name) + 1;
    for (size_t i = 0; i < kdb_system_table_defs_count; i++) {
        const kdb_sv candidate = kdb_sv_cstr(kdb_system_table_defs[i].name);
        if (!kdb_sv_ieq(kdb_sv_cstr(kdb_system_table_defs[i].ns), ns)) {
            continue;
        }
        const size_t distance = kdb_sv_distance(candidate, name, limit);
        if (distance < limit) {
            limit = distance;
            nearest = candidate;
        }
    }
    return nearest;
}

const kdb_field *kdb_system_fields(const kdb_system_table_def *def, kdb_arena *arena)
{
    kdb_field *fields = KDB_ARENA_ARRAY(arena, kdb_field, def->ncolumns);
    for (size_t i = 0; i < def->ncolumns; i++) {
        fields[i] = (kdb_field){ kdb_sv_cstr(def->columns[i].name), kdb_type_of(def->columns[i].kind) };
    }
    return fields;
}
