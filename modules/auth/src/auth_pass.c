/* auth_pass.c - a token that opened a connection, without its text: what of the account and the sign-in it rests on, and when
 * it is out of time. The account's version says whether anything has happened to it; only then is the rest compared. */
#include "auth_int.h"

struct kdb_auth_pass {
    kdbi_account *account;
    uint64_t version; /* of the account, when all below held */
    uint64_t token_epoch;
    int64_t created_us;
    int64_t expires_s;
    kdb_role role;
    uint32_t session_len;
    char session[];
};

static kdb_auth_pass *pass_of(const kdbi_token *said)
{
    kdb_auth_pass *pass = kdb_alloc(sizeof(*pass) + said->session.len);
    pass->account = said->standing.account;
    pass->version = said->standing.version;
    pass->token_epoch = said->standing.token_epoch;
    pass->created_us = said->standing.created_us;
    pass->expires_s = said->expires_s;
    pass->role = said->standing.role;
    pass->session_len = (uint32_t)said->session.len;
    memcpy(pass->session, said->session.ptr, said->session.len);
    return pass;
}

kdb_status kdb_auth_pass_new(kdb_auth *auth, kdb_sv token, kdb_auth_pass **out, kdb_err *err)
{
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdbi_token said;
    KDB_TRY(kdbi_token_verify(auth, token, arena, &said, err));
    *out = pass_of(&said);
    return KDB_OK;
}

void kdb_auth_pass_free(kdb_auth_pass *pass)
{
    kdb_free(pass);
}

kdb_principal kdb_auth_pass_who(const kdb_auth_pass *pass)
{
    return (kdb_principal){ .user = { kdbi_account_id(pass->account) }, .role = pass->role };
}

/* An account may have been dropped and made anew under its name: then it has another birthday. */
static bool still_holds(kdb_auth *auth, const kdb_auth_pass *pass, kdbi_standing *now)
{
    return kdbi_auth_standing(auth, kdbi_account_id(pass->account), now) && now->role == pass->role &&
           now->token_epoch == pass->token_epoch && now->created_us == pass->created_us &&
           !kdbi_session_find(auth, kdb_sv_of(pass->session, pass->session_len), pass->account).ended;
}

kdb_status kdb_auth_pass_check(kdb_auth *auth, kdb_auth_pass *pass, kdb_err *err)
{
    kdbi_standing now;
    if (!kdbi_token_in_time(pass->expires_s, kdb_now_us() / 1000000)) {
        return KDB_FAIL(err, KDB_TOKEN_EXPIRED, "The token has expired");
    }
    if (atomic_load(&pass->account->version) == pass->version) {
        return KDB_OK;
    }
    if (!still_holds(auth, pass, &now)) {
        return KDB_FAIL(err, KDB_INVALID_CREDENTIALS, "The token is no longer valid");
    }
    pass->version = now.version;
    return KDB_OK;
}
