/* json_test.c - JSON in and out, and the two against each other. */
#include <math.h>

#include "test_support.h"

static kdb_arena *arena;
static kdb_buf buf;

static int set_up(void **state)
{
    (void)state;
    arena = kdb_arena_new(0);
    kdb_buf_init(&buf, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kdb_arena_free(arena);
    kdb_buf_done(&buf);
    return 0;
}

static const kdb_json *parse(kdb_sv text)
{
    kdb_json *tree;
    kdb_err err;
    if (kdb_json_parse(text, arena, &tree, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    return tree;
}

static void every_kind_is_read(void **state)
{
    (void)state;
    const kdb_json *tree = parse(KDB_SV(" {\"n\":null,\"t\":true,\"f\":false,\"i\":-42,\"d\":1.5,\"s\":\"x\","
                                        "\"a\":[1,[],{}],\"o\":{\"k\":\"v\"}} \n"));
    assert_int_equal(tree->kind, KDB_JSON_OBJECT);
    assert_int_equal(tree->count, 8);
    assert_int_equal(kdb_json_lookup(tree, KDB_SV("n"))->kind, KDB_JSON_NULL);
    assert_true(kdb_json_lookup(tree, KDB_SV("t"))->boolean);
    assert_int_equal(kdb_json_lookup(tree, KDB_SV("f"))->kind, KDB_JSON_BOOL);
    assert_int_equal(kdb_json_lookup(tree, KDB_SV("i"))->integer, -42);
    assert_true(fabs(kdb_json_lookup(tree, KDB_SV("d"))->number - 1.5) < 1e-9);
    assert_sv(kdb_json_lookup(tree, KDB_SV("s"))->string, "x");
    const kdb_json *array = kdb_json_lookup(tree, KDB_SV("a"));
    assert_int_equal(array->count, 3);
    assert_int_equal(array->child->integer, 1);
    assert_int_equal(array->child->next->kind, KDB_JSON_ARRAY);
    assert_int_equal(array->child->next->next->kind, KDB_JSON_OBJECT);
    assert_null(array->child->next->next->next);
    assert_sv(kdb_json_lookup(kdb_json_lookup(tree, KDB_SV("o")), KDB_SV("k"))->string, "v");
    assert_null(kdb_json_lookup(tree, KDB_SV("missing")));
    assert_null(kdb_json_lookup(array, KDB_SV("a")));
    assert_sv(tree->child->key, "n"); /* in the order of the text */
}

static void integers_keep_64_bits_and_larger_ones_are_doubles(void **state)
{
    (void)state;
    const kdb_json *at = parse(KDB_SV("[9223372036854775807,-9223372036854775808,9223372036854775808,\n"
                                      "-9223372036854775809 , 9007199254740993,\"9223372036854775808\",1e3]"))
                             ->child;
    assert_int_equal(at->kind, KDB_JSON_INT);
    assert_int_equal(at->integer, INT64_MAX);
    at = at->next;
    assert_int_equal(at->kind, KDB_JSON_INT);
    assert_int_equal(at->integer, INT64_MIN);
    at = at->next;
    assert_int_equal(at->kind, KDB_JSON_DOUBLE);
    assert_true(fabs(at->number - 9223372036854775808.0) < 1);
    at = at->next;
    assert_int_equal(at->kind, KDB_JSON_DOUBLE);
    assert_true(fabs(at->number + 9223372036854775808.0) < 1);
    at = at->next;
    assert_int_equal(at->integer, INT64_C(9007199254740993));
    at = at->next;
    assert_sv(at->string, "9223372036854775808");
    at = at->next;
    assert_int_equal(at->kind, KDB_JSON_DOUBLE);
    assert_null(at->next);
}

static void strings_hold_nul_and_escapes(void **state)
{
    (void)state;
    assert_true(kdb_sv_eq(parse(KDB_SV("\"a\\u0000b\""))->string, KDB_SV("a\0b")));
    assert_sv(parse(KDB_SV("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00\""))->string,
              "\"\\/\b\f\n\r\t\xC3\xA4\xF0\x9F\x98\x80");
    assert_sv(parse(KDB_SV("\"99999999999999999999 \\\" [[[ \""))->string, "99999999999999999999 \" [[[ ");
    assert_sv(parse(KDB_SV("\"\""))->string, "");
}

static void check_refused(kdb_sv text, const char *message)
{
    kdb_json *tree = NULL;
    kdb_err err;
    if (kdb_json_parse(text, arena, &tree, &err) != KDB_INVALID) {
        fail_msg("%.*s", KDB_SV_ARG(text));
    }
    assert_null(tree);
    assert_contains(err.text, message);
}

static void malformed_text_is_refused_with_its_place(void **state)
{
    (void)state;
    check_refused(KDB_SV(""), "JSON is");
    check_refused(kdb_sv_of(NULL, 0), "JSON is");
    check_refused(KDB_SV("{\n \"a\": x}"), "line 2 column");
    check_refused(KDB_SV("[1,2"), "cut off");
    check_refused(KDB_SV("[1,]"), "JSON is invalid");
    check_refused(KDB_SV("{\"a\":1,\"a\":2}"), "appears twice");
    check_refused(KDB_SV("1 2"), "followed by other text");
    check_refused(KDB_SV("\"\xFF\""), "not UTF-8");
    check_refused(KDB_SV("\"\\ud800\""), "JSON is invalid");
    check_refused(KDB_SV("1e400"), "out of range");
    check_refused(KDB_SV("{\"a\\u0000\":1}"), "NUL in a name");
    check_refused(KDB_SV("[1]\0"), "JSON is");
    check_refused(KDB_SV("\xEF\xBB\xBF{}"), "JSON is");
    check_refused(KDB_SV("NaN"), "JSON is invalid");
    check_refused(KDB_SV("01"), "JSON is");
    check_refused(KDB_SV("+1"), "JSON is invalid");
    check_refused(KDB_SV("99999999999999999999x"), "JSON is");
    check_refused(KDB_SV("\"abc"), "JSON is");
    check_refused(KDB_SV("\"abc\\"), "JSON is");
    check_refused(KDB_SV("'a'"), "JSON is invalid");
}

static void messages_do_not_quote_the_text(void **state)
{
    (void)state;
    kdb_json *tree;
    kdb_err err;
    assert_status(kdb_json_parse(KDB_SV("{\"password\":\"secret\" oops}"), arena, &tree, &err), KDB_INVALID);
    assert_null(strstr(err.text, "secret"));
    assert_null(strstr(err.text, "oops"));
}

static kdb_sv nested(size_t depth)
{
    char *text = kdb_arena_alloc(arena, depth * 2);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return kdb_sv_of(text, depth * 2);
}

static void nesting_ends_at_64(void **state)
{
    (void)state;
    const kdb_json *tree = parse(nested(64));
    size_t depth = 0;
    for (; tree != NULL; tree = tree->child) {
        depth++;
    }
    assert_int_equal(depth, 64);
    check_refused(nested(65), "nested too deeply at line 1 column 66");
    check_refused(nested(100000), "nested too deeply");
}

static void memory_is_bounded(void **state)
{
    (void)state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *small = kdb_arena_new(10000);
    kdb_json *tree;
    kdb_err err;
    char text[2001];
    memset(text, ',', sizeof(text));
    for (size_t i = 1; i < sizeof(text); i += 2) {
        text[i] = '1';
    }
    text[0] = '[';
    text[sizeof(text) - 1] = ']';
    assert_status(kdb_json_parse(kdb_sv_of(text, sizeof(text)), small, &tree, &err), KDB_LIMIT);
    size_t many = 2200000;
    char *large = kdb_alloc(many);
    memset(large, ',', many);
    assert_status(kdb_json_parse(kdb_sv_of(large, many), small, &tree, &err), KDB_LIMIT);
    kdb_free(large);
}

static kdb_sv written_string(kdb_sv text)
{
    buf.len = 0;
    kdb_json_put_string(&buf, text);
    return kdb_buf_sv(&buf);
}

static void strings_are_escaped(void **state)
{
    (void)state;
    assert_sv(written_string(KDB_SV("")), "\"\"");
    assert_sv(written_string(kdb_sv_of(NULL, 0)), "\"\"");
    assert_sv(written_string(KDB_SV("a\"b\\c/\b\f\n\r\t\x01\x1f\x7f")),
              "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    assert_sv(written_string(KDB_SV("\0")), "\"\\u0000\"");
    assert_sv(written_string(KDB_SV("\xC3\xA4\xF0\x9F\x98\x80")), "\"\xC3\xA4\xF0\x9F\x98\x80\"");
    assert_sv(written_string(KDB_SV("a\xFF\xE2\x82z\xC3")), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\"");
}

static void any_bytes_make_a_readable_string(void **state)
{
    (void)state;
    uint64_t seed = 18;
    for (int i = 0; i < 20000; i++) {
        char bytes[40];
        size_t len = (size_t)random_between(&seed, 0, sizeof(bytes));
        for (size_t j = 0; j < len; j++) {
            bytes[j] = (char)(random_between(&seed, 0, 3) == 0 ? next_random(&seed) : next_random(&seed) % 128);
        }
        kdb_sv text = kdb_sv_of(bytes, len);
        const kdb_json *back = parse(written_string(text));
        assert_true(!kdb_utf8_valid(text) || kdb_sv_eq(back->string, text));
        kdb_arena_reset(arena);
    }
}

static void doubles_read_back_equal(void **state)
{
    (void)state;
    uint64_t seed = 19;
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = next_random(&seed);
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value)) {
            continue;
        }
        buf.len = 0;
        kdb_json_put_double(&buf, value);
        const kdb_json *back = parse(kdb_buf_sv(&buf));
        assert_int_equal(back->kind, KDB_JSON_DOUBLE);
        assert_memory_equal(&back->number, &value, sizeof(value));
        kdb_arena_reset(arena);
    }
}

static void check_value(kdb_value value, const char *expected)
{
    kdb_err err;
    buf.len = 0;
    assert_ok(kdb_json_put_value(&buf, &value, &err));
    assert_sv(kdb_buf_sv(&buf), expected);
    /* A cell of a vector is written the same way. */
    kdb_chunk *chunk = kdb_chunk_new_sized(arena, &value.type, 1, 1);
    kdb_vec_put(&chunk->cols[0], 0, &value);
    buf.len = 0;
    assert_ok(kdb_json_put_cell(&buf, &chunk->cols[0], 0, &err));
    assert_sv(kdb_buf_sv(&buf), expected);
}

static kdb_value typed(kdb_type_kind kind, const char *text)
{
    kdb_type type = kdb_type_of(kind);
    if (kind == KDB_TYPE_DECIMAL) {
        type = (kdb_type){ kind, 10, 2, 0 };
    } else if (kind == KDB_TYPE_EMBEDDING) {
        type = (kdb_type){ kind, 0, 0, 3 };
    }
    kdb_value in = kdb_value_text(kdb_sv_cstr(text));
    kdb_value out;
    assert_ok(kdb_value_coerce(&in, type, arena, &out, NULL));
    return out;
}

static void cells_are_as_the_protocol_says(void **state)
{
    (void)state;
    check_value(kdb_value_null(kdb_type_of(KDB_TYPE_BIGINT)), "null");
    check_value(kdb_value_null(kdb_type_of(KDB_TYPE_NULL)), "null");
    check_value(kdb_value_bool(true), "true");
    check_value(typed(KDB_TYPE_SMALLINT, "-7"), "-7");
    check_value(kdb_value_int(42), "42");
    check_value(kdb_value_bigint(42), "\"42\"");
    check_value(kdb_value_bigint(INT64_MIN), "\"-9223372036854775808\"");
    check_value(typed(KDB_TYPE_FLOAT, "1.1"), "1.100000023841858");
    check_value(kdb_value_double(1.0), "1.0");
    check_value(typed(KDB_TYPE_DECIMAL, "-0.5"), "\"-0.50\"");
    check_value(typed(KDB_TYPE_DECIMAL, "200.75"), "\"200.75\"");
    check_value(kdb_value_text(KDB_SV("a\"b")), "\"a\\\"b\"");
    check_value(kdb_value_json(KDB_SV("{\"a\":1}")), "\"{\\\"a\\\":1}\"");
    check_value(typed(KDB_TYPE_FILE, "{}"), "\"{}\"");
    check_value(typed(KDB_TYPE_BYTES, "\\x00ff0a"), "[0,255,10]");
    check_value(typed(KDB_TYPE_BYTES, ""), "[]");
    check_value(typed(KDB_TYPE_UUID, "0123456789ABCDEF0123456789ABCDEF"), "\"01234567-89ab-cdef-0123-456789abcdef\"");
    check_value(typed(KDB_TYPE_TIMESTAMP, "2026-03-08T10:40:00Z"), "1772966400000000");
    check_value(typed(KDB_TYPE_DATETIME, "1970-01-01"), "0");
    check_value(typed(KDB_TYPE_DATE, "1969-12-31"), "-1");
    check_value(typed(KDB_TYPE_TIME, "00:00:01"), "1000000");
    check_value(typed(KDB_TYPE_EMBEDDING, "[0.5,1,-2]"), "[0.5,1.0,-2.0]");
}

static void numbers_that_json_lacks_are_errors(void **state)
{
    (void)state;
    kdb_err err;
    kdb_value nan = kdb_value_double((double)NAN);
    kdb_value infinity = { .type = kdb_type_of(KDB_TYPE_FLOAT), .as.f32 = -(float)INFINITY };
    const float floats[2] = { 1, (float)NAN };
    kdb_value vector = { .type = { KDB_TYPE_EMBEDDING, 0, 0, 2 }, .as.f32s = floats };
    assert_status(kdb_json_put_value(&buf, &nan, &err), KDB_EXECUTION);
    assert_string_equal(err.text, "NaN cannot be sent as JSON");
    assert_status(kdb_json_put_value(&buf, &infinity, &err), KDB_EXECUTION);
    assert_string_equal(err.text, "infinity cannot be sent as JSON");
    assert_status(kdb_json_put_value(&buf, &vector, &err), KDB_EXECUTION);
}

static void types_have_their_wire_names(void **state)
{
    (void)state;
    static const char *const names[KDB_TYPE_KIND_COUNT] = {
        "\"Text\"",     "\"Boolean\"",
        "\"Int\"",      "\"BigInt\"",
        "\"Double\"",   "\"Float\"",
        "\"Text\"",     "\"Timestamp\"",
        "\"Date\"",     "\"DateTime\"",
        "\"Time\"",     "\"Json\"",
        "\"Bytes\"",    "{\"Embedding\":384}",
        "\"Uuid\"",     "{\"Decimal\":{\"precision\":10,\"scale\":2}}",
        "\"SmallInt\"", "\"File\""
    };
    for (int i = 0; i < KDB_TYPE_KIND_COUNT; i++) {
        buf.len = 0;
        kdb_json_put_type(&buf, (kdb_type){ (kdb_type_kind)i, 10, 2, 384 });
        assert_sv(kdb_buf_sv(&buf), names[i]);
    }
}

static void damaged_text_never_crashes(void **state)
{
    (void)state;
    uint64_t seed = 20;
    static const char good[] = "{\"a\":[1,2.5,\"x\\u00e4\",null,true],\"b\":{\"c\":99999999999999999999}}";
    for (int i = 0; i < 50000; i++) {
        size_t len = (size_t)random_between(&seed, 0, sizeof(good) - 1);
        char *text = kdb_sv_heap_cstr(kdb_sv_of(good, len)); /* so that a read beyond is seen */
        for (int j = 0; j < 3 && len > 0; j++) {
            text[random_between(&seed, 0, (int64_t)len - 1)] = "\"\\{}[]:,0e9-\x80 u\0"[random_between(&seed, 0, 15)];
        }
        kdb_json *tree;
        kdb_err err;
        kdb_status status = kdb_json_parse(kdb_sv_of(text, len), arena, &tree, &err);
        assert_true(status == KDB_OK || status == KDB_INVALID);
        kdb_free(text);
        kdb_arena_reset(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(integers_keep_64_bits_and_larger_ones_are_doubles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strings_hold_nul_and_escapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malformed_text_is_refused_with_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(messages_do_not_quote_the_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nesting_ends_at_64, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strings_are_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_bytes_make_a_readable_string, set_up, tear_down),
        cmocka_unit_test_setup_teardown(doubles_read_back_equal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cells_are_as_the_protocol_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_json_lacks_are_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(types_have_their_wire_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_text_never_crashes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
