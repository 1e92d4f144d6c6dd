-- Networks whose layers form a graph: a residual block with a projection, squeeze and excitation, branches from the input.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
SET siamese.training_threads = 1;
CREATE TABLE specimen AS SELECT signer, sample, image FROM siamese.sample_signatures(24, 6, 1) WHERE genuine;
INSERT INTO siamese.network (name, definition) VALUES ('graph', '{
	"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink", "normalise": true},
	"layers": [
		{"type": "conv", "maps": 8, "kernel": 3, "padding": 1, "bias": false}, {"type": "batch_norm"}, {"type": "relu", "name": "start"},
		{"type": "conv", "maps": 16, "kernel": 1, "stride": 2, "bias": false}, {"type": "batch_norm", "name": "short"},
		{"type": "conv", "maps": 16, "kernel": 3, "stride": 2, "padding": 1, "bias": false, "input": "start"}, {"type": "batch_norm"},
		{"type": "relu"}, {"type": "conv", "maps": 16, "kernel": 3, "padding": 1, "bias": false}, {"type": "batch_norm", "name": "long"},
		{"type": "global_mean"}, {"type": "dense", "units": 4}, {"type": "relu"}, {"type": "dense", "units": 16}, {"type": "sigmoid"},
		{"type": "multiply", "from": "long"}, {"type": "add", "from": "short"}, {"type": "relu", "name": "block"},
		{"type": "mean_pool", "input": 0}, {"type": "concat", "from": ["block", "short"]},
		{"type": "max_pool"}, {"type": "dense", "units": 32}, {"type": "l2_norm"}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.003},
	"training": {"classes": 8, "samples": 4, "epoch_samples": 640, "held_out": 0.4}}');
CALL siamese.train('graph', 'SELECT image, signer FROM specimen', 'graph', 3, 1);
SELECT dimensions, (scores #>> '{random,auc}')::float8 > 0.75 AS learned FROM siamese.model;

-- the same bits alone, together, and after an export
CREATE TABLE embedded AS SELECT signer, sample, embed(image, 'graph') AS alone FROM specimen;
SELECT array_agg(alone ORDER BY signer, sample) = (SELECT embed(array_agg(image ORDER BY signer, sample), 'graph') FROM specimen) AS equal
	FROM embedded;
SELECT siamese.import_model('imported', siamese.export_model('graph'));
SELECT count(DISTINCT fingerprint) AS fingerprints FROM siamese.model;
SELECT bool_and(alone = embed(image, 'imported')) AS equal FROM embedded JOIN specimen USING (signer, sample);

-- training goes on from its weights
CALL siamese.train('further', 'SELECT image, signer FROM specimen', 'graph', 1, 1, '{"start": "graph"}');
SELECT count(*) AS models FROM siamese.model;

-- what is wrong is named
INSERT INTO siamese.network (name, definition) SELECT 'unread', jsonb_set(definition, '{layers,20,input}', '"block"')
	FROM siamese.network WHERE name = 'graph';
INSERT INTO siamese.network (name, definition) SELECT 'cycle', jsonb_set(definition, '{layers,3,input}', '"block"')
	FROM siamese.network WHERE name = 'graph';
INSERT INTO siamese.network (name, definition) SELECT 'shape', jsonb_set(definition, '{layers,15,from}', '"start"')
	FROM siamese.network WHERE name = 'graph';

DROP TABLE specimen, embedded;
DROP EXTENSION siamese;
