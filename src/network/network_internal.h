/*
 * network_internal.h: what the files of the network room share.
 *
 * A layer type is one LayerType: its settings, how its shape follows from its input's, and its two passes.  All layers
 * work on n samples of [height, width, channels] one after another; "rows" are pixels, a row is channels values.
 */
#ifndef SIAMESE_NETWORK_INTERNAL_H
#define SIAMESE_NETWORK_INTERNAL_H

#include <stddef.h>

#include "common/random.h"
#include "network/kernels.h"
#include "network/network.h"

/* ---- settings ------------------------------------------------------------------------------------------------------ */

typedef enum RuleKind
{
	RULE_INTEGER,				/* int */
	RULE_SIDES,					/* int [2], height and width: 3 or [3, 5] */
	RULE_REAL,					/* double */
	RULE_BOOLEAN,				/* bool */
	RULE_CHOICE,				/* int, the place in choices */
	RULE_CHOICES,				/* SettingChoices: an array of them */
	RULE_NAME,					/* char [LAYER_NAME] */
	RULE_REFERENCE				/* LayerReference: the number or the name of a layer */
} RuleKind;

/* What one key may hold and where it goes. */
typedef struct SettingRule
{
	const char *key;
	RuleKind	kind;
	size_t		offset;
	double		least;
	double		most;
	const char *const *choices;
} SettingRule;

#define MOST_CHOICES 32

typedef struct SettingChoices
{
	int			count;
	int			choice[MOST_CHOICES];	/* the place in choices, from 1; 0: not given */
} SettingChoices;

#define LAYER_NAME 32

typedef struct LayerReference
{
	int			number;			/* from 1; 0: see name */
	char		name[LAYER_NAME];
} LayerReference;

/*
 * Stores a setting in target by the rules, which end with a NULL key; common, such rules too, may be NULL.  key is the
 * part of the path below the place that where names.
 */
extern bool setting_store(const SettingRule *rules, const SettingRule *common, const char *where, const char *key,
						  const NetworkSetting *setting, void *target, Status *status);

/* "input": the image's or the pen's preparation; definition_input.c. */
typedef struct InputSettings
{
	int			kind;
	int			width;
	int			height;
	int			colour;
	int			polarity;
	int			background;
	int			crop;
	bool		centre;
	int			fit;
	double		margin;
	double		smooth;
	bool		normalise;
	int			blank;
	double		mean;
	double		deviation;
	int			views;
	int			length;
	int			resampling;
	bool		drift;
	int			scale;
	double		rate;
	SettingChoices features;
} InputSettings;

extern void input_defaults(InputSettings *input);
extern bool input_kind(const NetworkSetting *settings, int count, InputSettings *input, Status *status);
extern bool input_store(const char *key, const NetworkSetting *setting, InputSettings *input, Status *status);
extern bool input_finish(const InputSettings *input, NetworkDefinition *definition, Status *status);

/* network_input_from_raster() and network_input_distorted() of images; distort.c. */
extern void raster_input(const NetworkDefinition *definition, const uint8_t *raster, real *input);
extern void raster_input_distorted(const NetworkDefinition *definition, const uint8_t *raster, const NetworkCopy *copy,
								   Random *random, real *input);

/* ---- layers -------------------------------------------------------------------------------------------------------- */

typedef struct NetworkShape
{
	int			height;
	int			width;
	int			channels;
} NetworkShape;

typedef struct LayerType LayerType;

/* How weights are prepared for inference; training has them as they are. */
typedef enum StoredWeights
{
	STORED_FLOAT,
	STORED_BF16
} StoredWeights;

struct NetworkLayer
{
	const LayerType *type;
	int			number;			/* from 1 */

	/* settings */
	char		name[LAYER_NAME];
	int			maps;			/* of a convolution; units of a dense layer */
	int			kernel[2];		/* window of a convolution or a pooling */
	int			stride[2];
	int			padding[2];
	int			groups;
	bool		bias;
	double		rate_factor;	/* times the optimizer's rate: LeCun et al. 1998, Efficient BackProp, section 4.7 */
	double		initial_deviation;	/* NAN: by the rule of He or Glorot */
	double		initial_bias_mean;
	double		initial_bias_deviation;
	double		rate;			/* of dropout */
	double		epsilon;
	int			size;			/* local response norm: channels in the window, alpha, beta, constant */
	double		alpha;
	double		beta;
	double		constant;
	LayerReference from;		/* of add */
	int			stored;			/* of a dense layer: StoredWeights */

	/* worked out by network_define */
	NetworkShape in;
	NetworkShape out;
	int			source;			/* of add: index of the other layer; else -1 */
	bool		relu_follows;	/* directly or behind a batch norm */
	size_t		parameter_count;
	size_t		parameter_offset;
	size_t		decay_count;	/* the first ones are a weight matrix, subject to weight decay */
	size_t		statistic_count;
	size_t		statistic_offset;

	/* worked out by network_create */
	bool		in_place;		/* in training, the output overwrites the input */
	bool		in_place_inference;
	bool		absorbed;		/* a ReLU that the layer before applies */
	bool		absorbs_relu;
	bool		folded;			/* at inference, a batch norm that the layer before applies */
	bool		folds_norm;
	bool		folds_relu;		/* at inference, the ReLU behind that batch norm too */
	bool		kept;			/* a later add needs the output */
	int			slot;			/* buffer of the output at inference */
	size_t		state_bytes;	/* a workspace's memory for the way back is state_fixed + n * state_bytes */
	size_t		state_fixed;
	const struct ConvMethod *method;	/* of a convolution */
	bool		spare_memory;	/* network_spare_memory() */
	const Host *host;			/* of the network: asked whether to stop */
	size_t		packed_count;	/* reals of its prepared weights */
	size_t		packed_offset;
};

/* One pass through one layer. */
typedef struct LayerPass
{
	const Host *host;			/* asked whether to stop */
	const NetworkLayer *layer;
	const NetworkLayer *next;	/* NULL behind the last */
	const NetworkKernels *kernels;
	int			n;
	bool		training;
	uint64_t	seed;			/* dropout */
	const real *weights;		/* all of the network */
	const real *packed;			/* the layer's prepared weights */
	const real *input;			/* [n, in] */
	const real *other;			/* [n, out] of the source of add */
	real	   *output;			/* [n, out] */
	char	   *state;			/* kept from forward_training to backward */
	real	   *scratch;

	/* the way back */
	const real *output_gradient;	/* [n, out] */
	real	   *input_gradient; /* [n, in]; NULL: not wanted.  May be output_gradient if the type is in_place */
	real	   *gradient;		/* all of the network: added to */
} LayerPass;

/* Asked by layers that may take long, between parts of their work; they return at once when it says so. */
static inline bool
pass_interrupted(const LayerPass *pass)
{
	return pass->host->interrupted != NULL && pass->host->interrupted(pass->host->context);
}

struct LayerType
{
	const char *name;
	const SettingRule *rules;	/* offsets in NetworkLayer; NULL: none */
	bool		in_place;		/* both passes can overwrite their input */
	bool		needs_output;	/* the way back reads the layer's output */
	bool		packed_for_inference;	/* only: training uses no prepared weights */
	void		(*defaults) (NetworkLayer *layer);

	/* out, parameter_count, decay_count and statistic_count from in and the settings; NULL: out is in, no parameters */
	bool		(*shape) (NetworkLayer *layer, Status *status);
	void		(*describe) (const NetworkLayer *layer, char *text, size_t size);	/* NULL: the name alone */
	void		(*initialize) (const NetworkLayer *layer, Random *random, real *parameters, real *statistics);
	size_t		(*scratch) (const NetworkLayer *layer, int samples, bool training); /* reals; NULL: none */
	void		(*state) (NetworkLayer *layer); /* sets state_bytes and state_fixed */
	void		(*plan) (NetworkLayer *layer);	/* how it will be computed: sets method and packed_count; NULL: no choice */
	void		(*pack) (const NetworkLayer *layer, const real *weights, real *packed);
	void		(*forward) (const LayerPass *pass);
	void		(*backward) (const LayerPass *pass);
};

extern const LayerType layer_conv;
extern const LayerType layer_dense;
extern const LayerType layer_max_pool;
extern const LayerType layer_mean_pool;
extern const LayerType layer_global_mean;
extern const LayerType layer_attention_pool;
extern const LayerType layer_batch_norm;
extern const LayerType layer_local_response_norm;
extern const LayerType layer_relu;
extern const LayerType layer_prelu;
extern const LayerType layer_sigmoid;
extern const LayerType layer_tanh;
extern const LayerType layer_dropout;
extern const LayerType layer_add;
extern const LayerType layer_flatten;
extern const LayerType layer_l2_norm;
extern const LayerType layer_join_weights;	/* appended for the join "weighted_l1"; not in definitions */

/* Fills *status with 'Layer 3 ("conv"): ...' and returns false. */
extern bool layer_error(const NetworkLayer *layer, Status *status, const char *hint, const char *format, ...)
			__attribute__((format(printf, 4, 5)));

/*
 * "layers" of a definition; definition_layers.c.  First how many there are, then their types, then each setting, then shapes
 * and counts.  The index of a path is -1 if it is not of the form "layers[12].kernel"; *rest is what stands behind the dot.
 */
extern bool layers_count(const NetworkSetting *settings, int count, int *layers, Status *status);
extern bool layers_read_types(const NetworkSetting *settings, int count, NetworkDefinition *definition, Status *status);
extern int	layer_index(const char *path, const char **rest);
extern bool layer_store(const char *key, const NetworkSetting *setting, NetworkLayer *layer, Status *status);
extern bool layers_connect(NetworkDefinition *definition, Status *status);

/* Windows of a convolution or a pooling: sets out.height and out.width. */
extern bool layer_window(NetworkLayer *layer, Status *status);

/* Normal numbers for a weight matrix, by "initial", else by He or Glorot; then the biases. */
extern void layer_initialize_matrix(const NetworkLayer *layer, Random *random, size_t fan_in, size_t fan_out,
									real *matrix, real *bias);

/*
 * What batch norm does at inference, as y = scale x + shift: for conv and dense, which apply it (and their own bias)
 * right behind their product.  bias may be NULL.
 */
extern void batch_norm_fold(const NetworkLayer *norm, const real *weights, const real *bias, real *scale, real *shift);

/* What is left to do behind a product of conv or dense: y = scale y + shift, then ReLU; scale and shift may be NULL. */
typedef struct LayerFinish
{
	const real *scale;			/* [channels] */
	const real *shift;
	bool		relu;
} LayerFinish;

/* bias may be NULL; fold: real [2 channels], room for a batch norm that is folded in. */
extern LayerFinish layer_finish(const LayerPass *pass, const real *bias, real *fold);

/* Does it, on rows of the output. */
extern void layer_finish_rows(const LayerPass *pass, const LayerFinish *finish, size_t rows, real *output);

static inline size_t
shape_values(NetworkShape shape)
{
	return (size_t) shape.height * shape.width * shape.channels;
}

static inline size_t
shape_pixels(NetworkShape shape)
{
	return (size_t) shape.height * shape.width;
}

static inline double
softplus(double x)
{
	return x > 30 ? x : log1p(exp(x));
}

static inline double
logistic(double x)
{
	return 1 / (1 + exp(-x));
}

/* ---- network ------------------------------------------------------------------------------------------------------- */

struct Network
{
	const Host *host;
	const NetworkDefinition *definition;	/* a copy, in the same block */
	int			layer_count;
	NetworkLayer *layers;
	int			dimensions;		/* of the embedding */
	int			first_learning; /* the way back ends here */
	size_t		parameter_count;
	size_t		loss_offset;	/* of the loss's parameters */
	size_t		loss_count;
	size_t		weight_count;
	size_t		packed_count;
	int			grouped;		/* the layers before this one run on group samples after group samples at inference */
	int			group;
	int			slot_count;
	size_t	   *slot_values;	/* [slot_count], a sample */
	size_t	   *group_slot_values;	/* [slot_count], a sample of a group: of the grouped layers but the last */
};

/* ---- losses -------------------------------------------------------------------------------------------------------- */

/* Parameters that the loss learns itself: 0, 1 (bias) or 2 (bias, scale). */
extern size_t loss_parameter_count(const NetworkDefinition *definition);
extern void loss_initialize(const NetworkDefinition *definition, real *parameters);

/* Distance by the join of two embeddings, and the way back: adds slope * dD/da to a_gradient, the same for b. */
extern double join_distance(NetworkJoin join, const real *a, const real *b, int dimensions);
extern void join_distance_backward(NetworkJoin join, const real *a, const real *b, int dimensions, double distance,
								   double slope, real *a_gradient, real *b_gradient);
extern double join_cosine(const real *a, const real *b, int dimensions);
extern void join_cosine_backward(const real *a, const real *b, int dimensions, double slope,
								 real *a_gradient, real *b_gradient);

/* One loss on one batch; see network_loss.  parameters and parameter_gradient are the loss's own. */
typedef struct LossPass
{
	const NetworkDefinition *definition;
	const NetworkBatch *batch;
	int			dimensions;
	const Host *host;
	size_t		parameter_count;
	const real *parameters;
	real	   *parameter_gradient;
	real	   *embedding_gradient;	/* zero at first */
	double	   *loss;
} LossPass;

extern bool loss_of_pairs(const LossPass *pass, Status *status);
extern bool loss_of_triplets(const LossPass *pass, Status *status);
extern bool loss_of_contrasts(const LossPass *pass, Status *status);

#endif
