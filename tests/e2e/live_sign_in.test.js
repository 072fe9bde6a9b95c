// live_sign_in.test.js - WebSockets and event streams with tokens that have to be looked into elsewhere, and over TLS.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const { startServer, Server, newDataDir } = require('../lib/server.js');
const { startIssuer } = require('../lib/issuer.js');
const { openSocket, openSocketAs, frame, OP } = require('../lib/ws.js');
const { connectOfficial, parseMessage } = require('../lib/official_client.js');
const { makeCertificate } = require('../lib/certificate.js');

const NOTES = 'SELECT * FROM live.notes';
const TABLE = 'CREATE NAMESPACE live; CREATE USER TABLE live.notes (id INT PRIMARY KEY, title TEXT)';

let issuer;
test.before(async () => {
    issuer = await startIssuer();
});
test.after(() => issuer.stop());

async function startTrusting() {
    const server = await startServer({ options: { 'auth.jwt_trusted_issuers': issuer.url, 'oauth.audience': 'kalamdb-app', 'rate_limit.max_subscriptions_per_user': 0 } });
    await server.setUp();
    await server.admin.results(TABLE);
    await server.root.sql(`CREATE USER alice WITH OAUTH '{"provider":"${issuer.url}","subject":"alice-1"}' ROLE user`);
    return server;
}

const json = (value) => frame(OP.text, JSON.stringify(value));
const authenticate = (token) => json({ type: 'authenticate', method: 'jwt', token });
const subscribe = json({ type: 'subscribe', subscription: { id: 's', sql: NOTES, options: {} } });

async function expectTypes(socket, ...types) {
    for (const type of types) {
        assert.strictEqual(parseMessage(await socket.nextText()).type, type);
    }
}

test('what is sent behind a token that has to wait is answered after it', async () => {
    const server = await startTrusting();
    try {
        await Promise.all(Array.from({ length: 20 }, async (x, i) => {
            const token = issuer.token({ jti: `${i}` });
            const early = i % 2 === 1;
            const socket = await openSocket(server, early ? { headers: { authorization: `Bearer ${token}` } } : {});
            const half = Math.floor(subscribe.length / 2);
            socket.sendRaw(Buffer.concat([...(early ? [] : [authenticate(token)]), subscribe.subarray(0, i % 3 === 0 ? half : subscribe.length)]));
            if (i % 3 === 0) {
                socket.sendRaw(subscribe.subarray(half));
            }
            await expectTypes(socket, 'auth_success', 'subscription_ack', 'initial_data_batch');
            await socket.close();
        }));
    } finally {
        await server.stop();
    }
});

test('a token of another issuer that is no good is refused as any other', async () => {
    const server = await startTrusting();
    try {
        for (const token of [issuer.token({ exp: 1 }), issuer.token({ sub: 'nobody' }), `${issuer.token().slice(0, -8)}AAAAAAAA`]) {
            const socket = await openSocket(server);
            socket.sendRaw(authenticate(token));
            assert.deepStrictEqual(await socket.next(), { type: 'auth_error', message: 'Invalid credentials' });
            assert.deepStrictEqual(await socket.closed(), { code: 1008, reason: 'Authentication failed' });
        }
        const stream = await server.client(issuer.token({ exp: 1 })).get('/v1/live?sql=x');
        assert.strictEqual(stream.status, 401);
    } finally {
        await server.stop();
    }
});

// The issuer answers when it is told to.
function holdIssuer() {
    let release;
    const released = new Promise((resolve) => { release = resolve; });
    let reached;
    const asked = new Promise((resolve) => { reached = resolve; });
    issuer.answers.discovery = async (request, response) => {
        reached();
        await released;
        response.statusCode = 503;
        response.end();
    };
    return { asked, release: () => { delete issuer.answers.discovery; release(); } };
}

test('clients that leave, and a server that stops, while a token is looked into', async () => {
    const server = await startTrusting();
    const hold = holdIssuer();
    const sockets = [];
    for (let i = 0; i < 5; i++) {
        const socket = await openSocket(server);
        socket.sendRaw(Buffer.concat([authenticate(issuer.token({ jti: `gone ${i}` })), subscribe]));
        sockets.push(socket);
    }
    await hold.asked;
    sockets[0].destroy();
    const goodbye = sockets[1].closed();
    const stopped = server.stop();
    assert.strictEqual((await goodbye).code, 1001);
    hold.release();
    await stopped;
});

test('over TLS', async () => {
    const dir = newDataDir();
    const { cert, key, pem } = makeCertificate(dir);
    const server = new Server({ options: { 'server.tls_cert_file': cert, 'server.tls_key_file': key } });
    server.ca = [pem];
    await server.start();
    try {
        await server.setUp();
        await server.admin.results(TABLE);
        const client = await connectOfficial(server, server.admin);
        const notes = await client.subscribe(NOTES);
        for (let i = 0; i < 20; i++) {
            await server.admin.sql('INSERT INTO live.notes (id, title) VALUES ($1, $2)', [i, `${i} `.repeat(20000)]);
        }
        await client.until(notes, () => notes.rows.size === 20);
        await client.socket.close();
        const plain = await openSocketAs(server, server.admin, { path: '/v1/ws?compress=false' });
        plain.sendJson({ type: 'subscribe', subscription: { id: 's', sql: NOTES, options: {} } });
        await plain.nextOf((message) => message.batch_control?.status === 'ready' && message.type === 'initial_data_batch');
        const goodbye = plain.closed();
        await server.stop();
        assert.strictEqual((await goodbye).code, 1001);
    } finally {
        if (server.alive) {
            await server.stop();
        }
        fs.rmSync(dir, { recursive: true, force: true });
    }
});
