/* process.c - what the kernel says of this process and the machine. /proc and /sys are windows into the kernel, not files
 * of ours, so reading them does not go through filestore. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "commons_int.h"
#include "kdb/process.h"

enum { PROC_TEXT_MAX = 512 };

/* Reads the start of a file of the kernel's; an empty text when it cannot be read. */
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

static void read_cpu(kdb_process *out)
{
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0) {
        out->cpu_us = (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
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
    read_cpu(out);
    read_machine(out);
}

/* ---- open files ---- */

static uint64_t *socket_count(kdb_open_files *files, int fd)
{
    struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof(address);
    (void)getsockname(fd, (struct sockaddr *)&address, &len);
    return address.ss_family == AF_UNIX   ? &files->unix_sockets
           : address.ss_family == AF_INET ? &files->ipv4
                                          : &files->other;
}

/* One that another thread has closed meanwhile is not counted. */
static void count_file(kdb_open_files *files, int fd)
{
    struct stat what;
    if (fstat(fd, &what) != 0) {
        return;
    }
    files->total++;
    uint64_t *count = S_ISREG(what.st_mode)    ? &files->regular
                      : S_ISDIR(what.st_mode)  ? &files->directories
                      : S_ISSOCK(what.st_mode) ? socket_count(files, fd)
                                               : &files->other;
    (*count)++;
}

void kdb_process_files(kdb_open_files *out)
{
    *out = (kdb_open_files){ .total = 0 };
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return;
    }
    uint64_t fd = 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (kdb_parse_u64(kdb_sv_cstr(entry->d_name), &fd, NULL) == KDB_OK && (int)fd != dirfd(dir)) {
            count_file(out, (int)fd);
        }
    }
    (void)closedir(dir);
}

/* ---- cores ---- */

/* Whether it is the first of those that share its core: the kernel lists them, "0-1" or "0,4". */
static bool is_first_of_core(uint64_t processor)
{
    char path[96], buffer[PROC_TEXT_MAX];
    (void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%llu/topology/thread_siblings_list",
                   (unsigned long long)processor);
    kdb_sv text = read_proc(path, buffer);
    size_t len = 0;
    while (len < text.len && text.ptr[len] >= '0' && text.ptr[len] <= '9') {
        len++;
    }
    uint64_t first = 0;
    return kdb_parse_u64((kdb_sv){ text.ptr, len }, &first, NULL) == KDB_OK && first == processor;
}

uint64_t kdb_machine_cores(void)
{
    uint64_t cores = 0;
    for (uint64_t i = 0; i < (uint64_t)sysconf(_SC_NPROCESSORS_CONF); i++) {
        cores += is_first_of_core(i);
    }
    return cores != 0 ? cores : (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
}
