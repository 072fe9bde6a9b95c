/* thread.c - threads with a name and a role. Signals are the main thread's business: others start with all blocked. */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kdb/mem.h"
#include "kdb/thread.h"

enum {
    NAME_MAX_BYTES = 16,
    JOB_NICE = 5 /* a third of another thread's share: enough that a job which holds a lock does not keep it for long */
};

typedef struct start {
    char name[NAME_MAX_BYTES];
    kdb_thread_role role;
    void (*run)(void *arg);
    void *arg;
} start;

static _Thread_local kdb_thread_role current_role = KDB_THREAD_ANY;

static void *run_thread(void *arg)
{
    start s = *(start *)arg;
    kdb_free(arg);
    current_role = s.role;
    (void)pthread_setname_np(pthread_self(), s.name); /* only for debuggers */
    if (s.role == KDB_THREAD_JOB) {
        /* Of this thread alone, in Linux. Where it is refused, jobs run as all do. */
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, (id_t)gettid()) + JOB_NICE);
    }
    s.run(s.arg);
    return NULL;
}

static void copy_name(char *out, const char *name)
{
    size_t i = 0;
    for (; i + 1 < NAME_MAX_BYTES && name[i] != '\0'; i++) {
        out[i] = name[i];
    }
    out[i] = '\0';
}

bool kdb_thread_try_start(kdb_thread *thread, const char *name, kdb_thread_role role, void (*run)(void *arg), void *arg)
{
    start *s = KDB_NEW(start);
    *s = (start){ .role = role, .run = run, .arg = arg };
    copy_name(s->name, name);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread->started = pthread_create(&thread->id, NULL, run_thread, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!thread->started) {
        kdb_free(s);
    }
    return thread->started;
}

void kdb_thread_start(kdb_thread *thread, const char *name, kdb_thread_role role, void (*run)(void *arg), void *arg)
{
    const bool started = kdb_thread_try_start(thread, name, role, run, arg);
    KDB_ASSERT(started);
}

void kdb_thread_join(kdb_thread *thread)
{
    if (thread->started) {
        int failed = pthread_join(thread->id, NULL);
        KDB_ASSERT(failed == 0);
        thread->started = false;
    }
}

kdb_thread_role kdb_thread_role_get(void)
{
    return current_role;
}
