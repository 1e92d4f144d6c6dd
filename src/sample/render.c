/*
 * render.c: ink on paper, and the scan of it.
 *
 * Pen, paper and scan are drawn independently for each sample, whoever wrote it.  The writer contributes pressure and speed: a
 * pressed or slow pen leaves a broader and darker line.  Ink consists of discs along the trajectory, and each pixel keeps its
 * strongest coverage, so that slow places are dark because of the model and not the number of discs.
 */
#include "sample/sample_internal.h"

#include <string.h>

#define SCALE (200.0 / 25.4)	/* pixels a millimetre: 200 dpi */
#define MINIMUM_WIDTH 300
#define MINIMUM_HEIGHT 120
#define MAXIMUM_WIDTH 600
#define MAXIMUM_HEIGHT 280
#define MARGIN 10				/* pixels, at least, on each side */
#define STEP 0.5				/* pixels between discs */

typedef struct Scan
{
	double		scale;			/* pixels a millimetre */
	double		turn_cos;
	double		turn_sin;
	double		left;			/* pixel of x = 0 after the turn */
	double		top;			/* pixel of y = 0 after the turn */
	int			width;
	int			height;
} Scan;

typedef struct Pen
{
	double		breadth;		/* pixels, of the line at medium pressure and speed */
	double		spread;			/* how much the breadth follows the pressure */
	double		nib;			/* 0: ball pen; else how much thinner the line is along the nib's direction */
	double		nib_angle;
	double		flow;			/* strength of the ink, 0 to 1 */
	double		starve;			/* how much paler the ink of a fast pen is */
	double		edge;			/* pixels, of the blur at the line's border */
	double		grain;			/* unevenness of the ink */
	double		ink;			/* grey level of full ink */
} Pen;

typedef struct Paper
{
	double		level;
	double		slope_x;		/* grey levels from one side to the other */
	double		slope_y;
	double		cloud;			/* strength of the smooth unevenness */
	double		cloud_x;		/* its waves, radians a pixel */
	double		cloud_y;
	double		cloud_phase;
	double		noise;			/* deviation of the pixels */
	double		streak;			/* of the columns: a scanner's faint streaks */
	int			specks;
} Paper;

static void
pen_draw(Random *random, Pen *pen)
{
	bool		fountain = random_uniform(random) < 0.3;

	pen->breadth = (fountain ? random_range(random, 0.3, 0.54) : random_range(random, 0.22, 0.4)) * SCALE;
	pen->spread = fountain ? random_range(random, 0.5, 0.9) : random_range(random, 0.2, 0.45);
	pen->nib = fountain ? random_range(random, 0.0, 0.4) : 0.0;
	pen->nib_angle = random_range(random, 0.5, 1.0);
	pen->flow = fountain ? random_range(random, 0.85, 1.0) : random_range(random, 0.72, 1.0);
	pen->starve = fountain ? random_range(random, 0.0, 0.2) : random_range(random, 0.1, 0.4);
	pen->edge = random_range(random, 0.9, 1.5);
	pen->grain = fountain ? random_range(random, 0.0, 0.1) : random_range(random, 0.05, 0.3);
	pen->ink = random_range(random, 15.0, 95.0);
}

static void
paper_draw(Random *random, Paper *paper)
{
	paper->level = random_range(random, 224.0, 252.0);
	paper->slope_x = sample_normal(random, 2.5);
	paper->slope_y = sample_normal(random, 2.5);
	paper->cloud = random_range(random, 0.0, 2.0);
	paper->cloud_x = random_range(random, 0.002, 0.02);
	paper->cloud_y = random_range(random, 0.002, 0.03);
	paper->cloud_phase = random_range(random, 0.0, 2.0 * M_PI);
	paper->noise = random_range(random, 0.5, 3.0);
	paper->streak = random_uniform(random) < 0.2 ? random_range(random, 0.3, 1.2) : 0.0;
	paper->specks = random_uniform(random) < 0.25 ? 1 + (int) random_below(random, 5) : 0;
}

/* Rotation and size of the scan: the ink with random margins. */
static void
scan_draw(const SampleTrack *track, double border, Random *random, Scan *scan)
{
	double		turn = clamp(sample_normal(random, 1.3), -3.0, 3.0) * M_PI / 180.0;
	double		low_x = 0.0;
	double		high_x = 0.0;
	double		low_y = 0.0;
	double		high_y = 0.0;
	bool		any = false;
	double		ink_width;
	double		ink_height;
	double		room_x = random_range(random, 2.0 * MARGIN, 110.0);
	double		room_y = random_range(random, 2.0 * MARGIN, 70.0);
	double		place_x = random_range(random, 0.15, 0.85);
	double		place_y = random_range(random, 0.15, 0.85);

	scan->turn_cos = cos(turn);
	scan->turn_sin = sin(turn);
	for (int k = 0; k < track->points; k++)
	{
		double		x = scan->turn_cos * track->x[k] - scan->turn_sin * track->y[k];
		double		y = scan->turn_sin * track->x[k] + scan->turn_cos * track->y[k];

		if (track->pressure[k] <= 0.0)
			continue;
		low_x = any ? fmin(low_x, x) : x;
		high_x = any ? fmax(high_x, x) : x;
		low_y = any ? fmin(low_y, y) : y;
		high_y = any ? fmax(high_y, y) : y;
		any = true;
	}
	scan->scale = fmin(SCALE, fmin((MAXIMUM_WIDTH - 2 * MARGIN - 2 * border) / (high_x - low_x + 0.1),
								   (MAXIMUM_HEIGHT - 2 * MARGIN - 2 * border) / (high_y - low_y + 0.1)));
	ink_width = scan->scale * (high_x - low_x) + 2.0 * border;
	ink_height = scan->scale * (high_y - low_y) + 2.0 * border;
	scan->width = (int) clamp(ink_width + room_x, MINIMUM_WIDTH, MAXIMUM_WIDTH);
	scan->height = (int) clamp(ink_height + room_y, MINIMUM_HEIGHT, MAXIMUM_HEIGHT);
	scan->left = place_x * (scan->width - ink_width) + border - scan->scale * low_x;
	scan->top = place_y * (scan->height - ink_height) + border + scan->scale * high_y;
}

/* Adds a disc; ink: float [height, width], coverage 0 to 1. */
static void
ink_disc(float *ink, const Scan *scan, double x, double y, double radius, double strength, double edge)
{
	double		reach = radius + edge / 2.0;
	int			first_x = (int) ceil(x - reach);
	int			last_x = (int) floor(x + reach);
	int			first_y = (int) ceil(y - reach);
	int			last_y = (int) floor(y + reach);

	if (first_x < 0)
		first_x = 0;
	if (first_y < 0)
		first_y = 0;
	if (last_x >= scan->width)
		last_x = scan->width - 1;
	if (last_y >= scan->height)
		last_y = scan->height - 1;
	for (int row = first_y; row <= last_y; row++)
	{
		for (int column = first_x; column <= last_x; column++)
		{
			double		distance = sqrt((column - x) * (column - x) + (row - y) * (row - y));
			double		cover = strength * clamp((reach - distance) / edge, 0.0, 1.0);
			float	   *pixel = &ink[(size_t) row * scan->width + column];

			if (cover > *pixel)
				*pixel = (float) cover;
		}
	}
}

static void
ink_segment(float *ink, const Scan *scan, const Pen *pen, const SampleTrack *track, int k)
{
	double		ends[2][4];		/* x, y, radius, strength at either end */
	double		length;
	int			discs;

	for (int end = 0; end < 2; end++)
	{
		int			at = k - 1 + end;
		double		x = track->x[at];
		double		y = track->y[at];
		double		press = track->pressure[at];
		double		slow = 60.0 / (60.0 + track->speed[at]);
		double		breadth = pen->breadth * (1.0 + pen->spread * (press - 0.55) * 2.0) * (0.85 + 0.3 * slow);

		if (pen->nib > 0.0 && k > 0)
		{
			double		direction = atan2(track->y[k] - track->y[k - 1], track->x[k] - track->x[k - 1]);

			breadth *= 1.0 - pen->nib * fabs(cos(direction - pen->nib_angle));
		}
		ends[end][0] = scan->left + scan->scale * (scan->turn_cos * x - scan->turn_sin * y);
		ends[end][1] = scan->top - scan->scale * (scan->turn_sin * x + scan->turn_cos * y);
		ends[end][2] = fmax(breadth / 2.0, 0.45);
		ends[end][3] = clamp(pen->flow * (0.55 + 0.75 * sqrt(press) - 0.25) * (1.0 - pen->starve * (1.0 - slow)),
									0.08, 1.0);
	}
	length = hypot(ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]);
	discs = (int) (length / STEP) + 1;
	for (int i = 0; i < discs; i++)
	{
		double		share = (i + 0.5) / discs;
		double		disc[4];

		for (int part = 0; part < 4; part++)
			disc[part] = ends[0][part] + share * (ends[1][part] - ends[0][part]);
		ink_disc(ink, scan, disc[0], disc[1], disc[2], disc[3], pen->edge);
	}
}

static void
paper_lay(const Paper *paper, const Pen *pen, const Scan *scan, const float *ink, const float *column_level,
		  Random *random, uint8_t *raster)
{
	for (int row = 0; row < scan->height; row++)
	{
		double		row_level = paper->level + paper->slope_y * ((double) row / scan->height - 0.5);
		double		row_cloud = paper->cloud * sin(paper->cloud_y * row + paper->cloud_phase);

		for (int column = 0; column < scan->width; column++)
		{
			size_t		at = (size_t) row * scan->width + column;
			uint64_t	bits = random_next(random);
			double		value = row_level + column_level[2 * column] + row_cloud * column_level[2 * column + 1] +
				paper->noise * sample_noise((uint32_t) bits);

			if (ink[at] > 0.0F)
			{
				double		cover = ink[at] * (1.0 - pen->grain * fabs(sample_noise((uint32_t) (bits >> 32))) * 0.5);

				value -= (value - pen->ink) * cover;
			}
			raster[at] = (uint8_t) (clamp(value, 0.0, 255.0) + 0.5);
		}
	}
}

bool
sample_render(const SampleTrack *track, Random *random, const Host *host, SampleSignature *result, Status *status)
{
	Pen			pen;
	Paper		paper;
	Scan		scan;
	float	   *ink;
	float	   *column_level;

	pen_draw(random, &pen);
	paper_draw(random, &paper);
	scan_draw(track, pen.breadth, random, &scan);
	pen.breadth *= scan.scale / SCALE;

	result->raster = host_allocate(host, (size_t) scan.width * scan.height, 1, status);
	if (result->raster == NULL)
		return false;
	ink = host_allocate_zero(host, (size_t) scan.width * scan.height + 2 * (size_t) scan.width, sizeof(float), status);
	if (ink == NULL)
		return false;
	column_level = ink + (size_t) scan.width * scan.height;
	for (int column = 0; column < scan.width; column++)
	{
		column_level[2 * column] = (float) (paper.slope_x * ((double) column / scan.width - 0.5) +
											paper.streak * sample_normal(random, 1.0));
		column_level[2 * column + 1] = (float) cos(paper.cloud_x * column + 2.0 * paper.cloud_phase);
	}

	for (int k = 1; k < track->points; k++)
	{
		if (track->pressure[k] > 0.0 && track->pressure[k - 1] > 0.0)
			ink_segment(ink, &scan, &pen, track, k);
	}
	for (int i = 0; i < paper.specks; i++)
	{
		double		x = random_range(random, 0.0, scan.width);
		double		y = random_range(random, 0.0, scan.height);
		double		radius = random_range(random, 0.3, 0.9);

		ink_disc(ink, &scan, x, y, radius, random_range(random, 0.1, 0.45), 1.0);
	}
	result->width = scan.width;
	result->height = scan.height;
	paper_lay(&paper, &pen, &scan, ink, column_level, random, result->raster);
	host_release(host, ink);
	return true;
}
