/* The oracle of tests of the delegate: the nodes of a graph of residual_graph.h, computed one by one. */
#ifndef FACESDK_TESTS_TFLITE_ONE_BY_ONE_H_
#define FACESDK_TESTS_TFLITE_ONE_BY_ONE_H_

#include "tflite/fake_runtime.h"

/* Whether nodes are being computed one by one: what --wrap sends to a test is not the delegate's then. */
extern bool one_by_one_runs;

typedef struct comparison {
  int nodes, outputs; /* claimed, and compared */
} comparison;

/* Compares what leaves the partition with what its nodes give one by one. What a node that was left to the runtime writes
 * is given. */
comparison compare_one_by_one(const fake_graph *graph, const TfLiteContext *context, const bool *claimed);

#endif
