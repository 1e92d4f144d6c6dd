/*
 * matrix_speed.c: products of the shapes that occur, by the own kernels and by OpenBLAS side by side; test/bench/matrix runs it.
 *
 *	matrix_speed LEVEL [PATTERN]
 *
 * Both take turns and each one's best counts; the time is the processor's, so that other work on the machine counts little.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cpu.h"
#include "matrix/matrix_internal.h"

#define ROUNDS 3
#define LEAST_SECONDS 0.03		/* of a round */

typedef struct Shape
{
	const char *name;
	bool		a_transposed;
	bool		b_transposed;
	int			m;
	int			n;
	int			k;
	bool		add;
} Shape;

static const Shape shapes[] = {
	{"k-means, 320 centres of 32", false, true, 256, 320, 32, false},
	{"k-means, 1000 centres of 32", false, true, 256, 1000, 32, false},
	{"k-means, 1000 centres of 128", false, true, 256, 1000, 128, false},
	{"k-means, 3200 centres of 64", false, true, 256, 3200, 64, false},
	{"k-means, 1000 centres of 512", false, true, 256, 1000, 512, false},
	{"pairs of a group, 256 rows of 32", false, true, 128, 256, 32, false},
	{"pairs of a group, 1024 rows of 32", false, true, 128, 1024, 32, false},
	{"pairs of a group, 1024 rows of 128", false, true, 128, 1024, 128, false},
	{"pairs of a group, 1024 rows of 512", false, true, 128, 1024, 512, false},
	{"covariance of 128", true, false, 128, 128, 256, true},
	{"covariance of 512", true, false, 512, 512, 256, true},
	{"covariance of 2048", true, false, 2048, 2048, 256, true},
	{"components, 64 of 128", false, false, 64, 128, 128, false},
	{"components, 256 of 512", false, false, 256, 512, 512, false},
	{"components, 256 of 2048", false, false, 256, 2048, 2048, false},
	{"images under 32 of 128 components", false, true, 256, 32, 128, false},
	{"images under 256 of 512 components", false, true, 256, 256, 512, false},
	{"koch, 8 samples", false, false, 8, 4096, 9216, false},
	{"koch, 16 samples", false, false, 16, 4096, 9216, false},
	{"koch, 32 samples", false, false, 32, 4096, 9216, false},
	{"koch, 64 samples", false, false, 64, 4096, 9216, false},
	{"koch, 128 samples", false, false, 128, 4096, 9216, false},
	{"koch, gradient of weights, 8", true, false, 9216, 4096, 8, true},
	{"koch, gradient of weights, 16", true, false, 9216, 4096, 16, true},
	{"koch, gradient of weights, 32", true, false, 9216, 4096, 32, true},
	{"koch, gradient of weights, 64", true, false, 9216, 4096, 64, true},
	{"koch, gradient of weights, 128", true, false, 9216, 4096, 128, true},
	{"koch, gradient of inputs, 8", false, true, 8, 9216, 4096, false},
	{"koch, gradient of inputs, 16", false, true, 16, 9216, 4096, false},
	{"koch, gradient of inputs, 32", false, true, 32, 9216, 4096, false},
	{"koch, gradient of inputs, 64", false, true, 64, 9216, 4096, false},
	{"koch, gradient of inputs, 128", false, true, 128, 9216, 4096, false},
	{"signet, 16 samples", false, false, 16, 1024, 35840, false},
	{"signet, 48 samples", false, false, 48, 1024, 35840, false},
	{"signet, gradient of weights, 16", true, false, 35840, 1024, 16, true},
	{"signet, gradient of weights, 48", true, false, 35840, 1024, 48, true},
	{"signet, gradient of inputs, 16", false, true, 16, 35840, 1024, false},
	{"signet, gradient of inputs, 48", false, true, 48, 35840, 1024, false},
	{"compact, 128 samples", false, false, 128, 128, 1024, false},
	{"compact, gradient of weights, 128", true, false, 1024, 128, 128, true},
	{"compact, gradient of inputs, 128", false, true, 128, 1024, 128, false},
	{"signet's last, 48 samples", false, false, 48, 128, 1024, false},
	{"attention, 2500 pixels, 8 heads of 64", false, false, 2500, 8, 64, false},
	{"attention, heads' sums", true, false, 8, 64, 100, false},
	{"contrastive loss, 256 of 128", false, true, 256, 256, 128, false},
	{"contrastive loss, gradient", false, false, 256, 128, 256, false},
	{"patches, 1024 of 288, 64 channels", false, false, 1024, 64, 288, false},
	{"patches, gradient of weights", true, false, 288, 64, 1024, true},
	{"patches, gradient of inputs", false, true, 1024, 288, 64, false},
};

static void *
allocate(void *context, size_t size)
{
	return aligned_alloc(64, (size + 63) / 64 * 64);
}

static void
release(void *context, void *pointer)
{
	free(pointer);
}

static void
report(void *context, const char *message)
{
	printf("%s\n", message);
}

static const Host host = {.allocate = allocate, .release = release, .debug = report};

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

static real *
numbers(size_t count)
{
	real	   *values = allocate(NULL, count * sizeof(real));
	uint32_t	state = 1;

	for (size_t i = 0; i < count; i++)
	{
		state = state * 1664525 + 1013904223;
		values[i] = (real) (int32_t) state / (1u << 31);
	}
	return values;
}

static void
product(const Shape *shape, bool by_library, const real *a, const real *b, real *c)
{
	size_t		lda = shape->a_transposed ? shape->m : shape->k;
	size_t		ldb = shape->b_transposed ? shape->k : shape->n;

	if (by_library)
		openblas_multiply(shape->a_transposed, shape->b_transposed, shape->m, shape->n, shape->k, a, lda, b, ldb, shape->add, c, shape->n);
	else
		matrix_multiply(shape->a_transposed, shape->b_transposed, shape->m, shape->n, shape->k, a, lda, b, ldb, shape->add, c, shape->n);
}

static void
measure(const Shape *shape)
{
	double		operations = 2.0 * shape->m * shape->n * shape->k;
	real	   *a = numbers((size_t) shape->m * shape->k);
	real	   *b = numbers((size_t) shape->n * shape->k);
	real	   *c = numbers((size_t) shape->m * shape->n);
	double		best[2] = {0, 0};

	for (int round = 0; round < ROUNDS; round++)
		for (int by_library = 0; by_library < 2; by_library++)
		{
			double		start = seconds();
			double		taken;
			int			count = 0;

			do
			{
				product(shape, by_library, a, b, c);
				count++;
			}
			while ((taken = seconds() - start) < LEAST_SECONDS);
			if (operations * count / taken > best[by_library])
				best[by_library] = operations * count / taken;
		}
	printf("| %s | %d x %d x %d | %.1f | %.1f | %.2f |\n", shape->name, shape->m, shape->n, shape->k, best[0] / 1e9, best[1] / 1e9,
		   best[1] / best[0]);
	fflush(stdout);
	free(a);
	free(b);
	free(c);
}

int
main(int argument_count, char **arguments)
{
	Status		status;
	int			level = 0;

	while (argument_count > 1 && level < CPU_LEVEL_COUNT && strcmp(cpu_level_name((CpuLevel) level), arguments[1]) != 0)
		level++;
	if (argument_count < 2 || level == CPU_LEVEL_COUNT || !cpu_force_level((CpuLevel) level))
	{
		fprintf(stderr, "matrix_speed: this processor has no such level\n");
		return 1;
	}
	if (!matrix_library_load(&host, &status))
	{
		fprintf(stderr, "matrix_speed: %s %s\n", status.detail, status.hint);
		return 1;
	}
	printf("\n| %s | m x n x k | own, GFLOP/s | OpenBLAS | ratio |\n|---|---|--:|--:|--:|\n", arguments[1]);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (argument_count < 3 || strstr(shapes[i].name, arguments[2]) != NULL)
			measure(&shapes[i]);
	return 0;
}
