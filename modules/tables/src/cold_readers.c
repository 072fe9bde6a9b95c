/* cold_readers.c - connections to the reader engine. They are made when they are needed and kept: DuckDB's catalog remembers
 * each for ever. */
#include "cold_read.h"

/* A statement that merges many files has as many connections as there are files whose keys overlap. */
enum { READERS_MAX = 512 };

struct kdbi_cold_readers {
    kdb_engine *engine;
    kdb_mutex lock;                     /* rank KDB_LOCK_COLD; guards the rest */
    kdb_engine_conn *idle[READERS_MAX]; /* the one used last is the last */
    size_t nidle, nall;
};

kdbi_cold_readers *kdbi_cold_readers_new(kdb_engine *engine)
{
    kdbi_cold_readers *readers = KDB_NEW(kdbi_cold_readers);
    readers->engine = engine;
    kdb_mutex_init(&readers->lock, KDB_LOCK_COLD);
    return readers;
}

void kdbi_cold_readers_free(kdbi_cold_readers *readers)
{
    if (readers == NULL) {
        return;
    }
    KDB_ASSERT(readers->nidle == readers->nall);
    for (size_t i = 0; i < readers->nidle; i++) {
        kdb_engine_disconnect(readers->idle[i]);
    }
    kdb_mutex_done(&readers->lock);
    kdb_free(readers);
}

/* One that is idle; else *out is NULL, and there is room for one more if the result is true. */
static bool take_idle(kdbi_cold_readers *readers, kdb_engine_conn **out)
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

kdb_status kdbi_cold_reader_take(kdbi_cold_readers *readers, kdb_engine_conn **out, kdb_err *err)
{
    kdb_engine_conn *conn = NULL;
    if (!take_idle(readers, &conn)) {
        return KDB_FAIL(err, KDB_LIMIT, "too many cold files are read at once");
    }
    if (conn == NULL) {
        const kdb_status status = kdb_engine_connect(readers->engine, &conn, err);
        if (status != KDB_OK) {
            kdb_mutex_lock(&readers->lock);
            readers->nall--;
            kdb_mutex_unlock(&readers->lock);
            return status;
        }
    }
    *out = conn;
    return KDB_OK;
}

void kdbi_cold_reader_give(kdbi_cold_readers *readers, kdb_engine_conn *conn)
{
    if (conn != NULL) {
        kdb_mutex_lock(&readers->lock);
        readers->idle[readers->nidle++] = conn;
        kdb_mutex_unlock(&readers->lock);
    }
}
