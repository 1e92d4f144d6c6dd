/*
 * foreign_query.c: conditions and orders on columns of foreign tables, so that the other server can compute them.
 *
 * postgres_fdw sends a condition or an order to the other server only if nothing in it is STABLE, since the other server might
 * see another answer; else it fetches the whole table.  embed() and ~= are STABLE.  But what they take from this server is the
 * same for the whole statement, so it is computed here once, as the planner does for a sub-select, and sent as a parameter:
 *
 *     e <-> embed(image, 'm')    becomes    e <-> (SELECT embed(image, 'm'))
 *     e ~= x                     becomes    e <@ (SELECT same_ball(x))
 *
 * Only where the column is of a foreign table, or of one with foreign partitions: elsewhere nothing is gained, and the planner
 * would know less of a ball that is not there yet.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "common/compat.h"
#include "embedding/foreign_query.h"

/* A column of a foreign table, or of a table with foreign partitions or children, of this very query. */
static bool
is_foreign_column(PlannerInfo *root, Node *node)
{
	const Var  *var = (const Var *) node;
	const RangeTblEntry *entry;
	ListCell   *cell;

	if (!IsA(node, Var) || var->varlevelsup != 0 || var->varattno <= 0 || var->varno > list_length(root->parse->rtable))
		return false;
	entry = rt_fetch(var->varno, root->parse->rtable);
	if (entry->rtekind != RTE_RELATION)
		return false;
	if (entry->relkind == RELKIND_FOREIGN_TABLE)
		return true;
	if (!entry->inh)
		return false;
	foreach(cell, find_all_inheritors(entry->relid, NoLock, NULL))
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			return true;
	return false;
}

/* Whether it depends on a row, or on where in the query it stands; constants, parameters of the client and functions do not. */
static bool
depends_on_place(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Param:
			return ((Param *) node)->paramkind != PARAM_EXTERN;
		case T_Const:
		case T_FuncExpr:
		case T_OpExpr:
		case T_RelabelType:
		case T_ArrayExpr:
		case T_ArrayCoerceExpr:
		case T_CoerceViaIO:
		case T_CollateExpr:
		case T_List:
		case T_NamedArgExpr:
			return expression_tree_walker(node, depends_on_place, context);
		default:
			return true;
	}
}

/* (SELECT expression) */
static Node *
sub_select(PlannerInfo *root, Node *expression)
{
	Query	   *query = makeNode(Query);
	SubLink    *link = makeNode(SubLink);

	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->targetList = list_make1(makeTargetEntry((Expr *) expression, 1, pstrdup("value"), false));
	query->jointree = makeFromExpr(NIL, NULL);
	link->subLinkType = EXPR_SUBLINK;
	link->subselect = (Node *) query;
	link->location = -1;
	root->parse->hasSubLinks = true;
	return (Node *) link;
}

/* The qualified name of what stands in the schema of this function. */
static List *
name_beside(Oid function, const char *name)
{
	return list_make2(makeString(get_namespace_name(get_func_namespace(function))), makeString(pstrdup(name)));
}

/* column <@ (SELECT same_ball(value)) */
static Node *
within_ball(PlannerInfo *root, Oid function, Node *column, Node *value)
{
	Oid			embedding = exprType(value);
	Oid			make_ball = LookupFuncName(name_beside(function, "same_ball"), 1, &embedding, true);
	Oid			ball;
	Oid			within;

	if (!OidIsValid(make_ball))
		return NULL;
	ball = get_func_rettype(make_ball);
	within = OpernameGetOprid(name_beside(function, "<@"), embedding, ball);
	if (!OidIsValid(within))
		return NULL;
	value = (Node *) makeFuncExpr(make_ball, ball, list_make1(value), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
	return (Node *) make_opclause(within, BOOLOID, false, (Expr *) column, (Expr *) sub_select(root, value), InvalidOid, InvalidOid);
}

Node *
foreign_query_simplify(SupportRequestSimplify *request)
{
	static const struct
	{
		const char *function;
		const char *name;
	}			operators[] = {
		{"embedding_distance", "<->"}, {"embedding_in_ball", "<@"}, {"ball_contains", "@>"}, {"same_identity", "~="}
	};
	PlannerInfo *root = request->root;
	Oid			function = request->fcall->funcid;
	const char *name = NULL;
	Node	   *first;
	Node	   *second;
	bool		swapped;
	Node	   *value;
	Oid			number;

	/* sub-selects are planned while expressions are prepared, and not any more once paths are made */
	if (root == NULL || root->parse == NULL || root->simple_rel_array != NULL || list_length(request->fcall->args) != 2)
		return NULL;
	first = linitial(request->fcall->args);
	second = lsecond(request->fcall->args);
	swapped = !is_foreign_column(root, first);
	if (swapped && !is_foreign_column(root, second))
		return NULL;
	value = swapped ? first : second;
	if (depends_on_place(value, NULL) || contain_volatile_functions(value))
		return NULL;
	for (int i = 0; i < lengthof(operators); i++)
		if (strcmp(get_func_name(function), operators[i].function) == 0)
			name = operators[i].name;
	if (name == NULL)
		return NULL;
	if (strcmp(name, "~=") == 0)
		return within_ball(root, function, swapped ? second : first, value);
	if (!contain_mutable_functions(value))
		return NULL;
	number = OpernameGetOprid(name_beside(function, name), exprType(first), exprType(second));
	if (!OidIsValid(number))
		return NULL;
	value = sub_select(root, value);
	return (Node *) make_opclause(number, request->fcall->funcresulttype, false, (Expr *) (swapped ? value : first),
								  (Expr *) (swapped ? second : value), InvalidOid, InvalidOid);
}
