/*
 * background.c: estimates uneven paper from the levels of tiles; ink is what is darker than the paper.
 */
#include "image/image_internal.h"

#include <string.h>

/* A tile darker than this share of its lightest neighbour shows only ink, no paper. */
#define PAPER_FALL 0.6

/* The quantile of a tile's levels that is taken for paper: up to four fifths of a tile may be ink. */
#define PAPER_QUANTILE 0.8

int
image_quantile(const int64_t *histogram, double share)
{
	int64_t		all = 0;
	int64_t		passed = 0;

	for (int v = 0; v < 256; v++)
		all += histogram[v];
	for (int v = 0; v < 255; v++)
	{
		passed += histogram[v];
		if ((double) passed > share * (double) all)
			return v;
	}
	return 255;
}

void
image_tiles_free(ImageTiles *tiles, const Host *host)
{
	host_release(host, tiles->levels);
	host_release(host, tiles->spare);
}

/* Sixteen tiles along the longer side, but of at least 16 pixels each. */
bool
image_tiles_measure(ImageTiles *tiles, const uint8_t *plane, int step, int width, int height, double share,
			  const Host *host, Status *status)
{
	int			longer = width > height ? width : height;

	tiles->side = (longer + 15) / 16 < 16 ? 16 : (longer + 15) / 16;
	tiles->columns = (width + tiles->side - 1) / tiles->side;
	tiles->rows = (height + tiles->side - 1) / tiles->side;
	tiles->spare = NULL;
	tiles->levels = host_allocate(host, (size_t) tiles->columns * (size_t) tiles->rows, 1, status);
	if (tiles->levels != NULL)
		tiles->spare = host_allocate(host, (size_t) tiles->columns * (size_t) tiles->rows, 1, status);
	if (tiles->spare == NULL)
	{
		image_tiles_free(tiles, host);
		return false;
	}
	for (int row = 0; row < tiles->rows; row++)
		for (int column = 0; column < tiles->columns; column++)
		{
			int64_t		histogram[256] = {0};
			int			right = (column + 1) * tiles->side < width ? (column + 1) * tiles->side : width;
			int			bottom = (row + 1) * tiles->side < height ? (row + 1) * tiles->side : height;

			for (int y = row * tiles->side; y < bottom; y++)
				for (int x = column * tiles->side; x < right; x++)
					histogram[plane[((size_t) y * (size_t) width + (size_t) x) * (size_t) step]]++;
			tiles->levels[row * tiles->columns + column] = (uint8_t) image_quantile(histogram, share);
		}
	return true;
}

/* Largest and mean level of a tile and its neighbours. */
static void
tile_neighbours(const ImageTiles *tiles, int row, int column, int *largest, int *mean)
{
	int			sum = 0;
	int			count = 0;

	*largest = 0;
	for (int r = row > 0 ? row - 1 : 0; r <= row + 1 && r < tiles->rows; r++)
		for (int c = column > 0 ? column - 1 : 0; c <= column + 1 && c < tiles->columns; c++)
		{
			int			level = tiles->levels[r * tiles->columns + c];

			*largest = level > *largest ? level : *largest;
			sum += level;
			count++;
		}
	*mean = (sum + count / 2) / count;
}

/* Tiles that show only ink take the level of their neighbours, repeatedly; then all are smoothed. */
static void
tiles_fill(ImageTiles *tiles)
{
	size_t		count = (size_t) tiles->columns * (size_t) tiles->rows;
	bool		changed = true;
	int			largest;
	int			mean;

	for (int round = 0; changed && round < tiles->columns + tiles->rows; round++)
	{
		changed = false;
		memcpy(tiles->spare, tiles->levels, count);
		for (int row = 0; row < tiles->rows; row++)
			for (int column = 0; column < tiles->columns; column++)
			{
				uint8_t    *level = &tiles->spare[row * tiles->columns + column];

				tile_neighbours(tiles, row, column, &largest, &mean);
				if (*level < PAPER_FALL * largest)
				{
					*level = (uint8_t) largest;
					changed = true;
				}
			}
		memcpy(tiles->levels, tiles->spare, count);
	}
	for (int row = 0; row < tiles->rows; row++)
		for (int column = 0; column < tiles->columns; column++)
		{
			tile_neighbours(tiles, row, column, &largest, &mean);
			tiles->spare[row * tiles->columns + column] = (uint8_t) mean;
		}
	memcpy(tiles->levels, tiles->spare, count);
}

/* Position of a pixel's centre between the centres of tiles: index of the left or upper one, and 8 bits of fraction. */
static int
between_tiles(int pixel, const ImageTiles *tiles, int count, int *fraction)
{
	int			position = (2 * pixel + 1 - tiles->side) * 128 / tiles->side;

	if (position < 0)
		position = 0;
	if (position > (count - 1) * 256)
		position = (count - 1) * 256;
	*fraction = position & 255;
	return position >> 8;
}

/* The tiles' levels interpolated for row y, with 8 bits of fraction; the last one is repeated. */
static void
tiles_between_rows(const ImageTiles *tiles, int y, uint32_t *levels)
{
	int			down;
	int			row = between_tiles(y, tiles, tiles->rows, &down);
	const uint8_t *upper = tiles->levels + row * tiles->columns;
	const uint8_t *lower = row + 1 < tiles->rows ? upper + tiles->columns : upper;

	for (int c = 0; c < tiles->columns; c++)
		levels[c] = (uint32_t) (upper[c] * (256 - down) + lower[c] * down);
	levels[tiles->columns] = levels[tiles->columns - 1];
}

/* Ink is how much darker a pixel is than the paper, interpolated between the tiles, as a share of the paper's level. */
static bool
ink_below_tiles(uint8_t *plane, int step, int width, int height, const ImageTiles *tiles, const Host *host, Status *status)
{
	uint32_t   *levels = host_allocate(host, (size_t) tiles->columns + 1, sizeof(uint32_t), status);
	uint16_t   *positions = host_allocate(host, (size_t) width, sizeof(uint16_t), status);	/* tile and fraction */
	bool		ok = levels != NULL && positions != NULL;

	for (int x = 0; ok && x < width; x++)
	{
		int			across;
		int			left = between_tiles(x, tiles, tiles->columns, &across);

		positions[x] = (uint16_t) (left << 8 | across);
	}
	for (int y = 0; ok && y < height; y++)
	{
		uint8_t    *pixel = plane + (size_t) y * (size_t) width * (size_t) step;

		tiles_between_rows(tiles, y, levels);
		for (int x = 0; x < width; x++, pixel += step)
		{
			uint32_t	across = positions[x] & 255;
			const uint32_t *pair = levels + (positions[x] >> 8);
			uint32_t	paper = (pair[0] * (256 - across) + pair[1] * across + 128) >> 8;
			uint32_t	light = (uint32_t) *pixel << 8;

			*pixel = light >= paper ? 0 : (uint8_t) (((paper - light) * 255 + paper / 2) / paper);
		}
		ok = !host_interrupted(host, status);
	}
	host_release(host, levels);
	host_release(host, positions);
	return ok;
}

bool
image_ink_by_tiles(uint8_t *plane, int step, int width, int height, const Host *host, Status *status)
{
	ImageTiles	tiles;
	bool		done;

	if (!image_tiles_measure(&tiles, plane, step, width, height, PAPER_QUANTILE, host, status))
		return false;
	tiles_fill(&tiles);
	done = !host_interrupted(host, status) && ink_below_tiles(plane, step, width, height, &tiles, host, status);
	image_tiles_free(&tiles, host);
	return done;
}
