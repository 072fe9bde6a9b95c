/* live_json.c - rows and changes as wire-protocol.md 10.6 and 10.8 want them. */
#include "live_int.h"

/* ---- rows ---- */

void kdbi_row_init(kdbi_row *row, const kdb_table *table, kdb_arena *arena)
{
    *row = (kdbi_row){ .values = KDB_ARENA_ARRAY(arena, kdb_value, table->schema->ncolumns + 2) };
}

kdb_status kdbi_row_read(kdbi_row *row, const kdb_table *table, kdb_sv bytes, kdb_arena *arena, kdb_err *err)
{
    const size_t ncolumns = table->schema->ncolumns;
    row->there = bytes.len != 0;
    if (!row->there) {
        return KDB_OK;
    }
    kdb_row stored;
    KDB_TRY(kdb_row_open(table, bytes, &stored, err));
    KDB_TRY(kdb_row_values(table, &stored, arena, row->values, err));
    row->values[ncolumns] = kdb_value_bigint((int64_t)stored.seq);
    row->values[ncolumns + 1] = kdb_value_bool(stored.deleted);
    row->deleted = stored.deleted;
    row->seq = stored.seq;
    return KDB_OK;
}

static kdb_value column_of(void *self, uint32_t column)
{
    return ((const kdbi_row *)self)->values[column];
}

kdb_expr_row kdbi_row_expr(kdbi_row *row)
{
    return (kdb_expr_row){ .self = row, .column = column_of };
}

/* ---- members of an object ---- */

typedef struct object {
    kdb_buf *json;
    bool any;
} object;

static object object_begin(kdb_buf *json)
{
    kdb_buf_append_byte(json, '{');
    return (object){ json, false };
}

static void object_end(const object *obj)
{
    kdb_buf_append_byte(obj->json, '}');
}

static kdb_status put(object *obj, const kdb_watch_column *column, const kdb_value *value, kdb_err *err)
{
    if (obj->any) {
        kdb_buf_append_byte(obj->json, ',');
    }
    obj->any = true;
    kdb_buf_append_sv(obj->json, column->label);
    return kdb_json_put_value(obj->json, value, err);
}

static kdb_status put_keys(object *obj, const kdb_watch *watch, const kdbi_row *row, kdb_err *err)
{
    for (size_t i = 0; i < watch->nkeys; i++) {
        KDB_TRY(put(obj, &watch->keys[i], &row->values[watch->keys[i].field], err));
    }
    return KDB_OK;
}

static uint32_t seq_field(const kdb_watch *watch)
{
    return (uint32_t)watch->table->schema->ncolumns;
}

kdb_status kdbi_json_row(kdb_buf *json, const kdb_watch *watch, const kdb_expr_row *row, kdb_err *err)
{
    object obj = object_begin(json);
    for (size_t i = 0; i < watch->ncolumns; i++) {
        const kdb_value value = row->column(row->self, watch->columns[i].field);
        KDB_TRY(put(&obj, &watch->columns[i], &value, err));
    }
    object_end(&obj);
    return KDB_OK;
}

/* ---- changes ---- */

void kdbi_json_prefix(kdb_buf *json, kdb_sv subscription_id)
{
    kdb_buf_append_lit(json, "{\"type\":\"change\",\"subscription_id\":");
    kdb_json_put_string(json, subscription_id);
    kdb_buf_append_byte(json, ',');
}

kdb_status kdbi_json_insert(kdb_buf *json, const kdb_watch *watch, const kdbi_row *row, kdb_err *err)
{
    kdbi_row shown = *row;
    const kdb_expr_row columns = kdbi_row_expr(&shown);
    kdb_buf_append_lit(json, "\"change_type\":\"insert\",\"rows\":[");
    KDB_TRY(kdbi_json_row(json, watch, &columns, err));
    kdb_buf_append_lit(json, "]}");
    return KDB_OK;
}

/* Clients replace their row by this one, so what has a value is all there; what has none is left out. */
static kdb_status put_new(kdb_buf *json, const kdb_watch *watch, const kdbi_row *row, kdb_err *err)
{
    object obj = object_begin(json);
    KDB_TRY(put_keys(&obj, watch, row, err));
    for (size_t i = 0; i < watch->ncolumns; i++) {
        const kdb_watch_column *column = &watch->columns[i];
        const kdb_value *value = &row->values[column->field];
        if (column->key || column->field == seq_field(watch) || (!value->is_null && !column->hidden)) {
            KDB_TRY(put(&obj, column, value, err));
        }
    }
    object_end(&obj);
    return KDB_OK;
}

static kdb_status put_changed(kdb_buf *json, const kdb_watch *watch, const kdbi_row *old, const kdbi_row *row,
                              kdb_err *err)
{
    object obj = object_begin(json);
    KDB_TRY(put_keys(&obj, watch, old, err));
    for (size_t i = 0; i < watch->ncolumns; i++) {
        const kdb_watch_column *column = &watch->columns[i];
        const kdb_value *value = &old->values[column->field];
        if (column->key || !kdb_value_same(value, &row->values[column->field])) {
            KDB_TRY(put(&obj, column, value, err));
        }
    }
    object_end(&obj);
    return KDB_OK;
}

kdb_status kdbi_json_update(kdb_buf *json, const kdb_watch *watch, const kdbi_row *old, const kdbi_row *row,
                            kdb_err *err)
{
    kdb_buf_append_lit(json, "\"change_type\":\"update\",\"rows\":[");
    KDB_TRY(put_new(json, watch, row, err));
    kdb_buf_append_lit(json, "],\"old_values\":[");
    KDB_TRY(put_changed(json, watch, old, row, err));
    kdb_buf_append_lit(json, "]}");
    return KDB_OK;
}

static kdb_status put_deleted(kdb_buf *json, const kdb_watch *watch, const kdbi_row *old, uint64_t seq, kdb_err *err)
{
    const uint32_t seq_at = seq_field(watch);
    const kdb_value new_seq = kdb_value_bigint((int64_t)seq);
    const kdb_value deleted = kdb_value_bool(true);
    object obj = object_begin(json);
    KDB_TRY(put_keys(&obj, watch, old, err));
    for (size_t i = 0; i < watch->ncolumns; i++) {
        const kdb_watch_column *column = &watch->columns[i];
        const kdb_value *value = column->field == seq_at       ? &new_seq
                                 : column->field == seq_at + 1 ? &deleted
                                                               : &old->values[column->field];
        KDB_TRY(put(&obj, column, value, err));
    }
    object_end(&obj);
    return KDB_OK;
}

kdb_status kdbi_json_delete(kdb_buf *json, const kdb_watch *watch, const kdbi_row *old, uint64_t seq, kdb_err *err)
{
    kdb_buf_append_lit(json, "\"change_type\":\"delete\",\"old_values\":[");
    if (watch->table->type == KDB_TABLE_STREAM) { /* its rows are known by the `_seq` that they were written with */
        kdb_buf_append_lit(json, "{\"row_id\":\"");
        kdb_buf_append_u64(json, old->seq);
        kdb_buf_append_lit(json, "\"}");
    } else {
        KDB_TRY(put_deleted(json, watch, old, seq, err));
    }
    kdb_buf_append_lit(json, "]}");
    return KDB_OK;
}

/* Only its key may be told: its values are none that the query has shown. */
static kdb_status put_left(kdb_buf *json, const kdb_watch *watch, const kdbi_row *row, kdb_err *err)
{
    kdb_buf_append_lit(json, "\"change_type\":\"delete\",\"old_values\":[");
    object obj = object_begin(json);
    KDB_TRY(put_keys(&obj, watch, row, err));
    for (size_t i = 0; i < watch->ncolumns; i++) {
        const kdb_watch_column *column = &watch->columns[i];
        if (column->key || column->field == seq_field(watch)) {
            KDB_TRY(put(&obj, column, &row->values[column->field], err));
        }
    }
    object_end(&obj);
    kdb_buf_append_lit(json, "]}");
    return KDB_OK;
}

kdb_status kdbi_json_gone(kdb_buf *json, const kdb_watch *watch, kdbi_row *row, kdb_arena *scratch, kdb_err *err)
{
    const kdb_expr_row columns = kdbi_row_expr(row);
    bool admitted = true;
    if (watch->filter != NULL) {
        KDB_TRY(kdb_row_filter_admits(watch->filter, &columns, scratch, &admitted, err));
    }
    if (!admitted) {
        return KDB_FAIL(err, KDB_CONFLICT,
                        "Rows that you may not see have changed since: subscribe again without the cursor");
    }
    return row->deleted ? kdbi_json_delete(json, watch, row, row->seq, err) : put_left(json, watch, row, err);
}
