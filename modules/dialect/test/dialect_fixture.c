/* dialect_fixture.c - statements and bindings as text for the tests. */
#include "dialect_fixture.h"

static kdb_arena *arena;
static kdb_buf text;

int make_arena(void **state)
{
    (void)state;
    arena = kdb_arena_new(0);
    kdb_buf_init(&text, 0);
    return 0;
}

int free_arena(void **state)
{
    (void)state;
    kdb_buf_done(&text);
    kdb_arena_free(arena);
    return 0;
}

kdb_arena *test_arena(void)
{
    return arena;
}

static const char *take_text(void)
{
    return kdb_sv_dup_cstr(arena, kdb_buf_sv(&text));
}

static const char *error_text(const kdb_err *err)
{
    return kdb_sv_dup_cstr(
        arena, kdb_sv_printf(arena, "%s@%d %s", kdb_status_defs[err->status].name, err->position, err->text));
}

/* ---- statements ---- */

static void add_table(const kdb_table_name *name)
{
    kdb_buf_printf(&text, " %.*s.%.*s", KDB_SV_ARG(name->ns), KDB_SV_ARG(name->name));
}

static void add_value(const kdb_value *value)
{
    const kdb_sv shown = kdb_value_to_text(value, arena);
    const kdb_sv type = kdb_type_sql_text(value->type, arena);
    kdb_buf_printf(&text, "%.*s %.*s", KDB_SV_ARG(type), KDB_SV_ARG(shown));
}

static const char *const default_words[] = {
    [KDB_DEFAULT_NONE] = "none",         [KDB_DEFAULT_LITERAL] = "literal",
    [KDB_DEFAULT_NOW] = "now",           [KDB_DEFAULT_SNOWFLAKE_ID] = "snowflake",
    [KDB_DEFAULT_UUID_V7] = "uuid",      [KDB_DEFAULT_ULID] = "ulid",
    [KDB_DEFAULT_CURRENT_USER] = "user",
};

static void add_column(const kdb_column_spec *column)
{
    const kdb_sv type = kdb_type_sql_text(column->type, arena);
    kdb_buf_printf(&text, " [%.*s %.*s%s", KDB_SV_ARG(column->name), KDB_SV_ARG(type), column->not_null ? " NN" : "");
    if (column->default_kind == KDB_DEFAULT_LITERAL) {
        kdb_buf_append_lit(&text, " = ");
        add_value(&column->default_literal);
    } else if (column->default_kind != KDB_DEFAULT_NONE) {
        kdb_buf_printf(&text, " = %s()", default_words[column->default_kind]);
    }
    kdb_buf_append_lit(&text, "]");
}

static void add_number(const char *name, int64_t value, int64_t silent)
{
    if (value != silent) {
        kdb_buf_printf(&text, " %s=%lld", name, (long long)value);
    }
}

static void add_word(const char *name, kdb_sv value)
{
    if (value.len != 0) {
        kdb_buf_printf(&text, " %s=%.*s", name, KDB_SV_ARG(value));
    }
}

static void add_create_table(const kdb_create_table *table)
{
    static const char *const types[] = { "?", "USER", "SHARED", "STREAM", "SYSTEM" };
    static const char *const levels[] = { "?", "PUBLIC", "PRIVATE", "RESTRICTED", "DBA" };
    kdb_buf_printf(&text, "%s", types[table->type]);
    add_table(&table->table);
    kdb_buf_append_sv(&text, table->if_not_exists ? KDB_SV(" if-not-exists") : KDB_SV(""));
    for (size_t i = 0; i < table->ncolumns; i++) {
        add_column(&table->columns[i]);
    }
    for (size_t i = 0; i < table->nkey; i++) {
        kdb_buf_printf(&text, "%s%u", i == 0 ? " key=" : ",", table->key[i]);
    }
    add_word("storage", table->storage_id);
    add_number("user-storage", table->use_user_storage, 0);
    add_number("rows", table->flush_rows, 0);
    add_number("interval", table->flush_interval_s, 0);
    add_number("ttl", table->ttl_seconds, 0);
    add_number("retention", table->deleted_retention_hours, -1);
    if (table->access != KDB_ACCESS_UNSET) {
        add_word("access", kdb_sv_cstr(levels[table->access]));
    }
    add_word("compression", table->compression);
    add_word("eviction", table->eviction_strategy);
    add_number("max-bytes", table->max_stream_bytes, 0);
}

static void add_cell(const kdb_cell *cell)
{
    switch (cell->kind) {
    case KDB_CELL_LITERAL:
        add_value(&cell->literal);
        return;
    case KDB_CELL_LIFTED:
        kdb_buf_printf(&text, "%s?%u", cell->negative ? "-" : "", cell->index);
        return;
    case KDB_CELL_PARAM:
        kdb_buf_printf(&text, "$%u", cell->index);
        return;
    case KDB_CELL_DEFAULT:
        kdb_buf_append_lit(&text, "DEFAULT");
        return;
    case KDB_CELL_FUNCTION:
        kdb_buf_printf(&text, "%s()", default_words[cell->function]);
        return;
    case KDB_CELL_EXPR:
        kdb_buf_printf(&text, "expr %u", cell->index);
        return;
    }
}

static void add_conflict(const kdb_conflict *conflict)
{
    kdb_buf_append_lit(&text, " on conflict");
    for (size_t i = 0; i < conflict->nkey; i++) {
        kdb_buf_printf(&text, "%s%.*s", i == 0 ? " (" : ", ", KDB_SV_ARG(conflict->key[i].name));
    }
    kdb_buf_append_sv(&text, conflict->nkey != 0 ? KDB_SV(")") : KDB_SV(""));
    kdb_buf_append_sv(&text, conflict->update ? KDB_SV(" update") : KDB_SV(" nothing"));
    for (size_t i = 0; i < conflict->ncolumns; i++) {
        kdb_buf_printf(&text, " [%.*s = ", KDB_SV_ARG(conflict->columns[i].name));
        add_cell(&conflict->cells[i]);
        kdb_buf_append_byte(&text, ']');
    }
}

static void add_rows(const kdb_insert *insert)
{
    for (size_t r = 0; r < insert->nrows; r++) {
        kdb_buf_append_lit(&text, " [");
        for (size_t c = 0; c < insert->width; c++) {
            kdb_buf_append_sv(&text, c == 0 ? KDB_SV("") : KDB_SV("; "));
            add_cell(&insert->cells[r * insert->width + c]);
        }
        kdb_buf_append_lit(&text, "]");
    }
}

static void add_insert(const kdb_insert *insert)
{
    kdb_buf_append_lit(&text, "INSERT");
    add_table(&insert->table);
    for (size_t i = 0; i < insert->ncolumns; i++) {
        kdb_buf_printf(&text, "%s%.*s", i == 0 ? " (" : ", ", KDB_SV_ARG(insert->columns[i].name));
    }
    kdb_buf_append_sv(&text, insert->ncolumns != 0 ? KDB_SV(")") : KDB_SV(""));
    if (insert->select != NULL) {
        kdb_buf_append_lit(&text, " select");
    } else {
        add_rows(insert);
    }
    if (insert->conflict != NULL) {
        add_conflict(insert->conflict);
    }
    kdb_buf_append_sv(&text, insert->rows != NULL ? KDB_SV(" rows") : KDB_SV(""));
}

static void add_change(const char *verb, const kdb_change *change)
{
    kdb_buf_printf(&text, "%s", verb);
    add_table(&change->table);
    for (size_t i = 0; i < change->ncolumns; i++) {
        kdb_buf_printf(&text, " [%.*s = ", KDB_SV_ARG(change->columns[i].name));
        add_cell(&change->cells[i]);
        kdb_buf_append_byte(&text, ']');
    }
    kdb_buf_append_sv(&text, change->rows != NULL ? KDB_SV(" rows") : KDB_SV(""));
}

static void add_namespace(const char *verb, const kdb_namespace_stmt *ns)
{
    kdb_buf_printf(&text, "%s '%.*s'%s%s", verb, KDB_SV_ARG(ns->name), ns->if_flag ? " if" : "",
                   ns->cascade ? " cascade" : "");
}

static void add_table_stmt(const char *verb, const kdb_table_stmt *table)
{
    kdb_buf_printf(&text, "%s", verb);
    add_table(&table->table);
    kdb_buf_append_sv(&text, table->if_exists ? KDB_SV(" if-exists") : KDB_SV(""));
}

static void add_user(const char *verb, const kdb_user_stmt *user)
{
    static const char *const auths[] = { "password", "oauth", "internal" };
    kdb_buf_printf(&text, "%s '%.*s'%s %s", verb, KDB_SV_ARG(user->name), user->if_exists ? " if-exists" : "",
                   auths[user->auth]);
    kdb_buf_printf(&text, " change=%d", user->change);
    add_word("secret", user->secret);
    add_word("role", user->role);
    add_word("email", user->email);
}

static void add_view(const kdb_view_stmt *view)
{
    kdb_buf_printf(&text, "CREATE%s VIEW %.*s.%.*s", view->or_replace ? " OR REPLACE" : "", KDB_SV_ARG(view->view.ns),
                   KDB_SV_ARG(view->view.name));
    for (size_t i = 0; i < view->ncolumns; i++) {
        kdb_buf_printf(&text, " [%.*s]", KDB_SV_ARG(view->columns[i]));
    }
    kdb_buf_printf(&text, " @%d <%.*s>", view->query_position, KDB_SV_ARG(view->query));
}

static void add_alter_namespace(const kdb_alter_namespace *alter)
{
    kdb_buf_printf(&text, "ALTER NAMESPACE '%.*s'", KDB_SV_ARG(alter->name));
    for (size_t i = 0; i < alter->noptions; i++) {
        kdb_buf_printf(&text, " [%.*s = ", KDB_SV_ARG(alter->options[i].name));
        add_value(&alter->options[i].value);
        kdb_buf_append_byte(&text, ']');
    }
}

static void add_alter_table(const kdb_alter_table *alter)
{
    static const char *const ops[KDB_ALTER_OP_COUNT] = {
        "ADD", "DROP", "MODIFY", "RENAME", "SET NOT NULL", "DROP NOT NULL", "SET DEFAULT", "DROP DEFAULT", "ACCESS",
    };
    kdb_buf_append_lit(&text, "ALTER");
    add_table(&alter->table);
    kdb_buf_printf(&text, " %s %.*s", ops[alter->op], KDB_SV_ARG(alter->column.name));
    if (alter->op == KDB_ALTER_ADD_COLUMN || alter->op == KDB_ALTER_MODIFY_COLUMN) {
        kdb_buf_printf(&text, " %.*s", KDB_SV_ARG(kdb_type_sql_text(alter->column.type, arena)));
        kdb_buf_append_sv(&text, alter->column.not_null ? KDB_SV(" not-null")
                                 : alter->says_null     ? KDB_SV(" null")
                                                        : KDB_SV(""));
    }
    if (alter->column.default_kind == KDB_DEFAULT_LITERAL) {
        kdb_buf_append_lit(&text, " default ");
        add_value(&alter->column.default_literal);
    } else if (alter->column.default_kind != KDB_DEFAULT_NONE) {
        kdb_buf_printf(&text, " default %s()", default_words[alter->column.default_kind]);
    }
    add_word("to", alter->new_name.name);
    if (alter->op == KDB_ALTER_SET_ACCESS) {
        kdb_buf_printf(&text, "%d", alter->access);
    }
}

static void add_condition(const char *clause, const kdb_policy_condition *condition)
{
    if (condition->text.len != 0) {
        kdb_buf_printf(&text, " %s @%d <%.*s>", clause, condition->position, KDB_SV_ARG(condition->text));
    }
}

static void add_policy(const char *verb, const kdb_policy_stmt *policy)
{
    kdb_buf_printf(&text, "%s '%.*s'", verb, KDB_SV_ARG(policy->name));
    add_table(&policy->table);
    kdb_buf_printf(&text, "%s%s %s", policy->if_exists ? " if-exists" : "", policy->restrictive ? " restrictive" : "",
                   kdb_policy_command_name(policy->command));
    add_word("to", kdb_policy_roles_text(policy->roles, arena));
    add_word("name", policy->new_name);
    add_condition("using", &policy->using_rows);
    add_condition("check", &policy->check_rows);
}

static void add_count(const char *name, int64_t value)
{
    if (value >= 0) {
        kdb_buf_printf(&text, " %s=%lld", name, (long long)value);
    }
}

static void add_subscribe(const kdb_subscribe_stmt *subscribe)
{
    kdb_buf_printf(&text, "SUBSCRIBE %.*s.%.*s <%.*s>", KDB_SV_ARG(subscribe->table.ns),
                   KDB_SV_ARG(subscribe->table.name), KDB_SV_ARG(subscribe->query));
    add_count("last_rows", subscribe->last_rows);
    add_count("batch_size", subscribe->batch_size);
    add_count("from", subscribe->from);
}

static void add_said(const char *word, const kdb_storage_text *said)
{
    if (said->position != 0) {
        kdb_buf_printf(&text, " %s@%d=<%.*s>", word, said->position, KDB_SV_ARG(said->text));
    }
}

static void add_storage(const char *what, const kdb_storage_stmt *storage)
{
    kdb_buf_printf(&text, "%s '%.*s'@%d%s%s", what, KDB_SV_ARG(storage->id), storage->position,
                   storage->if_exists ? " if-exists" : "", storage->extended ? " extended" : "");
    add_said("type", &storage->type);
    add_said("path", &storage->path);
    add_said("bucket", &storage->bucket);
    add_said("region", &storage->region);
    add_said("name", &storage->name);
    add_said("description", &storage->description);
    add_said("shared", &storage->shared_template);
    add_said("user", &storage->user_template);
    add_said("credentials", &storage->credentials);
    add_said("config", &storage->config);
}

static void add_stmt(const kdb_stmt *stmt)
{
    switch (stmt->kind) {
    case KDB_STMT_QUERY:
        kdb_buf_append_lit(&text, "QUERY");
        return;
    case KDB_STMT_INSERT:
        add_insert(&stmt->as.insert);
        return;
    case KDB_STMT_UPDATE:
        add_change("UPDATE", &stmt->as.change);
        return;
    case KDB_STMT_DELETE:
        add_change("DELETE", &stmt->as.change);
        return;
    case KDB_STMT_CREATE_NAMESPACE:
        add_namespace("CREATE NAMESPACE", &stmt->as.ns);
        return;
    case KDB_STMT_ALTER_NAMESPACE:
        add_alter_namespace(&stmt->as.alter_ns);
        return;
    case KDB_STMT_DROP_NAMESPACE:
        add_namespace("DROP NAMESPACE", &stmt->as.ns);
        return;
    case KDB_STMT_USE_NAMESPACE:
        add_namespace("USE", &stmt->as.ns);
        return;
    case KDB_STMT_SHOW_NAMESPACES:
        kdb_buf_append_lit(&text, "SHOW NAMESPACES");
        return;
    case KDB_STMT_CREATE_TABLE:
        add_create_table(stmt->as.create_table);
        return;
    case KDB_STMT_ALTER_TABLE:
        add_alter_table(stmt->as.alter_table);
        return;
    case KDB_STMT_DROP_TABLE:
        add_table_stmt("DROP TABLE", &stmt->as.table);
        return;
    case KDB_STMT_SHOW_TABLES:
        add_namespace("SHOW TABLES", &stmt->as.ns);
        return;
    case KDB_STMT_DESCRIBE_TABLE:
        add_table_stmt("DESCRIBE", &stmt->as.table);
        return;
    case KDB_STMT_SHOW_STATS:
        add_table_stmt("SHOW STATS", &stmt->as.table);
        return;
    case KDB_STMT_CREATE_STORAGE:
        add_storage("CREATE STORAGE", stmt->as.storage);
        return;
    case KDB_STMT_ALTER_STORAGE:
        add_storage("ALTER STORAGE", stmt->as.storage);
        return;
    case KDB_STMT_DROP_STORAGE:
        add_storage("DROP STORAGE", stmt->as.storage);
        return;
    case KDB_STMT_CHECK_STORAGE:
        add_storage("STORAGE CHECK", stmt->as.storage);
        return;
    case KDB_STMT_SHOW_STORAGES:
        kdb_buf_append_lit(&text, "SHOW STORAGES");
        return;
    case KDB_STMT_EXPLAIN:
        kdb_buf_printf(&text, "EXPLAIN%s%s @%d <%.*s>", stmt->as.explain.analyze ? " ANALYZE" : "",
                       stmt->as.explain.verbose ? " VERBOSE" : "", stmt->as.explain.position,
                       KDB_SV_ARG(stmt->as.explain.text));
        return;
    case KDB_STMT_CREATE_VIEW:
        add_view(&stmt->as.view);
        return;
    case KDB_STMT_DROP_VIEW:
        add_table_stmt("DROP VIEW", &stmt->as.table);
        return;
    case KDB_STMT_SHOW_MANIFEST:
        kdb_buf_append_lit(&text, "SHOW MANIFEST");
        return;
    case KDB_STMT_SHOW_SEARCH_PATH:
        kdb_buf_append_lit(&text, "SHOW SEARCH_PATH");
        return;
    case KDB_STMT_SHOW_ALL:
        kdb_buf_append_lit(&text, "SHOW ALL");
        return;
    case KDB_STMT_CREATE_POLICY:
        add_policy("CREATE POLICY", stmt->as.policy);
        return;
    case KDB_STMT_ALTER_POLICY:
        add_policy("ALTER POLICY", stmt->as.policy);
        return;
    case KDB_STMT_DROP_POLICY:
        add_policy("DROP POLICY", stmt->as.policy);
        return;
    case KDB_STMT_SHOW_POLICIES:
        add_policy("SHOW POLICIES", stmt->as.policy);
        return;
    case KDB_STMT_VERIFY_AUDIT_LOG:
        kdb_buf_append_lit(&text, "VERIFY AUDIT LOG");
        return;
    case KDB_STMT_CREATE_USER:
        add_user("CREATE USER", &stmt->as.user);
        return;
    case KDB_STMT_ALTER_USER:
        add_user("ALTER USER", &stmt->as.user);
        return;
    case KDB_STMT_DROP_USER:
        add_user("DROP USER", &stmt->as.user);
        return;
    case KDB_STMT_BEGIN:
        kdb_buf_append_lit(&text, "BEGIN");
        return;
    case KDB_STMT_COMMIT:
        kdb_buf_append_lit(&text, "COMMIT");
        return;
    case KDB_STMT_ROLLBACK:
        kdb_buf_append_lit(&text, "ROLLBACK");
        return;
    case KDB_STMT_SAVEPOINT:
        kdb_buf_append_lit(&text, "SAVEPOINT");
        add_word("name", stmt->as.savepoint.name);
        return;
    case KDB_STMT_ROLLBACK_TO:
        kdb_buf_append_lit(&text, "ROLLBACK TO");
        add_word("name", stmt->as.savepoint.name);
        return;
    case KDB_STMT_RELEASE:
        kdb_buf_append_lit(&text, "RELEASE");
        add_word("name", stmt->as.savepoint.name);
        return;
    case KDB_STMT_SUBSCRIBE:
        add_subscribe(stmt->as.subscribe);
        return;
    case KDB_STMT_KILL_LIVE_QUERY:
        kdb_buf_append_lit(&text, "KILL LIVE QUERY");
        add_word("id", stmt->as.live_id);
        return;
    case KDB_STMT_FLUSH_TABLE:
        kdb_buf_append_lit(&text, "FLUSH");
        add_table(&stmt->as.table.table);
        return;
    case KDB_STMT_COMPACT_TABLE:
        kdb_buf_append_lit(&text, "COMPACT");
        add_table(&stmt->as.table.table);
        return;
    case KDB_STMT_REBUILD_MANIFEST:
        kdb_buf_append_lit(&text, "REBUILD MANIFEST");
        add_table(&stmt->as.table.table);
        return;
    case KDB_STMT_FLUSH_ALL:
        kdb_buf_append_lit(&text, "FLUSH ALL");
        add_word("ns", stmt->as.ns.name);
        return;
    case KDB_STMT_COMPACT_ALL:
        kdb_buf_append_lit(&text, "COMPACT ALL");
        add_word("ns", stmt->as.ns.name);
        return;
    case KDB_STMT_KILL_JOB:
        kdb_buf_append_lit(&text, "KILL JOB");
        add_word("id", stmt->as.job_id);
        return;
    case KDB_STMT_BACKUP:
        kdb_buf_append_lit(&text, "BACKUP");
        add_word("path", stmt->as.backup.path);
        return;
    case KDB_STMT_RESTORE:
        kdb_buf_append_lit(&text, "RESTORE");
        add_word("path", stmt->as.backup.path);
        return;
    case KDB_STMT_EXPORT_USER_DATA:
        kdb_buf_append_lit(&text, "EXPORT USER DATA");
        return;
    case KDB_STMT_SHOW_EXPORT:
        kdb_buf_append_lit(&text, "SHOW EXPORT");
        return;
    case KDB_STMT_KIND_COUNT:
        break;
    }
    fail_msg("statement of no kind");
}

const char *parsed(const char *sql)
{
    kdb_stmt *stmt = NULL;
    kdb_err err = { .position = -1 };
    text.len = 0;
    if (kdb_dialect_parse(kdb_sv_cstr(sql), NULL, arena, &stmt, &err) != KDB_OK) {
        assert_null(stmt);
        return error_text(&err);
    }
    add_stmt(stmt);
    if (stmt->nparams != 0) {
        kdb_buf_printf(&text, " params=%u", stmt->nparams);
    }
    kdb_buf_append_sv(&text, stmt->has_secret ? KDB_SV(" secret") : KDB_SV(""));
    return take_text();
}

/* ---- bindings ---- */

static const kdb_query *query_of(const kdb_stmt *stmt)
{
    if (stmt->kind == KDB_STMT_QUERY) {
        return stmt->as.query;
    }
    if (stmt->kind == KDB_STMT_INSERT) {
        return stmt->as.insert.select != NULL ? stmt->as.insert.select : stmt->as.insert.exprs;
    }
    return stmt->kind == KDB_STMT_UPDATE || stmt->kind == KDB_STMT_DELETE ? stmt->as.change.select : NULL;
}

/* NULL with *out_error set when it cannot be bound. */
static const kdb_bound *bind(const char *sql, const char **out_error)
{
    kdb_stmt *stmt = NULL;
    kdb_bound *out = NULL;
    kdb_bound *again = NULL;
    kdb_err err = { .position = -1 };
    if (kdb_dialect_parse(kdb_sv_cstr(sql), NULL, arena, &stmt, &err) != KDB_OK) {
        *out_error = error_text(&err);
        return NULL;
    }
    const kdb_query *query = query_of(stmt);
    assert_non_null(query);
    if (kdb_dialect_bind(query, stmt->nparams, &fake_binder, arena, &out, &err) != KDB_OK) {
        assert_null(out);
        *out_error = error_text(&err);
        return NULL;
    }
    const char *fault = engine_text_fault(out->sql);
    if (fault != NULL) {
        fail_msg("%s: %.*s", fault, KDB_SV_ARG(out->sql));
    }
    /* A query may be bound again. */
    assert_int_equal(kdb_dialect_bind(query, stmt->nparams, &fake_binder, arena, &again, &err), KDB_OK);
    assert_true(kdb_sv_eq(out->sql, again->sql));
    return out;
}

const char *bound(const char *sql)
{
    const char *error = NULL;
    const kdb_bound *out = bind(sql, &error);
    return out == NULL ? error : kdb_sv_dup_cstr(arena, out->sql);
}

static const fake_table *find_fake(const kdb_bound_table *table)
{
    const fake_table *fake = NULL;
    for (size_t i = 0; i < KDB_ARRAY_LEN(fake_tables); i++) {
        fake = strcmp(table->handle, fake_tables[i].name) == 0 ? &fake_tables[i] : fake;
    }
    return fake;
}

static bool is_scalar(kdb_sv name)
{
    for (size_t i = 0; i < kdb_function_defs_count; i++) {
        if (kdb_sv_eq(name, kdb_sv_cstr(kdb_function_defs[i].name))) {
            return kdb_function_defs[i].kind == KDB_FUNCTION_SCALAR;
        }
    }
    return false;
}

static void add_pred(const kdb_bound_table *table, const kdb_pred *pred)
{
    static const char *const ops[] = { "=", "<", "<=", ">", ">=", "in" };
    const fake_table *fake = find_fake(table);
    kdb_buf_printf(&text, " %.*s %s", KDB_SV_ARG(fake->table.columns[pred->column].name), ops[pred->op]);
    for (size_t i = 0; i < pred->noperands; i++) {
        kdb_buf_append_byte(&text, ' ');
        if (pred->operands[i].param != 0) {
            kdb_buf_printf(&text, "$%u", pred->operands[i].param);
        } else {
            assert_true(kdb_type_eq(pred->operands[i].literal.type, fake->table.columns[pred->column].type));
            kdb_buf_append_sv(&text, kdb_value_to_text(&pred->operands[i].literal, arena));
        }
    }
    kdb_buf_append_byte(&text, ';');
}

static void add_bound_table(const kdb_bound *bound_query, size_t slot)
{
    const kdb_bound_table *table = &bound_query->tables[slot];
    kdb_buf_printf(&text, " %zu:%s", slot, (const char *)table->handle);
    kdb_buf_append_sv(&text, table->sees_deleted ? KDB_SV(" sees-deleted") : KDB_SV(""));
    for (size_t i = 0; i < table->npreds; i++) {
        add_pred(table, &table->preds[i]);
    }
}

const char *facts(const char *sql)
{
    static const char *const hidden[] = { "now", "user", "role" };
    const char *error = NULL;
    const kdb_bound *out = bind(sql, &error);
    if (out == NULL) {
        return error;
    }
    text.len = 0;
    kdb_buf_append_lit(&text, "columns");
    for (size_t i = 0; i < out->ncolumns; i++) {
        const kdb_bound_column *column = &out->columns[i];
        if (column->slot >= 0) {
            kdb_buf_printf(&text, " %d.%u", column->slot, column->column);
        } else {
            kdb_buf_append_sv(&text, column->constant ? KDB_SV(" constant") : KDB_SV(" -"));
        }
    }
    for (size_t i = 0; i < out->ntables; i++) {
        add_bound_table(out, i);
    }
    for (size_t i = 0; i < out->nextras; i++) {
        kdb_buf_printf(&text, " hidden %s", hidden[out->extras[i].kind]);
    }
    kdb_buf_append_sv(&text, out->scan_order ? KDB_SV(" scan-order") : KDB_SV(""));
    kdb_buf_append_sv(&text, out->has_limit ? KDB_SV(" limit") : KDB_SV(""));
    return take_text();
}

/* ---- trees ---- */

static const char *const node_words[] = {
    [KDB_NODE_AND] = "and",
    [KDB_NODE_OR] = "or",
    [KDB_NODE_NOT] = "not",
    [KDB_NODE_IS_NULL] = "is-null",
    [KDB_NODE_IS_NOT_NULL] = "is-not-null",
    [KDB_NODE_IS_TRUE] = "is-true",
    [KDB_NODE_IS_NOT_TRUE] = "is-not-true",
    [KDB_NODE_IS_FALSE] = "is-false",
    [KDB_NODE_IS_NOT_FALSE] = "is-not-false",
    [KDB_NODE_EQ] = "=",
    [KDB_NODE_NE] = "<>",
    [KDB_NODE_LT] = "<",
    [KDB_NODE_LE] = "<=",
    [KDB_NODE_GT] = ">",
    [KDB_NODE_GE] = ">=",
    [KDB_NODE_DISTINCT] = "distinct",
    [KDB_NODE_NOT_DISTINCT] = "not-distinct",
    [KDB_NODE_IN] = "in",
    [KDB_NODE_BETWEEN] = "between",
    [KDB_NODE_LIKE] = "like",
    [KDB_NODE_ILIKE] = "ilike",
    [KDB_NODE_ADD] = "+",
    [KDB_NODE_SUB] = "-",
    [KDB_NODE_MUL] = "*",
    [KDB_NODE_DIV] = "/",
    [KDB_NODE_MOD] = "%",
    [KDB_NODE_NEG] = "neg",
    [KDB_NODE_CONCAT] = "||",
    [KDB_NODE_CASE] = "case",
    [KDB_NODE_COALESCE] = "coalesce",
    [KDB_NODE_NULLIF] = "nullif",
    [KDB_NODE_GREATEST] = "greatest",
    [KDB_NODE_LEAST] = "least",
    [KDB_NODE_CAST] = "cast",
};

/* 5:INT, 'x', true, NULL */
static void add_literal(const kdb_value *value)
{
    const kdb_sv shown = kdb_value_to_text(value, arena);
    if (value->is_null) {
        kdb_buf_append_lit(&text, "NULL");
    } else if (value->type.kind == KDB_TYPE_TEXT) {
        kdb_buf_printf(&text, "'%.*s'", KDB_SV_ARG(shown));
    } else if (value->type.kind == KDB_TYPE_BOOLEAN) {
        kdb_buf_append_sv(&text, shown);
    } else {
        kdb_buf_printf(&text, "%.*s:%.*s", KDB_SV_ARG(shown), KDB_SV_ARG(kdb_type_sql_text(value->type, arena)));
    }
}

static void add_node(const kdb_bind_table *of, const kdb_node *node)
{
    switch (node->kind) {
    case KDB_NODE_LITERAL:
        add_literal(&node->value);
        return;
    case KDB_NODE_PARAM:
        kdb_buf_printf(&text, "$%u", node->param);
        return;
    case KDB_NODE_COLUMN:
        if (node->column >= of->ncolumns) { /* of EXCLUDED: behind the target's columns and its key */
            kdb_buf_append_lit(&text, "excluded.");
        }
        kdb_buf_append_sv(&text, of->columns[node->column % (of->ncolumns + 1)].name);
        return;
    case KDB_NODE_CALL:
        assert_true(is_scalar(node->name));
        kdb_buf_printf(&text, "(%.*s", KDB_SV_ARG(node->name));
        break;
    default:
        kdb_buf_printf(&text, "(%s", node_words[node->kind]);
    }
    for (size_t i = 0; i < node->nargs; i++) {
        kdb_buf_append_byte(&text, ' ');
        add_node(of, node->args[i]);
    }
    if (node->kind == KDB_NODE_CAST) {
        kdb_buf_printf(&text, " %.*s", KDB_SV_ARG(kdb_type_sql_text(node->type, arena)));
    }
    kdb_buf_append_byte(&text, ')');
}

static void add_clause(const char *word, const kdb_bind_table *of, const kdb_node *node)
{
    if (node != NULL) {
        kdb_buf_printf(&text, " %s ", word);
        add_node(of, node);
    }
}

static void add_single(const kdb_bind_table *of, const kdb_single *single)
{
    if (single->count) {
        kdb_buf_printf(&text, "[%.*s: count]", KDB_SV_ARG(single->names[0]));
    }
    for (size_t i = 0; i < single->ntargets; i++) {
        kdb_buf_append_byte(&text, '[');
        if (single->names[i].len != 0) {
            kdb_buf_printf(&text, "%.*s: ", KDB_SV_ARG(single->names[i]));
        }
        add_node(of, single->targets[i]);
        kdb_buf_append_byte(&text, ']');
    }
    add_clause("where", of, single->where);
    for (size_t i = 0; i < single->norder; i++) {
        add_clause("order", of, single->order[i].expr);
        kdb_buf_append_sv(&text, single->order[i].descending ? KDB_SV(" desc") : KDB_SV(""));
        kdb_buf_append_sv(&text, single->order[i].nulls_first ? KDB_SV(" nulls-first") : KDB_SV(""));
    }
    add_clause("limit", of, single->limit);
    add_clause("offset", of, single->offset);
}

const char *single(const char *sql)
{
    const char *error = NULL;
    const kdb_bound *out = bind(sql, &error);
    if (out == NULL || out->single == NULL) {
        return out == NULL ? error : "none";
    }
    text.len = 0;
    static const kdb_bind_table none = { .ncolumns = 0 };
    add_single(out->ntables == 0 ? &none : &find_fake(&out->tables[0])->table, out->single);
    return take_text();
}

static void add_aggregate(const kdb_bind_table *of, const kdb_aggregate *aggregate)
{
    static const char *const words[] = { "count-rows", "count", "sum", "avg", "min", "max" };
    kdb_buf_append_sv(&text, kdb_sv_cstr(words[aggregate->kind]));
    add_clause("of", of, aggregate->arg);
    add_clause("filter", of, aggregate->filter);
}

static void add_grouped(const kdb_bind_table *of, const kdb_grouped *group)
{
    for (size_t i = 0; i < group->nitems; i++) {
        const kdb_grouped_item *item = &group->items[i];
        kdb_buf_printf(&text, "[%.*s: ", KDB_SV_ARG(item->name));
        if (item->is_aggregate) {
            assert_true(item->index < group->naggregates);
            add_aggregate(of, &group->aggregates[item->index]);
        } else {
            assert_true(item->index < group->nkeys);
            kdb_buf_printf(&text, "key %zu", item->index);
        }
        kdb_buf_append_byte(&text, ']');
    }
    for (size_t i = 0; i < group->nkeys; i++) {
        add_clause("by", of, group->keys[i]);
    }
    add_clause("where", of, group->where);
}

const char *grouped(const char *sql)
{
    const char *error = NULL;
    const kdb_bound *out = bind(sql, &error);
    if (out == NULL || out->grouped == NULL) {
        return out == NULL ? error : "none";
    }
    text.len = 0;
    add_grouped(&find_fake(&out->tables[0])->table, out->grouped);
    return take_text();
}

/* ---- expressions over the rows of a write ---- */

static void add_row_expr(const kdb_bind_table *of, const kdb_row_expr *expr)
{
    if (expr->node == NULL) {
        kdb_buf_append_lit(&text, "no tree");
    } else {
        add_node(of, expr->node);
    }
    kdb_buf_append_sv(&text, expr->constant ? KDB_SV(" constant") : KDB_SV(""));
    kdb_buf_printf(&text, "@%d", expr->position);
}

static void add_row_exprs(const kdb_bind_table *of, const kdb_row_exprs *rows)
{
    for (size_t i = 0; i < rows->nset; i++) {
        kdb_buf_append_sv(&text, i == 0 ? KDB_SV("set ") : KDB_SV("; "));
        add_row_expr(of, &rows->set[i]);
    }
    if (rows->where != NULL) {
        kdb_buf_append_lit(&text, " where ");
        add_row_expr(of, rows->where);
    }
    for (size_t i = 0; i < rows->nreturning; i++) {
        kdb_buf_printf(&text, "%s%.*s: ", i == 0 ? " returning " : "; ", KDB_SV_ARG(rows->returning[i].name));
        add_row_expr(of, &rows->returning[i]);
    }
    kdb_buf_printf(&text, " extras=%zu", rows->nextras);
}

static kdb_bind_table bind_table(const kdb_table_name *name)
{
    kdb_bind_table table;
    assert_int_equal(fake_find_table(NULL, name, true, &table, NULL), KDB_OK);
    return table;
}

const char *row_exprs(const char *sql)
{
    kdb_stmt *stmt = NULL;
    kdb_row_exprs *out = NULL;
    kdb_err err = { .position = -1 };
    text.len = 0;
    if (kdb_dialect_parse(kdb_sv_cstr(sql), NULL, arena, &stmt, &err) != KDB_OK) {
        return error_text(&err);
    }
    const bool insert = stmt->kind == KDB_STMT_INSERT;
    const kdb_bind_table table = bind_table(insert ? &stmt->as.insert.table : &stmt->as.change.table);
    const kdb_row_query *rows = insert ? stmt->as.insert.rows : stmt->as.change.rows;
    assert_non_null(rows);
    if (kdb_dialect_bind_rows(rows, stmt->nparams, &table, arena, &out, &err) != KDB_OK) {
        assert_null(out);
        return error_text(&err);
    }
    assert_int_equal(out->excluded, table.ncolumns + 1);
    add_row_exprs(&table, out);
    return take_text();
}

void check_cases(const text_case *cases, size_t ncases, const char *(*describe)(const char *sql))
{
    size_t wrong = 0;
    for (size_t i = 0; i < ncases; i++) {
        const char *actual = describe(cases[i].sql);
        if (strcmp(actual, cases[i].expected) != 0) {
            print_error("%s\n  gives    %s\n  expected %s\n", cases[i].sql, actual, cases[i].expected);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}
