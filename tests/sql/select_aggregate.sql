CREATE NAMESPACE app;
CREATE USER TABLE app.sales (id INT PRIMARY KEY, region TEXT, qty INT, price DECIMAL(8,2), weight DOUBLE, sold DATE);
-- user alice
INSERT INTO app.sales VALUES
    (1, 'north', 10, 1.50, 0.5, '2026-01-01'), (2, 'north', 20, 2.50, 1.5, '2026-01-15'), (3, 'south', 5, NULL, NULL, '2026-02-01'),
    (4, 'south', NULL, 4.00, 2.5, '2026-02-15'), (5, NULL, 7, 0.25, 3.5, NULL);

SELECT count(*), count(qty), count(DISTINCT region), sum(qty), avg(qty), min(qty), max(qty) FROM app.sales;
SELECT sum(price), avg(price), min(price), max(price), sum(weight), avg(weight) FROM app.sales;
SELECT min(region), max(region), min(sold), max(sold) FROM app.sales;
SELECT region, count(*), sum(qty), sum(price), avg(weight) FROM app.sales GROUP BY region ORDER BY region;
SELECT region, count(*) AS n FROM app.sales GROUP BY region HAVING count(*) > 1 ORDER BY n, region;
SELECT region, qty, count(*) FROM app.sales GROUP BY 1, 2 ORDER BY 1, 2;
SELECT upper(region) AS r, sum(qty * 2) FROM app.sales GROUP BY upper(region) ORDER BY r;
SELECT extract(month FROM sold) AS month, count(*) FROM app.sales GROUP BY month ORDER BY month;
SELECT date_trunc('month', sold) AS month, count(*) FROM app.sales GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE qty > 6), sum(qty) FILTER (WHERE region = 'north') FROM app.sales;
SELECT string_agg(region, ',' ORDER BY id) FROM app.sales;
SELECT bool_and(qty > 1), bool_or(qty > 10) FROM app.sales;
SELECT round(stddev(qty), 4), round(variance(qty), 4), median(qty) FROM app.sales;
SELECT region, sum(qty) FROM app.sales GROUP BY ROLLUP (region) ORDER BY region NULLS LAST, sum(qty);
SELECT approx_distinct(region) FROM app.sales;

-- nothing to aggregate
SELECT count(*), sum(qty), avg(qty), max(qty) FROM app.sales WHERE id > 100;
SELECT region, count(*) FROM app.sales WHERE id > 100 GROUP BY region;

-- mistakes
SELECT region, qty FROM app.sales GROUP BY region;
SELECT sum(region) FROM app.sales;
SELECT id FROM app.sales WHERE sum(qty) > 1;
SELECT wombat(qty) FROM app.sales;
SELECT sum(sum(qty)) FROM app.sales;
