/* host.c - whether server.host can be reached from elsewhere. A name other than localhost counts as reachable. */
#include <arpa/inet.h>
#include <string.h>

#include "server_int.h"

bool kdbi_host_is_local(kdb_sv host)
{
    char text[64];
    struct in_addr v4;
    struct in6_addr v6;
    if (kdb_sv_ieq(host, KDB_SV("localhost"))) {
        return true;
    }
    if (host.len >= sizeof text) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
