-- The answers that 1.0 gave; raises at the first that is another one.
DO $$
DECLARE
	asked record;
	given text;
BEGIN
	FOR asked IN SELECT query, result FROM answer LOOP
		EXECUTE format('SELECT string_agg(x::text, E''\n'') FROM (%s) x', asked.query) INTO given;
		IF given IS DISTINCT FROM asked.result THEN
			RAISE EXCEPTION 'not as 1.0: %', asked.query;
		END IF;
	END LOOP;
	IF EXISTS (SELECT FROM siamese.index_check('by_e', true)) THEN
		RAISE EXCEPTION 'the index by_e is not sound';
	END IF;
END $$;
