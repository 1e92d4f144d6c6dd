# Sourced by the benchmarks that use real data: unpacks an archive of the data folder where the server can read it.
# unpack NAME... sets $data, a folder that goes with the benchmark; without the data folder the benchmark is skipped.
unpack() {
	local source=${SIAMESE_DATA:-../shared/data}
	if [ ! -x "$source/unpack.sh" ]; then
		echo "skipped: there is no data folder at $source (set SIAMESE_DATA)"
		exit 0
	fi
	data=$(mktemp -d "${TMPDIR:-/tmp}/siamese-data.XXXXXX") || exit 2
	trap 'rm -rf "$data"' EXIT
	"$source/unpack.sh" "$data" "$@" || exit 2
	chmod -R a+rX "$data"
}

# Enough for a whole batch of every built-in network: no activations are computed twice.
export PGOPTIONS="${PGOPTIONS:-} -c maintenance_work_mem=${MEMORY:-3GB}"

sql() { psql -X -q -v ON_ERROR_STOP=1 -P pager=off "$@"; }
