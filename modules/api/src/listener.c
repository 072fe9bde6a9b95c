/* listener.c - the sockets that the server listens on: one per address that server.host stands for (localhost is two). */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_int.h"

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t len = sizeof at;
    memset(&at, 0, sizeof at);
    if (getsockname(fd, &at.any, &len) != 0) {
        return 0;
    }
    return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

static void set_port(struct sockaddr *sa, uint16_t port)
{
    if (sa->sa_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)sa)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)(void *)sa)->sin_port = htons(port);
    }
}

static kdb_status listen_on(const struct addrinfo *at, uint16_t port, int backlog, int *out)
{
    const int on = 1;
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return KDB_IO;
    }
    set_port(at->ai_addr, port);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->ai_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, backlog) != 0) {
        const int reason = errno;
        (void)close(fd);
        errno = reason;
        return KDB_IO;
    }
    *out = fd;
    return KDB_OK;
}

/* A machine without IPv6 still resolves localhost to ::1, so an address that is not ours is passed over. */
static bool may_skip(int reason)
{
    return reason == EADDRNOTAVAIL || reason == EAFNOSUPPORT;
}

static kdb_status listen_on_all(kdb_api *api, const struct addrinfo *first, kdb_sv host, uint16_t port, int backlog,
                                kdb_err *err)
{
    int reason = 0;
    for (const struct addrinfo *at = first; at != NULL && api->nlisteners < KDBI_LISTENERS_MAX; at = at->ai_next) {
        if (listen_on(at, api->nlisteners == 0 ? port : api->port, backlog, &api->listeners[api->nlisteners]) ==
            KDB_OK) {
            api->port = port_of(api->listeners[api->nlisteners]);
            api->nlisteners++;
            continue;
        }
        reason = errno;
        if (!may_skip(reason)) {
            break;
        }
    }
    if (api->nlisteners == 0 || (reason != 0 && !may_skip(reason))) {
        return KDB_FAIL(err, KDB_IO, "cannot listen on %.*s port %u: %s", KDB_SV_ARG(host), port, strerror(reason));
    }
    return KDB_OK;
}

kdb_status kdbi_listen(kdb_api *api, kdb_sv host, uint16_t port, int backlog, kdb_err *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *found = NULL;
    char *name = kdb_sv_heap_cstr(host);
    const int failure = getaddrinfo(name, "0", &hints, &found);
    kdb_free(name);
    if (failure != 0) {
        return KDB_FAIL(err, KDB_IO, "cannot resolve server.host `%.*s`: %s", KDB_SV_ARG(host), gai_strerror(failure));
    }
    const kdb_status status = listen_on_all(api, found, host, port, backlog, err);
    freeaddrinfo(found);
    return status;
}
