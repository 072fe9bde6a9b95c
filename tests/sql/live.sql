-- SUBSCRIBE TO: says how to open a live query
CREATE NAMESPACE lv;
CREATE USER TABLE lv.notes (id INT PRIMARY KEY, body TEXT, done BOOLEAN, options INT);
CREATE STREAM TABLE lv.ticks (n INT) WITH (TTL_SECONDS = 60);
CREATE SHARED TABLE lv.board (id INT PRIMARY KEY);
CREATE VIEW lv.v AS SELECT id FROM lv.notes;
SUBSCRIBE TO lv.notes;
SUBSCRIBE TO lv.notes WHERE done = false OPTIONS (last_rows=10, batch_size=5);
subscribe to select id, body from lv.notes where body like 'a%' options (from='123456789012345678');
SUBSCRIBE TO SELECT * FROM lv.notes WHERE options = 1 OPTIONS (from_seq_id=7);
SUBSCRIBE TO lv.notes LAST 20;
SUBSCRIBE TO lv.ticks;
SUBSCRIBE TO lv.board;
SUBSCRIBE TO SELECT id, body FROM lv.notes ORDER BY body LIMIT 3;

-- an unqualified table is one of namespace default, whatever the request's is
CREATE USER TABLE lv_plain (id INT PRIMARY KEY);
USE lv; SUBSCRIBE TO lv_plain WHERE id > 1;
USE lv; SUBSCRIBE TO notes;
DROP TABLE lv_plain;

-- what it refuses
SUBSCRIBE TO;
SUBSCRIBE lv.notes;
SUBSCRIBE TO lv.nothing;
SUBSCRIBE TO lv.notes, lv.board;
SUBSCRIBE TO SELECT n.id FROM lv.notes n JOIN lv.board b ON b.id = n.id;
SUBSCRIBE TO SELECT 1;
SUBSCRIBE TO SELECT id FROM (SELECT * FROM lv.notes) s;
SUBSCRIBE TO SELECT id FROM lv.notes UNION SELECT id FROM lv.board;
SUBSCRIBE TO SELECT DISTINCT body FROM lv.notes;
SUBSCRIBE TO SELECT id FROM lv.notes ORDER BY id;
SUBSCRIBE TO SELECT id + 1 FROM lv.notes;
SUBSCRIBE TO lv.notes WHERE id IN (SELECT id FROM lv.board);
SUBSCRIBE TO lv.notes WHERE nothing = 1;
SUBSCRIBE TO lv.notes WHERE body;
SUBSCRIBE TO lv.v;
SUBSCRIBE TO system.users;
SUBSCRIBE TO lv.notes OPTIONS last_rows=10;
SUBSCRIBE TO lv.notes OPTIONS (rows=10);
SUBSCRIBE TO lv.notes OPTIONS (last_rows='ten');
SUBSCRIBE TO lv.notes OPTIONS (from=1, from_seq_id=2);
SUBSCRIBE TO lv.notes OPTIONS (last_rows=1) LAST 1;
SUBSCRIBE TO lv.notes WHERE id = $1;
EXECUTE AS USER 'root' (SUBSCRIBE TO lv.notes);

-- rights are those of a SELECT
-- user lv_ann
SUBSCRIBE TO lv.notes;
SUBSCRIBE TO lv.board;
SUBSCRIBE TO system.users;
-- as root

-- KILL LIVE QUERY
KILL LIVE QUERY 'root-1-sub-lv-notes';
KILL LIVE QUERY;
KILL LIVE QUERY root;
KILL QUERY 'x';
DROP NAMESPACE lv CASCADE;
