/* What is wrong with a model, in one line through the runtime. */
#ifndef FACESDK_TFLITE_REPORT_H_
#define FACESDK_TFLITE_REPORT_H_

#include "tflite/operator.h"

/* Both return kTfLiteError. */
TfLiteStatus report(TfLiteContext *context, const char *text);
TfLiteStatus report_operator(TfLiteContext *context, const op_node *op, const facesdk_error *error);

#endif
