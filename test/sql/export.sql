-- Models as plain data: export_model, import_model.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
CREATE TABLE specimen AS SELECT signer, sample, genuine, image FROM siamese.sample_signatures(6, 4, 1);
INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
	"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink"},
	"layers": [{"type": "conv", "maps": 4, "kernel": 5, "stride": 2, "bias": false}, {"type": "batch_norm"}, {"type": "relu"},
		{"type": "max_pool"}, {"type": "dense", "units": 16}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "training": {"classes": 4, "samples": 3}}');
CALL siamese.train('signatures', 'SELECT image, signer FROM specimen WHERE genuine', 'tiny', 1, 1);
CREATE TABLE exported AS SELECT siamese.export_model('signatures') AS value;
ALTER TABLE exported ALTER value SET STORAGE external;

-- the same network under another name: same fingerprint, same embeddings, same calibration
SELECT siamese.import_model('twins', value) FROM exported;
SELECT siamese.import_model('twins', value) FROM exported;
SELECT count(*) AS rows, count(DISTINCT fingerprint) AS fingerprints, count(DISTINCT calibration) AS calibrations,
	count(DISTINCT definition) AS definitions, (SELECT count(*) FROM siamese.model_examples) AS queries, count(finished_at) AS finished FROM siamese.model;
SELECT count(DISTINCT fingerprint) AS weights FROM siamese.model_weights;
SELECT bool_and(embed(image, 'signatures') = embed(image, 'twins')) AS equal FROM specimen;
SELECT siamese.export_model('twins@2') IS DISTINCT FROM siamese.export_model('twins') AS differs, siamese.export_model(NULL) IS NULL AS strict;

-- without the first model and its weights, from the value alone
CREATE TABLE before AS SELECT signer, sample, genuine, embed(image, 'signatures') AS e FROM specimen;
DELETE FROM siamese.model;
SELECT count(*) AS weights FROM siamese.model_weights;
SELECT siamese.import_model('signatures', value) FROM exported;
SELECT bool_and(b.e = embed(s.image, 'signatures')) AS equal, bool_and((verify(b.e, b.e)).same) AS verifies
	FROM before b JOIN specimen s USING (signer, sample, genuine);

-- any byte that is changed, lost or added is an error, with nothing written
CREATE FUNCTION refused(value bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM siamese.import_model('bad', value);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || SQLERRM || ': ' || detail;
END $$;
SELECT count(*) > 500 AS many, count(DISTINCT split_part(refused(set_byte(value, place, get_byte(value, place) # (1 << place % 8))), ' ', 1)) AS states,
	bool_and(refused(set_byte(value, place, get_byte(value, place) # (1 << place % 8))) IS NOT NULL) AS refused
	FROM exported, generate_series(0, length(value) - 1, 7) place;
SELECT bool_and(refused(substr(value, 1, bytes)) IS NOT NULL) AS cut FROM exported, generate_series(0, length(value) - 1, 61) bytes;
SELECT refused(value || '\x00') FROM exported;
SELECT refused('');
SELECT refused(set_byte(value, 14, ascii('2'))) FROM exported;

-- forged: the digest is right, a field is not
CREATE FUNCTION header(value bytea) RETURNS jsonb LANGUAGE sql AS
	$$ SELECT convert_from(substr(value, 21, ('x' || encode(substr(value, 17, 4), 'hex'))::bit(32)::int), 'UTF8')::jsonb $$;
CREATE FUNCTION forge(value bytea, header text, parts bytea DEFAULT NULL) RETURNS bytea LANGUAGE sql AS $$
	SELECT body || sha256(body) FROM (SELECT substr(value, 1, 16) || int4send(octet_length(header)) || convert_to(header, 'UTF8') ||
		coalesce(parts, substr(value, 21 + ('x' || encode(substr(value, 17, 4), 'hex'))::bit(32)::int,
			length(value) - 52 - ('x' || encode(substr(value, 17, 4), 'hex'))::bit(32)::int)) AS body) b $$;
SELECT refused(forge(value, header(value)::text)) IS NULL AS accepted FROM exported;
SELECT what, refused(forge(value, CASE WHEN what = 'definition' THEN
		jsonb_set(header(value), '{definition,loss,temperature}', '0.2') WHEN what = 'layers' THEN
		jsonb_set(header(value), '{definition,layers}', '[{"type": "dense", "units": 1000000000}]')
		ELSE header(value) || jsonb_build_object(what, content) END::text))
	FROM exported, (VALUES ('network', '""'::jsonb), ('network', '7'), ('network', to_jsonb(repeat('x', 64))), ('metric', '"l1"'), ('dimensions', '17'),
		('dimensions', '-1'), ('dimensions', '1e400'), ('weights', '1'), ('weights', '9223372036854775807'), ('fingerprint', '"0123456789abcdef"'),
		('fingerprint', '"x"'), ('seed', '1.5'), ('epochs', '0'), ('threads', '"two"'), ('calibration', '[]'), ('calibration', '{}'),
		('scores', 'null'), ('definition', NULL), ('layers', NULL)) AS changed (what, content);
SELECT refused(forge(value, '[]')), refused(forge(value, '{')), refused(forge(value, '')) FROM exported;
SELECT refused(forge(value, header(value)::text, parts)) FROM exported,
	LATERAL (SELECT substr(value, 21 + octet_length(header(value)::text), length(value) - 52 - octet_length(header(value)::text)) AS good) g,
	LATERAL (VALUES (''::bytea), (set_byte(good, 3, 0)), (overlay(good PLACING '\x0000c07f' FROM 5)), (overlay(good PLACING '\x00000000' FROM 5)), (good || good)) p (parts);

-- names and rights
\set SHOW_CONTEXT never
SELECT siamese.import_model('a@1', value) FROM exported;
SELECT siamese.import_model('', value) FROM exported;
SELECT siamese.export_model('nobody');
CREATE ROLE siamese_regress_reader;
GRANT SELECT ON exported TO siamese_regress_reader;
SET ROLE siamese_regress_reader;
SELECT siamese.import_model('mine', value) FROM exported;
SELECT siamese.export_model('signatures');
RESET ROLE;
GRANT EXECUTE ON FUNCTION siamese.export_model(text) TO siamese_regress_reader;
SET ROLE siamese_regress_reader;
SELECT length(siamese.export_model('signatures')) > 1000 AS readable;
RESET ROLE;
REVOKE SELECT ON siamese.model FROM PUBLIC;
SET ROLE siamese_regress_reader;
SELECT siamese.export_model('signatures');
RESET ROLE;
GRANT SELECT ON siamese.model TO PUBLIC;
REVOKE ALL ON FUNCTION siamese.export_model(text) FROM siamese_regress_reader;
REVOKE ALL ON exported FROM siamese_regress_reader;
DROP ROLE siamese_regress_reader;
SELECT name, version FROM siamese.model ORDER BY 1, 2;
DROP FUNCTION refused, header, forge;
DROP TABLE specimen, exported, before;
DROP EXTENSION siamese;
