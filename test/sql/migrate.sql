-- siamese.migrate_column(): a column moves to another version with its indexes, triggers, type, storage, comment and NOT NULL; what was
-- begun is continued or given up; what would be lost is refused.  test/t/10_migrate.pl does it under load.
\set VERBOSITY default
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS siamese;
INSERT INTO siamese.network (name, definition) VALUES ('small', '{
	"layers": [{"type": "conv", "maps": 2, "kernel": [1, 7], "stride": [1, 3]}, {"type": "tanh"}, {"type": "dense", "units": 6}],
	"input": {"features": ["x", "y", "pressure"], "length": 24, "kind": "pen"}, "join": "cosine", "loss": {"type": "supervised_contrastive"},
	"training": {"classes": 4, "samples": 4, "epoch_samples": 64, "held_out": 0.5}}');
CREATE TABLE specimen AS SELECT signer, sample, pen FROM siamese.sample_signatures(10, 6, 1) WHERE genuine;
CALL siamese.train('m', 'SELECT pen, signer FROM specimen', 'small', 1, 1);
CREATE TABLE print (id int PRIMARY KEY, pen real[], e embedding(6) NOT NULL, signer int);
COMMENT ON COLUMN print.e IS 'whose hand';
ALTER TABLE print ALTER e SET STORAGE main;
CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON print FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('pen', 'e', 'm');
CREATE TRIGGER fixed BEFORE INSERT ON print FOR EACH ROW WHEN (new.signer > 5) EXECUTE FUNCTION siamese.embed_on_write('pen', 'e', 'm@1');
INSERT INTO print SELECT row_number() OVER (), pen, NULL, signer FROM specimen;
CREATE INDEX print_e ON print USING siamese (e) WITH (fillfactor = 80);
CREATE INDEX print_some ON print USING siamese (e) WHERE signer > 3 AND e IS NOT NULL;
CREATE INDEX print_hash ON print USING hash (e);
CREATE INDEX print_model ON print (model(e), signer);
CREATE INDEX print_signer ON print (signer);
CALL siamese.train('m', 'SELECT pen, signer FROM specimen', 'small', 1, 2);
SELECT version, promoted_at IS NOT NULL AS promoted FROM siamese.model ORDER BY 1;
CREATE FUNCTION version_of(model text) RETURNS int LANGUAGE sql AS 'SELECT version FROM siamese.model WHERE fingerprint = $1';
SELECT version_of(siamese.index_model('print_e')), version_of(siamese.index_model('print_some'));

SET client_min_messages = notice;
-- references of the old version, which it names; not those of the new one, of other models, of nobody
CREATE SCHEMA "other people";
CREATE TABLE customer AS SELECT signer, reference(pen, 'm@1') AS signature, reference(embed(pen, 'm@1')) AS small FROM specimen GROUP BY signer;
CREATE TABLE "other people"."in parts" (signer int, "his own" reference) PARTITION BY LIST (signer);
CREATE TABLE part PARTITION OF "other people"."in parts" DEFAULT;
INSERT INTO "other people"."in parts" SELECT signer, CASE signer WHEN 1 THEN reference(pen, 'm@2') WHEN 2 THEN NULL ELSE reference(pen, 'm@1') END FROM specimen GROUP BY signer;
CREATE TABLE unbound AS SELECT reference('[1,2]'::embedding) AS r;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2');
SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull, attstorage, col_description(attrelid, attnum) FROM pg_attribute
	WHERE attrelid = 'print'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum;
SELECT pg_get_indexdef(indexrelid) AS index, indisvalid AND indisready AS usable FROM pg_index WHERE indrelid = 'print'::regclass ORDER BY 1;
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'print'::regclass ORDER BY 1;
SELECT count(*) FROM pg_constraint WHERE conrelid = 'print'::regclass AND contype = 'c';
SELECT count(*) AS rows, bool_and(e = embed(pen, 'm@2')) AS anew, bool_and(e = embed(pen, 'm')) AS promoted FROM print;
SELECT version_of(siamese.index_model('print_e')), version_of(siamese.index_model('print_some'));
SELECT * FROM siamese.index_check('print_e', true);
SELECT count(*) AS runs FROM siamese.embedding_progress;
SET enable_seqscan = off;
SELECT signer FROM print ORDER BY e <-> (SELECT embed(pen, 'm') FROM print WHERE id = 1) LIMIT 1;
RESET enable_seqscan;
INSERT INTO print (id, pen, signer) SELECT 1000 + id, pen, signer FROM print WHERE id < 4;
SELECT count(*), count(DISTINCT model(e)) AS models FROM print;

-- again, to where it is already: everything anew, and nothing to promote
CALL siamese.migrate_column('print', 'pen', 'e', 'm');
-- back, when they are enrolled anew
UPDATE customer c SET signature = (SELECT reference(pen, 'm@2') FROM specimen s WHERE s.signer = c.signer), small = NULL WHERE signer < 10;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@1');
DROP TABLE customer, "other people"."in parts", unbound;
DROP SCHEMA "other people";
SELECT bool_and(e = embed(pen, 'm')) AS promoted, min(version_of(model(e))) AS version FROM print;

-- a row whose sample cannot be embedded would lose its embedding: refused, to be continued or given up
ALTER TABLE print DISABLE TRIGGER keep;
ALTER TABLE print DISABLE TRIGGER fixed;
UPDATE print SET pen = '{{1,2},{3,4}}' WHERE id = 7;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2');
SELECT attname FROM pg_attribute WHERE attrelid = 'print'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum;
SELECT siamese.abandon_migration('print', 'e'), siamese.abandon_migration('print', 'e') AS again;
SELECT attname FROM pg_attribute WHERE attrelid = 'print'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = 'print'::regclass;
SELECT count(*) AS runs FROM siamese.embedding_progress;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2');
UPDATE print SET pen = (SELECT pen FROM print WHERE id = 8) WHERE id = 7;
-- another version than the one that was begun; then with an index that is there already
CALL siamese.migrate_column('print', 'pen', 'e', 'm@1');
SELECT bool_and(e = embed(pen, 'm@1')) AS mended FROM print;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'print'::regclass ORDER BY 1;

-- references are made anew of samples: of a composite key and a window of 3, in partitions with a key of another collation, in the table itself.
-- Left are those without a sample (3 of client), and of course those of the new version, of nobody, and of columns that are not named.
CREATE SCHEMA "other people";
CREATE TABLE client (branch int, signer bigint, signature reference, small reference, visits int NOT NULL DEFAULT 0, PRIMARY KEY (branch, signer));
INSERT INTO client SELECT signer % 2, signer, reference(pen, 'm@1', 3 ORDER BY sample), reference(embed(pen, 'm@1')) FROM specimen WHERE signer < 8 GROUP BY signer;
INSERT INTO client SELECT 0, 8, reference(pen, 'm@2'), NULL FROM specimen WHERE signer = 1;
INSERT INTO client VALUES (1, 9, NULL, NULL);
CREATE TABLE "other people"."in parts" (name text COLLATE "C" PRIMARY KEY, "his own" reference) PARTITION BY RANGE (name);
CREATE TABLE part_1 PARTITION OF "other people"."in parts" FOR VALUES FROM ('a') TO ('n5');
CREATE TABLE part_2 PARTITION OF "other people"."in parts" DEFAULT;
INSERT INTO "other people"."in parts" SELECT 'n' || signer, reference(pen, 'm@1') FROM specimen GROUP BY signer;
ALTER TABLE print ADD own reference;
UPDATE print SET own = (SELECT reference(pen, 'm@1') FROM specimen s WHERE s.signer = print.signer) WHERE id = 1;
-- what is refused is refused before anything is begun
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '[]');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.signature": 1}');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"signature": "SELECT 1"}');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"no_client.signature": "SELECT 1"}');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.visits": "SELECT 1"}');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"part_1.his own": "SELECT 1"}');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"part_1.\"his own\"": "SELECT 1"}');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.signature": "SELECT signer, pen FROM specimen"}');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.signature": "SELECT signer % 2, signer::text, pen FROM specimen"}');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.signature": "SELECT signer % 2, signer, sample FROM specimen"}');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.signature": "SELECT signer % 2, signer, pen FROM specimen ORDER BY signer"}');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.signature": "SELECT 0, 1, pen FROM none"}');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.signature": "DELETE FROM specimen RETURNING 1, 2, pen"}');
CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO client VALUES (7, 7); SELECT 1';
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.signature": "SELECT writes(), 1, pen FROM specimen WHERE signer = 1"}');
ALTER TABLE client DROP CONSTRAINT client_pkey;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.signature": "SELECT signer % 2, signer, pen FROM specimen"}');
ALTER TABLE client ADD PRIMARY KEY (branch, signer);
SELECT siamese.abandon_migration('print', 'e') AS begun;
-- a sample that cannot be used: nothing of the last transaction is kept, and another call goes on
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.signature": "SELECT signer % 2, signer, CASE sample WHEN 2 THEN ''{{1,2}}'' ELSE pen END FROM specimen WHERE signer < 9"}');
SELECT count(*) AS new FROM client WHERE model(signature) = (SELECT fingerprint FROM siamese.model WHERE version = 2);
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{
	"client.signature": "SELECT signer % 2, signer, pen FROM specimen WHERE signer < 9 AND signer <> 3 ORDER BY sample -- the last three count\n;",
	"\"other people\".\"in parts\".\"his own\"": "SELECT CASE WHEN signer < 10 THEN ''n'' || signer END, CASE WHEN signer < 6 THEN pen END FROM specimen ORDER BY sample;\n",
	"print.own": "SELECT p.id, s.pen FROM print p JOIN specimen s USING (signer) WHERE p.id = 1 ORDER BY sample"}');
WITH wanted AS (SELECT signer, reference(pen, 'm@2', 3 ORDER BY sample) AS r FROM specimen GROUP BY signer)
SELECT c.signer, version_of(model(signature)) AS version, signature::text = r::text AS same, version_of(model(small)) AS small FROM client c LEFT JOIN wanted USING (signer) ORDER BY 1;
SELECT name, version_of(model("his own")) AS version, "his own"::text = reference(pen, 'm@2' ORDER BY sample)::text AS same FROM "other people"."in parts" p JOIN specimen s ON name = 'n' || signer
	GROUP BY name, "his own"::text, model("his own") ORDER BY 1;
SELECT count(own), bool_and(own::text = (SELECT reference(pen, 'm@2' ORDER BY sample)::text FROM specimen s WHERE s.signer = print.signer)) AS same FROM print;
SELECT relname FROM pg_class WHERE relname LIKE 'siamese_remade%';
-- nothing is of another version any more, but what was left
DELETE FROM client WHERE signer = 3;
UPDATE client SET small = NULL;
DROP TABLE "other people"."in parts";
DROP SCHEMA "other people";
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2', samples => '{"client.signature": "SELECT 0, 2, pen FROM specimen WHERE signer = 5"}');
SELECT signature::text = reference(pen, 'm@2', 3 ORDER BY sample)::text AS unchanged FROM client c JOIN specimen USING (signer) WHERE signer = 2 GROUP BY signature::text;
ALTER TABLE print DROP own;
DROP TABLE client;
DROP FUNCTION writes;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@1');

-- what is refused
CREATE VIEW seen AS SELECT e FROM print;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2');
DROP VIEW seen;
CALL siamese.migrate_column('print', 'pen', 'signer', 'm@2');
CALL siamese.migrate_column('print', 'pen', 'none', 'm@2');
CALL siamese.migrate_column('print', 'none', 'e', 'm@2');
CALL siamese.migrate_column('print', 'id', 'e', 'm@2');
SELECT siamese.abandon_migration('print', 'e') AS nothing;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@9');
CALL siamese.migrate_column('print', 'pen', NULL, 'm@2');
CALL siamese.migrate_column(1::oid, 'pen', 'e', 'm@2');
BEGIN;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2');
ROLLBACK;
DO $$ BEGIN CALL siamese.migrate_column('print', 'pen', 'e', 'm@2'); END $$;
CREATE TABLE parts (pen real[], e embedding) PARTITION BY LIST (model(e));
CALL siamese.migrate_column('parts', 'pen', 'e', 'm@2');
ALTER TABLE print ADD e_migration int;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2');
CREATE ROLE siamese_other;
SET ROLE siamese_other;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2');
SELECT siamese.abandon_migration('print', 'e');
RESET ROLE;
GRANT EXECUTE ON PROCEDURE siamese.migrate_column(regclass, text, text, text, jsonb) TO siamese_other;
SET ROLE siamese_other;
CALL siamese.migrate_column('print', 'pen', 'e', 'm@2');
CALL siamese.migrate_column('print', 'pen', 'e', 'm@1');
RESET ROLE;
SET client_min_messages = error;
REVOKE EXECUTE ON PROCEDURE siamese.migrate_column(regclass, text, text, text, jsonb) FROM siamese_other;
DROP ROLE siamese_other;
DROP FUNCTION version_of;
DROP TABLE specimen, print, parts;
DROP EXTENSION siamese;
