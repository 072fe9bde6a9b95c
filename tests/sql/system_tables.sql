CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), title TEXT NOT NULL, price DECIMAL(10,2) DEFAULT 1.5);
CREATE SHARED TABLE app.items (a INT, b TEXT, PRIMARY KEY (b, a)) WITH (ACCESS_LEVEL = 'PUBLIC', FLUSH_POLICY = 'rows:10,interval:60');
CREATE STREAM TABLE app.events (id TEXT) WITH (TTL_SECONDS = 60);

-- users: hashes are never shown whole below dba; times are there
SELECT * FROM system.users ORDER BY user_id;
SELECT user_id, password_hash LIKE '$2b$04$%' AS hashed, created_at <= now() AS made FROM system.users WHERE user_id = 'admin';

SELECT * FROM system.namespaces ORDER BY namespace_id;
SELECT * FROM system.storages ORDER BY storage_id;
SELECT * FROM system.schemas WHERE namespace_id = 'app' ORDER BY table_id;
SELECT * FROM system.tables WHERE namespace_id = 'app' ORDER BY table_name;
SELECT * FROM system.columns WHERE namespace_id = 'app' ORDER BY table_name, ordinal;
SELECT * FROM system.jobs;
SELECT * FROM system.live;
SELECT name, value FROM system.settings WHERE name IN ('server.host', 'storage.durability', 'auth.bcrypt_cost', 'limits.max_query_limit') ORDER BY name;
SELECT name, value FROM system.settings WHERE name LIKE '%secret%' OR name LIKE '%password' ORDER BY name;
SELECT metric_name FROM system.stats WHERE metric_name IN ('server_version', 'memory_rss_bytes', 'total_users', 'total_tables', 'pid') ORDER BY metric_name;
SELECT metric_value FROM system.stats WHERE metric_name = 'total_tables';
SELECT metric_name FROM system.stats ORDER BY metric_name;
SELECT metric_name, metric_value FROM system.stats WHERE metric_name IN ('memory_usage_source', 'cluster_mode') ORDER BY metric_name;

-- the same under the older names
SELECT count(*) FROM system.system_users;
SELECT count(*) FROM system.table_schemas WHERE namespace_id = 'app';
SELECT count(*) FROM system.storage_locations;
SELECT count(*) FROM system.live_queries;

-- all of SQL works on them
SELECT n.namespace_id, count(t.table_name) AS tables FROM system.namespaces n LEFT JOIN system.tables t ON t.namespace_id = n.namespace_id WHERE n.namespace_id = 'app' GROUP BY n.namespace_id;
SELECT u.user_id, t.table_name FROM system.users u CROSS JOIN system.tables t WHERE t.namespace_id = 'app' AND u.user_id = 'root' ORDER BY t.table_name;
WITH t AS (SELECT table_name FROM system.tables WHERE namespace_id = 'app') SELECT max(table_name) FROM t;

-- they are read-only, and only those that exist are there
DELETE FROM system.namespaces WHERE namespace_id = 'app';
UPDATE system.settings SET value = '1' WHERE name = 'x';
DROP TABLE system.tables;
SELECT * FROM system.wombat;
SELECT * FROM system.user;
SELECT * FROM system.users WHERE wombat = 1;

-- admins only
-- as admin
SELECT user_id, role FROM system.users ORDER BY user_id;
-- user carol service
SELECT * FROM system.users;
SELECT * FROM system.tables;
-- user alice
SELECT * FROM system.users;
SELECT count(*) FROM system.namespaces;
SELECT * FROM system.settings;
SELECT * FROM system.jobs;
SELECT (SELECT count(*) FROM system.users);
WITH x AS (SELECT * FROM system.users) SELECT 1;
SELECT 1 WHERE EXISTS (SELECT 1 FROM system.users);
