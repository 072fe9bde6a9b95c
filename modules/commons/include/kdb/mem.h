/* mem.h - heap allocation that cannot fail, and arenas: memory that lives as long as one request or job. */
#ifndef KDB_MEM_H
#define KDB_MEM_H

#include "kdb/base.h"

/* Zeroed heap memory of `size` bytes; never NULL: logs and aborts when the system has none. Free with kdb_free. */
void *kdb_alloc(size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed array of `count` * `size` bytes; aborts on overflow too. */
void *kdb_alloc_array(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* Grows or shrinks `ptr` (or NULL) to `size` bytes; new bytes are not zeroed. */
void *kdb_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
void kdb_free(void *ptr); /* NULL is fine */

/* A growing region freed as a whole. One thread at a time; it moves with its request. */
typedef struct kdb_arena kdb_arena;

/* `limit` is the most bytes it may hold (0: no limit); only the _try_ form reports reaching it. */
kdb_arena *kdb_arena_new(size_t limit);
void kdb_arena_free(kdb_arena *arena); /* NULL is fine */
/* Forgets everything allocated but keeps the first block, for an arena that serves request after request. */
void kdb_arena_reset(kdb_arena *arena);
/* Bytes handed out since new or reset. */
size_t kdb_arena_used(const kdb_arena *arena);
/* Bytes that it takes of the system's memory: 8 KiB at least. */
size_t kdb_arena_held(const kdb_arena *arena);
/* Zeroed, 16-byte aligned; never NULL. For sizes our own code chooses. */
void *kdb_arena_alloc(kdb_arena *arena, size_t size) __attribute__((returns_nonnull));
/* As above but not zeroed. */
void *kdb_arena_alloc_raw(kdb_arena *arena, size_t size) __attribute__((returns_nonnull));
/* For sizes a client chooses: NULL when `limit` would be passed; the caller turns that into KDB_LIMIT. */
void *kdb_arena_try_alloc(kdb_arena *arena, size_t size);

#define KDB_ARENA_NEW(arena, type) ((type *)kdb_arena_alloc((arena), sizeof(type)))
#define KDB_ARENA_ARRAY(arena, type, count) ((type *)kdb_arena_alloc((arena), sizeof(type) * (count)))
#define KDB_NEW(type) ((type *)kdb_alloc(sizeof(type)))

KDB_DEFINE_CLEANUP(kdb_arena, kdb_arena_free)

#endif
