/*
 * prepare.c: the steps of an ImagePreparation, in its order.
 */
#include "image/image_internal.h"

#include <math.h>
#include <string.h>

#include "common/limits.h"

/* Outer rows and columns with less than this share of all ink are not part of the bounding box: specks of dust. */
#define SPECK_SHARE 0.001

/* A JPEG may be decoded at a reduced size that keeps this many pixels for each of the result; more if it is cropped. */
#define KEEP_FACTOR 2
#define KEEP_FACTOR_CROP 8

/* Where the ink is. */
typedef struct InkPlace
{
	bool		any;
	ImageBox	box;
	double		centre_x;		/* of mass */
	double		centre_y;
} InkPlace;

static bool
check_preparation(const ImagePreparation *preparation, Status *status)
{
	bool		needs_ink = preparation->remove_background || preparation->crop || preparation->centre;

	if (preparation->width < 1 || preparation->width > LIMIT_INPUT_SIDE ||
		preparation->height < 1 || preparation->height > LIMIT_INPUT_SIDE)
		return status_set(status, STATUS_ARGUMENT, NULL,
						  "The prepared image would have %d x %d pixels; each side must be 1 to %d.",
						  preparation->width, preparation->height, LIMIT_INPUT_SIDE);
	if (preparation->channels != 1 && preparation->channels != 3)
		return status_set(status, STATUS_ARGUMENT, NULL, "The prepared image would have %d channels; it must be 1 or 3.",
						  preparation->channels);
	if (!(preparation->margin >= 0.0 && preparation->margin <= 0.4))
		return status_set(status, STATUS_ARGUMENT, NULL, "The margin is %g; it must be 0 to 0.4.", preparation->margin);
	if (!(preparation->smooth >= 0.0 && preparation->smooth <= 8.0))
		return status_set(status, STATUS_ARGUMENT, NULL, "The smoothing is %g pixels; it must be 0 to 8.", preparation->smooth);
	if (needs_ink && preparation->polarity == IMAGE_POLARITY_NONE)
		return status_set(status, STATUS_ARGUMENT, "Set the polarity to auto, dark or light.",
						  "Removing the background, cropping and centring need a polarity.");
	return true;
}

/* First and one past the last index; what is left out on either side has at most SPECK_SHARE of the mass. */
static void
trim(const int64_t *mass, int count, int64_t total, int *first, int *end)
{
	double		allowed = SPECK_SHARE * (double) total;
	int64_t		left = 0;
	int64_t		right = 0;

	*first = 0;
	*end = count;
	while (*first < count - 1 && (double) (left + mass[*first]) < allowed + 0.5)
		left += mass[(*first)++];
	while (*end > *first + 1 && (double) (right + mass[*end - 1]) < allowed + 0.5)
		right += mass[--*end];
}

static double
mean_position(const int64_t *mass, int first, int end)
{
	double		sum = 0;
	double		moment = 0;

	for (int i = first; i < end; i++)
	{
		sum += (double) mass[i];
		moment += (double) mass[i] * (i + 0.5);
	}
	return moment / sum;
}

/*
 * Whether any of a word's bytes exceeds the threshold: all are tested at once, by sums that reach the highest bit of their byte.
 */
static inline bool
any_above(const uint8_t *values, int threshold)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	const uint64_t high = each << 7;
	const uint64_t word = image_load_word(values);

	if (threshold < 128)
		return ((((word & ~high) + each * (uint64_t) (127 - threshold)) | word) & high) != 0;
	return (((word & ~high) + each * (uint64_t) (255 - threshold)) & word & high) != 0;
}

static bool
find_ink(const uint8_t *ink, const int64_t histogram[256], int width, int height, const Host *host, InkPlace *place,
		 Status *status)
{
	int64_t    *columns = host_allocate_zero(host, (size_t) width + (size_t) height, sizeof(int64_t), status);
	int64_t    *rows;
	int64_t		total = 0;
	int			threshold = image_otsu(histogram);

	if (columns == NULL)
		return false;
	rows = columns + width;
	for (int y = 0; threshold >= 0 && y < height; y++)
	{
		const uint8_t *row = ink + (size_t) y * (size_t) width;

		for (int x = 0; x < width; x++)
		{
			/* paper is skipped a word at a time */
			while (x + IMAGE_WORD <= width && !any_above(row + x, threshold))
				x += IMAGE_WORD;
			if (x == width || row[x] <= threshold)
				continue;
			columns[x] += row[x];
			rows[y] += row[x];
		}
		total += rows[y];
	}
	place->any = total > 0;
	if (place->any)
	{
		trim(columns, width, total, &place->box.left, &place->box.right);
		trim(rows, height, total, &place->box.top, &place->box.bottom);
		place->centre_x = mean_position(columns, place->box.left, place->box.right);
		place->centre_y = mean_position(rows, place->box.top, place->box.bottom);
	}
	host_release(host, columns);
	return true;
}

/* Along one axis: the source interval around the centre of mass that contains all ink. */
static void
centre_axis(bool crop, double centre, int ink_first, int ink_end, double *start, double *size)
{
	if (crop)
	{
		double		half = fmax(centre - ink_first, ink_end - centre);

		*start = centre - half;
		*size = 2 * half;
	}
	else
		*start = fmax(fmin(centre - *size / 2, ink_first), ink_end - *size);
}

/* Mean colour of the border, to fill the space around a photograph. */
static void
border_colour(const ImageRaster *raster, uint8_t fill[3])
{
	for (int c = 0; c < raster->channels; c++)
	{
		const uint8_t *plane = raster->pixels + c;
		size_t		step = (size_t) raster->channels;
		size_t		row_bytes = (size_t) raster->width * step;
		const uint8_t *last_row = plane + (size_t) (raster->height - 1) * row_bytes;
		int64_t		sum = 0;
		int64_t		count = 2 * ((int64_t) raster->width + raster->height);

		for (int x = 0; x < raster->width; x++)
			sum += plane[(size_t) x * step] + last_row[(size_t) x * step];
		for (int y = 0; y < raster->height; y++)
			sum += plane[(size_t) y * row_bytes] + plane[(size_t) y * row_bytes + row_bytes - step];
		fill[c] = (uint8_t) ((sum + count / 2) / count);
	}
}

/* Stretches the values to the full range above the least one (ink: above 0). */
static void
normalise(uint8_t *raster, size_t count, bool is_ink)
{
	uint8_t		table[256];
	int			least = 255;
	int			most = 0;

	for (size_t i = 0; i < count; i++)
	{
		least = raster[i] < least ? raster[i] : least;
		most = raster[i] > most ? raster[i] : most;
	}
	if (is_ink)
		least = 0;
	if (most <= least)
		return;
	for (int v = least; v <= most; v++)
		table[v] = (uint8_t) (((v - least) * 255 + (most - least) / 2) / (most - least));
	for (size_t i = 0; i < count; i++)
		raster[i] = table[raster[i]];
}

/* Whether there are several pixels, all equal; most images differ in the first ones. */
static bool
all_alike(const uint8_t *raster, size_t count, int channels)
{
	return count > 1 && memcmp(raster, raster + channels, (count - 1) * (size_t) channels) == 0;
}

static bool
blank(const char *what, Status *status)
{
	return status_set(status, STATUS_IMAGE_BLANK,
					  "All such images look the same to a network.  One with \"blank\": \"keep\" in its \"input\" accepts them.",
					  "%s", what);
}

/* From the decoded image, which is modified, to the raster. */
static bool
fit(ImageRaster *image, const ImagePreparation *preparation, const Host *host, uint8_t *raster, Status *status)
{
	bool		has_ink = preparation->polarity != IMAGE_POLARITY_NONE;
	ImageBox	box = {0, 0, image->width, image->height};
	ImageArea	area;
	ImageArea	place;
	InkPlace	ink_place = {0};
	uint8_t		fill[3] = {0, 0, 0};

	if (has_ink)
	{
		uint8_t    *ink;
		int64_t		histogram[256];
		bool		found;

		if (!image_ink_extract(image, preparation->polarity, preparation->remove_background, host, &ink, histogram, status))
			return false;
		found = find_ink(ink, histogram, image->width, image->height, host, &ink_place, status);
		host_release(host, ink);
		if (!found || host_interrupted(host, status))
			return false;
		if (!ink_place.any && !preparation->keep_blank)
			return blank("No ink was found on the paper.", status);
	}
	else
		border_colour(image, fill);
	if (preparation->crop && ink_place.any)
		box = ink_place.box;
	area = (ImageArea) {box.left, box.top, box.right - box.left, box.bottom - box.top};
	if (preparation->centre && ink_place.any)
	{
		centre_axis(preparation->crop, ink_place.centre_x, ink_place.box.left, ink_place.box.right, &area.left, &area.width);
		centre_axis(preparation->crop, ink_place.centre_y, ink_place.box.top, ink_place.box.bottom, &area.top, &area.height);
	}
	place.width = preparation->width * (1.0 - 2.0 * preparation->margin);
	place.height = preparation->height * (1.0 - 2.0 * preparation->margin);
	if (preparation->fit == IMAGE_FIT_KEEP)
	{
		double		scale = fmin(place.width / area.width, place.height / area.height);

		place.width = area.width * scale;
		place.height = area.height * scale;
	}
	place.left = (preparation->width - place.width) / 2;
	place.top = (preparation->height - place.height) / 2;
	if (!image_resample(image, box, area, place, fill, preparation->width, preparation->height, host, raster, status))
		return false;
	if (!preparation->keep_blank &&
		all_alike(raster, (size_t) preparation->width * (size_t) preparation->height, preparation->channels))
		return blank("All pixels are equal after preparation.", status);
	if (preparation->smooth > 0 && !image_smooth(raster, preparation->width, preparation->height, preparation->channels,
												 preparation->smooth, host, status))
		return false;
	if (preparation->normalise)
		normalise(raster, (size_t) preparation->width * (size_t) preparation->height * (size_t) preparation->channels, has_ink);
	return true;
}

bool
image_prepare(const uint8_t *bytes, size_t length, const ImagePreparation *preparation,
			  int64_t max_pixels, const Host *host, uint8_t *raster, Status *status)
{
	ImageRaster image;
	int			longer;
	bool		done;

	if (!check_preparation(preparation, status))
		return false;
	longer = preparation->width > preparation->height ? preparation->width : preparation->height;
	if (!image_decode(bytes, length, preparation->channels, longer * (preparation->crop ? KEEP_FACTOR_CROP : KEEP_FACTOR),
					  max_pixels, host, &image, status))
		return false;
	done = fit(&image, preparation, host, raster, status);
	host_release(host, image.pixels);
	return done;
}
