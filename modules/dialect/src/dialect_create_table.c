/* dialect_create_table.c - CREATE TABLE in all its spellings (sql.md 8, 21): columns, constraints, clauses. What the
 * server does not enforce is refused, never skipped. */
#include "dialect_int.h"

typedef struct table_parser {
    kdbi_cursor *cur;
    kdb_create_table *table;
    kdbi_table_options options;
    kdb_sv *key_names; /* of PRIMARY KEY (..) after the columns */
    int32_t *key_positions;
    size_t nkey_names;
    bool has_key;
} table_parser;

typedef struct refused_constraint {
    const char *words;
    const char *message;
} refused_constraint;

static const refused_constraint refused_constraints[] = {
    { "UNIQUE", "UNIQUE constraints are not supported" },
    { "CHECK", "CHECK constraints are not supported" },
    { "REFERENCES", "FOREIGN KEY constraints are not supported" },
    { "FOREIGN KEY", "FOREIGN KEY constraints are not supported" },
    { "EXCLUDE", "EXCLUDE constraints are not supported" },
    { "INDEX", "Secondary indexes are not supported" },
    { "COLLATE", "COLLATE is not supported" },
    { "COMMENT", "Column comments are not supported" },
    { "ON UPDATE", "ON UPDATE clauses are not supported" },
};

kdb_status kdbi_refuse_column_constraint(kdbi_cursor *cur)
{
    for (size_t i = 0; i < KDB_ARRAY_LEN(refused_constraints); i++) {
        kdbi_cursor ahead = *cur;
        if (kdbi_accept_words(&ahead, refused_constraints[i].words)) {
            return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL, "%s",
                               refused_constraints[i].message);
        }
    }
    return KDB_OK;
}

/* ---- columns ---- */

static bool is_plain_name(kdb_sv name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return false;
        }
    }
    return name.len > 0;
}

static kdb_status check_column_name(const table_parser *parser, const kdb_column_spec *column)
{
    if (!is_plain_name(column->name)) {
        return KDB_FAIL_AT(parser->cur->err, column->position, KDB_INVALID_SQL,
                           "Invalid column name '%.*s'. Only alphanumeric characters and underscores are allowed.",
                           KDB_SV_ARG(column->name));
    }
    if (parser->table->ncolumns == KDBI_COLUMNS_MAX) {
        return KDB_FAIL_AT(parser->cur->err, column->position, KDB_INVALID_SQL, "Table has more than %d columns",
                           KDBI_COLUMNS_MAX);
    }
    for (size_t i = 0; i < parser->table->ncolumns; i++) {
        if (kdb_sv_eq(parser->table->columns[i].name, column->name)) {
            return KDB_FAIL_AT(parser->cur->err, column->position, KDB_INVALID_SQL,
                               "Duplicate column name '%.*s'. Column names are case-insensitive.",
                               KDB_SV_ARG(column->name));
        }
    }
    return KDB_OK;
}

static kdb_column_spec *add_column(table_parser *parser)
{
    return KDB_ARENA_PUSH(parser->cur->arena, parser->table->columns, parser->table->ncolumns);
}

static void add_key_name(table_parser *parser, kdb_sv name, int32_t position)
{
    KDB_ARENA_ROOM(parser->cur->arena, parser->key_names, parser->nkey_names);
    parser->key_names[parser->nkey_names] = name;
    *KDB_ARENA_PUSH(parser->cur->arena, parser->key_positions, parser->nkey_names) = position;
}

static kdb_status begin_key(table_parser *parser, int32_t position)
{
    if (parser->has_key) {
        return KDB_FAIL_AT(parser->cur->err, position, KDB_INVALID_SQL, "Multiple PRIMARY KEY definitions found");
    }
    parser->has_key = true;
    return KDB_OK;
}

static kdb_status set_generated(kdbi_cursor *cur, kdb_column_spec *column, int32_t position)
{
    if (column->default_kind != KDB_DEFAULT_NONE && column->default_kind != KDB_DEFAULT_SNOWFLAKE_ID) {
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "Column '%.*s' has more than one default",
                           KDB_SV_ARG(column->name));
    }
    column->default_kind = KDB_DEFAULT_SNOWFLAKE_ID;
    return KDB_OK;
}

/* After GENERATED: `ALWAYS | BY DEFAULT AS IDENTITY [(sequence options)]`. */
static kdb_status parse_identity(kdbi_cursor *cur, kdb_column_spec *column, int32_t position)
{
    if (!kdbi_accept_word(cur, "ALWAYS")) {
        KDB_TRY(kdbi_expect_word(cur, "BY"));
        KDB_TRY(kdbi_expect_word(cur, "DEFAULT"));
    }
    KDB_TRY(kdbi_expect_word(cur, "AS"));
    if (!kdbi_accept_word(cur, "IDENTITY")) {
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "Computed columns are not supported");
    }
    if (kdbi_at_symbol(cur, '(')) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL, "Sequence options are not supported");
    }
    return set_generated(cur, column, position);
}

/* One constraint of a column, if the cursor is at one. */
static kdb_status parse_column_constraint(table_parser *parser, kdb_column_spec *column, bool *out_found)
{
    kdbi_cursor *cur = parser->cur;
    const int32_t position = (int32_t)cur->token.offset;
    *out_found = true;
    if (kdbi_accept_words(cur, "NOT NULL")) {
        column->not_null = true;
        return KDB_OK;
    }
    if (kdbi_accept_word(cur, "NULL")) {
        return KDB_OK;
    }
    if (kdbi_accept_words(cur, "PRIMARY KEY")) {
        KDB_TRY(begin_key(parser, position));
        add_key_name(parser, column->name, position);
        return KDB_OK;
    }
    if (kdbi_accept_word(cur, "AUTO_INCREMENT") || kdbi_accept_word(cur, "AUTOINCREMENT")) {
        return set_generated(cur, column, position);
    }
    if (kdbi_accept_word(cur, "GENERATED")) {
        return parse_identity(cur, column, position);
    }
    if (kdbi_at_word(cur, "DEFAULT") && column->default_kind != KDB_DEFAULT_NONE) {
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "Column '%.*s' has more than one default",
                           KDB_SV_ARG(column->name));
    }
    if (kdbi_accept_word(cur, "DEFAULT")) {
        return kdbi_expect_default(cur, column);
    }
    *out_found = false;
    return kdbi_refuse_column_constraint(cur);
}

static kdb_status accept_constraint_name(kdbi_cursor *cur)
{
    kdb_sv ignored;
    return kdbi_accept_word(cur, "CONSTRAINT") ? kdbi_expect_name(cur, &ignored) : KDB_OK;
}

static kdb_status parse_column(table_parser *parser)
{
    kdbi_cursor *cur = parser->cur;
    kdb_column_spec column = { .position = (int32_t)cur->token.offset };
    kdb_sv name;
    bool serial = false;
    KDB_TRY(kdbi_expect_name(cur, &name));
    column.name = kdb_sv_dup_lower(cur->arena, name);
    KDB_TRY(check_column_name(parser, &column));
    KDB_TRY(kdbi_expect_type(cur, &column.type, &serial));
    if (serial) {
        column.default_kind = KDB_DEFAULT_SNOWFLAKE_ID;
    }
    const size_t nkeys = parser->nkey_names;
    bool says_null = false;
    for (bool found = true; found;) {
        KDB_TRY(accept_constraint_name(cur));
        says_null = says_null || kdbi_at_word(cur, "NULL");
        KDB_TRY(parse_column_constraint(parser, &column, &found));
    }
    if (says_null && (column.not_null || parser->nkey_names != nkeys)) {
        return KDB_FAIL_AT(cur->err, column.position, KDB_INVALID_SQL, "Column '%.*s' cannot be both NULL and %s",
                           KDB_SV_ARG(column.name), column.not_null ? "NOT NULL" : "PRIMARY KEY");
    }
    *add_column(parser) = column;
    return KDB_OK;
}

/* ---- constraints after the columns ---- */

static kdb_status parse_key_list(table_parser *parser)
{
    kdbi_cursor *cur = parser->cur;
    KDB_TRY(kdbi_expect_symbol(cur, '('));
    do {
        const int32_t position = (int32_t)cur->token.offset;
        kdb_sv name;
        KDB_TRY(kdbi_expect_name(cur, &name));
        if (parser->nkey_names == KDBI_COLUMNS_MAX) {
            return kdbi_syntax_error(cur);
        }
        add_key_name(parser, kdb_sv_dup_lower(cur->arena, name), position);
    } while (kdbi_accept_symbol(cur, ',') && !kdbi_at_symbol(cur, ')'));
    return kdbi_expect_symbol(cur, ')');
}

/* At `KEY by_a (a)`, where a column called `key` would have a type and its numbers. */
static bool at_named_key(const kdbi_cursor *cur)
{
    kdbi_cursor ahead = *cur;
    if (!kdbi_accept_word(&ahead, "KEY") || !kdbi_at_name(&ahead)) {
        return false;
    }
    kdbi_advance(&ahead);
    if (!kdbi_at_symbol(&ahead, '(')) {
        return false;
    }
    kdbi_advance(&ahead);
    return kdbi_at_name(&ahead);
}

/* At `UNIQUE (`, `KEY name (`: a constraint, not a column of that name and a type. */
static bool at_table_constraint(const kdbi_cursor *cur)
{
    kdbi_cursor ahead = *cur;
    if (at_named_key(cur)) {
        return true;
    }
    if (kdbi_accept_word(&ahead, "UNIQUE") || kdbi_accept_word(&ahead, "CHECK") || kdbi_accept_word(&ahead, "KEY") ||
        kdbi_accept_word(&ahead, "EXCLUDE")) {
        return kdbi_at_symbol(&ahead, '(') || kdbi_at_word(&ahead, "KEY") || kdbi_at_word(&ahead, "INDEX") ||
               kdbi_at_word(&ahead, "NULLS") || kdbi_at_word(&ahead, "USING");
    }
    return kdbi_at_word(cur, "CONSTRAINT") || kdbi_at_word(cur, "INDEX") || kdbi_accept_words(&ahead, "FOREIGN KEY") ||
           kdbi_accept_words(&ahead, "PRIMARY KEY");
}

static kdb_status parse_table_constraint(table_parser *parser)
{
    kdbi_cursor *cur = parser->cur;
    KDB_TRY(accept_constraint_name(cur));
    const int32_t position = (int32_t)cur->token.offset;
    if (kdbi_accept_words(cur, "PRIMARY KEY")) {
        KDB_TRY(begin_key(parser, position));
        return parse_key_list(parser);
    }
    if (kdbi_at_word(cur, "KEY")) {
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "Secondary indexes are not supported");
    }
    KDB_TRY(kdbi_refuse_column_constraint(cur));
    return kdbi_syntax_error(cur);
}

kdb_status kdbi_expect_column(kdbi_cursor *cur, kdb_column_spec *out)
{
    kdb_create_table alone = { .ncolumns = 0 };
    table_parser parser = { .cur = cur, .table = &alone };
    KDB_TRY(parse_column(&parser));
    if (parser.has_key) {
        return KDB_FAIL_AT(cur->err, parser.key_positions[0], KDB_INVALID_SQL,
                           "A PRIMARY KEY cannot be added to a table");
    }
    *out = alone.columns[0];
    return KDB_OK;
}

kdb_status kdbi_refuse_table_constraint(kdbi_cursor *cur)
{
    if (!at_table_constraint(cur)) {
        return KDB_OK;
    }
    KDB_TRY(accept_constraint_name(cur));
    if (kdbi_at_word(cur, "PRIMARY")) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL,
                           "A PRIMARY KEY cannot be added to a table");
    }
    if (kdbi_at_word(cur, "KEY")) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL,
                           "Secondary indexes are not supported");
    }
    KDB_TRY(kdbi_refuse_column_constraint(cur));
    return kdbi_syntax_error(cur);
}

static kdb_status parse_elements(table_parser *parser)
{
    kdbi_cursor *cur = parser->cur;
    if (kdbi_at_word(cur, "AS") || kdbi_at_word(cur, "LIKE")) {
        return KDB_FAIL_AT(cur->err, (int32_t)cur->token.offset, KDB_INVALID_SQL, "CREATE TABLE %.*s is not supported",
                           KDB_SV_ARG(cur->token.text));
    }
    KDB_TRY(kdbi_expect_symbol(cur, '('));
    while (!kdbi_at_symbol(cur, ')')) {
        KDB_TRY(at_table_constraint(cur) ? parse_table_constraint(parser) : parse_column(parser));
        if (!kdbi_accept_symbol(cur, ',')) {
            break;
        }
    }
    return kdbi_expect_symbol(cur, ')');
}

/* Key names to column indexes, once all columns are known. */
static kdb_status resolve_key_column(table_parser *parser, size_t nth)
{
    kdb_create_table *table = parser->table;
    const kdb_sv name = parser->key_names[nth];
    for (uint32_t i = 0; i < table->ncolumns; i++) {
        if (!kdb_sv_eq(table->columns[i].name, name)) {
            continue;
        }
        for (size_t k = 0; k < table->nkey; k++) {
            if (table->key[k] == i) {
                return KDB_FAIL_AT(parser->cur->err, parser->key_positions[nth], KDB_INVALID_SQL,
                                   "Column '%.*s' appears twice in PRIMARY KEY", KDB_SV_ARG(name));
            }
        }
        table->columns[i].not_null = true;
        table->key[table->nkey++] = i;
        return KDB_OK;
    }
    return KDB_FAIL_AT(parser->cur->err, parser->key_positions[nth], KDB_INVALID_SQL,
                       "PRIMARY KEY column '%.*s' not found in column list", KDB_SV_ARG(name));
}

static kdb_status resolve_key(table_parser *parser)
{
    if (parser->nkey_names != 0) {
        parser->table->key = KDB_ARENA_ARRAY(parser->cur->arena, uint32_t, parser->nkey_names);
    }
    for (size_t i = 0; i < parser->nkey_names; i++) {
        KDB_TRY(resolve_key_column(parser, i));
    }
    return KDB_OK;
}

/* ---- the statement ---- */

static kdb_status parse_clauses(table_parser *parser)
{
    kdbi_cursor *cur = parser->cur;
    for (bool found = true; found;) {
        kdb_sv ignored;
        if (kdbi_accept_word(cur, "USING")) {
            KDB_TRY(kdbi_expect_name(cur, &ignored));
        } else if (kdbi_accept_word(cur, "WITH")) {
            KDB_TRY(kdbi_parse_with_options(cur, &parser->options));
        } else {
            KDB_TRY(kdbi_parse_legacy_option(cur, &parser->options, &found));
        }
    }
    return kdbi_expect_end(cur);
}

/* After CREATE. */
static kdb_table_type accept_type_prefix(kdbi_cursor *cur)
{
    if (kdbi_accept_word(cur, "USER")) {
        return KDB_TABLE_USER;
    }
    if (kdbi_accept_word(cur, "SHARED")) {
        return KDB_TABLE_SHARED;
    }
    return kdbi_accept_word(cur, "STREAM") ? KDB_TABLE_STREAM : KDB_TABLE_UNSET;
}

static kdb_status parse_statement(table_parser *parser)
{
    kdbi_cursor *cur = parser->cur;
    kdb_create_table *table = parser->table;
    table->type = accept_type_prefix(cur);
    KDB_TRY(kdbi_expect_word(cur, "TABLE"));
    table->if_not_exists = kdbi_accept_words(cur, "IF NOT EXISTS");
    KDB_TRY(kdbi_expect_table_name(cur, &table->table));
    KDB_TRY(parse_elements(parser));
    KDB_TRY(parse_clauses(parser));
    if (table->ncolumns == 0) {
        return KDB_FAIL(cur->err, KDB_INVALID_SQL, "Table must have at least one column");
    }
    KDB_TRY(resolve_key(parser));
    return kdbi_check_table_options(&parser->options, cur->err);
}

kdb_status kdbi_parse_create_table(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_create_table *table = KDB_ARENA_NEW(cur->arena, kdb_create_table);
    table->deleted_retention_hours = -1;
    table_parser parser = { .cur = cur, .table = table, .options = { .table = table } };
    const kdb_status status = parse_statement(&parser);
    if (status != KDB_OK) {
        if (cur->err != NULL) {
            kdb_err_at(cur->err, table->table.position);
        }
        kdb_err_context(cur->err, "Invalid CREATE TABLE statement");
        return status;
    }
    stmt->as.create_table = table;
    return KDB_OK;
}
