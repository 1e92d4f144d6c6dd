/*
 * test_matrix_threads.c: matrix products of several threads at once.
 *
 * They share nothing, and no library that is loaded with them starts a thread by itself, which the server would not survive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <unistd.h>
#include <pthread.h>

#include "network/network_internal.h"

#define THREADS 4
#define ROUNDS 1500

typedef struct Product
{
	int			m,
				n,
				k;
	real	   *a,
			   *b,
			   *expected,
			   *c;
	int			wrong;
} Product;

static int
count_tasks(void)
{
	DIR		   *folder = opendir("/proc/self/task");
	int			count = 0;

	assert_non_null(folder);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count - 2;			/* . and .. */
}

static void *
multiply(void *argument)
{
	Product    *p = argument;

	for (int round = 0; round < ROUNDS; round++)
	{
		matrix_multiply(false, true, p->m, p->n, p->k, p->a, p->k, p->b, p->k, 0, p->c, p->n);
		p->wrong += memcmp(p->c, p->expected, sizeof(real) * p->m * p->n) != 0;
	}
	return NULL;
}

static real *
numbers(int count, Random *random)
{
	real	   *values = malloc(sizeof(real) * count);

	for (int i = 0; i < count; i++)
		values[i] = (real) random_range(random, -1, 1);
	return values;
}

static void
test_products_at_once(void **state)
{
	Product		product[THREADS];
	pthread_t	thread[THREADS];
	Random		random = {1};
	int			tasks = count_tasks();

	for (int i = 0; i < THREADS; i++)
	{
		Product    *p = &product[i];

		*p = (Product) {.m = 120 + 16 * i, .n = 64 + 32 * i, .k = 288};
		p->a = numbers(p->m * p->k, &random);
		p->b = numbers(p->n * p->k, &random);
		p->expected = malloc(sizeof(real) * p->m * p->n);
		p->c = malloc(sizeof(real) * p->m * p->n);
		matrix_multiply(false, true, p->m, p->n, p->k, p->a, p->k, p->b, p->k, 0, p->expected, p->n);
	}
	assert_int_equal(count_tasks(), tasks);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, multiply, &product[i]), 0);
	assert_true(count_tasks() <= tasks + THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < THREADS; i++)
	{
		assert_int_equal(product[i].wrong, 0);
		free(product[i].a);
		free(product[i].b);
		free(product[i].expected);
		free(product[i].c);
	}
	for (int attempt = 0; attempt < 100 && count_tasks() > tasks; attempt++)
		usleep(10000);				/* a joined thread may still be listed, above all by an emulator */
	assert_int_equal(count_tasks(), tasks);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_products_at_once)
	};

	return cmocka_run_group_tests_name("matrix threads", tests, NULL, NULL);
}
