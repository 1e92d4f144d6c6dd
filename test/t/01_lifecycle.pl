# The extension comes and goes: created, in another schema too, dropped, dumped and restored, with the server restarted.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('lifecycle');
$node->init;
$node->start;

# The extension's own objects, whatever their schema: what a second CREATE EXTENSION must bring again.
my $objects = q{
	SELECT pg_catalog.pg_describe_object(classid, objid, 0) FROM pg_catalog.pg_depend
	WHERE refclassid = 'pg_catalog.pg_extension'::regclass AND deptype = 'e'
	  AND refobjid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'siamese') ORDER BY 1};

# ---- create and drop

my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM pg_catalog.pg_class');
$node->safe_psql('postgres', 'CREATE EXTENSION siamese');
is($node->safe_psql('postgres', "SELECT extversion, extnamespace::regnamespace FROM pg_extension WHERE extname = 'siamese'"),
	'1.0|public', 'the extension is there');
my $members = $node->safe_psql('postgres', $objects);
like($members, qr/^schema siamese$/m, 'the schema for administration belongs to it');
is($node->safe_psql('postgres', "SELECT string_agg(name, ' ' ORDER BY name) FROM pg_settings WHERE name IN ('siamese.max_pixels', 'siamese.model') AND category = 'Customized Options'"),
	'', 'no setting is known before the library is loaded');
is($node->safe_psql('postgres', "LOAD 'siamese'; SELECT count(*) > 1 FROM pg_settings WHERE name LIKE 'siamese.%'"), 't', 'the library brings its settings');
my ($status, $out, $err) = $node->psql('postgres', "LOAD 'siamese'; SET siamese.modle = 'x'");
like($err, qr/invalid configuration parameter name "siamese.modle"/, 'a misspelt setting is refused');

$node->safe_psql('postgres', 'DROP EXTENSION siamese');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_catalog.pg_class'), $before, 'nothing is left after DROP EXTENSION');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_namespace WHERE nspname = 'siamese'"), '0', 'nor the schema');

$node->safe_psql('postgres', 'CREATE EXTENSION siamese');
is($node->safe_psql('postgres', $objects), $members, 'the same objects after it was created again');
$node->safe_psql('postgres', 'DROP EXTENSION siamese');

# ---- in another schema

$node->safe_psql('postgres', 'CREATE SCHEMA apart; CREATE EXTENSION siamese SCHEMA apart');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
	WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
	  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'siamese') AND p.pronamespace = 'public'::regnamespace}),
	'0', 'another schema: nothing goes to public');
is($node->safe_psql('postgres', $objects) =~ s/\bapart\.//gr, $members, 'and all objects are there');

done_testing();
