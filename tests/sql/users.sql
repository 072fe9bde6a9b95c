CREATE USER bob WITH PASSWORD 'a good password' ROLE user;
CREATE USER 'carol' WITH PASSWORD 'a good password' ROLE service EMAIL 'carol@example.com';
CREATE USER "Dave" WITH PASSWORD 'a good password' ROLE dba;
CREATE USER eve WITH OAUTH '{"provider":"google","subject":"123"}' ROLE user;
CREATE USER machine WITH INTERNAL ROLE service;
CREATE USER bob WITH PASSWORD 'a good password' ROLE user;
SELECT user_id, role, email, auth_type, auth_data, failed_login_attempts, deleted_at FROM system.users ORDER BY user_id;

-- role words
CREATE USER r1 WITH PASSWORD 'a good password' ROLE admin;
CREATE USER r2 WITH PASSWORD 'a good password' ROLE developer;
CREATE USER r3 WITH PASSWORD 'a good password' ROLE analyst;
CREATE USER r4 WITH PASSWORD 'a good password' ROLE viewer;
CREATE USER r5 WITH PASSWORD 'a good password' ROLE readonly;
CREATE USER r6 WITH PASSWORD 'a good password' ROLE SYSTEM;
CREATE USER r7 WITH PASSWORD 'a good password' ROLE 'wombat';
CREATE USER r7 WITH PASSWORD 'a good password' ROLE anonymous;
SELECT user_id, role FROM system.users WHERE user_id LIKE 'r%' ORDER BY user_id;

-- passwords
CREATE USER p1 WITH PASSWORD 'short' ROLE user;
CREATE USER p1 WITH PASSWORD 'password' ROLE user;
CREATE USER p1 WITH PASSWORD 'Summer2024!' ROLE user;
CREATE USER p1 WITH PASSWORD '' ROLE user;
CREATE USER p1 WITH PASSWORD 'this one is longer than the seventy-two bytes that bcrypt looks at when it hashes' ROLE user;
CREATE USER p1 WITH PASSWORD ROLE user;
CREATE USER p1 WITH OAUTH 'not json' ROLE user;
CREATE USER p1 WITH OAUTH '{"provider":"google","subject":"123"}' ROLE user;
CREATE USER p1 WITH OIDC '{"issuer":"google","subject":"123"}' ROLE user;
CREATE USER p1 WITH OAUTH '{"subject":"1"}' ROLE user;
CREATE USER p1 WITH OAUTH '{"provider":"x"}' ROLE user;
CREATE USER p1 WITH PASSWORD 'a good password';
CREATE USER p1;

-- names
CREATE USER '' WITH PASSWORD 'a good password' ROLE user;
CREATE USER 'a/b' WITH PASSWORD 'a good password' ROLE user;
CREATE USER 'a\b' WITH PASSWORD 'a good password' ROLE user;
CREATE USER 'a..b' WITH PASSWORD 'a good password' ROLE user;
CREATE USER root WITH PASSWORD 'a good password' ROLE user;
CREATE USER anonymous WITH PASSWORD 'a good password' ROLE user;
CREATE USER system WITH PASSWORD 'a good password' ROLE user;
CREATE USER 'ünï cødé' WITH PASSWORD 'a good password' ROLE user;
CREATE USER Bob WITH PASSWORD 'a good password' ROLE user;

-- ALTER USER
ALTER USER bob SET EMAIL 'bob@example.com';
ALTER USER bob SET ROLE service;
ALTER USER bob SET PASSWORD 'another good one';
ALTER USER bob SET PASSWORD 'bad';
ALTER USER bob SET ROLE wombat;
ALTER USER nobody SET ROLE user;
ALTER USER bob SET WOMBAT 'x';
SELECT user_id, role, email FROM system.users WHERE user_id = 'bob';

-- DROP USER marks the account; its name stays taken
DROP USER bob;
DROP USER bob;
DROP USER IF EXISTS bob;
DROP USER nobody;
DROP USER IF EXISTS nobody;
CREATE USER bob WITH PASSWORD 'a good password' ROLE user;
SELECT user_id, deleted_at IS NOT NULL AS deleted FROM system.users WHERE user_id = 'bob';
DROP USER root;

-- a dba manages all but accounts of role system
-- as admin
CREATE USER s1 WITH PASSWORD 'a good password' ROLE system;
CREATE USER s2 WITH PASSWORD 'a good password' ROLE dba;
ALTER USER s2 SET ROLE system;
ALTER USER root SET PASSWORD 'a good password';
ALTER USER r6 SET ROLE user;
ALTER USER r6 SET EMAIL 'x@example.com';
DROP USER root;
DROP USER r6;
DROP USER s2;

-- others: only their own password and e-mail
-- user alice
CREATE USER mallory WITH PASSWORD 'a good password' ROLE dba;
DROP USER carol;
ALTER USER alice SET ROLE dba;
ALTER USER carol SET PASSWORD 'a good password';
ALTER USER carol SET EMAIL 'x@example.com';
ALTER USER alice SET EMAIL 'alice@example.com';
SELECT user_id FROM system.users;
ALTER USER alice SET PASSWORD 'a new good password';
-- as root
SELECT user_id, role, email FROM system.users WHERE user_id = 'alice';

-- no secret is shown
CREATE USER secret WITH PASSWORD 'sesame-open-up' ROLE user wombat;
CREATE USER secret WITH PASSWORD "sesame-open-up" ROLE user;
CREATE USER secret WITH PASSWORD sesame ROLE user;
ALTER USER secret SET PASSWORD "sesame-open-up";
ALTER USER secret SET PASSWORD 1234;
