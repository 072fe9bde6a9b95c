/* ws_client.c - see ws_client.h. */
#include <zlib.h>

#include "ws_client.h"

void ws_open(client *c, const fixture *f, const char *path, const char *headers)
{
    char text[4096];
    answer a;
    client_open(c, f->port);
    (void)snprintf(text, sizeof text,
                   "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                   path, headers == NULL ? "" : headers);
    client_send_text(c, text);
    client_read_head_answer(c, &a);
    assert_int_equal(a.status, 101);
    assert_string_equal(answer_header(&a, "sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_null(answer_header(&a, "sec-websocket-extensions"));
    answer_done(&a);
}

void ws_sign_in(client *c, const char *token)
{
    char text[4096];
    (void)snprintf(text, sizeof text, "{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"%s\"}", token);
    ws_send_text(c, text);
    ws_expect(c, "\"type\":\"auth_success\"");
}

void ws_open_as(client *c, const fixture *f, const char *token)
{
    ws_open(c, f, "/v1/ws", NULL);
    ws_sign_in(c, token);
}

void ws_put_frame(kdb_buf *out, unsigned first, const char *bytes, size_t len)
{
    static const char mask[4] = { 0x12, 0x55, 0x0f, 0x71 };
    char header[16];
    size_t n = kdbi_ws_put_header(header, KDBI_WS_OP_TEXT, len);
    header[0] = (char)first;
    header[1] = (char)(header[1] | 0x80);
    memcpy(header + n, mask, 4);
    kdb_buf_append(out, header, n + 4);
    for (size_t i = 0; i < len; i++) {
        kdb_buf_append_byte(out, (uint8_t)(bytes[i] ^ mask[i % 4]));
    }
}

void ws_send_frame(client *c, unsigned first, const char *bytes, size_t len)
{
    kdb_buf out;
    kdb_buf_init(&out, 0);
    ws_put_frame(&out, first, bytes, len);
    client_send(c, out.ptr, out.len);
    kdb_buf_done(&out);
}

void ws_send_text(client *c, const char *text)
{
    ws_send_frame(c, 0x81, text, strlen(text));
}

void ws_subscribe(client *c, const char *id, const char *sql, const char *options)
{
    char text[1024];
    (void)snprintf(text, sizeof text, "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"%s\",\"sql\":\"%s\"%s%s}}",
                   id, sql, options == NULL ? "" : ",\"options\":", options == NULL ? "" : options);
    ws_send_text(c, text);
}

static void unpack(frame *fr)
{
    enum { ROOM = 1 << 20 };
    z_stream in = { 0 };
    char *text = kdb_alloc(ROOM);
    assert_int_equal(inflateInit2(&in, 15 + 16), Z_OK);
    in.next_in = (Bytef *)fr->bytes;
    in.avail_in = (uInt)fr->len;
    in.next_out = (Bytef *)text;
    in.avail_out = ROOM - 1;
    assert_int_equal(inflate(&in, Z_FINISH), Z_STREAM_END);
    kdb_free(fr->bytes);
    fr->bytes = text;
    fr->len = in.total_out;
    assert_int_equal(inflateEnd(&in), Z_OK);
}

/* False at the end of the connection. */
static bool read_frame(client *c, frame *out)
{
    if (!client_have(c, 2)) {
        return false;
    }
    size_t header = 2;
    uint64_t len = (uint8_t)c->in.ptr[1];
    if (len == 126) {
        header = 4;
        assert_true(client_have(c, header));
        len = (uint64_t)(uint8_t)c->in.ptr[2] << 8 | (uint8_t)c->in.ptr[3];
    } else if (len == 127) {
        header = 10;
        assert_true(client_have(c, header));
        len = kdb_get_be64(c->in.ptr + 2);
    }
    if (!client_have(c, header + len)) {
        return false;
    }
    out->first = (uint8_t)c->in.ptr[0];
    out->bytes = kdb_sv_heap_cstr(kdb_sv_of(c->in.ptr + header, len));
    out->len = len;
    client_consume(c, header + len);
    if (out->first == 0x82) {
        unpack(out);
    }
    return true;
}

void ws_read(client *c, frame *out)
{
    if (!read_frame(c, out)) {
        *out = (frame){ .bytes = kdb_sv_heap_cstr(KDB_SV("")) };
    }
}

void frame_done(frame *fr)
{
    kdb_free(fr->bytes);
}

void ws_expect(client *c, const char *part)
{
    frame fr;
    ws_read(c, &fr);
    if (fr.first != 0x81 && fr.first != 0x82) {
        fail_msg("a frame %02x \"%s\" came, and no text with \"%s\"", fr.first, fr.bytes, part);
    }
    assert_contains(fr.bytes, part);
    frame_done(&fr);
}

void ws_expect_close(client *c, unsigned code, const char *reason)
{
    frame fr;
    ws_read(c, &fr);
    if (fr.first != 0x88) {
        fail_msg("a frame %02x \"%s\" came, and no close", fr.first, fr.bytes);
    }
    assert_true(fr.len >= 2);
    assert_int_equal((uint8_t)fr.bytes[0] << 8 | (uint8_t)fr.bytes[1], code);
    if (reason != NULL) {
        assert_string_equal(fr.bytes + 2, reason);
    }
    ws_send_frame(c, 0x88, fr.bytes, 2);
    frame_done(&fr);
    assert_true(client_sees_end(c));
}

bool ws_reads_until(client *c, const char *part)
{
    for (;;) {
        frame fr;
        ws_read(c, &fr);
        const bool text = fr.first == 0x81 || fr.first == 0x82;
        const bool found = text && strstr(fr.bytes, part) != NULL;
        frame_done(&fr);
        if (!text || found) {
            return found;
        }
    }
}
