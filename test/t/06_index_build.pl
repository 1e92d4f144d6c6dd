# Builds by several processes: the same index as one process makes; a build that is cancelled or
# fails leaves nothing behind.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
# Segments are files of the data folder, where the test sees them.
$node->append_conf('postgresql.conf', "fsync = off\njit = off\nautovacuum = off\ndynamic_shared_memory_type = mmap\nmax_worker_processes = 6\nmax_parallel_workers = 6");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION siamese;
	CREATE TABLE face (id int, e embedding) WITH (parallel_workers = 3, fillfactor = 80);
	INSERT INTO face SELECT i, CASE WHEN i % 50 > 0 THEN to_embedding(ARRAY(SELECT (sin(i / 10 * j * 0.37) + random())::real
		FROM generate_series(1, 48) j), 'l2') END FROM generate_series(1, 80000) i;
	CREATE TABLE segment AS SELECT pg_ls_dir('pg_dynshmem') AS name;
	VACUUM ANALYZE face;});

my $settings = "SET max_parallel_maintenance_workers = 3; SET maintenance_work_mem = '8MB';";
my $distances = 'SELECT e <-> (SELECT e FROM face WHERE id = 77) AS d FROM face ORDER BY 1 LIMIT 5000';
my $by_table = $node->safe_psql('postgres', "SET enable_indexscan = off; SELECT md5(string_agg(d::text, ' ')) FROM ($distances) x");

sub is_sound
{
	my ($name) = @_;
	is($node->safe_psql('postgres', "SELECT c FROM siamese.index_check('face_e', true) c"), '', "$name: sound and complete");
	is($node->safe_psql('postgres', 'SELECT rows, null_rows, rows_at_build FROM siamese.index_stats(\'face_e\')'), '78400|1600|78400', "$name: numbers of rows");
	is($node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off; SELECT md5(string_agg(d::text, ' ')) FROM ($distances) x"), $by_table, "$name: the table's answer");
}

# Asks for a build and, as soon as it is in the phase and has so many workers, cancels it (or looks on only).
# Returns what the build's psql said, and whether the phase was seen.
sub build_until
{
	my ($sql, $phase, $workers, $action) = @_;
	my ($said, $seen) = ('', '');
	my $watch = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'CREATE TEMP TABLE seen (yes bool)', '-c', qq{
		DO \$\$
		DECLARE
			builder int;
		BEGIN
			LOOP
				PERFORM pg_stat_clear_snapshot();
				SELECT pid INTO builder FROM pg_stat_progress_create_index WHERE phase = 'building index: $phase';
				IF FOUND AND (SELECT count(*) FROM pg_stat_activity WHERE leader_pid = builder) >= $workers THEN
					PERFORM $action;
					INSERT INTO seen VALUES (true);
					RETURN;
				END IF;
				EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%');
			END LOOP;
		END \$\$;}, '-c', 'SELECT count(*) FROM seen' ], '<', \undef, '>', \$seen, '2>', \my $watch_error);
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%DO $$%builder int%' AND pid <> pg_backend_pid()}) or die 'no watch';
	my $build = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('postgres'), map({ ('-c', $_) } split /; */, $sql), '-c', 'SELECT pg_sleep(0.2)' ],
		'<', \undef, '>', \my $out, '2>', \$said);
	$build->finish;
	$watch->finish;
	diag($watch_error) if $watch_error;
	return ($said, $seen =~ /1/);
}

# Once more if the phase passed unseen, as it may on a busy machine.
sub build_surely
{
	for (1 .. 20)
	{
		my ($said, $seen) = build_until(@_);
		return $said if $seen && ($_[3] !~ /cancel/ || $said =~ /canceling/);
		$node->safe_psql('postgres', 'DROP INDEX IF EXISTS face_e');
	}
	return 'the phase was never seen';
}

# Files that belong to no relation, temporary files and segments: the last process that ends removes them, some time after the
# client has its error; a relation's first file goes with the next checkpoint.
my $remains = q{
	SELECT 'file ' || f FROM pg_database, pg_ls_dir('base/' || oid) f WHERE datname = current_database() AND f ~ '^t?\d' AND
		(f ~ '^t' OR substring(f, '^\d+')::oid NOT IN (SELECT pg_relation_filenode(oid) FROM pg_class WHERE pg_relation_filenode(oid) IS NOT NULL))
	UNION ALL SELECT 'temporary ' || f FROM pg_ls_dir('base/pgsql_tmp', true, false) f
	UNION ALL SELECT 'segment ' || f FROM pg_ls_dir('pg_dynshmem') f WHERE f NOT IN (SELECT name FROM segment)
	UNION ALL SELECT 'worker ' || pid FROM pg_stat_activity WHERE backend_type = 'parallel worker'
	UNION ALL SELECT 'relation ' || relname FROM pg_class WHERE relname LIKE 'face_e%'};
sub nothing_is_left
{
	my ($name) = @_;
	my $left;
	for (1 .. 100)
	{
		$node->safe_psql('postgres', 'CHECKPOINT');
		$left = $node->safe_psql('postgres', $remains);
		last if $left eq '';
		usleep(100_000);
	}
	is($left, '', $name);
}

nothing_is_left('before the first build');

my $create = "$settings CREATE INDEX face_e ON face USING siamese (e) WITH (regions = 700)";
for my $phase ('assigning rows to regions', 'writing pages')
{
	is(build_surely($create, $phase, 3, '1'), '', "three workers: $phase");
	is_sound("built in parallel, seen $phase");
	$node->safe_psql('postgres', 'DROP INDEX face_e');
}
is(build_surely($create =~ s/INDEX/INDEX CONCURRENTLY/r, 'writing pages', 3, '1'), '', 'CREATE INDEX CONCURRENTLY with three workers');
is_sound('CREATE INDEX CONCURRENTLY');
is(build_surely("$settings REINDEX INDEX CONCURRENTLY face_e", 'assigning rows to regions', 3, '1'), '', 'REINDEX CONCURRENTLY with three workers');
is_sound('REINDEX CONCURRENTLY');
is(build_surely("$settings REINDEX INDEX face_e", 'assigning rows to regions', 3, '1'), '', 'REINDEX with three workers');
is_sound('REINDEX');
$node->safe_psql('postgres', 'DROP INDEX face_e');

for my $workers (0, 3)
{
	my $sql = $create =~ s/workers = 3/workers = $workers/r;
	for my $phase ('sampling rows', 'finding regions', 'assigning rows to regions', $workers ? () : 'sorting rows by region', 'writing pages')
	{
		my $taking_part = $phase =~ /assigning|writing/ ? $workers : 0;
		like(build_surely($sql, $phase, $taking_part, 'pg_cancel_backend(builder)'), qr/canceling statement due to user request/, "cancelled: $phase, $workers workers");
		nothing_is_left("nothing is left: $phase, $workers workers");
	}
}

# A worker that fails takes the statement with it.
my $said = build_surely($create, 'assigning rows to regions', 3, 'pg_terminate_backend((SELECT min(pid) FROM pg_stat_activity WHERE leader_pid = builder))');
like($said, qr/terminating .* due to administrator command/, 'a terminated worker is an error of the statement');
nothing_is_left('nothing is left: a terminated worker');
(undef, undef, $said) = $node->psql('postgres', "$settings ALTER TABLE face ADD CHECK (true); INSERT INTO face VALUES (-1, '[1,2,3]'); CREATE INDEX face_e ON face USING siamese (e)");
like($said, qr/dimensions/, 'a row of other dimensions is an error in a worker, too');
$node->safe_psql('postgres', 'DELETE FROM face WHERE id = -1; VACUUM face');
nothing_is_left('nothing is left: an error of a row');

# Rows whose older versions a running transaction sees must not be found through the index by it.
my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
for my $workers (0, 3)
{
	$node->safe_psql('postgres', 'UPDATE face SET e = to_embedding(ARRAY(SELECT j::real FROM generate_series(1, 48) j), \'l2\') WHERE id = 51');
	$node->safe_psql('postgres', $create =~ s/workers = 3/workers = $workers/r);
	is($node->safe_psql('postgres', "SELECT indcheckxmin FROM pg_index WHERE indexrelid = 'face_e'::regclass"), 't', "a broken HOT chain is noted, $workers workers");
	$node->safe_psql('postgres', 'DROP INDEX face_e');
}
$old->quit;

# No shared memory: the server's error, as for its own indexes.
my $folder = $node->data_dir . '/pg_dynshmem';
chmod 0500, $folder;
(undef, undef, $said) = $node->psql('postgres', $create);
like($said, qr/ERROR:  could not \w+ shared memory segment/, 'no shared memory: an error');
chmod 0700, $folder;
nothing_is_left('nothing is left: no shared memory');

# No worker to be had: one process, without a word.
$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
$node->restart;
(undef, undef, $said) = $node->psql('postgres', $create);
is($said, '', 'no worker to be had');
is($node->safe_psql('postgres', "SELECT c FROM siamese.index_check('face_e', true) c"), '', 'no worker to be had: sound');
$node->stop;
done_testing();
