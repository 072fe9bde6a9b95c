/* system_server_logs.c - system.server_logs: the latest lines of the server's log, which commons keeps. */
#include "system_int.h"

kdb_status kdbi_server_logs_open(kdb_system_scan *scan, kdb_err *err)
{
    (void)err;
    kdb_log_line *lines = KDB_ARENA_ARRAY(scan->arena, kdb_log_line, KDB_LOG_LINES_KEPT);
    scan->nitems = kdb_log_recent(lines);
    scan->items = lines;
    return KDB_OK;
}

bool kdbi_server_logs_next(kdb_system_scan *scan, kdb_value *cells)
{
    if (scan->at == scan->nitems) {
        return false;
    }
    const kdb_log_line *line = (const kdb_log_line *)scan->items + scan->at++;
    const kdb_value at = kdb_value_timestamp(line->at_us);
    const kdb_sv time = kdb_value_to_text(&at, scan->row_arena); /* `2024-01-01 00:00:00.5` */
    char *iso = kdb_sv_dup_cstr(scan->row_arena, kdb_sv_printf(scan->row_arena, "%.*sZ", KDB_SV_ARG(time)));
    char *blank = strchr(iso, ' ');
    if (blank != NULL) {
        *blank = 'T';
    }
    cells = kdbi_put_cstr(cells, iso);
    cells = kdbi_put_cstr(cells, kdb_log_level_name(line->level));
    cells = kdbi_put_text_or_null(cells, kdb_sv_cstr(line->thread));
    cells = kdbi_put_cstr(cells, line->file);
    cells = kdbi_put_bigint(cells, line->line);
    (void)kdbi_put_cstr(cells, line->message);
    return true;
}
