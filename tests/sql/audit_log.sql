-- what administrative statements leave in the audit log
CREATE NAMESPACE aud;
CREATE USER TABLE aud.notes (id INT PRIMARY KEY, t TEXT);
ALTER TABLE aud.notes ADD COLUMN n INT;
CREATE VIEW aud.v AS SELECT id FROM aud.notes;
CREATE USER aud_user WITH PASSWORD 'a good password' ROLE user;
ALTER USER aud_user SET PASSWORD 'another good password';
ALTER USER aud_user SET ROLE service;
INSERT INTO aud.notes (id, t) VALUES (1, 'rows leave no record');
CREATE TABLE IF NOT EXISTS aud.notes (id INT PRIMARY KEY);
DROP NAMESPACE aud;
DROP NAMESPACE aud CASCADE;
DROP USER aud_user;
SELECT action, actor_user_id, target, details, subject_user_id FROM system.audit_log WHERE target LIKE 'aud%' ORDER BY timestamp, action;

-- it is not written
DELETE FROM system.audit_log WHERE true;
UPDATE system.audit_log SET action = 'NOTHING' WHERE true;
INSERT INTO system.audit_log (audit_id) VALUES ('x');
DROP TABLE system.audit_log;
ALTER TABLE system.audit_log ADD COLUMN x INT;
VERIFY AUDIT;
VERIFY AUDIT LOG NOW;
