/* hot_cache_test.c - what is read from partitions kept in memory is what is stored, while they are written, altered and pushed
 * out. One thread drives many requests: what it has an answer for was acknowledged, and whatever it starts later must see it. */
#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

enum {
    ROWS = 16,    /* of a partition: each written by one request at a time, its v counts up */
    ACCOUNTS = 8, /* and those that money moves between */
    FIRST_ACCOUNT = 100,
    BALANCE = 1000000,
    TOKEN = 200, /* a row that is now TOKEN, now TOKEN + 1 */
    ALL_ROWS = ROWS + ACCOUNTS + 1,
    WRITERS = 6, /* in flight at once */
    READERS = 6,
    STEPS = 1500,
    SQL_MAX = 256
};

static fixture f;
static unsigned seed;
static unsigned alters;
static bool alter_busy;

static unsigned pick(unsigned below)
{
    seed = seed * 1103515245U + 12345U;
    return (seed >> 16) % below;
}

/* ---- partitions: the rows of one user, or of a shared table ---- */

typedef struct part {
    const char *table, *user;
    long acked[ROWS];   /* the v of the last write that was answered */
    long started[ROWS]; /* of the last that was sent */
    bool busy[ROWS], token_busy;
    int token;
    unsigned token_moves; /* that were sent */
} part;

static part parts[] = {
    { .table = "app.bank", .user = "root" },
    { .table = "app.own", .user = "ann" },
    { .table = "app.own", .user = "bob" },
};

static void run_ok(const char *user, const char *sql)
{
    answer a = run(&f, user, sql);
    if (a.status != KDB_OK) {
        fail_msg("%s: %s\n%s", user, sql, a.text);
    }
    answer_done(&a);
}

static void fill(part *p)
{
    char sql[SQL_MAX];
    *p = (part){ .table = p->table, .user = p->user, .token = TOKEN };
    (void)snprintf(sql, sizeof(sql), "INSERT INTO %s (id, v) SELECT i, 0 FROM generate_series(0, %d) AS g(i)", p->table,
                   ROWS - 1);
    run_ok(p->user, sql);
    (void)snprintf(sql, sizeof(sql), "INSERT INTO %s (id, v) SELECT i, %d FROM generate_series(%d, %d) AS g(i)",
                   p->table, BALANCE, FIRST_ACCOUNT, FIRST_ACCOUNT + ACCOUNTS - 1);
    run_ok(p->user, sql);
    (void)snprintf(sql, sizeof(sql), "INSERT INTO %s (id, v) VALUES (%d, 7)", p->table, TOKEN);
    run_ok(p->user, sql);
}

static void open_with(const char *limit)
{
    const char *const settings[] = { "server.workers=8", limit, NULL };
    fixture_open(&f, settings, NULL, 0);
    seed = 3;
    alters = 0;
    alter_busy = false;
    run_ok("root", "CREATE NAMESPACE app");
    run_ok("root", "CREATE SHARED TABLE app.bank (id INT PRIMARY KEY, v BIGINT)");
    run_ok("root", "CREATE USER TABLE app.own (id INT PRIMARY KEY, v BIGINT)");
    for (size_t i = 0; i < KDB_ARRAY_LEN(parts); i++) {
        fill(&parts[i]);
    }
}

/* ---- writes ---- */

typedef enum write_kind { WRITE_ROW, WRITE_MOVE, WRITE_TOKEN, WRITE_ALTER } write_kind;

typedef struct writer {
    pending_request *pending; /* NULL: free */
    part *part;
    write_kind kind;
    unsigned row;
    char sql[SQL_MAX];
} writer;

static bool start_row(writer *w)
{
    static const char *const forms[] = {
        "UPDATE %1$s SET v = %2$ld WHERE id = %3$u",
        "INSERT INTO %1$s (id, v) VALUES (%3$u, %2$ld) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v",
        "BEGIN; DELETE FROM %1$s WHERE id = %3$u; INSERT INTO %1$s (id, v) VALUES (%3$u, %2$ld); COMMIT",
        "BEGIN; UPDATE %1$s SET v = v + 1 WHERE id = %3$u; UPDATE %1$s SET v = %2$ld WHERE id = %3$u; COMMIT",
    };
    part *p = w->part;
    w->row = pick(ROWS);
    if (p->busy[w->row]) {
        return false;
    }
    p->busy[w->row] = true;
    const char *form = forms[pick(KDB_ARRAY_LEN(forms))];
    (void)snprintf(w->sql, SQL_MAX, form, p->table, ++p->started[w->row], w->row);
    return true;
}

static bool start_move(writer *w)
{
    static const char *const forms[] = {
        "UPDATE %1$s SET v = v + CASE WHEN id = %2$u THEN %4$u ELSE -%4$u END WHERE id IN (%2$u, %3$u)",
        "BEGIN; UPDATE %1$s SET v = v + %4$u WHERE id = %2$u; UPDATE %1$s SET v = v - %4$u WHERE id = %3$u; COMMIT",
    };
    const unsigned from = pick(ACCOUNTS), to = (from + 1 + pick(ACCOUNTS - 1)) % ACCOUNTS;
    (void)snprintf(w->sql, SQL_MAX, forms[pick(KDB_ARRAY_LEN(forms))], w->part->table, FIRST_ACCOUNT + from,
                   FIRST_ACCOUNT + to, pick(90) + 1);
    return true;
}

static bool start_token(writer *w)
{
    part *p = w->part;
    if (p->token_busy) {
        return false;
    }
    p->token_busy = true;
    p->token_moves++;
    (void)snprintf(w->sql, SQL_MAX,
                   "BEGIN; DELETE FROM %1$s WHERE id = %2$d; INSERT INTO %1$s (id, v) VALUES (%3$d, 7); COMMIT",
                   p->table, p->token, 2 * TOKEN + 1 - p->token);
    return true;
}

static bool start_alter(writer *w)
{
    static const char *const changes[] = { "ADD COLUMN x INT NOT NULL DEFAULT 3", "MODIFY x BIGINT", "DROP COLUMN x" };
    if (alter_busy) {
        return false;
    }
    alter_busy = true;
    (void)snprintf(w->sql, SQL_MAX, "ALTER TABLE app.own %s", changes[alters++ % KDB_ARRAY_LEN(changes)]);
    return true;
}

static void start_write(writer *w, bool with_alters)
{
    static bool (*const starts[])(writer * w) = {
        [WRITE_ROW] = start_row, [WRITE_MOVE] = start_move, [WRITE_TOKEN] = start_token, [WRITE_ALTER] = start_alter
    };
    static const write_kind mix[] = { WRITE_ROW, WRITE_ROW, WRITE_ROW, WRITE_MOVE, WRITE_MOVE, WRITE_TOKEN };
    w->part = &parts[pick(KDB_ARRAY_LEN(parts))];
    w->kind = with_alters ? WRITE_ALTER : mix[pick(KDB_ARRAY_LEN(mix))];
    if (starts[w->kind](w)) {
        w->pending = start(&f, w->kind == WRITE_ALTER ? "root" : w->part->user, w->sql);
    }
}

/* Transactions lose to each other and to ALTER; then nothing of them holds. */
static bool may_conflict(const writer *w)
{
    return strncmp(w->sql, "BEGIN", 5) == 0;
}

static void end_write(writer *w)
{
    answer a = wait_for(w->pending);
    w->pending = NULL;
    if (a.status != KDB_OK && !(a.status == KDB_CONFLICT && may_conflict(w))) {
        fail_msg("%s\n%s", w->sql, a.text);
    }
    if (w->kind == WRITE_ROW) {
        w->part->busy[w->row] = false;
        w->part->acked[w->row] = a.status == KDB_OK ? w->part->started[w->row] : w->part->acked[w->row];
    } else if (w->kind == WRITE_TOKEN) {
        w->part->token_busy = false;
        w->part->token = a.status == KDB_OK ? 2 * TOKEN + 1 - w->part->token : w->part->token;
    } else if (w->kind == WRITE_ALTER) {
        alter_busy = false;
    }
    answer_done(&a);
}

/* ---- reads ---- */

/* Each reads all rows of its partition; id and v come first. */
static const char *const queries[] = {
    "SELECT id, v FROM %s",
    "SELECT * FROM %s",
    "SELECT id, v FROM %s ORDER BY v LIMIT 40",
    "SELECT id, v FROM %s ORDER BY v DESC, id LIMIT 40",
    "SELECT id, v FROM %s ORDER BY id DESC",
    "SELECT id, v, length(CAST(v AS TEXT)) AS l FROM %s WHERE v + 1 > 0",
    "SELECT id, v FROM %s WHERE id >= 0 AND id <= 201 ORDER BY id",
    "SELECT id, v FROM %s WHERE id IN (0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,100,101,102,103,104,105,106,107,200,201)",
    "SELECT id, max(v) AS v FROM %s GROUP BY id",
    "SELECT a.id, b.v FROM %1$s AS a JOIN %1$s AS b ON a.id = b.id AND a.v = b.v",
    "SELECT count(*) AS n FROM %s WHERE v >= 0",
    "SELECT count(*) AS n FROM %s",
};

typedef struct reader {
    pending_request *pending;
    const part *part;
    long at_least[ROWS];
    bool token_rests;
    unsigned token_moves;
    char sql[SQL_MAX];
} reader;

static void start_read(reader *r)
{
    r->part = &parts[pick(KDB_ARRAY_LEN(parts))];
    memcpy(r->at_least, r->part->acked, sizeof(r->at_least));
    r->token_rests = !r->part->token_busy;
    r->token_moves = r->part->token_moves;
    (void)snprintf(r->sql, SQL_MAX, queries[pick(KDB_ARRAY_LEN(queries))], r->part->table);
    r->pending = start(&f, r->part->user, r->sql);
}

static void check_row(const reader *r, const char *text, long id, long v)
{
    if (id < ROWS && (v < r->at_least[id] || v > r->part->started[id])) {
        fail_msg("%s as %s: row %ld is %ld, acknowledged before was %ld\n%s", r->sql, r->part->user, id, v,
                 r->at_least[id], text);
    }
    if (id >= TOKEN && r->token_rests && r->token_moves == r->part->token_moves && id != r->part->token) {
        fail_msg("%s as %s: row %ld should be %d\n%s", r->sql, r->part->user, id, r->part->token, text);
    }
}

static void check_rows(const reader *r, const char *text)
{
    long rows = 0, money = 0;
    for (const char *at = strchr(text, '\n') + 1; *at != '\0'; at = strchr(at, '\n') + 1) {
        char *end = NULL;
        const long id = strtol(at, &end, 10), v = strtol(end + 1, NULL, 10);
        check_row(r, text, id, v);
        rows++;
        money += id >= FIRST_ACCOUNT && id < TOKEN ? v : 0;
    }
    if (rows != ALL_ROWS || money != (long)ACCOUNTS * BALANCE) {
        fail_msg("%s as %s: %ld rows, %ld\n%s", r->sql, r->part->user, rows, money, text);
    }
}

static void end_read(reader *r)
{
    answer a = wait_for(r->pending);
    r->pending = NULL;
    if (a.status != KDB_OK) {
        fail_msg("%s\n%s", r->sql, a.text);
    }
    if (strncmp(a.text, "n\n", 2) == 0) {
        assert_int_equal(strtol(a.text + 2, NULL, 10), ALL_ROWS);
    } else {
        check_rows(r, a.text);
    }
    answer_done(&a);
}

/* ---- quiet points ---- */

/* Every query, from memory and not, is as the engine answers it from the store. */
static void check_against_engine(const part *p)
{
    kdbi_hot_cache *none = kdbi_hot_cache_new(f.core->sequencer, 0), *kept = f.core->hot;
    for (size_t i = 0; i < KDB_ARRAY_LEN(queries); i++) {
        char sql[SQL_MAX];
        (void)snprintf(sql, SQL_MAX, queries[i], p->table);
        if (strstr(sql, "ORDER BY v LIMIT") != NULL || strstr(sql, "JOIN") != NULL || strstr(sql, "GROUP") != NULL) {
            continue; /* rows may come in any order */
        }
        f.core->use_native = false;
        f.core->hot = none;
        answer engine = run(&f, p->user, sql);
        f.core->use_native = true;
        f.core->hot = kept;
        for (int again = 0; again < 3; again++) { /* seen, loaded, used */
            expect(&f, p->user, sql, engine.text);
        }
        answer_done(&engine);
    }
    kdbi_hot_cache_free(none);
}

/* The partition's rows are in memory after it was read twice, if they may be. */
static void check_kept(const part *p, bool may)
{
    kdb_err err = { .position = -1 };
    KDB_CLEANUP(kdb_table_unrefp)
    kdb_table *table = kdb_registry_lookup_table(f.registry, KDB_SV("app"), kdb_sv_cstr(strchr(p->table, '.') + 1));
    const kdb_walk_spec walk = { .store = f.store, .table = table };
    const kdb_user_id user = { table->type == KDB_TABLE_SHARED ? (kdb_sv){ NULL, 0 } : kdb_sv_cstr(p->user) };
    kdbi_hot_state state;
    assert_int_equal(kdbi_hot_cache_get(f.core->hot, &walk, user, KDBI_HOT_KEYS, &state, &err), KDB_OK);
    assert_int_equal(state.rows != NULL, may);
    kdb_hot_rows_unref(state.rows);
}

/* ---- the run ---- */

static void end_all_writes(writer *writers)
{
    for (size_t i = 0; i < WRITERS; i++) {
        if (writers[i].pending != NULL) {
            end_write(&writers[i]);
        }
    }
}

static void end_all(writer *writers, reader *readers)
{
    end_all_writes(writers);
    for (size_t i = 0; i < READERS; i++) {
        if (readers[i].pending != NULL) {
            end_read(&readers[i]);
        }
    }
}

/* A few writes, of which some are still on their way when reads begin; reads come in crowds, so that the second finds the
 * state of the first. */
static void step(writer *writers, reader *readers, bool with_alters)
{
    for (unsigned i = pick(3); i > 0; i--) {
        writer *w = &writers[pick(WRITERS)];
        if (w->pending == NULL) {
            start_write(w, with_alters && i == 1 && pick(25) == 0);
        }
    }
    for (unsigned i = pick(READERS); i > 0; i--) {
        reader *r = &readers[pick(READERS)];
        if (r->pending == NULL) {
            start_read(r);
        }
    }
    if (pick(2) == 0) {
        end_all_writes(writers);
    }
    for (size_t i = 0; i < READERS; i++) {
        if (readers[i].pending != NULL && pick(2) == 0) {
            end_read(&readers[i]);
        }
    }
}

static void run_steps(bool with_alters)
{
    writer writers[WRITERS] = { 0 };
    reader readers[READERS] = { 0 };
    for (int i = 1; i <= STEPS; i++) {
        step(writers, readers, with_alters);
        if (i % (STEPS / 10) == 0) {
            end_all(writers, readers);
            for (size_t p = 0; p < KDB_ARRAY_LEN(parts); p++) {
                check_against_engine(&parts[p]);
            }
        }
    }
}

static void reads_see_what_was_acknowledged(void **state)
{
    (void)state;
    open_with("execution.hot_rows_cache_bytes=67108864");
    run_steps(false);
    check_against_engine(&parts[1]);
    check_kept(&parts[1], true);
    fixture_close(&f);
}

static void reads_see_it_while_tables_are_altered(void **state)
{
    (void)state;
    open_with("execution.hot_rows_cache_bytes=67108864");
    run_steps(true);
    check_against_engine(&parts[2]);
    check_kept(&parts[2], true);
    fixture_close(&f);
}

/* One partition fits, two do not: each pushes the other out. */
static void reads_see_it_while_rows_come_and_go(void **state)
{
    (void)state;
    open_with("execution.hot_rows_cache_bytes=16384");
    run_steps(true);
    fixture_close(&f);
}

static void nothing_is_kept_without_room(void **state)
{
    (void)state;
    open_with("execution.hot_rows_cache_bytes=0");
    check_against_engine(&parts[0]);
    check_kept(&parts[0], false);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_see_what_was_acknowledged),
        cmocka_unit_test(reads_see_it_while_tables_are_altered),
        cmocka_unit_test(reads_see_it_while_rows_come_and_go),
        cmocka_unit_test(nothing_is_kept_without_room),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
