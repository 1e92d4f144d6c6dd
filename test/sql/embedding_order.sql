-- embedding: total order, btree and hash; embeddings of different models are merely unequal
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
RESET client_min_messages;
\pset format unaligned

CREATE TABLE embedding_order (id int, e embedding);
INSERT INTO embedding_order VALUES
	(1, '[1,2]'), (2, '[1,3]'), (3, '[-1,5]'), (4, '[1]'), (5, '[1,2,0]'), (6, '[1,2]@l1'), (7, '[1,2]@cosine'),
	(8, '[1,2]@l1:0123456789abcdef'), (9, '[1,2]@l1:fedcba9876543210'), (10, '[0,0]'), (11, '[-0,0]'), (12, '[1,2]');
SELECT id, e FROM embedding_order ORDER BY e, id;
SELECT string_agg(id::text, ' ' ORDER BY e DESC, id) FROM embedding_order;

-- the operators agree with each other and with the order
SELECT count(*) AS wrong FROM embedding_order AS a, embedding_order AS b
WHERE (a.e = b.e) <> (embedding_cmp(a.e, b.e) = 0) OR (a.e <> b.e) = (a.e = b.e) OR (a.e < b.e) <> (embedding_cmp(a.e, b.e) < 0)
	OR (a.e >= b.e) = (a.e < b.e) OR (a.e > b.e) <> (b.e < a.e) OR (a.e <= b.e) = (a.e > b.e)
	OR embedding_cmp(a.e, b.e) <> -embedding_cmp(b.e, a.e) OR (a.e = b.e) <> (a.e::text = b.e::text)
	OR (a.e = b.e AND embedding_hash(a.e) <> embedding_hash(b.e))
	OR (a.e = b.e AND embedding_hash_extended(a.e, 7) <> embedding_hash_extended(b.e, 7));
SELECT count(*) AS intransitive FROM embedding_order AS a, embedding_order AS b, embedding_order AS c WHERE a.e < b.e AND b.e < c.e AND NOT a.e < c.e;

-- unequal ones hash apart; seed 0 has the low half of the plain hash
SELECT count(DISTINCT e), count(DISTINCT embedding_hash(e)), count(DISTINCT embedding_hash_extended(e, 1)) FROM embedding_order;
SELECT bool_and((embedding_hash_extended(e, 0) & 4294967295) = (embedding_hash(e)::bigint & 4294967295)) FROM embedding_order;

-- every plan of DISTINCT, GROUP BY and joins
SET enable_hashagg = off;
EXPLAIN (COSTS OFF) SELECT DISTINCT e FROM embedding_order;
SELECT count(*) FROM (SELECT DISTINCT e FROM embedding_order) AS t;
RESET enable_hashagg;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT e, count(*) FROM embedding_order GROUP BY e;
SELECT e, count(*) FROM embedding_order GROUP BY e HAVING count(*) > 1 ORDER BY count(*), e;
RESET enable_sort;
SET enable_nestloop = off;
SET enable_hashjoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM embedding_order AS a JOIN embedding_order AS b USING (e);
SELECT count(*) FROM embedding_order AS a JOIN embedding_order AS b USING (e);
RESET enable_hashjoin;
SET enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM embedding_order AS a JOIN embedding_order AS b USING (e);
SELECT count(*) FROM embedding_order AS a JOIN embedding_order AS b USING (e);
RESET enable_mergejoin;
RESET enable_nestloop;

-- indexes
CREATE INDEX embedding_order_btree ON embedding_order (e);
SET enable_seqscan = off;
SELECT id FROM embedding_order WHERE e = '[1,2]' ORDER BY id;
SELECT id FROM embedding_order WHERE e >= '[1,2]@l1:0123456789abcdef' ORDER BY e;
DROP INDEX embedding_order_btree;
CREATE INDEX embedding_order_hash ON embedding_order USING hash (e);
EXPLAIN (COSTS OFF) SELECT id FROM embedding_order WHERE e = '[1,2]';
SELECT id FROM embedding_order WHERE e = '[1,2]' ORDER BY id;
SELECT id FROM embedding_order WHERE e = '[0,-0]' ORDER BY id;
RESET enable_seqscan;

-- partitions by hash
CREATE TABLE embedding_parted (e embedding) PARTITION BY HASH (e);
CREATE TABLE embedding_parted_0 PARTITION OF embedding_parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE embedding_parted_1 PARTITION OF embedding_parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO embedding_parted SELECT e FROM embedding_order;
SELECT count(*), count(DISTINCT tableoid) FROM embedding_parted;
DROP TABLE embedding_parted, embedding_order;

-- the classes are complete, and every object has its comment
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'embedding_ops' ORDER BY opcmethod;
SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'siamese') AND deptype = 'e'
	AND pg_describe_object(classid, objid, objsubid) ~ '\m(embedding|ball|average)'
	AND pg_describe_object(classid, objid, objsubid) NOT LIKE '%[]'	-- members since PostgreSQL 17, as are types of rows
	AND NOT EXISTS (SELECT FROM pg_type t WHERE classid = 'pg_type'::regclass AND t.oid = objid AND typrelid <> 0 AND typname ~ '^embedding_')
	AND obj_description(objid, classid::regclass::name) IS NULL
ORDER BY 1;
