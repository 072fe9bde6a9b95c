/* process_stats.c - what the kernel says of this process and the machine. /proc is a window into the kernel, not a file
 * of ours, so reading it does not go through filestore. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "system_int.h"

enum { PROC_TEXT_MAX = 512 };

/* Reads the start of a file below /proc; an empty text when it cannot be read. */
static void read_proc(const char *path, char text[PROC_TEXT_MAX])
{
    ssize_t len = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        len = read(fd, text, PROC_TEXT_MAX - 1);
        (void)close(fd);
    }
    text[len > 0 ? len : 0] = '\0';
}

static void read_memory(kdbi_process *out)
{
    char text[PROC_TEXT_MAX];
    unsigned long total = 0;
    unsigned long resident = 0;
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    read_proc("/proc/self/statm", text);
    if (sscanf(text, "%lu %lu", &total, &resident) == 2) {
        out->virtual_bytes = total * page;
        out->rss_bytes = resident * page;
    }
}

/* The 20th field of stat; the second may hold blanks and parentheses, so count from the last parenthesis. */
static void read_threads(kdbi_process *out)
{
    char text[PROC_TEXT_MAX];
    unsigned long threads = 0;
    read_proc("/proc/self/stat", text);
    const char *after_name = strrchr(text, ')');
    if (after_name != NULL &&
        sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %lu", &threads) ==
            1) {
        out->threads = threads;
    }
}

static void read_machine(kdbi_process *out)
{
    struct sysinfo info;
    if (sysinfo(&info) == 0) {
        out->total_memory = (uint64_t)info.totalram * info.mem_unit;
        out->used_memory = (uint64_t)(info.totalram - info.freeram - info.bufferram) * info.mem_unit;
    }
}

void kdbi_process_read(kdbi_process *out)
{
    *out = (kdbi_process){ .threads = 0 };
    read_memory(out);
    read_threads(out);
    read_machine(out);
}
