/* auth_role.c - the roles and the words that CREATE USER and ALTER USER accept for them (sql.md 16). */
#include "auth_int.h"

const kdbi_role_def kdbi_role_defs[KDB_ROLE_SYSTEM + 1] = {
    [KDB_ROLE_ANONYMOUS] = { 1, "anonymous", "Anonymous" }, [KDB_ROLE_USER] = { 2, "user", "User" },
    [KDB_ROLE_SERVICE] = { 3, "service", "Service" },       [KDB_ROLE_DBA] = { 4, "dba", "Dba" },
    [KDB_ROLE_SYSTEM] = { 5, "system", "System" },
};

static const struct {
    const char *word;
    kdb_role role;
} role_words[] = {
    { "dba", KDB_ROLE_DBA },           { "admin", KDB_ROLE_DBA },       { "service", KDB_ROLE_SERVICE },
    { "developer", KDB_ROLE_SERVICE }, { "analyst", KDB_ROLE_SERVICE }, { "user", KDB_ROLE_USER },
    { "viewer", KDB_ROLE_USER },       { "readonly", KDB_ROLE_USER },   { "system", KDB_ROLE_SYSTEM },
};

const char *kdb_role_name(kdb_role role)
{
    return kdbi_role_defs[role].name;
}

const char *kdb_role_title(kdb_role role)
{
    return kdbi_role_defs[role].title;
}

kdb_status kdb_role_parse(kdb_sv word, kdb_role *out, kdb_err *err)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(role_words); i++) {
        if (kdb_sv_ieq(word, kdb_sv_cstr(role_words[i].word))) {
            *out = role_words[i].role;
            return KDB_OK;
        }
    }
    return KDB_FAIL(err, KDB_INVALID_OPERATION,
                    "Invalid role '%.*s'. Hint: Valid roles: dba, admin, developer, analyst, viewer, user, service, "
                    "system",
                    KDB_SV_ARG(word));
}
