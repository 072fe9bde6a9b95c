CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT, n BIGINT, price DECIMAL(8,2), made TIMESTAMP, done BOOLEAN);
-- user alice
INSERT INTO app.notes VALUES (3, 'c', 30, 3.50, '2026-03-03 10:00:00', true), (1, 'a', 10, 1.50, '2026-01-01 10:00:00', false), (2, 'b', NULL, NULL, NULL, NULL), (4, 'd', 40, -0.50, '2026-04-04T10:00:00.5Z', true);

-- the system columns come last; order is that of the key
SELECT * FROM app.notes;
SELECT app.notes.* FROM app.notes;
SELECT n.*, n.title AS again FROM app.notes n WHERE id = 1;
SELECT title, id FROM app.notes;
SELECT ID, Title, "title" FROM APP.Notes WHERE iD = 1;
SELECT id, _seq, _deleted FROM app.notes WHERE id = 1;
SELECT id, _seq > 0 AS seq, _updated IS NOT NULL AS updated FROM app.notes WHERE id = 1;
SELECT id FROM kalam.app.notes WHERE id = 1;
SELECT * FROM app.notes WHERE false;

-- WHERE
SELECT id FROM app.notes WHERE id = 2;
SELECT id FROM app.notes WHERE id = '2';
SELECT id FROM app.notes WHERE id IN (4, 1, 99, 1);
SELECT id FROM app.notes WHERE id NOT IN (4, 1);
SELECT id FROM app.notes WHERE id BETWEEN 2 AND 3;
SELECT id FROM app.notes WHERE id > 1 AND id <= 3;
SELECT id FROM app.notes WHERE id > 3 OR title = 'a';
SELECT id FROM app.notes WHERE NOT done;
SELECT id FROM app.notes WHERE done IS NOT TRUE;
SELECT id FROM app.notes WHERE n IS NULL;
SELECT id FROM app.notes WHERE n IS DISTINCT FROM 10;
SELECT id FROM app.notes WHERE price < 2;
SELECT id FROM app.notes WHERE price = 1.5;
SELECT id FROM app.notes WHERE price = '1.50';
SELECT id FROM app.notes WHERE made >= '2026-03-01';
SELECT id FROM app.notes WHERE made = TIMESTAMP '2026-01-01 10:00:00';
SELECT id FROM app.notes WHERE title LIKE '%' AND title ILIKE 'A';
SELECT id FROM app.notes WHERE title ~ '^[ab]$';
SELECT id FROM app.notes WHERE (id, title) = (1, 'a');
SELECT id FROM app.notes WHERE id = NULL;

-- ORDER BY, LIMIT, OFFSET
SELECT id FROM app.notes ORDER BY id DESC;
SELECT id, n FROM app.notes ORDER BY n;
SELECT id, n FROM app.notes ORDER BY n DESC;
SELECT id, n FROM app.notes ORDER BY n NULLS FIRST;
SELECT id FROM app.notes ORDER BY done, id DESC;
SELECT id, -n AS m FROM app.notes ORDER BY m;
SELECT id FROM app.notes ORDER BY 1 DESC LIMIT 2;
SELECT id FROM app.notes LIMIT 2;
SELECT id FROM app.notes LIMIT 2 OFFSET 1;
SELECT id FROM app.notes LIMIT 2 OFFSET 100;
SELECT id FROM app.notes LIMIT 0;
SELECT id FROM app.notes ORDER BY id FETCH FIRST 2 ROWS ONLY;
-- params [2, 1]
SELECT id FROM app.notes ORDER BY id LIMIT $1 OFFSET $2;
SELECT id FROM app.notes LIMIT -1;

-- DISTINCT and set operations
SELECT DISTINCT done FROM app.notes ORDER BY done;
SELECT id FROM app.notes WHERE id < 3 UNION ALL SELECT id FROM app.notes WHERE id < 2 ORDER BY id;
SELECT id FROM app.notes WHERE id < 3 UNION SELECT id FROM app.notes WHERE id < 2 ORDER BY id;
SELECT id FROM app.notes INTERSECT SELECT 3 ORDER BY id;
SELECT id FROM app.notes EXCEPT SELECT 3 ORDER BY id;

-- without a table
SELECT 1;
SELECT 1 AS a, 'x' AS b, NULL AS c, true AS d, 1.5 AS e, CAST(1 AS SMALLINT) AS f;
SELECT 1 + 2 * 3, 7 / 2, 7 % 2, -7 / 2, 7.0 / 2, 'a' || 'b' || 'c';
VALUES (1, 'a'), (2, 'b');
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v (id, name) ORDER BY id;
SELECT CURRENT_USER, CURRENT_USER(), CURRENT_USER_ID(), CURRENT_ROLE, CURRENT_ROLE();
SELECT now() = now() AS same, now() > '2020-01-01' AS recent, CURRENT_TIMESTAMP = now() AS same2;
SELECT length(uuid_v7()), length(ulid()), snowflake_id() > 0;
SELECT 1 WHERE false;

-- CASE, COALESCE, casts
SELECT id, CASE WHEN n > 20 THEN 'big' WHEN n IS NULL THEN 'none' ELSE 'small' END AS size FROM app.notes;
SELECT id, COALESCE(n, -1), NULLIF(id, 2), GREATEST(id, 2) FROM app.notes;
SELECT id::TEXT, CAST(n AS DOUBLE PRECISION), price::INT, done::INT FROM app.notes WHERE id = 3;

-- flags: columns have them, computed values do not
SELECT id, id + 0 AS computed, title FROM app.notes WHERE id = 1;
SELECT id AS renamed FROM app.notes WHERE id = 1;

-- several statements
-- batch
SELECT 1 AS a;
SELECT 2 AS b; SELECT 3 AS c
-- end
-- batch
SELECT 1;
SELECT * FROM app.wombat;
SELECT 3;
-- end

-- others see their own
-- user bob
SELECT * FROM app.notes;
SELECT count(*) FROM app.notes;
