/* cold_found.c - cold rows that were looked up lately, encoded as hot rows are. A file never changes, so a row of it stays what it
 * is; whether it is still there is asked of the manifest: the same segment, in which it is not dead. */
#include "cold_read.h"

enum { BYTES_MAX = 16 << 20, ROW_BYTES_MAX = 64 << 10 };

typedef struct found_row {
    struct found_row *newer, *older; /* by use */
    kdb_sv name;                     /* the table's id (4 bytes), the key */
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

static kdb_sv name_of(const kdb_table *table, kdb_sv key, kdb_arena *arena)
{
    char *name = kdb_arena_alloc(arena, 4 + key.len);
    kdb_put_be32(name, table->id);
    memcpy(name + 4, key.ptr, key.len);
    return kdb_sv_of(name, 4 + key.len);
}

static found_row *new_row(kdb_sv name, kdb_sv row)
{
    found_row *made = kdb_alloc(sizeof(*made) + name.len + row.len);
    *made = (found_row){ .name = kdb_sv_of(made->bytes, name.len), .row = kdb_sv_of(made->bytes + name.len, row.len) };
    memcpy(made->bytes, name.ptr, name.len);
    memcpy(made->bytes + name.len, row.ptr, row.len);
    return made;
}

void kdbi_cold_found_put(kdbi_cold_found *found, const kdb_table *table, kdb_sv key, const kdb_segment *segment,
                         uint32_t number, kdb_sv row, kdb_arena *scratch)
{
    if (row.len > ROW_BYTES_MAX) {
        return;
    }
    found_row *made = new_row(name_of(table, key, scratch), row);
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

bool kdbi_cold_found_get(kdbi_cold_found *found, const kdb_table *table, const kdb_manifest *manifest, kdb_sv key,
                         kdb_arena *arena, kdb_cold_place *place, kdb_sv *row)
{
    const kdb_sv name = name_of(table, key, arena);
    kdb_mutex_lock(&found->lock);
    found_row *known = kdb_map_lookup(found->rows, name);
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
