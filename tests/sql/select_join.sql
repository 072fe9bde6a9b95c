CREATE NAMESPACE app;
CREATE USER TABLE app.orders (id INT PRIMARY KEY, sku TEXT, qty INT);
CREATE SHARED TABLE app.products (sku TEXT PRIMARY KEY, name TEXT, price DECIMAL(8,2)) WITH (ACCESS_LEVEL = 'PUBLIC');
CREATE STREAM TABLE app.views (sku TEXT, n INT) WITH (TTL_SECONDS = 3600);
INSERT INTO app.products VALUES ('a', 'Apple', 0.50), ('b', 'Bread', 2.25), ('c', 'Cheese', 7.00);
-- user alice
INSERT INTO app.orders VALUES (1, 'a', 10), (2, 'b', 1), (3, 'a', 5), (4, 'x', 2), (5, NULL, 1);
INSERT INTO app.views VALUES ('a', 1), ('c', 2);

SELECT o.id, p.name, o.qty * p.price AS total FROM app.orders o JOIN app.products p ON p.sku = o.sku ORDER BY o.id;
SELECT o.id, p.name FROM app.orders o LEFT JOIN app.products p ON p.sku = o.sku ORDER BY o.id;
SELECT o.id, p.name FROM app.orders o RIGHT JOIN app.products p ON p.sku = o.sku ORDER BY p.sku, o.id;
SELECT o.id, p.sku FROM app.orders o FULL JOIN app.products p ON p.sku = o.sku ORDER BY o.id, p.sku;
SELECT sku, o.id FROM app.orders o JOIN app.products p USING (sku) ORDER BY o.id;
SELECT id, name FROM app.orders NATURAL JOIN (SELECT sku, name FROM app.products) p ORDER BY id;
SELECT a.id, b.id FROM app.orders a, app.orders b WHERE a.id < b.id AND a.sku = b.sku;
SELECT count(*) FROM app.orders CROSS JOIN app.products;
SELECT o.id, p.name, v.n FROM app.orders o JOIN app.products p ON p.sku = o.sku JOIN app.views v ON v.sku = p.sku ORDER BY o.id;
SELECT o.id, s.n FROM app.orders o, LATERAL (SELECT count(*) AS n FROM app.products p WHERE p.sku = o.sku) s ORDER BY o.id;

-- subqueries
SELECT id FROM app.orders WHERE sku IN (SELECT sku FROM app.products WHERE price < 1) ORDER BY id;
SELECT sku FROM app.products p WHERE EXISTS (SELECT 1 FROM app.orders o WHERE o.sku = p.sku) ORDER BY sku;
SELECT sku FROM app.products p WHERE NOT EXISTS (SELECT 1 FROM app.orders o WHERE o.sku = p.sku) ORDER BY sku;
SELECT sku, (SELECT sum(qty) FROM app.orders o WHERE o.sku = p.sku) AS ordered FROM app.products p ORDER BY sku;
SELECT id FROM app.orders WHERE qty = (SELECT max(qty) FROM app.orders);
SELECT id FROM app.orders WHERE qty > ALL (SELECT n FROM app.views) ORDER BY id;
SELECT id FROM app.orders WHERE sku = ANY (SELECT sku FROM app.views) ORDER BY id;
SELECT id FROM app.orders WHERE id = (SELECT id FROM app.orders);

-- ambiguous and missing names
SELECT id, sku FROM app.orders o JOIN app.products p ON p.sku = o.sku;
SELECT o.wombat FROM app.orders o JOIN app.products p ON p.sku = o.sku;
SELECT z.id FROM app.orders o;
SELECT app.orders.id FROM app.orders ORDER BY app.orders.id LIMIT 1;

-- `*` of a join
SELECT * FROM app.orders o JOIN app.products p ON p.sku = o.sku WHERE o.id = 1;

-- user bob
SELECT o.id, p.name FROM app.orders o RIGHT JOIN app.products p ON p.sku = o.sku ORDER BY p.sku;

-- as root
-- USING and NATURAL compare like `=`: types without a common meaning are refused, whatever the rows
CREATE TABLE app.numbered (sku BIGINT PRIMARY KEY, note TEXT);
SELECT o.id FROM app.orders o JOIN app.numbered n USING (sku);
SELECT o.id FROM app.orders o NATURAL JOIN app.numbered n;
SELECT o.id FROM app.orders o JOIN app.numbered n USING (wombat);
