/*
 * build_sort.c: rows of an index build, sorted by region, and from there to the pages.
 */
#include "postgres.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "index/build.h"

#define LEAST_PART 64			/* rows of a region that are grouped together, however little memory there is */

static TupleDesc
sort_descriptor(void)
{
	TupleDesc	descriptor = CreateTemplateTupleDesc(3);

	TupleDescInitEntry(descriptor, 1, "region", INT4OID, -1, 0);
	TupleDescInitEntry(descriptor, 2, "tid", TIDOID, -1, 0);
	TupleDescInitEntry(descriptor, 3, "vector", BYTEAOID, -1, 0);
	return descriptor;
}

void
build_begin_sort(IndexBuild *build)
{
	BuildSort  *sort = &build->sort;
	AttrNumber	attributes[] = {1};
	Oid			operators[] = {Int4LessOperator};
	Oid			collations[] = {InvalidOid};
	bool		nulls_first[] = {false};

	sort->slot = MakeSingleTupleTableSlot(sort_descriptor(), &TTSOpsMinimalTuple);
	sort->put_slot = MakeSingleTupleTableSlot(sort->slot->tts_tupleDescriptor, &TTSOpsVirtual);
	sort->state = tuplesort_begin_heap(sort->slot->tts_tupleDescriptor, 1, attributes, operators, collations, nulls_first,
									   build->settings.memory / 2, NULL, TUPLESORT_NONE);
}

void
build_sort_row(IndexBuild *build, int region, ItemPointer tid, const IndexVector *row)
{
	TupleTableSlot *slot = build->sort.put_slot;

	ExecClearTuple(slot);
	slot->tts_values[0] = Int32GetDatum(region);
	slot->tts_values[1] = PointerGetDatum(tid);
	slot->tts_values[2] = PointerGetDatum(row);
	memset(slot->tts_isnull, 0, 3 * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(build->sort.state, slot);
}

void
build_sort_rows(IndexBuild *build)
{
	tuplesort_performsort(build->sort.state);
}

/* A region is written in parts that fit into half of the memory, with their vectors and what group.c makes of those. */
void
build_write_sorted(IndexBuild *build)
{
	BuildSort  *sort = &build->sort;
	int			n = build->layout.dimensions;
	Size		row_size = MAXALIGN(INDEX_VECTOR_SIZE(n)) + 2 * sizeof(float) * n;
	int			most = (int) Max(Min(build->settings.memory * 1024.0 / 2 / row_size, 1000000), LEAST_PART);
	IndexVector **rows = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(IndexVector *) * most);
	ItemPointerData *tids = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(ItemPointerData) * most);
	int			count = 0;
	int			region = -1;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "siamese index build: region", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(context);

	for (;;)
	{
		bool		more = tuplesort_gettupleslot(sort->state, true, false, sort->slot, NULL);
		int			next = -1;

		if (more)
		{
			slot_getallattrs(sort->slot);
			next = DatumGetInt32(sort->slot->tts_values[0]);
		}
		if (count > 0 && (next != region || count == most))
		{
			index_writer_rows(build->writer, region, rows, tids, count);
			build_report_rows(build, count);
			MemoryContextReset(context);
			count = 0;
		}
		if (next != region && region >= 0)
			index_writer_region_end(build->writer, region);
		if (!more)
			break;
		region = next;
		tids[count] = *(ItemPointer) DatumGetPointer(sort->slot->tts_values[1]);
		/* a copy: aligned, and with a full header, which short values lose in a tuple */
		rows[count++] = (IndexVector *) PG_DETOAST_DATUM_COPY(sort->slot->tts_values[2]);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(context);
	pfree(rows);
	pfree(tids);
}

void
build_end_sort(IndexBuild *build)
{
	tuplesort_end(build->sort.state);
	ExecDropSingleTupleTableSlot(build->sort.put_slot);
	ExecDropSingleTupleTableSlot(build->sort.slot);
}
