-- Which epoch's weights are kept, how many people are held out, and what is said of so few.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
	"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink", "normalise": true},
	"layers": [{"type": "conv", "maps": 8, "kernel": 3, "padding": 1}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "dense", "units": 16, "bias": false}, {"type": "batch_norm"}, {"type": "l2_norm"}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"},
	"optimizer": {"type": "adamw", "rate": 0.01, "schedule": "cosine", "warmup": 0.08},
	"training": {"classes": 8, "samples": 4, "epoch_samples": 320, "held_out": 0.3}}');
CREATE TABLE specimen AS SELECT signer, sample, genuine, image FROM siamese.sample_signatures(40, 6, 6);
CREATE VIEW epochs AS
	SELECT t.model, array_agg(t.epoch ORDER BY t.epoch) FILTER (WHERE t.kept) AS kept, max(t.epoch) AS last, (m.scores -> 'epoch')::int AS stored,
		(array_agg(t.epoch ORDER BY t.held_out_eer, t.held_out_auc DESC, t.epoch))[1] AS least,
		min(t.held_out_eer) AS least_eer, max(t.held_out_eer) FILTER (WHERE t.kept) AS kept_eer
	FROM siamese.training t JOIN siamese.model m ON (m.name, m.version) = (t.model, t.version) GROUP BY t.model, m.scores;

-- three people: they cannot tell whether an epoch is worse than an earlier one, and the last one is kept
CALL siamese.train('three', 'SELECT image, signer FROM specimen WHERE genuine AND signer <= 20', 'tiny', 6, 1, '{"training": {"held_out": 0.15}}');
\set unlearn '{"loss": {"type": "cosine_target", "genuine_target": -1, "forged_target": 1}, "optimizer": {"rate": 0.005, "schedule": "constant", "warmup": 0}'
SELECT :'unlearn' || ', "start": "three", "training": {"held_out": 0.15}}' AS options \gset
CALL siamese.train('unlearns three', 'SELECT image, signer FROM specimen WHERE genuine AND signer <= 20', 'tiny', 4, 1, :'options');
SELECT kept, stored, least < last AS earlier_was_less FROM epochs WHERE model = 'unlearns three';
SELECT scores -> 'held_out_identities' AS people, scores -> 'random' -> 'eer_low' AS low, scores -> 'random' -> 'eer_high' AS high
	FROM siamese.model WHERE name = 'three';
SELECT count(*) FROM siamese.training_progress;

-- twelve people, who show that a training unlearns: it draws different people together and apart what is of one
CALL siamese.train('good', 'SELECT image, signer FROM specimen WHERE genuine', 'tiny', 6, 1);
SELECT :'unlearn' || ', "start": "good"}' AS options \gset
CALL siamese.train('unlearns', 'SELECT image, signer FROM specimen WHERE genuine', 'tiny', 12, 2, :'options');
SELECT stored < last AS earlier, stored = kept[cardinality(kept)] AS last_kept, kept_eer < least_eer + 0.05 AS near FROM epochs WHERE model = 'unlearns';
SELECT bool_and(held_out_eer > least_eer + 0.02) AS worse FROM siamese.training JOIN epochs USING (model) WHERE model = 'unlearns' AND NOT training.kept;
SELECT (scores #>> '{random,eer_low}')::float8 < eer AND eer < (scores #>> '{random,eer_high}')::float8 AS within, abs(eer - kept_eer) < 1e-5 AS scored
	FROM siamese.model m JOIN epochs e ON e.model = m.name, LATERAL (SELECT (scores #>> '{random,eer}')::float8 AS eer) s WHERE name = 'unlearns';
-- the weights are those of that epoch: a training that ends with it, at the same rate, has the same
SELECT stored FROM epochs WHERE model = 'unlearns' \gset
CALL siamese.train('ends', 'SELECT image, signer FROM specimen WHERE genuine', 'tiny', :stored, 2, :'options');
SELECT count(DISTINCT fingerprint) AS networks FROM siamese.model WHERE name IN ('unlearns', 'ends');

-- how many of so many people are held out: the definition's share, or more of few; a share that was asked for is taken as it is
INSERT INTO siamese.network (name, definition) VALUES ('mini', '{
	"input": {"width": 8, "height": 8, "polarity": "auto"}, "layers": [{"type": "dense", "units": 4}],
	"training": {"classes": 4, "samples": 2, "epochs": 1, "epoch_samples": 8, "held_out": 0.15}}');
CREATE TABLE person AS SELECT signer, sample, image FROM siamese.sample_signatures(100, 2, 4) WHERE genuine;
SET client_min_messages = error;
SELECT format('CALL siamese.train(%L, ''SELECT image, signer FROM person WHERE signer <= %s'', ''mini'')', 'of ' || n, n)
	FROM unnest(ARRAY[4, 12, 15, 20, 24, 32, 40, 60, 100]) n \gexec
SELECT format('CALL siamese.train(%L, ''SELECT image, signer FROM person WHERE signer <= 20'', ''mini'', options => ''{"training": {"held_out": %s}}'')',
	'share ' || share, share) FROM unnest(ARRAY[0.1, 0.15, 0.5]) share \gexec
SET client_min_messages = warning;
SELECT name, scores -> 'held_out_identities' AS held_out FROM siamese.model WHERE name ~ '^(of|share)' ORDER BY created_at;

-- a threshold that rests on few is said to: by groups where there are some, and on whomever it was calibrated
CALL siamese.train('groups', 'SELECT image, signer, true, signer % 20 FROM specimen WHERE genuine', 'tiny', 2, 1);
SELECT siamese.calibrate('three', 'SELECT image, signer FROM specimen WHERE genuine AND signer BETWEEN 21 AND 26');
SELECT siamese.calibrate('three', 'SELECT image, signer FROM specimen WHERE genuine AND signer BETWEEN 21 AND 30');

-- its scores have the intervals that evaluate() gives for the same people
SELECT bool_and(abs((scores #>> '{random,eer}')::float8 - eer) < 1e-5) AS eer, bool_and(abs((scores #>> '{random,eer_low}')::float8 - eer_low) < 0.01) AS low,
	bool_and(abs((scores #>> '{random,eer_high}')::float8 - eer_high) < 0.01) AS high
	FROM siamese.model, siamese.evaluate('three', 'SELECT image, signer FROM specimen WHERE genuine AND signer BETWEEN 21 AND 30') WHERE name = 'three' AND version = 3;

DROP EXTENSION siamese CASCADE;
DROP TABLE specimen, person;
