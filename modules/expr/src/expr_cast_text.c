/* expr_cast_text.c - values as the engine's text of them. */
#include <math.h>
#include <stdlib.h>

#include "expr_int.h"

static kdb_sv value_text(kdb_type type, const kdb_value *form, kdb_arena *arena)
{
    kdb_value value = *form;
    kdbi_form_to_value(type, &value);
    return kdb_value_to_text(&value, arena);
}

/* Integers, BOOLEAN, dates, times and UUID read the same everywhere. */
kdb_status kdbi_run_to_text(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!out->is_null) {
        out->as.bytes = value_text(step->args[0]->type, out, run->scratch);
    }
    return KDB_OK;
}

/* Digits that are all decimals have no zero before the point. */
kdb_status kdbi_run_decimal_to_text(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    const kdb_type type = step->args[0]->type;
    if (out->is_null) {
        return KDB_OK;
    }
    const bool bare = type.precision == type.scale;
    const bool negative = out->as.i128 < 0;
    kdb_sv text = value_text(type, out, run->scratch);
    if (bare && negative) {
        text = kdb_sv_printf(run->scratch, "-%.*s", (int)text.len - 2, text.ptr + 2);
    } else if (bare) {
        text = kdb_sv_of(text.ptr + 1, text.len - 1);
    }
    out->as.bytes = text;
    return KDB_OK;
}

/* ---- FLOAT and DOUBLE ---- */

enum { DIGITS_MAX = 24, PLAIN_MIN = -4, PLAIN_MAX = 16 };

/* d.ddd * 10^exponent */
typedef struct digits {
    char text[DIGITS_MAX];
    int count;
    int exponent;
    bool negative;
} digits;

/* From our own shortest text, "-1.5e-7" or "1200.0". */
static void read_digits(kdb_sv text, digits *out)
{
    *out = (digits){ .count = 0 };
    int point = -1; /* digits before it */
    int exponent = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (c == '-') {
            out->negative = true;
        } else if (c == '.') {
            point = out->count;
        } else if (c == 'e') {
            exponent = atoi(kdb_sv_of(text.ptr + i + 1, text.len - i - 1).ptr);
            break;
        } else if (out->count < DIGITS_MAX) {
            out->text[out->count++] = c;
        }
    }
    int before = point < 0 ? out->count : point;
    int zeros = 0;
    while (zeros < out->count - 1 && out->text[zeros] == '0') {
        zeros++;
    }
    memmove(out->text, out->text + zeros, (size_t)(out->count - zeros));
    out->count -= zeros;
    before -= zeros;
    while (out->count > 1 && out->text[out->count - 1] == '0') {
        out->count--;
    }
    out->exponent = out->text[0] == '0' ? 0 : before - 1 + exponent;
}

static kdb_sv plain(const digits *d, kdb_arena *arena)
{
    const char *sign = d->negative ? "-" : "";
    if (d->exponent < 0) {
        return kdb_sv_printf(arena, "%s0.%.*s%.*s", sign, -d->exponent - 1, "000000", d->count, d->text);
    }
    const int whole = d->exponent + 1;
    if (d->count <= whole) {
        return kdb_sv_printf(arena, "%s%.*s%.*s.0", sign, d->count, d->text, whole - d->count, "000000000000000000000");
    }
    return kdb_sv_printf(arena, "%s%.*s.%.*s", sign, whole, d->text, d->count - whole, d->text + whole);
}

static kdb_sv scientific(const digits *d, kdb_arena *arena)
{
    return kdb_sv_printf(arena, "%s%c%s%.*se%c%02d", d->negative ? "-" : "", d->text[0], d->count > 1 ? "." : "",
                         d->count - 1, d->text + 1, d->exponent < 0 ? '-' : '+', abs(d->exponent));
}

static kdb_sv real_text(kdb_type type, const kdb_value *form, kdb_arena *arena)
{
    const double value = form->as.f64;
    if (isnan(value)) {
        return signbit(value) ? KDB_SV("-nan") : KDB_SV("nan");
    }
    if (isinf(value)) {
        return value < 0 ? KDB_SV("-inf") : KDB_SV("inf");
    }
    digits d;
    const kdb_sv shortest = value_text(type, form, arena);
    read_digits(kdb_sv_of(kdb_sv_dup_cstr(arena, shortest), shortest.len), &d);
    return d.exponent >= PLAIN_MIN && d.exponent < PLAIN_MAX ? plain(&d, arena) : scientific(&d, arena);
}

kdb_status kdbi_run_real_to_text(const kdbi_step *step, kdbi_run *run, kdb_value *out)
{
    KDB_TRY(kdbi_arg(step, 0, run, out));
    if (!out->is_null) {
        out->as.bytes = real_text(step->args[0]->type, out, run->scratch);
    }
    return KDB_OK;
}

/* Plain up to 21 digits before the point and 5 zeros behind it, without a sign or zeros in the exponent. */
kdb_sv kdbi_json_real(double value, kdb_arena *arena)
{
    enum { JSON_PLAIN_MIN = -6, JSON_PLAIN_MAX = 21 };
    const kdb_value form = { .as.f64 = value };
    digits d;
    const kdb_sv shortest = value_text(kdb_type_of(KDB_TYPE_DOUBLE), &form, arena);
    read_digits(kdb_sv_of(kdb_sv_dup_cstr(arena, shortest), shortest.len), &d);
    if (d.exponent >= JSON_PLAIN_MIN && d.exponent < JSON_PLAIN_MAX) {
        return plain(&d, arena);
    }
    return kdb_sv_printf(arena, "%s%c%s%.*se%d", d.negative ? "-" : "", d.text[0], d.count > 1 ? "." : "", d.count - 1,
                         d.text + 1, d.exponent);
}
