/* model_test.c - many writers, subscribers that come, leave and resume: at a quiet point each replica is the table. Writers run
 * all kinds of statements; every message is applied to a replica that knows what may come: an insert of a row it has, an update
 * or a deletion of one it has not, or from another version than the one it has, is a change lost or told twice. */
#include "live_fixture.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

enum {
    ROWS = 40,   /* of a partition */
    LAST = 1000, /* the row that is written last */
    WRITERS = 6,
    WRITES = 400,  /* of each */
    REPLICAS = 12, /* at a time, each a thread of its own */
    LIVES = 8      /* of each, one after the other */
};

static fixture f;

/* What is subscribed to: a table as one user sees it, through a filter. */
typedef struct view {
    const char *user, *table, *where;
} view;
static const view views[] = {
    { "ann", "app.own", "" },
    { "ann", "app.own", " WHERE v % 3 <> 0 OR id = 1000" },
    { "bob", "app.own", " WHERE id < 20 OR id = 1000" },
    { "ann", "app.all", "" },
    { "bob", "app.all", " WHERE v > 50 OR id = 1000" },
    { "root", "app.all", " WHERE id IN (1, 2, 3, 5, 8, 13, 1000)" },
};

static unsigned pick(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245U + 12345U;
    return (*seed >> 16) % below;
}

/* ---- writers ---- */

typedef struct writer {
    unsigned seed;
    const char *user;
} writer;

static const char *const statements[] = {
    "INSERT INTO %1$s (id, v) VALUES (%2$u, %3$u)",
    "INSERT INTO %1$s (id, v) VALUES (%2$u, %3$u) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v",
    "UPDATE %1$s SET v = %3$u WHERE id = %2$u",
    "UPDATE %1$s SET v = v + 1 WHERE id >= %2$u AND id < %2$u + 5",
    "DELETE FROM %1$s WHERE id = %2$u",
    "DELETE FROM %1$s WHERE id > %2$u AND id < %2$u + 3",
    "BEGIN; DELETE FROM %1$s WHERE id = %2$u; INSERT INTO %1$s (id, v) VALUES (%2$u, %3$u); COMMIT",
    "BEGIN; UPDATE %1$s SET v = 7 WHERE id = %2$u; UPDATE app.own SET v = %3$u WHERE id = %2$u; COMMIT",
    "INSERT INTO %1$s (id, v) VALUES (%2$u, 1), (%2$u + 100, 2)",
};

static void *write_on(void *arg)
{
    writer *w = arg;
    for (size_t i = 0; i < WRITES; i++) {
        char sql[256];
        char *text = NULL;
        const char *table = pick(&w->seed, 2) == 0 ? "app.own" : "app.all";
        const char *form = statements[pick(&w->seed, KDB_ARRAY_LEN(statements))];
        (void)snprintf(sql, sizeof(sql), form, table, pick(&w->seed, ROWS), pick(&w->seed, 100));
        (void)fixture_sql(&f, w->user, sql, &text); /* duplicate keys and conflicts are part of it */
        kdb_free(text);
    }
    return NULL;
}

/* ---- replicas ---- */

typedef struct held_row {
    bool there;
    long v;
    uint64_t seq;
} held_row;

typedef struct replica {
    const view *of;
    unsigned seed;
    held_row rows[LAST + 1];
    uint64_t cursor;
    /* After a resume: changes below it may be known already, as they are of before the rows were sent. */
    uint64_t settled;
    char sql[128];
} replica;

/* What a thread is at: cmocka's assertions are for the test's own thread. */
typedef struct told {
    const replica *replica;
    const kdb_live_msg *msg;
    size_t index;
} told;
static _Thread_local told telling;

static void give_up(const char *what, int line)
{
    const replica *r = telling.replica;
    (void)fprintf(stderr, "line %d: %s\n%s: %s, cursor %llu%s\nmessage %zu: %.*s\n", line, what,
                  r == NULL ? "" : r->of->user, r == NULL ? "" : r->sql,
                  r == NULL ? 0ULL : (unsigned long long)r->cursor, r != NULL && r->settled != 0 ? " (resumed)" : "",
                  telling.index, telling.msg == NULL ? 0 : (int)telling.msg->json.len,
                  telling.msg == NULL ? "" : telling.msg->json.ptr);
    abort();
}
#define MUST(condition) ((condition) ? (void)0 : give_up(#condition, __LINE__))

static const kdb_json *member(const kdb_json *object, const char *name)
{
    return kdb_json_lookup(object, kdb_sv_cstr(name));
}

static uint64_t seq_of(const kdb_json *row)
{
    uint64_t seq = 0;
    const kdb_json *text = member(row, "_seq");
    MUST(text != NULL);
    MUST(kdb_parse_u64(text->string, &seq, NULL) == KDB_OK);
    return seq;
}

static held_row *row_of(replica *r, const kdb_json *row)
{
    const int64_t id = member(row, "id")->integer;
    MUST(id >= 0 && id <= LAST);
    return &r->rows[id];
}

static held_row read_row(const kdb_json *row)
{
    const kdb_json *v = member(row, "v");
    return (held_row){ true, v == NULL ? -1 : (long)v->integer, seq_of(row) };
}

/* Cursors never go back while changes are told: nothing below one may still be to come. */
static void move_cursor(replica *r, uint64_t seq)
{
    MUST(seq < r->settled || seq > r->cursor);
    r->cursor = seq > r->cursor ? seq : r->cursor;
}

static void apply_batch(replica *r, const kdb_json *msg)
{
    for (const kdb_json *row = member(msg, "rows")->child; row != NULL; row = row->next) {
        *row_of(r, row) = read_row(row);
        r->cursor = seq_of(row) > r->cursor ? seq_of(row) : r->cursor;
    }
}

static void apply_change(replica *r, const kdb_json *msg)
{
    const kdb_sv kind = member(msg, "change_type")->string;
    const kdb_json *now = member(msg, "rows"), *old = member(msg, "old_values");
    if (kdb_sv_eq(kind, KDB_SV("insert"))) {
        held_row *row = row_of(r, now->child);
        MUST(!row->there || seq_of(now->child) < r->settled);
        *row = read_row(now->child);
        move_cursor(r, row->seq);
    } else if (kdb_sv_eq(kind, KDB_SV("update"))) {
        held_row *row = row_of(r, now->child);
        MUST(row->there);
        MUST(row->seq == seq_of(old->child));
        *row = read_row(now->child);
        move_cursor(r, row->seq);
    } else {
        held_row *row = row_of(r, old->child);
        MUST(row->there || seq_of(old->child) < r->settled);
        row->there = false;
        move_cursor(r, seq_of(old->child));
    }
}

/* Applies messages until `until` says so. */
static void follow(replica *r, subscriber *s, size_t *at, bool (*until)(const replica *r, unsigned *left),
                   unsigned *left)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    while (!until(r, left)) {
        const kdb_live_msg *msg = message_at(s, *at);
        kdb_json *json = NULL;
        telling = (told){ r, msg, *at };
        MUST(msg != NULL);
        kdb_arena_reset(arena);
        MUST(kdb_json_parse(msg->json, arena, &json, NULL) == KDB_OK);
        MUST(msg->kind != KDB_LIVE_ERROR);
        if (msg->kind == KDB_LIVE_BATCH) {
            apply_batch(r, json);
        } else if (msg->kind == KDB_LIVE_CHANGE) {
            apply_change(r, json);
        }
        (*at)++;
    }
}

static bool some_have_come(KDB_UNUSED const replica *r, unsigned *left)
{
    return (*left)-- == 0;
}

static bool last_has_come(const replica *r, KDB_UNUSED unsigned *left)
{
    return r->rows[LAST].there;
}

/* A message was waited for that nothing is sure to bring, so this many must have been sent: the first two always are. */
static unsigned lifetime(replica *r, subscriber *s, size_t at)
{
    (void)message_at(s, 1);
    const size_t there = messages_now(s);
    return there <= at ? 0 : pick(&r->seed, (unsigned)(there - at) + 1);
}

static void live_once(replica *r, bool last)
{
    const bool resume = r->cursor != 0 && pick(&r->seed, 3) != 0;
    kdb_live_spec spec = { .start = KDB_LIVE_ALL, .batch_rows = pick(&r->seed, 2) == 0 ? 7 : 0 };
    if (resume) {
        spec.start = KDB_LIVE_FROM;
        spec.from = r->cursor;
    } else {
        memset(r->rows, 0, sizeof(r->rows));
        r->cursor = 0;
    }
    subscriber *s = subscribe(&f, r->of->user, r->sql, spec);
    size_t at = 0;
    unsigned left = 0;
    (void)message_at(s, 1); /* its rows, of the first batch at least, are read */
    r->settled = resume ? kdb_snowflake_next() : 0;
    if (last) {
        follow(r, s, &at, last_has_come, &left);
    } else {
        left = lifetime(r, s, at);
        follow(r, s, &at, some_have_come, &left);
    }
    unsubscribe(s);
}

static atomic_bool all_written;
static pthread_mutex_t written_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t written = PTHREAD_COND_INITIALIZER;

static void compare(const replica *r)
{
    char sql[256];
    char *text = NULL;
    kdb_buf mine;
    kdb_buf_init(&mine, 0);
    for (size_t i = 0; i <= LAST; i++) {
        if (r->rows[i].there) {
            kdb_buf_printf(&mine, "%zu|%ld|%llu\n", i, r->rows[i].v, (unsigned long long)r->rows[i].seq);
        }
    }
    kdb_buf_append_byte(&mine, 0);
    (void)snprintf(sql, sizeof(sql), "SELECT id, v, _seq FROM %s%s ORDER BY id", r->of->table, r->of->where);
    MUST(fixture_sql(&f, r->of->user, sql, &text));
    if (strcmp(mine.ptr, text) != 0) {
        (void)fprintf(stderr, "replica:\n%s\ntable:\n%s\n", mine.ptr, text);
    }
    MUST(strcmp(mine.ptr, text) == 0);
    kdb_free(text);
    kdb_buf_done(&mine);
}

static void *replicate(void *arg)
{
    replica *r = arg;
    (void)snprintf(r->sql, sizeof(r->sql), "SELECT id, v FROM %s%s", r->of->table, r->of->where);
    for (size_t i = 0; i < LIVES || !atomic_load(&all_written); i++) {
        live_once(r, false);
    }
    pthread_mutex_lock(&written_lock);
    while (!r->rows[LAST].there && !atomic_load(&all_written)) {
        pthread_cond_wait(&written, &written_lock);
    }
    pthread_mutex_unlock(&written_lock);
    live_once(r, true);
    compare(r);
    return NULL;
}

static void write_last(void)
{
    run_ok(&f, "ann", "INSERT INTO app.own (id, v) VALUES (1000, 100)");
    run_ok(&f, "bob", "INSERT INTO app.own (id, v) VALUES (1000, 100)");
    run_ok(&f, "root", "INSERT INTO app.all (id, v) VALUES (1000, 100)");
}

static void replicas_are_what_the_table_is(KDB_UNUSED void **state)
{
    static writer writers[WRITERS];
    pthread_t writing[WRITERS], replicating[REPLICAS];
    replica *replicas = kdb_alloc_array(REPLICAS, sizeof(*replicas));
    const unsigned seed = (unsigned)test_seed();
    for (unsigned i = 0; i < REPLICAS; i++) {
        replicas[i] = (replica){ .of = &views[i % KDB_ARRAY_LEN(views)], .seed = seed + 100 + i };
        assert_int_equal(pthread_create(&replicating[i], NULL, replicate, &replicas[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (writer){ seed + i, i % 3 == 0 ? "ann" : i % 3 == 1 ? "bob" : "svc" };
        assert_int_equal(pthread_create(&writing[i], NULL, write_on, &writers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(writing[i], NULL);
    }
    write_last();
    pthread_mutex_lock(&written_lock);
    atomic_store(&all_written, true);
    pthread_cond_broadcast(&written);
    pthread_mutex_unlock(&written_lock);
    for (unsigned i = 0; i < REPLICAS; i++) {
        pthread_join(replicating[i], NULL);
    }
    kdb_free(replicas);
}

static int setup(KDB_UNUSED void **state)
{
    static const char *const settings[] = { "rate_limit.max_subscriptions_per_user=0", "live.threads=2", NULL };
    fixture_open(&f, settings);
    run_ok(&f, "root", "CREATE NAMESPACE app");
    run_ok(&f, "root", "CREATE USER TABLE app.own (id INT PRIMARY KEY, v INT)");
    run_ok(&f, "root", "CREATE SHARED TABLE app.all (id INT PRIMARY KEY, v INT) WITH (ACCESS_LEVEL = 'PUBLIC')");
    return 0;
}

static int teardown(KDB_UNUSED void **state)
{
    kdb_live_stats stats;
    kdb_live_stats_get(f.live, &stats);
    print_message("%llu changes watched, %llu messages, %llu deliveries\n", (unsigned long long)stats.changes,
                  (unsigned long long)stats.messages, (unsigned long long)stats.deliveries);
    fixture_close(&f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_are_what_the_table_is),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
