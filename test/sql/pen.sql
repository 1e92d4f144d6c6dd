-- Trajectories of a pen: definition, training, embedding, preview, readers.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
\set VERBOSITY default

-- what a definition may say
INSERT INTO siamese.network (name, definition) VALUES
('tiny', '{"layers": [{"type": "conv", "maps": 8, "kernel": [1, 5], "stride": [1, 2]}, {"type": "relu"}, {"type": "global_mean"}, {"type": "dense", "units": 8}],
	"input": {"features": ["x", "y", "pressure", "log_speed"], "length": 60, "kind": "pen"}, "join": "cosine", "loss": {"type": "supervised_contrastive"},
	"training": {"classes": 8, "samples": 4, "epoch_samples": 320, "held_out": 0.3, "self_forgeries": 1,
		"distortion": {"rotation": 5, "time_warp": 0.1, "tempo": 0.1, "jitter": 0.01, "dropped": 0.05}}}');
CREATE TABLE wrong (name text, definition jsonb);
INSERT INTO wrong VALUES
('no_features', '{"input": {"kind": "pen"}, "layers": [{"type": "dense", "units": 4}]}'),
('twice', '{"input": {"kind": "pen", "features": ["x", "y", "x"]}, "layers": [{"type": "dense", "units": 4}]}'),
('unknown', '{"input": {"kind": "pen", "features": ["x", "z"]}, "layers": [{"type": "dense", "units": 4}]}'),
('number', '{"input": {"kind": "pen", "features": ["x", 2]}, "layers": [{"type": "dense", "units": 4}]}'),
('no_array', '{"input": {"kind": "pen", "features": "x"}, "layers": [{"type": "dense", "units": 4}]}'),
('width', '{"input": {"kind": "pen", "features": ["x"], "width": 40}, "layers": [{"type": "dense", "units": 4}]}'),
('short', '{"input": {"kind": "pen", "features": ["x"], "length": 9}, "layers": [{"type": "dense", "units": 4}]}'),
('noisy', '{"input": {"kind": "pen", "features": ["x"]}, "layers": [{"type": "dense", "units": 4}], "training": {"distortion": {"noise": 0.1}}}'),
('turns', '{"input": {"kind": "pen", "features": ["x"]}, "layers": [{"type": "dense", "units": 4}], "training": {"turns": true}}'),
('image', '{"input": {"width": 40, "height": 40}, "layers": [{"type": "dense", "units": 4}], "training": {"distortion": {"tempo": 0.1}}}');
CREATE TABLE specimen AS SELECT signer, sample, genuine, image, pen FROM siamese.sample_signatures(12, 5, 8);
CREATE FUNCTION try(network text, query text DEFAULT 'SELECT pen, signer FROM specimen') RETURNS text LANGUAGE sql AS
	$$ SELECT format('CALL siamese.train(%L, %L, %L, 1)', 'm', query, network) $$;
SELECT format('INSERT INTO siamese.network SELECT name, definition FROM wrong WHERE name = %L', name) FROM wrong
\gexec
SELECT try('tiny', 'SELECT image, signer FROM specimen')
\gexec
SELECT try('bromley', 'SELECT pen::text[], signer FROM specimen')
\gexec

-- a training: rows that are no trajectories are left out, the order of the others does not matter
CALL siamese.train('m', 'SELECT pen, signer, genuine FROM specimen UNION ALL SELECT ''{{1,2},{3,4}}'', 1, true UNION ALL SELECT ''{1,2,3}'', 1, true', 'tiny', 2);
CALL siamese.train('m', 'SELECT pen, signer, genuine FROM specimen ORDER BY md5(image)', 'tiny', 2);
SELECT count(DISTINCT fingerprint) AS fingerprints, min(dimensions) AS dimensions FROM siamese.model;
SELECT impostors, genuine_pairs, impostor_pairs, eer BETWEEN 0 AND 0.6 AS eer FROM siamese.evaluate('m', 'SELECT pen, signer, genuine FROM specimen');

-- embedding: neither the place, the size nor the kind of array bounds matter; without a time it is 100 points a second
SELECT dimensions(embed(pen, 'm')), metric(embed(pen, 'm')), model(embed(pen, 'm')) = (SELECT min(fingerprint) FROM siamese.model) AS model FROM specimen LIMIT 1;
SELECT max(embed(pen, 'm') <-> embed(moved, 'm')) < 1e-3 AS same FROM (SELECT pen, (SELECT array_agg(ARRAY[pen[i][1] * 2 + 7, pen[i][2] * 2 - 3, pen[i][3], pen[i][4] + 1]::real[] ORDER BY i)
	FROM generate_series(1, array_length(pen, 1)) i) AS moved FROM specimen WHERE sample = 1) s;
SELECT max(embed(pen, 'm') <-> embed(timeless, 'm')) < 1e-3 AS same FROM (SELECT pen, (SELECT array_agg(ARRAY[pen[i][1], pen[i][2], pen[i][3]] ORDER BY i)
	FROM generate_series(1, array_length(pen, 1)) i) AS timeless FROM specimen WHERE sample = 1) s;
SELECT embed(NULL::real[], 'm') IS NULL AS nothing;
SELECT embed('{}'::real[], 'm');
SELECT embed('{1,2,3}'::real[], 'm');
SELECT embed('{{1,2},{3,NULL}}'::real[], 'm');
SELECT embed('{{1,2},{3,4}}'::real[], 'm');
SELECT embed(array_fill(1::real, '{20,5}'), 'm');
SELECT embed(array_fill(1::real, '{20,2}'), 'm');
-- arrays of other numbers: the same numbers, the same embedding, and no call is ambiguous
CREATE DOMAIN trajectory AS double precision[] CHECK (cardinality(VALUE) > 0);
SELECT count(*), bool_and(embed(pen, 'm') = embed(pen::float8[], 'm') AND embed(pen, 'm') = embed(pen::float8[]::trajectory, 'm')) AS same FROM specimen;
SELECT bool_and(embed(p::real[], 'm') = e) AS same FROM (SELECT array_agg(ARRAY[i, i * i % 11]) AS p FROM generate_series(1, 30) i) s,
	LATERAL (VALUES (embed(p, 'm')), (embed(p::smallint[], 'm')), (embed(p::bigint[], 'm')), (embed(p::numeric[], 'm'))) v (e);
SELECT dimensions(embed(ARRAY[[0,1],[2,3],[4,1.5],[6,7],[8,1],[9,2],[8,1],[2,2],[3,3],[4,1]], 'm'));
SELECT siamese.preview(pen, 'm') = siamese.preview(pen::float8[], 'm') AS same FROM specimen LIMIT 1;
SELECT embed('{{a,b}}'::text[], 'm');
SELECT embed(ARRAY[[1,2],[3,'NaN'::numeric]], 'm');
-- the time: in seconds; as far from 0 as the clock of the day or of the epoch is, in double precision only; some ms back are mended
CREATE FUNCTION timed(start float8, factor float8, pen real[]) RETURNS float8[] LANGUAGE sql AS $$
	SELECT array_agg(ARRAY[pen[i][1], pen[i][2], pen[i][3], start + factor * pen[i][4]] ORDER BY i) FROM generate_series(1, array_length(pen, 1)) i $$;
SELECT embed(timed(0, 1000, pen), 'm') FROM specimen LIMIT 1;
SELECT embed(timed(0, 1000, pen)::real[], 'm') FROM specimen LIMIT 1;
SELECT embed(timed(36000, 1, pen)::real[], 'm') FROM specimen LIMIT 1;
SELECT embed(timed(2e7, 1, pen)::real[], 'm') FROM specimen LIMIT 1;
SELECT start, max(embed(pen, 'm') <-> embed(timed(start, 1, pen), 'm')) < 1e-4 AS same FROM specimen, unnest('{36000,2e7,1.7e9}'::float8[]) start GROUP BY 1 ORDER BY 1;
-- a lifted pen: 0 or -1
SELECT max(embed(pen, 'm') <-> embed(lifted, 'm')) AS distance, bool_or(lifted @> '{-1}') AS lifts FROM (SELECT pen, (SELECT array_agg(ARRAY[pen[i][1], pen[i][2], CASE pen[i][3] WHEN 0 THEN -1 ELSE pen[i][3] END, pen[i][4]]::real[] ORDER BY i)
	FROM generate_series(1, array_length(pen, 1)) i) AS lifted FROM specimen) s;
-- which row
CREATE FUNCTION altered(changed int, column_ int, value real) RETURNS real[] LANGUAGE sql AS $$
	SELECT array_agg(ARRAY[CASE WHEN i = changed AND column_ = 1 THEN value ELSE i END, CASE WHEN i = changed AND column_ = 2 THEN value ELSE i % 5 END,
		CASE WHEN i = changed AND column_ = 3 THEN value ELSE 1 END, CASE WHEN i = changed AND column_ = 4 THEN value ELSE i / 100.0 END]::real[] ORDER BY i) FROM generate_series(1, 30) i $$;
SELECT embed(altered(17, 1, 'NaN'), 'm');
SELECT embed(altered(30, 2, '-inf'), 'm');
SELECT embed(altered(1, 3, -0.5), 'm');
SELECT dimensions(embed(altered(17, 4, 0.14), 'm')) AS mended;
SELECT embed(altered(17, 4, 0.05), 'm');
SELECT embed(altered(17, 4, NULL), 'm');
SELECT embed(altered(1, 1, NULL), 'm');
SELECT embed('{{{1,2}}}'::real[], 'm');
SELECT embed(array_agg(ARRAY[i, i % 5]::real[]), 'm') FROM generate_series(1, 20001) i;
SELECT embed(array_agg(ARRAY[i, i % 5, 0]::real[]), 'm') FROM generate_series(1, 30) i;
SELECT embed(array_agg(ARRAY[i, i % 5, 1, 3]::real[]), 'm') FROM generate_series(1, 30) i;
SELECT embed(array_agg(ARRAY[i]::real[]), 'm') FROM generate_series(1, 30) i;
SELECT embed(array_agg(ARRAY[i, i % 5, 1, i * 0.01 % 0.2]::real[] ORDER BY i), 'm') FROM generate_series(1, 30) i;
SELECT embed(image, 'm') FROM specimen LIMIT 1;

-- what the network sees
SELECT count(*), bool_and(svg LIKE '<svg %' AND svg LIKE E'%</svg>\n') AS svg, bool_and(svg LIKE '%>log_speed<%') AS named
	FROM (SELECT convert_from(siamese.preview(pen, 'm'), 'UTF8') AS svg FROM specimen) s;
SELECT siamese.preview(image, 'm') FROM specimen LIMIT 1;

-- readers
SELECT siamese.pen_from_svc2004(E'2\n1 2 1000 0 0 0 5\n3 4 1010 1 0 0 6\n');
SELECT siamese.pen_from_svc2004(E'2\n1 2 1000 0 0 0 5\n3 4 x 1 0 0 6\n');
SELECT siamese.pen_from_inkml('<ink><trace>1 2, 3 4</trace><trace>5 6</trace></ink>');
SELECT siamese.pen_from_inkml('<ink/>');
SELECT siamese.pen_from_iso19794_7('\x53444900203130 00 C000 00 00 00 00 000002 0001 0002 0003 FFFF');
SELECT siamese.pen_from_iso19794_7('\x53444900203230 00');
-- what the generator draws, written as a file and read again, has the same embedding
SELECT max(embed(pen, 'm') <-> embed(siamese.pen_from_inkml('<ink><traceFormat><channel name="X"/><channel name="Y"/><channel name="F"/><channel name="T" units="s"/></traceFormat><trace>'
	|| (SELECT string_agg(concat_ws(' ', pen[i][1], pen[i][2], pen[i][3], pen[i][4]), ',' ORDER BY i) FROM generate_series(1, array_length(pen, 1)) i) || '</trace></ink>'), 'm')) AS distance
	FROM specimen WHERE sample = 1;

-- elastic matching, without a model: a person's own signatures are nearer than skilled forgeries and than others'
SELECT round(avg(genuine)::numeric, 1) < round(avg(forged)::numeric, 1) AS forged_farther, round(avg(genuine)::numeric, 1) < round(avg(random)::numeric, 1) AS others_farther
	FROM (SELECT avg(dtw_distance(a.pen, b.pen)) FILTER (WHERE a.signer = b.signer AND b.genuine) AS genuine,
		avg(dtw_distance(a.pen, b.pen)) FILTER (WHERE a.signer = b.signer AND NOT b.genuine) AS forged,
		avg(dtw_distance(a.pen, b.pen)) FILTER (WHERE a.signer <> b.signer) AS random
		FROM specimen a JOIN specimen b ON a.sample = 1 AND b.sample > 1 AND a.genuine GROUP BY a.signer) d;
SELECT max(dtw_distance(pen, pen)) AS same, max(dtw_distance(pen::double precision[], pen::double precision[])) AS same_wide FROM specimen;
SELECT dtw_distance(NULL::real[], pen) FROM specimen LIMIT 1;
SELECT dtw_distance('{{1,2},{3,4}}'::real[], pen) FROM specimen LIMIT 1;
SELECT dtw_distance('{1,2,3}'::real[], pen) FROM specimen LIMIT 1;
SELECT dtw_distance('{{a,b}}'::text[], '{{a,b}}'::text[]);

DROP EXTENSION siamese CASCADE;
DROP TABLE wrong, specimen;
DROP DOMAIN trajectory;
DROP FUNCTION try, altered, timed;
