/*
 * looks_scale.c: how alike two detections look, in units of their video.
 *
 * Small or blurred pictures of one thing look less alike than large ones, so the same distance means something else in another video.  Each
 * video tells its own scale without any label: two detections in one frame are of two things, a detection and the end of its chain of
 * nearest neighbours nearly always of one.  The median of these becomes 0, that of the others 1.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "tracking/tracker_internal.h"

#define PAIRS 1000				/* of each kind, spread over the video */
#define LEAST_PAIRS 20			/* of each kind that tell a scale */

/* Pairs that nearly surely are of one thing, or of two. */
static int
choose_pairs(const Scene *scene, bool same, DetectionPair *pair)
{
	const Detection *detection = scene->video->detection;
	int			step = scene->count / PAIRS + 1;
	int			pairs = 0;

	for (int i = 0; i < scene->count && pairs < PAIRS; i += step)
	{
		int			other = same ? scene_chain_end(scene, i, true) : i + 1;

		if (other != i && other < scene->count && (same || detection[other].frame == detection[i].frame))
			pair[pairs++] = (DetectionPair) {detection[i].source, detection[other].source};
	}
	return pairs;
}

/* The median of each value over the pairs, NaN where too few are known. */
static bool
find_medians(const Scene *scene, bool same, double *median, Status *status)
{
	DetectionPair *pair = host_allocate(scene->host, PAIRS, sizeof(DetectionPair), status);
	float	   *value = host_allocate(scene->host, (size_t) PAIRS * scene->values, sizeof(float), status);
	float	   *column = host_allocate(scene->host, PAIRS, sizeof(float), status);
	int			pairs = pair == NULL ? 0 : choose_pairs(scene, same, pair);
	bool		done = pair != NULL && value != NULL && column != NULL && scene_compare(scene, pair, pairs, value, status);

	for (int k = 0; k < scene->video->appearance->scaled && done; k++)
	{
		int			known = 0;

		for (int i = 0; i < pairs; i++)
			if (!isnan(value[(size_t) i * scene->values + k]))
				column[known++] = value[(size_t) i * scene->values + k];
		qsort(column, known, sizeof(float), compare_floats);
		median[k] = known < LEAST_PAIRS ? NAN : column[known / 2];
	}
	host_release(scene->host, pair);
	host_release(scene->host, value);
	host_release(scene->host, column);
	return done;
}

bool
scene_scale_looks(Scene *scene, Status *status)
{
	size_t		values = scene->values;
	double	   *same;
	double	   *other;
	bool		done;

	if (values == 0 || scene->video->appearance == NULL)
		return true;
	same = host_allocate(scene->host, values, sizeof(double), status);
	other = host_allocate(scene->host, values, sizeof(double), status);
	done = same != NULL && other != NULL && find_medians(scene, true, same, status) && find_medians(scene, false, other, status);
	if (done)
	{
		/* until both are known, scene_compare() gives the values as they are */
		for (size_t k = 0; k < (size_t) scene->video->appearance->scaled; k++)
		{
			double		scale = other[k] - same[k];

			other[k] = fabs(scale) > 1e-6 ? scale : 1;
			same[k] = isnan(scale) ? 0 : same[k];
		}
		scene->look_origin = same;
		scene->look_unit = other;
		return true;
	}
	host_release(scene->host, same);
	host_release(scene->host, other);
	return false;
}
