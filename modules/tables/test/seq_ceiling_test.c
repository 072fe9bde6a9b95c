/* seq_ceiling_test.c - `_seq` never repeats or goes back over restarts, whatever the clock does and in whatever order
 * batches commit. */
#include "fixture.h"

static int64_t clock_us;

static int64_t frozen_clock(void)
{
    return clock_us;
}

/* 2026 and on; each test takes a later year so that the process-wide id source is always behind its clock. */
static void start_clock(void)
{
    static int64_t year = 56;
    clock_us = year++ * INT64_C(365) * 86400 * 1000000;
    kdb_clock_override(frozen_clock);
}

static uint64_t id_at(int64_t us)
{
    return (uint64_t)(us / 1000 - KDB_SNOWFLAKE_EPOCH_MS) << 22;
}

/* Commits one row's worth of batch as core does. */
static void write_seq(kdb_seq_ceiling *ceiling, kdb_store *store, uint64_t seq, size_t want_ops)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    const uint64_t staged = kdb_seq_ceiling_stage(ceiling, seq, batch);
    assert_int_equal(kdb_batch_count(batch), want_ops);
    assert_int_equal(staged != 0, want_ops != 0);
    fixture_commit(store, batch);
    kdb_seq_ceiling_confirm(ceiling, staged);
}

static kdb_seq_ceiling reopen(kdb_store *store)
{
    kdb_seq_ceiling ceiling = { 0 };
    kdb_err err;
    assert_int_equal(kdb_seq_ceiling_open(&ceiling, store, &err), KDB_OK);
    return ceiling;
}

static size_t stored_ceilings(kdb_store *store)
{
    KDB_CLEANUP(kdb_iter_freep)
    kdb_iter *iter = kdb_iter_new(store, NULL, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS),
                                  (kdb_iter_range){ .descending = false });
    size_t count = 0;
    for (; kdb_iter_valid(iter); kdb_iter_next(iter)) {
        count++;
    }
    return count;
}

static void a_new_store_raises_nothing(void **state)
{
    (void)state;
    start_clock();
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = kdb_store_open_memory();
    const kdb_seq_ceiling ceiling = reopen(store);
    assert_int_equal(atomic_load(&ceiling.durable), 0);
    assert_int_equal(kdb_snowflake_us(kdb_snowflake_next()) / 1000, clock_us / 1000);
}

static void batches_of_one_second_carry_it_once(void **state)
{
    (void)state;
    start_clock();
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = kdb_store_open_memory();
    kdb_seq_ceiling ceiling = reopen(store);
    write_seq(&ceiling, store, kdb_snowflake_next(), 1);
    for (size_t i = 0; i < 100; i++) {
        clock_us += 9000;
        write_seq(&ceiling, store, kdb_snowflake_next(), 0);
    }
    clock_us += 2000000;
    write_seq(&ceiling, store, kdb_snowflake_next(), 2); /* the old one goes */
    assert_int_equal(stored_ceilings(store), 1);
}

static void after_a_crash_ids_go_on_above(void **state)
{
    (void)state;
    start_clock();
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = kdb_store_open_memory();
    kdb_seq_ceiling ceiling = reopen(store);
    uint64_t greatest = 0;
    for (size_t i = 0; i < 1000; i++) {
        clock_us += 7000;
        greatest = kdb_snowflake_next();
        const bool passes = greatest > atomic_load(&ceiling.durable);
        write_seq(&ceiling, store, greatest, !passes ? 0 : i == 0 ? 1 : 2);
    }
    clock_us -= INT64_C(3600) * 1000000; /* set back an hour while down */
    ceiling = reopen(store);
    const uint64_t next = kdb_snowflake_next();
    assert_true(next > greatest);
    assert_true(kdb_snowflake_us(next) - kdb_snowflake_us(greatest) <= 2001000);
}

static void a_start_ahead_of_the_ceiling_follows_the_clock(void **state)
{
    (void)state;
    start_clock();
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = kdb_store_open_memory();
    kdb_seq_ceiling ceiling = reopen(store);
    write_seq(&ceiling, store, kdb_snowflake_next(), 1);
    clock_us += 3000000;
    (void)reopen(store);
    assert_int_equal(kdb_snowflake_us(kdb_snowflake_next()) / 1000, clock_us / 1000);
}

static void after_a_clean_stop_ids_do_not_run_ahead(void **state)
{
    (void)state;
    start_clock();
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = kdb_store_open_memory();
    kdb_seq_ceiling ceiling = reopen(store);
    kdb_err err;
    const uint64_t last = kdb_snowflake_next();
    write_seq(&ceiling, store, last, 1);
    assert_int_equal(kdb_seq_ceiling_settle(&ceiling, store, &err), KDB_OK);
    assert_int_equal(stored_ceilings(store), 1);
    ceiling = reopen(store);
    assert_true(atomic_load(&ceiling.durable) > last);
    assert_true(atomic_load(&ceiling.durable) < id_at(clock_us) + (UINT64_C(1) << 22));
    clock_us += 1000;
    const uint64_t next = kdb_snowflake_next();
    assert_true(next > last);
    assert_int_equal(kdb_snowflake_us(next) / 1000, clock_us / 1000);
    write_seq(&ceiling, store, next, 2);
}

/* Two batches staged in one order and committed in the other; the crash comes right after. */
static void commits_out_of_order_never_lower_it(void **state)
{
    (void)state;
    start_clock();
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = kdb_store_open_memory();
    kdb_seq_ceiling ceiling = reopen(store);
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *early = kdb_batch_new();
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *late = kdb_batch_new();
    const uint64_t low = kdb_seq_ceiling_stage(&ceiling, kdb_snowflake_next(), early);
    clock_us += 1500000;
    const uint64_t high = kdb_seq_ceiling_stage(&ceiling, kdb_snowflake_next(), late);
    assert_true(low < high);
    fixture_commit(store, late);
    kdb_seq_ceiling_confirm(&ceiling, high);
    fixture_commit(store, early);
    kdb_seq_ceiling_confirm(&ceiling, low);
    assert_int_equal(atomic_load(&ceiling.durable), high);
    ceiling = reopen(store);
    assert_int_equal(atomic_load(&ceiling.durable), high);
    assert_int_equal(stored_ceilings(store), 1); /* the lower one was swept */
}

static void an_unconfirmed_ceiling_is_staged_again(void **state)
{
    (void)state;
    start_clock();
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = kdb_store_open_memory();
    kdb_seq_ceiling ceiling = reopen(store);
    const uint64_t seq = kdb_snowflake_next();
    for (size_t i = 0; i < 2; i++) {
        KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new(); /* never committed */
        assert_true(kdb_seq_ceiling_stage(&ceiling, seq + i, batch) > seq + i);
        assert_int_equal(kdb_batch_count(batch), 1);
    }
}

static void a_damaged_ceiling_is_corrupt(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_store_closep) kdb_store *store = kdb_store_open_memory();
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_seq_ceiling ceiling = { 0 };
    kdb_err err;
    kdb_batch_put(batch, kdb_partition_system(KDB_PART_SYSTEM_SETTINGS), KDB_SV("seq_ceiling:abc"), KDB_SV(""));
    fixture_commit(store, batch);
    assert_int_equal(kdb_seq_ceiling_open(&ceiling, store, &err), KDB_CORRUPT);
}

static int restore_clock(void **state)
{
    (void)state;
    kdb_clock_override(NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_raises_nothing),
        cmocka_unit_test(batches_of_one_second_carry_it_once),
        cmocka_unit_test(after_a_crash_ids_go_on_above),
        cmocka_unit_test(a_start_ahead_of_the_ceiling_follows_the_clock),
        cmocka_unit_test(after_a_clean_stop_ids_do_not_run_ahead),
        cmocka_unit_test(commits_out_of_order_never_lower_it),
        cmocka_unit_test(an_unconfirmed_ceiling_is_staged_again),
        cmocka_unit_test(a_damaged_ceiling_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, restore_clock);
}
