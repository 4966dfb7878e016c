#include "tflite/node.h"

#include <string.h>

#include "base/error.h"

static const op_kind *const kinds[] = {
    &quantize_kind, &dequantize_kind, &bmaxpool2d_kind, &bconv2d_kind, &binary_conv2d_kind, &binary_dense_kind,
};

static const op_kind *custom_kind(const char *name) {
  for (size_t i = 0; name != NULL && i < sizeof kinds / sizeof kinds[0]; ++i) {
    if (strcmp(name, kinds[i]->name) == 0) return kinds[i];
  }
  return NULL;
}

const op_kind *op_kind_of(const TfLiteContext *context, const TfLiteNode *node, const TfLiteRegistration *registration) {
  const int32_t code = registration->builtin_code;
  if (code == kTfLiteBuiltinCustom) return custom_kind(registration->custom_name);
  if (code == kTfLiteBuiltinAdd && op_can_add(context, node)) return &add_kind;
  const op_kind *columns = op_columns_kind(context, node, code);
  return columns != NULL ? columns : op_chain_kind(context, node, code);
}

bool op_reads(const op_node *op, int index) {
  for (size_t i = 0; i < op->computed; ++i) {
    if (op->inputs[i] == index) return true;
  }
  return op->residual == index;
}

const char *op_name(const op_node *op) { return op->kind->name; }

facesdk_status op_read(op_node *op, const op_kind *kind, TfLiteContext *context, int node_index, const TfLiteNode *node,
                       facesdk_error *error) {
  memset(op, 0, sizeof *op);
  op->kind = kind;
  op->node_index = node_index;
  op->residual = kTfLiteOptionalTensor;
  op->side = -1;
  const int count = node->inputs != NULL ? node->inputs->size : 0;
  const bool any = kind->input_count == 0 && count >= 2 && count <= OPERATOR_MAX_INPUTS;
  if ((!any && count != kind->input_count) || count == 0 || node->outputs == NULL || node->outputs->size != 1) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "expected %d inputs and 1 output, but got %d and %d",
                        kind->input_count, count, node->outputs ? node->outputs->size : 0);
  }
  op->computed = any ? (size_t)count : 1;
  op->output = node->outputs->data[0];
  if (op->output < 0 || (size_t)op->output >= context->tensors_size) {
    return facesdk_fail(error, FACESDK_INVALID_ARGUMENT, "output is tensor %d, but the model has %zu", op->output,
                        context->tensors_size);
  }
  if (is_constant(tensor_of(context, op->output))) return invalid(error, "the output tensor must not be a constant");
  for (int i = 0; i < count; ++i) {
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
  if (status != FACESDK_OK) return status;
  op->values = *output;
  if (op->chain.count > 0) status = op_prepare_chain(&op->chain, context, &op->values, output, error);
  if (op->padded && !op_add_channels(output, (int64_t)op->margins.before + op->margins.after)) {
    return invalid(error, "there are too many channels");
  }
  const TfLiteType type = op->chain.count > 0 ? kTfLiteFloat32 : tensor_of(context, op->output)->type;
  if (status == FACESDK_OK) status = shape_bytes(&op->values, type, &op->values_bytes, error);
  if (status == FACESDK_OK) {
    status = shape_bytes(output, tensor_of(context, op->output)->type, &op->output_bytes, error);
  }
  return status;
}

facesdk_status op_run(op_node *op, const facesdk_path *path, TfLiteContext *context, const op_memory *memory,
                      facesdk_error *error) {
  return op->kind->run(op, path, context, memory, error);
}
