/*
 * pack.c: a tracker as numbers.
 *
 * First the plain ones, in the order of the structure; then each forest: features, trees, nodes, base; the roots; the nodes with five
 * numbers each.  All of them fit into floats: numbers of nodes are below 2^24, thresholds are floats, leaves and costs are rounded when they
 * are learned.
 */
#include <math.h>

#include "tracking/tracker_internal.h"

#define PLAIN 8
#define FORESTS 4
#define FOREST_PLAIN 4
#define NODE_NUMBERS 5
#define MOST_NODES ((size_t) BOOST_MOST_TREES << (BOOST_MOST_DEPTH + 1))

static const Boost *
forest_of(const Tracker *tracker, int i)
{
	return i == 0 ? &tracker->detection : i == 1 ? &tracker->link : i == 2 ? &tracker->tracklet : &tracker->join;
}

/* A forest's number of features by what stands before it. */
static int
features_of(const Tracker *tracker, int i)
{
	return i == 0 ? DETECTION_FEATURES : i == 1 ? LINK_FEATURES + tracker->appearance_values : i == 2 ? TRACKLET_FEATURES :
		JOIN_FEATURES + 2 * tracker->appearance_values;
}

size_t
tracker_packed_count(const Tracker *tracker)
{
	size_t		count = PLAIN;

	for (int i = 0; i < FORESTS; i++)
		count += FOREST_PLAIN + (size_t) forest_of(tracker, i)->trees + NODE_NUMBERS * (size_t) forest_of(tracker, i)->nodes;
	return count;
}

static float *
pack_forest(const Boost *forest, float *to)
{
	*to++ = (float) forest->features;
	*to++ = (float) forest->trees;
	*to++ = (float) forest->nodes;
	*to++ = (float) forest->base;
	for (int i = 0; i < forest->trees; i++)
		*to++ = (float) forest->root[i];
	for (int i = 0; i < forest->nodes; i++)
	{
		*to++ = (float) forest->node[i].feature;
		*to++ = (float) forest->node[i].left;
		*to++ = forest->node[i].missing_left;
		*to++ = forest->node[i].threshold;
		*to++ = (float) forest->node[i].value;
	}
	return to;
}

void
tracker_pack(const Tracker *tracker, float *packed)
{
	*packed++ = (float) tracker->appearance_values;
	*packed++ = (float) tracker->gap;
	*packed++ = (float) tracker->reach;
	*packed++ = (float) tracker->frame_rate;
	*packed++ = (float) tracker->tracklet_margin;
	*packed++ = (float) tracker->join_margin;
	*packed++ = (float) tracker->enter_cost;
	*packed++ = (float) tracker->leave_cost;
	for (int i = 0; i < FORESTS; i++)
		packed = pack_forest(forest_of(tracker, i), packed);
}

/* ---- back ------------------------------------------------------------------------------------------------------------ */

typedef struct Source
{
	const float *next;
	size_t		left;
	bool		bad;
} Source;

static double
take(Source *source, double least, double most)
{
	double		value;

	if (source->left == 0)
		source->bad = true;
	if (source->bad)
		return least;
	value = *source->next++;
	source->left--;
	if (!(value >= least && value <= most))
		source->bad = true;
	return source->bad ? least : value;
}

static int
take_whole(Source *source, int least, int most)
{
	double		value = take(source, least, most);

	if (value != floor(value))
		source->bad = true;
	return source->bad ? least : (int) value;
}

static bool
unpack_forest(const Host *host, Source *source, int features, Boost *forest, Status *status)
{
	forest->features = take_whole(source, features, features);
	forest->trees = take_whole(source, 1, BOOST_MOST_TREES);
	forest->nodes = take_whole(source, 1, MOST_NODES);
	forest->base = take(source, -1e6, 1e6);
	if (source->bad || (size_t) forest->trees + NODE_NUMBERS * (size_t) forest->nodes > source->left)
		return !(source->bad = true);
	forest->root = host_allocate(host, forest->trees, sizeof(int), status);
	forest->node = host_allocate_zero(host, forest->nodes, sizeof(BoostNode), status);
	if (forest->root == NULL || forest->node == NULL)
		return false;
	for (int i = 0; i < forest->trees; i++)
		forest->root[i] = take_whole(source, 0, forest->nodes - 1);
	for (int i = 0; i < forest->nodes; i++)
	{
		BoostNode  *node = &forest->node[i];

		node->feature = take_whole(source, -1, features - 1);
		node->left = take_whole(source, -1, forest->nodes - 1);
		node->missing_left = take_whole(source, 0, 1);
		node->threshold = (float) take(source, -INFINITY, INFINITY);
		node->value = take(source, -1e6, 1e6);
	}
	return !source->bad && boost_check(forest);
}

bool
tracker_unpack(const Host *host, const float *packed, size_t count, Tracker *tracker, Status *status)
{
	Source		source = {packed, count, false};
	bool		done = true;

	*tracker = (Tracker) {.appearance_values = take_whole(&source, 0, TRACKER_MOST_VALUES)};
	*status = (Status) {0};
	tracker->gap = take(&source, 0, 1e6);
	tracker->reach = take(&source, 0, 1e6);
	tracker->frame_rate = take(&source, 1e-6, 1e6);
	tracker->tracklet_margin = take(&source, -1e3, 1e3);
	tracker->join_margin = take(&source, -1e3, 1e3);
	tracker->enter_cost = take(&source, -1e3, 1e3);
	tracker->leave_cost = take(&source, -1e3, 1e3);
	for (int i = 0; i < FORESTS && done; i++)
		done = unpack_forest(host, &source, features_of(tracker, i), (Boost *) forest_of(tracker, i), status);
	if (done && !source.bad && source.left == 0)
		return true;
	tracker_release(host, tracker);
	if (status->code == STATUS_OK)
		status_set(status, STATUS_ARGUMENT, "", "Its numbers are not those of a tracker.");
	return false;
}
