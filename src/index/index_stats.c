/*
 * index_stats.c: siamese.index_stats(): what an index consists of; siamese.index_model(): whose embeddings it holds.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "common/check.h"
#include "common/compat.h"
#include "index/index.h"
#include "index/region.h"

PG_FUNCTION_INFO_V1(siamese_index_stats);

typedef struct Totals
{
	int64		leaves;
	int64		directories;
	int64		rows;
	int64		free;
	int64		cells;
	int64		nulls;
	int64		clipped;		/* rows whose slack is far beyond rounding */
	double		slack;			/* of rows, in units of rounding */
} Totals;

static void
add_leaf(Totals *totals, Page page, const IndexLayout *layout, float rounding)
{
	const IndexNode *node = INDEX_NODE(page);

	totals->leaves++;
	for (int i = 0; i < node->count; i++)
	{
		float		slack = index_slacks(page, layout)[i];

		if (!ItemPointerIsValid(&index_items(page, layout)[i].tid))
		{
			totals->free++;
			continue;
		}
		totals->rows++;
		if (slack > 4 * rounding)
			totals->clipped++;
	}
}

Datum
siamese_index_stats(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;
	IndexInspection inspection;
	Relation	index;
	BlockNumber blocks;
	IndexLayout layout = {0};
	IndexMeta	meta;
	Totals		totals = {0};
	float		rounding = 0;
	double		capacity;
	int64		bad;
	Datum		values[15];
	bool		nulls[15] = {false};
	char		model[17];

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	index_inspect_begin(&inspection, PG_GETARG_OID(0), AccessShareLock);
	index = inspection.index;
	blocks = RelationGetNumberOfBlocks(index);
	index_read_meta(index, &meta);
	if (meta.dimensions > 0)
	{
		index_layout(&layout, index_coded(&meta));
		rounding = meta.metric == METRIC_L1 ? layout.dimensions / 2.0f : sqrtf(layout.dimensions) / 2;
	}
	for (BlockNumber block = INDEX_META_BLOCK + 1; block < blocks; block++)
	{
		Buffer		buffer = ReadBuffer(index, block);
		Page		page = BufferGetPage(buffer);

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		switch (index_page_kind(page))
		{
			case INDEX_PAGE_LEAF:
				if (layout.dimensions == 0)
					break;		/* the first row was inserted after the meta page was read */
				index_check_node(index, block, page, &layout);
				add_leaf(&totals, page, &layout, rounding);
				break;
			case INDEX_PAGE_DIRECTORY:
				totals.directories++;
				totals.cells += INDEX_NODE(page)->count - INDEX_NODE(page)->free;
				break;
			case INDEX_PAGE_NULLS:
				totals.nulls += index_null_count(page);
				break;
			default:
				break;
		}
		UnlockReleaseBuffer(buffer);
	}
	bad = totals.clipped + meta.outliers;
	capacity = Max((double) totals.leaves * layout.capacity, 1);
	snprintf(model, sizeof model, "%016llx", (unsigned long long) meta.model);

	nulls[0] = meta.dimensions == 0 || meta.model == 0;
	values[0] = CStringGetTextDatum(model);
	nulls[1] = nulls[2] = meta.dimensions == 0;
	values[1] = CStringGetTextDatum(metric_name((Metric) meta.metric));
	values[2] = Int32GetDatum(meta.dimensions);
	nulls[3] = meta.axes == 0;
	values[3] = Int32GetDatum(meta.axes);
	values[4] = Int64GetDatum(totals.rows);
	values[5] = Int64GetDatum(totals.nulls);
	values[6] = Int64GetDatum(meta.built_rows);
	values[7] = Int32GetDatum(meta.regions);
	values[8] = Int64GetDatum(totals.cells);
	values[9] = Int64GetDatum(totals.leaves);
	values[10] = Int64GetDatum(totals.directories);
	values[11] = Float8GetDatum(totals.rows / capacity);
	values[12] = Float8GetDatum(totals.rows > 0 ? Min((double) bad / totals.rows, 1) : 0);
	values[13] = Int64GetDatum((int64) blocks * BLCKSZ);

	/*
	 * A new build pays if a tenth of the rows are badly coded, if more than half of them are newer than the build, or if most
	 * of the space of a larger index is free.
	 */
	values[14] = BoolGetDatum(bad * 10 > totals.rows ||
							  (totals.rows > 1000 && totals.rows > 2 * (int64) meta.built_rows) ||
							  (totals.leaves > 100 && totals.rows < capacity * 0.4));
	index_inspect_end(&inspection);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

PG_FUNCTION_INFO_V1(siamese_index_model);

/*
 * Reads the meta page, and opens neither the table nor an expression of it, so everybody may ask.  No lock is kept: it is asked
 * of all indexes of a database in turn.  A damaged page is no error here, where a training may wait for the answer.
 */
Datum
siamese_index_model(PG_FUNCTION_ARGS)
{
	Relation	index = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
	uint64		model = 0;

	if (index == NULL)
		PG_RETURN_NULL();
	if (index->rd_rel->relkind != RELKIND_INDEX || index->rd_rel->relam != get_index_am_oid("siamese", false))
		check_index_kind(RelationGetRelationName(index));
	if (!RELATION_IS_OTHER_TEMP(index) && RelationGetNumberOfBlocks(index) > 0)
	{
		Buffer		buffer = ReadBuffer(index, INDEX_META_BLOCK);
		Page		page = BufferGetPage(buffer);

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (!PageIsNew(page) && PageGetSpecialSize(page) == MAXALIGN(sizeof(IndexSpecial)) &&
			INDEX_SPECIAL(page)->magic == INDEX_PAGE_MAGIC && INDEX_SPECIAL(page)->kind == INDEX_PAGE_META &&
			INDEX_META(page)->magic == INDEX_MAGIC)
			model = INDEX_META(page)->model;
		UnlockReleaseBuffer(buffer);
	}
	relation_close(index, AccessShareLock);
	if (model == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%016llx", (unsigned long long) model)));
}
