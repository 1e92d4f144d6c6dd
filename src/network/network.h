/*
 * network.h: a definition -> layers -> forward, backward, loss, optimizer.    Pure C.
 *
 * A NetworkDefinition is checked data; a Network is its programme: shapes worked out, offsets into one flat array of
 * weights.  Both are immutable, so any number of threads may run one Network, each with a NetworkWorkspace of its own.
 * Layout is NHWC: a sample is real [height, width, channels]; a pen sequence is [1, length, channels].
 * Weights are one array: the learned parameters of the layers in order, then those of the loss, then the statistics
 * (running mean and variance of batch norm), which are no parameters but are stored and averaged with them.
 *
 * Built twice: real is float in the extension and double (-DREAL_IS_DOUBLE) where tests check gradients.
 */
#ifndef SIAMESE_NETWORK_H
#define SIAMESE_NETWORK_H

#include "common/random.h"
#include "common/status.h"
#include "matrix/matrix.h"
#include "network/definition.h"

/* ---- network ----------------------------------------------------------------------------------------------------- */

typedef struct Network Network;

/*
 * Before network_create: its networks use the methods that take the least memory, which may be slower, and round otherwise.
 */
extern void network_spare_memory(NetworkDefinition *definition);

extern Network *network_create(const NetworkDefinition *definition, const Host *host, Status *status);
extern void network_destroy(Network *network);

extern int	network_input_values(const Network *network);	/* height * width * channels */
extern int	network_dimensions(const Network *network); /* of the embedding */
/*
 * Places along the writing that the embedding of a pen keeps apart: its dimensions are [places, maps] if there are several.
 * 1 for images, and behind a layer that mixes places.
 */
extern int	network_embedding_places(const Network *network);
extern size_t network_parameter_count(const Network *network);	/* learned: layers, then loss */
extern size_t network_weight_count(const Network *network); /* parameters and statistics */

/* One line a layer: 'conv 3x3, 32 maps  -> 40 x 40 x 32   320'; returns false past the last one. */
extern bool network_describe_layer(const Network *network, int layer, char *line, size_t size);

/*
 * Initial weights: He normal for what a ReLU follows, Glorot else, or what the layer's "initial" says.  Ends early, with
 * weights of no use, when the host wants to stop.
 */
extern void network_initialize(const Network *network, uint64_t seed, real *weights);

/*
 * Begins with another network's weights, which must have the same layers that learn, in the same order: type, windows,
 * inputs and outputs; statistics come along.  The loss's own parameters are copied too where the losses are the same.
 * False with STATUS_ARGUMENT, and a detail that names the first layer that differs.
 */
extern bool network_copy_weights(const Network *from, const real *from_weights, const Network *to, real *to_weights,
								 Status *status);

/*
 * Prepared weights: what the layers need beside the weights to be fast (transformed windows of convolutions), in an order
 * that all levels of processor share.  They follow from the weights alone and may be shared by any number of workspaces.
 */
#define NETWORK_PACKING 3		/* to be raised with every change of what network_pack() makes */
extern size_t network_packed_count(const Network *network); /* reals; may be 0 */
extern void network_pack(const Network *network, const real *weights, real *packed);

/* Of these, only what network_forward_training() and network_backward() need: a step of training makes them anew. */
extern void network_pack_training(const Network *network, const real *weights, real *packed);

typedef struct NetworkWorkspace NetworkWorkspace;

/* Room for up to samples samples; training: activations kept for the way back. */
extern size_t network_workspace_bytes(const Network *network, int samples, bool training);
extern NetworkWorkspace *network_workspace_create(const Network *network, int samples, bool training,
												  const Host *host, Status *status);
extern void network_workspace_destroy(NetworkWorkspace *workspace);

/*
 * From now on forward passes use these prepared weights, which must be those of the weights that they are called with.
 * Otherwise each prepares them anew, in memory that the first one takes from the host beyond network_workspace_bytes.
 */
extern void network_workspace_use(NetworkWorkspace *workspace, const real *packed);

/* Of a prepared sample: a raster, or for pens float [length, PEN_VALUES], aligned as floats. */
extern size_t network_sample_bytes(const NetworkDefinition *definition);

/* A prepared sample -> input [input_values]: a raster by the definition's mean and deviation, a pen's by its features. */
extern void network_input_from_raster(const NetworkDefinition *definition, const uint8_t *raster, real *input);

/* What is settled of a copy beforehand; all zero for one that is distorted by its own draws alone. */
typedef struct NetworkCopy
{
	int			turn;			/* quarter turns (square inputs only) */
	bool		forge;			/* with the warp of a forgery */
	uint64_t	shared;			/* seed of what it shares with its identity's other copies; 0: nothing */
} NetworkCopy;

/*
 * The same of a copy distorted by the definition's training.shared_distortion, drawn from copy->shared, and then by its
 * training.distortion, drawn from random.  Simard, Steinkraus, Platt 2003 (affine and elastic distortions); for pens
 * pen_distort().
 */
extern void network_input_distorted(const NetworkDefinition *definition, const uint8_t *raster, const NetworkCopy *copy,
									Random *random, real *input);

/* Whether the definition's shared_distortion changes anything. */
extern bool network_shares_distortion(const NetworkDefinition *definition);

/*
 * Inference: input [n, input_values] -> embedding [n, dimensions].  n <= the workspace's samples.  Checks the host's
 * interrupted between layers; false with STATUS_INTERRUPTED.  The output of a sample does not depend on the others in
 * the batch (only to rounding: see matrix/multiply.c).
 */
extern bool network_forward(const Network *network, const real *weights, NetworkWorkspace *workspace,
							const real *input, int n, real *embedding, Status *status);

/*
 * Inference from rasters [n] -> embedding [n, dimensions], n whatever the workspace's samples.  With "views" above 1 an
 * embedding is the mean over that many copies of its raster, the first as it is, the others distorted, always in the same
 * ways; for the join "cosine" it is the direction of that mean, of unit length.
 */
extern bool network_embed(const Network *network, const real *weights, NetworkWorkspace *workspace,
						  const uint8_t *const *raster, int n, real *embedding, Status *status);

/*
 * Training: batch statistics, dropout drawn from the seed.  This and the way back ask the workspace's host between layers,
 * and within long ones, whether to stop: then they return false, and what they wrote is worth nothing.  The same where the
 * host has no memory for weights that nobody prepared.
 */
extern bool network_forward_training(const Network *network, const real *weights, NetworkWorkspace *workspace,
									 const real *input, int n, uint64_t seed, real *embedding);

/* The way back of the last forward_training: adds to gradient [parameter_count]; embedding_gradient [n, dimensions]. */
extern bool network_backward(const Network *network, const real *weights, NetworkWorkspace *workspace,
							 const real *input, const real *embedding_gradient, real *gradient);

/* Merges the batch statistics of the workspace's last forward_training into the running ones in weights. */
extern void network_update_statistics(const Network *network, const NetworkWorkspace *workspace, real *weights);

/* ---- loss -------------------------------------------------------------------------------------------------------- */

typedef struct NetworkBatch
{
	int			n;
	const real *embedding;		/* [n, dimensions] */
	const int32_t *label;		/* [n] */
	const uint8_t *genuine;		/* [n]; 0: a forgery of the label, never an anchor nor a positive: a negative of its genuine
								 * samples, and, in triplet and supervised contrastive, of all others too */
	uint64_t	seed;			/* for the choice of negative pairs */
} NetworkBatch;

/*
 * Mean loss of the batch; embedding_gradient [n, dimensions] is overwritten, gradient [parameter_count] is added to
 * (the loss's own parameters only).  Pair losses take all genuine pairs of a label and give negative ones as much weight, the
 * forged_share of them with forgeries of the label; a batch without any pair has loss 0 and no gradient.
 */
extern bool network_loss(const Network *network, const real *weights, const NetworkBatch *batch, const Host *host,
						 double *loss, real *embedding_gradient, real *gradient, Status *status);

/* ---- optimizer --------------------------------------------------------------------------------------------------- */

typedef struct NetworkProgress
{
	int64_t		step;			/* from 0 */
	int64_t		steps;			/* planned in all */
	int64_t		epoch_steps;
} NetworkProgress;

extern double network_rate(const NetworkOptimizer *optimizer, const NetworkProgress *progress);

/* The optimizer's memory: reals [network_optimizer_count], all zero at first; plain data, so that it can be stored. */
extern size_t network_optimizer_count(const Network *network);

/* One step: changes the parameters in weights; gradient [parameter_count] is used up (scaled by the clip). */
extern void network_optimizer_step(const Network *network, const NetworkProgress *progress, real *memory,
								   real *gradient, real *weights);

/* average [weight_count] moves towards weights by the optimizer's "average", corrected for the first steps. */
extern void network_average(const Network *network, const NetworkProgress *progress, const real *weights, real *average);

/*
 * The same in parts, for several threads: first the clip, if network_clips, of the whole gradient; then of the parameters,
 * or of the weights, those from first to before last.
 */
extern bool network_clips(const Network *network);
extern void network_clip_gradient(const Network *network, real *gradient);
extern void network_optimizer_part(const Network *network, const NetworkProgress *progress, real *memory,
								   const real *gradient, real *weights, size_t first, size_t last);
extern void network_average_part(const Network *network, const NetworkProgress *progress, const real *weights, real *average,
								 size_t first, size_t last);

#endif
