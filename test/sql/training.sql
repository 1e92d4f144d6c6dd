-- Training, embedding, verification and evaluation through SQL, with a network small enough to train in seconds.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
\set VERBOSITY default

INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
	"input": {"kind": "image", "width": 32, "height": 16, "polarity": "auto", "crop": "ink", "fit": "keep", "normalise": true},
	"layers": [
		{"type": "conv", "maps": 8, "kernel": 3, "padding": 1}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "conv", "maps": 16, "kernel": 3, "padding": 1}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "dense", "units": 16, "bias": false}, {"type": "batch_norm"}, {"type": "l2_norm"}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.01, "average": 0.9},
	"training": {"classes": 8, "samples": 4, "epochs": 3, "epoch_samples": 640, "held_out": 0.3, "distortion": {"rotation": 5, "shift": 0.02}}}');

CREATE TABLE specimen AS SELECT * FROM siamese.sample_signatures(16, 6, 3);

-- what is wrong with the call is said before any work
BEGIN;
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny');
ROLLBACK;
CALL siamese.train(NULL, 'SELECT image, signer FROM specimen', 'tiny');
CALL siamese.train('', 'SELECT image, signer FROM specimen', 'tiny');
CALL siamese.train('m@2', 'SELECT image, signer FROM specimen', 'tiny');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'missing');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', epochs => 0);
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"thread": 2}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"threads": 0}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"strict": 1}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"max_minutes": 0}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"max_minutes": "20"}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"start": 3}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"start": "nobody"}');
CALL siamese.resume(NULL);
CALL siamese.resume('nobody');
BEGIN;
CALL siamese.resume('nobody');
ROLLBACK;
SET maintenance_work_mem = '2MB';
\set VERBOSITY sqlstate
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny');
\set VERBOSITY default
RESET maintenance_work_mem;
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"self_forgeries": 0.5}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"self_forgeries": 3}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"loss": {"type": "best"}}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"loss": "best"}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"training": {"turns": true}}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '{"training": {"samples": 1}}');
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', options => '[]');
CALL siamese.train('m', 'SELECT image FROM specimen', 'tiny');
CALL siamese.train('m', 'SELECT pen, signer FROM specimen', 'tiny');
CALL siamese.train('m', 'SELECT image, signer, 1 FROM specimen', 'tiny');
CALL siamese.train('m', 'CREATE TABLE x ()', 'tiny');
CALL siamese.train('m', 'SELECT image, signer FROM specimen WHERE signer < 4', 'tiny');
CALL siamese.train('m', 'SELECT image, ''all the same'' FROM specimen', 'tiny');
CALL siamese.train('m', 'SELECT image, signer FROM specimen WHERE signer > 1 OR (sample = 1 AND genuine)', 'tiny');
CALL siamese.train('m', 'SELECT image, signer FROM specimen WHERE false', 'tiny');
SELECT count(*) FROM siamese.model;

-- rows that cannot be used are counted and the first is named; labels with one sample are left out on request
CREATE TABLE blemished AS
	SELECT image, signer::text AS label FROM specimen WHERE genuine
	UNION ALL SELECT NULL, '1' UNION ALL SELECT 'no image', '2' UNION ALL SELECT '\x89504e470d0a1a0a', '2'
	UNION ALL (SELECT image, 'alone' FROM specimen LIMIT 1);
CALL siamese.train('blemished', 'SELECT image, label FROM blemished ORDER BY label, length(image)', 'tiny', epochs => 1, options => '{"strict": false}');

-- a training
CALL siamese.train('m', 'SELECT image, signer, genuine FROM specimen', 'tiny', epochs => 6, seed => 5);
SELECT name, version, network, metric, dimensions, seed, epochs, created_by = current_user AS mine, finished_at IS NOT NULL AS finished,
	scores ? 'random' AS random, scores ? 'skilled' AS skilled FROM siamese.model WHERE name = 'm';
SELECT count(*), max(epoch) FILTER (WHERE kept) AS kept, min(held_out_auc) > 0.4 AND max(held_out_auc) > 0.6 AS learns,
	bool_and(images_per_second > 0) AS timed, (max(remaining) FILTER (WHERE epoch = 6)) AS remaining FROM siamese.training WHERE model = 'm';
SELECT count(DISTINCT m.fingerprint) AS models, count(DISTINCT w.fingerprint) AS weights
	FROM siamese.model m FULL JOIN siamese.model_weights w USING (fingerprint);

-- the same seed and threads: the same fingerprint, whatever the order of the rows
CALL siamese.train('m', 'SELECT image, signer, genuine FROM specimen ORDER BY md5(image)', 'tiny', epochs => 6, seed => 5);
CALL siamese.train('m', 'SELECT image, signer, genuine FROM specimen', 'tiny', epochs => 6, seed => 6);
SELECT a.fingerprint = b.fingerprint AS same_seed, a.fingerprint = c.fingerprint AS other_seed
	FROM siamese.model a, siamese.model b, siamese.model c
	WHERE (a.name, a.version, b.name, b.version, c.name, c.version) = ('m', 1, 'm', 2, 'm', 3);

-- from another model's weights: nothing is learnt at a rate of nearly 0, so that the old model is as good as the new one
CALL siamese.train('started', 'SELECT image, signer, genuine FROM specimen', epochs => 1, seed => 5,
	options => '{"start": "m@1", "optimizer": {"type": "sgd", "rate": 1e-9, "average": 0}}');
SELECT s.options ->> 'start' AS start, s.network, abs((s.scores #>> '{random,auc}')::float8 - (m.scores #>> '{random,auc}')::float8) < 0.05 AS as_good
	FROM siamese.model s, siamese.model m WHERE s.name = 'started' AND m.name = 'm' AND m.version = 1;
CALL siamese.train('started', 'SELECT image, signer, genuine FROM specimen', 'hollaender', epochs => 1, options => '{"start": "m@1"}');
DELETE FROM siamese.model WHERE name = 'started';

-- as many epochs as fit into the time
CALL siamese.train('timed', 'SELECT image, signer, genuine FROM specimen', 'tiny', seed => 5, options => '{"max_minutes": 0.03}');
SELECT options, epochs >= 1 AS planned, (SELECT count(*) FROM siamese.training t WHERE t.model = 'timed') = epochs AS done
	FROM siamese.model WHERE name = 'timed';
DELETE FROM siamese.model WHERE name = 'timed';

-- embedding
SELECT dimensions(e), metric(e), model(e) = (SELECT fingerprint FROM siamese.model WHERE name = 'm' AND version = 3) AS current
	FROM (SELECT embed(image, 'm') AS e FROM specimen LIMIT 1) s;
SELECT model(embed(image, 'm@1')) = (SELECT fingerprint FROM siamese.model WHERE name = 'm' AND version = 1) AS fixed FROM specimen LIMIT 1;
SELECT embed(NULL::bytea, 'm') IS NULL AS null_image;
SELECT embed(image) FROM specimen LIMIT 1;
SELECT embed(image, 'nothing') FROM specimen LIMIT 1;
SELECT embed(image, 'm@9') FROM specimen LIMIT 1;
SELECT embed(image, 'm@x') FROM specimen LIMIT 1;
SELECT embed(''::bytea, 'm');
SELECT embed('no image'::bytea, 'm');
SET siamese.max_pixels = 1000;
SELECT embed(convert_to(E'P5\n40 30\n255\n', 'UTF8'), 'm');
RESET siamese.max_pixels;
SET siamese.model = 'm';
SELECT embed(image) = embed(image, 'm') AS setting, embed(image, 'm') = embed(image, 'm@3') AS newest FROM specimen LIMIT 1;
RESET siamese.model;

-- a change of siamese.model is seen at once
SELECT model(embed(image, 'm')) = model(embed(image, 'm@3')) AS before FROM specimen LIMIT 1;
DELETE FROM siamese.model WHERE name = 'm' AND version = 3;
SELECT model(embed(image, 'm')) = model(embed(image, 'm@2')) AS after FROM specimen LIMIT 1;
SELECT count(DISTINCT m.fingerprint) AS models, count(DISTINCT w.fingerprint) AS weights
	FROM siamese.model m FULL JOIN siamese.model_weights w USING (fingerprint);

-- what the network sees
SELECT substr(siamese.preview(image, 'm'), 1, 8) = '\x89504e470d0a1a0a' AS png,
	get_byte(siamese.preview(image, 'm'), 19) AS width, get_byte(siamese.preview(image, 'm'), 23) AS height FROM specimen LIMIT 1;

-- verification
CREATE TABLE print AS SELECT signer, sample, genuine, embed(image, 'm') AS e FROM specimen;
SELECT (v).same, (v).probability > 0.5 AS likely, (v).distance, (v).threshold > 0 AS threshold
	FROM (SELECT verify(e, e) AS v FROM print LIMIT 1) s;
SELECT bool_and((v).same = ((v).distance <= (v).threshold)) AS decided, bool_and((v).distance = d) AS operator,
	bool_and((a ~= b) = (v).same) AS same_operator, count(DISTINCT (v).threshold) AS thresholds
	FROM (SELECT a.e AS a, b.e AS b, verify(a.e, b.e) AS v, a.e <-> b.e AS d FROM print a, print b WHERE a.signer < 3) s;
SELECT bool_and(p <= before) AS falls FROM
	(SELECT p, lag(p, 1, 1) OVER (ORDER BY d) AS before FROM
		(SELECT (verify(a.e, b.e)).probability AS p, a.e <-> b.e AS d FROM print a, print b WHERE a.signer = 1) s) t;
SELECT (verify(e, e, 0.4)).threshold <= (verify(e, e, 0.5)).threshold AS stricter FROM print LIMIT 1;
\set VERBOSITY terse
SELECT verify(e, e, 0.0000001) IS NULL FROM print LIMIT 1;
\set VERBOSITY default
SELECT verify(e, e, 0) IS NULL FROM print LIMIT 1;
SELECT verify(e, e, 'NaN') IS NULL FROM print LIMIT 1;
SELECT verify('[1,2]'::embedding, '[1,2]'::embedding);
SELECT '[1,2]'::embedding ~= '[1,2]';
SELECT verify(NULL::embedding, '[1,2]'::embedding) IS NULL AS nothing;
\set VERBOSITY terse
SELECT p.e ~= embed(s.image, 'blemished') FROM print p, specimen s LIMIT 1;
\set VERBOSITY default
SELECT ('[1,2]@l2:00000000000000ff'::embedding) ~= '[1,2]@l2:00000000000000ff';

-- evaluation: against an independent computation in SQL
CREATE TABLE pair AS
	SELECT a.e <-> b.e AS d, CASE WHEN a.signer <> b.signer THEN 'random' WHEN b.genuine THEN 'genuine' ELSE 'skilled' END AS kind
	FROM print a JOIN print b ON (b.genuine AND (a.signer, a.sample) < (b.signer, b.sample) OR NOT b.genuine AND a.signer = b.signer)
	WHERE a.genuine;
WITH evaluation AS (SELECT * FROM siamese.evaluate('m', 'SELECT image, signer, genuine FROM specimen'))
SELECT impostors, genuine_pairs = (SELECT count(*) FROM pair WHERE kind = 'genuine') AS genuine,
	impostor_pairs = (SELECT count(*) FROM pair WHERE kind = impostors) AS impostor,
	abs(far - (SELECT avg((d <= threshold)::int) FROM pair WHERE kind = impostors)) < 1e-9 AS far,
	abs(frr - (SELECT avg((d > threshold)::int) FROM pair WHERE kind = 'genuine')) < 1e-9 AS frr,
	abs(accuracy - (1 - (far + frr) / 2)) < 1e-12 AS accuracy,
	abs(auc - (SELECT avg(CASE WHEN g.d < i.d THEN 1 WHEN g.d = i.d THEN 0.5 ELSE 0 END) FROM pair g, pair i
		WHERE g.kind = 'genuine' AND i.kind = impostors)) < 1e-9 AS auc,
	abs(eer - (SELECT (i.far + i.frr) / 2 FROM (SELECT t.d,
			(SELECT avg((x.d <= t.d)::int) FROM pair x WHERE x.kind = impostors) AS far,
			(SELECT avg((x.d > t.d)::int) FROM pair x WHERE x.kind = 'genuine') AS frr
			FROM pair t WHERE t.kind IN ('genuine', impostors)) i ORDER BY abs(i.far - i.frr), i.d LIMIT 1)) < 1e-9 AS eer
	FROM evaluation;
SELECT count(*) > 50 AS points, bool_and(far >= far_before AND frr <= frr_before) AS monotone, max(far) AS all_accepted, min(frr) AS none_rejected
	FROM (SELECT far, frr, lag(far, 1, 0) OVER (ORDER BY threshold) AS far_before, lag(frr, 1, 1) OVER (ORDER BY threshold) AS frr_before
		FROM siamese.roc('m', 'SELECT image, signer, genuine FROM specimen', 'skilled')) r;
SELECT * FROM siamese.roc('m', 'SELECT image, signer FROM specimen', 'skilled');
SELECT * FROM siamese.roc('m', 'SELECT image, signer FROM specimen', 'good');
SELECT * FROM siamese.evaluate('m', 'SELECT image, 1 FROM specimen');
SELECT * FROM siamese.evaluate('m', 'SELECT image, signer FROM specimen WHERE false');

-- forgeries made of genuine samples
CALL siamese.train('made', 'SELECT image, signer FROM specimen WHERE genuine', 'tiny', 4, options => '{"self_forgeries": 1, "training": {"epoch_samples": 96}}');
SELECT definition #>> '{training,self_forgeries}' AS self_forgeries, definition #>> '{training,epoch_samples}' AS epoch_samples
	FROM siamese.model WHERE name = 'made';

-- rights
CREATE ROLE siamese_reader;
SET ROLE siamese_reader;
CALL siamese.train('m', 'SELECT 1, 2', 'tiny');
INSERT INTO siamese.network (name, definition) VALUES ('mine', '{}');
RESET ROLE;
REVOKE SELECT ON siamese.model FROM PUBLIC;
GRANT SELECT ON specimen TO siamese_reader;
SET ROLE siamese_reader;
SELECT model(embed(image, 'm')) IS NULL FROM specimen LIMIT 1;
RESET ROLE;

GRANT SELECT ON siamese.model TO siamese_reader;
ALTER TABLE siamese.model ENABLE ROW LEVEL SECURITY;
CREATE POLICY shown ON siamese.model TO siamese_reader USING (name = current_setting('test.shown', true));
SET ROLE siamese_reader;
SET test.shown = 'm';
SELECT model(embed(image, 'm')) IS NULL AS hidden FROM specimen LIMIT 1;
SET test.shown = 'another';
SELECT model(embed(image, 'm')) IS NULL FROM specimen LIMIT 1;
RESET ROLE;

DROP EXTENSION siamese CASCADE;
DROP TABLE specimen, blemished, pair;
DROP TABLE print;
DROP ROLE siamese_reader;
