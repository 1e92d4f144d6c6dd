-- Two sets of rights: siamese.grant_use(role), siamese.grant_train(role), and what takes them back; what each of the two roles may do and
-- may not do; and that row security on models and on users' tables holds in all functions.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS siamese;
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset format unaligned
INSERT INTO siamese.network (name, definition) VALUES ('small', '{
	"layers": [{"type": "conv", "maps": 2, "kernel": [1, 7], "stride": [1, 3]}, {"type": "tanh"}, {"type": "dense", "units": 6}],
	"input": {"features": ["x", "y", "pressure"], "length": 24, "kind": "pen"}, "join": "cosine", "loss": {"type": "supervised_contrastive"},
	"training": {"classes": 4, "samples": 4, "epoch_samples": 64, "held_out": 0.5}}');
CREATE TABLE specimen AS SELECT row_number() OVER () AS id, signer, sample, pen FROM siamese.sample_signatures(10, 6, 1) WHERE genuine;
CALL siamese.train('bank', 'SELECT pen, signer FROM specimen', 'small', 1, 1);
CREATE ROLE siamese_regress_clerk;
CREATE ROLE siamese_regress_analyst;
CREATE ROLE siamese_regress_stranger;
CREATE ROLE siamese_regress_officer;
GRANT SELECT ON specimen TO PUBLIC;
GRANT CREATE ON SCHEMA public TO siamese_regress_clerk, siamese_regress_analyst;
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ': ' || sqlerrm;
END
$$;
-- what a role may do of all that there is: relations by privilege, functions
CREATE FUNCTION rights_of(role name, OUT "right" text, OUT objects text) RETURNS SETOF record LANGUAGE sql AS $$
	SELECT p, string_agg(relname, ' ' ORDER BY relname COLLATE "C") FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
		WHERE relnamespace = 'siamese'::regnamespace AND relkind IN ('r', 'v') AND has_table_privilege(role, c.oid, p) GROUP BY 1
	UNION ALL SELECT 'schema', has_schema_privilege(role, 'siamese', 'USAGE')::text || ' ' || has_schema_privilege(role, 'siamese', 'CREATE')
	UNION ALL SELECT 'EXECUTE', string_agg(proname, ' ' ORDER BY proname COLLATE "C") FROM pg_proc f
		WHERE pronamespace = 'siamese'::regnamespace AND has_function_privilege(role, f.oid, 'EXECUTE')
			AND NOT EXISTS (SELECT FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')
	ORDER BY 1
$$;

-- ---- giving and taking --------------------------------------------------------------------------------------------------

-- everybody may use models at first; from here on only who is named
SELECT "right", objects FROM rights_of('public');
SELECT siamese.revoke_use('public');
SELECT "right", objects FROM rights_of('siamese_regress_stranger');
SELECT siamese.grant_use('siamese_regress_clerk');
SELECT siamese.grant_train('siamese_regress_analyst');
SELECT "right", objects FROM rights_of('siamese_regress_clerk');
SELECT "right", objects FROM rights_of('siamese_regress_analyst');
SELECT siamese.grant_use('siamese_regress_nobody');
SELECT siamese.grant_train('siamese_regress_nobody');
SELECT siamese.revoke_use('siamese_regress_nobody');
SELECT siamese.revoke_train('siamese_regress_nobody; DROP TABLE specimen');
-- only who may execute them gives rights, and an officer who may need not have them
SET ROLE siamese_regress_analyst;
SELECT attempt(format('SELECT siamese.%s(''siamese_regress_stranger'')', f)) FROM unnest('{grant_use,grant_train,revoke_use,revoke_train}'::text[]) f;
RESET ROLE;
GRANT EXECUTE ON FUNCTION siamese.grant_use, siamese.revoke_use TO siamese_regress_officer;
GRANT USAGE ON SCHEMA siamese TO siamese_regress_officer;
SET ROLE siamese_regress_officer;
SELECT siamese.grant_use('siamese_regress_stranger');
SELECT attempt('SELECT count(*) FROM siamese.model'), attempt('SELECT siamese.grant_train(''siamese_regress_stranger'')'), current_user = 'siamese_regress_officer' AS back;
RESET ROLE;
SELECT count(*) FROM rights_of('siamese_regress_stranger');
SET ROLE siamese_regress_officer;
SELECT siamese.revoke_use('siamese_regress_stranger');
RESET ROLE;
SELECT "right", objects FROM rights_of('siamese_regress_stranger');
SET default_transaction_read_only = on;
SELECT siamese.grant_use('siamese_regress_stranger');
RESET default_transaction_read_only;
-- a right that is left is told of
SET client_min_messages = notice;
\set VERBOSITY default
GRANT siamese_regress_analyst TO siamese_regress_stranger;
SELECT siamese.grant_train('siamese_regress_stranger');
SELECT siamese.revoke_train('siamese_regress_stranger');
SELECT siamese.revoke_use('siamese_regress_stranger');
REVOKE siamese_regress_analyst FROM siamese_regress_stranger;
SELECT siamese.revoke_use('siamese_regress_stranger');
\set VERBOSITY terse
SET client_min_messages = error;

-- ---- who may use ----------------------------------------------------------------------------------------------------------

SET ROLE siamese_regress_clerk;
CREATE TABLE customer AS SELECT signer, reference(pen, 'bank' ORDER BY sample) AS signature FROM specimen GROUP BY signer;
CREATE TABLE own (id bigint PRIMARY KEY, pen real[], e embedding);
CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON own FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('pen', 'e', 'bank');
INSERT INTO own SELECT id, pen FROM specimen WHERE id < 9;
ALTER TABLE own DISABLE TRIGGER keep;
INSERT INTO own SELECT id, pen FROM specimen WHERE id >= 9;
CALL siamese.embed_table('own', 'pen', 'e', 'bank');
CREATE INDEX own_e ON own USING siamese (e);
SELECT count(e) AS embedded, (SELECT rows FROM siamese.embedding_progress) AS rows FROM own;
SELECT what, attempt(what) FROM unnest(ARRAY[
	'SELECT verify(a.e, b.e), a.e ~= b.e FROM own a, own b WHERE a.id = 1 AND b.id = 2',
	'SELECT verify(signature, (SELECT e FROM own WHERE id = 1)) FROM customer',
	'UPDATE customer SET signature = reference_update(signature, (SELECT pen FROM specimen WHERE id = 1))',
	'SELECT explain_verification(signature, (SELECT e FROM own WHERE id = 1)) FROM customer',
	'SELECT * FROM siamese.nearest(''own'', ''e'', (SELECT e FROM own WHERE id = 1), 3)',
	'SELECT siamese.preview(pen, ''bank'') FROM own',
	'SELECT siamese.evaluate(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.drift(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.thresholds(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.reliability(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.roc(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.report(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.index_stats(''own_e''), siamese.index_check(''own_e'')',
	'SELECT * FROM siamese.pretrained, siamese.training, siamese.training_progress, siamese.embedding_progress',
	-- and not
	'SELECT siamese.calibrate(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.export_model(''bank'')',
	'SELECT siamese.export_onnx(''bank'')',
	'SELECT siamese.import_model(''bank'', ''x'')',
	'SELECT siamese.import_onnx(''bank'', ''x'')',
	'SELECT siamese.install_model(''pens'')',
	'SELECT siamese.promote(''bank@1'')',
	'SELECT siamese.rename_model(''bank'', ''mine'')',
	'SELECT siamese.drop_model(''bank'')',
	'SELECT weights FROM siamese.model_weights',
	'SELECT bytes FROM siamese.training_state_part',
	'SELECT * FROM siamese.training_state',
	'DELETE FROM siamese.model',
	'UPDATE siamese.model SET created_by = current_user',
	'INSERT INTO siamese.network (name, definition) SELECT ''mine'', definition FROM siamese.network LIMIT 1',
	'INSERT INTO siamese.model_examples VALUES (''bank'', 1, ''SELECT 1'', NULL)']) what;
-- whose words differ by version
SELECT left(attempt('COPY siamese.model_weights TO PROGRAM ''cat'''), 5) AS copy;
SELECT count(*) AS queries FROM siamese.model_examples;
CALL siamese.train('mine', 'SELECT pen, signer FROM specimen', 'small', 1, 1);
CALL siamese.resume('bank');
CALL siamese.train_tracker('mine', 'SELECT 1');
CALL siamese.migrate_column('own', 'pen', 'e', 'bank@1');
RESET ROLE;

-- ---- who may train --------------------------------------------------------------------------------------------------------

SET ROLE siamese_regress_analyst;
CALL siamese.train('mine', 'SELECT pen, signer FROM specimen', 'small', 1, 2);
CALL siamese.train('mine', 'SELECT pen, signer FROM specimen', 'small', 1, 3, '{"promote": false, "start": "bank"}');
CREATE TABLE moved AS SELECT id, pen, embed(pen, 'mine') AS e FROM specimen;
CALL siamese.migrate_column('moved', 'pen', 'e', 'mine@2');
SELECT bool_and(e = embed(pen, 'mine')) AS moved FROM moved;
SELECT what, attempt(what) FROM unnest(ARRAY[
	'SELECT siamese.calibrate(''mine'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.import_model(''copy'', siamese.export_model(''bank''))',
	'SELECT siamese.rename_model(''copy'', ''other'')',
	'SELECT siamese.promote(''mine@1'')',
	'SELECT siamese.drop_model(''other'')',
	'SELECT siamese.install_model(''pens'')',
	'SELECT siamese.drop_model(''pens'')',
	'INSERT INTO siamese.network (name, definition) SELECT ''twin'', definition FROM siamese.network WHERE name = ''small''',
	-- not with another one's name, tables or weights
	'SELECT siamese.calibrate(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.promote(''bank@1'')',
	'SELECT siamese.rename_model(''bank'', ''other'')',
	'SELECT siamese.drop_model(''bank'')',
	'SELECT siamese.import_model(''bank'', siamese.export_model(''mine''))',
	'SELECT weights FROM siamese.model_weights',
	'UPDATE siamese.network SET definition = ''{}''',
	'DELETE FROM siamese.network',
	'SELECT siamese.abandon_migration(''own'', ''e'')',
	'SELECT siamese.evaluate(''mine'', ''SELECT pen, id FROM own'')',
	'SELECT siamese.drift(''mine'', ''SELECT pen, id FROM own'')',
	'SELECT siamese.report(''mine'', ''SELECT pen, id FROM own'')',
	'SELECT siamese.calibrate(''mine'', ''SELECT pen, id FROM own'')',
	'SELECT * FROM siamese.nearest(''own'', ''e'', ''[1]'', 3)']) what;
CALL siamese.migrate_column('own', 'pen', 'e', 'mine@2');
CALL siamese.embed_table('own', 'pen', 'e', 'mine');
CALL siamese.train('mine', 'SELECT pen, id FROM own', 'small', 1, 2);
-- whose columns were filled is for them, and for who may see all that runs
SELECT target, model FROM siamese.embedding_progress;
SELECT count(*) FROM siamese.embedding_run WHERE target = 'public.own';
RESET ROLE;
GRANT pg_read_all_stats TO siamese_regress_analyst;
SET ROLE siamese_regress_analyst;
SELECT target, model FROM siamese.embedding_progress ORDER BY 1;
RESET ROLE;
REVOKE pg_read_all_stats FROM siamese_regress_analyst;
-- back to a user: what was made stays, and cannot be changed
SELECT siamese.revoke_train('siamese_regress_analyst');
SET ROLE siamese_regress_analyst;
SELECT attempt('SELECT siamese.drop_model(''mine'')'), attempt('SELECT embed(pen, ''mine'') FROM specimen');
CALL siamese.train('mine', 'SELECT pen, signer FROM specimen', 'small', 1, 2);
RESET ROLE;
SELECT siamese.grant_train('siamese_regress_analyst');

-- ---- row security on models -------------------------------------------------------------------------------------------------

-- a tracker with an appearance, whose own row may be hidden where the tracker's is not
INSERT INTO siamese.network (name, definition) VALUES ('grey', '{"input": {"width": 16, "height": 16}, "layers": [{"type": "dense", "units": 4}],
	"training": {"classes": 4, "samples": 2, "held_out": 0.4}}');
CREATE TABLE walk AS SELECT video, row_number() OVER () AS id, d.* FROM generate_series(1, 2) video, siamese.sample_detections(6, 30, video) d;
GRANT SELECT ON walk TO PUBLIC;
CALL siamese.train('looks', 'SELECT image, (video, person) FROM walk WHERE person IS NOT NULL', 'grey', 1, 1);
CALL siamese.train_tracker('walkers', 'SELECT video, frame, region, score, person, image FROM walk', 'looks', '{"trees": 5}');
-- all that takes a model, once by somebody who may see none of them but the tracker, in a session that has them in memory already
CREATE FUNCTION warm() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$
	SELECT count(embed(pen, 'bank')) + (SELECT count(embed(image, 'looks')) FROM walk WHERE id < 3) + count(verify(signature, pen))
	FROM specimen JOIN customer USING (signer) WHERE id < 3 $$;
CREATE FUNCTION print(id bigint) RETURNS embedding LANGUAGE sql SECURITY DEFINER AS 'SELECT embed(pen, ''bank'') FROM specimen s WHERE s.id = print.id';
GRANT SELECT ON customer TO siamese_regress_analyst;
ALTER TABLE siamese.model ENABLE ROW LEVEL SECURITY;
CREATE POLICY trackers ON siamese.model FOR SELECT TO siamese_regress_analyst USING (network = 'tracker');
CREATE POLICY everything ON siamese.model FOR SELECT TO siamese_regress_clerk USING (true);
SET ROLE siamese_regress_analyst;
SELECT warm() > 0 AS warm, (SELECT count(*) FROM siamese.model) AS models, (SELECT count(*) FROM siamese.training) AS trainings,
	(SELECT count(*) FROM siamese.training_epoch) AS epochs, (SELECT count(*) FROM siamese.model_examples) AS examples;
SELECT what, attempt(what) FROM unnest(ARRAY[
	'SELECT embed(pen, ''bank'') FROM specimen',
	'SELECT embed(ARRAY[image], ''looks'') FROM walk',
	'SELECT verify(pen, pen, ''bank'') FROM specimen',
	'SELECT verify(image, image, ''looks'') FROM walk',
	'SELECT verify(print(1), print(2))',
	'SELECT print(1) ~= print(2)',
	'SELECT same_ball(print(1))',
	'SELECT verify(signature, print(1)) FROM customer',
	'SELECT verify(signature, pen) FROM customer JOIN specimen USING (signer)',
	'SELECT distance(signature, print(1)) FROM customer',
	'SELECT distance(signature, pen) FROM customer JOIN specimen USING (signer)',
	'SELECT explain_verification(signature, print(1)) FROM customer',
	'SELECT explain_verification(signature, pen, ''bank'') FROM customer JOIN specimen USING (signer)',
	'SELECT reference(pen, ''bank'') FROM specimen',
	'SELECT reference_update(signature, pen) FROM customer JOIN specimen USING (signer)',
	'SELECT reference_unpack(signature::bytea, ''bank'') FROM customer',
	'SELECT siamese.preview(pen, ''bank'') FROM specimen',
	'SELECT siamese.evaluate(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.drift(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.thresholds(''bank'')',
	'SELECT siamese.reliability(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.roc(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.report(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.calibrate(''bank'', ''SELECT pen, signer FROM specimen'')',
	'SELECT siamese.export_model(''bank'')',
	'SELECT siamese.export_onnx(''looks'')',
	'SELECT siamese.track(frame, region, score, embed(image, ''looks''), ''walkers'') OVER () FROM walk',
	'SELECT siamese.link(''SELECT id, frame, region, score, image FROM walk WHERE video = 1'', ''walkers'')',
	'INSERT INTO moved SELECT id, pen, embed(pen, ''bank'') FROM specimen']) what;
CALL siamese.train('mine', 'SELECT pen, signer FROM specimen', 'small', 1, 4, '{"start": "bank"}');
CALL siamese.train_tracker('own', 'SELECT video, frame, region, score, person, image FROM walk', 'looks');
CALL siamese.embed_table('moved', 'pen', 'e', 'bank');
CALL siamese.migrate_column('moved', 'pen', 'e', 'bank@1');
CREATE TRIGGER keep BEFORE INSERT ON moved FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('pen', 'e', 'bank');
SELECT attempt('INSERT INTO moved (id, pen) SELECT id, pen FROM specimen');
SET siamese.model = 'bank';
SELECT attempt('SELECT embed(pen) FROM specimen');
RESET siamese.model;
-- the same by somebody whom the policy lets
SET ROLE siamese_regress_clerk;
SELECT attempt('SELECT embed(pen, ''bank'') FROM specimen'), attempt('SELECT siamese.link(''SELECT id, frame, region, score, image FROM walk WHERE video = 1'', ''walkers'')');
RESET ROLE;
DROP POLICY trackers ON siamese.model;
DROP POLICY everything ON siamese.model;
ALTER TABLE siamese.model DISABLE ROW LEVEL SECURITY;

-- ---- row security on the users' tables ------------------------------------------------------------------------------------------

-- the analyst sees signers 1 to 6 alone, whatever asks, by the index, too
GRANT SELECT, UPDATE ON own TO siamese_regress_analyst;
ALTER TABLE own ADD signer int;
UPDATE own SET signer = s.signer FROM specimen s WHERE s.id = own.id;
ANALYZE own;
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
CREATE POLICY known ON own TO siamese_regress_analyst USING (signer <= 6);
SET ROLE siamese_regress_analyst;
SET enable_seqscan = off;
SELECT max(signer) AS nearest FROM (SELECT signer FROM own ORDER BY e <-> print(60) LIMIT 1000) s;
SELECT max(signer) AS within, count(*) = (SELECT count(*) FROM own) AS visible FROM own WHERE e <@ ball(print(60), 10);
SELECT max(signer) AS same FROM own WHERE e ~= print(60);
SELECT count(*) = (SELECT count(*) FROM own) AS visible, max(s.signer) AS asked FROM siamese.nearest('own', 'e', print(60), 1000) n JOIN specimen s ON s.id = n.id::bigint;
RESET enable_seqscan;
SELECT genuine_pairs, (SELECT count(*) FROM own a JOIN own b USING (signer) WHERE a.id < b.id) AS pairs FROM siamese.evaluate('bank', 'SELECT pen, signer FROM own');
SELECT DISTINCT identities FROM siamese.drift('bank', 'SELECT pen, signer FROM own');
SELECT siamese.calibrate('mine', 'SELECT pen, signer FROM own');
SELECT calibration ->> 'identities' AS identities FROM siamese.model WHERE name = 'mine' ORDER BY version DESC LIMIT 1;
SELECT attempt('SELECT siamese.index_stats(''own_e'')'), attempt('SELECT siamese.index_check(''own_e'')');
RESET ROLE;
-- an estimate does not tell of rows that are hidden: for the analyst it is the same whatever lies there, for the owner it is not
CREATE FUNCTION estimate(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	EXECUTE 'EXPLAIN ' || query INTO line;
	RETURN substring(line FROM 'rows=\d+');
END
$$;
CREATE VIEW estimates AS SELECT count(DISTINCT estimate(format('SELECT FROM own WHERE e <@ ball(%L, %s)', print(id), radius))) AS estimates
	FROM generate_series(1, 60, 7) id, unnest('{0.01,0.1,0.3,1}'::float8[]) radius;
ALTER VIEW estimates SET (security_invoker);
GRANT SELECT ON estimates TO PUBLIC;
SET ROLE siamese_regress_clerk;
SELECT estimates > 1 AS differ FROM estimates;
SET ROLE siamese_regress_analyst;
SELECT * FROM estimates;
-- embed_table writes the rows that the caller sees
RESET ROLE;
DROP INDEX own_e;
SET ROLE siamese_regress_analyst;
CALL siamese.embed_table('own', 'pen', 'e', 'mine');
RESET ROLE;
SELECT signer <= 6 AS visible, model(e) = (SELECT fingerprint FROM siamese.model WHERE name = 'bank' LIMIT 1) AS of_bank, count(*) FROM own GROUP BY 1, 2 ORDER BY 1;

SET client_min_messages = error;
DROP EXTENSION siamese CASCADE;
DROP TABLE customer, own, moved, specimen, walk;
DROP FUNCTION IF EXISTS attempt, rights_of, warm, print, estimate;
REVOKE CREATE ON SCHEMA public FROM siamese_regress_clerk, siamese_regress_analyst;
DROP ROLE siamese_regress_clerk, siamese_regress_analyst, siamese_regress_stranger, siamese_regress_officer;
