/* Memory that kernels read in whole vectors. */
#ifndef FACESDK_BASE_MEMORY_H_
#define FACESDK_BASE_MEMORY_H_

#include <stddef.h>

enum { FACESDK_CACHE_LINE = 64 };

/* Zeros for `count` elements of `size` bytes, at least one byte, from the start of a cache line; released with
 * free(). NULL if memory ran out, or for more than FACESDK_MAX_TENSOR_BYTES. */
void *facesdk_allocate(size_t count, size_t size);

#endif
