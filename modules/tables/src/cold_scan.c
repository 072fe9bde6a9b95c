/* cold_scan.c - a partition's cold rows for the engine, chunk by chunk. Files of one schema version are read many at a time, for a
 * query costs as much as some ten thousand rows do; a large file is read in parts, so that several threads have something to do. */
#include "cold_read.h"

enum {
    GROUPS_PER_READER = 2, /* at least, so that a slow one leaves nobody idle */
    GROUP_ROWS_MIN = 50000,
    GROUP_FILES_MAX = 128,
    ROW_GROUP =
        122880 /* DuckDB's own; parts of files begin at a multiple, as the usual flush.row_group_rows divides it */
};

/* Files that one query reads. */
typedef struct group {
    const kdb_segment **segments;
    size_t nsegments;
    uint64_t from, to; /* row numbers, when it is a part of one file; else `to` is 0 */
} group;

struct kdbi_cold_scan {
    const kdb_scan_spec *spec;
    const kdb_manifest *manifest;
    group *groups;
    size_t ngroups;
    atomic_size_t next; /* the first that no reader has taken */
    size_t *fields;     /* of queries: the projection, then what else is looked at */
    size_t nfields;
    size_t key_field;  /* of those; SIZE_MAX: keys are not looked at */
    bool checks_range; /* by the key */
    size_t *filter_at; /* by field of the table: where the filter finds it */
};

struct kdbi_cold_part {
    kdbi_cold_scan *scan;
    kdbi_cold_query *query;
    kdb_arena *scratch;      /* reset for each chunk */
    const kdb_vec **columns; /* by field of the table, as the filter sees them */
    bool damaged;            /* a value that the filter asked for did not convert */
};

/* ---- groups ---- */

static uint64_t rows_of_group(const kdbi_cold_scan *scan)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < scan->manifest->nsegments; i++) {
        const kdb_segment *segment = &scan->manifest->segments[i];
        rows += kdbi_segment_meets(segment, scan->spec->keys.from, scan->spec->keys.to) ? segment->rows : 0;
    }
    const uint64_t wanted = rows / (GROUPS_PER_READER * (scan->spec->max_readers + 1));
    return wanted < GROUP_ROWS_MIN ? GROUP_ROWS_MIN : wanted;
}

static group *add_group(kdbi_cold_scan *scan, size_t *capacity, kdb_arena *arena)
{
    if (scan->ngroups == *capacity) {
        *capacity = *capacity == 0 ? 16 : *capacity * 2;
        group *grown = KDB_ARENA_ARRAY(arena, group, *capacity);
        if (scan->ngroups != 0) {
            memcpy(grown, scan->groups, scan->ngroups * sizeof(*grown));
        }
        scan->groups = grown;
    }
    return &scan->groups[scan->ngroups++];
}

/* A file that is worth several queries. */
static void add_parts(kdbi_cold_scan *scan, const kdb_segment **segment, uint64_t rows, size_t *capacity,
                      kdb_arena *arena)
{
    const uint64_t step = (rows + ROW_GROUP - 1) / ROW_GROUP * ROW_GROUP;
    for (uint64_t from = 0; from < (*segment)->rows; from += step) {
        *add_group(scan, capacity, arena) =
            (group){ .segments = segment, .nsegments = 1, .from = from, .to = from + step };
    }
}

/* The files of one version, `rows` to a group. */
static void group_version(kdbi_cold_scan *scan, const kdb_segment **segments, size_t count, uint64_t rows,
                          size_t *capacity, kdb_arena *arena)
{
    group *open = NULL;
    uint64_t in_group = 0;
    for (size_t i = 0; i < count; i++) {
        if (segments[i]->rows >= 2 * rows) {
            add_parts(scan, &segments[i], rows, capacity, arena);
            open = NULL;
            continue;
        }
        if (open == NULL || in_group >= rows || open->nsegments == GROUP_FILES_MAX) {
            open = add_group(scan, capacity, arena);
            *open = (group){ .segments = &segments[i] };
            in_group = 0;
        }
        open->nsegments++;
        in_group += segments[i]->rows;
    }
}

static void make_groups(kdbi_cold_scan *scan, kdb_arena *arena)
{
    const kdb_manifest *manifest = scan->manifest;
    const kdb_table *table = scan->spec->table;
    const uint64_t rows = rows_of_group(scan);
    const kdb_segment **segments = KDB_ARENA_ARRAY(arena, const kdb_segment *, manifest->nsegments);
    size_t capacity = 0;
    for (uint32_t version = 1; version <= table->nversions; version++) {
        size_t count = 0;
        for (size_t i = 0; i < manifest->nsegments; i++) {
            const kdb_segment *segment = &manifest->segments[i];
            if (segment->schema_version == version &&
                kdbi_segment_meets(segment, scan->spec->keys.from, scan->spec->keys.to)) {
                segments[count++] = segment;
            }
        }
        group_version(scan, segments, count, rows, &capacity, arena);
        segments += count;
    }
}

/* ---- what is read ---- */

static void add_field(kdbi_cold_scan *scan, size_t field)
{
    scan->fields[scan->nfields++] = field;
}

static void add_filter_fields(kdbi_cold_scan *scan, size_t nfields, kdb_arena *arena)
{
    const kdb_row_filter *filter = scan->spec->filter;
    if (filter == NULL) {
        return;
    }
    bool *used = KDB_ARENA_ARRAY(arena, bool, nfields);
    for (size_t i = 0; i < filter->ngroups; i++) {
        for (size_t j = 0; j < filter->groups[i].ntests; j++) {
            kdb_expr_columns(filter->groups[i].tests[j].expr, used);
        }
    }
    scan->filter_at = KDB_ARENA_ARRAY(arena, size_t, nfields);
    for (size_t i = 0; i < nfields; i++) {
        if (used[i]) {
            scan->filter_at[i] = scan->nfields;
            add_field(scan, i);
        }
    }
}

/* Whether the engine leaves out all that is not in the range. */
static bool range_is_exact(const kdbi_cold_scan *scan, kdb_arena *arena)
{
    kdbi_cold_where where;
    kdbi_cold_where_init(&where, scan->spec->table, scan->spec->table->schema, arena);
    const bool exact =
        kdbi_cold_where_range(&where, scan->manifest->prefix, scan->spec->keys.from, scan->spec->keys.to);
    kdb_buf_done(&where.sql);
    return exact;
}

static void choose_fields(kdbi_cold_scan *scan, kdb_arena *arena)
{
    const kdb_scan_spec *spec = scan->spec;
    const size_t nfields = spec->table->schema->ncolumns + 3;
    scan->fields = KDB_ARENA_ARRAY(arena, size_t, spec->nprojection + nfields + 1);
    for (size_t i = 0; i < spec->nprojection; i++) {
        add_field(scan, spec->projection[i]);
    }
    add_filter_fields(scan, nfields, arena);
    scan->checks_range = !range_is_exact(scan, arena);
    scan->key_field = SIZE_MAX;
    if (scan->checks_range || spec->overlay != NULL) {
        scan->key_field = scan->nfields;
        add_field(scan, nfields - 1);
    }
}

kdbi_cold_scan *kdbi_cold_scan_new(const kdb_scan_spec *spec, const kdb_manifest *manifest, kdb_arena *arena)
{
    kdbi_cold_scan *scan = KDB_ARENA_NEW(arena, kdbi_cold_scan);
    scan->spec = spec;
    scan->manifest = manifest;
    make_groups(scan, arena);
    choose_fields(scan, arena);
    return scan;
}

size_t kdbi_cold_scan_groups(const kdbi_cold_scan *scan)
{
    return scan->ngroups;
}

/* ---- a reader's part ---- */

kdbi_cold_part *kdbi_cold_part_new(kdbi_cold_scan *scan)
{
    kdbi_cold_part *part = KDB_NEW(kdbi_cold_part);
    part->scan = scan;
    part->scratch = kdb_arena_new(0);
    part->columns = kdb_alloc_array(scan->spec->table->schema->ncolumns + 3, sizeof(*part->columns));
    return part;
}

void kdbi_cold_part_free(kdbi_cold_part *part)
{
    if (part != NULL) {
        kdbi_cold_query_free(part->query);
        kdb_arena_free(part->scratch);
        kdb_free(part->columns);
        kdb_free(part);
    }
}

static kdb_status open_group(kdbi_cold_part *part, const group *g, kdb_err *err)
{
    const kdbi_cold_scan *scan = part->scan;
    const kdb_scan_spec *spec = scan->spec;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_cold_where where;
    kdbi_cold_where_init(&where, spec->table, &spec->table->versions[g->segments[0]->schema_version - 1], arena);
    (void)kdbi_cold_where_range(&where, scan->manifest->prefix, spec->keys.from, spec->keys.to);
    kdbi_cold_where_preds(&where, spec->preds, spec->npreds, spec->params, spec->nparams);
    if (g->to != 0) {
        kdbi_cold_where_rows(&where, g->from, g->to);
    }
    const kdbi_cold_query_spec query = { .cold = spec->cold,
                                         .table = spec->table,
                                         .manifest = scan->manifest,
                                         .segments = g->segments,
                                         .nsegments = g->nsegments,
                                         .fields = scan->fields,
                                         .nfields = scan->nfields,
                                         .conditions = kdbi_cold_where_conditions(&where, (kdb_sv){ NULL, 0 }) };
    const kdb_status status = kdbi_cold_query_new(&query, &part->query, err);
    kdb_buf_done(&where.sql);
    return status;
}

/* ---- which rows ---- */

/* A transaction's own rows hide those under them. */
static kdb_status check_keys(kdbi_cold_part *part, size_t count, bool *keeps, kdb_err *err)
{
    const kdbi_cold_scan *scan = part->scan;
    const kdb_scan_spec *spec = scan->spec;
    for (size_t i = 0; i < count && scan->key_field != SIZE_MAX; i++) {
        kdb_value key;
        KDB_TRY(kdbi_cold_query_value(part->query, scan->key_field, i, part->scratch, &key, err));
        const bool inside =
            !scan->checks_range || (kdb_sv_cmp(key.as.bytes, spec->keys.from) >= 0 &&
                                    (spec->keys.to.len == 0 || kdb_sv_cmp(key.as.bytes, spec->keys.to) < 0));
        keeps[i] = inside && (spec->overlay == NULL || kdb_overlay_find(spec->overlay, key.as.bytes) == NULL);
    }
    return KDB_OK;
}

/* The row that the filter looks at. */
typedef struct filtered_row {
    kdbi_cold_part *part;
    size_t i;
} filtered_row;

static kdb_value column_of(void *self, uint32_t column)
{
    const filtered_row *row = self;
    kdbi_cold_part *part = row->part;
    kdb_value value;
    if (kdbi_cold_query_value(part->query, part->scan->filter_at[column], row->i, part->scratch, &value, NULL) ==
        KDB_OK) {
        return value;
    }
    part->damaged = true;
    return kdb_value_null(part->scan->spec->filter->decoder->fields[column].type);
}

/* True when the rows whose bits stay pass the filter, so that they need not be asked one by one. */
static bool sieve(const kdbi_cold_part *part, size_t to, uint64_t *bits)
{
    const kdb_row_filter *filter = part->scan->spec->filter;
    bool decided = true;
    for (size_t i = 0; i < filter->ngroups; i++) {
        const kdb_row_tests *tests = &filter->groups[i];
        decided = tests->ntests == 1 &&
                  kdb_expr_sieve(tests->tests->expr, tests->tests->consts, part->columns, 0, to, bits) && decided;
    }
    return decided;
}

static void show_columns(kdbi_cold_part *part)
{
    const kdbi_cold_scan *scan = part->scan;
    for (size_t i = 0; i < scan->spec->table->schema->ncolumns + 3; i++) {
        const size_t at = scan->filter_at[i];
        part->columns[i] = scan->fields[at] == i ? kdbi_cold_query_column(part->query, at) : NULL;
    }
}

static kdb_status filter_rows(kdbi_cold_part *part, size_t count, bool *keeps, kdb_err *err)
{
    const kdb_row_filter *filter = part->scan->spec->filter;
    uint64_t bits[KDB_CHUNK_ROWS / 64];
    filtered_row row = { .part = part };
    memset(bits, 0xFF, sizeof bits);
    show_columns(part);
    const bool decided = sieve(part, kdbi_cold_query_row(part->query, count - 1) + 1, bits);
    for (size_t i = 0; i < count; i++) {
        const size_t at = kdbi_cold_query_row(part->query, i);
        const kdb_expr_row seen = { .self = &row, .column = column_of, .columns = part->columns, .at = at };
        row.i = i;
        keeps[i] = (bits[at >> 6] >> (at & 63) & 1) != 0;
        if (keeps[i] && !decided) {
            KDB_TRY(kdb_row_filter_admits(filter, &seen, part->scratch, &keeps[i], err));
        }
        if (part->damaged) {
            return kdbi_row_damaged(part->scan->spec->table, err);
        }
    }
    return filter->go_on(filter->self, err);
}

/* Leaves the rows that are there for the statement. */
static kdb_status choose_rows(kdbi_cold_part *part, size_t *count, kdb_err *err)
{
    bool keeps[KDB_CHUNK_ROWS];
    memset(keeps, true, *count * sizeof(*keeps));
    if (part->scan->key_field != SIZE_MAX) {
        KDB_TRY(check_keys(part, *count, keeps, err));
        *count = kdbi_cold_query_keep(part->query, keeps);
    }
    if (part->scan->spec->filter != NULL && *count != 0) {
        KDB_TRY(filter_rows(part, *count, keeps, err));
        *count = kdbi_cold_query_keep(part->query, keeps);
    }
    return KDB_OK;
}

static kdb_status fill(kdbi_cold_part *part, size_t count, kdb_chunk *chunk, kdb_err *err)
{
    for (size_t i = 0; i < part->scan->spec->nprojection; i++) {
        KDB_TRY(kdbi_cold_query_fill(part->query, i, &chunk->cols[i], 0, part->scratch, err));
    }
    chunk->nrows = count;
    return KDB_OK;
}

kdb_status kdbi_cold_part_next(kdbi_cold_part *part, kdb_chunk *chunk, kdb_err *err)
{
    kdbi_cold_scan *scan = part->scan;
    KDB_ASSERT(chunk->nrows == 0);
    for (;;) {
        size_t count = 0;
        kdb_arena_reset(part->scratch);
        if (part->query != NULL) {
            KDB_TRY(kdbi_cold_query_next(part->query, &count, err));
        }
        if (count != 0) {
            KDB_TRY(choose_rows(part, &count, err));
            if (count != 0) {
                return fill(part, count, chunk, err);
            }
            continue;
        }
        kdbi_cold_query_free(part->query);
        part->query = NULL;
        const size_t next = atomic_fetch_add_explicit(&scan->next, 1, memory_order_relaxed);
        if (next >= scan->ngroups) {
            return KDB_OK;
        }
        KDB_TRY(open_group(part, &scan->groups[next], err));
    }
}
