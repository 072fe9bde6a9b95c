// transactions.test.js - what docs/transactions.md promises, under load: many requests at once move money between accounts,
// count up and race for keys, while readers add up and the server is killed. Turns that must come in one order are in
// modules/core/test/transactions_test.c; here chance chooses, and sums and counts tell.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { Server, useServer } = require('../lib/server.js');

const ACCOUNTS = 8;
const START = 1000;
const AT_ONCE = 12;
const TRANSFERS = 40; // per client
const KILLS = 4;

const server = useServer(test);
const chance = (below) => Math.floor(Math.random() * below);

// Account balances, and one row per transfer that says what it did.
const TABLES = `CREATE NAMESPACE bank;
    CREATE SHARED TABLE bank.accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL);
    CREATE SHARED TABLE bank.moves (id TEXT PRIMARY KEY, source INT NOT NULL, target INT NOT NULL, amount BIGINT NOT NULL);
    CREATE USER TABLE bank.mine (id TEXT PRIMARY KEY);
    INSERT INTO bank.accounts VALUES ${Array.from({ length: ACCOUNTS }, (_, i) => `(${i}, ${START})`).join()}`;

function transferSql(id) {
    const source = chance(ACCOUNTS);
    const target = (source + 1 + chance(ACCOUNTS - 1)) % ACCOUNTS;
    const amount = 1 + chance(50);
    return `BEGIN;
        UPDATE bank.accounts SET balance = balance - ${amount} WHERE id = ${source};
        INSERT INTO bank.moves VALUES ('${id}', ${source}, ${target}, ${amount});
        UPDATE bank.accounts SET balance = balance + ${amount} WHERE id = ${target};
        INSERT INTO bank.mine VALUES ('${id}');
        COMMIT`;
}

// Runs until it is not beaten to a row; how often it was.
async function retried(client, sql) {
    for (let beaten = 0; ; beaten++) {
        const answer = await client.sqlRaw(sql);
        if (answer.status === 200) {
            return beaten;
        }
        assert.match(answer.json.error.message, /^Statement \d+ failed: Conflict: failed to commit transaction '[-0-9a-f]{36}': a row was changed in table 'bank\.\w+' since it began$/);
        assert.strictEqual(answer.json.error.code, 'SQL_EXECUTION_ERROR');
    }
}

// Balances are what the moves make of them, and nothing was made or lost.
async function assertBooks(client) {
    const wrong = await client.rows(`SELECT a.id, a.balance, m.sum FROM bank.accounts a JOIN (
            SELECT a.id, ${START} + coalesce(sum(CASE WHEN m.target = a.id THEN m.amount WHEN m.source = a.id THEN -m.amount END), 0) AS sum
            FROM bank.accounts a LEFT JOIN bank.moves m ON a.id IN (m.source, m.target) GROUP BY a.id) m ON a.id = m.id
        WHERE a.balance <> m.sum`);
    assert.deepStrictEqual(wrong, []);
    assert.deepStrictEqual(await client.rows('SELECT sum(balance), count(*) FROM bank.accounts'), [[String(ACCOUNTS * START), String(ACCOUNTS)]]);
}

test.before(async () => {
    await server.ready;
    await server.root.results(TABLES);
});

test('the messages, and one result per statement but for the counts', async () => {
    const results = await server.root.results("BEGIN; INSERT INTO bank.mine VALUES ('x'); SELECT id FROM bank.mine; COMMIT; DELETE FROM bank.mine WHERE id = 'x'");
    const [, id] = /^Transaction started \(([-0-9a-f]{36})\)$/.exec(results[0].message);
    assert.strictEqual(id[14], '7');
    assert.deepStrictEqual(results.map((result) => result.message ?? result.rows), [results[0].message, [['x']], `Transaction committed (${id})`, 'Inserted 1 row(s)', 'Deleted 1 row(s)']);
});

test('an open transaction fails the request for everybody in the same words', async () => {
    const user = await server.createUser('forgetful');
    for (const client of [server.root, user]) {
        const error = await client.fails("BEGIN; INSERT INTO bank.mine VALUES ('y')");
        assert.deepStrictEqual([error.status, error.code, error.text], [400, 'SQL_EXECUTION_ERROR', 'Request completed with an open explicit transaction; rolled back automatically']);
        assert.deepStrictEqual(await client.rows('SELECT * FROM bank.mine'), []);
    }
});

test('transfers at once neither make nor lose money, in any snapshot', async () => {
    let busy = true;
    let sums = 0;
    const reader = async (sql, check) => {
        while (busy) {
            check(await server.root.results(sql));
            sums += 1;
        }
    };
    const total = [[String(ACCOUNTS * START)]];
    const readers = [
        reader('SELECT sum(balance) FROM bank.accounts', ([result]) => assert.deepStrictEqual(result.rows, total)),
        // Within a transaction reads repeat and agree, whatever is committed meanwhile.
        reader('BEGIN; SELECT id, balance FROM bank.accounts; SELECT sum(balance) FROM bank.accounts; SELECT count(*) FROM bank.moves; SELECT id, balance FROM bank.accounts; SELECT count(*) FROM bank.moves; COMMIT',
            ([, before, sum, count, after, again]) => {
                assert.deepStrictEqual(sum.rows, total);
                assert.deepStrictEqual(after.rows, before.rows);
                assert.deepStrictEqual(again.rows, count.rows);
            }),
    ];
    let beaten = 0;
    await Promise.all(Array.from({ length: AT_ONCE }, async (_, client) => {
        for (let i = 0; i < TRANSFERS; i++) {
            beaten += await retried(server.root, transferSql(`${client}-${i}`));
        }
    }));
    busy = false;
    await Promise.all(readers);
    assert.ok(beaten > 0 && sums > 0, 'nobody met anybody');
    await assertBooks(server.root);
    assert.strictEqual(await server.root.value('SELECT count(*) FROM bank.moves'), String(AT_ONCE * TRANSFERS));
    assert.strictEqual(await server.root.value('SELECT count(*) FROM bank.mine'), String(AT_ONCE * TRANSFERS));
});

test('increments that are retried are never lost', async () => {
    await server.root.sql('CREATE SHARED TABLE bank.counter (id INT PRIMARY KEY, n INT NOT NULL)');
    await server.root.sql('INSERT INTO bank.counter VALUES (1, 0)');
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (let i = 0; i < 20; i++) {
            await retried(server.root, 'BEGIN; SELECT n FROM bank.counter WHERE id = 1; UPDATE bank.counter SET n = n + 1 WHERE id = 1; COMMIT');
        }
    }));
    assert.strictEqual(await server.root.value('SELECT n FROM bank.counter WHERE id = 1'), AT_ONCE * 20);
});

test('of many that insert one key, one commits', async () => {
    await server.root.sql('CREATE SHARED TABLE bank.keys (id INT PRIMARY KEY, owner INT)');
    for (let key = 0; key < 20; key++) {
        const answers = await Promise.all(Array.from({ length: AT_ONCE }, (_, owner) => server.root.sqlRaw(`BEGIN; INSERT INTO bank.keys VALUES (${key}, ${owner}); COMMIT`)));
        const winners = answers.flatMap((answer, owner) => (answer.status === 200 ? [owner] : []));
        assert.strictEqual(winners.length, 1);
        assert.deepStrictEqual(await server.root.rows(`SELECT owner FROM bank.keys WHERE id = ${key}`), [winners]);
        for (const answer of answers.filter(({ status }) => status !== 200)) {
            assert.match(answer.json.error.message, /Conflict: failed to commit|Primary key violation: value '\d+' already exists/);
        }
    }
});

test('no transaction outlives its request', async () => {
    assert.deepStrictEqual(await server.root.rows('SELECT * FROM system.transactions'), []);
});

test('after kill -9 every acknowledged transfer is there, and no half of any', async () => {
    const own = new Server();
    await own.start();
    try {
        await own.setUp();
        await own.root.results(TABLES);
        const acknowledged = new Set();
        for (let kill = 0; kill < KILLS; kill++) {
            let left = 60;
            await Promise.all(Array.from({ length: AT_ONCE }, async (_, client) => {
                for (let i = 0; own.alive; i++) {
                    const id = `${kill}-${client}-${i}`;
                    const answer = await own.root.sqlRaw(transferSql(id)).catch(() => null);
                    if (answer === null) {
                        return;
                    }
                    if (answer.status === 200) {
                        acknowledged.add(id);
                        left -= 1;
                        if (left === 0) {
                            own.signal('SIGKILL');
                        }
                    }
                }
            }));
            await own.exited;
            const token = own.root.token;
            await own.start();
            own.root = own.client(token, 'root');
            await assertBooks(own.root);
            const there = new Set((await own.root.rows('SELECT id FROM bank.moves')).flat());
            assert.deepStrictEqual(new Set((await own.root.rows('SELECT id FROM bank.mine')).flat()), there);
            assert.deepStrictEqual([...acknowledged].filter((id) => !there.has(id)), []);
        }
    } finally {
        await own.stop();
    }
});
