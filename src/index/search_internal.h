/*
 * search_internal.h: what search.c and search_read.c share.
 */
#ifndef SIAMESE_INDEX_SEARCH_INTERNAL_H
#define SIAMESE_INDEX_SEARCH_INTERNAL_H

#include "index/candidate_queue.h"
#include "index/search.h"

typedef struct RegionOrder
{
	float		bound;
	uint32		region;
} RegionOrder;

/* A directory node that was bounded. */
typedef struct SearchNode
{
	BlockNumber block;
	uint32		region;
	int			first;			/* in cell_bounds */
	int			count;
	float		least;			/* bound of its cells that were not opened; INFINITY: all were */
} SearchNode;

/* Where a block was in the buffers when it was visited last, and how much of it was in use: hints, checked at use. */
typedef struct SearchVisit
{
	Buffer		buffer;
	uint16		used;			/* bytes of the page */
} SearchVisit;

struct Search
{
	Relation	index;
	MemoryContext context;
	IndexMeta	meta;
	IndexLayout layout;
	IndexLayout directory;
	Metric		metric;
	SearchCounts counts;

	/* the query, and in the units of each region whose leaves were looked into */
	IndexRegion *regions;
	float	   *vector;			/* [n] */
	double		rounding;		/* of it */
	uint8	   *prefix;			/* [prefix], of the region whose directory is being read */
	CodeQuery  *queries;		/* [regions] */
	uint8	   *codes;			/* [regions, n] */
	bool	   *coded;			/* [regions] */
	uint32		coded_regions;	/* of these arrays */
	int			coded_dimensions;
	double	   *distances;		/* [regions], squared Euclidean, to the centres */
	float		limit;
	RegionOrder *order;
	int			order_count;
	int			order_next;		/* those before it were opened */
	float		next_region;	/* least bound of the others */

	/* cells */
	SearchNode *nodes;
	int			node_count;
	int			node_space;
	float	   *cell_bounds;	/* INFINITY: opened */
	int			cell_count;
	int			cell_space;
	int			batch;
	uint8	   *opened;			/* a bit a block */
	BlockNumber blocks;
	uint32	   *sums;			/* [INDEX_MOST_ITEMS] */
	float	   *bounds;			/* [INDEX_MOST_ITEMS] */
	float	   *scratch;		/* [node_space] */

	ItemPointerData *leaves;	/* to be opened now: the cells' pointers */
	int			leaf_count;
	int			leaf_space;

	/* visits of this file's blocks, by this search and earlier ones */
	SearchVisit *visits;
	BlockNumber visit_space;
	CompatLocator visited;

	/* rows */
	CandidateQueue queue;
	float		reported;
	float		settled;		/* bound of the last row that was returned in order; -1: none */
	float		blur;			/* by so much distances usually pass bounds */
	bool		probed;
	bool		every;			/* without a query */
	bool		has_done;		/* pass 2 and later */
	Candidate	done;			/* all up to this one were returned by earlier passes */
	Candidate  *returned;		/* by this pass; in later ones, those after done, by TID */
	int			returned_count;
	int			returned_space;
	int			returned_sorted;	/* so many of them by earlier passes */

	/* NULLs */
	BlockNumber nulls;
	IndexWalk	null_walk;
	ItemPointerData *null_tids;	/* of one page */
	int			null_count;
};

/* Bounds all cells of a region; next: the one that comes after it, or the same. */
extern void search_open_region(Search *search, uint32 region, uint32 next);

/* Opens the leaves of all cells with bounds up to most: their rows come to the queue. */
extern void search_open_cells(Search *search, float most);

/* Makes the hints ready for an index of so many blocks. */
extern void search_begin_visits(Search *search, BlockNumber blocks);

extern int	search_compare_tids(const void *a, const void *b);

#endif
