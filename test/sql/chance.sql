-- A model that tells nobody apart: it is said, and nothing is ever "the same".
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
-- one that has collapsed: units that are 0 for every image, which no gradient changes
INSERT INTO siamese.network (name, definition) VALUES ('collapsed', '{
	"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink"},
	"layers": [{"type": "dense", "units": 8, "initial": {"deviation": 0, "bias_mean": -1}}, {"type": "relu"}],
	"join": "l2", "loss": {"type": "contrastive"}, "training": {"classes": 4, "samples": 3, "epoch_samples": 48, "held_out": 0.3}}');
INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
	"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink", "normalise": true},
	"layers": [{"type": "conv", "maps": 8, "kernel": 3, "padding": 1}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "dense", "units": 16, "bias": false}, {"type": "batch_norm"}, {"type": "l2_norm"}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.01},
	"training": {"classes": 8, "samples": 4, "epoch_samples": 320, "held_out": 0.5}}');
CREATE TABLE specimen AS SELECT signer, sample, genuine, image, md5(image) AS digest FROM siamese.sample_signatures(40, 6, 3);

CALL siamese.train('zero', 'SELECT image, signer, genuine FROM specimen', 'collapsed', 1, 1);
-- labels that say nothing of the images
CREATE VIEW mixed AS SELECT image, row_number() OVER (ORDER BY digest) % 40 AS label FROM specimen WHERE genuine;
CALL siamese.train('mixed', 'TABLE mixed', 'tiny', 1, 2);
-- too few people for an interval: the area itself counts
CALL siamese.train('few', 'SELECT image, signer, genuine FROM specimen WHERE signer <= 6', 'collapsed', 1, 1);
-- and one that learns is not warned of
CALL siamese.train('good', 'SELECT image, signer FROM specimen WHERE genuine', 'tiny', 3, 1);
SELECT name, calibration -> 'threshold' AS threshold, calibration -> 'log_odds' AS log_odds, calibration -> 'rates' AS rates FROM siamese.model WHERE name <> 'good' ORDER BY name;

CREATE TABLE print AS SELECT signer, genuine, embed(image, 'zero') AS z, embed(image, 'mixed') AS m, embed(image, 'good') AS g
	FROM specimen WHERE signer <= 8;
SELECT count(DISTINCT z) AS zero, count(DISTINCT m) > 10 AS mixed FROM print;
CREATE VIEW asked AS
	SELECT 'zero' AS model, a.z ~= b.z AS operator, v.* FROM print a, print b, verify(a.z, b.z) v
	UNION ALL SELECT 'mixed', a.m ~= b.m, v.* FROM print a, print b, verify(a.m, b.m) v
	UNION ALL SELECT 'good', a.g ~= b.g, v.* FROM print a, print b, verify(a.g, b.g) v;
SELECT model, bool_or(same) AS same, bool_or(operator) AS operator, min(probability) AS least, max(probability) AS most, max(threshold) AS threshold
	FROM asked WHERE model <> 'good' GROUP BY 1 ORDER BY 1;
SELECT bool_or(same) AS same, bool_or(operator) AS operator, min(probability) < max(probability) AS differs FROM asked WHERE model = 'good';
SET siamese.prior = 0.9;
SELECT model, bool_or(same) AS same, min(probability) AS least, max(probability) AS most, max(threshold) AS threshold
	FROM asked WHERE model <> 'good' GROUP BY 1 ORDER BY 1;
RESET siamese.prior;
SELECT f AS far, bool_or(v.same OR w.same) AS same, max(v.threshold) AS threshold FROM print a, print b, (VALUES (0.5), (0.1), (1e-6)) f (f), verify(a.z, b.z, f) v, verify(a.m, b.m, f) w GROUP BY 1;
SELECT verify(z, z, 0) FROM print LIMIT 1;
-- through the index
CREATE INDEX ON print USING siamese (z);
CREATE INDEX ON print USING siamese (m);
SET enable_seqscan = off;
SELECT count(*) FROM print WHERE z ~= (SELECT z FROM print LIMIT 1);
SELECT count(*) FROM print WHERE m ~= (SELECT m FROM print LIMIT 1);
SELECT count(*) FROM print a JOIN print b ON a.m ~= b.m;
RESET enable_seqscan;
-- a person, too, is neither that one nor another
SELECT DISTINCT v.answer, v.probability FROM (SELECT reference(m) AS r FROM print WHERE genuine AND signer = 1) p, print, verify(r, m) v;
SELECT DISTINCT v.answer, v.probability FROM (SELECT reference(m) AS r FROM print WHERE genuine AND signer = 1) p, print, verify(r, m, 0.1, 0.1) v;

-- what is measured is what is decided
SELECT impostors, auc, far, frr, accuracy FROM siamese.evaluate('zero', 'SELECT image, signer, genuine FROM specimen');
SELECT count(threshold) AS supported FROM siamese.thresholds('zero');
SELECT count(*), min(predicted), max(predicted) FROM siamese.reliability('zero', 'SELECT image, signer, genuine FROM specimen');
SELECT regexp_replace(siamese.report('mixed', 'TABLE mixed'), 'base64,[^"]*', '', 'g') ~ '\mnan\M|\minf\M|infinity' AS not_a_number;
-- calibrated on others it is warned of, or helped
SELECT siamese.calibrate('zero', 'SELECT image, signer FROM specimen WHERE genuine');
SELECT siamese.calibrate('mixed', 'SELECT image, signer FROM specimen WHERE genuine AND signer > 8');
SELECT bool_or(same) AS same FROM asked WHERE model = 'mixed';
-- one that somebody has written or brought along
UPDATE siamese.model SET calibration = jsonb_set(calibration, '{log_odds}', '[[0, 2], [1, 2]]') WHERE name = 'good';
SELECT bool_or(same) AS same, bool_or(operator) AS operator FROM asked WHERE model = 'good';

DROP EXTENSION siamese CASCADE;
DROP VIEW mixed;
DROP TABLE specimen, print;
