/* An operator of ours as a TFLite node, and what operators share: checks of tensors and constants, custom options.
 * Each has a file; node.c has the table of them. */
#ifndef FACESDK_TFLITE_OPERATOR_H_
#define FACESDK_TFLITE_OPERATOR_H_

#include <stdbool.h>

#include "facesdk_ops.h"
#include "kernels/pointwise/pointwise.h"
#include "tflite/tfl_abi.h"

enum { OPERATOR_MAX_INPUTS = 5, SHAPE_MAX_RANK = 8, CHAIN_MAX_STEPS = 8 };

typedef struct tensor_shape {
  int rank; /* 1..SHAPE_MAX_RANK */
  int32_t dims[SHAPE_MAX_RANK];
} tensor_shape;

/* A set of tensor types. */
typedef enum type_mask {
  TYPE_FLOAT32 = 1 << kTfLiteFloat32,
  TYPE_INT32 = 1 << kTfLiteInt32,
  TYPE_BOOL = 1 << kTfLiteBool,
  TYPE_INT8 = 1 << kTfLiteInt8,
} type_mask;

typedef struct op_kind op_kind;

/* Pointwise steps of nodes that are one operator, or that follow a convolution. Where the last one does not write signs,
 * the result is stored. */
typedef struct op_chain {
  size_t count;
  facesdk_step steps[CHAIN_MAX_STEPS];
  int tensors[CHAIN_MAX_STEPS]; /* of the steps' constants */
  float *constants;             /* of all steps, for each channel; set by preparing */
} op_chain;

typedef struct op_node {
  const op_kind *kind;
  int node_index;
  int inputs[OPERATOR_MAX_INPUTS]; /* tensor indices; input 0 is computed, the others are constants */
  int residual;                    /* a computed tensor that is added to the result; -1 if there is none */
  int output;
  int side; /* a tensor of the values' shape that a chain writes on the way; -1 if there is none */
  size_t fused_count;
  int fused[CHAIN_MAX_STEPS];  /* indices of nodes that became part of this operator */
  int hidden[CHAIN_MAX_STEPS]; /* for each the tensor between, where nobody needs it any more; else -1 */
  tensor_shape values; /* of what a chain works on and a sum adds up, set by op_prepare */
  size_t input_bytes, values_bytes, output_bytes; /* set by op_prepare */
  union {
    facesdk_bconv2d_options bconv2d;
    facesdk_bmaxpool2d_options bmaxpool2d;
    facesdk_binary_conv2d_options binary_conv2d;
    struct {
      size_t rows, channels;
    } matrix; /* quantize, dequantize, pointwise */
  } options;
  op_chain chain;
  facesdk_bconv2d *bconv2d;
  facesdk_binary_conv2d *binary_conv2d;
} op_node;

/* What an operator reads and writes: `residual` and `side` have the values' size, and `residual` may be an output; NULL
 * where there is none. */
typedef struct op_memory {
  const void *input, *residual;
  void *output, *side;
} op_memory;

/* Functions that an operator does not need are NULL, but for prepare and run. */
struct op_kind {
  const char *name; /* in model files */
  int input_count;
  unsigned input_types, output_types; /* masks of type_mask: of input 0 and the output */
  bool chains;                        /* an operator of the runtime that is a pointwise step: */
  int32_t builtin_code;
  facesdk_step step;

  /* Fill `op` from a node. Types are checked between the two. */
  facesdk_status (*read_options)(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                 facesdk_error *error);
  facesdk_status (*read_constants)(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                   facesdk_error *error);

  /* As op_prepare() and op_run() say. */
  facesdk_status (*prepare)(op_node *op, const facesdk_path *path, int32_t zero_padding, const TfLiteContext *context,
                            const tensor_shape *input, tensor_shape *output, facesdk_error *error);
  facesdk_status (*run)(op_node *op, const facesdk_path *path, const TfLiteContext *context, const op_memory *memory,
                        facesdk_error *error);
};

extern const op_kind quantize_kind, dequantize_kind, bmaxpool2d_kind, bconv2d_kind, binary_conv2d_kind,
    binary_dense_kind, add_kind;

/* Whether an ADD is one that we compute: two float32 tensors of one shape, without activation. */
bool op_can_add(const TfLiteContext *context, const TfLiteNode *node);

/* The kind of a node with that builtin code if it is a chain of its own: float32, with constants by channel; else NULL. */
const op_kind *op_chain_kind(const TfLiteContext *context, const TfLiteNode *node, int32_t builtin_code);

/* Spreads the constants of a chain over the channels of `values`, and makes `output` the shape of its result. */
facesdk_status op_prepare_chain(op_chain *chain, const TfLiteContext *context, const tensor_shape *values,
                                tensor_shape *output, facesdk_error *error);

/* Whether a step of a chain writes the values. */
bool op_chain_stores(const op_chain *chain);

/* The steps of a chain with what they write, and their number; room for CHAIN_MAX_STEPS + 1. */
size_t op_chain_steps(const op_chain *chain, const op_memory *memory, facesdk_step *steps);

/* Whether the constant tensor has one number for each of `channels`, or one for all. */
bool is_by_channel(const TfLiteTensor *tensor, int rank, int32_t channels);

/* Releases what preparing made. */
void op_release(op_node *op);

/* ---- tensors ---- */

static inline const TfLiteTensor *tensor_of(const TfLiteContext *context, int index) {
  return &context->tensors[index];
}

bool is_constant(const TfLiteTensor *tensor);

/* Its data; NULL if the input is left out. */
const void *constant_data(const TfLiteContext *context, int index);

/* A constant of exactly `count` elements of 4 bytes; `what` names it in messages. */
facesdk_status check_constant(const TfLiteContext *context, int index, const char *what, TfLiteType type, size_t count,
                              facesdk_error *error);

/* Its type is in the mask `types`. */
facesdk_status check_type(const TfLiteTensor *tensor, const char *what, unsigned types, facesdk_error *error);

facesdk_type kernel_type(TfLiteType type);

/* Copies a tensor's dimensions; false if the rank is out of range or a dimension negative. */
bool shape_from_dims(tensor_shape *shape, const TfLiteIntArray *dims);

bool shapes_equal(const tensor_shape *a, const tensor_shape *b);

/* Bytes of a tensor of that shape and type. */
facesdk_status shape_bytes(const tensor_shape *shape, TfLiteType type, size_t *bytes, facesdk_error *error);

/* Rows of a tensor whose last dimension is taken for columns. */
facesdk_status shape_rows(const tensor_shape *shape, size_t *rows, facesdk_error *error);

facesdk_status check_rank_4(const tensor_shape *input, facesdk_error *error);

/* The shape of input `index`, which must be a filter of `rank` dimensions, and then that it is a constant of that
 * shape. */
facesdk_status read_filter_shape(const TfLiteContext *context, int index, int rank, tensor_shape *filter,
                                 facesdk_error *error);
facesdk_status check_filter(const TfLiteContext *context, int index, const tensor_shape *filter, facesdk_error *error);

/* ---- custom options ---- */

typedef struct option {
  const char *key;
  int32_t *value;
} option;

/* All of them must be there and fit. */
facesdk_status read_options(const TfLiteNode *node, const option *options, size_t count, facesdk_error *error);

/* Fails with a fixed text. */
facesdk_status invalid(facesdk_error *error, const char *message);

#endif
