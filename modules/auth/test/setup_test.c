/* setup_test.c - the first set-up: what it makes, what it refuses, and that it works once. */
#include "auth_fixture.h"

static kdb_auth_job setup_job(void)
{
    return (kdb_auth_job){
        .kind = KDB_AUTH_SETUP,
        .user = KDB_SV("admin"),
        .password = KDB_SV("Admin-Horse-7"),
        .root_password = KDB_SV("Root-Horse-7"),
        .email = KDB_SV("admin@x.org"),
    };
}

static void refuse(fixture *fix, kdb_auth_job job, kdb_status status, const char *text)
{
    assert_failure(fix, run_job(fix, &job), status, text);
    assert_true(kdb_auth_needs_setup(fix->auth));
}

static void setup_gives_root_a_password_and_makes_a_dba(void **state)
{
    fixture *fix = *state;
    kdb_auth_job job = setup_job();
    assert_ok(fix, run_job(fix, &job));
    assert_text(job.created.id.text, "admin");
    assert_int_equal(job.created.role, KDB_ROLE_DBA);
    assert_text(job.created.email, "admin@x.org");
    for (int round = 0; round < 2; round++) {
        assert_false(kdb_auth_needs_setup(fix->auth));
        assert_ok(fix, log_in(fix, "admin", "Admin-Horse-7", NULL));
        assert_ok(fix, log_in(fix, "root", "Root-Horse-7", NULL));
        fixture_reopen(fix);
    }
}

static void setup_works_once(void **state)
{
    fixture *fix = *state;
    kdb_auth_job job = setup_job();
    assert_ok(fix, run_job(fix, &job));
    job = setup_job();
    job.user = KDB_SV("second");
    assert_failure(fix, run_job(fix, &job), KDB_CONFLICT, "Server is already configured");
}

static void names_are_checked(void **state)
{
    fixture *fix = *state;
    kdb_auth_job job = setup_job();
    job.user = KDB_SV("root");
    refuse(fix, job, KDB_INVALID, "User name 'root' is reserved");
    job.user = KDB_SV("system");
    refuse(fix, job, KDB_INVALID, "User name 'system' is reserved");
    job.user = KDB_SV("");
    refuse(fix, job, KDB_INVALID, "User ID cannot be empty");
    job.user = KDB_SV("a/b");
    refuse(fix, job, KDB_INVALID, "User ID cannot contain '/' (directory separator)");
    assert_ok(fix, create_user(fix, "taken", KDB_ROLE_USER));
    job.user = KDB_SV("taken");
    refuse(fix, job, KDB_ALREADY_EXISTS, "User 'taken' already exists");
    job = setup_job();
    job.email = KDB_SV("a b");
    refuse(fix, job, KDB_INVALID, "E-mail address contains invalid characters");
}

static void both_passwords_are_checked(void **state)
{
    fixture *fix = *state;
    kdb_auth_job job = setup_job();
    job.password = KDB_SV("password1");
    refuse(fix, job, KDB_CONSTRAINT, "Password is too common");
    job = setup_job();
    job.root_password = KDB_SV("short");
    refuse(fix, job, KDB_CONSTRAINT, "root_password: Password must be at least 8 characters (weak)");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(setup_gives_root_a_password_and_makes_a_dba),
        CASE(setup_works_once),
        CASE(names_are_checked),
        CASE(both_passwords_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
