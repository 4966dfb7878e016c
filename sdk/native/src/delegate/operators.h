/* The four LCE operators as TFLite nodes: reading options, checking tensors, inferring shapes, running kernels. */
#ifndef FACESDK_DELEGATE_OPERATORS_H_
#define FACESDK_DELEGATE_OPERATORS_H_

#include "facesdk_ops.h"
#include "tfl_abi.h"

enum { OPERATOR_MAX_INPUTS = 5, SHAPE_MAX_RANK = 8 };

typedef struct tensor_shape {
  int rank; /* 1..SHAPE_MAX_RANK */
  int32_t dims[SHAPE_MAX_RANK];
} tensor_shape;

typedef struct op_kind op_kind;

typedef struct op_node {
  const op_kind *kind;
  int node_index;
  int inputs[OPERATOR_MAX_INPUTS]; /* tensor indices; input 0 is the only one that is computed */
  int output;
  size_t input_bytes, output_bytes; /* set by op_prepare */
  union {
    facesdk_bconv2d_options bconv2d;
    facesdk_bmaxpool2d_options bmaxpool2d;
    struct {
      size_t rows, channels;
    } matrix; /* quantize, dequantize */
  } options;
  facesdk_bconv2d *bconv2d;
} op_node;

/* The kind of a custom operator's name; NULL if it is not one of ours. */
const op_kind *op_kind_of(const char *custom_name);

/* Fills `op` from a node: checks indices, types, constants and custom options. */
facesdk_status op_read(op_node *op, const op_kind *kind, TfLiteContext *context, int node_index, const TfLiteNode *node,
                       facesdk_error *error);

/* Fits `op` to an input shape and infers the output shape. May be called again. */
facesdk_status op_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, TfLiteContext *context,
                          const tensor_shape *input, tensor_shape *output, facesdk_error *error);

/* Runs it on input_bytes and output_bytes of memory. */
facesdk_status op_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const void *input, void *output,
                      facesdk_error *error);

/* Releases what op_prepare made. */
void op_release(op_node *op);

/* For example "LceBconv2d". */
const char *op_name(const op_node *op);

/* Copies a tensor's dimensions; false if the rank is out of range or a dimension negative. */
bool shape_from_dims(tensor_shape *shape, const TfLiteIntArray *dims);

#endif
