/* http_auth.c - the auth endpoints (wire-protocol.md 4). Passwords are checked on auth's hashing threads; the exchange waits
 * for them as it waits for workers. Tokens travel in the body and in cookies that scripts cannot read. */
#include <string.h>
#include <time.h>

#include "net_int.h"

enum { USER_MAX = 128, PASSWORD_MAX = 256, EMAIL_MAX = 320 };

#define ACCESS_COOKIE "kalamdb_auth"
#define REFRESH_COOKIE "kalamdb_refresh"

/* ---- what comes in ---- */

typedef struct credentials {
    kdb_sv user, password, root_password, email;
} credentials;

/* One member that a body may have. Two rows for one field: either name will do. */
typedef struct field {
    const char *name;
    size_t offset;
    size_t max;
    bool required; /* unless another row of the same field was there */
} field;

#define FIELD(name, member, max, required)                                                                             \
    {                                                                                                                  \
        (name), offsetof(credentials, member), (max), (required)                                                       \
    }
static const field login_fields[] = {
    FIELD("user", user, USER_MAX, true),
    FIELD("username", user, USER_MAX, true),
    FIELD("password", password, PASSWORD_MAX, true),
};
static const field setup_fields[] = {
    FIELD("user", user, USER_MAX, true),
    FIELD("username", user, USER_MAX, true),
    FIELD("password", password, PASSWORD_MAX, true),
    FIELD("root_password", root_password, PASSWORD_MAX, true),
    FIELD("email", email, EMAIL_MAX, false),
};

static kdb_sv *field_in(credentials *in, const field *f)
{
    return (kdb_sv *)(void *)((char *)in + f->offset);
}

static kdb_status read_member(const kdb_json *member, const field *fields, size_t nfields, credentials *out,
                              kdb_err *err)
{
    for (size_t i = 0; i < nfields; i++) {
        const field *f = &fields[i];
        if (!kdb_sv_eq(member->key, kdb_sv_cstr(f->name))) {
            continue;
        }
        if (member->kind == KDB_JSON_NULL && !f->required) {
            return KDB_OK;
        }
        if (member->kind != KDB_JSON_STRING) {
            return KDB_FAIL(err, KDB_INVALID, "`%s` must be a string", f->name);
        }
        if (member->string.len > f->max) {
            return KDB_FAIL(err, KDB_INVALID, "`%s` is too long (maximum %zu bytes)", f->name, f->max);
        }
        *field_in(out, f) = member->string.ptr == NULL ? KDB_SV("") : member->string;
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_INVALID, "unknown field `%.*s`", KDB_SV_ARG(member->key));
}

static kdb_status read_body(const kdbi_call *call, const field *fields, size_t nfields, kdb_arena *arena,
                            credentials *out, kdb_err *err)
{
    kdb_json *body = NULL;
    if (kdb_json_parse(kdb_sv_of(call->req->entity.base, call->req->entity.len), arena, &body, err) != KDB_OK) {
        kdb_err_context(err, "The request body is not valid JSON");
        return KDB_INVALID;
    }
    if (body->kind != KDB_JSON_OBJECT) {
        return KDB_FAIL(err, KDB_INVALID, "The request body must be a JSON object");
    }
    *out = (credentials){ { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
    for (const kdb_json *member = body->child; member != NULL; member = member->next) {
        KDB_TRY(read_member(member, fields, nfields, out, err));
    }
    for (size_t i = 0; i < nfields; i++) {
        if (fields[i].required && field_in(out, &fields[i])->ptr == NULL) {
            return KDB_FAIL(err, KDB_INVALID, "missing field `%s`", fields[i].name);
        }
    }
    return KDB_OK;
}

/* The value of a cookie, as sent; an empty view when there is none. */
static kdb_sv find_cookie(const h2o_req_t *req, kdb_sv name)
{
    for (ssize_t at = -1; (at = h2o_find_header(&req->headers, H2O_TOKEN_COOKIE, at)) != -1;) {
        kdb_sv rest = kdb_sv_of(req->headers.entries[at].value.base, req->headers.entries[at].value.len);
        while (rest.len > 0) {
            const char *end = memchr(rest.ptr, ';', rest.len);
            const size_t len = end == NULL ? rest.len : (size_t)(end - rest.ptr);
            const kdb_sv pair = kdb_sv_trim(kdb_sv_of(rest.ptr, len));
            if (pair.len > name.len && pair.ptr[name.len] == '=' && kdb_sv_has_prefix(pair, name)) {
                return kdb_sv_of(pair.ptr + name.len + 1, pair.len - name.len - 1);
            }
            rest = end == NULL ? kdb_sv_of(NULL, 0) : kdb_sv_of(end + 1, rest.len - len - 1);
        }
    }
    return kdb_sv_of(NULL, 0);
}

/* ---- what goes out ---- */

static void put_time(kdb_buf *out, const char *name, int64_t us)
{
    char text[40];
    const size_t len = kdb_rfc3339_format(us, text);
    kdb_buf_printf(out, ",\"%s\":\"%.*s\"", name, (int)len, text);
}

static void put_text(kdb_buf *out, const char *lead, kdb_sv text)
{
    kdb_buf_append_sv(out, kdb_sv_cstr(lead));
    kdb_json_put_string(out, text);
}

/* `id` and `username` are one and the same; older clients read the second. */
static void put_user(kdb_buf *out, const kdb_user *user)
{
    put_text(out, "{\"user\":{\"id\":", user->id.text);
    put_text(out, ",\"username\":", user->id.text);
    kdb_buf_printf(out, ",\"role\":\"%s\"", kdb_role_name(user->role));
    if (user->email.len > 0) {
        put_text(out, ",\"email\":", user->email);
    } else {
        kdb_buf_append_lit(out, ",\"email\":null");
    }
    put_time(out, "created_at", user->created_us);
    put_time(out, "updated_at", user->updated_us);
    kdb_buf_append_byte(out, '}');
}

static void put_admin_access(kdb_buf *out, const kdb_user *user)
{
    kdb_buf_printf(out, ",\"admin_ui_access\":%s", kdb_role_is_admin(user->role) ? "true" : "false");
}

static void put_pair(kdb_buf *out, const kdb_token_pair *pair)
{
    put_user(out, &pair->user);
    put_admin_access(out, &pair->user);
    put_time(out, "expires_at", pair->access_expires_us);
    put_text(out, ",\"access_token\":", pair->access);
    put_text(out, ",\"refresh_token\":", pair->refresh);
    put_time(out, "refresh_expires_at", pair->refresh_expires_us);
    kdb_buf_append_byte(out, '}');
}

/* `Secure` cookies do not come back over plain HTTP: the client came over TLS to us, or to the proxy in front. */
static bool came_over_tls(const kdbi_loop *loop, h2o_req_t *req)
{
    const kdbi_settings *set = &loop->api->set;
    if (loop->accept.ssl_ctx != NULL) {
        return true;
    }
    return kdbi_trusted_has(&set->trusted, &kdbi_conn_of(req)->peer) &&
           kdb_sv_ieq(kdbi_header_by_name(req, KDB_SV("x-forwarded-proto")), KDB_SV("https"));
}

static void set_cookie(kdbi_loop *loop, h2o_req_t *req, const char *name, kdb_sv value, int64_t expires_us)
{
    const time_t expires = (time_t)(expires_us / 1000000);
    struct tm tm;
    char date[40];
    (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&expires, &tm));
    kdb_buf text;
    kdb_buf_init(&text, 0);
    kdb_buf_printf(&text, "%s=%.*s; Path=/; HttpOnly; SameSite=Strict; Expires=%s%s", name, KDB_SV_ARG(value), date,
                   loop->api->set.cookie_secure && came_over_tls(loop, req) ? "; Secure" : "");
    h2o_iovec_t copy = h2o_strdup(&req->pool, text.ptr, text.len);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_SET_COOKIE, NULL, copy.base, copy.len);
    kdb_buf_done(&text);
}

/* The exchange's body becomes the answer. */
static void send_pair(kdbi_exchange *ex, const kdb_token_pair *pair)
{
    set_cookie(ex->loop, ex->req, ACCESS_COOKIE, pair->access, pair->access_expires_us);
    set_cookie(ex->loop, ex->req, REFRESH_COOKIE, pair->refresh, pair->refresh_expires_us);
    put_pair(kdbi_exchange_out(ex), pair);
    kdbi_exchange_send(ex, 200);
}

/* ---- jobs on the hashing threads ---- */

/* What of a job is worth a record: sign-ins of admins, set-ups, all failures of both, and what else auth found. */
static kdb_audit_action audited_action(const kdb_auth_job *job, kdb_status status)
{
    const bool failed = status != KDB_OK;
    switch (job->news) {
    case KDB_AUTH_TOKEN_REUSED:
        return KDB_AUDIT_LOGIN_FAILED;
    case KDB_AUTH_ACCOUNT_MADE:
        return KDB_AUDIT_CREATE_USER;
    case KDB_AUTH_NO_NEWS:
        break;
    }
    if (status == KDB_CANCELLED) { /* not even tried */
        return KDB_AUDIT_NONE;
    }
    switch (job->kind) {
    case KDB_AUTH_LOGIN:
        return failed                                   ? KDB_AUDIT_LOGIN_FAILED
               : kdb_role_is_admin(job->pair.user.role) ? KDB_AUDIT_LOGIN
                                                        : KDB_AUDIT_NONE;
    case KDB_AUTH_SETUP:
        return failed ? KDB_AUDIT_LOGIN_FAILED : KDB_AUDIT_SETUP;
    case KDB_AUTH_HASH:
    case KDB_AUTH_REFRESH:
    case KDB_AUTH_VERIFY:
    case KDB_AUTH_LOGOUT:
        break;
    }
    return KDB_AUDIT_NONE;
}

static kdb_sv audited_details(const kdb_auth_job *job, kdb_status status, const kdb_err *err, kdb_arena *arena)
{
    switch (job->news) {
    case KDB_AUTH_TOKEN_REUSED:
        return KDB_SV("A used refresh token came again; the sign-in was ended");
    case KDB_AUTH_ACCOUNT_MADE:
        return KDB_SV("First sight of a token of another issuer");
    case KDB_AUTH_NO_NEWS:
        break;
    }
    if (status == KDB_OK) {
        return kdb_sv_of(NULL, 0);
    }
    return kdb_sv_printf(arena, "%s%s", job->kind == KDB_AUTH_SETUP ? "Set-up: " : "", err->text);
}

/* On auth's thread, before the answer. A failure costs the same commit for users that are there and for those that are
 * not. */
static void audit_job(kdbi_exchange *ex, kdb_audit_action action, kdb_status status, const kdb_err *err)
{
    const kdb_auth_job *job = &ex->job;
    const kdb_sv user = job->news == KDB_AUTH_NO_NEWS ? job->user : job->news_of;
    const kdb_audit_record record = { .action = action,
                                      .actor = user,
                                      .target = kdb_sv_printf(ex->arena, "user:%.*s", KDB_SV_ARG(user)),
                                      .details = audited_details(job, status, err, ex->arena),
                                      .address = ex->request.address };
    kdb_err ignored;
    if (kdb_audit_commit(ex->loop->api->audit, &record, 1, NULL, &ignored) != KDB_OK) {
        kdb_log_error("sign-in not recorded err=\"%s\"", ignored.text);
    }
}

static void on_job_done(kdb_auth_job *job, kdb_status status, const kdb_err *err)
{
    kdbi_exchange *ex = KDB_CONTAINER_OF(job, kdbi_exchange, job);
    const kdb_audit_action action = audited_action(job, status);
    if (action != KDB_AUDIT_NONE) {
        audit_job(ex, action, status, err);
    }
    ex->job_err.status = KDB_OK;
    if (status != KDB_OK) {
        ex->job_err = *err;
        ex->job_err.status = status;
    }
    kdbi_exchange_finish(ex, false);
}

bool kdbi_job_succeeded(kdbi_exchange *ex, kdbi_call *call)
{
    if (ex->job_err.status == KDB_OK) {
        return true;
    }
    kdbi_exchange_take_back(ex);
    kdbi_respond_failure(call, &ex->job_err);
    return false;
}

void kdbi_job_submit(kdbi_call *call, kdbi_exchange *ex, const kdb_auth_job *job, void (*answer)(kdbi_exchange *ex))
{
    ex->job = *job;
    ex->job.from_loopback = kdbi_call_is_local(call);
    ex->job.arena = ex->arena;
    ex->job.done = on_job_done;
    ex->request.address = kdbi_call_addr(call);
    kdbi_exchange_hand_out(ex, answer);
    kdb_err err;
    if (kdb_auth_submit(call->api->auth, &ex->job, &err) != KDB_OK) {
        kdbi_exchange_take_back(ex);
        kdbi_respond_failure(call, &err);
    }
}

/* Of an endpoint of this file, whose job is over. */
static kdbi_call call_of(kdbi_exchange *ex)
{
    return (kdbi_call){
        .api = ex->loop->api, .loop = ex->loop, .conn = kdbi_conn_of(ex->req), .req = ex->req, .errors = KDBI_ERROR_AUTH
    };
}

static bool job_succeeded(kdbi_exchange *ex)
{
    kdbi_call call = call_of(ex);
    return kdbi_job_succeeded(ex, &call);
}

static kdb_status check_rate(const kdbi_call *call, kdb_err *err)
{
    const kdbi_addr addr = kdbi_call_addr(call);
    if (!kdbi_rate_limit_take(call->api->signins, kdbi_addr_key(&addr), kdb_monotonic_us())) {
        return KDB_FAIL(err, KDB_RATE_LIMITED, "Too many attempts; try again shortly");
    }
    return KDB_OK;
}

/* ---- the endpoints ---- */

static void answer_pair(kdbi_exchange *ex)
{
    if (job_succeeded(ex)) {
        send_pair(ex, &ex->job.pair);
    }
}

void kdbi_post_login(kdbi_call *call)
{
    kdbi_exchange *ex = kdbi_exchange_new(call->loop, call->req);
    credentials in;
    kdb_err err;
    if (check_rate(call, &err) != KDB_OK ||
        read_body(call, login_fields, KDB_ARRAY_LEN(login_fields), ex->arena, &in, &err) != KDB_OK) {
        kdbi_respond_failure(call, &err);
        return;
    }
    const kdb_auth_job job = { .kind = KDB_AUTH_LOGIN, .user = in.user, .password = in.password };
    kdbi_job_submit(call, ex, &job, answer_pair);
}

static void answer_setup(kdbi_exchange *ex)
{
    if (ex->job_err.status == KDB_INVALID) {
        kdbi_exchange_take_back(ex);
        kdbi_respond_auth_error(ex->loop, ex->req, 400, "invalid_user", kdb_sv_cstr(ex->job_err.text));
        return;
    }
    if (!job_succeeded(ex)) {
        return;
    }
    kdb_buf *out = kdbi_exchange_out(ex);
    put_user(out, &ex->job.created);
    kdb_buf_append_lit(out, ",\"message\":\"Setup complete; sign in with the new account\"}");
    kdbi_exchange_send(ex, 200);
}

static kdb_status check_setup_place(const kdbi_call *call, kdb_err *err)
{
    if (!call->api->set.remote_setup && !kdbi_call_is_local(call)) {
        return KDB_FAIL(err, KDB_REMOTE_DENIED, "Access denied");
    }
    return KDB_OK;
}

void kdbi_post_setup(kdbi_call *call)
{
    kdbi_exchange *ex = kdbi_exchange_new(call->loop, call->req);
    credentials in;
    kdb_err err;
    if (check_setup_place(call, &err) != KDB_OK || check_rate(call, &err) != KDB_OK ||
        read_body(call, setup_fields, KDB_ARRAY_LEN(setup_fields), ex->arena, &in, &err) != KDB_OK) {
        kdbi_respond_failure(call, &err);
        return;
    }
    const kdb_auth_job job = { .kind = KDB_AUTH_SETUP,
                               .user = in.user,
                               .password = in.password,
                               .root_password = in.root_password,
                               .email = in.email };
    kdbi_job_submit(call, ex, &job, answer_setup);
}

/* The cookie, else the Bearer header. */
static kdb_status refresh_token(const kdbi_call *call, kdb_sv *out, kdb_err *err)
{
    *out = find_cookie(call->req, KDB_SV(REFRESH_COOKIE));
    return out->len > 0 ? KDB_OK : kdbi_bearer_token(call->req, out, err);
}

void kdbi_post_refresh(kdbi_call *call)
{
    kdbi_exchange *ex = kdbi_exchange_new(call->loop, call->req);
    kdb_auth_job job = { .kind = KDB_AUTH_REFRESH };
    kdb_err err;
    if (check_rate(call, &err) != KDB_OK || refresh_token(call, &job.tokens[0], &err) != KDB_OK) {
        kdbi_respond_failure(call, &err);
        return;
    }
    kdbi_job_submit(call, ex, &job, answer_pair);
}

kdb_status kdbi_access_token(const kdbi_call *call, kdb_sv *out, kdb_err *err)
{
    const kdb_status status = kdbi_bearer_token(call->req, out, err);
    if (status == KDB_MISSING_AUTHORIZATION) {
        *out = find_cookie(call->req, KDB_SV(ACCESS_COOKIE));
        return out->len > 0 ? KDB_OK : status;
    }
    return status;
}

static void respond_signed_out(kdbi_exchange *ex)
{
    kdbi_respond(ex->loop, ex->req, 200, KDB_SV("{\"message\":\"Logged out successfully\"}"));
}

static void answer_logout(kdbi_exchange *ex)
{
    if (job_succeeded(ex)) {
        kdbi_exchange_take_back(ex);
        respond_signed_out(ex);
    }
}

/* Whoever holds a token may end it; who holds none has nothing to end. */
void kdbi_post_logout(kdbi_call *call)
{
    kdbi_exchange *ex = kdbi_exchange_new(call->loop, call->req);
    kdb_auth_job job = { .kind = KDB_AUTH_LOGOUT, .tokens[1] = find_cookie(call->req, KDB_SV(REFRESH_COOKIE)) };
    set_cookie(call->loop, call->req, ACCESS_COOKIE, KDB_SV(""), 0);
    set_cookie(call->loop, call->req, REFRESH_COOKIE, KDB_SV(""), 0);
    if (kdbi_access_token(call, &job.tokens[0], NULL) != KDB_OK && job.tokens[1].len == 0) {
        respond_signed_out(ex);
        return;
    }
    kdbi_job_submit(call, ex, &job, answer_logout);
}

static void respond_me(kdbi_exchange *ex, const kdb_user *user)
{
    kdb_buf *out = kdbi_exchange_out(ex);
    put_user(out, user);
    put_admin_access(out, user);
    kdb_buf_append_byte(out, '}');
    kdbi_respond_copy(ex->loop, ex->req, 200, kdb_buf_sv(out));
}

static void answer_me(kdbi_exchange *ex)
{
    kdbi_call call = call_of(ex);
    kdb_user user;
    kdb_err err;
    if (!kdbi_job_succeeded(ex, &call)) {
        return;
    }
    kdbi_exchange_take_back(ex);
    if (kdb_auth_find_user(call.api->auth, ex->job.who.user, ex->arena, &user, &err) != KDB_OK) {
        kdbi_respond_failure(&call, &err);
        return;
    }
    respond_me(ex, &user);
}

void kdbi_get_me(kdbi_call *call)
{
    kdbi_exchange *ex = kdbi_exchange_new(call->loop, call->req);
    kdb_auth_job job = { .kind = KDB_AUTH_VERIFY };
    kdb_user user;
    kdb_err err;
    kdb_status status = kdbi_access_token(call, &job.tokens[0], &err);
    if (status == KDB_OK) {
        status = kdb_auth_me(call->api->auth, job.tokens[0], ex->arena, &user, &err);
    }
    if (status == KDB_WOULD_BLOCK) {
        kdbi_job_submit(call, ex, &job, answer_me);
    } else if (status != KDB_OK) {
        kdbi_respond_failure(call, &err);
    } else {
        respond_me(ex, &user);
    }
}

void kdbi_get_status(kdbi_call *call)
{
    const bool needed = kdb_auth_needs_setup(call->api->auth);
    kdbi_respond(call->loop, call->req, 200,
                 needed ? KDB_SV("{\"needs_setup\":true,\"message\":\"Set-up is still to be done\"}")
                        : KDB_SV("{\"needs_setup\":false,\"message\":\"Set-up has been done\"}"));
}
