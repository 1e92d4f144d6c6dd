/*
 * insert_region.c: the region of an inserted row: the nearest one, or a new one around it.
 */
#include "postgres.h"

#include <math.h>

#include "distance/distance.h"
#include "index/insert_internal.h"

#define CLIPPED_TOO_MUCH 4		/* times the error of rounding: such a row founds a region */
#define REACH_OF_NEW 2			/* the box of a new region extends so many times the distance to the nearest centre */

static void
code_for_region(Insertion *insertion)
{
	int			n = insertion->layout.dimensions;
	Metric		metric = (Metric) insertion->row->metric;

	memset(insertion->code, CODE_ZERO, n);
	insertion->radius = code_row_distance(metric, insertion->vector, insertion->rounding, insertion->centre, insertion->step, n,
										  insertion->code);
	insertion->slack = code_row(metric, insertion->vector, insertion->rounding, insertion->centre, insertion->step, n,
								insertion->code, &insertion->clipped);
	insertion->prefix_slack = code_row_distance(metric, insertion->vector, insertion->rounding, insertion->centre, insertion->step,
											  insertion->directory.dimensions, insertion->code);
}

/* The nearest region; false if there is none. */
static bool
choose_region(Insertion *insertion)
{
	const IndexCache *cache = index_cache(insertion->index, &insertion->meta);
	int			n = insertion->layout.dimensions;
	double		least = INFINITY;

	if (cache == NULL || cache->regions == 0)
		return false;
	insertion->region = 0;
	for (uint32 i = 0; i < cache->regions; i++)
	{
		double		distance = distance_kernels()->l2_squared(insertion->vector, index_cache_centre(cache, i), n);

		if (distance < least)
		{
			least = distance;
			insertion->region = i;
		}
	}
	insertion->step = cache->values[insertion->region];
	memcpy(insertion->centre, index_cache_centre(cache, insertion->region), sizeof(float) * n);
	code_for_region(insertion);
	return true;
}

/* Writes the floats of a centre to pages of their own. */
static BlockNumber
write_centre(Relation index, const float *centre, int n)
{
	BlockNumber next = InvalidBlockNumber;

	/* from the last page to the first, so that each can be linked to the one after it */
	for (int start = (n - 1) / INDEX_FLOATS_PER_PAGE * INDEX_FLOATS_PER_PAGE; start >= 0; start -= INDEX_FLOATS_PER_PAGE)
	{
		GenericXLogState *state = GenericXLogStart(index);
		Page		page;
		Buffer		buffer = index_new_page(state, index, INDEX_PAGE_CENTRES, INDEX_NO_REGION, &page);

		memcpy(PageGetContents(page), centre + start, Min(n - start, INDEX_FLOATS_PER_PAGE) * sizeof(float));
		INDEX_SPECIAL(page)->next = next;
		GenericXLogFinish(state);
		next = BufferGetBlockNumber(buffer);
		UnlockReleaseBuffer(buffer);
	}
	return next;
}

/* The number of regions is limited, so that their pages do not outgrow the rows. */
static bool
may_found_region(const IndexMeta *meta)
{
	return meta->regions < LIMIT_REGIONS && meta->regions < 2 * meta->built_regions + 16;
}

/*
 * The row becomes the centre of a new region.  Its box extends twice as far as the nearest centre (or zero) is: the best guess of
 * the scale of what comes next.
 */
static void
found_region(Insertion *insertion, double reach)
{
	Relation	index = insertion->index;
	int			n = insertion->layout.dimensions;
	IndexRegion record = {0};
	Buffer		meta_buffer;
	Buffer		buffer;
	Buffer		previous = InvalidBuffer;
	IndexMeta  *meta;
	Page		page;
	GenericXLogState *state;

	memcpy(insertion->centre, insertion->vector, sizeof(float) * n);
	insertion->step = index_step(reach * REACH_OF_NEW, insertion->centre, n);

	/* One session at a time; the others choose again. */
	meta_buffer = index_read(index, INDEX_META_BLOCK, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_META);
	meta = INDEX_META(BufferGetPage(meta_buffer));
	if (meta->regions != insertion->meta.regions || meta->dimensions != insertion->meta.dimensions)
	{
		insertion->meta = *meta;
		UnlockReleaseBuffer(meta_buffer);
		index_check_embedding(index, &insertion->meta, insertion->row);
		index_layout(&insertion->directory, insertion->meta.prefix);
		choose_region(insertion);
		return;
	}
	if (meta->regions == 0)
		index_free_leftovers(index);
	insertion->region = meta->regions;
	record.step = insertion->step;
	record.centre = write_centre(index, insertion->centre, n);
	record.directory = record.space = InvalidBlockNumber;

	state = GenericXLogStart(index);
	meta = INDEX_META(GenericXLogRegisterBuffer(state, meta_buffer, 0));
	if (meta->regions % INDEX_REGIONS_PER_PAGE == 0)
	{
		buffer = index_new_page(state, index, INDEX_PAGE_REGIONS, INDEX_NO_REGION, &page);
		if (BlockNumberIsValid(meta->last_regions))
		{
			previous = index_read(index, meta->last_regions, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_REGIONS);
			INDEX_SPECIAL(GenericXLogRegisterBuffer(state, previous, 0))->next = BufferGetBlockNumber(buffer);
		}
		else
			meta->first_regions = BufferGetBlockNumber(buffer);
		meta->last_regions = BufferGetBlockNumber(buffer);
	}
	else
	{
		buffer = index_read(index, meta->last_regions, BUFFER_LOCK_EXCLUSIVE, INDEX_PAGE_REGIONS);
		page = GenericXLogRegisterBuffer(state, buffer, 0);
	}
	INDEX_REGIONS(page)[meta->regions % INDEX_REGIONS_PER_PAGE] = record;
	meta->dimensions = insertion->row->dimensions;
	meta->prefix = insertion->directory.dimensions;
	meta->metric = insertion->row->metric;
	meta->model = insertion->row->model;
	meta->regions++;
	GenericXLogFinish(state);
	if (BufferIsValid(previous))
		UnlockReleaseBuffer(previous);
	insertion->meta = *INDEX_META(BufferGetPage(meta_buffer));
	UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(meta_buffer);
	code_for_region(insertion);
}

static double
largest(const float *values, const float *from, int n)
{
	double		most = 0;

	for (int i = 0; i < n; i++)
		most = Max(most, fabs(values[i] - (from ? (double) from[i] : 0)));
	return most;
}

void
insert_find_region(Insertion *insertion)
{
	int			n = insertion->layout.dimensions;
	float		rounding = insertion->row->metric == METRIC_L1 ? n / 2.0f : sqrtf((float) n) / 2;

	if (!choose_region(insertion))
		found_region(insertion, largest(insertion->vector, NULL, n));
	else if (insertion->clipped > CLIPPED_TOO_MUCH * rounding && may_found_region(&insertion->meta))
		found_region(insertion, largest(insertion->vector, insertion->centre, n));
}

void
insert_grow_region(Insertion *insertion)
{
	IndexRegion *record;
	Buffer		buffer = index_lock_region(insertion->index, &insertion->meta, insertion->region, BUFFER_LOCK_SHARE, &record);
	bool		grow = record->radius < insertion->radius;

	insertion->record = *record;
	UnlockReleaseBuffer(buffer);
	if (!grow)
		return;
	buffer = index_lock_region(insertion->index, &insertion->meta, insertion->region, BUFFER_LOCK_EXCLUSIVE, &record);
	if (record->radius < insertion->radius)
	{
		GenericXLogState *state = GenericXLogStart(insertion->index);
		Page		page = GenericXLogRegisterBuffer(state, buffer, 0);

		INDEX_REGIONS(page)[insertion->region % INDEX_REGIONS_PER_PAGE].radius = insertion->radius;
		GenericXLogFinish(state);
	}
	UnlockReleaseBuffer(buffer);
}
