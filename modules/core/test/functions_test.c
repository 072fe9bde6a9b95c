/* functions_test.c - every function of the engine is either in dialect's list or refused here with a reason, so that a new
 * engine cannot widen what users may call unseen; and every row of the list names a function that the engine has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "kdb/dialect.h"
#include "kdb/engine.h"

enum { NAMES_MAX = 4096 };

typedef struct refused_row {
    const char *names; /* separated by blanks; a `*` at the end of one stands for any rest */
    const char *reason;
} refused_row;

static const refused_row refused_rows[] = {
    { "kdb_scan_* kdb_join kdb_like kdb_compared kdb_found kdb_searched kdb_rewrite",
      "are what dialect writes for tables, for || and LIKE, and around arguments" },
    { "arrow_scan* glob parquet_* read_* seq_scan sniff_csv add_parquet_key repeat_row", "read files or memory" },
    { "query query_table json_execute_serialized_sql json_deserialize_sql json_serialize_plan json_serialize_sql "
      "check_peg_parser sql_auto_complete summary",
      "run or take apart SQL" },
    { "checkpoint force_checkpoint copy_database import_database database_size storage_info truncate_duckdb_logs write_log "
      "which_secret",
      "act on the database" },
    { "enable_* disable_* verify_* all_profiling_output", "switch settings" },
    { "duckdb_* pragma_* show show_* database_list table_info collations extension_versions functions metadata_info "
      "platform user_agent version stats test_all_types test_vector_types parse_duckdb_log_message get_block_size "
      "col_description obj_description shobj_description",
      "read the engine's catalog" },
    { "pg_* has_* format_pg_type format_type map_to_pg_oid in_search_path inet_* txid_current "
      "getvariable current_setting current_catalog current_connection_id current_database current_query current_query_id "
      "current_schema current_schemas current_transaction_id currval nextval setseed",
      "read or change the engine's session, which is not the user's" },
    { "current_date current_localtime current_localtimestamp current_role current_user session_user user "
      "get_current_time uuidv4 uuidv7",
      "mean something of the server's: dialect_call.c writes them, or a function of ours stands for them" },
    { "| || !* %* &* ** * + - ->> / // <* >> @ @> ^ ^@ ~* add divide multiply subtract position greatest least nullif "
      "like_escape ilike_escape not_like_escape not_ilike_escape count_star row error element_at",
      "are operators and syntax, which dialect writes itself" },
    { "__internal_* constant_or_null combine finalize aggregate apply reduce filter create_sort_key vector_type "
      "remap_struct replace_type generate_subscripts unpivot_list stats alias normalized_interval is_histogram_other_bin "
      "timetz_byte_comparable sum_no_overflow can_cast_implicitly cast_to_type typeof icu_* array_to_string_comma_default "
      "get_bit set_bit bit_position bitstring bitstring_agg variant_*",
      "are the engine's own tools, or of types that no column has" },
    { "map map_* struct_* union_* enum_* histogram_values histogram_exact json_transform* json_group_structure "
      "from_json from_json_strict json",
      "make values of types that no answer can carry" },
    { "list_apply list_transform list_filter list_reduce list_aggr list_aggregate array_apply array_transform array_filter "
      "array_reduce array_aggr array_aggregate",
      "take functions as arguments, by name or as lambdas" },
    { "approx_top_k arg_max_null arg_min_null argmax argmin array_cross_product array_grade_up array_negative_dot_product "
      "array_pop_back array_pop_front array_push_back array_push_front array_select array_value array_where array_zip "
      "editdist3 equi_width_bins fdiv fmod formatReadable* from_binary geomean geometric_mean grade_up json_each json_tree "
      "left_grapheme length_grapheme list_approx_count_distinct list_bit_and list_bit_or list_bit_xor list_bool_and "
      "list_bool_or list_entropy list_grade_up list_has list_histogram list_kurtosis list_kurtosis_pop list_mad list_mode "
      "list_negative_dot_product list_negative_inner_product list_pack list_product list_select list_sem list_skewness "
      "list_stddev_pop list_stddev_samp list_var_pop list_var_samp list_where make_timestamp_ms make_timestamp_ns "
      "make_timestamptz md5_number* parse_dirname parse_dirpath parse_filename parse_path regexp_split_to_table "
      "right_grapheme roundbankers substring_grapheme unbin wavg weighted_avg",
      "are not asked for: other functions of the list do what they do" },
    { "format printf", "make as much text as their format asks for, which no limit of the engine counts" },
};

/* ---- the engine's functions ---- */

typedef struct fixture {
    kdb_engine *engine;
    kdb_engine_conn *conn;
    kdb_arena *arena;
    kdb_sv *names;
    size_t count;
} fixture;

static kdb_status no_scan(KDB_UNUSED void *self, KDB_UNUSED size_t slot, KDB_UNUSED const size_t *projection,
                          KDB_UNUSED size_t nprojection, KDB_UNUSED void **out, KDB_UNUSED size_t *max_threads,
                          kdb_err *err)
{
    return KDB_FAIL(err, KDB_INTERNAL, "nothing to scan");
}

static void keep_names(fixture *f, const kdb_chunk *chunk)
{
    for (size_t i = 0; i < chunk->nrows; i++) {
        const kdb_sv *texts = chunk->cols[0].data;
        f->names[f->count++] = kdb_sv_dup(f->arena, texts[i]);
    }
}

static int set_up(void **state)
{
    fixture *f = KDB_NEW(fixture);
    const kdb_engine_options options = {
        .memory_limit = 64 << 20, .threads = 1, .allowed_directory = "/tmp", .temp_directory = "/tmp"
    };
    const kdb_scan_source source = { .open = no_scan };
    kdb_err err = { .position = -1 };
    kdb_engine_plan *plan = NULL;
    kdb_engine_cursor *cursor = NULL;
    const kdb_chunk *chunk = NULL;
    f->arena = kdb_arena_new(0);
    f->names = KDB_ARENA_ARRAY(f->arena, kdb_sv, NAMES_MAX);
    assert_int_equal(kdb_engine_open(&options, &f->engine, &err), KDB_OK);
    assert_int_equal(kdb_engine_connect(f->engine, &f->conn, &err), KDB_OK);
    const kdb_sv sql = KDB_SV("SELECT DISTINCT function_name FROM duckdb_functions() ORDER BY 1");
    assert_int_equal(kdb_engine_prepare(f->conn, sql, NULL, 0, &plan, &err), KDB_OK);
    assert_int_equal(kdb_engine_execute(plan, NULL, 0, &source, &cursor, &err), KDB_OK);
    do {
        assert_int_equal(kdb_engine_fetch(cursor, &chunk, &err), KDB_OK);
        assert_true(f->count + chunk->nrows <= NAMES_MAX);
        keep_names(f, chunk);
    } while (chunk->nrows != 0);
    kdb_engine_cursor_free(cursor);
    kdb_engine_plan_free(plan);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    kdb_engine_disconnect(f->conn);
    kdb_engine_close(f->engine);
    kdb_arena_free(f->arena);
    kdb_free(f);
    return 0;
}

/* ---- the list and the refused ---- */

static kdb_sv engine_name(const kdb_function_def *def)
{
    return kdb_sv_cstr(def->engine == NULL ? def->name : def->engine);
}

static bool is_listed(kdb_sv name)
{
    for (size_t i = 0; i < kdb_function_defs_count; i++) {
        if (kdb_sv_eq(engine_name(&kdb_function_defs[i]), name) ||
            kdb_sv_eq(kdb_sv_cstr(kdb_function_defs[i].name), name)) {
            return true;
        }
    }
    return false;
}

/* `read_*` matches read_csv; `*` alone is a name. */
static bool matches(kdb_sv pattern, kdb_sv name)
{
    if (pattern.len > 1 && pattern.ptr[pattern.len - 1] == '*') {
        return kdb_sv_has_prefix(name, kdb_sv_of(pattern.ptr, pattern.len - 1));
    }
    return kdb_sv_eq(pattern, name);
}

/* The next of the blank-separated names; empty at the end. */
static kdb_sv next_pattern(const char **names)
{
    while (**names == ' ') {
        *names += 1;
    }
    const char *start = *names;
    while (**names != ' ' && **names != '\0') {
        *names += 1;
    }
    return kdb_sv_of(start, (size_t)(*names - start));
}

static bool is_refused(kdb_sv name)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(refused_rows); i++) {
        const char *names = refused_rows[i].names;
        for (kdb_sv pattern = next_pattern(&names); pattern.len != 0; pattern = next_pattern(&names)) {
            if (matches(pattern, name)) {
                return true;
            }
        }
    }
    return false;
}

static void every_function_of_the_engine_is_listed_or_refused(void **state)
{
    const fixture *f = *state;
    size_t wrong = 0;
    assert_true(f->count > 700);
    for (size_t i = 0; i < f->count; i++) {
        const kdb_sv name = f->names[i];
        const bool listed = is_listed(name);
        if (listed == is_refused(name) && name.len != 0) {
            print_error("%.*s is %s\n", KDB_SV_ARG(name), listed ? "listed and refused" : "neither listed nor refused");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static bool is_known(const fixture *f, kdb_sv pattern)
{
    for (size_t i = 0; i < f->count; i++) {
        if (matches(pattern, f->names[i])) {
            return true;
        }
    }
    return false;
}

static void nothing_is_refused_that_the_engine_has_not(void **state)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(refused_rows); i++) {
        const char *names = refused_rows[i].names;
        assert_true(strlen(refused_rows[i].reason) > 10);
        for (kdb_sv pattern = next_pattern(&names); pattern.len != 0; pattern = next_pattern(&names)) {
            if (!is_known(*state, pattern)) {
                fail_msg("the engine has no function %.*s", KDB_SV_ARG(pattern));
            }
        }
    }
}

/* What dialect_call.c or the engine's own grammar makes something else of. */
static bool is_syntax(const kdb_function_def *def)
{
    static const char *const names[] = { "current_user_id", "nvl", "ifnull", "percentile_cont", "percentile_disc" };
    for (size_t i = 0; i < KDB_ARRAY_LEN(names); i++) {
        if (strcmp(names[i], def->name) == 0) {
            return true;
        }
    }
    return def->kind == KDB_FUNCTION_WINDOW;
}

static void every_row_of_the_list_names_a_function_of_the_engine(void **state)
{
    for (size_t i = 0; i < kdb_function_defs_count; i++) {
        const kdb_function_def *def = &kdb_function_defs[i];
        const kdb_sv name = engine_name(def);
        if (!is_known(*state, name) && !is_syntax(def)) {
            fail_msg("the engine has no function %.*s", KDB_SV_ARG(name));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_of_the_engine_is_listed_or_refused),
        cmocka_unit_test(nothing_is_refused_that_the_engine_has_not),
        cmocka_unit_test(every_row_of_the_list_names_a_function_of_the_engine),
    };
    return cmocka_run_group_tests_name("functions", tests, set_up, tear_down);
}
