-- References from samples themselves: the trajectories that they keep, and elastic matching fused with embeddings, against a computation in SQL.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
\set VERBOSITY default

INSERT INTO siamese.network (name, definition) VALUES ('small', '{"layers": [{"type": "conv", "maps": 4, "kernel": [1, 5], "stride": [1, 5]}, {"type": "tanh"}],
	"input": {"features": ["x", "y", "speed"], "length": 100, "kind": "pen"}, "join": "cosine", "loss": {"type": "cosine_target"}, "training": {"epoch_samples": 128, "held_out": 0.5}}');
-- the first second of synthetic signatures: short enough for plain SQL
CREATE TABLE specimen AS SELECT signer, sample, genuine, pen[1:100] AS pen FROM siamese.sample_signatures(16, 9, 4);
CALL siamese.train('m', 'SELECT pen, signer, genuine FROM specimen', 'small', 2);
CREATE TABLE person AS SELECT signer, n, reference(pen, 'm', n ORDER BY sample) AS r, reference(embed(pen, 'm'), n ORDER BY sample) AS plain
	FROM specimen, unnest('{1,2,6,8}'::int[]) n WHERE genuine AND sample <= 7 AND signer <= 4 GROUP BY 1, 2;
SELECT n, min(embeddings(r)) AS embeddings, count(*) FILTER (WHERE reference_send(r) = reference_send(plain)) AS plain FROM person GROUP BY n ORDER BY n;

-- what they keep: the last ones, whatever the number that counts
CREATE FUNCTION trajectories(reference) RETURNS text[] LANGUAGE sql AS $$ SELECT string_to_array(substring($1::text, '\{(.*)\}'), ',') $$;
SELECT n, bool_and(cardinality(trajectories(r)) = least(n, 6)) AS last,
	bool_and((trajectories(r))[least(n, 6)] = (trajectories(one))[1]) AS newest FROM person p,
	LATERAL (SELECT reference(pen, 'm') AS one FROM specimen s WHERE s.signer = p.signer AND genuine AND sample = 7) s GROUP BY n ORDER BY n;
SELECT bool_and(reference_send(r::text::reference) = reference_send(r)) AS text_and_back FROM person;
CREATE TABLE copied (LIKE person);
SELECT format('COPY %s TO %L (FORMAT binary)', 'person', current_setting('data_directory') || '/siamese_person') AS out, format('COPY %s FROM %L (FORMAT binary)', 'copied', current_setting('data_directory') || '/siamese_person') AS back \gset
:out;
:back;
SELECT count(*) FILTER (WHERE reference_send(c.r) = reference_send(p.r)) AS same, count(*) AS references FROM copied c JOIN person p USING (signer, n);
SELECT bool_and(r::bytea = plain::bytea) AS packed_without FROM person;

-- the distance, recomputed: dynamic time warping by its plain recurrence
CREATE FUNCTION value_of(points text, k int, i int) RETURNS int LANGUAGE sql IMMUTABLE AS
	$$ SELECT (get_byte(b, at) + 128) % 256 - 128 FROM (SELECT decode(points, 'hex') AS b, k * length(points) / 10 + i AS at) s $$;
CREATE FUNCTION warped(a text, b text) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	n int = length(a) / 10;
	m int = length(b) / 10;
	x int[] = ARRAY(SELECT value_of(a, k, i) FROM generate_series(0, 4) k, generate_series(0, n - 1) i ORDER BY k, i);
	y int[] = ARRAY(SELECT value_of(b, k, i) FROM generate_series(0, 4) k, generate_series(0, m - 1) i ORDER BY k, i);
	above float8[] = array_fill('Infinity'::float8, ARRAY[m + 1]);
	line float8[];
	cell float8;
BEGIN
	above[1] = 0;
	FOR i IN 1 .. n LOOP
		line = array_fill('Infinity'::float8, ARRAY[m + 1]);
		FOR j IN greatest(1, (m * (i - 1.0) / n)::int - m / 5 - 2) .. least(m, (m * (i - 1.0) / n)::int + m / 5 + 3) LOOP
			CONTINUE WHEN abs((i - 1.0) / n - (j - 1.0) / m) > 0.2;
			cell = abs(x[i] - y[j]) + abs(x[n + i] - y[m + j]) + 2 * abs(x[2 * n + i] - y[2 * m + j]) + 2 * abs(x[3 * n + i] - y[3 * m + j]) + abs(x[4 * n + i] - y[4 * m + j]);
			line[j + 1] = cell + least(above[j], above[j + 1], line[j]);
		END LOOP;
		above = line;
	END LOOP;
	RETURN above[m + 1] / 28 / n;
END $$;
CREATE TABLE elastic AS SELECT (calibration #>> '{references,elastic,usual}')::float8 AS usual, (size ->> 'references')::int AS n, (size ->> 'weight')::float8 AS weight
	FROM siamese.model, jsonb_array_elements(calibration #> '{references,elastic,sizes}') size;
SELECT array_agg(n ORDER BY n) AS sizes, bool_and(weight BETWEEN 0 AND 1 AND usual > 0) AS plausible FROM elastic;
WITH question AS (SELECT p.*, s.pen, asked FROM person p JOIN specimen s USING (signer), LATERAL (SELECT (trajectories(reference(o.pen, 'm')))[1] AS asked FROM specimen o
		WHERE (o.signer, o.sample, o.genuine) = (s.signer, s.sample, s.genuine)) a WHERE n <= 6 AND s.signer <= 2 AND s.sample = 9),
	known AS (SELECT q.*, (SELECT avg(warped(t, asked)) FROM unnest(trajectories(r)) t) AS mean, (SELECT min(warped(t, asked)) FROM unnest(trajectories(r)) t) AS least,
			n * (n - 1) / 2.0 AS pairs, coalesce((SELECT avg(warped(t, u)) FROM unnest(trajectories(r)) WITH ORDINALITY a (t, i), unnest(trajectories(r)) WITH ORDINALITY b (u, k) WHERE i <> k), 0) AS own FROM question q)
SELECT n, bool_and(abs(distance(plain, embed(pen, 'm')) ^ (1 - weight) * ((mean + least) / 2 / sqrt((pairs * own + usual) / (pairs + 1))) ^ weight / distance(r, pen) - 1) < 1e-5) AS same, count(*)
	FROM known JOIN elastic USING (n) GROUP BY n ORDER BY n;

-- a decision by it
SELECT bool_and((v).answer = CASE WHEN (v).distance <= (v).accept THEN 'genuine' ELSE 'forged' END) AS answers, bool_and((v).accept = (v).reject) AS decided,
	bool_and((v).distance = distance(r, pen)) AS distance, bool_and(((v).probability >= 0.5) = ((v).distance <= (v).accept)) AS even
	FROM (SELECT verify(r, pen) AS v, r, pen FROM person p, specimen s WHERE s.signer < 4) s;
SELECT avg(((verify(r, pen)).answer = 'genuine')::int) FILTER (WHERE s.signer = p.signer) > avg(((verify(r, pen)).answer = 'genuine')::int) FILTER (WHERE s.signer <> p.signer) AS tells_apart
	FROM person p, specimen s WHERE genuine AND sample > 7;
-- without trajectories, or of an embedding, by embeddings alone
SELECT bool_and(verify(plain, pen) = verify(plain, embed(pen, 'm'))) AS plain, bool_and(verify(r, embed(pen, 'm')) = verify(plain, embed(pen, 'm'))) AS embedding,
	bool_or(distance(r, pen) <> distance(plain, pen)) AS fused_differs FROM person p JOIN specimen s USING (signer);
SELECT verify(NULL::reference, pen) IS NULL AS nothing, verify(r, NULL::real[]) IS NULL AS nothing, distance(r, NULL::real[]) IS NULL AS nothing FROM person, specimen LIMIT 1;

-- evaluation goes by the same distances
CREATE TABLE decision AS SELECT CASE WHEN r.signer <> t.signer THEN 'random' WHEN t.genuine THEN 'genuine' ELSE 'skilled' END AS kind, (v).*
	FROM (SELECT signer, reference(pen, 'm' ORDER BY sample) AS r FROM specimen WHERE genuine AND sample <= 3 GROUP BY signer) r
		JOIN specimen t ON (t.genuine AND (t.signer <> r.signer OR sample > 3) OR NOT t.genuine AND t.signer = r.signer), LATERAL (SELECT verify(r, pen) AS v OFFSET 0) v;
SELECT impostors, genuine_pairs = (SELECT count(*) FROM decision WHERE kind = 'genuine') AS genuine, impostor_pairs = (SELECT count(*) FROM decision WHERE kind = impostors) AS impostor,
	abs(auc - (SELECT avg(CASE WHEN g.distance < i.distance THEN 1 WHEN g.distance = i.distance THEN 0.5 ELSE 0 END) FROM decision g, decision i WHERE g.kind = 'genuine' AND i.kind = impostors)) < 1e-6 AS auc,
	abs(far - (SELECT avg((answer = 'genuine')::int) FROM decision WHERE kind = impostors)) < 1e-9 AS far
	FROM siamese.evaluate('m', 'SELECT pen, signer, genuine FROM specimen ORDER BY sample', refs => 3) WHERE rule = 'reference' ORDER BY 1;

-- one more: the same as anew while the window is not full, and the newest trajectories after that
SELECT n, bool_and(embeddings(u) = least(n, embeddings(p.r) + 1) AND (trajectories(u))[cardinality(trajectories(u))] = (trajectories(one))[1]) AS newest, bool_and(cardinality(trajectories(u)) = least(n, 6)) AS last,
		bool_and((trajectories(u))[1 : 5] = (trajectories(p.r))[2 : 6]) AS older
	FROM person p, LATERAL (SELECT reference_update(p.r, pen) AS u, reference(pen, 'm') AS one FROM specimen s WHERE s.signer = p.signer AND genuine AND sample = 8 GROUP BY pen) s WHERE n > 2 GROUP BY n ORDER BY n;
SELECT trajectories(reference_update(four, pen)) = trajectories(five) AS trajectories, l2_distance(center(reference_update(four, pen)), center(five)) < 1e-5 AS center
	FROM specimen, (SELECT reference(pen, 'm' ORDER BY sample) FILTER (WHERE sample <= 4) AS four, reference(pen, 'm' ORDER BY sample) AS five FROM specimen WHERE genuine AND signer = 1 AND sample <= 5) r
	WHERE genuine AND signer = 1 AND sample = 5;
SELECT reference_update(r, embed(pen, 'm')) FROM person, specimen LIMIT 1;
SELECT bool_and(reference_send(reference_update(plain, pen)) = reference_send(reference_update(plain, embed(pen, 'm')))) AS plain FROM person JOIN specimen USING (signer) WHERE sample = 8;

-- what is wrong
\set VERBOSITY terse
SELECT reference(pen, 'm', 0) FROM specimen;
SELECT reference(pen, 'm', sample) FROM specimen;
SELECT reference(pen, 'none') FROM specimen;
SELECT reference(ARRAY[[1, 2]], 'm');
SELECT reference('\x00'::bytea, 'm');
SELECT verify(r, '\x00'::bytea) FROM person LIMIT 1;
SELECT distance(r, ARRAY[[1, 2]]) FROM person LIMIT 1;
SELECT verify('(1/6,[1,2],[0,0])'::reference, ARRAY[[1, 2]]);
SELECT reference(NULL::real[], 'm') IS NULL AS nothing, reference(pen, 'm') FILTER (WHERE false) IS NULL AS nothing FROM specimen;
\set VERBOSITY default
CREATE FUNCTION refusal(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	RETURN left(($1::reference)::text, 40);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || detail;
END $$;
SELECT what, refusal('(' || counts || ',[1],[1],' || tail) FROM (VALUES ('one', '1/6', '{' || repeat('007f', 40) || '})'), ('no brace', '1/6', repeat('00', 80) || ')'), ('not closed', '1/6', '{' || repeat('00', 80) || ')'),
	('no bracket', '1/6', '{' || repeat('00', 80) || '}'), ('none', '1/6', '{})'), ('too short', '1/6', '{' || repeat('00', 75) || '})'), ('broken', '1/6', '{' || repeat('00', 81) || '})'), ('too long', '1/6', '{' || repeat('00', 5005) || '})'),
	('beyond', '1/6', '{' || repeat('80', 80) || '})'), ('one too few', '2/6', '{' || repeat('00', 80) || '})'), ('one too many', '1/6', '{' || repeat('00', 80) || ',' || repeat('00', 80) || '})'),
	('seven', '7/8', '{' || repeat('00', 80) || repeat(',' || repeat('00', 80), 6) || '})'), ('six of seven', '7/8', '{' || repeat('00', 80) || repeat(',' || repeat('00', 80), 5) || '})')) v (what, counts, tail);

-- damaged calibrations
\set VERBOSITY terse
CREATE TABLE kept AS SELECT calibration FROM siamese.model;
UPDATE siamese.model SET calibration = jsonb_set(calibration, '{references,elastic,usual}', '0');
SELECT verify(r, pen) FROM person, specimen LIMIT 1;
UPDATE siamese.model SET calibration = jsonb_set((SELECT * FROM kept), '{references,elastic,sizes,0,weight}', '1.5');
SELECT verify(r, pen) FROM person, specimen LIMIT 1;
UPDATE siamese.model SET calibration = jsonb_set((SELECT * FROM kept), '{references,elastic,sizes}', '[]');
SELECT verify(r, pen) FROM person, specimen LIMIT 1;
UPDATE siamese.model SET calibration = jsonb_set((SELECT * FROM kept), '{references,elastic}', '7');
SELECT verify(r, pen) FROM person, specimen LIMIT 1;
-- a model from before there was elastic matching
UPDATE siamese.model SET calibration = (SELECT * FROM kept) #- '{references,elastic}';
SELECT bool_and(verify(r, pen) = verify(plain, pen)) AS plain FROM person JOIN specimen USING (signer);

DROP EXTENSION siamese CASCADE;
DROP TABLE specimen, copied, elastic, kept, decision;
DROP TABLE IF EXISTS person;
DROP FUNCTION warped, value_of, refusal;
