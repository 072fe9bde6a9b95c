/* filestore_name.c - names of objects: relative paths of plain parts. What is accepted here leads nowhere but below the folder it is
 * put behind, is no glob to DuckDB and no hidden file, and stands for itself in a URL but for '%' and '@'. */
#include "filestore_int.h"

enum { NAME_MAX_BYTES = 1024, PART_MAX_BYTES = 255 };

bool kdbi_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           (byte != '\0' && strchr("_-.@%", byte) != NULL);
}

static bool is_part(kdb_sv part)
{
    if (part.len == 0 || part.len > PART_MAX_BYTES || part.ptr[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < part.len; i++) {
        if (!kdbi_name_byte(part.ptr[i])) {
            return false;
        }
    }
    return true;
}

static bool is_staged(kdb_sv name)
{
    const kdb_sv end = KDB_SV(KDBI_STAGED);
    return name.len >= end.len && kdb_sv_eq(kdb_sv_of(name.ptr + name.len - end.len, end.len), end);
}

kdbi_name_kind kdbi_name_classify(kdb_sv name)
{
    if (name.len > NAME_MAX_BYTES) {
        return KDBI_NAME_FOREIGN;
    }
    size_t parts = 0;
    for (kdb_sv rest = name;; parts++) {
        const char *slash = rest.len == 0 ? NULL : memchr(rest.ptr, '/', rest.len);
        const size_t len = slash == NULL ? rest.len : (size_t)(slash - rest.ptr);
        if (!is_part(kdb_sv_of(rest.ptr, len)) || parts == KDBI_NAME_PARTS_MAX) {
            return KDBI_NAME_FOREIGN;
        }
        if (slash == NULL) {
            break;
        }
        rest = kdb_sv_of(slash + 1, rest.len - len - 1);
    }
    return is_staged(name) ? KDBI_NAME_STAGED : KDBI_NAME_OBJECT;
}

kdb_status kdbi_name_check(kdb_sv name, kdb_err *err)
{
    if (kdbi_name_classify(name) != KDBI_NAME_OBJECT || name.len + strlen(KDBI_STAGED) > NAME_MAX_BYTES) {
        return KDB_FAIL(err, KDB_INVALID, "'%.*s' cannot name an object", KDB_SV_ARG(name));
    }
    return KDB_OK;
}
