/* cold_readers.c - connections to the reader engine. They are made when they are needed and kept: DuckDB's catalog remembers
 * each for ever. Each keeps the plans of the last queries that it ran, for most differ in their files and values only. */
#include "cold_read.h"

/* A statement that merges many files has as many connections as there are files whose keys overlap. */
enum { READERS_MAX = 512, PLANS_KEPT = 4 };

typedef struct kept_plan {
    kdb_engine_plan *plan;
    char *sql; /* its text */
    size_t len;
} kept_plan;

struct kdbi_cold_reader {
    kdb_engine_conn *conn;
    kept_plan plans[PLANS_KEPT]; /* the one used last is the first */
    size_t nplans;
};

struct kdbi_cold_readers {
    kdb_engine *engine;
    kdb_mutex lock;                      /* rank KDB_LOCK_COLD; guards the rest */
    kdbi_cold_reader *idle[READERS_MAX]; /* the one used last is the last */
    size_t nidle, nall;
};

kdbi_cold_readers *kdbi_cold_readers_new(kdb_engine *engine)
{
    kdbi_cold_readers *readers = KDB_NEW(kdbi_cold_readers);
    readers->engine = engine;
    kdb_mutex_init(&readers->lock, KDB_LOCK_COLD);
    return readers;
}

/* ---- one ---- */

static void forget_last_plan(kdbi_cold_reader *reader)
{
    reader->nplans--;
    kdb_engine_plan_free(reader->plans[reader->nplans].plan);
    kdb_free(reader->plans[reader->nplans].sql);
}

static void free_reader(kdbi_cold_reader *reader)
{
    while (reader->nplans != 0) {
        forget_last_plan(reader);
    }
    kdb_engine_disconnect(reader->conn);
    kdb_free(reader);
}

static kdb_status new_reader(kdb_engine *engine, kdbi_cold_reader **out, kdb_err *err)
{
    kdb_engine_conn *conn = NULL;
    KDB_TRY(kdb_engine_connect(engine, &conn, err));
    *out = KDB_NEW(kdbi_cold_reader);
    (*out)->conn = conn;
    return KDB_OK;
}

kdb_engine_conn *kdbi_cold_reader_conn(const kdbi_cold_reader *reader)
{
    return reader->conn;
}

/* The i-th becomes the first. */
static kdb_engine_plan *use_plan(kdbi_cold_reader *reader, size_t i)
{
    const kept_plan used = reader->plans[i];
    memmove(reader->plans + 1, reader->plans, i * sizeof(used));
    reader->plans[0] = used;
    return used.plan;
}

kdb_status kdbi_cold_reader_plan(kdbi_cold_reader *reader, kdb_sv sql, kdb_engine_plan **out, kdb_err *err)
{
    for (size_t i = 0; i < reader->nplans; i++) {
        if (kdb_sv_eq(kdb_sv_of(reader->plans[i].sql, reader->plans[i].len), sql)) {
            *out = use_plan(reader, i);
            return KDB_OK;
        }
    }
    kdb_engine_plan *plan = NULL;
    KDB_TRY(kdb_engine_prepare_files(reader->conn, sql, &plan, err));
    if (reader->nplans == PLANS_KEPT) {
        forget_last_plan(reader);
    }
    reader->plans[reader->nplans] = (kept_plan){ plan, kdb_sv_heap_cstr(sql), sql.len };
    *out = use_plan(reader, reader->nplans++);
    return KDB_OK;
}

/* ---- all ---- */

void kdbi_cold_readers_free(kdbi_cold_readers *readers)
{
    if (readers == NULL) {
        return;
    }
    KDB_ASSERT(readers->nidle == readers->nall);
    for (size_t i = 0; i < readers->nidle; i++) {
        free_reader(readers->idle[i]);
    }
    kdb_mutex_done(&readers->lock);
    kdb_free(readers);
}

/* One that is idle; else *out is NULL, and there is room for one more if the result is true. */
static bool take_idle(kdbi_cold_readers *readers, kdbi_cold_reader **out)
{
    *out = NULL;
    kdb_mutex_lock(&readers->lock);
    const bool room = readers->nidle != 0 || readers->nall < READERS_MAX;
    if (readers->nidle != 0) {
        *out = readers->idle[--readers->nidle];
    } else if (room) {
        readers->nall++;
    }
    kdb_mutex_unlock(&readers->lock);
    return room;
}

kdb_status kdbi_cold_reader_take(kdbi_cold_readers *readers, kdbi_cold_reader **out, kdb_err *err)
{
    kdbi_cold_reader *reader = NULL;
    if (!take_idle(readers, &reader)) {
        return KDB_FAIL(err, KDB_LIMIT, "too many cold files are read at once");
    }
    if (reader == NULL) {
        const kdb_status status = new_reader(readers->engine, &reader, err);
        if (status != KDB_OK) {
            kdb_mutex_lock(&readers->lock);
            readers->nall--;
            kdb_mutex_unlock(&readers->lock);
            return status;
        }
    }
    *out = reader;
    return KDB_OK;
}

void kdbi_cold_reader_give(kdbi_cold_readers *readers, kdbi_cold_reader *reader)
{
    if (reader != NULL) {
        kdb_mutex_lock(&readers->lock);
        readers->idle[readers->nidle++] = reader;
        kdb_mutex_unlock(&readers->lock);
    }
}
