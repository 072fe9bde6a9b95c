// auth.test.js - the auth endpoints and Bearer authentication: wire protocol, sections 3 and 4.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const crypto = require('node:crypto');
const { Server, startServer, useServer, PASSWORD } = require('../lib/server.js');

const SECRET = 'a test secret that is longer than thirty-two characters';
const server = useServer(test, { options: { 'auth.jwt_secret': SECRET } });

const now = () => Math.floor(Date.now() / 1000);
const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function makeToken(claims, { header = { alg: 'HS256', typ: 'JWT' }, secret = SECRET, hash = 'sha256' } = {}) {
    const signed = `${base64url(header)}.${base64url(claims)}`;
    return `${signed}.${crypto.createHmac(hash, secret).update(signed).digest('base64url')}`;
}

// What a token of root says, with changes; undefined leaves a claim out.
function claims(changes = {}) {
    const { epoch } = decode(server.root.token)[1];
    const all = { epoch, sub: 'root', iss: 'kalamdb', iat: now(), exp: now() + 3600, role: 'system', token_type: 'access', username: 'root', email: null, ...changes };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function decode(token) {
    return token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
}

function cookies(answer) {
    return Object.fromEntries((answer.headers['set-cookie'] ?? []).map((line) => {
        const [pair, ...attributes] = line.split('; ');
        const at = pair.indexOf('=');
        return [pair.slice(0, at), { value: pair.slice(at + 1), attributes: attributes.map((text) => text.toLowerCase()) }];
    }));
}

function login(user, password, extra = {}) {
    return server.client().post('/v1/api/auth/login', { user, password, ...extra });
}

function assertSqlError(answer, status, code, message) {
    assert.strictEqual(answer.status, status, answer.text);
    assert.strictEqual(answer.json.status, 'error');
    assert.deepStrictEqual(answer.json.results, []);
    assert.strictEqual(typeof answer.json.took, 'number');
    assert.strictEqual(answer.json.error.code, code);
    assert.strictEqual(answer.json.error.message, message);
}

function assertAuthError(answer, status, error) {
    assert.strictEqual(answer.status, status, answer.text);
    assert.strictEqual(answer.json.error, error);
    assert.strictEqual(typeof answer.json.message, 'string');
    assert.strictEqual(answer.json.status, undefined);
}

test('login answers the user, a token pair and cookies', async () => {
    const before = Date.now();
    const answer = await login('admin', PASSWORD);
    assert.strictEqual(answer.status, 200, answer.text);
    assert.match(answer.headers['content-type'], /^application\/json/);
    const { user, admin_ui_access: adminUi, expires_at: expires, refresh_expires_at: refreshExpires, access_token: access, refresh_token: refresh } = answer.json;
    assert.deepStrictEqual(Object.keys(user).sort(), ['created_at', 'email', 'id', 'role', 'updated_at', 'username']);
    assert.deepStrictEqual([user.id, user.username, user.role, user.email], ['admin', 'admin', 'dba', null]);
    assert.match(user.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$/);
    assert.strictEqual(adminUi, true);
    const hours = (Date.parse(expires) - before) / 3600000;
    assert.ok(hours > 23.9 && hours < 24.1, `access for ${hours} h`);
    const days = (Date.parse(refreshExpires) - before) / 86400000;
    assert.ok(days > 6.9 && days < 7.1, `refresh for ${days} days`);

    const [header, claimed] = decode(access);
    assert.deepStrictEqual(header, { alg: 'HS256', typ: 'JWT' });
    assert.strictEqual(claimed.sub, 'admin');
    assert.strictEqual(claimed.username, 'admin');
    assert.strictEqual(claimed.iss, 'kalamdb');
    assert.strictEqual(claimed.role, 'dba');
    assert.strictEqual(claimed.email, null);
    assert.strictEqual(claimed.token_type, 'access');
    assert.ok(Math.abs(claimed.iat - now()) < 60);
    assert.strictEqual(claimed.exp - claimed.iat, 24 * 3600);
    assert.strictEqual(decode(refresh)[1].token_type, 'refresh');

    const set = cookies(answer);
    assert.deepStrictEqual(Object.keys(set).sort(), ['kalamdb_auth', 'kalamdb_refresh']);
    assert.strictEqual(set.kalamdb_auth.value, access);
    assert.strictEqual(set.kalamdb_refresh.value, refresh);
    for (const { attributes } of Object.values(set)) {
        assert.ok(attributes.includes('httponly') && attributes.includes('samesite=strict') && attributes.includes('path=/'), attributes.join());
        assert.ok(attributes.some((text) => text.startsWith('expires=')), attributes.join());
        assert.ok(!attributes.includes('secure'), 'not over http');
    }
});

test('`username` is another name of `user`', async () => {
    const answer = await server.client().post('/v1/api/auth/login', { username: 'admin', password: PASSWORD });
    assert.strictEqual(answer.status, 200, answer.text);
});

test('a user is told that the admin page is not for them', async () => {
    await server.createUser('plain');
    const answer = await login('plain', PASSWORD);
    assert.strictEqual(answer.json.admin_ui_access, false);
    assert.strictEqual(answer.json.user.role, 'user');
});

test('failed sign-ins cannot be told apart', async () => {
    await server.createUser('gone');
    await server.root.sql('DROP USER gone');
    for (const [user, password] of [['admin', 'wrong password'], ['nobody', PASSWORD], ['gone', PASSWORD], ['admin', ''], ['', PASSWORD]]) {
        const answer = await login(user, password);
        assertAuthError(answer, 401, 'unauthorized');
        assert.strictEqual(answer.json.message, 'Invalid credentials');
        assert.strictEqual(answer.headers['set-cookie'], undefined);
    }
});

test('bodies of login that cannot be read', async () => {
    const client = server.client();
    for (const body of ['', '{', '[]', '"x"', '{}', '{"user":"admin"}', '{"password":"x"}', '{"user":1,"password":"x"}', '{"user":"admin","password":null}',
        `{"user":"admin","password":"${PASSWORD}","wombat":1}`, Buffer.from([0x7b, 0xff, 0x7d]), JSON.stringify({ user: 'u'.repeat(129), password: 'x' }), JSON.stringify({ user: 'admin', password: 'p'.repeat(257) })]) {
        const answer = await client.post('/v1/api/auth/login', body);
        assert.strictEqual(answer.status, 400, `${body.toString().slice(0, 60)}: ${answer.text}`);
        assert.strictEqual(typeof answer.json?.error, 'string', answer.text);
    }
});

test('five failures in a row lock the account', async () => {
    await server.createUser('locked');
    for (let i = 0; i < 5; i++) {
        assertAuthError(await login('locked', 'wrong password'), 401, 'unauthorized');
    }
    assertAuthError(await login('locked', PASSWORD), 401, 'account_locked');
    const row = (await server.root.objects("SELECT failed_login_attempts, locked_until FROM system.users WHERE user_id = 'locked'"))[0];
    assert.strictEqual(row.failed_login_attempts, 5);
    const minutes = (row.locked_until / 1000 - Date.now()) / 60000;
    assert.ok(minutes > 14 && minutes < 15.1, `locked for ${minutes} minutes`);
});

test('a success in between starts the count again', async () => {
    await server.createUser('careless');
    for (let round = 0; round < 2; round++) {
        for (let i = 0; i < 4; i++) {
            assertAuthError(await login('careless', 'wrong password'), 401, 'unauthorized');
        }
        assert.strictEqual((await login('careless', PASSWORD)).status, 200);
    }
});

test('refresh gives a new pair, from the header or the cookie', async () => {
    const first = (await login('admin', PASSWORD)).json;
    const client = server.client();
    const byHeader = await client.request('POST', '/v1/api/auth/refresh', { token: first.refresh_token, headers: { 'content-length': 0 } });
    assert.strictEqual(byHeader.status, 200, byHeader.text);
    assert.deepStrictEqual(Object.keys(byHeader.json).sort(), Object.keys(first).sort());
    assert.deepStrictEqual(Object.keys(cookies(byHeader)).sort(), ['kalamdb_auth', 'kalamdb_refresh']);
    assert.strictEqual(byHeader.json.user.username, 'admin');
    assert.strictEqual((await client.with(byHeader.json.access_token).sqlRaw('SELECT 1')).status, 200);
    const byCookie = await client.request('POST', '/v1/api/auth/refresh', { headers: { cookie: `other=1; kalamdb_refresh=${first.refresh_token}` } });
    assert.strictEqual(byCookie.status, 200, byCookie.text);
    const again = await client.request('POST', '/v1/api/auth/refresh', { token: byCookie.json.refresh_token });
    assert.strictEqual(again.status, 200, again.text);
});

test('refresh takes nothing but a good refresh token', async () => {
    const { access_token: access } = (await login('admin', PASSWORD)).json;
    const client = server.client();
    const refused = { none: null, access, nonsense: 'x.y.z', expired: makeToken(claims({ token_type: 'refresh', exp: now() - 120 })), role: makeToken(claims({ token_type: 'refresh', role: 'user' })) };
    for (const [name, token] of Object.entries(refused)) {
        const answer = await client.request('POST', '/v1/api/auth/refresh', { token });
        assert.strictEqual(answer.status, 401, `${name}: ${answer.text}`);
        assert.strictEqual(typeof answer.json.error, 'string', name);
    }
});

test('logout clears both cookies, also for nobody', async () => {
    const answer = await server.client().request('POST', '/v1/api/auth/logout');
    assert.strictEqual(answer.status, 200);
    assert.deepStrictEqual(answer.json, { message: 'Logged out successfully' });
    const set = cookies(answer);
    for (const name of ['kalamdb_auth', 'kalamdb_refresh']) {
        assert.strictEqual(set[name].value, '');
        const expires = set[name].attributes.find((text) => text.startsWith('expires='));
        assert.ok(Date.parse(expires.slice(8)) <= 86400000, expires);
    }
});

test('logout ends the sign-in that the token belongs to, for good', async () => {
    const own = await startServer();
    try {
        await own.setUp();
        const [first, second, third] = await Promise.all([own.signIn('admin'), own.signIn('admin'), own.signIn('admin')]);
        const works = async (client) => (await client.sqlRaw('SELECT 1')).status === 200;
        const renews = async (token) => (await own.client().request('POST', '/v1/api/auth/refresh', { token })).status === 200;
        assert.ok(await works(first), 'before'); // and it is in the cache of tokens now
        assert.strictEqual((await first.request('POST', '/v1/api/auth/logout')).status, 200);
        const byCookies = await own.client().request('POST', '/v1/api/auth/logout', { headers: { cookie: `kalamdb_auth=nonsense; kalamdb_refresh=${second.refreshToken}` } });
        assert.strictEqual(byCookies.status, 200);
        for (let round = 0; round < 2; round++) {
            for (const gone of [first, second]) {
                assert.strictEqual((await own.client(gone.token).fails('SELECT 1')).code, 'INVALID_CREDENTIALS');
                assertAuthError(await own.client().get('/v1/api/auth/me', { token: gone.token }), 401, 'unauthorized');
                assert.ok(!await renews(gone.refreshToken));
            }
            assert.ok(await works(own.client(third.token)), 'another sign-in of the same user');
            await own.restart({ kill: true });
        }
        assert.ok(await renews(third.refreshToken));
    } finally {
        await own.stop();
    }
});

test('a refresh token that comes again late ends the sign-in', async () => {
    const strict = await startServer({ options: { 'auth.refresh_reuse_seconds': 0 } });
    try {
        await strict.setUp();
        const stolen = await strict.signIn('admin');
        const other = await strict.signIn('admin');
        const refresh = (token) => strict.client().request('POST', '/v1/api/auth/refresh', { token });
        const second = await refresh(stolen.refreshToken);
        assert.strictEqual(second.status, 200, second.text);
        assert.strictEqual((await stolen.sqlRaw('SELECT 1')).status, 200, 'the access token stays good');
        await new Promise((resolve) => { setTimeout(resolve, 5); }); // `0` means later than the same instant
        assertAuthError(await refresh(stolen.refreshToken), 401, 'unauthorized');
        assertAuthError(await refresh(second.json.refresh_token), 401, 'unauthorized');
        for (const token of [stolen.token, second.json.access_token]) {
            assert.strictEqual((await strict.client(token).fails('SELECT 1')).code, 'INVALID_CREDENTIALS');
        }
        assert.strictEqual((await other.sqlRaw('SELECT 1')).status, 200, 'other sign-ins stay');
        assert.deepStrictEqual(await strict.root.rows("SELECT action, target, ip_address FROM system.audit_log WHERE details LIKE '%refresh token came again%'"), [['LOGIN_FAILED', 'user:admin', '127.0.0.1']]);
    } finally {
        await strict.stop();
    }
});

test('refreshing all at once with one token gives everybody a pair that works', async () => {
    const { refresh_token: token } = (await login('admin', PASSWORD)).json;
    const client = server.client();
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.request('POST', '/v1/api/auth/refresh', { token })));
    for (const answer of answers) {
        assert.strictEqual(answer.status, 200, answer.text);
        assert.strictEqual((await client.with(answer.json.access_token).sqlRaw('SELECT 1')).status, 200);
    }
    const again = await client.request('POST', '/v1/api/auth/refresh', { token: answers[7].json.refresh_token });
    assert.strictEqual(again.status, 200, again.text);
});

test('me tells who one is, from the header or the cookie', async () => {
    const { access_token: access, refresh_token: refresh } = (await login('admin', PASSWORD)).json;
    const client = server.client();
    for (const options of [{ token: access }, { headers: { cookie: `kalamdb_auth=${access}` } }, { headers: { authorization: `bearer ${access}` } }]) {
        const answer = await client.get('/v1/api/auth/me', options);
        assert.strictEqual(answer.status, 200, answer.text);
        assert.deepStrictEqual(Object.keys(answer.json).sort(), ['admin_ui_access', 'user']);
        assert.strictEqual(answer.json.user.id, 'admin');
    }
    for (const token of [null, refresh, 'nonsense']) {
        assertAuthError(await client.get('/v1/api/auth/me', { token }), 401, 'unauthorized');
    }
});

test('protected routes say why a token is refused', async () => {
    const client = server.client();
    assertSqlError(await client.sqlRaw('SELECT 1'), 401, 'MISSING_AUTHORIZATION', 'Authentication required');
    assertSqlError(await client.with(makeToken(claims({ iat: now() - 7200, exp: now() - 3600 }))).sqlRaw('SELECT 1'), 401, 'TOKEN_EXPIRED', 'Invalid credentials');
    assert.strictEqual((await client.with(makeToken(claims())).sqlRaw('SELECT 1')).status, 200, 'the tokens made here are good');
    assert.strictEqual((await client.with(makeToken(claims({ role: undefined }))).sqlRaw('SELECT 1')).status, 200, 'the role claim is optional');
    assert.strictEqual((await client.with(makeToken(claims({ exp: now() - 30 }))).sqlRaw('SELECT 1')).status, 200, '60 s leeway');
    const good = makeToken(claims());
    const [head, body, signature] = good.split('.');
    const refused = {
        'other secret': makeToken(claims(), { secret: 'x'.repeat(40) }),
        'changed claims': `${head}.${base64url(claims({ sub: 'admin' }))}.${signature}`,
        'no signature': `${head}.${body}.`,
        'alg none': `${base64url({ alg: 'none', typ: 'JWT' })}.${body}.`,
        HS384: makeToken(claims(), { header: { alg: 'HS384', typ: 'JWT' }, hash: 'sha384' }),
        HS512: makeToken(claims(), { header: { alg: 'HS512', typ: 'JWT' }, hash: 'sha512' }),
        'RS256 named': makeToken(claims(), { header: { alg: 'RS256', typ: 'JWT' } }),
        'not yet valid': makeToken(claims({ nbf: now() + 600 })),
        'from the future': makeToken(claims({ iat: now() + 600 })),
        'no exp': makeToken(claims({ exp: undefined })),
        'other issuer': makeToken(claims({ iss: 'https://accounts.example.com' })),
        'no issuer': makeToken(claims({ iss: undefined })),
        'no subject': makeToken(claims({ sub: undefined })),
        'empty subject': makeToken(claims({ sub: '' })),
        'unknown user': makeToken(claims({ sub: 'nobody', role: 'user' })),
        'deleted user': makeToken(claims({ sub: 'gone', role: 'user' })),
        'other role': makeToken(claims({ role: 'dba' })),
        'refresh token': makeToken(claims({ token_type: 'refresh' })),
        'no token type': makeToken(claims({ token_type: undefined })),
        'not a token': 'abc',
        'two dots': '..',
        long: 'x'.repeat(8000),
    };
    for (const [name, token] of Object.entries(refused)) {
        const answer = await client.with(token).sqlRaw('SELECT 1');
        assert.strictEqual(answer.status, 401, `${name}: ${answer.text}`);
        assert.strictEqual(answer.json.error.code, 'INVALID_CREDENTIALS', name);
        assert.strictEqual(answer.json.error.message, 'Invalid credentials', name);
    }
    for (const authorization of [`Basic ${Buffer.from(`root:${PASSWORD}`).toString('base64')}`, 'Bearer', 'Bearer ', good, `Token ${good}`]) {
        const answer = await client.post('/v1/api/sql', { sql: 'SELECT 1' }, { headers: { authorization } });
        assert.strictEqual(answer.status, 401, `${authorization}: ${answer.text}`);
        assert.strictEqual(answer.json.status, 'error');
    }
});

test('a cookie does not authorise SQL', async () => {
    const { access_token: access } = (await login('admin', PASSWORD)).json;
    const answer = await server.client().post('/v1/api/sql', { sql: 'SELECT 1' }, { headers: { cookie: `kalamdb_auth=${access}` } });
    assertSqlError(answer, 401, 'MISSING_AUTHORIZATION', 'Authentication required');
});

test('a token ends with its user, role and password', async () => {
    const dropped = await server.createUser('dropped');
    await dropped.sql('SELECT 1');
    await server.root.sql('DROP USER dropped');
    assert.strictEqual((await dropped.fails('SELECT 1')).code, 'INVALID_CREDENTIALS');
    assertAuthError(await login('dropped', PASSWORD), 401, 'unauthorized');

    const promoted = await server.createUser('promoted');
    await promoted.sql('SELECT 1');
    await server.root.sql('ALTER USER promoted SET ROLE service');
    assert.strictEqual((await promoted.fails('SELECT 1')).code, 'INVALID_CREDENTIALS');
    assert.strictEqual(await (await server.signIn('promoted')).value('SELECT CURRENT_ROLE()'), 'service');

    const changed = await server.createUser('changed');
    await server.root.sql("ALTER USER changed SET PASSWORD 'quite another one'");
    assertAuthError(await login('changed', PASSWORD), 401, 'unauthorized');
    assert.strictEqual((await login('changed', 'quite another one')).status, 200);
    assert.strictEqual((await changed.fails('SELECT 1')).status, 401, 'tokens from before the change are void');
});

test('user ids are case-sensitive, and any text but paths', async () => {
    const lower = await server.createUser('zoë o\'hara');
    assert.strictEqual(await lower.value('SELECT CURRENT_USER'), "zoë o'hara");
    await server.createUser('Case');
    assertAuthError(await login('case', PASSWORD), 401, 'unauthorized');
    assert.strictEqual((await login('Case', PASSWORD)).status, 200);
});

test('set-up works once', async () => {
    const answer = await server.client().post('/v1/api/auth/setup', { user: 'again', password: PASSWORD, root_password: PASSWORD });
    assertAuthError(answer, 409, 'already_configured');
    assert.strictEqual((await server.client().get('/v1/api/auth/status')).json.needs_setup, false);
});

test('before set-up nothing else works, and set-up checks what it is given', async () => {
    const fresh = await startServer();
    try {
        const client = fresh.client();
        const status = await client.get('/v1/api/auth/status');
        assert.strictEqual(status.json.needs_setup, true);
        assert.strictEqual(typeof status.json.message, 'string');
        assertAuthError(await client.post('/v1/api/auth/login', { user: 'root', password: '' }), 428, 'setup_required');
        assertAuthError(await client.post('/v1/api/auth/login', { user: 'root', password: PASSWORD }), 401, 'unauthorized');
        assertSqlError(await client.sqlRaw('SELECT 1'), 401, 'MISSING_AUTHORIZATION', 'Authentication required');
        const setup = (changes) => client.post('/v1/api/auth/setup', { user: 'boss', password: PASSWORD, root_password: PASSWORD, ...changes });
        assertAuthError(await setup({ password: 'short' }), 400, 'weak_password');
        assertAuthError(await setup({ root_password: 'short' }), 400, 'weak_password');
        assertAuthError(await setup({ password: 'password' }), 400, 'weak_password');
        assertAuthError(await setup({ password: 'x'.repeat(73) }), 400, 'weak_password');
        assertAuthError(await setup({ user: 'root' }), 400, 'invalid_user');
        assertAuthError(await setup({ user: '../x' }), 400, 'invalid_user');
        assertAuthError(await setup({ user: '' }), 400, 'invalid_user');
        for (const body of ['', '{', '{}', '[]', JSON.stringify({ user: 'boss', password: PASSWORD }), JSON.stringify({ user: 'boss', password: PASSWORD, root_password: PASSWORD, wombat: 1 })]) {
            assert.strictEqual((await client.post('/v1/api/auth/setup', body)).status, 400, body);
        }
        assert.strictEqual((await client.get('/v1/api/auth/status')).json.needs_setup, true, 'none of these did anything');
        const done = await client.post('/v1/api/auth/setup', { username: 'boss', password: PASSWORD, root_password: PASSWORD, email: 'boss@example.com' });
        assert.strictEqual(done.status, 200, done.text);
        assert.strictEqual(done.json.user.email, 'boss@example.com');
        assert.strictEqual(done.json.user.role, 'dba');
        assert.strictEqual(done.json.access_token, undefined, 'set-up does not sign in');
        assert.strictEqual(done.headers['set-cookie'], undefined);
        fresh.root = await fresh.signIn('root');
        assert.strictEqual(await fresh.root.value('SELECT CURRENT_ROLE()'), 'system');
        assert.strictEqual((await fresh.signIn('boss')).user, 'boss');
    } finally {
        await fresh.stop();
    }
});

test('two set-ups at once: one wins', async () => {
    const fresh = await startServer();
    try {
        const answers = await Promise.all(['one', 'two', 'three', 'four'].map((user) => fresh.client().post('/v1/api/auth/setup', { user, password: PASSWORD, root_password: `${PASSWORD} of ${user}` })));
        assert.deepStrictEqual(answers.map((answer) => answer.status).sort(), [200, 409, 409, 409]);
        const winner = answers.find((answer) => answer.status === 200).json.user.id;
        fresh.root = await fresh.signIn('root', `${PASSWORD} of ${winner}`);
        assert.deepStrictEqual(await fresh.root.rows('SELECT user_id FROM system.users ORDER BY user_id'), [[winner], ['root']].sort());
    } finally {
        await fresh.stop();
    }
});

test('a root password from the configuration makes set-up unnecessary', async () => {
    const fresh = await startServer({ env: { KALAMDB_ROOT_PASSWORD: PASSWORD } });
    try {
        assert.strictEqual((await fresh.client().get('/v1/api/auth/status')).json.needs_setup, false);
        assert.strictEqual(await (await fresh.signIn('root')).value('SELECT 1 AS n'), '1');
        assertAuthError(await fresh.client().post('/v1/api/auth/setup', { user: 'boss', password: PASSWORD, root_password: PASSWORD }), 409, 'already_configured');
    } finally {
        await fresh.stop();
    }
});

test('a forwarded caller is not local, and cannot claim to be', async () => {
    const fresh = await startServer();
    try {
        const client = fresh.client();
        const paths = [['GET', '/v1/api/auth/status'], ['GET', '/health'], ['GET', '/v1/api/healthcheck']];
        for (const [method, path] of paths) {
            assert.strictEqual((await client.request(method, path)).status, 200, path);
            assert.strictEqual((await client.request(method, path, { headers: { 'x-forwarded-for': '203.0.113.9' } })).status, 403, path);
            assert.strictEqual((await client.request(method, path, { headers: { 'x-real-ip': '203.0.113.9' } })).status, 403, path);
            assert.strictEqual((await client.request(method, path, { headers: { 'x-forwarded-for': '203.0.113.9, 127.0.0.1' } })).status, 403, path);
        }
        const remote = await client.post('/v1/api/auth/setup', { user: 'boss', password: PASSWORD, root_password: PASSWORD }, { headers: { 'x-forwarded-for': '203.0.113.9' } });
        assertAuthError(remote, 403, 'forbidden');
        assert.deepStrictEqual((await client.get('/health', { headers: { 'x-forwarded-for': '203.0.113.9' } })).json, { error: 'Access denied. Health endpoint is localhost-only.' });
    } finally {
        await fresh.stop();
    }
});

test('sign-ins are limited per address', async () => {
    const limited = await startServer({ options: { 'rate_limit.max_auth_requests_per_ip_per_sec': 5 } });
    try {
        const answers = await Promise.all(Array.from({ length: 30 }, () => limited.client().post('/v1/api/auth/login', { user: 'nobody', password: PASSWORD })));
        const refused = answers.filter((answer) => answer.status === 429);
        assert.ok(refused.length > 0, 'some of 30 at once');
        assert.ok(refused.length < 30, 'not all of 30');
        refused.forEach((answer) => assertAuthError(answer, 429, 'rate_limited'));
        assert.ok(refused[0].headers['retry-after'] !== undefined);
    } finally {
        await limited.stop();
    }
});

test('a queue full of passwords does not hold up the stop', async () => {
    const busy = await startServer({ options: { 'auth.bcrypt_cost': 12, 'rate_limit.max_auth_requests_per_ip_per_sec': 0, 'server.shutdown_grace_seconds': 0 } });
    try {
        const idle = busy.cpuSeconds();
        const waiting = Array.from({ length: 90 }, (_, i) => busy.client().post('/v1/api/auth/login', { user: `somebody ${i}`, password: PASSWORD }).catch(() => null));
        await Promise.race(waiting); // one or two are done; the others are in the queue
        const before = busy.cpuSeconds();
        const ended = busy.halt();
        let used = 0;
        while (busy.alive) { // processor time, as how long it takes depends on what else this machine does
            used = Math.max(used, busy.cpuSeconds() - before || 0);
            await new Promise((resolve) => { setTimeout(resolve, 5); });
        }
        await ended;
        await Promise.all(waiting);
        assert.ok(used < 20 * (before - idle), `${used} s at the stop, ${before - idle} s before the first was done`);
    } finally {
        await busy.stop();
    }
});

test('passwords and tokens are not in the log', async () => {
    const quiet = new Server({ options: { 'logging.level': 'trace' } });
    await quiet.start();
    try {
        await quiet.setUp();
        await quiet.root.sql("CREATE USER tester WITH PASSWORD 'sesame-open-up-1' ROLE user");
        await quiet.root.sql("ALTER USER tester SET PASSWORD 'sesame-open-up-2'");
        await quiet.root.fails("CREATE USER tester WITH PASSWORD 'sesame-open-up-3' ROLE user");
        await quiet.root.fails("CREATE USER tester2 WITH PASSWORD 'sesame-open-up-4' ROLE wombat");
        await quiet.root.fails("CREATE USER tester3 WITH PASSWORD 'sesame-open-up-5' ROLE user wombat");
        await quiet.client().post('/v1/api/auth/login', { user: 'tester', password: 'sesame-open-up-6' });
        const { token } = quiet.root;
        await quiet.halt();
        assert.ok(!quiet.output.includes('sesame'), 'a password');
        assert.ok(!quiet.output.includes(PASSWORD), 'the set-up password');
        assert.ok(!quiet.output.includes(token.split('.')[2]), 'a token');
    } finally {
        await quiet.stop();
    }
});
