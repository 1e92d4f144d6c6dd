# A column moves to another version of its model while ten sessions write and read: none has an error, none waits long but in the swap,
# no row is lost, no answer mixes models.  A call that is cancelled goes on, and one that is given up leaves nothing.
#
# References of persons move with it, while they are read, made anew and locked in either order with the table.
#
# MIGRATE_SECONDS (default 20) is how long the sessions work, MIGRATE_WAIT (10) for how many seconds none of them
# may wait for a lock on the table.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{MIGRATE_SECONDS} // 20;
my $wait = $ENV{MIGRATE_WAIT} // 10;
my $node = PostgreSQL::Test::Cluster->new('migrate');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nmax_connections = 40\nclient_min_messages = warning\njit = off\nlog_lock_waits = on\n");
$node->start;
$node->safe_psql('postgres', q{CREATE EXTENSION siamese;
	INSERT INTO siamese.network (name, definition) VALUES ('small', '{
		"layers": [{"type": "conv", "maps": 2, "kernel": [1, 7], "stride": [1, 3]}, {"type": "tanh"}, {"type": "dense", "units": 6}],
		"input": {"features": ["x", "y", "pressure"], "length": 24, "kind": "pen"}, "join": "cosine", "loss": {"type": "supervised_contrastive"},
		"training": {"classes": 4, "samples": 4, "epoch_samples": 64, "held_out": 0.5}}');
	CREATE TABLE specimen AS SELECT row_number() OVER () AS id, signer, pen FROM siamese.sample_signatures(10, 30, 1) WHERE genuine;
	CREATE UNIQUE INDEX ON specimen (id)});
$node->safe_psql('postgres', q{CALL siamese.train('m', 'SELECT pen, signer FROM specimen', 'small', 1, 1)});
$node->safe_psql('postgres', q{CREATE TABLE print (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, pen real[] NOT NULL, e embedding, note int NOT NULL DEFAULT 0);
	CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON print FOR EACH ROW EXECUTE FUNCTION siamese.embed_on_write('pen', 'e', 'm');
	INSERT INTO print (pen) SELECT pen FROM specimen, generate_series(1, 10);
	CREATE INDEX print_e ON print USING siamese (e);
	CREATE INDEX print_model ON print (model(e));
	CREATE TABLE ledger (rows bigint NOT NULL);
	CREATE TABLE person (signer int PRIMARY KEY, signature reference NOT NULL, seen int NOT NULL DEFAULT 0);
	INSERT INTO person SELECT signer, reference(pen, 'm' ORDER BY id) FROM specimen GROUP BY signer});
$node->safe_psql('postgres', q{CALL siamese.train('m', 'SELECT pen, signer FROM specimen', 'small', 1, 2)});
is($node->safe_psql('postgres', q{SELECT version FROM siamese.model WHERE promoted_at IS NOT NULL}), '1', 'the new version is not promoted silently');

# Writers note how many rows they added or removed; a reader fails if an answer has two models, not as many rows as asked for, or a
# row whose embedding is not its sample's by the model.  A clerk enrols a person anew and writes into the table in one transaction, in either
# order; a teller compares a person and a sample, with whatever model the name means.
my %script = (
	clerk => q{
\set who random(1, 10)
\set n random(1, 300)
BEGIN;
UPDATE person SET signature = (SELECT reference(pen, 'm' ORDER BY id) FROM specimen WHERE signer = :who), seen = seen + 1 WHERE signer = :who;
\sleep 1 ms
UPDATE print SET note = note + 1 WHERE id = :n;
COMMIT;
UPDATE person SET seen = seen + 1 WHERE signer = :who;
BEGIN;
UPDATE print SET note = note + 1 WHERE id = :n + 300;
\sleep 1 ms
UPDATE person SET seen = seen + 1 WHERE signer = :who;
COMMIT;
\sleep 5 ms
},
	teller => q{
\set who random(1, 10)
\set n random(1, 300)
SELECT 1 / (v.distance >= 0)::int FROM person p, specimen s, verify(p.signature, s.pen) v WHERE p.signer = :who AND s.id = :n;
SELECT 1 / (distance(p.signature, embed(s.pen, 'm')) >= 0)::int FROM person p, specimen s WHERE p.signer = :who AND s.id = :n;
\sleep 2 ms
},
	writer => q{
\set n random(1, 300)
\set old random(1, 3000)
BEGIN;
INSERT INTO print (pen) SELECT pen FROM specimen WHERE id = :n;
UPDATE print SET note = note + 1 WHERE id = :old;
\sleep 3 ms
UPDATE print SET pen = (SELECT pen FROM specimen WHERE id = :n) WHERE id = :old + 1;
INSERT INTO ledger VALUES (1);
COMMIT;
\set doomed random(3001, 3400)
WITH gone AS (DELETE FROM print WHERE id = :doomed RETURNING 1) INSERT INTO ledger SELECT -count(*) FROM gone;
\sleep 2 ms
},
	reader => q{
\set n random(1, 300)
WITH near AS MATERIALIZED (SELECT e, pen FROM print ORDER BY e <-> (SELECT embed(pen, 'm') FROM specimen WHERE id = :n) LIMIT 5)
SELECT 1 / (count(DISTINCT model(e)) = 1 AND count(*) = 5 AND bool_and(e = embed(pen, 'm')))::int FROM near;
\sleep 2 ms
});
for my $name (keys %script)
{
	append_to_file($node->basedir . "/$name.sql", $script{$name});
}
sub load
{
	my ($protocol) = @_;
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '10', '-j', '10', '-T', $seconds, '-M', $protocol, '--failures-detailed',
			(map { ('-f', $node->basedir . "/$_.sql") } sort keys %script), '-h', $node->host, '-p', $node->port, 'postgres' ],
		'>', \$out, '2>', \$err);
	return { run => $run, out => \$out, err => \$err };
}
sub finish
{
	my ($load, $what) = @_;
	ok(IPC::Run::finish($load->{run}), "$what: no session had an error") or diag(${ $load->{out} } . ${ $load->{err} });
	unlike(${ $load->{err} }, qr/ERROR|aborted/, "$what: no message of one");
	return;
}
sub check
{
	my ($version, $what) = @_;
	is($node->safe_psql('postgres', q{SELECT count(*) = 3000 + (SELECT sum(rows) FROM ledger) FROM print}), 't', "$what: no row is lost");
	is($node->safe_psql('postgres', qq{SELECT bool_and(e = embed(pen, 'm\@$version')) AND bool_and(e = embed(pen, 'm')) FROM print}), 't',
		"$what: each embedding is its sample's by version $version, which the name means");
	is($node->safe_psql('postgres', qq{SELECT count(*), bool_and(p.signature::text = (SELECT reference(pen, 'm\@$version' ORDER BY id) FROM specimen s WHERE s.signer = p.signer)::text) FROM person p}),
		'10|t', "$what: each person's reference is that of the samples by version $version");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM siamese.index_check('print_e', true)}), '0', "$what: the index is sound");
	is($node->safe_psql('postgres', q{SELECT string_agg(attname, ' ' ORDER BY attname) FROM pg_attribute WHERE attrelid = 'print'::regclass AND attnum > 0 AND NOT attisdropped}),
		'e id note pen', "$what: no column is left");
	is($node->safe_psql('postgres', q{SELECT string_agg(tgname, ' ') FROM pg_trigger WHERE tgrelid = 'print'::regclass}), 'keep', "$what: no trigger");
	is($node->safe_psql('postgres', q{SELECT string_agg(indexrelid::regclass::text, ' ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 'print'::regclass AND indisvalid}),
		'print_e print_model print_pkey', "$what: no index");
	return;
}

# cancelled at several places while others work, and at last left alone; a quick machine may be through before
my $samples = q{samples => '{"person.signature": "SELECT signer, pen FROM specimen ORDER BY id"}'};
my $load = load('simple');
for my $timeout (100, 400, 1000, 2000, 3000)
{
	$node->psql('postgres', qq{SET statement_timeout = $timeout; CALL siamese.migrate_column('print', 'pen', 'e', 'm\@2', $samples)}, on_error_stop => 0);
}
my ($code, $out, $err) = $node->psql('postgres', qq{CALL siamese.migrate_column('print', 'pen', 'e', 'm\@2', $samples)});
is($code, 0, 'migrated under load') or diag($err);
finish($load, 'simple protocol');
check(2, 'migrated');

# back, with prepared statements, whose plans are older than the swap; given up in between
$load = load('prepared');
$node->psql('postgres', qq{SET statement_timeout = 400; CALL siamese.migrate_column('print', 'pen', 'e', 'm\@1', $samples)}, on_error_stop => 0);
$node->safe_psql('postgres', q{SELECT siamese.abandon_migration('print', 'e')});
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'print'::regclass AND attname = 'e_migration'}), '0', 'given up: nothing is left')
	if $node->safe_psql('postgres', q{SELECT promoted_at < (SELECT promoted_at FROM siamese.model WHERE version = 2) FROM siamese.model WHERE version = 1}) eq 't';
($code, $out, $err) = $node->psql('postgres', qq{CALL siamese.migrate_column('print', 'pen', 'e', 'm\@1', $samples)});
is($code, 0, 'migrated back under load') or diag($err);
finish($load, 'prepared statements');
check(1, 'migrated back');

my @long = grep { $_ > 1000 * $wait } slurp_file($node->logfile) =~ /acquired (?:AccessShare|RowExclusive)Lock on relation \d+ of database \d+ after ([\d.]+) ms/g;
is("@long", '', "nobody who used the table waited $wait s");
$node->stop;
done_testing();
