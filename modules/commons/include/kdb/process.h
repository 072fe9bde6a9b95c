/* process.h - what the kernel says of this process and the machine. Any thread. */
#ifndef KDB_PROCESS_H
#define KDB_PROCESS_H

#include "kdb/base.h"

/* 0 where the kernel does not say. */
typedef struct kdb_process {
    uint64_t rss_bytes, virtual_bytes;
    uint64_t threads;
    uint64_t total_memory, used_memory; /* of the machine */
} kdb_process;
void kdb_process_read(kdb_process *out);
/* Bytes in memory alone: a few microseconds. */
size_t kdb_process_resident(void);

#endif
