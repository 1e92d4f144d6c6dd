/*
 * meta.c: the meta page, the regions, and a backend's cache of them.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "common/check.h"
#include "distance/distance.h"
#include "index/region.h"

void
index_meta_init(Page page, int fill)
{
	IndexMeta  *meta;

	index_page_init(page, INDEX_PAGE_META, INDEX_META_BLOCK, INDEX_NO_REGION);
	meta = INDEX_META(page);
	memset(meta, 0, sizeof *meta);
	meta->magic = INDEX_MAGIC;
	meta->first_axes = InvalidBlockNumber;
	meta->first_regions = InvalidBlockNumber;
	meta->last_regions = InvalidBlockNumber;
	meta->last_centres = InvalidBlockNumber;
	meta->nulls = InvalidBlockNumber;
	meta->nulls_space = InvalidBlockNumber;
	meta->fill = fill;
	((PageHeader) page)->pd_lower = (char *) (meta + 1) - (char *) page;
}

void
index_read_meta(Relation index, IndexMeta *meta)
{
	Buffer		buffer = ReadBuffer(index, INDEX_META_BLOCK);
	Page		page = BufferGetPage(buffer);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	*meta = *INDEX_META(page);
	/* before the page's other end is read, which may have another size there */
	if (!PageIsNew(page) && meta->magic != INDEX_MAGIC && meta->magic >= INDEX_MAGIC_OF(0) && meta->magic <= INDEX_MAGIC_OF(9))
		check_index_format(RelationGetRelationName(index), (int) (meta->magic - INDEX_MAGIC_OF(0)), INDEX_FORMAT);
	index_check_page(index, INDEX_META_BLOCK, page, INDEX_PAGE_META);
	UnlockReleaseBuffer(buffer);
	if (meta->magic != INDEX_MAGIC || meta->metric >= METRIC_COUNT || meta->dimensions > LIMIT_DIMENSIONS ||
		meta->regions > LIMIT_REGIONS || (meta->regions > 0 && meta->dimensions == 0) ||
		meta->axes > meta->dimensions || (meta->axes > 0 && meta->metric == METRIC_L1) ||
		meta->prefix > index_coded(meta) || (meta->prefix == 0) != (meta->dimensions == 0))
		index_raise_corrupted(index, INDEX_META_BLOCK, "Its contents are invalid.");
}

/* ---- regions ----------------------------------------------------------------------------------------------------- */

IndexRegion *
index_read_regions(Relation index, const IndexMeta *meta)
{
	IndexRegion *regions = palloc(sizeof(IndexRegion) * Max(meta->regions, 1));
	BlockNumber block = meta->first_regions;
	uint32		done = 0;

	while (done < meta->regions)
	{
		Buffer		buffer;
		uint32		count = Min(meta->regions - done, INDEX_REGIONS_PER_PAGE);

		if (!BlockNumberIsValid(block))
			index_raise_corrupted(index, INDEX_META_BLOCK, "The chain of regions is too short.");
		buffer = index_read(index, block, BUFFER_LOCK_SHARE, INDEX_PAGE_REGIONS);
		memcpy(regions + done, INDEX_REGIONS(BufferGetPage(buffer)), count * sizeof *regions);
		block = INDEX_SPECIAL(BufferGetPage(buffer))->next;
		UnlockReleaseBuffer(buffer);
		for (uint32 i = done; i < done + count; i++)
			if (!(regions[i].step > 0 && regions[i].step <= FLT_MAX && regions[i].radius >= 0))
				index_raise_corrupted(index, block, psprintf("Region %u has an invalid step or radius.", i));
		done += count;
	}
	return regions;
}

Buffer
index_lock_region(Relation index, const IndexMeta *meta, uint32 region, int lock, IndexRegion **record)
{
	BlockNumber block = meta->first_regions;
	Buffer		buffer;

	for (uint32 skipped = 0; skipped < region / INDEX_REGIONS_PER_PAGE; skipped++)
	{
		buffer = index_read(index, block, BUFFER_LOCK_SHARE, INDEX_PAGE_REGIONS);
		block = INDEX_SPECIAL(BufferGetPage(buffer))->next;
		UnlockReleaseBuffer(buffer);
	}
	buffer = index_read(index, block, lock, INDEX_PAGE_REGIONS);
	*record = INDEX_REGIONS(BufferGetPage(buffer)) + region % INDEX_REGIONS_PER_PAGE;
	return buffer;
}

static void
read_centre(Relation index, const IndexLayout *layout, const IndexRegion *region, float *centre)
{
	BlockNumber block = region->centre;
	int			done = 0;
	int			start = region->centre_number * layout->dimensions;

	while (done < layout->dimensions)
	{
		Buffer		buffer;
		int			count = Min(layout->dimensions - done, INDEX_FLOATS_PER_PAGE);

		if (!BlockNumberIsValid(block) || (int64) start + count > INDEX_FLOATS_PER_PAGE)
			index_raise_corrupted(index, region->centre, "The centre of a region is missing.");
		buffer = index_read(index, block, BUFFER_LOCK_SHARE, INDEX_PAGE_CENTRES);
		memcpy(centre + done, (float *) PageGetContents(BufferGetPage(buffer)) + start, count * sizeof *centre);
		block = INDEX_SPECIAL(BufferGetPage(buffer))->next;
		UnlockReleaseBuffer(buffer);
		done += count;
		start = 0;
	}
}

static void
read_axes(Relation index, const IndexMeta *meta, float *axes)
{
	BlockNumber block = meta->first_axes;
	Size		left = index_axes_floats(meta->axes, meta->dimensions);

	while (left > 0)
	{
		Buffer		buffer;
		Size		count = Min(left, INDEX_FLOATS_PER_PAGE);

		if (!BlockNumberIsValid(block))
			index_raise_corrupted(index, INDEX_META_BLOCK, "The chain of axes is too short.");
		buffer = index_read(index, block, BUFFER_LOCK_SHARE, INDEX_PAGE_AXES);
		memcpy(axes, PageGetContents(BufferGetPage(buffer)), count * sizeof(float));
		block = INDEX_SPECIAL(BufferGetPage(buffer))->next;
		UnlockReleaseBuffer(buffer);
		axes += count;
		left -= count;
	}
}

const IndexCache *
index_cache(Relation index, const IndexMeta *meta)
{
	IndexCache *cache = index->rd_amcache;
	IndexCache *read;
	IndexRegion *regions;
	Size		size;

	if (meta->dimensions == 0)
		return NULL;
	if (cache != NULL && cache->resets == meta->resets && cache->regions == meta->regions && cache->axes == meta->axes &&
		cache->layout.dimensions == index_coded(meta) && cache->directory.dimensions == meta->prefix &&
		cache->model == meta->model && cache->metric == meta->metric)
		return cache;

	/* Read completely before it replaces the old one: an error leaves nothing behind. */
	size = offsetof(IndexCache, values) +
		sizeof(float) * ((Size) meta->regions * (index_coded(meta) + 1) + index_axes_floats(meta->axes, meta->dimensions));
	read = MemoryContextAllocHuge(CurrentMemoryContext, size);
	index_layout(&read->layout, index_coded(meta));
	index_layout(&read->directory, meta->prefix);
	read->metric = (Metric) meta->metric;
	read->model = meta->model;
	read->regions = meta->regions;
	read->axes = meta->axes;
	read->dimensions = meta->dimensions;
	read->resets = meta->resets;
	read->outlier = meta->outlier;
	regions = index_read_regions(index, meta);
	for (uint32 i = 0; i < meta->regions; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read->values[i] = regions[i].step;
		read_centre(index, &read->layout, &regions[i], (float *) index_cache_centre(read, i));
	}
	pfree(regions);
	read_axes(index, meta, (float *) index_cache_centre(read, read->regions));
	cache = MemoryContextAllocHuge(index->rd_indexcxt, size);
	memcpy(cache, read, size);
	pfree(read);
	if (index->rd_amcache != NULL)
		pfree(index->rd_amcache);
	index->rd_amcache = cache;
	return cache;
}

/* ---- embeddings -------------------------------------------------------------------------------------------------- */

void
index_check_embedding(Relation index, const IndexMeta *meta, const Embedding *embedding)
{
	if (embedding->model != meta->model || embedding->metric != meta->metric || embedding->dimensions != meta->dimensions)
		check_index_contents(RelationGetRelationName(index), meta->model, (Metric) meta->metric, meta->dimensions,
							 embedding->model, (Metric) embedding->metric, embedding->dimensions);
}

float
index_step(double reach, const float *centre, int n)
{
	double		least = 0x1p-120;
	double		step = reach / CODE_REACH * (1 + 1e-6);

	for (int i = 0; i < n; i++)
		least = Max(least, fabs(centre[i]) * 0x1p-20);
	return (float) Min(Max(step, least), 0x1p122);
}
