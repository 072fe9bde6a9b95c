/* ws_int.h - what the files of the WebSocket edge share that knows nothing of H2O: frames, messages, rates. The rest is in
 * hub_int.h. */
#ifndef KDB_WS_INT_H
#define KDB_WS_INT_H

#include "kdb/gzip.h"
#include "kdb/live.h"

#include "api_int.h"

/* Closing codes (RFC 6455, 7.4). */
enum {
    KDBI_WS_NORMAL = 1000,
    KDBI_WS_GOING_AWAY = 1001,
    KDBI_WS_PROTOCOL_ERROR = 1002,
    KDBI_WS_NO_CODE = 1005, /* never on the wire */
    KDBI_WS_BAD_TEXT = 1007,
    KDBI_WS_POLICY = 1008,
    KDBI_WS_TOO_LARGE = 1009,
    KDBI_WS_BAD_MESSAGE = 1011,
    KDBI_WS_TRY_LATER = 1013
};

/* ---- frames in (ws_read.c) ---- */

typedef enum kdbi_ws_what {
    KDBI_WS_NOTHING, /* all that was fed has been read */
    KDBI_WS_TEXT,
    KDBI_WS_BINARY,
    KDBI_WS_PING,
    KDBI_WS_PONG,
    KDBI_WS_CLOSE,
    KDBI_WS_FAULT /* the connection cannot go on */
} kdbi_ws_what;

/* A message or control frame, whole and unmasked. */
typedef struct kdbi_ws_input {
    kdbi_ws_what what;
    kdb_sv bytes;  /* valid until the next call; of FAULT the reason in words */
    uint16_t code; /* CLOSE: what the client says, KDBI_WS_NO_CODE when nothing; FAULT: to close with */
} kdbi_ws_input;

/* Reads the frames of one client. Some 5 KiB, so a connection has one only while a frame or message is incomplete. */
typedef struct kdbi_ws_reader kdbi_ws_reader;
kdbi_ws_reader *kdbi_ws_reader_new(size_t max_message);
void kdbi_ws_reader_free(kdbi_ws_reader *reader); /* NULL is fine */
/* Bytes to be read next; borrowed until they have been read. Those before have been. */
void kdbi_ws_reader_feed(kdbi_ws_reader *reader, kdb_sv bytes);
kdbi_ws_input kdbi_ws_reader_next(kdbi_ws_reader *reader);
/* True when it is between two messages: another client may have it. */
bool kdbi_ws_reader_is_idle(const kdbi_ws_reader *reader);

/* ---- frames out (ws_write.c) ---- */

enum { KDBI_WS_CONTROL_MAX = 125, KDBI_WS_HEADER_MAX = 10, KDBI_WS_PACK_MIN = 512 };

typedef enum kdbi_ws_opcode {
    KDBI_WS_OP_TEXT = 1,
    KDBI_WS_OP_BINARY = 2,
    KDBI_WS_OP_CLOSE = 8,
    KDBI_WS_OP_PING = 9,
    KDBI_WS_OP_PONG = 10
} kdbi_ws_opcode;

/* Bytes of the header of a frame with so much in it. */
size_t kdbi_ws_header_len(size_t payload);
/* Writes it and returns its length. */
size_t kdbi_ws_put_header(void *at, kdbi_ws_opcode opcode, size_t payload);
/* A whole frame. A close frame's reason is cut to what fits, between characters. */
void kdbi_ws_put_frame(kdb_buf *out, kdbi_ws_opcode opcode, kdb_sv payload);
void kdbi_ws_put_close(kdb_buf *out, uint16_t code, kdb_sv reason);
/* Of a kdb_live_edge: puts the header of a text frame before the message. */
void kdbi_ws_dress(kdb_live_msg *msg);
/* The message's gzip text in a binary frame, made once, whoever asks first; its own frame when that is not larger. */
kdb_sv kdbi_ws_packed(kdb_live_msg *msg, kdb_gzip *gzip);

/* ---- messages in (ws_message.c) ---- */

typedef enum kdbi_ws_verb {
    KDBI_WS_AUTHENTICATE,
    KDBI_WS_SUBSCRIBE,
    KDBI_WS_NEXT_BATCH,
    KDBI_WS_UNSUBSCRIBE,
    KDBI_WS_PING_MESSAGE,
    KDBI_WS_VERB_COUNT
} kdbi_ws_verb;

enum { KDBI_SUB_ID_MAX = 256 };

/* How a subscription begins, as clients say it. */
typedef struct kdbi_sub_options {
    kdb_live_start start;
    uint64_t from;
    uint32_t last_rows, batch_rows;
} kdbi_sub_options;

typedef struct kdbi_ws_message {
    kdbi_ws_verb verb;
    kdb_sv token;        /* AUTHENTICATE */
    bool plain;          /* AUTHENTICATE: the client wants no compression */
    kdb_sv subscription; /* SUBSCRIBE, NEXT_BATCH, UNSUBSCRIBE */
    kdb_sv sql;          /* SUBSCRIBE, as the next */
    kdbi_sub_options options;
    const char *fault; /* SUBSCRIBE: what is wrong with it, though it says whose answer that is; NULL: nothing */
} kdbi_ws_message;
/* What it points to lies in `arena` or in `text`. KDB_INVALID says what cannot be read. */
KDB_NODISCARD kdb_status kdbi_ws_message_decode(kdb_sv text, kdb_arena *arena, kdbi_ws_message *out, kdb_err *err);
bool kdbi_sub_id_is_blank(kdb_sv id);
/* A sequence id in decimal digits. */
KDB_NODISCARD kdb_status kdbi_sub_parse_from(kdb_sv text, kdbi_sub_options *out, kdb_err *err);

#endif
