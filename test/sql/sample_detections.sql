-- Synthetic videos: what their users rely on, as rows.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;

CREATE TABLE detection AS SELECT row_number() OVER () AS id, * FROM siamese.sample_detections(8, 60, 5);
SELECT count(DISTINCT frame) AS frames, min(frame), max(frame), count(DISTINCT person) BETWEEN 5 AND 8 AS several_people,
	count(*) FILTER (WHERE person IS NULL) BETWEEN 10 AND 60 AS some_false, bool_and(score BETWEEN 0 AND 1) AS scores FROM detection;
-- once a frame
SELECT frame, person FROM detection WHERE person IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1;
-- the same again; another seed is another video
SELECT count(*) FROM detection d JOIN (SELECT row_number() OVER () AS id, * FROM siamese.sample_detections(8, 60, 5)) e USING (id)
	WHERE d.region ~= e.region AND d.image = e.image AND d.person IS NOT DISTINCT FROM e.person HAVING count(*) = (SELECT count(*) FROM detection);
SELECT (SELECT md5(string_agg(image, '' ORDER BY id)) FROM detection) = (SELECT md5(string_agg(image, '')) FROM siamese.sample_detections(8, 60)) AS same;
-- an image is what lies in the region: its size
WITH size AS (SELECT *, get_byte(image, 18) * 256 + get_byte(image, 19) AS width, get_byte(image, 22) * 256 + get_byte(image, 23) AS height FROM detection)
SELECT count(*) FROM size WHERE abs(width - (least((region[0])[0], 384) - greatest((region[1])[0], 0))) > 2
	OR abs(height - (least((region[0])[1], 240) - greatest((region[1])[1], 0))) > 2;
-- and it can be read
SELECT count(*) FROM siamese.crop((SELECT image FROM detection WHERE id = 1), box(point(0, 0), point(4, 4)));

SELECT count(*) FROM siamese.sample_detections(0, 10);
SELECT count(*) FROM siamese.sample_detections(1001, 10);
SELECT count(*) FROM siamese.sample_detections(1, 0);
SELECT count(*) FROM siamese.sample_detections(1, 100001);
SELECT count(*) FROM siamese.sample_detections(NULL, 10);
DROP TABLE detection;
