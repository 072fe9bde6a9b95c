/* server_test.h - what the tests of server share: cmocka with the headers it needs. */
#ifndef KDB_SERVER_TEST_H
#define KDB_SERVER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* Those above come first: cmocka.h needs them. */
#include <cmocka.h>

#include "server_int.h"

#define assert_contains(text, part)                                                                                    \
    do {                                                                                                               \
        if (strstr((text), (part)) == NULL) {                                                                          \
            fail_msg("\"%s\" does not hold \"%s\"", (text), (part));                                                   \
        }                                                                                                              \
    } while (0)

#endif
