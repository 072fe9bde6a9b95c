CREATE NAMESPACE app;
CREATE USER TABLE app.tree (id INT PRIMARY KEY, parent INT, name TEXT);
-- user alice
INSERT INTO app.tree VALUES (1, NULL, 'root'), (2, 1, 'left'), (3, 1, 'right'), (4, 2, 'leaf');

WITH t AS (SELECT id, name FROM app.tree WHERE id > 1) SELECT * FROM t ORDER BY id;
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a, b;
WITH t (k, v) AS (SELECT id, name FROM app.tree) SELECT k FROM t WHERE v = 'leaf';
WITH RECURSIVE up AS (SELECT id, parent, name FROM app.tree WHERE id = 4 UNION ALL SELECT t.id, t.parent, t.name FROM app.tree t JOIN up ON up.parent = t.id) SELECT name FROM up ORDER BY id;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n;
SELECT (WITH x AS (SELECT max(id) AS m FROM app.tree) SELECT m FROM x) AS m;

-- a CTE hides a table of the same name, but only an unqualified one
CREATE USER TABLE tree (id INT PRIMARY KEY);
INSERT INTO tree VALUES (77);
WITH tree AS (SELECT 5 AS id) SELECT id FROM tree;
WITH tree AS (SELECT 5 AS id) SELECT id FROM app.tree ORDER BY id;
WITH tree AS (SELECT id FROM tree) SELECT id FROM tree;
SELECT id FROM tree;

-- inside DML
INSERT INTO app.tree WITH x AS (SELECT 10 AS id) SELECT id, 1, 'new' FROM x;
WITH x AS (SELECT 1) INSERT INTO app.tree VALUES (11, 1, 'y');
WITH x AS (DELETE FROM app.tree WHERE id = 1 RETURNING id) SELECT * FROM x;
SELECT id FROM app.tree;
WITH x AS (SELECT 1 AS a), x AS (SELECT 2 AS a) SELECT * FROM x;
WITH x AS (SELECT * FROM y), y AS (SELECT 1) SELECT * FROM x;
