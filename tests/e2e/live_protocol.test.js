// live_protocol.test.js - the WebSocket and event-stream edge of live queries against a real server: handshake, sign-in, frames,
// messages, limits, ends. Every message goes through a model of the official client's strict parser.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const http = require('node:http');
const { setTimeout: delay } = require('node:timers/promises');
const { startServer, useServer, within, slowness } = require('../lib/server.js');
const { openSocket, openSocketAs, frame, OP, HandshakeError } = require('../lib/ws.js');
const { connectOfficial, parseMessage } = require('../lib/official_client.js');

const server = useServer(test, { options: { 'websocket.heartbeat_interval_secs': 1, 'rate_limit.max_messages_per_sec': 0 } });
let alice;
let bob;

test.before(async () => {
    await server.ready;
    alice = await server.createUser('alice');
    bob = await server.createUser('bob');
    await server.admin.results('CREATE NAMESPACE live; CREATE USER TABLE live.notes (id INT PRIMARY KEY, title TEXT, body TEXT); CREATE SHARED TABLE live.board (id INT PRIMARY KEY, title TEXT) WITH (ACCESS_LEVEL = \'PUBLIC\')');
});

const NOTES = 'SELECT * FROM live.notes';
const row = (subscription, id) => subscription.rows.get(JSON.stringify(id));

// ---- the official client's way ----

test('rows, then inserts, updates and deletes in the shapes of the contract', async () => {
    await alice.sql("INSERT INTO live.notes (id, title) VALUES (1, 'first')");
    const client = await connectOfficial(server, alice);
    const notes = await client.subscribe(NOTES);
    assert.deepStrictEqual(notes.schema.map((column) => column.name), ['id', 'title', 'body', '_seq', '_deleted']);
    assert.strictEqual(row(notes, 1).title, 'first');
    assert.match(row(notes, 1)._seq, /^\d+$/);

    await alice.sql("INSERT INTO live.notes (id, title, body) VALUES (2, 'second', 'text')");
    await client.until(notes, () => row(notes, 2) !== undefined);
    const insert = notes.events.at(-1);
    assert.deepStrictEqual([insert.change_type, insert.old_values], ['insert', undefined]);
    assert.strictEqual(insert.rows[0]._deleted, false);

    await alice.sql("UPDATE live.notes SET body = NULL, title = 'changed' WHERE id = 2");
    await client.until(notes, () => row(notes, 2)?.title === 'changed');
    const update = notes.events.at(-1);
    assert.deepStrictEqual(Object.keys(update.rows[0]).sort(), ['_seq', 'id', 'title']);
    assert.deepStrictEqual({ ...update.old_values[0], _seq: null }, { id: 2, title: 'second', body: 'text', _seq: null });
    assert.ok(BigInt(update.rows[0]._seq) > BigInt(update.old_values[0]._seq));

    await alice.sql('DELETE FROM live.notes WHERE id = 2');
    await client.until(notes, () => row(notes, 2) === undefined);
    const removal = notes.events.at(-1);
    assert.deepStrictEqual([removal.change_type, removal.rows, removal.old_values[0].title, removal.old_values[0]._deleted], ['delete', undefined, 'changed', true]);
    assert.ok(BigInt(removal.old_values[0]._seq) > BigInt(update.rows[0]._seq));
    await client.socket.close();
});

test('users see their own rows only, shared tables all', async () => {
    const client = await connectOfficial(server, bob);
    const notes = await client.subscribe(NOTES);
    const board = await client.subscribe('SELECT * FROM live.board');
    assert.strictEqual(notes.rows.size, 0);
    await alice.sql("INSERT INTO live.notes (id, title) VALUES (50, 'not for bob')");
    await server.admin.sql("INSERT INTO live.board (id, title) VALUES (1, 'for all')");
    await client.until(board, () => board.rows.size === 1);
    assert.strictEqual(notes.events.filter((event) => event.type === 'change').length, 0);
    await client.socket.close();
});

test('large messages come packed, unless the client does not want that', async () => {
    await alice.sql(`INSERT INTO live.notes (id, title) VALUES (60, '${'long '.repeat(400)}')`);
    const packed = await connectOfficial(server, alice);
    await packed.subscribe(NOTES);
    const plain = await connectOfficial(server, alice, { path: '/v1/ws?compress=false' });
    await plain.subscribe(NOTES);
    assert.ok(packed.socket.raw < plain.socket.raw / 2);
    await packed.socket.close();
    await plain.socket.close();
});

test('an equal query again is answered in full and takes the place of the first', async () => {
    const client = await connectOfficial(server, alice);
    for (let i = 0; i < 3; i++) {
        await client.subscribe(NOTES);
    }
    await alice.sql("INSERT INTO live.notes (id, title) VALUES (70, 'once')");
    const notes = [...client.subscriptions.values()][0];
    await client.until(notes, () => row(notes, 70) !== undefined);
    await alice.sql("INSERT INTO live.notes (id, title) VALUES (71, 'after')");
    await client.until(notes, () => row(notes, 71) !== undefined);
    assert.strictEqual(notes.events.filter((event) => event.rows?.[0]?.id === 70).length, 1);
    await client.socket.close();
});

test('refused subscriptions reject with their code', async () => {
    const client = await connectOfficial(server, alice);
    for (const [sql, code] of [
        ['SELECT * FROM live.nowhere', 'NOT_FOUND'],
        ['SELEC', 'INVALID_SQL'],
        ['DELETE FROM live.notes', 'INVALID_SQL'],
        ['SELECT * FROM system.users', 'UNAUTHORIZED'],
    ]) {
        await assert.rejects(client.subscribe(sql), (error) => error.code === code || assert.fail(`${sql}: ${error.message}`));
    }
    await client.socket.close();
});

test('the tenth subscription of a user is the last', async () => {
    const client = await connectOfficial(server, bob);
    for (let i = 0; i < 10; i++) {
        await client.subscribe(`SELECT * FROM live.notes WHERE id = ${i}`);
    }
    await assert.rejects(client.subscribe('SELECT * FROM live.notes WHERE id = 10'), { code: 'SUBSCRIPTION_LIMIT_EXCEEDED' });
    client.unsubscribe([...client.subscriptions.values()][0]);
    await client.subscribe('SELECT * FROM live.notes WHERE id = 10');
    await client.socket.close();
});

// ---- options ----

async function subscribeRaw(socket, id, sql, options) {
    socket.sendJson({ type: 'subscribe', subscription: { id, sql, ...(options === undefined ? {} : { options }) } });
    const read = async () => parseMessage(await socket.nextText());
    return { ack: await read(), read };
}

test('batches come unasked, and sooner when asked for', async () => {
    const carol = await server.createUser('carol');
    await carol.sql(`INSERT INTO live.notes (id, title) VALUES ${Array.from({ length: 25 }, (x, i) => `(${i}, 'n')`).join(', ')}`);
    const socket = await openSocketAs(server, carol);
    const unasked = await subscribeRaw(socket, 'unasked', NOTES, { batch_size: 10 });
    const ids = [];
    for (let i = 0; i < 3; i++) {
        const batch = await unasked.read();
        assert.strictEqual(batch.batch_control.batch_num, i);
        ids.push(...batch.rows.map((one) => one.id));
    }
    assert.deepStrictEqual(ids, Array.from({ length: 25 }, (x, i) => i));
    const asked = await subscribeRaw(socket, 'asked', NOTES, { batch_size: 10 });
    for (let i = 0; i < 3; i++) {
        const batch = await asked.read();
        assert.strictEqual(batch.subscription_id, 'asked');
        assert.strictEqual(batch.batch_control.batch_num, i);
        socket.sendJson({ type: 'next_batch', subscription_id: 'asked', last_seq_id: String(batch.batch_control.last_seq_id) });
    }
    socket.sendJson({ type: 'next_batch', subscription_id: 'unknown' });
    assert.strictEqual((await socket.next()).code, 'BATCH_FETCH_FAILED');
    await socket.close();
});

test('last_rows, from as a number, as text and under its other name, and null', async () => {
    const dora = await server.createUser('dora');
    for (let i = 0; i < 5; i++) {
        await dora.sql(`INSERT INTO live.notes (id, title) VALUES (${i}, 'n')`);
    }
    const seqs = (await dora.rows('SELECT _seq FROM live.notes ORDER BY id')).map(([seq]) => BigInt(seq));
    const socket = await openSocketAs(server, dora);
    for (const [options, expected] of [
        [{ last_rows: 2 }, [3, 4]],
        [{ last_rows: 0 }, []],
        [{ from: seqs[2] }, [3, 4]],
        [{ from: String(seqs[2]) }, [3, 4]],
        [{ from_seq_id: seqs[3], last_rows: 5 }, [4]],
        [undefined, [0, 1, 2, 3, 4]],
    ]) {
        const { read } = await subscribeRaw(socket, 'o', NOTES, options);
        const batch = await read();
        assert.deepStrictEqual(batch.rows.map((one) => one.id), expected);
        assert.strictEqual(batch.batch_control.status, 'ready');
    }
    const { read } = await subscribeRaw(socket, 'o', NOTES, null);
    await dora.sql("INSERT INTO live.notes (id, title) VALUES (9, 'only changes')");
    assert.strictEqual((await read()).type, 'change');
    await socket.close();
});

// ---- sign-in ----

test('without a good token nothing is told, and the answer comes before the end', async () => {
    const socket = await openSocket(server);
    socket.sendJson({ type: 'subscribe', subscription: { id: 'mine', sql: NOTES, options: {} } });
    assert.deepStrictEqual((({ subscription_id, code }) => [subscription_id, code])(await socket.next()), ['mine', 'AUTH_REQUIRED']);
    socket.sendJson({ type: 'authenticate', method: 'jwt', token: 'x.y.z' });
    assert.strictEqual((await socket.next()).type, 'auth_error');
    assert.deepStrictEqual(await socket.closed(), { code: 1008, reason: 'Authentication failed' });
});

test('the token may come with the upgrade', async () => {
    const socket = await openSocket(server, { headers: { authorization: `Bearer ${alice.token}` } });
    assert.deepStrictEqual(parseMessage(await socket.nextText()), { type: 'auth_success', user_id: 'alice', user: 'alice', role: 'user', protocol: { serialization: 'json', compression: 'gzip' } });
    await socket.close();
});

test('signing out ends the sockets of that sign-in and no others', async () => {
    const [here, there] = [await server.signIn('alice'), await server.signIn('alice')];
    const [ended, other] = [await connectOfficial(server, here), await connectOfficial(server, there)];
    await ended.subscribe(NOTES);
    await other.subscribe(NOTES);
    await here.post('/v1/api/auth/logout', '');
    assert.strictEqual((await ended.socket.nextOf('error')).code, 'INVALID_CREDENTIALS');
    assert.strictEqual((await ended.socket.closed()).code, 1008);
    await alice.sql("INSERT INTO live.notes (id, title) VALUES (80, 'still')");
    const notes = [...other.subscriptions.values()][0];
    await other.until(notes, () => row(notes, 80) !== undefined);
    await other.socket.close();
});

// ---- frames ----

test('handshakes that are none', async () => {
    for (const [headers, status] of [
        [{ upgrade: null }, 426],
        [{ connection: 'keep-alive' }, 426],
        [{ 'sec-websocket-version': '8' }, 426],
        [{ 'sec-websocket-key': 'x' }, 400],
    ]) {
        await assert.rejects(openSocket(server, { headers }), (error) => error instanceof HandshakeError && error.status === status);
    }
    await (await openSocket(server, { path: '/ws' })).close();
});

test('what no client should send closes with the right code', async () => {
    for (const [bytes, code] of [
        [frame(OP.text, '{"type":"ping"}', { mask: false }), 1002],
        [frame(OP.text, '{"type":"ping"}', { rsv: 4 }), 1002],
        [frame(OP.continuation, 'x'), 1002],
        [frame(3, 'x'), 1002],
        [frame(OP.ping, 'x'.repeat(126)), 1002],
        [frame(OP.text, Buffer.from([0xff])), 1007],
        [frame(OP.text, ' '.repeat(1048577)), 1009],
        [frame(OP.text, 'not json'), 1011],
        [frame(OP.text, '{"type":"fly"}'), 1011],
    ]) {
        const socket = await openSocketAs(server, alice);
        socket.sendRaw(bytes);
        assert.strictEqual((await socket.closed()).code, code);
    }
});

test('fragments, pings in between, binary frames, bytes one by one', async () => {
    const socket = await openSocketAs(server, alice);
    socket.send(OP.text, '{"type":"subscribe","subscription":{"id":"f",', { fin: false });
    socket.send(OP.ping, 'here');
    const pong = await socket.nextFrame();
    assert.deepStrictEqual([pong.opcode, pong.payload.toString()], [OP.pong, 'here']);
    socket.send(OP.continuation, `"sql":"${NOTES}",`, { fin: false });
    socket.send(OP.continuation, '"options":{}}}');
    assert.strictEqual((await socket.next()).type, 'subscription_ack');
    assert.strictEqual((await socket.next()).type, 'initial_data_batch');
    socket.send(OP.binary, Buffer.from([0x80]));
    assert.strictEqual((await socket.next()).code, 'UNSUPPORTED_DATA');
    for (const byte of frame(OP.ping, 'slow')) {
        socket.sendRaw(Buffer.from([byte]));
        await delay(1);
    }
    assert.strictEqual((await socket.nextFrame()).payload.toString(), 'slow');
    await socket.close(4001);
});

// ---- server-sent events ----

// Reads a stream: next() is {event, id, data}, data parsed.
function openStream(query, { token = alice.token, headers = {} } = {}) {
    return new Promise((resolve, reject) => {
        const request = http.request({ host: '127.0.0.1', port: server.port, path: `/v1/live?${query}`, agent: false, headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers } }, (response) => {
            const events = (async function* read() {
                let text = '';
                for await (const part of response) {
                    text += part;
                    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
                        const fields = text.slice(0, end).split('\n').filter((line) => !line.startsWith(':')).map((line) => line.split(/: (.*)/s));
                        if (fields.length > 0) {
                            const event = Object.fromEntries(fields.map(([name, value]) => [name, value]));
                            yield { ...event, data: parseMessage(event.data) };
                        }
                    }
                }
            })();
            resolve({ status: response.statusCode, headers: response.headers, events, next: async () => (await within(20000 * slowness, 'an event', events.next())).value, close: () => request.destroy() });
        });
        request.on('error', reject);
        request.end();
    });
}

test('an event stream: rows, changes, and where to go on from', async () => {
    const erin = await server.createUser('erin');
    await erin.sql("INSERT INTO live.notes (id, title) VALUES (1, 'one')");
    const query = `sql=${encodeURIComponent(NOTES)}`;
    const stream = await openStream(query, { token: erin.token });
    assert.deepStrictEqual([stream.status, stream.headers['content-type']], [200, 'text/event-stream']);
    assert.strictEqual((await stream.next()).event, 'ack');
    const batch = await stream.next();
    assert.deepStrictEqual([batch.event, batch.data.rows[0].id, batch.id], ['batch', 1, batch.data.rows[0]._seq]);
    await erin.sql("INSERT INTO live.notes (id, title) VALUES (2, 'two')");
    const change = await stream.next();
    assert.deepStrictEqual([change.event, change.id], ['change', change.data.rows[0]._seq]);
    stream.close();
    await erin.sql("INSERT INTO live.notes (id, title) VALUES (3, 'three')");
    const again = await openStream(query, { token: erin.token, headers: { 'last-event-id': change.id } });
    assert.strictEqual((await again.next()).event, 'ack');
    assert.deepStrictEqual((await again.next()).data.rows.map((one) => one.id), [3]);
    again.close();
});

test('what cannot be streamed is an ordinary error', async () => {
    for (const [query, status] of [['', 400], ['sql=SELEC', 400], [`sql=${encodeURIComponent('SELECT * FROM live.nowhere')}`, 404]]) {
        const stream = await openStream(query);
        assert.strictEqual(stream.status, status);
        stream.close();
    }
    const stream = await openStream('sql=x', { token: null });
    assert.strictEqual(stream.status, 401);
    stream.close();
});

// ---- ends ----

test('dropping the table ends its subscriptions with an error', async () => {
    await server.admin.sql('CREATE USER TABLE live.short_lived (id INT PRIMARY KEY)');
    const client = await connectOfficial(server, alice);
    const subscription = await client.subscribe('SELECT * FROM live.short_lived');
    await server.admin.sql('DROP TABLE live.short_lived');
    const message = await client.next();
    assert.deepStrictEqual([message.type, message.subscription_id], ['error', subscription.id]);
    await client.subscribe(NOTES);
    await client.socket.close();
});

test('a server that stops says goodbye to sockets and streams', async () => {
    const own = await startServer();
    await own.setUp();
    await own.admin.results('CREATE NAMESPACE live; CREATE USER TABLE live.notes (id INT PRIMARY KEY, title TEXT)');
    const client = await connectOfficial(own, own.admin);
    await client.subscribe(NOTES);
    const goodbye = client.socket.closed();
    await own.stop();
    assert.deepStrictEqual(await goodbye, { code: 1001, reason: 'Server shutting down' });
});
