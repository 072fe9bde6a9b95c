// golden.js - runs a .sql file against a server and writes what came back as text, for comparison with its .out.
//
// A statement ends with `;` at the end of a line. A line that starts with `-- ` may be a directive:
//
//   -- user alice [role]   what follows is sent by alice, who is created first if need be (role user unless said)
//   -- as root|admin       what follows is sent by that account (the start: root)
//   -- namespace app       namespace_id of what follows; without a name: none
//   -- params [1, "x"]     parameters of the next request
//   -- sort                the next result has no promised order: its rows are sorted
//   -- mask a b            columns of the next result whose values change from run to run
//   -- batch ... -- end    what is between is one request
//
// All other comment lines are copied into the output, as headings. Values of MASKED columns and parts that VOLATILE
// names are replaced, so that two runs give the same text. Cells are shown as JSON, as they are on the wire.
'use strict';
const MASKED = new Set(['_seq', '_updated', 'created_at', 'updated_at', 'last_seen', 'last_login_at', 'password_hash']);
const VOLATILE = [
    [/\b([A-Z]{2})-[0-9a-f]{12}\b/g, '$1-<id>'],
    [/\b([Tt]ransaction[a-z ]*[ (']+)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '$1<id>'],
    [/\bsql-req-\d+/g, 'sql-req-<n>'],
    [/\b(sub-\w+-\w+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '$1-<id>'],
    [/\bws:\/\/127\.0\.0\.1:\d+/g, 'ws://127.0.0.1:<port>'],
];

const DIRECTIVE = /^-- (?:(as) (root|admin)|(user) (\w+(?: \w+)?)|(namespace)(?: (\w+))?|(params) (\[.*\])|(sort)|(mask) ([\w ]+)|(batch)|(end))$/;

function steady(text) {
    return VOLATILE.reduce((result, [pattern, by]) => result.replace(pattern, by), text);
}

function typeName(type) {
    return typeof type === 'string' ? type : JSON.stringify(type);
}

function showResult(result, { sort, masked }, user) {
    const lines = [];
    if (result.schema !== undefined) {
        lines.push(result.schema.map(({ name, data_type: type, flags }) => [name, typeName(type), ...(flags ?? [])].join(' ')).join(' | '));
        const cell = (value, i) => (value !== null && (MASKED.has(result.schema[i].name) || masked.has(result.schema[i].name)) ? `<${result.schema[i].name}>` : JSON.stringify(value));
        const rows = result.rows.map((row) => steady(row.map(cell).join(' | ')));
        lines.push(...(sort ? rows.sort() : rows));
        lines.push(`(${result.row_count} ${result.row_count === 1 ? 'row' : 'rows'}${result.truncated ? ', truncated' : ''})`);
        if (result.row_count !== result.rows.length) {
            lines.push(`row_count is ${result.row_count}, but there are ${result.rows.length} rows`);
        }
        if (result.schema.some((column, i) => column.index !== i)) {
            lines.push('schema indexes are wrong');
        }
    } else {
        lines.push(`${steady(String(result.message))}${result.row_count ? ` [${result.row_count}]` : ''}`);
    }
    if (result.as_user !== user) {
        lines.push(`as_user is ${result.as_user}`);
    }
    return lines;
}

function showAnswer(answer, how, user) {
    if (answer.json === undefined) {
        return [`HTTP ${answer.status}, not JSON: ${answer.text}`];
    }
    if (answer.status === 200 && answer.json.status === 'success') {
        return answer.json.results.flatMap((result) => showResult(result, how, user));
    }
    const { code, message, ...rest } = answer.json.error ?? {};
    const lines = [steady(`ERROR ${answer.status} ${code}: ${message}`)];
    delete rest.details;
    if (Object.keys(rest).length > 0) {
        lines.push(`      ${JSON.stringify(rest)}`);
    }
    if (answer.json.status !== 'error' || !Array.isArray(answer.json.results) || answer.json.results.length !== 0) {
        lines.push('not the shape of an error');
    }
    return lines;
}

// {kind: 'directive', name, text} | {kind: 'comment', text} | {kind: 'sql', text}, in order.
function parseScript(script) {
    const steps = [];
    let sql = [];
    let batch = false;
    for (const line of script.split('\n')) {
        const directive = sql.length === 0 || batch ? DIRECTIVE.exec(line) : null;
        if (directive !== null) {
            const [name, text = ''] = directive.slice(1).filter((part) => part !== undefined);
            if (name === 'batch') {
                batch = true;
            } else if (name === 'end') {
                batch = false;
                steps.push({ kind: 'sql', text: sql.join('\n') });
                sql = [];
            } else {
                steps.push({ kind: 'directive', name, text });
            }
        } else if (sql.length === 0 && !batch && (line.startsWith('--') || line === '')) {
            steps.push({ kind: 'comment', text: line });
        } else {
            sql.push(line);
            if (!batch && line.endsWith(';')) {
                steps.push({ kind: 'sql', text: sql.join('\n') });
                sql = [];
            }
        }
    }
    if (sql.length > 0) {
        throw new Error(`no ; at the end of a line after: ${sql[0]}`);
    }
    return steps;
}

// The output of one script on a server that has been set up.
async function runScript(server, script) {
    const clients = new Map([['root', server.root], ['admin', server.admin]]);
    const output = [];
    let client = server.root;
    let namespace;
    let params;
    let how = { sort: false, masked: new Set() };
    for (const step of parseScript(script)) {
        if (step.kind === 'comment') {
            output.push(step.text);
        } else if (step.kind === 'directive') {
            const words = step.text.split(' ').filter((word) => word !== '');
            switch (step.name) {
                case 'user':
                    if (!clients.has(words[0])) {
                        clients.set(words[0], await server.createUser(words[0], words[1]));
                    }
                    client = clients.get(words[0]);
                    output.push(`-- user ${step.text}`);
                    break;
                case 'as':
                    client = clients.get(words[0]);
                    output.push(`-- as ${step.text}`);
                    break;
                case 'namespace':
                    namespace = words[0];
                    output.push(`-- namespace ${step.text}`);
                    break;
                case 'params':
                    params = JSON.parse(step.text);
                    output.push(`-- params ${step.text}`);
                    break;
                case 'sort':
                    how.sort = true;
                    break;
                case 'mask':
                    how.masked = new Set(words);
                    break;
            }
        } else {
            const answer = await client.sqlRaw(step.text, params, namespace);
            output.push(...step.text.split('\n').map((line) => `> ${line}`), ...showAnswer(answer, how, client.user));
            params = undefined;
            how = { sort: false, masked: new Set() };
        }
    }
    return `${output.join('\n').trimEnd()}\n`;
}

module.exports = { runScript, parseScript };
