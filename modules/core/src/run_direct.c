/* run_direct.c - statements that gather large cold tables: the engine reads the files itself, beside scans of what is not in them
 * (cold_direct.c). Only where no row comes out before all have been read: should that fail, for whatever reason, nothing has been sent,
 * and the statement begins again with scans alone, which tell what is wrong, and whose. */
#include "core_int.h"

static bool may_read_files(const kdbi_run *run, size_t slot)
{
    const kdbi_slot *source = &run->plan->slots[slot];
    return source->table != NULL && !source->target;
}

static kdb_status choose(kdbi_run *run, kdb_err *err)
{
    for (size_t i = 0; i < run->nsources; i++) {
        if (may_read_files(run, i)) {
            const kdb_scan_spec spec = kdbi_run_scan_spec(run, i);
            KDB_TRY(kdb_cold_direct_new(&spec, &run->sources[i].direct, err));
        }
    }
    return KDB_OK;
}

/* What the scans read less, as the engine wants it; returns how many queries of files they are. */
static size_t gather_files(kdbi_run *run, kdb_engine_files **out)
{
    size_t count = 0;
    for (size_t i = 0; i < run->nsources; i++) {
        count += run->sources[i].direct == NULL ? 0 : run->sources[i].direct->nfiles;
    }
    *out = KDB_ARENA_ARRAY(run->arena, kdb_engine_files, count + 1);
    size_t at = 0;
    for (size_t i = 0; i < run->nsources; i++) {
        const kdb_cold_direct *direct = run->sources[i].direct;
        for (size_t j = 0; direct != NULL && j < direct->nfiles; j++) {
            (*out)[at] = direct->files[j];
            (*out)[at++].slot = i;
        }
    }
    return count;
}

static void note_read(kdbi_run *run)
{
    atomic_fetch_add_explicit(&run->core->direct, 1, memory_order_relaxed);
    for (size_t i = 0; i < run->nsources; i++) {
        const kdb_cold_direct *direct = run->sources[i].direct;
        if (direct != NULL) {
            atomic_fetch_add_explicit(&run->scanned, direct->rows, memory_order_relaxed);
            run->nfiles += direct->nleases;
        }
    }
}

void kdbi_run_forget_direct(kdbi_run *run)
{
    for (size_t i = 0; i < run->nsources; i++) {
        kdb_cold_direct_free(run->sources[i].direct);
        run->sources[i].direct = NULL;
    }
}

/* Else scans are tried: they name a damaged file, and need less of the engine's memory. */
static bool is_final(kdb_status status)
{
    return status == KDB_OK || status == KDB_TIMEOUT || status == KDB_CANCELLED;
}

kdb_status kdbi_run_execute(kdbi_run *run, kdb_engine_plan *plan, kdb_err *err)
{
    kdb_engine_files *files = NULL;
    size_t nfiles = 0;
    if (run->plan->query.bound->gathers && run->txn == NULL) {
        KDB_TRY(choose(run, err));
        nfiles = gather_files(run, &files);
    }
    if (nfiles != 0) {
        const kdb_status status =
            kdb_engine_execute_beside(plan, run->params, run->nparams, &run->source, files, nfiles, &run->cursor, err);
        if (is_final(status)) {
            note_read(run);
            return status;
        }
        kdbi_run_forget_direct(run);
        atomic_fetch_add_explicit(&run->core->direct_failed, 1, memory_order_relaxed);
        atomic_store_explicit(&run->scanned, 0, memory_order_relaxed);
        KDB_TRY(kdbi_exec_check_running(run->exec, err));
    }
    return kdb_engine_execute(plan, run->params, run->nparams, &run->source, &run->cursor, err);
}
