CREATE NAMESPACE app;
CREATE USER TABLE app.scores (id INT PRIMARY KEY, team TEXT, points INT);
-- user alice
INSERT INTO app.scores VALUES (1, 'a', 10), (2, 'a', 30), (3, 'b', 20), (4, 'b', 20), (5, 'b', 5);

SELECT id, row_number() OVER (ORDER BY points DESC, id) AS n FROM app.scores ORDER BY id;
SELECT id, rank() OVER (ORDER BY points), dense_rank() OVER (ORDER BY points) FROM app.scores ORDER BY id;
SELECT id, sum(points) OVER (PARTITION BY team ORDER BY id) AS running FROM app.scores ORDER BY id;
SELECT id, points - avg(points) OVER (PARTITION BY team) AS above FROM app.scores ORDER BY id;
SELECT id, lag(points) OVER (ORDER BY id), lead(points, 1, -1) OVER (ORDER BY id) FROM app.scores ORDER BY id;
SELECT id, first_value(id) OVER w, last_value(id) OVER w FROM app.scores WINDOW w AS (PARTITION BY team ORDER BY points, id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) ORDER BY id;
SELECT id, count(*) OVER (ORDER BY points RANGE BETWEEN 5 PRECEDING AND CURRENT ROW) FROM app.scores ORDER BY id;
SELECT team, id FROM (SELECT team, id, row_number() OVER (PARTITION BY team ORDER BY points DESC, id) AS n FROM app.scores) t WHERE n = 1 ORDER BY team;
SELECT id, ntile(2) OVER (ORDER BY id), percent_rank() OVER (ORDER BY id) FROM app.scores ORDER BY id;
SELECT team, sum(points), rank() OVER (ORDER BY sum(points) DESC) FROM app.scores GROUP BY team ORDER BY team;
SELECT id FROM app.scores WHERE row_number() OVER () = 1;
