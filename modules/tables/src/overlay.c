/* overlay.c - a transaction's own rows of one table: a skip list, since a transaction writes in any order and every scan
 * reads in key order. Rows are never unlinked: undoing one empties its bytes, and readers pass it over. */
#include "tables_int.h"

enum { MAX_HEIGHT = 16 };

typedef struct node {
    kdb_overlay_row row;
    struct node *next[]; /* as many as the node is high */
} node;

struct kdb_overlay {
    kdb_arena *arena;
    uint64_t dice;
    size_t height;
    node *first[MAX_HEIGHT];
};

kdb_overlay *kdb_overlay_new(kdb_arena *arena)
{
    kdb_overlay *overlay = KDB_ARENA_NEW(arena, kdb_overlay);
    overlay->arena = arena;
    overlay->dice = UINT64_C(0x9E3779B97F4A7C15);
    overlay->height = 1;
    return overlay;
}

/* One more level with a chance of a quarter: xorshift, for chance need not be good here. */
static size_t roll_height(kdb_overlay *overlay)
{
    overlay->dice ^= overlay->dice << 13;
    overlay->dice ^= overlay->dice >> 7;
    overlay->dice ^= overlay->dice << 17;
    size_t height = 1;
    for (uint64_t left = overlay->dice >> 20; (left & 3) == 0 && height < MAX_HEIGHT; left >>= 2) {
        height++;
    }
    return height;
}

/* The links, by level, that lead from keys below `key` to `key` or beyond; the lowest is returned. */
static node **find_links(kdb_overlay *overlay, kdb_sv key, node **links[MAX_HEIGHT])
{
    node **level = overlay->first;
    for (size_t i = overlay->height; i-- > 0;) {
        while (level[i] != NULL && kdb_sv_cmp(level[i]->row.key, key) < 0) {
            level = level[i]->next;
        }
        links[i] = &level[i];
    }
    return links[0];
}

kdb_overlay_row *kdb_overlay_add(kdb_overlay *overlay, kdb_sv key)
{
    node **links[MAX_HEIGHT];
    node *at = *find_links(overlay, key, links);
    if (at != NULL && kdb_sv_eq(at->row.key, key)) {
        return &at->row;
    }
    const size_t height = roll_height(overlay);
    for (; overlay->height < height; overlay->height++) {
        links[overlay->height] = &overlay->first[overlay->height];
    }
    node *added = kdb_arena_alloc(overlay->arena, sizeof(*added) + height * sizeof(node *));
    added->row.key = kdb_sv_dup(overlay->arena, key);
    for (size_t i = 0; i < height; i++) {
        added->next[i] = *links[i];
        *links[i] = added;
    }
    return &added->row;
}

/* The first node at `key` or after it; *below is the last before it. */
static const node *find_node(const kdb_overlay *overlay, kdb_sv key, const node **below)
{
    node *const *level = overlay->first;
    *below = NULL;
    for (size_t i = overlay->height; i-- > 0;) {
        while (level[i] != NULL && kdb_sv_cmp(level[i]->row.key, key) < 0) {
            *below = level[i];
            level = level[i]->next;
        }
    }
    return level[0];
}

static const kdb_overlay_row *skip_empty(const node *at)
{
    while (at != NULL && at->row.row.len == 0) {
        at = at->next[0];
    }
    return at == NULL ? NULL : &at->row;
}

const kdb_overlay_row *kdb_overlay_from(const kdb_overlay *overlay, kdb_sv key)
{
    const node *below = NULL;
    return skip_empty(find_node(overlay, key, &below));
}

const kdb_overlay_row *kdb_overlay_next(const kdb_overlay_row *row)
{
    return skip_empty(KDB_CONTAINER_OF(row, node, row)->next[0]);
}

static const node *last_of(const kdb_overlay *overlay)
{
    const node *last = NULL;
    node *const *level = overlay->first;
    for (size_t i = overlay->height; i-- > 0;) {
        for (; level[i] != NULL; level = level[i]->next) {
            last = level[i];
        }
    }
    return last;
}

const kdb_overlay_row *kdb_overlay_before(const kdb_overlay *overlay, kdb_sv key)
{
    const node *below = NULL;
    if (key.len == 0) {
        below = last_of(overlay);
    } else {
        (void)find_node(overlay, key, &below);
    }
    while (below != NULL && below->row.row.len == 0) {
        (void)find_node(overlay, below->row.key, &below);
    }
    return below == NULL ? NULL : &below->row;
}

const kdb_overlay_row *kdb_overlay_find(const kdb_overlay *overlay, kdb_sv key)
{
    const node *below = NULL;
    const node *at = find_node(overlay, key, &below);
    return at != NULL && at->row.row.len != 0 && kdb_sv_eq(at->row.key, key) ? &at->row : NULL;
}
