/* system_policies.c - system.policies: each row policy of each table once. */
#include "system_int.h"

bool kdbi_policies_next(kdb_system_scan *scan, kdb_value *cells)
{
    while (scan->at < scan->ntables && scan->sub == scan->tables[scan->at]->npolicies) {
        scan->at++;
        scan->sub = 0;
    }
    if (scan->at == scan->ntables) {
        return false;
    }
    const kdb_table *table = scan->tables[scan->at];
    const kdb_policy *policy = &table->policies[scan->sub++];
    cells = kdbi_put_text(cells, table->ns);
    cells = kdbi_put_text(cells, table->name);
    cells = kdbi_put_text(cells, policy->name);
    cells = kdbi_put_cstr(cells, policy->restrictive ? "RESTRICTIVE" : "PERMISSIVE");
    cells = kdbi_put_text(cells, kdb_policy_roles_text(policy->roles, scan->row_arena));
    cells = kdbi_put_cstr(cells, kdb_policy_command_name(policy->command));
    cells = kdbi_put_text_or_null(cells, policy->using_rows);
    (void)kdbi_put_text_or_null(cells, policy->check_rows);
    return true;
}
