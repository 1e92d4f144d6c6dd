/*
 * boost.c: gradient boosting of decision trees; boost.h names the sources.
 *
 * Values are replaced by the number of their bin, of up to BINS between quantiles of the feature.  A tree grows level by level; the rows of a
 * node stand together in an array of row numbers, in their first order.  A node's histogram holds, for each bin of each feature, the
 * sums of first and second derivatives; of two children the one with fewer rows is summed, the other's is the difference.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "common/random.h"
#include "tracking/boost.h"

#define BINS 255				/* of values; one more for those that are missing */
#define MISSING BINS
#define ALL_BINS (BINS + 1)

typedef struct Sums
{
	double		gradient;
	double		hessian;
} Sums;

/* A node of the tree that grows. */
typedef struct Growing
{
	int			node;			/* in the forest */
	int			first;			/* its rows are order[first] .. order[first + count - 1] */
	int			count;
	Sums		sums;
	Sums	   *histogram;		/* [features, ALL_BINS] */
} Growing;

typedef struct SplitPlace
{
	double		gain;			/* twice the loss that it saves */
	int			feature;
	int			bin;			/* the first one of the right side; 0: there is no split */
	bool		missing_left;
	Sums		left;
} SplitPlace;

typedef struct Trainer
{
	const Host *host;
	const BoostSettings *settings;
	int			rows;
	int			features;
	const unsigned char *label;
	const float *weight;
	unsigned char *bin;			/* [rows, features] */
	float	   *border;			/* [features, BINS]: least value of bin 1, 2, ... */
	int		   *bins;			/* [features]: in use, without the one of missing values */
	double	   *score;			/* [rows]: log odds until now */
	Sums	   *row;			/* [rows]: derivatives */
	int		   *order;			/* [rows] */
	int		   *other;			/* [rows]: scratch of a partition */
	int		   *chosen;			/* [features]: the first choices of them are those that the tree may split by, rising */
	int			choices;
	Sums	   *histograms;		/* [2 ^ depth, features, ALL_BINS]: two levels never need more */
	Growing    *level;			/* [2 ^ depth] */
	Growing    *next;			/* [2 ^ depth] */
	Boost	   *boost;
	int			node_room;
} Trainer;

BoostSettings
boost_defaults(int trees)
{
	return (BoostSettings) {.trees = trees, .depth = 4, .rate = 0.1, .lambda = 1, .least_weight = 1, .feature_share = 1};
}

/* ---- bins ---------------------------------------------------------------------------------------------------------- */

/* Borders between quantiles of one feature's values that are not missing, sorted: value [count]. */
static void
place_quantiles(Trainer *trainer, int feature, const float *value, int count)
{
	float	   *border = trainer->border + (size_t) feature * BINS;
	int			bins = 0;

	for (int i = 1; i < BINS && count > 0; i++)
	{
		float		candidate = value[(int) ((int64_t) count * i / BINS)];

		if (candidate > (bins > 0 ? border[bins - 1] : value[0]))
			border[bins++] = candidate;
	}
	trainer->bins[feature] = bins + 1;
}

/* The number of borders that are not above the value. */
static unsigned char
bin_of(const Trainer *trainer, int feature, float value)
{
	const float *border = trainer->border + (size_t) feature * BINS;
	int			low = 0;
	int			high = trainer->bins[feature] - 1;

	if (isnan(value))
		return MISSING;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (border[middle] <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return (unsigned char) low;
}

/* The same; but few distinct values get a border each: quantiles alone would leave out rare ones. */
static void
place_borders(Trainer *trainer, int feature, const float *value, int count)
{
	float	   *border = trainer->border + (size_t) feature * BINS;
	int			distinct = 0;

	for (int i = 1; i < count && distinct < BINS; i++)
		if (value[i] > value[i - 1])
		{
			if (distinct == BINS - 1)
				distinct = BINS;
			else
				border[distinct++] = value[i];
		}
	if (distinct < BINS)
		trainer->bins[feature] = distinct + 1;
	else
		place_quantiles(trainer, feature, value, count);
}

static bool
bin_values(Trainer *trainer, const float *x, Status *status)
{
	float	   *value = host_allocate(trainer->host, trainer->rows, sizeof(float), status);
	bool		done = value != NULL;

	for (int feature = 0; feature < trainer->features && done; feature++)
	{
		int			count = 0;

		for (int i = 0; i < trainer->rows; i++)
		{
			float		one = x[(size_t) i * trainer->features + feature];

			if (!isnan(one))
				value[count++] = one;
		}
		qsort(value, count, sizeof(float), compare_floats);
		place_borders(trainer, feature, value, count);
		for (int i = 0; i < trainer->rows; i++)
			trainer->bin[(size_t) i * trainer->features + feature] =
				bin_of(trainer, feature, x[(size_t) i * trainer->features + feature]);
		done = !host_interrupted(trainer->host, status);
	}
	host_release(trainer->host, value);
	return done;
}

/* ---- one tree ------------------------------------------------------------------------------------------------------- */

static void
take_derivatives(Trainer *trainer)
{
	for (int i = 0; i < trainer->rows; i++)
	{
		double		probability = 1 / (1 + exp(-trainer->score[i]));
		double		weight = trainer->weight != NULL ? trainer->weight[i] : 1;

		trainer->row[i].gradient = weight * (probability - trainer->label[i]);
		trainer->row[i].hessian = weight * probability * (1 - probability);
	}
}

static int
compare_ints(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

/* Draws the features of a tree; the order of trees and features decides, nothing else. */
static void
choose_features(Trainer *trainer, int tree)
{
	Random		random = random_stream(1, (uint64_t) tree);

	trainer->choices = (int) (trainer->settings->feature_share * trainer->features + 0.5);
	if (trainer->choices < 1)
		trainer->choices = 1;
	for (int i = 0; i < trainer->features; i++)
		trainer->chosen[i] = i;
	for (int i = 0; i < trainer->choices && trainer->choices < trainer->features; i++)
	{
		int			other = i + (int) random_below(&random, (uint32_t) (trainer->features - i));
		int			swap = trainer->chosen[i];

		trainer->chosen[i] = trainer->chosen[other];
		trainer->chosen[other] = swap;
	}
	qsort(trainer->chosen, trainer->choices, sizeof(int), compare_ints);
}

static void
sum_histogram(const Trainer *trainer, Growing *growing)
{
	for (int i = 0; i < trainer->choices; i++)
		memset(growing->histogram + (size_t) trainer->chosen[i] * ALL_BINS, 0, sizeof(Sums) * ALL_BINS);
	for (int i = growing->first; i < growing->first + growing->count; i++)
	{
		int			row = trainer->order[i];
		const unsigned char *bin = trainer->bin + (size_t) row * trainer->features;
		Sums		sums = trainer->row[row];

		for (int j = 0; j < trainer->choices; j++)
		{
			int			feature = trainer->chosen[j];
			Sums	   *to = growing->histogram + (size_t) feature * ALL_BINS + bin[feature];

			to->gradient += sums.gradient;
			to->hessian += sums.hessian;
		}
	}
}

static void
subtract_histogram(const Trainer *trainer, Sums *from, const Sums *what)
{
	for (int i = 0; i < trainer->choices; i++)
		for (size_t j = (size_t) trainer->chosen[i] * ALL_BINS; j < ((size_t) trainer->chosen[i] + 1) * ALL_BINS; j++)
		{
			from[j].gradient -= what[j].gradient;
			from[j].hessian -= what[j].hessian;
		}
}

/* Twice the loss that a node of these sums saves. */
static double
worth(const Trainer *trainer, Sums sums)
{
	return sums.gradient * sums.gradient / (sums.hessian + trainer->settings->lambda);
}

static void
try_split(const Trainer *trainer, const Growing *growing, int feature, int bin, bool missing_left, Sums left, SplitPlace *best)
{
	Sums		right = {growing->sums.gradient - left.gradient, growing->sums.hessian - left.hessian};
	double		gain;

	if (left.hessian < trainer->settings->least_weight || right.hessian < trainer->settings->least_weight)
		return;
	gain = worth(trainer, left) + worth(trainer, right) - worth(trainer, growing->sums);
	if (gain > best->gain)
		*best = (SplitPlace) {gain, feature, bin, missing_left, left};
}

static SplitPlace
find_split(const Trainer *trainer, const Growing *growing)
{
	SplitPlace	best = {.gain = 1e-9};

	for (int i = 0; i < trainer->choices; i++)
	{
		int			feature = trainer->chosen[i];
		const Sums *histogram = growing->histogram + (size_t) feature * ALL_BINS;
		Sums		missing = histogram[MISSING];
		Sums		left = {0, 0};

		for (int bin = 1; bin < trainer->bins[feature]; bin++)
		{
			left.gradient += histogram[bin - 1].gradient;
			left.hessian += histogram[bin - 1].hessian;
			try_split(trainer, growing, feature, bin, false, left, &best);
			try_split(trainer, growing, feature, bin, true,
					  (Sums) {left.gradient + missing.gradient, left.hessian + missing.hessian}, &best);
		}
	}
	return best;
}

/* The left side's rows first, each side in the order of before; returns their number. */
static int
partition(Trainer *trainer, const Growing *growing, const SplitPlace *split)
{
	int		   *order = trainer->order + growing->first;
	int			left = 0;
	int			right = 0;

	for (int i = 0; i < growing->count; i++)
	{
		int			bin = trainer->bin[(size_t) order[i] * trainer->features + split->feature];

		if (bin == MISSING ? split->missing_left : bin < split->bin)
			order[left++] = order[i];
		else
			trainer->other[right++] = order[i];
	}
	memcpy(order + left, trainer->other, sizeof(int) * right);
	return left;
}

static bool
add_nodes(Trainer *trainer, int count, Status *status)
{
	Boost	   *boost = trainer->boost;

	if (boost->nodes + count > trainer->node_room)
	{
		int			room = 2 * trainer->node_room + count;
		BoostNode  *larger = host_allocate(trainer->host, room, sizeof(BoostNode), status);

		if (larger == NULL)
			return false;
		if (boost->nodes > 0)
			memcpy(larger, boost->node, sizeof(BoostNode) * boost->nodes);
		host_release(trainer->host, boost->node);
		boost->node = larger;
		trainer->node_room = room;
	}
	for (int i = 0; i < count; i++)
		boost->node[boost->nodes++] = (BoostNode) {.feature = -1};
	return true;
}

/* A node that is not split any more: its rows' scores move. */
static void
finish_leaf(Trainer *trainer, const Growing *growing)
{
	double		value = -trainer->settings->rate * growing->sums.gradient / (growing->sums.hessian + trainer->settings->lambda);

	trainer->boost->node[growing->node].value = value;
	for (int i = growing->first; i < growing->first + growing->count; i++)
		trainer->score[trainer->order[i]] += value;
}

/* Two children of a node; spare: a histogram that nobody uses.  The left one takes over the parent's histogram, or the spare one. */
static bool
split_node(Trainer *trainer, const Growing *parent, const SplitPlace *split, Sums *spare, Growing *left, Growing *right,
		   Status *status)
{
	Growing    *fewer;
	Growing    *more;
	BoostNode  *node;

	if (!add_nodes(trainer, 2, status))
		return false;
	node = &trainer->boost->node[parent->node];
	node->feature = split->feature;
	node->threshold = trainer->border[(size_t) split->feature * BINS + split->bin - 1];
	node->missing_left = split->missing_left;
	node->left = trainer->boost->nodes - 2;
	*left = (Growing) {.node = node->left, .first = parent->first, .count = partition(trainer, parent, split), .sums = split->left};
	*right = (Growing) {.node = node->left + 1, .first = left->first + left->count, .count = parent->count - left->count,
		.sums = {parent->sums.gradient - split->left.gradient, parent->sums.hessian - split->left.hessian}};
	fewer = left->count < right->count ? left : right;
	more = fewer == left ? right : left;
	fewer->histogram = spare;
	more->histogram = parent->histogram;
	sum_histogram(trainer, fewer);
	subtract_histogram(trainer, more->histogram, fewer->histogram);
	return true;
}

static bool
grow_tree(Trainer *trainer, int tree, Status *status)
{
	int			growing = 1;
	int			histograms = 1;

	if (!add_nodes(trainer, 1, status))
		return false;
	choose_features(trainer, tree);
	trainer->boost->root[tree] = trainer->boost->nodes - 1;
	trainer->level[0] = (Growing) {.node = trainer->boost->nodes - 1, .count = trainer->rows, .histogram = trainer->histograms};
	for (int i = 0; i < trainer->rows; i++)
	{
		trainer->order[i] = i;
		trainer->level[0].sums.gradient += trainer->row[i].gradient;
		trainer->level[0].sums.hessian += trainer->row[i].hessian;
	}
	sum_histogram(trainer, &trainer->level[0]);
	for (int depth = 0; growing > 0; depth++)
	{
		int			children = 0;
		Growing    *swap;

		for (int i = 0; i < growing; i++)
		{
			SplitPlace	split = {0};

			if (host_interrupted(trainer->host, status))
				return false;
			if (depth < trainer->settings->depth)
				split = find_split(trainer, &trainer->level[i]);
			if (split.bin == 0)
				finish_leaf(trainer, &trainer->level[i]);
			else
			{
				/* every split adds one node that needs a histogram: never more than 2 ^ depth */
				if (!split_node(trainer, &trainer->level[i], &split,
								trainer->histograms + (size_t) histograms++ * trainer->features * ALL_BINS,
								&trainer->next[children], &trainer->next[children + 1], status))
					return false;
				children += 2;
			}
		}
		swap = trainer->level;
		trainer->level = trainer->next;
		trainer->next = swap;
		growing = children;
	}
	return true;
}

/* ---- the forest ------------------------------------------------------------------------------------------------------ */

/* The log odds of the weighted labels; false: they are all alike. */
static bool
find_base(Trainer *trainer, Status *status)
{
	double		positive = 0;
	double		all = 0;

	for (int i = 0; i < trainer->rows; i++)
	{
		double		weight = trainer->weight != NULL ? trainer->weight[i] : 1;

		positive += trainer->label[i] ? weight : 0;
		all += weight;
	}
	if (!(positive > 0) || !(positive < all))
		return status_set(status, STATUS_ARGUMENT, "Give examples of both kinds.", "All %d examples are of one kind.", trainer->rows);
	trainer->boost->base = log(positive / (all - positive));
	for (int i = 0; i < trainer->rows; i++)
		trainer->score[i] = trainer->boost->base;
	return true;
}

static bool
allocate(Trainer *trainer, Status *status)
{
	const Host *host = trainer->host;
	size_t		leaves = (size_t) 1 << trainer->settings->depth;
	size_t		rows = trainer->rows;

	return (trainer->boost->root = host_allocate(host, trainer->settings->trees, sizeof(int), status)) != NULL &&
		(trainer->bin = host_allocate(host, rows * trainer->features, 1, status)) != NULL &&
		(trainer->border = host_allocate(host, trainer->features, sizeof(float) * BINS, status)) != NULL &&
		(trainer->bins = host_allocate(host, trainer->features, sizeof(int), status)) != NULL &&
		(trainer->score = host_allocate(host, rows, sizeof(double), status)) != NULL &&
		(trainer->row = host_allocate(host, rows, sizeof(Sums), status)) != NULL &&
		(trainer->order = host_allocate(host, rows, sizeof(int), status)) != NULL &&
		(trainer->other = host_allocate(host, rows, sizeof(int), status)) != NULL &&
		(trainer->chosen = host_allocate(host, trainer->features, sizeof(int), status)) != NULL &&
		(trainer->histograms = host_allocate(host, leaves * trainer->features, sizeof(Sums) * ALL_BINS, status)) != NULL &&
		(trainer->level = host_allocate(host, leaves, sizeof(Growing), status)) != NULL &&
		(trainer->next = host_allocate(host, leaves, sizeof(Growing), status)) != NULL;
}

bool
boost_train(const Host *host, const BoostSettings *settings, int rows, int features, const float *x, const unsigned char *label,
			const float *weight, Boost *boost, Status *status)
{
	Trainer		trainer = {
		.host = host, .settings = settings, .rows = rows, .features = features, .label = label, .weight = weight, .boost = boost
	};
	bool		done;

	*boost = (Boost) {.features = features};
	done = allocate(&trainer, status) && find_base(&trainer, status) && bin_values(&trainer, x, status);
	while (done && boost->trees < settings->trees)
	{
		take_derivatives(&trainer);
		done = grow_tree(&trainer, boost->trees, status);
		boost->trees++;
	}
	host_release(host, trainer.bin);
	host_release(host, trainer.border);
	host_release(host, trainer.bins);
	host_release(host, trainer.score);
	host_release(host, trainer.row);
	host_release(host, trainer.order);
	host_release(host, trainer.other);
	host_release(host, trainer.chosen);
	host_release(host, trainer.histograms);
	host_release(host, trainer.level);
	host_release(host, trainer.next);
	if (!done)
		boost_release(host, boost);
	return done;
}

double
boost_log_odds(const Boost *boost, const float *x)
{
	double		sum = boost->base;

	for (int tree = 0; tree < boost->trees; tree++)
	{
		const BoostNode *node = &boost->node[boost->root[tree]];

		while (node->feature >= 0)
		{
			float		value = x[node->feature];

			node = &boost->node[node->left + !(isnan(value) ? node->missing_left : value < node->threshold)];
		}
		sum += node->value;
	}
	return sum;
}

bool
boost_check(const Boost *boost)
{
	if (!isfinite(boost->base))
		return false;
	for (int tree = 0; tree < boost->trees; tree++)
		if (boost->root[tree] < 0 || boost->root[tree] >= boost->nodes)
			return false;
	for (int i = 0; i < boost->nodes; i++)
	{
		const BoostNode *node = &boost->node[i];

		if (node->feature < 0 ? !isfinite(node->value)
			: node->feature >= boost->features || !isfinite(node->threshold) || node->left <= i || node->left >= boost->nodes - 1)
			return false;
	}
	return true;
}

void
boost_release(const Host *host, Boost *boost)
{
	host_release(host, boost->root);
	host_release(host, boost->node);
	*boost = (Boost) {0};
}
