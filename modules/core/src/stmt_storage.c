/* stmt_storage.c - CREATE, ALTER and DROP STORAGE, STORAGE CHECK. A storage is tried before anything is said of it: written,
 * read, listed and deleted in, which waits for a disk or a network, on the worker and without the DDL gate. Meanwhile its
 * id is claimed, so that no other statement opens another storage of that id. */
#include "core_int.h"

/* ---- claims ---- */

/* Lies on the stack of the statement that holds it. */
struct kdbi_storage_claim {
    kdbi_storage_claim *next;
    kdb_sv id;
};

static bool take_claim(kdb_core *core, kdbi_storage_claim *claim)
{
    kdb_mutex_lock(&core->lock);
    const kdbi_storage_claim *other = core->storage_claims;
    while (other != NULL && !kdb_sv_eq(other->id, claim->id)) {
        other = other->next;
    }
    if (other == NULL) {
        claim->next = core->storage_claims;
        core->storage_claims = claim;
    }
    kdb_mutex_unlock(&core->lock);
    return other == NULL;
}

static void drop_claim(kdb_core *core, const kdbi_storage_claim *claim)
{
    kdb_mutex_lock(&core->lock);
    kdbi_storage_claim **at = &core->storage_claims;
    while (*at != claim) {
        at = &(*at)->next;
    }
    *at = claim->next;
    kdb_mutex_unlock(&core->lock);
}

typedef kdb_status (*storage_step)(kdb_exec *exec, const kdb_storage_stmt *stmt, kdb_err *err);

static kdb_status run_claimed(kdb_exec *exec, const kdb_storage_stmt *stmt, storage_step step, kdb_err *err)
{
    kdbi_storage_claim claim = { .id = stmt->id };
    if (!take_claim(exec->core, &claim)) {
        return KDB_FAIL_AT(err, stmt->position, KDB_CONFLICT,
                           "Storage '%.*s' is being changed by another statement. Try again once that has ended",
                           KDB_SV_ARG(stmt->id));
    }
    const kdb_status status = step(exec, stmt, err);
    drop_claim(exec->core, &claim);
    return status;
}

/* ---- trying ---- */

static int64_t ms_since(int64_t begun_us)
{
    return (kdb_monotonic_us() - begun_us) / 1000;
}

static kdb_status unreachable(int64_t latency_ms, kdb_sv why, kdb_err *err)
{
    return KDB_FAIL(err, KDB_INVALID_OPERATION, "Storage connectivity check failed (latency %lld ms): %.*s",
                    (long long)latency_ms, KDB_SV_ARG(why));
}

static bool is_healthy(const kdb_objects_health *health)
{
    return health->readable && health->writable && health->listable && health->deletable;
}

/* What the definition says wrong is told as it is; what the world does wrong fails the check. */
static kdb_status open_draft(kdb_exec *exec, const kdb_storage_draft *draft, kdb_objects **out, kdb_err *err)
{
    kdb_err why = { .position = -1 };
    const int64_t begun = kdb_monotonic_us();
    const kdb_status status = kdb_registry_open_draft(draft, exec->core->objects, out, &why);
    if (status == KDB_OK) {
        return KDB_OK;
    }
    if (status == KDB_INVALID || status == KDB_CONFLICT) {
        return KDB_FAIL(err, status == KDB_INVALID ? KDB_INVALID_OPERATION : status, "%s", why.text);
    }
    return unreachable(ms_since(begun), kdb_sv_cstr(why.text), err);
}

static kdb_status try_out(kdb_exec *exec, kdb_objects *objects, kdb_err *err)
{
    kdb_objects_health health = { 0 };
    kdb_objects_check(objects, false, exec->arena, &health);
    if (!is_healthy(&health)) {
        return unreachable(health.latency_ms, health.error, err);
    }
    return kdbi_exec_check_running(exec, err);
}

/* ---- CREATE and ALTER ---- */

/* Holds the DDL gate. */
static kdb_status store_draft(kdb_exec *exec, kdb_storage_draft *draft, kdb_sv details, kdb_err *err)
{
    kdb_registry *registry = exec->core->registry;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_storage(registry, draft, exec->arena, batch, err));
    KDB_TRY(kdbi_audit_commit(exec, batch, draft->storage.id, details, err));
    kdb_registry_publish_storage(registry, draft);
    return KDB_OK;
}

static kdb_status try_and_store(kdb_exec *exec, kdb_storage_draft *draft, kdb_objects *objects, kdb_sv details,
                                kdb_err *err)
{
    KDB_TRY(try_out(exec, objects, err));
    kdb_mutex_lock(&exec->core->ddl);
    const kdb_status status = store_draft(exec, draft, details, err);
    kdb_mutex_unlock(&exec->core->ddl);
    return status;
}

static kdb_status save_draft(kdb_exec *exec, kdb_storage_draft *draft, kdb_sv details, kdb_err *err)
{
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    KDB_TRY(open_draft(exec, draft, &objects, err));
    const kdb_status status = try_and_store(exec, draft, objects, details, err);
    if (status == KDB_OK) { /* after it is published: see kdb_registry_open_objects */
        kdb_object_stores_put(exec->core->objects, KDB_TAKE(objects));
    } else if (draft->is_new) {
        kdb_objects_disown(objects);
    }
    return status;
}

static kdb_status create_storage(kdb_exec *exec, const kdb_storage_stmt *stmt, kdb_err *err)
{
    kdb_storage_draft draft;
    KDB_TRY(kdb_registry_draft_storage(exec->core->registry, stmt, exec->arena, &draft, err));
    const kdb_storage *storage = &draft.storage;
    const kdb_sv details = kdb_sv_printf(exec->arena, "Type: %.*s, Base Directory: %.*s", KDB_SV_ARG(storage->type),
                                         KDB_SV_ARG(storage->base_directory));
    const kdb_status status = save_draft(exec, &draft, details, err);
    if (status != KDB_OK) {
        kdb_err_at(err, stmt->position);
    }
    return status;
}

kdb_status kdbi_run_create_storage(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_storage_stmt *stmt = plan->stmt->as.storage;
    KDB_TRY(run_claimed(exec, stmt, create_storage, err));
    kdbi_exec_message(exec, "Storage '%.*s' created successfully", KDB_SV_ARG(stmt->id));
    return KDB_OK;
}

/* What changes, not what it becomes: that may be a secret. */
static kdb_sv changes_of(const kdb_storage_stmt *stmt, kdb_arena *arena)
{
    const struct {
        const kdb_storage_text *said;
        const char *word;
    } clauses[] = {
        { &stmt->name, "NAME" },
        { &stmt->description, "DESCRIPTION" },
        { &stmt->shared_template, "SHARED_TABLES_TEMPLATE" },
        { &stmt->user_template, "USER_TABLES_TEMPLATE" },
        { &stmt->credentials, "CREDENTIALS" },
        { &stmt->config, "CONFIG" },
    };
    kdb_sv text = KDB_SV("");
    for (size_t i = 0; i < KDB_ARRAY_LEN(clauses); i++) {
        if (clauses[i].said->position != 0) {
            text = kdb_sv_printf(arena, "%.*s%sSET %s", KDB_SV_ARG(text), text.len == 0 ? "Operation: " : ", ",
                                 clauses[i].word);
        }
    }
    return text;
}

static kdb_status alter_storage(kdb_exec *exec, const kdb_storage_stmt *stmt, kdb_err *err)
{
    kdb_storage_draft draft;
    KDB_TRY(kdb_registry_draft_altered_storage(exec->core->registry, stmt, exec->arena, &draft, err));
    const kdb_status status = save_draft(exec, &draft, changes_of(stmt, exec->arena), err);
    if (status != KDB_OK) {
        kdb_err_at(err, stmt->position);
    }
    return status;
}

kdb_status kdbi_run_alter_storage(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_storage_stmt *stmt = plan->stmt->as.storage;
    KDB_TRY(run_claimed(exec, stmt, alter_storage, err));
    kdbi_exec_message(exec, "Storage '%.*s' altered successfully", KDB_SV_ARG(stmt->id));
    return KDB_OK;
}

/* ---- DROP ---- */

/* Files of tables that were dropped: once the storage is forgotten nobody could remove them. */
static kdb_status check_swept(kdb_core *core, kdb_sv id, kdb_err *err)
{
    bool left = false;
    if (core->cold != NULL) {
        KDB_TRY(kdb_cold_has_unwanted(core->cold, id, &left, err));
    }
    return !left
               ? KDB_OK
               : KDB_FAIL(
                     err, KDB_INVALID_OPERATION,
                     "Cannot drop storage '%.*s': files of dropped tables are being removed from it. Try again shortly",
                     KDB_SV_ARG(id));
}

/* Holds the DDL gate, so no table comes to use it meanwhile. What is in a storage that is away stays there. */
static kdb_status remove_definition(kdb_exec *exec, kdb_sv id, bool is_open, kdb_err *err)
{
    kdb_registry *registry = exec->core->registry;
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    KDB_TRY(kdb_registry_stage_drop_storage(registry, id, batch, err));
    if (is_open) {
        KDB_TRY(check_swept(exec->core, id, err));
    }
    KDB_TRY(kdbi_audit_commit(exec, batch, id, KDB_SV(""), err));
    kdb_registry_publish_drop_storage(registry, id);
    return KDB_OK;
}

static kdb_status drop_storage(kdb_exec *exec, const kdb_storage_stmt *stmt, kdb_err *err)
{
    kdb_core *core = exec->core;
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    const bool is_open = kdb_object_stores_find(core->objects, stmt->id, &objects, NULL) == KDB_OK; /* or away */
    (void)kdb_core_sweep(core);
    kdb_mutex_lock(&core->ddl);
    const kdb_status status = remove_definition(exec, stmt->id, is_open, err);
    kdb_mutex_unlock(&core->ddl);
    if (status != KDB_OK) {
        kdb_err_at(err, stmt->position);
        return status;
    }
    if (is_open) {
        kdb_objects_disown(objects);
    }
    kdb_object_stores_drop(core->objects, stmt->id);
    return KDB_OK;
}

kdb_status kdbi_run_drop_storage(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_storage_stmt *stmt = plan->stmt->as.storage;
    if (stmt->if_exists && !kdb_registry_has_storage(exec->core->registry, stmt->id)) {
        kdbi_exec_message(exec, "Storage '%.*s' does not exist (skipped)", KDB_SV_ARG(stmt->id));
        return KDB_OK;
    }
    KDB_TRY(run_claimed(exec, stmt, drop_storage, err));
    kdbi_exec_message(exec, "Storage '%.*s' dropped successfully", KDB_SV_ARG(stmt->id));
    return KDB_OK;
}

/* ---- STORAGE CHECK ---- */

static const kdbi_made_column check_columns[] = {
    { "storage_id", KDB_TYPE_TEXT, true },     { "status", KDB_TYPE_TEXT, true },
    { "readable", KDB_TYPE_BOOLEAN, true },    { "writable", KDB_TYPE_BOOLEAN, true },
    { "listable", KDB_TYPE_BOOLEAN, true },    { "deletable", KDB_TYPE_BOOLEAN, true },
    { "latency_ms", KDB_TYPE_BIGINT, true },   { "total_bytes", KDB_TYPE_BIGINT, false },
    { "used_bytes", KDB_TYPE_BIGINT, false },  { "error", KDB_TYPE_TEXT, false },
    { "tested_at", KDB_TYPE_TIMESTAMP, true },
};

static const char *verdict(const kdb_objects_health *health)
{
    if (is_healthy(health)) {
        return "healthy";
    }
    return health->readable || health->writable || health->listable || health->deletable ? "degraded" : "unreachable";
}

static kdb_value bytes_or_null(int64_t bytes)
{
    return bytes < 0 ? kdb_value_null(kdb_type_of(KDB_TYPE_BIGINT)) : kdb_value_bigint(bytes);
}

static kdb_status send_health(kdb_exec *exec, kdb_sv id, const kdb_objects_health *health, int64_t tested_us,
                              kdb_err *err)
{
    kdbi_made made;
    const kdb_value cells[] = {
        kdb_value_text(id),
        kdb_value_text(kdb_sv_cstr(verdict(health))),
        kdb_value_bool(health->readable),
        kdb_value_bool(health->writable),
        kdb_value_bool(health->listable),
        kdb_value_bool(health->deletable),
        kdb_value_bigint(health->latency_ms),
        bytes_or_null(health->total_bytes),
        bytes_or_null(health->used_bytes),
        health->error.len == 0 ? kdb_value_null(kdb_type_of(KDB_TYPE_TEXT)) : kdb_value_text(health->error),
        kdb_value_timestamp(tested_us / 1000 * 1000),
    };
    kdbi_made_begin(&made, exec, check_columns, KDB_ARRAY_LEN(check_columns));
    KDB_TRY(kdbi_made_row(&made, cells, err));
    return kdbi_made_end(&made, err);
}

/* One that cannot even be opened is told of like one that cannot be reached. */
static void look_at(kdb_exec *exec, const kdb_storage_stmt *stmt, kdb_objects_health *out)
{
    KDB_CLEANUP(kdb_objects_unrefp) kdb_objects *objects = NULL;
    kdb_err why = { .position = -1 };
    const int64_t begun = kdb_monotonic_us();
    if (kdb_object_stores_find(exec->core->objects, stmt->id, &objects, &why) == KDB_OK) {
        kdb_objects_check(objects, stmt->extended, exec->arena, out);
        return;
    }
    *out = (kdb_objects_health){ .latency_ms = ms_since(begun),
                                 .total_bytes = -1,
                                 .used_bytes = -1,
                                 .error = kdb_sv_dup(exec->arena, kdb_sv_cstr(why.text)) };
}

kdb_status kdbi_run_check_storage(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)pending;
    const kdb_storage_stmt *stmt = plan->stmt->as.storage;
    if (!kdb_registry_has_storage(exec->core->registry, stmt->id)) {
        return KDB_FAIL_AT(err, stmt->position, KDB_NOT_FOUND, "Storage '%.*s' not found", KDB_SV_ARG(stmt->id));
    }
    const int64_t tested_us = kdb_now_us();
    kdb_objects_health health = { 0 };
    look_at(exec, stmt, &health);
    KDB_TRY(kdbi_exec_check_running(exec, err));
    const kdb_audit_record record =
        kdbi_audit_record(exec, stmt->id, kdb_sv_printf(exec->arena, "Status: %s", verdict(&health)));
    kdb_audit_note(exec->core->audit, &record);
    return send_health(exec, stmt->id, &health, tested_us, err);
}
