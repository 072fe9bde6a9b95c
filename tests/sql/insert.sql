CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), title TEXT NOT NULL, body TEXT DEFAULT 'none', done BOOLEAN NOT NULL DEFAULT false);
CREATE SHARED TABLE app.items (id INT PRIMARY KEY, a TEXT, b INT NOT NULL);

-- user alice
-- with and without a column list
INSERT INTO app.notes (id, title) VALUES (1, 'first');
INSERT INTO app.notes VALUES (2, 'second', 'text', true);
INSERT INTO app.notes (title, id) VALUES ('third', 3), ('fourth', 4);
INSERT INTO app.notes (id, title, body) VALUES (5, 'fifth', NULL);
INSERT INTO app.notes (id, title, body) VALUES (6, 'sixth', DEFAULT);
SELECT * FROM app.notes ORDER BY id;
INSERT INTO app.notes (title) VALUES ('generated key');
SELECT title, id > 1000000 AS generated FROM app.notes WHERE title = 'generated key';

-- as the client writes it
INSERT INTO "app"."notes" ("id", "title") VALUES (10, 'it''s');
INSERT INTO kalam.app.notes (ID, TITLE) VALUES (11, 'catalog and upper case');
SELECT id, title FROM app.notes WHERE id IN (10, 11) ORDER BY id;

-- parameters
-- params [20, "by parameter", null, true]
INSERT INTO app.notes (id, title, body, done) VALUES ($1, $2, $3, $4);
-- params ["21", "text for a number"]
INSERT INTO app.notes (id, title) VALUES ($1, $2);
-- params [22, "same twice"]
INSERT INTO app.notes (id, title, body) VALUES ($1, $2, $2);
-- params [23]
INSERT INTO app.notes (id, title) VALUES ($1, $2);
-- params [24, "a", "b"]
INSERT INTO app.notes (id, title) VALUES ($1, $2);
SELECT id, title, body, done FROM app.notes WHERE id BETWEEN 20 AND 29 ORDER BY id;

-- expressions
INSERT INTO app.notes (id, title) VALUES (30, upper('abc') || '-' || (1 + 2)), (31, CURRENT_USER);
INSERT INTO app.notes (id, title) VALUES (32, concat('a', NULL, 'b'));
SELECT id, title FROM app.notes WHERE id BETWEEN 30 AND 39 ORDER BY id;

-- INSERT .. SELECT
INSERT INTO app.notes (id, title) SELECT id + 100, title || ' copy' FROM app.notes WHERE id <= 3;
INSERT INTO app.notes (id, title) WITH x AS (SELECT 200 AS id) SELECT id, 'from a CTE' FROM x;
INSERT INTO app.notes (id, title) SELECT id, title FROM app.notes WHERE false;
SELECT id, title FROM app.notes WHERE id > 100 AND id <= 200 ORDER BY id;

-- duplicate keys: nothing of the statement is there
INSERT INTO app.notes (id, title) VALUES (1, 'again');
INSERT INTO app.notes (id, title) VALUES (300, 'new'), (1, 'again');
INSERT INTO app.notes (id, title) VALUES (301, 'a'), (301, 'b');
INSERT INTO app.notes (id, title) SELECT id, title FROM app.notes;
SELECT count(*) FROM app.notes WHERE id >= 300 AND id < 400;
SELECT title FROM app.notes WHERE id = 1;

-- NULL and missing values
INSERT INTO app.notes (id, title) VALUES (310, NULL);
INSERT INTO app.notes (id, title) VALUES (310, 'ok'), (311, NULL);
INSERT INTO app.notes (id) VALUES (312);
INSERT INTO app.notes (id, title) VALUES (NULL, 'null key');
INSERT INTO app.notes (id, title, done) VALUES (313, 'x', NULL);
-- params [null, "null key"]
INSERT INTO app.notes (id, title) VALUES ($1, $2);

-- values that do not fit
INSERT INTO app.notes (id, title) VALUES ('abc', 'x');
INSERT INTO app.notes (id, title) VALUES (9223372036854775808, 'x');
INSERT INTO app.notes (id, title) VALUES ('', 'x');
INSERT INTO app.notes (id, title, done) VALUES (320, 'x', 'perhaps');
INSERT INTO app.notes (id, title) VALUES (321, 5), (322, true), (323, 1.5);
INSERT INTO app.notes (id, title) VALUES (1.9 + 323, 'a fraction is cut off');
SELECT id, title FROM app.notes WHERE id BETWEEN 320 AND 330 ORDER BY id;

-- shape
INSERT INTO app.notes (id, wombat) VALUES (1, 2);
INSERT INTO app.notes (id, titel) VALUES (1, 'x');
INSERT INTO app.notes (id, id, title) VALUES (1, 2, 'x');
INSERT INTO app.notes (id, title) VALUES (1);
INSERT INTO app.notes (id, title) VALUES (1, 'x', 'y');
INSERT INTO app.notes (id, title) VALUES (1, 'x'), (2);
INSERT INTO app.notes (id, title) SELECT 1;
INSERT INTO app.notes VALUES (1, 'x', 'y', true, 5);
INSERT INTO app.notes (_seq, title) VALUES (1, 'x');
INSERT INTO app.notes (_deleted, title) VALUES (true, 'x');
INSERT INTO app.wombat (id) VALUES (1);
INSERT INTO app.note (id) VALUES (1);
INSERT INTO nowhere.notes (id) VALUES (1);
INSERT INTO system.users (user_id) VALUES ('mallory');
INSERT INTO information_schema.tables VALUES (1);
INSERT INTO app.notes;
INSERT INTO app.notes () VALUES ();

-- a deleted key may be inserted again
DELETE FROM app.notes WHERE id = 1;
INSERT INTO app.notes (id, title) VALUES (1, 'once more');
SELECT id, title, body FROM app.notes WHERE id = 1;

-- shared tables: service and above write
INSERT INTO app.items VALUES (1, 'x', 1);
-- user carol service
INSERT INTO app.items VALUES (1, 'x', 1);
INSERT INTO app.items (id) VALUES (2);
INSERT INTO app.items VALUES (1, 'y', 2);
-- user bob
INSERT INTO app.notes (id, title) VALUES (1, 'the key is free for another user');
SELECT id, title FROM app.notes;

-- the same errors as an admin sees them
-- as root
INSERT INTO app.wombat (id) VALUES (1);
INSERT INTO app.item (id) VALUES (1);
INSERT INTO system.users (user_id) VALUES ('mallory');
INSERT INTO app.items VALUES ('abc', 'x', 1);
INSERT INTO app.items VALUES (3000000000, 'x', 1);
CREATE TABLE app.vectors (id INT PRIMARY KEY, v EMBEDDING(3));
INSERT INTO app.vectors VALUES (1, '[1,2]');
INSERT INTO app.vectors VALUES (1, '1,2');

-- a comma behind the last of a list
CREATE SHARED TABLE app.commas (id INT PRIMARY KEY, n INT,);
INSERT INTO app.commas (id, n,) VALUES (1, 10,), (2, 20),;
INSERT INTO app.commas (id) VALUES (1), (3), ON CONFLICT (id,) DO NOTHING;
INSERT INTO app.commas VALUES (4, 40), RETURNING id;
SELECT id, n, FROM app.commas, WHERE id IN (1, 2,) ORDER BY id, LIMIT 5;
SELECT n, count(*), FROM app.commas GROUP BY n, HAVING count(*) > 0 ORDER BY n;
UPDATE app.commas SET n = 11, WHERE id = 1;
INSERT INTO app.commas VALUES (5, 50),,;
INSERT INTO app.commas VALUES (5, 50), (;
DELETE FROM app.commas WHERE id IN (1, 2),;
SELECT id, n FROM app.commas ORDER BY id;
