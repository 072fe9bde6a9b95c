CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT NOT NULL, n INT, price DECIMAL(8,2));
CREATE SHARED TABLE app.items (id INT PRIMARY KEY, n INT);
INSERT INTO app.items VALUES (1, 10), (2, 20);

-- user alice
INSERT INTO app.notes VALUES (1, 'a', 1, 1.50), (2, 'b', 2, 2.50), (3, 'c', NULL, NULL);
UPDATE app.notes SET title = 'A' WHERE id = 1;
UPDATE app.notes SET n = n + 10, price = price * 2 WHERE n IS NOT NULL;
UPDATE "app"."notes" SET "title" = 'quoted' WHERE "id" = '2';
SELECT id, title, n, price FROM app.notes;

-- all old values on the right: a swap
UPDATE app.notes SET n = id, title = n || '' WHERE id = 2;
SELECT id, title, n FROM app.notes WHERE id = 2;

-- counts: matched rows that change
UPDATE app.notes SET title = 'nobody' WHERE id = 99;
UPDATE app.notes SET title = 'A' WHERE id = 1;
UPDATE app.notes SET n = 5 WHERE id IN (1, 2, 3);
UPDATE app.notes SET n = 5 WHERE id IN (1, 2, 3);
UPDATE app.notes SET n = CASE WHEN id = 1 THEN 6 ELSE n END WHERE id > 0;

-- parameters, subqueries, NULL
-- params ["by parameter", 3]
UPDATE app.notes SET title = $1 WHERE id = $2;
UPDATE app.notes SET n = (SELECT max(n) FROM app.notes) + 1 WHERE id = (SELECT min(id) FROM app.notes);
UPDATE app.notes SET n = NULL WHERE title LIKE 'by%';
SELECT id, title, n FROM app.notes;

-- `_seq` rises with each change and stays with none
-- batch
CREATE USER TABLE app.before (id INT PRIMARY KEY, seq BIGINT);
-- end
INSERT INTO app.before SELECT id, _seq FROM app.notes;
UPDATE app.notes SET title = 'A' WHERE id = 1;
UPDATE app.notes SET title = 'changed' WHERE id = 2;
SELECT n.id, n._seq > b.seq AS newer FROM app.notes n JOIN app.before b ON b.id = n.id ORDER BY n.id;

-- refused
UPDATE app.notes SET title = 'all';
UPDATE app.notes SET id = 9 WHERE id = 1;
UPDATE app.notes SET title = NULL WHERE id = 1;
UPDATE app.notes SET _seq = 1 WHERE id = 1;
UPDATE app.notes SET _deleted = true WHERE id = 1;
UPDATE app.notes SET wombat = 1 WHERE id = 1;
UPDATE app.notes SET titel = 'x' WHERE id = 1;
UPDATE app.notes SET title = 'x' WHERE wombat = 1;
UPDATE app.notes SET title = 'x', title = 'y' WHERE id = 1;
UPDATE app.notes SET n = 'many' WHERE id = 1;
UPDATE app.notes SET n = 3000000000 WHERE id = 1;
UPDATE app.notes SET n = 1 / 0 WHERE id = 1;
UPDATE app.notes SET price = 1234567.89 WHERE id = 1;
UPDATE app.wombat SET a = 1 WHERE id = 1;
UPDATE system.users SET role = 'dba' WHERE user_id = 'alice';
UPDATE app.notes SET title = b.title FROM app.notes b WHERE b.id = 2;
UPDATE app.items SET n = 0 WHERE id = 1;
SELECT id, title, n, price FROM app.notes;

-- one bad row, nothing changes
UPDATE app.notes SET n = 100 / (id - 2) WHERE id > 0;
SELECT id, n FROM app.notes;

-- a deleted row is not updated
DELETE FROM app.notes WHERE id = 3;
UPDATE app.notes SET title = 'ghost' WHERE id = 3;
SELECT id, title FROM app.notes;

-- user bob
UPDATE app.notes SET title = 'bob was here' WHERE id = 1;
-- user alice
SELECT id, title FROM app.notes;

-- user carol service
UPDATE app.items SET n = n * 2 WHERE id > 0;
SELECT id, n FROM app.items;
