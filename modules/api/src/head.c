/* head.c - looks at the bytes of a request's head for what H2O lets pass and a proxy in front might read otherwise: then the
 * two would not agree where a request ends, and one client's bytes would become another's request (RFC 9112, 11.2). */
#include <string.h>

#include "api_int.h"

/* What headers say how often. */
typedef struct counts {
    unsigned lengths, hosts;
    bool chunked;
} counts;

static void count_header(kdb_sv line, counts *seen)
{
    switch (line.ptr[0]) { /* H2O has made names lower case */
    case 'c':
        seen->lengths += kdb_sv_has_prefix(line, KDB_SV("content-length:")) ? 1 : 0;
        return;
    case 'h':
        seen->hosts += kdb_sv_has_prefix(line, KDB_SV("host:")) ? 1 : 0;
        return;
    case 't':
        if (kdb_sv_has_prefix(line, KDB_SV("transfer-encoding:"))) {
            seen->lengths++;
            seen->chunked = true;
        }
        return;
    default:
        return;
    }
}

static const char *fault_of(const counts *seen, int version)
{
    if (seen->lengths > 1) {
        return "The request says its length twice";
    }
    if (seen->chunked && version < 0x101) {
        return "HTTP/1.0 has no Transfer-Encoding";
    }
    if (seen->hosts > 1) {
        return "The request names two hosts";
    }
    return seen->hosts == 0 && version >= 0x101 ? "The request names no host" : NULL;
}

/* The line at *at without its end, which *at moves behind; `fault` says what is wrong with the end. */
static kdb_sv next_line(const char **at, const char *end, const char **fault)
{
    const char *start = *at;
    const char *newline = memchr(start, '\n', (size_t)(end - start));
    if (newline == NULL) {
        *fault = "The head of the request has no end";
        return kdb_sv_of(start, 0);
    }
    *at = newline + 1;
    if (newline == start || newline[-1] != '\r') {
        *fault = "A line of the request does not end with CR LF";
        return kdb_sv_of(start, 0);
    }
    return kdb_sv_of(start, (size_t)(newline - start) - 1);
}

kdbi_head kdbi_head_check(kdb_sv input, int version)
{
    const char *at = input.ptr;
    const char *end = input.ptr + input.len;
    kdbi_head head = { 0 };
    counts seen = { 0 };
    kdb_sv line;
    if (next_line(&at, end, &head.fault).len == 0 && head.fault == NULL) {
        (void)next_line(&at, end, &head.fault); /* an empty line before the first is to be overlooked */
    }
    while (head.fault == NULL && (line = next_line(&at, end, &head.fault)).len > 0) {
        if (line.ptr[0] == ' ' || line.ptr[0] == '\t') {
            head.fault = "A header goes on in a second line";
            break;
        }
        count_header(line, &seen);
    }
    head.bytes = (size_t)(at - input.ptr);
    head.chunked = seen.chunked;
    head.fault = head.fault != NULL ? head.fault : fault_of(&seen, version);
    return head;
}

bool kdbi_head_is_complete(kdb_sv input)
{
    return memmem(input.ptr, input.len, "\r\n\r\n", 4) != NULL || memmem(input.ptr, input.len, "\n\n", 2) != NULL;
}
