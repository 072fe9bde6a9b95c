// restart.test.js - stopping and starting: what is there afterwards, who may open a data directory, what the exit code says.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { Server, startServer, newDataDir, PASSWORD } = require('../lib/server.js');

// A server that is set up, for the length of `use`.
async function withServer(use, settings) {
    const server = await startServer(settings);
    try {
        await server.setUp();
        await use(server);
    } finally {
        await server.stop();
    }
}

// Starting must fail: {code, output}.
async function failsToStart(settings) {
    const server = new Server(settings);
    const error = await server.start().then(() => null, (failure) => failure);
    if (error === null) {
        await server.stop();
        assert.fail('it started');
    }
    server.remove();
    return error;
}

async function state(client) {
    return {
        tables: await client.rows("SELECT namespace_id, table_name, table_type, version, options FROM system.tables ORDER BY 1, 2"),
        columns: await client.rows("SELECT * FROM system.columns ORDER BY namespace_id, table_name, ordinal"),
        namespaces: await client.rows('SELECT namespace_id, created_at, options FROM system.namespaces ORDER BY 1'),
        users: await client.rows('SELECT user_id, role, email, auth_type, password_hash, created_at, deleted_at FROM system.users ORDER BY 1'),
        storages: await client.rows('SELECT * FROM system.storages ORDER BY 1'),
        jobs: await client.rows('SELECT * FROM system.jobs ORDER BY 1'),
        rows: await client.rows('SELECT * FROM app.items'),
        tombstones: await client.rows('SELECT * FROM app.items WHERE _deleted = true ORDER BY id'),
        log: await client.rows('SELECT * FROM app.log'),
        view: await client.rows('SELECT s.*, l.n AS last FROM app.seen s, app.last l ORDER BY 1'),
        views: await client.rows('SELECT * FROM information_schema.views'),
        events: await client.rows('SELECT * FROM app.events ORDER BY _seq'),
    };
}

for (const kill of [false, true]) {
    test(`after ${kill ? 'kill -9' : 'a clean stop'} everything is as it was`, async () => {
        await withServer(async (server) => {
            await server.root.results(`CREATE NAMESPACE app; CREATE NAMESPACE empty;
                CREATE SHARED TABLE app.items (id INT PRIMARY KEY, t TEXT DEFAULT 'x', d DECIMAL(10,2), v EMBEDDING(2), b BYTES, at TIMESTAMP DEFAULT NOW()) WITH (FLUSH_POLICY = 'rows:100', ACCESS_LEVEL = 'PUBLIC');
                CREATE SHARED TABLE app.log (line TEXT);
                CREATE STREAM TABLE app.events (id TEXT) WITH (TTL_SECONDS = 3600);
                CREATE SHARED TABLE app.gone (id INT PRIMARY KEY);
                INSERT INTO app.items (id, d, v, b) VALUES (1, 1.5, '[1,2]', X'00ff'), (2, NULL, NULL, NULL), (3, -0.5, '[0,0]', 'abc');
                UPDATE app.items SET t = 'changed' WHERE id = 2;
                DELETE FROM app.items WHERE id = 3;
                INSERT INTO app.log VALUES ('one'), ('two');
                INSERT INTO app.events VALUES ('a'), ('b');
                CREATE VIEW app.seen (n, txt) AS SELECT id, t FROM items WHERE id < 3;
                CREATE VIEW app.last AS SELECT max(n) AS n FROM seen;
                DROP TABLE app.gone`);
            await server.root.sql("CREATE USER carol WITH PASSWORD 'a good password' ROLE service EMAIL 'c@example.com'");
            await server.root.sql("CREATE USER dave WITH PASSWORD 'a good password' ROLE user");
            await server.root.sql('DROP USER dave');
            const before = await state(server.root);
            const { token } = server.root;
            await server.restart({ kill });
            const root = server.client(token, 'root');
            assert.deepStrictEqual(await state(root), before, 'also for a token from before: the secret is kept');
            assert.strictEqual((await server.client().get('/v1/api/auth/status')).json.needs_setup, false);
            await server.signIn('carol', 'a good password');
            assert.match((await root.fails("INSERT INTO app.items (id) VALUES (1)")).text, /Primary key violation/);
            await root.sql("INSERT INTO app.items (id) VALUES (3)");
            const [[last]] = await root.rows('SELECT max(_seq) FROM app.items WHERE id <> 3');
            const [[now]] = await root.rows('SELECT _seq FROM app.items WHERE id = 3');
            assert.ok(BigInt(now) > BigInt(last), '_seq goes on rising');
            await root.sql("INSERT INTO app.log VALUES ('three')");
            assert.deepStrictEqual(await root.rows('SELECT line FROM app.log'), [['one'], ['two'], ['three']]);
            await root.sql('CREATE SHARED TABLE app.gone (id INT PRIMARY KEY)');
            assert.deepStrictEqual(await root.rows('SELECT * FROM app.gone'), [], 'a table id is not used twice');
        });
    });
}

test('many restarts in a row', async () => {
    await withServer(async (server) => {
        await server.root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.n (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), round INT)');
        for (let round = 0; round < 8; round++) {
            await server.root.sql(`INSERT INTO app.n (round) VALUES (${round}), (${round})`);
            await server.restart({ kill: round % 2 === 1 });
            server.root = await server.signIn('root');
            assert.strictEqual(await server.root.value('SELECT count(*) FROM app.n'), String(2 * (round + 1)));
        }
        const rounds = (await server.root.rows('SELECT round FROM app.n ORDER BY id')).flat();
        assert.deepStrictEqual(rounds, [...rounds].sort((a, b) => a - b), 'generated ids rise over restarts');
    });
});

test('locked accounts stay locked', async () => {
    await withServer(async (server) => {
        await server.createUser('alice');
        for (let i = 0; i < 5; i++) {
            await server.client().post('/v1/api/auth/login', { user: 'alice', password: 'wrong password' });
        }
        await server.restart();
        const answer = await server.client().post('/v1/api/auth/login', { user: 'alice', password: PASSWORD });
        assert.deepStrictEqual([answer.status, answer.json.error], [401, 'account_locked']);
    });
});

test('a second server on the same data is refused, and the first goes on', async () => {
    await withServer(async (server) => {
        const error = await failsToStart({ dir: server.dir });
        assert.notStrictEqual(error.code, 0);
        assert.strictEqual(error.signal, null, error.output);
        assert.match(error.output, /in use|lock|another/i);
        assert.ok(error.output.includes(server.dataPath), error.output);
        assert.strictEqual(await server.root.value('SELECT 1 AS n'), '1');
        await server.restart();
        await server.signIn('root');
    });
});

test('data of a format that is not known is left alone', async () => {
    await withServer(async (server) => {
        await server.root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1)');
        await server.halt();
        const format = fs.readdirSync(server.dataPath).map((name) => path.join(server.dataPath, name)).filter((file) => /format|version/i.test(path.basename(file)))[0];
        assert.ok(format !== undefined, `a file that names the format: ${fs.readdirSync(server.dataPath)}`);
        const was = fs.readFileSync(format, 'utf8');
        fs.writeFileSync(format, was.replace(/\d+/, '9999'));
        const error = await failsToStart({ dir: server.dir });
        assert.notStrictEqual(error.code, 0);
        assert.match(error.output, /format|version/i);
        assert.match(error.output, /9999/);
        for (const damaged of ['', 'wombat', '\0\0\0']) {
            fs.writeFileSync(format, damaged);
            assert.notStrictEqual((await failsToStart({ dir: server.dir })).code, 0, JSON.stringify(damaged));
        }
        fs.writeFileSync(format, was);
        await server.start();
        const root = await server.signIn('root');
        assert.deepStrictEqual(await root.rows('SELECT id FROM app.t'), [[1]]);
    });
});

test('a directory with other things in it is not taken for ours', async () => {
    const dir = newDataDir();
    fs.mkdirSync(path.join(dir, 'data'));
    fs.writeFileSync(path.join(dir, 'data', 'thesis.txt'), 'years of work');
    try {
        const error = await failsToStart({ dir });
        assert.notStrictEqual(error.code, 0);
        assert.deepStrictEqual(fs.readdirSync(path.join(dir, 'data')), ['thesis.txt']);
    } finally {
        fs.rmSync(dir, { recursive: true });
    }
});

test('options that make no sense stop the start with a message', async () => {
    const bad = [
        [{ 'server.port': 'many' }, /server\.port|port/], [{ 'server.port': 70000 }, /port/], [{ 'server.wombat': 1 }, /wombat/], [{ 'storage.durability': 'perhaps' }, /durability/],
        [{ 'auth.bcrypt_cost': 99 }, /bcrypt_cost/], [{ 'auth.jwt_secret': 'short' }, /jwt_secret|32/], [{ 'server.host': 'not an address' }, /host|address|listen/i],
    ];
    for (const [options, message] of bad) {
        const error = await failsToStart({ options });
        assert.ok(error.code > 0, `${JSON.stringify(options)}: ${error.code} ${error.signal}`);
        assert.match(error.output, message);
    }
    const byEnv = await failsToStart({ env: { KALAMDB_AUTH_BCRYPT_COST: 'x' }, options: { 'auth.bcrypt_cost': null } });
    assert.ok(byEnv.code > 0);
    assert.match(byEnv.output, /Invalid KALAMDB_AUTH_BCRYPT_COST value/);
});

test('an address in use stops the start with a message', async () => {
    await withServer(async (server) => {
        const error = await failsToStart({ options: { 'server.port': server.port } });
        assert.ok(error.code > 0);
        assert.match(error.output, new RegExp(`${server.port}`));
    });
});

test('SIGTERM under load: every answered write is there, the exit code is 0', async () => {
    await withServer(async (server) => {
        await server.root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.n (id INT PRIMARY KEY)');
        const acknowledged = [];
        let started = 0;
        let enough;
        const warm = new Promise((resolve) => { enough = resolve; });
        const { root } = server;
        const writers = Array.from({ length: 8 }, async () => {
            for (;;) {
                started += 1;
                const id = started;
                const answer = await root.sqlRaw('INSERT INTO app.n VALUES ($1)', [id]).catch(() => null);
                if (answer === null || answer.status !== 200) {
                    assert.ok(answer === null || [503, 400].includes(answer.status), answer?.text);
                    return;
                }
                acknowledged.push(id);
                if (acknowledged.length === 200) {
                    enough();
                }
            }
        });
        await warm;
        server.signal('SIGTERM');
        const { code, signal } = await server.exited;
        assert.deepStrictEqual([code, signal], [0, null], server.output);
        await Promise.all(writers);
        server.clients.clear();
        await server.start();
        const again = await server.signIn('root');
        const there = new Set((await again.rows('SELECT id FROM app.n')).flat());
        assert.deepStrictEqual(acknowledged.filter((id) => !there.has(id)), []);
        assert.ok(there.size - acknowledged.length <= 8, 'at most those whose answer was lost');
    });
});

test('SIGINT is like SIGTERM', async () => {
    await withServer(async (server) => {
        const { code } = await server.terminate('SIGINT');
        assert.strictEqual(code, 0, server.output);
    });
});

test('a request under way is answered before the server ends', async () => {
    await withServer(async (server) => {
        const slow = server.root.sqlRaw('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT count(*) FROM n');
        // The statement is with the server once another one on a second connection has been answered.
        await server.root.value('SELECT 1 AS n');
        server.signal('SIGTERM');
        const answer = await slow;
        assert.strictEqual(answer.status, 200, answer.text);
        assert.strictEqual(answer.json.results[0].rows[0][0], '200000');
        const { code } = await server.exited;
        assert.strictEqual(code, 0, server.output);
    }, { options: { 'server.shutdown_grace_seconds': 600, 'execution.handler_timeout_seconds': 600 } });
});

test('a second SIGTERM does not wait', async () => {
    const server = await startServer({ options: { 'server.shutdown_grace_seconds': 600, 'execution.handler_timeout_seconds': 600 } });
    try {
        await server.setUp();
        const endless = server.root.sqlRaw('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT (i + 1) % 1000 FROM n) SELECT count(*) FROM n').catch((error) => error);
        await server.root.value('SELECT 1 AS n');
        server.signal('SIGTERM');
        // The first one has been taken once new connections are refused or unanswered requests end.
        let refused = false;
        while (!refused && server.alive) {
            refused = await server.client().get('/health').then((answer) => answer.status !== 200, () => true);
        }
        server.signal('SIGTERM');
        const { code, signal } = await server.exited;
        assert.ok(code !== null || signal === 'SIGTERM', `${code} ${signal}`);
        await endless;
        await server.start();
        await server.signIn('root');
    } finally {
        await server.stop();
    }
});

test('the shutdown grace is a bound', async () => {
    const server = await startServer({ options: { 'server.shutdown_grace_seconds': 1, 'execution.handler_timeout_seconds': 600 } });
    try {
        await server.setUp();
        const endless = server.root.sqlRaw('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT (i + 1) % 1000 FROM n) SELECT count(*) FROM n').catch((error) => error);
        await server.root.value('SELECT 1 AS n');
        const started = Date.now();
        server.signal('SIGTERM');
        const { code } = await server.exited;
        assert.strictEqual(code, 0, server.output);
        assert.ok(Date.now() - started < 60000, `${Date.now() - started} ms`);
        await endless;
    } finally {
        await server.stop();
    }
});

test('--version and --help print and end', async () => {
    const { execFileSync } = require('node:child_process');
    const { binary } = require('../lib/server.js');
    assert.match(execFileSync(binary, ['--version']).toString(), /\d+\.\d+\.\d+/);
    const help = execFileSync(binary, ['--help']).toString();
    for (const option of ['--server.port', '--storage.data_path', '--auth.bcrypt_cost', '--storage.durability']) {
        assert.ok(help.includes(option), option);
    }
});
