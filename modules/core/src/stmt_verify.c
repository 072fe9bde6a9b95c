/* stmt_verify.c - VERIFY AUDIT LOG: walks the chain of audit records and answers one row. What it says under `head_hash`,
 * noted somewhere the server cannot write, proves the log up to there for ever. */
#include "core_int.h"

static const kdbi_made_column columns[] = {
    { "valid", KDB_TYPE_BOOLEAN, true },
    { "record_count", KDB_TYPE_BIGINT, true },
    { "first_bad", KDB_TYPE_TEXT, false },
    { "head_hash", KDB_TYPE_TEXT, true },
};

static kdb_status go_on(void *arg, kdb_err *err)
{
    return kdbi_exec_check_running(arg, err);
}

kdb_status kdbi_run_verify_audit_log(kdb_exec *exec, kdbi_plan *plan, bool *pending, kdb_err *err)
{
    (void)plan;
    (void)pending;
    kdb_audit_report report;
    KDB_TRY(kdb_audit_verify(exec->core->audit, go_on, exec, exec->arena, &report, err));
    const bool valid = report.first_bad.len == 0;
    const kdb_sv head = kdb_hex_encode(exec->arena, kdb_sv_of((const char *)report.head.bytes, KDB_DIGEST_BYTES));
    const kdb_audit_record record = kdbi_audit_record(exec, KDB_SV("AUDIT LOG"), report.first_bad);
    kdb_audit_note(exec->core->audit, &record);
    kdbi_made made;
    const kdb_value cells[] = {
        kdb_value_bool(valid),
        kdb_value_bigint((int64_t)report.count),
        valid ? kdb_value_null(kdb_type_of(KDB_TYPE_TEXT)) : kdb_value_text(report.first_bad),
        kdb_value_text(head),
    };
    kdbi_made_begin(&made, exec, columns, KDB_ARRAY_LEN(columns));
    KDB_TRY(kdbi_made_row(&made, cells, err));
    return kdbi_made_end(&made, err);
}
