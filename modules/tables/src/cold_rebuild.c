/* cold_rebuild.c - a partition's manifest made anew from its files, when records of it are damaged or gone. The files know their rows,
 * with their keys and `_seq`; what they cannot know is which of these are dead. That is found so:
 *
 * - A key that is hot, as a row or as a tombstone, is dead in every file: hot is where the newest version is.
 * - Of a key in several files, only the greatest `_seq` can be alive. (The file of the greatest number, if that is in two.)
 * - A death that is still on record holds for that row, and for every older one of its key in any file.
 * - A file in whose place another was written (cold_note.c) is passed over altogether; unless its own record is still there, for then
 *   the other's commit has not been.
 *
 * So a row comes back only if it was deleted so long ago that its tombstone has been purged and the record of its death is lost as well.
 *
 * Where nothing was damaged all this finds what was there. Files are read twice, keys and `_seq` only: alone, for what their records
 * say, and then side by side in key order, with the hot rows. */
#include "cold_read.h"

#include <stdlib.h>

/* A file and what becomes of it. */
typedef struct found {
    kdb_rebuild_file *file;
    bool recorded; /* the store has its record, in order */
    kdbi_cold_said said;
    kdb_new_segment *segment; /* NULL: it is none, or its record stays */
    uint32_t *dead;           /* rows, ascending */
    size_t ndead, dead_cap;
    /* the second reading */
    bool open, through;
    const kdb_segment *read; /* what the query borrows */
    kdbi_cold_query *query;
    size_t count, at; /* of the rows at hand */
    kdb_iter *deaths; /* on record */
    kdb_arena *row_arena;
    kdb_sv key;
    uint64_t seq;
    uint32_t row;
    bool known_dead;
} found;

struct kdb_cold_rebuild {
    kdb_cold *cold;
    kdb_rebuild_spec spec;
    kdb_arena *arena;
    kdb_sv from, to; /* the partition's keys, hot and in family manifest */
    found *files;
    size_t nfiles;
    kdb_manifest *manifest; /* of them all: holds the files, and tells queries whose rows they are */
    kdb_iter *hot;
    uint32_t next; /* number of the partition's next segment */
    kdb_rebuild_counts counts;
};

/* The rows' keys and `_seq`: where they are among a query's fields. */
enum { SEQ_FIELD, KEY_FIELD, FIELDS };

/* ---- records ---- */

static kdb_iter *walk_records(kdb_cold *cold, const kdb_table *table, const kdb_snapshot *snapshot, kdb_sv from,
                              kdb_sv to)
{
    const kdb_iter_range range = { .from = from, .to = to, .scan = true };
    return kdb_iter_new(cold->store, snapshot, kdbi_cold_partition(table->id), range);
}

/* False: it is no record of a segment, or a damaged one. */
static bool read_record(kdb_sv key, size_t user_len, kdb_sv record, kdb_segment *out)
{
    if (!kdbi_cold_key_is(key, user_len, KDBI_COLD_SEGMENT, 1) || kdbi_segment_read(record, out, NULL) != KDB_OK) {
        return false;
    }
    out->id = kdbi_cold_key_segment(key, user_len);
    return out->id != 0;
}

kdb_status kdb_cold_visit_records(kdb_cold *cold, const kdb_table *table, const kdb_snapshot *snapshot,
                                  kdb_status (*visit)(void *self, kdb_user_id user, const kdb_segment *segment,
                                                      kdb_err *err),
                                  void *self, kdb_err *err)
{
    const kdb_sv all = { NULL, 0 };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = walk_records(cold, table, snapshot, all, all);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter), kdb_arena_reset(arena)) {
        const kdb_sv key = kdb_iter_key(iter);
        const size_t user_len = kdbi_table_has_user(table) ? kdbi_key_bytes_length(key) : 0;
        kdb_segment segment;
        if ((user_len == 0) == kdbi_table_has_user(table) ||
            !read_record(key, user_len, kdb_iter_value(iter), &segment)) {
            continue;
        }
        const kdb_user_id user = { user_len == 0 ? (kdb_sv){ NULL, 0 }
                                                 : kdbi_key_bytes_get(kdb_sv_of(key.ptr, user_len), arena) };
        KDB_TRY(visit(self, user, &segment, err));
    }
    return kdb_iter_status(iter, err);
}

kdb_status kdb_cold_stage_strays(kdb_cold *cold, const kdb_table *table, kdb_batch *batch, kdb_err *err)
{
    const kdb_sv all = { NULL, 0 };
    if (!kdbi_table_has_user(table)) {
        return KDB_OK;
    }
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = walk_records(cold, table, NULL, all, all);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        if (kdbi_key_bytes_length(kdb_iter_key(iter)) == 0) {
            kdb_batch_delete(batch, kdbi_cold_partition(table->id), kdb_iter_key(iter));
        }
    }
    return kdb_iter_status(iter, err);
}

static found *find_file(kdb_cold_rebuild *r, uint32_t segment, kdb_sv path)
{
    for (size_t i = 0; i < r->nfiles; i++) {
        if (r->files[i].file->segment == segment && (path.len == 0 || kdb_sv_eq(r->files[i].file->path, path))) {
            return &r->files[i];
        }
    }
    return NULL;
}

static kdb_status mark_recorded(kdb_cold_rebuild *r, kdb_err *err)
{
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = walk_records(r->cold, r->spec.table, r->spec.snapshot, r->from, r->to);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        kdb_segment segment;
        if (read_record(kdb_iter_key(iter), r->from.len, kdb_iter_value(iter), &segment)) {
            found *f = find_file(r, segment.id, segment.path);
            if (f != NULL) {
                f->recorded = true;
            }
        }
    }
    return kdb_iter_status(iter, err);
}

/* ---- which files are segments ---- */

static void leave(kdb_cold_rebuild *r, found *f, const char *why)
{
    f->file->left = kdb_sv_dup(r->arena, kdb_sv_cstr(why));
}

static bool is_left(const found *f)
{
    return f->file->left.len != 0;
}

/* What another try may find otherwise is no file's fault. KDB_IO is a storage's here: what the engine runs into when it reads on has been
 * told of the file by the query (cold_query.c) already, as KDB_CORRUPT. */
static bool is_of_the_file(kdb_status status)
{
    return status != KDB_IO && status != KDB_LIMIT && status != KDB_TIMEOUT && status != KDB_CANCELLED;
}

/* A failure is told of the file, if it is the file's. */
static kdb_status leave_failed(kdb_cold_rebuild *r, found *f, kdb_status status, const kdb_err *why, kdb_err *err)
{
    if (status == KDB_OK) {
        return KDB_OK;
    }
    if (!is_of_the_file(status)) {
        return KDB_FAIL(err, status, "%s", why->text);
    }
    leave(r, f, why->text);
    return KDB_OK;
}

static kdb_status check_stop(const kdb_cold_rebuild *r, kdb_err *err)
{
    return r->spec.stop != NULL && r->spec.stop(r->spec.self) ? KDB_FAIL(err, KDB_CANCELLED, "It was told to end")
                                                              : KDB_OK;
}

static kdb_status ask(kdb_cold_rebuild *r, found *f, kdb_err *err)
{
    const kdb_table *table = r->spec.table;
    kdb_err why = { .status = KDB_OK };
    const kdb_status status = kdbi_cold_ask(r->cold, table, table->storage_id, f->file->path, r->arena, &f->said, &why);
    KDB_TRY(leave_failed(r, f, status, &why, err));
    if (is_left(f) || !f->said.said) {
        return KDB_OK;
    }
    if (f->said.table_id != table->id) {
        leave(r, f, "it is of another table");
    } else if (!kdb_sv_eq(f->said.user, r->spec.user.text)) {
        leave(r, f, "it holds rows of another user");
    } else if (f->said.segment != f->file->segment) {
        leave(r, f, "it has another's name");
    }
    return KDB_OK;
}

/* Numbers are given once: whose record is there is the one, else the first. */
static void leave_twins(kdb_cold_rebuild *r)
{
    for (size_t i = 1; i < r->nfiles; i++) {
        found *before = &r->files[i - 1], *f = &r->files[i];
        if (before->file->segment == f->file->segment) {
            leave(r, f->recorded ? before : f, "another file has its number");
        }
    }
}

static void compare_places(kdb_cold_rebuild *r, found *f)
{
    for (size_t i = 0; i < f->said.nreplaces && !is_left(f); i++) {
        found *before = find_file(r, f->said.replaces[i], (kdb_sv){ NULL, 0 });
        if (before != NULL && before->recorded && !f->recorded) {
            leave(r, f, "the files in whose place it was written are still the table's");
        } else if (before != NULL && !is_left(before)) {
            leave(r, before, "another file has taken its place");
        }
    }
}

static kdb_status choose(kdb_cold_rebuild *r, kdb_err *err)
{
    for (size_t i = 0; i < r->nfiles; i++) {
        KDB_TRY(check_stop(r, err));
        KDB_TRY(ask(r, &r->files[i], err));
    }
    leave_twins(r);
    for (size_t i = r->nfiles; i-- > 0;) { /* the latest first: what has been replaced replaces nothing any more */
        compare_places(r, &r->files[i]);
    }
    return KDB_OK;
}

/* ---- the first reading: what a record says ---- */

/* `segment` is borrowed until the query is done. */
static kdb_status open_query(const kdb_cold_rebuild *r, const kdb_segment *const *segment, kdbi_cold_query **out,
                             kdb_err *err)
{
    const size_t ncolumns = r->spec.table->schema->ncolumns;
    const size_t fields[FIELDS] = { [SEQ_FIELD] = ncolumns, [KEY_FIELD] = ncolumns + 2 };
    const kdbi_cold_query_spec spec = { .cold = r->cold,
                                        .table = r->spec.table,
                                        .manifest = r->manifest,
                                        .segments = segment,
                                        .nsegments = 1,
                                        .fields = fields,
                                        .nfields = FIELDS,
                                        .finds_places = true };
    return kdbi_cold_query_new(&spec, out, err);
}

static kdb_status read_row(kdbi_cold_query *query, size_t i, kdb_arena *arena, kdb_sv *key, uint64_t *seq, kdb_err *err)
{
    kdb_value value;
    KDB_TRY(kdbi_cold_query_value(query, SEQ_FIELD, i, arena, &value, err));
    if (value.is_null || value.as.i64 <= 0) {
        return KDB_FAIL(err, KDB_CORRUPT, "a row has no _seq");
    }
    *seq = (uint64_t)value.as.i64;
    KDB_TRY(kdbi_cold_query_value(query, KEY_FIELD, i, arena, &value, err));
    *key = value.as.bytes;
    return KDB_OK;
}

/* `last` is the key before. */
static kdb_status note_row(kdb_new_segment *new, kdb_sv key, uint64_t seq, kdb_buf *last, kdb_arena *arena,
                           kdb_err *err)
{
    kdb_segment *segment = &new->segment;
    if (segment->rows == 0) {
        segment->min_key = kdb_sv_dup(arena, key);
        segment->min_seq = segment->max_seq = seq;
    } else if (kdb_sv_cmp(kdb_buf_sv(last), key) >= 0) {
        return KDB_FAIL(err, KDB_CORRUPT, "its rows are not in the order of their keys");
    }
    segment->min_seq = seq < segment->min_seq ? seq : segment->min_seq;
    segment->max_seq = seq > segment->max_seq ? seq : segment->max_seq;
    segment->rows++;
    last->len = 0;
    kdb_buf_append_sv(last, key);
    kdbi_bloom_add(new->bloom, key);
    return KDB_OK;
}

static kdb_status read_rows(kdb_cold_rebuild *r, kdbi_cold_query *query, kdb_new_segment *new, kdb_buf *last,
                            kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    for (size_t count = 0;; kdb_arena_reset(arena)) {
        KDB_TRY(check_stop(r, err));
        KDB_TRY(kdbi_cold_query_next(query, &count, err));
        if (count == 0) {
            new->segment.max_key = kdb_sv_dup(r->arena, kdb_buf_sv(last));
            return new->segment.rows != 0 ? KDB_OK : KDB_FAIL(err, KDB_CORRUPT, "it has no rows");
        }
        for (size_t i = 0; i < count; i++) {
            kdb_sv key;
            uint64_t seq;
            KDB_TRY(read_row(query, i, arena, &key, &seq, err));
            KDB_TRY(note_row(new, key, seq, last, r->arena, err));
        }
    }
}

static kdb_status read_file(kdb_cold_rebuild *r, kdb_new_segment *new, kdb_err *err)
{
    const kdb_segment *segment = &new->segment;
    KDB_CLEANUP(kdbi_cold_query_freep) kdbi_cold_query *query = NULL;
    kdb_buf last;
    KDB_TRY(open_query(r, &segment, &query, err));
    kdb_buf_init(&last, 0);
    const kdb_status status = read_rows(r, query, new, &last, err);
    kdb_buf_done(&last);
    return status;
}

static void stage_segment(kdb_cold_rebuild *r, const kdb_rebuild_file *file, kdb_new_segment *new)
{
    kdb_cold_stage_segment(r->spec.table, r->spec.user, new, kdb_snowflake_next(), r->spec.batch);
    kdb_cold_stage_wanted(r->spec.table->storage_id, file->path, r->spec.batch);
    r->counts.segments++;
    r->counts.rows += new->segment.rows;
}

static kdb_status examine(kdb_cold_rebuild *r, found *f, kdb_err *err)
{
    kdb_err why = { .status = KDB_OK };
    kdb_new_segment *new = KDB_ARENA_NEW(r->arena, kdb_new_segment);
    new->segment = (kdb_segment){ .id = f->file->segment,
                                  .storage_id = r->spec.table->storage_id,
                                  .path = f->file->path,
                                  .bytes = f->file->bytes,
                                  .schema_version = f->said.schema_version,
                                  .created_ms = f->said.said ? f->said.created_ms : kdb_now_ms() };
    new->bloom = kdbi_bloom_new();
    const kdb_status status = read_file(r, new, &why);
    if (status == KDB_OK) {
        stage_segment(r, f->file, new);
    }
    kdb_new_segment_done(new); /* the filter's keys, which are many */
    f->segment = status == KDB_OK ? new : NULL;
    return leave_failed(r, f, status, &why, err);
}

/* ---- the second reading: rows side by side ---- */

static kdb_iter *walk_deaths(kdb_cold_rebuild *r, uint32_t segment)
{
    return walk_records(r->cold, r->spec.table, r->spec.snapshot,
                        kdbi_cold_key(r->from, KDBI_COLD_DEAD, 1, segment, 0, r->arena),
                        kdbi_cold_key_end(r->from, KDBI_COLD_DEAD, 1, segment, r->arena));
}

/* Whether the death of the row that the file is at is on record. */
static bool is_known_dead(const kdb_cold_rebuild *r, found *f)
{
    for (; kdb_iter_valid(f->deaths); kdb_iter_next(f->deaths)) {
        const kdb_sv key = kdb_iter_key(f->deaths);
        if (!kdbi_cold_key_is(key, r->from.len, KDBI_COLD_DEAD, 2)) {
            continue;
        }
        const uint32_t row = kdbi_cold_key_place(key).row;
        if (row >= f->row) {
            return row == f->row;
        }
    }
    return false;
}

static void close_file(found *f)
{
    kdbi_cold_query_free(f->query);
    kdb_iter_free(f->deaths);
    f->query = NULL;
    f->deaths = NULL;
}

static kdb_status look_at_row(const kdb_cold_rebuild *r, found *f, kdb_err *err)
{
    kdb_arena_reset(f->row_arena);
    KDB_TRY(read_row(f->query, f->at, f->row_arena, &f->key, &f->seq, err));
    f->row = kdbi_cold_query_place(f->query, f->at).row;
    f->known_dead = is_known_dead(r, f);
    return KDB_OK;
}

/* From row f->at of those at hand on. */
static kdb_status come_to_row(const kdb_cold_rebuild *r, found *f, kdb_err *err)
{
    if (f->at == f->count) {
        KDB_TRY(check_stop(r, err));
        f->at = 0;
        KDB_TRY(kdbi_cold_query_next(f->query, &f->count, err));
    }
    if (f->count != 0) {
        return look_at_row(r, f, err);
    }
    f->through = true;
    close_file(f);
    return KDB_OK;
}

static kdb_status open_file(kdb_cold_rebuild *r, found *f, kdb_err *err)
{
    f->open = true;
    f->read = &f->segment->segment;
    f->row_arena = kdb_arena_new(0);
    f->deaths = walk_deaths(r, f->read->id);
    KDB_TRY(open_query(r, &f->read, &f->query, err));
    return come_to_row(r, f, err);
}

/* The file whose next row is the first; one that has not been opened stands at its least key. NULL: all are through. */
static found *first_file(const kdb_cold_rebuild *r)
{
    found *first = NULL;
    for (size_t i = 0; i < r->nfiles; i++) {
        found *f = &r->files[i];
        if (f->segment == NULL || f->through) {
            continue;
        }
        f->key = f->open ? f->key : f->segment->segment.min_key;
        if (first == NULL || kdb_sv_cmp(f->key, first->key) < 0) {
            first = f;
        }
    }
    return first;
}

static bool is_at(const found *f, kdb_sv key)
{
    return f->segment != NULL && f->open && !f->through && kdb_sv_eq(f->key, key);
}

static bool is_hot(kdb_cold_rebuild *r, kdb_sv key)
{
    while (kdb_iter_valid(r->hot) && kdb_sv_cmp(kdb_iter_key(r->hot), key) < 0) {
        kdb_iter_next(r->hot);
    }
    return kdb_iter_valid(r->hot) && kdb_sv_eq(kdb_iter_key(r->hot), key);
}

static void add_dead(kdb_cold_rebuild *r, found *f, kdb_sv key)
{
    *KDB_HEAP_PUSH(f->dead, f->ndead, f->dead_cap) = f->row;
    r->counts.dead++;
    kdb_cold_stage_dead(r->spec.table, r->spec.user, (kdb_cold_place){ f->file->segment, f->row }, key,
                        kdb_snowflake_next(), r->spec.batch);
}

/* The files that are at `key`: one of them may have it alive. Files later in the list have greater numbers. */
static found *find_living(kdb_cold_rebuild *r, kdb_sv key)
{
    found *best = NULL;
    uint64_t died = 0;
    for (size_t i = 0; i < r->nfiles; i++) {
        found *f = &r->files[i];
        if (is_at(f, key)) {
            best = best == NULL || f->seq >= best->seq ? f : best;
            died = f->known_dead && f->seq > died ? f->seq : died;
        }
    }
    return is_hot(r, key) || best->seq <= died ? NULL : best;
}

static kdb_status judge(kdb_cold_rebuild *r, kdb_sv key, kdb_err *err)
{
    const found *living = find_living(r, key);
    for (size_t i = 0; i < r->nfiles; i++) {
        found *f = &r->files[i];
        if (!is_at(f, key)) {
            continue;
        }
        if (f != living) {
            add_dead(r, f, key);
        }
        f->at++;
        KDB_TRY(come_to_row(r, f, err));
    }
    return KDB_OK;
}

/* All files that may have the first key are opened before it is judged. */
static kdb_status judge_rows(kdb_cold_rebuild *r, kdb_err *err)
{
    KDB_CLEANUP(kdb_buf_done) kdb_buf key;
    kdb_buf_init(&key, 0);
    for (;;) {
        found *first = first_file(r);
        if (first == NULL) {
            return kdb_iter_status(r->hot, err);
        }
        key.len = 0;
        kdb_buf_append_sv(&key, first->key);
        bool opened = false;
        for (size_t i = 0; i < r->nfiles; i++) {
            found *f = &r->files[i];
            if (f->segment != NULL && !f->open && kdb_sv_eq(f->segment->segment.min_key, kdb_buf_sv(&key))) {
                KDB_TRY(open_file(r, f, err));
                opened = true;
            }
        }
        if (!opened) {
            KDB_TRY(judge(r, kdb_buf_sv(&key), err));
        }
    }
}

/* ---- what is stored ---- */

static found *find_numbered(kdb_cold_rebuild *r, uint32_t segment)
{
    for (size_t i = 0; i < r->nfiles; i++) {
        found *f = &r->files[i];
        if (f->file->segment == segment && (f->segment != NULL || f->recorded)) {
            return f;
        }
    }
    return NULL;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* Whether an entry of family manifest is what the manifest will be of. */
static bool stays(kdb_cold_rebuild *r, kdb_sv key)
{
    const size_t at = r->from.len;
    if (kdbi_cold_key_is(key, at, KDBI_COLD_GENERATION, 0) || kdbi_cold_key_is(key, at, KDBI_COLD_ROSTER, 0) ||
        kdbi_cold_key_is(key, at, KDBI_COLD_EXPORTED, 0)) {
        return true; /* all three are written anew */
    }
    const bool record = kdbi_cold_key_is(key, at, KDBI_COLD_SEGMENT, 1);
    const bool block = kdbi_cold_key_is(key, at, KDBI_COLD_BLOOM, 2);
    const bool death = kdbi_cold_key_is(key, at, KDBI_COLD_DEAD, 2);
    if (!record && !block && !death) {
        return false;
    }
    const found *f = find_numbered(r, kdbi_cold_key_segment(key, at));
    if (f == NULL || f->segment == NULL) {
        return f != NULL;
    }
    const uint32_t number = record ? 0 : kdbi_cold_key_place(key).row;
    return record || (block && number < f->segment->segment.bloom_blocks) ||
           (death && f->ndead != 0 && bsearch(&number, f->dead, f->ndead, sizeof(number), by_number) != NULL);
}

static kdb_status stage_removals(kdb_cold_rebuild *r, kdb_err *err)
{
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = walk_records(r->cold, r->spec.table, r->spec.snapshot, r->from, r->to);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        if (!stays(r, kdb_iter_key(iter))) {
            kdb_batch_delete(r->spec.batch, kdbi_cold_partition(r->spec.table->id), kdb_iter_key(iter));
        }
    }
    return kdb_iter_status(iter, err);
}

static void stage_roster(kdb_cold_rebuild *r)
{
    uint32_t *ids = KDB_ARENA_ARRAY(r->arena, uint32_t, r->nfiles + 1);
    size_t count = 0;
    for (size_t i = 0; i < r->nfiles; i++) {
        if (r->files[i].segment != NULL || r->files[i].recorded) {
            ids[count++] = r->files[i].file->segment;
        }
    }
    kdb_cold_stage_roster(r->spec.table, r->spec.user, r->next, ids, count, kdb_snowflake_next(), r->spec.batch);
}

/* ---- the whole ---- */

static void set_up(kdb_cold_rebuild *r)
{
    const kdb_rebuild_spec *spec = &r->spec;
    kdb_row_user_range(spec->table, spec->user, r->arena, &r->from, &r->to);
    r->nfiles = spec->nfiles;
    r->files = KDB_ARENA_ARRAY(r->arena, found, spec->nfiles + 1);
    r->manifest = kdbi_manifest_new(r->cold, spec->table->id, spec->user, r->from, 0);
    kdb_segment *held = KDB_ARENA_ARRAY(r->manifest->arena, kdb_segment, spec->nfiles + 1);
    for (size_t i = 0; i < spec->nfiles; i++) {
        r->files[i].file = &spec->files[i];
        held[i].id = spec->files[i].segment;
        r->next = spec->files[i].segment >= r->next ? spec->files[i].segment + 1 : r->next;
    }
    kdb_mutex_lock(&r->cold->lock); /* sweeps ask for what is held */
    r->manifest->segments = held;
    r->manifest->nsegments = spec->nfiles;
    kdb_mutex_unlock(&r->cold->lock);
    const kdb_iter_range range = { .from = r->from, .to = r->to, .scan = true };
    r->hot = kdb_iter_new(r->cold->store, spec->snapshot, kdb_table_partition(spec->table), range);
}

/* A number that was given once is not given again. */
static kdb_status find_next(kdb_cold_rebuild *r, kdb_err *err)
{
    kdbi_cold_roster roster;
    const kdb_status status =
        kdbi_cold_roster_read(r->cold, r->spec.snapshot, r->spec.table->id, r->from, false, r->arena, &roster, err);
    r->next = r->next == 0 ? 1 : r->next;
    if (status == KDB_CORRUPT) {
        return KDB_OK;
    }
    KDB_TRY(status);
    r->next = roster.next > r->next ? roster.next : r->next;
    return KDB_OK;
}

static kdb_status rebuild(kdb_cold_rebuild *r, kdb_err *err)
{
    KDB_TRY(find_next(r, err));
    KDB_TRY(mark_recorded(r, err));
    KDB_TRY(choose(r, err));
    for (size_t i = 0; i < r->nfiles; i++) {
        if (!is_left(&r->files[i])) {
            KDB_TRY(examine(r, &r->files[i], err));
        }
    }
    KDB_TRY(judge_rows(r, err));
    stage_roster(r);
    return stage_removals(r, err);
}

kdb_status kdb_cold_rebuild_new(kdb_cold *cold, const kdb_rebuild_spec *spec, kdb_cold_rebuild **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_cold_rebuild_freep) kdb_cold_rebuild *r = KDB_NEW(kdb_cold_rebuild);
    r->cold = cold;
    r->spec = *spec;
    r->arena = kdb_arena_new(0);
    set_up(r);
    KDB_TRY(rebuild(r, err));
    *out = KDB_TAKE(r);
    return KDB_OK;
}

void kdb_cold_rebuild_free(kdb_cold_rebuild *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->nfiles; i++) {
        found *f = &r->files[i];
        close_file(f);
        kdb_arena_free(f->row_arena);
        kdb_free(f->dead);
    }
    kdb_iter_free(r->hot);
    kdb_manifest_unref(r->manifest);
    kdb_arena_free(r->arena);
    kdb_free(r);
}

kdb_rebuild_counts kdb_cold_rebuild_counts(const kdb_cold_rebuild *r)
{
    return r->counts;
}

/* ---- what was written since the snapshot ---- */

/* The segments with the rows that are dead already, for whoever looks for living ones. */
static kdb_manifest *manifest_of(kdb_cold_rebuild *r)
{
    kdb_new_segment **segments = KDB_ARENA_ARRAY(r->arena, kdb_new_segment *, r->nfiles + 1);
    size_t count = 0;
    for (size_t i = 0; i < r->nfiles; i++) {
        found *f = &r->files[i];
        if (f->segment != NULL) {
            f->segment->segment.dead = f->dead;
            f->segment->segment.ndead = f->ndead;
            segments[count++] = f->segment;
        }
    }
    return kdb_manifest_of(r->cold, r->spec.table, r->spec.user, segments, count);
}

static kdb_status written_since(kdb_cold_rebuild *r, uint64_t floor, kdb_cold_changed *out, kdb_err *err)
{
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdbi_written_since(r->cold->store, r->spec.table, r->from, r->to, floor);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        kdbi_cold_changed_add(out, kdbi_key_join(r->from, kdb_iter_value(iter), r->arena), r->arena);
    }
    return kdb_iter_status(iter, err);
}

kdb_status kdb_cold_rebuild_settle(kdb_cold_rebuild *r, uint64_t floor, kdb_err *err)
{
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = manifest_of(r);
    kdb_cold_changed changed = { 0 };
    KDB_TRY(written_since(r, floor, &changed, err));
    kdb_cold_place *places = KDB_ARENA_ARRAY(r->arena, kdb_cold_place, changed.count + 1);
    KDB_TRY(kdb_cold_find(r->cold, r->spec.table, manifest, changed.keys, changed.count, false, r->arena, places, NULL,
                          err));
    for (size_t i = 0; i < changed.count; i++) {
        if (places[i].segment != 0) {
            kdb_cold_stage_dead(r->spec.table, r->spec.user, places[i], changed.keys[i], kdb_snowflake_next(),
                                r->spec.batch);
        }
    }
    return KDB_OK;
}
