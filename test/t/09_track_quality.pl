# siamese.track_quality() on two videos whose figures by the field's reference kit are known.  SIAMESE_DATA names the folder of data.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $archive = ($ENV{SIAMESE_DATA} // '') . '/mot15-golden.tar';
plan skip_all => 'there is no mot15-golden.tar in SIAMESE_DATA' unless -r $archive;

my $folder = PostgreSQL::Test::Utils::tempdir;
system('tar', '-xf', $archive, '-C', $folder) == 0 or die "tar failed";
my $node = PostgreSQL::Test::Cluster->new('track_quality');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION siamese');

# IDF1, MOTA, switches, fragmentations, false positives, misses; shares in per cent.
my %expected = ('TUD-Campus' => '55.8|52.6|7|7|13|150', 'TUD-Stadtmitte' => '64.5|56.4|7|6|45|452');
for my $video (sort keys %expected)
{
	$node->safe_psql('postgres', "CREATE TABLE line (which text, frame int, track int, l float8, t float8, w float8, h float8, flag int, a float8, b float8, c float8)");
	for my $which ([ truth => 'gt' ], [ tracks => 'test' ])
	{
		my $lines = slurp_file("$folder/MOT15-golden/$video/$which->[1].txt");
		$lines =~ s/^(.+)$/$which->[0],$1/mg;
		$node->safe_psql('postgres', "COPY line FROM stdin (FORMAT csv);\n$lines\\.\n");
	}
	# rows of truth with flag 0 are left out
	is($node->safe_psql('postgres', q{
		SELECT round(100 * idf1::numeric, 1), round(100 * mota::numeric, 1), switches, fragmentations, false_positives, misses
		FROM siamese.track_quality(
			'SELECT frame, track, box(point(l, t), point(l + w, t + h)) FROM line WHERE which = ''truth'' AND flag <> 0',
			'SELECT frame, track, box(point(l, t), point(l + w, t + h)) FROM line WHERE which = ''tracks''')}),
		$expected{$video}, $video);
	$node->safe_psql('postgres', 'DROP TABLE line');
}
done_testing();
