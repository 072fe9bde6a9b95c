/* views_test.c - orders and aggregates kept while many write: at a quiet point they are what reading the table makes. Replicas are sets
 * of rows as text; an insert of a row that is there, or the end of one that is not, is a change lost or told twice. */
#include "live_fixture.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

enum { ROWS = 400, WRITERS = 4, WRITES = 400, REPLICAS = 12, LIVES = 6, RESULT_MAX = 600 };

static fixture f;

typedef struct view {
    const char *sql;
    const char *key;  /* a result row is known by these columns, */
    const char *last; /* and this is in one once the last row has come: no sum, in whose digits anything may stand */
} view;
static const view views[] = {
    { "SELECT id, v FROM app.t ORDER BY v DESC, id LIMIT 3", "id", "\"id\":1000," },
    { "SELECT id, g, v FROM app.t WHERE g <> 2 ORDER BY g, v DESC LIMIT 40 OFFSET 2", "id", "" },
    { "SELECT count(*), sum(v), min(v), max(v), avg(d), sum(d) FROM app.t", "", "\"max(v)\":1000000" },
    { "SELECT g, count(v) AS c, sum(v), min(v), max(v) FROM app.t WHERE v % 5 <> 3 OR id = 1000 GROUP BY g", "g",
      "\"max(v)\":1000000" },
    { "SELECT g % 2 AS odd, min(d), max(d), count(*) FILTER (WHERE v > 50) AS many FROM app.t GROUP BY g % 2", "odd",
      "\"max(d)\":500000" },
    { "SELECT max(v), sum(d) FROM app.t WHERE id > 390", "", "\"max(v)\":1000000" },
};

static unsigned pick(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245U + 12345U;
    return (*seed >> 16) % below;
}

/* ---- writers ---- */

static const char *const statements[] = {
    "INSERT INTO app.t (id, g, v, d) VALUES (%1$u, %2$u, %3$u, %3$u / 7.0) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v",
    "UPDATE app.t SET v = %3$u, d = d * 1.1 WHERE id = %1$u",
    "UPDATE app.t SET g = %2$u, d = %3$u / 3.0 WHERE id >= %1$u AND id < %1$u + 9",
    "DELETE FROM app.t WHERE v > %3$u AND v < 1000",
    "DELETE FROM app.t WHERE id > %1$u AND id < %1$u + 6",
    ("INSERT INTO app.t (id, g, v, d) SELECT i, i %% 6, i %% 100, i / 9.0 FROM generate_series(%1$u, %1$u + 60) AS s(i) "
     "ON CONFLICT (id) DO NOTHING"),
    "BEGIN; DELETE FROM app.t WHERE id = %1$u; INSERT INTO app.t (id, g, v) VALUES (%1$u, %2$u, %3$u); COMMIT",
};

static void *write_on(void *arg)
{
    unsigned *seed = arg;
    for (size_t i = 0; i < WRITES; i++) {
        char sql[512];
        char *text = NULL;
        const char *form = statements[pick(seed, KDB_ARRAY_LEN(statements))];
        (void)snprintf(sql, sizeof(sql), form, pick(seed, ROWS), pick(seed, 6), pick(seed, 100));
        (void)fixture_sql(&f, "svc", sql, &text);
        kdb_free(text);
    }
    return NULL;
}

/* ---- replicas ---- */

typedef struct result_row {
    char key[64];
    char text[256];
} result_row;
typedef struct replica {
    const view *of;
    unsigned seed;
    result_row rows[RESULT_MAX];
    size_t count;
} replica;

static void give_up(const replica *r, const char *what, kdb_sv told)
{
    (void)fprintf(stderr, "%s: %s\n%.*s\n", r->of->sql, what, KDB_SV_ARG(told));
    abort();
}
#define MUST(condition) ((condition) ? (void)0 : give_up(r, #condition, told))

static void put_value(kdb_buf *out, const kdb_json *value)
{
    switch (value->kind) {
    case KDB_JSON_NULL:
        kdb_buf_append_lit(out, "NULL");
        break;
    case KDB_JSON_BOOL:
        kdb_buf_append_sv(out, value->boolean ? KDB_SV("true") : KDB_SV("false"));
        break;
    case KDB_JSON_INT:
        kdb_buf_append_i64(out, value->integer);
        break;
    case KDB_JSON_DOUBLE: /* floating sums: the engine's order of adding is another */
        kdb_buf_printf(out, "%.9g", value->number);
        break;
    case KDB_JSON_STRING:
        kdb_buf_append_sv(out, value->string);
        break;
    case KDB_JSON_ARRAY:
    case KDB_JSON_OBJECT:
        abort();
    }
}

static result_row read_row(const replica *r, const kdb_json *object)
{
    result_row row = { 0 };
    kdb_buf text;
    kdb_buf_init(&text, 0);
    for (const kdb_json *value = object->child; value != NULL; value = value->next) {
        if (kdb_sv_eq(value->key, KDB_SV("_seq"))) {
            continue;
        }
        const size_t from = text.len;
        kdb_buf_append_sv(&text, value->key);
        kdb_buf_append_byte(&text, ':');
        put_value(&text, value);
        if (kdb_sv_eq(value->key, kdb_sv_cstr(r->of->key))) {
            (void)snprintf(row.key, sizeof(row.key), "%.*s", (int)(text.len - from), text.ptr + from);
        }
        kdb_buf_append_byte(&text, ' ');
    }
    (void)snprintf(row.text, sizeof(row.text), "%.*s", (int)text.len, text.ptr);
    kdb_buf_done(&text);
    return row;
}

static size_t find(const replica *r, const result_row *row)
{
    size_t i = 0;
    while (i < r->count && strcmp(r->rows[i].key, row->key) != 0) {
        i++;
    }
    return i;
}

static void apply(replica *r, const kdb_json *msg, kdb_sv told)
{
    const kdb_json *now = kdb_json_lookup(msg, KDB_SV("rows")), *old = kdb_json_lookup(msg, KDB_SV("old_values"));
    const kdb_json *kind = kdb_json_lookup(msg, KDB_SV("change_type"));
    for (const kdb_json *at = now == NULL ? NULL : now->child; at != NULL; at = at->next) {
        const result_row row = read_row(r, at);
        const size_t place = find(r, &row);
        const bool inserted = kind == NULL || kdb_sv_eq(kind->string, KDB_SV("insert"));
        MUST(inserted ? place == r->count : place < r->count);
        MUST(r->count < RESULT_MAX);
        r->rows[place] = row;
        r->count += place == r->count;
    }
    if (now == NULL) {
        const result_row row = read_row(r, old->child);
        const size_t place = find(r, &row);
        MUST(place < r->count);
        r->rows[place] = r->rows[--r->count];
    }
}

static bool last_has_come(const replica *r, kdb_sv told)
{
    if (r->of->last[0] ==
        '\0') { /* the row may lie outside of what is shown: then it is told by what a SELECT answers */
        return false;
    }
    char text[4096];
    (void)snprintf(text, sizeof(text), "%.*s", KDB_SV_ARG(told));
    return strstr(text, r->of->last) != NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const result_row *)a)->text, ((const result_row *)b)->text);
}

/* The replica's rows and those of a new subscriber, who is told what a scan of the table makes. */
static bool equals_new(replica *r)
{
    replica *other = KDB_NEW(replica);
    char sql[512]; /* another text is another query: nothing of the first is shared */
    (void)snprintf(sql, sizeof(sql), "%s /* %u */", r->of->sql, r->seed);
    other->of = r->of;
    subscriber *s = subscribe(&f, "ann", sql, (kdb_live_spec){ .start = KDB_LIVE_ALL });
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_json *json = NULL;
    const kdb_live_msg *msg = message_at(s, 1);
    if (msg == NULL || kdb_json_parse(msg->json, arena, &json, NULL) != KDB_OK) {
        give_up(r, "no rows", KDB_SV(""));
    } else {
        apply(other, json, msg->json);
    }
    unsubscribe(s);
    qsort(r->rows, r->count, sizeof(result_row), by_text);
    qsort(other->rows, other->count, sizeof(result_row), by_text);
    bool same = r->count == other->count;
    for (size_t i = 0; same && i < r->count; i++) {
        same = strcmp(r->rows[i].text, other->rows[i].text) == 0;
    }
    if (!same) {
        for (size_t i = 0; i < r->count || i < other->count; i++) {
            (void)fprintf(stderr, "%-70s | %s\n", i < r->count ? r->rows[i].text : "",
                          i < other->count ? other->rows[i].text : "");
        }
    }
    kdb_free(other);
    return same;
}

static bool is_followed(const view *v)
{
    return v->last[0] != '\0';
}

static atomic_bool all_written;

static void live_once(replica *r, bool last)
{
    subscriber *s = subscribe(&f, "ann", r->of->sql, (kdb_live_spec){ .start = KDB_LIVE_ALL });
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const size_t ends = last ? SIZE_MAX : 2 + pick(&r->seed, 40);
    bool came = false;
    r->count = 0;
    for (size_t i = 1; i < ends; i++) {
        if (!last && i > 1 && messages_now(s) <= i) {
            break;
        }
        const kdb_live_msg *msg = message_at(s, i);
        const kdb_sv told = msg == NULL ? KDB_SV("") : msg->json;
        kdb_json *json = NULL;
        MUST(msg != NULL && msg->kind != KDB_LIVE_ERROR);
        kdb_arena_reset(arena);
        MUST(kdb_json_parse(told, arena, &json, NULL) == KDB_OK);
        apply(r, json, told);
        /* Rows that move up to fill a LIMIT may be told behind it. Nobody writes any more, so that what a scan makes is the end. */
        came = came || last_has_come(r, told);
        if (last && (!is_followed(r->of) || (came && equals_new(r)))) {
            break;
        }
    }
    unsubscribe(s);
}

static void *replicate(void *arg)
{
    replica *r = arg;
    for (size_t i = 0; i < LIVES || !atomic_load(&all_written); i++) {
        live_once(r, false);
    }
    return NULL;
}

/* Subscribed all along: what it is told is all there is to make its rows of. */
static void *follow(void *arg)
{
    replica *r = arg;
    live_once(r, true);
    return NULL;
}

static void kept_results_are_what_a_scan_makes(KDB_UNUSED void **state)
{
    unsigned seeds[WRITERS];
    pthread_t writing[WRITERS], replicating[REPLICAS];
    replica *replicas = kdb_alloc_array(REPLICAS, sizeof(*replicas));
    const unsigned seed = (unsigned)test_seed();
    run_ok(&f, "svc",
           "INSERT INTO app.t (id, g, v, d) SELECT i, i % 6, i % 100, i / 9.0 FROM generate_series(0, 399) AS s(i)");
    for (unsigned i = 0; i < REPLICAS; i++) {
        replicas[i] = (replica){ .of = &views[i % KDB_ARRAY_LEN(views)], .seed = seed + 100 + i };
        const bool follows = i < KDB_ARRAY_LEN(views) && is_followed(replicas[i].of);
        assert_int_equal(pthread_create(&replicating[i], NULL, follows ? follow : replicate, &replicas[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        seeds[i] = seed + i;
        assert_int_equal(pthread_create(&writing[i], NULL, write_on, &seeds[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(writing[i], NULL);
    }
    run_ok(&f, "svc", "INSERT INTO app.t (id, g, v, d) VALUES (1000, 4, 1000000, 500000)");
    atomic_store(&all_written, true);
    for (unsigned i = 0; i < REPLICAS; i++) {
        pthread_join(replicating[i], NULL);
    }
    for (unsigned i = 0; i < KDB_ARRAY_LEN(views); i++) {
        if (!is_followed(replicas[i].of)) {
            live_once(&replicas[i], true);
        }
        assert_true(equals_new(&replicas[i]));
    }
    kdb_free(replicas);
}

static int setup(KDB_UNUSED void **state)
{
    static const char *const settings[] = { "rate_limit.max_subscriptions_per_user=0", NULL };
    fixture_open(&f, settings);
    run_ok(&f, "root", "CREATE NAMESPACE app");
    run_ok(&f, "root",
           "CREATE SHARED TABLE app.t (id INT PRIMARY KEY, g INT, v INT, d DOUBLE) WITH (ACCESS_LEVEL = 'PUBLIC')");
    return 0;
}

static int teardown(KDB_UNUSED void **state)
{
    fixture_close(&f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_results_are_what_a_scan_makes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
