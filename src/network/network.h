/*
 * network.h: a definition -> layers -> forward, backward, loss, optimizer.    Pure C.
 *
 * A NetworkDefinition (definition.h) is checked data; a Network adds how it is executed: shapes, offsets into one flat array
 * of weights, buffers.  Both are immutable, so any number of threads may run one Network, each with a NetworkWorkspace of
 * its own.
 * Layout is NHWC: a sample is real [height, width, channels]; a pen sequence is [1, length, channels].
 * Weights are one array: the learned parameters of the layers in order, then those of the loss, then the statistics
 * (running mean and variance of batch norm), which are not learned by gradients but are stored and averaged with them.
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
 * Call it before network_create(): networks of the definition then use the methods that take the least memory.  They may be
 * slower, and their results differ by rounding.
 */
extern void network_spare_memory(NetworkDefinition *definition);

/*
 * Call it before network_create(): of the layers with weights only so many learn, the last ones in the order of the definition.  The
 * others keep weights and statistics bit for bit: in training they run as at inference, by those statistics and without
 * dropout, and no backward pass goes below the first that learns.  What belongs to join and loss learns and is not counted.
 * False with STATUS_ARGUMENT unless it is from 1 to network_weighted_layers().
 */
extern bool network_learn_last(NetworkDefinition *definition, int layers, Status *status);
extern int	network_weighted_layers(const NetworkDefinition *definition);

/* Of a network's parameters the first so many do not learn; 0 without network_learn_last(). */
extern size_t network_frozen_count(const Network *network);

extern Network *network_create(const NetworkDefinition *definition, const Host *host, Status *status);
extern void network_destroy(Network *network);

extern int	network_input_values(const Network *network);	/* height * width * channels */
extern int	network_dimensions(const Network *network); /* of the embedding, or of whatever its last layer gives */
/*
 * For pens: how many places along the writing the embedding keeps separate, as [places, maps].  1 for images, and where a
 * layer mixes the places.
 */
extern int	network_embedding_places(const Network *network);
extern size_t network_parameter_count(const Network *network);	/* learned: layers, then loss */
extern size_t network_weight_count(const Network *network); /* parameters and statistics */

/*
 * Multiplications by weights of convolutions and dense layers in one forward pass of a sample; of a head, of a pair in one
 * order.
 */
extern uint64_t network_multiplications(const Network *network);

/* Whether a backward pass does anything: of a twin without layers that learn it does not. */
extern bool network_learns(const Network *network);

/* One line a layer: 'conv 3x3, 32 maps  -> 40 x 40 x 32   320'; returns false past the last one. */
extern bool network_describe_layer(const Network *network, int layer, char *line, size_t size);

/*
 * Initial weights: He normal before a ReLU, Glorot otherwise, or what the layer's "initial" says.  When the host interrupts,
 * it returns early with unusable weights.
 */
extern void network_initialize(const Network *network, uint64_t seed, real *weights);

/*
 * Copies the weights and statistics of another network, which must have the same layers that learn, in the same order:
 * type, windows, inputs and outputs.  The loss's own parameters are copied too if the losses are the same.  False with
 * STATUS_ARGUMENT, and a detail that names the first layer that differs.
 */
extern bool network_copy_weights(const Network *from, const real *from_weights, const Network *to, real *to_weights,
								 Status *status);

/*
 * Packed weights: what the layers need besides the weights to be fast (transformed windows of convolutions), in a layout
 * that all levels of processor share.  They follow from the weights alone and may be shared by any number of workspaces.
 */
#define NETWORK_PACKING 4		/* to be raised whenever what network_pack() makes changes */
extern size_t network_packed_count(const Network *network); /* reals; may be 0 */
extern void network_pack(const Network *network, const real *weights, real *packed);

/*
 * Only what network_forward_training() and network_backward() need of layers that learn; to be repeated after every step of
 * training.  What others need must have been packed before, by network_pack(): it does not change.
 */
extern void network_pack_training(const Network *network, const real *weights, real *packed);

typedef struct NetworkWorkspace NetworkWorkspace;

/* Memory for up to samples samples; with training, including the activations that the backward pass needs. */
extern size_t network_workspace_bytes(const Network *network, int samples, bool training);
extern NetworkWorkspace *network_workspace_create(const Network *network, int samples, bool training,
												  const Host *host, Status *status);
extern void network_workspace_destroy(NetworkWorkspace *workspace);

/*
 * From now on forward passes use these packed weights, which must belong to the weights that they are called with.
 * Otherwise each pass packs them itself, in memory that the first one allocates beyond network_workspace_bytes().
 */
extern void network_workspace_use(NetworkWorkspace *workspace, const real *packed);

/* Size of a prepared sample: a raster, or for pens float [length, PEN_VALUES], aligned like floats. */
extern size_t network_sample_bytes(const NetworkDefinition *definition);

/* A prepared sample -> input [input_values]: pixels by the definition's mean and deviation, or a pen's features. */
extern void network_input_from_raster(const NetworkDefinition *definition, const uint8_t *raster, real *input);

/* A distorted copy of a sample, beyond what is drawn for it alone; all zero: nothing beyond that. */
typedef struct NetworkCopy
{
	int			turn;			/* rotation by quarter turns (square inputs only) */
	bool		forge;			/* warped like a forgery */
	uint64_t	shared;			/* seed of the shared_distortion of its identity's copies; 0: none */
} NetworkCopy;

/*
 * The same for a copy distorted by the definition's training.shared_distortion, drawn from copy->shared, and then by its
 * training.distortion, drawn from random.
 */
extern void network_input_distorted(const NetworkDefinition *definition, const uint8_t *raster, const NetworkCopy *copy,
									Random *random, real *input);

/* Whether the definition's shared_distortion changes anything. */
extern bool network_shares_distortion(const NetworkDefinition *definition);

/*
 * Inference: input [n, input_values] -> embedding [n, dimensions].  n <= the workspace's samples.  Checks the host's
 * interrupted between layers; false with STATUS_INTERRUPTED.  The output of a sample has the same bits
 * whatever the others in the batch are.
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
 * Training: batch statistics, dropout drawn from the seed.  The forward and the backward pass check for interrupts between
 * layers, and within long ones: then they return false, and their outputs are not usable.  They also return false if there
 * is no memory for packed weights.
 */
extern bool network_forward_training(const Network *network, const real *weights, NetworkWorkspace *workspace,
									 const real *input, int n, uint64_t seed, real *embedding);

/* The backward pass of the last forward_training: adds to gradient [parameter_count]; embedding_gradient [n, dimensions]. */
extern bool network_backward(const Network *network, const real *weights, NetworkWorkspace *workspace,
							 const real *input, const real *embedding_gradient, real *gradient);

/* Averages the batch statistics of the workspace's last forward_training into the running ones in weights. */
extern void network_update_statistics(const Network *network, const NetworkWorkspace *workspace, real *weights);

/* ---- loss -------------------------------------------------------------------------------------------------------- */

typedef struct NetworkBatch
{
	int			n;
	const real *embedding;		/* [n, dimensions] */
	const int32_t *label;		/* [n] */
	const int32_t *frame;		/* [n], for training.frame_distance; NULL: not known */
	const uint8_t *genuine;		/* [n]; 0: a forgery of the label: never an anchor or a positive, but a negative of its genuine
								 * samples and, for the triplet and supervised contrastive losses, of all others */
	uint64_t	seed;			/* for drawing negative pairs */
} NetworkBatch;

/*
 * Mean loss of the batch; embedding_gradient [n, dimensions] is overwritten, gradient [parameter_count] is added to
 * (the loss's own parameters only).  Losses of pairs take all genuine pairs and give negative pairs the same total weight,
 * forged_share of it to those with forgeries; a batch without pairs has loss 0 and no gradient.
 */
extern bool network_loss(const Network *network, const real *weights, const NetworkBatch *batch, const Host *host,
						 double *loss, real *embedding_gradient, real *gradient, Status *status);

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

/*
 * A layer "pair" divides a definition: what stands before it is the twin, run once a sample; what stands after it is the
 * head, run once a pair on both outputs stacked as channels.  With "pair" first, the twin is the input itself.
 *
 * A Network of such a definition runs the twin: its dimensions are the values of the twin's output.  Its head is a Network
 * too, with the same weights, packed weights and counts, an input of twice these values, and one output or two.  It lives and
 * ends with the network.
 */
extern const Network *network_head(const Network *network); /* NULL without a layer "pair": the network makes embeddings */

/*
 * The head's workspace, for as many pairs as the other one is for samples; part of that one.  In training with flow, the other
 * one is for twice as many samples: both sides of each pair.
 */
extern NetworkWorkspace *network_workspace_head(const NetworkWorkspace *workspace);

/* Two samples by their numbers. */
typedef struct NetworkPair
{
	int			a;
	int			b;
	bool		genuine;		/* in training */
} NetworkPair;

/*
 * Training: the pairs of a batch, mixed: the positive ones, at most training.positives, and training.negatives times as many
 * negative ones, the loss's forged_share of them with forgeries as far as there are some; the batch's seed draws them.  *pairs
 * is for host_release(); NULL and *count 0 if no label has two genuine samples.  The batch's embedding is not read.
 */
extern bool network_choose_pairs(const Network *network, const NetworkBatch *batch, const Host *host, NetworkPair **pairs,
								 int *count, Status *status);

/* Outputs of the twin [samples, dimensions] -> input of the head [n, 2 x dimensions]; and back, a gradient added to theirs. */
extern void network_stack(const Network *network, const real *output, const NetworkPair *pair, int n, real *stacked);
extern void network_unstack(const Network *network, const real *stacked_gradient, const NetworkPair *pair, int n,
							real *output_gradient);

/*
 * The loss of n pairs, each times share, from the head's output [n, outputs]; output_gradient, of the same size, is
 * overwritten.
 */
extern double network_pair_loss(const Network *network, const real *output, const NetworkPair *pair, int n, double share,
								real *output_gradient);

/* Of a head's last backward pass, [n, 2 x dimensions], in its workspace; NULL if its twin learns nothing. */
extern const real *network_input_gradient(const NetworkWorkspace *workspace);

/*
 * Optical flow: with "flow" in the definition's input, what a twin sees of a sample depends on the other one of a pair.  So the
 * twin runs once a side of each pair.  Two samples without flow, a and b [kept values] -> inputs [2, input values]; memory:
 * network_flow_bytes(), aligned for floats.  False with STATUS_INTERRUPTED.
 */
extern bool network_has_flow(const Network *network);
extern size_t network_flow_bytes(const Network *network);
extern bool network_flow_inputs(const Network *network, const real *a, const real *b, const Host *host, void *memory, real *inputs,
								Status *status);

/* Values of a sample of a batch that are kept until its pairs are known: the twin's output, or with flow its input without it. */
extern size_t network_kept_values(const Network *network);

/*
 * Inference.  A sample's side is what is kept of it to compare it with others: the output of the twin or, where that has no
 * layers, or the input has flow, the prepared sample itself, which is smaller.  Plain bytes of this process, aligned like real.
 */
extern size_t network_side_bytes(const Network *network);

/* Prepared samples [n] -> side [n, side bytes], n whatever the workspace's samples. */
extern bool network_sides(const Network *network, const real *weights, NetworkWorkspace *workspace, const uint8_t *const *sample,
						  int n, void *side, Status *status);

/*
 * Pairs [n] of sides -> log odds [n] of "the same": the mean of both orders, so that (a, b) and (b, a) give the same bits.
 * hidden, unless it is NULL: what goes into the head's last dense layer, [n, hidden values], the mean of both orders too.
 */
extern size_t network_hidden_values(const Network *network);
extern bool network_compare(const Network *network, const real *weights, NetworkWorkspace *workspace, const void *side,
							const NetworkPair *pair, int n, double *log_odds, real *hidden, Status *status);

/* ---- optimizer --------------------------------------------------------------------------------------------------- */

typedef struct NetworkProgress
{
	int64_t		step;			/* from 0 */
	int64_t		steps;			/* planned in all */
	int64_t		epoch_steps;
} NetworkProgress;

/* The optimizer's memory: reals [network_optimizer_count], all zero at first; plain data, so that it can be stored. */
extern size_t network_optimizer_count(const Network *network);

/* A step begins with this; network_clips() tells whether it does anything. */
extern bool network_clips(const Network *network);
extern void network_clip_gradient(const Network *network, real *gradient);

/* Then the parameters from first to last - 1 of weights are changed: in parts, for several threads. */
extern void network_optimizer_part(const Network *network, const NetworkProgress *progress, real *memory,
								   const real *gradient, real *weights, size_t first, size_t last);

/*
 * Then the exponential moving average of the weights, average [weight_count], with a smaller decay in the first steps; also
 * in parts.
 */
extern void network_average_part(const Network *network, const NetworkProgress *progress, const real *weights, real *average,
								 size_t first, size_t last);

#endif
