/*
 * selectivity.c: selectivity of `<@ ball` and `~=`.
 *
 * The estimate depends on what is known: centre and radius (a constant), the radius alone (`ball(expression, 0.3)`, `~=` with
 * an expression: the centre is taken to be distributed as the rows are), or nothing.  Expressions that are not constant are not
 * evaluated here: an embed() costs more than a better plan saves.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "common/compat.h"
#include "index/distance_statistics.h"
#include "model/row_cache.h"
#include "model/stored_calibration.h"

#define DEFAULT_SHARE 0.001		/* of the rows, when nothing is known */
#define JOIN_CENTERS 32			/* of the other side's samples */

PG_FUNCTION_INFO_V1(siamese_ball_selectivity);
PG_FUNCTION_INFO_V1(siamese_ball_join_selectivity);
PG_FUNCTION_INFO_V1(siamese_same_selectivity);
PG_FUNCTION_INFO_V1(siamese_same_join_selectivity);

/* What is known of a condition. */
typedef struct Condition
{
	bool		never;			/* it compares with NULL */
	bool		radius_known;
	double		radius;
	const Embedding *center;	/* NULL: unknown */
	Node	   *expression;		/* the centre's, NULL: unknown */
} Condition;

/* ---- what is known ----------------------------------------------------------------------------------------------- */

/* A constant of one of the extension's types?  Other operators may be declared with these estimates, too. */
static bool
is_constant(const Node *node, const char *type)
{
	return IsA(node, Const) && (((const Const *) node)->constisnull || embedding_is_own_type(((const Const *) node)->consttype, type));
}

/* `ball(centre, radius)` whose radius is a constant, or a constant ball. */
static void
read_ball(Node *node, Condition *condition)
{
	if (is_constant(node, "ball"))
	{
		const Const *constant = (const Const *) node;
		const Ball *ball;

		condition->never = constant->constisnull;
		if (constant->constisnull)
			return;
		ball = DatumGetBall(constant->constvalue);
		condition->center = ball_center(ball);
		condition->radius = ball->radius;
		condition->radius_known = true;
	}
	else if (IsA(node, FuncExpr) && list_length(((FuncExpr *) node)->args) == 2)
	{
		const FuncExpr *function = (const FuncExpr *) node;
		Node	   *radius = lsecond(function->args);
		char	   *name = get_func_name(function->funcid);

		if (name == NULL || strcmp(name, "ball") != 0)
			return;
		condition->expression = linitial(function->args);
		if (!IsA(radius, Const) || ((Const *) radius)->consttype != FLOAT8OID)
			return;
		condition->never = ((Const *) radius)->constisnull;
		condition->radius = condition->never ? 0 : DatumGetFloat8(((Const *) radius)->constvalue);
		condition->radius_known = !condition->never;
	}
}

/* The other side of ~=; the radius is the model's threshold. */
static void
read_embedding(Node *node, Condition *condition)
{
	if (is_constant(node, "embedding"))
	{
		condition->never = ((Const *) node)->constisnull;
		if (!condition->never)
			condition->center = DatumGetEmbedding(((Const *) node)->constvalue);
	}
	else
		condition->expression = node;
}

static void
read_threshold(uint64 model, Condition *condition)
{
	const ModelCalibration *calibration = model_find_calibration(model);

	condition->radius_known = calibration != NULL && !isnan(calibration->threshold);
	condition->radius = condition->radius_known ? calibration->threshold : 0;
}

/* ---- restrictions ------------------------------------------------------------------------------------------------ */

static double
not_null_of(const VariableStatData *variable)
{
	if (!HeapTupleIsValid(variable->statsTuple))
		return 1;
	return 1 - ((Form_pg_statistic) GETSTRUCT(variable->statsTuple))->stanullfrac;
}

static double
share_of_condition(const DistanceStatistics *statistics, const Condition *condition, double not_null)
{
	double		share = DEFAULT_SHARE;

	if (condition->never)
		return 0;
	if (!condition->radius_known)
		return DEFAULT_SHARE;
	if (!(condition->radius >= 0))
		return 0;
	if (statistics == NULL)
		return isinf(condition->radius) ? not_null : DEFAULT_SHARE;
	if (condition->center == NULL)
		share = share_in_any_ball(statistics, condition->radius) * statistics->comparable;
	else if (statistics_same_kind(condition->center, statistics->samples[0]))
		share = share_in_ball(statistics, condition->center, condition->radius) * statistics->comparable;
	return share * not_null;
}

/* The variable among the two arguments, which may only be the one of this number (-1: either); false: there is none. */
static bool
find_variable(PlannerInfo *root, List *arguments, int relation, int wanted, VariableStatData *variable, Node **other)
{
	for (int i = 0; i < 2; i++)
	{
		Node	   *argument = list_nth(arguments, i);

		if (wanted >= 0 && wanted != i)
			continue;
		examine_variable(root, argument, relation, variable);
		*other = list_nth(arguments, 1 - i);
		if (variable->rel != NULL)
			return true;
		ReleaseVariableStats(*variable);
	}
	return false;
}

/* The argument of <@ or @> that is the embedding; they are each other's commutators. */
static int
embedding_argument(Oid operator)
{
	char	   *name = get_opname(operator);

	return name != NULL && strcmp(name, "@>") == 0 ? 1 : 0;
}

static double
restriction(PG_FUNCTION_ARGS, bool same)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid			operator = PG_GETARG_OID(1);
	List	   *arguments = (List *) PG_GETARG_POINTER(2);
	int			relation = PG_GETARG_INT32(3);
	Condition	condition = {0};
	VariableStatData variable;
	const DistanceStatistics *statistics;
	Node	   *other;
	double		share;

	if (list_length(arguments) != 2 ||
		!find_variable(root, arguments, relation, same ? -1 : embedding_argument(operator), &variable, &other))
		return DEFAULT_SHARE;
	statistics = statistics_read(&variable, get_opcode(operator));
	if (same)
	{
		uint64		model = 0;

		read_embedding(other, &condition);
		if (condition.center != NULL)
			model = condition.center->model;
		else if (statistics != NULL)
			model = statistics->samples[0]->model;
		if (model != 0 && !condition.never)
			read_threshold(model, &condition);
	}
	else
		read_ball(other, &condition);
	share = share_of_condition(statistics, &condition, not_null_of(&variable));
	ReleaseVariableStats(variable);
	CLAMP_PROBABILITY(share);
	return share;
}

Datum
siamese_ball_selectivity(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(restriction(fcinfo, false));
}

Datum
siamese_same_selectivity(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(restriction(fcinfo, true));
}

/* ---- joins ------------------------------------------------------------------------------------------------------- */

/* Share of pairs of rows with values that are within the radius: the mean over balls around the other side's samples. */
static double
share_of_pairs(const DistanceStatistics *rows, const DistanceStatistics *centers, double radius)
{
	int			count = Min(centers->count, JOIN_CENTERS);
	double		share = 0;

	if (!statistics_same_kind(rows->samples[0], centers->samples[0]))
		return DEFAULT_SHARE;
	for (int i = 0; i < count; i++)
		share += share_in_ball(rows, centers->samples[(int64) centers->count * i / count], radius);
	return share / count * rows->comparable * centers->comparable;
}

static double
join(PG_FUNCTION_ARGS, bool same)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid			operator = PG_GETARG_OID(1);
	List	   *arguments = (List *) PG_GETARG_POINTER(2);
	JoinType	type = (JoinType) PG_GETARG_INT16(3);
	SpecialJoinInfo *info = (SpecialJoinInfo *) PG_GETARG_POINTER(4);
	int			embedding = same ? 0 : embedding_argument(operator);
	Condition	condition = {0};
	VariableStatData variables[2];	/* of the embedding, of the centre */
	const DistanceStatistics *statistics[2];
	bool		reversed;
	double		share = DEFAULT_SHARE;
	double		not_null = 1;
	List	   *pair;

	if (list_length(arguments) != 2)
		return DEFAULT_SHARE;
	condition.expression = list_nth(arguments, 1 - embedding);
	if (!same)
	{
		condition.expression = NULL;
		read_ball(list_nth(arguments, 1 - embedding), &condition);
	}
	if (condition.never)
		return 0;
	if (condition.expression == NULL)
		return DEFAULT_SHARE;	/* a column of balls */
	pair = list_make2(list_nth(arguments, embedding), condition.expression);
	get_join_variables(root, pair, info, &variables[0], &variables[1], &reversed);
	for (int i = 0; i < 2; i++)
	{
		statistics[i] = statistics_read(&variables[i], get_opcode(operator));
		not_null *= not_null_of(&variables[i]);
	}
	if (same)
	{
		const DistanceStatistics *known = statistics[0] != NULL ? statistics[0] : statistics[1];

		if (known != NULL && known->samples[0]->model != 0)
			read_threshold(known->samples[0]->model, &condition);
	}
	if (condition.radius_known && !(condition.radius >= 0))
		share = 0;
	else if (condition.radius_known && statistics[0] != NULL && statistics[1] != NULL)
		share = share_of_pairs(statistics[0], statistics[1], condition.radius);
	else if (condition.radius_known && (statistics[0] != NULL || statistics[1] != NULL))
	{
		const DistanceStatistics *known = statistics[0] != NULL ? statistics[0] : statistics[1];

		share = share_in_any_ball(known, condition.radius) * known->comparable;
	}
	share *= not_null;
	if (type == JOIN_SEMI || type == JOIN_ANTI)
	{
		/* the share of outer rows with a match, if matches are independent */
		const RelOptInfo *inner = variables[reversed ? 0 : 1].rel;
		double		most = not_null_of(&variables[reversed ? 1 : 0]);

		if (inner != NULL && most > 0)
			share = most * -expm1(-share / most * Max(inner->rows, 1));
	}
	for (int i = 0; i < 2; i++)
		ReleaseVariableStats(variables[i]);
	CLAMP_PROBABILITY(share);
	return share;
}

Datum
siamese_ball_join_selectivity(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(join(fcinfo, false));
}

Datum
siamese_same_join_selectivity(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(join(fcinfo, true));
}
