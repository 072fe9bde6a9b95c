/* arena_blocks.c - the first blocks of arenas, kept for the next arena. Each request takes one or two, and gives them back on
 * another thread than took them: through malloc that is a lock that both want, and the joining and cutting of blocks that are
 * all of one size. A thread keeps a few; more go by the bunch to a list that all threads share, and what is too much there
 * goes back to the system. A build with a sanitizer keeps none: it is to see every use of what was freed. */
#include <pthread.h>
#include <stdlib.h>

#include "commons_int.h"
#include "kdb/thread.h"

#if KDB_SANITIZES_ADDRESSES || KDB_SANITIZES_THREADS

void *kdbi_arena_block_take(void)
{
    return malloc(KDBI_ARENA_BLOCK);
}

void kdbi_arena_block_give(void *block)
{
    free(block);
}

#else

enum { BUNCH = 8, OWN_MAX = 2 * BUNCH, SHARED_MAX = 512 /* 4 MiB */ };

typedef struct spare spare;
struct spare {
    spare *next;
};

typedef struct spares {
    spare *first;
    size_t count;
} spares;

static _Thread_local spares own;
static _Thread_local bool known; /* the thread's end will give back what it keeps */
static spares shared;
static kdb_mutex shared_lock = { .os = PTHREAD_MUTEX_INITIALIZER, .rank = KDB_LOCK_MEMORY }; /* guards shared */
static pthread_key_t at_end;
static pthread_once_t at_end_once = PTHREAD_ONCE_INIT;

static void push(spares *list, spare *block)
{
    block->next = list->first;
    list->first = block;
    list->count++;
}

static spare *pop(spares *list)
{
    spare *block = list->first;
    if (block != NULL) {
        list->first = block->next;
        list->count--;
    }
    return block;
}

/* Moves up to `count` blocks. */
static void move(spares *from, spares *to, size_t count)
{
    for (; count > 0 && from->first != NULL; count--) {
        push(to, pop(from));
    }
}

static void free_all(spares *list)
{
    while (list->first != NULL) {
        free(pop(list));
    }
}

static void share(size_t count)
{
    spares surplus = { 0 };
    kdb_mutex_lock(&shared_lock);
    move(&own, shared.count < SHARED_MAX ? &shared : &surplus, count);
    kdb_mutex_unlock(&shared_lock);
    free_all(&surplus);
}

static void end_thread(void *unused)
{
    (void)unused;
    free_all(&own);
}

static void make_key(void)
{
    KDB_ASSERT(pthread_key_create(&at_end, end_thread) == 0);
}

static void expect_end(void)
{
    if (!known) {
        KDB_ASSERT(pthread_once(&at_end_once, make_key) == 0);
        KDB_ASSERT(pthread_setspecific(at_end, &own) == 0);
        known = true;
    }
}

void *kdbi_arena_block_take(void)
{
    if (own.first == NULL) {
        expect_end();
        kdb_mutex_lock(&shared_lock);
        move(&shared, &own, BUNCH);
        kdb_mutex_unlock(&shared_lock);
    }
    void *block = pop(&own);
    return block != NULL ? block : malloc(KDBI_ARENA_BLOCK);
}

void kdbi_arena_block_give(void *block)
{
    expect_end();
    push(&own, block);
    if (own.count > OWN_MAX) {
        share(BUNCH);
    }
}

#endif
