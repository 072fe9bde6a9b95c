// live_sql.test.js - the SQL side of live queries against a real server: what SUBSCRIBE TO says works over the socket as it is,
// system.live lists what runs, KILL LIVE QUERY ends it, expired rows of a STREAM table are heard of as deletes.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { setTimeout: pause } = require('node:timers/promises');
const { useServer, slowness } = require('../lib/server.js');
const { openSocket, openSocketAs } = require('../lib/ws.js');

const server = useServer(test, { options: { 'stream.eviction_interval_seconds': 1 } });
let alice;
let bob;

test.before(async () => {
    await server.ready;
    alice = await server.createUser('alice');
    bob = await server.createUser('bob');
    await server.admin.results('CREATE NAMESPACE lq; CREATE USER TABLE lq.notes (id INT PRIMARY KEY, title TEXT); CREATE STREAM TABLE lq.ticks (n INT) WITH (TTL_SECONDS = 1)');
});

async function until(what, ask, found) {
    const deadline = Date.now() + 60000 * slowness;
    for (;;) {
        const answer = await ask();
        if (found(answer)) {
            return answer;
        }
        assert.ok(Date.now() < deadline, `${what}: ${JSON.stringify(answer)}`);
        await pause(20);
    }
}

const live = (where = 'true') => server.root.objects(`SELECT * FROM system.live WHERE ${where} ORDER BY created_at`);
const figure = async (name) => Number((await server.root.rows(`SELECT metric_value FROM system.stats WHERE metric_name = '${name}'`))[0][0]);

// Opens what a SUBSCRIBE TO answered: the URL, and the object as it is.
async function openAs(client, sql) {
    const [{ ws_url: url, subscription }] = await client.objects(sql);
    const { host, pathname } = new URL(url);
    assert.strictEqual(host, `127.0.0.1:${server.port}`);
    const socket = await openSocket(server, { path: pathname });
    await socket.signIn(client.token);
    const message = { type: 'subscribe', subscription: JSON.parse(subscription) };
    socket.sendJson(message);
    return { socket, id: message.subscription.id };
}

test('what SUBSCRIBE TO answers is what opens the live query', async () => {
    await alice.sql("INSERT INTO lq.notes VALUES (1, 'one'), (2, 'two'), (3, 'three')");
    const { socket, id } = await openAs(alice, 'SUBSCRIBE TO SELECT id, title FROM lq.notes WHERE id > 0 OPTIONS (last_rows=2)');
    assert.strictEqual((await socket.nextOf('subscription_ack')).subscription_id, id);
    assert.deepStrictEqual((await socket.nextOf('initial_data_batch')).rows.map((row) => row.id), [2, 3]);
    await alice.sql("INSERT INTO lq.notes VALUES (4, 'four')");
    assert.strictEqual((await socket.nextOf('change')).rows[0].id, 4);
    await socket.close();
    await alice.sql('DELETE FROM lq.notes WHERE id > 0');
});

test('an unqualified table too', async () => {
    await server.admin.sql('CREATE USER TABLE plain_notes (id INT PRIMARY KEY)');
    await alice.sql('INSERT INTO plain_notes VALUES (1)');
    const { socket } = await openAs(alice, 'SUBSCRIBE TO plain_notes');
    await socket.nextOf('subscription_ack');
    assert.deepStrictEqual((await socket.nextOf('initial_data_batch')).rows.map((row) => row.id), [1]);
    await socket.close();
    await server.admin.sql('DROP TABLE plain_notes');
});

test('system.live lists what runs, for admins', async () => {
    const socket = await openSocketAs(server, alice);
    socket.sendJson({ type: 'subscribe', subscription: { id: 'notes', sql: 'SELECT * FROM lq.notes', options: {} } });
    await socket.nextOf('initial_data_batch');
    await alice.sql("INSERT INTO lq.notes VALUES (10, 'ten')");
    await socket.nextOf('change');
    const [row] = await until('the row', () => live("user_id = 'alice'"), (rows) => rows.length === 1 && rows[0].changes !== '0');
    assert.deepStrictEqual([row.namespace_id, row.table_name, row.user_id, row.query, row.status, row.subscription_id], ['lq', 'notes', 'alice', 'SELECT * FROM lq.notes', 'active', 'notes']);
    assert.strictEqual(row.live_id, `alice-${row.connection_id}-${row.subscription_id}`);
    assert.ok(await figure('total_live_queries') >= 1);
    assert.ok(await figure('active_subscriptions') >= 1);
    assert.ok(await figure('active_subscriptions_peak') >= await figure('active_subscriptions'));
    assert.ok(await figure('websocket_sessions') >= 1);
    assert.ok(await figure('websocket_sessions_peak') >= 1);
    assert.deepStrictEqual(await server.root.rows('SELECT count(*) AS n FROM system.live_queries'), [[String((await live()).length)]]);
    assert.match((await alice.fails('SELECT * FROM system.live')).text, /Role 'User' cannot access table 'system\.live'/);
    await socket.close();
    await until('its end', () => live("user_id = 'alice'"), (rows) => rows.length === 0);
    await alice.sql('DELETE FROM lq.notes WHERE id > 0');
});

test('KILL LIVE QUERY: the owner and admins, nobody else', async () => {
    const socket = await openSocketAs(server, alice);
    for (const who of [alice, server.admin]) {
        socket.sendJson({ type: 'subscribe', subscription: { id: 'mine - it\'s', sql: 'SELECT * FROM lq.notes', options: {} } });
        await socket.nextOf('initial_data_batch');
        const [{ live_id: id }] = await until('the row', () => live("subscription_id LIKE 'mine%'"), (rows) => rows.length === 1);
        const kill = `KILL LIVE QUERY '${id.replaceAll("'", "''")}'`;
        assert.strictEqual((await bob.fails(kill)).status, 403);
        assert.strictEqual((await live("subscription_id LIKE 'mine%'")).length, 1, 'still there');
        assert.strictEqual((await who.results(kill))[0].message, `Live query killed: ${id}`);
        const error = await socket.nextOf('error');
        assert.strictEqual(error.subscription_id, 'mine - it\'s');
        await until('its end', () => live("subscription_id LIKE 'mine%'"), (rows) => rows.length === 0);
        assert.match((await who.fails(kill)).text, /not found/i);
    }
    const actors = await server.root.rows("SELECT actor_user_id FROM system.audit_log WHERE action = 'KILL_LIVE_QUERY' ORDER BY timestamp");
    assert.deepStrictEqual(actors, [['alice'], ['admin']]);
    // The connection lives on.
    socket.sendJson({ type: 'subscribe', subscription: { id: 'again', sql: 'SELECT * FROM lq.notes', options: {} } });
    assert.strictEqual((await socket.nextOf('subscription_ack')).subscription_id, 'again');
    await socket.close();
});

test('rows of a STREAM table that expire are heard of as deletes, each once', async () => {
    const socket = await openSocketAs(server, alice);
    socket.sendJson({ type: 'subscribe', subscription: { id: 'ticks', sql: 'SELECT * FROM lq.ticks', options: {} } });
    await socket.nextOf('initial_data_batch');
    await alice.sql('INSERT INTO lq.ticks SELECT * FROM generate_series(1, 20)');
    await bob.sql('INSERT INTO lq.ticks VALUES (100)');
    const inserted = [];
    const removed = [];
    while (removed.length < 20) {
        const change = await socket.nextOf('change');
        if (change.change_type === 'insert') {
            inserted.push(...change.rows);
        } else {
            removed.push(...change.old_values.map((row) => row.row_id));
        }
    }
    assert.deepStrictEqual(inserted.map((row) => row.n), Array.from({ length: 20 }, (_, i) => i + 1));
    assert.deepStrictEqual(removed, inserted.map((row) => row._seq));
    await socket.close();
});
