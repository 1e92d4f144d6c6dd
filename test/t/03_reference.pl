# sql/REFERENCE.md is what the catalog's comments say, and every object that people use has one.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('reference');
$node->init;
$node->start;

my $page = slurp_file('../REFERENCE.md');
my ($status, $made, $err) = $node->psql('postgres', slurp_file('reference.sql'), on_error_stop => 1);
is($status, 0, 'the page can be made') or diag $err;
chomp $page;
my @page = split /\n/, $page;
my @made = split /\n/, $made;
my %page = map { $_ => 1 } @page;
my %made = map { $_ => 1 } @made;
is(join("\n", grep { !$made{$_} } @page), '', 'no line of the page is out of date');
is(join("\n", grep { !$page{$_} } @made), '', 'none is missing: make reference');
is($made, $page, 'and all stand in their order');
unlike($made, qr/: *$/m, 'each object has a comment');
$node->stop;
done_testing();
