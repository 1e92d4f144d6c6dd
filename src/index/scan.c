/*
 * scan.c: the executor's scan: keys and order -> a search.
 *
 * All conditions are rechecked by the executor, and so is the order: the index only knows bounds.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/skey.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/tidbitmap.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "common/check.h"
#include "common/compat.h"
#include "index/index.h"
#include "index/region.h"
#include "index/search.h"
#include "model/row_cache.h"

PG_FUNCTION_INFO_V1(siamese_index_scan);

typedef struct SiameseScan
{
	Search	   *search;
	bool		begun;
	bool		ordered;
	bool		values;			/* rows with a value are wanted, and not all returned */
	bool		nulls;			/* the others */
	bool		in_nulls;
} SiameseScan;

/* What the last scan of this session did, for siamese.index_scan(). */
static SearchCounts last_counts;

IndexScanDesc
index_scan_begin(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	SiameseScan *state = palloc0(sizeof *state);

	state->search = search_begin(index);
	scan->opaque = state;
	if (norderbys > 0)
	{
		scan->xs_orderbyvals = palloc0(sizeof(Datum) * norderbys);
		scan->xs_orderbynulls = palloc0(sizeof(bool) * norderbys);
	}
	return scan;
}

void
index_scan_restart(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
	((SiameseScan *) scan->opaque)->begun = false;
}

/* The ball of a condition: its centre and radius. */
static const Embedding *
ball_of_key(const ScanKeyData *key, double *radius)
{
	const Embedding *center;

	if (key->sk_strategy == INDEX_WITHIN)
	{
		Ball	   *ball = DatumGetBall(key->sk_argument);

		*radius = ball->radius;
		return ball_center(ball);
	}
	center = DatumGetEmbedding(key->sk_argument);
	if (center->model == 0)
		check_raise_no_model();
	*radius = model_calibration(center->model)->threshold;
	return center;
}

/*
 * One condition limits the search: with an order, one around the same centre; otherwise the one with the smallest radius.
 * The others are left to the recheck.
 */
static void
begin_search(IndexScanDesc scan)
{
	SiameseScan *state = scan->opaque;
	const Embedding *query = NULL;
	double		limit = INFINITY;
	bool		null_order = false;

	state->begun = true;
	state->ordered = scan->numberOfOrderBys > 0;
	state->values = true;
	state->nulls = true;
	state->in_nulls = false;
	if (state->ordered)
	{
		null_order = (scan->orderByData[0].sk_flags & SK_ISNULL) != 0;
		if (!null_order)
			query = DatumGetEmbedding(scan->orderByData[0].sk_argument);
	}
	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		const ScanKeyData *key = &scan->keyData[i];
		const Embedding *center;
		double		radius;

		if (key->sk_flags & SK_SEARCHNULL)
			state->values = false;
		else if (key->sk_flags & SK_SEARCHNOTNULL)
			state->nulls = false;
		else if (key->sk_flags & SK_ISNULL)
			state->values = state->nulls = false;	/* <@ NULL is never true */
		else
		{
			state->nulls = false;
			center = ball_of_key(key, &radius);
			if (radius < limit && (query == NULL || !state->ordered || embedding_compare(query, center) == 0))
			{
				if (query == NULL || !state->ordered)
					query = center;
				limit = radius;
			}
		}
	}
	/* Without a distance to order by, any order will do. */
	state->ordered = state->ordered && !null_order;
	/* The table may have another row by now in place of one that vacuum removed; an MVCC snapshot sees neither. */
	if (state->ordered && !IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("an index scan by distance requires an MVCC snapshot")));
	if (!state->values)
		;
	else if (query != NULL)
		search_start(state->search, query, limit, state->ordered);
	else
		search_start_all(state->search);
	pgstat_count_index_scan(scan->indexRelation);
	compat_count_index_search(scan);
}

static bool
next_row(IndexScanDesc scan, ItemPointerData *tid, double *bound, bool *is_null)
{
	SiameseScan *state = scan->opaque;

	*is_null = false;
	if (state->values)
	{
		if (state->ordered ? search_next(state->search, tid, bound) : search_next_unordered(state->search, tid))
			return true;
		state->values = false;
	}
	if (!state->nulls)
		return false;
	if (!state->in_nulls)
		search_start_nulls(state->search);
	state->in_nulls = true;
	*is_null = true;
	return search_next_null(state->search, tid);
}

bool
index_scan_tuple(IndexScanDesc scan, ScanDirection direction)
{
	SiameseScan *state = scan->opaque;
	double		bound = 0;
	bool		is_null;
	bool		found;

	if (!state->begun)
		begin_search(scan);
	found = next_row(scan, &scan->xs_heaptid, &bound, &is_null);
	last_counts = *search_counts(state->search);
	if (!found)
		return false;
	scan->xs_recheck = true;
	for (int i = 0; i < scan->numberOfOrderBys; i++)
	{
		scan->xs_recheckorderby = true;
		scan->xs_orderbynulls[i] = is_null || !state->ordered;
		scan->xs_orderbyvals[i] = Float8GetDatum(bound);
	}
	return true;
}

int64
index_scan_bitmap(IndexScanDesc scan, TIDBitmap *bitmap)
{
	SiameseScan *state = scan->opaque;
	ItemPointerData tid;
	double		bound;
	bool		is_null;
	int64		count = 0;

	if (!state->begun)
		begin_search(scan);
	while (next_row(scan, &tid, &bound, &is_null))
	{
		tbm_add_tuples(bitmap, &tid, 1, true);
		count++;
	}
	last_counts = *search_counts(state->search);
	return count;
}

void
index_scan_end(IndexScanDesc scan)
{
	search_end(((SiameseScan *) scan->opaque)->search);
}

Datum
siamese_index_scan(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;
	Datum		values[] = {Int64GetDatum(last_counts.regions), Int64GetDatum(last_counts.cells), Int64GetDatum(last_counts.leaves),
	Int64GetDatum(last_counts.codes), Int64GetDatum(last_counts.rows), Int64GetDatum(last_counts.passes)};
	bool		nulls[lengthof(values)] = {false};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
