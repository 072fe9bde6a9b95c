/* system_int.h - what system's own files share: the insides of the module and of a scan, the cells that every scan
 * fills, and the scan functions that kdb_system_table_defs names. */
#ifndef KDB_SYSTEM_INT_H
#define KDB_SYSTEM_INT_H

#include "kdb/audit.h"
#include "kdb/system.h"

struct kdb_system {
    kdb_store *store;
    kdb_registry *registry;
    kdb_auth *auth;
    const kdb_options *options;
    kdb_system_reporter reporter; /* set before serving, then fixed */
    int64_t started_us;           /* monotonic */
};

struct kdb_system_scan {
    const kdb_system *system;
    const kdb_system_table_def *def;
    kdb_role viewer;
    const kdb_principal *principal; /* the viewer's; borrowed while the scan opens */
    const kdb_snapshot *snapshot;   /* may be NULL */
    kdb_arena *arena;               /* lives as long as the scan: the lists that open made */
    kdb_arena *row_arena;           /* reset for each row: text that next made */
    const size_t *projection;
    size_t nprojection;
    kdb_value *blank; /* ncolumns NULLs */
    kdb_value *cells;

    /* The walk, as each table's open and next want it. */
    void *items; /* array in `arena` */
    size_t nitems;
    size_t at;          /* the next item */
    size_t sub;         /* the next version or column of item `at` */
    kdb_table **tables; /* references, dropped with the scan */
    size_t ntables;
    kdb_view **views; /* references, dropped with the scan */
    size_t nviews;
    size_t view_at;    /* the next view, once the tables are done */
    kdb_iter *iter;    /* closed with the scan */
    kdb_status failed; /* set by a next that met an error, which `err` holds */
    kdb_err *err;      /* of the call of kdb_system_scan_next that runs */
};

/* ---- cells, in column order: each sets one cell and returns the next ---- */

kdb_value *kdbi_put_text(kdb_value *cell, kdb_sv text); /* never NULL */
kdb_value *kdbi_put_cstr(kdb_value *cell, const char *text);
kdb_value *kdbi_put_text_or_null(kdb_value *cell, kdb_sv text); /* empty: NULL */
kdb_value *kdbi_put_smallint(kdb_value *cell, int16_t value);
kdb_value *kdbi_put_int(kdb_value *cell, int32_t value);
kdb_value *kdbi_put_bigint(kdb_value *cell, int64_t value);
kdb_value *kdbi_put_bool(kdb_value *cell, bool value);
kdb_value *kdbi_put_float(kdb_value *cell, float value);
kdb_value *kdbi_put_time(kdb_value *cell, int64_t us);         /* TIMESTAMP */
kdb_value *kdbi_put_time_or_null(kdb_value *cell, int64_t us); /* 0: NULL */
kdb_value *kdbi_skip(kdb_value *cell);                         /* stays NULL */

/* What JSON functions append to a buffer, as text in `arena`. */
kdb_sv kdbi_json_columns(const kdb_table *table, const kdb_schema *schema, kdb_arena *arena);
kdb_sv kdbi_json_options(const kdb_table *table, kdb_arena *arena);
kdb_sv kdbi_json_view_columns(const kdb_view *view, kdb_arena *arena);

/* ---- the time of the process ---- */

int64_t kdbi_uptime_us(const kdb_system *system);
kdb_sv kdbi_human_time(int64_t seconds, kdb_arena *arena); /* "3d 4h 5m 6s" */
/* Of one core, over the whole uptime; above 100 where more than one is kept busy. */
double kdbi_cpu_percent(uint64_t cpu_us, int64_t uptime_us);

/* ---- walks over the registry's tables ---- */

/* Takes a reference to every table. */
kdb_status kdbi_open_tables(kdb_system_scan *scan, kdb_err *err);
/* And to every view. */
kdb_status kdbi_open_tables_and_views(kdb_system_scan *scan, kdb_err *err);
/* Moves to the next column of the tables' latest versions; false after the last. */
bool kdbi_next_column(kdb_system_scan *scan, const kdb_table **table, size_t *column);
/* The place of a column within the primary key, from 1; 0 when it has none. */
size_t kdbi_key_position(const kdb_table *table, size_t column);

/* ---- scans, one pair per row of kdb_system_table_defs ---- */

kdb_status kdbi_namespaces_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_namespaces_next(kdb_system_scan *scan, kdb_value *cells);
bool kdbi_tables_next(kdb_system_scan *scan, kdb_value *cells);
bool kdbi_policies_next(kdb_system_scan *scan, kdb_value *cells);
bool kdbi_columns_next(kdb_system_scan *scan, kdb_value *cells);
bool kdbi_schemas_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_users_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_users_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_storages_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_storages_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_jobs_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_jobs_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_audit_log_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_audit_log_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_live_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_live_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_transactions_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_transactions_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_stats_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_stats_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_settings_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_settings_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_manifest_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_manifest_next(kdb_system_scan *scan, kdb_value *cells);
/* Tables that nothing fills yet. */
kdb_status kdbi_nothing_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_nothing_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_datatypes_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_datatypes_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_server_logs_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_server_logs_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_cluster_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_cluster_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_cluster_groups_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_cluster_groups_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_is_settings_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_is_settings_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_is_routines_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_is_routines_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_is_tables_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_is_tables_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_is_columns_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_is_columns_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_is_views_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_is_views_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_is_constraints_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_is_constraints_next(kdb_system_scan *scan, kdb_value *cells);
bool kdbi_is_key_columns_next(kdb_system_scan *scan, kdb_value *cells);
kdb_status kdbi_is_schemata_open(kdb_system_scan *scan, kdb_err *err);
bool kdbi_is_schemata_next(kdb_system_scan *scan, kdb_value *cells);

/* ---- jobs ---- */

void kdbi_job_encode(const kdb_job_row *job, kdb_buf *out);
/* *out borrows from `bytes`, but for the id, which is the record's key. KDB_CORRUPT for bytes that no encoder wrote. */
KDB_NODISCARD kdb_status kdbi_job_decode(kdb_sv id, kdb_sv bytes, kdb_job_row *out, kdb_err *err);

/* Jobs by state, counted over the whole partition. */
typedef struct kdbi_job_counts {
    uint64_t total, running, queued, failed;
} kdbi_job_counts;
KDB_NODISCARD kdb_status kdbi_jobs_count(kdb_store *store, const kdb_snapshot *snapshot, kdbi_job_counts *out,
                                         kdb_err *err);

#endif
