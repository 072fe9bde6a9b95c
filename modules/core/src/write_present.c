/* write_present.c - what lies under the keys that a write is about to change: what is committed by now, with the locks held,
 * or what the write's transaction sees. Most new rows lie beyond all others: no one looks for those. */
#include "core_int.h"

enum { RAISED_ONE_BY_ONE = 4 };

/* The keys of one round of look-ups. Only the counts are set at its beginning: to clear the rest would cost a small write more than
 * anything else here. */
typedef struct round_keys {
    kdb_sv keys[KDBI_PRESENT_ROWS];
    size_t at[KDBI_PRESENT_ROWS]; /* their rows' places in it */
    size_t count;
    size_t inserts; /* of them */
} round_keys;

/* NULL: what is committed by now. */
static const kdb_snapshot *snapshot_of(const kdbi_write *write)
{
    return write->staged_in == NULL ? NULL : write->staged_in->snapshot;
}

static kdbi_high_mark *mark_of(kdbi_write *write)
{
    if (write->staged_in != NULL) {
        return kdbi_txn_mark(write->staged_in, write->table, write->user);
    }
    if (write->mark == NULL) {
        write->mark = kdbi_high_mark_hold(write->core->marks, write->table, write->user);
    }
    return write->mark;
}

static bool may_be_new(const kdbi_write *write, const kdbi_row_write *row)
{
    return row->op == KDB_CHANGE_INSERT && !row->fresh && kdbi_is_keyed(write->table);
}

/* Whether rows that were read before the locks were taken are still as they were: nobody has changed one of theirs since, and
 * none can have gone to the cold tier. A transaction reads one snapshot before and after. */
static bool is_as_read(const kdbi_write *write)
{
    const kdb_core *core = write->core;
    if (write->read_at == 0 || (core->cold != NULL && kdb_cold_has(core->cold, write->table->id))) {
        return false;
    }
    return write->staged_in != NULL ||
           (write->locks.changed < write->read_at &&
            kdbi_sequencer_unchanged(core->sequencer, write->table->id, write->user, write->read_at));
}

/* Takes out those that the mark rules out: their locks, or the snapshot, keep them from coming. */
static void rule_out(kdbi_write *write, round_keys *round)
{
    bool out[KDBI_PRESENT_ROWS];
    size_t count = 0;
    if (round->inserts == 0) {
        return;
    }
    kdbi_high_mark_rule_out(mark_of(write), round->keys, round->count, out);
    for (size_t i = 0; i < round->count; i++) {
        round->keys[count] = round->keys[i];
        round->at[count] = round->at[i];
        count += !out[i];
    }
    round->count = count;
}

/* The keys of rows[from..) that may be there. */
static size_t choose_keys(kdbi_write *write, size_t from, kdb_sv *stored, round_keys *round)
{
    const bool as_read = is_as_read(write);
    size_t i = 0;
    for (; i < KDBI_PRESENT_ROWS && from + i < write->nrows; i++) {
        const kdbi_row_write *row = &write->rows[from + i];
        stored[i] = as_read ? row->read_row : (kdb_sv){ NULL, 0 };
        if (stored[i].len == 0 && !row->fresh) {
            round->at[round->count] = i;
            round->keys[round->count++] = row->key;
            round->inserts += may_be_new(write, row);
        }
    }
    rule_out(write, round);
    return i;
}

static kdb_status read_one(kdbi_write *write, kdb_sv key, kdb_sv *stored, kdb_err *err)
{
    kdb_status (*get)(kdb_store *, const kdb_snapshot *, kdb_partition, kdb_sv, kdb_arena *, kdb_sv *, kdb_err *) =
        write->exec->in_lane ? kdb_store_get_cached : kdb_store_get;
    const kdb_status status =
        get(write->core->store, snapshot_of(write), kdb_table_partition(write->table), key, write->arena, stored, err);
    return status == KDB_NOT_FOUND ? KDB_OK : status;
}

static kdb_status read_keys(kdbi_write *write, const round_keys *round, kdb_sv *stored, kdb_err *err)
{
    kdb_sv values[KDBI_PRESENT_ROWS];
    bool found[KDBI_PRESENT_ROWS];
    if (round->count < 2) {
        return round->count == 0 ? KDB_OK : read_one(write, round->keys[0], &stored[round->at[0]], err);
    }
    kdb_status (*get)(kdb_store *, const kdb_snapshot *, kdb_partition, const kdb_sv *, size_t, kdb_arena *, bool *,
                      kdb_sv *, kdb_err *) = write->exec->in_lane ? kdb_store_multi_get_cached : kdb_store_multi_get;
    KDB_TRY(get(write->core->store, snapshot_of(write), kdb_table_partition(write->table), round->keys, round->count,
                write->arena, found, values, err));
    for (size_t i = 0; i < round->count; i++) {
        stored[round->at[i]] = values[i];
    }
    return KDB_OK;
}

/* The keys that are not hot. The table is entered, or a snapshot is read: rows do not move between the tiers meanwhile. */
static kdb_status read_cold(kdbi_write *write, size_t from, const round_keys *round, kdb_sv *stored, kdb_err *err)
{
    kdb_cold *cold = write->core->cold;
    round_keys missed;
    if (cold == NULL || !kdb_cold_has(cold, write->table->id)) {
        return KDB_OK;
    }
    missed.count = 0;
    for (size_t i = 0; i < round->count; i++) {
        if (stored[round->at[i]].len == 0) {
            missed.at[missed.count] = round->at[i];
            missed.keys[missed.count++] = round->keys[i];
        }
    }
    KDB_CLEANUP(kdb_manifest_unrefp) kdb_manifest *manifest = NULL;
    const bool in_lane = write->exec->in_lane;
    KDB_TRY(missed.count == 0
                ? KDB_OK
                : kdb_manifest_get(cold, snapshot_of(write), write->table, write->user, in_lane, &manifest, err));
    if (manifest == NULL) {
        return KDB_OK;
    }
    kdb_cold_place places[KDBI_PRESENT_ROWS];
    kdb_sv rows[KDBI_PRESENT_ROWS];
    KDB_TRY(kdb_cold_find(cold, write->table, manifest, missed.keys, missed.count, in_lane, write->arena, places, rows,
                          err));
    for (size_t i = 0; i < missed.count; i++) {
        stored[missed.at[i]] = rows[i];
        write->rows[from + missed.at[i]].place = places[i];
    }
    return KDB_OK;
}

/* Keys looked for in vain are what a mark would have saved. */
static void tell_mark(kdbi_write *write, const round_keys *round, const kdb_sv *stored)
{
    size_t missed = 0;
    for (size_t i = 0; round->inserts != 0 && i < round->count; i++) {
        missed += stored[round->at[i]].len == 0;
    }
    if (missed != 0) {
        kdbi_high_mark_missed(write->core->marks, mark_of(write), write->table, write->user, missed,
                              write->exec->in_lane);
    }
}

/* What the transaction has written itself counts before what its snapshot holds. */
static void prefer_own(const kdbi_write *write, size_t from, kdb_sv *stored, size_t count)
{
    const kdb_overlay *overlay = kdbi_txn_overlay(write->staged_in, write->table, write->user);
    for (size_t i = 0; overlay != NULL && i < count; i++) {
        const kdbi_row_write *row = &write->rows[from + i];
        const kdb_overlay_row *own = row->fresh ? NULL : kdb_overlay_find(overlay, row->key);
        if (own != NULL) {
            stored[i] = own->row;
        }
    }
}

kdb_status kdbi_write_present(kdbi_write *write, size_t from, kdb_sv stored[KDBI_PRESENT_ROWS], size_t *count,
                              kdb_err *err)
{
    round_keys round;
    round.count = round.inserts = 0;
    *count = choose_keys(write, from, stored, &round);
    KDB_TRY(read_keys(write, &round, stored, err));
    KDB_TRY(read_cold(write, from, &round, stored, err));
    tell_mark(write, &round, stored);
    prefer_own(write, from, stored, *count);
    return KDB_OK;
}

static bool is_new(const kdbi_row_write *row)
{
    return row->op == KDB_CHANGE_INSERT && !row->skip;
}

/* One by one while they are few: of many it is enough to know the greatest. */
static void raise_by_one(kdbi_write *write)
{
    kdb_sv keys[RAISED_ONE_BY_ONE];
    size_t count = 0;
    for (size_t i = 0; i < write->nrows; i++) {
        if (is_new(&write->rows[i])) {
            keys[count++] = write->rows[i].key;
        }
    }
    if (count != 0) {
        kdbi_high_mark_raise(mark_of(write), keys, count);
    }
}

static void raise_past_all(kdbi_write *write)
{
    kdb_sv greatest = { NULL, 0 };
    for (size_t i = 0; i < write->nrows; i++) {
        const kdbi_row_write *row = &write->rows[i];
        if (is_new(row) && kdb_sv_cmp(row->key, greatest) > 0) {
            greatest = row->key;
        }
    }
    if (greatest.len != 0) {
        kdbi_high_mark_raise_past(mark_of(write), greatest);
    }
}

void kdbi_write_raise_mark(kdbi_write *write)
{
    if (!kdbi_is_keyed(write->table)) {
        return;
    }
    if (write->nrows <= RAISED_ONE_BY_ONE) {
        raise_by_one(write);
    } else {
        raise_past_all(write);
    }
}
