CREATE NAMESPACE app;
CREATE USER TABLE app.stock (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0, note TEXT DEFAULT 'none', at TIMESTAMP);
CREATE USER TABLE app.pair (a INT, b TEXT, n INT, PRIMARY KEY (a, b));
CREATE USER TABLE app.bag (n INT);
CREATE STREAM TABLE app.log (n INT) WITH (TTL_SECONDS = 3600);

-- user alice
INSERT INTO app.stock (id, n) VALUES (1, 10), (2, 20);

-- DO NOTHING
INSERT INTO app.stock (id, n) VALUES (1, 99), (3, 30) ON CONFLICT DO NOTHING;
INSERT INTO app.stock (id, n) VALUES (1, 99), (3, 99), (4, 40), (4, 41) ON CONFLICT (id) DO NOTHING RETURNING id, n;
INSERT INTO app.stock (id, n) VALUES (1, 99) ON CONFLICT (ID) DO NOTHING;
INSERT INTO app.bag VALUES (1), (1) ON CONFLICT DO NOTHING;
SELECT id, n, note FROM app.stock;

-- DO UPDATE
INSERT INTO app.stock (id, n) VALUES (1, 5), (5, 50) ON CONFLICT (id) DO UPDATE SET n = stock.n + EXCLUDED.n;
INSERT INTO app.stock AS s (id, n) VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET n = s.n - excluded.n, note = 'taken' RETURNING *;
INSERT INTO app.stock (id, n) VALUES (1, 7), (2, 25) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n WHERE stock.n < EXCLUDED.n RETURNING id, n;
INSERT INTO app.stock (id) VALUES (2) ON CONFLICT (id) DO UPDATE SET n = DEFAULT, note = NULL RETURNING id, n, note;
INSERT INTO app.stock (id, n) VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET (n, note) = (EXCLUDED.n + 1, 'row') RETURNING id, n, note;
INSERT INTO app.stock (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note RETURNING note;
-- params [1, 3, "by parameter"]
INSERT INTO app.stock (id, n) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET n = stock.n * $2, note = $3 WHERE stock.n >= $1 RETURNING id, n, note;
INSERT INTO app.stock (id, n) SELECT id, n FROM app.stock WHERE id <= 2 ON CONFLICT (id) DO UPDATE SET n = stock.n + 100 + EXCLUDED.n RETURNING id, n;
INSERT INTO app.stock SELECT * FROM app.stock ON CONFLICT (id) DO UPDATE SET note = 'all';
SELECT id, n, note FROM app.stock;

-- the same values: nothing is written, but RETURNING shows the row
INSERT INTO app.stock (id, n) VALUES (3, 30) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n;
INSERT INTO app.stock (id, n) VALUES (3, 30) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n RETURNING id, n;

-- a deleted row is not in the way
DELETE FROM app.stock WHERE id = 3;
INSERT INTO app.stock (id, n) VALUES (3, 1) ON CONFLICT (id) DO UPDATE SET n = 1000 RETURNING id, n, note;

-- keys of several columns
INSERT INTO app.pair VALUES (1, 'x', 1) ON CONFLICT (b, a) DO UPDATE SET n = pair.n + 1;
INSERT INTO app.pair VALUES (1, 'x', 1), (1, 'y', 5) ON CONFLICT (a, b) DO UPDATE SET n = pair.n + 1 RETURNING *;

-- another user's rows are another's
-- user bob
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = -1 RETURNING n;
-- user alice

-- refused, and nothing happens
INSERT INTO app.stock (id, n) VALUES (1, 1), (1, 2) ON CONFLICT (id) DO UPDATE SET n = 0;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT DO UPDATE SET n = 0;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (n) DO NOTHING;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id, n) DO NOTHING;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (nope) DO NOTHING;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (_seq) DO NOTHING;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (lower(note)) DO NOTHING;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) WHERE n > 0 DO NOTHING;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT ON CONSTRAINT stock_pkey DO NOTHING;
INSERT INTO app.pair VALUES (1, 'x', 1) ON CONFLICT (a) DO NOTHING;
INSERT INTO app.bag VALUES (1) ON CONFLICT (n) DO NOTHING;
INSERT INTO app.log VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET id = 2;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 1, n = 2;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET _seq = 1;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET nope = 1;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = n + 1;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.nope;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED._seq;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = NULL;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 'x';
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 3000000000;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 1 / (stock.n - stock.n);
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = stock.n + 2147483647;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = (SELECT max(n) FROM app.stock);
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = (SELECT 1);
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 0 WHERE stock.n;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = 0 WHERE 1 / (stock.n - stock.n) = 1;
INSERT INTO app.stock AS excluded (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = excluded.n;
INSERT INTO app.stock (id, n) VALUES (900, 1), (901, NULL) ON CONFLICT DO NOTHING;
INSERT INTO app.stock (id, n) VALUES (1, 1) ON CONFLICT (id);
SELECT id, n, note FROM app.stock;
