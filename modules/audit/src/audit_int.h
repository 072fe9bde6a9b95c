/* audit_int.h - what audit's own files share: the end of the chain, records as bytes, and notes that wait. */
#ifndef KDB_AUDIT_INT_H
#define KDB_AUDIT_INT_H

#include "kdb/audit.h"

/* The end of the chain. */
typedef struct kdbi_head {
    uint64_t count; /* the number of the last record */
    kdb_digest hash;
} kdbi_head;

/* ---- audit_record.c ---- */

enum { KDBI_AUDIT_KEY_BYTES = 8, KDBI_AUDIT_TEXT_MAX = 1024 };

void kdbi_audit_key(uint64_t number, char out[KDBI_AUDIT_KEY_BYTES]);
/* Puts the record behind `head` into the batch and moves `head` on. */
void kdbi_audit_stage(kdbi_head *head, const kdb_audit_record *record, int64_t time_us, kdb_batch *batch);
/* The hash a stored value says it has; and the one it should have behind `previous`. KDB_CORRUPT for too few bytes. */
KDB_NODISCARD kdb_status kdbi_audit_hashes(kdb_sv value, const kdb_digest *previous, kdb_digest *stored,
                                           kdb_digest *made, kdb_err *err);

/* ---- audit_head.c ---- */

void kdbi_head_stage(const kdb_seal *seal, const kdbi_head *head, kdb_batch *batch);
/* KDB_NOT_FOUND, or KDB_CORRUPT for one that was not made with the server's key. */
KDB_NODISCARD kdb_status kdbi_head_load(kdb_store *store, const kdb_snapshot *snapshot, const kdb_seal *seal,
                                        kdbi_head *out, kdb_err *err);

/* ---- audit_note.c: notes ---- */

/* Notes that are alike, by all but their details. */
typedef struct kdbi_repeat {
    int64_t recorded_us; /* monotonic */
    uint64_t more;       /* not recorded since */
    kdb_audit_record record;
    char *texts; /* what `record` points to */
} kdbi_repeat;
/* A record that waits to be committed. */
typedef struct kdbi_waiting {
    struct kdbi_waiting *next;
    int64_t time_us;
    kdb_audit_record record;
    char texts[];
} kdbi_waiting;

/* A commit of notes in flight. */
typedef struct kdbi_flight {
    kdb_commit commit;
    kdb_audit *audit;
    kdbi_head head; /* once it has landed */
    size_t count;
} kdbi_flight;

struct kdb_audit {
    kdb_store *store; /* fixed, as the next two */
    const kdb_seal *seal;
    int64_t repeat_us;
    kdb_mutex lock; /* rank KDB_LOCK_AUDIT; guards the rest */
    kdb_cond landed;
    bool busy;      /* a commit that moves the head is under way: whoever began it owns `head` and `flight` */
    size_t waiters; /* of kdb_audit_commit */
    kdbi_head head;
    kdbi_waiting *first, **last; /* notes that wait for it */
    size_t nwaiting;
    uint64_t dropped; /* notes that nothing speaks for yet */
    kdb_map *repeats; /* kdbi_repeat by what is alike */
    kdbi_flight flight;
};

void kdbi_notes_init(kdb_audit *audit);
void kdbi_notes_done(kdb_audit *audit);
/* Makes records of all that has been counted. Holds the lock. */
void kdbi_notes_settle(kdb_audit *audit);
/* Takes the waiting notes off the list. Holds the lock. */
kdbi_waiting *kdbi_notes_take(kdb_audit *audit);
/* Puts them into the batch behind `head`, and frees them. *count of them. */
void kdbi_notes_stage(kdbi_waiting *notes, kdbi_head *head, kdb_batch *batch, size_t *count);

/* ---- audit.c ---- */

/* Begins a commit of the waiting notes if there are any and none is under way. */
void kdbi_audit_send(kdb_audit *audit);

#endif
