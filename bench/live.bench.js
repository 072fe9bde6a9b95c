// live.bench.js [--quick] [name...] - live queries of the release server, and beside each a bare WebSocket broadcast on the same
// library (bench/bare_ws.c) with as many sockets, rows under way and bytes, in the same run: the ratio is what counts.
// `./dev bench live` runs it. One row of WORKLOADS each.
'use strict';
const { spawn, execFile } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { Server, top } = require('../tests/lib/server.js');

const tools = path.join(process.env.KALAMDB_SERVER_BIN === undefined ? path.join(top, 'build/release') : path.resolve(path.dirname(process.env.KALAMDB_SERVER_BIN), '..'), 'bench');
const args = process.argv.slice(2).concat((process.env.KALAMDB_BENCH ?? '').split(' ').filter((word) => word !== ''));
const quick = args.includes('--quick');
const wanted = args.filter((arg) => !arg.startsWith('--'));
const ROUNDS = quick ? 1 : 3;
const SECONDS = quick ? 1 : 3;
const MOST = quick ? 2000 : 10000;

const p50 = (us) => ({ met: ({ best }) => best.p50_us <= us, requires: `p50 <= ${us} us` });
const share = (least) => ({ met: ({ best, bare }) => best.deliveries_per_second >= least * bare.deliveries_per_second, requires: `>= ${least} x bare` });

const WORKLOADS = [
    { name: 'live_1', what: 'durable INSERT to the frame', sockets: 1, window: 1, ...p50(200) },
    { name: 'fan_1000', what: 'fan-out', sockets: 1000, window: 64, ...share(0.7) },
    { name: 'fan_10000', what: 'fan-out', sockets: MOST, window: 4, ...share(0.7) },
    { name: 'last_10000', what: 'one change to the last of all', sockets: MOST, window: 1, ...p50(60000) },
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

async function measureLive(workload, bench) {
    const body = JSON.stringify({ sql: 'INSERT INTO app.feed (id, title) VALUES ({{seq}}, \'a row of the feed that is about as long as most are\')' });
    nextId += 10000000;
    await bench.server.root.sql('DELETE FROM app.feed WHERE id > 0');
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

async function main() {
    if (wanted.length > 0 && !wanted.some((name) => name === 'idle' || WORKLOADS.some((workload) => workload.name === name))) {
        return; // workloads of another driver
    }
    const server = new Server({ options: { 'rate_limit.max_auth_requests_per_ip_per_sec': 0, 'rate_limit.max_subscriptions_per_user': 0, 'websocket.client_timeout_secs': 60 } });
    await server.start();
    await server.setUp();
    const bench = { server, tokens: path.join(server.dir, 'tokens') };
    try {
        await server.root.results("CREATE NAMESPACE app; CREATE SHARED TABLE app.feed (id BIGINT PRIMARY KEY, title TEXT) WITH (ACCESS_LEVEL = 'PUBLIC')");
        fs.writeFileSync(bench.tokens, `${server.admin.token}\n`);
        if (wanted.length === 0 || wanted.includes('idle')) {
            const { bytes, setup } = await measureIdle(bench);
            console.log(`idle        ${MOST} subscribers: ${(bytes / 1024).toFixed(2)} KiB each (<= 5 KiB: ${bytes <= 5120 ? 'yes' : 'NO'}), set up in ${setup.toFixed(0)} ms`);
        }
        for (const workload of WORKLOADS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
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
