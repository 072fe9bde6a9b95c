/* stream_expired_test.c - the rows that a search for expired ones finds, against a plain list of what was written. */
#include "fixture.h"

enum { USERS = 60, ROWS = 3000, TTL_S = 10 };

static const fixture_column columns[] = { { 1, "n", { .kind = KDB_TYPE_INT } } };
static const fixture_schema schema = { columns, 1 };

typedef struct written {
    kdb_user_id user;
    kdb_sv key;
    int64_t ms;
} written;

typedef struct model {
    kdb_arena *arena;
    kdb_store *store;
    kdb_table *table;
    written rows[ROWS];
} model;

static const int64_t now_ms = KDB_SNOWFLAKE_EPOCH_MS + 1000000;

/* Ids that share beginnings, and hold what the escape is made of. */
static kdb_user_id user_at(const model *m, size_t i)
{
    static const char odd[] = "u\0x\0\1\xff";
    return (kdb_user_id){ i < sizeof(odd) ? kdb_sv_of(odd, i) : kdb_sv_printf(m->arena, "user%zu", i) };
}

static void write_row(model *m, fixture_random *random, size_t i, kdb_batch *batch)
{
    written *row = &m->rows[i];
    row->user = user_at(m, 1 + fixture_below(random, USERS));
    row->ms = now_ms - (int64_t)fixture_below(random, 2 * TTL_S * 1000);
    if (fixture_below(random, 8) == 0) { /* just before, at and after the edge */
        row->ms = now_ms - TTL_S * 1000 + (int64_t)fixture_below(random, 3) - 1;
    }
    const uint64_t seq = ((uint64_t)(row->ms - KDB_SNOWFLAKE_EPOCH_MS) << 22) | i;
    const kdb_value n = kdb_value_int((int32_t)i);
    kdb_sv bytes;
    assert_int_equal(kdb_row_encode(m->table, &n, seq, false, m->arena, &bytes, NULL), KDB_OK);
    row->key = kdb_row_key_hidden(m->table, row->user, seq, m->arena);
    kdb_tables_stage_put(m->table, row->user, row->key, bytes, seq, 0, batch);
}

static model *model_new(uint64_t seed)
{
    kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    fixture_random random = { seed };
    model *m = KDB_ARENA_NEW(arena, model);
    m->arena = arena;
    m->store = kdb_store_open_memory();
    m->table = fixture_table(arena, KDB_TABLE_STREAM, &schema, 1, NULL, 0);
    m->table->ttl_seconds = TTL_S;
    for (size_t i = 0; i < ROWS; i++) {
        write_row(m, &random, i, batch);
    }
    fixture_commit(m->store, batch);
    return m;
}

static void model_free(model *m)
{
    kdb_store_close(m->store);
    kdb_arena_free(m->arena);
}
KDB_DEFINE_CLEANUP(model, model_free)

static const written *find(const model *m, kdb_sv key)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (kdb_sv_eq(m->rows[i].key, key)) {
            return &m->rows[i];
        }
    }
    return NULL;
}

static size_t count_expired(const model *m)
{
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        count += m->rows[i].ms <= now_ms - TTL_S * 1000;
    }
    return count;
}

/* Every expired row comes once, in order and with its user; no other comes. */
static void search_in_steps_of(const model *m, size_t max_rows, size_t max_bytes)
{
    kdb_expired_spec spec = {
        .store = m->store, .table = m->table, .now_ms = now_ms, .max_rows = max_rows, .max_bytes = max_bytes
    };
    kdb_sv last = { NULL, 0 };
    size_t found = 0;
    do {
        kdb_expired out;
        assert_int_equal(kdb_table_expired(&spec, m->arena, &out, NULL), KDB_OK);
        assert_true(out.nrows <= max_rows);
        for (size_t i = 0; i < out.nrows; i++) {
            const written *row = find(m, out.rows[i].key);
            assert_non_null(row);
            assert_true(kdb_sv_eq(row->user.text, out.rows[i].user.text));
            assert_true(row->ms <= now_ms - TTL_S * 1000);
            assert_true(kdb_sv_cmp(last, row->key) < 0);
            last = row->key;
        }
        found += out.nrows;
        spec.from = out.next;
    } while (spec.from.len != 0);
    assert_int_equal(found, count_expired(m));
}

static void every_expired_row_is_found_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        KDB_CLEANUP(model_freep) model *m = model_new(seed);
        assert_true(count_expired(m) > ROWS / 4);
        search_in_steps_of(m, ROWS, SIZE_MAX);
        search_in_steps_of(m, 1, SIZE_MAX);
        search_in_steps_of(m, 7, SIZE_MAX);
        search_in_steps_of(m, 1000, 1); /* a byte: row by row */
        search_in_steps_of(m, 1000, 500);
    }
}

static void a_table_that_keeps_its_rows_for_ever_has_none(void **state)
{
    (void)state;
    KDB_CLEANUP(model_freep) model *m = model_new(9);
    const kdb_expired_spec spec = {
        .store = m->store, .table = m->table, .now_ms = now_ms, .max_rows = 10, .max_bytes = SIZE_MAX
    };
    kdb_expired out;
    m->table->ttl_seconds = INT64_MAX;
    assert_int_equal(kdb_table_expired(&spec, m->arena, &out, NULL), KDB_OK);
    assert_int_equal(out.nrows, 0);
    assert_int_equal(out.next.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_expired_row_is_found_once),
        cmocka_unit_test(a_table_that_keeps_its_rows_for_ever_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
