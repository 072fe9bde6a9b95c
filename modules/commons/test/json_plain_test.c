/* json_plain_test.c - the short way for plain JSON takes nothing that jansson refuses and reads nothing otherwise than it. */
#include "commons_int.h"
#include "test_support.h"

static kdb_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = kdb_arena_new(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kdb_arena_free(arena);
    return 0;
}

static void usual_requests_are_plain(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"sql\":\"SELECT * FROM app.notes WHERE id = $1\",\"params\":[42]}",
        " {\n\t\"sql\" : \"SELECT \\\"a\\\"\\n\" , \"params\" : [ -1 , \"\xC3\xA4\", true, null ],\r\n \"namespace_id\":\"x\"} ",
        "{\"sql\":\"\",\"params\":[]}",
        "{}",
        "[[],{},0]",
        "999999999999999999",
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(texts); i++) {
        if (kdbi_json_read_plain(kdb_sv_cstr(texts[i]), arena) == NULL) {
            fail_msg("%s", texts[i]);
        }
    }
}

static void anything_else_is_left(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "{\"a\"}",
        "{\"a\":1,}",
        "{,}",
        "[1,]",
        "[1 2]",
        "[1]]",
        "01",
        "-",
        "-01",
        "1.5",
        "1e3",
        "1x",
        "+1",
        "nul",
        "nulll",
        "truefalse",
        "\"",
        "\"\\",
        "\"\\u0041\"",
        "\"\\x\"",
        "\"a\nb\"",
        "\"\xFF\"",
        "'a'",
        "1 2",
        "{\"a\":1,\"a\":2}",
        "{1:2}",
        "1000000000000000000",
        "\xEF\xBB\xBF{}",
        "[[[[[[[[[1]]]]]]]]]",
        "\"\xC3\" \"\xA4\"",
        "1,",
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(texts); i++) {
        if (kdbi_json_read_plain(kdb_sv_cstr(texts[i]), arena) != NULL) {
            fail_msg("%s", texts[i]);
        }
    }
    assert_null(kdbi_json_read_plain(KDB_SV("1\0"), arena));
    assert_null(kdbi_json_read_plain(KDB_SV("\"a\0b\""), arena));
    assert_null(kdbi_json_read_plain(kdb_sv_of(NULL, 0), arena));
}

static void equal_trees(const kdb_json *a, const kdb_json *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_true(kdb_sv_eq(a->key, b->key));
    assert_int_equal(a->boolean, b->boolean);
    assert_int_equal(a->integer, b->integer);
    assert_true(kdb_sv_eq(a->string, b->string));
    assert_int_equal(a->count, b->count);
    const kdb_json *x = a->child;
    const kdb_json *y = b->child;
    for (; x != NULL && y != NULL; x = x->next, y = y->next) {
        equal_trees(x, y);
    }
    assert_true(x == NULL && y == NULL);
}

static void put_random(kdb_buf *buf, uint64_t *seed, int depth)
{
    static const char *const leaves[] = { "0",
                                          "-0",
                                          "7",
                                          "-42",
                                          "999999999999999999",
                                          "9223372036854775807",
                                          "\"\"",
                                          "\"a b\"",
                                          "\"\\\\\\/\\b\\f\\n\\r\\t\\\"\"",
                                          "\"\xE2\x82\xAC\"",
                                          "true",
                                          "false",
                                          "null",
                                          "1.5",
                                          "\"\\u00e4\"",
                                          "12345678901234567890" };
    static const char *const blanks[] = { "", "", "", " ", "\n", "\t \r" };
    const int64_t kind = random_between(seed, 0, depth == 0 ? 5 : 9);
    kdb_buf_append_sv(buf, kdb_sv_cstr(blanks[random_between(seed, 0, 5)]));
    if (kind < 7) {
        kdb_buf_append_sv(buf, kdb_sv_cstr(leaves[random_between(seed, 0, kind == 0 ? 15 : 12)]));
    } else {
        const int64_t count = random_between(seed, 0, 4);
        kdb_buf_append_byte(buf, kind == 7 ? '[' : '{');
        for (int64_t i = 0; i < count; i++) {
            kdb_buf_append_sv(buf, i == 0 ? KDB_SV("") : KDB_SV(","));
            if (kind != 7) {
                kdb_buf_printf(buf, "\"k%d\" :", (int)random_between(seed, 0, 20));
            }
            put_random(buf, seed, depth - 1);
        }
        kdb_buf_append_byte(buf, kind == 7 ? ']' : '}');
    }
    kdb_buf_append_sv(buf, kdb_sv_cstr(blanks[random_between(seed, 0, 5)]));
}

static void damage(kdb_buf *buf, uint64_t *seed)
{
    static const char bytes[] = "\"\\{}[]:,0e9-. \x80un\0\x01";
    for (int64_t i = random_between(seed, 0, 3); i > 0 && buf->len > 0; i--) {
        buf->ptr[random_between(seed, 0, (int64_t)buf->len - 1)] = bytes[random_between(seed, 0, sizeof bytes - 2)];
    }
}

/* A fraction is not plain, so jansson reads the list that holds the text and one. */
static const kdb_json *by_jansson(kdb_sv text)
{
    kdb_buf list;
    kdb_json *tree = NULL;
    kdb_err err;
    kdb_buf_init(&list, 0);
    kdb_buf_append_lit(&list, "[0.5,");
    kdb_buf_append_sv(&list, text);
    kdb_buf_append_byte(&list, ']');
    const kdb_status status = kdb_json_parse(kdb_buf_sv(&list), arena, &tree, &err);
    kdb_buf_done(&list);
    assert_int_equal(status, KDB_OK);
    assert_int_equal(tree->count, 2);
    return tree->child->next;
}

static void plain_texts_are_read_as_jansson_does(void **state)
{
    (void)state;
    uint64_t seed = 21;
    size_t plain = 0;
    kdb_buf buf;
    kdb_buf_init(&buf, 0);
    for (int i = 0; i < 200000; i++) {
        buf.len = 0;
        put_random(&buf, &seed, 4);
        if (i % 2 == 1) {
            damage(&buf, &seed);
        }
        char *text = kdb_sv_heap_cstr(kdb_buf_sv(&buf)); /* of its own, so that a read beyond is seen */
        const kdb_sv exact = kdb_sv_of(text, buf.len);
        const kdb_json *tree = kdbi_json_read_plain(exact, arena);
        if (tree != NULL) {
            plain++;
            equal_trees(tree, by_jansson(exact));
        }
        kdb_free(text);
        kdb_arena_reset(arena);
    }
    kdb_buf_done(&buf);
    assert_true(plain > 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(usual_requests_are_plain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(anything_else_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plain_texts_are_read_as_jansson_does, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
