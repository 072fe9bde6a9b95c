// coverage.js <build directory> - sums what gcov says of a build with line counts: executed lines per module, and the
// files with most lines left. Tests do not count as covered code.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const top = path.dirname(__dirname);
const build = path.resolve(process.argv[2]);

function countFiles(directory) {
    return fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
        const file = path.join(directory, entry.name);
        if (entry.isDirectory()) {
            return countFiles(file);
        }
        return entry.name.endsWith('.gcda') ? [file] : [];
    });
}

// One JSON document a line, one line per .gcda file.
function readCounts(file) {
    const output = execFileSync('gcov', ['--json-format', '--stdout', file], { cwd: build, maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
    return output.toString().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
}

// Source file to a map of line number to how often it ran, over all objects that contain it.
const lines = new Map();
for (const counts of countFiles(build).flatMap(readCounts)) {
    for (const { file, lines: counted } of counts.files) {
        const name = path.relative(top, path.resolve(counts.current_working_directory, file));
        if (!/^modules\/[^/]+\/(src|include)\//.test(name)) {
            continue;
        }
        const sum = lines.get(name) ?? new Map();
        for (const { line_number: number, count } of counted) {
            sum.set(number, (sum.get(number) ?? 0) + count);
        }
        lines.set(name, sum);
    }
}

const files = [...lines].map(([name, sum]) => ({
    name,
    module: name.split('/')[1],
    total: sum.size,
    run: [...sum.values()].filter((count) => count > 0).length,
}));

function row(name, list) {
    const total = list.reduce((sum, file) => sum + file.total, 0);
    const run = list.reduce((sum, file) => sum + file.run, 0);
    return `${name.padEnd(50)} ${String(run).padStart(7)} of ${String(total).padStart(7)} lines ${(total ? (100 * run) / total : 100).toFixed(1).padStart(6)}%`;
}

for (const module of [...new Set(files.map((file) => file.module))].sort()) {
    console.log(row(module, files.filter((file) => file.module === module)));
}
console.log(row('all', files));
console.log('\nmost lines left:');
for (const file of files.sort((a, b) => b.total - b.run - (a.total - a.run)).slice(0, 15)) {
    console.log(row(`  ${file.name}`, [file]));
}
