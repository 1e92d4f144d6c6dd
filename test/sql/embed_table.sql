-- Columns of embeddings: embed_table, embed_on_write, embed(bytea[]).
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
	"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink"},
	"layers": [{"type": "conv", "maps": 4, "kernel": 5, "stride": 2, "bias": false}, {"type": "batch_norm"}, {"type": "relu"},
		{"type": "max_pool"}, {"type": "dense", "units": 16}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "training": {"classes": 4, "samples": 3}}');
CREATE TABLE specimen (id int GENERATED ALWAYS AS IDENTITY, signer int, image bytea, e embedding);
INSERT INTO specimen (signer, image) SELECT signer, image FROM siamese.sample_signatures(40, 3, 1);
SET client_min_messages = error;	-- what it is worth does not matter here
CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', 1, 1);
SET client_min_messages = warning;

-- what is wrong is said before any work
BEGIN;
CALL siamese.embed_table('specimen', 'image', 'e', 'm');
ROLLBACK;
CALL siamese.embed_table('specimen', 'picture', 'e', 'm');
CALL siamese.embed_table('specimen', 'signer', 'e', 'm');
CALL siamese.embed_table('specimen', 'image', 'signer', 'm');
CALL siamese.embed_table('specimen', 'image', 'e', 'nobody');
CALL siamese.embed_table('specimen', 'image', 'e');
CALL siamese.embed_table('specimen', 'image', 'e', 'm', batch => 0);
CALL siamese.embed_table(NULL, 'image', 'e', 'm');
CALL siamese.embed_table('pg_class', 'relname', 'relname', 'm');
CREATE VIEW looks AS SELECT * FROM specimen;
CALL siamese.embed_table('looks', 'image', 'e', 'm');
DROP VIEW looks;
ALTER TABLE specimen ADD small embedding(8);
CALL siamese.embed_table('specimen', 'image', 'small', 'm');
ALTER TABLE specimen DROP small;

-- bad and missing samples are left out, the others are what embed() gives
UPDATE specimen SET image = 'no image' WHERE id IN (7, 100);
UPDATE specimen SET image = NULL WHERE id = 8;
CALL siamese.embed_table('specimen', 'image', 'e', 'm', batch => 17);
SELECT count(*), count(e), bool_and(e = embed(image, 'm')) AS same FROM specimen WHERE id NOT IN (7, 100);
SELECT id FROM specimen WHERE e IS NULL ORDER BY id;
SELECT target, destination, model, blocks_done = blocks AS complete, rows, failed, finished_at IS NOT NULL AS finished FROM siamese.embedding_progress;

-- called again, it does what is left
UPDATE specimen SET image = (SELECT image FROM specimen WHERE id = 1) WHERE id = 7;
UPDATE specimen SET e = NULL WHERE id < 6;
CREATE TABLE before AS SELECT ctid AS place, * FROM specimen WHERE e IS NOT NULL;
CALL siamese.embed_table('specimen', 'image', 'e', 'm');
SELECT rows, failed FROM siamese.embedding_progress;
SELECT count(*) AS untouched FROM before b JOIN specimen s ON s.ctid = b.place AND s.id = b.id;

-- another version: every row again
SET client_min_messages = error;
CALL siamese.train('m', 'SELECT image, signer FROM specimen WHERE id NOT IN (7, 8, 100)', 'tiny', 1, 2);
SET client_min_messages = warning;
CALL siamese.embed_table('specimen', 'image', 'e', 'm@2', batch => 1000);
SELECT count(*), model(e) = (SELECT fingerprint FROM siamese.model WHERE name = 'm' AND version = 2) AS new FROM specimen WHERE e IS NOT NULL GROUP BY 2;

-- an index with another version's embeddings, of the column itself or of an expression with it, is named before anything is embedded; partial ones are
-- passed over, where they may leave such rows out
CREATE TABLE indexed AS SELECT * FROM specimen WHERE id < 30 AND id <> 8;
CREATE INDEX "in the way" ON indexed USING siamese (e) WHERE e IS NOT NULL;
CALL siamese.embed_table('indexed', 'image', 'e', 'm@1');
SELECT count(*) AS untouched FROM indexed WHERE e = embed(image, 'm@2');
DROP INDEX "in the way";
DO $$ BEGIN EXECUTE format('CREATE INDEX of_two ON indexed USING siamese (e) WHERE model(e) = %L', (SELECT model(e) FROM indexed LIMIT 1)); END $$;
CREATE TABLE empty_indexed (image bytea, e embedding);
CREATE INDEX ON empty_indexed USING siamese (e);
CREATE INDEX ON empty_indexed USING siamese (l2_normalize(e));
-- a trigger that writes another version's: a warning
CREATE TRIGGER writes BEFORE INSERT OR UPDATE ON indexed FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'e', 'm');
CREATE TRIGGER same BEFORE INSERT OR UPDATE ON indexed FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'e', 'm@1');
CREATE TRIGGER no_such BEFORE INSERT ON indexed FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'e', 'nobody');
CREATE TRIGGER other_column BEFORE INSERT ON indexed FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'f', 'm');
CALL siamese.embed_table('indexed', 'image', 'e', 'm@1');
SELECT bool_and(e = embed(image, 'm@1')) AS all FROM indexed;
CALL siamese.embed_table('empty_indexed', 'image', 'e', 'm@1');
CREATE TABLE parted (image bytea, e embedding, signer int) PARTITION BY LIST (signer);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT image, embed(image, 'm@2'), signer FROM indexed;
CREATE INDEX ON parted USING siamese (e);
CALL siamese.embed_table('parted', 'image', 'e', 'm@1');
DROP TABLE indexed, empty_indexed, parted;

-- partitions, odd names, an empty table
CREATE SCHEMA "Odd ""one""";
CREATE TABLE "Odd ""one"""."Speci men" ("the image" bytea, "E" embedding(16), signer int) PARTITION BY LIST (signer);
CREATE TABLE one_part PARTITION OF "Odd ""one"""."Speci men" FOR VALUES IN (1, 2, 3);
CREATE TABLE other_part PARTITION OF "Odd ""one"""."Speci men" DEFAULT;
CREATE TABLE empty_part PARTITION OF "Odd ""one"""."Speci men" FOR VALUES IN (NULL);
INSERT INTO "Odd ""one"""."Speci men" SELECT image, NULL, signer FROM specimen WHERE id NOT IN (8, 100);
SET siamese.model = 'm';
CALL siamese.embed_table('"Odd ""one"""."Speci men"', 'the image', 'E');
RESET siamese.model;
SELECT tableoid::regclass, count(*), count("E") FROM "Odd ""one"""."Speci men" GROUP BY 1 ORDER BY 1;

-- embed of arrays
SELECT cardinality(a), array_ndims(a), a[2] IS NULL AS missing FROM (SELECT embed(ARRAY[(SELECT image FROM specimen WHERE id = 1), NULL, (SELECT image FROM specimen WHERE id = 2)], 'm') AS a) x;
SELECT count(*), bool_and(e = embed(image, 'm')) AS same
	FROM (SELECT array_agg(image ORDER BY id) AS images FROM specimen WHERE id < 50 AND id <> 8) s, LATERAL unnest(images, embed(images, 'm')) x (image, e);
SELECT embed('{}'::bytea[], 'm'), embed(NULL::bytea[], 'm'), array_dims(embed('{NULL,NULL}'::bytea[], 'm'));
SELECT embed(ARRAY['x'::bytea], 'm');

-- one image, one embedding, bit for bit: in batches of any size, of any number of threads, at every level of kernels
CREATE TABLE way (id int, image bytea, compact embedding, small embedding);
INSERT INTO way SELECT id, image FROM specimen WHERE id <= 40 AND id <> 8;
INSERT INTO way SELECT -id, image FROM way;
SET client_min_messages = error;
CALL siamese.train('compact', 'SELECT image, signer FROM specimen WHERE signer < 12 AND id NOT IN (7, 8, 100)', 'compact', 1, 1, '{"training": {"epoch_samples": 64}}');
SET client_min_messages = warning;
CREATE PROCEDURE same_bits(threads int, batch int) LANGUAGE plpgsql AS $$
DECLARE
	level text;
	at_level text := current_setting('siamese.kernel_level');
	differing int := 0;
BEGIN
	PERFORM set_config('siamese.training_threads', threads::text, false);
	FOREACH level IN ARRAY ARRAY['portable', 'neon', 'avx2', 'avx512'] LOOP
		BEGIN
			PERFORM set_config('siamese.kernel_level', level, false);
		EXCEPTION WHEN invalid_parameter_value THEN
			CONTINUE;			-- not this processor
		END;
		UPDATE way SET compact = NULL, small = NULL;
		COMMIT;
		CALL siamese.embed_table('way', 'image', 'compact', 'compact', batch);
		CALL siamese.embed_table('way', 'image', 'small', 'm', batch);
		SELECT differing + count(*) INTO differing FROM way WHERE compact <> embed(image, 'compact') OR small <> embed(image, 'm') OR compact IS NULL;
		SELECT differing + abs(count(DISTINCT compact) - count(DISTINCT image)) INTO differing FROM way;
		SELECT differing + count(*) INTO differing FROM (SELECT array_agg(image ORDER BY id) AS images FROM way) s,
			LATERAL unnest(images, embed(images, 'compact')) x (image, e) WHERE e <> embed(image, 'compact');
	END LOOP;
	PERFORM set_config('siamese.kernel_level', at_level, false);
	RAISE WARNING '% threads, batches of %: % embeddings differ', threads, batch, differing;
END $$;
CALL same_bits(1, 1);
CALL same_bits(2, 3);
CALL same_bits(1, 33);
CALL same_bits(3, 100);
RESET siamese.training_threads;
DROP PROCEDURE same_bits;

-- the trigger
CREATE TABLE kept (id int, image bytea, note text, e embedding);
CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON kept FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'e', 'm');
INSERT INTO kept (id, image) SELECT id, image FROM specimen WHERE id < 4;
INSERT INTO kept (id, image) VALUES (4, NULL);
SELECT k.id, k.e = embed(k.image, 'm') AS same FROM kept k ORDER BY 1;
UPDATE kept SET image = (SELECT image FROM specimen WHERE id = 9) WHERE id = 1;
UPDATE kept SET image = NULL WHERE id = 2;
UPDATE kept SET e = NULL, note = 'source as it was' WHERE id = 3;
UPDATE kept SET image = image || '' WHERE id = 3;
SELECT k.id, k.e = embed(k.image, 'm') AS same, k.e IS NULL AS none FROM kept k ORDER BY 1;
INSERT INTO kept (id, image) VALUES (5, 'no image');
CREATE TRIGGER wrong AFTER INSERT ON kept FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'e', 'm');
INSERT INTO kept (id) VALUES (6);
DROP TRIGGER wrong ON kept;
DROP TRIGGER keep ON kept;
CREATE TRIGGER keep BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image');
INSERT INTO kept (id) VALUES (6);
DROP TRIGGER keep ON kept;
CREATE TRIGGER keep BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'vector');
INSERT INTO kept (id) VALUES (6);
DROP TRIGGER keep ON kept;
CREATE TRIGGER keep BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('note', 'e');
INSERT INTO kept (id) VALUES (6);
DROP TRIGGER keep ON kept;
CREATE TRIGGER keep BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'note');
INSERT INTO kept (id) VALUES (6);
SELECT siamese.embed_on_write();

-- rows that come before the model: who is missing, for which trigger, and what to do
CREATE TABLE early (image bytea, e embedding);
CREATE TRIGGER "Keep it" BEFORE INSERT OR UPDATE ON early FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'e', 'later');
INSERT INTO early (image) SELECT image FROM specimen WHERE id = 1;
COPY early (image) FROM stdin;
\\x00
\.
INSERT INTO early (image) VALUES (NULL);
ALTER TABLE early DISABLE TRIGGER "Keep it";
INSERT INTO early (image) SELECT image FROM specimen WHERE id < 4;
SELECT siamese.import_model('later', siamese.export_model('m'));
ALTER TABLE early ENABLE TRIGGER "Keep it";
CALL siamese.embed_table('early', 'image', 'e', 'later');
INSERT INTO early (image) SELECT image FROM specimen WHERE id = 1;
SELECT count(*), count(e) FROM early;
DELETE FROM siamese.model WHERE name = 'later';
DROP TABLE early;

-- a user who owns the table needs nothing else
CREATE ROLE siamese_regress_owner;
CREATE TABLE own (image bytea, e embedding);
INSERT INTO own SELECT image FROM specimen WHERE id < 4;
ALTER TABLE own OWNER TO siamese_regress_owner;
SET ROLE siamese_regress_owner;
CALL siamese.embed_table('own', 'image', 'e', 'm');
SELECT count(e) FROM own;
CALL siamese.embed_table('kept', 'image', 'e', 'm');
SELECT count(*), count(*) FILTER (WHERE started_by = current_user) AS mine FROM siamese.embedding_progress;
UPDATE siamese.embedding_run SET rows = 0;
SELECT count(*) FROM siamese.embedding_run WHERE rows = 0;
RESET ROLE;
DROP TABLE own;
DROP ROLE siamese_regress_owner;
DROP SCHEMA "Odd ""one""" CASCADE;
DROP TABLE specimen, before, kept, way;
DROP EXTENSION siamese;
