/*
 * axes.c: the principal axes of a table's rows, and vectors as the index sees them.
 *
 * What networks learn lies near a subspace: of a hundred dimensions some thirty tell rows apart.  A linear map that makes no
 * distance longer leaves lower bounds valid, so the codes may be those of a row's projection, which has fewer dimensions.  For
 * L2 and cosine; a rotation changes sums of absolute values.
 *
 * Which map it is decides how fast the index is.  What it answers depends on one thing alone, that the map makes no distance
 * longer: index_axes_stretch() proves that of the numbers as they are stored.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"

#include "common/check.h"
#include "common/host.h"
#include "distance/distance.h"
#include "index/build.h"
#include "matrix/matrix.h"

#define AXES_LEAST_ROWS 1000	/* fewer are read in no time */
#define AXES_STEP 16			/* so many axes more, or less */
#define AXES_MOST 256
#define AXES_ROWS 4				/* times the dimensions: so many rows are enough for a covariance */
#define AXES_BATCH 256
#define AXES_NEAREST 10			/* rows that a query wants */
#define AXES_EXTRA 16			/* rows beyond these that it may look at */
#define OUTLIER 4				/* times the mean squared distance from the subspace: outliers, if neighbours are no farther apart */

/* ---- vectors ----------------------------------------------------------------------------------------------------- */

double
index_unit_vector(const Embedding *embedding, float *x)
{
	int			n = embedding->dimensions;
	double		length;
	double		scale;

	if (embedding->metric != METRIC_COSINE)
	{
		memcpy(x, embedding->x, sizeof(float) * n);
		return 0;
	}
	length = sqrt(distance_kernels()->inner(embedding->x, embedding->x, n));
	scale = length > 0 ? 1 / length : 0;	/* a zero vector stays zero */
	for (int i = 0; i < n; i++)
		x[i] = (float) (embedding->x[i] * scale);
	return CODE_FLOAT_ROUNDING;
}

void
index_project(const IndexAxes *axes, int count, int n, float *x, double *roundings, float *projections)
{
	/* of n products: n + 2 times the rounding of one (Higham 2002, section 3.1); a single row is summed in double */
	double		rounding = count == 1 ? 2 * CODE_FLOAT_ROUNDING : CODE_FLOAT_ROUNDING / 2 * (n + 2) * sqrt(axes->count);

	for (int i = 0; i < count; i++)
	{
		float	   *row = x + (Size) i * n;

		for (int j = 0; j < n; j++)
			row[j] -= axes->mean[j];
		roundings[i] += rounding * sqrt(distance_kernels()->inner(row, row, n)) + FLT_MIN;
	}
	if (count == 1)
		for (int i = 0; i < axes->count; i++)
			projections[i] = (float) distance_kernels()->inner(axes->rows + (Size) i * n, x, n);
	else
		matrix_multiply(false, true, count, axes->count, n, x, n, axes->rows, n, 0, projections, axes->count);

	/* a projection that overflowed tells nothing */
	for (int i = 0; i < count; i++)
		for (int j = 0; j < axes->count; j++)
			if (!isfinite(projections[(Size) i * axes->count + j]))
			{
				projections[(Size) i * axes->count + j] = 0;
				roundings[i] = INFINITY;
			}
}

double
index_vector(const IndexAxes *axes, const Embedding *embedding, float *vector)
{
	float	   *x;
	double		rounding;

	if (axes->count == 0)
		return index_unit_vector(embedding, vector);
	x = palloc(sizeof(float) * embedding->dimensions);
	rounding = index_unit_vector(embedding, x);
	index_project(axes, 1, embedding->dimensions, x, &rounding, vector);
	pfree(x);
	return rounding;
}

bool
index_is_outlier(const IndexAxes *axes, const Embedding *embedding, const float *projection)
{
	float	   *x;
	double		squared;

	if (axes->count == 0)
		return false;
	x = palloc(sizeof(float) * embedding->dimensions);
	index_unit_vector(embedding, x);
	squared = distance_kernels()->l2_squared(x, axes->mean, embedding->dimensions) -
		distance_kernels()->inner(projection, projection, axes->count);
	pfree(x);
	return squared > axes->outlier;
}

/* The largest eigenvalue of the rows' products is at most the largest sum of their absolute values (Gershgorin 1931). */
double
index_axes_stretch(const float *rows, int count, int n)
{
	double		most = 0;

	for (int i = 0; i < count; i++)
	{
		double		sum = 0;

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < count; j++)
			sum += fabs(distance_kernels()->inner(rows + (Size) i * n, rows + (Size) j * n, n));
		most = Max(most, sum);
	}
	return sqrt(most) * (1 + 1e-9);
}

/* ---- finding them ------------------------------------------------------------------------------------------------ */

/*
 * How many of the axes are enough: with so many, hardly a row of the sample, rows [count, n], looks nearer than the nearest
 * ones are. 0: not even all, axes [most, n].  reach: the mean of how far, squared, queries reach for what they want.
 */
static int
choose_count(const IndexBuild *build, const float *rows, int count, const float *axes, int most, const SampleQuery *queries,
			 int query_count, double *reach)
{
	int			n = build->layout.dimensions;
	double		share = Min(count / build->sample.expected_rows, 1);
	float	   *asked = palloc(sizeof(float) * BUILD_QUERIES * n);
	float	   *asked_projections = palloc(sizeof(float) * BUILD_QUERIES * most);
	float	   *projections = palloc(sizeof(float) * AXES_BATCH * most);
	double		reaches[BUILD_QUERIES];
	int			asked_count = 0;
	int64		extra[AXES_MOST / AXES_STEP] = {0};
	int			chosen = 0;

	*reach = 0;
	for (int i = 0; i < query_count; i++)
	{
		/* of the sample, as near as the last one wanted is in the table */
		int			rank = Min((int) ceil(AXES_NEAREST * share), queries[i].found);
		const float *x = rows + (Size) queries[i].row * n;

		if (rank == 0)
			continue;
		reaches[asked_count] = distance_kernels()->l2_squared(x, rows + (Size) queries[i].nearest[rank - 1] * n, n);
		*reach += (reaches[asked_count] - *reach) / (asked_count + 1);
		memcpy(asked + (Size) asked_count++ * n, x, sizeof(float) * n);
		/* the row itself, and those that are wanted */
		for (int first = 0; first < most; first += AXES_STEP)
			extra[first / AXES_STEP] -= 1 + rank;
	}
	matrix_multiply_large(false, true, asked_count, most, n, asked, n, axes, n, 0, asked_projections, most);
	for (int begin = 0; begin < count; begin += AXES_BATCH)
	{
		int			length = Min(count - begin, AXES_BATCH);

		CHECK_FOR_INTERRUPTS();
		matrix_multiply_large(false, true, length, most, n, rows + (Size) begin * n, n, axes, n, 0, projections, most);
		for (int i = 0; i < asked_count; i++)
			for (int j = 0; j < length; j++)
			{
				double		sum = 0;

				for (int first = 0; first < most && sum <= reaches[i]; first += AXES_STEP)
				{
					sum += distance_kernels()->l2_squared(asked_projections + (Size) i * most + first,
														  projections + (Size) j * most + first, AXES_STEP);
					extra[first / AXES_STEP] += sum <= reaches[i];
				}
			}
	}
	for (int step = 0; step < most / AXES_STEP && asked_count > 0 && chosen == 0; step++)
		if (extra[step] <= AXES_EXTRA * share * asked_count)
			chosen = (step + 1) * AXES_STEP;
	pfree(asked);
	pfree(asked_projections);
	pfree(projections);
	return chosen;
}

/* Rows [count, n] become their projections [count, axes], in place.  Returns their mean squared distance from the axes' subspace. */
static double
map_rows(const IndexAxes *axes, float *rows, int count, int n)
{
	float	   *projections = palloc(sizeof(float) * AXES_BATCH * axes->count);
	double		outside = 0;

	for (int begin = 0; begin < count; begin += AXES_BATCH)
	{
		double		roundings[AXES_BATCH] = {0};
		int			length = Min(count - begin, AXES_BATCH);
		float	   *x = rows + (Size) begin * n;

		index_project(axes, length, n, x, roundings, projections);
		for (int i = 0; i < length; i++)
		{
			const float *projection = projections + (Size) i * axes->count;

			outside += (distance_kernels()->inner(x + (Size) i * n, x + (Size) i * n, n) -
						distance_kernels()->inner(projection, projection, axes->count)) / count;
		}
		memcpy(rows + (Size) begin * axes->count, projections, sizeof(float) * length * axes->count);
	}
	pfree(projections);
	return outside;
}

void
build_find_axes(IndexBuild *build, float *rows, int count, const SampleQuery *queries, int query_count)
{
	int			n = build->layout.dimensions;
	int			most = Min(n / 2 / AXES_STEP * AXES_STEP, AXES_MOST);
	IndexAxes	found = {0};
	float	   *mean;
	float	   *axes;
	float	   *covariance;
	bool		varies;
	Status		status;
	double		stretch;
	double		reach = 0;
	double		outside;

	if (build->like->metric == METRIC_L1 || build->sample.expected_rows < AXES_LEAST_ROWS || most == 0 ||
		sizeof(float) * (double) n * (n + 2 * most + AXES_BATCH) > maintenance_work_mem * 1024.0 / 4)
		return;
	mean = MemoryContextAlloc(build->context, sizeof(float) * (Size) (1 + most) * n);
	axes = mean + n;
	covariance = palloc(sizeof(float) * (Size) n * n);
	if (!matrix_covariance(rows, count, n, Min(count, AXES_ROWS * n), host_server(), mean, covariance, &varies, &status) ||
		(varies && !matrix_components(covariance, most, n, SAMPLE_SEED, host_server(), axes, &status)))
		check_raise_status(&status);
	if (varies)
		found.count = choose_count(build, rows, count, axes, most, queries, query_count, &reach);
	pfree(covariance);

	/* Rounding may have made the map longer than an isometry, by a millionth. */
	stretch = index_axes_stretch(axes, found.count, n);
	for (Size i = 0; i < (Size) found.count * n; i++)
		axes[i] = (float) (axes[i] / stretch * (1 - 2 * CODE_FLOAT_ROUNDING));
	if (found.count == 0 || !(index_axes_stretch(axes, found.count, n) <= 1))
	{
		pfree(mean);
		return;
	}
	found.mean = mean;
	found.rows = axes;
	outside = map_rows(&found, rows, count, n);
	found.outlier = (float) Max(reach, OUTLIER * outside);
	build->axes = found;
	index_layout(&build->layout, found.count);
}
