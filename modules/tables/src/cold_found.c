/* cold_found.c - cold rows that were looked up lately, encoded as hot rows are. A file never changes, so a row of it stays what it
 * is; whether it is still there is asked of the manifest: the same segment, in which it is not dead. */
#include "cold_read.h"

enum { BYTES_MAX = 16 << 20, ROW_BYTES_MAX = 64 << 10 };
enum { TABLE_BYTES = 4, NAME_BYTES_FEW = 256 /* a longer name does not lie on the stack when it is looked for */ };

typedef struct found_row {
    struct found_row *newer, *older; /* by use */
    kdb_sv name;                     /* the table's id (TABLE_BYTES), the key */
    kdb_sv row;
    size_t nversions; /* the table's, when it was encoded */
    kdb_cold_place place;
    uint64_t max_seq; /* of the segment: numbers begin again for a user of the same name, sequence numbers never do */
    char bytes[];
} found_row;

struct kdbi_cold_found {
    kdb_mutex lock; /* rank KDB_LOCK_COLD; guards the rest */
    kdb_map *rows;
    found_row *newest, *oldest;
    size_t bytes;
};

kdbi_cold_found *kdbi_cold_found_new(void)
{
    kdbi_cold_found *found = KDB_NEW(kdbi_cold_found);
    kdb_mutex_init(&found->lock, KDB_LOCK_COLD);
    found->rows = kdb_map_new();
    return found;
}

static size_t size_of(const found_row *row)
{
    return sizeof(*row) + row->name.len + row->row.len;
}

static void unlink_row(kdbi_cold_found *found, found_row *row)
{
    *(row->newer == NULL ? &found->newest : &row->newer->older) = row->older;
    *(row->older == NULL ? &found->oldest : &row->older->newer) = row->newer;
    row->newer = NULL;
    row->older = NULL;
}

static void link_newest(kdbi_cold_found *found, found_row *row)
{
    row->older = found->newest;
    *(row->older == NULL ? &found->oldest : &row->older->newer) = row;
    found->newest = row;
}

static void forget(kdbi_cold_found *found, found_row *row)
{
    unlink_row(found, row);
    (void)kdb_map_remove(found->rows, row->name);
    found->bytes -= size_of(row);
    kdb_free(row);
}

void kdbi_cold_found_free(kdbi_cold_found *found)
{
    if (found == NULL) {
        return;
    }
    while (found->oldest != NULL) {
        forget(found, found->oldest);
    }
    kdb_map_free(found->rows);
    kdb_mutex_done(&found->lock);
    kdb_free(found);
}

/* To TABLE_BYTES + key.len bytes. */
static kdb_sv put_name(char *to, const kdb_table *table, kdb_sv key)
{
    kdb_put_be32(to, table->id);
    memcpy(to + TABLE_BYTES, key.ptr, key.len);
    return kdb_sv_of(to, TABLE_BYTES + key.len);
}

static found_row *new_row(const kdb_table *table, kdb_sv key, kdb_sv row)
{
    const size_t name_len = TABLE_BYTES + key.len;
    found_row *made = kdb_alloc(sizeof(*made) + name_len + row.len);
    *made = (found_row){ .name = put_name(made->bytes, table, key), .row = kdb_sv_of(made->bytes + name_len, row.len) };
    memcpy(made->bytes + name_len, row.ptr, row.len);
    return made;
}

void kdbi_cold_found_put(kdbi_cold_found *found, const kdb_table *table, kdb_sv key, const kdb_segment *segment,
                         uint32_t number, kdb_sv row)
{
    if (row.len > ROW_BYTES_MAX) {
        return;
    }
    found_row *made = new_row(table, key, row);
    made->nversions = table->nversions;
    made->place = (kdb_cold_place){ .segment = segment->id, .row = number };
    made->max_seq = segment->max_seq;
    kdb_mutex_lock(&found->lock);
    found_row *before = kdb_map_lookup(found->rows, made->name);
    if (before != NULL) {
        forget(found, before);
    }
    (void)kdb_map_put(found->rows, made->name, made);
    link_newest(found, made);
    found->bytes += size_of(made);
    while (found->bytes > BYTES_MAX) {
        forget(found, found->oldest);
    }
    kdb_mutex_unlock(&found->lock);
}

static bool is_there(const found_row *row, const kdb_table *table, const kdb_manifest *manifest)
{
    const kdb_segment *segment = kdb_manifest_segment(manifest, row->place.segment);
    return row->nversions == table->nversions && segment != NULL && segment->max_seq == row->max_seq &&
           !kdbi_segment_row_is_dead(segment, row->place.row);
}

static found_row *look_up(const kdbi_cold_found *found, const kdb_table *table, kdb_sv key)
{
    char few[NAME_BYTES_FEW];
    const bool is_long = key.len > sizeof(few) - TABLE_BYTES;
    char *bytes = is_long ? kdb_alloc(TABLE_BYTES + key.len) : few;
    found_row *row = kdb_map_lookup(found->rows, put_name(bytes, table, key));
    kdb_free(is_long ? bytes : NULL);
    return row;
}

bool kdbi_cold_found_get(kdbi_cold_found *found, const kdb_table *table, const kdb_manifest *manifest, kdb_sv key,
                         kdb_arena *arena, kdb_cold_place *place, kdb_sv *row)
{
    kdb_mutex_lock(&found->lock);
    found_row *known = look_up(found, table, key);
    const bool there = known != NULL && is_there(known, table, manifest);
    if (there) {
        *place = known->place;
        if (row != NULL) {
            *row = kdb_sv_dup(arena, known->row);
        }
        unlink_row(found, known);
        link_newest(found, known);
    }
    kdb_mutex_unlock(&found->lock);
    return there;
}
