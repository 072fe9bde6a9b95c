// server.bench.js [--quick] [--list] [--markdown FILE] [workload...] - measures the release server over HTTP, and beside it,
// in the same run, what the libraries below it do alone: only the ratio of the two can be compared between machines.
// `./dev bench` runs it; each workload is a row of WORKLOADS.
'use strict';
const { execFile, execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');
const { promisify } = require('node:util');
const { insertNumbers } = require('../tests/lib/rows.js');
const { Server, top, PASSWORD } = require('../tests/lib/server.js');

const tools = path.join(top, 'build/release/bench');
const SECRET = 'the secret of the benchmarks, thirty-two characters and more';

const args = process.argv.slice(2).concat((process.env.KALAMDB_BENCH ?? '').split(' ').filter((word) => word !== ''));
const quick = args.includes('--quick');
const markdown = args.includes('--markdown') ? args[args.indexOf('--markdown') + 1] : null;
const wanted = args.filter((arg, i) => !arg.startsWith('--') && args[i - 1] !== '--markdown');

// A workload and its limit run in turn, ROUNDS times, and the best run of each counts: on a machine that does other things
// too, that is what comes nearest to being alone on it.
const ROUNDS = quick ? 1 : 3;
const SECONDS = quick ? 0.8 : 2;
const WARMUP = quick ? 0.2 : 0.5;
const NOTES = 10000;
const BIG = quick ? 100000 : 1000000;
const TENANTS = quick ? 200 : 10000;
const PER_TENANT = 100;
const DELETABLE = quick ? 160000 : 600000;
const RANGES = quick ? 4000 : 8000; // of 100 rows

// ---- workloads ----

const sql = (text, ...params) => JSON.stringify({ sql: text, ...(params.length > 0 ? { params } : {}) }).replace(/"(\{\{[^"]*\}\})"/g, '$1');
const POINT = 'SELECT * FROM app.notes WHERE id = $1';
const INSERT = 'INSERT INTO app.inserts (id, title, category, n, score, body) VALUES ($1, $2, $3, $4, $5, $6)';
const insertRow = (id) => sql(INSERT, id, 'title of a note', 'category 7', '{{rand:0:999}}', '{{rand:0:99999}}', 'x'.repeat(40));
const insertMany = (rows) => sql(`INSERT INTO app.inserts (id, title, category, n, score, body) VALUES ${Array(rows).fill(`({{seq}}, 'title of a note', 'category 7', 5, 77, '${'x'.repeat(40)}')`).join(', ')}`);
const TOP20 = 'SELECT id, title, n FROM app.notes WHERE n >= 500 ORDER BY score DESC, id LIMIT 20';
const GROUP = (table) => `SELECT category, count(*) AS c, sum(n) AS s, avg(score) AS a FROM ${table} GROUP BY category`;

const health = { method: 'GET', path: '/health', expect: 'healthy', token: null };
const rocks = (work, threads, ...more) => ['raw_rocksdb', ['--work', work, '--threads', threads, ...more]];
const TRANSACTION = `BEGIN; ${Array(50).fill(`INSERT INTO app.inserts (id, title, category, n, score, body) VALUES ({{seq}}, 'title of a note', 'category 7', 5, 77, '${'x'.repeat(40)}')`).join('; ')}; COMMIT`;

// Of two figures of one kind, and what the report says of it.
const atLeast = (share, floor, from) => ({ required: (r, limit) => r.per_second >= share * limit.per_second && (floor === undefined || limit.per_second < from || r.per_second >= floor), requires: `>= ${share} x${floor === undefined ? '' : `, ${floor / 1000}K/s where that reaches ${from / 1000}K/s`}` });
const atMost = (times) => ({ required: (r, limit) => r.p50_us <= times * limit.p50_us, requires: `p50 <= ${times} x` });
const p99AtMost = (times) => ({ required: (r, limit) => r.p99_us <= times * limit.p99_us, requires: `p99 <= ${times} x` });
const within = (us) => ({ required: (r, limit) => r.p50_us <= limit.p50_us + us, requires: `p50 <= ${us} us more` });
const p50 = (us) => ({ required: (r) => r.p50_us <= us, requires: `p50 <= ${us} us` });
const duck = (rows, query) => ['raw_duckdb', ['--rows', rows, '--query', query]];

// name, what it is, clients, the request, what to compare with: another workload or a program, which figure counts
// (`rate`: more is better; `time`: median, less is better), and the budgets of the design and of the issue.
const WORKLOADS = [
    { name: 'http_1', what: 'bare HTTP answer', clients: 1, request: health, figure: 'time' },
    { name: 'http_32', what: 'bare HTTP answer', clients: 32, request: health, figure: 'rate' },
    { name: 'point_1', what: 'point SELECT by key', clients: 1, request: { body: sql(POINT, '{{rand:0:9999}}'), expect: '"row_count":1' }, figure: 'time', limit: 'http_1', budget: '80 us', ...within(25) },
    { name: 'point_32', what: 'point SELECT by key', clients: 32, request: { body: sql(POINT, '{{rand:0:9999}}'), expect: '"row_count":1' }, figure: 'rate', limit: 'http_32', budget: '80K/s', ...atLeast(0.45, 80000, 170000) },
    { name: 'signin', what: 'sign-in, bcrypt cost 12', clients: 4, request: { path: '/v1/api/auth/login', body: JSON.stringify({ user: 'root', password: PASSWORD }), expect: 'access_token', token: null }, figure: 'rate' },
    { name: 'point_signins', what: 'point SELECT while 50 sign-ins/s come', clients: 1, signIns: 50, request: { body: sql(POINT, '{{rand:0:9999}}'), expect: '"row_count":1' }, figure: 'time', limit: 'point_1', ...p99AtMost(2) },
    { name: 'literal_1', what: 'the same, the key as a literal', clients: 1, request: { body: sql(POINT.replace('$1', '{{rand:0:9999}}')), expect: '"row_count":1' }, figure: 'time', limit: 'point_1', ...within(10) },
    { name: 'last20_1', what: 'ORDER BY key DESC LIMIT 20', clients: 1, request: { body: sql('SELECT * FROM app.notes ORDER BY id DESC LIMIT 20'), expect: '"row_count":20' }, figure: 'time', limit: 'point_1', ...atMost(1.5) },
    { name: 'tenants_32', what: `point SELECT, ${TENANTS} users x ${PER_TENANT} rows`, clients: 32, tenants: true, request: { body: sql('SELECT * FROM app.tenant_notes WHERE id = $1', `{{rand:0:${PER_TENANT - 1}}}`), expect: '"row_count":1', token: 'tenants' }, figure: 'rate', limit: 'http_32', budget: '70K/s' },
    { name: 'insert_1', what: 'durable INSERT of a row', clients: 1, request: { body: insertRow('{{seq}}'), expect: '"row_count":1' }, figure: 'time', limit: rocks('put_sync', 1), budget: '180 us' },
    { name: 'insert_32', what: 'durable INSERT of a row', clients: 32, request: { body: insertRow('{{seq}}'), expect: '"row_count":1' }, figure: 'rate', limit: rocks('put_sync', 32), budget: '50K/s', ...atLeast(1.1) },
    { name: 'insert_async_1', what: 'async INSERT of a row', clients: 1, async: true, request: { body: insertRow('{{seq}}'), expect: '"row_count":1' }, figure: 'time', limit: rocks('put_async', 1) },
    { name: 'insert_async_32', what: 'async INSERT of a row', clients: 32, async: true, request: { body: insertRow('{{seq}}'), expect: '"row_count":1' }, figure: 'rate', limit: 'http_32', budget: '70K/s', ...atLeast(0.4) },
    { name: 'insert50_1', what: 'durable INSERT of 50 rows', clients: 1, request: { body: insertMany(50), expect: '"row_count":50' }, figure: 'time', limit: rocks('put_sync', 1), budget: '300 us' },
    { name: 'transaction_1', what: '50 INSERTs in BEGIN .. COMMIT', clients: 1, request: { body: sql(TRANSACTION), expect: '"status":"success"' }, figure: 'time', limit: 'insert_1', ...atMost(3) },
    { name: 'update_1', what: 'durable UPDATE by key', clients: 1, request: { body: sql('UPDATE app.updated SET score = $1 WHERE id = $2', '{{seq}}', '{{rand:0:9999}}'), expect: '"row_count":1' }, figure: 'time', limit: 'insert_1', budget: '200 us', ...atMost(1.3) },
    { name: 'update_32', what: 'durable UPDATE by key', clients: 32, request: { body: sql('UPDATE app.updated SET score = $1 WHERE id = $2', '{{seq}}', '{{rand:0:9999}}'), expect: '"row_count":1' }, figure: 'rate', limit: 'insert_32', ...atLeast(0.77) },
    { name: 'delete_1', what: 'durable DELETE by key', clients: 1, request: { body: sql('DELETE FROM app.deletable WHERE id = $1', '{{seq}}'), expect: '"row_count":1' }, figure: 'time', limit: 'insert_1', budget: '200 us', ...atMost(1.3) },
    { name: 'delete_32', what: 'durable DELETE by key', clients: 32, request: { body: sql('DELETE FROM app.deletable WHERE id = $1', '{{seq}}'), expect: '"row_count":1' }, figure: 'rate', limit: 'insert_32', ...atLeast(0.77) },
    { name: 'delete100_1', what: 'DELETE of 100 rows by range', clients: 1, seconds: 1, request: { body: sql('DELETE FROM app.ranged WHERE id >= {{seq}}00 AND id <= {{same}}99'), expect: '"row_count":100' }, figure: 'time', limit: rocks('put_sync', 1), ...within(1000) },
    { name: 'top20', what: `filter, ORDER BY, LIMIT 20 over ${NOTES} rows`, clients: 1, request: { body: sql(TOP20), expect: '"row_count":20' }, figure: 'time', limit: duck(NOTES, TOP20.replace('app.notes', 't')), budget: '300 us', ...p50(300) },
    { name: 'group_10k', what: `GROUP BY over ${NOTES} rows`, clients: 1, request: { body: sql(GROUP('app.notes')), expect: '"row_count":100' }, figure: 'time', limit: duck(NOTES, GROUP('t')), budget: '1.0 ms', ...p50(2000) },
    { name: 'filter_1m', what: `selective filter over ${BIG} rows`, clients: 1, request: { body: sql('SELECT id, title FROM app.big WHERE n = 77 AND score < 1000'), expect: '"status":"success"' }, figure: 'time', limit: rocks('scan', 2, '--rows', BIG), required: (r) => BIG / r.server_cpu_us >= 4, requires: '>= 4M rows/s a core' },
    { name: 'group_1m', what: `GROUP BY over ${BIG} rows`, clients: 1, request: { body: sql(GROUP('app.big')), expect: '"row_count":100' }, figure: 'time', limit: rocks('scan', 2, '--rows', BIG), budget: quick ? undefined : '95 ms', ...atMost(1.7) },
];

// ---- running ----

async function run(program, list) {
    const { stdout } = await promisify(execFile)(path.join(tools, program), list.map(String), { maxBuffer: 1 << 20 });
    return JSON.parse(stdout);
}

const better = (figure, a, b) => (a === null || (figure === 'rate' ? b.per_second > a.per_second : b.p50_us < a.p50_us) ? b : a);

// The figures of what a workload is compared with.
async function measureLimit(limit, bench) {
    if (limit === undefined) {
        return null;
    }
    if (typeof limit === 'string') {
        return measure(WORKLOADS.find((workload) => workload.name === limit), bench);
    }
    const [program, list] = limit;
    const dir = fs.mkdtempSync(path.join(process.env.KALAMDB_TEST_DIR ?? os.tmpdir(), 'kalamdb-bench-'));
    const where = program === 'raw_rocksdb' ? ['--dir', dir] : [];
    try {
        return await run(program, [...list, ...where, '--seconds', SECONDS, '--warmup', WARMUP]);
    } finally {
        fs.rmSync(dir, { recursive: true });
    }
}

// Numbers for {{seq}} that no earlier run used: of rows to insert, and of rows that are there to be deleted.
let nextId = 10000000;
let nextDeleted = 0;
let nextRange = 1;

function firstOf({ name, clients }) {
    if (name === 'delete100_1') {
        const first = nextRange;
        nextRange += RANGES / (ROUNDS + 1);
        return first;
    }
    if (name.startsWith('delete')) {
        const first = nextDeleted;
        nextDeleted += clients === 1 ? DELETABLE / 20 : DELETABLE / 4;
        return first;
    }
    nextId += 50000000;
    return nextId;
}

async function measure(workload, bench) {
    const { request } = workload;
    const list = ['--port', bench.server.port, '--pid', bench.server.pid, '--clients', workload.clients, '--seconds', Math.min(workload.seconds ?? SECONDS, SECONDS), '--warmup', Math.min(WARMUP, (workload.seconds ?? SECONDS) / 5),
        '--method', request.method ?? 'POST', '--path', request.path ?? '/v1/api/sql', '--expect', request.expect];
    if (request.body !== undefined) {
        list.push('--body', request.body, '--first', firstOf(workload));
    }
    if (request.token !== null) {
        list.push('--tokens', bench.tokens[request.token ?? 'user']);
    }
    const end = comeToSignIn(bench, workload.signIns);
    try {
        return await run('load', list);
    } finally {
        end();
    }
}

// So many people a second who sign in, whether the last ones have been answered or not; more than passwords can be checked.
function comeToSignIn({ server }, perSecond) {
    if (perSecond === undefined) {
        return () => {};
    }
    const client = server.client();
    const timer = setInterval(() => client.post('/v1/api/auth/login', { user: 'root', password: PASSWORD }).catch(() => {}), 1000 / perSecond);
    return () => {
        clearInterval(timer);
        client.close();
    };
}

// What a server that cannot do it scores; the reason is on stderr.
const FAILED = { per_second: 0, p50_us: Infinity, p99_us: Infinity, server_cpu_us: Infinity };

async function measureOrFail(workload, bench) {
    try {
        return await measure(workload, bench);
    } catch (error) {
        process.stderr.write(`bench: ${workload.name} failed: ${error.stderr ?? error}\n`);
        return FAILED;
    }
}

async function measureBoth(workload, bench) {
    let limit = null;
    let result = null;
    for (let round = 0; round < ROUNDS; round++) {
        const before = await measureLimit(workload.limit, bench);
        limit = before === null ? limit : better(workload.figure, limit, before);
        result = better(workload.figure, result, await measureOrFail(workload, bench));
    }
    return { workload, result, limit };
}

// ---- data ----

function sign(user, role) {
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: user, username: user, iss: 'kalamdb', role, token_type: 'access', email: null, iat: now, exp: now + 86400, epoch: 0 })}`;
    return `${signed}.${crypto.createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

const COLUMNS = 'id BIGINT PRIMARY KEY, title TEXT, category TEXT, n INT, score BIGINT, body TEXT';
// The rows of raw_duckdb.c.
const SELECT_ROW = "i, 'title of note ' || i, 'category ' || (i * 7919 % 100), i * 7919 % 1000, i * 31 % 100000, repeat('x', 40)";

async function inParallel(count, width, work) {
    let next = 0;
    await Promise.all(Array.from({ length: width }, async () => {
        for (let i = next++; i < count; i = next++) {
            await work(i);
        }
    }));
}

class Bench {
    constructor(durability) {
        this.server = new Server({ options: { 'auth.bcrypt_cost': 12, 'auth.jwt_secret': SECRET, 'rate_limit.max_auth_requests_per_ip_per_sec': 0, 'storage.durability': durability, 'flush.default_row_limit': 0 } });
        this.tokens = {};
    }

    async start() {
        await this.server.start();
        const { root } = await this.server.setUp();
        this.idleRss = this.server.rss();
        await root.results(`CREATE NAMESPACE app; ${['notes', 'updated', 'big', 'inserts', 'deletable', 'ranged', 'tenant_notes'].map((name) => `CREATE USER TABLE app.${name} (${COLUMNS})`).join('; ')}`);
        await root.sql('CREATE USER bench WITH INTERNAL ROLE user');
        this.user = this.server.client(sign('bench', 'user'), 'bench');
        this.writeTokens('user', [this.user.token]);
        return this;
    }

    writeTokens(name, tokens) {
        this.tokens[name] = path.join(this.server.dir, `${name}.tokens`);
        fs.writeFileSync(this.tokens[name], `${tokens.join('\n')}\n`);
    }

    // Only what the workloads need.
    async load(workloads) {
        const has = (text) => workloads.some((workload) => workload.request.body?.includes(`app.${text}`));
        for (const [table, rows] of [['notes', NOTES], ['updated', NOTES], ['big', BIG], ['deletable', DELETABLE], ['ranged', (RANGES + 1) * 100]]) {
            if (has(table)) {
                await insertNumbers(this.user, `app.${table}`, rows, SELECT_ROW, 50000);
            }
        }
        if (workloads.some((workload) => workload.tenants)) {
            await this.loadTenants();
        }
        await this.settle();
    }

    // What was loaded is put in its place first: that is the cost of the load, not of the workloads.
    async settle() {
        for (let quiet = 0; quiet < 5;) {
            const [{ rows }] = await this.server.root.results("SELECT metric_value FROM system.stats WHERE metric_name = 'storage_background_jobs'");
            quiet = Number(Object.values(rows[0])[0]) === 0 ? quiet + 1 : 0;
            await delay(200);
        }
    }

    async loadTenants() {
        const names = Array.from({ length: TENANTS }, (_, i) => `tenant-${i}`);
        const batch = 100;
        await inParallel(TENANTS / batch, 2, (i) => this.server.root.results(names.slice(i * batch, (i + 1) * batch).map((name) => `CREATE USER '${name}' WITH INTERNAL ROLE user`).join(';')));
        const tokens = names.map((name) => sign(name, 'user'));
        const values = Array.from({ length: PER_TENANT }, (_, i) => `(${i}, 'title of note ${i}', 'category ${i % 10}', ${i}, ${i * 31}, '${'x'.repeat(40)}')`).join();
        await inParallel(TENANTS, 32, (i) => this.server.client(tokens[i]).with(tokens[i]).sql(`INSERT INTO app.tenant_notes VALUES ${values}`).finally(() => {
            this.server.clients.forEach((client) => client.token === tokens[i] && client.close());
        }));
        this.writeTokens('tenants', tokens);
    }
}

// ---- report ----

const us = (value) => (value === Infinity ? 'failed' : value >= 10000 ? `${(value / 1000).toFixed(1)} ms` : value >= 1000 ? `${(value / 1000).toFixed(2)} ms` : `${value.toFixed(0)} us`);
const perSecond = (value) => (value >= 10000 ? `${(value / 1000).toFixed(1)}K/s` : `${value.toFixed(0)}/s`);
const shown = (figure, result) => (result === null ? '' : figure === 'rate' ? perSecond(result.per_second) : us(result.p50_us));

// More than 1: better than what it is compared with.
function ratio(figure, result, limit) {
    if (limit === null) {
        return '';
    }
    return (figure === 'rate' ? result.per_second / limit.per_second : limit.p50_us / result.p50_us).toFixed(2);
}

const limitName = (limit) => (limit === undefined ? '' : typeof limit === 'string' ? (limit.startsWith('http') ? 'bare HTTP' : limit) : limit[0] === 'raw_duckdb' ? 'raw DuckDB' : `raw RocksDB, ${limit[1][1].replace('_', ' ')} x ${limit[1][3]}`);

function row({ workload, result, limit }) {
    const met = workload.required === undefined ? '' : `${workload.requires}: ${workload.required(result, limit) ? 'yes' : 'NO'}`;
    return [workload.name, workload.what, String(workload.clients), perSecond(result.per_second), us(result.p50_us), us(result.p99_us), result.server_cpu_us === undefined ? '' : us(result.server_cpu_us),
        shown(workload.figure, limit), limitName(workload.limit), ratio(workload.figure, result, limit), workload.budget ?? '', met];
}

const HEAD = ['workload', 'what', 'clients', 'rate', 'p50', 'p99', 'server CPU', 'limit', 'what the limit is', 'ratio', 'design budget', 'required'];

function printTable(rows) {
    const all = [HEAD, ...rows];
    const widths = HEAD.map((_, i) => Math.max(...all.map((cells) => cells[i].length)));
    for (const cells of all) {
        console.log(cells.map((cell, i) => (i < 2 || i === 8 || i === 11 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd());
    }
}

function machine() {
    const [cpu] = os.cpus();
    return `${os.cpus().length} x ${cpu.model.trim()}, ${(os.totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${os.release()}`;
}

function revision() {
    try {
        return execFileSync('git', ['-C', top, 'rev-parse', '--short', 'HEAD'], { stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim();
    } catch {
        return 'unknown';
    }
}

function asMarkdown(rows, memory) {
    const line = (cells) => `| ${cells.join(' | ')} |`;
    return `# Benchmarks

Written by \`./dev bench\` (\`bench/server.bench.js\`); do not edit.

- ${new Date().toISOString().slice(0, 10)}, revision ${revision()}, ${machine()}.
- The load generator (\`bench/load.c\`), the server and nothing else share the machine. Clients keep their connections and send
  the next request when the answer to the last has come. Every answer is checked.
- Every workload runs ${ROUNDS} times for ${SECONDS} s, in turn with its limit; the best run of each counts.
- The limit is measured in the same run: the same server's bare HTTP answer or another workload, RocksDB written by as many threads
  with an fsync each, its iterators over as many rows of that size on 2 threads, or DuckDB on a table of its own. A ratio above 1 is better than the limit; figures move with the machine, ratios less.
- Server CPU is user and system time of all server threads per request.

${line(HEAD)}
${line(HEAD.map((_, i) => (i < 2 || i === 8 || i === 11 ? '---' : '---:')))}
${rows.map(line).join('\n')}

Memory of an idle server: ${memory} (required: 64 MiB).
`;
}

// ---- main ----

async function main() {
    if (args.includes('--list')) {
        WORKLOADS.forEach((workload) => console.log(`${workload.name.padEnd(16)} ${workload.what}, ${workload.clients} client(s)`));
        return;
    }
    const unknown = wanted.filter((name) => !WORKLOADS.some((workload) => workload.name === name));
    if (unknown.length > 0) {
        throw new Error(`no workload ${unknown.join()}; --list names them`);
    }
    const chosen = WORKLOADS.filter((workload) => wanted.length === 0 || wanted.includes(workload.name));
    const done = [];
    let memory = '';
    for (const asynchronous of [false, true]) {
        const here = chosen.filter((workload) => Boolean(workload.async) === asynchronous);
        if (here.length === 0) {
            continue;
        }
        const bench = await new Bench(asynchronous ? 'async' : 'sync').start();
        try {
            memory = memory || `${(bench.idleRss / 2 ** 20).toFixed(1)} MiB`;
            await bench.load(here.flatMap((workload) => [workload, ...WORKLOADS.filter((other) => other.name === workload.limit)]));
            for (const workload of here) {
                process.stderr.write(`bench: ${workload.name}\n`);
                done.push(await measureBoth(workload, bench));
            }
        } finally {
            await bench.server.stop();
        }
    }
    const rows = WORKLOADS.flatMap((workload) => done.filter((one) => one.workload === workload)).map(row);
    printTable(rows);
    console.log(`idle server: ${memory} resident (required: 64 MiB)`);
    console.log(`machine: ${machine()}`);
    if (markdown !== null) {
        fs.writeFileSync(markdown, asMarkdown(rows, memory));
    }
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
