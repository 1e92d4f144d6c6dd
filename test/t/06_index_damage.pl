# siamese.index_check() finds each of a set of planted damages, and a scan that reads a damaged page raises index_corrupted.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $page_size = 8192;
my $header = 24;
# The end of a page: kind, magic, next block, its own block, region, generation.
my ($at_kind, $at_magic, $at_next, $at_region) = map { $page_size - $_ } 24, 22, 20, 12;
my %kind = (meta => 1, regions => 2, centres => 3, directory => 4, leaf => 5, more => 6, nulls => 7, axes => 8);

# Of a node of 8 dimensions, one page: header (12 bytes and 7 blocks, aligned), then 8 bytes an item, 4 a slack.
my $items = $header + 16;
my $capacity;

my $node = PostgreSQL::Test::Cluster->new('damage');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\njit = off\nignore_checksum_failure = on");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION siamese;
	SELECT setseed(0.5);
	CREATE TABLE original AS SELECT i AS id, CASE WHEN i % 50 > 0 THEN (SELECT array_agg(random()) FROM generate_series(1, 8) WHERE i > 0)::embedding END AS e
		FROM generate_series(1, 3000) i;
	CREATE TABLE subspace AS SELECT i AS id, (SELECT array_agg(sin(i) * sin(j) + cos(i * 3) * cos(j)) FROM generate_series(1, 32) j)::embedding AS e
		FROM generate_series(1, 3000) i;});

sub put { my ($page, $offset, $bytes) = @_; substr($$page, $offset, length $bytes) = $bytes; }
sub slack_offset { my ($number) = @_; return $items + $capacity * 8 + 4 * $number; }

# name => [kind of the page, what is done to the first one, what the check says, the table that is indexed (original)]
my %damage = (
	sound => [ 'leaf', sub { }, qr/^$/ ],
	empty => [ 'leaf', sub { ${ $_[0] } = "\0" x $page_size }, qr/it is not a page of a siamese index/ ],
	kind => [ 'leaf', sub { put($_[0], $at_kind, pack('S', 4)) }, qr/its kind is 4, not 5/ ],
	magic => [ 'directory', sub { put($_[0], $at_magic, pack('S', 7)) }, qr/it is not a page of a siamese index/ ],
	count => [ 'leaf', sub { put($_[0], $header, pack('S', 60000)) }, qr/its number of items or pages is invalid/ ],
	free => [ 'leaf', sub { put($_[0], $header + 2, pack('S', 1)) }, qr/0 of its items are free, but its header says 1/ ],
	region => [ 'leaf', sub { put($_[0], $at_region, pack('L', 77)) }, qr/it belongs to region 77/ ],
	cell => [ 'leaf', sub { put($_[0], $items + 6, pack('S', 9999)) }, qr/row 0 belongs to cell 9999, which is in no directory/ ],
	twice => [ 'leaf', sub { put($_[0], $items, substr(${ $_[0] }, $items + 8, 6)) }, qr/the row \(\d+,\d+\) appears twice/ ],
	lost => [ 'leaf', sub { put($_[0], $items, pack('S3', 0xffff, 0xffff, 0)); put($_[0], $header + 2, pack('S', 1)) }, qr/the row \(\d+,\d+\) is not in the index/ ],
	code => [ 'leaf', sub { put($_[0], slack_offset($capacity) + 63 & ~63, pack('C', 1) x 8) }, qr/row 0 is farther from/ ],
	row_slack => [ 'leaf', sub { put($_[0], slack_offset(0), pack('f', 0)) }, qr/row 0 is farther from the heap's value than its slack/ ],
	cell_slack => [ 'directory', sub { put($_[0], slack_offset($_), pack('f', 0)) for 0 .. 3 }, qr/is farther from its cell than the cell's slack/ ],
	not_a_number => [ 'directory', sub { put($_[0], slack_offset(0), pack('f', 'nan')) }, qr/cell 0 has an invalid slack/ ],
	pointer => [ 'directory', sub { put($_[0], $items, pack('S3', 0, 9999, 1)) }, qr/cell 0 points to block 9999, beyond the end of the index/ ],
	no_cells => [ 'directory', sub { put($_[0], $header, pack('S', 0)) }, qr/it has rows, but nothing points to it/ ],
	nulls_cycle => [ 'nulls', sub { put($_[0], $at_next, pack('L', $_[1])) }, qr/it is reached twice/ ],
	directory_cycle => [ 'directory', sub { put($_[0], $at_next, pack('L', $_[1])) }, qr/it is reached twice/ ],
	space_cycle => [ 'listed', sub { put($_[0], $at_next, pack('L', $_[1])) }, qr/the free-space list returns to it \(region \d+\)/ ],
	space_lost => [ 'listed', sub { put($_[0], $header + 8, pack('S', 0)) }, qr/the next leaf of the free-space list is not one \(region \d+\)/ ],
	directory_free => [ 'directory', sub { put($_[0], $header + 2, pack('S', 1)) }, qr/0 of its items are free, but its header says 1/ ],
	generation => [ 'leaf', sub { put($_[0], $page_size - 8, pack('S', 9)) }, qr/a cell points to an earlier generation of block \d+/ ],
	swapped => [ 'leaf', sub { ${ $_[0] } = ${ $_[2] } }, qr/it was written as block \d+/ ],
	# what a vacuum leaves that a crash cut short: no damage, though the rows of it are gone
	emptied => [ 'full leaf', sub { put($_[0], $at_kind, pack('S', 9)); put($_[0], $page_size - 8, pack('S', 2)); put($_[0], $header, pack('S2', 0, 0)) },
		qr/^(?:the row \(\d+,\d+\) is not in the index\n?)+$/ ],
	radius => [ 'regions', sub { put($_[0], $header + 4, pack('f', 0.5)) }, qr/farther from its region's centre than the region's radius/ ],
	longer => [ 'axes', sub { put($_[0], $header + 4 * 32, pack('f', 2)) }, qr/the axes make distances longer/, 'subspace' ],
	axes_lost => [ 'axes', sub { put($_[0], $at_kind, pack('S', 3)) }, qr/its kind is 3, not 8/, 'subspace' ],
	null_lost => [ 'nulls', sub { put($_[0], 12, pack('S', $header)) }, qr/the row \(\d+,\d+\) is not in the index/ ],
);

$node->safe_psql('postgres', join(';', map { "CREATE TABLE $_ AS SELECT * FROM " . ($damage{$_}[3] // 'original') . "; CREATE INDEX ${_}_index ON $_ USING siamese (e)" } sort keys %damage));
my %file = map { $_ => $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('${_}_index')") } keys %damage;
$node->stop;

# Layout of a node of 8 dimensions: as many items as fit with their codes on a 64-byte boundary.
for ($capacity = 500; (($items + $capacity * 12 + 63) & ~63) + $capacity * 8 > $page_size - 24; $capacity--) { }

for my $name (sort keys %damage)
{
	my ($wanted, $change) = @{ $damage{$name} };
	open my $handle, '+<:raw', $file{$name} or die "$file{$name}: $!";
	my ($block, $page) = (0);
	while (read($handle, $page, $page_size))
	{
		my ($kind, $listed) = (unpack('S', substr($page, $at_kind, 2)), unpack('S', substr($page, $header + 8, 2)));
		last if $wanted =~ /^(?:listed|full leaf)$/ ? $kind == $kind{leaf} && $listed == ($wanted eq 'listed') : $kind == $kind{$wanted};
		$block++;
	}
	my $other;
	while (read($handle, $other, $page_size)) { last if unpack('S', substr($other, $at_kind, 2)) == unpack('S', substr($page, $at_kind, 2)); }
	$change->(\$page, $block, \$other);
	seek $handle, $block * $page_size, 0;
	print $handle $page;
	close $handle;
}

$node->start;
for my $name (sort keys %damage)
{
	my ($status, $out, $err) = $node->psql('postgres', "SELECT problem FROM siamese.index_check('${name}_index', true)");
	like($out, $damage{$name}[2], "index_check: $name");
	$err =~ s/^.*ignoring checksum failure.*\n?//mg;    # where clusters have checksums
	is($err, '', "index_check raises nothing: $name");
}

for my $name (qw(empty kind magic count region pointer swapped directory_cycle nulls_cycle))
{
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET enable_seqscan = off; SELECT count(*) FROM (SELECT FROM $name ORDER BY e <-> (SELECT e FROM original WHERE id = 1)) x");
	like($err, qr/XX002: .*index "${name}_index" is corrupted at block \d+.*Please REINDEX it/s, "a scan stops: $name");
}
# Whatever leads back to itself, all ends: with its work done or with an error that says what to do.
for my $name (qw(directory_cycle nulls_cycle space_cycle space_lost swapped generation))
{
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET statement_timeout = '60s'; SET enable_seqscan = off;
		INSERT INTO $name SELECT id, e FROM original; UPDATE $name SET id = -id WHERE id % 5 = 0;
		SELECT count(*) FROM $name WHERE e <@ ball((SELECT e FROM original WHERE id = 1), 0.2); SELECT count(*) FROM $name WHERE e IS NULL;
		DELETE FROM $name; VACUUM $name; SELECT * FROM siamese.index_stats('${name}_index'); SELECT count(*) FROM siamese.index_check('${name}_index', true);
		INSERT INTO $name SELECT id, e FROM original;", on_error_stop => 0);
	is(join("\n", grep { /ERROR/ && !/XX002: .* is corrupted at block/ } split(/\n/, $err)), '', "all statements end: $name");
}
# The next vacuum goes on where the other one stopped, and inserts use the pages.
is($node->safe_psql('postgres', "SELECT problem FROM siamese.index_check('emptied_index')"), '', 'an emptied leaf is no damage');
my $size = $node->safe_psql('postgres', "SELECT pg_relation_size('emptied_index')");
$node->safe_psql('postgres', "VACUUM emptied; INSERT INTO emptied SELECT id, e FROM original;");
is($node->safe_psql('postgres', "SELECT problem FROM siamese.index_check('emptied_index')"), '', 'it is freed by the next vacuum');
cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('emptied_index')"), '<', 2 * $size, 'rows come as before');
$node->safe_psql('postgres', 'REINDEX INDEX pointer_index');
is($node->safe_psql('postgres', "SELECT count(*) FROM siamese.index_check('pointer_index', true)"), '0', 'REINDEX repairs');

# An index that another release has written is no damage: every use of it says what to do.
my $path = $node->data_dir . '/' . $node->safe_psql('postgres', "CREATE TABLE older AS SELECT * FROM original; CREATE INDEX older_index ON older USING siamese (e);
	SELECT pg_relation_filepath('older_index')");
$node->stop;
open my $older, '+<:raw', $path or die "$path: $!";
seek $older, $header, 0;
print $older '3';
# 1.0's pages also ended in another way
seek $older, 8192 - 16, 0;
print $older "\0" x 16;
close $older;
$node->start;
for my $use ("SELECT id FROM older ORDER BY e <-> (SELECT e FROM original WHERE id = 1) LIMIT 1", "INSERT INTO older SELECT id, e FROM original WHERE id = 1",
	"VACUUM (INDEX_CLEANUP on) older", "SELECT * FROM siamese.index_check('older_index')", "SELECT * FROM siamese.index_stats('older_index')")
{
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET enable_seqscan = off;\n$use");
	like($err, qr/55000: .*index "older_index" has format 3.*format 4.*Please REINDEX it/s, "an older format: $use");
}
$node->safe_psql('postgres', 'REINDEX INDEX older_index');
is($node->safe_psql('postgres', "SELECT count(*) FROM siamese.index_check('older_index', true)"), '0', 'REINDEX makes it anew');

my ($status, $out, $err) = $node->psql('postgres', "SELECT * FROM siamese.index_check('original')");
like($err, qr/"original" is not a siamese index/, 'a table is no index');
$node->stop;
done_testing();
