-- Row policies of SHARED tables: CREATE, ALTER and DROP POLICY
CREATE NAMESPACE app;
CREATE SHARED TABLE app.docs (id INT PRIMARY KEY, owner TEXT, secret INT, body TEXT, visible BOOLEAN);
INSERT INTO app.docs VALUES (1, 'alice', 1, 'a one', false), (2, 'bob', 2, 'b two', false), (3, 'alice', 3, 'a three', true), (4, 'bob', 4, 'b four', true), (5, NULL, 5, 'nobody''s', NULL);
CREATE SHARED TABLE app.plain (id INT PRIMARY KEY, a TEXT);
CREATE USER TABLE app.notes (id INT PRIMARY KEY, a TEXT);
CREATE STREAM TABLE app.events (id INT) WITH (TTL_SECONDS = 60);
CREATE VIEW app.docs_view AS SELECT id, owner, body FROM app.docs;
CREATE VIEW app.counts AS SELECT owner, count(*) AS n FROM app.docs GROUP BY owner;

-- without a policy the access level decides
-- user alice
SELECT id FROM app.docs;
-- user sam service
SELECT id FROM app.docs ORDER BY id;

-- who may manage policies
CREATE POLICY p ON app.docs USING (true);
ALTER POLICY p ON app.docs USING (true);
DROP POLICY p ON app.docs;
SHOW POLICIES;
SELECT * FROM system.policies;

-- what they may say
-- as root
CREATE POLICY p ON app.notes USING (true);
CREATE POLICY p ON app.events USING (true);
CREATE POLICY p ON app.docs_view USING (true);
CREATE POLICY p ON app.nothing USING (true);
CREATE POLICY p ON system.users USING (true);
CREATE POLICY p ON app.docs;
CREATE POLICY p ON app.docs FOR SELECT;
CREATE POLICY p ON app.docs FOR INSERT;
CREATE POLICY p ON app.docs FOR INSERT USING (true);
CREATE POLICY p ON app.docs FOR SELECT USING (true) WITH CHECK (true);
CREATE POLICY p ON app.docs FOR DELETE USING (true) WITH CHECK (true);
CREATE POLICY p ON app.docs TO alice USING (true);
CREATE POLICY p ON app.docs AS RESTRICTIVE TO dba USING (true);
CREATE POLICY p ON app.docs FOR TRUNCATE USING (true);
CREATE POLICY p ON app.docs USING (owner);
CREATE POLICY p ON app.docs USING (NULL);
CREATE POLICY p ON app.docs USING (ownr = CURRENT_USER);
CREATE POLICY p ON app.docs USING (other.owner = CURRENT_USER);
CREATE POLICY p ON app.docs USING (id IN (SELECT id FROM app.plain));
CREATE POLICY p ON app.docs USING ((SELECT true));
CREATE POLICY p ON app.docs USING (count(*) > 1);
CREATE POLICY p ON app.docs USING (row_number() OVER () > 1);
CREATE POLICY p ON app.docs USING (id = $1);
CREATE POLICY p ON app.docs USING (_seq > 1);
CREATE POLICY p ON app.docs USING (_deleted);
CREATE POLICY p ON app.docs USING (_updated IS NOT NULL);
CREATE POLICY p ON app.docs USING (read_csv('/etc/passwd') IS NULL);
CREATE POLICY p ON app.docs USING (true) UNION SELECT 1;
CREATE POLICY p ON app.docs USING (true;
CREATE POLICY p ON app.docs USING ();
CREATE POLICY p ON app.docs USING (id = );
CREATE POLICY p ON app.docs WITH CHECK (owner = nobody);
CREATE POLICY "" ON app.docs USING (true);
SHOW POLICIES;

-- own rows, for all commands; dba and system see everything
CREATE POLICY own ON app.docs TO user USING (owner = CURRENT_USER);
CREATE POLICY own ON app.docs TO user USING (true);
SELECT id, owner FROM app.docs ORDER BY id;
SHOW POLICIES;
SHOW POLICIES ON app.docs;
SHOW POLICIES ON app.plain;
SELECT access_level, schema_version FROM system.schemas WHERE table_name = 'docs' AND is_latest;

-- user alice
SELECT id, owner, body FROM app.docs;
SELECT count(*) AS n FROM app.docs;
SELECT id FROM app.docs WHERE id = 1;
SELECT id FROM app.docs WHERE id = 2;
SELECT id FROM app.docs WHERE id IN (1, 2, 3, 4);
SELECT id FROM app.docs ORDER BY secret DESC LIMIT 1;
SELECT id FROM app.docs ORDER BY _seq;
SELECT sum(secret) AS s, max(secret) AS m FROM app.docs;
SELECT a.id, b.id AS other FROM app.docs a JOIN app.docs b ON a.id <> b.id ORDER BY a.id;
WITH x AS (SELECT * FROM app.docs) SELECT id FROM x ORDER BY id;
SELECT id FROM app.docs WHERE EXISTS (SELECT 1 FROM app.docs d WHERE d.owner = 'bob');
SELECT owner FROM app.docs UNION SELECT body FROM app.docs ORDER BY 1;
SELECT * FROM app.docs_view ORDER BY id;
SELECT * FROM app.counts;
SHOW STATS FOR TABLE app.docs;
-- a condition that would fail on hidden rows is not asked of them
SELECT id FROM app.docs WHERE 1 / (secret - 2) > -100;
SELECT id FROM app.docs WHERE 1 / (secret - 4) + length(upper(body)) > -100 ORDER BY body;
SELECT sum(1 / (secret - 2)) AS s FROM app.docs;
SELECT CAST(CASE WHEN owner = 'bob' THEN body ELSE '1' END AS INT) AS n FROM app.docs GROUP BY 1;
SELECT id FROM app.docs WHERE 1 / (secret - 1) > -100;
-- nor does EXPLAIN count them
EXPLAIN SELECT id FROM app.docs WHERE id > 1;
-- mask plan
EXPLAIN ANALYZE SELECT id FROM app.docs;

-- writes
INSERT INTO app.docs (id, owner, body) VALUES (10, 'alice', 'mine');
INSERT INTO app.docs (id, owner, body) VALUES (11, 'bob', 'forged');
INSERT INTO app.docs (id, owner, body) VALUES (12, CURRENT_USER(), 'ok'), (13, 'bob', 'forged');
INSERT INTO app.docs (id, body) VALUES (14, 'no owner');
INSERT INTO app.docs SELECT id + 100, owner, secret, body, visible FROM app.docs WHERE id < 10;
INSERT INTO app.docs SELECT id + 100, 'bob', secret, body, visible FROM app.docs WHERE id < 10;
UPDATE app.docs SET body = 'changed' WHERE id = 1;
UPDATE app.docs SET body = 'changed' WHERE id = 2;
UPDATE app.docs SET body = 'all' WHERE true;
UPDATE app.docs SET owner = 'bob' WHERE id = 1;
UPDATE app.docs SET owner = 'bob' WHERE id = 2;
UPDATE app.docs SET body = 'x' WHERE 1 / (secret - 2) > -100 AND id < 3;
DELETE FROM app.docs WHERE id = 2;
DELETE FROM app.docs WHERE id > 100;
DELETE FROM app.docs WHERE _deleted = false AND id = 4;
-- the key of a hidden row is taken all the same, but only a row that may be written learns it
INSERT INTO app.docs (id, owner) VALUES (2, 'alice');
INSERT INTO app.docs (id, owner) VALUES (2, 'bob');
INSERT INTO app.docs (id, owner, body) VALUES (1, 'alice', 'new') ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body;
INSERT INTO app.docs (id, owner, body) VALUES (2, 'alice', 'new') ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body;
INSERT INTO app.docs (id, owner, body) VALUES (2, 'alice', 'new') ON CONFLICT (id) DO UPDATE SET body = 'x' WHERE docs.secret = 99;
INSERT INTO app.docs (id, owner, body) VALUES (1, 'bob', 'new') ON CONFLICT (id) DO UPDATE SET body = EXCLUDED.body;
INSERT INTO app.docs (id, owner, body) VALUES (1, 'alice', 'new') ON CONFLICT (id) DO UPDATE SET owner = 'bob';
INSERT INTO app.docs (id, owner, body) VALUES (2, 'alice', 'new') ON CONFLICT (id) DO NOTHING;
INSERT INTO app.docs (id, owner, body) VALUES (20, 'alice', 'shown') RETURNING id, body;
UPDATE app.docs SET body = 'shown' WHERE id IN (1, 2) RETURNING id, owner, body;
DELETE FROM app.docs WHERE id IN (20, 2) RETURNING id;
SELECT id, owner, body FROM app.docs;
-- tombstones too
SELECT id, _deleted FROM app.docs WHERE _deleted ORDER BY id;

-- user bob
SELECT id, owner, body FROM app.docs;
SELECT id, _deleted FROM app.docs WHERE _deleted;
-- deny by default: no policy is for this role
-- user sam service
SELECT id FROM app.docs;
INSERT INTO app.docs (id, owner) VALUES (30, 'sam');
UPDATE app.docs SET body = 'x' WHERE id = 1;
DELETE FROM app.docs WHERE id = 1;
-- others act with role user
EXECUTE AS USER 'bob' (SELECT id, owner FROM app.docs);
EXECUTE AS USER 'bob' (UPDATE app.docs SET body = 'x' WHERE id = 1);
-- as root
EXECUTE AS USER 'alice' (SELECT id, owner FROM app.docs ORDER BY id);
SELECT id, owner, body FROM app.docs ORDER BY id;

-- a transaction meets its own rows through the policies
-- user alice
-- batch
BEGIN;
INSERT INTO app.docs (id, owner, body) VALUES (40, 'alice', 'own');
SELECT id FROM app.docs WHERE id >= 40;
UPDATE app.docs SET body = 'own two' WHERE id >= 1;
SELECT id, body FROM app.docs;
DELETE FROM app.docs WHERE id = 40;
COMMIT;
-- end
-- batch
BEGIN;
UPDATE app.docs SET owner = 'bob' WHERE id = 1;
COMMIT;
-- end

-- several policies: any permissive one, and every restrictive one
-- as root
CREATE POLICY readable ON app.docs FOR SELECT TO PUBLIC USING (visible);
CREATE POLICY "not too secret" ON app.docs AS RESTRICTIVE FOR SELECT USING (secret < 4);
CREATE POLICY written ON app.docs FOR INSERT TO service WITH CHECK (owner LIKE 'svc-%' AND CURRENT_ROLE = 'service');
CREATE POLICY touched ON app.docs FOR UPDATE TO service USING (visible) WITH CHECK (body <> 'bad');
SELECT policy_name, permissive, roles, command, using_expr, check_expr FROM system.policies;
-- user alice
SELECT id FROM app.docs;
-- user bob
SELECT id FROM app.docs;
DELETE FROM app.docs WHERE id IN (3, 4) RETURNING id;
-- user sam service
SELECT id FROM app.docs;
INSERT INTO app.docs (id, owner, secret) VALUES (50, 'svc-1', 1);
INSERT INTO app.docs (id, owner, secret) VALUES (51, 'alice', 1);
INSERT INTO app.docs (id, owner, secret, visible) VALUES (52, 'svc-1', 1, false) RETURNING id;
INSERT INTO app.docs (id, owner, secret, visible) VALUES (53, 'svc-1', 1, true) RETURNING id;
UPDATE app.docs SET body = 'good' WHERE true;
UPDATE app.docs SET body = 'bad' WHERE id = 3;
UPDATE app.docs SET visible = false WHERE id = 3;
DELETE FROM app.docs WHERE id = 3;

-- ALTER, RENAME and columns in use
-- as root
ALTER POLICY own ON app.docs TO user, service USING (owner = CURRENT_USER OR owner = 'svc-1');
ALTER POLICY own ON app.docs RENAME TO mine;
ALTER POLICY own ON app.docs USING (true);
ALTER POLICY mine ON app.docs RENAME TO readable;
ALTER POLICY mine ON app.docs;
ALTER POLICY readable ON app.docs WITH CHECK (true);
ALTER TABLE app.docs DROP COLUMN owner;
ALTER TABLE app.docs RENAME COLUMN secret TO hidden;
ALTER TABLE app.docs MODIFY COLUMN secret BIGINT;
ALTER TABLE app.docs ADD COLUMN extra TEXT;
ALTER TABLE app.docs DROP COLUMN extra;
ALTER TABLE app.docs ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.docs FORCE ROW LEVEL SECURITY;
SHOW POLICIES ON app.docs;
-- user sam service
SELECT id FROM app.docs;
ALTER TABLE app.docs ADD COLUMN extra TEXT;
-- levels: DBA stays closed, and who is not signed in needs PUBLIC
-- as root
ALTER TABLE app.docs SET ACCESS LEVEL DBA;
-- user alice
SELECT id FROM app.docs;
INSERT INTO app.docs (id, owner) VALUES (60, 'alice');
-- as root
ALTER TABLE app.docs SET ACCESS LEVEL PUBLIC;

-- dropped: the access level decides again
DROP POLICY own ON app.docs;
DROP POLICY IF EXISTS own ON app.docs;
DROP POLICY mine ON app.docs;
DROP POLICY readable ON app.docs;
DROP POLICY "not too secret" ON app.docs;
DROP POLICY written ON app.docs CASCADE;
DROP POLICY touched ON app.docs RESTRICT;
SHOW POLICIES;
-- user alice
SELECT count(*) AS n FROM app.docs;
INSERT INTO app.docs (id, owner) VALUES (70, 'alice');
-- as root
ALTER TABLE app.docs DROP COLUMN secret;
DROP TABLE app.docs;
DROP VIEW app.docs_view;
DROP VIEW app.counts;
DROP TABLE app.docs;
