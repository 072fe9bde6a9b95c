CREATE NAMESPACE app;
CREATE STREAM TABLE app.events (id TEXT, kind TEXT NOT NULL, n INT DEFAULT 5) WITH (TTL_SECONDS = 3600);
CREATE STREAM TABLE app.keyed (id TEXT PRIMARY KEY, n INT) WITH (TTL_SECONDS = 3600);

-- user alice
INSERT INTO app.events (id, kind) VALUES ('a', 'x'), ('b', 'y');
INSERT INTO app.events (id, kind, n) VALUES ('a', 'z', 1);
-- equal keys append
SELECT * FROM app.events ORDER BY _seq;
SELECT id, kind, _deleted FROM app.events ORDER BY _seq;
INSERT INTO app.keyed VALUES ('k', 1), ('k', 2);
INSERT INTO app.keyed VALUES ('k', 3);
SELECT id, n FROM app.keyed ORDER BY _seq;
SELECT kind, count(*) FROM app.events GROUP BY kind ORDER BY kind;

-- no UPDATE; DELETE removes at once
UPDATE app.events SET kind = 'w' WHERE id = 'a';
DELETE FROM app.events WHERE kind = 'x';
SELECT id, kind FROM app.events ORDER BY _seq;
SELECT id, kind FROM app.events WHERE _deleted = true;
DELETE FROM app.events;
INSERT INTO app.events (id) VALUES ('c');
INSERT INTO app.events (id, kind) VALUES ('c', NULL);

-- everyone has their own
-- user bob
SELECT id, kind FROM app.events;
INSERT INTO app.events (id, kind) VALUES ('bob', 'b');
DELETE FROM app.events WHERE id = 'a';
-- user alice
SELECT id, kind FROM app.events ORDER BY _seq;
-- as root
SELECT id, kind FROM app.events;
DESCRIBE app.events;
DROP TABLE app.events;
SELECT id FROM app.events;
