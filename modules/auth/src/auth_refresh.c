/* auth_refresh.c - the ends of tokens: a refresh token is used up by its use, and a sign-out ends all that came of a sign-in.
 * On the tokens thread, within a change, so that of two uses of one token one is the first. */
#include "auth_int.h"

static kdb_status refused(kdb_err *err)
{
    return KDB_FAIL(err, KDB_INVALID_CREDENTIALS, "Invalid credentials");
}

/* ---- refresh ---- */

/* An answer may be lost, and the pages of one browser refresh at the same moment with the same cookie. */
static bool is_reuse_forgiven(const kdb_auth *auth, const kdbi_session *session, uint32_t generation)
{
    int64_t since_us = kdb_now_us() - session->rotated_us;
    return generation + 1 == session->generation && since_us <= auth->refresh_reuse_seconds * 1000000;
}

/* Somebody has a copy of the token, and nobody can tell who is who: both lose. */
static kdb_status end_stolen(kdb_auth *auth, const kdbi_token *token, kdbi_session *session, kdb_auth_job *job,
                             kdb_err *err)
{
    job->news = KDB_AUTH_TOKEN_REUSED;
    job->news_of = kdbi_account_id(session->account);
    kdb_log_warn("refresh token used twice, sign-in ended user=%.*s", KDB_SV_ARG(kdbi_account_id(session->account)));
    session->ended = true;
    KDB_TRY(kdbi_session_put(auth, token->session, session, err));
    return refused(err);
}

/* Moves the sign-in on; its newest generation is *generation then. */
static kdb_status use_up(kdb_auth *auth, const kdbi_token *token, kdb_auth_job *job, uint32_t *generation, kdb_err *err)
{
    kdbi_session session = kdbi_session_find(auth, token->session, token->standing.account);
    if (session.ended) {
        return refused(err);
    }
    if (token->generation < session.generation) {
        *generation = session.generation;
        return is_reuse_forgiven(auth, &session, token->generation) ? KDB_OK
                                                                    : end_stolen(auth, token, &session, job, err);
    }
    int64_t now_us = kdb_now_us();
    session.generation = token->generation + 1;
    session.rotated_us = now_us;
    session.expires_s = now_us / 1000000 + kdbi_refresh_seconds(auth);
    *generation = session.generation;
    return kdbi_session_put(auth, token->session, &session, err);
}

static kdb_status refresh_in_change(kdb_auth *auth, kdb_auth_job *job, kdb_err *err)
{
    kdbi_token token;
    uint32_t generation;
    kdb_user user;
    KDB_TRY(kdbi_token_check(auth, job->tokens[0], KDBI_TOKEN_REFRESH, job->arena, &token, err));
    KDB_TRY(use_up(auth, &token, job, &generation, err));
    if (!kdbi_auth_lookup_user(auth, kdbi_account_id(token.standing.account), job->arena, &user)) {
        return refused(err);
    }
    bool ours = token.session.len == KDBI_SESSION_ID_LEN;
    kdb_sv session = ours ? token.session : kdbi_session_new_id(job->arena);
    return kdbi_token_issue(auth, &user, session, ours ? generation : 0, job->arena, &job->pair, err);
}

kdb_status kdbi_auth_refresh(kdb_auth *auth, kdb_auth_job *job, kdb_err *err)
{
    kdbi_auth_change_begin(auth);
    kdb_status status = refresh_in_change(auth, job, err);
    kdbi_auth_change_end(auth);
    return status;
}

/* ---- sign-out ---- */

/* A token whose key is not at hand was not used here lately, and is not waited for. */
static bool is_good(kdb_auth *auth, kdb_sv text, kdb_arena *arena, kdbi_token *out)
{
    if (auth->nissuers != 0 && kdbi_outside_is(text, arena)) {
        return kdbi_outside_check(auth, text, false, arena, out, NULL) == KDB_OK;
    }
    return kdbi_token_check(auth, text, KDBI_TOKEN_ANY, arena, out, NULL) == KDB_OK;
}

static kdb_status end_sign_in(kdb_auth *auth, kdb_sv text, kdb_arena *arena, kdb_err *err)
{
    kdbi_token token;
    if (!is_good(auth, text, arena, &token)) {
        return KDB_OK;
    }
    kdbi_session session = kdbi_session_find(auth, token.session, token.standing.account);
    if (session.ended) {
        return KDB_OK;
    }
    int64_t newest_s = kdb_now_us() / 1000000 + kdbi_refresh_seconds(auth);
    session.ended = true;
    session.expires_s = token.expires_s > newest_s ? token.expires_s : newest_s;
    return kdbi_session_put(auth, token.session, &session, err);
}

kdb_status kdbi_auth_logout(kdb_auth *auth, kdb_auth_job *job, kdb_err *err)
{
    kdb_status status = KDB_OK;
    kdbi_auth_change_begin(auth);
    for (size_t i = 0; i < KDB_ARRAY_LEN(job->tokens) && status == KDB_OK; i++) {
        status = end_sign_in(auth, job->tokens[i], job->arena, err);
    }
    kdbi_auth_change_end(auth);
    return status;
}
