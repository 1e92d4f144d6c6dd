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

-- genuine is true or false
SELECT count(*) FROM siamese.evaluate('m', 'SELECT image, ''signer '' || signer, CASE WHEN signer <> 3 THEN true END FROM specimen ORDER BY signer, sample');
SELECT count(*) FROM siamese.evaluate('m', 'SELECT image, signer, coalesce(CASE WHEN signer <> 3 THEN true END, true) FROM specimen WHERE genuine');

-- copies within a label are left out: they are at distance 0 whatever the model
CREATE TABLE copied AS SELECT image, signer, genuine FROM specimen WHERE genuine UNION ALL SELECT image, signer, genuine FROM specimen WHERE signer <= 5;
SELECT genuine_pairs, impostor_pairs FROM siamese.evaluate('m', 'SELECT image, signer FROM specimen WHERE genuine');
SELECT genuine_pairs, impostor_pairs FROM siamese.evaluate('m', 'SELECT image, signer, genuine FROM copied WHERE genuine');
SELECT a = b AS same FROM siamese.evaluate('m', 'SELECT image, signer FROM specimen WHERE genuine') a, siamese.evaluate('m', 'SELECT image, signer FROM copied WHERE genuine') b;
SELECT count(*) FROM siamese.evaluate('m', 'SELECT image, signer FROM specimen WHERE sample = 1 AND genuine UNION ALL SELECT image, signer FROM specimen WHERE sample = 1 AND genuine');
CALL siamese.train('w', 'SELECT s.image, signer FROM specimen s, generate_series(1, 3) WHERE sample = 1 AND genuine', 'tiny', 1, 1);
CALL siamese.train('w', 'SELECT image, signer FROM copied WHERE genuine', 'tiny', 1, 1);
-- the same sample of two labels, or genuine and forged; one that is one's own and a forgery of another is in order
SELECT count(*) FROM siamese.evaluate('m', 'SELECT image, signer FROM specimen WHERE genuine UNION ALL SELECT image, 1000 + signer FROM specimen WHERE genuine AND signer IN (3, 5)');
SELECT count(*) FROM siamese.evaluate('m', 'SELECT image, signer, genuine FROM specimen UNION ALL SELECT image, signer, NOT genuine FROM specimen WHERE signer = 7 AND sample = 2 AND genuine');
SELECT count(*) FROM siamese.evaluate('m', 'SELECT image, signer, true FROM specimen WHERE genuine UNION ALL SELECT image, signer % 20 + 1, false FROM specimen WHERE genuine');

-- domains are what they are over, everywhere
CREATE DOMAIN picture AS bytea;
CREATE DOMAIN small_picture AS picture CHECK (length(VALUE) < 1000000);
CREATE DOMAIN own AS boolean;
CREATE DOMAIN writing AS real[];
CREATE DOMAIN print AS embedding(16) CHECK (metric(VALUE) = 'cosine');
CREATE DOMAIN short_print AS embedding(8);
CREATE TABLE domained AS SELECT signer, image::small_picture, genuine::own, pen::writing, NULL::print AS e
	FROM siamese.sample_signatures(8, 3, 2);
CALL siamese.train('d', 'SELECT image, signer, genuine FROM domained', 'tiny', 1, 1);
CALL siamese.train('p', 'SELECT pen, signer, genuine FROM domained', 'bromley_b', 1, 1, '{"training": {"epoch_samples": 32}}');
SELECT count(*) FROM siamese.evaluate('p', 'SELECT pen, signer, genuine FROM domained');
SELECT dimensions(embed(image, 'd')), dimensions(embed(pen, 'p')) FROM domained LIMIT 1;
CALL siamese.embed_table('domained', 'image', 'e', 'd');
CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON domained FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'e', 'd');
INSERT INTO domained (image) SELECT image FROM domained WHERE signer = 1;
SELECT count(*), bool_and(e = embed(image, 'd')) AS embedded FROM domained;
ALTER TABLE domained ADD small short_print;
CALL siamese.embed_table('domained', 'image', 'small', 'd');
CREATE TRIGGER small BEFORE INSERT ON domained FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'small', 'd');
INSERT INTO domained (image) SELECT image FROM specimen LIMIT 1;
DROP TRIGGER small ON domained;
ALTER DOMAIN print ADD CHECK (metric(VALUE) = 'l1') NOT VALID;
INSERT INTO domained (image) SELECT image FROM specimen LIMIT 1;
UPDATE domained SET e = NULL WHERE signer = 2;
CALL siamese.embed_table('domained', 'image', 'e', 'd');
SELECT count(*) FROM siamese.evaluate('m', 'SELECT signer::text::xml, signer FROM specimen');

DROP EXTENSION siamese CASCADE;
DROP TABLE copied, domained;
DROP DOMAIN IF EXISTS print, short_print;
DROP DOMAIN small_picture, picture, own, writing;
DROP FUNCTION take, insist;
DROP SEQUENCE seen;
DROP TABLE specimen;
