/* array.c - how arrays grow: to twice their room, so that an element costs a constant number of copies. */
#include <string.h>

#include "kdb/array.h"

static size_t next_room(size_t room)
{
    return room == 0 ? KDB_ARRAY_FIRST : room * 2;
}

void *kdb_arena_array_grow(kdb_arena *arena, const void *items, size_t count, size_t size)
{
    const size_t room = next_room(count), used = count * size;
    char *grown = kdb_arena_alloc_raw(arena, room * size);
    if (used != 0) {
        memcpy(grown, items, used);
    }
    memset(grown + used, 0, room * size - used);
    return grown;
}

void *kdb_heap_array_grow(void *items, size_t *cap, size_t size)
{
    *cap = next_room(*cap);
    return kdb_realloc(items, *cap * size);
}
