# OpenBLAS is loaded by a training and by the build of a large index, with one thread, and by nothing else; without it, or with another
# build of it, the error says what to install.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'there is no /proc' unless -d '/proc/self';

my $node = PostgreSQL::Test::Cluster->new('matrix');
$node->init;
$node->append_conf('postgresql.conf', "log_min_messages = debug1\nmax_parallel_maintenance_workers = 0");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION siamese;
	CREATE TABLE specimen AS SELECT signer, sample, genuine, image FROM siamese.sample_signatures(6, 4, 3);
	CREATE TABLE point AS SELECT i, ARRAY[sin(i), cos(i * 7), sin(i * 3), cos(i * 2), sin(i * 11), i % 7]::real[]::embedding AS e FROM generate_series(1, 25000) i;
	INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{"input": {"width": 48, "height": 24, "polarity": "auto"},
		"layers": [{"type": "conv", "maps": 8, "kernel": 5}, {"type": "relu"}, {"type": "dense", "units": 300}], "join": "l2",
		"training": {"classes": 4, "samples": 2}}')});

my $train = q{CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', 1)};
my $index = q{DROP INDEX IF EXISTS point_e; CREATE INDEX point_e ON point USING siamese (e)};
my $search = q{SET enable_seqscan = off; SELECT count(*) FROM (SELECT i FROM point ORDER BY e <-> (SELECT e FROM point WHERE i = 5) LIMIT 10) x};

# Which of the libraries a new session has after some statements, and how many threads; what it says goes to the log.
sub session
{
	my ($statements) = @_;
	my $log = -s $node->logfile;
	my $out = $node->safe_psql('postgres', "$statements;
		SELECT 'libraries: ' || concat_ws(' ', CASE WHEN maps ~ 'openblas' THEN 'OpenBLAS' END, CASE WHEN maps ~ 'liblept' THEN 'Leptonica' END)
			|| '; threads: ' || (SELECT count(*) FROM pg_ls_dir('/proc/self/task'))
		FROM pg_read_file('/proc/self/maps') maps");
	return ($out =~ /(libraries: .*)/, slurp_file($node->logfile, $log) =~ /loaded (\S+: .*)/ ? $1 : '');
}

my ($state, $line) = session($train);
is($state, 'libraries: OpenBLAS; threads: 1', 'a training loads it, and it starts no thread');
like($line, qr/OpenBLAS \d.*, core \w+, 1 thread/, 'and says so in the log');
($state, $line) = session($index);
is($state, 'libraries: OpenBLAS; threads: 1', 'so does the build of an index');
like($line, qr/, 1 thread/, 'which says so, too');
($state, $line) = session("SELECT count(embed(image, 'm')) FROM specimen; $search");
is($state, 'libraries: ; threads: 1', 'embed() and a search load nothing');
is($line, '', 'and say nothing');
($state) = session(q{CREATE TEMP TABLE small AS SELECT e FROM point LIMIT 500; CREATE INDEX ON small USING siamese (e)});
is($state, 'libraries: ; threads: 1', 'nor does the build of a small index');

# Parallel builds
$node->safe_psql('postgres', 'ALTER TABLE point SET (parallel_workers = 2)');
my $log = -s $node->logfile;
$node->safe_psql('postgres', "SET max_parallel_maintenance_workers = 2; SET min_parallel_table_scan_size = 0; $index");
my $loaded = () = slurp_file($node->logfile, $log) =~ /loaded \S+: OpenBLAS/g;
cmp_ok($loaded, '>=', 2, 'workers of a build load it for themselves');

# Not there, or another one: what stands before it on the way of libraries
my $folder = PostgreSQL::Test::Utils::tempdir();
sub with_library
{
	my ($kind, $threads) = @_;
	my ($library, $source) = ("$folder/libopenblas.so.0", "$folder/library.c");
	append_to_file($source, qq{char *openblas_get_config(void) { return "OpenBLAS of a test"; }
char *openblas_get_corename(void) { return "none"; }
int openblas_get_parallel(void) { return KIND; }
int openblas_get_num_threads(void) { return THREADS; }
void cblas_sgemm(void) {}
}) unless -e $source;
	if (defined $kind) { system_or_bail(split(' ', $ENV{CC} // 'cc'), '-shared', '-fPIC', "-DKIND=$kind", "-DTHREADS=$threads", '-o', $library, $source); }
	else { unlink $library; append_to_file($library, 'not a library'); }
	local $ENV{LD_LIBRARY_PATH} = $folder;
	$node->restart;
	for ($train, $index)
	{
		my ($status, $out, $err) = $node->psql('postgres', $_);
		$err =~ s/.*(?=ERROR:  could not load)//s;
		$err =~ s/\nCONTEXT:.*//s;
		return ($err) if $_ eq $index;
		isnt($status, 0, 'a training fails');
	}
}
my ($error) = with_library(undef);
like($error, qr/^ERROR:  could not load matrix library\nDETAIL:  .*libopenblas.so.0.*\nHINT:  Install the package libopenblas0-pthread on the server\.$/m, 'no library');
is((with_library(2, 1))[0], qq{ERROR:  could not load matrix library
DETAIL:  libopenblas.so.0 is "OpenBLAS of a test", which is not its build for pthreads.
HINT:  Install the package libopenblas0-pthread, and make it the one that "update-alternatives" chooses.}, 'the build for OpenMP');
is((with_library(1, 4))[0], qq{ERROR:  could not load matrix library
DETAIL:  libopenblas.so.0 has been loaded by other software of this session and uses 4 threads.
HINT:  Use a new session, which loads it with one thread.}, 'a library with threads');
my ($status, $out) = $node->psql('postgres', "SELECT count(embed(image, 'm')) FROM specimen");
is($out, '48', 'embed() does without');

done_testing();
