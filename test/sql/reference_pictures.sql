-- References of pictures: the places that they keep where a model knows forgeries, and their comparison, against a computation in SQL.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
\set VERBOSITY default

INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
	"input": {"kind": "image", "width": 32, "height": 16, "polarity": "auto", "crop": "ink", "fit": "keep", "normalise": true},
	"layers": [{"type": "conv", "maps": 8, "kernel": 3, "stride": 2, "padding": 1}, {"type": "relu"}, {"type": "dense", "units": 8}, {"type": "l2_norm"}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "training": {"classes": 8, "samples": 4, "epochs": 1, "epoch_samples": 128, "held_out": 0.5}}');
CREATE TABLE specimen AS SELECT signer, sample, genuine, image FROM siamese.sample_signatures(16, 9, 4);
CALL siamese.train('m', 'SELECT image, signer, genuine FROM specimen', 'tiny');
CREATE TABLE person AS SELECT signer, n, reference(image, 'm', n ORDER BY sample) AS r, reference(embed(image, 'm'), n ORDER BY sample) AS plain
	FROM specimen, unnest('{1,2,6,8}'::int[]) n WHERE genuine AND sample <= 7 AND signer <= 4 GROUP BY 1, 2;
-- a model that saw no forgeries, or pictures that are no ink, keep nothing
CALL siamese.train('strangers', 'SELECT image, signer FROM specimen WHERE genuine', 'tiny');
SELECT bool_and(reference_send(a) = reference_send(b)) AS none FROM (SELECT reference(image, 'strangers') AS a, reference(embed(image, 'strangers')) AS b FROM specimen WHERE genuine GROUP BY signer) r;

-- what they keep: the last ones, whatever the number that counts
CREATE FUNCTION pictures(reference) RETURNS text[] LANGUAGE sql AS $$ SELECT string_to_array(substring($1::text, 'picture\{(.*)\}'), ',') $$;
SELECT n, bool_and(cardinality(pictures(r)) = least(n, 6)) AS last, bool_and((pictures(r))[least(n, 6)] = (pictures(one))[1]) AS newest FROM person p,
	LATERAL (SELECT reference(image, 'm') AS one FROM specimen s WHERE s.signer = p.signer AND genuine AND sample = 7) s GROUP BY n ORDER BY n;
SELECT bool_and(reference_send(r::text::reference) = reference_send(r)) AS text_and_back FROM person;
CREATE TABLE copied (LIKE person);
SELECT format('COPY %s TO %L (FORMAT binary)', 'person', current_setting('data_directory') || '/siamese_person') AS out, format('COPY %s FROM %L (FORMAT binary)', 'copied', current_setting('data_directory') || '/siamese_person') AS back \gset
:out;
:back;
SELECT count(*) FILTER (WHERE reference_send(c.r) = reference_send(p.r)) AS same, count(*) AS references FROM copied c JOIN person p USING (signer, n);
SELECT bool_and(r::bytea = plain::bytea) AS packed_without FROM person;

-- the distance, recomputed: of each place of one picture the least difference to those of the other that are at most three steps away, both ways
CREATE TABLE place AS SELECT picture, get_byte(b, 0) AS x, get_byte(b, 1) AS y, v
	FROM (SELECT unnest(pictures(r)) AS picture FROM person WHERE n = 2 AND signer <= 2 UNION SELECT (pictures(reference(image, 'm')))[1] FROM specimen WHERE signer <= 2 AND sample = 9 GROUP BY signer, genuine) p,
		LATERAL (SELECT decode(substr(picture, 1 + 52 * i, 52), 'hex') AS b FROM generate_series(0, length(picture) / 52 - 1) i) q,
		LATERAL (SELECT array_agg(get_byte(b, k) ORDER BY k) AS v FROM generate_series(2, 25) k) w;
CREATE FUNCTION one_way(a text, b text) RETURNS float8 LANGUAGE sql STABLE AS $$
	SELECT avg(least(1, least / (0.4 * 255 ^ 2))) FROM (SELECT p.x, p.y, min(square) AS least FROM place p LEFT JOIN place q ON q.picture = b AND abs(q.x - p.x) <= 3 AND abs(q.y - p.y) <= 3,
		LATERAL (SELECT sum((d - e) ^ 2)::float8 AS square FROM unnest(p.v, q.v) u (d, e)) d WHERE p.picture = a GROUP BY p.x, p.y) s $$;
CREATE FUNCTION apart(a text, b text) RETURNS float8 LANGUAGE sql STABLE AS 'SELECT (one_way(a, b) + one_way(b, a)) / 2';
CREATE TABLE elastic AS SELECT (calibration #>> '{references,elastic,usual}')::float8 AS usual, (size ->> 'references')::int AS n, (size ->> 'weight')::float8 AS weight
	FROM siamese.model, jsonb_array_elements(calibration #> '{references,elastic,sizes}') size WHERE name = 'm';
SELECT array_agg(n ORDER BY n) AS sizes, bool_and(weight BETWEEN 0 AND 1 AND usual > 0) AS plausible FROM elastic;
WITH known AS (SELECT p.*, s.image, apart((pictures(r))[1], asked) AS first, apart((pictures(r))[2], asked) AS second, apart((pictures(r))[1], (pictures(r))[2]) AS own
	FROM person p JOIN specimen s USING (signer), LATERAL (SELECT (pictures(reference(o.image, 'm')))[1] AS asked FROM specimen o
		WHERE (o.signer, o.sample, o.genuine) = (s.signer, s.sample, s.genuine)) a WHERE n = 2 AND s.signer <= 2 AND s.sample = 9)
SELECT bool_and(abs(distance(plain, embed(image, 'm')) ^ (1 - weight) * (((first + second) / 2 + least(first, second)) / 2 / sqrt((own + usual) / 2)) ^ weight / distance(r, image) - 1) < 1e-5) AS same, count(*)
	FROM known JOIN elastic USING (n);

-- one more: the newest pictures
SELECT n, bool_and((pictures(u))[cardinality(pictures(u))] = (pictures(one))[1]) AS newest, bool_and(cardinality(pictures(u)) = least(n, 6)) AS last
	FROM person p, LATERAL (SELECT reference_update(p.r, image) AS u, reference(image, 'm') AS one FROM specimen s WHERE s.signer = p.signer AND genuine AND sample = 8 GROUP BY image) s WHERE n > 2 GROUP BY n ORDER BY n;

-- people without forgeries: the model's own calibration, moved, with its weight
SELECT siamese.calibrate('m', 'SELECT image, signer FROM specimen WHERE genuine');
SELECT count(DISTINCT size ->> 'weight') AS weights FROM siamese.model, jsonb_array_elements(calibration #> '{references,elastic,sizes}') size WHERE name = 'm' AND size ->> 'references' = '1';

-- what is wrong: trajectories of a pen kept for a model of pictures, and pictures that are none
\set VERBOSITY terse
CREATE TABLE wrong AS SELECT replace(r::text, substring(r::text, 'picture\{.*\}'), '{' || repeat('00', 80) || '}')::reference AS r FROM person WHERE n = 1 AND signer = 1;
SELECT verify(r, image) FROM wrong, specimen LIMIT 1;
SELECT distance(r, image) FROM wrong, specimen LIMIT 1;
SELECT reference_update(r, image) FROM wrong, specimen LIMIT 1;
-- an embedding, of which no picture can be kept
SELECT reference_update(r, embed(image, 'm')) FROM person, specimen LIMIT 1;
\set VERBOSITY default
CREATE FUNCTION refusal(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	RETURN ($1::reference)::text;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || detail;
END $$;
SELECT what, refusal('(1/6,[1],[1],picture' || tail) FROM (VALUES ('no place', '{})'), ('one', '{0203' || repeat('7f', 24) || '})'), ('two', '{0203' || repeat('7f', 24) || '0103' || repeat('7f', 24) || '})'),
	('twice', '{0203' || repeat('7f', 24) || '0203' || repeat('7f', 24) || '})'), ('beyond', '{0240' || repeat('7f', 24) || '})'), ('broken', '{0203})'), ('no brace', '0203)'), ('not closed', '{)'),
	('two of one', '{,})')) v (what, tail);

DROP EXTENSION siamese CASCADE;
DROP TABLE specimen, copied, elastic, wrong, place;
DROP TABLE IF EXISTS person;
DROP FUNCTION apart, one_way, refusal;
