/* live_fixture.c - see live_fixture.h. */
#include "live_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* cmocka.h needs the headers above. */
#include <cmocka.h>

/* ---- loops ---- */

struct fixture_item {
    fixture_item *next;
    kdb_live_parcel *parcel; /* or: */
    void (*run)(void *arg);  /* NULL, without a parcel: the loop ends */
    void *arg;
};

static void put(fixture_loop *loop, fixture_item item)
{
    fixture_item *copy = KDB_NEW(fixture_item);
    *copy = item;
    copy->next = NULL;
    pthread_mutex_lock(&loop->lock);
    *(loop->first == NULL ? &loop->first : &loop->last->next) = copy;
    loop->last = copy;
    pthread_cond_signal(&loop->wake);
    pthread_mutex_unlock(&loop->lock);
}

static fixture_item take(fixture_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    while (loop->first == NULL) {
        pthread_cond_wait(&loop->wake, &loop->lock);
    }
    fixture_item *first = loop->first;
    loop->first = first->next;
    pthread_mutex_unlock(&loop->lock);
    const fixture_item item = *first;
    kdb_free(first);
    return item;
}

/* As if all had been written to its socket. */
static void drain_all(fixture_loop *loop)
{
    while (loop->to_drain != NULL) {
        subscriber *s = loop->to_drain;
        loop->to_drain = s->next_to_drain;
        s->drains = false;
        kdb_live_drained(&s->client);
    }
}

static void *run_loop(void *arg)
{
    fixture_loop *loop = arg;
    for (;;) {
        const fixture_item item = take(loop);
        if (item.parcel != NULL) {
            kdb_live_unpack(loop->f->live, item.parcel);
            drain_all(loop);
        } else if (item.run != NULL) {
            item.run(item.arg);
        } else {
            return NULL;
        }
    }
}

static void post(void *self, size_t loop, kdb_live_parcel *parcel)
{
    put(&((fixture *)self)->loops[loop], (fixture_item){ .parcel = parcel });
}

typedef struct call {
    void (*run)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
} call;

static void run_call(void *arg)
{
    call *c = arg;
    c->run(c->arg);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->ended);
    pthread_mutex_unlock(&c->lock);
}

/* Runs it on the loop's thread and waits. */
static void on_loop(fixture_loop *loop, void (*run)(void *arg), void *arg)
{
    call c = { .run = run, .arg = arg };
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.ended, NULL);
    put(loop, (fixture_item){ .run = run_call, .arg = &c });
    pthread_mutex_lock(&c.lock);
    while (!c.done) {
        pthread_cond_wait(&c.ended, &c.lock);
    }
    pthread_mutex_unlock(&c.lock);
    pthread_cond_destroy(&c.ended);
    pthread_mutex_destroy(&c.lock);
}

/* ---- the edge ---- */

static void dress(kdb_live_msg *msg)
{
    msg->frame = msg->json;
}

static void deliver(kdb_live_client *client, kdb_live_sub *sub, kdb_live_msg *msg, bool last)
{
    subscriber *s = (subscriber *)client;
    assert_ptr_equal(sub, s->sub);
    pthread_mutex_lock(&s->lock);
    if (s->count == s->cap) {
        s->cap = s->cap == 0 ? 16 : s->cap * 2;
        s->msgs = kdb_realloc(s->msgs, s->cap * sizeof(kdb_live_msg *));
    }
    s->msgs[s->count++] = kdb_live_msg_ref(msg);
    s->ended = s->ended || last;
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
    if (last) {
        kdb_live_unsubscribe(sub);
        s->sub = NULL;
    } else if (msg->kind == KDB_LIVE_BATCH && !s->hold_batches && !s->drains) {
        fixture_loop *loop = &s->f->loops[client->loop];
        s->drains = true;
        s->next_to_drain = loop->to_drain;
        loop->to_drain = s;
    }
}

/* ---- life ---- */

static void open_audit(fixture *f)
{
    kdb_buf keys;
    const kdb_audit_options options = { .repeat_us = 3600 * INT64_C(1000000) };
    kdb_buf_init(&keys, 0);
    assert_int_equal(kdb_seal_write_keys(NULL, &keys, NULL), KDB_OK);
    assert_int_equal(kdb_seal_new(kdb_buf_sv(&keys), &f->seal, NULL), KDB_OK);
    assert_int_equal(kdb_audit_open(f->store, f->seal, &options, &f->audit, NULL), KDB_OK);
    kdb_buf_done(&keys);
}

static void open_stores(fixture *f)
{
    kdb_err err;
    f->store = kdb_store_open_memory();
    open_audit(f);
    const kdb_registry_options registry = { KDB_SV("{namespace}/{tableName}"),
                                            KDB_SV("{namespace}/{tableName}/{userId}"), f->seal };
    assert_int_equal(kdb_registry_open(f->store, &registry, &f->registry, &err), KDB_OK);
    const kdb_auth_options auth = { .seal = f->seal,
                                    .access_seconds = 3600,
                                    .bcrypt_cost = 4,
                                    .hash_threads = 1,
                                    .hash_queue = 16,
                                    .min_password = 8 };
    assert_int_equal(kdb_auth_open(f->store, &auth, &f->auth, &err), KDB_OK);
    f->system = kdb_system_new(f->store, f->registry, f->auth, f->options);
    const kdb_engine_options engine = {
        .memory_limit = 512 << 20, .threads = 2, .allowed_directory = "/nonexistent", .temp_directory = "/tmp"
    };
    assert_int_equal(kdb_engine_open(&engine, &f->engine, &err), KDB_OK);
}

static void open_core(fixture *f)
{
    kdb_err err;
    const kdb_change_sink sink = kdb_live_sink(f->live);
    const kdb_core_options core = { .store = f->store,
                                    .engine = f->engine,
                                    .registry = f->registry,
                                    .auth = f->auth,
                                    .system = f->system,
                                    .audit = f->audit,
                                    .options = f->options,
                                    .sinks = &sink,
                                    .nsinks = 1 };
    if (kdb_core_open(&core, &f->core, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
}

static void start_loops(fixture *f)
{
    for (size_t i = 0; i < FIXTURE_LOOPS; i++) {
        fixture_loop *loop = &f->loops[i];
        loop->f = f;
        pthread_mutex_init(&loop->lock, NULL);
        pthread_cond_init(&loop->wake, NULL);
        assert_int_equal(pthread_create(&loop->thread, NULL, run_loop, loop), 0);
    }
}

void fixture_open(fixture *f, const char *const *settings)
{
    kdb_err err;
    *f = (fixture){ .options = kdb_options_new() };
    kdb_log_setup(KDB_LOG_ERROR, KDB_LOG_COMPACT, 2);
    for (; settings != NULL && *settings != NULL; settings++) {
        const char *eq = strchr(*settings, '=');
        assert_int_equal(
            kdb_options_set(f->options, kdb_sv_of(*settings, (size_t)(eq - *settings)), kdb_sv_cstr(eq + 1), &err),
            KDB_OK);
    }
    open_stores(f);
    f->live = kdb_live_new(f->options);
    open_core(f);
    kdb_live_run(f->live, f->core, f->store);
    start_loops(f);
    const kdb_live_edge edge = { .self = f, .nloops = FIXTURE_LOOPS, .post = post, .dress = dress, .deliver = deliver };
    kdb_live_attach(f->live, &edge);
}

void fixture_close(fixture *f)
{
    kdb_core_drain(f->core, 0);
    kdb_live_stop(f->live);
    for (size_t i = 0; i < FIXTURE_LOOPS; i++) {
        put(&f->loops[i], (fixture_item){ 0 });
        pthread_join(f->loops[i].thread, NULL);
        pthread_cond_destroy(&f->loops[i].wake);
        pthread_mutex_destroy(&f->loops[i].lock);
    }
    kdb_core_close(f->core);
    kdb_live_free(f->live);
    kdb_system_free(f->system);
    kdb_auth_close(f->auth);
    kdb_registry_close(f->registry);
    kdb_audit_close(f->audit);
    kdb_engine_close(f->engine);
    kdb_store_close(f->store);
    kdb_seal_free(f->seal);
    kdb_options_free(f->options);
}

/* ---- SQL ---- */

typedef struct statement {
    kdb_request request;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    kdb_buf text;
    bool done, ok;
} statement;

static void on_begin(void *self, const kdb_result_column *columns, size_t ncolumns)
{
    (void)self;
    (void)columns;
    (void)ncolumns;
}

static kdb_status on_rows(void *self, const kdb_chunk *chunk, kdb_err *err)
{
    (void)err;
    statement *st = self;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    for (size_t row = 0; row < chunk->nrows; row++) {
        for (size_t i = 0; i < chunk->ncols; i++) {
            const kdb_value value = kdb_vec_get(&chunk->cols[i], row);
            kdb_buf_printf(&st->text, "%s%.*s", i == 0 ? "" : "|", KDB_SV_ARG(kdb_value_to_text(&value, arena)));
        }
        kdb_buf_append_lit(&st->text, "\n");
    }
    return KDB_OK;
}

static void on_end(void *self, uint64_t count, bool truncated)
{
    (void)self;
    (void)count;
    (void)truncated;
}

static void on_message(void *self, uint64_t count, kdb_sv message)
{
    (void)self;
    (void)count;
    (void)message;
}

static void on_done(void *self, const kdb_failure *failure)
{
    statement *st = self;
    if (failure != NULL) {
        kdb_buf_printf(&st->text, "%.*s", KDB_SV_ARG(failure->text));
    }
    kdb_buf_append_byte(&st->text, 0);
    pthread_mutex_lock(&st->lock);
    st->ok = failure == NULL;
    st->done = true;
    pthread_cond_signal(&st->ended);
    pthread_mutex_unlock(&st->lock);
}

static kdb_role role_of(const char *user)
{
    return strcmp(user, "root") == 0 ? KDB_ROLE_SYSTEM : strcmp(user, "svc") == 0 ? KDB_ROLE_SERVICE : KDB_ROLE_USER;
}

bool fixture_sql(fixture *f, const char *user, const char *sql, char **text)
{
    statement st = { .request = { .sql = kdb_sv_cstr(sql),
                                  .caller = { .user = { kdb_sv_cstr(user) }, .role = role_of(user) },
                                  .reply = { &st, on_begin, on_rows, on_end, on_message, on_done, NULL } } };
    pthread_mutex_init(&st.lock, NULL);
    pthread_cond_init(&st.ended, NULL);
    kdb_buf_init(&st.text, 0);
    assert_int_equal(kdb_core_submit(f->core, &st.request, NULL), KDB_OK);
    pthread_mutex_lock(&st.lock);
    while (!st.done) {
        pthread_cond_wait(&st.ended, &st.lock);
    }
    pthread_mutex_unlock(&st.lock);
    pthread_cond_destroy(&st.ended);
    pthread_mutex_destroy(&st.lock);
    *text = st.text.ptr;
    return st.ok;
}

void run_ok(fixture *f, const char *user, const char *sql)
{
    char *text = NULL;
    if (!fixture_sql(f, user, sql, &text)) {
        fail_msg("%s: %s\n%s", user, sql, text);
    }
    kdb_free(text);
}

/* ---- subscribers ---- */

static void begin(void *arg)
{
    subscriber *s = arg;
    s->refused = kdb_live_subscribe(s->f->live, &s->client, &s->spec, &s->sub, NULL);
}

subscriber *subscribe(fixture *f, const char *user, const char *sql, kdb_live_spec spec)
{
    subscriber *s = KDB_NEW(subscriber);
    s->f = f;
    s->client.id = atomic_fetch_add(&f->clients, 1) + 1;
    s->client.loop = s->client.id % FIXTURE_LOOPS;
    (void)snprintf(s->user, sizeof(s->user), "%s", user);
    s->spec = spec;
    s->spec.sql = kdb_sv_cstr(sql);
    s->spec.id = spec.id.len == 0 ? KDB_SV("s") : spec.id;
    s->spec.caller = (kdb_principal){ .user = { kdb_sv_cstr(s->user) }, .role = role_of(user) };
    s->hold_batches = spec.batch_rows == 1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->news, NULL);
    on_loop(&f->loops[s->client.loop], begin, s);
    return s;
}

kdb_live_msg *message_at(subscriber *s, size_t index)
{
    pthread_mutex_lock(&s->lock);
    while (s->count <= index && !s->ended) {
        pthread_cond_wait(&s->news, &s->lock);
    }
    kdb_live_msg *msg = index < s->count ? s->msgs[index] : NULL;
    pthread_mutex_unlock(&s->lock);
    return msg;
}

const char *text_at(subscriber *s, size_t index)
{
    const kdb_live_msg *msg = message_at(s, index);
    assert_non_null(msg);
    static char text[65536]; /* of the test's one thread */
    assert_true(msg->json.len < sizeof(text));
    memcpy(text, msg->json.ptr, msg->json.len);
    text[msg->json.len] = '\0';
    return text;
}

void expect_message(subscriber *s, size_t index, const char *text)
{
    assert_string_equal(text_at(s, index), text);
}

size_t messages_now(subscriber *s)
{
    pthread_mutex_lock(&s->lock);
    const size_t count = s->count;
    pthread_mutex_unlock(&s->lock);
    return count;
}

static void drain_here(void *arg)
{
    kdb_live_drained(&((subscriber *)arg)->client);
}

void drain(subscriber *s)
{
    on_loop(&s->f->loops[s->client.loop], drain_here, s);
}

static void next_here(void *arg)
{
    kdb_live_next_batch(((subscriber *)arg)->sub);
}

void next_batch(subscriber *s)
{
    on_loop(&s->f->loops[s->client.loop], next_here, s);
}

static void end(void *arg)
{
    subscriber *s = arg;
    if (s->sub != NULL) {
        kdb_live_unsubscribe(s->sub);
        s->sub = NULL;
    }
}

void unsubscribe(subscriber *s)
{
    on_loop(&s->f->loops[s->client.loop], end, s);
    for (size_t i = 0; i < s->count; i++) {
        kdb_live_msg_unref(s->msgs[i]);
    }
    kdb_free(s->msgs);
    pthread_cond_destroy(&s->news);
    pthread_mutex_destroy(&s->lock);
    kdb_free(s);
}
