# ALTER EXTENSION siamese UPDATE from 1.0: the same objects as those of a fresh installation, and what 1.0 had stored is kept.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('upgrade');
$node->init;
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(fresh old);

# ---- what an extension consists of, without what differs from one database to another

# Privileges as a text, those of NULL too.
sub privileges
{
	my ($column, $kind, $owner) = @_;
	return "(SELECT string_agg(concat(CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee) END, ':', a.privilege_type, a.is_grantable), ' '"
	  . " ORDER BY a.grantee, a.privilege_type) FROM aclexplode(coalesce($column, acldefault('$kind', $owner))) a)";
}

my $member = q{EXISTS (SELECT FROM pg_depend x WHERE x.deptype = 'e' AND x.refclassid = 'pg_extension'::regclass
	AND x.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'siamese') AND x.classid = '%s'::regclass AND x.objid = %s)};
my $function = sprintf $member, 'pg_proc', 'p.oid';
my $relation = sprintf $member, 'pg_class', 'c.oid';
my $type = sprintf $member, 'pg_type', 't.oid';

my %catalog = (
	members => q{SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'siamese')},
	extension => q{SELECT extversion, extrelocatable, extnamespace::regnamespace FROM pg_extension WHERE extname = 'siamese'},
	configuration => q{SELECT c.r::regclass, c.condition FROM pg_extension, unnest(extconfig, extcondition) AS c(r, condition) WHERE extname = 'siamese'},
	comments => q{SELECT pg_describe_object(d.classid, d.objid, d.objsubid), obj_description(d.objid, d.classid::regclass::name),
			(SELECT string_agg(a.attname || ' ' || s.description, E'\n' ORDER BY a.attname) FROM pg_description s JOIN pg_attribute a ON (a.attrelid, a.attnum) = (s.objoid, s.objsubid)
				WHERE (s.classoid, s.objoid) = (d.classid, d.objid) AND s.classoid = 'pg_class'::regclass AND s.objsubid > 0)
		FROM pg_depend d WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'siamese')},
	dependencies => q{SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), d.deptype,
			regexp_replace(pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), 'pg_toast_\d+', 'pg_toast')
		FROM pg_depend d JOIN pg_depend x ON (x.classid, x.objid) = (d.classid, d.objid)
		WHERE x.deptype = 'e' AND x.refclassid = 'pg_extension'::regclass AND x.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'siamese')},
	functions => "SELECT p.oid::regprocedure, CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END, p.procost, p.prorows, p.prosrc, p.probin, "
	  . privileges('p.proacl', 'f', 'p.proowner') . " FROM pg_proc p WHERE $function",
	aggregates => "SELECT p.oid::regprocedure, (to_jsonb(a) - 'aggfnoid')::text FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid WHERE $function",
	relations => "SELECT c.oid::regclass, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.reltype::regtype, c.relreplident, "
	  . privileges('c.relacl', 'r', 'c.relowner') . ", CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END FROM pg_class c WHERE $relation",
	columns => "SELECT c.oid::regclass, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod),"
	  . " a.attnotnull, a.attstorage, a.attcompression, a.attidentity, a.attgenerated, a.attstattarget, a.attacl, pg_get_expr(d.adbin, d.adrelid)"
	  . " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
	  . " LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, a.attnum) WHERE $relation",
	constraints => "SELECT c.oid::regclass, k.conname, pg_get_constraintdef(k.oid), k.convalidated FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid WHERE $relation",
	indexes => "SELECT pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid WHERE $relation",
	triggers => "SELECT CASE WHEN t.tgisinternal THEN t.tgfoid::regproc::text ELSE pg_get_triggerdef(t.oid) END, c.oid::regclass, t.tgenabled, t.tgtype"
	  . " FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE $relation",
	policies => "SELECT c.oid::regclass, p.polname, p.polcmd, p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid),"
	  . " pg_get_expr(p.polwithcheck, p.polrelid) FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE $relation",
	types => "SELECT t.oid::regtype, (to_jsonb(t) - 'oid' - 'typnamespace' - 'typarray' - 'typelem' - 'typrelid' - 'typacl')::text, t.typnamespace::regnamespace, t.typelem::regtype, "
	  . privileges('t.typacl', 'T', 't.typowner') . " FROM pg_type t WHERE $type AND t.typrelid = 0",
	operators => 'SELECT o.oid::regoperator, o.oprcode, o.oprrest, o.oprjoin, o.oprcanhash, o.oprcanmerge, o.oprcom::regoperator, o.oprnegate::regoperator'
	  . ' FROM pg_operator o WHERE ' . sprintf($member, 'pg_operator', 'o.oid'),
	casts => 'SELECT s.castsource::regtype, s.casttarget::regtype, s.castfunc::regprocedure, s.castcontext, s.castmethod FROM pg_cast s WHERE ' . sprintf($member, 'pg_cast', 's.oid'),
	classes => 'SELECT o.opcname, o.opcintype::regtype, o.opcdefault, o.opckeytype::regtype, m.amname FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod WHERE '
	  . sprintf($member, 'pg_opclass', 'o.oid'),
	class_operators => 'SELECT f.opfname, o.amoplefttype::regtype, o.amoprighttype::regtype, o.amopstrategy, o.amoppurpose, o.amopopr::regoperator'
	  . ' FROM pg_opfamily f JOIN pg_amop o ON o.amopfamily = f.oid WHERE ' . sprintf($member, 'pg_opfamily', 'f.oid'),
	class_functions => 'SELECT f.opfname, o.amproclefttype::regtype, o.amprocrighttype::regtype, o.amprocnum, o.amproc'
	  . ' FROM pg_opfamily f JOIN pg_amproc o ON o.amprocfamily = f.oid WHERE ' . sprintf($member, 'pg_opfamily', 'f.oid'),
	schema => 'SELECT n.nspname, ' . privileges('n.nspacl', 'n', 'n.nspowner') . ' FROM pg_namespace n WHERE ' . sprintf($member, 'pg_namespace', 'n.oid'),
	networks => 'SELECT name, definition, description FROM siamese.network WHERE built_in',
	pretrained => 'SELECT * FROM siamese.pretrained',
	# A dump has the privileges that differ from these.
	initial => q{SELECT pg_describe_object(i.classoid, i.objoid, i.objsubid), i.privtype,
			(SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(i.initprivs) a)
		FROM pg_init_privs i JOIN pg_depend x ON (x.classid, x.objid) = (i.classoid, i.objoid) AND x.deptype = 'e'
		AND x.refclassid = 'pg_extension'::regclass AND x.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'siamese')
		WHERE NOT (i.classoid = 'pg_class'::regclass AND i.objoid = 'siamese.model_weights'::regclass)});

sub catalog
{
	my ($database) = @_;
	my $query = join "\nUNION ALL\n", map { "SELECT '$_' AS kind, x::text FROM ($catalog{$_}) x" } sort keys %catalog;
	return [ split /\0/, $node->safe_psql($database, "SELECT kind || ': ' || replace(text, E'\\n', ' ') FROM ($query) AS y(kind, text)") =~ s/\n/\0/gr ];
}

# Both ways: what only one of two lists has.
sub same
{
	my ($got, $wanted, $name) = @_;
	my %got = map { $_ => 1 } @$got;
	my %wanted = map { $_ => 1 } @$wanted;
	my @differences = ((map { "missing: $_" } grep { !$got{$_} } @$wanted), (map { "too much: $_" } grep { !$wanted{$_} } @$got));
	is(join("\n", @differences), '', $name);
	is(scalar @$got, scalar @$wanted, "$name: as many");
}

# ---- an empty 1.0

$node->safe_psql('fresh', 'CREATE EXTENSION siamese');
my $fresh = catalog('fresh');
cmp_ok(scalar @$fresh, '>', 800, 'the catalog is compared: ' . @$fresh . ' rows');
$node->safe_psql('old', "CREATE EXTENSION siamese VERSION '1.0'");
$node->safe_psql('old', "ALTER EXTENSION siamese UPDATE TO '1.1'");
same(catalog('old'), $fresh, 'an upgraded 1.0 is a fresh installation');

# A difference is seen.
$node->safe_psql('old', "COMMENT ON FUNCTION siamese.promote(text) IS 'other'; ALTER FUNCTION siamese.link(text, text, jsonb) ROWS 3");
my @found = grep { my $row = $_; !grep { $_ eq $row } @$fresh } @{ catalog('old') };
is(scalar @found, 2, 'the comparison sees a comment and an attribute of a function') or diag join "\n", @found;

# ---- a 1.0 in use

$node->safe_psql('postgres', 'DROP DATABASE old');
$node->safe_psql('postgres', 'CREATE DATABASE old');
$node->safe_psql('old', slurp_file('t/release_1.0.sql'));

# What is asked before the update: values are read, a model is not, and says why.
is($node->safe_psql('old', 'SELECT count(e <-> p) FROM (SELECT e, e AS p FROM specimen) x'), '40', '1.0: distances');
is($node->safe_psql('old', "SELECT ARRAY[1,2]::real[]::embedding, to_embedding(ARRAY[1,2]::real[], 'l1'), ARRAY[1,2]::float8[]::embedding"),
	'[1,2]|[1,2]@l1|[1,2]', '1.0: arrays');
for my $use ("SELECT embed(image, 'ink') FROM specimen WHERE id = 1", 'SELECT verify(e, e) FROM specimen', "SELECT * FROM siamese.thresholds('ink')",
	"SELECT siamese.report('ink', 'SELECT image, signer FROM specimen')", "SELECT * FROM siamese.roc('ink', 'SELECT image, signer FROM specimen')",
	"SELECT * FROM siamese.reliability('ink', 'SELECT image, signer FROM specimen')", "CALL siamese.train('ink', 'SELECT image, signer FROM specimen', 'tiny')",
	"INSERT INTO specimen (id, image) SELECT 1000, image FROM specimen WHERE id = 1")
{
	my ($status, $out, $err) = $node->psql('old', $use);
	like($err, qr/older release than its library.*HINT:  Run ALTER EXTENSION siamese UPDATE/s, "1.0: $use");
}

# What cannot go on.
$node->safe_psql('old', "INSERT INTO siamese.network (name, definition) SELECT 'photo', definition FROM siamese.network WHERE name = 'tiny'");
my ($status, $out, $err) = $node->psql('old', 'ALTER EXTENSION siamese UPDATE');
like($err, qr/networks of your own have names that siamese 1.1 uses: "photo".*HINT:  UPDATE siamese.network/s, 'a network of the same name');
$node->safe_psql('old', "DELETE FROM siamese.network WHERE name = 'photo'; CREATE VIEW mine AS SELECT embed(pen, 'pens') FROM specimen");
($status, $out, $err) = $node->psql('old', 'ALTER EXTENSION siamese UPDATE');
like($err, qr/cannot drop function embed\(real\[\],text\).*view mine depends on/s, 'a view that uses a function of other arguments now');
$node->safe_psql('old', "DROP VIEW mine; INSERT INTO siamese.training_state VALUES ('ink', 2, 1, 1, 1, false, '', 1, 0, 0, 0);
	CREATE ROLE other; UPDATE siamese.model SET created_by = 'other' WHERE name = 'ink' AND version > 1");
($status, $out, $err) = $node->psql('old', 'ALTER EXTENSION siamese UPDATE');
is($status, 0, 'the update of a 1.0 in use') or diag $err;
like($err, qr/trainings that 1.0 began cannot be resumed: ink\@2/, 'a training that was not finished');
is($node->safe_psql('old', 'SELECT count(*) FROM siamese.training_state, siamese.training_state_part'), '0', 'its checkpoint is removed');
same(catalog('old'), $fresh, 'a 1.0 in use, upgraded');

# The same answers.
for my $answer (split /\n/, $node->safe_psql('old', 'SELECT ctid FROM answer ORDER BY ctid'))
{
	my ($query, $wanted) = map { $node->safe_psql('old', "SELECT $_ FROM answer WHERE ctid = '$answer'") } qw(query result);
	is($node->safe_psql('old', "SELECT string_agg(x::text, E'\\n') FROM ($query) x"), $wanted, "as 1.0: $query");
}
is($node->safe_psql('old', 'SET enable_seqscan = off; SELECT id FROM specimen ORDER BY a <-> (SELECT a FROM specimen WHERE id = 1), id LIMIT 1'), '1', 'through the index');
is($node->safe_psql('old', "SELECT problem FROM siamese.index_check('by_e', true)"), '', 'which is sound');
cmp_ok($node->safe_psql('old', "SELECT max(greatest(embed(image, 'ink') <-> e, embed(pen, 'pens') <-> p)) FROM specimen WHERE id = 1"), '<', 1e-5,
	'the models of 1.0 embed as before');
is($node->safe_psql('old', 'SELECT name, version FROM siamese.model m WHERE promoted_at = (SELECT max(promoted_at) FROM siamese.model o WHERE o.name = m.name) ORDER BY 1'),
	"ink|3\npens|1", 'a name means what it meant');
is($node->safe_psql('old', 'SELECT bool_and(created_by = current_user) FROM siamese.model'), 't', 'the owner of a name is who made its first version');
is($node->safe_psql('old', 'SELECT name, version, training LIKE $$SELECT%FROM specimen%$$, calibration FROM siamese.model_examples ORDER BY 1, 2'),
	"ink|1|t|\nink|2|t|\nink|3|t|\npens|1|t|", 'the queries of the examples');
$node->safe_psql('old', q{INSERT INTO specimen (id, image) SELECT 1000, image FROM specimen WHERE id = 1});
is($node->safe_psql('old', 'SELECT e ~= (SELECT e FROM specimen WHERE id = 1) FROM specimen WHERE id = 1000'), 't', 'the trigger embeds');
is($node->safe_psql('old', "SELECT siamese.import_model('copy', siamese.export_model('pens')); SELECT count(DISTINCT fingerprint) FROM siamese.model WHERE name IN ('copy', 'pens')"),
	"copy\@1\n1", 'exported and imported, the fingerprint stays');
is($node->safe_psql('old', "SELECT siamese.drop_model('ink\@1'); SELECT count(*) FROM siamese.model_weights"), "1\n2", 'a version is dropped with its weights');

# Dumped and restored.
$node->command_ok([ 'pg_dump', '-d', $node->connstr('old'), '-f', "$ENV{TESTDATADIR}/upgraded.sql" ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xqd', $node->connstr('restored'), '-v', 'ON_ERROR_STOP=1', '-f', "$ENV{TESTDATADIR}/upgraded.sql" ], 'restore');
my $all = 'SELECT md5(string_agg(m::text, chr(10) ORDER BY name, version)) FROM siamese.model m; SELECT md5(string_agg(s::text, chr(10) ORDER BY id)) FROM specimen s;
	SELECT count(*) FROM siamese.model_examples';
is($node->safe_psql('restored', $all), $node->safe_psql('old', $all), 'the same in the restored database');

$node->stop;
done_testing();
