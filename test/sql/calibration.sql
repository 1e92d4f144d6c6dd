-- Calibration: probability, thresholds for false-accept rates, intervals; against independent computations in SQL.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
\set VERBOSITY default
INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
	"input": {"kind": "image", "width": 32, "height": 16, "polarity": "auto", "crop": "ink", "fit": "keep", "normalise": true},
	"layers": [
		{"type": "conv", "maps": 8, "kernel": 3, "padding": 1}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "dense", "units": 16, "bias": false}, {"type": "batch_norm"}, {"type": "l2_norm"}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.01},
	"training": {"classes": 8, "samples": 4, "epochs": 2, "epoch_samples": 640, "held_out": 0.3}}');
CREATE TABLE specimen AS SELECT * FROM siamese.sample_signatures(70, 4, 3);
CALL siamese.train('m', 'SELECT image, signer, genuine FROM specimen WHERE signer <= 20', 'tiny');
SELECT siamese.calibrate('m', 'SELECT image, signer, genuine FROM specimen WHERE signer > 20');

-- a new version of the same network; the model's plain name means it, and so do embeddings made before
SELECT count(*), count(DISTINCT fingerprint) AS networks, count(DISTINCT calibration) AS calibrations,
	bool_and(finished_at IS NOT NULL) AS finished FROM siamese.model WHERE name = 'm';
CREATE TABLE print AS SELECT signer, sample, genuine, embed(image, 'm@1') AS e FROM specimen WHERE signer > 20;
CREATE VIEW calibration AS SELECT calibration AS c FROM siamese.model WHERE name = 'm' AND version = 2;
SELECT v.threshold = (c->>'threshold')::float8 AS verify_takes_the_newest FROM print, calibration, verify(e, e) v LIMIT 1;
SELECT c->'identities' AS identities, c->'samples' AS samples, c->'pairs' AS pairs, c->'prior' AS prior FROM calibration;
CREATE TABLE pair AS
	SELECT a.e <-> b.e AS d, CASE WHEN a.signer <> b.signer THEN 'random' WHEN b.genuine THEN 'genuine' ELSE 'skilled' END AS kind,
		a.signer AS a, b.signer AS b
	FROM print a JOIN print b ON (b.genuine AND (a.signer, a.sample) < (b.signer, b.sample) OR NOT b.genuine AND a.signer = b.signer)
	WHERE a.genuine;
SELECT bool_and(c->'pairs'->>kind = n::text) AS pairs FROM calibration, (SELECT kind, count(*) AS n FROM pair GROUP BY 1) p;

-- thresholds: at most the stated share of each kind is accepted, and the kind that binds is near it
CREATE VIEW rate AS SELECT (r->>'rate')::float8 AS rate, (r->>'threshold')::float8 AS threshold, (r->>'relative_error')::float8 AS relative_error,
	(r->'rate_interval'->>0)::float8 AS low, (r->'rate_interval'->>1)::float8 AS high,
	(r->'threshold_interval'->>0)::float8 AS threshold_low, (r->'threshold_interval'->>1)::float8 AS threshold_high
	FROM calibration, jsonb_array_elements(c->'rates') r;
SELECT count(*) > 3 AS several, max(rate) AS first, bool_and(worst <= rate + 1e-9) AS within, bool_and(worst > rate - 0.01) AS near,
	bool_and(low < rate AND rate < high) AS around, bool_and(threshold BETWEEN threshold_low AND threshold_high) AS threshold_around,
	bool_and(relative_error <= 0.5) AS supported
	FROM (SELECT r.*, (SELECT max(s) FROM (SELECT avg((d <= threshold)::int) AS s FROM pair WHERE kind <> 'genuine' GROUP BY kind) k) AS worst FROM rate r) x;

-- the standard error over identities, by linearization: residuals of a ratio, summed by identity
SELECT bool_and(abs(relative_error * rate / se - 1) < 0.15) AS standard_error FROM (
	SELECT r.rate, r.relative_error, (SELECT sqrt(sum(u * u)) / sum(n) FROM
		(SELECT a, sum((d <= r.threshold)::int - f.share) AS u, count(*) AS n FROM pair,
			(SELECT avg((d <= r.threshold)::int) AS share FROM pair WHERE kind = 'skilled') f WHERE kind = 'skilled' GROUP BY a) i) AS se
	FROM rate r WHERE rate >= 0.1) x;
-- random impostors: an identity moves a pair on either side
-- (of a model that was calibrated without forgeries: else they would be assumed here)
UPDATE siamese.model SET calibration = jsonb_set(calibration, '{pairs,skilled}', '0') WHERE name = 'm' AND version = 2;
SELECT siamese.calibrate('m', 'SELECT image, signer FROM specimen WHERE genuine AND signer > 20', 7);
UPDATE siamese.model SET calibration = jsonb_set(calibration, '{pairs,skilled}', '800') WHERE name = 'm' AND version = 2;
CREATE VIEW random_rate AS SELECT (r->>'rate')::float8 AS rate, (r->>'threshold')::float8 AS threshold, (r->>'relative_error')::float8 AS relative_error
	FROM siamese.model, jsonb_array_elements(calibration->'rates') r WHERE name = 'm' AND version = 3;
SELECT bool_and(abs(relative_error * rate / se - 1) < 0.2) AS standard_error FROM (
	SELECT r.rate, r.relative_error, (SELECT sqrt(sum(u * u)) / (sum(n) / 2) FROM
		(SELECT identity, sum((d <= r.threshold)::int - r.rate) AS u, count(*) AS n
			FROM (SELECT a AS identity, d FROM pair WHERE kind = 'random' UNION ALL SELECT b, d FROM pair WHERE kind = 'random') s GROUP BY identity) i) AS se
	FROM random_rate r WHERE rate >= 0.1) x;

-- log odds: fall with the distance, and agree with shares of the pairs in a wide bin
SELECT bool_and(l <= before) AS falls, bool_and(d > d_before) AS rises FROM
	(SELECT (k->>0)::float8 AS d, (k->>1)::float8 AS l, lag((k->>1)::float8, 1, 'infinity') OVER (ORDER BY n) AS before,
		lag((k->>0)::float8, 1, -1) OVER (ORDER BY n) AS d_before FROM calibration, jsonb_array_elements(c->'log_odds') WITH ORDINALITY k(k, n)) x;
WITH weighted AS (SELECT d, kind, CASE kind WHEN 'genuine' THEN 0.5 ELSE 0.25 END / count(*) OVER (PARTITION BY kind) AS w FROM pair),
	binned AS (SELECT *, ceil(5 * sum(w) OVER (ORDER BY d)) AS bin FROM weighted),
	share AS (SELECT bin, sum(w) FILTER (WHERE kind = 'genuine') / sum(w) AS observed, avg(d) AS d FROM binned WHERE bin <= 5 GROUP BY bin)
SELECT count(*) AS bins, bool_and(abs(observed - mean) < 0.1) AS agree FROM
	(SELECT s.bin, s.observed, (SELECT sum(b.w * 1 / (1 + exp(-l.log_odds))) / sum(b.w) FROM binned b, LATERAL
			(SELECT y0 + (y1 - y0) * (least(greatest(b.d, x0), x1) - x0) / (x1 - x0) AS log_odds FROM
				(SELECT (k->>0)::float8 AS x0, (k->>1)::float8 AS y0, lead((k->>0)::float8) OVER (ORDER BY n) AS x1, lead((k->>1)::float8) OVER (ORDER BY n) AS y1, n
					FROM calibration, jsonb_array_elements(c->'log_odds') WITH ORDINALITY k(k, n)) knots
				WHERE x1 IS NOT NULL AND (b.d < x1 OR n = (SELECT jsonb_array_length(c->'log_odds') - 1 FROM calibration)) ORDER BY n LIMIT 1) l
			WHERE b.bin = s.bin) AS mean FROM share s) x;

-- verify: decision and probability agree at every prior; the prior moves the log odds and nothing else
DELETE FROM siamese.model WHERE name = 'm' AND version = 3;
CREATE TABLE asked AS SELECT a.e AS a, b.e AS b, v.same, v.probability, v.distance, v.threshold
	FROM print a, print b, verify(a.e, b.e) v WHERE a.signer = 21 AND b.signer < 30;
SELECT bool_and(same = (probability >= 0.5)) AS agree, bool_and((a ~= b) = same) AS operator, count(DISTINCT same) AS decisions FROM asked;
SET siamese.prior = 0.1;
SELECT bool_and(v.same = (v.probability >= 0.5)) AS agree, bool_and(v.distance = q.distance) AS distance,
	bool_and(abs(ln(v.probability / (1 - v.probability)) - ln(q.probability / (1 - q.probability)) - ln(0.1 / 0.9)) < 1e-9) AS log_odds,
	bool_and((a ~= b) = q.same) AS operator_stays, bool_and(v.threshold < q.threshold) AS stricter FROM asked q, verify(a, b) v;
SET siamese.prior = 1e-9;
SELECT DISTINCT v.threshold, v.same FROM asked, verify(a, b) v;
SET siamese.prior = 0.999999999;
SELECT DISTINCT v.threshold, v.same FROM asked, verify(a, b) v;
SET siamese.prior = 0;
SET siamese.prior = 1;
RESET siamese.prior;

-- any supported rate works, and the threshold falls with it
SELECT bool_and(threshold <= before) AS falls, bool_and(same = (distance <= threshold)) AS decides FROM
	(SELECT v.*, lag(v.threshold, 1, 'infinity') OVER (ORDER BY f DESC) AS before
		FROM (SELECT * FROM asked LIMIT 1) q, (SELECT generate_series(0.1, 0.5, 0.013)::float8 AS f) s, verify(a, b, f) v) x;
\set VERBOSITY terse
SELECT verify(a, b, 0.000001) FROM asked LIMIT 1;
\set VERBOSITY default

-- thresholds() and reliability() on other people, against plain SQL
CREATE TABLE other AS SELECT * FROM siamese.sample_signatures(25, 4, 77);
CREATE TABLE other_print AS SELECT signer, sample, genuine, image, embed(image, 'm') AS e FROM other;
CREATE TABLE other_pair AS
	SELECT a.e <-> b.e AS d, CASE WHEN a.signer <> b.signer THEN 'random' WHEN b.genuine THEN 'genuine' ELSE 'skilled' END AS kind,
		(verify(a.e, b.e)).probability AS p
	FROM other_print a JOIN other_print b ON (b.genuine AND (a.signer, a.sample) < (b.signer, b.sample) OR NOT b.genuine AND a.signer = b.signer)
	WHERE a.genuine;
SELECT rate, impostors, threshold = (SELECT threshold FROM rate r WHERE r.rate = t.rate) AS stated,
	abs(far - (SELECT avg((d <= threshold)::int) FROM other_pair WHERE kind = impostors)) < 1e-12 AS far,
	abs(frr - (SELECT avg((d > threshold)::int) FROM other_pair WHERE kind = 'genuine')) < 1e-12 AS frr,
	far BETWEEN far_low AND far_high AND frr BETWEEN frr_low AND frr_high AS intervals
	FROM siamese.thresholds('m', 'SELECT image, signer, genuine FROM other') t WHERE rate > 0.05;
SELECT rate, threshold IS NULL AS refused, impostors IS NULL AND far IS NULL AS no_examples FROM siamese.thresholds('m') WHERE rate < 0.005;
CREATE TABLE bins AS SELECT * FROM siamese.reliability('m', 'SELECT image, signer, genuine FROM other', 7);
SELECT count(*) AS bins, abs(sum(weight) - 1) < 1e-9 AS whole, sum(pairs) = (SELECT count(*) FROM other_pair) AS pairs,
	abs(max(ece) - sum(weight * abs(predicted - observed))) < 1e-12 AS ece, bool_and(observed BETWEEN observed_low AND observed_high) AS intervals FROM bins;
WITH weighted AS (SELECT d, kind, p, CASE kind WHEN 'genuine' THEN 0.5 ELSE 0.25 END / count(*) OVER (PARTITION BY kind) AS w FROM other_pair),
	binned AS (SELECT *, least(floor(7 * (sum(w) OVER (ORDER BY d) - w) + 1e-9), 6) + 1 AS bin FROM weighted)
SELECT bool_and(abs(b.predicted - x.predicted) < 1e-6) AS predicted, bool_and(abs(b.observed - x.observed) < 1e-9) AS observed FROM bins b
	JOIN (SELECT bin, sum(w * p) / sum(w) AS predicted, sum(w) FILTER (WHERE kind = 'genuine') / sum(w) AS observed FROM binned GROUP BY bin) x USING (bin);
SELECT * FROM siamese.reliability('m', 'SELECT image, signer FROM other', 1);

-- decisions by several references: the first ones of a label in the order of the rows, as verify(reference, image) takes them
CREATE TABLE ranked AS SELECT *, row_number() OVER (PARTITION BY signer, genuine ORDER BY sample DESC) AS place FROM other_print;
CREATE TABLE decision AS
	SELECT CASE WHEN r.signer <> t.signer THEN 'random' WHEN t.genuine THEN 'genuine' ELSE 'skilled' END AS kind, (v).*
	FROM (SELECT signer, reference(image, 'm' ORDER BY sample DESC) AS r FROM ranked WHERE genuine AND place <= 2 GROUP BY signer) r
		JOIN ranked t ON (t.genuine AND (t.signer <> r.signer OR t.place > 2) OR NOT t.genuine AND t.signer = r.signer), LATERAL (SELECT verify(r, image) AS v OFFSET 0) v;
SELECT rule, impostors, genuine_pairs = (SELECT count(*) FROM decision WHERE kind = 'genuine') AS genuine,
	impostor_pairs = (SELECT count(*) FROM decision WHERE kind = impostors) AS impostor,
	abs(auc - (SELECT avg(CASE WHEN g.distance < i.distance THEN 1 WHEN g.distance = i.distance THEN 0.5 ELSE 0 END)
		FROM decision g, decision i WHERE g.kind = 'genuine' AND i.kind = impostors)) < 1e-6 AS auc,
	abs(far - (SELECT avg((answer = 'genuine')::int) FROM decision WHERE kind = impostors)) < 1e-9 AS far,
	abs(frr - (SELECT avg((answer = 'forged')::int) FROM decision WHERE kind = 'genuine')) < 1e-9 AS frr,
	eer BETWEEN eer_low AND eer_high AS interval, threshold = (SELECT min(accept) FROM decision) AS threshold
	FROM siamese.evaluate('m', 'SELECT image, signer, genuine FROM other ORDER BY sample DESC', refs => 2) WHERE rule <> 'pair' ORDER BY 1, 2;
-- thresholds, reliability and the curve by the same decisions; a page of them
SELECT rate, impostors, threshold = (SELECT min(accept) FROM ranked r, LATERAL verify((SELECT reference(image, 'm') FROM (SELECT image FROM ranked WHERE genuine AND signer = 1 LIMIT 2) x), r.image, far => rate)) AS stated,
	abs(far - (SELECT avg((distance <= threshold)::int) FROM decision WHERE kind = impostors)) < 1e-9 AS far, abs(frr - (SELECT avg((distance > threshold)::int) FROM decision WHERE kind = 'genuine')) < 1e-9 AS frr
	FROM siamese.thresholds('m', 'SELECT image, signer, genuine FROM other ORDER BY sample DESC', refs => 2) WHERE threshold IS NOT NULL ORDER BY 1 DESC, 2;
SELECT count(*) > 0 AS stated FROM siamese.thresholds('m', refs => 2) t JOIN siamese.thresholds('m', 'SELECT image, signer, genuine FROM other', refs => 2) u USING (rate, threshold);
SELECT sum(pairs) = (SELECT count(*) FROM decision) AS pairs FROM siamese.reliability('m', 'SELECT image, signer, genuine FROM other ORDER BY sample DESC', 4, refs => 2);
WITH weighted AS (SELECT distance, kind, probability, CASE kind WHEN 'genuine' THEN 0.5 ELSE 0.25 END / count(*) OVER (PARTITION BY kind) AS w FROM decision)
SELECT abs(sum(w * probability) - (SELECT sum(weight * predicted) FROM siamese.reliability('m', 'SELECT image, signer, genuine FROM other ORDER BY sample DESC', 4, refs => 2))) < 1e-9 AS predicted FROM weighted;
SELECT bool_and(abs(far - (SELECT avg((distance <= threshold)::int) FROM decision WHERE kind = 'skilled')) < 1e-9) AS curve FROM siamese.roc('m', 'SELECT image, signer, genuine FROM other ORDER BY sample DESC', 'skilled', 2);
SELECT siamese.report('m', 'SELECT image, signer, genuine FROM other', refs => 2) LIKE '%a person is known by 2 samples%verify(reference, sample, far)%' OR siamese.report('m', 'SELECT image, signer, genuine FROM other', refs => 2) LIKE '%verify(reference, sample, far)%a person is known by 2 samples%' AS page;
-- drift: each genuine sample against the others of its person, beyond what verify(..., frr) rejects
CREATE TABLE left_out AS SELECT t.signer, t.sample, share, distance(r, t.image) > (verify(r, t.image, frr => share)).reject AS beyond
	FROM unnest('{0.5,0.2,0.1}'::float8[]) share, other_print t,
		LATERAL (SELECT reference(image, 'm' ORDER BY sample) AS r FROM other_print o WHERE o.signer = t.signer AND o.genuine AND o.sample <> t.sample) r WHERE t.genuine;
SELECT share, abs(observed - (SELECT avg(beyond::int) FROM left_out l WHERE l.share = d.share)) < 1e-9 AS observed, samples = (SELECT count(DISTINCT (signer, sample)) FROM left_out) AS samples,
	identities = (SELECT count(DISTINCT signer) FROM left_out) AS identities, observed BETWEEN observed_low AND observed_high AS within, drifted = (share NOT BETWEEN observed_low AND observed_high) AS drifted
	FROM siamese.drift('m', 'SELECT image, signer, genuine FROM other ORDER BY sample') d WHERE share >= 0.1;
-- no row, and no label with two: an error, not the end of the server
SELECT * FROM siamese.drift('m', 'SELECT image, signer FROM other WHERE false');
SELECT * FROM siamese.drift('m', 'SELECT image, row_number() OVER () FROM other');
SELECT share, drifted FROM siamese.drift('m', 'SELECT image, signer FROM other WHERE genuine AND signer <= 3') WHERE share = 0.5;
-- three people behind each name: much more variable than people are
SELECT share, drifted, observed > share AS beyond FROM siamese.drift('m', 'SELECT image, signer / 3 FROM other WHERE genuine') WHERE share = 0.2;
SELECT * FROM siamese.evaluate('m', 'SELECT image, signer, genuine FROM other', refs => 4);
SELECT * FROM siamese.evaluate('m', 'SELECT image, signer, genuine FROM other', refs => -1);

-- people without forgeries: the model's own calibration, moved
SET client_min_messages = notice;
SELECT siamese.calibrate('m@2', 'SELECT image, signer FROM other WHERE genuine AND signer <= 20');
SET client_min_messages = warning;
CREATE TABLE moved AS SELECT version, calibration AS c, scores FROM siamese.model WHERE name = 'm' AND version IN (2, (SELECT max(version) FROM siamese.model WHERE name = 'm'));
SELECT (n.c #> '{pairs,skilled}') = (o.c #> '{pairs,skilled}') AS forgeries, n.c #> '{references,variance}' = o.c #> '{references,variance}' AS variances, n.c ->> 'identities' AS identities
	FROM moved n, moved o WHERE n.version > o.version;
-- by as much as twenty people count beside two, and flattened
WITH size AS (SELECT version, (s ->> 'references')::int AS refs, s, ((s #>> '{scores,threshold}'))::float8 AS threshold, (s #>> '{scores,log_odds,-1,0}')::float8 AS last, (s #>> '{scores,log_odds,-1,1}')::float8 AS odds,
		(SELECT (r ->> 1)::float8 FROM jsonb_array_elements(s -> 'rejected') r WHERE (r ->> 0)::float8 = 0.5) AS median FROM moved, jsonb_array_elements(c #> '{references,sizes}') s)
SELECT refs, abs(n.threshold / o.threshold / (n.median / o.median) ^ (20 / 22.0) - 1) < 1e-2 AS moved, abs(n.last / o.last - n.threshold / o.threshold) < 1e-4 AS all_of_it, abs(n.odds / o.odds - 20 / 21.0) < 1e-4 AS flattened
	FROM size n JOIN size o USING (refs) WHERE n.version > o.version ORDER BY 1;
SELECT count(*) FILTER (WHERE (n ->> 'threshold')::float8 > (o ->> 'threshold')::float8) AS farther, count(*) > 0 AS rates
	FROM moved a, moved b, jsonb_array_elements(a.c -> 'rates') n, jsonb_array_elements(b.c -> 'rates') o WHERE a.version > b.version AND n -> 'rate' = o -> 'rate';
DELETE FROM siamese.model WHERE name = 'm' AND version > 2;

-- errors
SELECT siamese.calibrate('m', 'SELECT image, signer FROM other WHERE signer < 5');
SELECT siamese.calibrate('nothing', 'SELECT image, signer FROM other');
SELECT eer_low, far_high FROM siamese.evaluate('m', 'SELECT image, signer FROM other WHERE genuine AND signer < 5');
-- what stands in the row is checked
CREATE FUNCTION pg_temp.try(path text[], value jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text;
BEGIN
	UPDATE siamese.model SET calibration = jsonb_set((SELECT c FROM calibration), path, value) WHERE name = 'm' AND version = 2;
	PERFORM verify(e, e) FROM print LIMIT 1;
	RAISE EXCEPTION 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN message || ': ' || detail;
END $$;
SELECT path, left(value::text, 20) AS value, pg_temp.try(path, value) FROM (VALUES
	('{format}'::text[], '2'::jsonb), ('{format}', 'null'), ('{threshold}', '"near"'), ('{threshold}', '1e400'), ('{prior}', '0'), ('{prior}', '1'),
	('{method}', '"magic"'), ('{method}', '1'), ('{log_odds}', '[]'), ('{log_odds}', '{}'), ('{log_odds}', '[[0, 1], [0, 0]]'), ('{log_odds}', '[[0, 1], [1, 2]]'),
	('{log_odds}', '[[0, 1, 2]]'), ('{log_odds}', '[0]'), ('{log_odds}', (SELECT jsonb_agg(jsonb_build_array(i, -i)) FROM generate_series(1, 65) i)),
	('{rates,0}', '{}'), ('{rates,0}', '[]'), ('{rates,0,rate}', '0.7'), ('{rates,0,rate}', '0.001'), ('{rates,0,threshold}', '-1'),
	('{rates,0,rate_interval}', '[1, 0]'), ('{rates,0,rate_interval}', '[0]'), ('{rates}', '3'), ('{identities}', '-1'), ('{identities}', '1.5'), ('{groups}', '-1'), ('{groups}', '"many"'),
	('{pairs}', '[]'), ('{pairs,random}', '"many"')) v(path, value);

CREATE ROLE siamese_reader;
SET ROLE siamese_reader;
SELECT siamese.calibrate('m', 'SELECT 1, 2');
RESET ROLE;
DROP ROLE siamese_reader;
DROP TABLE asked, bins, decision, left_out, moved, ranked, other_pair, other_print, other, pair;
DROP VIEW rate, random_rate, calibration;
DROP EXTENSION siamese CASCADE;
DROP TABLE print, specimen;
