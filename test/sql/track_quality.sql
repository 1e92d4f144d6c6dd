-- siamese.track_quality(): counts that can be made by hand
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
RESET client_min_messages;
CREATE TABLE truth (frame integer, person text, region box);
CREATE TABLE found (frame integer, track bigint, region box);
INSERT INTO truth SELECT i, 'anna', box(point(i, 0), point(i + 10, 10)) FROM generate_series(1, 10) i;
-- found as 7 at first, missed twice, then found as 8, off by two pixels; one box is nobody
INSERT INTO found SELECT i, 7, box(point(i, 0), point(i + 10, 10)) FROM generate_series(1, 4) i;
INSERT INTO found SELECT i, 8, box(point(i + 2, 0), point(i + 12, 10)) FROM generate_series(7, 10) i;
INSERT INTO found VALUES (6, 7, '((500,0),(510,10))');
SELECT round(mota::numeric, 4) AS mota, round(motp::numeric, 4) AS motp, round(idf1::numeric, 4) AS idf1, round(idp::numeric, 4) AS idp,
	round(idr::numeric, 4) AS idr, switches, fragmentations, false_positives, misses
FROM siamese.track_quality('SELECT * FROM truth', 'SELECT * FROM found');
SELECT mostly_tracked, mostly_lost, true_tracks, true_boxes, found_tracks, found_boxes
FROM siamese.track_quality('SELECT * FROM truth', 'SELECT * FROM found');
-- against itself
SELECT mota, motp, idf1, switches FROM siamese.track_quality('SELECT * FROM truth', 'SELECT * FROM truth');
-- shares of nothing
SELECT * FROM siamese.track_quality('SELECT * FROM truth WHERE false', 'SELECT * FROM found WHERE false') \gx
SELECT mota, idf1, idp, misses FROM siamese.track_quality('SELECT * FROM truth', 'SELECT * FROM found WHERE false');

-- what cannot be measured
SELECT siamese.track_quality('SELECT frame, person FROM truth', 'SELECT * FROM found');
SELECT siamese.track_quality('SELECT * FROM truth', 'SELECT frame::text, track, region FROM found');
SELECT siamese.track_quality('SELECT * FROM truth', 'SELECT frame, NULL::int, region FROM found');
SELECT siamese.track_quality('SELECT * FROM truth', 'SELECT * FROM found UNION ALL SELECT * FROM found WHERE frame = 3');
SELECT siamese.track_quality('SELECT * FROM truth', $$SELECT 1, 2, box '((1,1),(1,5))'$$);
SELECT siamese.track_quality('SELECT * FROM truth', $$SELECT 1, 2, box '((1,1),(NaN,5))'$$);
SELECT siamese.track_quality('SELECT * FROM truth', $$SELECT 1, 2, box '((1,1),(Infinity,5))'$$);
SELECT siamese.track_quality('DELETE FROM truth RETURNING *', 'SELECT * FROM found');
SELECT siamese.track_quality('SELECT * FROM truth', 'VACUUM');
DROP TABLE truth, found;
