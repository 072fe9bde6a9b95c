// run.js <program> - runs a test program with two S3 servers whose addresses it finds in its environment, and ends as it does.
'use strict';
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { startS3, startFaultyS3, ACCESS_KEY, SECRET_KEY } = require('../lib/s3.js');

async function main() {
    const s3 = await startS3({ buckets: ['cold'] });
    const faulty = await startFaultyS3();
    const env = { ...process.env, S3_ENDPOINT: s3.endpoint, S3_FAULTY: faulty.endpoint, S3_ACCESS_KEY: ACCESS_KEY, S3_SECRET_KEY: SECRET_KEY };
    const [code, signal] = await once(spawn(process.argv[2], process.argv.slice(3), { stdio: 'inherit', env }), 'exit');
    faulty.stop();
    await s3.stop();
    process.exitCode = signal === null ? code : 1;
}

main();
