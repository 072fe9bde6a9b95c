-- ALTER TABLE in every form, with rows in the table
CREATE NAMESPACE app;
CREATE SHARED TABLE app.t (id INT PRIMARY KEY, a INT, b TEXT, gone TEXT);
INSERT INTO app.t VALUES (1, 10, 'x', 'old'), (2, NULL, NULL, 'old');

-- ADD COLUMN: rows from before it read NULL, whatever the default is
ALTER TABLE app.t ADD COLUMN age INT;
ALTER SHARED TABLE app.t ADD c TEXT DEFAULT 'new';
INSERT INTO app.t (id, a) VALUES (3, 30);
SELECT id, a, b, gone, age, c FROM app.t;
ALTER TABLE app.t ADD COLUMN age BIGINT;
ALTER TABLE app.t ADD COLUMN AGE BIGINT;
ALTER TABLE app.t ADD COLUMN _seq BIGINT;
ALTER TABLE app.t ADD COLUMN _mine BIGINT;
ALTER TABLE app.t ADD COLUMN select BIGINT;
ALTER TABLE app.t ADD COLUMN x UNKNOWNTYPE;
ALTER TABLE app.t ADD COLUMN x INT DEFAULT NOW();
ALTER TABLE app.t ADD COLUMN x INT DEFAULT 'many';
ALTER TABLE app.missing ADD COLUMN x INT;
ALTER TABLE missing.t ADD COLUMN x INT;
ALTER TABLE system.users ADD COLUMN x INT;

-- the same to both executors, and for rows that are written again
CREATE USER TABLE app.added (id INT PRIMARY KEY, v INT);
INSERT INTO app.added VALUES (1, 1), (2, 2);
ALTER TABLE app.added ADD COLUMN n INT DEFAULT 7;
INSERT INTO app.added (id, v) VALUES (3, 3);
SELECT id, n FROM app.added WHERE n IS NULL;
SELECT id FROM app.added WHERE n = 7;
SELECT n, count(*) AS c FROM app.added GROUP BY n ORDER BY n;
UPDATE app.added SET v = 10 WHERE id = 1;
UPDATE app.added SET n = n + 1 WHERE v > 0;
SELECT * FROM app.added;
ALTER TABLE app.added ALTER COLUMN n SET NOT NULL;

-- ADD COLUMN NOT NULL: with a literal default, rows from before it have that value, also after the default is another
ALTER TABLE app.t ADD COLUMN x INT NOT NULL;
ALTER TABLE app.t ADD COLUMN x INT NOT NULL DEFAULT NULL;
ALTER TABLE app.t ADD COLUMN x TEXT NOT NULL DEFAULT ULID();
ALTER TABLE app.t ADD COLUMN n INT NOT NULL DEFAULT 7;
SELECT id, n FROM app.t WHERE n = 7;
ALTER TABLE app.t ALTER COLUMN n SET DEFAULT 8;
INSERT INTO app.t (id) VALUES (4);
SELECT id, n FROM app.t;
ALTER TABLE app.t MODIFY n BIGINT;
UPDATE app.t SET n = n + 1 WHERE id = 1;
UPDATE app.t SET b = 'y' WHERE id = 2;
SELECT id, n, b FROM app.t;
INSERT INTO app.t (id, n) VALUES (5, NULL);
CREATE SHARED TABLE app.empty (id INT PRIMARY KEY);
ALTER TABLE app.empty ADD COLUMN x INT NOT NULL;
ALTER TABLE app.empty ADD COLUMN y TEXT NOT NULL DEFAULT ULID();
INSERT INTO app.empty (id) VALUES (1);
INSERT INTO app.empty (id, x) VALUES (1, 1);
SELECT id, x, length(y) FROM app.empty;
DELETE FROM app.empty WHERE id = 1;
ALTER TABLE app.empty ADD COLUMN z INT NOT NULL;

-- DROP COLUMN, and the same name again: a new column that starts empty
ALTER TABLE app.t DROP COLUMN gone;
SELECT gone FROM app.t;
INSERT INTO app.t (id, gone) VALUES (9, 'x');
SELECT * FROM app.t WHERE id = 1;
ALTER TABLE app.t ADD COLUMN gone TEXT;
SELECT id, gone FROM app.t;
ALTER TABLE app.t DROP COLUMN id;
ALTER TABLE app.t DROP COLUMN nothing;
ALTER TABLE app.t DROP COLUMN _deleted;
ALTER TABLE app.t DROP age;
CREATE SHARED TABLE app.keyless (only INT);
ALTER TABLE app.keyless DROP COLUMN only;

-- RENAME COLUMN keeps the data
ALTER TABLE app.t RENAME COLUMN b TO body;
SELECT id, body FROM app.t;
SELECT b FROM app.t;
ALTER TABLE app.t RENAME a TO amount;
ALTER TABLE app.t RENAME amount TO amount;
ALTER TABLE app.t RENAME amount TO body;
ALTER TABLE app.t RENAME nothing TO something;
ALTER TABLE app.t RENAME amount TO _seq;
ALTER TABLE app.t RENAME _seq TO amount2;
ALTER TABLE app.t RENAME amount TO where;
ALTER TABLE app.t RENAME COLUMN id TO key_id;
SELECT key_id, amount FROM app.t WHERE key_id = 3;
INSERT INTO app.t (key_id) VALUES (3);

-- MODIFY COLUMN: types are widened only
CREATE SHARED TABLE app.wide (id INT PRIMARY KEY, s SMALLINT, i INT, f FLOAT, d DECIMAL(5,2), b BOOLEAN, t TIMESTAMP, u UUID, j JSON, e EMBEDDING(2), y BYTES, dt DATE);
INSERT INTO app.wide VALUES (1, -32768, 2147483647, 0.5, 123.45, true, '2026-01-31 10:00:00.5', '550e8400-e29b-41d4-a716-446655440000', '{"a":1}', '[0.5,-1]', 'text', '2026-01-31'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
ALTER TABLE app.wide MODIFY COLUMN s INT;
ALTER TABLE app.wide MODIFY s BIGINT;
ALTER TABLE app.wide MODIFY i BIGINT;
ALTER TABLE app.wide ALTER COLUMN f TYPE DOUBLE;
ALTER TABLE app.wide ALTER d SET DATA TYPE DECIMAL(38,2);
SELECT id, s, i, f, d FROM app.wide;
UPDATE app.wide SET s = 40000, i = 3000000000, d = 99999999.99 WHERE id = 2;
SELECT id, s, i, f, d FROM app.wide WHERE s > -40000 AND i > 0;
ALTER TABLE app.wide MODIFY s INT;
ALTER TABLE app.wide MODIFY f FLOAT;
ALTER TABLE app.wide MODIFY d DECIMAL(38,3);
ALTER TABLE app.wide MODIFY d DECIMAL(5,2);
ALTER TABLE app.wide MODIFY b INT;
ALTER TABLE app.wide MODIFY t DATE;
ALTER TABLE app.wide MODIFY id BIGINT;
ALTER TABLE app.wide MODIFY _seq TEXT;
ALTER TABLE app.wide MODIFY nothing TEXT;
ALTER TABLE app.wide MODIFY f TEXT;
ALTER TABLE app.wide MODIFY s TEXT;
ALTER TABLE app.wide MODIFY i TEXT;
ALTER TABLE app.wide MODIFY d TEXT;
ALTER TABLE app.wide MODIFY b TEXT;
ALTER TABLE app.wide MODIFY t TEXT;
ALTER TABLE app.wide MODIFY u TEXT;
ALTER TABLE app.wide MODIFY j TEXT;
ALTER TABLE app.wide MODIFY e TEXT;
ALTER TABLE app.wide MODIFY y TEXT;
ALTER TABLE app.wide MODIFY dt TEXT;
ALTER TABLE app.wide MODIFY dt TEXT;
SELECT * FROM app.wide WHERE id = 1;
SELECT s, i, d FROM app.wide WHERE id = 2;
UPDATE app.wide SET f = 1.5 WHERE id = 1;
SELECT * FROM app.wide WHERE i = '2147483647';

-- bytes that are no text stay bytes
CREATE SHARED TABLE app.raw (id INT PRIMARY KEY, y BYTES);
INSERT INTO app.raw VALUES (1, X'ff00');
ALTER TABLE app.raw MODIFY y TEXT;
DELETE FROM app.raw WHERE id = 1;
ALTER TABLE app.raw MODIFY y TEXT;
SELECT y FROM app.raw;

-- NOT NULL: the rows of all users are looked at
CREATE USER TABLE app.mine (id INT PRIMARY KEY, a INT, b TEXT);
-- user bob
INSERT INTO app.mine VALUES (1, NULL, 'x');
-- user alice
INSERT INTO app.mine VALUES (1, 1, 'x');
ALTER TABLE app.mine ALTER COLUMN a SET NOT NULL;
ALTER TABLE app.mine MODIFY a BIGINT NOT NULL;
ALTER TABLE app.mine ALTER COLUMN b SET NOT NULL;
ALTER TABLE app.mine ALTER COLUMN b SET NOT NULL;
INSERT INTO app.mine VALUES (2, 2, NULL);
UPDATE app.mine SET b = NULL WHERE id = 1;
-- user bob
UPDATE app.mine SET a = 5 WHERE id = 1;
ALTER USER TABLE app.mine ALTER a SET NOT NULL;
INSERT INTO app.mine (id, b) VALUES (2, 'y');
ALTER TABLE app.mine ALTER a DROP NOT NULL;
ALTER TABLE app.mine ALTER a DROP NOT NULL;
INSERT INTO app.mine (id, b) VALUES (2, 'y');
DELETE FROM app.mine WHERE id = 2;
ALTER TABLE app.mine MODIFY a BIGINT NOT NULL;
ALTER TABLE app.mine MODIFY a BIGINT NULL;
ALTER TABLE app.mine ALTER id DROP NOT NULL;
ALTER TABLE app.mine MODIFY id INT NULL;
ALTER TABLE app.mine ALTER _seq SET NOT NULL;
ALTER TABLE app.mine ALTER nothing SET NOT NULL;

-- SET and DROP DEFAULT
ALTER TABLE app.mine ALTER a SET DEFAULT 5;
ALTER TABLE app.mine ALTER a SET DEFAULT 5;
INSERT INTO app.mine (id, b) VALUES (3, 'z');
ALTER TABLE app.mine ALTER a DROP DEFAULT;
ALTER TABLE app.mine ALTER a DROP DEFAULT;
INSERT INTO app.mine (id, b) VALUES (4, 'z');
SELECT id, a FROM app.mine;
ALTER TABLE app.mine ALTER b SET DEFAULT CURRENT_USER();
INSERT INTO app.mine (id) VALUES (5);
SELECT id, b FROM app.mine WHERE id = 5;
ALTER TABLE app.mine ALTER a SET DEFAULT 'x';
ALTER TABLE app.mine ALTER a SET DEFAULT NOW();
ALTER TABLE app.mine ALTER a SET DEFAULT 1 + 1;
ALTER TABLE app.mine ALTER a SET DEFAULT upper('x');
ALTER TABLE app.mine ALTER _deleted SET DEFAULT true;

-- access levels, SHARED tables only
-- as root
ALTER TABLE app.t SET ACCESS LEVEL PUBLIC;
ALTER TABLE app.t SET ACCESS LEVEL public;
-- user alice
SELECT count(*) FROM app.t;
ALTER TABLE app.t ADD COLUMN x INT;
ALTER TABLE app.mine SET ACCESS LEVEL PUBLIC;
-- user carol service
ALTER TABLE app.t SET TBLPROPERTIES (ACCESS_LEVEL = 'RESTRICTED');
ALTER TABLE app.t SET ACCESS LEVEL DBA;
ALTER TABLE app.t SET ACCESS LEVEL PRIVATE;
-- as root
ALTER TABLE app.t SET ACCESS LEVEL PRIVATE;

-- versions
SELECT table_name, schema_version, is_latest FROM system.schemas WHERE namespace_id = 'app' AND table_name = 'mine' ORDER BY schema_version;
DESCRIBE TABLE app.t;
DESCRIBE TABLE app.mine;
SELECT column_name, ordinal_position, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'app' AND table_name = 'mine' ORDER BY ordinal_position;

-- STREAM tables
CREATE STREAM TABLE app.events (a INT) WITH (TTL_SECONDS = 1000);
-- user alice
INSERT INTO app.events VALUES (1);
ALTER STREAM TABLE app.events ADD COLUMN b TEXT;
INSERT INTO app.events VALUES (2, 'x');
ALTER TABLE app.events MODIFY a BIGINT;
SELECT a, b FROM app.events ORDER BY a;

-- a batch sees its own changes
-- batch
ALTER TABLE app.mine ADD COLUMN extra INT;
INSERT INTO app.mine (id, extra) VALUES (77, 7);
SELECT id, extra FROM app.mine WHERE id = 77;
-- end

-- views: what they read stays as it is
-- as root
CREATE SHARED TABLE app.base (id INT PRIMARY KEY, a INT, b INT);
INSERT INTO app.base VALUES (1, 10, 100);
CREATE VIEW app.v AS SELECT * FROM app.base;
CREATE VIEW app.w AS SELECT id, a + 1 AS a1 FROM app.base;
ALTER TABLE app.base DROP COLUMN a;
ALTER TABLE app.base RENAME COLUMN a TO c;
ALTER TABLE app.base MODIFY a BIGINT;
ALTER TABLE app.base ADD COLUMN d TEXT DEFAULT 'x';
ALTER TABLE app.base ALTER COLUMN b SET NOT NULL;
INSERT INTO app.base VALUES (2, 20, 200, 'y');
SELECT * FROM app.v;
SELECT * FROM app.w;
DROP VIEW app.v;
ALTER TABLE app.base DROP COLUMN b;
SELECT * FROM app.w;
ALTER TABLE app.w ADD COLUMN x INT;

-- IF EXISTS, IF NOT EXISTS: a migration that runs again
CREATE SHARED TABLE app.again (id INT PRIMARY KEY, a INT);
INSERT INTO app.again VALUES (1, 10);
ALTER TABLE app.again ADD COLUMN IF NOT EXISTS b INT;
ALTER TABLE app.again ADD COLUMN IF NOT EXISTS b TEXT;
ALTER TABLE app.again ADD IF NOT EXISTS A BIGINT;
SELECT id, a, b FROM app.again;
ALTER TABLE app.again DROP COLUMN IF EXISTS b;
ALTER TABLE app.again DROP COLUMN IF EXISTS b;
ALTER TABLE app.again DROP IF EXISTS id;
ALTER TABLE app.again DROP COLUMN b;
ALTER TABLE app.again DROP COLUMN IF EXISTS _seq;
ALTER TABLE app.again ADD COLUMN IF NOT EXISTS;
ALTER TABLE IF EXISTS app.again ADD COLUMN c INT;
ALTER TABLE IF EXISTS app.missing ADD COLUMN c INT;
ALTER TABLE IF EXISTS missing.t DROP COLUMN c;
ALTER TABLE IF EXISTS system.users DROP COLUMN role;
ALTER TABLE IF EXISTS app.w DROP COLUMN id;
-- a column may be called `if`
ALTER TABLE app.again ADD COLUMN if INT;
ALTER TABLE app.again DROP COLUMN if;
