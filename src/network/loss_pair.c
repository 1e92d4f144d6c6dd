/*
 * loss_pair.c: losses of pairs: contrastive in two forms, cross-entropy, cosine target.
 *
 * Genuine pairs are all pairs of genuine samples of one label.  Negative ones weigh as much: the loss's forged_share are
 * genuine samples with forgeries of their label, the others (and those for which there are no forgeries) genuine samples of
 * different labels (impostors).  The batch's seed chooses them.  Impostors are plenty: IMPOSTORS_DRAWN times as many as
 * their share asks for are drawn, each with 1 / IMPOSTORS_DRAWN of the weight, which lowers the variance of the gradient.
 */
#include "network/loss_internal.h"

#define PAIRS_BETWEEN 1024		/* checks for interrupts */
#define IMPOSTORS_DRAWN 8

/*
 * The loss of one pair whose measure is the distance, or the cosine; sets its gradient by the measure, and adds to that of
 * the loss's parameters, weighted by share.
 */
typedef double (*PairLoss) (const LossPass *pass, bool genuine, double measure, double share, double *gradient);

/* genuine: D^2, else max(margin - D, 0)^2     Hadsell, Chopra, LeCun 2006 */
static double
contrastive_pair(const LossPass *pass, bool genuine, double distance, double share, double *gradient)
{
	double		error = genuine ? distance : fmax(pass->definition->loss.margin - distance, 0);

	*gradient = genuine ? 2 * error : -2 * error;
	return error * error;
}

/* genuine: D^2, else max(margin - D^2, 0)     Leal-Taixe, Canton-Ferrer, Schindler 2016, equation 1 */
static double
squared_contrastive_pair(const LossPass *pass, bool genuine, double distance, double share, double *gradient)
{
	double		square = distance * distance;
	double		margin = pass->definition->loss.margin;

	*gradient = genuine ? 2 * distance : square < margin ? -2 * distance : 0;
	return genuine ? square : fmax(margin - square, 0);
}

/* (cos - target)^2     Bromley 1993 */
static double
cosine_target_pair(const LossPass *pass, bool genuine, double cosine, double share, double *gradient)
{
	const NetworkLoss *loss = &pass->definition->loss;
	double		error = cosine - (genuine ? loss->genuine_target : loss->forged_target);

	*gradient = 2 * error;
	return error * error;
}

/* Weights of the join have the scale in them already; a head has both in its own. */
static size_t
cross_entropy_parameters(const NetworkDefinition *definition)
{
	if (definition->pair >= 0)
		return 0;
	return definition->join->weights != NULL ? 1 : 2;
}

/* bias and theta, scale being softplus(theta) */
static void
cross_entropy_initialize(const NetworkDefinition *definition, real *parameters)
{
	double		scale;

	if (definition->pair >= 0)
		return;
	scale = definition->join->initial_scale;
	parameters[0] = (real) (isnan(definition->loss.bias) ? scale : definition->loss.bias);
	if (cross_entropy_parameters(definition) > 1)
		parameters[1] = (real) log(expm1(scale));
}

/* -log p, or -log(1 - p), with p = sigmoid(bias - scale D)     Koch 2015, section 3.1 */
static double
cross_entropy_pair(const LossPass *pass, bool genuine, double distance, double share, double *gradient)
{
	bool		scaled = cross_entropy_parameters(pass->definition) > 1;
	double		scale = scaled ? softplus(pass->parameters[1]) : 1;
	double		logit = pass->parameters[0] - scale * distance;
	double		error = logistic(logit) - genuine;

	pass->parameter_gradient[0] += (real) (share * error);
	if (scaled)
		pass->parameter_gradient[1] -= (real) (share * error * distance * logistic(pass->parameters[1]));
	*gradient = -error * scale;
	return softplus(genuine ? -logit : logit);
}

/* The same of a head, whose log odds of two outputs are their difference: the cross-entropy of a softmax. */
static double
cross_entropy_of_log_odds(bool genuine, double log_odds, double *gradient)
{
	*gradient = logistic(log_odds) - genuine;
	return softplus(genuine ? -log_odds : log_odds);
}

static void
add_pair(const LossPass *pass, PairLoss pair_loss, bool by_cosine, const NetworkPair *pair, double share)
{
	int			dimensions = pass->dimensions;
	const NetworkJoin *join = pass->definition->join;
	const real *a = pass->batch->embedding + (size_t) pair->a * dimensions;
	const real *b = pass->batch->embedding + (size_t) pair->b * dimensions;
	real	   *a_gradient = pass->embedding_gradient + (size_t) pair->a * dimensions;
	real	   *b_gradient = pass->embedding_gradient + (size_t) pair->b * dimensions;
	double		measure = by_cosine ? join_cosine(a, b, dimensions) : join->distance(a, b, dimensions);
	double		gradient;

	*pass->loss += share * pair_loss(pass, pair->genuine, measure, share, &gradient);
	if (by_cosine)
		join_cosine_backward(a, b, dimensions, share * gradient, a_gradient, b_gradient);
	else
		join->backward(a, b, dimensions, measure, share * gradient, a_gradient, b_gradient);
}

static bool
run(const LossPass *pass, PairLoss pair_loss, bool by_cosine, Status *status)
{
	const NetworkBatch *batch = pass->batch;
	Random		random = random_stream(batch->seed, 1);
	size_t		genuine = pairs_within_labels(pass->definition, batch, true, NULL);
	size_t		forged = pairs_within_labels(pass->definition, batch, false, NULL);
	size_t		wanted_forged = (size_t) lround(pass->definition->loss.forged_share * (double) genuine);
	size_t		impostors;		/* by their share */
	size_t		drawn;
	double		weight;			/* of all pairs together, a genuine one's being 1 */
	NetworkPair *pairs;
	bool		interrupted = false;

	if (genuine == 0)
		return true;
	pairs = host_allocate(pass->host, (1 + IMPOSTORS_DRAWN) * genuine + forged, sizeof(NetworkPair), status);
	if (pairs == NULL)
		return false;
	pairs_within_labels(pass->definition, batch, true, pairs);
	pairs_within_labels(pass->definition, batch, false, pairs + genuine);
	if (wanted_forged < forged)
		pairs_choose(pairs + genuine, forged, wanted_forged, &random);
	else
		wanted_forged = forged;
	impostors = genuine - wanted_forged;
	drawn = pairs_of_impostors(batch, IMPOSTORS_DRAWN * impostors, &random, pairs + genuine + wanted_forged);
	weight = (double) (genuine + wanted_forged + (drawn > 0 ? impostors : 0));
	for (size_t i = 0; i < genuine + wanted_forged + drawn && !interrupted; i++)
	{
		add_pair(pass, pair_loss, by_cosine, &pairs[i],
				 i < genuine + wanted_forged ? 1 / weight : (double) impostors / drawn / weight);
		interrupted = i % PAIRS_BETWEEN == 0 && host_interrupted(pass->host, status);
	}
	host_release(pass->host, pairs);
	return !interrupted;
}

static bool
contrastive_run(const LossPass *pass, Status *status)
{
	return run(pass, contrastive_pair, false, status);
}

static bool
squared_contrastive_run(const LossPass *pass, Status *status)
{
	return run(pass, squared_contrastive_pair, false, status);
}

static bool
cross_entropy_run(const LossPass *pass, Status *status)
{
	return run(pass, cross_entropy_pair, false, status);
}

static bool
cosine_target_run(const LossPass *pass, Status *status)
{
	return run(pass, cosine_target_pair, true, status);
}

const LossType loss_contrastive = {
	.name = "contrastive",
	.run = contrastive_run
};

const LossType loss_squared_contrastive = {
	.name = "squared_contrastive",
	.run = squared_contrastive_run
};

const LossType loss_cross_entropy = {
	.name = "cross_entropy",
	.parameter_count = cross_entropy_parameters,
	.initialize = cross_entropy_initialize,
	.run = cross_entropy_run,
	.of_log_odds = cross_entropy_of_log_odds
};

const LossType loss_cosine_target = {
	.name = "cosine_target",
	.directions = true,
	.run = cosine_target_run
};
