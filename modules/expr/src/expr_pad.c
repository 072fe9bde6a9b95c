/* expr_pad.c - texts that grow: repeat, lpad, rpad, replace. What they make and where it ends is what the engine's functions of
 * the same names do, which are ours too (engine_text.c). */
#include "expr_int.h"

#define VALUE_MAX ((size_t)64 << 20) /* as the engine's */

static kdb_status too_large(const kdbi_run *run)
{
    return KDB_FAIL(run->err, KDB_LIMIT, "a value of more than 64 MiB would be made");
}

/* All arguments; *out_null: one is NULL. */
static kdb_status arguments(const kdbi_step *step, kdbi_run *run, kdb_value *args, bool *out_null)
{
    *out_null = false;
    for (size_t i = 0; i < step->nargs; i++) {
        KDB_TRY(kdbi_arg(step, i, run, &args[i]));
        *out_null = *out_null || args[i].is_null;
    }
    return KDB_OK;
}

static void fill(kdb_sv unit, size_t size, char *out)
{
    for (size_t done = 0; done < size;) {
        const size_t n = unit.len < size - done ? unit.len : size - done;
        memcpy(out + done, unit.ptr, n);
        done += n;
    }
}

kdb_status kdbi_run_repeat(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value args[2];
    KDB_TRY(arguments(step, run, args, &out->is_null));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv unit = args[0].as.bytes;
    const int64_t count = unit.len == 0 || args[1].as.i64 < 0 ? 0 : args[1].as.i64;
    if ((uint64_t)count > VALUE_MAX / (unit.len + (unit.len == 0))) {
        return too_large(run);
    }
    const size_t size = unit.len * (size_t)count;
    char *text = kdb_arena_alloc_raw(run->scratch, size + 1);
    fill(unit, size, text);
    out->as.bytes = kdb_sv_of(text, size);
    return KDB_OK;
}

/* `detail`: the padding comes first. */
kdb_status kdbi_run_pad(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value args[3];
    KDB_TRY(arguments(step, run, args, &out->is_null));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv text = args[0].as.bytes;
    const kdb_sv pad = args[2].as.bytes;
    const size_t wanted = args[1].as.i64 < 0 ? 0 : (size_t)args[1].as.i64;
    const size_t has = kdb_utf8_count(text);
    if (wanted <= has || pad.len == 0) {
        out->as.bytes = kdb_sv_of(text.ptr, wanted <= has ? kdb_utf8_offset(text, wanted) : text.len);
        return KDB_OK;
    }
    if (wanted > VALUE_MAX) {
        return too_large(run);
    }
    const size_t missing = wanted - has;
    const size_t pad_has = kdb_utf8_count(pad);
    const size_t padding = missing / pad_has * pad.len + kdb_utf8_offset(pad, missing % pad_has);
    if (text.len + padding > VALUE_MAX) {
        return too_large(run);
    }
    char *padded = kdb_arena_alloc_raw(run->scratch, text.len + padding);
    fill(pad, padding, padded + (step->detail != 0 ? 0 : text.len));
    fill(text, text.len, padded + (step->detail != 0 ? padding : 0));
    out->as.bytes = kdb_sv_of(padded, text.len + padding);
    return KDB_OK;
}

static kdb_sv find(kdb_sv text, size_t from, kdb_sv what)
{
    const char *at =
        what.len == 0 || from >= text.len ? NULL : memmem(text.ptr + from, text.len - from, what.ptr, what.len);
    return kdb_sv_of(at, at == NULL ? 0 : what.len);
}

kdb_status kdbi_run_replace(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    kdb_value args[3];
    KDB_TRY(arguments(step, run, args, &out->is_null));
    if (out->is_null) {
        return KDB_OK;
    }
    const kdb_sv text = args[0].as.bytes;
    const kdb_sv to = args[2].as.bytes;
    size_t size = text.len;
    for (kdb_sv at = find(text, 0, args[1].as.bytes); at.len != 0;
         at = find(text, (size_t)(at.ptr - text.ptr) + at.len, at)) {
        size = size - at.len + to.len;
    }
    if (size > VALUE_MAX) {
        return too_large(run);
    }
    char *made = kdb_arena_alloc_raw(run->scratch, size + 1);
    size_t used = 0;
    size_t from = 0;
    for (kdb_sv at = find(text, 0, args[1].as.bytes); at.len != 0; at = find(text, from, at)) {
        const size_t before = (size_t)(at.ptr - text.ptr) - from;
        fill(kdb_sv_of(text.ptr + from, before), before, made + used);
        fill(to, to.len, made + used + before);
        used += before + to.len;
        from += before + at.len;
    }
    fill(kdb_sv_of(text.ptr + from, text.len - from), text.len - from, made + used);
    out->as.bytes = kdb_sv_of(made, size);
    return KDB_OK;
}
