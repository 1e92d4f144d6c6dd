# An index that grew by inserts takes about as much room as a new one of the same rows, and rows that come again take the room
# of those that went.  Sizes are compared, not times.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $most = 1.5;					# times the size of a new index
my $rows = 5000;
my $node = PostgreSQL::Test::Cluster->new('growth');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\njit = off\nmax_parallel_maintenance_workers = 0");
$node->start;

# The rows in no order, so that those of an identity come now and then.
my %vector = (
	uniform => 'SELECT random() FROM generate_series(1, 64) WHERE i > 0',
	three => 'SELECT random() FROM generate_series(1, 3) WHERE i > 0',
	identities => 'SELECT hashint4((i * 7919 % (' . $rows . ' / 10)) * 64 + j) / 2147483648.0 + 0.05 * random() FROM generate_series(1, 64) j',
	wide => 'SELECT random() FROM generate_series(1, 1500) WHERE i > 0',
);
$node->safe_psql('postgres', 'CREATE EXTENSION siamese; SELECT setseed(0.5);' . join('', map {
	my $count = $_ eq 'wide' ? 400 : $rows;
	"CREATE TABLE source_$_ AS SELECT i AS id, to_embedding(ARRAY($vector{$_})::real[], 'l2') AS e FROM generate_series(1, $count) i;"
} sort keys %vector));

sub size { return $node->safe_psql('postgres', "SELECT pg_relation_size('$_[0]_e')"); }
sub check { return $node->safe_psql('postgres', "SELECT count(*) FROM siamese.index_check('$_[0]_e', true)"); }

for my $kind (sort keys %vector)
{
	for my $built (4, 0)
	{
		my $name = "${kind}_$built";
		$node->safe_psql('postgres', "CREATE TABLE $name AS SELECT * FROM source_$kind WHERE id % 16 < $built; CREATE INDEX ${name}_e ON $name USING siamese (e);
			INSERT INTO $name SELECT * FROM source_$kind WHERE id % 16 >= $built");
		my $grown = size($name);
		is(check($name), '0', "$name: sound");
		$node->safe_psql('postgres', "REINDEX INDEX ${name}_e");
		my $new = size($name);
		cmp_ok($grown, '<=', $most * $new, sprintf '%s: %.2f times a new index', $name, $grown / $new);
		next if $built == 0;

		# the same rows again and again
		$node->safe_psql('postgres', "DELETE FROM $name; VACUUM $name; INSERT INTO $name SELECT * FROM source_$kind;\n" x 2 .
			"DELETE FROM $name WHERE id % 500 > 0; VACUUM $name; INSERT INTO $name SELECT * FROM source_$kind WHERE id % 500 > 0;\n" x 4);
		cmp_ok(size($name), '<=', $new, sprintf '%s: %.2f times the size after six rounds', $name, size($name) / $new);
		is(check($name), '0', "$name: sound after six rounds");

		# a part of them, over and over
		$node->safe_psql('postgres', join('', map {
			"DELETE FROM $name WHERE id % 6 = $_; VACUUM $name; INSERT INTO $name SELECT * FROM source_$kind WHERE id % 6 = $_;\n" } 0 .. 5));
		cmp_ok(size($name), '<=', $new, sprintf '%s: %.2f times the size after six parts', $name, size($name) / $new);
		is(check($name), '0', "$name: sound after six parts");
	}
}

# Other rows, elsewhere: they take the pages that the first ones have left.
$node->safe_psql('postgres', "CREATE TABLE other AS SELECT id, e FROM source_uniform; CREATE INDEX other_e ON other USING siamese (e)");
my $before = size('other');
$node->safe_psql('postgres', "DELETE FROM other; VACUUM other; INSERT INTO other SELECT id, to_embedding(ARRAY(SELECT 1000 + x FROM unnest(e::real[]) x)::real[], 'l2') FROM source_uniform");
cmp_ok(size('other'), '<=', $most * $before, sprintf 'other rows: %.2f times the size', size('other') / $before);
is(check('other'), '0', 'other rows: sound');
$node->stop;
done_testing();
