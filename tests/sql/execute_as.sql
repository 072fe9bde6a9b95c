CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id INT PRIMARY KEY, who TEXT DEFAULT CURRENT_USER(), body TEXT);
CREATE STREAM TABLE app.events (id INT) WITH (TTL_SECONDS = 600);
CREATE SHARED TABLE app.board (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'PUBLIC');
CREATE SHARED TABLE app.closed (id INT PRIMARY KEY);
INSERT INTO app.board VALUES (1);
INSERT INTO app.notes (id, body) VALUES (9, 'root''s own');

-- user sam service
SELECT 1 AS one;
-- user alice
INSERT INTO app.notes (id, body) VALUES (1, 'alice''s own');
-- user bob
INSERT INTO app.notes (id, body) VALUES (1, 'bob''s own');

-- as root
-- the target's rows and names, and the rights of role user
EXECUTE AS USER 'alice' (SELECT id, who, body FROM app.notes);
EXECUTE AS USER alice ( SELECT CURRENT_USER() AS u, CURRENT_ROLE() AS r );
EXECUTE AS 'bob' (SELECT body FROM app.notes);
execute as user "bob" (select count(*) as n from app.notes);
EXECUTE AS USER 'alice' (INSERT INTO app.notes (id, body) VALUES (2, 'written by root'));
EXECUTE AS USER 'alice' (UPDATE app.notes SET body = 'changed' WHERE id = 2);
EXECUTE AS USER 'alice' (DELETE FROM app.notes WHERE id = 9);
EXECUTE AS USER 'alice' (INSERT INTO app.events VALUES (1));
EXECUTE AS USER 'nobody_yet' (INSERT INTO app.notes (id, body) VALUES (1, 'before them'));
EXECUTE AS USER 'nobody_yet' (SELECT who, body FROM app.notes);
EXECUTE AS USER 'alice' (EXPLAIN SELECT * FROM app.notes);
SELECT id, body FROM app.notes;
-- params [2]
EXECUTE AS USER 'alice' (SELECT who FROM app.notes WHERE id = $1);

-- shared tables: what role user may read, and nothing to write
EXECUTE AS USER 'alice' (SELECT id FROM app.board);
EXECUTE AS USER 'alice' (SELECT id FROM app.closed);
EXECUTE AS USER 'sam' (SELECT id FROM app.closed);
EXECUTE AS USER 'root' (SELECT user_id FROM system.users);
EXECUTE AS USER 'alice' (INSERT INTO app.board VALUES (2));
EXECUTE AS USER 'alice' (UPDATE app.board SET id = 3 WHERE id = 1);
EXECUTE AS USER 'alice' (DELETE FROM app.closed WHERE id = 1);

-- several statements, each as somebody else
-- batch
EXECUTE AS USER 'alice' (SELECT count(*) AS n FROM app.notes);
SELECT count(*) AS n FROM app.notes;
EXECUTE AS USER 'bob' (SELECT count(*) AS n FROM app.notes; -- one statement
);
-- end
-- batch
EXECUTE AS USER 'alice' (SELECT count(*) AS n FROM app.notes);
SELECT count(*) AS n FROM app.notes;
EXECUTE AS USER 'bob' (INSERT INTO app.notes (id, body) VALUES (5, 'x; y (z'));
-- end

-- who may
-- user sam service
EXECUTE AS USER 'alice' (SELECT body FROM app.notes WHERE id = 1);
EXECUTE AS USER 'sam' (SELECT CURRENT_ROLE() AS r);
EXECUTE AS USER 'root' (SELECT 1 AS one);
EXECUTE AS USER 'nobody_yet' (SELECT body FROM app.notes);
-- user alice
EXECUTE AS USER 'alice' (SELECT body FROM app.notes WHERE id = 1);
EXECUTE AS USER 'bob' (SELECT body FROM app.notes);
EXECUTE AS USER 'root' (SELECT body FROM app.notes);
EXECUTE AS USER 'nobody_yet' (SELECT body FROM app.notes);
EXECUTE AS USER 'Alice' (SELECT body FROM app.notes);

-- as root
-- only rows are read and written so
EXECUTE AS USER 'alice' (ALTER USER alice SET PASSWORD 'another-secret-1');
EXECUTE AS USER 'alice' (CREATE USER TABLE app.t (id INT PRIMARY KEY));
EXECUTE AS USER 'alice' (DROP TABLE app.notes);
EXECUTE AS USER 'alice' (USE app);
EXECUTE AS USER 'alice' (EXECUTE AS USER 'bob' (SELECT 1 AS one));

-- mistakes
EXECUTE AS USER '' (SELECT 1);
EXECUTE AS USER (SELECT 1);
EXECUTE AS USER 'alice' SELECT 1;
EXECUTE AS USER 'alice' (SELECT 1;
EXECUTE AS USER 'alice' ();
EXECUTE AS USER 'alice' ( /* nothing */ );
EXECUTE AS USER 'alice' (SELECT 1) SELECT 2;
EXECUTE AS USER 'alice' (SELECT 1; SELECT 2);
EXECUTE AS USER 'alice' (SELECT nothing FROM app.notes);
EXECUTE AS USER '../x' (SELECT 1);
EXECUTE AS USER 'alice' (SELEC 1);
SELECT * FROM app.notes AS USER 'alice';
INSERT INTO app.notes (id) VALUES (7) AS USER 'alice';
