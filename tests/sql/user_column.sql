-- a column called user: a name where only a column can stand, else CURRENT_USER
CREATE NAMESPACE app;
CREATE USER TABLE app.t (id INT PRIMARY KEY, user TEXT);
INSERT INTO app.t (id, user) VALUES (1, 'one'), (2, 'two');
INSERT INTO app.t (user, id) VALUES ('three', 3) ON CONFLICT (id) DO UPDATE SET user = 'x';
INSERT INTO app.t (user, id) VALUES ('four', 3) ON CONFLICT (id) DO UPDATE SET user = EXCLUDED.user;
UPDATE app.t SET user = 'first' WHERE "user" = 'one';
SELECT id, t.user FROM app.t AS t ORDER BY t.user;
SELECT id FROM app.t WHERE user = 'first';
