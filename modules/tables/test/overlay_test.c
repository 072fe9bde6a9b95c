/* overlay_test.c - an overlay against a plain array of the same keys: order either way, lookups, rows undone. */
#include "fixture.h"

enum { KEYS = 4000, STEPS = 6000 };

/* Key i of the model: texts of one to three bytes, ascending with i. */
typedef struct model {
    kdb_arena *arena;
    kdb_overlay *overlay;
    kdb_sv keys[KEYS];
    const char *rows[KEYS]; /* NULL: none */
} model;

static model *model_new(void)
{
    kdb_arena *arena = kdb_arena_new(0);
    model *m = KDB_ARENA_NEW(arena, model);
    m->arena = arena;
    m->overlay = kdb_overlay_new(arena);
    for (size_t i = 0; i < KEYS; i++) {
        m->keys[i] = kdb_sv_printf(arena, "%04zu%.*s", i / 2, (int)(i % 2), "x");
    }
    return m;
}

static void model_free(model *m)
{
    kdb_arena_free(m->arena);
}
KDB_DEFINE_CLEANUP(model, model_free)

static void assert_at(const model *m, const kdb_overlay_row *row, size_t from, int step)
{
    size_t i = from;
    while (i < KEYS && m->rows[i] == NULL) {
        i = step > 0 ? i + 1 : i - 1; /* below 0 it wraps and ends the loop */
    }
    if (i >= KEYS) {
        assert_null(row);
        return;
    }
    assert_non_null(row);
    assert_true(kdb_sv_eq(row->key, m->keys[i]));
    assert_ptr_equal(row->row.ptr, m->rows[i]);
}

static void assert_walks(const model *m)
{
    size_t count = 0, back = 0;
    kdb_sv last = { NULL, 0 };
    for (const kdb_overlay_row *row = kdb_overlay_from(m->overlay, last); row != NULL; row = kdb_overlay_next(row)) {
        assert_true(kdb_sv_cmp(last, row->key) < 0);
        last = row->key;
        count++;
    }
    last = (kdb_sv){ NULL, 0 };
    for (const kdb_overlay_row *row; (row = kdb_overlay_before(m->overlay, last)) != NULL; back++) {
        assert_true(last.len == 0 || kdb_sv_cmp(row->key, last) < 0);
        last = row->key;
    }
    for (size_t i = 0; i < KEYS; i++) {
        count -= m->rows[i] != NULL;
        back -= m->rows[i] != NULL;
    }
    assert_int_equal(count, 0);
    assert_int_equal(back, 0);
}

static void an_overlay_is_an_ordered_map(void **state)
{
    (void)state;
    static const char bytes[] = "row";
    KDB_CLEANUP(model_freep) model *m = model_new();
    fixture_random random = { 41 };
    assert_walks(m);
    for (size_t step = 0; step < STEPS; step++) {
        const size_t i = fixture_below(&random, KEYS);
        kdb_overlay_row *row = kdb_overlay_add(m->overlay, m->keys[i]);
        m->rows[i] = fixture_below(&random, 4) == 0 ? NULL : bytes + step % 3;
        row->row = (kdb_sv){ m->rows[i], m->rows[i] == NULL ? 0 : 1 };
        const size_t at = fixture_below(&random, KEYS);
        const kdb_overlay_row *found = kdb_overlay_find(m->overlay, m->keys[at]);
        assert_true((found != NULL) == (m->rows[at] != NULL));
        assert_at(m, kdb_overlay_from(m->overlay, m->keys[at]), at, 1);
        assert_at(m, kdb_overlay_before(m->overlay, m->keys[at]), at - 1, -1);
    }
    assert_walks(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(an_overlay_is_an_ordered_map) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
