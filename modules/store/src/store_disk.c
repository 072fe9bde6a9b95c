/* store_disk.c - what stands in the way of writing. A disk that is nearly full is seen before RocksDB meets its end; a write of
 * the log that failed is the last one.
 *
 * Of a full disk RocksDB 7.8 recovers by itself, but goes on with the log file whose writing failed: Debian's is built with assertions
 * and aborts the process there, another would fail for ever. So the log must not meet the end of the disk, and what else may happen to
 * it is final until the store is opened again. */
#include <sys/statvfs.h>

#include "store_int.h"

#define MIB (1024 * 1024)

void kdbi_disk_init(kdbi_disk *disk, const kdb_store_options *options)
{
    disk->path = kdb_sv_heap_cstr(kdb_sv_cstr(options->path));
    disk->min_free = options->min_free_bytes;
    kdb_mutex_init(&disk->lock, KDB_LOCK_STORE);
}

void kdbi_disk_done(kdbi_disk *disk)
{
    kdb_mutex_done(&disk->lock);
    kdb_free(disk->path);
}

/* Bytes; INT64_MAX if nobody knows (some file systems have no size), or nobody asked. */
static int64_t free_bytes(const kdbi_disk *disk)
{
    struct statvfs info;
    if (disk->min_free == 0 || disk->path == NULL || statvfs(disk->path, &info) != 0 || info.f_blocks == 0) {
        return INT64_MAX;
    }
    return (int64_t)info.f_bavail * (int64_t)info.f_frsize;
}

static void log_low(kdbi_disk *disk, bool low, int64_t free)
{
    if (atomic_exchange_explicit(&disk->low, low, memory_order_relaxed) == low) {
        return;
    }
    if (low) {
        kdb_log_error("disk nearly full, nothing is written path=%s free_mib=%lld min_free_mib=%lld", disk->path,
                      (long long)(free / MIB), (long long)(disk->min_free / MIB));
    } else {
        kdb_log_info("disk has room again path=%s", disk->path);
    }
}

static kdb_status check_room(kdbi_disk *disk, bool essential, kdb_err *err)
{
    const int64_t free = free_bytes(disk);
    log_low(disk, free < disk->min_free, free);
    if (free >= (essential ? disk->min_free / 2 : disk->min_free)) {
        return KDB_OK;
    }
    return KDB_FAIL(err, KDB_OVERLOADED,
                    "The server's disk is nearly full: nothing can be written until there is room again");
}

static kdb_status tell_failure(kdbi_disk *disk, const char *what, kdb_err *err)
{
    kdb_mutex_lock(&disk->lock);
    const kdb_status status = KDB_FAIL(err, KDB_IO, "%s (%s)", what, disk->failure.text);
    kdb_mutex_unlock(&disk->lock);
    return status;
}

kdb_status kdbi_disk_check(kdbi_disk *disk, bool essential, kdb_err *err)
{
    return atomic_load_explicit(&disk->failed, memory_order_relaxed)
               ? tell_failure(disk, "nothing is written since a write failed; the server must be started again", err)
               : check_room(disk, essential, err);
}

void kdbi_disk_fail(kdbi_disk *disk, const kdb_err *failure, bool is_final)
{
    kdb_mutex_lock(&disk->lock);
    disk->failure = *failure;
    kdb_mutex_unlock(&disk->lock);
    atomic_store_explicit(&disk->failing, true, memory_order_relaxed);
    if (is_final && !atomic_exchange_explicit(&disk->failed, true, memory_order_relaxed)) {
        kdb_log_error("a write failed, nothing is written until the server is started again err=%s", failure->text);
    }
}

void kdbi_disk_succeed(kdbi_disk *disk)
{
    if (atomic_load_explicit(&disk->failing, memory_order_relaxed)) {
        atomic_store_explicit(&disk->failing, false, memory_order_relaxed);
    }
}

kdb_status kdb_store_check(kdb_store *store, kdb_err *err)
{
    kdbi_disk *disk = &store->disk;
    KDB_TRY(kdbi_disk_check(disk, false, err));
    return atomic_load_explicit(&disk->failing, memory_order_relaxed) ? tell_failure(disk, "the last write failed", err)
                                                                      : KDB_OK;
}
