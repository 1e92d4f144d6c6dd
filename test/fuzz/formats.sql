-- formats.sql: psql -v count=N -v seed=S -f formats.sql
--
-- The formats that the server parses, each given N mutated values: embedding, ball and reference as text and as messages
-- of the binary protocol, packed references, and exported models, whose header is changed as JSON, too, and whose digest is made
-- right again.  Each must be refused with an error of the user's class, or be accepted and mean something: what is read is
-- written and read again.  In a database of its own, which is left with the numbers in the table fuzz.outcome.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
CREATE SCHEMA fuzz;
SET search_path = fuzz, public;
SELECT setseed(1.0 / (1 + :seed)) \g /dev/null

CREATE TABLE outcome (format text, state text, number bigint, PRIMARY KEY (format, state));

CREATE FUNCTION below(n int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT floor(random() * n)::int';
CREATE FUNCTION one_of(choices anyarray) RETURNS anyelement LANGUAGE sql VOLATILE AS
	'SELECT choices[1 + floor(random() * cardinality(choices))::int]';

CREATE FUNCTION mutate(value bytea) RETURNS bytea LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	length int;
	place int;
BEGIN
	FOR i IN 0 .. below(3) LOOP
		length := octet_length(value);
		EXIT WHEN length = 0;
		place := below(length);
		value := CASE below(8)
			WHEN 0 THEN set_bit(value, below(8 * length), below(2))
			WHEN 1 THEN set_byte(value, place, one_of('{0,1,2,3,127,128,255}'::int[]))
			WHEN 2 THEN substr(value, 1, place)
			WHEN 3 THEN value || substr(value, 1 + place)
			WHEN 4 THEN overlay(value PLACING substr(value, 1 + place, below(24)) FROM 1 + below(length))
			WHEN 5 THEN overlay(value PLACING int4send(one_of('{0,1,-1,2147483647,-2147483648,2139095039,2139095040,2143289344,8388607,1048580}'::int[]))
				FROM 1 + below(length))
			WHEN 6 THEN overlay(value PLACING int2send(one_of('{0,1,15999,16000,16001,-1}'::int2[])) FROM 1 + 2 * below(length / 2 + 1))
			ELSE overlay(value PLACING '' FROM 1 + place FOR below(24))
		END;
	END LOOP;
	RETURN value;
END $$;

CREATE FUNCTION mutate(value text, pieces text[]) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	place int;
BEGIN
	FOR i IN 0 .. below(3) LOOP
		place := 1 + below(length(value) + 1);
		value := CASE below(5)
			WHEN 0 THEN substr(value, 1, place - 1)
			WHEN 1 THEN overlay(value PLACING substr(value, place, below(20)) FROM 1 + below(length(value) + 1) FOR 0)
			WHEN 2 THEN overlay(value PLACING '' FROM place FOR 1 + below(6))
			WHEN 3 THEN overlay(value PLACING one_of(pieces) FROM place FOR 0)
			ELSE overlay(value PLACING one_of(pieces) FROM place FOR below(6))
		END;
	END LOOP;
	RETURN value;
END $$;

-- What is not an answer: an internal error, one of the operating system, of rights or of names; a calibration may be "damaged".
CREATE FUNCTION is_fault(format text, state text) RETURNS bool LANGUAGE sql IMMUTABLE AS
	$$ SELECT state ~ '^(XX|ZZ|5[78]|25|42)' AND NOT (format = 'model' AND state = 'XX001') $$;

-- One try: what is accepted, statement says with the answer true that it is sound.
CREATE PROCEDURE try(format text, statement text, value anyelement) LANGUAGE plpgsql AS $$
DECLARE
	state text := 'accepted';
	detail text;
	sound bool;
BEGIN
	BEGIN
		EXECUTE statement INTO sound USING value;
		IF sound IS NOT TRUE THEN
			RAISE EXCEPTION 'accepted, but not sound' USING ERRCODE = 'ZZ000';
		END IF;
		-- nothing stays
		RAISE EXCEPTION USING ERRCODE = 'ZZ001';
	EXCEPTION
		WHEN SQLSTATE 'ZZ001' THEN
			NULL;
		WHEN OTHERS THEN
			state := SQLSTATE;
			IF is_fault(format, state) THEN
				GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
				RAISE WARNING '%: % %: % of %', format, state, SQLERRM, detail, left(value::text, 1000);
			END IF;
	END;
	INSERT INTO outcome AS o VALUES (format, state, 1) ON CONFLICT ON CONSTRAINT outcome_pkey DO UPDATE SET number = o.number + 1;
END $$;

-- ---- values ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION some_embedding() RETURNS embedding LANGUAGE sql VOLATILE AS $$
	SELECT ('[' || string_agg(((random() * 2 - 1) * 10 ^ ((below(8) = 0)::int * below(30)))::real::text, ',') || ']' ||
		one_of('{"",@l1,@cosine,@l2:0123456789abcdef,@l1:0123456789abcdef,@cosine:fedcba9876543210}'::text[]))::embedding
	FROM generate_series(1, 1 + below(12))
$$;
CREATE FUNCTION plain_reference() RETURNS reference LANGUAGE sql VOLATILE AS $$
	SELECT reference(to_embedding(ARRAY[random(), -random(), n, random()]::real[], metric), 6) FROM one_of('{l1,l2,cosine}'::text[]) metric, generate_series(1, 1 + below(8)) n
$$;
-- of 16 to 20 points, with values from 0 to 127
CREATE FUNCTION some_trajectory() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT string_agg(lpad(to_hex(below(128)), 2, '0'), '') FROM generate_series(1, 5 * (16 + below(5)))
$$;
CREATE FUNCTION some_reference() RETURNS reference LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	plain reference := plain_reference();
BEGIN
	IF below(2) = 0 THEN
		RETURN plain;
	END IF;
	RETURN (regexp_replace(plain::text, '\)$', '') || ',{' || (SELECT string_agg(some_trajectory(), ',') FROM generate_series(1, embeddings(plain))) || '})')::reference;
END $$;

CREATE PROCEDURE fuzz_text(kind text, number int) LANGUAGE plpgsql AS $$
DECLARE
	pieces text[] := ARRAY['[', ']', ',', '@', '@l1', '@cosine:', ':0123456789abcdef', ':0000000000000000', '<', '>', '(', ')', '/', ' ', E'\t', '-', '+', '.', '0',
		'1', '1e38', '4e38', '1e-46', '-1e-40', 'e', 'nan', 'inf', '-Infinity', '0x1p3', '0x', '1000', '1001', '65536', '99999999999999999999', repeat('7', 5000),
		repeat('[', 300), repeat('1,', 16001), 'é', repeat(' ', 2000)];
	source text;
BEGIN
	FOR i IN 1 .. number LOOP
		source := CASE kind WHEN 'embedding' THEN some_embedding()::text WHEN 'ball' THEN ball(some_embedding(), random() * 3)::text
			ELSE some_reference()::text END;
		CALL try(kind || ' text', format('SELECT $1::%1$s::text = $1::%1$s::text::%1$s::text', kind), mutate(source, pieces));
		IF i % 1000 = 0 THEN COMMIT; END IF;
	END LOOP;
END $$;

-- COPY writes a bytea as just these bytes, and reads them as a message of the type.
CREATE TABLE embedding_message (value embedding);
CREATE TABLE ball_message (value ball);
CREATE TABLE reference_message (value reference);
CREATE FUNCTION receive(kind text, message bytea) RETURNS bool LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	file text := current_setting('data_directory') || '/fuzz_message';
	same bool;
BEGIN
	EXECUTE format('COPY (SELECT %L::bytea) TO %L (FORMAT binary)', message, file);
	EXECUTE format('COPY %I FROM %L (FORMAT binary)', kind || '_message', file);
	-- -0 is received as 0, so that the message that is sent may differ
	EXECUTE format('SELECT octet_length(%1$I_send(value)) = octet_length($1) AND value::text::%1$I::text = value::text FROM %2$I', kind, kind || '_message')
		INTO same USING message;
	RETURN same;
END $$;
CREATE PROCEDURE fuzz_binary(kind text, number int) LANGUAGE plpgsql AS $$
DECLARE
	source bytea;
BEGIN
	FOR i IN 1 .. number LOOP
		source := CASE kind WHEN 'embedding' THEN embedding_send(some_embedding()) WHEN 'ball' THEN ball_send(ball(some_embedding(), random() * 3))
			ELSE reference_send(some_reference()) END;
		CALL try(kind || ' message', format('SELECT receive(%L, $1)', kind), mutate(source));
		IF i % 1000 = 0 THEN COMMIT; END IF;
	END LOOP;
END $$;

-- ---- models ----------------------------------------------------------------------------------------------------------

INSERT INTO siamese.network (name, definition) VALUES
	('fuzzed', '{"input": {"width": 12, "height": 8, "polarity": "auto", "crop": "ink"},
		"layers": [{"type": "conv", "maps": 2, "kernel": 5, "stride": 2, "bias": false}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "dense", "units": 4}],
		"join": "cosine", "loss": {"type": "supervised_contrastive"}, "training": {"classes": 4, "samples": 3}}'),
	('fuzzed_pen', '{"input": {"kind": "pen", "length": 16, "features": ["x", "y", "pressure"]},
		"layers": [{"type": "conv", "maps": 2, "kernel": [1, 3], "stride": [1, 2]}, {"type": "relu"}, {"type": "dense", "units": 3}],
		"join": "l2", "loss": {"type": "contrastive"}, "training": {"classes": 4, "samples": 3}}');
CREATE TABLE specimen AS SELECT signer, genuine, image, pen FROM siamese.sample_signatures(8, 4, 1);
CALL siamese.train('fuzzed', 'SELECT image, signer, genuine FROM fuzz.specimen', 'fuzzed', 1, 1);
CALL siamese.train('fuzzed_pen', 'SELECT pen, signer, genuine FROM fuzz.specimen', 'fuzzed_pen', 1, 1);

CREATE TABLE exported AS SELECT model, value, 20 + header_length AS parts_at, convert_from(substr(value, 21, header_length), 'UTF8') AS header
	FROM (VALUES ('fuzzed'), ('fuzzed_pen')) m (model), LATERAL siamese.export_model(model) value,
		LATERAL (SELECT ('x' || encode(substr(value, 17, 4), 'hex'))::bit(32)::int AS header_length) l;
CREATE TABLE leaf AS WITH RECURSIVE node (model, path, value) AS (
	SELECT model, '{}'::text[], header::jsonb FROM exported
	UNION ALL
	SELECT model, path || key, child FROM node, LATERAL (
		SELECT key, value AS child FROM jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value ELSE '{}' END)
		UNION ALL SELECT (n - 1)::text, child FROM jsonb_array_elements(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE '[]' END) WITH ORDINALITY e (child, n)) c)
	SELECT model, path, value FROM node WHERE path <> '{}';

CREATE FUNCTION mutate_header(of text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	pieces text[] := ARRAY['{', '}', '[', ']', '"', ':', ',', 'null', 'true', '-', '1e400', '1e-400', '0', '9', '99999999999', '\u0000', '\ud800', 'é', repeat('[', 2000)];
	old text := (SELECT header FROM exported WHERE model = of);
	whole jsonb := old;
	new jsonb;
	place text[];
BEGIN
	IF below(4) = 0 THEN
		RETURN mutate(old, pieces);
	END IF;
	FOR i IN 0 .. below(3) LOOP
		SELECT path INTO place FROM leaf WHERE model = of ORDER BY random() LIMIT 1;
		SELECT l.value INTO new FROM leaf l WHERE model = of ORDER BY random() LIMIT 1;
		IF below(3) > 0 THEN
			new := one_of(ARRAY['null', 'true', '0', '-1', '1', '2', '3', '1.5', '0.5', '1e300', '1e-300', '1e400', '255', '4096', '65537', '2147483647', '2147483648', '9223372036854775807',
				'9223372036854775808', '""', '"x"', '[]', '{}', '[0,0]', '[1,2,3]', '{"a": {"b": []}}']::jsonb[] || to_jsonb(repeat('x', 1 + below(200))));
		END IF;
		BEGIN
			whole := CASE below(6) WHEN 0 THEN whole #- place ELSE jsonb_set(whole, place, new) END;
		EXCEPTION WHEN invalid_text_representation THEN
			NULL;				-- the path leads through an array that is gone
		END;
	END LOOP;
	RETURN whole::text;
END $$;

-- What was imported is exported as a value that is imported and exported as itself.
CREATE FUNCTION import(value bytea) RETURNS bool LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	name text;
	first bytea;
BEGIN
	name := siamese.import_model('imported', value);
	first := siamese.export_model(name);
	name := siamese.import_model('again', first);
	RETURN octet_length(siamese.export_model(name)) BETWEEN octet_length(first) - 20 AND octet_length(first) + 20;
END $$;
CREATE PROCEDURE fuzz_model(number int) LANGUAGE plpgsql AS $$
DECLARE
	of text;
	header bytea;
	parts bytea;
	body bytea;
BEGIN
	FOR i IN 1 .. number LOOP
		SELECT e.model, convert_to(e.header, 'UTF8'), substr(value, 1 + parts_at, octet_length(value) - 32 - parts_at), value
			INTO of, header, parts, body FROM exported e ORDER BY random() LIMIT 1;
		IF below(10) = 0 THEN
			body := mutate(body);
		ELSE
			IF below(5) > 0 THEN header := convert_to(mutate_header(of), 'UTF8'); END IF;
			IF below(8) = 0 THEN header := mutate(header); END IF;
			IF below(4) = 0 THEN parts := mutate(parts); END IF;
			body := substr(body, 1, 16) || int4send(octet_length(header)) || header || parts;
			IF below(8) = 0 THEN body := mutate(body); END IF;
			body := body || sha256(body);
		END IF;
		CALL try('model', 'SELECT import($1)', body);
		IF i % 200 = 0 THEN COMMIT; END IF;
	END LOOP;
END $$;

CREATE PROCEDURE fuzz_packed(number int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. number LOOP
		CALL try('packed reference', $s$SELECT r::text::reference::text = r::text AND octet_length(r::bytea) = 7 FROM reference_unpack($1, 'fuzzed') r$s$,
			mutate(some_reference_of_model()::bytea));
		IF i % 1000 = 0 THEN COMMIT; END IF;
	END LOOP;
END $$;
CREATE FUNCTION some_reference_of_model() RETURNS reference LANGUAGE sql VOLATILE AS $$
	SELECT reference(to_embedding(ARRAY[random(), random(), -random(), n]::real[], 'cosine'), 6) FROM generate_series(1, 1 + below(8)) n
$$;

CALL fuzz_text('embedding', :count);
CALL fuzz_text('ball', :count);
CALL fuzz_text('reference', :count);
CALL fuzz_binary('embedding', :count);
CALL fuzz_binary('ball', :count);
CALL fuzz_binary('reference', :count);
CALL fuzz_packed(:count);
CALL fuzz_model(:count);

SELECT format, sum(number) AS mutations, sum(number) FILTER (WHERE state = 'accepted') AS accepted,
	string_agg(state || ' ' || number, ', ' ORDER BY state) FILTER (WHERE state <> 'accepted') AS refused
	FROM outcome GROUP BY format ORDER BY format;
DO $$ BEGIN
	IF EXISTS (SELECT FROM outcome WHERE is_fault(format, state)) THEN
		RAISE EXCEPTION 'some mutations ended otherwise than in an answer or an error of the user''s';
	END IF;
	IF (SELECT count(*) FROM outcome WHERE state = 'accepted') < 8 THEN
		RAISE EXCEPTION 'of some formats no mutation was accepted';
	END IF;
END $$;
