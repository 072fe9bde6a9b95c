/* cold_rebuild_test.c - manifests that are damaged are noticed, named and made anew from the files: then every statement answers as
 * before. What lies among the files and is none of them is left alone, and told. */
#include "core_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static fixture f;
static char storage[64]; /* its directory */

static kdb_table *table_of(const char *name)
{
    kdb_table *table = kdb_registry_lookup_table(f.registry, KDB_SV("app"), kdb_sv_cstr(name));
    assert_non_null(table);
    return table;
}

static void do_as(const char *user, const char *sql)
{
    answer a = run(&f, user, sql);
    if (a.status != KDB_OK) {
        fail_msg("%s, as %s: %s", sql, user, a.text);
    }
    answer_done(&a);
}

static void flush(const char *name)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of(name);
    const kdb_flush_spec spec = { .table = table, .all = true };
    kdb_cold_result result;
    kdb_err err;
    if (kdb_core_flush(f.core, &spec, NULL, &result, &err) != KDB_OK) {
        fail_msg("flush of %s: %s", name, err.text);
    }
}

static void compact(const char *name)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of(name);
    kdb_cold_result result;
    kdb_err err;
    if (kdb_core_compact(f.core, table, true, NULL, &result, &err) != KDB_OK) {
        fail_msg("compaction of %s: %s", name, err.text);
    }
}

static kdb_rebuild_result rebuild_with(const char *name, const kdb_work *work, kdb_arena *arena)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of(name);
    kdb_rebuild_result result = { 0 };
    kdb_err err;
    if (kdb_core_rebuild_manifest(f.core, table, work, arena, &result, &err) != KDB_OK) {
        fail_msg("rebuild of %s: %s", name, err.text);
    }
    return result;
}

/* Rebuilds the table's manifests; `left` is what is left alone. */
static void rebuild(const char *name, const char *left)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_rebuild_result result = rebuild_with(name, NULL, arena);
    assert_string_equal(kdb_sv_dup_cstr(arena, result.left), left);
}

/* ---- what is there ---- */

/* Every row that there is, by several ways. */
static char *all_rows(void)
{
    static const struct {
        const char *user, *sql;
    } asked[] = {
        { "alice", "SELECT _seq, * FROM app.own ORDER BY id" },
        { "alice", "SELECT count(*), sum(n) FROM app.own" },
        { "alice", "SELECT id FROM app.own ORDER BY _seq DESC" },
        { "alice", "SELECT n FROM app.own WHERE id = 3" },
        { "alice", "SELECT n FROM app.own WHERE id = 5" },
        { "bob", "SELECT _seq, * FROM app.own ORDER BY id" },
        { "alice", "SELECT _seq, * FROM app.pile ORDER BY _seq" },
        { "alice", "SELECT _seq, * FROM app.board ORDER BY a, b" },
        { "alice", "SELECT c FROM app.board WHERE a = 'k2' AND b = 2" },
    };
    kdb_buf text;
    kdb_buf_init(&text, 0);
    for (size_t i = 0; i < KDB_ARRAY_LEN(asked); i++) {
        answer a = run(&f, asked[i].user, asked[i].sql);
        kdb_buf_printf(&text, "%s: %s\n%s", asked[i].user, asked[i].sql, a.text);
        answer_done(&a);
    }
    kdb_buf_append_byte(&text, '\0');
    char *copy = strdup(text.ptr);
    kdb_buf_done(&text);
    return copy;
}

static void expect_rows(const char *want)
{
    char *got = all_rows();
    if (strcmp(got, want) != 0) {
        fail_msg("-- wanted:\n%s\n-- there is:\n%s", want, got);
    }
    free(got);
}

/* The table's records, but for generations. */
static char *all_records(const char *name)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of(name);
    const kdb_iter_range all = { .scan = true };
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(f.store, NULL, kdb_cold_partition(table), all);
    kdb_buf text;
    kdb_buf_init(&text, 0);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        const kdb_sv key = kdb_iter_key(iter), value = kdb_iter_value(iter);
        for (size_t i = 0; i < key.len; i++) {
            kdb_buf_printf(&text, "%02x", (unsigned char)key.ptr[i]);
        }
        for (size_t i = 0; i < value.len && key.ptr[key.len - 1] != 'G' && key.ptr[key.len - 1] != 'E'; i++) {
            kdb_buf_printf(&text, "%s%02x", i == 0 ? " " : "", (unsigned char)value.ptr[i]);
        }
        kdb_buf_append_byte(&text, '\n');
    }
    kdb_buf_append_byte(&text, '\0');
    char *copy = strdup(text.ptr);
    kdb_buf_done(&text);
    return copy;
}

/* ---- setting up: rows of several versions, updated, deleted, compacted, hot ---- */

static int setup(void **state)
{
    (void)state;
    fixture_open(&f, NULL, NULL, 0);
    (void)snprintf(storage, sizeof(storage), "%s/data/storage", f.directory);
    do_as("root", "CREATE NAMESPACE app;"
                  "CREATE USER TABLE app.own (id BIGINT PRIMARY KEY, body TEXT, n INT, v EMBEDDING(2));"
                  "CREATE USER TABLE app.pile (line TEXT, n INT);"
                  "CREATE TABLE app.board (a TEXT, b INT, c DOUBLE, PRIMARY KEY (a, b)) WITH (TYPE='SHARED', "
                  "ACCESS_LEVEL='PUBLIC')");
    for (size_t i = 0; i < 2; i++) {
        const char *user = i == 0 ? "alice" : "bob";
        do_as(user,
              "INSERT INTO app.own VALUES (1, 'one', 1, '[1,2]'), (2, 'two', 2, NULL), (3, 'three', 3, NULL), "
              "(4, 'four', 4, NULL), (5, 'five', 5, NULL); INSERT INTO app.pile VALUES ('a', 1), ('b', 2), ('c', 3)");
    }
    do_as("root", "INSERT INTO app.board VALUES ('k1', 1, 1.5), ('k2', 2, NULL), ('k3', 3, 3.5)");
    flush("own");
    flush("pile");
    flush("board");
    do_as("root",
          "ALTER TABLE app.own ADD COLUMN extra TEXT DEFAULT 'e'; ALTER TABLE app.own RENAME COLUMN body TO text");
    do_as("alice",
          "UPDATE app.own SET n = 30, extra = 'x' WHERE id = 3; DELETE FROM app.own WHERE id = 5;"
          "INSERT INTO app.own (id, text, n) VALUES (6, 'six', 6); UPDATE app.pile SET n = 20 WHERE line = 'b'");
    do_as("root", "UPDATE app.board SET c = 9 WHERE a = 'k2'; DELETE FROM app.board WHERE a = 'k1'");
    flush("own");
    flush("pile");
    do_as("alice",
          "UPDATE app.own SET n = 40 WHERE id = 4; DELETE FROM app.own WHERE id = 6; INSERT INTO app.own (id, n) "
          "VALUES (7, 7); DELETE FROM app.pile WHERE line = 'a'");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    return 0;
}

/* ---- damage ---- */

typedef enum harm { CHANGE, CUT, REMOVE, ADD_BYTE } harm;

static kdb_sv with_byte(kdb_sv key, char byte, kdb_arena *arena)
{
    char *bytes = kdb_arena_alloc_raw(arena, key.len + 1);
    if (key.len != 0) {
        memcpy(bytes, key.ptr, key.len);
    }
    bytes[key.len] = byte;
    return kdb_sv_of(bytes, key.len + 1);
}

/* Rows that core keeps in memory are to be read anew. */
static void commit(const kdb_table *table, kdb_batch *batch)
{
    static const char *const owners[] = { "", "alice", "bob" };
    kdb_err err;
    for (size_t i = 0; i < KDB_ARRAY_LEN(owners); i++) {
        kdbi_sequencer_change_begin(f.core->sequencer, table->id, (kdb_user_id){ kdb_sv_cstr(owners[i]) });
    }
    assert_int_equal(kdb_store_commit(f.store, batch, &err), KDB_OK);
    for (size_t i = 0; i < KDB_ARRAY_LEN(owners); i++) {
        kdbi_sequencer_change_end(f.core->sequencer, table->id, (kdb_user_id){ kdb_sv_cstr(owners[i]) });
    }
}

/* Does it to all records of the table with that tag. */
static void hurt(const char *name, char tag, harm what)
{
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of(name);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    const kdb_partition part = kdb_cold_partition(table);
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(f.store, NULL, part, (kdb_iter_range){ .scan = true });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        const kdb_sv key = kdb_iter_key(iter), value = kdb_iter_value(iter);
        const size_t user = table->type == KDB_TABLE_USER ? strlen("alice") + 2 - (key.ptr[0] == 'b' ? 2 : 0) : 0;
        if (tag != '*' && (key.len <= user || key.ptr[user] != tag)) {
            continue;
        }
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        char *bytes = kdb_arena_alloc_raw(arena, value.len + 1);
        memcpy(bytes, value.ptr, value.len);
        switch (what) {
        case CHANGE:
            bytes[value.len / 2] ^= 0x10;
            kdb_batch_put(batch, part, key, kdb_sv_of(bytes, value.len));
            break;
        case CUT:
            kdb_batch_put(batch, part, key, kdb_sv_of(bytes, value.len - 1));
            break;
        case REMOVE:
            kdb_batch_delete(batch, part, key);
            break;
        case ADD_BYTE:
            kdb_batch_delete(batch, part, key);
            kdb_batch_put(batch, part, with_byte(key, 'x', arena), value);
            break;
        }
    }
    /* Whoever has read the manifest keeps it until the generation differs. */
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    static const char *const users[] = { "alice", "bob" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(users) && tag != 'G' && tag != '*'; i++) {
        const kdb_user_id user = { table->type == KDB_TABLE_USER ? kdb_sv_cstr(users[i]) : (kdb_sv){ NULL, 0 } };
        kdb_sv from, to;
        char generation[8];
        kdb_row_user_range(table, user, arena, &from, &to);
        kdb_put_le64(generation, kdb_snowflake_next());
        kdb_batch_put(batch, part, with_byte(from, 'G', arena), kdb_sv_of(generation, 8));
    }
    commit(table, batch);
}

static const char *const names[] = { "own", "pile", "board" };

static const struct {
    char tag;
    harm what;
    const char *told; /* NULL: nothing is wrong with what statements answer */
} harms[] = {
    { 'S', CHANGE, "its record is damaged" },
    { 'S', CUT, "its record is damaged" },
    { 'S', REMOVE, "segment 1 is missing" },
    { 'S', ADD_BYTE, "a segment has a key of" },
    { 'N', REMOVE, "the list of its segments is missing" },
    { 'N', CUT, "the list of its segments has" },
    { 'G', REMOVE, "its generation is missing" },
    { 'G', CUT, "its generation is none" },
    { 'D', ADD_BYTE, "a dead row has a key of" },
    { 'B', REMOVE, NULL },
    { '*', REMOVE, "" },
};

static void damage_is_told_and_put_right(void **state)
{
    (void)state;
    char *want = all_rows();
    for (size_t i = 0; i < KDB_ARRAY_LEN(harms); i++) {
        for (size_t t = 0; t < KDB_ARRAY_LEN(names); t++) {
            hurt(names[t], harms[i].tag, harms[i].what);
        }
        if (harms[i].told != NULL && harms[i].told[0] != '\0') {
            expect_failure(&f, "alice", "SELECT * FROM app.board ORDER BY a", KDB_CORRUPT, harms[i].told);
            expect_failure(&f, "alice", "SELECT count(*) FROM app.own", KDB_CORRUPT,
                           "The manifest of table 'app.own' is damaged");
            expect_failure(&f, "alice", "SELECT n FROM app.own WHERE id = 1", KDB_CORRUPT,
                           "STORAGE REBUILD MANIFEST TABLE app.own");
            expect_failure(&f, "root", "UPDATE app.board SET c = 1 WHERE a = 'k3'", KDB_CORRUPT, "damaged");
        }
        expect(&f, "alice", "SELECT 1 AS one", "one\n1\n");
        for (size_t t = 0; t < KDB_ARRAY_LEN(names); t++) {
            rebuild(names[t], "");
        }
        expect_rows(want);
    }
    free(want);
}

/* A flush neither writes over files nor stops at one user's damage. */
static void a_flush_passes_over_what_is_damaged(void **state)
{
    (void)state;
    char *want = all_rows();
    hurt("own", '*', REMOVE);
    do_as("bob", "INSERT INTO app.own (id, n) VALUES (70, 70)");
    flush("own");
    do_as("bob", "DELETE FROM app.own WHERE id = 70");
    rebuild("own", "");
    expect_rows(want);
    do_as("root", "INSERT INTO app.board VALUES ('z', 1, 1)");
    hurt("board", 'S', REMOVE);
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of("board");
    const kdb_flush_spec spec = { .table = table, .all = true };
    kdb_cold_result result;
    kdb_err err;
    assert_int_equal(kdb_core_flush(f.core, &spec, NULL, &result, &err), KDB_CORRUPT);
    assert_non_null(strstr(err.text, "segment 1 is missing"));
    free(want);
}

static void what_is_in_order_stays_as_it_is(void **state)
{
    (void)state;
    char *want = all_rows();
    for (size_t t = 0; t < KDB_ARRAY_LEN(names); t++) {
        char *before = all_records(names[t]);
        rebuild(names[t], "");
        char *after = all_records(names[t]);
        assert_string_equal(after, before);
        free(before);
        free(after);
    }
    expect_rows(want);
    compact("own");
    expect_rows(want);
    char *before = all_records("own");
    rebuild("own", "");
    char *after = all_records("own");
    assert_string_equal(after, before);
    free(before);
    free(after);
    expect_rows(want);
    free(want);
}

/* ---- files ---- */

static char *path_of(const char *name)
{
    static char paths[4][256];
    static size_t next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, 256, "%s/%s", storage, name);
    return path;
}

static void copy(const char *from, const char *to, long bytes)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (int byte = getc(in); byte != EOF && bytes-- != 0; byte = getc(in)) {
        assert_int_equal(putc(byte, out), byte);
    }
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

static void files_that_were_put_together_give_no_row_twice(void **state)
{
    (void)state;
    char *want = all_rows();
    copy(path_of("app/own/alice/batch-0.parquet"), path_of("kept-0"), -1);
    copy(path_of("app/own/alice/batch-1.parquet"), path_of("kept-1"), -1);
    compact("own");
    assert_int_equal(access(path_of("app/own/alice/batch-0.parquet"), F_OK), -1);
    copy(path_of("kept-0"), path_of("app/own/alice/batch-0.parquet"), -1);
    copy(path_of("kept-1"), path_of("app/own/alice/batch-1.parquet"), -1);
    hurt("own", '*', REMOVE);
    rebuild("own", "app/own/alice/batch-0.parquet (another file has taken its place), app/own/alice/batch-1.parquet "
                   "(another file has taken its place)");
    expect_rows(want);
    assert_int_equal(access(path_of("app/own/alice/batch-0.parquet"), F_OK), 0);
    do_as("alice", "INSERT INTO app.own (id) VALUES (99)");
    flush("own");
    do_as("alice", "DELETE FROM app.own WHERE id = 99");
    expect_rows(want);
    free(want);
}

static void other_files_are_left_alone(void **state)
{
    (void)state;
    char *want = all_rows();
    copy(path_of("app/own/bob/batch-0.parquet"), path_of("app/own/alice/batch-10.parquet"), -1);
    copy(path_of("app/own/alice/batch-0.parquet"), path_of("app/own/alice/batch-11.parquet"), -1);
    copy(path_of("app/pile/alice/batch-0.parquet"), path_of("app/own/alice/batch-12.parquet"), -1);
    copy(path_of("app/own/alice/batch-1.parquet"), path_of("app/own/alice/batch-13.parquet"), 100);
    copy(path_of("app/own/alice/batch-1.parquet"), path_of("app/own/alice/notes.txt"), 10);
    hurt("own", 'S', CHANGE);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_rebuild_result result = rebuild_with("own", NULL, arena);
    const char *left = kdb_sv_dup_cstr(arena, result.left);
    assert_int_equal(result.nleft, 5);
    assert_non_null(strstr(left, "batch-10.parquet (it holds rows of another user)"));
    assert_non_null(strstr(left, "batch-11.parquet (it has another's name)"));
    assert_non_null(strstr(left, "batch-12.parquet (it is of another table)"));
    assert_non_null(strstr(left, "batch-13.parquet ("));
    assert_non_null(strstr(left, "notes.txt (it has no name that a file of the table has)"));
    expect_rows(want);
    free(want);
}

/* Of a file that cannot be read the record is kept, if it is sound: what needs the file goes on failing. */
static void a_file_that_is_missing_is_named(void **state)
{
    (void)state;
    assert_int_equal(unlink(path_of("app/own/alice/batch-0.parquet")), 0);
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_rebuild_result result = rebuild_with("own", NULL, arena);
    assert_int_equal(result.nleft, 1);
    assert_non_null(strstr(kdb_sv_dup_cstr(arena, result.left), "app/own/alice/batch-0.parquet ("));
    expect_failure(&f, "alice", "SELECT count(text) FROM app.own", KDB_CORRUPT, "batch-0.parquet");
    expect(&f, "alice", "SELECT n FROM app.own WHERE id = 7", "n\n7\n");
    expect(&f, "bob", "SELECT count(*) AS n FROM app.own", "n\n5\n");
    hurt("own", 'S', CHANGE);
    result = rebuild_with("own", NULL, arena);
    expect(&f, "alice", "SELECT id FROM app.own ORDER BY id", "id\n3\n4\n7\n");
}

/* ---- a file of before there were notes ---- */

static kdb_status open_scan(void *self, size_t slot, const size_t *projection, size_t nprojection, void **out,
                            size_t *max_threads, kdb_err *err)
{
    (void)slot, (void)projection, (void)nprojection, (void)err;
    *out = self;
    *max_threads = 1;
    return KDB_OK;
}

static kdb_status open_local(void *self, void *scan, void **out, kdb_err *err)
{
    (void)scan, (void)err;
    *out = self;
    return KDB_OK;
}

static kdb_status next_rows(void *self, void *scan, void *local, kdb_chunk *chunk, kdb_err *err)
{
    int *given = self;
    (void)scan, (void)local, (void)err;
    for (int64_t i = 1; i <= 3 && *given == 0; i++) {
        const kdb_value cells[] = { kdb_value_bigint(100 + i), kdb_value_text(KDB_SV("old")), kdb_value_bigint(i) };
        for (size_t c = 0; c < KDB_ARRAY_LEN(cells); c++) {
            kdb_vec_put(&chunk->cols[c], chunk->nrows, &cells[c]);
        }
        chunk->nrows++;
    }
    *given = 1;
    return KDB_OK;
}

static void close_local(void *self, void *scan, void *local)
{
    (void)self, (void)scan, (void)local;
}

static void close_scan(void *self, void *scan)
{
    (void)self, (void)scan;
}

static void write_old_file(const kdb_table *table, const char *name, uint32_t last_id)
{
    KDB_CLEANUP(kdb_engine_disconnectp) kdb_engine_conn *conn = NULL;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    kdb_err err;
    const kdb_sv object = kdb_sv_cstr(name);
    kdb_sv path;
    assert_int_equal(kdb_engine_connect(f.reader, &conn, &err), KDB_OK);
    assert_int_equal(kdb_object_stores_find(f.objects, KDB_SV("local"), &objects, &err), KDB_OK);
    assert_int_equal(kdb_objects_stage(objects, object, arena, &path, &err), KDB_OK);
    const kdb_parquet_column columns[] = {
        { table->schema->columns[0].name, kdb_type_of(KDB_TYPE_BIGINT), table->schema->columns[0].id },
        { table->schema->columns[1].name, kdb_type_of(KDB_TYPE_TEXT), last_id },
        { KDB_SV("_seq"), kdb_type_of(KDB_TYPE_BIGINT), 0 },
    };
    const kdb_parquet_spec spec = {
        .path = path, .columns = columns, .ncolumns = 3, .compression = KDB_SV("zstd"), .row_group_rows = 1000
    };
    int given = 0;
    const kdb_scan_source source = { &given, open_scan, open_local, next_rows, close_local, close_scan };
    if (kdb_engine_write_parquet(conn, &spec, &source, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(kdb_objects_commit(objects, &object, 1, &err), KDB_OK);
}

static void files_without_notes_are_known_by_their_columns(void **state)
{
    (void)state;
    do_as("root", "CREATE USER TABLE app.old (id BIGINT PRIMARY KEY, t TEXT)");
    KDB_CLEANUP(kdb_table_unrefp) kdb_table *table = table_of("old");
    write_old_file(table, "app/old/alice/batch-0.parquet", table->schema->columns[1].id);
    write_old_file(table, "app/old/bob/batch-0.parquet", 77);
    rebuild("old", "app/old/bob/batch-0.parquet (its columns are none that the table has had)");
    expect(&f, "alice", "SELECT _seq, id, t FROM app.old ORDER BY id", "_seq|id|t\n1|101|old\n2|102|old\n3|103|old\n");
    expect(&f, "alice", "SELECT t FROM app.old WHERE id = 102", "t\nold\n");
    do_as("root", "ALTER TABLE app.old ADD COLUMN more INT");
    hurt("old", '*', REMOVE);
    rebuild("old", "app/old/bob/batch-0.parquet (its columns are none that the table has had)");
    expect(&f, "alice", "SELECT id, t, more FROM app.old WHERE id > 101 ORDER BY id",
           "id|t|more\n102|old|NULL\n103|old|NULL\n");
}

/* ---- beside writers ---- */

typedef struct beside {
    int step, at;
} beside;

/* Between two steps of the rebuild, somebody writes. */
static bool write_now(void *self)
{
    beside *b = self;
    if (b->step++ == b->at) {
        do_as("bob",
              "UPDATE app.own SET n = n + 100 WHERE id = 1; DELETE FROM app.own WHERE id = 2; INSERT INTO app.own "
              "(id, n) VALUES (200, 1) ON CONFLICT (id) DO UPDATE SET n = 2");
    }
    return false;
}

static void say_nothing(void *self, kdb_sv message)
{
    (void)self, (void)message;
}

static void rows_change_while_manifests_are_rebuilt(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    int steps = 1;
    for (int at = 0; at < steps; at++) {
        beside b = { .at = at };
        const kdb_work work = { &b, write_now, say_nothing };
        do_as("bob", "INSERT INTO app.own (id, n) VALUES (2, 2) ON CONFLICT (id) DO UPDATE SET n = 2");
        flush("own");
        compact("own");
        do_as("bob", "UPDATE app.own SET n = 5 WHERE id = 5");
        flush("own"); /* two files */
        (void)rebuild_with("own", &work, arena);
        steps = b.step;
        char want[256];
        (void)snprintf(want, sizeof(want), "id|n\n1|%d\n3|3\n4|4\n5|5\n200|%d\n", 101 + 100 * at, at == 0 ? 1 : 2);
        expect(&f, "bob", "SELECT id, n FROM app.own ORDER BY id", want);
    }
    assert_true(steps > 5);
}

static void who_may_and_what_is_said(void **state)
{
    (void)state;
    expect(&f, "root", "STORAGE REBUILD MANIFEST TABLE app.own",
           "[0 Storage manifest rebuild started for table 'app.own'. Job ID: job-10-1]\n");
    expect_failure(&f, "alice", "STORAGE REBUILD MANIFEST TABLE app.own", KDB_PERMISSION_DENIED, "Admin privileges");
    expect_failure(&f, "root", "STORAGE REBUILD MANIFEST TABLE app.none", KDB_TABLE_NOT_FOUND, "app.none not found");
    expect(&f, "root", "SELECT action, target FROM system.audit_log WHERE action LIKE 'STORAGE%'",
           "action|target\nSTORAGE_REBUILD|app.own\n");
}

/* A table goes whatever its manifest says. */
static void a_damaged_table_can_be_dropped(void **state)
{
    (void)state;
    hurt("own", 'S', CHANGE);
    do_as("root", "DROP TABLE app.own");
    do_as("root", "CREATE USER TABLE app.own (id BIGINT PRIMARY KEY)");
    expect(&f, "alice", "SELECT count(*) AS n FROM app.own", "n\n0\n");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(damage_is_told_and_put_right),
        CASE(a_flush_passes_over_what_is_damaged),
        CASE(what_is_in_order_stays_as_it_is),
        CASE(files_that_were_put_together_give_no_row_twice),
        CASE(other_files_are_left_alone),
        CASE(a_file_that_is_missing_is_named),
        CASE(files_without_notes_are_known_by_their_columns),
        CASE(rows_change_while_manifests_are_rebuilt),
        CASE(who_may_and_what_is_said),
        CASE(a_damaged_table_can_be_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
