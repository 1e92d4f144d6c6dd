/*
 * openblas.c: OpenBLAS, loaded when a product first needs it.
 *
 * The server does not survive threads that it knows nothing of, so the library must not start any.  Of its builds only the one
 * for pthreads will do: with one thread, set in the environment before it is loaded, it starts none, and any number of our own
 * threads may call it at once.  The serial build shares buffers between callers, and the one for OpenMP has them wait for each other.
 */
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/cpu.h"
#include "matrix/matrix_internal.h"

#define TEXT_OF(name) #name
#define QUOTED(name) TEXT_OF(name)
#define LIBRARY QUOTED(OPENBLAS_LIBRARY)
#define PACKAGE "libopenblas0-pthread"

#ifdef REAL_IS_DOUBLE
#define GEMM "cblas_dgemm"
#else
#define GEMM "cblas_sgemm"
#endif

enum {ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112};	/* of the interface CBLAS */
enum {BUILD_PTHREAD = 1};		/* of openblas_get_parallel() */

typedef struct OpenBlas
{
	void		(*gemm) (int order, int a_kind, int b_kind, int m, int n, int k, real alpha, const real *a, int lda,
						 const real *b, int ldb, real beta, real *c, int ldc);
	char	   *(*config) (void);
	char	   *(*core_name) (void);
	int			(*parallel) (void);
	int			(*threads) (void);
} OpenBlas;

/* In the order of the fields. */
static const char *const names[] = {
	GEMM, "openblas_get_config", "openblas_get_corename", "openblas_get_parallel", "openblas_get_num_threads"
};

static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;
static OpenBlas library;		/* written under the lock, before the threads that read it are started */
static bool loaded;

extern char **environ;

/* Older versions know no newer processors and take what all of a kind can do: the level is known better here. */
static char *
core_setting(void)
{
	if (getenv("OPENBLAS_CORETYPE") != NULL)
		return NULL;
	switch (cpu_level())
	{
		case CPU_AVX512:
			return "OPENBLAS_CORETYPE=SkylakeX";
		case CPU_AVX2:
			return "OPENBLAS_CORETYPE=Haswell";
		default:
			return NULL;
	}
}

/*
 * The library reads its settings when it is loaded and never again.  Until then environ points to a copy that has them;
 * setenv() would leave them to whatever else is loaded in this session.  Signals are blocked, so that their handlers see nothing
 * of that, and a thread, should there be one against all expectation, would never run them.
 */
static void *
open_library(const Host *host, Status *status)
{
	char	  **before = environ;
	size_t		count = 0;
	char	  **settings;
	size_t		place = 0;
	void	   *handle;
	sigset_t	all;
	sigset_t	mask;

	while (before != NULL && before[count] != NULL)
		count++;
	settings = host_allocate(host, count + 3, sizeof(char *), status);
	if (settings == NULL)
		return NULL;
	settings[place++] = "OPENBLAS_NUM_THREADS=1";
	settings[place] = core_setting();
	place += settings[place] != NULL;
	memcpy(settings + place, before, count * sizeof(char *));
	settings[place + count] = NULL;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	environ = settings;
	handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	environ = before;
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	host_release(host, settings);
	if (handle == NULL)
		status_set(status, STATUS_MATRIX_LIBRARY, "Install the package " PACKAGE " on the server.", "%s", dlerror());
	return handle;
}

static bool
find_functions(void *handle, OpenBlas *found, Status *status)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		void	   *function = dlsym(handle, names[i]);

		if (function == NULL)
			return status_set(status, STATUS_MATRIX_LIBRARY, "Install the package " PACKAGE " on the server.", "%s", dlerror());
		memcpy((char *) found + i * sizeof(function), &function, sizeof(function));
	}
	return true;
}

static bool
check_threads(const OpenBlas *found, Status *status)
{
	if (found->parallel() != BUILD_PTHREAD)
		return status_set(status, STATUS_MATRIX_LIBRARY,
						  "Install the package " PACKAGE ", and make it the one that \"update-alternatives\" chooses.",
						  "%s is \"%s\", which is not its build for pthreads.", LIBRARY, found->config());
	if (found->threads() != 1)
		return status_set(status, STATUS_MATRIX_LIBRARY, "Use a new session, which loads it with one thread.",
						  "%s has been loaded by other software of this session and uses %d threads.", LIBRARY, found->threads());
	return true;
}

bool
matrix_library_load(const Host *host, Status *status)
{
	bool		done;
	bool		first = false;

	pthread_mutex_lock(&load_lock);
	if (!loaded)
	{
		void	   *handle = open_library(host, status);
		OpenBlas	found;

		if (handle != NULL && find_functions(handle, &found, status) && check_threads(&found, status))
		{
			library = found;
			loaded = first = true;
		}
		else if (handle != NULL)
			dlclose(handle);
	}
	done = loaded;
	pthread_mutex_unlock(&load_lock);

	if (first && host->debug != NULL)
	{
		Status		text;

		status_set(&text, STATUS_OK, "", "loaded %s: %s, core %s, %d thread", LIBRARY, library.config(), library.core_name(),
				   library.threads());
		host->debug(host->context, text.detail);
	}
	return done;
}

bool
openblas_multiply(bool a_transposed, bool b_transposed, int m, int n, int k, const real *a, size_t lda, const real *b,
				  size_t ldb, real beta, real *c, size_t ldc)
{
	if (!loaded || lda > INT_MAX || ldb > INT_MAX || ldc > INT_MAX)
		return false;
	library.gemm(ROW_MAJOR, a_transposed ? TRANSPOSED : PLAIN, b_transposed ? TRANSPOSED : PLAIN, m, n, k, 1, a, (int) lda, b, (int) ldb,
				 beta, c, (int) ldc);
	return true;
}
