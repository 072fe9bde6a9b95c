/* signals.c - how the process is told to end. Signals are blocked in all threads and taken one by one by main, so that no
 * handler ever runs in the middle of something; only the impatient second one ends the process on the spot. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "server_int.h"

static sigset_t our_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    return set;
}

void kdb_signals_prepare(void)
{
    const sigset_t set = our_signals();
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error of the write, as a full disk is */
}

static void end_at_once(int number)
{
    _exit(128 + number);
}

void kdb_signals_wait(kdb_server *server)
{
    const sigset_t set = our_signals();
    int number = 0;
    while (sigwait(&set, &number) != 0 || number == SIGHUP) { /* a closed terminal does not end the server */
        kdb_server_reload(server);
    }
    kdb_log_info("shutting down signal=%d", number);
    (void)signal(SIGTERM, end_at_once);
    (void)signal(SIGINT, end_at_once);
    (void)signal(SIGHUP, SIG_IGN);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
