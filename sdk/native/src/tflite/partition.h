/* A set of nodes that the runtime runs as one, as an operator of its own.
 *
 * Tensors between two nodes of the set get no memory from the runtime, so the set owns it. Its life is that of an operator
 * of the runtime: partition.c. What becomes one operator says fusion.c, and where results lie places.c. */
#ifndef FACESDK_TFLITE_PARTITION_H_
#define FACESDK_TFLITE_PARTITION_H_

#include "tflite/buffers.h"
#include "tflite/operator.h"

enum { MAIN = 0, SIDE = 1, RESULTS = 2 }; /* what an operator writes */

typedef struct plugin {
  TfLiteDelegate delegate; /* first: the runtime sees a pointer to it */
  const facesdk_path *path;
  int32_t zero_padding; /* facesdk_zero_padding */
} plugin;

/* A tensor that an operator writes. */
typedef struct result {
  int index;   /* -1: there is none */
  bool leaves; /* the runtime has its memory */
  bool written; /* by an operator already prepared */
  tensor_shape shape;
  size_t bytes;
  size_t last_use; /* the operator that reads it last; its own if none does */

  /* The wider result in whose columns from first_channel on it lies; NULL if it has memory of its own. Nothing may read
   * these columns as this result after operator `overwritten`. */
  struct result *host;
  int32_t first_channel;
  size_t overwritten;

  /* Of memory of its own: the operators that write first and read last in it, and its buffer unless it leaves. */
  size_t first_write, release, buffer;
} result;

/* Where an operator finds a tensor: `offset` floats after the start of a tensor of the runtime, or of a buffer. */
typedef struct operand {
  bool exists;
  int tensor; /* -1: it is in a buffer */
  size_t buffer, bytes; /* of the whole */
  size_t offset, stride;
} operand;

typedef struct operands {
  operand inputs[OPERATOR_MAX_INPUTS], residual, output, side;
} operands;

typedef struct partition {
  const plugin *plugin;
  uint32_t number; /* for profiles */
  size_t op_count;
  op_node *ops;
  result (*results)[RESULTS]; /* of each operator */
  operands *operands;         /* of each operator */
  buffers buffers;
} partition;

/* The result that is a tensor; NULL if no operator of the partition writes it. */
result *partition_result(const partition *self, int index);

/* Makes operators of several nodes, in fusion.c. */
void partition_fuse(partition *self, const TfLiteContext *context);

/* Finds a place for all results, after all operators are prepared, in places.c. */
void partition_place(partition *self);

/* The registration of the runtime's operator. */
extern const TfLiteRegistration partition_registration;

#endif
