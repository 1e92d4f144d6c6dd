# Binary input and output of embedding and ball through COPY: the documented bytes, every refusal, 13,000 mutated messages.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $mutations = 13_000;	# of which 3,000 are balls
my $seed = 1;

my $node = PostgreSQL::Test::Cluster->new('binary');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION siamese;
	CREATE TABLE embeddings (e embedding); CREATE TABLE three (e embedding(3)); CREATE TABLE balls (b ball)');

my $folder = PostgreSQL::Test::Utils::tempdir();
my $model = hex('01234567') << 32 | hex('89abcdef');
my $nan = pack('N', 0x7fc00000);
my $infinity = pack('N', 0xff800000);

# ---- the format, packed here from its description

# Network byte order: uint16 dimensions, uint8 metric, uint8 version, uint64 fingerprint, float4 values.
sub embedding { my ($metric, $model, @x) = @_; return pack('n C C Q> (f>)*', scalar(@x), $metric, 1, $model, @x); }
sub ball { my ($radius, $center) = @_; return pack('d>', $radius) . $center; }

# One row of one field as COPY's binary format; the field's length can lie.
sub copy_file
{
	my ($name, $field, $length) = @_;
	open my $file, '>:raw', "$folder/$name" or die "$name: $!";
	print $file "PGCOPY\n\377\r\n\0", pack('N N n N', 0, 0, 1, $length // length $field), $field, pack('n', 0xffff);
	close $file or die "$name: $!";
	return "$folder/$name";
}

sub copy_in
{
	my ($table, $field) = @_;
	my $path = copy_file('one', $field);
	my (undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\n\\copy $table FROM '$path' (FORMAT binary)");
	return $error;
}

my $bound = embedding(1, $model, 1, -2.5, 3);
is(copy_in('embeddings', $bound), '', 'a bound embedding is received');
is(copy_in('embeddings', embedding(2, 0, 0.5)), '', 'an unbound one, too');
is(copy_in('embeddings', embedding(0, 0, -0.0)), '', 'minus zero is received');
is($node->safe_psql('postgres', 'SELECT e FROM embeddings'), "[1,-2.5,3]\@l1:0123456789abcdef\n[0.5]\@cosine\n[0]", 'and they say what was sent');
is($node->safe_psql('postgres', "SELECT encode(embedding_send(e), 'hex') FROM embeddings LIMIT 1"), unpack('H*', $bound), 'the same bytes are sent');
is(copy_in('balls', ball(0.35, $bound)), '', 'a ball is received');
is(copy_in('balls', ball('inf', $bound)), '', 'an infinite one, too');
is($node->safe_psql('postgres', 'SELECT b FROM balls'), "<[1,-2.5,3]\@l1:0123456789abcdef,0.35>\n<[1,-2.5,3]\@l1:0123456789abcdef,Infinity>", 'and they say what was sent');
is($node->safe_psql('postgres', "SELECT encode(ball_send(b), 'hex') FROM balls LIMIT 1"), unpack('H*', ball(0.35, $bound)), 'the same bytes are sent');
is(copy_in('three', $bound), '', 'the type modifier holds for binary input');
is(copy_in('embeddings', embedding(0, 0, (1) x 16000)), '', 'the largest embedding is received');

# ---- dumped and restored: the same bits

$node->safe_psql('postgres', "CREATE TABLE kept AS SELECT reference(e, 1 + n % 7) AS r, (array_agg(e))[1] AS e, ball((array_agg(e))[1], random()) AS b FROM
	(SELECT k, n, array_agg((random() - 0.5)::real)::embedding AS e FROM generate_series(1, 200) k, generate_series(1, 6) n, generate_series(1, 5) GROUP BY 1, 2) s GROUP BY k, 1 + n % 7;
	CREATE TABLE again (LIKE kept); CREATE TABLE binary_again (LIKE kept)");
$node->safe_psql('postgres', "\\copy kept TO '$folder/text'\n\\copy again FROM '$folder/text'");
$node->safe_psql('postgres', "\\copy kept TO '$folder/binary' (FORMAT binary)\n\\copy binary_again FROM '$folder/binary' (FORMAT binary)");
my $sent = 'SELECT reference_send(r), embedding_send(e), ball_send(b) FROM';
for my $table ('again', 'binary_again')
{
	is($node->safe_psql('postgres', "SELECT count(*) > 0 FROM $table"), 't', "$table has rows");
	is($node->safe_psql('postgres', "SELECT count(*) FROM (($sent kept EXCEPT ALL $sent $table) UNION ALL ($sent $table EXCEPT ALL $sent kept)) d"), 0, "$table has the same bits");
}

# ---- what is refused

for (
	[ 'embeddings', '', '22P03', qr/header has 0 bytes, not 12/, 'empty' ],
	[ 'embeddings', substr($bound, 0, 11), '22P03', qr/header has 11 bytes, not 12/, 'short header' ],
	[ 'embeddings', substr($bound, 0, -1), '22P03', qr/11 bytes follow the header; 3 dimensions have 12/, 'short values' ],
	[ 'embeddings', $bound . 'x', '22P03', qr/13 bytes follow the header; 3 dimensions have 12/, 'trailing byte' ],
	[ 'embeddings', embedding(0, 0), '22000', qr/must have at least 1 dimension/, 'no dimension' ],
	[ 'embeddings', embedding(0, 0, (1) x 16001), '54000', qr/It has 16001 dimensions/, 'too many dimensions' ],
	[ 'embeddings', embedding(3, 0, 1), '22P03', qr/distance has number 3; the highest is 2/, 'unknown distance' ],
	[ 'embeddings', "\0\1\0\2" . substr(embedding(0, 0, 1), 4), '22P03', qr/version is 2/, 'later version' ],
	[ 'embeddings', substr($bound, 0, 16) . $nan . substr($bound, 20), '22003', qr/Value 2 is NaN/, 'NaN' ],
	[ 'embeddings', substr($bound, 0, 20) . $infinity, '22003', qr/Value 3 is infinite/, 'infinity' ],
	[ 'three', embedding(0, 0, 1, 2), '22000', qr/Expected 3 dimensions, not 2/, 'type modifier' ],
	[ 'balls', substr(ball(1, $bound), 0, 7), '22P03', qr/radius has 7 bytes, not 8/, 'short radius' ],
	[ 'balls', ball('nan', $bound), '22003', qr/radius is NaN/, 'radius NaN' ],
	[ 'balls', ball(-1, $bound), '22003', qr/radius is -1/, 'negative radius' ],
	[ 'balls', ball(1, ''), '22P03', qr/header has 0 bytes/, 'ball without centre' ],
	[ 'balls', ball(1, $bound . 'x'), '22P03', qr/13 bytes follow/, 'trailing byte in a ball' ])
{
	my ($table, $field, $state, $pattern, $name) = @$_;
	my $error = copy_in($table, $field);
	like($error, qr/^.*ERROR:\s+$state: /, "$name: SQLSTATE");
	like($error, $pattern, "$name: told");
}

# ---- mutated messages, in one session

srand($seed);
my @bytes = (0, 1, 2, 3, 0x7f, 0x80, 0xff);
my @floats = map { pack 'N', $_ } 0, 1, 0x80000000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffffffff, 0x007fffff;

sub whole { return int(rand($_[0])); }
sub any { return $_[whole(scalar @_)]; }

sub mutate
{
	my ($field) = @_;
	for (1 .. 1 + whole(3))
	{
		my $length = length $field;
		my $at = whole($length + 1);
		my $kind = whole(9);
		if ($kind == 0 && $length) { substr($field, whole($length), 1) ^= chr(1 << whole(8)); }
		elsif ($kind == 1 && $length) { substr($field, whole($length), 1) = chr any(@bytes); }
		elsif ($kind == 2) { $field = substr($field, 0, $at); }
		elsif ($kind == 3) { $field .= join '', map { chr whole(256) } 1 .. 1 + whole(40); }
		elsif ($kind == 4) { substr($field, $at, 0) = substr($field, $at, whole(24)); }
		elsif ($kind == 5 && $length >= 2) { substr($field, 0, 2) = pack 'n', any(0, 1, 15999, 16000, 16001, 65535, whole(65536)); }
		elsif ($kind == 6 && $length >= 16) { substr($field, 12 + 4 * whole(($length - 12) / 4), 4) = any(@floats); }
		elsif ($kind == 7) { $field = join '', map { chr whole(256) } 1 .. $length; }
		elsif ($kind == 8 && $length >= 16) { $field = pack('n', ($length - 12) / 4) . substr($field, 2, $length - 2 - $length % 4); }
	}
	return $field;
}

my $script = "$folder/script";
my $memory = "SELECT 'memory', pg_backend_pid(), sum(total_bytes) FROM pg_backend_memory_contexts;\n";
open my $sql, '>', $script or die "$script: $!";
print $sql "TRUNCATE embeddings, balls;\n\\set VERBOSITY sqlstate\n";
for my $i (1 .. $mutations)
{
	my $x = embedding(whole(3), whole(2) ? $model : 0, map { rand(2) - 1 } 1 .. 1 + whole(40));
	my $table = $i % 13 < 10 ? 'embeddings' : 'balls';
	my $field = mutate($table eq 'balls' ? ball(rand(2), $x) : $x);
	my $path = copy_file($i, $field, whole(50) ? undef : any(0, 1, 0xfffffffe, 0x7fffffff, whole(100)));
	print $sql "\\copy $table FROM '$path' (FORMAT binary)\n";
	print $sql $memory if $i == $mutations / 2 || $i == $mutations;
}
close $sql or die "$script: $!";

my ($out, $err);
ok(IPC::Run::run([ 'psql', '-XAqt', '-d', $node->connstr('postgres'), '-f', $script ], '>', \$out, '2>', \$err), 'the session lives to the end');
my @memory = map { [ split /\|/ ] } grep { /^memory/ } split /\n/, $out;
my %state;
$state{$1}++ while $err =~ /ERROR:\s+(\w{5})$/mg;
my $refused = 0;
$refused += $_ for values %state;
my $accepted = $node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM embeddings) + (SELECT count(*) FROM balls)');
note("accepted $accepted; refused: " . join(', ', map { "$_ $state{$_}" } sort keys %state));
is($accepted + $refused, $mutations, 'each message was accepted or refused');
cmp_ok($accepted, '>', $mutations / 100, 'some were accepted');
cmp_ok($state{$_} // 0, '>', 0, "some were refused with $_") for qw(22000 22003 22P03 54000);
is(join(' ', grep { !/^(?:22000|22003|22P03|22P04|54000|08P01)$/ } sort keys %state), '', 'and with no other SQLSTATE');
is($memory[1][1], $memory[0][1], 'by one and the same process');
cmp_ok($memory[1][2] - $memory[0][2], '<', 65536, 'whose memory did not grow');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT e FROM embeddings UNION ALL SELECT center(b) FROM balls) AS t
	WHERE dimensions(e) NOT BETWEEN 1 AND 16000 OR e::text::embedding <> e OR NOT (e <-> e) = 0
		OR octet_length(embedding_send(e)) <> 12 + 4 * dimensions(e)}),
	'0', 'what was accepted is sound');
is($node->safe_psql('postgres', 'SELECT count(*) FROM balls WHERE NOT radius(b) >= 0 OR b::text::ball::text <> b::text'), '0', 'the balls, too');

done_testing();
