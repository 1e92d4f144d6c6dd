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
	'1.1|public', 'the extension is there');
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
is(join("\n", sort map { s{\bapart\.}{}gr } split /\n/, $node->safe_psql('postgres', $objects)), join("\n", sort split /\n/, $members), 'and all objects are there');

is($node->safe_psql('postgres', "SELECT '[1,2]'::apart.embedding OPERATOR(apart.<->) '[1,4]'"),
	'2', 'and works with nothing of it on the search path');

# ---- dump and restore: every metric, bound and unbound, a type modifier, NULL and indexes

$node->safe_psql('postgres', q{
	CREATE TABLE specimen (id int PRIMARY KEY, any_size apart.embedding, three apart.embedding(3) UNIQUE);
	INSERT INTO specimen VALUES
		(1, '[1,2,3]', '[1,2,3]'), (2, '[0.1,1e-38,-3.4028235e38,16777217]@l1:0123456789abcdef', '[-0,0,1e-45]@cosine:ffffffffffffffff'),
		(3, NULL, NULL), (4, '[0.33333334]@cosine', '[1,2,3]@l1');
	INSERT INTO specimen SELECT i, apart.to_embedding(ARRAY[i, i / 3.0, sqrt(i)]::real[], 'cosine'), ARRAY[i, 1, 0]::real[] FROM generate_series(5, 500) i;
	CREATE INDEX ON specimen USING hash (any_size);
	CREATE VIEW nearest AS SELECT id FROM specimen WHERE three OPERATOR(apart.<->) '[1,2,3]'::apart.embedding IS NOT NULL AND id > 4 ORDER BY three OPERATOR(apart.<->) '[7,1,0]'::apart.embedding, id LIMIT 3});
my $rows = q{SELECT id, any_size, encode(apart.embedding_send(any_size), 'hex'), three, encode(apart.embedding_send(three), 'hex') FROM specimen ORDER BY id};
my $wanted = $node->safe_psql('postgres', $rows);
is(scalar(() = $wanted =~ /\n/g) + 1, 500, 'the rows to dump');

for my $format ('plain', 'custom')
{
	my $file = $node->basedir . "/dump.$format";
	my $copy = "restored_$format";
	$node->command_ok([ 'pg_dump', '-F', $format, '-f', $file, '-d', $node->connstr('postgres') ], "dump ($format)");
	$node->safe_psql('postgres', "CREATE DATABASE $copy TEMPLATE template0");
	$node->command_ok($format eq 'plain'
		? [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $node->connstr($copy) ]
		: [ 'pg_restore', '-e', '-d', $node->connstr($copy), $file ], "restore ($format)");
	is($node->safe_psql($copy, $rows), $wanted, "the restored rows are the same ($format)");
	is($node->safe_psql($copy, $objects), $node->safe_psql('postgres', $objects), "the extension's objects are the same ($format)");
	is($node->safe_psql($copy, 'SELECT string_agg(id::text, $$ $$) FROM nearest'), '7 6 8', "the view finds the same ($format)");
	is($node->safe_psql($copy, "SET enable_seqscan = off; SELECT id FROM specimen WHERE three OPERATOR(apart.=) '[7,1,0]'"), '7', "and so does the index ($format)");
}

# ---- binary COPY

my $file = $node->basedir . '/specimen.bin';
$node->safe_psql('postgres', "COPY specimen TO '$file' (FORMAT binary); CREATE TABLE again (LIKE specimen); COPY again FROM '$file' (FORMAT binary)");
is($node->safe_psql('postgres', $rows =~ s/specimen/again/r), $wanted, 'binary COPY brings the same rows');

# ---- a crash

$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', $rows), $wanted, 'the rows are there after a crash');

# ---- what depends on the extension holds it

($status, $out, $err) = $node->psql('postgres', 'DROP EXTENSION siamese');
like($err, qr/cannot drop extension siamese because other objects depend on it/, 'a column of the type holds the extension');
$node->safe_psql('postgres', 'DROP EXTENSION siamese CASCADE');
is($node->safe_psql('postgres', "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'specimen'::regclass AND attnum > 0 AND NOT attisdropped"),
	'id', 'CASCADE takes the columns along');

$node->stop;
done_testing();
