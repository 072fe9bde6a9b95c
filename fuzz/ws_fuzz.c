/* ws_fuzz.c - what a WebSocket client sends, in pieces whose size the first byte says: frames, and the messages in them. Whatever
 * the pieces are the same comes out. */
#include <stdint.h>

#include "ws_int.h"

enum { MAX_MESSAGE = 4096 };

static void check_message(kdb_sv text)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_ws_message m;
    kdb_err err;
    KDB_ASSERT(text.len <= MAX_MESSAGE && kdb_utf8_valid(text));
    if (kdbi_ws_message_decode(text, arena, &m, &err) != KDB_OK) {
        KDB_ASSERT(err.status == KDB_INVALID && kdb_utf8_valid(kdb_sv_cstr(err.text)));
        return;
    }
    KDB_ASSERT(m.verb < KDBI_WS_VERB_COUNT && kdb_utf8_valid(m.subscription) && kdb_utf8_valid(m.sql));
    KDB_ASSERT(m.fault != NULL || m.options.from <= INT64_MAX);
}

static uint64_t mix(uint64_t so_far, const kdbi_ws_input *input)
{
    const uint64_t parts[4] = { so_far, input->what, input->code, kdb_hash64(input->bytes) };
    return kdb_hash64(kdb_sv_of((const char *)parts, sizeof parts));
}

/* A digest of all that came out. */
static uint64_t read_all(kdb_sv bytes, size_t step)
{
    kdbi_ws_reader *reader = kdbi_ws_reader_new(MAX_MESSAGE);
    kdbi_ws_input input = { .what = KDBI_WS_NOTHING };
    uint64_t digest = 0;
    for (size_t at = 0; at < bytes.len && input.what != KDBI_WS_FAULT; at += step) {
        const size_t n = bytes.len - at < step ? bytes.len - at : step;
        kdbi_ws_reader_feed(reader, kdb_sv_of(bytes.ptr + at, n));
        while ((input = kdbi_ws_reader_next(reader)).what != KDBI_WS_NOTHING) {
            digest = mix(digest, &input);
            if (input.what == KDBI_WS_FAULT) {
                break;
            }
            if (input.what == KDBI_WS_TEXT) {
                check_message(input.bytes);
            }
        }
    }
    kdbi_ws_reader_free(reader);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const kdb_sv bytes = kdb_sv_of((const char *)data + 1, size - 1);
    KDB_ASSERT(read_all(bytes, (size_t)data[0] + 1) == read_all(bytes, SIZE_MAX / 2));
    return 0;
}
