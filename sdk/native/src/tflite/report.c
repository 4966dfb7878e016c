#include "tflite/report.h"

TfLiteStatus report(TfLiteContext *context, const char *text) {
  context->ReportError(context, "facesdk operators: %s", text);
  return kTfLiteError;
}

TfLiteStatus report_operator(TfLiteContext *context, const op_node *op, const facesdk_error *error) {
  context->ReportError(context, "facesdk operators: %s (node %d): %s", op->kind->name, op->node_index, error->message);
  return kTfLiteError;
}
