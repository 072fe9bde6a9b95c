// secrets.test.js - passwords, tokens and keys, each with a mark of its own, go through the server in every way there is; then
// the marks are looked for wherever somebody might read: answers, the log at its most talkative, every system table, the audit
// log, and the files of the data directory.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { Server } = require('../lib/server.js');
const { startIssuer } = require('../lib/issuer.js');

// Every secret of this test has "mArK" and a number in it, which nothing else has.
let count = 0;
const given = new Map(); // mark -> where it was used
function secret(where) {
    count += 1;
    const mark = `mArK${String(count).padStart(4, '0')}`;
    given.set(mark, where);
    return `${mark}-sesame-open-up-wide`;
}

const answers = [];
const logged = [];

function listening(server) {
    server.keep = (part) => logged.push(part.toString());
    return server;
}

async function ask(client, text, params) {
    const answer = await client.sqlRaw(text, params);
    answers.push(`${answer.status} ${answer.text}`);
    return answer;
}

async function post(client, where, body, options) {
    const answer = await client.post(where, body, options);
    if (answer.status !== 200) { // what succeeds gives tokens to whom they belong
        answers.push(`${answer.status} ${answer.text}`);
    }
    return answer;
}

// Every row of every system table that this client may read.
async function systemTables(client) {
    const names = (await client.rows("SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = 'system'")).map((row) => row.join('.'));
    assert.ok(names.length > 10, names.join());
    const texts = [];
    for (const name of names) {
        const answer = await client.sqlRaw(`SELECT * FROM ${name}`);
        if (answer.status === 200) {
            texts.push([name, answer.text]);
        }
    }
    assert.ok(texts.some(([name]) => name === 'system.users') && texts.some(([name]) => name === 'system.audit_log') && texts.some(([name]) => name === 'system.settings'), names.join());
    return texts;
}

function files(dir) {
    return fs.readdirSync(dir, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}

test('no secret is where anybody could read it', async () => {
    const issuer = await startIssuer();
    const rootPassword = secret('KALAMDB_ROOT_PASSWORD');
    const server = listening(new Server({
        env: { KALAMDB_ROOT_PASSWORD: rootPassword, KALAMDB_JWT_SECRET: secret('KALAMDB_JWT_SECRET').repeat(2), KALAMDB_OAUTH_PROVIDERS_GOOGLE_CLIENT_SECRET: secret('client_secret') },
        options: { 'auth.bcrypt_cost': 8, 'auth.jwt_trusted_issuers': issuer.url, 'oauth.audience': 'kalamdb-app', 'logging.level': 'trace', 'logging.slow_query_threshold_ms': 1, 'rate_limit.max_auth_requests_per_ip_per_sec': 0 },
    }));
    const tokens = [];
    try {
        await server.start();
        const root = await server.signIn('root', rootPassword);
        tokens.push(root.token, root.refreshToken);
        await root.sql('CREATE NAMESPACE app');

        // accounts, in statements that succeed and in ones that fail at each stage
        const first = secret('CREATE USER');
        await ask(root, `CREATE USER alice WITH PASSWORD '${first}' ROLE user EMAIL 'a@example.com'`);
        await ask(root, `CREATE USER admin WITH PASSWORD '${secret('CREATE USER, admin')}' ROLE dba`);
        for (const text of [
            `CREATE USER alice WITH PASSWORD '${secret('a name that is taken')}' ROLE user`,
            `CREATE USER bob WITH PASSWORD '${secret('a wrong role')}' ROLE wombat`,
            `CREATE USER bob WITH PASSWORD '${secret('a word too many')}' ROLE user wombat`,
            `CREATE USER bob WITH PASSWORD '${secret('an open quote')}`,
            `CREATE USER bob WITH PASSWORD "${secret('an identifier')}" ROLE user`,
            `CREATE USER bob WITH PASSWORD ${secret('a bare word').replaceAll('-', '_')} ROLE user`,
            `ALTER USER alice SET PASSWORD "${secret('ALTER USER, an identifier')}"`,
            `CREATE USER bob PASSWORD '${secret('WITH left out')}' ROLE user`,
            `CREATE USER 'a/b' WITH PASSWORD '${secret('a bad name')}' ROLE user`,
            `CREATE USER bob WITH PASSWORD '${secret('too long').repeat(4)}' ROLE user`,
            `CREATE USER bob WITH PASSWORD $x$${secret('dollar quotes')}$x$ ROLE wombat`,
            `CREATE USER bob WITH OAUTH '{"provider":"x","secret":"${secret('OAUTH without a subject')}"}' ROLE user`,
            `ALTER USER nobody SET PASSWORD '${secret('ALTER USER, nobody')}'`,
            `ALTER USER alice SET PASSWORD '${secret('ALTER USER, a word too many')}' wombat`,
            `ALTER USER alice SET PASSWORD = '${secret('ALTER USER, =')}'`,
            `ALTER USER root SET PASSWORD '${secret('trailing')}'; SELECT wombat FROM nowhere`,
            `SELECT 1; CREATE USER carol WITH PASSWORD '${secret('in a batch')}' ROLE user; SELECT 1 / 0`,
            `BEGIN; CREATE USER dave WITH PASSWORD '${secret('in a transaction')}' ROLE user; COMMIT`,
            `EXPLAIN CREATE USER bob WITH PASSWORD '${secret('EXPLAIN')}' ROLE user`,
            `EXECUTE AS USER 'alice' (ALTER USER alice SET PASSWORD '${secret('EXECUTE AS USER')}')`,
            `CREATE VIEW app.v AS CREATE USER bob WITH PASSWORD '${secret('in a view')}' ROLE user`,
            `/* x */ create   user erin with password '${secret('spaces and comments')}' role wombat`,
        ]) {
            await ask(root, text);
        }
        const rootAgain = await server.client().post('/v1/api/auth/login', { user: 'root', password: `${[...given].find(([, where]) => where === 'trailing')[0]}-sesame-open-up-wide` });
        assert.strictEqual(rootAgain.status, 200, 'that one did change root\'s password');
        root.token = rootAgain.json.access_token;
        tokens.push(root.token, rootAgain.json.refresh_token);

        // signing in, right and wrong, in every field
        const alice = await server.signIn('alice', first);
        tokens.push(alice.token, alice.refreshToken);
        const own = secret('ALTER USER, oneself');
        await ask(alice, `ALTER USER alice SET PASSWORD '${own}'`);
        const anew = await server.signIn('alice', own);
        tokens.push(anew.token, anew.refreshToken);
        const open = server.client();
        await post(open, '/v1/api/auth/login', { user: 'alice', password: secret('a wrong password') });
        await post(open, '/v1/api/auth/login', { user: 'nobody', password: secret('nobody\'s password') });
        await post(open, '/v1/api/auth/login', { user: 'alice', password: [secret('a password that is no text')] });
        await post(open, '/v1/api/auth/login', { user: 'alice', password: 'x', [secret('an unknown field')]: 1 });
        await post(open, '/v1/api/auth/login', `{"user":"alice","password":"${secret('broken JSON')}"`);
        await post(open, '/v1/api/auth/setup', { user: 'boss', password: secret('set-up'), root_password: secret('set-up, root') });
        await post(open, `/v1/api/auth/login?password=${secret('a query')}`, {});

        // tokens, good and damaged, where they belong and where not
        const refreshed = await server.client().request('POST', '/v1/api/auth/refresh', { token: anew.refreshToken });
        tokens.push(refreshed.json.access_token, refreshed.json.refresh_token);
        const outside = issuer.token({ jti: secret('a token of an issuer') });
        const strange = issuer.token({ sub: secret('an unknown subject') });
        tokens.push(outside, strange);
        for (const token of [`${anew.token}x`, anew.refreshToken, outside, strange, secret('no token at all')]) {
            await ask(server.client(token), 'SELECT 1');
            await server.client().request('POST', '/v1/api/auth/logout', { token });
            answers.push((await server.client().request('POST', '/v1/api/auth/refresh', { token })).text);
        }
        await ask(anew, `SELECT wombat('${refreshed.json.access_token}')`); // who sends it sees it again, in details at most

        const seen = [['answers', answers.slice(0, -1).join('\n')]];
        for (const client of [root, server.client(root.token)]) {
            seen.push(...await systemTables(client));
        }
        await server.halt();
        seen.push(['the log', logged.join('')]);
        for (const file of files(server.dataPath)) {
            seen.push([file, fs.readFileSync(file, 'latin1')]);
        }
        assert.ok(seen.length > 20);
        assert.ok(logged.join('').length > 2000, 'the log was heard');
        for (const [where, text] of seen) {
            for (const [mark, what] of given) {
                // The subject of a token and a field's name are no secrets: the one is an id, the other is not known here.
                if (what === 'an unknown field' && where === 'answers') {
                    continue;
                }
                const at = text.indexOf(mark);
                assert.strictEqual(at, -1, `${what} is in ${where}: ${text.slice(Math.max(0, at - 200), at + 100)}`);
            }
            for (const token of tokens) {
                const signature = token.split('.')[2];
                assert.ok(!text.includes(signature), `a token is in ${where}`);
            }
        }
        const hashes = seen.filter(([where]) => !where.startsWith(server.dataPath)).filter(([, text]) => /\$2[aby]\$/.test(text));
        assert.deepStrictEqual(hashes.map(([where]) => where), [], 'nor is a hash shown');
    } finally {
        await server.stop();
        await issuer.stop();
    }
});
