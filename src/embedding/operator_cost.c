/*
 * operator_cost.c: what a distance costs, for the planner.
 *
 * The declared COST is that of a common embedding stored in its row.  A long one is stored out of line (TOAST), where each
 * look-up costs a hundred common distances, while the table itself has few pages, by which a scan of the whole table would seem
 * cheap.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "common/compat.h"
#include "embedding/embedding.h"
#include "embedding/foreign_query.h"

#define POINTER_WIDTH 18		/* in its row, of a value that lies out of line */
#define TOAST_WIDTH 2000		/* values of this size go there unless the column says otherwise */
#define TOAST_CHUNK 1996.0		/* bytes of a row of the toast table */
#define USUAL_DIMENSIONS 128
#define USUAL_LONG_DIMENSIONS 1024

/* In units of cpu_operator_cost. */
#define COST_CALL 4.0
#define COST_DIMENSION (1 / 64.0)
#define COST_LOOK_UP 400.0
#define COST_CHUNK 150.0

PG_FUNCTION_INFO_V1(siamese_distance_support);

typedef struct Argument
{
	int			dimensions;		/* 0: unknown */
	int			width;			/* of a column in its row, 0: unknown */
} Argument;

static void
look_at(PlannerInfo *root, Node *node, Argument *argument)
{
	int32		typmod;

	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (IsA(node, Const))
	{
		const Const *constant = (const Const *) node;

		if (!constant->constisnull && constant->constlen == -1)
		{
			int			dimensions = (int) ((VARSIZE_ANY(DatumGetPointer(constant->constvalue)) - offsetof(Embedding, x)) / sizeof(float));

			argument->dimensions = Max(argument->dimensions, dimensions);
		}
		return;
	}
	typmod = exprTypmod(node);
	argument->dimensions = Max(argument->dimensions, typmod);
	if (IsA(node, Var) && root != NULL && ((Var *) node)->varlevelsup == 0 && ((Var *) node)->varattno > 0)
	{
		const Var  *var = (const Var *) node;
		const RangeTblEntry *entry = planner_rt_fetch(var->varno, root);

		if (entry->rtekind == RTE_RELATION)
		{
			int32		width = get_attavgwidth(entry->relid, var->varattno);

			argument->width = Max(argument->width, width);
		}
	}
}

Datum
siamese_distance_support(PG_FUNCTION_ARGS)
{
	SupportRequestCost *request = (SupportRequestCost *) PG_GETARG_POINTER(0);
	List	   *arguments = NIL;
	Argument	known = {0};
	bool		out_of_line;
	double		cost;
	ListCell   *cell;

	if (IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(foreign_query_simplify((SupportRequestSimplify *) request));
	if (!IsA(request, SupportRequestCost) || request->node == NULL)
		PG_RETURN_POINTER(NULL);
	if (IsA(request->node, OpExpr))
		arguments = ((OpExpr *) request->node)->args;
	else if (IsA(request->node, FuncExpr))
		arguments = ((FuncExpr *) request->node)->args;
	foreach(cell, arguments)
		look_at(request->root, lfirst(cell), &known);

	if (known.dimensions == 0 && known.width > POINTER_WIDTH)
		known.dimensions = (known.width - (int) offsetof(Embedding, x)) / (int) sizeof(float);
	if (known.width > 0)
		out_of_line = known.width == POINTER_WIDTH && (known.dimensions == 0 || EMBEDDING_SIZE(known.dimensions) > 2 * POINTER_WIDTH);
	else
		out_of_line = EMBEDDING_SIZE(Max(known.dimensions, 0)) > TOAST_WIDTH;
	if (known.dimensions <= 0)
		known.dimensions = out_of_line ? USUAL_LONG_DIMENSIONS : USUAL_DIMENSIONS;

	cost = COST_CALL + known.dimensions * COST_DIMENSION;
	if (out_of_line)
		cost += COST_LOOK_UP + COST_CHUNK * ceil(EMBEDDING_SIZE(known.dimensions) / TOAST_CHUNK);
	request->startup = 0;
	request->per_tuple = cost * cpu_operator_cost;
	PG_RETURN_POINTER(request);
}
