-- The page sql/REFERENCE.md, from the catalog: every object of the extension that people use, with its comment.  make reference.
\pset format unaligned
\pset tuples_only on
\pset recordsep '\n'
SET search_path = public, pg_catalog;
CREATE EXTENSION IF NOT EXISTS siamese;
SELECT count(embed(NULL::bytea, 'none')) \g /dev/null

-- What only the server calls is left out: support functions of types, aggregates, casts, operators, indexes and the planner.
CREATE TEMPORARY VIEW member AS
	SELECT classid, objid, obj_description(objid, classid::regclass::name) AS description
	FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'siamese');
CREATE TEMPORARY VIEW called_by_server AS
	SELECT aggtransfn::oid AS oid FROM pg_aggregate UNION SELECT aggfinalfn FROM pg_aggregate UNION SELECT aggcombinefn FROM pg_aggregate
	UNION SELECT aggserialfn FROM pg_aggregate UNION SELECT aggdeserialfn FROM pg_aggregate
	UNION SELECT castfunc FROM pg_cast UNION SELECT amproc FROM pg_amproc UNION SELECT oprcode FROM pg_operator UNION SELECT oprrest FROM pg_operator
	UNION SELECT oprjoin FROM pg_operator UNION SELECT prosupport FROM pg_proc UNION SELECT amhandler FROM pg_am UNION SELECT tgfoid FROM pg_trigger
	UNION SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend, typmodin, typmodout]) FROM pg_type;
CREATE FUNCTION pg_temp.plain(declaration text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(replace(replace(declaration, 'double precision', 'float8'), 'public.', ''), '::[a-z0-9]+', '', 'g') $$;
-- The rows of a table are told in words: what stands behind RETURNS TABLE, or the OUT parameters.
CREATE TEMPORARY VIEW routine AS
	SELECT prokind, nspname, format('%s%s(%s)', CASE nspname WHEN 'public' THEN '' ELSE nspname || '.' END, proname,
			regexp_replace(pg_temp.plain(pg_get_function_arguments(p.oid)), '(, )?OUT .*|(^|(?<=, ))IN ', '', 'g')) AS call,
		CASE WHEN prorettype = 'trigger'::regtype OR prokind = 'p' THEN ''
			WHEN 'o' = ANY (proargmodes) THEN format(' → %s(%s)', CASE WHEN proretset THEN 'rows ' ELSE '' END,
				regexp_replace(pg_temp.plain(regexp_replace(pg_get_function_arguments(p.oid), '^.*?(?=OUT )', '')), 'OUT ', '', 'g'))
			ELSE format(' → %s', replace(replace(pg_temp.plain(pg_get_function_result(p.oid)), 'TABLE(', 'rows ('), 'SETOF ', 'rows of ')) END AS result, description
	FROM member JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid JOIN pg_namespace n ON n.oid = pronamespace
	WHERE prokind = 'a' OR NOT EXISTS (SELECT FROM called_by_server c WHERE c.oid = p.oid) AND NOT 'internal'::regtype = ANY (proargtypes);
CREATE FUNCTION pg_temp.routines(schema text, VARIADIC kinds "char"[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('- `%s`%s: %s', call, result, description) FROM routine
	WHERE prokind = ANY (kinds) AND nspname = schema ORDER BY call $$;

\qecho '# Reference'
\qecho
\qecho 'Every object that people use, from its comment in the catalog; `make reference` writes this page.  `\\dx+ siamese` lists all objects,'
\qecho '`\\df+`, `\\do+` and `\\dT+` show the same comments in psql.'
\qecho
\qecho '## Types'
\qecho
SELECT format(E'- `%s`: %s', pg_temp.plain(format_type(t.oid, NULL)), description) FROM member JOIN pg_type t ON classid = 'pg_type'::regclass AND objid = t.oid
	WHERE typtype = 'b' AND typelem = 0 ORDER BY 1;
\qecho
\qecho '## Operators'
\qecho
SELECT format('- `%s %s %s` → `%s`: %s', pg_temp.plain(format_type(oprleft, NULL)), oprname, pg_temp.plain(format_type(oprright, NULL)),
		pg_temp.plain(format_type(oprresult, NULL)), description)
	FROM member JOIN pg_operator o ON classid = 'pg_operator'::regclass AND objid = o.oid ORDER BY oprname, oprleft::regtype::text, oprright::regtype::text;
\qecho
\qecho '## Casts'
\qecho
SELECT format('- `%s` to `%s`, %s: %s', pg_temp.plain(format_type(castsource, NULL)), pg_temp.plain(format_type(casttarget, NULL)),
		CASE castcontext WHEN 'i' THEN 'implicit' WHEN 'a' THEN 'on assignment' ELSE 'explicit' END, coalesce(description, 'as an unbound one'))
	FROM member JOIN pg_cast c ON classid = 'pg_cast'::regclass AND objid = c.oid ORDER BY castsource::regtype::text, casttarget::regtype::text;
\qecho
\qecho '## Functions'
\qecho
SELECT * FROM pg_temp.routines('public', 'f', 'w');
\qecho
\qecho '## Aggregates'
\qecho
SELECT * FROM pg_temp.routines('public', 'a');
\qecho
\qecho '## Functions in the schema siamese'
\qecho
SELECT * FROM pg_temp.routines('siamese', 'f', 'w', 'a');
\qecho
\qecho '## Procedures'
\qecho
SELECT * FROM pg_temp.routines('siamese', 'p');
\qecho
\qecho '## Tables and views'
\qecho
SELECT format('- `%s.%s` (%s): %s', nspname, relname, (SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), description)
	FROM member JOIN pg_class c ON classid = 'pg_class'::regclass AND objid = c.oid JOIN pg_namespace n ON n.oid = relnamespace
	WHERE relkind IN ('r', 'v') ORDER BY relname;
\qecho
\qecho '## Index'
\qecho
SELECT format('- `USING %s`: %s', amname, description) FROM member JOIN pg_am a ON classid = 'pg_am'::regclass AND objid = a.oid;
SELECT format('- operator class `%s` for `%s`%s: %s', opcname, pg_temp.plain(format_type(opcintype, NULL)), CASE WHEN opcdefault THEN ', the default' ELSE '' END, description)
	FROM member JOIN pg_opclass o ON classid = 'pg_opclass'::regclass AND objid = o.oid ORDER BY opcname;
\qecho
\qecho '## Settings'
\qecho
SELECT format('- `%s`, %s%s: %s', name, CASE boot_val WHEN '' THEN 'empty' ELSE concat_ws(' ', boot_val, unit) END,
		CASE context WHEN 'superuser' THEN ', set by superusers' WHEN 'user' THEN '' ELSE ', set for the server' END, concat_ws(' ', short_desc, extra_desc))
	FROM pg_settings WHERE name LIKE 'siamese.%' ORDER BY name;
