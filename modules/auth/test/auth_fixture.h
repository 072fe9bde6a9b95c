/* auth_fixture.h - what auth's tests share: users over a memory store, a clock that tests move, jobs waited for. */
#ifndef KDB_AUTH_FIXTURE_H
#define KDB_AUTH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth_int.h"

#define TEST_SECRET "0123456789abcdef0123456789abcdef"
/* Passes all rules. */
#define GOOD_PASSWORD "Correct-Horse-7"

typedef struct fixture {
    kdb_store *store;
    kdb_seal *seal;
    kdb_auth *auth;
    kdb_auth_options options;
    kdb_arena *arena;
    kdb_err err;
} fixture;

extern const kdb_auth_options test_options; /* cost 4, two threads, TEST_SECRET */
extern const kdb_principal root_actor, dba_actor;

/* The same key for all; `id` tells keys apart. */
kdb_seal *test_seal(unsigned id);

/* cmocka's set-up and tear-down; the clock is the system's again after each. */
int fixture_open(void **state);
int fixture_close(void **state);
/* Closes auth and opens it again over the same store, with fix->options. */
void fixture_reopen(fixture *fix);
kdb_status fixture_try_reopen(fixture *fix);

void set_clock_us(int64_t us); /* stops the clock there */
void move_clock_s(int64_t seconds);

void assert_failure(const fixture *fix, kdb_status got, kdb_status status, const char *text);
void assert_ok(const fixture *fix, kdb_status status);
void assert_text(kdb_sv got, const char *expected);

kdb_user_id user_id(const char *id);
kdb_principal actor_of(const char *id, kdb_role role);
/* Submits and waits; fix->err has the error. */
kdb_status run_job(fixture *fix, kdb_auth_job *job);
kdb_status log_in(fixture *fix, const char *user, const char *password, kdb_token_pair *out);
kdb_status refresh(fixture *fix, kdb_sv token, kdb_token_pair *out);
void log_out(fixture *fix, kdb_sv token);
kdb_sv hash_of(fixture *fix, const char *password);
/* Made by root, with GOOD_PASSWORD. */
kdb_status create_user(fixture *fix, const char *id, kdb_role role);
kdb_user find_user(fixture *fix, const char *id);
/* The access token of a user made by create_user. */
kdb_sv access_token(fixture *fix, const char *id);
kdb_status verify(fixture *fix, kdb_sv token, kdb_principal *out);

uint64_t next_random(uint64_t *seed);

#endif
