/*
 * handler.c: what the access method can do, and its functions.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "commands/vacuum.h"
#include "fmgr.h"

#include "common/compat.h"
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
