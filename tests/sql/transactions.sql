CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id INT PRIMARY KEY, body TEXT NOT NULL);
CREATE SHARED TABLE app.items (id INT PRIMARY KEY, n INT NOT NULL);
CREATE STREAM TABLE app.events (body TEXT) WITH (TTL_SECONDS = 60);
INSERT INTO app.items VALUES (1, 10), (2, 20);

-- all or nothing
-- batch
BEGIN;
INSERT INTO app.notes VALUES (1, 'one'), (2, 'two');
UPDATE app.items SET n = n + 1 WHERE id = 1;
SELECT id, n FROM app.items;
COMMIT;
-- end
SELECT id, n FROM app.items;
-- batch
START TRANSACTION; DELETE FROM app.items WHERE true; SELECT count(*) FROM app.items; ROLLBACK; SELECT count(*) FROM app.items
-- end

-- what one has written is there for every kind of read, before it is committed
-- batch
BEGIN WORK;
UPDATE app.notes SET body = 'changed' WHERE id = 1;
INSERT INTO app.notes VALUES (3, 'three');
DELETE FROM app.notes WHERE id = 2;
SELECT id, body FROM app.notes;
SELECT id FROM app.notes ORDER BY id DESC LIMIT 1;
SELECT body FROM app.notes WHERE id = 1;
SELECT count(*) FROM app.notes;
SELECT n.body, i.n FROM app.notes n JOIN app.items i ON n.id = i.id;
ROLLBACK WORK;
-- end

-- savepoints
-- batch
BEGIN;
INSERT INTO app.notes VALUES (10, 'kept');
SAVEPOINT a;
INSERT INTO app.notes VALUES (11, 'undone');
SAVEPOINT b;
DELETE FROM app.notes WHERE true;
ROLLBACK TO b;
SELECT id FROM app.notes;
ROLLBACK TO SAVEPOINT a;
INSERT INTO app.notes VALUES (12, 'kept too');
RELEASE SAVEPOINT a;
COMMIT;
-- end
SELECT id, body FROM app.notes;

-- what fails takes the transaction with it
-- batch
BEGIN; INSERT INTO app.notes VALUES (20, 'x'); INSERT INTO app.notes VALUES (10, 'there already'); COMMIT
-- end
-- batch
BEGIN; INSERT INTO app.notes VALUES (20, 'x'); INSERT INTO app.notes VALUES (20, 'twice'); COMMIT
-- end
-- batch
BEGIN; INSERT INTO app.notes VALUES (20, 'x'); INSERT INTO app.notes VALUES (21, NULL); COMMIT
-- end
-- batch
BEGIN; INSERT INTO app.notes VALUES (20, 'x')
-- end
SELECT count(*) FROM app.notes WHERE id >= 20;

-- refused
COMMIT;
ROLLBACK;
SAVEPOINT a;
ROLLBACK TO a;
RELEASE a;
-- batch
BEGIN; RELEASE a; COMMIT
-- end
-- batch
BEGIN; CREATE TABLE app.x (id INT); COMMIT
-- end
-- batch
BEGIN; INSERT INTO app.events VALUES ('x'); COMMIT
-- end
-- batch
BEGIN; SELECT count(*) FROM system.tables; COMMIT
-- end
-- batch
BEGIN; BEGIN; COMMIT
-- end
BEGIN ISOLATION LEVEL SERIALIZABLE;
COMMIT AND CHAIN;
