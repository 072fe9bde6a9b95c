CREATE NAMESPACE app;
CREATE SHARED TABLE app.t (id INT PRIMARY KEY, a INT, b TEXT, c BOOLEAN);
INSERT INTO app.t VALUES (1, 1, 'x', true), (2, NULL, NULL, NULL), (3, 3, '', false);

SELECT id, a = NULL, a IS NULL, a IS NOT DISTINCT FROM NULL FROM app.t ORDER BY id;
SELECT id FROM app.t WHERE a <> 1 ORDER BY id;
SELECT id FROM app.t WHERE a IN (1, NULL) ORDER BY id;
SELECT id FROM app.t WHERE a NOT IN (1, NULL) ORDER BY id;
SELECT id FROM app.t WHERE a NOT IN (SELECT a FROM app.t) ORDER BY id;
SELECT id, c AND NULL, c OR NULL, NOT c FROM app.t ORDER BY id;
SELECT id, a + 1, b || 'y', concat(b, 'y'), length(b) FROM app.t ORDER BY id;
SELECT id, COALESCE(b, 'none') FROM app.t ORDER BY id;
SELECT a FROM app.t ORDER BY a;
SELECT a FROM app.t ORDER BY a DESC;
SELECT a FROM app.t ORDER BY a ASC NULLS FIRST;
SELECT a FROM app.t ORDER BY a DESC NULLS LAST;
SELECT a, count(*) FROM app.t GROUP BY a ORDER BY a;
SELECT DISTINCT b FROM app.t ORDER BY b;
SELECT count(a), count(*), sum(a) FROM app.t;
SELECT id FROM app.t WHERE b = '' ORDER BY id;
SELECT NULL, NULL::INT, NULL = NULL, NULL IS NULL;
SELECT CASE WHEN NULL THEN 1 ELSE 2 END;
-- params [null]
SELECT id FROM app.t WHERE a = $1;
-- params [null]
SELECT id FROM app.t WHERE $1 IS NULL ORDER BY id;

-- nothing but NULLs is text
SELECT NULL AS a, coalesce(NULL, NULL) AS b, CASE WHEN TRUE THEN NULL END AS c, greatest(NULL, NULL) AS d, coalesce(NULL, 1) AS e;
SELECT id, CASE WHEN id > 1 THEN NULL END AS c, coalesce(NULL, NULL) AS d FROM app.t ORDER BY id;
