# Many servers, by postgres_fdw: three clusters, a table in two shards.  Conditions and orders on foreign columns are sent to the servers that
# have them, and the answers are those of one table.  A shard that is down or dies in the middle, and one with another version of the model,
# are errors.  Models go to other servers as one value, and by logical replication.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %node;
for my $name ('main', 'east', 'west', 'reader')
{
	$node{$name} = PostgreSQL::Test::Cluster->new($name);
	$node{$name}->init(allows_streaming => 'logical');
	$node{$name}->append_conf('postgresql.conf', "fsync = off\nclient_min_messages = warning\njit = off\nmax_parallel_workers_per_gather = 0\n");
	$node{$name}->start;
	$node{$name}->safe_psql('postgres', 'CREATE EXTENSION siamese');
}
my $main = $node{main};
sub sql { my ($query) = @_; return $main->safe_psql('postgres', $query); }

sql(q{INSERT INTO siamese.network (name, definition) VALUES ('small', '{
		"layers": [{"type": "conv", "maps": 2, "kernel": [1, 7], "stride": [1, 3]}, {"type": "tanh"}, {"type": "dense", "units": 6}],
		"input": {"features": ["x", "y", "pressure"], "length": 24, "kind": "pen"}, "join": "cosine", "loss": {"type": "supervised_contrastive"},
		"training": {"classes": 4, "samples": 4, "epoch_samples": 64, "held_out": 0.5}}');
	CREATE TABLE specimen AS SELECT row_number() OVER () AS id, signer, pen FROM siamese.sample_signatures(12, 30, 1) WHERE genuine});
sql(q{CALL siamese.train('m', 'SELECT pen, signer FROM specimen', 'small', 2, 1)});
sql(q{CREATE TABLE whole AS SELECT id, signer, embed(pen, 'm') AS e FROM specimen;
	CREATE EXTENSION postgres_fdw;
	CREATE TABLE print (id bigint, signer int, e embedding) PARTITION BY HASH (id)});

# The model itself goes to the shards as one value, with the same fingerprint.
my $exported = sql(q{SELECT siamese.export_model('m')});
for my $shard (0, 1)
{
	my $name = ('east', 'west')[$shard];
	append_to_file("$PostgreSQL::Test::Utils::tmp_check/$name.sql", "SELECT siamese.import_model('m', '$exported');\n");
	$node{$name}->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node{$name}->connstr('postgres'), '-f', "$PostgreSQL::Test::Utils::tmp_check/$name.sql" ],
		"$name: the model is imported");
	is($node{$name}->safe_psql('postgres', 'SELECT fingerprint FROM siamese.model'), sql('SELECT fingerprint FROM siamese.model'), "$name: with the same fingerprint");
	$node{$name}->safe_psql('postgres', 'CREATE TABLE print (id bigint, signer int, e embedding)');
	my ($host, $port) = ($node{$name}->host, $node{$name}->port);
	sql(qq{CREATE SERVER $name FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres', extensions 'siamese', async_capable 'true');
		CREATE USER MAPPING FOR PUBLIC SERVER $name OPTIONS (password_required 'false');
		CREATE FOREIGN TABLE print_$name PARTITION OF print FOR VALUES WITH (MODULUS 2, REMAINDER $shard) SERVER $name OPTIONS (table_name 'print')});
}
sql('INSERT INTO print SELECT * FROM whole');
for my $name ('east', 'west')
{
	$node{$name}->safe_psql('postgres', 'CREATE INDEX print_e ON print USING siamese (e); ANALYZE print');
	sql("ANALYZE print_$name");
}

# ---- what is sent

my $constant = q{'} . sql(q{SELECT e FROM whole WHERE id = 7}) . q{'::embedding};
my $pen = q{'} . sql(q{SELECT pen FROM specimen WHERE id = 7}) . q{'::real[]};
my %sent = (
	"SELECT id FROM TABLE WHERE e ~= $constant" => qr/Remote SQL: .* WHERE .*<@/,
	"SELECT id FROM TABLE WHERE $constant ~= e AND signer > 2" => qr/Remote SQL: .* WHERE .*(<@|signer).*(<@|signer)/,
	"SELECT id FROM TABLE WHERE e ~= embed($pen, 'm')" => qr/Remote SQL: .* WHERE .*<@/,
	"SELECT id FROM TABLE WHERE e ~= embed($pen, 'm\@1')" => qr/Remote SQL: .* WHERE .*<@/,
	"SELECT id FROM TABLE WHERE e <@ ball(embed($pen, 'm'), 0.4)" => qr/Remote SQL: .* WHERE .*<@/,
	"SELECT id FROM TABLE WHERE ball(embed($pen, 'm'), 0.4) @> e" => qr/Remote SQL: .* WHERE .*@>/,
	"SELECT id FROM TABLE ORDER BY e <-> embed($pen, 'm'), id LIMIT 10" => qr/Remote SQL: .* ORDER BY .*<->/,
	"SELECT id FROM TABLE ORDER BY embed($pen, 'm\@1') <-> e, id LIMIT 10" => qr/Remote SQL: .* ORDER BY .*<->/,
	"SELECT count(*) FROM TABLE WHERE e ~= $constant AND NOT e <@ ball(embed($pen, 'm'), 0.01)" => qr/Remote SQL: .* WHERE .*<@/,
	"SELECT id FROM TABLE p WHERE EXISTS (SELECT FROM specimen s WHERE s.id = p.id AND p.e ~= embed($pen, 'm'))" => qr/Remote SQL: .*/,
	"SELECT s.id, p.id FROM specimen s JOIN TABLE p ON p.e ~= embed(s.pen, 'm') WHERE s.id < 4" => qr/Remote SQL: .*/,
	"SELECT id, e ~= $constant, (e <-> embed($pen, 'm')) < 1 FROM TABLE WHERE signer = 3" => qr/Remote SQL: .*/,
);
for my $query (sort keys %sent)
{
	(my $one = $query) =~ s/\bTABLE\b/whole/;
	(my $many = $query) =~ s/\bTABLE\b/print/;
	my $plan = sql("EXPLAIN (VERBOSE, COSTS off) $many");
	my @remote = $plan =~ /(Remote SQL: .*)/g;
	ok(@remote >= 2 && !(grep { $_ !~ $sent{$query} } @remote), 'sent: ' . substr($query, 0, 60)) or diag($plan);
	my $wrapped = sub { "SELECT md5(string_agg(r::text, ' ' ORDER BY r::text)) || count(*) FROM ($_[0]) r" };
	is(sql($wrapped->($many)), sql($wrapped->($one)), 'and the answer is that of one table');
}
# the nearest over all partitions, which are asked at once
for my $k (1, 10, 1000)
{
	is(sql(qq{SELECT id, distance FROM siamese.nearest('print', 'e', $constant, $k, 'id')}),
		sql(qq{SELECT id, e <-> $constant FROM whole ORDER BY 2, id::text LIMIT $k}), "the $k nearest");
}
is(sql(qq{SELECT string_agg(DISTINCT part::text, ' ' ORDER BY part::text) FROM siamese.nearest('print', 'e', $constant, 100, 'id')}), 'print_east print_west', 'of both partitions');
my $parts = join ' UNION ALL ', map { "(SELECT id, e <-> $constant AS d FROM ONLY print_$_ WHERE e IS NOT NULL ORDER BY e <-> $constant LIMIT 5)" } 'east', 'west';
my $asked = sql("EXPLAIN (VERBOSE, COSTS off) WITH p AS MATERIALIZED ($parts) SELECT * FROM p ORDER BY d LIMIT 5");
is(scalar(() = $asked =~ /Async Foreign Scan/g), 2, 'asynchronously') or diag($asked);
is(scalar(() = $asked =~ /Remote SQL: .* ORDER BY .*LIMIT/g), 2, 'each for its own') or diag($asked);
my ($failed, undef, $why) = $main->psql('postgres', qq{SELECT * FROM siamese.nearest('print', 'e', $constant, 3)});
like($why, qr/no primary key of one column.*HINT/s, 'without a primary key the column is named');
# what a role may see does not depend on how the partitions are asked
sql(q{CREATE ROLE reader; GRANT SELECT ON print TO reader; GRANT SELECT ON specimen, whole TO reader});
is(sql(qq{SET ROLE reader; SELECT count(*) FROM siamese.nearest('print', 'e', $constant, 7, 'id')}), '7', 'who may read the table alone');
sql(q{GRANT SELECT ON print_east, print_west TO reader; ALTER TABLE print ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON print USING (signer = 3)});
is(sql(qq{SET ROLE reader; SELECT count(*) = (SELECT count(*) FROM whole WHERE signer = 3) FROM siamese.nearest('print', 'e', $constant, 1000, 'id')}), 't', 'and row security holds');
sql(q{ALTER TABLE print DISABLE ROW LEVEL SECURITY});
# prepared, by a generic plan, too
is(sql(qq{SET plan_cache_mode = force_generic_plan; PREPARE near(real[]) AS SELECT id FROM print ORDER BY e <-> embed(\$1, 'm'), id LIMIT 5; EXECUTE near($pen)}),
	sql(qq{SELECT id FROM whole ORDER BY e <-> embed($pen, 'm'), id LIMIT 5}), 'a prepared statement');
is(sql(qq{SET plan_cache_mode = force_generic_plan; PREPARE same(embedding) AS SELECT count(*) FROM print WHERE e ~= \$1; EXECUTE same($constant)}),
	sql(qq{SELECT count(*) FROM whole WHERE e ~= $constant}), 'and one of ~=');
# the threshold is that of the moment, also for a plan that is kept
is(sql(qq{SET plan_cache_mode = force_generic_plan; PREPARE same(embedding) AS SELECT count(*) FROM print WHERE e ~= \$1; EXECUTE same($constant);
	UPDATE siamese.model SET calibration = jsonb_set(calibration, '{threshold}', '0'); EXECUTE same($constant)}) =~ /\n1$/, 1, 'a new threshold with an old plan');
is(sql(qq{DELETE FROM print WHERE e ~= $constant; SELECT count(*) FROM print WHERE e ~= $constant}), '0', 'deleted where they are the same');

# ---- what goes wrong is an error

$node{west}->stop;
my ($code, $out, $err) = $main->psql('postgres', "SELECT id FROM print WHERE e ~= $constant");
isnt($code, 0, 'a shard that is down');
like($err, qr/could not connect to server/, 'is an error');
$node{west}->start;

# A shard that dies in the middle of a query: the other server sends its rows slowly meanwhile.  One session asks, is told, and asks again.
$node{west}->safe_psql('postgres', q{CREATE VIEW slow AS SELECT * FROM print WHERE pg_sleep(0.1) IS NOT NULL});
my %dying = (
	order => "SELECT id FROM print ORDER BY e <-> $constant, id LIMIT 5",
	nearest => "SELECT id FROM siamese.nearest('print', 'e', $constant, 5, 'id')",
	ball => "SELECT count(*) FROM print WHERE e <@ ball($constant, 0.4)");
my $again = 'SELECT md5(string_agg(r::text, \' \' ORDER BY r::text)) FROM (%s) r';
for my $name (sort keys %dying)
{
	my $expected = sql(sprintf $again, $dying{$name});
	my $flag = "$PostgreSQL::Test::Utils::tmp_check/restarted_$name";
	sql(q{ALTER FOREIGN TABLE print_west OPTIONS (SET table_name 'slow')});
	my ($told, $log) = ('', '');
	my $script = "$PostgreSQL::Test::Utils::tmp_check/dying_$name.sql";
	append_to_file($script, "$dying{$name};\n\\! while [ ! -e $flag ]; do sleep 0.1; done\n" . sprintf($again, $dying{$name}) . ";\nSELECT count(*) FROM whole;\n");
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $main->connstr('postgres'), '-f', $script ], '<', \undef, '>', \$told, '2>', \$log);
	ok($node{west}->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'}), "$name: the shard is at work");
	$node{west}->stop('immediate');
	ok($main->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()}),
		"$name: the query ends");
	is(sql('SELECT count(*) FROM whole'), '360', "$name: the other server goes on");
	$node{west}->start;
	sql(q{ALTER FOREIGN TABLE print_west OPTIONS (SET table_name 'print')});
	append_to_file($flag, '');
	$session->finish;
	like($log, qr/ERROR:  (server closed the connection|terminating connection|could not receive)/, "$name: an error") or diag($log);
	is(scalar(() = $log =~ /ERROR/g), 1, "$name: and no other one") or diag($log);
	is($told, "$expected\n360\n", "$name: after the restart the next query of the same session is right") or diag($told);
}

# ---- two shards with different versions of the model

sql(q{CALL siamese.train('m', 'SELECT pen, signer FROM specimen', 'small', 1, 2, '{"promote": true}')});
($code, $out, $err) = $main->psql('postgres', "SELECT id FROM print ORDER BY e <-> embed($pen, 'm') LIMIT 3");
like($err, qr/ERROR: .*model/, 'rows of another version are an error, never a mix');
$node{west}->safe_psql('postgres', 'DROP INDEX print_e');
sql(q{UPDATE print_west p SET e = embed(s.pen, 'm@2') FROM specimen s WHERE s.id = p.id});
my $second = q{'} . sql(q{SELECT embed(pen, 'm@2') FROM specimen WHERE id = 8}) . q{'::embedding};
for my $indexed (0, 1)
{
	$node{west}->safe_psql('postgres', 'CREATE INDEX print_e ON print USING siamese (e)') if $indexed;
	for my $probe ($constant, $second)
	{
		for my $query ("SELECT id FROM print ORDER BY e <-> $probe LIMIT 400", "SELECT id FROM siamese.nearest('print', 'e', $probe, 400, 'id')",
			"SELECT id FROM print WHERE e <@ ball($probe, 0.4)", "SELECT id FROM print WHERE e ~= $probe",
			"SELECT id FROM print ORDER BY e <-> $probe LIMIT 1", "SELECT id FROM siamese.nearest('print', 'e', $probe, 1, 'id')", 'SELECT avg(e) FROM print')
		{
			($code, $out, $err) = $main->psql('postgres', $query);
			ok($code != 0 && $out eq '' && $err =~ /ERROR: .*(different models|another model)/, 'two versions: ' . substr($query, 0, 50) . ($indexed ? ', indexed' : '')) or diag("$code $out $err");
		}
	}
}
is(sql('SELECT count(DISTINCT model(e)) FROM print'), '2', 'which model a row has can be asked');

# ---- models by logical replication

my $reader = $node{reader};
sql('CREATE PUBLICATION models FOR TABLE siamese.model, siamese.model_weights');
my $models = q{SELECT string_agg(format('%s@%s %s %s', name, version, fingerprint, promoted_at), ' ' ORDER BY name, version) FROM siamese.model};
$reader->safe_psql('postgres', sprintf q{CREATE SUBSCRIPTION models CONNECTION '%s' PUBLICATION models}, $main->connstr('postgres') =~ s/'/''/gr);
ok($reader->poll_query_until('postgres', q{SELECT count(*) = 2 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel}), 'a subscriber has the models');
is($reader->safe_psql('postgres', $models), sql($models), 'with equal fingerprints');
for my $model ('m', 'm@1', 'm@2')
{
	is($reader->safe_psql('postgres', "SELECT embed($pen, '$model')"), sql("SELECT embed($pen, '$model')"), "$model embeds as on the publisher");
}
sql(q{CALL siamese.train('m', 'SELECT pen, signer FROM specimen', 'small', 1, 3, '{"promote": true}'); SELECT siamese.promote('m@1')});
$main->wait_for_catchup('models');
is($reader->safe_psql('postgres', "$models; SELECT embed($pen, 'm') = embed($pen, 'm\@1'), (verify(embed($pen, 'm\@3'), embed($pen, 'm\@3'))).same"),
	sql("$models; SELECT embed($pen, 'm') = embed($pen, 'm\@1'), (verify(embed($pen, 'm\@3'), embed($pen, 'm\@3'))).same"), 'a new version and a promotion follow');
sql(q{SELECT siamese.drop_model('m@2')});
$main->wait_for_catchup('models');
is($reader->safe_psql('postgres', "SELECT count(*) FROM siamese.model_weights w WHERE NOT EXISTS (SELECT FROM siamese.model m WHERE m.fingerprint = w.fingerprint); $models"), "0\n" . sql($models),
	'and a version that is dropped goes with its weights');

$_->stop for values %node;
done_testing();
