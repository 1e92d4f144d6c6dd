/*
 * loss.c: the table of losses, their settings, and the loss of a batch.
 */
#include <string.h>

#include "network/loss_internal.h"
#include "network/network_internal.h"

static const void *const losses[] = {
	&loss_contrastive, &loss_squared_contrastive, &loss_triplet, &loss_cross_entropy, &loss_cosine_target,
	&loss_supervised_contrastive, NULL
};

const SettingRule loss_rules[] = {
	{"type", RULE_TYPE, offsetof(NetworkLoss, type), 0, 0, losses},
	{"margin", RULE_REAL, offsetof(NetworkLoss, margin), 1e-12, 1e6, NULL},
	{"temperature", RULE_REAL, offsetof(NetworkLoss, temperature), 1e-3, 1e3, NULL},
	{"genuine_target", RULE_REAL, offsetof(NetworkLoss, genuine_target), -1, 1, NULL},
	{"forged_target", RULE_REAL, offsetof(NetworkLoss, forged_target), -1, 1, NULL},
	{"forgery_weight", RULE_REAL, offsetof(NetworkLoss, forgery_weight), 0, 1e6, NULL},
	{"forged_share", RULE_REAL, offsetof(NetworkLoss, forged_share), 0, 1, NULL},
	{"rate_factor", RULE_REAL, offsetof(NetworkLoss, rate_factor), 0, 1e6, NULL},
	{"bias", RULE_REAL, offsetof(NetworkLoss, bias), -1e6, 1e6, NULL},
	{NULL, 0, 0, 0, 0, NULL}
};

const NetworkLoss loss_defaults = {
	.type = &loss_contrastive, .margin = 1, .temperature = 0.1, .genuine_target = 1, .forged_target = -1,
	.forgery_weight = 1, .forged_share = 1, .rate_factor = 1, .bias = NAN
};

bool
loss_check(const NetworkDefinition *definition, Status *status)
{
	const LossType *type = definition->loss.type;
	const NetworkLayer *last = &definition->layers[definition->layer_count - 1];

	if (definition->pair >= 0)
		return type->of_log_odds != NULL ||
			status_set(status, STATUS_DEFINITION, "Leave \"type\" out, or set it to \"cross_entropy\".",
					   "Loss: \"%s\" compares embeddings, of which a network with a layer \"pair\" has none.", type->name);
	if (!type->directions || definition->join->directions || last->type->unit_length)
		return true;
	return status_set(status, STATUS_DEFINITION, "Set \"join\" to \"cosine\", or end the layers with \"l2_norm\".",
					  "Loss: \"%s\" compares directions, the join \"%s\" does not.", type->name, definition->join->name);
}

size_t
loss_parameter_count(const NetworkDefinition *definition)
{
	const LossType *type = definition->loss.type;

	return type->parameter_count != NULL ? type->parameter_count(definition) : 0;
}

void
loss_initialize(const NetworkDefinition *definition, real *parameters)
{
	if (definition->loss.type->initialize != NULL)
		definition->loss.type->initialize(definition, parameters);
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
		.parameters = weights + network->loss_offset,
		.parameter_gradient = gradient + network->loss_offset,
		.embedding_gradient = embedding_gradient,
		.loss = loss
	};

	*loss = 0;
	memset(embedding_gradient, 0, (size_t) batch->n * pass.dimensions * sizeof(real));
	return network->definition->loss.type->run(&pass, status);
}
