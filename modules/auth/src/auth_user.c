/* auth_user.c - CREATE, ALTER and DROP USER: the rules for what a user may be, and one function per statement. Each
 * reads, checks, stores and shows within one change, so that two of them never decide on the same old state. */
#include "auth_int.h"

/* ---- what a user may be ---- */

static bool contains(kdb_sv text, kdb_sv part)
{
    return text.len != 0 && memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

kdb_status kdb_auth_check_user_id(kdb_sv id, kdb_err *err)
{
    static const struct {
        kdb_sv part;
        const char *text;
    } refused[] = {
        { { "..", 2 }, "'..' (path traversal)" },
        { { "/", 1 }, "'/' (directory separator)" },
        { { "\\", 1 }, "'\\' (directory separator)" },
        { { "\0", 1 }, "null bytes" },
    };
    if (id.len == 0) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "User ID cannot be empty");
    }
    if (id.len > KDBI_USER_ID_MAX) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "User ID is too long (%zu bytes, max %d)", id.len,
                        KDBI_USER_ID_MAX);
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(refused); i++) {
        if (contains(id, refused[i].part)) {
            return KDB_FAIL(err, KDB_INVALID_OPERATION, "User ID cannot contain %s", refused[i].text);
        }
    }
    if (!kdb_utf8_valid(id)) { /* it goes into tokens and JSON as it is */
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "User ID is not valid UTF-8");
    }
    return KDB_OK;
}

kdb_status kdbi_auth_check_new_id(kdb_auth *auth, kdb_user_id id, kdb_err *err)
{
    KDB_TRY(kdb_auth_check_user_id(id.text, err));
    kdb_mutex_lock(&auth->lock);
    bool taken = kdb_map_lookup(auth->accounts, id.text) != NULL;
    kdb_mutex_unlock(&auth->lock);
    if (taken || kdb_sv_eq(id.text, KDB_SV("system")) || kdb_sv_eq(id.text, KDB_SV("anonymous"))) {
        return KDB_FAIL(err, KDB_ALREADY_EXISTS, "User '%.*s' already exists", KDB_SV_ARG(id.text));
    }
    return KDB_OK;
}

kdb_status kdbi_auth_check_email(kdb_sv email, kdb_err *err)
{
    if (email.len > KDBI_EMAIL_MAX) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "E-mail address is too long (%zu bytes, max %d)", email.len,
                        KDBI_EMAIL_MAX);
    }
    bool printable = kdb_utf8_valid(email);
    for (size_t i = 0; i < email.len; i++) {
        printable = printable && (unsigned char)email.ptr[i] > ' ' && email.ptr[i] != 0x7f;
    }
    if (!printable) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "E-mail address contains invalid characters");
    }
    return KDB_OK;
}

/* True when the member is a string with something in it. */
static bool names_something(const kdb_json *object, kdb_sv key)
{
    const kdb_json *member = kdb_json_lookup(object, key);
    return member != NULL && member->kind == KDB_JSON_STRING && member->string.len != 0;
}

static kdb_status check_oauth_data(kdb_sv data, kdb_arena *arena, kdb_err *err)
{
    kdb_json *json;
    if (data.len > KDBI_AUTH_DATA_MAX || kdb_json_parse(data, arena, &json, NULL) != KDB_OK ||
        json->kind != KDB_JSON_OBJECT) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "OAuth user requires JSON payload with provider and subject");
    }
    if (!names_something(json, KDB_SV("provider")) && !names_something(json, KDB_SV("issuer"))) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "OAuth user requires 'provider' field");
    }
    if (!names_something(json, KDB_SV("subject"))) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "OAuth user requires 'subject' field");
    }
    return KDB_OK;
}

static kdb_status check_credentials(const kdb_user *user, kdb_arena *arena, kdb_err *err)
{
    switch (user->auth_type) {
    case KDB_AUTH_PASSWORD:
        if (user->password_hash.len == 0) {
            return KDB_FAIL(err, KDB_INVALID_OPERATION, "Password required for WITH PASSWORD");
        }
        return KDB_OK;
    case KDB_AUTH_OAUTH:
        return check_oauth_data(user->auth_data, arena, err);
    case KDB_AUTH_INTERNAL:
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_INTERNAL, "unknown kind of user %d", (int)user->auth_type);
}

static kdb_status check_grant(const kdb_principal *actor, kdb_role role, kdb_err *err)
{
    if (role == KDB_ROLE_ANONYMOUS) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Role 'anonymous' cannot be given to a user");
    }
    if (role == KDB_ROLE_SYSTEM && actor->role != KDB_ROLE_SYSTEM) {
        return KDB_FAIL(err, KDB_PERMISSION_DENIED, "DBA cannot grant System role");
    }
    return KDB_OK;
}

/* ---- making ---- */

kdb_user kdbi_user_new(kdb_user_id id, kdb_role role, kdb_auth_type auth_type)
{
    int64_t now = kdb_now_us();
    return (kdb_user){ .id = id, .role = role, .auth_type = auth_type, .created_us = now, .updated_us = now };
}

void kdbi_user_set_password(kdb_user *user, kdb_sv hash)
{
    user->password_hash = hash;
    user->failed_logins = 0;
    user->locked_until_us = 0;
    user->token_epoch++;
    user->updated_us = kdb_now_us();
}

kdb_status kdbi_auth_create_in_change(kdb_auth *auth, const kdb_principal *actor, const kdb_user *user, kdb_err *err)
{
    KDB_TRY(kdbi_auth_check_new_id(auth, user->id, err));
    kdb_user made = kdbi_user_new(user->id, user->role, user->auth_type);
    made.password_hash = user->auth_type == KDB_AUTH_PASSWORD ? user->password_hash : (kdb_sv){ NULL, 0 };
    made.auth_data = user->auth_type == KDB_AUTH_OAUTH ? user->auth_data : (kdb_sv){ NULL, 0 };
    made.email = user->email;
    KDB_TRY(kdbi_identity_check_new(auth, &made, err));
    return kdbi_auth_put_user_for(auth, actor, &made, err);
}

kdb_status kdb_auth_create_user(kdb_auth *auth, const kdb_principal *actor, const kdb_user *user, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_TRY(kdbi_auth_check_right(KDBI_RIGHT_CREATE, actor, user->id, err));
    KDB_TRY(check_grant(actor, user->role, err));
    KDB_TRY(kdbi_auth_check_email(user->email, err));
    KDB_TRY(check_credentials(user, arena, err));
    kdbi_auth_change_begin(auth);
    kdb_status status = kdbi_auth_create_in_change(auth, actor, user, err);
    kdbi_auth_change_end(auth);
    return status;
}

/* ---- changing ---- */

/* One change of one user. `apply` decides on the user as it is then. */
typedef struct edit {
    kdbi_right right;
    kdb_status (*apply)(kdb_user *user, const void *value, kdb_err *err);
    const void *value;
} edit;

static kdb_status edit_in_change(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, const edit *change,
                                 kdb_arena *arena, kdb_err *err)
{
    kdb_user user;
    if (!kdbi_auth_lookup_user(auth, id.text, arena, &user) || user.deleted_us != 0) {
        return KDB_FAIL(err, KDB_NOT_FOUND, "User '%.*s' not found", KDB_SV_ARG(id.text));
    }
    KDB_TRY(kdbi_auth_check_target(actor, user.role, err));
    KDB_TRY(change->apply(&user, change->value, err));
    user.updated_us = kdb_now_us();
    return kdbi_auth_put_user_for(auth, actor, &user, err);
}

static kdb_status edit_user(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, const edit *change,
                            kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    KDB_TRY(kdbi_auth_check_right(change->right, actor, id, err));
    kdbi_auth_change_begin(auth);
    kdb_status status = edit_in_change(auth, actor, id, change, arena, err);
    kdbi_auth_change_end(auth);
    return status;
}

static kdb_status apply_password(kdb_user *user, const void *value, kdb_err *err)
{
    if (user->auth_type == KDB_AUTH_OAUTH) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "User '%.*s' signs in with OAuth and has no password",
                        KDB_SV_ARG(user->id.text));
    }
    kdbi_user_set_password(user, *(const kdb_sv *)value);
    return KDB_OK;
}

static kdb_status apply_role(kdb_user *user, const void *value, kdb_err *err)
{
    if (kdb_sv_eq(user->id.text, KDB_SV("root"))) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "The role of user 'root' cannot be changed");
    }
    user->role = *(const kdb_role *)value;
    return KDB_OK;
}

static kdb_status apply_email(kdb_user *user, const void *value, kdb_err *err)
{
    (void)err;
    user->email = *(const kdb_sv *)value;
    return KDB_OK;
}

static kdb_status apply_drop(kdb_user *user, const void *value, kdb_err *err)
{
    (void)value;
    if (kdb_sv_eq(user->id.text, KDB_SV("root"))) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "User 'root' cannot be dropped");
    }
    user->deleted_us = kdb_now_us();
    return KDB_OK;
}

kdb_status kdb_auth_set_password(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, kdb_sv hash, kdb_err *err)
{
    KDB_ASSERT(hash.len != 0);
    const edit change = { KDBI_RIGHT_PASSWORD, apply_password, &hash };
    return edit_user(auth, actor, id, &change, err);
}

kdb_status kdb_auth_set_role(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, kdb_role role, kdb_err *err)
{
    const edit change = { KDBI_RIGHT_ROLE, apply_role, &role };
    KDB_TRY(kdbi_auth_check_right(KDBI_RIGHT_ROLE, actor, id, err));
    KDB_TRY(check_grant(actor, role, err));
    return edit_user(auth, actor, id, &change, err);
}

kdb_status kdb_auth_set_email(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, kdb_sv email, kdb_err *err)
{
    const edit change = { KDBI_RIGHT_EMAIL, apply_email, &email };
    KDB_TRY(kdbi_auth_check_right(KDBI_RIGHT_EMAIL, actor, id, err));
    KDB_TRY(kdbi_auth_check_email(email, err));
    return edit_user(auth, actor, id, &change, err);
}

kdb_status kdb_auth_drop_user(kdb_auth *auth, const kdb_principal *actor, kdb_user_id id, kdb_err *err)
{
    const edit change = { KDBI_RIGHT_DROP, apply_drop, NULL };
    return edit_user(auth, actor, id, &change, err);
}
