// oidc.test.js - tokens of other issuers: which are taken, what each attack gets, and how keys come, change and fail to come.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const crypto = require('node:crypto');
const { Server, startServer, PASSWORD } = require('../lib/server.js');
const { startIssuer, makeKey, signToken, base64url, now, ALGS } = require('../lib/issuer.js');

const SECRET = 'a test secret that is longer than thirty-two characters';

let issuer;
const options = {};
const ready = startIssuer().then((started) => {
    issuer = started;
    Object.assign(options, { 'auth.jwt_secret': SECRET, 'auth.jwt_trusted_issuers': issuer.url, 'oauth.audience': 'kalamdb-app, other-app' });
});

let server;
test.before(async () => {
    await ready;
    server = await startServer({ options });
    await server.setUp();
    await server.root.sql(`CREATE USER alice WITH OAUTH '{"provider":"${issuer.url}","subject":"alice-1"}' ROLE service EMAIL 'alice@example.com'`);
    await server.root.sql(`CREATE USER gone WITH OIDC '{"issuer":"${issuer.url}","subject":"gone-1"}' ROLE user`);
    await server.root.sql(`CREATE USER elsewhere WITH OAUTH '{"provider":"https://accounts.example.com","subject":"elsewhere-1"}' ROLE user`);
});
test.after(async () => {
    await server?.stop();
    await issuer.stop();
});

const sql = (token, on = server) => on.client(token).sqlRaw('SELECT CURRENT_USER, CURRENT_ROLE()');

async function assertTaken(token, user = 'alice', role = 'service', on = server) {
    const answer = await sql(token, on);
    assert.strictEqual(answer.status, 200, answer.text);
    assert.deepStrictEqual(answer.json.results[0].rows, [[user, role]]);
}

async function assertRefused(token, why, { on = server, code = 'INVALID_CREDENTIALS', status = 401 } = {}) {
    const answer = await sql(token, on);
    assert.strictEqual(answer.status, status, `${why}: ${answer.text}`);
    assert.strictEqual(answer.json.error.code, code, why);
    assert.ok(!answer.text.includes(token.split('.').at(-1) || '\0'), why);
}

test('a token of a trusted issuer is its subject, on every route', async () => {
    const token = issuer.token();
    for (let round = 0; round < 3; round++) {
        await assertTaken(token);
    }
    const me = await server.client().get('/v1/api/auth/me', { token });
    assert.strictEqual(me.status, 200, me.text);
    assert.deepStrictEqual([me.json.user.id, me.json.user.role, me.json.user.email], ['alice', 'service', 'alice@example.com']);
    assert.strictEqual((await server.client(token).sqlRaw('SELECT * FROM system.users')).status, 403, 'with the rights of the account');
    assert.strictEqual((await server.client(token).post('/api/sql', { sql: 'SELECT 1' })).status, 200);
    assert.deepStrictEqual([issuer.asked.discovery, issuer.asked.keys, issuer.asked.other], [1, 1, 0], 'fetched once');
});

test('the first token of all waits for the keys, with its request whole', async () => {
    const fresh = await startServer({ options });
    try {
        await fresh.setUp();
        await fresh.root.sql(`CREATE USER alice WITH OAUTH '{"provider":"${issuer.url}","subject":"alice-1"}' ROLE user`);
        const text = 'x'.repeat(100000);
        const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => fresh.client(issuer.token({ jti: `${i}` })).sqlRaw(`SELECT $1 || '${i}' AS t`, [text])));
        answers.forEach((answer, i) => {
            assert.strictEqual(answer.status, 200, answer.text.slice(0, 200));
            assert.strictEqual(answer.json.results[0].rows[0][0], `${text}${i}`);
        });
        const me = await (await startedAgain(fresh)).client().get('/v1/api/auth/me', { token: issuer.token() });
        assert.strictEqual(me.json.user.id, 'alice', me.text);
    } finally {
        await fresh.stop();
    }
});

const startedAgain = (on) => on.restart();

test('a client that goes while its token is looked into harms nobody', async () => {
    const fresh = await startServer({ options });
    const held = [];
    try {
        await fresh.setUp();
        issuer.answers.keys = (request, response) => held.push(response);
        const token = issuer.token();
        const leaving = Array.from({ length: 5 }, () => {
            const stop = new AbortController();
            const gone = fresh.client(token).post('/v1/api/sql', { sql: 'SELECT 1' }, { signal: stop.signal }).catch((error) => error.name);
            return { stop, gone };
        });
        while (held.length === 0) {
            await new Promise((resolve) => { setTimeout(resolve, 5); });
        }
        leaving.forEach(({ stop }) => stop.abort());
        assert.deepStrictEqual([...new Set(await Promise.all(leaving.map(({ gone }) => gone)))], ['AbortError']);
        delete issuer.answers.keys;
        held.forEach((response) => response.end(JSON.stringify(issuer.jwks)));
        assert.strictEqual((await fresh.root.sqlRaw('SELECT 1')).status, 200);
    } finally {
        delete issuer.answers.keys;
        held.forEach((response) => response.end('{}'));
        await fresh.stop();
    }
});

test('every algorithm of the reference', async () => {
    const first = [...issuer.keys];
    const fresh = await startServer({ options });
    try {
        issuer.keys = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'].map((alg) => makeKey(alg, `key of ${alg}`));
        await fresh.setUp();
        await fresh.root.sql(`CREATE USER alice WITH OAUTH '{"provider":"${issuer.url}","subject":"alice-1"}' ROLE user`);
        for (const key of issuer.keys) {
            const token = issuer.token({}, { key });
            if (key.alg === 'ES512') {
                await assertRefused(token, 'not one of them', { on: fresh });
                continue;
            }
            await assertTaken(token, 'alice', 'user', fresh);
            const [head, body, signed] = token.split('.');
            const bytes = Buffer.from(signed, 'base64url');
            for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
                const wrong = Buffer.from(bytes);
                wrong[at] ^= 1;
                await assertRefused(`${head}.${body}.${base64url(wrong)}`, `${key.alg}: a bit of the signature`, { on: fresh });
            }
            await assertRefused(`${head}.${base64url(issuer.claims({ sub: 'root' }))}.${signed}`, `${key.alg}: other claims`, { on: fresh });
            await assertRefused(`${head}.${body}.${base64url(bytes.subarray(1))}`, `${key.alg}: short`, { on: fresh });
            await assertRefused(`${head}.${body}.`, `${key.alg}: none`, { on: fresh });
            for (const other of Object.keys(ALGS).filter((alg) => alg !== key.alg)) {
                await assertRefused(issuer.token({}, { key, header: { alg: other } }), `${key.alg} called ${other}`, { on: fresh });
            }
        }
    } finally {
        issuer.keys = first;
        await fresh.stop();
    }
});

test('claims that do not fit', async () => {
    await assertTaken(issuer.token());
    const good = {
        'several audiences': { aud: ['x', 'other-app'] },
        'a minute late': { exp: now() - 30 },
        'a minute early': { nbf: now() + 30, iat: now() + 30 },
        'fractions of seconds': { iat: now() - 0.5, exp: now() + 100.5 },
        'no iat': { iat: undefined },
        'the role it has': { role: 'service' },
    };
    for (const changes of Object.values(good)) {
        await assertTaken(issuer.token(changes));
    }
    const refused = {
        'another audience': { aud: 'somebody-else' },
        'other audiences': { aud: ['x', 'y'] },
        'no audience': { aud: undefined },
        'an empty audience': { aud: '' },
        'an audience that is no text': { aud: { 'kalamdb-app': true } },
        'a number as audience': { aud: [1] },
        'part of an audience': { aud: 'kalamdb' },
        'another issuer': { iss: 'https://accounts.example.com' },
        'an issuer with more behind it': { iss: `${issuer.url}/` },
        'our own issuer': { iss: 'kalamdb' },
        'no issuer': { iss: undefined },
        'issuers in a list': { iss: [issuer.url] },
        'no subject': { sub: undefined },
        'an empty subject': { sub: '' },
        'a subject that is no text': { sub: 1 },
        'a subject that nobody is': { sub: 'nobody' },
        'a user id as subject': { sub: 'alice' },
        'root as subject': { sub: 'root' },
        "another issuer's subject": { sub: 'elsewhere-1' },
        'a very long subject': { sub: 's'.repeat(300) },
        'no exp': { exp: undefined },
        'exp as text': { exp: `${now() + 100}` },
        'from the future': { iat: now() + 600 },
        'not yet': { nbf: now() + 600 },
        'nbf as text': { nbf: '1' },
        'a role it has not': { role: 'system' },
        'a role that is no text': { role: ['service'] },
        'a refresh token': { token_type: 'refresh' },
    };
    for (const [why, changes] of Object.entries(refused)) {
        await assertRefused(issuer.token(changes), why);
    }
    await assertRefused(issuer.token({ exp: now() - 120 }), 'expired', { code: 'TOKEN_EXPIRED' });
    await assertRefused(issuer.token({ exp: -1e300 }), 'absurd');
});

test('forgeries', async () => {
    const claims = issuer.claims();
    const [key] = issuer.keys;
    const pem = key.publicKey.export({ format: 'pem', type: 'spki' });
    const hmac = (secret, header, what = claims) => {
        const text = `${base64url(header)}.${base64url(what)}`;
        return `${text}.${crypto.createHmac('sha256', secret).update(text).digest('base64url')}`;
    };
    const stranger = makeKey('RS256', 'first');
    const root = { sub: 'root', iss: 'kalamdb', iat: now(), exp: now() + 3600, token_type: 'access', role: 'system' };
    const forged = {
        'alg none': `${base64url({ alg: 'none', kid: 'first' })}.${base64url(claims)}.`,
        'alg None': `${base64url({ alg: 'None', kid: 'first' })}.${base64url(claims)}.${base64url('x')}`,
        'HS256 with the public key': hmac(pem, { alg: 'HS256', kid: 'first' }),
        'HS256 with the key as it is published': hmac(JSON.stringify(key.jwk), { alg: 'HS256', kid: 'first' }),
        'HS256 with our secret, in their name': hmac(SECRET, { alg: 'HS256', kid: 'first' }),
        'RS256 in our name': signToken(root, key),
        'our secret called RS256': hmac(SECRET, { alg: 'RS256', kid: 'first' }),
        "a stranger's key under a known id": signToken(claims, stranger),
        'a key in the header': signToken(claims, stranger, { jwk: stranger.jwk }),
        'a key at a URL in the header': signToken(claims, stranger, { jku: `${issuer.url}/evil`, x5u: `${issuer.url}/evil` }),
        'a demand that is not known': signToken(claims, key, { crit: ['exp'] }),
        'an id as a list': signToken(claims, key, { kid: ['first'] }),
        'no alg': signToken(claims, key, { alg: undefined }),
        'padding': `${signToken(claims, key)}=`,
        'four parts': `${signToken(claims, key)}.x`,
        'a header twice': `${Buffer.from('{"alg":"none","alg":"RS256","kid":"first"}').toString('base64url')}.${base64url(claims)}.${base64url('x')}`,
        'claims that are no object': (() => {
            const text = `${base64url({ alg: 'RS256', kid: 'first' })}.${base64url([claims])}`;
            return `${text}.${base64url(crypto.sign('sha256', Buffer.from(text), key.privateKey))}`;
        })(),
    };
    for (const [why, token] of Object.entries(forged)) {
        await assertRefused(token, why);
    }
    assert.strictEqual(issuer.asked.other, 0, 'no URL of a header was asked');
    await assertTaken(signToken(claims, key, { kid: undefined }), 'alice', 'service'); // one key for the algorithm: no doubt which
});

test('an account that is gone, or that a password made, is nobody to an issuer', async () => {
    await assertTaken(issuer.token({ sub: 'gone-1' }), 'gone', 'user');
    await server.root.sql('DROP USER gone');
    await assertRefused(issuer.token({ sub: 'gone-1' }), 'dropped');
    await server.createUser('bob');
    await assertRefused(issuer.token({ sub: 'bob' }), 'a password account');
    const login = await server.client().post('/v1/api/auth/login', { user: 'alice', password: PASSWORD });
    assert.strictEqual(login.status, 401, 'and an OAuth account has no password');
    const twice = await server.root.fails(`CREATE USER alice2 WITH OAUTH '{"provider":"${issuer.url}","subject":"alice-1"}' ROLE dba`);
    assert.match(twice.text, /Another user has this provider and subject/);
});

test('sign-out ends a token of another issuer here', async () => {
    const token = issuer.token({ jti: 'leaving' });
    await assertTaken(token);
    assert.strictEqual((await server.client().request('POST', '/v1/api/auth/logout', { token })).status, 200);
    await assertRefused(token, 'signed out');
    await assertTaken(issuer.token({ jti: 'staying' }));
    await server.restart();
    server.root = await server.signIn('root');
    await assertRefused(token, 'signed out, after a restart');
    assert.strictEqual((await server.client().request('POST', '/v1/api/auth/refresh', { token: issuer.token() })).status, 401, 'nor is it a refresh token');
});

test('a key that is new is fetched; one that is gone serves no more', async () => {
    await assertTaken(issuer.token());
    const [old] = issuer.keys;
    const next = makeKey('ES256', 'second');
    issuer.keys = [next, old];
    const before = issuer.asked.keys;
    await assertTaken(issuer.token({}, { key: next }));
    await assertTaken(issuer.token({ jti: 'again' }, { key: old }));
    assert.strictEqual(issuer.asked.keys, before + 1);
    issuer.keys = [makeKey('RS256', 'third')];
    await assertTaken(issuer.token());
    await assertRefused(issuer.token({ jti: 'late' }, { key: old }), 'withdrawn');
    issuer.keys = [old];
});

test('unknown keys cannot make the server ask without end, nor reach anything', async () => {
    const fresh = await startServer({ options });
    try {
        await fresh.setUp();
        const before = { ...issuer.asked };
        const kids = ['../../../../etc/passwd', '/etc/passwd', "' OR 1=1 --", 'http://127.0.0.1/', '\u0000', 'x'.repeat(5000), '%2e%2e%2f', '', ...Array.from({ length: 60 }, (_, i) => `unknown ${i}`)];
        const stranger = makeKey('RS256', 'unknown');
        const answers = await Promise.all(kids.map((kid) => sql(signToken(issuer.claims(), stranger, { kid }), fresh)));
        answers.forEach((answer, i) => assert.strictEqual(answer.status, 401, `${kids[i].slice(0, 40)}: ${answer.text}`));
        assert.ok(issuer.asked.keys - before.keys <= 5, `${issuer.asked.keys - before.keys} fetches for ${kids.length} tokens`);
        assert.strictEqual(issuer.asked.other, before.other);
    } finally {
        await fresh.stop();
    }
});

// A server of its own, because what it fetched first it keeps.
async function withFresh(answers, check) {
    const fresh = await startServer({ options });
    try {
        await fresh.setUp();
        await fresh.root.sql(`CREATE USER alice WITH OAUTH '{"provider":"${issuer.url}","subject":"alice-1"}' ROLE user`);
        Object.assign(issuer.answers, answers);
        await check(fresh);
    } finally {
        Object.keys(answers).forEach((name) => delete issuer.answers[name]);
        await fresh.stop();
    }
}

const say = (body, status = 200, headers = {}) => (request, response) => response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));

test('keys that cannot be had, or are no keys', async () => {
    const unavailable = { code: 'OVERLOADED', status: 503 };
    const cases = {
        'an error': { keys: say('', 500) },
        'not found': { keys: say('', 404) },
        'not JSON': { keys: say('<html>') },
        'no set': { keys: say({}) },
        'keys that are no list': { keys: say({ keys: {} }) },
        'a huge set': { keys: (request, response) => response.end(`{"keys":[${'{"kty":"oct"},'.repeat(200000)}{}]}`) },
        'too many keys': { keys: say({ keys: Array(65).fill(issuer.jwks.keys[0]) }) },
        'a redirect to another scheme': { keys: say('', 302, { location: 'file:///etc/passwd' }) },
        'no discovery': { discovery: say('', 404) },
        'a discovery of another issuer': { discovery: say({ ...issuer.discovery, issuer: 'https://accounts.example.com' }) },
        'a discovery without keys': { discovery: say({ issuer: issuer.url }) },
        'keys in the clear elsewhere': { discovery: say({ ...issuer.discovery, jwks_uri: 'http://192.0.2.1/keys' }) },
        'keys in a file': { discovery: say({ ...issuer.discovery, jwks_uri: 'file:///etc/passwd' }) },
        'an endless answer that is cut off': { keys: (request, response) => { response.write('{"keys":['); response.destroy(); } },
    };
    for (const [why, answers] of Object.entries(cases)) {
        await withFresh(answers, async (fresh) => {
            await assertRefused(issuer.token(), why, { on: fresh, ...unavailable });
            assert.strictEqual((await fresh.root.sqlRaw('SELECT 1')).status, 200, why);
            Object.keys(answers).forEach((name) => delete issuer.answers[name]);
            await assertTaken(issuer.token({ jti: 'later' }), 'alice', 'user', fresh); // as soon as they can be had
        });
    }
});

test('keys that serve nothing are passed over', async () => {
    const [key] = issuer.keys;
    const weak = makeKey('RS256', 'weak', { modulusLength: 1024 });
    const curve = makeKey('ES256', 'curve');
    const off = { ...curve.jwk, kid: 'off', y: base64url(Buffer.alloc(32, 7)) };
    const jwks = { keys: [null, 1, 'x', {}, { kty: 'oct', k: 'c2VjcmV0', kid: 'first' }, { ...key.jwk, use: 'enc' }, { ...key.jwk, alg: 'RS512' }, { ...key.jwk, n: '' }, { ...key.jwk, e: base64url(Buffer.from([1])) },
        { ...key.jwk, n: '!!' }, weak.jwk, off, { kty: 'EC', crv: 'P-256', kid: 'short', x: 'AA', y: 'AA' }, key.jwk] };
    await withFresh({ keys: say(jwks) }, async (fresh) => {
        await assertTaken(issuer.token(), 'alice', 'user', fresh);
        await assertRefused(issuer.token({}, { key: weak }), 'too short', { on: fresh });
        await assertRefused(issuer.token({}, { key: curve, header: { kid: 'off' } }), 'off the curve', { on: fresh });
    });
});

test('a slow issuer holds up nobody else', async () => {
    const held = [];
    await withFresh({ keys: (request, response) => held.push(response) }, async (fresh) => {
        const waiting = Promise.all(Array.from({ length: 4 }, (_, i) => sql(issuer.token({ jti: `slow ${i}` }), fresh)));
        while (held.length === 0) {
            await new Promise((resolve) => { setTimeout(resolve, 5); });
        }
        for (let i = 0; i < 50; i++) {
            assert.strictEqual((await fresh.root.sqlRaw('SELECT 1')).status, 200);
        }
        assert.strictEqual((await fresh.signIn('admin')).user, 'admin');
        assert.strictEqual(held.length, 1, 'one fetch for all of them');
        held[0].end(JSON.stringify(issuer.jwks));
        (await waiting).forEach((answer) => assert.strictEqual(answer.status, 200, answer.text));
    });
});

test('the server stops while it waits for an issuer', async () => {
    const held = [];
    await withFresh({ keys: (request, response) => held.push(response) }, async (fresh) => {
        const waiting = sql(issuer.token(), fresh).catch(() => null);
        while (held.length === 0) {
            await new Promise((resolve) => { setTimeout(resolve, 5); });
        }
        await fresh.halt();
        await waiting;
    });
    held.forEach((response) => response.destroy());
});

test('accounts made at first sight', async () => {
    const own = await startServer({ options: { ...options, 'oauth.auto_provision': true, 'oauth.default_role': 'service' } });
    try {
        await own.setUp();
        const users = () => own.root.rows("SELECT user_id, role, email, auth_type, auth_data FROM system.users WHERE auth_type = 'oauth' ORDER BY created_at, user_id");
        const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => sql(issuer.token({ sub: 'new-1', email: 'new@example.com', jti: `${i}` }), own)));
        answers.forEach((answer) => assert.strictEqual(answer.status, 200, answer.text));
        const [[id, role, email, type, data]] = await users();
        assert.match(id, /^oidc:x[0-9a-f]{8}:new-1$/);
        assert.deepStrictEqual([role, email, type], ['service', 'new@example.com', 'oauth']);
        assert.deepStrictEqual(typeof data === 'string' ? JSON.parse(data) : data, { provider: issuer.url, subject: 'new-1' });
        assert.strictEqual((await users()).length, 1, 'ten at once make one account');
        const recorded = await own.root.rows("SELECT actor_user_id, target, details FROM system.audit_log WHERE action = 'CREATE_USER' AND target LIKE 'oidc:%'");
        assert.strictEqual(recorded.length, 1, 'and one audit record');
        assert.deepStrictEqual(recorded[0].slice(0, 2), [id, id]);
        assert.match(recorded[0][2], /^Role: Service, at first sign-in: .*new-1/);
        for (const sub of ['../../x', 'a/b', 'x'.repeat(200), 'ünï', '"quoted"']) {
            const answer = await sql(issuer.token({ sub, email: 'not an address', email_verified: false }), own);
            assert.strictEqual(answer.status, 200, answer.text);
            assert.match(answer.json.results[0].rows[0][0], /^oidc:/);
        }
        const all = await users();
        assert.strictEqual(all.length, 6);
        all.slice(1).forEach((row) => assert.strictEqual(row[2], null, 'an address nobody has checked is not kept'));
        const records = await own.root.rows("SELECT target FROM system.audit_log WHERE action = 'CREATE_USER' AND details LIKE '%another issuer%' ORDER BY target");
        assert.deepStrictEqual(records, all.map(([user]) => [`user:${user}`]).sort());
        await assertRefused(issuer.token({ sub: 'new-2', role: 'dba' }), 'a role is not asked for', { on: own });
        await own.root.sql(`DROP USER '${id}'`);
        await assertRefused(issuer.token({ sub: 'new-1' }), 'dropped accounts do not come back', { on: own });
        await assertRefused(signToken(issuer.claims({ sub: 'new-3' }), makeKey('RS256', 'first')), 'forged', { on: own });
        assert.ok(!(await users()).some(([user]) => user.endsWith('new-3')), 'and made nothing');
        await own.restart({ kill: true });
        await assertTaken(issuer.token({ sub: 'a/b' }), all.find(([, , , , text]) => JSON.stringify(text).includes('a/b'))[0], 'service', own);
    } finally {
        await own.stop();
    }
});

test('providers by name', async () => {
    const own = await startServer({ options: { 'oauth.enabled': true, 'oauth.providers.oidc.enabled': true, 'oauth.providers.oidc.issuer': issuer.url, 'oauth.providers.oidc.client_id': 'kalamdb-app', 'oauth.providers.oidc.jwks_uri': `${issuer.url}/keys`, 'oauth.auto_provision': true } });
    try {
        await own.setUp();
        const before = issuer.asked.discovery;
        await own.root.sql("CREATE USER alice WITH OAUTH '{\"provider\":\"oidc\",\"subject\":\"alice-1\"}' ROLE dba");
        await assertTaken(issuer.token(), 'alice', 'dba', own);
        await assertTaken(issuer.token({ sub: 'bob-1' }), 'oidc:oidc:bob-1', 'user', own);
        assert.strictEqual(issuer.asked.discovery, before, 'where the keys are was configured');
    } finally {
        await own.stop();
    }
});

test('without the option no other issuer is known', async () => {
    for (const more of [{}, { 'auth.jwt_trusted_issuers': 'kalamdb' }, { 'oauth.providers.oidc.enabled': true, 'oauth.providers.oidc.issuer': issuer.url, 'oauth.providers.oidc.client_id': 'kalamdb-app' }]) {
        const own = await startServer({ options: { 'oauth.auto_provision': true, ...more } });
        try {
            const before = issuer.asked.keys;
            await assertRefused(issuer.token(), JSON.stringify(more), { on: own });
            assert.strictEqual(issuer.asked.keys, before);
        } finally {
            await own.stop();
        }
    }
});

test('a configuration that would take anybody stops the start', async () => {
    const cases = [
        [{ 'auth.jwt_trusted_issuers': 'https://accounts.example.com' }, /client id/],
        [{ 'auth.jwt_trusted_issuers': 'http://accounts.example.com', 'oauth.audience': 'x' }, /not https/],
        [{ 'auth.jwt_trusted_issuers': 'accounts.example.com', 'oauth.audience': 'x' }, /not https/],
        [{ 'oauth.enabled': true, 'oauth.providers.azure.enabled': true, 'oauth.providers.azure.client_id': 'x' }, /oauth\.providers\.azure\.issuer/],
        [{ 'oauth.enabled': true, 'oauth.providers.google.enabled': true }, /client id/],
        [{ 'oauth.default_role': 'dba' }, /oauth\.default_role/],
    ];
    for (const [bad, pattern] of cases) {
        const own = new Server({ options: bad });
        try {
            await assert.rejects(own.start(), (error) => pattern.test(error.output), JSON.stringify(bad));
        } finally {
            own.remove();
        }
    }
});

