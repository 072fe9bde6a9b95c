/* failpoint_test.c - one point at a time, at its n-th passing only; what no point is called is refused. */
#include "kdb/failpoint.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_support.h"

static void arm(const char *text)
{
    kdb_err err;
    if (kdb_failpoint_arm(kdb_sv_cstr(text), &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
}

static void the_nth_passing_fails_and_no_other(void **state)
{
    (void)state;
    kdb_err err;
    arm("cold.named:3=error");
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(kdb_failpoint_pass(KDB_FAILPOINT_COLD_WRITTEN, &err), KDB_OK);
        assert_int_equal(kdb_failpoint_pass(KDB_FAILPOINT_COLD_NAMED, &err), i == 3 ? KDB_IO : KDB_OK);
    }
    assert_non_null(strstr(err.text, "cold.named"));
    arm("");
    assert_int_equal(kdb_failpoint_pass(KDB_FAILPOINT_COLD_NAMED, &err), KDB_OK);
}

static void the_process_dies(void **state)
{
    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        arm("sweep.begun");
        (void)kdb_failpoint_pass(KDB_FAILPOINT_SWEEP_BEGUN, NULL);
        _exit(0);
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL);
}

static void what_is_no_failpoint_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "cold", "cold.name",   "cold.named:",   "cold.named:0",        "cold.named:x", "cold.named=panic", "=error",
        ":1",   "cold.named ", "cold.named:-1", "cold.named:1=error ", "COLD.NAMED",   "cold.named=",      "="
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(texts); i++) {
        kdb_err err;
        assert_int_equal(kdb_failpoint_arm(kdb_sv_cstr(texts[i]), &err), KDB_INVALID);
    }
}

static void every_point_has_a_name(void **state)
{
    (void)state;
    for (int point = 0; point < KDB_FAILPOINT_COUNT; point++) {
        kdb_err err;
        const char *name = kdb_failpoint_name((kdb_failpoint)point);
        assert_non_null(name);
        char text[64];
        (void)snprintf(text, sizeof(text), "%s=error", name);
        arm(text);
        assert_int_equal(kdb_failpoint_pass((kdb_failpoint)point, &err), KDB_IO);
    }
    arm("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_passing_fails_and_no_other),
        cmocka_unit_test(the_process_dies),
        cmocka_unit_test(what_is_no_failpoint_is_refused),
        cmocka_unit_test(every_point_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
