# Disks that are full, at each kind of write: rows and pages of an index, builds by one process and by several, the files of their
# sorts, an epoch of a training, the shared copy of weights, embed_table(), migrate_column(), the server's log.  Each ends with an
# error that names the file, leaves nothing behind and nothing damaged, and goes on where there is room again.
#
# The disks are small file systems in memory, in a name space of our own; without the right to make one all is skipped.
use strict;
use warnings;
BEGIN
{
	my @namespace = qw(unshare --user --map-current-user --keep-caps --mount);
	if (!defined $ENV{SIAMESE_NAMESPACE})
	{
		$ENV{SIAMESE_NAMESPACE} = system("@namespace sh -c 'mount -t tmpfs none /mnt' 2>/dev/null") == 0 ? 1 : 0;
		exec @namespace, $^X, (map { "-I$_" } @INC), $0 if $ENV{SIAMESE_NAMESPACE};
	}
}
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no name space in which to make a small file system' if !$ENV{SIAMESE_NAMESPACE};

my $node = PostgreSQL::Test::Cluster->new('disk');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\nmin_parallel_table_scan_size = 0\nmax_worker_processes = 6\nclient_min_messages = warning");
$node->start;

my $small = $node->basedir . '/small';
mkdir $small;
sub mount { my ($folder, $size) = @_; system_or_bail('mount', '-t', 'tmpfs', '-o', "size=$size,mode=700", 'none', $folder); }
sub resize { my ($folder, $size) = @_; system_or_bail('mount', '-o', "remount,size=$size", $folder); }
# The bytes that files take on a file system, by the blocks that are free.
sub used { my ($folder) = @_; my ($out) = run_command([ 'stat', '-f', '-c', '%b %f', $folder ]); my ($all, $free) = split / /, $out; return 4096 * ($all - $free); }

# Runs what a full disk must end; returns what it says.
sub fails
{
	my ($sql, $what, $file) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 1);
	like($err, qr/ERROR:  could not (?:extend|write to|write block \d+ of) (?:temporary )?file "[^"\n]*$file[^"\n]*": (?:No space left on device|wrote only \d+ of \d+ bytes)/, $what);
	return $err;
}

mount($small, '30m');
$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$small'");
$node->safe_psql('postgres', q{
	CREATE EXTENSION siamese;
	CREATE FUNCTION vector(id bigint) RETURNS embedding LANGUAGE sql IMMUTABLE AS $$
		SELECT to_embedding(array_agg((sin(id % 60 * i) + 0.1 * sin(id * i))::real), 'l2') FROM generate_series(1, 48) i$$;
	CREATE TABLE stock AS SELECT id, vector(id) AS e FROM generate_series(1, 12000) id;
	INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
		"layers": [{"type": "conv", "maps": 2, "kernel": [1, 7], "stride": [1, 3]}, {"type": "tanh"}, {"type": "dense", "units": 96}],
		"input": {"features": ["x", "y", "pressure"], "length": 64, "kind": "pen"}, "join": "cosine", "loss": {"type": "supervised_contrastive"},
		"training": {"classes": 4, "samples": 4, "epochs": 6, "epoch_samples": 64, "held_out": 0.5}}');
	CREATE TABLE specimen AS SELECT row_number() OVER () AS id, signer, pen FROM siamese.sample_signatures(10, 10, 1) WHERE genuine});

# What the index says of a table and what the table says; empty if they agree.
sub differs
{
	my ($table) = @_;
	return $node->safe_psql('postgres', qq{
		SELECT 'index_check', k FROM siamese.index_check('${table}_e', true) k;
		SET enable_seqscan = off; SET enable_sort = off;
		CREATE TEMP TABLE by_index AS SELECT e <-> vector(5) AS d FROM $table ORDER BY 1;
		RESET enable_seqscan; RESET enable_sort; SET enable_indexscan = off;
		CREATE TEMP TABLE by_table AS SELECT e <-> vector(5) AS d FROM $table ORDER BY 1;
		SELECT 'answers', d FROM ((TABLE by_index EXCEPT ALL TABLE by_table) UNION ALL (TABLE by_table EXCEPT ALL TABLE by_index)) x LIMIT 5});
}

# ---- rows: the index alone on the full disk, then table and index

for my $case ([ 'the index', 'pg_default', 'small' ], [ 'table and index', 'small', 'small' ])
{
	my ($what, $table_space, $index_space) = @$case;
	$node->safe_psql('postgres', qq{
		CREATE TABLE face (id bigint, e embedding) TABLESPACE $table_space;
		CREATE INDEX face_e ON face USING siamese (e) TABLESPACE $index_space;
		INSERT INTO face SELECT id, e FROM stock LIMIT 1000});
	# the table's map of visibility is made here, not on the full disk
	$node->safe_psql('postgres', 'VACUUM face');
	$node->safe_psql('postgres', 'CHECKPOINT');
	resize($small, used($small) + 200_000);
	# a statement for each few rows, until one fails
	my $insert = q{DO $$BEGIN FOR i IN 100 .. 1199 LOOP INSERT INTO face SELECT id, e FROM stock WHERE id > i * 10 AND id <= i * 10 + 10; COMMIT; END LOOP; END$$};
	fails($insert, "$what: an insert finds the disk full", 'pg_tblspc');
	my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM face');
	cmp_ok($rows, '>', 1000, "$what: the rows before stand ($rows)");
	is(differs('face'), '', "$what: and their index is sound");
	fails($insert, "$what: the next one fails as well", 'pg_tblspc');
	# what is there goes on: rows leave, others take their place
	$node->safe_psql('postgres', 'DELETE FROM face WHERE id % 3 > 0');
	$node->safe_psql('postgres', 'VACUUM face');
	is(differs('face'), '', "$what: deletes and vacuum work on a full disk");
	$node->safe_psql('postgres', 'INSERT INTO face SELECT id + 20000, e FROM stock WHERE id % 3 > 0 AND id <= 300');
	is(differs('face'), '', "$what: so do inserts in the space that vacuum freed");
	resize($small, '30m');
	$node->safe_psql('postgres', 'INSERT INTO face SELECT id + 40000, e FROM stock');
	is(differs('face'), '', "$what: with room it goes on");
	$node->safe_psql('postgres', 'DROP TABLE face; CHECKPOINT');
}

# ---- builds: the index, then the files of its sort

my $temporary = $node->data_dir . '/base/pgsql_tmp';
mkdir $temporary;
$node->safe_psql('postgres', 'ALTER TABLE stock SET (parallel_workers = 2)');
for my $workers (0, 2)
{
	my $settings = "SET max_parallel_maintenance_workers = $workers; SET maintenance_work_mem = '1MB';";
	my $before = used($small);
	resize($small, $before + 200_000);
	my $err = fails("$settings CREATE INDEX stock_e ON stock USING siamese (e) TABLESPACE small", "$workers workers: a build finds the disk full", 'pg_tblspc');
	$node->safe_psql('postgres', 'CHECKPOINT');
	is(used($small), $before, "$workers workers: nothing is left of it");

	mount($temporary, '256k');
	fails("$settings CREATE INDEX stock_e ON stock USING siamese (e)", "$workers workers: so do the files of its sort", 'pgsql_tmp');
	is(join(' ', slurp_dir($temporary)) =~ s/\.\.? ?//gr, '', "$workers workers: of which none is left");
	system_or_bail('umount', $temporary);
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname = 'stock_e'}), '0', "$workers workers: nor an index");

	fails("$settings CREATE INDEX CONCURRENTLY stock_e ON stock USING siamese (e) TABLESPACE small", "$workers workers: nor concurrently", 'pg_tblspc');
	is($node->safe_psql('postgres', q{SELECT indisvalid FROM pg_index WHERE indexrelid = 'stock_e'::regclass}), 'f', "$workers workers: which leaves an invalid one");
	resize($small, '30m');
	$node->safe_psql('postgres', "$settings REINDEX INDEX stock_e");
	is(differs('stock'), '', "$workers workers: with room it is built");
	$node->safe_psql('postgres', 'DROP INDEX stock_e; CHECKPOINT');
}

# ---- epochs of a training

sub result
{
	my ($model) = @_;
	return $node->safe_psql('postgres', qq{SET extra_float_digits = 3;
		SELECT fingerprint, scores, calibration FROM siamese.model WHERE name = '$model' AND finished_at IS NOT NULL;
		SELECT epoch, loss, held_out_eer, kept FROM siamese.training WHERE model = '$model' ORDER BY 1});
}
sub train_sql { my ($model) = @_; return "CALL siamese.train('$model', 'SELECT pen, signer FROM specimen', 'tiny', seed => 5)"; }
$node->safe_psql('postgres', train_sql('whole'));
my $whole = result('whole');
for my $case ([ 'siamese.training_state_part', 0 ], [ 'siamese.model_weights', 64 * 1024 ])
{
	my ($table, $room) = @$case;
	my $model = $table =~ s/.*\.//r;
	$node->safe_psql('postgres', "ALTER TABLE $table SET TABLESPACE small; CHECKPOINT");
	resize($small, used($small) + $room);
	my $err = fails(train_sql($model), "$table: an epoch finds the disk full", 'pg_tblspc');
	my $epochs = $node->safe_psql('postgres', "SELECT count(*) FROM siamese.training WHERE model = '$model'");
	is($node->safe_psql('postgres', "SELECT coalesce(max(epoch), 0) FROM siamese.training_state WHERE name = '$model'"), $epochs, "$table: $epochs epochs stand");
	if ($room > 0)
	{
		like($err, qr/CONTEXT:.*training of version 1 of model "$model", after epoch $epochs of 6/s, "$table: and says whose it is");
		cmp_ok($epochs, '>', 0, "$table: which had begun");
	}
	is($node->safe_psql('postgres', q{SELECT count(embed(pen, 'whole')) FROM specimen}), '100', "$table: other models work");
	resize($small, '30m');
	$node->safe_psql('postgres', $epochs > 0 ? "CALL siamese.resume('$model')" : train_sql($model));
	is(result($model), $whole, "$table: with room it comes to the same");
	$node->safe_psql('postgres', "ALTER TABLE $table SET TABLESPACE pg_default; CHECKPOINT");
}

# ---- the shared copy of weights: a warning, and the session goes on by itself

my $sum = q{SELECT md5(string_agg(embed(pen, 'whole')::text, ' ' ORDER BY id)) FROM specimen};
my $sum_alone = $node->safe_psql('postgres', "SET siamese.share_weights = off; $sum");
mount($temporary, '16k');
my ($status, $out, $err) = $node->psql('postgres', $sum);
is($out, $sum_alone, 'without room for the shared copy of weights a model embeds the same');
like($err, qr/WARNING:  could not make a shared copy of a model's weights: No space left on device.*DETAIL:  It would have \d+ bytes, in "base\/pgsql_tmp\//s, 'with a warning that says which file');
is(join(' ', slurp_dir($temporary)) =~ s/\.\.? ?//gr, '', 'no part of it is left');
resize($temporary, '4m');
($status, $out, $err) = $node->psql('postgres', $sum);
is("$out$err", $sum_alone, 'with room it is made');
is(scalar(grep { /_siamese_/ } slurp_dir($temporary)), 1, 'once');
system_or_bail('umount', $temporary);

# ---- embed_table() and migrate_column(): what was committed stands, and a further call does the rest

$node->safe_psql('postgres', train_sql('whole'));
$node->safe_psql('postgres', q{SELECT siamese.promote('whole@1')}) if $node->safe_psql('postgres', q{SELECT count(*) FROM siamese.model WHERE name = 'whole' AND version = 2 AND promoted_at IS NOT NULL}) eq '1';
resize($small, '30m');
$node->safe_psql('postgres', q{
	CREATE TABLE print (id bigint, pen real[], e embedding) TABLESPACE small;
	INSERT INTO print SELECT row_number() OVER (), pen FROM specimen, generate_series(1, 8);
	VACUUM FULL print; CHECKPOINT});
resize($small, used($small) + 65536);
my $fill = q{CALL siamese.embed_table('print', 'pen', 'e', 'whole@1', 32)};
fails($fill, 'embed_table() finds the disk full', 'pg_tblspc');
my $filled = $node->safe_psql('postgres', 'SELECT count(e) FROM print');
cmp_ok($filled, '<', 800, "$filled rows are filled");
is($node->safe_psql('postgres', q{SELECT count(*) FROM print WHERE e <> embed(pen, 'whole@1')}), '0', 'rightly');
resize($small, '30m');
$node->safe_psql('postgres', $fill);
is($node->safe_psql('postgres', q{SELECT count(*) FROM print WHERE e = embed(pen, 'whole@1')}), '800', 'with room it does the rest');

$node->safe_psql('postgres', q{CREATE INDEX print_e ON print USING siamese (e) TABLESPACE small});
$node->safe_psql('postgres', 'VACUUM FULL print; CHECKPOINT');
for my $room (8192, 500_000)
{
	resize($small, used($small) + $room);
	fails(q{CALL siamese.migrate_column('print', 'pen', 'e', 'whole@2')}, "migrate_column() finds the disk full, with room of $room bytes", 'pg_tblspc');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM print WHERE e = embed(pen, 'whole')}), '800', 'the old column stands');
}
resize($small, '30m');
$node->safe_psql('postgres', q{CALL siamese.migrate_column('print', 'pen', 'e', 'whole@2')});
is($node->safe_psql('postgres', q{SELECT count(*) FROM print WHERE e = embed(pen, 'whole@2')}), '800', 'with room it is migrated');
is($node->safe_psql('postgres', q{SELECT k FROM siamese.index_check('print_e', true) k}), '', 'with its index');
$node->stop;

# ---- the server's log: the server ends, and does not start again until there is room

my $log = PostgreSQL::Test::Cluster->new('log');
mkdir $log->basedir;
my $wal = $log->basedir . '/wal';
mkdir $wal;
mount($wal, '12m');
mkdir "$wal/folder";
$log->init(extra => [ '--wal-segsize=1', "--waldir=$wal/folder" ]);
$log->append_conf('postgresql.conf', "autovacuum = off\nmin_wal_size = 2MB\nmax_wal_size = 100MB\ncheckpoint_timeout = 1h\nrestart_after_crash = off\njit = off");
$log->start;
$log->safe_psql('postgres', q{
	CREATE EXTENSION siamese;
	CREATE TABLE face (id bigint, e embedding);
	CREATE INDEX face_e ON face USING siamese (e)});
($status, $out, $err) = $log->psql('postgres', q{DO $$BEGIN FOR i IN 1 .. 20000 LOOP
	INSERT INTO face SELECT i, to_embedding(array_agg((sin(i % 60 * j) + 0.1 * sin(i * j))::real), 'l2') FROM generate_series(1, 100) j; COMMIT; END LOOP; END$$});
isnt($status, 0, 'the disk of the log becomes full');
like(slurp_file($log->logfile), qr/PANIC:  could not write to file "pg_wal\/xlogtemp\.\d+": No space left on device/, 'which the server does not survive');
eval { $log->stop('immediate', fail_ok => 1) };
unlink $log->data_dir . '/postmaster.pid';
$log->{_pid} = undef;
resize($wal, '100m');
$log->start;
my $checked = $log->safe_psql('postgres', q{SELECT k FROM siamese.index_check('face_e', true) k});
is($checked, '', 'with room it starts, with an index that is sound');
cmp_ok($log->safe_psql('postgres', 'SELECT count(*) FROM face'), '>', 100, 'and the rows');
$log->stop;
done_testing();
