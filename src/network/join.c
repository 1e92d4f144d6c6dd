/*
 * join.c: the joins: how two embeddings are compared.
 */
#include "network/loss_internal.h"

#define LEAST_DISTANCE 1e-12	/* a distance below it has the gradient 0: it has no direction */

static double
length_of(const real *a, int dimensions)
{
	double		sum = 0;

	for (int i = 0; i < dimensions; i++)
		sum += (double) a[i] * a[i];
	return fmax(sqrt(sum), LEAST_DISTANCE);
}

double
join_cosine(const real *a, const real *b, int dimensions)
{
	double		product = 0;

	for (int i = 0; i < dimensions; i++)
		product += (double) a[i] * b[i];
	return product / (length_of(a, dimensions) * length_of(b, dimensions));
}

/* dcos/da = (b / |b| - cos a / |a|) / |a| */
void
join_cosine_backward(const real *a, const real *b, int dimensions, double gradient, real *a_gradient, real *b_gradient)
{
	double		a_length = length_of(a, dimensions);
	double		b_length = length_of(b, dimensions);
	double		cosine = join_cosine(a, b, dimensions);

	for (int i = 0; i < dimensions; i++)
	{
		double		a_unit = a[i] / a_length;
		double		b_unit = b[i] / b_length;

		a_gradient[i] += (real) (gradient * (b_unit - cosine * a_unit) / a_length);
		b_gradient[i] += (real) (gradient * (a_unit - cosine * b_unit) / b_length);
	}
}

static double
l2_distance(const real *a, const real *b, int dimensions)
{
	double		sum = 0;

	for (int i = 0; i < dimensions; i++)
	{
		double		difference = (double) a[i] - b[i];

		sum += difference * difference;
	}
	return sqrt(sum);
}

static void
l2_backward(const real *a, const real *b, int dimensions, double distance, double gradient,
			real *a_gradient, real *b_gradient)
{
	for (int i = 0; i < dimensions && distance >= LEAST_DISTANCE; i++)
	{
		double		part = gradient * (((double) a[i] - b[i]) / distance);

		a_gradient[i] += (real) part;
		b_gradient[i] -= (real) part;
	}
}

static double
l1_distance(const real *a, const real *b, int dimensions)
{
	double		sum = 0;

	for (int i = 0; i < dimensions; i++)
		sum += fabs((double) a[i] - b[i]);
	return sum;
}

static void
l1_backward(const real *a, const real *b, int dimensions, double distance, double gradient,
			real *a_gradient, real *b_gradient)
{
	for (int i = 0; i < dimensions && distance >= LEAST_DISTANCE; i++)
	{
		double		difference = (double) a[i] - b[i];
		double		part = gradient * ((difference > 0) - (difference < 0));

		a_gradient[i] += (real) part;
		b_gradient[i] -= (real) part;
	}
}

/* The chord between the directions, which is a metric. */
static double
chord_distance(const real *a, const real *b, int dimensions)
{
	return sqrt(fmax(2 - 2 * join_cosine(a, b, dimensions), 0));
}

static void
chord_backward(const real *a, const real *b, int dimensions, double distance, double gradient,
			   real *a_gradient, real *b_gradient)
{
	if (distance >= LEAST_DISTANCE)
		join_cosine_backward(a, b, dimensions, -gradient / distance, a_gradient, b_gradient);
}

const NetworkJoin join_l2 = {
	.name = "l2",
	.metric = METRIC_L2,
	.initial_scale = 1,
	.distance = l2_distance,
	.backward = l2_backward
};

static const NetworkJoin join_l1 = {
	.name = "l1",
	.metric = METRIC_L1,
	.initial_scale = 1,
	.distance = l1_distance,
	.backward = l1_backward
};

/* The weights are multiplied into the embedding, so that what is stored is compared by plain L1. */
static const NetworkJoin join_weighted_l1 = {
	.name = "weighted_l1",
	.metric = METRIC_L1,
	.initial_scale = 1,
	.weights = &layer_join_weights,
	.distance = l1_distance,
	.backward = l1_backward
};

static const NetworkJoin join_chord = {
	.name = "cosine",
	.metric = METRIC_COSINE,
	.directions = true,
	.initial_scale = 8,
	.distance = chord_distance,
	.backward = chord_backward
};

static const void *const joins[] = {&join_l2, &join_l1, &join_weighted_l1, &join_chord, NULL};

const SettingRule join_rules[] = {
	{"join", RULE_TYPE, offsetof(NetworkDefinition, join), 0, 0, joins},
	{NULL, 0, 0, 0, 0, NULL}
};
