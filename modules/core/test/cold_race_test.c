/* cold_race_test.c - rows go cold and are put together while many write them: every answer is right at its time, no change is lost or
 * happens twice, and whoever listens is told of changes only, never of a move. */
#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

enum { WRITERS = 4, STATEMENTS = 150, IDS = 48, ABSENT = -1, TABLES = 2 };

static fixture f;
static atomic_bool writing;

/* ---- who listens: the committer; read when all is done ---- */

static struct recorder {
    uint64_t last_seq[TABLES];
    size_t changes[TABLES]; /* of table own, shared */
    bool in_order;
} recorder;

static void record(void *self, const kdb_row_change *changes, size_t count)
{
    (void)self;
    for (size_t i = 0; i < count; i++) {
        const size_t table = kdb_sv_eq(changes[i].table->name, KDB_SV("own")) ? 0 : 1;
        recorder.in_order = recorder.in_order && changes[i].seq > recorder.last_seq[table];
        recorder.last_seq[table] = changes[i].seq;
        recorder.changes[table]++;
    }
}

/* ---- who writes ---- */

/* Has ids of its own in both tables, and adds to a row that all share. */
typedef struct writer {
    const char *user;
    int base; /* its first id */
    unsigned seed;
    int v[TABLES][IDS];
    size_t changes[TABLES]; /* by its statements' answers */
    size_t added;           /* to the row of all */
} writer;

static const char *const tables[TABLES] = { "own", "shared" };

static unsigned draw(writer *w, unsigned below)
{
    w->seed = w->seed * 1103515245U + 12345U;
    return (w->seed >> 8) % below;
}

static uint64_t must(const writer *w, const char *sql)
{
    answer a = run_as(&f, w->user, KDB_ROLE_SERVICE, sql, NULL, 0);
    if (a.status != KDB_OK) {
        (void)fprintf(stderr, "%s: %s\n", sql, a.text);
        abort();
    }
    const uint64_t rows = a.rows;
    answer_done(&a);
    return rows;
}

static void change(writer *w, size_t table, const char *sql, uint64_t expected)
{
    const uint64_t rows = must(w, sql);
    if (rows != expected) {
        (void)fprintf(stderr, "%s changed %llu rows, not %llu\n", sql, (unsigned long long)rows,
                      (unsigned long long)expected);
        abort();
    }
    w->changes[table] += rows;
}

static void upsert(writer *w, size_t table, size_t i)
{
    char sql[256];
    const int id = w->base + (int)i;
    const int next = w->v[table][i] == ABSENT ? 1 : w->v[table][i] + 1;
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO %s VALUES (%d, 1, 'first') ON CONFLICT (id) DO UPDATE SET v = %s.v + 1, t = 'again'",
                   tables[table], id, tables[table]);
    change(w, table, sql, 1);
    w->v[table][i] = next;
}

static void remove_one(writer *w, size_t table, size_t i)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE id = %d", tables[table], w->base + (int)i);
    change(w, table, sql, w->v[table][i] != ABSENT);
    w->v[table][i] = ABSENT;
}

static void update_some(writer *w, size_t table, unsigned part)
{
    char sql[192];
    uint64_t expected = 0;
    (void)snprintf(sql, sizeof(sql), "UPDATE %s SET v = v + 10 WHERE id >= %d AND id < %d AND id %% 6 = %u",
                   tables[table], w->base, w->base + IDS, part);
    for (size_t i = 0; i < IDS; i++) {
        if (w->v[table][i] != ABSENT && (unsigned)(w->base + (int)i) % 6 == part) {
            w->v[table][i] += 10;
            expected++;
        }
    }
    change(w, table, sql, expected);
}

/* A table that is only closed for a while, for the commit of a flush, is no reason for a COMMIT to fail. */
static void transact(writer *w, size_t table, size_t i)
{
    char sql[160];
    (void)snprintf(sql, sizeof(sql), "BEGIN; UPDATE %s SET v = v + 100 WHERE id = %d; COMMIT", tables[table],
                   w->base + (int)i);
    (void)must(w, sql);
    if (w->v[table][i] != ABSENT) {
        w->v[table][i] += 100;
        w->changes[table]++;
    }
}

static void compare(writer *w, size_t table)
{
    char sql[192];
    kdb_buf expected;
    kdb_buf_init(&expected, 0);
    kdb_buf_append_lit(&expected, "id|v\n");
    for (size_t i = 0; i < IDS; i++) {
        if (w->v[table][i] != ABSENT) {
            kdb_buf_printf(&expected, "%d|%d\n", w->base + (int)i, w->v[table][i]);
        }
    }
    (void)snprintf(sql, sizeof(sql), "SELECT id, v FROM %s WHERE id >= %d AND id < %d ORDER BY %s", tables[table],
                   w->base, w->base + IDS, draw(w, 2) == 0 ? "id" : "id + 0");
    answer a = run_as(&f, w->user, KDB_ROLE_SERVICE, sql, NULL, 0);
    if (!kdb_sv_eq(kdb_sv_cstr(a.text), kdb_buf_sv(&expected))) {
        (void)fprintf(stderr, "%s, %s\nfound:\n%s\nexpected:\n%.*s\n", w->user, sql, a.text,
                      KDB_SV_ARG(kdb_buf_sv(&expected)));
        abort();
    }
    answer_done(&a);
    kdb_buf_done(&expected);
}

static void *write_often(void *arg)
{
    writer *w = arg;
    for (int i = 0; i < STATEMENTS; i++) {
        const size_t table = draw(w, TABLES);
        const unsigned kind = draw(w, 10);
        if (kind < 4) {
            upsert(w, table, draw(w, IDS));
        } else if (kind == 4) {
            remove_one(w, table, draw(w, IDS));
        } else if (kind == 5) {
            update_some(w, table, draw(w, 6));
        } else if (kind == 6) {
            change(w, 1, "UPDATE shared SET v = v + 1 WHERE id = 0", 1);
            w->added++;
        } else if (kind < 9) {
            transact(w, table, draw(w, IDS));
        } else {
            compare(w, table);
        }
    }
    return NULL;
}

/* ---- who moves ---- */

static size_t move(const char *name, bool merge)
{
    KDB_CLEANUP(kdb_table_unrefp)
    kdb_table *table = kdb_registry_lookup_table(f.registry, KDB_SV("default"), kdb_sv_cstr(name));
    const kdb_flush_spec spec = { .table = table, .all = true };
    kdb_cold_result result;
    kdb_err err;
    const kdb_status status = merge ? kdb_core_compact(f.core, table, true, NULL, &result, &err)
                                    : kdb_core_flush(f.core, &spec, NULL, &result, &err);
    if (status != KDB_OK) {
        (void)fprintf(stderr, "%s of %s: %s\n", merge ? "compaction" : "flush", name, err.text);
        abort();
    }
    return (size_t)result.rows;
}

static void *move_often(void *arg)
{
    size_t *moved = arg;
    for (int i = 1; atomic_load(&writing); i++) {
        for (size_t table = 0; table < TABLES; table++) {
            *moved += move(tables[table], i % 3 == 0);
        }
    }
    return NULL;
}

/* ---- the run ---- */

static void start_writers(writer *writers, pthread_t *threads)
{
    static const char *const users[] = { "ann", "ann", "bob", "root" };
    for (int i = 0; i < WRITERS; i++) {
        writer *w = &writers[i];
        w->user = users[i];
        w->base = (i + 1) * 1000;
        w->seed = (unsigned)i + 1;
        for (size_t id = 0; id < IDS; id++) {
            w->v[0][id] = w->v[1][id] = ABSENT;
        }
        assert_int_equal(pthread_create(&threads[i], NULL, write_often, w), 0);
    }
}

static void rows_move_while_they_are_written(void **state)
{
    (void)state;
    static writer writers[WRITERS];
    pthread_t threads[WRITERS], mover;
    size_t moved = 0, added = 0, changes[TABLES] = { 0 };
    const kdb_change_sink sink = { .on_changes = record };
    recorder = (struct recorder){ .in_order = true };
    fixture_open(&f, NULL, &sink, 1);
    expect(&f, "root",
           "CREATE USER TABLE own (id INT PRIMARY KEY, v INT, t TEXT); CREATE SHARED TABLE shared (id INT PRIMARY KEY, "
           "v INT, t TEXT); INSERT INTO shared VALUES (0, 0, 'of all')",
           "[0 Table default.own created successfully]\n[0 Table default.shared created successfully]\n"
           "[1 Inserted 1 row(s)]\n");
    atomic_store(&writing, true);
    assert_int_equal(pthread_create(&mover, NULL, move_often, &moved), 0);
    start_writers(writers, threads);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    atomic_store(&writing, false);
    assert_int_equal(pthread_join(mover, NULL), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        for (size_t table = 0; table < TABLES; table++) {
            compare(&writers[i], table);
            changes[table] += writers[i].changes[table];
        }
        added += writers[i].added;
    }
    char text[64];
    (void)snprintf(text, sizeof(text), "v\n%zu\n", added);
    expect(&f, "root", "SELECT v FROM shared WHERE id = 0", text);
    fixture_close(&f);
    assert_true(moved > 0);
    assert_true(recorder.in_order);
    assert_int_equal(recorder.changes[0], changes[0]);
    assert_int_equal(recorder.changes[1], changes[1] + 1); /* and the first row */
}

int main(void)
{
    const struct CMUnitTest tests_to_run[] = {
        cmocka_unit_test(rows_move_while_they_are_written),
    };
    return cmocka_run_group_tests(tests_to_run, NULL, NULL);
}
