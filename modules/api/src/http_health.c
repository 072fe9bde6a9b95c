/* http_health.c - GET /health and GET /v1/api/healthcheck: the process runs and its net thread answers. Static, so that it
 * costs nothing and says nothing of the data. */
#include "net_int.h"

void kdbi_get_health(kdbi_call *call)
{
    kdbi_respond(call->loop, call->req, 200, call->api->set.health);
}
