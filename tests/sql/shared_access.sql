-- Access levels of SHARED tables (catalog reference, section 4)
CREATE NAMESPACE app;
CREATE SHARED TABLE app.public_t (id INT PRIMARY KEY, a TEXT) WITH (ACCESS_LEVEL = 'PUBLIC');
CREATE SHARED TABLE app.private_t (id INT PRIMARY KEY, a TEXT) WITH (ACCESS_LEVEL = 'PRIVATE');
CREATE SHARED TABLE app.restricted_t (id INT PRIMARY KEY, a TEXT) WITH (ACCESS_LEVEL = 'RESTRICTED');
CREATE SHARED TABLE app.dba_t (id INT PRIMARY KEY, a TEXT) WITH (ACCESS_LEVEL = 'DBA');
INSERT INTO app.public_t VALUES (1, 'x');
INSERT INTO app.private_t VALUES (1, 'x');
INSERT INTO app.restricted_t VALUES (1, 'x');
INSERT INTO app.dba_t VALUES (1, 'x');

-- as admin
SELECT id, a FROM app.public_t;
SELECT id, a FROM app.private_t;
SELECT id, a FROM app.restricted_t;
SELECT id, a FROM app.dba_t;
UPDATE app.dba_t SET a = 'y' WHERE id = 1;

-- user carol service
SELECT id, a FROM app.public_t;
SELECT id, a FROM app.private_t;
SELECT id, a FROM app.restricted_t;
SELECT id, a FROM app.dba_t;
INSERT INTO app.public_t VALUES (2, 'c');
INSERT INTO app.private_t VALUES (2, 'c');
INSERT INTO app.restricted_t VALUES (2, 'c');
INSERT INTO app.dba_t VALUES (2, 'c');
UPDATE app.dba_t SET a = 'c' WHERE id = 1;
DELETE FROM app.dba_t WHERE id = 1;

-- user alice
SELECT id, a FROM app.public_t;
SELECT id, a FROM app.private_t;
SELECT id, a FROM app.restricted_t;
SELECT id, a FROM app.dba_t;
SELECT p.id FROM app.public_t p JOIN app.private_t q ON q.id = p.id;
SELECT id FROM app.public_t WHERE id IN (SELECT id FROM app.private_t);
WITH x AS (SELECT id FROM app.private_t) SELECT 1;
INSERT INTO app.public_t VALUES (3, 'a');
UPDATE app.public_t SET a = 'a' WHERE id = 1;
DELETE FROM app.public_t WHERE id = 1;
INSERT INTO app.private_t VALUES (3, 'a');
DROP TABLE app.public_t;
CREATE USER TABLE app.copy (id INT PRIMARY KEY);
INSERT INTO app.copy SELECT id FROM app.private_t;
INSERT INTO app.copy SELECT id FROM app.public_t;
SELECT id FROM app.copy;
