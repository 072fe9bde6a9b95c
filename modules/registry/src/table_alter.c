/* table_alter.c - from what ALTER TABLE says to the table's next version. A published table never changes: it is copied
 * with all its versions into an arena of its own, one version is added, and that takes its place. Rows are not touched, so
 * what the rows must be like for the change to be true is handed to the caller as a need. */
#include "column_default.h"

/* Each version is kept for as long as the table: rows name the one they were written with. */
enum { VERSION_COLUMNS_MAX = 200000 };

/* An alteration being made. */
typedef struct alter {
    kdb_registry *registry;
    const kdb_table *old;
    const kdb_alter_table *spec;
    kdb_table *table;    /* the next version */
    kdb_column *columns; /* its columns, with room for one more */
    size_t ncolumns;
    size_t index; /* of the column named; not for ADD and SET_ACCESS */
    bool changed;
    kdb_alteration *out;
    kdb_err *err;
} alter;

#define REFUSE(a, status, ...) KDB_FAIL_AT((a)->err, (a)->spec->column.position, (status), __VA_ARGS__)
#define REFUSE_OPERATION(a, ...) REFUSE(a, KDB_INVALID_OPERATION, __VA_ARGS__)

/* ---- the copy ---- */

static kdb_column copy_column(const kdb_column *column, kdb_arena *arena)
{
    kdb_column copy = *column;
    copy.name = kdb_sv_dup(arena, column->name);
    copy.default_literal = kdb_value_dup(&column->default_literal, arena);
    copy.initial = kdb_value_dup(&column->initial, arena);
    return copy;
}

static kdb_column *copy_columns(const kdb_schema *schema, size_t room, kdb_arena *arena)
{
    kdb_column *columns = KDB_ARENA_ARRAY(arena, kdb_column, schema->ncolumns + room);
    for (size_t i = 0; i < schema->ncolumns; i++) {
        columns[i] = copy_column(&schema->columns[i], arena);
    }
    return columns;
}

static void copy_options(const kdb_table *old, kdb_table *table)
{
    table->id = old->id;
    table->ns = kdb_sv_dup(table->arena, old->ns);
    table->name = kdb_sv_dup(table->arena, old->name);
    table->type = old->type;
    table->access = old->access;
    table->storage_id = kdb_sv_dup(table->arena, old->storage_id);
    table->use_user_storage = old->use_user_storage;
    table->flush_rows = old->flush_rows;
    table->flush_interval_s = old->flush_interval_s;
    table->ttl_seconds = old->ttl_seconds;
    table->deleted_retention_hours = old->deleted_retention_hours;
    table->compression = kdb_sv_dup(table->arena, old->compression);
    table->eviction_strategy = kdb_sv_dup(table->arena, old->eviction_strategy);
    table->max_stream_bytes = old->max_stream_bytes;
    kdbi_table_set_policies(table, old->policies, old->npolicies);
    table->created_us = old->created_us;
    table->updated_us = kdb_now_us();
}

static void begin(alter *a)
{
    a->table = kdbi_table_new();
    copy_options(a->old, a->table);
    a->columns = copy_columns(a->old->schema, 1, a->table->arena);
    a->ncolumns = a->old->schema->ncolumns;
}

/* Key columns are neither dropped nor retyped; where they stand may have changed. */
static void find_key_again(alter *a)
{
    kdb_table *table = a->table;
    uint32_t *key = KDB_ARENA_ARRAY(table->arena, uint32_t, a->old->nkey + 1);
    for (size_t k = 0; k < a->old->nkey; k++) {
        const uint32_t id = a->old->schema->columns[a->old->key[k]].id;
        while (a->columns[key[k]].id != id) {
            key[k]++;
        }
    }
    table->key = key;
    table->nkey = a->old->nkey;
}

static void finish(alter *a)
{
    kdb_table *table = a->table;
    const size_t count = a->old->nversions;
    kdb_schema *versions = KDB_ARENA_ARRAY(table->arena, kdb_schema, count + 1);
    for (size_t i = 0; i < count; i++) {
        versions[i] = a->old->versions[i];
        versions[i].columns = copy_columns(&a->old->versions[i], 0, table->arena);
    }
    versions[count] =
        (kdb_schema){ .version = versions[count - 1].version + 1, .ncolumns = a->ncolumns, .columns = a->columns };
    kdbi_table_set_versions(table, versions, count + 1);
    find_key_again(a);
}

/* ---- columns by name ---- */

static kdb_status no_column(const alter *a)
{
    const kdb_sv name = a->spec->column.name;
    const kdb_sv nearest = kdb_schema_nearest(a->old->schema, name);
    if (nearest.len == 0) {
        return REFUSE(a, KDB_COLUMN_NOT_FOUND, "Column '%.*s' does not exist", KDB_SV_ARG(name));
    }
    return REFUSE(a, KDB_COLUMN_NOT_FOUND, "Column '%.*s' does not exist. Did you mean '%.*s'?", KDB_SV_ARG(name),
                  KDB_SV_ARG(nearest));
}

static kdb_status find_column(alter *a)
{
    const int index = kdb_schema_column(a->old->schema, a->spec->column.name);
    if (index < 0) {
        return no_column(a);
    }
    a->index = (size_t)index;
    return KDB_OK;
}

static bool is_key(const alter *a)
{
    return kdbi_table_is_key(a->old, a->columns[a->index].id);
}

/* Views are bound to the columns they read, by name and type; so are policies. */
static kdb_status check_unused(const alter *a, const char *verb)
{
    const kdb_sv name = a->columns[a->index].name;
    const kdb_sv users = kdb_registry_views_using(a->registry, a->old->ns, a->old->name, name, a->table->arena);
    if (users.len != 0) {
        return REFUSE_OPERATION(a, "Cannot %s column '%.*s': it is used by view %.*s", verb, KDB_SV_ARG(name),
                                KDB_SV_ARG(users));
    }
    const kdb_policy *policy = kdbi_policy_using(a->old, a->columns[a->index].id);
    if (policy != NULL) {
        return REFUSE_OPERATION(a, "Cannot %s column '%.*s': it is used by policy '%.*s'", verb, KDB_SV_ARG(name),
                                KDB_SV_ARG(policy->name));
    }
    return KDB_OK;
}

/* A name that a column is about to get. */
static kdb_status check_new_name(const alter *a, kdb_sv name, int32_t position)
{
    const kdb_status status = kdb_registry_check_column_name(name, a->err);
    if (status != KDB_OK) {
        kdb_err_context(a->err, "Invalid column name '%.*s'", KDB_SV_ARG(name));
        kdb_err_at(a->err, position);
        return status;
    }
    if (kdb_schema_column(a->old->schema, name) >= 0) {
        return KDB_FAIL_AT(a->err, position, KDB_ALREADY_EXISTS, "Column '%.*s' already exists", KDB_SV_ARG(name));
    }
    return KDB_OK;
}

/* ---- ADD COLUMN ---- */

/* Ids of dropped columns are not used again: old rows still hold their cells. */
static uint32_t next_column_id(const kdb_table *table)
{
    uint32_t last = 0;
    for (size_t v = 0; v < table->nversions; v++) {
        for (size_t i = 0; i < table->versions[v].ncolumns; i++) {
            const uint32_t id = table->versions[v].columns[i].id;
            last = id > last ? id : last;
        }
    }
    return last + 1;
}

static kdb_status add_column(alter *a)
{
    const kdb_column_spec *spec = &a->spec->column;
    if (kdbi_is_system_column(spec->name)) {
        return REFUSE_OPERATION(a, "Cannot add column '%.*s': reserved system column name", KDB_SV_ARG(spec->name));
    }
    if (a->spec->if_column && kdb_schema_column(a->old->schema, spec->name) >= 0) {
        return KDB_OK; /* as in PostgreSQL, whatever its type is */
    }
    KDB_TRY(check_new_name(a, spec->name, spec->position));
    if (a->ncolumns == KDBI_COLUMNS_MAX) {
        return REFUSE_OPERATION(a, "Table has too many columns (%zu, max %d)", a->ncolumns + 1, KDBI_COLUMNS_MAX);
    }
    kdb_column *column = &a->columns[a->ncolumns++];
    KDB_TRY(kdbi_column_fill(spec, next_column_id(a->old), a->table->arena, column, a->err));
    a->changed = true;
    if (!column->not_null) {
        return KDB_OK;
    }
    /* Rows that are there never had the column, and must not read NULL from it. A literal they can all have. */
    column->has_initial = column->default_kind == KDB_DEFAULT_LITERAL && !column->default_literal.is_null;
    if (column->has_initial) {
        column->initial = column->default_literal;
    } else {
        a->out->need = KDB_ALTER_NEEDS_NO_ROWS;
    }
    return KDB_OK;
}

/* ---- DROP and RENAME COLUMN ---- */

static kdb_status drop_column(alter *a)
{
    const kdb_sv name = a->spec->column.name;
    if (kdbi_is_system_column(name)) {
        return REFUSE_OPERATION(a, "Cannot drop column '%.*s': system column cannot be modified", KDB_SV_ARG(name));
    }
    if (a->spec->if_column && kdb_schema_column(a->old->schema, name) < 0) {
        return KDB_OK;
    }
    KDB_TRY(find_column(a));
    if (is_key(a)) {
        return REFUSE_OPERATION(a, "Cannot drop column '%.*s': it is part of the PRIMARY KEY", KDB_SV_ARG(name));
    }
    if (a->ncolumns == 1) {
        return REFUSE_OPERATION(a, "Cannot drop column '%.*s': a table must have at least one column",
                                KDB_SV_ARG(name));
    }
    KDB_TRY(check_unused(a, "drop"));
    a->ncolumns--;
    memmove(&a->columns[a->index], &a->columns[a->index + 1], (a->ncolumns - a->index) * sizeof(*a->columns));
    a->changed = true;
    return KDB_OK;
}

static kdb_status rename_column(alter *a)
{
    const kdb_sv name = a->spec->column.name;
    const kdb_sv to = a->spec->new_name.name;
    if (kdbi_is_system_column(name)) {
        return REFUSE_OPERATION(a, "Cannot rename column '%.*s': system column cannot be altered", KDB_SV_ARG(name));
    }
    KDB_TRY(find_column(a));
    if (kdbi_is_system_column(to)) {
        return KDB_FAIL_AT(a->err, a->spec->new_name.position, KDB_INVALID_OPERATION,
                           "Cannot rename column '%.*s' to '%.*s': reserved system column name", KDB_SV_ARG(name),
                           KDB_SV_ARG(to));
    }
    if (kdb_sv_eq(a->columns[a->index].name, to)) {
        return KDB_OK;
    }
    KDB_TRY(check_new_name(a, to, a->spec->new_name.position));
    KDB_TRY(check_unused(a, "rename"));
    a->columns[a->index].name = kdb_sv_dup(a->table->arena, to);
    a->changed = true;
    return KDB_OK;
}

/* ---- changes of one column ---- */

static kdb_status find_to_modify(alter *a)
{
    const kdb_sv name = a->spec->column.name;
    if (kdbi_is_system_column(name)) {
        return REFUSE_OPERATION(a, "Cannot modify column '%.*s': system column cannot be altered", KDB_SV_ARG(name));
    }
    return find_column(a);
}

static kdb_status set_nullable(alter *a, bool not_null)
{
    kdb_column *column = &a->columns[a->index];
    if (!not_null && is_key(a)) {
        return REFUSE_OPERATION(a, "Column '%.*s' is a PRIMARY KEY and cannot be nullable", KDB_SV_ARG(column->name));
    }
    if (column->not_null == not_null) {
        return KDB_OK;
    }
    column->not_null = not_null;
    a->changed = true;
    a->out->column = a->index;
    a->out->no_nulls = not_null;
    if (not_null && a->out->need == KDB_ALTER_NEEDS_NOTHING) {
        a->out->need = KDB_ALTER_NEEDS_NO_NULLS;
    }
    return KDB_OK;
}

static kdb_status set_not_null(alter *a)
{
    KDB_TRY(find_to_modify(a));
    return set_nullable(a, true);
}

static kdb_status drop_not_null(alter *a)
{
    KDB_TRY(find_to_modify(a));
    return set_nullable(a, false);
}

/* Every value of `from` is one of `to`. */
static bool is_widening(kdb_type from, kdb_type to)
{
    static const struct {
        kdb_type_kind from, to;
    } widenings[] = {
        { KDB_TYPE_SMALLINT, KDB_TYPE_INT },
        { KDB_TYPE_SMALLINT, KDB_TYPE_BIGINT },
        { KDB_TYPE_INT, KDB_TYPE_BIGINT },
        { KDB_TYPE_FLOAT, KDB_TYPE_DOUBLE },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(widenings); i++) {
        if (widenings[i].from == from.kind && widenings[i].to == to.kind) {
            return true;
        }
    }
    return to.kind == KDB_TYPE_TEXT || (from.kind == KDB_TYPE_DECIMAL && to.kind == KDB_TYPE_DECIMAL &&
                                        from.scale == to.scale && from.precision <= to.precision);
}

static bool was_ever(const alter *a, uint32_t id, kdb_type_kind kind)
{
    for (size_t v = 0; v < a->old->nversions; v++) {
        const kdb_schema *version = &a->old->versions[v];
        for (size_t i = 0; i < version->ncolumns; i++) {
            if (version->columns[i].id == id && version->columns[i].type.kind == kind) {
                return true;
            }
        }
    }
    return false;
}

static kdb_status check_type_change(const alter *a, const kdb_column *column)
{
    kdb_arena *arena = a->table->arena;
    const kdb_sv from = kdb_type_sql_text(column->type, arena);
    const kdb_sv to = kdb_type_sql_text(a->spec->column.type, arena);
    if (is_key(a)) { /* keys are stored in the form of their type */
        return REFUSE_OPERATION(a,
                                "Cannot change column '%.*s' from %.*s to %.*s: the type of a PRIMARY KEY column is "
                                "fixed",
                                KDB_SV_ARG(column->name), KDB_SV_ARG(from), KDB_SV_ARG(to));
    }
    if (!is_widening(column->type, a->spec->column.type)) {
        return REFUSE_OPERATION(a,
                                "Cannot change column '%.*s' from %.*s to %.*s: a type can only be widened (SMALLINT "
                                "to INT to BIGINT, FLOAT to DOUBLE, DECIMAL to a larger precision of the same scale, "
                                "any type to TEXT)",
                                KDB_SV_ARG(column->name), KDB_SV_ARG(from), KDB_SV_ARG(to));
    }
    /* A value is converted in one step from what is stored: 0.1 as FLOAT, 0.10000000149011612 once it is DOUBLE. */
    if (column->type.kind == KDB_TYPE_DOUBLE && was_ever(a, column->id, KDB_TYPE_FLOAT)) {
        return REFUSE_OPERATION(a,
                                "Cannot change column '%.*s' from %.*s to %.*s: rows from before it was widened from "
                                "FLOAT would read as other texts",
                                KDB_SV_ARG(column->name), KDB_SV_ARG(from), KDB_SV_ARG(to));
    }
    return KDB_OK;
}

/* What the column's rows are given becomes of the new type too. */
static kdb_status convert_values(alter *a, kdb_column *column)
{
    kdb_arena *arena = a->table->arena;
    kdb_value made;
    if (column->has_initial) {
        KDB_TRY(kdb_value_coerce(&column->initial, column->type, arena, &made, a->err));
        column->initial = kdb_value_dup(&made, arena);
    }
    const kdb_column_spec spec = { .name = column->name,
                                   .type = column->type,
                                   .default_kind = column->default_kind,
                                   .default_literal = column->default_literal };
    return kdbi_column_set_default(&spec, column, arena, a->err);
}

static kdb_status change_type(alter *a)
{
    kdb_column *column = &a->columns[a->index];
    const kdb_type type = a->spec->column.type;
    if (kdb_type_eq(column->type, type)) {
        return KDB_OK;
    }
    KDB_TRY(check_type_change(a, column));
    KDB_TRY(check_unused(a, "change the type of"));
    if (column->type.kind == KDB_TYPE_BYTES) {
        a->out->need = KDB_ALTER_NEEDS_UTF8;
        a->out->column = a->index;
    }
    column->type = type;
    a->changed = true;
    return convert_values(a, column);
}

static kdb_status modify_column(alter *a)
{
    KDB_TRY(find_to_modify(a));
    KDB_TRY(change_type(a));
    return a->spec->says_null ? set_nullable(a, a->spec->column.not_null) : KDB_OK;
}

static bool same_default(const kdb_column *a, const kdb_column *b)
{
    return a->default_kind == b->default_kind &&
           (a->default_kind != KDB_DEFAULT_LITERAL || kdb_value_same(&a->default_literal, &b->default_literal));
}

static kdb_status set_default(alter *a)
{
    KDB_TRY(find_to_modify(a));
    kdb_column *column = &a->columns[a->index];
    const kdb_column before = *column;
    kdb_column_spec spec = a->spec->column;
    spec.type = column->type;
    const kdb_status status = kdbi_column_set_default(&spec, column, a->table->arena, a->err);
    if (status != KDB_OK) {
        kdb_err_at(a->err, spec.position);
        return status;
    }
    a->changed = !same_default(&before, column);
    return KDB_OK;
}

static kdb_status drop_default(alter *a)
{
    KDB_TRY(find_to_modify(a));
    kdb_column *column = &a->columns[a->index];
    a->changed = column->default_kind != KDB_DEFAULT_NONE;
    column->default_kind = KDB_DEFAULT_NONE;
    column->default_literal = (kdb_value){ 0 };
    return KDB_OK;
}

/* ---- the table itself ---- */

static kdb_status set_access(alter *a)
{
    if (a->old->type != KDB_TABLE_SHARED) {
        return KDB_FAIL(a->err, KDB_INVALID_OPERATION, "ACCESS LEVEL can only be set on SHARED tables");
    }
    a->changed = a->old->access != a->spec->access;
    a->table->access = a->spec->access;
    return KDB_OK;
}

/* ---- the statement ---- */

static kdb_sv text_column(const kdb_alter_table *spec, const char *before, const char *after, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%s %.*s%s", before, KDB_SV_ARG(spec->column.name), after);
}

static kdb_sv text_typed(const kdb_alter_table *spec, const char *before, kdb_arena *arena)
{
    const kdb_sv type = kdb_type_sql_text(spec->column.type, arena);
    return kdb_sv_printf(arena, "%s %.*s %.*s", before, KDB_SV_ARG(spec->column.name), KDB_SV_ARG(type));
}

static kdb_sv text_default(const kdb_alter_table *spec, kdb_arena *arena)
{
    const kdb_column column = { .type = spec->column.default_literal.type,
                                .default_kind = spec->column.default_kind,
                                .default_literal = spec->column.default_literal };
    const kdb_sv text = kdb_column_default_text(&column, arena);
    return kdb_sv_printf(arena, "ALTER COLUMN %.*s SET DEFAULT %.*s", KDB_SV_ARG(spec->column.name), KDB_SV_ARG(text));
}

kdb_sv kdb_alter_table_text(const kdb_alter_table *spec, kdb_arena *arena)
{
    switch (spec->op) {
    case KDB_ALTER_ADD_COLUMN:
        return text_typed(spec, "ADD COLUMN", arena);
    case KDB_ALTER_DROP_COLUMN:
        return text_column(spec, "DROP COLUMN", "", arena);
    case KDB_ALTER_MODIFY_COLUMN:
        return text_typed(spec, "MODIFY COLUMN", arena);
    case KDB_ALTER_RENAME_COLUMN:
        return kdb_sv_printf(arena, "RENAME COLUMN %.*s TO %.*s", KDB_SV_ARG(spec->column.name),
                             KDB_SV_ARG(spec->new_name.name));
    case KDB_ALTER_SET_NOT_NULL:
        return text_column(spec, "ALTER COLUMN", " SET NOT NULL", arena);
    case KDB_ALTER_DROP_NOT_NULL:
        return text_column(spec, "ALTER COLUMN", " DROP NOT NULL", arena);
    case KDB_ALTER_SET_DEFAULT:
        return text_default(spec, arena);
    case KDB_ALTER_DROP_DEFAULT:
        return text_column(spec, "ALTER COLUMN", " DROP DEFAULT", arena);
    case KDB_ALTER_SET_ACCESS:
        return kdb_sv_printf(arena, "SET ACCESS LEVEL %s", kdb_access_level_title(spec->access));
    case KDB_ALTER_OP_COUNT:
        break;
    }
    return KDB_SV("");
}

static kdb_status (*const changes[KDB_ALTER_OP_COUNT])(alter *a) = {
    [KDB_ALTER_ADD_COLUMN] = add_column,       [KDB_ALTER_DROP_COLUMN] = drop_column,
    [KDB_ALTER_MODIFY_COLUMN] = modify_column, [KDB_ALTER_RENAME_COLUMN] = rename_column,
    [KDB_ALTER_SET_NOT_NULL] = set_not_null,   [KDB_ALTER_DROP_NOT_NULL] = drop_not_null,
    [KDB_ALTER_SET_DEFAULT] = set_default,     [KDB_ALTER_DROP_DEFAULT] = drop_default,
    [KDB_ALTER_SET_ACCESS] = set_access,
};

static kdb_status check_versions(const kdb_table *table, kdb_err *err)
{
    size_t columns = table->schema->ncolumns;
    for (size_t v = 0; v < table->nversions; v++) {
        columns += table->versions[v].ncolumns;
    }
    if (columns < VERSION_COLUMNS_MAX) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_LIMIT, "Table %.*s.%.*s has been altered too often: its %zu versions have %zu columns",
                    KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), table->nversions, columns);
}

kdb_status kdb_registry_stage_alter_table(kdb_registry *registry, kdb_table *table, const kdb_alter_table *spec,
                                          kdb_batch *batch, kdb_alteration *out, kdb_err *err)
{
    kdb_alteration made = { 0 };
    alter a = { .registry = registry, .old = table, .spec = spec, .out = &made, .err = err };
    begin(&a);
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *owned = a.table;
    KDB_TRY(changes[spec->op](&a));
    if (a.changed) {
        KDB_TRY(check_versions(table, err));
        finish(&a);
        kdbi_table_stage(owned, batch);
        made.table = KDB_TAKE(owned);
    }
    *out = made;
    return KDB_OK;
}

kdb_status kdbi_table_next_version(const kdb_table *table, kdb_table **out, kdb_err *err)
{
    alter a = { .old = table, .err = err };
    KDB_TRY(check_versions(table, err));
    begin(&a);
    finish(&a);
    *out = a.table;
    return KDB_OK;
}
