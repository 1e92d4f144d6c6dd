-- The main job, from examples to a decision.  Run by "make demo" on a throw-away server.
-- Synthetic signatures stand for the table that you have: an image, whose it is, and whether it is a known forgery.
SET client_min_messages = notice;
CREATE EXTENSION siamese;

\echo
\echo '1. A table of signatures: 60 people to learn from, 20 others whom the model will never see in training.'
CREATE TABLE specimen (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person int, sample int, genuine boolean, image bytea, pen real[]);
INSERT INTO specimen (person, sample, genuine, image, pen)
	SELECT signer, sample, genuine, image, pen FROM siamese.sample_signatures(80, 10, 7);
SELECT count(DISTINCT person) AS people, count(*) FILTER (WHERE genuine) AS genuine, count(*) FILTER (WHERE NOT genuine) AS forged,
	pg_size_pretty(sum(length(image))) AS images FROM specimen;

\echo '2. The first minute: a pretrained model is installed with the extension.  Before any training it says who is who among the 20.'
SELECT siamese.install_model('signatures');
SELECT round(100 * avg((who.person = q.person)::int), 1) AS "the nearest of 199 other signatures is of the same person, %"
	FROM specimen q, LATERAL (SELECT s.person FROM specimen s WHERE s.person > 60 AND s.genuine AND s.id <> q.id
		ORDER BY embed(s.image, 'signatures') <-> (SELECT embed(q.image, 'signatures')) LIMIT 1) who
	WHERE q.person > 60 AND q.genuine AND q.sample = 1;

\echo '   CALL siamese.train(...): learn from your own people, the first 60; each epoch is measured on some of them that are held out.'
SET maintenance_work_mem = '1GB';
CALL siamese.train('signatures', 'SELECT image, person, genuine FROM specimen WHERE person <= 60', network => 'signature', epochs => 12,
	options => '{"start": "signatures"}');

\echo
\echo '3. Every signature gets its fingerprint, and the fingerprints an exact index.'
ALTER TABLE specimen ADD fingerprint embedding;
UPDATE specimen SET fingerprint = embed(image, 'signatures') WHERE person > 60;
CREATE INDEX ON specimen USING siamese (fingerprint);
SELECT dimensions(fingerprint), metric(fingerprint), model(fingerprint), pg_column_size(fingerprint) AS bytes
	FROM specimen WHERE person > 60 LIMIT 1;

\echo '4. Who is it?  The nearest genuine signatures to one of a person whom the model never saw.'
SELECT s.person, s.sample, round((s.fingerprint <-> q.fingerprint)::numeric, 3) AS distance,
	CASE WHEN s.person = q.person THEN 'the same person' ELSE '' END AS truth
	FROM specimen s, (SELECT * FROM specimen WHERE person = 67 AND genuine AND sample = 1) q
	WHERE s.genuine AND s.person > 60 AND s.id <> q.id
	ORDER BY s.fingerprint <-> q.fingerprint LIMIT 6;

\echo '5. Is it the same person?  Five signatures of each are on file, as one reference; embedding and elastic matching decide.  What is said of two others?'
\echo '   probability: that it is genuine, if half of what is shown is.  distance: in the usual spreads of that person;'
\echo '   up to accept it counts as genuine, beyond reject as forged.'
CREATE TABLE card AS SELECT person, reference(image, 'signatures' ORDER BY sample) AS signature FROM specimen WHERE person > 60 AND genuine AND sample <= 5 GROUP BY person;
SELECT CASE WHEN s.genuine THEN 'genuine' ELSE 'forged' END AS truth, v.answer, round(v.probability::numeric, 3) AS probability,
	round(v.distance::numeric, 2) AS distance, round(v.accept::numeric, 2) AS accept, round(v.reject::numeric, 2) AS reject
	FROM card c JOIN specimen s USING (person), verify(c.signature, s.image) v
	WHERE person = 67 AND sample = 6 ORDER BY s.genuine DESC;

\echo '6. How often is each right, of the 20 people that it never saw?'
CREATE VIEW decision AS
	SELECT CASE WHEN c.person <> s.person THEN 'a stranger''s' WHEN s.genuine THEN 'genuine' ELSE 'forged' END AS truth, c.person, v.answer
	FROM card c JOIN specimen s ON s.person > 60 AND s.sample > 5 AND (s.person = c.person OR s.genuine), verify(c.signature, s.image) v;
SELECT truth, count(*) AS signatures, round(100 * avg((answer = 'genuine')::int), 1) AS "genuine %", round(100 * avg((answer = 'forged')::int), 1) AS "forged %",
	round(100 * avg((answer = CASE truth WHEN 'genuine' THEN 'genuine' ELSE 'forged' END)::int), 1) AS "right %"
	FROM decision GROUP BY truth ORDER BY truth DESC;

\echo '7. Is what is said true?  stated: the share of impostors that the model says to accept at most; found: the share here; missed: genuine ones refused then.'
SELECT round((100 * rate)::numeric, 2) AS "stated %", round((100 * rate_low)::numeric, 1) || ' to ' || round((100 * rate_high)::numeric, 1) AS "interval %",
	impostors, round((100 * far)::numeric, 2) AS "found %", round((100 * frr)::numeric, 1) AS "missed %"
	FROM siamese.thresholds('signatures', 'SELECT image, person, genuine FROM specimen WHERE person > 60 ORDER BY sample', refs => 5) WHERE threshold IS NOT NULL;
\echo '   By how much the stated probability is wrong, on average:'
SELECT round((100 * max(ece))::numeric, 2) AS "calibration error %"
	FROM siamese.reliability('signatures', 'SELECT image, person, genuine FROM specimen WHERE person > 60 ORDER BY sample', refs => 5);

\echo '8. All of it on one page, with curves and the worst mistakes as pictures.'
\pset tuples_only on
\pset format unaligned
\o :report/report.html
SELECT siamese.report('signatures', 'SELECT image, person, genuine FROM specimen WHERE person > 60 ORDER BY sample', refs => 5);
\o
\pset tuples_only off
\pset format aligned

\echo
\echo '9. The same people with a pen on a tablet: another network learns from their movements.'
CALL siamese.train('pens', 'SELECT pen, person, genuine FROM specimen WHERE person <= 60', network => 'pen', epochs => 6);

\echo
\echo '10. Five signatures of each of the 20 others are on file, with their movements.  Embedding and elastic matching decide together; how often is each right?'
CREATE TABLE pen_card AS SELECT person, reference(pen, 'pens' ORDER BY sample) AS signature FROM specimen WHERE person > 60 AND genuine AND sample <= 5 GROUP BY person;
SELECT CASE WHEN f.person <> s.person THEN 'a stranger''s' WHEN s.genuine THEN 'genuine' ELSE 'forged' END AS truth, count(*) AS signatures,
	round(100 * avg((v.answer = 'genuine')::int), 1) AS "genuine %",
	round(100 * avg((v.answer = 'forged')::int), 1) AS "forged %"
	FROM pen_card f JOIN specimen s ON s.person > 60 AND s.sample > 5 AND (s.person = f.person OR s.genuine), verify(f.signature, s.pen) v
	GROUP BY 1 ORDER BY 1 DESC;

\echo '11. Why was a forgery of person 67 refused?  Where it differs most from how that person writes.'
SELECT section, property, round(contribution::numeric, 3) AS contribution
	FROM pen_card f JOIN specimen s USING (person), explain_verification(f.signature, s.pen, 'pens')
	WHERE person = 67 AND NOT genuine AND sample = 6 ORDER BY contribution DESC LIMIT 4;

\echo
\echo '12. Something else: people in a video.  They cross and hide one another; a detector sees most of them, and some who are not there.'
CREATE TABLE detection AS SELECT video, row_number() OVER () AS id, d.*
	FROM generate_series(1, 4) video, siamese.sample_detections(people => 12, frames => 150, seed => video) d;
SELECT video, count(DISTINCT frame) AS frames, count(*) AS detections, count(DISTINCT person) AS people, count(*) FILTER (WHERE person IS NULL) AS "nobody there"
	FROM detection GROUP BY 1 ORDER BY 1;

\echo '13. From three of the videos, a network learns what tells people apart, and a tracker how they move; the fourth is new to both.'
CALL siamese.train('looks', 'SELECT image, (video, person) FROM detection WHERE video < 4 AND person IS NOT NULL', network => 'patch', epochs => 2);
CALL siamese.train_tracker('walkers', 'SELECT video, frame, region, score, person, image FROM detection WHERE video < 4', appearance => 'looks',
	options => '{"frame_rate": 15}');

\echo
\echo '14. Who is who in the fourth video?  All of its detections at once: false ones left out, gaps filled.'
CREATE TABLE track AS SELECT * FROM siamese.link('SELECT id, frame, region, score, image FROM detection WHERE video = 4', 'walkers', '{"frame_rate": 15}');
SELECT (SELECT count(DISTINCT track) FROM track) AS tracks, round((100 * idf1)::numeric, 1) AS "identities right (IDF1) %", switches AS "changes of identity"
	FROM siamese.track_quality('SELECT frame, person, region FROM detection WHERE video = 4 AND person IS NOT NULL',
		'SELECT frame, track, region FROM track WHERE NOT interpolated');

\pset tuples_only on
\pset format unaligned
\o :report/tracks.svg
WITH shown AS (
	SELECT track, image, number / 8 + 1 AS x, dense_rank() OVER (ORDER BY track) AS y
	FROM (SELECT *, row_number() OVER (PARTITION BY track ORDER BY frame) - 1 AS number FROM track WHERE NOT interpolated) t
		JOIN detection d ON d.id = t.id::bigint
	WHERE number % 8 = 0)
SELECT format('<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" font-family="sans-serif" font-size="14">', 60 + 44 * max(x), 20 + 90 * max(y))
	|| string_agg(format('<image x="%s" y="%s" width="40" height="80" preserveAspectRatio="xMidYMid meet" href="data:image/png;base64,%s"/>',
		16 + 44 * x, 90 * y - 75, replace(encode(image, 'base64'), E'\n', '')), '' ORDER BY y, x)
	|| string_agg(DISTINCT format('<text x="10" y="%s">%s</text>', 90 * y - 32, track), '') || '</svg>' FROM shown;
\o
\pset tuples_only off
\pset format aligned
