/* audit.c - the log as a whole, and the one way into it: commits that move the end of the chain go one after the other, so
 * that each knows the hash before it. What waits meanwhile goes along with the next. */
#include "audit_int.h"

enum { REPEAT_US = 60 * 1000000 };

/* ---- one commit after the other ---- */

static void begin(kdb_audit *audit)
{
    kdb_mutex_lock(&audit->lock);
    audit->waiters++;
    while (audit->busy) {
        kdb_cond_wait(&audit->landed, &audit->lock);
    }
    audit->waiters--;
    audit->busy = true;
    kdb_mutex_unlock(&audit->lock);
}

static void send_notes(kdb_audit *audit);

/* The head stays where it was when the commit failed. Notes that nobody waits to take along are sent at once; if there are
 * none, the log may be gone when this returns. */
static void end(kdb_audit *audit, const kdbi_head *head)
{
    kdb_mutex_lock(&audit->lock);
    if (head != NULL) {
        audit->head = *head;
    }
    audit->busy = audit->waiters == 0 && audit->nwaiting > 0;
    const bool send = audit->busy;
    if (!send) {
        kdb_cond_signal(&audit->landed);
    }
    kdb_mutex_unlock(&audit->lock);
    if (send) {
        send_notes(audit);
    }
}

static kdbi_waiting *take_notes(kdb_audit *audit)
{
    kdb_mutex_lock(&audit->lock);
    kdbi_waiting *notes = kdbi_notes_take(audit);
    kdb_mutex_unlock(&audit->lock);
    return notes;
}

/* Holds the right to move the head. */
static kdb_status commit(kdb_audit *audit, const kdb_audit_record *records, size_t count, kdb_batch *batch,
                         kdbi_head *head, kdb_err *err)
{
    size_t notes = 0;
    const int64_t now = kdb_now_us();
    kdbi_notes_stage(take_notes(audit), head, batch, &notes);
    for (size_t i = 0; i < count; i++) {
        kdbi_audit_stage(head, &records[i], now, batch);
    }
    kdbi_head_stage(audit->seal, head, batch);
    const kdb_status status = kdb_store_commit(audit->store, batch, err);
    if (status != KDB_OK && notes > 0) {
        kdb_log_error("audit records lost count=%zu", notes);
    }
    return status;
}

kdb_status kdb_audit_commit(kdb_audit *audit, const kdb_audit_record *records, size_t count, kdb_batch *batch,
                            kdb_err *err)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *own = batch == NULL ? kdb_batch_new() : NULL;
    begin(audit);
    kdbi_head head = audit->head;
    const kdb_status status = commit(audit, records, count, batch == NULL ? own : batch, &head, err);
    end(audit, status == KDB_OK ? &head : NULL);
    return status;
}

/* ---- notes ---- */

/* Committer. */
static void on_landed(kdb_commit *landed, kdb_status status, const kdb_err *err)
{
    kdbi_flight *flight = KDB_CONTAINER_OF(landed, kdbi_flight, commit);
    const kdbi_head head = flight->head;
    if (status != KDB_OK) {
        kdb_log_error("audit records lost count=%zu err=%s", flight->count, err->text);
    }
    kdb_batch_free(landed->batch);
    end(flight->audit, status == KDB_OK ? &head : NULL);
}

/* Holds the right to move the head, and hands it on to on_landed. */
static void send_notes(kdb_audit *audit)
{
    kdbi_flight *flight = &audit->flight;
    *flight =
        (kdbi_flight){ .commit = { .batch = kdb_batch_new(), .done = on_landed }, .audit = audit, .head = audit->head };
    kdbi_notes_stage(take_notes(audit), &flight->head, flight->commit.batch, &flight->count);
    kdbi_head_stage(audit->seal, &flight->head, flight->commit.batch);
    kdb_store_commit_async(audit->store, &flight->commit);
}

void kdbi_audit_send(kdb_audit *audit)
{
    kdb_mutex_lock(&audit->lock);
    const bool send = !audit->busy && audit->waiters == 0 && audit->nwaiting > 0;
    audit->busy = audit->busy || send;
    kdb_mutex_unlock(&audit->lock);
    if (send) {
        send_notes(audit);
    }
}

/* ---- life ---- */

static kdb_status last_number(kdb_store *store, uint64_t *out, kdb_err *err)
{
    const kdb_partition part = kdb_partition_system(KDB_PART_SYSTEM_AUDIT_LOG);
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(store, NULL, part, (kdb_iter_range){ .descending = true });
    const bool any = kdb_iter_valid(iter) && kdb_iter_key(iter).len == KDBI_AUDIT_KEY_BYTES;
    *out = any ? kdb_get_be64(kdb_iter_key(iter).ptr) : 0;
    return kdb_iter_status(iter, err);
}

/* A log whose end is not known goes on behind a gap, which kdb_audit_verify will always find. */
static kdb_status load_head(kdb_audit *audit, kdb_err *err)
{
    kdb_err found = { .position = -1 };
    uint64_t last = 0;
    const kdb_status status = kdbi_head_load(audit->store, NULL, audit->seal, &audit->head, &found);
    if (status == KDB_OK) {
        return KDB_OK;
    }
    KDB_TRY(last_number(audit->store, &last, err));
    if (status == KDB_NOT_FOUND && last == 0) {
        return KDB_OK; /* a new one */
    }
    if (status != KDB_NOT_FOUND && status != KDB_CORRUPT) {
        return KDB_FAIL(err, status, "%s", found.text);
    }
    kdb_log_error(
        "the audit log was tampered with or the server key file replaced: VERIFY AUDIT LOG tells where err=\"%s\"",
        found.text);
    audit->head.count = last + 1;
    return KDB_OK;
}

kdb_status kdb_audit_open(kdb_store *store, const kdb_seal *seal, const kdb_audit_options *options, kdb_audit **out,
                          kdb_err *err)
{
    KDB_CLEANUP(kdb_audit_closep) kdb_audit *audit = KDB_NEW(kdb_audit);
    audit->store = store;
    audit->seal = seal;
    audit->repeat_us = options->repeat_us > 0 ? options->repeat_us : REPEAT_US;
    kdb_mutex_init(&audit->lock, KDB_LOCK_AUDIT);
    kdb_cond_init(&audit->landed);
    kdbi_notes_init(audit);
    KDB_TRY(load_head(audit, err));
    KDB_TRY(kdb_audit_commit(audit, NULL, 0, NULL, err)); /* the head is there from the first start on */
    *out = KDB_TAKE(audit);
    return KDB_OK;
}

static void write_rest(kdb_audit *audit)
{
    kdb_err err = { .position = -1 };
    kdb_mutex_lock(&audit->lock);
    kdbi_notes_settle(audit);
    const bool any = audit->nwaiting > 0 || audit->busy;
    kdb_mutex_unlock(&audit->lock);
    if (any && kdb_audit_commit(audit, NULL, 0, NULL, &err) != KDB_OK) {
        kdb_log_error("audit records lost err=\"%s\"", err.text);
    }
}

void kdb_audit_close(kdb_audit *audit)
{
    if (audit == NULL) {
        return;
    }
    write_rest(audit);
    kdbi_notes_done(audit);
    kdb_cond_done(&audit->landed);
    kdb_mutex_done(&audit->lock);
    kdb_free(audit);
}
