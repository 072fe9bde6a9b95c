// disk_full.test.js - a disk that is nearly full, and one that refuses in the middle of a write: nothing acknowledged is lost, reads go
// on, /health tells, and the server neither dies nor needs more than room, or a restart.
'use strict';
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { test } = require('node:test');
const { Server } = require('../lib/server.js');

const health = async (server) => {
    const response = await fetch(`${server.url}/health`);
    return { status: response.status, retry: response.headers.get('retry-after'), ...(await response.json()), code: response.status };
};

async function withTable() {
    const server = await new Server().start();
    const { root } = await server.setUp();
    await root.sql('CREATE NAMESPACE app');
    await root.sql("CREATE TABLE app.t (id BIGINT PRIMARY KEY, body TEXT) WITH (TYPE='SHARED')");
    return { server, root };
}

test('a disk that is nearly full: statements that write get 503, all else goes on', async (t) => {
    const { server, root } = await withTable();
    t.after(() => server.stop());
    await root.sql('INSERT INTO app.t VALUES (1, $1)', ['kept']);
    assert.equal((await health(server)).code, 200);
    await server.halt();

    const { bavail, bsize } = fs.statfsSync(server.dir);
    server.options['storage.min_free_bytes'] = Math.round(bavail * bsize * 1.4);
    await server.start();
    const again = server.client(root.token, 'root');
    for (const sql of ["INSERT INTO app.t VALUES (2, 'lost')", "UPDATE app.t SET body = 'lost' WHERE id = 1", "UPDATE app.t SET body = 'lost' WHERE id < 9", 'DELETE FROM app.t WHERE id > 0', "BEGIN; INSERT INTO app.t VALUES (3, 'lost'); COMMIT"]) {
        await assert.rejects(again.sql(sql), (error) => error.status === 503 && /disk is nearly full/.test(error.message), sql);
    }
    assert.deepEqual(await again.objects('SELECT id, body FROM app.t'), [{ id: '1', body: 'kept' }]);
    const { code, status, reason } = await health(server);
    assert.deepEqual({ code, status }, { code: 503, status: 'unhealthy' });
    assert.match(reason, /disk is nearly full/);
    // what gives room back is not refused
    await again.sql("CREATE TABLE app.other (id BIGINT PRIMARY KEY) WITH (TYPE='SHARED')");
    await again.sql('DROP TABLE app.other');
    await server.halt();

    delete server.options['storage.min_free_bytes'];
    await server.start();
    const healthy = server.client(root.token, 'root');
    await healthy.sql("INSERT INTO app.t VALUES (2, 'written')");
    assert.deepEqual(await healthy.objects('SELECT id FROM app.t ORDER BY id'), [{ id: '1' }, { id: '2' }]);
    assert.equal((await health(server)).code, 200);
});

test('a write that the disk refuses: the last one, until the server is started again', async (t) => {
    const { server, root } = await withTable();
    t.after(() => server.stop());
    execFileSync('prlimit', ['--pid', String(server.pid), '--fsize=4194304:']);
    let acknowledged = 0;
    await assert.rejects(async () => {
        for (; acknowledged < 1000; acknowledged++) {
            await root.sql('INSERT INTO app.t VALUES ($1, $2)', [acknowledged, 'x'.repeat(100000)]);
        }
    }, (error) => error.status === 500 && /File too large/.test(error.message));
    assert.ok(acknowledged > 0);

    execFileSync('prlimit', ['--pid', String(server.pid), '--fsize=unlimited:']);
    await assert.rejects(root.sql("INSERT INTO app.t VALUES (-1, '')"), /must be started again/);
    assert.deepEqual(await root.objects('SELECT count(*) AS n, max(id) AS last FROM app.t'), [{ n: String(acknowledged), last: String(acknowledged - 1) }]);
    const { code, reason } = await health(server);
    assert.equal(code, 503);
    assert.match(reason, /must be started again/);

    await server.halt();
    await server.start();
    const again = server.client(root.token, 'root');
    assert.deepEqual(await again.objects('SELECT count(*) AS n FROM app.t'), [{ n: String(acknowledged) }]);
    await again.sql("INSERT INTO app.t VALUES (-1, '')");
});
