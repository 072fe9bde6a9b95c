// server.js - a kalamdb-server process of a test's own: a free port, a new data directory, cheap password hashes. Nothing
// here waits for a time: the server says on stdout where it listens, and a process that ends says so.
//
//   const server = await startServer();
//   const { root, admin } = await server.setUp();        // clients
//   const alice = await server.createUser('alice');      // role user
//   await alice.sql('SELECT 1');
//   await server.stop();                                 // SIGTERM; throws unless it exits with 0
'use strict';
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Client } = require('./client.js');

const top = path.resolve(__dirname, '../..');
const binary = process.env.KALAMDB_SERVER_BIN ?? path.join(top, 'build/release/bin/kalamdb-server');
const preset = process.env.KALAMDB_PRESET ?? 'release';
const sanitized = preset === 'asan' || preset === 'tsan';
// How much longer than release this build takes for the same work: limits of time are multiplied by it.
const slowness = { release: 1, clang: 2, debug: 2, coverage: 4, asan: 8, tsan: 20 }[preset] ?? 1;

const PASSWORD = 'correct horse battery';
const START_MS = 120000 * slowness;
const STOP_MS = 120000 * slowness;

const DEFAULT_OPTIONS = {
    'server.port': 0,
    'auth.bcrypt_cost': 4,
    'rate_limit.max_auth_requests_per_ip_per_sec': 0,
};

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => process.exit(1));
}

function newDataDir() {
    return fs.mkdtempSync(path.join(process.env.KALAMDB_TEST_DIR ?? os.tmpdir(), 'kalamdb-test-'));
}

// Ends with an error when it has not happened within a limit that only a broken server reaches.
function within(ms, what, promise) {
    let timer;
    const limit = new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: not within ${ms / 1000} s`)), ms);
    });
    return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

class Server {
    constructor({ dir, options = {}, env = {} } = {}) {
        this.ownDir = dir === undefined;
        this.dir = dir ?? newDataDir();
        this.options = { ...DEFAULT_OPTIONS, ...options };
        this.env = env;
        this.clients = new Set();
        this.tokens = new Map();
    }

    get dataPath() {
        return path.join(this.dir, 'data');
    }

    get args() {
        const all = { 'storage.data_path': this.dataPath, ...this.options };
        return Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `--${name}=${value}`);
    }

    // Runs the program and waits until it listens, or throws with what it printed.
    async start() {
        this.output = '';
        this.asked = false;
        this.child = spawn(binary, this.args, { cwd: this.dir, env: { ...process.env, ...this.env }, stdio: ['ignore', 'pipe', 'pipe'] });
        running.add(this.child);
        this.exited = once(this.child, 'close').then(([code, signal]) => {
            running.delete(this.child);
            return { code, signal };
        });
        const listening = new Promise((resolve) => {
            let stdout = '';
            this.child.stdout.on('data', (part) => {
                this.keep(part);
                stdout = stdout.length < 65536 ? stdout + part : stdout;
                const found = /\b(https?):\/\/[^\s:/]+:(\d+)/.exec(stdout);
                if (found !== null) {
                    resolve({ scheme: found[1], port: Number(found[2]) });
                }
            });
        });
        this.child.stderr.on('data', (part) => this.keep(part));
        const notStarted = once(this.child, 'error').then(([error]) => {
            running.delete(this.child);
            throw error;
        });
        notStarted.catch(() => {});
        const ended = this.exited.then(({ code, signal }) => {
            throw Object.assign(new Error(`the server ended at start: ${code ?? signal}\n${this.output}`), { code, signal, output: this.output });
        });
        ended.catch(() => {});
        const { scheme, port } = await within(START_MS, 'start', Promise.race([listening, ended, notStarted]));
        this.port = port;
        this.url = `${scheme}://127.0.0.1:${this.port}`;
        return this;
    }

    keep(part) {
        this.output = (this.output + part).slice(-65536);
    }

    get pid() {
        return this.child.pid;
    }

    get alive() {
        return this.child.exitCode === null && this.child.signalCode === null;
    }

    client(token = null, user = null) {
        const client = new Client(this.url, { token, user, ca: this.ca });
        this.clients.add(client);
        return client;
    }

    // Whoever ends the server says so here: an end that nobody asked for is an error of the test's last step.
    signal(signal) {
        this.asked = true;
        this.child.kill(signal);
    }

    // Asks the program to end and waits for it; {code, signal}.
    async terminate(signal = 'SIGTERM') {
        this.clients.forEach((client) => client.close());
        this.clients.clear();
        this.signal(signal);
        return within(STOP_MS, `end after ${signal}`, this.exited);
    }

    // A clean stop; the data stays.
    async halt() {
        const { code, signal } = await this.terminate();
        if (code !== 0) {
            throw new Error(`the server ended with ${code ?? signal} after SIGTERM\n${this.output}`);
        }
    }

    async kill() {
        await this.terminate('SIGKILL');
    }

    // A clean stop, and the data goes.
    async stop() {
        try {
            if (this.alive) {
                await this.halt();
            } else if (!this.asked) {
                throw new Error(`the server ended by itself: ${this.child.exitCode ?? this.child.signalCode}\n${this.output}`);
            }
        } finally {
            this.remove();
        }
    }

    remove() {
        if (this.ownDir) {
            fs.rmSync(this.dir, { recursive: true, force: true });
        }
    }

    // Again on the same data, by default after a clean stop. Clients made before are of no use; signed-in ones come from
    // signIn.
    async restart({ kill = false, options = {} } = {}) {
        if (this.alive) {
            await (kill ? this.kill() : this.halt());
        }
        Object.assign(this.options, options);
        await this.start();
        return this;
    }

    // The first configuration: root and the dba account `admin`, both with PASSWORD.
    async setUp() {
        const answer = await this.client().post('/v1/api/auth/setup', { user: 'admin', password: PASSWORD, root_password: PASSWORD });
        if (answer.status !== 200) {
            throw new Error(`set-up: ${answer.status} ${answer.text}`);
        }
        this.root = await this.signIn('root');
        this.admin = await this.signIn('admin');
        return { root: this.root, admin: this.admin };
    }

    async signIn(user, password = PASSWORD) {
        const client = this.client(null, user);
        const answer = await client.post('/v1/api/auth/login', { user, password });
        if (answer.status !== 200) {
            throw new Error(`sign-in of ${user}: ${answer.status} ${answer.text}`);
        }
        client.token = answer.json.access_token;
        client.refreshToken = answer.json.refresh_token;
        return client;
    }

    // Creates a user (quoted: any name will do) and signs it in.
    async createUser(name, role = 'user', password = PASSWORD) {
        await this.root.sql(`CREATE USER '${name.replaceAll("'", "''")}' WITH PASSWORD '${password}' ROLE ${role}`);
        return this.signIn(name, password);
    }

    // Resident memory in bytes.
    rss() {
        const found = /^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${this.pid}/status`, 'utf8'));
        return Number(found[1]) * 1024;
    }

    // Seconds of processor time since start; NaN when the process is gone.
    cpuSeconds() {
        try {
            const fields = fs.readFileSync(`/proc/${this.pid}/stat`, 'utf8').replace(/^.*\)/s, '').trim().split(' ');
            return (Number(fields[11]) + Number(fields[12])) / 100; // ticks in user and system mode
        } catch {
            return NaN;
        }
    }

    // The most resident memory since start or since resetPeak, in bytes.
    peakRss() {
        const found = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${this.pid}/status`, 'utf8'));
        return Number(found[1]) * 1024;
    }

    resetPeak() {
        fs.writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
    }
}

async function startServer(settings) {
    const server = new Server(settings);
    try {
        return await server.start();
    } catch (error) {
        server.remove();
        throw error;
    }
}

// For a test file: one server, started and set up before its tests, stopped after them. A further `before` of the file
// awaits server.ready: hooks of one file do not wait for each other.
function useServer(test, settings) {
    const server = new Server(settings);
    server.ready = server.start().then(() => server.setUp());
    test.before(() => server.ready);
    test.after(() => server.stop());
    return server;
}

module.exports = { Server, startServer, useServer, within, newDataDir, binary, preset, sanitized, slowness, top, PASSWORD };
