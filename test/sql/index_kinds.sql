-- indexes of every kind of table, and of what ALTER TABLE makes of them: sound, and the table's answer
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
RESET client_min_messages;
\pset format unaligned
\pset tuples_only on
SET jit = off;
CREATE FUNCTION point(i int) RETURNS embedding LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$SELECT public.to_embedding(ARRAY[sin(i), cos(i * 3), sin(i * 7), cos(i * 11)]::real[], 'l2')$$;
-- whether an index answers, whether the answer is the one of the table, and what is wrong with the indexes of the table
CREATE FUNCTION verdict(source text, OUT by_index bool, OUT same bool, OUT "rows" bigint, OUT problems bigint) LANGUAGE plpgsql AS
$$
DECLARE
	query text := format('SELECT array_agg(round(d::numeric, 6)) FROM (SELECT e <-> point(5) AS d FROM %s ORDER BY e <-> point(5)) x', source);
	plan json;
	index_says numeric[];
	table_says numeric[];
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_sort = off;
	SET LOCAL enable_bitmapscan = off;
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	EXECUTE query INTO index_says;
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_sort = on;
	SET LOCAL enable_indexscan = off;
	EXECUTE query INTO table_says;
	SET LOCAL enable_indexscan = on;
	by_index := plan::text LIKE '%"Index Scan"%' AND plan::text NOT LIKE '%"Seq Scan"%';
	same := index_says IS NOT DISTINCT FROM table_says;
	"rows" := cardinality(table_says);
	problems := (SELECT count(*) FROM pg_class c JOIN pg_am a ON a.oid = relam AND amname = 'siamese', LATERAL siamese.index_check(c.oid, true) p
				 WHERE relkind = 'i');
END
$$;
-- partial
CREATE TABLE face (id int, label text, e embedding(4));
INSERT INTO face SELECT i, CASE i % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'b' END, CASE WHEN i % 50 > 0 THEN point(i) END FROM generate_series(1, 3000) i;
CREATE INDEX face_a ON face USING siamese (e) WHERE label = 'a';
CREATE INDEX face_known ON face USING siamese (e) WHERE e IS NOT NULL AND id < 500;
ANALYZE face;
SELECT * FROM verdict($$(SELECT * FROM face WHERE label = 'a') f$$);
SELECT * FROM verdict($$(SELECT * FROM face WHERE e IS NOT NULL AND id < 500) f$$);
SELECT * FROM verdict($$(SELECT * FROM face WHERE label = 'b') f$$);
UPDATE face SET label = CASE label WHEN 'a' THEN 'b' WHEN 'b' THEN 'a' END;
DELETE FROM face WHERE id % 7 = 0;
SELECT * FROM verdict($$(SELECT * FROM face WHERE label = 'a') f$$);
VACUUM face;
INSERT INTO face SELECT i, 'a', point(i) FROM generate_series(3001, 3500) i;
SELECT * FROM verdict($$(SELECT * FROM face WHERE label = 'a') f$$);
SELECT rows, null_rows FROM siamese.index_stats('face_a');
DROP INDEX face_a, face_known;
-- an expression, of the type's and of an own function
CREATE INDEX face_point ON face USING siamese (point(id));
SELECT * FROM verdict('(SELECT point(id) AS e FROM face) f');
CREATE INDEX face_half ON face USING siamese (to_embedding((e::real[])[1:4], 'l2')) WHERE id % 2 = 0;
SELECT * FROM verdict($$(SELECT to_embedding((e::real[])[1:4], 'l2') AS e FROM face WHERE id % 2 = 0) f$$);
INSERT INTO face SELECT i, 'c', point(-i) FROM generate_series(4001, 4500) i;
SELECT * FROM verdict('(SELECT point(id) AS e FROM face) f');
DROP INDEX face_point, face_half;
-- what rewrites the table builds the index anew
CREATE INDEX face_e ON face USING siamese (e) WITH (fillfactor = 70);
VACUUM FULL face;
SELECT * FROM verdict('face');
CREATE INDEX face_id ON face (id);
CLUSTER face USING face_id;
SELECT * FROM verdict('face');
ALTER TABLE face SET UNLOGGED;
SELECT * FROM verdict('face');
INSERT INTO face SELECT i, 'd', point(-i) FROM generate_series(5001, 5100) i;
ALTER TABLE face SET LOGGED;
SELECT * FROM verdict('face');
ALTER TABLE face ALTER e TYPE embedding;
SELECT * FROM verdict('face');
SELECT reloptions FROM pg_class WHERE relname = 'face_e';
-- one transaction: table, rows, index; parts of it undone
BEGIN;
CREATE TABLE fresh AS SELECT id, e FROM face WHERE id < 1000;
CREATE INDEX fresh_e ON fresh USING siamese (e);
SAVEPOINT before;
INSERT INTO fresh SELECT i, point(i) FROM generate_series(1, 200) i;
DROP INDEX fresh_e;
CREATE INDEX other_e ON fresh USING siamese (e);
SELECT * FROM verdict('fresh');
ROLLBACK TO before;
SELECT * FROM verdict('fresh');
INSERT INTO fresh SELECT i, point(i) FROM generate_series(1, 300) i;
COMMIT;
SELECT * FROM verdict('fresh');
BEGIN;
TRUNCATE fresh;
INSERT INTO fresh SELECT i, point(i) FROM generate_series(1, 50) i;
SELECT * FROM verdict('fresh');
ROLLBACK;
SELECT * FROM verdict('fresh');
-- partitions: of two levels, one that comes with an index, one that comes without, one that leaves
CREATE TABLE part (id int, e embedding) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (1000);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (1000) TO (2000) PARTITION BY LIST (id);
CREATE TABLE part_2_rest PARTITION OF part_2 DEFAULT;
INSERT INTO part SELECT i, point(i) FROM generate_series(1, 1999) i;
CREATE INDEX part_e ON part USING siamese (e);
CREATE TABLE part_3 (id int, e embedding);
INSERT INTO part_3 SELECT i, point(i) FROM generate_series(2000, 2499) i;
CREATE INDEX part_3_e ON part_3 USING siamese (e);
ALTER TABLE part ATTACH PARTITION part_3 FOR VALUES FROM (2000) TO (2500);
CREATE TABLE part_4 AS SELECT i AS id, point(i) AS e FROM generate_series(2500, 2999) i;
ALTER TABLE part ATTACH PARTITION part_4 FOR VALUES FROM (2500) TO (3000);
SELECT * FROM verdict('part');
SELECT relid, parentrelid FROM pg_partition_tree('part_e') ORDER BY relid::text COLLATE "C";
-- rows that go from one to another
UPDATE part SET id = 2999 - id, e = point(id) WHERE id % 10 = 0;
SELECT * FROM verdict('part');
ALTER TABLE part DETACH PARTITION part_1;
SELECT * FROM verdict('part');
SELECT * FROM verdict('part_1');
-- an index of the parent alone, valid once all partitions have theirs
DROP INDEX part_e;
CREATE INDEX part_later ON ONLY part USING siamese (e);
SELECT indisvalid FROM pg_index WHERE indexrelid = 'part_later'::regclass;
CREATE INDEX part_2_later ON part_2 USING siamese (e);
CREATE INDEX part_3_later ON part_3 USING siamese (e);
CREATE INDEX part_4_later ON part_4 USING siamese (e);
ALTER INDEX part_later ATTACH PARTITION part_2_later;
ALTER INDEX part_later ATTACH PARTITION part_3_later;
ALTER INDEX part_later ATTACH PARTITION part_4_later;
SELECT indisvalid FROM pg_index WHERE indexrelid = 'part_later'::regclass;
REINDEX TABLE part;
SELECT * FROM verdict('part');
-- temporary
CREATE TEMP TABLE fleeting (id int, e embedding) WITH (parallel_workers = 2);
INSERT INTO fleeting SELECT i, point(i) FROM generate_series(1, 1000) i;
CREATE INDEX fleeting_e ON fleeting USING siamese (e);
INSERT INTO fleeting SELECT i, point(i) FROM generate_series(1001, 3000) i;
DELETE FROM fleeting WHERE id % 3 = 0;
VACUUM fleeting;
SELECT * FROM verdict('fleeting');
REINDEX INDEX fleeting_e;
SELECT * FROM verdict('fleeting');
CREATE TEMP TABLE emptied (id int, e embedding) ON COMMIT DELETE ROWS;
CREATE INDEX emptied_e ON emptied USING siamese (e);
BEGIN;
INSERT INTO emptied SELECT i, point(i) FROM generate_series(1, 500) i;
SELECT * FROM verdict('emptied');
COMMIT;
BEGIN;
INSERT INTO emptied SELECT i, to_embedding(ARRAY[i, 1, 2, 3]::real[], 'l2') FROM generate_series(1, 400) i;
SELECT * FROM verdict('emptied');
COMMIT;
-- a materialized view, and inheritance
CREATE MATERIALIZED VIEW near AS SELECT id, e FROM face WHERE e <@ ball(point(5), 1);
CREATE INDEX near_e ON near USING siamese (e);
CREATE UNIQUE INDEX near_id ON near (id);
SELECT by_index, same, problems FROM verdict('near');
DELETE FROM face WHERE id BETWEEN 1 AND 400;
REFRESH MATERIALIZED VIEW CONCURRENTLY near;
SELECT by_index, same, problems FROM verdict('near');
REFRESH MATERIALIZED VIEW near;
SELECT by_index, same, problems FROM verdict('near');
CREATE TABLE child () INHERITS (face);
INSERT INTO child SELECT i, 'a', point(i) FROM generate_series(1, 100) i;
CREATE INDEX child_e ON child USING siamese (e);
SELECT * FROM verdict('face');
\pset tuples_only off
DROP MATERIALIZED VIEW near;
DROP TABLE face, child, fresh, part, part_1, fleeting, emptied;
DROP FUNCTION point(int), verdict;
-- values whose squares overflow in single precision: builds end, and answers are the table's
CREATE TABLE huge (id int, e embedding);
CREATE INDEX huge_e ON huge USING siamese (e) WITH (regions = 32768);
INSERT INTO huge VALUES (1, '[-2e38]'), (2, '[2e38]');
SET enable_seqscan = off;
SELECT id FROM huge WHERE e <@ ball('[2e38]', 1);
SELECT id, e <-> '[2e38]' FROM huge ORDER BY e <-> '[2e38]';
TRUNCATE huge;
INSERT INTO huge SELECT i, ARRAY[sin(i) * 3.4e38, cos(i * 3) * 3.4e38, i * 1e34]::real[]::embedding FROM generate_series(1, 2424) i;
SET statement_timeout = '60s';
REINDEX INDEX huge_e;
RESET statement_timeout;
SELECT * FROM siamese.index_check('huge_e', true);
CREATE FUNCTION huge_near(q embedding) RETURNS float8[] LANGUAGE sql AS $$ SELECT array(SELECT e <-> q FROM huge ORDER BY e <-> q LIMIT 20) $$;
CREATE TABLE huge_answers AS SELECT id, e, huge_near(e) AS near FROM huge WHERE id % 100 = 1 OR id = 2;
SET enable_seqscan = on;
SET enable_indexscan = off;
SELECT count(*) AS queries, count(*) FILTER (WHERE near <> huge_near(e)) AS differ FROM huge_answers;
RESET enable_seqscan;
RESET enable_indexscan;
DROP TABLE huge, huge_answers;
DROP FUNCTION huge_near;
DROP EXTENSION siamese;
