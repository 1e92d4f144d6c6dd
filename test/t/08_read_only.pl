# Where nothing can be written, each function that would says so before it does any work, with what to do; the others work: on a
# standby, in a read-only session; and in a database that does not know what its bytes mean.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 1);
$node->start;
my $setup = q{
	CREATE EXTENSION siamese;
	CREATE TABLE specimen AS SELECT signer, sample, genuine, image, NULL::embedding AS e FROM siamese.sample_signatures(12, 3, 3);
	INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{"input": {"width": 24, "height": 16, "polarity": "auto", "crop": "ink"},
		"layers": [{"type": "conv", "maps": 4, "kernel": 5, "stride": 2}, {"type": "relu"}, {"type": "dense", "units": 16}], "join": "l2",
		"training": {"classes": 4, "samples": 2}}')};
my $train = q{CALL siamese.train('m', 'SELECT image, signer, genuine FROM specimen', 'tiny', 1)};
$node->safe_psql('postgres', $setup);
$node->safe_psql('postgres', $train);
my $exported = $node->safe_psql('postgres', q{SELECT siamese.export_model('m')});
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

my %writers = (
	train => $train,
	resume => q{CALL siamese.resume('m')},
	embed_table => q{CALL siamese.embed_table('specimen', 'image', 'e', 'm')},
	calibrate => q{SELECT siamese.calibrate('m', 'SELECT image, signer FROM specimen')},
	rename_model => q{SELECT siamese.rename_model('m', 'n')},
	drop_model => q{SELECT siamese.drop_model('m')},
	import_model => "SELECT siamese.import_model('n', '$exported')",
);
my @readers = (
	q{SELECT count(embed(image, 'm')) FROM specimen},
	q{SELECT count(*) FROM siamese.evaluate('m', 'SELECT image, signer, genuine FROM specimen')},
	q{SELECT count(*) FROM siamese.roc('m', 'SELECT image, signer, genuine FROM specimen')},
	q{SELECT count(*) FROM siamese.thresholds('m', 'SELECT image, signer, genuine FROM specimen')},
	q{SELECT count(*) FROM siamese.reliability('m', 'SELECT image, signer, genuine FROM specimen')},
	q{SELECT length(siamese.report('m', 'SELECT image, signer, genuine FROM specimen'))},
	q{SELECT length(siamese.export_model('m'))},
);

# What is printed, SQLSTATE included.
sub errors
{
	my ($where, $sql) = @_;
	my ($status, $out, $err) = $where->psql('postgres', "\\set VERBOSITY verbose\n$sql;");
	return $err;
}

for my $name (sort keys %writers)
{
	like(errors($standby, $writers{$name}),
		qr/^psql:<stdin>:2: ERROR:  25006: cannot execute siamese\.$name\(\) during recovery\nHINT:  Call it on the primary server/, "$name on a standby");
	like(errors($node, "SET default_transaction_read_only = on; $writers{$name}"),
		qr/^psql:<stdin>:2: ERROR:  25006: cannot execute siamese\.$name\(\) in a read-only transaction\nHINT:  SET default_transaction_read_only/,
		"$name in a read-only session");
}
for my $sql (@readers)
{
	my $expected = $node->safe_psql('postgres', $sql);
	ok($expected > 0, $sql);
	is($standby->safe_psql('postgres', $sql), $expected, 'the same on a standby');
	is($node->safe_psql('postgres', "SET default_transaction_read_only = on; $sql"), $expected, 'the same in a read-only session');
}
$standby->stop;

# Bytes of no known meaning: UTF-8 where they are, else a sign that stands for them.
$node->safe_psql('postgres', q{CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
$node->safe_psql('bytes', $setup);
$node->safe_psql('bytes', q{
	CREATE FUNCTION label(signer int) RETURNS text LANGUAGE sql AS
		$$ SELECT signer || CASE WHEN signer % 2 = 0 THEN E' Andr\\xE9' ELSE E' Andr\\xC3\\xA9' END || E' \\xC3' $$});
$node->safe_psql('bytes', q{CALL siamese.train('m', 'SELECT image, label(signer), genuine FROM specimen', 'tiny', 1)});
my $report = $node->safe_psql('bytes', q{SELECT siamese.report('m', 'SELECT image, label(signer), genuine FROM specimen')});
like($report, qr/\d Andr&#xfffd; &#xfffd;</, 'bytes that are no text are shown as such in a report');
like($report, qr/\d Andr&#xe9; &#xfffd;</, 'text is shown as text');
unlike($report, qr/[^\x01-\x7f]/, 'the report is plain ASCII');
$node->stop;
done_testing();
