// cold.bench.js [--quick] [line...] - measures the cold tier: moving rows into Parquet and reading them there, beside what DuckDB alone
// does with the same files in the same run. `./dev bench cold` runs it; each line is a row of LINES.
'use strict';
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { runJobs } = require('../tests/lib/jobs.js');
const { insertNumbers } = require('../tests/lib/rows.js');
const { Server, top } = require('../tests/lib/server.js');

const tools = path.join(top, 'build/release/bench');
const args = process.argv.slice(2);
const quick = args.includes('--quick');
const wanted = args.filter((arg) => !arg.startsWith('--'));
const SCALE = quick ? 10 : 1;
const TIMES = quick ? 30 : 200;
const ROUNDS = quick ? 1 : 3;

const LINES = [
    { name: 'flush', what: 'rows to Parquet', measure: measureFlush, requires: '>= 300K rows/s per core' },
    { name: 'bytes', what: 'bytes of the files, against a COPY of DuckDB', measure: measureBytes, requires: '<= 1.1 x' },
    { name: 'aggregate', what: 'filter and aggregate, 200K rows in 20 files', measure: measureAggregate, requires: '<= 1.5 x' },
    { name: 'point', what: 'a cold row by key', measure: measurePoint, requires: 'first 3 ms, again 1 ms' },
    { name: 'update', what: 'durable UPDATE of a cold row', measure: measureUpdate, requires: '<= 5 ms more than of a hot one' },
    { name: 'pruned', what: 'a key range in 1 of 1,000 segments, against a single one', measure: measurePruned, requires: '<= 1.5 x' },
    { name: 'writers', what: 'p99 of writers beside a flush, against without', measure: measureWriters, requires: '<= 2 x' },
    { name: 'users', what: '10,000 users x 100 rows', measure: measureUsers, requires: '500 files/s; start within 1 s' },
    { name: 'group', what: 'GROUP BY over 10M cold rows', measure: measureGroup, requires: '<= 1.3 x' },
];

const SELECT = "i, 'title of note ' || i, 'category ' || (i * 7919 % 100), (i * 7919 % 1000)::INT, i * 31 % 100000, repeat('x', 40)";
const COLUMNS = 'id BIGINT PRIMARY KEY, title TEXT, category TEXT, n INT, score BIGINT, body TEXT';

// ---- the server ----

// null: there was nothing to do.
async function jobOf(server, statement) {
    const [job] = await runJobs(server.root, statement);
    if (job === undefined) {
        return null;
    }
    if (job.status !== 'completed' && job.status !== 'skipped') {
        throw new Error(`${job.id} ${job.status}: ${job.message}`);
    }
    return { ms: Math.max(1, (Number(job.finished_at) - Number(job.started_at)) / 1000), message: job.message };
}

const flush = (bench, table) => jobOf(bench.server, `STORAGE FLUSH TABLE ${table}`);

function filesOf(bench, table) {
    const dir = path.join(bench.server.dataPath, 'storage', ...table.split('.'));
    return fs.readdirSync(dir, { recursive: true }).filter((name) => name.endsWith('.parquet')).map((name) => path.join(dir, name));
}

const list = (files) => `read_parquet([${files.map((file) => `'${file}'`).join(', ')}])`;

// What is compared is measured in turn, ROUNDS times, and the best round of each counts: on a machine that does other things too, that is
// what comes nearest to being alone on it.
async function inTurn(...measures) {
    const best = measures.map(() => Infinity);
    for (let round = 0; round < ROUNDS; round++) {
        for (const [i, measure] of measures.entries()) {
            best[i] = Math.min(best[i], await measure());
        }
    }
    return best;
}

async function raw(query) {
    const { stdout } = await promisify(execFile)(path.join(tools, 'raw_duckdb'), ['--rows', '1', '--query', query, '--seconds', quick ? '0.5' : '1', '--warmup', '0.3']);
    return JSON.parse(stdout);
}

const sorted = (times) => times.slice().sort((a, b) => a - b);
const at = (times, share) => sorted(times)[Math.min(times.length - 1, Math.floor(times.length * share))];

async function timed(count, run) {
    const times = [];
    for (let i = 0; i < count; i++) {
        const from = process.hrtime.bigint();
        await run(i);
        times.push(Number(process.hrtime.bigint() - from) / 1000);
    }
    return times;
}

// ---- lines ----

async function measureFlush(bench) {
    const rows = 1000000 / SCALE;
    await bench.server.root.sql(`CREATE TABLE app.flushed (${COLUMNS}) WITH (TYPE='SHARED')`);
    await insertNumbers(bench.server.root, 'app.flushed', rows, SELECT);
    const cpu = () => fs.readFileSync(`/proc/${bench.server.pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).reduce((a, b) => a + Number(b), 0) * 10;
    const before = cpu();
    const { ms } = await flush(bench, 'app.flushed');
    const used = cpu() - before;
    return { text: `${(rows / ms * 1000).toFixed(0)} rows/s, ${(rows / used * 1000).toFixed(0)} rows/s of a core`, met: rows / used * 1000 >= 300000 };
}

async function measureBytes(bench) {
    const files = filesOf(bench, 'app.flushed');
    const own = files.reduce((sum, file) => sum + fs.statSync(file).size, 0);
    const copy = path.join(os.tmpdir(), `kalamdb-copy-${process.pid}.parquet`);
    await raw(`COPY (SELECT * FROM ${list(files)}) TO '${copy}' (FORMAT parquet, COMPRESSION zstd)`);
    const theirs = fs.statSync(copy).size;
    fs.rmSync(copy);
    return { text: `${own} bytes, DuckDB's ${theirs} (${(own / theirs).toFixed(2)} x)`, met: own <= 1.1 * theirs };
}

const AGGREGATE = (from) => `SELECT category, count(*) AS c, sum(n) AS s FROM ${from} WHERE score < 50000 GROUP BY category`;

async function measureAggregate(bench) {
    await bench.server.root.sql(`CREATE TABLE app.twenty (${COLUMNS}) WITH (TYPE='SHARED')`);
    for (let i = 0; i < 20; i++) {
        await bench.server.root.sql(`INSERT INTO app.twenty SELECT ${SELECT} FROM generate_series(${i * 10000}, ${i * 10000 + 9999}) AS s(i)`);
        await flush(bench, 'app.twenty');
    }
    return compare(bench, AGGREGATE('app.twenty'), AGGREGATE(list(filesOf(bench, 'app.twenty'))), 1.5);
}

async function compare(bench, sql, rawSql, times) {
    const run = () => bench.server.root.sql(sql);
    await timed(3, run);
    const [own, theirs] = await inTurn(async () => at(await timed(TIMES / 10, run), 0.5), async () => (await raw(rawSql)).p50_us);
    return { text: `p50 ${(own / 1000).toFixed(2)} ms, raw DuckDB ${(theirs / 1000).toFixed(2)} ms (${(own / theirs).toFixed(2)} x)`, met: own <= times * theirs };
}

async function measurePoint(bench) {
    const keys = Array.from({ length: TIMES }, (_, i) => (i * 7919) % 200000);
    const read = (i) => bench.server.root.sql('SELECT * FROM app.twenty WHERE id = $1', [keys[i]]);
    const first = at(await timed(TIMES, read), 0.5);
    const again = at(await timed(TIMES, read), 0.5);
    const theirs = (await raw(`SELECT * FROM ${list(filesOf(bench, 'app.twenty').slice(0, 1))} WHERE id = 7919`)).p50_us;
    return {
        text: `p50 first ${(first / 1000).toFixed(2)} ms, again ${(again / 1000).toFixed(2)} ms; raw DuckDB, which is told the file, ${(theirs / 1000).toFixed(2)} ms`,
        met: first <= 3000 && again <= 1000,
    };
}

async function measureUpdate(bench) {
    await bench.server.root.sql(`CREATE TABLE app.warm (${COLUMNS}) WITH (TYPE='SHARED')`);
    await insertNumbers(bench.server.root, 'app.warm', 10000, SELECT);
    const update = (table) => (i) => bench.server.root.sql(`UPDATE ${table} SET score = $1 WHERE id = $2`, [i, (i * 7919) % 10000]);
    let from = 0; // of rows that are cold still
    const p50 = async (table) => at(await timed(TIMES / 4, (i) => update(table)(from + i)), 0.5);
    const [hot, cold] = await inTurn(() => p50('app.warm'), async () => {
        const time = await p50('app.twenty');
        from += TIMES / 4;
        return time;
    });
    return { text: `p50 ${(cold / 1000).toFixed(2)} ms, of a hot row ${(hot / 1000).toFixed(2)} ms`, met: cold <= hot + 5000 };
}

async function measurePruned(bench) {
    const SEGMENTS = 1000 / SCALE;
    for (const table of ['app.thousand', 'app.single']) {
        await bench.server.root.sql(`CREATE TABLE ${table} (${COLUMNS}) WITH (TYPE='SHARED')`);
    }
    for (let i = 0; i < SEGMENTS; i++) {
        await bench.server.root.sql(`INSERT INTO app.thousand SELECT ${SELECT} FROM generate_series(${i * 100}, ${i * 100 + 99}) AS s(i)`);
        await flush(bench, 'app.thousand');
    }
    await bench.server.root.sql(`INSERT INTO app.single SELECT ${SELECT} FROM generate_series(500, 599) AS s(i)`);
    await flush(bench, 'app.single');
    const query = (table) => () => bench.server.root.sql(`SELECT count(*), sum(n) FROM ${table} WHERE id >= 500 AND id < 600`);
    await timed(5, query('app.thousand'));
    await timed(5, query('app.single'));
    const p50 = (table) => async () => at(await timed(TIMES / 4, query(table)), 0.5);
    const [many, one] = await inTurn(p50('app.thousand'), p50('app.single'));
    return { text: `p50 ${(many / 1000).toFixed(2)} ms, with a single one ${(one / 1000).toFixed(2)} ms (${(many / one).toFixed(2)} x)`, met: many <= 1.5 * one };
}

async function measureWriters(bench) {
    await bench.server.root.sql(`CREATE TABLE app.busy (${COLUMNS}) WITH (TYPE='SHARED')`);
    let next = 0;
    const write = () => bench.server.root.sql('INSERT INTO app.busy (id, title, n) VALUES ($1, $2, 5)', [next++, 'x'.repeat(60)]);
    await insertNumbers(bench.server.root, 'app.busy', 100000 / SCALE, SELECT.replace('i,', '100000000 + i,'));
    const p99 = async () => at(await timed(TIMES * 5, write), 0.99);
    const [alone, beside] = await inTurn(p99, async () => {
        let ended = false;
        const flushing = (async () => {
            while (!ended) {
                await flush(bench, 'app.busy');
            }
        })();
        const time = await p99();
        ended = true;
        await flushing;
        return time;
    });
    return { text: `p99 ${(beside / 1000).toFixed(2)} ms, without ${(alone / 1000).toFixed(2)} ms (${(beside / alone).toFixed(2)} x)`, met: beside <= 2 * alone };
}

async function measureUsers(bench) {
    const USERS = 10000 / SCALE;
    await bench.server.root.sql("CREATE TABLE app.own (id BIGINT PRIMARY KEY, body TEXT) WITH (TYPE='USER')");
    const names = Array.from({ length: USERS }, (_, i) => `u${i}`);
    for (let at = 0; at < USERS; at += 200) {
        await bench.server.root.results(names.slice(at, at + 200).map((name) => `CREATE USER ${name} WITH OAUTH '{"provider":"google","subject":"${name}"}' ROLE user`).join('; '));
    }
    for (let at = 0; at < USERS; at += 50) {
        await Promise.all(names.slice(at, at + 50).map((name) => bench.server.root.results(`EXECUTE AS USER '${name}' (INSERT INTO app.own SELECT i, repeat('x', 90) FROM generate_series(1, 100) AS s(i))`)));
    }
    const { ms } = await flush(bench, 'app.own');
    const files = filesOf(bench, 'app.own').length;
    await bench.server.terminate();
    await bench.server.start();
    await bench.server.setUpAgain();
    const ready = /server ready .*took_ms=(\d+)/.exec(bench.server.output);
    const start = ready === null ? NaN : Number(ready[1]);
    return { text: `${files} files, ${(files / ms * 1000).toFixed(0)} files/s; start in ${start} ms`, met: files / ms * 1000 >= 500 && start <= 1000 };
}

const GROUP = (from) => `SELECT category, count(*) AS c, sum(n) AS s, avg(score) AS a FROM ${from} GROUP BY category`;

async function measureGroup(bench) {
    const rows = 10000000 / SCALE;
    await bench.server.root.sql(`CREATE TABLE app.ten (${COLUMNS}) WITH (TYPE='SHARED')`);
    for (let from = 0; from < rows; from += 1000000) {
        const step = Math.min(1000000, rows - from);
        for (let i = 0; i < step; i += 100000) {
            await bench.server.root.sql(`INSERT INTO app.ten SELECT ${SELECT} FROM generate_series(${from + i}, ${from + Math.min(i + 100000, step) - 1}) AS s(i)`);
        }
        await flush(bench, 'app.ten');
    }
    return compare(bench, GROUP('app.ten'), GROUP(list(filesOf(bench, 'app.ten'))), 1.3);
}

// ---- the run ----

async function main() {
    const server = new Server({ options: { 'flush.check_interval_seconds': 86400, 'limits.max_statement_write_bytes': 1 << 30 } });
    await server.start();
    const login = await server.setUp();
    server.root = login.root;
    server.setUpAgain = async () => {
        server.root = server.client(login.root.token, 'root');
    };
    const bench = { server };
    try {
        await server.root.sql('CREATE NAMESPACE app');
        for (const line of LINES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
            const { text, met } = await line.measure(bench);
            process.stdout.write(`${line.name.padEnd(11)} ${line.what}: ${text}; ${line.requires}: ${met ? 'yes' : 'NO'}\n`);
        }
    } finally {
        await server.stop();
    }
}

main().catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
});
