// live_queries.test.js - what may be subscribed to and what it then tells, against a real server: orders and aggregates, ALTER, DROP
// and policies meanwhile, rights, many first rows while others write, users apart.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { useServer } = require('../lib/server.js');
const { connectOfficial, OfficialClient } = require('../lib/official_client.js');
const { insertNumbers } = require('../lib/rows.js');

const server = useServer(test, { options: { 'rate_limit.max_subscriptions_per_user': 0, 'rate_limit.max_messages_per_sec': 0 } });
let admin;
let alice;
let bob;

test.before(async () => {
    await server.ready;
    admin = server.admin;
    alice = await server.createUser('alice');
    bob = await server.createUser('bob');
    await admin.results(`CREATE NAMESPACE q; CREATE USER TABLE q.notes (id INT PRIMARY KEY, title TEXT);
        CREATE SHARED TABLE q.scores (id INT PRIMARY KEY, team TEXT, points INT) WITH (ACCESS_LEVEL = 'PUBLIC')`);
});

const values = (subscription, ...names) => [...subscription.rows.values()].map((row) => names.map((name) => row[name] ?? null)).sort();
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// The error that the subscription ends with.
async function ends(client, subscription) {
    const message = await client.socket.nextOf('error');
    assert.strictEqual(message.subscription_id, subscription.id);
    return message;
}

async function refusal(client, sql, options) {
    try {
        await client.subscribe(sql, options);
    } catch (error) {
        assert.ok(error.code !== undefined, error.message);
        return error;
    }
    return assert.fail(`accepted: ${sql}`);
}

test('the first rows of an order: who enters, moves and falls out', async () => {
    const client = await connectOfficial(server, alice);
    await admin.sql("INSERT INTO q.scores VALUES (1, 'red', 10), (2, 'red', 20), (3, 'blue', 30), (4, 'blue', 40), (5, NULL, NULL)");
    const sql = 'SELECT id, points FROM q.scores WHERE points IS NOT NULL ORDER BY points DESC, id LIMIT 2';
    const top = await client.subscribe(sql);
    const becomes = async (statement) => {
        await admin.sql(statement);
        const expected = (await admin.rows(sql)).sort();
        await client.until(top, () => same(values(top, 'id', 'points'), expected));
        return expected;
    };
    assert.deepStrictEqual(values(top, 'id', 'points'), [[3, 30], [4, 40]]);
    assert.deepStrictEqual(await becomes("INSERT INTO q.scores VALUES (6, 'red', 50)"), [[4, 40], [6, 50]]);
    assert.deepStrictEqual(await becomes('UPDATE q.scores SET points = 5 WHERE id = 6'), [[3, 30], [4, 40]]);
    assert.deepStrictEqual(await becomes('DELETE FROM q.scores WHERE id IN (3, 4)'), [[1, 10], [2, 20]]);
    assert.deepStrictEqual(await becomes('DELETE FROM q.scores WHERE points > 0'), []);
    const error = await refusal(client, sql, { from: '1' });
    assert.deepStrictEqual([error.code, /subscribe again without a cursor/.test(error.message)], ['RESYNC', true]);
    await client.socket.close();
});

test('aggregates by group follow their rows; one commit is one step', async () => {
    const client = await connectOfficial(server, alice);
    const sql = "SELECT team, count(*) AS n, sum(points) AS total, max(points) AS best FROM q.scores WHERE team IS NOT NULL GROUP BY team";
    await admin.sql("DELETE FROM q.scores WHERE id > 0");
    await admin.sql("INSERT INTO q.scores VALUES (1, 'red', 1), (2, 'blue', 2)");
    const teams = await client.subscribe(sql).then((subscription) => Object.assign(subscription, { key: 'team' }));
    teams.rows.clear();
    teams.events.forEach((event) => event.type === 'initial_data_batch' && OfficialClient.take(teams, event));
    const becomes = async (statement) => {
        await admin.results(statement);
        const expected = (await admin.rows(sql)).sort();
        await client.until(teams, () => same(values(teams, 'team', 'n', 'total', 'best'), expected));
    };
    await becomes("INSERT INTO q.scores SELECT 10 + i, 'red', i FROM generate_series(1, 50) AS s(i)");
    await becomes("UPDATE q.scores SET team = 'green' WHERE id BETWEEN 20 AND 30");
    await becomes('DELETE FROM q.scores WHERE id = 60');
    await becomes("DELETE FROM q.scores WHERE team = 'green'");
    assert.deepStrictEqual(values(teams, 'team'), [['blue'], ['red']]);
    const changes = teams.events.length;
    await admin.results("BEGIN; UPDATE q.scores SET points = 1 WHERE team = 'blue'; UPDATE q.scores SET points = 7 WHERE team = 'blue'; COMMIT");
    await client.until(teams, () => teams.rows.get('"blue"').total === '7' || teams.rows.get('"blue"').total === 7);
    assert.strictEqual(teams.events.length, changes + 1);
    assert.strictEqual((await refusal(client, sql, { from: '1' })).code, 'RESYNC');
    await client.socket.close();
});

test('what is no live query is refused, and says what one is', async () => {
    await admin.results('CREATE VIEW q.titles AS SELECT id, title FROM q.notes');
    const client = await connectOfficial(server, alice);
    for (const sql of [
        'SELECT * FROM q.titles',
        'SELECT * FROM (SELECT * FROM q.notes) q',
        'SELECT q.id FROM (SELECT id, title FROM q.notes WHERE id > 1) q WHERE q.id < 5',
        'SELECT count(*) FROM (SELECT id FROM q.notes) q',
        'SELECT team, n FROM (SELECT team, count(*) AS n FROM q.scores GROUP BY team) q',
        'WITH n AS (SELECT * FROM q.notes) SELECT * FROM n',
        'SELECT DISTINCT title FROM q.notes',
        'SELECT a.id FROM q.notes a JOIN q.scores b ON a.id = b.id',
        'SELECT id FROM q.notes UNION SELECT id FROM q.scores',
        'SELECT * FROM q.notes WHERE id IN (SELECT id FROM q.scores)',
        'SELECT * FROM q.notes ORDER BY id',
        'SELECT * FROM q.notes LIMIT 5',
        'SELECT team, count(*) FROM q.scores GROUP BY team HAVING count(*) > 1',
        'SELECT id, row_number() OVER () FROM q.notes',
    ]) {
        const error = await refusal(client, sql);
        assert.deepStrictEqual([error.code, /Live queries (read one table|have no order|need an ORDER BY)/.test(error.message)], ['INVALID_SQL', true], `${sql}: ${error.message}`);
    }
    for (const sql of [
        "EXECUTE AS USER 'bob' (SELECT * FROM q.notes)",
        'SELECT * FROM q.notes; SELECT * FROM q.notes',
        'BEGIN',
        'SELECT 1',
        'SELECT * FROM q.notes WHERE title = $1',
        "INSERT INTO q.notes VALUES (1, 'x') RETURNING *",
    ]) {
        const error = await refusal(client, sql);
        assert.strictEqual(error.code, 'INVALID_SQL', `${sql}: ${error.message}`);
    }
    const notes = await client.subscribe('SELECT * FROM q.notes'); // the connection is none the worse
    assert.strictEqual(notes.rows.size, 0);
    await client.socket.close();
});

test('nobody subscribes to the rows of another user', async () => {
    const client = await connectOfficial(server, server.root);
    const error = await refusal(client, "EXECUTE AS USER 'alice' (SELECT * FROM q.notes)");
    assert.strictEqual(error.code, 'INVALID_SQL');
    await client.socket.close();
});

test('a table altered, replaced and dropped under its subscribers', async () => {
    await admin.sql('CREATE USER TABLE q.shape (id INT PRIMARY KEY, a TEXT, b TEXT)');
    await alice.sql("INSERT INTO q.shape VALUES (1, 'a', 'b')");
    const client = await connectOfficial(server, alice);
    const narrow = await client.subscribe('SELECT id, a FROM q.shape');
    const counted = await client.subscribe('SELECT count(*) AS n FROM q.shape');
    const star = await client.subscribe('SELECT * FROM q.shape');
    await admin.sql('ALTER TABLE q.shape ADD COLUMN c INT DEFAULT 7');
    await alice.sql("INSERT INTO q.shape (id, a) VALUES (2, 'new')");
    const ended = new Map();
    while (ended.size < 2 || narrow.rows.size < 2) {
        const message = await client.pump();
        if (message.type === 'error') {
            ended.set(message.subscription_id, message.code);
        }
    }
    assert.deepStrictEqual([...ended].sort(), [[counted.id, 'RESYNC'], [star.id, 'RESYNC']].sort());
    assert.deepStrictEqual(values(narrow, 'id', 'a'), [[1, 'a'], [2, 'new']]);
    const all = await client.subscribe('SELECT * FROM q.shape');
    assert.deepStrictEqual(values(all, 'id', 'c'), await alice.rows('SELECT id, c FROM q.shape ORDER BY id'));
    client.unsubscribe(all);
    await admin.sql('ALTER TABLE q.shape DROP COLUMN a'); // what it shows is not there any more
    await alice.sql('INSERT INTO q.shape (id) VALUES (3)');
    assert.ok(['INVALID_SQL', 'RESYNC', 'NOT_FOUND'].includes((await ends(client, narrow)).code));
    const last = await client.subscribe('SELECT id FROM q.shape');
    await admin.sql('DROP TABLE q.shape');
    assert.strictEqual((await ends(client, last)).code, 'NOT_FOUND');
    await admin.sql('CREATE USER TABLE q.shape (id INT PRIMARY KEY)');
    const fresh = await client.subscribe('SELECT id FROM q.shape');
    await alice.sql('INSERT INTO q.shape VALUES (9)');
    await client.until(fresh, () => same(values(fresh, 'id'), [[9]]));
    await client.socket.close();
});

test('shared tables by access level, also when it changes', async () => {
    await admin.results(`CREATE SHARED TABLE q.closed (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'PRIVATE');
        CREATE SHARED TABLE q.opened (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'PUBLIC')`);
    const [mine, theirs] = [await connectOfficial(server, alice), await connectOfficial(server, admin)];
    assert.strictEqual((await refusal(mine, 'SELECT * FROM q.closed')).code, 'UNAUTHORIZED');
    assert.strictEqual((await refusal(mine, 'SELECT count(*) AS n FROM q.closed')).code, 'UNAUTHORIZED');
    const closed = await theirs.subscribe('SELECT * FROM q.closed');
    const opened = await mine.subscribe('SELECT * FROM q.opened');
    await admin.results('INSERT INTO q.closed VALUES (1); INSERT INTO q.opened VALUES (1)');
    await theirs.until(closed, () => closed.rows.size === 1);
    await mine.until(opened, () => opened.rows.size === 1);
    await admin.sql("ALTER TABLE q.opened SET ACCESS LEVEL PRIVATE");
    await admin.sql('INSERT INTO q.opened VALUES (2)');
    assert.strictEqual((await ends(mine, opened)).code, 'RESYNC');
    assert.strictEqual((await refusal(mine, 'SELECT * FROM q.opened')).code, 'UNAUTHORIZED');
    await Promise.all([mine.socket.close(), theirs.socket.close()]);
});

test('row policies: only admitted rows, from the first to the last; a change of policy ends what it had let through', async () => {
    await admin.results(`CREATE SHARED TABLE q.docs (id INT PRIMARY KEY, owner TEXT, body TEXT) WITH (ACCESS_LEVEL = 'PUBLIC');
        CREATE POLICY own ON q.docs TO user USING (owner = CURRENT_USER)`);
    await admin.sql("INSERT INTO q.docs VALUES (1, 'alice', 'MARK-alice'), (2, 'bob', 'MARK-bob')");
    const [mine, theirs] = [await connectOfficial(server, alice), await connectOfficial(server, bob)];
    const sql = 'SELECT * FROM q.docs';
    const [a, b] = [await mine.subscribe(sql), await theirs.subscribe(sql)];
    assert.deepStrictEqual([values(a, 'id'), values(b, 'id')], [[[1]], [[2]]]);
    await admin.sql("UPDATE q.docs SET owner = 'bob' WHERE id = 1"); // from alice to bob
    await admin.sql("INSERT INTO q.docs VALUES (3, 'bob', 'MARK-bob'), (4, 'alice', 'MARK-alice')");
    await mine.until(a, () => same(values(a, 'id'), [[4]]));
    await theirs.until(b, () => same(values(b, 'id'), [[1], [2], [3]]));
    const told = JSON.stringify(a.events, (key, value) => (typeof value === 'bigint' ? String(value) : value));
    assert.ok(!told.includes('MARK-bob') && !told.includes('"owner":"bob"'));
    await admin.sql('DROP POLICY own ON q.docs');
    assert.strictEqual((await ends(mine, a)).code, 'RESYNC');
    assert.strictEqual((await ends(theirs, b)).code, 'RESYNC');
    await Promise.all([mine.socket.close(), theirs.socket.close()]);
});

test('ten users ask the same and each hears of own rows only', async () => {
    const names = Array.from({ length: 10 }, (x, i) => `user${i}`);
    const users = await Promise.all(names.map((name) => server.createUser(name)));
    await Promise.all(users.map((user, i) => user.sql(`INSERT INTO q.notes VALUES (1, 'MARK-${names[i]}.')`)));
    const clients = await Promise.all(users.map((user) => connectOfficial(server, user)));
    const subscriptions = await Promise.all(clients.map((client) => client.subscribe("SELECT * FROM q.notes WHERE title LIKE 'MARK%'")));
    await Promise.all(users.map(async (user, i) => {
        for (let id = 2; id <= 20; id++) {
            await user.sql(`INSERT INTO q.notes VALUES (${id}, 'MARK-${names[i]}.')`);
        }
        await user.sql('DELETE FROM q.notes WHERE id < 5');
        await user.sql("INSERT INTO q.notes VALUES (100, 'MARK-last')");
    }));
    for (const [i, subscription] of subscriptions.entries()) {
        await clients[i].until(subscription, () => subscription.rows.has('100'));
        assert.strictEqual(subscription.rows.size, 17);
        const titles = new Set(subscription.events.flatMap((event) => [...(event.rows ?? []), ...(event.old_values ?? [])]).map((row) => row.title));
        assert.deepStrictEqual([...titles].sort(), [`MARK-${names[i]}.`, 'MARK-last'].sort());
        await clients[i].socket.close();
    }
});

test('20,000 first rows come in order while they change, and nothing is lost', async () => {
    const rows = 20000;
    await admin.sql("CREATE SHARED TABLE q.many (id BIGINT PRIMARY KEY, v BIGINT, pad TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')");
    await insertNumbers(admin, 'q.many', rows, "i, 0, 'some text to make the row as long as rows are'");
    const client = await connectOfficial(server, alice);
    let writing = true;
    let writes = 0;
    const writer = (async () => {
        for (; writing; writes++) {
            const id = (writes * 7919) % rows;
            await admin.sql([`UPDATE q.many SET v = v + 1 WHERE id >= ${id} AND id < ${id + 20}`, `DELETE FROM q.many WHERE id = ${id}`, `INSERT INTO q.many VALUES (${rows + writes}, 1, NULL)`][writes % 3]);
        }
    })();
    const many = await client.subscribe('SELECT id, v FROM q.many', { batch_size: 500 });
    writing = false;
    await writer;
    await admin.sql('INSERT INTO q.many VALUES (1000000, 1, NULL)');
    await client.until(many, () => many.rows.has('1000000') || many.rows.has('"1000000"'));
    const batches = many.events.filter((event) => event.type === 'initial_data_batch');
    const seqs = batches.flatMap((batch) => batch.rows.map((row) => BigInt(row._seq)));
    assert.ok(batches.length >= 30, `${batches.length} batches`);
    assert.ok(seqs.every((seq, i) => i === 0 || seq > seqs[i - 1]), 'in the order of _seq');
    assert.ok(writes > 0);
    const mine = [...many.rows.values()].map((row) => [String(row.id), String(row.v), row._seq]).sort();
    const there = (await admin.rows('SELECT id, v, _seq FROM q.many')).map((row) => row.map(String)).sort();
    assert.strictEqual(mine.length, there.length);
    assert.deepStrictEqual(mine, there);
    await client.socket.close();
});

test('a STREAM table: own events as they come, resumed after the last', async () => {
    await admin.sql('CREATE STREAM TABLE q.events (n INT) WITH (TTL_SECONDS = 3600)');
    await alice.sql('INSERT INTO q.events VALUES (1)');
    const client = await connectOfficial(server, alice);
    const sql = 'SELECT n FROM q.events WHERE n % 2 = 1';
    const events = Object.assign(await client.subscribe(sql), { key: '_seq' });
    await bob.sql('INSERT INTO q.events VALUES (99)');
    await alice.sql('INSERT INTO q.events VALUES (2), (3)');
    const change = await client.next();
    assert.deepStrictEqual([change.change_type, change.rows[0].n], ['insert', 3]);
    await client.socket.close();
    await alice.sql('INSERT INTO q.events VALUES (4), (5), (7)');
    const again = await connectOfficial(server, alice);
    const resumed = await again.subscribe(sql, { from: change.rows[0]._seq });
    assert.deepStrictEqual(resumed.events.flatMap((event) => (event.type === 'initial_data_batch' ? event.rows.map((row) => row.n) : [])), [5, 7]);
    assert.ok(events.checkpoint > 0n);
    await again.socket.close();
});
