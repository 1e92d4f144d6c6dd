-- Dense layers whose weights are rounded to bf16 for inference.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
CREATE TABLE specimen AS SELECT signer, sample, image FROM siamese.sample_signatures(8, 4, 1) WHERE genuine;
INSERT INTO siamese.network (name, definition) SELECT kind, format('{
	"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink"},
	"layers": [{"type": "conv", "maps": 4, "kernel": 5, "stride": 2, "bias": false}, {"type": "batch_norm"}, {"type": "relu"},
		{"type": "dense", "units": 40, "weights": "%s"}],
	"join": "l2", "loss": {"type": "contrastive"}, "training": {"classes": 4, "samples": 3}}', kind)::jsonb
	FROM (VALUES ('float'), ('bf16')) v (kind);
CALL siamese.train('exact', 'SELECT image, signer FROM specimen', 'float', 1, 1);
CALL siamese.train('rounded', 'SELECT image, signer FROM specimen', 'bf16', 1, 1);

-- training is the same to the last bit; the definition, and so the fingerprint, tells them apart
SELECT count(DISTINCT fingerprint) AS fingerprints FROM siamese.model;
SELECT count(DISTINCT weights) AS contents, count(*) AS rows FROM siamese.model_weights;

-- the rounding is there, and below the bound: 2^-8 of an embedding's length, and of distances
CREATE TABLE embedded AS SELECT signer, sample, embed(image, 'exact') AS exact, embed(image, 'rounded') AS rounded FROM specimen;
SELECT bool_and(error > 0) AS rounded, bool_and(error < size / 65536) AS within_bound
	FROM embedded, LATERAL (SELECT sum((x - y) ^ 2) AS error, sum(x ^ 2) AS size FROM unnest(exact::real[], rounded::real[]) u (x, y)) d;
SELECT max(abs((a.exact <-> b.exact) - (a.rounded <-> b.rounded))) < avg(a.exact <-> b.exact) / 256 AS within_bound
	FROM embedded a, embedded b WHERE a.signer <> b.signer;

-- exported and imported, alone and together, and without a shared copy: the same bits
SELECT siamese.import_model('imported', siamese.export_model('rounded'));
SELECT count(DISTINCT fingerprint) AS fingerprints FROM siamese.model WHERE name IN ('rounded', 'imported');
SELECT bool_and(rounded = embed(image, 'imported')) AS equal FROM embedded JOIN specimen USING (signer, sample);
SELECT array_agg(rounded ORDER BY signer, sample) = (SELECT embed(array_agg(image ORDER BY signer, sample), 'rounded') FROM specimen) AS equal
	FROM embedded;
\c -
SET siamese.share_weights = off;
SELECT bool_and(rounded = embed(image, 'rounded')) AS equal FROM embedded JOIN specimen USING (signer, sample);

-- other kinds do not exist
INSERT INTO siamese.network (name, definition) SELECT 'int8', jsonb_set(definition, '{layers,3,weights}', '"int8"')
	FROM siamese.network WHERE name = 'bf16';

DROP TABLE specimen, embedded;
DROP EXTENSION siamese;
