/* dialect_window.c - OVER (..) and the WINDOW clause. */
#include "dialect_int.h"

/* PostgreSQL's bits for a frame, as the grammar's tree carries them. */
enum frame_option {
    FRAME_NONDEFAULT = 0x00001,
    FRAME_RANGE = 0x00002,
    FRAME_ROWS = 0x00004,
    FRAME_GROUPS = 0x00008,
    FRAME_START_UNBOUNDED_PRECEDING = 0x00020,
    FRAME_END_UNBOUNDED_PRECEDING = 0x00040,
    FRAME_START_UNBOUNDED_FOLLOWING = 0x00080,
    FRAME_END_UNBOUNDED_FOLLOWING = 0x00100,
    FRAME_START_CURRENT_ROW = 0x00200,
    FRAME_END_CURRENT_ROW = 0x00400,
    FRAME_START_OFFSET_PRECEDING = 0x00800,
    FRAME_END_OFFSET_PRECEDING = 0x01000,
    FRAME_START_OFFSET_FOLLOWING = 0x02000,
    FRAME_END_OFFSET_FOLLOWING = 0x04000,
    FRAME_EXCLUDE_CURRENT_ROW = 0x08000,
    FRAME_EXCLUDE_GROUP = 0x10000,
    FRAME_EXCLUDE_TIES = 0x20000
};

typedef struct frame_word {
    int32_t option;
    const char *words;
    bool has_offset; /* an expression comes before the words */
} frame_word;

static const frame_word frame_units[] = {
    { FRAME_RANGE, " RANGE BETWEEN ", false },
    { FRAME_ROWS, " ROWS BETWEEN ", false },
    { FRAME_GROUPS, " GROUPS BETWEEN ", false },
};
static const frame_word frame_starts[] = {
    { FRAME_START_UNBOUNDED_PRECEDING, "UNBOUNDED PRECEDING", false },
    { FRAME_START_UNBOUNDED_FOLLOWING, "UNBOUNDED FOLLOWING", false },
    { FRAME_START_CURRENT_ROW, "CURRENT ROW", false },
    { FRAME_START_OFFSET_PRECEDING, " PRECEDING", true },
    { FRAME_START_OFFSET_FOLLOWING, " FOLLOWING", true },
};
static const frame_word frame_ends[] = {
    { FRAME_END_UNBOUNDED_PRECEDING, "UNBOUNDED PRECEDING", false },
    { FRAME_END_UNBOUNDED_FOLLOWING, "UNBOUNDED FOLLOWING", false },
    { FRAME_END_CURRENT_ROW, "CURRENT ROW", false },
    { FRAME_END_OFFSET_PRECEDING, " PRECEDING", true },
    { FRAME_END_OFFSET_FOLLOWING, " FOLLOWING", true },
};
static const frame_word frame_exclusions[] = {
    { FRAME_EXCLUDE_CURRENT_ROW, " EXCLUDE CURRENT ROW", false },
    { FRAME_EXCLUDE_GROUP, " EXCLUDE GROUP", false },
    { FRAME_EXCLUDE_TIES, " EXCLUDE TIES", false },
};

/* The words of the option that is set, after its offset if it has one. */
static kdb_status emit_word(const kdbi_expr *e, int32_t options, const frame_word *words, size_t nwords,
                            const PgQuery__Node *offset, kdb_buf *out)
{
    for (size_t i = 0; i < nwords; i++) {
        if ((options & words[i].option) == 0) {
            continue;
        }
        if (words[i].has_offset) {
            KDB_TRY(kdbi_emit_expr(e, offset, out));
        }
        kdb_buf_append_sv(out, kdb_sv_cstr(words[i].words));
        break;
    }
    return KDB_OK;
}

#define EMIT_WORD(e, options, words, offset, out)                                                                      \
    emit_word((e), (options), (words), KDB_ARRAY_LEN(words), (offset), (out))

static kdb_status emit_frame(const kdbi_expr *e, const PgQuery__WindowDef *window, kdb_buf *out)
{
    if ((window->frame_options & FRAME_NONDEFAULT) == 0) {
        return KDB_OK;
    }
    KDB_TRY(EMIT_WORD(e, window->frame_options, frame_units, NULL, out));
    KDB_TRY(EMIT_WORD(e, window->frame_options, frame_starts, window->start_offset, out));
    kdb_buf_append_lit(out, " AND ");
    KDB_TRY(EMIT_WORD(e, window->frame_options, frame_ends, window->end_offset, out));
    return EMIT_WORD(e, window->frame_options, frame_exclusions, NULL, out);
}

/* (refname PARTITION BY .. ORDER BY .. frame) */
static kdb_status emit_definition(const kdbi_expr *e, const PgQuery__WindowDef *window, kdb_buf *out)
{
    kdb_buf_append_byte(out, '(');
    if (window->refname[0] != '\0') {
        kdbi_emit_name(kdb_sv_cstr(window->refname), out);
    }
    if (window->n_partition_clause != 0) {
        kdb_buf_append_lit(out, " PARTITION BY ");
        KDB_TRY(kdbi_emit_list(e, window->partition_clause, window->n_partition_clause, out));
    }
    KDB_TRY(kdbi_emit_inner_sort(e, window->order_clause, window->n_order_clause, out));
    KDB_TRY(emit_frame(e, window, out));
    kdb_buf_append_byte(out, ')');
    return KDB_OK;
}

kdb_status kdbi_emit_over(const kdbi_expr *e, const PgQuery__WindowDef *window, kdb_buf *out)
{
    if (++e->b->nwindows > KDBI_WINDOWS_MAX) {
        return KDBI_REFUSE(e->b, window->location, "the statement has more than %d window calls", KDBI_WINDOWS_MAX);
    }
    kdb_buf_append_lit(out, " OVER ");
    if (window->name[0] != '\0') {
        kdbi_emit_name(kdb_sv_cstr(window->name), out);
        return KDB_OK;
    }
    return emit_definition(e, window, out);
}

kdb_status kdbi_emit_window_list(const kdbi_expr *e, PgQuery__Node *const *windows, size_t nwindows, kdb_buf *out)
{
    for (size_t i = 0; i < nwindows; i++) {
        if (windows[i]->node_case != PG_QUERY__NODE__NODE_WINDOW_DEF) {
            return KDBI_REFUSE(e->b, -1, "this form of WINDOW is not supported");
        }
        const PgQuery__WindowDef *window = windows[i]->window_def;
        kdb_buf_append_sv(out, i == 0 ? KDB_SV(" WINDOW ") : KDB_SV(", "));
        kdbi_emit_name(kdb_sv_cstr(window->name), out);
        kdb_buf_append_lit(out, " AS ");
        KDB_TRY(emit_definition(e, window, out));
    }
    return KDB_OK;
}
