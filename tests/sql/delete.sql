CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT, n INT);
CREATE SHARED TABLE app.items (id INT PRIMARY KEY, n INT);
INSERT INTO app.items VALUES (1, 10), (2, 20);

-- user alice
INSERT INTO app.notes VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4), (5, 'e', 5);
DELETE FROM app.notes WHERE id = 1;
DELETE FROM app.notes WHERE id = 1;
DELETE FROM "app"."notes" WHERE id = '2';
DELETE FROM app.notes WHERE id = 99;
-- params [3]
DELETE FROM app.notes WHERE id = $1;
SELECT id, title FROM app.notes;

-- tombstones keep the last values, and are seen when the WHERE mentions `_deleted`
SELECT id, title, n, _deleted FROM app.notes WHERE _deleted = true ORDER BY id;
SELECT id, _deleted FROM app.notes WHERE _deleted IN (true, false) ORDER BY id;
SELECT id, _deleted FROM app.notes WHERE NOT _deleted ORDER BY id;
SELECT id, _deleted FROM app.notes ORDER BY id;
SELECT count(*) FROM app.notes;
SELECT count(*) FROM app.notes WHERE _deleted;

-- a subquery decides for itself
SELECT id FROM app.notes WHERE id IN (SELECT id FROM app.notes WHERE _deleted = true);
SELECT id FROM (SELECT id FROM app.notes WHERE _deleted = true) t ORDER BY id;

-- by any predicate
DELETE FROM app.notes WHERE id = (SELECT max(id) FROM app.notes);
SELECT id FROM app.notes;
DELETE FROM app.notes WHERE title LIKE 'd%' OR n > 100;
SELECT id FROM app.notes;

-- refused
DELETE FROM app.notes;
DELETE FROM app.notes WHERE wombat = 1;
DELETE FROM app.wombat WHERE id = 1;
DELETE FROM system.users WHERE user_id = 'root';
DELETE FROM app.items WHERE id = 1;
DELETE FROM app.notes WHERE id = 1 / 0;
DELETE FROM app.notes USING app.items WHERE true;
TRUNCATE app.notes;

-- user carol service
DELETE FROM app.items WHERE n > 15;
SELECT id, n FROM app.items;
DELETE FROM app.items WHERE true;
SELECT id, n FROM app.items;

-- inserted again, the row is new
INSERT INTO app.items VALUES (1, 11);
SELECT id, n, _deleted FROM app.items WHERE _deleted OR NOT _deleted ORDER BY id;
