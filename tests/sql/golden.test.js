// golden.test.js - every NAME.sql here, run by a server of its own, gives the text of NAME.out. UPDATE_GOLDEN=1 writes the
// .out files instead: read the difference before you keep it. KALAMDB_GOLDEN=insert,select_join runs only these.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { Server } = require('../lib/server.js');
const { runScript } = require('../lib/golden.js');

const update = process.env.UPDATE_GOLDEN === '1';
const wanted = (process.env.KALAMDB_GOLDEN ?? '').split(',').filter((name) => name !== '');
const names = fs.readdirSync(__dirname).filter((file) => file.endsWith('.sql')).map((file) => file.slice(0, -4)).sort();

for (const name of names.filter((each) => wanted.length === 0 || wanted.includes(each))) {
    test(name, async () => {
        const server = new Server();
        const expected = path.join(__dirname, `${name}.out`);
        await server.start();
        try {
            await server.setUp();
            const output = await runScript(server, fs.readFileSync(path.join(__dirname, `${name}.sql`), 'utf8'));
            if (update) {
                fs.writeFileSync(expected, output);
            } else {
                assert.strictEqual(output, fs.readFileSync(expected, 'utf8'));
            }
        } finally {
            await server.stop();
        }
    });
}

test('every .out has its .sql', () => {
    const outputs = fs.readdirSync(__dirname).filter((file) => file.endsWith('.out')).map((file) => file.slice(0, -4));
    assert.deepStrictEqual(outputs.filter((name) => !names.includes(name)), []);
});
