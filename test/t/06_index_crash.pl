# Crashes under write load, and a standby: the index stays sound and answers as the table does, on both.
#
# INDEX_CRASHES (default 8) is the number of times that the server is killed.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $crashes = $ENV{INDEX_CRASHES} // 8;
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "fsync = off\nautovacuum_naptime = 1\njit = off\nrestart_after_crash = off\nwal_consistency_checking = 'all'\nmax_wal_size = '1GB'");
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION siamese;
	CREATE FUNCTION vector(n int) RETURNS embedding LANGUAGE sql VOLATILE AS
		$$SELECT CASE WHEN random() > 0.02 THEN to_embedding(array_agg((sin(k * i) + 0.1 * random())::real), 'l2') END
			FROM (SELECT floor(random() * 100) AS k) c, generate_series(1, n) i$$;
	CREATE TABLE small (id serial, e embedding);
	CREATE TABLE large (id serial, e embedding);
	CREATE TABLE early (id serial, e embedding);
	INSERT INTO small (e) SELECT vector(24) FROM generate_series(1, 1000);
	INSERT INTO large (e) SELECT vector(4500) FROM generate_series(1, 30);
	CREATE INDEX ON small USING siamese (e);
	CREATE INDEX ON large USING siamese (e);
	CREATE INDEX ON early USING siamese (e);
	CREATE UNLOGGED TABLE quick AS SELECT * FROM small;
	CREATE INDEX ON quick USING siamese (e);
	CREATE VIEW query AS SELECT to_embedding(array_agg(sin(7 * i)::real), 'l2') AS q, 24 AS n FROM generate_series(1, 24) i;});
# Crashes delay the standby: what it has not read must be kept.
$primary->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('standby', true)");
$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->append_conf('postgresql.conf', "wal_consistency_checking = 'all'\nprimary_slot_name = 'standby'");
$standby->start;

# What the index says and what the table says; both must be empty.
my $compare = q{
	SELECT 'check ' || i || ' ' || c::text FROM unnest(ARRAY['small_e_idx', 'large_e_idx', 'early_e_idx']) i, siamese.index_check(i::regclass, true) c;
	SET enable_sort = off; SET enable_seqscan = off;
	CREATE TEMP TABLE by_index AS SELECT row_number() OVER () AS n, d FROM (SELECT e <-> (SELECT q FROM query) AS d FROM small ORDER BY 1) y;
	RESET enable_sort; RESET enable_seqscan; SET enable_indexscan = off;
	CREATE TEMP TABLE by_table AS SELECT row_number() OVER () AS n, d FROM (SELECT e <-> q AS d FROM small, query ORDER BY 1) y;
	SELECT 'differs', count(*) FROM by_index FULL JOIN by_table USING (n) WHERE by_index.d IS DISTINCT FROM by_table.d HAVING count(*) > 0;};

my $load = q{
	INSERT INTO small (e) SELECT vector(24) FROM generate_series(1, 20);
	INSERT INTO early (e) SELECT vector(24) FROM generate_series(1, 10);
	INSERT INTO large (e) SELECT vector(4500);
	UPDATE small SET e = vector(24) WHERE id % 50 = (random() * 50)::int;
	DELETE FROM small WHERE id % 200 = (random() * 200)::int;
	DELETE FROM early WHERE id % 20 = (random() * 20)::int;
	};

for my $round (1 .. $crashes)
{
	my @sessions;
	for my $session (1 .. 2)
	{
		my $file = $primary->basedir . "/load.$session";
		open my $handle, '>', $file or die "$file: $!";
		# now and then most rows go, so that vacuum frees whole leaves
		print $handle ($load x 5 . ($session == 1 ? 'BEGIN; DELETE FROM small WHERE id % 40 > 0; INSERT INTO small (e) SELECT vector(24) FROM generate_series(1, 1100); COMMIT; VACUUM small; VACUUM large; VACUUM early;' : '')) x 60;
		close $handle;
		push @sessions, IPC::Run::start([ 'psql', '-X', '-q', '-d', $primary->connstr('postgres'), '-f', $file ], '<', \undef, '&>', '/dev/null');
	}
	usleep(400_000 + 137_000 * ($round % 5));
	$primary->stop('immediate') if $round % 2;
	if ($round % 2 == 0)
	{
		# Whoever should reap the killed postmaster may not do so, and its lock file would seem to be in use.
		$primary->kill9;
		$_->finish for @sessions;
		unlink $primary->data_dir . '/postmaster.pid';
		for (1 .. 50) { last if $primary->start(fail_ok => 1); usleep(200_000); }
	}
	else
	{
		$_->finish for @sessions;
		$primary->start;
	}
	is($primary->safe_psql('postgres', $compare), '', "sound after crash $round");
	is($primary->safe_psql('postgres', 'SET enable_seqscan = off; INSERT INTO quick (e) SELECT vector(24) FROM generate_series(1, 10); SELECT count(*) >= 10 FROM quick WHERE e IS NULL OR e IS NOT NULL'), 't',
		'an unlogged index works after a crash') if $round == 1;
}

$primary->wait_for_catchup($standby);
my $nearest = 'SET enable_sort = off; SET enable_seqscan = off; SELECT e <-> (SELECT q FROM query) FROM small ORDER BY 1';
is($standby->safe_psql('postgres', $nearest), $primary->safe_psql('postgres', $nearest), 'the standby gives the same distances through the index, row by row');
cmp_ok($primary->safe_psql('postgres', 'SELECT count(*) FROM small'), '>', 1000, 'and there are rows');
is($standby->safe_psql('postgres', "SELECT i, c FROM unnest(ARRAY['small_e_idx', 'large_e_idx', 'early_e_idx']) i, siamese.index_check(i::regclass, true) c"), '', 'the index is sound on the standby');
like($standby->safe_psql('postgres', $nearest =~ s/SELECT/EXPLAIN SELECT/r), qr/Index Scan/, 'the standby uses the index');
is($primary->safe_psql('postgres', 'REINDEX TABLE CONCURRENTLY small; ' . $compare), '', 'sound after REINDEX CONCURRENTLY');
$primary->wait_for_catchup($standby);
unlike(slurp_file($standby->logfile), qr/inconsistent page found/, 'pages are consistent on the standby');
$standby->stop;

# A crash while an emptied index is made anew: its meta page is written, the other pages are not yet cut off.  Rows come back by
# distance, since a first one near zero would found a region that holds none of the others.
$primary->safe_psql('postgres', 'CREATE TABLE emptied AS SELECT id, e FROM small WHERE e IS NOT NULL LIMIT 900; CREATE INDEX ON emptied USING siamese (e)');
my $file = $primary->data_dir . '/' . $primary->safe_psql('postgres', "SELECT pg_relation_filepath('emptied_e_idx')");
$primary->safe_psql('postgres', 'CHECKPOINT');
my $pages = slurp_file($file);
$primary->safe_psql('postgres', 'DELETE FROM emptied');
$primary->safe_psql('postgres', 'VACUUM emptied');
$primary->stop;
is(-s $file, 8192, 'an emptied index is its meta page');
append_to_file($file, substr($pages, 8192));
$primary->start;
$primary->safe_psql('postgres', 'INSERT INTO emptied SELECT id, e FROM small, query WHERE e IS NOT NULL ORDER BY e <-> q LIMIT 800');
is(-s $file, length $pages, 'the pages are used again');
$primary->safe_psql('postgres', 'DELETE FROM emptied WHERE id % 3 > 0');
$primary->safe_psql('postgres', 'VACUUM emptied');
is($primary->safe_psql('postgres', "INSERT INTO emptied SELECT id, e FROM small WHERE e IS NOT NULL; SELECT c FROM siamese.index_check('emptied_e_idx', true) c"), '', 'and hold what they say');
$primary->stop;
done_testing();
