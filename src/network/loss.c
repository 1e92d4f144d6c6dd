/*
 * loss.c: the choice of the loss, and its own parameters.
 */
#include <string.h>

#include "network/network_internal.h"

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
		.dimensions = network->dimensions,
		.host = host,
		.parameter_count = network->loss_count,
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
