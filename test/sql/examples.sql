-- The query of the examples: what it may do, and what is said of its rows.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
	"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink"},
	"layers": [{"type": "conv", "maps": 4, "kernel": 5, "stride": 2, "bias": false}, {"type": "batch_norm"}, {"type": "relu"},
		{"type": "max_pool"}, {"type": "dense", "units": 16}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "training": {"classes": 4, "samples": 3}}');
CREATE TABLE specimen AS SELECT signer, sample, genuine, image FROM siamese.sample_signatures(20, 4, 1);
CALL siamese.train('m', 'SELECT image, signer FROM specimen WHERE genuine', 'tiny', 1, 1);

-- it reads and nothing else, by its form ...
\set writes '''WITH gone AS (DELETE FROM specimen RETURNING *) SELECT image, signer FROM gone'''
CALL siamese.train('w', :writes, 'tiny', 1, 1);
SELECT count(*) FROM siamese.evaluate('m', :writes);
SELECT count(*) FROM siamese.thresholds('m', :writes);
SELECT count(*) FROM siamese.reliability('m', :writes);
SELECT count(*) FROM siamese.roc('m', :writes);
SELECT siamese.calibrate('m', :writes);
SELECT siamese.report('m', :writes);
CALL siamese.train('w', 'UPDATE specimen SET signer = 1 RETURNING image, signer', 'tiny', 1, 1);
CALL siamese.train('w', 'EXPLAIN ANALYZE DELETE FROM specimen', 'tiny', 1, 1);
CALL siamese.train('w', 'SELECT image, signer FROM specimen; DELETE FROM specimen', 'tiny', 1, 1);
CALL siamese.train('w', 'SELECT image, signer FROM specimen FOR UPDATE', 'tiny', 1, 1);
CALL siamese.train('w', 'SELECT * FROM (SELECT image, signer FROM specimen FOR SHARE) s', 'tiny', 1, 1);
-- ... and by what its functions do
CREATE FUNCTION take(signer int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM specimen s WHERE s.signer = take.signer; RETURN signer; END $$;
CREATE FUNCTION insist(signer int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN SET LOCAL transaction_read_only = off; DELETE FROM specimen s WHERE s.signer = insist.signer; RETURN signer; END $$;
CREATE SEQUENCE seen;
CALL siamese.train('w', 'SELECT image, take(signer) FROM specimen', 'tiny', 1, 1);
CALL siamese.train('w', 'SELECT image, insist(signer) FROM specimen', 'tiny', 1, 1);
CALL siamese.train('w', 'SELECT image, signer, nextval(''seen'') > 0 FROM specimen', 'tiny', 1, 1);
SELECT count(*) FROM siamese.evaluate('m', 'SELECT image, take(signer) FROM specimen');
-- the transaction is as it was, after a success and after an error
BEGIN;
SELECT count(*) FROM siamese.evaluate('m', 'SELECT image, signer FROM specimen WHERE genuine');
SHOW transaction_read_only;
DELETE FROM specimen WHERE signer > 20;
SAVEPOINT before;
SELECT siamese.calibrate('m', 'SELECT image, take(signer) FROM specimen');
ROLLBACK TO before;
SHOW transaction_read_only;
SELECT siamese.calibrate('m', 'SELECT image, signer FROM specimen WHERE genuine');
ROLLBACK;
BEGIN READ ONLY;
SELECT count(*) FROM siamese.evaluate('m', 'SELECT image, signer FROM specimen WHERE genuine');
SHOW transaction_read_only;
COMMIT;
SELECT count(*) FROM specimen;

DROP EXTENSION siamese;
DROP FUNCTION take, insist;
DROP SEQUENCE seen;
DROP TABLE specimen;
