-- siamese: the upgrade from 1.0 to 1.1.  make writes it as sql/siamese--1.0--1.1.sql, by sql/assemble.awk, which tells what
-- the lines "-- take" and "-- replace" mean.  test/t/12_upgrade.pl shows that the result is that of a fresh installation.
\echo Use "ALTER EXTENSION siamese UPDATE TO '1.1'" to load this file. \quit

-- ---- what could not go on ---------------------------------------------------------------------------------------------

DO $$
DECLARE
	names text := (SELECT pg_catalog.string_agg(pg_catalog.format('"%s"', n.name), ', ' ORDER BY n.name) FROM siamese.network n
		WHERE NOT n.built_in AND n.name OPERATOR(pg_catalog.=) ANY (ARRAY['patch', 'photo', 'tracking_joint', 'tracking_joint_plain',
			'tracking_in_network', 'tracking_in_network_plain', 'tracking_cost']));
	trainings text := (SELECT pg_catalog.string_agg(pg_catalog.format('%s@%s', s.name, s.version), ', ' ORDER BY s.name, s.version)
		FROM siamese.training_state s);
BEGIN
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'networks of your own have names that siamese 1.1 uses: %', names
			USING ERRCODE = 'duplicate_object', HINT = 'UPDATE siamese.network SET name = ... WHERE name = ... renames one; models that it trained keep their definition.';
	END IF;
	IF trainings IS NOT NULL THEN
		RAISE WARNING 'trainings that 1.0 began cannot be resumed: %', trainings
			USING HINT = 'What they have kept so far can be used by its version, and in a new training as the option "start".';
	END IF;
END $$;

-- ---- embeddings -------------------------------------------------------------------------------------------------------

-- replace FUNCTION @extschema@.embedding(real[]
-- replace FUNCTION @extschema@.embedding(double precision[]
-- take FUNCTION @extschema@.embedding(numeric[]
-- take FUNCTION @extschema@.embedding(integer[]
-- take CAST (numeric[]
-- take CAST (integer[]
DROP FUNCTION @extschema@.to_embedding(real[], text);
-- take FUNCTION @extschema@.to_embedding
-- take FUNCTION @extschema@.l2_norm
-- take FUNCTION @extschema@.l2_normalize
-- take FUNCTION @extschema@.embedding_concat
-- take OPERATOR @extschema@.||

-- ---- networks ---------------------------------------------------------------------------------------------------------

DELETE FROM siamese.network WHERE built_in;
-- take ROWS siamese.network
-- take FUNCTION siamese.network_check
-- take TRIGGER network_check

-- ---- models -----------------------------------------------------------------------------------------------------------

DROP TRIGGER model_changed ON siamese.model;
DROP FUNCTION siamese.model_changed();

-- A pair network has no embeddings, a tracker no calibration.
ALTER TABLE siamese.model
	ALTER COLUMN metric DROP NOT NULL,
	ALTER COLUMN dimensions DROP NOT NULL,
	ALTER COLUMN calibration DROP NOT NULL,
	ALTER COLUMN created_at SET DEFAULT pg_catalog.clock_timestamp(),
	ADD COLUMN promoted_at timestamptz,
	ADD CONSTRAINT model_check CHECK (CASE WHEN pg_catalog.jsonb_extract_path_text(definition, 'kind') IS NOT DISTINCT FROM 'tracker'
		THEN metric IS NULL AND dimensions IS NULL AND calibration IS NULL
		ELSE (metric IS NULL) = (dimensions IS NULL) END);
-- Until 1.0 a name meant the version that was finished last; its owner is the role that made its first version.
UPDATE siamese.model m SET promoted_at = m.finished_at, created_by = (SELECT o.created_by FROM siamese.model o
	WHERE o.name OPERATOR(pg_catalog.=) m.name ORDER BY o.version USING OPERATOR(pg_catalog.<) LIMIT 1);
ALTER TABLE siamese.model ALTER COLUMN promoted_at SET DEFAULT pg_catalog.clock_timestamp();

-- The queries of examples, which everybody could read.
-- take TABLE siamese.model_examples
INSERT INTO siamese.model_examples (name, version, training)
	SELECT m.name, m.version, m.examples FROM siamese.model m WHERE m.examples IS NOT NULL;
ALTER TABLE siamese.model DROP COLUMN examples;

-- Weights and checkpoints are read by functions, for those who may read the row of the model.
REVOKE SELECT ON siamese.model_weights FROM PUBLIC;

ALTER TABLE siamese.training_epoch RENAME COLUMN best TO kept;
ALTER TABLE siamese.training_epoch DROP CONSTRAINT training_epoch_name_version_fkey;
ALTER TABLE siamese.training_epoch ADD FOREIGN KEY (name, version) REFERENCES siamese.model ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE siamese.training_epoch ENABLE ROW LEVEL SECURITY;
-- take POLICY read ON siamese.training_epoch

-- A checkpoint of 1.0 has other parts.
DELETE FROM siamese.training_state_part;
DELETE FROM siamese.training_state;
ALTER TABLE siamese.training_state RENAME COLUMN best_epoch TO kept_epoch;
ALTER TABLE siamese.training_state RENAME COLUMN best_error TO least_eer;
ALTER TABLE siamese.training_state ADD COLUMN started_by name NOT NULL;

ALTER VIEW siamese.training RENAME COLUMN best TO kept;
-- replace VIEW siamese.training
-- take FUNCTION siamese.running_trainings
-- take VIEW siamese.training_progress

-- replace FUNCTION siamese.model_removed
-- take FUNCTION siamese.drop_model
-- take TABLE siamese.pretrained
-- take FUNCTION siamese.install_model
-- take FUNCTION siamese.rename_model
-- take FUNCTION siamese.promote

-- ---- embed, verify ----------------------------------------------------------------------------------------------------

DROP FUNCTION @extschema@.embed(real[], text);
-- take FUNCTION @extschema@.embed(pen anyarray
-- take FUNCTION @extschema@.same_ball
-- take FUNCTION @extschema@.verify(a bytea
-- take FUNCTION @extschema@.verify(a anyarray
-- take PROCEDURE siamese.migrate_column
-- take FUNCTION siamese.abandon_migration
-- take FUNCTION siamese.export_onnx
-- take FUNCTION siamese.import_onnx
-- take FUNCTION siamese.index_model
-- take FUNCTION siamese.nearest

-- ---- rights -----------------------------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION siamese.export_model(text) FROM PUBLIC;
-- take FUNCTION siamese.grant_use
-- take FUNCTION siamese.grant_train
-- take FUNCTION siamese.revoke_use
-- take FUNCTION siamese.revoke_train
-- Everybody could see whose columns were filled.
DROP POLICY read ON siamese.embedding_run;
-- take POLICY read ON siamese.embedding_run
-- replace VIEW siamese.embedding_progress

-- ---- references -------------------------------------------------------------------------------------------------------

-- take FUNCTION @extschema@.distance(reference @extschema@.reference, image
-- take FUNCTION @extschema@.verify(reference @extschema@.reference, image
-- take FUNCTION @extschema@.reference_add(internal, bytea, text
-- take AGGREGATE @extschema@.reference(bytea
-- take FUNCTION @extschema@.reference_update(reference @extschema@.reference, image
-- take FUNCTION @extschema@.distance(reference @extschema@.reference, pen
-- take FUNCTION @extschema@.verify(reference @extschema@.reference, pen
-- take FUNCTION @extschema@.reference_add(internal, anyarray, text
-- take AGGREGATE @extschema@.reference(anyarray
-- take FUNCTION @extschema@.reference_update(reference @extschema@.reference, pen
DROP FUNCTION @extschema@.explain_verification(@extschema@.reference, real[], text);
-- take FUNCTION @extschema@.explain_verification(reference @extschema@.reference, pen

-- ---- evaluation, tracking, pens ---------------------------------------------------------------------------------------

DROP FUNCTION siamese.thresholds(text, text, bigint);
-- take FUNCTION siamese.thresholds
DROP FUNCTION siamese.reliability(text, text, integer, bigint);
-- take FUNCTION siamese.reliability
-- take FUNCTION siamese.drift
DROP FUNCTION siamese.report(text, text, bigint);
-- take FUNCTION siamese.report
DROP FUNCTION siamese.roc(text, text, text);
-- take FUNCTION siamese.roc
-- take FUNCTION siamese.crop
-- take FUNCTION siamese.track_quality
-- take FUNCTION @extschema@.dtw_distance
-- replace PROCEDURE siamese.train
-- take PROCEDURE siamese.train_tracker
-- take FUNCTION siamese.track
-- take FUNCTION siamese.link
DROP FUNCTION siamese.preview(real[], text);
-- take FUNCTION siamese.preview(pen
-- take FUNCTION siamese.sample_detections

-- take COMMENTS
