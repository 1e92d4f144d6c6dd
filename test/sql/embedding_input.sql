-- embedding and ball: text input and output, type modifier, casts; every refusal with its SQLSTATE, detail and hint
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
RESET client_min_messages;
\pset format unaligned
\pset null NULL

-- SQLSTATE, message, detail and hint of the error that a query raises
CREATE FUNCTION pg_temp.failure(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text; detail text; hint text;
BEGIN
	EXECUTE query;
	RETURN 'no error';
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' / ', SQLSTATE, message, nullif(detail, ''), nullif(hint, ''));
END $$;
CREATE FUNCTION pg_temp.refused(input text, type text DEFAULT 'embedding') RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.failure(format('SELECT %L::%s', input, type)) $$;

-- what is accepted
SELECT e, dimensions(e), metric(e), model(e) FROM (VALUES
	('[1,2,3]'::embedding), ('[1]@l2'), ('[1,2,3]@l1'), ('[0.5,-2]@cosine'),
	('[1,2,3]@l1:0123456789abcdef'), ('[1,2,3]@l2:FEDCBA9876543210'),
	(E' \t[ 1 ,\n2 , 3 ]@l1 '), ('[+1,.5,5.,1e3,-1E-3]'), ('[-0,0]'), ('[1e-60]'),
	('[3.4028235e38,-3.4028235e38,1e-45,1.1754944e-38]')) AS t (e);

-- text gives the same values back, with the fewest digits
SELECT '[0.1,0.2,0.3]'::embedding, '[0.100000001490116]'::embedding, '[16777217]'::embedding;
SELECT count(*) AS lost FROM (
	SELECT to_embedding(array_agg(((random() - 0.5) * 10 ^ (random() * 70 - 35))::real), metric) AS e
	FROM unnest('{l1,l2,cosine}'::text[]) AS metric, generate_series(1, 200) AS i, generate_series(1, 7) GROUP BY metric, i) AS t
WHERE e::text::embedding <> e OR e::real[] <> e::text::embedding::real[];

-- what is refused
SELECT input, pg_temp.refused(input) FROM unnest(ARRAY['', '  ', '1,2', '[', '[]', '[ ]', '[1', '[1,', '[1,]', '[,1]', '[1,,2]', '[1 2]', '[1;2]',
	'[1,2', '[1,2]]', '[1,2] x', '{1,2}', '[a]', '[1,b]', '[0x]', '[nan]', '[1,-inf]', '[1,Infinity]', '[1e39]', '[1,2,-1e400]',
	'[1]@', '[1]@l3', '[1]@L1', '[1]@l1x', '[1] @l1', '[1]@l1:', '[1]@l1:0123', '[1]@l1:0123456789abcde', '[1]@l1:0123456789abcdeff',
	'[1]@l1:0123456789abcdeg', '[1]@l1:0000000000000000', '[1]@l1:0123456789abcdef:', '[1]@:0123456789abcdef', '[1]:0123456789abcdef',
	'[1]@l1 :0123456789abcdef']) AS input;
-- long text is cut in the message, at a character's boundary
SELECT pg_temp.refused('[1' || repeat(' ä', 80));

-- limits
SELECT dimensions(('[1' || repeat(',1', 15999) || ']')::embedding);
SELECT pg_temp.refused('[1' || repeat(',1', 16000) || ']');
SELECT dimensions(array_fill(1, ARRAY[16000])::real[]::embedding);
SELECT pg_temp.failure('SELECT array_fill(1, ARRAY[16001])::real[]::embedding');

-- type modifier
CREATE TEMP TABLE three (e embedding(3));
SELECT format_type(atttypid, atttypmod), attstorage FROM pg_attribute WHERE attrelid = 'three'::regclass AND attname = 'e';
INSERT INTO three VALUES ('[1,2,3]'), ('[4,5,6]@l1'::embedding), ('{7,8,9}'::real[]), ('{1,1,1}'::float8[]), (NULL);
SELECT * FROM three;
SELECT pg_temp.failure(query) FROM unnest(ARRAY[
	$$INSERT INTO three VALUES ('[1,2]')$$, $$INSERT INTO three VALUES ('[1,2,3,4]'::embedding)$$, $$INSERT INTO three VALUES ('{1}'::real[])$$,
	$$SELECT '[1,2]'::embedding(3)$$, $$SELECT '[1,2]'::embedding::embedding(3)$$, $$SELECT '{1,2}'::float8[]::embedding(3)$$,
	$$SELECT '[1]'::embedding(0)$$, $$SELECT '[1]'::embedding(-1)$$, $$SELECT '[1]'::embedding(16001)$$, $$SELECT '[1]'::embedding(1, 2)$$,
	$$SELECT '[1]'::embedding('x')$$]) AS query;

-- arrays
SELECT '{1,2.5,-3}'::real[]::embedding, '{0.1,1e-60}'::float8[]::embedding, '[5:6]={1,2}'::real[]::embedding;
SELECT to_embedding('{1,2}', 'l1'), to_embedding('{1,2}', 'l2'), to_embedding('{1,2}', 'cosine'), to_embedding(NULL, 'l1'), to_embedding('{1}', NULL);
-- arrays of decimals and of integers, as they are typed; each decimal is the float of the same text
SELECT ARRAY[0.5,2]::embedding, ARRAY[1,2,3]::embedding, ARRAY[1,2,3]::embedding(3), '{1,2}'::numeric[]::embedding, ARRAY[2147483647,-2147483648]::embedding;
SELECT count(*) AS differ FROM (SELECT ((random() - 0.5) * 10 ^ (random() * 60 - 30))::numeric AS x FROM generate_series(1, 2000)) s WHERE ARRAY[x]::embedding <> ('[' || x || ']')::embedding;
CREATE TEMP TABLE typed (e embedding(2));
INSERT INTO typed VALUES (ARRAY[0.5,2]), (ARRAY[1,2]), (ARRAY[1e0,2]), ('[3,4]');
SELECT e, e <-> ARRAY[0.5,2]::embedding AS distance FROM typed;
-- one function for arrays of all numbers: no call is ambiguous
SELECT to_embedding(ARRAY[0.5,2], 'l1'), to_embedding(ARRAY[1,2], 'l1'), to_embedding('{1,0.1}'::real[], 'l1'), to_embedding('{1,0.1}'::float8[], 'l1'), to_embedding('{1,2}'::bigint[], 'l1');
-- length; in single precision the squares would overflow
SELECT l2_norm('[3,-4]'), l2_norm('[0]'), l2_norm('[3e38,3e38]'), l2_normalize('[3,-4]@l1'), l2_normalize('[0,0]'), l2_normalize('[1e-45]'), l2_normalize('[-3e38,0]');
-- of a model only where its distances stay as they are
SELECT l2_normalize('[3,4]@cosine:0123456789abcdef'), l2_normalize('[3,4]@l2:0123456789abcdef'), l2_normalize('[3,4]@l1:0123456789abcdef');
-- one after the other
SELECT e || ARRAY[7]::embedding AS three, e || '[1,2]' AS four, '[1]@l1'::embedding || '[2]@l1' AS l1, e || NULL::embedding IS NULL AS nothing FROM typed LIMIT 1;
SELECT dimensions(a || a) FROM (SELECT array_fill(1, '{8000}')::embedding AS a) s;
SELECT query, pg_temp.failure(query) FROM unnest(ARRAY[
	$$SELECT ARRAY[1.5,NULL]::embedding$$, $$SELECT ARRAY[1,NULL]::embedding$$, $$SELECT '{}'::int[]::embedding$$, $$SELECT ARRAY[[0.5]]::embedding$$,
	$$SELECT ARRAY['NaN'::numeric]::embedding$$, $$SELECT ARRAY[1e39]::embedding$$, $$SELECT ARRAY[1,2]::embedding(3)$$, $$SELECT to_embedding(ARRAY[1e39], 'l2')$$,
	$$SELECT '[1]@l1'::embedding || '[2]'::embedding$$, $$SELECT '[1]@l1:0123456789abcdef'::embedding || '[2]@l1'$$, $$SELECT '[1]'::embedding || 'text'$$,
	$$SELECT '[1]@l1'::embedding || '[2]@l1:0123456789abcdef'$$, $$SELECT a || a FROM (SELECT array_fill(1, '{8001}')::embedding AS a) s$$]) AS query;
SELECT '[1,2.5]@l1:0123456789abcdef'::embedding::real[], array_length('[1,2,3]'::embedding::real[], 1), ('[1,2,3]'::embedding::real[])[2];
SELECT to_embedding('[1,2,3]'::embedding::real[], 'cosine');
SELECT query, pg_temp.failure(query) FROM unnest(ARRAY[
	$$SELECT '{}'::real[]::embedding$$, $$SELECT '{1,NULL}'::real[]::embedding$$, $$SELECT '{{1,2},{3,4}}'::real[]::embedding$$,
	$$SELECT '{1,NaN}'::real[]::embedding$$, $$SELECT '{Infinity}'::real[]::embedding$$,
	$$SELECT '{}'::float8[]::embedding$$, $$SELECT '{NULL}'::float8[]::embedding$$, $$SELECT '{{1}}'::float8[]::embedding$$,
	$$SELECT '{1,2,1e39}'::float8[]::embedding$$, $$SELECT '{-Infinity}'::float8[]::embedding$$,
	$$SELECT to_embedding('{1}', 'L1')$$, $$SELECT to_embedding('{1}', 'euclid')$$, $$SELECT to_embedding('{1,NULL}', 'l1')$$]) AS query;

-- balls
SELECT b, center(b), radius(b) FROM (VALUES ('<[1,2]@l1:0123456789abcdef,0.35>'::ball), (' < [1] , 0 > '), ('<[1],Infinity>'), ('<[1],-0>'),
	(ball('[1,2]@cosine', 0.1)), (ball('[1]', 'Infinity'))) AS t (b);
SELECT input, pg_temp.refused(input, 'ball') FROM unnest(ARRAY['', '[1]', '<', '<[1]', '<[1]>', '<[1],', '<[1],>', '<[1],x>', '<[1],1', '<[1],1>>',
	'<[1],-1>', '<[1],nan>', '<[1],1e400>', '<[],1>', '<[nan],1>', '<[1]@l9,1>', '<[1]@l1:0123456789abcdef0,1>', '<1,1>']) AS input;
SELECT pg_temp.failure($$SELECT ball('[1]', -0.5)$$), pg_temp.failure($$SELECT ball('[1]', 'NaN')$$);

-- soft errors, where the server has them; else the same answers by catching
CREATE FUNCTION pg_temp.valid(input text, type text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	result boolean;
BEGIN
	IF current_setting('server_version_num')::int >= 160000 THEN
		EXECUTE 'SELECT pg_input_is_valid($1, $2)' INTO result USING input, type;
		RETURN result;
	END IF;
	RETURN pg_temp.refused(input, type) = 'no error';
END $$;
SELECT input, pg_temp.valid(input, 'embedding') FROM unnest(ARRAY['[1]', '[1,2]@l1:0123456789abcdef', '', '[', '[]', '[nan]', '[1e39]', '[1', '[1]@l3',
	'[1]@l1:0', '[1]x']) AS input;
SELECT pg_temp.valid('[1,2]', 'embedding(3)'), pg_temp.valid('[1' || repeat(',1', 16000) || ']', 'embedding');
SELECT input, pg_temp.valid(input, 'ball') FROM unnest(ARRAY['<[1],1>', '<[1],-1>', '<[1],1', '<[x],1>', '<[1],1e400>', '<[1] 1>', '[1]', '<[1],1>x']) AS input;

-- toasted, compressed in a composite, in an array, in short and long form
CREATE TEMP TABLE stored (id int, e embedding);
INSERT INTO stored SELECT n, array_fill(n::real / 3, ARRAY[n])::embedding FROM unnest('{1,2,5,20,27,28,100,600,3000,16000}'::int[]) AS n;
SELECT id, pg_column_size(e), dimensions(e), e <-> array_fill(id::real / 3, ARRAY[id])::embedding AS distance FROM stored ORDER BY id;
SELECT array_agg(e ORDER BY id) = (SELECT array_agg(e ORDER BY id) FROM stored) AS arrays, max(dimensions(e)) FROM stored;

-- 10,000 mutated texts are accepted or refused, and what is accepted comes back from its text
DO $$
DECLARE
	alphabet text[] := string_to_array('[|]|,|@|:|.|-|+|e|E|0|1|9| |l1|l2|cosine|nan|inf|1e38|1e39|f|F|<|>|0123456789abcdef|x|ä', '|');
	input text; at int; e embedding; accepted int := 0; refused int := 0;
BEGIN
	PERFORM setseed(0.5);
	FOR i IN 1 .. 10000 LOOP
		input := (ARRAY['[1,-2.5,3e-2]@l1:0123456789abcdef', '[1]', '[0.1, 0.2]@cosine', '[7,8,9,10,11,12]'])[1 + i % 4];
		FOR j IN 1 .. 1 + (random() * 3)::int LOOP
			at := 1 + (random() * length(input))::int;
			input := overlay(input PLACING CASE WHEN random() < 0.3 THEN '' ELSE alphabet[1 + floor(random() * array_length(alphabet, 1))::int] END
				FROM at FOR (random() * 3)::int);
		END LOOP;
		BEGIN
			e := input::embedding;
			IF e::text::embedding <> e OR dimensions(e) < 1 OR e::text::embedding::text <> e::text THEN
				RAISE 'not the same again: %', input;
			END IF;
			accepted := accepted + 1;
		EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range OR data_exception THEN
			refused := refused + 1;
		END;
	END LOOP;
	IF accepted + refused <> 10000 OR accepted < 500 OR refused < 500 THEN
		RAISE 'accepted %, refused %', accepted, refused;
	END IF;
END $$;

-- bytes that are no embedding are told from one, whatever brought them there
CREATE CAST (ball AS embedding) WITHOUT FUNCTION;
CREATE CAST (embedding AS ball) WITHOUT FUNCTION;
SELECT pg_temp.failure($$SELECT dimensions(ball('[1,2]', 1)::embedding)$$), pg_temp.failure($$SELECT radius('[1,2,3,4,5,6,7,8,9]'::embedding::ball)$$),
	pg_temp.failure($$SELECT radius('[1]'::embedding::ball)$$);
DROP CAST (ball AS embedding);
DROP CAST (embedding AS ball);
