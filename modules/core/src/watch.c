/* watch.c - live queries, compiled (watch.h). A live query is a SELECT like any other until it is bound: the same plans,
 * names, rights and policies. What it may be beyond that is decided here, from the tree that the native executor uses too;
 * the engine never runs one. */
#include "kdb/watch.h"

#include "core_int.h"

/* ---- what a live query may be ---- */

static kdb_status refuse(int32_t position, const char *why, kdb_err *err)
{
    return KDB_FAIL_AT(err, position, KDB_STMT_INVALID_SQL, "Live queries %s", why);
}

static kdb_status check_table(const kdbi_plan *plan, kdb_err *err)
{
    const kdbi_slot *slot = &plan->slots[0];
    const kdb_bound *bound = plan->query.bound;
    if (plan->nslots != 1 || (bound->single == NULL && bound->grouped == NULL) || bound->tables[0].in_view ||
        bound->tables[0].in_subquery) {
        return refuse(
            -1,
            "read one table, its rows or plain aggregates of them: no joins, subqueries, views, WITH, DISTINCT, "
            "HAVING, window functions, set operations or expressions over aggregates",
            err);
    }
    if (slot->table == NULL) {
        return refuse(slot->position, "cannot read system tables", err);
    }
    return KDB_OK;
}

/* A table without a key has an order that nobody wrote. */
static bool is_ordered(const kdb_single *single)
{
    return single->norder != 0 && single->order[0].expr->position >= 0;
}

static kdb_status check_order(const kdb_single *single, kdb_err *err)
{
    const bool ordered = is_ordered(single);
    if (ordered && single->limit == NULL) {
        return refuse(single->order[0].expr->position, "have no order, but for ORDER BY with a LIMIT", err);
    }
    if (!ordered && (single->limit != NULL || single->offset != NULL)) {
        return refuse(single->limit == NULL ? single->offset->position : single->limit->position,
                      "need an ORDER BY with a LIMIT", err);
    }
    return KDB_OK;
}

static kdb_status check_targets(const kdb_single *single, kdb_err *err)
{
    for (size_t i = 0; i < single->ntargets; i++) {
        if (single->targets[i]->kind != KDB_NODE_COLUMN) {
            return refuse(single->targets[i]->position, "select columns, not expressions over them", err);
        }
    }
    return KDB_OK;
}

/* A COUNT(*) alone is both to dialect: here it is an aggregate. */
static bool is_grouped(const kdbi_plan *plan)
{
    return plan->query.bound->single == NULL || plan->query.bound->single->count;
}

static kdb_status check(const kdbi_plan *plan, kdb_err *err)
{
    if (plan->nslots == 0) {
        return refuse(-1, "read a table", err);
    }
    KDB_TRY(check_table(plan, err));
    if (is_grouped(plan)) {
        return KDB_OK;
    }
    KDB_TRY(check_order(plan->query.bound->single, err));
    return check_targets(plan->query.bound->single, err);
}

/* ---- compilation ---- */

typedef struct builder {
    const kdb_exec *exec;
    const kdbi_plan *plan;
    const kdb_single *single;
    kdb_watch *watch;
    const kdb_field *fields;
    size_t nfields;
    kdb_value *params;
    kdb_type *types;
    size_t nparams;
} builder;

static kdb_status bind_params(builder *b, kdb_err *err)
{
    const kdb_bound *bound = b->plan->query.bound;
    kdb_arena *arena = b->watch->arena;
    b->nparams = bound->nextras;
    b->params = KDB_ARENA_ARRAY(arena, kdb_value, b->nparams + 1);
    b->types = KDB_ARENA_ARRAY(arena, kdb_type, b->nparams + 1);
    for (size_t i = 0; i < b->nparams; i++) {
        if (bound->extras[i].kind == KDB_EXTRA_NOW) {
            return refuse(-1, "cannot ask for the time of day: their rows would change without being written", err);
        }
        const kdb_value value = kdbi_exec_extra(b->exec, &bound->extras[i]);
        b->params[i] = kdb_value_dup(&value, arena);
        b->types[i] = value.is_null ? kdb_type_of(KDB_TYPE_NULL) : value.type;
        b->watch->personal = b->watch->personal || bound->extras[i].kind != KDB_EXTRA_LITERAL;
    }
    return KDB_OK;
}

static kdb_status compile(const builder *b, const kdb_node *node, const char *clause, kdb_row_test *out, kdb_err *err)
{
    kdb_arena *arena = b->watch->arena;
    const kdb_expr *expr = kdb_expr_compile(node, b->fields, b->nfields, b->types, b->nparams, arena);
    if (expr == NULL || !kdb_expr_params_agree(&expr, 1, arena)) {
        return KDB_FAIL_AT(err, node->position, KDB_STMT_INVALID_SQL,
                           "Live queries evaluate %s row by row, without the query engine, which this expression needs",
                           clause);
    }
    out->expr = expr;
    return kdb_expr_bind(expr, b->params, b->nparams, arena, &out->consts, err);
}

static kdb_status compile_where(const builder *b, kdb_err *err)
{
    const kdb_node *where = is_grouped(b->plan) ? b->plan->query.bound->grouped->where : b->single->where;
    if (where == NULL) {
        return KDB_OK;
    }
    KDB_TRY(compile(b, where, "WHERE", &b->watch->where, err));
    return kdb_expr_type(b->watch->where.expr).kind == KDB_TYPE_BOOLEAN
               ? KDB_OK
               : KDB_FAIL_AT(err, where->position, KDB_STMT_INVALID_SQL, "argument of WHERE must be of type boolean");
}

static kdb_status read_count(const builder *b, const kdb_node *node, uint64_t *out, kdb_err *err)
{
    if (node == NULL) {
        return KDB_OK;
    }
    const kdb_value *value = node->kind == KDB_NODE_PARAM ? &b->params[node->param - 1] : &node->value;
    const bool small = value->type.kind == KDB_TYPE_INT;
    const int64_t count = small ? value->as.i32 : value->as.i64;
    if (value->is_null || (!small && value->type.kind != KDB_TYPE_BIGINT) || count < 0) {
        return refuse(node->position, "take a number of rows for LIMIT and OFFSET", err);
    }
    *out = (uint64_t)count;
    return KDB_OK;
}

static kdb_status compile_order(const builder *b, kdb_err *err)
{
    kdb_watch *watch = b->watch;
    const kdb_single *single = b->single;
    if (!is_ordered(single)) {
        return KDB_OK;
    }
    kdb_watch_sort *sort = KDB_ARENA_ARRAY(watch->arena, kdb_watch_sort, single->norder);
    for (size_t i = 0; i < single->norder; i++) {
        KDB_TRY(compile(b, single->order[i].expr, "ORDER BY", &sort[i].value, err));
        sort[i].descending = single->order[i].descending;
        sort[i].nulls_first = single->order[i].nulls_first;
    }
    watch->kind = KDB_WATCH_TOP;
    watch->sort = sort;
    watch->nsort = single->norder;
    KDB_TRY(read_count(b, single->limit, &watch->limit, err));
    KDB_TRY(read_count(b, single->offset, &watch->offset, err));
    return watch->limit > KDB_WATCH_TOP_MAX || watch->offset > KDB_WATCH_TOP_MAX - watch->limit
               ? refuse(single->limit->position, "keep no more than 1000 rows of an order, with those of OFFSET", err)
               : KDB_OK;
}

/* ---- groups ---- */

static kdb_type type_of(const builder *b, const kdb_row_test *value)
{
    const int32_t field = kdb_expr_column(value->expr);
    kdb_result_column column = { .type = kdb_expr_type(value->expr) };
    if (field >= 0) {
        kdbi_result_of_field(b->watch->table, (uint32_t)field, &column);
    }
    return column.type;
}

/* The engine's types, as the wire shows them. */
static bool type_aggregate(const builder *b, kdb_watch_aggregate *aggregate)
{
    const kdb_type arg = aggregate->value.expr == NULL ? kdb_type_of(KDB_TYPE_NULL) : type_of(b, &aggregate->value);
    const kdb_layout layout = kdb_type_layout(arg);
    const bool whole = arg.kind == KDB_TYPE_BOOLEAN || arg.kind == KDB_TYPE_SMALLINT || arg.kind == KDB_TYPE_INT ||
                       arg.kind == KDB_TYPE_BIGINT;
    const bool floating = arg.kind == KDB_TYPE_FLOAT || arg.kind == KDB_TYPE_DOUBLE;
    switch (aggregate->kind) {
    case KDB_AGGREGATE_COUNT_ROWS:
    case KDB_AGGREGATE_COUNT:
        aggregate->type = kdb_type_of(KDB_TYPE_BIGINT);
        return true;
    case KDB_AGGREGATE_SUM:
        aggregate->type = kdb_type_of(whole ? KDB_TYPE_BIGINT : KDB_TYPE_DOUBLE);
        if (arg.kind == KDB_TYPE_DECIMAL) {
            aggregate->type = arg;
            aggregate->type.precision = 38;
        }
        return whole || floating || arg.kind == KDB_TYPE_DECIMAL;
    case KDB_AGGREGATE_AVG:
        aggregate->type = kdb_type_of(KDB_TYPE_DOUBLE);
        return (whole && arg.kind != KDB_TYPE_BOOLEAN) || floating || arg.kind == KDB_TYPE_DECIMAL;
    case KDB_AGGREGATE_MIN:
    case KDB_AGGREGATE_MAX:
        aggregate->type = arg;
        return layout != KDB_LAYOUT_NONE && layout != KDB_LAYOUT_F32S;
    }
    return false;
}

static kdb_status compile_aggregate(const builder *b, const kdb_aggregate *from, kdb_watch_aggregate *out, kdb_err *err)
{
    out->kind = from->kind;
    if (from->arg != NULL) {
        KDB_TRY(compile(b, from->arg, "aggregates", &out->value, err));
    }
    if (from->filter != NULL) {
        KDB_TRY(compile(b, from->filter, "FILTER", &out->filter, err));
    }
    return type_aggregate(b, out) ? KDB_OK : refuse(from->position, "have no such aggregate of this type", err);
}

static kdb_status compile_groups(const builder *b, kdb_err *err)
{
    kdb_watch *watch = b->watch;
    const kdb_grouped *grouped = b->plan->query.bound->grouped;
    kdb_row_test *keys = KDB_ARENA_ARRAY(watch->arena, kdb_row_test, grouped->nkeys + 1);
    kdb_watch_aggregate *aggregates = KDB_ARENA_ARRAY(watch->arena, kdb_watch_aggregate, grouped->naggregates + 1);
    for (size_t i = 0; i < grouped->nkeys; i++) {
        KDB_TRY(compile(b, grouped->keys[i], "GROUP BY", &keys[i], err));
    }
    for (size_t i = 0; i < grouped->naggregates; i++) {
        KDB_TRY(compile_aggregate(b, &grouped->aggregates[i], &aggregates[i], err));
    }
    watch->kind = KDB_WATCH_GROUPS;
    watch->group_keys = keys;
    watch->ngroup_keys = grouped->nkeys;
    watch->aggregates = aggregates;
    watch->naggregates = grouped->naggregates;
    return KDB_OK;
}

/* ---- what is shown ---- */

static bool is_key(const kdb_table *table, uint32_t field)
{
    for (size_t i = 0; i < table->nkey; i++) {
        if (table->key[i] == field) {
            return true;
        }
    }
    return false;
}

static kdb_sv label_of(const builder *b, kdb_sv name)
{
    kdb_buf label;
    kdb_buf_init(&label, 0);
    kdb_json_put_string(&label, name);
    kdb_buf_append_byte(&label, ':');
    const kdb_sv kept = kdb_sv_dup(b->watch->arena, kdb_buf_sv(&label));
    kdb_buf_done(&label);
    return kept;
}

static kdb_watch_column column_of(const builder *b, uint32_t field, kdb_sv name)
{
    return (kdb_watch_column){ .label = label_of(b, name),
                               .field = field,
                               .key = is_key(b->watch->table, field),
                               .hidden = kdb_sv_has_prefix(b->fields[field].name, KDB_SV("_")) };
}

static bool is_selected(const builder *b, uint32_t field)
{
    for (size_t i = 0; i < b->single->ntargets; i++) {
        if (b->single->targets[i]->column == field) {
            return true;
        }
    }
    return false;
}

static kdb_sv name_of(const builder *b, size_t target)
{
    const kdb_sv written = b->single->names[target];
    return written.len != 0 ? written : b->fields[b->single->targets[target]->column].name;
}

static void show_columns(const builder *b)
{
    kdb_watch *watch = b->watch;
    const uint32_t seq = (uint32_t)watch->table->schema->ncolumns;
    const size_t selected = b->single->ntargets;
    kdb_watch_column *columns = KDB_ARENA_ARRAY(watch->arena, kdb_watch_column, selected + 1);
    for (size_t i = 0; i < selected; i++) {
        columns[i] = column_of(b, b->single->targets[i]->column, name_of(b, i));
    }
    watch->columns = columns;
    watch->ncolumns = selected;
    if (!is_selected(b, seq)) {
        columns[watch->ncolumns++] = column_of(b, seq, b->fields[seq].name);
    }
    kdb_watch_column *keys = KDB_ARENA_ARRAY(watch->arena, kdb_watch_column, watch->table->nkey + 1);
    for (size_t i = 0; i < watch->table->nkey; i++) {
        if (!is_selected(b, watch->table->key[i])) {
            keys[watch->nkeys++] = column_of(b, watch->table->key[i], b->fields[watch->table->key[i]].name);
        }
    }
    watch->keys = keys;
}

static kdb_result_column result_column(const builder *b, size_t index)
{
    kdb_result_column column = { .name = name_of(b, index) };
    kdbi_result_of_field(b->watch->table, b->single->targets[index]->column, &column);
    return column;
}

static kdb_result_column result_item(const builder *b, size_t index)
{
    const kdb_grouped_item *item = &b->plan->query.bound->grouped->items[index];
    return (kdb_result_column){ .name = item->name,
                                .type = item->is_aggregate ? b->watch->aggregates[item->index].type
                                                           : type_of(b, &b->watch->group_keys[item->index]) };
}

static void put_schema_column(const kdb_result_column *column, size_t index, kdb_buf *json)
{
    kdb_buf_append_sv(json, index == 0 ? KDB_SV("{\"name\":") : KDB_SV(",{\"name\":"));
    kdb_json_put_string(json, column->name);
    kdb_buf_append_lit(json, ",\"data_type\":");
    kdb_json_put_type(json, column->type);
    kdb_buf_printf(json, ",\"index\":%zu", index);
    if (column->key) {
        kdb_buf_append_lit(json, ",\"flags\":[\"pk\",\"nn\",\"uq\"]");
    } else if (column->not_null) {
        kdb_buf_append_lit(json, ",\"flags\":[\"nn\"]");
    }
    kdb_buf_append_byte(json, '}');
}

static void describe(const builder *b)
{
    const bool grouped = is_grouped(b->plan);
    const size_t count = grouped ? b->plan->query.bound->grouped->nitems : b->single->ntargets;
    kdb_buf json;
    kdb_buf_init(&json, 0);
    kdb_buf_append_byte(&json, '[');
    for (size_t i = 0; i < count; i++) {
        const kdb_result_column column = grouped ? result_item(b, i) : result_column(b, i);
        put_schema_column(&column, i, &json);
    }
    kdb_buf_append_byte(&json, ']');
    b->watch->schema = kdb_sv_dup(b->watch->arena, kdb_buf_sv(&json));
    kdb_buf_done(&json);
}

static void show_items(const builder *b)
{
    kdb_watch *watch = b->watch;
    const kdb_grouped *grouped = b->plan->query.bound->grouped;
    kdb_watch_item *items = KDB_ARENA_ARRAY(watch->arena, kdb_watch_item, grouped->nitems);
    for (size_t i = 0; i < grouped->nitems; i++) {
        items[i] = (kdb_watch_item){ label_of(b, grouped->items[i].name), grouped->items[i].is_aggregate,
                                     grouped->items[i].index };
    }
    watch->items = items;
    watch->nitems = grouped->nitems;
}

/* ---- who sees it ---- */

/* Unlike a statement's, a watch's rows are asked for one at a time: there is nothing to stop. */
static kdb_status go_on(KDB_UNUSED const void *self, KDB_UNUSED kdb_err *err)
{
    return KDB_OK;
}

static kdb_status bind_policies(const builder *b, kdb_err *err)
{
    kdb_watch *watch = b->watch;
    kdbi_policies *policies = b->plan->slots[0].policies;
    if (!kdbi_policy_binds(kdbi_exec_principal(b->exec)->role, watch->table)) {
        return KDB_OK;
    }
    const kdb_row_filter *filter = NULL;
    KDB_TRY(kdbi_policies_filter(policies, b->exec, KDBI_POLICY_READ, watch->arena, &filter, err));
    kdb_row_filter *own = KDB_ARENA_NEW(watch->arena, kdb_row_filter);
    *own = *filter;
    own->go_on = go_on;
    own->self = NULL;
    watch->filter = own;
    watch->policies = kdbi_policies_ref(policies);
    watch->personal = true;
    return KDB_OK;
}

static kdb_sv key_of(const kdb_exec *exec, const kdb_watch *watch, kdb_arena *arena)
{
    const kdb_principal *who = kdbi_exec_principal(exec);
    return watch->personal ? kdb_sv_printf(arena, "%.*s%c%s%c%.*s", KDB_SV_ARG(watch->text), 0,
                                           kdb_role_name(who->role), 0, KDB_SV_ARG(who->user.text))
                           : watch->text;
}

/* ---- where its rows can be ---- */

static kdb_pred copy_pred(const kdb_pred *from, kdb_arena *arena)
{
    kdb_pred pred = *from;
    pred.operands = KDB_ARENA_ARRAY(arena, kdb_pred_operand, from->noperands);
    for (size_t i = 0; i < from->noperands; i++) {
        pred.operands[i].param = from->operands[i].param;
        pred.operands[i].literal = kdb_value_dup(&from->operands[i].literal, arena);
    }
    return pred;
}

static void keep_preds(const builder *b)
{
    kdb_watch *watch = b->watch;
    const kdb_bound_table *from = &b->plan->query.bound->tables[0];
    const size_t nfilter = watch->filter == NULL ? 0 : watch->filter->npreds;
    kdb_pred *preds = KDB_ARENA_ARRAY(watch->arena, kdb_pred, nfilter + from->npreds + 1);
    for (size_t i = 0; i < nfilter; i++) {
        preds[i] = watch->filter->preds[i];
    }
    for (size_t i = 0; i < from->npreds; i++) {
        preds[nfilter + i] = copy_pred(&from->preds[i], watch->arena);
    }
    watch->preds = preds;
    watch->npreds = nfilter + from->npreds;
    watch->params = b->params;
    watch->nparams = b->nparams;
}

static kdb_status build(const kdb_exec *exec, const kdbi_plan *plan, kdb_sv text, kdb_watch **out, kdb_err *err)
{
    kdb_arena *arena = kdb_arena_new(0);
    KDB_CLEANUP(kdb_watch_unrefp) kdb_watch *watch = KDB_ARENA_NEW(arena, kdb_watch);
    atomic_init(&watch->refs, 1);
    watch->arena = arena;
    watch->table = kdb_table_ref(plan->slots[0].table);
    watch->text = kdb_sv_dup(arena, text);
    watch->sees_deleted = plan->query.bound->tables[0].sees_deleted;
    builder b = { .exec = exec, .plan = plan, .single = plan->query.bound->single, .watch = watch };
    b.fields = kdb_table_fields(watch->table, arena, &b.nfields);
    KDB_TRY(bind_params(&b, err));
    KDB_TRY(compile_where(&b, err));
    KDB_TRY(is_grouped(plan) ? compile_groups(&b, err) : compile_order(&b, err));
    KDB_TRY(bind_policies(&b, err));
    keep_preds(&b);
    if (is_grouped(plan)) {
        show_items(&b);
    } else {
        show_columns(&b);
    }
    describe(&b);
    watch->key = key_of(exec, watch, arena);
    *out = KDB_TAKE(watch);
    return KDB_OK;
}

/* The plan keeps the watch that was made of it last: mostly everybody asks the same. */
static kdb_status find_or_build(const kdb_exec *exec, kdbi_plan *plan, kdb_watch **out, kdb_err *err)
{
    const kdb_sv text = kdbi_exec_text(exec);
    const bool kept = plan->watch != NULL && kdb_sv_eq(plan->watch->text, text) &&
                      !kdbi_policy_binds(kdbi_exec_principal(exec)->role, plan->watch->table);
    if (!kept) {
        KDB_TRY(check(plan, err));
        KDB_TRY(build(exec, plan, text, out, err));
        if (!(*out)->personal) {
            kdb_watch_unref(plan->watch);
            plan->watch = kdb_watch_ref(*out);
        }
        return KDB_OK;
    }
    *out = kdb_watch_ref(plan->watch);
    return KDB_OK;
}

/* Before it is bound: what else a statement may name is no table. */
static kdb_status check_stmt(const kdb_exec *exec, const kdbi_plan *plan, kdb_err *err)
{
    if (plan->stmt->kind != KDB_STMT_QUERY) {
        return KDB_FAIL(err, KDB_STMT_INVALID_SQL, "A live query is a SELECT");
    }
    return plan->stmt->nparams == 0 ? kdbi_exec_check_stmt(exec, plan->stmt, err)
                                    : refuse(-1, "have no parameters", err);
}

static kdb_status watch_request(kdb_exec *exec, kdb_watch **out, kdb_err *err)
{
    KDB_TRY(kdbi_exec_prepare(exec, err));
    if (exec->npieces != 1 || exec->pieces[0].as_user.len != 0) {
        return KDB_FAIL(err, KDB_STMT_INVALID_SQL, "A live query is one SELECT");
    }
    kdbi_plan_text text = kdbi_exec_plan_text(exec);
    text.live = true;
    kdbi_plan *plan = NULL;
    bool owned = false;
    KDB_TRY(kdbi_plan_get(exec->worker, &text, &plan, &owned, err));
    kdb_status status = check_stmt(exec, plan, err);
    if (status == KDB_OK) {
        status = kdbi_exec_bind(exec, plan, err);
    }
    if (status == KDB_OK) {
        status = find_or_build(exec, plan, out, err);
    }
    if (owned) {
        kdbi_plan_free(plan);
    }
    return status;
}

kdb_status kdb_core_watch(kdb_core_turn *turn, kdb_sv sql, const kdb_principal *caller, kdb_watch **out, kdb_err *err)
{
    kdb_exec *task = turn->exec;
    kdb_request request = { .sql = sql, .caller = *caller };
    KDB_CLEANUP(kdb_arena_freep) kdb_arena *arena = kdb_arena_new(0);
    kdb_exec *exec = KDB_ARENA_NEW(arena, kdb_exec);
    exec->core = task->core;
    exec->request = &request;
    exec->arena = arena;
    exec->worker = task->worker;
    return watch_request(exec, out, err);
}

kdb_watch *kdb_watch_ref(kdb_watch *watch)
{
    atomic_fetch_add_explicit(&watch->refs, 1, memory_order_relaxed);
    return watch;
}

void kdb_watch_unref(kdb_watch *watch)
{
    if (watch != NULL && atomic_fetch_sub(&watch->refs, 1) == 1) {
        kdbi_policies_unref(watch->policies);
        kdb_table_unref(watch->table);
        kdb_arena_free(watch->arena);
    }
}

/* ---- rows ---- */

kdb_status kdb_watch_matches(const kdb_watch *watch, const kdb_expr_row *row, kdb_arena *scratch, bool *out,
                             kdb_err *err)
{
    *out = true;
    if (watch->filter != NULL) { /* first: nothing may be asked of rows that are not there for the user */
        KDB_TRY(kdb_row_filter_admits(watch->filter, row, scratch, out, err));
    }
    return !*out || watch->where.expr == NULL
               ? KDB_OK
               : kdb_expr_matches(watch->where.expr, watch->where.consts, row, scratch, out, err);
}
