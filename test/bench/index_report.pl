#!/usr/bin/perl
# index_report.pl FOLDER ROWS DIMENSIONS TARGET: the measurements of FOLDER as a table, printed and put into TARGET/README.md between
# its two marks, and as the plot TARGET/index.svg: recall against queries a second.
use strict;
use warnings;
use POSIX qw(log10);

my ($folder, $rows, $n, $target) = @ARGV;
my $size = "${rows}x$n";
my (%value, %points, %measured);    # {set metric}{method}{setting}{name}; {set metric}{method}: [setting, recall, queries a second]
for my $source ('siamese', 'pgvector', 'faiss')
{
	open my $file, '<', "$folder/$source.$size.tsv" or next;
	while (<$file>)
	{
		chomp;
		my ($set, $metric, $method, $setting, $name, $value) = split /\t/;
		if ($name eq 'measured') { $measured{$method}{$value} = 1; next; }
		$value{"$set $metric"}{$method}{$setting}{$name} = $value;
	}
}
for my $case (keys %value)
{
	for my $method (keys %{ $value{$case} })
	{
		my $of = $value{$case}{$method};
		$points{$case}{$method} = [ sort { $a->[1] <=> $b->[1] || $a->[2] <=> $b->[2] }
			  map { [ $_, $of->{$_}{recall}, $of->{$_}{queries_a_s} ] } grep { defined $of->{$_}{recall} && !/target/ } keys %$of ];
	}
}
my @cases = sort keys %value;

# ---- the table ---------------------------------------------------------------------------------------------------------------

# The fastest setting of at least this recall.
sub best
{
	my ($case, $method, $recall) = @_;
	my $best;
	for (@{ $points{$case}{$method} // [] }) { $best = $_ if $_->[1] >= $recall && (!$best || $_->[2] > $best->[2]); }
	return $best;
}
sub short { my ($x) = @_; return !defined $x ? '-' : $x >= 100 ? sprintf('%.0f', $x) : $x >= 1 ? sprintf('%.1f', $x) : sprintf('%.2f', $x); }
sub ratio { my ($a, $b, $digits) = @_; return defined $a && defined $b && $b > 0 ? sprintf(' (**%s**)', short($a / $b)) : ''; }
sub pair { my ($a, $b, $ratio) = @_; return short($a) . ' / ' . short($b) . $ratio; }

my @lines;
sub line { my ($what, $wanted, $cell) = @_; push @lines, '| ' . join(' | ', $what, $wanted, map { $cell->($_) } @cases) . ' |'; }
line('build, s: siamese / HNSW', '40', sub { my ($a, $b) = map { $value{ $_[0] }{$_}{''}{build_s} } qw(siamese hnsw); pair($a, $b, ratio($b, $a)) });
line('size, MB: siamese / HNSW', 'at most 0.33', sub { my ($a, $b) = map { $value{ $_[0] }{$_}{''}{size_mb} } qw(siamese hnsw); pair($a, $b, ratio($a, $b)) });
line('exact: siamese / HNSW at recall 0.99 (B: 0.98), queries/s', 'A 3, B 1', sub {
	my ($case) = @_;
	my ($exact, $hnsw) = ($value{$case}{siamese}{exact}{queries_a_s}, (best($case, 'hnsw', $case =~ /^A/ ? 0.99 : 0.98) // [])->[2]);
	pair($exact, $hnsw, ratio($exact, $hnsw));
});
for my $peer (['flat', 'FAISS, flat'], ['lists', 'FAISS, all lists'])
{
	my ($method, $said) = @$peer;
	for my $way (['queries_a_s', 'exact', 'one at a time', 'A 60, B 10'], ['at_once_a_s', 'each of a table', 'all of a table at once', 'A 5, B 1.2 (L1 10)'])
	{
		my ($number, $ours, $how, $wanted) = @$way;
		line("exact, $how: siamese / $said, queries/s", $method eq 'flat' ? $wanted : '', sub {
			my ($a, $b) = ($value{ $_[0] }{siamese}{$ours}{$number}, $value{ $_[0] }{$method}{''}{$number});
			pair($a, $b, ratio($a, $b));
		});
	}
}
for my $recall (0.9, 0.95, 0.99)
{
	for my $peer (['hnsw', 'HNSW', 'A 10, B 3'], ['ivfflat', 'IVFFlat', 'A 10, B 5'])
	{
		line(sprintf('recall %.2f: siamese / %s, queries/s', $recall, $peer->[1]), $peer->[2], sub {
			my ($a, $b) = map { (best($_[0], $_, $recall) // [])->[2] } 'siamese', $peer->[0];
			pair($a, $b, ratio($a, $b));
		});
	}
}
line('balls of ten rows: index / sequential scan, queries/s', 'A 50', sub {
	my ($a, $b) = map { $value{ $_[0] }{siamese}{$_}{queries_a_s} } 'ball', 'ball by sequential scan';
	pair($a, $b, ratio($a, $b));
});
line('inserts/s: siamese / HNSW', '10', sub { my ($a, $b) = map { $value{ $_[0] }{$_}{''}{inserts_a_s} } qw(siamese hnsw); pair($a, $b, ratio($a, $b)) });
line('found with `target_recall` 0.90, 0.95, 0.99', 'as much', sub { my ($case) = @_; join ', ', map { short($value{$case}{siamese}{"target_recall=$_"}{recall}) } qw(0.9 0.95 0.99) });

sub contents { my ($path) = @_; open my $file, '<', $path or return ''; local $/; return <$file>; }
my ($processor) = contents('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
$processor //= 'unknown processor';
my $page = "## index\n\nBeside pgvector in one server, PostgreSQL 17 of Debian 13, and FAISS in a process of its own: `make bench-index`. $rows rows of $n dimensions, k = 10. Set A:\n"
  . "identities of ten rows; set B: no clusters; see `index_data.c`. $processor, one core, data in memory; the time is the processor's,\n"
  . "with planning, executor and rows. HNSW: m 16, ef_construction 64; IVFFlat has no L1. Measured "
  . join('; ', map { "$_: " . join(' and ', sort keys %{ $measured{$_} }) } sort keys %measured) . ".\nIn brackets the ratio that the column \"wanted\" is about.\n\n"
  . '| | wanted | ' . join(' | ', map { s/l(\d)/L$1/r } @cases) . " |\n" . '|---|---|' . '---|' x @cases . "\n" . join("\n", @lines) . "\n";
if (open my $big, '<', "$folder/big.tsv")
{
	my @of = map { chomp; [ split /\t/ ] } <$big>;
	$page .= "\n1,000,000 x 512 of set A, `maintenance_work_mem = '1GB'`: " . join(', ', map { "$_->[4] $_->[5]" } @of) . ".\n";
}
$page .= "\n![recall against queries a second](index.svg)\n";
$page .= <<'END' if $size eq '200000x128';

What `perf` showed of an exact query on B, 2026-11-25: with L1, 53 % of the time goes into sums of differences of codes, 14 % into waiting for
memory at the first access to each page, 11 % into bounds, 8 % into executor and buffer manager. All leaves are read: 200,000 codes on 5,100
pages, for seventeen rows that reach the executor. With L2, what is coded are the rows' principal coordinates on 32 axes: set B lies in a
subspace of 30 dimensions, from which any linear code can profit and HNSW does not. 1,375 leaves are read, and sixteen rows reach the executor.

On A, the heads of 23,500 cells and about a hundred codes of rows are read. The rows of an identity follow one another in the table of A, and
the build keeps them together. With the same rows in random order, cells hold four rows each, 48,000 cells in all; an exact query (L2) takes
0.37 ms instead of 0.22, and the build 1.4 s instead of 1.0 (PostgreSQL 15).
END
print "\n$page";

# ---- the plot ----------------------------------------------------------------------------------------------------------------

my %look = (siamese => [ '#0b6e4f', 'siamese' ], hnsw => [ '#c1440e', 'HNSW' ], ivfflat => [ '#5a6b8c', 'IVFFlat' ]);
my ($width, $height, $left, $bottom) = (360, 260, 52, 40);
my ($top_rate, $low_rate) = (1, 1e9);
for my $case (@cases) { for (map { @$_ } values %{ $points{$case} }) { $top_rate = $_->[2] if $_->[2] > $top_rate; $low_rate = $_->[2] if $_->[2] < $low_rate; } }
my ($low, $top) = (int(log10($low_rate > 1 ? $low_rate : 1)), int(log10($top_rate)) + 1);
# recall by its distance to 1, 0.5 to 0.001; what misses less stands at the right edge
sub at_x { my ($recall) = @_; my $miss = 1 - $recall; $miss = 0.001 if $miss < 0.001; $miss = 0.5 if $miss > 0.5; return $left + (log10(0.5) - log10($miss)) / (log10(0.5) + 3) * ($width - $left - 16); }
sub at_y { my ($rate) = @_; return 26 + ($top - log10($rate > 1 ? $rate : 1)) / ($top - $low) * ($height - 26 - $bottom); }
my $svg = '';
for my $i (0 .. $#cases)
{
	my $case = $cases[$i];
	$svg .= sprintf '<g transform="translate(%d %d)">' . "\n", $i % 2 * $width, int($i / 2) * $height;
	$svg .= sprintf '<text x="%d" y="16" font-weight="bold">set %s</text>' . "\n", $left, $case =~ s/l(\d)/L$1/r;
	for my $recall (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
	{
		$svg .= sprintf '<path d="M%.1f 26V%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>' . "\n", at_x($recall), $height - $bottom, at_x($recall), $height - $bottom + 15, $recall == 0.999 ? '1' : $recall;
	}
	for my $power ($low .. $top)
	{
		$svg .= sprintf '<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>' . "\n", $left, at_y(10**$power), $width - 16, $left - 5, at_y(10**$power) + 4, 10**$power;
	}
	for my $method (qw(ivfflat hnsw siamese))
	{
		my @shown = grep { $_->[1] >= 0.5 && $_->[0] ne 'exact' } @{ $points{$case}{$method} // [] };
		# of settings that are slower and find less than another nothing is drawn
		@shown = grep { my $one = $_; !grep { $_->[1] >= $one->[1] && $_->[2] > $one->[2] } @shown } @shown;
		$svg .= sprintf '<path d="%s" fill="none" stroke="%s" stroke-width="2"/>' . "\n", join('', map { sprintf '%s%.1f %.1f', $_ ? 'L' : 'M', at_x($shown[$_][1]), at_y($shown[$_][2]) } 0 .. $#shown), $look{$method}[0] if @shown > 1;
		$svg .= sprintf '<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%s %s: recall %s, %s queries/s</title></circle>' . "\n", at_x($_->[1]), at_y($_->[2]), $look{$method}[0], $look{$method}[1], @$_ for @shown;
		if (my ($exact) = grep { $_->[0] eq 'exact' } @{ $points{$case}{$method} // [] })
		{
			$svg .= sprintf '<path d="M%.1f %.1fl6 6l-6 6l-6 -6z" fill="%s"><title>siamese exact: %s queries/s</title></path>' . "\n", at_x(1), at_y($exact->[2]) - 6, $look{$method}[0], $exact->[2];
		}
	}
	$svg .= "</g>\n";
}
my $all = $height * int((@cases + 1) / 2);
my $place = $left;
for my $method (qw(siamese hnsw ivfflat))
{
	$svg .= sprintf '<circle cx="%d" cy="%d" r="4" fill="%s"/><text x="%d" y="%d">%s</text>' . "\n", $place, $all + 8, $look{$method}[0], $place + 8, $all + 12, $look{$method}[1] . ($method eq 'siamese' ? ' (diamond: exact)' : '');
	$place += $method eq 'siamese' ? 160 : 90;
}
$svg .= sprintf '<text x="%d" y="%d">queries a second by recall of the ten nearest</text>' . "\n", $place, $all + 12;
$svg = sprintf '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11"><title>recall against queries a second, %s rows of %s dimensions</title><rect width="100%%" height="100%%" fill="white"/>' . "\n%s</svg>\n", 2 * $width, $all + 24, $rows, $n, $svg;

sub write_file { my ($path, $text) = @_; open my $file, '>', "$path.new" or die "$path: $!"; print $file $text; close $file or die; rename "$path.new", $path or die "$path: $!"; }
write_file("$target/index.svg", $svg);
my ($begin, $end) = ('<!-- index: begin, by index_report.pl -->', '<!-- index: end -->');
my $readme = contents("$target/README.md") || "# Benchmarks\n\n$begin\n$end\n";
$readme =~ s/\Q$begin\E.*\Q$end\E/$begin\n$page$end/s or $readme .= "\n$begin\n$page$end\n";
write_file("$target/README.md", $readme);
