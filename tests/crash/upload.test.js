// upload.test.js - the server dies at each failpoint of an upload to a bucket: after the next start every row is there once, and no object
// and no part of one lies in the bucket that nobody names.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { Server, preset, within, slowness } = require('../lib/server.js');
const { startFaultyS3, ACCESS_KEY, SECRET_KEY } = require('../lib/s3.js');
const { runJob } = require('../lib/jobs.js');

const STRIKE_MS = 60000 * slowness;
const POINTS = ['upload.begun', 'upload.part:1', 'upload.part:3', 'upload.completed', 'upload.put'];
const ROWS = { big: 24000, small: 10 }; // of more than a kilobyte each: several parts, and one request

test('an upload that is cut off leaves nothing', { skip: preset === 'release' }, async (t) => {
    const s3 = await startFaultyS3();
    const server = new Server({ options: { 'flush.check_interval_seconds': 86400 } });
    const again = async (env = {}) => {
        server.clients.clear();
        if (server.alive) {
            await server.kill();
        }
        server.env = env;
        await server.start();
        return server.signIn('root');
    };
    try {
        await server.start();
        await server.setUp();
        const config = JSON.stringify({ endpoint: s3.endpoint, region: 'eu-west-1' });
        const credentials = JSON.stringify({ access_key_id: ACCESS_KEY, secret_access_key: SECRET_KEY });
        await server.root.results(`CREATE NAMESPACE app; CREATE STORAGE far TYPE s3 BASE_DIRECTORY 's3://cold/kalamdb' CONFIG '${config}' CREDENTIALS '${credentials}'`);
        for (const point of POINTS) {
            await t.test(point, async () => {
                const table = point === 'upload.put' ? 'small' : 'big';
                let root = await server.signIn('root');
                await root.results(`CREATE SHARED TABLE app.${table} (id INT PRIMARY KEY, t TEXT) WITH (STORAGE_ID = 'far', COMPRESSION = 'none');
                    INSERT INTO app.${table} SELECT i, repeat(md5(i::TEXT), 40) FROM generate_series(1, ${ROWS[table]}) AS g(i)`);
                const sums = () => root.rows(`SELECT count(*), sum(length(t)), count(DISTINCT t) FROM app.${table}`);
                const before = await sums();
                root = await again({ KALAMDB_FAILPOINT: point });
                const died = server.exited;
                await root.sqlRaw(`STORAGE FLUSH TABLE app.${table}`).catch(() => null);
                assert.strictEqual((await within(STRIKE_MS, point, died)).signal, 'SIGKILL', server.output);
                assert.ok(point === 'upload.put' || point === 'upload.completed' || s3.uploads.size === 1);
                root = await again();
                assert.deepStrictEqual([[...s3.objects.keys()], s3.uploads.size], [[], 0], 'left in the bucket');
                assert.deepStrictEqual(await sums(), before);
                await runJob(root, `STORAGE FLUSH TABLE app.${table}`);
                assert.deepStrictEqual(await sums(), before);
                assert.match([...s3.objects.keys()].sort().join(' '), new RegExp(`^kalamdb/app/${table}/batch-\\d+.parquet kalamdb/app/${table}/manifest.json$`));
                await root.sql(`DROP TABLE app.${table}`);
                await again(); // what is unwanted goes at the latest with the next start
                assert.deepStrictEqual([...s3.objects.keys()], []);
            });
        }
    } finally {
        await server.stop();
        s3.stop();
    }
});
