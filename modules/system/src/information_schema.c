/* information_schema.c - the standard's view of the catalog: names and types, never rows. Everybody may read it; what a
 * viewer without admin rights cannot use at all (the system tables, shared tables of level DBA) is not listed to them.
 * Tables of the registry come first, then views, then our own from kdb_system_table_defs. */
#include "system_int.h"

static const kdb_sv catalog = { "kalam", 5 };

/* ---- who sees what ---- */

static bool sees_table(const kdb_system_scan *scan, const kdb_table *table)
{
    return kdb_role_is_admin(scan->viewer) || table->type != KDB_TABLE_SHARED || table->access != KDB_ACCESS_DBA;
}

static bool sees_def(const kdb_system_scan *scan, const kdb_system_table_def *def)
{
    return kdb_role_is_admin(scan->viewer) || !def->admin_only;
}

/* Takes the tables that the viewer sees; the references of the others go at once. */
static kdb_status open_seen_tables(kdb_system_scan *scan, kdb_err *err)
{
    KDB_TRY(kdbi_open_tables_and_views(scan, err));
    size_t kept = 0;
    for (size_t i = 0; i < scan->ntables; i++) {
        if (sees_table(scan, scan->tables[i])) {
            scan->tables[kept++] = scan->tables[i];
        } else {
            kdb_table_unref(scan->tables[i]);
        }
    }
    scan->ntables = kept;
    return KDB_OK;
}

/* The next of our own tables that the viewer sees, counted by scan->nitems; NULL after the last. */
static const kdb_system_table_def *seen_def(kdb_system_scan *scan)
{
    while (scan->nitems < kdb_system_table_defs_count && !sees_def(scan, &kdb_system_table_defs[scan->nitems])) {
        scan->nitems++;
    }
    return scan->nitems < kdb_system_table_defs_count ? &kdb_system_table_defs[scan->nitems] : NULL;
}

/* ---- tables ---- */

static void put_table(kdb_value *cells, kdb_sv ns, kdb_sv name, const char *type)
{
    cells = kdbi_put_text(cells, catalog);
    cells = kdbi_put_text(cells, ns);
    cells = kdbi_put_text(cells, name);
    (void)kdbi_put_cstr(cells, type);
}

kdb_status kdbi_is_tables_open(kdb_system_scan *scan, kdb_err *err)
{
    return open_seen_tables(scan, err);
}

bool kdbi_is_tables_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at < scan->ntables) {
        const kdb_table *table = scan->tables[scan->at++];
        put_table(cells, table->ns, table->name, "BASE TABLE");
        return true;
    }
    if (scan->view_at < scan->nviews) {
        const kdb_view *view = scan->views[scan->view_at++];
        put_table(cells, view->ns, view->name, "VIEW");
        return true;
    }
    const kdb_system_table_def *def = seen_def(scan);
    if (def == NULL) {
        return false;
    }
    scan->nitems++;
    put_table(cells, kdb_sv_cstr(def->ns), kdb_sv_cstr(def->name), def->admin_only ? "BASE TABLE" : "VIEW");
    return true;
}

/* ---- views ---- */

kdb_status kdbi_is_views_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    kdb_registry_list_views(scan->system->registry, scan->arena, &scan->views, &scan->nviews);
    return KDB_OK;
}

/* A view's text may name what the viewer cannot see: it is for admins. */
bool kdbi_is_views_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->view_at == scan->nviews) {
        return false;
    }
    const kdb_view *view = scan->views[scan->view_at++];
    cells = kdbi_put_text(cells, catalog);
    cells = kdbi_put_text(cells, view->ns);
    cells = kdbi_put_text(cells, view->name);
    if (kdb_role_is_admin(scan->viewer)) {
        (void)kdbi_put_text(cells, view->query);
    }
    return true;
}

/* ---- columns ---- */

typedef struct column_facts {
    kdb_sv ns, table, name;
    size_t ordinal; /* from 1 */
    kdb_sv default_text;
    bool nullable;
    kdb_type type;
} column_facts;

/* Digits of a number type and their base; 0 for other types. */
static int32_t precision_of(kdb_type type, int32_t *radix)
{
    *radix = type.kind == KDB_TYPE_DECIMAL ? 10 : 2;
    switch (type.kind) {
    case KDB_TYPE_SMALLINT:
        return 16;
    case KDB_TYPE_INT:
        return 32;
    case KDB_TYPE_BIGINT:
        return 64;
    case KDB_TYPE_FLOAT:
        return 24;
    case KDB_TYPE_DOUBLE:
        return 53;
    case KDB_TYPE_DECIMAL:
        return type.precision;
    case KDB_TYPE_NULL:
    case KDB_TYPE_BOOLEAN:
    case KDB_TYPE_TEXT:
    case KDB_TYPE_TIMESTAMP:
    case KDB_TYPE_DATE:
    case KDB_TYPE_DATETIME:
    case KDB_TYPE_TIME:
    case KDB_TYPE_JSON:
    case KDB_TYPE_BYTES:
    case KDB_TYPE_EMBEDDING:
    case KDB_TYPE_UUID:
    case KDB_TYPE_FILE:
    case KDB_TYPE_KIND_COUNT:
        break;
    }
    return 0;
}

static bool is_instant(kdb_type_kind kind)
{
    return kind == KDB_TYPE_TIMESTAMP || kind == KDB_TYPE_DATETIME || kind == KDB_TYPE_TIME;
}

static void put_type(const column_facts *column, kdb_arena *arena, kdb_value *cells)
{
    int32_t radix = 0;
    const int32_t precision = precision_of(column->type, &radix);
    cells = kdbi_put_text(cells, kdb_type_sql_text(column->type, arena));
    cells = kdbi_skip(cells); /* character_maximum_length: not enforced */
    cells = kdb_type_layout(column->type) == KDB_LAYOUT_BYTES ? kdbi_put_bigint(cells, INT32_MAX) : kdbi_skip(cells);
    cells = precision != 0 ? kdbi_put_bigint(cells, precision) : kdbi_skip(cells);
    cells = precision != 0 ? kdbi_put_bigint(cells, radix) : kdbi_skip(cells);
    cells = column->type.kind == KDB_TYPE_DECIMAL ? kdbi_put_bigint(cells, column->type.scale) : kdbi_skip(cells);
    cells = is_instant(column->type.kind) ? kdbi_put_bigint(cells, 6) : kdbi_skip(cells);
    (void)kdbi_skip(cells); /* interval_type */
}

static void put_column(const column_facts *column, kdb_arena *arena, kdb_value *cells)
{
    cells = kdbi_put_text(cells, catalog);
    cells = kdbi_put_text(cells, column->ns);
    cells = kdbi_put_text(cells, column->table);
    cells = kdbi_put_text(cells, column->name);
    cells = kdbi_put_bigint(cells, (int64_t)column->ordinal);
    cells = kdbi_put_text_or_null(cells, column->default_text);
    cells = kdbi_put_cstr(cells, column->nullable ? "YES" : "NO");
    put_type(column, arena, cells);
}

kdb_status kdbi_is_columns_open(kdb_system_scan *scan, kdb_err *err)
{
    return open_seen_tables(scan, err);
}

/* The next column of the views; scan->sub counts within the view. */
static bool next_view_column(kdb_system_scan *scan, column_facts *out)
{
    if (scan->view_at == scan->nviews) {
        return false;
    }
    const kdb_view *view = scan->views[scan->view_at];
    const kdb_view_column *column = &view->columns[scan->sub];
    *out = (column_facts){ .ns = view->ns,
                           .table = view->name,
                           .name = column->name,
                           .ordinal = scan->sub + 1,
                           .nullable = true,
                           .type = column->type };
    if (++scan->sub == view->ncolumns) {
        scan->sub = 0;
        scan->view_at++;
    }
    return true;
}

/* The next column of our own tables; scan->sub counts within the table. */
static bool next_own_column(kdb_system_scan *scan, column_facts *out)
{
    const kdb_system_table_def *def = seen_def(scan);
    if (def == NULL) {
        return false;
    }
    const kdb_system_column *column = &def->columns[scan->sub];
    *out = (column_facts){ .ns = kdb_sv_cstr(def->ns),
                           .table = kdb_sv_cstr(def->name),
                           .name = kdb_sv_cstr(column->name),
                           .ordinal = scan->sub + 1,
                           .nullable = !column->not_null,
                           .type = kdb_type_of(column->kind) };
    if (++scan->sub == def->ncolumns) {
        scan->sub = 0;
        scan->nitems++;
    }
    return true;
}

bool kdbi_is_columns_next(kdb_system_scan *scan, kdb_value *cells)
{
    const kdb_table *table = NULL;
    size_t index = 0;
    column_facts facts;
    if (kdbi_next_column(scan, &table, &index)) {
        const kdb_column *column = &table->schema->columns[index];
        facts = (column_facts){ .ns = table->ns,
                                .table = table->name,
                                .name = column->name,
                                .ordinal = index + 1,
                                .default_text = kdb_column_default_text(column, scan->row_arena),
                                .nullable = !column->not_null,
                                .type = column->type };
    } else if (!next_view_column(scan, &facts) && !next_own_column(scan, &facts)) {
        return false;
    }
    put_column(&facts, scan->row_arena, cells);
    return true;
}

/* ---- constraints ---- */

/* The next table that has a primary key: the one constraint with a name, and the name is PostgreSQL's for it. Our own tables
 * are not listed: nobody writes to them. */
static const kdb_table *table_with_key(kdb_system_scan *scan)
{
    while (scan->at < scan->ntables && scan->tables[scan->at]->nkey == 0) {
        scan->at++;
    }
    return scan->at < scan->ntables ? scan->tables[scan->at] : NULL;
}

/* Catalog, schema and name of the constraint, then of its table. */
static kdb_value *put_constraint(const kdb_table *table, kdb_arena *arena, kdb_value *cells)
{
    cells = kdbi_put_text(cells, catalog);
    cells = kdbi_put_text(cells, table->ns);
    cells = kdbi_put_text(cells, kdb_sv_printf(arena, "%.*s_pkey", KDB_SV_ARG(table->name)));
    cells = kdbi_put_text(cells, catalog);
    cells = kdbi_put_text(cells, table->ns);
    return kdbi_put_text(cells, table->name);
}

kdb_status kdbi_is_constraints_open(kdb_system_scan *scan, kdb_err *err)
{
    return open_seen_tables(scan, err);
}

bool kdbi_is_constraints_next(kdb_system_scan *scan, kdb_value *cells)
{
    const kdb_table *table = table_with_key(scan);
    if (table == NULL) {
        return false;
    }
    scan->at++;
    cells = put_constraint(table, scan->row_arena, cells);
    cells = kdbi_put_cstr(cells, "PRIMARY KEY");
    cells = kdbi_put_cstr(cells, "NO");
    (void)kdbi_put_cstr(cells, "NO");
    return true;
}

/* scan->sub counts within the key. */
bool kdbi_is_key_columns_next(kdb_system_scan *scan, kdb_value *cells)
{
    const kdb_table *table = table_with_key(scan);
    if (table == NULL) {
        return false;
    }
    cells = put_constraint(table, scan->row_arena, cells);
    cells = kdbi_put_text(cells, table->schema->columns[table->key[scan->sub]].name);
    (void)kdbi_put_bigint(cells, (int64_t)scan->sub + 1);
    if (++scan->sub == table->nkey) {
        scan->sub = 0;
        scan->at++;
    }
    return true;
}

/* ---- schemata ---- */

static void put_schema(kdb_value *cells, kdb_sv name)
{
    cells = kdbi_put_text(cells, catalog);
    (void)kdbi_put_text(cells, name);
}

/* The registry's namespaces, then the two of our own; `system` is the last and for admins. */
kdb_status kdbi_is_schemata_open(kdb_system_scan *scan, kdb_err *err)
{
    return kdbi_namespaces_open(scan, err);
}

bool kdbi_is_schemata_next(kdb_system_scan *scan, kdb_value *cells)
{
    static const char *const own[] = { "information_schema", "system" };
    const size_t nown = kdb_role_is_admin(scan->viewer) ? 2 : 1;
    if (scan->at < scan->nitems) {
        put_schema(cells, ((const kdb_namespace *)scan->items)[scan->at++].name);
        return true;
    }
    if (scan->sub == nown) {
        return false;
    }
    put_schema(cells, kdb_sv_cstr(own[scan->sub++]));
    return true;
}

/* ---- df_settings, routines ---- */

kdb_status kdbi_is_settings_open(kdb_system_scan *scan, kdb_err *err)
{
    return kdb_role_is_admin(scan->viewer) ? kdbi_settings_open(scan, err) : kdbi_nothing_open(scan, err);
}

/* The settings with one column less. */
bool kdbi_is_settings_next(kdb_system_scan *scan, kdb_value *cells)
{
    kdb_value row[4];
    for (size_t i = 0; i < KDB_ARRAY_LEN(row); i++) {
        row[i] = kdb_value_null(kdb_type_of(KDB_TYPE_TEXT));
    }
    if (!kdbi_settings_next(scan, row)) {
        return false;
    }
    memcpy(cells, row, 3 * sizeof(*cells));
    return true;
}

kdb_status kdbi_is_routines_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    scan->nitems = kdb_function_defs_count;
    return KDB_OK;
}

bool kdbi_is_routines_next(kdb_system_scan *scan, kdb_value *cells)
{
    static const char *const kinds[] = { [KDB_FUNCTION_SCALAR] = "SCALAR",
                                         [KDB_FUNCTION_AGGREGATE] = "AGGREGATE",
                                         [KDB_FUNCTION_WINDOW] = "WINDOW",
                                         [KDB_FUNCTION_TABLE] = "TABLE" };
    if (scan->at == scan->nitems) {
        return false;
    }
    const kdb_function_def *def = &kdb_function_defs[scan->at++];
    cells = kdbi_put_text(cells, catalog);
    cells = kdbi_put_cstr(cells, "pg_catalog");
    cells = kdbi_put_cstr(cells, def->name);
    cells = kdbi_put_text(cells, catalog);
    cells = kdbi_put_cstr(cells, "pg_catalog");
    cells = kdbi_put_cstr(cells, def->name);
    cells = kdbi_put_cstr(cells, "FUNCTION");
    cells = kdbi_skip(cells); /* is_deterministic */
    cells = kdbi_skip(cells); /* data_type: hangs on the arguments */
    (void)kdbi_put_cstr(cells, kinds[def->kind]);
    return true;
}
