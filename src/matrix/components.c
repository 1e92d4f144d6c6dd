/*
 * components.c: the principal components of rows.
 *
 * By orthogonal iteration (Golub and Van Loan 2013, section 8.2.4): a few rounds of products give the directions in which rows
 * differ most, which is all that is asked for.  LAPACK would find all of them, to the last digit, in a multiple of the time.
 */
#include <math.h>
#include <string.h>

#include "common/random.h"
#include "matrix/product.h"

#define ROUNDS 8
#define BATCH 256				/* rows of a product */
#define LEAST_LEFT 1e-10		/* share of a row's squared length that is left when it is no mix of those before it */

typedef struct Rows
{
	const real *x;				/* [count, n] */
	int			count;
	int			n;
	int			used;			/* of them, evenly spread */
} Rows;

static const real *
used_row(const Rows *rows, int i)
{
	return rows->x + (size_t) ((int64_t) rows->count * i / rows->used) * rows->n;
}

/* sums double [n]: scratch.  Returns the largest distance of a value from its mean. */
static double
find_mean(const Rows *rows, double *sums, real *mean)
{
	double		most = 0;

	memset(sums, 0, sizeof(double) * rows->n);
	for (int i = 0; i < rows->used; i++)
		for (int j = 0; j < rows->n; j++)
			sums[j] += used_row(rows, i)[j] / (double) rows->used;
	for (int j = 0; j < rows->n; j++)
		mean[j] = (real) sums[j];
	for (int i = 0; i < rows->used; i++)
		for (int j = 0; j < rows->n; j++)
			most = fmax(most, fabs(used_row(rows, i)[j] - (double) mean[j]));
	return most;
}

bool
matrix_covariance(const real *x, int count, int n, int used, const Host *host, real *mean, real *covariance, bool *varies,
				  Status *status)
{
	Rows		rows = {x, count, n, used};
	double	   *sums = host_allocate(host, n, sizeof(double), status);
	real	   *batch = sums == NULL ? NULL : host_allocate(host, (size_t) BATCH * n, sizeof(real), status);
	bool		done = batch != NULL;
	double		most = done ? find_mean(&rows, sums, mean) : 0;

	*varies = most > 0;
	for (int first = 0; done && *varies && first < used; first += BATCH)
	{
		int			length = used - first < BATCH ? used - first : BATCH;

		done = !host_interrupted(host, status);
		/* divided by the largest, so that squares are in range */
		for (int i = 0; i < length; i++)
			for (int j = 0; j < n; j++)
				batch[(size_t) i * n + j] = (real) ((used_row(&rows, first + i)[j] - (double) mean[j]) / most);
		matrix_multiply_large(true, false, n, n, length, batch, n, batch, n, first > 0, covariance, n);
	}
	host_release(host, batch);
	host_release(host, sums);
	return done;
}

void
matrix_orthonormalize(real *rows, int count, int n)
{
	const MatrixKernels *kernels = matrix_kernels();

	for (int i = 0; i < count; i++)
	{
		real	   *row = rows + (size_t) i * n;
		double		before = kernels->inner(row, row, n);
		double		length;

		for (int j = 0; j < i; j++)
		{
			real		share = (real) -kernels->inner(row, rows + (size_t) j * n, n);

			kernels->add_rows(&share, rows + (size_t) j * n, n, 1, n, row);
		}
		length = kernels->inner(row, row, n);
		length = length > before * LEAST_LEFT ? 1 / sqrt(length) : 0;
		for (int k = 0; k < n; k++)
			row[k] = (real) (row[k] * length);
	}
}

bool
matrix_components(const real *covariance, int count, int n, uint64_t seed, const Host *host, real *components, Status *status)
{
	size_t		size = (size_t) count * n;
	real	   *products = host_allocate(host, size, sizeof(real), status);
	Random		random = random_stream(seed, 0);
	bool		done = products != NULL;

	for (size_t i = 0; i < size; i++)
		components[i] = (real) random_normal(&random);
	for (int round = 0; round < ROUNDS && done; round++)
	{
		done = !host_interrupted(host, status);
		matrix_multiply_large(false, false, count, n, n, components, n, covariance, n, 0, products, n);
		memcpy(components, products, size * sizeof(real));
		matrix_orthonormalize(components, count, n);
	}
	/* once more: what was left of the rows' products is of the order of rounding now */
	if (done)
		matrix_orthonormalize(components, count, n);
	host_release(host, products);
	return done;
}
