/*
 * deformation.c: histograms of directions at places of a picture, and their comparison.
 */
#include "image/deformation.h"

#include <math.h>
#include <string.h>

#define STEPS 20				/* places along the side of a square picture, whatever its pixels */
#define REACH 3					/* steps, in each direction, that a stroke may lie elsewhere */
#define SQUARE 1.6				/* side of the squares of a place, in steps */
#define FADE 1.5				/* sides of a square from the place at which pixels would count nothing */
#define LEAST_INK 0.1			/* of a place, in sides of a square times the full contrast: less is no edge */
#define LARGEST 255				/* of a value */
#define MOST_DIFFERENCE (2 * LARGEST * LARGEST / 5)	/* of a place: what is not found at all counts no more, so that a stroke too many is one fault.
													 * To a place without edges it would be LARGEST * LARGEST: 10.0, 17.8 % instead of 8.5, 15.9 % */
#define ABSENT (-1)

/* A pixel's edge: how strong, and its share of the two directions next to its own. */
typedef struct Edge
{
	float		strength;
	float		share;			/* of the second */
	int			direction;		/* the first, 0 .. DEFORMATION_DIRECTIONS - 1 */
} Edge;

typedef struct Grid
{
	double		step;			/* pixels */
	int			square;
	int			columns;
	int			rows;
} Grid;

static Grid
make_grid(int width, int height)
{
	double		step = rint(sqrt((double) width * height) / STEPS);
	double		least = ceil((double) (width > height ? width : height) / DEFORMATION_SIDE);
	Grid		grid;

	grid.step = fmax(fmax(step, least), 2);
	grid.square = (int) rint(SQUARE * grid.step);
	grid.columns = (int) fmax(floor(width / grid.step), 1);
	grid.rows = (int) fmax(floor(height / grid.step), 1);
	return grid;
}

/* edge [height, width] of a raster whose strongest value counts as one. */
static void
find_edges(const uint8_t *raster, int width, int height, Edge *edge)
{
	int			strongest = 1;

	for (int i = 0; i < width * height; i++)
		strongest = raster[i] > strongest ? raster[i] : strongest;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
		{
			const uint8_t *pixel = raster + (size_t) y * width + x;
			Edge	   *here = edge + (size_t) y * width + x;
			double		across = x > 0 && x < width - 1 ? pixel[1] - pixel[-1] : 0;
			double		down = y > 0 && y < height - 1 ? pixel[width] - pixel[-width] : 0;
			double		angle = atan2(down, across);
			double		direction;

			if (angle < 0)
				angle += M_PI;
			direction = angle / M_PI * DEFORMATION_DIRECTIONS;
			here->strength = (float) (sqrt(across * across + down * down) / strongest);
			here->direction = (int) direction;
			here->share = (float) (direction - here->direction);
			here->direction %= DEFORMATION_DIRECTIONS;
		}
}

/* The edges around a place, nearer ones with more weight: sum [DEFORMATION_VALUES]. */
static void
add_up(const Edge *edge, int width, int height, const Grid *grid, int column, int row, double *sum)
{
	double		x0 = floor((column + 0.5) * grid->step);	/* between pixels, so that the squares are of one size */
	double		y0 = floor((row + 0.5) * grid->step);
	int			left = (int) fmax(ceil(x0 - 0.5 - grid->square), 0);
	int			right = (int) fmin(floor(x0 - 0.5 + grid->square), width - 1);
	int			top = (int) fmax(ceil(y0 - 0.5 - grid->square), 0);
	int			bottom = (int) fmin(floor(y0 - 0.5 + grid->square), height - 1);

	memset(sum, 0, sizeof(double) * DEFORMATION_VALUES);
	for (int y = top; y <= bottom; y++)
		for (int x = left; x <= right; x++)
		{
			const Edge *here = edge + (size_t) y * width + x;
			double		weight = (1 - fabs(x + 0.5 - x0) / (FADE * grid->square)) * (1 - fabs(y + 0.5 - y0) / (FADE * grid->square));
			double	   *square = sum + ((y + 0.5 >= y0) * 2 + (x + 0.5 >= x0)) * DEFORMATION_DIRECTIONS;

			square[here->direction] += weight * here->strength * (1 - here->share);
			square[(here->direction + 1) % DEFORMATION_DIRECTIONS] += weight * here->strength * here->share;
		}
}

/* Writes a place of length LARGEST; false if it has no edges. */
static bool
write_place(const double *sum, const Grid *grid, int column, int row, uint8_t *place)
{
	double		square = 0;
	double		length;

	for (int k = 0; k < DEFORMATION_VALUES; k++)
		square += sum[k] * sum[k];
	length = sqrt(square);
	if (!(length >= LEAST_INK * grid->square))
		return false;
	place[0] = (uint8_t) column;
	place[1] = (uint8_t) row;
	for (int k = 0; k < DEFORMATION_VALUES; k++)
		place[2 + k] = (uint8_t) rint(LARGEST * sum[k] / length);
	return true;
}

bool
deformation_places(const uint8_t *raster, int width, int height, const Host *host, DeformationPlaces *places, Status *status)
{
	Grid		grid = make_grid(width, height);
	Edge	   *edge = host_allocate(host, (size_t) width * height, sizeof(Edge), status);
	double		sum[DEFORMATION_VALUES];

	places->count = 0;
	places->place = NULL;
	if (edge == NULL)
		return false;
	places->place = host_allocate(host, (size_t) grid.columns * grid.rows, DEFORMATION_PLACE, status);
	if (places->place == NULL)
	{
		host_release(host, edge);
		return false;
	}
	find_edges(raster, width, height, edge);
	for (int row = 0; row < grid.rows; row++)
		for (int column = 0; column < grid.columns; column++)
		{
			add_up(edge, width, height, &grid, column, row, sum);
			places->count += write_place(sum, &grid, column, row, places->place + (size_t) places->count * DEFORMATION_PLACE);
		}
	host_release(host, edge);
	return true;
}

bool
deformation_is_valid(const DeformationPlaces *places)
{
	int			before = -1;

	for (int i = 0; i < places->count; i++)
	{
		const uint8_t *place = places->place + (size_t) i * DEFORMATION_PLACE;
		int			number = place[1] * DEFORMATION_SIDE + place[0];

		if (place[0] >= DEFORMATION_SIDE || place[1] >= DEFORMATION_SIDE || number <= before)
			return false;
		before = number;
	}
	return true;
}

static int
difference(const uint8_t *a, const uint8_t *b)
{
	int			sum = 0;

	for (int k = 0; k < DEFORMATION_VALUES; k++)
		sum += (a[k] - b[k]) * (a[k] - b[k]);
	return sum;
}

/* The numbers of a picture's places by row and column, with a border of REACH all around. */
#define TABLE_SIDE (DEFORMATION_SIDE + 2 * REACH)

typedef struct Table
{
	int16_t		number[TABLE_SIDE][TABLE_SIDE];
} Table;

static void
fill_table(const DeformationPlaces *places, Table *table)
{
	memset(table, 0xff, sizeof *table); /* ABSENT */
	for (int i = 0; i < places->count; i++)
	{
		const uint8_t *place = places->place + (size_t) i * DEFORMATION_PLACE;

		table->number[place[1] + REACH][place[0] + REACH] = (int16_t) i;
	}
}

/* One place and all of the other picture within reach of it: the least difference of each, least_b [other->count]. */
static int
compare_place(const uint8_t *place, const DeformationPlaces *other, const Table *table, int *least_b)
{
	int			least = MOST_DIFFERENCE;

	for (int row = place[1]; row <= place[1] + 2 * REACH; row++)
		for (int column = place[0]; column <= place[0] + 2 * REACH; column++)
		{
			int			number = table->number[row][column];

			if (number != ABSENT)
			{
				int			found = difference(place + 2, other->place + (size_t) number * DEFORMATION_PLACE + 2);

				least = found < least ? found : least;
				least_b[number] = found < least_b[number] ? found : least_b[number];
			}
		}
	return least;
}

double
deformation_distance(const DeformationPlaces *a, const DeformationPlaces *b)
{
	Table		table;
	int			least_b[DEFORMATION_MOST];
	int64_t		sum_a = 0;
	int64_t		sum_b = 0;

	if (a->count == 0 || b->count == 0)
		return a->count != b->count;
	fill_table(b, &table);
	for (int k = 0; k < b->count; k++)
		least_b[k] = MOST_DIFFERENCE;
	for (int i = 0; i < a->count; i++)
		sum_a += compare_place(a->place + (size_t) i * DEFORMATION_PLACE, b, &table, least_b);
	for (int k = 0; k < b->count; k++)
		sum_b += least_b[k];
	return ((double) sum_a / a->count + (double) sum_b / b->count) / 2 / MOST_DIFFERENCE;
}
