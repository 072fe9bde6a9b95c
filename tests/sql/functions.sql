-- functions whose names PostgreSQL or DataFusion share with the engine, which means something else by them
CREATE NAMESPACE app;
CREATE SHARED TABLE app.t (id INT PRIMARY KEY, s TEXT, y BYTES, at TIMESTAMP, n INT);
INSERT INTO app.t VALUES (1, 'héllo', '\x0aff00', '2024-01-02 03:04:05.5', 255), (2, NULL, NULL, NULL, NULL);

SELECT octet_length(s), octet_length(y), length(s) FROM app.t ORDER BY id;
SELECT octet_length('é'), octet_length(NULL), octet_length(s || '!') FROM app.t WHERE id = 1;
-- params ["abc"]
SELECT octet_length($1);
SELECT octet_length(s, y) FROM app.t;
SELECT to_hex(n), to_hex(10) FROM app.t ORDER BY id;
SELECT cardinality(ARRAY[1, 2, 3]);

-- formats of times
SELECT to_char(at, '%Y-%m-%d'), date_format(at, '%H:%M'), strftime('%d', at) FROM app.t ORDER BY id;
-- params ["%Y"]
SELECT to_char(at, $1) FROM app.t;
SELECT to_char(at, 'YYYY-MM-DD') FROM app.t;
SELECT to_char(n, '999') FROM app.t;
SELECT to_char(at) FROM app.t;
SELECT to_date('2024-02-29'), to_date('29.02.2024', '%d.%m.%Y'), to_date(NULL);
SELECT to_date('29.02.2024', 'DD.MM.YYYY');
SELECT to_date('2023-02-29');
SELECT to_date();

-- series of numbers and of times, by literals, the clock, parameters and columns
SELECT * FROM generate_series(TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-02', INTERVAL '12 hours');
SELECT d FROM generate_series(DATE '2024-02-28', DATE '2024-03-01', INTERVAL '1 day') AS g(d);
SELECT count(*) AS hours, max(t) - min(t) AS span FROM generate_series(now() - INTERVAL '1 day', now(), INTERVAL '1 hour') AS g(t);
SELECT g.day, count(t.id) AS n FROM generate_series(DATE '2024-01-01', DATE '2024-01-03', INTERVAL '1 day') AS g(day)
LEFT JOIN app.t t ON date_trunc('day', t.at) = g.day GROUP BY 1 ORDER BY 1;
-- params [3]
SELECT n FROM generate_series(1, $1) AS g(n);
-- params ["2"]
SELECT n FROM range($1) AS g(n);
-- params [10, 5]
SELECT n FROM generate_series(1, $1, $2) AS g(n);
-- params ["2024-01-01", "2024-01-02", "12 hours"]
SELECT t FROM generate_series($1::timestamp, $2, $3) AS g(t);
-- params ["2024-01-01", "2024-01-01"]
SELECT t FROM generate_series($1, $2, INTERVAL '1 day') AS g(t);
-- params [1]
SELECT a.i, b.j FROM generate_series(1, 2) AS a(i), generate_series(a.i, a.i + $1) AS b(j) ORDER BY 1, 2;
-- params ["x"]
SELECT n FROM generate_series(1, $1) AS g(n);
-- params [null]
SELECT n FROM generate_series(1, $1) AS g(n);
SELECT '$1' AS text, n FROM generate_series(1, length('$$')) AS g(n);
SELECT n FROM generate_series(1, 3, 0) AS g(n);
