# kill -9 at random moments under mixed load: sessions that insert, update and delete and note what was committed, others that vacuum and build
# indexes (with workers, too), train, embed a table and move its column to another version.  Killed is the postmaster, or any of its processes.
# After each recovery the rows are those of the notes, the index is sound and answers as the table does, trainings resume to the very
# result of one that nobody disturbed, and what was interrupted can be called again.
#
# KILLS: how many times (4); SEED: of the moments and processes (random, printed).
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $kills = $ENV{KILLS} // 4;
my $seed = $ENV{SEED} // int(time);
srand($seed);
diag("SEED=$seed") if $kills > 4;
note("SEED=$seed KILLS=$kills");

my $writers = 2;
my $node = PostgreSQL::Test::Cluster->new('killed');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nrestart_after_crash = on\nautovacuum_naptime = 1\njit = off\nclient_min_messages = warning\n"
	. "max_wal_size = 64MB\nmin_parallel_table_scan_size = 0\nmax_parallel_maintenance_workers = 2\nsiamese.training_threads = 1");
$node->start;
sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }

my $train = q{CALL siamese.train('%s', 'SELECT pen, signer FROM specimen', 'small', %d, %d)};
sql(q{CREATE EXTENSION siamese;
	-- of a row and a version of it: always the same
	CREATE FUNCTION vector(id int, v int) RETURNS embedding LANGUAGE sql IMMUTABLE AS
		$$SELECT to_embedding(array_agg((sin(id % 40 * i) + 0.1 * cos(id * i + v))::real), 'l2') FROM generate_series(1, 24) i$$;
	CREATE TABLE kept (id int PRIMARY KEY, writer int NOT NULL, v int NOT NULL, e embedding);
	INSERT INTO kept SELECT -n, 0, 0, vector(-n, 0) FROM generate_series(1, 1500) n;
	CREATE INDEX kept_e ON kept USING siamese (e);
	INSERT INTO siamese.network (name, definition) VALUES ('small', '{
		"layers": [{"type": "conv", "maps": 2, "kernel": [1, 7], "stride": [1, 3]}, {"type": "tanh"}, {"type": "dense", "units": 6}],
		"input": {"features": ["x", "y", "pressure"], "length": 24, "kind": "pen"}, "join": "cosine", "loss": {"type": "supervised_contrastive"},
		"training": {"classes": 4, "samples": 4, "epoch_samples": 640, "held_out": 0.5}}');
	CREATE TABLE specimen AS SELECT row_number() OVER () AS id, signer, pen FROM siamese.sample_signatures(8, 12, 1) WHERE genuine});
sql(sprintf $train, 'm', 1, $_) for 1, 2;
sql(sprintf $train, 'whole', 30, 5);
sql(q{CREATE TABLE print (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, pen real[] NOT NULL, e embedding);
	INSERT INTO print (pen, e) SELECT pen, embed(pen, 'm') FROM specimen, generate_series(1, 4);
	CREATE INDEX print_e ON print USING siamese (e)});
my $prints = sql('SELECT count(*) FROM print');

# All that a training left, to the last digit.
sub result
{
	my ($model) = @_;
	return sql(qq{SET extra_float_digits = 3;
		SELECT fingerprint, scores, calibration FROM siamese.model WHERE name = '$model' AND finished_at IS NOT NULL;
		SELECT epoch, loss, held_out_eer, held_out_auc, kept FROM siamese.training WHERE model = '$model' ORDER BY 1});
}
my $whole = result('whole');

# A session that runs these statements until one fails; what it prints goes to a file.
my $folder = $node->basedir;
sub session
{
	my ($name, $statements) = @_;
	open my $script, '>', "$folder/$name.sql" or die "$name: $!";
	print $script $statements;
	close $script;
	return IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$folder/$name.sql" ],
		'<', \undef, '>', "$folder/$name.out", '2>', "$folder/$name.err");
}

# After the postmaster was killed: its children end by themselves, and until then the server cannot be started.
sub start_again
{
	unlink $node->data_dir . '/postmaster.pid';
	for (1 .. 100) { return 1 if $node->start(fail_ok => 1); sleep 0.2; }
	return 0;
}

# The steps of a writer: SQL, and what it makes of its rows: id => version.
my ($next, %rows) = (1);
sub steps
{
	my ($writer, $state) = @_;
	my (@steps, %now);
	%now = %$state;
	# with pauses between them, more than there is time for
	for (1 .. 400)
	{
		my @ids = sort { $a <=> $b } keys %now;
		my $insert = sub {
			my ($first, $last) = ($next, $next + 4);
			$next = $last + 1;
			$now{$_} = 0 for $first .. $last;
			return "INSERT INTO kept SELECT n, $writer, 0, vector(n, 0) FROM generate_series($first, $last) n;";
		};
		my $update = sub {
			my $part = int rand 7;
			$now{$_}++ for grep { exists $now{$_} && $_ % 7 == $part } @ids;
			return "UPDATE kept SET v = v + 1, e = vector(id, v + 1) WHERE writer = $writer AND id % 7 = $part AND id <= " . ($ids[-1] // 0) . ';';
		};
		my $delete = sub {
			my $part = int rand 9;
			delete $now{$_} for grep { $_ % 9 == $part } keys %now;
			return "DELETE FROM kept WHERE writer = $writer AND id % 9 = $part;";
		};
		my $kind = int rand 6;
		my $step = $kind < 2 ? $insert->() : $kind < 3 ? $update->() : $kind < 4 ? $delete->() : 'BEGIN; ' . join(' ', $update->(), $insert->(), $delete->()) . ' COMMIT;';
		# what is rolled back was not
		if (rand() < 0.1 && $kind >= 4) { %now = %{ @steps ? $steps[-1][1] : $state }; $step =~ s/COMMIT;$/ROLLBACK;/; }
		push @steps, [ $step, {%now} ];
	}
	return @steps;
}
sub as_text { my ($state) = @_; return join ' ', map { "$_:$state->{$_}" } sort { $a <=> $b } keys %$state; }

# Everything that must be empty.
my $sound = q{
	SELECT 'check', i.indexrelid::regclass, c FROM pg_index i JOIN pg_class r ON r.oid = i.indexrelid JOIN pg_am a ON a.oid = r.relam, siamese.index_check(i.indexrelid, true) c
		WHERE a.amname = 'siamese' AND indisvalid AND indisready;
	SELECT 'another embedding', id FROM kept WHERE e IS DISTINCT FROM vector(id, v);
	SET enable_sort = off; SET enable_seqscan = off;
	CREATE TEMP TABLE by_index AS SELECT row_number() OVER () AS n, d FROM (SELECT e <-> vector(7, 3) AS d FROM kept ORDER BY 1) y;
	RESET enable_sort; RESET enable_seqscan; SET enable_indexscan = off;
	CREATE TEMP TABLE by_table AS SELECT row_number() OVER () AS n, d FROM (SELECT e <-> vector(7, 3) AS d FROM kept ORDER BY 1) y;
	SELECT 'differs', count(*) FROM by_index FULL JOIN by_table USING (n) WHERE by_index.d IS DISTINCT FROM by_table.d HAVING count(*) > 0;
	SELECT 'epochs', s.name FROM siamese.training_state s WHERE s.epoch IS DISTINCT FROM (SELECT max(epoch) FROM siamese.training t WHERE (t.model, t.version) = (s.name, s.version));
	SELECT 'state without parts', name FROM siamese.training_state s WHERE NOT EXISTS (SELECT FROM siamese.training_state_part p WHERE (p.name, p.version) = (s.name, s.version))};

$rows{$_} = {} for 1 .. $writers;
my %victims;
my ($resumed, $trained, $moved) = (0, 0, 0);
my $began = time;
for my $round (1 .. $kills)
{
	my (%plan, @sessions);
	for my $writer (1 .. $writers)
	{
		$plan{$writer} = [ steps($writer, $rows{$writer}) ];
		push @sessions, session("writer$writer", join '', map { "SELECT pg_sleep(0.006) \\g /dev/null\n$_->[0]\n\\echo done\n" } @{ $plan{$writer} });
	}
	push @sessions, session('builder', q{
		CREATE INDEX CONCURRENTLY IF NOT EXISTS other_e ON kept USING siamese (e);
		VACUUM kept;
		SET max_parallel_maintenance_workers = 0;
		REINDEX INDEX kept_e;
		RESET max_parallel_maintenance_workers;
		REINDEX INDEX CONCURRENTLY kept_e;
		DROP INDEX other_e;
		VACUUM FULL print;
		CREATE INDEX again_e ON kept USING siamese (e);
		DROP INDEX again_e;
		} x 50);
	push @sessions, session('trainer', join ";\n", map { sprintf $train, "t${round}_$_", 30, 5 } 1 .. 20);
	push @sessions, session('mover', q{
		UPDATE print SET e = NULL WHERE id % 3 = 0;
		CALL siamese.embed_table('print', 'pen', 'e', 'm', 16);
		SELECT 'm@' || 3 - version AS target FROM siamese.model WHERE name = 'm' AND promoted_at IS NOT NULL ORDER BY promoted_at DESC LIMIT 1 \gset
		CALL siamese.migrate_column('print', 'pen', 'e', :'target');
		} x 50);
	sleep 0.3 + rand 2;

	# ---- the kill
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @children = map { [ /^\s*(\d+)\s+(.*)$/ ] } grep { /\S/ } split /\n/, qx(ps -o pid=,args= --ppid $postmaster);
	my $victim = $round % 3 == 0 || !@children ? [ $postmaster, 'postmaster' ] : $children[ rand @children ];
	my $name = $victim->[1] =~ s/^postgres: (?:\S+: )?//r =~ s/\[local\] //r =~ s/\s+(?:\d|waiting|process).*//r;
	$victims{$name}++;
	if ($victim->[0] == $postmaster) { $node->kill9; } else { kill 'KILL', $victim->[0]; }
	if ($victim->[0] == $postmaster)
	{
		# whoever should reap it may not do so
		$_->finish for @sessions;
		start_again();
	}
	else
	{
		$_->finish for @sessions;
		$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	}

	# ---- what is left
	for my $writer (1 .. $writers)
	{
		my $errors = slurp_file("$folder/writer$writer.err");
		unlike($errors, qr/ERROR: (?!.*terminating)/, "round $round ($name): writer $writer was cut off by nothing else") or diag($errors);
		my $done = () = slurp_file("$folder/writer$writer.out") =~ /^done$/mg;
		my %found = map { split /:/ } split ' ', sql("SELECT string_agg(id || ':' || v, ' ') FROM kept WHERE writer = $writer");
		my @possible = map { $_ == 0 ? $rows{$writer} : $plan{$writer}[ $_ - 1 ][1] } grep { $_ <= @{ $plan{$writer} } } $done, $done + 1;
		ok((grep { as_text($_) eq as_text(\%found) } @possible), "round $round ($name): after $done steps the rows of writer $writer are those that it committed")
			or diag("found: " . as_text(\%found) . "\ncommitted: " . as_text($possible[0]));
		$rows{$writer} = \%found;
	}
	is(sql('SELECT count(*) FROM kept WHERE writer = 0 AND v = 0'), 1500, "round $round ($name): what nobody changes is there");
	is(sql($sound), '', "round $round ($name): indexes are sound, answer as the table does, and trainings have their states");
	my $pending = sql(q{SELECT name FROM siamese.training_state ORDER BY 1});
	for my $model (split /\n/, $pending)
	{
		sql("CALL siamese.resume('$model')");
		is(result($model), $whole, "round $round ($name): $model is resumed to the same result");
		$resumed++;
	}
	for my $model (split /\n/, sql(q{SELECT name FROM siamese.model WHERE name LIKE 't%' AND finished_at IS NOT NULL}))
	{
		is(result($model), $whole, "$model is the same") if $model !~ /^\Q$pending\E$/;
		sql("SELECT siamese.drop_model('$model\@1')");
		$trained++;
	}
	if (sql(q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'print'::regclass AND attname = 'e_migration' AND NOT attisdropped}) == 1)
	{
		sql($_) for $round % 2 ? (q{SELECT siamese.abandon_migration('print', 'e')}) : (sprintf q{CALL siamese.migrate_column('print', 'pen', 'e', 'm@%s')},
			sql(q{SELECT 3 - version FROM siamese.model WHERE name = 'm' AND promoted_at IS NOT NULL ORDER BY promoted_at DESC LIMIT 1}));
		$moved++;
	}
	sql(q{CALL siamese.embed_table('print', 'pen', 'e', 'm', 16)});
	is(sql(q{SELECT count(*), count(DISTINCT model(e)), bool_and(e = embed(pen, 'm')) FROM print}), "$prints|1|t", "round $round ($name): every print has its embedding");
	# what a build left behind
	sql("DROP INDEX IF EXISTS $_") for 'other_e', 'again_e', split /\n/, sql(q{SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid});
}
note(sprintf '%d kills in %.0f s: %s; %d trainings resumed, %d in all, %d moves interrupted', $kills, time - $began,
	join(', ', map { "$_ $victims{$_}" } sort keys %victims), $resumed, $trained, $moved);
diag(sprintf '%d kills in %.0f s: %s; %d trainings resumed, %d in all, %d moves interrupted', $kills, time - $began,
	join(', ', map { "$_ $victims{$_}" } sort keys %victims), $resumed, $trained, $moved) if $kills > 4;

# a training does not outlive its server, which could not be started again
my $trainer = session('long', sprintf $train, 'long', 100000, 5);
$node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM siamese.training WHERE model = 'long')}) or die 'no training';
$node->kill9;
ok(start_again(), 'the server can be started again after its death during a training');
$trainer->kill_kill;
$node->stop;
done_testing();
