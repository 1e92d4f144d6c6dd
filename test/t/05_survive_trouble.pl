# What goes wrong while a training runs: its table dropped, altered or changed, its network removed, rights revoked, a second
# training of the name, a disk that is truly full.  Each has a clear end, nothing is half written, and what can go on goes on
# to the very weights of a training that nobody disturbed.
#
# The full disks are small file systems in memory, in a name space of our own; without the right to make one they are skipped.
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
use IPC::Run ();

my $definition = '{
	"input": {"kind": "image", "width": 32, "height": 16, "polarity": "auto", "crop": "ink"},
	"layers": [{"type": "conv", "maps": 8, "kernel": 3}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "dropout", "rate": 0.1}, {"type": "dense", "units": 16}, {"type": "l2_norm"}],
	"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.01, "average": 0.9},
	"training": {"classes": 8, "samples": 4, "epochs": 30, "epoch_samples": 1280, "held_out": 0.3, "distortion": {"rotation": 5}}}';
my $setup = qq{
	CREATE EXTENSION siamese;
	CREATE TABLE original AS SELECT *, signer % 6 AS branch FROM siamese.sample_signatures(12, 6, 3);
	CREATE TABLE specimen AS TABLE original;
	INSERT INTO siamese.network (name, definition) VALUES ('tiny', '$definition')};
my $examples = 'SELECT image, signer, genuine, branch FROM specimen';

my $node = PostgreSQL::Test::Cluster->new('trouble');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', $setup);

sub start
{
	my ($server, @sql) = @_;
	my ($out, $err) = ('', '');
	my $handle = IPC::Run::start([ 'psql', '-X', '-d', $server->connstr('postgres'), map { ('-c', $_) } @sql ],
		'<', \undef, '>', \$out, '2>', \$err);
	return { handle => $handle, err => \$err };
}
sub finish { my ($call) = @_; eval { IPC::Run::finish($call->{handle}) }; return ${ $call->{err} }; }
sub train_sql { my ($model, $more) = @_; return "CALL siamese.train('$model', '$examples', 'tiny', seed => 5" . ($more // '') . ')'; }
sub error_of { my ($sql) = @_; my (undef, undef, $err) = $node->psql('postgres', $sql); return $err; }

# Waits until the training has committed this many epochs.
sub reached
{
	my ($server, $model, $epoch) = @_;
	return $server->poll_query_until('postgres', "SELECT coalesce(max(epoch), 0) >= $epoch FROM siamese.training WHERE model = '$model'");
}
my $pid_of = q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL siamese.%%(''%s''%%' AND state = 'active' AND pid <> pg_backend_pid()};
sub cancel
{
	my ($call, $model) = @_;
	$node->safe_psql('postgres', sprintf("SELECT pg_cancel_backend(pid) FROM ($pid_of) a", $model));
	return finish($call);
}

# All that a training left.
sub result
{
	my ($server, $model) = @_;
	return $server->safe_psql('postgres', qq{
		SET extra_float_digits = 3;
		SELECT fingerprint, scores, calibration FROM siamese.model WHERE name = '$model' AND finished_at IS NOT NULL;
		SELECT epoch, loss, held_out_eer, held_out_auc, kept FROM siamese.training WHERE model = '$model' ORDER BY 1});
}
sub temporary_files { return join ' ', glob($node->data_dir . '/base/pgsql_tmp/pgsql_tmp*'); }

$node->safe_psql('postgres', train_sql('whole'));
my $whole = result($node, 'whole');
is($node->safe_psql('postgres', q{SELECT scores->'held_out_groups' FROM siamese.model}), '2', 'a training that holds out two groups of six');

# ---- the table of the examples and the row of the network: a training has read them, and locks nothing

my $call = start($node, train_sql('model'));
ok(reached($node, 'model', 1), 'a training runs');
my $pid = $node->safe_psql('postgres', sprintf($pid_of, 'model'));
$node->safe_psql('postgres', q{SET lock_timeout = '60s'; UPDATE specimen SET signer = 1; ALTER TABLE specimen ADD note text;
	ALTER TABLE specimen ALTER image TYPE text USING signer; DELETE FROM specimen; TRUNCATE specimen; DROP TABLE specimen});
$node->safe_psql('postgres', q{DELETE FROM siamese.network WHERE name = 'tiny'});
my $epoch = $node->safe_psql('postgres', q{SELECT max(epoch) FROM siamese.training WHERE model = 'model'});
ok(reached($node, 'model', $epoch + 2), 'its table and its network removed, it goes on');

# ---- a second one of the name, and what is not to be had twice

like(error_of(q{CALL siamese.train('model', 'SELECT 1', 'compact')}), qr/ERROR:  model "model" is being trained by another session.*HINT:/s, 'a second training is refused at once');
like(error_of(q{CALL siamese.resume('model')}), qr/ERROR:  model "model" is being trained by another session/, 'so is resume()');
like(cancel($call, 'model'), qr/ERROR:  canceling statement.*stops after epoch \d+ of 30.*HINT:  CALL siamese\.resume/s, 'a cancel says what is left');
is($node->safe_psql('postgres', q{SELECT count(*) FROM siamese.model WHERE name = 'model' AND finished_at IS NULL}), '1', 'which is there');

# ---- resume() reads the table again, and takes no other rows

for my $case (
	[ 'SELECT 1', qr/relation "specimen" does not exist/ ],
	[ 'CREATE TABLE specimen AS TABLE original; ALTER TABLE specimen DROP COLUMN image', qr/column "image" does not exist/ ],
	[ 'CREATE TABLE specimen AS TABLE original; ALTER TABLE specimen ALTER image TYPE text USING signer', qr/first column of the examples is of type text, not bytea/ ],
	[ 'CREATE TABLE specimen AS TABLE original; DELETE FROM specimen WHERE signer = 3 AND sample = 2', qr/examples of model "model" have changed since its training began/ ],
	[ 'CREATE TABLE specimen AS TABLE original; UPDATE specimen SET genuine = NOT genuine WHERE signer = 3', qr/examples of model "model" have changed/ ],
	[ 'CREATE TABLE specimen AS TABLE original; UPDATE specimen SET branch = 0 WHERE signer = 3', qr/examples of model "model" have changed/ ])
{
	my ($change, $refused) = @$case;
	$node->safe_psql('postgres', $change);
	like(error_of(q{CALL siamese.resume('model')}), $refused, "refused: $change");
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS specimen');
}
$node->safe_psql('postgres', 'CREATE TABLE specimen AS TABLE original ORDER BY random()');
$node->safe_psql('postgres', q{CALL siamese.resume('model')});
is(result($node, 'model'), $whole, 'with its rows as they were, without its network, it comes to the same');
$node->safe_psql('postgres', "INSERT INTO siamese.network (name, definition) VALUES ('tiny', '$definition')");

# ---- rights revoked

$node->safe_psql('postgres', q{
	CREATE ROLE trainer LOGIN;
	GRANT USAGE ON SCHEMA siamese TO trainer;
	GRANT EXECUTE ON PROCEDURE siamese.train, siamese.resume TO trainer;
	GRANT SELECT ON specimen TO trainer});
$call = start($node, 'SET ROLE trainer', train_sql('revoked'));
ok(reached($node, 'revoked', 1), 'a training by another role');
$node->safe_psql('postgres', 'ALTER TABLE siamese.training_epoch ADD CONSTRAINT failing CHECK (false) NOT VALID');
$node->safe_psql('postgres', 'REVOKE SELECT ON specimen FROM trainer');
like(finish($call), qr/ERROR:  new row for relation "training_epoch" violates.*CONTEXT:.*training of version 1 of model "revoked", after epoch \d+ of 30/s,
	'what keeps it from writing ends it with the next epoch, and where is said');
is($node->safe_psql('postgres', q{SELECT max(t.epoch) = max(s.epoch) FROM siamese.training t, siamese.training_state s WHERE t.model = 'revoked' AND s.name = 'revoked'}),
	't', 'the epochs before stand, with the state of the last one');
$node->safe_psql('postgres', 'ALTER TABLE siamese.training_epoch DROP CONSTRAINT failing');
like(error_of(q{SET ROLE trainer; CALL siamese.resume('revoked')}), qr/permission denied for table specimen/, 'the examples are read with the rights of the moment');
$node->safe_psql('postgres', q{GRANT SELECT ON specimen TO trainer; SET ROLE trainer; CALL siamese.resume('revoked')});
is(result($node, 'revoked'), $whole, 'with the rights again it comes to the same');

# ---- states of earlier trainings of a name go when a newer one begins

$call = start($node, train_sql('again'));
ok(reached($node, 'again', 1), 'a training');
cancel($call, 'again');
$call = start($node, train_sql('again'));
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM siamese.training WHERE model = 'again' AND version = 2 AND epoch = 1}), 'and a newer one');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT version::text, ' ') FROM (SELECT name, version FROM siamese.training_state
	UNION ALL SELECT name, version FROM siamese.training_state_part) s WHERE name = 'again'}), '2', 'whose state alone is kept');
cancel($call, 'again');

# ---- vacuum goes on while an epoch is computed, here one that takes long: no snapshot, no transaction, no lock of a table

$node->safe_psql('postgres', q{CREATE TABLE dead AS SELECT generate_series(1, 10000)});
$call = start($node, train_sql('long', q{, epochs => 2, options => '{"training": {"epoch_samples": 100000000}}'}));
ok($node->poll_query_until('postgres', sprintf("SELECT count(*) = 1 FROM ($pid_of AND backend_xmin IS NULL) a", 'long')), 'a long epoch');
$node->poll_query_until('postgres', sprintf(q{SELECT count(*) = 0 FROM pg_locks WHERE pid IN (%s) AND locktype IN ('relation', 'transactionid')}, sprintf($pid_of, 'long')));
$node->safe_psql('postgres', 'DELETE FROM dead');
$node->safe_psql('postgres', 'VACUUM dead');
is($node->safe_psql('postgres', q{SELECT pg_relation_size('dead')}), '0', 'vacuum removes what was deleted meanwhile');
is($node->safe_psql('postgres', sprintf(q{SELECT backend_xid IS NULL AND backend_xmin IS NULL FROM pg_stat_activity WHERE pid IN (%s)}, sprintf($pid_of, 'long'))), 't', 'it holds no snapshot and no transaction');
is($node->safe_psql('postgres', sprintf(q{SELECT string_agg(DISTINCT locktype || ' ' || mode, ', ') FROM pg_locks WHERE pid IN (%s)}, sprintf($pid_of, 'long'))),
	'object ExclusiveLock, virtualxid ExclusiveLock', 'and no lock but that of its name');
is($node->safe_psql('postgres', q{SELECT count(*) FROM siamese.training WHERE model = 'long'}), '0', 'all within one epoch');
like(cancel($call, 'long'), qr/ERROR:  canceling statement due to user request/, 'cancelled before the first commit');
is($node->safe_psql('postgres', q{SELECT (SELECT count(*) FROM siamese.model WHERE name = 'long') + (SELECT count(*) FROM siamese.training_state WHERE name = 'long')}), '0', 'it leaves nothing');
is(temporary_files(), '', 'no temporary file is left of all that');

# ---- disks that are truly full

SKIP:
{
	skip 'no name space in which to make a small file system', 9 if !$ENV{SIAMESE_NAMESPACE};

	# of temporary files: images that do not fit into memory
	my $temporary = $node->data_dir . '/base/pgsql_tmp';
	mkdir $temporary;
	system_or_bail('mount', '-t', 'tmpfs', '-o', 'size=256k,mode=700', 'none', $temporary);
	$node->safe_psql('postgres', qq{
		INSERT INTO siamese.network (name, definition) VALUES ('wide', '{
			"input": {"kind": "image", "width": 64, "height": 64, "polarity": "auto", "crop": "ink"},
			"layers": [{"type": "conv", "maps": 48, "kernel": 3, "stride": 2}, {"type": "relu"}, {"type": "max_pool", "size": 4},
				{"type": "dense", "units": 16}, {"type": "l2_norm"}],
			"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.001},
			"training": {"classes": 8, "samples": 4, "epochs": 1, "epoch_samples": 64, "held_out": 0.3}}')});
	my $spill = q{SET maintenance_work_mem = '8MB'; CALL siamese.train('spilled', 'SELECT image, signer, genuine FROM original, generate_series(1, 12)', 'wide')};
	my $session = start($node, (split /; /, $spill), 'SELECT pg_sleep(1000)');
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1000)' AND state = 'active'}), 'a training ends');
	is(temporary_files(), '', 'with its temporary file, though the session goes on');
	$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1000)'});
	like(finish($session), qr/ERROR:  could not write to temporary file.*No space left on device/, 'since its disk was full');
	system_or_bail('umount', $temporary);
	is($node->safe_psql('postgres', q{SELECT count(*) FROM siamese.model WHERE name = 'spilled'}), '0', 'nothing else is left');
	$node->safe_psql('postgres', $spill);
	is($node->safe_psql('postgres', q{SELECT count(*) FROM siamese.model WHERE name = 'spilled'}), '1', 'where there is room it trains');

	# of all data, with the log: whatever ends, the server too, the last epoch that was committed is whole
	my $full = PostgreSQL::Test::Cluster->new('full');
	mkdir $full->basedir;
	system_or_bail('mount', '-t', 'tmpfs', '-o', 'size=160m,mode=700', 'none', $full->basedir);
	$full->init(extra => ['--wal-segsize=1']);
	$full->append_conf('postgresql.conf', "autovacuum = off\nmin_wal_size = 2MB\nmax_wal_size = 4MB\nshared_buffers = 16MB\nrestart_after_crash = off");
	$full->start;
	$full->safe_psql('postgres', $setup);
	my $disturbed = start($full, train_sql('model'));
	ok(reached($full, 'model', 2), 'a training on a small disk');
	my $ballast = $full->basedir . '/ballast';
	system("dd if=/dev/zero of='$ballast' bs=64k 2>/dev/null");
	my $end = finish($disturbed);
	like($end, qr/No space left on device|server closed the connection|terminating connection/, 'which becomes full');
	note($end);
	unlink $ballast;
	eval { $full->stop('immediate', fail_ok => 1) };
	unlink $full->data_dir . '/postmaster.pid';
	$full->start;
	is($full->safe_psql('postgres', q{SELECT max(t.epoch) = max(s.epoch) FROM siamese.training t, siamese.training_state s WHERE t.model = 'model' AND s.name = 'model'}),
		't', 'afterwards the last epoch stands, with its state');
	$full->safe_psql('postgres', q{CALL siamese.resume('model')});
	is(result($full, 'model'), $whole, 'and it goes on to the very same weights');
	$full->stop;
}

$node->stop;
done_testing();
