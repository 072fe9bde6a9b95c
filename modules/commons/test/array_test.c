/* array_test.c - arrays that grow: elements stay what they were, memory is bounded, new elements in an arena are zeroed. */
#include "test_support.h"

typedef struct wide {
    uint64_t number;
    char text[40];
} wide;

enum { MANY = 5000 };

static void elements_in_an_arena_keep_their_values(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    wide *items = NULL;
    size_t count = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        wide *added = KDB_ARENA_PUSH(arena, items, count);
        assert_ptr_equal(added, &items[i]);
        assert_int_equal(added->number, 0);
        for (size_t k = 0; k < sizeof(added->text); k++) {
            assert_int_equal(added->text[k], 0);
        }
        *added = (wide){ .number = i };
        memset(added->text, (int)(i % 251) + 1, sizeof(added->text));
        (void)memset(kdb_arena_alloc(arena, 24), 0xAA, 24); /* what comes between does not lie in the array's room */
    }
    assert_int_equal(count, MANY);
    for (uint64_t i = 0; i < MANY; i++) {
        assert_int_equal(items[i].number, i);
        assert_int_equal((unsigned char)items[i].text[39], i % 251 + 1);
    }
}

static void an_array_in_an_arena_takes_memory_as_it_grows(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    uint64_t *items = NULL;
    size_t count = 0;
    while (count < 4096) {
        (void)KDB_ARENA_PUSH(arena, items, count);
    }
    /* All copies together: less than twice the last. */
    assert_in_range(kdb_arena_used(arena), 4096 * sizeof(*items), 2 * 4096 * sizeof(*items));
}

static void arrays_beside_each_other_share_their_count(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const char **names = NULL;
    uint32_t *ids = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        KDB_ARENA_ROOM(arena, ids, count);
        ids[count] = i * 3;
        *KDB_ARENA_PUSH(arena, names, count) = i % 2 == 0 ? "even" : "odd";
    }
    assert_int_equal(count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(ids[i], i * 3);
        assert_string_equal(names[i], i % 2 == 0 ? "even" : "odd");
    }
}

static void a_lowered_count_grows_again(void **state)
{
    (void)state;
    uint64_t seed = 7;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    size_t *items = NULL, count = 0;
    for (size_t i = 0; i < MANY; i++) {
        if (next_random(&seed) % 3 == 0) {
            count -= (size_t)next_random(&seed) % (count + 1);
        }
        size_t *added = KDB_ARENA_PUSH(arena, items, count);
        *added = count - 1;
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(items[k], k);
        }
    }
}

static void arrays_on_the_heap_keep_their_values(void **state)
{
    (void)state;
    wide *items = NULL;
    size_t count = 0, cap = 0;
    for (int round = 0; round < 3; round++) {
        for (count = 0; count < MANY;) {
            wide *added = KDB_HEAP_PUSH(items, count, cap);
            *added = (wide){ .number = count };
            assert_true(count <= cap);
        }
        assert_true(cap < 2 * MANY); /* rounds after the first use the room that is there */
        for (size_t i = 0; i < MANY; i++) {
            assert_int_equal(items[i].number, i + 1);
        }
    }
    kdb_free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_in_an_arena_keep_their_values),
        cmocka_unit_test(an_array_in_an_arena_takes_memory_as_it_grows),
        cmocka_unit_test(arrays_beside_each_other_share_their_count),
        cmocka_unit_test(a_lowered_count_grows_again),
        cmocka_unit_test(arrays_on_the_heap_keep_their_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
