// system_tables.test.js - system.* and information_schema show what is there, at once and exactly: objects made, changed and
// dropped, settings as started, figures that move. Columns and texts are in tests/sql/system_tables.sql.
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const { useServer } = require('../lib/server.js');

const server = useServer(test, { options: { 'limits.max_query_limit': 5000, 'auth.jwt_secret': 'the secret of these tests, long enough to be one' } });
let root;

test.before(async () => {
    await server.ready;
    root = server.root;
    await root.sql('CREATE NAMESPACE app');
});

const TABLES = {
    namespaces: 5, tables: 9, columns: 12, schemas: 14, users: 15, storages: 11, jobs: 20, live: 14, stats: 2, settings: 4,
};

for (const [name, ncolumns] of Object.entries(TABLES)) {
    test(`system.${name}: its columns, in order, also one at a time`, async () => {
        const all = await root.sql(`SELECT * FROM system.${name}`);
        assert.strictEqual(all.schema.length, ncolumns, all.schema.map((column) => column.name).join());
        const described = await root.objects(`DESCRIBE TABLE system.${name}`);
        assert.deepStrictEqual(described.map((row) => row.column_name), all.schema.map((column) => column.name));
        for (const [i, column] of all.schema.entries()) {
            const one = await root.sql(`SELECT "${column.name}" FROM system.${name}`);
            assert.deepStrictEqual(one.schema[0].data_type, column.data_type);
            if (!['stats', 'jobs'].includes(name)) {
                assert.deepStrictEqual(one.rows.map((row) => row[0]), all.rows.map((row) => row[i]), column.name);
            }
            if (column.flags?.includes('nn')) {
                assert.ok(all.rows.every((row) => row[i] !== null), `${column.name} is never NULL`);
            }
        }
        assert.strictEqual(await root.value(`SELECT count(*) FROM system.${name}`), String(await countNow(name, all.row_count)));
    });
}

// Figures come and go between two statements; everything else stands still here.
async function countNow(name, count) {
    return name === 'stats' ? (await root.rows('SELECT metric_name FROM system.stats')).length : count;
}

test('tables, columns and schemas follow DDL', async () => {
    const before = Number(await root.value('SELECT count(*) FROM system.tables'));
    await root.sql('CREATE USER TABLE app.t (id INT PRIMARY KEY, title TEXT NOT NULL DEFAULT \'x\')');
    assert.strictEqual(Number(await root.value('SELECT count(*) FROM system.tables')), before + 1);
    const [table] = await root.objects("SELECT * FROM system.tables WHERE table_name = 't'");
    assert.deepStrictEqual([table.namespace_id, table.table_type, table.version], ['app', 'user', '1']);
    const columns = await root.objects("SELECT column_name, data_type, default_value, ordinal, nullable, primary_key, primary_key_pos FROM system.columns WHERE table_name = 't' ORDER BY ordinal");
    assert.deepStrictEqual(columns.map((row) => [row.column_name, row.data_type, row.ordinal, row.nullable, row.primary_key, row.primary_key_pos]), [['id', 'INT', '1', false, true, '1'], ['title', 'TEXT', '2', false, false, null]]);
    const [schema] = await root.objects("SELECT * FROM system.schemas WHERE table_id = 'app:t'");
    assert.strictEqual(schema.is_latest, true);
    assert.strictEqual(schema.access_level, null, 'USER tables have none');
    const stored = JSON.parse(schema.columns);
    assert.deepStrictEqual(stored.map((column) => column.column_name).slice(0, 2), ['id', 'title']);
    assert.deepStrictEqual(Object.keys(stored[0]).sort(), ['column_comment', 'column_id', 'column_name', 'data_type', 'default_value', 'is_nullable', 'is_partition_key', 'is_primary_key', 'ordinal_position']);
    assert.strictEqual(JSON.parse(schema.options).table_type, 'USER');
    assert.strictEqual((await root.objects("SELECT table_count FROM system.namespaces WHERE namespace_id = 'app'"))[0].table_count, 1);
    await root.sql('DROP TABLE app.t');
    assert.strictEqual(Number(await root.value('SELECT count(*) FROM system.tables')), before);
    assert.strictEqual((await root.objects("SELECT table_count FROM system.namespaces WHERE namespace_id = 'app'"))[0].table_count, 0);
    assert.deepStrictEqual(await root.rows("SELECT * FROM system.columns WHERE table_name = 't'"), []);
});

test('users follow CREATE, ALTER, sign-in and DROP', async () => {
    const get = async () => (await root.objects("SELECT * FROM system.users WHERE user_id = 'mia'"))[0];
    await root.sql("CREATE USER mia WITH PASSWORD 'a good password' ROLE user EMAIL 'mia@example.com'");
    const made = await get();
    assert.deepStrictEqual([made.role, made.email, made.auth_type, made.failed_login_attempts, made.last_login_at, made.deleted_at, made.storage_mode], ['user', 'mia@example.com', 'password', 0, null, null, 'table']);
    await assert.rejects(server.signIn('mia', 'a bad password'));
    assert.strictEqual((await get()).failed_login_attempts, 1);
    await server.signIn('mia', 'a good password');
    const signedIn = await get();
    assert.strictEqual(signedIn.failed_login_attempts, 0);
    assert.ok(signedIn.last_login_at >= made.created_at);
    await root.sql('ALTER USER mia SET ROLE service');
    assert.strictEqual((await get()).role, 'service');
    assert.ok((await get()).updated_at > made.updated_at);
    await root.sql('DROP USER mia');
    assert.ok((await get()).deleted_at > 0);
});

test('password hashes are bcrypt, and masked below dba', async () => {
    assert.match(await server.admin.value("SELECT password_hash FROM system.users WHERE user_id = 'admin'"), /^(\$2[aby]\$04\$.{53}|\*\*\*)$/);
    const carol = await server.createUser('carol', 'service');
    assert.strictEqual((await carol.fails('SELECT password_hash FROM system.users')).code, 'PERMISSION_DENIED');
});

test('settings are those of this process, secrets hidden', async () => {
    const settings = Object.fromEntries(await root.rows('SELECT name, value FROM system.settings'));
    assert.strictEqual(settings['limits.max_query_limit'], '5000');
    assert.strictEqual(settings['auth.bcrypt_cost'], '4');
    assert.strictEqual(settings['storage.data_path'], server.dataPath);
    assert.ok(!JSON.stringify(settings).includes('the secret of these tests'));
    assert.ok(settings['server.port'] !== undefined);
});

test('stats move', async () => {
    const stats = async () => Object.fromEntries(await root.rows('SELECT metric_name, metric_value FROM system.stats'));
    const first = await stats();
    assert.strictEqual(Number(first.pid), server.pid);
    const rss = Number(first.memory_rss_bytes);
    assert.ok(Math.abs(rss - server.rss()) < 64 * 1024 * 1024, `${rss} against ${server.rss()}`);
    const [days, hours, minutes, seconds] = /^(\d+)d (\d+)h (\d+)m (\d+)s$/.exec(first.server_uptime_human).slice(1).map(Number);
    assert.strictEqual(((days * 24 + hours) * 60 + minutes) * 60 + seconds, Number(first.server_uptime_seconds));
    await root.sql('CREATE SHARED TABLE app.counted (id INT PRIMARY KEY)');
    const second = await stats();
    assert.strictEqual(Number(second.total_tables), Number(first.total_tables) + 1);
    assert.strictEqual(second.server_version, (await server.client().get('/health')).json.version);
    assert.ok(Number(second.active_connections) >= 1, `active_connections ${second.active_connections}`);
    assert.strictEqual(Number(second.schema_cache_total_entries), Number(first.schema_cache_total_entries) + 1);
    await root.results('ALTER TABLE app.counted ADD COLUMN n INT; CREATE VIEW app.counted_view AS SELECT id FROM app.counted');
    const third = await stats();
    const grown = (name) => Number(third[name]) - Number(second[name]);
    assert.deepStrictEqual(['schema_cache_size', 'schema_registry_size', 'schema_cache_total_entries'].map(grown), [0, 1, 1]);
});

test('stats of the process are those that the kernel has', async () => {
    const stats = async () => Object.fromEntries(await root.rows('SELECT metric_name, metric_value FROM system.stats'));
    const open = () => fs.readdirSync(`/proc/${server.pid}/fd`).map((fd) => {
        try {
            return fs.readlinkSync(`/proc/${server.pid}/fd/${fd}`);
        } catch {
            return 'closed meanwhile';
        }
    });
    const cpu = () => { // fields 14 and 15, in hundredths of a second; the second field may hold blanks
        const fields = fs.readFileSync(`/proc/${server.pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
        return (Number(fields[11]) + Number(fields[12])) / 100;
    };
    const least = cpu();
    const now = await stats();
    const most = cpu();
    const used = Number(now.cpu_seconds_total);
    assert.ok(used > least - 0.02 && used < most + 0.02, `${least} ${used} ${most}`);
    const uptime = Number(now.server_uptime_seconds);
    const percent = Number(now.cpu_usage_percent);
    assert.ok(percent >= 100 * used / (uptime + 1) - 0.01 && percent <= 100 * used / uptime + 0.01, `${percent} ${used} ${uptime}`);
    const kinds = ['regular', 'directories', 'unix', 'ipv4', 'other'].map((kind) => Number(now[`open_files_${kind}`]));
    assert.strictEqual(kinds.reduce((sum, count) => sum + count), Number(now.open_files_total));
    const files = open();
    const regular = files.filter((name) => name.startsWith('/') && !name.startsWith('/dev/')).length;
    assert.ok(Math.abs(Number(now.open_files_total) - files.length) <= 8, `${now.open_files_total} ${files.length}`); // some come and go
    assert.ok(Math.abs(kinds[0] + kinds[1] - regular) <= 8, `${kinds} ${files.join()}`);
    assert.ok(kinds[3] >= 2, `a socket listens, another is this connection's: ${kinds}`);
    assert.ok(Number(now.cpu_physical_cores) >= 1 && Number(now.cpu_physical_cores) <= Number(now.cpu_logical_cores));
    assert.ok(Number(now.server_workers_effective) >= 4 || Number(now.server_workers_effective) === Number(now.server_workers_configured));
    assert.strictEqual(now.server_build_date, (await server.client().get('/health')).json.build_date);
});

test('DROP TABLE leaves a finished job', async () => {
    await root.sql('CREATE SHARED TABLE app.jobbed (id INT PRIMARY KEY)');
    const { message } = await root.sql('DROP TABLE app.jobbed');
    const [, id] = /^Table app\.jobbed dropped successfully\. Cleanup job: (CL-[0-9a-f]{12})$/.exec(message);
    const [job] = await root.objects('SELECT * FROM system.jobs WHERE job_id = $1', [id]);
    assert.deepStrictEqual([job.job_type, job.idempotency_key], ['cleanup', 'drop-app-jobbed']);
    assert.strictEqual(job.status, 'completed');
});

test('information_schema agrees with the tables', async () => {
    await root.sql("CREATE SHARED TABLE app.info (id BIGINT PRIMARY KEY, price DECIMAL(10,2) NOT NULL DEFAULT 1.5, t TEXT, at TIMESTAMP) WITH (ACCESS_LEVEL = 'PUBLIC')");
    const columns = await root.objects("SELECT * FROM information_schema.columns WHERE table_schema = 'app' AND table_name = 'info' ORDER BY ordinal_position");
    const shown = columns.map((row) => [row.table_catalog, row.column_name, row.is_nullable]);
    assert.deepStrictEqual(shown.slice(0, 4), [['kalam', 'id', 'NO'], ['kalam', 'price', 'NO'], ['kalam', 't', 'YES'], ['kalam', 'at', 'YES']]);
    const price = columns[1];
    assert.deepStrictEqual([Number(price.numeric_precision), Number(price.numeric_scale)], [10, 2]);
    const dave = await server.createUser('dave');
    assert.deepStrictEqual(await dave.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'app' AND table_name = 'info'"), [['info']]);
});
