CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT NOT NULL, stars INT);
CREATE SHARED TABLE app.places (country TEXT, city TEXT, n INT, PRIMARY KEY (country, city)) WITH (ACCESS_LEVEL = 'PUBLIC');
CREATE SHARED TABLE app.log (line TEXT) WITH (ACCESS_LEVEL = 'PUBLIC');
CREATE VIEW app.best AS SELECT id, title FROM app.notes WHERE stars > 3;
INSERT INTO app.places VALUES ('it', 'Rome', 1), ('it', 'Milan', 2), ('no', 'Oslo', 3);

-- user bob
INSERT INTO app.notes VALUES (1, 'bob''s own', 5), (2, 'x', 4), (3, 'y', 1), (4, 'z', 2), (5, 'w', 3);
-- user alice
INSERT INTO app.notes VALUES (7, 'a', 5), (8, 'b', 1);

-- which executor, and which keys it reads
EXPLAIN SELECT * FROM app.notes WHERE id = 7;
EXPLAIN SELECT title FROM app.notes WHERE id IN (1, 7, 9) AND stars > 1;
EXPLAIN SELECT title FROM app.notes WHERE id > 1 AND id < 8;
EXPLAIN SELECT title FROM app.notes WHERE stars = 5;
EXPLAIN SELECT title FROM app.notes WHERE id = NULL;
EXPLAIN SELECT n FROM app.places WHERE country = 'it';
EXPLAIN SELECT n FROM app.places WHERE city = 'Rome';
EXPLAIN SELECT count(*) FROM app.notes;
EXPLAIN SELECT * FROM app.notes ORDER BY id DESC LIMIT 3;
EXPLAIN SELECT 1 AS one;

-- the engine's plan
EXPLAIN SELECT stars, count(*) AS n FROM app.notes WHERE id > 3 GROUP BY stars;
EXPLAIN SELECT p.city, n.title FROM app.notes n JOIN app.places p ON p.n = n.id WHERE n.id = 7;
EXPLAIN SELECT * FROM app.best;

-- a condition on a view or a subquery reaches the scan below it where each of its rows is one of the table's
EXPLAIN SELECT title FROM app.best WHERE id = 7;
SELECT title FROM app.best WHERE id = 7;
SELECT title FROM app.best WHERE id = 8;
-- as root
CREATE VIEW app.renamed (a, b, c) AS SELECT title, id, stars FROM app.notes;
CREATE VIEW app.nested AS SELECT b FROM app.renamed;
CREATE VIEW app.numbered AS SELECT id, row_number() OVER (ORDER BY id) AS n FROM app.notes;
CREATE VIEW app.paged AS SELECT id FROM app.notes ORDER BY id LIMIT 1;
-- user alice
SELECT v.a, v.c FROM app.renamed v WHERE v.b = 8 AND v.c < 3;
SELECT b FROM app.nested WHERE b >= 8;
SELECT n FROM app.numbered WHERE id = 8;
SELECT id FROM app.paged WHERE id = 8;
SELECT x.id FROM (SELECT id, max(id) OVER () AS top FROM app.notes) x WHERE x.id = 7;
SELECT a.id, v.b FROM app.notes a LEFT JOIN app.renamed v ON v.b = a.id AND v.b = 8 ORDER BY a.id;
SELECT a.id, v.b FROM app.notes a LEFT JOIN app.renamed v ON v.b = a.id WHERE v.b = 8;

EXPLAIN VERBOSE SELECT * FROM app.notes WHERE id = 7;
EXPLAIN SELECT * FROM information_schema.tables;

-- ANALYZE counts the caller's rows only
-- mask plan
EXPLAIN ANALYZE SELECT * FROM app.notes WHERE stars > 3;
-- mask plan
EXPLAIN (ANALYZE) SELECT stars, count(*) AS n FROM app.notes GROUP BY stars;

-- changes are explained, never run
EXPLAIN INSERT INTO app.notes VALUES (9, 'c', 1);
EXPLAIN INSERT INTO app.notes SELECT id + 10, title, stars FROM app.notes;
EXPLAIN UPDATE app.notes SET stars = stars + 1 WHERE id = 7;
EXPLAIN DELETE FROM app.notes WHERE stars = 5;
SELECT count(*) AS n FROM app.notes;
EXPLAIN ANALYZE DELETE FROM app.notes WHERE stars = 5;

-- rights and mistakes are those of the statement
EXPLAIN SELECT * FROM system.users;
EXPLAIN INSERT INTO app.places VALUES ('x', 'y', 1);
EXPLAIN SELECT nothing FROM app.notes;
EXPLAIN SELECT * FROM app.nowhere;
EXPLAIN CREATE TABLE app.t (id INT);
EXPLAIN (COSTS) SELECT 1;
EXPLAIN;
