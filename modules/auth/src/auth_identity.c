/* auth_identity.c - which account a subject of another issuer is. `auth_data` of an OAuth account names both; the issuer by its
 * name in the configuration ("google") or by its URL. A subject means something together with its issuer only. */
#include "auth_int.h"

enum { PROVISIONED_ID_BYTES = 16 };

/* Length first, so that no two pairs look the same. */
static kdb_sv identity_key(kdb_sv provider, kdb_sv subject, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%zu:%.*s%.*s", provider.len, KDB_SV_ARG(provider), KDB_SV_ARG(subject));
}

static kdb_sv text_of(const kdb_json *object, kdb_sv name)
{
    const kdb_json *member = kdb_json_lookup(object, name);
    return member != NULL && member->kind == KDB_JSON_STRING ? member->string : (kdb_sv){ NULL, 0 };
}

/* Empty for an account that has none. */
static kdb_sv identity_of(const kdb_user *user, kdb_arena *arena)
{
    kdb_json *json;
    if (user->auth_type != KDB_AUTH_OAUTH || kdb_json_parse(user->auth_data, arena, &json, NULL) != KDB_OK ||
        json->kind != KDB_JSON_OBJECT) {
        return (kdb_sv){ NULL, 0 };
    }
    const kdb_sv provider = text_of(json, KDB_SV("provider"));
    const kdb_sv issuer = provider.len != 0 ? provider : text_of(json, KDB_SV("issuer"));
    const kdb_sv subject = text_of(json, KDB_SV("subject"));
    return issuer.len == 0 || subject.len == 0 ? (kdb_sv){ NULL, 0 } : identity_key(issuer, subject, arena);
}

void kdbi_identity_show(kdb_auth *auth, kdbi_account *account)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv key = identity_of(account->user, arena);
    if (key.len != 0 && kdb_map_lookup(auth->identities, key) == NULL) {
        (void)kdb_map_put(auth->identities, key, account);
    }
}

void kdbi_identity_hide(kdb_auth *auth, const kdbi_account *account)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv key = identity_of(account->user, arena);
    if (key.len != 0 && kdb_map_lookup(auth->identities, key) == account) {
        (void)kdb_map_remove(auth->identities, key);
    }
}

kdb_status kdbi_identity_check_new(kdb_auth *auth, const kdb_user *user, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv key = identity_of(user, arena);
    kdb_mutex_lock(&auth->lock);
    const bool taken = key.len != 0 && kdb_map_lookup(auth->identities, key) != NULL;
    kdb_mutex_unlock(&auth->lock);
    return taken ? KDB_FAIL(err, KDB_ALREADY_EXISTS, "Another user has this provider and subject") : KDB_OK;
}

bool kdbi_identity_lookup(kdb_auth *auth, const kdbi_issuer *issuer, kdb_sv subject, kdb_arena *arena, kdb_sv *id)
{
    const kdb_sv by_url = identity_key(issuer->url, subject, arena);
    const kdb_sv by_name = identity_key(issuer->name, subject, arena);
    kdb_mutex_lock(&auth->lock);
    const kdbi_account *account = kdb_map_lookup(auth->identities, by_url);
    if (account == NULL) {
        account = kdb_map_lookup(auth->identities, by_name);
    }
    if (account != NULL) {
        *id = kdbi_account_id(account); /* fixed, and never freed before the auth object */
    }
    kdb_mutex_unlock(&auth->lock);
    return account != NULL;
}

/* ---- accounts made at first sight ---- */

/* "oidc:google:1234" where that is a user id, else the same with a digest of the subject. */
static kdb_status provisioned_id(const kdbi_issuer *issuer, kdb_sv subject, kdb_arena *arena, kdb_sv *out, kdb_err *err)
{
    kdb_sv digest;
    *out = kdb_sv_printf(arena, "oidc:%.*s:%.*s", KDB_SV_ARG(issuer->name), KDB_SV_ARG(subject));
    if (kdb_auth_check_user_id(*out, NULL) == KDB_OK) {
        return KDB_OK;
    }
    KDB_TRY(kdbi_session_key_of_text(identity_key(issuer->url, subject, arena), arena, &digest, err));
    *out = kdb_sv_printf(arena, "oidc:%.*s", 2 * PROVISIONED_ID_BYTES, digest.ptr);
    return KDB_OK;
}

static kdb_sv auth_data(const kdbi_issuer *issuer, kdb_sv subject, kdb_arena *arena)
{
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_buf_append_lit(&json, "{\"provider\":");
    kdb_json_put_string(&json, issuer->url);
    kdb_buf_append_lit(&json, ",\"subject\":");
    kdb_json_put_string(&json, subject);
    kdb_buf_append_byte(&json, '}');
    const kdb_sv text = kdb_sv_dup(arena, kdb_buf_sv(&json));
    kdb_buf_done(&json);
    return text;
}

/* What the token says, unless it says that nobody has checked it. */
static kdb_sv email_of(const kdb_json *claims)
{
    const kdb_json *verified = kdb_json_lookup(claims, KDB_SV("email_verified"));
    const kdb_sv email = text_of(claims, KDB_SV("email"));
    const bool usable = (verified == NULL || (verified->kind == KDB_JSON_BOOL && verified->boolean)) &&
                        kdbi_auth_check_email(email, NULL) == KDB_OK;
    return usable ? email : (kdb_sv){ NULL, 0 };
}

static kdb_status refused(kdb_err *err)
{
    return KDB_FAIL(err, KDB_INVALID_CREDENTIALS, "Invalid credentials");
}

typedef struct provisioned {
    kdb_auth *auth;
    const kdb_user *user;
} provisioned;

static kdb_status commit_provisioned(void *self, kdb_batch *batch, kdb_err *err)
{
    const provisioned *made = self;
    return made->auth->commit_provisioned(made->auth->commit_self, made->user, batch, err);
}

/* Another request of the same person may have been first. */
static kdb_status provision_in_change(kdb_auth *auth, const kdbi_issuer *issuer, const kdb_user *user, kdb_sv subject,
                                      kdb_arena *arena, kdb_sv *id, kdb_err *err)
{
    if (kdbi_identity_lookup(auth, issuer, subject, arena, id)) {
        return KDB_OK;
    }
    provisioned made = { auth, user };
    const kdb_commit_with with = { commit_provisioned, &made };
    const kdb_principal nobody = { .role = KDB_ROLE_SYSTEM, /* no admin has asked for it */
                                   .with = auth->commit_provisioned == NULL ? NULL : &with };
    const kdb_status status = kdbi_auth_create_in_change(auth, &nobody, user, err);
    if (status == KDB_ALREADY_EXISTS) { /* somebody else has the name */
        kdb_log_warn("account not made, its name is taken user=%.*s", KDB_SV_ARG(user->id.text));
        return refused(err);
    }
    KDB_TRY(status);
    kdb_log_info("account made at first sign-in user=%.*s issuer=%.*s", KDB_SV_ARG(user->id.text),
                 KDB_SV_ARG(issuer->url));
    *id = user->id.text;
    return KDB_OK;
}

kdb_status kdbi_identity_provision(kdb_auth *auth, const kdbi_issuer *issuer, kdb_sv subject, const kdb_json *claims,
                                   kdb_arena *arena, kdb_sv *id, kdb_err *err)
{
    kdb_user user = kdbi_user_new((kdb_user_id){ { NULL, 0 } }, auth->provision_role, KDB_AUTH_OAUTH);
    KDB_TRY(provisioned_id(issuer, subject, arena, &user.id.text, err));
    user.auth_data = auth_data(issuer, subject, arena);
    user.email = email_of(claims);
    kdbi_auth_change_begin(auth);
    const kdb_status status = provision_in_change(auth, issuer, &user, subject, arena, id, err);
    kdbi_auth_change_end(auth);
    return status;
}
