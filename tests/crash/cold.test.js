// cold.test.js - rows move to Parquet files and the server dies at each of its failpoints: after the next start every acknowledged row
// is there exactly once, what was deleted stays deleted, and no file lies in a storage that nobody names.
//
// Writers keep models of their rows, as in crash.test.js, and go on while rows move. KALAMDB_COLD_POINTS chooses some only, as a
// regular expression ("FLUSH, cold" of "FLUSH, cold.named"), KALAMDB_COLD_KILLS sets the kills of the soak, KALAMDB_SEED repeats a run's choices (the timing
// differs). A release build has no failpoints: there only the soak runs.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { SEED } = require('../lib/seed.js');
const { Server, preset, slowness, top, within } = require('../lib/server.js');

const KILLS = Number(process.env.KALAMDB_COLD_KILLS ?? 8);
const STRIKE_MS = 60000 * slowness;

function readFailpoints() {
    const table = fs.readFileSync(path.join(top, 'modules/commons/src/failpoint.c'), 'utf8');
    const names = [...table.matchAll(/^ *\[KDB_FAILPOINT_\w+\] = "([a-z.]+)"/gm)].map((found) => found[1]);
    assert.ok(names.length > 10, 'the table of failpoints is not where it was');
    return names;
}

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

const asText = (rows) => JSON.stringify([...rows].sort(([a], [b]) => a - b).map(([id, row]) => [id, row.v, row.t]));

// Writes rows whose ids begin at `base`, of a table that others write too.
class Writer {
    constructor(user, table, base, random) {
        Object.assign(this, { user, table, base, random, rows: new Map(), deleted: new Set(), next: base, pending: null });
    }

    get range() {
        return `id >= ${this.base} AND id < ${this.base + 1000000}`;
    }

    // A statement and the rows after it.
    choose(kind = this.random(8)) {
        const { random, table } = this;
        const ids = [...this.rows.keys()];
        const after = new Map(this.rows);
        const text = `${this.base} ${random(1e9)}`;
        const id = ids[random(Math.max(ids.length, 1))];
        if (kind < 3 || ids.length === 0) {
            const values = [];
            for (let i = 1 + random(5); i > 0; i--) {
                after.set(this.next, { v: i, t: text });
                values.push(`(${this.next++}, ${i}, '${text}')`);
            }
            return { sql: `INSERT INTO ${table} (id, v, t) VALUES ${values}`, after };
        }
        if (kind === 3) {
            after.set(id, { v: 7, t: text });
            return { sql: `INSERT INTO ${table} (id, v, t) VALUES (${id}, 7, '${text}') ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v, t = EXCLUDED.t`, after };
        }
        if (kind === 4) {
            after.set(id, { v: this.rows.get(id).v + 1, t: text });
            return { sql: `UPDATE ${table} SET v = v + 1, t = '${text}' WHERE id = ${id}`, after };
        }
        if (kind === 5) {
            ids.filter((each) => each % 7 === id % 7).forEach((each) => after.set(each, { ...after.get(each), v: after.get(each).v + 10 }));
            return { sql: `UPDATE ${table} SET v = v + 10 WHERE ${this.range} AND id % 7 = ${id % 7}`, after };
        }
        if (kind === 6 || ids.length < 50) {
            after.delete(id);
            return { sql: `DELETE FROM ${table} WHERE id = ${id}`, after };
        }
        ids.filter((each) => each % 11 === id % 11).forEach((each) => after.delete(each));
        return { sql: `DELETE FROM ${table} WHERE ${this.range} AND id % 11 = ${id % 11}`, after };
    }

    // Ids above that a deleted row had are made again only by INSERT: `deleted` is what must not be found.
    settle({ after }) {
        this.rows.forEach((row, id) => !after.has(id) && this.deleted.add(id));
        after.forEach((row, id) => this.deleted.delete(id));
        this.rows = after;
    }

    // False when the answer was lost: then the statement may or may not have happened.
    async write(client, statement = this.choose()) {
        this.pending = statement;
        const answer = await client.sqlRaw(statement.sql).catch(() => null);
        if (answer === null) {
            return false;
        }
        assert.strictEqual(answer.status, 200, `${statement.sql}: ${answer.text}`);
        this.settle(statement);
        this.pending = null;
        return true;
    }

    // Many rows at once, so that a file has several chunks.
    async fill(client, count) {
        const after = new Map(this.rows);
        const values = [];
        for (; count > 0; count--) {
            after.set(this.next, { v: 1, t: `many ${this.next}` });
            values.push(`(${this.next}, 1, 'many ${this.next}')`);
            this.next++;
        }
        assert.ok(await this.write(client, { sql: `INSERT INTO ${this.table} (id, v, t) VALUES ${values}`, after }));
    }

    // The rows by several ways; the model becomes what is there.
    async verify(client) {
        const name = `${this.user}, ${this.table}, from ${this.base}`;
        const found = await client.rows(`SELECT id, v, t FROM ${this.table} WHERE ${this.range} ORDER BY id`);
        const there = new Map(found.map(([id, v, t]) => [id, { v, t }]));
        assert.strictEqual(there.size, found.length, `${name}: a row twice`);
        if (this.pending !== null && asText(there) === asText(this.pending.after)) {
            this.settle(this.pending);
        }
        assert.strictEqual(asText(there), asText(this.rows), `${name}; unanswered: ${this.pending?.sql}`);
        this.pending = null;
        const sum = [...this.rows.values()].reduce((total, row) => total + row.v, 0);
        const [counted] = await client.rows(`SELECT count(*), count(DISTINCT id), coalesce(sum(v), 0) FROM (SELECT * FROM ${this.table}) AS q WHERE ${this.range}`);
        assert.deepStrictEqual(counted.map(Number), [this.rows.size, this.rows.size, sum], `${name}: counted`);
        const again = await client.rows(`SELECT id, v, t FROM ${this.table} WHERE ${this.range} ORDER BY v + 0, id DESC`);
        assert.strictEqual(asText(new Map(again.map(([id, v, t]) => [id, { v, t }]))), asText(this.rows), `${name}: in another order`);
        const bySeq = await client.rows(`SELECT _seq, id FROM ${this.table} WHERE ${this.range} ORDER BY _seq`);
        assert.strictEqual(new Set(bySeq.map(([, id]) => id)).size, this.rows.size, `${name}: by _seq`);
        await this.verifyKeys(client, name);
        return found.length;
    }

    async verifyKeys(client, name) {
        const some = (them) => [...them].filter(() => this.random(them.size) < 10);
        for (const [id, row] of some(this.rows)) {
            assert.deepStrictEqual(await client.rows(`SELECT v, t FROM ${this.table} WHERE id = ${id}`), [[row.v, row.t]], `${name}: id ${id}`);
        }
        for (const id of some(this.deleted)) {
            assert.deepStrictEqual(await client.rows(`SELECT v FROM ${this.table} WHERE id = ${id}`), [], `${name}: deleted id ${id}`);
        }
    }
}

// ---- files ----

function listFiles(directory) {
    return fs.readdirSync(directory, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
        .map((entry) => path.relative(directory, path.join(entry.parentPath ?? entry.path, entry.name))).sort();
}

// Right after a start: nothing waits for a reader then. Every file is a segment's or a manifest of the day.
async function verifyFiles(server, root) {
    const storage = path.join(server.dataPath, 'storage');
    const files = fs.existsSync(storage) ? listFiles(storage) : [];
    const rows = await root.objects("SELECT namespace_id, table_name, scope, manifest_json FROM system.manifest");
    const named = [];
    for (const row of rows) {
        const directory = row.scope === 'shared' ? `${row.namespace_id}/${row.table_name}` : `${row.namespace_id}/${row.table_name}/${row.scope}`;
        const manifest = typeof row.manifest_json === 'string' ? JSON.parse(row.manifest_json) : row.manifest_json;
        const names = manifest.segments.map((segment) => path.basename(segment.path));
        named.push(...names.map((name) => `${directory}/${name}`));
        const beside = path.join(storage, directory, 'manifest.json');
        if (fs.existsSync(beside)) {
            const told = JSON.parse(fs.readFileSync(beside, 'utf8')).segments.map((segment) => path.basename(segment.path));
            assert.deepStrictEqual(told.sort(), names.sort(), `${directory}/manifest.json`);
        }
    }
    assert.deepStrictEqual(files.filter((file) => path.basename(file) !== 'manifest.json'), named.sort(), 'files and segments');
    const directories = new Set(named.map((file) => path.dirname(file)));
    assert.deepStrictEqual(files.filter((file) => path.basename(file) === 'manifest.json' && !directories.has(path.dirname(file))), [], 'a manifest.json without segments');
    return named.length;
}

// ---- a server that moves rows ----

const TABLES = ['app.own', 'app.shared'];

class House {
    constructor(options, policy) {
        this.random = makeRandom(SEED);
        this.server = new Server({ options: { 'flush.check_interval_seconds': 86400, 'flush.default_row_limit': 0, ...options } });
        this.policy = policy;
        this.tokens = {};
        this.gone = 1; // the table that is dropped next
    }

    async open() {
        await this.server.start();
        await this.server.setUp();
        const columns = 'id INT PRIMARY KEY, v INT, t TEXT';
        await this.server.root.results(`CREATE NAMESPACE app; CREATE USER TABLE app.own (${columns}) ${this.policy}; CREATE SHARED TABLE app.shared (${columns}) ${this.policy}`);
        this.tokens.root = this.server.root.token;
        for (const name of ['alice', 'bob', 'carl']) {
            this.tokens[name] = (await this.server.createUser(name)).token;
        }
        this.writers = [['root', 'app.shared', 0], ['root', 'app.shared', 1000000], ['alice', 'app.own', 0], ['alice', 'app.own', 1000000], ['bob', 'app.own', 0], ['carl', 'app.own', 0]]
            .map(([user, table, base], i) => new Writer(user, table, base, makeRandom(SEED + 1 + i)));
    }

    client(user) {
        return this.server.client(this.tokens[user], user);
    }

    get root() {
        return this.client('root');
    }

    async restart(env = {}) {
        this.server.clients.forEach((client) => client.close());
        this.server.clients.clear();
        if (this.server.alive) {
            await this.server.kill();
        }
        this.server.env = env;
        await this.server.start();
    }

    // So many statements of each writer, or until the server dies.
    async write(count) {
        await Promise.all(this.writers.map(async (writer) => {
            const client = this.client(writer.user);
            for (let i = 0; i < count && await writer.write(client); i++);
        }));
    }

    // Runs a statement that starts a job, and waits for that to end; false when the server died.
    async work(sql) {
        const client = this.root;
        const answer = await client.sqlRaw(sql).catch(() => null);
        if (answer === null) {
            return false;
        }
        assert.strictEqual(answer.status, 200, `${sql}: ${answer.text}`);
        if (/skipped: no pending writes/.test(answer.text)) {
            return true;
        }
        const id = /Job ID: (\S+)/.exec(answer.json.results[0].message ?? answer.text)?.[1]?.replace(/["}].*$/, '');
        assert.ok(id !== undefined, answer.text);
        for (;;) {
            const rows = await client.objects('SELECT status, message FROM system.jobs WHERE job_id = $1', [id]).catch(() => null);
            if (rows === null) {
                return false;
            }
            if (['completed', 'skipped'].includes(rows[0].status)) {
                return true;
            }
            assert.ok(!['failed', 'cancelled'].includes(rows[0].status), JSON.stringify(rows[0]));
            await new Promise((resolve) => { setTimeout(resolve, 20); });
        }
    }

    async workAll(verb) {
        for (const table of TABLES) {
            assert.ok(await this.work(`STORAGE ${verb} TABLE ${table}`), 'the server died');
        }
    }

    async verify() {
        let rows = 0;
        for (const writer of this.writers) {
            rows += await writer.verify(this.client(writer.user));
        }
        const [[own], [shared]] = [await this.client('bob').rows('SELECT count(*) FROM app.own'), await this.root.rows('SELECT count(*) FROM app.shared')];
        const size = (i) => this.writers[i].rows.size;
        assert.deepStrictEqual([Number(own[0]), Number(shared[0])], [size(4), size(0) + size(1)], 'rows of nobody');
        return rows;
    }
}

// What is done while a point is armed; which points it passes.
const ACTIONS = {
    FLUSH: {
        passes: (point) => /^(files|cold|object\.written)/.test(point),
        run: (house) => house.work('STORAGE FLUSH TABLE app.own').then((alive) => alive && house.work('STORAGE FLUSH TABLE app.shared')),
    },
    COMPACT: {
        passes: (point) => /^(files|cold|object|sweep)/.test(point),
        run: (house) => house.work('STORAGE COMPACT TABLE app.own').then((alive) => alive && house.work('STORAGE COMPACT TABLE app.shared')),
    },
    REBUILD: {
        passes: (point) => /^(cold\.(closed|committed|exported)|object\.written)/.test(point),
        run: (house) => house.work('STORAGE REBUILD MANIFEST TABLE app.own').then((alive) => alive && house.work('STORAGE REBUILD MANIFEST TABLE app.shared')),
    },
    DROP: {
        prepare: async (house) => {
            house.goneTable = `app.gone_${house.gone++}`;
            await house.root.results(`CREATE SHARED TABLE ${house.goneTable} (id INT PRIMARY KEY, t TEXT); INSERT INTO ${house.goneTable} VALUES (1, 'one'), (2, 'two')`);
            assert.ok(await house.work(`STORAGE FLUSH TABLE ${house.goneTable}`));
        },
        passes: (point) => /^(object\.removed|sweep)/.test(point),
        // Its files go with the next sweep, which every flush ends with.
        run: async (house) => {
            let alive = await house.root.sqlRaw(`DROP TABLE ${house.goneTable}`).catch(() => null) !== null;
            while (alive) {
                alive = await house.work('STORAGE FLUSH TABLE app.own');
            }
            return alive;
        },
    },
};

async function strike(house, name, action, nth) {
    const { server } = house;
    await house.write(6);
    await house.workAll('FLUSH'); // so that there is something to put together
    await house.write(6);
    await action.prepare?.(house);
    await house.restart({ KALAMDB_FAILPOINT: `${name}:${nth}` });
    if (name === 'cold.writing') {
        await house.writers[0].fill(house.root, 3000); // more than a chunk
    }
    const died = server.exited.then(({ signal }) => assert.strictEqual(signal, 'SIGKILL', server.output));
    const writing = house.write(1000000);
    const survived = await within(STRIKE_MS, `${name}:${nth}`, action.run(house));
    server.asked = true;
    if (survived) {
        server.signal('SIGKILL'); // the writers stop
    }
    await Promise.all([died, writing]);
    assert.ok(!survived, `${name}:${nth} was not passed`);
}

const points = preset === 'release' ? [] : readFailpoints();
const asked = new RegExp(process.env.KALAMDB_COLD_POINTS ?? '');

test('every failpoint: nothing is lost, doubled or left behind', { skip: points.length === 0 }, async (t) => {
    console.log(`# KALAMDB_SEED=${SEED}`);
    const house = new House({}, '');
    try {
        await house.open();
        await house.writers[0].fill(house.root, 3000);
        for (const [verb, action] of Object.entries(ACTIONS)) {
            for (const name of points.filter((point) => action.passes(point) && asked.test(`${verb}, ${point}`))) {
                await t.test(`${verb}, ${name}`, async () => {
                    await strike(house, name, action, 1);
                    await house.restart();
                    await verifyFiles(house.server, house.root);
                    await house.verify();
                    await house.workAll('FLUSH');
                    await house.verify();
                });
            }
        }
        if (asked.test('recover.removed')) {
            await t.test('a start that dies while it clears up', async () => {
                await strike(house, 'cold.published', ACTIONS.FLUSH, 1);
                house.server.clients.clear();
                house.server.env = { KALAMDB_FAILPOINT: 'recover.removed' };
                await assert.rejects(house.server.start(), ({ signal }) => signal === 'SIGKILL');
                await house.restart();
                await verifyFiles(house.server, house.root);
                await house.verify();
            });
        }
    } finally {
        await house.server.stop();
    }
});

// Whether a step that fails keeps the job from its end: what comes after the commit does not.
const isTold = (point) => !/^(cold\.(committed|exported)|object\.written)$/.test(point);

test('a flush one of whose steps fails tells which, and is made by the next try', { skip: points.length === 0 }, async (t) => {
    const house = new House({ 'jobs.retry_backoff_ms': 10 }, '');
    try {
        await house.open();
        await house.writers[0].fill(house.root, 3000);
        for (const name of points.filter((point) => ACTIONS.FLUSH.passes(point) && asked.test(`ERROR, ${point}`))) {
            await t.test(name, async () => {
                await house.write(5);
                await house.restart({ KALAMDB_FAILPOINT: `${name}=error` });
                await house.writers[0].fill(house.root, 3000); // more than a chunk
                assert.ok(await house.work('STORAGE FLUSH TABLE app.shared'));
                const [[trace]] = await house.root.rows("SELECT exception_trace FROM system.jobs WHERE job_type = 'flush' ORDER BY created_at DESC LIMIT 1");
                assert.strictEqual(trace?.includes(`failpoint ${name}`) ?? false, isTold(name), `${trace}`);
                await house.verify();
                await house.restart();
                await verifyFiles(house.server, house.root);
                await house.verify();
            });
        }
    } finally {
        await house.server.stop();
    }
});

test(`rows move by themselves, through ${KILLS} kills`, { skip: KILLS === 0 }, async () => {
    const house = new House({ 'flush.check_interval_seconds': 1 }, "WITH (FLUSH_POLICY = 'rows:50')");
    const { server, random } = house;
    let rows = 0;
    let files = 0;
    try {
        await house.open();
        for (let kill = 1; kill <= KILLS; kill++) {
            const writing = house.write(1000000);
            setTimeout(() => server.signal('SIGKILL'), 500 + random(2500)); // the moment is what is random here
            await Promise.all([server.exited, writing]);
            await house.restart();
            files = await verifyFiles(server, house.root);
            rows += await house.verify();
        }
        assert.ok(files > 0, 'no row has moved');
    } finally {
        await server.stop();
    }
    console.log(`# ${KILLS} kills, ${rows} rows verified, ${files} files in the end (seed ${SEED})`);
});
