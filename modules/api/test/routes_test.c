/* routes_test.c - the table of endpoints: no empty row, no path twice, every row documented. */
#include "api_test.h"

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < kdb_route_defs_count; i++) {
        const kdb_route_def *route = &kdb_route_defs[i];
        assert_non_null(route->path);
        assert_int_equal(route->path[0], '/');
        assert_true(strlen(route->summary) > 10);
        assert_true(route->method == KDB_HTTP_GET || route->method == KDB_HTTP_POST);
    }
}

static void no_path_is_there_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < kdb_route_defs_count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(kdb_route_defs[i].path, kdb_route_defs[j].path);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(no_path_is_there_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
