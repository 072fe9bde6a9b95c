/* welcome.c - what a person who starts the server is told: the address, how to sign in, the first statement. */
#include "server_int.h"

static void put_curl(const kdb_server *server, kdb_buf *out, const char *path)
{
    kdb_buf_append_lit(out, "curl -s ");
    kdbi_server_put_url(server, "http", out);
    kdb_buf_append_sv(out, kdb_sv_cstr(path));
    kdb_buf_append_lit(out, " -H 'Content-Type: application/json'");
}

static void put_setup(const kdb_server *server, kdb_buf *out)
{
    kdb_buf_append_lit(out, "\nFirst run: give root a password and make yourself an account:\n  ");
    put_curl(server, out, "/v1/api/auth/setup");
    kdb_buf_append_lit(out, " \\\n    -d '{\"user\":\"admin\",\"password\":\"choose-one\",\"root_password\":"
                            "\"choose-another\"}'\n");
}

void kdb_server_welcome(const kdb_server *server, kdb_buf *out)
{
    const bool first = kdb_auth_needs_setup(server->auth);
    kdb_buf_printf(out, "KalamDB %s is ready on ", kdb_server_version);
    kdbi_server_put_url(server, "http", out);
    kdb_buf_append_byte(out, '\n');
    if (first) {
        put_setup(server, out);
    }
    kdb_buf_append_lit(out, "\nSign in:\n  TOKEN=$(");
    put_curl(server, out, "/v1/api/auth/login");
    kdb_buf_printf(
        out,
        " \\\n    -d '{\"user\":\"%s\",\"password\":\"%s\"}' | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')"
        "\n",
        first ? "admin" : "YOUR-NAME", first ? "choose-one" : "YOUR-PASSWORD");
    kdb_buf_append_lit(out, "\nRun SQL:\n  ");
    put_curl(server, out, "/v1/api/sql");
    kdb_buf_append_lit(out, " \\\n    -H \"Authorization: Bearer $TOKEN\" -d '{\"sql\":\"SELECT NOW() AS now\"}'\n\n");
}
