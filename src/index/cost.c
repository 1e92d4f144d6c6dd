/*
 * cost.c: what a scan costs.
 *
 * Codes are cheap: one of 128 dimensions costs a tenth of what the planner assumes for an operator.  Every scan bounds all
 * cells; an ordered one then opens leaves before the first row can come, here taken to be a quarter of them, between the handful
 * that clustered identities need and all of them for data without structure.  The rest is charged in equal parts for each further
 * row, so that LIMIT pays its share.
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

#include "common/compat.h"
#include "index/index.h"
#include "index/region.h"

#define FIRST_LEAVES 16.0		/* an ordered scan opens these, and a share of the others, before its first row */
#define FIRST_SHARE 0.25
#define BALL_SPREAD 8.0			/* leaves that a condition opens, by those that its rows would fill */
#define ROW_PAGES 12.0			/* what a further row of an ordered scan costs at most, in cached pages ... */
#define ROW_LEAVES 32.0			/* ... and where there are so many leaves, one */
#define CACHED_PAGE 0.5			/* of a page of the table: there are a quarter as many, the same for every query */

void
index_cost(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup, Cost *total, Selectivity *selectivity,
		   double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	List	   *quals = get_quals_from_indexclauses(path->indexclauses);
	double		rows = Max(info->tuples, 1);
	double		dimensions = 128;
	double		leaf_rows = 50;
	double		directory_cells = 50;
	double		cells = rows / INDEX_ROWS_PER_CELL;
	double		regions = 1;
	double		prefix = index_default_prefix((int) dimensions);
	double		directory_pages;
	double		directory_pages_a_node = 1;
	double		leaf_pages;
	double		node_pages = 1;
	double		code_cost;
	double		cell_cost;
	double		opened;
	double		page_cost;
	double		row_cost = 0;
	QualCost	recheck;
	bool		ordered = path->indexorderbys != NIL;
	IndexMeta	meta = {0};

	/* a hypothetical index of an extension has no pages to read */
	if (!info->hypothetical)
	{
		Relation	index = index_open(info->indexoid, NoLock);

		index_read_meta(index, &meta);
		index_close(index, NoLock);
	}
	if (meta.dimensions > 0)
	{
		IndexLayout layout;

		index_layout(&layout, meta.prefix);
		prefix = meta.prefix;
		directory_pages_a_node = layout.pages;
		directory_cells = Max(layout.capacity * meta.fill / 100, 1);
		index_layout(&layout, index_coded(&meta));
		dimensions = layout.dimensions;
		node_pages = layout.pages;
		leaf_rows = Max(layout.capacity * meta.fill / 100, 1);
		regions = Max(meta.regions, 1);
		if (meta.built_rows > 0)
			cells = rows * Min((double) meta.built_cells / meta.built_rows, 1);
	}
	get_tablespace_page_costs(info->reltablespace, NULL, &page_cost);
	page_cost *= CACHED_PAGE;
	directory_pages = Max(ceil(cells / directory_cells), regions) * directory_pages_a_node;
	leaf_pages = Max(ceil(rows / leaf_rows), regions) * node_pages;

	/*
	 * Of the table's pages the planner charges each once for all rows, so that few rows cost next to nothing: for a LIMIT, or a filter that lets
	 * few rows pass, ten times too little.  Measured in 4,000 leaves and more: 19 to 92 microseconds a row, beside 5 of a sequential scan.
	 */
	if (ordered)
		row_cost = Min(ROW_PAGES, leaf_pages / ROW_LEAVES) * page_cost;
	code_cost = cpu_operator_cost * (0.05 + dimensions / 2500);
	cell_cost = cpu_operator_cost * (0.05 + prefix / 2500);

	*selectivity = quals == NIL ? 1 : clauselist_selectivity(root, quals, info->rel->relid, JOIN_INNER, NULL);
	*correlation = 0;

	/* meta page, regions, their codes of the query, directories */
	*startup = (2 + regions / INDEX_REGIONS_PER_PAGE + directory_pages) * page_cost + cells * cell_cost + 4 * regions * code_cost;
	opened = leaf_pages;
	if (quals != NIL)
		opened = Min(leaf_pages, leaf_pages * *selectivity * BALL_SPREAD + 1);
	if (ordered)
	{
		double		first = Min(opened, FIRST_LEAVES + FIRST_SHARE * opened);

		*startup += first * page_cost + first / node_pages * leaf_rows * code_cost;
		opened -= first;
	}
	*total = *startup + opened * page_cost + opened / node_pages * leaf_rows * code_cost;

	/* the executor takes the distances of all rows that it gets once more, which the planner does not charge */
	cost_qual_eval(&recheck, list_concat_copy(quals, path->indexorderbys), root);
	*total += recheck.startup + rows * *selectivity * (cpu_index_tuple_cost + recheck.per_tuple + row_cost);
	if (!ordered && quals != NIL)
		*startup = 0;
	*pages = directory_pages + leaf_pages;

	/*
	 * The planner takes any index for one that can count rows without the heap.  This one holds no pins on its pages
	 * while it returns their rows, so that vacuum could let such a scan count dead ones.  A sequential scan can always do
	 * the same, and with one disabled node less even where it is disabled.
	 */
	if (path->path.pathtype == T_IndexOnlyScan)
		compat_disable_path(&path->path, startup, total);
}
