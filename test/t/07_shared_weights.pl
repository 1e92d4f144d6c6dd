# One copy of a model's weights for all backends: made once, by whoever comes first; never half, never changed, never for who may
# not read it; gone after a restart; in no base backup; made anew on a standby.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run ();

my $node = PostgreSQL::Test::Cluster->new('shared');
$node->init(allows_streaming => 1);
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION siamese;
	CREATE TABLE specimen AS SELECT signer, sample, genuine, image FROM siamese.sample_signatures(6, 4, 3);
	INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{"input": {"width": 48, "height": 24, "polarity": "auto"},
		"layers": [{"type": "conv", "maps": 8, "kernel": 5}, {"type": "relu"}, {"type": "dense", "units": 300}], "join": "l2",
		"training": {"classes": 4, "samples": 2}}')});
$node->safe_psql('postgres', q{CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', 1)});

my $folder = $node->data_dir . '/base/pgsql_tmp';
my $sum = q{SELECT md5(string_agg(embed(image, 'm')::text, ' ' ORDER BY signer, sample, genuine)) FROM specimen};
my $private = $node->safe_psql('postgres', "SET siamese.share_weights = off; $sum");

sub files { return grep { /_siamese_/ } (-d $folder ? slurp_dir($folder) : ()) }

# What an embedding in a new connection gives, with its warnings.
sub embed_anew
{
	my ($from) = @_;
	my ($status, $out, $err) = ($from // $node)->psql('postgres', $sum);
	return ($out, $err);
}

sub write_into
{
	my ($path, $place, $bytes) = @_;
	open(my $file, '+<:raw', $path) or die "$path: $!";
	seek($file, $place, 0);
	print $file $bytes;
	close $file;
}

is(scalar files(), 0, 'no copy where sharing is off');

# Many at once: one file, whole, and all agree
my @runs = map { my ($out, $err) = ('', ''); { out => \$out, err => \$err, handle => IPC::Run::start(
	['psql', '-X', '-A', '-t', '-d', $node->connstr('postgres'), '-c', $sum], '<', \undef, '>', \$out, '2>', \$err) } } 1 .. 8;
IPC::Run::finish($_->{handle}) for @runs;
is(scalar(grep { ${ $_->{out} } eq "$private\n" && ${ $_->{err} } eq '' } @runs), 8, 'eight sessions at once embed as one with its own weights does');
my @files = files();
is(scalar @files, 1, 'they made one copy');
my $path = "$folder/$files[0]";
my $inode = (stat $path)[1];
is_deeply([embed_anew()], [$private, ''], 'a later session');
is((stat $path)[1], $inode, 'uses the same one');
is($node->safe_psql('postgres', "SELECT count(embed(image, 'm')) FROM specimen;
	SELECT pg_read_file('/proc/' || pg_backend_pid() || '/maps') LIKE '%r--s%_siamese_%'"), "48\nt", 'mapped, readable only') if -d '/proc/self';

# Changed, cut, emptied, replaced: noticed and made anew
my $size = -s $path;
for my $case (['a changed weight', sub { write_into($path, $size - 5000, 'x') }],
	['a changed header', sub { write_into($path, 0, 'x') }],
	['a changed digest', sub { write_into($path, 45, 'xx') }],
	['a cut file', sub { truncate($path, $size / 2) }],
	['an empty file', sub { truncate($path, 0) }],
	['a longer file', sub { write_into($path, $size, 'x') }],
	['a folder in its place', sub { unlink $path; mkdir $path; }])
{
	my ($what, $damage) = @$case;
	$damage->();
	my ($out, $err) = embed_anew();
	is($out, $private, "$what: not believed");
	rmdir $path if -d $path;
	embed_anew();
	is(-s $path, $size, "$what: made anew");
}

# The time alone is no reason to distrust: it is read through and used
utime(1, 1, $path);
$inode = (stat $path)[1];
is_deeply([embed_anew()], [$private, ''], 'a copy whose time was changed is good');
is((stat $path)[1], $inode, 'and stays');

# What a killed backend left is no copy, and goes after a day without use
append_to_file("$path.99999", 'half');
my $old = time - 100000;
utime($old, $old, "$path.99999");
unlink $path;
embed_anew();
ok(!-e "$path.99999", 'leavings are removed');

# Rights come first
my ($status, $out, $err) = $node->psql('postgres', q{CREATE ROLE reader; GRANT SELECT ON specimen TO reader;
	REVOKE SELECT ON siamese.model FROM PUBLIC; SET ROLE reader; SELECT embed(image, 'm') FROM specimen LIMIT 1});
like($err, qr/permission denied for table model/, 'who may not read the model gets nothing from the copy');
$node->safe_psql('postgres', 'GRANT SELECT ON siamese.model TO PUBLIC');

# Weights that are not what the fingerprint says are never shared
unlink $path;
$node->safe_psql('postgres', 'CREATE TABLE kept AS SELECT * FROM siamese.model_weights;
	UPDATE siamese.model_weights SET weights = set_byte(weights, 1000, get_byte(weights, 1000) # 1)');
($status, $out, $err) = $node->psql('postgres', $sum);
like($err, qr/model is damaged.*do not have the fingerprint/s, 'damaged weights are an error');
is(scalar files(), 0, 'and leave no file');
$node->safe_psql('postgres', 'UPDATE siamese.model_weights w SET weights = k.weights FROM kept k WHERE (k.fingerprint, k.part) = (w.fingerprint, w.part)');

# No room, or no right to write: one warning, and the session goes on by itself
SKIP:
{
	skip 'the superuser of the system writes anywhere', 2 if $> == 0;
	chmod 0500, $folder;
	($status, $out, $err) = $node->psql('postgres', "$sum; $sum");
	chmod 0700, $folder;
	is($out, "$private\n$private", 'without a copy the embeddings are the same');
	is(scalar(() = $err =~ /could not make a shared copy/g), 1, 'with one warning');
}

# It goes with the model; what is left of models and databases that are gone goes when the next copy is made
embed_anew();
$node->safe_psql('postgres', q{CREATE TABLE exported AS SELECT siamese.export_model('m') AS value});
$node->safe_psql('postgres', q{BEGIN; SELECT siamese.drop_model('m'); ROLLBACK});
is(scalar files(), 1, 'the copy stays while the model does');
my ($name) = files();
$node->safe_psql('postgres', q{SELECT siamese.drop_model('m')});
is(scalar files(), 0, 'and goes with it');
my @left = map { $name =~ s/siamese_\d+_[0-9a-f]{16}/siamese_$_/r }
	($name =~ /siamese_(\d+)_/)[0] . '_0123456789abcdef', '4294967294_0123456789abcdef', '1_0123456789abcdef';
append_to_file("$folder/$_", 'left') for @left;
$node->safe_psql('postgres', q{SELECT siamese.import_model('m', value) FROM exported});
embed_anew();
is_deeply([sort(files())], [sort($name, $left[2])], 'so does what is left of others, but not what another database may need');
unlink "$folder/$left[2]";

# A definition that was changed is not used with the copy of another one's weights
($status, $out, $err) = $node->psql('postgres', q{BEGIN; UPDATE siamese.model SET definition = jsonb_set(definition, '{input,polarity}', '"light"'); } . $sum);
like($err, qr/model is damaged.*do not have the fingerprint/s, 'a changed definition is an error');

# A base backup leaves it out; a standby makes its own
embed_anew();
$node->backup('base');
is(scalar(grep { /siamese/ } (glob($node->backup_dir . '/base/base/pgsql_tmp/*'))), 0, 'a base backup has no copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is_deeply([embed_anew($standby)], [$private, ''], 'a standby embeds the same');
is(scalar(grep { /_siamese_/ } slurp_dir($standby->data_dir . '/base/pgsql_tmp')), 1, 'with a copy of its own');
$standby->stop;

is(scalar files(), 1, 'there is a copy');
$node->stop('immediate');
$node->start;
is(scalar files(), 0, 'a restart removes it');
is_deeply([embed_anew()], [$private, ''], 'and the next session makes it again');
$node->stop;
done_testing();
