/* audit_note.c - notes: records of what happens often, made soon and without waiting. A flood of them is bounded twice:
 * like ones within a minute are counted only, and so many at most wait for the commit before them; what goes past that is
 * counted too. */
#include "audit_int.h"

enum { MOST_REPEATS = 1024, MOST_WAITING = 4096, FIELDS = 5 };

/* The record with its texts copied to `at`, which is moved behind them. */
static kdb_sv copy_text(kdb_sv text, char **at)
{
    char *copy = *at;
    if (text.len != 0) {
        memcpy(copy, text.ptr, text.len);
    }
    *at += text.len;
    return kdb_sv_of(copy, text.len);
}

static size_t size_of_texts(const kdb_audit_record *record)
{
    return record->actor.len + record->target.len + record->details.len + record->subject.len;
}

static kdb_audit_record copy_record(const kdb_audit_record *record, char *at)
{
    return (kdb_audit_record){ .action = record->action,
                               .actor = copy_text(record->actor, &at),
                               .target = copy_text(record->target, &at),
                               .details = copy_text(record->details, &at),
                               .address = record->address,
                               .subject = copy_text(record->subject, &at) };
}

/* ---- the waiting ---- */

static void wait_in_line(kdb_audit *audit, const kdb_audit_record *record)
{
    kdbi_waiting *waiting = kdb_alloc(sizeof(*waiting) + size_of_texts(record));
    waiting->time_us = kdb_now_us();
    waiting->record = copy_record(record, waiting->texts);
    *audit->last = waiting;
    audit->last = &waiting->next;
    audit->nwaiting++;
}

static kdb_sv add_count(kdb_sv details, const char *what, uint64_t count, kdb_arena *arena)
{
    if (count == 0) {
        return details;
    }
    return kdb_sv_printf(arena, "%.*s%s%s: %llu", KDB_SV_ARG(details), details.len == 0 ? "" : ", ", what,
                         (unsigned long long)count);
}

/* A record that also speaks for the `more` alike that were not recorded, and for whatever was dropped. */
static void wait_with_count(kdb_audit *audit, const kdb_audit_record *record, uint64_t more)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_audit_record said = *record;
    said.details = add_count(said.details, "Repeated", more, arena);
    said.details = add_count(said.details, "Dropped", audit->dropped, arena);
    audit->dropped = 0;
    wait_in_line(audit, &said);
}

kdbi_waiting *kdbi_notes_take(kdb_audit *audit)
{
    kdbi_waiting *notes = audit->first;
    audit->first = NULL;
    audit->last = &audit->first;
    audit->nwaiting = 0;
    return notes;
}

void kdbi_notes_stage(kdbi_waiting *notes, kdbi_head *head, kdb_batch *batch, size_t *count)
{
    while (notes != NULL) {
        kdbi_waiting *next = notes->next;
        kdbi_audit_stage(head, &notes->record, notes->time_us, batch);
        kdb_free(notes);
        notes = next;
        (*count)++;
    }
}

/* ---- the alike ---- */

static kdb_sv identity(const kdb_audit_record *record, kdb_buf *buf)
{
    const kdb_sv fields[FIELDS] = { kdb_sv_cstr(kdb_audit_action_names[record->action]), record->actor, record->target,
                                    kdb_sv_of((const char *)record->address.bytes, sizeof(record->address)),
                                    record->subject };
    for (size_t i = 0; i < FIELDS; i++) {
        char len[4];
        kdb_put_le32(len, (uint32_t)fields[i].len);
        kdb_buf_append(buf, len, sizeof(len));
        kdb_buf_append_sv(buf, fields[i]);
    }
    return kdb_buf_sv(buf);
}

static void free_repeat(kdbi_repeat *repeat)
{
    kdb_free(repeat->texts);
    kdb_free(repeat);
}

void kdbi_notes_settle(kdb_audit *audit)
{
    size_t cursor = 0;
    kdb_sv key;
    void *value;
    while (kdb_map_next(audit->repeats, &cursor, &key, &value)) {
        kdbi_repeat *repeat = value;
        if (repeat->more > 0) {
            wait_with_count(audit, &repeat->record, repeat->more);
        }
        free_repeat(repeat);
    }
    kdb_map_free(audit->repeats);
    audit->repeats = kdb_map_new();
}

static kdbi_repeat *new_repeat(kdb_audit *audit, kdb_sv key, const kdb_audit_record *record)
{
    if (kdb_map_count(audit->repeats) >= MOST_REPEATS) {
        kdbi_notes_settle(audit);
    }
    kdbi_repeat *repeat = KDB_NEW(kdbi_repeat);
    repeat->texts = kdb_alloc(size_of_texts(record) + 1);
    repeat->record = copy_record(record, repeat->texts);
    (void)kdb_map_put(audit->repeats, key, repeat);
    return repeat;
}

/* Holds the lock. */
static void note(kdb_audit *audit, kdb_sv key, const kdb_audit_record *record)
{
    const int64_t now = kdb_monotonic_us();
    kdbi_repeat *repeat = kdb_map_lookup(audit->repeats, key);
    const bool fresh = repeat == NULL || now - repeat->recorded_us >= audit->repeat_us;
    if (fresh && audit->nwaiting < MOST_WAITING) {
        repeat = repeat == NULL ? new_repeat(audit, key, record) : repeat;
        wait_with_count(audit, record, repeat->more);
        repeat->recorded_us = now;
        repeat->more = 0;
    } else if (repeat != NULL) {
        repeat->more++;
    } else {
        audit->dropped++;
    }
}

void kdb_audit_note(kdb_audit *audit, const kdb_audit_record *record)
{
    kdb_buf key;
    kdb_buf_init(&key, 0);
    const kdb_sv alike = identity(record, &key);
    kdb_mutex_lock(&audit->lock);
    note(audit, alike, record);
    kdb_mutex_unlock(&audit->lock);
    kdb_buf_done(&key);
    kdbi_audit_send(audit);
}

void kdbi_notes_init(kdb_audit *audit)
{
    audit->repeats = kdb_map_new();
    audit->last = &audit->first;
}

void kdbi_notes_done(kdb_audit *audit)
{
    kdb_map_free(audit->repeats);
}
