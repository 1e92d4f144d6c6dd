-- the access method siamese: what can be indexed, what is refused, plans, builds at the edges
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
RESET client_min_messages;
\pset format unaligned
SET jit = off;
CREATE TABLE face (id int, e embedding);
INSERT INTO face SELECT i, CASE WHEN i % 100 > 0 THEN to_embedding(ARRAY[sin(i), cos(i * 3), sin(i * 7), cos(i * 11)]::real[], 'l2') END FROM generate_series(1, 2000) i;
CREATE INDEX face_e ON face USING siamese (e);
ANALYZE face;
-- no setting is needed for these
EXPLAIN (COSTS off) SELECT id FROM face ORDER BY e <-> to_embedding('{1,0,0,0}', 'l2') LIMIT 5;
EXPLAIN (COSTS off) SELECT id FROM face WHERE e <@ ball(to_embedding('{1,0,0,0}', 'l2'), 0.01);
EXPLAIN (COSTS off) SELECT id FROM face WHERE ball(to_embedding('{1,0,0,0}', 'l2'), 0.01) @> e;
EXPLAIN (COSTS off) SELECT count(*) FROM face;
SELECT id FROM face WHERE e <@ ball((SELECT e FROM face WHERE id = 7), 0.05) ORDER BY id;
SELECT a.id, b.id FROM (SELECT * FROM face WHERE id < 4) a, LATERAL (SELECT id FROM face WHERE e <> a.e ORDER BY e <-> a.e LIMIT 2) b ORDER BY 1, 2;
SELECT regions > 0 AS regions, leaves > 0 AS leaves, codes >= rows AS codes, rows > 0 AS rows, passes FROM siamese.index_scan();
SELECT model, metric, dimensions, rows, null_rows, rows_at_build, fill > 0.5 AS fill, badly_coded, reindex_pays FROM siamese.index_stats('face_e');
SELECT * FROM siamese.index_check('face_e', true);
-- another model, metric or number of dimensions
INSERT INTO face VALUES (-1, '[1,2,3,4]@l2:0123456789abcdef');
INSERT INTO face VALUES (-1, '[1,2,3,4]@l1');
INSERT INTO face VALUES (-1, '[1,2,3]');
SET enable_seqscan = off;
SELECT id FROM face ORDER BY e <-> '[1,2,3,4]@l2:0123456789abcdef'::embedding LIMIT 1;
SELECT id FROM face WHERE e ~= '[1,2,3,4]'::embedding;
RESET enable_seqscan;
CREATE TABLE mixed AS SELECT '[1,2]'::embedding AS e UNION ALL SELECT '[1,2]@l1:0123456789abcdef';
CREATE INDEX mixed_e ON mixed USING siamese (e);
CREATE INDEX mixed_e ON mixed USING siamese (e) WHERE model(e) IS NULL;
CREATE INDEX mixed_bound ON mixed USING siamese (e) WHERE model(e) = '0123456789abcdef';
SET enable_seqscan = off;
SELECT e FROM mixed WHERE model(e) = '0123456789abcdef' ORDER BY e <-> '[1,1]@l1:0123456789abcdef' LIMIT 3;
RESET enable_seqscan;
-- what an index cannot be
CREATE UNIQUE INDEX ON face USING siamese (e);
CREATE INDEX ON face USING siamese (e, id);
CREATE INDEX ON face USING siamese (id);
CREATE INDEX ON face USING siamese (e) WITH (fillfactor = 5);
CREATE INDEX ON face USING siamese (e) WITH (lists = 5);
SET siamese.target_recall = 1.5;
-- builds at the edges
CREATE TABLE edge (id int, e embedding);
CREATE INDEX edge_e ON edge USING siamese (e) WITH (regions = 50);
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT FROM edge ORDER BY e <-> '[1]' LIMIT 1) x;
INSERT INTO edge VALUES (1, '[5]');
SELECT id FROM edge ORDER BY e <-> '[1]' LIMIT 1;
REINDEX INDEX edge_e;
SELECT id FROM edge ORDER BY e <-> '[1]' LIMIT 1;
INSERT INTO edge SELECT i, '[5]' FROM generate_series(2, 400) i;
REINDEX INDEX edge_e;
SELECT count(DISTINCT id) FROM (SELECT id FROM edge ORDER BY e <-> '[1]') x;
SELECT count(*) FROM siamese.index_check('edge_e', true);
TRUNCATE edge;
INSERT INTO edge SELECT i, to_embedding((SELECT array_agg((i * j % 17)::real) FROM generate_series(1, 16000) j), 'l1') FROM generate_series(1, 9) i;
SELECT id, e <-> (SELECT e FROM edge WHERE id = 3) AS d FROM edge ORDER BY e <-> (SELECT e FROM edge WHERE id = 3) LIMIT 2;
REINDEX INDEX CONCURRENTLY edge_e;
SELECT id, e <-> (SELECT e FROM edge WHERE id = 3) AS d FROM edge ORDER BY e <-> (SELECT e FROM edge WHERE id = 3) LIMIT 2;
SELECT count(*) FROM siamese.index_check('edge_e', true);
-- little memory: the sort goes to disk
SET maintenance_work_mem = '1MB';
CREATE TABLE big AS SELECT i AS id, to_embedding(ARRAY[sin(i), cos(i), sin(i * 3), cos(i * 5), i % 7, i % 11, i % 13, i % 3]::real[], 'cosine') AS e FROM generate_series(1, 20000) i;
CREATE INDEX CONCURRENTLY big_e ON big USING siamese (e);
SELECT count(*) FROM siamese.index_check('big_e', true);
-- more rows than one pass keeps
SELECT count(*), count(DISTINCT id), bool_and(up) FROM (SELECT id, d >= lag(d, 1, 0) OVER () AS up FROM (SELECT id, e <-> (SELECT e FROM big WHERE id = 5) AS d FROM big ORDER BY e <-> (SELECT e FROM big WHERE id = 5)) x) y;
SELECT passes > 1 AS again FROM siamese.index_scan();
-- fewer rows by choice
SET siamese.probes = 1;
SELECT count(*) BETWEEN 1 AND 19999 AS fewer FROM (SELECT id FROM big ORDER BY e <-> (SELECT e FROM big WHERE id = 5)) x;
RESET siamese.probes;
SET siamese.target_recall = 0.5;
SELECT count(*) FROM (SELECT id FROM big ORDER BY e <-> (SELECT e FROM big WHERE id = 5) LIMIT 10) x;
RESET siamese.target_recall;
-- an exclusion constraint, a partitioned and a temporary table, an expression
CREATE TABLE part (id int, v real[]) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (100);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (100) TO (1000);
INSERT INTO part SELECT i, ARRAY[i, i * i % 100] FROM generate_series(1, 500) i;
CREATE INDEX ON part USING siamese (to_embedding(v, 'l2'));
SELECT id FROM part ORDER BY to_embedding(v, 'l2') <-> to_embedding('{100,0}', 'l2') LIMIT 3;
EXPLAIN (COSTS off) SELECT id FROM part ORDER BY to_embedding(v, 'l2') <-> to_embedding('{100,0}', 'l2') LIMIT 3;
CREATE TEMP TABLE fleeting AS SELECT * FROM face;
CREATE INDEX ON fleeting USING siamese (e);
SELECT id FROM fleeting ORDER BY e <-> to_embedding('{1,0,0,0}', 'l2') LIMIT 1;
-- cursors
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM face ORDER BY e <-> to_embedding('{1,0,0,0}', 'l2');
FETCH 2 FROM c;
MOVE 1900 FROM c;
FETCH 1 FROM c;
MOVE ALL FROM c;
COMMIT;
-- an operator class that is none
CREATE OPERATOR CLASS odd_ops FOR TYPE embedding USING siamese AS OPERATOR 2 ~= (embedding, embedding);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'odd_ops';
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'embedding_ops' AND opcmethod = (SELECT oid FROM pg_am WHERE amname = 'siamese');
DROP OPERATOR FAMILY odd_ops USING siamese;
DROP TABLE face, mixed, edge, big, part, fleeting;
