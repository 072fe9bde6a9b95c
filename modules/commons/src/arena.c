/* arena.c - bump allocation from a chain of blocks. The arena itself lives in its first block, so that an arena costs one
 * malloc and a reset that stays within the first block costs none. Under AddressSanitizer everything not handed out is
 * poisoned, so that a pointer kept over a reset, or a step past an allocation, is caught. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "commons_int.h"

#if KDB_SANITIZES_ADDRESSES
#include <sanitizer/asan_interface.h>
#define POISON(at, size) ASAN_POISON_MEMORY_REGION((at), (size))
#define UNPOISON(at, size) ASAN_UNPOISON_MEMORY_REGION((at), (size))
#else
#define POISON(at, size) ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
#endif

enum { ALIGNMENT = 16, FIRST_BLOCK = KDBI_ARENA_BLOCK, LARGEST_BLOCK = 1024 * 1024 };

typedef struct block block;
struct block {
    block *next;
    size_t cap; /* bytes after the header */
    size_t used;
    size_t unused; /* keeps the header a multiple of ALIGNMENT */
};

struct kdb_arena {
    block *current;    /* takes the next allocation */
    block *later;      /* every block but the first, newest first */
    size_t used;       /* bytes handed out, rounded up to ALIGNMENT */
    size_t limit;      /* 0: none */
    size_t next_block; /* size of the next ordinary block */
    size_t unused;     /* as in block */
};

_Static_assert(sizeof(block) % ALIGNMENT == 0, "allocations start aligned");
_Static_assert(sizeof(kdb_arena) % ALIGNMENT == 0, "allocations after the arena start aligned");

static char *block_bytes(block *b)
{
    return (char *)(b + 1);
}

/* The block that the arena lies in. */
static block *first_block(kdb_arena *arena)
{
    return (block *)(void *)arena - 1;
}

/* NULL when the system has no memory. */
static block *block_try_new(size_t cap)
{
    block *b = malloc(sizeof(block) + cap);
    if (b != NULL) {
        *b = (block){ .cap = cap };
        POISON(block_bytes(b), cap);
    }
    return b;
}

static void block_free(block *b)
{
    UNPOISON(block_bytes(b), b->cap);
    free(b);
}

kdb_arena *kdb_arena_new(size_t limit)
{
    block *first = kdbi_arena_block_take();
    if (first == NULL) {
        kdbi_commons_out_of_memory(FIRST_BLOCK);
    }
    *first = (block){ .cap = FIRST_BLOCK - sizeof(block), .used = sizeof(kdb_arena) };
    kdb_arena *arena = (kdb_arena *)(void *)block_bytes(first);
    *arena = (kdb_arena){ .current = first, .limit = limit, .next_block = (size_t)2 * FIRST_BLOCK };
    POISON(block_bytes(first) + first->used, first->cap - first->used);
    return arena;
}

/* Frees all blocks but the first. */
static void free_later_blocks(kdb_arena *arena)
{
    for (block *b = arena->later; b != NULL;) {
        block *next = b->next;
        block_free(b);
        b = next;
    }
    arena->later = NULL;
    arena->current = first_block(arena);
}

void kdb_arena_free(kdb_arena *arena)
{
    if (arena != NULL) {
        free_later_blocks(arena);
        block *first = first_block(arena);
        UNPOISON(block_bytes(first), first->cap);
        kdbi_arena_block_give(first);
    }
}

void kdb_arena_reset(kdb_arena *arena)
{
    free_later_blocks(arena);
    block *first = arena->current;
    first->used = sizeof(kdb_arena);
    POISON(block_bytes(first) + first->used, first->cap - first->used);
    arena->used = 0;
    arena->next_block = (size_t)2 * FIRST_BLOCK;
}

size_t kdb_arena_used(const kdb_arena *arena)
{
    return arena->used;
}

size_t kdb_arena_held(const kdb_arena *arena)
{
    size_t held = FIRST_BLOCK;
    for (const block *b = arena->later; b != NULL; b = b->next) {
        held += sizeof(*b) + b->cap;
    }
    return held;
}

/* An allocation that would waste much of an ordinary block gets one to itself, and the current block stays current. */
static block *add_block(kdb_arena *arena, size_t size)
{
    bool own = size >= arena->next_block / 2;
    block *b = block_try_new(own ? size : arena->next_block);
    if (b == NULL) {
        return NULL;
    }
    b->next = arena->later;
    arena->later = b;
    if (!own) {
        arena->current = b;
        if (arena->next_block < LARGEST_BLOCK) {
            arena->next_block *= 2;
        }
    }
    return b;
}

/* `size` bytes, or NULL when the system has no memory. */
static void *take(kdb_arena *arena, size_t size)
{
    if (size > PTRDIFF_MAX - LARGEST_BLOCK) {
        return NULL;
    }
    size_t rounded = size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    block *b = arena->current;
    if (KDB_UNLIKELY(b->cap - b->used < rounded)) {
        b = add_block(arena, rounded);
        if (b == NULL) {
            return NULL;
        }
    }
    char *at = block_bytes(b) + b->used;
    b->used += rounded;
    arena->used += rounded;
    UNPOISON(at, size);
    return at;
}

void *kdb_arena_alloc_raw(kdb_arena *arena, size_t size)
{
    void *at = take(arena, size);
    if (KDB_UNLIKELY(at == NULL)) {
        kdbi_commons_out_of_memory(size);
    }
    return at;
}

void *kdb_arena_alloc(kdb_arena *arena, size_t size)
{
    return memset(kdb_arena_alloc_raw(arena, size), 0, size);
}

void *kdb_arena_try_alloc(kdb_arena *arena, size_t size)
{
    if (arena->limit != 0 && (arena->used >= arena->limit || size > arena->limit - arena->used)) {
        return NULL;
    }
    void *at = take(arena, size);
    return at == NULL ? NULL : memset(at, 0, size);
}
