/* http_health.c - GET /health and GET /v1/api/healthcheck: the net thread answers, and the server can do its work. Costs next to nothing
 * and says nothing of the data. */
#include "net_int.h"

#define HEALTHY "{\"status\":\"healthy\""

kdb_sv kdbi_health_body(const char *version, const char *build_date)
{
    kdb_buf body;
    kdb_buf_init(&body, 0);
    kdb_buf_append_lit(&body, HEALTHY ",\"version\":");
    kdb_json_put_string(&body, kdb_sv_cstr(version));
    kdb_buf_append_lit(&body, ",\"api_version\":\"v1\",\"build_date\":");
    kdb_json_put_string(&body, kdb_sv_cstr(build_date));
    kdb_buf_append_byte(&body, '}');
    return kdb_buf_sv(&body);
}

/* The same, with the reason. */
static void respond_unhealthy(kdbi_call *call, const char *reason)
{
    const kdb_sv healthy = call->api->set.health;
    const size_t cut = sizeof(HEALTHY) - 1;
    kdb_buf body;
    kdb_buf_init(&body, 0);
    kdb_buf_append_lit(&body, "{\"status\":\"unhealthy\",\"reason\":");
    kdb_json_put_string(&body, kdb_sv_cstr(reason));
    kdb_buf_append_sv(&body, kdb_sv_of(healthy.ptr + cut, healthy.len - cut));
    kdbi_respond_copy(call->loop, call->req, 503, kdb_buf_sv(&body));
    kdb_buf_done(&body);
}

void kdbi_get_health(kdbi_call *call)
{
    kdb_err err;
    if (kdb_core_check(call->api->core, &err) == KDB_OK) {
        kdbi_respond(call->loop, call->req, 200, call->api->set.health);
    } else {
        respond_unhealthy(call, err.text);
    }
}
