#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

facesdk_status facesdk_fail(facesdk_error *error, facesdk_status status, const char *format, ...) {
  if (error != NULL) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
  }
  return status;
}

facesdk_status facesdk_check_bounds(const facesdk_bounded *values, size_t count, facesdk_error *error) {
  for (const facesdk_bounded *v = values; v < values + count; ++v) {
    if (v->value < v->low || v->value > v->high) {
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "%s must be in %d..%d, but got %d", v->name, (int)v->low,
                          (int)v->high, (int)v->value);
    }
  }
  return FACESDK_OK;
}
