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
  return op_chain_kind(context, node, code);
}

bool op_is_add(const op_kind *kind) { return kind == &add_kind; }

bool op_is_convolution(const op_kind *kind) { return kind == &bconv2d_kind; }

bool op_is_chain(const op_kind *kind) { return kind->chains; }

/* Notes that a node became part of `op`, and the tensor between that is not written any more, or -1. */
static void note_fused(op_node *op, int node_index, int hidden) {
  op->fused[op->fused_count] = node_index;
  op->hidden[op->fused_count++] = hidden;
}

bool op_fuse_add(op_node *add, const op_node *convolution) {
  const bool goes = op_is_add(add->kind) && op_is_convolution(convolution->kind) && convolution->residual < 0 &&
                    convolution->options.bconv2d.output_type == FACESDK_FLOAT32 &&
                    (convolution->output == add->inputs[0]) != (convolution->output == add->residual);
  if (!goes) return false;
  const int residual = convolution->output == add->residual ? add->inputs[0] : add->residual, output = add->output;
  const int added_node = add->node_index;
  *add = *convolution;
  note_fused(add, added_node, convolution->output);
  add->residual = residual;
  add->output = output;
  return true;
}

static void append_step(op_chain *chain, facesdk_step step, int tensor) {
  chain->steps[chain->count] = step;
  chain->tensors[chain->count++] = tensor;
}

bool op_starts_chain(const op_node *op) {
  const facesdk_bconv2d_options *o = &op->options.bconv2d;
  return op_is_chain(op->kind) || (op_is_convolution(op->kind) && o->output_type == FACESDK_FLOAT32 && o->groups == 1);
}

static bool has_ended(const op_chain *chain) {
  return chain->count > 0 && chain->steps[chain->count - 1].kind == FACESDK_STEP_SIGNS;
}

bool op_fuse_chain(op_node *op, const op_node *next, bool keep) {
  op_chain *chain = &op->chain;
  const bool signs = next->kind == &quantize_kind;
  const size_t steps = signs ? 1 : next->chain.count, sides = (size_t)keep + (op->side >= 0) + (next->side >= 0);
  const bool alone = signs && chain->count == 0; /* signs of a convolution's result: as fast apart */
  if (!op_starts_chain(op) || alone || has_ended(chain) || !(signs || op_is_chain(next->kind)) || next->inputs[0] != op->output ||
      sides > 1 || chain->count + keep + steps > CHAIN_MAX_STEPS ||
      op->fused_count + 1 + next->fused_count > CHAIN_MAX_STEPS) {
    return false;
  }
  if (keep) {
    append_step(chain, (facesdk_step){.kind = FACESDK_STEP_STORE}, -1);
    op->side = op->output;
  }
  if (next->side >= 0) op->side = next->side;
  if (signs) append_step(chain, (facesdk_step){.kind = FACESDK_STEP_SIGNS}, -1);
  for (size_t i = 0; i < next->chain.count; ++i) append_step(chain, next->chain.steps[i], next->chain.tensors[i]);
  note_fused(op, next->node_index, keep ? -1 : op->output);
  for (size_t i = 0; i < next->fused_count; ++i) note_fused(op, next->fused[i], next->hidden[i]);
  op->output = next->output;
  return true;
}

const char *op_name(const op_node *op) { return op->kind->name; }

facesdk_status op_read(op_node *op, const op_kind *kind, TfLiteContext *context, int node_index, const TfLiteNode *node,
                       facesdk_error *error) {
  memset(op, 0, sizeof *op);
  op->kind = kind;
  op->node_index = node_index;
  op->residual = kTfLiteOptionalTensor;
  op->side = -1;
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
  if (status != FACESDK_OK) return status;
  op->values = *output;
  if (op->chain.count > 0) status = op_prepare_chain(&op->chain, context, &op->values, output, error);
  const TfLiteType type = op->chain.count > 0 ? kTfLiteFloat32 : tensor_of(context, op->output)->type;
  if (status == FACESDK_OK) {
    status = shape_bytes(input, tensor_of(context, op->inputs[0])->type, &op->input_bytes, error);
  }
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
