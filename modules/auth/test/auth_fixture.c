/* auth_fixture.c - see auth_fixture.h. */
#include "auth_fixture.h"

#include <stdio.h>

const kdb_auth_options test_options = {
    .jwt_secret = { TEST_SECRET, sizeof(TEST_SECRET) - 1 },
    .access_seconds = 3600,
    .refresh_reuse_seconds = 60,
    .bcrypt_cost = 4,
    .hash_threads = 2,
    .hash_queue = 16,
    .min_password = 8,
};

const kdb_principal root_actor = { .user = { { "root", 4 } }, .role = KDB_ROLE_SYSTEM };
const kdb_principal dba_actor = { .user = { { "dora", 4 } }, .role = KDB_ROLE_DBA };

static atomic_llong clock_us;

static int64_t stopped_clock(void)
{
    return atomic_load(&clock_us);
}

void set_clock_us(int64_t us)
{
    atomic_store(&clock_us, us);
    kdb_clock_override(stopped_clock);
}

void move_clock_s(int64_t seconds)
{
    set_clock_us(kdb_now_us() + seconds * 1000000);
}

kdb_seal *test_seal(unsigned id)
{
    char text[128];
    kdb_seal *seal = NULL;
    (void)snprintf(text, sizeof(text), "kalamdb keys 1\n%08x %064x\n", id, id);
    assert_int_equal(kdb_seal_new(kdb_sv_cstr(text), &seal, NULL), KDB_OK);
    return seal;
}

int fixture_open(void **state)
{
    fixture *fix = KDB_NEW(fixture);
    fix->store = kdb_store_open_memory();
    fix->arena = kdb_arena_new(0);
    fix->options = test_options;
    fix->seal = test_seal(1);
    fix->options.seal = fix->seal;
    assert_ok(fix, kdb_auth_open(fix->store, &fix->options, &fix->auth, &fix->err));
    *state = fix;
    return 0;
}

int fixture_close(void **state)
{
    fixture *fix = *state;
    kdb_auth_close(fix->auth);
    kdb_store_close(fix->store);
    kdb_seal_free(fix->seal);
    kdb_arena_free(fix->arena);
    kdb_free(fix);
    kdb_clock_override(NULL);
    return 0;
}

kdb_status fixture_try_reopen(fixture *fix)
{
    kdb_auth_close(fix->auth);
    fix->auth = NULL;
    return kdb_auth_open(fix->store, &fix->options, &fix->auth, &fix->err);
}

void fixture_reopen(fixture *fix)
{
    assert_ok(fix, fixture_try_reopen(fix));
}

void assert_ok(const fixture *fix, kdb_status status)
{
    if (status != KDB_OK) {
        fail_msg("status %s: %s", kdb_status_defs[status].name, fix->err.text);
    }
}

void assert_failure(const fixture *fix, kdb_status got, kdb_status status, const char *text)
{
    assert_string_equal(kdb_status_defs[got].name, kdb_status_defs[status].name);
    assert_string_equal(fix->err.text, text);
}

void assert_text(kdb_sv got, const char *expected)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    assert_string_equal(kdb_sv_dup_cstr(arena, got), expected);
}

kdb_user_id user_id(const char *id)
{
    return (kdb_user_id){ kdb_sv_cstr(id) };
}

kdb_principal actor_of(const char *id, kdb_role role)
{
    return (kdb_principal){ .user = user_id(id), .role = role };
}

/* ---- jobs ---- */

typedef struct waiting_job {
    kdb_auth_job job;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool is_finished;
    kdb_status status;
    kdb_err err;
} waiting_job;

static void job_done(kdb_auth_job *job, kdb_status status, const kdb_err *err)
{
    waiting_job *waiting = KDB_CONTAINER_OF(job, waiting_job, job);
    (void)pthread_mutex_lock(&waiting->lock);
    waiting->status = status;
    if (err != NULL) {
        waiting->err = *err;
    }
    waiting->is_finished = true;
    (void)pthread_cond_signal(&waiting->finished);
    (void)pthread_mutex_unlock(&waiting->lock);
}

kdb_status run_job(fixture *fix, kdb_auth_job *job)
{
    waiting_job waiting = { .job = *job, .lock = PTHREAD_MUTEX_INITIALIZER, .finished = PTHREAD_COND_INITIALIZER };
    waiting.job.done = job_done;
    waiting.job.arena = job->arena == NULL ? fix->arena : job->arena;
    KDB_TRY(kdb_auth_submit(fix->auth, &waiting.job, &fix->err));
    (void)pthread_mutex_lock(&waiting.lock);
    while (!waiting.is_finished) {
        (void)pthread_cond_wait(&waiting.finished, &waiting.lock);
    }
    (void)pthread_mutex_unlock(&waiting.lock);
    *job = waiting.job;
    fix->err = waiting.err;
    return waiting.status;
}

kdb_status log_in(fixture *fix, const char *user, const char *password, kdb_token_pair *out)
{
    kdb_auth_job job = {
        .kind = KDB_AUTH_LOGIN,
        .user = kdb_sv_cstr(user),
        .password = kdb_sv_cstr(password),
        .from_loopback = true,
    };
    kdb_status status = run_job(fix, &job);
    if (status == KDB_OK && out != NULL) {
        *out = job.pair;
    }
    return status;
}

kdb_status refresh(fixture *fix, kdb_sv token, kdb_token_pair *out)
{
    kdb_auth_job job = { .kind = KDB_AUTH_REFRESH, .tokens[0] = token };
    kdb_status status = run_job(fix, &job);
    if (status == KDB_OK && out != NULL) {
        *out = job.pair;
    }
    return status;
}

void log_out(fixture *fix, kdb_sv token)
{
    kdb_auth_job job = { .kind = KDB_AUTH_LOGOUT, .tokens[0] = token };
    assert_ok(fix, run_job(fix, &job));
}

kdb_sv hash_of(fixture *fix, const char *password)
{
    kdb_auth_job job = { .kind = KDB_AUTH_HASH, .password = kdb_sv_cstr(password) };
    assert_ok(fix, run_job(fix, &job));
    return job.hash;
}

kdb_status create_user(fixture *fix, const char *id, kdb_role role)
{
    kdb_user user = {
        .id = user_id(id),
        .role = role,
        .auth_type = KDB_AUTH_PASSWORD,
        .password_hash = hash_of(fix, GOOD_PASSWORD),
    };
    return kdb_auth_create_user(fix->auth, &root_actor, &user, &fix->err);
}

kdb_user find_user(fixture *fix, const char *id)
{
    kdb_user user;
    assert_ok(fix, kdb_auth_find_user(fix->auth, user_id(id), fix->arena, &user, &fix->err));
    return user;
}

kdb_sv access_token(fixture *fix, const char *id)
{
    kdb_token_pair pair;
    assert_ok(fix, log_in(fix, id, GOOD_PASSWORD, &pair));
    return pair.access;
}

kdb_status verify(fixture *fix, kdb_sv token, kdb_principal *out)
{
    kdb_principal ignored;
    return kdb_auth_verify(fix->auth, token, fix->arena, out == NULL ? &ignored : out, &fix->err);
}

uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}
