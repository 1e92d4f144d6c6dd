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
