# The SQL of README.md, run as a reader would: every block in order, in one database.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->start;

open(my $file, '<', $ENV{README} // '../README.md') or die "README.md: $!";
my @blocks = do { local $/; <$file> } =~ /^```sql\n(.*?)^```/msg;
close $file;
cmp_ok(scalar @blocks, '>=', 10, 'README has SQL');

for my $block (@blocks)
{
	my ($status, $out, $err) = $node->psql('postgres', $block, on_error_stop => 1, extra_params => ['-a']);
	is($status, 0, (split /\n/, $block)[0]) or diag $err;
}

# What the text says of it
is($node->safe_psql('postgres', 'SELECT pg_column_size(fingerprint::text::embedding) FROM specimen LIMIT 1'),
	'528', 'bytes a row');
is($node->safe_psql('postgres', 'SELECT string_agg(name, \' \' ORDER BY name) FROM siamese.network WHERE built_in'),
	'bromley bromley_b compact hollaender koch patch pen photo signature signet tracking_cost tracking_in_network tracking_in_network_plain tracking_joint tracking_joint_plain', 'networks');
$node->stop;
done_testing();
