/* test_support.h - what the tests of commons share: cmocka with the headers it needs, random numbers that repeat from run
 * to run, and checks of texts and failures. */
#ifndef KDB_TEST_SUPPORT_H
#define KDB_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* Those above come first: cmocka.h needs them. */
#include <cmocka.h>

#include "kdb/commons.h"

/* splitmix64: every case starts from its own seed. */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Evenly from `low` to `high`, both included; the range is below 2^63. */
static inline int64_t random_between(uint64_t *state, int64_t low, int64_t high)
{
    return low + (int64_t)(next_random(state) % (uint64_t)(high - low + 1));
}

#define assert_sv(actual, expected)                                                                                    \
    do {                                                                                                               \
        const kdb_sv actual_ = (actual);                                                                               \
        const kdb_sv expected_ = kdb_sv_cstr(expected);                                                                \
        if (!kdb_sv_eq(actual_, expected_)) {                                                                          \
            fail_msg("\"%.*s\" is not \"%.*s\"", KDB_SV_ARG(actual_), KDB_SV_ARG(expected_));                          \
        }                                                                                                              \
    } while (0)

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        const kdb_status status_ = (call);                                                                             \
        if (status_ != KDB_OK) {                                                                                       \
            fail_msg("%s: %s", #call, kdb_status_defs[status_].name);                                                  \
        }                                                                                                              \
    } while (0)

#define assert_status(call, expected) assert_int_equal((int)(call), (int)(expected))

#define assert_contains(text, part)                                                                                    \
    do {                                                                                                               \
        if (strstr((text), (part)) == NULL) {                                                                          \
            fail_msg("\"%s\" does not hold \"%s\"", (text), (part));                                                   \
        }                                                                                                              \
    } while (0)

#endif
