// client.js - a small HTTP client for the tests. It keeps connections open, shows every answer as it came (status,
// headers, body) and adds nothing of its own to a request, so that tests can send what a real client never would.
'use strict';
const http = require('node:http');
const https = require('node:https');

// An SQL answer other than success.
class SqlError extends Error {
    constructor(answer, sql) {
        const error = answer.json?.error ?? {};
        super(`${answer.status} ${error.code}: ${error.message}\n  in: ${sql}`);
        this.name = 'SqlError';
        this.status = answer.status;
        this.code = error.code;
        this.text = error.message;
        this.details = error.details;
        this.answer = answer;
    }
}

// Rows as objects, by the result's schema.
function toObjects(result) {
    const names = result.schema.map((column) => column.name);
    return result.rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
}

class Client {
    // `ca` is the certificate that a server with https must show.
    constructor(base, { token = null, user = null, ca } = {}) {
        this.base = new URL(base);
        this.token = token;
        this.user = user;
        this.http = this.base.protocol === 'https:' ? https : http;
        this.agent = new this.http.Agent({ keepAlive: true, maxSockets: Infinity, ca });
    }

    // The same server and connections as somebody else.
    with(token, user = null) {
        const other = Object.create(Client.prototype);
        return Object.assign(other, { base: this.base, http: this.http, agent: this.agent, token, user });
    }

    close() {
        this.agent.destroy();
    }

    // {status, headers, text, json}; json is undefined when the body is not JSON. `body` may be a string, a Buffer, or
    // a value to send as JSON.
    request(method, path, { body, headers = {}, token = this.token, signal } = {}) {
        const sent = { ...headers };
        let data = null;
        if (body !== undefined) {
            const raw = typeof body === 'string' || Buffer.isBuffer(body);
            data = Buffer.from(raw ? body : JSON.stringify(body));
            sent['content-type'] ??= 'application/json';
            sent['content-length'] ??= data.length;
        }
        if (token !== null && sent.authorization === undefined) {
            sent.authorization = `Bearer ${token}`;
        }
        return new Promise((resolve, reject) => {
            const options = { host: this.base.hostname, port: this.base.port, method, path, headers: sent, agent: this.agent, signal };
            const request = this.http.request(options, (response) => {
                const parts = [];
                response.on('data', (part) => parts.push(part));
                response.on('error', reject);
                response.on('end', () => {
                    const text = Buffer.concat(parts).toString();
                    let json;
                    try {
                        json = JSON.parse(text);
                    } catch {
                        json = undefined;
                    }
                    resolve({ status: response.statusCode, headers: response.headers, text, json });
                });
            });
            request.on('error', reject);
            request.end(data);
        });
    }

    get(path, options) {
        return this.request('GET', path, options);
    }

    post(path, body, options = {}) {
        return this.request('POST', path, { ...options, body });
    }

    // The whole answer of the SQL endpoint, whatever it is.
    sqlRaw(sql, params, namespace) {
        return this.post('/v1/api/sql', { sql, params, namespace_id: namespace });
    }

    // All results of a request that succeeds.
    async results(sql, params, namespace) {
        const answer = await this.sqlRaw(sql, params, namespace);
        if (answer.status !== 200 || answer.json?.status !== 'success') {
            throw new SqlError(answer, sql);
        }
        return answer.json.results;
    }

    // The one result of a request with one statement.
    async sql(sql, params, namespace) {
        const results = await this.results(sql, params, namespace);
        if (results.length !== 1) {
            throw new Error(`${results.length} results, not one: ${sql}`);
        }
        return results[0];
    }

    // Rows as arrays, and as objects.
    async rows(sql, params, namespace) {
        return (await this.sql(sql, params, namespace)).rows;
    }

    async objects(sql, params, namespace) {
        return toObjects(await this.sql(sql, params, namespace));
    }

    // The single cell of a single row.
    async value(sql, params, namespace) {
        const rows = await this.rows(sql, params, namespace);
        if (rows.length !== 1 || rows[0].length !== 1) {
            throw new Error(`not one cell: ${JSON.stringify(rows)} of ${sql}`);
        }
        return rows[0][0];
    }

    // The SqlError of a request that must fail.
    async fails(sql, params, namespace) {
        const answer = await this.sqlRaw(sql, params, namespace);
        if (answer.status === 200) {
            throw new Error(`succeeded: ${sql}\n  ${answer.text.slice(0, 500)}`);
        }
        return new SqlError(answer, sql);
    }
}

module.exports = { Client, SqlError, toObjects };
