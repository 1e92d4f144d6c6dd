-- Training that begins from a model: of all its layers, or of the last ones alone.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS siamese;

INSERT INTO siamese.network (name, definition) VALUES ('tuned', '{
	"input": {"kind": "image", "width": 32, "height": 16, "polarity": "auto", "crop": "ink", "fit": "keep", "normalise": true},
	"layers": [
		{"type": "conv", "maps": 8, "kernel": 3, "padding": 1}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "conv", "maps": 16, "kernel": 3, "padding": 1}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "dense", "units": 16, "bias": false}, {"type": "batch_norm"}, {"type": "l2_norm"}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"},
	"optimizer": {"type": "adamw", "rate": 0.01, "weight_decay": 0.1, "average": 0.9, "clip": 1},
	"training": {"classes": 8, "samples": 4, "epochs": 2, "epoch_samples": 320, "held_out": 0.3, "distortion": {"rotation": 5, "shift": 0.02}}}');
CREATE TABLE specimen AS SELECT * FROM siamese.sample_signatures(12, 6, 3);
-- weights of a version from one to another, four bytes each: those of the layers, then the statistics of the norms
CREATE FUNCTION weights(model text, first int, count int) RETURNS bytea LANGUAGE sql AS $$
	SELECT substr(string_agg(w.weights, '' ORDER BY w.part), 4 * first + 1, 4 * count) FROM siamese.model_weights w
		WHERE w.fingerprint = (SELECT m.fingerprint FROM siamese.model m WHERE m.name = model ORDER BY version DESC LIMIT 1) $$;
-- convolutions 80 and 1168, dense layer 8192, norms 16, 32, 32; in all 9520; then statistics 16, 32, 32
CREATE FUNCTION differences(a text, b text) RETURNS TABLE (part text, same boolean) LANGUAGE sql AS $$
	SELECT part, weights(a, first, count) = weights(b, first, count) FROM (VALUES ('conv 1', 0, 80), ('norm 1', 80, 16), ('conv 2', 96, 1168),
		('norm 2', 1264, 32), ('dense', 1296, 8192), ('norm 3', 9488, 32), ('statistics 1', 9520, 16), ('statistics 2', 9536, 32),
		('statistics 3', 9568, 32)) v(part, first, count) $$;

CALL siamese.train('m', 'SELECT image, signer, genuine FROM specimen', 'tuned', seed => 5);
-- errors
CALL siamese.train('t', 'SELECT image, signer FROM specimen', options => '{"learn_last": 2}');
CALL siamese.train('t', 'SELECT image, signer FROM specimen', options => '{"start": "m", "learn_last": 0}');
CALL siamese.train('t', 'SELECT image, signer FROM specimen', options => '{"start": "m", "learn_last": 1.5}');
CALL siamese.train('t', 'SELECT image, signer FROM specimen', options => '{"start": "m", "learn_last": "2"}');
CALL siamese.train('t', 'SELECT image, signer FROM specimen', options => '{"start": "m", "learn_last": 7}');
CALL siamese.train('t', 'SELECT image, signer FROM specimen', options => '{"start": "nobody", "learn_last": 2}');
CALL siamese.train('t', 'SELECT image, signer FROM specimen', 'compact', options => '{"start": "m", "learn_last": 2}');
INSERT INTO siamese.network (name, definition) SELECT 'untouched', jsonb_set(definition, '{training,learn_last}', '2') FROM siamese.network WHERE name = 'tuned';

-- all; without a name the network is that of the model, with what its training has changed
CALL siamese.train('all', 'SELECT image, signer, genuine FROM specimen', epochs => 1, options => '{"start": "m"}');
CALL siamese.train('last', 'SELECT image, signer, genuine FROM specimen', epochs => 1, options => '{"start": "m@1", "learn_last": 2, "training": {"classes": 6}}');
CALL siamese.train('middle', 'SELECT image, signer, genuine FROM specimen', options => '{"start": "last", "learn_last": 4, "optimizer": {"average": 0}}');
CALL siamese.train('six', 'SELECT image, signer, genuine FROM specimen', epochs => 1, options => '{"start": "m", "learn_last": 6}');
SELECT name, network, options, definition #>> '{training,classes}' AS classes, definition #>> '{optimizer,average}' AS average, epochs
	FROM siamese.model WHERE name IN ('all', 'last', 'middle', 'six') ORDER BY name;
SELECT part, a.same AS "all", l.same AS last, m.same AS middle
	FROM differences('m', 'all') a JOIN differences('m', 'last') l USING (part) JOIN differences('last', 'middle') m USING (part);
-- as many as there are is all of them
SELECT a.fingerprint = s.fingerprint AS same FROM siamese.model a, siamese.model s WHERE a.name = 'all' AND s.name = 'six';
-- the rest does not learn from what it sees: embeddings change by the last layers alone
SELECT l2_distance(embed(image, 'm')::real[]::embedding, embed(image, 'last')::real[]::embedding) > 0.001 AS moved FROM specimen LIMIT 1;

-- in rounds, for want of memory
SET maintenance_work_mem = '6MB';
CALL siamese.train('rounds', 'SELECT image, signer, genuine FROM specimen', epochs => 1, options => '{"start": "m", "learn_last": 1, "training": {"classes": 12, "samples": 6}}');
RESET maintenance_work_mem;
SELECT * FROM differences('m', 'rounds');

-- a network of pairs, whose twin stays: convolution 1 and norm of the twin, convolution 2 and dense layer of the head
INSERT INTO siamese.network (name, definition) VALUES ('twins', '{
	"input": {"kind": "image", "width": 32, "height": 16, "polarity": "auto", "crop": "ink"},
	"layers": [{"type": "conv", "maps": 6, "kernel": 3}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool"}, {"type": "pair"},
		{"type": "conv", "maps": 8, "kernel": 3}, {"type": "relu"}, {"type": "dropout", "rate": 0.1}, {"type": "dense", "units": 2}],
	"optimizer": {"type": "adamw", "rate": 0.003, "average": 0.9},
	"training": {"classes": 8, "samples": 4, "epochs": 1, "epoch_samples": 96, "held_out": 0.3}}');
CALL siamese.train('pairs', 'SELECT image, signer, genuine FROM specimen', 'twins');
CALL siamese.train('pairs last', 'SELECT image, signer, genuine FROM specimen', options => '{"start": "pairs", "learn_last": 2}');
SELECT part, weights('pairs', first, count) = weights('pairs last', first, count) AS same FROM (VALUES ('twin', 0, 72), ('conv 2', 72, 872),
	('dense', 944, 1042), ('statistics', 1986, 12)) v(part, first, count);
SELECT length(weights('pairs', 0, 10000)) / 4 AS weights;

DROP TABLE specimen;
DROP FUNCTION weights, differences;
DELETE FROM siamese.model;
DELETE FROM siamese.network WHERE NOT built_in;
