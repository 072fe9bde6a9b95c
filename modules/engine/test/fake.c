/* fake.c - see fake.h. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct fake_scan {
    const fake_table *table;
    size_t projection[FAKE_COLUMNS];
    size_t nprojection;
    _Atomic size_t next_row;
} fake_scan;

void fake_put_cell(const fake_table *table, size_t row, size_t column, kdb_vec *vec, size_t at)
{
    kdb_vec_put(vec, at, &table->cells[row * table->ncolumns + column]);
}

const kdb_scan_column fake_number_columns[3] = {
    { { "id", 2 }, { KDB_TYPE_BIGINT, 0, 0, 0 } },
    { { "grp", 3 }, { KDB_TYPE_INT, 0, 0, 0 } },
    { { "name", 4 }, { KDB_TYPE_TEXT, 0, 0, 0 } },
};

void fake_put_number(KDB_UNUSED const fake_table *table, size_t row, size_t column, kdb_vec *vec, size_t at)
{
    if (column == 0) {
        ((int64_t *)vec->data)[at] = (int64_t)row;
    } else if (column == 1) {
        ((int32_t *)vec->data)[at] = (int32_t)(row % 10);
    } else {
        char text[32];
        const int len = snprintf(text, sizeof(text), "name %zu", row);
        vec->writer->put_bytes(vec, at, kdb_sv_of(text, (size_t)len));
    }
}

fake_table fake_numbers(size_t nrows)
{
    return (fake_table){
        .columns = fake_number_columns, .ncolumns = 3, .nrows = nrows, .put = fake_put_number, .cardinality = nrows
    };
}

static kdb_status scan_open(void *self, size_t slot, const size_t *projection, size_t nprojection, void **out,
                            size_t *max_threads, kdb_err *err)
{
    fake_source *source = self;
    KDB_ASSERT(slot < source->ntables); /* on an engine thread cmocka cannot fail a test */
    KDB_ASSERT(nprojection <= FAKE_COLUMNS);
    const fake_table *table = source->tables[slot];
    if (table->fail_open) {
        return KDB_FAIL(err, table->failure, "open failed");
    }
    fake_scan *scan = KDB_NEW(fake_scan);
    scan->table = table;
    scan->nprojection = nprojection;
    memcpy(scan->projection, projection, nprojection * sizeof(*projection));
    memcpy(source->projection, projection, nprojection * sizeof(*projection));
    source->nprojection = nprojection;
    atomic_fetch_add(&source->opened, 1);
    *out = scan;
    *max_threads = table->max_threads == 0 ? 1 : table->max_threads;
    return KDB_OK;
}

static kdb_status scan_open_local(void *self, void *state, void **out_local, kdb_err *err)
{
    fake_source *source = self;
    const fake_scan *scan = state;
    if (scan->table->fail_open_local) {
        return KDB_FAIL(err, scan->table->failure, "open_local failed");
    }
    atomic_fetch_add(&source->locals, 1);
    *out_local = kdb_alloc(64); /* so that a missing close_local leaks */
    return KDB_OK;
}

static kdb_status scan_next(void *self, void *state, KDB_UNUSED void *local, kdb_chunk *chunk, kdb_err *err)
{
    fake_source *source = self;
    fake_scan *scan = state;
    const fake_table *table = scan->table;
    atomic_fetch_add(&source->chunks, 1);
    const size_t first = atomic_fetch_add(&scan->next_row, KDB_CHUNK_ROWS);
    size_t n = 0;
    for (; n < KDB_CHUNK_ROWS && (table->endless || first + n < table->nrows); n++) {
        if (table->fail_at != 0 && first + n >= table->fail_at) {
            return KDB_FAIL(err, table->failure, "row %zu failed", first + n);
        }
        for (size_t i = 0; i < scan->nprojection; i++) {
            table->put(table, first + n, scan->projection[i], &chunk->cols[i], n);
        }
    }
    chunk->nrows = n;
    return KDB_OK;
}

static void scan_close_local(void *self, KDB_UNUSED void *state, void *local)
{
    fake_source *source = self;
    atomic_fetch_add(&source->locals_closed, 1);
    kdb_free(local);
}

static void scan_close(void *self, void *state)
{
    fake_source *source = self;
    atomic_fetch_add(&source->closed, 1);
    kdb_free(state);
}

void fake_source_init(fake_source *source, const fake_table *const *tables, size_t ntables)
{
    *source = (fake_source){ .ntables = ntables };
    source->face = (kdb_scan_source){ .self = source,
                                      .open = scan_open,
                                      .open_local = scan_open_local,
                                      .next = scan_next,
                                      .close_local = scan_close_local,
                                      .close = scan_close };
    for (size_t i = 0; i < ntables; i++) {
        source->tables[i] = tables[i];
        source->scans[i] = (kdb_scan_table){ .columns = tables[i]->columns,
                                             .ncolumns = tables[i]->ncolumns,
                                             .cardinality = tables[i]->cardinality };
    }
}

/* In the test's own directory. */
static char *make_directory(void)
{
    char template[] = "engine-XXXXXX";
    assert_non_null(mkdtemp(template));
    char *path = realpath(template, NULL);
    assert_non_null(path);
    return path;
}

void fake_engine_open(fake_engine *fake, int64_t memory_limit, int32_t threads)
{
    *fake = (fake_engine){ .directory = make_directory(), .arena = kdb_arena_new(0) };
    const char *temp = kdb_sv_printf(fake->arena, "%s/temp%c", fake->directory, '\0').ptr;
    const char *storages = kdb_sv_printf(fake->arena, "%s%c", fake->directory, '\0').ptr;
    const kdb_engine_options options = {
        .memory_limit = memory_limit, .threads = threads, .allowed_directory = storages, .temp_directory = temp
    };
    assert_int_equal(kdb_engine_open(&options, &fake->engine, &fake->err), KDB_OK);
    assert_int_equal(kdb_engine_connect(fake->engine, &fake->conn, &fake->err), KDB_OK);
}

void fake_engine_close(fake_engine *fake)
{
    kdb_engine_disconnect(fake->conn);
    kdb_engine_close(fake->engine);
    kdb_arena_free(fake->arena);
    free(fake->directory);
}

int fake_engine_up(void **state)
{
    fake_engine *fake = KDB_NEW(fake_engine);
    fake_engine_open(fake, 256 << 20, 2);
    *state = fake;
    return 0;
}

int fake_engine_down(void **state)
{
    fake_engine_close(*state);
    kdb_free(*state);
    return 0;
}

kdb_status fake_prepare(fake_engine *fake, kdb_engine_conn *conn, const fake_source *source, const char *sql,
                        kdb_engine_plan **out)
{
    kdb_buf text;
    kdb_buf_init(&text, 0);
    for (const char *c = sql; *c != '\0'; c++) {
        if (*c == '@') {
            kdb_buf_printf(&text, "%s(%c)", kdb_engine_scan_function(conn), c[1]);
            c++;
        } else {
            kdb_buf_append_byte(&text, (uint8_t)*c);
        }
    }
    const kdb_status status = kdb_engine_prepare(conn, kdb_buf_sv(&text), source == NULL ? NULL : source->scans,
                                                 source == NULL ? 0 : source->ntables, out, &fake->err);
    kdb_buf_done(&text);
    return status;
}

static void put_chunk(kdb_buf *rows, const kdb_chunk *chunk, kdb_arena *arena)
{
    for (size_t row = 0; row < chunk->nrows; row++) {
        for (size_t i = 0; i < chunk->ncols; i++) {
            const kdb_value value = kdb_vec_get(&chunk->cols[i], row);
            kdb_buf_append(rows, "|", i == 0 ? 0 : 1);
            kdb_buf_append_sv(rows, kdb_value_to_text(&value, arena));
        }
        kdb_buf_append_byte(rows, '\n');
    }
}

kdb_status fake_run(fake_engine *fake, kdb_engine_plan *plan, const kdb_value *params, size_t nparams,
                    fake_source *source, const char **out)
{
    KDB_CLEANUP(kdb_engine_cursor_freep) kdb_engine_cursor *cursor = NULL;
    KDB_TRY(kdb_engine_execute(plan, params, nparams, source == NULL ? NULL : &source->face, &cursor, &fake->err));
    kdb_buf rows;
    kdb_buf_init(&rows, 0);
    const kdb_chunk *chunk = NULL;
    kdb_status status = KDB_OK;
    do {
        status = kdb_engine_fetch(cursor, &chunk, &fake->err);
        if (status == KDB_OK) {
            put_chunk(&rows, chunk, fake->arena);
        }
    } while (status == KDB_OK && chunk->nrows != 0);
    *out = kdb_sv_dup_cstr(fake->arena, kdb_buf_sv(&rows));
    kdb_buf_done(&rows);
    return status;
}

static void check_closed(const fake_source *source)
{
    if (source != NULL) {
        assert_int_equal(source->opened, source->closed);
        assert_int_equal(source->locals, source->locals_closed);
    }
}

void fake_expect(fake_engine *fake, fake_source *source, const char *sql, const kdb_value *params, size_t nparams,
                 const char *rows)
{
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    kdb_status status = fake_prepare(fake, fake->conn, source, sql, &plan);
    const char *got = "";
    if (status == KDB_OK) {
        status = fake_run(fake, plan, params, nparams, source, &got);
    }
    if (status != KDB_OK) {
        print_message("%s\n%s\n", sql, fake->err.text);
    }
    assert_int_equal(status, KDB_OK);
    assert_string_equal(got, rows);
    check_closed(source);
}

void fake_expect_error(fake_engine *fake, fake_source *source, const char *sql, const kdb_value *params, size_t nparams,
                       kdb_status expected, const char *text)
{
    KDB_CLEANUP(kdb_engine_plan_freep) kdb_engine_plan *plan = NULL;
    kdb_status status = fake_prepare(fake, fake->conn, source, sql, &plan);
    const char *got = "";
    if (status == KDB_OK) {
        status = fake_run(fake, plan, params, nparams, source, &got);
    }
    if (status == KDB_OK) {
        print_message("%s\nsucceeded: %s\n", sql, got);
    }
    assert_string_equal(fake->err.text, text);
    assert_int_equal(status, expected);
    assert_int_equal(fake->err.status, expected);
    check_closed(source);
}
