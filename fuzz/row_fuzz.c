/* row_fuzz.c - bytes from disk as rows and keys. The first byte chooses:
 *   even  the rest is a row. What opens must read without a wild access, and encode again to an equal row.
 *   odd   the rest is a length, two user ids and two texts, and the tail a key from nowhere. Keys must order as their
 *         values do and belong to their own user only. */
#include <stdint.h>
#include <stdlib.h>

#include "kdb/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two versions: columns dropped, added, moved and widened, so that both ways of reading are taken. */
static const kdb_column before[] = {
    { .id = 1, .name = { "a", 1 }, .type = { .kind = KDB_TYPE_INT } },
    { .id = 2, .name = { "b", 1 }, .type = { .kind = KDB_TYPE_TEXT } },
    { .id = 3, .name = { "c", 1 }, .type = { .kind = KDB_TYPE_EMBEDDING, .dim = 2 } },
    { .id = 4, .name = { "d", 1 }, .type = { .kind = KDB_TYPE_DECIMAL, .precision = 9, .scale = 2 } },
    { .id = 5, .name = { "e", 1 }, .type = { .kind = KDB_TYPE_BYTES } },
    { .id = 6, .name = { "f", 1 }, .type = { .kind = KDB_TYPE_TEXT } },
};
static const kdb_column after[] = {
    { .id = 4, .name = { "d", 1 }, .type = { .kind = KDB_TYPE_TEXT } },
    { .id = 3, .name = { "c", 1 }, .type = { .kind = KDB_TYPE_EMBEDDING, .dim = 2 } },
    { .id = 1, .name = { "a", 1 }, .type = { .kind = KDB_TYPE_BIGINT } },
    { .id = 7, .name = { "g", 1 }, .type = { .kind = KDB_TYPE_UUID } },
    { .id = 2, .name = { "b", 1 }, .type = { .kind = KDB_TYPE_TEXT } },
    { .id = 5, .name = { "e", 1 }, .type = { .kind = KDB_TYPE_BYTES } },
    { .id = 8, .name = { "h", 1 }, .type = { .kind = KDB_TYPE_BOOLEAN } },
};
enum { NBEFORE = KDB_ARRAY_LEN(before), NAFTER = KDB_ARRAY_LEN(after) };
static const kdb_schema versions[] = { { 1, NBEFORE, before }, { 2, NAFTER, after } };
static const uint32_t key_columns[] = { 4 };
static kdb_table table = { .id = 1,
                           .ns = { "ns", 2 },
                           .name = { "t", 1 },
                           .type = KDB_TABLE_USER,
                           .nversions = 2,
                           .versions = versions,
                           .schema = &versions[1],
                           .nkey = 1,
                           .key = key_columns };

/* ---- rows ---- */

static void check_again(const kdb_row *row, const kdb_value *values, kdb_arena *arena)
{
    kdb_sv bytes;
    kdb_row again;
    kdb_value same[NAFTER];
    if (kdb_row_encode(&table, values, row->seq, row->deleted, arena, &bytes, NULL) != KDB_OK) {
        return; /* a damaged row may hold text that is not UTF-8 */
    }
    KDB_ASSERT(kdb_row_open(&table, bytes, &again, NULL) == KDB_OK);
    KDB_ASSERT(again.seq == row->seq && again.deleted == row->deleted);
    KDB_ASSERT(kdb_row_values(&table, &again, arena, same, NULL) == KDB_OK);
    for (size_t i = 0; i < NAFTER; i++) {
        KDB_ASSERT(kdb_value_same(&values[i], &same[i]));
    }
}

static void fuzz_row(kdb_sv bytes, kdb_arena *arena)
{
    kdb_row row;
    kdb_value values[NAFTER];
    if (kdb_row_open(&table, bytes, &row, NULL) != KDB_OK ||
        kdb_row_values(&table, &row, arena, values, NULL) != KDB_OK) {
        return;
    }
    check_again(&row, values, arena);
    const kdb_sv stamped = kdb_row_restamp(&row, 42, true, arena);
    KDB_ASSERT(kdb_row_open(&table, stamped, &row, NULL) == KDB_OK);
    KDB_ASSERT(row.seq == 42 && row.deleted);
}

/* ---- keys ---- */

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static kdb_sv take(kdb_sv *rest, size_t len)
{
    len = len < rest->len ? len : rest->len;
    const kdb_sv taken = { rest->ptr, len };
    *rest = (kdb_sv){ rest->ptr + len, rest->len - len };
    return taken;
}

static kdb_sv key_of(kdb_sv user, kdb_sv text, kdb_arena *arena)
{
    const kdb_value value = kdb_value_text(text);
    kdb_sv key;
    KDB_ASSERT(kdb_row_key(&table, (kdb_user_id){ user }, &value, arena, &key, NULL) == KDB_OK);
    return key;
}

static void fuzz_key(kdb_sv bytes, kdb_arena *arena)
{
    const kdb_sv length = take(&bytes, 1);
    const size_t each = length.len == 0 ? 0 : (uint8_t)length.ptr[0] % 16;
    const kdb_sv users[] = { take(&bytes, each), take(&bytes, each / 2) };
    const kdb_sv texts[] = { take(&bytes, each), take(&bytes, each) };
    const kdb_sv keys[] = { key_of(users[0], texts[0], arena), key_of(users[1], texts[1], arena) };
    const int by_user = kdb_sv_cmp(users[0], users[1]);
    const int want = by_user != 0 ? by_user : kdb_sv_cmp(texts[0], texts[1]);
    KDB_ASSERT(sign(kdb_sv_cmp(keys[0], keys[1])) == sign(want));
    for (size_t i = 0; i < 2; i++) {
        KDB_ASSERT(kdb_row_key_owned(&table, (kdb_user_id){ users[i] }, keys[i]));
        KDB_ASSERT(kdb_row_key_owned(&table, (kdb_user_id){ users[1 - i] }, keys[i]) == (by_user == 0));
        (void)kdb_row_key_owned(&table, (kdb_user_id){ users[i] }, bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    kdb_arena *arena = kdb_arena_new(0);
    const kdb_sv rest = { (const char *)data + 1, size - 1 };
    if (data[0] % 2 == 0) {
        fuzz_row(rest, arena);
    } else {
        fuzz_key(rest, arena);
    }
    kdb_arena_free(arena);
    return 0;
}
