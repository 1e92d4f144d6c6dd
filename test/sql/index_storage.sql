-- how an index grows: regions without rows, room that is used again, sizes
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
RESET client_min_messages;
\pset format unaligned
\pset tuples_only on
SET jit = off;
-- two identities; rows that come one after another share a region, so that of 200 some get none
CREATE FUNCTION pair(i int, spread float8) RETURNS embedding LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT public.to_embedding(array_agg((sin(i / 1000 % 2 * 7.0 * j) + spread * sin(i * j * 1.7))::real), 'l2') FROM generate_series(1, 4) j $$;
-- nearest rows and a ball, by the index and by the table
CREATE FUNCTION same(q embedding, radius float8) RETURNS bool LANGUAGE plpgsql AS
$$
DECLARE
	distances float8[];
	ids int[];
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_sort = off;
	distances := ARRAY(SELECT e <-> q FROM row ORDER BY e <-> q);
	ids := ARRAY(SELECT id FROM row WHERE e <@ ball(q, radius) ORDER BY id);
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_sort = on;
	SET LOCAL enable_indexscan = off;
	SET LOCAL enable_bitmapscan = off;
	RETURN distances = ARRAY(SELECT e <-> q FROM row ORDER BY e <-> q) AND ids = ARRAY(SELECT id FROM row WHERE e <@ ball(q, radius) ORDER BY id);
END
$$;
CREATE TABLE row (id int, e embedding);
INSERT INTO row SELECT i, pair(i, 0.001) FROM generate_series(0, 1999) i;
CREATE INDEX row_e ON row USING siamese (e) WITH (regions = 200);
SELECT directories < regions AS regions_without_rows FROM siamese.index_stats('row_e');
SELECT * FROM siamese.index_check('row_e', true);
SELECT count(*) AS same FROM generate_series(0, 1999, 100) i WHERE same(pair(i, 0.01), 0.02);
-- what comes falls into those, too; also what an UPDATE writes anew
UPDATE row SET id = id;
INSERT INTO row SELECT i, pair(i, 0.001) FROM generate_series(2000, 7999) i;
SELECT * FROM siamese.index_check('row_e', true);
SELECT count(*) AS same FROM generate_series(0, 1999, 400) i WHERE same(pair(i, 0.01), 0.02);
DELETE FROM row WHERE id % 3 > 0;
VACUUM row;
SELECT * FROM siamese.index_check('row_e', true);
SELECT count(*) AS same FROM generate_series(0, 1999, 400) i WHERE same(pair(i, 0.01), 0.02);
-- the same by several processes
ALTER TABLE row SET (parallel_workers = 2);
SET min_parallel_table_scan_size = 0;
REINDEX INDEX row_e;
SELECT * FROM siamese.index_check('row_e', true);
INSERT INTO row SELECT i, pair(i, 0.001) FROM generate_series(8000, 9999) i;
SELECT * FROM siamese.index_check('row_e', true);
SELECT count(*) AS same FROM generate_series(0, 1999, 400) i WHERE same(pair(i, 0.01), 0.02);
DROP TABLE row;
DROP FUNCTION pair, same;
DROP EXTENSION siamese;
