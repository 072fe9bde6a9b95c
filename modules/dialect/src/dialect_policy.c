/* dialect_policy.c - CREATE, ALTER and DROP POLICY, SHOW POLICIES. A condition is kept as the text between its brackets,
 * which must read as an expression; what it names is looked up when it is bound to its table (dialect_rows.c). */
#include "dialect_int.h"

enum { POLICY_NAME_MAX = 64 };

static const char *const command_names[KDB_POLICY_COMMAND_COUNT] = { [KDB_POLICY_ALL] = "ALL",
                                                                     [KDB_POLICY_SELECT] = "SELECT",
                                                                     [KDB_POLICY_INSERT] = "INSERT",
                                                                     [KDB_POLICY_UPDATE] = "UPDATE",
                                                                     [KDB_POLICY_DELETE] = "DELETE" };

static const struct {
    const char *name;
    unsigned bit;
} role_defs[] = {
    { "public", KDB_POLICY_TO_PUBLIC }, { "anonymous", KDB_POLICY_TO_ANONYMOUS },
    { "user", KDB_POLICY_TO_USER },     { "service", KDB_POLICY_TO_SERVICE },
    { "dba", KDB_POLICY_TO_DBA },       { "system", KDB_POLICY_TO_SYSTEM },
};

const char *kdb_policy_command_name(kdb_policy_command command)
{
    return command_names[command];
}

kdb_sv kdb_policy_roles_text(unsigned roles, kdb_arena *arena)
{
    kdb_sv text = { "", 0 };
    for (size_t i = 0; i < KDB_ARRAY_LEN(role_defs); i++) {
        if ((roles & role_defs[i].bit) != 0) {
            text = kdb_sv_printf(arena, "%.*s%s%s", KDB_SV_ARG(text), text.len == 0 ? "" : ", ", role_defs[i].name);
        }
    }
    return text;
}

/* ---- names ---- */

/* Quoted names may hold anything that can be shown: people write what the policy says. */
static bool is_policy_name(kdb_sv name)
{
    bool shown = name.len > 0 && name.len <= POLICY_NAME_MAX && kdb_utf8_valid(name);
    for (size_t i = 0; i < name.len && shown; i++) {
        shown = (unsigned char)name.ptr[i] >= ' ' && name.ptr[i] != 0x7f;
    }
    return shown;
}

static kdb_status expect_policy_name(kdbi_cursor *cur, kdb_sv *out, int32_t *out_position)
{
    *out_position = (int32_t)cur->token.offset;
    KDB_TRY(kdbi_expect_name(cur, out));
    return is_policy_name(*out)
               ? KDB_OK
               : KDB_FAIL_AT(cur->err, *out_position, KDB_INVALID_SQL,
                             "A policy's name has 1 to %d bytes and no control characters", POLICY_NAME_MAX);
}

static kdb_status expect_policy(kdbi_cursor *cur, kdb_policy_stmt *policy)
{
    KDB_TRY(expect_policy_name(cur, &policy->name, &policy->name_position));
    KDB_TRY(kdbi_expect_word(cur, "ON"));
    return kdbi_expect_table_name(cur, &policy->table);
}

/* ---- clauses ---- */

static kdb_status expect_kind(kdbi_cursor *cur, kdb_policy_stmt *policy)
{
    if (!kdbi_accept_word(cur, "AS")) {
        return KDB_OK;
    }
    policy->restrictive = kdbi_accept_word(cur, "RESTRICTIVE");
    return policy->restrictive ? KDB_OK : kdbi_expect_word(cur, "PERMISSIVE");
}

static kdb_status expect_command(kdbi_cursor *cur, kdb_policy_stmt *policy)
{
    if (!kdbi_accept_word(cur, "FOR")) {
        return KDB_OK;
    }
    for (int i = 0; i < KDB_POLICY_COMMAND_COUNT; i++) {
        if (kdbi_accept_word(cur, command_names[i])) {
            policy->command = (kdb_policy_command)i;
            return KDB_OK;
        }
    }
    return kdbi_syntax_error(cur);
}

static kdb_status expect_role(kdbi_cursor *cur, kdb_policy_stmt *policy)
{
    const int32_t position = (int32_t)cur->token.offset;
    kdb_sv name;
    KDB_TRY(kdbi_expect_name(cur, &name));
    for (size_t i = 0; i < KDB_ARRAY_LEN(role_defs); i++) {
        if (kdb_sv_ieq(name, kdb_sv_cstr(role_defs[i].name))) {
            policy->roles |= role_defs[i].bit;
            return KDB_OK;
        }
    }
    return KDB_FAIL_AT(cur->err, position, KDB_INVALID_SQL,
                       "Invalid role '%.*s' of a policy. Hint: Valid roles: PUBLIC, anonymous, user, service, dba, "
                       "system; single users are told apart by CURRENT_USER in the condition",
                       KDB_SV_ARG(name));
}

static kdb_status expect_roles(kdbi_cursor *cur, kdb_policy_stmt *policy)
{
    if (!kdbi_accept_word(cur, "TO")) {
        return KDB_OK;
    }
    policy->roles_position = (int32_t)cur->token.offset;
    do {
        KDB_TRY(expect_role(cur, policy));
    } while (kdbi_accept_symbol(cur, ','));
    return KDB_OK;
}

/* Past the bracket that closes the one just read; *out_end is where it stands. */
static kdb_status skip_brackets(kdbi_cursor *cur, size_t *out_end)
{
    for (size_t depth = 1; depth > 0; kdbi_advance(cur)) {
        if (kdbi_at_end(cur) || cur->token.kind == KDBI_TOKEN_OPEN_STRING ||
            cur->token.kind == KDBI_TOKEN_OPEN_COMMENT) {
            return kdbi_syntax_error(cur);
        }
        depth += kdbi_at_symbol(cur, '(');
        depth -= kdbi_at_symbol(cur, ')');
        *out_end = cur->token.offset;
    }
    return KDB_OK;
}

static kdb_status expect_condition(kdbi_cursor *cur, kdb_sv text, kdb_policy_condition *out)
{
    const size_t start = cur->token.offset + 1;
    size_t end = start;
    KDB_TRY(kdbi_expect_symbol(cur, '('));
    if (kdbi_at_symbol(cur, ')')) {
        return kdbi_syntax_error(cur);
    }
    KDB_TRY(skip_brackets(cur, &end));
    out->text = kdb_sv_of(text.ptr + start, end - start);
    out->position = (int32_t)start;
    if (out->text.len > KDB_POLICY_TEXT_MAX) {
        return KDB_FAIL_AT(cur->err, out->position, KDB_INVALID_SQL, "A policy's condition has at most %d bytes",
                           KDB_POLICY_TEXT_MAX);
    }
    const PgQuery__SelectStmt *read = NULL;
    kdb_sv whole;
    const kdb_status status = kdbi_parse_condition(out->text, cur->arena, &whole, &read, cur->err);
    if (status != KDB_OK && cur->err != NULL && cur->err->position >= 0) {
        cur->err->position += out->position;
    }
    return status;
}

static kdb_status expect_conditions(kdbi_cursor *cur, kdb_sv text, kdb_policy_stmt *policy)
{
    if (kdbi_accept_word(cur, "USING")) {
        KDB_TRY(expect_condition(cur, text, &policy->using_rows));
    }
    if (kdbi_accept_words(cur, "WITH CHECK")) {
        KDB_TRY(expect_condition(cur, text, &policy->check_rows));
    }
    return kdbi_expect_end(cur);
}

/* ---- statements ---- */

static kdb_policy_stmt *new_policy(kdbi_cursor *cur, kdb_stmt *stmt)
{
    stmt->as.policy = KDB_ARENA_NEW(cur->arena, kdb_policy_stmt);
    return stmt->as.policy;
}

kdb_status kdbi_parse_create_policy(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_policy_stmt *policy = new_policy(cur, stmt);
    KDB_TRY(expect_policy(cur, policy));
    KDB_TRY(expect_kind(cur, policy));
    KDB_TRY(expect_command(cur, policy));
    KDB_TRY(expect_roles(cur, policy));
    return expect_conditions(cur, stmt->text, policy);
}

kdb_status kdbi_parse_alter_policy(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_policy_stmt *policy = new_policy(cur, stmt);
    KDB_TRY(expect_policy(cur, policy));
    if (kdbi_accept_words(cur, "RENAME TO")) {
        KDB_TRY(expect_policy_name(cur, &policy->new_name, &policy->new_name_position));
        return kdbi_expect_end(cur);
    }
    if (kdbi_at_end(cur)) {
        return kdbi_syntax_error(cur);
    }
    KDB_TRY(expect_roles(cur, policy));
    return expect_conditions(cur, stmt->text, policy);
}

kdb_status kdbi_parse_drop_policy(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_policy_stmt *policy = new_policy(cur, stmt);
    policy->if_exists = kdbi_accept_words(cur, "IF EXISTS");
    KDB_TRY(expect_policy(cur, policy));
    if (!kdbi_accept_word(cur, "CASCADE")) { /* nothing depends on a policy: the words say nothing */
        (void)kdbi_accept_word(cur, "RESTRICT");
    }
    return kdbi_expect_end(cur);
}

/* After SHOW POLICIES: `[ON|FROM|IN|FOR [TABLE] t]`. */
kdb_status kdbi_parse_show_policies(kdbi_cursor *cur, kdb_stmt *stmt)
{
    kdb_policy_stmt *policy = new_policy(cur, stmt);
    if (kdbi_accept_word(cur, "ON") || kdbi_accept_word(cur, "FROM") || kdbi_accept_word(cur, "IN") ||
        kdbi_accept_word(cur, "FOR")) {
        kdbi_cursor ahead = *cur;
        if (kdbi_accept_word(&ahead, "TABLE") && kdbi_at_name(&ahead)) {
            *cur = ahead;
        }
        KDB_TRY(kdbi_expect_table_name(cur, &policy->table));
    }
    return kdbi_expect_end(cur);
}
