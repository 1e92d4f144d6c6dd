-- Photographs: nothing in them is taken for ink, their colours reach the network as they are, and a preview shows them.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
INSERT INTO siamese.network (name, definition) SELECT 'photo ' || colour, jsonb_build_object(
	'input', jsonb_build_object('width', 12, 'height', 8, 'colour', colour, 'fit', 'stretch', 'mean', 0.5, 'deviation', 0.25),
	'layers', '[{"type": "conv", "maps": 8, "kernel": 3, "bias": false}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "global_mean"}, {"type": "l2_norm"}]'::jsonb,
	'join', 'cosine', 'loss', '{"type": "supervised_contrastive"}'::jsonb,
	'training', '{"classes": 8, "samples": 4, "epoch_samples": 640, "held_out": 0.3, "distortion": {"shift": 0.1, "brightness": 0.1, "gamma": 0.2,
		"saturation": 0.2, "hue": 10, "blur": 0.5, "flip": 0.5, "noise": 0.02}, "shared_distortion": {"gamma": 0.1}}'::jsonb) FROM unnest('{colour,luv}'::text[]) colour;
-- a coat and trousers each of one colour before a bright wall: as a PPM of 12 x 8 pixels
CREATE FUNCTION figure(person int, place int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT convert_to('P3 12 8 255' || string_agg(CASE WHEN x BETWEEN place AND place + 4 THEN
			CASE WHEN y < 4 THEN format(' %s %s %s', 20 + person * 53 % 230, 20 + person * 97 % 230, 20 + person * 151 % 230)
				ELSE format(' %s %s %s', 20 + person * 31 % 230, 20 + person * 71 % 230, 20 + person * 113 % 230) END
			ELSE ' 250 250 ' || 200 + place END, '' ORDER BY y, x), 'UTF8') FROM generate_series(0, 7) y, generate_series(0, 11) x $$;
CREATE TABLE photograph AS SELECT person, place, figure(person, place) AS image FROM generate_series(1, 20) person, generate_series(0, 7) place;
CALL siamese.train('rgb', 'SELECT image, person FROM photograph', 'photo colour', 3, 1);
CALL siamese.train('luv', 'SELECT image, person FROM photograph', 'photo luv', 3, 1);
-- people never seen
SELECT model, auc > 0.9 AS good FROM unnest('{rgb,luv}'::text[]) model,
	siamese.evaluate(model, 'SELECT figure(person, place), person FROM generate_series(21, 40) person, generate_series(0, 7) place');
-- the preview is the photograph, as it came, whatever the colours that the network sees; it is one itself
SELECT siamese.preview(image, 'rgb') = siamese.preview(image, 'luv') AS same,
	siamese.preview(siamese.preview(image, 'luv'), 'luv') = siamese.preview(image, 'luv') AS unchanged,
	siamese.preview(image, 'luv') = siamese.crop(image, '((12,8),(0,0))') AS whole FROM photograph LIMIT 1;
SELECT embed(image, 'rgb')::real[] = embed(image, 'luv')::real[] AS same FROM photograph LIMIT 1;
-- of one colour: blank, be it white, black or red; of two: not, however faint
SELECT embed(convert_to('P3 4 4 255' || repeat(' 255 255 255', 16), 'UTF8'), 'luv');
SELECT embed(convert_to('P3 4 4 255' || repeat(' 200 10 10', 16), 'UTF8'), 'luv');
SELECT embed(convert_to('P3 4 4 255' || repeat(' 0 0 0', 16), 'UTF8'), 'rgb');
SELECT dimensions(embed(convert_to('P3 4 4 255' || repeat(' 200 10 10', 8) || repeat(' 200 10 11', 8), 'UTF8'), 'luv'));
-- settings that have no meaning together
INSERT INTO siamese.network (name, definition) VALUES ('photo ink', '{"input": {"width": 8, "height": 8, "colour": "luv", "polarity": "dark"}, "layers": [{"type": "dense", "units": 4}]}');
INSERT INTO siamese.network (name, definition) VALUES ('photo grey', '{"input": {"width": 8, "height": 8}, "layers": [{"type": "dense", "units": 4}], "training": {"distortion": {"hue": 5}}}');
-- a network for ink says that these are none, wherever it meets them; it says nothing of ink
INSERT INTO siamese.network (name, definition) VALUES ('photo for ink', '{"input": {"width": 24, "height": 12, "polarity": "auto", "crop": "ink"},
	"layers": [{"type": "conv", "maps": 8, "kernel": 3}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool"}, {"type": "dense", "units": 16}, {"type": "l2_norm"}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.005},
	"training": {"classes": 8, "samples": 4, "epoch_samples": 640, "held_out": 0.3}}');
CREATE TABLE scan AS SELECT signer, image, NULL::embedding AS e FROM siamese.sample_signatures(40, 6) WHERE genuine;
CALL siamese.train('ink', 'SELECT image, signer FROM scan', 'photo for ink', 3, 1);
SELECT (scores #>> '{random,auc}')::float8 > 0.8 AS good FROM siamese.model WHERE name = 'ink';
CALL siamese.embed_table('scan', 'image', 'e', 'ink');
SELECT length(siamese.preview(image, 'ink')) > 0 AS seen FROM scan LIMIT 1;
SELECT count(*) FROM siamese.evaluate('ink', 'SELECT image, person FROM photograph');
SELECT length(siamese.preview(image, 'ink')) > 0 AS seen FROM photograph LIMIT 1;
ALTER TABLE photograph ADD e embedding;
CALL siamese.embed_table('photograph', 'image', 'e', 'ink');
DROP TABLE scan;
DROP TABLE photograph;
DROP FUNCTION figure;
DELETE FROM siamese.model WHERE name IN ('rgb', 'luv', 'ink');
DELETE FROM siamese.network WHERE name LIKE 'photo %';
