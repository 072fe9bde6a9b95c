// tools.js - programs that the build makes for tests (tests/tools).
'use strict';
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { binary } = require('./server.js');

const built = (name) => path.join(path.dirname(path.resolve(binary)), '../tests', name);

// The environment of a server whose wall clock is so many seconds ahead. Not for sanitizers: their runtime has to be loaded first.
const shiftedClock = (seconds) => ({ LD_PRELOAD: built('shifted_clock.so'), TEST_CLOCK_SHIFT: String(seconds) });

// What DuckDB alone answers: rows of texts and nulls.
function duckdb(sql) {
    const texts = `SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (${sql})`;
    const lines = execFileSync(built('duckdb_query'), [texts], { encoding: 'utf8', maxBuffer: 1 << 28 }).split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

module.exports = { duckdb, shiftedClock };
