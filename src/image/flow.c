/*
 * flow.c: dense optical flow of two grey pictures, by the pyramidal method of Lucas and Kanade at every pixel.
 *
 * Lucas, Kanade 1981, "An iterative image registration technique"; Bouguet 2001, "Pyramidal implementation of the affine Lucas
 * Kanade feature tracker", sections 2.2 to 2.4.  With d the flow so far, m its mean over the window, g the gradient of the first
 * picture and w a Gaussian window around a pixel, each iteration solves for the step s
 *
 *		(sum w g g' + DAMPING) s = sum w g (first(x) - second(x + d)) + DAMPING (m - d)
 *
 * and adds it to d.  Where there is nothing to see, or along a straight edge, the damping takes the flow from around: it draws a pixel
 * to its neighbours' mean as the smoothness term of Horn and Schunck does (Bruhn, Weickert, Schnoerr 2005 combine both).  A flat
 * picture has no flow.  Pixels whose counterpart lies outside the second picture have weight 0.  The first estimate is 0 at the
 * smallest level of the pyramid, and twice the flow of the smaller level at the others.
 */
#include <math.h>
#include <string.h>

#include "common/number.h"
#include "image/image_internal.h"

#define RADIUS 6				/* of the window, in pixels of a level */
#define WINDOW (2 * RADIUS + 1)
#define DEVIATION 3.0			/* of the window's Gaussian */
#define LEAST_SIDE 6			/* of a level above the first, in pixels */
#define MOST_LEVELS 6
#define ITERATIONS 6			/* at each level */
#define MOST_STEP 1.0			/* of an iteration along each axis, in pixels */
#define DAMPING 5.0				/* in (grey levels / pixel)^2: gradients of one or two grey levels are noise */
#define SUMS 7

typedef struct FlowLevel
{
	int			width;
	int			height;
	float	   *first;			/* float [height, width], as all planes */
	float	   *second;
} FlowLevel;

/* The planes below `levels` have the size of the level in work. */
typedef struct FlowWork
{
	int			count;
	FlowLevel	levels[MOST_LEVELS];
	float	   *gradient_x;		/* of the first picture */
	float	   *gradient_y;
	float	   *sums[SUMS];		/* over the window: x x, x y, y y of the gradient, its x and its y times the difference, flow */
	float	   *share;			/* of the window that lies in the picture */
	float	   *flow_x;
	float	   *flow_y;
	float	   *spare;
	float	   *line;			/* float [width + 2 RADIUS] */
	float		window[WINDOW];
} FlowWork;

/* Sets the sizes of the levels; the number of floats of all planes. */
static size_t
plan_levels(int width, int height, FlowWork *work)
{
	size_t		floats = (size_t) width * height * (2 + SUMS + 4) + (size_t) width + 2 * RADIUS;

	for (work->count = 0; work->count < MOST_LEVELS; work->count++)
	{
		if (work->count > 0 && (width < LEAST_SIDE || height < LEAST_SIDE))
			break;
		work->levels[work->count].width = width;
		work->levels[work->count].height = height;
		floats += 2 * (size_t) width * height;
		width = (width + 1) / 2;
		height = (height + 1) / 2;
	}
	return floats;
}

static float *
take(float **memory, size_t count)
{
	float	   *plane = *memory;

	*memory += count;
	return plane;
}

static void
place_planes(FlowWork *work, float *memory)
{
	size_t		pixels = (size_t) work->levels[0].width * work->levels[0].height;
	double		total = 0;

	for (int i = 0; i < work->count; i++)
	{
		FlowLevel  *level = &work->levels[i];

		level->first = take(&memory, (size_t) level->width * level->height);
		level->second = take(&memory, (size_t) level->width * level->height);
	}
	work->gradient_x = take(&memory, pixels);
	work->gradient_y = take(&memory, pixels);
	for (int i = 0; i < SUMS; i++)
		work->sums[i] = take(&memory, pixels);
	work->share = take(&memory, pixels);
	work->flow_x = take(&memory, pixels);
	work->flow_y = take(&memory, pixels);
	work->spare = take(&memory, pixels);
	work->line = take(&memory, (size_t) work->levels[0].width + 2 * RADIUS);
	for (int i = -RADIUS; i <= RADIUS; i++)
		total += exp(-i * i / (2 * DEVIATION * DEVIATION));
	for (int i = -RADIUS; i <= RADIUS; i++)
		work->window[i + RADIUS] = (float) (exp(-i * i / (2 * DEVIATION * DEVIATION)) / total);
}

/* ---- the pyramid --------------------------------------------------------------------------------------------------- */

static inline int
within(int at, int size)
{
	return at < 0 ? 0 : at >= size ? size - 1 : at;
}

/* Half the size: each pixel of the result lies on every second one, of whose neighbours it takes (1, 2, 1) / 4 along each axis. */
static void
halve(const float *from, const FlowLevel *size, float *to, const FlowLevel *half)
{
	for (int y = 0; y < half->height; y++)
	{
		const float *rows[3];

		for (int i = 0; i < 3; i++)
			rows[i] = from + (size_t) within(2 * y + i - 1, size->height) * size->width;
		for (int x = 0; x < half->width; x++)
		{
			int			left = within(2 * x - 1, size->width);
			int			middle = 2 * x;
			int			right = within(2 * x + 1, size->width);
			float		sum = 0;

			for (int i = 0; i < 3; i++)
				sum += (rows[i][left] + 2 * rows[i][middle] + rows[i][right]) * (i == 1 ? 2 : 1);
			to[(size_t) y * half->width + x] = sum / 16;
		}
	}
}

/* Values that are no grey levels, such as NaN, are brought within them: so all that follows is finite. */
static void
fill_levels(FlowWork *work, const float *first, const float *second)
{
	FlowLevel  *base = &work->levels[0];

	for (size_t i = 0; i < (size_t) base->width * base->height; i++)
	{
		base->first[i] = fminf(fmaxf(first[i], 0), 255);
		base->second[i] = fminf(fmaxf(second[i], 0), 255);
	}
	for (int i = 1; i < work->count; i++)
	{
		halve(work->levels[i - 1].first, &work->levels[i - 1], work->levels[i].first, &work->levels[i]);
		halve(work->levels[i - 1].second, &work->levels[i - 1], work->levels[i].second, &work->levels[i]);
	}
}

/* Linear interpolation of a plane at a point within it. */
static inline float
value_at(const float *plane, const FlowLevel *size, float x, float y)
{
	int			left = (int) x;
	int			top = (int) y;
	int			right = within(left + 1, size->width);
	int			bottom = within(top + 1, size->height);
	const float *upper = plane + (size_t) top * size->width;
	const float *lower = plane + (size_t) bottom * size->width;

	x -= left;
	y -= top;
	return (upper[left] * (1 - x) + upper[right] * x) * (1 - y) + (lower[left] * (1 - x) + lower[right] * x) * y;
}

/* Weights of the four pixels around a place between the middle two, by cubic convolution (Keys 1981, equation 15). */
static inline void
cubic_weights(float t, float weight[4])
{
	weight[0] = ((2 - t) * t - 1) * t / 2;
	weight[1] = ((3 * t - 5) * t * t + 2) / 2;
	weight[2] = ((4 - 3 * t) * t + 1) * t / 2;
	weight[3] = (t - 1) * t * t / 2;
}

/* The same by cubic convolution: linear interpolation blurs, by which the flow would err by a tenth of a pixel. */
static inline float
cubic_at(const float *plane, const FlowLevel *size, float x, float y)
{
	int			left = (int) x;
	int			top = (int) y;
	float		across[4];
	float		down[4];
	float		sum = 0;

	cubic_weights(x - left, across);
	cubic_weights(y - top, down);
	for (int i = 0; i < 4; i++)
	{
		const float *row = plane + (size_t) within(top + i - 1, size->height) * size->width;

		sum += down[i] * (across[0] * row[within(left - 1, size->width)] + across[1] * row[left] +
						  across[2] * row[within(left + 1, size->width)] + across[3] * row[within(left + 2, size->width)]);
	}
	return sum;
}

/* The flow of the smaller level becomes that of the larger one. */
static void
enlarge_flow(FlowWork *work, float **flow, const FlowLevel *half, const FlowLevel *size)
{
	float	   *larger = work->spare;

	for (int y = 0; y < size->height; y++)
		for (int x = 0; x < size->width; x++)
			larger[(size_t) y * size->width + x] = 2 * value_at(*flow, half, x / 2.0f, y / 2.0f);
	work->spare = *flow;
	*flow = larger;
}

/* ---- one level ----------------------------------------------------------------------------------------------------- */

static void
find_gradient(FlowWork *work, const FlowLevel *level)
{
	for (int y = 0; y < level->height; y++)
	{
		const float *row = level->first + (size_t) y * level->width;
		const float *upper = level->first + (size_t) within(y - 1, level->height) * level->width;
		const float *lower = level->first + (size_t) within(y + 1, level->height) * level->width;

		for (int x = 0; x < level->width; x++)
		{
			work->gradient_x[(size_t) y * level->width + x] =
				(row[within(x + 1, level->width)] - row[within(x - 1, level->width)]) / 2;
			work->gradient_y[(size_t) y * level->width + x] = (lower[x] - upper[x]) / 2;
		}
	}
}

/* What each pixel adds to the sums over the windows that hold it. */
static void
find_products(FlowWork *work, const FlowLevel *level)
{
	for (int y = 0; y < level->height; y++)
		for (int x = 0; x < level->width; x++)
		{
			size_t		i = (size_t) y * level->width + x;
			float		there_x = x + work->flow_x[i];
			float		there_y = y + work->flow_y[i];
			float		across = work->gradient_x[i];
			float		down = work->gradient_y[i];
			float		difference;

			if (!(there_x >= 0 && there_x <= level->width - 1 && there_y >= 0 && there_y <= level->height - 1))
				across = down = difference = 0;
			else
				difference = level->first[i] - cubic_at(level->second, level, there_x, there_y);
			work->sums[0][i] = across * across;
			work->sums[1][i] = across * down;
			work->sums[2][i] = down * down;
			work->sums[3][i] = across * difference;
			work->sums[4][i] = down * difference;
			work->sums[5][i] = work->flow_x[i];
			work->sums[6][i] = work->flow_y[i];
		}
}

/* to [count] becomes the weighted sum of WINDOW rows. */
static void
weigh(const float *const rows[WINDOW], const float weight[WINDOW], int count, float *restrict to)
{
	for (int x = 0; x < count; x++)
	{
		float		sum = 0;

		for (int k = 0; k < WINDOW; k++)
			sum += weight[k] * rows[k][x];
		to[x] = sum;
	}
}

/* A plane's weighted sums over the window at each pixel, in place; outside the picture everything is 0. */
static void
sum_windows(FlowWork *work, float *plane, int width, int height)
{
	const float *rows[WINDOW];

	for (int k = 0; k < WINDOW; k++)
		rows[k] = work->line + k;
	memset(work->line, 0, ((size_t) width + 2 * RADIUS) * sizeof(float));
	for (int y = 0; y < height; y++)
	{
		memcpy(work->line + RADIUS, plane + (size_t) y * width, width * sizeof(float));
		weigh(rows, work->window, width, work->spare + (size_t) y * width);
	}
	memset(work->line, 0, ((size_t) width + 2 * RADIUS) * sizeof(float));
	for (int y = 0; y < height; y++)
	{
		for (int k = 0; k < WINDOW; k++)
		{
			int			row = y + k - RADIUS;

			rows[k] = row < 0 || row >= height ? work->line : work->spare + (size_t) row * width;
		}
		weigh(rows, work->window, width, plane + (size_t) y * width);
	}
}

/* Adds the step at each pixel, of at most MOST_STEP along each axis. */
static void
add_steps(FlowWork *work, size_t pixels)
{
	for (size_t i = 0; i < pixels; i++)
	{
		double		xx = work->sums[0][i] + DAMPING;
		double		xy = work->sums[1][i];
		double		yy = work->sums[2][i] + DAMPING;
		double		x = work->sums[3][i] + DAMPING * (work->sums[5][i] / work->share[i] - work->flow_x[i]);
		double		y = work->sums[4][i] + DAMPING * (work->sums[6][i] / work->share[i] - work->flow_y[i]);
		double		determinant = xx * yy - xy * xy;

		work->flow_x[i] += (float) clamp((yy * x - xy * y) / determinant, -MOST_STEP, MOST_STEP);
		work->flow_y[i] += (float) clamp((xx * y - xy * x) / determinant, -MOST_STEP, MOST_STEP);
	}
}

static bool
refine(FlowWork *work, const FlowLevel *level, const Host *host, Status *status)
{
	find_gradient(work, level);
	for (size_t i = 0; i < (size_t) level->width * level->height; i++)
		work->share[i] = 1;
	sum_windows(work, work->share, level->width, level->height);
	for (int i = 0; i < ITERATIONS; i++)
	{
		if (host_interrupted(host, status))
			return false;
		find_products(work, level);
		for (int sum = 0; sum < SUMS; sum++)
			sum_windows(work, work->sums[sum], level->width, level->height);
		add_steps(work, (size_t) level->width * level->height);
	}
	return true;
}

/* ---- all levels ---------------------------------------------------------------------------------------------------- */

size_t
image_flow_bytes(int width, int height)
{
	FlowWork	work;

	return plan_levels(width, height, &work) * sizeof(float);
}

bool
image_flow(const float *first, const float *second, int width, int height, const Host *host, void *memory, float *flow,
		   Status *status)
{
	size_t		pixels = (size_t) width * height;
	FlowWork	work;

	plan_levels(width, height, &work);
	place_planes(&work, memory);
	fill_levels(&work, first, second);
	memset(work.flow_x, 0, pixels * sizeof(float));
	memset(work.flow_y, 0, pixels * sizeof(float));
	for (int i = work.count - 1; i >= 0; i--)
	{
		if (i < work.count - 1)
		{
			enlarge_flow(&work, &work.flow_x, &work.levels[i + 1], &work.levels[i]);
			enlarge_flow(&work, &work.flow_y, &work.levels[i + 1], &work.levels[i]);
		}
		if (!refine(&work, &work.levels[i], host, status))
			return false;
	}
	for (size_t i = 0; i < pixels; i++)
	{
		flow[2 * i] = work.flow_x[i];
		flow[2 * i + 1] = work.flow_y[i];
	}
	return true;
}
