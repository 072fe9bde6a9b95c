// rows.js - SQL that makes many rows quickly.
'use strict';

// `WITH ... SELECT <select> FROM numbers` where numbers.i (BIGINT) runs over [from, to), without promised order.
function selectFromNumbers(from, to, select) {
    const digits = Math.max(1, String(to - from - 1).length);
    const names = Array.from({ length: digits }, (_, at) => `d${at}`);
    const sum = names.map((name, at) => `${name}.x * ${10 ** at}`).join(' + ');
    return `WITH digits (x) AS (SELECT CAST(v AS BIGINT) FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS t (v)),
        numbers AS (SELECT ${from} + ${sum} AS i FROM ${names.map((name) => `digits ${name}`).join(', ')} WHERE ${sum} < ${to - from})
        SELECT ${select} FROM numbers`;
}

// Inserts rows [0, count) by statements of `step` rows.
async function insertNumbers(client, table, count, select, step = 100000) {
    for (let from = 0; from < count; from += step) {
        await client.sql(`INSERT INTO ${table} ${selectFromNumbers(from, Math.min(count, from + step), select)}`);
    }
}

module.exports = { selectFromNumbers, insertNumbers };
