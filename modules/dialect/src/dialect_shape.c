/* dialect_shape.c - a statement's text with its literals taken out, so that texts that differ in their values only share
 * one plan. */
#include "dialect_int.h"

bool kdb_dialect_shape(kdb_sv text, kdb_arena *arena, kdb_shape *out)
{
    (void)text;
    (void)arena;
    (void)out;
    return false;
}
