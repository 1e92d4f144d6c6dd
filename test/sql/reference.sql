-- The type reference: text, aggregate, distance against a computation in SQL, packing, verification with three answers.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
\set VERBOSITY default

-- text
SELECT '(2/6,[1,2],[0.5,0])'::reference, ' ( 1/ 1, [ 1 ]@cosine:00000000000000ff , [0] ) '::reference;
\set VERBOSITY terse
CREATE TABLE bad (text text);
INSERT INTO bad VALUES (''), ('('), ('(x/6,[1],[1])'), ('(1,[1],[1])'), ('(0/6,[1],[1])'), ('(7/6,[1],[1])'), ('(1.5/6,[1],[1])'), ('(1/1001,[1],[1])'),
	('(1/6[1],[1])'), ('(1/6,[1][1])'), ('(1/6,[1],[1]'), ('(1/6,[1],[1,2])'), ('(1/6,[1,2],[1])'), ('(1/6,[1],1)'), ('(1/6,[1],[1,])'), ('(1/6,[1],[1 2])'), ('(1/6,[1],[1]@l1)'), ('(1/6,[1],[NaN])'), ('(1/6,[1],[-1])'), ('(1/6,[1],[1.1e17])'), ('(1/6,[],[])'), ('(1/6,[1],[1])x'), ('(1/6,[NaN],[1])');
CREATE FUNCTION refusal(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	RETURN ($1::reference)::text;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || SQLERRM || ' / ' || detail;
END $$;
SELECT text, refusal(text) FROM bad;
\set VERBOSITY default

-- what is printed is read to the same bits, whatever the values; the same for embeddings and balls
SELECT '(6/6,[-0,1e-45,3.4028235e38],[1e17,1e-23,3.7433924e-23])'::reference;
SELECT setseed(0.5);
CREATE TABLE given AS SELECT i, array_agg(x)::embedding AS e FROM (SELECT i, ((random() - 0.5) * 10 ^ CASE WHEN i % 2 = 0 THEN random() * 50 - 35 ELSE random() * 3 - 2 END)::real AS x
	FROM generate_series(1, 6000) i, generate_series(1, 6)) s GROUP BY i;
CREATE TABLE made AS SELECT reference(e, 1 + i / 12 % 6) AS r FROM given GROUP BY i / 12, i % 4 / 2;
SELECT count(*) AS references, count(*) FILTER (WHERE reference_send(r::text::reference) <> reference_send(r)) AS changed,
	count(*) FILTER (WHERE reference_send(reference_update(r, e)::text::reference) <> reference_send(reference_update(r, e))) AS changed_updated FROM made, given WHERE i = 1;
SELECT count(*) AS embeddings, count(*) FILTER (WHERE embedding_send(e::text::embedding) <> embedding_send(e)) AS changed, count(*) FILTER (WHERE ball_send(ball(e, r)::text::ball) <> ball_send(ball(e, r))) AS balls_changed
	FROM given, LATERAL (SELECT random() * 10 ^ (600 * random() - 300) + 0 * i AS r) s;
SELECT count(*) FILTER (WHERE ball_send(b::text::ball) <> ball_send(b)) AS changed FROM (SELECT ball(('[' || x || ']')::embedding, r) AS b
	FROM unnest('{0,-0,1e-45,-1.1754942e-38,3.4028235e38}'::text[]) x, unnest('{0,-0,5e-324,2.2250738585072009e-308,1.7976931348623157e308,Infinity}'::float8[]) r) s;
-- what lies too far apart makes no reference
SELECT reference(e) FROM (VALUES ('[1,1e30]'::embedding), ('[1,-1e30]')) v (e);
SELECT reference_update('(1/6,[1e30],[0])', '[-1e30]'::embedding);
SELECT reference(e) FROM (VALUES ('[1e17]'::embedding), ('[-1e17]')) v (e);
SELECT distance(r, '[0]'::embedding), distance(r, '[1e17]'::embedding) FROM (VALUES ('(1000/1000,[0],[1e17])'::reference), ('(1/1,[0],[1e17])')) v (r);

-- the aggregate: mean and root of the mean square over the last ones
CREATE TABLE e (n int, e embedding);
INSERT INTO e SELECT i, ARRAY[i, i * i, 1]::real[] FROM generate_series(1, 8) i;
SELECT reference(e ORDER BY n) AS six, reference(e, 2 ORDER BY n) AS two, reference(e, 100 ORDER BY n) AS all FROM e;
SELECT embeddings(r), dimensions(r), metric(r), model(r) IS NULL AS unbound, center(r) FROM (SELECT reference(e ORDER BY n DESC) AS r FROM e) s;
SELECT reference(e) IS NULL AS nothing FROM e WHERE false;
SELECT reference(NULL::embedding) IS NULL AS nothing FROM e;
SELECT reference(e, 0) FROM e;
SELECT reference(e, n) FROM e;
SELECT reference(x) FROM (VALUES ('[1,2]'::embedding), ('[1,2,3]')) v (x);
SELECT reference(e, 3) OVER (ORDER BY n ROWS 1 PRECEDING) FROM e LIMIT 3;
-- of directions where the distance is cosine: components of length root of 2
SELECT reference(to_embedding(ARRAY[x, 0], 'cosine')) FROM (VALUES (1::real), (7)) v (x);

-- one more without the old ones: the same as anew while the window is not full
SELECT reference_update((SELECT reference(e ORDER BY n) FROM e WHERE n < 6), e)::text = (SELECT reference(e ORDER BY n) FROM e WHERE n <= 6)::text AS same FROM e WHERE n = 6;
-- whatever the distance and the number, within rounding
WITH RECURSIVE given AS (SELECT metric, i, to_embedding((SELECT array_agg((3 + sin(1.7 * i * j))::real ORDER BY j) FROM generate_series(1, 5) j), metric) AS e
		FROM generate_series(1, 20) i, unnest('{l1,l2,cosine}'::text[]) metric),
	step AS (SELECT metric, 1 AS i, reference(e, 20) AS r FROM given WHERE i = 1 GROUP BY 1
		UNION ALL SELECT metric, s.i + 1, reference_update(r, e) FROM step s JOIN given g USING (metric) WHERE g.i = s.i + 1),
	anew AS (SELECT s.metric, s.i, min(embeddings(r)) AS n, reference(e, 20 ORDER BY g.i) AS a, (array_agg(r))[1] AS r FROM step s JOIN given g ON g.metric = s.metric AND g.i <= s.i GROUP BY 1, 2)
SELECT metric, count(*), bool_and(n = i AND embeddings(a) = i) AS counts, max(l2_distance(center(a), center(r))) < 1e-5 AS means,
		max(l2_distance(substring(a::text, ',(\[[^]]*\])\)$')::embedding, substring(r::text, ',(\[[^]]*\])\)$')::embedding)) < 1e-5 AS spreads,
		max(l2_distance(center(a), center(r))) > 0 AS apart
	FROM anew GROUP BY 1 ORDER BY 1;
SELECT reference_update('(2/2,[1,0],[0,1])', '[3,0]'::embedding);
SELECT reference_update('(2/2,[1,0],[0,1])', '[3,0,1]'::embedding);

-- distance of unbound ones: people's variance is the mean of the reference's own
WITH r AS (SELECT avg(e[1]) m1, avg(e[2]) m2, avg(e[3]) m3, var_pop(e[1]) v1, var_pop(e[2]) v2, var_pop(e[3]) v3 FROM (SELECT e::real[] AS e FROM e WHERE n <= 6) s)
SELECT abs(distance(reference(e ORDER BY n), '[4,4,4]'::embedding) - (SELECT (abs(4 - m1) / sqrt((6 * v1 + 8 * (v1 + v2 + v3) / 3) / 13) + abs(4 - m2) / sqrt((6 * v2 + 8 * (v1 + v2 + v3) / 3) / 13)
	+ abs(4 - m3) / sqrt((6 * v3 + 8 * (v1 + v2 + v3) / 3) / 13)) / sqrt(7 / 6.0) / 3 FROM r)) < 1e-6 AS same FROM e WHERE n <= 6;
SELECT distance('(1/6,[1,2],[0,0])', '[1,2]'::embedding) AS zero, distance('(1/6,[1,2],[0,0])', '[1,3]'::embedding) > 1000 AS far;
SELECT distance('(1/6,[1,2],[0,0])', '[1,2,3]'::embedding);
SELECT distance('(1/6,[1,2],[0,0])', '[1,2]@l1'::embedding);
SELECT distance('(1/6,[1,2],[0,0])', '[1,2]@l2:00000000000000ff'::embedding);
SELECT verify('(1/6,[1,2],[0,0])'::reference, '[1,2]'::embedding);

-- packed: three bytes and one a dimension
SELECT octet_length(reference(e)::bytea) AS bytes FROM e;
CREATE TABLE packed AS SELECT reference(e)::bytea AS p FROM (SELECT (SELECT array_agg(sin(i * n)::real) FROM generate_series(1, 76) n)::embedding AS e FROM generate_series(1, 6) i) s;
SELECT pg_column_size(p) AS bytes FROM packed;

-- of a model: a threshold for each number of references, three answers
INSERT INTO siamese.network (name, definition) VALUES
('tiny', '{"layers": [{"type": "conv", "maps": 8, "kernel": [1, 5], "stride": [1, 2]}, {"type": "relu"}, {"type": "mean_pool", "size": [1, 7]}, {"type": "dense", "units": 12}],
	"input": {"features": ["x", "y", "velocity_x", "velocity_y", "pressure", "log_speed"], "length": 60, "kind": "pen"}, "join": "cosine", "loss": {"type": "supervised_contrastive"},
	"optimizer": {"rate": 0.003}, "training": {"classes": 16, "samples": 4, "epoch_samples": 1280, "held_out": 0.5}}');
CREATE TABLE specimen AS SELECT signer, sample, genuine, pen FROM siamese.sample_signatures(24, 9, 8);
CALL siamese.train('m', 'SELECT pen, signer, genuine FROM specimen', 'tiny', 3);
CREATE TABLE print AS SELECT signer, sample, genuine, embed(pen, 'm') AS e FROM specimen;
CREATE TABLE person AS SELECT signer, n, reference(e, n ORDER BY sample) AS r FROM print, unnest('{1,2,4,6}'::int[]) n WHERE genuine AND sample <= n GROUP BY 1, 2;
SELECT jsonb_array_length(calibration #> '{references,variance}') AS variances, jsonb_path_query_array(calibration, '$.references.sizes[*].references') AS sizes FROM siamese.model;
SELECT n, avg(distance(r, e)) FILTER (WHERE p.signer = q.signer AND genuine) < avg(distance(r, e)) FILTER (WHERE p.signer <> q.signer) AS nearer,
	avg(distance(r, e)) FILTER (WHERE p.signer = q.signer AND genuine) BETWEEN 0.5 AND 2 AS about_one
	FROM person p, print q WHERE sample > 6 GROUP BY n ORDER BY n;
-- against the variance of the calibration
WITH v AS (SELECT ordinality AS i, value::text::float8 AS v FROM siamese.model, jsonb_array_elements(calibration #> '{references,variance}') WITH ORDINALITY),
	c AS (SELECT i, avg(x) AS m, var_pop(x) AS s FROM (SELECT u.i, sqrt(12) * u.x / sqrt(sum(u.x * u.x) OVER (PARTITION BY sample)) AS x FROM print, unnest(e::real[]) WITH ORDINALITY u (x, i)
		WHERE signer = 3 AND genuine AND sample <= 6) x GROUP BY i),
	q AS (SELECT u.i, sqrt(12) * u.x / sqrt(sum(u.x * u.x) OVER ()) AS x FROM print, unnest(e::real[]) WITH ORDINALITY u (x, i) WHERE signer = 3 AND genuine AND sample = 9)
SELECT abs(avg(abs(x - m) / sqrt((6 * s + 8 * v) / 13 * 7 / 6)) - (SELECT distance(r, e) FROM person p JOIN print q USING (signer) WHERE signer = 3 AND n = 6 AND genuine AND sample = 9)) < 1e-5 AS same
	FROM v JOIN c USING (i) JOIN q USING (i);
SELECT bool_and((v).answer = CASE WHEN (v).distance <= (v).accept THEN 'genuine' WHEN (v).distance > (v).reject THEN 'forged' ELSE 'inconclusive' END) AS answers,
	bool_and((v).accept <= (v).reject) AS ordered, count(DISTINCT (v).accept) AS thresholds, bool_and((v).distance = d) AS distance,
	bool_and(((v).probability >= 0.5) = ((v).distance <= (v).accept)) AS even, count(*) FILTER (WHERE (v).answer = 'inconclusive') AS inconclusive
	FROM (SELECT verify(r, e) AS v, distance(r, e) AS d FROM person p, print q WHERE q.signer < 5) s;
SELECT bool_and((v).answer = CASE WHEN (v).distance <= (v).accept THEN 'genuine' WHEN (v).distance > (v).reject THEN 'forged' ELSE 'inconclusive' END) AS answers,
	count(*) FILTER (WHERE (v).answer = 'inconclusive') > 0 AS inconclusive, bool_and((v).accept <= (v).reject) AS ordered
	FROM (SELECT verify(r, e, 0.1, 0.1) AS v FROM person p, print q WHERE p.n = 1) s;
SELECT bool_and((verify(r, e, 0.1)).accept <= (verify(r, e, 0.3)).accept) AS stricter, bool_and((verify(r, e, NULL, 0.1)).reject >= (verify(r, e, NULL, 0.3)).reject) AS milder FROM person, print WHERE n = 1 AND print.signer = 1;
\set VERBOSITY terse
SELECT verify(r, e, 1e-9) FROM person, print LIMIT 1;
SELECT verify(r, e, NULL, 1e-9) FROM person, print LIMIT 1;
SELECT verify(r, e, NULL, 2) FROM person, print LIMIT 1;
\set VERBOSITY default
SELECT verify(NULL::reference, e) IS NULL AS nothing FROM print LIMIT 1;

-- packed and back: nearly the same distances, and it can go on
SELECT max(abs(distance(r, e) / distance(u, e) - 1)) < 0.2 AS distances, bool_and(embeddings(u) = embeddings(r) AND model(u) = model(r)) AS kept, max(octet_length(r::bytea)) AS bytes
	FROM (SELECT *, reference_unpack(r::bytea, 'm') AS u FROM person) p, print q WHERE q.signer <> p.signer;
SELECT bool_and(embeddings(reference_update(reference_unpack(r::bytea, 'm'), e)) = least(n + 1, n)) AS counts FROM person p JOIN print q USING (signer) WHERE sample = 7;
SELECT reference_unpack('', 'm');
SELECT reference_unpack('\x00112233', 'm');
SELECT reference_unpack('\xe0550000', 'm');
SELECT reference_unpack(('\xe01000' || repeat('00', 12))::bytea, 'm');

-- why: components in spreads, whose mean absolute value is the distance; parts of the writing
SELECT count(*) AS components, count(section) AS sections, abs(avg(abs(deviation)) - min(d)) < 1e-5 AS distance, bool_and(abs((observed - expected) / spread - deviation) < 1e-6) AS deviations
	FROM (SELECT x.*, distance(r, e) AS d FROM person p JOIN print q USING (signer), explain_verification(r, e) x WHERE signer = 2 AND n = 4 AND genuine AND sample = 8) s;
SELECT count(*) AS parts, array_agg(DISTINCT section) AS sections, array_agg(DISTINCT property) AS properties, bool_and(x.distance = distance(r, embed(pen, 'm'))) AS distance, min(contribution) < max(contribution) AS differ
	FROM person p JOIN specimen q USING (signer), explain_verification(r, pen, 'm') x WHERE signer = 2 AND n = 4 AND NOT genuine AND sample = 8;
-- what is level already contributes nothing: a trajectory without pressure
SELECT property, bool_and(contribution = 0) AS nothing FROM person p JOIN specimen q USING (signer), explain_verification(r, (SELECT array_agg(ARRAY[pen[i][1], pen[i][2]] ORDER BY i) FROM generate_series(1, array_length(pen, 1)) i), 'm') x
	WHERE signer = 2 AND n = 4 AND genuine AND sample = 8 GROUP BY 1 ORDER BY 1;
-- a person of one signature
SELECT count(*) AS parts, bool_and(contribution BETWEEN -x.distance AND x.distance) AS within FROM (SELECT r, pen FROM person p JOIN specimen q USING (signer) WHERE n = 1 AND NOT genuine AND sample = 8 LIMIT 1) s, explain_verification(r, pen, 'm') x;
SELECT bool_and(contribution <= 0 AND x.distance < 0.01) AS nothing_to_explain FROM (SELECT reference(embed(pen, 'm')) AS r, pen FROM specimen WHERE genuine AND signer = 1 AND sample = 1 GROUP BY pen) s, explain_verification(r, pen, 'm') x;
SELECT count(*) AS nothing FROM explain_verification(NULL, '[1]'::embedding);
SELECT count(*) FROM explain_verification('(1/6,[1],[1])', '[1,2]'::embedding);
SELECT count(*) AS unbound, sum(deviation) AS deviation FROM explain_verification('(2/6,[1,2],[1,1])', '[1,2]'::embedding);
\set VERBOSITY terse
SELECT count(*) FROM specimen, explain_verification('(1/6,[1],[1])', pen, 'm');
\set VERBOSITY default
-- a network that keeps places apart
INSERT INTO siamese.network (name, definition) VALUES ('places', '{"layers": [{"type": "conv", "maps": 2, "kernel": [1, 5], "stride": [1, 5]}, {"type": "tanh"}],
	"input": {"features": ["x", "y"], "length": 60, "kind": "pen"}, "join": "cosine", "loss": {"type": "cosine_target"}, "training": {"epoch_samples": 64}}');
CALL siamese.train('places', 'SELECT pen, signer FROM specimen', 'places', 1);
SELECT array_agg(DISTINCT section) AS sections, count(*) FROM (SELECT reference(embed(pen, 'places')) AS r FROM specimen WHERE signer = 1 AND genuine) p, LATERAL (SELECT embed(pen, 'places') AS e FROM specimen LIMIT 1) q, explain_verification(r, e);

-- the same under row security, where the model's row is read again for each call
CREATE TABLE explained AS SELECT signer, x.* FROM person JOIN print q USING (signer), explain_verification(r, e) x WHERE n = 4 AND sample = 8 AND genuine;
CREATE ROLE siamese_regress_secured;
GRANT SELECT ON person, print, specimen, explained TO siamese_regress_secured;
ALTER TABLE siamese.model ENABLE ROW LEVEL SECURITY;
-- a policy that overwrites memory which was given back
CREATE POLICY all_of_them ON siamese.model FOR SELECT TO siamese_regress_secured USING
	((SELECT sum(length(x)) FROM generate_series(12000, 24000, 50) n, LATERAL (SELECT repeat(name, n) OFFSET 0) r (x)) > 0);
\c -
SET client_min_messages = warning;
SET ROLE siamese_regress_secured;
SELECT count(*) AS components, count(*) = (SELECT count(*) FROM explained) AS as_many FROM (
	SELECT signer, x.* FROM person JOIN print q USING (signer), explain_verification(r, e) x WHERE n = 4 AND sample = 8 AND genuine INTERSECT SELECT * FROM explained) s;
SELECT count(*) AS parts, bool_and(x.distance = distance(r, embed(pen, 'm'))) AS distance
	FROM person p JOIN specimen q USING (signer), explain_verification(r, pen, 'm') x WHERE signer = 2 AND n = 4 AND NOT genuine AND sample = 8;
RESET ROLE;
DROP POLICY all_of_them ON siamese.model;
ALTER TABLE siamese.model DISABLE ROW LEVEL SECURITY;
REVOKE ALL ON person, print, specimen, explained FROM siamese_regress_secured;
DROP ROLE siamese_regress_secured;
DROP TABLE explained;

-- a model without the row, or without the calibration
UPDATE siamese.model SET calibration = calibration - 'references' WHERE name = 'm';
SELECT distance(r, e) >= 0 AS distance FROM person, print LIMIT 1;
\set VERBOSITY terse
SELECT (verify(r, e)).answer FROM person, print LIMIT 1;
\set VERBOSITY default
UPDATE siamese.model SET calibration = calibration || '{"references": {"variance": [1], "sizes": []}}' WHERE name = 'm';
SELECT (verify(r, e)).answer FROM person, print LIMIT 1;

DROP EXTENSION siamese CASCADE;
DROP TABLE specimen, bad, packed;
DROP TABLE IF EXISTS e, print, person, given, made;
DROP FUNCTION refusal;
