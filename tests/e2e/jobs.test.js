// jobs.test.js - jobs as users see them: STORAGE FLUSH and COMPACT from the statement to the row of system.jobs, KILL JOB, who may, the
// audit log, and what a restart finds.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: pause } = require('node:timers/promises');
const { startServer, slowness } = require('../lib/server.js');

const PATIENCE_MS = 60000 * slowness;

async function withServer(options, use) {
    const server = await startServer({ options });
    try {
        await server.setUp();
        await use(server);
    } finally {
        await server.stop();
    }
}

const jobs = (client, where) => client.objects(`SELECT * FROM system.jobs WHERE ${where} ORDER BY created_at, job_id`);

// Asks again until `found` says so.
async function until(what, ask, found) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
        const answer = await ask();
        if (found(answer)) {
            return answer;
        }
        assert.ok(Date.now() < deadline, `${what}: ${JSON.stringify(answer)}`);
        await pause(20);
    }
}

async function message(client, sql) {
    const [result] = await client.results(sql);
    return result.message;
}

// The job that the statement's message names, once it has ended.
async function ended(client, text) {
    const id = /Job ID: ([A-Z]{2}-[0-9a-f]{12})/.exec(text)?.[1];
    assert.ok(id !== undefined, text);
    const [job] = await until(id, () => jobs(client, `job_id = '${id}'`), ([row]) => row !== undefined && row.finished_at !== null);
    return job;
}

test('STORAGE FLUSH and COMPACT: the statement answers at once, the job does it', async () => {
    await withServer({}, async ({ root }) => {
        await root.results(`CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY, body TEXT);
            CREATE SHARED TABLE app.board (id INT PRIMARY KEY)`);
        assert.strictEqual(await message(root, 'STORAGE FLUSH TABLE app.notes'),
            "Storage flush skipped: no pending writes for table 'app.notes'");
        assert.strictEqual(await message(root, 'STORAGE FLUSH ALL IN app'),
            "Storage flush skipped: no pending writes in namespace 'app'");
        await root.sql("INSERT INTO app.notes SELECT i, 'x' FROM generate_series(1, 500) AS g(i)");
        const job = await ended(root, await message(root, 'STORAGE FLUSH TABLE app.notes'));
        assert.strictEqual(job.status, 'completed', JSON.stringify(job));
        assert.match(job.message, /^Flushed 500 row\(s\) of 1 partition\(s\): 1 file\(s\), \d+ bytes$/);
        assert.match(job.job_id, /^FL-/);
        assert.deepStrictEqual([job.job_type, job.idempotency_key, job.queue, job.priority, job.retry_count, job.max_retries],
            ['flush', 'flush-app-notes', 'statement', 1, 0, 3]);
        assert.deepStrictEqual(JSON.parse(job.parameters), { table_id: 'app:notes', table_type: 'user' });
        assert.ok(BigInt(job.created_at) <= BigInt(job.started_at) && BigInt(job.started_at) <= BigInt(job.finished_at));
        assert.deepStrictEqual(await root.rows('SELECT count(*) AS n FROM app.notes'), [['500']]);
        assert.match(await message(root, 'STORAGE FLUSH TABLE app.notes'), /no pending writes/);

        await root.sql("INSERT INTO app.notes VALUES (1000, 'y'); INSERT INTO app.board VALUES (1)");
        const all = await message(root, 'STORAGE FLUSH ALL IN app');
        assert.match(all, /^Storage flush started for 2 table\(s\) in namespace 'app'. Job IDs: \[FL-[0-9a-f]{12}, FL-[0-9a-f]{12}\]$/);
        await until('both', () => jobs(root, "job_type = 'flush' AND status = 'completed'"), (list) => list.length === 3);
        const compacted = await ended(root, await message(root, 'STORAGE COMPACT TABLE app.notes'));
        assert.deepStrictEqual(JSON.parse(compacted.parameters), { table_id: 'app:notes', table_type: 'user', target_file_size_mb: 256 });
        assert.strictEqual(compacted.status, 'completed', JSON.stringify(compacted));
        assert.deepStrictEqual(await root.rows('SELECT count(*) AS n FROM app.notes'), [['501']]);
        const audit = await root.rows("SELECT action, target FROM system.audit_log WHERE action LIKE 'STORAGE%' ORDER BY timestamp");
        assert.deepStrictEqual(audit, [['STORAGE_FLUSH', 'app.notes'], ['STORAGE_FLUSH', 'app'], ['STORAGE_COMPACT', 'app.notes']]);
    });
});

test('a table is flushed by its policy, others by the server\'s', async () => {
    await withServer({ 'flush.check_interval_seconds': 1, 'flush.default_row_limit': 50, 'retention.enable_dba_stats': false }, async ({ root }) => {
        await root.results(`CREATE NAMESPACE app; CREATE SHARED TABLE app.many (id INT PRIMARY KEY) WITH (FLUSH_POLICY = 'rows:100');
            CREATE SHARED TABLE app.few (id INT PRIMARY KEY) WITH (FLUSH_POLICY = 'rows:100');
            CREATE SHARED TABLE app.old (id INT PRIMARY KEY) WITH (FLUSH_POLICY = 'interval:1');
            CREATE SHARED TABLE app.plain (id INT PRIMARY KEY)`);
        await root.results(`INSERT INTO app.many SELECT * FROM generate_series(1, 100); INSERT INTO app.few SELECT * FROM generate_series(1, 99);
            INSERT INTO app.old VALUES (1); INSERT INTO app.plain SELECT * FROM generate_series(1, 60)`);
        const list = await until('three', () => jobs(root, "job_type = 'flush' AND status = 'completed'"), (rows) => rows.length >= 3);
        const tables = list.map((job) => JSON.parse(job.parameters).table_id).sort();
        assert.deepStrictEqual([...new Set(tables)], ['app:many', 'app:old', 'app:plain']);
        for (const job of list) {
            assert.match(job.idempotency_key, /^FL:app:\w+:\d{4}-\d\d-\d\d-\d\d$/);
            assert.strictEqual(job.queue, 'schedule');
        }
        assert.deepStrictEqual(await root.rows('SELECT count(*) AS n FROM app.many'), [['100']]);
        assert.deepStrictEqual(await root.rows('SELECT count(*) AS n FROM app.few'), [['99']]);
    });
});

test('who may: flushes are for services, kills and backups for admins', async () => {
    await withServer({}, async (server) => {
        const { root } = server;
        await root.results('CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY); INSERT INTO app.notes VALUES (1)');
        const ann = await server.createUser('ann');
        const svc = await server.createUser('svc', 'service');
        const refused = async (client, sql, text) => {
            const error = await client.fails(sql);
            assert.strictEqual(error.code, 'PERMISSION_DENIED', sql);
            assert.match(error.text, text);
        };
        await refused(ann, 'STORAGE FLUSH TABLE app.notes', /STORAGE FLUSH TABLE requires Service, DBA, or System role/);
        await refused(svc, "KILL JOB 'FL-000000000000'", /DBA or System role required/);
        await refused(svc, "BACKUP DATABASE TO '/tmp/x'", /DBA or System role required/);
        assert.match(await message(svc, 'STORAGE FLUSH TABLE app.notes'), /^Storage flush started for table 'app.notes'. Job ID: FL-/);
    });
});

test('KILL JOB: what waits is cancelled at once, what has ended is not', async () => {
    await withServer({ 'jobs.max_concurrent': 1 }, async ({ root }) => {
        const names = Array.from({ length: 40 }, (_, i) => `t${i}`);
        await root.sql('CREATE NAMESPACE app');
        for (const name of names) {
            await root.results(`CREATE SHARED TABLE app.${name} (id INT PRIMARY KEY, pad TEXT);
                INSERT INTO app.${name} SELECT i, 'some text' FROM generate_series(1, 2000) AS g(i)`);
        }
        const ids = /\[(.*)\]/.exec(await message(root, 'STORAGE FLUSH ALL IN app'))[1].split(', ');
        assert.strictEqual(ids.length, names.length);
        const last = ids.at(-1); // the others are before it in the one line there is
        assert.strictEqual(await message(root, `KILL JOB '${last}'`), `Job ${last} killed: cancelled`);
        const [killed] = await until('its end', () => jobs(root, `job_id = '${last}'`), ([job]) => job.finished_at !== null);
        assert.strictEqual(killed.status, 'cancelled');
        await until('the others', () => jobs(root, "status IN ('queued', 'running')"), (list) => list.length === 0);
        assert.match((await root.fails(`KILL JOB '${ids[0]}'`)).text, /Cannot cancel job in status completed/);
        assert.match((await root.fails("KILL JOB 'FL-nothing'")).text, /Job FL-nothing not found/);
        assert.deepStrictEqual(await root.rows("SELECT target FROM system.audit_log WHERE action = 'KILL_JOB'"), [[last]]);
    });
});

test('KILL JOB: a flush that runs ends before its next step, and leaves no file that is nobody\'s', async () => {
    await withServer({ 'retention.enable_dba_stats': false }, async (server) => {
        const { root } = server;
        await root.results('CREATE NAMESPACE app; CREATE SHARED TABLE app.items (id INT PRIMARY KEY, t TEXT)');
        let rows = 0;
        let job;
        while (job?.status !== 'cancelled') { // it may be through before it is told
            assert.ok(rows < 2000000, 'no flush is caught at work');
            for (const upTo = rows + 200000; rows < upTo; rows += 100000) {
                await root.sql(`INSERT INTO app.items SELECT i, md5(i::TEXT) FROM generate_series(${rows + 1}, ${rows + 100000}) AS g(i)`);
            }
            const id = /FL-[0-9a-f]{12}/.exec(await message(root, 'STORAGE FLUSH TABLE app.items'))[0];
            await until('its begin', () => jobs(root, `job_id = '${id}'`), ([row]) => row.started_at !== null);
            const answer = await root.sqlRaw(`KILL JOB '${id}'`);
            assert.ok(answer.status === 200 || /Cannot cancel job in status completed/.test(answer.text), answer.text);
            [job] = await until('its end', () => jobs(root, `job_id = '${id}'`), ([row]) => row.finished_at !== null);
            assert.ok(['cancelled', 'completed'].includes(job.status), JSON.stringify(job));
        }
        assert.strictEqual(job.message, 'Killed while it ran');
        const named = async () => {
            const [row] = await root.objects("SELECT manifest_json FROM system.manifest WHERE table_name = 'items'");
            const manifest = row === undefined ? { segments: [] } : typeof row.manifest_json === 'string' ? JSON.parse(row.manifest_json) : row.manifest_json;
            return manifest.segments.map((segment) => segment.path).sort();
        };
        const dir = path.join(server.dataPath, 'storage/app/items');
        const there = () => (fs.existsSync(dir) ? fs.readdirSync(dir).filter((name) => name !== 'manifest.json').sort() : []);
        const expected = await named();
        await until('the files', async () => there(), (list) => JSON.stringify(list) === JSON.stringify(expected));
        assert.deepStrictEqual(await root.rows('SELECT count(*), sum(id), count(DISTINCT t) FROM app.items'), [[String(rows), String(rows * (rows + 1) / 2), String(rows)]]);
        const again = await ended(root, await message(root, 'STORAGE FLUSH TABLE app.items'));
        assert.strictEqual(again.status, 'completed', JSON.stringify(again));
        assert.deepStrictEqual(there(), await named());
        assert.deepStrictEqual(await root.rows('SELECT count(*), sum(id) FROM app.items'), [[String(rows), String(rows * (rows + 1) / 2)]]);
    });
});

test('kill -9 while jobs run and wait: those that ran have failed, those that waited run', async () => {
    await withServer({ 'jobs.max_concurrent': 1 }, async (server) => {
        const { root } = server;
        const { token } = root;
        await root.sql('CREATE NAMESPACE app');
        for (let i = 0; i < 20; i++) {
            await root.results(`CREATE SHARED TABLE app.t${i} (id INT PRIMARY KEY, pad TEXT);
                INSERT INTO app.t${i} SELECT i, 'some text' FROM generate_series(1, 3000) AS g(i)`);
        }
        const ids = /\[(.*)\]/.exec(await message(root, 'STORAGE FLUSH ALL IN app'))[1].split(', ');
        await server.restart({ kill: true });
        const again = server.client(token, 'root');
        const list = await until('all', () => jobs(again, "job_type = 'flush'"), (rows) => rows.every((job) => job.finished_at !== null));
        assert.deepStrictEqual(list.map((job) => job.job_id).sort(), [...ids].sort());
        for (const job of list) {
            assert.ok(job.status === 'completed' || (job.status === 'failed' && job.message === 'Server restarted'), JSON.stringify(job));
        }
        assert.ok(list.filter((job) => job.status === 'failed').length <= 1);
        for (let i = 0; i < 20; i++) {
            assert.deepStrictEqual(await again.rows(`SELECT count(*) AS n FROM app.t${i}`), [['3000']]);
        }
    });
});
