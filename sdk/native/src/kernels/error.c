#include "error.h"

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
