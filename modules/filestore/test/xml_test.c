/* xml_test.c - the reader of S3's answers: what it tells of well-formed text, and that it refuses the rest. */
#include "filestore_fixture.h"

#include "filestore_int.h"

typedef struct told {
    kdb_buf text;
    size_t most; /* elements, then the walk is ended */
} told;

static bool tell(void *self, kdb_sv path, kdb_sv text)
{
    told *t = self;
    kdb_buf_printf(&t->text, "%.*s=%.*s;", KDB_SV_ARG(path), KDB_SV_ARG(text));
    return --t->most != 0;
}

static kdb_status walk(kdb_sv text, size_t most, kdb_arena *arena, const char **out)
{
    told t = { .most = most };
    kdb_buf_init(&t.text, 0);
    const kdb_status status = kdbi_xml_walk(text, tell, &t, NULL);
    *out = kdb_sv_dup_cstr(arena, kdb_buf_sv(&t.text));
    kdb_buf_done(&t.text);
    return status;
}

static void assert_told(kdb_arena *arena, const char *text, const char *want)
{
    const char *got;
    assert_int_equal(walk(kdb_sv_cstr(text), 1000, arena, &got), KDB_OK);
    assert_string_equal(got, want);
}

static void elements_are_told_as_they_end(void **state)
{
    assert_told(*state, "<a/>", "a=;");
    assert_told(*state,
                "\xEF\xBB\xBF<?xml version='1.0' encoding=\"UTF-8\"?>\n<a x='>' y=\"/\">\n<b>1</b><b >2</b ><c/></a>\n",
                "a/b=1;a/b=2;a/c=;a=;");
    assert_told(*state, "<a><!-- <b> --><b><c>x</c></b></a>", "a/b/c=x;a/b=;a=;");
    assert_told(*state, "<a>one<!-- - -->two</a>", "a=onetwo;");
}

static void entities_are_what_they_stand_for(void **state)
{
    assert_told(*state, "<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#xe9;&#x20AC;&#x1F600;</a>",
                "a=<>&\"'AB\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80;");
}

static void the_visitor_ends_the_walk(void **state)
{
    const char *got;
    assert_int_equal(walk(KDB_SV("<a><b>1</b><b>2</b> and then nothing that matters"), 1, *state, &got), KDB_OK);
    assert_string_equal(got, "a/b=1;");
}

static void what_is_not_well_formed_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "text",
        "<a>",
        "<a></b>",
        "</a>",
        "<a></a><b/>",
        "<a/>x",
        "x<a/>",
        "<a",
        "<a><b></a>",
        "<a x='></a>",
        "<>",
        "< a/>",
        "<a>&x;</a>",
        "<a>&lt</a>",
        "<a>&#0;</a>",
        "<a>&#;</a>",
        "<a>&#x;</a>",
        "<a>&#xD800;</a>",
        "<a>&#x110000;</a>",
        "<a>&#99999999;</a>",
        "<a>&#1a;</a>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        "<a><![CDATA[x]]></a>",
        "<a><!-- x</a>",
        "<?xml <a/>",
        "<a <b/></a>",
    };
    const char *got;
    for (size_t i = 0; i < KDB_ARRAY_LEN(bad); i++) {
        if (walk(kdb_sv_cstr(bad[i]), 1000, *state, &got) != KDB_IO) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void depth_is_bounded(void **state)
{
    const char *got;
    KDB_CLEANUP(kdb_buf_done) kdb_buf text;
    kdb_buf_init(&text, 0);
    for (int i = 0; i < 1000; i++) {
        kdb_buf_append_lit(&text, "<a>");
    }
    assert_int_equal(walk(kdb_buf_sv(&text), 1000, *state, &got), KDB_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(elements_are_told_as_they_end),
        CASE(entities_are_what_they_stand_for),
        CASE(the_visitor_ends_the_walk),
        CASE(what_is_not_well_formed_is_refused),
        CASE(depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
