// s3.js - S3 servers of a test's own, on free ports. `startS3` is a real one (s3rver) in a process of its own, which checks
// signatures; `startFaultyS3` keeps objects in memory and does to a request what the first part of its key says.
'use strict';
const { execFileSync, spawn } = require('node:child_process');
const crypto = require('node:crypto');
const { EventEmitter, once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');

const top = path.resolve(__dirname, '../..');
// What s3rver accepts.
const ACCESS_KEY = 'S3RVER';
const SECRET_KEY = 'S3RVER';

async function startS3({ buckets = ['cold'] } = {}) {
    execFileSync(path.join(top, 'scripts/install-npm'), [path.join(top, 'tests/s3')], { stdio: ['ignore', 'ignore', 'inherit'] });
    const directory = fs.mkdtempSync(path.join(process.env.KALAMDB_TEST_DIR ?? os.tmpdir(), 'kalamdb-s3-'));
    const args = ['--openssl-legacy-provider', path.join(top, 'tests/s3/serve.js'), directory, ...buckets];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const [port] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => Promise.reject(new Error('s3rver did not start')))]);
    return {
        endpoint: `http://127.0.0.1:${Number(port)}`,
        directory,
        async stop() {
            child.stdin.end();
            await once(child, 'exit');
            fs.rmSync(directory, { recursive: true, force: true });
        },
    };
}

const sha256 = (text) => crypto.createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();
const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

// Whether a request is signed as Signature Version 4 says: s3rver believes every such signature.
function isSigned({ method, url, headers }) {
    const [, scope, names, signature] = /^AWS4-HMAC-SHA256 Credential=S3RVER\/([^,]*), ?SignedHeaders=([^,]*), ?Signature=([0-9a-f]*)$/.exec(headers.authorization ?? '') ?? [];
    if (scope === undefined) {
        return false;
    }
    const signed = names.split(';');
    const must = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))];
    const [target, query = ''] = url.split('?');
    const parameters = [...new URLSearchParams(query.replaceAll('+', '%2B'))].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
    const lines = signed.map((name) => `${name}:${headers[name].trim().replace(/ +/g, ' ')}\n`);
    const canonical = [method, target.split('/').map((part) => encode(decodeURIComponent(part))).join('/'), parameters.join('&'), lines.join(''), names, headers['x-amz-content-sha256']];
    const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical.join('\n'))].join('\n');
    const key = scope.split('/').reduce(hmac, `AWS4${SECRET_KEY}`);
    return must.every((name) => signed.includes(name)) && hmac(key, toSign).toString('hex') === signature;
}

// Keys begin with what happens to requests for them:
//   busy-2/..   the first two requests of each kind are answered 503, and asked to come again at once
//   broken-2/.. the first two get half an answer, or are cut off while they send
//   denied/..   403, with everything the request said of itself in the answer
//   hang/..     no answer
//   lost/..     completing an upload works, but the answer is lost
//   odd/..      parts without ETag
//   token/..    the session token of the request
//   garbled-1/.. the first GET of a Parquet file gets other bytes
//   held/..     PUT of a manifest.json is answered when `release` of what startFaultyS3 returns is called: `held` resolves when it waits
// GET of count/<verb>/<key> tells how many requests of that kind came; of open/uploads, how many uploads in parts are neither
// complete nor aborted.
class FaultyS3 extends EventEmitter {
    constructor() {
        super();
        this.objects = new Map();
        this.uploads = new Map();
        this.counts = new Map();
        this.refusing = false;
        this.holds = once(this, 'held');
        this.server = http.createServer((request, response) => this.serve(request, response));
    }

    async serve(request, response) {
        if (this.refusing) {
            request.socket.destroy();
            return;
        }
        const url = new URL(request.url, 'http://x');
        const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
        const [fault, times] = (key || (url.searchParams.get('prefix') ?? '')).split('/')[0].split('-');
        const what = `${request.method}/${key}`;
        const count = (this.counts.get(what) ?? 0) + 1;
        if (fault === 'count' || fault === 'open') {
            response.end(String(fault === 'open' ? this.uploads.size : this.counts.get(key.slice('count/'.length)) ?? 0));
            return;
        }
        this.counts.set(what, count);
        if (!isSigned(request)) {
            request.resume();
            response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>');
            return;
        }
        if (fault === 'token') {
            response.end(request.headers['x-amz-security-token']);
            return;
        }
        const failing = times !== undefined && count <= Number(times);
        if (fault === 'hang') {
            return;
        }
        if (fault === 'broken' && failing) {
            this.breakOff(request, response, key);
            return;
        }
        const body = Buffer.concat(await request.toArray().catch(() => []));
        if (fault === 'busy' && failing) {
            response.writeHead(503, { 'retry-after': '0' }).end('<Error><Code>SlowDown</Code></Error>');
        } else if (fault === 'held' && request.method === 'PUT' && key.endsWith('/manifest.json')) {
            this.once('release', () => {
                this.answer(request, response, url, key, body, fault, count);
            });
            this.emit('held');
        } else if (fault === 'denied') {
            response.writeHead(403).end(`<Error><Code>AccessDenied</Code><Message>${JSON.stringify(request.headers)}</Message></Error>`);
        } else {
            this.answer(request, response, url, key, body, fault, count, failing);
        }
    }

    breakOff(request, response, key) {
        if (request.method === 'GET' && this.objects.has(key)) {
            const content = this.objects.get(key);
            response.writeHead(200, { 'content-length': content.length });
            response.write(content.subarray(0, content.length / 2), () => request.socket.destroy());
        } else {
            request.once('data', () => request.socket.destroy());
            request.once('end', () => request.socket.destroy());
        }
    }

    answer(request, response, url, key, body, fault, count, failing) {
        const upload = url.searchParams.get('uploadId');
        if (request.method === 'POST' && url.searchParams.has('uploads')) {
            const id = `id/${this.uploads.size + 1}+=&`;
            this.uploads.set(id, Object.assign([], { key }));
            response.end(`<?xml version="1.0"?>\n<InitiateMultipartUploadResult xmlns="x"><Bucket>b</Bucket><UploadId>${id.replace('&', '&amp;')}</UploadId></InitiateMultipartUploadResult>`);
        } else if (upload !== null && !this.uploads.has(upload)) {
            response.writeHead(404).end('<Error><Code>NoSuchUpload</Code></Error>');
        } else if (request.method === 'PUT' && upload !== null) {
            this.uploads.get(upload)[Number(url.searchParams.get('partNumber')) - 1] = body;
            response.writeHead(200, fault === 'odd' ? {} : { etag: `"${body.length}"` }).end();
        } else if (request.method === 'POST') {
            this.objects.set(key, Buffer.concat(this.uploads.get(upload)));
            this.uploads.delete(upload);
            if (fault === 'lost' && count === 2) {
                request.socket.destroy();
            } else {
                response.end('<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>');
            }
        } else if (request.method === 'DELETE') {
            (upload !== null ? this.uploads : this.objects).delete(upload ?? key);
            response.writeHead(204).end();
        } else if (request.method === 'PUT') {
            this.objects.set(key, body);
            response.writeHead(200, { etag: '"x"' }).end();
        } else if (key === '' && url.searchParams.has('uploads')) {
            const found = [...this.uploads].filter(([, parts]) => parts.key.startsWith(url.searchParams.get('prefix') ?? ''));
            const uploads = found.map(([id, parts]) => `<Upload><Key>${parts.key}</Key><UploadId>${id.replace('&', '&amp;')}</UploadId></Upload>`);
            response.end(`<ListMultipartUploadsResult xmlns="x"><IsTruncated>false</IsTruncated>${uploads.join('')}</ListMultipartUploadsResult>`);
        } else if (key === '') {
            response.end(this.listing(url.searchParams.get('prefix'), url.searchParams.get('continuation-token')));
        } else if (!this.objects.has(key)) {
            response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
        } else if (fault === 'garbled' && request.method === 'GET' && key.endsWith('.parquet') && failing) {
            response.end(Buffer.alloc(this.objects.get(key).length, 'x'));
        } else {
            response.writeHead(200, { 'content-length': this.objects.get(key).length }).end(request.method === 'HEAD' ? undefined : this.objects.get(key));
        }
    }

    contents(prefix) {
        return [...this.objects].filter(([key]) => key.startsWith(prefix ?? '')).map(([key, bytes]) => `<Contents><Key>${key}</Key><Size>${bytes.length}</Size></Contents>`).join('');
    }

    // Of a prefix: a listing of two pages, one that never ends, or no listing at all.
    listing(prefix, token) {
        const next = 'a+b/c=&d e';
        return {
            'pages/': token === next ? '<ListBucketResult><Contents><Key>pages/2</Key><Size>1</Size></Contents></ListBucketResult>' :
                `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${next.replace('&', '&amp;')}</NextContinuationToken><Contents><Key>pages/1</Key><Size>1</Size></Contents></ListBucketResult>`,
            'endless/': '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>',
            'page/': '<html><body>Welcome</body></html>',
            'torn/': '<ListBucketResult><Contents><Key>torn/x</Key><Size>1</Size></Contents>',
        }[prefix] ?? `<ListBucketResult><IsTruncated>false</IsTruncated>${this.contents(prefix)}</ListBucketResult>`;
    }
}

async function startFaultyS3() {
    const s3 = new FaultyS3();
    s3.server.listen(0, '127.0.0.1');
    await once(s3.server, 'listening');
    return {
        endpoint: `http://127.0.0.1:${s3.server.address().port}`,
        objects: s3.objects, // by key
        uploads: s3.uploads, // in parts, that are neither complete nor aborted
        refuse(refusing) { // to answer anything
            s3.refusing = refusing;
        },
        held: s3.holds,
        release: () => s3.emit('release'),
        stop() {
            s3.server.closeAllConnections();
            s3.server.close();
        },
    };
}

module.exports = { startS3, startFaultyS3, ACCESS_KEY, SECRET_KEY };
