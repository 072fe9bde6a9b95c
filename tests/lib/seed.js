// seed.js - the seed of a test that makes its own input (tests/support/seed.h says why it is fixed): KALAMDB_SEED, or 1.
'use strict';

module.exports = { SEED: Number(process.env.KALAMDB_SEED ?? 1) };
