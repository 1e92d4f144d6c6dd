-- rows near a subspace: their codes are those of their images in the principal axes, and answers stay the table's
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
RESET client_min_messages;
\pset format unaligned
\pset tuples_only on
SET jit = off;
-- near a subspace of four dimensions through an offset; away: how far out of it; wide: what the table is made of
CREATE FUNCTION near_subspace(i int, n int, away float8, origin float8, metric text) RETURNS embedding LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT public.to_embedding(array_agg((origin + sin(i) * sin(j) + cos(i * 3) * cos(j) + sin(i * 7) * sin(j * 2.3) + cos(i * 11) * cos(j * 0.7)
		+ away * hashint4(i * 1000 + j) / 2147483648.0)::real ORDER BY j), metric) FROM generate_series(1, n) j $$;
CREATE FUNCTION compare(q embedding, k int, radius float8, OUT nearest bool, OUT within bool, OUT held bigint) LANGUAGE plpgsql AS
$$
DECLARE
	distances float8[];
	ids int[];
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_sort = off;
	distances := ARRAY(SELECT e <-> q FROM face ORDER BY e <-> q LIMIT k);
	ids := ARRAY(SELECT id FROM face WHERE e <@ ball(q, radius) ORDER BY id);
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_sort = on;
	SET LOCAL enable_indexscan = off;
	SET LOCAL enable_bitmapscan = off;
	nearest := distances = ARRAY(SELECT e <-> q FROM face ORDER BY e <-> q LIMIT k);
	within := ids = ARRAY(SELECT id FROM face WHERE e <@ ball(q, radius) ORDER BY id);
	held := cardinality(ids);
	SET LOCAL enable_indexscan = on;
	SET LOCAL enable_bitmapscan = on;
END
$$;
CREATE TABLE face (id int, e embedding);
INSERT INTO face SELECT i, CASE WHEN i % 50 > 0 THEN near_subspace(i, 64, 1e-3, 0, 'l2') END FROM generate_series(1, 3000) i;
CREATE INDEX face_e ON face USING siamese (e);
SELECT dimensions, axes, rows, null_rows, badly_coded, reindex_pays FROM siamese.index_stats('face_e');
SELECT bytes < 3000 * 64 AS small FROM siamese.index_stats('face_e');
SELECT * FROM siamese.index_check('face_e', true);
ANALYZE face;
SELECT q, c.* FROM unnest(ARRAY[1, 77, 5000, -9]) q, compare(near_subspace(q, 64, 1e-3, 0, 'l2'), 20, 2) c;
-- what it looked at
BEGIN;
SET LOCAL enable_seqscan = off;
SELECT id FROM face ORDER BY e <-> near_subspace(77, 64, 1e-3, 0, 'l2') LIMIT 3;
SELECT leaves < 20 AS few_leaves, rows < 60 AS few_rows FROM siamese.index_scan();
COMMIT;
-- rows far out of the subspace, and queries; writes and vacuum
SELECT q, c.* FROM unnest(ARRAY[1, 77]) q, compare(near_subspace(q, 64, 3, 0.5, 'l2'), 20, 20) c;
INSERT INTO face SELECT i, near_subspace(i, 64, (i % 5) * 0.7, (i % 3) * 4, 'l2') FROM generate_series(3001, 3600) i;
DELETE FROM face WHERE id % 4 = 0;
VACUUM face;
UPDATE face SET e = near_subspace(id + 7, 64, 0.01, 0, 'l2') WHERE id % 9 = 0;
SELECT q, c.* FROM unnest(ARRAY[1, 77, 3100, 3333]) q, compare(near_subspace(q, 64, (q % 5) * 0.7, (q % 3) * 4, 'l2'), 20, 12) c;
SELECT * FROM siamese.index_check('face_e', true);
-- that the table has left the subspace is known: of 450 rows that came, about 300 lie outside
SELECT badly_coded BETWEEN 0.05 AND 0.2 AS badly_coded, reindex_pays FROM siamese.index_stats('face_e');
SELECT c.* FROM compare(near_subspace(3333, 64, 2.1, 0, 'l2'), 1000000, 1e10) c;
-- other values in the same index
SELECT to_embedding(array_fill(0::real, ARRAY[63]), 'l2') <-> e FROM face WHERE id = 1;
INSERT INTO face VALUES (0, to_embedding(array_fill(1::real, ARRAY[63]), 'l2'));
INSERT INTO face VALUES (0, near_subspace(1, 64, 0, 0, 'l1'));
INSERT INTO face VALUES (0, to_embedding(array_fill(3e38::real, ARRAY[64]), 'l2')), (0, to_embedding(array_fill(-3e38::real, ARRAY[64]), 'l2')),
	(0, to_embedding(array_fill(1e-44::real, ARRAY[64]), 'l2'));
SELECT c.* FROM compare(to_embedding(array_fill(2e38::real, ARRAY[64]), 'l2'), 10, 1) c;
SELECT c.* FROM compare(near_subspace(77, 64, 0, 0, 'l2'), 10, 2) c;
SELECT * FROM siamese.index_check('face_e', true);
-- a build by several processes
DELETE FROM face WHERE id = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_maintenance_workers = 2;
REINDEX INDEX face_e;
SELECT axes, rows FROM siamese.index_stats('face_e');
SELECT * FROM siamese.index_check('face_e', true);
SELECT q, c.* FROM unnest(ARRAY[1, 3100]) q, compare(near_subspace(q, 64, (q % 5) * 0.7, (q % 3) * 4, 'l2'), 20, 12) c;
-- far from the origin, and cosine
TRUNCATE face;
INSERT INTO face SELECT i, near_subspace(i, 100, 1e-3, 1000, 'l2') FROM generate_series(1, 2000) i;
REINDEX INDEX face_e;
SELECT dimensions, axes FROM siamese.index_stats('face_e');
SELECT q, c.* FROM unnest(ARRAY[1, 77, 5000, -9]) q, compare(near_subspace(q, 100, 1e-3, 1000, 'l2'), 20, 2) c;
SELECT * FROM siamese.index_check('face_e', true);
TRUNCATE face;
INSERT INTO face SELECT i, near_subspace(i, 100, 1e-3, 0, 'cosine') FROM generate_series(1, 2000) i;
INSERT INTO face VALUES (0, to_embedding(array_fill(0::real, ARRAY[100]), 'cosine'));
REINDEX INDEX face_e;
SELECT dimensions, axes, metric FROM siamese.index_stats('face_e');
SELECT q, c.* FROM unnest(ARRAY[1, 77, 5000, -9]) q, compare(near_subspace(q, 100, 1e-3, 0, 'cosine'), 20, 0.2) c;
SELECT c.* FROM compare(to_embedding(array_fill(0::real, ARRAY[100]), 'cosine'), 20, 0.2) c;
SELECT * FROM siamese.index_check('face_e', true);
-- the vectors themselves: absolute values, no subspace, few rows, an index that was empty
TRUNCATE face;
INSERT INTO face SELECT i, near_subspace(i, 64, 1e-3, 0, 'l1') FROM generate_series(1, 2000) i;
REINDEX INDEX face_e;
SELECT axes FROM siamese.index_stats('face_e');
SELECT c.* FROM compare(near_subspace(77, 64, 1e-3, 0, 'l1'), 20, 5) c;
TRUNCATE face;
INSERT INTO face SELECT i, near_subspace(i, 64, 20, 0, 'l2') FROM generate_series(1, 2000) i;
REINDEX INDEX face_e;
SELECT axes FROM siamese.index_stats('face_e');
TRUNCATE face;
INSERT INTO face SELECT i, near_subspace(i, 64, 1e-3, 0, 'l2') FROM generate_series(1, 500) i;
REINDEX INDEX face_e;
SELECT axes FROM siamese.index_stats('face_e');
TRUNCATE face;
INSERT INTO face SELECT i, near_subspace(i, 64, 1e-3, 0, 'l2') FROM generate_series(1, 1500) i;
SELECT axes, rows FROM siamese.index_stats('face_e');
-- a curve without clusters: each region has the rows it was made of, and the codes of cells have the dimensions that tell them apart
SET max_parallel_maintenance_workers = 0;
CREATE TABLE curve (id int, e embedding(128));
INSERT INTO curve SELECT i, (SELECT array_agg(sin(i * 0.01 * j) ORDER BY j) FROM generate_series(1, 128) j) FROM generate_series(1, 20000) i;
CREATE INDEX curve_e ON curve USING siamese (e);
SELECT axes FROM siamese.index_stats('curve_e');
SELECT * FROM siamese.index_check('curve_e');
CREATE FUNCTION codes_looked_at(q embedding, OUT codes bigint) LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
	PERFORM FROM (SELECT FROM curve ORDER BY e <-> q LIMIT 10) nearest;
	codes := (siamese.index_scan()).codes;
END
$$;
SELECT avg(codes_looked_at(e)) < 1000 AS few_codes FROM curve WHERE id % 500 = 77;
-- a key found by distance, locked and changed outside of that; with little memory all rows in order, in several passes
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
CREATE TEMPORARY TABLE near AS SELECT id FROM curve ORDER BY e <-> (SELECT e FROM curve WHERE id = 77) LIMIT 3;
SELECT count(*) FROM (SELECT id FROM curve WHERE id IN (SELECT id FROM curve ORDER BY e <-> (SELECT e FROM curve WHERE id = 77) LIMIT 3) FOR UPDATE) x
	JOIN near USING (id);
UPDATE curve SET id = -id WHERE id IN (SELECT id FROM curve ORDER BY e <-> (SELECT e FROM curve WHERE id = 77) LIMIT 3);
SELECT count(*) FROM curve JOIN near ON curve.id = -near.id;
ROLLBACK;
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
SET LOCAL work_mem = '64kB';
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM curve ORDER BY e <-> (SELECT e FROM curve WHERE id = 77) OFFSET 0) x;
SELECT rows >= 20000 AS all_rows, passes > 3 AS several_passes FROM siamese.index_scan();
COMMIT;
DROP FUNCTION codes_looked_at;
DROP TABLE curve;
-- all rows equal, but for one
TRUNCATE face;
INSERT INTO face SELECT i, near_subspace(i / 2000, 64, 1e-3, 0, 'l2') FROM generate_series(1, 2000) i;
REINDEX INDEX face_e;
SELECT c.* FROM compare(near_subspace(1, 64, 1e-3, 0, 'l2'), 2, 0.1) c;
SELECT * FROM siamese.index_check('face_e', true);
DROP TABLE face;
DROP FUNCTION compare, near_subspace;
DROP EXTENSION siamese;
