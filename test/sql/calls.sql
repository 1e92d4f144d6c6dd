-- Every function of the extension as any role may call it: arguments that are NULL or odd, in turn; support functions outside
-- of their place.  An answer or an error of the user's, never an internal one (class XX), and the server lives on.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
INSERT INTO siamese.network (name, definition) VALUES
('pen_of_8', '{"layers": [{"type": "conv", "maps": 4, "kernel": [1, 5], "stride": [1, 5]}, {"type": "dense", "units": 8}],
	"input": {"features": ["x", "y"], "length": 30, "kind": "pen"}, "join": "cosine", "loss": {"type": "cosine_target"}, "training": {"epoch_samples": 64}}'),
('image_of_8', '{"layers": [{"type": "conv", "maps": 4, "kernel": 5, "stride": 3}, {"type": "dense", "units": 8}],
	"input": {"width": 16, "height": 12}, "join": "cosine", "loss": {"type": "cosine_target"}, "training": {"epoch_samples": 64}}');
CREATE TABLE specimen AS SELECT * FROM siamese.sample_signatures(8, 4, 8);
CALL siamese.train('pens', 'SELECT pen, signer, genuine FROM specimen', 'pen_of_8', 1);
CALL siamese.train('images', 'SELECT image, signer, genuine FROM specimen', 'image_of_8', 1);
CREATE TABLE filled (e embedding, pen real[], image bytea);
CREATE INDEX filled_e ON filled USING siamese (e);

-- what stands for an argument of each type: a usual value, and odd ones
CREATE TABLE argument (type regtype PRIMARY KEY, usual text NOT NULL, odd text[] NOT NULL DEFAULT '{}');
INSERT INTO argument VALUES
('embedding', '[1,2,3,4,5,6,7,8]@cosine', '{[0],[1]@l1:0123456789abcdef}'),
('reference', '(1/6,[1,2,3,4,5,6,7,8]@cosine,[0,0,0,0,0,0,0,0])', '{"(1/1000,[1],[0])","(1/1,[1]@l2:0123456789abcdef,[0])"}'),
('box', '((0,0),(5,5))', '{"((NaN,0),(1,1))","((Infinity,0),(-Infinity,1))"}'),
('ball', '<[1,2,3],1>', '{"<[1]@l1:0123456789abcdef,Infinity>"}'),
('boolean', 'true', '{false}'), ('smallint', '1', '{0,-1}'), ('integer', '2', '{0,-1,2147483647,-2147483648}'),
('bigint', '2', '{0,-1,9223372036854775807,-9223372036854775808}'), ('oid', '0', '{1,4294967295}'),
('name', 'pg_monitor', '{"",current_user,none}'), ('regclass', 'filled_e', '{filled,pg_class,pg_class_oid_index,siamese.training}'),
('float8', '0.5', '{0,-1,NaN,Infinity,-Infinity,1e308,5e-324}'),
('text', 'pens', '{"",images,pens@1,images@1,pens@999999999999999999999,@,l1,SELECT 1,SELECT}'),
('cstring', '[1,2]', '{"",x,[,(1/6,<}'), ('cstring[]', '{2}', '{"{}","{x}","{2,NULL}","{2,3}"}'),
('text[]', '{{a,b},{c,d}}', '{"{}","{NULL}"}'), ('jsonb', '{}', '{1,"[]","null","{\"a\": 1}"}'), ('bytea', '\x5031', '{"",x}'), ('bytea[]', '{x}', '{"{}","{NULL}","{{x,x},{x,x}}"}'),
('real[]', '{{1,2},{3,4},{3,5},{3,6},{3,7},{3,8},{3,9},{3,1},{3,2},{3,3}}', '{"{}","{1,2}","{NULL,1}","{NaN}","{Infinity}","{{1,2},{3,4}}","{{{1}}}"}');
-- the kinds of arrays that become embeddings and pens beside real[]
INSERT INTO argument SELECT t::regtype, usual, CASE WHEN t = 'integer[]' THEN '{"{}","{NULL,1}","{{1}}"}' ELSE odd END
	FROM argument, unnest('{double precision[],numeric[],integer[]}'::text[]) t WHERE type = 'real[]'::regtype;
UPDATE argument SET odd = odd || '{1e300}' || '{-1e300}' WHERE type = 'double precision[]'::regtype;

CREATE FUNCTION pg_temp.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- functions of the extension, and how argument number changed reads as a value; 0: all of them
CREATE VIEW called AS SELECT p.oid::regprocedure AS called, prokind, prolang, proretset, p.proargnames, t.types, cardinality(t.types) AS n
	FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
		JOIN pg_extension x ON x.oid = d.refobjid AND extname = 'siamese',
		unnest(CASE WHEN 'anyarray'::regtype = ANY (p.proargtypes) THEN '{real[],double precision[],numeric[],integer[],text[]}'::regtype[] ELSE '{anyarray}' END) actual,
		LATERAL (SELECT coalesce(array_agg(CASE WHEN o.o = 'anyarray'::regtype THEN actual ELSE o.o::regtype END ORDER BY i), '{}') AS types
			FROM unnest(p.proargtypes) WITH ORDINALITY o (o, i)) t;
SELECT DISTINCT type AS without_a_value FROM called, unnest(types) type WHERE type <> 'internal'::regtype AND type NOT IN (SELECT type FROM argument);
CREATE FUNCTION pg_temp.statements(c called) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	usual text[] := ARRAY(SELECT format('%L::%s', CASE WHEN c.proargnames[i] = 'examples' THEN 'SELECT pen, signer, genuine FROM specimen' ELSE usual END, type)
		FROM unnest(c.types) WITH ORDINALITY t (type, i) LEFT JOIN argument USING (type) ORDER BY i);
	name text := split_part(c.called::text, '(', 1);
	form text;
	values text[];
	value text;
BEGIN
	FOREACH form IN ARRAY CASE c.prokind WHEN 'p' THEN ARRAY['CALL %s(%s)'] WHEN 'a' THEN ARRAY['SELECT %s(%s)', 'SELECT %s(%s) OVER ()'] WHEN 'w' THEN ARRAY['SELECT %s(%s) OVER ()']
		ELSE ARRAY['SELECT %s(%s)', 'SELECT * FROM %s(%s)'] END
	LOOP
		RETURN NEXT format(form, name, array_to_string(usual, ','));
		RETURN NEXT format(form, name, array_to_string(ARRAY(SELECT 'NULL::' || type FROM unnest(c.types) WITH ORDINALITY t (type, i) ORDER BY i), ','));
		FOR i IN 1 .. c.n LOOP
			values := usual;
			values[i] := 'NULL::' || c.types[i];
			RETURN NEXT format(form, name, array_to_string(values, ','));
			FOR value IN SELECT format('%L::%s', o, type) FROM argument, unnest(odd) o WHERE type = c.types[i] AND c.prokind <> 'p' LOOP
				values[i] := value;
				RETURN NEXT format(form, name, array_to_string(values, ','));
			END LOOP;
		END LOOP;
	END LOOP;
END $$;

-- functions that take internal, and triggers, are not called from SQL
SELECT called, answer FROM called c, LATERAL (SELECT pg_temp.answer(format('SELECT %s(%s)', split_part(called::text, '(', 1),
	(SELECT string_agg(CASE WHEN type = 'internal'::regtype THEN 'NULL' ELSE 'NULL::' || type END, ',') FROM unnest(types) type))) AS answer OFFSET 0) a
	WHERE 'internal'::regtype = ANY (types) AND answer !~ '^(42883|0A000)';
SELECT pg_temp.answer('SELECT siamese.embed_on_write()');

-- all others
SET siamese.model = 'images';
-- of calibrations on few people
SET client_min_messages = error;
SELECT statement, answer FROM called c, LATERAL (SELECT DISTINCT pg_temp.statements(c) AS statement) s, LATERAL (SELECT pg_temp.answer(statement) AS answer OFFSET 0) a
	WHERE 'internal'::regtype <> ALL (types) AND answer ~ '^(XX|58)';
SELECT count(DISTINCT called) > 70 AS functions, count(*) > 1000 AS calls FROM called c, pg_temp.statements(c) WHERE 'internal'::regtype <> ALL (types);
RESET siamese.model;

-- procedures by themselves, where they may commit
\set VERBOSITY sqlstate
\set ECHO none
SELECT s FROM called c, pg_temp.statements(c) s WHERE prokind = 'p' AND s ~ 'NULL' ORDER BY s COLLATE "C"
\gexec
\set ECHO all
\set VERBOSITY default

-- estimates of operators on other types, which any role could declare in older versions
CREATE SCHEMA caller;
SET search_path = caller, public;
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, RESTRICT = ball_selectivity, JOIN = ball_join_selectivity);
CREATE OPERATOR ==== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, RESTRICT = same_selectivity, JOIN = same_join_selectivity);
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq, RESTRICT = ball_selectivity, JOIN = ball_join_selectivity);
CREATE OPERATOR ==== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq, RESTRICT = same_selectivity, JOIN = same_join_selectivity);
CREATE OPERATOR === (RIGHTARG = int, FUNCTION = pg_catalog.bool, RESTRICT = same_selectivity);
CREATE OPERATOR === (LEFTARG = embedding, RIGHTARG = embedding, FUNCTION = embedding_eq, RESTRICT = ball_selectivity, JOIN = ball_join_selectivity);
CREATE FUNCTION ball(integer, float8) RETURNS integer LANGUAGE sql STABLE AS 'SELECT $1 + $2::int';
CREATE ROLE siamese_caller;
GRANT ALL ON SCHEMA caller TO siamese_caller;
SET ROLE siamese_caller;
CREATE TABLE mine AS SELECT i, i::text AS t, '[1]'::embedding AS e FROM generate_series(1, 3) i;
ANALYZE mine;
SELECT (SELECT count(*) FROM mine WHERE i === 2), (SELECT count(*) FROM mine WHERE i ==== 2), (SELECT count(*) FROM mine WHERE t === '2'),
	(SELECT count(*) FROM mine WHERE t ==== '2'), (SELECT count(*) FROM mine WHERE === i), (SELECT count(*) FROM mine WHERE e === '[1]'),
	(SELECT count(*) FROM mine WHERE i === ball(1, 1)), (SELECT count(*) FROM mine WHERE (i + 1) === 2), (SELECT count(*) FROM mine WHERE 2 ==== i);
SELECT (SELECT count(*) FROM mine a JOIN mine b ON a.i === b.i), (SELECT count(*) FROM mine a JOIN mine b ON a.i ==== b.i), (SELECT count(*) FROM mine a JOIN mine b ON a.t === b.t),
	(SELECT count(*) FROM mine a JOIN mine b ON a.t ==== b.t), (SELECT count(*) FROM mine a JOIN mine b ON a.e === b.e), (SELECT count(*) FROM mine a JOIN mine b ON a.i === ball(b.i, 1));
-- distances where a range wants differences; aggregates and triggers of one's own
CREATE TYPE between_embeddings AS RANGE (SUBTYPE = embedding, SUBTYPE_DIFF = l2_distance);
CREATE TABLE ranges AS SELECT between_embeddings('[1]', '[2]') AS r FROM generate_series(1, 300);
CREATE INDEX ON ranges USING gist (r);
ANALYZE ranges;
CREATE AGGREGATE last_update(embedding) (SFUNC = reference_update, STYPE = reference, INITCOND = '(1/2,[1],[0])');
SELECT last_update(e), last_update(e ORDER BY i) FILTER (WHERE i < 2) FROM mine;
CREATE AGGREGATE sums(embedding) (SFUNC = average_add, STYPE = internal);
CREATE TRIGGER changed BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write();
INSERT INTO mine (i) VALUES (4);
RESET search_path;
RESET ROLE;

DROP SCHEMA caller CASCADE;
DROP ROLE siamese_caller;
DROP EXTENSION siamese CASCADE;
DROP TABLE specimen, filled, argument CASCADE;
