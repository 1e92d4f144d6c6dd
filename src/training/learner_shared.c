/*
 * learner_shared.c: what the two parts of a step of training share, learner.c and pair_step.c: memory, and work on all threads.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "common/check.h"
#include "common/host.h"
#include "training/learner_internal.h"

#define ZEROED_AT_ONCE ((size_t) 8 * 1024 * 1024)

void *
learner_allocate(size_t count, size_t size)
{
	Status		status;
	char	   *pointer = host_allocate(host_server(), count, size, &status);

	if (pointer == NULL)
		check_raise_status(&status);
	/* in pieces: touching memory for the first time may take seconds */
	for (size_t done = 0; done < count * size; done += ZEROED_AT_ONCE)
	{
		CHECK_FOR_INTERRUPTS();
		memset(pointer + done, 0, Min(ZEROED_AT_ONCE, count * size - done));
	}
	return pointer;
}

bool
learner_run_all(Learner *learner, ThreadWork work)
{
	Status		status;

	thread_pool_run(learner->pool, work, learner);
	return !host_interrupted(host_server(), &status);
}
