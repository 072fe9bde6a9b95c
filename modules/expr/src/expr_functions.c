/* expr_functions.c - the functions that programs know: one row per name and signature. A signature is a letter per argument,
 * lower case for any value, upper case for one that is a literal; after `>` the result. */
#include "expr_int.h"

typedef const kdbi_step *(*call_compiler)(kdbi_compiler *c, const kdb_node *node);
typedef bool (*call_check)(const kdbi_compiler *c, const kdbi_step *const *args, size_t nargs);

typedef struct function_row {
    const char *name;
    const char *signature;
    kdbi_step_fn run;
    uint32_t detail;
    bool can_fail;
    call_check check;      /* what else the arguments must be; NULL: nothing */
    call_compiler compile; /* instead of all this */
} function_row;

static const function_row function_rows[] = {
    { "abs", NULL, NULL, 0, false, NULL, kdbi_compile_abs },
    { "ascii", "t>i", kdbi_run_first_character, 0, false, NULL, NULL },
    { "bit_length", "t>b", kdbi_run_bit_length, 0, false, NULL, NULL },
    { "btrim", "t>t", kdbi_run_trim, 0, false, NULL, NULL },
    { "btrim", "tt>t", kdbi_run_trim, 0, false, NULL, NULL },
    { "ceil", NULL, NULL, 0, false, NULL, kdbi_compile_round },
    { "ceiling", NULL, NULL, 0, false, NULL, kdbi_compile_round },
    { "century", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "char_length", "t>b", kdbi_run_length, 0, false, NULL, NULL },
    { "character_length", "t>b", kdbi_run_length, 0, false, NULL, NULL },
    { "concat", NULL, NULL, 0, false, NULL, kdbi_compile_concat },
    { "contains", "tt>o", kdbi_run_contains, 0, false, NULL, NULL },
    { "date_part", NULL, NULL, 0, false, NULL, kdbi_compile_date_part },
    { "date_trunc", NULL, NULL, 0, false, NULL, kdbi_compile_date_trunc },
    { "datepart", NULL, NULL, 0, false, NULL, kdbi_compile_date_part },
    { "datetrunc", NULL, NULL, 0, false, NULL, kdbi_compile_date_trunc },
    { "day", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "dayofmonth", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "dayofweek", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "dayofyear", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "decade", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "ends_with", "tt>o", kdbi_run_ends_with, 0, false, NULL, NULL },
    { "epoch", NULL, NULL, 0, false, NULL, kdbi_compile_epoch },
    { "epoch_ms", NULL, NULL, 0, false, NULL, kdbi_compile_epoch_count },
    { "epoch_us", NULL, NULL, 0, false, NULL, kdbi_compile_epoch_count },
    { "floor", NULL, NULL, 0, false, NULL, kdbi_compile_round },
    { "hour", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "ifnull", NULL, NULL, 0, false, NULL, kdbi_compile_coalesce },
    { "instr", "tt>b", kdbi_run_strpos, 0, false, NULL, NULL },
    { "isfinite", NULL, NULL, 0, false, NULL, kdbi_compile_real_test },
    { "isinf", NULL, NULL, 0, false, NULL, kdbi_compile_real_test },
    { "isnan", NULL, NULL, 0, false, NULL, kdbi_compile_real_test },
    { "isodow", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "isoyear", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "json_as_text", NULL, NULL, 0, false, NULL, kdbi_compile_json },
    { "json_contains", NULL, NULL, 0, false, NULL, kdbi_compile_json },
    { "json_get", NULL, NULL, 0, false, NULL, kdbi_compile_json },
    { "json_get_array", NULL, NULL, 0, false, NULL, kdbi_compile_json },
    { "json_get_bool", NULL, NULL, 0, false, NULL, kdbi_compile_json },
    { "json_get_float", NULL, NULL, 0, false, NULL, kdbi_compile_json },
    { "json_get_int", NULL, NULL, 0, false, NULL, kdbi_compile_json },
    { "json_get_json", NULL, NULL, 0, false, NULL, kdbi_compile_json },
    { "json_get_str", NULL, NULL, 0, false, NULL, kdbi_compile_json },
    { "json_length", NULL, NULL, 0, false, NULL, kdbi_compile_json },
    { "lcase", "t>t", kdbi_run_lower, 0, false, NULL, NULL },
    { "left", "ti>t", kdbi_run_left, 0, false, NULL, NULL },
    { "left", "tb>t", kdbi_run_left, 0, true, NULL, NULL },
    { "len", "t>b", kdbi_run_length, 0, false, NULL, NULL },
    { "length", "t>b", kdbi_run_length, 0, false, NULL, NULL },
    { "lower", "t>t", kdbi_run_lower, 0, false, NULL, NULL },
    { "lpad", "tbt>t", kdbi_run_pad, true, true, NULL, NULL },
    { "ltrim", "t>t", kdbi_run_ltrim, 0, false, NULL, NULL },
    { "ltrim", "tt>t", kdbi_run_ltrim, 0, false, NULL, NULL },
    { "microsecond", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "millennium", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "millisecond", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "minute", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "month", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "nvl", NULL, NULL, 0, false, NULL, kdbi_compile_coalesce },
    { "ord", "t>i", kdbi_run_first_character, (uint32_t)-1, false, NULL, NULL },
    { "prefix", "tt>o", kdbi_run_starts_with, 0, false, NULL, NULL },
    { "quarter", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "repeat", "tb>t", kdbi_run_repeat, 0, true, NULL, NULL },
    { "replace", "ttt>t", kdbi_run_replace, 0, true, NULL, NULL },
    { "right", "tb>t", kdbi_run_right, 0, false, NULL, NULL },
    { "round", NULL, NULL, 0, false, NULL, kdbi_compile_round },
    { "rpad", "tbt>t", kdbi_run_pad, false, true, NULL, NULL },
    { "rtrim", "t>t", kdbi_run_rtrim, 0, false, NULL, NULL },
    { "rtrim", "tt>t", kdbi_run_rtrim, 0, false, NULL, NULL },
    { "second", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "split_part", "ttb>t", kdbi_run_split_part, 0, false, kdbi_check_split_part, NULL },
    { "sqrt", NULL, NULL, 0, false, NULL, kdbi_compile_sqrt },
    { "starts_with", "tt>o", kdbi_run_starts_with, 0, false, NULL, NULL },
    { "strlen", "t>b", kdbi_run_byte_length, 0, false, NULL, NULL },
    { "strpos", "tt>b", kdbi_run_strpos, 0, false, NULL, NULL },
    { "substr", "ti>t", kdbi_run_substring, 0, false, kdbi_check_substring, NULL },
    { "substr", "tii>t", kdbi_run_substring, 0, false, kdbi_check_substring, NULL },
    { "substr", "tb>t", kdbi_run_substring, 0, true, kdbi_check_substring, NULL },
    { "substr", "tbb>t", kdbi_run_substring, 0, true, kdbi_check_substring, NULL },
    { "substring", "ti>t", kdbi_run_substring, 0, false, kdbi_check_substring, NULL },
    { "substring", "tii>t", kdbi_run_substring, 0, false, kdbi_check_substring, NULL },
    { "substring", "tb>t", kdbi_run_substring, 0, true, kdbi_check_substring, NULL },
    { "substring", "tbb>t", kdbi_run_substring, 0, true, kdbi_check_substring, NULL },
    { "suffix", "tt>o", kdbi_run_ends_with, 0, false, NULL, NULL },
    { "to_unixtime", NULL, NULL, 0, false, NULL, kdbi_compile_epoch },
    { "trim", "t>t", kdbi_run_trim, 0, false, NULL, NULL },
    { "trim", "tt>t", kdbi_run_trim, 0, false, NULL, NULL },
    { "trunc", NULL, NULL, 0, false, NULL, kdbi_compile_round },
    { "ucase", "t>t", kdbi_run_upper, 0, false, NULL, NULL },
    { "unicode", "t>i", kdbi_run_first_character, (uint32_t)-1, false, NULL, NULL },
    { "upper", "t>t", kdbi_run_upper, 0, false, NULL, NULL },
    { "week", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "weekday", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "weekofyear", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "year", NULL, NULL, 0, false, NULL, kdbi_compile_part },
    { "yearweek", NULL, NULL, 0, false, NULL, kdbi_compile_part },
};

static kdb_type type_of_letter(char letter)
{
    switch (letter) {
    case 't':
        return kdb_type_of(KDB_TYPE_TEXT);
    case 'i':
        return kdb_type_of(KDB_TYPE_INT);
    case 'b':
        return kdb_type_of(KDB_TYPE_BIGINT);
    case 'd':
        return kdb_type_of(KDB_TYPE_DOUBLE);
    case 'f':
        return kdb_type_of(KDB_TYPE_FLOAT);
    case 'w':
        return kdb_type_of(KDB_TYPE_TIMESTAMP);
    case 'a':
        return kdb_type_of(KDB_TYPE_DATE);
    default:
        return kdb_type_of(KDB_TYPE_BOOLEAN);
    }
}

/* Integers are taken where they are no wider than what is wanted; all else must be what is wanted. A parameter is to each of a
 * function's forms what its value is. */
static const kdbi_step *argument(kdbi_compiler *c, const kdbi_step *arg, kdb_type wanted)
{
    const bool widens = kdbi_is_integer(arg->type) && kdbi_is_integer(wanted) && arg->type.kind != KDB_TYPE_BIGINT;
    if (kdbi_is_null_literal(arg) || (!widens && !kdb_type_eq(arg->type, wanted))) {
        return NULL;
    }
    return kdbi_cast(c, arg->is_param ? kdbi_param_open(c, arg) : arg, wanted);
}

static bool fit_signature(kdbi_compiler *c, const char *signature, const kdbi_step *const *args, size_t nargs,
                          const kdbi_step **out)
{
    size_t i = 0;
    for (; signature[i] != '>'; i++) {
        out[i] = i < nargs ? argument(c, args[i], type_of_letter(signature[i])) : NULL;
        if (out[i] == NULL) {
            return false;
        }
    }
    return i == nargs;
}

static const kdbi_step *call(kdbi_compiler *c, const function_row *row, const kdbi_step *const *args, size_t nargs)
{
    enum { ARGS_MAX = 4 };
    const kdbi_step *fitted[ARGS_MAX];
    if (nargs > ARGS_MAX || !fit_signature(c, row->signature, args, nargs, fitted) || kdbi_has_null(c, fitted, nargs) ||
        (row->check != NULL && !row->check(c, fitted, nargs))) {
        return NULL;
    }
    const kdb_type type = type_of_letter(strchr(row->signature, '>')[1]);
    kdbi_step *step = kdbi_step_new(c, row->run, type, fitted, nargs);
    step->detail = row->detail;
    step->can_fail = step->can_fail || row->can_fail;
    return step;
}

const kdbi_step *kdbi_compile_call(kdbi_compiler *c, const kdb_node *node)
{
    const kdbi_step **args = NULL;
    for (size_t i = 0; i < KDB_ARRAY_LEN(function_rows); i++) {
        const function_row *row = &function_rows[i];
        if (!kdb_sv_eq(node->name, kdb_sv_cstr(row->name))) {
            continue;
        }
        if (row->signature == NULL) {
            return row->compile(c, node);
        }
        args = args == NULL ? kdbi_compile_args(c, node) : args;
        const kdbi_step *step = args == NULL ? NULL : call(c, row, args, node->nargs);
        if (step != NULL || args == NULL) {
            return step;
        }
    }
    return NULL;
}

const char *kdb_expr_function_name(size_t index)
{
    return index < KDB_ARRAY_LEN(function_rows) ? function_rows[index].name : NULL;
}
