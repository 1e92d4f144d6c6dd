/*
 * test_matrix.c: products of matrices of many shapes, at every level of kernels, against plain loops in double.
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
#include "network/network_internal.h"
#include "network_help.h"

/* m, n, k: around the sizes of blocks and panels, thin ones, and some of the built-in networks'. */
static const int shapes[][3] = {
	{1, 1, 1}, {1, 5, 3}, {5, 1, 3}, {3, 5, 1}, {1, 100, 300}, {2, 33, 9}, {7, 31, 257}, {12, 32, 256}, {13, 64, 255},
	{47, 65, 64}, {48, 128, 512}, {49, 129, 513}, {97, 40, 20}, {6, 1030, 33}, {33, 700, 70}, {130, 600, 5}, {400, 64, 9}
};

static void
check(bool a_transposed, bool b_transposed, int m, int n, int k, bool add)
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
	matrix_multiply(a_transposed, b_transposed, m, n, k, a, lda, b, ldb, add, c, ldc);
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
				fail_msg("level %s, %d x %d x %d%s%s%s: [%d, %d] is %.8g, expected %.8g", cpu_level_name(cpu_level()), m, n, k,
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
test_shapes(void **state)
{
	for (int level = 0; level < CPU_LEVEL_COUNT; level++)
	{
		if (!cpu_force_level(level))
			continue;
		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		{
			for (int kind = 0; kind < 8; kind++)
				check(kind & 1, kind & 2, shapes[i][0], shapes[i][1], shapes[i][2], kind & 4);
		}
	}
	cpu_unforce_level();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
