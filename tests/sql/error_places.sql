CREATE NAMESPACE app;
CREATE SHARED TABLE app.t (id INT PRIMARY KEY, n SMALLINT, s TEXT NOT NULL, d DATE, p DECIMAL(5, 2), u UUID);

-- the value that does not fit, in any row
INSERT INTO app.t (id, n, s) VALUES (1, 5, 'a'), (2, 70000, 'b');
INSERT INTO app.t (id, n, s) VALUES (1, 5, 'a'),
  (2, 7, 'b'),
  (3, - 70000, 'c');
INSERT INTO app.t (id, n, s) VALUES (10, 5, 'a longer text'), (20000, 70001, 'b');
INSERT INTO app.t (id, s, d) VALUES (1, 'a', '2026-02-30');
INSERT INTO app.t (id, s, u) VALUES (1, 'a', 'nothing of the kind');
INSERT INTO app.t (id, s, p) VALUES (1, 'a', 12.5), (2, 'b', 1234.5);
INSERT INTO app.t (id, s, n) VALUES (1, 'a', 2 + 3), (2, 'b', 300 * 300);
INSERT INTO app.t (id, s) VALUES (1, NULL);
INSERT INTO app.t (id) VALUES (1);
INSERT INTO app.t (id, s, n) SELECT 1, 'a', 70000;

-- parameters say which
-- params [1, "a", 70000]
INSERT INTO app.t (id, s, n) VALUES ($1, $2, $3);

-- SET
INSERT INTO app.t (id, n, s, p) VALUES (1, 5, 'a', 1.5), (2, 6, 'b', 2.5);
UPDATE app.t SET s = 'x', n = 40000 WHERE id = 1;
UPDATE app.t SET s = 'a longer one', n = 40001 WHERE id = 2;
UPDATE app.t SET n = n + 32767 WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9);
UPDATE app.t SET p = p * 1000 WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
UPDATE app.t SET d = 'never' WHERE id = 1;
-- params [null, 1]
UPDATE app.t SET s = $1 WHERE id = $2;
INSERT INTO app.t (id, s) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET s = 'b', n = 70000;
INSERT INTO app.t (id, s) VALUES (2, 'another text') ON CONFLICT (id) DO UPDATE SET s = 'of another length', n = 70000;
INSERT INTO app.t (id, s) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET n = t.n + 32767;

-- a name that is not there, behind lists of other lengths
SELECT id FROM app.t WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9) AND nowhere = 1;
SELECT id FROM app.t WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) AND nowhere = 12;

-- nothing of it has stayed
SELECT id, n, s, d, p, u FROM app.t ORDER BY id;
