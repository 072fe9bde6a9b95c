/* expr_int.h - what the files of module expr share: programs as trees of steps, and the compiler that makes them.
 * Inside, a value lies in one of few forms whatever its width: integers, dates and times in as.i64, FLOAT and DOUBLE in
 * as.f64, DECIMAL in as.i128. `type` of a value is not kept inside; the step says it. */
#ifndef KDB_EXPR_INT_H
#define KDB_EXPR_INT_H

#include "kdb/expr.h"

/* ---- programs ---- */

typedef struct kdbi_step kdbi_step;

typedef struct kdbi_run {
    const kdb_expr_row *row;
    const kdb_expr_consts *consts;
    kdb_arena *scratch;
    kdb_err *err;
} kdbi_run;

/* Rows [from, to) of decoded columns, of which `bits` says which are still to be had. */
typedef struct kdbi_sieve {
    const kdb_expr_consts *consts;
    const kdb_vec *const *columns;
    size_t from, to;
    uint64_t *bits;
} kdbi_sieve;

/* Takes out the rows that the step is not true for; false when it cannot tell of all, and has taken out none wrongly. */
typedef bool (*kdbi_sieve_fn)(const kdbi_step *step, const kdbi_sieve *sieve);

typedef kdb_status (*kdbi_step_fn)(const kdbi_step *step, kdbi_run *run, kdb_value *out);
/* Whether the value is `want`, where not being it needs no more than one operand that is known. */
typedef kdb_status (*kdbi_ask_fn)(const kdbi_step *step, kdbi_run *run, bool want, bool *out);

struct kdbi_step {
    kdbi_step_fn run;
    kdbi_sieve_fn sieve; /* BOOLEAN; NULL: it has none */
    kdbi_ask_fn ask;     /* BOOLEAN; NULL: `run` answers it as well */
    const kdbi_step *const *args;
    uint32_t nargs;
    uint32_t index;   /* of a column, constant or parameter */
    kdb_type type;    /* as the engine types it */
    uint32_t detail;  /* the step's own */
    bool is_column;   /* reads one column, in any type of its form */
    bool is_bare;     /* nothing but a column */
    bool is_constant; /* depends on no column */
    bool is_literal;  /* a number or text as written, which takes the type of what it meets */
    bool is_param;    /* a parameter whose type is not settled yet; has no `run` */
    bool can_fail;
    bool boundless; /* a DATE or TIMESTAMP of it may lie beyond the years of tables, infinity too */
    bool can_move;  /* arithmetic or a cast that the engine may undo in a comparison with a constant, its errors too */
    bool forgives;  /* has a value where something in it fails and something else decides: the engine may fail there */
};

typedef struct kdbi_const {
    kdb_value value;
    const kdbi_step *failed; /* what failed when it was computed, and fails again when it is asked for; or NULL */
} kdbi_const;
struct kdb_expr_consts {
    const kdbi_const *at;
};

/* Where the column lies decoded, or NULL. */
static inline const kdb_vec *kdbi_decoded(const kdb_expr_row *row, uint32_t index)
{
    return row->columns == NULL ? NULL : row->columns[index];
}

static inline kdb_value kdbi_column_at(const kdb_expr_row *row, uint32_t index)
{
    const kdb_vec *decoded = kdbi_decoded(row, index);
    return decoded != NULL ? kdb_vec_get(decoded, row->at) : row->column(row->self, index);
}

static inline const kdbi_const *kdbi_const_at(const kdbi_run *run, uint32_t index)
{
    return &run->consts->at[index];
}

/* ---- compiling ---- */

/* How a constant comes to be, once per execution. */
typedef enum kdbi_origin { KDBI_FROM_LITERAL, KDBI_FROM_PARAM, KDBI_FROM_STEP } kdbi_origin;
typedef struct kdbi_const_def {
    kdbi_origin origin;
    kdb_value value;       /* LITERAL, in its form */
    uint32_t param;        /* PARAM: from 1 */
    kdb_type type;         /* PARAM: that it is converted to */
    const kdbi_step *step; /* STEP */
} kdbi_const_def;

/* What one program makes of a parameter. */
typedef struct kdbi_use {
    bool used;
    bool open; /* the engine cannot tell its type without the value's */
    bool kept; /* the value's own type serves as well as the one it is used as */
    bool has_type;
    kdb_type as;
} kdbi_use;

typedef struct kdbi_compiler {
    const kdb_field *columns;
    size_t ncolumns;
    const kdb_type *params;
    size_t nparams;
    kdb_arena *arena;
    kdbi_const_def *consts;
    size_t nconsts;
    kdbi_use *uses; /* by parameter */
    unsigned depth;
    unsigned nodes;
} kdbi_compiler;

struct kdb_expr {
    const kdbi_step *root;
    const kdbi_const_def *consts;
    size_t nconsts;
    const kdbi_use *uses;
    size_t nparams;
    kdb_type type;
};

/* All of these return NULL for what is not exact here. */
const kdbi_step *kdbi_compile(kdbi_compiler *c, const kdb_node *node);
/* Steps for all args of a node, in the arena; NULL when one cannot be compiled. */
const kdbi_step **kdbi_compile_args(kdbi_compiler *c, const kdb_node *node);

/* A step over `args`, whose constants it takes out of the program. It is constant when they are. */
kdbi_step *kdbi_step_new(kdbi_compiler *c, kdbi_step_fn run, kdb_type type, const kdbi_step *const *args, size_t nargs);
kdbi_step *kdbi_step_unary(kdbi_compiler *c, kdbi_step_fn run, kdb_type type, const kdbi_step *arg);
kdbi_step *kdbi_step_binary(kdbi_compiler *c, kdbi_step_fn run, kdb_type type, const kdbi_step *a, const kdbi_step *b);
/* `value` has the form and `type` is its type. */
const kdbi_step *kdbi_step_literal(kdbi_compiler *c, kdb_type type, const kdb_value *value);
/* An integer as written: it takes the type of what it meets. */
const kdbi_step *kdbi_step_written(kdbi_compiler *c, kdb_type type, int64_t value);
const kdbi_step *kdbi_step_null(kdbi_compiler *c, kdb_type type);
static inline bool kdbi_is_null_literal(const kdbi_step *step)
{
    return step->type.kind == KDB_TYPE_NULL && !step->is_param;
}
/* The value of a literal step; NULL for anything else. */
const kdb_value *kdbi_literal(const kdbi_compiler *c, const kdbi_step *step);
kdb_status kdbi_run_const(const kdbi_step *step, kdbi_run *run, kdb_value *out);

/* Keeps an error of values for later: true, the step goes on; `first` has the first then. False: it fails now. */
typedef struct kdbi_kept_error {
    kdb_status status; /* KDB_OK: none */
    kdb_err err;
} kdbi_kept_error;
bool kdbi_keep_error(kdbi_kept_error *kept, kdb_status status, const kdbi_run *run);
/* The error that was kept, if there is one. */
kdb_status kdbi_kept(const kdbi_kept_error *kept, const kdbi_run *run);

/* A parameter used where the engine knows what type it must have. */
const kdbi_step *kdbi_param_as(kdbi_compiler *c, const kdbi_step *param, kdb_type type);
/* A parameter that is only compared with values of `type`. */
const kdbi_step *kdbi_param_beside(kdbi_compiler *c, const kdbi_step *param, kdb_type type);
/* A parameter used where it has its own type. */
const kdbi_step *kdbi_param_open(kdbi_compiler *c, const kdbi_step *param);

static inline kdb_status kdbi_eval(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    return step->run(step, run, out);
}
/* Whether a condition is true (`want`), or false: WHERE asks no more, and a NULL is neither. */
static inline kdb_status kdbi_ask(const kdbi_step *step, kdbi_run *run, bool want, bool *out)
{
    if (step->ask != NULL) {
        return step->ask(step, run, want, out);
    }
    kdb_value value;
    const kdb_status status = step->run(step, run, &value);
    *out = status == KDB_OK && !value.is_null && value.as.b == want;
    return status;
}
static inline kdb_status kdbi_arg(const kdbi_step *step, size_t i, kdbi_run *run, kdb_value *out)
{
    return step->args[i]->run(step->args[i], run, out);
}

/* Between the forms and values as the rest of the server has them. */
kdb_value kdbi_form_of(const kdb_value *value);
void kdbi_form_to_value(kdb_type type, kdb_value *value);

/* ---- types ---- */

/* A number as the DECIMAL that holds every value of its type; DECIMAL itself stays. */
kdb_type kdbi_as_decimal(kdb_type type);
bool kdbi_fits(kdb_type type, int64_t value);
bool kdbi_is_integer(kdb_type type);
bool kdbi_is_number(kdb_type type);
/* Makes all of `steps` one type, as the engine does for comparisons, CASE and kin; sets *out. False: not exact here. */
bool kdbi_unify(kdbi_compiler *c, const kdbi_step **steps, size_t nsteps, kdb_type *out);
/* The same for steps that are only compared with each other. */
bool kdbi_unify_compared(kdbi_compiler *c, const kdbi_step **steps, size_t nsteps, kdb_type *out);

/* ---- what nodes become: one compiler per file ---- */

const kdbi_step *kdbi_compile_compare(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_in(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_between(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_and_or(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_not(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_is(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_arithmetic(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_negation(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_cast(kdbi_compiler *c, const kdb_node *node);

const kdbi_step *kdbi_compile_case(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_coalesce(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_nullif(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_greatest_least(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_like(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_join(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_concat(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_call(kdbi_compiler *c, const kdb_node *node);

const kdbi_step *kdbi_compile_abs(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_date_part(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_date_trunc(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_epoch(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_epoch_count(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_part(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_real_test(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_round(kdbi_compiler *c, const kdb_node *node);
const kdbi_step *kdbi_compile_sqrt(kdbi_compiler *c, const kdb_node *node);

const kdbi_step *kdbi_compile_json(kdbi_compiler *c, const kdb_node *node);

/* A step as a condition; NULL when it is no BOOLEAN. */
const kdbi_step *kdbi_truth(kdbi_compiler *c, const kdbi_step *step);

/* A parameter, NULL or anything else as a value of `type`. */
const kdbi_step *kdbi_as(kdbi_compiler *c, const kdbi_step *step, kdb_type type);
/* `step` in type `to`, by the engine's casts; NULL when not exact here. */
const kdbi_step *kdbi_cast(kdbi_compiler *c, const kdbi_step *step, kdb_type to);

/* Orders two forms of a kind: NaN equals itself and is above all. */
int kdbi_order(kdb_type type, const kdb_value *a, const kdb_value *b);

/* ---- expr_wide.c: integers and DECIMALs that do not fit their type ---- */

/* True for operands that _order knows: all in one type, an integer or DECIMAL. */
bool kdbi_is_wide(const kdbi_step *const *steps, size_t nsteps);
/* Compares two operands as if integers had no end, which is what is left of arithmetic and casts when the engine moves a
 * constant to the other side. *out_null: one is NULL. */
kdb_status kdbi_order_wide(const kdbi_step *a, const kdbi_step *b, kdbi_run *run, int *out, bool *out_null);
/* KDB_NODE_ADD, _SUB or _MUL of integers that the step computes, else KDB_NODE_LITERAL. */
kdb_node_kind kdbi_integer_operator(const kdbi_step *step);
/* A cast that changes no value of those that fit. */
bool kdbi_is_value_cast(const kdbi_step *step);

/* ---- casts ---- */

const char *kdbi_int_name(kdb_type type);
static inline int64_t kdbi_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}
/* Days since 1970 of a date of the Gregorian calendar, which is taken to have been there always. */
int64_t kdbi_days_of(int64_t year, int64_t month, int64_t day);
static inline bool kdbi_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
/* 10^n, n at most 38. */
kdb_i128 kdbi_power_of_ten(unsigned n);
bool kdbi_to_decimal_fails(kdb_type from, kdb_type to);
bool kdbi_from_decimal_fails(kdb_type from, kdb_type to);
kdb_status kdbi_run_real_to_int(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_int_to_decimal(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_real_to_decimal(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_decimal_to_int(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_decimal_to_double(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_decimal_to_float(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_decimal_to_decimal(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_text_to_int(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_text_to_real(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_text_to_decimal(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_text_to_date(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_text_to_timestamp(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_text_to_time(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_text_to_bool(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_to_text(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_real_to_text(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_decimal_to_text(const kdbi_step *step, kdbi_run *run, kdb_value *out);

/* A finite DOUBLE as the engine's JSON writer has it. */
kdb_sv kdbi_json_real(double value, kdb_arena *arena);

/* Arithmetic of DECIMALs and integers, one a DECIMAL. */
const kdbi_step *kdbi_compile_decimal(kdbi_compiler *c, kdb_node_kind kind, const kdbi_step *a, const kdbi_step *b);
/* Of any numbers, as DOUBLEs. */
const kdbi_step *kdbi_compile_real_division(kdbi_compiler *c, const kdbi_step *a, const kdbi_step *b);
/* True when one may be a NULL that the engine knows when it binds: some of its functions have another type then. */
bool kdbi_has_null(const kdbi_compiler *c, const kdbi_step *const *args, size_t nargs);
/* True when one is a constant that may fail: the engine computes it before any row, and refuses it then or not. */
bool kdbi_has_failing_constant(const kdbi_step *const *args, size_t nargs);
/* False when the engine may settle a step by a NULL beside what fails, without running that. */
bool kdbi_is_strict(const kdbi_compiler *c, const kdbi_step *const *args, size_t nargs);

/* ---- text ---- */

uint32_t kdbi_fold_lower(uint32_t character);
uint32_t kdbi_fold_upper(uint32_t character);
/* UTF-8 of a character; returns its bytes, 4 at most. */
size_t kdbi_put_character(uint32_t character, char *out);
kdb_sv kdbi_text_lower(kdb_arena *arena, kdb_sv text);

bool kdbi_check_substring(const kdbi_compiler *c, const kdbi_step *const *args, size_t nargs);
kdb_status kdbi_run_lower(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_upper(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_length(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_byte_length(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_bit_length(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_left(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_right(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_substring(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_trim(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_ltrim(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_rtrim(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_strpos(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_contains(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_starts_with(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_ends_with(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_repeat(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_pad(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_split_part(const kdbi_step *step, kdbi_run *run, kdb_value *out);
bool kdbi_check_split_part(const kdbi_compiler *c, const kdbi_step *const *args, size_t nargs);
kdb_status kdbi_run_replace(const kdbi_step *step, kdbi_run *run, kdb_value *out);
kdb_status kdbi_run_first_character(const kdbi_step *step, kdbi_run *run, kdb_value *out);

#endif
