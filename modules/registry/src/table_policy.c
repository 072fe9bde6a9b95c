/* table_policy.c - a table's row policies: part of its own record, and changed like everything else of a table by putting
 * its next version in its place. What the conditions say is known above; here they are texts.
 *
 * policies: u32 n, n * policy, in the order of their names
 * policy: u8 flags (1: restrictive) | u8 command | u8 roles | text name, using, check | u32 n, n * u32 column ids */
#include <stdlib.h>

#include "registry_int.h"

enum { POLICY_MIN_BYTES = 3 + 3 * 4 + 4, POLICY_RESTRICTIVE = 1 };

/* One row per command: its code on disk. */
static const uint8_t command_codes[KDB_POLICY_COMMAND_COUNT] = { [KDB_POLICY_ALL] = 1,
                                                                 [KDB_POLICY_SELECT] = 2,
                                                                 [KDB_POLICY_INSERT] = 3,
                                                                 [KDB_POLICY_UPDATE] = 4,
                                                                 [KDB_POLICY_DELETE] = 5 };

/* ---- in memory ---- */

static kdb_policy copy_policy(const kdb_policy *policy, kdb_arena *arena)
{
    kdb_policy copy = *policy;
    uint32_t *ids = KDB_ARENA_ARRAY(arena, uint32_t, policy->ncolumn_ids + 1);
    if (policy->ncolumn_ids != 0) {
        memcpy(ids, policy->column_ids, policy->ncolumn_ids * sizeof(*ids));
    }
    copy.name = kdb_sv_dup(arena, policy->name);
    copy.using_rows = kdb_sv_dup(arena, policy->using_rows);
    copy.check_rows = kdb_sv_dup(arena, policy->check_rows);
    copy.column_ids = ids;
    return copy;
}

static int by_name(const void *a, const void *b)
{
    return kdb_sv_cmp(((const kdb_policy *)a)->name, ((const kdb_policy *)b)->name);
}

void kdbi_table_set_policies(kdb_table *table, const kdb_policy *policies, size_t npolicies)
{
    kdb_policy *copies = KDB_ARENA_ARRAY(table->arena, kdb_policy, npolicies + 1);
    for (size_t i = 0; i < npolicies; i++) {
        copies[i] = copy_policy(&policies[i], table->arena);
    }
    qsort(copies, npolicies, sizeof(*copies), by_name);
    table->policies = copies;
    table->npolicies = npolicies;
}

const kdb_policy *kdb_table_policy(const kdb_table *table, kdb_sv name)
{
    for (size_t i = 0; i < table->npolicies; i++) {
        if (kdb_sv_eq(table->policies[i].name, name)) {
            return &table->policies[i];
        }
    }
    return NULL;
}

static bool names_column(const kdb_policy *policy, uint32_t column_id)
{
    for (size_t i = 0; i < policy->ncolumn_ids; i++) {
        if (policy->column_ids[i] == column_id) {
            return true;
        }
    }
    return false;
}

const kdb_policy *kdbi_policy_using(const kdb_table *table, uint32_t column_id)
{
    for (size_t i = 0; i < table->npolicies; i++) {
        if (names_column(&table->policies[i], column_id)) {
            return &table->policies[i];
        }
    }
    return NULL;
}

kdb_status kdb_registry_stage_policies(kdb_table *table, const kdb_policy *policies, size_t npolicies, kdb_batch *batch,
                                       kdb_table **out, kdb_err *err)
{
    if (npolicies > KDB_POLICIES_MAX) {
        return KDB_FAIL(err, KDB_LIMIT, "Table %.*s.%.*s has %d policies, which is the most a table can have",
                        KDB_SV_ARG(table->ns), KDB_SV_ARG(table->name), KDB_POLICIES_MAX);
    }
    kdb_table *next = NULL;
    KDB_TRY(kdbi_table_next_version(table, &next, err));
    kdbi_table_set_policies(next, policies, npolicies);
    kdbi_table_stage(next, batch);
    *out = next;
    return KDB_OK;
}

/* ---- on disk ---- */

static void write_policy(const kdb_policy *policy, kdb_buf *out)
{
    kdb_buf_append_byte(out, policy->restrictive ? POLICY_RESTRICTIVE : 0);
    kdb_buf_append_byte(out, command_codes[policy->command]);
    kdb_buf_append_byte(out, (uint8_t)policy->roles);
    kdb_record_write_text(out, policy->name);
    kdb_record_write_text(out, policy->using_rows);
    kdb_record_write_text(out, policy->check_rows);
    kdb_record_write_u32(out, (uint32_t)policy->ncolumn_ids);
    for (size_t i = 0; i < policy->ncolumn_ids; i++) {
        kdb_record_write_u32(out, policy->column_ids[i]);
    }
}

void kdbi_policies_write(const kdb_table *table, kdb_buf *out)
{
    kdb_record_write_u32(out, (uint32_t)table->npolicies);
    for (size_t i = 0; i < table->npolicies; i++) {
        write_policy(&table->policies[i], out);
    }
}

static kdb_policy_command read_command(kdb_record_reader *reader)
{
    const uint8_t code = kdb_record_read_u8(reader);
    for (int i = 0; i < KDB_POLICY_COMMAND_COUNT; i++) {
        if (command_codes[i] == code) {
            return (kdb_policy_command)i;
        }
    }
    reader->failed = true;
    return KDB_POLICY_ALL;
}

static void read_policy(kdb_record_reader *reader, kdb_arena *arena, kdb_policy *out)
{
    const uint8_t flags = kdb_record_read_u8(reader);
    out->restrictive = (flags & POLICY_RESTRICTIVE) != 0;
    out->command = read_command(reader);
    out->roles = kdb_record_read_u8(reader);
    out->name = kdb_record_read_text(reader);
    out->using_rows = kdb_record_read_text(reader);
    out->check_rows = kdb_record_read_text(reader);
    out->ncolumn_ids = kdb_record_read_count(reader, sizeof(uint32_t));
    uint32_t *ids = KDB_ARENA_ARRAY(arena, uint32_t, out->ncolumn_ids + 1);
    for (size_t i = 0; i < out->ncolumn_ids; i++) {
        ids[i] = kdb_record_read_u32(reader);
    }
    out->column_ids = ids;
    if (flags > POLICY_RESTRICTIVE || out->roles == 0 || out->name.len == 0) {
        reader->failed = true;
    }
}

void kdbi_policies_read(kdb_record_reader *reader, kdb_table *table)
{
    const uint32_t count = kdb_record_read_count(reader, POLICY_MIN_BYTES);
    if (count == 0 || count > KDB_POLICIES_MAX) {
        reader->failed = true;
        return;
    }
    kdb_policy *policies = KDB_ARENA_ARRAY(table->arena, kdb_policy, count);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        read_policy(reader, table->arena, &policies[i]);
    }
    if (!reader->failed) {
        kdbi_table_set_policies(table, policies, count);
    }
}
