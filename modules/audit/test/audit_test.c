/* audit_test.c - the audit log: what is recorded is read back in order and verifies, whoever changes, removes or adds a
 * record is found, and floods are counted instead of kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "audit_int.h"

typedef struct fixture {
    kdb_store *store;
    kdb_seal *seal;
    kdb_audit *audit;
    kdb_arena *arena;
} fixture;

enum { REPEAT_US = 3600 * 1000000LL };

static kdb_seal *new_seal(void)
{
    kdb_seal *seal = NULL;
    kdb_buf text;
    kdb_buf_init(&text, 0);
    assert_int_equal(kdb_seal_write_keys(NULL, &text, NULL), KDB_OK);
    assert_int_equal(kdb_seal_new(kdb_buf_sv(&text), &seal, NULL), KDB_OK);
    kdb_buf_done(&text);
    return seal;
}

static void open_log(fixture *f)
{
    const kdb_audit_options options = { .repeat_us = REPEAT_US };
    assert_int_equal(kdb_audit_open(f->store, f->seal, &options, &f->audit, NULL), KDB_OK);
}

static void close_log(fixture *f)
{
    kdb_audit_close(f->audit);
    f->audit = NULL;
}

static int setup(void **state)
{
    fixture *f = KDB_NEW(fixture);
    f->store = kdb_store_open_memory();
    f->seal = new_seal();
    f->arena = kdb_arena_new(0);
    open_log(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    kdb_audit_close(f->audit);
    kdb_store_close(f->store);
    kdb_seal_free(f->seal);
    kdb_arena_free(f->arena);
    kdb_free(f);
    return 0;
}

static kdb_audit_record record_of(const char *target)
{
    return (kdb_audit_record){ .action = KDB_AUDIT_CREATE_TABLE,
                               .actor = KDB_SV("root"),
                               .target = kdb_sv_cstr(target),
                               .address = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7 } } };
}

static void record(fixture *f, const char *target)
{
    const kdb_audit_record one = record_of(target);
    assert_int_equal(kdb_audit_commit(f->audit, &one, 1, NULL, NULL), KDB_OK);
}

static kdb_status go_on(void *arg, kdb_err *err)
{
    (void)arg;
    (void)err;
    return KDB_OK;
}

static kdb_audit_report verify(fixture *f)
{
    kdb_audit_report report;
    assert_int_equal(kdb_audit_verify(f->audit, go_on, NULL, f->arena, &report, NULL), KDB_OK);
    return report;
}

static void assert_whole(fixture *f, uint64_t count)
{
    const kdb_audit_report report = verify(f);
    assert_int_equal(report.first_bad.len, 0);
    assert_int_equal(report.count, count);
}

static void assert_bad(fixture *f, const char *part)
{
    const kdb_audit_report report = verify(f);
    assert_non_null(memmem(report.first_bad.ptr, report.first_bad.len, part, strlen(part)));
}

/* The records, oldest first. */
static size_t read_rows(fixture *f, kdb_audit_row *out, size_t room)
{
    size_t count = 0;
    kdb_iter *iter = kdb_audit_iter_new(f->store, NULL);
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        const kdb_sv value = kdb_sv_dup(f->arena, kdb_iter_value(iter));
        assert_true(count < room);
        assert_int_equal(kdb_audit_decode(kdb_iter_key(iter), value, f->arena, &out[count++], NULL), KDB_OK);
    }
    assert_int_equal(kdb_iter_status(iter, NULL), KDB_OK);
    kdb_iter_free(iter);
    return count;
}

/* ---- what the log holds ---- */

static void records_are_read_back_in_order(void **state)
{
    fixture *f = *state;
    kdb_audit_row rows[4];
    const kdb_audit_record records[] = {
        { KDB_AUDIT_ALTER_USER,
          KDB_SV("root"),
          KDB_SV("ann"),
          KDB_SV("Modification: SetPassword([REDACTED])"),
          KDB_SV("ann"),
          { { [15] = 1 } } },
        { .action = KDB_AUDIT_DROP_TABLE, .actor = KDB_SV("dba"), .target = KDB_SV("a.b") },
    };
    assert_int_equal(kdb_audit_commit(f->audit, records, 2, NULL, NULL), KDB_OK);
    record(f, "c.d");
    assert_int_equal(read_rows(f, rows, 4), 3);
    assert_true(kdb_sv_eq(rows[0].action, KDB_SV("ALTER_USER")));
    assert_true(kdb_sv_eq(rows[0].details, KDB_SV("Modification: SetPassword([REDACTED])")));
    assert_true(kdb_sv_eq(rows[0].subject, KDB_SV("ann")));
    assert_true(kdb_sv_eq(rows[0].address, KDB_SV("::1")));
    assert_true(kdb_sv_eq(rows[1].target, KDB_SV("a.b")));
    assert_int_equal(rows[1].address.len, 0);
    assert_true(kdb_sv_eq(rows[2].address, KDB_SV("10.0.0.7")));
    assert_true(kdb_sv_has_prefix(rows[0].id, KDB_SV("audit_")));
    assert_false(kdb_sv_eq(rows[0].id, rows[1].id));
    assert_whole(f, 3);
}

static void a_record_goes_with_its_batch(void **state)
{
    fixture *f = *state;
    kdb_batch *batch = kdb_batch_new();
    kdb_sv value;
    const kdb_audit_record one = record_of("n.t");
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_VIEWS), KDB_SV("k"), KDB_SV("v"));
    assert_int_equal(kdb_audit_commit(f->audit, &one, 1, batch, NULL), KDB_OK);
    assert_int_equal(
        kdb_store_get(f->store, NULL, kdb_partition_system(KDB_PART_SYSTEM_VIEWS), KDB_SV("k"), f->arena, &value, NULL),
        KDB_OK);
    assert_whole(f, 1);
    kdb_batch_free(batch);
}

static void the_chain_goes_on_after_a_restart(void **state)
{
    fixture *f = *state;
    record(f, "n.a");
    close_log(f);
    open_log(f);
    record(f, "n.b");
    assert_whole(f, 2);
}

static void long_and_odd_texts_are_made_text(void **state)
{
    fixture *f = *state;
    kdb_audit_row row;
    char longest[KDBI_AUDIT_TEXT_MAX + 10];
    memset(longest, 'x', sizeof(longest));
    memcpy(longest + KDBI_AUDIT_TEXT_MAX - 1, "\xc3\xa9", 2); /* a character across the cut */
    const kdb_audit_record one = { .action = KDB_AUDIT_LOGIN_FAILED,
                                   .actor = KDB_SV("\xff\x00"),
                                   .target = kdb_sv_of(longest, sizeof(longest)) };
    assert_int_equal(kdb_audit_commit(f->audit, &one, 1, NULL, NULL), KDB_OK);
    assert_int_equal(read_rows(f, &row, 1), 1);
    assert_int_equal(row.target.len, KDBI_AUDIT_TEXT_MAX - 1);
    assert_int_equal(row.actor.ptr[0], '?');
}

/* ---- tampering ---- */

static void overwrite(fixture *f, uint64_t number, size_t at)
{
    char key[KDBI_AUDIT_KEY_BYTES];
    kdb_sv value;
    kdb_batch *batch = kdb_batch_new();
    const kdb_partition part = kdb_partition_system(KDB_PART_SYSTEM_AUDIT_LOG);
    kdbi_audit_key(number, key);
    assert_int_equal(kdb_store_get(f->store, NULL, part, kdb_sv_of(key, sizeof(key)), f->arena, &value, NULL), KDB_OK);
    char *copy = memcpy(kdb_arena_alloc_raw(f->arena, value.len), value.ptr, value.len);
    copy[at % value.len] = (char)(copy[at % value.len] ^ 1);
    kdb_batch_put(batch, part, kdb_sv_of(key, sizeof(key)), kdb_sv_of(copy, value.len));
    assert_int_equal(kdb_store_commit(f->store, batch, NULL), KDB_OK);
    kdb_batch_free(batch);
}

static void remove_record(fixture *f, uint64_t number)
{
    char key[KDBI_AUDIT_KEY_BYTES];
    kdb_batch *batch = kdb_batch_new();
    kdbi_audit_key(number, key);
    kdb_batch_delete(batch, kdb_partition_system(KDB_PART_SYSTEM_AUDIT_LOG), kdb_sv_of(key, sizeof(key)));
    assert_int_equal(kdb_store_commit(f->store, batch, NULL), KDB_OK);
    kdb_batch_free(batch);
}

static void put_head(fixture *f, const kdb_seal *seal, const kdbi_head *head)
{
    kdb_batch *batch = kdb_batch_new();
    kdbi_head_stage(seal, head, batch);
    assert_int_equal(kdb_store_commit(f->store, batch, NULL), KDB_OK);
    kdb_batch_free(batch);
}

static void any_changed_byte_is_found(void **state)
{
    fixture *f = *state;
    record(f, "n.a");
    record(f, "n.b");
    record(f, "n.c");
    for (size_t at = 0; at < 200; at++) {
        overwrite(f, 2, at);
        const kdb_audit_report report = verify(f);
        assert_int_equal(report.count, 1);
        assert_true(report.first_bad.len > 0);
        overwrite(f, 2, at);
        assert_whole(f, 3);
    }
}

static void a_changed_record_is_named(void **state)
{
    fixture *f = *state;
    kdb_audit_row rows[2];
    record(f, "n.a");
    record(f, "n.b");
    assert_int_equal(read_rows(f, rows, 2), 2);
    overwrite(f, 2, 0);
    assert_true(kdb_sv_eq(verify(f).first_bad, rows[1].id));
}

static void removed_records_are_found(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        record(f, "n.t");
    }
    remove_record(f, 5); /* the tail */
    assert_bad(f, "record 5: missing");
    remove_record(f, 2);
    assert_bad(f, "record 2: missing");
    for (uint64_t number = 1; number <= 5; number++) {
        remove_record(f, number);
    }
    assert_bad(f, "record 1: missing");
}

static void a_tail_removed_while_the_server_was_down_stays_found(void **state)
{
    fixture *f = *state;
    record(f, "n.a");
    record(f, "n.b");
    close_log(f);
    remove_record(f, 2);
    open_log(f);
    record(f, "n.c");
    assert_bad(f, "record 2: missing");
}

static void a_head_made_without_the_key_is_found_and_stays_so(void **state)
{
    fixture *f = *state;
    kdb_seal *other = new_seal();
    record(f, "n.a");
    record(f, "n.b");
    close_log(f);
    remove_record(f, 2);
    const kdbi_head forged = { .count = 1 };
    put_head(f, other, &forged);
    open_log(f);
    assert_true(verify(f).first_bad.len > 0);
    record(f, "n.c");
    assert_true(verify(f).first_bad.len > 0);
    kdb_seal_free(other);
}

static void a_removed_head_is_found_and_stays_so(void **state)
{
    fixture *f = *state;
    kdb_batch *batch = kdb_batch_new();
    record(f, "n.a");
    kdb_batch_delete(batch, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS), KDB_SV("audit_head"));
    assert_int_equal(kdb_store_commit(f->store, batch, NULL), KDB_OK);
    kdb_batch_free(batch);
    assert_bad(f, "head: missing");
    close_log(f);
    open_log(f);
    record(f, "n.b");
    assert_true(verify(f).first_bad.len > 0);
}

/* ---- notes ---- */

static void note(fixture *f, const char *actor, const char *details)
{
    const kdb_audit_record one = { .action = KDB_AUDIT_DENIED,
                                   .actor = kdb_sv_cstr(actor),
                                   .target = KDB_SV("DROP TABLE"),
                                   .details = kdb_sv_cstr(details) };
    kdb_audit_note(f->audit, &one);
}

static void like_notes_are_counted(void **state)
{
    fixture *f = *state;
    kdb_audit_row rows[4];
    for (int i = 0; i < 1000; i++) {
        note(f, "ann", "first");
    }
    note(f, "bob", "other");
    close_log(f);
    open_log(f);
    assert_int_equal(read_rows(f, rows, 4), 3);
    assert_true(kdb_sv_eq(rows[0].details, KDB_SV("first")));
    assert_true(kdb_sv_eq(rows[1].actor, KDB_SV("bob")));
    assert_true(kdb_sv_eq(rows[2].details, KDB_SV("first, Repeated: 999")));
    assert_whole(f, 3);
}

static uint64_t number_behind(const char *words, kdb_sv text)
{
    const char *at = memmem(text.ptr, text.len, words, strlen(words));
    return at == NULL ? 0 : strtoull(at + strlen(words), NULL, 10);
}

static void a_flood_of_notes_is_told(void **state)
{
    enum { NOTES = 20000, ROOM = 3 * NOTES }; /* alike ones are forgotten when there are many, and recorded again */
    fixture *f = *state;
    kdb_audit_row *rows = KDB_ARENA_ARRAY(f->arena, kdb_audit_row, ROOM);
    for (int i = 0; i < NOTES; i++) {
        char actor[16];
        (void)snprintf(actor, sizeof(actor), "u%d", i % 3000);
        note(f, actor, "");
    }
    record(f, "n.t"); /* there is room again */
    note(f, "last", "");
    close_log(f);
    open_log(f);
    size_t told = 0;
    const size_t count = read_rows(f, rows, ROOM);
    for (size_t i = 0; i < count; i++) {
        told += number_behind("Repeated: ", rows[i].details) + number_behind("Dropped: ", rows[i].details);
    }
    assert_true(told + count >= NOTES + 2);
    assert_whole(f, count);
}

/* ---- many threads ---- */

enum { THREADS = 4, EACH = 200 };

static void record_many(void *arg)
{
    fixture *f = arg;
    for (int i = 0; i < EACH; i++) {
        char actor[16];
        (void)snprintf(actor, sizeof(actor), "u%d", i);
        note(f, actor, "");
        record(f, "n.t");
    }
}

static void threads_make_one_chain(void **state)
{
    fixture *f = *state;
    kdb_thread threads[THREADS] = { 0 };
    for (int i = 0; i < THREADS; i++) {
        kdb_thread_start(&threads[i], "audit-test", KDB_THREAD_ANY, record_many, f);
    }
    for (int i = 0; i < THREADS; i++) {
        kdb_thread_join(&threads[i]);
    }
    close_log(f);
    open_log(f);
    const kdb_audit_report report = verify(f);
    assert_int_equal(report.first_bad.len, 0);
    assert_true(report.count >= THREADS * EACH + EACH);
}

static void every_action_has_a_name(void **state)
{
    (void)state;
    for (int i = KDB_AUDIT_NONE + 1; i < KDB_AUDIT_ACTION_COUNT; i++) {
        assert_non_null(kdb_audit_action_names[i]);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(kdb_audit_action_names[i], kdb_audit_action_names[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_are_read_back_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_goes_with_its_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(the_chain_goes_on_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(long_and_odd_texts_are_made_text, setup, teardown),
        cmocka_unit_test_setup_teardown(any_changed_byte_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_record_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(removed_records_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tail_removed_while_the_server_was_down_stays_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_head_made_without_the_key_is_found_and_stays_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_removed_head_is_found_and_stays_so, setup, teardown),
        cmocka_unit_test_setup_teardown(like_notes_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_notes_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_make_one_chain, setup, teardown),
        cmocka_unit_test(every_action_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
