/* dialect_bounded.c - calls of engine functions whose work is the product of two arguments' sizes, in memory or in time that no
 * interrupt ends: regular expressions, searches, comparisons of all characters with all. One of the two goes through a
 * function of ours, which looks at both and fails when they are too large together (engine_text.c). */
#include "dialect_int.h"

enum { SHORT_MAX = 16 }; /* bytes of a literal that is no danger, whatever it is searched in */

typedef struct bound_row {
    const char *name; /* of the call */
    const char *guard;
    size_t wrapped; /* the argument that goes through it */
    size_t by;      /* the argument that it is measured by */
    size_t literal; /* of these two, the one that is no danger when it is a short literal */
} bound_row;

static const bound_row bound_rows[] = {
    { "contains", "kdb_found", 0, 1, 1 },
    { "damerau_levenshtein", "kdb_compared", 1, 0, 0 },
    { "instr", "kdb_found", 0, 1, 1 },
    { "jaro_similarity", "kdb_compared", 1, 0, 0 },
    { "jaro_winkler_similarity", "kdb_compared", 1, 0, 0 },
    { "levenshtein", "kdb_compared", 1, 0, 0 },
    { "regexp_extract", "kdb_searched", 0, 1, 1 },
    { "regexp_extract_all", "kdb_searched", 0, 1, 1 },
    { "regexp_full_match", "kdb_searched", 0, 1, 1 },
    { "regexp_like", "kdb_searched", 0, 1, 1 },
    { "regexp_match", "kdb_searched", 0, 1, 1 },
    { "regexp_matches", "kdb_searched", 0, 1, 1 },
    { "regexp_replace", "kdb_searched", 0, 1, 1 },
    { "regexp_replace", "kdb_rewrite", 2, 0, 2 },
    { "regexp_split_to_array", "kdb_searched", 0, 1, 1 },
    { "split", "kdb_found", 0, 1, 1 },
    { "split_part", "kdb_found", 0, 1, 1 },
    { "str_split", "kdb_found", 0, 1, 1 },
    { "str_split_regex", "kdb_searched", 0, 1, 1 },
    { "string_split", "kdb_found", 0, 1, 1 },
    { "string_split_regex", "kdb_searched", 0, 1, 1 },
    { "string_to_array", "kdb_found", 0, 1, 1 },
    { "strpos", "kdb_found", 0, 1, 1 },
};

static bool is_short(const bound_row *row, const PgQuery__Node *node)
{
    kdb_value value;
    const size_t most = row->literal == row->wrapped ? 1 : SHORT_MAX; /* a rewrite is made once per character */
    return kdbi_literal_value(node, NULL, &value) &&
           (value.is_null || value.type.kind != KDB_TYPE_TEXT || value.as.bytes.len <= most);
}

static const bound_row *find_row(const char *name, PgQuery__Node *const *args, size_t nargs, size_t index)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(bound_rows); i++) {
        const bound_row *row = &bound_rows[i];
        if (row->wrapped == index && row->by < nargs && strcmp(row->name, name) == 0 &&
            !is_short(row, args[row->literal])) {
            return row;
        }
    }
    return NULL;
}

/* contains() looks into lists too, which go through no function of ours. */
static kdb_status may_be_list(const kdbi_expr *e, const bound_row *row, const PgQuery__Node *node, bool *out)
{
    kdb_type type = { 0 };
    *out = false;
    if (strcmp(row->name, "contains") == 0) {
        KDB_TRY(kdbi_static_type(e, node, &type));
        *out = type.kind != KDB_TYPE_TEXT;
    }
    return KDB_OK;
}

/* An argument once more, to be measured. It must be what the function gets: nothing in it may change from call to call. */
static kdb_status emit_measured(const kdbi_expr *e, const PgQuery__Node *node, const char *name, kdb_buf *out)
{
    const uint32_t volatiles = e->b->nvolatiles;
    const size_t before = kdbi_expanded(e->b, out);
    const size_t copied = e->b->copied;
    KDB_TRY(kdbi_emit_expr(e, node, out));
    if (e->b->nvolatiles != volatiles) {
        return KDBI_REFUSE(e->b, kdbi_node_location(node), "%s() does not take random values", name);
    }
    KDB_TRY(
        kdbi_note_copies(e->b, 1, e->b->copied - copied, kdbi_node_location(node))); /* its copies are there twice */
    const size_t size = kdbi_expanded(e->b, out) - before;
    return kdbi_is_leaf(node) ? KDB_OK : kdbi_note_copies(e->b, 1, size, kdbi_node_location(node));
}

kdb_status kdbi_emit_bounded(const kdbi_expr *e, const char *name, PgQuery__Node *const *args, size_t nargs,
                             size_t index, kdb_buf *out)
{
    const bound_row *row = find_row(name, args, nargs, index);
    bool plain = row == NULL;
    if (!plain) {
        KDB_TRY(may_be_list(e, row, args[index], &plain));
    }
    if (plain) {
        return kdbi_emit_expr(e, args[index], out);
    }
    kdb_buf_printf(out, "%s(", row->guard);
    KDB_TRY(emit_measured(e, args[row->by], name, out));
    kdb_buf_append_lit(out, ", ");
    KDB_TRY(kdbi_emit_expr(e, args[index], out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}
