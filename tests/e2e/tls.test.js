// tls.test.js - the port with a certificate: what it speaks and what not, that large and streamed answers pass, and that a new
// certificate is taken up without dropping anybody.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const tls = require('node:tls');
const { once } = require('node:events');
const { Server, newDataDir, within, slowness } = require('../lib/server.js');
const { makeCertificate } = require('../lib/certificate.js');

const dir = newDataDir();
const first = makeCertificate(dir, 'first');
const second = makeCertificate(dir, 'second');
const live = { cert: `${dir}/live-cert.pem`, key: `${dir}/live-key.pem` };

function install({ cert, key }) {
    fs.copyFileSync(cert, live.cert);
    fs.copyFileSync(key, live.key);
}

install(first);
const server = new Server({ options: { 'server.tls_cert_file': live.cert, 'server.tls_key_file': live.key, 'server.net_threads': 2 } });
server.ca = [first.pem, second.pem];
test.before(async () => {
    await server.start();
    await server.setUp();
});
test.after(async () => {
    await server.stop();
    fs.rmSync(dir, { recursive: true, force: true });
});

async function connect(options = {}) {
    const socket = tls.connect({ host: '127.0.0.1', port: server.port, ca: server.ca, ...options });
    socket.on('error', () => {});
    await within(60000 * slowness, 'handshake', Promise.race([once(socket, 'secureConnect'), once(socket, 'close').then(() => Promise.reject(new Error('refused')))]));
    return socket;
}

function shown(socket) {
    return socket.getPeerCertificate().subject.CN;
}

test('statements, large bodies and streamed answers pass', async () => {
    await server.root.results('CREATE NAMESPACE t; CREATE USER TABLE t.rows (id INT PRIMARY KEY, v TEXT)');
    const text = 'x'.repeat(1000);
    const values = Array.from({ length: 2000 }, (ignored, i) => `(${i}, '${text}')`).join(',');
    await server.root.sql(`INSERT INTO t.rows VALUES ${values.slice(0, 1000000).replace(/,\([^)]*$/, '')}`);
    const rows = await server.root.rows('SELECT a.id, a.v FROM t.rows a, (SELECT 1 FROM t.rows LIMIT 4) b');
    assert.ok(rows.length > 3000 && rows.every((row) => row[1] === text));
});

test('who sends too large a body sees the answer', async () => {
    for (const mib of [11, 64]) {
        const answer = await server.root.post('/v1/api/sql', Buffer.alloc(mib << 20, ' '));
        assert.strictEqual(answer.status, 413, answer.text.slice(0, 300));
    }
});

test('it speaks TLS 1.2 and 1.3, nothing older, and only good ciphers', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
        const socket = await connect({ minVersion: version, maxVersion: version });
        assert.strictEqual(socket.getProtocol(), version);
        assert.match(socket.getCipher().name, /GCM|CHACHA20/);
        socket.destroy();
    }
    await assert.rejects(connect({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }));
    await assert.rejects(connect({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:AES128-GCM-SHA256' }));
});

test('HTTP/1.1 is what it offers', async () => {
    const socket = await connect({ ALPNProtocols: ['h2', 'http/1.1'] });
    assert.strictEqual(socket.alpnProtocol, 'http/1.1');
    socket.destroy();
    await assert.rejects(connect({ ALPNProtocols: ['h2'] }));
});

test('plain HTTP gets no answer on it', async () => {
    const socket = net.connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    let got = '';
    socket.on('data', (part) => { got += part.toString('latin1'); });
    socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    await within(30000 * slowness, 'close', once(socket, 'close'));
    assert.doesNotMatch(got, /HTTP|healthy/);
});

test('cookies are Secure, and browsers are told to stay with TLS', async () => {
    const answer = await server.client().post('/v1/api/auth/login', { user: 'root', password: 'correct horse battery' });
    assert.strictEqual(answer.status, 200);
    assert.ok(answer.headers['set-cookie'].length === 2 && answer.headers['set-cookie'].every((cookie) => /; Secure/.test(cookie)));
    assert.match(answer.headers['strict-transport-security'], /max-age=\d+/);
});

test('SIGHUP takes up a new certificate; connections that are open go on', async () => {
    const before = await connect();
    assert.strictEqual(shown(before), 'first');
    install(second);
    server.child.kill('SIGHUP');
    const deadline = Date.now() + 30000 * slowness;
    let after = await connect();
    while (shown(after) === 'first' && Date.now() < deadline) {
        after.destroy();
        after = await connect();
    }
    assert.strictEqual(shown(after), 'second');
    for (const socket of [before, after]) {
        socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
        const [data] = await within(60000 * slowness, 'answer', once(socket, 'data'));
        assert.match(data.toString(), /^HTTP\/1.1 200/);
        socket.destroy();
    }
    assert.strictEqual(await server.root.value('SELECT count(*) > 0 FROM t.rows'), true);
});

test('a bad certificate at SIGHUP changes nothing, and is said in the log', async () => {
    fs.writeFileSync(live.cert, 'no certificate');
    server.child.kill('SIGHUP');
    const deadline = Date.now() + 30000 * slowness;
    while (!/reload failed.*tls_cert_file/.test(server.output) && Date.now() < deadline) {
        await server.root.sql('SELECT 1');
    }
    assert.match(server.output, /reload failed.*tls_cert_file/);
    const socket = await connect();
    assert.strictEqual(shown(socket), 'second');
    socket.destroy();
});

test('connections that break off at any point of the handshake leave the server as it was', async () => {
    for (let i = 0; i < 50; i++) {
        const socket = net.connect(server.port, '127.0.0.1');
        socket.on('error', () => {});
        await once(socket, 'connect');
        socket.end(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc].slice(0, i % 10)));
        await within(30000 * slowness, 'close', once(socket, 'close'));
    }
    assert.strictEqual(await server.root.value('SELECT true'), true);
});

test('a handshake that does not go on is cut', async () => {
    const strict = new Server({ options: { 'server.tls_cert_file': first.cert, 'server.tls_key_file': first.key, 'performance.client_request_timeout': 1 } });
    try {
        await strict.start();
        await within(60000 * slowness, 'the server closes', Promise.all(['', '\x16\x03\x01\x02\x00'].map(async (bytes) => {
            const socket = net.connect(strict.port, '127.0.0.1');
            socket.on('error', () => {});
            socket.write(Buffer.from(bytes, 'latin1'));
            socket.resume();
            await once(socket, 'close');
        })));
    } finally {
        await strict.stop();
    }
});

test('half a pair of files, or a key that is not the certificate’s, stops the start', async () => {
    const starts = [
        [{ 'server.tls_cert_file': first.cert }, /go together/],
        [{ 'server.tls_cert_file': first.cert, 'server.tls_key_file': second.key }, /tls_key_file .*cannot be used/],
        [{ 'server.tls_cert_file': `${dir}/none.pem`, 'server.tls_key_file': first.key }, /tls_cert_file .*cannot be used/],
    ];
    for (const [options, message] of starts) {
        const other = new Server({ options });
        await assert.rejects(other.start(), message);
        other.remove();
    }
});
