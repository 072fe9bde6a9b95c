// layers.js - holds the modules to cmake/layers.txt: who includes whom, and who owns which library.
//
//   node layers.js <table> <modules directory> <nm> <name=libkdb_name.a>...
//
// CMake already gives each module only the include paths that it asks for, but headers installed system-wide are visible
// to every compile, and a symbol needs no header at all. So this reads the #include lines of every source file and the
// undefined symbols of every library. It prints one line per violation and fails when there is one.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const LIMITS = { module: 4, header: 3, symbol: 3, except: 4 };

// The table's rows by kind. The last field of a row takes the rest of the line.
function readTable(file) {
    const rows = { module: [], header: [], symbol: [], except: [] };
    fs.readFileSync(file, 'utf8').split('\n').forEach((line, index) => {
        if (line.trim() === '' || line.startsWith('#')) {
            return;
        }
        const words = line.trim().split(/\s+/);
        const count = LIMITS[words[0]];
        if (count === undefined || words.length < count) {
            throw new Error(`${file}:${index + 1}: not a row: ${line}`);
        }
        rows[words[0]].push([...words.slice(1, count - 1), words.slice(count - 1).join(' ')]);
    });
    const modules = new Map();
    for (const [name, layer, libs] of rows.module) {
        modules.set(name, { layer: Number(layer), libs: new Set(libs === '-' ? [] : libs.split(',')) });
    }
    const rules = (list) => list.map(([lib, pattern]) => ({ lib, pattern: new RegExp(pattern) }));
    const exceptions = new Map(rows.except.map(([module, what, reason]) => [`${module} ${what}`, { reason, used: false }]));
    return { modules, headers: rules(rows.header), symbols: rules(rows.symbol), exceptions };
}

function sourceFiles(directory) {
    if (!fs.existsSync(directory)) {
        return [];
    }
    return fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
        const file = path.join(directory, entry.name);
        if (entry.isDirectory()) {
            return sourceFiles(file);
        }
        return /\.[ch]$/.test(entry.name) ? [file] : [];
    }).sort();
}

function includesOf(file) {
    const found = [];
    fs.readFileSync(file, 'utf8').split('\n').forEach((line, index) => {
        const match = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/.exec(line);
        if (match) {
            found.push({ line: index + 1, quoted: match[1] === '"', header: match[2] });
        }
    });
    return found;
}

// kdb/<x>.h to the module whose include/kdb holds it.
function headerOwners(table, root) {
    const owners = new Map();
    for (const name of table.modules.keys()) {
        for (const file of sourceFiles(path.join(root, name, 'include'))) {
            owners.set(path.relative(path.join(root, name, 'include'), file), name);
        }
    }
    return owners;
}

function excepted(table, module, what) {
    const exception = table.exceptions.get(`${module} ${what}`);
    if (exception) {
        exception.used = true;
    }
    return exception !== undefined;
}

function ownersOf(table, lib) {
    return [...table.modules].filter(([, module]) => module.libs.has(lib)).map(([name]) => name).join(' and ');
}

// What is wrong with one #include in a file of a module, or null.
function judgeInclude(table, owners, name, { quoted, header }) {
    const module = table.modules.get(name);
    if (header.includes('..')) {
        return `includes "${header}": leave the module by its include paths only`;
    }
    if (header.startsWith('kdb/')) {
        const owner = owners.get(header);
        if (owner === undefined) {
            return `includes ${header}, which no module has`;
        }
        const above = owner !== name && table.modules.get(owner).layer >= module.layer;
        return above ? `includes ${header} of ${owner}, layer ${table.modules.get(owner).layer}: not below it` : null;
    }
    if (quoted && header.startsWith('modules/')) {
        return `includes "${header}": leave the module by its include paths only`;
    }
    for (const { lib, pattern } of table.headers) {
        if (pattern.test(header) && !module.libs.has(lib) && !excepted(table, name, header)) {
            return `includes ${header}, but ${lib} belongs to ${ownersOf(table, lib)}`;
        }
    }
    return null;
}

function checkIncludes(table, root) {
    const owners = headerOwners(table, root);
    const problems = [];
    const directories = fs.readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const name of directories.map((entry) => entry.name).sort()) {
        if (!table.modules.has(name)) {
            problems.push(`${name}: a directory that is no module of the table`);
            continue;
        }
        for (const file of sourceFiles(path.join(root, name))) {
            for (const include of includesOf(file)) {
                const problem = judgeInclude(table, owners, name, include);
                if (problem) {
                    problems.push(`${path.relative(root, file)}:${include.line}: ${problem}`);
                }
            }
        }
    }
    return problems;
}

// Undefined symbols of a static library, each with the first object that wants it.
function undefinedSymbols(nm, library) {
    const wanted = new Map();
    let object = '';
    for (const line of execFileSync(nm, ['-u', library], { encoding: 'utf8', maxBuffer: 1 << 28 }).split('\n')) {
        const heading = /^(\S+):$/.exec(line);
        const symbol = /^\s+[Uw]\s+([^\s@]+)/.exec(line);
        if (heading) {
            object = heading[1];
        } else if (symbol && !wanted.has(symbol[1])) {
            wanted.set(symbol[1], object);
        }
    }
    return wanted;
}

function checkSymbols(table, nm, libraries) {
    const problems = [];
    for (const [name, library] of libraries) {
        for (const [symbol, object] of undefinedSymbols(nm, library)) {
            const rule = table.symbols.find(({ pattern }) => pattern.test(symbol));
            if (rule && !table.modules.get(name).libs.has(rule.lib) && !excepted(table, name, symbol)) {
                problems.push(`${name} (${object}): uses ${symbol}, but ${rule.lib} belongs to ${ownersOf(table, rule.lib)}`);
            }
        }
    }
    return problems;
}

// What was left out of the build was not looked at.
function checkPresence(table, libraries) {
    const built = new Set(libraries.map(([name]) => name));
    return [...table.modules.keys()].filter((name) => !built.has(name)).map((name) => `${name}: in the table, but not built`);
}

// An exception that nothing needs any more would let the next violation pass unseen.
function checkExceptions(table, libraries) {
    const built = new Set(libraries.map(([name]) => name));
    return [...table.exceptions]
        .filter(([key, { used }]) => !used && built.has(key.split(' ')[0]))
        .map(([key]) => `the exception "${key}" is no longer needed`);
}

function check(tableFile, root, nm, libraries) {
    const table = readTable(tableFile);
    return [
        ...checkIncludes(table, root),
        ...checkSymbols(table, nm, libraries),
        ...checkPresence(table, libraries),
        ...checkExceptions(table, libraries),
    ];
}

module.exports = { check };

if (require.main === module) {
    const [tableFile, root, nm, ...pairs] = process.argv.slice(2);
    const libraries = pairs.map((pair) => pair.split('='));
    const problems = check(tableFile, root, nm, libraries);
    for (const problem of problems) {
        console.log(problem);
    }
    console.log(`${libraries.length} libraries, ${problems.length} violations of ${path.basename(tableFile)}`);
    process.exitCode = problems.length === 0 ? 0 : 1;
}
