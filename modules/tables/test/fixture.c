/* fixture.c - see fixture.h. */
#include "fixture.h"

uint64_t fixture_next(fixture_random *random)
{
    /* splitmix64 */
    uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t fixture_below(fixture_random *random, uint64_t bound)
{
    return fixture_next(random) % bound;
}

const fixture_column fixture_every_type[] = {
    { 1, "a_boolean", { .kind = KDB_TYPE_BOOLEAN } },
    { 2, "a_smallint", { .kind = KDB_TYPE_SMALLINT } },
    { 3, "a_text", { .kind = KDB_TYPE_TEXT } },
    { 4, "a_int", { .kind = KDB_TYPE_INT } },
    { 5, "a_bigint", { .kind = KDB_TYPE_BIGINT } },
    { 6, "a_float", { .kind = KDB_TYPE_FLOAT } },
    { 7, "a_double", { .kind = KDB_TYPE_DOUBLE } },
    { 8, "a_decimal", { .kind = KDB_TYPE_DECIMAL, .precision = 38, .scale = 10 } },
    { 9, "a_bytes", { .kind = KDB_TYPE_BYTES } },
    { 10, "a_json", { .kind = KDB_TYPE_JSON } },
    { 11, "a_timestamp", { .kind = KDB_TYPE_TIMESTAMP } },
    { 12, "a_date", { .kind = KDB_TYPE_DATE } },
    { 13, "a_datetime", { .kind = KDB_TYPE_DATETIME } },
    { 14, "a_time", { .kind = KDB_TYPE_TIME } },
    { 15, "a_embedding", { .kind = KDB_TYPE_EMBEDDING, .dim = 3 } },
    { 16, "a_uuid", { .kind = KDB_TYPE_UUID } },
    { 17, "a_file", { .kind = KDB_TYPE_FILE } },
    { 18, "b_embedding", { .kind = KDB_TYPE_EMBEDDING, .dim = 1 } },
};
const size_t fixture_every_type_count = KDB_ARRAY_LEN(fixture_every_type);

static void fill_schema(const fixture_schema *from, uint32_t version, kdb_arena *arena, kdb_schema *out)
{
    kdb_column *columns = KDB_ARENA_ARRAY(arena, kdb_column, from->ncolumns);
    for (size_t i = 0; i < from->ncolumns; i++) {
        columns[i] = (kdb_column){ .id = from->columns[i].id,
                                   .name = kdb_sv_cstr(from->columns[i].name),
                                   .type = from->columns[i].type };
    }
    *out = (kdb_schema){ .version = version, .ncolumns = from->ncolumns, .columns = columns };
}

kdb_table *fixture_table(kdb_arena *arena, kdb_table_type type, const fixture_schema *schemas, size_t nschemas,
                         const uint32_t *key, size_t nkey)
{
    kdb_schema *versions = KDB_ARENA_ARRAY(arena, kdb_schema, nschemas);
    for (size_t i = 0; i < nschemas; i++) {
        fill_schema(&schemas[i], (uint32_t)i + 1, arena, &versions[i]);
    }
    kdb_table *table = KDB_ARENA_NEW(arena, kdb_table);
    table->id = 7;
    table->ns = KDB_SV("ns");
    table->name = KDB_SV("t");
    table->type = type;
    table->nversions = nschemas;
    table->versions = versions;
    table->schema = &versions[nschemas - 1];
    table->nkey = nkey;
    table->key = key;
    table->ttl_seconds = type == KDB_TABLE_STREAM ? 10 : 0;
    return table;
}

kdb_table *fixture_table_at(kdb_arena *arena, const kdb_table *table, size_t nversions)
{
    kdb_table *older = KDB_ARENA_NEW(arena, kdb_table);
    older->id = table->id;
    older->ns = table->ns;
    older->name = table->name;
    older->type = table->type;
    older->nversions = nversions;
    older->versions = table->versions;
    older->schema = &table->versions[nversions - 1];
    older->nkey = table->nkey;
    older->key = table->key;
    older->ttl_seconds = table->ttl_seconds;
    return older;
}

/* ---- values ---- */

static int64_t random_int(fixture_random *random, int64_t min, int64_t max)
{
    static const int64_t edges[] = { 0, 1, -1, 255, 256, -256, 65535 };
    switch (fixture_below(random, 4)) {
    case 0:
        return fixture_below(random, 2) == 0 ? min : max;
    case 1: {
        const int64_t edge = edges[fixture_below(random, KDB_ARRAY_LEN(edges))];
        return edge < min ? min : edge > max ? max : edge;
    }
    case 2:
        return (int64_t)fixture_below(random, 20) - 10;
    default: {
        const uint64_t width = (uint64_t)max - (uint64_t)min;
        return (int64_t)((uint64_t)min +
                         (width == UINT64_MAX ? fixture_next(random) : fixture_below(random, width + 1)));
    }
    }
}

static kdb_sv random_bytes(fixture_random *random, bool utf8, kdb_arena *arena)
{
    static const char alphabet[] = { 0, 1, 2, 'a', 'b', 127 };
    static const char raw[] = { 0, 1, 2, 'a', (char)0xFE, (char)0xFF };
    const size_t len = fixture_below(random, 6);
    char *bytes = kdb_arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++) {
        const size_t pick = fixture_below(random, sizeof(alphabet));
        bytes[i] = utf8 ? alphabet[pick] : raw[pick];
    }
    return (kdb_sv){ bytes, len };
}

static double random_double(fixture_random *random)
{
    static const double edges[] = { 0.0, -0.0, 1.0, -1.0, 1e-300, -1e-300, 1e300, -1e300, 0.1 };
    if (fixture_below(random, 2) == 0) {
        return edges[fixture_below(random, KDB_ARRAY_LEN(edges))];
    }
    return (double)(int64_t)fixture_next(random) / 1e6;
}

static const float *random_floats(fixture_random *random, uint16_t dim, kdb_arena *arena)
{
    float *floats = KDB_ARENA_ARRAY(arena, float, dim);
    for (size_t i = 0; i < dim; i++) {
        floats[i] = (float)random_int(random, -1000, 1000) / 8.0F;
    }
    return floats;
}

static void fill_value(fixture_random *random, kdb_value *out, kdb_arena *arena)
{
    switch (kdb_type_layout(out->type)) {
    case KDB_LAYOUT_BOOL:
        out->as.b = fixture_below(random, 2) == 1;
        break;
    case KDB_LAYOUT_I16:
        out->as.i16 = (int16_t)random_int(random, INT16_MIN, INT16_MAX);
        break;
    case KDB_LAYOUT_I32:
        out->as.i32 = (int32_t)random_int(random, INT32_MIN, INT32_MAX);
        break;
    case KDB_LAYOUT_I64:
        out->as.i64 = random_int(random, INT64_MIN, INT64_MAX);
        break;
    case KDB_LAYOUT_I128:
        out->as.i128 = (kdb_i128)random_int(random, INT64_MIN, INT64_MAX) *
                       (fixture_below(random, 2) == 0 ? 1 : INT64_C(1000000000000000000));
        break;
    case KDB_LAYOUT_F32:
        out->as.f32 = (float)random_int(random, -100000, 100000) / 16.0F;
        break;
    case KDB_LAYOUT_F64:
        out->as.f64 = random_double(random);
        break;
    case KDB_LAYOUT_BYTES:
        out->as.bytes = random_bytes(random, out->type.kind != KDB_TYPE_BYTES, arena);
        break;
    case KDB_LAYOUT_UUID:
        kdb_put_be64(out->as.uuid.bytes, fixture_next(random) >> fixture_below(random, 60));
        kdb_put_be64(out->as.uuid.bytes + 8, fixture_next(random));
        break;
    case KDB_LAYOUT_F32S:
        out->as.f32s = random_floats(random, out->type.dim, arena);
        break;
    case KDB_LAYOUT_NONE:
        break;
    }
}

kdb_value fixture_value(fixture_random *random, kdb_type type, bool nullable, kdb_arena *arena)
{
    kdb_value value = kdb_value_null(type);
    if (!nullable || fixture_below(random, 8) != 0) {
        value.is_null = false;
        fill_value(random, &value, arena);
    }
    return value;
}

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

int fixture_compare(const kdb_value *a, const kdb_value *b)
{
    switch (kdb_type_layout(a->type)) {
    case KDB_LAYOUT_BOOL:
        return ORDER(a->as.b, b->as.b);
    case KDB_LAYOUT_I16:
        return ORDER(a->as.i16, b->as.i16);
    case KDB_LAYOUT_I32:
        return ORDER(a->as.i32, b->as.i32);
    case KDB_LAYOUT_I64:
        return ORDER(a->as.i64, b->as.i64);
    case KDB_LAYOUT_I128:
        return ORDER(a->as.i128, b->as.i128);
    case KDB_LAYOUT_F32:
        return ORDER(a->as.f32, b->as.f32);
    case KDB_LAYOUT_F64:
        return ORDER(a->as.f64, b->as.f64);
    case KDB_LAYOUT_BYTES:
        return kdb_sv_cmp(a->as.bytes, b->as.bytes);
    case KDB_LAYOUT_UUID:
        return memcmp(a->as.uuid.bytes, b->as.uuid.bytes, sizeof(a->as.uuid.bytes));
    case KDB_LAYOUT_NONE:
    case KDB_LAYOUT_F32S:
        break;
    }
    fail_msg("no order");
    return 0;
}

void fixture_commit(kdb_store *store, kdb_batch *batch)
{
    kdb_err err;
    assert_int_equal(kdb_store_commit(store, batch, &err), KDB_OK);
}
