-- ALTER NAMESPACE merges options
CREATE NAMESPACE app;
ALTER NAMESPACE app SET OPTIONS (tier = 'gold', quota = 10, ratio = 0.5, open = true);
SELECT namespace_id, options FROM system.namespaces WHERE namespace_id = 'app';
ALTER NAMESPACE app SET OPTIONS (quota = -20, open = FALSE, tier = 'a "quoted" one');
SELECT options FROM system.namespaces WHERE namespace_id = 'app';
ALTER NAMESPACE APP SET DESCRIPTION 'it''s mine';
ALTER SCHEMA app SET OPTIONS (x = 1, x = 2);
SELECT options FROM system.namespaces WHERE namespace_id = 'app';
ALTER NAMESPACE default SET DESCRIPTION 'where names without a namespace live';
ALTER NAMESPACE ap SET OPTIONS (x = 1);
ALTER NAMESPACE nothing_like_it SET OPTIONS (x = 1);
ALTER NAMESPACE app;
ALTER NAMESPACE app SET OPTIONS;
ALTER NAMESPACE app SET OPTIONS ();
ALTER NAMESPACE app SET OPTIONS (x);
ALTER NAMESPACE app SET OPTIONS (x = NULL);
ALTER NAMESPACE app SET OPTIONS (x = 1 + 1);
ALTER NAMESPACE app SET OPTIONS ("a b" = 1);
ALTER NAMESPACE app SET DESCRIPTION 5;
ALTER NAMESPACE app ADD OPTIONS (x = 1);
ALTER SCHEMA app RENAME TO other;
SELECT options FROM system.namespaces WHERE namespace_id = 'app';

-- tables stay counted
CREATE SHARED TABLE app.t (id INT PRIMARY KEY);
ALTER NAMESPACE app SET OPTIONS (y = 1);
SELECT table_count FROM system.namespaces WHERE namespace_id = 'app';
DROP NAMESPACE app;
CREATE SHARED TABLE app.t2 (id INT PRIMARY KEY);
DROP NAMESPACE app;
DROP NAMESPACE app RESTRICT;
DROP SCHEMA app CASCADE;
SELECT count(*) FROM system.namespaces WHERE namespace_id = 'app';

-- roles
CREATE NAMESPACE app;
-- user alice
ALTER NAMESPACE app SET OPTIONS (x = 1);
-- user carol service
ALTER NAMESPACE app SET DESCRIPTION 'x';
-- as admin
ALTER NAMESPACE app SET DESCRIPTION 'x';
