/* batch_test.c - the byte form of a batch: it comes back as it was, and damage is found, never followed. */
#include "store_fixture.h"

#include <stdio.h>

#include "store_int.h"

static void fill(kdb_batch *batch)
{
    kdb_batch_put(batch, part_a, KDB_SV("key"), KDB_SV("value"));
    kdb_batch_put(batch, (kdb_partition){ KDB_FAMILY_STREAM, UINT32_MAX }, KDB_SV(""), KDB_SV(""));
    kdb_batch_delete(batch, kdb_partition_system(KDB_PART_SYSTEM_JOBS), KDB_SV("gone"));
    kdb_batch_delete_range(batch, part_b, KDB_SV("a"), KDB_SV("b"));
    kdb_batch_delete_range(batch, (kdb_partition){ KDB_FAMILY_SEQ, UINT32_MAX }, KDB_SV(""), KDB_SV(""));
}

static kdb_batch *sample(void)
{
    kdb_batch *batch = kdb_batch_new();
    fill(batch);
    return batch;
}

static kdb_status parse(kdb_sv bytes, kdb_batch **out)
{
    return kdb_batch_parse(bytes, out, NULL);
}

static void a_batch_survives_its_byte_form(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = sample();
    assert_int_equal(kdb_batch_count(batch), 5);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *copy = NULL;
    assert_int_equal(parse(kdb_batch_bytes(batch), &copy), KDB_OK);
    assert_int_equal(kdb_batch_count(copy), 5);
    assert_true(kdb_sv_eq(kdb_batch_bytes(copy), kdb_batch_bytes(batch)));
    assert_ptr_not_equal(kdb_batch_bytes(copy).ptr, kdb_batch_bytes(batch).ptr);
}

static void a_parsed_batch_commits_like_the_first(void **state)
{
    const fixture *fix = *state;
    commit_put(fix->store, part_b, "aa", "gone");
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = sample();
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *copy = NULL;
    assert_int_equal(parse(kdb_batch_bytes(batch), &copy), KDB_OK);
    assert_int_equal(kdb_store_commit(fix->store, copy, NULL), KDB_OK);
    assert_string_equal(walk(fix->store, NULL, part_a, (kdb_iter_range){ 0 }, fix->arena), "key=value");
    assert_string_equal(walk(fix->store, NULL, part_b, (kdb_iter_range){ 0 }, fix->arena), "");
}

/* The form is persistent and replicated: a change here needs a new version. */
static void the_bytes_are_the_documented_ones(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, part_a, KDB_SV("k"), KDB_SV("v"));
    kdb_batch_delete_range(batch, part_a, KDB_SV("k"), KDB_SV(""));
    assert_true(kdb_sv_eq(kdb_batch_bytes(batch), KDB_SV("\x01"
                                                         "\x01\x06\x02\x00\x00\x00\x07k\x01v"
                                                         "\x03\x06\x02\x00\x00\x00\x07k\x05\x02\x00\x00\x00\x08")));
}

static void an_empty_range_adds_nothing(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_delete_range(batch, part_a, KDB_SV("b"), KDB_SV("b"));
    kdb_batch_delete_range(batch, part_a, KDB_SV("c"), KDB_SV("b"));
    assert_int_equal(kdb_batch_count(batch), 0);
}

/* However much of it the arena has room for. */
static void a_batch_in_an_arena_is_like_any_other(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *expected = sample();
    for (size_t room = 0; room < 200; room++) {
        KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
        KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new_in(arena, room);
        fill(batch);
        assert_int_equal(kdb_batch_count(batch), 5);
        assert_true(kdb_sv_eq(kdb_batch_bytes(batch), kdb_batch_bytes(expected)));
    }
}

static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    static const kdb_sv rows[] = {
        { NULL, 0 },                                              /* no version */
        { "\x02", 1 },                                            /* another version */
        { "\x01\x01", 2 },                                        /* cut after the kind */
        { "\x01\x01\x05\x02\0\0\0\x07", 8 },                      /* cut before the value */
        { "\x01\x01\x04\x02\0\0\0\x00", 8 },                      /* key shorter than a prefix */
        { "\x01\x01\x05\x00\0\0\0\x07\x00", 9 },                  /* family 0 */
        { "\x01\x01\x05\x06\0\0\0\x07\x00", 9 },                  /* family after the last */
        { "\x01\x04\x05\x02\0\0\0\x07\x00", 9 },                  /* unknown kind */
        { "\x01\x02\x05\x02\0\0\0\x07\x01v", 10 },                /* delete with a value */
        { "\x01\x03\x05\x02\0\0\0\x07\x05\x02\0\0\0\x07", 14 },   /* range from a key to itself */
        { "\x01\x03\x05\x02\0\0\0\x07\x05\x02\0\0\0\x09", 14 },   /* range over two partitions */
        { "\x01\x03\x05\x02\0\0\0\x07\x06\x02\0\0\0\x08k", 15 },  /* range into the next partition */
        { "\x01\x01\x85\x00\x02\0\0\0\x07\x00", 10 },             /* padded varint */
        { "\x01\x01\xff\xff\xff\xff\x0f\x02\0\0\0\x07\x00", 13 }, /* length over the end */
        { "\x01\x01\xff\xff\xff\xff\x7f\x02\0\0\0\x07\x00", 13 }, /* length over 32 bits */
        { "\x01\x01\xff\xff\xff\xff\xff\x01\0\0\0\x07\x00", 13 }, /* varint without end */
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(rows); i++) {
        kdb_batch *out = NULL;
        assert_int_equal(parse(rows[i], &out), KDB_CORRUPT);
        assert_null(out);
    }
}

static void every_cut_is_an_error_or_ends_between_operations(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = sample();
    size_t whole = 0;
    for (size_t len = 0; len < kdb_batch_bytes(batch).len; len++) {
        KDB_CLEANUP(kdb_batch_freep) kdb_batch *out = NULL;
        whole += parse(kdb_sv_of(kdb_batch_bytes(batch).ptr, len), &out) == KDB_OK;
    }
    assert_int_equal(whole, 5); /* after the version and after each operation but the last */
}

static void random_damage_never_crashes_and_what_parses_commits(void **state)
{
    const fixture *fix = *state;
    uint64_t random = 42;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = sample();
    const kdb_sv good = kdb_batch_bytes(batch);
    for (int round = 0; round < 20000; round++) {
        char *copy = kdb_alloc(good.len); /* exact, so that a sanitizer sees a read behind it */
        memcpy(copy, good.ptr, good.len);
        for (int hits = 0; hits < 1 + round % 4; hits++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            copy[(random >> 33) % good.len] = (char)(random >> 20);
        }
        KDB_CLEANUP(kdb_batch_freep) kdb_batch *out = NULL;
        const kdb_status status = parse(kdb_sv_of(copy, good.len), &out);
        assert_true(status == KDB_OK || status == KDB_CORRUPT);
        if (status == KDB_OK && round % 16 == 0) {
            assert_int_equal(kdb_store_commit(fix->store, out, NULL), KDB_OK);
        }
        kdb_free(copy);
    }
}

/* ---- operations count in the order in which they were added, whatever order they are stored in ---- */

enum { KEYS = 40, OPS = 12000, FEW_TOGETHER = 2000 };

static kdb_sv numbered(char *bytes, const char *letter, uint64_t number)
{
    return kdb_sv_of(bytes, (size_t)snprintf(bytes, 32, "%s%02u", letter, (unsigned)number));
}

/* Adds a random operation to the batch, and does the same to the model: the number last put by key, 0 for none. */
static void add_random(kdb_batch *batch, uint64_t random, uint64_t number, uint64_t model[2][KEYS])
{
    char first[32], last[32], value[32];
    const size_t at = random >> 8 & 1, key = (size_t)((random >> 16) % KEYS), end = (size_t)((random >> 32) % KEYS);
    const kdb_partition part = at == 0 ? part_a : part_b;
    const uint64_t kind = (random >> 48) % 100;
    if (kind < 70) {
        kdb_batch_put(batch, part, numbered(first, "k", key), numbered(value, "", number));
        model[at][key] = number;
    } else if (kind < 98) {
        kdb_batch_delete(batch, part, numbered(first, "k", key));
        model[at][key] = 0;
    } else {
        kdb_batch_delete_range(batch, part, numbered(first, "k", key), numbered(last, "k", end));
        for (size_t i = key; i < end; i++) {
            model[at][i] = 0;
        }
    }
}

static void operations_count_in_their_order(void **state)
{
    const fixture *fix = *state;
    uint64_t random = 7, model[2][KEYS] = { { 0 } };
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (uint64_t number = 1; number <= OPS; number++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        add_random(batch, random ^ random >> 29, number, model);
        if (number < FEW_TOGETHER && (random >> 40) % 6 == 0) {
            assert_int_equal(kdb_store_commit(fix->store, batch, NULL), KDB_OK);
            kdb_batch_free(batch);
            batch = kdb_batch_new();
        }
    }
    assert_int_equal(kdb_store_commit(fix->store, batch, NULL), KDB_OK);
    for (size_t at = 0; at < 2; at++) {
        for (size_t key = 0; key < KEYS; key++) {
            char name[32], value[32];
            (void)numbered(name, "k", key);
            (void)numbered(value, "", model[at][key]);
            const char *stored = value_of(fix->store, NULL, at == 0 ? part_a : part_b, name, fix->arena);
            if (model[at][key] == 0) {
                assert_null(stored);
            } else {
                assert_non_null(stored);
                assert_string_equal(stored, value);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_survives_its_byte_form),
        cmocka_unit_test(the_bytes_are_the_documented_ones),
        cmocka_unit_test(an_empty_range_adds_nothing),
        cmocka_unit_test(a_batch_in_an_arena_is_like_any_other),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(every_cut_is_an_error_or_ends_between_operations),
        ON_BOTH(a_parsed_batch_commits_like_the_first),
        ON_BOTH(random_damage_never_crashes_and_what_parses_commits),
        ON_BOTH(operations_count_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
