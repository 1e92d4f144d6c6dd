# What only several sessions can show of a training: progress seen from outside, a cancel that keeps the last epoch, one
# training of a name at a time, no snapshot held, and a killed backend that leaves nothing broken.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run ();

my $node = PostgreSQL::Test::Cluster->new('training');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION siamese;
	CREATE TABLE specimen AS SELECT * FROM siamese.sample_signatures(12, 6, 3);
	INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
		"input": {"kind": "image", "width": 32, "height": 16, "polarity": "auto", "crop": "ink"},
		"layers": [{"type": "conv", "maps": 8, "kernel": 3}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
			{"type": "dense", "units": 16}, {"type": "l2_norm"}],
		"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.01},
		"training": {"classes": 8, "samples": 4, "epochs": 3, "epoch_samples": 640, "held_out": 0.3}}')});

# Starts a training that would take hours, in the background; returns the handle and what it prints.
sub start_training
{
	my ($model) = @_;
	my ($out, $err) = ('', '');
	my $handle = IPC::Run::start(
		['psql', '-X', '-d', $node->connstr('postgres'), '-c',
			"CALL siamese.train('$model', 'SELECT image, signer, genuine FROM specimen', 'tiny', epochs => 100000)"],
		'<', \undef, '>', \$out, '2>', \$err);
	return { handle => $handle, out => \$out, err => \$err };
}

sub finish
{
	my ($training) = @_;
	eval { IPC::Run::finish($training->{handle}) };
	return ${ $training->{err} };
}

my $pid_of = q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL siamese.train(''%s%%' AND pid <> pg_backend_pid()};

# Progress, from another session
my $training = start_training('first');
ok($node->poll_query_until('postgres', q{SELECT max(epoch) >= 2 FROM siamese.training WHERE model = 'first'}),
	'epochs are seen from outside while it runs');
is($node->safe_psql('postgres', q{SELECT remaining > '1 second' FROM siamese.training WHERE model = 'first' AND epoch = 1}),
	't', 'with an estimate of the rest');
is($node->safe_psql('postgres', q{SELECT finished_at IS NULL FROM siamese.model WHERE name = 'first'}), 't', 'the version is not finished');
ok($node->poll_query_until('postgres', q{SELECT model = 'first' AND version = 1 AND phase = 'learning' AND epochs = 100000 AND epoch > 2
		AND step BETWEEN 1 AND steps AND steps = 20 AND loss > 0 AND images_per_second > 0 AND elapsed BETWEEN '0' AND '1 hour' AND remaining > '1 second'
	FROM siamese.training_progress}), 'a step within an epoch, too');
ok($node->poll_query_until('postgres', q{SELECT phase = 'measuring held-out examples' AND examples = 48 FROM siamese.training_progress}),
	'and the held-out examples that were measured');
is($node->safe_psql('postgres', q{SELECT p.pid = a.pid FROM siamese.training_progress p, pg_stat_activity a WHERE a.query LIKE 'CALL siamese.train(%'}),
	't', 'by its process');
$node->safe_psql('postgres', q{CREATE ROLE stranger; CREATE ROLE monitor IN ROLE pg_read_all_stats; GRANT USAGE ON SCHEMA siamese TO stranger, monitor});
is($node->safe_psql('postgres', q{SET ROLE stranger; SELECT count(*) FROM siamese.training_progress}), '0', 'not to strangers');
is($node->safe_psql('postgres', q{SET ROLE monitor; SELECT count(*) FROM siamese.training_progress}), '1', 'but to who watches the server');
is($node->safe_psql('template1', q{CREATE EXTENSION siamese; SELECT count(*) FROM siamese.training_progress}), '0', 'nor in other databases');
my ($status, $out, $err) = $node->psql('postgres', q{SELECT embed(image, 'first') FROM specimen LIMIT 1});
like($err, qr/model "first" has no finished version/, 'so its plain name does not mean it');
is($node->safe_psql('postgres', q{SELECT dimensions(embed(image, 'first@1')) FROM specimen LIMIT 1}), '16', 'but name@version does');

# One of a name
($status, $out, $err) = $node->psql('postgres', q{CALL siamese.train('first', 'SELECT image, signer FROM specimen', 'tiny', 1)});
like($err, qr/model "first" is being trained by another session/, 'a second training of the name is refused at once');

# No snapshot between epochs: what others wrote and removed can be vacuumed
my $pid = $node->safe_psql('postgres', sprintf($pid_of, 'first'));
ok($node->poll_query_until('postgres', "SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE pid = $pid"), 'no snapshot is held');

# Cancel
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
my $message = finish($training);
like($message, qr/training of "first" stops after epoch \d+ of 100000/, 'a cancel says what is left');
like($message, qr/canceling statement due to user request/, 'and is reported');
is($node->safe_psql('postgres', q{
	SELECT m.finished_at IS NULL AND model(embed(s.image, 'first@1')) = m.fingerprint
	FROM siamese.model m, specimen s WHERE m.name = 'first' LIMIT 1}), 't', 'the epoch that was kept is there');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT fingerprint) FROM siamese.model_weights}), '1', 'weights of earlier epochs are gone');
is($node->safe_psql('postgres', q{SELECT count(*) FROM siamese.training_progress}), '0', 'and it is shown no more');

# statement_timeout, before the first epoch: nothing is kept, nothing is left
($status, $out, $err) = $node->psql('postgres',
	q{SET statement_timeout = '30ms'; CALL siamese.train('late', 'SELECT image, signer FROM specimen', 'tiny')});
like($err, qr/canceling statement due to statement timeout/, 'statement_timeout');
is($node->safe_psql('postgres', q{SELECT count(*) FROM siamese.model WHERE name = 'late'}), '0', 'nothing was kept');

# A terminated backend
$training = start_training('killed');
ok($node->poll_query_until('postgres', q{SELECT count(*) >= 1 FROM siamese.training WHERE model = 'killed'}), 'it runs');
$pid = $node->safe_psql('postgres', sprintf($pid_of, 'killed'));
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
finish($training);
is($node->safe_psql('postgres', q{SELECT finished_at IS NULL FROM siamese.model WHERE name = 'killed'}), 't', 'terminated: not finished');
is($node->safe_psql('postgres', q{SELECT dimensions(embed(image, 'killed@1')) FROM specimen LIMIT 1}), '16', 'its last epoch is whole');
$node->safe_psql('postgres', q{CALL siamese.train('killed', 'SELECT image, signer FROM specimen', 'tiny', 1)});
is($node->safe_psql('postgres', q{SELECT max(version) FROM siamese.model WHERE name = 'killed' AND finished_at IS NOT NULL}),
	'2', 'the name can be trained again');

# The version removed under the training
$training = start_training('removed');
ok($node->poll_query_until('postgres', q{SELECT count(*) >= 1 FROM siamese.training WHERE model = 'removed'}), 'it runs');
$node->safe_psql('postgres', q{DELETE FROM siamese.model WHERE name = 'removed'});
like(finish($training), qr/ERROR/, 'removed while in training: an error ends it');
is($node->safe_psql('postgres', q{SELECT count(*) FROM siamese.model WHERE name = 'removed'}), '0', 'and nothing is left of it');

# A server that stops at once in a training
$training = start_training('crash');
ok($node->poll_query_until('postgres', q{SELECT max(epoch) >= 2 FROM siamese.training WHERE model = 'crash'}), 'it runs');
$node->stop('immediate');
finish($training);
$node->start;
is($node->safe_psql('postgres', q{SELECT dimensions(embed(image, 'crash@1')) FROM specimen LIMIT 1}), '16', 'after a crash the last epoch is whole');

# Dump and restore: models and their embeddings
$node->safe_psql('postgres', q{CREATE TABLE print AS SELECT embed(image, 'first@1') AS e FROM specimen LIMIT 5});
$node->safe_psql('postgres', 'CREATE DATABASE copy');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
$node->command_ok(['pg_dump', '-f', $dump, '-d', $node->connstr('postgres')], 'dump');
$node->command_ok(['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('copy')], 'restore');
my $digest = q{SELECT md5(string_agg(e::text, ' ' ORDER BY e)) FROM (SELECT embed(image, 'first@1') AS e FROM specimen) s};
is($node->safe_psql('copy', $digest), $node->safe_psql('postgres', $digest), 'the restored model embeds the same');
for my $table ('model', 'model_weights', 'model_examples', 'training_epoch')
{
	my $content = "SELECT count(*), md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM siamese.$table t";
	is($node->safe_psql('copy', $content), $node->safe_psql('postgres', $content), "siamese.$table is the same");
}
is($node->safe_psql('copy', q{SELECT count(*) FROM siamese.network WHERE name = 'tiny'}), '1', 'a network of one\'s own is dumped');
is($node->safe_psql('copy', q{SELECT (SELECT count(*) FROM siamese.training_state) + (SELECT count(*) FROM siamese.training_state_part)}), '0', 'but no checkpoint');
($status, $out, $err) = $node->psql('copy', q{CALL siamese.resume('first')});
like($err, qr/version 1 of model "first" cannot be resumed: it has no checkpoint/, 'and resume() says so');

$node->stop;
done_testing();
