# A training keeps within maintenance_work_mem: images in a temporary file and batches in rounds give what memory gives; a
# temporary file that may not grow ends it cleanly; and a cancel, a timeout and a termination end a step that takes long.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run ();
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('memory');
$node->init;
$node->append_conf('postgresql.conf', 'log_temp_files = 0');
$node->start;
# 64 x 64 pixels and a first layer of 48 maps: 2 MB of images, and 80 MB of activations for a batch.  No batch norm, whose
# statistics are of the samples at once, nor dropout; distortion, which must repeat.
$node->safe_psql('postgres', q{
	CREATE EXTENSION siamese;
	CREATE TABLE specimen AS SELECT * FROM siamese.sample_signatures(24, 12, 3);
	INSERT INTO siamese.network (name, definition) VALUES ('wide', '{
		"input": {"kind": "image", "width": 64, "height": 64, "polarity": "auto", "crop": "ink"},
		"layers": [{"type": "conv", "maps": 48, "kernel": 3, "stride": 2}, {"type": "relu"}, {"type": "max_pool", "size": 4},
			{"type": "dense", "units": 16}, {"type": "l2_norm"}],
		"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.001},
		"training": {"classes": 12, "samples": 4, "epochs": 2, "held_out": 0.3, "distortion": {"rotation": 5, "warp": 0.02}}}')});

sub train
{
	my ($model, $memory, $more) = @_;
	my (undef, undef, $err) = $node->psql('postgres',
		"SET maintenance_work_mem = '$memory'; SET siamese.training_threads = 2; " . ($more // '') .
		"CALL siamese.train('$model', 'SELECT image, signer, genuine FROM specimen', 'wide', seed => 3)");
	return $err;
}
sub losses { my ($model) = @_; return split /\n/, $node->safe_psql('postgres', "SELECT loss FROM siamese.training WHERE model = '$model' ORDER BY epoch"); }

my $notice = train('roomy', '512MB');
like($notice, qr/the activations of a batch \d+ MB, and prepared samples \d+ MB\./, 'with much memory all is in memory');
$notice = train('tight', '8MB');
like($notice, qr/a batch in \d+ rounds, computed twice, \d+ MB, and prepared samples \d+ MB, the rest in a temporary file/, 'with little a batch goes in rounds and images to a file');
my @roomy = losses('roomy');
my @tight = losses('tight');
is(scalar(@tight), 2, 'both are trained');
cmp_ok(abs($roomy[$_] - $tight[$_]) / $roomy[$_], '<', 1e-4, "epoch $_: the loss is the same to rounding ($roomy[$_], $tight[$_])") for 0 .. 1;
like(slurp_file($node->logfile), qr/temporary file: path "base\/pgsql_tmp/, 'the file was one of the server\'s, and is gone');

my $error = train('full', '8MB', "SET temp_file_limit = '64kB'; ");
like($error, qr/temporary file size exceeds "?temp_file_limit/, 'a file that may not grow ends it');
is($node->safe_psql('postgres', "SELECT count(*) FROM siamese.model WHERE name = 'full'"), '0', 'and nothing is left');
is(join(' ', glob($node->data_dir . '/base/pgsql_tmp/*')), '', 'no file either');

# ---- in the midst of long steps, of koch's network: an end, and what it leaves.  How long it took is printed, and no matter
# of the test: a busy machine may take any time.

for my $how ('statement_timeout', 'cancel', 'terminate')
{
	my ($out, $err) = ('', '');
	my $handle = IPC::Run::start(
		[ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', "SET maintenance_work_mem = '1GB'",
			'-c', 'SET statement_timeout = ' . ($how eq 'statement_timeout' ? "'6s'" : '0'), '-c',
			"CALL siamese.train('$how', 'SELECT image, signer FROM specimen', 'koch', epochs => 1000)" ],
		'<', \undef, '>', \$out, '2>', \$err);
	my $start = time + 6;
	if ($how ne 'statement_timeout')
	{
		$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL siamese.train%' AND state = 'active' AND now() - query_start > '5 s'});
		$start = time;
		$node->safe_psql('postgres', "SELECT pg_${how}_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL siamese.train%' AND pid <> pg_backend_pid()");
	}
	eval { IPC::Run::finish($handle) };
	diag(sprintf "%s: the call ended after %.2f s", $how, time - $start);
	like($err, $how eq 'terminate' ? qr/FATAL:  terminating connection due to administrator command/ :
		$how eq 'cancel' ? qr/ERROR:  canceling statement due to user request/ : qr/ERROR:  canceling statement due to statement timeout/,
		"$how ends koch's training, with its own message");
	# an epoch is a hundred samples: on a fast machine there may be a commit, and then it is said
	my $epochs = $node->safe_psql('postgres', "SELECT count(*) FROM siamese.training WHERE model = '$how'");
	is($err =~ /HINT:  CALL siamese\.resume\('$how'\)/ ? 't' : 'f', $epochs > 0 ? 't' : 'f', "and says how to go on after an epoch ($epochs)");
	is($node->safe_psql('postgres', "SELECT count(*) FROM siamese.model WHERE name = '$how'"), $epochs > 0 ? 1 : 0, 'there is a model of whole epochs or none');
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE 'CALL siamese.train%' AND pid <> pg_backend_pid()}), 'no process goes on');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'siamese.model'::regclass}), '0', 'no lock is left');
	is(join(' ', glob($node->data_dir . '/base/pgsql_tmp/*')), '', 'nor a temporary file');
}

$node->stop;
done_testing();
