/* array.h - arrays that grow by one element at a time, in an arena or on the heap. One thread at a time. An array begins as
 * NULL with a count of 0; its element type is that of the pointer. The macros evaluate `items`, `count` and `cap` more than
 * once: they are variables or fields. A pointer into the array holds until the array grows. */
#ifndef KDB_ARRAY_H
#define KDB_ARRAY_H

#include "kdb/mem.h"

/* What an array has room for at first. From then on it doubles. */
enum { KDB_ARRAY_FIRST = 4 };

/* Whether an array in an arena has no room for another element. Such an array keeps no capacity: it is full at the powers of
 * two. Lowering its count is harmless but may cost a copy later. */
static inline bool kdb_arena_array_is_full(size_t count)
{
    return (count & (count - 1)) == 0 && (count == 0 || count >= KDB_ARRAY_FIRST);
}

/* A copy of a full array in `arena` with room for as many elements again, which are zeroed. For the macros. */
void *kdb_arena_array_grow(kdb_arena *arena, const void *items, size_t count, size_t size)
    __attribute__((returns_nonnull));

/* Makes room for element number `count`: for arrays beside each other that share their count. */
#define KDB_ARENA_ROOM(arena, items, count)                                                                            \
    ((void)(kdb_arena_array_is_full(count) &&                                                                          \
            ((items) = kdb_arena_array_grow((arena), (items), (count), sizeof(*(items)))) != NULL))

/* Adds an element, zeroed unless the count has been lowered before, and yields a pointer to it. What is
 * assigned to that in the same expression does not read the count. */
#define KDB_ARENA_PUSH(arena, items, count)                                                                            \
    __extension__({                                                                                                    \
        KDB_ARENA_ROOM(arena, items, count);                                                                           \
        &(items)[(count)++];                                                                                           \
    })

/* A full array on the heap, or NULL, with twice the room, or KDB_ARRAY_FIRST; `cap` is told it. For the macro. */
void *kdb_heap_array_grow(void *items /* taken */, size_t *cap, size_t size) __attribute__((returns_nonnull));

/* Adds an element, not zeroed, and yields a pointer to it. `cap` is a size_t, 0 at first; kdb_free(items) frees the array.
 * As for the count in what is assigned: see above. */
#define KDB_HEAP_PUSH(items, count, cap)                                                                               \
    __extension__({                                                                                                    \
        if ((count) == (cap)) {                                                                                        \
            (items) = kdb_heap_array_grow((items), &(cap), sizeof(*(items)));                                          \
        }                                                                                                              \
        &(items)[(count)++];                                                                                           \
    })

#endif
