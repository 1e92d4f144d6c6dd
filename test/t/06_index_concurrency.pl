# Fourteen sessions insert, update, delete and search three tables at once, while another one vacuums and builds the indexes anew:
# no error, no crash, in each snapshot the index's rows are the table's, and in the end the indexes are sound.
#
# INDEX_SECONDS (default 15) is how long they do.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{INDEX_SECONDS} // 15;
my $sessions = 14;
my $node = PostgreSQL::Test::Cluster->new('concurrency');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\njit = off\nmax_connections = 40\nrestart_after_crash = off\nclient_min_messages = warning\nmax_parallel_workers_per_gather = 0\nmaintenance_work_mem = '64MB'\nmax_wal_size = '2GB'");
# glibc gives large blocks back to the system when they are freed, so that a later use of them ends the server
$ENV{MALLOC_MMAP_THRESHOLD_} = 32768;
$node->start;

# Rows to draw from: of few dimensions as they come, of many near a subspace of forty; a tenth of them far off, on all scales, so that
# inserts found regions.
my %dimensions = (three => 3, face => 128, large => 768);
my $pool = 1500;
srand(5);
my $normal = sub { return rand() + rand() + rand() + rand() - 2; };
my $copy = "CREATE EXTENSION siamese;\nCREATE TABLE pool (kind text, id int, v real[]);\nCOPY pool FROM STDIN;\n";
for my $kind (sort keys %dimensions)
{
	my $n = $dimensions{$kind};
	my @basis = map { [ map { $normal->() } 1 .. $n ] } 1 .. 40;
	for my $id (0 .. $pool - 1)
	{
		my @x = map { 0.01 * $normal->() } 1 .. $n;
		for my $part (1 .. 6)
		{
			my ($basis, $share) = ($basis[ rand 40 ], $normal->());
			$x[$_] += $share * $basis->[$_] for 0 .. $n - 1;
		}
		if ($id % 10 == 9)
		{
			my $scale = 10**(rand 5);
			$_ *= $scale for @x;
		}
		$copy .= sprintf "%s\t%d\t{%s}\n", $kind, $id, join ',', map { sprintf '%.4g', $_ } @x;
	}
}
$node->safe_psql('postgres', $copy . "\\.\n" . <<'SQL');
CREATE TABLE source AS SELECT kind, id, to_embedding(v, 'l2') AS e FROM pool;
ALTER TABLE source ADD PRIMARY KEY (kind, id);
ANALYZE source;

-- ids of a ball, by the index and by the table, in one snapshot
CREATE FUNCTION same(kind text, query embedding, radius float8) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	search text := format('SELECT array_agg(id ORDER BY id) FROM %I WHERE e <@ ball($1, $2)', kind);
	nearest text := format('SELECT array_agg(d) FROM (SELECT e <-> $1 AS d FROM %I ORDER BY e <-> $1 LIMIT 20) x', kind);
	by_index int[];
	by_table int[];
	index_says float8[];
	table_says float8[];
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_sort = off;
	EXECUTE search INTO by_index USING query, radius;
	EXECUTE nearest INTO index_says USING query;
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_sort = on;
	SET LOCAL enable_indexscan = off;
	SET LOCAL enable_bitmapscan = off;
	EXECUTE search INTO by_table USING query, radius;
	EXECUTE nearest INTO table_says USING query;
	SET LOCAL enable_indexscan = on;
	SET LOCAL enable_bitmapscan = on;
	RETURN by_index IS NOT DISTINCT FROM by_table AND index_says IS NOT DISTINCT FROM table_says;
END $$;

CREATE PROCEDURE load(session int, seconds float8) LANGUAGE plpgsql AS $$
DECLARE
	kinds text[] := ARRAY['three', 'face', 'large'];
	finish timestamptz := clock_timestamp() + seconds * interval '1 s';
	target text;
	query embedding;
	chosen int;
	rounds int := 0;
BEGIN
	PERFORM setseed(session / 100.0);
	WHILE clock_timestamp() < finish LOOP
		target := kinds[1 + floor(random() * 3)::int];
		chosen := floor(random() * 1500);
		rounds := rounds + 1;
		IF session <= 2 THEN
			COMMIT;
			SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
			query := (SELECT e FROM source s WHERE s.kind = target AND s.id = chosen);
			IF NOT same(target, query, 5) THEN
				RAISE EXCEPTION 'table % and its index differ at row %', target, chosen;
			END IF;
		ELSIF random() < 0.45 THEN
			EXECUTE format('INSERT INTO %1$I (e) SELECT CASE WHEN random() > 0.02 THEN e END FROM source WHERE kind = %1$L AND id BETWEEN $1 AND $1 + 4', target) USING chosen;
		ELSIF random() < 0.4 THEN
			EXECUTE format('UPDATE %1$I SET e = (SELECT e FROM source WHERE kind = %1$L AND id = $1)
				WHERE id IN (SELECT id FROM %1$I WHERE id > random() * (SELECT max(id) FROM %1$I) ORDER BY id LIMIT 3 FOR UPDATE SKIP LOCKED)', target) USING chosen;
		ELSIF random() < 0.7 THEN
			EXECUTE format('DELETE FROM %1$I WHERE id IN (SELECT id FROM %1$I WHERE id > random() * (SELECT max(id) FROM %1$I) ORDER BY id LIMIT 12 FOR UPDATE SKIP LOCKED)
				AND (SELECT count(*) FROM %1$I) > 1000', target);
		ELSE
			query := (SELECT e FROM source s WHERE s.kind = target AND s.id = chosen);
			SET LOCAL enable_seqscan = off;
			EXECUTE format('SELECT FROM %I ORDER BY e <-> $1 LIMIT 10', target) USING query;
			EXECUTE format('SELECT count(*) FROM %I WHERE e <@ ball($1, 3)', target) USING query;
		END IF;
		COMMIT;
	END LOOP;
	RAISE WARNING 'rounds %', rounds;
END $$;
SQL
for my $kind (sort keys %dimensions)
{
	$node->safe_psql('postgres', "CREATE TABLE $kind (id serial PRIMARY KEY, e embedding); ALTER TABLE $kind ALTER e SET STORAGE EXTERNAL;
		INSERT INTO $kind (e) SELECT e FROM source WHERE kind = '$kind' AND id % 10 < 9; CREATE INDEX ${kind}_e ON $kind USING siamese (e); ANALYZE $kind");
}
is($node->safe_psql('postgres', "SELECT (siamese.index_stats('face_e')).axes > 0 AND (siamese.index_stats('large_e')).axes > 0"), 't', 'rows of many dimensions are coded by axes');

# All begin with rows far off, at the same moment, so that each founds regions while the others do.
$node->safe_psql('postgres', 'ALTER INDEX large_e SET (regions = 100)');
{
	my (@running, @said, @input);
	$node->safe_psql('postgres', 'REINDEX INDEX large_e');
	my $begin = $node->safe_psql('postgres', "SELECT clock_timestamp() + interval '1.5 s'");
	for my $session (1 .. $sessions)
	{
		push @input, "SELECT FROM pg_sleep(extract(epoch FROM '$begin' - clock_timestamp()));
			INSERT INTO large (e) SELECT e FROM source WHERE kind = 'large' AND id % 10 = 9 ORDER BY hashint4(id + $session)";
		push @running, IPC::Run::start([ 'psql', '-X', '-q', '-t', '-d', $node->connstr('postgres') ], '<', \$input[-1], '&>', \$said[ $session - 1 ]);
	}
	$_->finish for @running;
	unlike(join('', @said), qr/\w/, 'fourteen sessions found regions');
	note($node->safe_psql('postgres', "SELECT siamese.index_stats('large_e')"));
}
is($node->safe_psql('postgres', "SELECT problem FROM siamese.index_check('large_e', heap => true)"), '', 'and the index is sound');

my @running;
my @said;
for my $session (1 .. $sessions)
{
	push @running, IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-v', 'ON_ERROR_STOP=1', '-c', "CALL load($session, $seconds)" ],
		'<', \undef, '&>', \$said[ $session - 1 ]);
}
my $end = time + $seconds;
my ($vacuums, $trouble) = (0, '');
while (time < $end && $trouble eq '')
{
	for my $kind (sort keys %dimensions)
	{
		my ($status, $out, $err) = $node->psql('postgres', $vacuums % 7 == 6 ? "REINDEX INDEX ${kind}_e" : "VACUUM $kind");
		$trouble .= $err;
		$vacuums++;
	}
}
$_->finish for @running;
is($trouble, '', "$vacuums vacuums and builds");
my $rounds = 0;
for my $session (1 .. $sessions)
{
	like($said[ $session - 1 ], qr/^WARNING:  rounds (\d+)\n?$/, "session $session");
	$rounds += $1 if $said[ $session - 1 ] =~ /rounds (\d+)/;
}
note("$rounds rounds");

for my $kind (sort keys %dimensions)
{
	is($node->safe_psql('postgres', "SELECT problem FROM siamese.index_check('${kind}_e', heap => true)"), '', "$kind: sound");
	is($node->safe_psql('postgres', "SELECT count(*) FROM source WHERE kind = '$kind' AND id % 100 IN (3, 9) AND NOT same('$kind', e, 8)"), '0', "$kind: the table's answers");
	note($node->safe_psql('postgres', "SELECT siamese.index_stats('${kind}_e')"));
}
$node->stop;
done_testing();
