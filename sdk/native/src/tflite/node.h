/* The four LCE operators, the addition behind a convolution, and the two operators of 1-bit weights as TFLite nodes: reading
 * options, checking tensors, inferring shapes, running kernels. */
#ifndef FACESDK_TFLITE_NODE_H_
#define FACESDK_TFLITE_NODE_H_

#include "facesdk_ops.h"
#include "tflite/tfl_abi.h"

enum { OPERATOR_MAX_INPUTS = 5, SHAPE_MAX_RANK = 8 };

typedef struct tensor_shape {
  int rank; /* 1..SHAPE_MAX_RANK */
  int32_t dims[SHAPE_MAX_RANK];
} tensor_shape;

typedef struct op_kind op_kind;

typedef struct op_node {
  const op_kind *kind;
  int node_index;
  int inputs[OPERATOR_MAX_INPUTS]; /* tensor indices; input 0 is computed, the others are constants */
  int residual;                    /* a computed tensor that is added to the result; -1 if there is none */
  int added_node;                  /* index of the ADD that became part of this operator; -1 if there is none */
  int output;
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

/* The kind of a node; NULL if it is not one of ours. Every ADD has a kind: see op_can_add(). */
const op_kind *op_kind_of(const TfLiteRegistration *registration);

bool op_is_add(const op_kind *kind);
bool op_is_convolution(const op_kind *kind); /* an LceBconv2d */

/* Whether an ADD is one that we compute: two float32 tensors of one shape, without activation. */
bool op_can_add(const TfLiteContext *context, const TfLiteNode *node);

/* Makes an ADD and the convolution that computes one of its inputs into one operator: `add` becomes it. False if they do
 * not go together. */
bool op_fuse_add(op_node *add, const op_node *convolution);

/* Fills `op` from a node: checks indices, types, constants and custom options. */
facesdk_status op_read(op_node *op, const op_kind *kind, TfLiteContext *context, int node_index, const TfLiteNode *node,
                       facesdk_error *error);

/* Fits `op` to an input shape and infers the output shape. May be called again. */
facesdk_status op_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, TfLiteContext *context,
                          const tensor_shape *input, tensor_shape *output, facesdk_error *error);

/* Runs it on input_bytes and output_bytes of memory; `residual` has output_bytes and may be the output, NULL if there is
 * none. */
facesdk_status op_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const void *input,
                      const void *residual, void *output, facesdk_error *error);

/* Releases what op_prepare made. */
void op_release(op_node *op);

/* For example "LceBconv2d". */
const char *op_name(const op_node *op);

/* Copies a tensor's dimensions; false if the rank is out of range or a dimension negative. */
bool shape_from_dims(tensor_shape *shape, const TfLiteIntArray *dims);

bool shapes_equal(const tensor_shape *a, const tensor_shape *b);

#endif
