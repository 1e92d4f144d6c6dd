/*
 * library.c: loads a library when an image first needs it.
 *
 * These libraries depend on a dozen others: loading them takes milliseconds, which a connection that only reads PNG is spared.
 */
#include "image/image_internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;

static bool
find_functions(const ImageLibrary *library, void *loaded)
{
	for (size_t i = 0; i < library->count; i++)
	{
		void	   *function = dlsym(loaded, library->names[i]);

		if (function == NULL)
			return false;
		memcpy((char *) library->functions + i * sizeof function, &function, sizeof function);
	}
	return true;
}

bool
image_library_load(ImageLibrary *library, Status *status)
{
	bool		done;

	pthread_mutex_lock(&load_lock);
	if (library->loaded == NULL)
	{
		void	   *loaded = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);

		if (loaded != NULL && find_functions(library, loaded))
			library->loaded = loaded;
		else
			status_set(status, STATUS_LIBRARY, "Install it on the server, in the version that the extension was built with.",
					   "%s", dlerror());
	}
	done = library->loaded != NULL;
	pthread_mutex_unlock(&load_lock);
	return done;
}

#define RESERVE_BYTES (64 << 10)

bool
image_library_reserve(const Host *host, Status *status)
{
	void	   *reserve = host_allocate(host, RESERVE_BYTES, 1, status);

	host_release(host, reserve);
	return reserve != NULL;
}
