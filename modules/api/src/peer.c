/* peer.c - who a request comes from. A loopback peer may be a proxy on this host, so what proxies say of the client counts
 * when the peer is loopback or one of `security.trusted_proxy_ranges`, and only then. Of the addresses in X-Forwarded-For
 * the last one that is not a proxy of ours is taken: each proxy appends the address it saw, so what stands before that may
 * be the client's invention. A forwarded loopback address never makes a remote client local. */
#include <arpa/inet.h>
#include <string.h>

#include "api_int.h"

enum { ADDR_BITS = 128, V4_PREFIX_BITS = 96, ADDR_TEXT_MAX = 64 };

static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool is_v4(const kdbi_addr *addr)
{
    return memcmp(addr->bytes, v4_prefix, sizeof v4_prefix) == 0;
}

static kdbi_addr addr_of_v4(const void *four_bytes)
{
    kdbi_addr addr;
    memcpy(addr.bytes, v4_prefix, sizeof v4_prefix);
    memcpy(addr.bytes + sizeof v4_prefix, four_bytes, 4);
    return addr;
}

static bool is_known(const kdbi_addr *addr)
{
    static const kdbi_addr unknown;
    return memcmp(addr, &unknown, sizeof unknown) != 0;
}

kdbi_addr kdbi_addr_of(const struct sockaddr *sa)
{
    kdbi_addr addr = { { 0 } };
    if (sa->sa_family == AF_INET) {
        addr = addr_of_v4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr);
    } else if (sa->sa_family == AF_INET6) {
        memcpy(addr.bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, sizeof addr.bytes);
    }
    return addr;
}

/* "[::1]:80", "::1%eth0", "1.2.3.4:80" without brackets, zone and port. */
static kdb_sv bare_address(kdb_sv text)
{
    if (text.len > 0 && text.ptr[0] == '[') {
        const char *end = memchr(text.ptr, ']', text.len);
        return end == NULL ? (kdb_sv){ NULL, 0 } : kdb_sv_of(text.ptr + 1, (size_t)(end - text.ptr) - 1);
    }
    const char *zone = memchr(text.ptr, '%', text.len);
    if (zone != NULL) {
        return kdb_sv_of(text.ptr, (size_t)(zone - text.ptr));
    }
    const char *colon = memchr(text.ptr, ':', text.len);
    const bool has_port = colon != NULL && memchr(text.ptr, '.', (size_t)(colon - text.ptr)) != NULL;
    return has_port ? kdb_sv_of(text.ptr, (size_t)(colon - text.ptr)) : text;
}

kdbi_addr kdbi_addr_parse(kdb_sv text)
{
    kdbi_addr addr = { { 0 } };
    text = kdb_sv_trim(text);
    if (text.len == 0) {
        return addr;
    }
    text = bare_address(text);
    char copy[ADDR_TEXT_MAX];
    if (text.len == 0 || text.len >= sizeof copy) {
        return addr;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    struct in_addr v4;
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        return addr_of_v4(&v4);
    }
    if (inet_pton(AF_INET6, copy, addr.bytes) != 1) {
        memset(&addr, 0, sizeof addr);
    }
    return addr;
}

bool kdbi_addr_is_loopback(const kdbi_addr *addr)
{
    static const uint8_t v6_loopback[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
    return is_v4(addr) ? addr->bytes[12] == 127 : memcmp(addr->bytes, v6_loopback, sizeof v6_loopback) == 0;
}

static bool in_range(const kdbi_addr_range *range, const kdbi_addr *addr)
{
    const size_t whole = range->bits / 8;
    const unsigned rest = range->bits % 8;
    if (memcmp(range->base.bytes, addr->bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || ((range->base.bytes[whole] ^ addr->bytes[whole]) >> (8 - rest)) == 0;
}

/* ---- the option ---- */

static kdb_status parse_range(kdb_sv text, kdbi_addr_range *out, kdb_err *err)
{
    const char *slash = memchr(text.ptr, '/', text.len);
    const kdb_sv base = slash == NULL ? text : kdb_sv_of(text.ptr, (size_t)(slash - text.ptr));
    out->base = kdbi_addr_parse(base);
    uint64_t bits = ADDR_BITS;
    if (slash != NULL) {
        kdb_err ignored;
        const kdb_sv digits = kdb_sv_of(slash + 1, text.len - base.len - 1);
        const uint64_t width = is_v4(&out->base) ? ADDR_BITS - V4_PREFIX_BITS : ADDR_BITS;
        if (kdb_parse_u64(digits, &bits, &ignored) != KDB_OK || bits > width) {
            return KDB_FAIL(err, KDB_INVALID, "`%.*s` is not a range of addresses", KDB_SV_ARG(text));
        }
        bits += ADDR_BITS - width;
    }
    if (!is_known(&out->base)) {
        return KDB_FAIL(err, KDB_INVALID, "`%.*s` is not an address", KDB_SV_ARG(text));
    }
    out->bits = (uint8_t)bits;
    return KDB_OK;
}

kdb_status kdbi_trusted_parse(kdb_sv text, kdbi_trusted *out, kdb_err *err)
{
    kdbi_trusted trusted = { kdb_alloc_array(text.len / 2 + 1, sizeof(kdbi_addr_range)), 0 };
    kdb_sv rest = text;
    for (kdb_sv item; kdb_sv_take_item(&rest, &item);) {
        if (item.len == 0) {
            continue;
        }
        const kdb_status status = parse_range(item, &trusted.ranges[trusted.count], err);
        if (status != KDB_OK) {
            kdbi_trusted_done(&trusted);
            return status;
        }
        trusted.count++;
    }
    *out = trusted;
    return KDB_OK;
}

void kdbi_trusted_done(kdbi_trusted *trusted)
{
    kdb_free(trusted->ranges);
    *trusted = (kdbi_trusted){ NULL, 0 };
}

/* ---- the client ---- */

bool kdbi_trusted_has(const kdbi_trusted *trusted, const kdbi_addr *peer)
{
    for (size_t i = 0; i < trusted->count; i++) {
        if (in_range(&trusted->ranges[i], peer)) {
            return true;
        }
    }
    return kdbi_addr_is_loopback(peer);
}

/* The last address in the list that is not a trusted proxy's; else the first that is not loopback. */
static bool forwarded_client(const kdbi_trusted *trusted, kdb_sv list, kdbi_addr *out)
{
    bool found = false;
    for (kdb_sv item; kdb_sv_take_item(&list, &item);) {
        const kdbi_addr addr = kdbi_addr_parse(item);
        if (item.len == 0 || kdbi_addr_is_loopback(&addr)) {
            continue;
        }
        const bool foreign = !kdbi_trusted_has(trusted, &addr);
        if (foreign || !found) {
            *out = addr;
        }
        found = true;
    }
    return found;
}

kdbi_addr kdbi_client_addr(const kdbi_trusted *trusted, const kdbi_addr *peer, kdb_sv forwarded_for, kdb_sv real_ip)
{
    kdbi_addr client = *peer;
    if ((forwarded_for.len == 0 && real_ip.len == 0) || !kdbi_trusted_has(trusted, peer)) {
        return client;
    }
    if (!forwarded_client(trusted, forwarded_for, &client)) {
        (void)forwarded_client(trusted, real_ip, &client); /* else the peer itself */
    }
    return client;
}

uint64_t kdbi_addr_key(const kdbi_addr *addr)
{
    const size_t network = is_v4(addr) ? sizeof addr->bytes : sizeof addr->bytes / 2;
    return kdb_hash64(kdb_sv_of((const char *)addr->bytes, network));
}
