/*
 * search.h: the search of one query through the regions, directories and leaves.
 *
 * One Search serves many queries one after another and keeps its memory.  Rows come with lower bounds of their distances;
 * see README.md, "Bounds".
 */
#ifndef SIAMESE_INDEX_SEARCH_H
#define SIAMESE_INDEX_SEARCH_H

#include "index/region.h"

/* What a search did; siamese.index_scan() shows the last one of a session. */
typedef struct SearchCounts
{
	int64		regions;		/* whose directory was read */
	int64		cells;			/* bounded */
	int64		leaves;			/* opened */
	int64		codes;			/* bounded */
	int64		rows;			/* returned */
	int64		passes;			/* over the index: more than 1 if very many rows were asked for */
} SearchCounts;

typedef struct Search Search;

extern Search *search_begin(Relation index);	/* in the CurrentMemoryContext */
extern void search_end(Search *search);

/*
 * query: NULL for the rows without a value alone.  limit: rows known to be farther away are left out (infinity: none).
 * approximate: nearest regions only, as the settings say.  Raises if the query is not of the index's model.
 */
extern void search_start(Search *search, const Embedding *query, double limit, bool approximate);

/* The next row in the order of the bounds; false: there is none with a value. */
extern bool search_next(Search *search, ItemPointerData *tid, double *bound);

/* The next row in no order. */
extern bool search_next_unordered(Search *search, ItemPointerData *tid);

/* All rows with a value, in no order and without a query, after search_start_all(). */
extern void search_start_all(Search *search);

/* The rows without a value, after search_start_nulls(). */
extern void search_start_nulls(Search *search);
extern bool search_next_null(Search *search, ItemPointerData *tid);

extern const SearchCounts *search_counts(const Search *search);

#endif
