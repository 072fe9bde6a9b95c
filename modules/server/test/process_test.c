/* process_test.c - the server as a process of its own: start, stop by signal, refusals to start. The process is this
 * program again, told to `serve`; it does what main does. Each case has an empty directory of its own. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server_test.h"

enum { PATIENCE_MS = 60000 };

#define SERVE "serve"

typedef struct process {
    pid_t pid;
    int out;          /* its stdout and stderr */
    char text[65536]; /* what it printed */
    size_t len;
    unsigned port;
} process;

static int serve(char *const *settings)
{
    kdb_options *options = kdb_options_new();
    kdb_server *server = NULL;
    kdb_err err;
    kdb_signals_prepare();
    kdb_log_setup(KDB_LOG_INFO, KDB_LOG_COMPACT, STDERR_FILENO);
    for (; *settings != NULL; settings++) {
        const char *equals = strchr(*settings, '=');
        if (kdb_options_set(options, kdb_sv_of(*settings, (size_t)(equals - *settings)), kdb_sv_cstr(equals + 1),
                            &err) != KDB_OK) {
            return 2;
        }
    }
    if (kdb_server_start(options, &server, &err) != KDB_OK) {
        (void)fprintf(stderr, "cannot start: %s\n", err.text);
        kdb_options_free(options);
        return 1;
    }
    kdb_buf text;
    kdb_buf_init(&text, 0);
    kdb_server_welcome(server, &text);
    (void)fwrite(text.ptr, 1, text.len, stdout);
    (void)fflush(stdout);
    kdb_buf_done(&text);
    kdb_signals_wait(server);
    kdb_server_stop(server);
    kdb_options_free(options);
    return 0;
}

static void start(process *p, const char *const *settings)
{
    enum { ARGS_MAX = 16 };
    char *argv[ARGS_MAX] = { (char[]){ "server_process_test" }, (char[]){ SERVE } };
    int ends[2];
    *p = (process){ .port = 0 };
    for (size_t i = 2; *settings != NULL; i++, settings++) {
        assert_true(i < ARGS_MAX - 1);
        argv[i] = (char *)(uintptr_t)*settings;
    }
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO), 0);
    assert_int_equal(posix_spawn(&p->pid, "/proc/self/exe", &actions, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    p->out = ends[0];
}

/* False at the end of its output. */
static bool read_more(process *p)
{
    struct pollfd ready = { .fd = p->out, .events = POLLIN };
    if (poll(&ready, 1, PATIENCE_MS) != 1) {
        fail_msg("the server printed nothing more; so far:\n%s", p->text);
    }
    const ssize_t n = read(p->out, p->text + p->len, sizeof p->text - p->len - 1);
    p->len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static void wait_until_ready(process *p)
{
    const char *url;
    while ((url = strstr(p->text, "http://127.0.0.1:")) == NULL || strchr(url, '\n') == NULL) {
        if (!read_more(p)) {
            fail_msg("the server ended:\n%s", p->text);
        }
    }
    p->port = (unsigned)strtoul(url + strlen("http://127.0.0.1:"), NULL, 10);
}

/* Its exit status; 128 + n for signal n. */
static int wait_for_end(process *p)
{
    int status;
    while (read_more(p)) {}
    (void)close(p->out);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int connect_to(const process *p)
{
    const struct sockaddr_in at = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)p->port),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    return fd;
}

static void ask(const process *p, const char *request, const char *part)
{
    char text[8192];
    size_t len = 0;
    const int fd = connect_to(p);
    assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
    for (ssize_t n; (n = recv(fd, text + len, sizeof text - 1 - len, 0)) > 0;) {
        len += (size_t)n;
    }
    text[len] = '\0';
    (void)close(fd);
    assert_contains(text, part);
}

#define USUAL "server.port=0", "auth.bcrypt_cost=4", "engine.memory_limit=67108864"
static const char *const usual[] = { USUAL, NULL };

static int empty_directory(void **state)
{
    (void)state;
    static char path[64];
    (void)snprintf(path, sizeof path, "case-XXXXXX");
    return mkdtemp(path) == NULL || chdir(path) != 0;
}

static int leave_directory(void **state)
{
    (void)state;
    return chdir("..");
}

static void it_starts_in_steps_serves_and_stops(void **state)
{
    (void)state;
    static const char *const steps[] = {
        "start-up step=1 name=\"data directory\" took_ms=", "start-up step=2 name=\"system schema\" took_ms=",
        "start-up step=3 name=\"system tables\" took_ms=",  "start-up step=4 name=\"stores\" took_ms=",
        "start-up step=5 name=\"services\" took_ms=",       "start-up step=6 name=\"executor\" took_ms=",
        "start-up step=7 name=\"jobs\" took_ms=",           "start-up step=8 name=\"HTTP\" took_ms=",
    };
    process p;
    start(&p, usual);
    wait_until_ready(&p);
    const char *at = p.text;
    for (size_t i = 0; i < KDB_ARRAY_LEN(steps); i++) {
        at = strstr(at, steps[i]);
        assert_non_null(at);
    }
    assert_contains(p.text, "/v1/api/auth/setup");
    ask(&p, "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "\"status\":\"healthy\"");
    ask(&p, "GET /v1/api/auth/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "\"needs_setup\":true");
    assert_int_equal(kill(p.pid, SIGTERM), 0);
    assert_int_equal(wait_for_end(&p), 0);
    assert_contains(p.text, "server stopped");
}

static void it_starts_again_on_its_data(void **state)
{
    (void)state;
    static const char setup[] =
        "POST /v1/api/auth/setup HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 77\r\n\r\n"
        "{\"user\":\"admin\",\"password\":\"longer than 8\",\"root_password\":\"longer than 8\"}   ";
    process p;
    start(&p, usual);
    wait_until_ready(&p);
    ask(&p, setup, "200 OK");
    assert_int_equal(kill(p.pid, SIGINT), 0);
    assert_int_equal(wait_for_end(&p), 0);
    start(&p, usual);
    wait_until_ready(&p);
    assert_null(strstr(p.text, "/v1/api/auth/setup"));
    ask(&p, setup, "already_configured");
    assert_int_equal(kill(p.pid, SIGTERM), 0);
    assert_int_equal(wait_for_end(&p), 0);
}

static void a_hang_up_does_not_end_it(void **state)
{
    (void)state;
    process p;
    start(&p, usual);
    wait_until_ready(&p);
    assert_int_equal(kill(p.pid, SIGHUP), 0);
    ask(&p, "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "healthy");
    assert_int_equal(kill(p.pid, SIGTERM), 0);
    assert_int_equal(wait_for_end(&p), 0);
}

/* A client that keeps a request half sent holds up the drain; the second signal does not wait for it. */
static void the_second_signal_ends_it_at_once(void **state)
{
    (void)state;
    static const char *const patient[] = { USUAL, "server.shutdown_grace_seconds=3600", NULL };
    process p;
    start(&p, patient);
    wait_until_ready(&p);
    const int fd = connect_to(&p);
    assert_true(send(fd, "POST ", 5, MSG_NOSIGNAL) == 5);
    ask(&p, "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "healthy");
    assert_int_equal(kill(p.pid, SIGTERM), 0);
    while (strstr(p.text, "shutting down") == NULL && read_more(&p)) {}
    int status;
    while (waitpid(p.pid, &status, WNOHANG) == 0) {
        const struct timespec nap = { .tv_nsec = 10000000 }; /* until it has left the wait for the first one */
        (void)kill(p.pid, SIGTERM);
        (void)nanosleep(&nap, NULL);
    }
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 128 + SIGTERM);
    (void)close(p.out);
    (void)close(fd);
}

static void the_well_known_secret_stays_at_home(void **state)
{
    (void)state;
    static const char *const open[] = { USUAL, "server.host=0.0.0.0", "auth.jwt_secret=CHANGE_ME_IN_PRODUCTION", NULL };
    process p;
    start(&p, open);
    assert_int_equal(wait_for_end(&p), 1);
    assert_contains(p.text, "start-up step 8 (HTTP)");
    assert_contains(p.text, "auth.jwt_secret");
}

static void a_second_server_on_the_same_data_is_refused(void **state)
{
    (void)state;
    process p, second;
    start(&p, usual);
    wait_until_ready(&p);
    start(&second, usual);
    assert_int_equal(wait_for_end(&second), 1);
    assert_contains(second.text, "start-up step 1 (data directory)");
    assert_int_equal(kill(p.pid, SIGTERM), 0);
    assert_int_equal(wait_for_end(&p), 0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], SERVE) == 0) {
        return serve(argv + 2);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_starts_in_steps_serves_and_stops, empty_directory, leave_directory),
        cmocka_unit_test_setup_teardown(it_starts_again_on_its_data, empty_directory, leave_directory),
        cmocka_unit_test_setup_teardown(a_hang_up_does_not_end_it, empty_directory, leave_directory),
        cmocka_unit_test_setup_teardown(the_second_signal_ends_it_at_once, empty_directory, leave_directory),
        cmocka_unit_test_setup_teardown(the_well_known_secret_stays_at_home, empty_directory, leave_directory),
        cmocka_unit_test_setup_teardown(a_second_server_on_the_same_data_is_refused, empty_directory, leave_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
