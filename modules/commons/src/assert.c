/* assert.c - how a broken promise of our own code ends the process. Prints with plain stdio: the log may be what broke. */
#include <stdio.h>
#include <stdlib.h>

#include "kdb/base.h"

void kdb_assert_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}
