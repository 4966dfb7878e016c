#include "tflite/node.h"

#include <string.h>

#include "base/error.h"

static const op_kind *const kinds[] = {
    &quantize_kind, &dequantize_kind, &bmaxpool2d_kind, &bconv2d_kind, &binary_conv2d_kind, &binary_dense_kind,
};

const op_kind *op_kind_of(const TfLiteRegistration *registration) {
  if (registration->builtin_code == kTfLiteBuiltinAdd) return &add_kind;
  if (registration->builtin_code != kTfLiteBuiltinCustom || registration->custom_name == NULL) return NULL;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    if (strcmp(registration->custom_name, kinds[i]->name) == 0) return kinds[i];
  }
  return NULL;
}

bool op_is_add(const op_kind *kind) { return kind == &add_kind; }

bool op_is_convolution(const op_kind *kind) { return kind == &bconv2d_kind; }

bool op_fuse_add(op_node *add, const op_node *convolution) {
  const bool goes = op_is_add(add->kind) && op_is_convolution(convolution->kind) && convolution->residual < 0 &&
                    convolution->options.bconv2d.output_type == FACESDK_FLOAT32 &&
                    (convolution->output == add->inputs[0]) != (convolution->output == add->residual);
  if (!goes) return false;
  const int residual = convolution->output == add->residual ? add->inputs[0] : add->residual, output = add->output;
  const int added_node = add->node_index;
  *add = *convolution;
  add->added_node = added_node;
  add->summand = convolution->output;
  add->residual = residual;
  add->output = output;
  return true;
}

const char *op_name(const op_node *op) { return op->kind->name; }

facesdk_status op_read(op_node *op, const op_kind *kind, TfLiteContext *context, int node_index, const TfLiteNode *node,
                       facesdk_error *error) {
  memset(op, 0, sizeof *op);
  op->kind = kind;
  op->node_index = node_index;
  op->residual = kTfLiteOptionalTensor;
  op->added_node = -1;
  op->summand = -1;
  if (node->inputs == NULL || node->inputs->size != kind->input_count || node->outputs == NULL ||
      node->outputs->size != 1) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "expected %d inputs and 1 output, but got %d and %d",
                        kind->input_count, node->inputs ? node->inputs->size : 0,
                        node->outputs ? node->outputs->size : 0);
  }
  op->output = node->outputs->data[0];
  if (op->output < 0 || (size_t)op->output >= context->tensors_size) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "output is tensor %d, but the model has %zu", op->output,
                        context->tensors_size);
  }
  if (is_constant(tensor_of(context, op->output))) return invalid(error, "the output tensor must not be a constant");
  for (int i = 0; i < kind->input_count; ++i) {
    const int index = node->inputs->data[i];
    const bool left_out = i > 0 && index == kTfLiteOptionalTensor;
    if (!left_out && (index < 0 || (size_t)index >= context->tensors_size)) {
      return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "input %d is tensor %d, but the model has %zu", i, index,
                          context->tensors_size);
    }
    if (index == op->output) return invalid(error, "a tensor must not be both input and output");
    op->inputs[i] = index;
  }
  facesdk_status status = FACESDK_OK;
  if (kind->read_options != NULL) status = kind->read_options(op, context, node, error);
  if (status == FACESDK_OK) status = check_type(tensor_of(context, op->inputs[0]), "input", kind->input_types, error);
  if (status == FACESDK_OK) status = check_type(tensor_of(context, op->output), "output", kind->output_types, error);
  if (status == FACESDK_OK && kind->read_constants != NULL) status = kind->read_constants(op, context, node, error);
  return status;
}

facesdk_status op_prepare(op_node *op, const facesdk_path *path, int32_t zero_padding, TfLiteContext *context,
                          const tensor_shape *input, tensor_shape *output, facesdk_error *error) {
  facesdk_status status = op->kind->prepare(op, path, zero_padding, context, input, output, error);
  if (status == FACESDK_OK) {
    status = shape_bytes(input, tensor_of(context, op->inputs[0])->type, &op->input_bytes, error);
  }
  if (status == FACESDK_OK) {
    status = shape_bytes(output, tensor_of(context, op->output)->type, &op->output_bytes, error);
  }
  return status;
}

facesdk_status op_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const void *input,
                      const void *residual, void *output, facesdk_error *error) {
  return op->kind->run(op, path, context, input, residual, output, error);
}
