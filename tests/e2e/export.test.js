// export.test.js - EXPORT USER DATA: a ZIP of the caller's own rows, hot and cold, which nobody else can fetch.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { useServer } = require('../lib/server.js');
const { ended, idsIn, runJob } = require('../lib/jobs.js');

const server = useServer(test);
let alice;
let bob;

test.before(async () => {
    await server.ready;
    await server.root.results(`CREATE NAMESPACE app;
        CREATE USER TABLE app.notes (id INT PRIMARY KEY, t TEXT);
        CREATE USER TABLE app.empty (id INT PRIMARY KEY);
        CREATE SHARED TABLE app.shared (id INT PRIMARY KEY)`);
    alice = await server.createUser('alice');
    bob = await server.createUser('b o b');
    for (const user of [alice, bob]) {
        await user.sql(`INSERT INTO app.notes VALUES ${Array.from({ length: 500 }, (_, i) => `(${i}, '${user.user} secret ${i}')`).join(', ')}`);
    }
    await runJob(server.root, 'STORAGE FLUSH TABLE app.notes');
    for (const user of [alice, bob]) {
        await user.sql("INSERT INTO app.notes VALUES (1000, 'hot')");
        await user.sql('DELETE FROM app.notes WHERE id < 100');
    }
});

// {name: bytes} by the central directory of a ZIP.
function unzip(bytes) {
    const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
    const out = {};
    let at = bytes.readUInt32LE(end + 16);
    for (let i = 0; i < bytes.readUInt16LE(end + 10); i++) {
        assert.strictEqual(bytes.readUInt32LE(at), 0x02014b50);
        const [method, packed, size, name, extra, comment, local] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 24),
            bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32), bytes.readUInt32LE(at + 42)];
        const begin = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
        const content = bytes.subarray(begin, begin + packed);
        const plain = method === 8 ? zlib.inflateRawSync(content) : content;
        assert.strictEqual(plain.length, size);
        out[bytes.toString('utf8', at + 46, at + 46 + name)] = plain;
        at += 46 + name + extra + comment;
    }
    return out;
}

const fetchFrom = (url, token) => fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

test('an export holds the rows of its user, and only its user and admins get it', async () => {
    const urls = {};
    for (const user of [alice, bob]) {
        const { message } = await user.sql('EXPORT USER DATA');
        const job = await ended(server.root, idsIn(message)[0]);
        assert.strictEqual(job.status, 'completed', JSON.stringify(job));
        assert.strictEqual(job.message, 'Exported 401 row(s) of 2 table(s)');
        const [row, ...more] = await user.objects('SHOW EXPORT');
        assert.deepStrictEqual(more, []);
        assert.strictEqual(row.status, 'completed');
        urls[user.user] = row.download_url;
        const answer = await fetchFrom(row.download_url, user.token);
        assert.strictEqual(answer.status, 200);
        assert.strictEqual(answer.headers.get('content-type'), 'application/zip');
        const files = unzip(Buffer.from(await answer.arrayBuffer()));
        assert.deepStrictEqual(Object.keys(files).sort(), ['app.empty.parquet', 'app.notes.parquet']);
        for (const file of Object.values(files)) {
            assert.strictEqual(file.toString('latin1', 0, 4) + file.toString('latin1', file.length - 4), 'PAR1PAR1');
        }
        assert.ok(!files['app.notes.parquet'].includes(user === alice ? 'b o b secret' : 'alice secret'));
    }
    assert.strictEqual((await fetchFrom(urls.alice, bob.token)).status, 404);
    assert.strictEqual((await fetchFrom(urls.alice)).status, 401);
    assert.strictEqual((await fetchFrom(urls.alice, server.admin.token)).status, 200);
    for (const rest of ['', 'alice', 'alice/', 'alice/x', `alice/${'0'.repeat(36)}`, 'alice/../../server.key', 'alice/%2e%2e%2fserver.key', '..%2f..%2fserver', '%00/0']) {
        const status = (await fetchFrom(`${server.url}/v1/exports/${rest}`, alice.token)).status;
        assert.ok([400, 404].includes(status), `${rest}: ${status}`);
    }
    assert.deepStrictEqual(fs.readdirSync(path.join(server.dataPath, 'exports')).sort(), ['alice', 'b%20o%20b']);
    assert.deepStrictEqual(fs.readdirSync(path.join(server.dataPath, 'tmp')).filter((name) => name.startsWith('export')), []);
});

test('one export a day', async () => {
    const answer = await alice.sqlRaw('EXPORT USER DATA');
    assert.strictEqual(answer.status, 400);
    assert.match(answer.json.error.message, /SHOW EXPORT/);
});
