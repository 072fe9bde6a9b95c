/* dialect_namespace.c - CREATE, ALTER, DROP and USE NAMESPACE, with SCHEMA as the newer word (sql.md 7, 22). */
#include "dialect_int.h"

kdb_status kdbi_expect_namespace(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_sv name;
    KDB_TRY(kdbi_expect_name(cur, &name));
    stmt->as.ns.name = kdb_sv_dup_lower(cur->arena, name);
    return KDB_OK;
}

kdb_status kdbi_parse_create_namespace(kdbi_cursor *cur, kdb_stmt *stmt)
{
    stmt->as.ns.if_flag = kdbi_accept_words(cur, "IF NOT EXISTS");
    KDB_TRY(kdbi_expect_namespace(cur, stmt));
    return kdbi_expect_end(cur);
}

kdb_status kdbi_parse_drop_namespace(kdbi_cursor *cur, kdb_stmt *stmt)
{
    stmt->as.ns.if_flag = kdbi_accept_words(cur, "IF EXISTS");
    KDB_TRY(kdbi_expect_namespace(cur, stmt));
    stmt->as.ns.cascade = kdbi_accept_word(cur, "CASCADE");
    if (!stmt->as.ns.cascade) {
        (void)kdbi_accept_word(cur, "RESTRICT");
    }
    return kdbi_expect_end(cur);
}

/* ---- ALTER NAMESPACE ---- */

enum { OPTIONS_MAX = 100, OPTION_NAME_MAX = 64 };

static void add_option(kdb_alter_namespace *alter, kdb_arena *arena, kdb_namespace_option option)
{
    if (alter->options == NULL) {
        alter->options = KDB_ARENA_ARRAY(arena, kdb_namespace_option, OPTIONS_MAX);
    }
    alter->options[alter->noptions++] = option;
}

/* 'text', a number, TRUE or FALSE. */
static kdb_status expect_option_value(kdbi_cursor *cur, kdb_value *out)
{
    if (cur->token.kind == KDBI_TOKEN_STRING || cur->token.kind == KDBI_TOKEN_DOLLAR_STRING) {
        kdb_sv text;
        KDB_TRY(kdbi_expect_string(cur, &text));
        *out = kdb_value_text(text);
        return KDB_OK;
    }
    if (kdbi_at_word(cur, "TRUE") || kdbi_at_word(cur, "FALSE")) {
        *out = kdb_value_bool(kdbi_at_word(cur, "TRUE"));
        kdbi_advance(cur);
        return KDB_OK;
    }
    const bool negative = kdbi_accept_symbol(cur, '-');
    kdb_value number;
    if (cur->token.kind != KDBI_TOKEN_NUMBER || !kdbi_number_value(cur->token.text, negative, &number)) {
        return kdbi_syntax_error(cur);
    }
    const kdb_type_kind kind = number.type.kind == KDB_TYPE_BIGINT ? KDB_TYPE_BIGINT : KDB_TYPE_DOUBLE;
    KDB_TRY(kdb_value_coerce(&number, kdb_type_of(kind), cur->arena, out, cur->err));
    kdbi_advance(cur);
    return KDB_OK;
}

static bool is_option_name(kdb_sv name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
              c == '-')) {
            return false;
        }
    }
    return name.len > 0 && name.len <= OPTION_NAME_MAX;
}

static kdb_status expect_option(kdbi_cursor *cur, kdb_alter_namespace *alter)
{
    kdb_namespace_option option = { .position = (int32_t)cur->token.offset };
    if (alter->noptions == OPTIONS_MAX) {
        return KDB_FAIL_AT(cur->err, option.position, KDB_INVALID_SQL, "SET OPTIONS takes at most %d options",
                           OPTIONS_MAX);
    }
    KDB_TRY(cur->token.kind == KDBI_TOKEN_STRING ? kdbi_expect_string(cur, &option.name)
                                                 : kdbi_expect_name(cur, &option.name));
    if (!is_option_name(option.name)) {
        return KDB_FAIL_AT(cur->err, option.position, KDB_INVALID_SQL,
                           "An option's name has 1 to %d letters, digits and the characters _ . -", OPTION_NAME_MAX);
    }
    if (!kdb_sv_eq(cur->token.text, KDB_SV("="))) {
        return kdbi_syntax_error(cur);
    }
    kdbi_advance(cur);
    KDB_TRY(expect_option_value(cur, &option.value));
    add_option(alter, cur->arena, option);
    return KDB_OK;
}

static kdb_status expect_options(kdbi_cursor *cur, kdb_alter_namespace *alter)
{
    KDB_TRY(kdbi_expect_symbol(cur, '('));
    do {
        KDB_TRY(expect_option(cur, alter));
    } while (kdbi_accept_symbol(cur, ','));
    return kdbi_expect_symbol(cur, ')');
}

static kdb_status expect_description(kdbi_cursor *cur, kdb_alter_namespace *alter)
{
    kdb_namespace_option option = { .name = KDB_SV("description"), .position = (int32_t)cur->token.offset };
    kdb_sv text;
    KDB_TRY(kdbi_expect_string(cur, &text));
    option.value = kdb_value_text(text);
    add_option(alter, cur->arena, option);
    return KDB_OK;
}

kdb_status kdbi_parse_alter_namespace(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_alter_namespace *alter = &stmt->as.alter_ns;
    kdb_sv name;
    KDB_TRY(kdbi_expect_name(cur, &name));
    alter->name = kdb_sv_dup_lower(cur->arena, name);
    const int32_t position = (int32_t)cur->token.offset;
    if (kdbi_at_word(cur, "RENAME")) {
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "Renaming a namespace is not supported");
    }
    if (kdbi_accept_words(cur, "SET OPTIONS")) {
        KDB_TRY(expect_options(cur, alter));
    } else if (kdbi_accept_words(cur, "SET DESCRIPTION")) {
        KDB_TRY(expect_description(cur, alter));
    } else {
        return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL, "Expected SET OPTIONS clause");
    }
    return kdbi_expect_end(cur);
}

/* ---- USE ---- */

/* A namespace may be called `namespace`: USE NAMESPACE alone names it. */
kdb_status kdbi_parse_use_namespace(kdbi_cursor *cur, kdb_stmt *stmt)
{
    (void)(kdbi_accept_word_before(cur, "NAMESPACE") || kdbi_accept_word_before(cur, "SCHEMA"));
    KDB_TRY(kdbi_expect_namespace(cur, stmt));
    return kdbi_expect_end(cur);
}
