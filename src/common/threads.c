/*
 * threads.c: the only threads of the extension.
 *
 * They compute on plain buffers: no server call, no allocation, no signal (all are blocked, so that the server's
 * handlers run on the main thread alone).
 */
#include "postgres.h"

#include <pthread.h>
#include <signal.h>

#include "utils/memutils.h"

#include "common/threads.h"

typedef struct Worker
{
	ThreadPool *pool;
	int			number;
	pthread_t	thread;
} Worker;

struct ThreadPool
{
	int			size;
	int			started;		/* workers that exist: numbers 1 .. started */
	Worker	   *worker;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	pthread_cond_t done;
	uint64		round;			/* grows with every run */
	int			busy;
	bool		stop;
	ThreadWork	work;
	void	   *argument;
	MemoryContextCallback callback;
};

static void *
worker_main(void *argument)
{
	Worker	   *worker = argument;
	ThreadPool *pool = worker->pool;
	uint64		seen = 0;

	pthread_mutex_lock(&pool->mutex);
	for (;;)
	{
		while (pool->round == seen && !pool->stop)
			pthread_cond_wait(&pool->wake, &pool->mutex);
		if (pool->stop)
			break;
		seen = pool->round;
		pthread_mutex_unlock(&pool->mutex);
		pool->work(pool->argument, worker->number);
		pthread_mutex_lock(&pool->mutex);
		if (--pool->busy == 0)
			pthread_cond_signal(&pool->done);
	}
	pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

static void
thread_pool_stop(void *argument)
{
	ThreadPool *pool = argument;

	pthread_mutex_lock(&pool->mutex);
	pool->stop = true;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->mutex);
	for (int i = 0; i < pool->started; i++)
		pthread_join(pool->worker[i].thread, NULL);
	pthread_cond_destroy(&pool->wake);
	pthread_cond_destroy(&pool->done);
	pthread_mutex_destroy(&pool->mutex);
}

ThreadPool *
thread_pool_create(int threads)
{
	ThreadPool *pool = palloc0(sizeof(ThreadPool));
	sigset_t	all;
	sigset_t	before;
	int			failure = 0;

	pool->size = threads;
	pool->worker = palloc0(sizeof(Worker) * Max(threads - 1, 1));
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->wake, NULL);
	pthread_cond_init(&pool->done, NULL);
	pool->callback.func = thread_pool_stop;
	pool->callback.arg = pool;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &pool->callback);

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 0; i < threads - 1; i++)
	{
		pool->worker[i].pool = pool;
		pool->worker[i].number = i + 1;
		failure = pthread_create(&pool->worker[i].thread, NULL, worker_main, &pool->worker[i]);
		if (failure != 0)
			break;
		pool->started++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failure != 0)
	{
		errno = failure;
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start thread %d of %d: %m", pool->started + 2, threads),
				 errhint("Lower siamese.training_threads.")));
	}
	return pool;
}

int
thread_pool_size(const ThreadPool *pool)
{
	return pool->size;
}

void
thread_pool_run(ThreadPool *pool, ThreadWork work, void *argument)
{
	pthread_mutex_lock(&pool->mutex);
	pool->work = work;
	pool->argument = argument;
	pool->busy = pool->started;
	pool->round++;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->mutex);

	work(argument, 0);

	pthread_mutex_lock(&pool->mutex);
	while (pool->busy > 0)
		pthread_cond_wait(&pool->done, &pool->mutex);
	pthread_mutex_unlock(&pool->mutex);
}
