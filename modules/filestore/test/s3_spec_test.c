/* s3_spec_test.c - what CREATE STORAGE says of a bucket: where it is then, and what is refused without telling a secret. */
#include "filestore_fixture.h"

#include "s3_int.h"

static kdb_status read_spec(kdb_arena *arena, const char *base, const char *config, const char *credentials,
                            kdbi_s3_spec *out, kdb_err *err)
{
    const kdb_objects_spec spec = { .id = KDB_SV("x"),
                                    .type = KDB_SV("s3"),
                                    .base_directory = kdb_sv_cstr(base),
                                    .config_json = kdb_sv_cstr(config),
                                    .credentials_json = kdb_sv_cstr(credentials) };
    return kdbi_s3_spec_read(&spec, arena, out, err);
}

static void a_bucket_has_a_url(void **state)
{
    static const struct {
        const char *base, *config, *url, *prefix, *region;
    } cases[] = {
        { "s3://cold", "", "https://cold.s3.us-east-1.amazonaws.com", "", "us-east-1" },
        { "s3://cold/", "{}", "https://cold.s3.us-east-1.amazonaws.com", "", "us-east-1" },
        { "s3://cold/a/b/", "{\"region\":\"eu-west-1\"}", "https://cold.s3.eu-west-1.amazonaws.com", "a/b/",
          "eu-west-1" },
        { "s3://cold", "{\"path_style\":true}", "https://s3.us-east-1.amazonaws.com/cold", "", "us-east-1" },
        { "s3://a.b.c", "", "https://s3.us-east-1.amazonaws.com/a.b.c", "", "us-east-1" },
        { "s3://cold", "{\"endpoint\":\"http://minio:9000/\"}", "http://minio:9000/cold", "", "us-east-1" },
        { "s3://cold", "{\"endpoint\":\"https://[::1]:9000\"}", "https://[::1]:9000/cold", "", "us-east-1" },
        { "s3://cold", "{\"endpoint\":\"https://s3.Example.org\",\"path_style\":false}", "https://cold.s3.Example.org",
          "", "us-east-1" },
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(cases); i++) {
        kdbi_s3_spec spec;
        kdb_err err = { 0 };
        if (read_spec(*state, cases[i].base, cases[i].config, "", &spec, &err) != KDB_OK) {
            fail_msg("%s", err.text);
        }
        assert_string_equal(kdb_sv_dup_cstr(*state, spec.url), cases[i].url);
        assert_string_equal(kdb_sv_dup_cstr(*state, spec.prefix), cases[i].prefix);
        assert_string_equal(kdb_sv_dup_cstr(*state, spec.region), cases[i].region);
    }
}

static void bad_places_are_refused(void **state)
{
    static const char *const bases[] = {
        "",           "cold",        "/cold",          "s3://",         "s3://ab",        "S3://cold",  "s3://Cold",
        "s3://co_ld", "s3://a/../b", "s3://cold/../x", "s3://cold/a b", "s3://cold/a//b", "s3://.cold", "s3://cold?x=y"
    };
    static const char *const configs[] = { "[]",
                                           "x",
                                           "{\"endpoint\":1}",
                                           "{\"endpiont\":\"http://x\"}",
                                           "{\"path_style\":\"true\"}",
                                           "{\"endpoint\":\"ftp://x\"}",
                                           "{\"endpoint\":\"http://\"}",
                                           "{\"endpoint\":\"http://user:secret@x\"}",
                                           "{\"endpoint\":\"http://x/path\"}",
                                           "{\"endpoint\":\"http://x?y\"}",
                                           "{\"endpoint\":\"http://x\\r\\ny\"}",
                                           "{\"region\":\"a/b\"}",
                                           "{\"region\":\"a:b\"}",
                                           "{\"endpoint\":\"http://x\",\"endpoint\":\"http://y\"}" };
    kdbi_s3_spec spec;
    for (size_t i = 0; i < KDB_ARRAY_LEN(bases); i++) {
        assert_int_equal(read_spec(*state, bases[i], "", "", &spec, NULL), KDB_INVALID);
    }
    for (size_t i = 0; i < KDB_ARRAY_LEN(configs); i++) {
        assert_int_equal(read_spec(*state, "s3://cold", configs[i], "", &spec, NULL), KDB_INVALID);
    }
}

static void bad_credentials_are_refused_and_not_repeated(void **state)
{
    static const char *const credentials[] = {
        "SEKRIT",
        "\"SEKRIT\"",
        "[\"SEKRIT\"]",
        "{\"access_key_id\":\"SEKRIT\"}",
        "{\"secret_access_key\":\"SEKRIT\"}",
        "{\"session_token\":\"SEKRIT\"}",
        "{\"access_key_id\":\"SEKRIT\",\"secret_access_key\":5}",
        "{\"access_key_id\":\"SEKRIT\",\"secret_access_key\":\"SEKRIT\\r\\nX: y\"}",
        "{\"access_key_id\":\"SEKRIT\",\"secret_access_key\":\"SEKRIT\",\"session_token\":\"SEKRIT \"}",
        "{\"SEKRIT\":\"SEKRIT\"}",
        "{\"access_key_id\":\"SEKRIT\",\"access_key_id\":\"SEKRIT\"}",
        "{\"access_key_id\":\"SEKRIT\"",
    };
    kdbi_s3_spec spec;
    for (size_t i = 0; i < KDB_ARRAY_LEN(credentials); i++) {
        kdb_err err = { 0 };
        assert_int_equal(read_spec(*state, "s3://cold", "", credentials[i], &spec, &err), KDB_INVALID);
        assert_null(strstr(err.text, "SEKRIT"));
    }
}

static void credentials_are_read(void **state)
{
    kdbi_s3_spec spec;
    assert_int_equal(
        read_spec(*state, "s3://cold", "", "{\"access_key_id\":\"a\",\"secret_access_key\":\"b\"}", &spec, NULL),
        KDB_OK);
    assert_true(kdb_sv_eq(spec.access_key, KDB_SV("a")) && kdb_sv_eq(spec.secret_key, KDB_SV("b")));
    assert_int_equal(spec.session_token.len, 0);
    assert_int_equal(read_spec(*state, "s3://cold", "", " ", &spec, NULL), KDB_OK);
    assert_int_equal(spec.access_key.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_bucket_has_a_url),
        CASE(bad_places_are_refused),
        CASE(bad_credentials_are_refused_and_not_repeated),
        CASE(credentials_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
