/* dialect_keywords.c - the words that cannot be names (sql.md 3). */
#include "dialect_int.h"

static const char *const reserved_words[] = {
    /* clauses, joins, set operations */
    "WITH", "EXPLAIN", "ANALYZE", "SELECT", "WHERE", "GROUP", "SORT", "HAVING", "ORDER", "PIVOT", "UNPIVOT", "TOP",
    "LATERAL", "VIEW", "LIMIT", "OFFSET", "FETCH", "UNION", "EXCEPT", "EXCLUDE", "INTERSECT", "MINUS", "ON", "JOIN",
    "INNER", "CROSS", "FULL", "LEFT", "RIGHT", "NATURAL", "USING", "CLUSTER", "DISTRIBUTE", "GLOBAL", "ANTI", "SEMI",
    "RETURNING", "ASOF", "MATCH_CONDITION", "OUTER", "SET", "QUALIFY", "WINDOW",
    /* other engines' clauses, statements and objects */
    "END", "FOR", "PARTITION", "PREWHERE", "SETTINGS", "FORMAT", "START", "CONNECT", "MATCH_RECOGNIZE", "SAMPLE",
    "TABLESAMPLE", "FROM", "OPEN", "INTO", "EXISTS", "INTERVAL", "STRUCT", "TRIM", "TABLE", "TABLES", "TABLESPACE",
    "INDEX", "SCHEMA", "DATABASE", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER"
};

bool kdb_dialect_is_reserved(kdb_sv word)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(reserved_words); i++) {
        if (kdb_sv_ieq(word, kdb_sv_cstr(reserved_words[i]))) {
            return true;
        }
    }
    return false;
}
