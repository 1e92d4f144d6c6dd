# Where an index's files lie and what a crash leaves of them: tablespaces, unlogged tables, wal_level = minimal, emptied indexes.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\njit = off\nautovacuum = off\nwal_level = minimal\nmax_wal_senders = 0\nwal_skip_threshold = 0\nmax_worker_processes = 6");
$node->start;
my ($one, $other) = map { my $folder = $node->basedir . "/$_"; mkdir $folder or die $folder; $folder } ('one', 'other');
$node->safe_psql('postgres', "CREATE TABLESPACE one LOCATION '$one'");
$node->safe_psql('postgres', "CREATE TABLESPACE other LOCATION '$other'");
$node->safe_psql('postgres', q{
	CREATE EXTENSION siamese;
	CREATE FUNCTION place(i int) RETURNS embedding LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$SELECT to_embedding(ARRAY(SELECT sin(i / 5 * j) + 0.1 * sin(i * j * j) FROM generate_series(1, 24) j)::real[], 'l1')$$;
	CREATE TABLE face (id int, e embedding) WITH (parallel_workers = 3);
	INSERT INTO face SELECT i, place(i) FROM generate_series(1, 20000) i;});

# Whether the index is used, sound, and says what the table says.
sub verdict
{
	my ($table, $index) = @_;
	my $query = "SELECT e <-> place(7) AS d FROM $table ORDER BY e <-> place(7) LIMIT 3000";
	my ($plan, @says) = map { $node->safe_psql('postgres', "SET enable_seqscan = off; SET enable_indexscan = $$_[0]; $$_[1] $query") } [ 'on', 'EXPLAIN' ], [ 'on', '' ], [ 'off', '' ];
	my $problems = $node->safe_psql('postgres', "SELECT c FROM siamese.index_check('$index', true) c");
	return ($plan =~ /Index Scan using $index/ ? 'used' : 'not used') . ($says[0] eq $says[1] ? ', same' : ', different') . ($problems eq '' ? ', sound' : $problems);
}

# The tablespace of its file, '' being the database's.
sub space { return $node->safe_psql('postgres', "SELECT spcname FROM pg_tablespace WHERE oid = (SELECT reltablespace FROM pg_class WHERE relname = '$_[0]')") }

# A relation's first file goes with a checkpoint after it was dropped.
sub files { $node->safe_psql('postgres', 'CHECKPOINT'); return scalar(grep { -f } map { glob "$_[0]/PG_*/$_" } '*/*', 'pgsql_tmp/*', 'pgsql_tmp/*/*') }

for my $workers (0, 3)
{
	my $settings = "SET max_parallel_maintenance_workers = $workers; SET maintenance_work_mem = '1MB';";
	# the sort's files and the workers' go to temp_tablespaces
	$node->safe_psql('postgres', "$settings SET temp_tablespaces = other; CREATE INDEX face_e ON face USING siamese (e) TABLESPACE one");
	is(space('face_e'), 'one', "an index in a tablespace, $workers workers");
	is(verdict('face', 'face_e'), 'used, same, sound', 'its answer');
	cmp_ok(files($one), '>', 0, 'its files are there');
	is(files($other), 0, 'no temporary file is left');
	$node->safe_psql('postgres', "$settings REINDEX (TABLESPACE other, CONCURRENTLY) INDEX face_e");
	is(space('face_e'), 'other', 'REINDEX into another');
	is(verdict('face', 'face_e'), 'used, same, sound', 'its answer');
	$node->safe_psql('postgres', 'INSERT INTO face SELECT i, place(i) FROM generate_series(20001, 20200) i; ALTER INDEX face_e SET TABLESPACE pg_default');
	is(space('face_e'), '', 'moved to the default one');
	is(verdict('face', 'face_e'), 'used, same, sound', 'its answer');
	$node->safe_psql('postgres', 'ALTER TABLE face SET TABLESPACE one; ALTER INDEX ALL IN TABLESPACE pg_default SET TABLESPACE one') if $workers;
	$node->safe_psql('postgres', 'DROP INDEX face_e');
}
(undef, undef, my $said) = $node->psql('postgres', "SET temp_file_limit = '100kB'; SET maintenance_work_mem = '1MB'; CREATE INDEX face_e ON face USING siamese (e)");
like($said, qr/temporary file size exceeds "?temp_file_limit/, 'temp_file_limit holds for a build');

# A build in the transaction that made the table writes no log at wal_level = minimal: its files are synced at commit.  In a
# later transaction it is logged.  Workers' pages must be treated like the leader's.
for my $workers (0, 3)
{
	my $settings = "SET max_parallel_maintenance_workers = $workers; SET maintenance_work_mem = '8MB';";
	$node->safe_psql('postgres', qq{$settings
		BEGIN;
		CREATE TABLE same_$workers (id int, e embedding) WITH (parallel_workers = 3);
		INSERT INTO same_$workers SELECT * FROM face;
		CREATE INDEX same_${workers}_e ON same_$workers USING siamese (e);
		COMMIT;
		CREATE TABLE later_$workers (id int, e embedding) WITH (parallel_workers = 3);
		INSERT INTO later_$workers SELECT * FROM face;
		CREATE INDEX later_${workers}_e ON later_$workers USING siamese (e);
		CREATE UNLOGGED TABLE quick_$workers (id int, e embedding) WITH (parallel_workers = 3);
		INSERT INTO quick_$workers SELECT * FROM face;
		CREATE INDEX quick_${workers}_e ON quick_$workers USING siamese (e) TABLESPACE one;});
	is(verdict("quick_$workers", "quick_${workers}_e"), 'used, same, sound', "an unlogged index, $workers workers");
}
$node->stop('immediate');
$node->start;
for my $workers (0, 3)
{
	is(verdict("${_}_$workers", "${_}_${workers}_e"), 'used, same, sound', "after a crash: $_, $workers workers") for 'same', 'later', 'quick';
	is($node->safe_psql('postgres', "SELECT count(*) FROM quick_$workers"), 0, 'the unlogged table is empty');
	$node->safe_psql('postgres', "INSERT INTO quick_$workers SELECT * FROM face");
	is(verdict("quick_$workers", "quick_${workers}_e"), 'used, same, sound', "and takes rows again");
	$node->safe_psql('postgres', "INSERT INTO same_$workers SELECT * FROM face LIMIT 100");
	is(verdict("same_$workers", "same_${workers}_e"), 'used, same, sound', "the logged one too");
}
$node->stop;
$node->start;
is(verdict('quick_3', 'quick_3_e'), 'used, same, sound', 'an orderly stop keeps the unlogged rows');
is($node->safe_psql('postgres', 'SELECT count(*) FROM quick_3'), 20400, 'all of them');

# An index whose rows are all gone begins anew with the next vacuum: the next row decides the model.
my @models = ('', '@l1:0123456789abcdef', '@cosine:fedcba9876543210');
my $describe = "SELECT coalesce(model, 'none'), metric, dimensions, rows FROM siamese.index_stats('emptied_e')";
$node->safe_psql('postgres', 'CREATE TABLE emptied (id int, e embedding); CREATE INDEX emptied_e ON emptied USING siamese (e)');
for my $round (0 .. 2)
{
	my $n = 5 + $round;
	my $value = "('[' || (SELECT string_agg(sin(i * j)::text, ',') FROM generate_series(1, $n) j) || ']$models[$round]')::embedding";
	$node->safe_psql('postgres', "INSERT INTO emptied SELECT i, $value FROM generate_series(1, 3000) i");
	like($node->safe_psql('postgres', $describe), qr/\|$n\|3000$/, "an emptied index takes rows of another model, round $round");
	is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT id FROM emptied ORDER BY e <-> (SELECT e FROM emptied WHERE id = 77) LIMIT 1"), 77, 'and finds them');
	is($node->safe_psql('postgres', "SELECT * FROM siamese.index_check('emptied_e', true)"), '', 'sound');
	if ($round == 1)
	{
		(undef, undef, $said) = $node->psql('postgres', q{INSERT INTO emptied VALUES (0, '[1,2,3]')});
		like($said, qr/index "emptied_e" holds embeddings of another model.*model 0123456789abcdef, with distance l1 and 6 dimensions/s, 'an error names the index and what it holds');
	}
	$node->safe_psql('postgres', 'DELETE FROM emptied');
	$node->safe_psql('postgres', 'VACUUM emptied');
	is($node->safe_psql('postgres', "SELECT pg_relation_size('emptied_e') / current_setting('block_size')::int"), 1, 'its pages go back to the system');
	$node->stop('immediate') if $round == 0;
	$node->start if $round == 0;
	is($node->safe_psql('postgres', $describe), 'none|||0', 'it has no model');
}
$node->stop;
done_testing();
