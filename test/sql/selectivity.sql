-- estimates for <@ and ~= beside true counts
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
SET jit = off;
CREATE FUNCTION planned(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN (plan->0->'Plan'->>'Plan Rows')::float8;
END $$;
CREATE FUNCTION counted(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE rows bigint;
BEGIN
	EXECUTE 'SELECT count(*) FROM (' || query || ') x' INTO rows;
	RETURN rows;
END $$;
-- about normal, the same on every server
CREATE FUNCTION noise(i bigint, j bigint) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	'SELECT sum((hashint8extended(i * 100000 + j * 10 + k, 7) & 65535) / 32768.0 - 1)::float8 FROM generate_series(1, 3) k';
CREATE FUNCTION point(i bigint, n int, spread float8 DEFAULT 1, around bigint DEFAULT NULL) RETURNS real[] LANGUAGE sql IMMUTABLE AS
	'SELECT array_agg((spread * noise(i, j) + CASE WHEN around IS NULL THEN 0 ELSE noise(around, j) END)::real ORDER BY j) FROM generate_series(1, n) j';

CREATE TABLE cloud AS SELECT i AS id, to_embedding(point(i, 12), 'l2') AS e FROM generate_series(1, 3000) i;
CREATE TABLE person AS SELECT i AS id, to_embedding(point(i, 16, 0.2, 100000 + i / 10), 'l1') AS e FROM generate_series(1, 3000) i;
-- sizes from 1 to 1000
CREATE TABLE crowd AS SELECT row_number() OVER () AS id, to_embedding(point(1000 * c + i, 16, 0.1 * (1 + c % 3), 200000 + c), 'cosine') AS e
	FROM generate_series(1, 300) c, generate_series(1, 1000 / c) i;
-- a third NULL, a half the same, some of a second sort
CREATE TABLE equal AS SELECT i AS id, CASE WHEN i % 3 = 0 THEN NULL WHEN i % 8 = 1 THEN to_embedding(point(i, 4), 'l2')
	WHEN i % 50 = 2 THEN '[9,9,9,9]' ELSE '[1,2,3,4]'::embedding END AS e FROM generate_series(1, 3000) i;
-- longer than what the standard statistics keep, and out of line
CREATE TABLE long AS SELECT i AS id, to_embedding(point(i, 600), 'l2') AS e FROM generate_series(1, 300) i;
ANALYZE cloud, person, crowd, equal, long;

-- balls that hold 1, 3, 10 rows and so on, around some rows and points nearby
CREATE FUNCTION factors(relation text, every int) RETURNS TABLE (rows bigint, factor float8) LANGUAGE plpgsql AS $$
DECLARE
	q embedding;
	distances float8[];
	radius float8;
BEGIN
	FOR q IN EXECUTE format('SELECT e FROM %I WHERE id %% $1 = 1 AND e IS NOT NULL', relation) USING every LOOP
		EXECUTE format('SELECT array_agg(e <-> $1 ORDER BY e <-> $1) FROM %I WHERE e IS NOT NULL', relation) USING q INTO distances;
		FOREACH rows IN ARRAY ARRAY[1, 3, 10, 30, 100, 300, 1000] LOOP
			CONTINUE WHEN rows >= array_length(distances, 1);
			radius := (distances[rows] + distances[rows + 1]) / 2;
			rows := (SELECT count(*) FROM unnest(distances) d WHERE d <= radius);
			factor := exp(abs(ln(planned(format('SELECT FROM %I WHERE e <@ ball(%L, %s)', relation, q, radius)) / rows)));
			RETURN NEXT;
		END LOOP;
	END LOOP;
END $$;
SELECT relation, count(*) > 25 AS many, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY factor)) <= 3 AS close, percentile_cont(0.9) WITHIN GROUP (ORDER BY factor) < 20 AS never_mad
	FROM unnest(ARRAY['cloud', 'person', 'crowd', 'equal', 'long']) relation, factors(relation, CASE relation WHEN 'long' THEN 20 ELSE 307 END) GROUP BY 1 ORDER BY 1;

-- duplicates are known exactly, NULLs are never in a ball
SELECT planned(query) / counted(query) BETWEEN 0.9 AND 1.1 AS close, query FROM (VALUES
	($$SELECT FROM equal WHERE e <@ ball('[1,2,3,4]', 0)$$), ($$SELECT FROM equal WHERE e <@ ball('[9,9,9,9]', 0)$$),
	($$SELECT FROM equal WHERE e <@ ball('[9,9,9,9]', 0.5)$$), ($$SELECT FROM equal WHERE e <@ ball('[0,0,0,0]', 'infinity')$$),
	($$SELECT FROM equal WHERE e <@ ball('[0,0,0,0]', 1e300)$$), ($$SELECT FROM equal WHERE ball('[1,2,3,4]', 0) @> e$$),
	($$SELECT FROM equal WHERE e <@ ball((SELECT '[1,2,3,4]'::embedding), 'infinity')$$)) v (query);
-- nothing there
SELECT planned(query), counted(query) FROM (VALUES
	($$SELECT FROM cloud WHERE e <@ ball(to_embedding(array_fill(1000::real, ARRAY[12]), 'l2'), 3000)$$),
	($$SELECT FROM cloud WHERE e <@ ball(to_embedding(array_fill(5::real, ARRAY[12]), 'l2'), 0)$$),
	($$SELECT FROM cloud WHERE e <@ NULL$$), ($$SELECT FROM cloud WHERE e <@ ball(NULL, 1)$$)) v (query);
-- a radius that is none
SELECT planned('SELECT FROM cloud WHERE e <@ ball((SELECT e FROM cloud LIMIT 1), -1)'), planned($$SELECT FROM cloud WHERE e <@ ball((SELECT e FROM cloud LIMIT 1), 'NaN')$$);

-- a centre that is not known: as for any row; a ball that is not known: a thousandth
PREPARE around(embedding) AS SELECT FROM person WHERE e <@ ball($1, 6);
PREPARE within(ball) AS SELECT FROM person WHERE e <@ $1;
SET plan_cache_mode = force_generic_plan;
SELECT planned($$EXECUTE around('[1]')$$) / avg((SELECT count(*) FROM person b WHERE b.e <@ ball(a.e, 6))) BETWEEN 0.4 AND 2.5 AS any_centre,
	planned($$EXECUTE within('<[1],6>')$$) AS any_ball FROM person a WHERE id % 100 = 0;
RESET plan_cache_mode;
-- never evaluated for an estimate
CREATE FUNCTION costly() RETURNS embedding LANGUAGE plpgsql STABLE AS $$BEGIN RAISE EXCEPTION 'evaluated'; END$$;
SELECT planned('SELECT FROM person WHERE e <@ ball(costly(), 6)') BETWEEN 5 AND 20 AS any_centre;
-- other statistics, and none
SELECT planned($$SELECT FROM cloud WHERE e <@ ball('[1,2,3,4,5,6,7,8,9,10,11,12]@l2:0123456789abcdef', 1)$$) AS other_model, planned($$SELECT FROM cloud WHERE e <@ ball('[1]', 1)$$) AS other_dimensions;
CREATE TABLE fresh (LIKE cloud);
INSERT INTO fresh SELECT * FROM cloud;
SELECT planned($$SELECT FROM fresh WHERE e <@ ball((SELECT e FROM cloud LIMIT 1), 1)$$) BETWEEN 1 AND 30 AS not_analyzed;
ALTER TABLE fresh ALTER e SET STATISTICS 0;
ANALYZE fresh;
SELECT planned($$SELECT FROM fresh WHERE e <@ ball((SELECT e FROM cloud LIMIT 1), 1)$$) AS no_statistics;
ALTER TABLE fresh ALTER e SET STATISTICS 1;
UPDATE fresh SET e = NULL WHERE id > 1;
ANALYZE fresh;
SELECT planned($$SELECT FROM fresh WHERE e <@ ball((SELECT e FROM cloud LIMIT 1), 'infinity')$$) AS one_row;
UPDATE fresh SET e = NULL;
ANALYZE fresh;
SELECT planned($$SELECT FROM fresh WHERE e <@ ball((SELECT e FROM cloud LIMIT 1), 'infinity')$$) AS no_row;
-- two models in one column: those of the other are as unknown as they were
CREATE TABLE mixed AS SELECT CASE WHEN i % 4 = 0 THEN '[1]@l1:0123456789abcdef'::embedding ELSE to_embedding(point(i, 2), 'l2') END AS e FROM generate_series(1, 1000) i;
ANALYZE mixed;
SELECT planned($$SELECT FROM mixed WHERE e <@ ball('[0,0]', 1e9)$$) AS own, planned($$SELECT FROM mixed WHERE e <@ ball('[1]@l1:0123456789abcdef', 1e9)$$) AS other;
-- statistics are not for those who may not read the table
CREATE ROLE reader;
GRANT SELECT ON equal TO reader;
ALTER TABLE equal ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON equal FOR SELECT TO reader USING (id > 0);
SELECT planned($$SELECT FROM equal WHERE e <@ ball('[1,2,3,4]', 0)$$) > 1000 AS open;
SET ROLE reader;
SELECT planned($$SELECT FROM equal WHERE e <@ ball('[1,2,3,4]', 0)$$) AS hidden;
RESET ROLE;
ALTER TABLE equal DISABLE ROW LEVEL SECURITY;
DROP POLICY own ON equal;
DROP OWNED BY reader;
DROP ROLE reader;

-- joins
SELECT planned(query) / counted(query) BETWEEN 1 / 3.0 AND 3 AS close, query FROM (VALUES
	('SELECT FROM person a JOIN person b ON a.e <@ ball(b.e, 6)'),
	('SELECT FROM person a JOIN (SELECT * FROM person WHERE id <= 300) b ON ball(b.e, 6) @> a.e'),
	('SELECT FROM cloud a JOIN cloud b ON a.e <@ ball(b.e, 2)'),
	('SELECT FROM equal a JOIN equal b ON a.e <@ ball(b.e, 0)'),
	('SELECT FROM person a WHERE EXISTS (SELECT FROM person b WHERE a.e <@ ball(b.e, 6) AND b.id <= 1000)'),
	('SELECT FROM cloud a WHERE NOT EXISTS (SELECT FROM cloud b WHERE ball(b.e, 1) @> a.e AND b.id <> a.id)')) v (query);
SELECT planned('SELECT FROM cloud a JOIN cloud b ON a.e <@ ball(b.e, NULL)') <= 1 AS null_radius;

-- the same identity: by the model's threshold
CREATE TABLE face AS SELECT id, replace(e::text, '@l1', '@l1:00000000000000aa')::embedding AS e FROM person;
INSERT INTO siamese.model (name, version, fingerprint, network, definition, metric, dimensions, calibration, scores, seed, epochs, threads)
	VALUES ('estimated', 1, '00000000000000aa', 'none', '{}', 'l1', 16, '{"format": 1, "threshold": 6, "method": "logistic", "prior": 0.5,
		"log_odds": [[0, 5], [12, -5]], "rates": [], "identities": 10, "samples": 100, "pairs": {"genuine": 450, "random": 4500, "skilled": 0}}', '{}', 0, 1, 1);
ANALYZE face;
SELECT count(*) AS queries, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY exp(abs(ln(planned(query) / counted(query)))))) <= 3 AS close
	FROM (SELECT format('SELECT FROM face WHERE e ~= %L', e) AS query FROM face WHERE id % 200 = 0) x;
SELECT planned(query) / counted(query) BETWEEN 1 / 3.0 AND 3 AS close, query FROM (VALUES
	('SELECT FROM face WHERE e ~= (SELECT e FROM face WHERE id = 7)'), ('SELECT FROM face a JOIN face b ON a.e ~= b.e'),
	('SELECT FROM face a WHERE EXISTS (SELECT FROM face b WHERE a.e ~= b.e AND b.id <> a.id)')) v (query);
DELETE FROM siamese.model WHERE name = 'estimated';
SELECT planned($$SELECT FROM face WHERE e ~= '[1]@l1:00000000000000bb'$$) AS no_model, planned($$SELECT FROM face WHERE e ~= '[1]'$$) AS unbound,
	planned('SELECT FROM face WHERE e ~= NULL') AS null;
-- equality keeps its own
SELECT planned($$SELECT FROM equal WHERE e = '[1,2,3,4]'$$) / counted($$SELECT FROM equal WHERE e = '[1,2,3,4]'$$) BETWEEN 0.9 AND 1.1 AS close;
DROP TABLE cloud, person, crowd, equal, long, fresh, mixed, face;
DROP FUNCTION planned, counted, factors, noise, point(bigint, int, float8, bigint), costly;
DEALLOCATE ALL;
DROP EXTENSION siamese;
