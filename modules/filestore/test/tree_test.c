/* tree_test.c - trees made whole or not at all, and archives of them: what comes out is what went in, and nothing leaves the tree. */
#include "filestore_fixture.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kdb/tree.h"

static const char *make_tree(kdb_arena *arena)
{
    const char *tree = fresh_path(arena, "from");
    assert_int_equal(mkdir(tree, 0700), 0);
    assert_int_equal(mkdir(join_path(arena, tree, "deep"), 0700), 0);
    assert_int_equal(mkdir(join_path(arena, tree, "deep/er"), 0700), 0);
    make_file(join_path(arena, tree, "top"), "one");
    make_file(join_path(arena, tree, "empty"), "");
    make_file(join_path(arena, tree, "deep/er/x.parquet"), "two");
    assert_int_equal(symlink("top", join_path(arena, tree, "link")), 0);
    return tree;
}

static void expect_tree(const char *tree, kdb_arena *arena)
{
    assert_string_equal(names_in(tree, arena), "deep empty top");
    assert_string_equal(file_content(join_path(arena, tree, "top"), arena), "one");
    assert_string_equal(file_content(join_path(arena, tree, "empty"), arena), "");
    assert_string_equal(file_content(join_path(arena, tree, "deep/er/x.parquet"), arena), "two");
}

static ino_t inode(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_ino;
}

static void a_tree_is_there_when_it_is_whole(void **state)
{
    kdb_arena *arena = *state;
    const char *from = make_tree(arena);
    const char *to = fresh_path(arena, "to");
    const char *partial = NULL;
    assert_int_equal(kdb_tree_begin(to, arena, &partial, NULL), KDB_OK);
    assert_int_equal(kdb_tree_put_all(partial, from, NULL, NULL), KDB_OK);
    assert_false(exists(to));
    assert_false(kdb_tree_is_finished(partial));
    assert_int_equal(kdb_tree_publish(partial, to, NULL), KDB_OK);
    assert_true(kdb_tree_is_finished(to));
    assert_false(exists(partial));
    expect_tree(to, arena);
    assert_int_equal(inode(join_path(arena, to, "deep/er/x.parquet")),
                     inode(join_path(arena, from, "deep/er/x.parquet")));
    assert_int_not_equal(inode(join_path(arena, to, "top")), inode(join_path(arena, from, "top")));
}

static void what_is_there_stays(void **state)
{
    kdb_arena *arena = *state;
    const char *from = make_tree(arena);
    const char *partial = NULL;
    kdb_err err;
    assert_int_equal(kdb_tree_begin(from, arena, &partial, &err), KDB_ALREADY_EXISTS);
    assert_non_null(strstr(err.text, from));
    const char *archive = fresh_path(arena, "a.tgz");
    make_file(archive, "mine");
    assert_int_equal(kdb_tree_begin(archive, arena, &partial, &err), KDB_ALREADY_EXISTS);
    assert_string_equal(file_content(archive, arena), "mine");
}

static void an_unfinished_one_gives_way_and_nothing_else(void **state)
{
    kdb_arena *arena = *state;
    const char *to = fresh_path(arena, "to");
    const char *partial = NULL;
    assert_int_equal(kdb_tree_begin(to, arena, &partial, NULL), KDB_OK);
    make_file(join_path(arena, partial, "half"), "x");
    assert_int_equal(kdb_tree_begin(to, arena, &partial, NULL), KDB_OK);
    assert_false(exists(join_path(arena, partial, "half")));
    assert_int_equal(unlink(join_path(arena, partial, "UNFINISHED")), 0);
    make_file(join_path(arena, partial, "mine"), "x");
    kdb_err err;
    assert_int_equal(kdb_tree_begin(to, arena, &partial, &err), KDB_ALREADY_EXISTS);
    assert_true(exists(join_path(arena, partial, "mine")));
}

static void what_is_packed_comes_out_again(void **state)
{
    kdb_arena *arena = *state;
    const char *from = make_tree(arena);
    assert_int_equal(unlink(join_path(arena, from, "link")), 0);
    make_file(join_path(arena, from, "UNFINISHED"), "");
    const char *archive = fresh_path(arena, "a.tar.gz");
    assert_int_equal(kdb_archive_pack(from, archive, NULL, NULL), KDB_OK);
    const char *to = fresh_path(arena, "to");
    assert_int_equal(mkdir(to, 0700), 0);
    assert_int_equal(kdb_archive_unpack(archive, to, NULL, NULL), KDB_OK);
    expect_tree(to, arena);
}

static bool always(void *self)
{
    (void)self;
    return true;
}

static void whoever_says_stop_is_heard(void **state)
{
    kdb_arena *arena = *state;
    const char *from = make_tree(arena);
    const char *archive = fresh_path(arena, "a.zip");
    const kdb_tree_watch watch = { always, NULL };
    kdb_err err;
    assert_int_equal(kdb_archive_pack(from, archive, &watch, &err), KDB_CANCELLED);
    assert_false(exists(archive));
    assert_int_equal(kdb_tree_put_all(fresh_path(arena, "to"), from, &watch, &err), KDB_CANCELLED);
}

static void write_hostile(const char *path, const char *name, int type)
{
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_pax_restricted(archive);
    archive_write_add_filter_gzip(archive);
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, (__LA_MODE_T)type);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_size(entry, 0);
    if (type == AE_IFLNK) {
        archive_entry_set_symlink(entry, "/etc");
    }
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(archive);
}

static void nothing_leaves_the_tree(void **state)
{
    kdb_arena *arena = *state;
    static const struct {
        const char *name;
        int type;
    } hostile[] = {
        { "../out", AE_IFREG }, { "/tmp/out", AE_IFREG }, { "a/../../out", AE_IFREG }, { "a//b", AE_IFREG },
        { "a/./b", AE_IFREG },  { "..", AE_IFDIR },       { "link", AE_IFLNK },        { "pipe", AE_IFIFO }
    };
    for (size_t i = 0; i < KDB_ARRAY_LEN(hostile); i++) {
        const char *archive = fresh_path(arena, "a.tgz");
        const char *to = fresh_path(arena, "to");
        kdb_err err;
        assert_int_equal(mkdir(to, 0700), 0);
        write_hostile(archive, hostile[i].name, hostile[i].type);
        assert_int_equal(kdb_archive_unpack(archive, to, NULL, &err), KDB_CORRUPT);
        assert_string_equal(names_in(to, arena), "");
    }
}

static void what_is_no_archive_is_said_to_be_none(void **state)
{
    kdb_arena *arena = *state;
    const char *archive = fresh_path(arena, "a.tgz");
    const char *to = fresh_path(arena, "to");
    kdb_err err;
    make_file(archive, "this is text, and more of it");
    assert_int_equal(mkdir(to, 0700), 0);
    assert_int_equal(kdb_archive_unpack(archive, to, NULL, &err), KDB_CORRUPT);
    assert_non_null(strstr(err.text, archive));
}

static void old_files_go_and_their_directories(void **state)
{
    kdb_arena *arena = *state;
    const char *tree = make_tree(arena);
    const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    assert_int_equal(utimensat(AT_FDCWD, join_path(arena, tree, "deep/er/x.parquet"), times, 0), 0);
    size_t removed = 0;
    assert_int_equal(kdb_tree_expire(tree, 3600, &removed, NULL), KDB_OK);
    assert_int_equal(removed, 1);
    assert_string_equal(names_in(tree, arena), "empty link top");
    assert_int_equal(kdb_tree_expire(fresh_path(arena, "none"), 0, &removed, NULL), KDB_OK);
    assert_int_equal(removed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_tree_is_there_when_it_is_whole),
        CASE(what_is_there_stays),
        CASE(an_unfinished_one_gives_way_and_nothing_else),
        CASE(what_is_packed_comes_out_again),
        CASE(whoever_says_stop_is_heard),
        CASE(nothing_leaves_the_tree),
        CASE(what_is_no_archive_is_said_to_be_none),
        CASE(old_files_go_and_their_directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
