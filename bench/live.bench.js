// live.bench.js [--quick] [name...] - live queries of the release server, and beside each a bare WebSocket broadcast on the same
// library (bench/bare_ws.c) with as many sockets, rows under way and bytes, in the same run: the ratio is what counts.
// `./dev bench live` runs it. One row of WORKLOADS each.
'use strict';
const { spawn, execFile } = require('node:child_process');
const { once } = require('node:events');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { Server, top } = require('../tests/lib/server.js');
const { openSocket } = require('../tests/lib/ws.js');

const tools = path.join(process.env.KALAMDB_SERVER_BIN === undefined ? path.join(top, 'build/release') : path.resolve(path.dirname(process.env.KALAMDB_SERVER_BIN), '..'), 'bench');
const args = process.argv.slice(2).concat((process.env.KALAMDB_BENCH ?? '').split(' ').filter((word) => word !== ''));
const quick = args.includes('--quick');
const wanted = args.filter((arg) => !arg.startsWith('--'));
const SECRET = 'a-secret-that-only-this-bench-knows-of';
const ROUNDS = quick ? 1 : 3;
const SECONDS = quick ? 1 : 3;
const MOST = quick ? 2000 : 10000;

const p50 = (us) => ({ met: ({ best }) => best.p50_us <= us, requires: `p50 <= ${us} us` });
const share = (least) => ({ met: ({ best, bare }) => best.deliveries_per_second >= least * bare.deliveries_per_second, requires: `>= ${least} x bare` });

// A line that is measured in its own way says how: `measure(bench)` gives {text, met}.
const unit = (least, most, got, text) => ({ text, met: got >= least && got <= most });

const WORKLOADS = [
    { name: 'live_1', what: 'durable INSERT to the frame', sockets: 1, window: 1, ...p50(200) },
    { name: 'fan_1000', what: 'fan-out', sockets: 1000, window: 64, ...share(0.7) },
    { name: 'fan_10000', what: 'fan-out', sockets: MOST, window: 4, ...share(0.7) },
    { name: 'own_10000', what: 'users with a subscription and rows of their own', measure: measureOwn, requires: 'p99 <= 10 ms at 1,000 writes/s' },
    { name: 'setup_100k', what: `${MOST * 10} subscriptions over ${MOST / 10} sockets`, measure: measureSetUp, requires: '2.5 s for 100,000' },
    { name: 'first_1000', what: 'the first 1,000 rows of a subscription', measure: measureFirst, requires: 'p50 <= 3 ms' },
    { name: 'last_10000', what: 'one change to the last of all', sockets: MOST, window: 1, ...p50(60000) },
    { name: 'unrelated', what: 'durable INSERT, 32 clients, beside 1,000 subscriptions to other rows', measure: measureUnrelated, requires: '>= 0.95 x without' },
];

const run = async (program, list) => JSON.parse((await promisify(execFile)(path.join(tools, program), list.map(String), { maxBuffer: 1 << 20 })).stdout);
const times = ({ sockets, window }) => ['--sockets', sockets, '--window', window, '--seconds', SECONDS, '--warmup', 0.5];

// A program that prints a line when it is ready, and ends with its stdin.
async function start(program, list) {
    const child = spawn(path.join(tools, program), list.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
    const line = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => Promise.reject(new Error(`${program} ended`)))]);
    const stop = async () => {
        const ended = once(child, 'exit');
        child.stdin.end();
        await ended;
    };
    return { ...JSON.parse(line[0].toString()), stop };
}

async function measureBare(workload) {
    const bare = await start('bare_ws', ['--bytes', 230]);
    try {
        return await run('fan', ['--port', bare.port, '--bare', 1, ...times(workload)]);
    } finally {
        await bare.stop();
    }
}

let nextId = 1;

function subscribers(bench) {
    return ['--port', bench.server.port, '--tokens', bench.tokens, '--sql', 'SELECT * FROM app.feed WHERE id > 0'];
}

// A new table: deleted rows leave tombstones, by which each of thousands of subscribers would walk for its first rows.
async function makeFeed(bench) {
    await bench.server.root.results("DROP TABLE IF EXISTS app.feed; CREATE SHARED TABLE app.feed (id BIGINT PRIMARY KEY, title TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')");
}

async function measureLive(workload, bench) {
    const body = JSON.stringify({ sql: 'INSERT INTO app.feed (id, title) VALUES ({{seq}}, \'a row of the feed that is about as long as most are\')' });
    nextId += 10000000;
    await makeFeed(bench);
    return run('fan', [...subscribers(bench), '--body', body, '--first', nextId, ...times(workload)]);
}

const better = (workload, a, b) => (a === null || (workload.window === 1 ? b.p50_us < a.p50_us : b.deliveries_per_second > a.deliveries_per_second) ? b : a);

async function measure(workload, bench) {
    let best = null;
    let bare = null;
    for (let round = 0; round < ROUNDS; round++) {
        bare = better(workload, bare, await measureBare(workload));
        best = better(workload, best, await measureLive(workload, bench));
    }
    return { workload, best, bare };
}

// What the server's memory grows by for each of so many subscribers that wait.
async function measureIdle(bench) {
    const before = bench.server.rss();
    const idle = await start('fan', [...subscribers(bench), '--sockets', MOST, '--idle', 1]);
    const bytes = (bench.server.rss() - before) / MOST;
    await idle.stop();
    return { bytes, setup: idle.setup_ms };
}

// ---- lines of their own ----

function signToken(user) {
    const now = Math.floor(Date.now() / 1000);
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: user, username: user, iss: 'kalamdb', iat: now, exp: now + 3600, email: null, role: 'user', token_type: 'access', epoch: 0 })}`;
    return `${signed}.${crypto.createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

// Accounts without a password are made in no time.
async function makeUsers(bench, count) {
    const names = Array.from({ length: count }, (_, i) => `u${i}`);
    for (let at = 0; at < count; at += 200) {
        await bench.server.root.results(names.slice(at, at + 200).map((name) => `CREATE USER ${name} WITH OAUTH '{"provider":"google","subject":"${name}"}' ROLE user`).join('; '));
    }
    const file = path.join(bench.server.dir, 'users');
    fs.writeFileSync(file, names.map((name) => `${signToken(name)}\n`).join(''));
    return file;
}

async function measureOwn(bench) {
    const tokens = await makeUsers(bench, MOST);
    const body = JSON.stringify({ sql: 'INSERT INTO app.mine (id, title) VALUES ({{seq}}, \'a row of the feed that is about as long as most are\')' });
    const r = await run('fan', ['--port', bench.server.port, '--tokens', tokens, '--sql', 'SELECT * FROM app.mine', '--body', body, '--own', 1, ...times({ sockets: MOST, window: 4 })]);
    const own = unit(0, 10000, r.p99_us, `${MOST} users, ${r.per_second.toFixed(0)} writes/s, p50 ${r.p50_us.toFixed(0)} us, p99 ${r.p99_us.toFixed(0)} us`);
    return { ...own, met: own.met && r.per_second >= 1000 };
}

async function measureSetUp(bench) {
    const list = ['--port', bench.server.port, '--tokens', bench.tokens, '--sql', 'SELECT * FROM app.other WHERE id = {{n}}', '--sockets', MOST / 10, '--each', 100, '--idle', 1];
    const idle = await start('fan', list);
    await idle.stop();
    return unit(0, 2500 * MOST / 10000, idle.setup_ms, `${idle.setup_ms.toFixed(0)} ms`);
}

async function measureFirst(bench) {
    await bench.server.root.sql('DELETE FROM app.other WHERE id >= 0');
    await bench.server.root.sql("INSERT INTO app.other (id, title) SELECT i, 'a row of the feed that is about as long as most are' FROM generate_series(0, 999) AS s(i)");
    const socket = await openSocket(bench.server, { path: '/v1/ws?compress=false' });
    const took = [];
    socket.sendJson({ type: 'authenticate', method: 'jwt', token: bench.server.admin.token });
    await socket.nextOf('auth_success');
    for (let i = 0; i < 200; i++) {
        const begun = process.hrtime.bigint();
        socket.sendJson({ type: 'subscribe', subscription: { id: 'first', sql: 'SELECT * FROM app.other', options: {} } });
        await socket.nextOf('initial_data_batch');
        took.push(Number(process.hrtime.bigint() - begun) / 1000);
    }
    socket.destroy();
    took.sort((a, b) => a - b);
    return unit(0, 3000, took[100], `p50 ${took[100].toFixed(0)} us, p99 ${took[198].toFixed(0)} us`);
}

async function insertRate(bench) {
    nextId += 10000000;
    const body = JSON.stringify({ sql: 'INSERT INTO app.feed (id, title) VALUES ($1, $2)', params: ['{{seq}}', 'a row of the feed'] }).replace('"{{seq}}"', '{{seq}}');
    return (await run('load', ['--port', bench.server.port, '--clients', 32, '--seconds', SECONDS, '--warmup', 0.5, '--path', '/v1/api/sql', '--tokens', bench.tokens, '--body', body, '--expect', '"row_count":1', '--first', nextId])).per_second;
}

async function measureUnrelated(bench) {
    let without = 0;
    let beside = 0;
    await makeFeed(bench);
    for (let round = 0; round < ROUNDS; round++) {
        without = Math.max(without, await insertRate(bench));
        const idle = await start('fan', ['--port', bench.server.port, '--tokens', bench.tokens, '--sql', 'SELECT * FROM app.other WHERE id = {{n}}', '--sockets', 100, '--each', 10, '--idle', 1]);
        beside = Math.max(beside, await insertRate(bench));
        await idle.stop();
    }
    return unit(0.95 * without, Infinity, beside, `${beside.toFixed(0)}/s, without ${without.toFixed(0)}/s (${(beside / without).toFixed(2)} x)`);
}

async function main() {
    if (wanted.length > 0 && !wanted.some((name) => name === 'idle' || WORKLOADS.some((workload) => workload.name === name))) {
        return; // workloads of another driver
    }
    const server = new Server({ options: { 'rate_limit.max_auth_requests_per_ip_per_sec': 0, 'rate_limit.max_subscriptions_per_user': 0, 'websocket.client_timeout_secs': 60, 'rate_limit.max_messages_per_sec': 0, 'auth.jwt_secret': SECRET, 'flush.default_row_limit': 0 } });
    await server.start();
    await server.setUp();
    const bench = { server, tokens: path.join(server.dir, 'tokens') };
    try {
        await server.root.sql('CREATE NAMESPACE app');
        await makeFeed(bench);
        await server.root.results('CREATE SHARED TABLE app.other (id BIGINT PRIMARY KEY, title TEXT) WITH (ACCESS_LEVEL = \'PUBLIC\'); CREATE USER TABLE app.mine (id BIGINT PRIMARY KEY, title TEXT)');
        fs.writeFileSync(bench.tokens, `${server.admin.token}\n`);
        if (wanted.length === 0 || wanted.includes('idle')) {
            const { bytes, setup } = await measureIdle(bench);
            console.log(`idle        ${MOST} subscribers: ${(bytes / 1024).toFixed(2)} KiB each (<= 5 KiB: ${bytes <= 5120 ? 'yes' : 'NO'}), set up in ${setup.toFixed(0)} ms`);
        }
        for (const workload of WORKLOADS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
            if (workload.measure !== undefined) {
                const { text, met } = await workload.measure(bench);
                console.log(`${workload.name.padEnd(11)} ${workload.what}: ${text}; ${workload.requires}: ${met ? 'yes' : 'NO'}`);
                continue;
            }
            const result = await measure(workload, bench);
            const { best, bare } = result;
            console.log(`${workload.name.padEnd(11)} ${workload.what}, ${workload.sockets} sockets, ${workload.window} under way: ${best.deliveries_per_second}/s, p50 ${best.p50_us.toFixed(0)} us, p99 ${best.p99_us.toFixed(0)} us; ` +
                `bare ${bare.deliveries_per_second}/s, p50 ${bare.p50_us.toFixed(0)} us, p99 ${bare.p99_us.toFixed(0)} us (${(best.deliveries_per_second / bare.deliveries_per_second).toFixed(2)} x); ${workload.requires}: ${workload.met(result) ? 'yes' : 'NO'}`);
        }
    } finally {
        await server.stop();
    }
    console.log(`${os.cpus().length} x ${os.cpus()[0].model.trim()}`);
}

main().catch((error) => {
    console.error(error.stderr ?? error);
    process.exit(1);
});
