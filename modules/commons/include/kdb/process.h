/* process.h - what the kernel says of this process and the machine. Any thread. */
#ifndef KDB_PROCESS_H
#define KDB_PROCESS_H

#include "kdb/base.h"

/* 0 where the kernel does not say. */
typedef struct kdb_process {
    uint64_t rss_bytes, virtual_bytes;
    uint64_t threads;
    uint64_t cpu_us;                    /* of all its threads together, since it began */
    uint64_t total_memory, used_memory; /* of the machine */
} kdb_process;
void kdb_process_read(kdb_process *out);
/* What the process has open, by kind. Others: IPv6 sockets, pipes, and what has no name, such as timers. */
typedef struct kdb_open_files {
    uint64_t total, regular, directories, unix_sockets, ipv4, other;
} kdb_open_files;
void kdb_process_files(kdb_open_files *out);
/* Cores of the machine: processors that share one count once. */
uint64_t kdb_machine_cores(void);
/* Bytes in memory alone: a few microseconds. */
size_t kdb_process_resident(void);

#endif
