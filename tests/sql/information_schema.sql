CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY, title TEXT NOT NULL, price DECIMAL(10,2) DEFAULT 1.5, made TIMESTAMP);
CREATE SHARED TABLE app.secret (id INT PRIMARY KEY);
CREATE SHARED TABLE app.opened (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'PUBLIC');

SELECT * FROM information_schema.schemata WHERE schema_name IN ('app', 'default', 'system', 'information_schema') ORDER BY schema_name;
SELECT * FROM information_schema.tables WHERE table_schema = 'app' ORDER BY table_name;
SELECT * FROM information_schema.columns WHERE table_schema = 'app' ORDER BY table_name, ordinal_position;
SELECT table_name FROM information_schema.tables WHERE table_schema = 'system' AND table_name IN ('users', 'tables', 'jobs') ORDER BY table_name;
SELECT table_name FROM information_schema.tables WHERE table_schema = 'information_schema' ORDER BY table_name;
SELECT * FROM information_schema.wombat;
SELECT * FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'notes';

-- names for every role; only rows are protected
-- user carol service
SELECT table_name FROM information_schema.tables WHERE table_schema = 'app' ORDER BY table_name;
-- user alice
SELECT table_name FROM information_schema.tables WHERE table_schema = 'app' ORDER BY table_name;
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'app' ORDER BY table_name, ordinal_position;
SELECT count(*) FROM information_schema.tables WHERE table_schema = 'system';
