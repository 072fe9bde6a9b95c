// audit.test.js - the audit log through a whole server: who did what from where, no secret in it, and it is still there and
// whole after a kill.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { startServer, useServer, PASSWORD } = require('../lib/server.js');

const server = useServer(test);

// Notes are recorded soon, not at once: what commits a record takes them along.
async function log(where, client = server.root) {
    await client.results('CREATE NAMESPACE flushes; DROP NAMESPACE flushes');
    return client.objects(`SELECT action, actor_user_id, target, details, ip_address, subject_user_id FROM system.audit_log WHERE ${where} ORDER BY timestamp`);
}

async function verify(client) {
    const [row] = await client.objects('VERIFY AUDIT LOG');
    return { ...row, record_count: Number(row.record_count) };
}

test('sign-ins of admins and all failures are recorded with the address', async () => {
    const alice = await server.createUser('alice');
    const refused = await server.client().post('/v1/api/auth/login', { user: 'alice', password: 'not it, really' });
    const unknown = await server.client().post('/v1/api/auth/login', { user: 'nobody', password: 'not it, really' });
    assert.deepStrictEqual([refused.status, unknown.status], [401, 401]);
    const rows = await log("action LIKE 'LOGIN%' OR action = 'SETUP'");
    const brief = rows.map((row) => [row.action, row.target, row.ip_address]);
    assert.deepStrictEqual(brief, [
        ['SETUP', 'user:admin', '127.0.0.1'],
        ['LOGIN', 'user:root', '127.0.0.1'],
        ['LOGIN', 'user:admin', '127.0.0.1'],
        ['LOGIN_FAILED', 'user:alice', '127.0.0.1'],
        ['LOGIN_FAILED', 'user:nobody', '127.0.0.1'],
    ]);
    assert.strictEqual((await alice.sql('SELECT 1')).rows.length, 1);
});

test('the address is the client’s, behind a proxy too', async () => {
    const answer = await server.root.request('POST', '/v1/api/sql', { body: { sql: 'CREATE NAMESPACE proxied' }, headers: { 'x-forwarded-for': '203.0.113.9' } });
    assert.strictEqual(answer.status, 200);
    const rows = await log("target = 'proxied'");
    assert.deepStrictEqual(rows.map((row) => row.ip_address), ['203.0.113.9']);
});

test('impersonation and refusals are recorded', async () => {
    const service = await server.createUser('svc', 'service');
    const bob = await server.createUser('bob');
    await server.root.sql('CREATE USER TABLE proxied.notes (id INT PRIMARY KEY, t TEXT)');
    await service.sql("EXECUTE AS USER 'bob' (INSERT INTO proxied.notes VALUES (1, 'x'))");
    await bob.fails('DROP TABLE proxied.notes');
    await bob.fails("EXECUTE AS USER 'svc' (SELECT * FROM proxied.notes)");
    const rows = await log("actor_user_id IN ('svc', 'bob')");
    assert.deepStrictEqual(rows.map((row) => [row.action, row.actor_user_id, row.target, row.subject_user_id]), [
        ['EXECUTE_AS_USER', 'svc', 'INSERT', 'bob'],
        ['DENIED', 'bob', 'DROP TABLE', null],
        ['EXECUTE_AS_USER_DENIED', 'bob', 'statement', 'svc'],
    ]);
});

test('no secret is in it', async () => {
    await server.root.sql("CREATE USER secretive WITH PASSWORD 'wombat-Battery-77' ROLE user");
    await server.root.sql("ALTER USER secretive SET PASSWORD 'wombat-Battery-78'");
    await server.client().post('/v1/api/auth/login', { user: 'secretive', password: 'wombat-Battery-79' });
    const text = JSON.stringify(await log('true'));
    assert.ok(!/wombat-Battery|correct horse/.test(text), text);
    assert.match(text, /SetPassword\(\[REDACTED\]\)/);
});

test('nobody writes it by SQL, and users do not read it', async () => {
    for (const sql of ["DELETE FROM system.audit_log", "UPDATE system.audit_log SET action = 'x'", "INSERT INTO system.audit_log (audit_id) VALUES ('x')", 'DROP TABLE system.audit_log']) {
        await server.root.fails(sql);
    }
    const user = await server.signIn('bob');
    assert.strictEqual((await user.fails('SELECT * FROM system.audit_log')).code, 'PERMISSION_DENIED');
    assert.strictEqual((await user.fails('VERIFY AUDIT LOG')).code, 'PERMISSION_DENIED');
    assert.strictEqual((await verify(server.root)).valid, true);
});

test('a change that was acknowledged has its record after kill -9, and the chain is whole', async () => {
    const own = await startServer();
    try {
        await own.setUp();
        for (let i = 0; i < 20; i++) {
            await own.root.sql(`CREATE NAMESPACE n${i}`);
        }
        const before = await verify(own.root);
        await own.restart({ kill: true });
        const root = await own.signIn('root');
        const rows = await log("action = 'CREATE_NAMESPACE' AND target LIKE 'n%'", root);
        assert.strictEqual(rows.length, 20);
        const after = await verify(root);
        assert.strictEqual(after.valid, true);
        assert.strictEqual(after.first_bad, null);
        assert.ok(after.record_count > before.record_count);
        assert.match(after.head_hash, /^[0-9a-f]{64}$/);
    } finally {
        await own.stop();
    }
});

test('a key file that others may read, or that is damaged, stops the start', async () => {
    const own = await startServer();
    const key = path.join(own.dataPath, 'server.key');
    try {
        assert.strictEqual(fs.statSync(key).mode & 0o777, 0o600);
        await own.halt();
        fs.chmodSync(key, 0o640);
        await assert.rejects(own.start(), /open to others/);
        fs.chmodSync(key, 0o600);
        fs.writeFileSync(key, 'no key');
        await assert.rejects(own.start(), /server key file is damaged/);
    } finally {
        own.remove();
    }
});

test('with another key the log says that it is not to be trusted', async () => {
    const own = await startServer();
    try {
        await own.setUp();
        const away = path.join(own.dir, 'away.key');
        await own.restart({ options: { 'storage.key_file': away } });
        assert.strictEqual(fs.statSync(away).mode & 0o777, 0o600);
        const report = await verify(await own.signIn('root'));
        assert.strictEqual(report.valid, false);
        assert.match(report.first_bad, /missing/);
    } finally {
        await own.stop();
    }
});
