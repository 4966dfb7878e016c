/* Filling a facesdk_error. */
#ifndef FACESDK_KERNELS_ERROR_H_
#define FACESDK_KERNELS_ERROR_H_

#include "facesdk_ops.h"

/* Writes the formatted line (cut at the buffer's end) if `error` is not NULL, and returns `status`. */
__attribute__((format(printf, 3, 4))) facesdk_status facesdk_fail(facesdk_error *error, facesdk_status status,
                                                                  const char *format, ...);

#endif
