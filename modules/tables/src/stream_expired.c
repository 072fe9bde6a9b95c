/* stream_expired.c - the rows of a STREAM table that have outlived its TTL. A user's rows lie in the order of time, so those
 * are the first of each user's; what follows them is passed over in one step. */
#include "tables_int.h"

/* A step costs about as much as some tens of rows that are read. */
enum { STEPS_MAX = 1024 };

typedef struct search {
    const kdb_expired_spec *spec;
    kdb_arena *arena;
    kdb_expired *out;
    int64_t oldest_ms;
    size_t bytes;
    size_t steps;
    kdb_sv from; /* where to go on; empty once the table's end has been reached */
} search;

/* Rows of one user follow one another: they share the id. */
static void add_row(search *s, kdb_sv key, size_t user_len)
{
    kdb_expired *out = s->out;
    const kdb_expired_row *last = out->nrows == 0 ? NULL : &out->rows[out->nrows - 1];
    const kdb_sv copy = kdb_sv_dup(s->arena, key);
    const bool same = last != NULL && last->key.len == key.len && memcmp(last->key.ptr, key.ptr, user_len) == 0;
    out->rows[out->nrows++] = (kdb_expired_row){
        same ? last->user : (kdb_user_id){ kdbi_key_bytes_get(kdb_sv_of(copy.ptr, user_len), s->arena) }, copy
    };
}

/* The first key that is no row of the user's. */
static kdb_sv behind_user(kdb_sv key, size_t user_len, kdb_arena *arena)
{
    kdb_sv next = { NULL, 0 };
    (void)kdbi_key_successor(kdb_sv_of(key.ptr, user_len), arena, &next);
    return next;
}

static bool is_full(const search *s)
{
    return s->out->nrows == s->spec->max_rows || (s->bytes != 0 && s->bytes >= s->spec->max_bytes);
}

/* From s->from to a row that has not expired, the table's end, or a limit. *out_through: there is no more of the table. */
static kdb_status walk(search *s, bool *out_through, kdb_err *err)
{
    const kdb_partition part = kdb_table_partition(s->spec->table);
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(s->spec->store, NULL, part, (kdb_iter_range){ .from = s->from });
    *out_through = false;
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        const kdb_sv key = kdb_iter_key(iter);
        const size_t user_len = kdbi_key_bytes_length(key);
        if (user_len == 0 || key.len != user_len + KDBI_STREAM_TAIL) {
            return KDB_FAIL(err, KDB_CORRUPT, "a key of a STREAM table is damaged");
        }
        if (kdbi_key_i64_get(key.ptr + user_len) >= s->oldest_ms) {
            s->from = behind_user(key, user_len, s->arena);
            return KDB_OK;
        }
        if (is_full(s)) {
            s->from = kdb_sv_dup(s->arena, key);
            return KDB_OK;
        }
        add_row(s, key, user_len);
        s->bytes += kdb_iter_value(iter).len;
    }
    KDB_TRY(kdb_iter_status(iter, err));
    *out_through = true;
    return KDB_OK;
}

kdb_status kdb_table_expired(const kdb_expired_spec *spec, kdb_arena *arena, kdb_expired *out, kdb_err *err)
{
    KDB_ASSERT(spec->table->type == KDB_TABLE_STREAM && spec->max_rows > 0);
    *out = (kdb_expired){ .rows = KDB_ARENA_ARRAY(arena, kdb_expired_row, spec->max_rows) };
    search s = { .spec = spec,
                 .arena = arena,
                 .out = out,
                 .oldest_ms = kdbi_oldest_visible(spec->table, spec->now_ms),
                 .from = spec->from };
    bool through = false;
    while (!through && !is_full(&s) && s.steps++ < STEPS_MAX) {
        KDB_TRY(walk(&s, &through, err));
    }
    out->next = through ? (kdb_sv){ NULL, 0 } : s.from;
    return KDB_OK;
}
