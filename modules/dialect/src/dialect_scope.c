/* dialect_scope.c - which column a name means. Every name is resolved here, against the FROM clauses around it, and
 * what is not found is an error: the engine never gets to guess. Columns match in any letter case (sql.md 24 rule
 * 34). */
#include "dialect_int.h"

kdbi_column *kdbi_columns_add(kdbi_columns *columns, kdb_arena *arena)
{
    kdbi_column *column = KDB_ARENA_PUSH(arena, columns->items, columns->count);
    *column = (kdbi_column){ .slot = -1 };
    return column;
}

static void add_visible(kdbi_binding *b, kdbi_scope *scope, kdbi_visible visible)
{
    *KDB_ARENA_PUSH(b->arena, scope->visible, scope->nvisible) = visible;
}

static kdbi_relation *find_engine_alias(const kdbi_scope *scope, kdb_sv engine)
{
    for (size_t i = 0; i < scope->nrelations; i++) {
        if (kdb_sv_ieq(scope->relations[i]->engine, engine)) {
            return scope->relations[i];
        }
    }
    return NULL;
}

kdb_status kdbi_scope_add(kdbi_binding *b, kdbi_scope *scope, kdbi_relation *relation, int32_t position)
{
    if (scope->nrelations != 0 && ++b->njoins > KDBI_JOINS_MAX) {
        return KDBI_REFUSE(b, position, "the statement has more than %d joins", KDBI_JOINS_MAX);
    }
    if (find_engine_alias(scope, relation->engine) != NULL) {
        return KDBI_REFUSE(b, position, "table name \"%.*s\" specified more than once", KDB_SV_ARG(relation->alias));
    }
    *KDB_ARENA_PUSH(b->arena, scope->relations, scope->nrelations) = relation;
    for (size_t i = 0; i < relation->columns.count; i++) {
        add_visible(b, scope, (kdbi_visible){ .relation = relation, .column = (uint32_t)i });
    }
    return KDB_OK;
}

static const kdbi_column *visible_column(const kdbi_visible *visible)
{
    return &visible->relation->columns.items[visible->column];
}

static kdb_type visible_type(const kdbi_binding *b, const kdbi_visible *visible)
{
    const kdbi_column *column = visible_column(visible);
    return column->slot < 0 ? column->type : b->slots[column->slot]->columns[column->column].type;
}

/* ---- USING ---- */

static bool is_name_of(kdb_sv name, const kdb_sv *names, size_t nnames)
{
    for (size_t i = 0; i < nnames; i++) {
        if (kdb_sv_ieq(names[i], name)) {
            return true;
        }
    }
    return false;
}

/* The one column called `name` in [from, to). */
static kdb_status find_one(kdbi_binding *b, const kdbi_scope *scope, size_t from, size_t to, kdb_sv name,
                           int32_t position, kdbi_visible *out)
{
    size_t found = 0;
    for (size_t i = from; i < to; i++) {
        if (kdb_sv_ieq(visible_column(&scope->visible[i])->name, name)) {
            *out = scope->visible[i];
            found++;
        }
    }
    if (found == 0) {
        return KDB_FAIL_AT(b->err, position, KDB_COLUMN_NOT_FOUND, "No field named %.*s", KDB_SV_ARG(name));
    }
    return found == 1 ? KDB_OK : KDBI_REFUSE(b, position, "column reference \"%.*s\" is ambiguous", KDB_SV_ARG(name));
}

/* The merged columns come first, then what is left of both sides. */
kdb_status kdbi_scope_merge(kdbi_binding *b, kdbi_scope *scope, size_t left, size_t right, const kdb_sv *names,
                            size_t nnames, bool outer, int32_t position)
{
    const size_t total = scope->nvisible - left;
    kdbi_visible *merged = KDB_ARENA_ARRAY(b->arena, kdbi_visible, total + nnames);
    size_t count = 0;
    for (size_t i = 0; i < nnames; i++) {
        kdbi_visible other;
        if (is_name_of(names[i], names, i)) {
            return KDBI_REFUSE(b, position, "column \"%.*s\" appears twice in USING", KDB_SV_ARG(names[i]));
        }
        KDB_TRY(find_one(b, scope, left, right, names[i], position, &merged[count]));
        KDB_TRY(find_one(b, scope, right, scope->nvisible, names[i], position, &other));
        KDB_TRY(kdbi_check_types(b, visible_type(b, &merged[count]), "=", visible_type(b, &other), position));
        kdbi_note_use(merged[count].relation, merged[count].column);
        kdbi_note_use(other.relation, other.column);
        merged[count].merged = true;
        merged[count].merged_outer |= outer;
        count++;
    }
    for (size_t i = left; i < scope->nvisible; i++) {
        if (!is_name_of(visible_column(&scope->visible[i])->name, names, nnames)) {
            merged[count++] = scope->visible[i];
        }
    }
    memcpy(scope->visible + left, merged, count * sizeof *merged);
    scope->nvisible = left + count;
    return KDB_OK;
}

/* ---- engine names of a subquery's columns ---- */

/* Names seen so far, for one pass over many columns: a slot holds a column's index + 1, 0 when free. */
typedef struct name_set {
    uint32_t *slots;
    size_t mask;
} name_set;

/* False when the name, in any letter case, is there already. */
static bool name_set_add(kdbi_binding *b, name_set *set, const kdbi_columns *columns, uint32_t index)
{
    const kdb_sv name = columns->items[index].engine;
    size_t at = kdb_hash64(kdb_sv_dup_lower(b->arena, name)) & set->mask;
    while (set->slots[at] != 0) {
        if (kdb_sv_ieq(columns->items[set->slots[at] - 1].engine, name)) {
            return false;
        }
        at = (at + 1) & set->mask;
    }
    set->slots[at] = index + 1;
    return true;
}

kdb_status kdbi_columns_unique(kdbi_binding *b, kdbi_columns *columns, int32_t position, bool *out_renamed)
{
    *out_renamed = false;
    if (columns->count > KDBI_COLUMNS_MAX) {
        return KDBI_REFUSE(b, position, "a subquery has more than %d columns", KDBI_COLUMNS_MAX);
    }
    name_set set = { .mask = 7 };
    while (set.mask < columns->count * 2) {
        set.mask = set.mask * 2 + 1;
    }
    set.slots = KDB_ARENA_ARRAY(b->arena, uint32_t, set.mask + 1);
    for (size_t i = 0; i < columns->count; i++) {
        kdbi_column *column = &columns->items[i];
        column->engine = column->name;
        if (!name_set_add(b, &set, columns, (uint32_t)i)) {
            column->engine = kdb_sv_printf(b->arena, "kdb_column_%zu", i);
            *out_renamed = true;
        }
    }
    return KDB_OK;
}

/* ---- column references ---- */

enum { PARTS_MAX = 4 };

typedef struct reference {
    kdb_sv parts[PARTS_MAX]; /* [kalam.][ns.][alias.]column */
    size_t nparts;
    int32_t position;
} reference;

static kdb_sv last_part(const reference *ref)
{
    return ref->parts[ref->nparts - 1];
}

static kdb_status not_found(kdbi_binding *b, const reference *ref, const kdbi_scope *scope);

static kdb_status read_reference(kdbi_binding *b, const PgQuery__ColumnRef *ref, size_t nfields, reference *out)
{
    *out = (reference){ .position = ref->location };
    if (nfields > PARTS_MAX) {
        return KDBI_REFUSE(b, ref->location, "improper qualified name (too many dotted names)");
    }
    for (size_t i = 0; i < nfields; i++) {
        const char *part = kdbi_node_string(ref->fields[i]);
        if (part == NULL) {
            return KDBI_REFUSE(b, ref->location, "\"*\" is not supported here");
        }
        out->parts[out->nparts++] = kdbi_full_name(b->query->text, ref->location, i, part, b->arena);
    }
    if (nfields == PARTS_MAX) { /* the catalog */
        if (!kdb_sv_ieq(out->parts[0], KDB_SV("kalam"))) {
            return not_found(b, out, NULL);
        }
        memmove(out->parts, out->parts + 1, (PARTS_MAX - 1) * sizeof out->parts[0]);
        out->nparts--;
    }
    return KDB_OK;
}

static kdb_sv reference_text(kdbi_binding *b, const reference *ref)
{
    kdb_sv text = ref->parts[0];
    for (size_t i = 1; i < ref->nparts; i++) {
        text = kdb_sv_printf(b->arena, "%.*s.%.*s", KDB_SV_ARG(text), KDB_SV_ARG(ref->parts[i]));
    }
    return text;
}

/* A visible column whose name is nearly the wanted one; system columns are nobody's slip of the pen. */
static const kdbi_column *similar_column(const kdbi_scope *scope, kdb_sv name)
{
    const kdbi_column *best = NULL;
    size_t best_distance = 3;
    for (size_t i = 0; i < scope->nvisible && name.len <= 64 && !kdb_sv_has_prefix(name, KDB_SV("_")); i++) {
        const kdbi_column *column = visible_column(&scope->visible[i]);
        const bool unlikely = column->name.len > 64 || kdb_sv_has_prefix(column->name, KDB_SV("_"));
        const size_t distance = unlikely ? 3 : kdb_sv_distance(column->name, name, best_distance);
        if (distance < best_distance && distance < name.len) {
            best = column;
            best_distance = distance;
        }
    }
    return best;
}

static kdb_status not_found(kdbi_binding *b, const reference *ref, const kdbi_scope *scope)
{
    const kdb_sv text = reference_text(b, ref);
    const kdbi_column *similar = scope == NULL ? NULL : similar_column(scope, last_part(ref));
    if (similar == NULL) {
        return KDB_FAIL_AT(b->err, ref->position, KDB_COLUMN_NOT_FOUND, "No field named %.*s", KDB_SV_ARG(text));
    }
    return KDB_FAIL_AT(b->err, ref->position, KDB_COLUMN_NOT_FOUND, "No field named %.*s. Did you mean '%.*s'?",
                       KDB_SV_ARG(text), KDB_SV_ARG(similar->name));
}

static kdb_status ambiguous(kdbi_binding *b, const reference *ref)
{
    const kdb_sv text = reference_text(b, ref);
    return KDBI_REFUSE(b, ref->position, "column reference \"%.*s\" is ambiguous", KDB_SV_ARG(text));
}

static bool relation_matches(const kdbi_relation *relation, const reference *ref)
{
    const kdb_sv alias = ref->parts[ref->nparts - 2];
    return kdb_sv_ieq(relation->alias, alias) && (ref->nparts < 3 || kdb_sv_ieq(relation->ns, ref->parts[0]));
}

/* NULL when none matches; an error when several do. */
static kdb_status find_relation(kdbi_binding *b, const kdbi_scope *scope, const reference *ref,
                                const kdbi_relation **out)
{
    *out = NULL;
    for (size_t i = 0; i < scope->nrelations; i++) {
        if (!relation_matches(scope->relations[i], ref)) {
            continue;
        }
        if (*out != NULL) {
            return ambiguous(b, ref);
        }
        *out = scope->relations[i];
    }
    return KDB_OK;
}

const kdbi_column *kdbi_seq_column(const kdbi_relation *relation)
{
    for (size_t i = 0; i < relation->columns.count; i++) {
        const kdbi_column *column = &relation->columns.items[i];
        if (kdb_sv_eq(relation->table->columns[column->column].name, KDB_SV("_seq"))) {
            return column;
        }
    }
    return NULL;
}

/* Columns that tables have though `*` does not show them. */
static bool find_virtual(const kdbi_relation *relation, kdb_sv name, kdbi_found_kind *out)
{
    if (relation->table == NULL) {
        return false;
    }
    if (relation->table->has_seq && kdb_sv_ieq(name, KDB_SV("_updated")) && kdbi_seq_column(relation) != NULL) {
        *out = KDBI_FOUND_UPDATED;
        return true;
    }
    *out = KDBI_FOUND_NOT_DELETED;
    return relation->table->deleted_is_false && kdb_sv_ieq(name, KDB_SV("_deleted"));
}

static kdb_status find_in_relation(kdbi_binding *b, const kdbi_scope *scope, const kdbi_relation *relation,
                                   const reference *ref, kdbi_found *out)
{
    const kdb_sv name = last_part(ref);
    *out = (kdbi_found){ .scope = scope, .relation = relation, .name = name };
    size_t found = 0;
    for (size_t i = 0; i < relation->columns.count; i++) {
        if (kdb_sv_ieq(relation->columns.items[i].name, name)) {
            out->column = (uint32_t)i;
            out->name = relation->columns.items[i].name;
            found++;
        }
    }
    if (found > 1) {
        return ambiguous(b, ref);
    }
    return found == 1 || find_virtual(relation, name, &out->kind) ? KDB_OK : not_found(b, ref, scope);
}

/* An unqualified name among the columns of one FROM clause; *out_found false when there is none. */
static kdb_status find_visible(kdbi_binding *b, const kdbi_scope *scope, const reference *ref, kdbi_found *out,
                               bool *out_found)
{
    size_t found = 0;
    for (size_t i = 0; i < scope->nvisible; i++) {
        const kdbi_visible *visible = &scope->visible[i];
        const kdbi_column *column = visible_column(visible);
        if (kdb_sv_ieq(column->name, ref->parts[0])) {
            *out = (kdbi_found){ .scope = scope,
                                 .relation = visible->relation,
                                 .column = visible->column,
                                 .merged = visible->merged,
                                 .merged_outer = visible->merged_outer,
                                 .name = column->name };
            found++;
        }
    }
    for (size_t i = 0; i < scope->nrelations && found == 0; i++) {
        kdbi_found_kind kind;
        if (find_virtual(scope->relations[i], ref->parts[0], &kind)) {
            *out = (kdbi_found){ .kind = kind, .scope = scope, .relation = scope->relations[i], .name = ref->parts[0] };
            for (size_t k = i + 1; k < scope->nrelations; k++) {
                found += find_virtual(scope->relations[k], ref->parts[0], &kind);
            }
            found++;
        }
    }
    *out_found = found != 0;
    return found > 1 ? ambiguous(b, ref) : KDB_OK;
}

/* An AS name of the SELECT itself. */
static bool find_alias(const kdbi_scope *scope, kdb_sv name, kdbi_found *out)
{
    if (scope->select == NULL) {
        return false;
    }
    for (size_t i = 0; i < scope->select->n_target_list; i++) {
        const PgQuery__Node *node = scope->select->target_list[i];
        const kdb_sv alias =
            node->node_case == PG_QUERY__NODE__NODE_RES_TARGET ? kdb_sv_cstr(node->res_target->name) : kdb_sv_of("", 0);
        if (alias.len != 0 && kdb_sv_ieq(alias, name)) {
            *out = (kdbi_found){ .kind = KDBI_FOUND_ALIAS, .scope = scope, .name = alias, .column = (uint32_t)i };
            return true;
        }
    }
    return false;
}

/* Columns first, of the FROM clauses from the inside out; then the AS names of the SELECT itself. */
static kdb_status resolve_bare(kdbi_binding *b, const kdbi_scope *scope, const reference *ref, kdbi_found *out)
{
    bool found = false;
    KDB_ASSERT(scope != NULL);
    for (const kdbi_scope *at = scope; at != NULL && !found; at = at->outer) {
        KDB_TRY(find_visible(b, at, ref, out, &found));
    }
    return found || find_alias(scope, ref->parts[0], out) ? KDB_OK : not_found(b, ref, scope);
}

static kdb_status resolve_qualified(kdbi_binding *b, const kdbi_scope *scope, const reference *ref, kdbi_found *out)
{
    for (const kdbi_scope *at = scope; at != NULL; at = at->outer) {
        const kdbi_relation *relation = NULL;
        KDB_TRY(find_relation(b, at, ref, &relation));
        if (relation != NULL) {
            return find_in_relation(b, at, relation, ref, out);
        }
    }
    return not_found(b, ref, NULL);
}

void kdbi_note_use(const kdbi_relation *relation, size_t column)
{
    if (relation->used != NULL) {
        relation->used[column] = true;
    }
}

/* A WHERE that names `_deleted` sees tombstones of that table (sql.md 6). */
static void note_deleted(kdbi_binding *b, const kdbi_found *found)
{
    if (found->kind != KDBI_FOUND_COLUMN || found->relation->slot < 0 || !found->scope->in_where) {
        return;
    }
    const kdbi_column *column = &found->relation->columns.items[found->column];
    if (kdb_sv_eq(found->relation->table->columns[column->column].name, KDB_SV("_deleted"))) {
        b->bound->tables[found->relation->slot].sees_deleted = true;
    }
}

kdb_status kdbi_resolve(kdbi_binding *b, const kdbi_scope *scope, const PgQuery__ColumnRef *ref, kdbi_found *out)
{
    reference read;
    KDB_TRY(read_reference(b, ref, ref->n_fields, &read));
    KDB_TRY(read.nparts == 1 ? resolve_bare(b, scope, &read, out) : resolve_qualified(b, scope, &read, out));
    note_deleted(b, out);
    if (out->kind == KDBI_FOUND_COLUMN) {
        kdbi_note_use(out->relation, out->column);
    }
    return KDB_OK;
}

bool kdbi_is_star(const PgQuery__ColumnRef *ref)
{
    return ref->n_fields != 0 && ref->fields[ref->n_fields - 1]->node_case == PG_QUERY__NODE__NODE_A_STAR;
}

kdb_status kdbi_resolve_star(kdbi_binding *b, const kdbi_scope *scope, const PgQuery__ColumnRef *ref,
                             const kdbi_relation **out)
{
    *out = NULL;
    if (ref->n_fields == 1) {
        return KDB_OK;
    }
    reference read;
    KDB_TRY(read_reference(b, ref, ref->n_fields - 1, &read));
    if (read.nparts == 3 && kdb_sv_ieq(read.parts[0], KDB_SV("kalam"))) {
        memmove(read.parts, read.parts + 1, 2 * sizeof read.parts[0]);
        read.nparts--;
    }
    read.parts[read.nparts++] = KDB_SV("*");
    if (read.nparts == PARTS_MAX) {
        return not_found(b, &read, NULL);
    }
    for (const kdbi_scope *at = scope; at != NULL && *out == NULL; at = at->outer) {
        KDB_TRY(find_relation(b, at, &read, out));
    }
    return *out == NULL ? not_found(b, &read, NULL) : KDB_OK;
}

static void emit_qualified(const kdbi_relation *relation, kdb_sv column, kdb_buf *out)
{
    kdbi_emit_name(relation->engine, out);
    kdb_buf_append_byte(out, '.');
    kdbi_emit_name(column, out);
}

void kdbi_emit_found(const kdbi_found *found, kdb_buf *out)
{
    switch (found->kind) {
    case KDBI_FOUND_ALIAS:
        kdbi_emit_name(found->name, out);
        return;
    case KDBI_FOUND_NOT_DELETED:
        kdb_buf_append_lit(out, "FALSE");
        return;
    case KDBI_FOUND_UPDATED: { /* `_seq` begins with milliseconds since 2024-01-01 */
        const kdbi_column *seq = kdbi_seq_column(found->relation);
        kdb_buf_append_lit(out, "epoch_ms((");
        emit_qualified(found->relation, seq->engine, out);
        kdb_buf_append_lit(out, " >> 22) + 1704067200000)");
        return;
    }
    case KDBI_FOUND_COLUMN:
        break;
    }
    const kdb_sv engine = found->relation->columns.items[found->column].engine;
    if (found->merged) {
        kdbi_emit_name(engine, out);
    } else {
        emit_qualified(found->relation, engine, out);
    }
}

kdb_type kdbi_found_type(const kdbi_binding *b, const kdbi_found *found)
{
    if (found->kind == KDBI_FOUND_UPDATED) {
        return kdb_type_of(KDB_TYPE_TIMESTAMP);
    }
    if (found->kind != KDBI_FOUND_COLUMN) {
        return kdb_type_of(KDB_TYPE_NULL);
    }
    const kdbi_column *column = &found->relation->columns.items[found->column];
    return column->slot < 0 ? column->type : b->slots[column->slot]->columns[column->column].type;
}
