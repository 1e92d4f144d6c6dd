-- Networks with a layer "pair": trained, calibrated, evaluated, exported as others are, and asked by verify(a, b, model).
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
SET siamese.training_threads = 1;
INSERT INTO siamese.network (name, definition) VALUES
	('half_way', '{"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink", "normalise": true},
		"layers": [{"type": "conv", "maps": 8, "kernel": 3, "padding": 1}, {"type": "relu"}, {"type": "max_pool"}, {"type": "pair"},
			{"type": "conv", "maps": 16, "kernel": 3, "padding": 1}, {"type": "relu"}, {"type": "max_pool"},
			{"type": "dense", "units": 32}, {"type": "prelu"}, {"type": "dense", "units": 2}],
		"optimizer": {"type": "adamw", "rate": 0.003}, "loss": {"forged_share": 0.5},
		"training": {"classes": 8, "samples": 4, "epoch_samples": 640, "held_out": 0.4, "negatives": 2}}'),
	('joint', '{"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink", "normalise": true},
		"layers": [{"type": "pair"}, {"type": "conv", "maps": 16, "kernel": 5}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool"},
			{"type": "conv", "maps": 16, "kernel": 3}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool"},
			{"type": "dense", "units": 24}, {"type": "relu"}, {"type": "dropout", "rate": 0.2}, {"type": "dense", "units": 1}],
		"optimizer": {"type": "adamw", "rate": 0.005}, "loss": {"forged_share": 0.3},
		"training": {"classes": 8, "samples": 4, "epoch_samples": 640, "held_out": 0.4, "positives": 40, "self_forgeries": 1}}'),
	('strokes', '{"input": {"kind": "pen", "length": 60, "features": ["x", "y", "speed"]},
		"layers": [{"type": "pair"}, {"type": "conv", "maps": 16, "kernel": [1, 5]}, {"type": "relu"}, {"type": "max_pool", "size": [1, 2]},
			{"type": "conv", "maps": 16, "kernel": [1, 5]}, {"type": "relu"}, {"type": "global_mean"}, {"type": "dense", "units": 2}],
		"optimizer": {"type": "adamw", "rate": 0.005},
		"training": {"classes": 8, "samples": 4, "epoch_samples": 640, "held_out": 0.4}}'),
	('moving', '{"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink", "normalise": true, "flow": true},
		"layers": [{"type": "conv", "maps": 8, "kernel": 3, "padding": 1}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool"}, {"type": "pair"},
			{"type": "conv", "maps": 16, "kernel": 3, "padding": 1}, {"type": "relu"}, {"type": "max_pool"},
			{"type": "dense", "units": 32}, {"type": "prelu"}, {"type": "dense", "units": 2}],
		"optimizer": {"type": "adamw", "rate": 0.003}, "loss": {"forged_share": 0.3},
		"training": {"classes": 8, "samples": 4, "epoch_samples": 640, "held_out": 0.4}}'),
	('plain', '{"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink"}, "layers": [{"type": "dense", "units": 8}],
		"training": {"classes": 8, "samples": 4, "epoch_samples": 64, "held_out": 0.4}}');
CREATE TABLE specimen AS SELECT * FROM siamese.sample_signatures(24, 6, 1);
CALL siamese.train('half_way', 'SELECT image, signer, genuine FROM specimen', 'half_way', 6, 1);
CALL siamese.train('joint', 'SELECT image, signer, genuine FROM specimen', 'joint', 6, 1);
CALL siamese.train('strokes', 'SELECT pen, signer FROM specimen WHERE genuine', 'strokes', 3, 1);
CALL siamese.train('moving', 'SELECT image, signer, genuine FROM specimen', 'moving', 4, 1);
CALL siamese.train('plain', 'SELECT image, signer FROM specimen WHERE genuine', 'plain', 1, 1);
SELECT name, metric, dimensions, calibration ? 'references' AS has_references, (scores #>> '{random,auc}')::float8 > 0.75 AS learned
	FROM siamese.model ORDER BY name;

-- verify(): symmetric to the last bit, as calibrated; the truth is told apart
CREATE TABLE asked AS SELECT m.name AS model, a.signer = b.signer AS truth, v.*, v = w AS alike
	FROM (VALUES ('half_way'), ('joint'), ('moving')) m (name), specimen a, specimen b, verify(a.image, b.image, m.name) v, verify(b.image, a.image, m.name) w
	WHERE a.signer <= 5 AND b.signer <= 5 AND a.genuine AND b.genuine AND (a.signer, a.sample) < (b.signer, b.sample) AND a.sample <= 3 AND b.sample <= 3;
SELECT model, bool_and(alike) AS either_order, min(distance) < 0 AS negative, bool_and(same = (probability >= 0.5)) AS decided,
	bool_and(same = (distance <= threshold)) AS by_threshold,
	avg(probability) FILTER (WHERE truth) > avg(probability) FILTER (WHERE NOT truth) + 0.25 AS told_apart
	FROM asked GROUP BY 1 ORDER BY 1;
SELECT bool_and((v).threshold < (w).threshold) AS stricter FROM (SELECT verify(a.image, b.image, 'half_way', 0.1) AS v, verify(a.image, b.image, 'half_way', 0.5) AS w
	FROM specimen a, specimen b WHERE a.signer = 1 AND b.signer = 2) q;
SELECT count(*), count(*) FILTER (WHERE v = w) AS symmetric FROM specimen a, specimen b, verify(a.pen, b.pen, 'strokes') v, verify(b.pen, a.pen, 'strokes') w
	WHERE a.signer = 1 AND b.signer = 2 AND a.sample = 1;
-- a sample and itself; the setting; NULL
SET siamese.model = 'half_way';
SELECT verify(image, image) = verify(image, image, 'half_way@1') AS by_setting FROM specimen LIMIT 1;
SELECT verify(image, NULL), verify(NULL::bytea, image) FROM specimen LIMIT 1;
RESET siamese.model;

-- models of embeddings give the row of their embeddings
SELECT count(*), count(*) FILTER (WHERE v = w) AS same FROM specimen a, specimen b, verify(a.image, b.image, 'plain', 0.5) v, verify(embed(a.image, 'plain'), embed(b.image, 'plain'), 0.5) w
	WHERE a.signer = 1 AND b.signer = 2 AND a.sample = 1;

-- all that models have
SELECT impostors, rule, auc > 0.6 AS better_than_chance, genuine_pairs, impostor_pairs FROM siamese.evaluate('half_way', 'SELECT image, signer, genuine FROM specimen');
-- but references are of embeddings
SELECT impostors FROM siamese.evaluate('half_way', 'SELECT image, signer, genuine FROM specimen', 1);
SELECT rate FROM siamese.thresholds('half_way', refs => 2);
SELECT count(*) > 10 AS curve, min(far), max(far) FROM siamese.roc('half_way', 'SELECT image, signer, genuine FROM specimen', 'skilled');
SELECT count(*) FROM siamese.reliability('half_way', 'SELECT image, signer, genuine FROM specimen', 5);
SELECT count(*) FROM siamese.thresholds('half_way', 'SELECT image, signer, genuine FROM specimen');
SELECT length(r) > 10000 AS long, regexp_replace(r, 'base64,[^"]*', '', 'g') ~ '\mnan\M|\minf\M|infinity' AS not_a_number FROM siamese.report('half_way', 'SELECT image, signer, genuine FROM specimen') r;
SELECT length(siamese.preview(image, 'joint')) > 100 AS preview FROM specimen LIMIT 1;
SELECT siamese.calibrate('joint', 'SELECT image, signer, genuine FROM specimen');
SELECT siamese.import_model('copy', siamese.export_model('joint@1'));
SELECT count(DISTINCT fingerprint), count(*), count(metric) AS metrics FROM siamese.model WHERE name IN ('joint', 'copy');
SELECT bool_and(verify(a.image, b.image, 'copy') = verify(a.image, b.image, 'joint@1')) FROM specimen a, specimen b WHERE a.signer = 1 AND b.signer = 2 AND a.sample = 1;
CALL siamese.train('onward', 'SELECT image, signer, genuine FROM specimen', 'half_way', 1, 1, '{"start": "half_way", "optimizer": {"rate": 0.0001}}');
SELECT (scores #>> '{random,auc}')::float8 > 0.75 AS learned FROM siamese.model WHERE name = 'onward';
-- the same weights again, whatever the order of the rows
CALL siamese.train('again', 'SELECT image, signer, genuine FROM specimen ORDER BY md5(image)', 'half_way', 6, 1);
SELECT count(DISTINCT fingerprint) FROM siamese.model WHERE name IN ('half_way', 'again');

-- frames: positive pairs are near in time; the column goes by its name
CREATE VIEW seen AS SELECT image, signer, sample::smallint AS frame, genuine FROM specimen;
CALL siamese.train('framed', 'TABLE seen', 'half_way', 1, 1, '{"training": {"frame_distance": 2}}');
CALL siamese.train('framed_plain', 'TABLE seen', 'plain', 1, 1, '{"training": {"frame_distance": 2}}');
CALL siamese.train('framed', 'SELECT image, signer, genuine, signer AS "group", sample AS frame FROM specimen', 'half_way', 1, 1, '{"training": {"frame_distance": 2}}');
SELECT model, genuine_pairs, impostor_pairs, (SELECT count(*) FROM seen a JOIN seen b USING (signer) WHERE a.genuine AND b.genuine AND b.frame - a.frame BETWEEN 1 AND 2) AS near
	FROM (VALUES ('framed'), ('framed_plain'), ('half_way')) m (model), siamese.evaluate(model, 'TABLE seen') WHERE impostors = 'skilled';
SELECT genuine_pairs FROM siamese.evaluate('framed', 'SELECT image, signer, genuine FROM seen') WHERE impostors = 'skilled';
CALL siamese.train('bad', 'SELECT image, signer, sample::text AS frame FROM specimen', 'half_way', 1, 1);
CALL siamese.train('bad', 'SELECT image, signer, nullif(sample, 2) AS frame FROM specimen', 'half_way', 1, 1);
CALL siamese.train('bad', 'SELECT image, signer, sample * 1000000000::bigint AS frame FROM specimen', 'half_way', 1, 1);
CALL siamese.train('bad', 'SELECT image, signer, genuine, signer, sample, sample AS frame FROM specimen', 'half_way', 1, 1);
CALL siamese.train('bad', 'SELECT image, signer FROM specimen', 'half_way', 1, 1, '{"training": {"frame_distance": 0}}');

-- what needs an embedding says why there is none
SELECT embed(image, 'joint') FROM specimen;
SELECT embed(ARRAY[image], 'joint') FROM specimen;
SELECT embed(pen, 'strokes') FROM specimen;
CREATE TABLE print (image bytea, mark embedding);
CALL siamese.embed_table('print', 'image', 'mark', 'joint');
CREATE TRIGGER keep BEFORE INSERT ON print FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'mark', 'joint');
INSERT INTO print SELECT image FROM specimen LIMIT 1;
SELECT reference_unpack('\x00', 'joint');
-- wrong arguments
SELECT verify(pen, pen, 'joint') FROM specimen;
SELECT verify(image, image, 'strokes') FROM specimen;
SELECT verify(image, '\x00', 'joint') FROM specimen;
SELECT verify(image, image, 'nobody') FROM specimen;
SELECT verify(image, image) FROM specimen;
SELECT verify(image, image, 'joint', 0) FROM specimen;
SELECT verify(image, image, 'joint', 'NaN') FROM specimen;
INSERT INTO siamese.network (name, definition) VALUES ('bad', '{"input": {"width": 8, "height": 8}, "layers": [{"type": "pair"}, {"type": "dense", "units": 3}]}');
INSERT INTO siamese.network (name, definition) VALUES ('bad', '{"input": {"width": 8, "height": 8}, "layers": [{"type": "pair"}, {"type": "dense", "units": 1}], "join": "l2"}');
INSERT INTO siamese.network (name, definition) VALUES ('bad', '{"input": {"width": 8, "height": 8, "flow": true}, "layers": [{"type": "dense", "units": 1}]}');
CALL siamese.train('bad', 'SELECT image, signer FROM specimen', 'joint', 1, 1, '{"join": "cosine"}');
CALL siamese.train('bad', 'SELECT image, signer FROM specimen', 'joint', 1, 1, '{"loss": {"type": "triplet"}}');

SELECT sum(siamese.drop_model(name)) FROM (SELECT DISTINCT name FROM siamese.model) m;
DELETE FROM siamese.network WHERE NOT built_in;
DROP VIEW seen;
DROP TABLE specimen, asked, print;
