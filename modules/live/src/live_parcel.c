/* live_parcel.c - what net threads deliver, and to whom. A message to many subscribers crosses to each loop once, as one entry:
 * who they are is known there, in the parts, which only that loop changes. Entries take effect in the order they were made,
 * so that a subscriber who joins a part gets what goes to it from then on, and nothing from before. */
#include "live_int.h"

typedef enum entry_kind {
    ENTRY_SEND,
    ENTRY_LAST,
    ENTRY_FAN_OUT,
    ENTRY_END,
    ENTRY_JOIN,
    ENTRY_DROP_PART,
    ENTRY_WAIT
} entry_kind;

typedef struct entry {
    entry_kind kind;
    kdb_live_sub *sub; /* a reference; SEND, LAST, JOIN, WAIT */
    kdbi_part *part;   /* FAN_OUT, END, JOIN, DROP_PART */
    kdb_live_msg *msg; /* a reference; SEND, LAST, FAN_OUT, END */
} entry;

struct kdb_live_parcel {
    kdb_live *live;
    size_t loop;
    size_t bytes; /* of messages */
    size_t count, cap;
    entry *entries;
};

enum {
    ENTRIES_MAX = 256,        /* then the loop may begin */
    LOOP_BYTES_MAX = 64 << 20 /* under way to a loop before the live threads wait for it */
};

/* ---- filling ---- */

void kdbi_outbox_init(kdbi_outbox *outbox, kdb_live *live)
{
    *outbox = (kdbi_outbox){ live, kdb_alloc_array(live->edge.nloops, sizeof(kdb_live_parcel *)) };
}

void kdbi_outbox_done(kdbi_outbox *outbox)
{
    kdb_free(outbox->parcels);
    outbox->parcels = NULL;
}

static void await_loop(kdbi_loop_load *load)
{
    kdb_mutex_lock(&load->lock);
    while (atomic_load(&load->bytes) > LOOP_BYTES_MAX) {
        load->awaited = true;
        kdb_cond_wait(&load->less, &load->lock);
    }
    kdb_mutex_unlock(&load->lock);
}

static void post(kdbi_outbox *outbox, size_t loop)
{
    kdb_live_parcel *parcel = outbox->parcels[loop];
    outbox->parcels[loop] = NULL;
    atomic_fetch_add(&outbox->live->loops[loop].bytes, parcel->bytes);
    outbox->live->edge.post(outbox->live->edge.self, loop, parcel);
}

void kdbi_outbox_flush(kdbi_outbox *outbox, bool patient)
{
    kdb_live *live = outbox->live;
    for (size_t i = 0; i < live->edge.nloops; i++) {
        if (outbox->parcels[i] == NULL) {
            continue;
        }
        post(outbox, i);
        if (patient && atomic_load_explicit(&live->loops[i].bytes, memory_order_relaxed) > LOOP_BYTES_MAX) {
            await_loop(&live->loops[i]);
        }
    }
}

static void add(kdbi_outbox *outbox, size_t loop, entry item)
{
    kdb_live_parcel *parcel = outbox->parcels[loop];
    if (parcel == NULL) {
        parcel = outbox->parcels[loop] = KDB_NEW(kdb_live_parcel);
        parcel->live = outbox->live;
        parcel->loop = loop;
    }
    *KDB_HEAP_PUSH(parcel->entries, parcel->count, parcel->cap) = item;
    parcel->bytes += item.msg == NULL ? 0 : item.msg->json.len;
    if (parcel->count == ENTRIES_MAX) {
        post(outbox, loop);
    }
}

void kdbi_outbox_send(kdbi_outbox *outbox, kdb_live_sub *sub, kdb_live_msg *msg, bool last)
{
    add(outbox, sub->loop, (entry){ .kind = last ? ENTRY_LAST : ENTRY_SEND, .sub = kdbi_sub_ref(sub), .msg = msg });
}

void kdbi_outbox_fan_out(kdbi_outbox *outbox, size_t loop, kdbi_part *part, kdb_live_msg *msg)
{
    add(outbox, loop, (entry){ .kind = ENTRY_FAN_OUT, .part = part, .msg = kdb_live_msg_ref(msg) });
}

void kdbi_outbox_end(kdbi_outbox *outbox, size_t loop, kdbi_part *part, kdb_live_msg *msg)
{
    add(outbox, loop, (entry){ .kind = ENTRY_END, .part = part, .msg = kdb_live_msg_ref(msg) });
}

void kdbi_outbox_join(kdbi_outbox *outbox, kdb_live_sub *sub, kdbi_part *part)
{
    add(outbox, sub->loop, (entry){ .kind = ENTRY_JOIN, .sub = kdbi_sub_ref(sub), .part = part });
}

void kdbi_outbox_drop_part(kdbi_outbox *outbox, size_t loop, kdbi_part *part)
{
    add(outbox, loop, (entry){ .kind = ENTRY_DROP_PART, .part = part });
}

void kdbi_outbox_wait(kdbi_outbox *outbox, kdb_live_sub *sub)
{
    add(outbox, sub->loop, (entry){ .kind = ENTRY_WAIT, .sub = kdbi_sub_ref(sub) });
}

/* ---- parts: net thread ---- */

static void part_join(kdbi_part *part, kdb_live_sub *sub)
{
    sub->part = part;
    sub->part_at = part->count;
    *KDB_HEAP_PUSH(part->subs, part->count, part->cap) = sub;
}

static void put_at(kdbi_part *part, size_t at, kdb_live_sub *sub)
{
    part->subs[at] = sub;
    if (sub != NULL) {
        sub->part_at = at;
    }
}

/* While the part is walked nobody changes places: somebody would be met twice. */
void kdbi_part_leave(kdb_live_sub *sub)
{
    kdbi_part *part = sub->part;
    sub->part = NULL;
    if (part == NULL) {
        return;
    }
    if (part->busy) {
        part->subs[sub->part_at] = NULL;
        part->holes = true;
        return;
    }
    put_at(part, sub->part_at, part->subs[--part->count]);
}

static void close_holes(kdbi_part *part)
{
    size_t count = 0;
    for (size_t i = 0; i < part->count; i++) {
        if (part->subs[i] != NULL) {
            put_at(part, count++, part->subs[i]);
        }
    }
    part->count = count;
    part->holes = false;
}

static void part_free(kdbi_part *part)
{
    KDB_ASSERT(part->count == 0);
    kdb_free(part->subs);
    kdb_free(part);
}

/* ---- unpacking: net thread ---- */

static void fan_out(const kdb_live_edge *edge, kdbi_part *part, kdb_live_msg *msg, bool last)
{
    part->busy = true;
    for (size_t i = 0; i < part->count; i++) {
        kdb_live_sub *sub = part->subs[i];
        if (sub != NULL) {
            edge->deliver(sub->client, sub, msg, last);
        }
    }
    part->busy = false;
    if (part->holes) {
        close_holes(part);
    }
}

static void wait_for_client(kdb_live_sub *sub)
{
    sub->waits = true;
    sub->next_waiting = sub->client->waiting;
    sub->client->waiting = sub;
}

/* Returns the number of deliveries. */
static size_t carry_out(const kdb_live_edge *edge, const entry *item)
{
    if (item->kind == ENTRY_FAN_OUT || item->kind == ENTRY_END) {
        const size_t count = item->part->count;
        fan_out(edge, item->part, item->msg, item->kind == ENTRY_END);
        return count;
    }
    if (item->kind == ENTRY_DROP_PART) {
        part_free(item->part);
        return 0;
    }
    kdb_live_sub *sub = item->sub;
    if (sub->gone) {
        return 0;
    }
    switch (item->kind) {
    case ENTRY_SEND:
    case ENTRY_LAST:
        edge->deliver(sub->client, sub, item->msg, item->kind == ENTRY_LAST);
        return 1;
    case ENTRY_JOIN:
        part_join(item->part, sub);
        break;
    case ENTRY_WAIT:
        wait_for_client(sub);
        break;
    case ENTRY_FAN_OUT:
    case ENTRY_END:
    case ENTRY_DROP_PART:
        break;
    }
    return 0;
}

static void settle(kdb_live_parcel *parcel)
{
    kdbi_loop_load *load = &parcel->live->loops[parcel->loop];
    const size_t before = atomic_fetch_sub(&load->bytes, parcel->bytes);
    if (before > LOOP_BYTES_MAX && before - parcel->bytes <= LOOP_BYTES_MAX) {
        kdb_mutex_lock(&load->lock);
        if (load->awaited) {
            load->awaited = false;
            kdb_cond_broadcast(&load->less);
        }
        kdb_mutex_unlock(&load->lock);
    }
    for (size_t i = 0; i < parcel->count; i++) {
        kdb_live_msg_unref(parcel->entries[i].msg);
        if (parcel->entries[i].sub != NULL) {
            kdbi_sub_unref(parcel->entries[i].sub);
        }
    }
    kdb_free(parcel->entries);
    kdb_free(parcel);
}

void kdb_live_unpack(kdb_live *live, kdb_live_parcel *parcel)
{
    size_t deliveries = 0;
    for (size_t i = 0; i < parcel->count; i++) {
        deliveries += carry_out(&live->edge, &parcel->entries[i]);
    }
    atomic_fetch_add_explicit(&live->deliveries, deliveries, memory_order_relaxed);
    settle(parcel);
}

void kdb_live_parcel_free(kdb_live_parcel *parcel)
{
    for (size_t i = 0; i < parcel->count; i++) {
        if (parcel->entries[i].kind == ENTRY_DROP_PART) {
            part_free(parcel->entries[i].part);
        }
    }
    settle(parcel);
}
