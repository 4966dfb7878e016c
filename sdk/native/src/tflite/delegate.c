/* The external delegate: claims the nodes of a graph that are ours (claims.c) and runs each connected set of them as one
 * operator (partition.c). Everything read from the model is checked before use; what is wrong is reported in one line
 * through the runtime.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/path.h"
#include "tflite/claims.h"
#include "tflite/partition.h"
#include "tflite/report.h"

#define EXPORT __attribute__((visibility("default")))

static TfLiteStatus delegate_prepare(TfLiteContext *context, TfLiteDelegate *delegate) {
  TfLiteIntArray *runtime_plan;
  if (context->GetExecutionPlan(context, &runtime_plan) != kTfLiteOk) return kTfLiteError;
  /* The runtime may reuse the plan's memory in any later call. */
  const size_t bytes = sizeof(TfLiteIntArray) + (size_t)runtime_plan->size * sizeof(int);
  TfLiteIntArray *plan = malloc(bytes), *claimed = malloc(bytes);
  TfLiteStatus status = kTfLiteError;
  if (plan == NULL || claimed == NULL) {
    report(context, "out of memory");
  } else {
    memcpy(plan, runtime_plan, bytes);
    status = claim_nodes(context, plan, claimed);
    if (status == kTfLiteOk && claimed->size > 0) {
      status = context->ReplaceNodeSubsetsWithDelegateKernels(context, partition_registration, claimed, delegate);
    }
  }
  free(plan);
  free(claimed);
  return status;
}

typedef void (*error_callback)(const char *);

__attribute__((format(printf, 2, 3))) static void tell(error_callback report_error, const char *format, ...) {
  if (report_error == NULL) return;
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  report_error(line);
}

static bool read_plugin_option(plugin *self, const char *key, const char *value, error_callback report_error) {
  if (key == NULL || value == NULL || strcmp(key, "zero_padding") != 0) {
    tell(report_error, "facesdk operators: unknown delegate option '%.64s'; the only one is zero_padding",
         key != NULL ? key : "(null)");
    return false;
  }
  if (strcmp(value, "optimized") == 0) {
    self->zero_padding = FACESDK_ZERO_PADDING_OPTIMIZED;
  } else if (strcmp(value, "reference") == 0) {
    self->zero_padding = FACESDK_ZERO_PADDING_REFERENCE;
  } else {
    tell(report_error, "facesdk operators: zero_padding must be 'optimized' or 'reference', but got '%.64s'", value);
    return false;
  }
  return true;
}

EXPORT void tflite_plugin_destroy_delegate(TfLiteDelegate *delegate);
EXPORT TfLiteDelegate *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                                                     error_callback report_error);

void tflite_plugin_destroy_delegate(TfLiteDelegate *delegate) {
  if (delegate != NULL) free(delegate->data_);
}

TfLiteDelegate *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                                              error_callback report_error) {
  plugin *self = calloc(1, sizeof *self);
  if (self == NULL) {
    tell(report_error, "facesdk operators: out of memory");
    return NULL;
  }
  self->delegate = (TfLiteDelegate){
      .data_ = self, .Prepare = delegate_prepare, .flags = kTfLiteDelegateFlagsAllowDynamicTensors};
  facesdk_error error;
  bool usable = facesdk_ops_default(&self->path, &error) == FACESDK_OK;
  if (!usable) tell(report_error, "facesdk operators: %s", error.message);
  for (size_t i = 0; i < count && usable; ++i) usable = read_plugin_option(self, keys[i], values[i], report_error);
  if (!usable) {
    free(self);
    return NULL;
  }
  return &self->delegate;
}
