# Models that arrive as rows: on a logical subscriber, whose apply worker fires no trigger, sessions see each new version and each
# new calibration; and between databases of different encodings a model keeps its fingerprint.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
$publisher->start;
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(allows_streaming => 'logical');
$subscriber->start;

my $network = q{INSERT INTO siamese.network (name, definition) VALUES ('tiny', '{"input": {"width": 16, "height": 16},
	"layers": [{"type": "dense", "units": 4, "name": "NAME"}], "training": {"classes": 4, "samples": 2, "held_out": 0.4}}')};
my $specimen = 'CREATE TABLE specimen AS SELECT row_number() OVER () AS id, signer, image FROM siamese.sample_signatures(8, 3, 3) WHERE genuine';
my $train = q{CALL siamese.train('m', 'SELECT image, signer FROM specimen', 'tiny', 1, SEED)};

# ---- a logical subscriber

for my $node ($publisher, $subscriber)
{
	$node->safe_psql('postgres', "CREATE EXTENSION siamese; $specimen");
}
$publisher->safe_psql('postgres', $network =~ s/NAME/one/r . '; CREATE PUBLICATION models FOR TABLE siamese.model, siamese.model_weights');
$publisher->safe_psql('postgres', $train =~ s/SEED/1/r);
$subscriber->safe_psql('postgres', q{CREATE SUBSCRIPTION models CONNECTION '} . $publisher->connstr . q{ dbname=postgres' PUBLICATION models});
$subscriber->wait_for_subscription_sync($publisher, 'models');

# One session asks before and after each change; what others do meanwhile reaches it by the rows alone.
my $session = $subscriber->background_psql('postgres', on_error_stop => 0);
my $version = q{SELECT m.version FROM siamese.model m, specimen s WHERE s.id = 1 AND m.fingerprint = model(embed(s.image, 'm')) ORDER BY 1 DESC LIMIT 1};
my $threshold = q{SELECT threshold FROM specimen, verify(embed(image, 'm'), embed(image, 'm')) WHERE id = 1};
is($session->query_safe($version), '1', 'the subscriber has the model');
$publisher->safe_psql('postgres', $train =~ s/SEED/2/r);
$publisher->wait_for_catchup('models');
is($session->query_safe($version), '2', 'an open session sees the version that the apply worker brought');
$session->query_safe($threshold);
$publisher->safe_psql('postgres', q{UPDATE siamese.model SET calibration = jsonb_set(calibration, '{threshold}', '0.25')});
$publisher->wait_for_catchup('models');
is($session->query_safe($threshold), '0.25', 'and the calibration');
$publisher->safe_psql('postgres', q{DELETE FROM siamese.model WHERE version = 2});
$publisher->wait_for_catchup('models');
is($session->query_safe($version), '1', 'and that a version is gone');
$session->quit;
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION models');
$subscriber->stop;

# ---- databases of different encodings: a name that is not ASCII in a definition

for my $encoding ('LATIN1', 'UTF8')
{
	$publisher->safe_psql('postgres', "CREATE DATABASE $encoding ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
}
$publisher->safe_psql('latin1', "SET client_encoding = 'UTF8'; CREATE EXTENSION siamese; $specimen; "
	. $network =~ s/NAME/\xc3\xa9tage/r);
$publisher->safe_psql('latin1', $train =~ s/SEED/1/r);
my $digest = q{SELECT md5(string_agg(embed(image, 'm')::text, ' ' ORDER BY id)) FROM specimen};
my $wanted = $publisher->safe_psql('latin1', $digest);
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
$publisher->command_ok([ 'pg_dump', '-f', $dump, '-d', $publisher->connstr('latin1') ], 'dump of a database in LATIN1');
$publisher->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $publisher->connstr('utf8') ], 'restored into UTF8');
is($publisher->safe_psql('utf8', $digest), $wanted, 'the model embeds the same');
my $export = $publisher->safe_psql('latin1', q{SELECT encode(siamese.export_model('m'), 'base64')});
is($publisher->safe_psql('utf8', "SELECT siamese.import_model('n', decode('$export', 'base64'))"), 'n@1', 'an exported model arrives');
is($publisher->safe_psql('utf8', q{SELECT count(DISTINCT fingerprint) FROM siamese.model}), '1', 'with the same fingerprint');
is($publisher->safe_psql('utf8', q{SELECT definition #>> '{layers,0,name}' FROM siamese.model LIMIT 1}), "\xc3\xa9tage", 'and its name');

$publisher->stop;
done_testing();
