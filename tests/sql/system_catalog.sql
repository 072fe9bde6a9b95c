-- what there is of each
SELECT count(*) AS n FROM system.datatypes;
SELECT * FROM system.datatypes WHERE sql_name LIKE 'DECIMAL%' OR arrow_type = 'UInt64' ORDER BY arrow_type;
SELECT * FROM system.describe;
SELECT * FROM system.transactions;
SELECT * FROM system.sessions;
SELECT * FROM system.job_nodes;
SELECT * FROM system.audit_log LIMIT 0;
SELECT * FROM system.topics;
SELECT * FROM system.topic_offsets;
SELECT * FROM system.manifest;
SELECT cluster_id, role, status, is_self, is_leader, groups_leading, total_groups, current_term, uptime_seconds >= 0 AS up, hostname IS NOT NULL AS host, version IS NOT NULL AS version, os FROM system.cluster;
SELECT * FROM system.cluster_groups ORDER BY group_id;
SELECT count(*) > 0 AS some FROM system.server_logs;
SELECT count(*) AS odd FROM system.server_logs WHERE timestamp NOT LIKE '____-__-__T__:__:__%Z' OR level NOT IN ('ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE') OR target NOT LIKE '%.c' OR line <= 0;

-- information_schema
SELECT count(*) > 40 AS many FROM information_schema.df_settings;
SELECT value FROM information_schema.df_settings WHERE name = 'auth.root_password';
SELECT routine_name, routine_type, function_type FROM information_schema.routines WHERE routine_name IN ('upper', 'sum', 'generate_series') ORDER BY 1;
SELECT * FROM information_schema.parameters;

-- SHOW
SHOW MANIFEST;
SHOW ALL WOMBATS;
SHOW WOMBATS;
SHOW search_path;
SET memory_limit = '1GB';
SET search_path TO dba;
-- batch
CREATE NAMESPACE app;
USE app;
CREATE SHARED TABLE t (id INT PRIMARY KEY);
INSERT INTO t VALUES (1);
SET NAMESPACE default;
SELECT id FROM app.t;
SET search_path TO app;
SELECT id FROM t;
-- end
SELECT id FROM t;

-- user alice
SELECT * FROM system.server_logs;
SELECT * FROM system.cluster;
SELECT * FROM system.datatypes;
SELECT count(*) AS n FROM information_schema.df_settings;
SELECT count(*) > 50 AS many FROM information_schema.routines;
SHOW MANIFEST;
SHOW ALL;
