-- Who may do what: the owner of a model, a trainer with models of its own, a user, a stranger; and what an administrator takes away.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS siamese;
\set VERBOSITY terse
\set SHOW_CONTEXT never

-- a definition that no network can have
INSERT INTO siamese.network (name, definition) VALUES ('bad', '{"input": {"width": 16, "height": 16}, "layers": [{"type": "dense", "units": -1}]}');
INSERT INTO siamese.network (name, definition) VALUES ('bad', '{"input": {"width": 16, "height": 16}, "layers": [{"type": "conv", "maps": 4, "kernel": 17, "padding": 0}]}');
INSERT INTO siamese.network (name, definition) VALUES ('bad', '[]');
INSERT INTO siamese.network (name, definition) VALUES ('tiny',
	'{"input": {"width": 16, "height": 16}, "layers": [{"type": "dense", "units": 4}], "training": {"classes": 4, "samples": 2, "held_out": 0.4}}');
UPDATE siamese.network SET definition = '{}' WHERE name = 'tiny';

CREATE TABLE specimen AS SELECT row_number() OVER () AS id, signer, image FROM siamese.sample_signatures(8, 3, 2) WHERE genuine;
CREATE ROLE siamese_regress_owner;
CREATE ROLE siamese_regress_trainer;
CREATE ROLE siamese_regress_user;
CREATE ROLE siamese_regress_stranger;
GRANT SELECT ON specimen TO siamese_regress_owner, siamese_regress_trainer, siamese_regress_user, siamese_regress_stranger;
GRANT EXECUTE ON PROCEDURE siamese.train, siamese.resume TO siamese_regress_owner, siamese_regress_trainer;
GRANT EXECUTE ON FUNCTION siamese.import_model, siamese.export_model, siamese.calibrate, siamese.drop_model, siamese.rename_model TO siamese_regress_owner, siamese_regress_trainer;

-- what everybody may read, nobody write, and not everybody call
SELECT c.relname, has_table_privilege('siamese_regress_trainer', c.oid, 'SELECT') AS reads, c.relrowsecurity AS by_row,
	has_table_privilege('siamese_regress_trainer', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') AS writes
	FROM pg_class c WHERE relnamespace = 'siamese'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1;
SELECT p.oid::regprocedure AS not_for_everybody FROM pg_proc p
	WHERE pronamespace = 'siamese'::regnamespace AND NOT has_function_privilege('siamese_regress_stranger', p.oid, 'EXECUTE') ORDER BY proname COLLATE "C", 1;

-- the owner
SET ROLE siamese_regress_owner;
CALL siamese.train('own', 'SELECT image, signer FROM specimen', 'tiny', 1, 1);
SELECT siamese.calibrate('own', 'SELECT image, signer FROM specimen WHERE id > 0');
SELECT name, version, created_by, finished_at IS NOT NULL AS finished FROM siamese.model ORDER BY 1, 2;
SELECT * FROM siamese.model_examples ORDER BY 1, 2;
SELECT model, version, epoch FROM siamese.training;
INSERT INTO siamese.model_examples VALUES ('own', 3, 'DROP TABLE specimen');
UPDATE siamese.model SET created_by = 'postgres';
DELETE FROM siamese.model;
RESET ROLE;
SELECT count(*) AS epochs, (SELECT count(*) FROM siamese.training_state) AS states FROM siamese.training_epoch;

-- a user: embeds, verifies, and learns nothing of the owner's tables
SET ROLE siamese_regress_user;
SELECT dimensions(embed(image, 'own')) AS dimensions, (verify(embed(image, 'own'), embed(image, 'own'))).distance FROM specimen WHERE id = 1;
SELECT count(*) AS texts FROM siamese.model_examples;
SELECT count(*) AS traces FROM siamese.model m WHERE m::text LIKE '%specimen%';
SELECT siamese.export_model('own');
SELECT count(*) FROM siamese.model_weights;
SELECT siamese.drop_model('own');

-- a trainer: not another one's name, a copy under one of its own, which has nothing of the examples
SET ROLE siamese_regress_trainer;
SELECT position('specimen'::bytea IN siamese.export_model('own')) AS traces;
CALL siamese.train('own', 'SELECT image, signer FROM specimen', 'tiny', 1, 1);
SELECT siamese.calibrate('own', 'SELECT image, signer FROM specimen');
SELECT siamese.import_model('own', siamese.export_model('own'));
SELECT siamese.rename_model('own', 'mine');
SELECT siamese.drop_model('own@1');
SET client_min_messages = notice;
SELECT siamese.import_model('copy', siamese.export_model('own'));
SELECT siamese.import_model('copy', siamese.export_model('own@1'));
RESET client_min_messages;
SET client_min_messages = error;
SELECT siamese.calibrate('copy@1', 'SELECT image, signer FROM specimen WHERE id > 1');
CALL siamese.train('other', 'SELECT image, signer FROM specimen', 'tiny', 1, 2);
SELECT name, version, created_by FROM siamese.model ORDER BY 1, 2;
SELECT * FROM siamese.model_examples ORDER BY 1, 2;

-- which calibration counts: of the name that has had the fingerprint for longest, unless the setting names a version
CREATE TEMP TABLE print AS SELECT embed(image, 'own') AS e FROM specimen WHERE id = 1;
CREATE TEMP VIEW counts AS SELECT name, version FROM siamese.model m, print
	WHERE m.fingerprint = model(e) AND (calibration ->> 'threshold')::float8 = (verify(e, e)).threshold AND NOT (name = 'copy' AND version < 3) ORDER BY 1, 2;
RESET ROLE;
UPDATE siamese.model SET calibration = jsonb_set((SELECT calibration FROM siamese.model WHERE name = 'own' AND version = 1), '{threshold}', to_jsonb(CASE name WHEN 'own' THEN 0.1 ELSE 0.2 END + version / 100.0));
SET ROLE siamese_regress_trainer;
SELECT * FROM counts;
SET siamese.model = 'copy';
SELECT * FROM counts;
SET siamese.model = 'own@1';
SELECT * FROM counts;
SET siamese.model = 'other';
SELECT * FROM counts;
SET siamese.model = 'no@name';
SELECT * FROM counts;
RESET siamese.model;

-- rename and drop
SELECT siamese.rename_model('copy', 'own');
SELECT siamese.rename_model('copy', 'a@1');
SELECT siamese.rename_model('nothing', 'mine');
SELECT siamese.rename_model('copy', 'mine');
SELECT siamese.rename_model('other', 'another');
SELECT name, version FROM siamese.model ORDER BY 1, 2;
SELECT name, version, calibration FROM siamese.model_examples ORDER BY 1, 2;
SELECT model, version, epoch FROM siamese.training ORDER BY 1, 2;
SELECT siamese.drop_model('mine@2'), siamese.drop_model('mine');
SELECT siamese.drop_model('mine');
SELECT siamese.drop_model('another@7');
SELECT siamese.drop_model('another');
RESET ROLE;
SELECT name, version FROM siamese.model ORDER BY 1, 2;
SELECT count(DISTINCT fingerprint) AS weights, (SELECT count(*) FROM siamese.model_examples) AS examples, (SELECT count(*) FROM siamese.training_epoch) AS epochs
	FROM siamese.model_weights;

-- a member of the owner's role makes a version for the owner
GRANT siamese_regress_owner TO siamese_regress_trainer;
SET ROLE siamese_regress_trainer;
SELECT siamese.import_model('own', siamese.export_model('own@1'));
SELECT count(*) AS texts FROM siamese.model_examples;
RESET ROLE;
SELECT version, created_by FROM siamese.model ORDER BY 1;
REVOKE siamese_regress_owner FROM siamese_regress_trainer;

-- a training is resumed for the role alone that started it, and with that role's rights
UPDATE siamese.model SET finished_at = NULL WHERE version = 1;
INSERT INTO siamese.training_state SELECT 'own', 1, 1, 1, 16, false, '', 1, 0, 0, 1, 'siamese_regress_owner';
CALL siamese.resume('own@1');
SET ROLE siamese_regress_trainer;
CALL siamese.resume('own@1');
SET ROLE siamese_regress_stranger;
CALL siamese.resume('own@1');
RESET ROLE;
REVOKE SELECT ON specimen FROM siamese_regress_owner;
SET ROLE siamese_regress_owner;
CALL siamese.resume('own@1');
RESET ROLE;
UPDATE siamese.model SET finished_at = now() WHERE version = 1;

-- what another one's function has loaded is not there for who may not read it
GRANT EXECUTE ON FUNCTION siamese.export_model TO siamese_regress_stranger;
CREATE FUNCTION embed_for_all(id int) RETURNS embedding LANGUAGE sql SECURITY DEFINER AS
	$$ SELECT embed(image, 'own') FROM specimen s WHERE s.id = embed_for_all.id $$;
REVOKE SELECT ON siamese.model FROM PUBLIC;
SET ROLE siamese_regress_stranger;
SELECT dimensions(embed_for_all(1));
SELECT embed(image, 'own') FROM specimen WHERE id = 1;
SELECT siamese.export_model('own');
SELECT embed_for_all(1) ~= embed_for_all(1);
SELECT count(*) FROM siamese.training;
SELECT count(*) FROM siamese.training_epoch;
RESET ROLE;
GRANT SELECT ON siamese.model TO PUBLIC;

-- row security on the models holds for all that belongs to them
ALTER TABLE siamese.model ENABLE ROW LEVEL SECURITY;
CREATE POLICY not_for_strangers ON siamese.model FOR SELECT USING (current_user <> 'siamese_regress_stranger');
SET ROLE siamese_regress_stranger;
SELECT dimensions(embed_for_all(1));
SELECT embed(image, 'own') FROM specimen WHERE id = 1;
SELECT siamese.export_model('own');
SELECT verify(embed_for_all(1), embed_for_all(1));
SELECT (SELECT count(*) FROM siamese.model) AS models, (SELECT count(*) FROM siamese.training) AS trainings,
	(SELECT count(*) FROM siamese.training_epoch) AS epochs, (SELECT count(*) FROM siamese.model_examples) AS examples;
SET ROLE siamese_regress_user;
SELECT (SELECT count(*) FROM siamese.model) AS models, (SELECT count(*) FROM siamese.training) AS trainings,
	(SELECT count(*) FROM siamese.training_epoch) AS epochs, (SELECT count(*) FROM siamese.model_examples) AS examples;
RESET ROLE;
DROP POLICY not_for_strangers ON siamese.model;
ALTER TABLE siamese.model DISABLE ROW LEVEL SECURITY;

-- the right to look into the schema, taken while sessions are open
SET ROLE siamese_regress_user;
SELECT dimensions(embed(image, 'own')), embed(image, 'own') ~= embed(image, 'own') AS same FROM specimen WHERE id = 1;
RESET ROLE;
REVOKE USAGE ON SCHEMA siamese FROM PUBLIC;
SET ROLE siamese_regress_user;
SELECT embed(image, 'own') FROM specimen WHERE id = 1;
SELECT embed_for_all(1) ~= embed_for_all(1);
RESET ROLE;
GRANT USAGE ON SCHEMA siamese TO PUBLIC;

-- a definition that was changed is not used with the weights of another one
\c -
SELECT dimensions(embed(image, 'own')) FROM specimen WHERE id = 1;
UPDATE siamese.model SET definition = jsonb_set(definition, '{input,polarity}', '"light"');
\c -
SELECT dimensions(embed(image, 'own')) FROM specimen WHERE id = 1;

SET client_min_messages = error;
DROP EXTENSION siamese CASCADE;
DROP FUNCTION IF EXISTS embed_for_all;
DROP TABLE specimen;
DROP ROLE siamese_regress_owner, siamese_regress_trainer, siamese_regress_user, siamese_regress_stranger;
