/* ws_write.c - frames to WebSocket clients (RFC 6455, 5). Servers do not mask, so that one frame serves everybody: a message
 * carries its own, and besides it the packed one for clients that take gzip (wire-protocol.md 10.2). */
#include "ws_int.h"

enum { FIN = 0x80, LEN_16 = 126, LEN_64 = 127, CODE_BYTES = 2 };

size_t kdbi_ws_header_len(size_t payload)
{
    return payload < LEN_16 ? 2 : payload <= UINT16_MAX ? 4 : KDBI_WS_HEADER_MAX;
}

size_t kdbi_ws_put_header(void *at, kdbi_ws_opcode opcode, size_t payload)
{
    uint8_t *bytes = at;
    const size_t len = kdbi_ws_header_len(payload);
    bytes[0] = (uint8_t)(FIN | opcode);
    if (len == 2) {
        bytes[1] = (uint8_t)payload;
    } else if (len == 4) {
        bytes[1] = LEN_16;
        bytes[2] = (uint8_t)(payload >> 8);
        bytes[3] = (uint8_t)payload;
    } else {
        bytes[1] = LEN_64;
        kdb_put_be64(bytes + 2, payload);
    }
    return len;
}

void kdbi_ws_put_frame(kdb_buf *out, kdbi_ws_opcode opcode, kdb_sv payload)
{
    char header[KDBI_WS_HEADER_MAX];
    kdb_buf_append(out, header, kdbi_ws_put_header(header, opcode, payload.len));
    kdb_buf_append_sv(out, payload);
}

void kdbi_ws_put_close(kdb_buf *out, uint16_t code, kdb_sv reason)
{
    char payload[KDBI_WS_CONTROL_MAX];
    const kdb_sv text = kdb_utf8_cut(reason, sizeof payload - CODE_BYTES);
    payload[0] = (char)(code >> 8);
    payload[1] = (char)(code & 0xFF);
    if (text.len > 0) {
        memcpy(payload + CODE_BYTES, text.ptr, text.len);
    }
    kdbi_ws_put_frame(out, KDBI_WS_OP_CLOSE, kdb_sv_of(payload, CODE_BYTES + text.len));
}

_Static_assert((int)KDB_LIVE_HEADROOM >= (int)KDBI_WS_HEADER_MAX, "a header fits before a message");

void kdbi_ws_dress(kdb_live_msg *msg)
{
    const size_t len = kdbi_ws_header_len(msg->json.len);
    char *at = (char *)(uintptr_t)msg->json.ptr - len;
    (void)kdbi_ws_put_header(at, KDBI_WS_OP_TEXT, msg->json.len);
    msg->frame = kdb_sv_of(at, len + msg->json.len);
}

/* ---- packed ---- */

typedef struct packed {
    size_t len; /* 0: packing makes it no smaller */
    char frame[];
} packed;

/* The header's length is known only when the text is packed: room for the largest is left, and the header put right before. */
static packed *pack(kdb_sv json, kdb_gzip *gzip)
{
    packed *made = kdb_alloc(sizeof(*made) + KDBI_WS_HEADER_MAX + json.len);
    const size_t n = kdb_gzip_pack(gzip, json, made->frame + KDBI_WS_HEADER_MAX, json.len - 1);
    if (n == 0) {
        return kdb_realloc(made, sizeof(*made));
    }
    const size_t header = kdbi_ws_put_header(made->frame, KDBI_WS_OP_BINARY, n);
    memmove(made->frame + header, made->frame + KDBI_WS_HEADER_MAX, n);
    made->len = header + n;
    return kdb_realloc(made, sizeof(*made) + made->len);
}

kdb_sv kdbi_ws_packed(kdb_live_msg *msg, kdb_gzip *gzip)
{
    packed *mine = atomic_load(&msg->packed);
    if (mine == NULL) {
        void *other = NULL;
        mine = pack(msg->json, gzip);
        if (!atomic_compare_exchange_strong(&msg->packed, &other, mine)) {
            kdb_free(mine); /* another loop was faster */
            mine = other;
        }
    }
    return mine->len == 0 ? msg->frame : kdb_sv_of(mine->frame, mine->len);
}
