# assemble.awk: writes an installation or upgrade script of the extension.
#
#   awk -f sql/assemble.awk sql/siamese.sql           the script of CREATE EXTENSION
#   awk -f sql/assemble.awk sql/upgrade-1.0-1.1.sql   that of ALTER EXTENSION ... UPDATE
#
# Lines of a script that begin so stand for something else:
#   -- include FILE        the file, below sql/: the definitions of the built-in networks are files of their own
#   -- take KIND NAME      the statements of siamese.sql that make an object, its rights and what it is made of; NAME may go on with
#                          "(" and the first arguments, where there are several functions of the name
#   -- replace KIND NAME   the same, as CREATE OR REPLACE, for a function or a view that keeps its arguments or columns
#   -- take ROWS NAME      the statement of siamese.sql that fills a table
#   -- take COMMENTS       all COMMENT ON statements of siamese.sql
# So what a release adds is written once, in siamese.sql, and an upgrade names it.

function fail(why) { print FILENAME ":" FNR ": " why > "/dev/stderr"; failed = 1; exit 1 }

# The folder of the script, and so of the files that it names.
function folder(path) { path = FILENAME; sub(/[^\/]*$/, "", path); return path }

function included(file, path, text, line, status)
{
	path = folder() file
	text = ""
	while ((status = (getline line < path)) > 0)
		text = text line "\n"
	if (status < 0)
		fail(path " cannot be read")
	close(path)
	return text
}

# The statements of siamese.sql, without the comments before them, as statement[1 .. statements].
function read_statements(path, line, text, quoted)
{
	path = folder() "siamese.sql"
	text = ""
	while ((getline line < path) > 0)
	{
		if (line ~ /^-- include /)
			text = text included(substr(line, 12))
		else if (text != "" || line !~ /^(--|\\|$)/)
			text = text line "\n"
		if (line ~ /\$json\$/ && gsub(/\$json\$/, "&", line) % 2 == 1)
			quoted = !quoted
		if (line ~ /;$/ && !quoted)
		{
			statement[++statements] = text
			text = ""
		}
	}
	close(path)
}

# Whether text begins with start, as a whole word.
function begins(text, start) { return index(text, start) == 1 && substr(text, length(start) + 1, 1) !~ /[A-Za-z0-9_]/ }

function belongs(text, kind, name, head)
{
	if (begins(text, "CREATE " kind " " name))
		return 1
	if (kind == "ROWS")
		return begins(text, "INSERT INTO " name)
	head = text
	sub(/\n.*/, "", head)
	if (head ~ /^(REVOKE|GRANT) / && match(head, / ON [A-Z]+ /))
		return begins(substr(head, RSTART + 4), kind " " name)
	if (head ~ /^(REVOKE|GRANT|CREATE (UNIQUE )?INDEX|CREATE POLICY|CREATE TRIGGER) / && match(text, / ON siamese\./))
		return (kind == "TABLE" || kind == "VIEW") && begins(substr(text, RSTART + 4), name)
	if (kind != "TABLE")
		return 0
	return begins(text, "ALTER TABLE " name) || begins(text, "INSERT INTO " name) || index(text, "SELECT pg_catalog.pg_extension_config_dump('" name "'") == 1
}

function take(kind, name, replace, i, text, found)
{
	if (!statements)
		read_statements()
	for (i = 1; i <= statements; i++)
	{
		text = statement[i]
		if (kind == "COMMENTS" ? text !~ /^COMMENT ON / : !belongs(text, kind, name))
			continue
		if (replace)
			sub(/^CREATE /, "CREATE OR REPLACE ", text)
		printf "%s", text
		found = 1
	}
	if (!found)
		fail("sql/siamese.sql has no " kind " " name)
}

/^-- include / { printf "%s", included(substr($0, 12)); next }
/^-- (take|replace) [A-Z]/ { words = $0; sub(/^-- [a-z]+ [A-Z]+ */, "", words); take($3, words, $2 == "replace"); next }
{ print }
END { exit failed }
