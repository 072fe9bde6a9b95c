// http_edge.test.js - bytes on a plain socket: requests that two readers might cut at different places (each is refused and
// ends its connection, or has one meaning), clients that are slow on purpose, limits, and the headers of answers.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const net = require('node:net');
const os = require('node:os');
const { once } = require('node:events');
const { startServer, useServer, within, slowness } = require('../lib/server.js');

const server = useServer(test, { options: { 'security.cors.allowed_origins': 'https://app.example' } });

// Sends bytes, keeps its side open, and gives all that comes until the server closes.
async function exchange(bytes, { host = '127.0.0.1', port = server.port } = {}) {
    const socket = net.connect(port, host);
    const parts = [];
    socket.on('error', () => {});
    socket.on('data', (part) => parts.push(part));
    socket.write(bytes);
    await within(30000 * slowness, 'the server closes', once(socket, 'close'));
    return Buffer.concat(parts).toString('latin1');
}

function statuses(text) {
    return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((found) => Number(found[1]));
}

// Behind every one of them stands a request of its own. Whoever ends the first too early, or too late, would answer it.
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const POST = 'POST /v1/api/sql HTTP/1.1\r\nHost: x\r\n';

// name: [bytes, statuses of the answers]. 404 is the smuggled request's.
const CASES = {
    'length and chunks': [`${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400]],
    'chunks and length': [`${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`, [400]],
    'two equal lengths': [`${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}`, [400]],
    'two lengths': [`${POST}Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}`, [400]],
    'two lengths in one header': [`${POST}Content-Length: 2, 2\r\n\r\n{}`, [400]],
    'a blank behind a length': [`${POST}Content-Length: 2 \r\n\r\n{}`, [400]],
    'a length with a sign': [`${POST}Content-Length: +2\r\n\r\n{}`, [400]],
    'a negative length': [`${POST}Content-Length: -2\r\n\r\n{}`, [400]],
    'a length in hex': [`${POST}Content-Length: 0x2\r\n\r\n{}`, [400]],
    'a length with a blank inside': [`${POST}Content-Length: 1 2\r\n\r\n{}`, [400]],
    'an empty length': [`${POST}Content-Length: \r\n\r\n`, [400]],
    'a length past 64 bits': [`${POST}Content-Length: 18446744073709551618\r\n\r\n{}`, [400]],
    'a blank before the colon': [`${POST}Content-Length : 2\r\n\r\n{}`, [400]],
    'a blank before the name': [`POST /v1/api/sql HTTP/1.1\r\nHost: x\r\n Content-Length: 2\r\n\r\n{}`, [400]],
    'a length that goes on in a second line': [`${POST}Content-Length:\r\n 2\r\n\r\n{}`, [400]],
    'any header that goes on': [`${POST}X: a\r\n\tb\r\nContent-Length: 2\r\n\r\n{}`, [400]],
    'a line feed alone': [`${POST}X: a\nContent-Length: 2\r\n\r\n{}`, [400]],
    'a line feed alone after the request line': ['POST /v1/api/sql HTTP/1.1\nHost: x\r\nContent-Length: 2\r\n\r\n{}', [400]],
    'only line feeds': ['GET /health HTTP/1.1\nHost: x\n\n', [400]],
    'a carriage return alone': [`${POST}X: a\rContent-Length: 2\r\n\r\n{}`, [400]],
    'a NUL in a value': [`${POST}X: a\0b\r\nContent-Length: 2\r\n\r\n{}`, [400]],
    'a NUL in a name': [`${POST}X\0: a\r\nContent-Length: 2\r\n\r\n{}`, [400]],
    'no name': [`${POST}: a\r\nContent-Length: 2\r\n\r\n{}`, [400]],
    'a coding that is not chunked': [`${POST}Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n`, [400]],
    'chunked, then something': [`${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, [400]],
    'something, then chunked': [`${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, [400]],
    'an x before chunked': [`${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, [400]],
    'quoted chunked': [`${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`, [400]],
    'chunked twice': [`${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400]],
    'chunked and identity': [`${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`, [400]],
    'an empty coding': [`${POST}Transfer-Encoding: \r\n\r\n0\r\n\r\n`, [400]],
    'a vertical tab before chunked': [`${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`, [400]],
    'chunks in HTTP/1.0': ['POST /v1/api/sql HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', [400]],
    'a chunk size that is no number': [`${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n0\r\n\r\n`, [400]],
    'a negative chunk': [`${POST}Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n`, [400]],
    'a chunk size past 64 bits': [`${POST}Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n`, [400]],
    'two hosts': ['GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', [400]],
    'no host': ['GET /health HTTP/1.1\r\n\r\n', [400]],
    // A chunked body ends its connection, whatever is taken for its end: what follows is never read as a request.
    'chunks': [`${POST}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`, [401]],
    'a chunk size with 0x': [`${POST}Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n`, [401]],
    'a chunk with an extension': [`${POST}Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n`, [401]],
    'a chunk extension with a line feed': [`${POST}Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0\r\n\r\n`, [400, 401]],
    'trailers': [`${POST}Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 60\r\n\r\n`, [401]],
    // One meaning: the second request is a request.
    'a body that looks like a request': [`${POST}Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`, [401, 404]],
    'a GET with a body': ['GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}', [200, 404]],
    'an empty line before': ['\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n', [200, 404]],
    'a request after an error': ['DELETE /health HTTP/1.1\r\nHost: x\r\n\r\n', [405, 404]],
};

for (const [name, [bytes, expected]] of Object.entries(CASES)) {
    test(`one meaning: ${name}`, async () => {
        const got = statuses(await exchange(bytes + SMUGGLED));
        const either = expected.length === 2 && expected[0] === 400;
        assert.deepStrictEqual(got, either ? [got[0] === 400 ? 400 : 401] : expected);
    });
}

test('requests in one packet are answered in order', async () => {
    const text = await exchange('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20) + SMUGGLED);
    assert.deepStrictEqual(statuses(text), [...Array(20).fill(200), 404]);
});

test('a request that is cut in two at every byte has the same answer', async () => {
    const bytes = 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    for (let at = 1; at < bytes.length; at++) {
        const socket = net.connect(server.port, '127.0.0.1');
        socket.setNoDelay(true);
        let text = '';
        socket.on('data', (part) => { text += part; });
        socket.write(bytes.slice(0, at));
        await new Promise((resolve) => { setImmediate(resolve); });
        socket.write(bytes.slice(at));
        await within(30000 * slowness, 'close', once(socket, 'close'));
        assert.deepStrictEqual(statuses(text), [200]);
    }
});

test('a head over the limit is 431, under it is served', async () => {
    const head = (bytes) => `GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ${'a'.repeat(bytes)}\r\n\r\n`;
    assert.deepStrictEqual(statuses(await exchange(head(15000))), [200]);
    assert.deepStrictEqual(statuses(await exchange(head(17000) + SMUGGLED)), [431]);
});

test('clients that trickle are cut, and others are served meanwhile', async () => {
    const strict = await startServer({ options: { 'performance.client_request_timeout': 1, 'performance.request_timeout': 3 } });
    try {
        const { root } = await strict.setUp();
        const slow = (first) => {
            const socket = net.connect(strict.port, '127.0.0.1');
            const begun = Date.now();
            socket.on('error', () => {});
            socket.write(first);
            const drip = setInterval(() => socket.write('a'), 50);
            socket.resume();
            return once(socket, 'close').then(() => {
                clearInterval(drip);
                return Date.now() - begun;
            });
        };
        const heads = Array.from({ length: 30 }, () => slow('GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: '));
        const bodies = Array.from({ length: 30 }, () => slow('POST /v1/api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{'));
        let answered = 0;
        const all = Promise.all([...heads, ...bodies]);
        let over = false;
        all.then(() => { over = true; });
        while (!over) {
            await root.sql('SELECT 1');
            answered += 1;
        }
        const times = await within(60000 * slowness, 'slow clients are cut', all);
        assert.ok(Math.max(...times.slice(0, 30)) < 30000 * slowness, `heads: ${times}`);
        assert.ok(answered > 3, `${answered} statements meanwhile`); // who waits for a slow client answers one or two
    } finally {
        await strict.stop();
    }
});

test('one address has so many connections; this machine and others are not affected', async (t) => {
    const outside = Object.values(os.networkInterfaces()).flat().find((at) => at.family === 'IPv4' && !at.internal);
    if (outside === undefined) {
        t.skip('this machine has no address but loopback');
        return;
    }
    const open = await startServer({ options: { 'server.host': '0.0.0.0', 'rate_limit.max_connections_per_ip': 10 } });
    try {
        const ask = async (socket) => {
            socket.write('GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n');
            return Promise.race([once(socket, 'data').then(([data]) => statuses(data.toString())[0]), once(socket, 'close').then(() => 'closed')]).catch(() => 'closed'); // or reset
        };
        const sockets = Array.from({ length: 20 }, () => net.connect(open.port, outside.address).on('error', () => {}));
        const answers = await within(30000 * slowness, 'answers', Promise.all(sockets.map(ask)));
        assert.strictEqual(answers.filter((answer) => answer === 404).length, 10);
        assert.strictEqual(answers.filter((answer) => answer === 'closed').length, 10);
        assert.strictEqual((await open.client().get('/health')).status, 200);
        sockets.forEach((socket) => socket.destroy());
        let again = 'closed';
        const deadline = Date.now() + 30000 * slowness;
        while (again === 'closed' && Date.now() < deadline) {
            const socket = net.connect(open.port, outside.address).on('error', () => {});
            again = await ask(socket);
            socket.destroy();
        }
        assert.strictEqual(again, 404);
    } finally {
        await open.stop();
    }
});

test('no cache keeps answers, and nobody takes them for anything but JSON', async () => {
    const answers = [
        await server.client().get('/health'),
        await server.client().get('/nowhere'),
        await server.root.sqlRaw('SELECT 1'),
        await server.root.sqlRaw('SELECT'),
        await server.root.get('/v1/api/auth/me'),
        await server.client().post('/v1/api/auth/login', { user: 'root', password: 'wrong' }),
    ];
    for (const answer of answers) {
        assert.strictEqual(answer.headers['cache-control'], 'no-store');
        assert.strictEqual(answer.headers['x-content-type-options'], 'nosniff');
        assert.strictEqual(answer.headers['content-type'], 'application/json');
        assert.strictEqual(answer.headers['strict-transport-security'], undefined);
        assert.strictEqual(answer.headers.server ?? '', '');
    }
});

test('only the origins that are allowed may read answers', async () => {
    const ask = (origin) => server.client().request('OPTIONS', '/v1/api/sql', { headers: { origin, 'access-control-request-method': 'POST' } });
    const allowed = await ask('https://app.example');
    assert.strictEqual(allowed.status, 204);
    assert.strictEqual(allowed.headers['access-control-allow-origin'], 'https://app.example');
    assert.match(allowed.headers['access-control-allow-methods'], /POST/);
    assert.strictEqual(allowed.headers['access-control-max-age'], '3600');
    for (const origin of ['https://evil.example', 'https://app.example.evil.example', 'http://app.example', 'null']) {
        const refused = await ask(origin);
        assert.strictEqual(refused.headers['access-control-allow-origin'], undefined);
        assert.strictEqual(refused.headers['access-control-allow-methods'], undefined);
        assert.match(refused.headers.vary, /Origin/);
    }
});

test('the other CORS options say what they say', async () => {
    const other = await startServer({ options: {
        'security.cors.allowed_methods': 'POST', 'security.cors.allowed_headers': 'X-One', 'security.cors.expose_headers': 'X-Two', 'security.cors.allow_credentials': false,
        'security.cors.max_age': 7, 'security.cors.allow_private_network': true,
    } });
    try {
        const headers = { origin: 'https://a.example', 'access-control-request-private-network': 'true' };
        const answer = await other.client().request('OPTIONS', '/v1/api/sql', { headers });
        const said = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name.startsWith('access-control')));
        assert.deepStrictEqual(said, {
            'access-control-allow-methods': 'POST', 'access-control-allow-headers': 'X-One', 'access-control-max-age': '7', 'access-control-allow-private-network': 'true',
            'access-control-allow-origin': 'https://a.example', 'access-control-expose-headers': 'X-Two',
        });
    } finally {
        await other.stop();
    }
});

// It must not be over before all that is asked meanwhile is answered.
const BAN_S = slowness > 4 ? 30 : 10;

test('requests are limited per address, and an address that goes on is shut out', async () => {
    const limited = await startServer({ options: { 'rate_limit.max_requests_per_ip_per_sec': 10, 'rate_limit.ban_duration_seconds': BAN_S } });
    try {
        const ask = (address) => limited.client().get('/v1/api/auth/me', { headers: address === undefined ? {} : { 'x-forwarded-for': address } });
        const flood = await Promise.all(Array.from({ length: 100 }, () => ask('203.0.113.9')));
        const of = (error) => flood.filter((answer) => answer.json.error === error);
        assert.ok(of('unauthorized').length >= 10, 'the limit is what it says');
        assert.ok(of('RATE_LIMIT_EXCEEDED').length > 0 && of('IP_BANNED').length > 0, flood.map((answer) => answer.json.error).join());
        for (const [error, seconds] of [['RATE_LIMIT_EXCEEDED', 1], ['IP_BANNED', BAN_S]]) {
            const [answer] = of(error);
            assert.strictEqual(answer.status, 429);
            assert.strictEqual(answer.json.retry_after_seconds, seconds);
            assert.strictEqual(typeof answer.json.message, 'string');
            assert.ok(answer.headers['retry-after'] !== undefined && answer.headers['x-ratelimit-reset'] === String(seconds));
        }
        assert.strictEqual((await ask('203.0.113.9, 127.0.0.1')).json.error, 'IP_BANNED', 'nor does it become another by saying so');
        assert.strictEqual((await ask('198.51.100.1, 203.0.113.9')).json.error, 'IP_BANNED', 'what it says of others does not count');
        assert.strictEqual((await ask('203.0.113.10')).json.error, 'unauthorized', 'its neighbour');
        const local = await Promise.all(Array.from({ length: 60 }, () => ask()));
        assert.ok(local.every((answer) => answer.status === 401), 'this machine');
        let again;
        do {
            await new Promise((resolve) => { setTimeout(resolve, 100); });
            again = await ask('203.0.113.9');
        } while (again.status === 429);
        assert.strictEqual(again.json.error, 'unauthorized', 'and it ends');
    } finally {
        await limited.stop();
    }
});
