/* Nodes of a graph that are ours: the table of operators, and what the delegate does with one. */
#ifndef FACESDK_TFLITE_NODE_H_
#define FACESDK_TFLITE_NODE_H_

#include "tflite/operator.h"

/* The kind of a node; NULL if it is not one of ours. Every ADD has a kind: see op_can_add(). */
const op_kind *op_kind_of(const TfLiteRegistration *registration);

bool op_is_add(const op_kind *kind);
bool op_is_convolution(const op_kind *kind); /* an LceBconv2d */

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

/* For example "LceBconv2d". */
const char *op_name(const op_node *op);

#endif
