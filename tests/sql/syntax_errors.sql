-- What a person who mistypes sees. Root sees the whole text.
CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT, created DATE);
CREATE SHARED TABLE app.products (id INT PRIMARY KEY, name TEXT);

SELEC 1;
SELECT FROM WHERE;
SELECT 1 +;
SELECT (1;
SELECT 'abc;
SELECT "abc;
SELECT /* abc;
SELECT
  1,
  2 +* 3
FROM app.notes;
SELECT id
FROM app.notes
WHERE titel = 'x';
SELECT id,
    nmae FROM app.products;
SELECT * FROM app.note;
SELECT * FROM app.product WHERE id = 1;
SELECT * FROM ap.notes;
SELECT * FROM notes;
SELECT lenght(title) FROM app.notes;
SELECT * FROM app.notes WHERE id = 'abc';
SELECT * FROM app.notes WHERE title = 5 AND id = true;
SELECT id FROM app.notes GROUP BY title;
INSERT INTO app.notes VALUES;
INSERT app.notes VALUES (1);
UPDATE app.notes title = 'x' WHERE id = 1;
DELETE app.notes WHERE id = 1;
CREATE TABLE;
CREATE TABLE app.x (id WOMBAT);
CREATE;
DROP;
;
-- batch

-- end
-- batch
  -- only a comment
-- end

-- statements of other systems
TRUNCATE TABLE app.notes;
COMMENT ON TABLE app.notes IS 'x';
GRANT SELECT ON app.notes TO bob;
PREPARE p AS SELECT 1;
COPY app.notes TO '/tmp/x';
ATTACH '/tmp/x.db';
PRAGMA version;
INSTALL httpfs;
LOAD httpfs;
CALL f();
SET threads = 1;
SET memory_limit = '1GB';
RESET threads;
VACUUM;
ANALYZE app.notes;
EXECUTE p;
DO $$ BEGIN END $$;
LISTEN x;
CREATE INDEX i ON app.notes (title);
CREATE FUNCTION f() RETURNS INT AS 'x' LANGUAGE sql;
CREATE SEQUENCE s;
CREATE TYPE t AS ENUM ('a');
LOCK TABLE app.notes;
EXPORT DATABASE '/tmp/x';
SUMMARIZE app.notes;
PIVOT app.notes ON id;
FROM app.notes;
MERGE INTO app.notes USING app.products ON true WHEN MATCHED THEN DELETE;

-- user alice
SELEC 1;
SELECT 'abc;
SELECT titel FROM app.notes;
SELECT * FROM app.note;
SELECT * FROM app.notes WHERE id = 'abc';
SELECT 1 / 0;
COPY app.notes TO '/tmp/x';
SELECT * FROM app.products;

-- the place of what the engine does not like
CREATE TABLE k (id BIGINT PRIMARY KEY, a INT, KEY by_a (a));
SELECT x, count(*) FROM (SELECT 1 AS x) t;
SELECT sum(x) FROM (SELECT 'a' AS x) t;
SELECT x FROM (SELECT 1 AS x) t FOR UPDATE;
SELECT CASE x WHEN 5 THEN 1 END FROM (SELECT DATE '2026-01-01' AS x) t;
SELECT x = ANY (ARRAY[1, 2]) FROM (SELECT DATE '2026-01-01' AS x) t;
SELECT 1 LIMIT -1;
