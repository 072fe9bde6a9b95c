/* cold_note.c - what a file says of itself beside its rows: whose it is, and which segments' place it took. Nobody needs it as long as
 * the manifest is there; a manifest is made anew from it (cold_rebuild.c). It is a JSON object under the name "kalamdb":
 *
 *   {"format":1,"table":7,"user":"alice","segment":3,"schema_version":2,"created_ms":1790000000000,"replaces":[1,2]}
 *
 * Files from before there were notes are known by the ids, names and types of their columns. */
#include "cold_read.h"

#include "kdb/json.h"

enum { FORMAT = 1 };

kdb_parquet_note kdbi_cold_note(const kdb_segment_spec *spec, int64_t created_ms, kdb_arena *arena)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    kdb_buf_printf(&text, "{\"format\":%d,\"table\":%u,\"user\":", FORMAT, spec->table->id);
    kdb_json_put_string(&text, spec->user.text);
    kdb_buf_printf(&text, ",\"segment\":%u,\"schema_version\":%u,\"created_ms\":%lld,\"replaces\":[", spec->id,
                   spec->table->schema->version, (long long)created_ms);
    for (size_t i = 0; spec->replaces != NULL && i < spec->replaces->nsegments; i++) {
        kdb_buf_printf(&text, "%s%u", i == 0 ? "" : ",", spec->replaces->segments[i].id);
    }
    kdb_buf_append_lit(&text, "]}");
    const kdb_parquet_note note = { KDB_SV("kalamdb"), kdb_sv_dup(arena, kdb_buf_sv(&text)) };
    kdb_buf_done(&text);
    return note;
}

/* ---- reading ---- */

static kdb_status not_ours(kdb_err *err, const char *why)
{
    return KDB_FAIL(err, KDB_CORRUPT, "%s", why);
}

/* Borrows the cursor and the plan of one query. */
typedef struct lookup {
    kdb_engine_plan *plan;
    kdb_engine_cursor *cursor;
} lookup;

static void lookup_done(lookup *l)
{
    kdb_engine_cursor_free(l->cursor);
    kdb_engine_plan_free(l->plan);
}

/* `head` and `tail` stand about the file's path. */
static kdb_status prepare(kdb_engine_conn *conn, const char *head, const char *path, const char *tail, lookup *out,
                          kdb_err *err)
{
    kdb_buf sql;
    kdb_buf_init(&sql, 0);
    kdb_buf_append_sv(&sql, kdb_sv_cstr(head));
    kdb_engine_put_file(&sql, path);
    kdb_buf_append_sv(&sql, kdb_sv_cstr(tail));
    const kdb_status status = kdb_engine_prepare(conn, kdb_buf_sv(&sql), NULL, 0, &out->plan, err);
    kdb_buf_done(&sql);
    return status;
}

static kdb_status number(const kdb_json *note, const char *name, int64_t most, int64_t *out, kdb_err *err)
{
    const kdb_json *member = kdb_json_lookup(note, kdb_sv_cstr(name));
    if (member == NULL || member->kind != KDB_JSON_INT || member->integer < 0 || member->integer > most) {
        return not_ours(err, "what it says of itself cannot be read");
    }
    *out = member->integer;
    return KDB_OK;
}

static kdb_status read_replaced(const kdb_json *note, kdb_arena *arena, kdbi_cold_said *out, kdb_err *err)
{
    const kdb_json *list = kdb_json_lookup(note, KDB_SV("replaces"));
    if (list == NULL || list->kind != KDB_JSON_ARRAY) {
        return not_ours(err, "what it says of itself cannot be read");
    }
    size_t count = 0;
    for (const kdb_json *at = list->child; at != NULL; at = at->next) {
        count++;
    }
    out->replaces = KDB_ARENA_ARRAY(arena, uint32_t, count + 1);
    for (const kdb_json *at = list->child; at != NULL; at = at->next) {
        if (at->kind != KDB_JSON_INT || at->integer < 1 || at->integer > UINT32_MAX) {
            return not_ours(err, "what it says of itself cannot be read");
        }
        out->replaces[out->nreplaces++] = (uint32_t)at->integer;
    }
    return KDB_OK;
}

static kdb_status parse(kdb_sv text, kdb_arena *arena, kdbi_cold_said *out, kdb_err *err)
{
    kdb_json *note = NULL;
    int64_t format, table_id, segment, version;
    if (kdb_json_parse(text, arena, &note, NULL) != KDB_OK || note->kind != KDB_JSON_OBJECT) {
        return not_ours(err, "what it says of itself cannot be read");
    }
    KDB_TRY(number(note, "format", INT64_MAX, &format, err));
    if (format != FORMAT) {
        return not_ours(err, "a newer server has written it");
    }
    KDB_TRY(number(note, "table", UINT32_MAX, &table_id, err));
    KDB_TRY(number(note, "segment", UINT32_MAX, &segment, err));
    KDB_TRY(number(note, "schema_version", UINT32_MAX, &version, err));
    KDB_TRY(number(note, "created_ms", INT64_MAX, &out->created_ms, err));
    const kdb_json *user = kdb_json_lookup(note, KDB_SV("user"));
    if (user == NULL || user->kind != KDB_JSON_STRING) {
        return not_ours(err, "what it says of itself cannot be read");
    }
    out->said = true;
    out->table_id = (uint32_t)table_id;
    out->segment = (uint32_t)segment;
    out->schema_version = (uint32_t)version;
    out->user = user->string;
    return read_replaced(note, arena, out, err);
}

static kdb_status read_note(kdb_engine_conn *conn, const char *path, kdb_arena *arena, kdbi_cold_said *out,
                            kdb_err *err)
{
    KDB_CLEANUP(lookup_done) lookup l = { 0 };
    const kdb_chunk *chunk = NULL;
    KDB_TRY(prepare(conn, "SELECT decode(value) FROM parquet_kv_metadata(", path, ") WHERE key = 'kalamdb'::BLOB", &l,
                    err));
    KDB_TRY(kdb_engine_execute(l.plan, NULL, 0, NULL, &l.cursor, err));
    KDB_TRY(kdb_engine_fetch(l.cursor, &chunk, err));
    return chunk->nrows == 0 ? KDB_OK
                             : parse(kdb_sv_dup(arena, kdb_vec_get(&chunk->cols[0], 0).as.bytes), arena, out, err);
}

/* ---- which schema version ---- */

/* The columns of a file that have an id, in order. */
typedef struct file_columns {
    kdb_sv *names;
    uint32_t *ids;
    size_t count;
} file_columns;

static void add_column(file_columns *columns, kdb_sv name, uint32_t id, kdb_arena *arena)
{
    KDB_ARENA_ROOM(arena, columns->names, columns->count);
    columns->names[columns->count] = kdb_sv_dup(arena, name);
    *KDB_ARENA_PUSH(arena, columns->ids, columns->count) = id;
}

static kdb_status read_ids(kdb_engine_conn *conn, const char *path, kdb_arena *arena, file_columns *out, kdb_err *err)
{
    KDB_CLEANUP(lookup_done) lookup l = { 0 };
    KDB_TRY(prepare(conn, "SELECT name, field_id::BIGINT FROM parquet_schema(", path, ") WHERE field_id IS NOT NULL",
                    &l, err));
    KDB_TRY(kdb_engine_execute(l.plan, NULL, 0, NULL, &l.cursor, err));
    for (const kdb_chunk *chunk = NULL;;) {
        KDB_TRY(kdb_engine_fetch(l.cursor, &chunk, err));
        if (chunk->nrows == 0) {
            return KDB_OK;
        }
        for (size_t i = 0; i < chunk->nrows; i++) {
            const int64_t id = kdb_vec_get(&chunk->cols[1], i).as.i64;
            if (id >= 0 && id <= UINT32_MAX) {
                add_column(out, kdb_vec_get(&chunk->cols[0], i).as.bytes, (uint32_t)id, arena);
            }
        }
    }
}

/* Files know lists of any length only, and the engine tells their type as text: ids tell embeddings apart. */
static bool is_column(const kdb_engine_column *got, uint32_t id, const kdb_parquet_column *want)
{
    return kdb_sv_eq(got->name, want->name) && id == want->field_id &&
           (want->type.kind == KDB_TYPE_EMBEDDING || kdbi_cold_types_agree(got->type, want->type));
}

static bool is_version(const kdb_table *table, const kdb_schema *version, const kdb_engine_plan *plan,
                       const file_columns *columns)
{
    const size_t ncolumns = version->ncolumns + 1 + (table->nkey == 0);
    if (kdb_engine_plan_ncolumns(plan) != ncolumns || columns->count != ncolumns) {
        return false;
    }
    for (size_t i = 0; i < ncolumns; i++) {
        const kdb_parquet_column beside =
            i == version->ncolumns
                ? (kdb_parquet_column){ KDB_SV("_seq"), kdb_type_of(KDB_TYPE_BIGINT), KDBI_FIELD_SEQ }
                : (kdb_parquet_column){ KDB_SV("_row_id"), kdb_type_of(KDB_TYPE_BIGINT), KDBI_FIELD_ROW_ID };
        const kdb_parquet_column want =
            i < version->ncolumns
                ? (kdb_parquet_column){ version->columns[i].name, version->columns[i].type, version->columns[i].id }
                : beside;
        if (!is_column(kdb_engine_plan_column(plan, i), columns->ids[i], &want)) {
            return false;
        }
    }
    return true;
}

/* The latest that has the file's columns: versions that have the same read the same. */
static kdb_status find_version(kdb_engine_conn *conn, const kdb_table *table, const char *path, kdb_arena *arena,
                               kdbi_cold_said *out, kdb_err *err)
{
    KDB_CLEANUP(lookup_done) lookup l = { 0 };
    file_columns columns = { 0 };
    KDB_TRY(read_ids(conn, path, arena, &columns, err));
    KDB_TRY(prepare(conn, "SELECT * FROM read_parquet(", path, ")", &l, err));
    for (size_t i = table->nversions; i > 0; i--) {
        if (is_version(table, &table->versions[i - 1], l.plan, &columns)) {
            out->schema_version = (uint32_t)i;
            return KDB_OK;
        }
    }
    return not_ours(err, "its columns are none that the table has had");
}

static kdb_status ask(kdb_engine_conn *conn, const kdb_table *table, const char *path, kdb_arena *arena,
                      kdbi_cold_said *out, kdb_err *err)
{
    KDB_TRY(read_note(conn, path, arena, out, err));
    if (!out->said) {
        return find_version(conn, table, path, arena, out, err);
    }
    return out->schema_version != 0 && out->schema_version <= table->nversions
               ? KDB_OK
               : not_ours(err, "it is of a schema version that the table has not had");
}

kdb_status kdbi_cold_ask(kdb_cold *cold, const kdb_table *table, kdb_sv storage_id, kdb_sv path, kdb_arena *arena,
                         kdbi_cold_said *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    KDB_CLEANUP(kdb_object_lease_endp) kdb_object_lease *lease = NULL;
    kdbi_cold_reader *reader = NULL;
    *out = (kdbi_cold_said){ 0 };
    KDB_TRY(kdb_object_stores_find(cold->objects, storage_id, &objects, err));
    KDB_TRY(kdb_objects_lease(objects, path, &lease, err));
    KDB_TRY(kdbi_cold_reader_take(cold->readers, &reader, err));
    const kdb_status status = ask(kdbi_cold_reader_conn(reader), table, kdb_object_lease_path(lease), arena, out, err);
    kdbi_cold_reader_give(cold->readers, reader);
    return status;
}
