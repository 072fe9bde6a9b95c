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
SELECT to_char(at, 'YYYY-MM-DD') FROM app.t;
SELECT to_char(n, '999') FROM app.t;
SELECT to_char(at) FROM app.t;
SELECT to_date('2024-02-29'), to_date('29.02.2024', '%d.%m.%Y'), to_date(NULL);
SELECT to_date('29.02.2024', 'DD.MM.YYYY');
SELECT to_date('2023-02-29');
SELECT to_date();
