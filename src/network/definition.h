/*
 * definition.h: what a definition says, as checked data.    Pure C.
 *
 * It reaches this room as the leaves of its JSON; network_define() checks them and returns a NetworkDefinition, from which
 * network.h makes a network.  README.md lists all keys with their defaults.
 */
#ifndef SIAMESE_NETWORK_DEFINITION_H
#define SIAMESE_NETWORK_DEFINITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/metric.h"
#include "common/status.h"
#include "image/image.h"
#include "pen/pen.h"

/* Private to this room; each has a header of its own. */
typedef struct NetworkLayer NetworkLayer;
typedef struct InputType InputType;
typedef struct NetworkJoin NetworkJoin;
typedef struct LossType LossType;
typedef struct OptimizerType OptimizerType;

/*
 * One leaf: path "layers[2].kernel", "loss.margin".  Leaves come in any order; network_define() alone reads the strings.
 */
typedef enum NetworkSettingKind
{
	SETTING_NUMBER,
	SETTING_TEXT,
	SETTING_BOOLEAN,			/* number is 0 or 1 */
	SETTING_EMPTY				/* null, {} or [] */
} NetworkSettingKind;

typedef struct NetworkSetting
{
	const char *path;
	NetworkSettingKind kind;
	double		number;
	const char *text;			/* for SETTING_TEXT */
} NetworkSetting;

typedef enum NetworkInputKind
{
	INPUT_IMAGE,
	INPUT_PEN
} NetworkInputKind;

typedef struct NetworkLoss
{
	const LossType *type;
	double		margin;
	double		temperature;
	double		genuine_target; /* cosine target */
	double		forged_target;
	double		forgery_weight; /* of a forgery among the negatives of its own label */
	double		rate_factor;	/* learning rate of the loss's parameters and the join's weights, times the optimizer's */
	double		bias;			/* of cross-entropy, initially: the distance (times the scale) where the odds are even */
	double		forged_share;	/* of the negative pairs that are with forgeries, as far as there are some */
} NetworkLoss;

typedef enum NetworkSchedule
{
	SCHEDULE_CONSTANT,
	SCHEDULE_COSINE,			/* to 0 at the last step */
	SCHEDULE_EXPONENTIAL		/* times decay after each epoch */
} NetworkSchedule;

typedef struct NetworkOptimizer
{
	const OptimizerType *type;
	double		rate;
	double		momentum;		/* SGD's and RMSprop's; Adam's beta 1 */
	double		second_momentum;	/* decay of the average of squares: RMSprop's, and Adam's beta 2 */
	double		weight_decay;	/* on weight matrices only, never on biases or batch norm */
	double		clip;			/* largest norm of the gradient; 0: none */
	double		warmup;			/* steps with a linearly rising rate; below 1: as a share of all steps */
	NetworkSchedule schedule;
	double		decay;			/* for SCHEDULE_EXPONENTIAL */
	double		average;		/* decay of the exponential moving average of the weights; 0: none */
} NetworkOptimizer;

/* How samples are distorted for training: each value is the largest strength; drawn uniformly, anew for every copy. */
typedef struct NetworkDistortion
{
	double		probability;	/* that each single part is applied, 0 to 1 */
	double		rotation;		/* degrees */
	double		scale;			/* logarithm of the factor, independent for each axis */
	double		shear;
	double		shift;			/* share of the width and of the height */
	double		warp;			/* smooth random field on a 5 x 5 grid, share of the width */
	double		forgery;		/* a forgery made of a genuine sample has this many times the warp, give or take a third */
	double		contrast;		/* share */
	double		noise;			/* standard deviation, of values in [0, 1] */

	/* images only */
	double		brightness;		/* added to values in [0, 1] */
	double		gamma;			/* logarithm of the exponent of values in [0, 1] */
	double		saturation;		/* share; for colour only */
	double		hue;			/* degrees; for colour only */
	double		blur;			/* standard deviation of a Gaussian, pixels */
	double		flip;			/* probability of left and right exchanged */
	double		erase;			/* share of the area: a rectangle of the input's mean     Zhong et al. 2020, Random erasing, section 3 */

	/* pens only, which have no shift, contrast and noise; their warp is in units of the spread of y (PenDistortion), and a
	 * forgery's time_warp is multiplied like its warp */
	double		time_warp;
	double		tempo;
	double		pressure;
	double		jitter;
	double		dropped;

	/* shared_distortion only */
	bool		mirror;			/* x and y, each with probability 1/2 */
	bool		reverse;		/* pens: backwards in time, with probability 1/2 */
} NetworkDistortion;

/* "training": how the examples are sampled. */
typedef struct NetworkTraining
{
	int			classes;		/* a batch is this many identities ... */
	int			samples;		/* ... times this many samples of each */
	int			epochs;			/* unless train() is told otherwise */
	int			epoch_samples;	/* an epoch is one pass over the examples, but at least this many samples */
	int			positives;		/* heads: at most so many positive pairs of a batch; 0: all of them */
	double		negatives;		/* heads: negative pairs for each positive one */
	int			frame_distance; /* positive pairs are at most so many frames apart, where the examples have frames; 0: any */
	int			self_forgeries; /* so many of an identity's samples in a batch are genuine ones distorted until they no longer
								 * count as genuine: negatives of their own identity     Lai, Jin, Zhu 2020 */
	bool		turns;			/* each identity rotated by 90, 180, 270 degrees is three further ones (characters) */
	double		held_out;		/* share of the identities kept for validation and calibration */
	NetworkDistortion distortion;	/* of each sample */
	NetworkDistortion shared_distortion;	/* drawn once for all of an identity's samples in a batch, and applied before
											 * distortion: it makes a synthetic identity of a real one, forgeries included.
											 * Where there are fewer identities than classes, each occurs several times in a
											 * batch, with a draw of its own */
} NetworkTraining;

typedef struct NetworkDefinition
{
	NetworkInputKind input_kind;
	const InputType *input;
	PenPreparation pen;			/* for INPUT_PEN */
	ImagePreparation image;		/* for INPUT_IMAGE */
	bool		luv;			/* the network sees the image's CIE L*u*v* instead of its red, green and blue */
	double		mean[3];		/* the network sees (value / 255 - mean) / deviation of each channel; of L*u*v*: input_colour.c */
	double		deviation[3];
	bool		flow;			/* images: the input of each side of a pair has the optical flow to the other one (flow_input.c) */
	int			views;			/* distorted copies of an input whose embeddings are averaged */
	int			layer_count;
	NetworkLayer *layers;
	int			pair;			/* index of the layer "pair", which divides twin and head; -1: there is none */
	const NetworkJoin *join;	/* NULL with a head */
	Metric		metric;			/* follows from the join; METRIC_L2 with a head, where it means nothing */
	NetworkLoss loss;
	NetworkOptimizer optimizer;
	NetworkTraining training;
	bool		spare_memory;	/* see network_spare_memory() */
	int			frozen;			/* the first so many layers keep their weights: see network_learn_last() */
} NetworkDefinition;

/*
 * Checks everything: unknown settings (the hint lists the known ones), wrong types, ranges, shapes that do not fit,
 * products beyond the limits (common/limits.h), all before anything of that size is allocated.  STATUS_DEFINITION's
 * detail names the layer: 'Layer 3 ("conv"): ...', counted from 1.  The definition is one block that host_release frees;
 * neither it nor a network keeps a pointer into the settings.
 */
extern NetworkDefinition *network_define(const NetworkSetting *settings, int count, const Host *host, Status *status);

#endif
