/*
 * layer_internal.h: layer types, and what they share.
 *
 * A layer type is one LayerType: its settings, how its shape follows from its input's, and its two passes.  All layers
 * work on n samples of [height, width, channels] one after another; "rows" are pixels, a row is channels values.
 */
#ifndef SIAMESE_NETWORK_LAYER_INTERNAL_H
#define SIAMESE_NETWORK_LAYER_INTERNAL_H

#include <math.h>

#include "common/random.h"
#include "network/kernels.h"
#include "network/settings_internal.h"

typedef struct NetworkShape
{
	int			height;
	int			width;
	int			channels;
} NetworkShape;

/* What a layer reads beside its input. */
typedef struct LayerSource
{
	int			layer;			/* index of an earlier one; -1: the network's input */
	NetworkShape shape;
} LayerSource;

typedef struct LayerType LayerType;

/* ---- settings, by type --------------------------------------------------------------------------------------------- */

/* "initial": the distribution of the initial weights */
typedef struct LayerInitial
{
	double		deviation;		/* NAN: by the rule of He or Glorot */
	double		bias_mean;
	double		bias_deviation;
} LayerInitial;

/* Sides are [height, width]. */
typedef struct ConvSettings
{
	int			maps;
	int			kernel[2];
	int			stride[2];
	int			dilation[2];	/* pixels from a value under the window to the next */
	SettingMargins given_padding;
	int			padding[4];		/* top, left, bottom, right */
	int			groups;
	bool		bias;
	LayerInitial initial;
} ConvSettings;

/* How weights are packed for inference; training has them as they are. */
typedef enum StoredWeights
{
	STORED_FLOAT,
	STORED_BF16
} StoredWeights;

typedef struct DenseSettings
{
	int			units;
	bool		bias;
	int			stored;			/* StoredWeights */
	LayerInitial initial;
} DenseSettings;

typedef struct PoolSettings
{
	int			kernel[2];		/* of adaptive_mean_pool: the size of its output */
	int			stride[2];
	SettingMargins given_padding;
	int			padding[4];		/* top, left, bottom, right */
	int			dilation[2];	/* pixels from one of a window to the next */
	bool		ceil;			/* also windows that reach over the border, if they begin before it */
	bool		count_padding;	/* of a mean: as zeros */
} PoolSettings;

typedef struct PadSettings
{
	SettingMargins given_padding;
	int			padding[4];		/* top, left, bottom, right */
	int			channels[2];	/* before and behind those of the input */
} PadSettings;

typedef struct AttentionSettings
{
	int			heads;
	bool		places;
} AttentionSettings;

typedef struct ResponseNormSettings
{
	int			size;			/* channels in the window */
	double		alpha;
	double		beta;
	double		constant;
} ResponseNormSettings;

typedef union LayerSettings
{
	ConvSettings conv;
	DenseSettings dense;
	PoolSettings pool;
	PadSettings pad;
	AttentionSettings attention;
	ResponseNormSettings response_norm;
	struct
	{
		double		epsilon;
	}			batch_norm;
	struct
	{
		double		rate;
	}			dropout;
	struct
	{
		double		slope;
	}			leaky_relu;
	struct
	{
		double		low;
		double		high;
	}			clip;
	struct
	{
		double		slope;
		double		offset;
	}			hard_sigmoid;
	struct
	{
		double		alpha;
		double		gamma;			/* of elu 1 */
	}			elu;
	struct
	{
		LayerReference from[MOST_REFERENCES];
	}			combine;
} LayerSettings;

/* ---- a layer ------------------------------------------------------------------------------------------------------- */

/* How it runs, worked out by network_create(). */
typedef struct LayerPlan
{
	bool		in_place;		/* in training, the output overwrites the input */
	bool		in_place_inference;
	bool		fused;			/* a ReLU that the preceding layer applies */
	bool		fuses_relu;
	bool		folded;			/* at inference, a batch norm that the preceding layer applies */
	bool		folds_norm;
	bool		folds_relu;		/* at inference, the ReLU after that batch norm too */
	bool		learns;			/* it or what it reads has weights that learn: a gradient of its output is wanted */
	bool		frozen;			/* in training it runs as at inference: freeze.c */
	bool		omitted;		/* in training, an earlier layer does it too: a fused ReLU, or what a frozen one applies */
	bool		branches;		/* others than the next layer read the output: the gradient is summed in a buffer of its own */
	bool		applied;		/* at inference, an activation that the layer which computes its input applies */
	const NetworkLayer *activation;	/* at inference, the activation that this layer applies; in the same network */
	int			slot;			/* buffer of the output at inference */

	/* the graph, counted within the twin or the head, whose input is -1 */
	int			input;			/* the layer's input */
	int			source[MOST_REFERENCES];	/* the layer's sources */
	int			reader;			/* the only layer that reads the output; -1: there are several, or none */
	int			last_reader;	/* the last one; of the last layer the number that follows it */

	/* set by the type's plan() */
	size_t		state_bytes;	/* kept for the backward pass: state_fixed + n * state_bytes */
	size_t		state_fixed;
	size_t		packed_count;	/* reals of its packed weights */
	size_t		packed_offset;
	const struct ConvMethod *method;	/* of a convolution */
} LayerPlan;

struct NetworkLayer
{
	const LayerType *type;
	int			number;			/* from 1 */
	char		name[LAYER_NAME];
	double		rate_factor;	/* times the optimizer's rate: LeCun et al. 1998, Efficient BackProp, section 4.7 */
	LayerReference reads;		/* "input"; not given: the layer before */
	LayerSettings settings;

	/* worked out by network_define() */
	NetworkShape in;
	NetworkShape out;
	int			input;			/* index of the layer whose output is its input; -1: the network's input */
	int			source_count;
	LayerSource source[MOST_REFERENCES];
	bool		rectifier_follows;	/* directly or after a batch norm */
	size_t		parameter_count;
	size_t		parameter_offset;
	size_t		decay_count;	/* the first ones are a weight matrix, subject to weight decay */
	size_t		statistic_count;
	size_t		statistic_offset;

	LayerPlan	plan;
};

/* One pass through one layer. */
typedef struct LayerPass
{
	const Host *host;			/* checked for interrupts */
	const NetworkLayer *layer;
	const NetworkLayer *next;	/* the only one that reads its output; NULL: there are several, or none */
	const NetworkKernels *kernels;
	int			n;
	bool		training;
	uint64_t	seed;			/* dropout */
	const real *weights;		/* all of the network */
	const real *packed;			/* the layer's packed weights */
	const real *input;			/* [n, in] */
	const real *other[MOST_REFERENCES];	/* [n, shape] of each source */
	real	   *output;			/* [n, out] */
	char	   *state;			/* kept from the forward pass to the backward pass */
	real	   *scratch;

	/* backward */
	const real *output_gradient;	/* [n, out] */
	real	   *input_gradient; /* [n, in]; NULL: not wanted.  May be output_gradient if the type is in_place */
	real	   *gradient;		/* all of the network: added to */
} LayerPass;

/* Layers that may take long check it between parts of their work, and return at once. */
static inline bool
pass_interrupted(const LayerPass *pass)
{
	return pass->host->interrupted != NULL && pass->host->interrupted(pass->host->context);
}

typedef struct InitializePass
{
	const NetworkLayer *layer;
	const Host *host;			/* checked for interrupts */
	Random	   *random;
	real	   *parameters;
	real	   *statistics;
} InitializePass;

struct LayerType
{
	const char *name;
	const SettingRule *rules;	/* offsets in NetworkLayer; NULL: none */

	/* properties; network_create() and workspace.c go by them */
	bool		in_place;		/* both passes can overwrite their input */
	bool		in_place_inference; /* the forward pass can at inference */
	bool		needs_output;	/* the backward pass reads the layer's output */
	bool		applies_scale;	/* at inference, can apply a following layer that has fold(), and activate(): layer_finish() */
	bool		applies_relu;	/* can apply a following ReLU ... */
	bool		reverts_relu;	/* ... and its backward pass includes that of the ReLU */
	bool		is_relu;
	bool		rectifier;		/* ReLU or PReLU: weights before it are initialized by He's rule */
	bool		unit_length;	/* each output is a vector of length 1 */
	bool		flattens;		/* the output has all values as channels of one pixel */
	bool		keeps_places;	/* each value of the output belongs to the place of the same value of the input */
	bool		packed_for_inference;	/* only: training uses no packed weights */

	/* making a network */
	void		(*defaults) (NetworkLayer *layer);
	/* out, parameter_count, decay_count and statistic_count from in and the settings; NULL: out is in, no parameters */
	bool		(*shape) (NetworkLayer *layer, Status *status);
	/* of a layer with a setting "from", settings.combine: out from in and the sources; NULL: it reads its input alone */
	bool		(*combine) (NetworkLayer *layer, Status *status);
	void		(*describe) (const NetworkLayer *layer, char *text, size_t size);	/* NULL: the name alone */
	bool		(*same_weights) (const NetworkLayer *a, const NetworkLayer *b); /* with equal counts and channels; NULL: yes */
	void		(*initialize) (const InitializePass *pass);
	size_t		(*scratch) (const NetworkLayer *layer, int samples, bool training); /* reals; NULL: none */
	void		(*plan) (NetworkLayer *layer, bool spare_memory);	/* sets its part of LayerPlan; NULL: all 0 */
	void		(*pack) (const NetworkLayer *layer, const real *weights, real *packed);
	/*
	 * The layer as y = scale x + shift for each channel at inference, for the preceding layer, which applies it after its
	 * product; shift includes that layer's bias, which may be NULL.
	 */
	void		(*fold) (const NetworkLayer *layer, const real *weights, const real *bias, real *scale, real *shift);

	/*
	 * Of an activation: y of x, both [rows, channels]; they may be the same memory.  At inference the layer that computes x
	 * applies it, if it can.
	 */
	void		(*activate) (const NetworkLayer *layer, const NetworkKernels *kernels, const real *weights, const real *x,
							 size_t rows, real *y);

	/* running it */
	void		(*forward) (const LayerPass *pass);
	void		(*backward) (const LayerPass *pass);
	/* the gradient of a source [n, shape]: added to, or set; runs before backward() */
	void		(*backward_source) (const LayerPass *pass, int source, bool add, real *gradient);
	/* averages those of the last forward pass in training, of n samples, into the running ones */
	void		(*update_statistics) (const NetworkLayer *layer, const char *state, int n, real *statistics);
};

extern const LayerType layer_conv;
extern const LayerType layer_dense;
extern const LayerType layer_max_pool;
extern const LayerType layer_mean_pool;
extern const LayerType layer_adaptive_mean_pool;
extern const LayerType layer_global_mean;
extern const LayerType layer_global_max;
extern const LayerType layer_attention_pool;
extern const LayerType layer_batch_norm;
extern const LayerType layer_instance_norm;
extern const LayerType layer_local_response_norm;
extern const LayerType layer_relu;
extern const LayerType layer_prelu;
extern const LayerType layer_leaky_relu;
extern const LayerType layer_clip;
extern const LayerType layer_sigmoid;
extern const LayerType layer_hard_sigmoid;
extern const LayerType layer_hard_swish;
extern const LayerType layer_tanh;
extern const LayerType layer_elu;
extern const LayerType layer_selu;
extern const LayerType layer_dropout;
extern const LayerType layer_add;
extern const LayerType layer_multiply;
extern const LayerType layer_concat;
extern const LayerType layer_pad;
extern const LayerType layer_flatten;
extern const LayerType layer_l2_norm;
extern const LayerType layer_pair;	/* no pass runs it: it divides the layers, see pair.c */
extern const LayerType layer_join_weights;	/* appended for the join "weighted_l1"; not in definitions */

/* Fills *status with 'Layer 3 ("conv"): ...' and returns false. */
extern bool layer_error(const NetworkLayer *layer, Status *status, const char *hint, const char *format, ...)
			__attribute__((format(printf, 4, 5)));

/*
 * "layers" of a definition; definition_layers.c.  First how many there are, then their types, then each setting.  The index of
 * a path is -1 if it is not of the form "layers[12].kernel"; *rest is what follows the dot.
 */
extern bool layers_count(const NetworkSetting *settings, int count, int *layers, Status *status);
extern bool layers_read_types(const NetworkSetting *settings, int count, NetworkDefinition *definition, Status *status);
extern int	layer_index(const char *path, const char **rest);
extern bool layer_store(const char *key, const NetworkSetting *setting, NetworkLayer *layer, Status *status);
extern void layers_append(NetworkDefinition *definition, const LayerType *type, double rate_factor);

/* Which layers each one reads, shapes and counts: definition_graph.c. */
extern bool layers_connect(NetworkDefinition *definition, Status *status);

/* Top, left, bottom and right of what was given. */
extern bool layer_padding(NetworkLayer *layer, const SettingMargins *given, int *padding, Status *status);

/*
 * Sets out.height and out.width of a convolution or a pooling with windows of kernel [2], dilated ones as large as what they
 * cover, and padding [4].  Where stride is 0 it becomes the kernel.  Windows lie within the padded map; with ceil one more
 * reaches over its end, unless it would begin after the map (PyTorch's ceil_mode).
 */
extern bool layer_window(NetworkLayer *layer, const int *kernel, int *stride, const int *padding, bool ceil, Status *status);

/* "padding 1" or "padding 0,1,2,2", for a description. */
extern void layer_describe_padding(const int *padding, char *text, size_t size);

/* Sums of batch norm and instance norm; batch_norm.c.  statistics [4, channels]: mean, variance, scale, shift. */
extern size_t norm_scratch(const NetworkLayer *layer);
extern void norm_measure(const LayerPass *pass, const real *x, size_t rows, double epsilon, const real *parameters,
						 real *statistics);
extern void norm_revert(const LayerPass *pass, const real *x, const real *dy, size_t rows, double epsilon, const real *statistics,
						real *gradient, real *dx);

/* Normal numbers for the weight matrix, by initial, else by He or Glorot; then the biases, if there are some. */
extern void layer_initialize_matrix(const InitializePass *pass, const LayerInitial *initial, size_t fan_in, size_t fan_out);

/* What follows the product of conv or dense: y = scale y + shift, then ReLU, then an activation; all but ReLU may be NULL. */
typedef struct LayerFinish
{
	const real *scale;			/* [channels] */
	const real *shift;
	bool		relu;
	const NetworkLayer *activation;
} LayerFinish;

/* bias may be NULL; fold [2, channels]: memory for a folded batch norm. */
extern LayerFinish layer_finish(const LayerPass *pass, const real *bias, real *fold);

/* Applies it to rows of the output; layer_activate_rows() the activation alone, after a kernel that did the rest. */
extern void layer_finish_rows(const LayerPass *pass, const LayerFinish *finish, size_t rows, real *output);
extern void layer_activate_rows(const LayerPass *pass, const LayerFinish *finish, size_t rows, real *output);

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

#endif
