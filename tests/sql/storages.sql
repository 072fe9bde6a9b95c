-- what is there at the start
SHOW STORAGES;

-- CREATE STORAGE: what is wrong is said with its place
CREATE STORAGE;
CREATE STORAGE cold;
CREATE STORAGE cold TYPE wombat PATH '/cold';
CREATE STORAGE cold TYPE 'gcs' BUCKET 'b';
CREATE STORAGE cold TYPE azure BUCKET 'b';
CREATE STORAGE cold TYPE filesystem;
CREATE STORAGE cold TYPE filesystem PATH '';
CREATE STORAGE cold TYPE filesystem PATH 'data/cold';
CREATE STORAGE cold TYPE filesystem PATH '/data/../etc';
CREATE STORAGE cold TYPE filesystem PATH cold;
CREATE STORAGE cold TYPE filesystem BUCKET 'b';
CREATE STORAGE cold TYPE filesystem PATH '/a' BASE_DIRECTORY '/b';
CREATE STORAGE cold TYPE filesystem PATH '/a' BUCKET 'b';
CREATE STORAGE cold TYPE s3;
CREATE STORAGE cold TYPE s3 BASE_DIRECTORY '/b';
CREATE STORAGE cold TYPE s3 BUCKET 'b' WOMBAT 'x';
CREATE STORAGE cold TYPE s3 BUCKET 'b' NAME 'a' NAME 'b';
CREATE STORAGE local TYPE filesystem PATH '/cold';

-- ids
CREATE STORAGE '' TYPE filesystem PATH '/cold';
CREATE STORAGE '..' TYPE filesystem PATH '/cold';
CREATE STORAGE 'a/b' TYPE filesystem PATH '/cold';
CREATE STORAGE 'a;b' TYPE filesystem PATH '/cold';
CREATE STORAGE 'a''b' TYPE filesystem PATH '/cold';
CREATE STORAGE 'a b' TYPE filesystem PATH '/cold';
CREATE STORAGE '*' TYPE filesystem PATH '/cold';

-- JSON
CREATE STORAGE cold TYPE filesystem PATH '/cold' CREDENTIALS 'open sesame';
CREATE STORAGE cold TYPE filesystem PATH '/cold' CREDENTIALS '["open sesame"]';
CREATE STORAGE cold TYPE filesystem PATH '/cold' CREDENTIALS "open sesame";
CREATE STORAGE cold TYPE filesystem PATH '/cold' CONFIG '{';
CREATE STORAGE cold TYPE filesystem PATH '/cold' CONFIG '{"secret_access_key":"open sesame"}';

-- templates
CREATE STORAGE cold TYPE filesystem PATH '/cold' SHARED_TABLES_TEMPLATE 'x';
CREATE STORAGE cold TYPE filesystem PATH '/cold' SHARED_TABLES_TEMPLATE '{tableName}';
CREATE STORAGE cold TYPE filesystem PATH '/cold' SHARED_TABLES_TEMPLATE '{namespace}';
CREATE STORAGE cold TYPE filesystem PATH '/cold' SHARED_TABLES_TEMPLATE '{tableName}/{namespace}';
CREATE STORAGE cold TYPE filesystem PATH '/cold' USER_TABLES_TEMPLATE '{namespace}/{tableName}';
CREATE STORAGE cold TYPE filesystem PATH '/cold' USER_TABLES_TEMPLATE '{namespace}/{shard}/{tableName}/{userId}';
CREATE STORAGE cold TYPE filesystem PATH '/cold' USER_TABLES_TEMPLATE '../{userId}';

-- none of them is there
STORAGE CHECK cold;
STORAGE CHECK cold EXTENDED;
STORAGE CHECK;
STORAGE CHECK local NOW;
ALTER STORAGE cold SET NAME 'x';
DROP STORAGE cold;
DROP STORAGE IF EXISTS cold;
DROP STORAGE cold CASCADE;

-- local can be changed, but not dropped
ALTER STORAGE local SET NAME 'Here', DESCRIPTION 'Below the data directory' SET CONFIG '{"tier":1}';
ALTER STORAGE local SET CREDENTIALS '{"user":"ali","pass":"open sesame"}';
ALTER STORAGE local SET USER_TABLES_TEMPLATE '{namespace_id}/{table_name}/{shard}/{user_id}' SET SHARED_TABLES_TEMPLATE 's/{namespace}/{tableName}';
ALTER STORAGE local SET SHARED_TABLES_TEMPLATE '';
ALTER STORAGE local SET SHARED_TABLES_TEMPLATE '{tableName}';
ALTER STORAGE local SET CONFIG '7';
ALTER STORAGE local SET PATH '/elsewhere';
ALTER STORAGE local SET TYPE 's3';
ALTER STORAGE local SET NAME;
ALTER STORAGE local;
SHOW STORAGES;
ALTER STORAGE local SET CREDENTIALS '{}', CONFIG '{}', NAME '', DESCRIPTION '';
SELECT storage_id, storage_name, description, credentials, config_json FROM system.storages;
-- mask latency_ms tested_at
STORAGE CHECK local;
DROP STORAGE local;

-- manifests are made anew by admins, of tables that have them
CREATE STREAM TABLE gone (id INT) WITH (TTL_SECONDS = 5);
STORAGE REBUILD MANIFEST TABLE default.gone;
STORAGE REBUILD MANIFEST TABLE default.nothing;
STORAGE REBUILD MANIFEST TABLE system.users;
STORAGE REBUILD MANIFEST TABLE gone;
STORAGE REBUILD MANIFEST default.gone;
STORAGE REBUILD MANIFEST;
STORAGE REBUILD;
DROP TABLE gone;

-- tables name one
CREATE TABLE t (id INT PRIMARY KEY) WITH (STORAGE_ID = 'cold');
CREATE TABLE t (id INT PRIMARY KEY) WITH (STORAGE_ID = 'local');
CREATE USER TABLE u (id INT PRIMARY KEY) WITH (STORAGE_ID = 'local', USE_USER_STORAGE = TRUE);
CREATE SHARED TABLE v (id INT PRIMARY KEY) WITH (USE_USER_STORAGE = TRUE);
CREATE STREAM TABLE w (id INT) WITH (TTL_SECONDS = 5, STORAGE_ID = 'local');

-- user alice
SHOW STORAGES;
CREATE STORAGE cold TYPE filesystem PATH '/cold';
ALTER STORAGE local SET NAME 'mine';
DROP STORAGE local;
STORAGE CHECK local;
SELECT * FROM system.storages;

-- user sam service
CREATE STORAGE cold TYPE filesystem PATH '/cold';
STORAGE CHECK local;
STORAGE REBUILD MANIFEST TABLE default.t;
