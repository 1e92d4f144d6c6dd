-- Models that are installed with the extension: they embed and verify at once, and a training can begin from them.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
SET client_min_messages = notice;
SELECT name, network, purpose <> '' AND trained_on <> '' AND not_for <> '' AND errors ~ '%' AS has_card FROM siamese.pretrained ORDER BY 1;
SELECT siamese.install_model(name) FROM siamese.pretrained ORDER BY name;
SELECT p.name, m.version, m.fingerprint = p.fingerprint AS as_listed, m.network = p.network AS same_network, m.calibration <> '{}' AS calibrated,
	m.scores ? 'random' AS scored FROM siamese.pretrained p JOIN siamese.model m USING (name) ORDER BY 1;
SELECT siamese.install_model('pens');
-- signers whom nobody has seen: chance would be 0.5
SELECT impostors, eer < 0.12 AS good FROM siamese.evaluate('pens', 'SELECT pen, signer FROM siamese.sample_signatures(16, 6, 4711) WHERE genuine');
SELECT impostors, eer < 0.12 AS good FROM siamese.evaluate('signatures', 'SELECT image, signer FROM siamese.sample_signatures(16, 6, 4711) WHERE genuine');
SELECT impostors, eer < 0.3 AS good FROM siamese.evaluate('characters', 'SELECT image, signer FROM siamese.sample_signatures(16, 6, 4711) WHERE genuine');
-- its weights are a beginning for those of one's own people
SET client_min_messages = error;
CALL siamese.train('own', 'SELECT pen, signer, genuine FROM siamese.sample_signatures(16, 6, 4712)', 'pen', 1, 1, '{"start": "pens", "training": {"held_out": 0.3}}');
SET client_min_messages = notice;
SELECT options ->> 'start' AS start FROM siamese.model WHERE name = 'own';
-- no other file, whatever the name
SELECT siamese.install_model('none');
SELECT siamese.install_model('../siamese--1.0.sql');
SELECT siamese.install_model('/etc/passwd');
CREATE ROLE regress_pretrained;
SET ROLE regress_pretrained;
SELECT name FROM siamese.pretrained ORDER BY 1;
SELECT siamese.install_model('pens');
RESET ROLE;
DROP ROLE regress_pretrained;
SELECT siamese.drop_model(name) FROM siamese.pretrained UNION ALL SELECT siamese.drop_model('own');
