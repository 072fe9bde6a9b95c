// issuer.js - an OpenID Connect issuer for tests: a discovery document, a set of keys, and tokens that are right, or wrong in
// one place. It counts what it is asked, and answers what a test wants it to.
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');

const base64url = (value) => Buffer.from(typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

const ALGS = {
    ...Object.fromEntries(['256', '384', '512'].flatMap((bits) => [
        [`RS${bits}`, { type: 'rsa', options: { modulusLength: 2048 }, hash: `sha${bits}`, sign: {} }],
        [`PS${bits}`, { type: 'rsa', options: { modulusLength: 2048 }, hash: `sha${bits}`, sign: { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST } }],
    ])),
    ES256: { type: 'ec', options: { namedCurve: 'P-256' }, hash: 'sha256', sign: { dsaEncoding: 'ieee-p1363' } },
    ES384: { type: 'ec', options: { namedCurve: 'P-384' }, hash: 'sha384', sign: { dsaEncoding: 'ieee-p1363' } },
    ES512: { type: 'ec', options: { namedCurve: 'P-521' }, hash: 'sha512', sign: { dsaEncoding: 'ieee-p1363' } },
};

// A key pair and how it is published.
function makeKey(alg, kid, options = ALGS[alg].options) {
    const { privateKey, publicKey } = crypto.generateKeyPairSync(ALGS[alg].type, options);
    return { alg, kid, privateKey, publicKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } };
}

function signature(alg, key, text) {
    return crypto.sign(ALGS[alg].hash, Buffer.from(text), { key, ...ALGS[alg].sign });
}

// Signed with `key` whatever the header says.
function signToken(claims, key, header = {}) {
    const text = `${base64url({ alg: key.alg, typ: 'JWT', kid: key.kid, ...header })}.${base64url(claims)}`;
    return `${text}.${base64url(signature(key.alg, key.privateKey, text))}`;
}

class Issuer {
    constructor() {
        this.keys = [makeKey('RS256', 'first')];
        this.asked = { discovery: 0, keys: 0, other: 0 };
        this.answers = {}; // path -> (request, response) instead of the usual
    }

    async start(port = 0) {
        this.server = http.createServer((request, response) => this.answer(request, response));
        await new Promise((resolve, reject) => {
            this.server.on('error', reject);
            this.server.listen(port, '127.0.0.1', resolve);
        });
        this.port = this.server.address().port;
        this.url = `http://127.0.0.1:${this.port}/realms/test`;
        return this;
    }

    async stop() {
        this.server.closeAllConnections();
        await new Promise((resolve) => { this.server.close(resolve); });
    }

    get discovery() {
        return { issuer: this.url, jwks_uri: `${this.url}/keys`, id_token_signing_alg_values_supported: ['RS256'] };
    }

    get jwks() {
        return { keys: this.keys.map((key) => key.jwk) };
    }

    answer(request, response) {
        const { pathname } = new URL(request.url, this.url);
        const known = { '/realms/test/.well-known/openid-configuration': 'discovery', '/realms/test/keys': 'keys' }[pathname] ?? 'other';
        this.asked[known] += 1;
        if (this.answers[known] !== undefined) {
            this.answers[known](request, response);
        } else if (known === 'other') {
            response.writeHead(404).end();
        } else {
            const body = JSON.stringify(known === 'keys' ? this.jwks : this.discovery);
            response.writeHead(200, { 'content-type': 'application/json' }).end(body);
        }
    }

    // Claims of a good token; undefined leaves one out.
    claims(changes = {}) {
        const all = { iss: this.url, sub: 'alice-1', aud: 'kalamdb-app', iat: now(), exp: now() + 3600, email: 'alice@example.com', ...changes };
        return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    }

    token(changes = {}, { key = this.keys[0], header = {} } = {}) {
        return signToken(this.claims(changes), key, header);
    }
}

async function startIssuer(...args) {
    return new Issuer().start(...args);
}

module.exports = { startIssuer, makeKey, signToken, base64url, now, ALGS };
