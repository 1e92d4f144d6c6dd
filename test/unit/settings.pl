#!/usr/bin/perl
# Turns network definitions into a C header: settings.pl compact.json koch.json ... > build/unit/presets.h
# Each file becomes an array of NetworkSetting, named after it: the leaves of its JSON, as model/ hands them over.
use strict;
use warnings;
use JSON::PP;

my $json = JSON::PP->new->allow_bignum(0);

sub quote
{
	my ($text) = @_;
	$text =~ s/([\\"])/\\$1/g;
	return qq("$text");
}

# Is this scalar a number in the JSON, not a text?
sub is_number
{
	my ($value) = @_;
	return $json->allow_nonref->encode($value) !~ /^"/;
}

sub leaves
{
	my ($path, $value) = @_;
	if (ref $value eq 'HASH' && %$value)
	{
		return map { leaves($path eq '' ? $_ : "$path.$_", $value->{$_}) } sort keys %$value;
	}
	if (ref $value eq 'ARRAY' && @$value)
	{
		return map { leaves("$path\[$_]", $value->[$_]) } 0 .. $#$value;
	}
	my $start = "\t{" . quote($path) . ', ';
	return $start . 'SETTING_BOOLEAN, ' . ($value ? 1 : 0) . ', NULL}' if JSON::PP::is_bool($value);
	return $start . 'SETTING_EMPTY, 0, NULL}' if !defined $value || ref $value;
	return $start . "SETTING_NUMBER, $value, NULL}" if is_number($value);
	return $start . 'SETTING_TEXT, 0, ' . quote($value) . '}';
}

print "/* Made by test/unit/settings.pl. */\n#include \"network/network.h\"\n";
for my $file (@ARGV)
{
	my ($name) = $file =~ m{([^/]+)\.json$} or die "$file: not a .json file\n";
	open my $handle, '<', $file or die "$file: $!\n";
	my $text = do { local $/; <$handle> };
	my @lines = leaves('', $json->decode($text));
	print "\nstatic const NetworkSetting ${name}_settings[] = {\n", join(",\n", @lines), "\n};\n";
	print "static const int ${name}_setting_count = ", scalar(@lines), ";\n";
}
