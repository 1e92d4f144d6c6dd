-- Images that are refused: nothing to see, or too much work; a cancel is heard while one is read.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
INSERT INTO siamese.network (name, definition) SELECT 'seen ' || blank, jsonb_build_object(
	'input', '{"width": 24, "height": 16, "polarity": "auto", "crop": "ink"}'::jsonb || jsonb_build_object('blank', blank),
	'layers', '[{"type": "conv", "maps": 4, "kernel": 5, "stride": 2}, {"type": "relu"}, {"type": "max_pool"}, {"type": "dense", "units": 8}]'::jsonb,
	'join', 'l2', 'loss', '{"type": "contrastive"}'::jsonb, 'training', '{"classes": 4, "samples": 3}'::jsonb) FROM unnest('{refuse,keep}'::text[]) blank;
CREATE TABLE page (id int, signer int, image bytea, e embedding(8));
INSERT INTO page SELECT row_number() OVER (), signer, image FROM siamese.sample_signatures(40, 3, 1);
INSERT INTO page VALUES (1000, 1, ('P2 4 4 255' || repeat(' 255', 16))::bytea), (1001, 2, ('P2 5 4 255' || repeat(' 40', 20))::bytea);
-- training, a table's column and the trigger treat such a page as one that cannot be decoded
SET client_min_messages = error;
CALL siamese.train('seen', 'SELECT image, signer FROM page', 'seen refuse', 1, 1);
SET client_min_messages = warning;
SELECT eer IS NOT NULL AS measured FROM siamese.evaluate('seen', 'SELECT image, signer FROM page') LIMIT 1;
SELECT embed(image, 'seen') FROM page WHERE id = 1000;
CALL siamese.embed_table('page', 'image', 'e', 'seen');
SELECT rows, failed FROM siamese.embedding_progress WHERE target = 'public.page';
SELECT array_agg(id) FROM page WHERE e IS NULL;
CREATE TRIGGER keep BEFORE INSERT ON page FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('image', 'e', 'seen');
INSERT INTO page (image) SELECT image FROM page WHERE id = 1001;
DROP TRIGGER keep ON page;
SET client_min_messages = error;
CALL siamese.train('all', 'SELECT image, signer FROM page', 'seen keep', 1, 1);
SET client_min_messages = warning;
SELECT count(DISTINCT embed(image, 'all')) FROM page WHERE id >= 1000;
-- 7,000 x 7,000 pixels in few bytes: many scans are refused, and as many as are allowed can be cancelled
CREATE FUNCTION jpeg(scans int) RETURNS bytea LANGUAGE sql AS $$
	SELECT decode('ffd8ffdb004300' || repeat('01', 64) || 'ffc2000b081b581b5801011100' || 'ffc400140001' || repeat('00', 16) ||
		'ffc400141001' || repeat('00', 15) || 'e0' || 'ffda0008010100000000' || repeat('00', 95704) ||
		repeat('ffda0008010100013f00' || repeat('00', 88) || '7f', scans - 1) || 'ffd9', 'hex') $$;
SELECT embed(jpeg(91), 'all');
\set VERBOSITY sqlstate
SET statement_timeout = '100ms';
SELECT embed(jpeg(20), 'all');
RESET statement_timeout;
\set VERBOSITY default
DROP FUNCTION jpeg;
DROP TABLE page;
DELETE FROM siamese.model WHERE name IN ('seen', 'all');
DELETE FROM siamese.network WHERE name LIKE 'seen %';
DELETE FROM siamese.embedding_run WHERE model = 'seen';
