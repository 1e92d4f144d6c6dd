/*
 * resample.c: maps a part of an image onto a raster of another size.
 *
 * Separable.  Where an axis shrinks, a target pixel is the mean of the pixels that it covers, weighted by their covered share: a
 * thin stroke becomes grey but never vanishes.  Where it grows, linear interpolation between the centres of pixels.  The weights
 * are fixed-point numbers whose sum is exactly one, so that the result is the same on every machine and an even area keeps its
 * value.
 */
#include "image/image_internal.h"

#include <math.h>
#include <string.h>

#define ONE (1 << 20)			/* a weight of one */
#define ROW_SHIFT 12			/* resampled rows have 8 bits of fraction */

/*
 * For each target pixel along one axis: its run of source pixels and their weights; what is missing to ONE is the weight of fill.
 */
typedef struct Axis
{
	int		   *first;			/* int [target] */
	int		   *count;			/* int [target] */
	uint32_t   *rest;			/* uint32 [target], ONE less the weights' sum */
	uint32_t   *weights;		/* uint32 [target, stride] */
	size_t		stride;
} Axis;

/* The mapping along one axis: source interval -> target interval, within the source's bounds. */
typedef struct Span
{
	double		source;			/* start */
	double		source_size;
	double		target;			/* start */
	double		target_size;
	int			low;			/* source pixels outside low .. high - 1 are not used */
	int			high;
} Span;

static void
axis_free(Axis *axis, const Host *host)
{
	host_release(host, axis->first);
	host_release(host, axis->count);
	host_release(host, axis->rest);
	host_release(host, axis->weights);
}

/* Weights by overlap with [start, end); rounding the running sum keeps the sum of the weights exact. */
static void
weigh_overlap(Axis *axis, int i, double start, double end, double scale, int low, int high)
{
	int			first = (int) floor(start);
	int			last = (int) ceil(end) - 1;
	uint32_t   *weights = axis->weights + (size_t) i * axis->stride;
	int64_t		before = 0;

	first = first < low ? low : first;
	last = last >= high ? high - 1 : last;
	axis->first[i] = first;
	axis->count[i] = last - first + 1;
	for (int k = first; k <= last; k++)
	{
		double		covered = (fmin(end, k + 1.0) - start) / scale;
		int64_t		sum = llround(fmin(fmax(covered, 0.0), 1.0) * ONE);

		weights[k - first] = (uint32_t) (sum - before);
		before = sum;
	}
}

/* Weights of the two neighbours of a point; beyond the outermost centre, that pixel alone. */
static void
weigh_linear(Axis *axis, int i, double point, double coverage, int low, int high)
{
	double		offset = fmin(fmax(point - 0.5, low), high - 1.0);
	int			first = (int) floor(offset);
	uint32_t   *weights = axis->weights + (size_t) i * axis->stride;
	int64_t		all = llround(fmin(coverage, 1.0) * ONE);
	int64_t		second;

	if (first > high - 2)
		first = high - 2 < low ? low : high - 2;
	second = first + 1 < high ? llround((offset - first) * (double) all) : 0;
	axis->first[i] = first;
	axis->count[i] = first + 1 < high ? 2 : 1;
	weights[0] = (uint32_t) (all - second);
	if (axis->count[i] == 2)
		weights[1] = (uint32_t) second;
}

static bool
axis_make(Axis *axis, const Span *span, int size, const Host *host, Status *status)
{
	double		scale = span->source_size / span->target_size;
	double		low = fmax(span->low, span->source);
	double		high = fmin(span->high, span->source + span->source_size);

	axis->stride = (size_t) (fmin(ceil(scale), span->high - span->low) + 2);
	axis->first = host_allocate_zero(host, (size_t) size, sizeof(int), status);
	axis->count = axis->first ? host_allocate_zero(host, (size_t) size, sizeof(int), status) : NULL;
	axis->rest = axis->count ? host_allocate(host, (size_t) size, sizeof(uint32_t), status) : NULL;
	axis->weights = axis->rest ? host_allocate_zero(host, (size_t) size * axis->stride, sizeof(uint32_t), status) : NULL;
	if (axis->weights == NULL)
		return false;
	for (int i = 0; i < size; i++)
	{
		double		from = fmax(i, span->target) - span->target;
		double		to = fmin(i + 1.0, span->target + span->target_size) - span->target;
		double		start = fmax(span->source + from * scale, low);
		double		end = fmin(span->source + to * scale, high);

		axis->rest[i] = ONE;
		if (to <= from || end <= start)
			continue;			/* all fill */
		if (scale >= 1.0)
			weigh_overlap(axis, i, start, end, scale, span->low, span->high);
		else
			weigh_linear(axis, i, (start + end) / 2, (end - start) / scale, span->low, span->high);
		for (int k = 0; k < axis->count[i]; k++)
			axis->rest[i] -= axis->weights[(size_t) i * axis->stride + (size_t) k];
	}
	return true;
}

/* One source row resampled to the target's width: uint16 [width, channels], 8 bits of fraction. */
static inline void
resample_row(const uint8_t *source, int channels, const Axis *axis, int width, const uint8_t fill[3], uint16_t *row)
{
	for (int x = 0; x < width; x++)
	{
		const uint32_t *weights = axis->weights + (size_t) x * axis->stride;
		const uint8_t *pixel = source + (size_t) axis->first[x] * (size_t) channels;
		int			count = axis->count[x];
		uint32_t	rest = axis->rest[x];

		for (int c = 0; c < channels; c++)
		{
			uint32_t	sum = rest * fill[c] + (1 << (ROW_SHIFT - 1));

			for (int k = 0; k < count; k++)
				sum += weights[k] * pixel[k * channels + c];
			*row++ = (uint16_t) (sum >> ROW_SHIFT);
		}
	}
}

/* sums [count], with 28 bits of fraction -> values. */
static void
round_sums(const uint64_t *sums, size_t count, uint8_t *target)
{
	for (size_t i = 0; i < count; i++)
		target[i] = (uint8_t) (sums[i] >> 28);
}

static void
add_weighted(uint64_t *sums, const uint16_t *line, size_t count, uint32_t weight)
{
	for (size_t i = 0; i < count; i++)
		sums[i] += (uint64_t) weight * line[i];
}

/* All target rows, from resampled source rows, of which the last two are cached. */
static bool
resample_rows(const ImageRaster *source, const Axis *across, const Axis *down, const uint8_t fill[3],
			  int width, int height, uint16_t *kept, uint64_t *sums, const Host *host, uint8_t *target, Status *status)
{
	size_t		channels = (size_t) source->channels;
	size_t		values = (size_t) width * channels;
	int			kept_row[2] = {-1, -1};

	for (int y = 0; y < height; y++)
	{
		for (size_t c = 0; c < channels; c++)
			for (size_t i = c; i < values; i += channels)
				sums[i] = ((uint64_t) down->rest[y] * fill[c] << 8) + ((uint64_t) ONE << 7);
		for (int k = 0; k < down->count[y]; k++)
		{
			int			row = down->first[y] + k;
			uint32_t	weight = down->weights[(size_t) y * down->stride + (size_t) k];
			uint16_t   *line = kept + (size_t) (row & 1) * values;
			const uint8_t *pixels = source->pixels + (size_t) row * (size_t) source->width * channels;

			if (weight == 0)
				continue;
			if ((row & 255) == 255 && host_interrupted(host, status))
				return false;
			if (kept_row[row & 1] != row && channels == 1)
				resample_row(pixels, 1, across, width, fill, line);
			else if (kept_row[row & 1] != row)
				resample_row(pixels, 3, across, width, fill, line);
			kept_row[row & 1] = row;
			add_weighted(sums, line, values, weight);
		}
		round_sums(sums, values, target);
		target += values;
	}
	return true;
}

bool
image_resample(const ImageRaster *source, ImageBox box, ImageArea area, ImageArea place,
			   const uint8_t fill[3], int width, int height, const Host *host, uint8_t *target, Status *status)
{
	Span		span_across = {area.left, area.width, place.left, place.width, box.left, box.right};
	Span		span_down = {area.top, area.height, place.top, place.height, box.top, box.bottom};
	Axis		across = {0};
	Axis		down = {0};
	size_t		values = (size_t) width * (size_t) source->channels;
	uint16_t   *kept = NULL;
	uint64_t   *sums = NULL;
	bool		done = false;

	if (axis_make(&across, &span_across, width, host, status) && axis_make(&down, &span_down, height, host, status) &&
		(kept = host_allocate(host, 2 * values, sizeof(uint16_t), status)) != NULL &&
		(sums = host_allocate(host, values, sizeof(uint64_t), status)) != NULL)
		done = resample_rows(source, &across, &down, fill, width, height, kept, sums, host, target, status);
	host_release(host, sums);
	host_release(host, kept);
	axis_free(&across, host);
	axis_free(&down, host);
	return done;
}
