#!/usr/bin/perl
# index_measure.pl FOLDER: the measurements of the benchmark "index", beside a running server; see the file "index".
#
# One session, prepared statements, data in memory.  A query's time is the processor time of its backend (from the exit of the
# server's children, which the kernel adds up in the server's process), so that other work on the machine counts little; planning,
# executor and reading the row are in it.  Writes FOLDER/siamese.SIZE.tsv, FOLDER/faiss.SIZE.tsv and, unless it is
# there, FOLDER/pgvector.SIZE.tsv: lines of set, metric, method, setting, name of the number, number.
use strict;
use warnings;
use POSIX qw(strftime ceil);
use Time::HiRes qw(time sleep);

my $folder = shift or die;
my ($rows, $n) = @ENV{qw(ROWS DIMENSIONS)};
our $queries = $ENV{QUERIES};
my $size = "${rows}x$n";
my $seconds = $ENV{SECONDS_EACH};
my $ticks = POSIX::sysconf(&POSIX::_SC_CLK_TCK);
my $server = do { open my $file, '<', "$folder/data/postmaster.pid" or die; (<$file> =~ /(\d+)/)[0] };
$queries = $rows / 70 if $queries > $rows / 70;    # so that each query of A has its identity among the rows
$queries = int $queries;
$| = 1;

# ---- the server --------------------------------------------------------------------------------------------------------------

sub sql
{
	my ($commands, $options) = @_;
	local $ENV{PGOPTIONS} = '-c client_min_messages=warning ' . ($options // '');
	open my $psql, '-|', 'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', $commands or die;
	local $/;
	my $out = <$psql>;
	close $psql or die "psql failed: $commands\n";
	return ($out // '') =~ s/\n\z//r;
}
sub shell { my ($command) = @_; system('sh', '-ec', $command) == 0 or die "failed: $command\n"; }

# Seconds of the processor that sessions took which have ended.  One that has, but was not waited for by the server yet, has no
# command line any more and no share in the sum.
sub spent
{
	for (1 .. 100)
	{
		my $running = 0;
		for (split ' ', contents("/proc/$server/task/$server/children")) { $running++ if contents("/proc/$_/cmdline") =~ /\[local\]|^\z/; }
		last unless $running;
		sleep 0.02;
	}
	my @fields = split ' ', contents("/proc/$server/stat") =~ s/.*\) //r;
	return ($fields[13] + $fields[14]) / $ticks;
}
sub contents { my ($path) = @_; open my $file, '<', $path or return ''; local $/; return <$file> // ''; }

sub seconds_of
{
	my ($work) = @_;
	my $before = spent();
	$work->();
	return spent() - $before;
}

# Queries a second of processor time; :id in the query is a random query's number.
sub queries_a_second
{
	my ($query, $options) = @_;
	open my $script, '>', "$folder/query.sql" or die;
	print $script "\\set id random(-$queries, -1)\n$query;\n";
	close $script;
	local $ENV{PGOPTIONS} = $options;
	my $run = sub { my ($count) = @_; shell("pgbench -n -M prepared -f $folder/query.sql -t $count > $folder/pgbench.out 2>&1 || { cat $folder/pgbench.out >&2; exit 1; }") };
	my $few = 20;
	my $start = seconds_of(sub { $run->(1) });    # a session's beginning, planning and caches
	my $first = seconds_of(sub { $run->($few) }) - $start;
	$first = 0.001 if $first < 0.001;
	my $count = ceil($few * $seconds / $first);
	$count = 20 if $count < 20;
	$count = 30000 if $count > 30000;
	my $taken = seconds_of(sub { $run->($count) }) - $start;
	return $count / ($taken > 0.01 ? $taken : 0.01);
}

# Share of the ten nearest that a query returns, over the first 500 queries; q is the query's row.
sub recall
{
	my ($query, $truth, $options) = @_;
	return sql("SELECT round(avg((SELECT count(*) FROM ($query) found WHERE found.id = ANY (t.ids))) / 10, 4)
		FROM query q JOIN $truth t ON t.query = q.id WHERE q.id >= -500", $options);
}

# ---- results -----------------------------------------------------------------------------------------------------------------

my $results;
sub note
{
	my @fields = @_;
	printf "%-2s %-3s %-9s %-28s %-14s %s\n", @fields;
	print $results join("\t", @fields), "\n" or die;
}
sub begin_results
{
	my ($path, $append) = @_;
	open $results, $append ? '>>' : '>', $path or die "$path: $!";
	$results->autoflush(1);
}
sub stamp { my ($set, $metric, $method, $version) = @_; note($set, $metric, $method, '', 'measured', strftime('%Y-%m-%d', gmtime) . ", $version"); }

# ---- the sets ----------------------------------------------------------------------------------------------------------------

my $generator = "$folder/index_data";

# Tables raw_SET (id, v), query_SET and truth_SET_METRIC (query, ids, radius), once.
sub make_set
{
	my ($set) = @_;
	my $name = lc "${set}_$size";
	return $name if sql("SELECT obj_description(to_regclass('raw_$name'), 'pg_class')") eq $queries;
	print "making set $set\n";
	sql("DROP TABLE IF EXISTS raw_$name, query_$name, more_$name, truth_${name}_l2, truth_${name}_l1");
	sql("CREATE TABLE raw_$name (id int, v real[]); CREATE TABLE more_$name (id int, v real[]); CREATE TABLE query_$name (id int PRIMARY KEY, v real[])");
	shell("$generator rows $set $rows $n 1 0 | psql -q -c 'COPY raw_$name FROM stdin (FORMAT binary)'");
	shell("$generator rows $set 5000 $n 1 $rows | psql -q -c 'COPY more_$name FROM stdin (FORMAT binary)'");
	shell("$generator rows $set $queries $n 1 -$queries | psql -q -c 'COPY query_$name FROM stdin (FORMAT binary)'");
	for my $metric (qw(l2 l1))
	{
		sql("CREATE TABLE truth_${name}_$metric (query int PRIMARY KEY, ids int[], radius float8)");
		shell("$generator truth $set $rows $n 1 $queries $metric | psql -q -c 'COPY truth_${name}_$metric FROM stdin'");
	}
	sql("COMMENT ON TABLE raw_$name IS '$queries'");
	return $name;
}

# Tables item, more and query of one method's type, of about the same width and in the same order for all.
sub make_tables
{
	my ($name, $value, $extra) = @_;
	sql("DROP TABLE IF EXISTS item, more, query");
	sql("CREATE TABLE item AS SELECT id, $value AS e FROM raw_$name ORDER BY id");
	sql("CREATE TABLE more AS SELECT id, $value AS e FROM more_$name ORDER BY id");
	sql("CREATE TABLE query AS SELECT q.id, $value AS e $extra FROM query_$name q JOIN truth_${name}_l2 l2 ON q.id = l2.query JOIN truth_${name}_l1 l1 ON q.id = l1.query");
	sql("ALTER TABLE query ADD PRIMARY KEY (id)");
	sql("VACUUM ANALYZE item"), sql("VACUUM ANALYZE query"), sql("CHECKPOINT");
}
sub note_build
{
	my ($set, $metric, $method, $setting, $command) = @_;
	note($set, $metric, $method, $setting, 'build_s', sprintf '%.2f', seconds_of(sub { sql($command) }));
	note($set, $metric, $method, $setting, 'size_mb', sprintf '%.1f', sql("SELECT pg_relation_size('item_index') / 1048576.0"));
}
sub note_search
{
	my ($set, $metric, $method, $setting, $truth, $operator, $options) = @_;
	my $settings = "-c enable_seqscan=off $options";
	my $recall = recall("SELECT item.id FROM item ORDER BY item.e $operator q.e LIMIT 10", $truth, $settings);
	note($set, $metric, $method, $setting, 'recall', $recall);
	note($set, $metric, $method, $setting, 'queries_a_s', sprintf '%.1f',
		queries_a_second("SELECT id FROM item ORDER BY e $operator (SELECT e FROM query WHERE id = :id) LIMIT 10", $settings));
	return $recall;
}

# The ten nearest of each of a table's rows, in one statement.
sub note_each
{
	my ($set, $metric, $method, $operator) = @_;
	my $each = "SELECT count(*) FROM query q, LATERAL (SELECT id FROM item ORDER BY item.e $operator q.e LIMIT 10) found";
	my $options = '-c enable_seqscan=off';
	my $start = seconds_of(sub { sql("$each WHERE q.id = 0", $options) });
	my $taken = seconds_of(sub { sql($each, $options) }) - $start;
	note($set, $metric, $method, 'each of a table', 'at_once_a_s', sprintf '%.1f', $queries / ($taken > 0.01 ? $taken : 0.01));
}
sub note_inserts
{
	my ($set, $metric, $method, $setting, $count) = @_;
	my $plain = seconds_of(sub { sql("BEGIN; SELECT count(e) FROM (SELECT * FROM more LIMIT $count) x; ROLLBACK") });
	my $taken = seconds_of(sub { sql("BEGIN; INSERT INTO item SELECT * FROM more LIMIT $count; ROLLBACK") }) - $plain;
	note($set, $metric, $method, $setting, 'inserts_a_s', sprintf '%.0f', $count / ($taken > 0.01 ? $taken : 0.01));
}

# ---- siamese -----------------------------------------------------------------------------------------------------------------

sub measure_siamese
{
	my ($set, $metric, $name) = @_;
	my $truth = "truth_${name}_$metric";
	make_tables($name, "to_embedding(v, '$metric')", ", ball(to_embedding(v, '$metric'), $metric.radius) AS b");
	stamp($set, $metric, 'siamese', sql("SELECT 'siamese ' || extversion FROM pg_extension WHERE extname = 'siamese'"));
	note_build($set, $metric, 'siamese', '', 'CREATE INDEX item_index ON item USING siamese (e)');
	note_search($set, $metric, 'siamese', 'exact', $truth, '<->', '');
	note_each($set, $metric, 'siamese', '<->');
	for my $probes (1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 256)
	{
		last if note_search($set, $metric, 'siamese', "probes=$probes", $truth, '<->', "-c siamese.probes=$probes") >= 0.9995;
	}
	for my $target (0.9, 0.95, 0.99)
	{
		note_search($set, $metric, 'siamese', "target_recall=$target", $truth, '<->', "-c siamese.target_recall=$target");
	}

	my $ball = "SELECT id FROM item WHERE e <@ (SELECT b FROM query WHERE id = :id)";
	my %options = (index => '-c enable_seqscan=off', scan => '-c enable_indexscan=off -c enable_bitmapscan=off');
	my %found = map { $_ => sql("SELECT count(*), sum(item.id) FROM query q JOIN item ON item.e <@ q.b WHERE q.id >= -10", $options{$_}) } keys %options;
	die "balls: $found{index} through the index, $found{scan} without it\n" if $found{index} ne $found{scan};
	note($set, $metric, 'siamese', 'ball', 'rows', ($found{index} =~ /(\d+)/)[0] / 10);
	note($set, $metric, 'siamese', 'ball', 'queries_a_s', sprintf '%.1f', queries_a_second($ball, $options{index}));
	note($set, $metric, 'siamese', 'ball by sequential scan', 'queries_a_s', sprintf '%.1f', queries_a_second($ball, $options{scan}));
	note_inserts($set, $metric, 'siamese', '', 5000);
}

# ---- pgvector ----------------------------------------------------------------------------------------------------------------

sub measure_pgvector
{
	my ($set, $metric, $name) = @_;
	my $truth = "truth_${name}_$metric";
	my $operator = $metric eq 'l2' ? '<->' : '<+>';
	make_tables($name, "v::vector($n)", '');
	stamp($set, $metric, 'pgvector', sql("SELECT 'pgvector ' || extversion FROM pg_extension WHERE extname = 'vector'"));
	note_build($set, $metric, 'hnsw', '', "CREATE INDEX item_index ON item USING hnsw (e vector_${metric}_ops) WITH (m = 16, ef_construction = 64)");
	for my $ef (10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 100, 120, 140, 160, 200, 240, 280, 320, 400, 480, 560, 640, 800, 1000)
	{
		last if note_search($set, $metric, 'hnsw', "ef_search=$ef", $truth, $operator, "-c hnsw.ef_search=$ef") >= 0.9975;
	}
	note_inserts($set, $metric, 'hnsw', '', 1000);
	sql('DROP INDEX item_index');
	return if $metric eq 'l1';    # which IVFFlat has not
	for my $lists (sort { $a <=> $b } keys %{ { int($rows / 1000) || 1 => 1, int(sqrt $rows) => 1 } })
	{
		note_build($set, $metric, 'ivfflat', "lists=$lists", "CREATE INDEX item_index ON item USING ivfflat (e vector_l2_ops) WITH (lists = $lists)");
		for my $probes (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
		{
			last if $probes > $lists;
			last if note_search($set, $metric, 'ivfflat', "lists=$lists probes=$probes", $truth, $operator, "-c ivfflat.probes=$probes") >= 0.9975;
		}
		sql('DROP INDEX item_index');
	}
}

# ---- FAISS -------------------------------------------------------------------------------------------------------------------

sub measure_faiss
{
	my ($set, $metric, $name) = @_;
	open my $faiss, '-|', 'python3', "$ENV{PROJECT}/test/bench/index_faiss.py", $folder, $name, $set, $metric, $rows, $n, $queries, $seconds or die;
	while (<$faiss>) { chomp; note($set, $metric, split /\t/); }
	close $faiss or die "index_faiss.py failed\n";
}

# ---- large -------------------------------------------------------------------------------------------------------------------

sub measure_big
{
	my ($big_rows, $big_n, $count) = (1000000, 512, 100);
	begin_results("$folder/big.tsv");
	if (sql("SELECT to_regclass('big_query') IS NULL") eq 't')
	{
		sql('CREATE TABLE big_raw (id int, v real[]); CREATE TABLE big_query (id int, v real[])');
		shell("$generator rows A $big_rows $big_n 1 0 | psql -q -c 'COPY big_raw FROM stdin (FORMAT binary)'");
		shell("$generator rows A $count $big_n 1 -$count | psql -q -c 'COPY big_query FROM stdin (FORMAT binary)'");
	}
	sql('DROP TABLE IF EXISTS big');
	sql('CREATE TABLE big AS SELECT id, v::embedding AS e FROM big_raw');
	sql('VACUUM ANALYZE big');
	stamp('A', 'l2', 'siamese', 'maintenance_work_mem = 1GB');
	note('A', 'l2', 'siamese', '1000000 x 512', 'build_s', sprintf '%.1f', seconds_of(sub { sql("CREATE INDEX big_index ON big USING siamese (e)", "-c maintenance_work_mem=1GB") }));
	note('A', 'l2', 'siamese', '1000000 x 512', 'size_mb', sprintf '%.0f', sql("SELECT pg_relation_size('big_index') / 1048576.0"));
	my $wrong = sql("SELECT count(*) FROM big_query q WHERE id >= -5 AND (SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM big ORDER BY e <-> q.v::embedding LIMIT 10) x) <>
		(SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM big ORDER BY l2_distance(e, q.v::embedding) LIMIT 10) x)", '-c enable_seqscan=off');
	note('A', 'l2', 'siamese', '1000000 x 512', 'wrong answers of 5', $wrong);
	local $queries = $count;
	note('A', 'l2', 'siamese', '1000000 x 512', 'queries_a_s', sprintf '%.1f', queries_a_second('SELECT id FROM big ORDER BY e <-> (SELECT v::embedding FROM big_query WHERE id = :id) LIMIT 10', ''));
}

sql('CREATE EXTENSION IF NOT EXISTS vector; DROP EXTENSION IF EXISTS siamese CASCADE; CREATE EXTENSION siamese');
measure_big() if $ENV{BIG};
my %done;
if (open my $file, '<', "$folder/pgvector.$size.tsv") { while (<$file>) { $done{"$1 $2"} = 1 if /^(\S+)\t(\S+)\t.*\tcomplete\t/; } }
for my $only (split ' ', $ENV{ONLY})
{
	begin_results("$folder/$only.$size.tsv", $only eq 'pgvector');
	for my $set (split ' ', $ENV{SETS})
	{
		my $name = make_set($set);
		for my $metric (split ' ', $ENV{METRICS})
		{
			if ($only eq 'siamese') { measure_siamese($set, $metric, $name); }
			elsif ($only eq 'faiss') { measure_faiss($set, $metric, $name); }
			elsif (!$done{"$set $metric"}) { measure_pgvector($set, $metric, $name); }
			else { next; }
			note($set, $metric, $only, '', 'complete', 1);
		}
	}
}
