/* system_settings.c - system.settings: every option, as kdb_option_defs lists them. Commons masks the secrets. */
#include "system_int.h"

kdb_status kdbi_settings_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    scan->nitems = KDB_OPT_COUNT;
    return KDB_OK;
}

bool kdbi_settings_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->nitems) {
        return false;
    }
    const size_t id = scan->at++;
    const kdb_option_def *def = &kdb_option_defs[id];
    cells = kdbi_put_text(cells, kdb_sv_printf(scan->row_arena, "%s.%s", def->section, def->key));
    cells = kdbi_put_text(cells, kdb_opt_shown(scan->system->options, (kdb_option_id)id, scan->row_arena));
    cells = kdbi_put_cstr(cells, def->help);
    (void)kdbi_put_cstr(cells, def->section);
    return true;
}
