// official_client.js - what the official client's core makes of the server's messages: it parses them strictly, drops what does
// not fit, and waits for ever for what it has dropped (wire-protocol.md 13). Here a message that it would drop throws.
'use strict';
const assert = require('node:assert');
const { openSocket } = require('./ws.js');

const DATA_TYPES = new Set(['Boolean', 'SmallInt', 'Int', 'BigInt', 'Float', 'Double', 'Text', 'Bytes', 'Timestamp', 'DateTime', 'Date', 'Time', 'Json', 'Uuid', 'File']);
const U32 = 0xffffffff;

const fail = (text, message) => assert.fail(`${message} in ${text.slice(0, 500)}`);

// JSON whose integers beyond 2^53 stay exact, as BigInt.
function parse(text) {
    const exact = text.replace(/("(?:[^"\\]|\\.)*")|(?<=[:[,]\s*)(-?\d{16,})(?=[,\]}\s])/g, (whole, string, digits) => (string !== undefined ? string : `"\\u0002${digits}"`));
    return JSON.parse(exact, (key, value) => (typeof value === 'string' && value.startsWith('\u0002') ? BigInt(value.slice(1)) : value));
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isSeq = (value) => value === undefined || value === null || typeof value === 'bigint' || Number.isInteger(value) || (typeof value === 'string' && /^\d+$/.test(value));

const isDataType = (type) => DATA_TYPES.has(type) || (isObject(type) && Object.keys(type).length === 1 && (Number.isInteger(type.Embedding) || isObject(type.Decimal)));

function checkSchema(schema, text) {
    if (!Array.isArray(schema)) {
        fail(text, 'schema is no array');
    }
    schema.forEach((column, i) => {
        if (typeof column.name !== 'string' || !isDataType(column.data_type) || column.index !== i) {
            fail(text, `column ${i}`);
        }
        if (column.flags !== undefined && column.flags !== null && !(Array.isArray(column.flags) && column.flags.every((flag) => ['pk', 'nn', 'uq'].includes(flag)))) {
            fail(text, `flags of column ${i}`);
        }
    });
}

function checkBatchControl(control, text) {
    if (!isObject(control) || !Number.isInteger(control.batch_num) || control.batch_num < 0 || control.batch_num > U32 || typeof control.has_more !== 'boolean' || !['loading', 'loading_batch', 'ready'].includes(control.status)) {
        fail(text, 'batch_control');
    }
    if (!isSeq(control.last_seq_id) || !isSeq(control.snapshot_end_seq)) {
        fail(text, 'a sequence id of batch_control');
    }
    // More than the client asks for: the three say one thing (10.6).
    const expected = !control.has_more ? 'ready' : control.batch_num === 0 ? 'loading' : 'loading_batch';
    assert.strictEqual(control.status, expected, text.slice(0, 300));
}

const strings = (message, text, ...names) => names.forEach((name) => typeof message[name] === 'string' || fail(text, `${name} is no string`));
const rowsOf = (rows, text, name) => (rows === undefined || rows === null) || (Array.isArray(rows) && rows.every(isObject)) || fail(text, `${name} is no list of objects`);

const CHECKS = {
    auth_success: (m, text) => {
        strings(m, text, 'user_id', 'user', 'role');
        assert.strictEqual(m.protocol?.serialization, 'json');
        assert.ok(['gzip', 'none'].includes(m.protocol.compression));
    },
    auth_error: (m, text) => strings(m, text, 'message'),
    subscription_ack: (m, text) => {
        strings(m, text, 'subscription_id');
        assert.ok(Number.isInteger(m.total_rows) && m.total_rows >= 0 && m.total_rows <= U32, text);
        checkBatchControl(m.batch_control, text);
        checkSchema(m.schema, text);
    },
    initial_data_batch: (m, text) => {
        strings(m, text, 'subscription_id');
        assert.ok(Array.isArray(m.rows) && m.rows.every(isObject), text.slice(0, 300));
        checkBatchControl(m.batch_control, text);
    },
    change: (m, text) => {
        strings(m, text, 'subscription_id');
        assert.ok(['insert', 'update', 'delete'].includes(m.change_type), text);
        rowsOf(m.rows, text, 'rows');
        rowsOf(m.old_values, text, 'old_values');
    },
    error: (m, text) => strings(m, text, 'subscription_id', 'code', 'message'),
};

function parseMessage(text) {
    const message = parse(text);
    if (!isObject(message) || CHECKS[message.type] === undefined) {
        fail(text, 'unknown type');
    }
    CHECKS[message.type](message, text);
    return message;
}

// The id that the client gives a query: equal texts have equal ones.
const idOf = (sql) => `sub-${require('node:crypto').createHash('sha1').update(sql).digest('hex').slice(0, 16)}`;

// A connection as the client has one: what it gets for a subscription is put together to the rows that an application sees.
class OfficialClient {
    constructor(socket) {
        this.socket = socket;
        this.subscriptions = new Map();
    }

    async next() {
        return parseMessage(await this.socket.nextText());
    }

    async authenticate(token) {
        this.socket.sendJson({ type: 'authenticate', method: 'jwt', token });
        const answer = await this.next();
        if (answer.type === 'auth_error') {
            throw new Error(answer.message);
        }
        assert.strictEqual(answer.type, 'auth_success');
        return answer;
    }

    // Subscribes as the client does, and reads on until the load is complete; throws as it does when refused.
    async subscribe(sql, options = {}) {
        const id = idOf(sql);
        const subscription = { id, sql, options, rows: new Map(), checkpoint: BigInt(options.from ?? 0), events: [], ready: false };
        this.subscriptions.set(id, subscription);
        this.socket.sendJson({ type: 'subscribe', subscription: { id, sql, options } });
        let acked = false;
        while (!subscription.ready) {
            const message = await this.pump();
            if (message.subscription_id !== id) {
                continue;
            }
            if (message.type === 'error') {
                this.subscriptions.delete(id);
                throw Object.assign(new Error(`Subscription failed (${message.code}): ${message.message}`), { code: message.code });
            }
            if (message.type === 'subscription_ack') {
                assert.ok(!acked, 'one ack');
                acked = true;
                subscription.schema = message.schema;
            } else {
                assert.ok(acked, 'the ack is first');
            }
        }
        return subscription;
    }

    unsubscribe(subscription) {
        this.subscriptions.delete(subscription.id);
        this.socket.sendJson({ type: 'unsubscribe', subscription_id: subscription.id });
    }

    // Reads one message and takes it in.
    async pump() {
        const message = await this.next();
        const subscription = this.subscriptions.get(message.subscription_id);
        if (subscription !== undefined) {
            OfficialClient.take(subscription, message);
        }
        return message;
    }

    // Reads on until `test` likes what a subscription looks like.
    async until(subscription, test) {
        while (!test(subscription)) {
            const message = await this.pump();
            if (message.type === 'error') {
                throw new Error(`${message.code}: ${message.message}`);
            }
        }
        return subscription;
    }

    static take(subscription, message) {
        subscription.events.push(message);
        const see = (seq) => {
            if (seq !== undefined && seq !== null && BigInt(seq) > subscription.checkpoint) {
                subscription.checkpoint = BigInt(seq);
            }
        };
        const key = (row) => JSON.stringify(row[subscription.key ?? 'id']);
        if (message.type === 'initial_data_batch') {
            message.rows.forEach((row) => {
                see(row._seq);
                subscription.rows.set(key(row), row);
            });
            see(message.batch_control.last_seq_id);
            subscription.ready = message.batch_control.status === 'ready';
        } else if (message.type === 'change' && message.change_type === 'delete') {
            (message.old_values ?? []).forEach((row) => {
                see(row._seq);
                subscription.rows.delete(key(row));
            });
        } else if (message.type === 'change') {
            (message.rows ?? []).forEach((row) => {
                see(row._seq);
                subscription.rows.set(key(row), row);
            });
        }
    }
}

async function connectOfficial(server, client, options) {
    const official = new OfficialClient(await openSocket(server, options));
    await official.authenticate(client.token);
    return official;
}

module.exports = { connectOfficial, OfficialClient, parseMessage, idOf };
