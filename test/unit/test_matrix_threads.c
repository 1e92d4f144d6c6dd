/*
 * test_matrix_threads.c: matrix products of several threads at once.
 *
 * They share nothing.  Neither the own kernels nor OpenBLAS start a thread by themselves, which the server would not survive, and
 * loading OpenBLAS leaves the process as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <fenv.h>
#include <math.h>
#include <signal.h>
#include <unistd.h>
#include <pthread.h>

#include "common/random.h"
#include "matrix/matrix_internal.h"
#include "host.h"

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
	bool		by_library;
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

static void
multiply_once(const Product *p, real *c)
{
	if (p->by_library)
		assert_true(openblas_multiply(false, true, p->m, p->n, p->k, p->a, p->k, p->b, p->k, 0, c, p->n));
	else
		matrix_multiply(false, true, p->m, p->n, p->k, p->a, p->k, p->b, p->k, 0, c, p->n);
}

static void *
multiply(void *argument)
{
	Product    *p = argument;

	for (int round = 0; round < ROUNDS; round++)
	{
		multiply_once(p, p->c);
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

/* A seventh of the values, in double. */
static void
check_values(const Product *p)
{
	for (int i = 0; i < p->m; i++)
		for (int j = i % 7; j < p->n; j += 7)
		{
			double		sum = 0;

			for (int l = 0; l < p->k; l++)
				sum += (double) p->a[i * p->k + l] * p->b[j * p->k + l];
			assert_true(fabs(sum - p->expected[i * p->n + j]) < 1e-4);
		}
}

static void
check_products_at_once(bool by_library)
{
	Product		product[THREADS];
	pthread_t	thread[THREADS];
	Random		random = {1};
	int			tasks = count_tasks();

	for (int i = 0; i < THREADS; i++)
	{
		Product    *p = &product[i];

		*p = (Product) {.m = 120 + 16 * i, .n = 64 + 32 * i, .k = 288, .by_library = by_library};
		p->a = numbers(p->m * p->k, &random);
		p->b = numbers(p->n * p->k, &random);
		p->expected = malloc(sizeof(real) * p->m * p->n);
		p->c = malloc(sizeof(real) * p->m * p->n);
		multiply_once(p, p->expected);
		check_values(p);
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

static void
test_own_at_once(void **state)
{
	check_products_at_once(false);
}

static void
get_handlers(void (**handler) (int))
{
	for (int number = 1; number < NSIG; number++)
	{
		struct sigaction action = {.sa_handler = SIG_DFL};

		sigaction(number, NULL, &action);
		handler[number] = action.sa_handler;
	}
}

static bool
load(void)
{
	Status		status;

	if (matrix_library_load(test_host(), &status))
		return true;
#if !defined(__aarch64__)
	fail_msg("%s %s", status.detail, status.hint);
#endif
	return false;				/* there is none for an emulated processor */
}

static void
test_loading(void **state)
{
	extern char **environ;
	char	  **before = environ;
	int			tasks = count_tasks();
	void		(*handler[NSIG]) (int);
	void		(*handler_after[NSIG]) (int);
	sigset_t	mask;
	fenv_t		arithmetic;
	fenv_t		arithmetic_after;

	memset(&arithmetic, 0, sizeof(arithmetic));
	memset(&arithmetic_after, 0, sizeof(arithmetic_after));
	get_handlers(handler);
	fegetenv(&arithmetic);
	if (!load())
		skip();
	fegetenv(&arithmetic_after);
	get_handlers(handler_after);
	assert_memory_equal(&arithmetic, &arithmetic_after, sizeof(arithmetic));
	assert_memory_equal(handler + 1, handler_after + 1, sizeof(handler) - sizeof(handler[0]));
	assert_ptr_equal(environ, before);
	assert_null(getenv("OPENBLAS_NUM_THREADS"));
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (int number = 1; number < NSIG; number++)
		assert_true(sigismember(&mask, number) != 1);
	assert_int_equal(count_tasks(), tasks);
	assert_int_equal(test_host_outstanding(), 0);
	assert_true(load());		/* again */
}

static void
test_library_at_once(void **state)
{
	if (!load())
		skip();
	check_products_at_once(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_at_once),
		cmocka_unit_test(test_loading),
		cmocka_unit_test(test_library_at_once)
	};

	return cmocka_run_group_tests_name("matrix threads", tests, NULL, NULL);
}
