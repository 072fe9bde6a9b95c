// live.test.js - live queries and kill -9: many write, subscribers come, leave and go on from their cursors, the server dies in
// the middle, again and again. In the end each replica is what a SELECT shows, and every acknowledged write is there.
//
// A replica is strict: within a connection an insert of a row it has, an update of another version than the one it has, or the
// end of a row it has not, is a change lost or told twice. After a resume changes from before may come again.
// KALAMDB_LIVE_KILLS sets the number of kills, KALAMDB_SEED repeats a run's choices (the timing still differs).
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { SEED } = require('../lib/seed.js');
const { Server, slowness } = require('../lib/server.js');
const { openSocketAs } = require('../lib/ws.js');
const { parseMessage } = require('../lib/official_client.js');

const KILLS = Number(process.env.KALAMDB_LIVE_KILLS ?? (slowness > 4 ? 4 : 12));
const LAST = 99999; // the row that is written last
const CONTENDED = 40; // rows that all writers of a table change; theirs alone begin at 1000
const OWN = 25; // of each writer
const NEVER = 1n << 63n;

// A small generator of repeatable choices (mulberry32).
function makeRandom(seed) {
    let state = seed >>> 0;
    return (below) => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = state;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) % below;
    };
}

// ---- writers ----

const literal = (text) => (text === null ? 'NULL' : `'${text}'`);

// Changes rows that are its alone, whose content it knows, and rows that others change too.
class Writer {
    constructor(index, user, table, random) {
        Object.assign(this, { user, table, random, base: 1000 * (index + 1), rows: new Map(), pending: null });
    }

    value() {
        return { v: this.random(100), t: this.random(3) === 0 ? null : 'x'.repeat(this.random(60)) };
    }

    contended() {
        const { random, table } = this;
        const id = random(CONTENDED);
        const { v, t } = this.value();
        const forms = [
            `INSERT INTO ${table} (id, v, t) VALUES (${id}, ${v}, ${literal(t)})`,
            `INSERT INTO ${table} (id, v, t) VALUES (${id}, ${v}, ${literal(t)}) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v, t = EXCLUDED.t`,
            `INSERT INTO ${table} (id, v) VALUES (${id}, 1), (${id + 100}, 2), (${id + 200}, 3)`,
            `UPDATE ${table} SET v = ${v} WHERE id = ${id}`,
            `UPDATE ${table} SET v = v + 1, t = NULL WHERE id >= ${id} AND id < ${id + 5}`,
            `UPDATE ${table} SET t = ${literal(t)} WHERE v % 10 = ${id % 10} AND id < 1000`,
            `DELETE FROM ${table} WHERE id = ${id}`,
            `DELETE FROM ${table} WHERE id > ${id} AND id < ${id + 3}`,
            `BEGIN; DELETE FROM ${table} WHERE id = ${id}; INSERT INTO ${table} (id, v, t) VALUES (${id}, ${v}, ${literal(t)}); COMMIT`,
            `BEGIN; UPDATE ${table} SET v = 7 WHERE id = ${id}; UPDATE app.own SET v = ${v} WHERE id = ${id}; COMMIT`,
            `BEGIN; UPDATE ${table} SET v = 9 WHERE id = ${id}; ROLLBACK`,
        ];
        return { sql: forms[random(forms.length)], after: this.rows, sure: false };
    }

    alone() {
        const { random, table, base } = this;
        const after = new Map(this.rows);
        const put = (count) => Array.from({ length: count }, () => {
            const id = base + random(OWN);
            const row = this.value();
            after.set(id, row);
            return `INSERT INTO ${table} (id, v, t) VALUES (${id}, ${row.v}, ${literal(row.t)}) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v, t = EXCLUDED.t`;
        });
        const from = base + random(OWN);
        const below = from + 1 + random(5);
        const within = [...after.keys()].filter((id) => id >= from && id < below);
        switch (random(5)) {
        case 0:
            return { sql: put(1)[0], after, sure: true };
        case 1:
            return { sql: `BEGIN; ${put(2 + random(4)).join('; ')}; COMMIT`, after, sure: true };
        case 2: {
            const missing = Array.from({ length: below - from }, (x, i) => from + i).filter((id) => !after.has(id));
            missing.forEach((id) => after.set(id, { v: id % 100, t: null }));
            const sql = missing.length === 0 ? 'SELECT 1' : `INSERT INTO ${table} (id, v) VALUES ${missing.map((id) => `(${id}, ${id % 100})`).join(', ')}`;
            return { sql, after, sure: true };
        }
        case 3:
            within.forEach((id) => after.set(id, { ...after.get(id), v: after.get(id).v + 1 }));
            return { sql: `UPDATE ${table} SET v = v + 1 WHERE id >= ${from} AND id < ${below}`, after, sure: true };
        default:
            within.forEach((id) => after.delete(id));
            return { sql: `DELETE FROM ${table} WHERE id >= ${from} AND id < ${below}`, after, sure: true };
        }
    }

    // One statement; false when its answer was lost.
    async write(client) {
        const statement = this.random(2) === 0 ? this.alone() : this.contended();
        this.pending = statement;
        const answer = await client.sqlRaw(statement.sql).catch(() => null);
        if (answer === null) {
            return false;
        }
        this.pending = null;
        // Duplicate keys and conflicts are part of contended writes.
        assert.ok(answer.status === 200 || (!statement.sure && answer.status < 500), `${statement.sql}: ${answer.text}`);
        this.rows = statement.after;
        return true;
    }

    // The rows that are its alone are those acknowledged, with or without the statement whose answer was lost.
    async verify(client) {
        const found = await client.rows(`SELECT id, v, t FROM ${this.table} WHERE id >= ${this.base} AND id < ${this.base + 1000} ORDER BY id`);
        const asRows = (rows) => [...rows].sort(([a], [b]) => a - b).map(([id, { v, t }]) => [id, v, t]);
        const states = [this.rows, ...(this.pending === null ? [] : [this.pending.after])];
        const match = states.find((rows) => JSON.stringify(asRows(rows)) === JSON.stringify(found));
        if (match === undefined) {
            assert.deepStrictEqual(found, asRows(this.rows), `${this.user}, ${this.table}; unanswered: ${this.pending?.sql}`);
        }
        this.rows = match;
        this.pending = null;
        return found.length;
    }
}

// ---- replicas ----

const VIEWS = [
    ['ann', 'app.own', '*', ''],
    ['ann', 'app.own', 'id, v, t', `v % 3 <> 0 OR id = ${LAST}`],
    ['bob', 'app.own', 'id, v, t', `id < 20 OR id >= 1000`],
    ['ann', 'app.all', 'id, v, t', ''],
    ['bob', 'app.all', '*', `v > 50 OR id = ${LAST}`],
    ['root', 'app.all', 'id, v, t', `id IN (1, 2, 3, 5, 8, 13, ${LAST})`],
    ['bob', 'app.all', 't, id, v', `t IS NULL OR t LIKE 'xxxxx%' OR id = ${LAST}`],
];

class Replica {
    constructor(index, random) {
        const [user, table, columns, where] = VIEWS[index % VIEWS.length];
        this.where = where === '' ? '' : ` WHERE ${where}`;
        Object.assign(this, { user, table, random, sql: `SELECT ${columns} FROM ${table}${this.where}`, rows: new Map(), cursor: 0n, settled: 0n, log: [] });
        this.counts = { fresh: 0, resumed: 0, messages: 0, deletions: 0, strict: 0 };
    }

    must(condition, what) {
        assert.ok(condition, condition ? '' : `${what}: ${this.user}: ${this.sql}, cursor ${this.cursor}, settled ${this.settled}; the last messages:\n${this.log.join('\n')}`);
    }

    see(seq) {
        this.cursor = seq > this.cursor ? seq : this.cursor;
    }

    // Cursors never go back while changes are told: nothing below one may still be to come.
    move(seq) {
        this.counts.strict += seq < this.settled ? 0 : 1;
        this.must(seq < this.settled || seq > this.cursor, 'a change below the cursor');
        this.see(seq);
    }

    put(row) {
        this.rows.set(row.id, { v: row.v ?? null, t: row.t ?? null, seq: BigInt(row._seq) });
    }

    takeAck(asked) {
        this.from = asked;
        if (asked === undefined) {
            this.rows.clear();
            this.cursor = 0n;
        }
    }

    // Its snapshot is taken: what is committed with a `_seq` from here on comes once. After a crash the server's ids run ahead
    // of the clock, so it is asked for one.
    settle() {
        this.settled = this.from === undefined ? 0n : NEVER;
        const load = {};
        this.load = load;
        if (this.from !== undefined) {
            this.client.value('SELECT SNOWFLAKE_ID()').then((seq) => {
                this.settled = this.load === load ? BigInt(seq) : this.settled;
            }, () => {}); // the server is down
        }
    }

    takeBatch(message) {
        if (message.batch_control.batch_num === 0) {
            this.settle();
        }
        let before = 0n;
        for (const row of message.rows) {
            this.must(BigInt(row._seq) > before, 'a batch out of order');
            this.must(this.from === undefined || BigInt(row._seq) > this.from, 'a row from before the cursor');
            before = BigInt(row._seq);
            this.put(row);
            this.see(before);
        }
        this.see(BigInt(message.batch_control.last_seq_id ?? 0));
    }

    takeChange(message) {
        const [row] = message.rows ?? [];
        const [old] = message.old_values ?? [];
        const now = row ?? old;
        const seq = BigInt(now._seq);
        const held = this.rows.get(now.id);
        if (message.change_type === 'insert') {
            this.must(held === undefined || seq < this.settled, 'an insert of a row that is there');
            this.put(row);
        } else if (message.change_type === 'update') {
            this.must(held !== undefined && held.seq === BigInt(old._seq), 'an update of another version');
            this.must((old.v === undefined || old.v === held.v) && (old.t === undefined || old.t === held.t), 'an update of other values');
            this.put(row);
        } else {
            this.must(held !== undefined || seq < this.settled, 'the end of a row that is not there');
            this.rows.delete(now.id);
            this.counts.deletions += 1;
        }
        this.move(seq);
    }

    // One subscription on an open socket; `asked` is its `from`. Reads until `ends` says so.
    async follow(socket, asked, ends) {
        const options = { ...(asked === undefined ? {} : { from: this.random(2) === 0 ? asked : String(asked) }), ...(this.random(2) === 0 ? { batch_size: 7 } : {}) };
        socket.sendJson({ type: 'subscribe', subscription: { id: 'r', sql: this.sql, options } });
        this.counts[asked === undefined ? 'fresh' : 'resumed'] += 1;
        let acknowledged = false;
        for (let count = 0; !acknowledged || !ends(count); count++) {
            const text = await socket.nextText();
            const message = parseMessage(text);
            this.log = [...this.log.slice(-7), text.slice(0, 400)];
            this.counts.messages += 1;
            this.must(message.type !== 'error', 'an error');
            if (message.type === 'subscription_ack') { // before it comes what was on its way of the subscription before
                this.must(!acknowledged, 'two acknowledgements');
                acknowledged = true;
                this.takeAck(asked);
            } else if (message.type === 'initial_data_batch') {
                this.takeBatch(message);
                if (message.batch_control.has_more && this.random(4) === 0) {
                    socket.sendJson({ type: 'next_batch', subscription_id: 'r' });
                }
            } else {
                this.takeChange(message);
            }
        }
    }

    // Comes, follows for a while, goes: by a close, by unsubscribing, or without a word.
    async live(server, client, stop) {
        this.client = client;
        const socket = await openSocketAs(server, client, { path: this.random(2) === 0 ? '/v1/ws' : '/v1/ws?compress=false' });
        try {
            let again;
            do {
                const fresh = this.cursor === 0n || (this.random(8) === 0 && !stop.down);
                const left = this.random(this.random(2) === 0 ? 20 : 400);
                await this.follow(socket, fresh ? undefined : this.cursor, (count) => count >= left || this.rows.has(LAST));
                const kind = this.random(4);
                again = kind < 2 && !this.rows.has(LAST);
                if (kind === 0) {
                    socket.sendJson({ type: 'unsubscribe', subscription_id: 'r' });
                }
            } while (again);
        } finally {
            socket.destroy();
        }
    }

    // Until the server dies or the last row has come.
    async run(server, client, stop) {
        while (!stop.down && !this.rows.has(LAST)) {
            try {
                await this.live(server, client, stop);
            } catch (error) {
                if (!stop.down || error instanceof assert.AssertionError) {
                    throw error;
                }
            }
        }
    }

    // What a SELECT shows.
    async compare(client) {
        const found = await client.rows(`SELECT id, v, t, _seq FROM ${this.table}${this.where} ORDER BY id`);
        const mine = [...this.rows].sort(([a], [b]) => a - b).map(([id, { v, t, seq }]) => [id, v, t, String(seq)]);
        assert.deepStrictEqual(mine, found, `${this.user}: ${this.sql}`);
        return found.length;
    }
}

// ---- the run ----

test(`every subscriber ends up with the table, through ${KILLS} kills`, async () => {
    console.log(`# KALAMDB_SEED=${SEED}`);
    const random = makeRandom(SEED);
    const server = new Server({ options: { 'rate_limit.max_subscriptions_per_user': 0, 'rate_limit.max_messages_per_sec': 0, 'live.threads': 2 } });
    await server.start();
    try {
        const { root } = await server.setUp();
        await root.results(`CREATE NAMESPACE app; CREATE USER TABLE app.own (id INT PRIMARY KEY, v INT, t TEXT);
            CREATE SHARED TABLE app.all (id INT PRIMARY KEY, v INT, t TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')`);
        const tokens = { root: root.token };
        for (const [name, role] of [['ann', 'user'], ['bob', 'user'], ['svc', 'service']]) {
            tokens[name] = (await server.createUser(name, role)).token;
        }
        const clientOf = ({ user }) => server.client(tokens[user], user);
        const writers = [['ann', 'app.own'], ['ann', 'app.own'], ['bob', 'app.own'], ['svc', 'app.all'], ['svc', 'app.all'], ['root', 'app.all']]
            .map(([user, table], i) => new Writer(i, user, table, makeRandom(SEED + 1 + i)));
        const replicas = Array.from({ length: 2 * VIEWS.length }, (x, i) => new Replica(i, makeRandom(SEED + 100 + i)));
        let acknowledged = 0;

        const verify = async () => {
            for (const writer of writers) {
                await writer.verify(clientOf(writer));
            }
        };
        const write = async (statements, end) => {
            let left = statements;
            await Promise.all(writers.map(async (writer) => {
                const client = clientOf(writer);
                while (left > 0 && await writer.write(client)) {
                    acknowledged += 1;
                    left -= 1;
                    if (left === 0) {
                        end();
                    }
                }
                assert.ok(left <= 0, 'an answer lost while the server lived');
            }));
        };
        const read = (readers, stop) => Promise.all(readers.map((replica) => replica.run(server, clientOf(replica), stop)));

        for (let kill = 1; kill <= KILLS; kill++) {
            const stop = { down: false };
            const die = () => {
                stop.down = true;
                server.signal('SIGKILL');
            };
            // Some stay away for a while, and have more to catch up with.
            await Promise.all([write(100 + random(600), die), read(replicas.filter(() => random(4) !== 0), stop)]);
            await server.exited;
            server.clients.forEach((client) => client.close());
            server.clients.clear();
            await server.start();
            await verify();
        }
        const writeAll = async () => {
            await write(200, () => {});
            for (const [user, table] of [['ann', 'app.own'], ['bob', 'app.own'], ['root', 'app.all']]) {
                await clientOf({ user }).sql(`INSERT INTO ${table} (id, v) VALUES (${LAST}, 100)`);
            }
        };
        await Promise.all([writeAll(), read(replicas, { down: false })]);
        await verify();
        let rows = 0;
        for (const replica of replicas) {
            rows += await replica.compare(clientOf(replica));
        }
        const sum = (name) => replicas.reduce((total, replica) => total + replica.counts[name], 0);
        console.log(`# ${acknowledged} statements, ${sum('messages')} messages, ${sum('deletions')} deletions, ${sum('strict')} held to be exact; ${sum('fresh')} subscriptions, ${sum('resumed')} resumed; ${rows} rows compared`);
    } finally {
        await server.stop();
    }
});
