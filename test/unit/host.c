/*
 * host.c: see host.h.
 *
 * Each block is preceded by one aligned unit that holds its size and a mark, so that a release of a foreign pointer,
 * or a second release, ends the test.
 */
#include "host.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64
#define MARK_LIVE UINT64_C(0x736961616C697665)
#define MARK_DEAD UINT64_C(0x7369616464656164)

typedef struct Block
{
	uint64_t	mark;
	uint64_t	epoch;			/* blocks of an earlier test_host() do not count */
	size_t		size;
} Block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t epoch;
static long allocations;
static long outstanding;
static long allowed_allocations;
static bool fails_once;
static long allowed_questions;
static size_t bytes;
static size_t peak;

static void *
host_malloc(void *context, size_t size)
{
	Block	   *block = NULL;

	pthread_mutex_lock(&lock);
	allocations++;
	if (allowed_allocations != 0 && size <= SIZE_MAX - 2 * ALIGNMENT)
	{
		/* aligned_alloc wants a multiple of the alignment; the slack would hide overruns from the sanitizer. */
		void	   *memory = NULL;

		if (posix_memalign(&memory, ALIGNMENT, ALIGNMENT + size) == 0)
			block = memory;
	}
	if (block != NULL)
	{
		block->mark = MARK_LIVE;
		block->epoch = epoch;
		block->size = size;
		if (allowed_allocations > 0)
			allowed_allocations--;
		outstanding++;
		bytes += size;
		if (bytes > peak)
			peak = bytes;
		/* Never zero by luck. */
		memset((char *) block + ALIGNMENT, 0x7F, size);
	}
	else if (allowed_allocations == 0 && fails_once)
		allowed_allocations = -1;
	pthread_mutex_unlock(&lock);
	return block == NULL ? NULL : (char *) block + ALIGNMENT;
}

static void
host_free(void *context, void *pointer)
{
	Block	   *block;

	if (pointer == NULL)
		return;
	block = (Block *) ((char *) pointer - ALIGNMENT);
	pthread_mutex_lock(&lock);
	if (block->mark != MARK_LIVE)
	{
		fprintf(stderr, "host: release of %p, which is not allocated\n", pointer);
		abort();
	}
	block->mark = MARK_DEAD;
	if (block->epoch == epoch)
	{
		outstanding--;
		bytes -= block->size;
	}
	free(block);
	pthread_mutex_unlock(&lock);
}

static bool
host_asks(void *context)
{
	bool		stop;

	pthread_mutex_lock(&lock);
	stop = allowed_questions == 0;
	if (allowed_questions > 0)
		allowed_questions--;
	pthread_mutex_unlock(&lock);
	return stop;
}

static Host host = {host_malloc, host_free, host_asks, NULL, NULL};

Host *
test_host(void)
{
	epoch++;
	allocations = 0;
	outstanding = 0;
	bytes = 0;
	peak = 0;
	allowed_allocations = -1;
	fails_once = false;
	allowed_questions = -1;
	return &host;
}

void
test_host_fail_after(long n)
{
	allowed_allocations = n;
	fails_once = false;
}

void
test_host_fail_once(long n)
{
	allowed_allocations = n;
	fails_once = true;
}

void
test_host_interrupt_after(long n)
{
	allowed_questions = n;
}

long
test_host_outstanding(void)
{
	return outstanding;
}

long
test_host_allocations(void)
{
	return allocations;
}

size_t
test_host_bytes(void)
{
	return bytes;
}

size_t
test_host_peak(void)
{
	return peak;
}
