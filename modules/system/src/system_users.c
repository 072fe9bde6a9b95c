/* system_users.c - system.users, the soft-deleted included. A password hash is a secret and leaves for nobody, whatever
 * the role: only whether there is one shows. */
#include "system_int.h"

kdb_status kdbi_users_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    kdb_user *list = NULL;
    kdb_auth_list_users(scan->system->auth, scan->arena, &list, &scan->nitems);
    scan->items = list;
    return KDB_OK;
}

static const char *auth_type_name(kdb_auth_type type)
{
    switch (type) {
    case KDB_AUTH_PASSWORD:
        return "password";
    case KDB_AUTH_OAUTH:
        return "oauth";
    case KDB_AUTH_INTERNAL:
        break;
    }
    return "internal";
}

bool kdbi_users_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->nitems) {
        return false;
    }
    const kdb_user *user = (const kdb_user *)scan->items + scan->at++;
    cells = kdbi_put_text(cells, user->id.text);
    cells = kdbi_put_cstr(cells, user->password_hash.len != 0 ? "***" : "");
    cells = kdbi_put_cstr(cells, kdb_role_name(user->role));
    cells = kdbi_put_text_or_null(cells, user->email);
    cells = kdbi_put_cstr(cells, auth_type_name(user->auth_type));
    cells = kdbi_put_text_or_null(cells, user->auth_data);
    cells = kdbi_put_cstr(cells, "table"); /* storage_mode: users have no storage of their own */
    cells = kdbi_skip(cells);              /* storage_id */
    cells = kdbi_put_int(cells, (int32_t)user->failed_logins);
    cells = kdbi_put_time_or_null(cells, user->locked_until_us);
    cells = kdbi_put_time_or_null(cells, user->last_login_us);
    cells = kdbi_put_time(cells, user->created_us);
    cells = kdbi_put_time(cells, user->updated_us);
    cells = kdbi_put_time_or_null(cells, user->last_seen_us);
    (void)kdbi_put_time_or_null(cells, user->deleted_us);
    return true;
}
