# A training goes on where it was: after a cancel, a termination, kill -9 at random moments, an immediate shutdown and a
# disk that is full, resume() brings it to the very weights of a training that nobody disturbed.
#
# ROUNDS: how many times a backend is killed (3); SEED: of the moments (random, printed).
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run ();
use Time::HiRes qw(sleep time);

my $rounds = $ENV{ROUNDS} // 3;
my $seed = $ENV{SEED} // int(time);
srand($seed);
diag("SEED=$seed") if $rounds > 3;
note("SEED=$seed ROUNDS=$rounds");

my $node = PostgreSQL::Test::Cluster->new('survive');
$node->init;
$node->append_conf('postgresql.conf', "restart_after_crash = on\nautovacuum = off");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION siamese;
	CREATE TABLE specimen AS SELECT * FROM siamese.sample_signatures(12, 6, 3);
	INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{
		"input": {"kind": "image", "width": 32, "height": 16, "polarity": "auto", "crop": "ink"},
		"layers": [{"type": "conv", "maps": 8, "kernel": 3}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
			{"type": "dropout", "rate": 0.1}, {"type": "dense", "units": 16}, {"type": "l2_norm"}],
		"join": "cosine", "loss": {"type": "supervised_contrastive"}, "optimizer": {"type": "adamw", "rate": 0.01, "average": 0.9},
		"training": {"classes": 8, "samples": 4, "epochs": 12, "epoch_samples": 640, "held_out": 0.3, "distortion": {"rotation": 5}}}')});
my $examples = 'SELECT image, signer, genuine FROM specimen';

sub start
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	my $handle = IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', $sql ], '<', \undef, '>', \$out, '2>', \$err);
	return { handle => $handle, err => \$err };
}
sub finish { my ($call) = @_; eval { IPC::Run::finish($call->{handle}) }; return ${ $call->{err} }; }
sub train_sql { my ($model, $more) = @_; return "CALL siamese.train('$model', '$examples', 'tiny', seed => 5" . ($more // '') . ')'; }


# The process of the training, once it has committed this many epochs; waits in the server, since a psql takes its time.
$node->safe_psql('postgres', q{
	CREATE FUNCTION training_of(wanted text, epochs int) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE found int;
	BEGIN
		FOR i IN 1 .. 6000 LOOP
			PERFORM pg_stat_clear_snapshot();
			SELECT pid INTO found FROM pg_stat_activity
				WHERE query LIKE 'CALL siamese.%(''' || wanted || '''%' AND state = 'active' AND pid <> pg_backend_pid()
					AND epochs <= coalesce((SELECT max(epoch) FROM siamese.training WHERE model = wanted), 0);
			IF found IS NOT NULL OR EXISTS (SELECT FROM siamese.model WHERE name = wanted AND finished_at IS NOT NULL) THEN RETURN found; END IF;
			PERFORM pg_sleep(0.005);
		END LOOP;
		RAISE 'no training of %', wanted;
	END$$});
sub reached { my ($model, $epoch) = @_; return $node->safe_psql('postgres', "SELECT training_of('$model', $epoch)"); }
sub end { my ($how, $model, $epoch) = @_; return $node->safe_psql('postgres', "SELECT pg_${how}_backend(training_of('$model', $epoch))"); }

# All that a training left: its weights, and every epoch's numbers to the last digit.
sub result
{
	my ($model) = @_;
	return $node->safe_psql('postgres', qq{
		SET extra_float_digits = 3;
		SELECT fingerprint, scores, calibration FROM siamese.model WHERE name = '$model' AND finished_at IS NOT NULL;
		SELECT epoch, loss, held_out_eer, held_out_auc, kept FROM siamese.training WHERE model = '$model' ORDER BY 1});
}
my $nothing_left = 'SELECT (SELECT count(*) FROM siamese.training_state) + (SELECT count(*) FROM siamese.training_state_part)';

# ---- what nobody disturbed

$node->safe_psql('postgres', train_sql('whole'));
my $whole = result('whole');
is(scalar(() = $whole =~ /\n/g), 12, 'a training of 12 epochs');
is($node->safe_psql('postgres', $nothing_left), '0', 'leaves no state behind');

# ---- a cancel

my $call = start(train_sql('cancelled'));
is(end('cancel', 'cancelled', 3), 't', 'a second one is cancelled');
my $message = finish($call);
like($message, qr/DETAIL:  The training of "cancelled" stops after epoch \d+ of 12/, 'a cancel says where it stops');
like($message, qr/HINT:  CALL siamese\.resume\('cancelled'\) continues from there; until then "cancelled\@1" names the epoch that it kept/, 'and what can be done');
like($message, qr/ERROR:  canceling statement due to user request/, 'and is an error');
is($node->safe_psql('postgres', q{SELECT count(*) FROM siamese.training_state WHERE name = 'cancelled'}), '1', 'the state is kept');
my (undef, undef, $error) = $node->psql('postgres', q{SELECT embed(image, 'cancelled') FROM specimen LIMIT 1});
like($error, qr/model "cancelled" has no finished version.*HINT:.*resume.*"cancelled\@1"/s, 'its plain name tells of both ways');
is($node->safe_psql('postgres', q{SELECT dimensions(embed(image, 'cancelled@1')) FROM specimen LIMIT 1}), '16', 'name@version is usable');

# refusals
$node->safe_psql('postgres', 'BEGIN; CREATE TABLE other AS SELECT * FROM specimen; UPDATE specimen SET signer = 1 WHERE signer = 2 AND sample = 1 AND genuine; COMMIT');
(undef, undef, $error) = $node->psql('postgres', q{CALL siamese.resume('cancelled')});
like($error, qr/the examples of model "cancelled" have changed since its training began/, 'changed rows are refused');
$node->safe_psql('postgres', 'ALTER TABLE specimen RENAME TO gone');
(undef, undef, $error) = $node->psql('postgres', q{CALL siamese.resume('cancelled')});
like($error, qr/relation "specimen" does not exist/, 'so is a table that is gone');
$node->safe_psql('postgres', 'DROP TABLE gone; ALTER TABLE other RENAME TO specimen');
(undef, undef, $error) = $node->psql('postgres', q{CALL siamese.resume('whole')});
like($error, qr/there is nothing to resume: version 1 of model "whole" is finished/, 'a finished training is refused');
(undef, undef, $error) = $node->psql('postgres', q{CALL siamese.resume('nobody')});
like($error, qr/model "nobody" does not exist/, 'an unknown model is refused');
(undef, undef, $error) = $node->psql('postgres', q{SET siamese.training_threads = 1; CALL siamese.resume('cancelled')});
like($error, qr/model "cancelled" was trained with 2 threads/, 'fewer threads are refused');
$node->safe_psql('postgres', q{CREATE ROLE stranger; GRANT ALL ON SCHEMA siamese TO stranger; GRANT ALL ON ALL TABLES IN SCHEMA siamese TO stranger});
(undef, undef, $error) = $node->psql('postgres', q{SET ROLE stranger; CALL siamese.resume('cancelled')});
like($error, qr/permission denied for procedure resume/, 'resume() is not for everybody');
(undef, undef, $error) = $node->psql('postgres', q{GRANT EXECUTE ON PROCEDURE siamese.resume TO stranger; SET ROLE stranger; CALL siamese.resume('cancelled')});
like($error, qr/was started by another role/, 'nor is another one\'s query run');

# on, cancelled once more, and to the end
$call = start(q{CALL siamese.resume('cancelled')});
is(end('terminate', 'cancelled', 6), 't', 'it goes on, and is terminated');
like(finish($call), qr/FATAL:  terminating connection.*HINT:  CALL siamese\.resume\('cancelled'\) continues/s, 'which says the same');
$node->psql('postgres', q{CALL siamese.resume('cancelled')});
is(result('cancelled'), $whole, 'a cancel and a termination leave no trace in the result');
is($node->safe_psql('postgres', $nothing_left), '0', 'nor a state');

# ---- a network of pairs, whose twins see the flow of each pair

$node->safe_psql('postgres', q{
	INSERT INTO siamese.network (name, definition) VALUES ('pairs', '{
		"input": {"kind": "image", "width": 32, "height": 16, "polarity": "auto", "crop": "ink", "flow": true},
		"layers": [{"type": "conv", "maps": 6, "kernel": 3}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool"}, {"type": "pair"},
			{"type": "conv", "maps": 8, "kernel": 3}, {"type": "relu"}, {"type": "dropout", "rate": 0.1}, {"type": "dense", "units": 2}],
		"optimizer": {"type": "adamw", "rate": 0.003, "average": 0.9},
		"training": {"classes": 8, "samples": 4, "epochs": 6, "epoch_samples": 320, "held_out": 0.3, "negatives": 2, "distortion": {"rotation": 5}}}')});
sub pairs_sql { my ($model) = @_; return "CALL siamese.train('$model', '$examples', 'pairs', seed => 5)"; }
$node->safe_psql('postgres', pairs_sql('whole_pairs'));
$call = start(pairs_sql('cancelled_pairs'));
is(end('cancel', 'cancelled_pairs', 2), 't', 'a training of pairs is cancelled');
like(finish($call), qr/stops after epoch \d+ of 6/, 'and says where');
$node->safe_psql('postgres', q{CALL siamese.resume('cancelled_pairs')});
is(result('cancelled_pairs'), result('whole_pairs'), 'which leaves no trace either');

# ---- the last layers of the same alone; the network is that of the model to begin from

sub last_sql
{
	my ($model) = @_;
	return "CALL siamese.train('$model', '$examples', seed => 6, options => '" . q({"start": "whole_pairs", "learn_last": 1}') . ')';
}
$node->safe_psql('postgres', last_sql('whole_last'));
$call = start(last_sql('cancelled_last'));
is(end('cancel', 'cancelled_last', 2), 't', 'a training of the last layer is cancelled');
like(finish($call), qr/NOTICE:  training "cancelled_last" with network "pairs".*DETAIL:  Of 4 layers with weights the last 1 learn, 1042 of \d+ weights\..*stops after epoch \d+ of 6/s,
	'and says where, and what it learns');
$node->safe_psql('postgres', q{CALL siamese.resume('cancelled_last')});
is(result('cancelled_last'), result('whole_last'), 'resumed it learns the same');
isnt(result('whole_last'), result('whole_pairs'), 'which is something');

# ---- one that gets worse, so that the least error so far decides what is kept: it draws different people together

$node->safe_psql('postgres', q{
	CREATE TABLE many AS SELECT signer, image FROM siamese.sample_signatures(40, 6, 3) WHERE genuine;
	INSERT INTO siamese.network (name, definition) SELECT 'normalised', jsonb_set(jsonb_set(definition, '{optimizer,average}', '0'), '{layers}', '[
		{"type": "conv", "maps": 8, "kernel": 3, "padding": 1}, {"type": "batch_norm"}, {"type": "relu"}, {"type": "max_pool", "size": 2},
		{"type": "dense", "units": 16, "bias": false}, {"type": "batch_norm"}, {"type": "l2_norm"}]') FROM siamese.network WHERE name = 'tiny';
	CALL siamese.train('good', 'SELECT image, signer FROM many', 'normalised', 6, 2)});
sub unlearn_sql
{
	my ($model) = @_;
	return "CALL siamese.train('$model', 'SELECT image, signer FROM many', 'normalised', 30, 2, '" . q({"start": "good", "training": {"epoch_samples": 320},
		"loss": {"type": "cosine_target", "genuine_target": -1, "forged_target": 1}, "optimizer": {"rate": 0.005}}') . ')';
}
$node->safe_psql('postgres', unlearn_sql('whole_unlearns'));
my $worse = $node->safe_psql('postgres', q{SELECT count(*) FROM siamese.training WHERE model = 'whole_unlearns' AND NOT kept});
cmp_ok($worse, '>', 5, "a training that unlearns keeps few epochs (all but $worse of 30)");
$call = start(unlearn_sql('cancelled_unlearns'));
is(end('cancel', 'cancelled_unlearns', 2), 't', 'another one is cancelled');
like(finish($call), qr/stops after epoch \d+ of 30/, 'and says where');
# the replicates of the least error, in the last two parts, which no later epoch changes
my $replicates = q{SELECT least_eer, md5(string_agg(bytes, '' ORDER BY part)) FROM siamese.training_state JOIN siamese.training_state_part USING (name, version)
	WHERE name = 'cancelled_unlearns' AND part >= parts - 2 GROUP BY 1};
my $before = $node->safe_psql('postgres', $replicates);
$call = start(q{CALL siamese.resume('cancelled_unlearns')});
is(end('cancel', 'cancelled_unlearns', 12), 't', 'resumed, it is cancelled again');
finish($call);
is($node->safe_psql('postgres', $replicates), $before, 'what later epochs are compared to is kept');
$node->safe_psql('postgres', q{CALL siamese.resume('cancelled_unlearns')});
is(result('cancelled_unlearns'), result('whole_unlearns'), 'resumed it keeps the same one');

# ---- kill -9

my $start = time;
$node->safe_psql('postgres', train_sql('timed'));
my $duration = time - $start;
my $resumed = 0;
for my $round (1 .. $rounds)
{
	my $model = "killed_$round";
	$call = start(train_sql($model));
	my $pid = reached($model, 0);
	sleep rand($duration);
	kill 'KILL', $pid if $pid ne '';
	finish($call);
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	my $epochs = $node->safe_psql('postgres', "SELECT count(*) FROM siamese.training WHERE model = '$model'");
	my $finished = $node->safe_psql('postgres', "SELECT count(*) FROM siamese.model WHERE name = '$model' AND finished_at IS NOT NULL");
	$node->safe_psql('postgres', $epochs == 0 ? train_sql($model) : "CALL siamese.resume('$model')") if !$finished;
	$resumed++ if $epochs > 0 && !$finished;
	is(result($model), $whole, "round $round: killed after $epochs epochs");
}
note("$resumed of $rounds were resumed");
diag("$resumed of $rounds killed trainings were resumed, all to the same result") if $rounds > 3;

# ---- an immediate shutdown

$call = start(train_sql('shutdown'));
ok(reached('shutdown', 2), 'it runs');
$node->stop('immediate');
finish($call);
$node->start;
$node->safe_psql('postgres', q{CALL siamese.resume('shutdown')});
is(result('shutdown'), $whole, 'an immediate shutdown leaves no trace');

# ---- an epoch that cannot be committed, as on a full disk: nothing of it is there, and it is done again

$node->safe_psql('postgres', q{
	CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END$$;
	CREATE TRIGGER full_disk BEFORE UPDATE ON siamese.training_state_part FOR EACH ROW WHEN (OLD.part = 1) EXECUTE FUNCTION full_disk()});
(undef, undef, $error) = $node->psql('postgres', train_sql('disk'));
like($error, qr/No space left on device.*CONTEXT:.*training of version 1 of model "disk", after epoch 1 of 12/s, 'a disk is full when an epoch is committed');
is($node->safe_psql('postgres', q{SELECT count(*), max(s.epoch) FROM siamese.training t, siamese.training_state s WHERE t.model = 'disk' AND s.name = 'disk'}),
	'1|1', 'the epochs before stand, with the state');
$node->safe_psql('postgres', q{DROP TRIGGER full_disk ON siamese.training_state_part; CALL siamese.resume('disk')});
is(result('disk'), $whole, 'it goes on as if nothing had been');

# ---- states are rewritten in place: without any vacuum they do not grow

my $size = q{SELECT pg_relation_size('siamese.training_state_part') + pg_indexes_size('siamese.training_state_part')};
$node->safe_psql('postgres', 'VACUUM FULL siamese.training_state_part');
$call = start(train_sql('bloat', ', epochs => 100000'));
# not by reached(), whose own snapshot would keep old versions alive
my $epochs = q{SELECT coalesce(max(epoch), 0) >= %d FROM siamese.training WHERE model = 'bloat'};
ok($node->poll_query_until('postgres', sprintf($epochs, 1)), 'a long training');
my $first = $node->safe_psql('postgres', $size);
ok($node->poll_query_until('postgres', sprintf($epochs, 30)), 'of many epochs');
is($node->safe_psql('postgres', $size), $first, 'takes no more than after its first one');

# ---- others are not held up while it runs

my $free = $node->safe_psql('postgres', q{
	CREATE FUNCTION moments_without_snapshot(process int) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE n int := 0;
	BEGIN
		FOR i IN 1 .. 100 LOOP
			PERFORM pg_stat_clear_snapshot();
			n := n + (SELECT count(*) FROM pg_stat_activity WHERE pid = process AND backend_xmin IS NULL AND backend_xid IS NULL);
			PERFORM pg_sleep(0.01);
		END LOOP;
		RETURN n;
	END$$;
	SELECT moments_without_snapshot(training_of('bloat', 1))});
cmp_ok($free, '>', 60, "no snapshot is held while an epoch is computed ($free of 100 moments)");
is($node->safe_psql('postgres', qq{SET lock_timeout = '5s'; ALTER TABLE specimen ADD note text; ALTER TABLE siamese.model SET (fillfactor = 90); SELECT 'done'}),
	'done', 'nor a lock');

# ---- the extension dropped under it, and the state

$node->safe_psql('postgres', q{DELETE FROM siamese.training_state WHERE name = 'bloat'});
like(finish($call), qr/the checkpoint of version 1 of model "bloat" was removed/, 'a removed checkpoint ends it');
(undef, undef, $error) = $node->psql('postgres', q{CALL siamese.resume('bloat')});
like($error, qr/version 1 of model "bloat" cannot be resumed: it has no checkpoint.*"start": "bloat\@1"/s, 'and is told');
$call = start(train_sql('bloat', ', epochs => 100000'));
ok(reached('bloat', 1), 'trained anew');
$node->safe_psql('postgres', 'DROP EXTENSION siamese');
like(finish($call), qr/ERROR:  the extension siamese was dropped during the training of model "bloat"/, 'DROP EXTENSION ends a training');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'siamese'}), '0', 'and nothing is left');

$node->stop;
done_testing();
