/* expr_compare.c - comparisons, IN, BETWEEN. A column against a constant, the filter of most statements, has steps of its
 * own that read both in place. */
#include "expr_int.h"

/* Which of less, equal, greater an operator accepts: bits 0, 1, 2. */
enum { LESS = 1, EQUAL = 2, GREATER = 4 };

static inline bool accepts(const kdbi_step *step, int order)
{
    return (step->detail >> (order + 1) & 1) != 0;
}

static inline int order_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static inline int order_f64(double a, double b)
{
    const bool a_nan = a != a;
    const bool b_nan = b != b;
    return a_nan || b_nan ? a_nan - b_nan : (a > b) - (a < b);
}

static inline int order_bytes(kdb_sv a, kdb_sv b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
    return order != 0 ? (order > 0) - (order < 0) : (a.len > b.len) - (a.len < b.len);
}

int kdbi_order(kdb_type type, const kdb_value *a, const kdb_value *b)
{
    switch (kdb_type_layout(type)) {
    case KDB_LAYOUT_BOOL:
        return (int)a->as.b - (int)b->as.b;
    case KDB_LAYOUT_I16:
    case KDB_LAYOUT_I32:
    case KDB_LAYOUT_I64:
        return order_i64(a->as.i64, b->as.i64);
    case KDB_LAYOUT_I128:
        return (a->as.i128 > b->as.i128) - (a->as.i128 < b->as.i128);
    case KDB_LAYOUT_F32:
    case KDB_LAYOUT_F64:
        return order_f64(a->as.f64, b->as.f64);
    case KDB_LAYOUT_BYTES:
        return order_bytes(a->as.bytes, b->as.bytes);
    case KDB_LAYOUT_UUID:
        return order_bytes(kdb_sv_of((const char *)a->as.uuid.bytes, 16),
                           kdb_sv_of((const char *)b->as.uuid.bytes, 16));
    case KDB_LAYOUT_F32S:
        for (size_t i = 0; i < type.dim; i++) {
            const int order = order_f64((double)a->as.f32s[i], (double)b->as.f32s[i]);
            if (order != 0) {
                return order;
            }
        }
        return 0;
    case KDB_LAYOUT_NONE:
        break;
    }
    return 0;
}

/* ---- two operands ---- */

static kdb_status run_compare(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    KDB_TRY(kdbi_arg(step, 0, run, out));
    KDB_TRY(kdbi_arg(step, 1, run, &right));
    if (out->is_null || right.is_null) {
        out->is_null = true;
        return KDB_OK;
    }
    out->as.b = accepts(step, kdbi_order(step->args[0]->type, out, &right));
    return KDB_OK;
}

static kdb_status run_compare_i64(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    KDB_TRY(kdbi_arg(step, 0, run, out));
    KDB_TRY(kdbi_arg(step, 1, run, &right));
    out->as.b = accepts(step, order_i64(out->as.i64, right.as.i64));
    out->is_null = out->is_null || right.is_null;
    return KDB_OK;
}

/* An integer column of one width; the constant has the common form. */
#define COLUMN_RUN(name, field, type)                                                                                  \
    static kdb_status name(const kdbi_step *step, kdbi_run *run, kdb_value *out)                                       \
    {                                                                                                                  \
        const kdbi_const *constant = kdbi_const_at(run, step->args[1]->index);                                         \
        const kdb_vec *decoded = kdbi_decoded(run->row, step->args[0]->index);                                         \
        if (KDB_UNLIKELY(constant->failed != NULL || constant->value.is_null)) {                                       \
            return run_compare(step, run, out);                                                                        \
        }                                                                                                              \
        if (decoded != NULL) {                                                                                         \
            out->is_null = kdb_vec_is_null(decoded, run->row->at);                                                     \
            out->as.field = ((const type *)decoded->data)[run->row->at];                                               \
        } else {                                                                                                       \
            *out = run->row->column(run->row->self, step->args[0]->index);                                             \
        }                                                                                                              \
        out->as.b = accepts(step, order_i64(out->as.field, constant->value.as.i64));                                   \
        return KDB_OK;                                                                                                 \
    }
COLUMN_RUN(run_column_i16, i16, int16_t)
COLUMN_RUN(run_column_i32, i32, int32_t)
COLUMN_RUN(run_column_i64, i64, int64_t)

/* Equality of texts is mostly told by their lengths. */
static inline bool accepts_bytes(const kdbi_step *step, kdb_sv a, kdb_sv b)
{
    return !(step->detail == EQUAL && a.len != b.len) && accepts(step, order_bytes(a, b));
}

static kdb_status run_column_bytes(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    const kdbi_const *constant = kdbi_const_at(run, step->args[1]->index);
    if (KDB_UNLIKELY(constant->failed != NULL || constant->value.is_null)) { /* left to the general step */
        return run_compare(step, run, out);
    }
    *out = kdbi_column_at(run->row, step->args[0]->index);
    if (out->is_null) {
        return KDB_OK;
    }
    out->as.b = accepts_bytes(step, out->as.bytes, constant->value.as.bytes);
    return KDB_OK;
}

/* ---- the same for many rows of a decoded column ---- */

/* The constant that a sieve compares with; NULL when the rows have to be asked one by one. */
static const kdb_value *sieve_constant(const kdbi_step *step, const kdbi_sieve *sieve)
{
    const kdbi_const *constant = &sieve->consts->at[step->args[1]->index];
    const bool plain = constant->failed == NULL && !constant->value.is_null;
    return plain && sieve->columns[step->args[0]->index] != NULL ? &constant->value : NULL;
}

/* Takes out of a word of rows those not in `kept`, and those that are NULL. */
static void keep_rows(const kdbi_sieve *sieve, const kdb_vec *column, size_t word, uint64_t kept)
{
    sieve->bits[word] &= kept & (column->validity == NULL ? UINT64_MAX : column->validity[word]);
}

/* One loop for each operator, so that it holds one comparison and no branch. */
#define SIEVE_WORDS(condition)                                                                                         \
    for (size_t word = sieve->from >> 6; word << 6 < sieve->to; word++) {                                              \
        const size_t first = word << 6;                                                                                \
        const size_t rows = sieve->to - first < 64 ? sieve->to - first : 64;                                           \
        uint64_t kept = 0;                                                                                             \
        for (size_t row = 0; row < rows; row++) {                                                                      \
            kept |= (uint64_t)(at[first + row] condition) << row;                                                      \
        }                                                                                                              \
        keep_rows(sieve, column, word, kept);                                                                          \
    }

#define COLUMN_SIEVE(name, type)                                                                                       \
    static bool name(const kdbi_step *step, const kdbi_sieve *sieve)                                                   \
    {                                                                                                                  \
        const kdb_value *constant = sieve_constant(step, sieve);                                                       \
        if (constant == NULL) {                                                                                        \
            return false;                                                                                              \
        }                                                                                                              \
        const kdb_vec *column = sieve->columns[step->args[0]->index];                                                  \
        const type *at = column->data;                                                                                 \
        const int64_t than = constant->as.i64;                                                                         \
        switch (step->detail) {                                                                                        \
        case LESS:                                                                                                     \
            SIEVE_WORDS(< than)                                                                                        \
            return true;                                                                                               \
        case LESS | EQUAL:                                                                                             \
            SIEVE_WORDS(<= than)                                                                                       \
            return true;                                                                                               \
        case EQUAL:                                                                                                    \
            SIEVE_WORDS(== than)                                                                                       \
            return true;                                                                                               \
        case LESS | GREATER:                                                                                           \
            SIEVE_WORDS(!= than)                                                                                       \
            return true;                                                                                               \
        case GREATER:                                                                                                  \
            SIEVE_WORDS(> than)                                                                                        \
            return true;                                                                                               \
        default:                                                                                                       \
            SIEVE_WORDS(>= than)                                                                                       \
            return true;                                                                                               \
        }                                                                                                              \
    }
COLUMN_SIEVE(sieve_i16, int16_t)
COLUMN_SIEVE(sieve_i32, int32_t)
COLUMN_SIEVE(sieve_i64, int64_t)

static bool sieve_bytes(const kdbi_step *step, const kdbi_sieve *sieve)
{
    const kdb_value *constant = sieve_constant(step, sieve);
    if (constant == NULL) {
        return false;
    }
    const kdb_vec *column = sieve->columns[step->args[0]->index];
    const kdb_sv *at = column->data;
    const kdb_sv other = constant->as.bytes;
    for (size_t row = sieve->from; row < sieve->to; row++) {
        const uint64_t bit = UINT64_C(1) << (row & 63);
        if ((sieve->bits[row >> 6] & bit) == 0) {
            continue;
        }
        if (kdb_vec_is_null(column, row) || !accepts_bytes(step, at[row], other)) {
            sieve->bits[row >> 6] &= ~bit;
        }
    }
    return true;
}

/* A column against a constant, by the column's layout. */
static void use_column_steps(kdbi_step *step, kdb_layout layout)
{
    switch (layout) {
    case KDB_LAYOUT_I16:
        step->run = run_column_i16;
        step->sieve = sieve_i16;
        break;
    case KDB_LAYOUT_I32:
        step->run = run_column_i32;
        step->sieve = sieve_i32;
        break;
    case KDB_LAYOUT_I64:
        step->run = run_column_i64;
        step->sieve = sieve_i64;
        break;
    case KDB_LAYOUT_BYTES:
        step->run = run_column_bytes;
        step->sieve = sieve_bytes;
        break;
    default:
        step->run = run_compare;
        break;
    }
}

static bool is_i64(kdb_type type)
{
    const kdb_layout layout = kdb_type_layout(type);
    return layout == KDB_LAYOUT_I16 || layout == KDB_LAYOUT_I32 || layout == KDB_LAYOUT_I64;
}

static void choose_steps(const kdbi_compiler *c, kdbi_step *step)
{
    const kdbi_step *left = step->args[0];
    if (left->is_column && step->args[1]->run == kdbi_run_const) {
        use_column_steps(step, kdb_type_layout(c->columns[left->index].type));
    } else {
        step->run = is_i64(left->type) ? run_compare_i64 : run_compare;
    }
}

/* ---- IS [NOT] DISTINCT FROM ---- */

/* `detail`: the answer for values that differ. */
static kdb_status run_distinct(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value right;
    KDB_TRY(kdbi_arg(step, 0, run, out));
    KDB_TRY(kdbi_arg(step, 1, run, &right));
    bool same = out->is_null && right.is_null;
    if (!out->is_null && !right.is_null) {
        same = kdbi_order(step->args[0]->type, out, &right) == 0;
    }
    out->is_null = false;
    out->as.b = same != (step->detail != 0);
    return KDB_OK;
}

static uint32_t accepted_by(kdb_node_kind kind)
{
    switch (kind) {
    case KDB_NODE_EQ:
        return EQUAL;
    case KDB_NODE_NE:
        return LESS | GREATER;
    case KDB_NODE_LT:
        return LESS;
    case KDB_NODE_LE:
        return LESS | EQUAL;
    case KDB_NODE_GT:
        return GREATER;
    default:
        return GREATER | EQUAL;
    }
}

/* The engine moves constants from one side of a comparison to the other, and with them goes what may fail. */
static bool may_move(const kdbi_step *const *steps, size_t nsteps)
{
    bool moves = false;
    bool constant = false;
    for (size_t i = 0; i < nsteps; i++) {
        moves = moves || (steps[i]->can_move && steps[i]->can_fail);
        constant = constant || steps[i]->is_constant;
    }
    return moves && constant;
}

/* Operands in one type, and what may become of their errors. */
typedef struct operands {
    const kdbi_step **args;
    bool moves;  /* the engine may move a constant: to be compared by _wide where they fail */
    bool strict; /* no NULL settles what another fails in */
} operands;

/* False: not exact here. */
static bool compile_operands(kdbi_compiler *c, const kdb_node *node, operands *out)
{
    kdb_type type;
    out->args = kdbi_compile_args(c, node);
    if (out->args == NULL || node->nargs < 2 || !kdbi_unify_compared(c, out->args, node->nargs, &type)) {
        return false;
    }
    out->moves = may_move(out->args, node->nargs);
    out->strict = kdbi_is_strict(c, out->args, node->nargs);
    const bool strict = node->nargs == 2 && !out->moves && out->strict; /* nothing is skipped */
    return (!out->moves || kdbi_is_wide(out->args, node->nargs)) &&
           (strict || !kdbi_has_failing_constant(out->args, node->nargs));
}

/* Where a comparison fails: a NULL settles it all the same; what may have been moved is compared without an end. */
static kdb_status compare_failed(const kdbi_step *step, kdb_status failed, size_t a, size_t b, kdbi_run *run,
                                 int *order, bool *out_null)
{
    kdbi_kept_error kept;
    kept.status = KDB_OK;
    if (!kdbi_keep_error(&kept, failed, run)) {
        return failed;
    }
    const size_t sides[] = { a, b };
    for (size_t i = 0; i < KDB_ARRAY_LEN(sides); i++) {
        kdb_value value;
        if (kdbi_arg(step, sides[i], run, &value) == KDB_OK && value.is_null) {
            *out_null = true;
            return KDB_OK;
        }
    }
    if (may_move(step->args, step->nargs) && kdbi_is_wide(step->args, step->nargs) &&
        kdbi_order_wide(step->args[a], step->args[b], run, order, out_null) == KDB_OK) {
        return KDB_OK;
    }
    return kdbi_kept(&kept, run);
}

static kdb_status order_args(const kdbi_step *step, size_t a, size_t b, kdbi_run *run, int *order, bool *out_null)
{
    kdb_value left;
    kdb_value right;
    kdb_status status = kdbi_arg(step, a, run, &left);
    if (status == KDB_OK) {
        status = kdbi_arg(step, b, run, &right);
    }
    if (status != KDB_OK) {
        return compare_failed(step, status, a, b, run, order, out_null);
    }
    *out_null = left.is_null || right.is_null;
    *order = *out_null ? 0 : kdbi_order(step->args[a]->type, &left, &right);
    return KDB_OK;
}

static kdb_status run_compare_forgiving(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    int order = 0;
    bool null = false;
    KDB_TRY(order_args(step, 0, 1, run, &order, &null));
    const uint32_t found = order < 0 ? LESS : order == 0 ? EQUAL : GREATER;
    out->is_null = null;
    out->as.b = (step->detail & found) != 0;
    return KDB_OK;
}

const kdbi_step *kdbi_compile_compare(kdbi_compiler *c, const kdb_node *node)
{
    operands o;
    const bool distinct = node->kind == KDB_NODE_DISTINCT || node->kind == KDB_NODE_NOT_DISTINCT;
    if (node->nargs != 2 || !compile_operands(c, node, &o) || (distinct && (o.moves || !o.strict))) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_binary(c, run_compare, kdb_type_of(KDB_TYPE_BOOLEAN), o.args[0], o.args[1]);
    step->detail = distinct ? node->kind == KDB_NODE_DISTINCT : accepted_by(node->kind);
    if (distinct) {
        step->run = run_distinct;
    } else if (step->can_fail) { /* a NULL on the other side, that the engine sees first, settles it */
        step->run = run_compare_forgiving;
        step->forgives = true;
    } else {
        choose_steps(c, step);
    }
    return step;
}

/* ---- IN ---- */

static kdb_status run_in(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    const kdb_type type = step->args[0]->type;
    kdb_value left;
    KDB_TRY(kdbi_arg(step, 0, run, &left));
    bool unknown = left.is_null;
    bool found = false;
    for (size_t i = 1; !left.is_null && !found && i < step->nargs; i++) {
        KDB_TRY(kdbi_arg(step, i, run, out));
        unknown = unknown || out->is_null;
        found = !out->is_null && kdbi_order(type, &left, out) == 0;
    }
    out->is_null = unknown && !found;
    out->as.b = found;
    return KDB_OK;
}

/* The same where something can fail. */
static kdb_status run_in_forgiving(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    bool unknown = false;
    bool found = false;
    kdbi_kept_error kept;
    kept.status = KDB_OK;
    for (size_t i = 1; !found && i < step->nargs; i++) {
        int order = 0;
        bool null = false;
        const kdb_status status = order_args(step, 0, i, run, &order, &null);
        if (status != KDB_OK && !kdbi_keep_error(&kept, status, run)) {
            return status;
        }
        unknown = unknown || null;
        found = status == KDB_OK && !null && order == 0;
    }
    out->is_null = unknown && !found;
    out->as.b = found;
    return found ? KDB_OK : kdbi_kept(&kept, run);
}

static kdb_status ask_in(const kdbi_step *step, kdbi_run *run, bool want, bool *out)
{
    kdbi_kept_error kept;
    kept.status = KDB_OK;
    for (size_t i = 1; i < step->nargs; i++) {
        int order = 0;
        bool null = false;
        const kdb_status status = order_args(step, 0, i, run, &order, &null);
        if (status != KDB_OK && !kdbi_keep_error(&kept, status, run)) {
            return status;
        }
        if (status == KDB_OK && (want ? !null && order == 0 : null || order == 0)) {
            *out = want; /* one is enough; for all to differ, one is too many */
            return KDB_OK;
        }
    }
    *out = !want;
    return kdbi_kept(&kept, run);
}

const kdbi_step *kdbi_compile_in(kdbi_compiler *c, const kdb_node *node)
{
    operands o;
    if (!compile_operands(c, node, &o)) {
        return NULL;
    }
    bool fails = o.moves || !o.strict;
    for (size_t i = 1; i < node->nargs; i++) {
        fails = fails || o.args[i]->can_fail;
    }
    kdbi_step *step = kdbi_step_new(c, run_in, kdb_type_of(KDB_TYPE_BOOLEAN), o.args, node->nargs);
    if (fails) {
        step->run = run_in_forgiving;
        step->ask = ask_in;
        step->forgives = true;
    }
    return step;
}

/* ---- BETWEEN ---- */

static kdb_status run_between(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    const kdb_type type = step->args[0]->type;
    kdb_value x;
    kdb_value bound;
    KDB_TRY(kdbi_arg(step, 0, run, &x));
    bool unknown = x.is_null;
    bool outside = false;
    for (size_t i = 1; i <= 2; i++) {
        KDB_TRY(kdbi_arg(step, i, run, &bound));
        unknown = unknown || bound.is_null;
        if (!x.is_null && !bound.is_null) {
            const int order = kdbi_order(type, &x, &bound);
            outside = outside || (i == 1 ? order < 0 : order > 0);
        }
    }
    out->is_null = unknown && !outside;
    out->as.b = !outside;
    return KDB_OK;
}

static kdb_status run_between_forgiving(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    bool unknown = false;
    bool outside = false;
    kdbi_kept_error kept;
    kept.status = KDB_OK;
    for (size_t i = 1; !outside && i <= 2; i++) {
        int order = 0;
        bool null = false;
        const kdb_status status = order_args(step, 0, i, run, &order, &null);
        if (status != KDB_OK && !kdbi_keep_error(&kept, status, run)) {
            return status;
        }
        unknown = unknown || null;
        outside = status == KDB_OK && !null && (i == 1 ? order < 0 : order > 0);
    }
    out->is_null = unknown && !outside;
    out->as.b = !outside;
    return outside ? KDB_OK : kdbi_kept(&kept, run);
}

static kdb_status ask_between(const kdbi_step *step, kdbi_run *run, bool want, bool *out)
{
    kdbi_kept_error kept;
    kept.status = KDB_OK;
    for (size_t i = 1; i <= 2; i++) {
        int order = 0;
        bool null = false;
        const kdb_status status = order_args(step, 0, i, run, &order, &null);
        if (status != KDB_OK && !kdbi_keep_error(&kept, status, run)) {
            return status;
        }
        const bool outside = !null && (i == 1 ? order < 0 : order > 0);
        if (status == KDB_OK && (want ? null || outside : outside)) {
            *out = !want;
            return KDB_OK;
        }
    }
    *out = want;
    return kdbi_kept(&kept, run);
}

/* Nothing lies between such literals: the engine knows that when it plans, and never computes what may fail. */
static bool is_empty_range(const kdbi_compiler *c, const operands *o)
{
    const kdb_value *low = kdbi_literal(c, o->args[1]);
    const kdb_value *high = kdbi_literal(c, o->args[2]);
    return low != NULL && high != NULL && !low->is_null && !high->is_null &&
           kdbi_order(o->args[1]->type, low, high) > 0;
}

const kdbi_step *kdbi_compile_between(kdbi_compiler *c, const kdb_node *node)
{
    operands o;
    if (node->nargs != 3 || !compile_operands(c, node, &o) || (o.args[0]->can_fail && is_empty_range(c, &o))) {
        return NULL;
    }
    kdbi_step *step = kdbi_step_new(c, run_between, kdb_type_of(KDB_TYPE_BOOLEAN), o.args, 3);
    if (o.moves || !o.strict || o.args[1]->can_fail || o.args[2]->can_fail) {
        step->run = run_between_forgiving;
        step->ask = ask_between;
        step->forgives = true;
    }
    return step;
}
