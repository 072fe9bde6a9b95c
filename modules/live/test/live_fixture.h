/* live_fixture.h - live over a whole statement machinery and the memory store, with an edge that keeps what it is handed.
 * Everything about a client happens on the thread of its loop, as in the real edge. */
#ifndef KDB_LIVE_FIXTURE_H
#define KDB_LIVE_FIXTURE_H

#include "live_int.h"

#include "kdb/seal.h"

enum { FIXTURE_LOOPS = 2 };

typedef struct fixture_item fixture_item;
typedef struct fixture_loop {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    fixture_item *first, *last; /* guarded by lock */
    struct fixture *f;
    struct subscriber *to_drain; /* this thread: who has been sent a batch */
} fixture_loop;

typedef struct fixture {
    kdb_options *options;
    kdb_store *store;
    kdb_seal *seal;
    kdb_audit *audit;
    kdb_registry *registry;
    kdb_auth *auth;
    kdb_system *system;
    kdb_engine *engine;
    kdb_core *core;
    kdb_live *live;
    fixture_loop loops[FIXTURE_LOOPS];
    atomic_uint clients;
} fixture;

/* `settings` are "section.key=value" strings, NULL-terminated, or NULL. */
void fixture_open(fixture *f, const char *const *settings);
/* After all subscribers have gone. */
void fixture_close(fixture *f);

/* Runs SQL (role user; `root` is system) and waits for its end: false, with the text of the error in `text`, when it fails. With
 * rows: `text` has them as lines `a|b`. Free *text. */
bool fixture_sql(fixture *f, const char *user, const char *sql, char **text);
/* Must succeed. */
void run_ok(fixture *f, const char *user, const char *sql);

/* One connection with one subscription. */
typedef struct subscriber {
    kdb_live_client client; /* first */
    fixture *f;
    char user[16];
    kdb_live_sub *sub; /* loop thread */
    kdb_live_spec spec;
    kdb_status refused; /* by kdb_live_subscribe */
    struct subscriber *next_to_drain;
    bool drains;       /* it is on the list */
    bool hold_batches; /* the client does not take what it is sent until fixture_drain */
    pthread_mutex_t lock;
    pthread_cond_t news;
    kdb_live_msg **msgs; /* guarded by lock, as all below: in the order delivered */
    size_t count, cap;
    bool ended; /* the last has come */
} subscriber;

/* Begins a subscription; what `spec` points to is borrowed for its life. */
subscriber *subscribe(fixture *f, const char *user, const char *sql, kdb_live_spec spec);
/* The message of that index, once it is there; NULL when the subscription ended before. */
kdb_live_msg *message_at(subscriber *s, size_t index);
/* Its text, likewise. Fails the test when there is none. */
const char *text_at(subscriber *s, size_t index);
void expect_message(subscriber *s, size_t index, const char *text);
size_t messages_now(subscriber *s);
/* The client takes everything it has been sent. */
void drain(subscriber *s);
void next_batch(subscriber *s);
/* Waits for the end of it. */
void unsubscribe(subscriber *s);

#endif
