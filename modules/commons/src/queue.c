/* queue.c - a first-in first-out queue between threads. The ring grows with what is queued and the bound is only a number,
 * so that work already admitted always finds room. A push wakes a thread only when one waits: under load nobody does, and
 * the system call is saved. The owner frees the queue after its threads have ended. */
#include "kdb/mem.h"
#include "kdb/thread.h"

enum { SMALLEST_RING = 16 };

struct kdb_queue {
    kdb_mutex lock;   /* rank KDB_LOCK_QUEUE: nothing is locked while this is held */
    kdb_cond arrived; /* an item was pushed, or the queue was closed */
    void **ring;      /* guarded by lock, like all below */
    size_t ring_mask;
    size_t head; /* index of the oldest item */
    size_t length;
    size_t waiting; /* threads in kdb_queue_pop */
    bool closed;
    size_t capacity; /* fixed after new */
};

static void grow(kdb_queue *queue) KDB_REQUIRES(queue->lock);
static void add(kdb_queue *queue, void *item) KDB_REQUIRES(queue->lock);
static void *take(kdb_queue *queue) KDB_REQUIRES(queue->lock);

kdb_queue *kdb_queue_new(size_t capacity)
{
    kdb_queue *queue = KDB_NEW(kdb_queue);
    kdb_mutex_init(&queue->lock, KDB_LOCK_QUEUE);
    kdb_cond_init(&queue->arrived);
    queue->ring = kdb_alloc_array(SMALLEST_RING, sizeof(void *));
    queue->ring_mask = SMALLEST_RING - 1;
    queue->capacity = capacity;
    return queue;
}

void kdb_queue_free(kdb_queue *queue)
{
    if (queue != NULL) {
        kdb_cond_done(&queue->arrived);
        kdb_mutex_done(&queue->lock);
        kdb_free(queue->ring);
        kdb_free(queue);
    }
}

static void grow(kdb_queue *queue)
{
    size_t count = queue->ring_mask + 1;
    void **larger = kdb_alloc_array(count * 2, sizeof(void *));
    for (size_t i = 0; i < queue->length; i++) {
        larger[i] = queue->ring[(queue->head + i) & queue->ring_mask];
    }
    kdb_free(queue->ring);
    queue->ring = larger;
    queue->ring_mask = count * 2 - 1;
    queue->head = 0;
}

static void add(kdb_queue *queue, void *item)
{
    if (queue->length > queue->ring_mask) {
        grow(queue);
    }
    queue->ring[(queue->head + queue->length) & queue->ring_mask] = item;
    queue->length++;
}

/* NULL when empty. */
static void *take(kdb_queue *queue)
{
    if (queue->length == 0) {
        return NULL;
    }
    void *item = queue->ring[queue->head];
    queue->head = (queue->head + 1) & queue->ring_mask;
    queue->length--;
    return item;
}

static bool push_within(kdb_queue *queue, void *item, size_t bound)
{
    KDB_ASSERT(item != NULL);
    kdb_mutex_lock(&queue->lock);
    bool taken = !queue->closed && queue->length < bound;
    if (taken) {
        add(queue, item);
    }
    if (taken && queue->waiting > 0) {
        kdb_cond_signal(
            &queue->arrived); /* under the lock: once it is free the item may be done with, the queue gone */
    }
    kdb_mutex_unlock(&queue->lock);
    return taken;
}

bool kdb_queue_push(kdb_queue *queue, void *item)
{
    return push_within(queue, item, queue->capacity);
}

bool kdb_queue_push_always(kdb_queue *queue, void *item)
{
    return push_within(queue, item, SIZE_MAX);
}

void *kdb_queue_pop(kdb_queue *queue)
{
    kdb_mutex_lock(&queue->lock);
    void *item = take(queue);
    while (item == NULL && !queue->closed) {
        queue->waiting++;
        kdb_cond_wait(&queue->arrived, &queue->lock);
        queue->waiting--;
        item = take(queue);
    }
    kdb_mutex_unlock(&queue->lock);
    return item;
}

void *kdb_queue_try_pop(kdb_queue *queue)
{
    kdb_mutex_lock(&queue->lock);
    void *item = take(queue);
    kdb_mutex_unlock(&queue->lock);
    return item;
}

void kdb_queue_close(kdb_queue *queue)
{
    kdb_mutex_lock(&queue->lock);
    queue->closed = true;
    kdb_mutex_unlock(&queue->lock);
    kdb_cond_broadcast(&queue->arrived);
}

size_t kdb_queue_length(kdb_queue *queue)
{
    kdb_mutex_lock(&queue->lock);
    size_t length = queue->length;
    kdb_mutex_unlock(&queue->lock);
    return length;
}
