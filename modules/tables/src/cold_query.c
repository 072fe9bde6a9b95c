/* cold_query.c - a query of the reader engine over files of one schema version. Columns are asked for by their place in the files
 * and come out as the table's latest schema has them; rows that are dead are dropped. What goes wrong is the file's fault, for
 * the text is ours: it is told with the file's name. */
#include "cold_read.h"

/* How a field comes out of the files. */
typedef enum cell_op {
    CELL_ABSENT,  /* NULL */
    CELL_INITIAL, /* added later, with a value for such rows */
    CELL_DELETED, /* false */
    CELL_KEY,
    CELL_SAME,   /* as it is there */
    CELL_CONVERT /* ALTER changed the type */
} cell_op;
typedef struct file_cell {
    cell_op op;
    size_t at; /* in the query's result */
    const kdb_column *latest;
} file_cell;

struct kdbi_cold_query {
    kdbi_cold_query_spec spec;
    const kdb_schema *version;
    kdb_arena *arena;
    kdb_object_lease **leases; /* by file */
    kdbi_cold_reader *reader;
    kdb_engine_plan *plan; /* its */
    kdb_engine_cursor *cursor;
    /* the result's columns */
    size_t *selected; /* columns of the files */
    kdb_type *types;
    size_t nselected;
    size_t row_at, file_at; /* row number, and number of the file: SIZE_MAX if not asked for */
    file_cell *cells;       /* by spec.fields */
    size_t *key_at;         /* by key column, or of the row id */
    kdb_value *key_values;
    /* the rows at hand */
    const kdb_chunk *chunk;
    kdb_vec *cols; /* its columns in the files' types */
    uint16_t kept[KDB_CHUNK_ROWS];
    size_t nkept;
};

/* ---- which columns ---- */

/* The place in the result of a column of the files, which is added if it is not there. */
static size_t select_column(kdbi_cold_query *query, size_t column, kdb_type type)
{
    for (size_t i = 0; i < query->nselected; i++) {
        if (query->selected[i] == column) {
            return i;
        }
    }
    query->selected[query->nselected] = column;
    query->types[query->nselected] = type;
    return query->nselected++;
}

static file_cell column_cell(kdbi_cold_query *query, const kdb_column *latest)
{
    const int at = kdbi_schema_column_by_id(query->version, latest->id);
    if (at < 0) {
        return (file_cell){ .op = latest->has_initial ? CELL_INITIAL : CELL_ABSENT, .latest = latest };
    }
    const kdb_type type = query->version->columns[at].type;
    return (file_cell){ .op = kdb_type_eq(type, latest->type) ? CELL_SAME : CELL_CONVERT,
                        .at = select_column(query, (size_t)at, type),
                        .latest = latest };
}

static void select_key(kdbi_cold_query *query)
{
    const kdb_table *table = query->spec.table;
    for (size_t i = 0; i < table->nkey; i++) {
        query->key_at[i] = select_column(query, kdbi_cold_key_column(table, query->version, i),
                                         table->schema->columns[table->key[i]].type);
    }
    if (table->nkey == 0) {
        query->key_at[0] = select_column(query, kdbi_cold_row_id_column(query->version), kdb_type_of(KDB_TYPE_BIGINT));
    }
}

static file_cell field_cell(kdbi_cold_query *query, size_t field)
{
    const kdb_schema *latest = query->spec.table->schema;
    if (field < latest->ncolumns) {
        return column_cell(query, &latest->columns[field]);
    }
    if (field == latest->ncolumns) {
        return (file_cell){ .op = CELL_SAME,
                            .at = select_column(query, kdbi_cold_seq_column(query->version),
                                                kdb_type_of(KDB_TYPE_BIGINT)) };
    }
    if (field == latest->ncolumns + 1) {
        return (file_cell){ .op = CELL_DELETED };
    }
    KDB_ASSERT(field == latest->ncolumns + 2);
    select_key(query);
    return (file_cell){ .op = CELL_KEY };
}

static bool wants_places(const kdbi_cold_query_spec *spec)
{
    for (size_t i = 0; i < spec->nsegments; i++) {
        if (spec->segments[i]->ndead != 0) {
            return true;
        }
    }
    return spec->finds_places || spec->last_row;
}

/* Row counts need a column too. */
static void choose_columns(kdbi_cold_query *query)
{
    const kdbi_cold_query_spec *spec = &query->spec;
    const size_t most = query->version->ncolumns + 2;
    query->selected = KDB_ARENA_ARRAY(query->arena, size_t, most);
    query->types = KDB_ARENA_ARRAY(query->arena, kdb_type, most);
    query->cells = KDB_ARENA_ARRAY(query->arena, file_cell, spec->nfields + 1);
    query->key_at = KDB_ARENA_ARRAY(query->arena, size_t, spec->table->nkey + 1);
    query->key_values = KDB_ARENA_ARRAY(query->arena, kdb_value, spec->table->nkey + 1);
    for (size_t i = 0; i < spec->nfields; i++) {
        query->cells[i] = field_cell(query, spec->fields[i]);
    }
    const bool places = wants_places(spec);
    if (query->nselected == 0 && !places) {
        (void)select_column(query, kdbi_cold_seq_column(query->version), kdb_type_of(KDB_TYPE_BIGINT));
    }
    query->row_at = places ? query->nselected : SIZE_MAX;
    query->file_at = places && spec->nsegments > 1 ? query->nselected + 1 : SIZE_MAX;
    query->cols = KDB_ARENA_ARRAY(query->arena, kdb_vec, query->nselected + 1);
}

/* ---- the text ---- */

static void put_selected(const kdbi_cold_query *query, kdb_buf *sql)
{
    for (size_t i = 0; i < query->nselected; i++) {
        const bool embedding = query->types[i].kind == KDB_TYPE_EMBEDDING;
        kdb_buf_append_sv(sql, i == 0 ? KDB_SV("") : KDB_SV(", "));
        if (embedding) { /* Parquet has lists of any length only */
            kdb_buf_printf(sql, "CAST(c%zu AS FLOAT[%d])", query->selected[i], query->types[i].dim);
        } else {
            kdb_buf_printf(sql, "c%zu", query->selected[i]);
        }
    }
    if (query->spec.last_row) {
        kdb_buf_append_lit(sql, "max(file_row_number)");
    } else if (query->row_at != SIZE_MAX) {
        kdb_buf_append_sv(sql, query->nselected == 0 ? KDB_SV("file_row_number") : KDB_SV(", file_row_number"));
    }
    if (query->file_at != SIZE_MAX) {
        kdb_buf_append_lit(sql, ", file_index");
    }
}

void kdbi_cold_put_source(const kdb_table *table, const kdb_schema *version, kdb_buf *sql)
{
    const bool has_row_id = table->nkey == 0;
    kdb_buf_append_lit(sql, " FROM read_parquet($1) AS f(");
    for (size_t i = 0; i < version->ncolumns + 1 + has_row_id; i++) {
        kdb_buf_printf(sql, "%sc%zu", i == 0 ? "" : ", ", i);
    }
    kdb_buf_append_byte(sql, ')');
}

static void put_text(const kdbi_cold_query *query, kdb_buf *sql)
{
    kdb_buf_append_lit(sql, "SELECT ");
    put_selected(query, sql);
    kdbi_cold_put_source(query->spec.table, query->version, sql);
    kdb_buf_append_lit(sql, " WHERE true");
    kdb_buf_append_sv(sql, query->spec.conditions.sql);
    kdb_buf_append_sv(sql, query->spec.conditions.order);
}

/* ---- opening ---- */

static kdb_status fail_file(const kdbi_cold_query *query, size_t file, const char *why, kdb_err *err)
{
    const kdb_table *table = query->spec.table;
    const kdb_segment *segment = query->spec.segments[file];
    return KDB_FAIL(err, KDB_CORRUPT, "Cold file '%.*s' of table '%.*s.%.*s' cannot be read: %s",
                    KDB_SV_ARG(segment->path), KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), why);
}

static kdb_status lease_file(kdbi_cold_query *query, size_t file, kdb_err *err)
{
    const kdb_segment *segment = query->spec.segments[file];
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    KDB_TRY(kdb_object_stores_find(query->spec.cold->objects, segment->storage_id, &objects, err));
    const kdb_status status = kdb_objects_lease(objects, segment->path, &query->leases[file], err);
    return status == KDB_NOT_FOUND ? fail_file(query, file, "it is missing", err) : status;
}

bool kdbi_cold_types_agree(kdb_type got, kdb_type want)
{
    return kdb_type_layout(got) == kdb_type_layout(want) && got.precision == want.precision &&
           got.scale == want.scale && got.dim == want.dim;
}

static kdb_status check_types(const kdbi_cold_query *query, kdb_err *err)
{
    for (size_t i = 0; i < query->nselected; i++) {
        if (!kdbi_cold_types_agree(kdb_engine_plan_column(query->plan, i)->type, query->types[i])) {
            return KDB_FAIL(err, KDB_CORRUPT, "a column has another type than the table's");
        }
    }
    return KDB_OK;
}

static kdb_status execute(kdbi_cold_query *query, kdb_err *err)
{
    const kdbi_cold_conditions *conditions = &query->spec.conditions;
    const char **paths = KDB_ARENA_ARRAY(query->arena, const char *, query->spec.nsegments);
    kdb_buf sql;
    for (size_t i = 0; i < query->spec.nsegments; i++) {
        paths[i] = kdb_object_lease_path(query->leases[i]);
    }
    kdb_buf_init(&sql, 0);
    put_text(query, &sql);
    const kdb_status status = kdbi_cold_reader_plan(query->reader, kdb_buf_sv(&sql), &query->plan, err);
    kdb_buf_done(&sql);
    KDB_TRY(status);
    KDB_TRY(kdb_engine_execute_files(query->plan, paths, query->spec.nsegments, conditions->params, conditions->nparams,
                                     &query->cursor, err));
    return check_types(query, err);
}

/* KDB_IO too, other than in cold_rebuild.c: the storage has given the file already, so it is the engine's, of a file that is shorter than it
 * says. */
static bool is_of_the_file(kdb_status status)
{
    return status != KDB_OK && status != KDB_TIMEOUT && status != KDB_CANCELLED && status != KDB_LIMIT;
}

static void close_query(kdbi_cold_query *query)
{
    kdb_engine_cursor_free(query->cursor);
    kdbi_cold_reader_give(query->spec.cold->readers, query->reader);
    query->cursor = NULL;
    query->plan = NULL;
    query->reader = NULL;
}

static kdb_status open_query(kdbi_cold_query *query, kdb_err *err)
{
    KDB_TRY(kdbi_cold_reader_take(query->spec.cold->readers, &query->reader, err));
    return execute(query, err);
}

/* ---- which file is to blame: each is read alone ---- */

static kdb_status read_through(kdbi_cold_query *query, kdb_err *err)
{
    KDB_TRY(open_query(query, err));
    for (const kdb_chunk *chunk = NULL;;) {
        KDB_TRY(kdb_engine_fetch(query->cursor, &chunk, err));
        if (chunk->nrows == 0) {
            return KDB_OK;
        }
    }
}

static kdb_status new_query(const kdbi_cold_query_spec *spec, kdbi_cold_query **out, kdb_err *err);

static bool is_readable(const kdbi_cold_query *query, size_t file, kdb_err *why)
{
    kdbi_cold_query_spec alone = query->spec;
    alone.segments += file;
    alone.nsegments = 1;
    KDB_CLEANUP(kdbi_cold_query_freep) kdbi_cold_query *test = NULL;
    return new_query(&alone, &test, why) == KDB_OK && !is_of_the_file(read_through(test, why));
}

static kdb_status blame(kdbi_cold_query *query, const kdb_err *failure, kdb_err *err)
{
    close_query(query);
    for (size_t i = 0; i < query->spec.nsegments && query->spec.nsegments > 1; i++) {
        kdb_err why = { .status = KDB_OK };
        if (!is_readable(query, i, &why)) {
            kdb_object_lease_spoil(query->leases[i]);
            return fail_file(query, i, why.text, err);
        }
    }
    kdb_object_lease_spoil(query->leases[0]);
    return fail_file(query, 0, failure->text, err);
}

/* What a step came to, told with the file's name. */
static kdb_status settle(kdbi_cold_query *query, kdb_status status, const kdb_err *failure, kdb_err *err)
{
    if (status == KDB_OK) {
        return KDB_OK;
    }
    if (is_of_the_file(status)) {
        return blame(query, failure, err);
    }
    if (err != NULL) {
        *err = *failure;
    }
    return status;
}

/* ---- life ---- */

/* They are needed again when a file is to be blamed. */
static kdbi_cold_conditions keep_conditions(const kdbi_cold_conditions *conditions, kdb_arena *arena)
{
    kdb_value *params = KDB_ARENA_ARRAY(arena, kdb_value, conditions->nparams + 1);
    for (size_t i = 0; i < conditions->nparams; i++) {
        params[i] = kdb_value_dup(&conditions->params[i], arena);
    }
    return (kdbi_cold_conditions){ .sql = kdb_sv_dup(arena, conditions->sql),
                                   .order = kdb_sv_dup(arena, conditions->order),
                                   .params = params,
                                   .nparams = conditions->nparams };
}

static kdb_status new_query(const kdbi_cold_query_spec *spec, kdbi_cold_query **out, kdb_err *err)
{
    KDB_CLEANUP(kdbi_cold_query_freep) kdbi_cold_query *query = KDB_NEW(kdbi_cold_query);
    query->spec = *spec;
    query->version = &spec->table->versions[spec->segments[0]->schema_version - 1];
    query->arena = kdb_arena_new(0);
    query->spec.conditions = keep_conditions(&spec->conditions, query->arena);
    query->leases = KDB_ARENA_ARRAY(query->arena, kdb_object_lease *, spec->nsegments);
    choose_columns(query);
    for (size_t i = 0; i < spec->nsegments; i++) {
        KDB_TRY(lease_file(query, i, err));
    }
    *out = KDB_TAKE(query);
    return KDB_OK;
}

kdb_status kdbi_cold_query_new(const kdbi_cold_query_spec *spec, kdbi_cold_query **out, kdb_err *err)
{
    KDB_CLEANUP(kdbi_cold_query_freep) kdbi_cold_query *query = NULL;
    kdb_err failure;
    KDB_TRY(new_query(spec, &query, err));
    KDB_TRY(settle(query, open_query(query, &failure), &failure, err));
    *out = KDB_TAKE(query);
    return KDB_OK;
}

void kdbi_cold_query_free(kdbi_cold_query *query)
{
    if (query == NULL) {
        return;
    }
    close_query(query);
    for (size_t i = 0; i < query->spec.nsegments && query->leases != NULL; i++) {
        kdb_object_lease_end(query->leases[i]);
    }
    kdb_arena_free(query->arena);
    kdb_free(query);
}

/* ---- rows ---- */

static int64_t number_at(const kdb_chunk *chunk, size_t column, size_t row)
{
    return kdb_vec_get(&chunk->cols[column], row).as.i64;
}

static const kdb_segment *segment_of(const kdbi_cold_query *query, const kdb_chunk *chunk, size_t row)
{
    const size_t file = query->file_at == SIZE_MAX ? 0 : (size_t)number_at(chunk, query->file_at, row);
    KDB_ASSERT(file < query->spec.nsegments);
    return query->spec.segments[file];
}

/* Rows of a chunk mostly follow one another: what is dead among them is found by one search a row only where a file has any. */
static void keep_live(kdbi_cold_query *query, const kdb_chunk *chunk)
{
    query->nkept = 0;
    for (size_t row = 0; row < chunk->nrows; row++) {
        bool dead = false;
        if (query->row_at != SIZE_MAX) {
            const kdb_segment *segment = segment_of(query, chunk, row);
            dead = segment->ndead != 0 &&
                   kdbi_segment_row_is_dead(segment, (uint32_t)number_at(chunk, query->row_at, row));
        }
        query->kept[query->nkept] = (uint16_t)row;
        query->nkept += !dead;
    }
}

/* The engine's columns with the types that they stand for: JSON is text to it. */
static void take_columns(kdbi_cold_query *query, const kdb_chunk *chunk)
{
    query->chunk = chunk;
    for (size_t i = 0; i < query->nselected; i++) {
        query->cols[i] = chunk->cols[i];
        query->cols[i].type = query->types[i];
    }
}

kdb_status kdbi_cold_query_next(kdbi_cold_query *query, size_t *count, kdb_err *err)
{
    kdb_err failure;
    query->nkept = 0;
    for (const kdb_chunk *chunk = NULL; query->nkept == 0;) {
        KDB_TRY(settle(query, kdb_engine_fetch(query->cursor, &chunk, &failure), &failure, err));
        if (chunk->nrows == 0) {
            break;
        }
        take_columns(query, chunk);
        keep_live(query, chunk);
    }
    *count = query->nkept;
    return KDB_OK;
}

kdb_status kdbi_cold_last_row(const kdbi_cold_query_spec *spec, bool *out_any, uint64_t *out, kdb_err *err)
{
    kdbi_cold_query_spec last = *spec;
    KDB_CLEANUP(kdbi_cold_query_freep) kdbi_cold_query *query = NULL;
    const kdb_chunk *chunk = NULL;
    kdb_err failure;
    last.last_row = true;
    last.nfields = 0;
    KDB_ASSERT(spec->nsegments == 1);
    KDB_TRY(kdbi_cold_query_new(&last, &query, err));
    KDB_TRY(settle(query, kdb_engine_fetch(query->cursor, &chunk, &failure), &failure, err));
    *out_any = chunk->nrows != 0 && !kdb_vec_is_null(&chunk->cols[0], 0);
    *out = *out_any ? (uint64_t)number_at(chunk, 0, 0) : 0;
    return KDB_OK;
}

size_t kdbi_cold_query_keep(kdbi_cold_query *query, const bool *keeps)
{
    size_t kept = 0;
    for (size_t i = 0; i < query->nkept; i++) {
        query->kept[kept] = query->kept[i];
        kept += keeps[i];
    }
    query->nkept = kept;
    return kept;
}

const kdb_vec *kdbi_cold_query_column(const kdbi_cold_query *query, size_t field)
{
    const file_cell *cell = &query->cells[field];
    return cell->op == CELL_SAME ? &query->cols[cell->at] : NULL;
}

size_t kdbi_cold_query_row(const kdbi_cold_query *query, size_t i)
{
    return query->kept[i];
}

kdb_cold_place kdbi_cold_query_place(const kdbi_cold_query *query, size_t i)
{
    const size_t row = query->kept[i];
    return (kdb_cold_place){ .segment = segment_of(query, query->chunk, row)->id,
                             .row = (uint32_t)number_at(query->chunk, query->row_at, row) };
}

/* ---- cells ---- */

static kdb_status key_value(kdbi_cold_query *query, size_t row, kdb_arena *arena, kdb_value *out, kdb_err *err)
{
    const kdb_table *table = query->spec.table;
    const kdb_user_id user = query->spec.manifest->user;
    *out = (kdb_value){ .type = kdb_type_of(KDB_TYPE_BYTES) };
    if (table->nkey == 0) {
        const kdb_value id = kdb_vec_get(&query->cols[query->key_at[0]], row);
        if (id.is_null) {
            return fail_file(query, 0, "a row has no id", err);
        }
        out->as.bytes = kdb_row_key_hidden(table, user, (uint64_t)id.as.i64, arena);
        return KDB_OK;
    }
    for (size_t i = 0; i < table->nkey; i++) {
        query->key_values[i] = kdb_vec_get(&query->cols[query->key_at[i]], row);
        if (query->key_values[i].is_null) {
            return fail_file(query, 0, "a row has no key", err);
        }
    }
    return kdb_row_key(table, user, query->key_values, arena, &out->as.bytes, err);
}

static kdb_status cell_value(kdbi_cold_query *query, const file_cell *cell, size_t row, kdb_arena *arena,
                             kdb_value *out, kdb_err *err)
{
    switch (cell->op) {
    case CELL_ABSENT:
        *out = kdb_value_null(cell->latest->type);
        return KDB_OK;
    case CELL_INITIAL:
        *out = cell->latest->initial;
        return KDB_OK;
    case CELL_DELETED:
        *out = kdb_value_bool(false);
        return KDB_OK;
    case CELL_KEY:
        return key_value(query, row, arena, out, err);
    case CELL_SAME:
        *out = kdb_vec_get(&query->cols[cell->at], row);
        return KDB_OK;
    case CELL_CONVERT:
        break;
    }
    *out = kdb_vec_get(&query->cols[cell->at], row);
    return kdbi_row_to_latest(cell->latest, out, arena, err);
}

kdb_status kdbi_cold_query_value(kdbi_cold_query *query, size_t field, size_t i, kdb_arena *arena, kdb_value *out,
                                 kdb_err *err)
{
    return cell_value(query, &query->cells[field], query->kept[i], arena, out, err);
}

/* All rows of a chunk need not be copied; of others, runs that lie side by side are copied at once. */
static void fill_same(const kdbi_cold_query *query, const file_cell *cell, kdb_vec *vec, size_t at)
{
    if (at == 0 && query->nkept == query->chunk->nrows && kdb_engine_share(vec, &query->cols[cell->at])) {
        return;
    }
    for (size_t i = 0; i < query->nkept;) {
        size_t end = i + 1;
        while (end < query->nkept && query->kept[end] == query->kept[end - 1] + 1) {
            end++;
        }
        kdb_vec_copy(vec, at + i, &query->cols[cell->at], query->kept[i], end - i);
        i = end;
    }
}

kdb_status kdbi_cold_query_fill(kdbi_cold_query *query, size_t field, kdb_vec *vec, size_t at, kdb_arena *scratch,
                                kdb_err *err)
{
    const file_cell *cell = &query->cells[field];
    if (cell->op == CELL_SAME) {
        fill_same(query, cell, vec, at);
        return KDB_OK;
    }
    for (size_t i = 0; i < query->nkept; i++) {
        kdb_value value;
        KDB_TRY(cell_value(query, cell, query->kept[i], scratch, &value, err));
        kdb_vec_put(vec, at + i, &value);
    }
    return KDB_OK;
}
