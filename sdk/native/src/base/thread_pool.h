/* A few threads that wait for work, shared by all operators of the process. */
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

/* The same for the cells of a grid, row by row: each call is within one row. */
void facesdk_pool_run_rows(void (*run)(void *context, size_t row, size_t first, size_t end), void *context, size_t rows,
                           size_t columns, int32_t threads);

/* No more threads than `work` is worth, of which each should have `least` at least. */
static inline int32_t facesdk_pool_worthwhile(double work, double least, int32_t threads) {
  const double most = work / least;
  return most < (double)threads ? (int32_t)most : threads;
}

#endif
