/* fixture.c - see fixture.h. */
#include "fixture.h"

fixture *fixture_new(void)
{
    kdb_err err = { .text = "" };
    fixture *f = KDB_NEW(fixture);
    f->arena = kdb_arena_new(0);
    f->store = kdb_store_open_memory();
    f->options = kdb_options_new();
    const kdb_registry_options registry = { KDB_SV("{namespace}/{tableName}"),
                                            KDB_SV("{namespace}/{tableName}/{userId}"), NULL };
    const kdb_auth_options auth = { .jwt_secret = KDB_SV("a secret of tests that is long enough"),
                                    .access_seconds = 60,
                                    .bcrypt_cost = 4,
                                    .hash_threads = 1,
                                    .hash_queue = 4,
                                    .min_password = 8 };
    assert_int_equal(kdb_registry_open(f->store, &registry, &f->registry, &err), KDB_OK);
    assert_int_equal(kdb_auth_open(f->store, &auth, &f->auth, &err), KDB_OK);
    f->system = kdb_system_new(f->store, f->registry, f->auth, f->options);
    return f;
}

void fixture_free(fixture *f)
{
    kdb_system_free(f->system);
    kdb_auth_close(f->auth);
    kdb_registry_close(f->registry);
    kdb_options_free(f->options);
    kdb_store_close(f->store);
    kdb_arena_free(f->arena);
    kdb_free(f);
}

static void commit(fixture *f, kdb_batch *batch)
{
    kdb_err err;
    assert_int_equal(kdb_store_commit(f->store, batch, &err), KDB_OK);
}

/* What ALTER will do: the registry cannot yet. */
static void add_version(kdb_table *table)
{
    kdb_schema *versions = KDB_ARENA_ARRAY(table->arena, kdb_schema, 2);
    versions[0] = *table->schema;
    versions[1] = *table->schema;
    versions[1].version = 2;
    versions[0].ncolumns--;
    table->versions = versions;
    table->schema = &versions[1];
    table->nversions = 2;
}

void fixture_table(fixture *f, const char *name, kdb_table_type type, kdb_access_level access, size_t nversions)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    kdb_column_spec columns[] = {
        { .name = KDB_SV("id"), .type = { .kind = KDB_TYPE_INT }, .not_null = true },
        { .name = KDB_SV("note"),
          .type = { .kind = KDB_TYPE_TEXT },
          .default_kind = KDB_DEFAULT_LITERAL,
          .default_literal = kdb_value_text(KDB_SV("x")) },
        { .name = KDB_SV("price"), .type = { .kind = KDB_TYPE_DECIMAL, .precision = 10, .scale = 2 } },
    };
    uint32_t key[] = { 0 };
    const kdb_create_table spec = { .table = { .name = kdb_sv_cstr(name) },
                                    .type = type,
                                    .columns = columns,
                                    .ncolumns = KDB_ARRAY_LEN(columns),
                                    .key = key,
                                    .nkey = 1,
                                    .ttl_seconds = type == KDB_TABLE_STREAM ? 60 : 0,
                                    .deleted_retention_hours = -1,
                                    .access = access };
    kdb_table *table = NULL;
    kdb_err err = { .text = "" };
    assert_int_equal(kdb_registry_stage_create_table(f->registry, &spec, KDB_SV("default"), batch, &table, &err),
                     KDB_OK);
    commit(f, batch);
    if (nversions == 2) {
        add_version(table);
    }
    kdb_registry_publish_create_table(f->registry, table);
}

static void add_user(fixture *f, kdb_user user)
{
    const kdb_principal root = { .user = { KDB_SV("root") }, .role = KDB_ROLE_SYSTEM };
    kdb_err err = { .text = "" };
    assert_int_equal(kdb_auth_create_user(f->auth, &root, &user, &err), KDB_OK);
}

static void add_users(fixture *f)
{
    const kdb_principal root = { .user = { KDB_SV("root") }, .role = KDB_ROLE_SYSTEM };
    kdb_err err;
    add_user(f, (kdb_user){ .id = { KDB_SV("alice") },
                            .role = KDB_ROLE_USER,
                            .auth_type = KDB_AUTH_PASSWORD,
                            .password_hash = KDB_SV("$2b$04$secretsecretsecretsecre"),
                            .email = KDB_SV("a@example.org") });
    add_user(f, (kdb_user){ .id = { KDB_SV("bob") },
                            .role = KDB_ROLE_SERVICE,
                            .auth_type = KDB_AUTH_OAUTH,
                            .auth_data = KDB_SV("{\"provider\":\"p\",\"subject\":\"s\"}") });
    add_user(f, (kdb_user){ .id = { KDB_SV("gone") }, .role = KDB_ROLE_DBA, .auth_type = KDB_AUTH_INTERNAL });
    assert_int_equal(kdb_auth_drop_user(f->auth, &root, (kdb_user_id){ KDB_SV("gone") }, &err), KDB_OK);
}

void fixture_job(fixture *f, const char *id, const char *status)
{
    KDB_CLEANUP(kdb_batch_freep) kdb_batch *batch = kdb_batch_new();
    const kdb_job_row job = { .id = kdb_sv_cstr(id),
                              .type = KDB_SV("cleanup"),
                              .status = kdb_sv_cstr(status),
                              .parameters_json = KDB_SV("{\"table_id\":\"default:t\"}"),
                              .message = KDB_SV("done"),
                              .idempotency_key = KDB_SV("drop-default-t"),
                              .created_us = 1,
                              .updated_us = 2,
                              .started_us = 3,
                              .retry_count = 1,
                              .max_retries = 3,
                              .node_id = 9 };
    kdb_system_stage_job(&job, batch);
    commit(f, batch);
}

static void report_live(void *self, kdb_arena *arena, kdb_live_row **out, size_t *count)
{
    (void)self;
    kdb_live_row *rows = KDB_ARENA_ARRAY(arena, kdb_live_row, 1);
    rows[0] = (kdb_live_row){ .live_id = KDB_SV("alice-c1-s1"),
                              .connection_id = KDB_SV("c1"),
                              .subscription_id = KDB_SV("s1"),
                              .ns = KDB_SV("default"),
                              .table = KDB_SV("t"),
                              .user = KDB_SV("alice"),
                              .query = KDB_SV("SELECT * FROM t"),
                              .status = KDB_SV("active"),
                              .created_us = 5,
                              .last_update_us = 6,
                              .changes = 7,
                              .last_ping_us = 8 };
    *out = rows;
    *count = 1;
}

static void report_transactions(void *self, kdb_arena *arena, kdb_transaction_row **out, size_t *count)
{
    (void)self;
    kdb_transaction_row *rows = KDB_ARENA_ARRAY(arena, kdb_transaction_row, 1);
    rows[0] = (kdb_transaction_row){ .id = KDB_SV("t-1"),
                                     .owner = KDB_SV("sql-req-1"),
                                     .origin = KDB_SV("SqlBatch"),
                                     .state = KDB_SV("open_write"),
                                     .age_ms = 1,
                                     .idle_ms = 2,
                                     .writes = 3,
                                     .bytes = 4,
                                     .tables = 5,
                                     .snapshot_seq = 6 };
    *out = rows;
    *count = 1;
}

static void report_stats(void *self, kdb_arena *arena, kdb_stat_row **out, size_t *count)
{
    (void)self;
    kdb_stat_row *rows = KDB_ARENA_ARRAY(arena, kdb_stat_row, 2);
    rows[0] = (kdb_stat_row){ KDB_SV("server_version"), KDB_SV("0.1.0") };
    rows[1] = (kdb_stat_row){ KDB_SV("active_connections"), KDB_SV("12") };
    *out = rows;
    *count = 2;
}

void fixture_fill(fixture *f)
{
    const kdb_system_reporter reporter = {
        .live = report_live, .stats = report_stats, .transactions = report_transactions, .version = KDB_SV("1.2.3")
    };
    fixture_table(f, "u", KDB_TABLE_USER, KDB_ACCESS_UNSET, 2);
    fixture_table(f, "shown", KDB_TABLE_SHARED, KDB_ACCESS_PUBLIC, 1);
    fixture_table(f, "secret", KDB_TABLE_SHARED, KDB_ACCESS_DBA, 1);
    fixture_table(f, "events", KDB_TABLE_STREAM, KDB_ACCESS_UNSET, 1);
    add_users(f);
    fixture_job(f, "CL-000000000001", "completed");
    kdb_system_set_reporter(f->system, &reporter);
}

/* ---- reading ---- */

static size_t column_index(const kdb_system_table_def *def, kdb_sv name)
{
    for (size_t i = 0; i < def->ncolumns; i++) {
        if (kdb_sv_eq(kdb_sv_cstr(def->columns[i].name), name)) {
            return i;
        }
    }
    fail_msg("no column %.*s", KDB_SV_ARG(name));
    return 0;
}

/* The indexes of the named columns. */
static size_t parse_projection(const kdb_system_table_def *def, const char *columns, size_t *out)
{
    size_t count = 0;
    if (columns == NULL) {
        for (; count < def->ncolumns; count++) {
            out[count] = count;
        }
        return count;
    }
    while (*columns != '\0') {
        const size_t len = strcspn(columns, " ");
        out[count++] = column_index(def, (kdb_sv){ columns, len });
        columns += len + (columns[len] == ' ' ? 1 : 0);
    }
    return count;
}

static void put_lines(const kdb_chunk *chunk, kdb_buf *out, kdb_arena *arena)
{
    for (size_t row = 0; row < chunk->nrows; row++) {
        for (size_t c = 0; c < chunk->ncols; c++) {
            const kdb_value cell = kdb_vec_get(&chunk->cols[c], row);
            kdb_buf_append_sv(out, c == 0 ? KDB_SV("") : KDB_SV("|"));
            kdb_buf_append_sv(out, kdb_value_to_text(&cell, arena));
        }
        kdb_buf_append_byte(out, '\n');
    }
}

kdb_sv fixture_read(fixture *f, const char *ns, const char *table, const char *columns, kdb_role viewer)
{
    const kdb_principal principal = { .user = { KDB_SV("viewer") }, .role = viewer };
    const kdb_system_table_def *def = kdb_system_lookup(kdb_sv_cstr(ns), kdb_sv_cstr(table));
    KDB_CLEANUP(kdb_system_scan_freep) kdb_system_scan *scan = NULL;
    kdb_err err = { .text = "" };
    size_t projection[32];
    kdb_type types[32];
    kdb_buf lines;
    assert_non_null(def);
    kdb_buf_init(&lines, 0);
    const size_t count = parse_projection(def, columns, projection);
    const kdb_field *fields = kdb_system_fields(def, f->arena);
    for (size_t i = 0; i < count; i++) {
        types[i] = fields[projection[i]].type;
    }
    assert_int_equal(kdb_system_scan_open(f->system, def, &principal, NULL, projection, count, &scan, &err), KDB_OK);
    kdb_chunk *chunk = kdb_chunk_new(f->arena, types, count);
    do {
        assert_int_equal(kdb_system_scan_next(scan, chunk, &err), KDB_OK);
        put_lines(chunk, &lines, f->arena);
    } while (chunk->nrows != 0);
    const kdb_sv text = kdb_sv_dup(f->arena, kdb_buf_sv(&lines));
    kdb_buf_done(&lines);
    return text;
}

bool fixture_has_line(kdb_sv text, const char *line)
{
    const kdb_sv wanted = kdb_sv_cstr(line);
    while (text.len != 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        const size_t len = (size_t)(end - text.ptr);
        if (kdb_sv_eq((kdb_sv){ text.ptr, len }, wanted)) {
            return true;
        }
        text = (kdb_sv){ end + 1, text.len - len - 1 };
    }
    return false;
}

size_t fixture_count_lines(kdb_sv text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.ptr[i] == '\n' ? 1 : 0;
    }
    return count;
}
