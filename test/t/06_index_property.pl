# The index answers as a sequential scan does: generated tables of all distances, 1 to 300 dimensions, clusters, duplicates,
# rows near a subspace, zero and denormal values, the largest floats of both signs, deletions, updates, drift and vacuum; distances must be the same in the same order (ties
# may swap), balls must hold the same rows.
#
# INDEX_SEED (default: the process's number and the time) and INDEX_ROUNDS (default 60) choose what is generated.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{INDEX_SEED} // (time * 131 + $$) % 1_000_000;
my $rounds = $ENV{INDEX_ROUNDS} // 60;
note("INDEX_SEED=$seed INDEX_ROUNDS=$rounds");

my $node = PostgreSQL::Test::Cluster->new('property');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\njit = off\nclient_min_messages = warning\nmaintenance_work_mem = '4MB'");
$node->start;

$node->safe_psql('postgres', <<'SQL');
SET check_function_bodies = off;
CREATE EXTENSION siamese;
CREATE TABLE chosen (n int, metric text, mode text, scale float8, rows int, regions int, fill int, early boolean);

-- n random values of the mode; k chooses a cluster.
CREATE FUNCTION vector(n int, mode text, scale float8, k int) RETURNS real[] LANGUAGE sql VOLATILE AS $$
	SELECT array_agg(CASE WHEN abs(v) < 1e-45 THEN 0 ELSE least(greatest(v, -3.4028234e38), 3.4028234e38) END::real ORDER BY i) FROM (SELECT i, scale * CASE mode
		WHEN 'uniform' THEN random() - 0.3
		WHEN 'clusters' THEN sin(k * 37 + i * 11 + k * i) + 0.05 * random()
		WHEN 'duplicates' THEN CASE WHEN k % 20 > 0 THEN sin(i) ELSE random() END
		WHEN 'equal' THEN 0.7
		WHEN 'zeros' THEN CASE WHEN k % 3 = 0 THEN 0 WHEN i = 1 + k % n THEN 1 ELSE 0 END
		WHEN 'grid' THEN floor(random() * 3)
		WHEN 'outliers' THEN CASE WHEN k % 50 = 0 THEN random() * 1e6 ELSE random() END
		WHEN 'scales' THEN (random() - 0.5) * power(10, (k % 13) - 6)
		WHEN 'ends' THEN sign(random() - 0.5) * CASE floor(random() * 5)
			WHEN 0 THEN 3.4028234e38 WHEN 1 THEN random() * 3.4e38 WHEN 2 THEN random() * 1e-38 WHEN 3 THEN floor(random() * 3) * 1.4e-45
			ELSE power(10, random() * 76 - 38) END
		WHEN 'opposite' THEN CASE WHEN k % 2 = 0 THEN 1 ELSE -1 END * (1 - 0.01 * random()) * 3.4028234e38
		WHEN 'subspace' THEN a * sin(i) + b * cos(i) + c * sin(2.3 * i) + 1e-3 * random()
		END AS v FROM generate_series(1, n) i, (SELECT random() AS a, random() AS b, random() AS c OFFSET 0) r) x
$$;

CREATE FUNCTION fill(first int, last int, drift float8 DEFAULT 0) RETURNS void LANGUAGE sql AS $$
	INSERT INTO round SELECT i, CASE WHEN i % 97 = 5 THEN NULL ELSE to_embedding(
			(SELECT array_agg(least(v + drift * c.scale, 3.4028234e38)::real) FROM unnest(vector(c.n, c.mode, c.scale, (random() * 40)::int + 0 * i)) v), c.metric) END
		FROM chosen c, generate_series(first, last) i
$$;

CREATE FUNCTION pick(variadic a text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT a[1 + floor(random() * cardinality(a))::int] $$;

CREATE FUNCTION make(seed int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c chosen;
BEGIN
	PERFORM setseed(seed / 1000000.0);
	DROP TABLE IF EXISTS round;
	DELETE FROM chosen;
	c.n := pick('1', '2', '3', '4', '7', '16', '31', '33', '64', '65', '128', '300')::int;
	c.metric := pick('l1', 'l2', 'cosine');
	c.mode := pick('uniform', 'uniform', 'clusters', 'clusters', 'duplicates', 'equal', 'zeros', 'grid', 'outliers', 'scales', 'subspace', 'subspace', 'ends', 'opposite');
	c.scale := pick('1', '1', '1', '1e-3', '1e10', '1e-30', '1e-38', '1e32', '1e38')::float8;
	c.rows := pick('0', '1', '2', '7', '60', '300', '300', '1000', '1000', '2500')::int;
	IF c.n > 100 THEN c.rows := least(c.rows, 300); END IF;
	-- enough for the index to code the rows' images in their principal axes
	IF c.mode = 'subspace' THEN c.n := pick('32', '33', '64', '100')::int; c.rows := pick('1000', '1500')::int; c.metric := pick('l2', 'cosine'); END IF;
	c.regions := pick('0', '0', '1', '5', '40')::int;
	c.fill := pick('90', '90', '100', '30')::int;
	c.early := random() < 0.3;
	INSERT INTO chosen SELECT c.*;
	CREATE TABLE round (id int, e embedding);
	IF c.early THEN EXECUTE format('CREATE INDEX ON round USING siamese (e) WITH (regions = %s, fillfactor = %s)', c.regions, c.fill); END IF;
	PERFORM fill(1, c.rows);
	IF NOT c.early THEN EXECUTE format('CREATE INDEX ON round USING siamese (e) WITH (regions = %s, fillfactor = %s)', c.regions, c.fill); END IF;
	IF random() < 0.5 THEN DELETE FROM round WHERE id % pick('2', '5', '1', '10')::int = 0; END IF;
	IF random() < 0.5 THEN UPDATE round SET e = (SELECT to_embedding(vector(c.n, c.mode, c.scale, id % 41), c.metric)) WHERE id % 4 = 1; END IF;
	IF random() < 0.5 THEN UPDATE round SET id = id WHERE id % 3 = 1; END IF;
END $$;

CREATE FUNCTION more() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c chosen;
BEGIN
	SELECT * INTO c FROM chosen;
	IF random() < 0.7 THEN PERFORM fill(c.rows + 1, c.rows + least(c.rows, 300) / pick('1', '3')::int + 1, pick('0', '0', '1', '20')::float8); END IF;
END $$;

-- Runs a query by the sequential scan and by the index, and compares.
CREATE FUNCTION compare(query text, q embedding, r float8, by_index text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	wanted text;
	got text;
	line text;
	used boolean := false;
BEGIN
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true), set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan', 'off', true);
	EXECUTE query INTO wanted USING q, r;
	PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true), set_config(by_index, 'on', true);
	FOR line IN EXECUTE 'EXPLAIN ' || query USING q, r LOOP used := used OR line ~ 'Scan (using|on) round_e_idx'; END LOOP;
	IF NOT used THEN RETURN format('the index is not used: %s', query); END IF;
	EXECUTE query INTO got USING q, r;
	IF got IS DISTINCT FROM wanted THEN
		RETURN format('%s q=%s r=%s wanted %s got %s', query, left(q::text, 200), r, left(wanted, 300), left(got, 300));
	END IF;
	RETURN NULL;
END $$;

CREATE FUNCTION check_round() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c chosen;
	q embedding;
	r float8;
	problem text;
	rows int;
BEGIN
	SELECT * INTO c FROM chosen;
	SELECT count(*) INTO rows FROM round;
	FOR i IN 1 .. 3 LOOP
		q := NULL;
		IF i = 1 THEN SELECT e INTO q FROM round WHERE e IS NOT NULL ORDER BY random() LIMIT 1; END IF;
		IF i = 2 OR q IS NULL THEN q := to_embedding(vector(c.n, c.mode, c.scale, 20), c.metric); END IF;
		IF i = 3 THEN q := to_embedding(vector(c.n, 'uniform', c.scale * pick('1', '1e-3', '1000')::float8, 0), c.metric); END IF;
		FOREACH rows IN ARRAY ARRAY[1, 10, 1000000] LOOP
			RETURN NEXT compare(format('SELECT array_agg(d)::text FROM (SELECT e <-> $1 AS d FROM round ORDER BY e <-> $1 LIMIT %s) x', rows), q, r, 'enable_indexscan');
		END LOOP;
		RETURN NEXT compare('SELECT array_agg(d)::text FROM (SELECT e <-> $1 AS d FROM round WHERE id % 3 = 0 ORDER BY e <-> $1 LIMIT 5) x', q, r, 'enable_indexscan');
		SELECT e <-> q INTO r FROM round WHERE e IS NOT NULL ORDER BY e <-> q OFFSET floor(random() * 50) LIMIT 1;
		r := coalesce(r, 1);
		RETURN NEXT compare('SELECT array_agg(id ORDER BY id)::text FROM round WHERE e <@ ball($1, $2)', q, r, 'enable_indexscan');
		RETURN NEXT compare('SELECT array_agg(id ORDER BY id)::text FROM round WHERE e <@ ball($1, $2)', q, r, 'enable_bitmapscan');
		RETURN NEXT compare('SELECT array_agg(d)::text FROM (SELECT e <-> $1 AS d FROM round WHERE e <@ ball($1, $2) ORDER BY e <-> $1 LIMIT 7) x', q, r, 'enable_indexscan');
	END LOOP;
	RETURN NEXT compare('SELECT count(*)::text FROM round WHERE e IS NULL', q, r, 'enable_bitmapscan');
	RETURN NEXT compare('SELECT count(*)::text FROM round WHERE e IS NOT NULL', q, r, 'enable_indexscan');
	RETURN NEXT compare('SELECT array_agg(d ORDER BY i, d)::text FROM (SELECT id AS i, e AS own FROM round ORDER BY id LIMIT 6) a, LATERAL '
		'(SELECT e <-> own AS d FROM round ORDER BY e <-> own LIMIT 3) b WHERE $2 IS NOT NULL', q, r, 'enable_indexscan');
END $$;
SQL

my $script = '';
for my $round (1 .. $rounds)
{
	my $own = ($seed + $round * 7919) % 1_000_000;
	$script .= "SELECT make($own);\n";
	$script .= "VACUUM round;\n" if $own % 3;
	$script .= "SELECT more();\n" . ($own % 2 ? "VACUUM round;\nSELECT more();\n" : '');
	$script .= "SELECT 'round of seed $own, ' || c::text || ': ' || problem FROM chosen c, check_round() problem WHERE problem IS NOT NULL;\n";
}
my ($status, $out, $err) = $node->psql('postgres', $script, timeout => 600);
is($status, 0, "the rounds run (INDEX_SEED=$seed)");
is($err, '', "without an error (INDEX_SEED=$seed)");
$out =~ s/^\n//gm;
is($out, '', "the index answers as the sequential scan (INDEX_SEED=$seed)");

$node->stop;
done_testing();
