/* stmt_explain.c - EXPLAIN: which executor runs a statement and why, which keys it reads, and the engine's plan. It tells
 * callers what holds for them: their keys, their rows. Nothing in it depends on the rows of others. */
#include "core_int.h"

static const kdbi_made_column explain_columns[] = { { "plan_type", KDB_TYPE_TEXT, true },
                                                    { "plan", KDB_TYPE_TEXT, true } };

/* The rows are sent when all is known: until then the statement can begin again, as one does that DDL overtakes. */
enum { LINES_MAX = 9 };

typedef struct outline {
    struct {
        const char *type;
        kdb_sv plan;
    } lines[LINES_MAX];
    size_t count;
} outline;

static void add_line(outline *o, const char *type, kdb_sv plan)
{
    KDB_ASSERT(o->count < LINES_MAX);
    o->lines[o->count].type = type;
    o->lines[o->count++].plan = plan;
}

static kdb_status send_lines(kdb_exec *exec, const outline *o, kdb_err *err)
{
    kdbi_made m;
    kdbi_made_begin(&m, exec, explain_columns, KDB_ARRAY_LEN(explain_columns));
    for (size_t i = 0; i < o->count; i++) {
        const kdb_value cells[] = { kdb_value_text(kdb_sv_cstr(o->lines[i].type)), kdb_value_text(o->lines[i].plan) };
        KDB_TRY(kdbi_made_row(&m, cells, err));
    }
    return kdbi_made_end(&m, err);
}

/* ---- executor ---- */

static kdb_sv executor_text(kdbi_run *run, kdbi_plan *plan)
{
    if (kdbi_native_get(plan, run->params, run->nparams) != NULL) {
        return KDB_SV("native");
    }
    return kdb_sv_printf(run->exec->arena, "engine: %s", kdbi_native_refusal(plan));
}

/* ---- keys ---- */

static kdb_sv range_text(const kdbi_run *run, size_t slot, const kdb_key_set *keys, kdb_arena *arena)
{
    const kdb_table *table = run->plan->slots[slot].table;
    const kdb_user_id user = kdbi_exec_user(run->exec, table);
    kdb_key_set whole;
    kdb_table_key_set(table, user, NULL, 0, NULL, 0, arena, &whole);
    if (!kdb_sv_eq(keys->from, whole.from) || !kdb_sv_eq(keys->to, whole.to)) {
        return KDB_SV("a range of the key");
    }
    if (table->type == KDB_TABLE_SHARED) {
        return KDB_SV("all rows");
    }
    return kdb_sv_printf(arena, "all rows of '%.*s'", KDB_SV_ARG(user.text));
}

static kdb_sv keys_text(const kdbi_run *run, size_t slot, kdb_arena *arena)
{
    kdb_key_set keys;
    kdbi_run_keys(run, slot, arena, &keys);
    if (!keys.points) {
        return range_text(run, slot, &keys, arena);
    }
    return keys.nkeys == 0 ? KDB_SV("no key can match")
                           : kdb_sv_printf(arena, "%zu %s", keys.nkeys, keys.nkeys == 1 ? "key" : "keys");
}

/* `app.notes: 1 key`, a line for each table. */
static kdb_sv all_keys_text(const kdbi_run *run, kdb_arena *arena)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    for (size_t i = 0; i < run->plan->nslots; i++) {
        const kdbi_slot *slot = &run->plan->slots[i];
        kdb_buf_append_sv(&text, i == 0 ? KDB_SV("") : KDB_SV("\n"));
        if (slot->table == NULL) {
            kdb_buf_printf(&text, "%s.%s: all rows", slot->def->ns, slot->def->name);
            continue;
        }
        const kdb_sv keys = keys_text(run, i, arena);
        kdb_buf_printf(&text, "%.*s.%.*s: %.*s", KDB_SV_ARG(slot->table->ns), KDB_SV_ARG(slot->table->name),
                       KDB_SV_ARG(keys));
    }
    const kdb_sv out = kdb_sv_dup(arena, kdb_buf_sv(&text));
    kdb_buf_done(&text);
    return run->plan->nslots == 0 ? KDB_SV("no table") : out;
}

/* `app.notes`, a line for each table whose policies choose the rows that the caller meets; empty: none do. */
static kdb_sv policies_text(const kdbi_run *run, kdb_arena *arena)
{
    kdb_sv text = { "", 0 };
    for (size_t i = 0; i < run->plan->nslots; i++) {
        const kdb_table *table = run->plan->slots[i].table;
        if (table != NULL && kdbi_policy_binds(run->principal->role, table)) {
            text = kdb_sv_printf(arena, "%.*s%s%.*s.%.*s: rows that the policies for role %s let pass",
                                 KDB_SV_ARG(text), text.len == 0 ? "" : "\n", KDB_SV_ARG(table->ns),
                                 KDB_SV_ARG(table->name), kdb_role_name(run->principal->role));
        }
    }
    return text;
}

/* ---- the engine's plan ---- */

/* The scan function is our own affair. Its name gives way to words of no more letters: the plan is drawn in boxes. */
static void hide_scan_function(char *text, size_t len, const char *function)
{
    static const char shown[] = "TABLE SCAN";
    const size_t name_len = strlen(function);
    for (size_t i = 0; i + name_len <= len; i++) {
        if (kdb_sv_ieq(kdb_sv_of(text + i, name_len), kdb_sv_of(function, name_len))) {
            memset(text + i, ' ', name_len);
            memcpy(text + i, shown, name_len < sizeof(shown) - 1 ? name_len : sizeof(shown) - 1);
            i += name_len - 1;
        }
    }
}

/* The text column of the one row that the engine's EXPLAIN gives. */
static kdb_status read_plan(kdb_engine_cursor *cursor, const char *function, kdb_arena *arena, kdb_sv *out,
                            kdb_err *err)
{
    const kdb_chunk *chunk = NULL;
    *out = KDB_SV("");
    KDB_TRY(kdb_engine_fetch(cursor, &chunk, err));
    if (chunk->nrows > 0 && chunk->ncols == 2) {
        const kdb_value value = kdb_vec_get(&chunk->cols[1], 0);
        char *text = kdb_sv_dup_cstr(arena, value.as.bytes);
        hide_scan_function(text, value.as.bytes.len, function);
        *out = kdb_sv_of(text, value.as.bytes.len);
    }
    return KDB_OK;
}

static kdb_status engine_text(kdbi_run *run, kdbi_plan *plan, kdb_sv *out, kdb_err *err)
{
    kdbi_worker *worker = run->exec->worker;
    KDB_TRY(kdbi_plan_prepare(worker, plan, err)); /* says what the scans read, and what is wrong with the query */
    const kdb_sv sql = kdb_sv_printf(run->exec->arena, "EXPLAIN %.*s", KDB_SV_ARG(plan->query.bound->sql));
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *explained = NULL;
    KDB_TRY(kdb_engine_prepare(worker->conn, sql, plan->query.scan_tables, plan->nslots, &explained, err));
    const kdb_scan_source none = { .self = run };
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    KDB_TRY(kdb_engine_execute(explained, run->params, run->nparams, &none, &cursor, err));
    return read_plan(cursor, kdb_engine_scan_function(worker->conn), run->exec->arena, out, err);
}

/* ---- ANALYZE ---- */

static kdb_status analyze(outline *o, kdb_exec *exec, kdbi_plan *plan, kdb_err *err)
{
    KDB_CLEANUP(kdbi_run_done) kdbi_run run = { 0 };
    const int64_t start = kdb_monotonic_us();
    uint64_t returned = 0;
    const kdb_chunk *chunk = NULL;
    KDB_TRY(kdbi_run_start(&run, exec, plan, NULL, err));
    KDB_TRY(kdbi_run_fetch_first(&run, &chunk, err));
    while (chunk->nrows > 0) {
        returned += chunk->nrows;
        KDB_TRY(kdbi_run_fetch(&run, &chunk, err));
    }
    const int64_t took = kdb_monotonic_us() - start;
    kdb_arena *arena = exec->arena;
    add_line(o, "executed_by", run.native != NULL ? KDB_SV("native") : KDB_SV("engine"));
    add_line(o, "rows_read", kdb_sv_printf(arena, "%llu", (unsigned long long)kdbi_run_rows_read(&run)));
    if (run.nfiles != 0) {
        add_line(o, "cold_files", kdb_sv_printf(arena, "%zu read by the engine itself", run.nfiles));
    }
    add_line(o, "rows_returned", kdb_sv_printf(arena, "%llu", (unsigned long long)returned));
    add_line(o, "time_ms", kdb_sv_printf(arena, "%lld.%03lld", (long long)(took / 1000), (long long)(took % 1000)));
    return KDB_OK;
}

/* ---- the statement ---- */

static kdb_status explain_query(outline *o, kdb_exec *exec, const kdb_explain_stmt *stmt, kdbi_plan *plan, kdb_err *err)
{
    kdbi_run run;
    KDB_TRY(kdbi_run_init(&run, exec, plan, NULL, err));
    const kdb_sv executor = executor_text(&run, plan);
    const bool native = kdb_sv_eq(executor, KDB_SV("native"));
    add_line(o, "executor", executor);
    add_line(o, "key_range", all_keys_text(&run, exec->arena));
    const kdb_sv policies = policies_text(&run, exec->arena);
    if (policies.len != 0) {
        add_line(o, "row_policies", policies);
    }
    if (!native || stmt->verbose) {
        kdb_sv text;
        KDB_TRY(engine_text(&run, plan, &text, err));
        add_line(o, "engine_plan", text);
    }
    return stmt->analyze ? analyze(o, exec, plan, err) : KDB_OK;
}

static kdb_status explain(kdb_exec *exec, const kdb_explain_stmt *stmt, kdbi_plan *plan, kdb_err *err)
{
    outline o = { .count = 0 };
    KDB_TRY(kdbi_exec_bind(exec, plan, err));
    if (plan->target != NULL) {
        add_line(&o, "target",
                 kdb_sv_printf(exec->arena, "%.*s.%.*s", KDB_SV_ARG(plan->target->ns), KDB_SV_ARG(plan->target->name)));
    }
    if (plan->query.bound == NULL) { /* plain values */
        add_line(&o, "executor", KDB_SV("native"));
    } else {
        KDB_TRY(explain_query(&o, exec, stmt, plan, err));
    }
    return send_lines(exec, &o, err);
}

/* The statement is planned as it would be on its own, its literals taken out of the text. */
kdb_status kdbi_run_explain(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_explain_stmt *stmt = &plan->stmt->as.explain;
    kdb_shape *shape = KDB_ARENA_NEW(exec->arena, kdb_shape);
    exec->shape = kdb_dialect_shape(stmt->text, exec->arena, shape) ? shape : NULL;
    const kdbi_plan_text text = { .ns = exec->ns, .text = stmt->text, .shape = exec->shape };
    kdbi_plan *inner = NULL;
    bool owned = false;
    KDB_TRY(kdbi_plan_get(exec->worker, &text, &inner, &owned, err));
    const kdb_status status = explain(exec, stmt, inner, err);
    if (status != KDB_OK) {
        kdbi_exec_note_failure(exec, inner, status);
    }
    if (status != KDB_OK && err->position >= 0) {
        const kdb_shaped_text running = { stmt->text, exec->shape };
        err->position = kdbi_plan_position(inner, &running, err->position) + stmt->position;
    }
    if (owned) {
        kdbi_plan_free(inner);
    }
    return status;
}
