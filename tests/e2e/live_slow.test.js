// live_slow.test.js - a client that stops reading, against a real server: it is cut when too much waits for it, costs nobody else a
// change or a write, and goes on from the cursor that it is told.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer } = require('../lib/server.js');
const { connectOfficial, OfficialClient } = require('../lib/official_client.js');

// A megabyte may wait; silence is not what ends a client here.
const server = useServer(test, { options: { 'websocket.max_queue_bytes': 1048576, 'websocket.client_timeout_secs': 3600 } });
const SQL = 'SELECT * FROM slow.board';
const PLAIN = { path: '/v1/ws?compress=false' };
const WRITES_MOST = 4000; // far more than the kernel takes for a socket that nobody reads
let writer;
let alice;

test.before(async () => {
    await server.ready;
    await server.admin.results("CREATE NAMESPACE slow; CREATE SHARED TABLE slow.board (id INT PRIMARY KEY, v INT, pad TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')");
    writer = server.admin;
    alice = await server.createUser('alice');
});

const shown = (rows) => [...rows.values()].map(({ id, v, _seq }) => [id, v, _seq]).sort(([a], [b]) => a - b);
const table = () => writer.rows('SELECT id, v, _seq FROM slow.board ORDER BY id');
const isListed = async (id) => (await server.root.rows(`SELECT subscription_id FROM system.live WHERE live_id = '${id}'`)).length === 1;

// Insert, update and delete in turn; the row's id and the change to expect of it.
async function write(i) {
    const id = i % 3 === 2 ? i - 2 : i;
    const pad = 'x'.repeat(16000);
    await writer.sql([`INSERT INTO slow.board VALUES (${id}, ${i}, '${pad}')`, `INSERT INTO slow.board VALUES (${id}, 0, '${pad}')`, `DELETE FROM slow.board WHERE id = ${id}`][i % 3]);
    return { id, type: i % 3 === 2 ? 'delete' : 'insert' };
}

test('who stops reading is cut, tells nobody else, and misses nothing after a resume', async () => {
    const stuck = await connectOfficial(server, alice, PLAIN);
    const held = await stuck.subscribe(SQL);
    const [[stuckId]] = await server.root.rows("SELECT live_id FROM system.live WHERE user_id = 'alice'");
    const readers = await Promise.all([connectOfficial(server, alice, PLAIN), connectOfficial(server, server.root)]);
    const subscriptions = await Promise.all(readers.map((reader) => reader.subscribe(SQL)));
    const before = held.events.length;
    const start = held.checkpoint;

    stuck.socket.socket.pause();
    let writes = 0;
    while (writes % 3 !== 0 || writes % 30 !== 0 || await isListed(stuckId)) {
        assert.ok(writes < WRITES_MOST, 'it is not cut');
        const { id, type } = await write(writes); // acknowledged, whoever does not read
        for (const [i, reader] of readers.entries()) {
            const change = await reader.next();
            OfficialClient.take(subscriptions[i], change);
            assert.deepStrictEqual([change.change_type, (change.rows ?? change.old_values)[0].id], [type, id]);
        }
        writes += 1;
    }
    assert.ok(writes > 0);
    for (const subscription of subscriptions) {
        assert.deepStrictEqual(shown(subscription.rows), await table());
    }

    stuck.socket.socket.resume();
    let message;
    do {
        message = await stuck.pump();
    } while (message.type !== 'error');
    assert.strictEqual(message.code, 'SLOW_CLIENT');
    const { code, reason } = await stuck.socket.closed();
    assert.strictEqual(code, 1013);
    const cursor = BigInt(/resume from (\d+)/.exec(reason)[1]);
    assert.ok(cursor > start && cursor <= held.checkpoint, 'the cursor is not ahead of what it was sent');
    assert.ok(held.events.length - before < writes, 'what waited was dropped');
    assert.notDeepStrictEqual(shown(held.rows), await table());

    const again = await connectOfficial(server, alice, PLAIN);
    const resumed = await again.subscribe(SQL, { from: cursor });
    resumed.events.forEach((event) => OfficialClient.take(held, event));
    assert.deepStrictEqual(shown(held.rows), await table());
    await writer.sql('INSERT INTO slow.board VALUES (1000000, 1, NULL)');
    await again.until(resumed, () => resumed.rows.has('1000000'));
    await Promise.all([again, ...readers].map((client) => client.socket.close()));
});

test('first rows wait for their reader, who is not cut', async () => {
    await writer.results(`CREATE SHARED TABLE slow.big (id INT PRIMARY KEY, pad TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')`);
    const rows = 4000;
    for (let i = 0; i < rows; i += 500) {
        await writer.sql(`INSERT INTO slow.big SELECT i, repeat('x', 10000) FROM generate_series(${i}, ${i + 499}) AS s(i)`);
    }
    const client = await connectOfficial(server, alice, PLAIN);
    client.socket.sendJson({ type: 'subscribe', subscription: { id: 'big', sql: 'SELECT * FROM slow.big', options: {} } });
    assert.strictEqual((await client.next()).type, 'subscription_ack');
    client.socket.socket.pause();
    await writer.sql("INSERT INTO slow.big VALUES (100000, 'while it loads')");
    client.socket.socket.resume();
    const ids = new Set();
    let last = 0n;
    for (let ready = false; !ready;) {
        const batch = await client.next();
        assert.strictEqual(batch.type, 'initial_data_batch');
        for (const row of batch.rows) {
            assert.ok(BigInt(row._seq) > last);
            last = BigInt(row._seq);
            ids.add(row.id);
        }
        ready = batch.batch_control.status === 'ready';
    }
    if (!ids.has(100000)) {
        assert.strictEqual((await client.next()).rows[0].id, 100000);
    }
    assert.ok(ids.size >= rows);
    await client.socket.close();
});
