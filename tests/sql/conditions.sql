-- what WHERE and its kin take: a BOOLEAN, as in PostgreSQL. A number there is nearly always half of a comparison
CREATE NAMESPACE app;
CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, n INT, s TEXT, b BOOLEAN, at TIMESTAMP, u UUID, j JSON);
INSERT INTO app.t (id, n, s, b, j) VALUES (1, 5, 'five', true, '{"a":1}'), (2, 0, 'none', false, NULL), (3, NULL, NULL, NULL, NULL);

DELETE FROM app.t WHERE id;
DELETE FROM app.t WHERE 1;
UPDATE app.t SET s = 'x' WHERE n;
UPDATE app.t SET s = 'x' WHERE n + 1;
DELETE FROM app.t WHERE b AND n;
SELECT id FROM app.t ORDER BY id;

SELECT id FROM app.t WHERE n OR b;
SELECT id FROM app.t WHERE NOT n;
SELECT id FROM app.t WHERE s;
SELECT id FROM app.t WHERE at;
SELECT id FROM app.t WHERE length(s);
SELECT id FROM app.t WHERE coalesce(n, 1);
SELECT CASE WHEN n THEN 'yes' END FROM app.t;
SELECT x.id FROM app.t x JOIN app.t y ON x.id;
SELECT n FROM app.t GROUP BY n HAVING count(*);
SELECT count(*) FILTER (WHERE n) FROM app.t;

-- what is one
SELECT id FROM app.t WHERE b;
SELECT id FROM app.t WHERE NOT b;
SELECT id FROM app.t WHERE (n > 1) IS NOT TRUE ORDER BY id;
SELECT id FROM app.t WHERE 't' ORDER BY id;
SELECT id FROM app.t WHERE NULL;
-- params [true]
SELECT id FROM app.t WHERE $1 ORDER BY id;
SELECT id FROM app.t WHERE CASE WHEN b THEN n = 5 ELSE b IS NULL END ORDER BY id;
SELECT id FROM app.t WHERE json_get_bool(j, 'a') IS NULL ORDER BY id;

-- a pattern is matched with a text
SELECT id FROM app.t WHERE n LIKE '5%';
SELECT id FROM app.t WHERE at NOT ILIKE '2024%';
SELECT id FROM app.t WHERE u LIKE '%a%';
SELECT id FROM app.t WHERE n ~ '5';
SELECT id FROM app.t WHERE n SIMILAR TO '5|6';
SELECT 5 LIKE '5';
SELECT id FROM app.t WHERE n::text LIKE '5%' AND j LIKE '%a%';
