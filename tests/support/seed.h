/* seed.h - the seed of a test that makes its own input: what decides every choice, so that a failure can be had again. The usual
 * seed is fixed: a change is judged by what it does, not by the luck of a day. `./dev soak` looks for what other seeds find. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* KALAMDB_SEED of the environment, or 1; printed, so that a failure names it. */
static inline uint64_t test_seed(void)
{
    const char *given = getenv("KALAMDB_SEED");
    const uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 10);
    printf("KALAMDB_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}
