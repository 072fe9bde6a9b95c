/* cold_find.c - where some keys' rows are. What was looked up lately is known; of a file, its span and the filter of its keys are
 * asked first; what may be there is looked up with one query. */
#include <stdlib.h>

#include "cold_read.h"

/* Of more keys than these, the rows from the first to the last are read: one query costs as much as some ten thousand rows. */
enum { KEYS_LISTED_MAX = 200 };

/* One of the keys. */
typedef struct wanted {
    kdb_sv key;
    size_t index; /* among the caller's */
} wanted;

typedef struct search {
    kdb_cold *cold;
    const kdb_table *table;
    const kdb_manifest *manifest;
    bool memory_only;
    wanted *left; /* by key: not found yet */
    size_t nleft;
    const size_t *fields; /* of the rows, or of their keys only */
    size_t nfields;
    size_t key_field;
    kdb_arena *arena; /* the caller's */
    kdb_cold_place *places;
    kdb_sv *rows;
    kdb_arena *scratch;     /* of the search */
    kdb_arena *row_scratch; /* reset for each row */
} search;

static int by_key(const void *a, const void *b)
{
    return kdb_sv_cmp(((const wanted *)a)->key, ((const wanted *)b)->key);
}

/* Those that may be in the segment. */
static kdb_status choose_keys(const search *s, const kdb_segment *segment, wanted *out, size_t *count, kdb_err *err)
{
    *count = 0;
    for (size_t i = 0; i < s->nleft; i++) {
        const kdb_sv key = s->left[i].key;
        bool may = kdb_sv_cmp(key, segment->min_key) >= 0 && kdb_sv_cmp(key, segment->max_key) <= 0;
        if (may) {
            KDB_TRY(kdbi_bloom_may_hold(s->cold, NULL, s->manifest, segment, key, s->memory_only, &may, err));
        }
        out[*count] = s->left[i];
        *count += may;
    }
    return KDB_OK;
}

/* The i-th row that the query gave may be one of those asked for, or lie beside them. */
static kdb_status take_row(search *s, kdbi_cold_query *query, size_t i, const wanted *keys, size_t count, kdb_err *err)
{
    kdb_value key;
    kdb_sv row = { NULL, 0 };
    kdb_arena_reset(s->row_scratch);
    KDB_TRY(kdbi_cold_query_value(query, s->key_field, i, s->row_scratch, &key, err));
    const wanted asked = { .key = key.as.bytes };
    const wanted *found = bsearch(&asked, keys, count, sizeof(*keys), by_key);
    if (found == NULL) {
        return KDB_OK;
    }
    if (s->rows != NULL) {
        KDB_TRY(kdbi_cold_row_encode(query, s->table, i, s->arena, &row, err));
        const kdb_cold_place place = kdbi_cold_query_place(query, i);
        kdbi_cold_found_put(s->cold->found, s->table, key.as.bytes, kdb_manifest_segment(s->manifest, place.segment),
                            place.row, row);
    }
    while (found > keys && by_key(found - 1, &asked) == 0) { /* who asks for a key twice is told twice */
        found--;
    }
    for (; found < keys + count && by_key(found, &asked) == 0; found++) {
        s->places[found->index] = kdbi_cold_query_place(query, i);
        if (s->rows != NULL) {
            s->rows[found->index] = row;
        }
    }
    return KDB_OK;
}

static kdb_status read_rows(search *s, kdbi_cold_query *query, const wanted *keys, size_t count, kdb_err *err)
{
    for (size_t nrows = 0;;) {
        KDB_TRY(kdbi_cold_query_next(query, &nrows, err));
        if (nrows == 0) {
            return KDB_OK;
        }
        for (size_t i = 0; i < nrows; i++) {
            KDB_TRY(take_row(s, query, i, keys, count, err));
        }
    }
}

static void ask_for_keys(const search *s, kdbi_cold_where *where, const wanted *keys, size_t count)
{
    kdb_sv *bytes = KDB_ARENA_ARRAY(s->scratch, kdb_sv, count);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = keys[i].key;
    }
    kdbi_cold_where_keys(where, s->manifest->prefix, bytes, count);
}

static void ask_for_range(const search *s, kdbi_cold_where *where, const wanted *keys, size_t count)
{
    const kdb_sv last = keys[count - 1].key;
    char *behind = kdb_arena_alloc(s->scratch, last.len + 1); /* the least key greater than the last */
    memcpy(behind, last.ptr, last.len);
    behind[last.len] = '\0';
    (void)kdbi_cold_where_range(where, s->manifest->prefix, keys[0].key, kdb_sv_of(behind, last.len + 1));
}

static kdb_status look_up(search *s, const kdb_segment *segment, const wanted *keys, size_t count, kdb_err *err)
{
    KDB_CLEANUP(kdbi_cold_query_freep) kdbi_cold_query *query = NULL;
    kdbi_cold_where where;
    kdbi_cold_where_init(&where, s->table, &s->table->versions[segment->schema_version - 1], s->scratch);
    (count <= KEYS_LISTED_MAX ? ask_for_keys : ask_for_range)(s, &where, keys, count);
    const kdbi_cold_query_spec spec = { .cold = s->cold,
                                        .table = s->table,
                                        .manifest = s->manifest,
                                        .segments = &segment,
                                        .nsegments = 1,
                                        .fields = s->fields,
                                        .nfields = s->nfields,
                                        .conditions = kdbi_cold_where_conditions(&where, (kdb_sv){ NULL, 0 }),
                                        .finds_places = true };
    const kdb_status status = kdbi_cold_query_new(&spec, &query, err);
    kdb_buf_done(&where.sql);
    KDB_TRY(status);
    return read_rows(s, query, keys, count, err);
}

static void forget_found(search *s)
{
    size_t left = 0;
    for (size_t i = 0; i < s->nleft; i++) {
        s->left[left] = s->left[i];
        left += s->places[s->left[i].index].segment == 0;
    }
    s->nleft = left;
}

static void take_known(search *s)
{
    for (size_t i = 0; i < s->nleft; i++) {
        const size_t index = s->left[i].index;
        (void)kdbi_cold_found_get(s->cold->found, s->table, s->manifest, s->left[i].key, s->arena, &s->places[index],
                                  s->rows == NULL ? NULL : &s->rows[index]);
    }
    forget_found(s);
}

static kdb_status search_segment(search *s, const kdb_segment *segment, kdb_err *err)
{
    wanted *keys = KDB_ARENA_ARRAY(s->scratch, wanted, s->nleft);
    size_t count = 0;
    KDB_TRY(choose_keys(s, segment, keys, &count, err));
    if (count == 0 || segment->ndead == segment->rows) {
        return KDB_OK;
    }
    if (s->memory_only) {
        return KDB_FAIL(err, KDB_WOULD_BLOCK, "a cold file has to be read");
    }
    KDB_TRY(look_up(s, segment, keys, count, err));
    forget_found(s);
    return KDB_OK;
}

static void choose_fields(search *s)
{
    size_t *key_only = KDB_ARENA_NEW(s->scratch, size_t);
    if (s->rows != NULL) {
        s->fields = kdbi_cold_row_fields(s->table, s->scratch, &s->nfields);
        s->key_field = s->nfields - 1;
        return;
    }
    *key_only = s->table->schema->ncolumns + 2;
    s->fields = key_only;
    s->nfields = 1;
    s->key_field = 0;
}

kdb_status kdb_cold_find(kdb_cold *cold, const kdb_table *table, const kdb_manifest *manifest, const kdb_sv *keys,
                         size_t count, bool memory_only, kdb_arena *arena, kdb_cold_place *places, kdb_sv *rows,
                         kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *scratch = kdb_arena_new(0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *row_scratch = kdb_arena_new(0);
    search s = { .cold = cold,
                 .table = table,
                 .manifest = manifest,
                 .memory_only = memory_only,
                 .left = KDB_ARENA_ARRAY(scratch, wanted, count + 1),
                 .nleft = count,
                 .arena = arena,
                 .places = places,
                 .rows = rows,
                 .scratch = scratch,
                 .row_scratch = row_scratch };
    choose_fields(&s);
    for (size_t i = 0; i < count; i++) {
        s.left[i] = (wanted){ keys[i], i };
        places[i] = (kdb_cold_place){ 0 };
        if (rows != NULL) {
            rows[i] = (kdb_sv){ NULL, 0 };
        }
    }
    take_known(&s);
    qsort(s.left, s.nleft, sizeof(*s.left), by_key);
    for (size_t i = manifest->nsegments; i-- > 0 && s.nleft != 0;) {
        KDB_TRY(search_segment(&s, &manifest->segments[i], err));
    }
    return KDB_OK;
}
