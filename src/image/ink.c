/*
 * ink.c: which side is paper, and how much ink is at each pixel.
 */
#include "image/image_internal.h"

#include <string.h>

/*
 * Otsu's method always finds two classes, even in noise, whose halves are 2.7 of their standard deviations apart.  There is no
 * ink if the means are closer than LEAST_CONTRAST, or closer than FAINT_CONTRAST and within NOISE_RATIO deviations.
 */
#define LEAST_CONTRAST 16
#define FAINT_CONTRAST 48
#define NOISE_RATIO 4

/* A histogram split in two: the threshold, and the mean of each class. */
typedef struct Split
{
	int			threshold;		/* -1: all values are equal */
	double		lower_mean;
	double		upper_mean;
} Split;

static Split
split_histogram(const int64_t histogram[256])
{
	Split		split = {-1, 0, 0};
	double		best = 0;
	int64_t		all = 0;
	int64_t		sum = 0;
	int64_t		lower = 0;
	int64_t		lower_sum = 0;
	int			plateau = -1;	/* the last threshold that is as good as the best one */

	for (int v = 0; v < 256; v++)
	{
		all += histogram[v];
		sum += v * histogram[v];
	}
	for (int v = 0; v < 255 && lower + histogram[v] < all; v++)
	{
		int64_t		upper;
		double		distance;
		double		between;

		if (histogram[v] == 0)
		{
			/* as good as the level before */
			if (split.threshold >= 0 && plateau == v - 1)
				plateau = v;
			continue;
		}
		lower += histogram[v];
		lower_sum += v * histogram[v];
		upper = all - lower;
		distance = (double) (sum - lower_sum) / (double) upper - (double) lower_sum / (double) lower;
		between = (double) lower * (double) upper * distance * distance;
		if (between > best)
		{
			best = between;
			split.threshold = v;
			split.lower_mean = (double) lower_sum / (double) lower;
			split.upper_mean = (double) (sum - lower_sum) / (double) upper;
			plateau = v;
		}
	}
	/* between two separate peaks every threshold is equally good: take the middle one */
	if (split.threshold >= 0)
		split.threshold = (split.threshold + plateau) / 2;
	return split;
}

int
image_otsu(const int64_t histogram[256])
{
	Split		split = split_histogram(histogram);
	double		contrast = split.upper_mean - split.lower_mean;
	double		squares = 0;
	double		all = 0;

	for (int v = 0; v < 256; v++)
	{
		double		difference = v - (v <= split.threshold ? split.lower_mean : split.upper_mean);

		squares += (double) histogram[v] * difference * difference;
		all += (double) histogram[v];
	}
	if (contrast < LEAST_CONTRAST ||
		(contrast < FAINT_CONTRAST && contrast * contrast * all < NOISE_RATIO * NOISE_RATIO * squares))
		return -1;
	return split.threshold;
}

static inline bool
all_alike(uint64_t word)
{
	return word == (word << 8 | word >> 56);
}

/* Neighbouring pixels use different counters: incrementing the one just incremented would stall. */
static void
count_levels(const uint8_t *values, size_t count, int64_t histogram[256])
{
	int64_t		other[3][256];
	size_t		i = 0;

	memset(histogram, 0, 256 * sizeof *histogram);
	memset(other, 0, sizeof other);
	for (; i + IMAGE_WORD <= count; i += IMAGE_WORD)
	{
		uint64_t	word = image_load_word(values + i);

		if (all_alike(word))
		{
			histogram[word & 255] += IMAGE_WORD;
			continue;
		}
		for (int part = 0; part < IMAGE_WORD; part += 4)
		{
			histogram[values[i + part]]++;
			other[0][values[i + part + 1]]++;
			other[1][values[i + part + 2]]++;
			other[2][values[i + part + 3]]++;
		}
	}
	for (; i < count; i++)
		histogram[values[i]]++;
	for (int v = 0; v < 256; v++)
		histogram[v] += other[0][v] + other[1][v] + other[2][v];
}

static void
map_levels(uint8_t *plane, int step, size_t count, const uint8_t table[256])
{
	size_t		i = 0;

	for (; step == 1 && i + IMAGE_WORD <= count; i += IMAGE_WORD)
	{
		uint64_t	word = image_load_word(plane + i);

		if (all_alike(word))
			memset(plane + i, table[word & 255], IMAGE_WORD);
		else
			for (int k = 0; k < IMAGE_WORD; k++)
				plane[i + k] = table[plane[i + k]];
	}
	for (; i < count; i++)
		plane[i * (size_t) step] = table[plane[i * (size_t) step]];
}

/*
 * Ink is dark if the differences from the local median are skewed to the dark side (negative third moment): rare values that
 * lie far away are ink.  This needs neither an even background nor a border free of ink.
 */
static bool
find_skew(const uint8_t *grey, int width, int height, const Host *host, bool *dark_ink, Status *status)
{
	ImageTiles	tiles;
	double		cubes = 0;

	if (!image_tiles_measure(&tiles, grey, 1, width, height, 0.5, host, status))
		return false;
	for (int y = 0; y < height; y++)
	{
		const uint8_t *levels = tiles.levels + y / tiles.side * tiles.columns;
		int64_t		row_cubes = 0;

		for (int x = 0; x < width; levels++)
		{
			int			right = x + tiles.side < width ? x + tiles.side : width;

			for (; x < right; x++)
			{
				int			difference = *grey++ - *levels;

				row_cubes += difference * difference * difference;
			}
		}
		cubes += (double) row_cubes;
	}
	image_tiles_free(&tiles, host);
	*dark_ink = cubes <= 0;
	return true;
}

/* Share of the border's pixels that are above the threshold. */
static double
light_border(const uint8_t *grey, int width, int height, int threshold)
{
	int			shorter = width < height ? width : height;
	int			frame = shorter / 32 < 1 ? 1 : shorter / 32;
	int64_t		light = 0;
	int64_t		all = 0;

	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
		{
			/* between the upper and lower border, only the ends of a row belong to it */
			if (y >= frame && y < height - frame && x == frame && x < width - frame)
				x = width - frame;
			light += grey[(size_t) y * (size_t) width + (size_t) x] > threshold;
			all++;
		}
	return (double) light / (double) all;
}

/*
 * Paper is what the border shows, if the border is mostly of one class and few pixels lie halfway between the two.  Otherwise
 * (ink across the border, a shadow on the page) the skewness decides.
 */
static bool
find_polarity(const uint8_t *grey, int width, int height, const int64_t histogram[256],
			  const Host *host, bool *dark_ink, Status *status)
{
	Split		split = split_histogram(histogram);
	double		halfway = (split.upper_mean - split.lower_mean) / 4;
	double		light;
	int64_t		between = 0;

	*dark_ink = true;
	if (split.threshold < 0)
		return true;
	for (int v = 0; v < 256; v++)
		if (v > split.lower_mean + halfway && v < split.upper_mean - halfway)
			between += histogram[v];
	light = light_border(grey, width, height, split.threshold);
	if ((light > 0.25 && light < 0.75) || (double) between > 0.15 * (double) width * (double) height)
		return find_skew(grey, width, height, host, dark_ink, status);
	*dark_ink = light >= 0.75;
	return true;
}

static void
invert(uint8_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] = 255 - values[i];
}

static void
invert_histogram(int64_t histogram[256])
{
	for (int v = 0; v < 128; v++)
	{
		int64_t		swap = histogram[v];

		histogram[v] = histogram[255 - v];
		histogram[255 - v] = swap;
	}
}

/*
 * Ink relative to one level of paper for the whole image, the median of the pixels lighter than the threshold.  histogram belongs
 * to grey; if the raster has one channel it is updated to that of the ink.
 */
static void
ink_by_level(uint8_t *plane, int step, size_t count, const uint8_t *grey, int64_t histogram[256], int threshold)
{
	int64_t		light[256] = {0};
	uint8_t		ink[256];
	int			paper;

	if (step == 1)
		for (int v = threshold + 1; v < 256; v++)
			light[v] = histogram[v];
	else
		for (size_t i = 0; i < count; i++)
			if (grey[i] > threshold)
				light[plane[i * (size_t) step]]++;
	paper = image_quantile(light, 0.5);
	for (int v = 0; v < 256; v++)
		ink[v] = v >= paper ? 0 : (uint8_t) (((paper - v) * 255 + paper / 2) / paper);
	map_levels(plane, step, count, ink);
	if (step == 1)
	{
		int64_t		levels[256] = {0};

		for (int v = 0; v < 256; v++)
			levels[ink[v]] += histogram[v];
		memcpy(histogram, levels, sizeof levels);
	}
}

static void
mix_grey(const ImageRaster *raster, uint8_t *grey)
{
	size_t		count = (size_t) raster->width * (size_t) raster->height;

	if (raster->channels == 1)
		memcpy(grey, raster->pixels, count);
	else
		for (size_t i = 0; i < count; i++)
			grey[i] = image_luminance(raster->pixels[3 * i], raster->pixels[3 * i + 1], raster->pixels[3 * i + 2]);
}

static bool
extract_planes(ImageRaster *raster, const uint8_t *grey, int64_t histogram[256], bool uneven, const Host *host,
		 Status *status)
{
	int			threshold = split_histogram(histogram).threshold;

	for (int c = 0; c < raster->channels; c++)
	{
		uint8_t    *plane = raster->pixels + c;

		if (host_interrupted(host, status))
			return false;
		if (!uneven)
		{
			ink_by_level(plane, raster->channels, (size_t) raster->width * (size_t) raster->height, grey, histogram,
						   threshold);
			continue;
		}
		if (!image_ink_by_tiles(plane, raster->channels, raster->width, raster->height, host, status))
			return false;
	}
	return true;
}

/* Ink up to Otsu's threshold becomes paper, all of it if there is only one class; so does the histogram of the ink. */
static void
clear_paper(ImageRaster *raster, uint8_t *ink, int64_t histogram[256])
{
	size_t		count = (size_t) raster->width * (size_t) raster->height;
	int			threshold = image_otsu(histogram);

	if (threshold < 0)
		threshold = 255;
	for (int v = 1; v <= threshold; v++)
	{
		histogram[0] += histogram[v];
		histogram[v] = 0;
	}
	for (size_t i = 0; i < count; i++)
	{
		uint8_t		keep = ink[i] > threshold ? 0xFF : 0;

		ink[i] &= keep;
		for (int c = 0; c < raster->channels; c++)
			raster->pixels[i * (size_t) raster->channels + (size_t) c] &= keep;
	}
}

bool
image_ink_extract(ImageRaster *raster, ImagePolarity polarity, bool remove_background,
				  const Host *host, uint8_t **ink, int64_t histogram[256], Status *status)
{
	size_t		count = (size_t) raster->width * (size_t) raster->height;
	bool		dark_ink = polarity != IMAGE_POLARITY_LIGHT;
	uint8_t    *grey = host_allocate(host, count, 1, status);

	*ink = NULL;
	if (grey == NULL)
		return false;
	mix_grey(raster, grey);
	count_levels(grey, count, histogram);
	if (host_interrupted(host, status) ||
		(polarity == IMAGE_POLARITY_AUTO &&
		 !find_polarity(grey, raster->width, raster->height, histogram, host, &dark_ink, status)))
	{
		host_release(host, grey);
		return false;
	}
	if (!dark_ink)
	{
		invert(raster->pixels, count * (size_t) raster->channels);
		invert(grey, count);
		invert_histogram(histogram);
	}
	if (!extract_planes(raster, grey, histogram, remove_background, host, status) || host_interrupted(host, status))
	{
		host_release(host, grey);
		return false;
	}
	mix_grey(raster, grey);
	if (raster->channels != 1 || remove_background)
		count_levels(grey, count, histogram);
	if (host_interrupted(host, status))
	{
		host_release(host, grey);
		return false;
	}
	if (remove_background)
		clear_paper(raster, grey, histogram);
	*ink = grey;
	return true;
}
