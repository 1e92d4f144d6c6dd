/*
 * search_internal.h: the state of a search, which search.c and search_read.c share.
 */
#ifndef SIAMESE_INDEX_SEARCH_INTERNAL_H
#define SIAMESE_INDEX_SEARCH_INTERNAL_H

#include "common/compat.h"
#include "index/candidate_queue.h"
#include "index/search.h"

/* The query, and what it is in the units of each region that was looked into. */
typedef struct SearchQuery
{
	float	   *vector;			/* [n] */
	double		rounding;		/* of it */
	double	   *distances;		/* [regions], squared Euclidean, to the centres */
	uint8	   *prefix;			/* code [prefix] in the region whose directory is being read */
	bool	   *coded;			/* [regions]: whether these are there: */
	CodeQuery  *in_region;		/* [regions] */
	uint8	   *codes;			/* [regions, n] */
	uint32		regions;		/* of these arrays */
	int			dimensions;
} SearchQuery;

typedef struct RegionBound
{
	float		bound;
	uint32		region;
} RegionBound;

/* The regions that may be visited, the nearest first, the others in no order. */
typedef struct SearchRegions
{
	RegionBound *regions;
	int			count;
	int			opened;			/* so many, the first ones, were opened */
	float		frontier;		/* least bound of the others */
} SearchRegions;

/* A directory node whose cells were bounded. */
typedef struct SearchNode
{
	BlockNumber block;
	uint32		region;
	int			first;			/* in SearchCells.bounds */
	int			count;
	float		least;			/* bound of its cells that were not opened; INFINITY: all were */
} SearchNode;

typedef struct SearchCells
{
	SearchNode *nodes;
	int			node_count;
	int			node_space;
	float	   *bounds;			/* INFINITY: opened */
	int			count;
	int			space;
	int			batch;			/* so many nodes give a cell at least to the next batch of leaves */
	float	   *scratch;		/* [node_space] */
} SearchCells;

/* Leaves to be opened now: the cells' pointers. */
typedef struct SearchLeaves
{
	ItemPointerData *pointers;
	int			count;
	int			space;
} SearchLeaves;

/* Where a block was in the buffers when it was visited last, and how much of it was in use: hints, checked at use. */
typedef struct SearchVisit
{
	Buffer		buffer;
	uint16		used;			/* bytes of the page */
} SearchVisit;

typedef struct SearchPages
{
	uint8	   *opened;			/* leaves in this pass: a bit a block */
	BlockNumber blocks;
	SearchVisit *visits;		/* of the file's blocks, by this search and earlier ones */
	BlockNumber visit_space;
	CompatLocator locator;		/* of that file */
} SearchPages;

/* What was returned in order so far. */
typedef struct SearchOutput
{
	float		reported;		/* the last bound */
	float		settled;		/* bound of the last row that came in its place; -1: none did */
	float		excess;			/* by so much true distances usually exceed bounds */
	bool		probed;			/* the last row came before its place */
} SearchOutput;

/* Rows that earlier passes, and this one, returned. */
typedef struct SearchPasses
{
	bool		has_done;		/* pass 2 and later */
	Candidate	done;			/* all up to this one were returned by earlier passes */
	Candidate  *returned;		/* by this pass; in later ones, those after done, by TID */
	int			returned_count;
	int			returned_space;
	int			returned_sorted;	/* so many of them by earlier passes */
} SearchPasses;

typedef struct SearchNulls
{
	BlockNumber block;			/* next */
	IndexWalk	walk;
	ItemPointerData *tids;		/* of one page, not returned so far */
	int			count;
} SearchNulls;

struct Search
{
	Relation	index;
	MemoryContext context;
	IndexMeta	meta;
	IndexRegion *regions;		/* [meta.regions]; NULL: no row with a value */
	IndexLayout layout;			/* of leaves */
	IndexLayout directory;
	Metric		metric;
	SearchCounts counts;
	float		limit;			/* rows beyond are not wanted */
	bool		all;			/* rows, without a query */
	SearchQuery query;
	SearchRegions order;
	SearchCells cells;
	SearchLeaves leaves;
	SearchPages pages;
	CandidateQueue queue;
	SearchOutput output;
	SearchPasses passes;
	SearchNulls nulls;
	uint32	   *sums;			/* of one node [INDEX_MOST_ITEMS] */
	float	   *bounds;			/* [INDEX_MOST_ITEMS] */
};

/* Bounds all cells of a region; next: the one that comes after it, or the same. */
extern void search_open_region(Search *search, uint32 region, uint32 next);

/* Opens the leaves of all cells with bounds up to most: their rows come to the queue. */
extern void search_open_cells(Search *search, float most);

/* Makes the hints ready for an index of so many blocks. */
extern void search_begin_visits(Search *search, BlockNumber blocks);

extern int	search_compare_tids(const void *a, const void *b);

#endif
