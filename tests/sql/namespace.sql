-- CREATE NAMESPACE
CREATE NAMESPACE app;
CREATE NAMESPACE app;
CREATE NAMESPACE IF NOT EXISTS app;
create namespace if not exists Other;
CREATE NAMESPACE "Quoted";
CREATE SCHEMA newer_word;
SELECT namespace_id, name, options, table_count FROM system.namespaces ORDER BY namespace_id;

-- names
CREATE NAMESPACE system;
CREATE NAMESPACE kalam;
CREATE NAMESPACE default;
CREATE NAMESPACE information_schema;
CREATE NAMESPACE _x;
CREATE NAMESPACE 1x;
CREATE NAMESPACE "1x";
CREATE NAMESPACE "a b";
CREATE NAMESPACE "a-b";
CREATE NAMESPACE "";
CREATE NAMESPACE "select";
CREATE NAMESPACE table;
CREATE NAMESPACE a234567890123456789012345678901234567890123456789012345678901234;
CREATE NAMESPACE a2345678901234567890123456789012345678901234567890123456789012345;
CREATE NAMESPACE;
CREATE NAMESPACE a b;
CREATE NAMESPACE a.b;

-- SHOW NAMESPACES, for every role
SHOW NAMESPACES;

-- USE lasts for the rest of the request
CREATE SHARED TABLE other.t (id INT PRIMARY KEY);
INSERT INTO other.t VALUES (7);
-- batch
USE other;
SELECT id FROM t;
-- end
SELECT id FROM t;
-- batch
USE NAMESPACE other;
SELECT id FROM t;
-- end
-- batch
SET NAMESPACE other;
SELECT id FROM t;
-- end
USE missing;
-- namespace other
SELECT id FROM t;
-- namespace

-- DROP NAMESPACE
DROP NAMESPACE other;
DROP NAMESPACE other CASCADE;
SELECT id FROM other.t;
DROP NAMESPACE other;
DROP NAMESPACE IF EXISTS other;
DROP NAMESPACE IF EXISTS app CASCADE;
DROP NAMESPACE newer_word;
DROP NAMESPACE system;
DROP NAMESPACE information_schema CASCADE;
DROP NAMESPACE default;
DROP NAMESPACE default CASCADE;
SELECT namespace_id FROM system.namespaces ORDER BY namespace_id;

-- A namespace made again starts empty
CREATE NAMESPACE other;
SELECT id FROM other.t;
CREATE SHARED TABLE other.t (id INT PRIMARY KEY);
SELECT id FROM other.t;

-- roles
-- user carol service
CREATE NAMESPACE carols;
DROP NAMESPACE other;
SHOW NAMESPACES;
-- user alice
CREATE NAMESPACE alices;
DROP NAMESPACE other;
SHOW NAMESPACES;
USE other;
-- as admin
CREATE NAMESPACE admins;
DROP NAMESPACE admins;

-- the namespace of unqualified names, as PostgreSQL calls it
SHOW search_path; SET search_path TO admins; SHOW search_path;
CREATE NAMESPACE admins;
SET search_path TO admins; SHOW search_path; RESET search_path; SHOW search_path;
USE admins; RESET ALL; SHOW search_path;
DROP NAMESPACE admins;
RESET timezone;
SHOW timezone;
