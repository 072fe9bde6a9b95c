CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT NOT NULL, stars INT, doc JSON);
CREATE SHARED TABLE app.cities (id INT PRIMARY KEY, name TEXT) WITH (ACCESS_LEVEL = 'PUBLIC');
CREATE SHARED TABLE app.secrets (id INT PRIMARY KEY, name TEXT) WITH (ACCESS_LEVEL = 'DBA');
INSERT INTO app.cities VALUES (1, 'Rome'), (2, 'Oslo');
INSERT INTO app.secrets VALUES (1, 'key');

-- unqualified names are of the view's namespace
CREATE VIEW app.starred AS SELECT id, title, stars, doc FROM notes WHERE stars > 2;
CREATE VIEW app.named (number, label) AS SELECT id, upper(name), _seq FROM app.cities;
CREATE VIEW app.everything AS SELECT * FROM app.notes;
CREATE VIEW app.facts AS SELECT count(*) AS n, max(stars) AS best, CURRENT_USER AS who, NULL AS nothing, 1 AS one FROM app.notes;
CREATE VIEW app.best AS SELECT s.title, c.name FROM app.starred s JOIN app.cities c ON c.id = s.id;
CREATE VIEW app.locked AS SELECT * FROM app.secrets;
CREATE VIEW app.admins AS SELECT user_id, role FROM system.users;
CREATE VIEW app.recent AS SELECT NOW() AS at;
CREATE VIEW app.tree AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r;

-- user alice
INSERT INTO app.notes VALUES (1, 'a', 1, '{"x": 1}'), (2, 'b', 3, '{"x": 2}'), (3, 'c', 5, NULL);
SELECT * FROM app.starred ORDER BY id;
SELECT title FROM app.starred WHERE id = 2;
SELECT * FROM app.named ORDER BY number;
SELECT label, _seq > 0 AS newer FROM app.named WHERE number = 1;
SELECT n.label FROM app.named AS n(number, label) WHERE n.number = 2;
SELECT app.starred.title FROM app.starred ORDER BY 1;
SELECT * FROM app.everything WHERE stars IS NOT NULL ORDER BY id DESC LIMIT 1;
SELECT * FROM app.facts;
SELECT * FROM app.best;
SELECT a.id FROM app.starred a JOIN app.starred b USING (id) ORDER BY id;
SELECT n FROM app.tree ORDER BY n;
SELECT at IS NOT NULL AS has_time FROM app.recent;
SELECT count(*) AS n FROM app.starred WHERE title = $1;
-- params ["b"]
SELECT count(*) AS n FROM app.starred WHERE title = $1;
INSERT INTO app.notes SELECT id + 100, title, stars, doc FROM app.starred;
UPDATE app.notes SET stars = 9 WHERE id IN (SELECT id FROM app.starred WHERE id > 100);
SELECT id, stars FROM app.notes ORDER BY id;

DESCRIBE TABLE app.named;
SELECT * FROM information_schema.views WHERE table_name IN ('named', 'best') ORDER BY table_name;
SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema = 'app' ORDER BY 2;
SELECT column_name, ordinal_position, data_type FROM information_schema.columns WHERE table_name = 'facts' ORDER BY 2;
SHOW STATS FOR TABLE app.named;

-- a view gives no rights and shows each caller their own rows
SELECT * FROM app.locked;
SELECT * FROM app.admins;
CREATE VIEW app.mine AS SELECT 1 AS one;
DROP VIEW app.starred;
-- user bob
SELECT * FROM app.starred;
SELECT * FROM app.facts;
INSERT INTO app.notes VALUES (1, 'bob''s', 4, NULL);
SELECT id, title FROM app.starred;
-- as root
SELECT * FROM app.starred;
SELECT id, name FROM app.locked;

-- literals of a view are its own, wherever they stand
CREATE VIEW app.vw AS SELECT id FROM notes WHERE id > 2;
-- user alice
SELECT id FROM app.vw WHERE id > 1 ORDER BY id;
SELECT id FROM app.vw WHERE id > 3 ORDER BY id;
SELECT id FROM app.vw WHERE id > 0 ORDER BY id;
-- as root
DROP VIEW app.vw;

SHOW TABLES IN app;
SELECT table_name, definition FROM information_schema.views WHERE table_name = 'named';

-- names around a view are not seen in it
WITH notes AS (SELECT 7 AS id, 'x' AS title, 9 AS stars, '{}' AS doc) SELECT * FROM app.starred;
WITH cities AS (SELECT 1 AS id) SELECT name FROM app.best;
CREATE VIEW app.hidden AS SELECT outer_column FROM app.cities;
SELECT (SELECT label FROM app.named WHERE number = c.id) AS l FROM app.cities c ORDER BY c.id;

-- nothing is written through a view
INSERT INTO app.starred VALUES (1, 'x', 1, NULL);
UPDATE app.starred SET title = 'x' WHERE id = 1;
DELETE FROM app.starred WHERE id = 1;

-- what a view reads stays
DROP TABLE app.notes;
DROP VIEW app.starred;
DROP NAMESPACE app;
CREATE TABLE app.starred (id INT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS app.starred (id INT PRIMARY KEY);
CREATE VIEW app.notes AS SELECT 1 AS one;
CREATE OR REPLACE VIEW app.notes AS SELECT 1 AS one;
DROP TABLE app.starred;
DROP VIEW app.notes;

-- OR REPLACE
CREATE VIEW app.starred AS SELECT 1 AS one;
CREATE OR REPLACE VIEW app.starred AS SELECT id FROM app.notes;
CREATE OR REPLACE VIEW app.starred AS SELECT id::text AS id, title FROM app.notes;
CREATE OR REPLACE VIEW app.starred AS SELECT id, title, 'more' AS more FROM app.notes;
SELECT * FROM app.best;
CREATE OR REPLACE VIEW app.starred AS SELECT id, title FROM app.starred;
CREATE VIEW app.above AS SELECT title, id FROM app.best, app.cities;
CREATE OR REPLACE VIEW app.starred AS SELECT a.id, a.title FROM app.above a;

-- what is refused
CREATE VIEW app.bad AS SELECT $1 AS x;
CREATE VIEW app.bad AS INSERT INTO app.cities VALUES (3, 'x');
CREATE VIEW app.bad AS SELECT nothing FROM app.cities;
CREATE VIEW app.bad AS SELECT * FROM app.nowhere;
CREATE VIEW app.bad AS SELECT id, id FROM app.cities;
CREATE VIEW app.bad (a, b, c) AS SELECT id FROM app.cities;
CREATE VIEW app.bad (a, a) AS SELECT id, name FROM app.cities;
CREATE VIEW app.bad AS SELECT read_csv('/etc/passwd');
CREATE VIEW app.bad AS;
CREATE VIEW app.bad;
CREATE VIEW app.bad AS SELECT 1 WITH CHECK OPTION;
CREATE VIEW nowhere.v AS SELECT 1 AS one;
CREATE VIEW system.v AS SELECT 1 AS one;
CREATE VIEW app._v AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW app.v AS SELECT 1;
CREATE TEMPORARY VIEW app.v AS SELECT 1;
CREATE OR REPLACE TEMP VIEW app.v AS SELECT 1;
DROP VIEW app.nowhere;
DROP VIEW IF EXISTS app.nowhere;

-- a namespace goes with its views, unless a view elsewhere reads what is in it
CREATE NAMESPACE other;
CREATE VIEW other.v AS SELECT id FROM app.cities;
DROP NAMESPACE app CASCADE;
DROP NAMESPACE other;
DROP VIEW other.v;
DROP NAMESPACE other;
DROP NAMESPACE app CASCADE;
SELECT * FROM app.starred;

-- a view, or subquery, that gives rows of one table is run like the table
CREATE NAMESPACE app;
CREATE SHARED TABLE app.plain (id INT PRIMARY KEY, n INT, s TEXT);
INSERT INTO app.plain VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c'), (4, NULL, 'd');
CREATE VIEW app.some AS SELECT id AS nr, n, s FROM app.plain WHERE n > 5;
CREATE VIEW app.fewer AS SELECT s, nr AS key FROM app.some WHERE nr <> 2;
CREATE VIEW app.made AS SELECT id, n + 1 AS m FROM app.plain;
SELECT * FROM app.some WHERE s >= 'b' ORDER BY nr;
SELECT key, upper(s) AS u FROM app.fewer WHERE key IN (1, 2, 4) ORDER BY key DESC LIMIT 5;
SELECT count(*) FROM app.fewer;
SELECT id FROM app.made WHERE id = 2;
SELECT m FROM app.made WHERE m > 11 ORDER BY m;
SELECT x.nr FROM (SELECT nr, s FROM app.some WHERE s <> 'a') AS x WHERE x.nr < 3 ORDER BY 1;
EXPLAIN SELECT * FROM app.some WHERE nr = 2;
EXPLAIN SELECT key FROM app.fewer WHERE key BETWEEN 1 AND 3 ORDER BY key;
EXPLAIN SELECT m FROM app.made WHERE id = 3;
CREATE OR REPLACE VIEW app.some AS SELECT id AS nr, n, s FROM app.plain WHERE n > 15;
SELECT * FROM app.some WHERE s >= 'a' ORDER BY nr;
