-- The report: a page that stands by itself, whatever the labels say.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
	"input": {"kind": "image", "width": 32, "height": 16, "polarity": "auto", "crop": "ink", "fit": "keep", "normalise": true},
	"layers": [{"type": "conv", "maps": 8, "kernel": 3, "padding": 1}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "dense", "units": 16, "bias": false}, {"type": "l2_norm"}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.01},
	"training": {"classes": 8, "samples": 4, "epochs": 3, "epoch_samples": 320, "held_out": 0.5}}');
CREATE TABLE specimen AS SELECT * FROM siamese.sample_signatures(20, 4, 3);
CALL siamese.train('m <i>&', 'SELECT image, signer, genuine FROM specimen', 'tiny');
CREATE TABLE page AS SELECT siamese.report('m <i>&',
	$$SELECT image, '<script>alert("' || signer || '")</script>&amp;' || chr(9) || 'é日' || chr(65534) || '''', genuine FROM specimen$$) AS html;

-- plain ASCII, well-formed, and nothing in it that runs or is fetched
SELECT html ~ '^[\x01-\x7f]*$' AS ascii, xml_is_well_formed_document(html) AS well_formed, html ~ '^<!DOCTYPE html>' AS html5,
	html ~* '<script|javascript:|\son\w+=' AS runs, html ~* 'https?:|url\(|@import|<link|<iframe|<object' AS fetches FROM page;
CREATE TABLE tree AS SELECT xmlparse(document html) AS x FROM page;
CREATE FUNCTION texts(path text) RETURNS SETOF text LANGUAGE sql AS $$ SELECT unnest(xpath(path, x))::text FROM tree $$;
SELECT texts('/html/head/title/text()'), texts('//h1/bdi/text()');
SELECT texts('//h2/text()');
SELECT texts('//figure/h3/text()');
SELECT count(*) FILTER (WHERE label = '&lt;script&gt;alert("' || n || '")&lt;/script&gt;&amp;amp; é日 ''') > 0 AS labels_as_they_are
	FROM texts('//ul[@class="pairs"]/li/p/bdi[1]/text()') label, generate_series(1, 20) n;
-- who cannot see them is told what the pictures show
SELECT count(*) AS charts, bool_and(length((xpath('/svg/title/text()', s::xml))[1]::text) > 3 AND length((xpath('/svg/desc/text()', s::xml))[1]::text) > 20) AS told
	FROM texts('//svg') s;
SELECT count(*) > 10 AS pictures, bool_and((xpath('/img/@alt', i::xml))[1]::text ~ '^(genuine sample|forgery) of ') AS told,
	bool_and(substr(decode(substr((xpath('/img/@src', i::xml))[1]::text, 23), 'base64'), 1, 8) = '\x89504e470d0a1a0a'
		AND (xpath('/img/@src', i::xml))[1]::text LIKE 'data:image/png;base64,%') AS png FROM texts('//img') i;
-- the numbers are those of the other functions
SELECT impostors, (SELECT array_agg(t) FROM texts('//tbody/tr[th="' || impostors || '"]/td/b/text()') t) @>
		ARRAY[CASE WHEN eer < 0.01 THEN to_char(100 * eer, 'FM0.000') ELSE to_char(100 * eer, 'FM990.00') END || ' %'] AS eer
	FROM siamese.evaluate('m <i>&', 'SELECT image, signer, genuine FROM specimen');
SELECT to_char(100 * max(ece), 'FM990.00') || ' %' IN (SELECT texts('//div[span="Calibration error"]/b/text()')) AS ece
	FROM siamese.reliability('m <i>&', 'SELECT image, signer, genuine FROM specimen', 15);
-- the same again: the same page
SELECT md5(html) = md5(siamese.report('m <i>&',
	$$SELECT image, '<script>alert("' || signer || '")</script>&amp;' || chr(9) || 'é日' || chr(65534) || '''', genuine FROM specimen$$)) AS reproducible FROM page;

-- without forgeries, without a recorded training, with too few people for intervals
DELETE FROM siamese.training_epoch;
TRUNCATE page, tree;
INSERT INTO page SELECT siamese.report('m <i>&', 'SELECT image, signer FROM specimen WHERE genuine AND signer < 4');
INSERT INTO tree SELECT xmlparse(document html) FROM page;
SELECT html ~ 'skilled impostors</span>|Forgeries' AS forgeries, html ~ 'epochs of the training are not recorded' AS no_training, regexp_replace(html, 'base64,[^"]*', '', 'g') ~ 'nan|inf[^o]' AS not_a_number FROM page;
SELECT texts('//figure/h3/text()');
SELECT siamese.report('nothing', 'SELECT image, signer FROM specimen');
SELECT siamese.report('m <i>&', 'SELECT image, 1 FROM specimen');
DROP EXTENSION siamese CASCADE;
DROP TABLE specimen, page, tree;
DROP FUNCTION texts;
