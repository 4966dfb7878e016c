/* A few threads that wait for convolutions, shared by all operators of the process. */
#ifndef FACESDK_BASE_THREAD_POOL_H_
#define FACESDK_BASE_THREAD_POOL_H_

#include <stddef.h>
#include <stdint.h>

/* Operators hold the pool while they exist; the threads end with the last of them. */
void facesdk_pool_acquire(void);
void facesdk_pool_release(void);

/* Calls run(context, first, end) for ranges that cover [0, count) once, from the caller and up to threads - 1 others,
 * and returns when all are done. No more threads than CPUs the process may use; a caller that finds the pool at work
 * for somebody else computes alone. */
void facesdk_pool_run(void (*run)(void *context, size_t first, size_t end), void *context, size_t count,
                      int32_t threads);

#endif
