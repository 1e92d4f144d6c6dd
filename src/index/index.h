/*
 * index.h: the access method siamese: what PostgreSQL calls, by file.  README.md tells terms, pages, bounds and locks.
 *
 * page.h, region.h, build.h, cluster.h and search.h declare what these functions use.
 */
#ifndef SIAMESE_INDEX_H
#define SIAMESE_INDEX_H

#include "postgres.h"

#include "access/genam.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

/* Strategies of the operator class. */
#define INDEX_WITHIN 1			/* <@ ball */
#define INDEX_SAME 2			/* ~= embedding */
#define INDEX_DISTANCE 3		/* <-> embedding, for ORDER BY */

/* ---- handler.c, options.c, cost.c, validate.c -------------------------------------------------------------------- */

extern int	index_fill(Relation index);
extern int	index_option_regions(Relation index);	/* 0: by the number of rows */
extern bytea *index_options(Datum reloptions, bool validate);
extern void index_cost(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup, Cost *total,
					   Selectivity *selectivity, double *correlation, double *pages);
extern bool index_validate(Oid opclass);

/* ---- build.c ----------------------------------------------------------------------------------------------------- */

#define INDEX_PHASE_SAMPLE 2
#define INDEX_PHASE_KMEANS 3
#define INDEX_PHASE_ASSIGN 4
#define INDEX_PHASE_SORT 5
#define INDEX_PHASE_WRITE 6

extern IndexBuildResult *index_am_build(Relation heap, Relation index, struct IndexInfo *info);
extern void index_build_empty(Relation index);
extern char *index_build_phase(int64 phase);

/* ---- insert.c, vacuum.c ------------------------------------------------------------------------------------------ */

extern bool index_am_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap, IndexUniqueCheck check_unique,
							bool unchanged, struct IndexInfo *info);

extern IndexBulkDeleteResult *index_am_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
												   IndexBulkDeleteCallback callback, void *callback_state);
extern IndexBulkDeleteResult *index_am_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

/* ---- scan.c ------------------------------------------------------------------------------------------------------ */

extern IndexScanDesc index_scan_begin(Relation index, int nkeys, int norderbys);
extern void index_scan_restart(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
extern bool index_scan_tuple(IndexScanDesc scan, ScanDirection direction);
extern int64 index_scan_bitmap(IndexScanDesc scan, TIDBitmap *bitmap);
extern void index_scan_end(IndexScanDesc scan);

/* ---- inspect.c: for index_stats.c and integrity.c ----------------------------------------------------------------- */

typedef struct IndexInspection
{
	Relation	heap;
	Relation	index;
	int			lock;			/* of the table */
	Oid			user;			/* what to go back to */
	int			security;
	int			nest_level;
} IndexInspection;

/*
 * Opens an index and its table and becomes the table's owner.  Raises, before anything is locked, unless it is an index of this
 * access method and the user owns the table or may maintain it.
 */
extern void index_inspect_begin(IndexInspection *inspection, Oid index, int lock);
extern void index_inspect_end(IndexInspection *inspection);

#endif
