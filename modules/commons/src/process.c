/* process.c - what the kernel says of this process and the machine. /proc is a window into the kernel, not a file
 * of ours, so reading it does not go through filestore. */
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "commons_int.h"
#include "kdb/process.h"

enum { PROC_TEXT_MAX = 512 };

/* Reads the start of a file below /proc; an empty text when it cannot be read. */
static kdb_sv read_proc(const char *path, char text[PROC_TEXT_MAX])
{
    ssize_t len = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        len = read(fd, text, PROC_TEXT_MAX);
        (void)close(fd);
    }
    return (kdb_sv){ text, len > 0 ? (size_t)len : 0 };
}

/* The number that is word `index` of a text of words with one blank between; 0 when it is not there. */
static uint64_t number_at(kdb_sv text, size_t index)
{
    uint64_t number = 0;
    for (;;) {
        const char *blank = text.len == 0 ? NULL : memchr(text.ptr, ' ', text.len);
        const size_t len = blank == NULL ? text.len : (size_t)(blank - text.ptr);
        if (index-- == 0) {
            return kdb_parse_u64((kdb_sv){ text.ptr, len }, &number, NULL) == KDB_OK ? number : 0;
        }
        if (blank == NULL) {
            return 0;
        }
        text = (kdb_sv){ blank + 1, text.len - len - 1 };
    }
}

/* statm: pages in all, pages in memory, .. */
static void read_memory(kdb_process *out)
{
    char buffer[PROC_TEXT_MAX];
    const kdb_sv text = read_proc("/proc/self/statm", buffer);
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    out->virtual_bytes = number_at(text, 0) * page;
    out->rss_bytes = number_at(text, 1) * page;
}

/* stat: the threads are the 20th field. The second, a name in parentheses, may hold blanks and parentheses: count from
 * the last one, which the third field follows after a blank. */
static void read_threads(kdb_process *out)
{
    char buffer[PROC_TEXT_MAX];
    const kdb_sv text = read_proc("/proc/self/stat", buffer);
    const char *name_end = text.len == 0 ? NULL : memrchr(text.ptr, ')', text.len);
    if (name_end != NULL) {
        const kdb_sv rest = { name_end, text.len - (size_t)(name_end - text.ptr) };
        out->threads = number_at(rest, 20 - 2);
    }
}

static void read_machine(kdb_process *out)
{
    struct sysinfo info;
    if (sysinfo(&info) == 0) {
        out->total_memory = (uint64_t)info.totalram * info.mem_unit;
        out->used_memory = (uint64_t)(info.totalram - info.freeram - info.bufferram) * info.mem_unit;
    }
}

size_t kdb_process_resident(void)
{
    kdb_process process = { .threads = 0 };
    read_memory(&process);
    return (size_t)process.rss_bytes;
}

void kdb_process_read(kdb_process *out)
{
    *out = (kdb_process){ .threads = 0 };
    read_memory(out);
    read_threads(out);
    read_machine(out);
}
