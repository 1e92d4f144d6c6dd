-- the planner's choice between index and sequential scan, without a setting
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
	RETURN plan;
END $$;
CREATE FUNCTION choice(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan text = plan_of(query);
BEGIN
	RETURN CASE WHEN plan ~ 'Index Only' THEN 'the index alone' WHEN plan ~ 'Seq Scan' THEN 'table' WHEN plan ~ '(Index|Bitmap)' THEN 'index' ELSE plan END;
END $$;
-- identities of ten, the same on every server
CREATE FUNCTION noise(i bigint, j bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	'SELECT ((hashint8extended(i * 1000 + j, 7) & 65535) / 32768.0 - 1)::float8';
CREATE FUNCTION person(i bigint, n int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
	'SELECT array_agg((noise(-1 - i / 10, j) + 0.2 * noise(i, j))::real ORDER BY j) FROM generate_series(1, n) j';
CREATE TABLE few AS SELECT i AS id, person(i, 32)::embedding AS e FROM generate_series(1, 100) i;
CREATE TABLE many AS SELECT i AS id, person(i, 32)::embedding AS e FROM generate_series(1, 10000) i;
-- long ones, out of line
CREATE TABLE long AS SELECT i AS id, person(i, 1024)::embedding AS e FROM generate_series(1, 300) i;
INSERT INTO long SELECT i + 1000, e FROM long, generate_series(1, 3) i;
CREATE INDEX ON few USING siamese (e);
CREATE INDEX ON many USING siamese (e);
CREATE INDEX ON long USING siamese (e);
VACUUM ANALYZE few, many, long;
SELECT relation, what, choice(format(replace(query, '$1', quote_literal(person(55, CASE relation WHEN 'long' THEN 1024 ELSE 32 END)::embedding)), relation))
	FROM unnest(ARRAY['few', 'many', 'long']) WITH ORDINALITY r (relation, place), (VALUES
	(1, 'nearest 1', 'SELECT id FROM %I ORDER BY e <-> $1 LIMIT 1'),
	(2, 'nearest 10', 'SELECT id FROM %I ORDER BY e <-> $1 LIMIT 10'),
	(3, 'nearest 10 of some', 'SELECT id FROM %I WHERE id > 50 ORDER BY e <-> $1 LIMIT 10'),
	(4, 'all by distance', 'SELECT id FROM %I ORDER BY e <-> $1'),
	(5, 'ball of an identity', 'SELECT id FROM %I WHERE e <@ ball($1, CASE %1$L WHEN ''long'' THEN 7 ELSE 1.5 END)'),
	(6, 'ball of a fifth', 'SELECT id FROM %I WHERE e <@ ball($1, CASE %1$L WHEN ''long'' THEN 25 ELSE 4.2 END)'),
	(7, 'ball of all', 'SELECT id FROM %I WHERE e <@ ball($1, 100)'),
	(8, 'ball, and nearest', 'SELECT id FROM %I WHERE e <@ ball($1, 1.5) ORDER BY e <-> $1 LIMIT 3')) q (number, what, query)
	ORDER BY place, number;
-- a centre that is not known: one plan for all
PREPARE around(embedding) AS SELECT id FROM many WHERE e <@ ball($1, 1.5);
PREPARE beyond(embedding) AS SELECT id FROM many WHERE e <@ ball($1, 100);
SET plan_cache_mode = force_generic_plan;
SELECT choice('EXECUTE around(NULL)') AS around, choice('EXECUTE beyond(NULL)') AS beyond;
RESET plan_cache_mode;
-- for each of few rows its nearest
EXPLAIN (COSTS off) SELECT f.id, near.id FROM few f, LATERAL (SELECT id FROM many ORDER BY e <-> f.e LIMIT 3) near WHERE f.id < 5;
EXPLAIN (COSTS off) SELECT count(*) FROM few f JOIN many m ON m.e <@ ball(f.e, 1.5) WHERE f.id < 5;
-- a filter that lets few rows pass: these, sorted, instead of a hundred times as many in order
CREATE INDEX many_id ON many (id);
SELECT share, plan_of(format('SELECT id FROM many WHERE id <= %s ORDER BY e <-> %L LIMIT 10', share, person(55, 32)::embedding)) ~ 'Sort' AS filtered_first FROM unnest('{10,100,1000,5000}'::int[]) share;
DROP INDEX many_id;
-- queries that need no column: never by the index alone, which cannot count rows, whatever is disabled
CREATE INDEX few_part ON few USING siamese (e) WHERE id > 50;
SET enable_seqscan = off;
SELECT choice('SELECT count(*) FROM few') <> 'the index alone' AS all_rows, choice('SELECT count(*) FROM few WHERE id > 50') <> 'the index alone' AS of_a_partial_index,
	choice('SELECT 1 FROM few') <> 'the index alone' AS constants;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT choice('SELECT count(*) FROM few') <> 'the index alone' AS all_rows, choice('SELECT count(*) FROM few WHERE id > 50') <> 'the index alone' AS of_a_partial_index,
	choice('SELECT 1 FROM few') <> 'the index alone' AS constants;
RESET enable_bitmapscan;
RESET enable_indexscan;
SELECT count(*), (SELECT count(*) FROM few WHERE id > 50) AS some, (SELECT count(*) FROM (SELECT 1 FROM few) x) AS constants,
	EXISTS (SELECT FROM few) FROM few;
RESET enable_seqscan;
DEALLOCATE ALL;
DROP TABLE few, many, long;
DROP FUNCTION plan_of, choice, person, noise;
DROP EXTENSION siamese;
