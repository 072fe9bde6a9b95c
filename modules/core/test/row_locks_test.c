/* row_locks_test.c - stripes are exclusive, served in order, and never deadlock. */
#include "core_int.h"

#include <setjmp.h>
#include <stdarg.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static size_t grants;

static void count_grant(kdbi_lock_set *set)
{
    (void)set;
    grants++;
}

static kdbi_lock_set set_of(uint16_t *stripes, size_t count)
{
    return (kdbi_lock_set){ .stripes = stripes, .count = count, .granted = count_grant };
}

static void a_held_stripe_parks_and_is_handed_over_in_order(void **state)
{
    (void)state;
    kdbi_row_locks *locks = kdbi_row_locks_new();
    uint16_t one[] = { 7 };
    kdbi_lock_set a = set_of(one, 1), b = set_of(one, 1), c = set_of(one, 1);
    grants = 0;
    assert_true(kdbi_row_locks_acquire(locks, &a));
    assert_false(kdbi_row_locks_acquire(locks, &b));
    assert_false(kdbi_row_locks_acquire(locks, &c));
    kdbi_row_locks_release(locks, &a);
    assert_int_equal(grants, 1);
    assert_int_equal(b.held, 1);
    assert_int_equal(c.held, 0);
    kdbi_row_locks_release(locks, &b);
    assert_int_equal(c.held, 1);
    kdbi_row_locks_release(locks, &c);
    assert_true(kdbi_row_locks_acquire(locks, &a));
    kdbi_row_locks_release(locks, &a);
    kdbi_row_locks_free(locks);
}

static void a_set_learns_when_its_rows_were_changed(void **state)
{
    (void)state;
    kdbi_row_locks *locks = kdbi_row_locks_new();
    uint16_t first[] = { 1 }, both[] = { 1, 2 };
    kdbi_lock_set a = set_of(first, 1), b = set_of(both, 2), c = set_of(both, 2), d = set_of(both, 2);
    assert_true(kdbi_row_locks_acquire(locks, &a));
    assert_int_equal(a.changed, 0);
    assert_false(kdbi_row_locks_acquire(locks, &b));
    assert_false(kdbi_row_locks_acquire(locks, &c));
    a.changed_now = 5;
    kdbi_row_locks_release(locks, &a);
    assert_int_equal(b.changed, 5);    /* it was parked meanwhile */
    kdbi_row_locks_release(locks, &b); /* changes nothing */
    assert_int_equal(c.changed, 5);
    c.changed_now = 9;
    kdbi_row_locks_release(locks, &c);
    assert_true(kdbi_row_locks_acquire(locks, &d));
    assert_int_equal(d.changed, 9);
    kdbi_row_locks_release(locks, &d);
    kdbi_row_locks_free(locks);
}

static void a_parked_set_goes_on_to_its_next_stripe_when_handed_one(void **state)
{
    (void)state;
    kdbi_row_locks *locks = kdbi_row_locks_new();
    uint16_t first[] = { 1 }, second[] = { 2 }, both[] = { 1, 2 };
    kdbi_lock_set a = set_of(first, 1), b = set_of(second, 1), c = set_of(both, 2);
    grants = 0;
    assert_true(kdbi_row_locks_acquire(locks, &a));
    assert_true(kdbi_row_locks_acquire(locks, &b));
    assert_false(kdbi_row_locks_acquire(locks, &c));
    kdbi_row_locks_release(locks, &a);
    assert_int_equal(grants, 0); /* parked again, on stripe 2 */
    kdbi_row_locks_release(locks, &b);
    assert_int_equal(grants, 1);
    assert_int_equal(c.held, 2);
    kdbi_row_locks_release(locks, &c);
    kdbi_row_locks_free(locks);
}

static void a_set_has_its_stripes_sorted_and_once(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_sv keys[5000];
    for (size_t i = 0; i < KDB_ARRAY_LEN(keys); i++) {
        keys[i] = kdb_sv_printf(arena, "key-%zu", i % 4000);
    }
    kdbi_lock_set set;
    kdbi_lock_set_init(&set, 3, keys, KDB_ARRAY_LEN(keys), arena);
    assert_in_range(set.count, 1, KDBI_STRIPES);
    for (size_t i = 1; i < set.count; i++) {
        assert_true(set.stripes[i - 1] < set.stripes[i]);
    }
}

/* ---- many threads: each stripe has one owner at a time, and everybody ends ---- */

enum { THREADS = 8, ROUNDS = 2000, STRIPES_USED = 6 };

typedef struct contender {
    kdbi_row_locks *locks;
    atomic_int *owners; /* by stripe */
    unsigned seed;
    kdb_mutex lock;
    kdb_cond granted;
    bool ready;
    kdbi_lock_set set;
} contender;

static void wake(kdbi_lock_set *set)
{
    contender *c = KDB_CONTAINER_OF(set, contender, set);
    kdb_mutex_lock(&c->lock);
    c->ready = true;
    kdb_cond_signal(&c->granted);
    kdb_mutex_unlock(&c->lock);
}

static void take_round(contender *c)
{
    uint16_t stripes[STRIPES_USED];
    size_t count = 0;
    for (uint16_t i = 0; i < STRIPES_USED; i++) {
        c->seed = c->seed * 1103515245u + 12345u;
        if ((c->seed >> 16 & 1) != 0) {
            stripes[count++] = i;
        }
    }
    c->set = (kdbi_lock_set){ .stripes = stripes, .count = count, .granted = wake };
    c->ready = false;
    if (!kdbi_row_locks_acquire(c->locks, &c->set)) {
        kdb_mutex_lock(&c->lock);
        while (!c->ready) {
            kdb_cond_wait(&c->granted, &c->lock);
        }
        kdb_mutex_unlock(&c->lock);
    }
    for (size_t i = 0; i < count; i++) {
        KDB_ASSERT(atomic_fetch_add(&c->owners[stripes[i]], 1) == 0);
    }
    for (size_t i = 0; i < count; i++) {
        atomic_fetch_sub(&c->owners[stripes[i]], 1);
    }
    kdbi_row_locks_release(c->locks, &c->set);
}

static void contend(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        take_round(arg);
    }
}

static void stripes_have_one_owner_and_nobody_waits_for_ever(void **state)
{
    (void)state;
    static contender contenders[THREADS];
    static atomic_int owners[STRIPES_USED];
    kdb_thread threads[THREADS] = { 0 };
    kdbi_row_locks *locks = kdbi_row_locks_new();
    for (unsigned i = 0; i < THREADS; i++) {
        contenders[i].locks = locks;
        contenders[i].owners = owners;
        contenders[i].seed = i + 1;
        kdb_mutex_init(&contenders[i].lock, KDB_LOCK_QUEUE);
        kdb_cond_init(&contenders[i].granted);
        kdb_thread_start(&threads[i], "contender", KDB_THREAD_ANY, contend, &contenders[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        kdb_thread_join(&threads[i]);
        kdb_cond_done(&contenders[i].granted);
        kdb_mutex_done(&contenders[i].lock);
    }
    kdbi_row_locks_free(locks);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_held_stripe_parks_and_is_handed_over_in_order),
        cmocka_unit_test(a_set_learns_when_its_rows_were_changed),
        cmocka_unit_test(a_parked_set_goes_on_to_its_next_stripe_when_handed_one),
        cmocka_unit_test(a_set_has_its_stripes_sorted_and_once),
        cmocka_unit_test(stripes_have_one_owner_and_nobody_waits_for_ever),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
