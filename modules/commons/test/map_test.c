/* map_test.c - the hash table, against a plain array under random puts and removes. */
#include "test_support.h"

enum { KEYS = 600 };

static kdb_sv key_of(size_t i, char *out)
{
    return kdb_sv_of(out, (size_t)snprintf(out, 32, "key-%zu", i));
}

static void check_walk(const kdb_map *map, void *const *model)
{
    size_t cursor = 0;
    size_t seen = 0;
    kdb_sv key;
    void *value;
    while (kdb_map_next(map, &cursor, &key, &value)) {
        size_t i = strtoul(key.ptr + 4, NULL, 10);
        assert_ptr_equal(model[i], value);
        seen++;
    }
    assert_int_equal(seen, kdb_map_count(map));
}

static void it_behaves_like_an_array_under_random_changes(void **state)
{
    (void)state;
    uint64_t seed = 4;
    KDB_CLEANUP(kdb_map_freep) kdb_map *map = kdb_map_new();
    void *model[KEYS] = { 0 };
    size_t count = 0;
    for (int step = 0; step < 200000; step++) {
        char text[32];
        size_t i = (size_t)random_between(&seed, 0, KEYS - 1);
        /* Fills up and empties in turn. */
        bool put = random_between(&seed, 0, 99) < (step / 20000 % 2 == 0 ? 70 : 30);
        void *value = put ? &model[random_between(&seed, 0, KEYS - 1)] : NULL;
        void *before = put ? kdb_map_put(map, key_of(i, text), value) : kdb_map_remove(map, key_of(i, text));
        assert_ptr_equal(before, model[i]);
        count += (value != NULL) - (size_t)(model[i] != NULL);
        model[i] = value;
        assert_int_equal(kdb_map_count(map), count);
        if (step % 10000 == 0) {
            check_walk(map, model);
        }
    }
    for (size_t i = 0; i < KEYS; i++) {
        char text[32];
        assert_ptr_equal(kdb_map_lookup(map, key_of(i, text)), model[i]);
    }
}

static void keys_are_bytes_and_are_copied(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_map_freep) kdb_map *map = kdb_map_new();
    int values[3];
    char key[] = "a\0b";
    assert_null(kdb_map_put(map, kdb_sv_of(key, 3), &values[0]));
    assert_null(kdb_map_put(map, kdb_sv_of(key, 1), &values[1]));
    assert_null(kdb_map_put(map, kdb_sv_of(NULL, 0), &values[2]));
    key[0] = 'x';
    assert_ptr_equal(kdb_map_lookup(map, KDB_SV("a\0b")), &values[0]);
    assert_ptr_equal(kdb_map_lookup(map, KDB_SV("a")), &values[1]);
    assert_ptr_equal(kdb_map_lookup(map, KDB_SV("")), &values[2]);
    assert_null(kdb_map_lookup(map, KDB_SV("x")));
    assert_null(kdb_map_remove(map, KDB_SV("x")));
    assert_ptr_equal(kdb_map_remove(map, KDB_SV("a")), &values[1]);
    assert_int_equal(kdb_map_count(map), 2);
}

static void an_empty_map_has_nothing(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_map_freep) kdb_map *map = kdb_map_new();
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    assert_false(kdb_map_next(map, &cursor, &key, &value));
    assert_null(kdb_map_lookup(map, KDB_SV("a")));
    kdb_map_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_behaves_like_an_array_under_random_changes),
        cmocka_unit_test(keys_are_bytes_and_are_copied),
        cmocka_unit_test(an_empty_map_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
