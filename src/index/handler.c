/*
 * handler.c: what the access method can do, and its options.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/reloptions.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "common/check.h"
#include "index/index.h"

PG_FUNCTION_INFO_V1(siamese_index_handler);

Datum
siamese_index_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *routine = makeNode(IndexAmRoutine);

	routine->amstrategies = INDEX_DISTANCE;
	routine->amsupport = 0;
	routine->amcanorderbyop = true;
	routine->amoptionalkey = true;
	routine->amsearchnulls = true;
	routine->amusemaintenanceworkmem = false;
	routine->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	routine->amkeytype = InvalidOid;
	compat_set_parallel_build(routine, true);

	routine->ambuild = index_am_build;
	routine->ambuildempty = index_build_empty;
	routine->aminsert = index_am_insert;
	routine->ambulkdelete = index_am_bulk_delete;
	routine->amvacuumcleanup = index_am_vacuum_cleanup;
	routine->amcostestimate = index_cost;
	routine->amoptions = index_options;
	routine->ambuildphasename = index_build_phase;
	routine->amvalidate = index_validate;
	routine->ambeginscan = index_scan_begin;
	routine->amrescan = index_scan_restart;
	routine->amgettuple = index_scan_tuple;
	routine->amgetbitmap = index_scan_bitmap;
	routine->amendscan = index_scan_end;
	PG_RETURN_POINTER(routine);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

bytea *
index_options(Datum reloptions, bool validate)
{
	static relopt_kind kind = 0;
	static const relopt_parse_elt elements[] = {
		{.optname = "regions", .opttype = RELOPT_TYPE_INT, .offset = offsetof(IndexOptions, regions)},
		{.optname = "fillfactor", .opttype = RELOPT_TYPE_INT, .offset = offsetof(IndexOptions, fillfactor)}
	};

	if (kind == 0)
	{
		kind = add_reloption_kind();
		add_int_reloption(kind, "regions", "coarse parts of space; 0: about the root of the number of rows",
						  0, 0, LIMIT_REGIONS, AccessExclusiveLock);
		add_int_reloption(kind, "fillfactor", "how full the build makes pages, in per cent",
						  INDEX_DEFAULT_FILLFACTOR, 10, 100, AccessExclusiveLock);
	}
	return build_reloptions(reloptions, validate, kind, sizeof(IndexOptions), elements, lengthof(elements));
}

int
index_fill(Relation index)
{
	return index->rd_options ? ((IndexOptions *) index->rd_options)->fillfactor : INDEX_DEFAULT_FILLFACTOR;
}
