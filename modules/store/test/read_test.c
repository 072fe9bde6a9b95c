/* read_test.c - gets, walks, snapshots and splits, the same on both backends. */
#include "store_fixture.h"

#include <stdio.h>

static void put_letters(kdb_store *store, kdb_partition part, const char *letters)
{
    for (const char *at = letters; *at != '\0'; at++) {
        const char key[] = { *at, '\0' };
        commit_put(store, part, key, "1");
    }
}

static void get_finds_what_was_put_last(void **state)
{
    const fixture *fix = *state;
    assert_null(value_of(fix->store, NULL, part_a, "k", fix->arena));
    commit_put(fix->store, part_a, "k", "one");
    assert_string_equal(value_of(fix->store, NULL, part_a, "k", fix->arena), "one");
    commit_put(fix->store, part_a, "k", "two");
    assert_string_equal(value_of(fix->store, NULL, part_a, "k", fix->arena), "two");
    commit_delete(fix->store, part_a, "k");
    assert_null(value_of(fix->store, NULL, part_a, "k", fix->arena));
}

static void an_absent_key_is_reported_and_out_untouched(void **state)
{
    const fixture *fix = *state;
    kdb_err err = { 0 };
    kdb_sv out = KDB_SV("before");
    assert_int_equal(kdb_store_get(fix->store, NULL, part_a, KDB_SV("k"), fix->arena, &out, &err), KDB_NOT_FOUND);
    assert_int_equal(err.status, KDB_NOT_FOUND);
    assert_string_equal(out.ptr, "before");
}

static void empty_keys_and_values_are_kept(void **state)
{
    const fixture *fix = *state;
    commit_put(fix->store, part_a, "", "");
    kdb_sv out = { 0 };
    assert_int_equal(kdb_store_get(fix->store, NULL, part_a, (kdb_sv){ 0 }, fix->arena, &out, NULL), KDB_OK);
    assert_int_equal(out.len, 0);
    assert_non_null(out.ptr);
    assert_string_equal(walk(fix->store, NULL, part_a, (kdb_iter_range){ 0 }, fix->arena), "=");
}

static void large_keys_and_values_come_back_whole(void **state)
{
    const fixture *fix = *state;
    enum { KEY_BYTES = 5000, VALUE_BYTES = 3000000 };
    char *value = kdb_arena_alloc(fix->arena, VALUE_BYTES);
    memset(value, 'v', VALUE_BYTES);
    char *key = kdb_arena_alloc(fix->arena, KEY_BYTES);
    memset(key, 'k', KEY_BYTES);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, part_a, kdb_sv_of(key, KEY_BYTES), kdb_sv_of(value, VALUE_BYTES));
    assert_int_equal(kdb_store_commit(fix->store, batch, NULL), KDB_OK);
    kdb_sv out;
    assert_int_equal(kdb_store_get(fix->store, NULL, part_a, kdb_sv_of(key, KEY_BYTES), fix->arena, &out, NULL),
                     KDB_OK);
    assert_true(kdb_sv_eq(out, kdb_sv_of(value, VALUE_BYTES)));
}

static void multi_get_tells_the_present_from_the_absent(void **state)
{
    const fixture *fix = *state;
    commit_put(fix->store, part_a, "a", "1");
    commit_put(fix->store, part_a, "c", "");
    commit_put(fix->store, part_b, "b", "other partition");
    const kdb_sv keys[] = { KDB_SV("c"), KDB_SV("b"), KDB_SV("a"), KDB_SV("a") };
    bool found[4] = { false, true, false, false };
    kdb_sv values[4];
    assert_int_equal(kdb_store_multi_get(fix->store, NULL, part_a, keys, 4, fix->arena, found, values, NULL), KDB_OK);
    assert_true(found[0] && !found[1] && found[2] && found[3]);
    assert_non_null(values[0].ptr);
    assert_int_equal(values[0].len, 0);
    assert_null(values[1].ptr);
    assert_true(kdb_sv_eq(values[2], KDB_SV("1")) && kdb_sv_eq(values[3], KDB_SV("1")));
    memset(found, 0, sizeof(found));
    assert_int_equal(kdb_store_multi_get(fix->store, NULL, part_a, keys, 4, fix->arena, found, NULL, NULL), KDB_OK);
    assert_true(found[0] && !found[1] && found[2] && found[3]);
    assert_int_equal(kdb_store_multi_get(fix->store, NULL, part_a, keys, 0, fix->arena, found, NULL, NULL), KDB_OK);
}

static void a_walk_is_in_byte_order_both_ways(void **state)
{
    const fixture *fix = *state;
    const char *keys[] = { "b", "a", "ab", "\x80", "B", "aa", "\xff" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(keys); i++) {
        commit_put(fix->store, part_a, keys[i], "");
    }
    assert_string_equal(walk(fix->store, NULL, part_a, (kdb_iter_range){ 0 }, fix->arena),
                        "B= a= aa= ab= b= \x80= \xff=");
    assert_string_equal(walk(fix->store, NULL, part_a, (kdb_iter_range){ .descending = true }, fix->arena),
                        "\xff= \x80= b= ab= aa= a= B=");
}

static void a_walk_stays_within_its_bounds(void **state)
{
    static const struct {
        const char *from, *to, *up, *down;
    } rows[] = {
        { "", "", "a=1 b=1 c=1 d=1", "d=1 c=1 b=1 a=1" },
        { "b", "", "b=1 c=1 d=1", "d=1 c=1 b=1" },
        { "", "c", "a=1 b=1", "b=1 a=1" },
        { "b", "d", "b=1 c=1", "c=1 b=1" },
        { "aa", "cc", "b=1 c=1", "c=1 b=1" },
        { "b", "b", "", "" },
        { "d", "b", "", "" },
        { "e", "", "", "" },
        { "", "A", "", "" },
    };
    const fixture *fix = *state;
    put_letters(fix->store, part_a, "dbca");
    put_letters(fix->store, (kdb_partition){ KDB_FAMILY_HOT, 6 }, "az");
    put_letters(fix->store, part_b, "az");
    for (size_t i = 0; i < KDB_ARRAY_LEN(rows); i++) {
        kdb_iter_range range = { .from = kdb_sv_cstr(rows[i].from), .to = kdb_sv_cstr(rows[i].to) };
        assert_string_equal(walk(fix->store, NULL, part_a, range, fix->arena), rows[i].up);
        range.scan = true;
        assert_string_equal(walk(fix->store, NULL, part_a, range, fix->arena), rows[i].up);
        range.descending = true;
        assert_string_equal(walk(fix->store, NULL, part_a, range, fix->arena), rows[i].down);
    }
}

static void partitions_of_all_families_are_apart_up_to_the_last_prefix(void **state)
{
    const fixture *fix = *state;
    for (int family = KDB_FAMILY_META; family < KDB_FAMILY_END; family++) {
        commit_put(fix->store, (kdb_partition){ (kdb_family)family, 0 }, "k", "first");
        commit_put(fix->store, (kdb_partition){ (kdb_family)family, UINT32_MAX }, "k", "last");
    }
    commit_delete_range(fix->store, (kdb_partition){ KDB_FAMILY_HOT, UINT32_MAX }, "", "");
    for (int family = KDB_FAMILY_META; family < KDB_FAMILY_END; family++) {
        const kdb_partition first = { (kdb_family)family, 0 };
        const kdb_partition last = { (kdb_family)family, UINT32_MAX };
        assert_string_equal(walk(fix->store, NULL, first, (kdb_iter_range){ 0 }, fix->arena), "k=first");
        assert_string_equal(walk(fix->store, NULL, last, (kdb_iter_range){ 0 }, fix->arena),
                            family == KDB_FAMILY_HOT ? "" : "k=last");
    }
}

static void a_snapshot_sees_one_instant(void **state)
{
    const fixture *fix = *state;
    const kdb_partition meta = kdb_partition_system(KDB_PART_SYSTEM_USERS);
    commit_put(fix->store, part_a, "a", "old");
    commit_put(fix->store, meta, "u", "old");
    KDB_CLEANUP(kdb_snapshot_freep) kdb_snapshot *snapshot = kdb_snapshot_new(fix->store);
    commit_put(fix->store, part_a, "a", "new");
    commit_put(fix->store, part_a, "b", "new");
    commit_delete(fix->store, meta, "u");
    assert_string_equal(walk(fix->store, snapshot, part_a, (kdb_iter_range){ 0 }, fix->arena), "a=old");
    assert_string_equal(walk(fix->store, snapshot, part_a, (kdb_iter_range){ .descending = true }, fix->arena),
                        "a=old");
    assert_string_equal(value_of(fix->store, snapshot, meta, "u", fix->arena), "old");
    const kdb_sv keys[] = { KDB_SV("a"), KDB_SV("b") };
    bool found[2];
    assert_int_equal(kdb_store_multi_get(fix->store, snapshot, part_a, keys, 2, fix->arena, found, NULL, NULL), KDB_OK);
    assert_true(found[0] && !found[1]);
    assert_string_equal(walk(fix->store, NULL, part_a, (kdb_iter_range){ 0 }, fix->arena), "a=new b=new");
}

static void a_walk_sees_the_instant_it_began(void **state)
{
    const fixture *fix = *state;
    put_letters(fix->store, part_a, "abc");
    KDB_CLEANUP(kdb_iter_freep) kdb_iter *iter = kdb_iter_new(fix->store, NULL, part_a, (kdb_iter_range){ 0 });
    commit_delete(fix->store, part_a, "b");
    commit_put(fix->store, part_a, "bb", "2");
    const char *expected[] = { "a", "b", "c" };
    for (size_t i = 0; i < 3; i++, kdb_iter_next(iter)) {
        assert_true(kdb_iter_valid(iter));
        assert_true(kdb_sv_eq(kdb_iter_key(iter), kdb_sv_cstr(expected[i])));
    }
    assert_false(kdb_iter_valid(iter));
}

static void delete_range_removes_from_and_keeps_to(void **state)
{
    static const struct {
        const char *from, *to, *left;
    } rows[] = {
        { "b", "c", "a=1 c=1 d=1" },     { "b", "", "a=1" },
        { "", "c", "c=1 d=1" },          { "", "", "" },
        { "b", "b", "a=1 b=1 c=1 d=1" }, { "d", "a", "a=1 b=1 c=1 d=1" },
        { "x", "", "a=1 b=1 c=1 d=1" },
    };
    const fixture *fix = *state;
    put_letters(fix->store, part_b, "abcd");
    for (size_t i = 0; i < KDB_ARRAY_LEN(rows); i++) {
        put_letters(fix->store, part_a, "abcd");
        commit_delete_range(fix->store, part_a, rows[i].from, rows[i].to);
        assert_string_equal(walk(fix->store, NULL, part_a, (kdb_iter_range){ 0 }, fix->arena), rows[i].left);
    }
    assert_string_equal(walk(fix->store, NULL, part_b, (kdb_iter_range){ 0 }, fix->arena), "a=1 b=1 c=1 d=1");
}

static void operations_of_a_batch_apply_in_their_order(void **state)
{
    const fixture *fix = *state;
    commit_put(fix->store, part_a, "k1", "old");
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_batch_put(batch, part_a, KDB_SV("k2"), KDB_SV("gone"));
    kdb_batch_delete_range(batch, part_a, (kdb_sv){ 0 }, (kdb_sv){ 0 });
    kdb_batch_put(batch, part_a, KDB_SV("k3"), KDB_SV("x"));
    kdb_batch_put(batch, part_a, KDB_SV("k3"), KDB_SV("y"));
    kdb_batch_put(batch, part_a, KDB_SV("k4"), KDB_SV("gone"));
    kdb_batch_delete(batch, part_a, KDB_SV("k4"));
    assert_int_equal(kdb_store_commit(fix->store, batch, NULL), KDB_OK);
    assert_string_equal(walk(fix->store, NULL, part_a, (kdb_iter_range){ 0 }, fix->arena), "k3=y");
}

/* ---- splits ---- */

static void put_numbered(kdb_store *store, kdb_partition part, size_t first, size_t count)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    for (size_t i = first; i < first + count; i++) {
        char key[16];
        const int len = snprintf(key, sizeof(key), "row%08zu", i);
        kdb_batch_put(batch, part, kdb_sv_of(key, (size_t)len),
                      KDB_SV("some value of a row, sixty bytes or so in length"));
    }
    assert_int_equal(kdb_store_commit(store, batch, NULL), KDB_OK);
}

static size_t count_rows(kdb_store *store, kdb_partition part, kdb_sv from, kdb_sv to)
{
    size_t rows = 0;
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(store, NULL, part, (kdb_iter_range){ .from = from, .to = to, .scan = true });
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        rows++;
    }
    return rows;
}

static void splits_cut_a_large_range_into_like_parts(void **state)
{
    enum { ROWS = 60000, SPLITS = 3 };
    const fixture *fix = *state;
    for (size_t i = 0; i < ROWS; i += ROWS / 10) {
        put_numbered(fix->store, part_a, i, ROWS / 10);
    }
    put_numbered(fix->store, part_b, 0, 5000);
    kdb_sv bounds[SPLITS + 2] = { { 0 } };
    const size_t count =
        kdb_store_splits(fix->store, part_a, (kdb_sv){ 0 }, (kdb_sv){ 0 }, SPLITS, fix->arena, bounds + 1);
    assert_int_equal(count, SPLITS);
    size_t total = 0;
    for (size_t i = 0; i <= SPLITS; i++) {
        const size_t rows = count_rows(fix->store, part_a, bounds[i], bounds[i + 1]);
        assert_in_range(rows, ROWS / 10, ROWS / 2);
        total += rows;
    }
    assert_int_equal(total, ROWS);
}

static void splits_stay_within_the_range(void **state)
{
    const fixture *fix = *state;
    put_numbered(fix->store, part_a, 0, 20000);
    const kdb_sv from = KDB_SV("row00005000");
    const kdb_sv to = KDB_SV("row00015000");
    kdb_sv splits[7];
    const size_t count = kdb_store_splits(fix->store, part_a, from, to, 7, fix->arena, splits);
    assert_in_range(count, 1, 7);
    for (size_t i = 0; i < count; i++) {
        assert_true(kdb_sv_cmp(splits[i], i == 0 ? from : splits[i - 1]) > 0);
        assert_true(kdb_sv_cmp(splits[i], to) < 0);
    }
}

static void a_small_or_empty_range_is_not_split(void **state)
{
    const fixture *fix = *state;
    kdb_sv splits[3];
    assert_int_equal(kdb_store_splits(fix->store, part_a, (kdb_sv){ 0 }, (kdb_sv){ 0 }, 3, fix->arena, splits), 0);
    put_numbered(fix->store, part_a, 0, 1000);
    put_numbered(fix->store, part_b, 0, 10000);
    assert_int_equal(kdb_store_splits(fix->store, part_a, (kdb_sv){ 0 }, (kdb_sv){ 0 }, 3, fix->arena, splits), 0);
    assert_int_equal(kdb_store_splits(fix->store, part_b, KDB_SV("z"), KDB_SV("a"), 3, fix->arena, splits), 0);
    assert_int_equal(kdb_store_splits(fix->store, part_b, (kdb_sv){ 0 }, (kdb_sv){ 0 }, 0, fix->arena, splits), 0);
}

static void stats_count_commits_and_memory(void **state)
{
    const fixture *fix = *state;
    put_letters(fix->store, part_a, "abc");
    kdb_store_stats stats;
    kdb_store_stats_get(fix->store, &stats);
    assert_int_equal(stats.commits, 3);
    assert_in_range(stats.groups, 1, 3);
    assert_true(stats.bytes_written > 0 && stats.memtable_bytes > 0);
}

static void system_partitions_all_have_names(void **state)
{
    (void)state;
    for (int i = KDB_PART_SYSTEM_NAMESPACES; i < KDB_PART_SYSTEM_END; i++) {
        assert_non_null(kdb_system_partition_defs[i].name);
        for (int j = KDB_PART_SYSTEM_NAMESPACES; j < i; j++) {
            assert_string_not_equal(kdb_system_partition_defs[i].name, kdb_system_partition_defs[j].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(get_finds_what_was_put_last),
        ON_BOTH(an_absent_key_is_reported_and_out_untouched),
        ON_BOTH(empty_keys_and_values_are_kept),
        ON_BOTH(large_keys_and_values_come_back_whole),
        ON_BOTH(multi_get_tells_the_present_from_the_absent),
        ON_BOTH(a_walk_is_in_byte_order_both_ways),
        ON_BOTH(a_walk_stays_within_its_bounds),
        ON_BOTH(partitions_of_all_families_are_apart_up_to_the_last_prefix),
        ON_BOTH(a_snapshot_sees_one_instant),
        ON_BOTH(a_walk_sees_the_instant_it_began),
        ON_BOTH(delete_range_removes_from_and_keeps_to),
        ON_BOTH(operations_of_a_batch_apply_in_their_order),
        ON_BOTH(splits_cut_a_large_range_into_like_parts),
        ON_BOTH(splits_stay_within_the_range),
        ON_BOTH(a_small_or_empty_range_is_not_split),
        ON_BOTH(stats_count_commits_and_memory),
        cmocka_unit_test(system_partitions_all_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
