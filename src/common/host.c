/*
 * host.c: the server as the Host of the pure rooms.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "common/host.h"

#define HOST_ALIGNMENT 64

/* The start of the chunk is stored in the word before the aligned address; palloc aligns to 8, so there is space. */
static void *
host_server_allocate(void *context, size_t size)
{
	char	   *chunk;
	char	   *aligned;

	if (size > MaxAllocHugeSize - HOST_ALIGNMENT - sizeof(void *))
		return NULL;
	chunk = MemoryContextAllocExtended(CurrentMemoryContext, size + HOST_ALIGNMENT + sizeof(void *),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (chunk == NULL)
		return NULL;
	aligned = (char *) TYPEALIGN(HOST_ALIGNMENT, chunk + sizeof(void *));
	((void **) aligned)[-1] = chunk;
	return aligned;
}

static void
host_server_release(void *context, void *pointer)
{
	if (pointer != NULL)
		pfree(((void **) pointer)[-1]);
}

/*
 * InterruptPending is also set for requests that do not end the query (catch-up, barriers, logging of memory): those wait for the
 * caller's next CHECK_FOR_INTERRUPTS().
 */
static bool
host_server_interrupted(void *context)
{
	return InterruptPending && (QueryCancelPending || ProcDiePending) &&
		InterruptHoldoffCount == 0 && QueryCancelHoldoffCount == 0 && CritSectionCount == 0;
}

static void
host_server_debug(void *context, const char *message)
{
	elog(DEBUG1, "%s", message);
}

const Host *
host_server(void)
{
	static const Host host = {host_server_allocate, host_server_release, host_server_interrupted, NULL, host_server_debug};

	return &host;
}
