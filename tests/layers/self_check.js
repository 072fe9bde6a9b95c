// self_check.js <nm> <name=library>... - proves that layers.js can fail: over the modules of fixture/, which break each rule
// once, it must report exactly what is listed here, and nothing for their lawful neighbours.
'use strict';
const assert = require('node:assert');
const path = require('node:path');
const { check } = require('./layers.js');

const expected = [
    'commons/include/kdb/commons.h:3: includes kdb/store.h of store, layer 1: not below it',
    'engine/src/engine.c:2: includes rocksdb/c.h, but rocksdb belongs to store',
    'engine/src/engine.c:3: includes kdb/store.h of store, layer 1: not below it',
    'engine/src/engine.c:5: includes "../../store/src/store_int.h": leave the module by its include paths only',
    'engine/src/engine.c:6: includes kdb/nowhere.h, which no module has',
    'engine/test/engine_test.c:1: includes jansson.h, but jansson belongs to commons',
    'stray: a directory that is no module of the table',
    'commons: in the table, but not built',
    'filestore: in the table, but not built',
    'engine (engine.c.o): uses rename, but files belongs to filestore',
    'engine (engine.c.o): uses rocksdb_free, but rocksdb belongs to store',
    'engine (engine.c.o): uses open, but files belongs to filestore',
    'the exception "store mkdir" is no longer needed',
];

const fixture = path.join(__dirname, 'fixture');
const [nm, ...pairs] = process.argv.slice(2);
const found = check(path.join(fixture, 'layers.txt'), path.join(fixture, 'modules'), nm, pairs.map((pair) => pair.split('=')));
assert.deepStrictEqual(found.sort(), expected.sort());
console.log(`all ${expected.length} planted violations were found, and nothing else`);
