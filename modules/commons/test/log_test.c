/* log_test.c - log lines, read back from a pipe. */
#include <unistd.h>

#include "test_support.h"

/* 2026-01-31T10:00:00.123456Z */
static int64_t frozen_us(void)
{
    return INT64_C(1769853600123456);
}

static int open_pipe(void **state)
{
    static int ends[2];
    assert_int_equal(pipe(ends), 0);
    kdb_clock_override(frozen_us);
    *state = ends;
    return 0;
}

static int close_pipe(void **state)
{
    int *ends = *state;
    close(ends[0]);
    close(ends[1]);
    kdb_clock_override(NULL);
    kdb_log_setup(KDB_LOG_INFO, KDB_LOG_COMPACT, 2);
    return 0;
}

static kdb_sv read_line(const int *ends)
{
    static char text[64 * 1024];
    ssize_t len = read(ends[0], text, sizeof(text));
    assert_true(len > 0);
    return kdb_sv_of(text, (size_t)len);
}

static void a_compact_line_has_time_level_and_place(void **state)
{
    int *ends = *state;
    kdb_log_setup(KDB_LOG_INFO, KDB_LOG_COMPACT, ends[1]);
    kdb_log_write(KDB_LOG_WARN, "/some/where/file.c", 12, "flush failed job_id=%d", 7);
    assert_sv(read_line(ends), "2026-01-31T10:00:00.123456Z WARN  file.c:12 flush failed job_id=7\n");
}

static void control_characters_stay_on_the_line(void **state)
{
    int *ends = *state;
    kdb_log_setup(KDB_LOG_INFO, KDB_LOG_COMPACT, ends[1]);
    kdb_log_write(KDB_LOG_INFO, "f.c", 1, "a\nb\x1b[31m\x7f%s", "\xE2\x82\xAC");
    assert_sv(read_line(ends), "2026-01-31T10:00:00.123456Z INFO  f.c:1 a\\nb\\x1b[31m\\x7f\xE2\x82\xAC\n");
}

static void a_json_line_is_json(void **state)
{
    int *ends = *state;
    kdb_log_setup(KDB_LOG_INFO, KDB_LOG_JSON, ends[1]);
    kdb_log_write(KDB_LOG_ERROR, "f.c", 1, "say \"%s\"\n", "hi");
    kdb_sv line = read_line(ends);
    assert_sv(line, "{\"ts\":\"2026-01-31T10:00:00.123456Z\",\"level\":\"ERROR\",\"src\":\"f.c:1\","
                    "\"msg\":\"say \\\"hi\\\"\\n\"}\n");
}

static void the_longest_message_still_makes_a_whole_line(void **state)
{
    int *ends = *state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    char message[10000];
    memset(message, '\x01', sizeof(message));
    kdb_log_setup(KDB_LOG_INFO, KDB_LOG_JSON, ends[1]);
    kdb_log_write(KDB_LOG_INFO, "f.c", 1, "%.*s", (int)sizeof(message), message);
    kdb_json *tree;
    kdb_err err;
    assert_ok(kdb_json_parse(read_line(ends), arena, &tree, &err));
    assert_true(kdb_json_lookup(tree, KDB_SV("msg"))->string.len > 2000);
    kdb_log_setup(KDB_LOG_INFO, KDB_LOG_COMPACT, ends[1]);
    kdb_log_write(KDB_LOG_INFO, "f.c", 1, "%.*s", (int)sizeof(message), message);
    kdb_sv line = read_line(ends);
    assert_int_equal(line.ptr[line.len - 1], '\n');
}

static void levels_below_the_threshold_are_not_evaluated(void **state)
{
    int *ends = *state;
    int evaluated = 0;
    kdb_log_setup(KDB_LOG_WARN, KDB_LOG_COMPACT, ends[1]);
    kdb_log_info("x %d", ++evaluated);
    kdb_log_debug("x %d", ++evaluated);
    assert_int_equal(evaluated, 0);
    kdb_log_warn("x %d", ++evaluated);
    kdb_log_error("x %d", ++evaluated);
    assert_int_equal(evaluated, 2);
    assert_false(kdb_log_enabled(KDB_LOG_INFO));
    kdb_log_setup(KDB_LOG_TRACE, KDB_LOG_COMPACT, -1);
    assert_false(kdb_log_enabled(KDB_LOG_ERROR));
}

static void level_names_are_read(void **state)
{
    (void)state;
    kdb_log_level level = KDB_LOG_ERROR;
    kdb_err err;
    assert_ok(kdb_log_level_parse(KDB_SV("Debug"), &level, &err));
    assert_int_equal(level, KDB_LOG_DEBUG);
    assert_status(kdb_log_level_parse(KDB_SV("verbose"), &level, &err), KDB_INVALID);
    assert_int_equal(level, KDB_LOG_DEBUG);
    assert_contains(err.text, "verbose");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_compact_line_has_time_level_and_place, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(control_characters_stay_on_the_line, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(a_json_line_is_json, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(the_longest_message_still_makes_a_whole_line, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(levels_below_the_threshold_are_not_evaluated, open_pipe, close_pipe),
        cmocka_unit_test(level_names_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
