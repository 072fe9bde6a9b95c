/* dialect_pg.c - the edge to libpg_query: text in, trees out, its messages and positions made ours. The tree is
 * unpacked into the caller's arena, so that nothing of it needs freeing. */
#include "dialect_int.h"

static void *arena_alloc(void *arena, size_t size)
{
    return kdb_arena_alloc_raw(arena, size == 0 ? 1 : size);
}

static void arena_free(void *arena, void *ptr)
{
    (void)arena;
    (void)ptr;
}

/* cursorpos counts characters from 1, 0 when unknown. */
static int32_t byte_position(kdb_sv text, int cursorpos)
{
    if (cursorpos <= 0) {
        return -1;
    }
    int chars = 0;
    for (size_t i = 0; i < text.len; i++) {
        chars += kdb_utf8_starts(text.ptr[i]);
        if (chars == cursorpos) {
            return (int32_t)i;
        }
    }
    return (int32_t)text.len;
}

static kdb_status fail_parse(const PgQueryError *error, kdb_sv text, kdb_err *err)
{
    const int32_t position = byte_position(text, error->cursorpos);
    return KDB_FAIL_AT(err, position, KDB_INVALID_SQL, "%s", error->message == NULL ? "syntax error" : error->message);
}

static kdb_status only_statement(const PgQuery__ParseResult *tree, const PgQuery__Node **out, kdb_err *err)
{
    if (tree == NULL) {
        return KDB_FAIL(err, KDB_INTERNAL, "the parser's tree cannot be read");
    }
    if (tree->n_stmts != 1 || tree->stmts[0]->stmt == NULL) {
        return KDB_FAIL(err, KDB_INVALID_SQL,
                        tree->n_stmts > 1 ? "cannot run more than one statement at a time"
                                          : "syntax error at end of input");
    }
    *out = tree->stmts[0]->stmt;
    return KDB_OK;
}

kdb_status kdbi_pg_parse(kdb_sv text, kdb_arena *arena, const PgQuery__Node **out, uint32_t *out_nparams, kdb_err *err)
{
    char *readied = NULL;
    uint32_t nparams = 0;
    KDB_TRY(kdbi_guard(text, arena, &readied, &nparams, err));
    const PgQueryProtobufParseResult result = pg_query_parse_protobuf(readied);
    if (result.error != NULL) {
        const kdb_status status = fail_parse(result.error, text, err);
        pg_query_free_protobuf_parse_result(result);
        return status;
    }
    ProtobufCAllocator allocator = { .alloc = arena_alloc, .free = arena_free, .allocator_data = arena };
    ProtobufCMessage *tree = protobuf_c_message_unpack(&pg_query__parse_result__descriptor, &allocator,
                                                       result.parse_tree.len, (const uint8_t *)result.parse_tree.data);
    pg_query_free_protobuf_parse_result(result);
    KDB_TRY(only_statement((const PgQuery__ParseResult *)(const void *)tree, out, err));
    *out_nparams = nparams;
    return KDB_OK;
}

kdb_sv kdbi_full_name(kdb_sv text, int32_t location, size_t index, const char *sval, kdb_arena *arena)
{
    const kdb_sv name = kdb_sv_cstr(sval);
    if (kdb_sv_eq(name, KDB_SV(KDBI_USER_COLUMN))) {
        return KDB_SV("user");
    }
    if (name.len < KDBI_PG_NAME_MAX || location < 0 || (size_t)location >= text.len) {
        return name;
    }
    kdbi_lexer lexer = { .text = text, .pos = (size_t)location };
    kdbi_token token = kdbi_lex_next(&lexer);
    for (size_t i = 0; i < index * 2; i++) { /* a dot and a name each */
        token = kdbi_lex_next(&lexer);
    }
    if (token.kind != KDBI_TOKEN_WORD && token.kind != KDBI_TOKEN_QUOTED) {
        return name;
    }
    const kdb_sv full = kdbi_token_name(&token, arena);
    return kdb_sv_has_prefix(full, name) ? full : name;
}

const char *kdbi_node_string(const PgQuery__Node *node)
{
    return node != NULL && node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : NULL;
}

/* Every message with a position calls it `location`; an operator's is the operator's own, so its left side counts. */
int32_t kdbi_node_location(const PgQuery__Node *node)
{
    while (node != NULL && node->node_case == PG_QUERY__NODE__NODE_A_EXPR && node->a_expr->lexpr != NULL) {
        node = node->a_expr->lexpr;
    }
    if (node == NULL || node->node_case == PG_QUERY__NODE__NODE__NOT_SET) {
        return -1;
    }
    const ProtobufCMessage *message = (const ProtobufCMessage *)(const void *)node->alias; /* any arm of the union */
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "location");
    if (field == NULL || field->type != PROTOBUF_C_TYPE_INT32) {
        return -1;
    }
    return *(const int32_t *)(const void *)((const char *)message + field->offset);
}
