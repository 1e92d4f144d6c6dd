-- trackers: trained, stored, exported; siamese.track() and siamese.link() on made-up videos
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
RESET client_min_messages;
-- five walkers a video, each with a speed of its own; some detections are missing, some are nobody
CREATE FUNCTION noise(a text) RETURNS float8 IMMUTABLE LANGUAGE sql AS $$SELECT ('x' || substr(md5(a), 1, 8))::bit(32)::int / 2147483648.0$$;
CREATE TABLE walk AS
	SELECT video, frame, walker, 40 + 5 * walker + noise(video || 's' || walker) AS h,
		60 * walker + (walker % 2 * 2 - 1) * (2 + noise(video || 'v' || walker)) * frame + noise(concat(video, walker, 'x', frame)) AS x,
		100 + 12 * walker + noise(concat(video, walker, 'y', frame)) AS y
	FROM unnest('{a,b,c}'::text[]) video, generate_series(1, 60) frame, generate_series(1, 5) walker;
CREATE TABLE seen AS
	SELECT row_number() OVER (ORDER BY video, frame, walker) AS id, * FROM (
	SELECT video, frame, walker, box(point(x, y), point(x + h * 0.4, y + h)) AS region, 10 + 3 * noise(concat(video, walker, 'q', frame)) AS score
		FROM walk WHERE noise(concat(video, walker, 'm', frame)) < 0.8
	UNION ALL
	SELECT video, frame, NULL, box(point(x, 100), point(x + 10 + 10 * n, 130 + 20 * n)), 6 + 3 * n
		FROM (SELECT video, frame, 150 + 150 * noise(concat(video, 'f', frame)) AS x, noise(concat(video, 'n', frame)) AS n
			FROM unnest('{a,b,c}'::text[]) video, generate_series(1, 60) frame) f WHERE n > 0.2) d;

\set VERBOSITY terse
CALL siamese.train_tracker('walkers', 'SELECT video, frame, region, score, walker FROM seen WHERE video <> ''c''', options => '{"trees": 30}');
SELECT name, version, network, metric, dimensions, calibration, epochs, options FROM siamese.model;
-- the same examples give the same model, in whatever order they come
CALL siamese.train_tracker('again', 'SELECT video, frame, region, score, walker FROM seen WHERE video <> ''c'' ORDER BY video, frame, id', NULL, '{"trees": 30}');
\set VERBOSITY default
SELECT count(DISTINCT fingerprint) FROM siamese.model;
SELECT siamese.import_model('copy', siamese.export_model('walkers'));
SELECT count(DISTINCT fingerprint), count(*) FROM siamese.model;
SELECT siamese.drop_model('again'), siamese.rename_model('copy', 'imported');

-- a window function: each video is linked by itself; the order of the rows does not matter
CREATE TABLE tracked AS SELECT *, siamese.track(frame, region, score, NULL, 'walkers') OVER (PARTITION BY video) AS track FROM seen;
SELECT count(DISTINCT track) AS tracks, count(*) FILTER (WHERE (track IS NULL) <> (walker IS NULL)) < 20 AS right FROM tracked WHERE video = 'c';
SELECT round(idf1::numeric, 1) > 0.9 AS idf1, switches < 3 AS switches FROM siamese.track_quality('SELECT frame, walker, region FROM seen WHERE video = ''c'' AND walker IS NOT NULL',
	'SELECT frame, track, region FROM tracked WHERE video = ''c'' AND track IS NOT NULL');
SELECT count(*) FROM (SELECT id, siamese.track(frame, region, score, NULL, 'imported', 25) OVER (PARTITION BY video) AS track
	FROM (SELECT * FROM seen ORDER BY noise(id::text)) s) s JOIN tracked USING (id) WHERE s.track IS DISTINCT FROM tracked.track;
-- nor does it matter that a partition does not fit into memory
SET work_mem = '64kB';
SELECT count(*) FROM (SELECT id, siamese.track(frame, region, score, NULL, 'walkers') OVER (PARTITION BY video) AS track FROM seen) s JOIN tracked USING (id) WHERE s.track IS DISTINCT FROM tracked.track;
RESET work_mem;
-- rows without a frame, a region or a score are no detections
SELECT count(track), count(*) FROM (SELECT siamese.track(CASE WHEN id % 3 <> 0 THEN frame END, CASE WHEN id % 3 <> 1 THEN region END,
	CASE WHEN id % 3 <> 2 THEN score END, NULL, 'walkers') OVER () AS track FROM seen WHERE video = 'c') t;
SELECT siamese.track(frame, region, score, NULL, 'walkers') OVER () FROM seen WHERE false;
SELECT count(track) > 200 AS many FROM (SELECT siamese.track(2147483647 * sign(walker - 3)::int, region, score, NULL, 'walkers') OVER () AS track FROM seen WHERE walker <> 3) t;

-- gaps are filled, boxes smoothed
CREATE TABLE linked AS SELECT * FROM siamese.link('SELECT id, frame, region, score FROM seen WHERE video = ''c''', 'walkers');
SELECT count(*) FILTER (WHERE interpolated) > 20 AS filled, count(*) FILTER (WHERE interpolated <> (id IS NULL) OR interpolated <> (score IS NULL)) AS wrong,
	count(*) = count(DISTINCT (track, frame)) AS once FROM linked;
SELECT bool_and(l.region ~= t.region AND l.track = t.track AND NOT interpolated)
	FROM siamese.link('SELECT id, frame, region, score FROM seen WHERE video = ''c''', 'walkers', '{"interpolate": 0, "smooth": 0, "frame_rate": 25}') l JOIN tracked t ON t.id = l.id::bigint;
SELECT mota > 0.9 AS mota FROM siamese.track_quality('SELECT frame, walker, box(point(x, y), point(x + h * 0.4, y + h)) FROM walk WHERE video = ''c''', 'SELECT frame, track, region FROM linked');
SELECT count(*) FROM siamese.link('SELECT id, frame, region, score FROM seen WHERE false', 'walkers');

-- with an appearance: images that are embedded here give the same tracks as their embeddings
SET client_min_messages = warning;
INSERT INTO siamese.network (name, definition) VALUES ('patch_of_8', '{"layers": [{"type": "conv", "maps": 4, "kernel": 5, "stride": 3}, {"type": "dense", "units": 8}],
	"input": {"width": 8, "height": 16, "colour": "colour", "fit": "stretch"}, "join": "cosine", "loss": {"type": "cosine_target"}, "training": {"epoch_samples": 64}}');
CREATE TABLE street AS SELECT row_number() OVER (ORDER BY video, frame, region::text) AS id, * FROM (SELECT video, d.* FROM generate_series(1, 3) video, siamese.sample_detections(5, 40, video) d) s;
CALL siamese.train('look', 'SELECT image, video || ''/'' || person FROM street WHERE video < 3 AND person IS NOT NULL', 'patch_of_8', 1);
CALL siamese.train_tracker('street', 'SELECT video, frame, region, score, person, image FROM street WHERE video < 3', 'look', '{"frame_rate": 15, "trees": 20}');
CALL siamese.train_tracker('street', 'SELECT video, frame, region, score, person, 15, embed(image, ''look'') FROM street WHERE video < 3', 'look', '{"trees": 20}');
SELECT count(DISTINCT fingerprint), count(*) FROM siamese.model WHERE name = 'street';
SELECT definition #- '{appearance,calibration}' #- '{appearance,fingerprint}' AS definition,
	(SELECT fingerprint FROM siamese.model WHERE name = 'look') = definition #>> '{appearance,fingerprint}' AS look FROM siamese.model WHERE name = 'street' AND version = 2;
CREATE TABLE walked AS SELECT *, siamese.track(frame, region, score, embed(image, 'look'), 'street') OVER (PARTITION BY video) AS track FROM street WHERE video = 3;
SELECT idf1 > 0.5 AS idf1 FROM siamese.track_quality('SELECT frame, person, region FROM street WHERE video = 3 AND person IS NOT NULL', 'SELECT frame, track, region FROM walked WHERE track IS NOT NULL');
SELECT count(*) > 50 AS many, bool_and(l.track = w.track) FROM siamese.link('SELECT id, frame, region, score, image FROM street WHERE video = 3', 'street') l JOIN walked w ON w.id = l.id::bigint;
SELECT count(*) > 50 AS many, bool_and(l.track = w.track) FROM siamese.link('SELECT id, frame, region, score, embed(image, ''look'') FROM street WHERE video = 3', 'street@1') l JOIN walked w ON w.id = l.id::bigint;
-- appearances that are missing, or cannot be used
SELECT count(track) > 50 AS many FROM (SELECT siamese.track(frame, region, score, NULL, 'street') OVER () AS track FROM street WHERE video = 3) t;
RESET client_min_messages;
SELECT count(*) > 50 AS many FROM siamese.link('SELECT id, frame, region, score, CASE WHEN id % 9 > 0 THEN image WHEN id % 2 > 0 THEN ''\x00'' END FROM street WHERE video = 3', 'street');
\set VERBOSITY terse
SELECT siamese.track(frame, region, score, '[1,2,3,4,5,6,7,8]@cosine', 'street') OVER () FROM street;
SELECT siamese.track(frame, region, score, '[1]@cosine:0123456789abcdef', 'street') OVER () FROM street;
\set VERBOSITY default
SELECT siamese.link('SELECT id, frame, region, score, ''{1}''::real[] FROM street', 'street');
-- a network that compares pairs of images: the paper's own way
SET client_min_messages = warning;
INSERT INTO siamese.network (name, definition) VALUES ('pairs_of_8', '{"layers": [{"type": "pair"}, {"type": "conv", "maps": 6, "kernel": 5, "stride": 3}, {"type": "prelu"},
	{"type": "dense", "units": 5}, {"type": "prelu"}, {"type": "dense", "units": 2}],
	"input": {"width": 8, "height": 16, "colour": "colour", "fit": "stretch"}, "training": {"classes": 4, "samples": 4, "epoch_samples": 64}}');
CALL siamese.train('pairs', 'SELECT image, video || ''/'' || person FROM street WHERE video < 3 AND person IS NOT NULL', 'pairs_of_8', 2);
SET maintenance_work_mem = '1MB';
CALL siamese.train_tracker('paired', 'SELECT video, frame, region, score, person, image FROM street WHERE video < 3', 'pairs', '{"frame_rate": 15, "trees": 10}');
RESET client_min_messages;
SELECT definition #- '{appearance,calibration}' #- '{appearance,fingerprint}' AS definition FROM siamese.model WHERE name = 'paired';
SELECT idf1 > 0.5 AS idf1 FROM siamese.track_quality('SELECT frame, person, region FROM street WHERE video = 3 AND person IS NOT NULL',
	$$SELECT frame, track, region FROM siamese.link('SELECT id, frame, region, score, image FROM street WHERE video = 3', 'paired')$$);
SELECT siamese.import_model('paired_copy', siamese.export_model('paired'));
SELECT count(*) FROM (SELECT track, frame FROM siamese.link('SELECT id, frame, region, score, image FROM street WHERE video = 3', 'paired')
	EXCEPT SELECT track, frame FROM siamese.link('SELECT id, frame, region, score, image FROM street WHERE video = 3 ORDER BY id DESC', 'paired_copy')) d;
SELECT count(*) > 50 AS many FROM siamese.link('SELECT id, frame, region, score, CASE WHEN id % 9 > 0 THEN image END FROM street WHERE video = 3', 'paired');
SELECT siamese.track(frame, region, score, NULL, 'paired') OVER () FROM street;
SELECT siamese.link('SELECT id, frame, region, score, embed(image, ''look'') FROM street', 'paired');
SELECT siamese.drop_model('paired') > 0 AND siamese.drop_model('paired_copy') > 0 AND siamese.drop_model('pairs') > 0 AS dropped;
-- a calibration that is changed later changes no tracker; without the model, embeddings are linked, images are not
SELECT siamese.calibrate('look', 'SELECT image, person FROM street WHERE video = 3 AND person IS NOT NULL') IS NOT NULL AS calibrated;
SELECT bool_and(t.track IS NOT DISTINCT FROM walked.track) FROM (SELECT id, siamese.track(frame, region, score, embed(image, 'look'), 'street') OVER () AS track FROM street WHERE video = 3) t JOIN walked USING (id);
ALTER TABLE walked ADD e embedding;
UPDATE walked SET e = embed(image, 'look');
SELECT siamese.drop_model('look') > 0 AS dropped;
SELECT bool_and(t.track IS NOT DISTINCT FROM walked.track) FROM (SELECT id, siamese.track(frame, region, score, e, 'street') OVER () AS track FROM walked) t JOIN walked USING (id);
\set VERBOSITY sqlstate
SELECT siamese.link('SELECT id, frame, region, score, image FROM street WHERE video = 3', 'street');
-- a cancel comes soon
SET statement_timeout = '300ms';
CALL siamese.train_tracker('late', 'SELECT video, frame, region, score, person FROM street', options => '{"trees": 1000, "depth": 10}');
RESET statement_timeout;
\set VERBOSITY default
SELECT siamese.drop_model('street');
DROP TABLE street, walked;
DELETE FROM siamese.network WHERE name = 'patch_of_8';

-- what cannot be
SELECT embed('\x00'::bytea, 'walkers');
SELECT siamese.evaluate('walkers', 'SELECT 1');
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score FROM seen');
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score, walker, ''\x00''::bytea FROM seen');
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score, walker FROM seen', 'walkers');
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score, NULL FROM seen');
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score, walker FROM seen WHERE false');
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score, walker / 2 FROM seen');
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score * ''NaN'', walker FROM seen');
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score, walker, CASE WHEN frame < 9 THEN 25 ELSE 24 END FROM seen');
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score, walker, 0 FROM seen');
CALL siamese.train_tracker('bad', 'SELECT video, NULL::int, region, score, walker FROM seen');
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score, walker FROM seen', NULL, '{"tree": 1}');
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score, walker FROM seen', NULL, '{"trees": 0.5}');
BEGIN;
CALL siamese.train_tracker('bad', 'SELECT video, frame, region, score, walker FROM seen');
ROLLBACK;
SELECT siamese.track(frame, region, score, NULL, video) OVER () FROM seen;
SELECT siamese.track(frame, region, score, NULL, NULL) OVER () FROM seen;
SELECT siamese.track(frame, region, score, NULL, 'nobody') OVER () FROM seen;
SELECT siamese.track(frame, region, score, NULL, 'walkers', 0) OVER () FROM seen;
SELECT siamese.track(frame, region, 'Infinity', NULL, 'walkers') OVER () FROM seen;
SELECT siamese.track(frame, box(point(1, 1), point(1, frame)), score, NULL, 'walkers') OVER () FROM seen;
SELECT siamese.link('SELECT id, frame, region FROM seen', 'walkers');
SELECT siamese.link('SELECT id, frame, region, NULL::int FROM seen', 'walkers');
SELECT siamese.link('SELECT id, frame, region, score, ''[1]''::embedding FROM seen', 'walkers');
SELECT siamese.link('SELECT id, frame, region, score FROM seen', 'walkers', '{"smooth": -1}');
SELECT siamese.link('DELETE FROM seen RETURNING id, frame, region, score', 'walkers');
SELECT siamese.drop_model('walkers'), siamese.drop_model('imported');
SELECT count(*) FROM siamese.model_weights;
DROP TABLE walk, seen, tracked, linked;
DROP FUNCTION noise;
