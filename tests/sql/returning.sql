CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), title TEXT NOT NULL, n INT DEFAULT 0, price DECIMAL(10,2), doc JSON, at TIMESTAMP);
CREATE SHARED TABLE app.items (id INT PRIMARY KEY, name TEXT) WITH (ACCESS_LEVEL = 'PUBLIC');
CREATE USER TABLE app.bag (n INT, t TEXT);
CREATE STREAM TABLE app.log (n INT, t TEXT) WITH (TTL_SECONDS = 3600);

-- user alice
-- the user columns in schema order
INSERT INTO app.notes (id, title, price, doc, at) VALUES (2, 'b', 1.5, '{"a":1}', '2026-01-31 10:00:00'), (1, 'a', NULL, NULL, NULL) RETURNING *;
INSERT INTO app.notes (title, id) VALUES ('c', 3) RETURNING title, id AS "the id", NOTES.n, app.notes.price;
-- mask _seq
INSERT INTO app.notes (id, title) VALUES (4, 'd') RETURNING _seq, _deleted, id;
-- mask id
INSERT INTO app.notes (title) VALUES ('generated') RETURNING id, title;
INSERT INTO app.notes (id, title) SELECT id + 100, title FROM app.notes WHERE id <= 2 ORDER BY id DESC RETURNING id, title;
INSERT INTO app.notes (id, title) SELECT id + 100, title FROM app.notes WHERE id < 0 RETURNING id, title;
-- params [500, "by parameter", 7]
INSERT INTO app.notes (id, title, n) VALUES ($1, $2, $3) RETURNING id, title, n + $3 AS sum, $1 AS given;
INSERT INTO app.bag VALUES (1, 'x'), (2, NULL) RETURNING *;
INSERT INTO app.bag DEFAULT VALUES RETURNING *;
INSERT INTO app.log VALUES (1, 'x') RETURNING *, _deleted;

-- UPDATE shows the new rows, also those that were so before
UPDATE app.notes SET n = n + 1 WHERE id < 3 RETURNING id, n;
UPDATE app.notes AS x SET n = 1 WHERE x.id = 1 RETURNING x.*;
UPDATE app.notes SET n = 1 WHERE id = 99999 RETURNING id;
UPDATE app.notes SET title = i.t FROM app.bag i WHERE i.n = notes.id AND i.t IS NOT NULL RETURNING id, title;

-- DELETE shows the old rows
DELETE FROM app.notes WHERE id IN (101, 102) RETURNING id, title, _deleted;
DELETE FROM app.notes WHERE id = 101 RETURNING *;
DELETE FROM app.log WHERE n = 1 RETURNING n, t;
DELETE FROM app.bag WHERE t = 'x' RETURNING *;

-- expressions
UPDATE app.notes SET n = 5 WHERE id = 1 RETURNING n + 1 AS next, n > 3, n IS NULL, -n, 1 + 1, 1.5, 'x' AS word, NULL, n IN (1, 5) AND id = 1 AS both, CASE WHEN n = 5 THEN 'five' ELSE 'other' END AS c, COALESCE(price, 0) AS p, upper(title), title || '!' AS loud;
-- params [3, 2.5, "x", null]
UPDATE app.notes SET n = 6 WHERE id = 1 RETURNING n > $1 AS more, n * $2 AS product, n / $1 AS part, title = $3 AS same, n = $4 AS unknown, n BETWEEN $1 AND 9 AS within, $3 AS t, $4 AS nil;
UPDATE app.notes SET n = 5 WHERE id = 1 RETURNING at < NOW() AS past, CURRENT_USER IS NULL AS nobody;

-- a batch: in its place, and not counted with the others
-- batch
INSERT INTO app.notes (id, title) VALUES (700, 'one');
INSERT INTO app.notes (id, title) VALUES (701, 'two') RETURNING id;
SELECT count(*) AS n FROM app.notes WHERE id >= 700;
DELETE FROM app.notes WHERE id = 700;
-- end

-- refused, and nothing happens
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING nope;
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING titel;
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING other.id;
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING other.*;
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING count(*);
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING (SELECT 1);
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING (SELECT count(*) FROM app.notes);
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING row_number() OVER ();
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING 1 / n;
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING _seq + 1;
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING;
INSERT INTO app.notes (id, title) VALUES (800, 'x') RETURNING read_text('/etc/passwd');
INSERT INTO app.notes (id, title) VALUES (1, 'x') RETURNING id;
UPDATE app.notes SET n = 0 WHERE id = 1 RETURNING 1 % n;
UPDATE app.notes SET title = b.t FROM app.bag b WHERE b.n = notes.id RETURNING b.t;
DELETE FROM app.notes WHERE id = 1 RETURNING 1 / (n - 5);
WITH x AS (DELETE FROM app.notes WHERE id = 1 RETURNING id) SELECT * FROM x;
SELECT id FROM app.notes WHERE id = 800;
SELECT id, n FROM app.notes WHERE id = 1;
INSERT INTO app.items VALUES (1, 'no') RETURNING *;
DELETE FROM app.items WHERE id = 1 RETURNING *;
