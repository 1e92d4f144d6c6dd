-- A database of this release: models of images and pens, a calibration, columns, triggers, indexes, references.
SET client_min_messages = warning;
CREATE EXTENSION siamese;
INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
	"input": {"kind": "image", "width": 32, "height": 16, "polarity": "auto", "crop": "ink", "fit": "keep", "normalise": true},
	"layers": [
		{"type": "conv", "maps": 4, "kernel": 3, "padding": 1}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "conv", "maps": 4, "kernel": 3, "padding": 1}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "dense", "units": 8, "bias": false}, {"type": "batch_norm"}, {"type": "l2_norm"}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.01, "average": 0.9},
	"training": {"classes": 8, "samples": 4, "epochs": 3, "epoch_samples": 640, "held_out": 0.3, "distortion": {"rotation": 5, "shift": 0.02}}}'),
('tiny_pen', '{"layers": [{"type": "conv", "maps": 4, "kernel": [1, 5], "stride": [1, 2]}, {"type": "relu"}, {"type": "mean_pool", "size": [1, 7]}, {"type": "dense", "units": 8}],
	"input": {"features": ["x", "y", "velocity_x", "velocity_y", "pressure", "log_speed"], "length": 60, "kind": "pen"}, "join": "l1",
	"loss": {"type": "contrastive"}, "optimizer": {"rate": 0.003}, "training": {"classes": 16, "samples": 4, "epoch_samples": 1280, "held_out": 0.5}}');
CREATE TABLE specimen AS SELECT * FROM siamese.sample_signatures(24, 9, 8);
ALTER TABLE specimen ADD id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ADD e embedding(8), ADD p embedding;
CALL siamese.train('ink', 'SELECT image, signer, genuine FROM specimen', 'tiny', 2);
CALL siamese.train('pens', 'SELECT pen, signer, genuine FROM specimen', 'tiny_pen', 2);
SELECT siamese.promote(siamese.calibrate('ink', 'SELECT image, signer, genuine FROM specimen'));
SELECT siamese.install_model('pens');
CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON specimen FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'e', 'ink');
CALL siamese.embed_table('specimen', 'image', 'e', 'ink');
UPDATE specimen SET p = embed(pen, 'pens@1');
CREATE INDEX by_e ON specimen USING siamese (e);
CREATE INDEX by_p ON specimen USING siamese (p);
CREATE TABLE person AS SELECT signer, reference(pen, 'pens@1' ORDER BY sample) AS r, reference(e ORDER BY sample) AS s FROM specimen WHERE genuine AND sample < 7 GROUP BY signer;
CREATE TABLE around AS SELECT id, ball(e, 0.3) AS b FROM specimen WHERE id % 20 = 0;
ANALYZE;
