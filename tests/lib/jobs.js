// jobs.js - what tests ask of jobs: to begin, and to have ended.
'use strict';
const { slowness } = require('./server.js');

const ENDED = new Set(['completed', 'failed', 'cancelled', 'skipped']);

async function jobRow(client, id) {
    const rows = await client.objects(`SELECT status, message, exception_trace, started_at, finished_at FROM system.jobs WHERE job_id = '${id}'`);
    return rows[0];
}

// The row of a job once it has ended.
async function ended(client, id) {
    const until = Date.now() + 120000 * slowness;
    for (;;) {
        const row = await jobRow(client, id);
        if (row !== undefined && ENDED.has(row.status)) {
            return row;
        }
        if (Date.now() > until) {
            throw new Error(`job ${id} has not ended: ${JSON.stringify(row)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

const idsIn = (message) => message.match(/\b[A-Z]{2}-[0-9a-zA-Z-]+/g) ?? [];

// Runs a statement that starts jobs, and waits for them: the rows of all.
async function runJobs(client, sql) {
    const { message } = await client.sql(sql);
    return Promise.all(idsIn(message).map(async (id) => ({ id, ...await ended(client, id) })));
}

// The same for one that starts one job, which must end well.
async function runJob(client, sql, status = 'completed') {
    const [row, ...more] = await runJobs(client, sql);
    if (row === undefined || more.length !== 0 || row.status !== status) {
        throw new Error(`${sql}: ${JSON.stringify([row, ...more])}`);
    }
    return row;
}

module.exports = { ended, idsIn, jobRow, runJob, runJobs };
