/* file_test.c - small files: read whole within a limit, replaced whole or not at all. */
#include "filestore_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void what_is_written_is_read(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "file");
    const kdb_sv contents[] = { KDB_SV("first"), KDB_SV(""), KDB_SV("with \0 inside") };
    for (size_t i = 0; i < KDB_ARRAY_LEN(contents); i++) {
        assert_int_equal(kdb_file_write(path, contents[i], 0640, NULL), KDB_OK);
        kdb_sv content;
        assert_int_equal(kdb_file_read(path, 100, arena, &content, NULL), KDB_OK);
        assert_true(kdb_sv_eq(content, contents[i]));
    }
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void a_name_without_a_slash_is_in_the_working_directory(void **state)
{
    kdb_arena *arena = *state;
    kdb_sv content;
    assert_int_equal(kdb_file_write("plain", KDB_SV("x"), 0600, NULL), KDB_OK);
    assert_int_equal(kdb_file_read("plain", 1, arena, &content, NULL), KDB_OK);
    assert_int_equal(unlink("plain"), 0);
}

static void reading_has_a_limit(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "file");
    make_file(path, "12345");
    kdb_sv content = KDB_SV("before");
    kdb_err err = { 0 };
    assert_int_equal(kdb_file_read(path, 4, arena, &content, &err), KDB_LIMIT);
    assert_non_null(strstr(err.text, path));
    assert_string_equal(content.ptr, "before");
    assert_int_equal(kdb_file_read(path, 5, arena, &content, NULL), KDB_OK);
    assert_int_equal(content.len, 5);
}

static void failures_name_the_file_and_the_reason(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "no/file");
    kdb_sv content;
    kdb_err err = { 0 };
    assert_int_equal(kdb_file_read(path, 10, arena, &content, &err), KDB_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(kdb_file_write(path, KDB_SV("x"), 0600, &err), KDB_IO);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "No such file or directory"));
    assert_int_equal(kdb_file_read(".", 10, arena, &content, &err), KDB_IO);
    assert_string_equal(err.text, "reading '.': not a regular file");
}

static void a_failed_replacement_leaves_the_old_content_alone(void **state)
{
    kdb_arena *arena = *state;
    const char *path = fresh_path(arena, "target");
    assert_int_equal(mkdir(path, 0700), 0); /* a directory cannot be replaced by a file */
    assert_int_equal(kdb_file_write(path, KDB_SV("x"), 0600, NULL), KDB_IO);
    assert_string_equal(names_in(join_path(arena, path, ".."), arena), "target");
}

/* In a child, as the limit cannot be raised again: files may not grow past 4 bytes, as on a full disk. */
static void write_on_a_full_disk(const char *path)
{
    signal(SIGXFSZ, SIG_IGN);
    const bool limited = setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 4, 4 }) == 0;
    kdb_err err = { 0 };
    const kdb_status status = kdb_file_write(path, KDB_SV("new content"), 0600, &err);
    _exit(limited && status == KDB_IO && strstr(err.text, "File too large") != NULL ? 0 : 1);
}

static void a_full_disk_leaves_the_old_content_and_no_temporary_file(void **state)
{
    kdb_arena *arena = *state;
    const char *parent = fresh_path(arena, "dir");
    const char *path = join_path(arena, parent, "file");
    assert_int_equal(mkdir(parent, 0700), 0);
    assert_int_equal(kdb_file_write(path, KDB_SV("old"), 0600, NULL), KDB_OK);
    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        write_on_a_full_disk(path);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(file_content(path, arena), "old");
    assert_string_equal(names_in(parent, arena), "file");
}

typedef struct writer {
    const char *path;
    char letter;
} writer;

enum { WRITERS = 4, ROUNDS = 50, CONTENT_BYTES = 8000 };

static void write_many(void *arg)
{
    const writer *self = arg;
    char content[CONTENT_BYTES];
    memset(content, self->letter, sizeof(content));
    for (int i = 0; i < ROUNDS; i++) {
        KDB_ASSERT(kdb_file_write(self->path, kdb_sv_of(content, sizeof(content)), 0600, NULL) == KDB_OK);
    }
}

static void readers_see_one_whole_content_of_many_writers(void **state)
{
    kdb_arena *paths = *state;
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    const char *path = fresh_path(paths, "file");
    writer writers[WRITERS];
    kdb_thread threads[WRITERS] = { 0 };
    write_many(&(writer){ path, 'z' });
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){ path, (char)('a' + i) };
        kdb_thread_start(&threads[i], "writer", KDB_THREAD_ANY, write_many, &writers[i]);
    }
    for (int i = 0; i < 10 * ROUNDS; i++) {
        kdb_arena_reset(arena);
        kdb_sv content;
        assert_int_equal(kdb_file_read(path, CONTENT_BYTES, arena, &content, NULL), KDB_OK);
        assert_int_equal(content.len, CONTENT_BYTES);
        assert_int_equal(content.ptr[0], content.ptr[CONTENT_BYTES - 1]);
    }
    for (int i = 0; i < WRITERS; i++) {
        kdb_thread_join(&threads[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_written_is_read),
        CASE(a_name_without_a_slash_is_in_the_working_directory),
        CASE(reading_has_a_limit),
        CASE(failures_name_the_file_and_the_reason),
        CASE(a_failed_replacement_leaves_the_old_content_alone),
        CASE(a_full_disk_leaves_the_old_content_and_no_temporary_file),
        CASE(readers_see_one_whole_content_of_many_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
