-- siamese: similarity search that learns.  The installation script; sql/siamese--1.0.sql is a copy.
\echo Use "CREATE EXTENSION siamese" to load this file. \quit

-- ---- embedding: the type, its distances, order and aggregates --------------------------------------------------------

-- ---- siamese: networks, models, training -----------------------------------------------------------------------------

CREATE SCHEMA siamese;
COMMENT ON SCHEMA siamese IS 'administration of the siamese extension: networks, models, training';
GRANT USAGE ON SCHEMA siamese TO PUBLIC;

CREATE TABLE siamese.network (
	name text PRIMARY KEY CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 63),
	definition jsonb NOT NULL,
	description text,
	built_in boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE siamese.network IS 'definitions of networks: input, layers, join, loss, optimizer, training';
COMMENT ON COLUMN siamese.network.built_in IS 'true for those that come with the extension; rows of your own say false and are dumped';
GRANT SELECT ON siamese.network TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.network', 'WHERE NOT built_in');

CREATE TABLE siamese.model (
	name text NOT NULL CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 63 AND pg_catalog.strpos(name, '@') = 0),
	version integer NOT NULL CHECK (version > 0),
	fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{16}$'),
	network text NOT NULL,
	definition jsonb NOT NULL,
	metric text NOT NULL CHECK (metric IN ('l1', 'l2', 'cosine')),
	dimensions integer NOT NULL,
	calibration jsonb NOT NULL,
	scores jsonb NOT NULL,
	examples text NOT NULL,
	seed bigint NOT NULL,
	epochs integer NOT NULL,
	threads integer NOT NULL,
	created_by name NOT NULL DEFAULT current_user,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	finished_at timestamptz,
	PRIMARY KEY (name, version)
);
COMMENT ON TABLE siamese.model IS 'versions of trained models; a version never changes but for its calibration';
COMMENT ON COLUMN siamese.model.fingerprint IS '64 bits of a SHA-256 over definition and weights: what its embeddings carry';
COMMENT ON COLUMN siamese.model.definition IS 'the network as it was trained, with the changes of train()''s options';
COMMENT ON COLUMN siamese.model.calibration IS 'threshold, probability and false-accept rates, fitted on held-out identities';
COMMENT ON COLUMN siamese.model.scores IS 'error rates of the kept epoch on held-out identities';
COMMENT ON COLUMN siamese.model.finished_at IS 'NULL while it is in training: only name@version means it then';
CREATE INDEX model_fingerprint ON siamese.model (fingerprint);
GRANT SELECT ON siamese.model TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.model', '');

CREATE TABLE siamese.model_weights (
	fingerprint text NOT NULL,
	part integer NOT NULL,
	weights bytea NOT NULL,
	PRIMARY KEY (fingerprint, part)
);
ALTER TABLE siamese.model_weights ALTER COLUMN weights SET STORAGE EXTERNAL;
COMMENT ON TABLE siamese.model_weights IS 'weights by fingerprint: little-endian 4-byte floats in parts of 1 MB';
GRANT SELECT ON siamese.model_weights TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.model_weights', '');

CREATE TABLE siamese.training_epoch (
	name text NOT NULL,
	version integer NOT NULL,
	epoch integer NOT NULL,
	loss float8 NOT NULL,
	eer float8 NOT NULL,
	auc float8 NOT NULL,
	images_per_second float8 NOT NULL,
	elapsed interval NOT NULL,
	remaining interval NOT NULL,
	best boolean NOT NULL,
	committed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (name, version, epoch),
	FOREIGN KEY (name, version) REFERENCES siamese.model ON DELETE CASCADE
);
COMMENT ON TABLE siamese.training_epoch IS 'one row an epoch of every training, committed as it goes';
GRANT SELECT ON siamese.training_epoch TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('siamese.training_epoch', '');

CREATE VIEW siamese.training AS
	SELECT e.name AS model, e.version, e.epoch, m.epochs, e.loss, e.eer AS held_out_eer, e.auc AS held_out_auc,
		e.images_per_second, e.elapsed, e.remaining, e.best, e.committed_at
	FROM siamese.training_epoch e JOIN siamese.model m USING (name, version);
COMMENT ON VIEW siamese.training IS
	'one row an epoch (loss, error on held-out identities, speed, elapsed and estimated remaining time), also of trainings that run now';
GRANT SELECT ON siamese.training TO PUBLIC;

CREATE FUNCTION siamese.model_changed() RETURNS trigger LANGUAGE c
	AS 'MODULE_PATHNAME', 'siamese_model_changed';
COMMENT ON FUNCTION siamese.model_changed() IS 'tells every session that siamese.model changed';
CREATE TRIGGER model_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON siamese.model
	FOR EACH STATEMENT EXECUTE FUNCTION siamese.model_changed();

CREATE FUNCTION siamese.model_removed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	DELETE FROM siamese.model_weights w WHERE w.fingerprint = OLD.fingerprint
		AND NOT EXISTS (SELECT FROM siamese.model m WHERE m.fingerprint = w.fingerprint);
	RETURN NULL;
END $$;
COMMENT ON FUNCTION siamese.model_removed() IS 'removes the weights that no version of a model uses any more';
CREATE TRIGGER model_removed AFTER DELETE ON siamese.model
	FOR EACH ROW EXECUTE FUNCTION siamese.model_removed();

-- ---- embed, verify: in the extension's schema ------------------------------------------------------------------------

CREATE FUNCTION embed(image bytea, model text DEFAULT NULL) RETURNS embedding LANGUAGE c STABLE PARALLEL SAFE COST 10000
	AS 'MODULE_PATHNAME', 'siamese_embed_image';
COMMENT ON FUNCTION embed(bytea, text) IS
	'decodes and prepares an image and runs one twin of the model ("name", "name@version", NULL: the setting siamese.model); NULL for a NULL image; an error for what is no image';

CREATE FUNCTION same_identity(a embedding, b embedding) RETURNS boolean LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10
	AS 'MODULE_PATHNAME', 'siamese_same';
COMMENT ON FUNCTION same_identity(embedding, embedding) IS
	'whether the distance is within the threshold of the embeddings'' model, the equal error rate on its held-out identities; an error for unbound embeddings';

CREATE OPERATOR ~= (
	LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = same_identity,
	COMMUTATOR = ~=, RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR ~= (embedding, embedding) IS 'the same identity: distance within the model''s threshold';

CREATE FUNCTION verify(a embedding, b embedding, far float8 DEFAULT NULL,
	OUT same boolean, OUT probability float8, OUT distance float8, OUT threshold float8)
	LANGUAGE c STABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'siamese_verify';
COMMENT ON FUNCTION verify(embedding, embedding, float8) IS
	'is it the same identity?  Decision, calibrated probability (prior one half), distance and threshold; far: a wished false-accept rate, an error when the model''s held-out impostors cannot support it';

-- ---- training, evaluation, preview, generator ------------------------------------------------------------------------

CREATE PROCEDURE siamese.train(model text, examples text, network text DEFAULT 'compact', epochs integer DEFAULT NULL,
	seed bigint DEFAULT 1, options jsonb DEFAULT '{}')
	LANGUAGE c AS 'MODULE_PATHNAME', 'siamese_train';
COMMENT ON PROCEDURE siamese.train(text, text, text, integer, bigint, jsonb) IS
	'trains the next version of a model from a query that returns (sample bytea, label) or (sample, label, genuine boolean); identities are split by seed; commits after each epoch and keeps the one with the lowest held-out error';
REVOKE ALL ON PROCEDURE siamese.train(text, text, text, integer, bigint, jsonb) FROM PUBLIC;

CREATE FUNCTION siamese.evaluate(model text, examples text)
	RETURNS TABLE (impostors text, genuine_pairs bigint, impostor_pairs bigint, eer float8, auc float8, accuracy float8,
		threshold float8, far float8, frr float8)
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_evaluate';
COMMENT ON FUNCTION siamese.evaluate(text, text) IS
	'error rates of a model on other examples, against random impostors (other labels) and skilled ones (forgeries) apart: EER and AUC whatever the threshold, then accuracy (balanced), FAR and FRR at the model''s own threshold';

CREATE FUNCTION siamese.roc(model text, examples text, impostors text DEFAULT 'random')
	RETURNS TABLE (threshold float8, far float8, frr float8)
	LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'siamese_roc';
COMMENT ON FUNCTION siamese.roc(text, text, text) IS
	'false-accept and false-reject rates by threshold; impostors: random (other labels) or skilled (forgeries)';

CREATE FUNCTION siamese.preview(image bytea, model text DEFAULT NULL) RETURNS bytea LANGUAGE c STABLE PARALLEL SAFE COST 1000
	AS 'MODULE_PATHNAME', 'siamese_preview';
COMMENT ON FUNCTION siamese.preview(bytea, text) IS 'a PNG of exactly what the model''s network sees of an image';

CREATE FUNCTION siamese.sample_signatures(signers integer, samples integer, seed bigint DEFAULT 1)
	RETURNS TABLE (signer integer, sample integer, genuine boolean, image bytea, pen real[])
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 COST 5000 AS 'MODULE_PATHNAME', 'siamese_sample_signatures';
COMMENT ON FUNCTION siamese.sample_signatures(integer, integer, bigint) IS
	'made-up signatures from a kinematic pen model: for each signer as many skilled forgeries as genuine samples; image: a PNG; pen: points of x, y (0.01 mm), pressure (0 to 1, 0: pen up), time (seconds)';
