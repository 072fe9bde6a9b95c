/* api_test.h - what the tests of api share: cmocka, a core that does what the SQL text tells it to, a whole edge over it in
 * this process, and a client that works with bytes so that it can misbehave. */
#ifndef KDB_API_TEST_H
#define KDB_API_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* Those above come first: cmocka.h needs them. */
#include <cmocka.h>

#include "net_int.h"

#define assert_sv(actual, expected)                                                                                    \
    do {                                                                                                               \
        const kdb_sv actual_ = (actual);                                                                               \
        const kdb_sv expected_ = kdb_sv_cstr(expected);                                                                \
        if (!kdb_sv_eq(actual_, expected_)) {                                                                          \
            fail_msg("\"%.*s\" is not \"%.*s\"", KDB_SV_ARG(actual_), KDB_SV_ARG(expected_));                          \
        }                                                                                                              \
    } while (0)

#define assert_contains(text, part)                                                                                    \
    do {                                                                                                               \
        if (strstr((text), (part)) == NULL) {                                                                          \
            fail_msg("\"%s\" does not hold \"%s\"", (text), (part));                                                   \
        }                                                                                                              \
    } while (0)

/* ---- fake_core.c: kdb_core_submit and kin, for tests in place of core ----
 * The SQL text is a script of one word and its numbers. Before it may stand how a lane takes it: `here` (answers on the net
 * thread), `later` (leaves it to another), or `race` (the other one is about to answer when the lane's call returns):
 *   message        one result without rows             rows N        N rows of (BIGINT, TEXT)
 *   bulk N B       N rows with B bytes of text each    fail S        fails before running, status number S
 *   runfail S      fails as statement 1                late N B S    as bulk, then fails with status S
 *   wait           until cancelled or released         inline        answers before submit returns
 *   nan            a row with a value JSON cannot hold full          submit refuses: KDB_OVERLOADED
 *   params         rows of the parameters              two           two results */
kdb_core *fake_core_new(void);
/* What kdb_core_check tells from now on; NULL: nothing. A literal. */
void fake_core_trouble(kdb_core *core, const char *reason);
void fake_core_free(kdb_core *core);
/* Lets requests that `wait` go on. */
void fake_core_release(kdb_core *core);
typedef struct fake_core_counts {
    size_t running, submitted, done, cancelled;
    size_t in_lanes;        /* taken by a lane */
    size_t waits;           /* times that a thread is inside `wait` now */
    kdb_status failed_with; /* the last one; KDB_OK when it succeeded */
} fake_core_counts;
fake_core_counts fake_core_count(kdb_core *core);
/* Waits (at most some seconds) until `what` of the counts is at least `least`; false when it is not. */
bool fake_core_reaches(kdb_core *core, size_t offset, size_t least);
#define core_reaches(core, field, least) fake_core_reaches((core), offsetof(fake_core_counts, field), (least))

/* ---- fixture.c: an edge that listens on a free port ---- */

typedef struct fixture {
    kdb_options *options;
    kdb_store *store;
    kdb_auth *auth;
    kdb_seal *seal;
    kdb_audit *audit;
    kdb_core *core;
    kdb_live *live;
    kdb_api *api;
    uint16_t port;
    char *admin; /* access tokens: of a dba, and of a user */
    char *user;
} fixture;

/* `settings`: "section.key=value" strings, ended by NULL; may be NULL. Signs in; bcrypt at its cheapest. */
void fixture_open(fixture *f, const char *const *settings);
void fixture_close(fixture *f);

/* ---- client.c ---- */

typedef struct client {
    int fd;
    kdb_buf in; /* read, not yet consumed */
} client;

typedef struct answer {
    int status;
    char *head; /* status line and headers, NUL-terminated */
    char *body; /* chunks put together, NUL-terminated */
    size_t len;
    bool cut; /* the connection ended within the answer */
    bool chunked;
} answer;

void client_open(client *c, uint16_t port);
void client_close(client *c);
bool client_send(client *c, const char *bytes, size_t len); /* false: the server has closed the connection */
void client_send_text(client *c, const char *text);
/* `POST /v1/api/sql` with {"sql":...}; `token` may be NULL. */
void client_send_sql(client *c, const char *token, const char *sql);
void client_send_post(client *c, const char *path, const char *token, const char *body);
/* Fails the test when nothing comes within some seconds. */
void client_read(client *c, answer *out);
void client_read_head_answer(client *c, answer *out); /* to HEAD: no body follows */
/* Waits until so many bytes have been read; false at the end of the connection. And takes them off. */
bool client_have(client *c, size_t len);
void client_consume(client *c, size_t len);
/* Waits until the server has closed the connection; false: it does not. */
bool client_sees_end(client *c);
bool client_at_end(client *c); /* without waiting */
void answer_done(answer *a);
/* Value of a header of the answer, or NULL; valid until the next call. */
const char *answer_header(const answer *a, const char *name);

/* One request on a connection of its own. */
void post_sql(const fixture *f, const char *token, const char *sql, answer *out);
void post(const fixture *f, const char *path, const char *token, const char *body, answer *out);
void request(const fixture *f, const char *text, answer *out);

#endif
