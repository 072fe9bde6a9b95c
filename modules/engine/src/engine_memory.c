/* engine_memory.c - what DuckDB's memory_limit does not count. Strings and lists in its vectors come from the jemalloc inside
 * libduckdb uncounted, and some aggregates keep their states in the C++ heap; one statement could take all of the machine.
 * Two bounds hold whatever a function does:
 * - jemalloc gets its memory through hooks of ours (its arena.<i>.extent_hooks), which refuse large pieces beyond the limit;
 *   DuckDB makes "Out of Memory" of that. Small pieces are never refused: not all code survives that.
 * - A thread looks at the whole process while something runs, and interrupts executions when it has grown too large.
 * It also gives memory back to the system, which both allocators would keep: nothing of this costs a statement time. */
#include <dlfcn.h>
#include <execinfo.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "engine_int.h"
#include "kdb/process.h"

#define MIB ((size_t)1 << 20)
/* Pieces for small allocations are this large at most, larger ones are for one allocation. */
#define PIECE_MAX (2 * MIB)
/* Beside memory_limit, which counts most of what comes from jemalloc: pages that are free but not yet given back. */
#define UNCOUNTED (64 * MIB)
/* Of the process, beside what runs: caches that fill, fragments. */
#define PROCESS_SLACK (256 * MIB)
#define WORTH_GIVING_BACK (64 * MIB)

enum { LOOK_US = 50 * 1000, QUIET_LOOKS = 20, FRAMES_MAX = 48 };
enum { WAIT_MAX_US = 10 * 1000 * 1000 };

/* ---- jemalloc, as its manual describes it; absent from a libduckdb that was built without ---- */

extern int duckdb_je_mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size)
    __attribute__((weak));
extern void *duckdb_je_malloc(size_t size) __attribute__((weak));
extern void duckdb_je_free(void *memory) __attribute__((weak));

/* Those that return bool return true for failure. */
typedef struct extent_hooks extent_hooks;
typedef bool extent_span(extent_hooks *hooks, void *at, size_t size, size_t offset, size_t length, unsigned arena);
struct extent_hooks {
    void *(*alloc)(extent_hooks *hooks, void *at, size_t size, size_t alignment, bool *zero, bool *commit,
                   unsigned arena);
    bool (*dalloc)(extent_hooks *hooks, void *at, size_t size, bool committed, unsigned arena);
    void (*destroy)(extent_hooks *hooks, void *at, size_t size, bool committed, unsigned arena);
    extent_span *commit;
    extent_span *decommit;
    extent_span *purge_lazy;
    extent_span *purge_forced;
    bool (*split)(extent_hooks *hooks, void *at, size_t size, size_t a, size_t b, bool committed, unsigned arena);
    bool (*merge)(extent_hooks *hooks, void *a, size_t a_size, void *b, size_t b_size, bool committed, unsigned arena);
};

/* jemalloc is the process's, so is this. */
static struct {
    pthread_once_t once;
    extent_hooks hooks;
    extent_hooks *usual;
    _Atomic size_t committed; /* bytes that have pages, or may get them */
    _Atomic size_t most;      /* the sum of all engines' */
    _Atomic size_t refused;   /* ever */
} bound = { .once = PTHREAD_ONCE_INIT };

/* Whether memory_limit counts what is being allocated: DuckDB has reserved it then, and would never take the reservation back
 * if it were refused here. Only the names of the functions around us tell. */
static bool is_reserved(void)
{
    void *frames[FRAMES_MAX];
    const int nframes = backtrace(frames, FRAMES_MAX);
    for (int i = 0; i < nframes; i++) {
        Dl_info info;
        if (dladdr(frames[i], &info) != 0 && info.dli_sname != NULL &&
            strstr(info.dli_sname, "StandardBufferManager") != NULL) {
            return true;
        }
    }
    return false;
}

/* On threads in code that is not built for exceptions. */
static _Thread_local bool exempt;

void kdbi_memory_exempt(bool on)
{
    exempt = on;
}

/* Counts `size` bytes more, unless they must be refused. */
static bool take(size_t size)
{
    const size_t committed = atomic_fetch_add(&bound.committed, size) + size;
    if (size <= PIECE_MAX || committed <= atomic_load(&bound.most) || exempt || is_reserved()) {
        return true;
    }
    atomic_fetch_sub(&bound.committed, size);
    atomic_fetch_add(&bound.refused, 1);
    return false;
}

static void *bounded_alloc(KDB_UNUSED extent_hooks *hooks, void *at, size_t size, size_t alignment, bool *zero,
                           bool *commit, unsigned arena)
{
    if (!take(size)) {
        return NULL;
    }
    void *memory = bound.usual->alloc(bound.usual, at, size, alignment, zero, commit, arena);
    if (memory == NULL) {
        atomic_fetch_sub(&bound.committed, size);
    }
    return memory;
}

/* Addresses are kept for ever: jemalloc, which tells its arenas' memory apart by where each mapping begins, would mix them up
 * if a piece were unmapped. What is free loses its pages here, and gets new ones in bounded_commit. */
static bool bounded_decommit(KDB_UNUSED extent_hooks *hooks, void *at, KDB_UNUSED size_t size, size_t offset,
                             size_t length, KDB_UNUSED unsigned arena)
{
    if (madvise((char *)at + offset, length, MADV_DONTNEED) != 0) {
        return true;
    }
    atomic_fetch_sub(&bound.committed, length);
    return false;
}

static bool bounded_commit(KDB_UNUSED extent_hooks *hooks, KDB_UNUSED void *at, KDB_UNUSED size_t size,
                           KDB_UNUSED size_t offset, size_t length, KDB_UNUSED unsigned arena)
{
    return !take(length);
}

static void set_arena(unsigned arena, const char *field, void *value, size_t size)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "arena.%u.%s", arena, field);
    if (duckdb_je_mallctl(name, NULL, NULL, value, size) != 0) {
        kdb_log_warn("the engine's allocator refuses %s: its memory is not bounded", name);
    }
}

/* The arena of very large allocations is made with the first of them. */
static void make_large_arena(void)
{
    size_t size = 0;
    size_t len = sizeof(size);
    if (duckdb_je_mallctl("opt.oversize_threshold", &size, &len, NULL, 0) == 0 && size != 0) {
        duckdb_je_free(duckdb_je_malloc(size));
    }
}

static void bound_arenas(void)
{
    if (duckdb_je_mallctl == NULL || duckdb_je_malloc == NULL || duckdb_je_free == NULL) {
        kdb_log_warn("the engine has an allocator of its own that is not known: its memory is not bounded");
        return;
    }
    unsigned narenas = 0;
    size_t len = sizeof(narenas);
    size_t usual_len = sizeof(bound.usual);
    make_large_arena();
    if (duckdb_je_mallctl("arenas.narenas", &narenas, &len, NULL, 0) != 0 ||
        duckdb_je_mallctl("arena.0.extent_hooks", &bound.usual, &usual_len, NULL, 0) != 0) {
        kdb_log_warn("the engine's allocator does not say what it is: its memory is not bounded");
        return;
    }
    bound.hooks = *bound.usual;
    bound.hooks.alloc = bounded_alloc;
    bound.hooks.commit = bounded_commit;
    bound.hooks.decommit = bounded_decommit;
    for (unsigned i = 0; i < narenas; i++) {
        extent_hooks *hooks = &bound.hooks;
        size_t piece = PIECE_MAX;
        set_arena(i, "extent_hooks", &hooks, sizeof(hooks));
        set_arena(i, "retain_grow_limit", &piece, sizeof(piece));
    }
}

/* Free pages of jemalloc's, in all arenas, to the system. */
static void purge(void)
{
    if (bound.usual != NULL) {
        (void)duckdb_je_mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
    }
}

/* ---- the process ---- */

static void give_back(void)
{
    purge();
    (void)malloc_trim(0);
}

/* Whether anything runs, and whether something does that began more than a moment ago: with `interrupt`, that ends. Holds
 * memory_lock. */
static bool look_at_runs(kdb_engine *engine, bool interrupt, bool *lasting)
{
    const int64_t before = kdb_monotonic_us() - LOOK_US;
    bool any = false;
    *lasting = false;
    for (kdb_engine_conn *conn = engine->conns; conn != NULL; conn = conn->next) {
        const int64_t began = atomic_load(&conn->began_us);
        any = any || began != 0;
        *lasting = *lasting || (began != 0 && began < before);
        if (interrupt && began != 0 && began < before) {
            kdbi_conn_interrupt(conn, KDB_LIMIT, began);
        }
    }
    return any;
}

/* What a statement took may be free only a while after it: another thread has it in its cache, say. And what has not come
 * back may be no statement's: a cache that has filled. So while the process has much more than it once had it is tried again,
 * each time after twice the wait; at once after a statement that took much. */
static void give_back_in_turn(kdb_engine *engine, size_t has, bool at_once)
{
    kdbi_memory_watch *seen = &engine->memory;
    const size_t enough = seen->least + WORTH_GIVING_BACK;
    const int64_t now_us = kdb_monotonic_us();
    if (has <= enough || seen->most > seen->left + WORTH_GIVING_BACK) {
        seen->wait_us = 0;
    }
    if (has <= enough || (seen->wait_us != 0 && now_us < seen->next_us && !at_once)) {
        return;
    }
    give_back();
    seen->left = seen->most = kdb_process_resident();
    const int64_t wait_us = seen->wait_us == 0 ? LOOK_US : 2 * seen->wait_us;
    seen->wait_us = seen->left <= enough ? 0 : wait_us < WAIT_MAX_US ? wait_us : WAIT_MAX_US;
    seen->next_us = now_us + seen->wait_us;
}

/* Pieces were refused since the last look. */
static bool has_refused(kdbi_memory_watch *seen)
{
    const size_t refused = atomic_load(&bound.refused);
    const bool any = refused != seen->refused;
    seen->refused = refused;
    return any;
}

/* `quiet`: looks before this that found nothing to run. Returns whether anything runs. Holds memory_lock. */
static bool look(kdb_engine *engine, int quiet)
{
    kdbi_memory_watch *seen = &engine->memory;
    const size_t has = kdb_process_resident();
    const bool too_large = has > seen->base + 2 * engine->memory_limit + PROCESS_SLACK;
    bool lasting = false;
    const bool any = look_at_runs(engine, too_large, &lasting);
    seen->most = has > seen->most ? has : seen->most;
    if (has_refused(seen) || too_large) {
        give_back();
        seen->wait_us = 0;
    } else if (!lasting) {
        give_back_in_turn(engine, has, quiet == QUIET_LOOKS);
    }
    if (atomic_load(&bound.committed) > engine->memory_limit) {
        purge();
    }
    if (!lasting) {
        seen->base = kdb_process_resident();
        seen->least = seen->base < seen->least ? seen->base : seen->least;
    }
    return any;
}

/* Nothing has run for a while, and what can be given back has been. */
static bool may_sleep(const kdb_engine *engine, int quiet)
{
    return quiet > QUIET_LOOKS && (engine->memory.wait_us == 0 || engine->memory.wait_us == WAIT_MAX_US);
}

/* With nothing to look at it sleeps until kdbi_memory_wake. */
static void watch_memory(void *arg)
{
    kdb_engine *engine = arg;
    int quiet = 0;
    bool lasting = false;
    kdb_mutex_lock(&engine->memory_lock);
    while (!engine->memory_stops) {
        quiet = look(engine, quiet) ? 0 : quiet + 1;
        const bool sleeps = may_sleep(engine, quiet);
        atomic_store(&engine->memory_sleeps, sleeps);
        if (sleeps && !look_at_runs(engine, false, &lasting)) {
            kdb_cond_wait(&engine->memory_wake, &engine->memory_lock);
        } else {
            (void)kdb_cond_wait_until(&engine->memory_wake, &engine->memory_lock, kdb_monotonic_us() + LOOK_US);
        }
    }
    kdb_mutex_unlock(&engine->memory_lock);
}

void kdbi_memory_wake(kdb_engine *engine)
{
    if (atomic_load(&engine->memory_sleeps)) {
        kdb_mutex_lock(&engine->memory_lock);
        atomic_store(&engine->memory_sleeps, false);
        kdb_cond_signal(&engine->memory_wake);
        kdb_mutex_unlock(&engine->memory_lock);
    }
}

static size_t share(const kdb_engine *engine)
{
    return engine->memory_limit + engine->memory_limit / 4 + UNCOUNTED;
}

void kdbi_memory_start(kdb_engine *engine, int64_t limit)
{
    (void)pthread_once(&bound.once, bound_arenas);
    engine->memory_limit = (size_t)limit;
    const size_t has = kdb_process_resident();
    engine->memory = (kdbi_memory_watch){
        .base = has, .least = has, .left = has, .most = has, .refused = atomic_load(&bound.refused)
    };
    atomic_fetch_add(&bound.most, share(engine));
    kdb_mutex_init(&engine->memory_lock, KDB_LOCK_ENGINE_MEMORY);
    kdb_cond_init(&engine->memory_wake);
    kdb_thread_start(&engine->memory_thread, "engine-memory", KDB_THREAD_ANY, watch_memory, engine);
}

void kdbi_memory_stop(kdb_engine *engine)
{
    if (!engine->memory_thread.started) {
        return;
    }
    kdb_mutex_lock(&engine->memory_lock);
    engine->memory_stops = true;
    kdb_cond_signal(&engine->memory_wake);
    kdb_mutex_unlock(&engine->memory_lock);
    kdb_thread_join(&engine->memory_thread);
    kdb_cond_done(&engine->memory_wake);
    kdb_mutex_done(&engine->memory_lock);
    atomic_fetch_sub(&bound.most, share(engine));
}

void kdbi_memory_add(kdb_engine *engine, kdb_engine_conn *conn)
{
    kdb_mutex_lock(&engine->memory_lock);
    conn->next = engine->conns;
    engine->conns = conn;
    kdb_mutex_unlock(&engine->memory_lock);
}

void kdbi_memory_remove(kdb_engine *engine, kdb_engine_conn *conn)
{
    kdb_mutex_lock(&engine->memory_lock);
    kdb_engine_conn **at = &engine->conns;
    while (*at != NULL && *at != conn) {
        at = &(*at)->next;
    }
    if (*at != NULL) { /* a connection that failed to open is not there */
        *at = conn->next;
    }
    kdb_mutex_unlock(&engine->memory_lock);
}
