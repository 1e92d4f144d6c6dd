/*
 * optimizer_internal.h: optimizers; optimizer.c holds the table of them.
 */
#ifndef SIAMESE_NETWORK_OPTIMIZER_INTERNAL_H
#define SIAMESE_NETWORK_OPTIMIZER_INTERNAL_H

#include "network/kernels.h"
#include "network/settings_internal.h"

struct OptimizerType
{
	const char *name;
	double		momentum;		/* defaults */
	double		second_momentum;
	bool		decoupled_decay;	/* weight decay acts on the weights, not through the gradient */
	bool		corrects_bias;	/* the averages are divided by 1 - momentum^t */
	/* its memory, in arrays of as many values as there are parameters: 1 or 2 */
	int			(*arrays) (const NetworkOptimizer *optimizer);
	/* one step of count parameters; first and second are their parts of the arrays, second being there if arrays() says so */
	void		(*step) (const OptimizerPass *pass, size_t count, const real *gradient, real *first, real *second, real *weights);
};

extern const SettingRule optimizer_rules[]; /* offsets in NetworkOptimizer */
extern const NetworkOptimizer optimizer_defaults;

/* The learning rate of a step, by warm-up and schedule. */
extern double optimizer_rate(const NetworkOptimizer *optimizer, const NetworkProgress *progress);

/* Puts the type's own defaults where nothing was given. */
extern void optimizer_finish(NetworkOptimizer *optimizer);

#endif
