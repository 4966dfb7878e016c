/* Filling a facesdk_error, and the check that most of them come from. */
#ifndef FACESDK_BASE_ERROR_H_
#define FACESDK_BASE_ERROR_H_

#include <stddef.h>

#include "facesdk_ops.h"

/* Writes the formatted line (cut at the buffer's end) if `error` is not NULL, and returns `status`. */
__attribute__((format(printf, 3, 4))) facesdk_status facesdk_fail(facesdk_error *error, facesdk_status status,
                                                                  const char *format, ...);

/* A value and what it must be within. */
typedef struct facesdk_bounded {
  const char *name;
  int32_t value, low, high;
} facesdk_bounded;

/* Fails for the first value that is out of its bounds. */
facesdk_status facesdk_check_bounds(const facesdk_bounded *values, size_t count, facesdk_error *error);

#endif
