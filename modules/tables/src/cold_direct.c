/* cold_direct.c - which files of a partition the engine reads itself. A scan gives it copies, without the dictionaries by which it groups
 * text, and what it makes of 100,000 rows a scan makes in twice the time; but only a scan leaves out rows that are dead, converts columns
 * that ALTER TABLE changed, lets row policies and transactions hide rows, and says which file is damaged. So it is for segments that need
 * none of it, and who runs the statement runs it with scans alone when it fails. */
#include "cold_read.h"

enum {
    SEGMENTS_WORTH = 100, /* at most: opening a file costs what reading a thousand rows does */
    FILES_MAX = 4096
};

/* ---- which ---- */

/* The engine has to be given every row of the range, and nothing may hide one. */
static bool sees_all(const kdb_scan_spec *spec)
{
    return spec->cold != NULL && spec->cold->direct_rows != 0 && spec->hot == NULL && spec->overlay == NULL &&
           spec->filter == NULL && !spec->in_order && !spec->keys.points && spec->table->type != KDB_TABLE_STREAM;
}

/* A column that a version lacks is NULL in its rows, or what ALTER TABLE says. */
static bool columns_are_plain(const kdb_table *table, const kdb_schema *version)
{
    for (size_t i = 0; i < table->schema->ncolumns; i++) {
        const kdb_column *column = &table->schema->columns[i];
        const int at = kdbi_schema_column_by_id(version, column->id);
        if (at < 0 ? column->has_initial : !kdb_type_eq(version->columns[at].type, column->type)) {
            return false;
        }
    }
    return true;
}

static bool is_plain(const kdb_scan_spec *spec, const kdb_segment *segment)
{
    return segment->ndead == 0 && segment->rows >= spec->cold->direct_rows / SEGMENTS_WORTH &&
           kdbi_segment_meets(segment, spec->keys.from, spec->keys.to) && segment->schema_version != 0 &&
           segment->schema_version <= spec->table->nversions &&
           columns_are_plain(spec->table, &spec->table->versions[segment->schema_version - 1]);
}

static bool is_worth_it(const kdb_scan_spec *spec, const kdb_manifest *manifest)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < manifest->nsegments; i++) {
        rows += is_plain(spec, &manifest->segments[i]) ? manifest->segments[i].rows : 0;
    }
    return rows >= spec->cold->direct_rows;
}

/* ---- the query of a version's files ---- */

static void put_column(const kdb_scan_spec *spec, const kdb_schema *version, size_t field, kdb_type type, kdb_buf *sql)
{
    const kdb_schema *latest = spec->table->schema;
    const int at = field < latest->ncolumns ? kdbi_schema_column_by_id(version, latest->columns[field].id) : -1;
    if (field == latest->ncolumns + 1) { /* `_deleted` */
        kdb_buf_append_lit(sql, "false");
        return;
    }
    kdb_buf_append_lit(sql, "CAST(");
    if (field == latest->ncolumns) {
        kdb_buf_printf(sql, "c%zu", kdbi_cold_seq_column(version));
    } else if (at >= 0) {
        kdb_buf_printf(sql, "c%d", at);
    } else {
        kdb_buf_append_lit(sql, "NULL");
    }
    kdb_buf_append_lit(sql, " AS ");
    kdb_engine_put_type(sql, type);
    kdb_buf_append_byte(sql, ')');
}

static kdb_sv query_of(const kdb_scan_spec *spec, const kdb_schema *version, kdb_arena *arena)
{
    size_t nfields = 0;
    const kdb_field *fields = kdb_table_fields(spec->table, arena, &nfields);
    kdb_buf sql;
    kdb_buf_init(&sql, 0);
    for (size_t i = 0; i < nfields; i++) {
        kdb_buf_append_sv(&sql, i == 0 ? KDB_SV("SELECT ") : KDB_SV(", "));
        put_column(spec, version, i, fields[i].type, &sql);
    }
    kdbi_cold_put_source(spec->table, version, &sql);
    const kdb_sv out = kdb_sv_dup(arena, kdb_buf_sv(&sql));
    kdb_buf_done(&sql);
    return out;
}

/* ---- taking them ---- */

/* False: its file is not at hand, or not where it should be. */
static bool take_file(const kdb_scan_spec *spec, const kdb_segment *segment, kdb_object_lease **out)
{
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    return kdb_object_stores_find(spec->cold->objects, segment->storage_id, &objects, NULL) == KDB_OK &&
           kdb_objects_is_near(objects) && kdb_objects_lease(objects, segment->path, out, NULL) == KDB_OK;
}

/* The plain ones of one version; what is taken is not left. */
static void take_version(kdb_cold_direct *direct, const kdb_scan_spec *spec, const kdb_manifest *manifest,
                         uint32_t version, bool *left)
{
    kdb_engine_files *files = &direct->files[direct->nfiles];
    const char **paths = KDB_ARENA_ARRAY(direct->arena, const char *, manifest->nsegments);
    for (size_t i = 0; i < manifest->nsegments && direct->nleases < FILES_MAX; i++) {
        const kdb_segment *segment = &manifest->segments[i];
        kdb_object_lease *lease = NULL;
        if (segment->schema_version == version && is_plain(spec, segment) && take_file(spec, segment, &lease)) {
            direct->leases[direct->nleases++] = lease;
            paths[files->npaths++] = kdb_object_lease_path(lease);
            direct->rows += segment->rows;
            left[i] = false;
        }
    }
    if (files->npaths != 0) {
        files->paths = paths;
        files->query = query_of(spec, &spec->table->versions[version - 1], direct->arena);
        direct->nfiles++;
    }
}

static kdb_cold_direct *take(const kdb_scan_spec *spec, kdb_manifest *manifest)
{
    kdb_cold_direct *direct = KDB_NEW(kdb_cold_direct);
    direct->arena = kdb_arena_new(0);
    direct->files = KDB_ARENA_ARRAY(direct->arena, kdb_engine_files, spec->table->nversions + 1);
    direct->leases = KDB_ARENA_ARRAY(direct->arena, kdb_object_lease *, FILES_MAX);
    bool *left = KDB_ARENA_ARRAY(direct->arena, bool, manifest->nsegments);
    memset(left, true, manifest->nsegments * sizeof(*left));
    for (uint32_t version = 1; version <= spec->table->nversions; version++) {
        take_version(direct, spec, manifest, version, left);
    }
    direct->whole = kdb_manifest_ref(manifest);
    direct->rest = kdb_manifest_picked(manifest, left);
    return direct;
}

kdb_status kdb_cold_direct_new(const kdb_scan_spec *spec, kdb_cold_direct **out, kdb_err *err)
{
    *out = NULL;
    if (!sees_all(spec) || !kdb_cold_has(spec->cold, spec->table->id)) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    KDB_TRY(kdb_manifest_get(spec->cold, spec->snapshot, spec->table, spec->user, false, &manifest, err));
    if (manifest == NULL || !is_worth_it(spec, manifest)) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_cold_direct_freep) kdb_cold_direct *direct = take(spec, manifest);
    if (direct->rows >= spec->cold->direct_rows) {
        *out = KDB_TAKE(direct);
    }
    return KDB_OK;
}

void kdb_cold_direct_free(kdb_cold_direct *direct)
{
    if (direct == NULL) {
        return;
    }
    for (size_t i = 0; i < direct->nleases; i++) {
        kdb_object_lease_end(direct->leases[i]);
    }
    kdb_manifest_unref(direct->rest);
    kdb_manifest_unref(direct->whole);
    kdb_arena_free(direct->arena);
    kdb_free(direct);
}
