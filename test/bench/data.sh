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
