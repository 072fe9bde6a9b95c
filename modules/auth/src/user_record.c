/* user_record.c - a user as bytes in partition system_users (key = user id). See record.c for the pieces.
 *
 * u8 format | u8 role | u8 auth type | u32 failed_logins | u64 locked_until_us, last_login_us, last_seen_us,
 * created_us, updated_us, deleted_us, token_epoch | text password_hash, auth_data, email */
#include "auth_int.h"

/* Codes on disk by kdb_auth_type. */
static const uint8_t auth_type_codes[] = { [KDB_AUTH_PASSWORD] = 1, [KDB_AUTH_OAUTH] = 2, [KDB_AUTH_INTERNAL] = 3 };

/* ---- writing ---- */

void kdbi_user_encode(const kdb_user *user, kdb_buf *out)
{
    kdb_buf_append_byte(out, KDBI_RECORD_FORMAT);
    kdb_buf_append_byte(out, kdbi_role_defs[user->role].code);
    kdb_buf_append_byte(out, auth_type_codes[user->auth_type]);
    kdb_record_write_u32(out, user->failed_logins);
    kdb_record_write_u64(out, (uint64_t)user->locked_until_us);
    kdb_record_write_u64(out, (uint64_t)user->last_login_us);
    kdb_record_write_u64(out, (uint64_t)user->last_seen_us);
    kdb_record_write_u64(out, (uint64_t)user->created_us);
    kdb_record_write_u64(out, (uint64_t)user->updated_us);
    kdb_record_write_u64(out, (uint64_t)user->deleted_us);
    kdb_record_write_u64(out, user->token_epoch);
    kdb_record_write_text(out, user->password_hash);
    kdb_record_write_text(out, user->auth_data);
    kdb_record_write_text(out, user->email);
}

/* ---- reading ---- */

static kdb_role read_role(kdb_record_reader *in)
{
    uint8_t code = kdb_record_read_u8(in);
    for (size_t i = 0; i < KDB_ARRAY_LEN(kdbi_role_defs); i++) {
        if (kdbi_role_defs[i].code == code) {
            return (kdb_role)i;
        }
    }
    in->failed = true;
    return KDB_ROLE_ANONYMOUS;
}

static kdb_auth_type read_auth_type(kdb_record_reader *in)
{
    uint8_t code = kdb_record_read_u8(in);
    for (size_t i = 0; i < KDB_ARRAY_LEN(auth_type_codes); i++) {
        if (auth_type_codes[i] == code) {
            return (kdb_auth_type)i;
        }
    }
    in->failed = true;
    return KDB_AUTH_PASSWORD;
}

kdb_status kdbi_user_decode(kdb_sv id, kdb_sv bytes, kdb_user *out, kdb_err *err)
{
    kdb_record_reader in = { .rest = bytes };
    kdb_user user = { .id = { id } };
    uint8_t format = kdb_record_read_u8(&in);
    user.role = read_role(&in);
    user.auth_type = read_auth_type(&in);
    user.failed_logins = kdb_record_read_u32(&in);
    user.locked_until_us = (int64_t)kdb_record_read_u64(&in);
    user.last_login_us = (int64_t)kdb_record_read_u64(&in);
    user.last_seen_us = (int64_t)kdb_record_read_u64(&in);
    user.created_us = (int64_t)kdb_record_read_u64(&in);
    user.updated_us = (int64_t)kdb_record_read_u64(&in);
    user.deleted_us = (int64_t)kdb_record_read_u64(&in);
    user.token_epoch = kdb_record_read_u64(&in);
    user.password_hash = kdb_record_read_text(&in);
    user.auth_data = kdb_record_read_text(&in);
    user.email = kdb_record_read_text(&in);
    if (in.failed || in.rest.len != 0 || format != KDBI_RECORD_FORMAT || id.len == 0 || id.len > KDBI_USER_ID_MAX) {
        return KDB_FAIL(err, KDB_CORRUPT, "bad user record of %zu bytes", bytes.len);
    }
    *out = user;
    return KDB_OK;
}

/* ---- copies ---- */

kdb_user kdbi_user_copy(const kdb_user *user, kdb_arena *arena)
{
    kdb_user copy = *user;
    copy.id.text = kdb_sv_dup(arena, user->id.text);
    copy.password_hash = kdb_sv_dup(arena, user->password_hash);
    copy.auth_data = kdb_sv_dup(arena, user->auth_data);
    copy.email = kdb_sv_dup(arena, user->email);
    return copy;
}
