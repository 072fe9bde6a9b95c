/* live_event.c - a committed write, copied out of the memory of the statement that made it, in one block. */
#include "live_int.h"

static size_t bytes_of(const kdb_row_change *changes, size_t count)
{
    size_t bytes = sizeof(kdbi_event) + count * sizeof(kdbi_event_row) + changes[0].user.text.len;
    for (size_t i = 0; i < count; i++) { /* rows of EMBEDDINGs lie at addresses divisible by 4 */
        bytes += (changes[i].new_row.len + 7) / 8 * 8 + (changes[i].old_row.len + 7) / 8 * 8 + changes[i].key.len;
    }
    return bytes;
}

static kdb_sv copy(char **at, kdb_sv bytes, size_t align)
{
    const kdb_sv out = kdb_sv_of(*at, bytes.len);
    if (bytes.len != 0) {
        memcpy(*at, bytes.ptr, bytes.len);
    }
    *at += (bytes.len + align - 1) / align * align;
    return out;
}

kdbi_event *kdbi_event_new(const kdb_row_change *changes, size_t count)
{
    const size_t bytes = bytes_of(changes, count);
    kdbi_event *event = kdb_alloc(bytes);
    event->note.kind = KDBI_NOTE_EVENT;
    event->refs = 1;
    event->bytes = bytes;
    event->table = kdb_table_ref((kdb_table *)changes[0].table);
    event->version = changes[0].version;
    event->nrows = count;
    char *at = (char *)(event->rows + count);
    for (size_t i = 0; i < count; i++) {
        event->rows[i].op = changes[i].op;
        event->rows[i].seq = changes[i].seq;
        event->rows[i].new_row = copy(&at, changes[i].new_row, 8);
        event->rows[i].old_row = copy(&at, changes[i].old_row, 8);
    }
    for (size_t i = 0; i < count; i++) {
        event->rows[i].key = copy(&at, changes[i].key, 1);
    }
    event->user.text = copy(&at, changes[0].user.text, 1);
    return event;
}

void kdbi_event_unref(kdbi_event *event)
{
    if (event != NULL && --event->refs == 0) {
        kdb_table_unref(event->table);
        kdb_free(event);
    }
}

bool kdbi_held_add(kdbi_held *held, kdbi_event *event, size_t limit)
{
    if (held->bytes + event->bytes > limit) {
        return false;
    }
    event->refs++;
    *KDB_HEAP_PUSH(held->events, held->count, held->cap) = event;
    held->bytes += event->bytes;
    return true;
}

void kdbi_held_drop(kdbi_held *held)
{
    for (size_t i = 0; i < held->count; i++) {
        kdbi_event_unref(held->events[i]);
    }
    kdb_free(held->events);
    *held = (kdbi_held){ 0 };
}
