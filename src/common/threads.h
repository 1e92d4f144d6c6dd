/*
 * threads.h: the only threads of the extension.  They compute on plain buffers: no server call, no allocation, no signals.
 */
#ifndef SIAMESE_THREADS_H
#define SIAMESE_THREADS_H

typedef struct ThreadPool ThreadPool;
typedef void (*ThreadWork) (void *argument, int thread);

/* Starts threads - 1 threads, which end with the current memory context; raises if that fails. */
extern ThreadPool *thread_pool_create(int threads);
extern int	thread_pool_size(const ThreadPool *pool);

/*
 * Calls work once for each thread 0 .. size - 1, number 0 on the caller's; returns when all have returned.  work must not raise on
 * any thread: it stores a status, and the caller raises afterwards.
 */
extern void thread_pool_run(ThreadPool *pool, ThreadWork work, void *argument);

#endif
