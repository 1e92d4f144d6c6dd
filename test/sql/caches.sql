-- What a session keeps of indexes, models, calibrations and references, while statements replace it below.  Short, for it is run under
-- valgrind, too, which sees a pointer that was held too long.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;

-- an index whose regions are founded, emptied and filled again
CREATE TABLE near (id int, e embedding);
INSERT INTO near SELECT i, ARRAY[sin(i), cos(i * 0.7), i % 5]::real[] FROM generate_series(1, 300) i;
CREATE INDEX near_e ON near USING siamese (e);
INSERT INTO near SELECT i, ARRAY[100 * i, -50 * i, 7]::real[] FROM generate_series(301, 400) i;
SET enable_seqscan = off;
SELECT id FROM near ORDER BY e <-> '[30100,-15050,7]', id LIMIT 2;
DELETE FROM near WHERE id % 3 = 0;
VACUUM near;
UPDATE near SET e = ARRAY[-id, id, id]::real[] WHERE id % 3 = 1;
INSERT INTO near SELECT i, ARRAY[1, 2, 1000 * i]::real[] FROM generate_series(401, 420) i;
SELECT count(*) FROM near WHERE e <@ ball('[1,2,410000]', 10000);
SELECT * FROM siamese.index_check('near_e');
REINDEX INDEX near_e;
SELECT count(*) FROM near WHERE e <@ ball('[1,2,410000]', 10000);

-- a model: trained, used, retrained, imported, dropped while this session has it
INSERT INTO siamese.network (name, definition) VALUES ('small', '{
	"layers": [{"type": "conv", "maps": 2, "kernel": [1, 7], "stride": [1, 3]}, {"type": "tanh"}, {"type": "dense", "units": 6}],
	"input": {"features": ["x", "y", "pressure"], "length": 24, "kind": "pen"}, "join": "cosine", "loss": {"type": "supervised_contrastive"},
	"training": {"classes": 4, "samples": 4, "epoch_samples": 64, "held_out": 0.5}}');
CREATE TABLE specimen AS SELECT signer, sample, genuine, pen FROM siamese.sample_signatures(8, 6, 1);
CALL siamese.train('m', 'SELECT pen, signer, genuine FROM specimen', 'small', 1, 1);
CREATE TABLE print AS SELECT signer, sample, genuine, embed(pen, 'm') AS e FROM specimen;
CREATE TABLE person AS SELECT signer, reference(e ORDER BY sample) AS r FROM print WHERE genuine GROUP BY 1;
SELECT count(DISTINCT model(r)) AS models, count(probability) AS answers FROM person JOIN print USING (signer), LATERAL verify(r, e) v;
SELECT count(*) > 0 AS explained FROM (SELECT * FROM person JOIN print USING (signer) LIMIT 3) p, LATERAL explain_verification(r, e) x;
CREATE TABLE exported AS SELECT siamese.export_model('m') AS value;
SELECT siamese.import_model('copy', value) FROM exported;
SELECT count(*) AS calibrations FROM siamese.calibrate('m', 'SELECT pen, signer FROM specimen WHERE genuine');
SELECT count(*) > 0 AS some FROM print a JOIN print b ON a.e ~= b.e WHERE a.sample = 1 AND b.sample = 1 AND a.signer = b.signer AND a.genuine AND b.genuine;
CALL siamese.train('m', 'SELECT pen, signer, genuine FROM specimen', 'small', 1, 2);
SELECT count(DISTINCT model(embed(pen, 'm'))) AS models FROM specimen WHERE sample = 1;
SELECT bool_and(embed(s.pen, 'm@1') = p.e) AS same FROM specimen s JOIN print p USING (signer, sample, genuine);
DELETE FROM siamese.model WHERE name = 'm' AND version = 2;
SELECT bool_and(embed(s.pen, 'm') = p.e) AS same FROM specimen s JOIN print p USING (signer, sample, genuine);
SELECT count(probability) AS answers FROM person JOIN print USING (signer), LATERAL verify(r, e) v WHERE sample < 3;
DELETE FROM siamese.model;
SELECT embed(pen, 'm') FROM specimen LIMIT 1;

DROP TABLE near, specimen, print, person, exported;
DROP EXTENSION siamese;
