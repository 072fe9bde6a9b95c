-- Text orders by byte value, whatever the letters are
CREATE NAMESPACE app;
CREATE SHARED TABLE app.words (w TEXT PRIMARY KEY, n INT);
INSERT INTO app.words VALUES ('b', 1), ('B', 2), ('a', 3), ('ä', 4), ('aa', 5), ('Z', 6), ('', 7), ('é', 8), ('1', 9), ('10', 10), ('2', 11), ('日本', 12), ('🙂', 13);
SELECT w FROM app.words;
SELECT w FROM app.words ORDER BY w DESC;
SELECT w FROM app.words WHERE w > 'a' AND w < 'c' ORDER BY w;
SELECT w FROM app.words WHERE w >= 'é';
SELECT min(w), max(w) FROM app.words;

-- numbers, negative too, in a key
CREATE SHARED TABLE app.numbers (n BIGINT PRIMARY KEY, d DOUBLE, c DECIMAL(10,3));
INSERT INTO app.numbers VALUES (0, 0, 0), (-1, -1.5, -1.5), (9223372036854775807, 1e308, 9999999.999), (-9223372036854775808, -1e308, -9999999.999), (5, 0.001, 0.001), (-5, -0.0, -0.001);
SELECT n FROM app.numbers;
SELECT n, d FROM app.numbers ORDER BY d, n;
SELECT n, c FROM app.numbers ORDER BY c DESC;
SELECT n FROM app.numbers WHERE n < 0;
SELECT n FROM app.numbers WHERE n BETWEEN -1 AND 5;

-- dates and times in a key
CREATE SHARED TABLE app.times (t TIMESTAMP PRIMARY KEY, d DATE);
INSERT INTO app.times VALUES ('2026-01-01', '1969-12-31'), ('1969-12-31 23:59:59.999999', '2026-01-01'), ('0001-01-01', '0001-01-01'), ('9999-12-31 23:59:59.999999', '9999-12-31'), ('2026-01-01 00:00:00.000001', '1970-01-01');
SELECT t FROM app.times;
SELECT d FROM app.times ORDER BY d;
SELECT t FROM app.times WHERE t > '2026-01-01';

-- several columns, mixed directions
CREATE SHARED TABLE app.pairs (a INT, b TEXT, PRIMARY KEY (a, b));
INSERT INTO app.pairs VALUES (1, 'b'), (2, 'a'), (1, 'a'), (2, 'b'), (1, 'ab');
SELECT a, b FROM app.pairs;
SELECT a, b FROM app.pairs ORDER BY a DESC, b;
SELECT a, b FROM app.pairs WHERE a = 1 AND b > 'a';
SELECT a, b FROM app.pairs WHERE b = 'a' ORDER BY a;

-- without a key: the order of writing
CREATE SHARED TABLE app.log (line TEXT);
INSERT INTO app.log VALUES ('one');
INSERT INTO app.log VALUES ('two'), ('three');
INSERT INTO app.log VALUES ('one');
SELECT line FROM app.log;
SELECT line FROM app.log LIMIT 2;
DELETE FROM app.log WHERE line = 'two';
SELECT line FROM app.log;

-- a position that is not there; within a call an integer is a value
SELECT w FROM app.words ORDER BY 2;
