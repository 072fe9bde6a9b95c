// secrets_at_rest.test.js - the data directory without its key file signs no token, and keys can be changed.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { createHmac } = require('node:crypto');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { startServer, binary } = require('../lib/server.js');

const run = promisify(execFile);

function filesBelow(dir) {
    return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
        const at = path.join(dir, entry.name);
        return entry.isDirectory() ? filesBelow(at) : entry.isFile() ? [at] : [];
    });
}

// True when a secret that signs `token` lies in the bytes, as text or in hex.
function revealsSecret(bytes, token) {
    const [head, body, signature] = token.split('.');
    const signs = (secret) => createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url') === signature;
    const text = bytes.toString('latin1');
    for (const [run] of text.matchAll(/[0-9a-f]{64,}/g)) {
        for (let at = 0; at + 64 <= run.length; at++) {
            if (signs(run.slice(at, at + 64))) {
                return true;
            }
        }
    }
    return false;
}

function findSecret(server, token) {
    return filesBelow(server.dataPath).filter((file) => path.basename(file) !== 'server.key' && revealsSecret(fs.readFileSync(file), token));
}

async function isGood(server, token) {
    return (await server.client(token).get('/v1/api/auth/me')).status === 200;
}

test('the search finds a secret that is there', async () => {
    const secret = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';
    const server = await startServer({ options: { 'auth.jwt_secret': secret } });
    try {
        const { root } = await server.setUp();
        assert.ok(revealsSecret(Buffer.from(`\x01\x02${secret}\xff`, 'latin1'), root.token));
        assert.ok(!revealsSecret(Buffer.from(`\x01\x02${secret.replace('7', '8')}\xff`, 'latin1'), root.token));
        assert.deepStrictEqual(findSecret(server, root.token), []);
    } finally {
        await server.stop();
    }
});

test('the data directory without its key signs no token, before and after a stop and a kill', async () => {
    const server = await startServer();
    try {
        const { root } = await server.setUp();
        assert.deepStrictEqual(findSecret(server, root.token), []);
        await server.restart();
        assert.ok(await isGood(server, root.token), 'the secret outlives a restart');
        assert.deepStrictEqual(findSecret(server, root.token), []);
        await server.restart({ kill: true });
        assert.ok(await isGood(server, root.token));
        assert.deepStrictEqual(findSecret(server, root.token), []);
        const keys = fs.readFileSync(path.join(server.dataPath, 'server.key'), 'latin1').match(/[0-9a-f]{64}/g);
        assert.strictEqual(keys.length, 1);
        for (const file of filesBelow(server.dataPath).filter((at) => path.basename(at) !== 'server.key')) {
            const bytes = fs.readFileSync(file);
            assert.ok(!bytes.includes(keys[0]) && !bytes.includes(Buffer.from(keys[0], 'hex')), file);
        }
        assert.ok(!server.output.includes(keys[0]));
    } finally {
        await server.stop();
    }
});

test('a new key is put before the old one, seals what is kept, and the old one may then go', async () => {
    const server = await startServer();
    const file = path.join(server.dataPath, 'server.key');
    const rotate = () => run(binary, ['--rotate-key', `--storage.data_path=${server.dataPath}`], { cwd: server.dir });
    try {
        const { root } = await server.setUp();
        await assert.rejects(rotate(), /in use by process/);
        await server.halt();
        const before = fs.readFileSync(file, 'latin1').split('\n');
        await rotate();
        const after = fs.readFileSync(file, 'latin1').split('\n');
        assert.strictEqual(fs.statSync(file).mode & 0o777, 0o600);
        assert.deepStrictEqual([after[0], after[2]], [before[0], before[1]]);
        assert.notStrictEqual(after[1], before[1]);
        await server.start();
        assert.ok(await isGood(server, root.token));
        await server.halt();
        fs.writeFileSync(file, `${after[0]}\n${after[1]}\n`, { mode: 0o600 });
        await server.start();
        assert.ok(await isGood(server, root.token), 'sealed with the new key');
        const [report] = await (await server.signIn('root')).objects('VERIFY AUDIT LOG');
        assert.strictEqual(report.valid, true);
    } finally {
        await server.stop();
    }
});

test('a key file that is lost signs everybody out, and is said', async () => {
    const server = await startServer();
    try {
        const { root } = await server.setUp();
        await server.halt();
        fs.rmSync(path.join(server.dataPath, 'server.key'));
        await server.start();
        assert.ok(!await isGood(server, root.token));
        assert.match(server.output, /token secret made anew/);
        await server.signIn('root');
    } finally {
        await server.stop();
    }
});
