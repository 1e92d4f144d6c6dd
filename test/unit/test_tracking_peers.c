/*
 * test_tracking_peers.c: the linear program against GLPK's solver, boosting against XGBoost's.  Each is skipped where Debian's glpk-utils, or
 * python3-xgboost, is not installed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/random.h"
#include "tracking/boost.h"
#include "tracking/tracking.h"
#include "unit/host.h"

static char folder[] = P_tmpdir "/siamese-peers.XXXXXX";

static FILE *
open_file(const char *name, const char *mode)
{
	char		path[128];
	FILE	   *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, mode);
	assert_non_null(file);
	return file;
}

static int
make_folder(void **state)
{
	return mkdtemp(folder) == NULL;
}

static int
remove_folder(void **state)
{
	char		command[128];

	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

/* ---- the linear program ---------------------------------------------------------------------------------------------- */

#define MOST_DETECTIONS 60
#define MOST_LINKS (MOST_DETECTIONS * MOST_DETECTIONS)

typedef struct Graph
{
	double		cost[3][MOST_DETECTIONS];	/* of detections, entering, leaving */
	FlowLink	link[MOST_LINKS];
	FlowProblem problem;
} Graph;

static void
draw_graph(Random *random, Graph *graph)
{
	int			count = 5 + (int) random_below(random, MOST_DETECTIONS - 4);
	int			links = 0;

	for (int i = 0; i < count; i++)
	{
		graph->cost[0][i] = random_range(random, -4, 2);
		graph->cost[1][i] = random_range(random, 0, 5);
		graph->cost[2][i] = random_range(random, 0, 5);
		for (int j = i + 1; j < count; j++)
			if (random_below(random, 4) == 0)
				graph->link[links++] = (FlowLink) {i, j, random_range(random, -2, 6)};
	}
	graph->problem = (FlowProblem) {count, graph->cost[0], graph->cost[1], graph->cost[2], links, graph->link};
}

/* As the field writes it: flow is conserved at the beginning and the end of each detection, all variables lie between 0 and 1. */
static void
write_program(const FlowProblem *problem)
{
	FILE	   *file = open_file("flow.lp", "w");

	fprintf(file, "Minimize\n cost:");
	for (int i = 0; i < problem->detections; i++)
		fprintf(file, " %+.17g d%d %+.17g e%d %+.17g l%d\n", problem->detection_cost[i], i, problem->enter_cost[i], i,
				problem->leave_cost[i], i);
	for (int i = 0; i < problem->links; i++)
		fprintf(file, " %+.17g x%d\n", problem->link[i].cost, i);
	fprintf(file, "Subject To\n");
	for (int i = 0; i < problem->detections; i++)
	{
		fprintf(file, " in%d: e%d - d%d\n", i, i, i);
		for (int j = 0; j < problem->links; j++)
			if (problem->link[j].to == i)
				fprintf(file, " + x%d\n", j);
		fprintf(file, " = 0\n out%d: l%d - d%d\n", i, i, i);
		for (int j = 0; j < problem->links; j++)
			if (problem->link[j].from == i)
				fprintf(file, " + x%d\n", j);
		fprintf(file, " = 0\n");
	}
	fprintf(file, "Bounds\n");
	for (int i = 0; i < problem->detections; i++)
		fprintf(file, " 0 <= d%d <= 1\n 0 <= e%d <= 1\n 0 <= l%d <= 1\n", i, i, i);
	for (int i = 0; i < problem->links; i++)
		fprintf(file, " 0 <= x%d <= 1\n", i);
	fprintf(file, "End\n");
	fclose(file);
}

/* The optimum; a line "s bas ROWS COLUMNS f f OBJECTIVE" of what glpsol writes. */
static double
solve_by_glpsol(void)
{
	char		command[256];
	char		line[256];
	double		optimum = NAN;
	FILE	   *file;

	snprintf(command, sizeof command, "glpsol --lp %s/flow.lp -w %s/flow.sol > %s/log", folder, folder, folder);
	assert_int_equal(system(command), 0);
	file = open_file("flow.sol", "r");
	while (fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "s bas %*d %*d f f %lf", &optimum) == 1)
			break;
	fclose(file);
	return optimum;
}

static void
test_flow(void **state)
{
	static Graph graph;
	Random		random = random_stream(5, 0);

	if (system("command -v glpsol > /dev/null 2>&1") != 0)
	{
		print_message("glpsol (package glpk-utils) is not installed\n");
		skip();
	}
	for (int trial = 0; trial < 30; trial++)
	{
		int			track[MOST_DETECTIONS];
		int			tracks;
		double		cost;
		Status		status;

		draw_graph(&random, &graph);
		assert_true(flow_solve(test_host(), &graph.problem, track, &tracks, &cost, &status));
		write_program(&graph.problem);
		assert_float_equal(cost, solve_by_glpsol(), 1e-6);
	}
}

/* ---- boosting -------------------------------------------------------------------------------------------------------- */

#define ROWS 3000
#define FEATURES 6
#define TREES 40

static const char script[] =
"import sys, csv, xgboost\n"
"rows = [[float(v) for v in row] for row in csv.reader(open(sys.argv[1]))]\n"
"x = xgboost.DMatrix([r[2:] for r in rows], label=[r[0] for r in rows], weight=[r[1] for r in rows], missing=-999)\n"
"total = sum(r[1] for r in rows)\n"
"base = sum(r[0] * r[1] for r in rows) / total\n"
"model = xgboost.train({'objective': 'binary:logistic', 'eta': 0.1, 'max_depth': 4, 'lambda': 1, 'min_child_weight': 1, 'gamma': 0,\n"
"    'base_score': base, 'tree_method': 'exact', 'nthread': 1, 'verbosity': 0}, x, 40)\n"
"for p in model.predict(x, output_margin=True): print('%.9g' % p)\n";

/* Few distinct values, so that bins lose nothing; some are missing. */
static void
draw_rows(float *x, unsigned char *label, float *weight)
{
	Random		random = random_stream(6, 0);

	for (int i = 0; i < ROWS; i++)
	{
		float	   *row = x + (size_t) i * FEATURES;
		double		odds;

		for (int j = 0; j < FEATURES; j++)
			row[j] = random_below(&random, 12) == 0 ? NAN : (float) random_below(&random, 120) / 16;
		odds = (isnan(row[0]) ? 1 : row[0] - 4) + (isnan(row[1]) || isnan(row[2]) ? 0 : row[1] > 3 ? row[2] - 4 : 4 - row[2]);
		label[i] = random_uniform(&random) < 1 / (1 + exp(-odds));
		weight[i] = (float) (1 + random_below(&random, 3));
	}
}

static void
write_rows(const float *x, const unsigned char *label, const float *weight)
{
	FILE	   *file = open_file("rows.csv", "w");

	for (int i = 0; i < ROWS; i++)
	{
		fprintf(file, "%d,%g", label[i], weight[i]);
		for (int j = 0; j < FEATURES; j++)
			fprintf(file, ",%.9g", isnan(x[(size_t) i * FEATURES + j]) ? -999 : x[(size_t) i * FEATURES + j]);
		fprintf(file, "\n");
	}
	fclose(file);
	file = open_file("train.py", "w");
	fputs(script, file);
	fclose(file);
}

static double
log_loss(double odds, int label)
{
	return log1p(exp(label ? -odds : odds));
}

static void
test_boost(void **state)
{
	static float x[ROWS * FEATURES];
	static unsigned char label[ROWS];
	static float weight[ROWS];
	BoostSettings settings = boost_defaults(TREES);
	double		own_loss = 0;
	double		other_loss = 0;
	double		difference = 0;
	char		command[256];
	Boost		boost;
	Status		status;
	FILE	   *file;

	if (system("/usr/bin/python3 -c 'import xgboost' > /dev/null 2>&1") != 0)
	{
		print_message("python3-xgboost is not installed\n");
		skip();
	}
	draw_rows(x, label, weight);
	write_rows(x, label, weight);
	assert_true(boost_train(test_host(), &settings, ROWS, FEATURES, x, label, weight, &boost, &status));
	snprintf(command, sizeof command, "/usr/bin/python3 %s/train.py %s/rows.csv > %s/margins 2> %s/log", folder, folder, folder, folder);
	assert_int_equal(system(command), 0);
	file = open_file("margins", "r");
	for (int i = 0; i < ROWS; i++)
	{
		double		own = boost_log_odds(&boost, x + (size_t) i * FEATURES);
		double		other;

		assert_int_equal(fscanf(file, "%lf", &other), 1);
		own_loss += weight[i] * log_loss(own, label[i]);
		other_loss += weight[i] * log_loss(other, label[i]);
		difference += fabs(own - other);
	}
	fclose(file);
	print_message("log loss %.6f, XGBoost %.6f; mean difference of log odds %.6f\n", own_loss / ROWS, other_loss / ROWS, difference / ROWS);
	assert_float_equal(own_loss / other_loss, 1, 0.002);
	assert_true(difference / ROWS < 0.02);
	boost_release(test_host(), &boost);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_boost),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
