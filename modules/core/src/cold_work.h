/* cold_work.h - what flush and compaction share: where a partition's files go, segments that are written and wait for the commit that
 * makes them the partition's, and that commit. One thread per piece of work. */
#ifndef KDB_CORE_COLD_WORK_H
#define KDB_CORE_COLD_WORK_H

#include "core_int.h"
#include "kdb/cold.h"

/* A file ends with so many rows. */
enum { KDBI_SEGMENT_ROWS = 1000000 };

/* One piece of work on one table. */
typedef struct kdbi_cold_work {
    kdb_core *core;
    const kdb_work *work; /* who started it; borrowed */
    kdb_table *table;     /* as it was when the work began: a reference */
    kdb_objects *objects; /* its storage: a reference */
    kdb_sv path_template; /* of that */
    kdb_cold_writer *writer;
    kdb_arena *arena; /* of this */
    uint64_t row_group_rows;
    kdb_cold_result result;
    bool unsure;    /* the store failed to commit: what is on its disk, only the next start sees */
    kdb_err damage; /* of the first partition that was passed over */
} kdbi_cold_work;

/* Only one piece of work on a table at a time: waits for the one before, unless `work` is to stop. */
KDB_NODISCARD kdb_status kdbi_cold_take(kdb_core *core, kdb_table *table, const kdb_work *work, kdb_err *err);
void kdbi_cold_leave(kdb_core *core, const kdb_table *table);
/* Takes the table, and makes ready what files are written with. */
KDB_NODISCARD kdb_status kdbi_cold_begin(kdb_core *core, kdb_table *table, const kdb_work *work, kdbi_cold_work *out,
                                         kdb_err *err);
void kdbi_cold_end(kdbi_cold_work *work);                                           /* zeroed is fine */
KDB_NODISCARD kdb_status kdbi_cold_check(const kdbi_cold_work *work, kdb_err *err); /* KDB_CANCELLED */
/* What a step for one partition came to: damage (KDB_CORRUPT) keeps no other partition waiting, and is told by _finish. */
KDB_NODISCARD kdb_status kdbi_cold_pass_over(kdbi_cold_work *work, kdb_user_id user, kdb_status status,
                                             const kdb_err *why, kdb_err *err);
/* What the work came to. */
KDB_NODISCARD kdb_status kdbi_cold_finish(const kdbi_cold_work *work, kdb_status status, kdb_err *err);

/* A partition some of whose rows were written to files. */
typedef struct kdbi_cold_part {
    struct kdbi_cold_part *next;
    kdb_user_id user;
    uint32_t next_id; /* of its next segment */
    uint32_t named;   /* the segment whose file's name is in the store though it is not written yet: next_id, or less */
    kdb_new_segment **files; /* in the arena that _write was given */
    size_t nfiles;
    void *source;                 /* the caller's */
    const kdb_manifest *replaces; /* of the segments that go as these come; NULL: none go */
} kdbi_cold_part;

/* Finds the number of the next file of each of the parts, whose user is set. */
KDB_NODISCARD kdb_status kdbi_cold_parts_init(kdbi_cold_work *work, kdbi_cold_part *parts, kdb_arena *arena,
                                              kdb_err *err);
/* Puts the name of the part's next file in the batch: once that is committed, part->named says so. */
KDB_NODISCARD kdb_status kdbi_cold_stage_name(kdbi_cold_work *work, kdbi_cold_part *part, kdb_arena *arena,
                                              kdb_batch *batch, kdb_err *err);
/* The directory of a partition's files, in `arena`. */
kdb_sv kdbi_cold_dir(const kdbi_cold_work *work, kdb_user_id user, kdb_arena *arena);
/* "<dir>/manifest.json", in `arena`. */
kdb_sv kdbi_cold_manifest_path(const kdbi_cold_work *work, kdb_user_id user, kdb_arena *arena);
/* "<dir>/batch-<n>.parquet", in `arena`. */
kdb_sv kdbi_cold_path(const kdbi_cold_work *work, const kdbi_cold_part *part, uint32_t id, kdb_arena *arena);
/* The segment whose file in `dir` has that name; false: it is no such name. */
bool kdbi_cold_file_number(kdb_sv dir, kdb_sv path, uint32_t *out);
/* Writes all the rows to files, staged; before each file is begun its name is in the store, if part->named does not say that it is. */
KDB_NODISCARD kdb_status kdbi_cold_part_write(kdbi_cold_work *work, kdbi_cold_part *part, const kdb_cold_rows *rows,
                                              kdb_arena *arena, kdb_err *err);
/* Makes the parts' files objects. */
KDB_NODISCARD kdb_status kdbi_cold_publish_files(kdbi_cold_work *work, const kdbi_cold_part *parts, kdb_arena *arena,
                                                 kdb_err *err);
/* Puts the parts' segments in the batch. */
KDB_NODISCARD kdb_status kdbi_cold_stage_parts(kdbi_cold_work *work, const kdbi_cold_part *parts, kdb_batch *batch,
                                               kdb_err *err);
/* Adds a part that has been committed to the result. */
void kdbi_cold_count(kdb_cold_result *result, const kdbi_cold_part *part);
/* Rows of `keys`, which a part's files hold, are dead from the start. */
KDB_NODISCARD kdb_status kdbi_cold_stage_dead(kdbi_cold_work *work, const kdbi_cold_part *part, const kdb_sv *keys,
                                              size_t count, kdb_arena *arena, kdb_batch *batch, kdb_err *err);
/* Closes the table to writers, lets `settle` add to the batch, commits it and opens the table again. KDB_TABLE_NOT_FOUND when the
 * table is not there any more. */
KDB_NODISCARD kdb_status kdbi_cold_commit(kdbi_cold_work *work, kdb_batch *batch,
                                          kdb_status (*settle)(void *self, kdb_batch *batch, kdb_err *err), void *self,
                                          kdb_err *err);
/* The parts' files were written in vain. They stay for the next start to judge when the commit is the reason. */
void kdbi_cold_abandon(kdbi_cold_work *work, const kdbi_cold_part *parts);
void kdbi_cold_parts_done(kdbi_cold_part *parts);
/* Writes manifest.json beside the files of each part. False: not all of them, which is in the log; compaction tries it again. */
bool kdbi_cold_export(kdbi_cold_work *work, const kdbi_cold_part *parts);

/* Calls `visit` for each partition of the table that has, or had, segments, as of `snapshot` (NULL: the latest), until it fails. */
KDB_NODISCARD kdb_status kdbi_cold_visit(kdb_core *core, const kdb_table *table, const kdb_snapshot *snapshot,
                                         kdb_status (*visit)(void *self, kdb_user_id user, kdb_err *err), void *self,
                                         kdb_err *err);

#endif
