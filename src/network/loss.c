/*
 * loss.c: what all losses share: the distance of the join and its way back, and the choice of the loss.
 */
#include <string.h>

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

size_t
loss_parameter_count(const NetworkDefinition *definition)
{
	if (definition->loss.kind != LOSS_CROSS_ENTROPY)
		return 0;
	return definition->join == JOIN_WEIGHTED_L1 ? 1 : 2;
}

/* bias and theta, scale being softplus(theta): a half at the distance 1. */
void
loss_initialize(const NetworkDefinition *definition, real *parameters)
{
	size_t		count = loss_parameter_count(definition);
	double		scale = definition->join == JOIN_COSINE ? 8 : 1;

	if (count > 0)
		parameters[0] = (real) (isnan(definition->loss.bias) ? scale : definition->loss.bias);
	if (count > 1)
		parameters[1] = (real) log(expm1(scale));
}

bool
network_loss(const Network *network, const real *weights, const NetworkBatch *batch, const Host *host,
			 double *loss, real *embedding_gradient, real *gradient, Status *status)
{
	LossPass	pass = {
		.definition = network->definition,
		.batch = batch,
		.dimensions = network_dimensions(network),
		.host = host,
		.parameters = weights + network->loss_offset,
		.parameter_gradient = gradient + network->loss_offset,
		.embedding_gradient = embedding_gradient,
		.loss = loss
	};

	*loss = 0;
	memset(embedding_gradient, 0, (size_t) batch->n * pass.dimensions * sizeof(real));
	switch (network->definition->loss.kind)
	{
		case LOSS_TRIPLET:
			return loss_of_triplets(&pass, status);
		case LOSS_SUPERVISED_CONTRASTIVE:
			return loss_of_contrasts(&pass, status);
		case LOSS_CONTRASTIVE:
		case LOSS_CROSS_ENTROPY:
		case LOSS_COSINE_TARGET:
			break;
	}
	return loss_of_pairs(&pass, status);
}
