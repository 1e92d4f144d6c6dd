/*
 * join.c: how two embeddings are compared: the distance of a join, and its gradient.
 */
#include "network/network_internal.h"

#define LEAST_DISTANCE 1e-12	/* below it the direction of a distance's gradient is taken as 0 */

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
join_cosine_backward(const real *a, const real *b, int dimensions, double slope, real *a_gradient, real *b_gradient)
{
	double		a_length = length_of(a, dimensions);
	double		b_length = length_of(b, dimensions);
	double		cosine = join_cosine(a, b, dimensions);

	for (int i = 0; i < dimensions; i++)
	{
		double		a_unit = a[i] / a_length;
		double		b_unit = b[i] / b_length;

		a_gradient[i] += (real) (slope * (b_unit - cosine * a_unit) / a_length);
		b_gradient[i] += (real) (slope * (a_unit - cosine * b_unit) / b_length);
	}
}

double
join_distance(NetworkJoin join, const real *a, const real *b, int dimensions)
{
	double		sum = 0;

	if (join == JOIN_COSINE)
		return sqrt(fmax(2 - 2 * join_cosine(a, b, dimensions), 0));
	for (int i = 0; i < dimensions; i++)
	{
		double		apart = (double) a[i] - b[i];

		sum += join == JOIN_L2 ? apart * apart : fabs(apart);
	}
	return join == JOIN_L2 ? sqrt(sum) : sum;
}

void
join_distance_backward(NetworkJoin join, const real *a, const real *b, int dimensions, double distance, double slope,
					   real *a_gradient, real *b_gradient)
{
	if (distance < LEAST_DISTANCE)
		return;
	if (join == JOIN_COSINE)
	{
		join_cosine_backward(a, b, dimensions, -slope / distance, a_gradient, b_gradient);
		return;
	}
	for (int i = 0; i < dimensions; i++)
	{
		double		apart = (double) a[i] - b[i];
		double		part = slope * (join == JOIN_L2 ? apart / distance : (apart > 0) - (apart < 0));

		a_gradient[i] += (real) part;
		b_gradient[i] -= (real) part;
	}
}
