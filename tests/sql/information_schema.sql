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

-- keys, as tools ask for them; secret is of level PRIVATE, whose name everybody sees
-- as root
CREATE SHARED TABLE app.pairs (b TEXT, a INT, v INT, PRIMARY KEY (a, b));
CREATE SHARED TABLE app.keyless (v INT);
CREATE SHARED TABLE app.hidden (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'DBA');
SELECT * FROM information_schema.table_constraints WHERE table_schema = 'app' ORDER BY table_name;
SELECT tc.table_name, tc.constraint_name, kcu.column_name, kcu.ordinal_position
FROM information_schema.table_constraints tc
JOIN information_schema.key_column_usage kcu ON tc.constraint_name = kcu.constraint_name AND tc.table_schema = kcu.table_schema
WHERE tc.constraint_type = 'PRIMARY KEY' AND tc.table_schema = 'app' ORDER BY 1, 4;
-- user alice
SELECT table_name, column_name FROM information_schema.key_column_usage WHERE table_schema = 'app' ORDER BY 1, ordinal_position;
SELECT count(*) FROM information_schema.table_constraints WHERE constraint_type <> 'PRIMARY KEY' OR table_schema = 'system';
