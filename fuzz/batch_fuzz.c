/* batch_fuzz.c - the byte form of a batch, which a replicated log carries: whatever parses is the same bytes again. */
#include "kdb/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const kdb_sv bytes = { (const char *)data, size };
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = NULL;
    kdb_err err;
    if (kdb_batch_parse(bytes, &batch, &err) == KDB_OK) {
        KDB_ASSERT(kdb_sv_eq(kdb_batch_bytes(batch), bytes));
    } else {
        KDB_ASSERT(err.status == KDB_CORRUPT && batch == NULL);
    }
    return 0;
}
