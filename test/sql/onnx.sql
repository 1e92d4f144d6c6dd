-- Networks of ONNX files: import_onnx.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
SET client_min_messages = notice;
SET extra_float_digits = 0;

-- A writer of protobuf: fields that are messages or texts, and numbers.
CREATE FUNCTION varint(n bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS
	$$ SELECT CASE WHEN n < 128 THEN set_byte('\x00', 0, n::int) ELSE set_byte('\x00', 0, (n % 128 + 128)::int) || varint(n / 128) END $$;
CREATE FUNCTION pb(field int, content bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS
	$$ SELECT varint(field * 8 + 2) || varint(length(content)) || content $$;
CREATE FUNCTION pb(field int, content text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT pb(field, convert_to(content, 'UTF8')) $$;
CREATE FUNCTION pb(field int, n bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT varint(field * 8) || varint(n) $$;
CREATE FUNCTION tensor(name text, dims int[], numbers real[]) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT (SELECT string_agg(pb(1, d::bigint), '' ORDER BY o) FROM unnest(dims) WITH ORDINALITY t(d, o)) || pb(2, 1::bigint) || pb(8, name) ||
		pb(9, (SELECT string_agg(substr(b, 4, 1) || substr(b, 3, 1) || substr(b, 2, 1) || substr(b, 1, 1), '' ORDER BY o)
			FROM unnest(numbers) WITH ORDINALITY t(n, o), float4send(n) b)) $$;
CREATE FUNCTION node(operator text, inputs text[], output text, attributes bytea DEFAULT '', domain text DEFAULT '') RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT pb(1, (SELECT string_agg(pb(1, i), '' ORDER BY o) FROM unnest(inputs) WITH ORDINALITY t(i, o)) || pb(2, output) ||
		pb(3, 'n_' || output) || pb(4, operator) || attributes || pb(7, domain)) $$;
CREATE FUNCTION ints(name text, numbers int[]) RETURNS bytea LANGUAGE sql IMMUTABLE AS
	$$ SELECT pb(5, pb(1, name) || (SELECT string_agg(pb(8, n::bigint), '' ORDER BY o) FROM unnest(numbers) WITH ORDINALITY t(n, o)) || pb(20, 7::bigint)) $$;
CREATE FUNCTION shape(name text, dims text[]) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT pb(1, name) || pb(2, pb(1, pb(1, 1::bigint) || pb(2, (SELECT string_agg(pb(1, CASE WHEN d ~ '^\d' THEN pb(1, d::bigint) ELSE pb(2, d) END), '' ORDER BY o)
		FROM unnest(dims) WITH ORDINALITY t(d, o))))) $$;
CREATE FUNCTION onnx(nodes bytea, tensors bytea[], input text[], output text, opset int DEFAULT 13) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT pb(1, 8::bigint) || pb(7, nodes || (SELECT string_agg(pb(5, t), '') FROM unnest(tensors) t) || pb(11, shape('x', input)) ||
		pb(12, pb(1, output))) || pb(8, pb(2, opset::bigint)) $$;

-- a picture of 3 x 3, grey, and a network whose embedding follows by hand:
-- conv (0.5 of the upper left pixel less 0.25 of the lower right one, plus 0.1), relu, max pool 2 x 1, dense
CREATE TABLE picture AS SELECT convert_to(E'P5 3 3 255\n', 'UTF8') || '\x00336699CCFF336699'::bytea AS image;
CREATE TABLE file AS SELECT onnx(
	node('Conv', '{x,w,b}', 'c') || node('Relu', '{c}', 'r') || node('MaxPool', '{r}', 'p', ints('kernel_shape', '{2,1}')) ||
	node('Flatten', '{p}', 'f') || node('Gemm', '{f,m,v}', 'y') || node('Softmax', '{y}', 's'),
	ARRAY[tensor('w', '{1,1,2,2}', '{0.5,0,0,-0.25}'), tensor('b', '{1}', '{0.1}'), tensor('m', '{2,3}', '{1,2,3,-1,0,4}'),
		tensor('v', '{3}', '{0,0,-0.5}')], '{batch,1,3,3}', 's') AS value;
-- pixels / 255: 0 .2 .4 / .6 .8 1 / .2 .4 .6; conv: 0.1 + 0 - 0.2 = -0.1, 0.1 + 0.1 - 0.25 = -0.05 / 0.1 + 0.3 - 0.1 = 0.3, 0.1 + 0.4 - 0.15 = 0.35
-- relu and pool: 0.3, 0.35; dense: 0.3 - 0.35, 0.6, 0.9 + 1.4 - 0.5
SELECT siamese.import_onnx('hand', value, '{"preparation": "unit", "metric": "l2", "output": "y"}') FROM file;
SELECT definition - 'loss' - 'optimizer' - 'training' AS definition, metric, dimensions, network, calibration IS NULL AS uncalibrated, finished_at IS NOT NULL AS finished
	FROM siamese.model WHERE name = 'hand';
SELECT l2_distance(embed(image, 'hand'), '[-0.05,0.6,1.8]'::embedding) < 1e-6 AS equal FROM picture;
-- by cosine it ends in length 1
SELECT siamese.import_onnx('hand', value, '{"preparation": "unit", "output": "y"}') FROM file;
SELECT l2_distance(embed(image, 'hand')::real[]::embedding, l2_normalize('[-0.05,0.6,1.8]'::embedding)) < 1e-6 AS equal, metric(embed(image, 'hand')) FROM picture;
-- what the network sees may be settled here
SELECT siamese.import_onnx('hand', value, '{"input": {"mean": 0.5, "deviation": 0.25, "fit": "stretch"}, "metric": "l2", "output": "c"}') FROM file;
SELECT embed(image, 'hand')::real[] FROM picture;

-- no thresholds before calibrate()
SELECT verify(image, image, 'hand@1') FROM picture;
SELECT embed(image, 'hand@1') ~= embed(image, 'hand@1') FROM picture;
SELECT siamese.evaluate('hand@1', 'SELECT image, 1 FROM picture');
SELECT embed(image, 'hand@1') <-> embed(image, 'hand@1') AS distance FROM picture;
SELECT siamese.import_model('copy', siamese.export_model('hand@1'));
SELECT calibration IS NULL AS uncalibrated, fingerprint = (SELECT fingerprint FROM siamese.model WHERE name = 'hand' AND version = 1) AS same
	FROM siamese.model WHERE name = 'copy';
SET client_min_messages = warning;
SELECT siamese.calibrate('hand@1', $$SELECT convert_to(E'P5 3 3 255\n', 'UTF8') || decode(string_agg(lpad(to_hex((label * 37 + place * (label + 3) * 29 + sample * 3) % 256), 2, '0'), '' ORDER BY place), 'hex'),
	label FROM generate_series(1, 12) label, generate_series(1, 4) sample, generate_series(1, 9) place GROUP BY label, sample$$) AS calibrated \gset
SET client_min_messages = notice;
SELECT :'calibrated' AS version, (verify(image, image, :'calibrated')).probability > 0.5 AS same FROM picture;

-- written as a file and read again
SELECT siamese.import_onnx('again', siamese.export_onnx('hand@1'), '{"preparation": "unit", "metric": "l2"}');
SELECT l2_distance(embed(image, 'again')::real[]::embedding, embed(image, 'hand@1')::real[]::embedding) < 1e-6 AS equal FROM picture;
SELECT convert_from(substr(value, position('{"width'::bytea in value)), 'UTF8') FROM siamese.export_onnx('hand@1') value;
SELECT siamese.export_onnx('nothing');
-- a network that compares pairs: the two halves of a batch become pairs in both orders; not one that sees optical flow
INSERT INTO siamese.network (name, definition) VALUES
	('couple', '{"input": {"kind": "image", "width": 12, "height": 12, "fit": "stretch"}, "layers": [{"type": "conv", "maps": 2, "kernel": 3}, {"type": "pair"}, {"type": "dense", "units": 2}],
		"loss": {"type": "cross_entropy"}, "training": {"epochs": 1, "epoch_samples": 16, "held_out": 0.4}}'),
	('moving', '{"input": {"kind": "image", "width": 12, "height": 12, "fit": "stretch", "flow": true}, "layers": [{"type": "pair"}, {"type": "dense", "units": 2}],
		"loss": {"type": "cross_entropy"}, "training": {"epochs": 1, "epoch_samples": 16, "held_out": 0.4}}');
CREATE TABLE square AS SELECT i / 6 AS label, convert_to(E'P5 12 12 255\n', 'UTF8') || decode(repeat(lpad(to_hex(100 + i), 2, '0') || '20', 72), 'hex') AS image FROM generate_series(0, 35) i;
SET client_min_messages = error;
CALL siamese.train('couple', 'SELECT image, label FROM square', 'couple', 1, 1, '{"strict": false}');
CALL siamese.train('moving', 'SELECT image, label FROM square', 'moving', 1, 1, '{"strict": false}');
RESET client_min_messages;
SELECT bool_and(position(word::bytea in file) > 0) AS both_orders FROM siamese.export_onnx('couple') file, unnest('{Split,Concat,Gemm}'::text[]) word;
SELECT siamese.export_onnx('moving');
-- read again it compares as before; it has no thresholds until it is calibrated
SELECT siamese.import_onnx('pairs', siamese.export_onnx('couple'), '{"preparation": "unit", "input": {"fit": "stretch"}, "metric": "l2"}');
SELECT siamese.import_onnx('pairs', siamese.export_onnx('couple'), '{"preparation": "unit", "input": {"fit": "stretch"}}');
SELECT metric, dimensions, calibration IS NULL AS uncalibrated, definition -> 'loss' AS loss FROM siamese.model WHERE name = 'pairs';
\set VERBOSITY sqlstate
SELECT verify(image, image, 'pairs') FROM square LIMIT 1;
\set VERBOSITY default
SELECT siamese.import_model('copied pairs', siamese.export_model('pairs'));
SET client_min_messages = error;
SELECT siamese.calibrate('pairs', 'SELECT image, label FROM square');
RESET client_min_messages;
SELECT count(*), max(abs((verify(a.image, b.image, 'pairs')).distance - (verify(a.image, b.image, 'couple')).distance)) < 1e-5 AS same
	FROM square a, square b WHERE a.label < b.label;
SELECT siamese.export_onnx('pairs') = siamese.export_onnx('pairs@1') AS same, length(siamese.export_onnx('pairs')) > 0 AS written;
DROP TABLE square;

-- fine-tuning of what was imported, all of it and its last layers alone: what it learns, embeds, is calibrated and is written as a file
CREATE FUNCTION wave(count int, deviation float8, shift int) RETURNS real[] LANGUAGE sql IMMUTABLE AS
	$$ SELECT array_agg(deviation * sin(i * i * 0.37 + shift) ORDER BY i) FROM generate_series(1, count) i $$;
CREATE FUNCTION ones(count int) RETURNS real[] LANGUAGE sql IMMUTABLE AS $$ SELECT array_agg(1) FROM generate_series(1, count) i $$;
SELECT siamese.import_onnx('elsewhere', onnx(
	node('Conv', '{x,w1}', 'c1', ints('pads', '{1,1,1,1}')) || node('BatchNormalization', '{c1,g1,b1,m1,v1}', 'n1') || node('Relu', '{n1}', 'r1') ||
	node('MaxPool', '{r1}', 'p1', ints('kernel_shape', '{2,2}') || ints('strides', '{2,2}')) ||
	node('Conv', '{p1,w2}', 'c2', ints('pads', '{1,1,1,1}')) || node('BatchNormalization', '{c2,g2,b2,m2,v2}', 'n2') || node('Relu', '{n2}', 'r2') ||
	node('Conv', '{r2,w3,b3}', 'c3') || node('PRelu', '{c3,s}', 'r3') ||
	node('Flatten', '{r3}', 'f') || node('Gemm', '{f,m,v}', 'y', pb(5, pb(1, 'transB') || pb(3, 1::bigint) || pb(20, 2::bigint))),
	ARRAY[tensor('w1', '{8,1,3,3}', wave(72, 0.5, 1)), tensor('g1', '{8}', ones(8)), tensor('b1', '{8}', wave(8, 0.1, 2)), tensor('m1', '{8}', wave(8, 0.1, 3)),
		tensor('v1', '{8}', ones(8)), tensor('w2', '{8,8,3,3}', wave(576, 0.2, 4)), tensor('g2', '{8}', ones(8)), tensor('b2', '{8}', wave(8, 0.1, 5)),
		tensor('m2', '{8}', wave(8, 0.1, 6)), tensor('v2', '{8}', ones(8)), tensor('w3', '{4,8,1,1}', wave(32, 0.4, 7)), tensor('b3', '{4}', wave(4, 0.1, 8)),
		tensor('s', '{4,1,1}', '{0.1,0.2,0.3,0.4}'), tensor('m', '{8,512}', wave(4096, 0.1, 9)), tensor('v', '{8}', wave(8, 0.1, 10))], '{n,1,16,32}', 'y'),
	'{"preparation": "face", "optimizer": {"rate": 0.003, "average": 0.9}, "training": {"classes": 8, "samples": 4, "epochs": 4, "epoch_samples": 320, "held_out": 0.4}}');
-- stripes: each label has its width and direction, each sample its place and light
CREATE TABLE stripes AS SELECT label, sample, convert_to(E'P5 32 16 255\n', 'UTF8') || decode(string_agg(lpad(to_hex((128 + 5 * (sample % 4) +
		90 * sin((i % 32) * (0.3 + 0.15 * (label % 6)) + (i / 32) * 0.35 * (label / 6 - 2) + sample * 1.7 + label))::int), 2, '0'), '' ORDER BY i), 'hex') AS image
	FROM generate_series(0, 23) label, generate_series(1, 6) sample, generate_series(0, 511) i GROUP BY 1, 2;
SET client_min_messages = error;
CALL siamese.train('tuned', 'SELECT image, label FROM stripes', options => '{"start": "elsewhere"}');
-- written as a file and read again, from which the last layers go on
SELECT siamese.import_onnx('back', siamese.export_onnx('tuned'), '{"preparation": "face", "training": {"classes": 8, "samples": 4, "epochs": 2, "epoch_samples": 320, "held_out": 0.4}}');
CALL siamese.train('last', 'SELECT image, label FROM stripes', options => '{"start": "back@1", "learn_last": 2}');
SET client_min_messages = notice;
SELECT name, version, network, options, dimensions, calibration IS NOT NULL AS calibrated, (scores #>> '{random,auc}')::float8 > 0.7 AS discerns
	FROM siamese.model WHERE name IN ('elsewhere', 'tuned', 'back', 'last') ORDER BY created_at;
SELECT m.name, string_agg(l ->> 'type', ' ' ORDER BY o) AS layers FROM siamese.model m, jsonb_array_elements(definition -> 'layers') WITH ORDINALITY e(l, o)
	WHERE name IN ('elsewhere', 'tuned', 'back', 'last') GROUP BY 1 ORDER BY 1;
SELECT model, count(*), (array_agg(loss ORDER BY epoch DESC))[1] < (array_agg(loss ORDER BY epoch))[1] AS learns FROM siamese.training
	WHERE model IN ('tuned', 'last') GROUP BY 1 ORDER BY 1;
SELECT max(l2_distance(embed(image, 'tuned')::real[]::embedding, embed(image, 'back')::real[]::embedding)) < 1e-5 AS same,
	min(l2_distance(embed(image, 'last')::real[]::embedding, embed(image, 'back')::real[]::embedding)) > 1e-5 AS moved FROM stripes;
SELECT name, dimensions(embed(image, name)), (verify(image, image, name)).same, siamese.calibrate(name, 'SELECT image, label FROM stripes'),
	siamese.import_onnx('copy of ' || name, siamese.export_onnx(name), '{"preparation": "face"}') FROM (SELECT image FROM stripes LIMIT 1) s, unnest('{tuned,last}'::text[]) name;
SELECT max(l2_distance(embed(image, 'last')::real[]::embedding, embed(image, 'copy of last')::real[]::embedding)) < 1e-5 AS same FROM stripes;
DROP TABLE stripes;

-- errors name the node
CREATE FUNCTION refused(value bytea, definition jsonb DEFAULT '{"preparation": "unit", "metric": "l2"}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	PERFORM siamese.import_onnx('bad', value, definition);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || SQLERRM || ': ' || detail || ' ' || hint;
END $$;
SELECT refused(value) FROM file;
SELECT refused(''), refused('\x00'), refused('\x3a00');
SELECT refused(substr(value, 1, length(value) - 40)) FROM file;
SELECT count(refused(substr(value, 1, place))) = count(*) AS cut FROM file, generate_series(0, length(value) - 1) place;
CREATE TABLE bad (what text, nodes bytea, output text DEFAULT 'y', input text[] DEFAULT '{1,1,3,3}', opset int DEFAULT 13);
INSERT INTO bad VALUES
	('unknown operator', node('NonMaxSuppression', '{x}', 'y')), ('custom domain', node('Conv', '{x,w}', 'y', '', 'com.example')),
	('cycle', node('Add', '{x,z}', 'y') || node('Relu', '{y}', 'z')), ('missing', node('Add', '{x,z}', 'y')),
	('twice', node('Relu', '{x}', 'y') || node('Relu', '{x}', 'y')), ('groups', node('Conv', '{x,w}', 'y', pb(5, pb(1, 'group') || pb(3, 2::bigint)))),
	('window', node('MaxPool', '{x}', 'y', ints('kernel_shape', '{4,4}'))), ('huge', node('MaxPool', '{x}', 'y', ints('kernel_shape', '{2147483647,2147483647}'))),
	('strides', node('Conv', '{x,w}', 'y', ints('strides', '{0,1}'))), ('divides', node('Reshape', '{x,n}', 'y')),
	('constant', node('Relu', '{w}', 'y'));
INSERT INTO bad (what, nodes, output, input, opset) VALUES ('maximum over channels', node('ReduceMax', '{x}', 'y', ints('axes', '{1}')), 'y', '{1,3,3,3}', 13),
	('no output', node('Relu', '{x}', 'y'), 'z', '{1,1,3,3}', 13), ('open', node('Relu', '{x}', 'y'), 'y', '{1,1,h,w}', 13),
	('negative', node('Relu', '{x}', 'y'), 'y', '{1,0,3,3}', 13), ('channels', node('Conv', '{x,w}', 'y'), 'y', '{1,2,3,3}', 13),
	('rank', node('Relu', '{x}', 'y'), 'y', '{1,1,3,3,3}', 13), ('opset', node('Relu', '{x}', 'y'), 'y', '{1,1,3,3}', 26),
	('an empty list of axes: all', node('ReduceMean', '{x}', 'm', pb(5, pb(1, 'axes') || pb(20, 7::bigint))) || node('Relu', '{m}', 'y'), 'y', '{1,1,3,3}', 13),
	('no axis at all', node('ReduceMean', '{x}', 'm', pb(5, pb(1, 'noop_with_empty_axes') || pb(3, 1::bigint))) || node('Relu', '{m}', 'y'), 'y', '{1,1,3,3}', 18);
SELECT what, refused(onnx(nodes, ARRAY[tensor('w', '{1,1,2,2}', '{0.5,0,0,-0.25}'), pb(1, 2::bigint) || pb(2, 7::bigint) || pb(8, 'n') || pb(7, 4::bigint) || pb(7, 2::bigint)],
	input, output, opset)) FROM bad;
-- a definition that is none
SELECT refused(value, definition) FROM file, (VALUES ('{}'::jsonb), ('[]'), ('{"preparation": "photo"}'), ('{"preparation": 1}'), ('{"prepare": "unit"}'),
	('{"preparation": "unit", "metric": "l1"}'), ('{"preparation": "unit", "input": {"width": 4}, "output": "y"}'), ('{"preparation": "unit", "input": {"width": 1.5}}'),
	('{"preparation": "unit", "output": "nothing"}'), ('{"preparation": "unit", "output": "y", "loss": []}'),
	('{"preparation": "unit", "output": "y", "input": {"polarity": "blue"}}')) d(definition);
SELECT siamese.import_onnx('a@1', value, '{"preparation": "unit", "output": "y"}') FROM file;
SELECT siamese.import_onnx('x', NULL, '{}') IS NULL AS strict;
SELECT has_function_privilege('public', 'siamese.import_onnx(text,bytea,jsonb)', 'EXECUTE') AS public;

DROP FUNCTION refused, wave, ones, node, onnx, ints, shape, tensor, varint;
DROP FUNCTION pb(int, bytea), pb(int, text), pb(int, bigint);
DROP TABLE picture, file, bad;
DROP EXTENSION siamese;
