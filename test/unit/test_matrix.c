/*
 * test_matrix.c: products of matrices of many shapes, by the own kernels of every level and by OpenBLAS, against plain loops in
 * double; principal components against rows whose components are known.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/cpu.h"
#include "matrix/matrix_internal.h"
#include "matrix/product.h"
#include "host.h"
#include "network_help.h"

/* m, n, k: around the sizes of blocks and panels, thin ones, and some of the built-in networks'. */
static const int shapes[][3] = {
	{1, 1, 1}, {1, 5, 3}, {5, 1, 3}, {3, 5, 1}, {1, 100, 300}, {2, 33, 9}, {7, 31, 257}, {12, 32, 256}, {13, 64, 255},
	{47, 65, 64}, {48, 128, 512}, {49, 129, 513}, {97, 40, 20}, {6, 1030, 33}, {33, 700, 70}, {130, 600, 5}, {400, 64, 9}
};

/* Large enough for OpenBLAS from AVX2 on, or nearly. */
static const int large_shapes[][3] = {{300, 280, 260}, {257, 261, 300}, {256, 300, 256}, {255, 300, 256}, {300, 301, 60}, {256, 1025, 33}};

typedef bool (*Multiply) (bool a_transposed, bool b_transposed, int m, int n, int k, const real *a, size_t lda,
						  const real *b, size_t ldb, real beta, real *c, size_t ldc);

static bool
own(bool a_transposed, bool b_transposed, int m, int n, int k, const real *a, size_t lda, const real *b, size_t ldb, real beta,
	real *c, size_t ldc)
{
	matrix_multiply(a_transposed, b_transposed, m, n, k, a, lda, b, ldb, beta, c, ldc);
	return true;
}

static bool
whichever(bool a_transposed, bool b_transposed, int m, int n, int k, const real *a, size_t lda, const real *b, size_t ldb, real beta,
		  real *c, size_t ldc)
{
	matrix_multiply_large(a_transposed, b_transposed, m, n, k, a, lda, b, ldb, beta, c, ldc);
	return true;
}

/* False where there is no OpenBLAS for an emulated processor. */
static bool
load(void)
{
	Status		status;

	if (matrix_library_load(test_host(), &status))
		return true;
#if !defined(__aarch64__)
	fail_msg("%s %s", status.detail, status.hint);
#endif
	return false;
}

static void
check(const char *name, Multiply multiply, bool a_transposed, bool b_transposed, int m, int n, int k, bool add)
{
	int			gap = 3;		/* between lines */
	size_t		lda = (a_transposed ? m : k) + gap;
	size_t		ldb = (b_transposed ? k : n) + gap;
	size_t		ldc = n + gap;
	size_t		a_count = lda * (a_transposed ? k : m);
	size_t		b_count = ldb * (b_transposed ? n : k);
	size_t		c_count = ldc * m;
	real	   *a = calloc(a_count, sizeof(real));
	real	   *b = calloc(b_count, sizeof(real));
	real	   *c = calloc(c_count, sizeof(real));
	real	   *before = calloc(c_count, sizeof(real));

	help_fill(a, a_count, 1);
	help_fill(b, b_count, 2);
	help_fill(c, c_count, 3);
	memcpy(before, c, c_count * sizeof(real));
	assert_true(multiply(a_transposed, b_transposed, m, n, k, a, lda, b, ldb, add, c, ldc));
	for (int row = 0; row < m; row++)
	{
		for (int column = 0; column < n; column++)
		{
			size_t		place = row * ldc + column;
			double		sum = add ? before[place] : 0;

			for (int i = 0; i < k; i++)
				sum += (double) a[a_transposed ? i * lda + row : row * lda + i] *
					b[b_transposed ? column * ldb + i : i * ldb + column];
			if (!(fabs(sum - c[place]) <= 2e-6 * sqrt(k + 10)))
				fail_msg("%s, level %s, %d x %d x %d%s%s%s: [%d, %d] is %.8g, expected %.8g", name, cpu_level_name(cpu_level()), m, n, k,
						 a_transposed ? ", a transposed" : "", b_transposed ? ", b transposed" : "", add ? ", added" : "", row, column,
						 (double) c[place], sum);
		}
		for (int column = n; column < n + gap; column++)
			assert_true(c[row * ldc + column] == before[row * ldc + column]);
	}
	free(a);
	free(b);
	free(c);
	free(before);
}

static void
check_shapes(const char *name, Multiply multiply, const int (*sizes)[3], size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (int kind = 0; kind < 8; kind++)
			check(name, multiply, kind & 1, kind & 2, sizes[i][0], sizes[i][1], sizes[i][2], kind & 4);
}

static void
test_own(void **state)
{
	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
	{
		if (!cpu_force_level(level))
			continue;
		check_shapes("own", own, shapes, sizeof(shapes) / sizeof(shapes[0]));
		check_shapes("own", own, large_shapes, sizeof(large_shapes) / sizeof(large_shapes[0]));
	}
	cpu_unforce_level();
	check("own", own, false, true, 65, 2050, 2060, true);	/* b fits no cache */
}

static void
test_not_loaded(void **state)
{
	real		x = 2;
	real		y = 0;

	assert_false(openblas_multiply(false, false, 1, 1, 1, &x, 1, &x, 1, 0, &y, 1));
	assert_true(y == 0);
	check("not loaded", whichever, false, true, 300, 280, 150, true);
}

static void
test_openblas(void **state)
{
	if (!load())
		skip();
	check_shapes("OpenBLAS", openblas_multiply, shapes, sizeof(shapes) / sizeof(shapes[0]));
	check_shapes("OpenBLAS", openblas_multiply, large_shapes, sizeof(large_shapes) / sizeof(large_shapes[0]));
	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
		if (cpu_force_level(level))
			check_shapes("whichever", whichever, large_shapes, sizeof(large_shapes) / sizeof(large_shapes[0]));
	cpu_unforce_level();
}

static void
test_inner(void **state)
{
	real		x[100];
	real		y[100];

	help_fill(x, 100, 1);
	help_fill(y, 100, 2);
	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
	{
		double		sum = 0;

		if (!cpu_force_level(level))
			continue;
		for (int count = 0; count < 100; count++)
		{
			assert_true(fabs(matrix_kernels()->inner(x, y, count) - sum) < 1e-13 * (count + 1));
			sum += (double) x[count] * y[count];
		}
	}
	cpu_unforce_level();
}

/* ---- components ---------------------------------------------------------------------------------------------------- */

#define DIMENSIONS 40
#define DIRECTIONS 4
#define EACH 16					/* rows along a direction */

/* The directions are rows of the discrete cosine transform, which are orthonormal. */
static double
cosine(int direction, int j)
{
	return sqrt(2.0 / DIMENSIONS) * cos(acos(-1) * (direction + 1) * (j + 0.5) / DIMENSIONS);
}

/* Rows mean +- deviation direction; their covariance is the sum of the squared deviations' shares in the directions. */
static real *
known_rows(void)
{
	real	   *rows = malloc(sizeof(real) * DIRECTIONS * EACH * DIMENSIONS);

	for (int row = 0; row < DIRECTIONS * EACH; row++)
		for (int j = 0; j < DIMENSIONS; j++)
			rows[row * DIMENSIONS + j] = (real) (j + (row % 2 ? 1 : -1) * pow(4, -(row / EACH)) * cosine(row / EACH, j));
	return rows;
}

static void
test_components(void **state)
{
	real	   *rows = known_rows();
	real		mean[DIMENSIONS];
	real		covariance[DIMENSIONS * DIMENSIONS];
	real		components[DIRECTIONS * DIMENSIONS];
	Status		status;
	bool		varies;
	double		factor = 0;

	assert_true(matrix_covariance(rows, DIRECTIONS * EACH, DIMENSIONS, DIRECTIONS * EACH, test_host(), mean, covariance, &varies, &status));
	assert_true(varies);
	for (int i = 0; i < DIMENSIONS; i++)
		factor += covariance[i * DIMENSIONS + i];
	factor /= EACH * (1 + 1 / 16.0 + 1 / 256.0 + 1 / 4096.0);	/* the trace, but for a factor */
	for (int i = 0; i < DIMENSIONS; i++)
	{
		assert_true(fabs(mean[i] - i) < 1e-5);
		for (int j = 0; j < DIMENSIONS; j++)
		{
			double		sum = 0;

			for (int direction = 0; direction < DIRECTIONS; direction++)
				sum += EACH * pow(16, -direction) * cosine(direction, i) * cosine(direction, j);
			assert_true(fabs(covariance[i * DIMENSIONS + j] - factor * sum) < 1e-4 * factor);
		}
	}
	assert_true(matrix_components(covariance, DIRECTIONS - 1, DIMENSIONS, 7, test_host(), components, &status));
	for (int i = 0; i < DIRECTIONS - 1; i++)
	{
		double		along = 0;

		for (int j = 0; j < DIMENSIONS; j++)
			along += components[i * DIMENSIONS + j] * cosine(i, j);
		if (!(fabs(fabs(along) - 1) < 1e-4))
			fail_msg("component %d: its product with the direction is %g", i, along);
		for (int other = 0; other <= i; other++)
			assert_true(fabs(matrix_kernels()->inner(components + i * DIMENSIONS, components + other * DIMENSIONS, DIMENSIONS) -
							 (other == i)) < 1e-6);
	}
	free(rows);
	assert_int_equal(test_host_outstanding(), 0);
}

static void
test_no_components(void **state)
{
	real	   *rows = known_rows();
	real		mean[DIMENSIONS];
	real		covariance[DIMENSIONS * DIMENSIONS] = {0};
	Status		status;
	bool		varies;
	Host	   *host;

	for (int failing = 0; failing < 2; failing++)
	{
		host = test_host();
		test_host_fail_after(failing);
		assert_false(matrix_covariance(rows, DIRECTIONS * EACH, DIMENSIONS, 20, host, mean, covariance, &varies, &status));
		assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_int_equal(test_host_outstanding(), 0);
	}
	host = test_host();
	test_host_interrupt_after(0);
	assert_false(matrix_covariance(rows, DIRECTIONS * EACH, DIMENSIONS, 20, host, mean, covariance, &varies, &status));
	assert_int_equal(status.code, STATUS_INTERRUPTED);
	assert_false(matrix_components(covariance, 1, DIMENSIONS, 7, host, mean, &status));
	assert_int_equal(status.code, STATUS_INTERRUPTED);
	assert_int_equal(test_host_outstanding(), 0);
	/* all the same */
	for (int row = 1; row < DIRECTIONS * EACH; row++)
		memcpy(rows + row * DIMENSIONS, rows, sizeof(real) * DIMENSIONS);
	assert_true(matrix_covariance(rows, DIRECTIONS * EACH, DIMENSIONS, DIRECTIONS * EACH, test_host(), mean, covariance, &varies, &status));
	assert_false(varies);
	free(rows);
}

static void
test_orthonormalize(void **state)
{
	/* the third is a mix of the others */
	real		rows[] = {3, 4, 0, 1, 0, 2, 5, 4, 4};

	matrix_orthonormalize(rows, 3, 3);
	assert_true(fabs(rows[0] - 0.6) < 1e-6);
	assert_true(fabs(rows[1] - 0.8) < 1e-6);
	assert_true(rows[2] == 0);
	/* (1, 0, 2) - 0.6 (0.6, 0.8, 0) = (0.64, -0.48, 2) */
	assert_true(fabs(rows[3] - 0.64 / sqrt(4.64)) < 1e-6);
	assert_true(fabs(rows[4] + 0.48 / sqrt(4.64)) < 1e-6);
	assert_true(fabs(rows[5] - 2 / sqrt(4.64)) < 1e-6);
	for (int i = 6; i < 9; i++)
		assert_true(rows[i] == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_not_loaded),
		cmocka_unit_test(test_openblas),
		cmocka_unit_test(test_inner),
		cmocka_unit_test(test_components),
		cmocka_unit_test(test_no_components),
		cmocka_unit_test(test_orthonormalize)
	};

	return cmocka_run_group_tests_name("matrix", tests, NULL, NULL);
}
