#include "failure.h"

#include <stdarg.h>
#include <stdio.h>

bool fail(failure *failure, failure_kind kind, const char *format, ...) {
  if (failure->kind != FAILURE_NONE) return false;
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(failure->message, sizeof failure->message, format, arguments);
  va_end(arguments);
  failure->kind = kind;
  return false;
}

bool check_status(failure *failure, facesdk_status status, const facesdk_error *error) {
  if (status == FACESDK_OK) return true;
  const failure_kind kind = status == FACESDK_OUT_OF_MEMORY      ? FAILURE_MEMORY
                            : status == FACESDK_INVALID_ARGUMENT ? FAILURE_INPUT
                                                                 : FAILURE_OPERATORS;
  return fail(failure, kind, "%s", error->message);
}
