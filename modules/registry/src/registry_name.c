/* registry_name.c - the rules for names of namespaces, tables and columns, with the reference's texts in its order
 * (sql.md 3, catalog.md 3). */
#include "registry_int.h"

static const char *const reserved_namespaces[] = {
    "system",
    "sys",
    "root",
    "kalamdb",
    "kalam",
    "main",
    "default",
    "sql",
    "admin",
    "internal",
    "information_schema",
    "pg_catalog",
    "datafusion",
};

static const char *const protected_namespaces[] = { "system", "information_schema", "pg_catalog", "datafusion" };

static const char *const reserved_columns[] = {
    "_seq", "_deleted", "_id", "_row_id", "_rowid", "_key", "_updated", "_created", "_timestamp", "_version", "_hash",
};

static bool is_one_of(kdb_sv name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (kdb_sv_ieq(name, kdb_sv_cstr(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool has_only_word_characters(kdb_sv name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_letter(name.ptr[i]) && !is_digit(name.ptr[i]) && name.ptr[i] != '_') {
            return false;
        }
    }
    return true;
}

kdb_status kdb_registry_check_name(kdb_sv name, kdb_err *err)
{
    if (name.len == 0) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Name cannot be empty");
    }
    if (name.len > KDBI_NAME_MAX) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Name is too long (%zu characters, max %d)", name.len,
                        KDBI_NAME_MAX);
    }
    if (memchr(name.ptr, ' ', name.len) != NULL) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Name cannot contain spaces");
    }
    if (name.ptr[0] == '_') {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Name cannot start with underscore (reserved for system columns)");
    }
    if (is_digit(name.ptr[0])) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Name cannot start with a number");
    }
    if (!has_only_word_characters(name)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION,
                        "Name '%.*s' contains invalid characters (only alphanumeric and underscore allowed)",
                        KDB_SV_ARG(name));
    }
    if (kdb_dialect_is_reserved(name)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Name '%.*s' is a reserved SQL keyword and cannot be used",
                        KDB_SV_ARG(name));
    }
    return KDB_OK;
}

kdb_status kdb_registry_check_namespace_name(kdb_sv name, kdb_err *err)
{
    if (is_one_of(name, reserved_namespaces, KDB_ARRAY_LEN(reserved_namespaces))) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Namespace '%.*s' is reserved and cannot be used",
                        KDB_SV_ARG(name));
    }
    return kdb_registry_check_name(name, err);
}

bool kdbi_is_system_column(kdb_sv name)
{
    return is_one_of(name, reserved_columns, KDB_ARRAY_LEN(reserved_columns));
}

kdb_status kdb_registry_check_column_name(kdb_sv name, kdb_err *err)
{
    if (kdbi_is_system_column(name)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Column name '%.*s' is reserved and cannot be used",
                        KDB_SV_ARG(name));
    }
    return kdb_registry_check_name(name, err);
}

static bool is_id_character(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}

static bool has_any(kdb_sv text, const char *bytes)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\0' && strchr(bytes, text.ptr[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_storage_id(kdb_sv id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (!is_id_character(id.ptr[i])) {
            return false;
        }
    }
    return is_letter(id.ptr[0]) || is_digit(id.ptr[0]);
}

kdb_status kdb_registry_check_storage_id(kdb_sv id, kdb_err *err)
{
    if (id.len == 0) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Storage ID cannot be empty");
    }
    if (memmem(id.ptr, id.len, "..", 2) != NULL || has_any(id, "/\\")) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Storage ID cannot contain path traversal characters");
    }
    if (memchr(id.ptr, '\0', id.len) != NULL) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Storage ID cannot contain null bytes");
    }
    if (has_any(id, "'\"`;")) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION, "Storage ID cannot contain quotes or semicolons");
    }
    if (id.len > KDBI_NAME_MAX || !is_storage_id(id)) {
        return KDB_FAIL(err, KDB_INVALID_OPERATION,
                        "Storage ID must begin with a letter or digit and have at most %d letters, digits and "
                        "characters of '_-.'",
                        KDBI_NAME_MAX);
    }
    return KDB_OK;
}

bool kdb_registry_is_protected(kdb_sv ns)
{
    return is_one_of(ns, protected_namespaces, KDB_ARRAY_LEN(protected_namespaces));
}

size_t kdbi_nearness(kdb_sv name)
{
    if (name.len < 2) {
        return 0; /* every other name of one letter would be near */
    }
    size_t allowed = 1 + name.len / 4;
    return allowed < 3 ? allowed : 3;
}
