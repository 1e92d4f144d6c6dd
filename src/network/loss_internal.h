/*
 * loss_internal.h: joins, by which two embeddings are compared, and losses.
 *
 * Each join is one NetworkJoin, each loss one LossType; join.c and loss.c hold the tables of them.
 */
#ifndef SIAMESE_NETWORK_LOSS_INTERNAL_H
#define SIAMESE_NETWORK_LOSS_INTERNAL_H

#include "network/layer_internal.h"
#include "network/network.h"
#include "network/settings_internal.h"

/* ---- joins --------------------------------------------------------------------------------------------------------- */

struct NetworkJoin
{
	const char *name;
	Metric		metric;			/* that equals the distance, for whoever stores embeddings */
	bool		directions;		/* the distance depends on the directions of the embeddings alone */
	double		initial_scale;	/* of distances, in the cross-entropy */
	const LayerType *weights;	/* layer of learned weights that the twin ends with; NULL: none */
	double		(*distance) (const real *a, const real *b, int dimensions);

	/* adds gradient * d distance / da to a_gradient, the same for b */
	void		(*backward) (const real *a, const real *b, int dimensions, double distance, double gradient,
							 real *a_gradient, real *b_gradient);
};

extern const NetworkJoin join_l2;
extern const SettingRule join_rules[];	/* offsets in NetworkDefinition */

extern double join_cosine(const real *a, const real *b, int dimensions);
extern void join_cosine_backward(const real *a, const real *b, int dimensions, double gradient,
								 real *a_gradient, real *b_gradient);

/* ---- losses -------------------------------------------------------------------------------------------------------- */

/* One loss on one batch; see network_loss().  parameters and parameter_gradient are the loss's own. */
typedef struct LossPass
{
	const NetworkDefinition *definition;
	const NetworkBatch *batch;
	int			dimensions;
	const Host *host;
	const real *parameters;
	real	   *parameter_gradient; /* added to */
	real	   *embedding_gradient; /* zero at first */
	double	   *loss;			/* zero at first */
} LossPass;

struct LossType
{
	const char *name;
	bool		directions;		/* needs embeddings that are compared by their directions */
	/* what it learns itself; both NULL: nothing */
	size_t		(*parameter_count) (const NetworkDefinition *definition);
	void		(*initialize) (const NetworkDefinition *definition, real *parameters);
	/* the loss of a batch and its gradients; false when interrupted, or without memory */
	bool		(*run) (const LossPass *pass, Status *status);
	/* the loss of one pair from the log odds of "the same" that a head gives it, and its derivative; NULL: only for embeddings */
	double		(*of_log_odds) (bool genuine, double log_odds, double *gradient);
};

/* ---- pairs of a batch (batch_pairs.c) ------------------------------------------------------------------------------- */

/*
 * All positive pairs, or all of a genuine sample and a forgery of its label; returns how many.  pairs NULL: only counted.
 */
extern size_t pairs_within_labels(const NetworkDefinition *definition, const NetworkBatch *batch, bool genuine, NetworkPair *pairs);

/* The first "wanted" of pairs become a random choice of all of them. */
extern void pairs_choose(NetworkPair *pairs, size_t count, size_t wanted, Random *random);

/* Up to wanted pairs of genuine samples of different labels, by drawing; returns how many were found. */
extern size_t pairs_of_impostors(const NetworkBatch *batch, size_t wanted, Random *random, NetworkPair *pairs);

/* ---- losses -------------------------------------------------------------------------------------------------------- */

extern const LossType loss_contrastive;
extern const LossType loss_squared_contrastive;
extern const LossType loss_triplet;
extern const LossType loss_cross_entropy;
extern const LossType loss_cosine_target;
extern const LossType loss_supervised_contrastive;

extern const SettingRule loss_rules[];	/* offsets in NetworkLoss */
extern const NetworkLoss loss_defaults;

/* What depends on the join and the layers. */
extern bool loss_check(const NetworkDefinition *definition, Status *status);

extern size_t loss_parameter_count(const NetworkDefinition *definition);
extern void loss_initialize(const NetworkDefinition *definition, real *parameters);

#endif
