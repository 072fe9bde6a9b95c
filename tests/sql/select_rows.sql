-- rows compared by their values, from the left
CREATE NAMESPACE app;
CREATE USER TABLE app.t (id INT PRIMARY KEY, a INT, b INT);
INSERT INTO app.t VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 3, 4), (5, 3, NULL), (6, NULL, 9);
SELECT id FROM app.t WHERE (a, b) >= (1, 2) AND (a, b) < (3, 4) ORDER BY id;
SELECT id FROM app.t WHERE (a, b) > (2, 1) ORDER BY id;
SELECT id FROM app.t WHERE (a, b) <> (1, 1) ORDER BY id;
SELECT id FROM app.t WHERE (a, b) = (3, 4);
SELECT id, (a, b) <= (3, 4) AS le FROM app.t ORDER BY id;
UPDATE app.t SET b = 7 WHERE (id, a) = (2, 1);
SELECT id FROM app.t WHERE (a, b) = (1, 2, 3);
WITH x AS (SELECT 1 AS n), x AS (SELECT 2 AS n) SELECT n FROM x;
-- values that differ share a plan, their types do not
SELECT id FROM app.t WHERE b = 7;
SELECT id FROM app.t WHERE b = 9;
SELECT id FROM app.t WHERE b = 3000000000;
SELECT id FROM app.t WHERE b = -9;
SELECT id + 10 FROM app.t WHERE id = 1;
SELECT id + 20 FROM app.t WHERE id = 2;
SELECT id+20 FROM app.t WHERE id = 3;
UPDATE app.t SET b = b + 100 WHERE id = 1;
UPDATE app.t SET b = b + 200 WHERE id = 2;
SELECT * FROM app.t WHERE id IN (1, 2) ORDER BY 1;
SELECT * FROM app.t WHERE id IN (1, 2) ORDER BY 2 DESC, 3;
DELETE FROM app.t WHERE id = 1;
DELETE FROM app.t WHERE id = 2;
SELECT count(*) FROM app.t WHERE id < 3;
SELECT count(*) FROM app.t WHERE id < 5;
