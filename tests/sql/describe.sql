CREATE NAMESPACE app;
CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), title TEXT NOT NULL, body TEXT DEFAULT 'x', price DECIMAL(10,2), v EMBEDDING(4), made TIMESTAMP DEFAULT NOW());
CREATE SHARED TABLE plain (a INT, b TEXT, PRIMARY KEY (b, a));

DESCRIBE TABLE app.notes;
DESC TABLE app.notes;
DESCRIBE app.notes;
DESC app.notes;
describe table "app"."notes" history;
DESCRIBE TABLE plain;
-- namespace app
-- unqualified names are in `default`, whatever namespace_id says
DESCRIBE TABLE plain;
-- namespace
DESCRIBE TABLE app.wombat;
DESCRIBE TABLE app.note;
DESCRIBE TABLE nowhere.t;
DESCRIBE TABLE system.jobs;
DESCRIBE;
DESCRIBE TABLE;
DESCRIBE TABLE a b;

-- user alice
DESCRIBE TABLE app.notes;
DESCRIBE TABLE app.wombat;
DESCRIBE TABLE plain;
