/* sequencer_test.c - changes of a table leave in the order of their `_seq`, whatever the order of their commits. */
#include "core_int.h"

#include <setjmp.h>
#include <stdarg.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

static size_t length(const kdbi_seq_ticket *ticket)
{
    size_t count = 0;
    for (; ticket != NULL; ticket = ticket->next) {
        count++;
    }
    return count;
}

static const kdb_user_id nobody;

static void a_later_write_waits_for_the_earlier_one(void **state)
{
    (void)state;
    kdbi_sequencer *sequencer = kdbi_sequencer_new();
    kdbi_seq_ticket a, b, c;
    uint64_t seqs[4];
    kdbi_sequencer_enter(sequencer, 20, nobody, &a, seqs, 1);
    kdbi_sequencer_enter(sequencer, 20, nobody, &b, seqs + 1, 2);
    kdbi_sequencer_enter(sequencer, 20, nobody, &c, seqs + 3, 1);
    for (size_t i = 1; i < 4; i++) {
        assert_true(seqs[i - 1] < seqs[i]);
    }
    assert_null(kdbi_sequencer_finish(sequencer, 20, &b));
    assert_null(kdbi_sequencer_finish(sequencer, 20, &c));
    const kdbi_seq_ticket *out = kdbi_sequencer_finish(sequencer, 20, &a);
    assert_ptr_equal(out, &a);
    assert_ptr_equal(out->next, &b);
    assert_ptr_equal(out->next->next, &c);
    assert_int_equal(length(out), 3);
    kdbi_sequencer_free(sequencer);
}

static void a_write_with_nothing_before_it_leaves_at_once(void **state)
{
    (void)state;
    kdbi_sequencer *sequencer = kdbi_sequencer_new();
    kdbi_seq_ticket a, b;
    uint64_t seq;
    kdbi_sequencer_enter(sequencer, 20, nobody, &a, &seq, 1);
    kdbi_sequencer_enter(sequencer, 20, nobody, &b, &seq, 1);
    assert_int_equal(length(kdbi_sequencer_finish(sequencer, 20, &a)), 1);
    assert_int_equal(length(kdbi_sequencer_finish(sequencer, 20, &b)), 1);
    kdbi_sequencer_free(sequencer);
}

static void tables_do_not_wait_for_each_other(void **state)
{
    (void)state;
    kdbi_sequencer *sequencer = kdbi_sequencer_new();
    kdbi_seq_ticket a, b;
    uint64_t seq;
    kdbi_sequencer_enter(sequencer, 20, nobody, &a, &seq, 1);
    kdbi_sequencer_enter(sequencer, 21, nobody, &b, &seq, 1);
    assert_int_equal(length(kdbi_sequencer_finish(sequencer, 21, &b)), 1);
    assert_int_equal(length(kdbi_sequencer_finish(sequencer, 20, &a)), 1);
    kdbi_sequencer_free(sequencer);
}

/* A partition rests since a moment when its last write ended before and none has begun after. */
static void what_rests_has_no_write_after_the_moment(void **state)
{
    (void)state;
    kdbi_sequencer *sequencer = kdbi_sequencer_new();
    kdbi_seq_ticket a, b;
    uint64_t seq;
    const uint64_t start = kdbi_sequencer_now(sequencer);
    assert_true(kdbi_sequencer_rests(sequencer, 20, nobody, start));
    kdbi_sequencer_enter(sequencer, 20, nobody, &a, &seq, 1);
    const uint64_t during = kdbi_sequencer_now(sequencer);
    assert_false(kdbi_sequencer_rests(sequencer, 20, nobody, start));
    (void)kdbi_sequencer_finish(sequencer, 20, &a);
    const uint64_t after = kdbi_sequencer_now(sequencer);
    assert_false(kdbi_sequencer_rests(sequencer, 20, nobody, start));
    assert_false(kdbi_sequencer_rests(sequencer, 20, nobody, during)); /* a snapshot of then may lack it */
    assert_true(kdbi_sequencer_rests(sequencer, 20, nobody, after));
    kdbi_sequencer_enter(sequencer, 20, nobody, &b, &seq, 1);
    assert_false(kdbi_sequencer_rests(sequencer, 20, nobody, after));
    assert_true(kdbi_sequencer_rests(sequencer, 21, nobody, after));
    (void)kdbi_sequencer_finish(sequencer, 20, &b);
    kdbi_sequencer_free(sequencer);
}

static void changes_without_numbers_are_known(void **state)
{
    (void)state;
    kdbi_sequencer *sequencer = kdbi_sequencer_new();
    kdbi_seq_ticket a;
    uint64_t seq;
    const uint64_t before = kdbi_sequencer_now(sequencer);
    kdbi_sequencer_enter(sequencer, 20, nobody, &a, &seq, 1);
    (void)kdbi_sequencer_finish(sequencer, 20, &a);
    assert_true(
        kdbi_sequencer_unchanged(sequencer, 20, nobody, before)); /* that was a write: row locks tell of those */
    kdbi_sequencer_change_begin(sequencer, 20, nobody);
    kdbi_sequencer_change_begin(sequencer, 20, nobody);
    const uint64_t during = kdbi_sequencer_now(sequencer);
    assert_false(kdbi_sequencer_unchanged(sequencer, 20, nobody, during));
    kdbi_sequencer_change_end(sequencer, 20, nobody);
    assert_false(kdbi_sequencer_unchanged(sequencer, 20, nobody, kdbi_sequencer_now(sequencer)));
    kdbi_sequencer_change_end(sequencer, 20, nobody);
    assert_false(kdbi_sequencer_unchanged(sequencer, 20, nobody, during));
    assert_true(kdbi_sequencer_unchanged(sequencer, 20, nobody, kdbi_sequencer_now(sequencer)));
    assert_true(kdbi_sequencer_unchanged(sequencer, 21, nobody, before));
    kdbi_sequencer_free(sequencer);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_write_waits_for_the_earlier_one),
        cmocka_unit_test(a_write_with_nothing_before_it_leaves_at_once),
        cmocka_unit_test(tables_do_not_wait_for_each_other),
        cmocka_unit_test(what_rests_has_no_write_after_the_moment),
        cmocka_unit_test(changes_without_numbers_are_known),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
