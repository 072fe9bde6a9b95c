-- Patterns, text functions, JSON operators: PostgreSQL's meaning
SELECT 'abc' LIKE 'a%', 'abc' LIKE 'A%', 'abc' ILIKE 'A%', 'abc' NOT LIKE 'b%';
SELECT 'a%c' LIKE 'a\%c', 'abc' LIKE 'a\%c', 'a_c' LIKE 'a\_c', 'abc' LIKE 'a\_c';
SELECT 'a%c' LIKE 'a!%c' ESCAPE '!', 'a\c' LIKE 'a\\c', 'abc' LIKE 'a_c', 'ac' LIKE 'a_c';
SELECT 'a%c' ILIKE 'A\%C', 'abc' ILIKE 'A\%C';
SELECT 'abcd' ~ 'bc', 'abcd' ~ '^bc', 'abcd' ~* 'BC', 'abcd' !~ 'x', 'abcd' !~* 'BC';
SELECT 'abc' SIMILAR TO 'a(b|x)c', 'abc' SIMILAR TO 'b';
SELECT 'é' = 'e', 'a' < 'B', 'Z' < 'a', lower('ÀÉ'), upper('straße');
SELECT length('日本'), substring('hello' FROM 2 FOR 3), substr('hello', 2), position('l' IN 'hello'), strpos('hello', 'z');
SELECT trim('  x  '), ltrim('  x'), rtrim('x  '), replace('aXbX', 'X', '-'), reverse('abc'), repeat('ab', 3), lpad('7', 3, '0'), left('hello', 2), right('hello', 2);
SELECT split_part('a,b,c', ',', 2), concat('a', 1, true), concat_ws('-', 'a', 'b'), starts_with('hello', 'he');
SELECT '{"a":{"b":[1,2,{"c":"x"}]},"n":null}'::JSON -> 'a', '{"a":1}'::JSON ->> 'a', '{"a":{"b":2}}' -> 'a' ->> 'b';
SELECT '{"a":1}'::JSON ? 'a', '{"a":1}'::JSON ? 'b', '[1,2]'::JSON -> 1;
SELECT json_get_str('{"a":"x"}', 'a'), json_get_int('{"a":{"b":5}}', 'a', 'b'), json_length('[1,2,3]'), json_contains('{"a":1}', 'a');
SELECT json_get_bool('{"a":true}', 'a'), json_get_float('{"a":1.5}', 'a'), json_get_json('{"a":[1]}', 'a'), json_as_text('{"a":"x"}', 'a'), json_object_keys('{"a":1,"b":2}');
SELECT '{"a":1}'::JSON ->> 'missing', 'not json' ->> 'a';

-- numbers
SELECT abs(-5), ceil(1.2), floor(-1.2), round(2.5), round(1.2345, 2), sqrt(16), power(2, 10), mod(7, 3), sign(-3);
SELECT 7 / 2 AS int_div, -7 / 2 AS neg, 7 % -2 AS rem, 7 / 2.0 AS dec, 1e3 AS exp, .5 AS half;
SELECT 1 / 0;
SELECT 1 % 0;
SELECT 1 % '0';
SELECT 7 % '4', 7 / '2';
-- the type is the column's, as by any other number
SELECT max(CAST(n AS SMALLINT) % 0) AS a, max(CAST(n AS SMALLINT) % 5) AS b FROM (SELECT 1 AS n) one WHERE n > 1;
SELECT 1.0::DECIMAL(4,2) / 0;
SELECT 1.5::DOUBLE PRECISION / 0;
SELECT 9223372036854775807 + 1;
SELECT 9223372036854775807 * 2;
SELECT CAST(32768 AS SMALLINT);
SELECT CAST('abc' AS INT);
SELECT CAST('12' AS INT) + 1, '12'::INT, CAST(1.9 AS INT), CAST(true AS INT);
SELECT 'NaN'::DOUBLE PRECISION;
SELECT 'Infinity'::DOUBLE PRECISION AS huge;

-- dates
SELECT DATE '2026-03-01' - DATE '2026-02-01', DATE '2026-01-31' + INTERVAL '1 month', TIMESTAMP '2026-01-01 00:00:00' + INTERVAL '90 minutes';
SELECT extract(year FROM DATE '2026-03-08'), extract(dow FROM DATE '2026-03-08'), date_part('hour', TIMESTAMP '2026-01-01 13:00:00'), date_trunc('day', TIMESTAMP '2026-01-01 13:00:00');
SELECT CAST('2026-02-30' AS DATE);
SELECT CAST('2026-03-08T10:00:00+02:00' AS TIMESTAMP), '10:30'::TIME;
SELECT INTERVAL '1 day';

-- of the language, but to come
SELECT * FROM vector_search('app.notes', 'body', '[1]', 5);
SELECT FILE('photo');
