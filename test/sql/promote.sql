-- Which version a plain name means: promoted explicitly, or by a training unless that would break an index or a trigger.
\set VERBOSITY default
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS siamese;
INSERT INTO siamese.network (name, definition) VALUES ('small', '{
	"layers": [{"type": "conv", "maps": 2, "kernel": [1, 7], "stride": [1, 3]}, {"type": "tanh"}, {"type": "dense", "units": 6}],
	"input": {"features": ["x", "y", "pressure"], "length": 24, "kind": "pen"}, "join": "cosine", "loss": {"type": "supervised_contrastive"},
	"training": {"classes": 4, "samples": 4, "epoch_samples": 64, "held_out": 0.5}}');
CREATE TABLE specimen AS SELECT signer, sample, genuine, pen FROM siamese.sample_signatures(10, 6, 1);
\set query 'SELECT pen, signer FROM specimen WHERE genuine'
-- the fingerprint of each version, by the name that means it
CREATE FUNCTION meant(model text) RETURNS text LANGUAGE sql AS $$
	SELECT name || '@' || min(version) FROM siamese.model WHERE fingerprint = (SELECT model(embed(pen, $1)) FROM specimen LIMIT 1)
		AND name = split_part($1, '@', 1) GROUP BY name $$;

-- the first version: nothing can be in use
CALL siamese.train('m', :'query', 'small', 1, 1, '{"promote": false}');
SELECT meant('m');
SELECT meant('m@1');
SELECT siamese.promote('m@1');
SELECT meant('m'), siamese.promote('m@1') AS itself;

-- not promoted if that is asked for; then promoted, and back
CALL siamese.train('m', :'query', 'small', 1, 2, '{"promote": false}');
SELECT meant('m'), meant('m@2');
SELECT siamese.promote('m@2');
SELECT meant('m');
SELECT siamese.promote('m@1');
SELECT meant('m');
SELECT name, version, promoted_at IS NOT NULL AS promoted FROM siamese.model ORDER BY promoted_at;
-- in a transaction the new name shows at once, and is undone with it
BEGIN;
SELECT siamese.promote('m@2');
SELECT meant('m');
ROLLBACK;
SELECT meant('m');
-- without an index or a trigger, a training promotes by itself
CALL siamese.train('m', :'query', 'small', 1, 3);
SELECT meant('m');
-- a version that is dropped leaves the name to the one promoted before it
SELECT siamese.drop_model('m@3');
SELECT meant('m');

-- with an index over its embeddings, or a trigger that names it, it does not
SET client_min_messages = notice;
CREATE TABLE print (id int PRIMARY KEY, pen real[], e embedding);
INSERT INTO print SELECT row_number() OVER (), pen, embed(pen, 'm') FROM specimen WHERE genuine;
CREATE INDEX print_e ON print USING siamese (e);
CREATE INDEX print_id ON print (id);
SELECT siamese.index_model('print_e') = model(e) AS of_its_rows FROM print LIMIT 1;
SELECT siamese.index_model('print_id');
SELECT siamese.index_model('print');
CREATE TABLE other (pen real[], e embedding);
CREATE INDEX other_e ON other USING siamese (e);
SELECT siamese.index_model('other_e') IS NULL AS no_rows;
CREATE TABLE exported AS SELECT siamese.export_model('m@2') AS value;
SELECT siamese.import_model('m', value) FROM exported;
SET client_min_messages = error;
CALL siamese.train('m', :'query', 'small', 1, 5);
SELECT meant('m'), max(version) AS newest FROM siamese.model WHERE name = 'm';
SELECT siamese.drop_model('m@4');
SET client_min_messages = notice;
CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON other FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('pen', 'e', 'm');
CREATE TRIGGER fixed BEFORE INSERT OR UPDATE ON print FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('pen', 'e', 'm@1');
SELECT siamese.import_model('m', value) FROM exported;
SELECT siamese.import_model('n', value) FROM exported;
-- the setting names the model of a trigger that does not
CREATE TABLE third (pen real[], e embedding);
CREATE TRIGGER by_setting BEFORE INSERT OR UPDATE ON third FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('pen', 'e');
SET siamese.model = 'm';
SELECT siamese.import_model('m', value) FROM exported;
RESET siamese.model;
DROP INDEX print_e;
ALTER TABLE other DISABLE TRIGGER keep;
SELECT siamese.import_model('m', value) FROM exported;
SELECT meant('m') = 'm@2' AS same_weights;
ALTER TABLE other ENABLE TRIGGER keep;
-- the same weights harm nothing; another calibration of them
SELECT siamese.import_model('m', value) FROM exported;
SET client_min_messages = error;
SELECT siamese.calibrate('m', :'query') IS NOT NULL AS calibrated;
SELECT bool_and(promoted_at IS NOT NULL) AS promoted FROM siamese.model WHERE name = 'm' AND version = (SELECT max(version) FROM siamese.model WHERE name = 'm');
-- but one of a version that the name does not mean
SELECT siamese.calibrate('m@1', :'query') IS NOT NULL AS calibrated;
SELECT bool_and(promoted_at IS NULL) AS not_promoted FROM siamese.model WHERE name = 'm' AND version = (SELECT max(version) FROM siamese.model WHERE name = 'm');
SET client_min_messages = notice;
-- an explicit wish is done, and said
SELECT siamese.promote('m@1') IS NOT NULL AS before;
SELECT meant('m');
-- dropped, renamed
SELECT siamese.rename_model('m', 'k');
SELECT meant('k');

-- errors
SELECT siamese.promote('m@1');
SELECT siamese.promote('k');
SELECT siamese.promote('k@99');
SELECT siamese.promote('k@0');
CALL siamese.train('m', 'SELECT 1', 'small', 1, 1, '{"promote": "yes"}');
UPDATE siamese.model SET finished_at = NULL WHERE name = 'k' AND version = 1;
SELECT siamese.promote('k@1');
CREATE ROLE siamese_reader;
SET ROLE siamese_reader;
SELECT siamese.promote('k@2');
RESET ROLE;
GRANT EXECUTE ON FUNCTION siamese.promote(text) TO siamese_reader;
SET ROLE siamese_reader;
SELECT siamese.promote('k@2');
RESET ROLE;
BEGIN READ ONLY;
SELECT siamese.promote('k@2');
ROLLBACK;
SET client_min_messages = warning;
DROP TABLE specimen, print, other, third, exported;
DROP FUNCTION meant;
DROP EXTENSION siamese;
DROP ROLE siamese_reader;
