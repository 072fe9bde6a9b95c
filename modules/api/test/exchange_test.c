/* exchange_test.c - the states of an exchange: every state is reached, every one leads back to idle, and nothing that was
 * answered or abandoned runs again. What the moves do is tested over sockets (http_test, stream_test). */
#include "api_test.h"

static void reach(kdbi_exchange_state from, bool *reached)
{
    if (reached[from]) {
        return;
    }
    reached[from] = true;
    for (kdbi_exchange_state to = KDBI_EX_IDLE; to < KDBI_EX_STATE_COUNT; to++) {
        if (kdbi_exchange_may_move(from, to)) {
            reach(to, reached);
        }
    }
}

static void every_state_is_reached_and_ends(void **state)
{
    (void)state;
    bool from_idle[KDBI_EX_STATE_COUNT] = { false };
    reach(KDBI_EX_IDLE, from_idle);
    for (kdbi_exchange_state s = KDBI_EX_IDLE; s < KDBI_EX_STATE_COUNT; s++) {
        bool onwards[KDBI_EX_STATE_COUNT] = { false };
        reach(s, onwards);
        assert_true(from_idle[s]);
        assert_true(onwards[KDBI_EX_IDLE]);
        assert_false(kdbi_exchange_may_move(s, s));
    }
}

static void what_is_over_does_not_run_again(void **state)
{
    (void)state;
    assert_false(kdbi_exchange_may_move(KDBI_EX_SENDING, KDBI_EX_RUNNING));
    assert_false(kdbi_exchange_may_move(KDBI_EX_SENDING, KDBI_EX_DECODING));
    assert_false(kdbi_exchange_may_move(KDBI_EX_ABANDONED, KDBI_EX_RUNNING));
    assert_false(kdbi_exchange_may_move(KDBI_EX_ABANDONED, KDBI_EX_STREAMING));
    assert_false(kdbi_exchange_may_move(KDBI_EX_STREAMING, KDBI_EX_RUNNING));
    assert_false(kdbi_exchange_may_move(KDBI_EX_RUNNING, KDBI_EX_IDLE));
    assert_false(kdbi_exchange_may_move(KDBI_EX_STREAMING, KDBI_EX_IDLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_is_reached_and_ends),
        cmocka_unit_test(what_is_over_does_not_run_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
