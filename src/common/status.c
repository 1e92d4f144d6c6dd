/*
 * status.c: reporting and allocation for the pure rooms.
 */
#include "common/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool
status_set(Status *status, StatusCode code, const char *hint, const char *detail, ...)
{
	va_list		arguments;

	status->code = code;
	va_start(arguments, detail);
	vsnprintf(status->detail, sizeof status->detail, detail, arguments);
	va_end(arguments);
	snprintf(status->hint, sizeof status->hint, "%s", hint ? hint : "");
	return false;
}

void *
host_allocate(const Host *host, size_t count, size_t size, Status *status)
{
	void	   *pointer = NULL;
	size_t		bytes;

	if (!__builtin_mul_overflow(count, size, &bytes))
		pointer = host->allocate(host->context, bytes ? bytes : 1);
	if (pointer == NULL)
		status_set(status, STATUS_NO_MEMORY, NULL, "Could not allocate %zu times %zu bytes.", count, size);
	return pointer;
}

void *
host_allocate_zero(const Host *host, size_t count, size_t size, Status *status)
{
	void	   *pointer = host_allocate(host, count, size, status);

	if (pointer != NULL)
		memset(pointer, 0, count * size);
	return pointer;
}

void
host_release(const Host *host, void *pointer)
{
	if (pointer != NULL)
		host->release(host->context, pointer);
}

bool
host_interrupted(const Host *host, Status *status)
{
	if (host->interrupted == NULL || !host->interrupted(host->context))
		return false;
	status_set(status, STATUS_INTERRUPTED, NULL, "The work was interrupted.");
	return true;
}
