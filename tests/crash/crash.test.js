// crash.test.js - kill -9 at any moment, again and again, while many write: after each restart every acknowledged change is
// there, exactly once and with the right content, and a statement whose answer was lost is there whole or not at all.
//
// Each writer has rows of its own, keeps a model of them and has one statement under way. When the server dies, the model
// with and without that statement are the two states that may be found. KALAMDB_CRASH_KILLS sets the number of kills,
// KALAMDB_SEED repeats a run's choices (the timing of the kills still differs).
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { SEED } = require('../lib/seed.js');
const { Server, slowness } = require('../lib/server.js');

const KILLS = Number(process.env.KALAMDB_CRASH_KILLS ?? (slowness > 4 ? 10 : 60));
const ROWS_KEPT = 60; // per writer

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

const clone = (rows) => new Map([...rows].map(([key, row]) => [key, { ...row }]));
const asText = (rows) => JSON.stringify([...rows].sort(([a], [b]) => a - b).map(([key, row]) => [key, row.grp, row.n, row.t]));

// Writes keyed rows: singles and groups of them. `where` narrows a table to this writer's rows.
class RowWriter {
    constructor(name, table, user, random) {
        Object.assign(this, { name, table, user, random, rows: new Map(), next: 1, pending: null, maxSeq: 0n });
    }

    // A statement and the rows after it.
    choose() {
        const { random } = this;
        const keys = [...this.rows.keys()];
        const after = clone(this.rows);
        const kind = keys.length > ROWS_KEPT ? 5 + random(2) : random(7);
        const text = () => `${this.name} ${random(1e9)} ${'x'.repeat(random(200))}`;
        const pick = () => keys[random(keys.length)];
        if (kind <= 1 || keys.length === 0) {
            const id = this.next++;
            const row = { grp: id, n: 0, t: text() };
            after.set(id, row);
            return { sql: `INSERT INTO ${this.table} (writer, id, grp, n, t) VALUES ($1, $2, $3, $4, $5)`, params: [this.name, id, row.grp, row.n, row.t], after, count: 1 };
        }
        if (kind === 2) {
            const grp = this.next;
            const size = 2 + random(8);
            const params = [this.name];
            const values = [];
            for (let i = 0; i < size; i++) {
                const id = this.next++;
                const row = { grp, n: i, t: text() };
                after.set(id, row);
                params.push(id, grp, i, row.t);
                values.push(`($1, $${4 * i + 2}, $${4 * i + 3}, $${4 * i + 4}, $${4 * i + 5})`);
            }
            return { sql: `INSERT INTO ${this.table} (writer, id, grp, n, t) VALUES ${values.join()}`, params, after, count: size };
        }
        if (kind === 3) {
            const id = pick();
            const row = after.get(id);
            row.n += 1;
            row.t = text();
            return { sql: `UPDATE ${this.table} SET n = n + 1, t = $3 WHERE writer = $1 AND id = $2`, params: [this.name, id, row.t], after, count: 1 };
        }
        const { grp } = this.rows.get(pick());
        const members = keys.filter((key) => this.rows.get(key).grp === grp);
        if (kind === 4) {
            members.forEach((key) => { after.get(key).n += 10; });
            return { sql: `UPDATE ${this.table} SET n = n + 10 WHERE writer = $1 AND grp = $2`, params: [this.name, grp], after, count: members.length };
        }
        if (kind === 5) {
            members.forEach((key) => after.delete(key));
            return { sql: `DELETE FROM ${this.table} WHERE writer = $1 AND grp = $2`, params: [this.name, grp], after, count: members.length };
        }
        const id = pick();
        after.delete(id);
        return { sql: `DELETE FROM ${this.table} WHERE writer = $1 AND id = $2`, params: [this.name, id], after, count: 1 };
    }

    settle(statement) {
        this.rows = statement.after;
    }

    // Rows found; the model becomes what is there.
    async verify(client) {
        const found = await client.objects(`SELECT id, grp, n, t, _seq FROM ${this.table} WHERE writer = $1`, [this.name]);
        const there = new Map(found.map((row) => [row.id, row]));
        assert.strictEqual(there.size, found.length, `${this.name}: a row twice`);
        const text = asText(there);
        const states = [this.rows, ...(this.pending === null ? [] : [this.pending.after])];
        const match = states.find((rows) => asText(rows) === text);
        if (match === undefined) {
            assert.strictEqual(text, asText(this.rows), `${this.name}; unanswered: ${JSON.stringify(this.pending?.sql)}`);
        }
        this.rows = match;
        const maxSeq = found.reduce((max, row) => (BigInt(row._seq) > max ? BigInt(row._seq) : max), 0n);
        this.maxSeq = maxSeq > this.maxSeq ? maxSeq : this.maxSeq;
        return found.length;
    }
}

// Appends lines to a table without a key.
class LogWriter {
    constructor(name, table, user) {
        Object.assign(this, { name, table, user, lines: [], next: 1, pending: null });
    }

    choose() {
        const line = this.next++;
        return { sql: `INSERT INTO ${this.table} (writer, line) VALUES ($1, $2), ($1, $3)`, params: [this.name, line, -line], line, count: 2 };
    }

    settle(statement) {
        this.lines.push(statement.line, -statement.line);
    }

    async verify(client) {
        const found = (await client.rows(`SELECT line FROM ${this.table} WHERE writer = $1 ORDER BY _seq`, [this.name])).flat();
        if (this.pending !== null && found.includes(this.pending.line)) {
            this.settle(this.pending);
        }
        assert.deepStrictEqual(found, this.lines, this.name);
        return found.length;
    }
}

// Adds to a counter that all counters share.
class Counter {
    static total = 0; // acknowledged
    static open = 0;  // may or may not have happened

    constructor(name, table, user) {
        Object.assign(this, { name, table, user, pending: null });
    }

    choose() {
        return { sql: `UPDATE ${this.table} SET n = n + 1 WHERE id = 1`, params: [], count: 1 };
    }

    settle() {
        Counter.total += 1;
    }

    async verify() {
        Counter.open += this.pending === null ? 0 : 1;
        return 0;
    }

    // After all counters have told what they do not know: checks, and what is there is what counts from now on.
    static async adopt(client, table) {
        const n = await client.value(`SELECT n FROM ${table} WHERE id = 1`);
        assert.ok(n >= Counter.total && n <= Counter.total + Counter.open, `counter ${n}, acknowledged ${Counter.total}, unanswered ${Counter.open}`);
        Counter.total = n;
        Counter.open = 0;
    }
}

// Creates tables, fills them and drops them.
class TableMaker {
    constructor(name, user, random) {
        Object.assign(this, { name, user, random, tables: new Set(), next: 1, pending: null });
    }

    choose() {
        if (this.tables.size > 5 || (this.tables.size > 0 && this.random(3) === 0)) {
            const table = [...this.tables][this.random(this.tables.size)];
            return { sql: `DROP TABLE app.${table}`, params: [], drop: table };
        }
        const table = `made_${this.next++}`;
        return { sql: `CREATE SHARED TABLE app.${table} (id INT PRIMARY KEY, t TEXT DEFAULT 'made')`, params: [], create: table };
    }

    settle({ create, drop }) {
        if (create !== undefined) {
            this.tables.add(create);
        } else {
            this.tables.delete(drop);
        }
    }

    async verify(client) {
        const found = new Set((await client.rows("SELECT table_name FROM system.tables WHERE namespace_id = 'app' AND table_name LIKE 'made%'")).flat());
        if (this.pending !== null && found.has(this.pending.create)) {
            this.settle(this.pending);
        }
        if (this.pending?.drop !== undefined && !found.has(this.pending.drop)) {
            this.settle(this.pending);
        }
        assert.deepStrictEqual([...found].sort(), [...this.tables].sort());
        for (const table of found) {
            assert.deepStrictEqual(await client.rows(`SELECT * FROM app.${table}`), []);
        }
        return found.size;
    }
}

async function run(durability, kills) {
    const random = makeRandom(SEED);
    const server = new Server({ options: { 'storage.durability': durability } });
    await server.start();
    const tokens = {};
    let verified = 0;
    let acknowledged = 0;
    let lost = 0;
    let duringStart = 0;
    try {
        await server.setUp();
        const columns = 'writer TEXT, id INT, grp INT, n INT, t TEXT, PRIMARY KEY (writer, id)';
        await server.root.results(`CREATE NAMESPACE app; CREATE SHARED TABLE app.shared (${columns}); CREATE USER TABLE app.own (${columns});
            CREATE SHARED TABLE app.log (writer TEXT, line INT); CREATE USER TABLE app.own_log (writer TEXT, line INT);
            CREATE STREAM TABLE app.events (writer TEXT, line INT) WITH (TTL_SECONDS = 86400);
            CREATE SHARED TABLE app.counter (id INT PRIMARY KEY, n INT NOT NULL); INSERT INTO app.counter VALUES (1, 0)`);
        tokens.root = server.root.token;
        for (const name of ['alice', 'bob']) {
            tokens[name] = (await server.createUser(name)).token;
        }
        Counter.total = 0;
        Counter.open = 0;
        const writers = [
            new RowWriter('s1', 'app.shared', 'root', random), new RowWriter('s2', 'app.shared', 'root', random), new RowWriter('s3', 'app.shared', 'root', random),
            new RowWriter('u', 'app.own', 'alice', random), new RowWriter('u', 'app.own', 'bob', random), new RowWriter('u2', 'app.own', 'bob', random),
            new LogWriter('l1', 'app.log', 'root'), new LogWriter('l2', 'app.own_log', 'alice'), new LogWriter('e', 'app.events', 'alice'), new LogWriter('e', 'app.events', 'bob'),
            new Counter('c1', 'app.counter', 'root'), new Counter('c2', 'app.counter', 'root'), new Counter('c3', 'app.counter', 'root'),
            new TableMaker('t', 'root', random),
        ];
        const clientOf = (user) => server.client(tokens[user], user);

        for (let kill = 1; kill <= kills; kill++) {
            // Write until so many are acknowledged that it is time to die.
            let left = 20 + random(180);
            const killed = new Promise((resolve) => { server.onTime = resolve; });
            const work = writers.map(async (writer) => {
                const client = clientOf(writer.user);
                writer.pending = null;
                for (;;) {
                    const statement = writer.choose();
                    writer.pending = statement;
                    const answer = await client.sqlRaw(statement.sql, statement.params).catch(() => null);
                    if (answer === null) {
                        lost += 1;
                        return;
                    }
                    assert.strictEqual(answer.status, 200, `${writer.name}: ${statement.sql}: ${answer.text}`);
                    if (statement.count !== undefined) {
                        assert.strictEqual(answer.json.results[0].row_count, statement.count, `${writer.name}: ${statement.sql}`);
                    }
                    writer.settle(statement);
                    writer.pending = null;
                    acknowledged += 1;
                    left -= 1;
                    if (left === 0) {
                        server.onTime();
                    }
                }
            });
            const failed = Promise.all(work);
            await Promise.race([killed, failed]);
            server.signal('SIGKILL');
            await server.exited;
            await failed;

            // Now and then it dies while it recovers, too.
            while (random(8) === 0) {
                const starting = server.start().catch(() => {});
                setTimeout(() => server.signal('SIGKILL'), random(80));
                await starting;
                await server.exited;
                duringStart += 1;
            }
            server.clients.forEach((client) => client.close());
            server.clients.clear();
            await server.start();
            for (const writer of writers) {
                verified += await writer.verify(clientOf(writer.user));
            }
            await Counter.adopt(clientOf('root'), 'app.counter');
        }
        await server.halt();
        await server.start();
        for (const writer of writers) {
            writer.pending = null;
            verified += await writer.verify(clientOf(writer.user));
        }
        await Counter.adopt(clientOf('root'), 'app.counter');
    } finally {
        await server.stop();
    }
    console.log(`# ${durability}: ${kills} kills while writing, ${duringStart} more during start; ${acknowledged} statements acknowledged, ${lost} unanswered; ${verified} rows verified (seed ${SEED})`);
}

test(`durable: nothing acknowledged is lost in ${KILLS} kills`, () => run('sync', KILLS));
test('async: a killed process loses nothing either', () => run('async', Math.ceil(KILLS / 6)));
