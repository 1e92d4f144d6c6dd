-- embedding: <->, the three plain distances, balls, the centroid; embeddings of different models never compare
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
RESET client_min_messages;
\pset format unaligned
\pset null NULL

CREATE FUNCTION pg_temp.failure(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text; hint text;
BEGIN
	EXECUTE query;
	RETURN 'no error';
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' / ', SQLSTATE, message, nullif(detail, ''), nullif(hint, ''));
END $$;

-- by hand
SELECT '[1,2,3]'::embedding <-> '[4,6,3]', '[1,2,3]@l1'::embedding <-> '[4,6,3]@l1', '[2,0]@cosine'::embedding <-> '[0,5]@cosine';
SELECT '[1,2,3]@l1:0123456789abcdef'::embedding <-> '[4,6,3]@l1:0123456789abcdef';
SELECT l1_distance('[1,2,3]', '[4,6,3]'), l2_distance('[1,2,3]', '[4,6,3]'), cosine_distance('[2,0]', '[0,5]'),
	cosine_distance('[1,1]', '[3,3]') < 1e-15, cosine_distance('[1,2]', '[-1,-2]'), cosine_distance('[0,0]', '[1,2]'), cosine_distance('[0,0]', '[0,0]');
SELECT '[3e38]'::embedding <-> '[-3e38]', '[3e38]@l1'::embedding <-> '[-3e38]@l1', '[1e-45]'::embedding <-> '[0]' > 0;

-- whatever the model, but of equal dimensions
SELECT l1_distance('[1,2]@l1:0123456789abcdef', '[3,4]@cosine'), l2_distance('[1,2]@l1:0123456789abcdef', '[3,4]'),
	cosine_distance('[1,0]@l1:0123456789abcdef', '[0,4]');

-- against the definitions, in SQL's own arithmetic, for every level that this machine can be asked for
CREATE TEMP TABLE pair AS
SELECT n, i, a, b FROM unnest('{1,2,3,7,8,15,16,17,31,32,33,63,64,65,100,1000}'::int[]) AS n, generate_series(1, 3) AS i,
	LATERAL (SELECT array_agg((sin(n * 7 + i * 3 + k) * 10 ^ (i - 2))::real) AS a, array_agg((cos(n + i * 5 + k * 1.7) * 10 ^ (i - 2))::real) AS b
		FROM generate_series(1, n) AS k) AS v;
CREATE TEMP TABLE expected AS
SELECT n, i, sum(abs(x - y)) AS l1, sqrt(sum((x - y) ^ 2)) AS l2, 1 - sum(x * y) / sqrt(sum(x * x)) / sqrt(sum(y * y)) AS cosine
FROM pair, unnest(a::float8[], b::float8[]) AS t (x, y) GROUP BY n, i;
CREATE TEMP VIEW wrong AS
SELECT n, i FROM pair JOIN expected USING (n, i),
	LATERAL (SELECT to_embedding(a, 'l1') AS a1, to_embedding(b, 'l1') AS b1, to_embedding(a, 'l2') AS a2, to_embedding(b, 'l2') AS b2,
		to_embedding(a, 'cosine') AS ac, to_embedding(b, 'cosine') AS bc) AS e
WHERE abs((a1 <-> b1) - l1) > 1e-6 * l1 OR abs((a2 <-> b2) - l2) > 1e-6 * l2 OR abs((ac <-> bc) - sqrt(2 * greatest(cosine, 0))) > 1e-6
	OR l1_distance(a2, bc) <> (a1 <-> b1) OR l2_distance(a1, bc) <> (a2 <-> b2) OR abs(cosine_distance(a1, b2) - (ac <-> bc) ^ 2 / 2) > 1e-12
	OR (a1 <-> b1) <> (b1 <-> a1) OR (a2 <-> b2) <> (b2 <-> a2) OR (ac <-> bc) <> (bc <-> ac)
	OR (a1 <-> a1) <> 0 OR (a2 <-> a2) <> 0 OR (ac <-> ac) <> 0;
SELECT count(*) FROM pair;
SELECT * FROM wrong;
CREATE TEMP TABLE best AS SELECT n, i, to_embedding(a, 'l2') <-> to_embedding(b, 'l2') AS d FROM pair;
SET siamese.kernel_level = 'portable';
SELECT * FROM wrong;
SELECT count(*) AS differ_from_best FROM best JOIN pair USING (n, i) WHERE d <> (to_embedding(a, 'l2') <-> to_embedding(b, 'l2'));
RESET siamese.kernel_level;

-- nearest first
SELECT e FROM (VALUES ('[5,5]'::embedding), ('[1,2]'), ('[0,0]'), (NULL)) AS t (e) ORDER BY e <-> '[1,1]';

-- what never compares
SELECT pg_temp.failure(query) FROM unnest(ARRAY[
	$$SELECT '[1]@l1:0123456789abcdef'::embedding <-> '[1]@l1:0123456789abcdee'$$,
	$$SELECT '[1]@l1:0123456789abcdef'::embedding <-> '[1]@l1'$$,
	$$SELECT '[1]'::embedding <-> '[1]@l2:0123456789abcdef'$$,
	$$SELECT '[1]@l1'::embedding <-> '[1]@cosine'$$,
	$$SELECT '[1]@l1:0123456789abcdef'::embedding <-> '[1]@l2:0123456789abcdef'$$,
	$$SELECT '[1,2]'::embedding <-> '[1]'$$,
	$$SELECT l1_distance('[1,2]', '[1]')$$, $$SELECT l2_distance('[1,2]', '[1]')$$, $$SELECT cosine_distance('[1,2]', '[1]')$$,
	$$SELECT '[1]'::embedding <@ ball('[1]@l1', 1)$$, $$SELECT ball('[1]@l1:0123456789abcdef', 1) @> '[1]@l1'::embedding$$,
	$$SELECT '[1,2]'::embedding <@ ball('[1]', 1)$$,
	$$SELECT avg(e) FROM (VALUES ('[1]'::embedding), ('[1]@l1')) AS t (e)$$,
	$$SELECT avg(e) FROM (VALUES ('[1]@l1:0123456789abcdef'::embedding), ('[1]@l1')) AS t (e)$$,
	$$SELECT avg(e) FROM (VALUES ('[1]'::embedding), ('[1,2]')) AS t (e)$$]) AS query;

-- balls: the border belongs to them
SELECT '[4,6]'::embedding <@ ball('[1,2]', 5), '[4,6]'::embedding <@ ball('[1,2]', 4.999), ball('[1,2]', 5) @> '[4,6]'::embedding,
	'[1,2]'::embedding <@ ball('[1,2]', 0), '[3e38]'::embedding <@ ball('[0]', 'Infinity'), NULL <@ ball('[1]', 1), '[1]'::embedding <@ NULL;
CREATE TEMP TABLE point AS SELECT i, to_embedding(ARRAY[i, i % 7]::real[], 'l1') AS e FROM generate_series(1, 100) AS i;
SELECT count(*) FROM point WHERE e <@ ball('[50,3]@l1', 5);
SELECT count(*) FROM point WHERE abs(i - 50) + abs(i % 7 - 3) <= 5;
SELECT count(*) FROM point AS a JOIN point AS b ON a.e <@ ball(b.e, 2);

-- centroid
SELECT avg(e) FROM (VALUES ('[1,2]@l1:0123456789abcdef'::embedding), (NULL), ('[3,6]@l1:0123456789abcdef'), ('[2,-2]@l1:0123456789abcdef')) AS t (e);
SELECT avg(e) FROM point WHERE i < 0;
SELECT avg(NULL::embedding);
SELECT avg('[-1e-45]'::embedding), avg(e) FROM (VALUES ('[3.4e38]'::embedding), ('[3.4e38]'), ('[3.4e38]')) AS t (e);
SELECT i, avg(e) OVER (ORDER BY i) FROM point WHERE i <= 4;
SELECT i % 3 AS third, avg(e) FROM point GROUP BY 1 ORDER BY 1;

-- in parallel: the same centroid, and other models found while combining
CREATE TABLE embedding_parallel AS SELECT i, to_embedding(ARRAY[i, -i, i % 10]::real[], 'cosine') AS e FROM generate_series(1, 20000) AS i;
ALTER TABLE embedding_parallel SET (parallel_workers = 2);
ANALYZE embedding_parallel;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT avg(e) FROM embedding_parallel;
SELECT avg(e) FROM embedding_parallel;
SELECT avg(CASE WHEN i > 1000000 THEN e END) FROM embedding_parallel;
SELECT pg_temp.failure($$SELECT avg(to_embedding(e::real[], CASE i WHEN 10000 THEN 'l1' ELSE 'cosine' END)) FROM embedding_parallel$$);
DROP TABLE embedding_parallel;
