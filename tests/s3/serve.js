// serve.js <directory> <bucket>... - a real S3 server (s3rver) on a free port, which it prints; ends when its stdin does.
// Node needs --openssl-legacy-provider: s3rver's continuation tokens are Blowfish.
'use strict';
const S3rver = require('s3rver');

async function main([directory, ...buckets]) {
    const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: buckets.map((name) => ({ name })) });
    const { port } = await server.run();
    console.log(port);
    process.stdin.resume().once('close', () => process.exit());
}

main(process.argv.slice(2));
