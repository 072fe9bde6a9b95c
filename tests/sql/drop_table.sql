CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id INT PRIMARY KEY, a TEXT);
CREATE SHARED TABLE app.items (id INT PRIMARY KEY, a TEXT);
CREATE STREAM TABLE app.events (id INT) WITH (TTL_SECONDS = 3600);
INSERT INTO app.notes VALUES (1, 'x');
INSERT INTO app.items VALUES (1, 'x');
INSERT INTO app.events VALUES (1);

-- Dropping removes the definition and the rows
DROP TABLE app.notes;
SELECT * FROM app.notes;
INSERT INTO app.notes VALUES (2, 'y');
DROP TABLE app.notes;
DROP TABLE IF EXISTS app.notes;
DROP SHARED TABLE app.items;
DROP STREAM TABLE IF EXISTS app.events;
SHOW TABLES IN app;
SELECT job_type, status, idempotency_key FROM system.jobs ORDER BY idempotency_key;

-- One made again starts empty, whatever its kind and columns
CREATE SHARED TABLE app.notes (id TEXT PRIMARY KEY, b DOUBLE);
SELECT * FROM app.notes;
INSERT INTO app.notes VALUES ('k', 1.5);
SELECT id, b FROM app.notes;

-- The type word is not compared with the actual type
DROP USER TABLE app.notes;
DROP TABLE nowhere.t;
DROP TABLE IF EXISTS nowhere.t;
DROP TABLE app.wombat;
DROP TABLE system.users;
DROP TABLE IF EXISTS information_schema.tables;
DROP TABLE;
DROP TABLE app.a, app.b;

-- roles
CREATE USER TABLE app.mine (id INT PRIMARY KEY);
-- user carol service
DROP TABLE app.mine;
-- user alice
DROP TABLE app.mine;
DROP TABLE IF EXISTS app.wombat;
-- as admin
DROP TABLE app.mine;

-- CASCADE and RESTRICT: nothing is dropped that was not named
CREATE SHARED TABLE app.base (id INT PRIMARY KEY);
CREATE VIEW app.over_base AS SELECT id FROM app.base;
DROP TABLE app.base CASCADE;
DROP TABLE app.base RESTRICT;
DROP VIEW app.over_base CASCADE;
DROP TABLE IF EXISTS app.base CASCADE;
DROP TABLE IF EXISTS app.base CASCADE;
DROP TABLE app.base CASCADE RESTRICT;
