/* Nodes of a graph that are ours: the table of operators, and what the delegate does with one. */
#ifndef FACESDK_TFLITE_NODE_H_
#define FACESDK_TFLITE_NODE_H_

#include "tflite/operator.h"

/* The kind of a node; NULL if it is not one of ours. Operators of the runtime have a kind if we can compute them. */
const op_kind *op_kind_of(const TfLiteContext *context, const TfLiteNode *node, const TfLiteRegistration *registration);

/* Whether it reads a tensor that is computed. */
bool op_reads(const op_node *op, int index);

/* Fills `op` from a node: checks indices, types, constants and custom options. */
facesdk_status op_read(op_node *op, const op_kind *kind, TfLiteContext *context, int node_index, const TfLiteNode *node,
                       facesdk_error *error);

/* Fits `op` to an input shape and infers the output shape. May be called again. */
facesdk_status op_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, TfLiteContext *context,
                          const tensor_shape *input, tensor_shape *output, facesdk_error *error);

/* Runs it on memory of input_bytes and output_bytes. */
facesdk_status op_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const op_memory *memory,
                      facesdk_error *error);

/* For example "LceBconv2d". */
const char *op_name(const op_node *op);

#endif
