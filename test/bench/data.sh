# Sourced by benchmarks.  make_data sets $data, a folder that the server can read and that goes with the benchmark.
make_data() {
	data=$(mktemp -d "${TMPDIR:-/tmp}/siamese-data.XXXXXX") || exit 2
	trap 'rm -rf "$data"' EXIT
	chmod a+rx "$data"
}

# unpack NAME... makes it and unpacks archives of real data there; without the data folder the benchmark is skipped.
unpack() {
	local source=${SIAMESE_DATA:-../shared/data}
	if [ ! -x "$source/unpack.sh" ]; then
		echo "skipped: there is no data folder at $source (set SIAMESE_DATA)"
		exit 0
	fi
	make_data
	"$source/unpack.sh" "$data" "$@" || exit 2
	chmod -R a+rX "$data"
}

# compile_with_leptonica NAME: test/bench/NAME.c becomes the program $data/NAME.
compile_with_leptonica() {
	cc -O2 -I"$(dirname "$(find /usr/include /usr/local/include -name allheaders.h 2>/dev/null | head -1)")" -o "$data/$1" "test/bench/$1.c" \
		"$(find /usr/lib /usr/local/lib -name 'liblept.so' -o -name 'libleptonica.so' | head -1)" -lm || exit 2
}

# load_crops SEQUENCE...: the table crop of true boxes of MOT15's sequences, which are unpacked; rows of the truth with flag 0 do not count.
load_crops() {
	local sequence
	for sequence; do
		awk -F, -v OFS='\t' -v sequence="$sequence" '$7 != 0 { print sequence, $1, $2, $3, $4, $5, $6 }' "$data/$sequence/gt/gt.txt"
	done > "$data/truth"
	sql <<-SQL
	CREATE TABLE truth (sequence text, frame int, track int, x float8, y float8, width float8, height float8);
	\\copy truth from '$data/truth'
	CREATE TABLE crop AS SELECT row_number() OVER (ORDER BY sequence, frame, track) AS id, sequence, frame, track,
			siamese.crop(image, box(point(x - 1, y - 1), point(x - 1 + width, y - 1 + height))) AS image
		FROM truth JOIN (SELECT sequence, frame, pg_read_binary_file(format('%s/%s/img1/%s.jpg', '$data', sequence, lpad(frame::text, 6, '0'))) AS image
			FROM (SELECT DISTINCT sequence, frame FROM truth) f) f USING (sequence, frame);
	SQL
}

# Enough for a whole batch of every built-in network: no activations are computed twice.
export PGOPTIONS="${PGOPTIONS:-} -c maintenance_work_mem=${MEMORY:-3GB}"

sql() { psql -X -q -v ON_ERROR_STOP=1 -P pager=off "$@"; }

# ---- the page ------------------------------------------------------------------------------------------------------------------

# How this benchmark was called: what the caller set, and the goal.
benchmark=$(basename "$0")
command=$(for name in NETWORK NETWORKS SYSTEMS SETS OBJECTS EPOCHS SEED FOLDS PAIRS OPTIONS CURVE MADE MADE_EPOCHS ALPHABETS WHOLE_ALPHABETS SIZES DIMENSIONS SAMPLES \
	SIGNERS PEOPLE IMAGES MEMORY MINUTES; do
	[ -z "${!name+set}" ] || case ${!name} in *[!A-Za-z0-9_./]*) printf "%s='%s' " $name "${!name}" ;; *) printf '%s=%s ' $name "${!name}" ;; esac
done; echo "make bench-$benchmark")

# section NAME TITLE: standard input, below TITLE and the command with its seed and the date, is the section NAME of README.md.
section() {
	{ printf '## %s\n\n`%s`, %s%s:\n\n' "$2" "$command" "${seed:+seed $seed, }" "$(date +%F)"; cat; } | test/bench/section "$1" "$benchmark"
}

# table QUERY: its rows as a table of the page.
table() {
	sql -A -F ' | ' -P footer=off -c "$1" | awk -F ' [|] ' '{ print "| " $0 " |" } NR == 1 { printf "|"; for (i = 1; i <= NF; i++) printf "---|"; print "" }'
}
