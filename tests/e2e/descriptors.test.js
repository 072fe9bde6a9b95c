// descriptors.test.js - a small limit of open files: connections never take the descriptors that the data needs.
'use strict';
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const net = require('node:net');
const { test } = require('node:test');
const { runJobs } = require('../lib/jobs.js');
const { Server } = require('../lib/server.js');

const LIMIT = 1024;

test('with more clients than descriptors the server writes, flushes and answers those that it has', { timeout: 60000 }, async (t) => {
    const server = new Server({ options: { 'rate_limit.max_connections_per_ip': 0 } });
    await server.start();
    const { root } = await server.setUp();
    await root.sql('CREATE NAMESPACE app');
    await root.sql("CREATE TABLE app.t (id BIGINT PRIMARY KEY, body TEXT) WITH (TYPE='SHARED')");
    await server.halt();

    execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${LIMIT}:${LIMIT}`]);
    server.options['performance.max_connections'] = 1000;
    await server.start();
    t.after(() => server.stop());
    const again = server.client(root.token, 'root');
    await again.sql("INSERT INTO app.t VALUES (0, '')");
    assert.match(server.output, /fewer connections than performance\.max_connections connections=\d+/);

    const sockets = [];
    t.after(() => sockets.forEach((socket) => socket.destroy()));
    await new Promise((resolve) => {
        for (let i = 0; i < LIMIT / 2; i++) {
            const socket = net.connect(server.port, '127.0.0.1', () => socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'));
            socket.on('error', () => {}).on('data', (data) => {
                if (data.includes('TOO_MANY_CONNECTIONS')) {
                    resolve();
                }
            });
            sockets.push(socket);
        }
    });
    for (let i = 1; i <= 20; i++) {
        await again.sql('INSERT INTO app.t VALUES ($1, $2)', [i, 'x'.repeat(1000)]);
    }
    const [job] = await runJobs(again, 'STORAGE FLUSH TABLE app.t');
    assert.equal(job.status, 'completed', job.message);
    assert.deepEqual(await again.objects('SELECT count(*) AS n, max(id) AS last FROM app.t'), [{ n: '21', last: '20' }]);
    assert.doesNotMatch(server.output, /Too many open files/);
});
