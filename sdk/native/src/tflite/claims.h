/* Which nodes of a graph the delegate claims. */
#ifndef FACESDK_TFLITE_CLAIMS_H_
#define FACESDK_TFLITE_CLAIMS_H_

#include "tflite/tfl_abi.h"

/* Fills `claimed` (room for the whole plan) with the nodes that are ours, after checking each; reports what is wrong. */
TfLiteStatus claim_nodes(TfLiteContext *context, const TfLiteIntArray *plan, TfLiteIntArray *claimed);

#endif
