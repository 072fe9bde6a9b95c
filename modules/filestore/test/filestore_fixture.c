/* filestore_fixture.c - what filestore's tests share. */
#include "filestore_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

const char *join_path(kdb_arena *arena, const char *path, const char *name)
{
    return kdb_sv_printf(arena, "%s/%s%c", path, name, '\0').ptr;
}

const char *fresh_path(kdb_arena *arena, const char *name)
{
    char parent[] = "filestore-XXXXXX";
    assert_non_null(mkdtemp(parent));
    return join_path(arena, parent, name);
}

void make_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

const char *file_content(const char *path, kdb_arena *arena)
{
    char content[4096] = { 0 };
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t len = fread(content, 1, sizeof(content) - 1, file);
    assert_int_equal(fclose(file), 0);
    return kdb_sv_dup_cstr(arena, kdb_sv_of(content, len));
}

bool exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

const char *names_in(const char *path, kdb_arena *arena)
{
    struct dirent **entries = NULL;
    const int count = scandir(path, &entries, NULL, alphasort);
    assert_true(count >= 0);
    kdb_sv names = KDB_SV("");
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            names = kdb_sv_printf(arena, "%.*s%s%s", KDB_SV_ARG(names), names.len == 0 ? "" : " ", entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return kdb_sv_dup_cstr(arena, names);
}

int make_arena(void **state)
{
    *state = kdb_arena_new(0);
    return 0;
}

int free_arena(void **state)
{
    kdb_arena_free(*state);
    return 0;
}
