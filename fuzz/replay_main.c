/* replay_main.c - stands in for libFuzzer where there is none: hands each saved input to the parser once, so that what
 * was found stays found. Takes the directories that hold the inputs; one that does not exist holds none.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, const char *path)
{
    fprintf(stderr, "%s %s: %s\n", what, path, strerror(errno));
    exit(2);
}

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        fail("cannot open", path);
    }
    long size = ftell(file);
    if (size < 0) {
        fail("cannot measure", path);
    }
    rewind(file);
    /* Exactly as large as the input, so that a sanitiser sees a read past its end. */
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
        fail("cannot read", path);
    }
    (void)fclose(file);
    printf("%s\n", path);
    (void)fflush(stdout); /* the last line names the input that crashed */
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

static int replay_directory(const char *directory)
{
    DIR *dir = opendir(directory);
    if (dir == NULL) {
        if (errno != ENOENT) {
            fail("cannot open", directory);
        }
        return 0;
    }
    int count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            char path[4096];
            (void)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
            replay_file(path);
            count++;
        }
    }
    (void)closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        count += replay_directory(argv[i]);
    }
    printf("replayed %d inputs\n", count);
    return 0;
}
