/* filestore_check.c - whether a storage can be used: a small object is written, read, listed and deleted. */
#include "filestore_int.h"

#define CHECK_FOLDER "kalamdb-check"
enum { TOKEN_BYTES = 8, TEXT_MAX = 64 };

typedef struct probe {
    kdb_objects *objects;
    kdb_arena *arena;
    kdb_sv name;
    kdb_sv content;
    bool seen;
    int64_t bytes;
} probe;

/* The first failure is the one that is told. */
static bool note(kdb_status status, const kdb_err *err, kdb_arena *arena, kdb_objects_health *out)
{
    if (status != KDB_OK && out->error.len == 0) {
        out->error = kdb_sv_dup(arena, kdb_sv_cstr(err->text));
    }
    return status == KDB_OK;
}

static bool look_for_name(void *self, const kdb_object_info *info)
{
    probe *p = self;
    p->seen = kdb_sv_eq(info->name, p->name);
    return !p->seen;
}

static bool add_bytes(void *self, const kdb_object_info *info)
{
    ((probe *)self)->bytes += (int64_t)info->bytes;
    return true;
}

static kdb_status read_back(probe *p, kdb_err *err)
{
    kdb_sv content;
    KDB_TRY(kdb_objects_get(p->objects, p->name, TEXT_MAX, p->arena, &content, err));
    return kdb_sv_eq(content, p->content) ? KDB_OK : KDB_FAIL(err, KDB_CORRUPT, "what was written is not what is read");
}

/* Where nothing can be written, listing is tried all the same. */
static kdb_status find_listed(probe *p, bool written, kdb_err *err)
{
    KDB_TRY(kdb_objects_list(p->objects, KDB_SV(CHECK_FOLDER), look_for_name, p, err));
    return p->seen || !written ? KDB_OK : KDB_FAIL(err, KDB_IO, "an object that was written is not listed");
}

static void try_all(probe *p, kdb_objects_health *out)
{
    kdb_err err;
    out->writable = note(kdb_objects_put(p->objects, p->name, p->content, true, &err), &err, p->arena, out);
    out->readable = out->writable && note(read_back(p, &err), &err, p->arena, out);
    out->listable = note(find_listed(p, out->writable, &err), &err, p->arena, out);
    out->deletable = out->writable && note(kdb_objects_remove(p->objects, &p->name, 1, &err), &err, p->arena, out);
}

void kdb_objects_check(kdb_objects *objects, bool extended, kdb_arena *arena, kdb_objects_health *out)
{
    char token[TOKEN_BYTES];
    const int64_t start = kdb_monotonic_us();
    kdb_random_bytes(token, sizeof(token));
    const kdb_sv hex = kdb_hex_encode(arena, kdb_sv_of(token, sizeof(token)));
    probe p = { .objects = objects, .arena = arena, .content = hex };
    p.name = kdb_sv_printf(arena, CHECK_FOLDER "/%.*s", KDB_SV_ARG(hex));
    *out = (kdb_objects_health){ .total_bytes = -1, .used_bytes = -1, .error = KDB_SV("") };
    try_all(&p, out);
    out->latency_ms = (kdb_monotonic_us() - start) / 1000;
    if (extended && out->listable) {
        kdb_err err;
        out->total_bytes = objects->ops->capacity(objects);
        out->used_bytes =
            note(kdb_objects_list(objects, KDB_SV(""), add_bytes, &p, &err), &err, arena, out) ? p.bytes : -1;
    }
}
