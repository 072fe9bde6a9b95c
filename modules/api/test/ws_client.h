/* ws_client.h - a WebSocket client that can also send what none should. */
#ifndef KDB_WS_CLIENT_H
#define KDB_WS_CLIENT_H

#include "fake_live.h"
#include "ws_int.h"

typedef struct frame {
    unsigned first; /* its first byte: FIN, reserved bits, opcode; 0: the connection has ended */
    char *bytes;    /* NUL-terminated */
    size_t len;
} frame;

/* A handshake with `path`, and what headers a test wants beside (may be NULL). */
void ws_open(client *c, const fixture *f, const char *path, const char *headers);
void ws_sign_in(client *c, const char *token);
/* Both. */
void ws_open_as(client *c, const fixture *f, const char *token);
void ws_put_frame(kdb_buf *out, unsigned first, const char *bytes, size_t len);
void ws_send_frame(client *c, unsigned first, const char *bytes, size_t len);
void ws_send_text(client *c, const char *text);
void ws_subscribe(client *c, const char *id, const char *sql, const char *options);
void ws_read(client *c, frame *out);
void frame_done(frame *fr);
/* The next frame is a text frame that holds `part`. */
void ws_expect(client *c, const char *part);
/* The next one closes, with that code and reason; the client answers, and the server ends the connection. */
void ws_expect_close(client *c, unsigned code, const char *reason);
/* Reads until a frame holds `part`; false at a close frame or the end. */
bool ws_reads_until(client *c, const char *part);

#endif
