-- siamese.crop(): the same bytes as from an image of these pixels alone
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
RESET client_min_messages;
CREATE TABLE picture (name text PRIMARY KEY, image bytea);
INSERT INTO picture VALUES
	('grey', convert_to('P2 4 3 255  0 10 20 30  40 50 60 70  80 90 100 110', 'UTF8')),
	('grey part', convert_to('P2 2 2 255  50 60  90 100', 'UTF8')),
	('colour', convert_to('P3 3 2 255  1 1 1  2 2 2  255 0 9   4 4 4  5 5 5  0 255 7', 'UTF8')),
	('colour part', convert_to('P3 2 2 255  2 2 2  255 0 9  5 5 5  0 255 7', 'UTF8')),
	('grey of colour', convert_to('P2 2 2 255  1 2  4 5', 'UTF8'));
CREATE FUNCTION picture(text) RETURNS bytea LANGUAGE sql AS 'SELECT image FROM picture WHERE name = $1';
CREATE FUNCTION whole(text) RETURNS bytea LANGUAGE sql AS $$ SELECT siamese.crop(image, '((0,0),(100,100))') FROM picture WHERE name = $1 $$;

SELECT substr(whole('grey'), 2, 3) = 'PNG' AS png;
SELECT siamese.crop(picture('grey'), '((1,1),(3,3))') = whole('grey part') AS grey,
	siamese.crop(picture('colour'), '((1,0),(3,2))') = whole('colour part') AS colour,
	siamese.crop(picture('colour'), '((0,0),(2,2))') = whole('grey of colour') AS grey_of_colour;
-- a PNG that can be cropped again, with its corners the other way round
SELECT siamese.crop(whole('grey'), box(point(3, 1), point(1, 3))) = whole('grey part') AS again;
-- pixels whose centres lie in the region; it may extend beyond the image
SELECT siamese.crop(picture('grey'), '((0.6,0.6),(3.4,2.6))') = siamese.crop(picture('grey'), '((1,1),(3,3))') AS rounded,
	siamese.crop(picture('grey'), '((0.5,0.5),(3.5,2.5))') = siamese.crop(picture('grey'), '((0,0),(3,2))') AS halves,
	siamese.crop(picture('grey'), '((-5,-Infinity),(1e300,Infinity))') = whole('grey') AS beyond;
-- what it cannot do
SELECT siamese.crop(picture('grey'), '((4,0),(9,9))');
SELECT siamese.crop(picture('grey'), '((1.6,1),(2.4,2))');
SELECT siamese.crop(picture('grey'), '((1,1),(NaN,2))');
SELECT siamese.crop('no image', '((0,0),(1,1))');
SELECT siamese.crop(NULL, '((0,0),(1,1))') IS NULL AND siamese.crop('no image', NULL) IS NULL AS null;
DROP FUNCTION picture(text), whole(text);
DROP TABLE picture;
