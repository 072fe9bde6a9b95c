/* audit.h - the audit log: who administered what, signed in, acted as another or was refused. Records are only ever added;
 * each holds the hash of the one before it, and the end of the chain is kept apart under the server's key, so that a
 * record changed, removed or put in shows. Any thread, but for what is said. */
#ifndef KDB_AUDIT_H
#define KDB_AUDIT_H

#include "kdb/seal.h"
#include "kdb/store.h"

/* One row of kdb_audit_action_names each: the name is what is stored. */
typedef enum kdb_audit_action {
    KDB_AUDIT_NONE, /* not worth a record */
    KDB_AUDIT_CREATE_NAMESPACE,
    KDB_AUDIT_ALTER_NAMESPACE,
    KDB_AUDIT_DROP_NAMESPACE,
    KDB_AUDIT_CREATE_TABLE,
    KDB_AUDIT_ALTER_TABLE,
    KDB_AUDIT_DROP_TABLE,
    KDB_AUDIT_CREATE_VIEW,
    KDB_AUDIT_DROP_VIEW,
    KDB_AUDIT_CREATE_POLICY,
    KDB_AUDIT_ALTER_POLICY,
    KDB_AUDIT_DROP_POLICY,
    KDB_AUDIT_CREATE_USER,
    KDB_AUDIT_ALTER_USER,
    KDB_AUDIT_DROP_USER,
    KDB_AUDIT_CREATE_STORAGE,
    KDB_AUDIT_ALTER_STORAGE,
    KDB_AUDIT_DROP_STORAGE,
    KDB_AUDIT_CHECK_STORAGE,
    KDB_AUDIT_KILL_LIVE_QUERY,
    KDB_AUDIT_KILL_JOB,
    KDB_AUDIT_STORAGE_FLUSH,
    KDB_AUDIT_STORAGE_COMPACT,
    KDB_AUDIT_STORAGE_REBUILD,
    KDB_AUDIT_BACKUP_DATABASE,
    KDB_AUDIT_RESTORE_DATABASE,
    KDB_AUDIT_EXPORT_USER_DATA,
    KDB_AUDIT_SETUP,
    KDB_AUDIT_LOGIN,
    KDB_AUDIT_LOGIN_FAILED,
    KDB_AUDIT_EXECUTE_AS_USER,
    KDB_AUDIT_EXECUTE_AS_USER_DENIED,
    KDB_AUDIT_DENIED, /* a statement refused for want of rights */
    KDB_AUDIT_SHOW,
    KDB_AUDIT_DESCRIBE,
    KDB_AUDIT_VERIFY,
    KDB_AUDIT_ACTION_COUNT
} kdb_audit_action;
extern const char *const kdb_audit_action_names[KDB_AUDIT_ACTION_COUNT];

/* Where a request came from: IPv6, or IPv4 mapped into it; zeros: not known. */
typedef struct kdb_ip {
    unsigned char bytes[16];
} kdb_ip;

/* What is to be recorded; borrowed for the call. Never put a secret in it. Too long a text is cut, one that is not UTF-8 made
 * so. */
typedef struct kdb_audit_record {
    kdb_audit_action action;
    kdb_sv actor;   /* user id */
    kdb_sv target;  /* "ns.t", "user:<id>" for sign-ins */
    kdb_sv details; /* empty: none, as the next */
    kdb_sv subject; /* the user acted as, or changed */
    kdb_ip address;
} kdb_audit_record;

typedef struct kdb_audit kdb_audit;
typedef struct kdb_audit_options {
    int64_t repeat_us; /* like notes within this time are counted, not recorded; 0: 60 seconds */
} kdb_audit_options;

/* Goes on where the log in the store ends. Both must outlive it. */
KDB_NODISCARD kdb_status kdb_audit_open(kdb_store *store, const kdb_seal *seal, const kdb_audit_options *options,
                                        kdb_audit **out, kdb_err *err);
/* Writes what waits. Nobody may use it any more; before the store closes. NULL is fine. */
void kdb_audit_close(kdb_audit *audit);
KDB_DEFINE_CLEANUP(kdb_audit, kdb_audit_close)

/* Adds the records to `batch` (NULL: a batch of their own), commits it and waits: all is durable or nothing is. Not for net
 * threads and the committer. `batch` stays the caller's. */
KDB_NODISCARD kdb_status kdb_audit_commit(kdb_audit *audit, const kdb_audit_record *records, size_t count,
                                          kdb_batch *batch, kdb_err *err);
/* Records soon and never waits, for what happens often: of notes that are alike (all but `details`) the first is recorded, and
 * those of the next minute are counted in the record that follows it. Not for the committer. */
void kdb_audit_note(kdb_audit *audit, const kdb_audit_record *record);

/* ---- reading ---- */

/* A stored record; texts borrow from what it was decoded from. */
typedef struct kdb_audit_row {
    uint64_t number; /* from 1, without gaps */
    int64_t time_us;
    kdb_sv id; /* "audit_<ms>_<32 hex>", in the arena */
    kdb_sv action, actor, target, details, address, subject;
} kdb_audit_row;
/* Walks the records from the oldest on; `snapshot` may be NULL. */
kdb_iter *kdb_audit_iter_new(kdb_store *store, const kdb_snapshot *snapshot);
/* KDB_CORRUPT for bytes that no encoder wrote. */
KDB_NODISCARD kdb_status kdb_audit_decode(kdb_sv key, kdb_sv value, kdb_arena *arena, kdb_audit_row *out, kdb_err *err);

typedef struct kdb_audit_report {
    uint64_t count;   /* of records that are in order, from the first on */
    kdb_sv first_bad; /* the id of the first that is not, or what is wrong behind the last; empty: all is well */
    kdb_digest head;  /* the hash of the last record in order: noted elsewhere, it proves the log up to there */
} kdb_audit_report;
/* Walks the whole log. `go_on` is asked now and then; its failure ends the walk. Texts in `arena`. */
KDB_NODISCARD kdb_status kdb_audit_verify(kdb_audit *audit, kdb_status (*go_on)(void *arg, kdb_err *err), void *arg,
                                          kdb_arena *arena, kdb_audit_report *out, kdb_err *err);

#endif
