-- The published networks with other losses than their own: compact's supervised contrastive one for each, and triplets for
-- hollaender.  A few steps on few signatures: the loss is a number and falls.  koch and signet have a smaller last but one layer
-- here, so that an epoch's commit does not write half a gigabyte.
SET client_min_messages = warning;
SET maintenance_work_mem = '1GB';
CREATE EXTENSION IF NOT EXISTS siamese;
CREATE TABLE specimen AS SELECT * FROM siamese.sample_signatures(6, 3, 5);
INSERT INTO siamese.network (name, definition)
	SELECT name || '_less', jsonb_set(definition, ARRAY['layers', (i - 1)::text, 'units'], '64')
	FROM siamese.network, jsonb_array_elements(definition->'layers') WITH ORDINALITY l(layer, i)
	WHERE name IN ('koch', 'signet') AND (layer->>'units')::int > 1000;
SELECT name FROM siamese.network WHERE NOT built_in ORDER BY 1;
CREATE TABLE variant (name text, network text, options jsonb);
INSERT INTO variant VALUES
	('koch modern', 'koch_less', '{"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"rate": 0.001}}'),
	('signet modern', 'signet_less', '{"join": "cosine", "loss": {"type": "supervised_contrastive"}}'),
	('hollaender modern', 'hollaender', '{"join": "cosine", "loss": {"type": "supervised_contrastive"}}'),
	('hollaender triplet', 'hollaender', '{"loss": {"type": "triplet"}}');
UPDATE variant SET options = options || '{"training": {"classes": 4, "samples": 3, "epoch_samples": 24, "held_out": 0.3, "distortion": {"probability": 0}}}';
SET client_min_messages = error;	-- what they are worth after so little does not matter
SELECT format('CALL siamese.train(%L, ''SELECT image, signer, genuine FROM specimen'', %L, epochs => 3, options => %L)', name, network, options)
	FROM variant ORDER BY name \gexec
SET client_min_messages = warning;
SELECT v.name, m.definition #>> '{loss,type}' AS loss, m.metric, count(t) AS epochs, bool_and(t.loss < 'infinity') AS finite,
	max(t.loss) FILTER (WHERE epoch = 3) < max(t.loss) FILTER (WHERE epoch = 1) AS falls
	FROM variant v JOIN siamese.model m USING (name) JOIN siamese.training t ON t.model = v.name GROUP BY 1, 2, 3 ORDER BY 1;
-- a loss that needs embeddings of length one says so
\set VERBOSITY terse
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'koch', options => '{"loss": {"type": "supervised_contrastive"}}');
DROP EXTENSION siamese CASCADE;
DROP TABLE specimen, variant;
