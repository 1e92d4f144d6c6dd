-- who may look into an index, and as whom functions in it run
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS siamese;
RESET client_min_messages;
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_siamese_owner;
CREATE ROLE regress_siamese_reader;
CREATE ROLE regress_siamese_stranger;
CREATE SCHEMA regress_siamese AUTHORIZATION regress_siamese_owner;
GRANT USAGE ON SCHEMA regress_siamese TO PUBLIC;
SET search_path = regress_siamese, public;
SET ROLE regress_siamese_owner;
CREATE FUNCTION caught(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rows bigint;
BEGIN
	EXECUTE 'SELECT count(*) FROM ' || statement INTO rows;
	RETURN rows || ' rows';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ': ' || sqlerrm;
END
$$;
-- functions in an index tell as whom they run, and may not leave anything behind
CREATE FUNCTION told(e embedding) RETURNS embedding LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RAISE WARNING 'expression: as %', current_user;
	RETURN e;
END
$$;
CREATE FUNCTION asked(id int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RAISE WARNING 'predicate: as %', current_user;
	RETURN id > 0;
END
$$;
CREATE TABLE secret (id int, e embedding);
INSERT INTO secret VALUES (1, '[1,2]');
GRANT SELECT ON secret TO regress_siamese_reader;
SET client_min_messages = error;
CREATE INDEX secret_e ON secret USING siamese (told(e)) WHERE asked(id);
RESET client_min_messages;
CREATE TABLE halved (id int, e embedding) PARTITION BY RANGE (id);
CREATE INDEX halved_e ON halved USING siamese (e);
CREATE INDEX secret_id ON secret (id);
CREATE VIEW seen AS SELECT * FROM secret;
RESET ROLE;
-- by a superuser, then by the owner
SELECT caught($$siamese.index_check('secret_e', true)$$);
SELECT current_user = session_user AS back;
SET ROLE regress_siamese_owner;
SELECT caught($$siamese.index_check('secret_e', true)$$);
SELECT current_user, caught($$siamese.index_stats('secret_e')$$);
-- what attacks the caller: a function that has become another one
SET client_min_messages = error;
CREATE FUNCTION attack() RETURNS void LANGUAGE plpgsql VOLATILE AS $$ BEGIN ALTER ROLE regress_siamese_owner SUPERUSER; END $$;
CREATE OR REPLACE FUNCTION told(e embedding) RETURNS embedding LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM regress_siamese.attack(); RETURN e; END $$;
RESET client_min_messages;
RESET ROLE;
SELECT left(caught($$siamese.index_check('secret_e', true)$$), 5);
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_siamese_owner';
SELECT caught($$siamese.index_check('secret_e')$$);
-- others: those who may read the table, and those who may not
SET ROLE regress_siamese_reader;
SELECT caught($$siamese.index_check('secret_e')$$), caught($$siamese.index_stats('secret_e')$$);
SET ROLE regress_siamese_stranger;
SELECT caught($$siamese.index_check('secret_e', true)$$), caught($$siamese.index_stats('secret_e')$$);
RESET ROLE;
-- what is no such index
SELECT what, caught(format('siamese.index_check(%L::regclass)', what)), caught(format('siamese.index_stats(%L::regclass)', what))
	FROM unnest(ARRAY['0', '4294967295', 'secret', 'seen', 'secret_id', 'halved_e', 'pg_class']) what;
SELECT caught('siamese.index_check(NULL)');
DROP VIEW seen;
DROP TABLE secret, halved;
DROP FUNCTION told, asked, attack, caught;
RESET search_path;
DROP SCHEMA regress_siamese;
DROP ROLE regress_siamese_owner, regress_siamese_reader, regress_siamese_stranger;
DROP EXTENSION siamese;
