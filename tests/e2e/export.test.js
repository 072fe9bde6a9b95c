// export.test.js - EXPORT USER DATA: a ZIP of the caller's own rows, hot and cold, which nobody else can fetch.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const http = require('node:http');
const { sanitized, startServer, useServer } = require('../lib/server.js');
const { ended, idsIn, runJob } = require('../lib/jobs.js');
const { duckdb } = require('../lib/tools.js');

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

// The files of a new export of a user.
async function exportOf(user, on) {
    const { message } = await user.sql('EXPORT USER DATA');
    const job = await ended(on.root, idsIn(message)[0]);
    assert.strictEqual(job.status, 'completed', JSON.stringify(job));
    return (await user.objects('SHOW EXPORT'))[0].download_url;
}

test('DuckDB reads an exported file as it is: every type, hot and cold, rows of altered tables', async () => {
    const carol = await server.createUser('carol');
    await server.root.sql(`CREATE USER TABLE app.kinds (id INT PRIMARY KEY, b BOOLEAN, s SMALLINT, l BIGINT, f FLOAT, d DOUBLE, m DECIMAL(12,3), t TEXT, x BYTES,
        at TIMESTAMP, day DATE, dt DATETIME, clock TIME, j JSON, u UUID, v EMBEDDING(2), old TEXT)`);
    const row = (id, old) => `(${id}, ${id % 2 === 0}, ${id}, ${2 ** 40 + id}, ${id}.5, ${id}.25, ${id}.125, 'it''s "${id}" \u00fc', X'00ff0${id}', '2026-01-0${id} 01:02:03.000004',
        '2026-02-0${id}', '2026-03-0${id}T00:00:00Z', '12:34:5${id}', '{"n":${id}}', '00000000-0000-0000-0000-00000000000${id}', '[${id},-1]', ${old})`;
    await carol.sql(`INSERT INTO app.kinds VALUES ${[1, 2, 3].map((id) => row(id, "'old'"))}`);
    await runJob(server.root, 'STORAGE FLUSH TABLE app.kinds');
    await server.root.results('ALTER TABLE app.kinds DROP COLUMN old; ALTER TABLE app.kinds ADD COLUMN new INT DEFAULT 7');
    await carol.sql(`INSERT INTO app.kinds VALUES ${row(4, 40)}`);
    await carol.sql('INSERT INTO app.kinds (id) VALUES (5)');
    await carol.sql('DELETE FROM app.kinds WHERE id = 2');
    const answer = await fetchFrom(await exportOf(carol, server), carol.token);
    const files = unzip(Buffer.from(await answer.arrayBuffer()));
    const file = path.join(server.dir, 'kinds.parquet');
    fs.writeFileSync(file, files['app.kinds.parquet']);
    const columns = duckdb(`DESCRIBE SELECT * FROM read_parquet('${file}')`).map(([name, type]) => `${name} ${type}`);
    assert.deepStrictEqual(columns, ['id INTEGER', 'b BOOLEAN', 's SMALLINT', 'l BIGINT', 'f FLOAT', 'd DOUBLE', 'm DECIMAL(12,3)', 't VARCHAR', 'x BLOB', 'at TIMESTAMP', 'day DATE', 'dt TIMESTAMP', 'clock TIME',
        'j VARCHAR', 'u UUID', 'v FLOAT[]', 'new INTEGER', '_seq BIGINT']);
    const seqs = new Map(await carol.rows('SELECT id, _seq FROM app.kinds'));
    const shown = (id, fresh) => [`${id}`, `${id % 2 === 0}`, `${id}`, `${2 ** 40 + id}`, `${id}.5`, `${id}.25`, `${id}.125`, `it's "${id}" \u00fc`, `\\x00\\xFF\\x0${id}`, `2026-01-0${id} 01:02:03.000004`,
        `2026-02-0${id}`, `${Date.parse(`2026-03-0${id}T00:00:00Z`)}`, `12:34:5${id}`, `{"n":${id}}`, `00000000-0000-0000-0000-00000000000${id}`, `[${id}.0, -1.0]`, fresh, String(seqs.get(id))];
    assert.deepStrictEqual(duckdb(`SELECT * REPLACE (epoch_ms(dt) AS dt) FROM read_parquet('${file}') ORDER BY id`),
        [shown(1, null), shown(3, null), shown(4, '40'), ['5', ...Array(15).fill(null), '7', String(seqs.get(5))]]);
});

test('who does not read a download on costs little memory, and holds up nobody else\'s', { skip: sanitized }, async () => {
    const own = await startServer({ options: { 'server.workers': 4, 'performance.stalled_client_timeout': 1, 'retention.enable_dba_stats': false } });
    try {
        await own.setUp();
        await own.root.results('CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY, t TEXT)');
        const user = await own.createUser('dora');
        for (let from = 0; from < 900000; from += 150000) {
            await user.sql(`INSERT INTO app.notes SELECT i, md5(i || 'a') || md5(i || 'b') || md5(i || 'c') FROM generate_series(${from}, ${from + 149999}) AS g(i)`);
        }
        await runJob(own.root, 'STORAGE FLUSH TABLE app.notes');
        const url = new URL(await exportOf(user, own));
        const size = fs.statSync(path.join(own.dataPath, 'exports/dora', fs.readdirSync(path.join(own.dataPath, 'exports/dora'))[0])).size;
        assert.ok(size > 40e6, `${size} bytes`);
        own.resetPeak();
        const before = own.peakRss();
        const open = () => new Promise((resolve, reject) => {
            http.get(url, { agent: false, headers: { authorization: `Bearer ${user.token}` } }, resolve).on('error', reject);
        });
        const slow = await Promise.all([open(), open(), open()]); // of four workers
        slow.forEach((response) => response.on('error', () => {}));
        assert.deepStrictEqual(await user.rows('SELECT count(*) FROM app.notes'), [['900000']]); // the fourth
        const whole = await open();
        let bytes = 0;
        for await (const part of whole) {
            bytes += part.length;
        }
        assert.strictEqual(bytes, size);
        assert.ok(own.peakRss() - before < size, `${own.peakRss() - before} bytes more`);
        slow.forEach((response) => response.destroy());
        const since = Date.now();
        const stuck = await Promise.all([open(), open(), open(), open()]); // all workers
        stuck.forEach((response) => response.on('error', () => {}));
        await Promise.all(Array.from({ length: 4 }, () => user.sql('WITH few AS (SELECT * FROM app.notes WHERE id < 10) SELECT count(*) FROM few'))); // they are free again
        assert.ok(Date.now() - since < 8000, `${Date.now() - since} ms`); // one that reads a byte now and then may have ten times the limit
        stuck.forEach((response) => response.destroy());
    } finally {
        await own.stop();
    }
});
