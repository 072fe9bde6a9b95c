// readme_tour.test.js - the tour of README.md works as it stands there: its ```sh lines, one after the other, typed into one
// bash against a fresh server. `# -> text` after a line must be part of what that line printed.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { startServer, top, within } = require('../lib/server.js');

// {line, expected} in order.
function readTour() {
    const readme = fs.readFileSync(path.join(top, 'README.md'), 'utf8');
    const tour = /<!-- tour -->([\s\S]*)<!-- \/tour -->/.exec(readme);
    assert.ok(tour !== null, 'README.md has a tour');
    const steps = [];
    for (const [, block] of tour[1].matchAll(/^```sh\n([\s\S]*?)^```$/gm)) {
        for (const line of block.split('\n').filter((each) => each !== '')) {
            if (line.startsWith('# -> ')) {
                steps[steps.length - 1].expected.push(line.slice(5));
            } else {
                steps.push({ line, expected: [] });
            }
        }
    }
    return steps;
}

// One shell that lines are typed into.
class Shell {
    constructor(env) {
        this.child = spawn('bash', ['--noprofile', '--norc'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
        this.output = '';
        this.child.stdout.on('data', (part) => {
            this.output += part;
            this.look();
        });
    }

    look() {
        const end = /<<<done (\d+)>>>\n/.exec(this.output);
        if (end !== null && this.resolve !== undefined) {
            const printed = this.output.slice(0, end.index);
            this.output = this.output.slice(end.index + end[0].length);
            this.resolve({ printed, status: Number(end[1]) });
        }
    }

    type(line) {
        const answered = new Promise((resolve) => { this.resolve = resolve; });
        this.child.stdin.write(`${line}\nprintf '<<<done %d>>>\\n' $?\n`);
        return within(300000, line, answered);
    }

    end() {
        this.child.stdin.end();
    }
}

test('every line of the tour does what README.md says', async () => {
    const steps = readTour();
    assert.ok(steps.length > 20, `${steps.length} lines`);
    const server = await startServer({ options: { 'auth.bcrypt_cost': null, 'rate_limit.max_auth_requests_per_ip_per_sec': null } });
    const { http_proxy: proxy, HTTP_PROXY: proxyToo, all_proxy: proxyAll, ALL_PROXY: proxyAllToo, ...env } = process.env;
    void [proxy, proxyToo, proxyAll, proxyAllToo];
    const shell = new Shell(env);
    try {
        for (const { line, expected } of steps) {
            const here = line.replaceAll('http://127.0.0.1:8080', server.url);
            const { printed, status } = await shell.type(here);
            assert.strictEqual(status, 0, `${line}\n${printed}`);
            expected.forEach((text) => assert.ok(printed.includes(text), `${line}\nprinted ${printed}\nnot ${text}`));
            if (expected.length === 0) {
                assert.ok(!printed.includes('"status":"error"'), `${line}\n${printed}`);
            }
        }
        assert.strictEqual(steps.filter(({ line }) => line.includes('127.0.0.1:8080')).length, 1, 'the address is named once');
    } finally {
        shell.end();
        await server.stop();
    }
});
