/* mem.c - heap allocation that ends the process rather than fail: no caller of ours could go on without the memory, and
 * sizes that clients choose go through arenas with a limit instead. */
#include <stdint.h>
#include <stdlib.h>

#include "commons_int.h"
#include "kdb/log.h"

void kdbi_commons_out_of_memory(size_t size)
{
    kdb_log_error("allocate memory failed size=%zu", size);
    abort();
}

void *kdb_alloc(size_t size)
{
    void *ptr = calloc(1, size == 0 ? 1 : size);
    if (ptr == NULL) {
        kdbi_commons_out_of_memory(size);
    }
    return ptr;
}

void *kdb_alloc_array(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        kdbi_commons_out_of_memory(SIZE_MAX);
    }
    return kdb_alloc(total);
}

void *kdb_realloc(void *ptr, size_t size)
{
    void *grown = realloc(ptr, size == 0 ? 1 : size);
    if (grown == NULL) {
        kdbi_commons_out_of_memory(size);
    }
    return grown;
}

void kdb_free(void *ptr)
{
    free(ptr);
}
