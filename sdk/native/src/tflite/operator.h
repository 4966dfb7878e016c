/* An operator of ours as a TFLite node, and what operators share: checks of tensors and constants, custom options.
 * Each has a file; node.c has the table of them. */
#ifndef FACESDK_TFLITE_OPERATOR_H_
#define FACESDK_TFLITE_OPERATOR_H_

#include <stdbool.h>

#include "facesdk_ops.h"
#include "tflite/tfl_abi.h"

enum { OPERATOR_MAX_INPUTS = 5, SHAPE_MAX_RANK = 8 };

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

typedef struct op_node {
  const op_kind *kind;
  int node_index;
  int inputs[OPERATOR_MAX_INPUTS]; /* tensor indices; input 0 is computed, the others are constants */
  int residual;                    /* a computed tensor that is added to the result; -1 if there is none */
  int added_node;                  /* index of the ADD that became part of this operator; -1 if there is none */
  int output;
  int summand; /* the tensor that would be its result without that ADD; -1 if there is none */
  size_t input_bytes, output_bytes; /* set by op_prepare */
  union {
    facesdk_bconv2d_options bconv2d;
    facesdk_bmaxpool2d_options bmaxpool2d;
    facesdk_binary_conv2d_options binary_conv2d;
    struct {
      size_t rows, channels;
    } matrix; /* quantize, dequantize */
  } options;
  facesdk_bconv2d *bconv2d;
  facesdk_binary_conv2d *binary_conv2d;
} op_node;

/* Functions that an operator does not need are NULL, but for prepare and run. */
struct op_kind {
  const char *name; /* in model files */
  int input_count;
  unsigned input_types, output_types; /* masks of type_mask: of input 0 and the output */

  /* Fill `op` from a node. Types are checked between the two. */
  facesdk_status (*read_options)(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                 facesdk_error *error);
  facesdk_status (*read_constants)(op_node *op, const TfLiteContext *context, const TfLiteNode *node,
                                   facesdk_error *error);

  /* As op_prepare() and op_run() say. */
  facesdk_status (*prepare)(op_node *op, const facesdk_path *path, int32_t zero_padding, const TfLiteContext *context,
                            const tensor_shape *input, tensor_shape *output, facesdk_error *error);
  facesdk_status (*run)(op_node *op, const facesdk_path *path, const TfLiteContext *context, const void *input,
                        const void *residual, void *output, facesdk_error *error);
};

extern const op_kind quantize_kind, dequantize_kind, bmaxpool2d_kind, bconv2d_kind, binary_conv2d_kind,
    binary_dense_kind, add_kind;

/* Whether an ADD is one that we compute: two float32 tensors of one shape, without activation. */
bool op_can_add(const TfLiteContext *context, const TfLiteNode *node);

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
