/* ws_read.c - frames that a WebSocket client sends, put together to messages (RFC 6455, 5). wslay takes the frames apart; what
 * it lets pass is checked here: masks, reserved bits, kinds of frames, what may follow what, sizes, UTF-8.
 *
 * wslay keeps 4 KiB of its own and does not tell whether it holds the beginning of a next frame, so the bytes that went in are
 * counted against those of the frames that came out. */
#include <wslay/wslay.h>

#include "ws_int.h"

enum { MASK_BYTES = 4 };

struct kdbi_ws_reader {
    struct wslay_frame_context *frames;
    kdb_sv rest;     /* fed and not yet in wslay */
    uint64_t taken;  /* bytes that wslay took, */
    uint64_t parsed; /* and those of the frames it has ended */
    size_t max;
    bool in_frame; /* some of its payload has come, and not all */
    uint64_t frame_got;
    uint8_t message_opcode; /* 0: no message is incomplete */
    kdb_buf message;        /* of several pieces */
    size_t control_len;
    char control[KDBI_WS_CONTROL_MAX];
};

static ssize_t give_bytes(uint8_t *buf, size_t len, KDB_UNUSED int flags, void *arg)
{
    kdbi_ws_reader *reader = arg;
    const size_t n = len < reader->rest.len ? len : reader->rest.len;
    if (n == 0) {
        return -1;
    }
    memcpy(buf, reader->rest.ptr, n);
    reader->rest = kdb_sv_of(reader->rest.ptr + n, reader->rest.len - n);
    reader->taken += n;
    return (ssize_t)n;
}

kdbi_ws_reader *kdbi_ws_reader_new(size_t max_message)
{
    const struct wslay_frame_callbacks callbacks = { .recv_callback = give_bytes };
    kdbi_ws_reader *reader = KDB_NEW(kdbi_ws_reader);
    reader->max = max_message;
    kdb_buf_init(&reader->message, max_message);
    KDB_ASSERT(wslay_frame_context_init(&reader->frames, &callbacks, reader) == 0);
    return reader;
}

void kdbi_ws_reader_free(kdbi_ws_reader *reader)
{
    if (reader != NULL) {
        wslay_frame_context_free(reader->frames);
        kdb_buf_done(&reader->message);
        kdb_free(reader);
    }
}

void kdbi_ws_reader_feed(kdbi_ws_reader *reader, kdb_sv bytes)
{
    KDB_ASSERT(reader->rest.len == 0);
    reader->rest = bytes;
}

bool kdbi_ws_reader_is_idle(const kdbi_ws_reader *reader)
{
    return reader->rest.len == 0 && reader->taken == reader->parsed && reader->message_opcode == 0;
}

/* ---- rules ---- */

static kdbi_ws_input fault(uint16_t code, kdb_sv reason)
{
    return (kdbi_ws_input){ .what = KDBI_WS_FAULT, .bytes = reason, .code = code };
}

/* Why a frame may not be there; NULL: it may. */
static const char *misplaced(const kdbi_ws_reader *reader, const struct wslay_frame_iocb *frame)
{
    if (frame->mask == 0) {
        return "Frames from clients must be masked";
    }
    if (frame->rsv != 0) {
        return "Reserved bits are set";
    }
    switch (frame->opcode) {
    case WSLAY_CONTINUATION_FRAME:
        return reader->message_opcode == 0 ? "Nothing to continue" : NULL;
    case WSLAY_TEXT_FRAME:
    case WSLAY_BINARY_FRAME:
        return reader->message_opcode != 0 ? "The message before is not complete" : NULL;
    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG:
        return frame->fin == 0 || frame->payload_length > KDBI_WS_CONTROL_MAX ? "A control frame is too large" : NULL;
    default:
        return "Unknown kind of frame";
    }
}

static bool is_allowed_code(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static kdbi_ws_input closing(kdb_sv payload)
{
    if (payload.len == 0) {
        return (kdbi_ws_input){ .what = KDBI_WS_CLOSE, .code = KDBI_WS_NO_CODE };
    }
    const unsigned code = payload.len < 2 ? 0 : (unsigned)(uint8_t)payload.ptr[0] << 8 | (uint8_t)payload.ptr[1];
    if (!is_allowed_code(code)) {
        return fault(KDBI_WS_PROTOCOL_ERROR, KDB_SV("Bad closing code"));
    }
    const kdb_sv reason = kdb_sv_of(payload.ptr + 2, payload.len - 2);
    if (!kdb_utf8_valid(reason)) {
        return fault(KDBI_WS_BAD_TEXT, KDB_SV("The closing reason is not UTF-8"));
    }
    return (kdbi_ws_input){ .what = KDBI_WS_CLOSE, .bytes = reason, .code = (uint16_t)code };
}

/* ---- whole frames and messages ---- */

static kdbi_ws_input control(uint8_t opcode, kdb_sv payload)
{
    if (opcode == WSLAY_CONNECTION_CLOSE) {
        return closing(payload);
    }
    return (kdbi_ws_input){ .what = opcode == WSLAY_PING ? KDBI_WS_PING : KDBI_WS_PONG, .bytes = payload };
}

static kdbi_ws_input message(uint8_t opcode, kdb_sv payload)
{
    if (opcode == WSLAY_BINARY_FRAME) {
        return (kdbi_ws_input){ .what = KDBI_WS_BINARY, .bytes = payload };
    }
    if (!kdb_utf8_valid(payload)) {
        return fault(KDBI_WS_BAD_TEXT, KDB_SV("The message is not UTF-8"));
    }
    return (kdbi_ws_input){ .what = KDBI_WS_TEXT, .bytes = payload };
}

static kdbi_ws_input end_control(kdbi_ws_reader *reader, const struct wslay_frame_iocb *frame)
{
    const kdb_sv payload = kdb_sv_of(reader->control, reader->control_len);
    reader->control_len = 0;
    return control(frame->opcode, payload);
}

/* `piece`: the frame's, when it came as one and is all of the message. */
static kdbi_ws_input end_message(kdbi_ws_reader *reader, kdb_sv piece)
{
    const uint8_t opcode = reader->message_opcode;
    reader->message_opcode = 0;
    return message(opcode, reader->message.len == 0 ? piece : kdb_buf_sv(&reader->message));
}

/* Keeps a piece of a frame, unless it is the whole message. False: the message is too large. */
static bool keep(kdbi_ws_reader *reader, const struct wslay_frame_iocb *frame, bool whole)
{
    if (wslay_is_ctrl_frame(frame->opcode)) {
        memcpy(reader->control + reader->control_len, frame->data, frame->data_length);
        reader->control_len += frame->data_length;
        return true;
    }
    if (frame->payload_length > reader->max || reader->message.len + frame->data_length > reader->max) {
        return false;
    }
    if (!whole) {
        kdb_buf_append(&reader->message, frame->data, frame->data_length);
    }
    return true;
}

static void begin_frame(kdbi_ws_reader *reader, const struct wslay_frame_iocb *frame)
{
    reader->in_frame = true;
    reader->frame_got = 0;
    if (frame->opcode == WSLAY_TEXT_FRAME || frame->opcode == WSLAY_BINARY_FRAME) {
        reader->message_opcode = frame->opcode;
    }
}

static void end_frame(kdbi_ws_reader *reader, const struct wslay_frame_iocb *frame)
{
    reader->in_frame = false;
    reader->parsed += kdbi_ws_header_len((size_t)frame->payload_length) + MASK_BYTES + frame->payload_length;
}

/* One piece of a frame's payload, or an empty payload. */
static kdbi_ws_input take(kdbi_ws_reader *reader, const struct wslay_frame_iocb *frame)
{
    const kdbi_ws_input nothing = { .what = KDBI_WS_NOTHING };
    const bool at_once = !reader->in_frame && frame->data_length == frame->payload_length;
    const bool whole = at_once && frame->fin != 0 && reader->message.len == 0;
    const char *wrong = reader->in_frame ? NULL : misplaced(reader, frame);
    if (wrong != NULL) {
        return fault(KDBI_WS_PROTOCOL_ERROR, kdb_sv_cstr(wrong));
    }
    if (!reader->in_frame) {
        begin_frame(reader, frame);
    }
    if (!keep(reader, frame, whole)) {
        return fault(KDBI_WS_TOO_LARGE, KDB_SV("The message is too large"));
    }
    reader->frame_got += frame->data_length;
    if (reader->frame_got < frame->payload_length) {
        return nothing;
    }
    end_frame(reader, frame);
    if (wslay_is_ctrl_frame(frame->opcode)) {
        return end_control(reader, frame);
    }
    const kdb_sv piece = kdb_sv_of((const char *)frame->data, frame->data_length);
    return frame->fin != 0 ? end_message(reader, piece) : nothing;
}

/* A message that was given out is no longer needed. */
static void forget_message(kdbi_ws_reader *reader)
{
    if (reader->message_opcode == 0) {
        kdb_buf_done(&reader->message);
    }
}

kdbi_ws_input kdbi_ws_reader_next(kdbi_ws_reader *reader)
{
    forget_message(reader);
    for (;;) {
        struct wslay_frame_iocb frame;
        memset(&frame, 0, sizeof frame);
        const ssize_t n = wslay_frame_recv(reader->frames, &frame);
        if (n == WSLAY_ERR_WANT_READ) {
            return (kdbi_ws_input){ .what = KDBI_WS_NOTHING };
        }
        if (n < 0) {
            return fault(KDBI_WS_PROTOCOL_ERROR, KDB_SV("Malformed frame"));
        }
        const kdbi_ws_input input = take(reader, &frame);
        if (input.what != KDBI_WS_NOTHING) {
            return input;
        }
    }
}
