/* datadir_test.c - the data directory: made, locked, refused when it is not ours, and put in order. */
#include "filestore_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static kdb_datadir *open_ok(const char *path)
{
    kdb_datadir *dir = NULL;
    kdb_err err = { 0 };
    if (kdb_datadir_open(kdb_sv_cstr(path), &dir, &err) != KDB_OK) {
        fail_msg("%s", err.text);
    }
    return dir;
}

static void open_fails(const char *path, kdb_status status, const char *text)
{
    kdb_datadir *dir = NULL;
    kdb_err err = { 0 };
    assert_int_equal(kdb_datadir_open(kdb_sv_cstr(path), &dir, &err), status);
    assert_null(dir);
    assert_string_equal(err.text, text);
}

static unsigned mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 0777;
}

static void a_new_directory_is_made_with_its_parents(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "some/where/data");
    KDB_CLEANUP(kdb_datadir_closep) kdb_datadir *dir = open_ok(path);
    assert_string_equal(names_in(path, arena), "FORMAT LOCK rocksdb storages tmp");
    assert_string_equal(file_content(join_path(arena, path, "FORMAT"), arena), "kalamdb format 1\n");
    assert_int_equal(mode_of(path), 0700);
    assert_int_equal(mode_of(join_path(arena, path, "FORMAT")), 0600);
    assert_string_equal(kdb_datadir_rocksdb(dir), join_path(arena, path, "rocksdb"));
    assert_string_equal(kdb_datadir_storages(dir), join_path(arena, path, "storages"));
    assert_string_equal(kdb_datadir_tmp(dir), join_path(arena, path, "tmp"));
    assert_int_equal(mode_of(kdb_datadir_tmp(dir)), 0700);
}

static void a_closed_directory_opens_again_and_slashes_do_not_matter(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "data");
    kdb_datadir_close(open_ok(path));
    make_file(join_path(arena, path, "rocksdb/000001.log"), "kept");
    kdb_datadir *dir = open_ok(kdb_sv_printf(arena, "%s///%c", path, '\0').ptr);
    assert_string_equal(kdb_datadir_rocksdb(dir), join_path(arena, path, "rocksdb"));
    kdb_datadir_close(dir);
    assert_string_equal(file_content(join_path(arena, path, "rocksdb/000001.log"), arena), "kept");
}

static void a_path_that_is_no_path_is_refused(void **state)
{
    kdb_arena *arena = *state;
    open_fails("", KDB_INVALID, "the path of the data directory is empty or holds a NUL byte");
    kdb_datadir *dir = NULL;
    assert_int_equal(kdb_datadir_open(kdb_sv_of("a\0b", 3), &dir, NULL), KDB_INVALID);
    const char *path = fresh_path(arena, "file");
    make_file(path, "");
    const kdb_sv text = kdb_sv_printf(arena, "making directory '%s': Not a directory%c", path, '\0');
    open_fails(path, KDB_IO, text.ptr);
}

/* ---- whose it is ---- */

static void a_foreign_directory_is_refused_and_unchanged(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "home");
    assert_int_equal(mkdir(path, 0755), 0);
    make_file(join_path(arena, path, "thesis.txt"), "");
    const kdb_sv text = kdb_sv_printf(
        arena,
        "'%s' is not a data directory: it holds 'thesis.txt' and no FORMAT file; name an empty or a new directory%c",
        path, '\0');
    open_fails(path, KDB_CORRUPT, text.ptr);
    assert_string_equal(names_in(path, arena), "thesis.txt");
}

static void what_we_began_to_make_is_ours(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "data");
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(mkdir(join_path(arena, path, "lost+found"), 0700), 0);
    assert_int_equal(mkdir(join_path(arena, path, "tmp"), 0700), 0);
    make_file(join_path(arena, path, "LOCK"), "");
    make_file(join_path(arena, path, "FORMAT.x1Y2z3.tmp"), "kalam");
    kdb_datadir_close(open_ok(path));
    assert_string_equal(names_in(path, arena), "FORMAT LOCK lost+found rocksdb storages tmp");
}

static void another_format_is_refused_and_unchanged(void **state)
{
    static const struct {
        const char *content, *says;
    } rows[] = {
        { "kalamdb format 7\n", "has format version 7; this server reads version 1" },
        { "kalamdb format 0\n", "has format version 0; this server reads version 1" },
        { "kalamdb format one\n", "has a FORMAT file that this server cannot read" },
        { "postgres", "has a FORMAT file that this server cannot read" },
        { "", "has a FORMAT file that this server cannot read" },
    };
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "data");
    assert_int_equal(mkdir(path, 0755), 0);
    for (size_t i = 0; i < KDB_ARRAY_LEN(rows); i++) {
        make_file(join_path(arena, path, "FORMAT"), rows[i].content);
        const kdb_sv text = kdb_sv_printf(arena, "data directory '%s' %s%c", path, rows[i].says, '\0');
        open_fails(path, KDB_CORRUPT, text.ptr);
        assert_string_equal(names_in(path, arena), "FORMAT");
        assert_string_equal(file_content(join_path(arena, path, "FORMAT"), arena), rows[i].content);
    }
}

/* ---- the lock ---- */

/* Opens the directory in a child, which says so on a pipe and then waits to be killed. */
static pid_t hold_in_child(const char *path)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        kdb_datadir *dir = NULL;
        const char said = kdb_datadir_open(kdb_sv_cstr(path), &dir, NULL) == KDB_OK ? 'y' : 'n';
        if (write(ends[1], &said, 1) != 1) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    close(ends[1]);
    char said = 'n';
    assert_int_equal(read(ends[0], &said, 1), 1);
    close(ends[0]);
    assert_int_equal(said, 'y');
    return pid;
}

static void a_second_process_is_refused_until_the_first_is_gone(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "data");
    const pid_t pid = hold_in_child(path);
    const kdb_sv text = kdb_sv_printf(arena, "data directory '%s' is in use by process %d%c", path, (int)pid, '\0');
    open_fails(path, KDB_CONFLICT, text.ptr);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    kdb_datadir_close(open_ok(path));
}

static void a_second_open_in_one_process_is_refused_too(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "data");
    kdb_datadir *dir = open_ok(path);
    const kdb_sv text =
        kdb_sv_printf(arena, "data directory '%s' is in use by process %d%c", path, (int)getpid(), '\0');
    open_fails(path, KDB_CONFLICT, text.ptr);
    kdb_datadir_close(dir);
}

static void a_lock_without_a_pid_is_still_a_lock(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "data");
    kdb_datadir *dir = open_ok(path);
    make_file(join_path(arena, path, "LOCK"), "garbage");
    const kdb_sv text = kdb_sv_printf(arena, "data directory '%s' is in use by another process%c", path, '\0');
    open_fails(path, KDB_CONFLICT, text.ptr);
    kdb_datadir_close(dir);
}

static void a_lock_that_is_a_symlink_is_not_followed(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "data");
    const char *victim = fresh_path(arena, "victim");
    kdb_datadir_close(open_ok(path));
    make_file(victim, "precious");
    assert_int_equal(unlink(join_path(arena, path, "LOCK")), 0);
    assert_int_equal(symlink("../../victim", join_path(arena, path, "LOCK")), 0);
    kdb_datadir *dir = NULL;
    assert_int_equal(kdb_datadir_open(kdb_sv_cstr(path), &dir, NULL), KDB_IO);
    assert_string_equal(file_content(victim, arena), "precious");
}

/* ---- leftovers ---- */

static void tmp_is_emptied_but_symlinks_are_not_followed(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "data");
    kdb_datadir_close(open_ok(path));
    const char *outside = join_path(arena, path, "rocksdb");
    make_file(join_path(arena, outside, "CURRENT"), "precious");
    const char *tmp = join_path(arena, path, "tmp");
    assert_int_equal(mkdir(join_path(arena, tmp, "spill"), 0700), 0);
    assert_int_equal(mkdir(join_path(arena, tmp, "spill/deep"), 0700), 0);
    make_file(join_path(arena, tmp, "spill/deep/block"), "x");
    make_file(join_path(arena, tmp, ".hidden"), "x");
    assert_int_equal(symlink("../rocksdb", join_path(arena, tmp, "link")), 0);
    assert_int_equal(symlink("../../../rocksdb/CURRENT", join_path(arena, tmp, "spill/deep/link")), 0);
    kdb_datadir_close(open_ok(path));
    assert_false(exists(join_path(arena, tmp, ".hidden")));
    assert_string_equal(names_in(tmp, arena), "");
    assert_string_equal(file_content(join_path(arena, outside, "CURRENT"), arena), "precious");
}

static void a_tmp_that_is_a_symlink_is_refused(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "data");
    kdb_datadir_close(open_ok(path));
    make_file(join_path(arena, path, "rocksdb/CURRENT"), "precious");
    assert_int_equal(rmdir(join_path(arena, path, "tmp")), 0);
    assert_int_equal(symlink("rocksdb", join_path(arena, path, "tmp")), 0);
    kdb_datadir *dir = NULL;
    assert_int_equal(kdb_datadir_open(kdb_sv_cstr(path), &dir, NULL), KDB_IO);
    assert_string_equal(file_content(join_path(arena, path, "rocksdb/CURRENT"), arena), "precious");
}

static void temporary_files_of_a_crash_are_swept_and_others_kept(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "data");
    kdb_datadir_close(open_ok(path));
    make_file(join_path(arena, path, "FORMAT.a1B2c3.tmp"), "half");
    make_file(join_path(arena, path, "notes.tmp"), "kept");
    kdb_datadir_close(open_ok(path));
    assert_string_equal(names_in(path, arena), "FORMAT LOCK notes.tmp rocksdb storages tmp");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_new_directory_is_made_with_its_parents),
        CASE(a_closed_directory_opens_again_and_slashes_do_not_matter),
        CASE(a_path_that_is_no_path_is_refused),
        CASE(a_foreign_directory_is_refused_and_unchanged),
        CASE(what_we_began_to_make_is_ours),
        CASE(another_format_is_refused_and_unchanged),
        CASE(a_second_process_is_refused_until_the_first_is_gone),
        CASE(a_second_open_in_one_process_is_refused_too),
        CASE(a_lock_without_a_pid_is_still_a_lock),
        CASE(a_lock_that_is_a_symlink_is_not_followed),
        CASE(tmp_is_emptied_but_symlinks_are_not_followed),
        CASE(a_tmp_that_is_a_symlink_is_refused),
        CASE(temporary_files_of_a_crash_are_swept_and_others_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
