# Mutated values of what the server parses (fuzz/formats.sql): each is refused with an error of the user's, or means something.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('formats');
$node->init;
$node->start;
my ($out, $err);
ok(IPC::Run::run([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-v', 'count=1000', '-v', 'seed=1', '-d', $node->connstr('postgres'), '-f', 'fuzz/formats.sql' ],
	'>', \$out, '2>', \$err), 'each mutation ends in an answer or in an error') or diag(substr $err, 0, 4000);
note($out);
is($node->safe_psql('postgres', 'SELECT count(DISTINCT format), sum(number) FROM fuzz.outcome'), '8|8000', 'all formats were tried');
done_testing();
