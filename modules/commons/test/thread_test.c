/* thread_test.c - threads, ranked locks, conditions and the queue. Meant to be run under ThreadSanitizer too. */
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_support.h"

enum { PRODUCERS = 3, CONSUMERS = 3, ITEMS_EACH = 20000 };

typedef struct seen {
    char name[16];
    kdb_thread_role role;
    bool term_blocked;
} seen;

static void look_around(void *arg)
{
    seen *s = arg;
    pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
    s->role = kdb_thread_role_get();
    KDB_ASSERT_ON(KDB_THREAD_NET);
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    s->term_blocked = sigismember(&blocked, SIGTERM) == 1;
}

static void a_thread_has_name_role_and_no_signals(void **state)
{
    (void)state;
    kdb_thread thread = { 0 };
    kdb_thread_join(&thread); /* not started */
    seen s = { .role = KDB_THREAD_ANY };
    kdb_thread_start(&thread, "a-name-that-is-too-long", KDB_THREAD_NET, look_around, &s);
    kdb_thread_join(&thread);
    assert_string_equal(s.name, "a-name-that-is-");
    assert_int_equal(s.role, KDB_THREAD_NET);
    assert_true(s.term_blocked);
    assert_int_equal(kdb_thread_role_get(), KDB_THREAD_ANY);
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGTERM), 0);
}

static void note_niceness(void *arg)
{
    *(int *)arg = getpriority(PRIO_PROCESS, (id_t)gettid());
}

static void jobs_make_way(void **state)
{
    (void)state;
    const int own = getpriority(PRIO_PROCESS, 0);
    int of_job = own;
    int of_worker = own + 1;
    kdb_thread job = { 0 };
    kdb_thread worker = { 0 };
    kdb_thread_start(&job, "job", KDB_THREAD_JOB, note_niceness, &of_job);
    kdb_thread_join(&job);
    kdb_thread_start(&worker, "worker", KDB_THREAD_WORKER, note_niceness, &of_worker);
    kdb_thread_join(&worker);
    assert_true(of_job > own || own == 19);
    assert_int_equal(of_worker, own);
}

#ifdef KDB_DEBUG
KDB_UNCHECKED_LOCKS static void lock_downwards(void)
{
    kdb_mutex low;
    kdb_mutex high;
    kdb_mutex_init(&low, KDB_LOCK_REGISTRY);
    kdb_mutex_init(&high, KDB_LOCK_STORE);
    kdb_mutex_lock(&high);
    kdb_mutex_lock(&low);
}

KDB_UNCHECKED_LOCKS static void lock_same_rank(void)
{
    kdb_mutex a;
    kdb_mutex b;
    kdb_mutex_init(&a, KDB_LOCK_STORE);
    kdb_mutex_init(&b, KDB_LOCK_STORE);
    kdb_mutex_lock(&a);
    kdb_mutex_lock(&b);
}

KDB_UNCHECKED_LOCKS static void unlock_unheld(void)
{
    kdb_mutex a;
    kdb_mutex_init(&a, KDB_LOCK_STORE);
    kdb_mutex_unlock(&a);
}

KDB_UNCHECKED_LOCKS static void wait_below_held(void)
{
    kdb_mutex low;
    kdb_mutex high;
    kdb_cond cond;
    kdb_mutex_init(&low, KDB_LOCK_REGISTRY);
    kdb_mutex_init(&high, KDB_LOCK_STORE);
    kdb_cond_init(&cond);
    kdb_mutex_lock(&low);
    kdb_mutex_lock(&high);
    kdb_cond_wait(&cond, &low);
}

static void assert_aborts(void (*run)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        close(2); /* the assertion's text is expected */
        run();
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_false(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static void locking_out_of_rank_aborts(void **state)
{
    (void)state;
    assert_aborts(lock_downwards);
    assert_aborts(lock_same_rank);
    assert_aborts(unlock_unheld);
    assert_aborts(wait_below_held);
}
#endif

static void ranks_may_rise_and_be_released_in_any_order(void **state)
{
    (void)state;
    kdb_mutex a;
    kdb_mutex b;
    kdb_mutex c;
    kdb_mutex_init(&a, KDB_LOCK_SERVER);
    kdb_mutex_init(&b, KDB_LOCK_STORE);
    kdb_mutex_init(&c, KDB_LOCK_QUEUE);
    for (int i = 0; i < 3; i++) {
        kdb_mutex_lock(&a);
        kdb_mutex_lock(&b);
        kdb_mutex_unlock(&a);
        kdb_mutex_lock(&c);
        kdb_mutex_unlock(&b);
        kdb_mutex_unlock(&c);
    }
    kdb_mutex_done(&a);
    kdb_mutex_done(&b);
    kdb_mutex_done(&c);
}

typedef struct gate {
    kdb_mutex lock;
    kdb_cond changed;
    bool open; /* guarded by lock */
} gate;

static void open_gate(void *arg)
{
    gate *g = arg;
    kdb_mutex_lock(&g->lock);
    g->open = true;
    kdb_cond_broadcast(&g->changed);
    kdb_mutex_unlock(&g->lock);
}

static void a_wait_ends_with_a_signal_or_its_deadline(void **state)
{
    (void)state;
    gate g = { .open = false };
    kdb_mutex_init(&g.lock, KDB_LOCK_SERVER);
    kdb_cond_init(&g.changed);
    kdb_mutex_lock(&g.lock);
    assert_false(kdb_cond_wait_until(&g.changed, &g.lock, kdb_monotonic_us() - 1));
    assert_false(kdb_cond_wait_until(&g.changed, &g.lock, -5));
    int64_t deadline = kdb_monotonic_us() + 20000;
    while (kdb_cond_wait_until(&g.changed, &g.lock, deadline)) {}
    assert_true(kdb_monotonic_us() >= deadline);
    kdb_mutex_unlock(&g.lock);

    kdb_thread thread = { 0 };
    kdb_thread_start(&thread, "opener", KDB_THREAD_ANY, open_gate, &g);
    kdb_mutex_lock(&g.lock);
    while (!g.open) {
        assert_true(kdb_cond_wait_until(&g.changed, &g.lock, kdb_monotonic_us() + 60000000));
    }
    kdb_mutex_unlock(&g.lock);
    kdb_thread_join(&thread);
    kdb_cond_done(&g.changed);
    kdb_mutex_done(&g.lock);
}

static void the_queue_is_first_in_first_out(void **state)
{
    (void)state;
    int items[1000];
    kdb_queue *queue = kdb_queue_new(1000);
    size_t in = 0;
    size_t out = 0;
    uint64_t seed = 9;
    while (out < 1000) {
        if (in < 1000 && random_between(&seed, 0, 2) > 0) {
            assert_true(kdb_queue_push(queue, &items[in++]));
        } else if (out < in) {
            assert_ptr_equal(kdb_queue_try_pop(queue), &items[out++]);
        }
        assert_int_equal(kdb_queue_length(queue), in - out);
    }
    assert_null(kdb_queue_try_pop(queue));
    kdb_queue_free(queue);
    kdb_queue_free(NULL);
}

static void a_full_queue_refuses_all_but_admitted_work(void **state)
{
    (void)state;
    int item;
    kdb_queue *queue = kdb_queue_new(2);
    assert_true(kdb_queue_push(queue, &item));
    assert_true(kdb_queue_push(queue, &item));
    assert_false(kdb_queue_push(queue, &item));
    for (int i = 0; i < 100; i++) {
        assert_true(kdb_queue_push_always(queue, &item));
    }
    assert_int_equal(kdb_queue_length(queue), 102);
    for (int i = 0; i < 101; i++) {
        assert_non_null(kdb_queue_pop(queue));
    }
    assert_true(kdb_queue_push(queue, &item));
    assert_false(kdb_queue_push(queue, &item));
    kdb_queue_free(queue);
}

static void a_closed_queue_gives_what_it_has_and_takes_nothing(void **state)
{
    (void)state;
    int item;
    kdb_queue *queue = kdb_queue_new(10);
    assert_true(kdb_queue_push(queue, &item));
    kdb_queue_close(queue);
    assert_false(kdb_queue_push(queue, &item));
    assert_false(kdb_queue_push_always(queue, &item));
    assert_ptr_equal(kdb_queue_pop(queue), &item);
    assert_null(kdb_queue_pop(queue));
    assert_null(kdb_queue_try_pop(queue));
    kdb_queue_free(queue);
}

typedef struct traffic {
    kdb_queue *queue;
    unsigned char *counts; /* by item; each is touched by the one consumer that got it */
    _Atomic size_t next_producer;
} traffic;

static void produce(void *arg)
{
    traffic *t = arg;
    size_t first = atomic_fetch_add(&t->next_producer, 1) * ITEMS_EACH;
    for (size_t i = 0; i < ITEMS_EACH; i++) {
        void *item = &t->counts[first + i];
        while (!kdb_queue_push(t->queue, item)) {
            sched_yield();
        }
    }
}

static void consume(void *arg)
{
    traffic *t = arg;
    for (unsigned char *item; (item = kdb_queue_pop(t->queue)) != NULL;) {
        (*item)++;
    }
}

static void every_item_reaches_one_consumer(void **state)
{
    (void)state;
    traffic t = { .queue = kdb_queue_new(64), .counts = kdb_alloc((size_t)PRODUCERS * ITEMS_EACH) };
    kdb_thread producers[PRODUCERS] = { 0 };
    kdb_thread consumers[CONSUMERS] = { 0 };
    for (size_t i = 0; i < CONSUMERS; i++) {
        kdb_thread_start(&consumers[i], "consumer", KDB_THREAD_WORKER, consume, &t);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        kdb_thread_start(&producers[i], "producer", KDB_THREAD_NET, produce, &t);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        kdb_thread_join(&producers[i]);
    }
    kdb_queue_close(t.queue);
    for (size_t i = 0; i < CONSUMERS; i++) {
        kdb_thread_join(&consumers[i]);
    }
    for (size_t i = 0; i < (size_t)PRODUCERS * ITEMS_EACH; i++) {
        assert_int_equal(t.counts[i], 1);
    }
    kdb_queue_free(t.queue);
    kdb_free(t.counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_name_role_and_no_signals),
        cmocka_unit_test(jobs_make_way),
#ifdef KDB_DEBUG
        cmocka_unit_test(locking_out_of_rank_aborts),
#endif
        cmocka_unit_test(ranks_may_rise_and_be_released_in_any_order),
        cmocka_unit_test(a_wait_ends_with_a_signal_or_its_deadline),
        cmocka_unit_test(the_queue_is_first_in_first_out),
        cmocka_unit_test(a_full_queue_refuses_all_but_admitted_work),
        cmocka_unit_test(a_closed_queue_gives_what_it_has_and_takes_nothing),
        cmocka_unit_test(every_item_reaches_one_consumer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
