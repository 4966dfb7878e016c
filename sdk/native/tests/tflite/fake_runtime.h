/* A TFLite runtime reduced to what a delegate sees: one graph, one partition of all claimed nodes. */
#ifndef FACESDK_TESTS_TFLITE_FAKE_RUNTIME_H_
#define FACESDK_TESTS_TFLITE_FAKE_RUNTIME_H_

#include "tflite/tfl_abi.h"

enum { FAKE_MAX_TENSORS = 64, FAKE_MAX_NODES = 24, FAKE_MAX_RANK = 5, FAKE_MAX_INPUTS = 6 };
enum { FAKE_MAX_PARAMS = 5, FAKE_MAX_NUMBERS = 8 };

typedef struct fake_tensor {
  TfLiteType type;
  int rank;
  int dims[FAKE_MAX_RANK];
  TfLiteQuantizationParams params;
  bool constant;
  size_t data_bytes; /* of a constant: what the file holds, whatever the shape says */
  int number_count;  /* 0: it holds a pattern */
  int32_t numbers[FAKE_MAX_NUMBERS];
  bool leaves;       /* something outside of the partition reads it */
} fake_tensor;

typedef struct fake_node {
  const char *name;     /* of a custom operator; NULL: one of the runtime, with this code, 0 for an ADD */
  int32_t builtin_code;
  union {
    int activation; /* of an ADD or a MUL */
    int params[FAKE_MAX_PARAMS];
  };
  bool no_builtin_data;
  int input_count, inputs[FAKE_MAX_INPUTS];
  int output_count, outputs[1];
  uint8_t options[256];
  int options_size;
} fake_node;

typedef struct fake_graph {
  int tensor_count, node_count;
  fake_tensor tensors[FAKE_MAX_TENSORS];
  fake_node nodes[FAKE_MAX_NODES];
  struct {
    int tensor, dim, size;
  } resized; /* before the second allocate_tensors(), unless size is 0 */
} fake_graph;

typedef enum fake_outcome { FAKE_CLAIM_REFUSED, FAKE_PREPARE_REFUSED, FAKE_INVOKE_REFUSED, FAKE_RAN } fake_outcome;

/* A tensor of `rank` dimensions that holds as much as they say. */
fake_tensor fake_tensor_of(TfLiteType type, int rank, const int *dims, bool constant);

/* A valid graph
 *   image (0) -> LceQuantize -> bits (1) -> LceBconv2d -> bits (2) -> LceBMaxPool2d -> bits (3) -> node 3 -> result (4)
 * with the constants 5 filter of node 1, 6 multiplier, 7 bias, 8 thresholds, 9 filter of node 3. Bits of `variant`:
 * 1 40 instead of 64 channels, 2 int8 instead of float32, 4 node 3 is LceDequantize instead of LceBconv2d, 8 zero
 * padding. */
fake_graph fake_graph_valid(unsigned variant);

/* Called after a run: the runtime's tensors, and whether each node was claimed. Tensors that do not leave the partition
 * hold what they held before. */
typedef void (*fake_inspector)(const fake_graph *graph, const TfLiteContext *context, const bool *claimed);

/* Loads the graph, applies the delegate, prepares twice, and runs once. Data is exact-size heap memory filled with a
 * pattern, which must be unchanged afterwards where no claimed node writes. Every refusal must come with one reported
 * line, which is left in *message (512 bytes). `inspect` may be NULL. */
fake_outcome fake_runtime_run(const fake_graph *graph, fake_inspector inspect, char *message);

#endif
