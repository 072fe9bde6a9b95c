-- texts that differ in their values share a plan, which must not show
CREATE NAMESPACE app;
CREATE SHARED TABLE app.t (id INT PRIMARY KEY, n INT, s TEXT, p DECIMAL(8, 2), f DOUBLE, d DATE);
INSERT INTO app.t (id, n, s, p, f, d) VALUES (1, 10, 'a', 1.5, 0.25, '2026-01-01'), (2, -20, 'b', 12.25, 1e3, '2026-01-02');
INSERT INTO app.t (id, n, s, p, f, d) VALUES (3, 30, 'c', - 0.75, 2.5E-3, '2026-01-03'), (4, -40, 'it''s', 100.5, -7.5, '2026-01-04');
INSERT INTO app.t (id, n, s, p, f, d) VALUES (5, 50, 'e', 1.005, 5.0, '2026-01-05'), (6, NULL, NULL, NULL, NULL, NULL);

-- numbers with a point
SELECT id FROM app.t WHERE p > 1.5 ORDER BY id;
SELECT id FROM app.t WHERE p > 0.999 ORDER BY id;
SELECT id FROM app.t WHERE p > 12.24 ORDER BY id;
SELECT id FROM app.t WHERE p > 123456789012345.5 ORDER BY id;
SELECT id FROM app.t WHERE f < 0.25 ORDER BY id;
SELECT id FROM app.t WHERE f < 1000.5 ORDER BY id;
SELECT id FROM app.t WHERE p * 2.0 = 3 ORDER BY id;
SELECT id FROM app.t WHERE p * 0.50 = 0.75 ORDER BY id;

-- LIMIT and OFFSET
SELECT id FROM app.t ORDER BY id LIMIT 2;
SELECT id FROM app.t ORDER BY id LIMIT 3;
SELECT id FROM app.t ORDER BY id LIMIT 0;
SELECT id FROM app.t ORDER BY id LIMIT 9999999999;
SELECT id FROM app.t ORDER BY n DESC LIMIT 2 OFFSET 1;
SELECT id FROM app.t ORDER BY n DESC LIMIT 1 OFFSET 4;

-- lists of any length
SELECT id FROM app.t WHERE id IN (1, 2, 3, 14, 15, 16, 17, 18, 19);
SELECT id FROM app.t WHERE id IN (4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 6, 7, 8);
SELECT id FROM app.t WHERE id IN (11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26);
SELECT id FROM app.t WHERE id IN (11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 6);
SELECT id FROM app.t WHERE n NOT IN (10, 1, 2, 3, 4, 5, 6, 7, 8, 9) ORDER BY id;
SELECT id FROM app.t WHERE n NOT IN (30, -40, 50, 1, 2, 3, 4, 5, 6, 7) ORDER BY id;
SELECT id FROM app.t WHERE s IN ('a', 'b', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'it''s') ORDER BY id;
SELECT count(*) FROM app.t WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9);
SELECT count(*) FROM app.t WHERE id IN (1, 2, 30, 40, 50, 60, 70, 80, 90, 100);

-- names and types of columns
SELECT id, n + 1 AS m, 'x' AS tag, 5 AS five, 2.5 AS real FROM app.t WHERE id = 1;
SELECT id, n + 2 AS m, 'longer' AS tag, 6 AS five, 3.75 AS real FROM app.t WHERE id = 2;
SELECT id, n + 3000000000 AS m, 'x' AS tag, 7000000000 AS five, 0.125 AS real FROM app.t WHERE id = 3;
SELECT n + 1, 'x', 5 FROM app.t WHERE id = 1;
SELECT n + 2, 'y', 6 FROM app.t WHERE id = 1;
SELECT n % 3 + 1 AS k, count(*) FROM app.t GROUP BY n % 3 + 1 ORDER BY 1;
SELECT n % 3 + 2 AS k, count(*) FROM app.t GROUP BY n % 3 + 2 ORDER BY 1;

-- dates as written, and what says by itself what it is
SELECT id FROM app.t WHERE d = DATE '2026-01-02';
SELECT id FROM app.t WHERE d = DATE '2026-01-04';
SELECT id FROM app.t WHERE d = DATE '2026-02-31';
SELECT id FROM app.t WHERE upper(s) = 'A' OR length(s) = 4;
SELECT id FROM app.t WHERE upper(s) = 'B' OR length(s) = 1 ORDER BY id;

-- ON CONFLICT and RETURNING
INSERT INTO app.t (id, s) VALUES (1, 'a2') ON CONFLICT (id) DO UPDATE SET n = t.n + 1, s = 'met ' || excluded.s WHERE t.n < 100 RETURNING id, n, s, n * 2 AS twice, 'first' AS note;
INSERT INTO app.t (id, s) VALUES (2, 'b2') ON CONFLICT (id) DO UPDATE SET n = t.n + 100, s = 'met ' || excluded.s WHERE t.n < 0 RETURNING id, n, s, n * 3 AS twice, 'second' AS note;
INSERT INTO app.t (id, s) VALUES (3, 'c2') ON CONFLICT (id) DO UPDATE SET n = t.n + 1, s = 'met ' || excluded.s WHERE t.n < 10 RETURNING id, n, s, n * 2 AS twice, 'third' AS note;
UPDATE app.t SET p = p + 0.25 WHERE id = 1 RETURNING p + 1.5 AS q, p + 1.5;
UPDATE app.t SET p = p + 1.75 WHERE id = 2 RETURNING p + 2.5 AS q, p + 2.5;
DELETE FROM app.t WHERE id IN (1, 2) RETURNING id, s = 'met a2' AS same;
DELETE FROM app.t WHERE id IN (3, 4) RETURNING id, s = 'it''s' AS same;
SELECT id, n, s, p, f, d FROM app.t ORDER BY id;
