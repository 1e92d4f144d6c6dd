-- Pens wherever images are taken: columns and triggers, centroids, evaluation, calibration, the report.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
INSERT INTO siamese.network (name, definition) VALUES
('tiny', '{"layers": [{"type": "conv", "maps": 8, "kernel": [1, 5], "stride": [1, 2]}, {"type": "relu"}, {"type": "global_mean"}, {"type": "dense", "units": 8}],
	"input": {"features": ["x", "y", "pressure", "log_speed"], "length": 60, "kind": "pen"}, "join": "cosine", "loss": {"type": "supervised_contrastive"},
	"training": {"classes": 8, "samples": 4, "epoch_samples": 320, "held_out": 0.3}}');
CREATE TABLE specimen AS SELECT signer, sample, genuine, pen FROM siamese.sample_signatures(12, 5, 8);
CALL siamese.train('m', 'SELECT pen, signer, genuine FROM specimen', 'tiny', 2);

-- a column: what is no trajectory is left out, the others are what embed() gives
CREATE TABLE written (id int GENERATED ALWAYS AS IDENTITY, signer int, pen real[], e embedding);
INSERT INTO written (signer, pen) SELECT signer, pen FROM specimen;
UPDATE written SET pen = '{{1,2},{3,4}}' WHERE id = 7;
UPDATE written SET pen = NULL WHERE id = 8;
SET client_min_messages = error;
CALL siamese.embed_table('written', 'pen', 'e', 'm', batch => 17);
SET client_min_messages = warning;
SELECT count(*), count(e), max(e <-> embed(pen, 'm')) < 1e-3 AS close FROM written WHERE id <> 7;
SELECT rows, failed, finished_at IS NOT NULL AS finished FROM siamese.embedding_progress;
CALL siamese.embed_table('written', 'id', 'e', 'm');

-- and kept true
CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON written FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('pen', 'e', 'm');
UPDATE written SET pen = (SELECT pen FROM written WHERE id = 1) WHERE id IN (7, 8);
SELECT id, e = embed(pen, 'm') AS kept FROM written WHERE id IN (7, 8) ORDER BY id;
UPDATE written SET pen = '{{1,2},{3,4}}' WHERE id = 7;
UPDATE written SET pen = NULL WHERE id = 8;
SELECT id, e IS NULL AS nothing FROM written WHERE id IN (7, 8) ORDER BY id;
-- a column of double precision[]
CREATE TABLE wide AS SELECT id, pen::float8[] AS pen, NULL::embedding AS e FROM written WHERE id > 8;
CALL siamese.embed_table('wide', 'pen', 'e', 'm');
CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON wide FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('pen', 'e', 'm');
UPDATE wide SET pen = (SELECT pen FROM written WHERE id = 1) WHERE id = 9;
SELECT count(*), max(w.e <-> CASE id WHEN 9 THEN (SELECT e FROM written WHERE id = 1) ELSE o.e END) < 1e-3 AS same FROM wide w JOIN written o USING (id);
SELECT impostors FROM siamese.evaluate('m', 'SELECT pen::float8[], signer, genuine FROM specimen');
DROP TABLE wide;
SELECT signer, dimensions(avg(e)) AS dimensions, model(avg(e)) = (SELECT fingerprint FROM siamese.model) AS model FROM written WHERE signer = 1 GROUP BY 1;

-- measured and calibrated as images are
SELECT impostors, rule, eer BETWEEN 0 AND 0.6 AS eer, genuine_pairs, impostor_pairs FROM siamese.evaluate('m', 'SELECT pen, signer, genuine FROM specimen ORDER BY sample', refs => 2);
SELECT count(*) > 10 AS points, bool_and(far BETWEEN 0 AND 1 AND frr BETWEEN 0 AND 1) AS rates, min(far) < 0.1 AS few, max(far) = 1 AS all
	FROM siamese.roc('m', 'SELECT pen, signer, genuine FROM specimen');
SELECT count(*) > 0 AS bins, bool_and(ece BETWEEN 0 AND 1) AS ece FROM siamese.reliability('m', 'SELECT pen, signer, genuine FROM specimen');
SELECT siamese.calibrate('m', 'SELECT pen, signer, genuine FROM specimen');
SELECT version, calibration ? 'references' AS persons, fingerprint = first_value(fingerprint) OVER () AS same FROM siamese.model ORDER BY version;

-- the worst mistakes as drawings
CREATE TABLE page AS SELECT siamese.report('m', 'SELECT pen, signer, genuine FROM specimen') AS html;
SELECT html ~ '^[\x01-\x7f]*$' AS ascii, xml_is_well_formed_document(html) AS well_formed FROM page;
SELECT count(*) > 10 AS pictures, bool_and(drawing LIKE '<svg %>log_speed<%</svg>_') AS drawn
	FROM (SELECT convert_from(decode(substr((xpath('/img/@src', i::xml))[1]::text, length('data:image/svg+xml;base64,') + 1), 'base64'), 'UTF8') AS drawing
		FROM page, unnest(xpath('//ul[@class="pairs"]//img', xmlparse(document html))::text[]) i) d;

DROP EXTENSION siamese CASCADE;
DROP TABLE specimen, written, page;
