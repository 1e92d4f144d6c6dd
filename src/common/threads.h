/*
 * threads.h: the only threads of the extension.  They compute on plain buffers and never call the server.
 */
#ifndef SIAMESE_THREADS_H
#define SIAMESE_THREADS_H

typedef struct ThreadPool ThreadPool;
typedef void (*ThreadWork) (void *argument, int thread);

/* The pool ends with the current memory context. */
extern ThreadPool *thread_pool_create(int threads);
extern int	thread_pool_size(const ThreadPool *pool);

/* Calls work once for each thread 0 .. size - 1, number 0 on the caller's; returns when all have returned. */
extern void thread_pool_run(ThreadPool *pool, ThreadWork work, void *argument);

#endif
