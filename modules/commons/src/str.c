/* str.c - comparing, trimming, copying and measuring string views. */
#include <stdio.h>

#include "commons_int.h"

enum { DISTANCE_MAX_NAME = 64 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int kdb_sv_cmp(kdb_sv a, kdb_sv b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool kdb_sv_ieq(kdb_sv a, kdb_sv b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool kdb_sv_has_prefix(kdb_sv text, kdb_sv prefix)
{
    return text.len >= prefix.len && kdb_sv_eq(kdb_sv_of(text.ptr, prefix.len), prefix);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

kdb_sv kdb_sv_trim(kdb_sv text)
{
    while (text.len > 0 && is_space(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

bool kdb_sv_take_item(kdb_sv *list, kdb_sv *item)
{
    if (list->len == 0) {
        return false;
    }
    const char *comma = memchr(list->ptr, ',', list->len);
    const size_t len = comma == NULL ? list->len : (size_t)(comma - list->ptr);
    const size_t taken = comma == NULL ? len : len + 1;
    *item = kdb_sv_trim(kdb_sv_of(list->ptr, len));
    *list = kdb_sv_of(list->ptr + taken, list->len - taken);
    return true;
}

kdb_sv kdb_sv_dup(kdb_arena *arena, kdb_sv text)
{
    char *copy = kdb_arena_alloc_raw(arena, text.len);
    if (text.len != 0) {
        memcpy(copy, text.ptr, text.len);
    }
    return kdb_sv_of(copy, text.len);
}

/* Fills `copy`, which has room for text.len + 1 bytes. */
static char *copy_cstr(char *copy, kdb_sv text)
{
    if (text.len != 0) {
        memcpy(copy, text.ptr, text.len);
    }
    copy[text.len] = '\0';
    return copy;
}

char *kdb_sv_dup_cstr(kdb_arena *arena, kdb_sv text)
{
    return copy_cstr(kdb_arena_alloc_raw(arena, text.len + 1), text);
}

char *kdb_sv_heap_cstr(kdb_sv text)
{
    return copy_cstr(kdb_alloc(text.len + 1), text);
}

kdb_sv kdb_sv_dup_lower(kdb_arena *arena, kdb_sv text)
{
    char *copy = kdb_arena_alloc_raw(arena, text.len);
    for (size_t i = 0; i < text.len; i++) {
        copy[i] = lower(text.ptr[i]);
    }
    return kdb_sv_of(copy, text.len);
}

kdb_sv kdb_sv_printf(kdb_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    KDB_ASSERT(len >= 0);
    char *text = kdb_arena_alloc_raw(arena, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    return kdb_sv_of(text, (size_t)len);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One row of the edit matrix in place: row[j] becomes the distance from a[0..i] to b[0..j]. Returns the row's least. */
static size_t distance_row(size_t *row, kdb_sv a, size_t i, kdb_sv b)
{
    size_t diagonal = row[0];
    row[0] = i + 1;
    size_t least = row[0];
    for (size_t j = 0; j < b.len; j++) {
        size_t replaced = diagonal + (lower(a.ptr[i]) != lower(b.ptr[j]));
        diagonal = row[j + 1];
        row[j + 1] = smaller(replaced, smaller(row[j], diagonal) + 1);
        least = smaller(least, row[j + 1]);
    }
    return least;
}

size_t kdb_sv_distance(kdb_sv a, kdb_sv b, size_t limit)
{
    if (a.len > DISTANCE_MAX_NAME || b.len > DISTANCE_MAX_NAME) {
        return limit;
    }
    size_t row[DISTANCE_MAX_NAME + 1];
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (distance_row(row, a, i, b) >= limit) {
            return limit;
        }
    }
    return smaller(row[b.len], limit);
}
